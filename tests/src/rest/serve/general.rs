//! The gateway's address, users, and direct messages.

use sanscord::id::UserId;
use serde_json::json;

use crate::gateway::guild;
use crate::rest::call::Call;
use crate::rest::reply::{self, Answer, ok};
use crate::rest::route::Route;
use crate::rest::store::Store;

pub(super) const ROUTES: [Route; 8] = [
    Route::public("GET /gateway", gateway),
    Route::token("GET /gateway/bot", gateway_bot),
    Route::token("GET /users/@me", me),
    Route::token("GET /users/@me/guilds", guilds),
    Route::token("GET /users/@me/channels", dms),
    Route::token("POST /users/@me/channels", create_dm),
    Route::token("GET /users/{user_id}", user),
    Route::token("GET /applications/@me", application),
];

fn gateway(call: &mut Call<'_>) -> Answer {
    ok(&json!({ "url": call.config().addresses.gateway_url }))
}

fn gateway_bot(call: &mut Call<'_>) -> Answer {
    let now = call.desk.now;
    let identifies = call.desk.identifies(call.user);
    let (remaining, reset_after) = (identifies.remaining(), identifies.reset_after(now));
    let config = call.config();
    ok(&json!({
        "url": config.addresses.gateway_url,
        "shards": config.shards,
        "session_start_limit": {
            "total": config.identify_total, "remaining": remaining,
            "reset_after": reset_after.as_millis() as u64,
            "max_concurrency": config.max_concurrency,
        },
    }))
}

fn me(call: &mut Call<'_>) -> Answer {
    let user = Store::user(call.config(), call.user.0).ok_or_else(reply::unknown_user)?;
    ok(&user)
}

fn user(call: &mut Call<'_>) -> Answer {
    let user = Store::user(call.config(), call.id("user_id")).ok_or_else(reply::unknown_user)?;
    ok(&user)
}

fn application(call: &mut Call<'_>) -> Answer {
    let config = call.config();
    ok(&json!({
        "id": call.user, "name": config.bot_name(call.user), "icon": null, "description": "", "bot_public": true,
        "bot_require_code_grant": false, "verify_key": "00".repeat(32), "flags": 565_248, "flags_new": "565248",
        "bot": guild::bot(config, call.user),
    }))
}

fn guilds(call: &mut Call<'_>) -> Answer {
    call.expect_query(&["before", "after", "limit", "with_counts"]);
    let (before, after) = (call.query.id("before")?, call.query.id("after")?);
    let limit = call.query.number("limit", (1, 200), 200)? as usize;
    let with_counts = call.query.flag("with_counts")?.unwrap_or(false);
    let config = &call.desk.config;
    let mut ids = guild::ids(config);
    ids.sort_unstable();
    ids.retain(|id| before.is_none_or(|before| id.0 < before) && after.is_none_or(|after| id.0 > after));
    if before.is_some() && after.is_none() {
        ids = ids.split_off(ids.len().saturating_sub(limit));
    }
    let guilds = ids.into_iter().take(limit).map(|id| {
        let guild = call.store.guild(config, id);
        let mut partial = json!({
            "id": id, "name": guild["name"], "icon": guild["icon"], "banner": guild["banner"], "owner": false,
            "permissions": "2248473465835073", "features": guild["features"],
        });
        if with_counts {
            partial["approximate_member_count"] = json!(super::guild::member_count(config, id));
            partial["approximate_presence_count"] = json!(0);
        }
        partial
    });
    ok(&guilds.collect())
}

fn dms(call: &mut Call<'_>) -> Answer {
    ok(&call.store.dms(call.user).into())
}

fn create_dm(call: &mut Call<'_>) -> Answer {
    let recipient = call.read(&["recipient_id"], |form, complaints| {
        form.require(complaints, "recipient_id");
        form.id(complaints, "recipient_id")
    })?;
    let recipient = recipient.filter(|id| UserId(*id) != call.user);
    let user =
        recipient.and_then(|id| Store::user(call.config(), id)).ok_or_else(reply::invalid_recipient)?;
    let millis = call.millis();
    let id = call.store.dm(&call.desk.config, call.user, &user, millis);
    let channel = call.store.channel(&call.desk.config, id).ok_or_else(reply::unknown_channel)?;
    ok(&channel.value)
}
