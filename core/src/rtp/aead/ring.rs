//! The backend over ring.

use ::ring::aead::{AES_256_GCM, Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use chacha20::{R20, hchacha};

use super::{KEY, Mode, NONCE, TAG, Unauthentic, padded};

#[expect(
    clippy::large_enum_variant,
    reason = "one for each connection, and boxing it would cost a look-up a packet"
)]
pub(super) enum Cipher {
    Aes(LessSafeKey),
    XChaCha([u8; KEY]),
    /// ring refused the key, which it does only for keys of another length.
    Unusable,
}

impl Cipher {
    pub(super) fn new(mode: Mode, key: &[u8; KEY]) -> Self {
        match mode {
            Mode::AeadAes256GcmRtpsize => UnboundKey::new(&AES_256_GCM, key)
                .map_or(Self::Unusable, |key| Self::Aes(LessSafeKey::new(key))),
            Mode::AeadXChaCha20Poly1305Rtpsize => Self::XChaCha(*key),
        }
    }

    pub(super) fn open(
        &self,
        nonce: [u8; NONCE],
        clear: &[u8],
        sealed: &mut [u8],
    ) -> Result<(), Unauthentic> {
        match self {
            Self::Aes(key) => {
                key.open_in_place(Nonce::assume_unique_for_key(padded(nonce)), Aad::from(clear), sealed)
            }
            Self::XChaCha(key) => {
                let (key, nonce) = subkey(key, nonce)?;
                key.open_in_place(nonce, Aad::from(clear), sealed)
            }
            Self::Unusable => return Err(Unauthentic),
        }
        .map(|_| ())
        .map_err(|_| Unauthentic)
    }

    pub(super) fn seal(
        &self,
        nonce: [u8; NONCE],
        clear: &[u8],
        plain: &mut [u8],
    ) -> Result<[u8; TAG], Unauthentic> {
        let tag = match self {
            Self::Aes(key) => {
                let nonce = Nonce::assume_unique_for_key(padded(nonce));
                key.seal_in_place_separate_tag(nonce, Aad::from(clear), plain)
            }
            Self::XChaCha(key) => {
                let (key, nonce) = subkey(key, nonce)?;
                key.seal_in_place_separate_tag(nonce, Aad::from(clear), plain)
            }
            Self::Unusable => return Err(Unauthentic),
        }
        .map_err(|_| Unauthentic)?;
        tag.as_ref().try_into().map_err(|_| Unauthentic)
    }
}

/// XChaCha20-Poly1305 from ChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03, section 2.3): the first 16 bytes of
/// the nonce and the key give a subkey, the last 8, here zeros, end its nonce.
fn subkey(key: &[u8; KEY], nonce: [u8; NONCE]) -> Result<(LessSafeKey, Nonce), Unauthentic> {
    let subkey = hchacha::<R20>(&(*key).into(), &padded::<16>(nonce).into());
    let key = UnboundKey::new(&CHACHA20_POLY1305, &subkey).map_err(|_| Unauthentic)?;
    Ok((LessSafeKey::new(key), Nonce::assume_unique_for_key([0; 12])))
}
