//! Lanes and buckets, and how they are found.
//!
//! A lane is a route of one top-level resource, with its queue. A bucket is what limits one lane, or several that
//! were told the same bucket's name.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use hashbrown::HashTable;

use crate::rest::route::{RouteKey, Traits, WebhookKey};
use crate::time::{Duration, Timestamp};

use super::bucket::{Bucket, Kind};
use super::limits::BucketHash;
use super::tickets::{List, NONE};
use super::timers::Timers;

#[derive(Debug)]
pub(super) struct Lane {
    pub(super) key: RouteKey,
    pub(super) traits: Traits,
    pub(super) needs_token: bool,
    pub(super) webhook: Option<WebhookKey>,
    pub(super) bucket: u32,
    /// The next lane of its bucket.
    pub(super) next: u32,
    pub(super) queue: List,
    pub(super) waiting: u32,
    pub(super) in_flight: u32,
    /// Until when it is held back by a limit of its own.
    pub(super) held: Timestamp,
    /// Until when nobody can send it.
    pub(super) busy: Timestamp,
    /// How often in a row it was answered 429, and when it was last.
    refusals: u8,
    refused: Timestamp,
    /// When its bucket's name was last told: answers to earlier requests may tell an older one.
    told: Timestamp,
    /// Since when it has nothing to do, if it has.
    rests: Timestamp,
    /// Its neighbours among the idle ones.
    older: u32,
    newer: u32,
    idle: bool,
}

impl Lane {
    /// A request that was granted at `granted` was answered 429: how much longer to wait than the answer says.
    /// Requests that were on their way together count as one.
    pub(super) fn refused(&mut self, granted: Timestamp, now: Timestamp) -> Duration {
        if granted > self.refused {
            self.refusals = (self.refusals + 1).min(MOST_REFUSALS);
            self.refused = now;
        }
        MARGIN * (1 << (self.refusals.max(1) - 1))
    }

    /// A request was answered, and not by a 429.
    pub(super) const fn accepted(&mut self) {
        self.refusals = 0;
    }
}

/// What is waited beyond the end of a limit, doubled with each 429 that follows another: an answer that says to wait
/// for nothing must not be answered at the network's speed.
const MARGIN: Duration = Duration::from_millis(100);
/// 6.4 s.
const MOST_REFUSALS: u8 = 7;

#[derive(Debug)]
pub(super) struct Table {
    pub(super) lanes: Vec<Lane>,
    free_lanes: Vec<u32>,
    pub(super) buckets: Vec<Bucket>,
    free_buckets: Vec<u32>,
    by_route: HashTable<u32>,
    by_hash: HashTable<u32>,
    /// The bucket's name that answers to a template told last: [`MAX_TEMPLATES`] at most, beyond which all are
    /// forgotten, to be told anew.
    pub(super) templates: BTreeMap<u64, BucketHash>,
    /// Idle lanes, from the one that is idle for the longest.
    oldest: u32,
    newest: u32,
    pub(super) timers: Timers,
    bound: usize,
    /// Lanes that were forgotten at the bound though their limit may still have held.
    pub(super) forgotten: u64,
}

/// What became of a lane whose bucket's name was told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Told {
    /// Nothing new.
    Known,
    /// An older name than the one that is known.
    Stale,
    /// It is told for the first time.
    First,
    /// It was another one.
    Changed,
}

impl Table {
    pub(super) const fn new(bound: usize) -> Self {
        Self {
            lanes: Vec::new(),
            free_lanes: Vec::new(),
            buckets: Vec::new(),
            free_buckets: Vec::new(),
            by_route: HashTable::new(),
            by_hash: HashTable::new(),
            templates: BTreeMap::new(),
            oldest: NONE,
            newest: NONE,
            timers: Timers::new(),
            bound,
            forgotten: 0,
        }
    }

    pub(super) fn lane(&self, index: u32) -> &Lane {
        &self.lanes[index as usize]
    }

    pub(super) fn lane_mut(&mut self, index: u32) -> &mut Lane {
        &mut self.lanes[index as usize]
    }

    pub(super) fn bucket(&self, index: u32) -> &Bucket {
        &self.buckets[index as usize]
    }

    pub(super) fn bucket_mut(&mut self, index: u32) -> &mut Bucket {
        &mut self.buckets[index as usize]
    }

    /// How many lanes there are.
    pub(super) fn len(&self) -> usize {
        self.by_route.len()
    }

    pub(super) fn find(&self, key: RouteKey) -> Option<u32> {
        self.by_route.find(spread(key), |lane| self.lanes[*lane as usize].key == key).copied()
    }

