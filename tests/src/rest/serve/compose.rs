//! Messages made out of bodies: by bots, webhooks and answers to interactions.

use std::collections::BTreeSet;

use sanscord::id::GuildId;
use serde_json::{Map, Value, json};

use super::cdn;
use crate::rest::call::Call;
use crate::rest::form::{self, Complaints, Form, complaint};
use crate::rest::reply::{self, Reply, without};
use crate::rest::store::Store;
use crate::rest::store::files::Kept;
use crate::violation::Rule;

/// Messages with this flag consist of components only.
const COMPONENTS_V2: i64 = 1 << 15;
/// For one user's eyes.
pub(super) const EPHEMERAL: i64 = 1 << 6;
/// An answer that is still to come.
pub(super) const LOADING: i64 = 1 << 7;
/// The most characters of all embeds of a message together.
const MAX_EMBEDS: usize = 6_000;

/// The fields of a message that is posted.
pub(super) const FIELDS: [&str; 13] = [
    "content",
    "embeds",
    "nonce",
    "enforce_nonce",
    "allowed_mentions",
    "message_reference",
    "components",
    "sticker_ids",
    "attachments",
    "flags",
    "poll",
    "tts",
    "shared_client_theme",
];
/// The fields of a message that is changed.
pub(super) const EDIT_FIELDS: [&str; 7] =
    ["content", "embeds", "flags", "allowed_mentions", "components", "attachments", "sticker_ids"];

/// Who writes a message, and how it differs from others.
pub(super) struct Sender {
    pub(super) author: Value,
    /// Further fields of the message.
    pub(super) more: Map<String, Value>,
    /// Whether mentions of roles and everyone are left out unless they are allowed.
    pub(super) users_only: bool,
    pub(super) is_hidden: bool,
}

/// Looks at the fields of a message.
pub(super) fn judge(form: &Form<'_>, complaints: &mut Complaints) {
    form.text(complaints, "content", (0, 2_000));
    form.boolean(complaints, "tts");
    form.boolean(complaints, "enforce_nonce");
    form.number(complaints, "flags", (0, i64::MAX));
    form.ids(complaints, "sticker_ids", 3);
    if form.value("nonce").is_some_and(|nonce| !nonce.is_i64() && !nonce.is_u64()) {
        form.text(complaints, "nonce", (0, 25));
    }
    let embeds = form.objects(complaints, "embeds", 10).unwrap_or_default();
    let length: usize = embeds.iter().map(|embed| judge_embed(embed, complaints)).sum();
    if length > MAX_EMBEDS {
        let message = format!("Embed size exceeds maximum size of {MAX_EMBEDS}");
        complaints.add(form.path("embeds"), "MAX_EMBED_SIZE_EXCEEDED", message);
    }
    judge_mentions(form, complaints);
    let is_v2 = form.value("flags").and_then(Value::as_i64).is_some_and(|flags| flags & COMPONENTS_V2 != 0);
    form.objects(complaints, "components", if is_v2 { 40 } else { 5 });
    if is_v2 {
        for key in ["content", "embeds", "poll", "sticker_ids"] {
            if form.value(key).is_some_and(|value| value != "" && value != &json!([])) {
                let message =
                    format!("The '{key}' field cannot be used when using MessageFlags.IS_COMPONENTS_V2");
                complaints.add(
                    form.path(key),
                    "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2",
                    message,
                );
            }
        }
    }
    if let Some(reference) = form.object(complaints, "message_reference") {
        for key in ["message_id", "channel_id", "guild_id"] {
            reference.id(complaints, key);
        }
        reference.boolean(complaints, "fail_if_not_exists");
        reference.choice(complaints, "type", &[0, 1]);
        reference.only(complaints, &["message_id", "channel_id", "guild_id", "fail_if_not_exists", "type"]);
        reference.require(complaints, "message_id");
    }
    if let Some(poll) = form.object(complaints, "poll") {
        poll.objects(complaints, "answers", 10);
        if let Some(question) = poll.object(complaints, "question") {
            question.text(complaints, "text", (1, 300));
        }
    }
    let attachments = form.objects(complaints, "attachments", 10).unwrap_or_default();
    for attachment in attachments {
        attachment.require(complaints, "id");
        attachment.id(complaints, "id");
        attachment.text(complaints, "filename", (1, 1_024));
        attachment.text(complaints, "description", (0, 1_024));
        attachment.text(complaints, "title", (0, 1_024));
    }
}

