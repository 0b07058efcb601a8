//! What a dashboard wants to know of a shard, as plain values.

use core::fmt;

use serde::Serialize;

use crate::time::{Duration, Timestamp};

/// Counters of a shard, since it was made.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Counters {
    /// Dispatches given to the user.
    pub dispatches: u64,
    /// Dispatches that the user had no interest in.
    pub unwanted: u64,
    /// Dispatches dropped because their sequence number had been seen.
    pub repeated: u64,
    /// Sequence numbers that Discord skipped.
    pub gaps: u64,
    /// Dispatches that Discord sent again after a resume.
    pub replayed: u64,
    /// Heartbeats sent.
    pub heartbeats: u64,
    /// Heartbeats that Discord asked for and that were not sent: before Hello, or because nothing more may be sent.
    pub asks_unanswered: u64,
    /// Hellos that came when none was due; they change nothing.
    pub stray_hellos: u64,
    /// Commands sent.
    pub commands: u64,
    /// Connections opened, or tried to.
    pub connects: u64,
    /// Identifies sent.
    pub identifies: u64,
    /// Resumes sent.
    pub resume_attempts: u64,
    /// Sessions resumed.
    pub resumes: u64,
    /// Sessions that could not be resumed: events may have been missed.
    pub sessions_lost: u64,
    /// Connections that ended, for whatever reason.
    pub disconnects: u64,
    /// Connections given up because a heartbeat was not acknowledged.
    pub zombies: u64,
    /// Messages passed over because they were not understood.
    pub unrecognised: u64,
    /// Bytes of messages received, compressed as they were.
    pub bytes_in: u64,
    /// Bytes of messages received, inflated.
    pub bytes_inflated: u64,
    /// Bytes of messages sent.
    pub bytes_out: u64,
}

impl Counters {
    /// How many bytes one byte received came to.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        if self.bytes_in == 0 { 1.0 } else { self.bytes_inflated as f64 / self.bytes_in as f64 }
    }
}

/// The main ones in a line, for a log.
impl fmt::Display for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { dispatches, replayed, gaps, resumes, identifies, disconnects, zombies, .. } = self;
        let Self { commands, bytes_in, bytes_out, .. } = self;
        write!(
            f,
            "{dispatches} dispatches ({replayed} replayed, {gaps} missing), {resumes} resumes, {identifies} identifies, \
             {disconnects} disconnects ({zombies} zombies), {commands} commands, {bytes_in} bytes in ({:.1} times as \
             many inflated), {bytes_out} bytes out",
            self.ratio()
        )
    }
}

/// How a shard stands at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Status {
    /// The phase's name.
    pub phase: &'static str,
    /// Round trip of the last heartbeat that came back.
    pub latency: Option<Duration>,
    /// Sequence number of the last dispatch delivered, if there is a session.
    pub seq: Option<u64>,
    /// Sequence number up to which dispatches count as received.
    pub acknowledged: Option<u64>,
    /// Commands that wait to be sent.
    pub queued_commands: usize,
    /// Requests for members without an answer.
    pub pending_members: usize,
    /// How many commands may be sent at once.
    pub available_sends: usize,
    /// What is due next.
    pub next_deadline: Option<Timestamp>,
    /// The counters.
    pub counters: Counters,
}
