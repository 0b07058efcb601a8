//! Interactions, webhooks and commands.

use super::*;

/// Lets somebody use a command: where to answer, and where to answer further.
fn used(api: &mut Api, kind: u8) -> (String, String) {
    let now = api.client.now;
    let d = api.client.discord.interact(now, kind, json!({"name": "ping"}));
    api.client.drain();
    let (id, token) = (d["id"].as_str().unwrap(), d["token"].as_str().unwrap());
    (format!("/interactions/{id}/{token}/callback"), format!("/webhooks/{}/{token}", api.bot))
}

#[test]
fn an_interaction_is_answered_once_and_further() {
    let mut api = Api::free(calm());
    let gateway = api.client.identify();
    let (callback, webhook) = used(&mut api, 2);
    assert_eq!(api.client.named(gateway, "INTERACTION_CREATE").unwrap()["data"]["name"], "ping");
    api.token.clear();
    let original = format!("{webhook}/messages/@original");
    assert_eq!(api.code(Method::Get, &original, Value::Null), (404, 10_008));
    let body = json!({"type": 4, "data": {"content": "pong"}});
    let (status, answer) = api.call(Method::Post, &format!("{callback}?with_response=true"), body.clone());
    assert_eq!((status, &answer["resource"]["message"]["content"]), (200, &json!("pong")));
    assert_eq!(api.code(Method::Post, &callback, body), (400, 40_060));
    assert_eq!(api.get(&original)["content"], "pong");
    let (_, changed) = api.call(Method::Patch, &original, json!({"content": "changed"}));
    assert_eq!(changed["content"], "changed");
    let (status, further) = api.call(Method::Post, &webhook, json!({"content": "more", "flags": 64}));
    assert_eq!((status, &further["content"]), (200, &json!("more")));
    let further = format!("{webhook}/messages/{}", further["id"].as_str().unwrap());
    assert_eq!(api.get(&further)["content"], "more");
    assert_eq!(api.call(Method::Delete, &original, Value::Null).0, 204);
    assert_eq!(api.rules(), []);
    api.client.sleep(15 * 60_000 + 1);
    assert_eq!(api.code(Method::Get, &further, Value::Null), (401, 50_027));
    api.token = format!("Bot {}", api.client.discord.config().token);
    assert_eq!(api.get(&api.messages()), json!([]), "one was deleted, the other is for one user's eyes");
}

#[test]
fn answers_have_their_time_and_kind() {
    let mut api = Api::free(calm());
    let (callback, _) = used(&mut api, 2);
    for wrong in [
        json!({}),
        json!({"type": 3}),
        json!({"type": 8, "data": {"choices": []}}),
        json!({"type": 9, "data": {"title": "x".repeat(46), "custom_id": "x", "components": []}}),
        json!({"type": 4, "data": {"content": "x".repeat(2_001)}}),
    ] {
        assert_eq!(api.code(Method::Post, &callback, wrong.clone()), (400, 50_035), "{wrong}");
    }
    assert_eq!(api.code(Method::Post, &callback, json!({"type": 4, "data": {}})), (400, 50_006));
    api.client.sleep(3_001);
    let late = json!({"type": 4, "data": {"content": "x"}});
    assert_eq!(api.code(Method::Post, &callback, late), (404, 10_062));
    let (autocomplete, _) = used(&mut api, 4);
    let choice = json!({"name": "x", "value": "x"});
    let many = json!({"type": 8, "data": {"choices": vec![choice.clone(); 26]}});
    assert_eq!(api.code(Method::Post, &autocomplete, many), (400, 50_035));
    let some = json!({"type": 8, "data": {"choices": [choice]}});
    assert_eq!(api.call(Method::Post, &autocomplete, some).0, 204);
}

#[test]
fn a_deferred_answer_is_written_by_the_first_further_one() {
    let mut api = Api::free(calm());
    let (callback, webhook) = used(&mut api, 2);
    assert_eq!(api.call(Method::Post, &callback, json!({"type": 5})), (204, Value::Null));
    let original = format!("{webhook}/messages/@original");
    assert_eq!(api.get(&original)["flags"], 128);
    let (_, first) = api.call(Method::Post, &webhook, json!({"content": "done"}));
    assert_eq!(api.get(&original), first);
    assert_eq!((&first["content"], &first["flags"]), (&json!("done"), &json!(0)));
    let (_, second) = api.call(Method::Post, &webhook, json!({"content": "and more"}));
    assert_ne!(second["id"], first["id"]);
}

