//! What a call tells its user.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::net::SocketAddr;

use bytes::Bytes;

use crate::envelope::{DecodeError, Payload};
use crate::gateway::command::VoiceStateUpdate;
use crate::id::{ChannelId, UserId};
use crate::machine::Closed;
use crate::rtp::aead::Mode;
use crate::rtp::extension::Extensions;
use crate::time::{Duration, Timestamp};
use crate::voice::close::CloseCode;
use crate::voice::jitter::{self, Playout};
use crate::voice::tally::{Dropped, Tally};

/// What a call tells its user.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// Send this op 4 on the main gateway. A [`Client`](crate::client::Client) does it by itself.
    UpdateVoiceState(VoiceStateUpdate),
    /// In the call: audio flows.
    Connected {
        /// Whether an earlier voice session goes on.
        resumed: bool,
        /// The transport encryption in use.
        mode: Mode,
        /// Our address as the voice server sees it.
        external: SocketAddr,
        /// How many IP discovery requests it took.
        discovery_requests: u32,
    },
    /// A user's SSRC was announced, or the user started or stopped speaking.
    Speaking {
        /// The user.
        user: UserId,
        /// The user's RTP synchronisation source.
        ssrc: u32,
        /// Speaking flags: 1 microphone, 2 soundshare, 4 priority. 0: stopped.
        flags: u32,
    },
    /// An audio packet that came before its user or the user's key was known, now that they are.
    Packet(Packet),
    /// What is to be played of a speaker now, if the call [listens](crate::voice::Call::listen): each speaker's frames in
    /// order and in time, losses marked. What came before its user or key was known comes at once when it is.
    Playout {
        /// The speaker.
        user: UserId,
        /// The speaker's RTP synchronisation source.
        ssrc: u32,
        /// What is to be played.
        playout: Playout,
    },
    /// Audio of ours goes out from now on, or soon: the Speaking message goes before it.
    TransmissionStarted,
    /// The last audio of ours has gone out, and the silence after it; or the connection or a key was lost, and the rest
    /// waits.
    TransmissionEnded,
    /// Users who are in the call.
    Joined(Vec<UserId>),
    /// A user left the call.
    Left(UserId),
    /// We were moved to another channel.
    Moved(ChannelId),
    /// A heartbeat came back.
    HeartbeatAcknowledged {
        /// The round trip.
        latency: Duration,
    },
    /// The voice connection ended; the call goes on by itself.
    Disconnected {
        /// Why.
        reason: Disconnect,
        /// What follows.
        next: Next,
    },
    /// The call is over for good.
    Ended {
        /// Why.
        reason: Ended,
        /// What it came to.
        statistics: Box<Statistics>,
    },
    /// Something of the end-to-end encryption.
    #[cfg(feature = "dave")]
    Dave(crate::dave::Event),
    /// A message that is not understood arrived and was passed over.
    Unrecognised {
        /// Its opcode.
        op: u64,
        /// Its payload as it came.
        data: Payload,
    },
}

/// What a call came to.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Statistics {
    /// The call's counters.
    pub counters: Counters,
    /// Packets of each speaker; of those beyond the first 4,096 together, under
    /// [`OTHERS`](crate::voice::tally::OTHERS).
    pub speakers: BTreeMap<UserId, Tally>,
    /// Round trip of the last heartbeat that came back.
    pub latency: Option<Duration>,
}

/// A speaker whose SSRC is known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Speaker {
    /// The user.
    pub user: UserId,
    /// The user's RTP synchronisation source.
    pub ssrc: u32,
    /// Packets of this SSRC.
    pub tally: Tally,
    /// The last sender report of this SSRC, if there was one.
    pub report: Option<SenderReport>,
    /// What the jitter buffer made of the packets, if the call listens.
    pub playout: Option<jitter::Statistics>,
}

/// What a sender says that it has sent (RFC 3550, section 6.4.1). Official clients send a report some every five seconds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SenderReport {
    /// When the report arrived.
    pub at: Timestamp,
    /// When it was sent, by the sender's clock: seconds since 1900, 32 bits before the point and 32 behind.
    pub ntp: u64,
    /// The same instant as an RTP timestamp of this source.
    pub rtp: u32,
    /// RTP packets sent, modulo 2^32.
    pub packets: u32,
    /// Bytes of payload sent, modulo 2^32.
    pub octets: u32,
}

/// Counters of a call, since it was made.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Counters {
    /// Voice sessions started (op 0 sent).
    pub identifies: u64,
    /// Voice sessions resumed.
    pub resumes: u64,
    /// Heartbeats sent.
    pub heartbeats: u64,
    /// UDP keepalives sent.
    pub keepalives: u64,
    /// Voice connections that ended, for whatever reason.
    pub disconnects: u64,
    /// RTCP packets received.
    pub rtcp: u64,
    /// Audio packets sent, those of silence included.
    pub sent: u64,
    /// Audio packets dropped because the end-to-end encryption's key had sealed as many frames as it may.
    pub unsealed: u64,
    /// How often the schedule of what is sent had to start anew, because the driver came more than 100 ms late.
    pub stalls: u64,
    /// Packets that were not put in order, because there were 200 speakers at once.
    pub unheard: u64,
    /// Datagrams that gave no audio, by cause.
    pub dropped: Dropped,
    /// Messages passed over because they were not understood.
    pub unrecognised: u64,
}

