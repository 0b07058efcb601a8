//! Identify and Resume: how a connection gets a session.

use sanscord::time::Duration;
use serde_json::Value;

use super::session::Session;
use super::{GUILDS, Gateway, MAX_SESSIONS, guild, text};
use crate::desk::Desk;
use crate::fault::GatewayStep;
use crate::server::{ConnectionId, Service};
use crate::violation::Rule;

/// How far apart Identifies of one concurrency key are.
const IDENTIFY_WINDOW: Duration = Duration::from_secs(5);
/// The shortest wait after Invalid Session, as Discord's staff advise.
const INVALID_WAIT: Duration = Duration::from_secs(1);
/// All intents that exist for bots (protocol version 10).
const INTENTS: u64 = 0x331_FFFF;

impl Gateway {
    pub(super) fn on_identify(&mut self, desk: &mut Desk, connection: ConnectionId, d: &Value) {
        let token = d.get("token").and_then(Value::as_str);
        let intents = d.get("intents").and_then(Value::as_u64);
        let properties = ["os", "browser", "device"].iter().all(|name| d["properties"][name].is_string());
        let (Some(token), Some(intents), true) = (token, intents, properties) else {
            desk.violation(Rule::Payload, "an Identify lacks its token, its intents or its properties");
            return self.fail(desk, connection, 4002);
        };
        if token.starts_with("Bot ") {
            desk.violation(Rule::Payload, "an Identify's token begins with \"Bot \", which is REST's custom");
        }
        if token != desk.config.token {
            return self.fail(desk, connection, 4004);
        }
        let shard = match d.get("shard") {
            None | Some(Value::Null) => Some([0, 1]),
            Some(shard) => serde_json::from_value::<[u64; 2]>(shard.clone()).ok(),
        };
        let Some([shard, shards]) = shard.filter(|[shard, shards]| shard < shards) else {
            return self.fail(desk, connection, 4010);
        };
        if intents & !INTENTS != 0 {
            return self.fail(desk, connection, 4013);
        }
        if intents & desk.config.disallowed_intents != 0 {
            return self.fail(desk, connection, 4014);
        }
        if !self.may_identify(desk, shard) {
            self.invalidated = Some(desk.now);
            return desk.send(Service::Gateway, connection, text(9, &Value::Bool(false)));
        }
        if let Some(state) = self.connections.get(&connection)
            && !desk.config.resume_path.is_empty()
            && state.path == desk.config.resume_path
        {
            desk.violation(Rule::ResumeUrl, "an Identify came to resume_gateway_url");
        }
        if self.fault(desk, connection, GatewayStep::Ready) {
            return;
        }
        if self.sessions.len() == MAX_SESSIONS
            && let Some(id) = self.sessions.iter().find(|s| s.connection.is_none()).map(|s| s.id.clone())
        {
            self.end_session(&id, false);
        }
        let slack = desk.config.tolerance + desk.delay(Service::Gateway);
        let mut session = Session::new(desk.hex(16), connection, intents, slack);
        if let Some(state) = self.connections.get_mut(&connection) {
            state.session = Some(session.id.clone());
        }
        desk.report.identifies += 1;
        let ready = guild::ready(&desk.config, &session.id, [shard, shards]);
        session.dispatch(desk, "READY", &ready);
        let id = session.id.clone();
        self.sessions.push(session);
        if self.next_chatter.is_none() {
            self.next_chatter = desk.config.chatter.map(|every| desk.now + every);
        }
        // Discord docs: Gateway, Sharding.
        let is_ours = (desk.config.guild.0 >> 22) % shards == shard;
        if self.fault(desk, connection, GatewayStep::GuildCreate) || !is_ours || intents & GUILDS == 0 {
            return;
        }
        let create = guild::create(&desk.config);
        self.dispatch_to(desk, &id, "GUILD_CREATE", &create);
    }

    /// Whether the concurrency key of this shard is free, and the wait after Invalid Session over.
    fn may_identify(&mut self, desk: &mut Desk, shard: u64) -> bool {
        let tolerance = desk.config.tolerance.min(Duration::from_millis(200));
        if self.invalidated.take().is_some_and(|at| desk.now.since(at) < INVALID_WAIT) {
            desk.violation(Rule::IdentifyRate, "an Identify came less than a second after Invalid Session");
        }
        let key = shard % u64::from(desk.config.max_concurrency.max(1));
        let last = self.identified.insert(key, desk.now);
        let free = last.is_none_or(|last| desk.now.since(last) + tolerance >= IDENTIFY_WINDOW);
        if !free {
            desk.violation(Rule::IdentifyRate, format!("two Identifies of key {key} within five seconds"));
        }
        free
    }

    pub(super) fn on_resume(&mut self, desk: &mut Desk, connection: ConnectionId, d: &Value) {
        let field = |name: &str| d.get(name).and_then(Value::as_str);
        let (Some(token), Some(id), Some(seq)) =
            (field("token"), field("session_id"), d.get("seq").and_then(Value::as_u64))
        else {
            desk.violation(Rule::Payload, "a Resume lacks its token, its session_id or its seq");
            return self.fail(desk, connection, 4002);
        };
        if token != desk.config.token {
            return self.fail(desk, connection, 4004);
        }
        if let Some(state) = self.connections.get(&connection)
            && state.path != desk.config.resume_path
        {
            desk.violation(Rule::ResumeUrl, "a Resume did not come to resume_gateway_url");
        }
        let Some(session) = self.sessions.iter_mut().find(|session| session.id == id) else {
            if self.dead.iter().any(|dead| dead == id) {
                desk.violation(Rule::Dead, "a session was resumed after it had been declared invalid");
            }
            self.invalidated = Some(desk.now);
            return desk.send(Service::Gateway, connection, text(9, &Value::Bool(false)));
        };
        if seq > session.seq {
            desk.violation(
                Rule::Acknowledgement,
                format!("a Resume names {seq}, {} was the last", session.seq),
            );
            let id = session.id.clone();
            self.end_session(&id, false);
            return self.fail(desk, connection, 4007);
        }
        if !session.can_replay(seq) {
            self.invalidated = Some(desk.now);
            let id = session.id.clone();
            self.end_session(&id, false);
            return desk.send(Service::Gateway, connection, text(9, &Value::Bool(false)));
        }
        if let Err(what) = session.ledger.resume(Some(seq)) {
            desk.violation(Rule::Acknowledgement, format!("a Resume's seq is wrong: {what}"));
        }
        if let Some(old) = session.connection {
            session.detach(desk.now, desk.config.resume_window);
            self.connections.remove(&old);
            desk.cut(old);
        }
        if self.fault(desk, connection, GatewayStep::Resume) {
            return;
        }
        let Some(session) = self.sessions.iter_mut().find(|session| session.id == id) else { return };
        session.attach(connection);
        if let Some(state) = self.connections.get_mut(&connection) {
            state.session = Some(session.id.clone());
        }
        session.replay(desk, seq);
        if self.fault(desk, connection, GatewayStep::Resumed) {
            return;
        }
        desk.report.resumes += 1;
        if let Some(session) = self.sessions.iter_mut().find(|session| session.id == id) {
            session.resumed(desk);
        }
    }
}
