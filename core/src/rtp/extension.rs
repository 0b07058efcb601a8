//! RTP header extensions (RFC 8285), and those of Discord's clients.
//!
//! ```text
//! one byte:   0xBEDE   { id:4 length-1:4 ‖ data }*   id 0: a byte of padding, id 15: the end
//! two bytes:  0x100_   { id:8 ‖ length:8 ‖ data }*   id 0: a byte of padding
//! ```

use crate::rtp::header::Header;
use crate::time::Duration;

/// The profile of one-byte headers (RFC 8285, section 4.2).
pub const ONE_BYTE: u16 = 0xBEDE;
/// The profile of two-byte headers; its low four bits are the application's (RFC 8285, section 4.3).
pub const TWO_BYTE: u16 = 0x1000;

/// Id of the audio level on Discord.
pub const AUDIO_LEVEL: u8 = 1;
/// Id of the absolute send time on Discord.
pub const ABS_SEND_TIME: u8 = 3;
/// Id of the transport-wide sequence number on Discord.
pub const TRANSPORT_SEQUENCE: u8 = 5;
/// Id of what kind of speaker this is, Discord's own.
pub const SPEAKER: u8 = 9;

/// One element of an extension.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Element<'a> {
    /// Which extension: 1 to 14 in the one-byte form, 1 to 255 in the two-byte form.
    pub id: u8,
    /// Its data: 1 to 16 bytes in the one-byte form, 0 to 255 in the two-byte form.
    pub data: &'a [u8],
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Form {
    OneByte,
    TwoByte,
}

/// Reads the decrypted body of an extension of this profile. Of a profile that is not RFC 8285's there is nothing
/// to read.
#[must_use]
pub const fn elements(profile: u16, body: &[u8]) -> Elements<'_> {
    let form = match profile {
        ONE_BYTE => Form::OneByte,
        _ if profile & 0xFFF0 == TWO_BYTE => Form::TwoByte,
        _ => return Elements { form: Form::OneByte, rest: &[], malformed: false },
    };
    Elements { form, rest: body, malformed: false }
}

/// The extension of a packet that [`open`](crate::rtp::transport::open) decrypted: profile and body lie where its
/// header says.
#[must_use]
pub fn of<'a>(header: &Header, packet: &'a [u8]) -> Elements<'a> {
    let body = packet.get(header.clear..header.clear.saturating_add(header.extension));
    let profile = header.clear.checked_sub(4).and_then(|at| packet.get(at..)?.first_chunk());
    match (profile, body) {
        // Without an extension, what stands there is no profile, and the body is empty.
        (Some(&profile), Some(body)) => elements(u16::from_be_bytes(profile), body),
        _ => elements(0, &[]),
    }
}

/// The elements of an extension, in their order.
#[derive(Clone, Debug)]
pub struct Elements<'a> {
    form: Form,
    rest: &'a [u8],
    malformed: bool,
}

impl<'a> Elements<'a> {
    /// Whether the iteration met an element that does not fit into the body, or padding with a length. Either ends
    /// it; the elements before hold.
    #[must_use]
    pub const fn is_malformed(&self) -> bool {
        self.malformed
    }

    /// The element at the front and what follows it. `None` if it does not fit.
    fn split(&self) -> Option<(Element<'a>, &'a [u8])> {
        let (&first, rest) = self.rest.split_first()?;
        let (id, length, rest) = match self.form {
            Form::OneByte => (first >> 4, usize::from(first & 0xF) + 1, rest),
            Form::TwoByte => {
                let (&length, rest) = rest.split_first()?;
                (first, usize::from(length), rest)
            }
        };
        let (data, rest) = rest.split_at_checked(length)?;
        // RFC 8285, section 4.2: an id of 0 with a length ends the extension.
        (id != 0).then_some((Element { id, data }, rest))
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Element<'a>;

    fn next(&mut self) -> Option<Element<'a>> {
        while let [0, rest @ ..] = self.rest {
            self.rest = rest;
        }
        let first = *self.rest.first()?;
        // RFC 8285, section 4.2: id 15 is reserved and ends the extension, whatever its length says.
        if self.form == Form::OneByte && first >> 4 == 15 {
            self.rest = &[];
            return None;
        }
        let Some((element, rest)) = self.split() else {
            self.malformed = true;
            self.rest = &[];
            return None;
        };
        self.rest = rest;
        Some(element)
    }
}

impl core::iter::FusedIterator for Elements<'_> {}

/// How loud a packet's sound is, by its sender (RFC 6464).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AudioLevel {
    /// Whether the sender takes the sound for voice.
    pub voice: bool,
    /// How far below the loudest possible sound, in dB: 0 is the loudest, 127 is silence.
    pub below_full: u8,
}

/// When a packet left its sender: seconds on the sender's clock modulo 64, with 18 bits behind the point.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AbsSendTime(pub u32);

