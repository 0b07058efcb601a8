//! Who is heard: a jitter buffer for each speaker of a call.

use alloc::collections::BTreeMap;

use bytes::Bytes;

use crate::id::UserId;
use crate::time::{Timestamp, soonest};
use crate::voice::jitter::{Config, JitterBuffer, Playout, Statistics};

/// Speakers who have a jitter buffer at a time; twice as many as a limited voice channel lets in, as one may share a
/// screen's sound too. At the bound, whoever was silent for longest makes room; while nobody is silent, a further one
/// is not heard.
pub const MAX_SPEAKERS: usize = 200;

/// One SSRC of a user: the microphone, or the sound of a shared screen.
type Key = (UserId, u32);

#[derive(Debug)]
struct Heard {
    buffer: JitterBuffer,
    last: Timestamp,
    gone: bool,
}

/// A jitter buffer for each speaker, [`MAX_SPEAKERS`] at most.
#[derive(Debug)]
pub(crate) struct Listening {
    config: Config,
    speakers: BTreeMap<Key, Heard>,
    unheard: u64,
}

impl Listening {
    pub(crate) const fn new(config: Config) -> Self {
        Self { config, speakers: BTreeMap::new(), unheard: 0 }
    }

    /// Packets of speakers for whom there was no room.
    pub(crate) const fn unheard(&self) -> u64 {
        self.unheard
    }

    #[expect(clippy::too_many_arguments, reason = "what a packet is made of")]
    pub(crate) fn push(
        &mut self,
        now: Timestamp,
        user: UserId,
        ssrc: u32,
        sequence: u16,
        timestamp: u32,
        marker: bool,
        opus: Bytes,
    ) {
        let Some(heard) = self.heard((user, ssrc)) else {
            self.unheard += 1;
            return;
        };
        heard.last = now;
        heard.gone = false;
        if marker {
            heard.buffer.mark();
        }
        heard.buffer.push(now, sequence, timestamp, opus);
    }

    fn heard(&mut self, key: Key) -> Option<&mut Heard> {
        if !self.speakers.contains_key(&key) {
            let heard = self.take_over(key.0)?;
            self.speakers.insert(key, heard);
        }
        self.speakers.get_mut(&key)
    }

    /// A buffer for a new SSRC of this user: the one of an SSRC that has fallen silent, as after a rejoin, so that what
    /// is known of the user's network stays; or a fresh one.
    fn take_over(&mut self, user: UserId) -> Option<Heard> {
        let silent = |heard: &Heard| heard.buffer.deadline().is_none();
        let mut own = self.speakers.range((user, 0)..=(user, u32::MAX));
        let former = own.find(|(_, heard)| silent(heard)).map(|(&key, _)| key);
        if let Some(mut heard) = former.and_then(|key| self.speakers.remove(&key)) {
            heard.buffer.restart();
            return Some(heard);
        }
        if self.speakers.len() >= MAX_SPEAKERS {
            let oldest = self.speakers.iter().filter(|(_, heard)| silent(heard)).min_by_key(|(_, h)| h.last);
            let key = oldest.map(|(&key, _)| key)?;
            self.speakers.remove(&key);
        }
        let buffer = JitterBuffer::new(self.config);
        Some(Heard { buffer, last: Timestamp::ZERO, gone: false })
    }

