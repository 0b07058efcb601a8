//! The main gateway, version 10, in JSON.

mod chatter;
mod commands;
mod compression;
mod connection;
mod control;
pub(crate) mod guild;
mod handshake;
pub(crate) mod identifies;
mod limits;
pub(crate) mod members;
mod session;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;
use sanscord::id::{ChannelId, GuildId, UserId};
use sanscord::machine::{CloseFrame, Frame};
use sanscord::time::{Duration, Timestamp, soonest};
use serde_json::Value;

use crate::config::Config;
use crate::desk::Desk;
use crate::fault::{End, GatewayStep};
use crate::pulse::Pulse;
use crate::server::{ConnectionId, Service};
use crate::target;
use crate::violation::Rule;

use chatter::Chatter;
use compression::Stream;
use connection::Connection;
use control::Audience;
use limits::Limits;
use session::{Event, Session, SessionKey};

/// The longest message a client may send, in bytes.
const MAX_SIZE: usize = 4096;
/// The most messages a client may send in [`SEND_WINDOW`], heartbeats included.
const MAX_SENDS: usize = 120;
const SEND_WINDOW: Duration = Duration::from_secs(60);
/// How soon the server leaves after it asked to reconnect.
const RECONNECT_GRACE: Duration = Duration::from_secs(4);
/// Sessions kept; the oldest without a connection goes first, or else the oldest.
const MAX_SESSIONS: usize = 4_096;
/// Connections kept; further ones are refused.
const MAX_CONNECTIONS: usize = 4_096;
const GUILDS: u64 = 1;
const GUILD_VOICE_STATES: u64 = 1 << 7;

