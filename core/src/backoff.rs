//! How long to wait before the next attempt.

use crate::entropy::Entropy;
use crate::time::Duration;

/// The longest wait between two attempts, randomness aside.
const CAP: Duration = Duration::from_secs(60);

/// The wait before a first attempt: long enough that the clients of a server which went away do not come back
/// in one instant.
const FIRST: Duration = Duration::from_millis(500);

/// The wait before attempt `attempt`, counted from 0 since the last progress: up to half a second, then half to
/// the whole of 1, 2, 4 … 60 s.
#[must_use]
pub fn delay(attempt: u32, entropy: &mut Entropy) -> Duration {
    let Some(doublings) = attempt.checked_sub(1) else { return entropy.up_to(FIRST) };
    let whole = Duration::from_secs(1 << doublings.min(6)).min(CAP);
    whole / 2 + entropy.up_to(whole / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_up_to_a_minute_and_never_waits_less_than_half() {
        let mut entropy = Entropy::new([1; 32]);
        for (attempt, whole) in [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (8, 60), (u32::MAX, 60)] {
            for _ in 0..100 {
                let delay = delay(attempt, &mut entropy);
                assert!(delay >= Duration::from_secs(whole) / 2 && delay < Duration::from_secs(whole));
            }
        }
        assert!(delay(0, &mut entropy) < FIRST);
    }
}
