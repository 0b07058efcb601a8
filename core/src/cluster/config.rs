//! What a cluster needs to know.

use alloc::boxed::Box;

use serde::{Deserialize, Serialize};

use crate::cluster::state::State;
use crate::gateway;
use crate::gateway::routing::ShardId;
use crate::rest::API_BASE;

/// What a cluster needs to know.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// What all shards have in common.
    pub gateway: gateway::Config,
    /// The API's base URL, with its version: [`API_BASE`] unless there is a proxy or another server.
    pub api_base: Box<str>,
    /// Which shards to run.
    pub shards: Shards,
    /// Who decides when a shard may identify.
    pub identifies: Identifies,
    /// How many identifies of the day are never used: the next would come near to a reset of the token. `None`,
    /// the default, for [a twentieth](crate::gateway::identify::IdentifyQueue::reserve).
    pub reserve: Option<u32>,
    /// Sessions and limits saved by an earlier process.
    pub state: Option<State>,
}

impl Config {
    /// All shards that Discord recommends, at Discord's own API.
    #[must_use]
    pub fn new(gateway: gateway::Config) -> Self {
        Self {
            gateway,
            api_base: API_BASE.into(),
            shards: Shards::default(),
            identifies: Identifies::default(),
            reserve: None,
            state: None,
        }
    }
}

/// Which shards to run.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub enum Shards {
    /// As many as `/gateway/bot` recommends; as many as there were, if saved sessions are restored.
    #[default]
    Recommended,
    /// All of so many.
    All {
        /// How many.
        count: u32,
    },
    /// Some of so many: other processes run the rest.
    Range {
        /// The first number.
        first: u32,
        /// The last number.
        last: u32,
        /// How many there are in all.
        count: u32,
    },
}

impl Shards {
    /// How many there are in all, and the ids of those to run, where `recommended` is what `/gateway/bot` says.
    ///
    /// # Errors
    /// If it names no shard, or more than [`MAX_SHARDS`].
    pub fn ids(self, recommended: u32) -> Result<(u32, impl Iterator<Item = ShardId>), BadShards> {
        let (first, last, count) = match self {
            Self::Recommended => (0, u32::MAX, recommended.max(1)),
            Self::All { count } => (0, u32::MAX, count),
            Self::Range { first, last, count } => (first, last, count),
        };
        let end = last.saturating_add(1).min(count);
        match end.checked_sub(first) {
            None | Some(0) => Err(BadShards::None { first, last, count }),
            Some(shards) if usize::try_from(shards).is_ok_and(|shards| shards <= MAX_SHARDS) => {
                Ok((count, (first..end).map(move |number| ShardId { number, count })))
            }
            Some(shards) => Err(BadShards::TooMany { shards }),
        }
    }
}

/// Shards that cannot be run.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BadShards {
    /// None of these numbers is below the count.
    #[error(
        "there is no shard from {first} to {last} of {count}: numbers start at 0 and end below the count"
    )]
    None {
        /// The first number.
        first: u32,
        /// The last number.
        last: u32,
        /// How many there are in all.
        count: u32,
    },
    /// More than [`MAX_SHARDS`].
    #[error("{shards} shards are more than one cluster runs ({MAX_SHARDS}): run ranges in several processes")]
    TooMany {
        /// How many.
        shards: u32,
    },
}

/// The most shards of one cluster; whoever has more runs ranges.
pub const MAX_SHARDS: usize = 16_384;

/// Who decides when a shard may identify.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub enum Identifies {
    /// The cluster's own [`IdentifyQueue`](crate::gateway::identify::IdentifyQueue).
    #[default]
    Own,
    /// A queue that several processes share: the cluster tells
    /// [`Event::IdentifyWanted`](crate::cluster::Event::IdentifyWanted), and is told
    /// [`Cluster::grant`](crate::cluster::Cluster::grant).
    Shared,
}
