//! What outlives a gateway connection: the dispatches and their numbers.

use std::collections::VecDeque;

use sanscord::time::{Duration, Timestamp};
use serde_json::{Value, json};

use crate::desk::Desk;
use crate::pulse::Ledger;
use crate::server::{ConnectionId, Service};

pub(crate) struct Session {
    pub(crate) id: String,
    pub(crate) connection: Option<ConnectionId>,
    pub(crate) intents: u64,
    /// The number of the last dispatch.
    pub(crate) seq: u64,
    /// When it is given up, without a connection.
    pub(crate) expires: Option<Timestamp>,
    pub(crate) ledger: Ledger,
    buffer: VecDeque<(u64, String)>,
    /// The newest dispatch that the buffer lost.
    dropped: u64,
}

impl Session {
    pub(super) const fn new(id: String, connection: ConnectionId, intents: u64, tolerance: Duration) -> Self {
        Self {
            id,
            connection: Some(connection),
            intents,
            seq: 0,
            expires: None,
            ledger: Ledger::new(tolerance),
            buffer: VecDeque::new(),
            dropped: 0,
        }
    }

    /// Numbers a dispatch, sends it if there is a connection, and keeps it for a replay.
    pub(super) fn dispatch(&mut self, desk: &mut Desk, name: &str, d: &Value) {
        let message = self.number(desk, name, d);
        desk.report.dispatches += 1;
        if let Some(connection) = self.connection {
            self.ledger.sent(desk.now, self.seq);
            desk.send(Service::Gateway, connection, message.clone());
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

    pub(super) const fn attach(&mut self, connection: ConnectionId) {
        self.connection = Some(connection);
        self.expires = None;
    }

    pub(super) fn detach(&mut self, now: Timestamp, window: Duration) {
        self.connection = None;
        self.ledger.lost(now);
        self.expires = Some(now + window);
    }

    /// Sends everything after `seq` again, in order.
    pub(super) fn replay(&mut self, desk: &mut Desk, seq: u64) {
        let Some(connection) = self.connection else { return };
        for (number, message) in self.buffer.iter().filter(|(number, _)| *number > seq) {
            desk.report.replayed += 1;
            self.ledger.sent(desk.now, *number);
            desk.send(Service::Gateway, connection, message.clone());
        }
    }

    /// Ends a replay. RESUMED has a number of its own and is not replayed later.
    pub(super) fn resumed(&mut self, desk: &mut Desk) {
        let Some(connection) = self.connection else { return };
        let message = self.number(desk, "RESUMED", &json!({"_trace": ["[\"gateway-test-1\"]"]}));
        self.ledger.sent(desk.now, self.seq);
        desk.send(Service::Gateway, connection, message);
    }

    /// The message with the next number.
    fn number(&mut self, desk: &Desk, name: &str, d: &Value) -> String {
        self.seq += 1;
        let name = Value::from(name);
        if desk.config.faults.data_first {
            format!(r#"{{"d":{d},"op":0,"s":{},"t":{name}}}"#, self.seq)
        } else {
            format!(r#"{{"t":{name},"s":{},"op":0,"d":{d}}}"#, self.seq)
        }
    }
}
