//! A speaker's encrypted packets, made before the clock runs.

use sanscord::rtp::aead::{Backend, Cipher, Mode};
use sanscord::rtp::header::{FIXED, OPUS};

use crate::stage::{KEY_BYTES, SPEAKER_SSRC};

/// Samples of a packet at 48 kHz: 20 ms.
pub const SAMPLES: u32 = 960;
/// Time between two packets in nanoseconds: 20 ms.
pub const SPACING: u64 = 20_000_000;
/// Length of what stays in the clear: the fixed header and the preamble of an extension.
pub const CLEAR: usize = FIXED + 4;

/// An extension as Discord's clients send it: one-byte headers (RFC 8285, section 4.2), one element of one
/// byte, padded to a word. It is encrypted.
pub const EXTENSION: [u8; 4] = [0x10, 0x7F, 0, 0];
/// 20 ms of CELT, full band, stereo (RFC 6716, section 3.1): how a packet starts.
const TOC: u8 = 0xFC;

/// Datagrams of one talk spurt, in order, one behind the other.
#[derive(Debug)]
pub struct Spurt {
    bytes: Vec<u8>,
    /// Where each datagram ends.
    ends: Vec<usize>,
}

impl Spurt {
    /// So many packets of the [speaker](crate::stage::SPEAKER), each with this many bytes of Opus, numbered from 0.
    ///
    /// # Panics
    /// If encryption fails, which it does for no packet of a datagram's length.
    #[must_use]
    pub fn new(mode: Mode, opus: usize, packets: u16) -> Self {
        Self::of(mode, packets, |sequence, frame| write_opus(sequence, opus, frame))
    }

    /// So many packets of the [speaker](crate::stage::SPEAKER), numbered from 0, with whatever frames `write` appends for
    /// each number.
    ///
    /// # Panics
    /// If encryption fails, which it does for no packet of a datagram's length.
    #[must_use]
    pub fn of(mode: Mode, packets: u16, mut write: impl FnMut(u16, &mut Vec<u8>)) -> Self {
        let cipher = Cipher::new(Backend::default(), mode, &KEY_BYTES);
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        for sequence in 0..packets {
            let timestamp = u32::from(sequence) * SAMPLES;
            seal(&cipher, Number { ssrc: SPEAKER_SSRC, sequence, timestamp }, &mut bytes, |frame| {
                write(sequence, frame);
            });
            ends.push(bytes.len());
        }
        Self { bytes, ends }
    }

    /// The datagrams.
    pub fn datagrams(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = &self.bytes[..];
        let mut start = 0;
        self.ends.iter().map(move |&end| {
            let (datagram, others) = rest.split_at(end - start);
            (rest, start) = (others, end);
            datagram
        })
    }

    /// How many datagrams there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
}

/// What an RTP header says.
#[derive(Clone, Copy, Debug)]
pub struct Number {
    /// The source.
    pub ssrc: u32,
    /// The sequence number, which is the nonce as well.
    pub sequence: u16,
    /// Samples at 48 kHz.
    pub timestamp: u32,
}

/// Appends a packet, sealed as the voice server seals it, with the frame that `write` appends.
///
/// # Panics
/// If encryption fails, which it does for no packet of a datagram's length.
pub fn seal(cipher: &Cipher, number: Number, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let Number { ssrc, sequence, timestamp } = number;
    let start = out.len();
    out.extend([0x90, OPUS]);
    out.extend(sequence.to_be_bytes());
    out.extend(timestamp.to_be_bytes());
    out.extend(ssrc.to_be_bytes());
    out.extend([0xBE, 0xDE, 0, 1]);
    out.extend(EXTENSION);
    write(out);
    let nonce = u32::from(sequence).to_be_bytes();
    let (clear, plain) = out[start..].split_at_mut(CLEAR);
    let tag = cipher.seal(nonce, clear, plain).expect("a short packet");
    out.extend(tag);
    out.extend(nonce);
}

/// Appends an Opus packet of this length, which is no sound: nobody decodes it.
pub fn write_opus(sequence: u16, len: usize, out: &mut Vec<u8>) {
    out.push(TOC);
    out.extend((1..len).map(|byte| byte as u8 ^ sequence as u8));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_of_any_length_come_one_by_one() {
        let spurt = Spurt::of(Mode::AeadAes256GcmRtpsize, 4, |sequence, out| {
            write_opus(sequence, 10 + usize::from(sequence), out);
        });
        let lengths: Vec<usize> = spurt.datagrams().map(<[u8]>::len).collect();
        // Header, preamble, extension, Opus, tag, nonce.
        let around = CLEAR + EXTENSION.len() + 16 + 4;
        assert_eq!(lengths, [10, 11, 12, 13].map(|opus| opus + around));
        assert_eq!(spurt.len(), 4);
    }
}
