//! A shard and whatever Discord might say to it.

use arbitrary::Unstructured;
use sanscord::entropy::Entropy;
use sanscord::gateway::opcode::OpCode;
use sanscord::gateway::shard::MAX_COMMAND;
use sanscord::gateway::{Config, Intents, Session, Shard};
use sanscord::machine::Scope;
use sanscord::secret::Token;

use crate::drive::Drive;
use crate::step::{Step, steps};

/// The first byte chooses the configuration: bit 0, a session to resume; bits 1 and 2, how many attempts, zero
/// for no end. Steps follow.
pub fn gateway(data: &[u8]) {
    drop(drive(data));
}

/// The same, to see where it leads.
#[must_use]
pub fn drive(data: &[u8]) -> Drive<Shard> {
    let mut data = Unstructured::new(data);
    let choice: u8 = data.arbitrary().unwrap_or_default();
    let url = "wss://gateway.discord.gg".into();
    let attempts = Some(u32::from(choice >> 1 & 3)).filter(|&attempts| attempts > 0);
    let config =
        Config { token: Token::new("token"), intents: Intents::GUILDS, url, shard: Some([0, 1]), attempts };
    let resume_url = Some("wss://gateway-eu.discord.gg".into());
    let session = (choice & 1 == 1).then(|| Session { id: "ab".into(), resume_url, seq: 5 });
    let mut drive = Drive::new(Shard::new(config, session, Scope::new(0), Entropy::new([1; 32])), false);
    for step in steps(data) {
        drive.step(&step);
        match step {
            Step::Command(255, _) => drive.act(|shard, now| shard.stop(now)),
            Step::Command(op, length) => drive.act(|shard, now| {
                // What it answers is the user's to see; that it sends no more than allowed, the driver checks.
                let text = "a".repeat(usize::from(length) * 20);
                let taken = shard.command(now, OpCode::from_number(op.into()), &text);
                assert!(taken.is_err() || text.len() < MAX_COMMAND);
            }),
            _ => {}
        }
    }
    drive
}
