//! What is counted, and measured.

use crate::time::Duration;

/// What became of the packets, and how the delay stands.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Statistics {
    /// Packets pushed, duplicates and those that are not Opus left out.
    pub received: u64,
    /// Those of them that came when their place had been passed.
    pub late: u64,
    /// Those of them that were given up at the bound, [`MAX_PACKETS`](crate::voice::jitter::MAX_PACKETS) or
    /// [`MAX_BYTES`](crate::voice::jitter::MAX_BYTES).
    pub overflowed: u64,
    /// Packets that came again.
    pub duplicated: u64,
    /// Packets that are not Opus. Their place counts as lost.
    pub invalid: u64,
    /// Sequence numbers passed without a frame: never come, late, overflowed or invalid.
    pub lost: u64,
    /// [`Playout::Lost`](crate::voice::jitter::Playout::Lost) given out.
    pub concealed: u64,
    /// Talk spurts started.
    pub spurts: u64,
    /// New streams: another SSRC, a jump of more than 500 sequence numbers, or a timestamp that went back.
    pub resets: u64,
    /// The delay that the network asks for at present, beyond its own least.
    pub target: Duration,
    /// The delay of the present talk spurt, or the one before, beyond the network's least.
    pub delay: Duration,
    /// Interarrival jitter (RFC 3550, section A.8).
    pub jitter: Duration,
}
