//! Several guilds, several shards.

use std::collections::BTreeSet;

use sanscord::gateway::ShardId;

use super::*;

/// Guilds of the shards 0, 1, 2, 3 and 1 of four, beside the main one, which is of shard 0.
fn guilds() -> Vec<GuildId> {
    [4, 5, 6, 7, 9].map(|n| GuildId(n << 22)).into()
}

fn shards(count: u32) -> Config {
    Config { max_concurrency: count, more_guilds: guilds(), ..Config::quiet() }
}

fn names(client: &Client, connection: ConnectionId) -> Vec<Value> {
    let creates = client.dispatches(connection);
    creates.iter().filter(|(t, _, _)| *t == "GUILD_CREATE").map(|(_, _, d)| d["id"].clone()).collect()
}

#[test]
fn each_shard_serves_its_guilds() {
    let config = shards(4);
    let main = config.guild;
    assert_eq!((main.0 >> 22) % 4, 0);
    let mut client = Client::new(config, 1);
    let all: Vec<_> = (0..4).map(|n| client.identify_with(json!({"shard": [n, 4]}))).collect();
    let guilds = guilds();
    let served = [vec![main, guilds[0]], vec![guilds[1], guilds[4]], vec![guilds[2]], vec![guilds[3]]];
    for ((number, connection), served) in all.iter().enumerate().zip(&served) {
        let ready = client.named(*connection, "READY").unwrap();
        assert_eq!(ready["shard"], json!([number, 4]));
        let listed: Vec<_> = ready["guilds"].as_array().unwrap().iter().map(|g| g["id"].clone()).collect();
        let served: Vec<_> = served.iter().map(|id| json!(id)).collect();
        assert_eq!((&listed, &names(&client, *connection)), (&served, &served));
    }

    // A session with another count lives beside them.
    client.sleep(5_000);
    let only = client.identify();
    assert_eq!(names(&client, only).len(), 6);
    client.discord.dispatch(client.now, "TYPING_START", json!({"guild_id": guilds[1]}));
    client.discord.dispatch(client.now, "GUILD_DELETE", json!({"id": guilds[2]}));
    client.discord.dispatch(client.now, "ENTITLEMENT_CREATE", json!({"id": guilds[3]}));
    client.drain();
    for (name, hears) in [
        ("TYPING_START", [false, true, false, false]),
        ("GUILD_DELETE", [false, false, true, false]),
        ("ENTITLEMENT_CREATE", [true, false, false, false]),
    ] {
        let heard = |id: &ConnectionId| client.named(*id, name).is_some();
        assert_eq!(all.iter().map(heard).collect::<Vec<_>>(), hears, "{name}");
        assert!(heard(&only));
    }
    let report = client.discord.report();
    assert_eq!(report.shard_identifies[&[2, 4]], 1);
    assert_eq!((report.shard_identifies.len(), report.identifies), (5, 5));
    assert_eq!(client.discord.violations(), []);
}

#[test]
fn shards_that_cannot_be_are_sent_away() {
    for (shard, code) in [
        (json!([4, 4]), Some(4010)),
        (json!([0, 0]), Some(4010)),
        (json!([0]), Some(4010)),
        (json!("0"), Some(4010)),
        (json!([-1, 4]), Some(4010)),
        (json!([0, 1]), Some(4011)),
        (Value::Null, Some(4011)),
        (json!([1, 2]), None),
    ] {
        let mut client = Client::new(Config { min_shards: 2, ..calm() }, 2);
        client.identify_with(json!({ "shard": shard }));
        assert_eq!((client.code(), client.rules()), (code, vec![]), "{shard}");
        // Who was told to take more shards may do so.
        client.sleep(6_000);
        client.identify_with(json!({"shard": [0, 2]}));
        assert_eq!(client.rules().is_empty(), code != Some(4010), "{shard}");
    }
}

