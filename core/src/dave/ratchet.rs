//! One sender's keys in one epoch: how they follow from each other, and which frames they may open
//! (dave-protocol, Sender key derivation; limits as in libdave).
//!
//! From the sender's secret of the epoch a chain of secrets follows, one for each generation of 2^24 frames, and
//! from each of these a key. The truncated nonce of a frame has 32 bits, of which the upper eight are the lower
//! eight of its generation.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;

use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::dave::cipher::{Cipher, KEY, TAG};
use crate::id::UserId;
use crate::rtp::aead::Backend;
use crate::time::{Duration, Timestamp};

/// The label under which MLS exports a sender's secret (dave-protocol, Sender key derivation).
pub const EXPORTER_LABEL: &str = "Discord Secure Frames v0";
/// Length in bytes of the secret that MLS exports.
pub const SECRET: usize = 16;
/// How long older keys open frames after newer ones came: ten seconds (dave-protocol, Sender key derivation).
pub const EXPIRY: Duration = Duration::from_secs(10);
/// Bits of a nonce that count the frames of one generation.
pub const GENERATION_SHIFT: u32 = 24;
/// How far a frame's generation may lie ahead of the newest that opened one.
pub const MAX_GAP: u32 = 250;
/// Frames that one sender may send in a second: 50 of audio, 60 of each of two videos. So a ratchet's age bounds its
/// generation.
pub const MAX_FRAMES_PER_SECOND: u64 = 170;
/// Nonces below the newest that are remembered as not yet seen. At the bound the oldest is forgotten: its frame, should
/// it still come, is refused.
pub const MAX_MISSING: u64 = 1000;
/// Generations whose prepared keys are kept. At the bound the oldest goes; it is prepared again for each frame that
/// needs it.
const MAX_CIPHERS: usize = 4;
/// Newer generations that are remembered with the time at which the older ones end. At the bound the last two are
/// taken for one, with the later time.
const MAX_SUPERSEDED: usize = 8;

/// The context with which MLS exports the secret of this sender.
#[must_use]
pub const fn exporter_context(user: UserId) -> [u8; 8] {
    user.0.to_le_bytes()
}

/// The generation that is meant by the upper eight bits of a nonce, when none before `oldest` is possible.
#[must_use]
pub const fn wrapped(oldest: u32, bits: u8) -> u32 {
    let [base, r2, r1, r0] = oldest.to_be_bytes();
    let same = u32::from_be_bytes([base, r2, r1, bits]);
    if bits < r0 { same.saturating_add(256) } else { same }
}

/// A key for one generation. Overwritten when dropped.
#[derive(Clone)]
pub struct Key(Zeroizing<[u8; KEY]>);

impl Key {
    /// The key's bytes.
    #[must_use]
    pub fn expose(&self) -> &[u8; KEY] {
        &self.0
    }
}

/// Hides the key.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// The secret of one generation, from which all later ones follow and no earlier one. Overwritten when dropped.
#[derive(Clone)]
pub struct Ratchet {
    generation: u32,
    /// The first secret has 16 bytes, all others have 32. HMAC pads its key with zeros (RFC 2104, section 2), so
    /// that these 16 bytes and 16 zeros are the same key.
    secret: Zeroizing<[u8; 32]>,
}

impl Ratchet {
    /// A ratchet at generation 0, from the secret that MLS exports.
    #[must_use]
    pub fn new(base: &[u8; SECRET]) -> Self {
        let mut secret = Zeroizing::new([0; 32]);
        for (to, from) in secret.iter_mut().zip(base) {
            *to = *from;
        }
        Self { generation: 0, secret }
    }

    /// The oldest generation whose key can still be made.
    #[must_use]
    pub const fn generation(&self) -> u32 {
        self.generation
    }

    /// The key of a generation; `None` if its secret is erased. The cost grows with the number of generations from
    /// the oldest to this one: some 240 ns each.
    #[must_use]
    pub fn key(&self, generation: u32) -> Option<Key> {
        let mut secret = Zeroizing::new(*self.secret);
        for step in self.generation..generation {
            secret = expand_with_label(&secret, b"secret", &step.to_be_bytes())?;
        }
        if generation < self.generation {
            return None;
        }
        expand_with_label(&secret, b"key", &generation.to_be_bytes()).map(Key)
    }

