//! Captures of a shard.

use std::fmt::Write;

use sanscord::capture::{Capture, ShardCall, ShardSetup};
use sanscord::gateway::shard::Start;
use sanscord::gateway::{Command, Compression, Config, Intents, Shard};
use sanscord::secret::Token;
use sanscord_fuzz::drive::Drive;
use sanscord_fuzz::step::Step;

use super::Seed;
use super::script::gateway_message;

/// What is written of a shard to which this happens.
fn captured(steps: &[Step]) -> String {
    let mut config = Config::new(Token::new("token"), Intents::GUILDS);
    config.compression = Compression::None;
    let setup = ShardSetup { config, start: Start::new("wss://gateway.discord.gg") };
    let mut drive = Drive::new(Capture::<Shard>::new(setup, [5; 32], "shard.jsonl"), true);
    for step in steps {
        match step {
            Step::Command(0, _) => drive.act(|shard, now| {
                let _ = shard.apply(now, ShardCall::Stop);
            }),
            Step::Command(op, _) => drive.act(|shard, now| {
                let command = Command::Raw { op: (*op).into(), d: "d".into() };
                let _ = shard.apply(now, ShardCall::Send(command));
            }),
            step => drive.step(step),
        }
    }
    drive.act(|shard, now| shard.end(now));
    let written = drive.book.written.iter().flatten().map(|(_, file)| String::from_utf8_lossy(file));
    written.collect()
}

pub(super) fn capture() -> Vec<Seed> {
    let says = |name: &str, number: u64| Step::Gateway(0, gateway_message(name, number));
    let begin = [Step::Opened(0), says("Hello", 41_250), says("READY", 1)];
    let then = |steps: &[Step]| captured(&[&begin[..], steps].concat());
    let beats = then(&[Step::Timeout, says("Heartbeat ACK", 0), says("MESSAGE_CREATE", 2)]);
    let mut damaged = beats.clone();
    if let Some(at) = damaged.find("MESSAGE_CREATE") {
        damaged.replace_range(at..at + 7, "TYPING_");
    }
    let mut twice = beats.clone();
    // Writing to a String does not fail.
    let _ = write!(twice, "{beats}");
    let cut = beats[..beats.len() * 2 / 3].into();
    let other = r#"{"at":0,"kind":"begin","version":99,"seed":"","setup":null}"#;
    let seeds = [
        ("heartbeats", beats),
        ("closed_and_resumed", then(&[Step::Gone(0, 0), Step::Timeout, Step::Opened(0)])),
        ("commands", then(&[Step::Command(99, 0), Step::Command(1, 0), Step::Command(0, 0)])),
        ("another_dispatch", damaged),
        ("two_captures", twice),
        ("broken_off", cut),
        ("another_version", other.into()),
    ];
    seeds.map(|(name, text): (&'static str, String)| (name, text.into_bytes())).into()
}
