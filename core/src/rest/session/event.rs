//! What a session tells.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::ToString;
use core::fmt;

use crate::machine::{Level, Log, Progress, Response};
use crate::rest::failure::Error;
use crate::rest::limiter::{self, Wait};
use crate::time::Duration;

/// Names a call; never used twice.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct CallId(pub(super) u64);

/// What a session tells.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A call has come to its end: an answer with a status from 200 to 299, or why there is none. The last event of
    /// a call.
    Done(CallId, Result<Response, Error>),
    /// How far a call's upload or download has come, if it asked for that.
    Progress(CallId, Progress),
    /// A call has to wait for a limit.
    Waiting {
        /// Which call.
        call: CallId,
        /// Method and path, without tokens.
        request: Box<str>,
        /// What for, and until when.
        wait: Wait,
    },
    /// A call is tried again.
    Retrying {
        /// Which call.
        call: CallId,
        /// Method and path, without tokens.
        request: Box<str>,
        /// Tries that have failed.
        attempt: u32,
        /// When.
        after: Duration,
        /// Why.
        why: Box<str>,
    },
    /// What the limiter tells beside its grants: requests are held to protect the bot, or go on.
    Limiter(limiter::Event),
    /// The [office](crate::rest::share) that has the limits is there: calls that waited for it are asked for again.
    OfficeFound,
    /// The office that has the limits cannot be reached. Calls wait until it can, or until their time is over.
    OfficeLost {
        /// What went wrong.
        why: Box<str>,
        /// When it is tried again.
        after: Duration,
    },
    /// It was stopped, and all calls have come to their end.
    Stopped,
}

impl Event {
    /// What a driver that logs says of it.
    pub(super) fn log(&self) -> Option<Log> {
        let (level, text) = match self {
            Self::Done(_, Ok(_)) | Self::Progress(..) => return None,
            Self::Done(_, Err(error)) => (Level::Debug, error.to_string()),
            Self::Waiting { request, wait, .. } => (Level::Debug, format!("{request} waits: {wait}")),
            Self::Retrying { request, attempt, after, why, .. } => {
                (Level::Warn, format!("{request} is tried again in {after:?} (try {attempt} failed): {why}"))
            }
            Self::Limiter(event) => return event.log(),
            Self::OfficeFound => (Level::Info, "the office that grants turns is there".to_string()),
            Self::OfficeLost { why, after } => {
                let text =
                    format!("the office that grants turns is lost, and tried again in {after:?}: {why}");
                (Level::Warn, text)
            }
            Self::Stopped => (Level::Info, "all calls have come to their end".to_string()),
        };
        Some(Log::new(level, text))
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
