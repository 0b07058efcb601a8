//! What the adapters' HTTP clients share: what goes out, what comes in, how far they are, and by which proxy.
//!
//! An adapter [prepares](Exchange::prepare) a request, sends what its [`Upload`] gives, hands what comes in to a
//! [`Receiver`], and says by [`Faults`] what went wrong. Nothing here opens a socket; what touches the disk waits for it.

mod meter;
mod proxy;
mod receive;
mod tunnel;
mod upload;

use std::error::Error;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sanscord::machine::{Body, Fault, MAX_BODY, Method, Part, Progress, Request, Save, Unanswered};

pub use meter::Meter;
pub use proxy::{Proxies, Proxy, Target};
pub use receive::{Answer, Receiver};
pub use tunnel::Tunnel;
pub use upload::Upload;

use crate::failure::{CUT, Unreached, explain, is_cut, rustls_error, unreached};

/// How long a connection is kept that nobody uses.
pub const KEPT_FOR: Duration = Duration::from_secs(60);

/// Connections to one host that are kept while nobody uses them.
pub const KEPT: usize = 32;

/// Bytes that are read from a file, or written to one, at a time.
pub const PIECE: usize = 128 << 10;

/// A request that can be sent.
pub struct Exchange {
    /// The method.
    pub method: Method,
    /// The URL.
    pub url: Box<str>,
    /// Whom to ask.
    pub target: Target,
    /// By which proxy.
    pub proxy: Option<Proxy>,
    /// Header fields, the body's length among them.
    pub headers: Vec<(&'static str, Box<str>)>,
    /// The body.
    pub upload: Upload,
    /// What becomes of the answer.
    pub answer: Answer,
}

/// Shows the method and the host only: the rest of the URL and header fields hold tokens.
impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Exchange({} {})", self.method, self.target.authority())
    }
}

impl Exchange {
    /// Looks whether a request can be sent: at its URL, at the files that it carries and at the one that its answer is
    /// to be saved in. Waits for the disk if [`uses_disk`].
    ///
    /// # Errors
    ///
    /// [`Fault::Local`] with what is wrong.
    pub fn prepare(
        request: Request,
        proxies: &Proxies,
        faults: &Faults,
        report: impl FnMut(Progress) + Send + 'static,
    ) -> Result<Self, Unanswered> {
        let Some(target) = Target::parse(&request.url) else {
            // What a request shows of itself holds no token.
            return Err(local(format!("{request:?}: it is no HTTP URL")));
        };
        let proxy = proxies.choose(&target)?.cloned();
        if let Some(save) = &request.save {
            can_be_saved(save)?;
        }
        let meter = if request.progress { Meter::new(report) } else { Meter::off() };
        let upload = Upload::open(request.body, request.body_limit, meter.clone(), faults.clone())?;
        let mut headers = request.headers;
        let named = |headers: &[(&str, Box<str>)], name: &str| {
            headers.iter().any(|(found, _)| found.eq_ignore_ascii_case(name))
        };
        let has_body = matches!(request.method, Method::Patch | Method::Post | Method::Put);
        if has_body || upload.length() > 0 {
            headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-length"));
            headers.push(("content-length", upload.length().to_string().into()));
        }
        let inflate = request.save.is_none() && !named(&headers, "accept-encoding");
        if inflate {
            headers.push(("accept-encoding", "gzip".into()));
        }
        let answer = Answer::new(request.save, inflate, meter, faults.clone());
        Ok(Self { method: request.method, url: request.url, target, proxy, headers, upload, answer })
    }
}

/// Whether the disk is needed to prepare this request.
#[must_use]
pub fn uses_disk(request: &Request) -> bool {
    let parts: &[Part] = if let Body::Parts(parts) = &request.body { parts } else { &[] };
    request.save.is_some() || parts.iter().any(|part| matches!(part, Part::File { .. }))
}

fn can_be_saved(save: &Save) -> Result<(), Unanswered> {
    let path = Path::new(&*save.path);
    if path.symlink_metadata().is_ok() {
        return Err(local(format!("the answer cannot be saved as {}: there is one already", save.path)));
    }
    if path.file_name().is_none() || !folder(path).is_dir() {
        return Err(local(format!("the answer cannot be saved as {}: there is no such folder", save.path)));
    }
    Ok(())
}

