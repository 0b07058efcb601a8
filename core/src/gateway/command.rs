//! What a user may send on the gateway.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use crate::envelope;
use crate::gateway::budget::Lane;
use crate::gateway::opcode::OpCode;
use crate::id::{ChannelId, GuildId, UserId};

/// The longest message that Discord takes, in bytes; a longer one closes with 4002 (discord-api-docs, Gateway,
/// Sending Events).
pub const MAX_COMMAND: usize = 4096;
/// The longest presence that goes into Identify, in bytes: what [`MAX_COMMAND`] leaves beside the rest of it.
const MAX_FIRST_PRESENCE: usize = 3072;
/// The most user ids in one request for members (discord-api-docs, Gateway Events, Request Guild Members).
pub const MAX_USER_IDS: usize = 100;

/// What a user may send on the gateway.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[non_exhaustive]
pub enum Command {
    /// Sets status and activities: op 3. One that still waits is replaced by a newer one.
    Presence(Presence),
    /// Joins, moves between or leaves voice channels: op 4.
    VoiceState(VoiceStateUpdate),
    /// Asks for a guild's members: op 8. [`Shard::request_members`](crate::gateway::Shard::request_members) does
    /// so too, and joins the answers.
    Members(MembersRequest),
    /// Asks for the soundboard sounds of guilds: op 31; one `SOUNDBOARD_SOUNDS` for each answers.
    SoundboardSounds {
        /// The guilds, all of one shard.
        guild_ids: Vec<GuildId>,
    },
    /// Asks for what a guild's channels show beside their names: op 43; a `CHANNEL_INFO` answers.
    ChannelInfo {
        /// The guild.
        guild_id: GuildId,
        /// What to ask for.
        fields: Vec<ChannelInfoField>,
    },
    /// Any other message; of an opcode that has a limit of its own, it keeps that limit.
    Raw {
        /// Opcode.
        op: u64,
        /// Payload.
        d: Value,
    },
}

/// What [`Command::ChannelInfo`] may ask for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ChannelInfoField {
    /// The voice channel's status.
    Status,
    /// When the voice channel's current call began.
    VoiceStartTime,
}

impl Command {
    /// Any message: an opcode and a payload of any type.
    ///
    /// # Errors
    /// If the payload cannot be written as JSON.
    pub fn raw(op: u64, d: &impl Serialize) -> Result<Self, CommandError> {
        let d = serde_json::to_value(d).map_err(|_| CommandError::Invalid("the payload cannot be JSON"))?;
        Ok(Self::Raw { op, d })
    }

    /// The guild that it concerns, by which it finds its shard.
    #[must_use]
    pub fn guild(&self) -> Option<GuildId> {
        match self {
            Self::Presence(_) => None,
            Self::VoiceState(update) => Some(update.guild_id),
            Self::Members(request) => Some(request.guild_id),
            Self::SoundboardSounds { guild_ids } => guild_ids.first().copied(),
            Self::ChannelInfo { guild_id, .. } => Some(*guild_id),
            Self::Raw { d, .. } => d.get("guild_id").and_then(|id| GuildId::deserialize(id).ok()),
        }
    }

    /// The limit that it keeps beside the one that all share.
    pub(crate) fn lane(&self) -> Lane {
        match self {
            Self::Presence(_) => Lane::Presence,
            Self::Members(request) if request.is_for_all() => Lane::AllMembers(request.guild_id),
            Self::Raw { op, d } => match OpCode::from_number(*op) {
                OpCode::PresenceUpdate => Lane::Presence,
                OpCode::RequestGuildMembers if asks_for_all(d) => {
                    self.guild().map_or(Lane::General, Lane::AllMembers)
                }
                _ => Lane::General,
            },
            _ => Lane::General,
        }
    }

    /// The payload for Identify, if it sets a presence. One that is none, or for which Identify has no room, would end
    /// each connection as it begins.
    pub(crate) fn presence(&self) -> Option<Box<RawValue>> {
        let presence = match self {
            Self::Presence(presence) => to_raw_value(presence).ok(),
            Self::Raw { op, d } if *op == OpCode::PresenceUpdate.number() => {
                Presence::deserialize(d).ok().and_then(|_| to_raw_value(d).ok())
            }
            _ => None,
        };
        presence.filter(|presence| presence.get().len() <= MAX_FIRST_PRESENCE)
    }

