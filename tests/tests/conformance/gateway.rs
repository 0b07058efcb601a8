//! Many shards: compression, resuming in another process, members, logs.

use std::collections::BTreeSet;
use std::time::Duration;

use sanscord::client::{self, Client, Event};
use sanscord::cluster::{Shards, State};
use sanscord::gateway::command::MembersRequest;
use sanscord::gateway::{self, Compression, Delivery, Disconnect, Dispatch, EventName, Intents, ShardId};
use sanscord::id::GuildId;
use sanscord_blocking::state;
use sanscord_testing::config::Config;
use sanscord_testing::fault::Action;
use serde_json::json;

use super::adapter::Adapter;
use super::logbook;
use super::stage::{Run, Stage, calm};

const SHARDS: u32 = 2;
const SOON: Duration = Duration::from_millis(400);
/// The lowest 22 bits of a guild's id do not tell its shard.
const NEXT_SHARD: u64 = 1 << 22;

/// Two shards with a guild each, in which people write.
fn chatty() -> Config {
    let calm = calm();
    Config {
        more_guilds: vec![GuildId(calm.guild.0 + NEXT_SHARD)],
        shards: SHARDS,
        max_concurrency: SHARDS,
        chatter: Some(Duration::from_millis(20)),
        ..calm
    }
}

fn guilds(stage: &Stage) -> [GuildId; 2] {
    [stage.guild, GuildId(stage.guild.0 + NEXT_SHARD)]
}

fn config(stage: &Stage, compression: Compression) -> client::Config {
    let mut config = stage.config();
    config.shards = Shards::All { count: SHARDS };
    config.gateway.compression = compression;
    config.gateway.intents |= Intents::GUILD_MESSAGES | Intents::GUILD_MEMBERS;
    config
}

fn visit<A: Adapter>(stage: &Stage, config: client::Config) -> Run<A> {
    stage.visit_as(config, Some(stage.authority()), false)
}

/// Waits until each shard is in session, in this way. Answers with how many dispatches were replayed to both.
#[track_caller]
fn until_all_connected<A: Adapter>(run: &mut Run<A>, how: impl Fn(bool) -> bool) -> u64 {
    let (mut shards, mut total) = (BTreeSet::new(), 0);
    while shards.len() < SHARDS as usize {
        let event = run.until("all shards in session", |event| {
            matches!(event, Event::Gateway(_, gateway::Event::Connected { resumed, .. }) if how(*resumed))
        });
        if let Event::Gateway(id, gateway::Event::Connected { replayed, .. }) = event {
            shards.insert(id);
            total += replayed;
        }
    }
    total
}

fn dispatches<'a>(events: impl IntoIterator<Item = &'a Event>) -> impl Iterator<Item = &'a Dispatch> {
    events.into_iter().filter_map(|event| match event {
        Event::Gateway(_, gateway::Event::Dispatch(dispatch)) => Some(dispatch),
        _ => None,
    })
}

/// The numbers of the messages in a guild, as they came.
fn chatter<'a>(events: impl IntoIterator<Item = &'a Event>, guild: GuildId) -> Vec<u64> {
    let messages = dispatches(events).filter(|dispatch| dispatch.name == EventName::MessageCreate);
    let message = |dispatch: &Dispatch| dispatch.parse::<serde_json::Value>().unwrap();
    let here = messages.map(message).filter(|message| message["guild_id"] == guild.to_string());
    let number = |message: serde_json::Value| {
        let content = message["content"].as_str().unwrap();
        content.chars().filter(char::is_ascii_digit).collect::<String>().parse().unwrap()
    };
    here.map(number).collect()
}

/// Each message once and in order, in both guilds, and at least so many.
#[track_caller]
fn assert_whole<'a>(events: impl IntoIterator<Item = &'a Event> + Clone, stage: &Stage, least: usize) {
    for guild in guilds(stage) {
        let numbers = chatter(events.clone(), guild);
        assert!(numbers.len() >= least, "only {numbers:?} in {guild}");
        assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "{numbers:?} in {guild}");
    }
}