/// Answers with the characters that count for all embeds together.
fn judge_embed(embed: &Form<'_>, complaints: &mut Complaints) -> usize {
    let known = [
        "title",
        "type",
        "description",
        "url",
        "timestamp",
        "color",
        "footer",
        "image",
        "thumbnail",
        "video",
        "provider",
        "author",
        "fields",
        "flags",
    ];
    embed.only(complaints, &known);
    let length = |text: Option<&str>| text.map_or(0, |text| text.chars().count());
    let mut sum = length(embed.text(complaints, "title", (0, 256)));
    sum += length(embed.text(complaints, "description", (0, 4_096)));
    embed.number(complaints, "color", (0, 0xFF_FFFF));
    if let Some(footer) = embed.object(complaints, "footer") {
        sum += length(footer.text(complaints, "text", (1, 2_048)));
    }
    if let Some(author) = embed.object(complaints, "author") {
        sum += length(author.text(complaints, "name", (1, 256)));
    }
    for field in embed.objects(complaints, "fields", 25).unwrap_or_default() {
        field.require(complaints, "name");
        field.require(complaints, "value");
        sum += length(field.text(complaints, "name", (1, 256)));
        sum += length(field.text(complaints, "value", (1, 1_024)));
    }
    sum
}

fn judge_mentions(form: &Form<'_>, complaints: &mut Complaints) {
    let Some(allowed) = form.object(complaints, "allowed_mentions") else { return };
    allowed.only(complaints, &["parse", "roles", "users", "replied_user"]);
    allowed.boolean(complaints, "replied_user");
    let parse = allowed.list(complaints, "parse", 3).unwrap_or_default();
    for kind in ["roles", "users"] {
        let ids = allowed.ids(complaints, kind, 100).unwrap_or_default();
        if !ids.is_empty() && parse.iter().any(|item| item == kind) {
            let message = format!("parse:[\"{kind}\"] and {kind}: [ids...] are mutually exclusive.");
            complaints.add(allowed.path("parse"), "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE", message);
        }
    }
    for (index, item) in parse.iter().enumerate() {
        if !["roles", "users", "everyone"].iter().any(|kind| item == kind) {
            let path = format!("{}.{index}", allowed.path("parse"));
            complaints.add(path, "BASE_TYPE_CHOICES", "Value must be one of ('roles', 'users', 'everyone').");
        }
    }
}

