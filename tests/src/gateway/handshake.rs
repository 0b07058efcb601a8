//! Identify and Resume: how a connection gets a session.

use std::collections::btree_map::Entry;

use sanscord::gateway::ShardId;
use sanscord::id::{GuildId, UserId};
use serde_json::Value;

use super::commands::check_presence;
use super::session::{Event, Session, SessionKey};
use super::{GUILDS, Gateway, MAX_SESSIONS, guild};
use crate::desk::Desk;
use crate::fault::{End, GatewayStep};
use crate::server::{ConnectionId, Service};
use crate::violation::Rule;

/// All intents that exist for bots (protocol version 10).
const INTENTS: u64 = 0x331_FFFF;
/// Shards of which [`Report::shard_identifies`](crate::desk::Report) tells.
const MAX_REPORTED: usize = 4_096;

impl Gateway {
    pub(super) fn on_identify(&mut self, desk: &mut Desk, connection: ConnectionId, d: &Value) {
        let token = d.get("token").and_then(Value::as_str);
        let intents = d.get("intents").and_then(Value::as_u64);
        let properties = ["os", "browser", "device"].iter().all(|name| d["properties"][name].is_string());
        let (Some(token), Some(intents), true) = (token, intents, properties) else {
            desk.violation(Rule::Payload, "an Identify lacks its token, its intents or its properties");
            return self.fail(desk, connection, 4002);
        };
        if let Err(what) = check_options(d) {
            desk.violation(Rule::Payload, format!("an Identify is not as documented: {what}"));
            return self.fail(desk, connection, 4002);
        }
        let shard = read_shard(d.get("shard"));
        if let Some(state) = self.connections.get_mut(&connection) {
            state.shard = shard;
        }
        if token.starts_with("Bot ") {
            desk.violation(Rule::Payload, "an Identify's token begins with \"Bot \", which is REST's custom");
        }
        let Some(user) = desk.config.bot_of(token) else { return self.fail(desk, connection, 4004) };
        if let Some(state) = self.connections.get_mut(&connection) {
            state.user = Some(user);
        }
        if !self.spend_identify(desk, user) {
            return;
        }
        let Some(shard) = shard else { return self.fail(desk, connection, 4010) };
        self.limits(user).mourn(desk, shard);
        if shard.count < desk.config.min_shards {
            return self.fail(desk, connection, 4011);
        }
        if intents & !INTENTS != 0 {
            return self.fail(desk, connection, 4013);
        }
        if intents & desk.config.disallowed_intents != 0 {
            return self.fail(desk, connection, 4014);
        }
        if !self.limits(user).may_identify(desk, shard) {
            return self.declare_invalid(desk, connection, Some(shard));
        }
        if let Some(state) = self.connections.get_mut(&connection) {
            if !desk.config.resume_path.is_empty() && state.path == desk.config.resume_path {
                desk.violation(Rule::ResumeUrl, "an Identify came to resume_gateway_url");
            }
            state.compresses = desk.config.compression && d.get("compress") == Some(&Value::Bool(true));
        }
        if self.fault(desk, connection, GatewayStep::Ready) {
            return;
        }
        let Some(key) = self.begin(desk, connection, user, shard, intents) else { return };
        if self.fault(desk, connection, GatewayStep::GuildCreate) || intents & GUILDS == 0 {
            return;
        }
        for id in served(desk, shard) {
            // Its own voice state, if it left one behind, is of a session that is over.
            let others =
                self.voice_states.iter().filter(|(other, _)| **other != user).map(|(_, state)| state);
            let create = guild::create(&desk.config, id, others).to_string();
            self.dispatch_to(desk, key, Event { name: "GUILD_CREATE", d: &create });
        }
    }

