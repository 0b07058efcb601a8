//! The gateway towards one client.

use super::*;

#[test]
fn a_resume_replays_what_was_missed_and_no_more() {
    let mut client = Client::new(Config { chatter: Some(Duration::from_millis(300)), ..calm() }, 5);
    let first = client.identify();
    client.sleep(1_000);
    let session = client.named(first, "READY").unwrap()["session_id"].clone();
    let seq = client.seq(first).unwrap();
    client.discord.cut_gateway(client.now);
    client.drain();
    assert_eq!(client.closes, [(first, None)]);
    client.sleep(2_000);
    let second = client.resume(&session, seq);
    client.sleep(1_000);

    let dispatches = [client.dispatches(first), client.dispatches(second)].concat();
    let numbers: Vec<_> = dispatches.iter().map(|(_, s, _)| *s).collect();
    assert_eq!(numbers, (1..=dispatches.len() as u64).collect::<Vec<_>>());
    let chatter = dispatches.iter().filter(|(t, _, _)| *t == "MESSAGE_CREATE");
    let chatter: Vec<_> =
        chatter.map(|(_, _, d)| d["nonce"].as_str().unwrap().parse::<u64>().unwrap()).collect();
    assert_eq!(chatter, (1..=client.discord.report().chatter).collect::<Vec<_>>());
    assert!(client.named(second, "RESUMED").is_some());
    assert_eq!((client.discord.report().resumes, client.discord.report().replayed), (1, 7));
    assert_eq!(client.discord.violations(), []);

    // RESUMED itself is not replayed by a later resume.
    let seq = client.seq(second).unwrap();
    client.close(second, 4000);
    let third = client.resume(&session, seq);
    assert_eq!(client.dispatches(third).iter().map(|(t, _, _)| *t).collect::<Vec<_>>(), ["RESUMED"]);
    assert_eq!(client.discord.violations(), []);

    // A clean close ends the session.
    let seq = client.seq(third).unwrap();
    client.close(third, 1000);
    assert_eq!(client.discord.report().client_closes, [(Service::Gateway, 4000), (Service::Gateway, 1000)]);
    let fourth = client.resume(&session, seq);
    assert_eq!(client.last(fourth, 9), Some(&json!(false)));
    assert_eq!(client.discord.violations(), []);
}

#[test]
fn resumes_that_cannot_be_are_told_apart() {
    let mut client = Client::new(Config { replay_limit: 3, ..calm() }, 6);
    let first = client.identify();
    let session = client.named(first, "READY").unwrap()["session_id"].clone();
    client.close(first, 4000);
    for n in 0..9 {
        client.discord.dispatch(client.now, "TYPING_START", json!({ "n": n }));
    }
    let second = client.resume(&session, 2);
    assert_eq!(client.last(second, 9), Some(&json!(false)), "more was missed than is kept");
    assert_eq!(client.discord.violations(), []);

    client.sleep(6_000);
    let third = client.identify();
    let session = client.named(third, "READY").unwrap()["session_id"].clone();
    client.close(third, 4000);
    client.resume(&session, 99);
    assert_eq!(client.code(), Some(4007));
    assert_eq!(client.rules(), [Rule::Acknowledgement]);

    // Once it has led nowhere, another URL may be tried.
    for broken in [false, true] {
        let wrong = client.open(Service::Gateway, GATEWAY);
        let token = client.discord.config().token.clone();
        client.send(wrong, 6, json!({"token": token, "session_id": session, "seq": 1}));
        assert_eq!(client.rules().contains(&Rule::ResumeUrl), broken);
    }
}

