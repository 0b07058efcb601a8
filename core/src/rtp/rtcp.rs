//! RTCP (RFC 3550, section 6): the packets of a decrypted compound, read where they lie.
//!
//! ```text
//! version:2 padding:1 count:5 ‖ packet type:8 ‖ length:16, in words of 4 bytes less one ‖ body
//! ```

/// Length of a packet's header in bytes.
const HEADER: usize = 4;
/// Length of a report block in bytes (RFC 3550, section 6.4.1).
const REPORT: usize = 24;

/// Packet type of a sender report.
pub const SENDER_REPORT: u8 = 200;
/// Packet type of a receiver report.
pub const RECEIVER_REPORT: u8 = 201;
/// Packet type of a source description.
pub const SOURCE_DESCRIPTION: u8 = 202;
/// Packet type of a goodbye.
pub const GOODBYE: u8 = 203;

/// Reads a decrypted compound packet, all of it: what [`open_rtcp`](crate::rtp::transport::open_rtcp) left.
#[must_use]
pub const fn packets(compound: &[u8]) -> Packets<'_> {
    Packets { rest: compound }
}

/// Why the rest of a compound packet cannot be read.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RtcpError {
    /// The version is not 2.
    #[error("not RTCP version 2")]
    Version,
    /// It ends within a packet.
    #[error("the compound ends within a packet")]
    Truncated,
    /// A packet is too short for the blocks that it counts, or for its padding.
    #[error("a packet is too short for its reports, sources or padding")]
    Malformed,
}

/// One RTCP packet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Packet<'a> {
    /// What a source has sent, and how it hears others (RFC 3550, section 6.4.1).
    SenderReport {
        /// The sender.
        ssrc: u32,
        /// When the report was sent, by the sender's clock: seconds since 1900, 32 bits before the point and 32
        /// behind.
        ntp: u64,
        /// The same instant as an RTP timestamp of this source.
        rtp: u32,
        /// RTP packets sent, modulo 2^32.
        packets: u32,
        /// Bytes of payload sent, modulo 2^32.
        octets: u32,
        /// How the sender hears others.
        reports: Reports<'a>,
    },
    /// How somebody who sends nothing hears others (RFC 3550, section 6.4.2).
    ReceiverReport {
        /// Who reports.
        ssrc: u32,
        /// How others are heard.
        reports: Reports<'a>,
    },
    /// Sources that leave (RFC 3550, section 6.6).
    Goodbye {
        /// Those that leave; 31 at most.
        ssrcs: Sources<'a>,
        /// Why, in UTF-8 if the sender keeps to the rule. Empty if it does not say.
        reason: &'a [u8],
    },
    /// Any other packet, as it came.
    Other {
        /// Packet type.
        packet_type: u8,
        /// The five bits beside the version: a count of chunks, a subtype, or a format.
        count: u8,
        /// The first SSRC of the body, in the types that start with one: source description, application
        /// (RFC 3550), transport and payload feedback (RFC 4585), extended report (RFC 3611).
        ssrc: Option<u32>,
        /// Everything behind the 4-byte header, the SSRC included and padding cut.
        body: &'a [u8],
    },
}

/// How a source is heard (RFC 3550, section 6.4.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Report {
    /// The source.
    pub ssrc: u32,
    /// Packets lost since the report before, in 256ths of those expected.
    pub fraction_lost: u8,
    /// Packets lost since the start, in 24 bits. Negative if duplicates outnumber them.
    pub cumulative_lost: i32,
    /// The highest sequence number received; the upper half counts its wraps.
    pub highest_sequence: u32,
    /// Interarrival jitter in units of the RTP clock.
    pub jitter: u32,
    /// The middle 32 bits of the `ntp` of the last sender report from this source. Zero if there was none.
    pub last_sender_report: u32,
    /// Time since that sender report came, in 65536ths of a second. Zero if there was none.
    pub delay: u32,
}

impl Report {
    const fn parse(block: &[u8; REPORT]) -> Self {
        let [s0, s1, s2, s3, f, c0, c1, c2, h0, h1, h2, h3, j0, j1, j2, j3, l0, l1, l2, l3, d0, d1, d2, d3] =
            *block;
        Self {
            ssrc: u32::from_be_bytes([s0, s1, s2, s3]),
            fraction_lost: f,
            // Read into the upper 24 bits, so that the shift extends the sign.
            cumulative_lost: i32::from_be_bytes([c0, c1, c2, 0]) >> 8,
            highest_sequence: u32::from_be_bytes([h0, h1, h2, h3]),
            jitter: u32::from_be_bytes([j0, j1, j2, j3]),
            last_sender_report: u32::from_be_bytes([l0, l1, l2, l3]),
            delay: u32::from_be_bytes([d0, d1, d2, d3]),
        }
    }
}

