//! Whom to trust, and which way to go.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::SetupError;
use crate::http::{Proxies, Proxy};

/// What an adapter needs to reach the network: trusted roots, a timeout, and proxies for HTTP requests.
#[derive(Clone, Debug)]
pub struct Network {
    connect_timeout: Duration,
    trusted: Vec<CertificateDer<'static>>,
    /// `None`: what the environment says.
    proxies: Option<Proxies>,
}

impl Network {
    /// Trusts the roots that Mozilla trusts (crate webpki-roots), gives a connection 10 s to be made, and sends HTTP
    /// requests by the proxies that the environment names: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`.
    #[must_use]
    pub fn new() -> Self {
        Self { connect_timeout: CONNECT_TIMEOUT, trusted: Vec::new(), proxies: None }
    }

    /// Trusts the certificates of a PEM file as well, for instance of the one that `SSL_CERT_FILE` names.
    ///
    /// # Errors
    ///
    /// [`SetupError::Certificates`] if the file cannot be read, is not PEM, or holds no usable certificate.
    pub fn trust_pem_file(mut self, path: impl AsRef<Path>) -> Result<Self, SetupError> {
        let path = path.as_ref();
        let fail = |reason: String| SetupError::Certificates { path: path.to_owned(), reason };
        let pem = std::fs::read(path).map_err(|error| fail(error.to_string()))?;
        let found: Vec<_> = CertificateDer::pem_slice_iter(&pem)
            .collect::<Result<_, _>>()
            .map_err(|error| fail(format!("it is not valid PEM: {error}")))?;
        if found.is_empty() {
            return Err(fail("there is no certificate in it".to_owned()));
        }
        for certificate in found {
            RootCertStore::empty()
                .add(certificate.clone())
                .map_err(|error| fail(format!("a certificate in it cannot be used: {error}")))?;
            self.trusted.push(certificate);
        }
        Ok(self)
    }

    /// How long a WebSocket may take to open: name lookup, TCP, TLS and the WebSocket handshake together.
    #[must_use]
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Sends all HTTP requests by this proxy, whatever the environment says: `http://user:password@host:port`, of which
    /// scheme, user and port may be missing. `https://` goes through it by CONNECT (RFC 9110, section 9.3.6).
    /// WebSockets do not use it.
    ///
    /// # Errors
    ///
    /// [`SetupError::Proxy`] if it is the URL of no HTTP proxy.
    pub fn proxy(mut self, url: &str) -> Result<Self, SetupError> {
        let proxy = Proxy::parse(url);
        if proxy.target().is_none() {
            return Err(SetupError::Proxy { url: format!("{proxy:?}") });
        }
        self.proxies = Some(Proxies::all(url));
        Ok(self)
    }

    /// Sends HTTP requests by no proxy, whatever the environment says.
    #[must_use]
    pub fn no_proxy(mut self) -> Self {
        self.proxies = Some(Proxies::default());
        self
    }

    /// Which HTTP requests go by which proxy. Looks at the environment unless it was told.
    #[must_use]
    pub fn proxies(&self) -> Proxies {
        self.proxies.clone().unwrap_or_else(Proxies::from_env)
    }

    /// How long a WebSocket may take to open.
    #[must_use]
    pub const fn connect_limit(&self) -> Duration {
        self.connect_timeout
    }

    /// The certificates that are trusted besides Mozilla's.
    #[must_use]
    pub fn trusted(&self) -> &[CertificateDer<'static>] {
        &self.trusted
    }

    /// The TLS configuration that all connections use: ring, HTTP/1.1.
    ///
    /// # Errors
    ///
    /// [`SetupError::Tls`] if rustls refuses, which it has no reason to.
    pub fn client_config(&self) -> Result<ClientConfig, SetupError> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        roots.add_parsable_certificates(self.trusted.iter().cloned());
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
