//! The driver's clock: the monotonic clock of the system, counted from the driver's start.

use std::time::{Duration, Instant};

use sanscord::time::Timestamp;

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

    /// How long to wait from now until `deadline`; zero if it has passed.
    pub(crate) fn until(&self, deadline: Timestamp) -> Duration {
        deadline.since(self.now())
    }
}