    /// The message, if Discord would take it.
    pub(crate) fn encode(&self) -> Result<Bytes, CommandError> {
        #[derive(Serialize)]
        struct SoundboardSounds<'a> {
            guild_ids: &'a [GuildId],
        }
        #[derive(Serialize)]
        struct ChannelInfo<'a> {
            guild_id: GuildId,
            fields: &'a [ChannelInfoField],
        }
        let message = match self {
            Self::Presence(presence) => envelope::encode(OpCode::PresenceUpdate.number(), presence),
            Self::VoiceState(update) => envelope::encode(OpCode::VoiceStateUpdate.number(), update),
            Self::Members(request) => {
                request.check()?;
                envelope::encode(OpCode::RequestGuildMembers.number(), request)
            }
            Self::SoundboardSounds { guild_ids } => {
                if guild_ids.is_empty() {
                    return Err(CommandError::Invalid("name at least one guild"));
                }
                envelope::encode(OpCode::RequestSoundboardSounds.number(), &SoundboardSounds { guild_ids })
            }
            Self::ChannelInfo { guild_id, fields } => envelope::encode(
                OpCode::RequestChannelInfo.number(),
                &ChannelInfo { guild_id: *guild_id, fields },
            ),
            Self::Raw { op, d } => match OpCode::from_number(*op) {
                OpCode::Identify | OpCode::Resume | OpCode::Heartbeat => {
                    return Err(CommandError::Invalid(
                        "Identify, Resume and heartbeats are the shard's to send",
                    ));
                }
                _ => envelope::encode(*op, d),
            },
        };
        if message.len() > MAX_COMMAND {
            return Err(CommandError::TooLarge { bytes: message.len() });
        }
        Ok(message)
    }
}

/// Whether the payload of a raw op 8 asks for everybody: unless it names users, a name's beginning or a limit.
fn asks_for_all(d: &Value) -> bool {
    let is_set = |key| match d.get(key) {
        None | Some(Value::Null) => false,
        Some(Value::String(text)) => !text.is_empty(),
        Some(Value::Number(number)) => number.as_f64() != Some(0.0),
        Some(_) => true,
    };
    !["user_ids", "query", "limit"].into_iter().any(is_set)
}

/// Status and activities: op 3 (discord-api-docs, Gateway Events, Update Presence).
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Presence {
    /// Since when the bot is idle, in milliseconds of Unix time; `None` if it is not.
    pub since: Option<u64>,
    /// What it does.
    pub activities: Vec<Activity>,
    /// Its status.
    pub status: Status,
    /// Whether it is away.
    pub afk: bool,
}

impl Presence {
    /// A status without activities.
    #[must_use]
    pub fn new(status: Status) -> Self {
        Self { status, ..Self::default() }
    }

    /// The same with one more activity.
    #[must_use]
    pub fn activity(mut self, kind: ActivityKind, name: &str) -> Self {
        let state = (kind == ActivityKind::Custom).then(|| name.into());
        self.activities.push(Activity { name: name.into(), kind, url: None, state });
        self
    }
}

/// A status (discord-api-docs, Gateway Events, Update Presence, Status Types).
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "named as in Discord's list")]
pub enum Status {
    #[default]
    Online,
    Dnd,
    Idle,
    Invisible,
    Offline,
}

/// What a bot does; of an activity's fields those that a bot may set (discord-api-docs, Gateway Events, Activity
/// Object).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Activity {
    /// Its name.
    pub name: Box<str>,
    /// What kind it is.
    #[serde(rename = "type")]
    pub kind: ActivityKind,
    /// Where it is streamed: on Twitch or YouTube.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<Box<str>>,
    /// The text of a custom status; of others a second line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<Box<str>>,
}

/// A kind of activity (discord-api-docs, Gateway Events, Activity Types).
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(from = "u8", into = "u8")]
#[expect(missing_docs, reason = "named as in Discord's list")]
pub enum ActivityKind {
    Playing,
    Streaming,
    Listening,
    Watching,
    Custom,
    Competing,
    /// A number that is not in the list.
    Unknown(u8),
}

impl From<u8> for ActivityKind {
    fn from(number: u8) -> Self {
        match number {
            0 => Self::Playing,
            1 => Self::Streaming,
            2 => Self::Listening,
            3 => Self::Watching,
            4 => Self::Custom,
            5 => Self::Competing,
            other => Self::Unknown(other),
        }
    }
}

impl From<ActivityKind> for u8 {
    fn from(kind: ActivityKind) -> Self {
        match kind {
            ActivityKind::Playing => 0,
            ActivityKind::Streaming => 1,
            ActivityKind::Listening => 2,
            ActivityKind::Watching => 3,
            ActivityKind::Custom => 4,
            ActivityKind::Competing => 5,
            ActivityKind::Unknown(number) => number,
        }
    }
}

/// Op 4 (discord-api-docs, Gateway Events, Update Voice State).
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct VoiceStateUpdate {
    /// The guild.
    pub guild_id: GuildId,
    /// The channel to be in; `None` to leave.
    pub channel_id: Option<ChannelId>,
    /// Whether the bot mutes itself.
    pub self_mute: bool,
    /// Whether the bot deafens itself.
    pub self_deaf: bool,
}

