//! Decryption of one remote user's frames (dave-protocol, Decrypting frames; limits as in libdave).

use alloc::vec::Vec;
use core::mem;

use crate::dave::cipher::TAG;
use crate::dave::frame::{self, FrameError, SILENCE};
use crate::dave::ratchet::{EXPIRY, KeyError, KeyRing, SECRET};
use crate::rtp::aead::Backend;
use crate::time::{Timestamp, soonest};

/// The backend that opens frames of Opus fastest, since the pure Rust one verifies an eight-byte tag in one pass and
/// ring takes two: 184 against 208 ns for 160 bytes, 150 against 209 ns for a forged frame (x86-64). From some 500
/// bytes on, ring is faster.
pub const AUDIO: Backend = Backend::Portable;
/// Epochs whose keys are kept for one user. At the bound the oldest goes before its time.
pub const MAX_EPOCHS: usize = 8;

/// Why a frame was not opened.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum OpenError {
    /// It is not encrypted, and must be.
    #[error("the frame is not encrypted")]
    NotEncrypted,
    /// It ends as an encrypted frame does, but its trailer does not fit.
    #[error("the frame's trailer does not fit")]
    Malformed,
    /// There is no key of this user.
    #[error("there is no key of this user")]
    NoKey,
    /// It is authentic, and was opened before; or it is so late that this cannot be told.
    #[error("the frame was seen before")]
    Replayed,
    /// Its key's generation is newer than its sender can have reached.
    #[error("the frame's key lies too far ahead")]
    TooFarAhead,
    /// The key of its generation is erased.
    #[error("the frame's key has expired")]
    Expired,
    /// It is forged, damaged, or sealed under a key that is not here.
    #[error("authentication failed")]
    Unauthentic,
}

impl From<KeyError> for OpenError {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Replayed => Self::Replayed,
            KeyError::TooFarAhead => Self::TooFarAhead,
            KeyError::Expired => Self::Expired,
            KeyError::Unauthentic => Self::Unauthentic,
        }
    }
}

/// The keys of one remote user, who may send several streams under them.
#[derive(Debug)]
pub struct Receiver {
    backend: Backend,
    /// The newest first; at most [`MAX_EPOCHS`].
    epochs: Vec<Epoch>,
    passthrough_until: Timestamp,
    /// Whether the deadline moved because a frame of a newer generation opened.
    advanced: bool,
    /// A frame with unencrypted ranges, reordered as the cipher takes it.
    gathered: Vec<u8>,
}

#[derive(Debug)]
struct Epoch {
    keys: KeyRing,
    /// When these keys are erased, once newer ones are there.
    until: Option<Timestamp>,
}

impl Receiver {
    /// A receiver without keys, which passes nothing but silence.
    #[must_use]
    pub const fn new(backend: Backend) -> Self {
        Self {
            backend,
            epochs: Vec::new(),
            passthrough_until: Timestamp::ZERO,
            advanced: false,
            gathered: Vec::new(),
        }
    }

    /// Takes the secret of a new epoch. Keys of the epochs before open frames for [`EXPIRY`] more.
    pub fn install(&mut self, now: Timestamp, base: &[u8; SECRET]) {
        let end = Some(now + EXPIRY);
        self.expire(now);
        for epoch in &mut self.epochs {
            epoch.until = soonest(epoch.until, end);
        }
        self.epochs.truncate(MAX_EPOCHS - 1);
        self.epochs.insert(0, Epoch { keys: KeyRing::new(now, self.backend, base), until: None });
    }

    /// Lets unencrypted frames pass, until [`end_passthrough`](Self::end_passthrough).
    pub fn pass_through(&mut self) {
        self.pass_through_until(Timestamp::from_nanos(u64::MAX));
    }

    /// Lets unencrypted frames pass up to this time. Never shortens the time.
    pub fn pass_through_until(&mut self, at: Timestamp) {
        self.passthrough_until = self.passthrough_until.max(at);
    }

    /// Lets unencrypted frames pass no longer than to this time. Never lengthens the time.
    pub fn end_passthrough(&mut self, at: Timestamp) {
        self.passthrough_until = self.passthrough_until.min(at);
    }

    /// Whether unencrypted frames pass.
    #[must_use]
    pub fn passes(&self, now: Timestamp) -> bool {
        now < self.passthrough_until
    }

