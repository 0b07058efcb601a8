//! The driver's clock: tokio's clock, counted from the driver's start.

use std::time::Duration;

use sanscord::time::Timestamp;
use tokio::time::Instant;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    origin: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { origin: Instant::now() }
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::ZERO + self.origin.elapsed()
    }

    /// When to look at the clock for `deadline` again: then, or in a day if that is sooner.
    pub(crate) fn at(&self, deadline: Timestamp) -> Instant {
        let day = Instant::now() + DAY;
        self.origin.checked_add(deadline.since_origin()).map_or(day, |at| at.min(day))
    }
}

const DAY: Duration = Duration::from_secs(86_400);
