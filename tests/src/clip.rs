//! Speech for the speakers: Opus packets of 20 ms, read from Ogg files that are built in.

use std::fmt;
use std::io::Cursor;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use ogg::PacketReader;

/// Samples in a packet, for each channel, at 48 kHz.
pub const SAMPLES: u32 = 960;

/// A frame of silence. Five of them end a talk spurt (Discord docs: Voice Connections, Voice Data
/// Interpolation).
pub const SILENCE: [u8; 3] = [0xF8, 0xFF, 0xFE];

/// A piece of speech. Cheap to clone.
#[derive(Clone, Eq, PartialEq)]
pub struct Clip(Arc<[Bytes]>);

impl Clip {
    /// A female voice, 4.3 s: "This is Alice. The first word of a call must not be lost, nor the last."
    #[must_use]
    pub fn alice() -> Self {
        ALICE.clone()
    }

    /// A male voice, 4.4 s: "This is Bob. When two people speak at once, each of them has a track."
    #[must_use]
    pub fn bob() -> Self {
        BOB.clone()
    }

    /// Packets that are no speech, only numbered: each is an Opus packet whose content tells the clip's `tag`
    /// and its place, for tests that compare bytes and do not decode. At most 65,536 packets are distinct.
    #[must_use]
    pub fn numbered(tag: u8, packets: usize) -> Self {
        Self(
            (0..packets)
                .map(|n| {
                    let [high, low] = (n as u16).to_be_bytes();
                    // One frame of 20 ms, fullband CELT, mono (RFC 6716, section 3.1).
                    Bytes::copy_from_slice(&[0xF8, tag, high, low, 0x5A])
                })
                .collect(),
        )
    }

    /// Reads an Ogg Opus file (RFC 7845).
    ///
    /// # Errors
    /// If it is no Ogg Opus file, is empty, or holds a packet that is not one frame of 20 ms.
    pub fn from_ogg(file: &[u8]) -> Result<Self, ClipError> {
        let mut reader = PacketReader::new(Cursor::new(file));
        let mut next = || reader.read_packet().map_err(|_| ClipError("not an Ogg file"));
        let is =
            |packet: Option<ogg::Packet>, magic: &[u8]| packet.is_some_and(|p| p.data.starts_with(magic));
        if !is(next()?, b"OpusHead") || !is(next()?, b"OpusTags") {
            return Err(ClipError("the file does not begin as Ogg Opus does"));
        }
        let mut packets = Vec::new();
        while let Some(packet) = next()? {
            if !packet.data.first().is_some_and(|toc| is_20_ms(*toc)) {
                return Err(ClipError("a packet is not one frame of 20 ms"));
            }
            packets.push(Bytes::from(packet.data));
        }
        if packets.is_empty() {
            return Err(ClipError("the file holds no packet"));
        }
        Ok(Self(packets.into()))
    }

    /// The Opus packets.
    #[must_use]
    pub fn packets(&self) -> &[Bytes] {
        &self.0
    }
}

impl fmt::Debug for Clip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clip({} packets)", self.0.len())
    }
}

/// Why a file is no clip.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ClipError(&'static str);

impl fmt::Display for ClipError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for ClipError {}

/// Whether a packet that begins so is one frame of 20 ms (RFC 6716, section 3.1, table 2).
fn is_20_ms(toc: u8) -> bool {
    let config = toc >> 3;
    let one_frame = toc & 0b11 == 0;
    one_frame
        && match config {
            0..12 => config % 4 == 1,
            12..16 => config % 2 == 1,
            _ => config % 4 == 3,
        }
}

static ALICE: LazyLock<Clip> = LazyLock::new(|| built_in(include_bytes!("../fixtures/alice.opus")));
static BOB: LazyLock<Clip> = LazyLock::new(|| built_in(include_bytes!("../fixtures/bob.opus")));

#[expect(clippy::unwrap_used, reason = "the files are part of this crate")]
fn built_in(file: &[u8]) -> Clip {
    Clip::from_ogg(file).unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_clips_are_four_seconds_of_different_speech() {
        for clip in [Clip::alice(), Clip::bob()] {
            assert!((200..250).contains(&clip.packets().len()), "{clip:?}");
        }
        assert_ne!(Clip::alice(), Clip::bob());
    }

    #[test]
    fn only_whole_frames_of_20_ms_pass() {
        assert!(is_20_ms(SILENCE[0]));
        assert!(is_20_ms(0x78 | 0x80));
        for toc in [0x00, 0xF9, 0xE0, 0x10] {
            assert!(!is_20_ms(toc), "{toc:#x}");
        }
        assert!(Clip::from_ogg(b"RIFF").is_err());
        assert!(Clip::from_ogg(&[]).is_err());
    }
}
