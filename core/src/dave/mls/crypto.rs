//! What OpenMLS computes with: ciphersuite 2 alone, and randomness that follows from a seed.

use alloc::borrow::ToOwned;
use alloc::vec;
use alloc::vec::Vec;
use core::convert::Infallible;
use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes128Gcm, Nonce};
use chacha20::ChaCha20Rng;
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use hpke::kdf::HkdfSha256;
use hpke::kem::DhP256HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use openmls_memory_storage::MemoryStorage;
use openmls_traits::OpenMlsProvider;
use openmls_traits::crypto::OpenMlsCrypto;
use openmls_traits::random::OpenMlsRand;
use openmls_traits::signatures::{Signer, SignerError};
use openmls_traits::types::{
    AeadType, Ciphersuite, CryptoError, ExporterSecret, HashType, HpkeAeadType, HpkeCiphertext, HpkeConfig,
    HpkeKdfType, HpkeKemType, HpkeKeyPair, KemOutput, SignatureScheme,
};
use p256::ecdsa::signature::{Signer as _, Verifier as _};
use p256::ecdsa::{Signature, SigningKey, VerifyingKey};
use rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};
use tls_codec::SecretVLBytes;

use crate::entropy::Entropy;

/// The only ciphersuite of DAVE version 1 (dave-protocol, MLS Parameters).
pub(super) const CIPHERSUITE: Ciphersuite = Ciphersuite::MLS_128_DHKEMP256_AES128GCM_SHA256_P256;

type Hpke = DhP256HkdfSha256;
type HpkeAead = hpke::aead::AesGcm128;

/// OpenMLS's surroundings for one membership: cryptography, randomness and the secrets it puts aside.
pub(super) struct Provider {
    crypto: Crypto,
    storage: MemoryStorage,
}

impl Provider {
    pub(super) fn new(entropy: &mut Entropy) -> Self {
        let crypto = Crypto { seed: entropy.bytes(), drawn: AtomicU64::new(0) };
        Self { crypto, storage: MemoryStorage::default() }
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Provider(..)")
    }
}

impl OpenMlsProvider for Provider {
    type CryptoProvider = Crypto;
    type RandProvider = Crypto;
    type StorageProvider = MemoryStorage;

    fn storage(&self) -> &MemoryStorage {
        &self.storage
    }

    fn crypto(&self) -> &Crypto {
        &self.crypto
    }

    fn rand(&self) -> &Crypto {
        &self.crypto
    }
}

/// The primitives, and a generator that is a function of its seed and of what is asked of it.
pub(super) struct Crypto {
    seed: [u8; 32],
    drawn: AtomicU64,
}

impl Crypto {
    /// The next generator for what OpenMLS draws itself, always in the same order.
    fn draw(&self) -> ChaCha20Rng {
        let drawn = self.drawn.fetch_add(1, Ordering::Relaxed);
        self.generator(&[b"draw", &drawn.to_be_bytes()])
    }

    /// A generator bound to these parts. OpenMLS seals a commit's path on several threads at once, so randomness
    /// there must not depend on who comes first.
    fn generator(&self, parts: &[&[u8]]) -> ChaCha20Rng {
        let mut mac = keyed(&self.seed);
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        ChaCha20Rng::from_seed(mac.finalize().into_bytes().into())
    }
}

/// HMAC-SHA256 takes keys of any length.
fn keyed(key: &[u8]) -> Hmac<Sha256> {
    <Hmac<Sha256> as KeyInit>::new_from_slice(key).unwrap_or_else(|_| Hmac::new(&Default::default()))
}

impl OpenMlsRand for Crypto {
    type Error = Infallible;

    fn random_array<const N: usize>(&self) -> Result<[u8; N], Infallible> {
        let mut bytes = [0; N];
        self.draw().fill_bytes(&mut bytes);
        Ok(bytes)
    }

    fn random_vec(&self, len: usize) -> Result<Vec<u8>, Infallible> {
        let mut bytes = vec![0; len];
        self.draw().fill_bytes(&mut bytes);
        Ok(bytes)
    }
}

const fn sha256(hash: HashType) -> Result<(), CryptoError> {
    match hash {
        HashType::Sha2_256 => Ok(()),
        HashType::Sha2_384 | HashType::Sha2_512 => Err(CryptoError::UnsupportedHashAlgorithm),
    }
}

fn aes(alg: AeadType, key: &[u8]) -> Result<Aes128Gcm, CryptoError> {
    match alg {
        AeadType::Aes128Gcm => Aes128Gcm::new_from_slice(key).map_err(|_| CryptoError::InvalidLength),
        AeadType::Aes256Gcm | AeadType::ChaCha20Poly1305 => Err(CryptoError::UnsupportedAeadAlgorithm),
    }
}

fn nonce(nonce: &[u8]) -> Result<Nonce<aes_gcm::aead::consts::U12>, CryptoError> {
    nonce.try_into().map_err(|_| CryptoError::InvalidLength)
}

