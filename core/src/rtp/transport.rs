//! Transport encryption of RTP and RTCP: what the voice server takes off or puts on.
//!
//! ```text
//! clear header ‖ ciphertext(extension body ‖ payload ‖ padding) ‖ tag[16] ‖ nonce[4]
//! ```
//! (discord-api-docs, Voice Connections, Transport Encryption Modes.)

use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

use crate::rtp::aead::{Backend, Cipher, KEY, Mode, NONCE, TAG, Unauthentic};
use crate::rtp::header::{Header, HeaderError};

/// Why a datagram gave no packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum OpenError {
    /// It is no RTP packet.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// It ends before the tag and the nonce.
    #[error("the packet ends before its tag and nonce")]
    Truncated,
    /// Its authentication failed.
    #[error(transparent)]
    Unauthentic(#[from] Unauthentic),
    /// Its extension or padding is longer than what was decrypted.
    #[error("the packet's padding or extension does not fit")]
    Malformed,
}

/// Decrypts an RTP packet where it lies. Answers with its header and where in `packet` the payload is.
///
/// # Errors
/// If it is not an authentic RTP packet; what `packet` holds then is unspecified.
pub fn open(cipher: &Cipher, packet: &mut [u8]) -> Result<(Header, Range<usize>), OpenError> {
    let header = Header::parse(packet)?;
    let length = open_after(cipher, packet, header.clear)?;
    let plain = header.clear..header.clear + length;
    let payload = packet.get(plain).and_then(|plain| header.payload(plain)).ok_or(OpenError::Malformed)?;
    Ok((header, header.clear + payload.start..header.clear + payload.end))
}

/// Decrypts a compound RTCP packet where it lies. The first eight bytes are in the clear; answers with the
/// length of the whole decrypted packet.
///
/// # Errors
/// If it is not authentic; what `packet` holds then is unspecified.
pub fn open_rtcp(cipher: &Cipher, packet: &mut [u8]) -> Result<usize, OpenError> {
    open_after(cipher, packet, RTCP_CLEAR).map(|length| RTCP_CLEAR + length)
}

fn open_after(cipher: &Cipher, packet: &mut [u8], clear: usize) -> Result<usize, OpenError> {
    let (packet, &mut nonce) = packet.split_last_chunk_mut::<NONCE>().ok_or(OpenError::Truncated)?;
    let (clear, sealed) = packet.split_at_mut_checked(clear).ok_or(OpenError::Truncated)?;
    if sealed.len() < TAG {
        return Err(OpenError::Truncated);
    }
    Ok(cipher.open(nonce, clear, sealed)?)
}

/// Encrypts what we send. Owns the nonce counter of its key, and so must live as long as the key does.
pub struct Sealer {
    cipher: Cipher,
    mode: Mode,
    /// To know the key again.
    key: [u8; KEY],
    /// The next nonce; `None` once all 2^32 are used.
    nonce: Option<u32>,
}

/// All nonces of a key are used: a new session must be made.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("all nonces of this key are used")]
pub struct Exhausted;

impl Sealer {
    /// A sealer for a key that was never used.
    #[must_use]
    pub fn new(backend: Backend, mode: Mode, key: &[u8; KEY]) -> Self {
        Self { cipher: Cipher::new(backend, mode, key), mode, key: *key, nonce: Some(0) }
    }

    /// The key, to open what others sealed with it.
    #[must_use]
    pub const fn cipher(&self) -> &Cipher {
        &self.cipher
    }

    /// Whether this is its key.
    #[must_use]
    pub fn is_for(&self, mode: Mode, key: &[u8; KEY]) -> bool {
        (self.mode, &self.key) == (mode, key)
    }

    /// Leaves so many nonces.
    #[cfg(test)]
    pub(crate) const fn use_up(&mut self, left: u32) {
        self.nonce = Some(0_u32.wrapping_sub(left));
    }

