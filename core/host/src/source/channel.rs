//! Packets that the user brings one by one, such as speech while it is made.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use bytes::Bytes;
use sanscord::play::Source;

/// A way to play Opus packets as they are made: what goes into the sender comes out of the source, which lasts until
/// the sender and its clones are dropped. At most `capacity` packets wait, and at least one may.
#[must_use]
pub fn frames(capacity: usize) -> (FrameSender, FrameSource) {
    let (sender, receiver) = sync_channel(capacity.max(1));
    (FrameSender(sender), FrameSource(receiver))
}

/// Where packets go in.
#[derive(Clone, Debug)]
pub struct FrameSender(SyncSender<Bytes>);

/// Why a packet was not taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// As many wait as may.
    #[error("as many packets wait as may")]
    Full,
    /// The track has ended.
    #[error("the track has ended")]
    Ended,
}

impl FrameSender {
    /// Adds a packet; waits while there is no room.
    ///
    /// # Errors
    /// [`FrameError::Ended`] once the track has.
    pub fn send(&self, opus: Bytes) -> Result<(), FrameError> {
        self.0.send(opus).map_err(|_| FrameError::Ended)
    }

    /// Adds a packet if there is room.
    ///
    /// # Errors
    /// [`FrameError`] if not.
    pub fn try_send(&self, opus: Bytes) -> Result<(), FrameError> {
        self.0.try_send(opus).map_err(|error| match error {
            TrySendError::Full(_) => FrameError::Full,
            TrySendError::Disconnected(_) => FrameError::Ended,
        })
    }
}

/// Where they come out.
#[derive(Debug)]
pub struct FrameSource(Receiver<Bytes>);

impl Source for FrameSource {
    fn read(&mut self) -> Result<Option<Bytes>, Box<str>> {
        Ok(self.0.recv().ok())
    }

    fn seek(&mut self, _: Duration) -> Result<Duration, Box<str>> {
        Err("what is made piece by piece has no other places to go to".into())
    }

    fn set_volume(&mut self, _: f32) -> Result<(), Box<str>> {
        Err("packets that are made piece by piece are played as they are".into())
    }
}
