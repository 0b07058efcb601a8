//! What a shard tells its user.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::envelope::{self, DecodeError, Payload};
use crate::gateway::close::CloseCode;
use crate::machine::Closed;
use crate::time::Duration;

/// What a shard tells its user.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// An event from Discord; READY and RESUMED are among them.
    Dispatch(Dispatch),
    /// In session: READY or RESUMED came.
    Connected {
        /// Whether an earlier session goes on.
        resumed: bool,
        /// How many missed dispatches Discord sent again before it said so.
        replayed: u64,
    },
    /// A heartbeat came back.
    HeartbeatAcknowledged {
        /// The round trip.
        latency: Duration,
    },
    /// The connection ended; the shard goes on by itself.
    Disconnected {
        /// Why.
        reason: Disconnect,
        /// Whether the session is kept and will be resumed.
        resumable: bool,
        /// How long the shard waits before it connects again.
        retry_in: Duration,
    },
    /// The shard has ended for good.
    Stopped {
        /// Why.
        reason: Stopped,
        /// What it came to.
        counters: Counters,
    },
    /// A message that is not understood arrived and was passed over.
    Unrecognised {
        /// Its opcode, if it had one.
        op: Option<u64>,
        /// Its payload as it came.
        data: Payload,
    },
}

/// Counters of a shard, since it was made.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Counters {
    /// Dispatches given to the user.
    pub dispatches: u64,
    /// Dispatches dropped because their sequence number had been seen.
    pub repeated: u64,
    /// Sequence numbers that Discord skipped.
    pub gaps: u64,
    /// Heartbeats sent.
    pub heartbeats: u64,
    /// Identifies sent.
    pub identifies: u64,
    /// Sessions resumed.
    pub resumes: u64,
    /// Connections that ended, for whatever reason.
    pub disconnects: u64,
    /// Messages passed over because they were not understood.
    pub unrecognised: u64,
}

/// An event from Discord.
#[derive(Clone, Eq, PartialEq)]
pub struct Dispatch {
    /// The event's name, such as `MESSAGE_CREATE`.
    pub name: String,
    /// Its sequence number within the session.
    pub seq: u64,
    /// Whether it was sent again after a resume.
    pub replayed: bool,
    /// Its payload: JSON, not yet parsed.
    pub data: Bytes,
}

impl Dispatch {
    /// Parses the payload into the type that the caller names.
    ///
    /// # Errors
    /// If the payload is not a `T`.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        envelope::parse(&self.data, "event")
    }
}

/// Shows name, number and length; the payload holds users' words, and some payloads secrets.
impl fmt::Debug for Dispatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let again = if self.replayed { ", replayed" } else { "" };
        write!(f, "Dispatch({} {}, {} bytes{again})", self.seq, self.name, self.data.len())
    }
}

/// Why a connection ended.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Disconnect {
    /// The socket was refused, closed or lost.
    Closed(Closed),
    /// A heartbeat was not acknowledged before the next was due.
    Zombie,
    /// Discord asked for it (op 7).
    Reconnect,
    /// Discord did not accept the session (op 9).
    InvalidSession,
    /// Nothing came in time.
    TimedOut {
        /// What was awaited.
        awaiting: &'static str,
    },
    /// Discord sent what the protocol does not allow.
    Malformed(DecodeError),
}

impl fmt::Display for Disconnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(closed) => closed.fmt(f),
            Self::Zombie => f.write_str("a heartbeat was not acknowledged"),
            Self::Reconnect => f.write_str("Discord asked to reconnect (op 7)"),
            Self::InvalidSession => f.write_str("Discord did not accept the session (op 9)"),
            Self::TimedOut { awaiting } => write!(f, "no {awaiting} in time"),
            Self::Malformed(error) => error.fmt(f),
        }
    }
}

/// Why a shard ended for good.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Stopped {
    /// The user asked for it.
    ByUser,
    /// Discord closed with a code after which another attempt would fail the same way.
    Refused {
        /// The code, its meaning and the remedy.
        code: CloseCode,
        /// The reason that Discord gave, if any.
        reason: Box<str>,
    },
    /// As many attempts as were allowed have failed.
    GaveUp {
        /// Why the last one failed.
        reason: Box<Disconnect>,
    },
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ByUser => f.write_str("stopped"),
            Self::Refused { code, .. } => {
                write!(f, "Discord closed the gateway with {} ({}): {}", code.code, code.name, code.remedy)
            }
            Self::GaveUp { reason } => write!(f, "gave up on the gateway: {reason}"),
        }
    }
}
