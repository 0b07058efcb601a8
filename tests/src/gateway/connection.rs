//! One client's WebSocket: what is sent over it, and when something is due on it.

use std::collections::VecDeque;

use bytes::Bytes;
use fastrand::Rng;
use sanscord::gateway::ShardId;
use sanscord::id::UserId;
use sanscord::machine::Frame;
use sanscord::time::{Duration, Timestamp, soonest};

use super::compression::{self, Stream, WORTH_WHILE};
use super::session::SessionKey;
use crate::desk::Desk;
use crate::pulse::Pulse;
use crate::server::{ConnectionId, Service};

/// Messages held back for a connection while the gateway is frozen; with one more, it is cut when that ends.
const MAX_HELD: usize = 4_096;

pub(super) struct Connection {
    id: ConnectionId,
    pub(super) path: String,
    pub(super) pulse: Pulse,
    pub(super) sends: Recent,
    pub(super) presences: Recent,
    pub(super) session: Option<SessionKey>,
    /// Whose token it showed.
    pub(super) user: Option<UserId>,
    /// Whether it counts among [`Gateway::detours`](super::Gateway).
    pub(super) is_detour: bool,
    /// Which shard it serves, as far as that is known.
    pub(super) shard: Option<ShardId>,
    /// When the server closes it.
    pub(super) leaves_at: Option<Timestamp>,
    /// When the next dispatch of a replay is due.
    pub(super) replays_at: Option<Timestamp>,
    /// When something is due, as [`Gateway`](super::Gateway) has noted it.
    pub(super) noted: Timestamp,
    stream: Stream,
    /// Whether long messages are compressed by themselves.
    pub(super) compresses: bool,
    /// Whether the next compressed message is to be damaged.
    pub(super) corrupts: bool,
    /// Whether one was: nothing that comes later can be read.
    spoiled: bool,
    pub(super) frozen: bool,
    held: VecDeque<Bytes>,
    overflown: bool,
    /// Where messages are split. Its own, so that nothing else changes with that.
    rng: Rng,
}

impl Connection {
    pub(super) fn new(id: ConnectionId, path: &str, pulse: Pulse, stream: Stream) -> Self {
        Self {
            id,
            path: path.into(),
            noted: pulse.deadline(),
            pulse,
            sends: Recent::default(),
            presences: Recent::default(),
            session: None,
            user: None,
            is_detour: false,
            shard: None,
            leaves_at: None,
            replays_at: None,
            stream,
            compresses: false,
            corrupts: false,
            spoiled: false,
            frozen: false,
            held: VecDeque::new(),
            overflown: false,
            rng: Rng::with_seed(id.0),
        }
    }

    /// When something is due.
    pub(super) fn due(&self) -> Timestamp {
        let other = soonest(self.leaves_at, self.replays_at);
        other.map_or_else(|| self.pulse.deadline(), |at| at.min(self.pulse.deadline()))
    }

    /// Whether what is sent now can be read by the client.
    pub(super) const fn delivers(&self) -> bool {
        !self.frozen && !self.spoiled
    }

    /// Sends a message, compressed as the client asked for it.
    pub(super) fn send(&mut self, desk: &mut Desk, text: Bytes) {
        if self.frozen {
            self.overflown |= self.held.len() >= MAX_HELD;
            if !self.overflown {
                self.held.push_back(text);
            }
            return;
        }
        let packed = match self.stream.compress(&text, &mut desk.scratch) {
            None if self.compresses && text.len() >= WORTH_WHILE => Some(compression::whole(&text)),
            packed => packed,
        };
        let Some(mut packed) = packed else {
            return desk.send_frame(Service::Gateway, self.id, Frame::Text(text));
        };
        if std::mem::take(&mut self.corrupts) {
            packed = compression::damaged(&packed);
            self.spoiled = true;
        }
        if desk.config.faults.split_frames && matches!(self.stream, Stream::Zlib(_)) {
            for piece in compression::pieces(&packed, &mut self.rng) {
                desk.send_frame(Service::Gateway, self.id, Frame::Binary(piece));
            }
        } else {
            desk.send_frame(Service::Gateway, self.id, Frame::Binary(packed));
        }
    }

    /// Sends what was held back. Answers whether that was everything.
    pub(super) fn thaw(&mut self, desk: &mut Desk) -> bool {
        self.frozen = false;
        for text in std::mem::take(&mut self.held) {
            self.send(desk, text);
        }
        !self.overflown
    }

    /// Whether something of it is compressed.
    pub(super) const fn is_compressed(&self) -> bool {
        self.compresses || !matches!(self.stream, Stream::None)
    }
}

/// When something happened lately, for limits over a sliding time.
#[derive(Default)]
pub(super) struct Recent(VecDeque<Timestamp>);

impl Recent {
    /// Notes that it happened now. Answers how often that is in the time that ends now.
    pub(super) fn note(&mut self, now: Timestamp, time: Duration) -> usize {
        while self.0.front().is_some_and(|at| now.since(*at) >= time) {
            self.0.pop_front();
        }
        self.0.push_back(now);
        self.0.len()
    }
}
