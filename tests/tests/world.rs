//! The world in memory, driven with toys.

mod toys;

use std::panic::{AssertUnwindSafe, catch_unwind};

use sanscord::machine::{CloseFrame, Closed, FileReport};
use sanscord::time::{Duration, Timestamp};
use sanscord_testing::link::LinkConfig;
use sanscord_testing::server::{ServerOutput, Service};
use sanscord_testing::world::{FaultPlan, World};

use self::toys::{Bug, Echo, Talker, Told};

const MINUTE: Duration = Duration::from_secs(60);

fn world(bug: Bug, seed: u64) -> World<Talker, Echo> {
    let mut world = World::new(Talker::new(bug), Echo::default(), LinkConfig::default(), seed);
    world.set_stale_inputs(0.2);
    world
}

fn told(world: &World<Talker, Echo>) -> Vec<&Told> {
    world.events().iter().map(|happened| &happened.event).collect()
}

fn count(world: &World<Talker, Echo>, wanted: impl Fn(&Told) -> bool) -> usize {
    told(world).into_iter().filter(|told| wanted(told)).count()
}

fn panic_of(run: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(run)).expect_err("the run passed");
    panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "no text".into())
}

#[test]
fn frames_requests_and_datagrams_come_back_after_their_delay() {
    let mut world = world(Bug::None, 1);
    world.expect("an open socket", |world| count(world, |told| *told == Told::Opened) == 1, MINUTE);
    assert_eq!(world.now(), Timestamp::from_millis(40));
    assert_eq!(world.server().upgrades, ["Gateway /talk?v=1"]);
    world.run_for(Duration::from_secs(100) - Duration::from_millis(40));
    assert_eq!(world.now(), Timestamp::from_millis(100_000));
    assert_eq!(count(&world, |told| matches!(told, Told::Echoed(_))), 9);
    assert_eq!(count(&world, |told| *told == Told::Answered(200)), 9);
    let first = world.events().iter().find(|happened| matches!(happened.event, Told::Echoed(_))).unwrap();
    assert_eq!((first.at, &first.event), (Timestamp::from_millis(10_040), &Told::Echoed("1".into())));
    let heard = world.take_audio();
    assert_eq!(heard.len(), 9);
    assert!(heard.iter().zip(1..).all(|(heard, said)| heard.sequence == said && heard.opus.len() == 1));
    assert_eq!(world.audio(), []);
    assert_eq!(world.disk().get("log/talk").unwrap().bytes, b"123456789");
}

#[test]
fn a_seed_decides_everything() {
    let run = |seed| {
        let mut world = World::new(Talker::new(Bug::None), Echo::default(), LinkConfig::rough(), seed);
        world.set_faults(FaultPlan { loss_burst: 0.01, hung_connect: 0.1, ..FaultPlan::ROUGH });
        world.transcript_mut().keep_all();
        world.run_for(MINUTE * 60 * 5);
        let lines: Vec<String> = world.transcript().lines().map(str::to_owned).collect();
        assert_eq!(world.transcript().count(), lines.len() as u64);
        (lines, world.transcript().digest())
    };
    let (lines, digest) = run(11);
    assert_eq!((&lines, digest), (&run(11).0, run(11).1));
    assert_ne!(digest, run(12).1);
    for expected in
        ["net cut", "black hole", "stall", "loses datagrams", "timed out", "refused", "reset by peer"]
    {
        assert!(lines.iter().any(|line| line.contains(expected)), "never: {expected}");
    }
}

#[test]
fn a_cut_reaches_both_ends() {
    let mut world = world(Bug::None, 2);
    world.run_for(MINUTE);
    let id = world.connection(0, Service::Gateway).unwrap();
    assert_eq!(world.connection(0, Service::Voice), None);
    world.cut(id);
    world.run_for(Duration::from_secs(5));
    assert_eq!(world.server().closed, [(id, None)]);
    assert_eq!(count(&world, |told| matches!(told, Told::Closed(Closed::Lost { .. }))), 1);
    assert_eq!(count(&world, |told| *told == Told::Opened), 2);
    assert_eq!(world.connections().len(), 1);
}

