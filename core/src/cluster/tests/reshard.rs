//! Changes of shards.

use alloc::format;
use alloc::vec::Vec;

use serde_json::{Value, json};

use super::{Bench, config};
use crate::cluster::{Config, Event, Identifies, ReshardError, ReshardFailure, Shards};
use crate::gateway::command::Presence;
use crate::gateway::{Command, EventName, Interest, ShardId};
use crate::machine::{CloseFrame, Closed, Input};
use crate::time::Duration;

/// Guild `n << 22` is served by shard `n % count`.
fn guild(n: u64) -> Value {
    json!({"id": format!("{}", n << 22), "guild_id": format!("{}", n << 22)})
}

#[test]
fn resharding_loses_nothing_and_tells_nothing_twice() {
    let mut bench = Bench::running(config(), 1);
    let old = ShardId::ONLY;
    let new = [ShardId::new(0, 2), ShardId::new(1, 2)];
    assert_eq!(bench.cluster.reshard(bench.now, Shards::All { count: 1 }), Err(ReshardError::SameCount));
    bench.cluster.reshard(bench.now, Shards::All { count: 2 }).unwrap();
    assert_eq!(bench.cluster.reshard(bench.now, Shards::All { count: 4 }), Err(ReshardError::UnderWay));
    bench.run(Duration::from_secs(20));
    assert_eq!(bench.identified.len(), 3);
    // Quiet: the old shard tells what happens.
    for id in [old, new[0]] {
        bench.dispatch(id, "EARLY", &guild(0));
    }
    bench.silent = 2;
    for (id, n) in [(new[0], 0), (new[1], 1)] {
        bench.dispatch(id, "GUILD_CREATE", &guild(n));
    }
    // All guilds are there: the new shards are asked for a heartbeat, and until it is acknowledged they may lag.
    bench.dispatch(old, "LAGGING", &guild(0));
    bench.dispatch(new[0], "LAGGING", &guild(0));
    bench.silent = 1;
    for id in new {
        bench.acknowledge(id);
        assert_eq!(bench.cluster.count(), 1);
    }
    // The old shard is asked, and what the new ones tell is held.
    bench.dispatch(new[1], "BOTH", &guild(1));
    bench.dispatch(old, "BOTH", &guild(1));
    bench.dispatch(new[1], "LATE", &guild(1));
    assert!(bench.told("LATE").is_empty());
    assert_eq!(bench.told("BOTH"), [(old, guild(1))]);
    bench.acknowledge(old);
    assert_eq!(bench.cluster.count(), 2);
    let resharded = |event: &Event| matches!(event, Event::Resharded { from: 1, to: 2, gap: false });
    assert!(bench.events.iter().any(resharded));
    assert_eq!(bench.told("LATE"), [(new[1], guild(1))]);
    for name in ["BOTH", "EARLY", "LAGGING"] {
        assert_eq!(bench.told(name).len(), 1, "{name}");
    }
    assert_eq!(bench.closed, [(Some(old), 1000)]);
    bench.dispatch(new[0], "AFTER", &guild(0));
    assert_eq!(bench.told("AFTER"), [(new[0], guild(0))]);
    bench.silent = 0;
    bench.run(Duration::from_secs(120));
    assert_eq!(bench.ready(), 2);
}

#[test]
fn a_new_shard_that_loses_its_connection_takes_over_when_it_is_up_to_date() {
    let mut bench = Bench::running(config(), 1);
    let (old, new) = (ShardId::ONLY, [ShardId::new(0, 2), ShardId::new(1, 2)]);
    bench.cluster.reshard(bench.now, Shards::All { count: 2 }).unwrap();
    bench.run(Duration::from_secs(20));
    bench.silent = 1;
    for (id, n) in [(new[0], 0), (new[1], 1)] {
        bench.dispatch(id, "GUILD_CREATE", &guild(n));
    }
    let ready = |bench: &Bench| match bench.events.last() {
        Some(Event::Resharding { ready, total: 2 }) => Some(*ready),
        _ => None,
    };
    assert_eq!(ready(&bench), Some(2));
    bench.dispatch(new[1], "HELD", &guild(1));
    let socket = bench.socket(new[1]);
    bench.sockets.remove(&socket);
    bench.input(Input::Closed(socket, Closed::ByPeer(None)));
    assert_eq!(ready(&bench), Some(1));
    // The old shard answers too late: meanwhile it tells what the new one misses.
    bench.dispatch(old, "HELD", &guild(1));
    bench.dispatch(old, "MISSED", &guild(1));
    bench.acknowledge(old);
    assert_eq!(bench.cluster.count(), 1);
    bench.silent = 3;
    bench.run(Duration::from_secs(10));
    assert_eq!(bench.resumed, ["1/2"]);
    assert_eq!(bench.cluster.count(), 2);
    assert!(bench.told("RESUMED").is_empty());
    assert_eq!((bench.told("HELD").len(), bench.told("MISSED").len()), (1, 1));
}

