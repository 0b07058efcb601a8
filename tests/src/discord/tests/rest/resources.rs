//! Guilds, channels, threads, members, roles, direct messages.

use super::*;

#[test]
fn channels_come_and_go() {
    let mut api = Api::free(calm());
    let gateway = api.client.identify();
    let path = format!("/guilds/{}/channels", api.guild);
    let before = api.get(&path).as_array().unwrap().len();
    let (status, made) = api.call(Method::Post, &path, json!({"name": "new", "type": 0}));
    assert_eq!((status, &made["name"]), (201, &json!("new")));
    assert_eq!(api.client.named(gateway, "CHANNEL_CREATE"), Some(&made));
    assert_eq!(api.get(&path).as_array().unwrap().len(), before + 1);
    let own = format!("/channels/{}", made["id"].as_str().unwrap());
    assert_eq!(api.call(Method::Patch, &own, json!({"topic": "t"})).1["topic"], "t");
    assert_eq!(api.get(&own)["topic"], "t");
    assert_eq!(api.call(Method::Post, &format!("{own}/messages"), json!({"content": "x"})).0, 200);
    assert_eq!(api.call(Method::Post, &format!("{own}/typing"), Value::Null).0, 204);
    assert_eq!(api.client.named(gateway, "TYPING_START").unwrap()["channel_id"], made["id"]);
    assert_eq!(api.call(Method::Delete, &own, Value::Null).0, 200);
    assert_eq!(api.code(Method::Get, &own, Value::Null), (404, 10_003));
    // One of the configuration, too.
    let first = format!("/channels/{}", api.channel);
    assert_eq!(api.call(Method::Delete, &first, Value::Null).0, 200);
    assert_eq!(api.code(Method::Get, &first, Value::Null), (404, 10_003));
    assert_eq!(api.get(&path).as_array().unwrap().len(), before - 1);
    let voice = api.client.discord.config().voice_channels[0].0;
    let status = format!("/channels/{voice}/voice-status");
    assert_eq!(api.call(Method::Put, &status, json!({"status": "singing"})).0, 204);
    assert_eq!(api.client.named(gateway, "VOICE_CHANNEL_STATUS_UPDATE").unwrap()["status"], "singing");
    assert_eq!(api.rules(), []);
}

#[test]
fn members_are_paged_found_and_changed() {
    let mut api = Api::free(Config { members: 2_500, ..calm() });
    let gateway = api.client.identify();
    let path = format!("/guilds/{}/members", api.guild);
    assert_eq!(api.get(&path).as_array().unwrap().len(), 1, "one, unless it is told otherwise");
    let (mut after, mut seen) = (0, Vec::new());
    loop {
        let page = api.get(&format!("{path}?limit=1000&after={after}"));
        let ids = page.as_array().unwrap().iter();
        let ids: Vec<u64> = ids.map(|m| m["user"]["id"].as_str().unwrap().parse().unwrap()).collect();
        let Some(last) = ids.last() else { break };
        after = *last;
        seen.extend(ids);
    }
    assert_eq!(seen.len(), 2_501);
    assert!(seen.is_sorted());
    let found = api.get(&format!("{path}/search?query=AMBER1&limit=1000"));
    let names = found.as_array().unwrap().iter().map(|member| member["user"]["username"].as_str().unwrap());
    assert!(names.clone().all(|name| name.starts_with("amber1")));
    assert!(names.count() > 10);
    let own = format!("{path}/{}", seen[7]);
    let (status, changed) = api.call(Method::Patch, &own, json!({"nick": "seven"}));
    assert_eq!((status, &changed["nick"]), (200, &json!("seven")));
    assert_eq!(api.get(&own), changed);
    assert_eq!(api.client.named(gateway, "GUILD_MEMBER_UPDATE").unwrap()["nick"], "seven");
    assert_eq!(api.get(&format!("{path}/search?query=sev"))[0]["nick"], "seven");
    for wrong in
        [json!({"nick": "x".repeat(33)}), json!({"communication_disabled_until": "2026-02-01T00:00:00Z"})]
    {
        assert_eq!(api.code(Method::Patch, &own, wrong.clone()), (400, 50_035), "{wrong}");
    }
    let until = json!({"communication_disabled_until": "2026-01-28T00:00:00Z"});
    assert_eq!(api.call(Method::Patch, &own, until).0, 200);
    assert_eq!(api.call(Method::Delete, &own, Value::Null).0, 204);
    assert_eq!(api.code(Method::Get, &own, Value::Null), (404, 10_007));
    for query in ["limit=0", "limit=1001"] {
        assert_eq!(api.code(Method::Get, &format!("{path}?{query}"), Value::Null), (400, 50_035));
    }
}