    /// Number of epochs whose keys are kept.
    #[must_use]
    pub const fn epochs(&self) -> usize {
        self.epochs.len()
    }

    /// When the next keys are to be erased. Frames find them expired in any case; to have the memory overwritten in
    /// time, call [`expire`](Self::expire) then.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        self.epochs.iter().fold(None, |at, epoch| soonest(at, soonest(epoch.until, epoch.keys.deadline())))
    }

    /// Whether a frame of a newer generation has opened since this was asked last, so that there is a new
    /// [`deadline`](Self::deadline).
    pub(crate) const fn take_advanced(&mut self) -> bool {
        mem::replace(&mut self.advanced, false)
    }

    /// Erases the keys that have expired.
    pub fn expire(&mut self, now: Timestamp) {
        self.epochs.retain_mut(|epoch| {
            epoch.keys.expire(now);
            epoch.until.is_none_or(|until| now < until)
        });
    }

    /// Decrypts a frame where it lies, and answers with the length of the media at its front. A frame that is not
    /// encrypted stays as it is, if it may pass: that of silence always, all others while
    /// [`passes`](Self::passes) holds. `scratch` is overwritten; once it has held the longest frame, nothing
    /// allocates.
    ///
    /// # Errors
    /// If the frame gives no media. If no epoch's key opens it, the error is the newest's, save that a frame that any
    /// knows is [`OpenError::Replayed`]. After that one what `frame` holds is unspecified; after the others it is as
    /// it was, and may be tried again under later keys.
    pub fn open(
        &mut self,
        now: Timestamp,
        frame: &mut [u8],
        scratch: &mut Vec<u8>,
    ) -> Result<usize, OpenError> {
        let whole = frame.len();
        if *frame == SILENCE {
            return Ok(whole);
        }
        let (media, trailer) = match frame::split(frame) {
            Ok(parts) => parts,
            Err(_) if self.passes(now) => return Ok(whole),
            Err(FrameError::Marker) => return Err(OpenError::NotEncrypted),
            Err(FrameError::Size | FrameError::Nonce | FrameError::Ranges) => {
                return Err(OpenError::Malformed);
            }
        };
        self.expire(now);
        let (nonce, tag) = (trailer.nonce, &trailer.tag);
        if trailer.ranges.is_empty() {
            self.open_any(now, nonce, &[], media, tag, scratch)?;
        } else {
            let mut gathered = mem::take(&mut self.gathered);
            gathered.clear();
            let clear = frame::gather(media, trailer.ranges.clone(), &mut gathered);
            let (clear, rest) = gathered.split_at_mut_checked(clear).unwrap_or_default();
            let opened = self.open_any(now, nonce, clear, rest, tag, scratch);
            if opened.is_ok() {
                frame::scatter(media, trailer.ranges, rest);
            }
            self.gathered = gathered;
            opened?;
        }
        Ok(trailer.media_len)
    }

    fn open_any(
        &mut self,
        now: Timestamp,
        nonce: u32,
        clear: &[u8],
        data: &mut [u8],
        tag: &[u8; TAG],
        scratch: &mut Vec<u8>,
    ) -> Result<(), OpenError> {
        let mut newest = None;
        for epoch in &mut self.epochs {
            let generation = epoch.keys.newest();
            match epoch.keys.open(now, nonce, clear, data, tag, scratch) {
                Ok(()) => {
                    self.advanced |= epoch.keys.newest() != generation;
                    return Ok(());
                }
                Err(KeyError::Replayed) => return Err(OpenError::Replayed),
                Err(error) => newest = newest.or(Some(error)),
            }
        }
        Err(newest.map_or(OpenError::NoKey, OpenError::from))
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;
    use core::ops::Range;

    use proptest::prelude::*;

    use super::*;
    use crate::dave::sender::Sender;
    use crate::time::Duration;

    const A: [u8; SECRET] = [1; SECRET];
    const B: [u8; SECRET] = [2; SECRET];
    const PLAIN: &[u8] = b"not encrypted";

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn sealed(sender: &mut Sender, frame: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        sender.seal(frame, &[], &mut out).unwrap();
        out
    }

    fn open(receiver: &mut Receiver, now: Timestamp, frame: &[u8]) -> Result<Vec<u8>, OpenError> {
        let mut frame = frame.to_vec();
        let length = receiver.open(now, &mut frame, &mut Vec::new())?;
        frame.truncate(length);
        Ok(frame)
    }

    fn keyed(base: &[u8; SECRET]) -> (Sender, Receiver) {
        let mut receiver = Receiver::new(Backend::default());
        receiver.install(at(0), base);
        (Sender::new(Backend::default(), base), receiver)
    }

    #[test]
    fn each_refusal_has_its_cause() {
        let (mut sender, mut receiver) = keyed(&A);
        let frame = sealed(&mut sender, b"opus");
        assert_eq!(open(&mut Receiver::new(Backend::default()), at(0), &frame), Err(OpenError::NoKey));
        assert_eq!(open(&mut receiver, at(0), &frame), Ok(b"opus".to_vec()));
        assert_eq!(open(&mut receiver, at(0), &frame), Err(OpenError::Replayed));
        assert_eq!(open(&mut receiver, at(0), PLAIN), Err(OpenError::NotEncrypted));
        assert_eq!(open(&mut receiver, at(0), &[]), Err(OpenError::NotEncrypted));
        assert_eq!(open(&mut receiver, at(0), &[0, 0xFA, 0xFA]), Err(OpenError::Malformed));
        // Forged, with the nonce of a frame that was opened: known to be no replay.
        let mut forged = frame.clone();
        forged[0] ^= 1;
        assert_eq!(open(&mut receiver, at(0), &forged), Err(OpenError::Unauthentic));
        let mut later = Sender::after(Backend::default(), &A, 1 << 24);
        assert_eq!(open(&mut receiver, at(0), &sealed(&mut later, b"opus")), Err(OpenError::TooFarAhead));
    }

    #[test]
    fn silence_passes_always_and_plain_frames_within_their_time() {
        let (mut sender, mut receiver) = keyed(&A);
        let odd = [9, 9, 0, 0xFA, 0xFA];
        assert_eq!(open(&mut receiver, at(0), &SILENCE), Ok(SILENCE.to_vec()));
        receiver.end_passthrough(at(90_000));
        assert_eq!(open(&mut receiver, at(0), PLAIN), Err(OpenError::NotEncrypted));
        receiver.pass_through();
        assert_eq!(open(&mut receiver, at(50_000), PLAIN), Ok(PLAIN.to_vec()));
        receiver.end_passthrough(at(60_000));
        receiver.end_passthrough(at(70_000));
        assert_eq!(open(&mut receiver, at(59_999), PLAIN), Ok(PLAIN.to_vec()));
        assert_eq!(open(&mut receiver, at(59_999), &odd), Ok(odd.to_vec()));
        // An encrypted frame does not pass for a plain one.
        let mut foreign = Sender::new(Backend::default(), &B);
        assert_eq!(open(&mut receiver, at(59_999), &sealed(&mut foreign, b"x")), Err(OpenError::Unauthentic));
        assert_eq!(open(&mut receiver, at(60_000), PLAIN), Err(OpenError::NotEncrypted));
        assert_eq!(open(&mut receiver, at(60_000), &odd), Err(OpenError::Malformed));
        assert_eq!(open(&mut receiver, at(60_000), &SILENCE), Ok(SILENCE.to_vec()));
        assert_eq!(open(&mut receiver, at(60_000), &sealed(&mut sender, &SILENCE)), Ok(SILENCE.to_vec()));
    }

    #[test]
    fn an_epoch_ends_ten_seconds_after_the_next_began() {
        let (mut old, mut receiver) = keyed(&A);
        let mut new = Sender::new(Backend::default(), &B);
        receiver.install(at(5_000), &B);
        assert_eq!(receiver.deadline(), Some(at(15_000)));
        let frame = sealed(&mut old, b"old");
        assert_eq!(open(&mut receiver, at(5_000), &sealed(&mut new, b"new")), Ok(b"new".to_vec()));
        assert_eq!(open(&mut receiver, at(14_999), &frame), Ok(b"old".to_vec()));
        // Unauthentic under the new epoch's key, and known under the old one's.
        assert_eq!(open(&mut receiver, at(14_999), &frame), Err(OpenError::Replayed));
        // A further epoch does not lengthen the life of the first.
        receiver.install(at(14_999), &[3; SECRET]);
        assert_eq!(receiver.epochs(), 3);
        assert_eq!(open(&mut receiver, at(15_000), &sealed(&mut old, b"late")), Err(OpenError::Unauthentic));
        assert_eq!(receiver.epochs(), 2);
        assert_eq!(open(&mut receiver, at(24_998), &sealed(&mut new, b"more")), Ok(b"more".to_vec()));
        receiver.expire(at(24_999));
        assert_eq!((receiver.epochs(), receiver.deadline()), (1, None));
    }

    #[test]
    fn an_epoch_that_has_ended_goes_when_the_next_begins() {
        let mut receiver = Receiver::new(Backend::default());
        for start in [0, 1_000, 11_000] {
            receiver.install(at(start), &A);
        }
        assert_eq!(receiver.epochs(), 2);
    }

    /// The second after which a sender can have reached generation 1: 2^24 frames, 170 a second.
    const FIRST: u64 = 98_690;

    #[test]
    fn each_epoch_has_its_age() {
        let mut receiver = Receiver::new(Backend::default());
        receiver.install(at(0), &A);
        receiver.install(at(1000 * FIRST), &B);
        let frame = |base| sealed(&mut Sender::after(Backend::default(), base, (1 << 24) - 1), b"opus");
        // Under the older keys it would be unauthentic: what the newest say counts.
        for base in [&B, &[3; SECRET]] {
            assert_eq!(open(&mut receiver, at(1000 * FIRST), &frame(base)), Err(OpenError::TooFarAhead));
        }
        assert_eq!(open(&mut receiver, at(1000 * FIRST), &frame(&A)), Ok(b"opus".to_vec()));
    }

    #[test]
    fn generations_are_erased_in_time() {
        let (_, mut receiver) = keyed(&A);
        let mut sender = Sender::after(Backend::default(), &A, (1 << 24) - 1);
        open(&mut receiver, at(1000 * FIRST), &sealed(&mut sender, b"opus")).unwrap();
        assert_eq!(receiver.deadline(), Some(at(1000 * (FIRST + 10))));
        receiver.expire(at(1000 * (FIRST + 10)));
        assert_eq!(receiver.deadline(), None);
    }

    #[test]
    fn at_most_eight_epochs_are_kept() {
        let mut receiver = Receiver::new(Backend::default());
        let mut first = Sender::new(Backend::default(), &[0; SECRET]);
        for epoch in 0..8 {
            receiver.install(at(0), &[epoch; SECRET]);
        }
        assert_eq!(open(&mut receiver, at(0), &sealed(&mut first, b"opus")), Ok(b"opus".to_vec()));
        receiver.install(at(0), &[8; SECRET]);
        assert_eq!(receiver.epochs(), MAX_EPOCHS);
        assert_eq!(open(&mut receiver, at(0), &sealed(&mut first, b"opus")), Err(OpenError::Unauthentic));
    }

    #[test]
    fn an_opened_frame_of_opus_needs_no_new_memory() {
        let (mut sender, mut receiver) = keyed(&A);
        let mut scratch = Vec::new();
        let mut frame = sealed(&mut sender, &[7; 200]);
        receiver.open(at(0), &mut frame, &mut scratch).unwrap();
        let (at_first, capacity) = (scratch.as_ptr(), scratch.capacity());
        for _ in 0..100 {
            let mut frame = sealed(&mut sender, &[7; 200]);
            receiver.open(at(0), &mut frame, &mut scratch).unwrap();
        }
        assert_eq!((scratch.as_ptr(), scratch.capacity()), (at_first, capacity));
        assert_eq!(receiver.gathered.capacity(), 0);
    }

    #[test]
    fn an_opened_frame_with_ranges_needs_no_new_memory() {
        let (mut sender, mut receiver) = keyed(&A);
        let mut memory = Vec::new();
        for _ in 0..3 {
            let mut frame = Vec::new();
            sender.seal(&[7; 200], &[1..5, 9..10], &mut frame).unwrap();
            receiver.open(at(0), &mut frame, &mut Vec::new()).unwrap();
            memory.push((receiver.gathered.as_ptr(), receiver.gathered.capacity()));
        }
        assert!(memory[0].1 >= 200);
        assert_eq!((memory[1], memory[2]), (memory[0], memory[0]));
    }

    /// Frames of two epochs, each with its epoch; some lost, some doubled, all in any order.
    fn deliveries() -> impl Strategy<Value = Vec<(usize, usize)>> {
        prop::collection::vec((0..2_usize, 0..60_usize), 1..200)
    }

    proptest! {
        #[test]
        fn every_frame_opens_once_in_any_order(deliveries in deliveries(), start in 0..3_u64) {
            // Around the change of generation, and the wrap of the nonce's 32 bits.
            let sent = [0, (1 << 24) - 30, (1 << 32) - 30][start as usize];
            let bases = [A, B];
            let frames = bases.map(|base| {
                let mut sender = Sender::after(Backend::default(), &base, sent);
                (0..60_u8).map(|n| sealed(&mut sender, &[n, base[0]])).collect::<Vec<_>>()
            });
            // Old enough for generation 256; the receiver has followed the sender to just before.
            let now = at(1000 * (1 << 26));
            let mut receiver = Receiver::new(Backend::default());
            for base in &bases {
                receiver.install(at(0), base);
            }
            receiver.epochs.iter_mut().for_each(|epoch| epoch.until = None);
            if start == 2 {
                for base in &bases {
                    let mut earlier = Sender::after(Backend::default(), base, (200 << 24) + 1);
                    open(&mut receiver, now, &sealed(&mut earlier, b"earlier")).unwrap();
                }
            }
            let now = now + Duration::from_secs(11);
            let mut opened = [[false; 60]; 2];
            for (epoch, n) in deliveries {
                let mut forged = frames[epoch][n].clone();
                forged[1] ^= 0x40;
                prop_assert_eq!(open(&mut receiver, now, &forged), Err(OpenError::Unauthentic));
                let expected = if opened[epoch][n] {
                    Err(OpenError::Replayed)
                } else {
                    Ok(vec![n as u8, bases[epoch][0]])
                };
                prop_assert_eq!(open(&mut receiver, now, &frames[epoch][n]), expected);
                opened[epoch][n] = true;
            }
        }

        #[test]
        fn unencrypted_ranges_are_honoured_and_authentic(
            media in prop::collection::vec(any::<u8>(), 1..200),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 2..8),
            flip: prop::sample::Index,
        ) {
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(media.len() + 1)).collect();
            cuts.sort_unstable();
            let ranges: Vec<Range<usize>> = cuts.chunks_exact(2).map(|pair| pair[0]..pair[1]).collect();
            for &backend in Backend::ALL {
                let mut out = Vec::new();
                Sender::new(backend, &A).seal(&media, &ranges, &mut out).unwrap();
                for range in &ranges {
                    prop_assert_eq!(&out[range.clone()], &media[range.clone()]);
                }
                let mut receiver = Receiver::new(backend);
                receiver.install(at(0), &A);
                let mut forged = out.clone();
                forged[flip.index(media.len())] ^= 1;
                receiver.install(at(0), &B);
                let before = forged.clone();
                let refused = receiver.open(at(0), &mut forged, &mut Vec::new());
                prop_assert_eq!((refused, &forged), (Err(OpenError::Unauthentic), &before));
                prop_assert_eq!(open(&mut receiver, at(0), &forged), Err(OpenError::Unauthentic));
                prop_assert_eq!(open(&mut receiver, at(0), &out), Ok(media.clone()));
            }
        }

        #[test]
        fn a_frame_that_no_key_opens_stays_as_it_was(media: Vec<u8>) {
            for &backend in Backend::ALL {
                let (mut receiver, mut scratch) = (Receiver::new(backend), Vec::from([1; 9]));
                for early in [[2; SECRET], [3; SECRET]] {
                    receiver.install(at(0), &early);
                }
                let mut frame = sealed(&mut Sender::new(backend, &A), &media);
                let before = frame.clone();
                for _ in 0..2 {
                    let refused = receiver.open(at(0), &mut frame, &mut scratch);
                    prop_assert_eq!((refused, &frame), (Err(OpenError::Unauthentic), &before));
                }
                receiver.install(at(1), &A);
                prop_assert_eq!(receiver.open(at(1), &mut frame, &mut scratch), Ok(media.len()));
                prop_assert_eq!(&frame[..media.len()], &media[..]);
            }
        }

        #[test]
        fn hostile_frames_are_refused(mut frame: Vec<u8>, size: u8) {
            let (_, mut receiver) = keyed(&A);
            prop_assert!(open(&mut receiver, at(0), &frame).is_err());
            frame.extend([size, 0xFA, 0xFA]);
            prop_assert!(open(&mut receiver, at(0), &frame).is_err());
        }
    }
}
