//! A reference model of a shard, seen from outside: what goes out and what is told after each input.
//!
//! Written from the protocol alone, and deterministic but for the random waits: of these it knows the bounds, and takes
//! over the deadline that the shard names. One step is one input with all that follows from it.

use std::collections::VecDeque;
use std::time::Duration;

use sanscord::time::{Timestamp, soonest};

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// What happens to a shard. Messages and closings happen only while there is a socket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum In {
    Timeout,
    Opened,
    Refused,
    Lost,
    Closed(u16),
    Hello(Duration),
    /// A new session of this name.
    Ready(u64, u64),
    Resumed(u64),
    Dispatch(u64),
    /// One that the user wants as long as [`In::Interest`] says so.
    Chatter(u64),
    AskHeartbeat,
    Reconnect,
    InvalidSession(bool),
    HeartbeatAck,
    Malformed,
    UnknownOpcode,
    // From here on, the user's.
    Send(u64),
    Probe,
    /// Acknowledges a dispatch: the [`Model::era`] in which it was delivered, and its number.
    Ack(u32, u64),
    Interest(bool),
    Grant,
    ReconnectByUser(bool),
    Suspend,
    Stop,
}

/// What a shard does about it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Out {
    /// To the resume URL of this session, or to the first one.
    Open(Option<u64>),
    Close {
        keeps_session: bool,
    },
    Heartbeat(Option<u64>),
    Identify,
    Resume {
        session: u64,
        seq: u64,
    },
    Command(u64),
    AwaitingIdentify,
    Identified,
    Dispatch {
        seq: u64,
        replayed: bool,
        duplicate: bool,
    },
    Connected {
        resumed: bool,
        replayed: u64,
        gap: bool,
    },
    Acknowledged(Duration),
    Disconnected {
        why: &'static str,
        resumable: bool,
    },
    Unrecognised,
    Stopped {
        session: bool,
    },
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Phase {
    #[default]
    Waiting,
    Queued,
    Opening,
    Greeting,
    Identifying,
    Resuming,
    Ready,
    Stopped,
}

/// What follows the end of a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Then {
    Resume,
    Identify,
}

