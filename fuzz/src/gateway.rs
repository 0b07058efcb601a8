//! A shard and whatever Discord might say to it.

use std::sync::Arc;

use arbitrary::Unstructured;
use sanscord::entropy::Entropy;
use sanscord::gateway::command::{
    ActivityKind, ChannelInfoField, MAX_COMMAND, MembersRequest, Presence, Status, VoiceStateUpdate,
};
use sanscord::gateway::shard::{Identifies, Start};
use sanscord::gateway::{
    Command, Compression, Config, Delivery, Event, Intents, Interest, Receipt, Session, Shard,
};
use sanscord::id::UserId;
use sanscord::machine::Scope;
use sanscord::secret::Token;
use serde_json::Value;

use crate::drive::Drive;
use crate::inflate::COMPRESSIONS;
use crate::message::{GUILD, channel};
use crate::pack::Packer;
use crate::step::{Step, steps};

/// The longest message that is taken in: more would only make the fuzzer slow.
const MAX_MESSAGE: usize = 1 << 16;

/// The first byte chooses the configuration: bit 0, a session to resume; bits 1 and 2, how many attempts, zero
/// for no end; bits 3 and 4, the compression; bit 5, at least once; bit 6, interest in a few events only; bit 7,
/// identifies when granted. Steps follow.
pub fn gateway(data: &[u8]) {
    drop(drive(data));
}

/// The same, to see where it leads.
#[must_use]
pub fn drive(data: &[u8]) -> Drive<Shard> {
    let mut data = Unstructured::new(data);
    let choice: u8 = data.arbitrary().unwrap_or_default();
    let config = config(choice);
    let compression = config.compression;
    let resume_url = Some("wss://gateway-eu.discord.gg".into());
    let session =
        (choice & 1 == 1).then(|| Session { id: "ab".into(), resume_url, seq: 5, delivered: 7, user: None });
    let identifies = if choice & 0x80 == 0 { Identifies::AtOnce } else { Identifies::WhenGranted };
    let start = Start { session, identifies, ..Start::new("wss://gateway.discord.gg") };
    let mut drive =
        Drive::new(Shard::new(Arc::new(config), start, Scope::new(0), Entropy::new([1; 32])), false);
    let (mut packer, mut connects) = (Packer::new(compression), 0);
    let mut receipts: Vec<Receipt> = Vec::new();
    for step in steps(data) {
        if drive.machine.counters().connects != connects {
            connects = drive.machine.counters().connects;
            packer = Packer::new(compression);
        }
        match step {
            Step::Gateway(socket, message) if compression != Compression::None => {
                let message = drive.book.answer(message.gateway());
                drive.step(&Step::Binary(socket, packer.pack(&message)));
            }
            Step::Command(what, on) => act(&mut drive, what, on, &receipts),
            step => drive.step(&step),
        }
        receipts.extend(drive.events.iter().filter_map(|event| match event {
            Event::Dispatch(dispatch) => Some(dispatch.receipt()),
            _ => None,
        }));
        let session = drive.machine.session();
        assert!(
            session.is_none_or(|session| session.seq <= session.delivered),
            "more received than delivered"
        );
        assert!(drive.machine.status().available_sends <= 120);
    }
    drive
}

fn config(choice: u8) -> Config {
    let mut config = Config::new(Token::new("token"), Intents::GUILDS);
    config.attempts = Some(u32::from(choice >> 1 & 3)).filter(|&attempts| attempts > 0);
    config.compression = COMPRESSIONS[usize::from(choice >> 3 & 3)];
    config.max_message = MAX_MESSAGE;
    if choice & 0x20 != 0 {
        config.delivery = Delivery::AtLeastOnce;
    }
    if choice & 0x40 != 0 {
        config.interest = Interest::only(["MESSAGE_CREATE", "NEW_EVENT"]);
    }
    config
}

/// What a user does to a shard. What it answers is the user's to see; that it sends no more than allowed, the driver
/// checks.
fn act(drive: &mut Drive<Shard>, what: u8, on: u8, receipts: &[Receipt]) {
    drive.act(|shard, now| match what {
        255 => shard.stop(now),
        254 => shard.suspend(now),
        253 => shard.grant(now),
        252 => shard.reconnect(now, on & 1 == 1),
        251 => {
            if let Some(receipt) = receipts.iter().rev().nth(on.into()) {
                shard.ack(*receipt);
            }
        }
        250 => drop(shard.probe(now)),
        249 => drop(shard.request_members(now, members(on))),
        _ => {
            let command = command(what, on);
            let length = serde_json::to_string(&command).map_or(0, |text| text.len());
            let taken = shard.send(now, &command);
            assert!(taken.is_err() || length < MAX_COMMAND + 100);
        }
    });
}

/// A request for members; some of them none that Discord would take.
fn members(on: u8) -> MembersRequest {
    match on & 3 {
        0 => MembersRequest::all(GUILD),
        1 => MembersRequest::named(GUILD, "a", (on >> 2).into()),
        2 => MembersRequest::users(GUILD, vec![UserId(5); on.into()]),
        _ => MembersRequest::all(GUILD).with_presences(),
    }
}

/// A command of each kind.
#[must_use]
pub fn command(what: u8, on: u8) -> Command {
    match what % 6 {
        0 => Command::Presence(Presence::new(Status::Idle).activity(ActivityKind::from(on), "here")),
        1 => Command::VoiceState(VoiceStateUpdate {
            guild_id: GUILD,
            channel_id: (on & 4 == 0).then_some(channel(on & 3)),
            self_mute: on & 8 == 8,
            self_deaf: false,
        }),
        2 => Command::Members(members(on)),
        3 => Command::Raw { op: what.into(), d: Value::String("a".repeat(usize::from(on) * 20)) },
        4 => Command::SoundboardSounds { guild_ids: vec![GUILD; (on & 7).into()] },
        _ => {
            Command::ChannelInfo { guild_id: GUILD, fields: vec![ChannelInfoField::Status; (on & 7).into()] }
        }
    }
}
