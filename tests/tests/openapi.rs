//! Every request against Discord's published OpenAPI description, which the environment variable
//! `SANSCORD_OPENAPI` names (github:discord/discord-api-spec, `specs/openapi.json`). Without it, nothing is tested.

use std::collections::{BTreeMap, BTreeSet};

use sanscord::id::{
    ApplicationId, AttachmentId, ChannelId, CommandId, EmojiId, GuildId, MessageId, RoleId, StickerId, TagId,
    UserId, WebhookId,
};
use sanscord::machine::{Body, Method, Part, Request};
use sanscord::object::{ChannelType, Interaction, OverwriteType, Permissions};
use sanscord::rest::endpoint::*;
use sanscord::rest::value::{AllowedMentions, Embed, Poll, data_uri};
use sanscord::rest::{Draft, File};
use serde_json::{Map, Value, json};

#[path = "openapi/objects.rs"]
mod objects;

/// Rows that Discord documents, or that its clients use, but that the description lacks.
const ABSENT: &[(&str, &str)] = &[
    ("SearchChannelMessages", "clients search direct channels so; not documented"),
    ("GetDms", "clients list direct channels so; not documented"),
    ("GetSkus", "documented (discord-api-docs, SKU, List SKUs), but not described"),
];

/// Parameters that Discord documents, but that the description lacks.
const UNDESCRIBED: &[(&str, &str, &str)] = &[
    ("MoveGuildChannels", "positions", "the whole body"),
    ("MoveGuildRoles", "positions", "the whole body"),
    ("CreateGlobalCommand", "nsfw", "documented (Application Commands, Create Global Application Command)"),
    ("EditGlobalCommand", "nsfw", "as above"),
    ("CreateGuildCommand", "nsfw", "as above"),
    ("EditGuildCommand", "nsfw", "as above"),
];

/// Fields that the description takes for optional, or for needed, and we do not, with the reason.
const OTHERWISE: &[(&str, &str, &str)] =
    &[("EditCurrentUser", "username", "each of the three can be edited by itself")];

/// Bounds in which we differ from the description, with the reason.
const BOUNDS: &[(&str, &str, &str)] = &[
    ("EditChannel", "user_limit", "stages take 10,000, the description's first kind of channel 99"),
    ("EditChannel", "name", "channels of guilds and threads need a character"),
];

/// Paths of the description that have no row: what they are for.
const LEFT_OUT: &[(&str, &str)] = &[
    ("/lobbies", "of games with the Social SDK"),
    ("/partner-sdk", "of partners with the Social SDK"),
    ("/applications/{}/attachment", "of activities: a file of a form"),
    ("/webhooks/{}/{}/github", "for GitHub's own payloads"),
    ("/webhooks/{}/{}/slack", "for Slack's own payloads"),
    ("/channels/{}/pins", "deprecated in 2025: the routes below `messages` replace them"),
    ("/guilds/{}/widget.png", "an image, for web pages"),
    ("/guilds/{}/new-member-welcome", "not documented"),
    ("/guilds/{}/scheduled-events/{}/exceptions", "not documented"),
    ("/guilds/{}/scheduled-events/{}/users/counts", "not documented"),
    ("/guilds/{}/scheduled-events/{}/{}/users", "not documented"),
    ("/invites/{}/target-users", "the answer is CSV"),
    ("/oauth2/keys", "for OpenID Connect"),
    ("/oauth2/userinfo", "for OpenID Connect"),
    ("/applications/{}", "the bot's own is at `/applications/@me`"),
];

struct Description(Value);

struct Operation<'a> {
    query: BTreeMap<&'a str, (&'a Value, bool)>,
    /// One for each media type.
    bodies: Vec<(&'a str, &'a Value)>,
}

impl Description {
    fn load() -> Option<Self> {
        let Some(path) = std::env::var_os("SANSCORD_OPENAPI") else {
            eprintln!("SANSCORD_OPENAPI names no OpenAPI description: nothing was tested");
            return None;
        };
        let text = std::fs::read(path).expect("SANSCORD_OPENAPI names a file");
        Some(Self(serde_json::from_slice(&text).expect("SANSCORD_OPENAPI names a JSON file")))
    }

    fn resolve<'a>(&'a self, mut schema: &'a Value) -> &'a Value {
        while let Some(path) = schema.get("$ref").and_then(Value::as_str) {
            schema = self.0.pointer(path.trim_start_matches('#')).expect("the reference leads somewhere");
        }
        schema
    }

