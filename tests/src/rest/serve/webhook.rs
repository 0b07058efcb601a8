//! Webhooks, by those who own them and by those who know their tokens; and the webhooks of applications, by which
//! interactions are answered further.

use serde_json::{Map, Value, json};

use super::compose::{self, Sender};
use super::{interaction, thread};
use crate::rest::call::Call;
use crate::rest::form::{Complaints, Form, complaint, snowflake};
use crate::rest::reply::{self, Answer, Reply, done, ok, without};
use crate::rest::route::Route;
use crate::rest::store::Store;

pub(super) const ROUTES: [Route; 16] = [
    Route::token("GET /channels/{channel_id}/webhooks", of_channel),
    Route::token("POST /channels/{channel_id}/webhooks", create),
    Route::token("GET /guilds/{guild_id}/webhooks", of_guild),
    Route::token("GET /webhooks/{webhook_id}", get),
    Route::token("PATCH /webhooks/{webhook_id}", edit),
    Route::token("DELETE /webhooks/{webhook_id}", delete),
    Route::path("GET /webhooks/{webhook_id}/{webhook_token}", get),
    Route::path("PATCH /webhooks/{webhook_id}/{webhook_token}", edit),
    Route::path("DELETE /webhooks/{webhook_id}/{webhook_token}", delete),
    Route::path("POST /webhooks/{webhook_id}/{webhook_token}", execute),
    Route::path("GET /webhooks/{webhook_id}/{webhook_token}/messages/{message_id}", get_message),
    Route::path("PATCH /webhooks/{webhook_id}/{webhook_token}/messages/{message_id}", edit_message),
    Route::path("DELETE /webhooks/{webhook_id}/{webhook_token}/messages/{message_id}", delete_message),
    Route::path("GET /webhooks/{webhook_id}/{webhook_token}/messages/@original", get_message),
    Route::path("PATCH /webhooks/{webhook_id}/{webhook_token}/messages/@original", edit_message),
    Route::path("DELETE /webhooks/{webhook_id}/{webhook_token}/messages/@original", delete_message),
];

const MAX_WEBHOOKS: usize = 15;

/// Where a webhook with a token writes.
struct Place {
    channel: u64,
    /// The interaction, if the webhook is an application's.
    interaction: Option<u64>,
}

fn of_channel(call: &mut Call<'_>) -> Answer {
    let channel = call.channel()?;
    let mine =
        call.store.webhooks.values().filter(|webhook| snowflake(&webhook["channel_id"]) == Some(channel));
    ok(&mine.cloned().collect())
}

fn of_guild(call: &mut Call<'_>) -> Answer {
    let guild = call.guild()?;
    let mine =
        call.store.webhooks.values().filter(|webhook| snowflake(&webhook["guild_id"]) == Some(guild.0));
    ok(&mine.cloned().collect())
}

/// A webhook's name, which may not remind of Discord's own.
fn judge_name(form: &Form<'_>, complaints: &mut Complaints, key: &str) {
    let Some(name) = form.text(complaints, key, (1, 80)) else { return };
    for word in ["clyde", "discord"] {
        if name.to_lowercase().contains(word) {
            let message = format!("Username cannot contain \"{word}\"");
            complaints.add(form.path(key), "USERNAME_INVALID_CONTAINS", message);
        }
    }
}

fn create(call: &mut Call<'_>) -> Answer {
    let channel = call.channel()?;
    let fields = call.read(&["name", "avatar"], |form, complaints| {
        form.require(complaints, "name");
        judge_name(form, complaints, "name");
        form.fields.clone()
    })?;
    let known = call.store.channel(&call.desk.config, channel).ok_or_else(reply::unknown_channel)?;
    let guild = known.guild();
    if guild.is_none() || known.is_thread() {
        return Err(reply::wrong_channel_type());
    }
    let is_mine = |webhook: &&Value| snowflake(&webhook["channel_id"]) == Some(channel);
    if call.store.webhooks.values().filter(is_mine).count() >= MAX_WEBHOOKS {
        return Err(Reply::error(400, 30_007, "Maximum number of webhooks reached (15)"));
    }
    let id = call.mint();
    let token = call.desk.hex(34);
    let user = Store::user(call.config(), call.user.0);
    let url = format!("{}/webhooks/{id}/{token}", call.config().addresses.api_base);
    let webhook = json!({
        "id": id.to_string(), "type": 1, "guild_id": guild, "channel_id": channel.to_string(), "user": user,
        "name": fields.get("name"), "avatar": null, "token": token, "application_id": call.user, "url": url,
    });
    call.store.webhooks.insert(id, webhook.clone());
    updated(call, &webhook);
    ok(&webhook)
}

