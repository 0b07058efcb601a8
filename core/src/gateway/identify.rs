//! Who may start a session next: the queue that all shards of a bot share.
//!
//! Discord counts identifies twice (discord-api-docs, Gateway, Session Start Limit Object and Max Concurrency): so
//! many in 24 hours for the whole bot, after which it ends all sessions and resets the token, and one in 5 s for
//! each bucket `shard_id % max_concurrency`. Resuming costs nothing and needs no turn.
//!
//! ```text
//!           request            turn comes: Granted           sent
//!   (none) ────────> waiting ────────────────────> granted ────────> spent: its bucket rests 5.5 s
//!     ^                 │                           │    │               ^
//!     └── withdraw ─────┘ <──────── withdraw ───────┘    └── 90 s: Expired, counted as sent
//! ```
//!
//! * A bucket has one grant at a time. Its shards go in ascending number, then count, so that buckets start in
//!   order; two counts of shards (resharding) share the buckets by number.
//! * Whoever had a turn while others wait goes to the next round: a shard that fails again and again starves
//!   nobody. Where identifies are short the buckets take turns.
//! * When no more are left than the [reserve](IdentifyQueue::set_reserve), nothing is granted until the period
//!   ends. A period ends when Discord said so, and the next one starts with the first identify in it: the latest
//!   start that is possible, so that no identify is one too many.
//!
//! # Several processes
//!
//! All that crosses the queue's edge is plain and goes through serde: calls name a [`ShardId`], [`Event`] and
//! [`Saved`] are values. So one process may own the queue, and others ask it over any transport:
//!
//! ```text
//!   process A: shards 0..8 ───┐  request, withdraw, sent (ShardId)    ┌───────────────┐
//!   process B: shards 8..16 ──┼──────────────────────────────────────>│ IdentifyQueue │
//!   process C: the new count ─┘<───── Granted, Expired, Refused ──────└───────────────┘
//! ```
//!
//! Messages may be repeated. If one is lost, or its sender dies, a grant is counted as sent after 90 s.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::mem;

use crate::gateway::routing::ShardId;
use crate::machine::{Input, Machine, Output};
use crate::outbox::Outbox;
use crate::rest::gateway::SessionStartLimit;
use crate::time::{Duration, Timestamp, soonest};

mod bucket;
mod message;
#[cfg(test)]
mod tests;

pub use message::{Event, Saved, Since};

use bucket::{Bucket, Grant, MAX_SHARDS};

/// The queue of shards that want to start a session; its rules stand at the [module](self).
///
/// Bounded: 100,000 shards wait at most, and a further one is [refused](Event::Refused). A machine that never
/// finishes: it asks for nothing but time.
#[derive(Debug)]
pub struct IdentifyQueue {
    now: Timestamp,
    total: u32,
    remaining: u32,
    /// When the period ends, if one has started.
    resets_at: Option<Timestamp>,
    /// Discord named that end, or an identify that surely went out did.
    reset_is_certain: bool,
    max_concurrency: u32,
    reserve: Option<u32>,
    /// Only those in use.
    buckets: BTreeMap<u32, Bucket>,
    /// The bucket from which the next grants are sought.
    turn: u32,
    waiting: usize,
    granted: u32,
    /// Identifies of the last 5.5 s, the oldest first; at the bound the oldest is forgotten, while its bucket
    /// still rests.
    recent: VecDeque<(ShardId, Timestamp)>,
    told_exhausted: bool,
    out: Outbox<Event>,
}

impl IdentifyQueue {
    /// A queue that believes this answer of `/gateway/bot`, which has just come.
    #[must_use]
    pub fn new(now: Timestamp, limit: &SessionStartLimit) -> Self {
        let mut queue = Self::believing(now, limit, None);
        queue.tick(now);
        queue.settle();
        queue
    }

    fn believing(now: Timestamp, limit: &SessionStartLimit, reserve: Option<u32>) -> Self {
        let mut queue = Self {
            now,
            total: 0,
            remaining: 0,
            resets_at: None,
            reset_is_certain: false,
            max_concurrency: limit.max_concurrency.max(1),
            reserve,
            buckets: BTreeMap::new(),
            turn: 0,
            waiting: 0,
            granted: 0,
            recent: VecDeque::new(),
            told_exhausted: false,
            out: Outbox::new(),
        };
        queue.believe(limit, 0);
        queue
    }