    fn operations(&self) -> BTreeMap<(String, Method), Operation<'_>> {
        let methods = [
            ("get", Method::Get),
            ("post", Method::Post),
            ("put", Method::Put),
            ("patch", Method::Patch),
            ("delete", Method::Delete),
        ];
        let mut found = BTreeMap::new();
        for (path, item) in self.0["paths"].as_object().expect("there are paths") {
            for (name, method) in methods {
                let Some(operation) = item.get(name) else { continue };
                let params = [&item["parameters"], &operation["parameters"]];
                let query = params
                    .into_iter()
                    .filter_map(Value::as_array)
                    .flatten()
                    .map(|param| self.resolve(param))
                    .filter(|param| param["in"] == "query")
                    .filter_map(|param| {
                        Some((param["name"].as_str()?, (&param["schema"], param["required"] == true)))
                    })
                    .collect();
                let content = operation.get("requestBody").map(|body| &self.resolve(body)["content"]);
                let bodies = content
                    .and_then(Value::as_object)
                    .into_iter()
                    .flatten()
                    .map(|(media, body)| (media.as_str(), &body["schema"]))
                    .collect();
                found.insert((plain(path), method), Operation { query, bodies });
            }
        }
        found
    }

    /// The fields of a body, those of all its forms, and the names of those that every form needs.
    fn fields<'a>(&'a self, schema: &'a Value) -> (BTreeMap<&'a str, Vec<&'a Value>>, BTreeSet<&'a str>) {
        let schema = self.resolve(schema);
        let mut fields: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (name, value) in schema["properties"].as_object().into_iter().flatten() {
            fields.entry(name.as_str()).or_default().push(value);
        }
        let mut needed: BTreeSet<_> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for list in ["oneOf", "anyOf", "allOf"] {
            let forms: Vec<_> = schema[list].as_array().into_iter().flatten().collect();
            let mut common: Option<BTreeSet<&str>> = None;
            for form in forms {
                let (more, needs) = self.fields(form);
                for (name, values) in more {
                    fields.entry(name).or_default().extend(values);
                }
                common = Some(match common {
                    None => needs,
                    Some(common) if list == "allOf" => common.union(&needs).copied().collect(),
                    Some(common) => common.intersection(&needs).copied().collect(),
                });
            }
            needed.extend(common.unwrap_or_default());
        }
        (fields, needed)
    }

    /// What is wrong with a value, by the parts of JSON Schema that the description uses.
    fn check(&self, schema: &Value, value: &Value, path: &str) -> Result<(), String> {
        let schema = self.resolve(schema);
        let fail = |why: &str| Err(format!("{path}: {why}: {value}"));
        if let Some(types) = schema.get("type") {
            let types = types.as_array().cloned().unwrap_or_else(|| vec![types.clone()]);
            let fits = types.iter().filter_map(Value::as_str).any(|kind| match kind {
                "null" => value.is_null(),
                "boolean" => value.is_boolean(),
                // Permissions are described as integers, and documented and taken as text.
                "integer" => value.is_i64() || value.is_u64() || number(value).is_some(),
                "number" => value.is_number(),
                "string" => value.is_string(),
                "array" => value.is_array(),
                "object" => value.is_object(),
                other => panic!("an unknown type {other}"),
            });
            if !fits {
                return fail(&format!("is no {types:?}"));
            }
        }
        if schema
            .get("enum")
            .and_then(Value::as_array)
            .is_some_and(|known| !known.is_empty() && !known.contains(value))
        {
            return fail("is none of the enum");
        }
        if schema.get("const").is_some_and(|known| known != value) {
            return fail("is another constant");
        }
        let within = |low: &str, high: &str, size: f64| {
            schema.get(low).and_then(Value::as_f64).is_none_or(|low| low <= size)
                && schema.get(high).and_then(Value::as_f64).is_none_or(|high| size <= high)
        };
        let fits = match value {
            Value::Number(number) => within("minimum", "maximum", number.as_f64().expect("it is small")),
            Value::String(text) => within("minLength", "maxLength", text.chars().count() as f64),
            Value::Array(list) => within("minItems", "maxItems", list.len() as f64),
            _ => true,
        };
        if !fits {
            return fail("is out of bounds");
        }
        if let Some(fields) = value.as_object() {
            for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                if !fields.contains_key(name) {
                    return fail(&format!("lacks {name}"));
                }
            }
            for (name, value) in fields {
                let inner = schema["properties"].get(name).or_else(|| schema.get("additionalProperties"));
                if let Some(inner) = inner.filter(|inner| inner.is_object()) {
                    self.check(inner, value, &format!("{path}.{name}"))?;
                }
            }
        }
        if let (Some(list), Some(inner)) = (value.as_array(), schema.get("items")) {
            for (index, value) in list.iter().enumerate() {
                self.check(inner, value, &format!("{path}[{index}]"))?;
            }
            if schema["uniqueItems"] == true
                && list.iter().map(Value::to_string).collect::<BTreeSet<_>>().len() < list.len()
            {
                return fail("has doubles");
            }
        }
        for inner in schema["allOf"].as_array().into_iter().flatten() {
            self.check(inner, value, path)?;
        }
        for list in ["oneOf", "anyOf"] {
            let Some(forms) = schema[list].as_array() else { continue };
            // Enums are written as a list of constants, of which Discord may know more.
            let faults: Vec<_> =
                forms.iter().filter_map(|form| self.check(form, value, path).err()).collect();
            if faults.len() == forms.len() && !forms.is_empty() {
                return fail(&format!("fits none of {list}: {}", faults.join("; ")));
            }
        }
        Ok(())
    }
}

