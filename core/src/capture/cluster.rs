//! How a cluster is captured.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::capture::config::OpenConfig;
use crate::capture::{Replayable, Secret, event};
use crate::cluster::{
    Cluster, Config, Event, Identifies, RequestFailed, ReshardError, ReshardFailure, Shards, State, Stopped,
};
use crate::gateway::command::{Command, CommandError, MembersRequest};
use crate::gateway::event::Receipt;
use crate::gateway::inflate::Inflater;
use crate::gateway::interest::Interest;
use crate::gateway::members::MembersRequestId;
use crate::gateway::routing::ShardId;
use crate::gateway::session::Session;
use crate::rest::GatewayBot;
use crate::time::{Duration, Timestamp};

/// What a cluster is made of.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(from = "Wire", into = "Wire")]
pub struct ClusterSetup {
    /// All of it, beside the seed.
    pub config: Config,
}

/// The setup as it is written.
#[derive(Deserialize, Serialize)]
struct Wire {
    gateway: OpenConfig,
    api_base: Box<str>,
    shards: Shards,
    identifies: Identifies,
    reserve: Option<u32>,
    state: Option<State>,
    /// How long before the cluster was made its state was saved: a [`State`] itself does not tell.
    state_age: Duration,
}

impl From<ClusterSetup> for Wire {
    fn from(ClusterSetup { config }: ClusterSetup) -> Self {
        let Config { gateway, api_base, shards, identifies, reserve, state } = config;
        let state_age = state.as_ref().map_or(Duration::ZERO, |state| state.age);
        Self { gateway: gateway.into(), api_base, shards, identifies, reserve, state, state_age }
    }
}

impl From<Wire> for ClusterSetup {
    fn from(wire: Wire) -> Self {
        let Wire { gateway, api_base, shards, identifies, reserve, state, state_age } = wire;
        let state = state.map(|state| state.aged(state_age));
        Self { config: Config { gateway: gateway.into(), api_base, shards, identifies, reserve, state } }
    }
}

/// What a user may do to a captured cluster.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ClusterCall {
    /// [`Cluster::send`].
    Send(Command),
    /// [`Cluster::send_on`].
    SendOn {
        /// The shard.
        shard: ShardId,
        /// What to send.
        command: Command,
    },
    /// [`Cluster::request_members`].
    RequestMembers(MembersRequest),
    /// [`Cluster::ack`].
    #[serde(with = "crate::capture::receipt")]
    Ack(Receipt),
    /// [`Cluster::set_interest`].
    SetInterest(Interest),
    /// [`Cluster::grant`].
    Grant(ShardId),
    /// [`Cluster::start_shard`].
    StartShard {
        /// Its number.
        number: u32,
        /// The session to go on with.
        session: Option<Session>,
    },
    /// [`Cluster::stop_shard`].
    StopShard(ShardId),
    /// [`Cluster::restart_shard`].
    RestartShard {
        /// The shard.
        shard: ShardId,
        /// Whether to go on with the same session.
        keep_session: bool,
    },
    /// [`Cluster::reshard`].
    Reshard(Shards),
    /// [`Cluster::cancel_reshard`].
    CancelReshard,
    /// [`Cluster::suspend`].
    Suspend,
    /// [`Cluster::stop`].
    Stop,
}

/// What a cluster answers to a [`ClusterCall`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ClusterAnswer {
    /// It is done, or on its way.
    Done,
    /// The request for members, by its name.
    Members(MembersRequestId),
}

/// Why a cluster does not do what a [`ClusterCall`] asks for.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterCallError {
    /// A command, or to start a shard.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// A change of shards.
    #[error(transparent)]
    Reshard(#[from] ReshardError),
}

impl Replayable for Cluster {
    type Setup = ClusterSetup;
    type Command = ClusterCall;
    type Answer = Result<ClusterAnswer, ClusterCallError>;

    fn build(setup: &ClusterSetup, seed: [u8; 32]) -> Self {
        Self::new(setup.config.clone(), seed)
    }

