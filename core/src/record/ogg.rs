//! Writes Ogg (RFC 3533) with one Opus stream in it (RFC 7845).

use alloc::vec::Vec;

use bytes::Bytes;
use crc::{Algorithm, Crc, Table};

/// RFC 3533, section 6: polynomial 0x04C11DB7, from zero, not reflected.
const CHECKSUM: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&Algorithm {
    width: 32,
    poly: 0x04C1_1DB7,
    init: 0,
    refin: false,
    refout: false,
    xorout: 0,
    check: 0x89A1_897F,
    residue: 0,
});

/// Segments of a page at most, and bytes of a segment.
const SEGMENTS: usize = 255;
const SEGMENT: usize = 255;
/// Length of a page's header without its segment table, and where its checksum is.
const HEADER: usize = 27;
const CHECKSUM_AT: core::ops::Range<usize> = 22..26;

/// Header flags (RFC 3533, section 6).
const FIRST_PAGE: u8 = 2;
const LAST_PAGE: u8 = 4;

/// The longest packet that is written, in bytes: one page holds it. No datagram brings a longer one.
pub const MAX_PACKET: usize = SEGMENT * SEGMENTS - 1;

/// Cuts one Opus stream into Ogg pages.
///
/// Each page is whole in itself: what was written before a crash can be played.
#[derive(Debug)]
pub struct PageWriter {
    serial: u32,
    page: u32,
    /// Samples of all packets taken, pre-skip included, less what the last page cuts.
    samples: u64,
    segments: Vec<u8>,
    body: Vec<u8>,
    packets: usize,
}

impl PageWriter {
    /// A writer and its first two pages: `OpusHead` for two channels, and `OpusTags` with these comments
    /// (`NAME=value`). The first `pre_skip` samples are not to be played.
    #[must_use]
    pub fn new(serial: u32, pre_skip: u16, comments: &[&str]) -> (Self, Bytes) {
        let mut writer = Self {
            serial,
            page: 0,
            samples: 0,
            segments: Vec::with_capacity(SEGMENTS),
            body: Vec::with_capacity(16 * 1024),
            packets: 0,
        };
        let mut head = Vec::from(*b"OpusHead\x01\x02");
        head.extend(pre_skip.to_le_bytes());
        head.extend(48_000_u32.to_le_bytes());
        head.extend([0; 3]); // output gain and channel mapping family
        let mut tags = Vec::from(*b"OpusTags");
        let vendor = concat!("sanscord ", env!("CARGO_PKG_VERSION"));
        push_string(&mut tags, vendor);
        tags.extend((comments.len() as u32).to_le_bytes());
        for comment in comments {
            push_string(&mut tags, comment);
        }
        let mut pages = Vec::new();
        for (packet, flags) in [(head, FIRST_PAGE), (tags, 0)] {
            writer.append(&packet);
            writer.write(flags, 0, &mut pages);
        }
        (writer, pages.into())
    }

    /// Samples of all packets taken, less what [`PageWriter::finish`] cut.
    #[must_use]
    pub const fn samples(&self) -> u64 {
        self.samples
    }

    /// Packets that no page has taken yet.
    #[must_use]
    pub const fn waiting(&self) -> usize {
        self.packets
    }

    /// Takes a packet of so many samples. Answers with a page if the one at work was full.
    ///
    /// A packet longer than [`MAX_PACKET`] is not taken.
    pub fn push(&mut self, packet: &[u8], samples: u64) -> Option<Bytes> {
        if packet.len() > MAX_PACKET {
            return None;
        }
        let full = self.segments.len() + packet.len() / SEGMENT + 1 > SEGMENTS;
        let page = if full { self.flush() } else { None };
        self.append(packet);
        self.samples += samples;
        page
    }

    /// The page at work, if it has packets.
    pub fn flush(&mut self) -> Option<Bytes> {
        (self.packets > 0).then(|| {
            let mut page = Vec::new();
            self.write(0, self.samples, &mut page);
            page.into()
        })
    }