/// An Opus packet of its own.
#[derive(Clone, Eq, PartialEq)]
pub struct Packet {
    /// Who speaks.
    pub user: UserId,
    /// RTP synchronisation source.
    pub ssrc: u32,
    /// RTP sequence number.
    pub sequence: u16,
    /// RTP timestamp in samples at 48 kHz.
    pub timestamp: u32,
    /// Marker bit: with Discord's clients, the first packet of a talk spurt (RFC 3551, section 4.1).
    pub marker: bool,
    /// What the sender says beside the sound.
    pub extensions: Extensions,
    /// How long ago it arrived.
    pub age: Duration,
    /// The Opus packet.
    pub opus: Bytes,
}

/// Leaves the audio out.
impl fmt::Debug for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { user, ssrc, sequence, timestamp, age, opus, .. } = self;
        write!(
            f,
            "Packet(user {user}, ssrc {ssrc}, {sequence}, {timestamp}, {age:?} old, {} bytes)",
            opus.len()
        )
    }
}

/// Why a voice connection ended.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Disconnect {
    /// The WebSocket was refused, closed or lost.
    Closed(Closed),
    /// The UDP socket could not be used.
    Udp(Closed),
    /// Three heartbeats in a row were not acknowledged.
    Zombie,
    /// We came too late for a heartbeat: the process, or the machine, was stopped meanwhile.
    Overslept {
        /// How late.
        by: Duration,
    },
    /// Nothing came in time.
    TimedOut {
        /// What was awaited.
        awaiting: &'static str,
    },
    /// The voice server changed.
    ServerChanged,
    /// Discord has no voice server for the call at the moment.
    NoServer,
    /// The main gateway started a new session.
    NewGatewaySession,
    /// The transport key has sealed all 2^32 packets that it may: a new voice session brings another.
    KeyUsedUp,
    /// The group of an encrypted call could not be joined in six attempts.
    NoGroup,
    /// The voice server sent what the protocol does not allow.
    Malformed(DecodeError),
}

impl fmt::Display for Disconnect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(closed) => write!(f, "voice gateway: {closed}"),
            Self::Udp(closed) => write!(f, "voice UDP: {closed}"),
            Self::Zombie => f.write_str("three voice heartbeats in a row were not acknowledged"),
            Self::Overslept { by } => {
                write!(
                    f,
                    "a heartbeat was due {} s ago: the process or the machine was stopped",
                    by.as_secs()
                )
            }
            Self::TimedOut { awaiting } => write!(f, "the voice server sent no {awaiting} in time"),
            Self::ServerChanged => f.write_str("Discord moved the call to another voice server"),
            Self::NoServer => f.write_str("Discord has no voice server for the call at the moment"),
            Self::NewGatewaySession => f.write_str("the main gateway started a new session"),
            Self::KeyUsedUp => f.write_str("the voice session's key has sealed all the packets that it may"),
            Self::NoGroup => {
                f.write_str("the group of the encrypted call could not be joined in six attempts")
            }
            Self::Malformed(error) => write!(f, "voice gateway: {error}"),
        }
    }
}

/// What follows a lost voice connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Next {
    /// The voice session is resumed after this wait.
    Resume(Duration),
    /// The channel is asked for again after this wait.
    Rejoin(Duration),
    /// A connection to the new server is made at once.
    Reconnect,
    /// The main gateway will say more.
    Await,
}

/// Why a call is over.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Ended {
    /// The user asked for it.
    ByUser,
    /// Someone removed us from the channel, or it was deleted.
    Removed,
    /// The voice server closed the call with a code after which a client must not come back by itself (4014, 4022), and
    /// nothing followed for 30 s.
    SentAway,
    /// The main gateway did not answer.
    NoAnswer,
    /// The voice server closed with a code after which another attempt would fail the same way.
    Refused(CloseCode),
    /// The voice server offers, or chose, no encryption mode that we know or want.
    NoMode {
        /// What it offered.
        offered: Vec<String>,
    },
    /// The voice server asks for end-to-end encryption of a version that we did not offer.
    Dave {
        /// The version.
        version: u16,
    },
    /// As many attempts as were allowed have failed.
    GaveUp {
        /// Why the last one failed.
        reason: Box<Disconnect>,
    },
    /// The main gateway has stopped.
    GatewayStopped,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ByUser => f.write_str("left the channel"),
            Self::Removed => f.write_str("someone removed the bot from the voice channel, or it was deleted"),
            Self::SentAway => f.write_str(
                "the voice server closed the call, as after a removal, and Discord said nothing more for 30 s",
            ),
            Self::NoAnswer => f.write_str(
                "Discord did not answer the request to join: the guild or channel is unknown, the channel is \
                 full, or the bot may not view it or connect to it (permissions View Channel, Connect)",
            ),
            Self::Refused(code) => {
                write!(f, "the voice server closed with {} ({}): {}", code.code, code.name, code.remedy)
            }
            Self::NoMode { offered } => {
                write!(f, "the voice server offers no usable encryption mode, only {}", offered.join(", "))
            }
            Self::Dave { version } => {
                write!(f, "the voice server asks for end-to-end encryption (DAVE version {version})")
            }
            Self::GaveUp { reason } => write!(f, "gave up: {reason}"),
            Self::GatewayStopped => f.write_str("the gateway connection has ended"),
        }
    }
}
