//! The messages of the voice gateway that a call without video needs.

#[cfg(feature = "dave")]
mod dave;
#[cfg(not(feature = "dave"))]
mod no_dave;

#[cfg(feature = "dave")]
pub(crate) use dave::Dave;
#[cfg(not(feature = "dave"))]
pub(crate) use no_dave::Dave;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::net::IpAddr;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::envelope::{DecodeError, Envelope};
use crate::id::{ChannelId, GuildId, UserId};
use crate::machine::Frame;
use crate::rtp::aead::KEY;
use crate::voice::opcode::OpCode;

/// The VOICE_STATE_UPDATE dispatch of the main gateway, as far as a call needs it.
#[derive(Clone, Deserialize)]
pub struct VoiceState {
    /// The guild; none for a call outside guilds.
    #[serde(default)]
    pub guild_id: Option<GuildId>,
    /// The channel; none if the user left.
    pub channel_id: Option<ChannelId>,
    /// The user.
    pub user_id: UserId,
    /// The user's voice session.
    pub session_id: String,
}

/// Leaves the session id out.
impl fmt::Debug for VoiceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { guild_id, channel_id, user_id, session_id: _ } = self;
        write!(f, "VoiceState(user {user_id}, guild {guild_id:?}, channel {channel_id:?})")
    }
}

/// The VOICE_SERVER_UPDATE dispatch of the main gateway.
#[derive(Clone, Deserialize, Eq, PartialEq)]
pub struct VoiceServer {
    /// Opens the voice gateway.
    pub token: String,
    /// The guild.
    pub guild_id: GuildId,
    /// Host, or host and port, without a scheme; none while there is no server.
    pub endpoint: Option<String>,
}

/// Leaves the token out.
impl fmt::Debug for VoiceServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VoiceServer(guild {}, endpoint {:?})", self.guild_id, self.endpoint)
    }
}

/// Op 0.
#[derive(Serialize)]
pub(crate) struct Identify<'a> {
    pub(crate) server_id: GuildId,
    pub(crate) user_id: UserId,
    pub(crate) session_id: &'a str,
    pub(crate) token: &'a str,
    pub(crate) max_dave_protocol_version: u16,
}

/// Op 7.
#[derive(Serialize)]
pub(crate) struct Resume<'a> {
    pub(crate) server_id: GuildId,
    pub(crate) session_id: &'a str,
    pub(crate) token: &'a str,
    pub(crate) seq_ack: i64,
}

/// Op 1.
#[derive(Serialize)]
pub(crate) struct SelectProtocol {
    pub(crate) protocol: &'static str,
    pub(crate) data: SelectProtocolData,
}

#[derive(Serialize)]
pub(crate) struct SelectProtocolData {
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
    pub(crate) mode: &'static str,
}

/// Op 3.
#[derive(Serialize)]
pub(crate) struct Heartbeat {
    pub(crate) t: u64,
    pub(crate) seq_ack: i64,
}

/// Op 5, from us.
#[derive(Serialize)]
pub(crate) struct SpeakingOut {
    pub(crate) speaking: u32,
    pub(crate) delay: u32,
    pub(crate) ssrc: u32,
}

/// Op 8.
#[derive(Debug, Deserialize)]
pub(crate) struct Hello {
    /// Milliseconds; may be fractional.
    pub(crate) heartbeat_interval: f64,
}

/// Op 2. Its `heartbeat_interval` is not the one to obey; Hello's is.
#[derive(Debug, Deserialize)]
pub(crate) struct Ready {
    pub(crate) ssrc: u32,
    pub(crate) ip: IpAddr,
    pub(crate) port: u16,
    pub(crate) modes: Vec<String>,
}

/// Op 4.
#[derive(Deserialize)]
pub(crate) struct SessionDescription {
    pub(crate) mode: String,
    pub(crate) secret_key: [u8; KEY],
    #[serde(default)]
    pub(crate) dave_protocol_version: u16,
}

