//! Encryption of our own frames in one epoch (dave-protocol, Encrypting frames).

use alloc::vec::Vec;
use core::ops::Range;

use crate::dave::cipher::Cipher;
use crate::dave::frame::{self, FrameError};
use crate::dave::ratchet::{GENERATION_SHIFT, Ratchet, SECRET};
use crate::rtp::aead::Backend;

/// Why a frame was not sealed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SealError {
    /// The ranges are out of order, overlap, exceed the frame, or are too many for a trailer of 255 bytes.
    #[error("the unencrypted ranges do not fit")]
    Ranges,
    /// The epoch's 2^56 nonces are used, or a frame of 64 GiB was given.
    #[error("the keys of this epoch are used up")]
    Exhausted,
}

impl From<FrameError> for SealError {
    fn from(_: FrameError) -> Self {
        Self::Ranges
    }
}

/// Seals all that we send in one epoch, whatever its stream: one counter gives the nonces of all. A new epoch takes a
/// new sender.
#[derive(Debug)]
pub struct Sender {
    backend: Backend,
    ratchet: Ratchet,
    /// The generation's key, and the generation.
    cipher: Option<(u32, Cipher)>,
    /// Frames sealed so far. The next is number `sent + 1`, the first is 1: its lower 32 bits are the nonce, all
    /// above the lower 24 the generation.
    sent: u64,
    /// A frame with unencrypted ranges, reordered as the cipher takes it.
    gathered: Vec<u8>,
}

impl Sender {
    /// A sender for a secret that has sealed nothing yet.
    #[must_use]
    pub fn new(backend: Backend, base: &[u8; SECRET]) -> Self {
        Self { backend, ratchet: Ratchet::new(base), cipher: None, sent: 0, gathered: Vec::new() }
    }

    /// Frames sealed so far.
    #[must_use]
    pub const fn sent(&self) -> u64 {
        self.sent
    }

    /// Encrypts a frame and appends it to `out`, 12 to 16 bytes longer, and longer by what `ranges` need. These say
    /// which bytes of the frame stay in the clear: of Opus none. Frames of silence are encrypted as any other, so
    /// that whoever relays them learns nothing from them.
    ///
    /// # Errors
    /// If the frame cannot be sealed; nothing is appended.
    pub fn seal(
        &mut self,
        frame: &[u8],
        ranges: &[Range<usize>],
        out: &mut Vec<u8>,
    ) -> Result<(), SealError> {
        let number = self.sent.checked_add(1).ok_or(SealError::Exhausted)?;
        let generation = u32::try_from(number >> GENERATION_SHIFT).map_err(|_| SealError::Exhausted)?;
        let [n0, n1, n2, n3, ..] = number.to_le_bytes();
        let nonce = u32::from_le_bytes([n0, n1, n2, n3]);
        frame::trailer_len(frame.len(), nonce, ranges)?;

        if self.cipher.as_ref().is_none_or(|&(of, _)| of != generation) {
            self.ratchet.advance(generation);
            let key = self.ratchet.key(generation).ok_or(SealError::Exhausted)?;
            self.cipher = Some((generation, Cipher::new(self.backend, key.expose())));
        }
        let (_, cipher) = self.cipher.as_ref().ok_or(SealError::Exhausted)?;
        // Counted before it is used: no failure below gives the nonce to another frame.
        self.sent = number;

        let start = out.len();
        out.extend_from_slice(frame);
        let media = out.get_mut(start..).unwrap_or_default();
        let tag = if ranges.is_empty() {
            cipher.seal(nonce, &[], media)
        } else {
            self.gathered.clear();
            let clear = frame::gather(frame, ranges.iter().cloned(), &mut self.gathered);
            let (clear, rest) = self.gathered.split_at_mut_checked(clear).unwrap_or_default();
            let tag = cipher.seal(nonce, clear, rest);
            frame::scatter(media, ranges.iter().cloned(), rest);
            tag
        };
        let written = tag
            .map_err(|_| SealError::Exhausted)
            .and_then(|tag| Ok(frame::write_trailer(frame.len(), nonce, tag, ranges, out)?));
        if written.is_err() {
            out.truncate(start);
        }
        written
    }
}

