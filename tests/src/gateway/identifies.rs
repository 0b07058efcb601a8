//! How many Identifies a bot has in a day.

use sanscord::time::{Duration, Timestamp};

/// Discord docs: Gateway, Session Start Limit Object.
const DAY: Duration = Duration::from_secs(86_400);

/// The Identifies of all shards together.
pub(crate) struct Identifies {
    remaining: u32,
    resets_at: Timestamp,
    revoked: bool,
}

impl Identifies {
    /// So many remain until the first reset, so long after the clock's origin.
    pub(crate) fn new(remaining: u32, reset_after: Duration) -> Self {
        Self { remaining, resets_at: Timestamp::ZERO + reset_after, revoked: false }
    }

    /// Brings all of them back if a reset was due by `now`.
    pub(crate) fn renew(&mut self, now: Timestamp, total: u32) {
        if self.resets_at <= now {
            self.remaining = total;
            let days = now.since(self.resets_at).as_nanos() / DAY.as_nanos() + 1;
            self.resets_at += DAY.saturating_mul(u32::try_from(days).unwrap_or(u32::MAX));
        }
    }

    /// Takes one. If none was left the token is void from now on.
    pub(crate) const fn spend(&mut self) -> bool {
        match self.remaining.checked_sub(1) {
            Some(remaining) => self.remaining = remaining,
            None => self.revoked = true,
        }
        !self.revoked
    }

    pub(crate) const fn remaining(&self) -> u32 {
        self.remaining
    }

    pub(crate) const fn reset_after(&self, now: Timestamp) -> Duration {
        self.resets_at.since(now)
    }

    /// Whether the token was reset because of one Identify too many.
    pub(crate) const fn is_revoked(&self) -> bool {
        self.revoked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_starts_afresh_once_a_day() {
        let at = |hours: u64| Timestamp::from_millis(hours * 3_600_000);
        let mut identifies = Identifies::new(2, Duration::from_secs(4 * 3_600));
        identifies.renew(at(3), 9);
        assert!(identifies.spend() && identifies.spend());
        assert_eq!((identifies.remaining(), identifies.reset_after(at(3))), (0, Duration::from_secs(3_600)));
        identifies.renew(at(4), 9);
        assert!(identifies.spend());
        assert_eq!((identifies.remaining(), identifies.reset_after(at(4))), (8, DAY));
        identifies.renew(at(4 + 24 * 3 + 1), 9);
        assert_eq!(identifies.remaining(), 9);
        assert_eq!(identifies.reset_after(at(4 + 24 * 3 + 1)), Duration::from_secs(23 * 3_600));
    }

    #[test]
    fn one_too_many_is_the_last() {
        let mut identifies = Identifies::new(1, DAY);
        assert!(identifies.spend());
        assert!(!identifies.spend() && identifies.is_revoked());
        identifies.renew(Timestamp::ZERO + DAY, 5);
        assert!(!identifies.spend());
    }
}