    /// Erases the secrets of all generations before this one.
    pub fn advance(&mut self, generation: u32) {
        while self.generation < generation {
            let Some(next) = expand_with_label(&self.secret, b"secret", &self.generation.to_be_bytes())
            else {
                return;
            };
            self.secret = next;
            self.generation += 1;
        }
    }
}

/// Hides the secret.
impl fmt::Debug for Ratchet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ratchet").field("generation", &self.generation).finish_non_exhaustive()
    }
}

/// `ExpandWithLabel` (RFC 9420, section 8) with HKDF-Expand over SHA-256 (RFC 5869, section 2.3). `None` only for
/// outputs, labels or contexts longer than any here.
fn expand_with_label<const N: usize>(
    secret: &[u8; 32],
    label: &[u8],
    context: &[u8],
) -> Option<Zeroizing<[u8; N]>> {
    const PREFIX: &[u8] = b"MLS 1.0 ";
    // A vector's length below 64 is one byte (RFC 9420, section 2.1.2).
    let short = |len: usize| u8::try_from(len).ok().filter(|&len| len < 64);
    let length = u16::try_from(N).ok()?.to_be_bytes();
    let label_length = [short(PREFIX.len() + label.len())?];
    let context_length = [short(context.len())?];
    let info: [&[u8]; 6] = [&length, &label_length, PREFIX, label, &context_length, context];
    let mut out = Zeroizing::new([0; N]);
    Hkdf::<Sha256>::from_prk(secret).ok()?.expand_multi_info(&info, out.as_mut()).ok()?;
    Some(out)
}

/// Why a key ring does not open a frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum KeyError {
    /// The frame is authentic, and was opened before; or it is so late that this cannot be told.
    #[error("the frame was seen before")]
    Replayed,
    /// Its generation is newer than this sender can have reached.
    #[error("the frame's key lies too far ahead")]
    TooFarAhead,
    /// The key of its generation is erased.
    #[error("the frame's key has expired")]
    Expired,
    /// Its authentication failed.
    #[error("authentication failed")]
    Unauthentic,
}

/// The keys of one sender in one epoch, as a receiver holds them. Only an authentic frame changes anything here.
#[derive(Debug)]
pub struct KeyRing {
    backend: Backend,
    /// At the oldest generation that may still be used.
    ratchet: Ratchet,
    since: Timestamp,
    newest: u32,
    /// Generations that became the newest, and when the secrets of all before them are erased.
    superseded: VecDeque<(u32, Timestamp)>,
    ciphers: Vec<(u32, Cipher)>,
    seen: Seen,
}

impl KeyRing {
    /// The keys that follow from a secret, which the sender got no earlier than `now`.
    #[must_use]
    pub fn new(now: Timestamp, backend: Backend, base: &[u8; SECRET]) -> Self {
        let ratchet = Ratchet::new(base);
        let first = ratchet.key(0).map(|key| (0, Cipher::new(backend, key.expose())));
        Self {
            backend,
            ratchet,
            since: now,
            newest: 0,
            superseded: VecDeque::new(),
            ciphers: first.into_iter().collect(),
            seen: Seen::default(),
        }
    }

    /// The newest generation that opened a frame.
    #[must_use]
    pub const fn newest(&self) -> u32 {
        self.newest
    }

