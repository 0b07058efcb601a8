//! What outlives a gateway connection: the dispatches and their numbers.

use std::collections::VecDeque;
use std::fmt::Write as _;

use bytes::Bytes;
use sanscord::gateway::ShardId;
use sanscord::id::{GuildId, UserId};
use sanscord::time::{Duration, Timestamp};
use serde_json::Value;

use super::connection::Connection;
use crate::desk::Desk;
use crate::pulse::Ledger;
use crate::server::ConnectionId;

/// Names a session among those that there are and were.
pub(super) type SessionKey = u64;

/// A dispatch that has no number yet.
#[derive(Clone, Copy)]
pub(super) struct Event<'a> {
    pub(super) name: &'a str,
    /// JSON.
    pub(super) d: &'a str,
}

pub(super) struct Session {
    pub(super) id: String,
    pub(super) user: UserId,
    pub(super) shard: ShardId,
    pub(super) connection: Option<ConnectionId>,
    pub(super) intents: u64,
    /// Whether it was started with compressed payloads.
    pub(super) compresses: bool,
    /// The number of the last dispatch.
    pub(super) seq: u64,
    /// The number of the last dispatch that was handed to the connection.
    pub(super) handed: u64,
    /// When it is given up, without a connection.
    pub(super) expires: Option<Timestamp>,
    pub(super) ledger: Ledger,
    /// The number of the last dispatch when a Resume came that is being answered.
    pub(super) replays_until: Option<u64>,
    buffer: VecDeque<(u64, Bytes)>,
    /// The newest dispatch that the buffer lost.
    dropped: u64,
}

impl Session {
    pub(super) const fn new(
        id: String,
        user: UserId,
        shard: ShardId,
        connection: ConnectionId,
        intents: u64,
        tolerance: Duration,
    ) -> Self {
        Self {
            id,
            user,
            shard,
            connection: Some(connection),
            intents,
            compresses: false,
            seq: 0,
            handed: 0,
            expires: None,
            ledger: Ledger::new(tolerance),
            replays_until: None,
            buffer: VecDeque::new(),
            dropped: 0,
        }
    }

    /// Whether its shard serves this guild.
    pub(super) fn serves(&self, guild: GuildId) -> bool {
        ShardId::of(guild, self.shard.count) == self.shard
    }

    /// Numbers a dispatch, sends it if there is a connection that is not being replayed to, and keeps it.
    pub(super) fn dispatch(
        &mut self,
        desk: &mut Desk,
        connection: Option<&mut Connection>,
        event: Event<'_>,
    ) {
        let message = self.number(desk, event);
        desk.report.dispatches += 1;
        if let Some(connection) = connection
            && self.replays_until.is_none()
        {
            self.hand(desk, connection, self.seq, message.clone());
        }
        self.buffer.push_back((self.seq, message));
        while self.buffer.len() > desk.config.replay_limit {
            self.dropped = self.buffer.pop_front().map_or(self.dropped, |(seq, _)| seq);
        }
    }

    /// Whether everything after `seq` is still there.
    pub(super) const fn can_replay(&self, seq: u64) -> bool {
        seq >= self.dropped
    }

    pub(super) fn detach(&mut self, now: Timestamp, window: Duration) {
        self.connection = None;
        self.replays_until = None;
        self.ledger.lost(now);
        self.expires = Some(now + window);
    }

    /// Sends the next dispatch after the last that was handed to the connection, up to `until`. Answers whether
    /// there was one.
    pub(super) fn replay(&mut self, desk: &mut Desk, connection: &mut Connection, until: u64) -> bool {
        let next = self.buffer.partition_point(|(number, _)| *number <= self.handed);
        let Some((number, message)) = self.buffer.get(next).filter(|(number, _)| *number <= until) else {
            return false;
        };
        desk.report.replayed += 1;
        let (number, message) = (*number, message.clone());
        self.hand(desk, connection, number, message);
        true
    }

    /// Ends a replay. RESUMED has a number of its own and is not replayed later.
    pub(super) fn resumed(&mut self, desk: &mut Desk, connection: &mut Connection) {
        let event = Event { name: "RESUMED", d: r#"{"_trace":["[\"gateway-test-1\"]"]}"# };
        let message = self.number(desk, event);
        self.hand(desk, connection, self.seq, message);
    }

    fn hand(&mut self, desk: &mut Desk, connection: &mut Connection, number: u64, message: Bytes) {
        self.handed = number;
        connection.send(desk, message);
        if connection.delivers() {
            self.ledger.sent(desk.now, number);
        }
    }

    /// The message with the next number.
    fn number(&mut self, desk: &Desk, Event { name, d }: Event<'_>) -> Bytes {
        self.seq += 1;
        let is_plain = name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
        let quoted = if is_plain { None } else { Some(Value::from(name).to_string()) };
        let (quote, name) = quoted.as_deref().map_or(("\"", name), |quoted| ("", quoted));
        let mut message = String::with_capacity(d.len() + name.len() + 48);
        // Writing to a String does not fail.
        let _ = if desk.config.faults.data_first {
            write!(message, r#"{{"d":{d},"op":0,"s":{},"t":{quote}{name}{quote}}}"#, self.seq)
        } else {
            write!(message, r#"{{"t":{quote}{name}{quote},"s":{},"op":0,"d":{d}}}"#, self.seq)
        };
        Bytes::from(message)
    }
}
