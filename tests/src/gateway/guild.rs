//! The objects that our Discord has: users, channels, guilds.

use std::collections::BTreeSet;

use sanscord::gateway::ShardId;
use sanscord::id::{ChannelId, GuildId, UserId};
use serde_json::{Value, json};

use crate::config::Config;
use crate::speaker::Speaker;

/// The first moment of 2026, as a snowflake has it.
const EPOCH: u64 = (1_767_225_600_000 - 1_420_070_400_000) << 22;
const JOINED: &str = "2026-01-01T00:00:00.000000+00:00";

/// All guilds, the main one first.
pub(crate) fn ids(config: &Config) -> Vec<GuildId> {
    let mut ids = vec![config.guild];
    let mut seen = BTreeSet::from([config.guild]);
    ids.extend(config.more_guilds.iter().filter(|id| seen.insert(**id)));
    ids
}

/// Whether there is a guild of this id.
pub(crate) fn exists(config: &Config, id: GuildId) -> bool {
    config.guild == id || config.more_guilds.contains(&id)
}

/// The text channel of a guild.
pub(crate) fn text_channel(config: &Config, id: GuildId) -> ChannelId {
    if id == config.guild { config.text_channel.0 } else { ChannelId(id.0.wrapping_add(1)) }
}

/// The guild whose text channel this is.
pub(crate) fn of_text_channel(config: &Config, channel: ChannelId) -> Option<GuildId> {
    if channel == config.text_channel.0 {
        return Some(config.guild);
    }
    let guild = GuildId(channel.0.wrapping_sub(1));
    config.more_guilds.contains(&guild).then_some(guild)
}

pub(crate) fn ready(
    config: &Config,
    bot_user: UserId,
    session: &str,
    shard: ShardId,
    guilds: &[GuildId],
) -> Value {
    let guilds: Vec<_> = guilds.iter().map(|id| json!({"id": id, "unavailable": true})).collect();
    let mut user = bot(config, bot_user);
    for (key, value) in [("mfa_enabled", json!(true)), ("verified", json!(true)), ("email", Value::Null)] {
        user[key] = value;
    }
    json!({
        "v": 10,
        "user": user,
        "user_settings": {},
        "session_type": "normal",
        "session_id": session,
        "resume_gateway_url": format!("{}{}", config.addresses.gateway_url, config.resume_path),
        "relationships": [],
        "private_channels": [],
        "presences": [],
        "guilds": guilds,
        "shard": shard,
        "application": {"id": bot_user, "flags": 565_248},
        "_trace": ["[\"gateway-test-1\"]"],
    })
}

/// A guild with everything in it; beside the speakers' these voice states are its.
pub(crate) fn create<'a>(config: &Config, id: GuildId, bot_states: impl Iterator<Item = &'a Value>) -> Value {
    let speakers = || config.speakers.iter().filter(|_| id == config.guild);
    let members: Vec<_> = config
        .bot_users()
        .map(|user| member(&bot(config, user)))
        .chain(speakers().map(|speaker| member(&user(speaker))))
        .collect();
    let states: Vec<_> = speakers()
        .filter(|speaker| speaker.present)
        .map(|speaker| speaker_state(config, speaker, Some(speaker.channel)))
        .chain(bot_states.filter(|_| id == config.guild).cloned())
        .collect();
    let mut guild = guild(config, id);
    for (key, value) in [
        ("joined_at", json!(JOINED)),
        ("large", json!(false)),
        ("unavailable", json!(false)),
        ("member_count", json!(members.len() as u64 + u64::from(config.members))),
        ("voice_states", json!(states)),
        ("members", json!(members)),
        ("channels", channels(config, id)),
        ("threads", json!([])),
        ("presences", json!([])),
        ("stage_instances", json!([])),
        ("guild_scheduled_events", json!([])),
        ("soundboard_sounds", json!([])),
    ] {
        guild[key] = value;
    }
    guild
}

pub(crate) fn guild(config: &Config, id: GuildId) -> Value {
    let name = if id == config.guild { config.guild_name.clone() } else { format!("Guild {id}") };
    json!({
        "id": id, "name": name, "icon": null, "splash": null, "owner_id": "1",
        "afk_channel_id": null, "afk_timeout": 300, "verification_level": 0,
        "default_message_notifications": 0, "explicit_content_filter": 0, "roles": [{
            "id": id, "name": "@everyone", "color": 0, "hoist": false, "position": 0,
            "colors": {"primary_color": 0, "secondary_color": null, "tertiary_color": null},
            "permissions": "2248473465835073", "managed": false, "mentionable": false, "flags": 0,
        }],
        "emojis": [], "stickers": [], "features": [], "mfa_level": 0, "application_id": null,
        "system_channel_id": null, "system_channel_flags": 0, "rules_channel_id": null,
        "vanity_url_code": null, "description": null, "banner": null, "premium_tier": 0,
        "preferred_locale": "en-US", "public_updates_channel_id": null, "nsfw_level": 0,
        "premium_progress_bar_enabled": false, "safety_alerts_channel_id": null, "incidents_data": null,
    })
}