fn number(value: &Value) -> Option<u64> {
    value.as_str()?.parse().ok()
}

/// A path whose parameters have no names.
fn plain(path: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for character in path.chars() {
        match character {
            '{' => {
                inside = true;
                text.push_str("{}");
            }
            '}' => inside = false,
            other if !inside => text.push(other),
            _ => {}
        }
    }
    text
}

fn excused(list: &[(&str, &str, &str)], row: &str, name: &str) -> bool {
    list.iter().any(|(known, param, _)| *known == row && *param == name)
}

const FORM: &str = "multipart/form-data";

fn sent(draft: &Draft) -> Request {
    let api = sanscord::rest::Api::anonymous("https://d").with_user(&sanscord::secret::Token::new("token"));
    api.request(draft, "boundary").unwrap_or_else(|invalid| panic!("{draft:?}: {invalid}"))
}

/// The names of a form's parts; none if the body is no form.
fn part_names(request: &Request) -> Vec<String> {
    let Body::Parts(parts) = &request.body else { return Vec::new() };
    let heads = parts.iter().filter_map(|part| match part {
        Part::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
        Part::File { .. } => None,
    });
    let text = heads.collect::<String>();
    let names = text.split("form-data; name=\"").skip(1);
    names.filter_map(|rest| Some(rest.split_once('"')?.0.to_owned())).collect()
}

/// How a form differs from what is described: a part that is not, or one that is needed and not there.
fn form_faults(description: &Description, operation: &Operation<'_>, request: &Request) -> Vec<String> {
    let names = part_names(request);
    if names.is_empty() {
        return Vec::new();
    }
    let Some((_, schema)) = operation.bodies.iter().find(|(media, _)| *media == FORM) else {
        return vec!["no form is described".to_owned()];
    };
    let (fields, needed) = description.fields(schema);
    let takes_json = operation.bodies.iter().any(|(media, _)| *media == "application/json");
    if takes_json {
        // The JSON body is a part, and files are described for some routes only.
        let known =
            |name: &str| name == "payload_json" || name.starts_with("files[") || fields.contains_key(name);
        return names.iter().filter(|name| !known(name)).map(|name| format!("the part {name}")).collect();
    }
    let strange = names.iter().filter(|name| !fields.contains_key(&***name));
    let strange = strange.map(|name| format!("the part {name} is not described"));
    let lacks = needed.iter().filter(|name| !names.iter().any(|known| known == **name));
    strange.chain(lacks.map(|name| format!("lacks the part {name}"))).collect()
}

/// The JSON body's schema, or else the first.
fn body<'a>(operation: &Operation<'a>) -> Option<&'a Value> {
    let json = operation.bodies.iter().find(|(media, _)| *media == "application/json");
    json.or_else(|| operation.bodies.first()).map(|(_, schema)| *schema)
}

/// The bounds of a row's parameter: of `1..=100`.
fn bounds(range: &str) -> Option<(f64, f64)> {
    let (low, high) = range.split_once("..=")?;
    let parse = |text: &str| {
        let text = text.trim().replace('_', "");
        match text.strip_prefix("0x") {
            Some(hex) => u64::from_str_radix(hex, 16).ok().map(|number| number as f64),
            None => text.parse().ok(),
        }
    };
    Some((parse(low)?, parse(high)?))
}