impl AbsSendTime {
    /// Time from `earlier` to this, taken modulo 64 seconds: below 64 seconds.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        let units = self.0.wrapping_sub(earlier.0) & 0xFF_FFFF;
        Duration::from_nanos((u64::from(units) * 1_000_000_000) >> 18)
    }
}

/// What kind of speaker sent a packet, as its extension says. The bits are not those of the gateway's Speaking.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Speaker(pub u8);

impl Speaker {
    /// Bit of a priority speaker.
    pub const PRIORITY: u8 = 1;
    /// Bit of a microphone.
    pub const VOICE: u8 = 2;
    /// Bit of the sound of a shared screen.
    pub const SOUNDSHARE: u8 = 4;

    /// Whether it is a priority speaker.
    #[must_use]
    pub const fn is_priority(self) -> bool {
        self.0 & Self::PRIORITY != 0
    }

    /// Whether it is a microphone.
    #[must_use]
    pub const fn is_voice(self) -> bool {
        self.0 & Self::VOICE != 0
    }

    /// Whether it is the sound of a shared screen.
    #[must_use]
    pub const fn is_soundshare(self) -> bool {
        self.0 & Self::SOUNDSHARE != 0
    }
}

/// The extensions of Discord's clients, on native UDP.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Extensions {
    /// How loud the packet is.
    pub audio_level: Option<AudioLevel>,
    /// When it was sent.
    pub abs_send_time: Option<AbsSendTime>,
    /// Its number among all packets of the connection, for congestion control.
    pub transport_sequence: Option<u16>,
    /// What kind of speaker sent it.
    pub speaker: Option<Speaker>,
}

