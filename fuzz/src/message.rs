//! Messages and datagrams that are nearly what Discord sends: what a fuzzer would take long to find by itself.

use std::net::IpAddr;

use arbitrary::{Arbitrary, Result, Unstructured};
use sanscord::id::{ChannelId, GuildId, UserId};
use sanscord::rtp::aead::{Backend, Cipher, KEY, Mode};
use sanscord::rtp::header::Header;
use sanscord::voice::discovery;
use serde_json::{Value, json};

/// The bot.
pub const BOT: UserId = UserId(1_104_694_319_306_248_192);
/// The guild of whose calls the messages tell.
pub const GUILD: GuildId = GuildId(1_099_511_627_776_000_001);
/// Each byte of the key that Session Description carries.
pub const KEY_BYTE: u8 = 7;

/// The voice channel of this number.
#[must_use]
pub const fn channel(number: u8) -> ChannelId {
    ChannelId(1_099_511_627_776_000_020 + number as u64)
}

/// A message with a number in it and, perhaps, one byte changed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Message {
    /// Which message.
    pub kind: u8,
    /// What it tells.
    pub number: u64,
    /// The byte that is changed; none if the message is shorter.
    pub at: u16,
    /// What the byte becomes.
    pub byte: u8,
}

impl Message {
    /// A message without a change.
    #[must_use]
    pub const fn new(kind: u8, number: u64) -> Self {
        Self { kind, number, at: u16::MAX, byte: 0 }
    }

    /// As a message of the main gateway.
    #[must_use]
    pub fn gateway(&self) -> Vec<u8> {
        self.change(&gateway(self.kind, self.number))
    }

    /// As a message of the voice gateway.
    #[must_use]
    pub fn voice(&self) -> Vec<u8> {
        self.change(&voice(self.kind, self.number))
    }

    /// Writes what [`Arbitrary`] reads.
    pub fn encode(&self, to: &mut Vec<u8>) {
        to.push(self.kind);
        to.extend(self.number.to_le_bytes());
        to.extend(self.at.to_le_bytes());
        to.push(self.byte);
    }

    fn change(&self, message: &Value) -> Vec<u8> {
        let mut text = message.to_string().into_bytes();
        if let Some(byte) = text.get_mut(usize::from(self.at)) {
            *byte = self.byte;
        }
        text
    }
}

impl<'a> Arbitrary<'a> for Message {
    fn arbitrary(data: &mut Unstructured<'a>) -> Result<Self> {
        Ok(Self {
            kind: data.arbitrary()?,
            number: data.arbitrary()?,
            at: data.arbitrary()?,
            byte: data.arbitrary()?,
        })
    }
}

/// Messages of the main gateway, by [`Message::kind`].
pub const GATEWAY: [&str; 16] = [
    "Hello",
    "READY",
    "RESUMED",
    "MESSAGE_CREATE",
    "Heartbeat",
    "Reconnect",
    "Invalid Session",
    "Heartbeat ACK",
    "VOICE_STATE_UPDATE",
    "VOICE_SERVER_UPDATE",
    "VOICE_SERVER_UPDATE without an endpoint",
    "READY with guilds",
    "GUILD_CREATE",
    "GUILD_MEMBERS_CHUNK",
    "RATE_LIMITED",
    "unknown",
];

/// Stands in a message for the nonce of the last request for members.
pub const NONCE: &str = "0000nonce0000";

/// A guild of those that READY may name.
const fn guild(number: u64) -> GuildId {
    GuildId(GUILD.0 + (number << 22))
}

fn gateway(kind: u8, number: u64) -> Value {
    let dispatch = |t: &str, d: Value| json!({"t": t, "s": number & 0xFFFF, "op": 0, "d": d});
    let choice = (number >> 16) as u8;
    match GATEWAY[usize::from(kind) % GATEWAY.len()] {
        "Hello" => json!({"t": null, "s": null, "op": 10, "d": {"heartbeat_interval": number}}),
        "READY" => {
            let url = (choice & 1 == 0).then_some("wss://gateway-eu.discord.gg");
            let ready = json!({"v": 10, "session_id": "ab", "resume_gateway_url": url, "user": {"id": BOT}});
            dispatch("READY", ready)
        }
        "RESUMED" => dispatch("RESUMED", json!({})),
        "MESSAGE_CREATE" => json!({"t": "MESSAGE_CREATE", "s": number, "op": 0, "d": {"content": "hi"}}),
        "Heartbeat" => json!({"op": 1, "d": null}),
        "Reconnect" => json!({"op": 7, "d": null}),
        "Invalid Session" => json!({"op": 9, "d": number & 1 == 1}),
        "Heartbeat ACK" => json!({"op": 11}),
        "VOICE_STATE_UPDATE" => {
            let user = if choice & 4 == 0 { BOT } else { UserId(5) };
            let channel = (choice & 3 != 3).then_some(channel(choice & 3));
            let session = format!("session {}", choice >> 3);
            let state =
                json!({"guild_id": GUILD, "channel_id": channel, "user_id": user, "session_id": session});
            dispatch("VOICE_STATE_UPDATE", state)
        }
        "VOICE_SERVER_UPDATE" => {
            let token = format!("token {choice}");
            let server = json!({"token": token, "guild_id": GUILD, "endpoint": "voice.discord.media:443"});
            dispatch("VOICE_SERVER_UPDATE", server)
        }
        "VOICE_SERVER_UPDATE without an endpoint" => {
            dispatch("VOICE_SERVER_UPDATE", json!({"token": "a", "guild_id": GUILD, "endpoint": null}))
        }
        "READY with guilds" => {
            let guilds: Vec<Value> = (0..u64::from(choice & 7))
                .map(|number| json!({"id": guild(number), "unavailable": true}))
                .collect();
            let ready = json!({"v": 10, "session_id": "cd", "user": {"id": BOT}, "guilds": guilds,
                "resume_gateway_url": "wss://gateway-us.discord.gg"});
            dispatch("READY", ready)
        }
        "GUILD_CREATE" => {
            dispatch("GUILD_CREATE", json!({"id": guild(u64::from(choice & 7)), "name": "a", "channels": []}))
        }
        "GUILD_MEMBERS_CHUNK" => {
            let members = [json!({"user": {"id": UserId(5)}})];
            let (index, count) = (number >> 16 & 0xFF, number >> 24);
            let chunk = json!({"guild_id": GUILD, "members": members, "chunk_index": index,
                "chunk_count": count, "nonce": NONCE});
            dispatch("GUILD_MEMBERS_CHUNK", chunk)
        }
        "RATE_LIMITED" => {
            let nonce = (choice & 1 == 1).then_some(NONCE);
            let limited = json!({"opcode": 8, "retry_after": (number >> 17) as f64 / 4.0,
                "meta": {"guild_id": GUILD, "nonce": nonce}});
            dispatch("RATE_LIMITED", limited)
        }
        _ => json!({"op": number, "d": [number]}),
    }
}

