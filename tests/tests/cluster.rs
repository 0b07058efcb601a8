//! Whole clusters of shards against our Discord, in memory under a virtual clock: first each kind of fault with what
//! must follow from it, then thousands of seeds of an hour each. `SANSCORD_SEED=n` runs one of these alone,
//! `SANSCORD_SEEDS=n` so many; `cargo run --release -p sanscord-testing --example simulate` runs days.

use std::collections::BTreeMap;

use sanscord::cluster::{self, Cluster, Event, Identifies, Shards};
use sanscord::gateway::close::{Action, CLOSE_CODES};
use sanscord::gateway::identify::{self, IdentifyQueue};
use sanscord::gateway::phase::Phase;
use sanscord::gateway::{self, Compression, Intents, ShardId};
use sanscord::machine::{Input, Machine, Output};
use sanscord::rest::gateway::SessionStartLimit;
use sanscord::secret::Token;
use sanscord::time::{Duration, Timestamp};
use sanscord_testing::config;
use sanscord_testing::discord::Discord;
use sanscord_testing::link::LinkConfig;
use sanscord_testing::simulation::{Ending, Outcome, Plan, Step, Tally, run, run_told};
use sanscord_testing::world::World;

const SEEDS: u64 = 2_000;
const MINUTE: u64 = 60_000;

/// A plan with these steps, a minute and a half after the start and then so many milliseconds apart.
fn plan(steps: &[Step], apart: u64) -> Plan {
    let steps: Vec<(u64, Step)> =
        steps.iter().zip(0..).map(|(step, n)| (90_000 + n * apart, *step)).collect();
    Plan { steps, ..Plan::quiet(7, 10 * MINUTE) }
}

#[track_caller]
fn pass(plan: &Plan) -> Outcome {
    match run_told(plan, 80) {
        Ok(outcome) => outcome,
        Err(failure) => panic!("{plan:?}\n{failure}"),
    }
}

/// What must have been counted: identifies, resumes, sessions lost, and so many disconnects of a kind.
#[track_caller]
fn expect(plan: &Plan, [identifies, resumes, gaps]: [u64; 3], kinds: &[(&str, u64)]) -> Outcome {
    let outcome = pass(plan);
    let tally = &outcome.tally;
    let seen = ["identifies", "resumes", "gaps"].map(|name| tally.count(name));
    assert_eq!(seen, [identifies, resumes, gaps], "{:?}: {tally}", plan.steps);
    for (kind, count) in kinds {
        assert_eq!(tally.count(kind), *count, "{kind}, {:?}: {tally}", plan.steps);
    }
    if identifies == 1 {
        assert_eq!(tally.lost, 0, "{:?}: {tally}", plan.steps);
    }
    outcome
}

const RESUMED: [u64; 3] = [1, 1, 0];
const ANEW: [u64; 3] = [2, 0, 1];
const UNMOVED: [u64; 3] = [1, 0, 0];

#[test]
fn nothing_happens_in_peace() {
    let outcome = expect(&plan(&[], 0), UNMOVED, &[("violations excused", 0)]);
    assert!(outcome.tally.messages > 100, "{}", outcome.tally);
}

