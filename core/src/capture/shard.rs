//! How a shard of the gateway is captured.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::capture::{Replayable, Secret};
use crate::entropy::Entropy;
use crate::gateway::command::{Command, CommandError, MembersRequest, Presence};
use crate::gateway::config::{Config, Delivery, Properties};
use crate::gateway::event::{Disconnect, Event, Receipt, Stopped};
use crate::gateway::inflate::{Compression, Inflater};
use crate::gateway::intents::Intents;
use crate::gateway::interest::Interest;
use crate::gateway::members::MembersRequestId;
use crate::gateway::routing::ShardId;
use crate::gateway::session::Session;
use crate::gateway::shard::{Identifies, Shard, Start};
use crate::gateway::status::Counters;
use crate::machine::Scope;
use crate::secret::Token;
use crate::time::Timestamp;

/// What a shard is made of. It stands alone: its names are those of [`Scope`] 0.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(from = "Wire", into = "Wire")]
pub struct ShardSetup {
    /// What all shards have in common.
    pub config: Config,
    /// What is its own.
    pub start: Start,
}

/// The setup as it is written.
#[derive(Deserialize, Serialize)]
struct Wire {
    token: Box<str>,
    intents: u64,
    interest: Interest,
    compression: Compression,
    max_message: usize,
    delivery: Delivery,
    presence: Option<Presence>,
    large_threshold: Option<u8>,
    properties: Properties,
    attempts: Option<u32>,
    url: Box<str>,
    id: ShardId,
    session: Option<Session>,
    identifies_when_granted: bool,
}

impl From<ShardSetup> for Wire {
    fn from(ShardSetup { config, start }: ShardSetup) -> Self {
        let Config {
            token,
            intents,
            interest,
            compression,
            max_message,
            delivery,
            presence,
            large_threshold,
            properties,
            attempts,
        } = config;
        let Start { url, id, session, identifies } = start;
        Self {
            token: token.expose().into(),
            intents: intents.bits(),
            interest,
            compression,
            max_message,
            delivery,
            presence,
            large_threshold,
            properties,
            attempts,
            url,
            id,
            session,
            identifies_when_granted: identifies == Identifies::WhenGranted,
        }
    }
}

impl From<Wire> for ShardSetup {
    fn from(wire: Wire) -> Self {
        Self {
            config: Config {
                token: Token::new(&wire.token),
                intents: Intents::from_bits(wire.intents),
                interest: wire.interest,
                compression: wire.compression,
                max_message: wire.max_message,
                delivery: wire.delivery,
                presence: wire.presence,
                large_threshold: wire.large_threshold,
                properties: wire.properties,
                attempts: wire.attempts,
            },
            start: Start {
                url: wire.url,
                id: wire.id,
                session: wire.session,
                identifies: if wire.identifies_when_granted {
                    Identifies::WhenGranted
                } else {
                    Identifies::AtOnce
                },
            },
        }
    }
}

/// What a user may do to a captured shard.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ShardCall {
    /// [`Shard::send`].
    Send(Command),
    /// [`Shard::request_members`].
    RequestMembers(MembersRequest),
    /// [`Shard::ack`].
    #[serde(with = "receipt")]
    Ack(Receipt),
    /// [`Shard::grant`].
    Grant,
    /// [`Shard::probe`].
    Probe,
    /// [`Shard::reconnect`].
    Reconnect {
        /// Whether to go on with the same session.
        keep_session: bool,
    },
    /// [`Shard::suspend`].
    Suspend,
    /// [`Shard::stop`].
    Stop,
}

/// What a shard answers to a [`ShardCall`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ShardAnswer {
    /// It is done, or on its way.
    Done,
    /// The request for members, by its name.
    Members(MembersRequestId),
    /// Whether a heartbeat was sent.
    Probed(bool),
}

impl Replayable for Shard {
    type Setup = ShardSetup;
    type Command = ShardCall;
    type Answer = Result<ShardAnswer, CommandError>;

    fn build(setup: &ShardSetup, seed: [u8; 32]) -> Self {
        let ShardSetup { config, start } = setup.clone();
        Self::new(Arc::new(config), start, Scope::new(0), Entropy::new(seed))
    }