pub(crate) fn nothing_is_lost_with_any_compression<A: Adapter>() {
    use Compression::{None, Payload, ZlibStream, ZstdStream};
    for compression in [None, Payload, ZlibStream, ZstdStream] {
        let stage = Stage::new(chatty());
        let mut run = visit::<A>(&stage, config(&stage, compression));
        until_all_connected(&mut run, |resumed| !resumed);
        run.listen(SOON);
        stage.discord(|discord, now| discord.cut_gateway(now));
        until_all_connected(&mut run, |resumed| resumed);
        run.listen(SOON);
        let counters: Vec<gateway::Counters> =
            run.call(|client, _| client.cluster().shards().map(|shard| shard.counters()).collect());
        run.stop();
        stage.assert_proper(&run);
        assert_whole(&run.events, &stage, 20);
        for counters in counters {
            assert_eq!((counters.gaps, counters.repeated, counters.sessions_lost), (0, 0, 0));
            assert_eq!((counters.identifies, counters.resumes), (1, 1));
            // Payloads are compressed only where it is worth while.
            let least = match compression {
                None => 1.0,
                Payload => 1.01,
                ZlibStream | ZstdStream => 4.0,
            };
            assert!(counters.ratio() >= least, "{compression:?}: {counters:?}");
            assert!(compression != None || counters.bytes_in == counters.bytes_inflated);
        }
        let report = stage.discord(|discord, _| discord.report().clone());
        assert_eq!((report.identifies, report.resumes), (2, 2));
        let streams = (report.zlib_upgrades, report.zstd_upgrades);
        let expected = match compression {
            None | Payload => (0, 0),
            ZlibStream => (4, 0),
            ZstdStream => (0, 4),
        };
        assert_eq!(streams, expected, "{compression:?}");
    }
}

/// Suspends, and takes the events up to the end.
fn suspend<A: Adapter>(run: &mut Run<A>) -> State {
    let state = run.call(|client, now| {
        client.suspend(now);
        client.cluster().state()
    });
    run.end();
    state
}

pub(crate) fn a_suspended_cluster_goes_on_in_the_next_process<A: Adapter>() {
    let stage = Stage::new(chatty());
    let file = stage.calls().with_extension("json");
    let mut run = visit::<A>(&stage, config(&stage, Compression::ZstdStream));
    until_all_connected(&mut run, |resumed| !resumed);
    run.listen(SOON);
    let saved = suspend(&mut run);
    state::save(&file, &saved).unwrap();
    stage.assert_proper(&run);
    let before = run.events;
    // People go on writing meanwhile.
    std::thread::sleep(SOON);

    let mut config = config(&stage, Compression::ZlibStream);
    config.state = state::load(&file).unwrap();
    assert_eq!(config.state.as_ref().unwrap().sessions, saved.sessions);
    // Who restores as many as there were needs not say how many.
    config.shards = Shards::Recommended;
    let mut run = visit::<A>(&stage, config);
    let replayed = until_all_connected(&mut run, |_| true);
    assert!(replayed >= 30, "only {replayed} dispatches were replayed");
    let flagged = dispatches(&run.events).filter(|dispatch| dispatch.replayed).count();
    assert_eq!(replayed, flagged as u64, "it says how many they were");
    assert!(!dispatches(&run.events).any(|dispatch| dispatch.duplicate), "nothing comes twice");
    run.listen(SOON);
    run.stop();
    stage.assert_proper(&run);
    assert_whole(before.iter().chain(&run.events), &stage, 50);
    let report = stage.discord(|discord, _| discord.report().clone());
    assert_eq!((report.identifies, report.resumes), (2, 2), "no session was started for it");
}

/// Acknowledges half of what came and dies: the other half comes again, and it is known that it does.
pub(crate) fn what_was_not_acknowledged_comes_again<A: Adapter>() {
    let stage = Stage::new(Config { acknowledge_late: true, ..chatty() });
    let with = |state: Option<State>| {
        let mut config = config(&stage, Compression::ZstdStream);
        config.gateway.delivery = Delivery::AtLeastOnce;
        config.state = state;
        visit::<A>(&stage, config)
    };
    let mut run = with(None);
    until_all_connected(&mut run, |resumed| !resumed);
    run.listen(SOON);
    let receipts: Vec<_> = dispatches(&run.events).map(Dispatch::receipt).collect();
    let (handled, unhandled) = receipts.split_at(receipts.len() / 2);
    let (handled, unhandled) = (handled.to_vec(), unhandled.len());
    let state = run.call(move |client, _| {
        handled.into_iter().for_each(|receipt| client.cluster_mut().ack(receipt));
        client.cluster().state()
    });
    // What was delivered by then is on its way.
    run.listen(Duration::from_millis(50));
    let before = run.kill();

    let mut run = with(Some(state));
    until_all_connected(&mut run, |_| true);
    let again = dispatches(&run.events).filter(|dispatch| dispatch.duplicate).count();
    assert!(again >= unhandled, "{again} duplicates for {unhandled} that were not acknowledged");
    run.stop();
    stage.assert_proper(&run);
    let is_new =
        |event: &&Event| !matches!(event, Event::Gateway(_, gateway::Event::Dispatch(d)) if d.duplicate);
    let new: Vec<Event> = run.events.iter().filter(is_new).cloned().collect();
    for guild in guilds(&stage) {
        let mut all = chatter(&before, guild);
        let last = all.len();
        all.extend(chatter(&new, guild));
        all.dedup();
        assert!(all.windows(2).all(|pair| pair[1] <= pair[0] + 1), "{all:?}");
        assert!(all.len() > last, "{all:?}");
    }
}

