//! Messages of channels.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::compose::{self, Sender};
use crate::rest::call::Call;
use crate::rest::form::complaint;
use crate::rest::moment;
use crate::rest::reply::{self, Answer, Reply, done, ok};
use crate::rest::route::Route;
use crate::rest::store::Store;

pub(super) const ROUTES: [Route; 7] = [
    Route::token("GET /channels/{channel_id}/messages", list),
    Route::token("POST /channels/{channel_id}/messages", create),
    Route::token("POST /channels/{channel_id}/messages/bulk-delete", bulk_delete),
    Route::token("GET /channels/{channel_id}/messages/{message_id}", get),
    Route::token("PATCH /channels/{channel_id}/messages/{message_id}", edit),
    Route::token("DELETE /channels/{channel_id}/messages/{message_id}", delete),
    Route::token("POST /channels/{channel_id}/messages/{message_id}/crosspost", crosspost),
];

fn list(call: &mut Call<'_>) -> Answer {
    call.expect_query(&["around", "before", "after", "limit"]);
    let channel = call.channel()?;
    let (around, before) = (call.query.id("around")?, call.query.id("before")?);
    let after = call.query.id("after")?;
    let limit = call.query.number("limit", (1, 100), 50)? as usize;
    if around.is_some() as u8 + before.is_some() as u8 + after.is_some() as u8 > 1 {
        let message = "Only one of around, before and after may be given.";
        return Err(complaint("around", "MUTUALLY_EXCLUSIVE", message));
    }
    let (config, user) = (&call.desk.config, call.user);
    let known = call.store.channel(config, channel).ok_or_else(reply::unknown_channel)?;
    let mut ids: Vec<u64> = match (around, before, after) {
        (Some(around), _, _) => {
            let newer: Vec<_> = known.log.above(around).take(limit / 2).collect();
            let older = known.log.below(around.saturating_add(1)).take(limit - newer.len());
            newer.iter().copied().chain(older).collect()
        }
        (_, Some(before), _) => known.log.below(before).take(limit).collect(),
        (_, _, Some(after)) => known.log.above(after).take(limit).collect(),
        _ => known.log.below(u64::MAX).take(limit).collect(),
    };
    // Newest first, whichever way was asked.
    ids.sort_unstable_by(|a, b| b.cmp(a));
    ok(&ids.into_iter().filter_map(|id| known.log.get(config, channel, id, user)).collect())
}

/// A message of this channel that everybody may see.
pub(super) fn find(call: &mut Call<'_>, channel: u64, id: u64) -> Result<Value, Reply> {
    let (config, user) = (&call.desk.config, call.user);
    let known = call.store.channel(config, channel).ok_or_else(reply::unknown_channel)?;
    let found = known.log.get(config, channel, id, user).filter(|_| !known.log.is_hidden(id));
    found.ok_or_else(reply::unknown_message)
}

fn get(call: &mut Call<'_>) -> Answer {
    let channel = call.channel()?;
    let id = call.id("message_id");
    ok(&find(call, channel, id)?)
}

fn create(call: &mut Call<'_>) -> Answer {
    let channel = call.channel()?;
    let fields = call.read(&compose::FIELDS, |form, complaints| {
        compose::judge(form, complaints);
        form.fields.clone()
    })?;
    let author = call.user;
    let nonce = match fields.get("nonce") {
        Some(Value::String(nonce)) => Some(nonce.clone()),
        Some(nonce) if nonce.is_number() => Some(nonce.to_string()),
        _ => None,
    };
    let now = call.desk.now;
    let enforced = nonce.filter(|_| fields.get("enforce_nonce") == Some(&Value::Bool(true)));
    if let Some(nonce) = &enforced
        && let Some(first) = call.store.repeated(&call.desk.config, now, (channel, author.0), nonce)
        && let Ok(message) = find(call, channel, first)
    {
        call.desk.report.rest_repeats += 1;
        return ok(&message);
    }
    let user = Store::user(call.config(), author.0).ok_or_else(reply::unknown_user)?;
    let sender = Sender { author: user, more: Map::new(), users_only: false, is_hidden: false };
    let message = compose::post(call, channel, &fields, sender)?;
    if let (Some(nonce), Some(id)) = (enforced, crate::rest::form::snowflake(&message["id"])) {
        call.store.remember(now, channel, author.0, nonce, id);
    }
    ok(&message)
}

fn edit(call: &mut Call<'_>) -> Answer {
    let channel = call.channel()?;
    let id = call.id("message_id");
    let old = find(call, channel, id)?;
    let fields = call.read(&compose::EDIT_FIELDS, |form, complaints| {
        compose::judge(form, complaints);
        form.fields.clone()
    })?;
    let only_flags = fields.keys().all(|key| key == "flags");
    if old["author"]["id"] != json!(call.user) && !only_flags {
        return Err(reply::not_author());
    }
    ok(&compose::edit(call, channel, id, &fields, false)?)
}

fn delete(call: &mut Call<'_>) -> Answer {
    let channel = call.channel()?;
    let id = call.id("message_id");
    find(call, channel, id)?;
    compose::delete(call, channel, id)?;
    done()
}

fn crosspost(call: &mut Call<'_>) -> Answer {
    let channel = call.channel()?;
    let id = call.id("message_id");
    let mut message = find(call, channel, id)?;
    let config = &call.desk.config;
    let known = call.store.channel(config, channel).ok_or_else(reply::unknown_channel)?;
    if known.kind() != 5 {
        return Err(reply::wrong_channel_type());
    }
    let flags = message["flags"].as_i64().unwrap_or(0);
    if flags & 1 != 0 {
        return Err(Reply::error(400, 40_033, "This message has already been crossposted"));
    }
    message["flags"] = (flags | 1).into();
    known.log.put(config, id, &message, false);
    ok(&message)
}

fn bulk_delete(call: &mut Call<'_>) -> Answer {
    let channel = call.channel()?;
    let ids = call.read(&["messages"], |form, complaints| {
        form.require(complaints, "messages");
        form.ids(complaints, "messages", usize::MAX).unwrap_or_default()
    })?;
    let now = call.millis();
    let known = call.store.channel(&call.desk.config, channel).ok_or_else(reply::unknown_channel)?;
    let Some(guild) = known.guild() else {
        return Err(Reply::error(403, 50_003, "Cannot execute action on a DM channel"));
    };
    if !(2..=100).contains(&ids.len()) {
        return Err(reply::not_so_many());
    }
    // One old or repeated id is enough to refuse all; ids of nothing are not, but count.
    if ids.iter().any(|id| moment::millis_of(*id).saturating_add(moment::OLD) < now) {
        return Err(reply::too_old());
    }
    if ids.iter().collect::<BTreeSet<_>>().len() < ids.len() {
        return Err(complaint(
            "messages",
            "SET_TYPE_CONTAINS_DUPLICATES",
            "The set of values contains duplicates.",
        ));
    }
    for id in &ids {
        known.log.remove(*id);
        known.pins.retain(|(pinned, _)| pinned != id);
    }
    let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
    call.tell(
        "MESSAGE_DELETE_BULK",
        json!({"ids": ids, "channel_id": channel.to_string(), "guild_id": guild}),
    );
    done()
}
