//! Rate limits.

use super::*;
use crate::rest::settings::SubLimit;

fn number(response: &Response, name: &str) -> f64 {
    response.header(name).unwrap_or_else(|| panic!("no {name}")).parse().unwrap()
}

#[test]
fn a_bucket_counts_from_its_first_request_and_says_so() {
    let mut api = Api::new(calm());
    let path = api.messages();
    let body = json!({"content": "x"});
    api.client.sleep(700);
    for remaining in [4.0, 3.0, 2.0, 1.0, 0.0] {
        let answer = api.ask(Method::Post, &path, &body);
        assert_eq!((answer.status, number(&answer, "x-ratelimit-remaining")), (200, remaining));
        assert_eq!(number(&answer, "x-ratelimit-limit"), 5.0);
        let since = number(&answer, "x-ratelimit-reset-after");
        assert_eq!(since, 5.0 - (4.0 - remaining) * 0.1);
        assert_eq!(number(&answer, "x-ratelimit-reset"), 1_767_225_605.7);
        api.client.sleep(100);
    }
    api.client.sleep(500);
    let limited = api.ask(Method::Post, &path, &body);
    let told: Value = serde_json::from_slice(&limited.body).unwrap();
    assert_eq!((limited.status, &told["retry_after"], &told["global"]), (429, &json!(4.0), &json!(false)));
    assert_eq!(limited.header("x-ratelimit-scope"), Some("user"));
    assert_eq!(limited.header("retry-after"), Some("4"));
    assert_eq!(number(&limited, "x-ratelimit-remaining"), 0.0);
    assert_eq!(api.rules(), [Rule::RestRate]);
    api.client.sleep(4_000);
    assert_eq!(api.ask(Method::Post, &path, &body).status, 200);
    assert_eq!(api.client.discord.report().rest_limited, 1);
}

#[test]
fn what_nobody_could_foresee_is_no_violation() {
    let mut api = Api::new(calm());
    let path = api.messages();
    let statuses: Vec<_> =
        (0..7).map(|_| api.ask(Method::Post, &path, &json!({"content": "x"})).status).collect();
    assert_eq!(statuses, [200, 200, 200, 200, 200, 429, 429]);
    assert_eq!(api.rules(), [], "all seven were under way at once");
    api.client.sleep(1_000);
    assert_eq!(api.ask(Method::Post, &path, &json!({"content": "x"})).status, 429);
    assert_eq!(api.rules(), [Rule::RestRate]);
}

#[test]
fn buckets_are_of_a_resource_and_routes_may_share_them() {
    let guild = sanscord::id::GuildId(5_000);
    let mut api = Api::new(Config { more_guilds: vec![guild], ..calm() });
    let (first, other) = (api.messages(), "/channels/5001/messages");
    let body = json!({"content": "x"});
    for _ in 0..5 {
        assert_eq!(api.ask(Method::Post, &first, &body).status, 200);
    }
    let elsewhere = api.ask(Method::Post, other, &body);
    let here = api.ask(Method::Post, &first, &body);
    assert_eq!((elsewhere.status, here.status), (200, 429));
    assert_eq!(elsewhere.header("x-ratelimit-bucket"), here.header("x-ratelimit-bucket"));

    let message: Value = serde_json::from_slice(&elsewhere.body).unwrap();
    let reaction = format!("{other}/{}/reactions/%F0%9F%94%A5/@me", message["id"].as_str().unwrap());
    assert_eq!(api.ask(Method::Put, &reaction, &Value::Null).status, 204);
    assert_eq!(api.ask(Method::Delete, &reaction, &Value::Null).status, 429);
    api.client.sleep(250);
    assert_eq!(api.ask(Method::Delete, &reaction, &Value::Null).status, 204);
}

#[test]
fn fifty_a_second_are_for_all_routes_but_those_of_interactions() {
    let mut api = Api::new(calm());
    for n in 0..50 {
        let path = if n % 2 == 0 { "/users/@me".into() } else { format!("/guilds/{}", api.guild) };
        assert_eq!(api.ask(Method::Get, &path, &Value::Null).status, 200);
    }
    api.client.sleep(900);
    let limited = api.ask(Method::Get, "/gateway/bot", &Value::Null);
    assert_eq!(limited.status, 429);
    assert_eq!(limited.header("x-ratelimit-scope"), Some("global"));
    assert_eq!(limited.header("x-ratelimit-global"), Some("true"));
    assert_eq!(limited.header("x-ratelimit-bucket"), None);
    let told: Value = serde_json::from_slice(&limited.body).unwrap();
    assert_eq!((&told["global"], &told["retry_after"]), (&json!(true), &json!(0.1)));
    assert_eq!(api.rules(), [Rule::RestRate]);

    let now = api.client.now;
    let d = api.client.discord.interact(now, 2, json!({"name": "ping"}));
    api.client.drain();
    let (id, token) = (d["id"].as_str().unwrap(), d["token"].as_str().unwrap());
    let path = format!("/interactions/{id}/{token}/callback");
    assert_eq!(api.call(Method::Post, &path, json!({"type": 4, "data": {"content": "pong"}})).0, 204);
    api.client.sleep(100);
    assert_eq!(api.ask(Method::Get, "/gateway/bot", &Value::Null).status, 200);
}