/// Op 8 (discord-api-docs, Gateway Events, Request Guild Members).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct MembersRequest {
    /// The guild.
    pub guild_id: GuildId,
    /// Whom to ask for.
    #[serde(flatten)]
    pub of: MembersOf,
    /// Whether to ask for their presences too: needs the intent `GUILD_PRESENCES`.
    #[serde(default)]
    pub presences: bool,
    /// Comes back with each chunk; at most 32 bytes, or Discord drops it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
}

/// Whom a request for members asks for.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(untagged)]
pub enum MembersOf {
    /// Members whose name begins so.
    Query {
        /// The beginning; empty for everybody.
        query: String,
        /// How many at most: up to 100; 0 with an empty query for no limit.
        limit: u32,
    },
    /// These users, at most [`MAX_USER_IDS`].
    Users {
        /// Their ids.
        user_ids: Vec<UserId>,
    },
}

impl MembersRequest {
    /// Asks for everybody: needs the intent `GUILD_MEMBERS`, and is allowed once in 30 s for each guild.
    #[must_use]
    pub const fn all(guild_id: GuildId) -> Self {
        Self::of(guild_id, MembersOf::Query { query: String::new(), limit: 0 })
    }

    /// Asks for members whose name begins so, at most 100.
    #[must_use]
    pub fn named(guild_id: GuildId, query: &str, limit: u32) -> Self {
        Self::of(guild_id, MembersOf::Query { query: query.into(), limit })
    }

    /// Asks for these users, at most [`MAX_USER_IDS`].
    #[must_use]
    pub const fn users(guild_id: GuildId, user_ids: Vec<UserId>) -> Self {
        Self::of(guild_id, MembersOf::Users { user_ids })
    }

    const fn of(guild_id: GuildId, of: MembersOf) -> Self {
        Self { guild_id, of, presences: false, nonce: None }
    }

    /// The same, with the members' presences.
    #[must_use]
    pub const fn with_presences(mut self) -> Self {
        self.presences = true;
        self
    }

    /// Whether it asks for everybody, which is allowed once in 30 s for each guild.
    #[must_use]
    pub fn is_for_all(&self) -> bool {
        matches!(&self.of, MembersOf::Query { query, limit: 0 } if query.is_empty())
    }

    fn check(&self) -> Result<(), CommandError> {
        let invalid = |what| Err(CommandError::Invalid(what));
        match &self.of {
            MembersOf::Query { limit: 0, query } if !query.is_empty() => {
                invalid("a query for members needs a limit from 1 to 100")
            }
            MembersOf::Query { limit: 101.., .. } => invalid("at most 100 members can be asked for by name"),
            MembersOf::Users { user_ids } if user_ids.is_empty() => invalid("name at least one user"),
            MembersOf::Users { user_ids } if user_ids.len() > MAX_USER_IDS => {
                invalid("at most 100 users can be asked for at once")
            }
            _ if self.nonce.as_ref().is_some_and(|nonce| nonce.len() > 32) => {
                invalid("a nonce has at most 32 bytes")
            }
            _ => Ok(()),
        }
    }
}

