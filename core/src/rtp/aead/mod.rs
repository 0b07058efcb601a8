//! The two transport encryption modes, over interchangeable AEAD backends.

mod portable;
#[cfg(feature = "ring")]
mod ring;

use core::fmt;

use serde::{Deserialize, Serialize};

/// A transport encryption mode (discord-api-docs, Voice Connections, Transport Encryption Modes).
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum Mode {
    /// AES-256-GCM. Preferred; not every voice server offers it.
    #[serde(rename = "aead_aes256_gcm_rtpsize")]
    AeadAes256GcmRtpsize,
    /// XChaCha20-Poly1305. Always offered.
    #[serde(rename = "aead_xchacha20_poly1305_rtpsize")]
    AeadXChaCha20Poly1305Rtpsize,
}

impl Mode {
    /// All modes, the preferred first.
    pub const ALL: [Self; 2] = [Self::AeadAes256GcmRtpsize, Self::AeadXChaCha20Poly1305Rtpsize];

    /// The mode's name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AeadAes256GcmRtpsize => "aead_aes256_gcm_rtpsize",
            Self::AeadXChaCha20Poly1305Rtpsize => "aead_xchacha20_poly1305_rtpsize",
        }
    }

    /// The mode of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|mode| mode.name() == name)
    }
}

/// Who computes. All backends agree on every byte.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Backend {
    /// Pure Rust (RustCrypto): everywhere.
    Portable,
    /// The crate `ring`: faster.
    #[cfg(feature = "ring")]
    Ring,
}

impl Backend {
    /// All backends of this build.
    pub const ALL: &[Self] = &[
        Self::Portable,
        #[cfg(feature = "ring")]
        Self::Ring,
    ];
}

impl Default for Backend {
    /// The fastest of this build.
    fn default() -> Self {
        #[cfg(feature = "ring")]
        return Self::Ring;
        #[cfg(not(feature = "ring"))]
        Self::Portable
    }
}

/// Length of the key in bytes, in both modes.
pub const KEY: usize = 32;
/// Length of the authentication tag in bytes, in both modes.
pub const TAG: usize = 16;
/// Length of the nonce that a packet carries, in bytes. Zeros follow it up to the cipher's own nonce length.
pub const NONCE: usize = 4;

/// The authentication failed: the packet is forged, damaged, or meant for another key.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("authentication failed")]
pub struct Unauthentic;

/// A key in one mode, ready for use. Not `Clone`: two of it might seal under one nonce.
pub struct Cipher(Keyed);

#[cfg_attr(
    feature = "ring",
    expect(clippy::large_enum_variant, reason = "one a connection; a box would cost a look-up a packet")
)]
/// Both backends' keys for both modes. AES keys are expanded once; XChaCha20 derives a subkey for each packet.
enum Keyed {
    Portable(portable::Cipher),
    #[cfg(feature = "ring")]
    Ring(ring::Cipher),
}

impl Cipher {
    /// Prepares a key.
    #[must_use]
    pub fn new(backend: Backend, mode: Mode, key: &[u8; KEY]) -> Self {
        Self(match backend {
            Backend::Portable => Keyed::Portable(portable::Cipher::new(mode, key)),
            #[cfg(feature = "ring")]
            Backend::Ring => Keyed::Ring(ring::Cipher::new(mode, key)),
        })
    }

    /// Decrypts in place. `sealed` is ciphertext and tag; the plaintext takes the ciphertext's place, and its
    /// length is returned.
    ///
    /// # Errors
    /// If the tag does not fit. What `sealed` then holds is unspecified.
    pub fn open(&self, nonce: [u8; NONCE], clear: &[u8], sealed: &mut [u8]) -> Result<usize, Unauthentic> {
        let length = sealed.len().checked_sub(TAG).ok_or(Unauthentic)?;
        match &self.0 {
            Keyed::Portable(cipher) => cipher.open(nonce, clear, sealed),
            #[cfg(feature = "ring")]
            Keyed::Ring(cipher) => cipher.open(nonce, clear, sealed),
        }?;
        Ok(length)
    }

    /// Encrypts in place and returns the tag. The nonce must never be used again under this key.
    ///
    /// # Errors
    /// If `plain` is longer than the cipher allows, which no datagram is.
    pub fn seal(&self, nonce: [u8; NONCE], clear: &[u8], plain: &mut [u8]) -> Result<[u8; TAG], Unauthentic> {
        match &self.0 {
            Keyed::Portable(cipher) => cipher.seal(nonce, clear, plain),
            #[cfg(feature = "ring")]
            Keyed::Ring(cipher) => cipher.seal(nonce, clear, plain),
        }
    }
}

/// Hides the key.
impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cipher(..)")
    }
}

/// A packet's nonce at the front, then zeros.
fn padded<const N: usize>(nonce: [u8; NONCE]) -> [u8; N] {
    let mut padded = [0; N];
    for (to, from) in padded.iter_mut().zip(nonce) {
        *to = from;
    }
    padded
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn backends_agree_on_every_byte_and_refuse_every_change(
            key: [u8; KEY], nonce: [u8; NONCE], clear: Vec<u8>, plain: Vec<u8>, flip: prop::sample::Index
        ) {
            for mode in Mode::ALL {
                let mut sealed: Vec<Vec<u8>> = Vec::new();
                for &backend in Backend::ALL {
                    let mut data = plain.clone();
                    let tag = Cipher::new(backend, mode, &key).seal(nonce, &clear, &mut data).unwrap();
                    data.extend(tag);
                    sealed.push(data);
                }
                prop_assert!(sealed.windows(2).all(|pair| pair[0] == pair[1]));
                for &backend in Backend::ALL {
                    let cipher = Cipher::new(backend, mode, &key);
                    let mut data = sealed[0].clone();
                    prop_assert_eq!(cipher.open(nonce, &clear, &mut data), Ok(plain.len()));
                    prop_assert_eq!(&data[..plain.len()], &plain[..]);
                    let mut forged = sealed[0].clone();
                    forged[flip.index(sealed[0].len())] ^= 1;
                    prop_assert_eq!(cipher.open(nonce, &clear, &mut forged), Err(Unauthentic));
                }
            }
        }
    }
}
