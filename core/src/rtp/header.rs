//! The RTP fixed header (RFC 3550, section 5.1) with its CSRC list and extension (section 5.3.1).

use core::ops::Range;

/// The payload type of Opus on Discord.
pub const OPUS: u8 = 120;

/// Length of the fixed header in bytes.
pub const FIXED: usize = 12;

/// An RTP header, and where the parts of its packet lie.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Header {
    /// Whether padding ends the payload; how much, its last byte says.
    pub padding: bool,
    /// Marker bit.
    pub marker: bool,
    /// Payload type, 7 bits.
    pub payload_type: u8,
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp in samples.
    pub timestamp: u32,
    /// Synchronisation source.
    pub ssrc: u32,
    /// Length in bytes of fixed header and CSRC list, plus the 4-byte preamble of an extension: what Discord's
    /// `rtpsize` modes leave in the clear and authenticate.
    pub clear: usize,
    /// Length in bytes of the extension's body, which those modes encrypt.
    pub extension: usize,
}

/// Why a datagram is not an RTP packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum HeaderError {
    /// The version is not 2.
    #[error("not RTP version 2")]
    Version,
    /// The packet ends within its header.
    #[error("the packet ends within its header")]
    Truncated,
}

impl Header {
    /// Reads a packet's header. The extension's body is not looked for: it may be encrypted.
    ///
    /// # Errors
    /// If the packet is too short for the header that it announces, or not RTP.
    pub fn parse(packet: &[u8]) -> Result<Self, HeaderError> {
        let (fixed, rest) = packet.split_first_chunk::<FIXED>().ok_or(HeaderError::Truncated)?;
        let [first, second, s0, s1, t0, t1, t2, t3, i0, i1, i2, i3] = *fixed;
        if first >> 6 != 2 {
            return Err(HeaderError::Version);
        }
        let csrc = usize::from(first & 0x0F) * 4;
        let mut clear = FIXED + csrc;
        let mut extension = 0;
        let after_csrc = rest.get(csrc..).ok_or(HeaderError::Truncated)?;
        if first & 0x10 != 0 {
            let (preamble, _) = after_csrc.split_first_chunk::<4>().ok_or(HeaderError::Truncated)?;
            extension = usize::from(u16::from_be_bytes([preamble[2], preamble[3]])) * 4;
            clear += 4;
        }
        Ok(Self {
            padding: first & 0x20 != 0,
            marker: second & 0x80 != 0,
            payload_type: second & 0x7F,
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([i0, i1, i2, i3]),
            clear,
            extension,
        })
    }

    /// A header without CSRC list and extension.
    #[must_use]
    pub const fn new(sequence: u16, timestamp: u32, ssrc: u32) -> Self {
        Self {
            padding: false,
            marker: false,
            payload_type: OPUS,
            sequence,
            timestamp,
            ssrc,
            clear: FIXED,
            extension: 0,
        }
    }

    /// The fixed header's bytes, with neither CSRC list nor extension.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; FIXED] {
        let [s0, s1] = self.sequence.to_be_bytes();
        let [t0, t1, t2, t3] = self.timestamp.to_be_bytes();
        let [i0, i1, i2, i3] = self.ssrc.to_be_bytes();
        let first = 0x80 | (u8::from(self.padding) << 5);
        let second = (u8::from(self.marker) << 7) | (self.payload_type & 0x7F);
        [first, second, s0, s1, t0, t1, t2, t3, i0, i1, i2, i3]
    }

    /// Where the payload lies in `plain`, the decrypted part of the packet, which starts with the extension's
    /// body: that and the padding are cut. `None` if they do not fit.
    #[must_use]
    pub fn payload(&self, plain: &[u8]) -> Option<Range<usize>> {
        let mut end = plain.len();
        if self.padding {
            // RFC 3550, section 5.1: the last octet counts the padding, itself included.
            let count = usize::from(*plain.last()?);
            end = end.checked_sub(count).filter(|_| count != 0)?;
        }
        (self.extension <= end).then_some(self.extension..end)
    }
}

/// Whether a datagram is RTCP, told from RTP by its packet type (RFC 5761, section 4).
#[must_use]
pub fn is_rtcp(datagram: &[u8]) -> bool {
    matches!(datagram, [first, 192..=223, ..] if first >> 6 == 2)
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_what_discords_clients_send() {
        // 0x90: extension of two words; 0x78: payload type 120.
        let mut packet = vec![0x90, 0x78, 0xFF, 0xFE, 0, 1, 0, 2, 0, 0, 0xAB, 0xCD, 0xBE, 0xDE, 0, 2];
        packet.extend([7; 20]);
        let header = Header::parse(&packet).unwrap();
        assert_eq!(header.sequence, 0xFFFE);
        assert_eq!(header.timestamp, 0x1_0002);
        assert_eq!(header.ssrc, 0xABCD);
        assert_eq!((header.clear, header.extension), (16, 8));
        assert_eq!(header.payload_type, OPUS);
        assert_eq!(header.payload(&packet[header.clear..]), Some(8..20));
    }

    #[test]
    fn cuts_padding_and_refuses_padding_that_does_not_fit() {
        let padded = Header { padding: true, ..Header::new(1, 2, 3) };
        assert_eq!(padded.payload(&[1, 2, 3, 0, 2]), Some(0..3));
        assert_eq!(padded.payload(&[0, 0, 3]), Some(0..0));
        assert_eq!(padded.payload(&[1, 2, 0]), None);
        assert_eq!(padded.payload(&[1, 2, 4]), None);
        assert_eq!(padded.payload(&[]), None);
        let extended = Header { extension: 4, ..padded };
        assert_eq!(extended.payload(&[0, 0, 0, 0, 9, 1]), Some(4..5));
        assert_eq!(extended.payload(&[0, 0, 0, 0, 3, 3]), None);
    }

    #[test]
    fn tells_rtcp_from_rtp() {
        assert!(is_rtcp(&[0x80, 200]));
        assert!(is_rtcp(&[0x81, 206, 0]));
        assert!(!is_rtcp(&[0x80, 120]));
        assert!(!is_rtcp(&[0x80, 120 | 0x80]));
        assert!(!is_rtcp(&[0, 200]));
        assert!(!is_rtcp(&[0x80]));
    }

    proptest! {
        #[test]
        fn never_reads_past_the_packet(packet in proptest::collection::vec(any::<u8>(), 0..96)) {
            if let Ok(header) = Header::parse(&packet) {
                prop_assert!(header.clear <= packet.len());
                if let Some(payload) = header.payload(&packet[header.clear..]) {
                    prop_assert!(payload.end <= packet.len() - header.clear);
                }
            }
        }

        #[test]
        fn what_was_written_reads_back(
            sequence: u16, timestamp: u32, ssrc: u32, marker: bool, padding: bool, rest: Vec<u8>
        ) {
            let header = Header { marker, padding, ..Header::new(sequence, timestamp, ssrc) };
            let mut packet = header.to_bytes().to_vec();
            packet.extend(rest);
            prop_assert_eq!(Header::parse(&packet), Ok(header));
        }
    }
}
