//! What a server expects of a client's heartbeats and acknowledgements.

use std::collections::VecDeque;

use sanscord::time::{Duration, Timestamp};

/// One connection's heartbeats.
pub(crate) struct Pulse {
    interval: Duration,
    tolerance: Duration,
    /// The shortest time between beats that were not asked for.
    shortest: Duration,
    /// The last sign of life.
    alive: Timestamp,
    /// The last beat that was not asked for.
    last: Option<Timestamp>,
    requested: bool,
}

impl Pulse {
    /// The pulse of a connection whose Hello goes out now.
    pub(crate) const fn new(
        now: Timestamp,
        interval: Duration,
        shortest: Duration,
        tolerance: Duration,
    ) -> Self {
        Self { interval, tolerance, shortest, alive: now, last: None, requested: false }
    }

    /// Notes that the server asked for a heartbeat.
    pub(crate) const fn request(&mut self) {
        self.requested = true;
    }

    /// Takes a heartbeat; an error says what is wrong with its time.
    pub(crate) fn beat(&mut self, now: Timestamp) -> Result<(), String> {
        let silence = now.since(self.alive);
        let late = silence > self.interval + self.tolerance;
        self.alive = now;
        if std::mem::take(&mut self.requested) {
            return Ok(());
        }
        let gap = self.last.replace(now).map(|last| now.since(last));
        match gap {
            _ if late => {
                Err(format!("a heartbeat came after {silence:?}, with an interval of {:?}", self.interval))
            }
            Some(gap) if gap < self.shortest => Err(format!(
                "a heartbeat came {gap:?} after the last one, with an interval of {:?}",
                self.interval
            )),
            _ => Ok(()),
        }
    }

    /// When the client counts as dead.
    pub(crate) fn deadline(&self) -> Timestamp {
        self.alive + self.interval * 3 / 2 + self.tolerance
    }
}

/// Which numbered messages a client must have got by now, and which it may have got.
pub(crate) struct Ledger {
    tolerance: Duration,
    /// The newest that has surely arrived.
    arrived: Option<u64>,
    /// The newest that the client named.
    acknowledged: Option<u64>,
    /// The newest that was sent.
    newest: Option<u64>,
    /// Sent, perhaps still on their way, oldest first.
    in_flight: VecDeque<(Timestamp, u64)>,
}

impl Ledger {
    pub(crate) const fn new(tolerance: Duration) -> Self {
        Self { tolerance, arrived: None, acknowledged: None, newest: None, in_flight: VecDeque::new() }
    }

    pub(crate) fn sent(&mut self, now: Timestamp, number: u64) {
        self.settle(now);
        self.newest = self.newest.max(Some(number));
        self.in_flight.push_back((now, number));
    }

    /// The connection is gone: nobody knows what of the last messages arrived.
    pub(crate) fn lost(&mut self, now: Timestamp) {
        self.settle(now);
        self.in_flight.clear();
    }

    /// Takes an acknowledgement; an error says why it cannot be. A client that may acknowledge `late` must have
    /// got no more than it acknowledged before.
    pub(crate) fn acknowledge(
        &mut self,
        now: Timestamp,
        number: Option<u64>,
        late: bool,
    ) -> Result<(), String> {
        self.settle(now);
        if number > self.newest {
            return Err(format!(
                "{} was acknowledged, {} was the last sent",
                show(number),
                show(self.newest)
            ));
        }
        let least = if late { self.acknowledged } else { self.arrived };
        if number < least {
            return Err(format!("{} was acknowledged, {} must have arrived", show(number), show(least)));
        }
        self.arrived = number;
        self.acknowledged = number;
        Ok(())
    }

    /// Takes the place from which a client resumes. The connection may have died before the server noticed,
    /// so that only what the client itself had named must have arrived; and with `late` acknowledgements, nothing:
    /// the client may go on from an older record of its session.
    pub(crate) fn resume(&mut self, number: Option<u64>, late: bool) -> Result<(), String> {
        let least = if late { None } else { self.acknowledged };
        if number > self.newest || number < least {
            let (low, high) = (show(least), show(self.newest));
            return Err(format!("{} is not between {low} and {high}", show(number)));
        }
        self.in_flight.clear();
        self.arrived = number;
        // What was received and not handled yet is not asked for again, and not acknowledged either.
        self.acknowledged = if late { least } else { number };
        Ok(())
    }

    fn settle(&mut self, now: Timestamp) {
        while let Some((at, number)) = self.in_flight.front()
            && now.since(*at) > self.tolerance
        {
            self.arrived = self.arrived.max(Some(*number));
            self.in_flight.pop_front();
        }
    }
}

fn show(number: Option<u64>) -> String {
    number.map_or_else(|| "nothing".into(), |n| n.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    #[test]
    fn beats_too_late_and_too_early_are_told() {
        let mut pulse = Pulse::new(at(0), SECOND * 10, SECOND * 5, SECOND);
        assert_eq!(pulse.beat(at(1)), Ok(()), "the first may come early");
        assert_eq!(pulse.beat(at(11)), Ok(()));
        assert!(pulse.beat(at(23)).is_err(), "late");
        assert!(pulse.beat(at(24)).is_err(), "early");
        pulse.request();
        assert_eq!(pulse.beat(at(25)), Ok(()), "asked for");
        assert_eq!(pulse.beat(at(34)), Ok(()), "the schedule goes on");
        assert_eq!(pulse.deadline(), at(34 + 15 + 1));
    }

    #[test]
    fn acknowledgements_allow_for_what_is_in_flight() {
        let mut ledger = Ledger::new(SECOND);
        assert!(ledger.acknowledge(at(0), Some(1), false).is_err());
        assert_eq!(ledger.acknowledge(at(0), None, false), Ok(()));
        ledger.sent(at(1), 1);
        assert_eq!(ledger.acknowledge(at(1), None, false), Ok(()), "in flight");
        assert_eq!(ledger.acknowledge(at(2), Some(1), false), Ok(()));
        assert!(ledger.acknowledge(at(2), None, false).is_err(), "it had that already");
        ledger.sent(at(3), 2);
        assert!(ledger.acknowledge(at(5), Some(1), false).is_err(), "it must have arrived");
        ledger.sent(at(6), 3);
        ledger.lost(at(6));
        assert_eq!(ledger.acknowledge(at(9), Some(2), false), Ok(()), "lost with the connection");
        assert!(ledger.acknowledge(at(9), Some(4), false).is_err());
        ledger.sent(at(10), 4);
        assert_eq!(ledger.resume(Some(2), false), Ok(()), "the connection was dead");
        assert!(ledger.resume(Some(1), false).is_err(), "it had named more");
    }

    #[test]
    fn late_acknowledgements_never_run_ahead_or_back() {
        let mut ledger = Ledger::new(SECOND);
        (1..=5).for_each(|number| ledger.sent(at(1), number));
        assert!(ledger.acknowledge(at(9), Some(2), false).is_err());
        assert_eq!(ledger.acknowledge(at(9), Some(2), true), Ok(()));
        assert!(ledger.acknowledge(at(9), Some(1), true).is_err(), "it had named more");
        assert!(ledger.acknowledge(at(9), Some(6), true).is_err(), "never sent");
        assert!(ledger.resume(Some(6), true).is_err(), "never sent");
        assert_eq!(ledger.resume(Some(1), true), Ok(()), "from an older record");
        assert_eq!(ledger.acknowledge(at(9), Some(1), true), Ok(()));
    }
}