    /// The queue that an earlier process saved, `elapsed` ago by the wall clock. If that is unknown, zero is safe.
    ///
    /// Grants of which the earlier queue had heard nothing are still held: their holders may be alive. A holder
    /// that asks again has lost its grant; that one counts as sent.
    #[must_use]
    pub fn restore(now: Timestamp, saved: &Saved, elapsed: Duration) -> Self {
        let elapsed = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        let limit = SessionStartLimit {
            total: saved.total,
            remaining: saved.remaining,
            reset_after: saved.reset_after_ms,
            max_concurrency: saved.max_concurrency,
        };
        let mut queue = Self::believing(now, &limit, saved.reserve);
        queue.reset_is_certain &= saved.reset_is_certain;
        // Times before the clock's origin become the origin: then the rest is waited in whole, which is longer.
        let before = |at: Timestamp, millis: u64| {
            Timestamp::from_nanos(at.as_nanos().saturating_sub(millis.saturating_mul(1_000_000)))
        };
        queue.resets_at = queue.resets_at.map(|at| before(at, elapsed));
        let at = |since: &Since| before(now, since.ago_ms.saturating_add(elapsed));
        for since in saved.recent.iter().take(MAX_SHARDS) {
            queue.rest(since.shard, at(since));
        }
        for since in saved.granted.iter().take(MAX_SHARDS) {
            let grant = Grant { shard: since.shard, at: at(since), restored: true };
            let bucket = queue.bucket(since.shard);
            if !bucket.grants.iter().any(|other| other.shard == grant.shard) {
                bucket.grants.push(grant);
                queue.granted += 1;
            }
        }
        queue.tick(now);
        queue.settle();
        queue
    }

    /// The state, for [`IdentifyQueue::restore`].
    #[must_use]
    pub fn save(&self, now: Timestamp) -> Saved {
        let now = self.now.max(now);
        let since = |shard, at| Since { shard, ago_ms: millis(now.since(at)) };
        let recent = self.recent.iter().filter(|(_, at)| *at + IDENTIFY_SPACING > now);
        Saved {
            total: self.total,
            remaining: self.remaining,
            // Rounded up, ages down: both on the safe side.
            reset_after_ms: self.resets_at.map_or(0, |at| millis(at.since(now)).saturating_add(1)),
            reset_is_certain: self.reset_is_certain,
            max_concurrency: self.max_concurrency,
            reserve: self.reserve,
            recent: recent.map(|&(shard, at)| since(shard, at)).collect(),
            granted: self.grants().map(|grant| since(grant.shard, grant.at)).collect(),
        }
    }

    /// Takes a fresh answer of `/gateway/bot`: it is believed, but the spacing of earlier identifies stays. Those
    /// of the last 5.5 s may have come too late to be counted in the answer.
    pub fn refresh(&mut self, now: Timestamp, limit: &SessionStartLimit) {
        self.tick(now);
        self.believe(limit, u32::try_from(self.recent.len()).unwrap_or(u32::MAX));
        if self.max_concurrency != limit.max_concurrency.max(1) {
            self.max_concurrency = limit.max_concurrency.max(1);
            self.sort_anew();
        }
        self.settle();
    }

    /// Keeps back so many identifies of a period; at most all but one.
    ///
    /// The default is a twentieth of the total, at least 5, and at most half: of the usual 1,000 that is 50. They
    /// are there for other processes with this token, and for identifies that Discord counted and this queue did
    /// not: at zero Discord ends all sessions and resets the token.
    pub fn set_reserve(&mut self, identifies: u32) {
        self.reserve = Some(identifies);
        self.settle();
    }

    /// This shard wants to identify. Asking again changes nothing.
    pub fn request(&mut self, now: Timestamp, shard: ShardId) {
        self.tick(now);
        let full = self.waiting >= MAX_SHARDS;
        let bucket = self.bucket(shard);
        let grant = bucket.grants.iter().find(|grant| grant.shard == shard);
        let lost = grant.is_some_and(|grant| grant.restored);
        if !bucket.is_waiting(shard.into()) && (lost || grant.is_none()) {
            if full {
                self.out.event(Event::Refused(shard));
            } else {
                bucket.push(shard.into());
                self.waiting += 1;
            }
        }
        if lost {
            self.end_grant(shard);
            self.spend(shard, false);
        }
        self.settle();
    }

    /// This shard wants no longer, or its connection failed before it identified. A grant is free at once, and
    /// nothing is spent.
    pub fn withdraw(&mut self, now: Timestamp, shard: ShardId) {
        self.tick(now);
        self.remove(shard);
        self.end_grant(shard);
        self.settle();
    }

