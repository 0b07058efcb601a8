//! Reads recordings back.

#![allow(dead_code, reason = "each suite uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use std::io::Cursor;

use ogg::PacketReader;
use sanscord::opus;
use sanscord_testing::speaker::Sent;

/// What a file holds.
pub(crate) struct Contents {
    /// Every packet with audio data, silence and concealment included, in order.
    pub(crate) packets: Vec<Packet>,
    /// Samples that playing it takes, pre-skip and end trimming considered.
    pub(crate) length: u64,
}

/// A packet, and the sample of the recording at which it starts.
pub(crate) struct Packet {
    pub(crate) data: Vec<u8>,
    pub(crate) position: i64,
}

impl Contents {
    /// The packets that a speaker sent: neither silence put in by the recorder nor concealment. Speakers' own
    /// silence frames look the same and are left out too.
    pub(crate) fn audio(&self) -> impl Iterator<Item = &Packet> {
        self.packets.iter().filter(|packet| packet.data.len() > 1 && !is_silence(&packet.data))
    }
}

/// Whether a packet is digital silence, or no packet.
pub(crate) fn is_silence(packet: &[u8]) -> bool {
    packet.is_empty() || opus::SILENCE.iter().any(|(silence, _)| *silence == packet)
}

/// Reads an Ogg Opus file.
///
/// # Panics
/// If it is none: checksums, headers and granule positions are checked.
pub(crate) fn packets(file: &[u8]) -> Contents {
    let mut reader = PacketReader::new(Cursor::new(file));
    let head = reader.read_packet().unwrap().expect("OpusHead").data;
    assert_eq!(head[..8], *b"OpusHead");
    let pre_skip = u16::from_le_bytes([head[10], head[11]]);
    let tags = reader.read_packet().unwrap().expect("OpusTags").data;
    assert_eq!(tags[..8], *b"OpusTags");
    let (mut packets, mut samples, mut length) = (Vec::new(), 0, 0);
    while let Some(packet) = reader.read_packet().unwrap() {
        let position = samples as i64 - i64::from(pre_skip);
        if packet.data.is_empty() {
            continue;
        }
        samples += opus::duration(&packet.data).expect("an Opus packet");
        if packet.last_in_page() {
            let granule = packet.absgp_page();
            if packet.last_in_stream() {
                assert!(granule <= samples, "the end is trimmed, not stretched");
            } else {
                assert_eq!(granule, samples, "granule position of a page");
            }
            length = granule - u64::from(pre_skip);
        }
        packets.push(Packet { data: packet.data, position });
    }
    Contents { packets, length }
}

/// What a speaker's file holds, each packet beside what was sent: every one must be, and in this order.
///
/// # Panics
/// If one was not sent, or not then.
pub(crate) fn as_sent<'a>(contents: &'a Contents, truth: &'a [Sent]) -> Vec<(&'a Packet, &'a Sent)> {
    let mut truth = truth.iter().filter(|sent| !is_silence(&sent.payload));
    let pairs = contents.audio().enumerate().map(|(index, packet)| {
        let sent = truth.find(|sent| sent.payload == packet.data);
        (packet, sent.unwrap_or_else(|| panic!("packet {index} was not sent, or not then")))
    });
    pairs.collect()
}

/// The part of an Ogg file that consists of whole pages (RFC 3533, section 6).
pub(crate) fn whole_pages(file: &[u8]) -> &[u8] {
    let mut whole = 0;
    while let Some(header) = file.get(whole..whole + 27) {
        assert_eq!(header[..4], *b"OggS", "a page begins at {whole}");
        let table = whole + 27..whole + 27 + usize::from(header[26]);
        let Some(lengths) = file.get(table.clone()) else { break };
        let end = table.end + lengths.iter().map(|&length| usize::from(length)).sum::<usize>();
        if end > file.len() {
            break;
        }
        whole = end;
    }
    &file[..whole]
}
