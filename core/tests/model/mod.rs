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
    /// Interval, next beat, first unanswered beat.
    heart: Option<(Duration, Timestamp, Option<Timestamp>)>,
    opened: Timestamp,
    identified: Option<Timestamp>,
    /// Connections in a row that brought nothing, and that ended soon.
    failures: u32,
    short: u32,
    /// The last URL did not open.
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
                    session.acked = session.acked.max(seq.min(self.received));
                }
            }
            (Stopped, _) => {}
            (_, In::Timeout) => self.time_out(now),
            (Opening, In::Opened) => (self.phase, self.until) = (Greeting, now + secs(20)),
            (Opening, In::Refused) => {
                self.other_url ^= true;
                self.end(now, "refused", None, Then::Resume, None);
            }
            (_, In::Lost) => self.end(now, "lost", None, Then::Resume, None),
            (_, In::Closed(code)) => match code {
                4004 | 4010..=4014 => self.stop(None, false),
                4003 | 4005 | 4007 => self.end(now, "closed", None, Then::Identify, None),
                _ => self.end(now, "closed", None, Then::Resume, None),
            },
            (Greeting, In::Hello(interval)) => {
                self.heart = Some((interval, now, None));
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
                self.phase = Ready;
                self.deliver(seq, false);
                self.connected(now, false);
            }
            (Resuming, In::Resumed(seq)) => {
                self.phase = Ready;
                self.deliver(seq.max(self.received), false);
                self.connected(now, true);
            }
            (Ready | Resuming, In::Dispatch(seq) | In::Ready(_, seq) | In::Resumed(seq))
                if seq <= self.received + (1 << 20) =>
            {
                if seq > self.received {
                    self.until = now + secs(60);
                    self.replayed += 1;
                    self.deliver(seq, self.phase == Resuming);
                }
            }
            (_, In::Dispatch(_) | In::Ready(..) | In::Resumed(_) | In::UnknownOpcode) => {
                self.out.push(Out::Unrecognised);
            }
            (_, In::AskHeartbeat) => self.ask_heartbeat(now),
            (_, In::Reconnect) => {
                let healthy = self.failures == 0 && self.short == 0;
                let wait = healthy.then_some((Duration::ZERO, Duration::ZERO));
                self.end(now, "op 7", Some(true), Then::Resume, wait);
            }
            (_, In::InvalidSession(resumable)) => {
                let then = if resumable { Then::Resume } else { Then::Identify };
                self.end(now, "op 9", Some(resumable), then, Some((secs(1), secs(5))));
            }
            (_, In::HeartbeatAck) => {
                if let Some(since) = self.heart.as_mut().and_then(|heart| heart.2.take()) {
                    self.out.push(Out::Acknowledged(now.since(since)));
                }
            }
            (_, In::Malformed) => self.end(now, "malformed", Some(true), Then::Resume, None),
            (_, In::Send(command)) => {
                self.queue.push_back(command);
                self.flush(now);
            }
            (Ready, In::Probe) if self.heart.is_some_and(|heart| heart.2.is_none()) => {
                self.ask_heartbeat(now)
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
                self.end(now, "by user", Some(keep), then, Some((Duration::ZERO, Duration::ZERO)));
            }
            (_, In::Suspend) => self.stop(self.has_socket().then_some(true), true),
            (_, In::Stop) => self.stop(self.has_socket().then_some(false), false),
            (_, In::Opened | In::Refused | In::Hello(_) | In::Probe | In::Grant) => {}
        }
        std::mem::take(&mut self.out)
    }

    /// Takes over a drawn deadline. Answers with what the shard should wait for.
    pub(crate) fn deadline(&mut self, wait: Option<Timestamp>) -> Option<Timestamp> {
        if let (Some((least, most)), Some(wait)) = (self.drawn.take(), wait) {
            assert!((least..=most).contains(&wait), "waits until {wait:?}, not from {least:?} to {most:?}");
            if let Some(heart) = &mut self.heart { heart.1 = wait } else { self.until = wait }
        }
        let queued = self.sent.len().checked_sub(self.commands()).filter(|_| !self.queue.is_empty());
        let phase = match self.phase {
            Phase::Ready => queued.map(|at| self.sent[at] + secs(61)),
            Phase::Queued | Phase::Stopped => None,
            _ => Some(self.until),
        };
        soonest(phase, self.heart.map(|heart| heart.1))
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
            self.other_url ^= self.phase == Phase::Opening;
            self.end(now, "timed out", Some(true), Then::Resume, None);
        }
        match self.heart {
            Some((interval, next, _)) if next + interval < now => {
                self.end(now, "overslept", Some(true), Then::Resume, None);
            }
            Some((_, next, Some(_))) if next <= now => {
                self.end(now, "zombie", Some(true), Then::Resume, None)
            }
            Some((interval, next, None)) if next <= now => {
                self.heart = Some((interval, now + interval, Some(now)));
                self.beat(now);
            }
            _ => {}
        }
        self.flush(now);
    }

    /// A beat out of turn, as long as the beats that are due leave room for it.
    fn ask_heartbeat(&mut self, now: Timestamp) {
        let recent = self.recent(now);
        if let Some((interval, _, since)) = &mut self.heart
            && recent + beats(*interval) < 120
        {
            since.get_or_insert(now);
            self.beat(now);
        }
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
        120 - self.heart.map_or(6, |heart| (beats(heart.0) + 4).max(6))
    }

    fn flush(&mut self, now: Timestamp) {
        while self.phase == Phase::Ready && self.recent(now) < self.commands() {
            let Some(command) = self.queue.pop_front() else { return };
            self.send(now, Out::Command(command));
        }
    }

    fn deliver(&mut self, seq: u64, replayed: bool) {
        (self.received, self.failures, self.other_url) = (seq, 0, false);
        let at_least_once = self.rules.at_least_once;
        if let Some(session) = &mut self.session {
            session.delivered = session.delivered.max(seq);
            session.acked = if at_least_once { session.acked } else { seq };
        }
        self.out.push(Out::Dispatch { seq, replayed, duplicate: seq <= self.duplicates_to });
    }

    fn connected(&mut self, now: Timestamp, resumed: bool) {
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
        wait: Option<(Duration, Duration)>,
    ) {
        if let Some(keeps_session) = close {
            self.out.push(Out::Close { keeps_session });
        }
        (self.heart, self.phase) = (None, Phase::Waiting);
        self.short = if now.since(self.opened) < secs(10) { self.short + 1 } else { 0 };
        if then == Then::Identify && self.session.take().is_some() {
            (self.gap, self.received) = (true, 0);
        }
        let wait = wait.unwrap_or((backoff(self.failures).0, backoff(self.failures.max(self.short)).1));
        self.failures += u32::from(why != "by user");
        if self.rules.attempts.is_some_and(|attempts| self.failures >= attempts) {
            return self.stop(None, false);
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
