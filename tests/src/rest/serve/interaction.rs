//! Answers to interactions.

use sanscord::time::Duration;
use serde_json::{Map, Value, json};

use super::compose::{self, EPHEMERAL, LOADING, Sender};
use crate::gateway::guild;
use crate::rest::call::Call;
use crate::rest::reply::{self, Answer, Reply, done, ok};
use crate::rest::route::Route;

pub(super) const ROUTES: [Route; 1] =
    [Route::path("POST /interactions/{interaction_id}/{interaction_token}/callback", callback)];

/// How long the first answer may take, and how long the token lives (Discord docs: Receiving and Responding).
const FIRST: Duration = Duration::from_secs(3);
const LIFE: Duration = Duration::from_secs(15 * 60);

fn callback(call: &mut Call<'_>) -> Answer {
    call.expect_query(&["with_response"]);
    let with_response = call.query.flag("with_response")?.unwrap_or(false);
    let id = call.id("interaction_id");
    let now = call.desk.now;
    let found = call.store.interactions.get(&id);
    let found = found.filter(|interaction| interaction.token == call.param("interaction_token"));
    let found =
        found.filter(|interaction| interaction.is_answered || now.since(interaction.created) <= FIRST);
    let found = found.ok_or_else(reply::unknown_interaction)?;
    let (is_answered, kind, channel, source) = (found.is_answered, found.kind, found.channel, found.message);
    let (answer, data) = call.read(&["type", "data"], |form, complaints| {
        form.require(complaints, "type");
        let answer = form.choice(complaints, "type", &[1, 4, 5, 6, 7, 8, 9, 10, 12]);
        let data = form.object(complaints, "data");
        match (answer, &data) {
            (Some(4 | 7), Some(data)) => compose::judge(data, complaints),
            (Some(8), Some(data)) => {
                data.require(complaints, "choices");
                for choice in data.objects(complaints, "choices", 25).unwrap_or_default() {
                    choice.require(complaints, "name");
                    choice.text(complaints, "name", (1, 100));
                }
            }
            (Some(9), Some(data)) => {
                for (key, most) in [("custom_id", 100), ("title", 45)] {
                    data.require(complaints, key);
                    data.text(complaints, key, (1, most));
                }
                data.objects(complaints, "components", 5);
            }
            (Some(4 | 8 | 9), None) => form.require(complaints, "data"),
            _ => {}
        }
        let fits = match answer {
            Some(6 | 7) => kind == 3 || kind == 5 && source.is_some(),
            Some(8) => kind == 4,
            Some(9) => !matches!(kind, 1 | 5),
            Some(4 | 5) => kind != 4,
            _ => true,
        };
        if !fits {
            let message = "This type does not answer an interaction of this type.";
            complaints.add("type", "INTERACTION_CALLBACK_TYPE_INVALID", message);
        }
        (answer.unwrap_or(0), data.map(|data| data.fields.clone()).unwrap_or_default())
    })?;
    if is_answered {
        return Err(reply::acknowledged());
    }
    let message = match answer {
        4 => Some(post(call, id, channel, &data)?),
        5 => {
            let flags = data.get("flags").and_then(Value::as_i64).unwrap_or(0) & EPHEMERAL | LOADING;
            Some(post(call, id, channel, &Map::from_iter([("flags".to_owned(), flags.into())]))?)
        }
        7 => match source {
            Some(source) => Some(compose::edit(call, channel, source, &data, true)?),
            None => None,
        },
        _ => None,
    };
    let original = message.as_ref().and_then(|message| crate::rest::form::snowflake(&message["id"]));
    if let Some(interaction) = call.store.interactions.get_mut(&id) {
        interaction.is_answered = true;
        interaction.is_deferred = answer == 5;
        interaction.original = original.or(source);
    }
    if !with_response {
        return done();
    }
    let mut about = json!({
        "id": id.to_string(), "type": kind, "response_message_loading": answer == 5,
        "response_message_ephemeral": data.get("flags").and_then(Value::as_i64).unwrap_or(0) & EPHEMERAL != 0,
    });
    if let Some(original) = original {
        about["response_message_id"] = original.to_string().into();
    }
    let mut response = json!({"interaction": about, "resource": {"type": answer}});
    if let Some(message) = message {
        response["resource"]["message"] = message;
    }
    ok(&response)
}

/// Posts an answer.
fn post(call: &mut Call<'_>, id: u64, channel: u64, data: &Map<String, Value>) -> Result<Value, Reply> {
    let Some(interaction) = call.store.interactions.get(&id) else {
        return Err(reply::unknown_interaction());
    };
    let application = interaction.application;
    let is_hidden = data.get("flags").and_then(Value::as_i64).unwrap_or(0) & EPHEMERAL != 0;
    let mut more = Map::new();
    more.insert("application_id".into(), json!(application));
    more.insert("webhook_id".into(), json!(application));
    let author = guild::bot(call.config(), application);
    compose::post(call, channel, data, Sender { author, more, users_only: true, is_hidden })
}

/// The interaction whose token stands in the path, while it lives.
pub(super) fn by_token(call: &Call<'_>) -> Result<u64, Reply> {
    let (application, token) = (call.id("webhook_id"), call.param("webhook_token"));
    let mine = call.store.interactions.iter().rev();
    let found =
        mine.into_iter().find(|(_, found)| found.application.0 == application && found.token == token);
    match found {
        Some((id, found)) if call.desk.now.since(found.created) <= LIFE => Ok(*id),
        Some(_) => Err(reply::invalid_webhook_token()),
        None => Err(reply::unknown_webhook()),
    }
}

/// The message that was the first answer.
pub(super) fn original(call: &Call<'_>, id: u64) -> Result<u64, Reply> {
    let interaction = call.store.interactions.get(&id);
    interaction.and_then(|interaction| interaction.original).ok_or_else(reply::unknown_message)
}

/// A further answer. The first after a deferred one takes its place.
pub(super) fn follow_up(
    call: &mut Call<'_>,
    id: u64,
    channel: u64,
    fields: &Map<String, Value>,
) -> Result<Value, Reply> {
    let interaction = call.store.interactions.get(&id).ok_or_else(reply::unknown_webhook)?;
    if !interaction.is_answered {
        return Err(reply::unknown_webhook());
    }
    match interaction.original.filter(|_| interaction.is_deferred) {
        Some(original) => rewrite(call, id, channel, original, fields.clone()),
        None => post(call, id, channel, fields),
    }
}

/// Changes an answer. What was deferred is there by that.
pub(super) fn rewrite(
    call: &mut Call<'_>,
    id: u64,
    channel: u64,
    message: u64,
    mut fields: Map<String, Value>,
) -> Result<Value, Reply> {
    let (config, user) = (&call.desk.config, call.user);
    let known = call.store.channel(config, channel).ok_or_else(reply::unknown_channel)?;
    let old = known.log.get(config, channel, message, user).ok_or_else(reply::unknown_message)?;
    let flags = old["flags"].as_i64().unwrap_or(0);
    if flags & LOADING != 0 {
        let others = fields.get("flags").and_then(Value::as_i64).unwrap_or(0) & !EPHEMERAL;
        fields.insert("flags".into(), (flags & !LOADING | others).into());
    }
    let edited = compose::edit(call, channel, message, &fields, true)?;
    if let Some(interaction) =
        call.store.interactions.get_mut(&id).filter(|found| found.original == Some(message))
    {
        interaction.is_deferred = false;
    }
    Ok(edited)
}