#[test]
fn every_row_is_described() {
    let Some(description) = Description::load() else { return };
    let operations = description.operations();
    let mut faults = Vec::new();
    let mut covered = BTreeSet::new();
    let samples = samples();
    for row in all().0 {
        let key = (plain(row.path), row.method);
        let Some(operation) = operations.get(&key) else {
            if !ABSENT.iter().any(|(name, _)| *name == row.name) {
                faults.push(format!("{}: {} {} is not described", row.name, row.method, row.path));
            }
            continue;
        };
        covered.insert(key);
        let (fields, needed) = body(operation).map(|body| description.fields(body)).unwrap_or_default();
        for param in row.params {
            let mut fault = |why: &str| faults.push(format!("{}: {} {why}", row.name, param.name));
            let schemas = match param.kind {
                "query" | "each" | "ask" => operation.query.get(param.name).map(|(schema, _)| vec![*schema]),
                "whole" => {
                    if !body(operation).is_some_and(|body| is_array(&description, body)) {
                        fault("is not the whole body, an array");
                    }
                    continue;
                }
                _ => fields.get(param.name).cloned(),
            };
            match schemas {
                None if excused(UNDESCRIBED, row.name, param.name) => {}
                None => fault("is not described"),
                Some(schemas) => {
                    if let Some(why) = differs(&description, &schemas, param)
                        && !excused(BOUNDS, row.name, param.name)
                    {
                        fault(&why);
                    }
                }
            }
        }
        let given = |name: &str, kinds: &[&str]| {
            row.params.iter().any(|param| param.name == name && kinds.contains(&param.kind))
        };
        for name in needed {
            // A form's file is no parameter: a sample has to carry it.
            let mut row_samples = samples
                .iter()
                .filter(|draft| draft.method() == row.method && matches(&plain(row.path), draft.path()));
            let is_file = operation.bodies.iter().all(|(media, _)| *media == FORM)
                && row_samples.any(|draft| part_names(&sent(draft)).iter().any(|part| part == name));
            if !given(name, &["must"]) && !excused(OTHERWISE, row.name, name) && !is_file {
                faults.push(format!("{}: {name} is needed", row.name));
            }
        }
        for (name, (_, required)) in &operation.query {
            if *required && !given(name, &["ask"]) {
                faults.push(format!("{}: {name} is needed in the query", row.name));
            }
        }
    }
    for (path, method) in operations.keys() {
        let left_out = LEFT_OUT.iter().any(|(prefix, _)| match *prefix {
            "/applications/{}" => path == prefix,
            prefix => path.starts_with(prefix),
        });
        if !left_out && !covered.contains(&(path.clone(), *method)) {
            faults.push(format!("{method} {path} has no row"));
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

fn is_array(description: &Description, schema: &Value) -> bool {
    let kind = &description.resolve(schema)["type"];
    kind == "array" || kind.as_array().is_some_and(|kinds| kinds.contains(&json!("array")))
}

/// How a parameter's type or bounds differ from all of what is described.
fn differs(description: &Description, schemas: &[&Value], param: &Param) -> Option<String> {
    let mut plain = Vec::new();
    for schema in schemas {
        flatten(description, schema, &mut plain);
    }
    let has = |kind: &str| {
        plain.iter().any(|schema| {
            schema["type"] == kind
                || schema["type"].as_array().is_some_and(|list| list.contains(&json!(kind)))
        })
    };
    let wire = match param.value {
        "bool" => "boolean",
        "f64" => "number",
        _ if param.kind == "each" => "array",
        value if value.starts_with("Vec<") => "array",
        "u8" | "u32" | "u64" | "ChannelType" | "OverwriteType" | "MessageFlags" | "ChannelFlags"
        | "MemberFlags" | "SystemChannelFlags" | "Permissions" => "integer",
        "Value" | "AllowedMentions" | "Embed" | "Poll" => "object",
        _ => "string",
    };
    // An id in a query is text; the guild's join requests and member pages are described as numbers.
    let loose = (wire == "integer" && has("string")) || (wire == "string" && has("integer"));
    // The description of an application's text is an object of translations too.
    let translated = param.name == "description" && has("object");
    if !(has(wire) || loose || translated) {
        return Some(format!("is {}, but not described as such", param.value));
    }
    let (low, high) = bounds(param.range)?;
    let (least, most) = match wire {
        "array" => ("minItems", "maxItems"),
        "string" => ("minLength", "maxLength"),
        _ => ("minimum", "maximum"),
    };
    let limit = |name: &str| plain.iter().filter_map(|schema| schema[name].as_f64()).collect::<Vec<_>>();
    let (lows, highs) = (limit(least), limit(most));
    let too_low = !lows.is_empty() && lows.iter().all(|bound| low < *bound);
    let too_high = !highs.is_empty() && highs.iter().all(|bound| high > *bound);
    (too_low || too_high)
        .then(|| format!("takes {}, but is described with {lows:?} to {highs:?}", param.range))
}

/// A schema's forms.
fn flatten<'a>(description: &'a Description, schema: &'a Value, into: &mut Vec<&'a Value>) {
    let schema = description.resolve(schema);
    into.push(schema);
    for list in ["oneOf", "anyOf", "allOf"] {
        for form in schema[list].as_array().into_iter().flatten() {
            flatten(description, form, into);
        }
    }
}

fn interaction() -> Interaction {
    let fields = json!({ "id": "3", "application_id": "4", "type": 2, "token": "token" });
    serde_json::from_value(fields).expect("an interaction")
}

/// Requests with values such as a user would give. Not forwards, which the description lacks (`message_reference` of
/// type 1), nor an application's description, which it takes for an object.
fn samples() -> Vec<Draft> {
    let (channel, guild, user, message) = (ChannelId(5), GuildId(7), UserId(8), MessageId(9));
    let (webhook, application, command) = (WebhookId(6), ApplicationId(4), CommandId(2));
    let file = || File::bytes("a.txt", "text").description("a text");
    let embed = || {
        Embed::new()
            .title("title")
            .description("text")
            .url("https://example.com")
            .color(0xFF00FF)
            .timestamp("2026-01-02T03:04:05.000Z")
            .footer("foot")
            .author("me")
            .image("attachment://a.png")
            .thumbnail("https://example.com/a.png")
            .field("name", "value", true)
    };
    let button = || json!({ "type": 2, "style": 1, "label": "push", "custom_id": "b" });
    let row = || vec![json!({ "type": 1, "components": [button()] })];
    let mentions = || AllowedMentions::nobody().users([user]).replied_user(true);
    let image = || data_uri("image/png", &[1, 2, 3]);
    let interaction = interaction();
    let label = json!({ "type": 18, "label": "l", "component": { "type": 4, "custom_id": "t", "style": 1 } });
    let option = json!({ "type": 3, "name": "o", "description": "d", "required": true });
    vec![
        channel.send("hi").reply_to(message).nonce("n").embed(embed()).allowed_mentions(mentions()).into(),
        channel.send("hi").components(row()).file(file()).silent().tts(false).into(),
        channel.compose().sticker_ids([StickerId(1)]).into(),
        channel.compose().poll(Poll::new("q?", ["a", "b"]).hours(24).multiselect(false)).into(),
        channel.compose().voice_message(file().voice(1.5, &[1, 2])).into(),
        channel.edit_message(message).content("x").keep([AttachmentId(1)]).file(file()).null("embeds").into(),
        channel.bulk_delete([message, MessageId(10)]).into(),
        channel.messages().around(message).limit(100_u32).into(),
        channel.edit().name("n").topic("t").nsfw(true).rate_limit_per_user(5_u32).parent_id(channel).into(),
        channel.edit().archived(true).locked(false).auto_archive_duration(60_u32).into(),
        EditChannelPermissions::new(channel, sanscord::id::OverwriteId(1), OverwriteType::ROLE)
            .allow(Permissions(1 << 50))
            .into(),
        channel.create_thread("t").kind(ChannelType::PUBLIC_THREAD).rate_limit_per_user(0_u32).into(),
        channel.create_thread_from(message, "t").auto_archive_duration(1440_u32).into(),
        channel.create_post("p", "hi").embed(embed()).applied_tags([TagId(1)]).file(file()).into(),
        channel.create_webhook("hook").avatar(image()).into(),
        channel.create_invite().max_age(60_u32).max_uses(1_u32).unique(true).temporary(false).into(),
        channel.pins().before("2026-01-02T03:04:05Z").limit(50_u32).into(),
        channel.set_voice_status("s").into(),
        channel.archived_threads().before("2026-01-02T03:04:05Z").limit(2_u32).into(),
        channel.thread_members().with_member(true).after(user).limit(1_u32).into(),
        channel.reactions(message, "🔥").kind(1_u32).after(user).limit(5_u32).into(),
        SearchThreads::new(channel).name("n").tag(TagId(1)).sort_by("relevance").archived(false).into(),
        guild.search().content("c").has("-image").author_type("bot").embed_type("gif").pinned(true).into(),
        guild.search().channel_id(channel).mentions(user).sort_by("timestamp").sort_order("asc").into(),
        guild.search().min_id(message).max_id(message).slop(2_u32).offset(25_u32).limit(25_u32).into(),
        guild.create_channel("c").kind(ChannelType::GUILD_FORUM).default_sort_order(1_u32).into(),
        guild
            .create_role("r")
            .permissions(Permissions(8))
            .color(0xFF_u32)
            .hoist(true)
            .mentionable(true)
            .into(),
        guild.edit_member(user).nick("n").roles([RoleId(1)]).null("channel_id").into(),
        guild.edit_member(user).timeout(0, sanscord::time::Duration::from_secs(60)).into(),
        guild.ban(user).delete_message_seconds(60_u32).into(),
        guild.members().limit(1000_u32).after(user).into(),
        guild.search_members("n").limit(1_u32).into(),
        guild.edit().name("name").afk_timeout(300_u32).preferred_locale("en-US").into(),
        guild.audit_log().user_id(user).action_type(1_u32).limit(1_u32).into(),
        BulkBan::new(guild, [user]).delete_message_seconds(0_u32).into(),
        MoveGuildRoles::new(guild, [json!({ "id": "1", "position": 2 })]).into(),
        MoveGuildChannels::new(guild, [json!({ "id": "1", "position": 2 })]).into(),
        CreateGuildEmoji::new(guild, "emoji", image()).roles([RoleId(1)]).into(),
        EditGuildEmoji::new(guild, EmojiId(1)).name("emoji").into(),
        CreateGuildSoundboardSound::new(guild, "sound", image()).volume(0.5).into(),
        CreateScheduledEvent::new(guild, "e", 2_u32, "2026-01-02T03:04:05Z", 3_u32)
            .scheduled_end_time("2026-01-02T04:04:05Z")
            .entity_metadata(json!({ "location": "here" }))
            .into(),
        CreateAutoModerationRule::new(guild, "r", 1_u32, 1_u32, [json!({ "type": 1, "metadata": {} })])
            .trigger_metadata(json!({ "keyword_filter": ["bad"] }))
            .into(),
        CreateStageInstance::new(channel, "topic").privacy_level(2_u32).into(),
        user.dm().into(),
        GetCurrentUserGuilds::new().after(guild).limit(200_u32).with_counts(true).into(),
        webhook.send("t", "hi").username("u").embed(embed()).thread_id(channel).components(row()).into(),
        webhook.send("t", "hi").thread_name("t").applied_tags([TagId(1)]).without_wait().into(),
        webhook.edit().name("n").channel_id(channel).null("avatar").into(),
        EditWebhookMessage::new(webhook, "t", message).content("x").keep([AttachmentId(1)]).into(),
        interaction.reply("hi").ephemeral().embed(embed()).components(row()).into(),
        interaction.defer().ephemeral().into(),
        interaction.update().content("x").file(file()).into(),
        interaction.defer_update().into(),
        interaction.suggest(vec![json!({ "name": "n", "value": "v" })]).into(),
        interaction.modal("id", "title", vec![label]).with_response(true).into(),
        interaction.edit_original().content("x").file(file()).into(),
        interaction.followup("x").ephemeral().into(),
        CreateGlobalCommand::new(application, "n")
            .description("d")
            .options([option.clone()])
            .kind(1_u32)
            .into(),
        EditGuildCommand::new(application, guild, command).contexts([0_u32, 1]).into(),
        SetGlobalCommands::new(application, [json!({ "name": "n", "description": "d" })]).into(),
        EditCurrentApplication::new().tags([String::from("t")]).into(),
        CreateGuildSticker::new(guild, "name", "tag", "what").file(File::bytes("s.png", "png")).into(),
        SetInviteTargetUsers::new("code").file(File::bytes("users.csv", "user_id")).into(),
    ]
}

#[test]
fn sample_drafts_fit_the_description() {
    let Some(description) = Description::load() else { return };
    let operations = description.operations();
    let mut faults = Vec::new();
    for draft in samples() {
        let found = operations
            .iter()
            .filter(|((path, method), _)| *method == draft.method() && matches(path, draft.path()));
        // A path of fixed segments comes before one with parameters.
        let Some((_, operation)) = found.min_by_key(|((path, _), _)| path.matches("{}").count()) else {
            faults.push(format!("{draft:?}: not described"));
            continue;
        };
        let mut query: Map<String, Value> = Map::new();
        for (name, value) in draft.queries() {
            let Some((schema, _)) = operation.query.get(&**name) else {
                faults.push(format!("{draft:?}: {name} is not described"));
                continue;
            };
            let mut forms = Vec::new();
            flatten(&description, schema, &mut forms);
            let value = parsed(&description, &forms, value);
            match query.get_mut(&**name) {
                Some(Value::Array(list)) => list.push(value),
                _ if is_array(&description, schema) => {
                    query.insert(name.to_string(), json!([value]));
                }
                _ => {
                    query.insert(name.to_string(), value);
                }
            }
        }
        for (name, value) in &query {
            if let Err(why) = description.check(operation.query[&**name].0, value, name) {
                faults.push(format!("{draft:?}: {why}"));
            }
        }
        let request = sent(&draft);
        faults.extend(
            form_faults(&description, operation, &request).iter().map(|why| format!("{draft:?}: {why}")),
        );
        let is_form = operation.bodies.iter().all(|(media, _)| *media == FORM);
        match (draft.json(), body(operation)) {
            // Its files are no JSON.
            (Some(_), Some(_)) if is_form => {}
            (Some(json), Some(schema)) => {
                if let Err(why) = description.check(schema, &json, "body") {
                    faults.push(format!("{draft:?}: {why}"));
                }
            }
            (Some(_), None) => faults.push(format!("{draft:?}: no body is described")),
            (None, _) => {}
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

/// The value of a query's parameter as the description's type has it.
fn parsed(description: &Description, forms: &[&Value], text: &str) -> Value {
    let mut forms = forms.to_vec();
    for schema in forms.clone() {
        if let Some(items) = schema.get("items") {
            flatten(description, items, &mut forms);
        }
    }
    let has = |kind: &str| forms.iter().any(|schema| schema["type"] == kind);
    match text.parse::<u64>() {
        Ok(number) if has("integer") => json!(number),
        _ if has("boolean") => json!(text == "true"),
        _ => json!(text),
    }
}

fn matches(pattern: &str, path: &str) -> bool {
    let (mut pattern, mut path) = (pattern.split('/'), path.split('/'));
    loop {
        match (pattern.next(), path.next()) {
            (None, None) => return true,
            (Some("{}"), Some(_)) => {}
            (Some(known), Some(segment)) if known == segment => {}
            _ => return false,
        }
    }
}

/// The check itself refuses what does not fit, whether or not there is a description.
#[test]
fn the_schema_check_refuses() {
    let description = Description(json!({ "components": { "schemas": { "Id": { "type": "string" } } } }));
    let schema = json!({
        "type": "object",
        "required": ["a"],
        "properties": {
            "a": { "$ref": "#/components/schemas/Id" },
            "b": { "type": ["array", "null"], "maxItems": 1, "items": { "type": "integer", "minimum": 1 } },
            "c": { "oneOf": [{ "type": "null" }, { "enum": [1, 2] }] },
        }
    });
    for good in [json!({ "a": "x" }), json!({ "a": "x", "b": null }), json!({ "a": "x", "b": [1], "c": 2 })] {
        assert_eq!(description.check(&schema, &good, "body"), Ok(()));
    }
    for bad in [
        json!(1),
        json!({}),
        json!({ "a": 1 }),
        json!({ "a": "x", "b": [1, 2] }),
        json!({ "a": "x", "b": [0] }),
        json!({ "a": "x", "c": 3 }),
    ] {
        assert!(description.check(&schema, &bad, "body").is_err(), "{bad}");
    }
    assert_eq!(plain("/a/{b}/c/{d}"), "/a/{}/c/{}");
    assert_eq!(bounds("0..=0xFF_FF"), Some((0.0, 65535.0)));
    assert_eq!(bounds("8000..=384_000"), Some((8000.0, 384_000.0)));
}
