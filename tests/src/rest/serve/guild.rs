//! Guilds and their channels.

use sanscord::id::GuildId;
use serde_json::json;

use crate::config::Config;
use crate::rest::call::Call;
use crate::rest::form::{Complaints, Form};
use crate::rest::reply::{Answer, Reply, ok};
use crate::rest::route::Route;

pub(super) const ROUTES: [Route; 4] = [
    Route::token("GET /guilds/{guild_id}", get),
    Route::token("PATCH /guilds/{guild_id}", edit),
    Route::token("GET /guilds/{guild_id}/channels", channels),
    Route::token("POST /guilds/{guild_id}/channels", create_channel),
];

/// The fields of a guild that may be set.
const GUILD_FIELDS: [&str; 20] = [
    "afk_channel_id",
    "afk_timeout",
    "banner",
    "default_message_notifications",
    "description",
    "discovery_splash",
    "explicit_content_filter",
    "features",
    "icon",
    "name",
    "preferred_locale",
    "premium_progress_bar_enabled",
    "public_updates_channel_id",
    "region",
    "rules_channel_id",
    "safety_alerts_channel_id",
    "splash",
    "system_channel_flags",
    "system_channel_id",
    "verification_level",
];

/// Members with the bots and the speakers.
pub(super) fn member_count(config: &Config, id: GuildId) -> u64 {
    let speakers = config.speakers.iter().filter(|_| id == config.guild).count();
    u64::from(config.members) + (speakers + config.bot_users().count()) as u64
}

fn get(call: &mut Call<'_>) -> Answer {
    call.expect_query(&["with_counts"]);
    let id = call.guild()?;
    let with_counts = call.query.flag("with_counts")?.unwrap_or(false);
    let mut guild = call.store.guild(&call.desk.config, id);
    if with_counts {
        guild["approximate_member_count"] = json!(member_count(call.config(), id));
        guild["approximate_presence_count"] = json!(0);
    }
    ok(&guild)
}

fn edit(call: &mut Call<'_>) -> Answer {
    let id = call.guild()?;
    let fields = call.read(&GUILD_FIELDS, |form, complaints| {
        form.text(complaints, "name", (2, 100));
        form.text(complaints, "description", (0, 120));
        form.fields.clone()
    })?;
    call.store.guilds.entry(id).or_default().extend(fields);
    let guild = call.store.guild(&call.desk.config, id);
    call.tell("GUILD_UPDATE", guild.clone());
    ok(&guild)
}

fn channels(call: &mut Call<'_>) -> Answer {
    let id = call.guild()?;
    let mut found = Vec::new();
    for channel in call.store.channels_of(&call.desk.config, id) {
        if let Some(channel) =
            call.store.channel(&call.desk.config, channel).filter(|channel| !channel.is_thread())
        {
            found.push(channel.value.clone());
        }
    }
    ok(&found.into())
}

/// The fields of a channel of a guild that may be set.
pub(super) const CHANNEL_FIELDS: [&str; 21] = [
    "name",
    "type",
    "topic",
    "position",
    "nsfw",
    "rate_limit_per_user",
    "parent_id",
    "bitrate",
    "user_limit",
    "permission_overwrites",
    "default_auto_archive_duration",
    "available_tags",
    "default_reaction_emoji",
    "default_sort_order",
    "rtc_region",
    "flags",
    "video_quality_mode",
    "default_thread_rate_limit_per_user",
    "default_forum_layout",
    "default_tag_setting",
    "icon",
];

pub(super) fn judge_channel(form: &Form<'_>, complaints: &mut Complaints) {
    form.text(complaints, "name", (1, 100));
    form.text(complaints, "topic", (0, 4_096));
    form.number(complaints, "rate_limit_per_user", (0, 21_600));
    form.number(complaints, "bitrate", (8_000, 384_000));
    form.number(complaints, "user_limit", (0, 99));
    form.id(complaints, "parent_id");
    form.boolean(complaints, "nsfw");
    form.choice(complaints, "default_auto_archive_duration", &[60, 1_440, 4_320, 10_080]);
}

fn create_channel(call: &mut Call<'_>) -> Answer {
    let guild = call.guild()?;
    let fields = call.read(&CHANNEL_FIELDS, |form, complaints| {
        form.require(complaints, "name");
        form.choice(complaints, "type", &[0, 2, 4, 5, 13, 15, 16]);
        judge_channel(form, complaints);
        form.fields.clone()
    })?;
    if call.store.channels_of(&call.desk.config, guild).len() >= 500 {
        return Err(Reply::error(400, 30_013, "Maximum number of guild channels reached (500)"));
    }
    let id = call.mint();
    let mut channel = json!({
        "id": id.to_string(), "type": 0, "guild_id": guild, "position": 0, "permission_overwrites": [], "topic": null,
        "nsfw": false, "last_message_id": null, "rate_limit_per_user": 0, "parent_id": null, "flags": 0,
    });
    for (key, value) in fields {
        channel[&key] = value;
    }
    call.store.add_channel(&call.desk.config, id, channel.clone());
    call.tell("CHANNEL_CREATE", channel.clone());
    Ok(Reply::json(201, &channel))
}
