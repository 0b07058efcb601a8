//! How much may be sent.

use alloc::collections::VecDeque;

use crate::time::{Duration, Timestamp};

/// What one connection may send: 120 messages in 60 s, heartbeats included (discord-api-docs, Gateway, Rate
/// Limiting).
#[derive(Debug)]
pub struct Budget {
    sent: VecDeque<Timestamp>,
}

impl Budget {
    /// Messages per [`Budget::WINDOW`]; Discord closes with 4008 at the next.
    pub const LIMIT: usize = 120;
    /// Messages kept back for heartbeats, asked ones included, and for Identify or Resume.
    pub const RESERVE: usize = 6;
    /// The time in which [`Budget::LIMIT`] messages may be sent, and a second against clocks that differ.
    pub const WINDOW: Duration = Duration::from_secs(61);

    pub(crate) const fn new() -> Self {
        Self { sent: VecDeque::new() }
    }

    /// How many commands may be sent now.
    pub(crate) fn available(&mut self, now: Timestamp) -> usize {
        self.forget(now);
        (Self::LIMIT - Self::RESERVE).saturating_sub(self.sent.len())
    }

    /// Whether even the reserve is used up, so that not even a heartbeat may be sent.
    pub(crate) fn exhausted(&mut self, now: Timestamp) -> bool {
        self.forget(now);
        self.sent.len() >= Self::LIMIT
    }

    /// When the next command may be sent, if not now.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        let surplus = self.sent.len().checked_sub(Self::LIMIT - Self::RESERVE)?;
        self.sent.get(surplus).map(|&at| at + Self::WINDOW)
    }

    /// Notes that a message of any kind was sent.
    pub(crate) fn spend(&mut self, now: Timestamp) {
        self.forget(now);
        self.sent.push_back(now);
    }

    fn forget(&mut self, now: Timestamp) {
        while self.sent.front().is_some_and(|&at| at + Self::WINDOW <= now) {
            self.sent.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_a_reserve_and_refills_as_the_window_slides() {
        let mut budget = Budget::new();
        let free = Budget::LIMIT - Budget::RESERVE;
        for n in 0..free {
            assert_eq!(budget.available(Timestamp::from_millis(n as u64)), free - n);
            budget.spend(Timestamp::from_millis(n as u64));
        }
        let now = Timestamp::from_millis(1000);
        assert_eq!(budget.available(now), 0);
        assert!(!budget.exhausted(now));
        assert_eq!(budget.next(), Some(Timestamp::ZERO + Budget::WINDOW));
        assert_eq!(budget.available(Timestamp::ZERO + Budget::WINDOW), 1);
        for _ in 0..=Budget::RESERVE {
            budget.spend(Timestamp::ZERO + Budget::WINDOW);
        }
        assert!(budget.exhausted(Timestamp::ZERO + Budget::WINDOW));
    }
}