    /// When the next secret is to be erased.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        self.superseded.front().map(|&(_, at)| at)
    }

    /// Erases what has expired by now.
    pub fn expire(&mut self, now: Timestamp) {
        while let Some(&(generation, _)) = self.superseded.front().filter(|&&(_, at)| at <= now) {
            self.superseded.pop_front();
            self.ratchet.advance(generation);
            self.ciphers.retain(|&(of, _)| of >= generation);
        }
    }

    /// Decrypts in place what [`Cipher::open`] decrypts, under the key that the nonce names.
    ///
    /// # Errors
    /// If the frame is not to be opened. After [`KeyError::Replayed`] what `data` holds is unspecified; after the
    /// others it is as it was.
    pub fn open(
        &mut self,
        now: Timestamp,
        nonce: u32,
        clear: &[u8],
        data: &mut [u8],
        tag: &[u8; TAG],
        scratch: &mut Vec<u8>,
    ) -> Result<(), KeyError> {
        self.expire(now);
        let generation = self.generation(now, nonce)?;
        let mut made = None;
        let kept = self.ciphers.iter().find(|(of, _)| *of == generation);
        let cipher = match kept {
            Some((_, cipher)) => cipher,
            None => {
                let key = self.ratchet.key(generation).ok_or(KeyError::Expired)?;
                made.insert(Cipher::new(self.backend, key.expose()))
            }
        };
        cipher.open(nonce, clear, data, tag, scratch).map_err(|_| KeyError::Unauthentic)?;
        let count = nonce & ((1 << GENERATION_SHIFT) - 1);
        if !self.seen.insert(u64::from(generation) << GENERATION_SHIFT | u64::from(count)) {
            return Err(KeyError::Replayed);
        }
        if let Some(cipher) = made {
            self.keep(generation, cipher);
        }
        if generation > self.newest {
            self.newest = generation;
            if self.superseded.len() == MAX_SUPERSEDED {
                self.superseded.pop_back();
            }
            self.superseded.push_back((generation, now + EXPIRY));
        }
        Ok(())
    }

    fn keep(&mut self, generation: u32, cipher: Cipher) {
        if self.ciphers.len() == MAX_CIPHERS {
            let oldest = self.ciphers.iter().map(|&(of, _)| of).min();
            self.ciphers.retain(|&(of, _)| Some(of) != oldest);
        }
        self.ciphers.push((generation, cipher));
    }

    fn generation(&self, now: Timestamp, nonce: u32) -> Result<u32, KeyError> {
        let [bits, ..] = nonce.to_be_bytes();
        let oldest = self.ratchet.generation();
        let generation = wrapped(oldest, bits);
        let in_reach = generation <= self.newest.saturating_add(MAX_GAP);
        if in_reach && u64::from(generation) <= self.reachable(now) {
            return Ok(generation);
        }
        // The bits mean this generation or the one of 256 before. Say what is the smaller step. If time stepped back, even
        // one that opened before may be out of reach.
        match generation.checked_sub(256) {
            Some(before) if oldest - before <= generation.saturating_sub(self.newest) => {
                Err(KeyError::Expired)
            }
            _ => Err(KeyError::TooFarAhead),
        }
    }

    /// The newest generation that the sender can have reached by now.
    fn reachable(&self, now: Timestamp) -> u64 {
        now.since(self.since).as_secs().saturating_mul(MAX_FRAMES_PER_SECOND) >> GENERATION_SHIFT
    }
}

/// Which frames were opened, by generation and count.
#[derive(Debug, Default)]
struct Seen {
    newest: Option<u64>,
    /// Those below the newest that were not, ascending; at most [`MAX_MISSING`].
    missing: VecDeque<u64>,
}