#[test]
fn what_the_network_does_is_resumed() {
    let cut = Step::Cut { which: 0 };
    expect(&plan(&[cut], 0), RESUMED, &[("lost", 1)]);
    expect(&plan(&[cut; 20], 20_000), [1, 20, 0], &[("lost", 20)]);
    let outcome = expect(&plan(&[Step::CutInMessage { which: 0 }], 0), RESUMED, &[("lost", 1)]);
    assert_eq!(outcome.tally.count("replayed"), 1);
    expect(&plan(&[Step::BlackHole { which: 0, time: 5_000 }], 0), RESUMED, &[("lost", 1)]);
    // The server hears no heartbeat either and has closed with 4009.
    expect(&plan(&[Step::BlackHole { which: 0, time: 120_000 }], 0), ANEW, &[("zombie", 1), ("op 9", 1)]);
    expect(&plan(&[Step::Stall { which: 0, time: 5_000 }], 0), UNMOVED, &[]);
    let lost_close = [Step::LoseCloseFrames { time: 5_000 }, Step::Close { code: 4000 }];
    expect(&plan(&lost_close, 1_000), RESUMED, &[("lost", 1), ("closed", 0)]);
    let outcome = pass(&plan(&[Step::RefuseConnects { time: 20_000 }, cut], 1_000));
    assert_eq!((outcome.tally.count("identifies"), outcome.tally.count("resumes")), (1, 1));
    assert!(outcome.tally.count("refused") > 1);
    expect(
        &plan(&[Step::HangConnects { time: 5_000 }, cut], 1_000),
        RESUMED,
        &[("lost", 1), ("timed out", 1)],
    );
}

#[test]
fn what_the_server_does_is_followed() {
    expect(&plan(&[Step::Reconnect], 0), RESUMED, &[("op 7", 1)]);
    expect(&plan(&[Step::Invalidate { resumable: true }], 0), RESUMED, &[("op 9", 1)]);
    expect(
        &plan(&[Step::Invalidate { resumable: false }], 0),
        ANEW,
        &[("op 9", 1), ("violations excused", 0)],
    );
    expect(&plan(&[Step::AskHeartbeats], 0), UNMOVED, &[]);
    expect(&plan(&[Step::SendUnknown], 0), UNMOVED, &[]);
    // It is missed when the next heartbeat is due, and answers again by then.
    expect(&plan(&[Step::SilenceAcks { time: 60_000 }], 0), RESUMED, &[("zombie", 1)]);
    let frozen = pass(&plan(&[Step::Freeze { time: 100_000 }], 0));
    assert!(frozen.tally.count("zombie") == 1 && frozen.tally.count("gaps") == 0, "{}", frozen.tally);
    // The session is gone, which the server says when it is to be resumed.
    expect(&plan(&[Step::RestartServer], 0), ANEW, &[("lost", 1), ("op 9", 1)]);
    for status in [403, 429, 500, 503] {
        let steps = [Step::RefuseUpgrades { count: 3, status }, Step::Cut { which: 0 }];
        expect(&plan(&steps, 0), RESUMED, &[("lost", 1), ("refused", 3)]);
    }
    let steps = [Step::ReconnectInsteadOfHello { count: 2 }, Step::Cut { which: 0 }];
    expect(&plan(&steps, 0), RESUMED, &[("lost", 1), ("op 7", 2)]);
}

#[test]
fn handshakes_that_break_are_taken_up_again() {
    for (step, resumes) in [(0, 1), (3, 1), (4, 1)] {
        for (code, kind) in [(None, "lost"), (Some(4000), "closed")] {
            let steps = [Step::BreakHandshake { step, code }, Step::Reconnect];
            expect(&plan(&steps, 0), [1, resumes, 0], &[("op 7", 1), (kind, 1)]);
        }
    }
    // Instead of READY: what was spent is spent, and there is no session to lose.
    let steps = [Step::BreakHandshake { step: 1, code: None }, Step::Invalidate { resumable: false }];
    expect(&plan(&steps, 0), [3, 0, 1], &[("lost", 1), ("op 9", 1)]);
}

#[test]
fn every_close_code_is_heeded() {
    for row in CLOSE_CODES {
        let plan = plan(&[Step::Close { code: row.code }], 0);
        match row.action {
            Action::Stop => {
                pass(&Plan { steps: Vec::new(), ending: Ending::Fatal { code: row.code }, ..plan });
            }
            Action::Identify => {
                expect(&plan, ANEW, &[("closed", 1)]);
            }
            // Discord has ended that session: an attempt costs nothing.
            Action::Resume if row.code == 4009 => {
                expect(&plan, ANEW, &[("closed", 1), ("op 9", 1)]);
            }
            Action::Resume => {
                expect(&plan, RESUMED, &[("closed", 1)]);
            }
        }
    }
    for code in [1000, 1001, 1012, 4006, 4015, 4999] {
        expect(&plan(&[Step::Close { code }], 0), RESUMED, &[("closed", 1)]);
    }
    let two = Plan { shards: 2, ..plan(&[Step::CloseShard { number: 1, code: 4000 }], 0) };
    expect(&two, [2, 1, 0], &[("closed", 1)]);
}