/// Op 5, from the server.
#[derive(Debug, Deserialize)]
pub(crate) struct Speaking {
    pub(crate) speaking: u32,
    pub(crate) ssrc: u32,
    pub(crate) user_id: UserId,
}

/// Op 11.
#[derive(Debug, Deserialize)]
pub(crate) struct ClientsConnect {
    pub(crate) user_ids: Vec<UserId>,
}

/// Op 13.
#[derive(Debug, Deserialize)]
pub(crate) struct ClientDisconnect {
    pub(crate) user_id: UserId,
}

/// Op 23 and op 31.
#[derive(Serialize)]
pub(crate) struct Transition {
    pub(crate) transition_id: u16,
}

/// A message from the voice server.
pub(crate) enum Message {
    Dave(Dave),
    ClientDisconnect(ClientDisconnect),
    ClientsConnect(ClientsConnect),
    Heartbeat,
    HeartbeatAck,
    Hello(Hello),
    Ready(Ready),
    Resumed,
    SessionDescription(SessionDescription),
    Speaking(Speaking),
    /// Not understood, or not for us.
    Other(u64, Bytes),
}

/// Reads a frame: its sequence number, if it has one, and its message. Of the messages without which there is no call,
/// the payload must be as the protocol says; of others, one that is not counts as not understood.
pub(crate) fn read(frame: &Frame) -> Result<(Option<u64>, Message), DecodeError> {
    let message = match frame {
        Frame::Text(message) => message,
        Frame::Binary(data) => {
            return Ok(match data.as_ref() {
                [s0, s1, op, ..] => {
                    let seq = u16::from_be_bytes([*s0, *s1]);
                    let payload = data.slice(3..);
                    let message = Dave::from_binary(OpCode::from_number((*op).into()), &payload);
                    (Some(seq.into()), message.map_or(Message::Other((*op).into(), payload), Message::Dave))
                }
                _ => (None, Message::Other(u64::MAX, data.clone())),
            });
        }
    };
    let envelope = Envelope::parse(message)?;
    let message = match OpCode::from_number(envelope.op) {
        OpCode::ClientDisconnect => {
            understood(&envelope, envelope.parse_data("Client Disconnect").map(Message::ClientDisconnect))
        }
        OpCode::ClientsConnect => {
            understood(&envelope, envelope.parse_data("Clients Connect").map(Message::ClientsConnect))
        }
        OpCode::Heartbeat => Message::Heartbeat,
        OpCode::HeartbeatAck => Message::HeartbeatAck,
        OpCode::Hello => Message::Hello(envelope.parse_data("Hello")?),
        OpCode::Ready => Message::Ready(envelope.parse_data("Ready")?),
        OpCode::Resumed => Message::Resumed,
        OpCode::SessionDescription => {
            Message::SessionDescription(envelope.parse_data("Session Description")?)
        }
        OpCode::Speaking => understood(&envelope, envelope.parse_data("Speaking").map(Message::Speaking)),
        OpCode::Identify
        | OpCode::SelectProtocol
        | OpCode::Resume
        | OpCode::DavePrepareTransition
        | OpCode::DaveExecuteTransition
        | OpCode::DaveTransitionReady
        | OpCode::DavePrepareEpoch
        | OpCode::MlsExternalSender
        | OpCode::MlsKeyPackage
        | OpCode::MlsProposals
        | OpCode::MlsCommitWelcome
        | OpCode::MlsAnnounceCommitTransition
        | OpCode::MlsWelcome
        | OpCode::MlsInvalidCommitWelcome
        | OpCode::Unknown(_) => match Dave::from_json(&envelope) {
            Ok(Some(message)) => Message::Dave(message),
            Ok(None) | Err(_) => Message::Other(envelope.op, envelope.data),
        },
    };
    Ok((envelope.seq, message))
}

fn understood(envelope: &Envelope, message: Result<Message, DecodeError>) -> Message {
    message.unwrap_or_else(|_| Message::Other(envelope.op, envelope.data.clone()))
}
