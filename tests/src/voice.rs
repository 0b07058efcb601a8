//! A voice server: its gateway, version 8, and its UDP port.

mod dave;
mod discovery;
pub(crate) mod encryption;
mod handshake;
mod session;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use bytes::Bytes;
use sanscord::id::ChannelId;
use sanscord::machine::{CloseFrame, Frame};
use sanscord::time::{Duration, Timestamp, soonest};
use serde_json::{Value, json};

use crate::desk::Desk;
use crate::fault::{End, VoiceStep};
use crate::pulse::Pulse;
use crate::rtp::{Malformed, is_rtcp};
use crate::server::{ConnectionId, Service};
use crate::target;
use crate::violation::Rule;
use encryption::Encryption;

pub(crate) use session::{Grant, Session};

/// How long a UDP path may be silent: the shortest bindings in the field close soon after.
pub(crate) const KEEPALIVE: Duration = Duration::from_secs(10);

/// How long a client that left may keep its WebSocket.
const DISMISSAL: Duration = Duration::from_secs(1);

/// What the voice server tells the rest of our Discord.
pub(crate) enum Effect {
    /// A session got its Ready: tell it who is there.
    Ready,
    /// A session was described: media may flow.
    Live,
    /// A session was given up, because its client stayed away.
    Abandoned,
}

pub(crate) struct Voice {
    pub(crate) session: Option<Session>,
    pub(crate) silent: bool,
    grant: Option<Grant>,
    links: BTreeMap<ConnectionId, Link>,
    /// Tokens that clients were told to forget, and when; the newest 16.
    dead: VecDeque<(Timestamp, String)>,
    effects: VecDeque<Effect>,
}

/// One WebSocket.
struct Link {
    pulse: Pulse,
    /// Whether it has identified or resumed.
    bound: bool,
    /// When it is closed, its session being over.
    leaves_at: Option<Timestamp>,
}

impl Voice {
    pub(crate) const fn new() -> Self {
        Self {
            session: None,
            silent: false,
            grant: None,
            links: BTreeMap::new(),
            dead: VecDeque::new(),
            effects: VecDeque::new(),
        }
    }

    pub(crate) fn next_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Expects this client and no other from now on.
    pub(crate) fn expect(&mut self, grant: Grant) {
        self.grant = Some(grant);
    }

    /// Whether a client is connected and its session goes on in this channel.
    pub(crate) fn serves(&self, channel: ChannelId) -> bool {
        self.session.as_ref().is_some_and(|s| s.link.is_some() && s.grant.channel == channel)
    }

    /// Ends the session for good. What is left of it is closed with `code`, or cut if there is none.
    pub(crate) fn end(&mut self, desk: &mut Desk, code: Option<u16>) {
        self.bury(desk);
        for (connection, _) in std::mem::take(&mut self.links) {
            match code {
                Some(code) => desk.close(Service::Voice, connection, code),
                None => desk.cut(connection),
            }
        }
    }

    /// Forgets the session, but not that it is over.
    fn bury(&mut self, desk: &Desk) {
        let tokens = self.grant.take().into_iter().chain(self.session.take().map(|session| session.grant));
        for grant in tokens {
            self.dead.push_back((desk.now, grant.token));
        }
        while self.dead.len() > 16 {
            self.dead.pop_front();
        }
    }

    /// Ends the session because its client asked for that. The client may close the WebSocket itself; if it
    /// does not, that is done soon.
    pub(crate) fn dismiss(&mut self, desk: &Desk) {
        self.bury(desk);
        for link in self.links.values_mut() {
            link.leaves_at = Some(desk.now + DISMISSAL);
        }
    }

    /// Whether a session ended so lately that its client may not know.
    fn has_just_ended(&self, desk: &Desk) -> bool {
        let leaving = self.links.values().any(|link| link.leaves_at.is_some());
        leaving || self.dead.back().is_some_and(|(at, _)| desk.now.since(*at) <= grace(desk))
    }

