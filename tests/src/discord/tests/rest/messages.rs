//! Messages: what is posted is there, and what is there is paged.

use super::*;

fn numbers(messages: &Value) -> Vec<u64> {
    let contents = messages.as_array().unwrap().iter().map(|message| message["content"].as_str().unwrap());
    contents.map(|content| content.strip_prefix("message ").unwrap().parse().unwrap()).collect()
}

#[test]
fn a_history_is_paged_in_both_directions() {
    let mut api = Api::free(calm().history(calm().text_channel.0, 1_000));
    let path = api.messages();
    assert_eq!(numbers(&api.get(&path)), (950..1_000).rev().collect::<Vec<_>>());
    let page = api.get(&format!("{path}?limit=100"));
    let last = page[99]["id"].as_str().unwrap().to_owned();
    assert_eq!(numbers(&page), (900..1_000).rev().collect::<Vec<_>>());
    assert_eq!(numbers(&api.get(&format!("{path}?before={last}&limit=3"))), [899, 898, 897]);
    assert_eq!(numbers(&api.get(&format!("{path}?after={last}&limit=3"))), [903, 902, 901]);
    assert_eq!(numbers(&api.get(&format!("{path}?around={last}&limit=5"))), [902, 901, 900, 899, 898]);
    assert_eq!(numbers(&api.get(&format!("{path}?after=0&limit=2"))), [1, 0]);
    let one = api.get(&format!("{path}/{last}"));
    assert_eq!(one["content"], "message 900");

    let mut seen = Vec::new();
    let mut query = format!("{path}?limit=100");
    loop {
        let page = api.get(&query);
        let Some(last) = page.as_array().unwrap().last() else { break };
        query = format!("{path}?limit=100&before={}", last["id"].as_str().unwrap());
        seen.extend(numbers(&page));
    }
    assert_eq!(seen, (0..1_000).rev().collect::<Vec<_>>());
}

#[test]
fn pages_refuse_what_is_no_page() {
    let mut api = Api::free(calm());
    let path = api.messages();
    for query in ["limit=0", "limit=101", "limit=x", "before=x", "before=1&after=2", "around=1&before=1"] {
        assert_eq!(api.code(Method::Get, &format!("{path}?{query}"), Value::Null), (400, 50_035), "{query}");
    }
    assert_eq!(api.rules(), []);
    api.get(&format!("{path}?unheard=1"));
    assert_eq!(api.rules(), [Rule::RestBody]);
}

#[test]
fn what_is_changed_is_shown_and_told() {
    let mut api = Api::free(calm());
    let gateway = api.client.identify();
    let (first, second) = (api.post("first"), api.post("second"));
    let path = api.messages();
    let one = format!("{path}/{first}");
    let (status, edited) = api.call(Method::Patch, &one, json!({"content": "changed"}));
    assert_eq!((status, &edited["content"]), (200, &json!("changed")));
    assert!(edited["edited_timestamp"].is_string());
    assert_eq!(api.get(&one), edited);
    assert_eq!(api.client.named(gateway, "MESSAGE_UPDATE").unwrap()["content"], "changed");
    assert_eq!(api.get(&format!("/channels/{}", api.channel))["last_message_id"], second.as_str());
    assert_eq!(api.call(Method::Delete, &one, Value::Null), (204, Value::Null));
    assert_eq!(api.code(Method::Get, &one, Value::Null), (404, 10_008));
    assert_eq!(api.code(Method::Delete, &one, Value::Null), (404, 10_008));
    assert_eq!(api.client.named(gateway, "MESSAGE_DELETE").unwrap()["id"], first.as_str());
    let left = api.get(&path);
    assert_eq!((left.as_array().unwrap().len(), &left[0]["id"]), (1, &json!(second)));
    assert_eq!(api.rules(), []);
}

#[test]
fn ids_are_of_the_virtual_time() {
    let mut api = Api::free(calm());
    api.client.sleep(90_500);
    let id: u64 = api.post("x").parse().unwrap();
    let next: u64 = api.post("y").parse().unwrap();
    assert!(next > id);
    assert_eq!((id >> 22) + 1_420_070_400_000, 1_767_225_600_000 + 90_500);
    let shown = api.get(&format!("{}/{id}", api.messages()));
    assert_eq!(shown["timestamp"], "2026-01-01T00:01:30.500000+00:00");
}