    /// Encrypts a payload and appends the whole packet to `packet`.
    ///
    /// # Errors
    /// If the key has sealed 2^32 packets; nothing is appended.
    pub fn seal(&mut self, header: &Header, payload: &[u8], packet: &mut Vec<u8>) -> Result<(), Exhausted> {
        let nonce = self.nonce.ok_or(Exhausted)?;
        self.nonce = nonce.checked_add(1);
        let nonce = nonce.to_be_bytes();
        let clear = header.to_bytes();
        let start = packet.len();
        packet.extend_from_slice(&clear);
        packet.extend_from_slice(payload);
        let plain = packet.get_mut(start + clear.len()..).unwrap_or_default();
        let Ok(tag) = self.cipher.seal(nonce, &clear, plain) else {
            packet.truncate(start);
            return Err(Exhausted);
        };
        packet.extend_from_slice(&tag);
        packet.extend_from_slice(&nonce);
        Ok(())
    }
}

/// Leaves the key out.
impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealer({}, next nonce {:?})", self.mode.name(), self.nonce)
    }
}

/// What is in the clear of an RTCP packet: version, count, type, length and the sender's SSRC.
const RTCP_CLEAR: usize = 8;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hex<const N: usize>(text: &str) -> [u8; N] {
        core::array::from_fn(|n| u8::from_str_radix(&text[2 * n..2 * n + 2], 16).unwrap())
    }

    /// A sender report captured from a live voice server, published with its key.
    #[test]
    fn opens_a_captured_sender_report() {
        let key = hex::<32>("4405dfc5d83d86c231d3313a59cef41d6b780641acf007c9af841dc616b278a2");
        let datagram = hex::<64>(concat!(
            "80c800060005ec188af5b6fb63a15a19f519ab9b502e933c6ae101ae685f5e7f",
            "42b4fab783bb0eeda73e70e994cbaea0fdb0652f91a52d695a00008000000000"
        ));
        let plain = hex::<32>("e957a59b69374bc60a5b61d000005b8e001e661b81ca00020005ec1801000000");
        for &backend in Backend::ALL {
            let mut datagram = datagram;
            let cipher = Cipher::new(backend, Mode::AeadAes256GcmRtpsize, &key);
            let length = open_rtcp(&cipher, &mut datagram[..60]).unwrap();
            assert_eq!(datagram[8..length], plain);
        }
    }

    #[test]
    fn a_nonce_is_never_used_twice() {
        let mut sealer = Sealer::new(Backend::default(), Mode::AeadAes256GcmRtpsize, &[7; KEY]);
        sealer.nonce = Some(u32::MAX - 1);
        let mut packet = Vec::new();
        for expected in [[255, 255, 255, 254], [255; 4]] {
            packet.clear();
            sealer.seal(&Header::new(0, 0, 1), b"opus", &mut packet).unwrap();
            assert_eq!(packet[packet.len() - 4..], expected);
        }
        packet.clear();
        assert_eq!(sealer.seal(&Header::new(0, 0, 1), b"opus", &mut packet), Err(Exhausted));
        assert!(packet.is_empty());
    }

    proptest! {
        #[test]
        fn what_was_sealed_opens(
            key: [u8; KEY], sequence: u16, payload in proptest::collection::vec(any::<u8>(), 0..300)
        ) {
            for mode in Mode::ALL {
                let header = Header::new(sequence, 5, 6);
                let mut packet = Vec::new();
                Sealer::new(Backend::default(), mode, &key).seal(&header, &payload, &mut packet).unwrap();
                for &backend in Backend::ALL {
                    let mut packet = packet.clone();
                    let (opened, range) = open(&Cipher::new(backend, mode, &key), &mut packet).unwrap();
                    prop_assert_eq!(opened, header);
                    prop_assert_eq!(&packet[range], &payload[..]);
                }
            }
        }

        #[test]
        fn hostile_packets_are_refused(mut packet in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Some(first) = packet.first_mut() {
                *first = 0x80 | (*first & 0x3F);
            }
            for mode in Mode::ALL {
                let cipher = Cipher::new(Backend::default(), mode, &[1; KEY]);
                prop_assert!(open(&cipher, &mut packet.clone()).is_err());
                prop_assert!(open_rtcp(&cipher, &mut packet.clone()).is_err());
            }
        }
    }
}