impl Extensions {
    /// Picks Discord's elements out of an extension. One of another length than its own counts as absent; of two
    /// of the same id the last holds.
    #[must_use]
    pub fn read(elements: Elements<'_>) -> Self {
        let mut read = Self::default();
        for Element { id, data } in elements {
            match (id, data) {
                (AUDIO_LEVEL, &[level]) => {
                    read.audio_level =
                        Some(AudioLevel { voice: level & 0x80 != 0, below_full: level & 0x7F });
                }
                (ABS_SEND_TIME, &[a, b, c]) => {
                    read.abs_send_time = Some(AbsSendTime(u32::from_be_bytes([0, a, b, c])));
                }
                (TRANSPORT_SEQUENCE, &[a, b]) => read.transport_sequence = Some(u16::from_be_bytes([a, b])),
                (SPEAKER, &[bits]) => read.speaker = Some(Speaker(bits)),
                _ => {}
            }
        }
        read
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;
    use crate::rtp::aead::{Backend, Cipher, KEY, Mode};
    use crate::rtp::transport;

    fn read(profile: u16, body: &[u8]) -> (Vec<(u8, &[u8])>, bool) {
        let mut elements = elements(profile, body);
        let read = elements.by_ref().map(|element| (element.id, element.data)).collect();
        (read, elements.is_malformed())
    }

    #[test]
    fn reads_both_forms() {
        type Row = (u16, &'static [u8], &'static [(u8, &'static [u8])], bool);
        let rows: [Row; 16] = [
            (ONE_BYTE, &[0x10, 7, 0, 0x51, 1, 2, 0, 0], &[(1, &[7]), (5, &[1, 2])], false),
            (ONE_BYTE, &[], &[], false),
            (ONE_BYTE, &[0, 0, 0, 0], &[], false),
            (ONE_BYTE, &[0xE0, 9, 0xF0, 1, 0x10, 1], &[(14, &[9])], false),
            (ONE_BYTE, &[0x10, 7, 0xFF], &[(1, &[7])], false),
            (ONE_BYTE, &[0x10, 7, 0x01, 0x10, 7, 0], &[(1, &[7])], true),
            (ONE_BYTE, &[0x10, 7, 0x22, 1, 2], &[(1, &[7])], true),
            (ONE_BYTE, &[0x10], &[], true),
            (TWO_BYTE, &[1, 1, 7, 0, 200, 0, 5, 2, 1, 2], &[(1, &[7]), (200, &[]), (5, &[1, 2])], false),
            (0x100F, &[0xF0, 1, 7, 0], &[(0xF0, &[7])], false),
            (TWO_BYTE, &[1, 1, 7, 9], &[(1, &[7])], true),
            (TWO_BYTE, &[1, 255, 7], &[], true),
            (TWO_BYTE, &[0, 0, 0], &[], false),
            (0x1010, &[1, 1, 7, 0], &[], false),
            (0, &[0x10, 7], &[], false),
            (0xBEDF, &[0x10, 7], &[], false),
        ];
        for (profile, body, expected, malformed) in rows {
            assert_eq!(read(profile, body), (expected.to_vec(), malformed), "{profile:04x} {body:02x?}");
        }
    }

    #[test]
    fn an_element_may_be_as_long_as_its_form_allows() {
        let mut one = vec![0x1F];
        one.extend([3; 16]);
        assert_eq!(read(ONE_BYTE, &one), (vec![(1, &[3; 16][..])], false));
        let mut two = vec![1, 255];
        two.extend([3; 255]);
        assert_eq!(read(TWO_BYTE, &two), (vec![(1, &[3; 255][..])], false));
    }

    /// A packet as the desktop client sends it, through the cipher.
    #[test]
    fn reads_discords_extensions_from_a_packet() {
        let mut packet = vec![0x90, 0x78, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xBE, 0xDE, 0, 4];
        let body = [0x10, 0xAB, 0x32, 0x12, 0x34, 0x56, 0x51, 0x01, 0x02, 0x90, 0x03, 0, 0, 0, 0, 0];
        packet.extend(body);
        packet.extend(b"opus");
        let cipher = || Cipher::new(Backend::default(), Mode::AeadAes256GcmRtpsize, &[5; KEY]);
        let (clear, plain) = packet.split_at_mut(16);
        let tag = cipher().seal([0; 4], clear, plain).unwrap();
        packet.extend(tag);
        packet.extend([0; 4]);
        let (header, payload) = transport::open(&cipher(), &mut packet).unwrap();
        assert_eq!(&packet[payload], b"opus");
        let expected = Extensions {
            audio_level: Some(AudioLevel { voice: true, below_full: 0x2B }),
            abs_send_time: Some(AbsSendTime(0x12_3456)),
            transport_sequence: Some(0x102),
            speaker: Some(Speaker(Speaker::PRIORITY | Speaker::VOICE)),
        };
        assert_eq!(Extensions::read(of(&header, &packet)), expected);
    }

    #[test]
    fn a_packet_without_extension_has_none() {
        // The CSRC looks like an extension's preamble.
        let packet = [0x81, 0x78, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xBE, 0xDE, 0, 1, 0x10, 7, 0, 0];
        let header = Header::parse(&packet).unwrap();
        assert_eq!(of(&header, &packet).count(), 0);
        // And an extension that the packet is too short for.
        let packet = [0x90, 0x78, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xBE, 0xDE, 0, 2, 0x10, 7, 0, 0];
        let header = Header::parse(&packet).unwrap();
        assert_eq!(of(&header, &packet).count(), 0);
    }

    #[test]
    fn lengths_that_are_not_the_extensions_own_count_as_absent() {
        for body in
            [&[0x11, 1, 2][..], &[0x30, 1], &[0x33, 1, 2, 3, 4], &[0x50, 1], &[0x52, 1, 2, 3], &[0x91, 1, 2]]
        {
            assert_eq!(Extensions::read(elements(ONE_BYTE, body)), Extensions::default(), "{body:02x?}");
        }
        let silent = Extensions::read(elements(ONE_BYTE, &[0x10, 127])).audio_level;
        assert_eq!(silent, Some(AudioLevel { voice: false, below_full: 127 }));
    }

    #[test]
    fn speakers_have_their_own_bits() {
        let all = [1, 2, 4].map(Speaker);
        assert_eq!(all.map(Speaker::is_priority), [true, false, false]);
        assert_eq!(all.map(Speaker::is_voice), [false, true, false]);
        assert_eq!(all.map(Speaker::is_soundshare), [false, false, true]);
    }

    #[test]
    fn send_times_wrap() {
        let second = 1 << 18;
        assert_eq!(AbsSendTime(3 * second).since(AbsSendTime(second)), Duration::from_secs(2));
        assert_eq!(AbsSendTime(second).since(AbsSendTime(63 * second)), Duration::from_secs(2));
    }

    proptest! {
        #[test]
        fn hostile_bodies_are_read_within_their_bounds(
            two in any::<bool>(), body in proptest::collection::vec(any::<u8>(), 0..120)
        ) {
            let profile = if two { TWO_BYTE } else { ONE_BYTE };
            let used: usize = elements(profile, &body).map(|element| 1 + element.data.len()).sum();
            prop_assert!(used <= body.len());
            let _ = Extensions::read(elements(profile, &body));
        }

        #[test]
        fn what_was_written_reads_back(
            two in any::<bool>(),
            written in proptest::collection::vec(
                (1_u8..15, proptest::collection::vec(any::<u8>(), 1..17), 0_usize..4), 0..6
            ),
        ) {
            let mut body = Vec::new();
            for (id, data, padding) in &written {
                if two {
                    body.extend([*id, data.len() as u8]);
                } else {
                    body.push((id << 4) | (data.len() - 1) as u8);
                }
                body.extend(data);
                body.extend(vec![0; *padding]);
            }
            let (read, malformed) = read(if two { TWO_BYTE } else { ONE_BYTE }, &body);
            let expected: Vec<_> = written.iter().map(|(id, data, _)| (*id, &data[..])).collect();
            prop_assert_eq!(read, expected);
            prop_assert!(!malformed);
        }
    }
}
