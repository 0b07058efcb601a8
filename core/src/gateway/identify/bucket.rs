//! One bucket of the identify queue: who waits, who holds the grant, until when it rests.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use crate::gateway::routing::ShardId;
use crate::time::Timestamp;

/// The order of shards within a bucket: number, then count.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Place {
    pub(super) number: u32,
    pub(super) count: u32,
}

impl From<ShardId> for Place {
    fn from(shard: ShardId) -> Self {
        Self { number: shard.number, count: shard.count }
    }
}

impl From<Place> for ShardId {
    fn from(place: Place) -> Self {
        Self { number: place.number, count: place.count }
    }
}

/// A grant of which nothing was heard yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grant {
    pub(super) shard: ShardId,
    pub(super) at: Timestamp,
    /// It was given by an earlier process.
    pub(super) restored: bool,
}

/// The shards of one bucket.
#[derive(Debug, Default)]
pub(super) struct Bucket {
    pub(super) waiting: BTreeSet<Place>,
    /// Those who ask again after their turn in this round.
    pub(super) next_round: BTreeSet<Place>,
    had_their_turn: BTreeSet<Place>,
    /// One, but for grants that were given while there were more buckets.
    pub(super) grants: Vec<Grant>,
    /// When the last identify's spacing ends.
    pub(super) free_at: Timestamp,
}

impl Bucket {
    pub(super) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty() || !self.next_round.is_empty()
    }

    pub(super) fn is_waiting(&self, place: Place) -> bool {
        self.waiting.contains(&place) || self.next_round.contains(&place)
    }

    pub(super) fn push(&mut self, place: Place) {
        if self.had_their_turn.contains(&place) {
            self.next_round.insert(place);
        } else {
            self.waiting.insert(place);
        }
    }

    pub(super) fn remove(&mut self, place: Place) -> bool {
        // Both, so that one shard is never in two places.
        self.waiting.remove(&place) | self.next_round.remove(&place)
    }

    pub(super) fn pop(&mut self) -> Option<Place> {
        if self.waiting.is_empty() || self.had_their_turn.len() >= MAX_SHARDS {
            self.waiting.append(&mut self.next_round);
            self.had_their_turn.clear();
        }
        let place = self.waiting.pop_first()?;
        self.had_their_turn.insert(place);
        Some(place)
    }

    pub(super) fn end_grant(&mut self, shard: ShardId) -> bool {
        let before = self.grants.len();
        self.grants.retain(|grant| grant.shard != shard);
        self.grants.len() < before
    }

    /// When the next grant may be given, the budget aside.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        (self.grants.is_empty() && self.has_waiting()).then_some(self.free_at)
    }

    pub(super) fn is_idle(&self, now: Timestamp) -> bool {
        !self.has_waiting() && self.grants.is_empty() && self.free_at <= now
    }
}

/// Shards that wait at most, and whose turns are kept in mind. The largest bots have some ten thousand.
pub(super) const MAX_SHARDS: usize = 100_000;
