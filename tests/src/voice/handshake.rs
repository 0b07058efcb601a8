//! Identify, Resume and Select Protocol: how a connection gets a session, and a session its key.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::encryption::Encryption;
use super::{Effect, Session, Voice, text};
use crate::desk::Desk;
use crate::fault::VoiceStep;
use crate::rtp::{Mode, Seal};
use crate::server::{ConnectionId, Service};
use crate::violation::Rule;

impl Voice {
    pub(super) fn on_identify(&mut self, desk: &mut Desk, connection: ConnectionId, d: &Value) {
        if self.is_bound(connection) {
            desk.violation(Rule::Order, "a voice connection identified twice");
            return self.fail(desk, connection, 4005);
        }
        let field = |name: &str| d.get(name).and_then(Value::as_str);
        let (Some(server), Some(user), Some(id), Some(token)) =
            (field("server_id"), field("user_id"), field("session_id"), field("token"))
        else {
            desk.violation(Rule::Payload, "a voice Identify lacks a field, or it is not a string");
            return self.fail(desk, connection, 4002);
        };
        let user = user.parse().ok();
        let user = user.filter(|user| self.seats.contains_key(user)).unwrap_or(desk.config.bot);
        let named = d.get("user_id").and_then(Value::as_str) == Some(&user.to_string());
        if self.session(user).is_some_and(|session| session.grant.token == token) {
            desk.violation(Rule::Order, "a voice session that could be resumed was identified again");
            return self.fail(desk, connection, 4006);
        }
        let grant = self.seats.get(&user).and_then(|seat| seat.grant.clone());
        let grant =
            grant.filter(|grant| grant.session == id && server == desk.config.guild.to_string() && named);
        let known = grant.is_some();
        let Some(grant) = grant.filter(|grant| grant.token == token) else {
            self.tell_dead(desk, token);
            return self.fail(desk, connection, if known { 4004 } else { 4006 });
        };
        let speaks_dave = d.get("max_dave_protocol_version").and_then(Value::as_u64).unwrap_or(0) >= 1;
        if desk.config.dave_required && !speaks_dave {
            return self.fail(desk, connection, 4017);
        }
        if self.fault(desk, connection, VoiceStep::Ready) {
            return;
        }
        if let Some(old) = self.drop_session(desk, user).and_then(|old| old.link) {
            self.links.remove(&old);
            desk.cut(old);
        }
        let (channel, ssrc) = (grant.channel, self.fresh_ssrc(desk));
        let mut session = Session::new(desk, grant, connection, ssrc);
        session.encrypts = desk.config.dave && speaks_dave;
        if session.encrypts && !self.groups.contains_key(&channel) {
            let version = u16::from(self.sessions_in(channel).all(|(_, session)| session.encrypts));
            self.groups.insert(channel, Encryption::new(channel, version, desk.rng.fork()));
        }
        let udp = desk.config.addresses.voice_udp;
        let ready = json!({
            "ssrc": session.ssrc, "ip": udp.ip().to_string(), "port": udp.port(), "modes": desk.config.modes,
            "experiments": ["fixed_keyframe_interval"], "streams": [],
            // Observed: this one is meaningless, Hello's counts.
            "heartbeat_interval": 1,
        });
        if let Some(seat) = self.seats.get_mut(&user) {
            seat.session = Some(session);
        }
        self.bind(connection, user);
        desk.report.voice_identifies += 1;
        desk.send(Service::Voice, connection, text(2, &ready));
        self.effects.push_back(Effect::Ready(user));
    }

    /// An SSRC that no other session has.
    fn fresh_ssrc(&self, desk: &mut Desk) -> u32 {
        loop {
            let ssrc = desk.rng.u32(1..);
            let mut sessions = self.seats.values().filter_map(|seat| seat.session.as_ref());
            if sessions.all(|session| session.ssrc != ssrc) {
                return ssrc;
            }
        }
    }