    /// Cuts the WebSocket; the session and the UDP path stay.
    pub(crate) fn cut(&mut self, desk: &mut Desk) {
        for (connection, _) in std::mem::take(&mut self.links) {
            desk.cut(connection);
        }
        self.unlink(desk);
    }

    /// Closes the WebSocket. The session stays if the code says that it can be resumed.
    pub(crate) fn close(&mut self, desk: &mut Desk, code: u16) {
        if can_be_resumed(code) {
            for (connection, _) in std::mem::take(&mut self.links) {
                desk.close(Service::Voice, connection, code);
            }
            self.unlink(desk);
        } else {
            self.end(desk, Some(code));
        }
    }

    pub(crate) fn request_heartbeats(&mut self, desk: &mut Desk) {
        for (connection, link) in &mut self.links {
            link.pulse.request();
            desk.send(Service::Voice, *connection, text(3, &Value::Null));
        }
    }

    pub(crate) fn deadline(&self, desk: &Desk) -> Option<Timestamp> {
        let pulses = self.links.values().filter_map(|l| soonest(Some(l.pulse.deadline()), l.leaves_at)).min();
        let session = self.session.as_ref().and_then(|session| {
            let keepalive = session.keepalive_deadline(KEEPALIVE + desk.config.tolerance);
            let transition = session.encryption.as_ref().and_then(Encryption::deadline);
            soonest(soonest(session.expires, keepalive), transition)
        });
        soonest(pulses, session)
    }

    pub(crate) fn advance(&mut self, desk: &mut Desk) {
        let leaving = |link: &Link| link.leaves_at.is_some_and(|at| at <= desk.now);
        let left: Vec<_> = self.links.iter().filter(|(_, link)| leaving(link)).map(|(id, _)| *id).collect();
        for connection in left {
            self.fail(desk, connection, 4014);
        }
        let dead: Vec<_> = self
            .links
            .iter()
            .filter(|(_, link)| link.pulse.deadline() <= desk.now)
            .map(|(id, _)| *id)
            .collect();
        for connection in dead {
            desk.violation(
                Rule::Heartbeat,
                "the voice gateway got no heartbeat for one and a half intervals",
            );
            self.fail(desk, connection, 4009);
        }
        self.execute_overdue(desk);
        let Some(session) = &mut self.session else { return };
        if session.keepalive_deadline(KEEPALIVE + desk.config.tolerance).is_some_and(|at| at <= desk.now) {
            session.lapsed = true;
            desk.violation(Rule::Keepalive, "no datagram came for 10 s: a NAT would have closed the path");
        }
        if session.expires.is_some_and(|at| at <= desk.now) {
            self.session = None;
            self.grant = None;
            self.effects.push_back(Effect::Abandoned);
        }
    }

    pub(crate) fn on_upgrade(&mut self, desk: &mut Desk, connection: ConnectionId, target: &str) {
        desk.report.voice_upgrades += 1;
        if target::parameter(target, "v") != Some("8") {
            desk.violation(Rule::Target, format!("the voice upgrade's target is {target:?}, without v=8"));
            return desk.refuse(Service::Voice, connection, 400);
        }
        if let Some(status) = desk.config.faults.refuse_voice.pop_front() {
            return desk.refuse(Service::Voice, connection, status);
        }
        desk.accept(Service::Voice, connection);
        let interval = desk.config.voice_heartbeat_interval;
        let slack = desk.config.tolerance + desk.delay(Service::Voice) * 2;
        // Clients may beat every 5 s even where the interval is longer, as the official ones do.
        let shortest = interval.min(Duration::from_secs(5)) / 2;
        self.links.insert(
            connection,
            Link { pulse: Pulse::new(desk.now, interval, shortest, slack), bound: false, leaves_at: None },
        );
        if self.fault(desk, connection, VoiceStep::Hello) {
            return;
        }
        let hello = json!({"v": 8, "heartbeat_interval": interval.as_secs_f64() * 1_000.0});
        desk.send(Service::Voice, connection, text(8, &hello));
    }