    fn apply(&mut self, now: Timestamp, command: ClusterCall) -> Self::Answer {
        match command {
            ClusterCall::Send(command) => self.send(now, &command)?,
            ClusterCall::SendOn { shard, command } => self.send_on(now, shard, &command)?,
            ClusterCall::RequestMembers(request) => {
                return Ok(ClusterAnswer::Members(self.request_members(now, request)?));
            }
            ClusterCall::Ack(receipt) => self.ack(receipt),
            ClusterCall::SetInterest(interest) => self.set_interest(interest),
            ClusterCall::Grant(shard) => self.grant(now, shard),
            ClusterCall::StartShard { number, session } => self.start_shard(now, number, session)?,
            ClusterCall::StopShard(shard) => self.stop_shard(now, shard),
            ClusterCall::RestartShard { shard, keep_session } => self.restart_shard(now, shard, keep_session),
            ClusterCall::Reshard(shards) => self.reshard(now, shards)?,
            ClusterCall::CancelReshard => self.cancel_reshard(now),
            ClusterCall::Suspend => self.suspend(now),
            ClusterCall::Stop => self.stop(now),
        }
        Ok(ClusterAnswer::Done)
    }

    fn secrets(setup: &ClusterSetup) -> Vec<Secret<'_>> {
        let saved = setup.config.state.iter().flat_map(|state| &state.sessions);
        let sessions = saved.map(|saved| Secret::Session(&saved.session.id));
        [Secret::Token(setup.config.gateway.token.expose())].into_iter().chain(sessions).collect()
    }

    fn command_secrets(command: &ClusterCall) -> Vec<Secret<'_>> {
        match command {
            ClusterCall::StartShard { session, .. } => {
                session.iter().map(|session| Secret::Session(&session.id)).collect()
            }
            ClusterCall::Send(_)
            | ClusterCall::SendOn { .. }
            | ClusterCall::RequestMembers(_)
            | ClusterCall::Ack(_)
            | ClusterCall::SetInterest(_)
            | ClusterCall::Grant(_)
            | ClusterCall::StopShard(_)
            | ClusterCall::RestartShard { .. }
            | ClusterCall::Reshard(_)
            | ClusterCall::CancelReshard
            | ClusterCall::Suspend
            | ClusterCall::Stop => Vec::new(),
        }
    }

    fn inflater(setup: &ClusterSetup, _: &str) -> Inflater {
        Inflater::new(setup.config.gateway.compression, setup.config.gateway.max_message)
    }

    fn describe(event: &Event) -> String {
        match event {
            Event::Shard(id, event) => format!("shard {id} {}", event::describe(event)),
            Event::GatewayBot(GatewayBot { url, shards, session_start_limit }) => {
                format!("gateway {url}, {shards} shards, {session_start_limit:?}")
            }
            Event::GatewayBotFailed { reason, retry_in } => {
                format!("no gateway, {}, retry in {} ns", failed(reason), retry_in.as_nanos())
            }
            Event::IdentifyWanted(id) => format!("shard {id} wants to identify"),
            Event::IdentifySent(id) => format!("shard {id} has identified"),
            Event::IdentifyWithdrawn(id) => format!("shard {id} wants to identify no longer"),
            Event::IdentifiesExhausted { remaining, total, resets_in } => {
                format!("{remaining} of {total} identifies left, reset in {} ns", resets_in.as_nanos())
            }
            Event::IdentifiesRefilled { total } => format!("{total} identifies again"),
            Event::Resharding { ready, total } => format!("resharding, {ready} of {total}"),
            Event::Resharded { from, to, gap } => format!("resharded, from {from} to {to}, gap {gap}"),
            Event::ReshardFailed { reason: ReshardFailure::Refused(reason) } => {
                format!("reshard failed, {}", event::stopped(reason))
            }
            Event::ReshardFailed { reason } => format!("reshard failed, {reason}"),
            Event::Stopped { reason } => match reason {
                Stopped::ByUser => "cluster stopped by user".into(),
                Stopped::Gateway(id, reason) => {
                    format!("cluster stopped, shard {id} {}", event::stopped(reason))
                }
                Stopped::Shards(bad) => format!("cluster stopped, {bad}"),
                Stopped::GatewayBot(reason) => format!("cluster stopped, no gateway, {}", failed(reason)),
                Stopped::IdentifiesExhausted { remaining, resets_in } => {
                    format!(
                        "cluster stopped, {remaining} identifies left, reset in {} ns",
                        resets_in.as_nanos()
                    )
                }
            },
        }
    }
}

/// Without the message of the answer: where it is cut off depends on the length of the secrets in it. The whole
/// answer stands in the line that brought it.
fn failed(reason: &RequestFailed) -> String {
    match reason {
        RequestFailed::Unanswered(unanswered) => format!("unanswered, {}", unanswered.reason),
        RequestFailed::Refused(error) => {
            format!("status {}, code {}, retry after {:?}", error.status, error.code, error.retry_after)
        }
    }
}