#[test]
fn a_shard_is_closed_by_itself() {
    let mut client = Client::new(shards(2), 3);
    let all = [0, 1].map(|n| client.identify_with(json!({"shard": [n, 2]})));
    client.discord.close_shard(client.now, 1, 4014);
    client.drain();
    assert_eq!(client.closes, [(all[1], Some(4014))]);
    client.sleep(6_000);
    client.open(Service::Gateway, GATEWAY);
    assert_eq!(client.rules(), []);
    client.identify_with(json!({"shard": [1, 2]}));
    assert_eq!(client.rules(), [Rule::Dead]);
}

#[test]
fn every_guild_counts_its_own_chatter() {
    let config = Config { chatter: Some(Duration::from_millis(600)), ..shards(2) };
    let (main, token) = (config.guild, config.token.clone());
    let mut client = Client::new(config, 4);
    let [even, odd] = [0, 1].map(|n| client.identify_with(json!({"shard": [n, 2]})));
    client.sleep(4_000);
    let session = client.named(odd, "READY").unwrap()["session_id"].clone();
    let seq = client.seq(odd).unwrap();
    client.discord.close_shard(client.now, 1, 4000);
    client.drain();
    client.sleep(4_000);
    let again = client.open(Service::Gateway, RESUME);
    client.send(again, 6, json!({"token": token, "session_id": session, "seq": seq}));
    client.sleep(4_000);
    for (index, guild) in [vec![main], guilds()].concat().into_iter().enumerate() {
        let sent = client.discord.chatter_sent(guild);
        assert!((19..=20).contains(&sent), "{sent}");
        let heard = [client.chatter(&[even], guild), client.chatter(&[odd, again], guild)];
        let mine = ShardId::of(guild, 2).number as usize;
        assert_eq!(heard[mine], (1..=sent).collect::<Vec<_>>(), "guild {index}");
        assert!(heard[1 - mine].is_empty());
    }
    assert_eq!(client.discord.chatter_sent(GuildId(1)), 0);
    let ids: BTreeSet<_> = client.frames.iter().filter_map(|(_, v)| v["d"]["id"].as_str()).collect();
    assert!(ids.len() as u64 >= client.discord.report().chatter, "every message has an id of its own");
    assert_eq!(client.discord.violations(), []);
}

#[test]
fn requests_go_to_the_shard_of_their_guild() {
    let mut client = Client::new(shards(2), 5);
    let all = [0, 1].map(|n| client.identify_with(json!({"shard": [n, 2], "intents": 0x2_83})));
    let guild = guilds()[1];
    for (op, d) in [
        (8, json!({"guild_id": guild, "query": "", "limit": 0})),
        (31, json!({"guild_ids": [guild]})),
        (43, json!({"guild_id": guild, "fields": ["status"]})),
        (4, json!({"guild_id": guild, "channel_id": null, "self_mute": false, "self_deaf": false})),
    ] {
        let count = client.frames.len();
        client.send(all[0], op, d.clone());
        assert_eq!((client.frames.len(), client.rules().last()), (count, Some(&Rule::Routing)), "op {op}");
        let broken = client.rules().len();
        client.send(all[1], op, d);
        assert_eq!((client.frames.len(), client.rules().len()), (count + usize::from(op != 4), broken));
    }
    // Nobody serves what does not exist.
    client.send(all[0], 31, json!({"guild_ids": ["12345"]}));
    assert_eq!(client.rules().len(), 4);

    // The voice channels are the main guild's, wherever it is served.
    let call = client.join(all[0]);
    assert!(client.named(all[1], "VOICE_STATE_UPDATE").is_none());
    client.discord.close_shard(client.now, 1, 4009);
    client.drain();
    assert!(client.discord.bot_channel().is_some());
    client.discord.restart(client.now);
    client.drain();
    assert_eq!(client.discord.bot_channel(), None);
    assert!(client.closes.contains(&(call.voice, None)));
}
