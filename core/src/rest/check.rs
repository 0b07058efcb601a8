//! What Discord would refuse for how the fields of a request stand to each other.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde_json::{Map, Value};

use crate::machine::Part;
use crate::rest::draft::{Draft, Rule};
use crate::rest::invalid::{Invalid, check};
use crate::rest::upload::{File, MAX_FILES, new_file};

/// The most characters of all embeds of a message (discord-api-docs, Message, Embed Limits).
const EMBEDS_TOTAL: usize = 6000;

/// The flags of a voice message, and of one that is all components (discord-api-docs, Message, Message Flags).
const IS_VOICE_MESSAGE: u64 = 1 << 13;
const IS_COMPONENTS_V2: u64 = 1 << 15;

/// After so many minutes a thread can be archived (discord-api-docs, Channel, Thread Metadata).
const ARCHIVE: [u64; 4] = [60, 1440, 4320, 10080];

/// Seconds after which people can be taken to a guild's AFK channel (discord-api-docs, Guild, Modify Guild).
const AFK: [u64; 5] = [60, 300, 900, 1800, 3600];

/// Looks at the whole request.
///
/// # Errors
/// What Discord would refuse.
pub(crate) fn draft(draft: &Draft) -> Result<(), Invalid> {
    if let Some(invalid) = &draft.invalid {
        return Err(invalid.clone());
    }
    files(&draft.files)?;
    if !draft.files.is_empty() && draft.whole.is_some() {
        return Err(Invalid::new("files", "can go along with an object only"));
    }
    let nothing = Map::new();
    let fields = draft.object.as_ref().unwrap_or(&nothing);
    match draft.rule {
        Rule::None => Ok(()),
        Rule::Message => message(fields, &draft.files, true),
        Rule::WebhookMessage => {
            webhook_name(fields, "username")?;
            message(fields, &draft.files, true)
        }
        Rule::MessageEdit => message(fields, &draft.files, false),
        Rule::Callback => callback(fields, &draft.files),
        Rule::BulkDelete => distinct(fields, "messages"),
        Rule::Search => search(draft, &["timestamp", "relevance"]),
        Rule::ThreadSearch => {
            search(draft, &["last_message_time", "archive_time", "relevance", "creation_time"])
        }
        Rule::Thread => archive(fields),
        Rule::ForumThread => {
            archive(fields)?;
            match fields.get("message").and_then(Value::as_object) {
                Some(first) => message(first, &draft.files, true),
                None => message(&nothing, &draft.files, true),
            }
        }
        Rule::WebhookName => webhook_name(fields, "name"),
        Rule::Command => match &draft.whole {
            Some(Value::Array(commands)) => commands.iter().enumerate().try_for_each(|(at, entry)| {
                let fields = entry.as_object().unwrap_or(&nothing);
                command(fields).map_err(|Invalid { field, why }| Invalid::new(format!("[{at}].{field}"), why))
            }),
            _ => command(fields),
        },
        Rule::Guild => one_of(fields, "afk_timeout", &AFK),
        Rule::Form(_) if draft.files.len() != 1 => {
            Err(Invalid::new("files", format!("has {} files, but Discord takes one", draft.files.len())))
        }
        Rule::Form(_) => Ok(()),
    }
}

fn files(files: &[File]) -> Result<(), Invalid> {
    if files.len() > MAX_FILES {
        let why = format!("has {} files, but Discord takes {MAX_FILES} at most", files.len());
        return Err(Invalid::new("files", why));
    }
    for (index, File { part, limit, name, description, .. }) in files.iter().enumerate() {
        let refuse = |why: String| Err(Invalid::new(format!("files[{index}]"), why));
        if name.is_empty() {
            return refuse("has no name".into());
        }
        if let Part::Bytes(bytes) = part
            && bytes.len() as u64 > *limit
        {
            return refuse(format!("{name} has {} bytes, but {limit} are allowed", bytes.len()));
        }
        if let Some(description) = description
            && description.chars().count() > 1024
        {
            return refuse(format!("the description of {name} has more than 1024 characters"));
        }
    }
    Ok(())
}