/// The folder that a file lies in.
fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn local(reason: String) -> Unanswered {
    Unanswered::new(Fault::Local, reason)
}

/// Says for a human why a request has no answer, in the same words in every adapter.
#[derive(Clone, Debug)]
pub struct Faults {
    host: Box<str>,
    deadline: Duration,
    /// What went wrong here: an HTTP library that it is told to only says that something did.
    own: Arc<Mutex<Option<Unanswered>>>,
}

impl Faults {
    /// For this request.
    #[must_use]
    pub fn new(request: &Request) -> Self {
        let host = Target::parse(&request.url).map_or_else(|| "the server".into(), |target| target.host);
        Self { host, deadline: request.deadline, own: Arc::default() }
    }

    /// Its deadline has passed.
    #[must_use]
    pub fn late(&self) -> Unanswered {
        Unanswered::new(Fault::Late, format!("{} did not answer within {:?}", self.host, self.deadline))
    }

    /// Its deadline has passed before it had its turn.
    #[must_use]
    pub fn no_turn(&self) -> Unanswered {
        let reason = format!("the request to {} had no turn within {:?}", self.host, self.deadline);
        Unanswered::new(Fault::Unsent, reason)
    }

    /// Its deadline has passed before there was a connection.
    #[must_use]
    pub fn no_connection(&self) -> Unanswered {
        let reason = format!("{} could not be reached within {:?}", self.host, self.deadline);
        Unanswered::new(Fault::Unsent, reason)
    }

    /// The answer is longer than may be.
    #[must_use]
    pub fn too_long(&self, limit: u64) -> Unanswered {
        Unanswered::new(Fault::TooLong, format!("the answer of {} is longer than {limit} bytes", self.host))
    }

    /// No connection could be made, because of this.
    #[must_use]
    pub fn unsent(&self, error: &(dyn Error + 'static)) -> Unanswered {
        self.or_own(|| match unreached(error) {
            Some(known) => Self::unreached(known.clone()),
            None if rustls_error(error).is_some() => Self::unreached(explain(&self.host, error)),
            None => Unanswered::new(Fault::Unsent, self.say(error)),
        })
    }

    /// No connection could be made, for this reason: `Fault::Tls` if it is final.
    #[must_use]
    pub fn unreached(why: Unreached) -> Unanswered {
        let fault = if why.is_final { Fault::Tls } else { Fault::Unsent };
        Unanswered::new(fault, why.reason)
    }

    /// The connection broke, because of this.
    #[must_use]
    pub fn lost(&self, error: &(dyn Error + 'static)) -> Unanswered {
        self.or_own(|| Unanswered::new(Fault::Lost, self.say(error)))
    }

    /// The request itself cannot be sent.
    #[must_use]
    pub fn refused(&self, error: &(dyn Error + 'static)) -> Unanswered {
        self.or_own(|| local(self.say(error)))
    }

    /// The answer cannot be made sense of.
    #[must_use]
    pub fn garbled(&self, what: &str) -> Unanswered {
        Unanswered::new(Fault::Lost, format!("the answer of {} is {what}", self.host))
    }

    /// The HTTP library, or what it called, panicked.
    #[must_use]
    pub fn panicked(&self) -> Unanswered {
        Unanswered::new(Fault::Lost, format!("the request to {} made the HTTP client panic", self.host))
    }

    /// Notes what went wrong on this side, so that whatever else follows from it is not told instead.
    fn note(&self, unanswered: &Unanswered) {
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        own.get_or_insert_with(|| unanswered.clone());
    }

    fn or_own(&self, other: impl FnOnce() -> Unanswered) -> Unanswered {
        let own = self.own.lock().unwrap_or_else(PoisonError::into_inner).clone();
        own.unwrap_or_else(other)
    }

    /// The whole chain of causes, or what is wrong with the certificate if that is at its end.
    fn say(&self, error: &(dyn Error + 'static)) -> String {
        let host = &self.host;
        if rustls_error(error).is_some() {
            return explain(host, error).reason;
        }
        if is_cut(error) {
            return format!("the request to {host} failed: {CUT}");
        }
        let mut text = format!("the request to {host} failed: {error}");
        let mut cause = error.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        text
    }
}

/// The longest answer that goes to memory, in bytes.
const IN_MEMORY: u64 = MAX_BODY as u64;

#[cfg(test)]
mod tests;
