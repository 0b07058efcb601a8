//! Randomness as a value: one seed, from which every random decision follows.

use core::fmt;

use chacha20::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

use crate::time::Duration;

/// A cryptographically secure generator (ChaCha20) that is a function of its seed alone.
///
/// Jitter, RTP start values and keys derive from it: give it 32 unpredictable bytes, except in tests.
pub struct Entropy(ChaCha20Rng);

impl Entropy {
    /// A generator for this seed.
    #[must_use]
    pub fn new(seed: [u8; 32]) -> Self {
        Self(ChaCha20Rng::from_seed(seed))
    }

    /// A generator for a child; what the child draws does not change what the parent draws next.
    #[must_use]
    pub fn fork(&mut self) -> Self {
        Self::new(self.bytes())
    }

    /// Fresh random bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// A number from 0 to `below - 1`; 0 if `below` is 0. Biased by less than 2^-32 for the small ranges of
    /// this crate.
    pub fn below(&mut self, below: u64) -> u64 {
        self.0.next_u64().checked_rem(below).unwrap_or(0)
    }

    /// A duration from zero up to, but not including, `limit`.
    pub fn up_to(&mut self, limit: Duration) -> Duration {
        Duration::from_nanos(self.below(u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl fmt::Debug for Entropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Entropy(..)")
    }
}