/// Posts the message that the body describes; it has been judged.
pub(super) fn post(
    call: &mut Call<'_>,
    channel: u64,
    fields: &Map<String, Value>,
    sender: Sender,
) -> Result<Value, Reply> {
    let known = call.store.channel(&call.desk.config, channel).ok_or_else(reply::unknown_channel)?;
    if !known.is_text() {
        return Err(reply::not_text());
    }
    let guild = known.guild();
    if known.is_archived() {
        if known.value.pointer("/thread_metadata/locked") == Some(&Value::Bool(true)) {
            return Err(reply::archived());
        }
        known.value["thread_metadata"]["archived"] = false.into();
    }
    let content = fields.get("content").and_then(Value::as_str).unwrap_or_default();
    let has = |key: &str| fields.get(key).and_then(Value::as_array).is_some_and(|list| !list.is_empty());
    let reference = fields.get("message_reference").filter(|reference| reference.is_object());
    let is_forward = reference.is_some_and(|reference| reference["type"] == 1);
    let is_loading = fields.get("flags").and_then(Value::as_i64).is_some_and(|flags| flags & LOADING != 0);
    let is_empty = content.trim().is_empty()
        && !["embeds", "components", "sticker_ids"].into_iter().any(has)
        && call.body.files.is_empty()
        && !fields.get("poll").is_some_and(Value::is_object);
    if is_empty && !is_forward && !is_loading {
        return Err(reply::empty_message());
    }
    let referenced = refer(call, channel, reference)?;
    let id = call.mint();
    let attachments = attach(call, channel, fields, &[], false)?;
    let flags = fields.get("flags").and_then(Value::as_i64).unwrap_or(0);
    let mut message = json!({
        "id": id.to_string(), "channel_id": channel.to_string(), "author": sender.author,
        "content": if is_forward { "" } else { content }, "timestamp": call.iso_now(), "edited_timestamp": null,
        "tts": fields.get("tts").and_then(Value::as_bool).unwrap_or(false), "mention_everyone": false,
        "mentions": [], "mention_roles": [], "attachments": attachments, "embeds": rich(fields.get("embeds")),
        "pinned": false, "type": if reference.is_some() && !is_forward { 19 } else { 0 }, "flags": flags,
        "components": fields.get("components").filter(|value| value.is_array()).cloned().unwrap_or(json!([])),
    });
    for key in ["nonce", "poll"] {
        if let Some(value) = fields.get(key).filter(|value| !value.is_null()) {
            message[key] = value.clone();
        }
    }
    if let Some(reference) = reference {
        let mut reference = without(reference, &["fail_if_not_exists"]);
        reference["channel_id"] =
            json!(form::snowflake(&reference["channel_id"]).unwrap_or(channel).to_string());
        if reference.get("type").is_none() {
            reference["type"] = 0.into();
        }
        message["message_reference"] = reference;
        if is_forward {
            let snapshot =
                referenced.map(|message| without(&message, &["id", "channel_id", "author", "pinned"]));
            message["message_snapshots"] = json!([{"message": snapshot}]);
        } else {
            message["referenced_message"] = referenced.unwrap_or(Value::Null);
        }
    }
    mention(call, guild, fields.get("allowed_mentions"), sender.users_only, &mut message);
    for (key, value) in sender.more {
        message[key] = value;
    }
    let config = &call.desk.config;
    let known = call.store.channel(config, channel).ok_or_else(reply::unknown_channel)?;
    known.log.put(config, id, &message, sender.is_hidden);
    known.value["last_message_id"] = id.to_string().into();
    for count in ["message_count", "total_message_sent"] {
        if let Some(number) = known.value.get(count).and_then(Value::as_u64) {
            known.value[count] = (number + 1).into();
        }
    }
    if !sender.is_hidden {
        announce(call, "MESSAGE_CREATE", guild, &message);
    }
    Ok(message)
}

/// Changes a message as the body says; it has been judged.
pub(super) fn edit(
    call: &mut Call<'_>,
    channel: u64,
    id: u64,
    fields: &Map<String, Value>,
    users_only: bool,
) -> Result<Value, Reply> {
    let config = &call.desk.config;
    let known = call.store.channel(config, channel).ok_or_else(reply::unknown_channel)?;
    let (guild, is_hidden) = (known.guild(), known.log.is_hidden(id));
    if known.is_archived() {
        return Err(reply::archived());
    }
    let mut message = known.log.get(config, channel, id, call.user).ok_or_else(reply::unknown_message)?;
    for key in ["content", "embeds", "components"] {
        match fields.get(key) {
            Some(Value::Null) => message[key] = if key == "content" { json!("") } else { json!([]) },
            Some(value) if key == "embeds" => message[key] = rich(Some(value)),
            Some(value) => message[key] = value.clone(),
            None => {}
        }
    }
    if let Some(flags) = fields.get("flags").and_then(Value::as_i64) {
        message["flags"] = flags.into();
    }
    let kept = message["attachments"].as_array().cloned().unwrap_or_default();
    message["attachments"] = attach(call, channel, fields, &kept, true)?.into();
    let is_empty = message["content"] == ""
        && ["embeds", "components", "attachments"].iter().all(|key| message[*key] == json!([]))
        && message.get("poll").is_none()
        && message["flags"].as_i64().unwrap_or(0) & LOADING == 0;
    if is_empty {
        return Err(reply::empty_message());
    }
    message["edited_timestamp"] = call.iso_now().into();
    mention(call, guild, fields.get("allowed_mentions"), users_only, &mut message);
    let config = &call.desk.config;
    let known = call.store.channel(config, channel).ok_or_else(reply::unknown_channel)?;
    known.log.put(config, id, &message, is_hidden);
    if !is_hidden {
        announce(call, "MESSAGE_UPDATE", guild, &message);
    }
    Ok(message)
}