#[test]
fn damaged_streams_are_replaced() {
    for compression in [Compression::ZlibStream, Compression::ZstdStream] {
        let plan = Plan { compression, ..plan(&[Step::CorruptStreams], 0) };
        expect(&plan, RESUMED, &[("compression", 1)]);
    }
}

#[test]
fn another_process_goes_on() {
    let crash = |saved| Step::Crash { down: 5_000, saved, silent: false };
    for acknowledges in [None, Some(8_000)] {
        let of = |steps: &[Step]| Plan { acknowledges, ..plan(steps, 12_000) };
        let saved = expect(&of(&[crash(true)]), RESUMED, &[]);
        assert_eq!(saved.tally.duplicates > 0, acknowledges.is_some(), "{}", saved.tally);
        let earlier = expect(&of(&[Step::Save, crash(false)]), RESUMED, &[]);
        assert!(earlier.tally.count("replayed") >= 3, "{}", earlier.tally);
        let silent = Step::Crash { down: 1_000, saved: true, silent: true };
        expect(&of(&[silent]), RESUMED, &[]);
        expect(&of(&[Step::Suspend { down: 30_000 }]), RESUMED, &[]);
        expect(&of(&[crash(true); 3]), [1, 3, 0], &[]);
    }
    // The session was not kept for so long.
    let late = Step::Crash { down: 240_000, saved: true, silent: false };
    expect(&plan(&[late], 0), ANEW, &[("op 9", 1)]);
    expect(&plan(&[Step::Stop { down: 5_000 }], 0), [2, 0, 0], &[]);
    expect(&plan(&[crash(false)], 0), [2, 0, 0], &[]);
}

#[test]
fn a_client_that_slept_comes_back() {
    expect(&plan(&[Step::Hold { time: 5_000 }], 0), UNMOVED, &[]);
    let slept = pass(&plan(&[Step::Hold { time: 110_000 }], 0));
    assert_eq!(slept.tally.count("ends"), 1);
    expect(&plan(&[Step::Jump { time: 5_000, behind: false }], 0), UNMOVED, &[]);
    expect(&plan(&[Step::Jump { time: 5_000, behind: true }], 0), UNMOVED, &[]);
    expect(&plan(&[Step::Jump { time: 100_000, behind: false }], 0), RESUMED, &[("overslept", 1)]);
    // The server hears no heartbeat and closes with 4009.
    expect(&plan(&[Step::Jump { time: 100_000, behind: true }], 0), ANEW, &[("closed", 1)]);
}

#[test]
fn a_flood_of_commands_stays_within_every_limit() {
    for kind in 0..5 {
        let plan = plan(&[Step::Flood { kind, count: 140 }; 3], 20_000);
        expect(&plan, UNMOVED, &[("violations excused", 0)]);
    }
}

#[test]
fn a_shard_is_restarted_as_asked() {
    let restart = |keep| Plan { shards: 2, ..plan(&[Step::RestartShard { number: 1, keep }], 0) };
    expect(&restart(true), [2, 1, 0], &[("by user", 1)]);
    expect(&restart(false), [3, 0, 1], &[("by user", 1)]);
}

#[test]
fn requests_that_fail_are_made_again() {
    let stop = Step::Stop { down: 1_000 };
    let failed = expect(&plan(&[Step::FailRequests { count: 3 }, stop], 0), [2, 0, 0], &[]);
    assert_eq!(failed.tally.count("gateway/bot failed"), 3);
    for status in [500, 502, 429] {
        let refused = plan(&[Step::RefuseRequests { count: 2, status }, stop], 0);
        assert_eq!(expect(&refused, [2, 0, 0], &[]).tally.count("gateway/bot failed"), 2);
    }
}

