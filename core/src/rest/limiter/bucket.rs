//! One bucket: what is known of its window, and how many requests may be on their way.
//!
//! A window begins with the first request that Discord counts after the last one's end, and takes `limit` requests.
//! An answer tells how many are left and how long the window lasts from when its request was counted: somewhere
//! between being granted and being answered. So the end of a window is known between two bounds, which each further
//! answer narrows. Nothing is sent on the strength of a new window before the later of them.
//!
//! Requests that are on their way count fully: in this window if it has not ended, else in the next, which one of
//! them may begin.

use crate::time::{Duration, Timestamp};

use super::limits::BucketHash;
use super::tickets::NONE;

/// What is known of a bucket.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// Nothing: one request goes ahead.
    Unknown,
    /// Its answers tell of no limit.
    Unlimited,
    /// Its answers are not to be believed: one request at a time.
    Unreliable,
    /// A limit and a window.
    Windowed,
}

/// Whether a bucket takes one more request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Turn {
    Now,
    /// Not before this time, or an answer.
    At(Timestamp),
    /// Not before an answer.
    Answer,
}

#[derive(Debug)]
pub(super) struct Bucket {
    pub(super) hash: Option<BucketHash>,
    pub(super) top: u64,
    pub(super) kind: Kind,
    pub(super) limit: u32,
    /// Requests left in the window, those on their way not deducted.
    pub(super) remaining: u32,
    /// The window ends between these two.
    end_low: Timestamp,
    pub(super) end: Timestamp,
    /// When that was learned.
    learned: Timestamp,
    /// The longest that one of the last windows was seen to last.
    pub(super) period: Duration,
    pub(super) in_flight: u32,
    pub(super) waiting: u32,
    /// Requests of which it is not known whether they were counted, when the last one was lost, and until when
    /// they may matter.
    pub(super) ghosts: u32,
    ghosts_from: Timestamp,
    ghosts_until: Timestamp,
    /// The first of its lanes.
    pub(super) lanes: u32,
    /// It stands in a queue of buckets that are to be looked at.
    pub(super) listed: bool,
}

impl Bucket {
    pub(super) const fn new(hash: Option<BucketHash>, top: u64, kind: Kind, listed: bool) -> Self {
        Self {
            hash,
            top,
            kind,
            limit: 1,
            remaining: 1,
            end_low: Timestamp::ZERO,
            end: Timestamp::ZERO,
            learned: Timestamp::ZERO,
            period: Duration::ZERO,
            in_flight: 0,
            waiting: 0,
            ghosts: 0,
            ghosts_from: Timestamp::ZERO,
            ghosts_until: Timestamp::ZERO,
            lanes: NONE,
            listed,
        }
    }

    /// Whether one more request may go, where a request needs at least `lead` to be counted and answered.
    pub(super) fn turn(&self, now: Timestamp, lead: Duration) -> Turn {
        match self.kind {
            Kind::Unlimited => Turn::Now,
            Kind::Unknown | Kind::Unreliable if self.in_flight == 0 => Turn::Now,
            Kind::Unknown | Kind::Unreliable => Turn::Answer,
            Kind::Windowed => {
                let ghosts = if now < self.ghosts_until { self.ghosts } else { 0 };
                let used = self.in_flight.saturating_add(ghosts);
                let opens = self.opens(lead);
                let left = if now < opens { self.remaining } else { self.limit };
                match (left > used, ghosts > 0) {
                    (true, _) => Turn::Now,
                    (false, true) if now < opens => Turn::At(opens.min(self.ghosts_until)),
                    (false, true) => Turn::At(self.ghosts_until),
                    (false, false) if now < opens => Turn::At(opens),
                    (false, false) => Turn::Answer,
                }
            }
        }
    }

    /// From when on what is sent is counted after the window's end. `end` was taken from an answer, which needed its
    /// time to come, as the next request will: half of the shortest round trip is surely in these two.
    pub(super) fn opens(&self, lead: Duration) -> Timestamp {
        Timestamp::from_nanos(self.end.as_nanos().saturating_sub(lead.as_nanos() as u64))
    }

    /// Takes what the answer to a request told that was granted at `granted` and is answered now.
    pub(super) fn learn(
        &mut self,
        granted: Timestamp,
        now: Timestamp,
        limit: u32,
        remaining: u32,
        reset_after: Duration,
    ) {
        let (low, high) = (granted + reset_after, now + reset_after + ROUNDING);
        if granted > self.ghosts_from {
            self.ghosts = 0;
        }
        // A window ends when it was said to: if later requests say earlier, it was never true.
        let is_wrong = high < self.end_low && granted > self.learned;
        if self.kind != Kind::Windowed || low > self.end || is_wrong {
            // The first, or a later window than the one that is known.
            self.kind = Kind::Windowed;
            (self.end_low, self.end, self.learned) = (low, high, now);
            (self.limit, self.remaining) = (limit, remaining);
            let before = if is_wrong { Duration::ZERO } else { self.period - self.period / 4 };
            self.period = reset_after.max(before);
        } else if high >= self.end_low {
            // The same window: requests are counted one by one, so the least remainder is the latest.
            let short = |time: Duration| time < self.period / 2;
            if short(now.since(granted)) && short(self.end.since(self.end_low)) {
                self.end_low = self.end_low.max(low);
                self.end = self.end.min(high).max(self.end_low);
            } else {
                // It may be the next window as well.
                self.end = self.end.max(high);
            }
            self.remaining = self.remaining.min(remaining);
            self.limit = limit;
            self.period = self.period.max(reset_after);
        }
    }

    /// A request was not answered, or by nobody who knows of limits: it may have been counted until now.
    pub(super) fn lose(&mut self, now: Timestamp) {
        if now >= self.ghosts_until {
            self.ghosts = 0;
        }
        self.ghosts = self.ghosts.saturating_add(1);
        self.ghosts_from = now;
        self.ghosts_until = now + self.period.max(SHORTEST);
    }

    /// The bucket has another name: what was known of its window is void.
    pub(super) fn rename(&mut self, hash: BucketHash) {
        self.hash = Some(hash);
        self.kind = Kind::Unknown;
        self.period = Duration::ZERO;
    }

    /// Takes over what an earlier process knew.
    pub(super) fn restore(&mut self, limit: u32, remaining: u32, end: Timestamp, period: Duration) {
        self.kind = Kind::Windowed;
        self.limit = limit.max(1);
        self.remaining = remaining;
        (self.end_low, self.end) = (end, end);
        self.period = period;
    }

    /// Puts in so many lost requests.
    pub(super) fn haunt(&mut self, now: Timestamp, ghosts: u32) {
        if ghosts > 0 {
            self.lose(now);
            self.ghosts = ghosts;
        }
    }

    /// Requests of which it is not known whether they were counted.
    pub(super) fn ghosts(&self, now: Timestamp) -> u32 {
        if now < self.ghosts_until { self.ghosts } else { 0 }
    }
}

/// `Reset-After` comes with three digits at most, rounded somehow.
const ROUNDING: Duration = Duration::from_millis(1);
/// A window of which no length is known may be as long.
const SHORTEST: Duration = Duration::from_secs(1);