pub(crate) fn members_are_asked_for_and_joined<A: Adapter>() {
    let stage = Stage::new(Config { members: 2_500, ..chatty() });
    let mut run = visit::<A>(&stage, config(&stage, Compression::ZlibStream));
    until_all_connected(&mut run, |resumed| !resumed);
    for guild in guilds(&stage) {
        let request = run
            .call(move |client, now| client.cluster_mut().request_members(now, MembersRequest::all(guild)))
            .unwrap();
        let answer = run.ever("the members", |event| {
            matches!(event, Event::Gateway(id, gateway::Event::Members { request: asked, guild: of, .. })
                if *asked == request && *of == guild && *id == ShardId::of(guild, SHARDS))
        });
        let Event::Gateway(_, gateway::Event::Members { result, .. }) = answer else {
            unreachable!("waited for")
        };
        let members = result.unwrap();
        assert!(members.chunks().len() >= 3);
        let ids: BTreeSet<String> = members
            .parse::<serde_json::Value>()
            .unwrap()
            .into_iter()
            .map(|member| member["user"]["id"].as_str().unwrap().to_owned())
            .collect();
        assert!(ids.len() >= 2_500, "{} members", ids.len());
    }
    run.stop();
    stage.assert_proper(&run);
}

pub(crate) fn a_corrupt_stream_is_resumed<A: Adapter>() {
    for compression in [Compression::Payload, Compression::ZlibStream, Compression::ZstdStream] {
        let stage = Stage::new(chatty());
        let mut run = visit::<A>(&stage, config(&stage, compression));
        until_all_connected(&mut run, |resumed| !resumed);
        let guilds = guilds(&stage);
        stage.discord(move |discord, now| {
            discord.act(now, Action::CorruptStream);
            // Short payloads are not compressed.
            for guild in guilds {
                let update = json!({ "id": guild, "description": "x".repeat(10_000) });
                discord.dispatch(now, "GUILD_UPDATE", update);
            }
        });
        let is_corrupt = |event: &Event| {
            matches!(
                event,
                Event::Gateway(
                    _,
                    gateway::Event::Disconnected { reason: Disconnect::Compression(_), resumable: true, .. }
                )
            )
        };
        until_all_connected(&mut run, |resumed| resumed);
        assert_eq!(run.events.iter().filter(|event| is_corrupt(event)).count(), 2, "{compression:?}");
        run.listen(SOON);
        run.stop();
        run.assert_said(&["compressed stream is corrupt"]);
        stage.assert_proper(&run);
        assert_whole(&run.events, &stage, 10);
    }
}

pub(crate) fn what_happens_is_logged<A: Adapter>() {
    // Shards of which no other scenario tells.
    let count = 1_000 + u32::from(std::any::type_name::<A>().len() as u16);
    let shard = ShardId::of(calm().guild, count);
    let stage = Stage::new(Config { shards: count, ..chatty() });
    let mut config = config(&stage, Compression::None);
    config.shards = Shards::Range { first: shard.number, last: shard.number, count };
    let mut run = visit::<A>(&stage, config);
    let connected = |event: &Event| matches!(event, Event::Gateway(_, gateway::Event::Connected { .. }));
    run.until("the session", connected);
    stage.discord(|discord, now| discord.cut_gateway(now));
    run.until("the session again", connected);
    run.call(Client::stop);
    run.end();
    let name = format!("shard {shard}: ");
    for words in [
        &["INFO sanscord ", "new session"][..],
        &["WARN sanscord ", "the connection was lost", "resuming"],
        &["INFO sanscord ", "session resumed", "replayed"],
    ] {
        assert!(logbook::has(&[words, &[&name]].concat()), "{words:?} of {name:?} was not logged");
    }
    // Messages one by one are the drivers'.
    assert!(logbook::has(&["TRACE sanscord_", "Text("]));
    // What is logged gives nothing away.
    stage.assert_proper(&run);
}
