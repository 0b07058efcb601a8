//! What our Discord lets happen on its gateway, whatever the clients do.

use bytes::Bytes;
use sanscord::gateway::ShardId;
use sanscord::id::GuildId;
use serde_json::Value;

use super::session::{Event, SessionKey};
use super::{GUILD_VOICE_STATES, Gateway, INVALID, RECONNECT, RECONNECT_GRACE, RESUMABLE};
use crate::desk::Desk;
use crate::fault::End;
use crate::server::ConnectionId;

/// To whom a dispatch goes.
#[derive(Clone, Copy)]
pub(super) enum Audience {
    /// Every session.
    All,
    /// Those whose shard serves the guild and whose intents have all of these.
    Guild(GuildId, u64),
    /// Those of shard 0: what belongs to no guild.
    Direct,
}

impl Gateway {
    /// Sends a dispatch to sessions, and keeps it for those without a connection.
    pub(super) fn dispatch(&mut self, desk: &mut Desk, audience: Audience, event: Event<'_>) {
        for session in self.sessions.values_mut() {
            let hears = match audience {
                Audience::All => true,
                Audience::Guild(guild, intents) => {
                    session.intents & intents == intents && session.serves(guild)
                }
                Audience::Direct => session.shard.number == 0,
            };
            if hears {
                let connection = session.connection.and_then(|id| self.connections.get_mut(&id));
                session.dispatch(desk, connection, event);
            }
        }
    }

    /// Sends a dispatch to those who serve its guild.
    pub(crate) fn announce(&mut self, desk: &mut Desk, name: &str, d: &Value) {
        let own = name.starts_with("GUILD_").then(|| d.get("id")).flatten();
        let guild = d.get("guild_id").or(own).and_then(Value::as_str).and_then(|id| id.parse().ok());
        let audience = guild.map_or(Audience::Direct, |guild| Audience::Guild(guild, 0));
        self.dispatch(desk, audience, Event { name, d: &d.to_string() });
    }

    /// Whether there is anybody to tell anything.
    pub(crate) fn has_sessions(&self) -> bool {
        !self.sessions.is_empty()
    }

    /// Sends a dispatch to one session.
    pub(super) fn dispatch_to(&mut self, desk: &mut Desk, key: SessionKey, event: Event<'_>) {
        if let Some(session) = self.sessions.get_mut(&key) {
            let connection = session.connection.and_then(|id| self.connections.get_mut(&id));
            session.dispatch(desk, connection, event);
        }
    }

    /// Sends a `VOICE_SERVER_UPDATE` to the session of this id.
    pub(crate) fn voice_server(&mut self, desk: &mut Desk, session: &str, update: &Value) {
        if let Some(key) = self.sessions.iter().find(|(_, s)| s.id == session).map(|(key, _)| *key) {
            let event = Event { name: "VOICE_SERVER_UPDATE", d: &update.to_string() };
            self.dispatch_to(desk, key, event);
        }
    }

    /// Sends a `VOICE_STATE_UPDATE` of the main guild to every session whose intents ask for it.
    pub(crate) fn voice_state(&mut self, desk: &mut Desk, state: &Value) {
        let user = state.get("user_id").and_then(Value::as_str).and_then(|id| id.parse().ok());
        if let Some(user) = user.filter(|user| desk.config.bot_users().any(|bot| bot == *user)) {
            if state.get("channel_id").is_some_and(Value::is_string) {
                self.voice_states.insert(user, state.clone());
            } else {
                self.voice_states.remove(&user);
            }
        }
        let audience = Audience::Guild(desk.config.guild, GUILD_VOICE_STATES);
        self.dispatch(desk, audience, Event { name: "VOICE_STATE_UPDATE", d: &state.to_string() });
    }