/// Deletes a message.
pub(super) fn delete(call: &mut Call<'_>, channel: u64, id: u64) -> Result<(), Reply> {
    let known = call.store.channel(&call.desk.config, channel).ok_or_else(reply::unknown_channel)?;
    let is_hidden = known.log.is_hidden(id);
    if !known.log.remove(id) {
        return Err(reply::unknown_message());
    }
    known.pins.retain(|(pinned, _)| *pinned != id);
    let guild = known.guild();
    let mut event = json!({"id": id.to_string(), "channel_id": channel.to_string()});
    if let Some(guild) = guild {
        event["guild_id"] = json!(guild);
    }
    if !is_hidden {
        call.tell("MESSAGE_DELETE", event);
    }
    Ok(())
}

/// Tells the gateway of a message: in guilds with the author's member.
fn announce(call: &mut Call<'_>, event: &'static str, guild: Option<GuildId>, message: &Value) {
    if !call.is_heard {
        return;
    }
    let mut told = message.clone();
    if let Some(guild) = guild {
        told["guild_id"] = json!(guild);
        let author = form::snowflake(&message["author"]["id"]).unwrap_or(0);
        if let Some(member) = call.store.member(&call.desk.config, guild, author) {
            told["member"] = without(&member, &["user"]);
        }
    }
    call.tell(event, told);
}

/// The message that another refers to.
fn refer(call: &mut Call<'_>, channel: u64, reference: Option<&Value>) -> Result<Option<Value>, Reply> {
    let Some(reference) = reference else { return Ok(None) };
    let place = reference.get("channel_id").and_then(form::snowflake).unwrap_or(channel);
    let id = reference.get("message_id").and_then(form::snowflake).unwrap_or(0);
    let (config, user) = (&call.desk.config, call.user);
    let found = call.store.channel(config, place).filter(|channel| channel.is_for(user));
    let found = found.and_then(|channel| channel.log.get(config, place, id, user));
    let must_exist = reference.get("fail_if_not_exists").and_then(Value::as_bool).unwrap_or(true);
    if found.is_none() && (must_exist || reference["type"] == 1) {
        return Err(complaint("message_reference", "MESSAGE_REFERENCE_UNKNOWN_MESSAGE", "Unknown message"));
    }
    Ok(found.map(|found| without(&found, &["referenced_message"])))
}