    /// Takes one Identify of the day's. With one too many the token is reset, and every session ends.
    fn spend_identify(&mut self, desk: &mut Desk, user: UserId) -> bool {
        desk.report.identifies_spent += 1;
        let had = desk.identifies(user).is_revoked();
        if desk.identifies(user).spend() {
            return true;
        }
        if !had {
            desk.violation(Rule::IdentifyBudget, "an Identify came though none remained");
        }
        let main = desk.config.bot;
        let mine = self.connections.iter().filter(|(_, state)| state.user.unwrap_or(main) == user);
        for connection in mine.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.hang_up(desk, connection, End::Close(4004));
        }
        false
    }

    /// A new session, with its READY.
    fn begin(
        &mut self,
        desk: &mut Desk,
        connection: ConnectionId,
        user: UserId,
        shard: ShardId,
        intents: u64,
    ) -> Option<SessionKey> {
        if self.sessions.len() >= MAX_SESSIONS {
            let lost = self.sessions.iter().find(|(_, session)| session.connection.is_none());
            let oldest = lost.or_else(|| self.sessions.first_key_value()).map(|(key, _)| *key);
            if let Some(key) = oldest {
                self.end_session(key, false);
            }
        }
        let slack = desk.config.tolerance + desk.delay(Service::Gateway);
        let mut session = Session::new(desk.hex(16), user, shard, connection, intents, slack);
        self.minted += 1;
        self.detours = 0;
        let key = self.minted;
        let state = self.connections.get_mut(&connection)?;
        state.session = Some(key);
        session.compresses = state.compresses;
        desk.report.identifies += 1;
        let reported = desk.report.shard_identifies.len();
        match desk.report.shard_identifies.entry(shard.into()) {
            Entry::Occupied(mut entry) => *entry.get_mut() += 1,
            Entry::Vacant(entry) if reported < MAX_REPORTED => {
                entry.insert(1);
            }
            Entry::Vacant(_) => {}
        }
        let ready = guild::ready(&desk.config, user, &session.id, shard, &served(desk, shard)).to_string();
        session.dispatch(desk, Some(state), Event { name: "READY", d: &ready });
        self.sessions.insert(key, session);
        self.chatter.start(desk);
        Some(key)
    }

    pub(super) fn on_resume(&mut self, desk: &mut Desk, connection: ConnectionId, d: &Value) {
        let field = |name: &str| d.get(name).and_then(Value::as_str);
        let (Some(token), Some(id), Some(seq)) =
            (field("token"), field("session_id"), d.get("seq").and_then(Value::as_u64))
        else {
            desk.violation(Rule::Payload, "a Resume lacks its token, its session_id or its seq");
            return self.fail(desk, connection, 4002);
        };
        let user = desk.config.bot_of(token).filter(|user| !desk.identifies(*user).is_revoked());
        let Some(user) = user else { return self.fail(desk, connection, 4004) };
        let Some(state) = self.connections.get_mut(&connection) else { return };
        state.user = Some(user);
        if state.path != desk.config.resume_path {
            match self.detours.checked_sub(1) {
                Some(left) => self.detours = left,
                None => desk.violation(Rule::ResumeUrl, "a Resume did not come to resume_gateway_url"),
            }
        }
        let mine = |session: &Session| session.id == id && session.user == user;
        let Some((&key, session)) = self.sessions.iter_mut().find(|(_, session)| mine(session)) else {
            let ended = self.limits(user).obituary(id);
            if ended.is_some_and(|(_, told)| told) {
                desk.violation(Rule::Dead, "a session was resumed after it had been declared invalid");
            }
            let shard = ended.map(|(shard, _)| shard);
            if let Some(shard) = shard {
                self.limits(user).mourn(desk, shard);
            }
            return self.declare_invalid(desk, connection, shard);
        };
        let shard = session.shard;
        state.shard = Some(shard);
        state.compresses = session.compresses;
        if seq > session.seq {
            let last = session.seq;
            desk.violation(Rule::Acknowledgement, format!("a Resume names {seq}, {last} was the last"));
            self.end_session(key, false);
            return self.fail(desk, connection, 4007);
        }
        if !session.can_replay(seq) {
            self.end_session(key, false);
            return self.declare_invalid(desk, connection, Some(shard));
        }
        if let Err(what) = session.ledger.resume(Some(seq), desk.config.acknowledge_late) {
            desk.violation(Rule::Acknowledgement, format!("a Resume's seq is wrong: {what}"));
        }
        if let Some(old) = session.connection {
            self.detach(desk, key);
            self.drop_connection(old);
            desk.cut(old);
        }
        if self.fault(desk, connection, GatewayStep::Resume) {
            return;
        }
        let Some(state) = self.connections.get_mut(&connection) else { return };
        let Some(session) = self.sessions.get_mut(&key) else { return };
        if let Some(at) = session.expires.take() {
            self.expiries.remove(&(at, key));
        }
        state.session = Some(key);
        session.connection = Some(connection);
        session.handed = seq;
        session.replays_until = Some(session.seq);
        self.replay(desk, connection, key);
    }

    /// Goes on with a replay: one dispatch if there is to be time between them, or all. RESUMED follows the last.
    /// What happened since the Resume came follows at once.
    pub(super) fn replay(&mut self, desk: &mut Desk, connection: ConnectionId, key: SessionKey) {
        let Some(state) = self.connections.get_mut(&connection) else { return };
        let Some(session) = self.sessions.get_mut(&key) else { return };
        state.replays_at = None;
        let Some(until) = session.replays_until else { return };
        if !session.can_replay(session.handed) {
            let shard = session.shard;
            self.end_session(key, true);
            return self.declare_invalid(desk, connection, Some(shard));
        }
        while session.replay(desk, state, until) {
            if !desk.config.replay_pace.is_zero() && session.handed < until {
                state.replays_at = Some(desk.now + desk.config.replay_pace);
                return self.reschedule(connection);
            }
        }
        while session.replay(desk, state, u64::MAX) {}
        session.replays_until = None;
        self.reschedule(connection);
        if self.fault(desk, connection, GatewayStep::Resumed) {
            return;
        }
        desk.report.resumes += 1;
        if let (Some(session), Some(state)) =
            (self.sessions.get_mut(&key), self.connections.get_mut(&connection))
        {
            session.resumed(desk, state);
        }
    }
}

/// The guilds of a shard.
fn served(desk: &Desk, shard: ShardId) -> Vec<GuildId> {
    let mut ids = guild::ids(&desk.config);
    ids.retain(|id| ShardId::of(*id, shard.count) == shard);
    ids
}

/// The shard that an Identify names; the only one if it names none.
fn read_shard(shard: Option<&Value>) -> Option<ShardId> {
    match shard {
        None | Some(Value::Null) => Some(ShardId::ONLY),
        Some(shard) => {
            let pair = shard.as_array()?.iter().map(|n| u32::try_from(n.as_u64()?).ok());
            match pair.collect::<Option<Vec<_>>>()?[..] {
                [number, count] if number < count => Some(ShardId::new(number, count)),
                _ => None,
            }
        }
    }
}

/// Checks what an Identify may leave out.
fn check_options(d: &Value) -> Result<(), &'static str> {
    let given = |name: &str| d.get(name).filter(|value| !value.is_null());
    if given("compress").is_some_and(|compress| !compress.is_boolean()) {
        return Err("compress is no boolean");
    }
    if given("large_threshold").is_some_and(|n| !n.as_u64().is_some_and(|n| (50..=250).contains(&n))) {
        return Err("large_threshold is no number from 50 to 250");
    }
    given("presence").map_or(Ok(()), check_presence)
}
