//! What users ask of a client, at lucky and at unlucky moments.
#![expect(clippy::unwrap_used, reason = "a test fails by it")]

mod recording;

use sanscord::client::{self, Client, Event};
use sanscord::machine::Machine;
use sanscord::record;
use sanscord::secret::Token;
use sanscord::time::{Duration, Timestamp};
use sanscord::voice::{self, phase::Phase};
use sanscord_testing::config::{ALICE, BOB, Config};
use sanscord_testing::discord::Discord;
use sanscord_testing::fault::{Action, MediaFaults};
use sanscord_testing::link::LinkConfig;
use sanscord_testing::world::World;

use recording::{as_sent, packets};

type Sim = World<Client, Discord>;

const SECOND: Duration = Duration::from_secs(1);

fn world() -> Sim {
    let config = Config { script: Vec::new(), media: MediaFaults::default(), ..Config::default() };
    let client = Client::new(client::Config::new(Token::new(&config.token)), [9; 32]);
    World::new(client, Discord::new(config, 9), LinkConfig::default(), 9)
}

fn ask(world: &mut Sim, act: impl FnOnce(&mut Client, Timestamp, &Config)) {
    let config = world.server().config().clone();
    world.with_client(0, |client, now| act(client, now, &config));
}

fn join_and_record(world: &mut Sim, folder: &str) {
    ask(world, |client, now, config| {
        client.join(now, config.guild, config.voice_channels[0].0);
        client.record(now, config.guild, folder);
    });
}

fn is_live(world: &Sim) -> bool {
    let call = world.client(0).call(world.server().config().guild);
    matches!(call.map(voice::Call::phase), Some(Phase::Live { .. }))
}

fn count(world: &Sim, is_it: impl Fn(&Event) -> bool) -> usize {
    world.events().iter().filter(|happened| is_it(&happened.event)).count()
}

fn finished(world: &Sim) -> usize {
    count(world, |event| matches!(event, Event::Recording(_, record::Event::Finished { .. })))
}

/// Stops; nothing follows the last event, and no rule was broken.
#[track_caller]
fn stop(world: &mut Sim) {
    ask(world, |client, now, _| client.stop(now));
    world.expect("the end", |world| world.client(0).is_finished(), SECOND * 10);
    assert!(
        matches!(world.events().last().unwrap().event, Event::Stopped { .. }),
        "{:?}",
        world.events().last()
    );
    assert_eq!(count(world, |event| matches!(event, Event::Stopped { .. })), 1);
    world.run_for(SECOND * 5);
    assert_eq!(world.server().violations(), []);
    assert_eq!(world.server().bot_channel(), None);
    assert!(world.disk().files().all(|(_, file)| file.closed));
}

#[test]
fn a_recording_is_indexed_and_mixed() {
    let mut world = world();
    ask(&mut world, |client, now, config| {
        let mut recording = record::Config::new("all");
        recording.mix = true;
        client.join(now, config.guild, config.voice_channels[0].0);
        client.record(now, config.guild, recording);
    });
    world.expect("the call", is_live, SECOND * 5);
    world.run_for(SECOND * 4);
    ask(&mut world, |client, now, config| {
        let mut again = record::Config::new("again");
        again.stem = "second".into();
        client.record(now, config.guild, again);
    });
    world.run_for(SECOND * 4);
    world.with_server(|discord, now| discord.act(now, Action::VoiceServerChange));
    world.run_for(SECOND * 7);
    stop(&mut world);
    let finished = world.events().iter().filter_map(|happened| match &happened.event {
        Event::Recording(_, record::Event::Finished { recording }) => Some(recording),
        _ => None,
    });
    let [first, second] = finished.collect::<Vec<_>>()[..] else { panic!("two recordings") };
    assert_eq!(first.mixed.as_deref(), Some("all/recording_mixed.opus"));
    assert_eq!(first.index.as_deref(), Some("all/recording.json"));
    assert_eq!((&second.mixed, second.index.as_deref()), (&None, Some("again/second.json")));
    let index = |path| -> serde_json::Value {
        serde_json::from_slice(&world.disk().get(path).unwrap().bytes).unwrap()
    };
    let (first, second) = (index("all/recording.json"), index("again/second.json"));
    assert_eq!(first["outages"], serde_json::json!([]));
    let [outage] = &second["outages"].as_array().unwrap()[..] else { panic!("{}", second["outages"]) };
    let (from, to) = (outage["from"].as_u64().unwrap(), outage["to"].as_u64().unwrap());
    assert!((3 * 48_000..6 * 48_000).contains(&from) && from < to && to < 11 * 48_000, "{outage}");
    for index in [&first, &second] {
        assert_eq!(index["complete"], true);
        for user in [ALICE, BOB] {
            let user = user.to_string();
            let has = |list: &str| index[list].as_array().unwrap().iter().any(|entry| entry["user"] == *user);
            assert!(has("speakers") && has("moves"), "{user} in {index}");
        }
        let speaker = &index["speakers"][0];
        assert!(
            speaker["packets"].as_u64().unwrap() > 100 && !speaker["runs"].as_array().unwrap().is_empty()
        );
    }
}

