//! Identifies, presences and members: what may be done how often. And what of it survives a restart.

use super::*;
use crate::fault::{End, GatewayStep};

const AGENT: &str = "DiscordBot (https://example.org, 1)";

fn gateway_bot(client: &mut Client) -> (u16, Value) {
    let token = format!("Bot {}", client.discord.config().token);
    let answer = client.get(Method::Get, "/api/v10/gateway/bot", &token, AGENT, "");
    (answer.status, serde_json::from_slice(&answer.body).unwrap())
}

#[test]
fn each_concurrency_key_has_its_five_seconds() {
    let mut client = Client::new(Config { max_concurrency: 2, ..Config::quiet() }, 1);
    let shard = |n: u32| json!({"shard": [n, 4]});
    for n in [0, 1] {
        client.identify_with(shard(n));
    }
    assert_eq!(client.rules(), []);
    client.sleep(4_000);
    let early = client.identify_with(shard(2));
    assert_eq!((client.last(early, 9), client.rules()), (Some(&json!(false)), vec![Rule::IdentifyRate]));
    client.sleep(1_000);
    let other = client.identify_with(shard(3));
    assert!(client.named(other, "READY").is_some(), "its key was not touched");
    client.sleep(4_000);
    let waited = client.identify_with(shard(2));
    assert!(client.named(waited, "READY").is_some());
    assert_eq!(client.rules().len(), 1);
}

#[test]
fn the_wait_after_invalid_session_is_each_shards_own() {
    let mut client = Client::new(Config { max_concurrency: 2, ..calm() }, 2);
    let first = client.identify_with(json!({"shard": [0, 2]}));
    let session = client.named(first, "READY").unwrap()["session_id"].clone();
    client.sleep(5_000);
    client.close(first, 1000);
    let second = client.resume(&session, 2);
    assert_eq!(client.last(second, 9), Some(&json!(false)));
    client.identify_with(json!({"shard": [1, 2]}));
    assert_eq!(client.rules(), []);
    client.identify_with(json!({"shard": [0, 2]}));
    assert_eq!(client.rules(), [Rule::IdentifyRate]);
    assert_eq!(client.discord.report().invalid_sessions, 1);
}

#[test]
fn the_days_identifies_are_told_truly_and_renewed() {
    let config = Config {
        identify_total: 5,
        identify_remaining: 2,
        identify_reset_after: Duration::from_secs(60),
        shards: 16,
        max_concurrency: 16,
        ..calm()
    };
    let mut client = Client::new(config, 3);
    let limit = |client: &mut Client| gateway_bot(client).1["session_start_limit"].clone();
    assert_eq!(gateway_bot(&mut client).1["shards"], 16);
    assert_eq!(
        limit(&mut client),
        json!({"total": 5, "remaining": 2, "reset_after": 60_000, "max_concurrency": 16})
    );
    // An Identify counts even if nothing comes of it.
    client.discord.config_mut().faults.gateway.push_back((GatewayStep::Ready, End::Cut));
    client.identify();
    client.sleep(10_000);
    assert_eq!(limit(&mut client)["remaining"], 1);
    client.identify();
    assert_eq!(
        (limit(&mut client)["remaining"].clone(), client.discord.identifies_remaining()),
        (json!(0), 0)
    );
    assert_eq!(limit(&mut client)["reset_after"], 50_000);
    client.sleep(50_000);
    assert_eq!(limit(&mut client)["remaining"], 5);
    assert_eq!(limit(&mut client)["reset_after"], 86_400_000);
    client.identify();
    assert_eq!(limit(&mut client)["remaining"], 4);
    assert_eq!(client.discord.report().identifies_spent, 3);
}

#[test]
fn one_identify_too_many_is_the_end() {
    let mut client = Client::new(Config { identify_remaining: 1, max_concurrency: 4, ..calm() }, 4);
    let first = client.identify_with(json!({"shard": [0, 4]}));
    let second = client.identify_with(json!({"shard": [1, 4]}));
    assert_eq!(client.rules(), [Rule::IdentifyBudget]);
    assert_eq!(client.closes, [(first, Some(4004)), (second, Some(4004))]);
    assert_eq!(gateway_bot(&mut client).0, 401);
    client.sleep(86_400_000);
    let third = client.identify_with(json!({"shard": [2, 4]}));
    assert_eq!(client.closes.last(), Some(&(third, Some(4004))));
    assert_eq!(client.rules(), [Rule::IdentifyBudget, Rule::Dead]);
}

#[test]
fn presences_are_counted_in_twenty_seconds() {
    let mut client = Client::new(Config { heartbeat_interval: Duration::from_secs(60), ..calm() }, 5);
    let gateway = client.identify();
    let presence = json!({
        "since": null, "afk": false, "status": "idle",
        "activities": [{"name": "chess", "type": 0}, {"name": "x", "type": 4, "state": "thinking"}],
    });
    for _ in 0..5 {
        client.send(gateway, 3, presence.clone());
        client.sleep(4_000);
    }
    client.send(gateway, 3, presence.clone());
    assert_eq!(client.rules(), []);
    client.sleep(3_999);
    client.send(gateway, 3, presence.clone());
    assert_eq!(client.rules(), [Rule::PresenceRate]);
    assert_eq!((client.discord.report().presence_updates, client.code()), (7, None));
    for (key, value) in [
        ("since", json!("now")),
        ("afk", Value::Null),
        ("status", json!("busy")),
        ("activities", Value::Null),
        ("activities", json!([{"name": "chess"}])),
        ("activities", json!([{"name": "chess", "type": 6}])),
        ("activities", json!([{"name": null, "type": 0}])),
        ("activities", json!([{"name": "chess", "type": 0, "state": 1}])),
    ] {
        let mut wrong = presence.clone();
        wrong[key] = value;
        client.sleep(6_000);
        let gateway = client.identify_with(json!({ "presence": presence }));
        client.send(gateway, 3, wrong.clone());
        assert_eq!((client.code(), client.rules().last()), (Some(4002), Some(&Rule::Payload)), "{wrong}");
        client.closes.clear();
    }
}

#[test]
fn a_restart_forgets_sessions_but_no_limits() {
    let mut client = Client::new(Config { identify_remaining: 2, ..calm() }, 6);
    let first = client.identify();
    let session = client.named(first, "READY").unwrap()["session_id"].clone();
    client.discord.restart(client.now);
    client.drain();
    assert_eq!(client.closes, [(first, None)]);
    let second = client.resume(&session, 2);
    assert_eq!(client.last(second, 9), Some(&json!(false)));
    client.sleep(6_000);
    let third = client.identify();
    assert!(client.named(third, "READY").is_some());
    assert_eq!((client.discord.identifies_remaining(), client.rules()), (0, vec![]));
}
