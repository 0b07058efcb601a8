//! The messages of end-to-end encryption on the voice gateway: which are binary, which JSON, and how they are spoilt.

use bytes::Bytes;
use sanscord::id::{ChannelId, UserId};
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
        let Some((user, session)) = self.session_on(connection) else { return };
        if !session.encrypts {
            return desk.violation(Rule::Dave, "a DAVE message came in a call of version 0");
        }
        let channel = session.grant.channel;
        self.encrypt(desk, channel, |group, now| group.handle(now, user, request));
    }

    /// Does something to the encryption of the calls that there are.
    pub(crate) fn encrypt_all(&mut self, desk: &mut Desk, mut act: impl FnMut(&mut Encryption, Timestamp)) {
        for channel in self.groups.keys().copied().collect::<Vec<_>>() {
            self.encrypt(desk, channel, &mut act);
        }
    }

    /// Does something to the encryption of the call that a bot is in.
    pub(crate) fn encrypt_for(
        &mut self,
        desk: &mut Desk,
        user: UserId,
        act: impl FnOnce(&mut Encryption, Timestamp),
    ) {
        if let Some(channel) = self.session(user).map(|session| session.grant.channel) {
            self.encrypt(desk, channel, act);
        }
    }

    /// Executes transitions for which it was waited long enough.
    pub(super) fn execute_overdue(&mut self, desk: &mut Desk) {
        self.encrypt_all(desk, Encryption::advance);
    }

    /// Seals what a speaker says end to end, if the call is encrypted; nothing if the speaker has no key.
    pub(crate) fn seal(&mut self, channel: ChannelId, user: UserId, packet: &Packet) -> Option<Spoken> {
        let group = self.groups.get_mut(&channel).filter(|_| !packet.payload.is_empty());
        let Some(group) = group else { return Some(Spoken { packet: packet.clone(), sealed: None }) };
        let sealed = group.seal(user, &packet.payload)?;
        let packet = Packet { payload: sealed.frame.clone(), ..packet.clone() };
        Some(Spoken { packet, sealed: Some(sealed) })
    }

    /// Whether a client can open what was sealed.
    pub(crate) fn can_open(&self, channel: ChannelId, user: UserId, spoken: &Spoken) -> bool {
        let Some(sealed) = &spoken.sealed else { return true };
        self.groups.get(&channel).is_none_or(|group| group.has_key(user, sealed))
    }

    /// Lets something happen to a group, and sends the clients what follows.
    pub(super) fn encrypt(
        &mut self,
        desk: &mut Desk,
        channel: ChannelId,
        happen: impl FnOnce(&mut Encryption, Timestamp),
    ) {
        let Some(group) = self.groups.get_mut(&channel) else { return };
        happen(group, desk.now);
        for (user, what) in group.take_faults() {
            desk.violation(Rule::Dave, format!("{}: {what}", desk.config.bot_name(user)));
        }
        while let Some((user, message)) = self.groups.get_mut(&channel).and_then(Encryption::next_message) {
            let is_founded = self.groups.get(&channel).is_some_and(|group| group.epoch() > 1);
            let Some(session) = self.session_mut(user) else { continue };
            if session.send_message(desk, message, is_founded)
                && let Some(group) = self.groups.get_mut(&channel)
            {
                group.disturb(user);
            }
        }
    }
}

/// What a played speaker says, as it goes to clients.
pub(crate) struct Spoken {
    pub(crate) packet: Packet,
    sealed: Option<Sealed>,
}

impl Session {
    /// Sends a message of the group. Answers whether it was spoilt: not the commit that founds a group, of which its
    /// sender alone hears, who takes one that it does not know for somebody else's.
    fn send_message(&mut self, desk: &mut Desk, message: Message, is_founded: bool) -> bool {
        let mut is_spoilt = false;
        match message {
            Message::ExternalSender(payload) => self.send_binary(desk, 25, &payload),
            Message::Proposals(payload) => self.send_binary(desk, 27, &payload),
            Message::AnnounceCommit(mut payload) => {
                is_spoilt = is_founded && spoil(desk, DaveFault::Commit, &mut payload);
                self.send_binary(desk, 29, &payload);
            }
            Message::Welcome(mut payload) => {
                is_spoilt = spoil(desk, DaveFault::Welcome, &mut payload);
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
        is_spoilt
    }
}

/// Flips a bit at the end, if this is asked for: that of a commit authenticates its sender as a member, that of a
/// welcome the group's state (RFC 9420, sections 6.2 and 12.4.3.1). Answers whether it did.
fn spoil(desk: &mut Desk, fault: DaveFault, payload: &mut [u8]) -> bool {
    let faults = &mut desk.config.faults.dave;
    let Some(place) = faults.iter().position(|other| *other == fault) else { return false };
    faults.remove(place);
    if let Some(last) = payload.last_mut() {
        *last ^= 1;
    }
    true
}
