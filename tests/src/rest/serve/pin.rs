//! Pinned messages.

use serde_json::{Value, json};

use super::message;
use crate::rest::call::Call;
use crate::rest::form::complaint;
use crate::rest::moment;
use crate::rest::reply::{self, Answer, Reply, done, ok};
use crate::rest::route::Route;

pub(super) const ROUTES: [Route; 6] = [
    Route::token("GET /channels/{channel_id}/messages/pins", list),
    Route::token("PUT /channels/{channel_id}/messages/pins/{message_id}", add),
    Route::token("DELETE /channels/{channel_id}/messages/pins/{message_id}", remove),
    Route::token("GET /channels/{channel_id}/pins", list_deprecated),
    Route::token("PUT /channels/{channel_id}/pins/{message_id}", add),
    Route::token("DELETE /channels/{channel_id}/pins/{message_id}", remove),
];

const MAX_PINS: usize = 250;

/// The pinned messages with their moments, the newest pin first.
fn pinned(call: &mut Call<'_>) -> Result<Vec<(u64, Value)>, Reply> {
    let channel = call.channel()?;
    let (config, user) = (&call.desk.config, call.user);
    let known = call.store.channel(config, channel).ok_or_else(reply::unknown_channel)?;
    let pins = known.pins.iter().rev();
    Ok(pins.filter_map(|(id, at)| Some((*at, known.log.get(config, channel, *id, user)?))).collect())
}

fn list(call: &mut Call<'_>) -> Answer {
    call.expect_query(&["before", "limit"]);
    let limit = call.query.number("limit", (1, 50), 50)? as usize;
    let before = match call.query.get("before") {
        None => u64::MAX,
        Some(text) => moment::parse_iso(text).ok_or_else(|| {
            complaint("before", "DATE_TIME_TYPE_PARSE", format!("Could not parse {text}. Should be ISO8601."))
        })?,
    };
    let mut pins = pinned(call)?;
    pins.retain(|(at, _)| *at < before);
    let has_more = pins.len() > limit;
    let items = pins.into_iter().take(limit);
    let items: Vec<_> =
        items.map(|(at, message)| json!({"pinned_at": moment::iso(at), "message": message})).collect();
    ok(&json!({"items": items, "has_more": has_more}))
}

fn list_deprecated(call: &mut Call<'_>) -> Answer {
    let pins = pinned(call)?;
    ok(&pins.into_iter().take(50).map(|(_, message)| message).collect())
}

fn add(call: &mut Call<'_>) -> Answer {
    set(call, true)
}

fn remove(call: &mut Call<'_>) -> Answer {
    set(call, false)
}

fn set(call: &mut Call<'_>, is_pinned: bool) -> Answer {
    let channel = call.channel()?;
    let id = call.id("message_id");
    let mut message = message::find(call, channel, id)?;
    let now = call.millis();
    let config = &call.desk.config;
    let known = call.store.channel(config, channel).ok_or_else(reply::unknown_channel)?;
    if is_pinned && known.pins.len() >= MAX_PINS && message["pinned"] == false {
        return Err(Reply::error(400, 30_003, "Maximum number of pins reached (250)"));
    }
    if message["pinned"] != is_pinned {
        known.pins.retain(|(pinned, _)| *pinned != id);
        if is_pinned {
            known.pins.push((id, now));
            known.value["last_pin_timestamp"] = moment::iso(now).into();
        }
        message["pinned"] = is_pinned.into();
        // Its reactions are no part of what is put back.
        if let Some(stored) = message.as_object_mut() {
            stored.remove("reactions");
        }
        known.log.put(config, id, &message, false);
        let event = json!({
            "channel_id": channel.to_string(), "guild_id": known.guild(),
            "last_pin_timestamp": known.value["last_pin_timestamp"],
        });
        call.tell("CHANNEL_PINS_UPDATE", event);
    }
    done()
}