/// Why a command was not taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// There is no gateway connection yet.
    #[error("the gateway is not connected yet: wait for the session")]
    NotConnected,
    /// The shard has ended.
    #[error("the gateway connection has ended")]
    Stopped,
    /// No shard of this process serves the guild, or there is none of that number.
    #[error("no shard of this process serves that guild")]
    NoSuchShard,
    /// As many commands as may wait are waiting already.
    #[error(
        "too many commands are waiting: wait until the session is there and the send budget has refilled"
    )]
    QueueFull,
    /// The message would be longer than [`MAX_COMMAND`].
    #[error("the command has {bytes} bytes; Discord takes 4,096")]
    TooLarge {
        /// Its length.
        bytes: usize,
    },
    /// Discord would not take it.
    #[error("{0}")]
    Invalid(&'static str),
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::vec;

    use serde_json::json;

    use super::*;

    fn wire(command: &Command) -> Value {
        serde_json::from_slice(&command.encode().unwrap()).unwrap()
    }

    #[test]
    fn commands_are_written_as_documented() {
        let guild_id = GuildId(7);
        let table = [
            (
                Command::Presence(Presence::new(Status::Dnd).activity(ActivityKind::Custom, "at work")),
                json!({"op": 3, "d": {"since": null, "status": "dnd", "afk": false,
                    "activities": [{"name": "at work", "type": 4, "state": "at work"}]}}),
            ),
            (
                Command::VoiceState(VoiceStateUpdate {
                    guild_id,
                    channel_id: None,
                    self_mute: true,
                    self_deaf: false,
                }),
                json!({"op": 4, "d": {"guild_id": "7", "channel_id": null, "self_mute": true,
                    "self_deaf": false}}),
            ),
            (
                Command::Members(MembersRequest::all(guild_id)),
                json!({"op": 8, "d": {"guild_id": "7", "query": "", "limit": 0, "presences": false}}),
            ),
            (
                Command::Members(MembersRequest::users(guild_id, vec![UserId(1)]).with_presences()),
                json!({"op": 8, "d": {"guild_id": "7", "user_ids": ["1"], "presences": true}}),
            ),
            (
                Command::SoundboardSounds { guild_ids: vec![guild_id] },
                json!({"op": 31, "d": {"guild_ids": ["7"]}}),
            ),
            (
                Command::ChannelInfo {
                    guild_id,
                    fields: vec![ChannelInfoField::Status, ChannelInfoField::VoiceStartTime],
                },
                json!({"op": 43, "d": {"guild_id": "7", "fields": ["status", "voice_start_time"]}}),
            ),
            (Command::Raw { op: 99, d: json!([1]) }, json!({"op": 99, "d": [1]})),
        ];
        for (command, expected) in table {
            assert_eq!(wire(&command), expected);
            let saved = serde_json::to_string(&command).unwrap();
            assert_eq!(serde_json::from_str::<Command>(&saved).unwrap(), command);
        }
    }

    #[test]
    fn what_discord_would_refuse_is_refused_here() {
        let guild = GuildId(7);
        for (command, word) in [
            (Command::Members(MembersRequest::named(guild, "a", 0)), "limit"),
            (Command::Members(MembersRequest::named(guild, "a", 101)), "100"),
            (Command::Members(MembersRequest::users(guild, vec![])), "user"),
            (Command::Members(MembersRequest::users(guild, vec![UserId(1); 101])), "100"),
            (Command::SoundboardSounds { guild_ids: vec![] }, "guild"),
            (Command::Raw { op: 2, d: Value::Null }, "Identify"),
            (Command::Raw { op: 3, d: "x".repeat(MAX_COMMAND).into() }, "4,096"),
        ] {
            let error = command.encode().unwrap_err().to_string();
            assert!(error.contains(word), "{error}");
        }
        let mut long = MembersRequest::all(guild);
        long.nonce = Some("x".repeat(33));
        assert!(Command::Members(long).encode().is_err());
    }

    #[test]
    fn a_raw_command_keeps_the_limit_of_its_opcode() {
        let guild = GuildId(7);
        let raw = |op, d| Command::Raw { op, d };
        let typed = Command::Presence(Presence::new(Status::Dnd));
        for (command, lane) in [
            (typed.clone(), Lane::Presence),
            (raw(3, json!({"status": "dnd"})), Lane::Presence),
            (Command::Members(MembersRequest::all(guild)), Lane::AllMembers(guild)),
            (Command::Members(MembersRequest::named(guild, "", 5)), Lane::General),
            (raw(8, json!({"guild_id": "7", "query": "", "limit": 0})), Lane::AllMembers(guild)),
            (raw(8, json!({"guild_id": "7", "user_ids": null})), Lane::AllMembers(guild)),
            (raw(8, json!({"guild_id": ["7"], "query": "", "limit": 0})), Lane::General),
            (raw(8, json!({"guild_id": "7", "query": "", "limit": 9})), Lane::General),
            (raw(8, json!({"guild_id": "7", "query": "a", "limit": 0})), Lane::General),
            (raw(8, json!({"guild_id": "7", "user_ids": ["1"]})), Lane::General),
            (raw(8, Value::Null), Lane::General),
            (raw(99, json!({"guild_id": "7", "query": "", "limit": 0})), Lane::General),
        ] {
            assert_eq!(command.lane(), lane, "{command:?}");
        }
        let presence = |command: Command| {
            command.presence().map(|presence| serde_json::from_str::<Value>(presence.get()).unwrap())
        };
        let new = json!({"since": null, "activities": [], "status": "dnd", "afk": false, "new": 1});
        assert_eq!(presence(typed).unwrap()["status"], "dnd");
        assert_eq!(presence(raw(3, new.clone())), Some(new.clone()), "whole");
        assert_eq!(presence(raw(3, json!("none"))), None);
        assert_eq!(presence(raw(99, new)), None);
        let long = Presence::default().activity(ActivityKind::Custom, &"x".repeat(MAX_FIRST_PRESENCE / 2));
        assert!(Command::Presence(long.clone()).encode().is_ok());
        assert_eq!(presence(Command::Presence(long)), None, "Identify has no room for it");
    }

    #[test]
    fn the_guild_is_found() {
        let raw = Command::Raw { op: 99, d: json!({"guild_id": "5"}) };
        assert_eq!(raw.guild(), Some(GuildId(5)));
        assert_eq!(Command::Presence(Presence::default()).guild(), None);
        assert_eq!(Command::Members(MembersRequest::all(GuildId(3))).guild(), Some(GuildId(3)));
    }
}