/// The report blocks of a packet, 31 at most.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Reports<'a>(&'a [[u8; REPORT]]);

impl Iterator for Reports<'_> {
    type Item = Report;

    fn next(&mut self) -> Option<Report> {
        let (block, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(Report::parse(block))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.0.len(), Some(self.0.len()))
    }
}

impl ExactSizeIterator for Reports<'_> {}

/// The SSRCs of a packet, 31 at most.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Sources<'a>(&'a [[u8; 4]]);

impl Iterator for Sources<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let (&ssrc, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(u32::from_be_bytes(ssrc))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.0.len(), Some(self.0.len()))
    }
}

impl ExactSizeIterator for Sources<'_> {}

/// The packets of a compound packet, in their order. After an error there is nothing more.
#[derive(Clone, Debug)]
pub struct Packets<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Packets<'a> {
    type Item = Result<Packet<'a>, RtcpError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let packet = split(self.rest).and_then(|(packet, rest)| {
            self.rest = rest;
            parse(packet)
        });
        if packet.is_err() {
            self.rest = &[];
        }
        Some(packet)
    }
}

impl core::iter::FusedIterator for Packets<'_> {}

/// A packet's header and the body as long as the header says, and what follows.
type Framed<'a> = ([u8; HEADER], &'a [u8]);

fn split(compound: &[u8]) -> Result<(Framed<'_>, &[u8]), RtcpError> {
    let (&header, rest) = compound.split_first_chunk::<HEADER>().ok_or(RtcpError::Truncated)?;
    if header[0] >> 6 != 2 {
        return Err(RtcpError::Version);
    }
    let length = usize::from(u16::from_be_bytes([header[2], header[3]])) * 4;
    let (body, rest) = rest.split_at_checked(length).ok_or(RtcpError::Truncated)?;
    Ok(((header, body), rest))
}

fn parse((header, body): Framed<'_>) -> Result<Packet<'_>, RtcpError> {
    let [first, packet_type, ..] = header;
    let count = first & 0x1F;
    let body = if first & 0x20 == 0 { body } else { unpad(body).ok_or(RtcpError::Malformed)? };
    let packet = match packet_type {
        SENDER_REPORT => sender_report(count, body),
        RECEIVER_REPORT => word(body)
            .and_then(|(ssrc, rest)| Some(Packet::ReceiverReport { ssrc, reports: reports(count, rest)? })),
        GOODBYE => goodbye(count, body),
        _ => {
            // A source description without chunks starts with no SSRC.
            let starts_with_ssrc = match packet_type {
                SOURCE_DESCRIPTION => count > 0,
                _ => matches!(packet_type, 204..=207),
            };
            let ssrc = word(body).map(|(ssrc, _)| ssrc).filter(|_| starts_with_ssrc);
            Some(Packet::Other { packet_type, count, ssrc, body })
        }
    };
    packet.ok_or(RtcpError::Malformed)
}

fn sender_report(count: u8, body: &[u8]) -> Option<Packet<'_>> {
    let (ssrc, rest) = word(body)?;
    let (&ntp, rest) = rest.split_first_chunk()?;
    let (rtp, rest) = word(rest)?;
    let (packets, rest) = word(rest)?;
    let (octets, rest) = word(rest)?;
    let reports = reports(count, rest)?;
    Some(Packet::SenderReport { ssrc, ntp: u64::from_be_bytes(ntp), rtp, packets, octets, reports })
}

fn goodbye(count: u8, body: &[u8]) -> Option<Packet<'_>> {
    let (ssrcs, rest) = blocks::<4>(count, body)?;
    let reason = match rest.split_first() {
        Some((&length, text)) => text.get(..usize::from(length))?,
        None => &[],
    };
    Some(Packet::Goodbye { ssrcs: Sources(ssrcs), reason })
}

/// What follows the blocks is a profile's own (RFC 3550, section 6.4.3), and Discord has none.
fn reports(count: u8, body: &[u8]) -> Option<Reports<'_>> {
    blocks(count, body).map(|(reports, _)| Reports(reports))
}