fn p256(alg: SignatureScheme) -> Result<(), CryptoError> {
    match alg {
        SignatureScheme::ECDSA_SECP256R1_SHA256 => Ok(()),
        _ => Err(CryptoError::UnsupportedSignatureScheme),
    }
}

fn suite2(config: HpkeConfig) -> Result<(), CryptoError> {
    match config {
        HpkeConfig(HpkeKemType::DhKemP256, HpkeKdfType::HkdfSha256, HpkeAeadType::AesGcm128) => Ok(()),
        _ => Err(CryptoError::UnsupportedCiphersuite),
    }
}

fn hpke_public(key: &[u8]) -> Result<<Hpke as Kem>::PublicKey, CryptoError> {
    Deserializable::from_bytes(key).map_err(|_| CryptoError::InvalidPublicKey)
}

fn hpke_private(key: &[u8]) -> Result<<Hpke as Kem>::PrivateKey, CryptoError> {
    Deserializable::from_bytes(key).map_err(|_| CryptoError::CryptoLibraryError)
}

fn kem_output(output: &[u8]) -> Result<<Hpke as Kem>::EncappedKey, CryptoError> {
    Deserializable::from_bytes(output).map_err(|_| CryptoError::HpkeDecryptionError)
}

impl OpenMlsCrypto for Crypto {
    fn supports(&self, ciphersuite: Ciphersuite) -> Result<(), CryptoError> {
        if ciphersuite == CIPHERSUITE { Ok(()) } else { Err(CryptoError::UnsupportedCiphersuite) }
    }

    fn supported_ciphersuites(&self) -> Vec<Ciphersuite> {
        vec![CIPHERSUITE]
    }

    fn hkdf_extract(&self, hash: HashType, salt: &[u8], ikm: &[u8]) -> Result<SecretVLBytes, CryptoError> {
        sha256(hash)?;
        Ok(Hkdf::<Sha256>::extract(Some(salt), ikm).0.to_vec().into())
    }

    fn hmac(&self, hash: HashType, key: &[u8], message: &[u8]) -> Result<SecretVLBytes, CryptoError> {
        sha256(hash)?;
        let mut mac = keyed(key);
        mac.update(message);
        Ok(mac.finalize().into_bytes().to_vec().into())
    }

    fn hkdf_expand(
        &self,
        hash: HashType,
        prk: &[u8],
        info: &[u8],
        okm_len: usize,
    ) -> Result<SecretVLBytes, CryptoError> {
        sha256(hash)?;
        let hkdf = Hkdf::<Sha256>::from_prk(prk).map_err(|_| CryptoError::HkdfOutputLengthInvalid)?;
        let mut okm = vec![0; okm_len];
        hkdf.expand(info, &mut okm).map_err(|_| CryptoError::HkdfOutputLengthInvalid)?;
        Ok(okm.into())
    }

    fn hash(&self, hash: HashType, data: &[u8]) -> Result<Vec<u8>, CryptoError> {
        sha256(hash)?;
        Ok(Sha256::digest(data).to_vec())
    }

    fn aead_encrypt(
        &self,
        alg: AeadType,
        key: &[u8],
        msg: &[u8],
        bytes: &[u8],
        aad: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        aes(alg, key)?
            .encrypt(&nonce(bytes)?, Payload { msg, aad })
            .map_err(|_| CryptoError::CryptoLibraryError)
    }

    fn aead_decrypt(
        &self,
        alg: AeadType,
        key: &[u8],
        msg: &[u8],
        bytes: &[u8],
        aad: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        aes(alg, key)?
            .decrypt(&nonce(bytes)?, Payload { msg, aad })
            .map_err(|_| CryptoError::AeadDecryptionError)
    }

    fn signature_key_gen(&self, alg: SignatureScheme) -> Result<(Vec<u8>, Vec<u8>), CryptoError> {
        p256(alg)?;
        let key = Identity::draw(&mut self.draw());
        Ok((key.0.to_bytes().to_vec(), key.public()))
    }

    fn verify_signature(
        &self,
        alg: SignatureScheme,
        data: &[u8],
        key: &[u8],
        signature: &[u8],
    ) -> Result<(), CryptoError> {
        p256(alg)?;
        let key = VerifyingKey::from_sec1_bytes(key).map_err(|_| CryptoError::InvalidPublicKey)?;
        let signature = Signature::from_der(signature).map_err(|_| CryptoError::InvalidSignature)?;
        key.verify(data, &signature).map_err(|_| CryptoError::InvalidSignature)
    }

    fn sign(&self, alg: SignatureScheme, data: &[u8], key: &[u8]) -> Result<Vec<u8>, CryptoError> {
        p256(alg)?;
        let key = SigningKey::from_slice(key).map_err(|_| CryptoError::CryptoLibraryError)?;
        Identity(key).sign(data).map_err(|_| CryptoError::CryptoLibraryError)
    }

