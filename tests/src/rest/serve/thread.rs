//! Threads.

use serde_json::{Map, Value, json};

use super::compose::{self, Sender};
use super::message;
use crate::rest::call::Call;
use crate::rest::form::{Complaints, Form, complaint};
use crate::rest::moment;
use crate::rest::reply::{self, Answer, Reply, done, ok};
use crate::rest::route::Route;
use crate::rest::store::Store;
use crate::rest::store::channel::Channel;

pub(super) const ROUTES: [Route; 12] = [
    Route::token("POST /channels/{channel_id}/messages/{message_id}/threads", create_on_message),
    Route::token("POST /channels/{channel_id}/threads", create),
    Route::token("GET /guilds/{guild_id}/threads/active", active),
    Route::token("GET /channels/{channel_id}/threads/archived/public", archived_public),
    Route::token("GET /channels/{channel_id}/threads/archived/private", archived_private),
    Route::token("GET /channels/{channel_id}/users/@me/threads/archived/private", joined_private),
    Route::token("GET /channels/{channel_id}/thread-members", members),
    Route::token("GET /channels/{channel_id}/thread-members/{user_id}", member),
    Route::token("PUT /channels/{channel_id}/thread-members/@me", join),
    Route::token("DELETE /channels/{channel_id}/thread-members/@me", leave),
    Route::token("PUT /channels/{channel_id}/thread-members/{user_id}", add),
    Route::token("DELETE /channels/{channel_id}/thread-members/{user_id}", remove),
];

fn judge(form: &Form<'_>, complaints: &mut Complaints) {
    form.require(complaints, "name");
    form.text(complaints, "name", (1, 100));
    form.choice(complaints, "auto_archive_duration", &[60, 1_440, 4_320, 10_080]);
    form.number(complaints, "rate_limit_per_user", (0, 21_600));
    form.boolean(complaints, "invitable");
}

fn create_on_message(call: &mut Call<'_>) -> Answer {
    let channel = call.channel()?;
    let id = call.id("message_id");
    let mut message = message::find(call, channel, id)?;
    let fields =
        call.read(&["name", "auto_archive_duration", "rate_limit_per_user"], |form, complaints| {
            judge(form, complaints);
            form.fields.clone()
        })?;
    let config = &call.desk.config;
    let known = call.store.channel(config, channel).ok_or_else(reply::unknown_channel)?;
    if !matches!(known.kind(), 0 | 5) {
        return Err(reply::wrong_channel_type());
    }
    let kind = if known.kind() == 5 { 10 } else { 11 };
    if message.get("thread").is_some() || call.store.channel(config, id).is_some() {
        return Err(reply::has_thread());
    }
    let thread = open(call, channel, id, kind, &fields)?;
    message["thread"] = thread.clone();
    message["flags"] = (message["flags"].as_i64().unwrap_or(0) | 1 << 5).into();
    let config = &call.desk.config;
    let known = call.store.channel(config, channel).ok_or_else(reply::unknown_channel)?;
    known.log.put(config, id, &message, false);
    Ok(Reply::json(201, &thread))
}

/// Makes a thread of which the user is a member.
pub(super) fn open(
    call: &mut Call<'_>,
    parent: u64,
    id: u64,
    kind: u64,
    fields: &Map<String, Value>,
) -> Result<Value, Reply> {
    let guild = call.store.channel(&call.desk.config, parent).and_then(|parent| parent.guild());
    let guild = guild.ok_or_else(reply::wrong_channel_type)?;
    let now = call.iso_now();
    let of =
        |key: &str, usual: Value| fields.get(key).filter(|value| !value.is_null()).cloned().unwrap_or(usual);
    let mut thread = json!({
        "id": id.to_string(), "type": kind, "guild_id": guild, "parent_id": parent.to_string(),
        "owner_id": call.user, "name": fields.get("name"), "last_message_id": null, "message_count": 0,
        "total_message_sent": 0, "member_count": 1, "flags": 0,
        "rate_limit_per_user": of("rate_limit_per_user", json!(0)),
        "thread_metadata": {
            "archived": false, "archive_timestamp": now, "locked": false, "create_timestamp": now,
            "auto_archive_duration": of("auto_archive_duration", json!(4_320)),
        },
    });
    if kind == 12 {
        thread["thread_metadata"]["invitable"] = of("invitable", json!(true));
    }
    if let Some(tags) = fields.get("applied_tags") {
        thread["applied_tags"] = tags.clone();
    }
    call.store.add_channel(&call.desk.config, id, thread.clone());
    let user = call.user.0;
    enter(call, id, user)?;
    call.tell("THREAD_CREATE", thread.clone());
    Ok(thread)
}

