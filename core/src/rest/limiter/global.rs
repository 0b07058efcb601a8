//! The limit of all routes together, and what stops them all.

use alloc::collections::VecDeque;

use crate::time::{Duration, Timestamp};

/// Slots of the global limit.
///
/// A request is counted somewhere between being granted and being answered. So it holds its slot until a second
/// after its answer: no second sees more requests than there are slots, wherever it begins. A request of which
/// nothing is heard for [`COUNTED`] has been counted by then.
#[derive(Debug)]
pub(super) struct Global {
    slots: usize,
    /// Requests on their way.
    pub(super) held: usize,
    /// When requests were answered that still hold their slots: as many as there are slots at most.
    pub(super) answered: VecDeque<Timestamp>,
    /// Until when Discord said that all routes but interactions' have to wait.
    pub(super) stopped: Timestamp,
    /// Until when the proxy before Discord said that everything has to wait.
    pub(super) banned: Timestamp,
    /// The shortest round trip so far, a mean of the last ones, and how many were measured. In nanoseconds.
    shortest: u64,
    mean: u64,
    measured: u32,
}

impl Global {
    pub(super) fn new(per_second: u32) -> Self {
        let slots = per_second.max(1) as usize;
        Self {
            slots,
            held: 0,
            answered: VecDeque::with_capacity(slots.min(4096)),
            stopped: Timestamp::ZERO,
            banned: Timestamp::ZERO,
            shortest: u64::MAX,
            mean: 0,
            measured: 0,
        }
    }

    /// Half of the shortest round trip: a request and an answer need more together, whatever they are. Zero unless
    /// that is sure: many trips were seen, and they differ so little that a shorter one would be less than half.
    pub(super) fn lead(&self) -> Duration {
        let sure = self.measured >= MANY && self.mean / 4 <= self.shortest;
        if sure { Duration::from_nanos(self.shortest / 2) } else { Duration::ZERO }
    }

    pub(super) fn measure(&mut self, trip: Duration) {
        let trip = trip.as_nanos() as u64;
        self.shortest = self.shortest.min(trip);
        self.measured = self.measured.saturating_add(1);
        let share = u64::from(self.measured.min(MANY));
        self.mean = self.mean - self.mean / share + trip / share;
    }

    pub(super) fn tick(&mut self, now: Timestamp) {
        let time = self.time();
        while self.answered.front().is_some_and(|at| *at + time <= now) {
            self.answered.pop_front();
        }
    }

    pub(super) fn has_slot(&self) -> bool {
        self.held + self.answered.len() < self.slots
    }

    pub(super) fn take(&mut self) {
        self.held += 1;
    }

    /// The request was not sent.
    pub(super) fn give_back(&mut self) {
        self.held -= 1;
    }

    /// The request was counted at this time, or earlier.
    pub(super) fn counted(&mut self, at: Timestamp) {
        self.held -= 1;
        self.hold(at);
    }

    /// A slot is taken until a second after this time.
    pub(super) fn hold(&mut self, at: Timestamp) {
        let last = self.answered.back().copied().unwrap_or_default();
        self.answered.push_back(at.max(last));
    }

    /// When the next slot is free, if the oldest request on its way was granted then.
    pub(super) fn next(&self, oldest: Option<Timestamp>) -> Option<Timestamp> {
        let counted = oldest.map(|at| at + COUNTED);
        let first = self.answered.front().copied().into_iter().chain(counted).min()?;
        Some(first + self.time())
    }

    /// How long an answered request holds its slot.
    fn time(&self) -> Duration {
        SECOND.saturating_sub(self.lead())
    }
}

const SECOND: Duration = Duration::from_secs(1);
/// A request has been counted so long after it was granted, connecting included.
pub(super) const COUNTED: Duration = Duration::from_secs(2);
/// If round trips are spread evenly between a least time and 5 times that, the shortest of so many is less than
/// one and a half times the least.
const MANY: u32 = 256;
