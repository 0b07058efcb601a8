//! The pure Rust backend.

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Tag};
use chacha20poly1305::XChaCha20Poly1305;

use super::{KEY, Mode, NONCE, TAG, Unauthentic, padded};

#[expect(
    clippy::large_enum_variant,
    reason = "one for each connection, and boxing it would cost a look-up a packet"
)]
pub(super) enum Cipher {
    Aes(Aes256Gcm),
    XChaCha(XChaCha20Poly1305),
}

impl Cipher {
    pub(super) fn new(mode: Mode, key: &[u8; KEY]) -> Self {
        match mode {
            Mode::AeadAes256GcmRtpsize => Self::Aes(Aes256Gcm::new(key.into())),
            Mode::AeadXChaCha20Poly1305Rtpsize => Self::XChaCha(XChaCha20Poly1305::new(key.into())),
        }
    }

    pub(super) fn open(
        &self,
        nonce: [u8; NONCE],
        clear: &[u8],
        sealed: &mut [u8],
    ) -> Result<(), Unauthentic> {
        let (data, tag) = sealed.split_last_chunk_mut::<TAG>().ok_or(Unauthentic)?;
        let tag = Tag::from(*tag);
        match self {
            Self::Aes(aes) => {
                aes.decrypt_inout_detached(&padded::<12>(nonce).into(), clear, data.into(), &tag)
            }
            Self::XChaCha(xchacha) => {
                xchacha.decrypt_inout_detached(&padded::<24>(nonce).into(), clear, data.into(), &tag)
            }
        }
        .map_err(|_| Unauthentic)
    }

    pub(super) fn seal(
        &self,
        nonce: [u8; NONCE],
        clear: &[u8],
        plain: &mut [u8],
    ) -> Result<[u8; TAG], Unauthentic> {
        match self {
            Self::Aes(aes) => aes.encrypt_inout_detached(&padded::<12>(nonce).into(), clear, plain.into()),
            Self::XChaCha(xchacha) => {
                xchacha.encrypt_inout_detached(&padded::<24>(nonce).into(), clear, plain.into())
            }
        }
        .map(Into::into)
        .map_err(|_| Unauthentic)
    }
}
