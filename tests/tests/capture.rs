//! Captures of clusters that live with our Discord and with faults, replayed from what is on the disk.

use std::collections::BTreeSet;

use sanscord::capture::{Capture, ClusterAnswer, ClusterCall, ClusterSetup, ReplayError, Replayed, replay};
use sanscord::cluster::{self, Cluster, Event, Shards, State};
use sanscord::gateway::command::{Command, MembersRequest, Presence};
use sanscord::gateway::config::Delivery;
use sanscord::gateway::phase::Phase;
use sanscord::gateway::{self, Compression, EventName, Intents};
use sanscord::machine::Machine;
use sanscord::secret::Token;
use sanscord::time::Duration;
use sanscord_testing::config::Config;
use sanscord_testing::discord::Discord;
use sanscord_testing::link::LinkConfig;
use sanscord_testing::server::Service;
use sanscord_testing::world::{FaultPlan, World};
use serde_json::json;

const INTERACTION: &str = "aW50ZXJhY3Rpb246MTEwMDp4eXo_-secret";
const VOICE: &str = "66d29164ee8cd919";
const FIRST: &str = "captures/first.jsonl";
const SECOND: &str = "captures/second.jsonl";

type Captured = World<Capture<Cluster>, Discord>;

/// A process that ends and one that goes on, each with its file.
struct Life {
    world: Captured,
    /// Secrets that were told.
    secrets: BTreeSet<String>,
    acks: u64,
    resharded: bool,
}

impl Life {
    /// Lives for so long, and acknowledges what is told.
    fn run(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.world.run_for(Duration::from_secs(1));
            let now = self.world.now();
            for happened in self.world.take_events() {
                match happened.event {
                    Event::Shard(_, gateway::Event::Dispatch(dispatch)) => {
                        if dispatch.name == EventName::Ready {
                            let ready: serde_json::Value = dispatch.parse().expect("JSON");
                            self.secrets.insert(ready["session_id"].as_str().expect("an id").into());
                        }
                        let ack = ClusterCall::Ack(dispatch.receipt());
                        self.world.client_mut(0).apply(now, ack).expect("an ack cannot fail");
                        self.acks += 1;
                    }
                    Event::Resharded { .. } => self.resharded = true,
                    _ => {}
                }
            }
        }
    }

    fn call(&mut self, call: ClusterCall) -> ClusterAnswer {
        self.world.with_client(0, |capture, now| capture.apply(now, call)).expect("a call that is right")
    }

    #[track_caller]
    fn expect_ready(&mut self, shards: usize) {
        let is_ready = |world: &Captured| {
            let shards_of = world.client(0).machine().shards();
            shards_of.filter(|shard| matches!(shard.phase(), Phase::Ready { .. })).count() == shards
        };
        self.world.expect("shards in session", is_ready, Duration::from_secs(600));
        self.run(1);
    }

    fn text(&self, path: &str) -> String {
        let file = self.world.disk().get(path).expect("the capture's file");
        assert!(file.closed);
        String::from_utf8(file.bytes.clone()).expect("UTF-8")
    }
}

fn capture(server: &Config, compression: Compression, state: Option<State>, path: &str) -> Capture<Cluster> {
    let mut gateway = gateway::Config::new(Token::new(&server.token), Intents::NON_PRIVILEGED);
    gateway.intents |= Intents::GUILD_MEMBERS;
    gateway.compression = compression;
    gateway.delivery = Delivery::AtLeastOnce;
    let mut config = cluster::Config::new(gateway);
    config.state = state;
    Capture::new(ClusterSetup { config }, [3; 32], path)
}