const ACK: Bytes = Bytes::from_static(br#"{"t":null,"s":null,"op":11,"d":null}"#);
const INVALID: Bytes = Bytes::from_static(br#"{"t":null,"s":null,"op":9,"d":false}"#);
const RECONNECT: Bytes = Bytes::from_static(br#"{"t":null,"s":null,"op":7,"d":null}"#);
const RESUMABLE: Bytes = Bytes::from_static(br#"{"t":null,"s":null,"op":9,"d":true}"#);

/// What the gateway tells the rest of our Discord.
pub(crate) enum Effect {
    /// A client asks for a voice channel, or to leave it.
    Voice { user: UserId, session: String, channel: Option<ChannelId>, mute: bool, deaf: bool },
    /// A session is over.
    Ended { user: UserId, session: String },
}

pub(crate) struct Gateway {
    pub(crate) silent: bool,
    frozen: bool,
    connections: BTreeMap<ConnectionId, Connection>,
    sessions: BTreeMap<SessionKey, Session>,
    minted: SessionKey,
    /// When something is due on each connection.
    dues: BTreeSet<(Timestamp, ConnectionId)>,
    /// When each session without a connection is given up.
    expiries: BTreeSet<(Timestamp, SessionKey)>,
    /// What is remembered of each bot.
    limits: BTreeMap<UserId, Limits>,
    /// The voice states of bots that are in a voice channel.
    voice_states: BTreeMap<UserId, Value>,
    /// Connections to `resume_gateway_url` of which the client has not shown that they led into a session: as often
    /// it may try elsewhere.
    detours: usize,
    chatter: Chatter,
    effects: VecDeque<Effect>,
}

impl Gateway {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            silent: false,
            frozen: false,
            connections: BTreeMap::new(),
            sessions: BTreeMap::new(),
            minted: 0,
            dues: BTreeSet::new(),
            expiries: BTreeSet::new(),
            limits: config.bot_users().map(|user| (user, Limits::default())).collect(),
            voice_states: BTreeMap::new(),
            detours: 0,
            chatter: Chatter::new(config),
            effects: VecDeque::new(),
        }
    }

    pub(crate) fn next_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    pub(crate) fn chatter_sent(&self, guild: GuildId) -> u64 {
        self.chatter.sent(guild)
    }

    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        let connection = self.dues.first().map(|(at, _)| *at);
        let session = self.expiries.first().map(|(at, _)| *at);
        soonest(soonest(connection, session), self.chatter.deadline())
    }

    pub(crate) fn advance(&mut self, desk: &mut Desk) {
        while let Some(&(at, connection)) = self.dues.first()
            && at <= desk.now
        {
            self.on_due(desk, connection);
        }
        while let Some(&(at, session)) = self.expiries.first()
            && at <= desk.now
        {
            self.end_session(session, false);
        }
        while let Some((guild, message)) = self.chatter.speak(desk) {
            let event = Event { name: "MESSAGE_CREATE", d: &message };
            self.dispatch(desk, Audience::Guild(guild, 0), event);
        }
    }

    fn on_due(&mut self, desk: &mut Desk, connection: ConnectionId) {
        let Some(state) = self.connections.get(&connection) else { return };
        if let (Some(at), Some(session)) = (state.replays_at, state.session)
            && at <= desk.now
        {
            self.replay(desk, connection, session);
        } else if state.pulse.deadline() <= desk.now {
            desk.violation(Rule::Heartbeat, "the gateway got no heartbeat for one and a half intervals");
            self.fail(desk, connection, 4009);
        } else {
            self.hang_up(desk, connection, End::Close(4000));
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
        let compress = target::parameter(target, "compress");
        if compress.is_some_and(|name| !matches!(name, "zlib-stream" | "zstd-stream")) {
            desk.violation(Rule::Target, format!("the target {target:?} asks for an unknown compression"));
            return desk.refuse(Service::Gateway, connection, 400);
        }
        if compress.is_some() && !desk.config.compression {
            return desk.refuse(Service::Gateway, connection, 400);
        }
        // Whose it is shows later: that is for sure only if no bot may come back.
        if self.limits.values().all(|limits| limits.banned().is_some())
            && let Some(code) = self.limits(desk.config.bot).banned()
        {
            desk.violation(Rule::Dead, format!("a client came back after close code {code}"));
        }
        let path = target::path(target);
        if !path.is_empty() && path != desk.config.resume_path {
            return desk.refuse(Service::Gateway, connection, 404);
        }
        if let Some(status) = desk.config.faults.refuse_gateway.pop_front() {
            return desk.refuse(Service::Gateway, connection, status);
        }
        let stream = compress.map_or(Some(Stream::None), |name| Stream::named(name, &desk.config));
        let Some(stream) = stream.filter(|_| self.connections.len() < MAX_CONNECTIONS) else {
            return desk.refuse(Service::Gateway, connection, 503);
        };
        match compress {
            Some("zlib-stream") => desk.report.zlib_upgrades += 1,
            Some(_) => desk.report.zstd_upgrades += 1,
            None => {}
        }
        desk.accept(Service::Gateway, connection);
        let interval = desk.config.heartbeat_interval;
        let slack = desk.config.tolerance + desk.delay(Service::Gateway) * 2;
        let pulse = Pulse::new(desk.now, interval, interval / 2, slack);
        let mut state = Connection::new(connection, path, pulse, stream);
        state.frozen = self.frozen;
        state.is_detour = !path.is_empty() && path == desk.config.resume_path;
        self.detours += usize::from(state.is_detour);
        self.dues.insert((state.noted, connection));
        self.connections.insert(connection, state);
        if self.fault(desk, connection, GatewayStep::Hello) {
            return;
        }
        if desk.config.faults.reconnect_instead_of_hello > 0 {
            desk.config.faults.reconnect_instead_of_hello -= 1;
            return self.part(desk, connection, RECONNECT);
        }
        let interval = interval.as_millis();
        let hello = format!(
            r#"{{"t":null,"s":null,"op":10,"d":{{"heartbeat_interval":{interval},"_trace":["[\"gateway-test-1\"]"]}}}}"#
        );
        if let Some(state) = self.connections.get_mut(&connection) {
            state.send(desk, hello.into());
        }
    }

    pub(crate) fn on_closed(
        &mut self,
        desk: &mut Desk,
        connection: ConnectionId,
        frame: Option<&CloseFrame>,
    ) {
        let Some(key) = self.drop_connection(connection).and_then(|state| state.session) else { return };
        if frame.is_some_and(|frame| matches!(frame.code, 1000 | 1001)) {
            self.end_session(key, false);
        } else {
            self.detach(desk, key);
        }
    }

    pub(crate) fn on_frame(&mut self, desk: &mut Desk, connection: ConnectionId, frame: &Frame) {
        let Some(state) = self.connections.get_mut(&connection) else { return };
        if state.sends.note(desk.now, SEND_WINDOW) > MAX_SENDS {
            desk.violation(Rule::SendRate, "more than 120 messages in 60 seconds");
            return self.fail(desk, connection, 4008);
        }
        if frame.len() > MAX_SIZE {
            desk.violation(Rule::Size, format!("a message has {} bytes", frame.len()));
            return self.fail(desk, connection, 4002);
        }
        let parsed = match frame {
            Frame::Text(text) => match plain_heartbeat(text) {
                Some(seq) => return self.on_heartbeat(desk, connection, Ok(seq)),
                None => serde_json::from_slice::<Value>(text).ok(),
            },
            Frame::Binary(_) => None,
        };
        let Some((op, d)) = parsed.as_ref().and_then(|v| Some((v.get("op")?.as_u64()?, v.get("d")?))) else {
            desk.violation(Rule::Payload, "a gateway message is not JSON text with op and d");
            return self.fail(desk, connection, 4002);
        };
        match (op, state.session) {
            (1, _) => {
                let seq = if d.is_null() { Ok(None) } else { d.as_u64().map(Some).ok_or(()) };
                self.on_heartbeat(desk, connection, seq);
            }
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
            (3, Some(_)) => self.on_presence(desk, connection, d),
            (4, Some(session)) => self.on_voice_state(desk, connection, session, d),
            (8, Some(session)) => self.on_members(desk, connection, session, d),
            (31, Some(session)) => self.on_sounds(desk, connection, session, d),
            (43, Some(session)) => self.on_channel_info(desk, connection, session, d),
            _ => {
                desk.violation(Rule::Order, format!("op {op} is not a bot's"));
                self.fail(desk, connection, 4001);
            }
        }
    }

    /// What is remembered of a bot.
    fn limits(&mut self, user: UserId) -> &mut Limits {
        self.limits.entry(user).or_default()
    }

    fn open(&self) -> Vec<ConnectionId> {
        self.connections.keys().copied().collect()
    }

    /// Notes when something is due on a connection.
    fn reschedule(&mut self, connection: ConnectionId) {
        if let Some(state) = self.connections.get_mut(&connection) {
            let due = state.due();
            let noted = std::mem::replace(&mut state.noted, due);
            if noted != due {
                self.dues.remove(&(noted, connection));
                self.dues.insert((due, connection));
            }
        }
    }

    fn drop_connection(&mut self, connection: ConnectionId) -> Option<Connection> {
        let state = self.connections.remove(&connection)?;
        self.dues.remove(&(state.noted, connection));
        Some(state)
    }

    /// Closes a connection because of its client.
    fn fail(&mut self, desk: &mut Desk, connection: ConnectionId, code: u16) {
        self.hang_up(desk, connection, End::Close(code));
    }

    fn hang_up(&mut self, desk: &mut Desk, connection: ConnectionId, end: End) {
        let Some(state) = self.drop_connection(connection) else { return };
        match end {
            End::Close(code) => desk.close(Service::Gateway, connection, code),
            End::Cut => desk.cut(connection),
        }
        // Discord docs: Gateway Close Event Codes. These are not to be reconnected after.
        if let End::Close(code @ (4004 | 4010..=4014)) = end {
            self.limits(state.user.unwrap_or(desk.config.bot)).bury(state.shard, code);
        }
        match (state.session, end) {
            (Some(key), End::Close(4003 | 4004 | 4007 | 4009..=4014)) => self.end_session(key, false),
            (Some(key), _) => self.detach(desk, key),
            (None, _) => {}
        }
    }

    /// A session's connection is gone: it waits to be resumed.
    fn detach(&mut self, desk: &Desk, key: SessionKey) {
        if let Some(session) = self.sessions.get_mut(&key) {
            session.detach(desk.now, desk.config.resume_window);
            if let Some(at) = session.expires {
                self.expiries.insert((at, key));
            }
        }
    }

    fn end_session(&mut self, key: SessionKey, told: bool) {
        let Some(session) = self.sessions.remove(&key) else { return };
        if let Some(at) = session.expires {
            self.expiries.remove(&(at, key));
        }
        if let Some(connection) = session.connection
            && let Some(state) = self.connections.get_mut(&connection)
        {
            state.session = None;
            state.replays_at = None;
            self.reschedule(connection);
        }
        self.limits(session.user).ended(session.id.clone(), session.shard, told);
        self.effects.push_back(Effect::Ended { user: session.user, session: session.id });
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

/// Reads a heartbeat that is written in the usual way, because there are many of them.
fn plain_heartbeat(text: &[u8]) -> Option<Option<u64>> {
    let seq = std::str::from_utf8(text.strip_prefix(br#"{"op":1,"d":"#)?.strip_suffix(b"}")?).ok()?;
    match seq {
        "null" => Some(None),
        _ if seq.len() < 20 && seq.bytes().all(|byte| byte.is_ascii_digit()) && !seq.starts_with('0') => {
            seq.parse().ok().map(Some)
        }
        _ => None,
    }
}
