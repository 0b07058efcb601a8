//! Which packet goes out when: Opus packets one after the other, each for as long as it lasts.
//!
//! A packet is due when the one before it ends, counted from the first of the transmission: no error adds up, however
//! late the driver's timers are. The RTP timestamp runs with it, and over pauses with our clock (RFC 3550,
//! section 5.1). Whenever there is nothing more to send, five frames of silence end the transmission, so that receivers
//! do not interpolate (discord-api-docs, Voice Connections, Voice Data Interpolation).

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::mem;

use bytes::Bytes;

use crate::entropy::Entropy;
use crate::opus::{self, RATE};
use crate::time::{Duration, Timestamp};

/// Opus packets that may wait to be sent: half a minute at 20 ms each.
pub const MAX_QUEUED: usize = 1500;

/// The longest Opus packet that is sent, in bytes: the most that libopus's documentation asks an encoder's caller to
/// have room for.
pub const MAX_OPUS: usize = 4000;

/// A frame of silence, 20 ms, and how many of them end a transmission.
const SILENCE: Bytes = Bytes::from_static(&[0xF8, 0xFF, 0xFE]);
const SILENCES: u8 = 5;

/// How late a packet may be for the next ones to follow faster until the delay is made up. After more, as when the
/// process was stopped, that would be a burst: the schedule starts anew.
const CATCH_UP: Duration = Duration::from_millis(100);

/// Why a packet is not taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// It is no Opus packet of 2.5 to 120 ms.
    #[error("this is no Opus packet of 2.5 to 120 ms")]
    NotOpus,
    /// It is longer than [`MAX_OPUS`].
    #[error("an Opus packet to send may have 4,000 bytes at most")]
    TooLong,
    /// [`MAX_QUEUED`] packets wait already.
    #[error("1,500 packets wait to be sent already: send more when some have gone out")]
    Full,
    /// The call has ended, or there is none.
    #[error("there is no call to send to")]
    NoCall,
}

/// What is to be done.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Next {
    /// A transmission starts: say so before its first packet.
    Start,
    /// Send this.
    Packet { sequence: u16, timestamp: u32, opus: Bytes },
    /// The transmission is over.
    End,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Idle,
    /// `silences`: frames of silence since the last packet.
    Sending {
        silences: u8,
    },
}

/// What a call still has to send. Holds [`MAX_QUEUED`] packets at most.
#[derive(Debug)]
pub(crate) struct Transmitter {
    queue: VecDeque<Bytes>,
    state: State,
    /// Sequence number and timestamp of the next packet, and when it is due; it may be later if none is there.
    sequence: u16,
    timestamp: u32,
    due: Option<Timestamp>,
    stalls: u64,
}

impl Transmitter {
    /// With random numbers to start with (RFC 3550, section 5.1).
    pub(crate) fn new(entropy: &mut Entropy) -> Self {
        let mut transmitter = Self {
            queue: VecDeque::new(),
            state: State::Idle,
            sequence: 0,
            timestamp: 0,
            due: None,
            stalls: 0,
        };
        transmitter.renumber(entropy);
        transmitter
    }

    /// Starts anew for another SSRC. What is queued stays.
    pub(crate) fn renumber(&mut self, entropy: &mut Entropy) {
        self.interrupt();
        self.sequence = u16::from_be_bytes(entropy.bytes());
        self.timestamp = u32::from_be_bytes(entropy.bytes());
        self.due = None;
    }

    pub(crate) fn push(&mut self, opus: Bytes) -> Result<(), SendError> {
        if opus::duration(&opus).is_none() {
            return Err(SendError::NotOpus);
        }
        if opus.len() > MAX_OPUS {
            return Err(SendError::TooLong);
        }
        if self.queue.len() >= MAX_QUEUED {
            return Err(SendError::Full);
        }
        self.queue.push_back(opus);
        Ok(())
    }

    pub(crate) fn take(&mut self) -> Vec<Bytes> {
        mem::take(&mut self.queue).into()
    }

    pub(crate) fn clear(&mut self) {
        self.queue.clear();
    }

    pub(crate) fn queued(&self) -> usize {
        self.queue.len()
    }

    pub(crate) const fn is_sending(&self) -> bool {
        matches!(self.state, State::Sending { .. })
    }

    /// How often the schedule had to start anew because the driver came too late.
    pub(crate) const fn stalls(&self) -> u64 {
        self.stalls
    }

    /// Nothing can be sent for the time being. What is queued stays.
    pub(crate) const fn interrupt(&mut self) -> bool {
        matches!(mem::replace(&mut self.state, State::Idle), State::Sending { .. })
    }