    pub(super) fn on_resume(&mut self, desk: &mut Desk, connection: ConnectionId, d: &Value) {
        if self.is_bound(connection) {
            desk.violation(Rule::Order, "a voice connection was resumed after it had identified");
            return self.fail(desk, connection, 4005);
        }
        let field = |name: &str| d.get(name).and_then(Value::as_str);
        let (Some(server), Some(id), Some(token)) = (field("server_id"), field("session_id"), field("token"))
        else {
            desk.violation(Rule::Payload, "a voice Resume lacks a field, or it is not a string");
            return self.fail(desk, connection, 4002);
        };
        let is_it = |session: &Session| {
            session.grant.token == token
                && session.grant.session == id
                && server == desk.config.guild.to_string()
        };
        let its = self.seats.iter().find(|(_, seat)| seat.session.as_ref().is_some_and(is_it));
        let user = its.map(|(user, _)| *user);
        let Some((user, session)) = user.and_then(|user| Some((user, self.session_mut(user)?))) else {
            self.tell_dead(desk, token);
            return self.fail(desk, connection, 4006);
        };
        let missed = match session.resume(d) {
            Ok(acknowledged) => session.missed(acknowledged),
            Err(what) => {
                desk.violation(Rule::Acknowledgement, format!("a voice Resume's seq_ack is wrong: {what}"));
                return self.fail(desk, connection, 4006);
            }
        };
        let Some(missed) = missed else { return self.fail(desk, connection, 4006) };
        if let Some(old) = session.link.replace(connection) {
            session.ledger.lost(desk.now);
            self.links.remove(&old);
            desk.cut(old);
        }
        self.bind(connection, user);
        if self.fault(desk, connection, VoiceStep::Resumed) {
            return;
        }
        desk.report.voice_resumes += 1;
        desk.send(Service::Voice, connection, text(9, &Value::Null));
        if let Some(session) = self.session_mut(user) {
            session.expires = None;
            for (number, message) in missed {
                session.ledger.sent(desk.now, number);
                desk.send_frame(Service::Voice, connection, message);
            }
        }
    }

    pub(super) fn on_select_protocol(&mut self, desk: &mut Desk, connection: ConnectionId, d: &Value) {
        let Some((user, session)) = self.session_on(connection) else { return };
        if session.keys.is_some() {
            return desk.violation(Rule::Order, "Select Protocol came twice");
        }
        if d.get("protocol").and_then(Value::as_str) != Some("udp") {
            desk.violation(Rule::SelectProtocol, "the protocol is not udp");
            return self.fail(desk, connection, 4012);
        }
        let data = d.get("data").unwrap_or(&Value::Null);
        let address = data.get("address").and_then(Value::as_str).and_then(|ip| ip.parse().ok());
        let port = data.get("port").and_then(Value::as_u64).and_then(|port| u16::try_from(port).ok());
        let (Some(address), Some(port), Some(name)) =
            (address, port, data.get("mode").and_then(Value::as_str))
        else {
            desk.violation(Rule::Payload, "Select Protocol lacks an address, a port or a mode");
            return self.fail(desk, connection, 4002);
        };
        let offered = desk.config.modes.iter().any(|mode| mode == name);
        let Some(mode) = Mode::from_name(name).filter(|_| offered) else {
            if !offered {
                desk.violation(Rule::SelectProtocol, format!("{name:?} was not offered"));
            }
            return self.fail(desk, connection, 4016);
        };
        let named = SocketAddr::new(address, port);
        if session.peer != Some(named) {
            let found = session.peer;
            desk.violation(Rule::SelectProtocol, format!("it names {named}, discovery found {found:?}"));
        }
        if self.fault(desk, connection, VoiceStep::SessionDescription) {
            return;
        }
        let mut key = [0; 32];
        desk.rng.fill(&mut key);
        let first_nonce = desk.rng.u32(..1 << 30);
        let media_session = desk.hex(16);
        let Some(session) = self.session_mut(user) else { return };
        session.peer = Some(named);
        session.keys = Some((mode, key, Seal::new(mode, key, first_nonce)));
        session.heard_from(desk.now);
        desk.report.sessions_described += 1;
        let (channel, encrypts) = (session.grant.channel, session.encrypts);
        let group = self.groups.get_mut(&channel).filter(|_| encrypts);
        let version = group.map_or(0, |group| group.describe(user));
        let description = json!({
            "mode": name, "secret_key": key, "dave_protocol_version": version, "audio_codec": "opus",
            "video_codec": "H264", "media_session_id": media_session,
        });
        if let Some(session) = self.session_mut(user) {
            session.send(desk, 4, &description);
        }
        self.effects.push_back(Effect::Live(user));
        self.fault(desk, connection, VoiceStep::Live);
    }
}
