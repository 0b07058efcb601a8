//! Why a call came to nothing.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

use crate::envelope::DecodeError;
use crate::id::Snowflake;
use crate::machine::{Fault, Unanswered};
use crate::rest::error::RestError;
use crate::rest::invalid::Invalid;
use crate::time::Duration;

/// A call that came to nothing: which, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Error {
    /// Method and path, without tokens: `POST /channels/5/messages`.
    pub request: Box<str>,
    /// Why.
    pub cause: Cause,
}

/// Why a call came to nothing.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Cause {
    /// Discord would refuse it: it was not sent.
    Invalid(Invalid),
    /// Discord refused it, or could not do it.
    Discord(Box<RestError>),
    /// There was no answer. With [`Fault::Lost`] and [`Fault::Late`] it may have been carried out.
    Unanswered(Unanswered),
    /// Its time was over.
    Deadline {
        /// How long it had.
        limit: Duration,
        /// What it waited for: a limit, its turn, an answer.
        waiting: String,
        /// Whether it had been sent, and so may have been carried out.
        sent: bool,
    },
    /// It was done, but the answer is not what is documented.
    Answer {
        /// What is wrong with it.
        error: DecodeError,
        /// Its first 200 characters.
        beginning: String,
    },
    /// One entry of a list is not what is documented. It was left out, and the [task](crate::rest::task) goes on.
    Entry {
        /// The entry's id, if that can be read.
        id: Option<Snowflake>,
        /// What is wrong with it.
        error: DecodeError,
        /// Its first 200 characters.
        beginning: String,
    },
    /// It was not sent, to protect the bot: too many requests were refused.
    Held(String),
    /// What came was readable, but a [task](crate::rest::task) cannot go on with it: for this reason.
    Stuck(&'static str),
    /// The user took it back.
    Cancelled,
    /// The client has ended.
    Ended,
}

impl Error {
    /// A call that came to nothing.
    #[must_use]
    pub fn new(request: impl fmt::Display, cause: Cause) -> Self {
        Self { request: alloc::format!("{request}").into(), cause }
    }

    /// What Discord said, if it did.
    #[must_use]
    pub fn discord(&self) -> Option<&RestError> {
        match &self.cause {
            Cause::Discord(error) => Some(error),
            _ => None,
        }
    }

    /// Discord's code, 0 if there is none: 10008 for an unknown message, for instance.
    #[must_use]
    pub fn code(&self) -> u64 {
        self.discord().map_or(0, |error| error.code)
    }

    /// The HTTP status, if Discord answered.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.discord().map(|error| error.status)
    }

    /// Whether it may have been carried out although it failed.
    #[must_use]
    pub fn is_uncertain(&self) -> bool {
        match &self.cause {
            Cause::Unanswered(unanswered) => {
                matches!(unanswered.fault, Fault::Lost | Fault::Late | Fault::TooLong)
            }
            Cause::Discord(error) => error.status >= 500,
            Cause::Deadline { sent, .. } => *sent,
            Cause::Answer { .. } | Cause::Entry { .. } | Cause::Cancelled | Cause::Ended => true,
            Cause::Invalid(_) | Cause::Held(_) | Cause::Stuck(_) => false,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.request, self.cause)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(invalid) => write!(f, "not sent, as Discord would refuse it: {invalid}"),
            Self::Discord(error) => error.fmt(f),
            Self::Unanswered(Unanswered { reason, fault }) => match fault {
                Fault::Unsent | Fault::Tls | Fault::Local => write!(f, "not sent: {reason}"),
                Fault::Lost | Fault::Late | Fault::TooLong => f.write_str(reason),
            },
            Self::Deadline { limit, waiting, .. } => {
                write!(f, "not done within {limit:?}: it waited for {waiting}")
            }
            Self::Answer { error, beginning } => {
                write!(f, "done, but the answer cannot be read: {error}; it begins {beginning:?}")
            }
            Self::Entry { id, error, beginning } => {
                f.write_str("done, but an entry of the answer cannot be read and is left out")?;
                if let Some(id) = id {
                    write!(f, ", that of {id}")?;
                }
                write!(f, ": {error}; it begins {beginning:?}")
            }
            Self::Held(why) => write!(f, "not sent: {why}"),
            Self::Stuck(why) => write!(f, "done, but it leads no further: {why}"),
            Self::Cancelled => f.write_str("cancelled"),
            Self::Ended => f.write_str("the client has ended"),
        }
    }
}

impl core::error::Error for Error {}
