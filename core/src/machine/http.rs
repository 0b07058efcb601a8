//! HTTP, as a machine asks for it.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::time::Duration;

/// An HTTP request to make.
#[derive(Clone, Eq, PartialEq)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// `https://` or `http://`, with path and query. Some hold secrets.
    pub url: Box<str>,
    /// Header fields. Some hold secrets.
    pub headers: Vec<(&'static str, Box<str>)>,
    /// The body.
    pub body: Body,
    /// Bytes that the body may have at most, its files included: a longer one is not sent, [`Fault::Local`].
    pub body_limit: u64,
    /// Where the body of an answer with a status from 200 to 299 goes, if not into [`Response::body`].
    pub save: Option<Save>,
    /// Whether [`Input::Progress`](super::Input::Progress) is wanted while the body goes out and the answer comes in.
    pub progress: bool,
    /// How long the whole exchange may take, connecting included.
    pub deadline: Duration,
}

impl Request {
    /// Whether it may last: it carries files, or its answer is saved.
    #[must_use]
    pub const fn is_transfer(&self) -> bool {
        self.save.is_some() || matches!(self.body, Body::Parts(_))
    }
}

/// Shows the method and the host only: the rest of the URL and header fields hold tokens.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, shown(&self.url))
    }
}

/// A URL as it may be logged: what follows `/webhooks/<id>/` or `/interactions/<id>/` is a token, a query may hold
/// one, and what stands before the host is a name and a password, even if a slash that should have been encoded is in
/// it.
pub(crate) fn shown(url: &str) -> impl fmt::Display + '_ {
    struct Shown<'a>(&'a str);
    impl fmt::Display for Shown<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let open = self.0.split(['?', '#']).next().unwrap_or_default();
            let parts = open.split_once("://").filter(|(scheme, _)| !scheme.contains('/'));
            let rest = parts.map_or(open, |(_, rest)| rest);
            let (authority, path) = rest.split_at(rest.find(['/', '\\']).unwrap_or(rest.len()));
            if let Some((scheme, _)) = parts {
                write!(f, "{scheme}://")?;
            }
            // In our own paths an `@` begins a segment, as in `@me`.
            let stray = path.char_indices().rev().find(|(at, sign)| {
                *sign == '@'
                    && authority.contains(':')
                    && !path.get(..*at).is_some_and(|path| path.ends_with('/'))
            });
            let (authority, path) = match stray.and_then(|(at, _)| path.get(at + 1..)) {
                Some(host) => ("@", host),
                None => (authority, path),
            };
            match authority.rsplit_once('@') {
                Some((_, host)) => write!(f, "..@{host}")?,
                None => f.write_str(authority)?,
            }
            let secret = ["/webhooks/", "/interactions/"].iter().find_map(|marker| {
                let id = path.find(marker)? + marker.len();
                Some(id + path.get(id..)?.find('/')? + 1)
            });
            match secret.and_then(|at| path.get(..at)) {
                Some(open) => write!(f, "{open}.."),
                None => f.write_str(path),
            }
        }
    }
    Shown(url)
}

/// What a request carries.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Body {
    /// Nothing. With POST, PUT and PATCH it goes out as `content-length: 0`.
    #[default]
    Empty,
    /// These bytes.
    Bytes(Bytes),
    /// These parts, one behind the other. Its length goes out with it, so a driver has to know that of every file
    /// before it sends.
    Parts(Vec<Part>),
}

/// A part of a body.
#[derive(Clone, Eq, PartialEq)]
pub enum Part {
    /// These bytes.
    Bytes(Bytes),
    /// What is in this file when it is sent: read piece by piece. If it cannot be read, is a folder, is longer than
    /// `limit`, or changes its length meanwhile, the request is given up: [`Fault::Local`].
    File {
        /// Its path.
        path: Box<str>,
        /// Bytes that it may hold at most.
        limit: u64,
    },
}

/// Shows how long bytes are, not what they say.
impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
            Self::File { path, .. } => write!(f, "the file {path:?}"),
        }
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        if bytes.is_empty() { Self::Empty } else { Self::Bytes(bytes) }
    }
}

/// A file in which an answer's body is kept.
///
/// It appears under its name when it is complete. A file that is already there is not touched: [`Fault::Local`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Save {
    /// Its path. Its folder must be there.
    pub path: Box<str>,
    /// Bytes that it may hold at most: [`Fault::TooLong`] if the answer is longer.
    pub limit: u64,
}

/// How far a request has come.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Progress {
    /// Bytes of the body that have gone out.
    pub sent: u64,
    /// Bytes of the body in all.
    pub to_send: u64,
    /// Bytes of the answer's body that have come in.
    pub received: u64,
    /// Bytes of the answer's body in all, if the server says so.
    pub to_receive: Option<u64>,
}