/// The attachments of a message: those that stay, and those that are new.
fn attach(
    call: &mut Call<'_>,
    channel: u64,
    fields: &Map<String, Value>,
    old: &[Value],
    is_edit: bool,
) -> Result<Vec<Value>, Reply> {
    let listed = fields.get("attachments").and_then(Value::as_array);
    let files = std::mem::take(&mut call.body.files);
    let mut attached = Vec::new();
    let mut used = BTreeSet::new();
    for (index, item) in listed.into_iter().flatten().enumerate() {
        let id = item.get("id").and_then(form::snowflake).unwrap_or(u64::MAX);
        let kept = old.iter().find(|old| form::snowflake(&old["id"]) == Some(id));
        match (files.get(&id), kept) {
            (None, Some(kept)) => attached.push(kept.clone()),
            (Some(_), _) if used.insert(id) => attached.push(json!({"new": id, "item": item})),
            _ => {
                let path = format!("attachments.{index}.id");
                return Err(complaint(
                    &path,
                    "ATTACHMENT_NOT_FOUND",
                    format!("Attachment \"{id}\" has no file"),
                ));
            }
        }
    }
    if listed.is_none() {
        attached.extend_from_slice(old);
    }
    for number in files.keys().filter(|number| !used.contains(*number)) {
        if listed.is_some() && !is_edit {
            let what = format!("files[{number}] stands in no entry of the attachments");
            call.desk.violation(Rule::RestBody, what);
        }
        attached.push(json!({"new": number, "item": {}}));
    }
    if attached.len() > 10 {
        return Err(complaint("attachments", "BASE_TYPE_MAX_LENGTH", "Must be 10 or fewer in length."));
    }
    let now = call.millis();
    let mut made = Vec::with_capacity(attached.len());
    for entry in attached {
        let Some(file) = entry.get("new").and_then(Value::as_u64).and_then(|number| files.get(&number))
        else {
            made.push(entry);
            continue;
        };
        let item = &entry["item"];
        let name = item.get("filename").and_then(Value::as_str).unwrap_or(&file.name).to_owned();
        let id = call.mint();
        let content_type = file.content_type.clone().unwrap_or_else(|| "application/octet-stream".into());
        let url = cdn::url(&call.desk.config, now, channel, id, &name);
        let mut attachment = json!({
            "id": id.to_string(), "filename": name, "size": file.data.len(), "url": url, "proxy_url": url,
            "content_type": content_type,
        });
        for key in ["description", "title", "duration_secs", "waveform"] {
            if let Some(value) = item.get(key).filter(|value| !value.is_null()) {
                attachment[key] = value.clone();
            }
        }
        let kept = Kept { channel, name, content_type, data: file.data.clone() };
        call.store.files.keep(id, kept, call.desk.config.rest.files_kept);
        made.push(attachment);
    }
    Ok(made)
}

/// Embeds as they come back: with their type.
fn rich(embeds: Option<&Value>) -> Value {
    let embeds = embeds.and_then(Value::as_array).into_iter().flatten();
    let typed = embeds.map(|embed| {
        let mut embed = embed.clone();
        embed["type"] = "rich".into();
        embed
    });
    typed.collect()
}

/// Finds out whom a message mentions.
fn mention(
    call: &mut Call<'_>,
    guild: Option<GuildId>,
    allowed: Option<&Value>,
    users_only: bool,
    message: &mut Value,
) {
    let allowed = allowed.filter(|allowed| allowed.is_object());
    let parses = |kind: &str| match allowed {
        Some(allowed) => {
            allowed["parse"].as_array().is_some_and(|parse| parse.iter().any(|item| item == kind))
        }
        None => kind == "users" || !users_only,
    };
    let named = |kind: &str, id: u64| {
        let ids = allowed.and_then(|allowed| allowed[kind].as_array());
        ids.is_some_and(|ids| ids.iter().any(|item| form::snowflake(item) == Some(id)))
    };
    let content = message["content"].as_str().unwrap_or_default().to_owned();
    let (mut users, mut roles) = (BTreeSet::new(), BTreeSet::new());
    for part in content.split('<').skip(1) {
        let Some((inner, _)) = part.split_once('>') else { continue };
        if let Some(id) = inner.strip_prefix("@&").and_then(form::parse_id) {
            if parses("roles") || named("roles", id) {
                roles.insert(id);
            }
        } else if let Some(text) = inner.strip_prefix('@')
            && let Some(id) = form::parse_id(text.strip_prefix('!').unwrap_or(text))
            && (parses("users") || named("users", id))
        {
            users.insert(id);
        }
    }
    // Whom a reply answers is mentioned unless that is forbidden.
    let replied = message.pointer("/referenced_message/author/id").and_then(form::snowflake);
    let pings = allowed.is_none_or(|allowed| allowed["replied_user"].as_bool().unwrap_or(false));
    users.extend(replied.filter(|_| pings));
    let config = &call.desk.config;
    let found = users.into_iter().filter_map(|id| match guild {
        Some(guild) => call.store.member(config, guild, id).map(|member| member["user"].clone()),
        None => Store::user(config, id),
    });
    message["mentions"] = found.collect();
    message["mention_roles"] = roles.iter().map(ToString::to_string).collect();
    let calls_all = content.contains("@everyone") || content.contains("@here");
    message["mention_everyone"] = (calls_all && parses("everyone")).into();
}
