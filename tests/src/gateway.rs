//! The main gateway, version 10, in plain JSON.

pub(crate) mod guild;
mod handshake;
mod session;

use std::collections::{BTreeMap, VecDeque};

use sanscord::id::ChannelId;
use sanscord::machine::{CloseFrame, Frame};
use sanscord::time::{Duration, Timestamp, soonest};
use serde_json::{Value, json};

use crate::desk::Desk;
use crate::fault::{End, GatewayStep};
use crate::pulse::Pulse;
use crate::server::{ConnectionId, Service};
use crate::target;
use crate::violation::Rule;

use session::Session;

/// The longest message a client may send, in bytes.
const MAX_SIZE: usize = 4096;
/// The most messages a client may send in [`SEND_WINDOW`], heartbeats included.
const MAX_SENDS: usize = 120;
const SEND_WINDOW: Duration = Duration::from_secs(60);
/// How soon the server leaves after it asked to reconnect.
const RECONNECT_GRACE: Duration = Duration::from_secs(4);
/// Sessions kept; the oldest without a connection goes first.
const MAX_SESSIONS: usize = 64;
const GUILDS: u64 = 1;
const GUILD_VOICE_STATES: u64 = 1 << 7;

/// What the gateway tells the rest of our Discord.
pub(crate) enum Effect {
    /// A client asks for a voice channel, or to leave it.
    Voice { session: String, channel: Option<ChannelId>, mute: bool, deaf: bool },
    /// A session is over.
    Ended { session: String },
}

pub(crate) struct Gateway {
    pub(crate) silent: bool,
    connections: BTreeMap<ConnectionId, Connection>,
    sessions: Vec<Session>,
    /// When each concurrency key last identified.
    identified: BTreeMap<u64, Timestamp>,
    invalidated: Option<Timestamp>,
    /// Ids of sessions that clients were told to forget; the newest 16.
    dead: VecDeque<String>,
    fatal: Option<u16>,
    next_chatter: Option<Timestamp>,
    effects: VecDeque<Effect>,
}

struct Connection {
    path: String,
    pulse: Pulse,
    sends: VecDeque<Timestamp>,
    session: Option<String>,
    leaves_at: Option<Timestamp>,
}

impl Gateway {
    pub(crate) const fn new() -> Self {
        Self {
            silent: false,
            connections: BTreeMap::new(),
            sessions: Vec::new(),
            identified: BTreeMap::new(),
            invalidated: None,
            dead: VecDeque::new(),
            fatal: None,
            next_chatter: None,
            effects: VecDeque::new(),
        }
    }

    pub(crate) fn next_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Sends a dispatch to every session, and keeps it for those without a connection.
    pub(crate) fn dispatch(&mut self, desk: &mut Desk, name: &str, d: &Value) {
        for session in &mut self.sessions {
            session.dispatch(desk, name, d);
        }
    }

    /// Sends a dispatch to one session.
    pub(crate) fn dispatch_to(&mut self, desk: &mut Desk, session: &str, name: &str, d: &Value) {
        if let Some(session) = self.sessions.iter_mut().find(|s| s.id == session) {
            session.dispatch(desk, name, d);
        }
    }

    /// Sends a `VOICE_STATE_UPDATE` to every session whose intents ask for it.
    pub(crate) fn voice_state(&mut self, desk: &mut Desk, state: &Value) {
        for session in self.sessions.iter_mut().filter(|s| s.intents & GUILD_VOICE_STATES != 0) {
            session.dispatch(desk, "VOICE_STATE_UPDATE", state);
        }
    }

    /// Cuts every connection; the sessions can be resumed.
    pub(crate) fn cut(&mut self, desk: &mut Desk) {
        for connection in self.open() {
            self.hang_up(desk, connection, End::Cut);
        }
    }

    pub(crate) fn close(&mut self, desk: &mut Desk, code: u16) {
        for connection in self.open() {
            self.hang_up(desk, connection, End::Close(code));
        }
    }