#[test]
fn replies_and_mentions_are_found() {
    let mut api = Api::free(calm());
    let path = api.messages();
    let member = 700_000_000_000_000_000_u64;
    let first = api.post("first");
    let body = json!({
        "content": format!("<@{member}> <@!{member}> <@5> <@&{}> @everyone", api.guild),
        "message_reference": {"message_id": first},
    });
    let (_, reply) = api.call(Method::Post, &path, body.clone());
    assert_eq!((&reply["type"], &reply["referenced_message"]["content"]), (&json!(19), &json!("first")));
    let ids = |message: &Value| {
        let users = message["mentions"].as_array().unwrap().iter();
        users.map(|user| user["id"].as_str().unwrap().parse().unwrap()).collect::<Vec<u64>>()
    };
    assert_eq!(ids(&reply), [member, api.bot]);
    assert_eq!(
        (&reply["mention_everyone"], &reply["mention_roles"]),
        (&json!(true), &json!([api.guild.to_string()]))
    );
    let mut silent = body;
    silent["allowed_mentions"] = json!({"parse": []});
    let (_, reply) = api.call(Method::Post, &path, silent);
    assert!(ids(&reply).is_empty());
    assert_eq!((&reply["mention_everyone"], &reply["mention_roles"]), (&json!(false), &json!([])));
    // A change without allowed_mentions looks for mentions anew.
    let own = format!("{path}/{}", reply["id"].as_str().unwrap());
    let (_, edited) = api.call(Method::Patch, &own, json!({"content": format!("<@{member}>")}));
    assert!(ids(&edited).contains(&member));
    let unknown = json!({"content": "x", "message_reference": {"message_id": "5"}});
    let (status, refusal) = api.call(Method::Post, &path, unknown.clone());
    assert_eq!(status, 400);
    let error = &refusal["errors"]["message_reference"]["_errors"][0]["code"];
    assert_eq!(error, "MESSAGE_REFERENCE_UNKNOWN_MESSAGE");
    let mut lenient = unknown;
    lenient["message_reference"]["fail_if_not_exists"] = false.into();
    assert_eq!(api.call(Method::Post, &path, lenient).1["referenced_message"], Value::Null);
}

#[test]
fn an_enforced_nonce_sends_nothing_twice() {
    let mut api = Api::free(calm());
    let path = api.messages();
    let body = json!({"content": "once", "nonce": "abc", "enforce_nonce": true});
    let (_, first) = api.call(Method::Post, &path, body.clone());
    assert_eq!(first["nonce"], "abc");
    api.client.sleep(60_000);
    assert_eq!(api.call(Method::Post, &path, body.clone()), (200, first.clone()));
    assert_eq!(api.get(&path).as_array().unwrap().len(), 1);
    assert_eq!(api.client.discord.report().rest_repeats, 1);
    // Not enforced, or another's, or much later: another message.
    api.call(Method::Post, &path, json!({"content": "once", "nonce": "abc"}));
    api.call(Method::Post, &path, json!({"content": "once", "nonce": 7, "enforce_nonce": true}));
    api.client.sleep(300_000);
    let (_, last) = api.call(Method::Post, &path, body);
    assert_ne!(last["id"], first["id"]);
    assert_eq!(api.get(&path).as_array().unwrap().len(), 4);
}

