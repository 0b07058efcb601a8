//! A call and whatever both gateways and the network might bring it.

use arbitrary::Unstructured;
use sanscord::entropy::Entropy;
use sanscord::envelope::Envelope;
use sanscord::machine::Scope;
use sanscord::voice::payload::{VoiceServer, VoiceState};
use sanscord::voice::{Call, Config};

use crate::drive::Drive;
use crate::message::{BOT, GUILD, channel};
use crate::step::{Step, steps};

/// The first byte says how many attempts, zero for no end. Steps follow; messages of the main gateway reach the
/// call as a shard would hand them over.
pub fn call(data: &[u8]) {
    drop(drive(data));
}

/// The same, to see where it leads.
#[must_use]
pub fn drive(data: &[u8]) -> Drive<Call> {
    let mut data = Unstructured::new(data);
    let attempts: u8 = data.arbitrary().unwrap_or_default();
    let mut config = Config::new(GUILD, channel(0), BOT);
    config.attempts = Some(u32::from(attempts & 3)).filter(|&attempts| attempts > 0);
    let mut drive = Drive::new(Call::new(config, Scope::new(0), Entropy::new([2; 32])), false);
    for step in steps(data) {
        match step {
            Step::Gateway(_, message) => dispatch(&mut drive, message.gateway()),
            Step::Command(what, on) => drive.act(|call, now| match what % 3 {
                0 => call.handle_gateway_session(now, on & 1 == 1),
                1 => call.leave(now),
                _ => call.handle_gateway_stopped(now),
            }),
            step => drive.step(&step),
        }
        let (tallies, counters) = (drive.machine.tallies(), drive.machine.counters());
        assert!(tallies.values().all(|tally| tally.padding <= tally.received), "{tallies:?} {counters:?}");
    }
    drive
}

fn dispatch(drive: &mut Drive<Call>, message: Vec<u8>) {
    let Ok(envelope) = Envelope::parse(&message.into()) else { return };
    if let Ok(state) = envelope.parse_data::<VoiceState>("state") {
        drive.act(|call, now| call.handle_voice_state(now, &state));
    }
    if let Ok(server) = envelope.parse_data::<VoiceServer>("server") {
        drive.act(|call, now| call.handle_voice_server(now, &server));
    }
}