#[test]
fn webhooks_write_under_their_own_names() {
    let mut api = Api::free(calm());
    let create = format!("/channels/{}/webhooks", api.channel);
    assert_eq!(api.code(Method::Post, &create, json!({"name": "Discord news"})), (400, 50_035));
    let (_, hook) = api.call(Method::Post, &create, json!({"name": "news"}));
    assert_eq!(api.get(&create), json!([hook]));
    assert_eq!(api.get(&format!("/guilds/{}/webhooks", api.guild)), json!([hook]));
    let by_id = format!("/webhooks/{}", hook["id"].as_str().unwrap());
    assert_eq!(api.call(Method::Patch, &by_id, json!({"name": "olds"})).1["name"], "olds");
    let path = format!("{by_id}/{}", hook["token"].as_str().unwrap());
    api.token.clear();
    assert_eq!(api.code(Method::Get, &by_id, Value::Null), (401, 0));
    assert_eq!(api.get(&path).get("user"), None);
    assert_eq!(api.code(Method::Get, &format!("{by_id}/wrong"), Value::Null), (401, 50_027));
    assert_eq!(api.call(Method::Post, &path, json!({"content": "x"})), (204, Value::Null));
    let body = json!({"content": "<@&5> @everyone", "username": "Reuters"});
    let (status, message) = api.call(Method::Post, &format!("{path}?wait=true"), body);
    assert_eq!((status, &message["author"]["username"]), (200, &json!("Reuters")));
    assert_eq!((&message["mention_everyone"], &message["webhook_id"]), (&json!(false), &hook["id"]));
    let own = format!("{path}/messages/{}", message["id"].as_str().unwrap());
    assert_eq!(api.call(Method::Patch, &own, json!({"content": "y"})).1["content"], "y");
    assert_eq!(api.get(&own)["content"], "y");
    assert_eq!(api.call(Method::Delete, &own, Value::Null).0, 204);
    assert_eq!(api.code(Method::Get, &own, Value::Null), (404, 10_008));
    assert_eq!(api.code(Method::Post, &path, json!({"content": "x", "thread_name": "t"})), (400, 220_003));
    api.token = format!("Bot {}", api.client.discord.config().token);
    for n in 1..15 {
        assert_eq!(api.call(Method::Post, &create, json!({"name": n.to_string()})).0, 200);
    }
    assert_eq!(api.code(Method::Post, &create, json!({"name": "more"})), (400, 30_007));
}

#[test]
fn commands_are_made_changed_and_overwritten() {
    let mut api = Api::free(calm());
    let path = format!("/applications/{}/commands", api.bot);
    let ping = json!({"name": "ping", "description": "asks for an answer"});
    let (status, made) = api.call(Method::Post, &path, ping.clone());
    assert_eq!((status, &made["type"]), (201, &json!(1)));
    let mut again = ping.clone();
    again["description"] = "again".into();
    let (status, same) = api.call(Method::Post, &path, again);
    assert_eq!((status, &same["id"], &same["description"]), (200, &made["id"], &json!("again")));
    let own = format!("{path}/{}", made["id"].as_str().unwrap());
    assert_eq!(api.call(Method::Patch, &own, json!({"nsfw": true})).1["nsfw"], true);
    let user = json!({"name": "Whois", "type": 2});
    let (status, all) = api.call(Method::Put, &path, json!([ping, user]));
    assert_eq!((status, all.as_array().unwrap().len(), &all[0]["id"]), (200, 2, &made["id"]));
    assert_eq!(api.call(Method::Put, &path, json!([user])).0, 200);
    assert_eq!(api.code(Method::Get, &own, Value::Null), (404, 10_063), "what is not named is gone");
    for wrong in [
        json!({"name": "Ping", "description": "x"}),
        json!({"name": "ping"}),
        json!({"name": "ping", "description": "x", "options": [{"type": 3, "name": "a"}]}),
        json!({"name": "Whois", "type": 2, "description": "x"}),
    ] {
        assert_eq!(api.code(Method::Post, &path, wrong.clone()), (400, 50_035), "{wrong}");
    }
    let (_, refusal) = api.call(Method::Put, &path, json!([user, {"name": "ping"}]));
    assert!(refusal["errors"]["1"]["description"].is_object(), "{refusal}");

    let guild = format!("/applications/{}/guilds/{}/commands", api.bot, api.guild);
    for n in 0..100 {
        let body = json!({"name": format!("c{n}"), "description": "x"});
        assert_eq!(api.call(Method::Post, &guild, body).0, 201);
    }
    let body = json!({"name": "one-more", "description": "x"});
    assert_eq!(api.code(Method::Post, &guild, body.clone()), (400, 30_032));
    let all = api.get(&guild);
    for command in all.as_array().unwrap() {
        let own = format!("{guild}/{}", command["id"].as_str().unwrap());
        assert_eq!(api.call(Method::Delete, &own, Value::Null).0, 204);
    }
    for n in 0..100 {
        let body = json!({"name": format!("d{n}"), "description": "x"});
        assert_eq!(api.call(Method::Post, &guild, body).0, 201);
    }
    let own = format!("{guild}/{}", api.get(&guild)[0]["id"].as_str().unwrap());
    assert_eq!(api.call(Method::Delete, &own, Value::Null).0, 204);
    assert_eq!(api.code(Method::Post, &guild, body), (400, 30_034), "200 were made today");
    assert_eq!(api.rules(), []);
}
