//! Why a connection failed, for a human.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::iter::successors;

/// What happened to a connection that [`is_cut`].
pub const CUT: &str = "the peer cut the connection";

/// Says for a human why TLS with `host` failed.
#[must_use]
pub fn explain(host: &str, error: &(dyn Error + 'static)) -> String {
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
#[must_use]
pub fn is_cut(error: &(dyn Error + 'static)) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    causes(error)
        .filter_map(|error| error.downcast_ref::<io::Error>())
        .any(|error| matches!(error.kind(), BrokenPipe | ConnectionReset | UnexpectedEof))
}

/// What rustls says, if it is behind this error.
#[must_use]
pub fn rustls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    causes(error).find_map(|error| error.downcast_ref())
}

/// The error and what is behind it. IO errors do not count what they wrap as their source.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    successors(Some(error), |&error| match error.downcast_ref::<io::Error>() {
        Some(error) => error.get_ref().map(|inner| inner as &(dyn Error + 'static)),
        None => error.source(),
    })
}
