//! Several shards, step by step.

use sanscord_fuzz::step::Step;

use super::Seed;
use super::script::{gateway_message, input};

/// Two shards that may identify at the same time, until `/gateway/bot` was answered.
fn answered() -> Step {
    Step::Response(0, 200, vec![2, 200, 3])
}

/// The shards whose sockets are these come up: all open, then say Hello, then begin or resume a session.
fn come_up(sockets: std::ops::Range<u8>, then: &str) -> Vec<Step> {
    let mut steps = vec![Step::Opened(0); sockets.len()];
    for (name, number) in [("Hello", 41_250), (then, 9)] {
        steps.extend(sockets.clone().map(|socket| Step::Gateway(socket, gateway_message(name, number))));
    }
    steps
}

fn on_each(sockets: std::ops::Range<u8>, name: &str, number: u64) -> Vec<Step> {
    sockets.map(|socket| Step::Gateway(socket, gateway_message(name, number))).collect()
}

pub(super) fn cluster() -> Vec<Seed> {
    let up = [vec![answered()], come_up(0..2, "READY")].concat();
    let then = |choice: u8, steps: &[Step]| input(choice, &[&up[..], steps].concat());
    let pause = [Step::Sleep(6_000_000), Step::Tick];
    // To three shards.
    let reshard = [&[Step::Command(0, 10)], &pause[..], &come_up(2..5, "READY")].concat();
    // First the new shards are to be up to date, then the old ones.
    let drained = [on_each(2..5, "Heartbeat ACK", 0), on_each(0..2, "Heartbeat ACK", 0)].concat();
    let resumed = [vec![Step::Command(3, 1), answered()], come_up(0..2, "RESUMED")].concat();
    let guilds = [&[answered()], &come_up(0..2, "READY with guilds")[..]].concat();
    let granted = [answered(), Step::Command(5, 0), Step::Command(5, 1)];
    vec![
        ("two_shards", then(2, &[Step::Timeout, Step::Command(10, 1)])),
        ("resharded", then(2, &[&reshard[..], &drained].concat())),
        (
            "resharded_while_a_shard_reconnects",
            then(2, &[&reshard[..], &[Step::Gone(0, 0), Step::Timeout, Step::Timeout]].concat()),
        ),
        ("resharding_refused", then(2, &[&reshard[..3], &[Step::Opened(0), Step::Closed(2, 4014)]].concat())),
        ("resharding_twice", then(2, &[Step::Command(0, 10), Step::Command(0, 14), Step::Command(8, 0)])),
        ("recommended_again", then(0, &[Step::Command(0, 0), Step::Response(0, 200, vec![4, 9, 2])])),
        ("another_process_goes_on", then(0x22, &resumed)),
        (
            "acknowledged",
            then(
                0x22,
                &[&on_each(0..2, "MESSAGE_CREATE", 10)[..], &[Step::Command(6, 0)], &resumed].concat(),
            ),
        ),
        (
            "one_shard_stopped_and_started",
            then(2, &[&[Step::Command(1, 0), Step::Command(2, 0)], &pause[..]].concat()),
        ),
        ("one_shard_restarted", then(2, &[Step::Command(4, 0x80), Step::Command(4, 1), Step::Timeout])),
        ("guilds_come", input(2, &[&guilds[..], &on_each(0..2, "GUILD_CREATE", 10)].concat())),
        ("a_shared_queue", input(6, &[&granted[..], &come_up(0..2, "READY")].concat())),
        ("few_identifies_left", input(2, &[Step::Response(0, 200, vec![2, 51, 1]), Step::Timeout])),
        ("suspended", then(2, &[Step::Command(8, 0), Step::Command(0, 10)])),
        ("a_range_of_shards", input(0x41 | 2, &[&[answered()], &come_up(0..2, "READY")[..]].concat())),
        ("token_refused", then(2, &[Step::Closed(1, 4004), Step::Timeout])),
    ]
}
