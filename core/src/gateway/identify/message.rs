//! What crosses the edge of the identify queue: plain values.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::gateway::routing::ShardId;
use crate::time::Duration;

/// What the queue tells. All values, so that it may be sent to another process.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub enum Event {
    /// This shard may identify now: tell [`IdentifyQueue::sent`](super::IdentifyQueue::sent) or
    /// [`IdentifyQueue::withdraw`](super::IdentifyQueue::withdraw) within 90 s.
    Granted(ShardId),
    /// This shard's grant is 90 s old and void. It counts as sent, since its holder may have died after sending.
    Expired(ShardId),
    /// The queue is full: this shard's request was not taken. Ask again later.
    Refused(ShardId),
    /// No more are left than the reserve: nothing is granted until the period ends. Told once a period.
    Exhausted {
        /// Identifies left.
        remaining: u32,
        /// Identifies of a whole period.
        total: u32,
        /// How many are kept back.
        reserve: u32,
        /// When the period ends.
        resets_in: Duration,
    },
    /// Grants go on: the period has ended, a fresh answer says that there are more, or the reserve was lowered.
    Refilled {
        /// Identifies of a whole period.
        total: u32,
    },
}

/// The queue's state for another process. Shards that wait are left out: they ask again.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Saved {
    /// Identifies of a whole period.
    pub total: u32,
    /// Identifies left.
    pub remaining: u32,
    /// Milliseconds until the period ends; 0 if none has started.
    pub reset_after_ms: u64,
    /// Whether that end is certain: see [`IdentifyQueue::resets_in`](super::IdentifyQueue::resets_in).
    pub reset_is_certain: bool,
    /// Buckets.
    pub max_concurrency: u32,
    /// How many are kept back; `None` for the default.
    pub reserve: Option<u32>,
    /// The identifies of the last 5.5 s, the oldest first.
    pub recent: Vec<Since>,
    /// The grants of which nothing was heard yet.
    pub granted: Vec<Since>,
}

/// A shard and how long ago something happened to it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Since {
    /// The shard.
    pub shard: ShardId,
    /// Milliseconds.
    pub ago_ms: u64,
}
