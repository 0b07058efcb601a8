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
const EXTENSION: [u8; 4] = [0x10, 0x7F, 0, 0];
/// 20 ms of CELT, full band, stereo (RFC 6716, section 3.1): how a packet starts.
const TOC: u8 = 0xFC;

/// Datagrams of one talk spurt, in order, one behind the other.
#[derive(Debug)]
pub struct Spurt {
    stride: usize,
    bytes: Vec<u8>,
}

impl Spurt {
    /// So many packets, each with this many bytes of Opus, numbered from 0.
    ///
    /// # Panics
    /// If encryption fails, which it does for no packet of a datagram's length.
    #[must_use]
    pub fn new(mode: Mode, opus: usize, packets: u16) -> Self {
        let cipher = Cipher::new(Backend::default(), mode, &KEY_BYTES);
        let mut bytes = Vec::new();
        let mut stride = 0;
        for sequence in 0..packets {
            let start = bytes.len();
            bytes.extend([0x90, OPUS]);
            bytes.extend(sequence.to_be_bytes());
            bytes.extend((u32::from(sequence) * SAMPLES).to_be_bytes());
            bytes.extend(SPEAKER_SSRC.to_be_bytes());
            bytes.extend([0xBE, 0xDE, 0, 1]);
            bytes.extend(EXTENSION);
            bytes.push(TOC);
            bytes.extend((1..opus).map(|byte| byte as u8 ^ sequence as u8));
            let nonce = u32::from(sequence).to_be_bytes();
            let (clear, plain) = bytes[start..].split_at_mut(CLEAR);
            let tag = cipher.seal(nonce, clear, plain).expect("a short packet");
            bytes.extend(tag);
            bytes.extend(nonce);
            stride = bytes.len() - start;
        }
        Self { stride, bytes }
    }

    /// The datagrams.
    pub fn datagrams(&self) -> impl Iterator<Item = &[u8]> {
        self.bytes.chunks_exact(self.stride.max(1))
    }

    /// How many datagrams there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len() / self.stride.max(1)
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}