#[test]
fn roles_are_made_given_and_taken() {
    let mut api = Api::free(calm());
    let path = format!("/guilds/{}/roles", api.guild);
    let (_, role) = api.call(Method::Post, &path, json!({"name": "crew", "permissions": "8"}));
    let id = role["id"].as_str().unwrap().to_owned();
    assert_eq!(api.get(&path).as_array().unwrap().len(), 2);
    assert_eq!(api.get(&format!("/guilds/{}", api.guild))["roles"].as_array().unwrap().len(), 2);
    let member = format!("/guilds/{}/members/700000000000000000", api.guild);
    assert_eq!(api.call(Method::Put, &format!("{member}/roles/{id}"), Value::Null).0, 204);
    assert_eq!(api.get(&member)["roles"], json!([id]));
    assert_eq!(api.get(&format!("{path}/member-counts"))[&id], 1);
    assert_eq!(api.call(Method::Patch, &format!("{path}/{id}"), json!({"hoist": true})).1["hoist"], true);
    assert_eq!(api.call(Method::Patch, &path, json!([{"id": id, "position": 5}])).1[1]["position"], 5);
    assert_eq!(api.call(Method::Delete, &format!("{member}/roles/{id}"), Value::Null).0, 204);
    assert_eq!(api.get(&member)["roles"], json!([]));
    assert_eq!(api.call(Method::Delete, &format!("{path}/{id}"), Value::Null).0, 204);
    assert_eq!(api.code(Method::Put, &format!("{member}/roles/{id}"), Value::Null), (404, 10_011));
    assert_eq!(api.code(Method::Post, &path, json!({"permissions": "many"})), (400, 50_035));
}

#[test]
fn threads_are_opened_once_and_archived() {
    let mut api = Api::free(calm());
    let gateway = api.client.identify();
    let message = api.post("topic");
    let path = format!("{}/{message}/threads", api.messages());
    assert_eq!(api.code(Method::Post, &path, json!({"name": ""})), (400, 50_035));
    assert_eq!(
        api.code(Method::Post, &path, json!({"name": "t", "auto_archive_duration": 61})),
        (400, 50_035)
    );
    let (status, thread) = api.call(Method::Post, &path, json!({"name": "t"}));
    assert_eq!((status, &thread["id"], &thread["type"]), (201, &json!(message), &json!(11)));
    assert_eq!(api.client.named(gateway, "THREAD_CREATE"), Some(&thread));
    assert_eq!(api.code(Method::Post, &path, json!({"name": "t"})), (400, 160_004));
    assert_eq!(api.get(&format!("{}/{message}", api.messages()))["thread"]["id"], message.as_str());
    let own = format!("/channels/{message}");
    assert_eq!(api.call(Method::Post, &format!("{own}/messages"), json!({"content": "x"})).0, 200);
    assert_eq!(api.get(&own)["message_count"], 1);
    let (_, private) =
        api.call(Method::Post, &format!("/channels/{}/threads", api.channel), json!({"name": "p"}));
    assert_eq!(private["type"], 12);
    let active = api.get(&format!("/guilds/{}/threads/active", api.guild));
    assert_eq!(
        (active["threads"].as_array().unwrap().len(), active["members"].as_array().unwrap().len()),
        (2, 2)
    );
    let channels = api.get(&format!("/guilds/{}/channels", api.guild));
    assert!(channels.as_array().unwrap().iter().all(|channel| channel["id"] != message.as_str()));

    let members = format!("{own}/thread-members");
    assert_eq!(api.call(Method::Put, &format!("{members}/700000000000000000"), Value::Null).0, 204);
    let page = api.get(&format!("{members}?with_member=true&limit=1"));
    assert_eq!(page[0]["member"]["user"]["id"], "700000000000000000");
    assert_eq!(api.call(Method::Delete, &format!("{members}/@me"), Value::Null).0, 204);
    assert_eq!(api.get(&members).as_array().unwrap().len(), 1);

    for (id, millis) in [(message.as_str(), 1_000), (private["id"].as_str().unwrap(), 0)] {
        let (status, _) = api.call(Method::Patch, &format!("/channels/{id}"), json!({"archived": true}));
        assert_eq!(status, 200);
        api.client.sleep(millis);
    }
    assert_eq!(api.code(Method::Patch, &own, json!({"name": "u"})), (400, 50_083));
    let archived = format!("/channels/{}/threads/archived", api.channel);
    let page = api.get(&format!("{archived}/public"));
    assert_eq!((&page["threads"][0]["id"], &page["has_more"]), (&json!(message), &json!(false)));
    let at = page["threads"][0]["thread_metadata"]["archive_timestamp"].as_str().unwrap().replace('+', "%2B");
    assert_eq!(api.get(&format!("{archived}/public?before={at}"))["threads"], json!([]));
    assert_eq!(api.get(&format!("{archived}/private"))["threads"][0]["id"], private["id"]);
    let joined = format!("/channels/{}/users/@me/threads/archived/private", api.channel);
    assert_eq!(api.get(&joined)["threads"][0]["id"], private["id"]);
    // These are paged by id, not by time.
    let before = format!("{joined}?before={}", private["id"].as_str().unwrap());
    assert_eq!(api.get(&before)["threads"], json!([]));
    assert_eq!(api.code(Method::Get, &format!("{joined}?before={at}"), Value::Null), (400, 50_035));
    assert_eq!(api.code(Method::Get, &format!("{archived}/public?limit=1"), Value::Null), (400, 50_035));
    // A message opens it again.
    assert_eq!(api.call(Method::Post, &format!("{own}/messages"), json!({"content": "x"})).0, 200);
    assert_eq!(api.get(&own)["thread_metadata"]["archived"], false);
    assert_eq!(api.rules(), []);
}