#[cfg(test)]
impl Sender {
    /// A sender that has sealed so many frames.
    pub(crate) fn after(backend: Backend, base: &[u8; SECRET], sent: u64) -> Self {
        Self { sent, ..Self::new(backend, base) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dave::frame::SILENCE;

    const BASE: [u8; SECRET] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len() / 2).map(|n| u8::from_str_radix(&text[2 * n..2 * n + 2], 16).unwrap()).collect()
    }

    fn sealed(sender: &mut Sender, frame: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        sender.seal(frame, &[], &mut out).unwrap();
        out
    }

    /// The trailer's nonce, and the generation whose key opens the frame.
    fn opened_by(sender: &mut Sender, generation: u32) -> u32 {
        let mut frame = sealed(sender, b"opus");
        let (media, trailer) = frame::split(&mut frame).unwrap();
        let key = Ratchet::new(&BASE).key(generation).unwrap();
        let cipher = Cipher::new(Backend::Portable, key.expose());
        cipher.open(trailer.nonce, &[], media, &trailer.tag, &mut Vec::new()).unwrap();
        assert_eq!(media, b"opus");
        trailer.nonce
    }

    /// Computed with an independent implementation.
    #[test]
    fn seals_the_known_frames() {
        for &backend in Backend::ALL {
            let mut sender = Sender::new(backend, &BASE);
            assert_eq!(sealed(&mut sender, &hex("78010203")), hex("a3df01e0c45c407f488c9b90010cfafa"));
            let mut sender = Sender::after(backend, &BASE, 0xFF_FFFF);
            let second = hex("b69191da6aa44112e9c8006e808080080ffafa");
            assert_eq!(sealed(&mut sender, &hex("78010203")), second);
        }
    }

    #[test]
    fn the_generation_climbs_past_the_nonce() {
        for (sent, nonce, generation) in [
            (0, 1, 0),
            (0xFF_FFFE, 0xFF_FFFF, 0),
            (0xFF_FFFF, 0x100_0000, 1),
            (0xFFFF_FFFE, 0xFFFF_FFFF, 255),
            (0xFFFF_FFFF, 0, 256),
            (0x1_00FF_FFFF, 0x100_0000, 257),
        ] {
            let mut sender = Sender::after(Backend::default(), &BASE, sent);
            assert_eq!(opened_by(&mut sender, generation), nonce, "{sent:x}");
            assert_eq!(sender.sent(), sent + 1);
        }
        let mut sender = Sender::after(Backend::default(), &BASE, 0xFF_FFFE);
        assert_eq!(opened_by(&mut sender, 0), 0xFF_FFFF);
        assert_eq!(opened_by(&mut sender, 1), 0x100_0000);
        assert_eq!(opened_by(&mut sender, 1), 0x100_0001);
        assert!(sender.ratchet.key(0).is_none());
    }

    #[test]
    fn appends_and_encrypts_silence_too() {
        let mut out = Vec::from(*b"before");
        Sender::new(Backend::default(), &BASE).seal(&SILENCE, &[], &mut out).unwrap();
        assert_eq!(&out[..6], b"before");
        assert_ne!(out[6..9], SILENCE);
        assert_eq!(out.len(), 6 + 3 + 12);
        assert!(frame::is_protocol_frame(&out[6..]));
    }

    #[test]
    fn what_cannot_be_sealed_takes_no_nonce() {
        let mut out = Vec::new();
        let mut sender = Sender::new(Backend::default(), &BASE);
        assert_eq!(sender.seal(b"opus", &[2..3, 3..5], &mut out), Err(SealError::Ranges));
        assert_eq!(sender.sent(), 0);
        let mut last = Sender { sent: (1 << 56) - 1, ..sender };
        assert_eq!(last.seal(b"opus", &[], &mut out), Err(SealError::Exhausted));
        last.sent = u64::MAX;
        assert_eq!(last.seal(b"opus", &[], &mut out), Err(SealError::Exhausted));
        assert!(out.is_empty());
    }
}
