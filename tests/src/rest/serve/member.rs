//! Members of guilds.

use serde_json::{Value, json};

use crate::rest::call::Call;
use crate::rest::form::{complaint, parse_id};
use crate::rest::moment;
use crate::rest::reply::{self, Answer, Reply, done, ok};
use crate::rest::route::Route;

pub(super) const ROUTES: [Route; 8] = [
    Route::token("GET /guilds/{guild_id}/members", list),
    Route::token("GET /guilds/{guild_id}/members/search", search),
    Route::token("GET /guilds/{guild_id}/members/{user_id}", get),
    Route::token("PATCH /guilds/{guild_id}/members/{user_id}", edit),
    Route::token("PATCH /guilds/{guild_id}/members/@me", edit_me),
    Route::token("DELETE /guilds/{guild_id}/members/{user_id}", remove),
    Route::token("PUT /guilds/{guild_id}/members/{user_id}/roles/{role_id}", add_role),
    Route::token("DELETE /guilds/{guild_id}/members/{user_id}/roles/{role_id}", remove_role),
];

/// The longest time-out: 28 days, in milliseconds.
const MAX_TIMEOUT: u64 = 28 * 24 * 3_600_000;

fn list(call: &mut Call<'_>) -> Answer {
    call.expect_query(&["limit", "after"]);
    let guild = call.guild()?;
    let limit = call.query.number("limit", (1, 1_000), 1)? as usize;
    let after = call.query.id("after")?.unwrap_or(0);
    ok(&call.store.members(&call.desk.config, guild, after, limit).into())
}

fn search(call: &mut Call<'_>) -> Answer {
    call.expect_query(&["query", "limit"]);
    let guild = call.guild()?;
    let limit = call.query.number("limit", (1, 1_000), 1)? as usize;
    let Some(query) = call.query.get("query").filter(|query| !query.is_empty()).map(str::to_lowercase) else {
        return Err(complaint("query", "BASE_TYPE_REQUIRED", "This field is required"));
    };
    let begins = |name: &Value| name.as_str().is_some_and(|name| name.to_lowercase().starts_with(&query));
    let mut members = call.store.members(&call.desk.config, guild, 0, usize::MAX >> 1);
    members.retain(|member| begins(&member["user"]["username"]) || begins(&member["nick"]));
    members.truncate(limit);
    ok(&members.into())
}

fn member(call: &mut Call<'_>, id: u64) -> Result<Value, Reply> {
    let guild = call.guild()?;
    call.store.member(&call.desk.config, guild, id).ok_or_else(reply::unknown_member)
}

fn get(call: &mut Call<'_>) -> Answer {
    let id = call.id("user_id");
    ok(&member(call, id)?)
}

/// Puts a member back, and tells so.
fn put(call: &mut Call<'_>, id: u64, member: &Value) -> Result<(), Reply> {
    let guild = call.guild()?;
    call.store.set_member(guild, id, member.clone());
    let mut event = member.clone();
    event["guild_id"] = json!(guild);
    call.tell("GUILD_MEMBER_UPDATE", event);
    Ok(())
}

fn edit(call: &mut Call<'_>) -> Answer {
    let id = call.id("user_id");
    let known = ["nick", "roles", "mute", "deaf", "channel_id", "communication_disabled_until", "flags"];
    change(call, id, &known)
}

fn edit_me(call: &mut Call<'_>) -> Answer {
    let id = call.user.0;
    change(call, id, &["nick", "banner", "avatar", "bio"])
}

fn change(call: &mut Call<'_>, id: u64, known: &[&str]) -> Answer {
    let mut member = member(call, id)?;
    let now = call.millis();
    let fields = call.read(known, |form, complaints| {
        form.text(complaints, "nick", (0, 32));
        form.ids(complaints, "roles", 250);
        form.boolean(complaints, "mute");
        form.boolean(complaints, "deaf");
        form.id(complaints, "channel_id");
        form.number(complaints, "flags", (0, i64::MAX));
        let key = "communication_disabled_until";
        if let Some(until) = form.text(complaints, key, (1, 64)) {
            match moment::parse_iso(until) {
                None => {
                    let message = format!("Could not parse {until}. Should be ISO8601.");
                    complaints.add(form.path(key), "DATE_TIME_TYPE_PARSE", message);
                }
                Some(until) if until > now + MAX_TIMEOUT => {
                    let message = "The time-out may last 28 days at most.";
                    complaints.add(form.path(key), "TIMEOUT_TOO_LONG", message);
                }
                Some(_) => {}
            }
        }
        form.fields.clone()
    })?;
    for (key, value) in fields.iter().filter(|(key, _)| *key != "channel_id") {
        member[key] = value.clone();
    }
    put(call, id, &member)?;
    ok(&member)
}

fn remove(call: &mut Call<'_>) -> Answer {
    let id = call.id("user_id");
    let member = member(call, id)?;
    let guild = call.guild()?;
    call.store.set_member(guild, id, Value::Null);
    call.tell("GUILD_MEMBER_REMOVE", json!({"guild_id": guild, "user": member["user"]}));
    done()
}

fn add_role(call: &mut Call<'_>) -> Answer {
    set_role(call, true)
}

fn remove_role(call: &mut Call<'_>) -> Answer {
    set_role(call, false)
}

fn set_role(call: &mut Call<'_>, is_there: bool) -> Answer {
    let guild = call.guild()?;
    let (user, role) = (call.id("user_id"), call.id("role_id"));
    if !call.store.roles(&call.desk.config, guild).contains_key(&role) {
        return Err(reply::unknown_role());
    }
    let mut member = member(call, user)?;
    let mut roles: Vec<_> = member["roles"].as_array().cloned().unwrap_or_default();
    roles.retain(|item| item.as_str().and_then(parse_id) != Some(role));
    if is_there {
        roles.push(role.to_string().into());
    }
    member["roles"] = roles.into();
    put(call, user, &member)?;
    done()
}