    fn apply(&mut self, now: Timestamp, command: ShardCall) -> Result<ShardAnswer, CommandError> {
        match command {
            ShardCall::Send(command) => self.send(now, &command)?,
            ShardCall::RequestMembers(request) => {
                return self.request_members(now, request).map(ShardAnswer::Members);
            }
            ShardCall::Ack(receipt) => self.ack(receipt),
            ShardCall::Grant => self.grant(now),
            ShardCall::Probe => return Ok(ShardAnswer::Probed(self.probe(now))),
            ShardCall::Reconnect { keep_session } => self.reconnect(now, keep_session),
            ShardCall::Suspend => self.suspend(now),
            ShardCall::Stop => self.stop(now),
        }
        Ok(ShardAnswer::Done)
    }

    fn secrets(setup: &ShardSetup) -> Vec<Secret<'_>> {
        let session = setup.start.session.as_ref().map(|session| Secret::Session(&session.id));
        [Secret::Token(setup.config.token.expose())].into_iter().chain(session).collect()
    }

    fn inflater(setup: &ShardSetup, _: &str) -> Inflater {
        Inflater::new(setup.config.compression, setup.config.max_message)
    }

    fn describe(event: &Event) -> String {
        let text = String::from_utf8_lossy;
        match event {
            Event::Dispatch(dispatch) => {
                let again = if dispatch.replayed { " replayed" } else { "" };
                let known = if dispatch.duplicate { " duplicate" } else { "" };
                let (name, data) = (dispatch.name.as_str(), text(&dispatch.data));
                format!("dispatch {} {name}{again}{known} {data}", dispatch.seq)
            }
            Event::Connected { resumed, replayed, gap } => {
                format!("connected, resumed {resumed}, replayed {replayed}, gap {gap}")
            }
            Event::HeartbeatAcknowledged { latency } => {
                format!("heartbeat acknowledged after {} ns", latency.as_nanos())
            }
            Event::Disconnected { reason, resumable, retry_in } => {
                let (reason, retry_in) = (disconnect(reason), retry_in.as_nanos());
                format!("disconnected, {reason}, resumable {resumable}, retry in {retry_in} ns")
            }
            Event::AwaitingIdentify => "awaiting identify".into(),
            Event::Identified => "identified".into(),
            Event::Members { guild, result: Ok(members), .. } => {
                let chunks: Vec<_> = members.chunks().iter().map(|chunk| text(chunk)).collect();
                format!("members of {guild} {}", chunks.join(" "))
            }
            Event::Members { guild, result: Err(error), .. } => format!("no members of {guild}, {error}"),
            Event::Stopped { reason, session, counters } => {
                let reason = match reason {
                    Stopped::GaveUp { reason } => format!("gave up, {}", disconnect(reason)),
                    Stopped::ByUser | Stopped::Refused { .. } => format!("{reason}"),
                };
                // Bytes depend on compression and on the length of secrets.
                let counters = Counters { bytes_in: 0, bytes_inflated: 0, bytes_out: 0, ..*counters };
                format!("stopped, {reason}, {session:?}, {counters:?}")
            }
            Event::Unrecognised { op, data } => format!("unrecognised {op:?} {}", text(&data.0)),
        }
    }
}

/// Errors name a column, or what was compressed: those do not outlive the capture.
fn disconnect(reason: &Disconnect) -> String {
    match reason {
        Disconnect::Malformed(_) | Disconnect::Compression(_) => "unreadable".into(),
        Disconnect::Closed(_)
        | Disconnect::Zombie
        | Disconnect::Overslept { .. }
        | Disconnect::Reconnect
        | Disconnect::InvalidSession
        | Disconnect::TimedOut { .. }
        | Disconnect::ByUser => format!("{reason}"),
    }
}

/// A receipt as its two numbers.
mod receipt {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::gateway::event::Receipt;

    pub(super) fn serialize<S: Serializer>(receipt: &Receipt, to: S) -> Result<S::Ok, S::Error> {
        [receipt.session, receipt.seq].serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Receipt, D::Error> {
        <[u64; 2]>::deserialize(from).map(|[session, seq]| Receipt { session, seq })
    }
}