#[test]
fn posts_of_forums_are_threads_with_a_message() {
    let mut api = Api::free(calm());
    let (_, forum) =
        api.call(Method::Post, &format!("/guilds/{}/channels", api.guild), json!({"name": "f", "type": 15}));
    let path = format!("/channels/{}/threads", forum["id"].as_str().unwrap());
    assert_eq!(api.code(Method::Post, &path, json!({"name": "post"})), (400, 50_035));
    assert_eq!(api.code(Method::Post, &path, json!({"name": "post", "message": {}})), (400, 50_006));
    let (status, post) = api.call(Method::Post, &path, json!({"name": "post", "message": {"content": "x"}}));
    assert_eq!((status, &post["message"]["content"], &post["type"]), (201, &json!("x"), &json!(11)));
    let active = api.get(&format!("/guilds/{}/threads/active", api.guild));
    assert_eq!(active["threads"].as_array().unwrap().len(), 1, "the refused one left nothing behind");
    let direct = format!("/channels/{}/messages", forum["id"].as_str().unwrap());
    assert_eq!(api.code(Method::Post, &direct, json!({"content": "x"})), (400, 50_008));
}

#[test]
fn direct_messages_are_between_two() {
    let person = UserId(700_000_000_000_000_000);
    let mut config = calm();
    config.bots = Config::more_bots(1);
    config.rest.people.push(("a-person's-token".into(), person));
    let other = format!("Bot {}", config.bots[0].token);
    let mut api = Api::free(config);
    let body = json!({ "recipient_id": person });
    let (status, dm) = api.call(Method::Post, "/users/@me/channels", body.clone());
    assert_eq!((status, &dm["type"]), (200, &json!(1)));
    assert_eq!(api.call(Method::Post, "/users/@me/channels", body).1["id"], dm["id"]);
    let path = format!("/channels/{}/messages", dm["id"].as_str().unwrap());
    assert_eq!(api.call(Method::Post, &path, json!({"content": "hello"})).0, 200);
    assert_eq!(api.get(&path)[0]["content"], "hello");
    api.token = other;
    assert_eq!(api.code(Method::Get, &path, Value::Null), (403, 50_001));
    api.token = "a-person's-token".into();
    assert_eq!(api.get("/users/@me")["id"], person.to_string());
}

#[test]
fn guilds_are_listed_by_page() {
    let more_guilds = (1..=300).map(|n| sanscord::id::GuildId(n * 1_000)).collect();
    let mut api = Api::free(Config { more_guilds, ..calm() });
    let page = api.get("/users/@me/guilds");
    assert_eq!(page.as_array().unwrap().len(), 200);
    let last = page[199]["id"].as_str().unwrap().to_owned();
    let rest = api.get(&format!("/users/@me/guilds?after={last}&with_counts=true"));
    assert_eq!(rest.as_array().unwrap().len(), 101);
    assert_eq!(rest[0]["approximate_member_count"], 4);
    let before = api.get(&format!("/users/@me/guilds?before={last}&limit=2"));
    assert_eq!((&before[0]["id"], &before[1]["id"]), (&json!("198000"), &json!("199000")));
    assert_eq!(api.code(Method::Get, "/users/@me/guilds?limit=201", Value::Null), (400, 50_035));
    assert_eq!(api.get("/gateway")["url"], "wss://gateway.discord.gg");
}
