//! What comes out.

use bytes::Bytes;

/// What is to be played now.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Playout {
    /// A frame.
    Frame {
        /// Its sequence number.
        sequence: u16,
        /// Its RTP timestamp.
        timestamp: u32,
        /// How long it lasts, in samples at 48 kHz.
        samples: u32,
        /// Packets between the frame before and this one that never came in time: those for which there was a
        /// `Lost`, and, at the start of a talk spurt, others. Zero for the first of a stream.
        missing: u32,
        /// Whether it starts a talk spurt.
        starts: bool,
        /// The Opus packet.
        opus: Bytes,
    },
    /// A frame that is not there, to be restored or concealed. While nothing comes, as for 100 ms after a sender who
    /// stopped without the five frames of silence, it may be one that was never sent: the next frame's `missing`
    /// tells.
    Lost {
        /// Its sequence number.
        sequence: u16,
        /// Its RTP timestamp.
        timestamp: u32,
        /// How long it lasts, in samples at 48 kHz.
        samples: u32,
        /// The packet that follows immediately, if it is there: it may hold a copy of what was lost (in-band FEC,
        /// RFC 6716, section 2.1.7). It will come as a frame too.
        next: Option<Bytes>,
    },
    /// The speaker stopped, or nothing comes any more. There is silence until the next frame.
    EndOfSpurt,
}
