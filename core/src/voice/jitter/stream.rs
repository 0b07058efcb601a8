//! Where a stream stands: its newest packet, and which may follow that.

/// A sequence number this far from the newest is of another stream.
pub(super) const JUMP: u16 = 500;
/// Indices between two streams: packets up to [`JUMP`] before the first of a stream have room.
pub(super) const ROOM: u64 = 1024;

/// The packet with the highest index; its media time and timestamp are those of the last one with sound.
#[derive(Clone, Copy, Debug)]
pub(super) struct Newest {
    pub(super) index: u64,
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
    pub(super) at: i64,
    pub(super) media: i64,
    pub(super) samples: i64,
    pub(super) silences: u32,
}

impl Newest {
    pub(super) const fn end(&self) -> i64 {
        self.media + self.samples
    }

    /// How far ahead a sequence number is, negative if behind.
    pub(super) const fn distance(&self, sequence: u16) -> i16 {
        sequence.wrapping_sub(self.sequence) as i16
    }

    pub(super) const fn media_of(&self, timestamp: u32) -> i64 {
        self.media + timestamp.wrapping_sub(self.timestamp) as i32 as i64
    }

    /// Whether a packet can be of this stream: its number is near, and one ahead is ahead in time too.
    pub(super) const fn is_followed_by(&self, sequence: u16, timestamp: u32) -> bool {
        let distance = self.distance(sequence);
        distance.unsigned_abs() <= JUMP && (distance <= 0 || self.media_of(timestamp) > self.media)
    }
}