#[test]
fn sub_limits_refuse_with_requests_remaining() {
    let mut api = Api::new(calm());
    let path = format!("/channels/{}", api.channel);
    for n in 0..2 {
        assert_eq!(api.call(Method::Patch, &path, json!({"name": format!("name-{n}")})).0, 200);
    }
    assert_eq!(api.call(Method::Patch, &path, json!({"nsfw": false})).0, 200);
    let limited = api.ask(Method::Patch, &path, &json!({"name": "third"}));
    assert_eq!((limited.status, limited.header("retry-after")), (429, Some("600")));
    assert_eq!(limited.header("x-ratelimit-remaining"), Some("1"));
    assert_eq!(api.rules(), [], "no header had told of it");
    api.client.sleep(20_000);
    assert_eq!(api.ask(Method::Patch, &path, &json!({"topic": "fourth"})).status, 429);
    assert_eq!(api.rules(), [Rule::RestRate]);
    assert_eq!(api.ask(Method::Patch, &path, &json!({"nsfw": true})).status, 200);
    api.client.sleep(580_000);
    assert_eq!(api.ask(Method::Patch, &path, &json!({"name": "fifth"})).status, 200);
    // Its first refusal of the next window is unforeseen again.
    for _ in 0..2 {
        api.ask(Method::Patch, &path, &json!({"name": "sixth"}));
    }
    assert_eq!(api.rules(), [Rule::RestRate]);
}

#[test]
fn settings_may_change_limits() {
    let mut config = calm();
    config.rest.limits.insert("GET /users/@me".into(), Limit::new(1, Duration::from_secs(2)));
    config.rest.sub_limits.push(SubLimit {
        route: "GET /gateway/bot".into(),
        fields: vec![],
        requests: 1,
        window: Duration::from_secs(9),
    });
    let mut api = Api::new(config);
    let mut ask = |path: &str| api.ask(Method::Get, path, &Value::Null).status;
    assert_eq!([ask("/users/@me"), ask("/users/@me")], [200, 429]);
    assert_eq!([ask("/gateway/bot"), ask("/gateway/bot")], [200, 429]);
}

#[test]
fn buckets_and_limits_change_on_the_way() {
    let mut config = calm();
    config.rest.limits.insert("GET /users/@me".into(), Limit::new(3, Duration::from_secs(5)));
    let mut api = Api::new(config);
    let ask = |api: &mut Api| api.ask(Method::Get, "/users/@me", &Value::Null);
    let first = ask(&mut api);
    api.client.sleep(1_000);
    api.client.discord.config_mut().faults.rest.push_back(RestFault::NewBucket);
    let second = ask(&mut api);
    assert_ne!(first.header("x-ratelimit-bucket"), second.header("x-ratelimit-bucket"));
    assert_eq!(second.header("x-ratelimit-remaining"), Some("2"));
    assert_eq!(second.header("x-ratelimit-reset-after"), Some("5.000"));
    let lower = Limit::new(2, Duration::from_secs(5));
    api.client.discord.config_mut().faults.rest.push_back(RestFault::NewLimit(lower));
    let third = ask(&mut api);
    assert_eq!(third.header("x-ratelimit-limit"), Some("2"));
    assert_eq!((third.status, third.header("x-ratelimit-remaining")), (200, Some("0")));
    assert_eq!(ask(&mut api).status, 429);
    assert_eq!(api.rules(), []);
    api.client.sleep(1_000);
    assert_eq!(ask(&mut api).status, 429);
    assert_eq!(api.rules(), [Rule::RestRate]);
}

#[test]
fn announced_waits_bind_whom_they_are_for() {
    let wait = Duration::from_secs(30);
    for (fault, scope, invalid, global) in [
        (RestFault::RateLimited { retry_after: wait, global: false }, Some("user"), 1, 200),
        (RestFault::RateLimited { retry_after: wait, global: true }, Some("global"), 1, 429),
        (RestFault::Shared { retry_after: wait }, Some("shared"), 0, 200),
        (RestFault::Cloudflare { retry_after: wait }, None, 1, 429),
    ] {
        let mut api = Api::new(calm());
        api.client.discord.config_mut().faults.rest.push_back(fault.clone());
        let limited = api.ask(Method::Get, "/users/@me", &Value::Null);
        assert_eq!((limited.status, limited.header("retry-after")), (429, Some("30")), "{fault:?}");
        assert_eq!(limited.header("x-ratelimit-scope"), scope);
        let is_json = serde_json::from_slice::<Value>(&limited.body).is_ok();
        assert_eq!(is_json, scope.is_some());
        assert_eq!(api.client.discord.report().rest_invalid, invalid, "{fault:?}");
        assert_eq!(api.ask(Method::Get, "/users/@me", &Value::Null).status, 429);
        assert_eq!(api.rules(), [], "it was under way");
        let elsewhere = api.ask(Method::Get, "/gateway/bot", &Value::Null).status;
        assert_eq!(elsewhere, global, "{fault:?}");
        api.client.sleep(29_000);
        assert_eq!(api.ask(Method::Get, "/users/@me", &Value::Null).status, 429);
        assert_eq!(api.rules(), [Rule::RestRate], "{fault:?}");
        api.client.sleep(1_000);
        assert_eq!(api.ask(Method::Get, "/users/@me", &Value::Null).status, 200);
    }
}

