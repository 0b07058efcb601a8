//! How connections and calls end, and what follows.

use alloc::boxed::Box;

use super::{AWAIT_LIMIT, Call, RESUME_TRIES, SENT_AWAY, SHORTEST_WAIT, count_media};
use crate::backoff;
use crate::close::{END_SESSION, KEEP_SESSION};
use crate::machine::{CloseFrame, Output, SocketId};
use crate::voice::close::Action;
use crate::voice::event::{Disconnect, Ended, Event, Next, Statistics};
use crate::voice::media::Media;
use crate::voice::phase::{Phase, Step};
use crate::voice::tally;

impl Call {
    /// The connection failed: resume it, if there is a session to resume, or ask for the channel again.
    pub(super) fn fail(&mut self, reason: Disconnect, action: Action) {
        let has_session = self.media.as_ref().is_some_and(Media::is_keyed);
        let resume = action == Action::Resume && has_session && self.resumes_tried < RESUME_TRIES;
        self.resumes_tried += u32::from(resume);
        self.drop_connection(if resume { KEEP_SESSION } else { END_SESSION });
        // A server that sends us away again and again is not tried at the network's speed.
        if action == Action::Await && self.sent_away < SENT_AWAY {
            self.sent_away += 1;
            self.drop_media();
            self.server = None;
            self.was_sent_away = true;
            self.step(Step::Await(self.now + AWAIT_LIMIT));
            self.out.event(Event::Disconnected { reason, next: Next::Await });
            return;
        }
        let wait = backoff::delay(self.attempt, &mut self.entropy).max(SHORTEST_WAIT);
        self.attempt = self.attempt.saturating_add(1);
        if self.config.attempts.is_some_and(|attempts| self.attempt >= attempts) {
            self.end(Ended::GaveUp { reason: Box::new(reason) });
            return;
        }
        if !resume {
            self.drop_media();
        }
        self.step(Step::Disconnect(self.now + wait, resume));
        let next = if resume { Next::Resume(wait) } else { Next::Rejoin(wait) };
        self.out.event(Event::Disconnected { reason, next });
    }

    /// Closes the WebSocket, if there is one.
    pub(super) fn drop_connection(&mut self, code: u16) {
        if let Some(socket) = self.phase.socket() {
            self.out.push(Output::Close(socket, Some(CloseFrame::new(code))));
            self.forget_connection();
        }
    }

    /// Forgets a WebSocket that is gone or closed already.
    pub(super) fn forget_connection(&mut self) {
        self.heart = None;
        if self.phase.socket().is_some() {
            self.counters.disconnects += 1;
            self.step(Step::Disconnect(self.now + SHORTEST_WAIT, false));
        }
    }

    /// Closes the UDP socket, if there is one. The voice session is over, and its encryption with it.
    pub(super) fn drop_media(&mut self) {
        self.encryption = None;
        if let Some(socket) = self.forget_media() {
            self.out.push(Output::Close(socket, None));
        }
    }

    /// Forgets a UDP half that is gone already, but not what it counted.
    pub(super) fn forget_media(&mut self) -> Option<SocketId> {
        let media = self.media.take()?;
        self.interrupt();
        count_media(&mut self.counters, &media);
        for (user, tally) in media.tallies() {
            tally::add(&mut self.tallies, user, tally);
        }
        Some(media.socket())
    }

    pub(super) fn end(&mut self, reason: Ended) {
        if self.phase == Phase::Ended {
            return;
        }
        // Where Discord may still count us in, say that we leave.
        if !matches!(reason, Ended::Removed | Ended::GatewayStopped) {
            self.update_voice_state(None);
        }
        self.close(reason);
    }

    pub(super) fn close(&mut self, reason: Ended) {
        if self.phase == Phase::Ended {
            return;
        }
        self.drop_connection(END_SESSION);
        self.drop_media();
        self.step(Step::End);
        let statistics = Statistics {
            counters: self.counters(),
            speakers: core::mem::take(&mut self.tallies),
            latency: self.latency,
        };
        self.out.event(Event::Ended { reason, statistics: Box::new(statistics) });
    }
}
