//! Whom to trust, and which way to go.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};

use crate::http::{Proxies, Proxy};
use crate::{SetupError, roots};

/// What an adapter needs to reach the network: trusted roots, a timeout, and proxies.
#[derive(Clone, Debug)]
pub struct Network {
    connect_timeout: Duration,
    trusted: Vec<CertificateDer<'static>>,
    /// `None`: what the environment says.
    proxies: Option<Proxies>,
}

impl Network {
    /// Trusts the roots that Mozilla trusts (crate webpki-roots) and those that the environment names, gives a
    /// connection 10 s to be made, and goes by the proxies that the environment names: `HTTPS_PROXY`, `HTTP_PROXY`,
    /// `ALL_PROXY` and `NO_PROXY`, as curl understands them; a WebSocket is a request by `https:` or `http:` for them.
    ///
    /// `SSL_CERT_FILE` names a PEM file, `SSL_CERT_DIR` folders in which OpenSSL's `c_rehash` has named such files;
    /// other files in them are passed over. What cannot be used in a folder is passed over too, with a warning in the
    /// log; a file that cannot be read, or holds no usable certificate, keeps a driver from starting.
    #[must_use]
    pub fn new() -> Self {
        Self { connect_timeout: CONNECT_TIMEOUT, trusted: Vec::new(), proxies: None }
    }

    /// Trusts the certificates of a PEM file as well.
    ///
    /// # Errors
    ///
    /// [`SetupError::Certificates`] if the file cannot be read, is not PEM, or holds no usable certificate.
    pub fn trust_pem_file(mut self, path: impl AsRef<Path>) -> Result<Self, SetupError> {
        self.trusted.extend(roots::read_all(path.as_ref())?);
        Ok(self)
    }

    /// How long a WebSocket may take to open: name lookup, TCP, TLS and the WebSocket handshake together.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Goes by this proxy, whatever the environment says: `http://user:password@host:port`, of which scheme, user and
    /// port may be missing. `https://` and WebSockets go through it by CONNECT (RFC 9110, section 9.3.6).
    ///
    /// Voice's datagrams cannot: UDP leads to the voice server directly, as the system routes it.
    ///
    /// # Errors
    ///
    /// [`SetupError::Proxy`] if it is the URL of no HTTP proxy: of a socks one, say.
    pub fn proxy(mut self, url: &str) -> Result<Self, SetupError> {
        let proxy = Proxy::parse(url);
        if proxy.target().is_none() {
            return Err(SetupError::Proxy { url: format!("{proxy:?}") });
        }
        self.proxies = Some(Proxies::all(url));
        Ok(self)
    }

    /// Goes by no proxy, whatever the environment says.
    #[must_use]
    pub fn no_proxy(mut self) -> Self {
        self.proxies = Some(Proxies::default());
        self
    }

    /// Which requests and WebSockets go by which proxy. Looks at the environment unless it was told.
    #[must_use]
    pub fn proxies(&self) -> Proxies {
        self.proxies.clone().unwrap_or_else(Proxies::from_env)
    }

    /// How long a WebSocket may take to open.
    #[must_use]
    pub const fn connect_limit(&self) -> Duration {
        self.connect_timeout
    }

    /// The certificates that are trusted besides Mozilla's. Reads those that the environment names.
    ///
    /// # Errors
    ///
    /// [`SetupError::Certificates`] if `SSL_CERT_FILE` cannot be read, or holds no usable certificate.
    pub fn trusted(&self) -> Result<Vec<CertificateDer<'static>>, SetupError> {
        let mut trusted = self.trusted.clone();
        trusted.extend(roots::from_env()?);
        Ok(trusted)
    }

    /// The TLS configuration that all connections use: ring, HTTP/1.1.
    ///
    /// # Errors
    ///
    /// As with [`trusted`](Self::trusted); [`SetupError::Tls`] if rustls refuses, which it has no reason to.
    pub fn client_config(&self) -> Result<ClientConfig, SetupError> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        roots.add_parsable_certificates(self.trusted()?);
        let mut config =
            ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
                .with_safe_default_protocol_versions()
                .map_err(|error| SetupError::Tls { reason: error.to_string() })?
                .with_root_certificates(roots)
                .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }
}

impl Default for Network {
    fn default() -> Self {
        Self::new()
    }
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
