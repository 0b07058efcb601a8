//! Why a connection failed, for a human, and whether another try may go better.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::iter::successors;

use rustls::{AlertDescription, CertificateError};

/// What happened to a connection that [`is_cut`].
pub const CUT: &str = "the peer cut the connection";

/// Why there is no connection.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{reason}")]
pub struct Unreached {
    /// Whom it was to lead to, what went wrong, and what can be done: for a human.
    pub reason: String,
    /// Whether another try would fail the same way.
    pub is_final: bool,
}

impl From<String> for Unreached {
    /// Another try may go better.
    fn from(reason: String) -> Self {
        Self { reason, is_final: false }
    }
}

/// Says for a human why TLS with `host` failed.
#[must_use]
pub fn explain(host: &str, error: &(dyn Error + 'static)) -> Unreached {
    let Some(error) = rustls_error(error) else {
        let what = if is_cut(error) { CUT.to_owned() } else { error.to_string() };
        return format!("TLS with {host} failed: {what}").into();
    };
    match refusal(host, error) {
        Some(reason) => Unreached { reason, is_final: true },
        None => format!("TLS with {host} failed: {error}").into(),
    }
}

/// What rustls says, if it is behind this error.
#[must_use]
pub fn rustls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    causes(error).find_map(|error| error.downcast_ref())
}

/// Why there is no connection, if an adapter's own words are behind this error.
#[must_use]
pub fn unreached<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a Unreached> {
    causes(error).find_map(|error| error.downcast_ref())
}

/// Whether the peer has gone without a word, with or without TLS.
#[must_use]
pub fn is_cut(error: &(dyn Error + 'static)) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    causes(error)
        .filter_map(|error| error.downcast_ref::<io::Error>())
        .any(|error| matches!(error.kind(), BrokenPipe | ConnectionReset | UnexpectedEof))
}

/// What every further handshake would fail by; `None` if one may succeed.
fn refusal(host: &str, error: &rustls::Error) -> Option<String> {
    use AlertDescription::{BadRecordMac, CloseNotify, InternalError, RecordOverflow, UserCanceled};
    match error {
        rustls::Error::InvalidCertificate(error) => {
            Some(format!("the certificate of {host} is not trusted: {}", distrust(error)))
        }
        rustls::Error::NoCertificatesPresented => {
            Some(format!("{host} showed no certificate: nobody can tell who it is"))
        }
        rustls::Error::PeerIncompatible(why) => Some(format!(
            "{host} has no TLS in common with us ({why:?}): it, or what answers in its place, has to offer TLS 1.2 or 1.3"
        )),
        // What a damaged connection or a busy server brings.
        rustls::Error::AlertReceived(
            BadRecordMac | CloseNotify | InternalError | RecordOverflow | UserCanceled,
        ) => None,
        rustls::Error::AlertReceived(alert) => Some(format!(
            "{host} refused the TLS handshake ({alert:?}): see whether the URL names the right host and port, and \
             whether a proxy or a firewall answers in its place"
        )),
        _ => None,
    }
}

fn distrust(error: &CertificateError) -> String {
    use CertificateError as E;
    let clock = "set this machine's clock if it is wrong; otherwise the server needs another certificate";
    match error {
        E::UnknownIssuer => {
            "its issuer is unknown here; if a proxy or a virus scanner opens TLS, or the server has a \
             root of its own, name that root's PEM file by SSL_CERT_FILE or Network::trust_pem_file"
                .to_owned()
        }
        E::Expired => format!("by this machine's clock it has expired; {clock}"),
        E::ExpiredContext { time, not_after } => {
            let ago = span(time.as_secs().saturating_sub(not_after.as_secs()));
            format!("by this machine's clock it expired {ago} ago; {clock}")
        }
        E::NotValidYet => format!("by this machine's clock it is not valid yet; {clock}"),
        E::NotValidYetContext { time, not_before } => {
            let ahead = span(not_before.as_secs().saturating_sub(time.as_secs()));
            format!("by this machine's clock it is not valid for another {ahead}; {clock}")
        }
        E::NotValidForName | E::NotValidForNameContext { .. } => {
            let elsewhere =
                "see whether the URL names the right host, and whether something else answers in its place";
            format!("it is for {}; {elsewhere}", names(error))
        }
        error => {
            format!("{error}; a root of one's own can be named by SSL_CERT_FILE or Network::trust_pem_file")
        }
    }
}

/// Whom a certificate is for, the first few.
fn names(error: &CertificateError) -> String {
    let CertificateError::NotValidForNameContext { presented, .. } = error else {
        return "others".to_owned();
    };
    // They come as `DnsName("a.test")`.
    let names = presented.iter().map(|name| name.split('"').nth(1).unwrap_or(name));
    let mut shown = names.take(MAX_NAMES).collect::<Vec<_>>().join(", ");
    match presented.len() {
        0 => shown.push_str("nobody"),
        count if count > MAX_NAMES => shown.push_str(" and others"),
        _ => {}
    }
    shown
}

fn span(seconds: u64) -> String {
    match seconds {
        0..7_200 => format!("{} minutes", seconds / 60),
        7_200..172_800 => format!("{} hours", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// The error and what is behind it. IO errors do not count what they wrap as their source.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    successors(Some(error), |&error| match error.downcast_ref::<io::Error>() {
        Some(error) => error.get_ref().map(|inner| inner as &(dyn Error + 'static)),
        None => error.source(),
    })
}

/// Names of a certificate that are told.
const MAX_NAMES: usize = 5;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rustls::pki_types::UnixTime;
    use rustls::{InvalidMessage, PeerIncompatible};

    use super::*;

    #[test]
    fn what_fails_for_good_is_told_from_what_may_pass() {
        let at = |day: u64| UnixTime::since_unix_epoch(Duration::from_secs(86_400 * day));
        let presented = (0..9).map(|n| format!("DnsName(\"{n}.test\")")).collect();
        let expected = "h".try_into().unwrap();
        for (error, is_final, words) in [
            (CertificateError::UnknownIssuer.into(), true, "SSL_CERT_FILE"),
            (
                CertificateError::ExpiredContext { time: at(100), not_after: at(97) }.into(),
                true,
                "expired 3 days ago; set this machine's clock",
            ),
            (
                CertificateError::NotValidYetContext { time: at(1), not_before: at(2) }.into(),
                true,
                "for another 24 hours; set this machine's clock",
            ),
            (
                CertificateError::NotValidForNameContext { expected, presented }.into(),
                true,
                "it is for 0.test, 1.test, 2.test, 3.test, 4.test and others; see whether the URL",
            ),
            (CertificateError::BadSignature.into(), true, "BadSignature"),
            (PeerIncompatible::ServerDoesNotSupportTls12Or13.into(), true, "TLS 1.2 or 1.3"),
            (rustls::Error::AlertReceived(AlertDescription::HandshakeFailure), true, "HandshakeFailure"),
            (rustls::Error::AlertReceived(AlertDescription::InternalError), false, "InternalError"),
            (InvalidMessage::InvalidContentType.into(), false, "InvalidContentType"),
        ] {
            let wrapped = io::Error::new(ErrorKind::InvalidData, error);
            let told = explain("d.test", &wrapped);
            assert_eq!(told.is_final, is_final, "{told}");
            assert!(told.reason.contains("d.test") && told.reason.contains(words), "{told}");
        }
        let cut = explain("d.test", &io::Error::from(ErrorKind::ConnectionReset));
        assert_eq!(cut, format!("TLS with d.test failed: {CUT}").into());
    }
}
