//! What a bot may ask for, and what our Discord can do to its gateway on the way.

use std::collections::BTreeSet;

use super::*;

/// Guild members and presences, too.
const INTENTS: u64 = 0x3_83;

fn asked(config: Config, intents: u64) -> (Client, ConnectionId, GuildId) {
    let guild = config.guild;
    let mut client = Client::new(Config { heartbeat_interval: Duration::from_secs(60), ..config }, 1);
    let gateway = client.identify_with(json!({ "intents": intents }));
    client.frames.retain(|(_, v)| v["op"] != 0);
    (client, gateway, guild)
}

fn members(chunk: &Value) -> Vec<&str> {
    let members = chunk["members"].as_array().unwrap();
    members.iter().map(|member| member["user"]["username"].as_str().unwrap()).collect()
}

#[test]
fn all_members_come_in_chunks_and_not_twice_in_thirty_seconds() {
    let (mut client, gateway, guild) = asked(Config { members: 25, chunk_size: 10, ..calm() }, INTENTS);
    let all = json!({"guild_id": guild, "query": "", "limit": 0, "presences": true, "nonce": "n"});
    client.send(gateway, 8, all.clone());
    let chunks = client.dispatches(gateway);
    let mut ids = BTreeSet::new();
    for (index, (name, _, chunk)) in chunks.iter().enumerate() {
        assert_eq!(*name, "GUILD_MEMBERS_CHUNK");
        assert_eq!((&chunk["chunk_index"], &chunk["chunk_count"]), (&json!(index), &json!(3)));
        assert_eq!((&chunk["nonce"], &chunk["guild_id"]), (&json!("n"), &json!(guild)));
        let members = chunk["members"].as_array().unwrap();
        assert_eq!(chunk["presences"].as_array().unwrap().len(), members.len());
        ids.extend(members.iter().map(|member| member["user"]["id"].to_string()));
    }
    assert_eq!((chunks.len(), ids.len()), (3, 25));

    client.sleep(10_000);
    client.send(gateway, 8, all.clone());
    let limited = client.named(gateway, "RATE_LIMITED").unwrap();
    assert_eq!(
        *limited,
        json!({"opcode": 8, "retry_after": 20.0, "meta": {"guild_id": guild, "nonce": "n"}})
    );
    client.send(gateway, 8, json!({"guild_id": guild, "query": "amber1", "limit": 5}));
    assert_eq!(members(client.named(gateway, "GUILD_MEMBERS_CHUNK").unwrap()), ["amber16"]);
    client.sleep(20_000);
    client.send(gateway, 8, all);
    let chunks = client.dispatches(gateway);
    assert_eq!(chunks.iter().filter(|(name, _, _)| *name == "GUILD_MEMBERS_CHUNK").count(), 7);
    let report = client.discord.report();
    assert_eq!((report.member_requests, report.member_requests_limited), (4, 1));
    assert_eq!(client.discord.violations(), []);
}

#[test]
fn some_members_are_found_by_prefix_and_by_id() {
    let speakers = Config::speakers();
    let (mut client, gateway, guild) = asked(Config { members: 900, speakers, ..calm() }, INTENTS);
    let ask = |client: &mut Client, mut d: Value| {
        d["guild_id"] = json!(guild);
        client.send(gateway, 8, d);
        client.named(gateway, "GUILD_MEMBERS_CHUNK").unwrap().clone()
    };
    let found = ask(&mut client, json!({"query": "Grove", "limit": 0}));
    assert_eq!(members(&found).len(), 100);
    assert!(members(&found).iter().all(|name| name.starts_with("grove")));
    assert_eq!(members(&ask(&mut client, json!({"query": "cedar", "limit": 2}))), ["cedar2", "cedar10"]);
    assert_eq!(members(&ask(&mut client, json!({"query": "zebra", "limit": 2}))), [""; 0]);
    assert_eq!(members(&ask(&mut client, json!({"query": "", "limit": 3}))), ["amber0", "birch1", "cedar2"]);

    let last = ask(&mut client, json!({"query": "delta899", "limit": 1}));
    assert_eq!(members(&last), ["delta899"]);
    let last = &last["members"][0]["user"]["id"];
    let ids = json!([last, crate::config::ALICE, "5", "nobody", "700000000000000001"]);
    let found = ask(&mut client, json!({"user_ids": ids, "nonce": "x".repeat(33)}));
    assert_eq!(members(&found), ["delta899", "alice"]);
    assert_eq!(found["not_found"], json!(["5", "nobody", "700000000000000001"]));
    assert_eq!((found.get("nonce"), found.get("presences")), (None, None));
    assert_eq!(members(&ask(&mut client, json!({"user_ids": last, "nonce": "x".repeat(32)}))), ["delta899"]);
    assert_eq!(client.discord.violations(), []);
}