/// Messages of the voice gateway, by [`Message::kind`].
pub const VOICE: [&str; 10] = [
    "Hello",
    "Ready",
    "Session Description",
    "Speaking",
    "Heartbeat ACK",
    "Heartbeat",
    "Resumed",
    "Clients Connect",
    "Client Disconnect",
    "unknown",
];

fn voice(kind: u8, number: u64) -> Value {
    let mode = |number: u64| Mode::ALL[(number & 1) as usize].name();
    let seq = number >> 8 & 0xFFFF;
    match VOICE[usize::from(kind) % VOICE.len()] {
        "Hello" => json!({"op": 8, "d": {"v": 8, "heartbeat_interval": number}}),
        "Ready" => {
            let ready =
                json!({"ssrc": number, "ip": "198.51.100.1", "port": 50_000, "modes": [mode(number)]});
            json!({"op": 2, "d": ready})
        }
        "Session Description" => {
            let version = number >> 1 & 1;
            let key = [KEY_BYTE; KEY];
            let d = json!({"mode": mode(number), "secret_key": key, "dave_protocol_version": version});
            json!({"op": 4, "d": d, "seq": seq})
        }
        "Speaking" => {
            let (ssrc, user) = (number & 3, UserId(number >> 2 & 7));
            json!({"op": 5, "d": {"speaking": 1, "ssrc": ssrc, "user_id": user}, "seq": seq})
        }
        "Heartbeat ACK" => json!({"op": 6, "d": {"t": number}}),
        "Heartbeat" => json!({"op": 3, "d": number}),
        "Resumed" => json!({"op": 9, "d": null}),
        "Clients Connect" => json!({"op": 11, "d": {"user_ids": [UserId(number & 7)]}, "seq": seq}),
        "Client Disconnect" => json!({"op": 13, "d": {"user_id": UserId(number & 7)}, "seq": seq}),
        _ => json!({"op": number, "d": {"epoch": 1}, "seq": number}),
    }
}

/// An RTP packet, to be sealed with the key that Session Description carries.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Rtp {
    /// Bit 0: the mode; 1: padding; 2: an extension of as many words as the upper four bits say; 3: RTCP.
    pub flags: u8,
    /// Synchronisation source.
    pub ssrc: u8,
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp.
    pub timestamp: u32,
    /// What is sealed behind an extension.
    pub payload: Vec<u8>,
}

impl Rtp {
    /// The datagram.
    #[must_use]
    pub fn seal(&self) -> Vec<u8> {
        let words = if self.flags & 4 == 0 { 0 } else { self.flags >> 4 };
        let padding = self.flags & 2 != 0;
        let header = Header { padding, ..Header::new(self.sequence, self.timestamp, self.ssrc.into()) };
        let mut packet = Vec::from(header.to_bytes());
        if self.flags & 8 != 0 {
            packet[1] = 200;
            packet.truncate(8);
        } else if words > 0 {
            packet[0] |= 0x10;
            packet.extend([0xBE, 0xDE, 0, words]);
        }
        let clear = packet.len();
        packet.extend(std::iter::repeat_n(0x10, usize::from(words) * 4));
        packet.extend_from_slice(&self.payload);
        let mode = Mode::ALL[usize::from(self.flags & 1)];
        let cipher = Cipher::new(Backend::default(), mode, &[KEY_BYTE; KEY]);
        let (clear, plain) = packet.split_at_mut(clear);
        let nonce = u32::from(self.sequence).to_be_bytes();
        if let Ok(tag) = cipher.seal(nonce, clear, plain) {
            packet.extend(tag);
            packet.extend(nonce);
        }
        packet
    }
}

/// An answer of IP discovery.
#[must_use]
pub fn discovered(ssrc: u32, address: IpAddr, port: u16) -> [u8; discovery::LENGTH] {
    let mut packet = discovery::request(ssrc);
    packet[1] = 2;
    for (to, from) in packet[8..].iter_mut().zip(address.to_string().into_bytes()) {
        *to = from;
    }
    packet[72..].copy_from_slice(&port.to_be_bytes());
    packet
}