    pub(crate) fn unknown_event(&mut self, desk: &mut Desk) {
        let event = Event { name: "SOMETHING_NEW", d: r#"{"what":["nobody",1,{"knows":null}]}"# };
        self.dispatch(desk, Audience::All, event);
    }

    pub(crate) fn unknown_opcode(&mut self, desk: &mut Desk) {
        const NEWS: Bytes = Bytes::from_static(br#"{"t":null,"s":null,"op":254,"d":{"what":"news"}}"#);
        for state in self.connections.values_mut() {
            state.send(desk, NEWS);
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

    /// Closes the connections of the sessions whose shards have this number.
    pub(crate) fn close_shard(&mut self, desk: &mut Desk, number: u32, code: u16) {
        let sessions = self.sessions.values().filter(|session| session.shard.number == number);
        let connections: Vec<_> = sessions.filter_map(|session| session.connection).collect();
        for connection in connections {
            self.hang_up(desk, connection, End::Close(code));
        }
    }

    /// Cuts every connection and forgets every session.
    pub(crate) fn restart(&mut self, desk: &mut Desk) {
        self.frozen = false;
        self.cut(desk);
        while let Some((&key, _)) = self.sessions.first_key_value() {
            self.end_session(key, false);
        }
    }

    /// Asks every client to reconnect, and leaves a few seconds later.
    pub(crate) fn ask_to_reconnect(&mut self, desk: &mut Desk) {
        for connection in self.open() {
            self.part(desk, connection, RECONNECT);
        }
    }

    /// Sends a last message, and leaves a few seconds later.
    pub(super) fn part(&mut self, desk: &mut Desk, connection: ConnectionId, message: Bytes) {
        if let Some(state) = self.connections.get_mut(&connection) {
            state.send(desk, message);
            state.leaves_at = Some(desk.now + RECONNECT_GRACE);
            self.reschedule(connection);
        }
    }

    /// Declares every session invalid.
    pub(crate) fn invalidate(&mut self, desk: &mut Desk, resumable: bool) {
        for connection in self.open() {
            self.part(desk, connection, if resumable { RESUMABLE } else { INVALID });
        }
        if !resumable {
            while let Some((&key, session)) = self.sessions.first_key_value() {
                let (user, shard, told) = (session.user, session.shard, session.connection.is_some());
                if told {
                    self.limits(user).invalidated(desk, shard);
                }
                self.end_session(key, told);
            }
        }
    }

    /// Tells a client that its session is none. Which shard it was, if nobody knows, is taken to be the only one.
    pub(super) fn declare_invalid(
        &mut self,
        desk: &mut Desk,
        connection: ConnectionId,
        shard: Option<ShardId>,
    ) {
        let user = self.connections.get(&connection).and_then(|state| state.user);
        self.limits(user.unwrap_or(desk.config.bot)).invalidated(desk, shard.unwrap_or(ShardId::ONLY));
        if let Some(state) = self.connections.get_mut(&connection) {
            state.send(desk, INVALID);
        }
    }

    pub(crate) fn request_heartbeats(&mut self, desk: &mut Desk) {
        const REQUEST: Bytes = Bytes::from_static(br#"{"t":null,"s":null,"op":1,"d":null}"#);
        for state in self.connections.values_mut() {
            state.pulse.request();
            state.send(desk, REQUEST);
        }
    }

    /// Damages the next compressed message of each connection.
    pub(crate) fn corrupt_streams(&mut self) {
        for state in self.connections.values_mut() {
            state.corrupts = state.is_compressed();
        }
    }

    /// Holds back everything that is sent from now on, or lets it go.
    pub(crate) fn freeze(&mut self, desk: &mut Desk, on: bool) {
        self.frozen = on;
        for connection in self.open() {
            let Some(state) = self.connections.get_mut(&connection) else { continue };
            if on {
                state.frozen = true;
            } else if !state.thaw(desk) {
                self.hang_up(desk, connection, End::Cut);
            } else if state.delivers()
                && let Some(session) = state.session.and_then(|key| self.sessions.get_mut(&key))
            {
                session.ledger.sent(desk.now, session.handed);
            }
        }
    }
}
