//! How a shard connects, and what follows when a connection ends.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;

use crate::backoff;
use crate::close::{END_SESSION, KEEP_SESSION};
use crate::gateway::close::{Action, close_code};
use crate::gateway::event::{Disconnect, Event, Stopped};
use crate::gateway::identify::IDENTIFY_SPACING;
use crate::gateway::phase::{Phase, Step};
use crate::gateway::session::Session;
use crate::gateway::shard::{Identifies, Shard};
use crate::heart::Beat;
use crate::machine::{CloseFrame, Closed, Output, is_web_socket_url};
use crate::time::{Duration, Timestamp};

/// How long to wait before the next attempt.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wait {
    /// Not at all.
    None,
    /// As long as earlier failures say, and not less than this.
    BackOff(Duration),
}

impl Shard {
    /// Connects; first waits for its turn where a session is to be started.
    pub(super) fn open(&mut self) {
        if self.session.is_none() && self.identifies == Identifies::WhenGranted && !self.granted {
            if self.step(Step::Queue) {
                self.out.event(Event::AwaitingIdentify);
            }
            return;
        }
        // Identify goes to the first URL, Resume to the one that READY named.
        let base = match &self.session {
            Some(Session { resume_url: Some(url), .. }) if !self.distrust_resume_url => url,
            _ => &self.url,
        };
        let base = if is_web_socket_url(base) { String::from(&**base) } else { format!("wss://{base}") };
        let compression = self.config.compression.query();
        let url = format!("{}/?v=10&encoding=json{compression}", base.trim_end_matches('/'));
        let socket = self.scope.socket();
        if self.step(Step::Open(socket, self.now + OPEN_LIMIT)) {
            self.opened = self.now;
            self.counters.connects += 1;
            self.out.push(Output::OpenWebSocket { socket, url: url.into() });
        }
    }

    pub(super) fn on_closed(&mut self, closed: Closed) {
        let action = match &closed {
            Closed::ByPeer(Some(frame)) => {
                let code = close_code(frame.code);
                if code.action == Action::Stop {
                    self.abandon_socket();
                    self.end(Stopped::Refused { code, reason: frame.reason.clone() }, END_SESSION);
                    return;
                }
                code.action
            }
            Closed::ByPeer(None) | Closed::Lost { .. } | Closed::Refused { .. } => Action::Resume,
        };
        self.abandon_socket();
        self.disconnect(Disconnect::Closed(closed), action, BACK_OFF);
    }

    pub(super) fn on_timeout(&mut self) {
        if self.phase.deadline().is_some_and(|until| until <= self.now) {
            match self.phase {
                Phase::Waiting { .. } => self.open(),
                Phase::Opening { .. } => self.time_out("connection"),
                Phase::Greeting { .. } => self.time_out("Hello"),
                Phase::Identifying { .. } => self.time_out("READY"),
                Phase::Resuming { .. } => self.time_out("RESUMED"),
                Phase::Queued | Phase::Ready { .. } | Phase::Stopped => {}
            }
        }
        match self.heart.as_mut().map_or(Beat::Wait, |heart| heart.beat(self.now)) {
            Beat::Wait => {}
            Beat::Send => self.push_heartbeat(),
            Beat::Zombie => {
                self.counters.zombies += 1;
                self.disconnect(Disconnect::Zombie, Action::Resume, BACK_OFF);
            }
            Beat::Overslept(by) => self.disconnect(Disconnect::Overslept { by }, Action::Resume, BACK_OFF),
        }
        while let Some(answer) = self.members.timed_out(self.now) {
            self.answer(Some(answer));
        }
        self.flush_commands();
    }

    fn time_out(&mut self, awaiting: &'static str) {
        self.disconnect(Disconnect::TimedOut { awaiting }, Action::Resume, BACK_OFF);
    }

    /// Forgets a socket that is gone already, so that it is not closed again.
    fn abandon_socket(&mut self) {
        self.heart = None;
        self.inflater = None;
        self.outgoing.budget.reconnect();
        let was_ready = matches!(self.phase, Phase::Ready { .. });
        // The socket leaves with the phase; `disconnect` and `end` find none to close.
        if self.phase.socket().is_some() && self.step(Step::Disconnect(self.now)) {
            self.counters.disconnects += 1;
            // protocol: if the resume URL does not connect, fall back to the first one. One that opens and then leads
            // nowhere is no better, and the first one may be the worse of the two.
            self.distrust_resume_url ^= self.session.is_some() && !was_ready;
            self.flaps = if self.now.since(self.opened) < FLAP { self.flaps.saturating_add(1) } else { 0 };
        }
    }

    /// When this shard may identify again, as far as its own identifies go.
    pub(super) fn may_identify_at(&self) -> Timestamp {
        self.identified.map_or(Timestamp::ZERO, |identified| identified + IDENTIFY_SPACING)
    }

    pub(super) fn lose_session(&mut self) {
        if self.session.take().is_some() {
            self.gap = true;
            self.counters.sessions_lost += 1;
            self.received = 0;
            while let Some(answer) = self.members.lost() {
                self.answer(Some(answer));
            }
        }
    }

    /// Ends the connection and plans the next.
    pub(super) fn disconnect(&mut self, reason: Disconnect, action: Action, wait: Wait) {
        if let Some(socket) = self.phase.socket() {
            let code = if action == Action::Resume { KEEP_SESSION } else { END_SESSION };
            self.out.push(Output::Close(socket, Some(CloseFrame::new(code))));
            self.abandon_socket();
        }
        if action == Action::Identify {
            self.lose_session();
        }
        self.granted = false;
        let failures = self.attempt.max(self.flaps.saturating_sub(1));
        let mut retry_in = match wait {
            Wait::None => Duration::ZERO,
            Wait::BackOff(least) => backoff::delay(failures, &mut self.entropy).max(least),
        };
        if reason != Disconnect::ByUser {
            self.attempt = self.attempt.saturating_add(1);
        }
        if self.config.attempts.is_some_and(|attempts| self.attempt >= attempts) {
            self.end(Stopped::GaveUp { reason: Box::new(reason) }, KEEP_SESSION);
            return;
        }
        if self.session.is_none() {
            retry_in = retry_in.max(self.may_identify_at().since(self.now));
        }
        self.phase = Phase::Waiting { until: self.now + retry_in };
        let resumable = self.session.is_some();
        self.out.event(Event::Disconnected { reason, resumable, retry_in });
        if retry_in.is_zero() {
            self.open();
        }
    }

    /// Ends the shard. With [`KEEP_SESSION`] the session stays readable.
    pub(super) fn end(&mut self, reason: Stopped, code: u16) {
        if self.phase == Phase::Stopped {
            return;
        }
        if let Some(socket) = self.phase.socket() {
            self.out.push(Output::Close(socket, Some(CloseFrame::new(code))));
        }
        self.heart = None;
        self.inflater = None;
        self.outgoing.clear();
        while let Some(answer) = self.members.stopped() {
            self.answer(Some(answer));
        }
        self.step(Step::Stop);
        let session = self.session().filter(|_| code == KEEP_SESSION);
        if session.is_none() {
            self.session = None;
        }
        self.out.event(Event::Stopped { reason, session, counters: Box::new(self.counters) });
    }
}

/// As earlier failures say.
pub(super) const BACK_OFF: Wait = Wait::BackOff(Duration::ZERO);
/// How long the WebSocket may take to open.
const OPEN_LIMIT: Duration = Duration::from_secs(30);
/// A connection that ends sooner than this after it was opened is followed by a back-off, whatever it brought.
const FLAP: Duration = Duration::from_secs(10);
