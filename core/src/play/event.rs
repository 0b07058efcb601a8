//! What a player tells, and what it refuses.

use alloc::boxed::Box;
use core::fmt;

use crate::time::Duration;

/// Names a track of one player; never used twice.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TrackId(pub(super) u64);

impl TrackId {
    /// The number as such, counted from 1.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

impl fmt::Display for TrackId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What a player tells its user. For what the user has commanded the command's own answer has to do, except that
/// every track that started ends.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The first frame of a track has been given out.
    Started {
        /// The track.
        track: TrackId,
        /// How long it is as a whole, if its source knows.
        length: Option<Duration>,
    },
    /// A track came to its end, and begins again: see [`Loop`](super::Loop).
    Looped {
        /// The track.
        track: TrackId,
    },
    /// A track has ended: once for each [`Event::Started`]. The last frames are still to be sent by the call.
    /// A track that failed before it started ends too.
    Ended {
        /// The track.
        track: TrackId,
        /// Why.
        reason: EndReason,
    },
    /// The source goes on where it was: it cannot go where it was told to.
    SeekRefused {
        /// The track.
        track: TrackId,
        /// Why, for a human.
        reason: Box<str>,
    },
    /// The source plays on at the volume that it had.
    VolumeRefused {
        /// The track.
        track: TrackId,
        /// Why, for a human.
        reason: Box<str>,
    },
    /// The source was too slow: the call wanted a frame, and none was there. Told once for each gap.
    Starved {
        /// The track.
        track: TrackId,
    },
    /// The last track has ended, and nothing follows. Not told after [`Player::stop`](super::Player::stop).
    QueueEmpty,
}

/// Why a track has ended.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum EndReason {
    /// It was played to its end.
    Finished,
    /// The player was stopped, or the call was left.
    Stopped,
    /// The user went on to another track, or removed this one.
    Skipped,
    /// The source could not be opened or read any further. What had been read before was played.
    Failed {
        /// What went wrong, for a human.
        reason: Box<str>,
    },
}

/// Why a track was not taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EnqueueError {
    /// [`Player::MAX_TRACKS`](super::Player::MAX_TRACKS) are there already.
    #[error("the queue is full")]
    Full,
    /// There is no call, or it was left.
    #[error("there is no call to play in")]
    Ended,
}

/// Why a seek was refused at once.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SeekError {
    /// There is no track to seek in.
    #[error("nothing plays")]
    NothingPlays,
    /// The track's source has failed; only what was read of it still plays.
    #[error("the source has failed")]
    Failed,
}

/// The volume is not between 0 and 2.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("the volume {0} is not between 0 and 2")]
pub struct VolumeError(pub f32);

/// What a player has counted since it began.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counters {
    /// Frames given out.
    pub frames: u64,
    /// Gaps because a source was too slow.
    pub starved: u64,
    /// Frames that a driver delivered without being asked for; they were dropped.
    pub unasked: u64,
}