    /// When [`next`](Self::next) has something; `None` until more is queued.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        match self.state {
            State::Idle if self.queue.is_empty() => None,
            State::Idle | State::Sending { .. } => Some(self.due.unwrap_or(Timestamp::ZERO)),
        }
    }

    /// What is to be done now; `None` if nothing more.
    pub(crate) fn next(&mut self, now: Timestamp) -> Option<Next> {
        if self.deadline()? > now {
            return None;
        }
        let due = self.due.unwrap_or(now);
        let State::Sending { silences } = self.state else {
            self.run_on(due, now);
            self.state = State::Sending { silences: 0 };
            return Some(Next::Start);
        };
        if now.since(due) > CATCH_UP {
            self.stalls += 1;
            self.run_on(due, now);
        }
        let (opus, silences) = match self.queue.pop_front() {
            Some(opus) => (opus, 0),
            None if silences < SILENCES => (SILENCE, silences + 1),
            None => {
                self.state = State::Idle;
                return Some(Next::End);
            }
        };
        let (sequence, timestamp) = (self.sequence, self.timestamp);
        self.state = State::Sending { silences };
        self.sequence = sequence.wrapping_add(1);
        // No packet is taken that has no duration.
        self.pass(opus::duration(&opus).unwrap_or_default());
        Some(Next::Packet { sequence, timestamp, opus })
    }

    /// What the next packet's numbers are.
    #[cfg(test)]
    pub(crate) const fn start_at(&mut self, sequence: u16, timestamp: u32) {
        (self.sequence, self.timestamp) = (sequence, timestamp);
    }

    /// Takes a packet back that could not be sent.
    pub(crate) fn give_back(&mut self, opus: Bytes) {
        self.queue.push_front(opus);
    }

    /// So many samples have been sent. Each lasts 62,500/3 ns, and Opus packets whole multiples of 120 of them.
    fn pass(&mut self, samples: u64) {
        self.timestamp = self.timestamp.wrapping_add(samples as u32);
        self.due = self.due.map(|due| due + Duration::from_nanos(samples * 62_500 / 3));
    }

    /// Lets the RTP clock run on over a pause.
    fn run_on(&mut self, due: Timestamp, now: Timestamp) {
        let samples = now.since(due).as_nanos() * u128::from(RATE) / 1_000_000_000;
        self.timestamp = self.timestamp.wrapping_add(samples as u32);
        self.due = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FRAME: Duration = Duration::from_millis(20);

    fn transmitter() -> Transmitter {
        Transmitter::new(&mut Entropy::new([3; 32]))
    }

    fn frame(number: u8) -> Bytes {
        Bytes::from(Vec::from([0xF8, number]))
    }

    /// Everything that is due until `until`, with the time at which it was; each call comes `late`.
    fn run(transmitter: &mut Transmitter, until: Timestamp, late: Duration) -> Vec<(Timestamp, Next)> {
        let mut done = Vec::new();
        while let Some(at) = transmitter.deadline().map(|at| at + late).filter(|&at| at <= until) {
            while let Some(next) = transmitter.next(at) {
                done.push((at, next));
            }
        }
        done
    }

    #[test]
    fn packets_go_out_at_their_own_pace_and_end_in_silence() {
        let mut transmitter = transmitter();
        let (first, clock) = (transmitter.sequence, transmitter.timestamp);
        let start = Timestamp::from_millis(1000);
        let longest = Bytes::from_static(&[0x18, 1]); // 60 ms
        for opus in [frame(1), longest.clone(), frame(2)] {
            transmitter.push(opus).unwrap();
        }
        assert_eq!(transmitter.next(start), Some(Next::Start));
        let mut expected = Vec::new();
        let (mut at, mut timestamp) = (start, clock);
        for (number, opus) in [frame(1), longest, frame(2)].into_iter().chain([SILENCE; 5]).enumerate() {
            let samples = opus::duration(&opus).unwrap();
            let sequence = first.wrapping_add(number as u16);
            expected.push((at, Next::Packet { sequence, timestamp, opus }));
            at += Duration::from_nanos(samples * 62_500 / 3);
            timestamp = timestamp.wrapping_add(samples as u32);
        }
        expected.push((at, Next::End));
        assert_eq!(run(&mut transmitter, start + Duration::from_secs(9), Duration::ZERO), expected);
        assert_eq!(at, start + FRAME * 10);
        assert_eq!(transmitter.deadline(), None);
    }

    #[test]
    fn a_late_driver_does_not_make_the_schedule_drift() {
        let mut transmitter = transmitter();
        for number in 0..1500 {
            transmitter.push(frame(number as u8)).unwrap();
        }
        let late = Duration::from_micros(7_900);
        // The first went out late, the last is due 29.98 s later, and its timer is late too.
        let done = run(&mut transmitter, Timestamp::from_millis(29_996), late);
        let packets = done.iter().filter(|(_, next)| matches!(next, Next::Packet { .. })).count();
        assert_eq!(packets, 1500);
        assert_eq!(transmitter.stalls(), 0);
    }

    #[test]
    fn a_driver_that_was_stopped_sends_no_burst() {
        let mut transmitter = transmitter();
        for number in 0..50 {
            transmitter.push(frame(number)).unwrap();
        }
        run(&mut transmitter, Timestamp::ZERO, Duration::ZERO);
        let clock = transmitter.timestamp;
        // 80 ms late: four packets are due, and go out at once.
        let at = Timestamp::from_millis(100);
        let count = core::iter::from_fn(|| transmitter.next(at)).count();
        assert_eq!((count, transmitter.stalls()), (5, 0));
        // 2 s late: one packet, and the timestamp tells of the pause.
        let at = Timestamp::from_millis(2120);
        let packets: Vec<_> = core::iter::from_fn(|| transmitter.next(at)).collect();
        let [Next::Packet { timestamp, .. }] = packets[..] else { panic!("{packets:?}") };
        assert_eq!(timestamp.wrapping_sub(clock), 2100 * 48);
        assert_eq!((transmitter.stalls(), transmitter.deadline()), (1, Some(at + FRAME)));
    }

    #[test]
    fn the_clock_runs_on_over_a_pause_and_more_to_send_ends_the_silence() {
        let mut transmitter = transmitter();
        let clock = transmitter.timestamp;
        transmitter.push(frame(1)).unwrap();
        run(&mut transmitter, Timestamp::from_millis(50), Duration::ZERO);
        // Two frames of silence have gone out; speech goes on without a new start.
        transmitter.push(frame(2)).unwrap();
        let next = transmitter.next(Timestamp::from_millis(60)).unwrap();
        assert!(matches!(next, Next::Packet { timestamp, ref opus, .. }
            if timestamp.wrapping_sub(clock) == 3 * 960 && *opus == frame(2)));
        let done = run(&mut transmitter, Timestamp::from_millis(1000), Duration::ZERO);
        assert_eq!(done.len(), 6);
        assert_eq!(done[5], (Timestamp::from_millis(180), Next::End));
        transmitter.push(frame(3)).unwrap();
        let at = Timestamp::from_millis(5000);
        assert_eq!(transmitter.next(at), Some(Next::Start));
        let Some(Next::Packet { timestamp, .. }) = transmitter.next(at) else { panic!("nothing") };
        assert_eq!(timestamp.wrapping_sub(clock), 5000 * 48);
    }

    #[test]
    fn after_an_interruption_the_rest_goes_on() {
        let mut transmitter = transmitter();
        for number in 0..3 {
            transmitter.push(frame(number)).unwrap();
        }
        run(&mut transmitter, Timestamp::ZERO, Duration::ZERO);
        assert!(transmitter.interrupt());
        assert!(!transmitter.interrupt());
        let (sequence, queued) = (transmitter.sequence, transmitter.queued());
        assert_eq!(queued, 2);
        assert_eq!(transmitter.next(Timestamp::from_millis(500)), Some(Next::Start));
        let next = transmitter.next(Timestamp::from_millis(500));
        assert!(matches!(next, Some(Next::Packet { sequence: s, .. }) if s == sequence));
        transmitter.clear();
        let done = run(&mut transmitter, Timestamp::from_millis(1000), Duration::ZERO);
        assert_eq!(done.last(), Some(&(Timestamp::from_millis(620), Next::End)));
    }

    #[test]
    fn what_cannot_be_sent_is_refused() {
        let mut transmitter = transmitter();
        let long = [0; MAX_OPUS + 1];
        for (opus, expected) in [
            (&b""[..], Err(SendError::NotOpus)),
            (&[0x1B, 3], Err(SendError::NotOpus)), // 180 ms
            (&long, Err(SendError::TooLong)),
            (&long[..MAX_OPUS], Ok(())),
        ] {
            assert_eq!(transmitter.push(Bytes::copy_from_slice(opus)), expected);
        }
        while transmitter.queued() < MAX_QUEUED {
            transmitter.push(frame(0)).unwrap();
        }
        assert_eq!(transmitter.push(frame(0)), Err(SendError::Full));
    }

    proptest! {
        /// Sequence numbers have no gap, timestamps agree with the schedule to the sample, and no packet is early.
        #[test]
        fn numbers_and_times_agree(
            steps in proptest::collection::vec((0_u64..150, 0_u8..4, any::<bool>()), 1..200), seed: [u8; 32]
        ) {
            let mut transmitter = Transmitter::new(&mut Entropy::new(seed));
            let (mut now, mut last) = (Timestamp::ZERO, None);
            for (wait, pushed, interrupted) in steps {
                now += Duration::from_millis(wait);
                for number in 0..pushed {
                    transmitter.push(frame(number)).unwrap();
                }
                if interrupted {
                    transmitter.interrupt();
                }
                while let Some(next) = transmitter.next(now) {
                    let Next::Packet { sequence, timestamp, opus } = next else { continue };
                    if let Some((before, stamp, at)) = last {
                        prop_assert_eq!(sequence, u16::wrapping_add(before, 1));
                        let stepped = u32::wrapping_sub(timestamp, stamp);
                        prop_assert!(stepped >= 960);
                        let elapsed = now.since(at).as_millis() as i64 * 48;
                        prop_assert!((i64::from(stepped) - elapsed).abs() <= 4800 + 960, "{stepped} {elapsed}");
                    }
                    prop_assert!(opus::duration(&opus) == Some(960));
                    last = Some((sequence, timestamp, now));
                }
                prop_assert!(transmitter.deadline().is_none_or(|at| at > now));
            }
        }
    }
}
