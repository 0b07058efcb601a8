//! What a bot with a session may send: heartbeats, its presence, its voice channel, and small questions.

use sanscord::id::GuildId;
use sanscord::time::Duration;
use serde_json::{Value, json};

use super::session::{Event, Session, SessionKey};
use super::{ACK, Effect, Gateway, guild};
use crate::desk::Desk;
use crate::server::ConnectionId;
use crate::violation::Rule;

/// The most presence updates in [`PRESENCE_WINDOW`] (Discord docs: Gateway Events, Update Presence).
const MAX_PRESENCES: usize = 5;
const PRESENCE_WINDOW: Duration = Duration::from_secs(20);
const STATUSES: [&str; 5] = ["online", "dnd", "idle", "invisible", "offline"];
/// The highest type of an activity: competing.
const MAX_ACTIVITY: u64 = 5;

impl Gateway {
    /// Takes a heartbeat. An error says that `d` is neither null nor a number.
    pub(super) fn on_heartbeat(
        &mut self,
        desk: &mut Desk,
        connection: ConnectionId,
        d: Result<Option<u64>, ()>,
    ) {
        desk.report.heartbeats += 1;
        let Some(state) = self.connections.get_mut(&connection) else { return };
        if let Err(what) = state.pulse.beat(desk.now) {
            desk.violation(Rule::Heartbeat, what);
        }
        let Ok(seq) = d else {
            desk.violation(Rule::Payload, "a heartbeat's d is neither null nor a number");
            return self.fail(desk, connection, 4002);
        };
        if state.session.is_some() && std::mem::take(&mut state.is_detour) {
            self.detours = self.detours.saturating_sub(1);
        }
        // A connection that is to resume may already name what its session got.
        if let Some(session) = state.session.and_then(|session| self.sessions.get_mut(&session))
            && let Err(what) = session.ledger.acknowledge(desk.now, seq, desk.config.acknowledge_late)
        {
            desk.violation(Rule::Acknowledgement, format!("a heartbeat's d is wrong: {what}"));
        }
        if !self.silent {
            state.send(desk, ACK);
        }
        self.reschedule(connection);
    }

    pub(super) fn on_presence(&mut self, desk: &mut Desk, connection: ConnectionId, d: &Value) {
        desk.report.presence_updates += 1;
        if let Err(what) = check_presence(d) {
            desk.violation(Rule::Payload, format!("a presence is not as documented: {what}"));
            return self.fail(desk, connection, 4002);
        }
        let Some(state) = self.connections.get_mut(&connection) else { return };
        if state.presences.note(desk.now, PRESENCE_WINDOW) > MAX_PRESENCES {
            desk.violation(Rule::PresenceRate, "more than five presence updates in 20 seconds");
        }
    }

    pub(super) fn on_voice_state(
        &mut self,
        desk: &mut Desk,
        connection: ConnectionId,
        session: SessionKey,
        d: &Value,
    ) {
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
        let Ok(guild) = guild.parse() else { return };
        if self.is_served(desk, session, guild, 4)
            && guild == desk.config.guild
            && let Some(Session { user, id, .. }) = self.sessions.get(&session)
        {
            let effect = Effect::Voice { user: *user, session: id.clone(), channel, mute, deaf };
            self.effects.push_back(effect);
        }
    }

    pub(super) fn on_sounds(
        &mut self,
        desk: &mut Desk,
        connection: ConnectionId,
        session: SessionKey,
        d: &Value,
    ) {
        desk.report.sound_requests += 1;
        let guilds: Option<Vec<GuildId>> = d
            .get("guild_ids")
            .and_then(Value::as_array)
            .and_then(|ids| ids.iter().map(|id| id.as_str()?.parse().ok()).collect());
        let Some(guilds) = guilds else {
            desk.violation(Rule::Payload, "op 31 lacks its guild_ids");
            return self.fail(desk, connection, 4002);
        };
        for id in guilds {
            if self.is_served(desk, session, id, 31) {
                let d = json!({"guild_id": id, "soundboard_sounds": [sound(id)]}).to_string();
                self.dispatch_to(desk, session, Event { name: "SOUNDBOARD_SOUNDS", d: &d });
            }
        }
    }

    pub(super) fn on_channel_info(
        &mut self,
        desk: &mut Desk,
        connection: ConnectionId,
        session: SessionKey,
        d: &Value,
    ) {
        desk.report.channel_info_requests += 1;
        let id = d.get("guild_id").and_then(Value::as_str).and_then(|id| id.parse::<GuildId>().ok());
        let fields: Option<Vec<&str>> = d
            .get("fields")
            .and_then(Value::as_array)
            .and_then(|fields| fields.iter().map(Value::as_str).collect());
        let known = |fields: &Vec<&str>| fields.iter().all(|f| matches!(*f, "status" | "voice_start_time"));
        let (Some(id), Some(fields)) = (id, fields.filter(known)) else {
            desk.violation(
                Rule::Payload,
                "op 43 lacks guild_id, or fields out of status and voice_start_time",
            );
            return self.fail(desk, connection, 4002);
        };
        if !self.is_served(desk, session, id, 43) {
            return;
        }
        let voice = desk.config.voice_channels.iter().filter(|_| id == desk.config.guild);
        let channels: Value = voice
            .map(|(channel, name)| {
                let mut info = json!({ "id": channel });
                if fields.contains(&"status") {
                    info["status"] = format!("This is {name}").into();
                }
                if fields.contains(&"voice_start_time") {
                    info["voice_start_time"] = Value::Null;
                }
                info
            })
            .collect();
        let d = json!({"guild_id": id, "channels": channels}).to_string();
        self.dispatch_to(desk, session, Event { name: "CHANNEL_INFO", d: &d });
    }

    /// Whether the session's shard serves a guild that there is. Requests about other guilds get no answer, and
    /// those that another shard serves are the client's fault.
    pub(super) fn is_served(&self, desk: &mut Desk, session: SessionKey, id: GuildId, op: u8) -> bool {
        let Some(session) = self.sessions.get(&session).filter(|_| guild::exists(&desk.config, id)) else {
            return false;
        };
        if !session.serves(id) {
            desk.violation(Rule::Routing, format!("shard {} sent op {op} about guild {id}", session.shard));
        }
        session.serves(id)
    }
}

/// Checks the fields of a presence, in op 3 or in an Identify.
pub(super) fn check_presence(d: &Value) -> Result<(), &'static str> {
    if !d.get("since").is_some_and(|since| since.is_null() || since.is_u64()) {
        return Err("since is neither null nor a number");
    }
    if !d.get("afk").is_some_and(Value::is_boolean) {
        return Err("afk is no boolean");
    }
    if !d.get("status").and_then(Value::as_str).is_some_and(|status| STATUSES.contains(&status)) {
        return Err("status is none of the documented");
    }
    let Some(activities) = d.get("activities").and_then(Value::as_array) else {
        return Err("activities is no list");
    };
    let text = |value: Option<&Value>| value.is_none_or(|value| value.is_null() || value.is_string());
    let is_activity = |activity: &Value| {
        activity.get("name").is_some_and(Value::is_string)
            && activity.get("type").and_then(Value::as_u64).is_some_and(|kind| kind <= MAX_ACTIVITY)
            && text(activity.get("url"))
            && text(activity.get("state"))
    };
    if activities.iter().all(is_activity) { Ok(()) } else { Err("an activity lacks its name or its type") }
}

fn sound(guild: GuildId) -> Value {
    json!({
        "name": "quack", "sound_id": guild, "volume": 1.0, "emoji_id": null, "emoji_name": null,
        "guild_id": guild, "available": true,
    })
}