    /// The lanes that there are.
    pub(super) fn all(&self) -> impl Iterator<Item = u32> {
        self.by_route.iter().copied()
    }

    /// The lanes of a bucket.
    pub(super) fn of(&self, bucket: u32) -> impl Iterator<Item = u32> {
        let mut next = self.bucket(bucket).lanes;
        core::iter::from_fn(move || {
            let lane = (next != NONE).then_some(next)?;
            next = self.lane(lane).next;
            Some(lane)
        })
    }

    /// A new lane, idle. `None` at the bound, if none is idle that could be forgotten.
    pub(super) fn add(&mut self, now: Timestamp, key: RouteKey, traits: Traits) -> Option<u32> {
        self.forget(now);
        if self.len() >= self.bound {
            let oldest = (self.oldest != NONE).then_some(self.oldest)?;
            self.forgotten += u64::from(self.matters(now, oldest));
            self.remove(oldest);
        }
        let hash = self.templates.get(&key.template).copied().filter(|_| !traits.unreliable);
        let known = hash.and_then(|hash| self.find_bucket(hash, key.top));
        let bucket = known.unwrap_or_else(|| {
            let kind = if traits.unreliable { Kind::Unreliable } else { Kind::Unknown };
            self.add_bucket(hash, key.top, kind)
        });
        let lane = Lane {
            key,
            traits,
            needs_token: true,
            webhook: None,
            bucket,
            next: NONE,
            queue: List::EMPTY,
            waiting: 0,
            in_flight: 0,
            held: Timestamp::ZERO,
            busy: Timestamp::ZERO,
            refusals: 0,
            refused: Timestamp::ZERO,
            told: Timestamp::ZERO,
            rests: Timestamp::ZERO,
            older: NONE,
            newer: NONE,
            idle: false,
        };
        let index = if let Some(index) = self.free_lanes.pop() {
            self.lanes[index as usize] = lane;
            index
        } else {
            self.lanes.push(lane);
            self.lanes.len() as u32 - 1
        };
        let lanes = &self.lanes;
        self.by_route.insert_unique(spread(key), index, |lane| spread(lanes[*lane as usize].key));
        self.link(index, bucket);
        self.rest(index, now);
        Some(index)
    }

    /// The lane has something to do: it is not forgotten.
    pub(super) fn wake(&mut self, index: u32) {
        let lane = self.lane_mut(index);
        if !lane.idle {
            return;
        }
        lane.idle = false;
        let (older, newer) = (lane.older, lane.newer);
        match older {
            NONE => self.oldest = newer,
            older => self.lane_mut(older).newer = newer,
        }
        match newer {
            NONE => self.newest = older,
            newer => self.lane_mut(newer).older = older,
        }
    }

    /// The lane may have nothing to do.
    pub(super) fn rest(&mut self, index: u32, now: Timestamp) {
        let newest = self.newest;
        let lane = self.lane_mut(index);
        if lane.idle || lane.waiting > 0 || lane.in_flight > 0 {
            return;
        }
        lane.idle = true;
        lane.rests = now;
        (lane.older, lane.newer) = (newest, NONE);
        match newest {
            NONE => self.oldest = index,
            newest => self.lane_mut(newest).newer = index,
        }
        self.newest = index;
    }

    /// An answer to a request of this lane, granted at `granted`, names its bucket.
    pub(super) fn tell(&mut self, index: u32, hash: BucketHash, granted: Timestamp, now: Timestamp) -> Told {
        let lane = self.lane(index);
        let from = lane.bucket;
        let old = self.bucket(from).hash;
        if old == Some(hash) || lane.traits.unreliable {
            return Told::Known;
        }
        if granted < lane.told || granted == lane.told && old.is_some() {
            return Told::Stale;
        }
        let (key, only) = (lane.key, self.bucket(from).lanes == index && lane.next == NONE);
        self.lane_mut(index).told = now;
        if self.templates.len() >= MAX_TEMPLATES {
            self.templates.clear();
        }
        self.templates.insert(key.template, hash);
        match self.find_bucket(hash, key.top) {
            None if only => {
                self.unname(from);
                self.bucket_mut(from).rename(hash);
                self.name(from, hash);
            }
            target => {
                let to = target.unwrap_or_else(|| self.add_bucket(Some(hash), key.top, Kind::Unknown));
                self.unlink(index);
                self.link(index, to);
            }
        }
        if old.is_some() { Told::Changed } else { Told::First }
    }

