//! Roles of guilds.

use serde_json::{Map, Value, json};

use crate::rest::call::Call;
use crate::rest::form::{Complaints, Form, complaint, snowflake};
use crate::rest::reply::{self, Answer, Reply, done, ok};
use crate::rest::route::Route;

pub(super) const ROUTES: [Route; 7] = [
    Route::token("GET /guilds/{guild_id}/roles", list),
    Route::token("POST /guilds/{guild_id}/roles", create),
    Route::token("PATCH /guilds/{guild_id}/roles", sort),
    Route::token("GET /guilds/{guild_id}/roles/member-counts", member_counts),
    Route::token("GET /guilds/{guild_id}/roles/{role_id}", get),
    Route::token("PATCH /guilds/{guild_id}/roles/{role_id}", edit),
    Route::token("DELETE /guilds/{guild_id}/roles/{role_id}", delete),
];

const MAX_ROLES: usize = 250;
const FIELDS: [&str; 8] =
    ["name", "permissions", "color", "colors", "hoist", "icon", "unicode_emoji", "mentionable"];

fn judge(form: &Form<'_>, complaints: &mut Complaints) -> Map<String, Value> {
    form.text(complaints, "name", (0, 100));
    form.number(complaints, "color", (0, 0xFF_FFFF));
    form.boolean(complaints, "hoist");
    form.boolean(complaints, "mentionable");
    if let Some(bits) = form.text(complaints, "permissions", (0, 20))
        && crate::rest::form::parse_id(bits).is_none()
    {
        let message = format!("Value \"{bits}\" is not int.");
        complaints.add(form.path("permissions"), "NUMBER_TYPE_COERCE", message);
    }
    form.object(complaints, "colors");
    let set = form.fields.iter().filter(|(_, value)| !value.is_null());
    set.map(|(key, value)| (key.clone(), value.clone())).collect()
}

fn list(call: &mut Call<'_>) -> Answer {
    let guild = call.guild()?;
    ok(&call.store.roles(&call.desk.config, guild).values().cloned().collect())
}

fn get(call: &mut Call<'_>) -> Answer {
    let guild = call.guild()?;
    let id = call.id("role_id");
    let role = call.store.roles(&call.desk.config, guild).get(&id).ok_or_else(reply::unknown_role)?;
    ok(role)
}

fn member_counts(call: &mut Call<'_>) -> Answer {
    let guild = call.guild()?;
    let ids: Vec<u64> = call.store.roles(&call.desk.config, guild).keys().copied().collect();
    let members = call.store.members(&call.desk.config, guild, 0, usize::MAX >> 1);
    let mut counts = Map::new();
    for id in ids.into_iter().filter(|id| *id != guild.0) {
        let has = |member: &&Value| {
            member["roles"]
                .as_array()
                .is_some_and(|roles| roles.iter().any(|role| snowflake(role) == Some(id)))
        };
        counts.insert(id.to_string(), members.iter().filter(has).count().into());
    }
    ok(&counts.into())
}

fn create(call: &mut Call<'_>) -> Answer {
    let guild = call.guild()?;
    let fields = call.read(&FIELDS, judge)?;
    let id = call.mint();
    let roles = call.store.roles(&call.desk.config, guild);
    if roles.len() >= MAX_ROLES {
        return Err(Reply::error(400, 30_005, "Maximum number of guild roles reached (250)"));
    }
    let mut role = json!({
        "id": id.to_string(), "name": "new role", "color": 0, "hoist": false, "position": 1, "permissions": "0",
        "colors": {"primary_color": 0, "secondary_color": null, "tertiary_color": null}, "icon": null,
        "unicode_emoji": null, "managed": false, "mentionable": false, "flags": 0,
    });
    for (key, value) in fields {
        role[&key] = value;
    }
    roles.insert(id, role.clone());
    call.tell("GUILD_ROLE_CREATE", json!({"guild_id": guild, "role": role}));
    ok(&role)
}

fn edit(call: &mut Call<'_>) -> Answer {
    let guild = call.guild()?;
    let id = call.id("role_id");
    let fields = call.read(&FIELDS, judge)?;
    let role = call.store.roles(&call.desk.config, guild).get_mut(&id).ok_or_else(reply::unknown_role)?;
    for (key, value) in fields {
        role[&key] = value;
    }
    let role = role.clone();
    call.tell("GUILD_ROLE_UPDATE", json!({"guild_id": guild, "role": role}));
    ok(&role)
}

fn delete(call: &mut Call<'_>) -> Answer {
    let guild = call.guild()?;
    let id = call.id("role_id");
    if id == guild.0 {
        return Err(Reply::error(400, 50_028, "Invalid Role"));
    }
    call.store.roles(&call.desk.config, guild).remove(&id).ok_or_else(reply::unknown_role)?;
    call.tell("GUILD_ROLE_DELETE", json!({"guild_id": guild, "role_id": id.to_string()}));
    done()
}

fn sort(call: &mut Call<'_>) -> Answer {
    let guild = call.guild()?;
    let Some(moves) = call.body.json.as_array().cloned() else {
        return Err(complaint("", "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType"));
    };
    let roles = call.store.roles(&call.desk.config, guild);
    for item in &moves {
        let role =
            snowflake(&item["id"]).and_then(|id| roles.get_mut(&id)).ok_or_else(reply::unknown_role)?;
        if let Some(position) = item["position"].as_u64() {
            role["position"] = position.into();
        }
    }
    let mut sorted: Vec<_> = roles.values().cloned().collect();
    sorted.sort_by_key(|role| role["position"].as_u64());
    ok(&sorted.into())
}
