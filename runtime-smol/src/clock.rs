//! The driver's clock: the monotonic clock of the system, counted from the driver's start. And limits of time.

use std::pin::pin;
use std::time::{Duration, Instant};

use futures_util::future::{Either, select};
use sanscord::time::Timestamp;
use smol::Timer;

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

/// What comes of it, `None` if that takes longer.
pub(crate) async fn timeout<T>(limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    match select(pin!(future), Timer::after(limit)).await {
        Either::Left((value, _)) => Some(value),
        Either::Right(_) => None,
    }
}

const DAY: Duration = Duration::from_secs(86_400);
