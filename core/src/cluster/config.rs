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
    /// As many as `/gateway/bot` recommends; as many as there were, if a saved state is restored.
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
    /// The ids, where `recommended` is what `/gateway/bot` says. At most [`MAX_SHARDS`].
    pub(crate) fn ids(self, recommended: u32) -> impl Iterator<Item = ShardId> {
        let (first, last, count) = match self {
            Self::Recommended => (0, recommended.max(1) - 1, recommended.max(1)),
            Self::All { count } => (0, count.max(1) - 1, count.max(1)),
            Self::Range { first, last, count } => (first, last.min(count.max(1) - 1), count.max(1)),
        };
        (first..=last).take(MAX_SHARDS).map(move |number| ShardId { number, count })
    }
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