/// A message, new or edited.
fn message(fields: &Map<String, Value>, files: &[File], new: bool) -> Result<(), Invalid> {
    let flags = fields.get("flags").and_then(Value::as_u64).unwrap_or(0);
    if let Some(content) = fields.get("content").and_then(Value::as_str) {
        let length = content.chars().count();
        if length > 2000 {
            return Err(Invalid::new(
                "content",
                format!("has {length} characters, but Discord takes 0 to 2000"),
            ));
        }
    }
    if let Some(embeds) = fields.get("embeds").and_then(Value::as_array) {
        check_embeds(embeds)?;
    }
    if let Some(listed) = fields.get("attachments").and_then(Value::as_array)
        && let kept =
            listed.iter().filter(|entry| new_file(entry).is_none_or(|index| index >= files.len())).count()
        && kept + files.len() > MAX_FILES
    {
        let why = format!("{kept} to keep and {} new ones are more than {MAX_FILES} files", files.len());
        return Err(Invalid::new("attachments", why));
    }
    if flags & IS_COMPONENTS_V2 != 0 {
        for name in ["content", "embeds", "sticker_ids", "poll"] {
            if fields.get(name).is_some_and(says_something) {
                let why = "cannot be given along with the flag IS_COMPONENTS_V2: components only";
                return Err(Invalid::new(name, why));
            }
        }
    }
    // An edit repeats what the message has.
    if new && flags & IS_VOICE_MESSAGE != 0 {
        let only = files.len() == 1 && files.iter().all(|file| file.voice.is_some());
        let other = ["content", "embeds", "components", "sticker_ids", "poll"];
        if !only || other.iter().any(|name| fields.get(*name).is_some_and(says_something)) {
            let why = "a voice message has one file, made by `File::voice`, and nothing else";
            return Err(Invalid::new("flags", why));
        }
    }
    let carriers = ["content", "embeds", "components", "sticker_ids", "poll", "shared_client_theme"];
    let forwards = fields
        .get("message_reference")
        .is_some_and(|reference| reference.get("type").and_then(Value::as_u64) == Some(1));
    let something = carriers.iter().any(|name| fields.get(*name).is_some_and(says_something));
    if new && !something && files.is_empty() && !forwards {
        return Err(Invalid::new(
            "content",
            "is empty, and so is the message: no text, embed, sticker, component, poll or file",
        ));
    }
    Ok(())
}

/// Whether a field is there and not empty: Discord takes a text of nothing but white space for empty.
fn says_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.trim().is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => true,
    }
}

/// Limits of embeds (discord-api-docs, Message, Embed Limits).
fn check_embeds(embeds: &[Value]) -> Result<(), Invalid> {
    if embeds.len() > 10 {
        return Err(Invalid::new(
            "embeds",
            format!("has {} entries, but Discord takes 0 to 10", embeds.len()),
        ));
    }
    let mut total = 0;
    let mut text = |path: String, value: Option<&Value>, most: usize| {
        let length = value.and_then(Value::as_str).map_or(0, |text| text.chars().count());
        total += length;
        if length > most {
            let why = format!("has {length} characters, but Discord takes {most} at most");
            return Err(Invalid::new(path, why));
        }
        Ok(())
    };
    for (index, embed) in embeds.iter().enumerate() {
        text(format!("embeds[{index}].title"), embed.get("title"), 256)?;
        text(format!("embeds[{index}].description"), embed.get("description"), 4096)?;
        text(format!("embeds[{index}].footer.text"), embed.pointer("/footer/text"), 2048)?;
        text(format!("embeds[{index}].author.name"), embed.pointer("/author/name"), 256)?;
        let fields = embed.get("fields").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        if fields.len() > 25 {
            let why = format!("has {} entries, but Discord takes 25 at most", fields.len());
            return Err(Invalid::new(format!("embeds[{index}].fields"), why));
        }
        for (at, field) in fields.iter().enumerate() {
            text(format!("embeds[{index}].fields[{at}].name"), field.get("name"), 256)?;
            text(format!("embeds[{index}].fields[{at}].value"), field.get("value"), 1024)?;
        }
    }
    if total > EMBEDS_TOTAL {
        let why = format!("have {total} characters together, but Discord takes {EMBEDS_TOTAL} at most");
        return Err(Invalid::new("embeds", why));
    }
    Ok(())
}

/// An answer to an interaction (discord-api-docs, Receiving and Responding, Interaction Callback Type).
fn callback(fields: &Map<String, Value>, files: &[File]) -> Result<(), Invalid> {
    let nothing = Map::new();
    let data = fields.get("data").and_then(Value::as_object).unwrap_or(&nothing);
    let kind = fields.get("type").and_then(Value::as_u64).unwrap_or(0);
    let list = |name: &str| data.get(name).and_then(Value::as_array).map_or(0, Vec::len);
    let text = |name: &'static str, most: i64| match data.get(name).and_then(Value::as_str) {
        Some(text) => check(name, &String::from(text), 1..=most),
        None => Err(Invalid::new(name, "is missing")),
    };
    match kind {
        4 => message(data, files, true),
        7 => message(data, files, false),
        _ if !files.is_empty() => Err(Invalid::new("files", "can go along with a message only: type 4 or 7")),
        8 if list("choices") > 25 => Err(Invalid::new(
            "choices",
            format!("has {} entries, but Discord takes 0 to 25", list("choices")),
        )),
        9 => {
            text("custom_id", 100)?;
            text("title", 45)?;
            match list("components") {
                1..=5 => Ok(()),
                other => {
                    Err(Invalid::new("components", format!("has {other} entries, but Discord takes 1 to 5")))
                }
            }
        }
        _ => Ok(()),
    }
}