    pub(crate) fn on_closed(
        &mut self,
        desk: &mut Desk,
        connection: ConnectionId,
        frame: Option<&CloseFrame>,
    ) {
        if self.links.remove(&connection).is_none() {
            return;
        }
        if self.session.as_ref().is_some_and(|session| session.link == Some(connection)) {
            if frame.is_some_and(|frame| matches!(frame.code, 1000 | 1001)) {
                self.bury(desk);
            } else {
                self.unlink(desk);
            }
        }
    }

    pub(crate) fn on_frame(&mut self, desk: &mut Desk, connection: ConnectionId, frame: &Frame) {
        if !self.links.contains_key(&connection) {
            return;
        }
        let parsed = match frame {
            Frame::Text(text) => serde_json::from_slice::<Value>(text).ok(),
            Frame::Binary(data) => return self.on_binary(desk, connection, data),
        };
        let Some((op, d)) = parsed.as_ref().and_then(|v| Some((v.get("op")?.as_u64()?, v.get("d")?))) else {
            desk.violation(Rule::Payload, "a voice message is not JSON text with op and d");
            return self.fail(desk, connection, 4002);
        };
        match op {
            0 => self.on_identify(desk, connection, d),
            3 => self.on_heartbeat(desk, connection, d),
            7 => self.on_resume(desk, connection, d),
            1 | 5 | 12 | 14 | 15 | 16 | 23 | 31 | 32 if !self.is_bound(connection) => {
                desk.violation(Rule::Order, format!("voice op {op} came before Identify"));
                self.fail(desk, connection, 4003);
            }
            1 => self.on_select_protocol(desk, connection, d),
            5 => self.on_speaking(desk, d),
            23 | 31 => self.on_transition(desk, connection, op, d),
            12 | 14 | 15 | 16 | 32 => {}
            _ => {
                desk.violation(Rule::Order, format!("voice op {op} is not a client's"));
                self.fail(desk, connection, 4001);
            }
        }
    }

    pub(crate) fn on_datagram(&mut self, desk: &mut Desk, from: SocketAddr, data: &Bytes) {
        if matches!(**data, [0, 1, ..]) {
            return self.on_discovery(desk, from, data);
        }
        let Some(session) = self.session.as_mut().filter(|session| session.peer == Some(from)) else {
            return;
        };
        session.heard_from(desk.now);
        let version = data.first().map_or(0, |flags| flags >> 6);
        if version != 2 {
            desk.report.keepalives += 1;
            // Observed: Discord answers this form of keepalive, and no other.
            if let [0x13, 0x37, 0xCA, 0xFE, a, b, c, d] = **data {
                desk.datagram(from, Bytes::copy_from_slice(&[0x13, 0x37, 0xF0, 0x0D, a, b, c, d]));
            }
            return;
        }
        if !session.spoke {
            desk.violation(Rule::Speaking, "media came before a Speaking message");
        }
        match session.check_media(data) {
            Ok(frame) => {
                desk.report.client_packets += 1;
                if let Some(encryption) = &mut session.encryption
                    && !frame.is_empty()
                    && let Err(error) = encryption.open(desk.now, &frame)
                {
                    desk.violation(Rule::Dave, format!("nobody can open what it says: {error}"));
                }
            }
            Err((rule, Malformed(what))) => {
                let kind = if is_rtcp(data) { "RTCP" } else { "RTP" };
                desk.violation(rule, format!("an {kind} packet is wrong: {what}"));
            }
        }
    }