#[test]
fn bulks_are_deleted_whole_or_not_at_all() {
    let config = calm().history(calm().text_channel.0, 30_000);
    let mut api = Api::free(config);
    let gateway = api.client.identify();
    let path = api.messages();
    let ids = |messages: &Value| {
        let all = messages.as_array().unwrap().iter();
        all.map(|message| message["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let newest = ids(&api.get(&format!("{path}?limit=100")));
    let oldest = ids(&api.get(&format!("{path}?after=0&limit=1")));
    let bulk = format!("{path}/bulk-delete");
    let with = |more: &str| {
        let mut list = newest[..3].to_vec();
        list.push(more.to_owned());
        list
    };
    let mut many = newest.clone();
    many.push("1456074450272387072".into());
    for (list, code) in [
        (vec![], 50_016),
        (newest[..1].to_vec(), 50_016),
        (many, 50_016),
        (with(&oldest[0]), 50_034),
        (with(&newest[0]), 50_035),
        (with("x"), 50_035),
    ] {
        assert_eq!(api.code(Method::Post, &bulk, json!({ "messages": list })), (400, code), "{list:?}");
    }
    assert_eq!(ids(&api.get(&format!("{path}?limit=100"))), newest);
    // Ids of nothing count, but do not harm.
    let list = with("1456074450272387072");
    assert_eq!(api.call(Method::Post, &bulk, json!({ "messages": list })).0, 204);
    assert_eq!(ids(&api.get(&format!("{path}?limit=97"))), newest[3..]);
    let told = api.client.named(gateway, "MESSAGE_DELETE_BULK").unwrap();
    assert_eq!(told["ids"].as_array().unwrap().len(), 4);
}

#[test]
fn reactions_and_pins_are_kept() {
    let mut api = Api::free(calm());
    let id = api.post("x");
    let path = format!("{}/{id}", api.messages());
    let fire = format!("{path}/reactions/%F0%9F%94%A5");
    assert_eq!(api.call(Method::Put, &format!("{fire}/@me"), Value::Null).0, 204);
    assert_eq!(api.call(Method::Put, &format!("{fire}/@me"), Value::Null).0, 204);
    let custom = format!("{path}/reactions/blob:123456789012345678/@me");
    assert_eq!(api.call(Method::Put, &custom, Value::Null).0, 204);
    let reactions = &api.get(&path)["reactions"];
    assert_eq!((&reactions[0]["count"], &reactions[0]["me"]), (&json!(1), &json!(true)));
    assert_eq!(reactions[1]["emoji"], json!({"id": "123456789012345678", "name": "blob"}));
    assert_eq!(api.get(&fire)[0]["id"], api.bot.to_string());
    assert_eq!(api.get(&format!("{fire}?after={}", api.bot)), json!([]));
    for wrong in ["fire", "blob:5", "%3Ablob%3A"] {
        let path = format!("{path}/reactions/{wrong}/@me");
        assert_eq!(api.code(Method::Put, &path, Value::Null), (400, 10_014), "{wrong}");
    }
    // The emoji as it is, not encoded.
    assert_eq!(api.call(Method::Put, &format!("{path}/reactions/\u{1F525}/@me"), Value::Null).0, 400);

    let pin = format!("{}/pins/{id}", api.messages());
    assert_eq!(api.call(Method::Put, &pin, Value::Null).0, 204);
    assert_eq!(api.get(&path)["reactions"].as_array().unwrap().len(), 2);
    api.client.sleep(1_000);
    let other = api.post("y");
    assert_eq!(api.call(Method::Put, &format!("{}/pins/{other}", api.messages()), Value::Null).0, 204);
    let page = api.get(&format!("{}/pins?limit=1", api.messages()));
    assert_eq!((&page["has_more"], &page["items"][0]["message"]["id"]), (&json!(true), &json!(other)));
    let before = page["items"][0]["pinned_at"].as_str().unwrap().replace('+', "%2B");
    let page = api.get(&format!("{}/pins?before={before}", api.messages()));
    assert_eq!((&page["has_more"], &page["items"][0]["message"]["id"]), (&json!(false), &json!(id)));
    assert_eq!(api.call(Method::Delete, &pin, Value::Null).0, 204);
    assert_eq!(api.get(&path)["pinned"], false);

    assert_eq!(api.call(Method::Delete, &format!("{fire}/@me"), Value::Null).0, 204);
    assert_eq!(api.call(Method::Delete, &format!("{path}/reactions"), Value::Null).0, 204);
    assert_eq!(api.get(&path).get("reactions"), None);
    assert_eq!(api.rules(), []);
}

#[test]
fn memory_is_bounded() {
    let mut config = calm();
    config.rest.messages_kept = 10;
    let mut api = Api::free(config);
    let first = api.post("0");
    for n in 1..15 {
        api.post(&n.to_string());
    }
    assert_eq!(api.get(&api.messages()).as_array().unwrap().len(), 10);
    assert_eq!(api.code(Method::Get, &format!("{}/{first}", api.messages()), Value::Null), (404, 10_008));
}
