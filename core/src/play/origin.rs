//! Where audio comes from.

use alloc::boxed::Box;
use core::fmt;

use bytes::Bytes;

use crate::time::Duration;

/// A stream of Opus packets.
///
/// A driver calls it on a thread of its own for each source, never on its loop: every call may wait.
pub trait Source: Send {
    /// The next Opus packet, of 2.5 to 120 ms; `None` at the end, after which only [`Source::seek`] brings more.
    ///
    /// # Errors
    /// Why no more can be read, for a human. The source is then dropped.
    fn read(&mut self) -> Result<Option<Bytes>, Box<str>>;

    /// Goes to this time after the beginning, or to the end if that comes first. Answers where the next packet
    /// begins.
    ///
    /// # Errors
    /// Why that cannot be, for a human. The source then stays where it was.
    fn seek(&mut self, at: Duration) -> Result<Duration, Box<str>>;

    /// Sets the volume for packets read from now on: 1 is as recorded, 0 silent.
    ///
    /// # Errors
    /// Why that cannot be, for a human. The volume then stays what it was.
    fn set_volume(&mut self, volume: f32) -> Result<(), Box<str>>;

    /// How long it is as a whole, if that is known.
    fn duration(&self) -> Option<Duration> {
        None
    }
}

/// What to play.
pub enum Origin {
    /// A file at this path. Every driver plays Ogg Opus; with its feature `opus` most other formats too.
    File(Box<str>),
    /// A source of the user's own.
    Custom(Box<dyn Source>),
}

impl Origin {
    /// The file at this path.
    #[must_use]
    pub fn file(path: &str) -> Self {
        Self::File(path.into())
    }

    /// A source of the user's own.
    #[must_use]
    pub fn custom(source: impl Source + 'static) -> Self {
        Self::Custom(Box::new(source))
    }
}

/// Shows a file's path, and of a source only that it is one.
impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "File({path:?})"),
            Self::Custom(_) => f.write_str("Custom(..)"),
        }
    }
}
