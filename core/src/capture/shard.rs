//! How a shard of the gateway is captured.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::capture::config::OpenConfig;
use crate::capture::{Replayable, Secret, event};
use crate::entropy::Entropy;
use crate::gateway::command::{Command, CommandError, MembersRequest};
use crate::gateway::config::Config;
use crate::gateway::event::{Event, Receipt};
use crate::gateway::inflate::Inflater;
use crate::gateway::interest::Interest;
use crate::gateway::members::MembersRequestId;
use crate::gateway::routing::ShardId;
use crate::gateway::session::Session;
use crate::gateway::shard::{Identifies, Shard, Start};
use crate::machine::Scope;
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
    #[serde(flatten)]
    config: OpenConfig,
    url: Box<str>,
    id: ShardId,
    session: Option<Session>,
    identifies_when_granted: bool,
}

impl From<ShardSetup> for Wire {
    fn from(ShardSetup { config, start }: ShardSetup) -> Self {
        let Start { url, id, session, identifies } = start;
        Self {
            config: config.into(),
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
            config: wire.config.into(),
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
    #[serde(with = "crate::capture::receipt")]
    Ack(Receipt),
    /// [`Shard::set_interest`].
    SetInterest(Interest),
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
            ShardCall::SetInterest(interest) => self.set_interest(interest),
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
        event::describe(event)
    }
}
