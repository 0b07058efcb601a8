//! What the operating system's clock says, for requests that depend on the date.

use std::time::{SystemTime, UNIX_EPOCH};

/// The time in milliseconds since 1970-01-01 UTC, as the `now` of deletes, searches and timeouts is given, by the
/// operating system's clock; 0 if that is set before 1970. It may be wrong, or be set back, as that may.
///
/// ```
/// // What is younger than a day.
/// let since = sanscord_host::unix_millis() - 86_400_000;
/// # assert!(since > 1_700_000_000_000);
/// ```
#[must_use]
pub fn unix_millis() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}
