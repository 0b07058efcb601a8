//! Whom to trust, and TLS over a socket that may or may not block.

use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use crate::SetupError;

/// What an adapter needs to reach the network: trusted roots and a timeout.
#[derive(Clone, Debug)]
pub struct Network {
    pub(crate) connect_timeout: Duration,
    pub(crate) trusted: Vec<CertificateDer<'static>>,
}

impl Network {
    /// Trusts the roots that Mozilla trusts (crate webpki-roots), and gives a connection 10 s to be made.
    #[must_use]
    pub fn new() -> Self {
        Self { connect_timeout: CONNECT_TIMEOUT, trusted: Vec::new() }
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

    pub(crate) fn client_config(&self) -> Result<ClientConfig, SetupError> {
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

/// Says for a human why TLS with `host` failed.
pub(crate) fn explain(host: &str, error: &(dyn Error + 'static)) -> String {
    match rustls_error(error) {
        Some(error @ rustls::Error::InvalidCertificate(_)) => format!(
            "the certificate of {host} is not trusted ({error}); a root of one's own can be added, \
             see SSL_CERT_FILE and Network::trust_pem_file"
        ),
        _ if is_cut(error) => format!("TLS with {host} failed: {CUT}"),
        _ => format!("TLS with {host} failed: {error}"),
    }
}

/// Whether the peer has gone without a word, with or without TLS.
pub(crate) fn is_cut(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        let io = error.downcast_ref::<io::Error>();
        if io.is_some_and(|error| {
            matches!(
                error.kind(),
                ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof
            )
        }) {
            return true;
        }
        next = error.source();
    }
    false
}

/// What rustls says, if it is behind this error. IO errors do not count what they wrap as their source.
pub(crate) fn rustls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = match error.downcast_ref::<io::Error>() {
            Some(error) => error.get_ref().map(|inner| inner as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    None
}

/// A TCP connection, with TLS where the URL asked for it.
#[derive(Debug)]
pub(crate) enum Stream<S> {
    Plain(S),
    Tls(Box<ClientConnection>, S),
}

impl<S: Read + Write> Stream<S> {
    /// Makes the TLS handshake on a socket that blocks.
    pub(crate) fn handshake(config: Arc<ClientConfig>, host: &str, mut socket: S) -> Result<Self, String> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| format!("TLS with {host} is not possible: it is not a host name"))?;
        let mut tls = ClientConnection::new(config, name)
            .map_err(|error| format!("TLS with {host} is not possible: {error}"))?;
        while tls.is_handshaking() {
            tls.complete_io(&mut socket).map_err(|error| explain(host, &error))?;
        }
        Ok(Self::Tls(Box::new(tls), socket))
    }

    pub(crate) fn socket(&mut self) -> &mut S {
        match self {
            Self::Plain(socket) | Self::Tls(_, socket) => socket,
        }
    }
}

// Not `rustls::StreamOwned`: its reads wait for its writes, so a peer that reads only after having been read would
// block both.
impl<S: Read + Write> Read for Stream<S> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let (tls, socket) = match self {
            Self::Plain(socket) => return socket.read(buf),
            Self::Tls(tls, socket) => (tls, socket),
        };
        loop {
            match tls.reader().read(buf) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                done => return done,
            }
            match send(tls, socket) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                sent => sent?,
            }
            tls.read_tls(socket)?;
            tls.process_new_packets().map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        }
    }
}

impl<S: Read + Write> Write for Stream<S> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.write(buf),
            Self::Tls(tls, socket) => {
                let taken = tls.writer().write(buf)?;
                match send(tls, socket) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock && taken > 0 => Ok(taken),
                    Err(error) => Err(error),
                    // The TLS buffer was full and has been emptied.
                    Ok(()) if taken == 0 => tls.writer().write(buf),
                    Ok(()) => Ok(taken),
                }
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.flush(),
            Self::Tls(tls, socket) => send(tls, socket),
        }
    }
}

fn send(tls: &mut ClientConnection, socket: &mut impl Write) -> io::Result<()> {
    while tls.wants_write() {
        tls.write_tls(socket)?;
    }
    Ok(())
}

/// What happened to a connection that [`is_cut`].
pub(crate) const CUT: &str = "the peer cut the connection";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
