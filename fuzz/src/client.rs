//! The whole client.

use arbitrary::Unstructured;
use sanscord::client::{Client, Config};
use sanscord::gateway::Compression;
use sanscord::id::GuildId;
use sanscord::secret::Token;

use crate::drive::Drive;
use crate::gateway::command;
use crate::message::{GUILD, channel};
use crate::step::{Step, steps};

/// The seed of the client's randomness.
pub const SEED: [u8; 32] = [3; 32];

/// The client that the fuzzer drives.
#[must_use]
pub fn machine(attempts: Option<u32>) -> Client {
    let mut config = Config::new(Token::new("token"));
    config.gateway.attempts = attempts;
    config.gateway.compression = Compression::None;
    Client::new(config, SEED)
}

/// The first byte says how many attempts, zero for no end. Steps follow.
pub fn client(data: &[u8]) {
    drop(drive(data));
}

/// The same, to see where it leads.
#[must_use]
pub fn drive(data: &[u8]) -> Drive<Client> {
    let mut data = Unstructured::new(data);
    let attempts: u8 = data.arbitrary().unwrap_or_default();
    let attempts = Some(u32::from(attempts & 3)).filter(|&attempts| attempts > 0);
    let mut drive = Drive::new(machine(attempts), false);
    for step in steps(data) {
        drive.step(&step);
        if let Step::Command(what, on) = step {
            drive.act(|client, now| match what % 6 {
                0 => client.join(now, GUILD, channel(on & 3)),
                1 => client.leave(now, GUILD),
                2 => client.record(now, GUILD, "calls"),
                3 => client.stop_recording(now, GUILD),
                4 => drop(client.send(now, &command(what / 6, on))),
                _ => client.stop(now),
            });
        }
        // Had the last drain left something behind, this would bring it out.
        drive.idle(|client, now| client.leave(now, GuildId(0)));
    }
    drive
}
