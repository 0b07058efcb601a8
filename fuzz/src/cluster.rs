//! Several shards and whatever Discord, their user and a change of processes might do to them.

use arbitrary::Unstructured;
use sanscord::cluster::{Cluster, Config, Event, Identifies, Shards, State};
use sanscord::gateway::{self, Compression, Delivery, Intents, Receipt, ShardId};
use sanscord::secret::Token;
use sanscord::time::Duration;

use crate::drive::Drive;
use crate::gateway::command;
use crate::step::{Step, steps};

/// The most shards: what a fuzzer can still tell apart.
const MOST: u32 = 6;

/// The first byte chooses: bits 0 and 1, how many shards, zero for as many as recommended; bit 2, who decides when
/// one may identify; bits 3 and 4, how many attempts, zero for no end; bit 5, at least once; bit 6, only the first
/// two shards. Steps follow. An answer of up to three bytes stands for one of `/gateway/bot`: shards, identifies
/// left, identifies at once.
pub fn cluster(data: &[u8]) {
    drop(drive(data));
}

/// The same, to see where it leads.
#[must_use]
pub fn drive(data: &[u8]) -> Drive<Cluster> {
    let mut data = Unstructured::new(data);
    let choice: u8 = data.arbitrary().unwrap_or_default();
    let mut drive = Drive::new(machine(choice, None), false);
    let mut receipts: Vec<Receipt> = Vec::new();
    for step in steps(data) {
        match step {
            Step::Response(request, 200, body) if body.len() <= 3 => {
                drive.step(&Step::Response(request, 200, gateway_bot(&body)));
            }
            Step::Command(3, age) => {
                drive = restore(&drive.machine, choice, age);
                receipts.clear();
            }
            Step::Command(what, on) => drive.act(|cluster, now| match what % 12 {
                0 => drop(cluster.reshard(now, shards(on))),
                1 => cluster.stop_shard(now, id(cluster, on)),
                2 => drop(cluster.start_shard(now, on.into(), None)),
                3 => drop(cluster.start_shard(
                    now,
                    on.into(),
                    cluster.state().sessions.pop().map(|s| s.session),
                )),
                4 => cluster.restart_shard(now, id(cluster, on), on & 0x80 != 0),
                5 => cluster.grant(now, id(cluster, on)),
                6 => {
                    if let Some(receipt) = receipts.iter().rev().nth(on.into()) {
                        cluster.ack(*receipt);
                    }
                }
                7 => drop(cluster.send_on(now, id(cluster, on), &command(on, what))),
                8 => cluster.suspend(now),
                9 if on == 0 => cluster.stop(now),
                _ => drop(cluster.send(now, &command(what / 12, on))),
            }),
            step => drive.step(&step),
        }
        receipts.extend(drive.events.iter().filter_map(|event| match event {
            Event::Shard(_, gateway::Event::Dispatch(dispatch)) => Some(dispatch.receipt()),
            _ => None,
        }));
        check(&drive.machine);
    }
    drive
}

fn check(cluster: &Cluster) {
    let count = cluster.count();
    assert!(cluster.shards().all(|shard| shard.id().count == count && shard.id().number < count));
    let state = cluster.state();
    // Before there are shards it is what is yet to be restored.
    let is_begun = count > 0;
    let owned = state.sessions.iter().all(|saved| cluster.shard(saved.shard).is_some());
    assert!(owned || !is_begun, "a session of no shard");
    let Ok(saved) = serde_json::to_string(&state) else { panic!("the state cannot be saved") };
    assert!(serde_json::from_str::<State>(&saved).is_ok_and(|restored| restored == state), "{saved}");
}

/// Another process goes on with the state, and starts anew with what it knows not.
fn restore(cluster: &Cluster, choice: u8, age: u8) -> Drive<Cluster> {
    let state = cluster.state().aged(Duration::from_secs(u64::from(age) * 60));
    Drive::new(machine(choice, Some(state)), false)
}

fn machine(choice: u8, state: Option<State>) -> Cluster {
    let mut gateway = gateway::Config::new(Token::new("token"), Intents::GUILDS);
    gateway.compression = Compression::None;
    gateway.attempts = Some(u32::from(choice >> 3 & 3)).filter(|&attempts| attempts > 0);
    if choice & 0x20 != 0 {
        gateway.delivery = Delivery::AtLeastOnce;
    }
    let mut config = Config::new(gateway);
    config.shards = match (choice & 3, choice & 0x40) {
        (0, _) => Shards::Recommended,
        (count, 0) => Shards::All { count: count.into() },
        (count, _) => Shards::Range { first: 0, last: 1, count: u32::from(count) + 1 },
    };
    config.identifies = if choice & 4 == 0 { Identifies::Own } else { Identifies::Shared };
    config.state = state;
    Cluster::new(config, [4; 32])
}

fn id(cluster: &Cluster, on: u8) -> ShardId {
    ShardId::new(u32::from(on & 7), cluster.count())
}

fn shards(on: u8) -> Shards {
    let count = u32::from(on >> 2) % MOST + 1;
    match on & 3 {
        0 => Shards::Recommended,
        1 => Shards::Range { first: 0, last: 0, count },
        _ => Shards::All { count },
    }
}

fn gateway_bot(body: &[u8]) -> Vec<u8> {
    let byte = |at: usize| body.get(at).copied();
    let shards = u32::from(byte(0).unwrap_or(2)).clamp(1, MOST);
    let remaining = byte(1).unwrap_or(200);
    let at_once = byte(2).unwrap_or(1).max(1);
    let limit = serde_json::json!({"total": 1000, "remaining": remaining, "reset_after": 14_400_000,
        "max_concurrency": at_once});
    let bot = serde_json::json!({"url": "wss://gateway.discord.gg", "shards": shards, "session_start_limit": limit});
    bot.to_string().into_bytes()
}