#[test]
fn requests_for_members_are_checked() {
    let guild = Config::quiet().guild;
    let many: Vec<_> = (0..101).map(|n: u32| n.to_string()).collect();
    for d in [
        json!({"query": "", "limit": 0}),
        json!({"guild_id": guild}),
        json!({"guild_id": guild, "query": ""}),
        json!({"guild_id": guild, "query": "", "limit": 0, "user_ids": []}),
        json!({"guild_id": guild, "user_ids": [5]}),
        json!({"guild_id": guild, "user_ids": many}),
        json!({"guild_id": guild, "user_ids": [], "presences": 1}),
        json!({"guild_id": guild, "user_ids": [], "nonce": 1}),
    ] {
        let (mut client, gateway, _) = asked(calm(), INTENTS);
        client.send(gateway, 8, d.clone());
        assert_eq!((client.code(), client.rules()), (Some(4002), vec![Rule::Payload]), "{d}");
    }
    let (mut client, gateway, _) = asked(calm(), 1);
    client.send(gateway, 8, json!({"guild_id": guild, "query": "", "limit": 0}));
    assert_eq!((client.dispatches(gateway).len(), client.rules()), (0, vec![Rule::Payload]));
    client.send(gateway, 8, json!({"guild_id": guild, "query": "a", "limit": 1, "presences": true}));
    assert_eq!((client.dispatches(gateway).len(), client.rules().len()), (1, 2));
    assert_eq!(client.closes, []);
}

#[test]
fn sounds_and_channel_infos_are_told() {
    let other = GuildId(99 << 22);
    let (mut client, gateway, guild) = asked(Config { more_guilds: vec![other, other], ..calm() }, INTENTS);
    client.send(gateway, 31, json!({"guild_ids": [guild, other]}));
    let sounds = client.dispatches(gateway);
    let guilds: Vec<_> = sounds.iter().map(|(t, _, d)| (*t, d["guild_id"].clone())).collect();
    assert_eq!(guilds, [("SOUNDBOARD_SOUNDS", json!(guild)), ("SOUNDBOARD_SOUNDS", json!(other))]);
    client.send(gateway, 43, json!({"guild_id": guild, "fields": ["status"]}));
    let info = client.named(gateway, "CHANNEL_INFO").unwrap();
    assert_eq!(info["channels"].as_array().unwrap().len(), 2);
    let first = &info["channels"][0];
    assert_eq!((first["status"].as_str(), first.get("voice_start_time")), (Some("This is Lounge"), None));
    assert_eq!(client.discord.violations(), []);
    for (op, d) in [
        (31, json!({})),
        (31, json!({"guild_ids": [1]})),
        (43, json!({"guild_id": guild})),
        (43, json!({"guild_id": guild, "fields": ["topic"]})),
    ] {
        let (mut client, gateway, _) = asked(calm(), INTENTS);
        client.send(gateway, op, d);
        assert_eq!((client.code(), client.rules()), (Some(4002), vec![Rule::Payload]));
    }
}