    fn find_bucket(&self, hash: BucketHash, top: u64) -> Option<u32> {
        let is = |bucket: &u32| {
            let bucket = self.bucket(*bucket);
            bucket.hash == Some(hash) && bucket.top == top
        };
        self.by_hash.find(spread(RouteKey { template: hash.0, top }), is).copied()
    }

    fn add_bucket(&mut self, hash: Option<BucketHash>, top: u64, kind: Kind) -> u32 {
        let index = if let Some(index) = self.free_buckets.pop() {
            // It may still stand in a queue.
            let listed = self.bucket(index).listed;
            *self.bucket_mut(index) = Bucket::new(hash, top, kind, listed);
            index
        } else {
            self.buckets.push(Bucket::new(hash, top, kind, false));
            self.buckets.len() as u32 - 1
        };
        if let Some(hash) = hash {
            self.name(index, hash);
        }
        index
    }

    /// Puts a bucket where its name finds it.
    fn name(&mut self, index: u32, hash: BucketHash) {
        let buckets = &self.buckets;
        let key = |bucket: &u32| {
            let bucket = &buckets[*bucket as usize];
            spread(RouteKey { template: bucket.hash.map_or(0, |hash| hash.0), top: bucket.top })
        };
        let top = buckets[index as usize].top;
        self.by_hash.insert_unique(spread(RouteKey { template: hash.0, top }), index, key);
    }

    fn unname(&mut self, index: u32) {
        let bucket = self.bucket(index);
        let Some(hash) = bucket.hash else { return };
        let key = spread(RouteKey { template: hash.0, top: bucket.top });
        if let Ok(entry) = self.by_hash.find_entry(key, |other| *other == index) {
            entry.remove();
        }
    }

    fn link(&mut self, index: u32, to: u32) {
        let first = self.bucket(to).lanes;
        let lane = self.lane_mut(index);
        (lane.bucket, lane.next) = (to, first);
        let (waiting, in_flight) = (lane.waiting, lane.in_flight);
        let bucket = self.bucket_mut(to);
        bucket.lanes = index;
        bucket.waiting += waiting;
        bucket.in_flight += in_flight;
    }

    /// Takes a lane out of its bucket, which goes with its last one.
    fn unlink(&mut self, index: u32) {
        let Lane { bucket: from, next, waiting, in_flight, .. } = *self.lane(index);
        let before = self.of(from).find(|lane| self.lane(*lane).next == index);
        match before {
            None => self.bucket_mut(from).lanes = next,
            Some(before) => self.lane_mut(before).next = next,
        }
        let bucket = self.bucket_mut(from);
        bucket.waiting -= waiting;
        bucket.in_flight -= in_flight;
        if bucket.lanes == NONE {
            self.unname(from);
            self.bucket_mut(from).hash = None;
            self.timers.remove(from);
            self.free_buckets.push(from);
        }
    }

    /// Forgets the lanes that were idle for the longest, two at most, if nothing is lost with them.
    fn forget(&mut self, now: Timestamp) {
        for _ in 0..2 {
            let oldest = self.oldest;
            if oldest == NONE {
                return;
            }
            let lane = self.lane(oldest);
            let bucket = self.bucket(lane.bucket);
            if lane.rests + KEPT > now {
                return;
            }
            if bucket.end.max(lane.held) > now {
                // Others are looked at the next time.
                self.wake(oldest);
                self.rest(oldest, now);
            } else {
                self.remove(oldest);
            }
        }
    }

    /// Whether forgetting an idle lane forgets a limit that may hold.
    fn matters(&self, now: Timestamp, index: u32) -> bool {
        let lane = self.lane(index);
        let bucket = self.bucket(lane.bucket);
        lane.held > now || bucket.end > now && bucket.lanes == index && lane.next == NONE
    }

    fn remove(&mut self, index: u32) {
        self.wake(index);
        let key = self.lane(index).key;
        if let Ok(entry) = self.by_route.find_entry(spread(key), |lane| *lane == index) {
            entry.remove();
        }
        self.unlink(index);
        self.free_lanes.push(index);
    }
}

/// Both halves are spread over all bits already, but may be the same.
fn spread(key: RouteKey) -> u64 {
    key.template ^ key.top.rotate_left(32)
}

/// Templates whose bucket's name is kept: Discord has some 200 endpoints.
pub(super) const MAX_TEMPLATES: usize = 4096;
/// How long an idle lane is kept in mind at least, short of the bound: as its limit is known, the next requests need
/// not wait for the answer to a first one.
const KEPT: Duration = Duration::from_secs(3600);