fn live(compression: Compression, seed: u64) -> Life {
    let server = Config {
        shards: 2,
        chatter: Some(Duration::from_secs(2)),
        acknowledge_late: true,
        ..Config::quiet()
    };
    let machine = capture(&server, compression, None, FIRST);
    let mut world = World::new(machine, Discord::new(server.clone(), seed), LinkConfig::rough(), seed);
    // Each is a line in the file, so something does follow.
    world.set_stale_inputs(0.0);
    let secrets = [&server.token, INTERACTION, VOICE].map(String::from).into();
    let mut life = Life { world, secrets, acks: 0, resharded: false };
    life.expect_ready(2);

    life.world.with_server(|discord, now| {
        discord.dispatch(now, "INTERACTION_CREATE", json!({"id": "9", "token": INTERACTION}));
        discord.dispatch(now, "VOICE_SERVER_UPDATE", json!({"guild_id": "7", "token": VOICE}));
    });
    life.run(5);
    let asked = life.call(ClusterCall::RequestMembers(MembersRequest::all(server.guild)));
    assert!(matches!(asked, ClusterAnswer::Members(_)));
    life.call(ClusterCall::Send(Command::Presence(Presence::default())));
    let id = life.world.connection(0, Service::Gateway).expect("a connection");
    life.world.cut_in_message(id);
    life.expect_ready(2);
    life.world.with_server(Discord::gateway_op7);
    life.run(10);
    life.expect_ready(2);
    life.world.with_server(|discord, now| discord.close_shard(now, 1, 4000));
    life.run(10);
    life.expect_ready(2);
    life.world.with_server(|discord, now| {
        discord.unknown_event(now);
        discord.unknown_opcode(now);
        discord.invalidate(now, false);
    });
    life.run(10);
    life.expect_ready(2);
    life.world.with_server(Discord::corrupt_stream);
    life.run(10);
    life.expect_ready(2);
    life.call(ClusterCall::Reshard(Shards::All { count: 3 }));
    life.run(120);
    assert!(life.resharded);
    life.world.set_faults(FaultPlan { cut: 1.0 / 60.0, ..FaultPlan::ROUGH });
    life.run(600);
    life.world.set_faults(FaultPlan::NONE);
    life.expect_ready(3);
    life.call(ClusterCall::Suspend);
    life.run(10);
    assert!(life.world.client(0).is_finished());

    // The next process.
    let state = life.world.client(0).machine().state().aged(Duration::from_secs(10));
    assert_eq!(state.sessions.len(), 3);
    life.secrets.extend(state.sessions.iter().map(|saved| saved.session.id.to_string()));
    life.world.replace_client(0, capture(&server, compression, Some(state), SECOND));
    life.expect_ready(3);
    life.run(60);
    life.call(ClusterCall::Stop);
    life.run(10);
    assert!(life.world.client(0).is_finished());
    life
}

#[track_caller]
fn equal(text: &str) -> Replayed<Cluster> {
    let replayed = replay::<Cluster>(text.lines()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(replayed.end.as_deref(), Some("the machine has finished"));
    // Beside them, the first line and the last.
    let lines = replayed.inputs + replayed.commands + replayed.outputs + 2;
    assert_eq!(lines, text.lines().count() as u64);
    replayed
}

#[test]
fn what_a_cluster_lived_through_is_replayed_from_its_file() {
    let all = [Compression::None, Compression::Payload, Compression::ZlibStream, Compression::ZstdStream];
    for (compression, seed) in all.into_iter().zip(1..) {
        let life = live(compression, seed);
        let [first, second] = [FIRST, SECOND].map(|path| life.text(path));
        assert_eq!(life.world.disk().files().len(), 2);
        for text in [&first, &second] {
            for secret in &life.secrets {
                assert!(!text.contains(secret.as_str()), "{compression:?} {secret}");
            }
        }
        let replays = [&first, &second].map(|text| equal(text));
        let acks = |replayed: &Replayed<Cluster>| replayed.commands;
        assert_eq!(replays.iter().map(acks).sum::<u64>(), life.acks + 5);
        assert!(replays[0].inputs > 500 && first.contains(r#""kind":"closed""#), "{}", replays[0].inputs);
        if matches!(compression, Compression::ZlibStream | Compression::ZstdStream) {
            assert!(first.contains(r#""kind":"corrupt""#), "{compression:?}");
        }
    }
}

#[test]
fn another_input_is_found_out_where_it_shows() {
    let text = live(Compression::ZstdStream, 9).text(FIRST);
    equal(&text);
    let flips = [
        (r#""kind":"frame""#, "MESSAGE_CREATE", "MESSAGE_UPDATE"),
        (r#""kind":"frame""#, "READY", "READX"),
        (r#""kind":"closed""#, "4000", "4003"),
        (r#""kind":"response""#, r#"\"max_concurrency\":1"#, r#"\"max_concurrency\":7"#),
        (r#""kind":"command""#, r#""All":{"count":3}"#, r#""All":{"count":4}"#),
    ];
    for (kind, from, to) in flips {
        let is_it = |line: &str| line.contains(kind) && line.contains(from);
        let flipped = text.lines().position(is_it).unwrap_or_else(|| panic!("no {kind} with {from}"));
        let lines: Vec<String> = text
            .lines()
            .enumerate()
            .map(|(index, line)| if index == flipped { line.replace(from, to) } else { line.into() })
            .collect();
        let error = replay::<Cluster>(lines.iter().map(String::as_str)).unwrap_err();
        let ReplayError::Different { line, .. } = error else { panic!("{from}: {error}") };
        // Lines are counted from 1.
        assert!(line > flipped + 1, "{from}: line {line} for {}", flipped + 1);
        if from == "MESSAGE_CREATE" {
            assert_eq!(line, flipped + 2);
        }
    }
}
