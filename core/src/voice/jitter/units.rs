//! Time as samples at 48 kHz.

use crate::opus;
use crate::time::{Duration, Timestamp};

/// Samples in a second, and in a millisecond.
pub(super) const RATE: i64 = opus::RATE as i64;
pub(super) const MILLISECOND: i64 = RATE / 1000;
/// The shortest frame of Opus, of which all are multiples.
pub(super) const GRAIN: i64 = opus::GRAIN as i64;
/// One frame as Discord's clients send them.
pub(super) const FRAME: i64 = 20 * MILLISECOND;

/// Rounded down.
pub(super) fn samples(time: Duration) -> i64 {
    // The clock ends after 584 years: no product gets near the bounds.
    (time.as_nanos() * RATE as u128 / 1_000_000_000) as i64
}

/// Rounded up, so that at this time the sample has come. Before the clock's origin it is the origin.
pub(super) fn timestamp(samples: i64) -> Timestamp {
    let nanos = (samples.max(0) as u128 * 1_000_000_000).div_ceil(RATE as u128);
    Timestamp::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

pub(super) fn duration(samples: i64) -> Duration {
    timestamp(samples).since_origin()
}