#[test]
fn late_acknowledgements_are_allowed_if_they_are_to_be() {
    for late in [false, true] {
        let mut client = Client::new(Config { acknowledge_late: late, ..calm() }, 2);
        let first = client.identify();
        let session = client.named(first, "READY").unwrap()["session_id"].clone();
        for _ in 0..5 {
            client.discord.dispatch(client.now, "TYPING_START", json!({}));
        }
        client.sleep(5_000);
        client.send(first, 1, json!(4));
        assert_eq!(client.rules().is_empty(), late);
        client.close(first, 4000);
        let second = client.resume(&session, 3);
        let numbers: Vec<_> = client.dispatches(second).iter().map(|(_, s, _)| *s).collect();
        assert_eq!(numbers, [4, 5, 6, 7, 8]);
        assert_eq!(client.rules().is_empty(), late);
        client.sleep(5_000);
        let known = client.rules().len();
        client.send(second, 1, json!(9));
        assert_eq!(client.rules()[known..], [Rule::Acknowledgement], "nothing newer than there is");
    }
}

#[test]
fn a_replay_takes_its_time() {
    let mut client = Client::new(Config { replay_pace: Duration::from_millis(100), ..calm() }, 3);
    let first = client.identify();
    let session = client.named(first, "READY").unwrap()["session_id"].clone();
    client.close(first, 4000);
    for _ in 0..5 {
        client.discord.dispatch(client.now, "TYPING_START", json!({}));
    }
    let second = client.resume(&session, 2);
    assert_eq!(client.dispatches(second).len(), 1);
    client.sleep(250);
    assert_eq!(client.dispatches(second).len(), 3);
    client.discord.dispatch(client.now, "TYPING_STOP", json!({}));
    client.drain();
    assert_eq!(client.dispatches(second).len(), 3, "nothing overtakes the replay");
    client.sleep(150);
    let dispatches = client.dispatches(second);
    let names: Vec<_> = dispatches[4..].iter().map(|(t, s, _)| (*t, *s)).collect();
    assert_eq!(names, [("TYPING_START", 7), ("TYPING_STOP", 8), ("RESUMED", 9)]);
    assert_eq!((client.discord.report().replayed, client.discord.report().resumes), (6, 1));

    // A connection that is lost within the replay goes on from where it was.
    client.close(second, 4000);
    let third = client.resume(&session, 4);
    client.close(third, 4000);
    let fourth = client.resume(&session, 5);
    client.sleep(1_000);
    let numbers: Vec<_> = client.dispatches(fourth).iter().map(|(_, s, _)| *s).collect();
    assert_eq!(numbers, [6, 7, 8, 10]);
    assert_eq!(client.discord.violations(), []);
}

#[test]
fn a_frozen_gateway_says_nothing_and_forgets_nothing() {
    let mut client = Client::new(Config { chatter: Some(Duration::from_millis(500)), ..calm() }, 4);
    let guild = client.discord.config().guild;
    let gateway = client.identify();
    client.live(5, Some(gateway), None);
    client.discord.freeze(client.now, true);
    let count = client.frames.len();
    client.live(5, Some(gateway), None);
    let late = client.open(Service::Gateway, GATEWAY);
    assert_eq!((client.frames.len(), client.closes.len(), client.refused.len()), (count, 0, 0));
    client.discord.freeze(client.now, false);
    client.discord.request_heartbeat(client.now);
    client.drain();
    client.beat(gateway);
    client.live(5, Some(gateway), None);
    assert!(client.last(late, 10).is_some());
    let sent = client.discord.chatter_sent(guild);
    assert_eq!(client.chatter(&[gateway], guild), (1..=sent).collect::<Vec<_>>());
    assert_eq!(client.discord.violations(), []);
}

#[test]
fn news_that_nobody_knows_are_sent() {
    let mut client = Client::new(calm(), 5);
    let gateway = client.identify();
    client.discord.unknown_event(client.now);
    client.discord.unknown_opcode(client.now);
    client.drain();
    assert_eq!(client.dispatches(gateway).last().map(|(t, s, _)| (*t, *s)), Some(("SOMETHING_NEW", 3)));
    assert!(client.last(gateway, 254).is_some());
    client.discord.dispatch(client.now, "odd \"name\"", json!({}));
    client.drain();
    assert!(client.named(gateway, "odd \"name\"").is_some());
}
