//! Reactions.

use std::collections::BTreeSet;

use serde_json::json;

use super::message;
use crate::rest::call::Call;
use crate::rest::reply::{self, Answer, Reply, done, ok};
use crate::rest::route::Route;
use crate::rest::store::Store;
use crate::rest::store::log::{Reaction, partial_emoji};

pub(super) const ROUTES: [Route; 6] = [
    Route::token("GET /channels/{channel_id}/messages/{message_id}/reactions/{emoji_name}", list),
    Route::token("PUT /channels/{channel_id}/messages/{message_id}/reactions/{emoji_name}/@me", add),
    Route::token(
        "DELETE /channels/{channel_id}/messages/{message_id}/reactions/{emoji_name}/@me",
        remove_own,
    ),
    Route::token(
        "DELETE /channels/{channel_id}/messages/{message_id}/reactions/{emoji_name}/{user_id}",
        remove,
    ),
    Route::token("DELETE /channels/{channel_id}/messages/{message_id}/reactions/{emoji_name}", clear_emoji),
    Route::token("DELETE /channels/{channel_id}/messages/{message_id}/reactions", clear),
];

/// The most kinds of reactions to a message.
const MAX_REACTIONS: usize = 20;

/// The emoji of the path: a character, or a custom one's name and id.
fn emoji(call: &Call<'_>) -> Result<String, Reply> {
    let emoji = call.param("emoji_name");
    let is_custom = emoji.split_once(':').is_some_and(|(name, id)| {
        !name.is_empty() && id.len() > 14 && crate::rest::form::parse_id(id).is_some()
    });
    let is_character = !emoji.is_ascii() && emoji.chars().count() <= 16;
    (is_custom || is_character).then(|| emoji.to_owned()).ok_or_else(reply::unknown_emoji)
}

/// Does something with the reactions to the message of the path.
fn with<T>(call: &mut Call<'_>, act: impl FnOnce(&mut Vec<Reaction>) -> T) -> Result<T, Reply> {
    let channel = call.channel()?;
    let id = call.id("message_id");
    message::find(call, channel, id)?;
    let config = &call.desk.config;
    let known = call.store.channel(config, channel).ok_or_else(reply::unknown_channel)?;
    if known.is_archived() {
        return Err(reply::archived());
    }
    let message = known.log.edit(config, channel, id).ok_or_else(reply::unknown_message)?;
    let result = act(&mut message.reactions);
    message.reactions.retain(|reaction| !reaction.users.is_empty());
    Ok(result)
}

fn tell(call: &mut Call<'_>, event: &'static str, user: Option<u64>, emoji: Option<&str>) {
    let mut d = json!({"channel_id": call.param("channel_id"), "message_id": call.param("message_id")});
    let channel = call.id("channel_id");
    if let Some(guild) = call.store.channel(&call.desk.config, channel).and_then(|channel| channel.guild()) {
        d["guild_id"] = json!(guild);
    }
    if let Some(user) = user {
        d["user_id"] = user.to_string().into();
        d["burst"] = false.into();
        d["type"] = 0.into();
    }
    if let Some(emoji) = emoji {
        d["emoji"] = partial_emoji(emoji);
    }
    call.tell(event, d);
}

fn list(call: &mut Call<'_>) -> Answer {
    call.expect_query(&["type", "after", "limit"]);
    let emoji = emoji(call)?;
    let after = call.query.id("after")?.unwrap_or(0);
    let limit = call.query.number("limit", (1, 100), 25)? as usize;
    let kind = call.query.number("type", (0, 1), 0)?;
    let users = with(call, |reactions| {
        let found = reactions.iter().find(|reaction| reaction.emoji == emoji && kind == 0);
        found.map(|reaction| reaction.users.clone()).unwrap_or_default()
    })?;
    let config = call.config();
    let users = users.range(after.saturating_add(1)..).filter_map(|id| Store::user(config, *id));
    ok(&users.take(limit).collect())
}

fn add(call: &mut Call<'_>) -> Answer {
    let emoji = emoji(call)?;
    let user = call.user.0;
    let is_new = with(call, |reactions| {
        if let Some(reaction) = reactions.iter_mut().find(|reaction| reaction.emoji == emoji) {
            return Some(reaction.users.insert(user));
        }
        let fits = reactions.len() < MAX_REACTIONS;
        if fits {
            reactions.push(Reaction { emoji: emoji.clone(), users: BTreeSet::from([user]) });
        }
        fits.then_some(true)
    })?;
    match is_new {
        Some(true) => tell(call, "MESSAGE_REACTION_ADD", Some(user), Some(&emoji)),
        Some(false) => {}
        None => return Err(Reply::error(400, 30_010, "Maximum number of reactions reached (20)")),
    }
    done()
}

fn take(call: &mut Call<'_>, user: u64) -> Answer {
    let emoji = emoji(call)?;
    let was_there = with(call, |reactions| {
        let found = reactions.iter_mut().find(|reaction| reaction.emoji == emoji);
        found.is_some_and(|reaction| reaction.users.remove(&user))
    })?;
    if !was_there {
        return Err(reply::unknown_emoji());
    }
    tell(call, "MESSAGE_REACTION_REMOVE", Some(user), Some(&emoji));
    done()
}

fn remove_own(call: &mut Call<'_>) -> Answer {
    let user = call.user.0;
    take(call, user)
}

fn remove(call: &mut Call<'_>) -> Answer {
    let user = call.id("user_id");
    take(call, user)
}

fn clear_emoji(call: &mut Call<'_>) -> Answer {
    let emoji = emoji(call)?;
    with(call, |reactions| reactions.retain(|reaction| reaction.emoji != emoji))?;
    tell(call, "MESSAGE_REACTION_REMOVE_EMOJI", None, Some(&emoji));
    done()
}

fn clear(call: &mut Call<'_>) -> Answer {
    with(call, Vec::clear)?;
    tell(call, "MESSAGE_REACTION_REMOVE_ALL", None, None);
    done()
}