impl Seen {
    /// Remembers a frame; `false` if it was there, or is too old to tell. What came before the first frame counts as
    /// missing.
    fn insert(&mut self, index: u64) -> bool {
        let from = match self.newest {
            Some(newest) if index <= newest => {
                let found = self.missing.binary_search(&index);
                return found.is_ok_and(|at| self.missing.remove(at).is_some());
            }
            Some(newest) => newest + 1,
            // A sender's first nonce is 1.
            None => 1,
        };
        self.newest = Some(index);
        for missing in from.max(index.saturating_sub(MAX_MISSING))..index {
            if self.missing.len() as u64 == MAX_MISSING {
                self.missing.pop_front();
            }
            self.missing.push_back(missing);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;
    use alloc::format;

    use proptest::prelude::*;

    use super::*;

    const BASE: [u8; SECRET] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
    /// Seconds after which a sender of 170 frames a second can have reached generation 1.
    const FIRST: u64 = 98_690;

    fn hex<const N: usize>(text: &str) -> [u8; N] {
        core::array::from_fn(|n| u8::from_str_radix(&text[2 * n..2 * n + 2], 16).unwrap())
    }

    fn seconds(seconds: u64) -> Timestamp {
        Timestamp::ZERO + Duration::from_secs(seconds)
    }

    /// A frame of this generation and count, opened. A forged one has the right key and a wrong tag.
    fn open_or_forge(
        ring: &mut KeyRing,
        now: Timestamp,
        generation: u32,
        count: u32,
        forged: bool,
    ) -> Result<(), KeyError> {
        let key = Ratchet::new(&BASE).key(generation).unwrap();
        let nonce = generation << GENERATION_SHIFT | count;
        let mut data = *b"opus";
        let mut tag = Cipher::new(Backend::default(), key.expose()).seal(nonce, &[], &mut data).unwrap();
        tag[7] ^= u8::from(forged);
        ring.open(now, nonce, &[], &mut data, &tag, &mut Vec::new())?;
        assert_eq!(&data, b"opus");
        Ok(())
    }

    fn open(ring: &mut KeyRing, now: Timestamp, generation: u32, count: u32) -> Result<(), KeyError> {
        open_or_forge(ring, now, generation, count, false)
    }

    fn ring() -> KeyRing {
        KeyRing::new(Timestamp::ZERO, Backend::default(), &BASE)
    }

    /// Computed with an independent implementation, whose ExpandWithLabel was checked against the vectors of the
    /// MLS working group.
    #[test]
    fn keys_follow_from_the_secret() {
        let keys = [
            hex("58fc013108dbf996ef651e3f01658bfb"),
            hex("9cddc08f0c8a7cfecabfe757dc33b039"),
            hex("ef2427778fb709d7d1e070846f920024"),
        ];
        let mut ratchet = Ratchet::new(&BASE);
        for advanced in 0..3 {
            ratchet.advance(advanced);
            ratchet.advance(0);
            assert_eq!(ratchet.generation(), advanced);
            for (generation, key) in (0..).zip(&keys) {
                let made = ratchet.key(generation);
                assert_eq!(made.as_ref().map(Key::expose), Some(key).filter(|_| generation >= advanced));
            }
        }
    }

    /// MLS-Exporter (RFC 9420, section 8.5) on a known exporter secret.
    #[test]
    fn the_exporter_takes_the_user_little_endian() {
        let user = UserId(104_694_319_306_248_192);
        assert_eq!(exporter_context(user), hex("001040c0edf27301"));
        let exporter: [u8; 32] = core::array::from_fn(|n| n as u8);
        let secret = expand_with_label(&exporter, EXPORTER_LABEL.as_bytes(), b"").unwrap();
        let context = <Sha256 as sha2::Digest>::digest(exporter_context(user));
        let base = expand_with_label::<SECRET>(&secret, b"exported", &context).unwrap();
        assert_eq!(*base, hex("61a790b9430a5ce3353a0e44efa82101"));
    }

    #[test]
    fn generations_wrap() {
        for (oldest, bits, expected) in [
            (0, 0, 0),
            (0, 255, 255),
            (1, 0, 256),
            (5, 5, 5),
            (255, 255, 255),
            (255, 254, 510),
            (256, 0, 256),
            (300, 44, 300),
            (300, 43, 555),
            (u32::MAX, 255, u32::MAX),
        ] {
            assert_eq!(wrapped(oldest, bits), expected, "{oldest} {bits}");
        }
    }

    #[test]
    fn a_generation_waits_for_its_time() {
        let mut ring = ring();
        assert_eq!(open(&mut ring, seconds(0), 0, 1), Ok(()));
        assert_eq!(open(&mut ring, seconds(FIRST - 1), 1, 0), Err(KeyError::TooFarAhead));
        assert_eq!(open(&mut ring, seconds(FIRST), 1, 0), Ok(()));
        assert_eq!(open(&mut ring, seconds(FIRST), 2, 0), Err(KeyError::TooFarAhead));
        assert_eq!(ring.newest(), 1);
        let mut later = KeyRing::new(seconds(5), Backend::default(), &BASE);
        assert_eq!(open(&mut later, seconds(FIRST + 4), 1, 0), Err(KeyError::TooFarAhead));
        assert_eq!(open(&mut later, seconds(FIRST + 5), 1, 0), Ok(()));
    }

    #[test]
    fn what_is_refused_is_old_or_new_by_the_smaller_step() {
        // At this time a sender can have reached generation 254.
        let now = seconds(254 * FIRST);
        for (oldest, newest, bits, error) in [
            (5, 250, 0, KeyError::Expired),
            (5, 251, 0, KeyError::Expired),
            (5, 252, 0, KeyError::TooFarAhead),
            (5, 252, 1, KeyError::Expired),
        ] {
            let mut ring = ring();
            assert_eq!(open(&mut ring, now, oldest, 0), Ok(()));
            ring.expire(now + EXPIRY);
            assert_eq!((ring.ratchet.generation(), open(&mut ring, now, newest, 0)), (oldest, Ok(())));
            assert_eq!(open(&mut ring, now, bits, 0), Err(error), "{oldest} {newest} {bits}");
        }
    }

    #[test]
    fn a_clock_that_steps_back_makes_no_generation_reachable() {
        let mut ring = ring();
        let now = seconds(301 * FIRST);
        assert_eq!(open(&mut ring, now, 200, 0), Ok(()));
        assert_eq!(open(&mut ring, now + EXPIRY, 300, 0), Ok(()));
        for (generation, error) in [(256, KeyError::TooFarAhead), (199, KeyError::Expired)] {
            assert_eq!(open(&mut ring, seconds(0), generation, 0), Err(error), "{generation}");
        }
        assert_eq!(open(&mut ring, now, 300, 1), Ok(()));
    }

    #[test]
    fn a_generation_ends_ten_seconds_after_a_newer_one_opened() {
        let mut ring = ring();
        assert_eq!((open(&mut ring, seconds(0), 0, 1), ring.deadline()), (Ok(()), None));
        assert_eq!(open(&mut ring, seconds(FIRST), 1, 0), Ok(()));
        assert_eq!(ring.deadline(), Some(seconds(FIRST + 10)));
        let just_before = Timestamp::from_millis(1000 * (FIRST + 10) - 1);
        assert_eq!(open(&mut ring, just_before, 0, 0xFF_FFFF), Ok(()));
        assert_eq!(open(&mut ring, seconds(FIRST + 10), 0, 0xFF_FFFE), Err(KeyError::Expired));
        assert!(ring.ratchet.key(0).is_none());
        assert!(ring.ciphers.iter().all(|&(of, _)| of == 1));
        assert_eq!(ring.deadline(), None);
        assert_eq!(open(&mut ring, seconds(FIRST + 10), 1, 1), Ok(()));
        assert_eq!(ring.deadline(), None);
    }

    #[test]
    fn each_newer_generation_gives_its_elders_ten_seconds() {
        let mut ring = ring();
        let start = 10 * FIRST;
        for generation in 1..=3 {
            let now = seconds(start + u64::from(generation));
            assert_eq!(open(&mut ring, now, generation, 0), Ok(()));
        }
        for (now, oldest) in [(10, 0), (11, 1), (12, 2), (13, 3), (99, 3)] {
            ring.expire(seconds(start + now));
            assert_eq!(ring.ratchet.generation(), oldest, "{now}");
        }
    }

    #[test]
    fn at_the_bound_the_last_generations_end_together() {
        let mut ring = ring();
        let start = 20 * FIRST;
        for generation in 1..=10 {
            let now = seconds(start + u64::from(generation) / 2);
            assert_eq!(open(&mut ring, now, generation, 0), Ok(()));
        }
        // One to seven as ever; eight and nine with ten.
        for (now, oldest) in [(10, 1), (11, 3), (12, 5), (13, 7), (14, 7), (15, 10)] {
            ring.expire(seconds(start + now));
            assert_eq!(ring.ratchet.generation(), oldest, "{now}");
        }
    }

    #[test]
    fn the_gap_is_250_at_any_age() {
        let old = seconds(1000 * FIRST);
        for (gap, expected) in [(MAX_GAP, Ok(())), (MAX_GAP + 1, Err(KeyError::TooFarAhead))] {
            assert_eq!(open(&mut ring(), old, gap, 0), expected);
        }
    }

    #[test]
    fn the_generation_climbs_past_256() {
        let mut ring = ring();
        let old = seconds(1000 * FIRST);
        assert_eq!(open(&mut ring, old, 200, 5), Ok(()));
        let old = old + EXPIRY;
        assert_eq!(open(&mut ring, old, 255, 0xFF_FFFF), Ok(()));
        assert_eq!(open(&mut ring, old, 256, 0), Ok(()));
        assert_eq!(open(&mut ring, old, 255, 0xFF_FFFE), Ok(()));
        assert_eq!(open(&mut ring, old, 257, 0), Ok(()));
        assert_eq!(open(&mut ring, old + EXPIRY, 257, 1), Ok(()));
        assert_eq!(open(&mut ring, old + EXPIRY, 256, 1), Err(KeyError::Expired));
        assert_eq!(ring.ratchet.generation(), 257);
    }

    #[test]
    fn a_forged_frame_changes_nothing() {
        let old = seconds(1000 * FIRST);
        let mut ring = ring();
        assert_eq!(open(&mut ring, old, 0, 1), Ok(()));
        let before = format!("{ring:?}");
        for generation in [0, 1, 17, MAX_GAP] {
            for count in [0, 1, 2, 0xFF_FFFF] {
                let opened = open_or_forge(&mut ring, old, generation, count, true);
                assert_eq!(opened, Err(KeyError::Unauthentic));
                assert_eq!(format!("{ring:?}"), before);
            }
        }
        assert_eq!(open(&mut ring, old, 0, 2), Ok(()));
    }

    #[test]
    fn all_is_bounded() {
        let mut ring = ring();
        let old = seconds(1000 * FIRST);
        for generation in 1..=60 {
            assert_eq!(open(&mut ring, old, generation, 5000), Ok(()));
            assert!(ring.ciphers.len() <= MAX_CIPHERS);
            assert!(ring.superseded.len() <= MAX_SUPERSEDED);
            assert!(ring.seen.missing.len() as u64 <= MAX_MISSING);
        }
        assert!(ring.ciphers.iter().map(|&(of, _)| of).eq(57..=60));
        assert_eq!(open(&mut ring, old, 60, 5001), Ok(()));
        assert_eq!(open(&mut ring, old, 3, 4999), Err(KeyError::Replayed));
        ring.expire(old + EXPIRY);
        assert_eq!((ring.ratchet.generation(), ring.ciphers.len()), (60, 1));
    }

    #[test]
    fn a_thousand_missing_frames_are_remembered() {
        let mut seen = Seen::default();
        assert!(seen.insert(1));
        assert!(seen.missing.is_empty());
        assert!(seen.insert(1202));
        assert!(!seen.insert(201));
        assert!(seen.insert(202));
        assert!(seen.insert(1201));
        assert!(!seen.insert(1201));
        assert!(seen.insert(1_000_000));
        assert!(!seen.insert(203));
        assert!(seen.insert(999_000));
        assert!(!seen.insert(998_999));
    }

    #[test]
    fn no_secret_shows() {
        let secret = [0xAB; SECRET];
        let mut ring = KeyRing::new(Timestamp::ZERO, Backend::default(), &secret);
        let key = ring.ratchet.key(0).unwrap();
        ring.expire(Timestamp::ZERO);
        let shown = format!("{ring:?} {key:?} {:?}", ring.ratchet);
        assert!(!shown.contains("171") && !shown.to_lowercase().contains("ab, ab"), "{shown}");
        assert!(shown.contains("Ratchet { generation: 0, .. }") && shown.contains("Key(..)"), "{shown}");
    }

    proptest! {
        /// Against a memory without bound: no frame opens twice, and each late one opens if fewer than a thousand
        /// are missing.
        #[test]
        fn each_frame_opens_once(steps in prop::collection::vec((0..40_u64, 0..60_u64), 1..500)) {
            let mut seen = Seen::default();
            let mut all = BTreeSet::new();
            let mut newest = 1;
            for (ahead, back) in steps {
                let index = (newest + ahead).saturating_sub(back).max(1);
                newest = newest.max(index);
                let missing = (1..newest).rev().filter(|index| !all.contains(index)).take(1000).last();
                let known = index == newest || missing.is_some_and(|oldest| index >= oldest);
                prop_assert_eq!(seen.insert(index), all.insert(index) && known, "{}", index);
            }
        }
    }
}