    /// Asks every client to reconnect, and leaves a few seconds later.
    pub(crate) fn ask_to_reconnect(&mut self, desk: &mut Desk) {
        for (connection, state) in &mut self.connections {
            desk.send(Service::Gateway, *connection, text(7, &Value::Null));
            state.leaves_at = Some(desk.now + RECONNECT_GRACE);
        }
    }

    /// Declares every session invalid.
    pub(crate) fn invalidate(&mut self, desk: &mut Desk, resumable: bool) {
        for connection in self.open() {
            desk.send(Service::Gateway, connection, text(9, &Value::Bool(resumable)));
            if let Some(state) = self.connections.get_mut(&connection) {
                state.leaves_at = Some(desk.now + RECONNECT_GRACE);
            }
        }
        if !resumable {
            self.invalidated = Some(desk.now);
            while let Some(id) = self.sessions.first().map(|session| session.id.clone()) {
                self.end_session(&id, true);
            }
        }
    }

    pub(crate) fn request_heartbeats(&mut self, desk: &mut Desk) {
        for (connection, state) in &mut self.connections {
            state.pulse.request();
            desk.send(Service::Gateway, *connection, text(1, &Value::Null));
        }
    }

    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        let connections =
            self.connections.values().filter_map(|c| soonest(Some(c.pulse.deadline()), c.leaves_at)).min();
        let sessions = self.sessions.iter().filter_map(|session| session.expires).min();
        soonest(soonest(connections, sessions), self.next_chatter)
    }

    pub(crate) fn advance(&mut self, desk: &mut Desk) {
        for connection in self.open() {
            let Some(state) = self.connections.get(&connection) else { continue };
            if state.pulse.deadline() <= desk.now {
                desk.violation(Rule::Heartbeat, "the gateway got no heartbeat for one and a half intervals");
                self.fail(desk, connection, 4009);
            } else if state.leaves_at.is_some_and(|at| at <= desk.now) {
                self.hang_up(desk, connection, End::Close(4000));
            }
        }
        while let Some(id) = self.sessions.iter().find(|s| s.expires.is_some_and(|at| at <= desk.now)) {
            self.end_session(&id.id.clone(), false);
        }
        while let (Some(at), Some(every)) = (self.next_chatter, desk.config.chatter)
            && at <= desk.now
        {
            self.next_chatter = Some(at + every.max(Duration::from_millis(1)));
            desk.report.chatter += 1;
            let message = guild::message(&desk.config, desk.report.chatter);
            self.dispatch(desk, "MESSAGE_CREATE", &message);
        }
    }

    pub(crate) fn on_upgrade(&mut self, desk: &mut Desk, connection: ConnectionId, target: &str) {
        desk.report.gateway_upgrades += 1;
        if target::parameter(target, "v") != Some("10")
            || target::parameter(target, "encoding") != Some("json")
        {
            desk.violation(Rule::Target, format!("the target {target:?} has not v=10 and encoding=json"));
            return desk.refuse(Service::Gateway, connection, 400);
        }
        if target::parameter(target, "compress").is_some() {
            desk.violation(Rule::Target, "compression is asked for: this Discord does not know it");
            return desk.refuse(Service::Gateway, connection, 400);
        }
        if let Some(code) = self.fatal {
            desk.violation(Rule::Dead, format!("a client came back after close code {code}"));
        }
        let path = target::path(target);
        if !path.is_empty() && path != desk.config.resume_path {
            return desk.refuse(Service::Gateway, connection, 404);
        }
        if let Some(status) = desk.config.faults.refuse_gateway.pop_front() {
            return desk.refuse(Service::Gateway, connection, status);
        }
        desk.accept(Service::Gateway, connection);
        let interval = desk.config.heartbeat_interval;
        let slack = desk.config.tolerance + desk.delay(Service::Gateway) * 2;
        let state = Connection {
            path: path.into(),
            pulse: Pulse::new(desk.now, interval, interval / 2, slack),
            sends: VecDeque::new(),
            session: None,
            leaves_at: None,
        };
        self.connections.insert(connection, state);
        if self.fault(desk, connection, GatewayStep::Hello) {
            return;
        }
        if desk.config.faults.reconnect_instead_of_hello > 0 {
            desk.config.faults.reconnect_instead_of_hello -= 1;
            desk.send(Service::Gateway, connection, text(7, &Value::Null));
            if let Some(state) = self.connections.get_mut(&connection) {
                state.leaves_at = Some(desk.now + RECONNECT_GRACE);
            }
            return;
        }
        let hello =
            json!({"heartbeat_interval": interval.as_millis() as u64, "_trace": ["[\"gateway-test-1\"]"]});
        desk.send(Service::Gateway, connection, text(10, &hello));
    }

    pub(crate) fn on_closed(
        &mut self,
        desk: &mut Desk,
        connection: ConnectionId,
        frame: Option<&CloseFrame>,
    ) {
        let Some(id) = self.connections.remove(&connection).and_then(|state| state.session) else { return };
        if frame.is_some_and(|frame| matches!(frame.code, 1000 | 1001)) {
            self.end_session(&id, false);
        } else {
            self.detach(desk, connection);
        }
    }

    pub(crate) fn on_frame(&mut self, desk: &mut Desk, connection: ConnectionId, frame: &Frame) {
        let Some(state) = self.connections.get_mut(&connection) else { return };
        state.sends.push_back(desk.now);
        while state.sends.front().is_some_and(|at| desk.now.since(*at) >= SEND_WINDOW) {
            state.sends.pop_front();
        }
        if state.sends.len() > MAX_SENDS {
            desk.violation(Rule::SendRate, "more than 120 messages in 60 seconds");
            return self.fail(desk, connection, 4008);
        }
        if frame.len() > MAX_SIZE {
            desk.violation(Rule::Size, format!("a message has {} bytes", frame.len()));
            return self.fail(desk, connection, 4002);
        }
        let parsed = match frame {
            Frame::Text(text) => serde_json::from_slice::<Value>(text).ok(),
            Frame::Binary(_) => None,
        };
        let Some((op, d)) = parsed.as_ref().and_then(|v| Some((v.get("op")?.as_u64()?, v.get("d")?))) else {
            desk.violation(Rule::Payload, "a gateway message is not JSON text with op and d");
            return self.fail(desk, connection, 4002);
        };
        let session = state.session.clone();
        match (op, session) {
            (1, _) => self.on_heartbeat(desk, connection, d),
            (2 | 6, Some(_)) => {
                desk.violation(Rule::Order, "a connection identified twice");
                self.fail(desk, connection, 4005);
            }
            (2, None) => self.on_identify(desk, connection, d),
            (6, None) => self.on_resume(desk, connection, d),
            // What was on its way when the session was declared invalid is no fault.
            (3 | 4 | 8 | 31 | 43, None) if state.leaves_at.is_some() => {}
            (3 | 4 | 8 | 31 | 43, None) => {
                desk.violation(Rule::Order, format!("op {op} came before Identify"));
                self.fail(desk, connection, 4003);
            }
            (4, Some(session)) => self.on_voice_state(desk, connection, session, d),
            (8, Some(session)) => self.on_members(desk, connection, &session, d),
            (3 | 31 | 43, Some(_)) => {}
            _ => {
                desk.violation(Rule::Order, format!("op {op} is not a bot's"));
                self.fail(desk, connection, 4001);
            }
        }
    }

    fn on_heartbeat(&mut self, desk: &mut Desk, connection: ConnectionId, d: &Value) {
        desk.report.heartbeats += 1;
        let Some(state) = self.connections.get_mut(&connection) else { return };
        if let Err(what) = state.pulse.beat(desk.now) {
            desk.violation(Rule::Heartbeat, what);
        }
        if !d.is_null() && !d.is_u64() {
            desk.violation(Rule::Payload, "a heartbeat's d is neither null nor a number");
            return self.fail(desk, connection, 4002);
        }
        // A connection that is to resume may already name what its session got.
        if let Some(session) = self.sessions.iter_mut().find(|s| s.connection == Some(connection))
            && let Err(what) = session.ledger.acknowledge(desk.now, d.as_u64())
        {
            desk.violation(Rule::Acknowledgement, format!("a heartbeat's d is wrong: {what}"));
        }
        if !self.silent {
            desk.send(Service::Gateway, connection, text(11, &Value::Null));
        }
    }

    fn on_voice_state(&mut self, desk: &mut Desk, connection: ConnectionId, session: String, d: &Value) {
        let channel = match d.get("channel_id") {
            Some(Value::Null) => Some(None),
            Some(Value::String(id)) => id.parse().ok().map(Some),
            _ => None,
        };
        let guild = d.get("guild_id").and_then(Value::as_str);
        let flag = |name: &str| d.get(name).and_then(Value::as_bool);
        let (Some(guild), Some(channel), Some(mute), Some(deaf)) =
            (guild, channel, flag("self_mute"), flag("self_deaf"))
        else {
            desk.violation(Rule::Payload, "op 4 lacks guild_id, channel_id, self_mute or self_deaf");
            return self.fail(desk, connection, 4002);
        };
        if guild == desk.config.guild.to_string() {
            self.effects.push_back(Effect::Voice { session, channel, mute, deaf });
        }
    }

    fn on_members(&mut self, desk: &mut Desk, connection: ConnectionId, session: &str, d: &Value) {
        let by_query =
            d.get("query").is_some_and(Value::is_string) && d.get("limit").is_some_and(Value::is_u64);
        if !d.get("guild_id").is_some_and(Value::is_string) || !(by_query || d.get("user_ids").is_some()) {
            desk.violation(Rule::Payload, "op 8 lacks guild_id, or both query with limit and user_ids");
            return self.fail(desk, connection, 4002);
        }
        let chunk = guild::members_chunk(&desk.config, d.get("nonce").and_then(Value::as_str));
        self.dispatch_to(desk, session, "GUILD_MEMBERS_CHUNK", &chunk);
    }

    fn open(&self) -> Vec<ConnectionId> {
        self.connections.keys().copied().collect()
    }

    /// Closes a connection because of its client.
    fn fail(&mut self, desk: &mut Desk, connection: ConnectionId, code: u16) {
        self.hang_up(desk, connection, End::Close(code));
    }

    fn hang_up(&mut self, desk: &mut Desk, connection: ConnectionId, end: End) {
        let Some(state) = self.connections.remove(&connection) else { return };
        match end {
            End::Close(code) => desk.close(Service::Gateway, connection, code),
            End::Cut => desk.cut(connection),
        }
        // Discord docs: Gateway Close Event Codes. These are not to be reconnected after.
        if let End::Close(code @ (4004 | 4010..=4014)) = end {
            self.fatal = Some(code);
        }
        match (state.session, end) {
            (Some(id), End::Close(4003 | 4004 | 4007 | 4009..=4014)) => self.end_session(&id, false),
            _ => self.detach(desk, connection),
        }
    }

    /// The session's connection is gone: it waits to be resumed.
    fn detach(&mut self, desk: &Desk, connection: ConnectionId) {
        if let Some(session) = self.sessions.iter_mut().find(|s| s.connection == Some(connection)) {
            session.detach(desk.now, desk.config.resume_window);
        }
    }

    fn end_session(&mut self, id: &str, told: bool) {
        if let Some(at) = self.sessions.iter().position(|session| session.id == id) {
            let session = self.sessions.remove(at);
            if let Some(state) = session.connection.and_then(|c| self.connections.get_mut(&c)) {
                state.session = None;
            }
            if told {
                self.dead.push_back(session.id.clone());
                if self.dead.len() > 16 {
                    self.dead.pop_front();
                }
            }
            self.effects.push_back(Effect::Ended { session: session.id });
        }
    }

    fn fault(&mut self, desk: &mut Desk, connection: ConnectionId, step: GatewayStep) -> bool {
        let faults = &mut desk.config.faults.gateway;
        let Some((_, end)) = faults.iter().position(|(at, _)| *at == step).and_then(|at| faults.remove(at))
        else {
            return false;
        };
        self.hang_up(desk, connection, end);
        true
    }
}

fn text(op: u8, d: &Value) -> String {
    format!(r#"{{"t":null,"s":null,"op":{op},"d":{d}}}"#)
}