fn create(call: &mut Call<'_>) -> Answer {
    let channel = call.channel()?;
    let known = call.store.channel(&call.desk.config, channel).ok_or_else(reply::unknown_channel)?;
    let is_forum = known.is_forum();
    if !is_forum && !matches!(known.kind(), 0 | 5) {
        return Err(reply::wrong_channel_type());
    }
    let known = [
        "name",
        "auto_archive_duration",
        "rate_limit_per_user",
        "type",
        "invitable",
        "message",
        "applied_tags",
    ];
    let (fields, post) = call.read(&known, |form, complaints| {
        judge(form, complaints);
        form.choice(complaints, "type", &[10, 11, 12]);
        form.ids(complaints, "applied_tags", 5);
        let mut post = None;
        if is_forum {
            form.require(complaints, "message");
            if let Some(message) = form.object(complaints, "message") {
                compose::judge(&message, complaints);
                post = Some(message.fields.clone());
            }
        }
        (form.fields.clone(), post)
    })?;
    let kind = if is_forum { 11 } else { fields.get("type").and_then(Value::as_u64).unwrap_or(12) };
    let id = call.mint();
    let mut thread = open(call, channel, id, kind, &fields)?;
    if let Some(post) = post {
        let author = Store::user(call.config(), call.user.0).ok_or_else(reply::unknown_user)?;
        let sender = Sender { author, more: Map::new(), users_only: false, is_hidden: false };
        match compose::post(call, id, &post, sender) {
            Ok(message) => thread["message"] = message,
            Err(refusal) => {
                call.store.remove_channel(id);
                call.events.clear();
                return Err(refusal);
            }
        }
    }
    Ok(Reply::json(201, &thread))
}

fn active(call: &mut Call<'_>) -> Answer {
    let guild = call.guild()?;
    let user = call.user.0;
    let (mut threads, mut members) = (Vec::new(), Vec::new());
    for id in call.store.channels_of(&call.desk.config, guild) {
        let found = call.store.channel(&call.desk.config, id);
        if let Some(thread) = found.filter(|channel| channel.is_thread() && !channel.is_archived()) {
            threads.push(thread.value.clone());
            members.extend(thread.members.get(&user).cloned());
        }
    }
    threads.reverse();
    ok(&json!({"threads": threads, "members": members}))
}

/// An archived thread: its id, when it was archived, its object, and the user's membership.
type Archived = (u64, u64, Value, Option<Value>);

/// The archived threads of the channel of the path, of these kinds.
fn archived(call: &mut Call<'_>, kinds: &[u64]) -> Result<Vec<Archived>, Reply> {
    let channel = call.channel()?;
    let user = call.user.0;
    let known = call.store.channel(&call.desk.config, channel).ok_or_else(reply::unknown_channel)?;
    let guild = known.guild().ok_or_else(reply::wrong_channel_type)?;
    let mut found = Vec::new();
    for id in call.store.channels_of(&call.desk.config, guild) {
        let Some(thread) = call.store.channel(&call.desk.config, id) else { continue };
        if thread.parent() == Some(channel) && kinds.contains(&thread.kind()) && thread.is_archived() {
            let at = archived_at(thread);
            found.push((id, at, thread.value.clone(), thread.members.get(&user).cloned()));
        }
    }
    Ok(found)
}

fn archived_at(thread: &Channel) -> u64 {
    let at = thread.value.pointer("/thread_metadata/archive_timestamp").and_then(Value::as_str);
    at.and_then(moment::parse_iso).unwrap_or(0)
}

fn by_time(call: &mut Call<'_>, kinds: &[u64]) -> Answer {
    call.expect_query(&["before", "limit"]);
    let before = match call.query.get("before") {
        None => u64::MAX,
        Some(text) => moment::parse_iso(text).ok_or_else(|| {
            complaint("before", "DATE_TIME_TYPE_PARSE", format!("Could not parse {text}. Should be ISO8601."))
        })?,
    };
    let limit = call.query.number("limit", (2, 100), 50)? as usize;
    let mut found = archived(call, kinds)?;
    found.retain(|(_, at, ..)| *at < before);
    found.sort_by_key(|(_, at, ..)| std::cmp::Reverse(*at));
    page(found, limit)
}