    /// A user left. What is held is still played.
    pub(crate) fn left(&mut self, user: UserId) {
        for heard in self.speakers.range_mut((user, 0)..=(user, u32::MAX)).map(|(_, heard)| heard) {
            heard.gone = true;
        }
        self.speakers.retain(|_, heard| !heard.gone || heard.buffer.deadline().is_some());
    }

    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        self.speakers.values().fold(None, |soon, heard| soonest(soon, heard.buffer.deadline()))
    }

    /// What is to be played now: users in turn, each user's items in order.
    pub(crate) fn pop(&mut self, now: Timestamp) -> Option<(UserId, u32, Playout)> {
        for (&(user, ssrc), heard) in &mut self.speakers {
            if heard.buffer.deadline().is_none_or(|at| at > now) {
                continue;
            }
            if let Some(playout) = heard.buffer.pop(now) {
                if heard.gone && heard.buffer.deadline().is_none() {
                    self.speakers.remove(&(user, ssrc));
                }
                return Some((user, ssrc, playout));
            }
        }
        None
    }

    pub(crate) fn statistics(&self, user: UserId, ssrc: u32) -> Option<Statistics> {
        self.speakers.get(&(user, ssrc)).map(|heard| heard.buffer.statistics())
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::time::Duration;

    const FRAME: Bytes = Bytes::from_static(&[0xF8, 1]);

    fn push(listening: &mut Listening, now: Timestamp, user: u64, ssrc: u32, sequence: u16) {
        let timestamp = u32::from(sequence) * 960;
        listening.push(now, UserId(user), ssrc, sequence, timestamp, false, FRAME);
    }

    /// Everything due until `until`.
    fn run(listening: &mut Listening, until: Timestamp) -> Vec<(u64, u32, Playout)> {
        let mut played = Vec::new();
        while let Some(at) = listening.deadline().filter(|&at| at <= until) {
            while let Some((user, ssrc, playout)) = listening.pop(at) {
                played.push((user.0, ssrc, playout));
            }
        }
        played
    }

    #[test]
    fn each_speaker_is_put_in_order_alone() {
        let mut listening = Listening::new(Config::default());
        let start = Timestamp::from_millis(1000);
        for (user, sequence) in [(1, 7), (2, 3), (1, 9), (2, 4), (1, 8)] {
            push(&mut listening, start, user, 10 + user as u32, sequence);
        }
        let played = run(&mut listening, start + Duration::from_secs(1));
        let sequences = |wanted: u64| -> Vec<_> {
            let of_user = played.iter().filter(|(user, ..)| *user == wanted);
            of_user
                .filter_map(|(_, _, playout)| match playout {
                    Playout::Frame { sequence, .. } => Some(*sequence),
                    _ => None,
                })
                .collect()
        };
        assert_eq!((sequences(1), sequences(2)), (Vec::from([7, 8, 9]), Vec::from([3, 4])));
        let ends = played.iter().filter(|(.., playout)| *playout == Playout::EndOfSpurt).count();
        assert_eq!(ends, 2);
    }

    #[test]
    fn a_rejoined_user_goes_on_and_one_who_left_is_forgotten() {
        let mut listening = Listening::new(Config::default());
        let start = Timestamp::from_millis(1000);
        push(&mut listening, start, 1, 11, 5);
        run(&mut listening, start + Duration::from_secs(1));
        push(&mut listening, start + Duration::from_secs(2), 1, 12, 60_000);
        assert_eq!(listening.speakers.len(), 1);
        assert_eq!(listening.statistics(UserId(1), 12).map(|statistics| statistics.resets), Some(1));
        // Two SSRCs at a time are two speakers.
        push(&mut listening, start + Duration::from_secs(2), 1, 13, 5);
        assert_eq!(listening.speakers.len(), 2);
        listening.left(UserId(1));
        assert_eq!(listening.speakers.len(), 2, "what they said last is played");
        let played = run(&mut listening, start + Duration::from_secs(3));
        assert_eq!(played.iter().filter(|(.., p)| matches!(p, Playout::Frame { .. })).count(), 2);
        assert!(listening.speakers.is_empty());
        push(&mut listening, start + Duration::from_secs(9), 2, 14, 5);
        run(&mut listening, start + Duration::from_secs(19));
        listening.left(UserId(2));
        assert!(listening.speakers.is_empty());
    }

    #[test]
    fn speakers_are_bounded() {
        let mut listening = Listening::new(Config::default());
        let start = Timestamp::from_millis(1000);
        push(&mut listening, start, 1, 1, 1);
        run(&mut listening, start + Duration::from_secs(1));
        let later = start + Duration::from_secs(2);
        for user in 2..=MAX_SPEAKERS as u64 + 2 {
            push(&mut listening, later, user, 1, 1);
        }
        // The silent one has made room for one of the two that were too many.
        assert_eq!((listening.speakers.len(), listening.unheard()), (MAX_SPEAKERS, 1));
        assert!(listening.statistics(UserId(1), 1).is_none());
    }
}
