//! The objects that our Discord has: users, channels, the guild.

use sanscord::id::{ChannelId, UserId};
use serde_json::{Value, json};

use crate::config::Config;
use crate::speaker::Speaker;

/// The first moment of 2026, as a snowflake has it.
const EPOCH: u64 = (1_767_225_600_000 - 1_420_070_400_000) << 22;
const JOINED: &str = "2026-01-01T00:00:00.000000+00:00";

pub(crate) fn ready(config: &Config, session: &str, shard: [u64; 2]) -> Value {
    json!({
        "v": 10,
        "user": bot(config),
        "user_settings": {},
        "session_type": "normal",
        "session_id": session,
        "resume_gateway_url": format!("{}{}", config.addresses.gateway_url, config.resume_path),
        "relationships": [],
        "private_channels": [],
        "presences": [],
        "guilds": [{"id": config.guild, "unavailable": true}],
        "shard": shard,
        "application": {"id": config.bot, "flags": 565_248},
        "_trace": ["[\"gateway-test-1\"]"],
    })
}

pub(crate) fn create(config: &Config) -> Value {
    let present = || config.speakers.iter().filter(|speaker| speaker.present);
    let members: Vec<_> = std::iter::once(member(&bot(config)))
        .chain(config.speakers.iter().map(|speaker| member(&user(speaker))))
        .collect();
    let states: Vec<_> =
        present().map(|speaker| speaker_state(config, speaker, Some(speaker.channel))).collect();
    let mut guild = guild(config);
    for (key, value) in [
        ("joined_at", json!(JOINED)),
        ("large", json!(false)),
        ("unavailable", json!(false)),
        ("member_count", json!(members.len())),
        ("voice_states", json!(states)),
        ("members", json!(members)),
        ("channels", channels(config)),
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

pub(crate) fn guild(config: &Config) -> Value {
    json!({
        "id": config.guild, "name": config.guild_name, "icon": null, "splash": null, "owner_id": "1",
        "afk_channel_id": null, "afk_timeout": 300, "verification_level": 0,
        "default_message_notifications": 0, "explicit_content_filter": 0, "roles": [{
            "id": config.guild, "name": "@everyone", "color": 0, "hoist": false, "position": 0,
            "permissions": "2248473465835073", "managed": false, "mentionable": false, "flags": 0,
        }],
        "emojis": [], "stickers": [], "features": [], "mfa_level": 0, "application_id": null,
        "system_channel_id": null, "system_channel_flags": 0, "rules_channel_id": null,
        "vanity_url_code": null, "description": null, "banner": null, "premium_tier": 0,
        "preferred_locale": "en-US", "public_updates_channel_id": null, "nsfw_level": 0,
        "premium_progress_bar_enabled": false, "safety_alerts_channel_id": null, "incidents_data": null,
    })
}

pub(crate) fn channels(config: &Config) -> Value {
    let all = std::iter::once(&config.text_channel).chain(&config.voice_channels);
    all.filter_map(|(id, _)| channel(config, *id)).collect()
}

pub(crate) fn channel(config: &Config, id: ChannelId) -> Option<Value> {
    if config.text_channel.0 == id {
        return Some(json!({
            "id": id, "type": 0, "guild_id": config.guild, "name": config.text_channel.1, "position": 0,
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

pub(crate) fn bot(config: &Config) -> Value {
    person(config.bot, &config.bot_name, true)
}

/// Somebody's message, with a number that makes it distinct.
pub(crate) fn message(config: &Config, number: u64) -> Value {
    let author = config.speakers.first().map_or_else(|| person(UserId(1), "somebody", false), user);
    json!({
        "id": (EPOCH + (number << 22)).to_string(), "channel_id": config.text_channel.0,
        "guild_id": config.guild, "author": author, "content": format!("message {number}"),
        "timestamp": JOINED, "edited_timestamp": null, "tts": false, "mention_everyone": false,
        "mentions": [], "mention_roles": [], "attachments": [], "embeds": [], "pinned": false, "type": 0,
        "flags": 0, "components": [], "nonce": number.to_string(),
    })
}

pub(crate) fn members_chunk(config: &Config, nonce: Option<&str>) -> Value {
    let members: Vec<_> = config.speakers.iter().map(|speaker| member(&user(speaker))).collect();
    let mut chunk = json!({
        "guild_id": config.guild, "members": members, "chunk_index": 0, "chunk_count": 1, "not_found": [],
    });
    // Discord docs: Gateway Events, Request Guild Members: longer nonces are ignored.
    if let Some(nonce) = nonce.filter(|nonce| nonce.len() <= 32) {
        chunk["nonce"] = json!(nonce);
    }
    chunk
}

/// The voice state of the bot.
pub(crate) fn bot_state(
    config: &Config,
    session: &str,
    channel: Option<ChannelId>,
    mute: bool,
    deaf: bool,
) -> Value {
    state(config, config.bot, &bot(config), session, channel, [mute, deaf])
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

fn user(speaker: &Speaker) -> Value {
    person(speaker.user, &speaker.name, false)
}

fn person(id: UserId, name: &str, bot: bool) -> Value {
    json!({
        "id": id, "username": name.to_lowercase(), "global_name": if bot { None } else { Some(name) },
        "discriminator": "0", "avatar": null, "bot": bot, "public_flags": 0,
    })
}

fn member(user: &Value) -> Value {
    json!({
        "user": user, "nick": null, "avatar": null, "roles": [], "joined_at": JOINED, "premium_since": null,
        "deaf": false, "mute": false, "flags": 0, "pending": false, "communication_disabled_until": null,
    })
}