#[test]
fn heartbeats_are_held_to_their_time_and_number() {
    let mut client = Client::new(calm(), 7);
    let gateway = client.identify();
    client.sleep(5_000);
    client.beat(gateway);
    assert!(client.last(gateway, 11).is_some());
    assert_eq!(client.rules(), []);
    client.sleep(1_000);
    client.beat(gateway);
    assert_eq!(client.rules(), [Rule::Heartbeat], "too early");
    client.sleep(6_500);
    client.beat(gateway);
    assert_eq!(client.rules().len(), 2, "too late");
    client.sleep(5_000);
    client.send(gateway, 1, json!(99));
    assert_eq!(client.rules().last(), Some(&Rule::Acknowledgement), "never sent");
    client.sleep(5_000);
    client.send(gateway, 1, Value::Null);
    assert_eq!(client.rules().len(), 4, "it must have got READY");
    client.sleep(9_000);
    assert_eq!(client.code(), Some(4009));
    assert_eq!(client.rules().len(), 5);

    // A heartbeat that was asked for does not count as early.
    let mut client = Client::new(calm(), 7);
    let gateway = client.identify();
    client.sleep(4_000);
    client.beat(gateway);
    client.discord.request_heartbeat(client.now);
    client.drain();
    assert!(client.last(gateway, 1).is_some());
    client.beat(gateway);
    assert_eq!(client.rules(), []);
    client.discord.silence_acks(client.now, true);
    let acks = client.frames.iter().filter(|(_, v)| v["op"] == 11).count();
    client.sleep(5_000);
    client.beat(gateway);
    assert_eq!(client.frames.iter().filter(|(_, v)| v["op"] == 11).count(), acks);
    assert_eq!(client.rules(), []);
}

#[test]
fn bad_identifies_are_closed_with_their_codes() {
    let config = Config { disallowed_intents: 1 << 15, ..calm() };
    let token = config.token.clone();
    let with = |key: &str, value: Value| {
        let mut d = identify(&token);
        d[key] = value;
        d
    };
    for (d, code, rules) in [
        (with("token", json!("wrong")), 4004, vec![]),
        (with("token", json!(format!("Bot {token}"))), 4004, vec![Rule::Payload]),
        (with("intents", json!(1 << 15)), 4014, vec![]),
        (with("intents", json!(1_u64 << 40)), 4013, vec![]),
        (with("shard", json!([2, 2])), 4010, vec![]),
        (with("properties", json!({})), 4002, vec![Rule::Payload]),
    ] {
        let mut client = Client::new(config.clone(), 8);
        let gateway = client.open(Service::Gateway, GATEWAY);
        client.send(gateway, 2, d);
        assert_eq!(client.closes, [(gateway, Some(code))]);
        assert_eq!(client.rules(), rules);
        client.identify();
        let dead = if code == 4002 { 0 } else { 1 };
        assert_eq!(client.rules().len(), rules.len() + dead, "after {code}");
    }
}

#[test]
fn misuse_of_the_gateway_is_noticed() {
    let cases: [(&str, u16, Rule); 6] = [
        (r#"{"op":3,"d":{}}"#, 4003, Rule::Order),
        (r#"{"op":12,"d":{}}"#, 4001, Rule::Order),
        ("hello", 4002, Rule::Payload),
        (r#"{"op":2,"d":{}}"#, 4002, Rule::Payload),
        (r#"{"op":1,"d":"5"}"#, 4002, Rule::Payload),
        (r#"{"op":6,"d":{}}"#, 4002, Rule::Payload),
    ];
    for (text, code, rule) in cases {
        let mut client = Client::new(calm(), 9);
        let gateway = client.open(Service::Gateway, GATEWAY);
        client.input(ServerInput::Frame(gateway, Frame::Text(Bytes::from_static(text.as_bytes()))));
        assert_eq!((client.code(), client.rules()), (Some(code), vec![rule]), "{text}");
    }

    let mut client = Client::new(calm(), 9);
    let gateway = client.identify();
    client.send(gateway, 2, identify("again"));
    assert_eq!(client.code(), Some(4005));
    client.sleep(6_000);
    let gateway = client.identify();
    client.send(gateway, 3, json!({"status": "x".repeat(5_000)}));
    assert_eq!(client.code(), Some(4002));
    client.sleep(6_000);
    let gateway = client.identify();
    for _ in 0..119 {
        client.send(gateway, 31, json!({"guild_ids": []}));
    }
    assert_eq!(client.rules(), [Rule::Order, Rule::Size]);
    client.send(gateway, 31, json!({"guild_ids": []}));
    assert_eq!((client.code(), client.rules().last()), (Some(4008), Some(&Rule::SendRate)));

    client.sleep(6_000);
    client.identify();
    let hasty = client.identify();
    assert_eq!(client.last(hasty, 9), Some(&json!(false)));
    assert_eq!(client.rules().last(), Some(&Rule::IdentifyRate));

    for target in ["/", "/?v=9&encoding=json", "/?v=10&encoding=json&compress=gzip-stream"] {
        client.open(Service::Gateway, target);
        assert_eq!((client.refused.pop(), client.rules().last()), (Some(400), Some(&Rule::Target)));
    }
}