fn updated(call: &mut Call<'_>, webhook: &Value) {
    let event = json!({"guild_id": webhook["guild_id"], "channel_id": webhook["channel_id"]});
    call.tell("WEBHOOKS_UPDATE", event);
}

/// The webhook of the path, whose token must fit if the path has one.
fn find(call: &Call<'_>) -> Result<Value, Reply> {
    let webhook = call.store.webhooks.get(&call.id("webhook_id")).ok_or_else(reply::unknown_webhook)?;
    let token = call.param("webhook_token");
    if !token.is_empty() && webhook["token"] != token {
        return Err(reply::invalid_webhook_token());
    }
    Ok(webhook.clone())
}

/// With a token the owner is not shown.
fn shown(call: &Call<'_>, webhook: &Value) -> Value {
    if call.param("webhook_token").is_empty() { webhook.clone() } else { without(webhook, &["user"]) }
}

fn get(call: &mut Call<'_>) -> Answer {
    let webhook = find(call)?;
    ok(&shown(call, &webhook))
}

fn edit(call: &mut Call<'_>) -> Answer {
    let mut webhook = find(call)?;
    let has_token = !call.param("webhook_token").is_empty();
    let known: &[&str] = if has_token { &["name", "avatar"] } else { &["name", "avatar", "channel_id"] };
    let (fields, channel) = call.read(known, |form, complaints| {
        judge_name(form, complaints, "name");
        (form.fields.clone(), form.id(complaints, "channel_id"))
    })?;
    if let Some(channel) = channel {
        call.channel_at(channel)?;
    }
    for (key, value) in fields {
        webhook[&key] = value;
    }
    call.store.webhooks.insert(call.id("webhook_id"), webhook.clone());
    updated(call, &webhook);
    ok(&shown(call, &webhook))
}

fn delete(call: &mut Call<'_>) -> Answer {
    let webhook = find(call)?;
    let id = call.id("webhook_id");
    call.store.webhooks.remove(&id);
    updated(call, &webhook);
    done()
}

/// Where the webhook of the path writes: a webhook to its channel or a thread of it, an application's to where the
/// interaction was.
fn place(call: &mut Call<'_>) -> Result<Place, Reply> {
    let id = call.id("webhook_id");
    if call.config().bot_users().any(|bot| bot.0 == id) {
        let interaction = interaction::by_token(call)?;
        let channel = call.store.interactions.get(&interaction).map_or(0, |interaction| interaction.channel);
        return Ok(Place { channel, interaction: Some(interaction) });
    }
    let webhook = find(call)?;
    let channel = snowflake(&webhook["channel_id"]).unwrap_or(0);
    let Some(thread) = call.query.id("thread_id")? else { return Ok(Place { channel, interaction: None }) };
    let found =
        call.store.channel(&call.desk.config, thread).filter(|thread| thread.parent() == Some(channel));
    found.map(|_| Place { channel: thread, interaction: None }).ok_or_else(reply::unknown_channel)
}