/// The channels of a guild.
pub(crate) fn channels(config: &Config, id: GuildId) -> Value {
    let voice = config.voice_channels.iter().filter(|_| id == config.guild);
    let all = std::iter::once(text_channel(config, id)).chain(voice.map(|(channel, _)| *channel));
    all.filter_map(|channel| self::channel(config, channel)).collect()
}

pub(crate) fn channel(config: &Config, id: ChannelId) -> Option<Value> {
    if let Some(guild) = of_text_channel(config, id) {
        let name = if guild == config.guild { &config.text_channel.1 } else { "general" };
        return Some(json!({
            "id": id, "type": 0, "guild_id": guild, "name": name, "position": 0,
            "permission_overwrites": [], "topic": null, "nsfw": false, "last_message_id": null,
            "rate_limit_per_user": 0, "parent_id": null, "flags": 0,
        }));
    }
    let position = config.voice_channels.iter().position(|(channel, _)| *channel == id)?;
    let (_, name) = config.voice_channels.get(position)?;
    Some(json!({
        "id": id, "type": 2, "guild_id": config.guild, "name": name, "position": position,
        "permission_overwrites": [], "nsfw": false, "bitrate": 64_000, "user_limit": 0, "rtc_region": null,
        "parent_id": null, "flags": 0, "last_message_id": null, "rate_limit_per_user": 0,
    }))
}

pub(crate) fn bot(config: &Config, user: UserId) -> Value {
    person(user, config.bot_name(user), true)
}

/// Who writes messages that nobody in particular writes.
pub(crate) fn author(config: &Config) -> Value {
    config.speakers.first().map_or_else(|| person(UserId(1), "somebody", false), user)
}

/// A numbered message in a guild, of which it is told how many guilds stand before it; as text, because there are
/// many of them.
pub(crate) fn chatter(config: &Config, author: &str, guild: GuildId, index: usize, number: u64) -> String {
    let id = EPOCH + (number << 22) + index as u64;
    let channel = text_channel(config, guild);
    format!(
        r#"{{"type":0,"tts":false,"timestamp":"{JOINED}","pinned":false,"nonce":"{number}","mentions":[],"mention_roles":[],"mention_everyone":false,"id":"{id}","flags":0,"embeds":[],"edited_timestamp":null,"content":"message {number}","components":[],"channel_id":"{channel}","author":{author},"attachments":[],"guild_id":"{guild}"}}"#
    )
}

/// The voice state of a bot.
pub(crate) fn bot_state(
    config: &Config,
    user: UserId,
    session: &str,
    channel: Option<ChannelId>,
    mute: bool,
    deaf: bool,
) -> Value {
    state(config, user, &bot(config, user), session, channel, [mute, deaf])
}

/// The voice state of a speaker.
pub(crate) fn speaker_state(config: &Config, speaker: &Speaker, channel: Option<ChannelId>) -> Value {
    let session = format!("{:032x}", speaker.user.0);
    state(config, speaker.user, &user(speaker), &session, channel, [false, false])
}

fn state(
    config: &Config,
    id: UserId,
    user: &Value,
    session: &str,
    channel: Option<ChannelId>,
    [mute, deaf]: [bool; 2],
) -> Value {
    json!({
        "guild_id": config.guild, "channel_id": channel, "user_id": id, "session_id": session,
        "member": member(user), "deaf": false, "mute": false, "self_deaf": deaf, "self_mute": mute,
        "self_video": false, "suppress": false, "request_to_speak_timestamp": null,
    })
}

pub(crate) fn user(speaker: &Speaker) -> Value {
    person(speaker.user, &speaker.name, false)
}

pub(crate) fn person(id: UserId, name: &str, bot: bool) -> Value {
    json!({
        "id": id, "username": name.to_lowercase(), "global_name": if bot { None } else { Some(name) },
        "discriminator": "0", "avatar": null, "bot": bot, "public_flags": 0,
    })
}

pub(crate) fn member(user: &Value) -> Value {
    json!({
        "user": user, "nick": null, "avatar": null, "roles": [], "joined_at": JOINED, "premium_since": null,
        "deaf": false, "mute": false, "flags": 0, "pending": false, "communication_disabled_until": null,
    })
}