/// An HTTP method that Discord uses.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[expect(missing_docs, reason = "RFC 9110, section 9.3 and RFC 5789")]
pub enum Method {
    Delete,
    Get,
    Patch,
    Post,
    Put,
}

impl Method {
    /// The method's name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Delete => "DELETE",
            Self::Get => "GET",
            Self::Patch => "PATCH",
            Self::Post => "POST",
            Self::Put => "PUT",
        }
    }

    /// Whether a request that was carried out twice has done no more than once (RFC 9110, section 9.2.2).
    #[must_use]
    pub const fn is_idempotent(self) -> bool {
        matches!(self, Self::Delete | Self::Get | Self::Put)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An HTTP answer, of any status.
#[derive(Clone, Eq, PartialEq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Header fields, names in lower case; values that are not UTF-8 are left out.
    pub headers: Vec<(Box<str>, Box<str>)>,
    /// The whole body, at most [`MAX_BODY`] bytes, as it was before any `content-encoding` that the driver offered;
    /// empty if it was [saved](Request::save).
    pub body: Bytes,
}

/// Shows status and length only.
impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Response({}, {} bytes)", self.status, self.body.len())
    }
}

impl Response {
    /// The value of the first header field of this name, which must be in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| &**n == name).map(|(_, value)| &**value)
    }

    /// Whether the status says that it was done: 200 to 299.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        self.status >= 200 && self.status < 300
    }
}

/// The longest HTTP body that a driver takes into memory, in bytes; a longer one is [`Unanswered`]. Attachments
/// aside, Discord's answers stay far below it.
pub const MAX_BODY: usize = 32 << 20;

/// Requests that a driver makes at once, [transfers](Request::is_transfer) aside; more wait for their turn, and their
/// deadlines run.
pub const AT_ONCE: usize = 64;

/// [Transfers](Request::is_transfer) that a driver makes at once, beside [`AT_ONCE`]: long ones hold no other request
/// back.
pub const TRANSFERS: usize = 16;

/// Why an HTTP request got no answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unanswered {
    /// What kind of fault.
    pub fault: Fault,
    /// What went wrong, for a human.
    pub reason: Box<str>,
}

impl Unanswered {
    /// No answer, for this reason.
    #[must_use]
    pub fn new(fault: Fault, reason: impl Into<Box<str>>) -> Self {
        Self { fault, reason: reason.into() }
    }
}

/// What kind of fault keeps an HTTP request from being answered.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum Fault {
    /// The server has seen nothing of it: no route, refused, no turn or no connection in time.
    Unsent,
    /// The server has seen nothing of it, and will see nothing of a repeat: its certificate is not trusted, it refuses
    /// the TLS handshake, or has no version of TLS in common with us.
    Tls,
    /// It broke: the server may have carried it out, or not.
    Lost,
    /// Its deadline passed: the server may have carried it out, or not.
    Late,
    /// What is to be sent, or where the answer is to be saved, is at fault: a file, a folder, a full disk, a URL
    /// that is none.
    Local,
    /// The answer is longer than may be taken in.
    TooLong,
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn a_request_shows_no_token() {
        for (url, shown) in [
            ("https://d/api/v10/channels/5", "GET https://d/api/v10/channels/5"),
            ("https://d/api/v10/webhooks/5/secret?wait=true", "GET https://d/api/v10/webhooks/5/.."),
            ("https://d/api/v10/webhooks/5", "GET https://d/api/v10/webhooks/5"),
            ("https://d/interactions/5/secret/callback", "GET https://d/interactions/5/.."),
            ("https://cdn/a.png?ex=1&hm=secret", "GET https://cdn/a.png"),
            ("http://user:secret@host:8080/users/@me", "GET http://..@host:8080/users/@me"),
            ("http://user:sec@ret@host", "GET http://..@host"),
            ("secret@host/webhooks/5/secret", "GET ..@host/webhooks/5/.."),
            ("/webhooks/5/secret://x@y", "GET /webhooks/5/.."),
            ("http://user:pa/ss@host/x", "GET http://..@host/x"),
            ("http://user:12/s@s@host/users/@me", "GET http://..@host/users/@me"),
            ("http://host:80/users/@me", "GET http://host:80/users/@me"),
            ("nonsense", "GET nonsense"),
        ] {
            let request = Request {
                method: Method::Get,
                url: url.into(),
                headers: Vec::new(),
                body: Body::Empty,
                body_limit: u64::MAX,
                save: None,
                progress: false,
                deadline: Duration::ZERO,
            };
            assert_eq!(format!("{request:?}"), shown);
        }
    }
}