#[test]
fn old_shards_that_do_not_answer_hold_nothing_up_for_ever() {
    let mut bench = Bench::running(config(), 1);
    bench.cluster.reshard(bench.now, Shards::All { count: 2 }).unwrap();
    bench.run(Duration::from_secs(20));
    bench.silent = 1;
    let started = bench.now;
    while bench.cluster.count() == 1 {
        bench.run(Duration::from_secs(1));
        assert!(bench.now.since(started) < Duration::from_secs(180), "{:?}", bench.cluster);
    }
    assert!(bench.events.iter().any(|event| matches!(event, Event::Resharded { gap: true, .. })));
}

#[test]
fn new_shards_that_are_refused_leave_the_old_ones_alone() {
    let mut bench = Bench::running(config(), 1);
    bench.cluster.reshard(bench.now, Shards::All { count: 2 }).unwrap();
    bench.run(Duration::from_secs(3));
    let socket = bench.socket(ShardId::new(0, 2));
    bench.sockets.remove(&socket);
    bench.input(Input::Closed(socket, Closed::ByPeer(Some(CloseFrame::new(4010)))));
    assert!(bench.events.iter().any(|event| matches!(event, Event::ReshardFailed { .. })));
    bench.run(Duration::from_secs(60));
    assert_eq!((bench.ready(), bench.cluster.count(), bench.stopped()), (1, 1, None));
}

/// A bench whose two new shards are up and asked for a heartbeat, which is not acknowledged; nor is the old one's.
fn probing() -> (Bench, ShardId, [ShardId; 2]) {
    let mut bench = Bench::running(config(), 1);
    let new = [ShardId::new(0, 2), ShardId::new(1, 2)];
    bench.cluster.reshard(bench.now, Shards::All { count: 2 }).unwrap();
    bench.run(Duration::from_secs(20));
    bench.silent = 2;
    for (id, n) in [(new[0], 0), (new[1], 1)] {
        bench.dispatch(id, "GUILD_CREATE", &guild(n));
    }
    (bench, ShardId::ONLY, new)
}

#[test]
fn what_both_told_before_does_not_swallow_the_same_again() {
    // Old first, new first, and twice.
    for order in [["old", "new"].as_slice(), &["new", "old"], &["old", "old", "new", "new"]] {
        let (mut bench, old, new) = probing();
        for teller in order {
            let id = if *teller == "old" { old } else { new[0] };
            bench.dispatch(id, "REACTION", &guild(0));
        }
        let before = bench.told("REACTION").len();
        bench.silent = 1;
        for id in new {
            bench.acknowledge(id);
        }
        // Again, now that the new shards are up to date: once for both sides, once for the new one alone.
        bench.dispatch(new[0], "REACTION", &guild(0));
        bench.dispatch(old, "REACTION", &guild(0));
        bench.dispatch(new[0], "REACTION", &guild(0));
        bench.silent = 2;
        bench.acknowledge(old);
        assert_eq!(bench.cluster.count(), 2);
        // And while the new shards' last heartbeat is under way.
        bench.dispatch(new[0], "REACTION", &guild(0));
        assert_eq!(bench.told("REACTION").len() - before, 3, "{order:?}");
    }
}

#[test]
fn what_was_told_long_before_does_not_swallow_the_same_again() {
    let mut bench = Bench::running(config(), 1);
    let (old, new) = (ShardId::ONLY, [ShardId::new(0, 2), ShardId::new(1, 2)]);
    bench.cluster.reshard(bench.now, Shards::All { count: 2 }).unwrap();
    // The new shards are not in session yet.
    bench.dispatch(old, "REACTION", &guild(0));
    bench.run(Duration::from_secs(20));
    bench.silent = 1;
    for (id, n) in [(new[0], 0), (new[1], 1)] {
        bench.dispatch(id, "GUILD_CREATE", &guild(n));
    }
    bench.dispatch(new[0], "REACTION", &guild(0));
    bench.silent = 2;
    bench.acknowledge(old);
    assert_eq!(bench.cluster.count(), 2);
    assert_eq!(bench.told("REACTION").len(), 2);
}