fn page(found: Vec<Archived>, limit: usize) -> Answer {
    let has_more = found.len() > limit;
    let (mut threads, mut members) = (Vec::new(), Vec::new());
    for (_, _, thread, member) in found.into_iter().take(limit) {
        threads.push(thread);
        members.extend(member);
    }
    ok(&json!({"threads": threads, "members": members, "has_more": has_more}))
}

fn archived_public(call: &mut Call<'_>) -> Answer {
    by_time(call, &[10, 11])
}

fn archived_private(call: &mut Call<'_>) -> Answer {
    by_time(call, &[12])
}

/// These are paged by id, the others by time.
fn joined_private(call: &mut Call<'_>) -> Answer {
    call.expect_query(&["before", "limit"]);
    let before = call.query.id("before")?.unwrap_or(u64::MAX);
    let limit = call.query.number("limit", (2, 100), 50)? as usize;
    let mut found = archived(call, &[12])?;
    found.retain(|(id, _, _, member)| *id < before && member.is_some());
    found.sort_by_key(|(id, ..)| std::cmp::Reverse(*id));
    page(found, limit)
}

/// The thread of the path.
fn thread(call: &mut Call<'_>) -> Result<u64, Reply> {
    let id = call.channel()?;
    let known = call.store.channel(&call.desk.config, id).filter(|channel| channel.is_thread());
    known.map(|_| id).ok_or_else(reply::wrong_channel_type)
}

fn members(call: &mut Call<'_>) -> Answer {
    call.expect_query(&["with_member", "after", "limit"]);
    let id = thread(call)?;
    let with_member = call.query.flag("with_member")?.unwrap_or(false);
    let after = call.query.id("after")?.unwrap_or(0);
    let limit = call.query.number("limit", (1, 100), 100)? as usize;
    let known = call.store.channel(&call.desk.config, id).ok_or_else(reply::unknown_channel)?;
    let guild = known.guild();
    let mut found: Vec<_> =
        known.members.range(after.saturating_add(1)..).map(|(id, m)| (*id, m.clone())).collect();
    // Without members the list is whole.
    if with_member {
        found.truncate(limit);
        for (id, member) in &mut found {
            let of = guild.and_then(|guild| call.store.member(&call.desk.config, guild, *id));
            member["member"] = json!(of);
        }
    }
    ok(&found.into_iter().map(|(_, member)| member).collect())
}

fn member(call: &mut Call<'_>) -> Answer {
    let id = thread(call)?;
    let user = call.id("user_id");
    let known = call.store.channel(&call.desk.config, id).ok_or_else(reply::unknown_channel)?;
    ok(known.members.get(&user).ok_or_else(reply::unknown_member)?)
}

/// Makes somebody a member of a thread.
fn enter(call: &mut Call<'_>, id: u64, user: u64) -> Result<(), Reply> {
    let now = call.iso_now();
    let member =
        json!({"id": id.to_string(), "user_id": user.to_string(), "join_timestamp": now, "flags": 1});
    let known = call.store.channel(&call.desk.config, id).ok_or_else(reply::unknown_channel)?;
    if known.is_archived() {
        return Err(reply::archived());
    }
    known.members.entry(user).or_insert(member);
    known.value["member_count"] = known.members.len().into();
    Ok(())
}

fn exit(call: &mut Call<'_>, user: u64) -> Answer {
    let id = thread(call)?;
    let known = call.store.channel(&call.desk.config, id).ok_or_else(reply::unknown_channel)?;
    known.members.remove(&user).ok_or_else(reply::unknown_member)?;
    known.value["member_count"] = known.members.len().into();
    done()
}

fn join(call: &mut Call<'_>) -> Answer {
    let (id, user) = (thread(call)?, call.user.0);
    enter(call, id, user)?;
    done()
}

fn leave(call: &mut Call<'_>) -> Answer {
    let user = call.user.0;
    exit(call, user)
}

fn add(call: &mut Call<'_>) -> Answer {
    let (id, user) = (thread(call)?, call.id("user_id"));
    Store::user(call.config(), user).ok_or_else(reply::unknown_user)?;
    enter(call, id, user)?;
    done()
}

fn remove(call: &mut Call<'_>) -> Answer {
    let user = call.id("user_id");
    exit(call, user)
}