#[test]
fn a_black_hole_makes_a_zombie_and_a_stall_does_not() {
    let mut world = world(Bug::None, 3);
    world.run_for(MINUTE);
    let id = world.connection(0, Service::Gateway).unwrap();
    world.stall(id, Duration::from_secs(15));
    world.run_for(Duration::from_secs(5));
    assert_eq!(count(&world, |told| *told == Told::Zombie), 0);
    let id = world.connection(0, Service::Gateway).unwrap();
    world.black_hole(id, Some(MINUTE));
    let is_zombie = |world: &World<_, _>| count(world, |told| *told == Told::Zombie) == 1;
    world.expect("a zombie", is_zombie, Duration::from_secs(30));
    assert_eq!(world.server().closed, [], "the close frame got through");
    world.run_for(MINUTE);
    assert_eq!(world.server().closed, [(id, None)]);
    assert_eq!(world.server().connections.len(), 1);
}

#[test]
fn the_server_may_close_cut_and_refuse() {
    let mut world = world(Bug::None, 4);
    world.run_for(MINUTE);
    let id = world.connection(0, Service::Gateway).unwrap();
    let bye = CloseFrame { code: 4009, reason: "bye".into() };
    let sent = bye.clone();
    world.with_server(|server, _| server.out.push_back(ServerOutput::Close(id, sent)));
    world.run_for(Duration::from_secs(2));
    assert_eq!(count(&world, |told| *told == Told::Closed(Closed::ByPeer(Some(bye.clone())))), 1);
    let id = world.connection(0, Service::Gateway).unwrap();
    world.with_server(|server, _| {
        server.refuses = Some(503);
        server.out.push_back(ServerOutput::Cut(id));
    });
    world.run_for(Duration::from_secs(3));
    assert!(count(&world, |told| matches!(told, Told::Closed(Closed::Lost { .. }))) == 1);
    let refused = |told: &Told| matches!(told, Told::Closed(Closed::Refused { status: Some(503), .. }));
    assert!(count(&world, refused) >= 1);
    // The server has closed these itself and is told nothing more of them.
    assert_eq!(world.server().closed, []);
}

#[test]
fn connects_and_requests_fail_on_demand() {
    let mut world = world(Bug::None, 5);
    world.refuse_connects(true);
    world.fail_requests(1);
    world.run_for(Duration::from_secs(15));
    let refused = |told: &Told| matches!(told, Told::Closed(Closed::Refused { status: None, .. }));
    assert!(count(&world, refused) >= 5);
    assert_eq!(world.server().upgrades.len(), 0);
    world.refuse_connects(false);
    world.run_for(MINUTE);
    assert!(count(&world, |told| matches!(told, Told::Unanswered(_))) == 1);
    assert!(world.server().requests > 0);
}

#[test]
fn requests_meet_their_deadline() {
    let slow = LinkConfig::steady(Duration::from_secs(8));
    let mut world = World::new(Talker::new(Bug::None), Echo::default(), slow, 6);
    world.run_for(MINUTE * 3);
    assert!(count(&world, |told| *told == Told::Unanswered("the deadline has passed".into())) > 3);
    assert_eq!(count(&world, |told| matches!(told, Told::Answered(_))), 0);
}

#[test]
fn a_disk_fills_up_and_refuses() {
    let mut world = world(Bug::None, 7);
    world.disk_mut().set_capacity(Some(3));
    world.run_for(MINUTE);
    let failed = |told: &Told| matches!(told, Told::File(FileReport::Failed { .. }));
    assert_eq!(count(&world, failed), 1);
    assert_eq!(world.disk().get("log/talk").unwrap().bytes, b"123");
    assert!(!world.disk().get("log/talk").unwrap().closed);
    world.with_client(0, |talker, _| talker.open_file("log/talk"));
    world.run_for(Duration::from_secs(1));
    assert_eq!(count(&world, failed), 2, "a file that is there was opened");
    world.disk_mut().set_unwritable(true);
    world.with_client(0, |talker, _| talker.open_file("log/more"));
    world.run_for(Duration::from_secs(1));
    assert_eq!(count(&world, failed), 3);
}

