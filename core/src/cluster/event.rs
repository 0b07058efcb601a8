//! What a cluster tells its user.

use alloc::format;
use core::fmt;

use crate::cluster::config::BadShards;
use crate::gateway;
use crate::gateway::routing::ShardId;
use crate::machine::{Level, Log, Unanswered};
use crate::rest::{GatewayBot, RestError};
use crate::time::Duration;

/// What a cluster tells its user.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// From a shard.
    Shard(ShardId, gateway::Event),
    /// `/gateway/bot` answered.
    GatewayBot(GatewayBot),
    /// `/gateway/bot` could not be had; it is asked again after this wait.
    GatewayBotFailed {
        /// Why.
        reason: RequestFailed,
        /// The wait.
        retry_in: Duration,
    },
    /// A shard wants to identify. Only if the queue is [shared](crate::cluster::Identifies::Shared).
    IdentifyWanted(ShardId),
    /// A shard has identified. Only if the queue is shared:
    /// [tell it](crate::gateway::identify::IdentifyQueue::sent).
    IdentifySent(ShardId),
    /// A shard wants to identify no longer: its connection has ended. Only if the queue is shared.
    IdentifyWithdrawn(ShardId),
    /// So few identifies are left of the day's that none is used any more: what wants a new session waits.
    IdentifiesExhausted {
        /// Identifies left.
        remaining: u32,
        /// Identifies of a day.
        total: u32,
        /// When the count starts afresh.
        resets_in: Duration,
    },
    /// There are identifies again.
    IdentifiesRefilled {
        /// Identifies of a day.
        total: u32,
    },
    /// The new shards come up beside the old ones.
    Resharding {
        /// How many are up.
        ready: u32,
        /// How many there will be.
        total: u32,
    },
    /// From here on dispatches come from the new shards; the old ones end.
    Resharded {
        /// How many shards there were in all.
        from: u32,
        /// How many there are.
        to: u32,
        /// Whether the old shards did not say in time that they had told everything: events may be missing or
        /// come twice.
        gap: bool,
    },
    /// The shards are not changed; the old ones go on.
    ReshardFailed {
        /// Why.
        reason: ReshardFailure,
    },
    /// The cluster has ended for good: its last event.
    Stopped {
        /// Why.
        reason: Stopped,
    },
}

impl Event {
    /// What a driver that logs says of it.
    #[must_use]
    pub fn log(&self) -> Option<Log> {
        let (level, text) = match self {
            Self::Shard(id, event) => {
                let Log { level, text } = event.log()?;
                (level, format!("shard {id}: {text}"))
            }
            Self::GatewayBot(bot) => {
                let limit = &bot.session_start_limit;
                let text = format!(
                    "{} shards recommended, {} of {} identifies left",
                    bot.shards, limit.remaining, limit.total
                );
                (Level::Info, text)
            }
            Self::GatewayBotFailed { reason, retry_in } => {
                (Level::Warn, format!("/gateway/bot: {reason}; again in {} ms", retry_in.as_millis()))
            }
            Self::IdentifyWanted(id) => (Level::Debug, format!("shard {id} wants to identify")),
            Self::IdentifySent(id) => (Level::Debug, format!("shard {id} has identified")),
            Self::IdentifyWithdrawn(id) => (Level::Debug, format!("shard {id} wants to identify no longer")),
            Self::IdentifiesExhausted { remaining, total, resets_in } => {
                let seconds = resets_in.as_secs();
                let text = format!("{remaining} of {total} identifies left: no more for {seconds} s");
                (Level::Error, text)
            }
            Self::IdentifiesRefilled { total } => (Level::Info, format!("{total} identifies again")),
            Self::Resharding { ready, total } => (Level::Info, format!("{ready} of {total} new shards up")),
            Self::Resharded { from, to, gap: false } => (Level::Info, format!("{from} shards became {to}")),
            Self::Resharded { from, to, gap: true } => {
                (Level::Warn, format!("{from} shards became {to}; events may be missing or come twice"))
            }
            Self::ReshardFailed {
                reason: reason @ (ReshardFailure::Refused(_) | ReshardFailure::Shards(_)),
            } => (Level::Error, format!("the shards stay as they are: {reason}")),
            Self::ReshardFailed { reason } => (Level::Info, format!("the shards stay as they are: {reason}")),
            Self::Stopped { reason: Stopped::ByUser } => (Level::Info, "stopped".into()),
            Self::Stopped { reason } => (Level::Error, format!("{reason}")),
        };
        Some(Log::new(level, text))
    }
}

/// Why a change of shards came to nothing.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ReshardFailure {
    /// A new shard was refused.
    Refused(gateway::Stopped),
    /// Discord recommends as many as there are.
    SameCount,
    /// What Discord recommends cannot be run here.
    Shards(BadShards),
    /// The user [cancelled](crate::cluster::Cluster::cancel_reshard) it.
    Cancelled,
}

impl fmt::Display for ReshardFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(reason) => write!(f, "a new shard was refused: {reason}"),
            Self::SameCount => f.write_str("as many are recommended as there are"),
            Self::Shards(bad) => bad.fmt(f),
            Self::Cancelled => f.write_str("cancelled"),
        }
    }
}

/// Why a request failed.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RequestFailed {
    /// There was no answer.
    Unanswered(Unanswered),
    /// The answer was no success.
    Refused(RestError),
}

impl fmt::Display for RequestFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unanswered(unanswered) => f.write_str(&unanswered.reason),
            Self::Refused(error) => error.fmt(f),
        }
    }
}

/// Why a cluster has ended.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Stopped {
    /// The user asked for it.
    ByUser,
    /// A shard has stopped.
    Gateway(ShardId, gateway::Stopped),
    /// `/gateway/bot` could not be had.
    GatewayBot(RequestFailed),
    /// The shards asked for cannot be run.
    Shards(BadShards),
    /// So few identifies are left of the day's that none is used any more, and only a limited number of attempts
    /// was allowed.
    IdentifiesExhausted {
        /// Identifies left.
        remaining: u32,
        /// When the count starts afresh.
        resets_in: Duration,
    },
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ByUser => f.write_str("stopped"),
            Self::Gateway(_, reason) => reason.fmt(f),
            Self::Shards(bad) => bad.fmt(f),
            Self::GatewayBot(reason) => write!(f, "Discord's gateway address could not be had: {reason}"),
            Self::IdentifiesExhausted { remaining, resets_in } => write!(
                f,
                "the bot has started so many sessions that only {remaining} are left for today; Discord resets \
                 the token of a bot that uses them up: wait {} minutes",
                resets_in.as_secs().div_ceil(60)
            ),
        }
    }
}
