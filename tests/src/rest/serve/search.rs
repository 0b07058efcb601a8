//! Search for messages.

use serde_json::{Value, json};

use crate::rest::call::Call;
use crate::rest::form::{complaint, snowflake};
use crate::rest::reply::{self, Answer, Reply, ok, without};
use crate::rest::route::Route;

pub(super) const ROUTES: [Route; 2] = [
    Route::token("GET /guilds/{guild_id}/messages/search", guild),
    Route::token("GET /channels/{channel_id}/messages/search", channel),
];

const KNOWN: [&str; 24] = [
    "limit",
    "offset",
    "min_id",
    "max_id",
    "slop",
    "content",
    "channel_id",
    "author_id",
    "author_type",
    "mentions",
    "mentions_role_id",
    "mention_everyone",
    "replied_to_user_id",
    "replied_to_message_id",
    "pinned",
    "has",
    "embed_type",
    "embed_provider",
    "link_hostname",
    "attachment_filename",
    "attachment_extension",
    "sort_by",
    "sort_order",
    "include_nsfw",
];

/// What is looked for.
struct Wanted {
    /// The words, in lower case; all must be there.
    words: Vec<String>,
    authors: Vec<u64>,
    mentions: Vec<u64>,
    replied_to: Vec<u64>,
    pinned: Option<bool>,
    mention_everyone: Option<bool>,
    has: Vec<String>,
    author_types: Vec<String>,
    extensions: Vec<String>,
    between: (u64, u64),
}

impl Wanted {
    fn read(call: &Call<'_>) -> Result<Self, Reply> {
        let query = &call.query;
        let content = query.get("content").unwrap_or_default();
        if content.chars().count() > 1_024 {
            return Err(complaint("content", "BASE_TYPE_MAX_LENGTH", "Must be 1024 or fewer in length."));
        }
        let owned = |name: &str| query.all(name).map(ToOwned::to_owned).collect::<Vec<_>>();
        let has = owned("has");
        let kinds = ["image", "sound", "video", "file", "sticker", "embed", "link", "poll", "snapshot"];
        choices("has", &has, &kinds)?;
        let author_types = owned("author_type");
        choices("author_type", &author_types, &["user", "bot", "webhook"])?;
        Ok(Self {
            words: content.to_lowercase().split_whitespace().map(ToOwned::to_owned).collect(),
            authors: query.ids("author_id", 100)?,
            mentions: query.ids("mentions", 100)?,
            replied_to: query.ids("replied_to_message_id", 100)?,
            pinned: query.flag("pinned")?,
            mention_everyone: query.flag("mention_everyone")?,
            has,
            author_types,
            extensions: owned("attachment_extension"),
            between: (query.id("min_id")?.unwrap_or(0), query.id("max_id")?.unwrap_or(u64::MAX)),
        })
    }

    fn fits(&self, message: &Value) -> bool {
        let content = message["content"].as_str().unwrap_or_default().to_lowercase();
        let id_in = |list: &[u64], value: &Value| {
            list.is_empty() || snowflake(value).is_some_and(|id| list.contains(&id))
        };
        let mentioned = |id: &u64| {
            message["mentions"]
                .as_array()
                .is_some_and(|all| all.iter().any(|user| snowflake(&user["id"]) == Some(*id)))
        };
        let attachments = message["attachments"].as_array().map_or(&[][..], Vec::as_slice);
        let ends = |extension: &String| {
            attachments.iter().any(|file| {
                file["filename"].as_str().is_some_and(|name| name.ends_with(&format!(".{extension}")))
            })
        };
        self.words.iter().all(|word| content.contains(word))
            && id_in(&self.authors, &message["author"]["id"])
            && (self.mentions.is_empty() || self.mentions.iter().any(mentioned))
            && id_in(&self.replied_to, &message["message_reference"]["message_id"])
            && self.pinned.is_none_or(|pinned| message["pinned"] == pinned)
            && self.mention_everyone.is_none_or(|everyone| message["mention_everyone"] == everyone)
            && (self.extensions.is_empty() || self.extensions.iter().any(ends))
            && self.has.iter().all(|kind| negatable(kind, |kind| has(message, attachments, &content, kind)))
            && self.author_types.iter().all(|kind| negatable(kind, |kind| is_author(message, kind)))
    }
}

fn choices(name: &str, given: &[String], known: &[&str]) -> Result<(), Reply> {
    let wrong = given.iter().find(|item| !known.contains(&item.strip_prefix('-').unwrap_or(item)));
    match wrong {
        Some(_) => Err(complaint(name, "BASE_TYPE_CHOICES", format!("Value must be one of {known:?}."))),
        None => Ok(()),
    }
}

