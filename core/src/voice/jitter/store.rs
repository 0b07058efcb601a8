//! The packets that wait.

use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Values;
use core::mem;

use bytes::Bytes;

use crate::voice::jitter::units::GRAIN;

/// Packets held at most: the longest delay in the shortest Opus frames, and some. With one more the oldest goes.
pub const MAX_PACKETS: usize = 512;
/// Bytes of Opus held at most: the longest delay at Opus' highest rate, twice. Beyond, the oldest go.
pub const MAX_BYTES: usize = 128 * 1024;

/// A packet.
#[derive(Debug)]
pub(super) struct Held {
    /// When it came.
    pub(super) at: i64,
    pub(super) media: i64,
    /// Zero: padding only, which has a sequence number and no sound.
    pub(super) samples: i64,
    pub(super) stream: u32,
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
    /// Whether it starts a talk spurt; and whether its media time was chosen, for want of a clock to trust.
    pub(super) starts: bool,
    pub(super) anchored: bool,
    pub(super) opus: Bytes,
}

/// Packets by index: sequence numbers extended to 64 bits, over all streams. At most [`MAX_PACKETS`] and [`MAX_BYTES`].
#[derive(Debug, Default)]
pub(super) struct Store {
    packets: BTreeMap<u64, Held>,
    bytes: usize,
}

impl Store {
    pub(super) fn len(&self) -> usize {
        self.packets.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// Bytes of Opus held.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn values(&self) -> Values<'_, u64, Held> {
        self.packets.values()
    }

    pub(super) fn contains(&self, index: u64) -> bool {
        self.packets.contains_key(&index)
    }

    pub(super) fn first(&self) -> Option<(u64, &Held)> {
        self.packets.first_key_value().map(|(&index, held)| (index, held))
    }

    /// The first packet with sound, its index, and how many of padding are before it.
    pub(super) fn front(&self) -> Option<(u64, &Held, u64)> {
        let padding = self.values().take_while(|held| held.samples == 0).count();
        let (&index, held) = self.packets.iter().nth(padding)?;
        Some((index, held, padding as u64))
    }

    /// Keeps a packet, and answers with how many were given up for it.
    pub(super) fn hold(&mut self, index: u64, held: Held) -> u64 {
        let mut overflowed = 0;
        self.bytes += held.opus.len();
        self.packets.insert(index, held);
        while self.packets.len() > MAX_PACKETS || self.bytes > MAX_BYTES {
            let Some((_, oldest)) = self.packets.pop_first() else { break };
            self.bytes -= oldest.opus.len();
            overflowed += 1;
        }
        overflowed
    }

    pub(super) fn release(&mut self, index: u64) -> Option<Held> {
        let held = self.packets.remove(&index)?;
        self.bytes -= held.opus.len();
        Some(held)
    }

    /// Takes the start of a talk spurt from the packet that overtook this one of the same stream, which ends at `end`
    /// and so is part of the spurt. Answers with whether the other one's media time was chosen.
    pub(super) fn take_start(&mut self, index: u64, stream: u32, end: i64) -> Option<bool> {
        let mut after = self.packets.range_mut(index..).filter(|(_, held)| held.samples > 0);
        let (&start, held) = after.next()?;
        let between = (start - index - 1) as i64 * held.samples;
        if held.stream != stream || !held.starts || held.media - end >= between + GRAIN {
            return None;
        }
        held.starts = false;
        Some(mem::take(&mut held.anchored))
    }
}
