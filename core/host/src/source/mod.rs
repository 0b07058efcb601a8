//! Sources of audio: Ogg Opus as it is and, with the feature `opus`, most other formats; what is made piece by piece;
//! and the threads that read them.
//!
//! | file | subject |
//! |---|---|
//! | [`threads`] | a thread for each open source |
//! | [`file`](mod@file) | which reader a file needs |
//! | [`ogg`] | Ogg Opus, packets as they are |
//! | [`channel`] | packets that the user brings one by one |
//! | `decode` | other formats to samples at 48 kHz |
//! | `resample` | from other rates |
//! | [`pcm`] | samples to Opus |

pub mod channel;
#[cfg(feature = "opus")]
mod decode;
pub mod file;
pub mod ogg;
#[cfg(feature = "opus")]
mod opus_pcm;
#[cfg(feature = "opus")]
pub mod pcm;
#[cfg(feature = "opus")]
mod resample;
pub mod threads;

use std::time::Duration;

use sanscord::opus::RATE;

/// Why audio cannot be read, for a human: what is wrong, and what to do.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0}")]
pub struct SourceError(pub Box<str>);

impl From<String> for SourceError {
    fn from(reason: String) -> Self {
        Self(reason.into())
    }
}

impl From<&str> for SourceError {
    fn from(reason: &str) -> Self {
        Self(reason.into())
    }
}

impl From<SourceError> for Box<str> {
    fn from(error: SourceError) -> Self {
        error.0
    }
}

/// The time of so many samples at 48 kHz.
fn time(samples: u64) -> Duration {
    let seconds = samples / RATE;
    // Less than a second of samples: no overflow.
    Duration::new(seconds, ((samples % RATE) * 1_000_000_000 / RATE) as u32)
}

/// The samples at 48 kHz in this time.
fn samples(time: Duration) -> u64 {
    u64::try_from(time.as_nanos() * u128::from(RATE) / 1_000_000_000).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