    /// This shard's Identify went out: one is spent, and its bucket rests for 5.5 s. Counted even without a grant.
    pub fn sent(&mut self, now: Timestamp, shard: ShardId) {
        self.tick(now);
        self.remove(shard);
        self.end_grant(shard);
        self.spend(shard, true);
        self.settle();
    }

    /// Identifies left in this period, as far as the queue knows; grants are not yet counted.
    #[must_use]
    pub const fn remaining(&self) -> u32 {
        self.remaining
    }

    /// Identifies of a whole period.
    #[must_use]
    pub const fn total(&self) -> u32 {
        self.total
    }

    /// How many are kept back.
    #[must_use]
    pub fn reserve(&self) -> u32 {
        let default = (self.total / 20).max(5).min(self.total / 2);
        self.reserve.unwrap_or(default).min(self.total.saturating_sub(1))
    }

    /// Buckets: identifies that may go out in 5 s.
    #[must_use]
    pub const fn max_concurrency(&self) -> u32 {
        self.max_concurrency
    }

    /// When the period ends; zero if none has started, so that nothing is spent. While only identifies are known
    /// that may not have gone out, the next one moves this end.
    #[must_use]
    pub fn resets_in(&self, now: Timestamp) -> Duration {
        self.resets_at.map_or(Duration::ZERO, |at| at.since(now))
    }

    /// How many of its bucket have their turn before this shard: 0 if the turn is its own. `None` if it neither
    /// waits nor has a grant. A lower number that asks later goes before it.
    #[must_use]
    pub fn position(&self, shard: ShardId) -> Option<usize> {
        let place = shard.into();
        let bucket = self.buckets.get(&shard.bucket(self.max_concurrency))?;
        if self.is_granted(shard) {
            Some(0)
        } else if bucket.waiting.contains(&place) {
            Some(bucket.grants.len() + bucket.waiting.range(..place).count())
        } else if bucket.next_round.contains(&place) {
            let later = bucket.next_round.range(..place).count();
            Some(bucket.grants.len() + bucket.waiting.len() + later)
        } else {
            None
        }
    }

