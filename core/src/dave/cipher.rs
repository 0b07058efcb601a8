//! The cipher of frames: AES-128-GCM whose tag is cut to its first eight bytes (dave-protocol, Payload
//! encryption).

use alloc::vec::Vec;
use core::fmt;

use aes_gcm::AesGcm;
use aes_gcm::aead::consts::{U8, U12};
use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::aes::Aes128;

use crate::rtp::aead::{Backend, Unauthentic};

/// Length of a key in bytes.
pub const KEY: usize = 16;
/// Length of a tag in bytes.
pub const TAG: usize = 8;

/// A key, ready for use. Not `Clone`: two of it might seal under one nonce.
pub struct Cipher(Keyed);

#[cfg_attr(
    feature = "ring",
    expect(clippy::large_enum_variant, reason = "few for each speaker; a box would cost a look-up a frame")
)]
enum Keyed {
    Portable(AesGcm<Aes128, U12, U8>),
    #[cfg(feature = "ring")]
    Ring(short::Key),
}

impl Cipher {
    /// Prepares a key.
    #[must_use]
    pub fn new(backend: Backend, key: &[u8; KEY]) -> Self {
        Self(match backend {
            Backend::Portable => Keyed::Portable(AesGcm::new(key.into())),
            #[cfg(feature = "ring")]
            Backend::Ring => Keyed::Ring(short::Key::new(key)),
        })
    }

    /// Decrypts in place. `clear` is what the tag authenticates besides; `scratch` is overwritten, and allocates
    /// only until it has held the longest frame.
    ///
    /// # Errors
    /// If the tag does not fit; `data` is as it was.
    pub fn open(
        &self,
        nonce: u32,
        clear: &[u8],
        data: &mut [u8],
        tag: &[u8; TAG],
        #[cfg_attr(not(feature = "ring"), expect(unused_variables, reason = "only ring needs it"))]
        scratch: &mut Vec<u8>,
    ) -> Result<(), Unauthentic> {
        match &self.0 {
            Keyed::Portable(aes) => aes
                .decrypt_inout_detached(&padded(nonce).into(), clear, data.into(), &(*tag).into())
                .map_err(|_| Unauthentic),
            #[cfg(feature = "ring")]
            Keyed::Ring(key) => key.open(padded(nonce), clear, data, tag, scratch),
        }
    }

    /// Encrypts in place and returns the tag. The nonce must never be used again under this key.
    ///
    /// # Errors
    /// If `plain` is longer than the cipher allows, 64 GiB; what `plain` then holds is unspecified.
    pub fn seal(&self, nonce: u32, clear: &[u8], plain: &mut [u8]) -> Result<[u8; TAG], Unauthentic> {
        match &self.0 {
            Keyed::Portable(aes) => aes
                .encrypt_inout_detached(&padded(nonce).into(), clear, plain.into())
                .map(Into::into)
                .map_err(|_| Unauthentic),
            #[cfg(feature = "ring")]
            Keyed::Ring(key) => key.seal(padded(nonce), clear, plain),
        }
    }
}

/// Hides the key.
impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cipher(..)")
    }
}

/// The whole nonce: eight zeros, then the truncated one, little endian (dave-protocol, Sync nonce).
const fn padded(nonce: u32) -> [u8; 12] {
    let [n0, n1, n2, n3] = nonce.to_le_bytes();
    [0, 0, 0, 0, 0, 0, 0, 0, n0, n1, n2, n3]
}

/// Short tags over ring, which itself verifies tags of 16 bytes only.
#[cfg(feature = "ring")]
mod short {
    use alloc::vec::Vec;

    use ctutils::CtEq;
    use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

    use super::{KEY, TAG};
    use crate::rtp::aead::Unauthentic;

    /// `None` if ring refused the key, which it does only for keys of another length.
    pub(super) struct Key(Option<LessSafeKey>);

    impl Key {
        pub(super) fn new(key: &[u8; KEY]) -> Self {
            Self(UnboundKey::new(&AES_128_GCM, key).ok().map(LessSafeKey::new))
        }