    fn on_heartbeat(&mut self, desk: &mut Desk, connection: ConnectionId, d: &Value) {
        desk.report.voice_heartbeats += 1;
        let Some(link) = self.links.get_mut(&connection) else { return };
        if let Err(what) = link.pulse.beat(desk.now) {
            desk.violation(Rule::Heartbeat, format!("voice: {what}"));
        }
        let Some(nonce) = d.get("t").filter(|t| t.is_u64() || t.is_i64()) else {
            desk.violation(Rule::Payload, "a voice heartbeat has no integer t, as version 8 asks for");
            return self.fail(desk, connection, 4002);
        };
        let acknowledged = match self.session.as_mut().filter(|session| session.link == Some(connection)) {
            Some(session) => session.acknowledge(desk.now, d),
            None => match d.get("seq_ack").and_then(Value::as_i64) {
                // A new connection's first beat may come before it has identified or resumed.
                _ if !link.bound || link.leaves_at.is_some() => Ok(()),
                None | Some(-1) => Ok(()),
                Some(seq) => Err(format!("{seq} was acknowledged, nothing was sent")),
            },
        };
        if let Err(what) = acknowledged {
            desk.violation(Rule::Acknowledgement, format!("a voice heartbeat's seq_ack is wrong: {what}"));
        }
        if !self.silent {
            desk.send(Service::Voice, connection, text(6, &json!({ "t": nonce })));
        }
    }

    fn on_speaking(&mut self, desk: &mut Desk, d: &Value) {
        let Some(session) = &mut self.session else { return };
        let number = |name: &str| d.get(name).and_then(Value::as_u64);
        if number("speaking").is_none() || number("ssrc") != Some(u64::from(session.ssrc)) {
            return desk.violation(Rule::Speaking, format!("a Speaking message does not name our SSRC: {d}"));
        }
        session.spoke = true;
    }

    fn is_bound(&self, connection: ConnectionId) -> bool {
        self.links.get(&connection).is_some_and(|link| link.bound)
    }

    fn bind(&mut self, connection: ConnectionId) {
        if let Some(link) = self.links.get_mut(&connection) {
            link.bound = true;
        }
    }

    /// A token that the client was told to forget some time ago should not turn up again.
    fn tell_dead(&self, desk: &mut Desk, token: &str) {
        if self.dead.iter().any(|(at, dead)| dead == token && desk.now.since(*at) > grace(desk)) {
            desk.violation(Rule::Dead, "a voice session that was ended for good was used again");
        }
    }

    /// The session's WebSocket is gone.
    fn unlink(&mut self, desk: &Desk) {
        if let Some(session) = &mut self.session {
            session.link = None;
            session.ledger.lost(desk.now);
            session.expires = Some(desk.now + desk.config.voice_resume_window);
        }
    }

    /// Closes one WebSocket because of its client; its session, if it has one, goes with it unless the code
    /// says that it can be resumed.
    fn fail(&mut self, desk: &mut Desk, connection: ConnectionId, code: u16) {
        self.hang_up(desk, connection, End::Close(code));
    }

    fn hang_up(&mut self, desk: &mut Desk, connection: ConnectionId, end: End) {
        if self.links.remove(&connection).is_none() {
            return;
        }
        match end {
            End::Close(code) => desk.close(Service::Voice, connection, code),
            End::Cut => desk.cut(connection),
        }
        if self.session.as_ref().is_none_or(|session| session.link != Some(connection)) {
            return;
        }
        match end {
            End::Close(code) if !can_be_resumed(code) => self.end(desk, Some(code)),
            End::Close(_) | End::Cut => self.unlink(desk),
        }
    }

    fn fault(&mut self, desk: &mut Desk, connection: ConnectionId, step: VoiceStep) -> bool {
        let faults = &mut desk.config.faults.voice;
        let Some((_, end)) = faults.iter().position(|(at, _)| *at == step).and_then(|at| faults.remove(at))
        else {
            return false;
        };
        self.hang_up(desk, connection, end);
        true
    }
}

/// Whether a session outlives this close code: those of a server that crashed, and the WebSocket's own below 4000
/// (Discord docs: Voice Close Event Codes; 4013 is not listed there).
const fn can_be_resumed(code: u16) -> bool {
    code < 4000 || matches!(code, 4013 | 4015)
}

/// How long a client may act on what has been overtaken by what we sent.
fn grace(desk: &Desk) -> Duration {
    desk.config.tolerance + desk.delay(Service::Voice) + desk.delay(Service::Gateway)
}

fn text(op: u8, d: &Value) -> String {
    format!(r#"{{"op":{op},"d":{d}}}"#)
}