#[test]
fn resharding_loses_nothing_and_repeats_nothing() {
    let reshards = [2, 4, 2].map(|count| Step::Reshard { count });
    for max_concurrency in [1, 16] {
        let plan = Plan { guilds: 8, max_concurrency, chatter: 400, ..plan(&reshards, 2 * MINUTE) };
        let outcome = pass(&plan);
        let tally = &outcome.tally;
        assert_eq!(tally.count("reshardings"), 3, "{tally}");
        assert_eq!((tally.count("gaps"), tally.lost), (0, 0), "{tally}");
        assert!(tally.messages > 8 * 1_000, "{tally}");
    }
}

#[test]
fn a_seed_decides_everything() {
    for seed in 0..5 {
        let digest = |seed| {
            let outcome = run_told(&Plan::dense_hour(seed), 1).unwrap();
            (outcome.digest, outcome.tally)
        };
        assert_eq!(digest(seed), digest(seed));
        assert_ne!(digest(seed).0, digest(seed + 1).0);
    }
}

#[test]
fn plans_survive_json() {
    for seed in 0..50 {
        let plan = Plan::day(seed);
        let text = serde_json::to_string(&plan).unwrap();
        assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan);
    }
}

/// Two processes, one queue for their identifies.
struct Fleet {
    world: World<Cluster, Discord>,
    queue: IdentifyQueue,
    identified: BTreeMap<u32, Vec<Timestamp>>,
}

impl Fleet {
    const SHARDS: u32 = 6;
    const KEYS: u32 = 2;

    fn new(seed: u64) -> Self {
        let config =
            config::Config { max_concurrency: Self::KEYS, shards: Self::SHARDS, ..config::Config::quiet() };
        let cluster = |first: u32| {
            let mut gateway = gateway::Config::new(Token::new(&config.token), Intents::NON_PRIVILEGED);
            gateway.compression = Compression::None;
            let mut cluster = cluster::Config::new(gateway);
            cluster.identifies = Identifies::Shared;
            cluster.shards = Shards::Range { first, last: first + Self::SHARDS / 2 - 1, count: Self::SHARDS };
            Cluster::new(cluster, [first as u8; 32])
        };
        let (one, other) = (cluster(0), cluster(Self::SHARDS / 2));
        let limit =
            SessionStartLimit { total: 1_000, remaining: 1_000, reset_after: 0, max_concurrency: Self::KEYS };
        let mut world = World::new(one, Discord::new(config, seed), LinkConfig::default(), seed);
        world.add_client(other);
        let queue = IdentifyQueue::new(Timestamp::ZERO, &limit);
        Self { world, queue, identified: BTreeMap::new() }
    }

    fn run_for(&mut self, time: Duration) {
        let end = self.world.now() + time;
        loop {
            let due = self.serve().filter(|at| *at < end).unwrap_or(end);
            if self.world.step_until(due) {
                continue;
            }
            self.queue.handle_input(due, Input::Timeout);
            if due == end {
                return;
            }
        }
    }

    /// Carries what was told from the processes to the queue and back. Answers when the queue is next due.
    fn serve(&mut self) -> Option<Timestamp> {
        let now = self.world.now();
        for happened in self.world.take_events() {
            match happened.event {
                Event::IdentifyWanted(id) => self.queue.request(now, id),
                Event::IdentifyWithdrawn(id) => self.queue.withdraw(now, id),
                Event::IdentifySent(id) => {
                    self.queue.sent(now, id);
                    self.identified.entry(id.bucket(Self::KEYS)).or_default().push(happened.at);
                }
                _ => {}
            }
        }
        loop {
            match self.queue.poll_output() {
                Output::Event(identify::Event::Granted(id)) => {
                    let owner = usize::from(id.number >= Self::SHARDS / 2);
                    self.world.with_client(owner, |cluster, now| cluster.grant(now, id));
                }
                Output::Event(_) => {}
                Output::Wait(at) => return at,
                other => panic!("the queue asks for {other:?}"),
            }
        }
    }

