//! The messages of end-to-end encryption on the voice gateway: which are binary, which JSON, and how they are spoilt.

use bytes::Bytes;
use sanscord::id::UserId;
use sanscord::time::Timestamp;
use serde_json::{Value, json};

use super::encryption::{Encryption, Request, Sealed};
use super::{Session, Voice};
use crate::delivery::Message;
use crate::desk::Desk;
use crate::fault::DaveFault;
use crate::rtp::Packet;
use crate::server::ConnectionId;
use crate::violation::Rule;

impl Voice {
    /// A binary message: `op ‖ payload`.
    pub(super) fn on_binary(&mut self, desk: &mut Desk, connection: ConnectionId, data: &Bytes) {
        let request = match data.first() {
            Some(26) => Request::KeyPackage(data.slice(1..)),
            Some(28) => Request::CommitWelcome(data.slice(1..)),
            Some(op) => {
                desk.violation(Rule::Order, format!("voice op {op} is not a client's in binary"));
                return self.fail(desk, connection, 4001);
            }
            None => {
                desk.violation(Rule::Payload, "a binary voice message is empty");
                return self.fail(desk, connection, 4002);
            }
        };
        if !self.is_bound(connection) {
            desk.violation(Rule::Order, "a binary voice message came before Identify");
            return self.fail(desk, connection, 4003);
        }
        self.on_request(desk, connection, &request);
    }

    /// Op 23 or 31.
    pub(super) fn on_transition(&mut self, desk: &mut Desk, connection: ConnectionId, op: u64, d: &Value) {
        let transition = d.get("transition_id").and_then(Value::as_u64);
        let Some(transition) = transition.and_then(|transition| u16::try_from(transition).ok()) else {
            desk.violation(Rule::Payload, format!("voice op {op} names no transition_id of 16 bits"));
            return self.fail(desk, connection, 4002);
        };
        let request = if op == 23 { Request::Ready(transition) } else { Request::Invalid(transition) };
        self.on_request(desk, connection, &request);
    }

    fn on_request(&mut self, desk: &mut Desk, connection: ConnectionId, request: &Request) {
        let Some(session) = self.session.as_mut().filter(|session| session.link == Some(connection)) else {
            return;
        };
        if session.encryption.is_none() {
            return desk.violation(Rule::Dave, "a DAVE message came in a call of version 0");
        }
        session.encrypt(desk, |encryption, now| encryption.handle(now, request));
    }

    /// Ends encryption, if there is any.
    pub(crate) fn end_encryption(&mut self, desk: &mut Desk) {
        self.encrypt(desk, Encryption::end);
    }

    /// Makes a new group.
    pub(crate) fn begin_group(&mut self, desk: &mut Desk) {
        self.encrypt(desk, Encryption::begin_anew);
    }

    /// Proposes a stranger to the client.
    pub(crate) fn propose_stranger(&mut self, desk: &mut Desk) {
        self.encrypt(desk, Encryption::propose_stranger);
    }

    /// Executes transitions for which it was waited long enough.
    pub(super) fn execute_overdue(&mut self, desk: &mut Desk) {
        self.encrypt(desk, Encryption::advance);
    }

    fn encrypt(&mut self, desk: &mut Desk, happen: impl FnOnce(&mut Encryption, Timestamp)) {
        if let Some(session) = &mut self.session {
            session.encrypt(desk, happen);
        }
    }
}

impl Session {
    /// The client has been told of those who are there: they form a group, and it may join them.
    pub(crate) fn open_group(&mut self, desk: &mut Desk, users: &[UserId]) {
        self.encrypt(desk, |encryption, now| {
            users.iter().for_each(|user| encryption.arrive(now, *user));
            encryption.connect(now);
        });
    }

    /// The client has been told of somebody who came.
    pub(crate) fn admit(&mut self, desk: &mut Desk, user: UserId) {
        self.encrypt(desk, |encryption, now| encryption.arrive(now, user));
    }

    /// The client has been told of somebody who left.
    pub(crate) fn dismiss(&mut self, desk: &mut Desk, user: UserId) {
        self.encrypt(desk, |encryption, now| {
            encryption.leave(now, user);
        });
    }

    /// Seals what a speaker says end to end, if the call is encrypted. Answers with whether the client can open it, or
    /// with nothing if the speaker has no key.
    pub(crate) fn seal(&mut self, user: UserId, packet: &Packet) -> Option<(Packet, bool)> {
        let encryption = self.encryption.as_mut().filter(|_| !packet.payload.is_empty());
        let Some(encryption) = encryption else { return Some((packet.clone(), true)) };
        let (payload, is_readable) = match encryption.seal(user, &packet.payload)? {
            Sealed::Readable(payload) => (payload, true),
            Sealed::Unreadable(payload) => (payload, false),
        };
        Some((Packet { payload, ..packet.clone() }, is_readable))
    }

    /// Lets something happen to the group, and sends the client what follows.
    fn encrypt(&mut self, desk: &mut Desk, happen: impl FnOnce(&mut Encryption, Timestamp)) {
        let Some(encryption) = &mut self.encryption else { return };
        happen(encryption, desk.now);
        let faults = encryption.take_faults();
        let messages: Vec<_> = std::iter::from_fn(|| encryption.next_message()).collect();
        for what in faults {
            desk.violation(Rule::Dave, what);
        }
        for message in messages {
            self.send_message(desk, message);
        }
    }

    fn send_message(&mut self, desk: &mut Desk, message: Message) {
        match message {
            Message::ExternalSender(payload) => self.send_binary(desk, 25, &payload),
            Message::Proposals(payload) => self.send_binary(desk, 27, &payload),
            Message::AnnounceCommit(mut payload) => {
                self.spoil(desk, DaveFault::Commit, &mut payload);
                self.send_binary(desk, 29, &payload);
            }
            Message::Welcome(mut payload) => {
                self.spoil(desk, DaveFault::Welcome, &mut payload);
                self.send_binary(desk, 30, &payload);
            }
            Message::PrepareTransition { transition, version } => {
                self.send(desk, 21, &json!({"protocol_version": version, "transition_id": transition}));
            }
            Message::ExecuteTransition(transition) => {
                self.send(desk, 22, &json!({ "transition_id": transition }));
            }
            Message::PrepareEpoch { version, epoch } => {
                self.send(desk, 24, &json!({"protocol_version": version, "epoch": epoch}));
            }
        }
    }

    /// Flips a bit at the end, if this is asked for: that of a commit authenticates its sender as a member, that of a
    /// welcome the group's state (RFC 9420, sections 6.2 and 12.4.3.1).
    fn spoil(&mut self, desk: &mut Desk, fault: DaveFault, payload: &mut [u8]) {
        let faults = &mut desk.config.faults.dave;
        let Some(place) = faults.iter().position(|other| *other == fault) else { return };
        faults.remove(place);
        if let Some(last) = payload.last_mut() {
            *last ^= 1;
        }
        if let Some(encryption) = &mut self.encryption {
            encryption.disturb();
        }
    }
}
