//! What a recorder tells its user.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::id::UserId;
use crate::record::track::TrackCounters;
use crate::time::Duration;

/// What a recorder tells its user.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// Files of the format cannot be written here, which shows right after the start: the recording ends.
    /// [`Event::Finished`] follows.
    Failed {
        /// What is missing, and what to do.
        reason: Box<str>,
    },
    /// A speaker was heard for the first time, and has a file from now on.
    TrackOpened {
        /// The speaker.
        user: UserId,
        /// The file.
        path: Box<str>,
    },
    /// A speaker's file could not be written any further. What was written stays readable; the other
    /// speakers' files go on.
    TrackFailed {
        /// The speaker.
        user: UserId,
        /// The file.
        path: Box<str>,
        /// What went wrong.
        reason: Box<str>,
    },
    /// The index could not be written any further. The recording goes on without it.
    IndexFailed {
        /// The file.
        path: Box<str>,
        /// What went wrong.
        reason: Box<str>,
    },
    /// There will be no mixed file, as may show right after the start. The recording goes on without it.
    MixFailed {
        /// The file.
        path: Box<str>,
        /// What went wrong.
        reason: Box<str>,
    },
    /// All files are complete and closed.
    Finished {
        /// The recording.
        recording: Recording,
    },
}

/// A finished recording.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// From the start to the stop.
    pub length: Duration,
    /// A file for each speaker.
    pub tracks: Vec<TrackSummary>,
    /// Packets of speakers beyond the first 1,000.
    pub dropped: u64,
    /// The mixed file, if one was asked for, somebody spoke, and it could be written.
    pub mixed: Option<Box<str>>,
    /// The index, if one was asked for, somebody spoke, and it could be written.
    pub index: Option<Box<str>>,
}

/// One speaker's file.
#[derive(Clone, Debug)]
pub struct TrackSummary {
    /// The speaker.
    pub user: UserId,
    /// The file.
    pub path: Box<str>,
    /// What playing it takes.
    pub length: Duration,
    /// What became of the packets.
    pub counters: TrackCounters,
    /// Why the file ends early, if it does.
    pub failed: Option<Box<str>>,
}
