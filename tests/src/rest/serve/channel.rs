//! Channels, typing and voice statuses.

use serde_json::{Value, json};

use super::guild::{CHANNEL_FIELDS, judge_channel};
use crate::rest::call::Call;
use crate::rest::moment;
use crate::rest::reply::{self, Answer, done, ok};
use crate::rest::route::Route;

pub(super) const ROUTES: [Route; 5] = [
    Route::token("GET /channels/{channel_id}", get),
    Route::token("PATCH /channels/{channel_id}", edit),
    Route::token("DELETE /channels/{channel_id}", delete),
    Route::token("POST /channels/{channel_id}/typing", typing),
    Route::token("PUT /channels/{channel_id}/voice-status", voice_status),
];

fn get(call: &mut Call<'_>) -> Answer {
    let id = call.channel()?;
    let channel = call.store.channel(&call.desk.config, id).ok_or_else(reply::unknown_channel)?;
    ok(&channel.value)
}

fn edit(call: &mut Call<'_>) -> Answer {
    let id = call.channel()?;
    let channel = call.store.channel(&call.desk.config, id).ok_or_else(reply::unknown_channel)?;
    if channel.guild().is_none() {
        return Err(reply::wrong_channel_type());
    }
    let (is_thread, is_archived) = (channel.is_thread(), channel.is_archived());
    let mut known: Vec<_> = CHANNEL_FIELDS.to_vec();
    let of_threads = ["archived", "auto_archive_duration", "locked", "invitable", "applied_tags"];
    if is_thread {
        known.extend(of_threads);
    }
    let fields = call.read(&known, |form, complaints| {
        judge_channel(form, complaints);
        for flag in ["archived", "locked", "invitable"] {
            form.boolean(complaints, flag);
        }
        form.choice(complaints, "auto_archive_duration", &[60, 1_440, 4_320, 10_080]);
        form.fields.clone()
    })?;
    if is_archived && fields.get("archived") != Some(&Value::Bool(false)) {
        return Err(reply::archived());
    }
    let now = call.iso_now();
    let channel = call.store.channel(&call.desk.config, id).ok_or_else(reply::unknown_channel)?;
    for (key, value) in fields {
        if is_thread && of_threads.contains(&key.as_str()) && key != "applied_tags" {
            if key == "archived" {
                channel.value["thread_metadata"]["archive_timestamp"] = now.as_str().into();
            }
            channel.value["thread_metadata"][&key] = value;
        } else {
            channel.value[&key] = value;
        }
    }
    let value = channel.value.clone();
    call.tell(if is_thread { "THREAD_UPDATE" } else { "CHANNEL_UPDATE" }, value.clone());
    ok(&value)
}

fn delete(call: &mut Call<'_>) -> Answer {
    let id = call.channel()?;
    let is_thread = call.store.channel(&call.desk.config, id).is_some_and(|channel| channel.is_thread());
    let value = call.store.remove_channel(id).ok_or_else(reply::unknown_channel)?;
    call.tell(if is_thread { "THREAD_DELETE" } else { "CHANNEL_DELETE" }, value.clone());
    ok(&value)
}

fn typing(call: &mut Call<'_>) -> Answer {
    let id = call.channel()?;
    let channel = call.store.channel(&call.desk.config, id).ok_or_else(reply::unknown_channel)?;
    if !channel.is_text() {
        return Err(reply::not_text());
    }
    let guild = channel.guild();
    let mut event = json!({
        "channel_id": id.to_string(), "user_id": call.user,
        "timestamp": moment::unix_millis(&call.desk.config, call.desk.now) / 1_000,
    });
    if let Some(guild) = guild {
        event["guild_id"] = json!(guild);
        event["member"] = json!(call.store.member(&call.desk.config, guild, call.user.0));
    }
    call.tell("TYPING_START", event);
    done()
}

fn voice_status(call: &mut Call<'_>) -> Answer {
    let id = call.channel()?;
    let status = call.read(&["status"], |form, complaints| {
        form.text(complaints, "status", (0, 500)).map(ToOwned::to_owned)
    })?;
    let channel = call.store.channel(&call.desk.config, id).ok_or_else(reply::unknown_channel)?;
    if channel.kind() != 2 {
        return Err(reply::wrong_channel_type());
    }
    let guild = channel.guild();
    channel.value["status"] = json!(status);
    let event = json!({"id": id.to_string(), "guild_id": guild, "status": status});
    call.tell("VOICE_CHANNEL_STATUS_UPDATE", event);
    done()
}
