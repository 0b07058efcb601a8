//! Application commands.

use sanscord::id::GuildId;
use sanscord::time::Duration;
use serde_json::{Map, Value, json};

use crate::rest::call::Call;
use crate::rest::form::{Complaints, Form, complaint, parse_id};
use crate::rest::reply::{self, Answer, Reply, done, ok};
use crate::rest::route::Route;

pub(super) const ROUTES: [Route; 12] = [
    Route::token("GET /applications/{application_id}/commands", list),
    Route::token("POST /applications/{application_id}/commands", create),
    Route::token("PUT /applications/{application_id}/commands", overwrite),
    Route::token("GET /applications/{application_id}/commands/{command_id}", get),
    Route::token("PATCH /applications/{application_id}/commands/{command_id}", edit),
    Route::token("DELETE /applications/{application_id}/commands/{command_id}", delete),
    Route::token("GET /applications/{application_id}/guilds/{guild_id}/commands", list),
    Route::token("POST /applications/{application_id}/guilds/{guild_id}/commands", create),
    Route::token("PUT /applications/{application_id}/guilds/{guild_id}/commands", overwrite),
    Route::token("GET /applications/{application_id}/guilds/{guild_id}/commands/{command_id}", get),
    Route::token("PATCH /applications/{application_id}/guilds/{guild_id}/commands/{command_id}", edit),
    Route::token("DELETE /applications/{application_id}/guilds/{guild_id}/commands/{command_id}", delete),
];

/// The most commands of each type, and how many may be made in a day (Discord docs: Application Commands).
const MOST: [(u64, usize); 4] = [(1, 100), (2, 15), (3, 15), (4, 1)];
const DAILY: u32 = 200;
const DAY: Duration = Duration::from_secs(86_400);

const FIELDS: [&str; 14] = [
    "name",
    "name_localizations",
    "description",
    "description_localizations",
    "options",
    "default_member_permissions",
    "dm_permission",
    "default_permission",
    "integration_types",
    "contexts",
    "type",
    "nsfw",
    "handler",
    "id",
];

type Scope = (u64, Option<GuildId>);

fn scope(call: &Call<'_>) -> Result<Scope, Reply> {
    let application = call.id("application_id");
    if application != call.user.0 {
        return Err(Reply::error(
            403,
            20_012,
            "You are not authorized to perform this action on this application",
        ));
    }
    let guild = if call.param("guild_id").is_empty() { None } else { Some(call.guild()?) };
    Ok((application, guild))
}

fn shown(command: &Value, with_localizations: bool) -> Value {
    let mut command = command.clone();
    if let Some(fields) = command.as_object_mut()
        && !with_localizations
    {
        fields.retain(|key, _| !key.ends_with("_localizations"));
    }
    command
}

fn list(call: &mut Call<'_>) -> Answer {
    call.expect_query(&["with_localizations"]);
    let with_localizations = call.query.flag("with_localizations")?.unwrap_or(false);
    let scope = scope(call)?;
    let commands = call.store.commands.get(&scope).into_iter().flatten();
    ok(&commands.map(|(_, command)| shown(command, with_localizations)).collect())
}

fn kind(fields: &Map<String, Value>) -> u64 {
    fields.get("type").and_then(Value::as_u64).unwrap_or(1)
}

fn judge(form: &Form<'_>, complaints: &mut Complaints, is_whole: bool) {
    form.choice(complaints, "type", &[1, 2, 3, 4]);
    if is_whole {
        form.require(complaints, "name");
    }
    let is_chat = kind(form.fields) == 1;
    if let Some(name) = form.text(complaints, "name", (1, 32)) {
        let is_allowed = |char: char| char.is_alphanumeric() || matches!(char, '-' | '_' | '\'');
        if is_chat && (!name.chars().all(is_allowed) || name.to_lowercase() != name) {
            let message = "Command name is invalid";
            complaints.add(form.path("name"), "APPLICATION_COMMAND_INVALID_NAME", message);
        }
    }
    let most = if is_chat { 100 } else { 0 };
    if is_whole && is_chat {
        form.require(complaints, "description");
    }
    form.text(complaints, "description", (usize::from(is_chat), most));
    judge_options(form, complaints, 0);
}