/// How long, where it is not as failures say.
#[derive(Clone, Copy, Debug)]
enum Wait {
    Not,
    /// A random time between these, if that is longer.
    Longer(Duration, Duration),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Session {
    pub(crate) id: u64,
    /// Up to here, dispatches count as received when another process resumes.
    pub(crate) acked: u64,
    /// Up to here, dispatches were delivered by this or an earlier process.
    pub(crate) delivered: u64,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rules {
    pub(crate) when_granted: bool,
    pub(crate) at_least_once: bool,
    pub(crate) attempts: Option<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Heart {
    interval: Duration,
    next: Timestamp,
    /// The oldest beat since the last acknowledgement.
    since: Option<Timestamp>,
    last: Timestamp,
    /// Acknowledgements to come for what was sent at `last`, and up to an interval before the beat after.
    to_come: u32,
}

impl Heart {
    fn sent(&mut self, now: Timestamp) {
        let rest = if self.last + self.interval <= now { 0 } else { self.to_come };
        (self.to_come, self.last) = (rest + 1, now);
        self.since.get_or_insert(now);
    }
}

#[derive(Debug, Default)]
pub(crate) struct Model {
    pub(crate) rules: Rules,
    pub(crate) phase: Phase,
    pub(crate) session: Option<Session>,
    pub(crate) received: u64,
    /// Counts sessions and processes.
    pub(crate) era: u32,
    pub(crate) queue: VecDeque<u64>,
    duplicates_to: u64,
    replayed: u64,
    gap: bool,
    until: Timestamp,
    /// The bounds of a deadline that the shard draws.
    drawn: Option<(Timestamp, Timestamp)>,
    heart: Option<Heart>,
    /// What was delivered in this session and is not acknowledged, if anybody is to.
    open: Vec<u64>,
    bored: bool,
    pub(crate) stray_hellos: u64,
    pub(crate) asks_unanswered: u64,
    opened: Timestamp,
    identified: Option<Timestamp>,
    /// Connections in a row that brought nothing, and that ended soon.
    failures: u32,
    short: u32,
    /// The last URL led to no session.
    other_url: bool,
    sent: Vec<Timestamp>,
    out: Vec<Out>,
}

impl Model {
    pub(crate) fn new(rules: Rules, session: Option<Session>, era: u32) -> Self {
        let (received, duplicates_to) = session.map_or((0, 0), |session| (session.acked, session.delivered));
        Self { rules, session, received, duplicates_to, era, ..Self::default() }
    }

    pub(crate) fn step(&mut self, now: Timestamp, input: In) -> Vec<Out> {
        use Phase::{Greeting, Identifying, Opening, Queued, Ready, Resuming, Stopped, Waiting};
        match (self.phase, input) {
            (_, In::Ack(era, seq)) => {
                if let Some(session) = self.session.as_mut().filter(|_| era == self.era) {
                    self.open.retain(|open| *open > seq);
                    let all = if self.open.is_empty() { self.received } else { seq };
                    session.acked = session.acked.max(all);
                }
            }
            (_, In::Interest(wanted)) => self.bored = !wanted,
            (Stopped, _) => {}
            (_, In::Timeout) => self.time_out(now),
            (Opening, In::Opened) => (self.phase, self.until) = (Greeting, now + secs(20)),
            (Opening, In::Refused) => self.end(now, "refused", None, Then::Resume, None),
            (_, In::Lost) => self.end(now, "lost", None, Then::Resume, None),
            (_, In::Closed(code)) => match code {
                4004 | 4010..=4014 => self.stop(None, false),
                4003 | 4005 | 4007 => self.end(now, "closed", None, Then::Identify, None),
                _ => self.end(now, "closed", None, Then::Resume, None),
            },
            (Greeting, In::Hello(interval)) => {
                self.heart = Some(Heart { interval, next: now, since: None, last: now, to_come: 0 });
                self.drawn = Some((now, now + interval));
                self.until = now + secs(60);
                if let Some(Session { id, .. }) = self.session {
                    (self.phase, self.replayed) = (Resuming, 0);
                    self.send(now, Out::Resume { session: id, seq: self.received });
                } else {
                    (self.phase, self.identified) = (Identifying, Some(now));
                    self.send(now, Out::Identify);
                    self.out.push(Out::Identified);
                }
            }
            (Identifying, In::Ready(id, seq)) => {
                self.session = Some(Session { id, acked: 0, delivered: seq });
                (self.received, self.duplicates_to, self.era) = (0, 0, self.era + 1);
                self.open.clear();
                self.phase = Ready;
                self.deliver(seq, false, true);
                self.connected(now, false);
            }
            (Resuming, In::Resumed(seq)) => {
                self.phase = Ready;
                self.deliver(seq.max(self.received), false, true);
                self.connected(now, true);
            }
            (
                Ready | Resuming,
                In::Dispatch(seq) | In::Chatter(seq) | In::Ready(_, seq) | In::Resumed(seq),
            ) if seq <= self.received + (1 << 20) => {
                if seq > self.received {
                    self.until = now + secs(60);
                    self.replayed += 1;
                    let wanted = !self.bored || !matches!(input, In::Chatter(_));
                    self.deliver(seq, self.phase == Resuming, wanted);
                }
            }
            (_, In::Dispatch(_) | In::Chatter(_) | In::Ready(..) | In::Resumed(_) | In::UnknownOpcode) => {
                self.out.push(Out::Unrecognised);
            }
            (_, In::AskHeartbeat) => {
                if !self.ask_heartbeat(now) {
                    self.asks_unanswered += 1;
                }
            }
            (_, In::Hello(_)) => self.stray_hellos += 1,
            (_, In::Reconnect) => {
                let healthy = self.failures == 0 && self.short == 0;
                let wait = healthy.then_some(Wait::Not);
                self.end(now, "op 7", Some(true), Then::Resume, wait);
            }
            (_, In::InvalidSession(resumable)) => {
                let then = if resumable { Then::Resume } else { Then::Identify };
                self.end(now, "op 9", Some(resumable), then, Some(Wait::Longer(secs(1), secs(5))));
            }
            (_, In::HeartbeatAck) => {
                if let Some(heart) = &mut self.heart {
                    heart.to_come = heart.to_come.saturating_sub(1);
                    self.out.extend(heart.since.take().map(|since| Out::Acknowledged(now.since(since))));
                }
            }
            (_, In::Malformed) => self.end(now, "malformed", Some(true), Then::Resume, None),
            (_, In::Send(command)) => {
                self.queue.push_back(command);
                self.flush(now);
            }
            (Ready, In::Probe) => {
                if self.heart.is_some_and(|heart| heart.since.is_none() && heart.to_come == 0) {
                    self.ask_heartbeat(now);
                }
            }
            (Queued, In::Grant) => self.connect(now, true),
            (Waiting | Queued, In::ReconnectByUser(keep)) => {
                if !keep && self.session.take().is_some() {
                    self.gap = true;
                    self.draw(now, (self.until.since(now), self.until.since(now)));
                }
            }
            (_, In::ReconnectByUser(keep)) => {
                let then = if keep { Then::Resume } else { Then::Identify };
                self.end(now, "by user", Some(keep), then, Some(Wait::Not));
            }
            (_, In::Suspend) => self.stop(self.has_socket().then_some(true), true),
            (_, In::Stop) => self.stop(self.has_socket().then_some(false), false),
            (_, In::Opened | In::Refused | In::Probe | In::Grant) => {}
        }
        std::mem::take(&mut self.out)
    }

    /// Takes over a drawn deadline. Answers with what the shard should wait for.
    pub(crate) fn deadline(&mut self, wait: Option<Timestamp>) -> Option<Timestamp> {
        if let (Some((least, most)), Some(wait)) = (self.drawn.take(), wait) {
            assert!((least..=most).contains(&wait), "waits until {wait:?}, not from {least:?} to {most:?}");
            if let Some(heart) = &mut self.heart { heart.next = wait } else { self.until = wait }
        }
        let queued = self.sent.len().checked_sub(self.commands()).filter(|_| !self.queue.is_empty());
        let phase = match self.phase {
            Phase::Ready => queued.map(|at| self.sent[at] + secs(61)),
            Phase::Queued | Phase::Stopped => None,
            _ => Some(self.until),
        };
        soonest(phase, self.heart.map(|heart| heart.next))
    }

    pub(crate) fn has_socket(&self) -> bool {
        !matches!(self.phase, Phase::Waiting | Phase::Queued | Phase::Stopped)
    }

    fn connect(&mut self, now: Timestamp, granted: bool) {
        if self.session.is_none() && self.rules.when_granted && !granted {
            self.phase = Phase::Queued;
            self.out.push(Out::AwaitingIdentify);
        } else {
            (self.phase, self.until, self.opened) = (Phase::Opening, now + secs(30), now);
            self.sent.clear();
            let url = self.session.filter(|_| !self.other_url).map(|session| session.id);
            self.out.push(Out::Open(url));
        }
    }

    fn time_out(&mut self, now: Timestamp) {
        if self.phase == Phase::Waiting && self.until <= now {
            self.connect(now, false);
        } else if self.has_socket() && self.phase != Phase::Ready && self.until <= now {
            self.end(now, "timed out", Some(true), Then::Resume, None);
        }
        if let Some(heart) = self.heart.as_mut().filter(|heart| heart.next <= now) {
            if heart.next + heart.interval < now {
                self.end(now, "overslept", Some(true), Then::Resume, None);
            } else if heart.since.is_some_and(|since| since + heart.interval <= now) {
                self.end(now, "zombie", Some(true), Then::Resume, None);
            } else {
                heart.next = now + heart.interval;
                heart.sent(now);
                self.beat(now);
            }
        }
        self.flush(now);
    }

    /// A beat out of turn, as long as the beats that are due leave room for it. Answers whether they do.
    fn ask_heartbeat(&mut self, now: Timestamp) -> bool {
        let recent = self.recent(now);
        let room = self.heart.as_mut().filter(|heart| recent + beats(heart.interval) < 120);
        let has_room = room.is_some();
        if let Some(heart) = room {
            heart.sent(now);
            self.beat(now);
        }
        has_room
    }

    fn beat(&mut self, now: Timestamp) {
        self.send(now, Out::Heartbeat(self.session.map(|session| session.acked)));
    }

    fn send(&mut self, now: Timestamp, frame: Out) {
        self.sent.push(now);
        self.out.push(frame);
        assert!(self.recent(now) <= 120);
    }

    /// How many messages went out in the last minute.
    fn recent(&self, now: Timestamp) -> usize {
        self.sent.iter().filter(|at| **at + secs(61) > now).count()
    }

    /// How many of them may be commands: six or more are kept for heartbeats and the like.
    fn commands(&self) -> usize {
        120 - self.heart.map_or(6, |heart| (beats(heart.interval) + 4).max(6))
    }

    fn flush(&mut self, now: Timestamp) {
        while self.phase == Phase::Ready && self.recent(now) < self.commands() {
            let Some(command) = self.queue.pop_front() else { return };
            self.send(now, Out::Command(command));
        }
    }

    fn deliver(&mut self, seq: u64, replayed: bool, wanted: bool) {
        (self.received, self.failures) = (seq, 0);
        if let Some(session) = &mut self.session {
            session.delivered = session.delivered.max(seq);
            if self.rules.at_least_once && wanted && seq > session.acked {
                self.open.push(seq);
            }
            if self.open.is_empty() {
                session.acked = seq;
            }
        }
        if wanted {
            self.out.push(Out::Dispatch { seq, replayed, duplicate: seq <= self.duplicates_to });
        }
    }

    fn connected(&mut self, now: Timestamp, resumed: bool) {
        self.other_url = false;
        let replayed = if resumed { self.replayed } else { 0 };
        self.out.push(Out::Connected { resumed, replayed, gap: std::mem::take(&mut self.gap) });
        self.flush(now);
    }

    /// The connection ends: `close` if by us, and then whether the close code keeps the session.
    fn end(
        &mut self,
        now: Timestamp,
        why: &'static str,
        close: Option<bool>,
        then: Then,
        wait: Option<Wait>,
    ) {
        if let Some(keeps_session) = close {
            self.out.push(Out::Close { keeps_session });
        }
        // Where a session does not come back, it may be for the URL.
        self.other_url ^= self.phase != Phase::Ready && self.session.is_some();
        (self.heart, self.phase) = (None, Phase::Waiting);
        self.short = if now.since(self.opened) < secs(10) { self.short + 1 } else { 0 };
        if then == Then::Identify && self.session.take().is_some() {
            (self.gap, self.received) = (true, 0);
        }
        let (least, most) = (backoff(self.failures).0, backoff(self.failures.max(self.short)).1);
        let wait = match wait {
            None => (least, most),
            Some(Wait::Not) => (Duration::ZERO, Duration::ZERO),
            Some(Wait::Longer(floor, ceiling)) => (least.max(floor), most.max(ceiling)),
        };
        self.failures += u32::from(why != "by user");
        if self.rules.attempts.is_some_and(|attempts| self.failures >= attempts) {
            return self.stop(None, true);
        }
        self.out.push(Out::Disconnected { why, resumable: self.session.is_some() });
        if !self.draw(now, wait) {
            self.connect(now, false);
        }
    }

    /// Waits; no two Identify within five seconds and a half. Answers whether there is anything to wait for.
    fn draw(&mut self, now: Timestamp, (least, most): (Duration, Duration)) -> bool {
        let identified = self.identified.filter(|_| self.session.is_none());
        let spacing = identified.map_or(Duration::ZERO, |at| (at + Duration::from_millis(5500)).since(now));
        let (least, most) = (least.max(spacing), most.max(spacing));
        self.drawn = (!most.is_zero()).then_some((now + least, now + most));
        !most.is_zero()
    }

    fn stop(&mut self, close: Option<bool>, keeps_session: bool) {
        self.out.extend(close.map(|keeps_session| Out::Close { keeps_session }));
        self.phase = Phase::Stopped;
        self.heart = None;
        self.queue.clear();
        self.session = self.session.filter(|_| keeps_session);
        self.out.push(Out::Stopped { session: self.session.is_some() });
    }
}

/// How many heartbeats there are in the time in which 120 messages may be sent.
fn beats(interval: Duration) -> usize {
    secs(61).as_millis().div_ceil(interval.as_millis()) as usize
}

/// From half to the whole of 1, 2, 4 ... 60 s; the first wait is short.
fn backoff(failures: u32) -> (Duration, Duration) {
    let Some(doublings) = failures.checked_sub(1) else { return (Duration::ZERO, secs(1) / 2) };
    let whole = secs(1 << doublings.min(6)).min(secs(60));
    (whole / 2, whole)
}