#[test]
fn invalid_requests_end_in_a_ban() {
    let mut config = calm();
    config.rest.invalid_limit = 10;
    config.rest.ban = Duration::from_secs(60);
    let mut api = Api::new(config);
    let forbidden = || RestFault::Error { status: 403, code: 50_013, message: "Missing Permissions".into() };
    for _ in 0..10 {
        api.client.discord.config_mut().faults.rest.push_back(forbidden());
        assert_eq!(api.code(Method::Get, "/users/@me", Value::Null), (403, 50_013));
    }
    assert_eq!(api.rules(), [Rule::RestInvalid]);
    let banned = api.ask(Method::Get, "/users/@me", &Value::Null);
    assert_eq!((banned.status, banned.header("content-type")), (429, Some("text/html")));
    api.client.sleep(59_000);
    assert_eq!(api.ask(Method::Get, "/users/@me", &Value::Null).status, 429);
    assert_eq!(api.rules(), [Rule::RestInvalid, Rule::RestRate]);
    api.client.sleep(1_000);
    assert_eq!(api.ask(Method::Get, "/users/@me", &Value::Null).status, 200);
    assert_eq!(api.client.discord.report().violations[&Rule::RestRate], 1);
}

#[test]
fn old_messages_are_deleted_in_a_bucket_of_their_own() {
    let config = calm().history(calm().text_channel.0, 40_000);
    let mut api = Api::new(config);
    let path = api.messages();
    let newest = api.get(&format!("{path}?limit=1"))[0]["id"].as_str().unwrap().to_owned();
    let oldest = api.get(&format!("{path}?after=0&limit=1"))[0]["id"].as_str().unwrap().to_owned();
    let old = api.ask(Method::Delete, &format!("{path}/{oldest}"), &Value::Null);
    let new = api.ask(Method::Delete, &format!("{path}/{newest}"), &Value::Null);
    assert_eq!((old.status, new.status), (204, 204));
    assert_eq!(old.header("x-ratelimit-limit"), Some("30"));
    assert_eq!(new.header("x-ratelimit-limit"), Some("5"));
    assert_ne!(old.header("x-ratelimit-bucket"), new.header("x-ratelimit-bucket"));
}

#[test]
fn webhooks_have_limits_of_their_own_and_stay_dead() {
    let mut api = Api::new(calm());
    let create = format!("/channels/{}/webhooks", api.channel);
    let mut hooks = Vec::new();
    for name in ["one", "two"] {
        let (_, hook) = api.call(Method::Post, &create, json!({ "name": name }));
        hooks.push(format!("/webhooks/{}/{}", hook["id"].as_str().unwrap(), hook["token"].as_str().unwrap()));
    }
    api.token.clear();
    for _ in 0..5 {
        assert_eq!(api.call(Method::Post, &hooks[0], json!({"content": "x"})).0, 204);
    }
    assert_eq!(api.call(Method::Post, &hooks[0], json!({"content": "x"})).0, 429);
    assert_eq!(api.call(Method::Post, &hooks[1], json!({"content": "x"})).0, 204);
    assert_eq!(api.call(Method::Delete, &hooks[1], Value::Null).0, 204);
    assert_eq!(api.code(Method::Post, &hooks[1], json!({"content": "x"})), (404, 10_015));
    assert_eq!(api.rules(), []);
    api.client.sleep(2_000);
    assert_eq!(api.code(Method::Post, &hooks[1], json!({"content": "x"})), (404, 10_015));
    assert_eq!(api.rules(), [Rule::Dead]);
}

#[test]
fn a_refused_token_is_not_to_be_used_again() {
    let mut api = Api::new(calm());
    api.token = "Bot wrong".into();
    assert_eq!(api.code(Method::Get, "/users/@me", Value::Null), (401, 0));
    assert_eq!(api.code(Method::Get, "/users/@me", Value::Null), (401, 0));
    assert_eq!(api.rules(), []);
    api.client.sleep(1_000);
    assert_eq!(api.code(Method::Get, "/users/@me", Value::Null), (401, 0));
    assert_eq!(api.rules(), [Rule::Dead]);
    assert_eq!(api.client.discord.report().rest_statuses[&401], 3);
}