    fn hpke_seal(
        &self,
        config: HpkeConfig,
        public: &[u8],
        info: &[u8],
        aad: &[u8],
        plain: &[u8],
    ) -> Result<HpkeCiphertext, CryptoError> {
        suite2(config)?;
        let mut random = self.generator(&[b"seal", public, info, aad, plain]);
        let (enc, sealed) = hpke::single_shot_seal_with_rng::<HpkeAead, HkdfSha256, Hpke>(
            &OpModeS::Base,
            &hpke_public(public)?,
            info,
            plain,
            aad,
            &mut random,
        )
        .map_err(|_| CryptoError::HpkeEncryptionError)?;
        Ok(HpkeCiphertext { kem_output: enc.to_bytes().to_vec().into(), ciphertext: sealed.into() })
    }

    fn hpke_open(
        &self,
        config: HpkeConfig,
        input: &HpkeCiphertext,
        private: &[u8],
        info: &[u8],
        aad: &[u8],
    ) -> Result<Vec<u8>, CryptoError> {
        suite2(config)?;
        hpke::single_shot_open::<HpkeAead, HkdfSha256, Hpke>(
            &OpModeR::Base,
            &hpke_private(private)?,
            &kem_output(input.kem_output.as_slice())?,
            info,
            input.ciphertext.as_slice(),
            aad,
        )
        .map_err(|_| CryptoError::HpkeDecryptionError)
    }

    fn hpke_setup_sender_and_export(
        &self,
        config: HpkeConfig,
        public: &[u8],
        info: &[u8],
        context: &[u8],
        length: usize,
    ) -> Result<(KemOutput, ExporterSecret), CryptoError> {
        suite2(config)?;
        let mut random = self.generator(&[b"export", public, info, context]);
        let (enc, sender) = hpke::setup_sender_with_rng::<HpkeAead, HkdfSha256, Hpke>(
            &OpModeS::Base,
            &hpke_public(public)?,
            info,
            &mut random,
        )
        .map_err(|_| CryptoError::SenderSetupError)?;
        let mut secret = vec![0; length];
        sender.export(context, &mut secret).map_err(|_| CryptoError::ExporterError)?;
        Ok((enc.to_bytes().to_vec(), secret.into()))
    }

    fn hpke_setup_receiver_and_export(
        &self,
        config: HpkeConfig,
        enc: &[u8],
        private: &[u8],
        info: &[u8],
        context: &[u8],
        length: usize,
    ) -> Result<ExporterSecret, CryptoError> {
        suite2(config)?;
        let receiver = hpke::setup_receiver::<HpkeAead, HkdfSha256, Hpke>(
            &OpModeR::Base,
            &hpke_private(private)?,
            &kem_output(enc)?,
            info,
        )
        .map_err(|_| CryptoError::ReceiverSetupError)?;
        let mut secret = vec![0; length];
        receiver.export(context, &mut secret).map_err(|_| CryptoError::ExporterError)?;
        Ok(secret.into())
    }

    fn derive_hpke_keypair(&self, config: HpkeConfig, ikm: &[u8]) -> Result<HpkeKeyPair, CryptoError> {
        suite2(config)?;
        let (private, public) = Hpke::derive_keypair(ikm);
        Ok(HpkeKeyPair { private: private.to_bytes().to_vec().into(), public: public.to_bytes().to_vec() })
    }
}

/// A signature key (ECDSA, P-256, SHA-256). Signing takes no randomness (RFC 6979).
#[derive(Clone)]
pub(in crate::dave) struct Identity(SigningKey);

impl Identity {
    pub(in crate::dave) fn new(entropy: &mut Entropy) -> Self {
        Self::draw(&mut ChaCha20Rng::from_seed(entropy.bytes()))
    }

    fn draw(random: &mut ChaCha20Rng) -> Self {
        loop {
            let mut bytes = [0; 32];
            random.fill_bytes(&mut bytes);
            // One in 2^32 draws is no scalar of the curve.
            if let Ok(key) = SigningKey::from_slice(&bytes) {
                return Self(key);
            }
        }
    }

    /// The public key: uncompressed, 65 bytes (SEC 1, 2.3.3).
    pub(in crate::dave) fn public(&self) -> Vec<u8> {
        self.0.verifying_key().to_sec1_point(false).as_bytes().to_owned()
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity(..)")
    }
}

impl Signer for Identity {
    fn sign(&self, payload: &[u8]) -> Result<Vec<u8>, SignerError> {
        let signature: Signature = self.0.try_sign(payload).map_err(|_| SignerError::SigningError)?;
        Ok(signature.to_der().as_bytes().to_owned())
    }

    fn signature_scheme(&self) -> SignatureScheme {
        SignatureScheme::ECDSA_SECP256R1_SHA256
    }
}