fn blocks<const N: usize>(count: u8, body: &[u8]) -> Option<(&[[u8; N]], &[u8])> {
    let (blocks, rest) = body.split_at_checked(usize::from(count) * N)?;
    Some((blocks.as_chunks().0, rest))
}

fn word(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (&word, rest) = bytes.split_first_chunk()?;
    Some((u32::from_be_bytes(word), rest))
}

/// Cuts padding: the last octet counts it, itself included (RFC 3550, section 6.4.1).
fn unpad(body: &[u8]) -> Option<&[u8]> {
    let padding = usize::from(*body.last()?);
    let end = body.len().checked_sub(padding).filter(|_| padding != 0)?;
    body.get(..end)
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;
    use crate::rtp::aead::{Backend, Cipher, Mode};
    use crate::rtp::transport;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|n| u8::from_str_radix(&text[n..n + 2], 16).unwrap()).collect()
    }

    /// A datagram captured from a live voice server, published with its key.
    #[test]
    fn reads_a_captured_compound() {
        let key = hex("4405dfc5d83d86c231d3313a59cef41d6b780641acf007c9af841dc616b278a2");
        let mut datagram = hex(concat!(
            "80c800060005ec188af5b6fb63a15a19f519ab9b502e933c6ae101ae685f5e7f",
            "42b4fab783bb0eeda73e70e994cbaea0fdb0652f91a52d695a000080"
        ));
        let cipher = Cipher::new(Backend::default(), Mode::AeadAes256GcmRtpsize, &key.try_into().unwrap());
        let length = transport::open_rtcp(&cipher, &mut datagram).unwrap();
        let read: Vec<_> = packets(&datagram[..length]).collect();
        let expected = [
            Ok(Packet::SenderReport {
                ssrc: 0x0005_EC18,
                ntp: 0xE957_A59B_6937_4BC6,
                rtp: 0x0A5B_61D0,
                packets: 0x5B8E,
                octets: 0x001E_661B,
                reports: Reports::default(),
            }),
            Ok(Packet::Other {
                packet_type: SOURCE_DESCRIPTION,
                count: 1,
                ssrc: Some(0x0005_EC18),
                body: &[0, 5, 0xEC, 0x18, 1, 0, 0, 0],
            }),
        ];
        assert_eq!(read, expected);
    }

    #[test]
    fn reads_report_blocks() {
        let packet = hex(concat!(
            "82c9000d00000001",
            "0000000240ffffff0001fffe00000078aabbccdd00010000",
            "00000003ff7fffff00000000000000000000000000000000"
        ));
        let Some(Ok(Packet::ReceiverReport { ssrc: 1, reports })) = packets(&packet).next() else { panic!() };
        assert_eq!(reports.len(), 2);
        let reports: Vec<_> = reports.collect();
        let first = Report {
            ssrc: 2,
            fraction_lost: 64,
            cumulative_lost: -1,
            highest_sequence: 0x1_FFFE,
            jitter: 120,
            last_sender_report: 0xAABB_CCDD,
            delay: 65_536,
        };
        assert_eq!(reports[0], first);
        assert_eq!((reports[1].fraction_lost, reports[1].cumulative_lost), (255, 0x7F_FFFF));
    }

    #[test]
    fn reads_goodbyes() {
        let bare = hex("82cb00020000000a0000000b");
        let Some(Ok(Packet::Goodbye { ssrcs, reason: b"" })) = packets(&bare).next() else { panic!() };
        assert_eq!(ssrcs.collect::<Vec<_>>(), [10, 11]);
        let reasoned = hex("81cb00020000000a03627965");
        let Some(Ok(Packet::Goodbye { ssrcs, reason: b"bye" })) = packets(&reasoned).next() else { panic!() };
        assert_eq!(ssrcs.collect::<Vec<_>>(), [10]);
        let nobody = hex("80cb0000");
        let Some(Ok(Packet::Goodbye { ssrcs, .. })) = packets(&nobody).next() else { panic!() };
        assert_eq!(ssrcs.len(), 0);
    }

    #[test]
    fn keeps_what_it_does_not_know() {
        let other =
            |packet_type, count, ssrc, body| Some(Ok(Packet::Other { packet_type, count, ssrc, body }));
        for (packet, expected) in [
            ("8fcd000200000001000000ff", other(205, 15, Some(1), &[0, 0, 0, 1, 0, 0, 0, 0xFF][..])),
            ("80ca0000", other(202, 0, None, &[])),
            ("80ca000100000001", other(202, 0, None, &[0, 0, 0, 1])),
            ("81c3000100000001", other(195, 1, None, &[0, 0, 0, 1])),
            ("80cc0000", other(204, 0, None, &[])),
            // Padding of four bytes.
            ("a1ce00020000000100000004", other(206, 1, Some(1), &[0, 0, 0, 1])),
        ] {
            assert_eq!(packets(&hex(packet)).next(), expected, "{packet}");
        }
    }

    #[test]
    fn refuses_what_does_not_fit_and_reads_what_came_before() {
        for (packet, error) in [
            ("80", RtcpError::Truncated),
            ("80c800", RtcpError::Truncated),
            ("80c80001000000", RtcpError::Truncated),
            ("80ccffff00000000", RtcpError::Truncated),
            ("40c9000100000001", RtcpError::Version),
            ("00000000", RtcpError::Version),
            ("80c90000", RtcpError::Malformed),
            ("81c9000100000001", RtcpError::Malformed),
            ("80c80005000000010000000000000000000000000000000000", RtcpError::Malformed),
            ("82cb00010000000a", RtcpError::Malformed),
            ("81cb00020000000a04627965", RtcpError::Malformed),
            ("a0cc00010000000000", RtcpError::Malformed),
            ("a0cc000100000005", RtcpError::Malformed),
            ("a0cc0000", RtcpError::Malformed),
            // Padding that eats a report block.
            ("a1c90007000000010000000200000000000000000000000000000000000000 04", RtcpError::Malformed),
        ] {
            let mut compound = hex("80c9000100000007");
            compound.extend(hex(&packet.replace(' ', "")));
            let read: Vec<_> = packets(&compound).collect();
            let first = Packet::ReceiverReport { ssrc: 7, reports: Reports::default() };
            assert_eq!(read, [Ok(first), Err(error)], "{packet}");
        }
    }

    proptest! {
        /// Chosen so that version and type are mostly right, and lengths rarely.
        #[test]
        fn hostile_packets_end_in_bounded_steps(
            mut compound in proptest::collection::vec(any::<u8>(), 0..200),
            heads in proptest::collection::vec((any::<bool>(), 0_u8..32, 198_u8..210, 0_u16..12), 1..8),
        ) {
            let mut at = 0;
            for (padding, count, packet_type, words) in heads {
                if let Some(head) = compound.get_mut(at..at + HEADER) {
                    let [l0, l1] = words.to_be_bytes();
                    head.copy_from_slice(&[0x80 | (u8::from(padding) << 5) | count, packet_type, l0, l1]);
                }
                at += HEADER + usize::from(words) * 4;
            }
            let mut total = 0;
            for packet in packets(&compound) {
                total += HEADER;
                match packet {
                    Ok(Packet::SenderReport { reports, .. } | Packet::ReceiverReport { reports, .. }) => {
                        prop_assert!(reports.len() <= 31);
                        total += REPORT * reports.count();
                    }
                    Ok(Packet::Goodbye { ssrcs, reason }) => {
                        prop_assert!(ssrcs.len() <= 31);
                        total += 4 * ssrcs.count() + reason.len();
                    }
                    Ok(Packet::Other { body, .. }) => total += body.len(),
                    Err(_) => total -= HEADER,
                }
            }
            prop_assert!(total <= compound.len());
        }

        #[test]
        fn what_was_written_reads_back(
            ssrc: u32, fraction: u8, lost in -0x80_0000_i32..0x80_0000, words: [u32; 4], others in 0_u8..31
        ) {
            let mut packet = vec![0x81 + others, RECEIVER_REPORT, 0, 7 + 6 * others];
            packet.extend(9_u32.to_be_bytes());
            for _ in 0..=others {
                packet.extend(ssrc.to_be_bytes());
                packet.push(fraction);
                packet.extend(&lost.to_be_bytes()[1..]);
                packet.extend(words.iter().flat_map(|word| word.to_be_bytes()));
            }
            let Some(Ok(Packet::ReceiverReport { ssrc: 9, reports })) = packets(&packet).next() else {
                return Err(TestCaseError::fail("no receiver report"));
            };
            prop_assert_eq!(reports.len(), usize::from(others) + 1);
            let [highest_sequence, jitter, last_sender_report, delay] = words;
            let expected = Report {
                ssrc, fraction_lost: fraction, cumulative_lost: lost, highest_sequence, jitter,
                last_sender_report, delay,
            };
            prop_assert!(reports.into_iter().all(|report| report == expected));
        }
    }
}
