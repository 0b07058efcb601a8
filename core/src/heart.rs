//! Heartbeats: when the next one is due, and whether the peer still answers.

use crate::entropy::Entropy;
use crate::time::{Duration, Timestamp};

/// The heartbeat of one connection: a value that says when to beat, usable from any loop or thread. Drop it to stop.
#[derive(Clone, Debug)]
pub struct Heart {
    interval: Duration,
    next: Timestamp,
    /// Beats sent since the last acknowledgement, and when the first of them left.
    unanswered: u32,
    since: Timestamp,
    /// Acknowledgements that are still to come, one for each beat, and when the last of these left.
    owed: u32,
    last: Timestamp,
    /// How many unanswered beats are borne before the connection counts as dead.
    patience: u32,
}

/// What a due heartbeat asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Beat {
    /// Nothing is due yet.
    Wait,
    /// Send a heartbeat now.
    Send,
    /// The peer has stopped answering: a zombie connection.
    Zombie,
    /// The beat is late by more than an interval: the peer has given us up, or is about to.
    Overslept(Duration),
}

impl Heart {
    /// Starts to beat: first after a random part of the interval, so that many clients do not beat at once. Below
    /// 250 ms the interval is taken for that. `patience` is how many unanswered beats are borne, and for how many
    /// intervals: 1 on the main gateway.
    pub fn start(now: Timestamp, interval: Duration, patience: u32, entropy: &mut Entropy) -> Self {
        let interval = interval.max(MIN_INTERVAL);
        let next = now + entropy.up_to(interval);
        Self { interval, next, unanswered: 0, since: now, owed: 0, last: now, patience }
    }

    /// When the next beat is due.
    #[must_use]
    pub const fn deadline(&self) -> Timestamp {
        self.next
    }

    /// To be called at the deadline. The next beat is due an interval later.
    ///
    /// A peer is a zombie if as many beats as are borne went unanswered, and the oldest of them for as many
    /// intervals: one that was sent out of turn just now has not had the time.
    #[must_use]
    pub fn beat(&mut self, now: Timestamp) -> Beat {
        if now < self.next {
            return Beat::Wait;
        }
        let late = now.since(self.next);
        if late > self.interval {
            return Beat::Overslept(late);
        }
        if self.unanswered >= self.patience
            && now.since(self.since) >= self.interval.saturating_mul(self.patience)
        {
            return Beat::Zombie;
        }
        self.next = now + self.interval;
        self.sent(now);
        Beat::Send
    }

    /// The interval.
    #[must_use]
    pub const fn interval(&self) -> Duration {
        self.interval
    }

    /// Whether no acknowledgement is to come: the next one will be for a beat that is sent after this.
    #[must_use]
    pub const fn is_at_rest(&self) -> bool {
        self.unanswered == 0 && self.owed == 0
    }

    /// A beat was sent out of turn; the schedule stays.
    pub fn sent(&mut self, now: Timestamp) {
        if self.unanswered == 0 {
            self.since = now;
        }
        if now.since(self.last) >= self.interval {
            // What has not come in all that time does not come.
            self.owed = 0;
        }
        self.last = now;
        self.unanswered = self.unanswered.saturating_add(1);
        self.owed = self.owed.saturating_add(1);
    }

    /// The peer acknowledged: it lives, whichever beat it means. Answers with the round trip of the oldest one that
    /// was unanswered, unless none was.
    pub fn acknowledged(&mut self, now: Timestamp) -> Option<Duration> {
        self.owed = self.owed.saturating_sub(1);
        if self.unanswered == 0 {
            return None;
        }
        self.unanswered = 0;
        Some(now.since(self.since))
    }
}

/// A heartbeat interval in milliseconds, which may be fractional. What is no number beats each minute.
#[must_use]
pub fn interval(millis: f64) -> Duration {
    Duration::try_from_secs_f64(millis / 1000.0).unwrap_or(Duration::from_secs(60))
}

/// An interval below this is a broken server's; obeying it would flood.
const MIN_INTERVAL: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beats_each_interval_and_notices_silence() {
        let interval = Duration::from_secs(10);
        let mut heart = Heart::start(Timestamp::ZERO, interval, 1, &mut Entropy::new([3; 32]));
        let first = heart.deadline();
        assert!(first < Timestamp::ZERO + interval);
        assert_eq!(heart.beat(Timestamp::from_nanos(first.as_nanos() - 1)), Beat::Wait);
        assert_eq!(heart.beat(first), Beat::Send);
        assert_eq!(heart.acknowledged(first + Duration::from_millis(30)), Some(Duration::from_millis(30)));
        assert_eq!(heart.acknowledged(first + Duration::from_millis(31)), None);
        assert_eq!(heart.deadline(), first + interval);
        assert_eq!(heart.beat(first + interval), Beat::Send);
        assert_eq!(heart.beat(first + interval * 2), Beat::Zombie);
    }

    #[test]
    fn a_beat_out_of_turn_gets_the_time_that_any_other_gets() {
        let interval = Duration::from_secs(10);
        for (patience, sent) in [(1, 1), (1, 3), (3, 1), (3, 3)] {
            let mut heart = Heart::start(Timestamp::ZERO, interval, patience, &mut Entropy::new([3; 32]));
            let mut due = heart.deadline();
            let asked = Timestamp::from_nanos(due.as_nanos() - 1);
            for _ in 0..sent {
                heart.sent(asked);
            }
            for _ in 0..patience {
                assert_eq!(heart.beat(due), Beat::Send, "patience {patience}, {sent} asked for");
                due += interval;
            }
            assert_eq!(heart.beat(due), Beat::Zombie, "patience {patience}, {sent} asked for");
            let mut answered = heart.clone();
            assert_eq!(answered.acknowledged(due), Some(due.since(asked)));
            assert_eq!(answered.beat(due), Beat::Send);
        }
    }

    #[test]
    fn is_at_rest_once_every_beat_was_acknowledged() {
        let interval = Duration::from_secs(10);
        let mut heart = Heart::start(Timestamp::ZERO, interval, 1, &mut Entropy::new([3; 32]));
        let due = heart.deadline();
        heart.sent(due);
        assert_eq!(heart.beat(due), Beat::Send);
        assert!(heart.acknowledged(due).is_some());
        assert!(!heart.is_at_rest(), "one acknowledgement is still to come");
        assert_eq!(heart.acknowledged(due), None);
        assert!(heart.is_at_rest());
        // A peer that acknowledges two at once is taken for one that is at rest an interval later.
        heart.sent(due);
        heart.sent(due);
        assert!(heart.acknowledged(due).is_some() && !heart.is_at_rest());
        assert_eq!(heart.beat(due + interval), Beat::Send);
        assert!(heart.acknowledged(due + interval).is_some() && heart.is_at_rest());
    }

    #[test]
    fn a_clock_that_jumped_is_noticed() {
        let interval = Duration::from_secs(10);
        let mut heart = Heart::start(Timestamp::ZERO, interval, 1, &mut Entropy::new([3; 32]));
        let first = heart.deadline();
        assert_eq!(heart.beat(first + interval), Beat::Send);
        let late = interval + Duration::from_nanos(1);
        assert_eq!(heart.beat(heart.deadline() + late), Beat::Overslept(late));
    }
}