#[test]
fn a_killed_client_leaves_its_connections_and_files() {
    let mut world = world(Bug::None, 8);
    world.run_for(MINUTE);
    let id = world.connection(0, Service::Gateway).unwrap();
    world.replace_client(0, Talker::new(Bug::None));
    world.run_for(MINUTE);
    assert_eq!(world.server().closed, [(id, None)]);
    assert_eq!(world.server().connections.len(), 1);
    assert!(!world.disk().get("log/talk").unwrap().closed);
    // The new one finds the old one's file.
    assert_eq!(count(&world, |told| matches!(told, Told::File(FileReport::Failed { .. }))), 1);
}

#[test]
fn a_client_that_stops_leaves_nothing_to_do() {
    let mut world = world(Bug::None, 9);
    let other = world.add_client(Talker::new(Bug::None));
    world.run_for(MINUTE);
    assert_eq!(world.connections().len(), 2);
    assert!(world.events().iter().any(|happened| happened.client == other));
    for index in [0, other] {
        world.with_client(index, |talker, _| talker.stop());
    }
    let mut steps = 0;
    while world.step() {
        steps += 1;
        assert!(steps < 100);
    }
    assert_eq!(world.connections(), []);
    assert_eq!(world.server().closed.len(), 2);
    assert!(world.server().closed.iter().all(|(_, frame)| *frame == Some(CloseFrame::new(1000))));
    assert!(world.disk().get("log/talk").unwrap().closed);
}

#[test]
fn months_pass_under_faults() {
    let mut world = World::new(Talker::new(Bug::None), Echo::default(), LinkConfig::rough(), 10);
    world.set_faults(FaultPlan { cut: 1e-4, black_hole: 1e-4, ..FaultPlan::ROUGH });
    let days = 10;
    for _ in 0..days {
        world.run_for(MINUTE * 60 * 24);
        assert!(world.take_events().len() > 1000);
        world.take_audio();
    }
    assert_eq!(world.now(), Timestamp::from_millis(days * 24 * 3_600_000));
}

#[test]
fn broken_rules_are_found() {
    for (bug, message) in [
        (Bug::WaitsForThePast, "would spin"),
        (Bug::NeverDrains, "does not end within 10000 outputs"),
        (Bug::SendsBeforeOpen, "is no open WebSocket"),
        (Bug::SendsAfterClose, "is no open WebSocket"),
        (Bug::ClosesTwice, "which is not open"),
        (Bug::SendsTooMuch, "gateway message of 4097 bytes"),
        (Bug::SendsTooOften, "more than 120 gateway messages"),
        (Bug::HeedsTheDead, "a stale input"),
        (Bug::LeavesFilesOpen, "left FileId"),
        (Bug::PointsOutside, "audio at 3..5 of a datagram of 4 bytes"),
    ] {
        let found = panic_of(|| {
            let mut world = world(bug, 99);
            world.run_for(MINUTE);
            let id = world.connection(0, Service::Gateway).unwrap();
            world.cut(id);
            world.run_for(MINUTE * 10);
            world.with_client(0, |talker, _| talker.stop());
        });
        assert!(found.contains(message), "{bug:?}: {found}");
        assert!(found.contains("seed 99") && found.contains("the last steps"), "{found}");
    }
}

#[test]
fn a_condition_that_never_holds_says_what_happened() {
    let found = panic_of(|| world(Bug::None, 42).expect("a miracle", |_| false, MINUTE / 4));
    assert!(found.contains("not within 15s: a miracle") && found.contains("seed 42"), "{found}");
    assert!(found.contains("srv < upgrade 1 Gateway /talk?v=1"), "{found}");
}