/// A minus turns a condition around.
fn negatable(kind: &str, holds: impl Fn(&str) -> bool) -> bool {
    match kind.strip_prefix('-') {
        Some(kind) => !holds(kind),
        None => holds(kind),
    }
}

fn has(message: &Value, attachments: &[Value], content: &str, kind: &str) -> bool {
    let is_of = |prefix: &str| {
        attachments
            .iter()
            .any(|file| file["content_type"].as_str().is_some_and(|kind| kind.starts_with(prefix)))
    };
    match kind {
        "image" => is_of("image/"),
        "sound" => is_of("audio/"),
        "video" => is_of("video/"),
        "file" => !attachments.is_empty(),
        "embed" => message["embeds"].as_array().is_some_and(|embeds| !embeds.is_empty()),
        "link" => content.contains("http://") || content.contains("https://"),
        "poll" => message.get("poll").is_some(),
        "snapshot" => message.get("message_snapshots").is_some(),
        _ => message.get("sticker_items").is_some(),
    }
}

fn is_author(message: &Value, kind: &str) -> bool {
    let is_webhook = message.get("webhook_id").is_some();
    match kind {
        "webhook" => is_webhook,
        "bot" => message["author"]["bot"] == true && !is_webhook,
        _ => message["author"]["bot"] != true,
    }
}

fn guild(call: &mut Call<'_>) -> Answer {
    let guild = call.guild()?;
    let only = call.query.ids("channel_id", 500)?;
    let mut channels = call.store.channels_of(&call.desk.config, guild);
    channels.retain(|channel| {
        let (config, id) = (&call.desk.config, *channel);
        let parent =
            call.store.channel(config, id).filter(|found| found.is_thread()).and_then(|found| found.parent());
        // A channel's threads are searched with it.
        only.is_empty() || only.contains(channel) || parent.is_some_and(|parent| only.contains(&parent))
    });
    search(call, &channels)
}

fn channel(call: &mut Call<'_>) -> Answer {
    let channel = call.channel()?;
    search(call, &[channel])
}

fn search(call: &mut Call<'_>, channels: &[u64]) -> Answer {
    call.expect_query(&KNOWN);
    let limit = call.query.number("limit", (1, 25), 25)? as usize;
    let offset = call.query.number("offset", (0, 9_975), 0)? as usize;
    call.query.number("slop", (0, 100), 2)?;
    let sort = [("sort_by", ["timestamp", "relevance"]), ("sort_order", ["desc", "asc"])];
    for (name, known) in sort {
        if let Some(given) = call.query.get(name) {
            choices(name, &[given.to_owned()], &known)?;
        }
    }
    let is_ascending = call.query.get("sort_order") == Some("asc");
    let wanted = Wanted::read(call)?;
    let (above, below) = wanted.between;
    let user = call.user;
    let mut hits = Vec::new();
    for channel in channels {
        let config = &call.desk.config;
        let Some(known) = call.store.channel(config, *channel) else { continue };
        for id in known.log.below(below).take_while(|id| *id > above) {
            let message = known.log.get(config, *channel, id, user);
            if message.is_some_and(|message| wanted.fits(&message)) {
                hits.push((id, *channel));
            }
        }
        if config.rest.stale_search {
            let gone = known.log.deleted(config, *channel).filter(|(id, _)| *id > above && *id < below);
            hits.extend(gone.filter(|(_, message)| wanted.fits(message)).map(|(id, _)| (id, *channel)));
        }
    }
    hits.sort_unstable();
    if !is_ascending {
        hits.reverse();
    }
    let total = hits.len();
    let (mut messages, mut threads) = (Vec::new(), Vec::new());
    for (id, channel) in hits.into_iter().skip(offset).take(limit) {
        let config = &call.desk.config;
        let known = call.store.channel(config, channel).ok_or_else(reply::unknown_channel)?;
        if let Some(message) = known.log.get(config, channel, id, user) {
            let mut message = without(&message, &["reactions"]);
            message["hit"] = true.into();
            messages.push(json!([message]));
        }
        if known.is_thread() && !threads.contains(&known.value) {
            threads.push(known.value.clone());
        }
    }
    let mut answer = json!({
        "doing_deep_historical_index": false, "total_results": total, "messages": messages, "analytics_id": "0",
    });
    if !threads.is_empty() {
        answer["threads"] = threads.into();
    }
    ok(&answer)
}