fn distinct(fields: &Map<String, Value>, name: &'static str) -> Result<(), Invalid> {
    let mut seen = BTreeSet::new();
    for id in fields.get(name).and_then(Value::as_array).into_iter().flatten() {
        let id = id.as_str().unwrap_or_default();
        if !seen.insert(id) {
            return Err(Invalid::new(name, format!("has {id} twice")));
        }
    }
    Ok(())
}

fn archive(fields: &Map<String, Value>) -> Result<(), Invalid> {
    one_of(fields, "auto_archive_duration", &ARCHIVE)?;
    one_of(fields, "default_auto_archive_duration", &ARCHIVE)
}

/// Refuses a number that is none of these.
fn one_of(fields: &Map<String, Value>, name: &'static str, known: &[u64]) -> Result<(), Invalid> {
    let Some(number) = fields.get(name).and_then(Value::as_u64).filter(|number| !known.contains(number))
    else {
        return Ok(());
    };
    let mut list = String::new();
    for (at, known_one) in known.iter().enumerate() {
        let before = match at {
            0 => "",
            _ if at + 1 == known.len() => " or ",
            _ => ", ",
        };
        list += &format!("{before}{known_one}");
    }
    Err(Invalid::new(name, format!("is {number}, but Discord takes {list}")))
}

/// A webhook's name must not contain these, in any case (discord-api-docs, Webhook, Create Webhook). Nor may the name
/// that it sends under: Discord answers 50035 with USERNAME_INVALID_CONTAINS.
fn webhook_name(fields: &Map<String, Value>, field: &'static str) -> Result<(), Invalid> {
    let name = fields.get(field).and_then(Value::as_str).unwrap_or_default().to_lowercase();
    match ["clyde", "discord"].iter().find(|word| name.contains(*word)) {
        Some(word) => Err(Invalid::new(field, format!("contains {word:?}, which Discord refuses"))),
        None => Ok(()),
    }
}

/// A chat command, which one is that says nothing of its kind, needs a description (discord-api-docs, Application
/// Commands, Application Command Structure).
fn command(fields: &Map<String, Value>) -> Result<(), Invalid> {
    let is_chat = fields.get("type").and_then(Value::as_u64).unwrap_or(1) == 1;
    let description = fields.get("description").and_then(Value::as_str).unwrap_or_default();
    match is_chat && description.is_empty() {
        true => Err(Invalid::new("description", "is missing: a chat command has one of 1 to 100 characters")),
        false => Ok(()),
    }
}

/// What parameters of a search may be (discord-api-docs, Message, Search Guild Messages).
fn search(draft: &Draft, sorts: &[&str]) -> Result<(), Invalid> {
    const HAS: &[&str] = &["image", "sound", "video", "file", "sticker", "embed", "link", "poll", "snapshot"];
    let mut seen = BTreeSet::new();
    for (name, raw) in &draft.query {
        let value = &**raw;
        let plain = value.strip_prefix('-').unwrap_or(value);
        let (known, value): (&[&str], &str) = match &**name {
            "has" => (HAS, plain),
            "author_type" => (&["user", "bot", "webhook"], plain),
            "embed_type" => (&["image", "video", "gif", "sound", "article"], value),
            "sort_by" => (sorts, value),
            "sort_order" => (&["asc", "desc"], value),
            "tag_setting" => (&["match_all", "match_some"], value),
            _ => (&[], value),
        };
        if !known.is_empty() && !known.contains(&value) {
            let why = format!("is {value:?}, but Discord takes {}", known.join(", "));
            return Err(Invalid::new(name.clone(), why));
        }
        let most = match &**name {
            "link_hostname" | "embed_provider" | "attachment_extension" => 256,
            "attachment_filename" => 1024,
            _ => usize::MAX,
        };
        if value.chars().count() > most {
            return Err(Invalid::new(name.clone(), format!("has more than {most} characters")));
        }
        // `has=link` and `has=-link` are two things.
        if !seen.insert((name, raw)) {
            return Err(Invalid::new(name.clone(), format!("has {raw} twice")));
        }
    }
    Ok(())
}