    /// How many shards wait; those with a grant do not.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.waiting
    }

    /// Whether no shard waits.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.waiting == 0
    }

    /// Whether this shard has a grant.
    #[must_use]
    pub fn is_granted(&self, shard: ShardId) -> bool {
        let bucket = self.buckets.get(&shard.bucket(self.max_concurrency));
        bucket.is_some_and(|bucket| bucket.grants.iter().any(|grant| grant.shard == shard))
    }

    /// When something changes by itself: a bucket is free again, a grant expires, the period ends.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        let expiry = self.grants().map(|grant| grant.at + GRANT_LIMIT).min();
        let open = self.buckets.values().filter(|_| self.may_grant()).filter_map(Bucket::deadline).min();
        soonest(soonest(self.resets_at, expiry), open)
    }

    fn tick(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        if let Some(end) = self.resets_at.filter(|&end| end <= self.now) {
            // Discord's period may have ended some seconds earlier: what was sent since is part of the next one.
            let late = self.recent.iter().filter(|&&(_, at)| at + IDENTIFY_SPACING > end).count();
            let late = u32::try_from(late).unwrap_or(u32::MAX);
            self.resets_at = (late > 0).then(|| self.now + PERIOD);
            self.reset_is_certain = false;
            self.remaining = self.total.saturating_sub(late);
            self.told_exhausted = false;
            self.out.event(Event::Refilled { total: self.total });
        }
        while self.recent.front().is_some_and(|&(_, at)| at + IDENTIFY_SPACING <= self.now) {
            self.recent.pop_front();
        }
    }

    fn bucket(&mut self, shard: ShardId) -> &mut Bucket {
        self.buckets.entry(shard.bucket(self.max_concurrency)).or_default()
    }

    fn grants(&self) -> impl Iterator<Item = &Grant> {
        self.buckets.values().flat_map(|bucket| &bucket.grants)
    }

    /// Takes over the count. As many as `uncounted` may be missing from it.
    fn believe(&mut self, limit: &SessionStartLimit, uncounted: u32) {
        let remaining = limit.remaining.min(limit.total);
        self.remaining = remaining.min(self.remaining.max(remaining.saturating_sub(uncounted)));
        self.total = limit.total;
        let started = limit.reset_after > 0 || self.remaining < self.total;
        self.resets_at = started.then(|| self.now + Duration::from_millis(limit.reset_after));
        self.reset_is_certain = started;
    }

    /// Whether there is an identify for one more grant.
    fn may_grant(&self) -> bool {
        self.remaining.saturating_sub(self.granted) > self.reserve()
    }

    fn remove(&mut self, shard: ShardId) {
        if self.bucket(shard).remove(shard.into()) {
            self.waiting -= 1;
        }
    }

    fn end_grant(&mut self, shard: ShardId) {
        if self.bucket(shard).end_grant(shard) {
            self.granted -= 1;
        }
    }

    fn spend(&mut self, shard: ShardId, certain: bool) {
        self.remaining = self.remaining.saturating_sub(1);
        // The period has started by now, unless this identify was none.
        if !self.reset_is_certain {
            self.resets_at = Some(self.now + PERIOD);
            self.reset_is_certain = certain;
        }
        self.rest(shard, self.now);
    }

    /// Lets the shard's bucket rest after an identify.
    fn rest(&mut self, shard: ShardId, at: Timestamp) {
        if self.recent.len() >= MAX_SHARDS {
            self.recent.pop_front();
        }
        self.recent.push_back((shard, at));
        let bucket = self.bucket(shard);
        bucket.free_at = bucket.free_at.max(at + IDENTIFY_SPACING);
    }

    /// Puts everything into the buckets where it belongs now.
    fn sort_anew(&mut self) {
        for (_, mut old) in mem::take(&mut self.buckets) {
            old.waiting.append(&mut old.next_round);
            for place in old.waiting {
                self.bucket(place.into()).waiting.insert(place);
            }
            for grant in old.grants {
                self.bucket(grant.shard).grants.push(grant);
            }
        }
        for (shard, at) in mem::take(&mut self.recent) {
            self.rest(shard, at);
        }
    }

    /// Does all that is due.
    fn settle(&mut self) {
        let expired = |grant: &&Grant| grant.at + GRANT_LIMIT <= self.now;
        let expired: Vec<ShardId> = self.grants().filter(expired).map(|grant| grant.shard).collect();
        for shard in expired {
            self.end_grant(shard);
            self.spend(shard, false);
            self.out.event(Event::Expired(shard));
        }
        let reserve = self.reserve();
        if self.remaining > reserve && self.told_exhausted {
            self.told_exhausted = false;
            self.out.event(Event::Refilled { total: self.total });
        } else if self.remaining <= reserve && !self.told_exhausted {
            self.told_exhausted = true;
            let (remaining, total, resets_in) = (self.remaining, self.total, self.resets_in(self.now));
            self.out.event(Event::Exhausted { remaining, total, reserve, resets_in });
        }
        let now = self.now;
        self.buckets.retain(|_, bucket| !bucket.is_idle(now));
        let free = |(&number, bucket): (&u32, &Bucket)| {
            bucket.deadline().is_some_and(|at| at <= now).then_some(number)
        };
        let buckets = self.buckets.range(self.turn..).chain(self.buckets.range(..self.turn));
        let free: Vec<u32> = buckets.filter_map(free).collect();
        for number in free {
            if !self.may_grant() {
                return;
            }
            let Some(bucket) = self.buckets.get_mut(&number) else { continue };
            let Some(shard) = bucket.pop().map(ShardId::from) else { continue };
            bucket.grants.push(Grant { shard, at: now, restored: false });
            self.turn = number.wrapping_add(1);
            self.waiting -= 1;
            self.granted += 1;
            self.out.event(Event::Granted(shard));
        }
    }
}

/// Inputs other than [`Input::Timeout`] are nobody's and change nothing but the time.
impl Machine for IdentifyQueue {
    type Event = Event;

    fn handle_input(&mut self, now: Timestamp, _: Input) {
        self.tick(now);
        self.settle();
    }

    fn poll_output(&mut self) -> Output<Event> {
        self.out.pop().unwrap_or_else(|| Output::Wait(self.deadline()))
    }

    fn is_finished(&self) -> bool {
        false
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// One identify per 5 s and bucket (discord-api-docs, Gateway, Rate Limiting), and half a second for the
/// network's uneven delay.
pub(crate) const IDENTIFY_SPACING: Duration = Duration::from_millis(5_500);
/// How long a grant is held for a shard that says nothing. Opening a connection and Hello take 50 s at most before
/// the shard itself gives up; the rest is for the way between processes.
const GRANT_LIMIT: Duration = Duration::from_secs(90);
/// The period of the session start limit.
const PERIOD: Duration = Duration::from_secs(24 * 3600);
