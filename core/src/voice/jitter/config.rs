//! How long packets wait.

use crate::time::Duration;

/// The longest delay that can be configured.
pub const MAX_DELAY: Duration = Duration::from_secs(1);

/// How long packets wait. Bounds above [`MAX_DELAY`], and a maximum below the minimum, are corrected.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Config {
    /// Whether the delay follows the network. If not, it is `min` always.
    pub adaptive: bool,
    /// The least delay.
    pub min: Duration,
    /// The greatest delay.
    pub max: Duration,
}

impl Default for Config {
    /// From one frame, 20 ms, to 200 ms.
    fn default() -> Self {
        Self { adaptive: true, min: Duration::from_millis(20), max: Duration::from_millis(200) }
    }
}