    fn in_session(&self) -> usize {
        let clusters = [self.world.client(0), self.world.client(1)];
        let shards = clusters.into_iter().flat_map(Cluster::shards);
        shards.filter(|shard| matches!(shard.phase(), Phase::Ready { .. })).count()
    }
}

#[test]
fn processes_that_share_a_queue_keep_its_spacing() {
    for seed in 0..20 {
        let mut fleet = Fleet::new(seed);
        for round in 0..6 {
            fleet.run_for(Duration::from_secs(40));
            assert_eq!(fleet.in_session(), Fleet::SHARDS as usize, "seed {seed}, round {round}");
            match round {
                0 | 3 => fleet.world.with_server(|discord, now| discord.invalidate(now, false)),
                1 => fleet.world.with_server(Discord::restart),
                2 => {
                    for number in [0, 4] {
                        let id = ShardId { number, count: Fleet::SHARDS };
                        let owner = usize::from(number >= Fleet::SHARDS / 2);
                        let restart = |c: &mut Cluster, now| c.restart_shard(now, id, false);
                        fleet.world.with_client(owner, restart);
                    }
                }
                _ => fleet.world.with_server(Discord::cut_gateway),
            }
        }
        assert_eq!(fleet.world.server().violations(), [], "seed {seed}");
        for times in fleet.identified.values() {
            let is_spaced = |pair: &[Timestamp]| pair[1].since(pair[0]) >= Duration::from_secs(5);
            assert!(times.windows(2).all(is_spaced), "seed {seed}: {times:?}");
            assert!(times.len() >= 12, "seed {seed}: {times:?}");
        }
    }
}

fn variable(name: &str) -> Option<u64> {
    Some(std::env::var(name).ok()?.parse().expect("a number"))
}

/// What must be seen now and then over many seeds, or the faults have no teeth.
const TEETH: [&str; 12] = [
    "gaps",
    "resumes",
    "replayed",
    "reshardings",
    "reshardings with a gap",
    "zombie",
    "overslept",
    "refused",
    "timed out",
    "members",
    "identifies exhausted",
    "ends",
];

/// The seeds in `share` of `shares`, so that the cores divide the work.
fn share(share: u64, shares: u64) {
    if let Some(seed) = variable("SANSCORD_SEED") {
        if share == 0 {
            pass(&Plan::dense_hour(seed));
        }
        return;
    }
    let seeds = variable("SANSCORD_SEEDS").unwrap_or(SEEDS);
    let mut tally = Tally::default();
    let mut time = Duration::ZERO;
    let mut kinds = BTreeMap::new();
    for seed in (share..seeds).step_by(shares as usize) {
        let plan = Plan::dense_hour(seed);
        match run(&plan) {
            Ok(outcome) => {
                tally.merge(&outcome.tally);
                time += outcome.time;
            }
            Err(_) => {
                pass(&plan);
                panic!("seed {seed} failed, and passes when it is run again");
            }
        }
        for (_, step) in plan.steps {
            *kinds.entry(step.kind()).or_insert(0_u64) += 1;
        }
    }
    println!("{} seeds, {} virtual hours: {tally}", seeds / shares, time.as_secs() / 3_600);
    if seeds >= 1_000 {
        for what in TEETH {
            assert!(tally.count(what) > 0, "never {what}: the faults have no teeth");
        }
        assert!(tally.duplicates > 0 && tally.lost > 0 && tally.messages > 100 * seeds);
        assert!(kinds.len() >= 30 && kinds.values().all(|count| *count > seeds / 20), "{kinds:?}");
    }
}

#[test]
fn keeps_its_promises_for_every_seed_even() {
    share(0, 2);
}

#[test]
fn keeps_its_promises_for_every_seed_odd() {
    share(1, 2);
}