        /// Counter mode undoes itself: sealing the ciphertext gives the plaintext, and sealing that gives the
        /// ciphertext again and the tag. No plaintext and no tag leave
        /// here unless the tag fits.
        pub(super) fn open(
            &self,
            nonce: [u8; 12],
            clear: &[u8],
            data: &mut [u8],
            tag: &[u8; TAG],
            scratch: &mut Vec<u8>,
        ) -> Result<(), Unauthentic> {
            self.seal(nonce, &[], data)?;
            scratch.clear();
            scratch.extend_from_slice(data);
            let expected = self.seal(nonce, clear, scratch)?;
            if expected.ct_eq(tag).to_bool() {
                return Ok(());
            }
            data.copy_from_slice(scratch);
            Err(Unauthentic)
        }

        pub(super) fn seal(
            &self,
            nonce: [u8; 12],
            clear: &[u8],
            plain: &mut [u8],
        ) -> Result<[u8; TAG], Unauthentic> {
            let key = self.0.as_ref().ok_or(Unauthentic)?;
            let tag = key
                .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(clear), plain)
                .map_err(|_| Unauthentic)?;
            tag.as_ref().first_chunk::<TAG>().copied().ok_or(Unauthentic)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len() / 2).map(|n| u8::from_str_radix(&text[2 * n..2 * n + 2], 16).unwrap()).collect()
    }

    /// Computed with an independent implementation, for the first key of the secret 00 01 .. 0f.
    #[test]
    fn seals_and_opens_a_known_frame() {
        let key = hex("58fc013108dbf996ef651e3f01658bfb").try_into().unwrap();
        for &backend in Backend::ALL {
            let cipher = Cipher::new(backend, &key);
            let mut data = hex("78010203");
            let tag = cipher.seal(1, &[], &mut data).unwrap();
            assert_eq!((&data, tag.to_vec()), (&hex("a3df01e0"), hex("c45c407f488c9b90")));
            cipher.open(1, &[], &mut data, &tag, &mut Vec::new()).unwrap();
            assert_eq!(data, hex("78010203"));
        }
    }

    proptest! {
        #[test]
        fn backends_agree_on_every_byte(key: [u8; KEY], nonce: u32, clear: Vec<u8>, plain: Vec<u8>) {
            let mut sealed = Vec::new();
            for &backend in Backend::ALL {
                let mut data = plain.clone();
                let tag = Cipher::new(backend, &key).seal(nonce, &clear, &mut data).unwrap();
                sealed.push((data, tag));
            }
            prop_assert!(sealed.windows(2).all(|pair| pair[0] == pair[1]));
            for &backend in Backend::ALL {
                let (mut data, tag) = sealed[0].clone();
                let cipher = Cipher::new(backend, &key);
                prop_assert!(cipher.open(nonce, &clear, &mut data, &tag, &mut Vec::new()).is_ok());
                prop_assert_eq!(&data, &plain);
            }
        }

        #[test]
        fn every_flipped_bit_is_refused_and_nothing_changes(
            key: [u8; KEY], nonce: u32, clear in prop::collection::vec(any::<u8>(), 0..20),
            plain in prop::collection::vec(any::<u8>(), 0..40)
        ) {
            let mut data = plain;
            let tag = Cipher::new(Backend::Portable, &key).seal(nonce, &clear, &mut data).unwrap();
            let mut scratch = Vec::new();
            for &backend in Backend::ALL {
                let cipher = Cipher::new(backend, &key);
                for bit in 0..8 * (data.len() + TAG + clear.len()) + 32 {
                    let (mut nonce, mut clear, mut data, mut tag) = (nonce, clear.clone(), data.clone(), tag);
                    let (byte, mask) = (bit / 8, 1 << (bit % 8));
                    if byte < data.len() {
                        data[byte] ^= mask;
                    } else if byte - data.len() < TAG {
                        tag[byte - data.len()] ^= mask;
                    } else if byte - data.len() - TAG < clear.len() {
                        clear[byte - data.len() - TAG] ^= mask;
                    } else {
                        nonce ^= 1 << (bit % 32);
                    }
                    let before = data.clone();
                    let opened = cipher.open(nonce, &clear, &mut data, &tag, &mut scratch);
                    prop_assert_eq!(opened, Err(Unauthentic));
                    prop_assert_eq!(data, before);
                }
            }
        }
    }
}
