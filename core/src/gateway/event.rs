//! What a shard tells its user.

use alloc::boxed::Box;
use alloc::format;
use core::fmt;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::envelope::{self, DecodeError, Payload};
use crate::gateway::close::CloseCode;
use crate::gateway::inflate::InflateError;
use crate::gateway::members::{Members, MembersError, MembersRequestId};
use crate::gateway::name::EventName;
use crate::gateway::session::Session;
use crate::gateway::status::Counters;
use crate::id::GuildId;
use crate::machine::{Closed, Level, Log};
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
        /// Whether there was an earlier session that could not go on: events may have been missed.
        gap: bool,
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
    /// The shard wants to start a session, and waits for [`Shard::grant`](crate::gateway::Shard::grant). Only if
    /// it was [made so](crate::gateway::shard::Identifies::WhenGranted).
    AwaitingIdentify,
    /// Identify went out.
    Identified,
    /// A request for members was answered, or will not be.
    Members {
        /// The request.
        request: MembersRequestId,
        /// Its guild.
        guild: GuildId,
        /// The answer.
        result: Result<Members, MembersError>,
    },
    /// The shard has ended for good.
    Stopped {
        /// Why.
        reason: Stopped,
        /// The session, if it was kept.
        session: Option<Session>,
        /// What it came to.
        counters: Box<Counters>,
    },
    /// A message that is not understood arrived and was passed over.
    Unrecognised {
        /// Its opcode, if it had one.
        op: Option<u64>,
        /// Its payload as it came.
        data: Payload,
    },
}

impl Event {
    /// What a driver that logs says of it.
    #[must_use]
    pub fn log(&self) -> Option<Log> {
        let (level, text) = match self {
            Self::Dispatch(_) => return None,
            Self::Connected { resumed: true, replayed, .. } => {
                (Level::Info, format!("session resumed, {replayed} events replayed"))
            }
            Self::Connected { gap: true, .. } => (
                Level::Warn,
                "new session: the earlier one could not be resumed, events may be missing".into(),
            ),
            Self::Connected { .. } => (Level::Info, "new session".into()),
            Self::HeartbeatAcknowledged { latency } => {
                (Level::Debug, format!("heartbeat acknowledged after {} ms", latency.as_millis()))
            }
            Self::Disconnected { reason, resumable, retry_in } => {
                let then = if *resumable { "resuming" } else { "starting a new session" };
                (Level::Warn, format!("{reason}; {then} in {} ms", retry_in.as_millis()))
            }
            Self::AwaitingIdentify => (Level::Debug, "waits for its turn to identify".into()),
            Self::Identified => (Level::Debug, "identified".into()),
            Self::Members { guild, result: Ok(_), .. } => (Level::Debug, format!("members of {guild} came")),
            Self::Members { guild, result: Err(error), .. } => {
                (Level::Warn, format!("no members of {guild}: {error}"))
            }
            Self::Stopped { reason: Stopped::ByUser, counters, .. } => {
                (Level::Info, format!("stopped after {counters}"))
            }
            Self::Stopped { reason, counters, .. } => (Level::Error, format!("{reason}; after {counters}")),
            Self::Unrecognised { op, data } => {
                (Level::Debug, format!("passed over a message with op {op:?} and {data:?}"))
            }
        };
        Some(Log::new(level, text))
    }
}

/// An event from Discord.
#[derive(Clone, Eq, PartialEq)]
pub struct Dispatch {
    /// The event's name, such as `MESSAGE_CREATE`.
    pub name: EventName,
    /// Its sequence number within the session.
    pub seq: u64,
    /// Whether it was sent again after a resume.
    pub replayed: bool,
    /// Whether it was handed to the user before, by the process that saved the session.
    pub duplicate: bool,
    /// Which session of its process it belongs to.
    pub(crate) session: u64,
    /// Its payload: JSON as it came, unread. It is checked when it is parsed.
    pub data: Bytes,
}

/// Says that a dispatch has been handled: see [`Shard::ack`](crate::gateway::Shard::ack).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Receipt {
    pub(crate) session: u64,
    pub(crate) seq: u64,
}

impl Receipt {
    /// The number of the machine that delivered it.
    pub(crate) const fn scope(self) -> u32 {
        (self.session >> 32) as u32
    }
}

impl Dispatch {
    /// Parses the payload into the type that the caller names: ours ([`object`](crate::object)), another library's,
    /// or one's own; a type that borrows from the payload is the fastest.
    ///
    /// # Errors
    /// If the payload is not a `T`.
    pub fn parse<'a, T: Deserialize<'a>>(&'a self) -> Result<T, DecodeError> {
        envelope::parse(&self.data, "event")
    }

    /// The payload, checked to be JSON.
    ///
    /// # Errors
    /// If it is not.
    pub fn json(&self) -> Result<&RawValue, DecodeError> {
        self.parse()
    }

    /// What to hand to [`Shard::ack`](crate::gateway::Shard::ack) once it is handled.
    #[must_use]
    pub const fn receipt(&self) -> Receipt {
        Receipt { session: self.session, seq: self.seq }
    }
}

/// Shows name, number and length; the payload holds users' words, and some payloads secrets.
impl fmt::Debug for Dispatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let again = match (self.duplicate, self.replayed) {
            (true, _) => ", duplicate",
            (false, true) => ", replayed",
            (false, false) => "",
        };
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
    /// The clock went on for so long past a heartbeat that was due: the machine slept, or its driver hung.
    Overslept {
        /// How late it was.
        by: Duration,
    },
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
    /// The compressed stream cannot be read.
    Compression(InflateError),
    /// The user asked for it.
    ByUser,
}

impl Disconnect {
    /// Its kind as one word, for counters and dashboards.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Closed(Closed::Refused { .. }) => "refused",
            Self::Closed(Closed::Lost { .. }) => "lost",
            Self::Closed(Closed::ByPeer(_)) => "closed",
            Self::Zombie => "zombie",
            Self::Overslept { .. } => "overslept",
            Self::Reconnect => "op 7",
            Self::InvalidSession => "op 9",
            Self::TimedOut { .. } => "timed out",
            Self::Malformed(_) => "malformed",
            Self::Compression(_) => "compression",
            Self::ByUser => "by user",
        }
    }
}

impl fmt::Display for Disconnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(closed) => closed.fmt(f),
            Self::Zombie => f.write_str("a heartbeat was not acknowledged"),
            Self::Overslept { by } => {
                write!(f, "a heartbeat was {} s late: the machine slept or was too busy", by.as_secs())
            }
            Self::Reconnect => f.write_str("Discord asked to reconnect (op 7)"),
            Self::InvalidSession => f.write_str("Discord did not accept the session (op 9)"),
            Self::TimedOut { awaiting } => write!(f, "no {awaiting} in time"),
            Self::Malformed(error) => error.fmt(f),
            Self::Compression(error) => error.fmt(f),
            Self::ByUser => f.write_str("reconnecting was asked for"),
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
    /// As many attempts as were allowed have failed. If there is a session, it is kept: a later process may resume
    /// it.
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