fn execute(call: &mut Call<'_>) -> Answer {
    call.expect_query(&["wait", "thread_id", "with_components"]);
    let wait = call.query.flag("wait")?.unwrap_or(false);
    let place = place(call)?;
    // An application's webhook takes no nonce and no reply, nor does any other.
    let not = ["nonce", "enforce_nonce", "message_reference", "sticker_ids", "shared_client_theme"];
    let mut known = compose::FIELDS.to_vec();
    known.retain(|field| !not.contains(field));
    known.extend(["username", "avatar_url", "thread_name", "applied_tags"]);
    let fields = call.read(&known, |form, complaints| {
        compose::judge(form, complaints);
        judge_name(form, complaints, "username");
        form.text(complaints, "thread_name", (1, 100));
        form.fields.clone()
    })?;
    if let Some(interaction) = place.interaction {
        return ok(&interaction::follow_up(call, interaction, place.channel, &fields)?);
    }
    let webhook = find(call)?;
    let name = fields.get("username").filter(|name| name.is_string()).unwrap_or(&webhook["name"]);
    let author = json!({
        "id": webhook["id"], "username": name, "avatar": webhook["avatar"], "discriminator": "0000",
        "global_name": null, "public_flags": 0, "bot": true,
    });
    let mut more = Map::new();
    more.insert("webhook_id".into(), webhook["id"].clone());
    let sender = Sender { author, more, users_only: true, is_hidden: false };
    let channel = forum_post(call, place.channel, &fields)?;
    let message = compose::post(call, channel, &fields, sender)?;
    if wait { ok(&message) } else { done() }
}

/// In a forum a webhook must name a thread, or a new one (codes 220001 and 220003).
fn forum_post(call: &mut Call<'_>, channel: u64, fields: &Map<String, Value>) -> Result<u64, Reply> {
    let known = call.store.channel(&call.desk.config, channel).ok_or_else(reply::unknown_channel)?;
    let is_forum = known.is_forum();
    match fields.get("thread_name").filter(|name| name.is_string()) {
        None if is_forum => {
            let message = "Webhooks posted to forum channels must have a thread_name or thread_id";
            Err(Reply::error(400, 220_001, message))
        }
        Some(_) if !is_forum => {
            Err(Reply::error(400, 220_003, "Webhooks can only create threads in forum channels"))
        }
        Some(name) => {
            let id = call.mint();
            let fields = Map::from_iter([("name".to_owned(), name.clone())]);
            thread::open(call, channel, id, 11, &fields)?;
            Ok(id)
        }
        None => Ok(channel),
    }
}

/// The message of the path, and the channel in which it is. Only the webhook's own are found.
fn own_message(call: &mut Call<'_>) -> Result<(u64, u64, Value, Place), Reply> {
    let place = place(call)?;
    let id = match (call.param("message_id"), place.interaction) {
        ("", Some(interaction)) => interaction::original(call, interaction)?,
        ("", None) => {
            let message = "Value \"@original\" is not snowflake.";
            return Err(complaint("message_id", "NUMBER_TYPE_COERCE", message));
        }
        _ => call.id("message_id"),
    };
    let (config, user) = (&call.desk.config, call.user);
    let known = call.store.channel(config, place.channel).ok_or_else(reply::unknown_channel)?;
    let message = known.log.get(config, place.channel, id, user).ok_or_else(reply::unknown_message)?;
    let webhook = call.id("webhook_id");
    if message.get("webhook_id").and_then(snowflake) != Some(webhook) {
        return Err(reply::unknown_message());
    }
    Ok((place.channel, id, message, place))
}

fn get_message(call: &mut Call<'_>) -> Answer {
    call.expect_query(&["thread_id"]);
    let (.., message, _) = own_message(call)?;
    ok(&message)
}

fn edit_message(call: &mut Call<'_>) -> Answer {
    call.expect_query(&["thread_id", "with_components"]);
    let (channel, id, _, place) = own_message(call)?;
    let mut known = compose::EDIT_FIELDS.to_vec();
    known.push("poll");
    let fields = call.read(&known, |form, complaints| {
        compose::judge(form, complaints);
        form.fields.clone()
    })?;
    if let Some(interaction) = place.interaction {
        return ok(&interaction::rewrite(call, interaction, channel, id, fields)?);
    }
    ok(&compose::edit(call, channel, id, &fields, true)?)
}

fn delete_message(call: &mut Call<'_>) -> Answer {
    call.expect_query(&["thread_id"]);
    let (channel, id, ..) = own_message(call)?;
    compose::delete(call, channel, id)?;
    done()
}