/// How much of a speaker a folder holds.
fn recorded(world: &Sim, folder: &str) -> usize {
    let count = |user| {
        let Some(file) = world.disk().get(&format!("{folder}/recording_{user}.opus")) else { return 0 };
        let truth: Vec<_> = world.server().truth(user).cloned().collect();
        as_sent(&packets(&file.bytes), &truth).len()
    };
    count(ALICE) + count(BOB)
}

#[test]
fn the_last_event_comes_when_all_recordings_are_finished() {
    let mut world = world();
    join_and_record(&mut world, "calls");
    world.expect("the call", is_live, SECOND * 5);
    world.run_for(SECOND * 3);
    stop(&mut world);
    assert_eq!(finished(&world), 1);
    assert!(recorded(&world, "calls") > 50);
}

#[test]
fn leaving_and_joining_at_once_makes_a_second_call_and_no_third_recording() {
    let mut world = world();
    join_and_record(&mut world, "first");
    world.expect("the call", is_live, SECOND * 5);
    world.run_for(SECOND * 3);
    ask(&mut world, |client, now, config| {
        client.leave(now, config.guild);
        client.join(now, config.guild, config.voice_channels[0].0);
        assert_ne!(client.call(config.guild).unwrap().phase(), Phase::Ended, "the new call is the call");
    });
    world.expect("the second call", is_live, SECOND * 5);
    assert_eq!(finished(&world), 1, "the recording ended with the call that was left");
    world.run_for(SECOND * 3);
    assert!(world.client(0).recording(world.server().config().guild).is_none());
    stop(&mut world);
    let ended = |event: &Event| matches!(event, Event::Voice(_, voice::Event::Ended { .. }));
    assert_eq!((count(&world, ended), finished(&world)), (2, 1));
    let report = world.server().report();
    assert_eq!((report.identifies, report.voice_identifies), (1, 2));
    assert_eq!((report.joins, report.leaves), (2, 2));
}

#[test]
fn another_channel_is_another_call_in_the_same_recording() {
    let mut world = world();
    join_and_record(&mut world, "calls");
    world.expect("the call", is_live, SECOND * 5);
    world.run_for(SECOND * 3);
    for index in [1, 0] {
        ask(&mut world, |client, now, config| {
            client.join(now, config.guild, config.voice_channels[index].0);
            client.join(now, config.guild, config.voice_channels[index].0);
        });
        world.expect("the other call", is_live, SECOND * 5);
        world.run_for(SECOND * 2);
        assert_eq!(world.server().bot_channel(), Some(world.server().config().voice_channels[index].0));
    }
    assert_eq!(finished(&world), 0);
    stop(&mut world);
    assert_eq!(finished(&world), 1);
}

#[test]
fn what_is_asked_before_the_session_is_done_in_it() {
    let mut world = world();
    ask(&mut world, |client, now, config| {
        let (guild, channel) = (config.guild, config.voice_channels[0].0);
        client.join(now, guild, channel);
        client.record(now, guild, "unwanted");
        client.leave(now, guild);
    });
    world.run_for(SECOND * 5);
    assert_eq!(world.server().report().joins, 0, "nobody wants to join any more");
    ask(&mut world, |client, now, config| client.join(now, config.guild, config.voice_channels[0].0));
    world.expect("the call", is_live, SECOND * 5);
    world.run_for(SECOND * 3);
    assert_eq!(world.disk().files().len(), 0, "what was to be recorded went with the call");
    join_and_record(&mut world, "wanted");
    world.run_for(SECOND * 3);
    stop(&mut world);
    assert!(recorded(&world, "wanted") > 50);
}

#[test]
fn stopping_is_possible_after_any_step() {
    for steps in 0..120 {
        let mut world = world();
        join_and_record(&mut world, "calls");
        for _ in 0..steps {
            world.step();
        }
        stop(&mut world);
        ask(&mut world, |client, now, config| {
            client.join(now, config.guild, config.voice_channels[0].0);
            client.record(now, config.guild, "late");
            client.leave(now, config.guild);
            client.stop(now);
        });
        assert!(world.client(0).is_finished());
    }
}