#[test]
fn what_was_held_when_a_connection_was_lost_is_not_told_twice() {
    let (mut bench, old, new) = probing();
    bench.silent = 1;
    for id in new {
        bench.acknowledge(id);
    }
    bench.dispatch(new[0], "HELD", &guild(0));
    let socket = bench.socket(new[1]);
    bench.sockets.remove(&socket);
    bench.input(Input::Closed(socket, Closed::ByPeer(None)));
    bench.dispatch(old, "HELD", &guild(0));
    bench.run(Duration::from_secs(9));
    // The same once more, of which the new shards tell after they took over.
    bench.dispatch(new[0], "HELD", &guild(0));
    // The heartbeat of the first attempt, and that of the second.
    bench.acknowledge(old);
    bench.acknowledge(old);
    assert_eq!(bench.cluster.count(), 2);
    assert_eq!(bench.told("HELD").len(), 2);
}

#[test]
fn a_change_that_comes_to_nothing_says_so_and_new_shards_end_unheard() {
    let failures = |bench: &Bench| -> Vec<ReshardFailure> {
        let failures = bench.events.iter().filter_map(|event| match event {
            Event::ReshardFailed { reason } => Some(reason.clone()),
            _ => None,
        });
        failures.collect()
    };
    let mut bench = Bench::running(config(), 2);
    bench.cluster.reshard(bench.now, Shards::Recommended).unwrap();
    bench.run(Duration::from_secs(1));
    assert_eq!(failures(&bench), [ReshardFailure::SameCount]);
    bench.cluster.reshard(bench.now, Shards::Recommended).unwrap();
    bench.cluster.cancel_reshard(bench.now);
    bench.shards = 4;
    bench.run(Duration::from_secs(1));
    assert_eq!(failures(&bench)[1..], [ReshardFailure::Cancelled]);
    bench.cluster.cancel_reshard(bench.now);
    bench.cluster.reshard(bench.now, Shards::Recommended).unwrap();
    bench.run(Duration::from_secs(8));
    bench.cluster.cancel_reshard(bench.now);
    bench.run(Duration::from_secs(60));
    assert_eq!(failures(&bench)[2..], [ReshardFailure::Cancelled]);
    assert_eq!((bench.ready(), bench.cluster.count(), bench.stopped()), (2, 2, None));
    let heard = bench.events.iter().any(|event| matches!(event, Event::Shard(id, _) if id.count == 4));
    assert!(!heard, "{:?}", bench.events);
    assert!(bench.closed.iter().all(|(id, code)| id.is_some_and(|id| id.count == 4) && *code == 1000));
    // Their places in the queue are free again.
    bench.cluster.reshard(bench.now, Shards::All { count: 3 }).unwrap();
    bench.run(Duration::from_secs(60));
    assert_eq!((bench.ready(), bench.cluster.count()), (3, 3));
}

#[test]
fn a_shared_queue_hears_of_every_identify() {
    let mut bench = Bench::new(Config { identifies: Identifies::Shared, ..config() });
    let sent =
        |bench: &Bench| bench.events.iter().filter(|event| matches!(event, Event::IdentifySent(_))).count();
    bench.run(Duration::from_secs(1));
    bench.cluster.grant(bench.now, ShardId::ONLY);
    bench.run(Duration::from_secs(1));
    assert_eq!((bench.ready(), sent(&bench)), (1, 1));
    bench.cluster.reshard(bench.now, Shards::All { count: 2 }).unwrap();
    bench.run(Duration::from_secs(1));
    for number in [0, 1] {
        bench.cluster.grant(bench.now, ShardId::new(number, 2));
    }
    bench.run(Duration::from_secs(1));
    assert_eq!(sent(&bench), 3);
}

#[test]
fn new_shards_follow_the_users_last_wishes() {
    let mut bench = Bench::running(config(), 1);
    bench.cluster.set_interest(Interest::only([EventName::from("WANTED")]));
    let presence = Presence { afk: true, ..Presence::default() };
    bench.cluster.send(bench.now, &Command::Presence(presence.clone())).unwrap();
    bench.cluster.reshard(bench.now, Shards::All { count: 2 }).unwrap();
    bench.run(Duration::from_secs(120));
    assert_eq!(bench.cluster.count(), 2);
    assert_eq!(bench.presences[1..], [json!(presence), json!(presence)]);
    for name in ["WANTED", "UNWANTED"] {
        bench.dispatch(ShardId::new(1, 2), name, &guild(1));
    }
    assert_eq!((bench.told("WANTED").len(), bench.told("UNWANTED").len()), (1, 0));
}
