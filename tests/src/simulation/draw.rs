//! Draws a plan from a seed.

use fastrand::Rng;
use sanscord::gateway::Compression;
use sanscord::gateway::close::{Action, CLOSE_CODES};

use super::plan::{Ending, Millis, Plan, Step};

const SECOND: Millis = 1_000;
const MINUTE: Millis = 60 * SECOND;
const HOUR: Millis = 60 * MINUTE;

impl Plan {
    /// An hour in which something goes wrong every minute or more often.
    #[must_use]
    pub fn dense_hour(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let pause = rng.u64(10..=60) * SECOND;
        Self::draw(seed, rng, HOUR, pause)
    }

    /// A day in which something goes wrong every ten minutes or so.
    #[must_use]
    pub fn day(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let pause = rng.u64(3 * MINUTE..=20 * MINUTE);
        Self::draw(seed, rng, 24 * HOUR, pause)
    }

    /// A plan with no step.
    #[must_use]
    pub const fn quiet(seed: u64, length: Millis) -> Self {
        Self {
            seed,
            length,
            shards: 1,
            guilds: 1,
            max_concurrency: 1,
            identifies: 1_000,
            identifies_reset: 4 * HOUR,
            heartbeat: 41_250,
            delay: (20, 20),
            chatter: 5 * SECOND,
            compression: Compression::None,
            acknowledges: None,
            resume_window: 3 * MINUTE,
            replay_pace: 0,
            steps: Vec::new(),
            ending: Ending::Stop,
        }
    }

    fn draw(seed: u64, mut rng: Rng, length: Millis, pause: Millis) -> Self {
        let rng = &mut rng;
        // Most bots are small, and a second shard shows most of what a fourth does.
        let shards = [1, 1, 1, 2, 2, 3, 4][rng.usize(..7)];
        let compression = match rng.u8(..40) {
            0 => Compression::ZlibStream,
            1 => Compression::ZstdStream,
            2 | 3 => Compression::Payload,
            _ => Compression::None,
        };
        let delay = rng.u64(1..=150);
        let is_short = rng.u8(..20) == 0;
        let mut plan = Self {
            shards,
            guilds: shards + rng.u32(..3),
            max_concurrency: [1, 1, 2, 16][rng.usize(..4)],
            identifies: if is_short { rng.u32(12..=60) } else { 1_000 },
            identifies_reset: rng.u64(10 * MINUTE..=4 * HOUR),
            heartbeat: if rng.bool() { 41_250 } else { rng.u64(10 * SECOND..=60 * SECOND) },
            delay: (delay, delay + rng.u64(..=200)),
            chatter: rng.u64(2 * SECOND..=30 * SECOND),
            compression,
            acknowledges: rng.bool().then(|| rng.u64(..=20 * SECOND)),
            resume_window: rng.u64(MINUTE..=5 * MINUTE),
            replay_pace: if rng.u8(..4) == 0 { rng.u64(..=100) } else { 0 },
            ending: match rng.u8(..4) {
                0 => Ending::Stop,
                1 => Ending::Suspend,
                _ => Ending::Fatal { code: code(rng, true) },
            },
            ..Self::quiet(seed, length)
        };
        let mut at = rng.u64(..=pause);
        while at < length {
            let step = step(rng, compression);
            plan.steps.push((at, step));
            // Trouble comes in company.
            at += if rng.u8(..4) == 0 { rng.u64(..=3 * SECOND) } else { rng.u64(..=2 * pause) };
        }
        plan
    }
}

fn code(rng: &mut Rng, fatal: bool) -> u16 {
    let codes: Vec<u16> =
        CLOSE_CODES.iter().filter(|row| (row.action == Action::Stop) == fatal).map(|row| row.code).collect();
    match rng.u8(..8) {
        // Codes without a row.
        0 if !fatal => [1000, 1001, 1006 + 5, 4006, 4999][rng.usize(..5)],
        _ => codes[rng.usize(..codes.len())],
    }
}

fn step(rng: &mut Rng, compression: Compression) -> Step {
    let which = rng.usize(..8);
    let short = rng.u64(100..=20 * SECOND);
    let long = rng.u64(SECOND..=2 * MINUTE);
    let down = if rng.bool() { rng.u64(..=5 * SECOND) } else { rng.u64(..=6 * MINUTE) };
    match rng.u8(..50) {
        0..5 => Step::Cut { which },
        5..7 => Step::CutInMessage { which },
        7..9 => Step::BlackHole { which, time: long },
        9..11 => Step::Stall { which, time: short },
        11 => Step::LoseCloseFrames { time: long },
        12 => Step::RefuseConnects { time: long },
        13 => Step::HangConnects { time: short },
        14 => Step::FailRequests { count: rng.u32(1..4) },
        15 => Step::RefuseRequests { count: rng.u32(1..4), status: [500, 502, 429][rng.usize(..3)] },
        16..18 => Step::SilenceAcks { time: long },
        18 => Step::Freeze { time: long },
        19 => Step::AskHeartbeats,
        20..23 => Step::Reconnect,
        23..25 => Step::Invalidate { resumable: true },
        25 => Step::Invalidate { resumable: false },
        26..29 => Step::Close { code: code(rng, false) },
        29..31 => Step::CloseShard { number: rng.u32(..4), code: code(rng, false) },
        31 => Step::RefuseUpgrades { count: rng.u32(1..4), status: [403, 429, 500, 503][rng.usize(..4)] },
        32 => Step::BreakHandshake {
            step: rng.u8(..5),
            code: if rng.bool() { Some(code(rng, false)) } else { None },
        },
        33 => Step::ReconnectInsteadOfHello { count: rng.u32(1..3) },
        34 if matches!(compression, Compression::ZlibStream | Compression::ZstdStream) => {
            Step::CorruptStreams
        }
        34 => Step::SendUnknown,
        35 => Step::RestartServer,
        36..38 => Step::Save,
        38..40 => Step::Crash { down, saved: rng.bool(), silent: rng.u8(..3) == 0 },
        40 => Step::Suspend { down },
        41 if rng.bool() => Step::Stop { down },
        41 | 42 => Step::Jump { time: long, behind: rng.bool() },
        43..45 => Step::Hold { time: long },
        45..47 => Step::Reshard { count: rng.u32(1..=4) },
        47 => Step::RestartShard { number: rng.u32(..4), keep: rng.u8(..3) > 0 },
        _ => Step::Flood { kind: rng.u8(..5), count: rng.u32(1..=140) },
    }
}