    /// The last page. Playback ends `cut` samples before the end of the last packet.
    pub fn finish(&mut self, cut: u64) -> Bytes {
        let mut page = Vec::new();
        self.samples = self.samples.saturating_sub(cut);
        self.write(LAST_PAGE, self.samples, &mut page);
        page.into()
    }

    fn append(&mut self, packet: &[u8]) {
        for _ in 0..packet.len() / SEGMENT {
            self.segments.push(255);
        }
        self.segments.push((packet.len() % SEGMENT) as u8);
        self.body.extend_from_slice(packet);
        self.packets += 1;
    }

    fn write(&mut self, flags: u8, granule: u64, out: &mut Vec<u8>) {
        let start = out.len();
        out.reserve_exact(HEADER + self.segments.len() + self.body.len());
        out.extend(*b"OggS\0");
        out.push(flags);
        out.extend(granule.to_le_bytes());
        out.extend(self.serial.to_le_bytes());
        out.extend(self.page.to_le_bytes());
        out.extend([0; 4]);
        out.push(self.segments.len() as u8);
        out.extend_from_slice(&self.segments);
        out.extend_from_slice(&self.body);
        if let Some(page) = out.get_mut(start..) {
            let checksum = CHECKSUM.checksum(page).to_le_bytes();
            if let Some(field) = page.get_mut(CHECKSUM_AT) {
                field.copy_from_slice(&checksum);
            }
        }
        self.page = self.page.wrapping_add(1);
        self.segments.clear();
        self.body.clear();
        self.packets = 0;
    }
}

fn push_string(packet: &mut Vec<u8>, text: &str) {
    packet.extend((text.len() as u32).to_le_bytes());
    packet.extend(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_the_layout_of_the_rfc() {
        let (mut writer, head) = PageWriter::new(0x0102_0304, 40, &["A=b"]);
        assert_eq!(head[..6], *b"OggS\0\x02");
        assert_eq!(head[26..28], [1, 19]);
        assert_eq!(head[28..38], *b"OpusHead\x01\x02");
        assert_eq!(head[38..40], [40, 0]);
        assert!(writer.push(&[7; 300], 960).is_none());
        assert!(writer.push(&[8; 255], 960).is_none());
        let page = writer.flush().unwrap();
        assert_eq!(page[5], 0);
        assert_eq!(page[6..14], 1920_u64.to_le_bytes());
        assert_eq!(page[14..18], [4, 3, 2, 1]);
        assert_eq!(page[18..22], [2, 0, 0, 0]);
        assert_eq!(page[26..31], [4, 255, 45, 255, 0]);
        assert_eq!(page.len(), 31 + 555);
        assert!(writer.flush().is_none());
        let last = writer.finish(100);
        assert_eq!(last[5], LAST_PAGE);
        assert_eq!(last[6..14], 1820_u64.to_le_bytes());
    }

    #[test]
    fn the_checksum_is_that_of_ogg() {
        // Reference: the bitwise form of RFC 3533's generator.
        let bitwise = |data: &[u8]| {
            data.iter().fold(0_u32, |crc, &byte| {
                (0..8).fold(crc ^ (u32::from(byte) << 24), |crc, _| {
                    (crc << 1) ^ if crc >> 31 == 1 { 0x04C1_1DB7 } else { 0 }
                })
            })
        };
        let data: Vec<u8> = (0..1000_u32).map(|n| (n * 7) as u8).collect();
        for length in [0, 1, 15, 16, 17, 1000] {
            assert_eq!(CHECKSUM.checksum(&data[..length]), bitwise(&data[..length]));
        }
    }

    #[test]
    fn a_full_page_is_given_out_and_no_packet_is_split() {
        let (mut writer, _) = PageWriter::new(1, 0, &[]);
        let pages = (0..600).filter_map(|_| writer.push(&[0xF8, 0xFF, 0xFE], 960)).count();
        assert_eq!(pages, 2);
        assert_eq!(writer.waiting(), 600 - 510);
        assert!(writer.push(&[0; MAX_PACKET + 1], 960).is_none());
        assert_eq!(writer.waiting(), 90);
        assert!(writer.push(&[0; MAX_PACKET], 960).is_some());
        assert_eq!(writer.waiting(), 1);
    }
}