/// Options nest in groups and subcommands, two deep.
fn judge_options(form: &Form<'_>, complaints: &mut Complaints, depth: u8) {
    for option in form.objects(complaints, "options", 25).unwrap_or_default() {
        for key in ["type", "name", "description"] {
            option.require(complaints, key);
        }
        option.choice(complaints, "type", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
        option.text(complaints, "name", (1, 32));
        option.text(complaints, "description", (1, 100));
        option.boolean(complaints, "required");
        for choice in option.objects(complaints, "choices", 25).unwrap_or_default() {
            choice.require(complaints, "name");
            choice.require(complaints, "value");
            choice.text(complaints, "name", (1, 100));
        }
        if depth < 2 {
            judge_options(&option, complaints, depth + 1);
        }
    }
}

/// A command's object.
fn object(call: &mut Call<'_>, scope: Scope, id: u64, fields: &Map<String, Value>) -> Value {
    let version = call.mint();
    let mut command = json!({
        "id": id.to_string(), "application_id": scope.0.to_string(), "version": version.to_string(), "type": 1,
        "default_member_permissions": null, "name": "", "name_localizations": null, "description": "",
        "description_localizations": null, "nsfw": false,
    });
    match scope.1 {
        Some(guild) => command["guild_id"] = json!(guild),
        None => {
            command["dm_permission"] = true.into();
            command["contexts"] = Value::Null;
            command["integration_types"] = json!([0]);
        }
    }
    for (key, value) in fields.iter().filter(|(key, _)| *key != "id") {
        command[key] = value.clone();
    }
    command
}

/// Whether another of this type, and another today, may be made.
fn admit(call: &mut Call<'_>, scope: Scope, kind: u64) -> Result<(), Reply> {
    let commands = call.store.commands.entry(scope).or_default();
    let count = commands.values().filter(|command| command["type"] == kind).count();
    let most = MOST.iter().find(|(of, _)| *of == kind).map_or(0, |(_, most)| *most);
    if count >= most {
        let message = format!("Maximum number of application commands reached ({most})");
        return Err(Reply::error(400, 30_032, &message));
    }
    spend(call, scope)
}

fn spend(call: &mut Call<'_>, scope: Scope) -> Result<(), Reply> {
    let now = call.desk.now;
    let (since, made) = call.store.created.entry(scope).or_insert((now, 0));
    if now.since(*since) >= DAY {
        (*since, *made) = (now, 0);
    }
    if *made >= DAILY {
        let message = "Max number of daily application command creates has been reached (200)";
        return Err(Reply::error(400, 30_034, message));
    }
    *made += 1;
    Ok(())
}

/// The command of this type and name.
fn same(call: &Call<'_>, scope: Scope, fields: &Map<String, Value>) -> Option<u64> {
    let (kind, name) = (kind(fields), fields.get("name"));
    let commands = call.store.commands.get(&scope)?;
    let mut all = commands.iter();
    all.find(|(_, old)| old["type"] == kind && Some(&old["name"]) == name).map(|(id, _)| *id)
}

fn create(call: &mut Call<'_>) -> Answer {
    let scope = scope(call)?;
    let fields = call.read(&FIELDS, |form, complaints| {
        judge(form, complaints, true);
        form.fields.clone()
    })?;
    let old = same(call, scope, &fields);
    let id = match old {
        Some(id) => id,
        None => {
            admit(call, scope, kind(&fields))?;
            call.mint()
        }
    };
    let command = object(call, scope, id, &fields);
    call.store.commands.entry(scope).or_default().insert(id, command.clone());
    Ok(Reply::json(if old.is_some() { 200 } else { 201 }, &command))
}

fn overwrite(call: &mut Call<'_>) -> Answer {
    let scope = scope(call)?;
    let Some(items) = call.body.json.as_array().cloned() else {
        return Err(complaint("", "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType"));
    };
    let mut complaints = Complaints::default();
    let holder = Map::from_iter([("list".to_owned(), Value::Array(items.clone()))]);
    for (index, form) in
        Form::new(&holder).objects(&mut complaints, "list", 131).into_iter().flatten().enumerate()
    {
        // Complaints name the place in the list alone.
        let mut own = Complaints::default();
        judge(&Form::new(form.fields), &mut own, true);
        complaints.take(&index.to_string(), own);
    }
    complaints.finish()?;
    for (of, most) in MOST {
        let count = items.iter().filter_map(Value::as_object).filter(|fields| kind(fields) == of).count();
        if count > most {
            let message = format!("Maximum number of application commands reached ({most})");
            return Err(Reply::error(400, 30_032, &message));
        }
    }
    let mut made = Vec::new();
    for fields in items.iter().filter_map(Value::as_object) {
        let id = match same(call, scope, fields) {
            Some(id) => id,
            None => {
                spend(call, scope)?;
                call.mint()
            }
        };
        made.push((id, object(call, scope, id, fields)));
    }
    let answer: Value = made.iter().map(|(_, command)| command.clone()).collect();
    call.store.commands.insert(scope, made.into_iter().collect());
    ok(&answer)
}

fn find(call: &Call<'_>) -> Result<(Scope, u64, Value), Reply> {
    let (scope, id) = (scope(call)?, parse_id(call.param("command_id")).unwrap_or(0));
    let found = call.store.commands.get(&scope).and_then(|commands| commands.get(&id));
    found.map(|command| (scope, id, command.clone())).ok_or_else(reply::unknown_command)
}

fn get(call: &mut Call<'_>) -> Answer {
    let (.., command) = find(call)?;
    ok(&command)
}

fn edit(call: &mut Call<'_>) -> Answer {
    let (scope, id, mut command) = find(call)?;
    let fields = call.read(&FIELDS, |form, complaints| {
        judge(form, complaints, false);
        form.fields.clone()
    })?;
    for (key, value) in fields {
        command[&key] = value;
    }
    command["version"] = call.mint().to_string().into();
    call.store.commands.entry(scope).or_default().insert(id, command.clone());
    ok(&command)
}

fn delete(call: &mut Call<'_>) -> Answer {
    let (scope, id, _) = find(call)?;
    call.store.commands.entry(scope).or_default().remove(&id);
    done()
}
