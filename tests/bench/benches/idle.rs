//! How often an idle machine wakes its driver, and what for.

use sanscord::machine::{Input, Machine, Scope};
use sanscord::record::Recorder;
use sanscord::rtp::aead::{Backend, Mode};
use sanscord::time::{Duration, Timestamp};
use sanscord_bench::measure::print_table;
use sanscord_bench::stage::{self, Peer, Staged, Traffic};

const MODE: Mode = Mode::AeadAes256GcmRtpsize;
const HOUR: Duration = Duration::from_secs(3600);

fn main() {
    let rows = [
        row("Shard in session", stage::shard()),
        row("Call, live", stage::call(Backend::default(), MODE)),
        row("Recorder, one silent track", recorder()),
        row("Client in one call", stage::client(Backend::default(), MODE, 1, false)),
    ];
    let head = [
        "machine",
        "wake-ups by deadline",
        "gateway heartbeats",
        "voice heartbeats",
        "UDP keepalives",
        "Ogg pages",
        "wake-ups for nothing",
    ];
    print_table("An idle hour", &head, &rows);
    println!("\nHeartbeats are acknowledged at once; each acknowledgement is a wake-up by the network.");
}

/// One packet, then silence.
fn recorder() -> Staged<Recorder> {
    let now = Timestamp::ZERO;
    let mut machine = Recorder::new(now, "recordings", Scope::new(2));
    machine.handle_audio(now, stage::SPEAKER, stage::SPEAKER_SSRC, 0, 0, &[0xF8, 0xFF, 0xFE]);
    Staged { machine, peer: Peer::new(MODE), now }
}

fn row<M: Machine>(name: &str, staged: Staged<M>) -> Vec<String> {
    let Staged { mut machine, mut peer, now: start } = staged;
    let mut deadline = peer.settle(start, &mut machine);
    peer.traffic = Traffic::default();
    let (mut wakes, mut idle) = (0_u64, 0_u64);
    while let Some(now) = deadline.filter(|&at| at <= start + HOUR) {
        let before = peer.traffic;
        machine.handle_input(now, Input::Timeout);
        deadline = peer.settle(now, &mut machine);
        assert!(deadline.is_none_or(|at| at > now), "a deadline in the past");
        wakes += 1;
        idle += u64::from(peer.traffic == before);
    }
    let Traffic { gateway, voice, datagrams, appends } = peer.traffic;
    [name.to_owned()]
        .into_iter()
        .chain([wakes, gateway, voice, datagrams, appends, idle].map(|n| n.to_string()))
        .collect()
}
