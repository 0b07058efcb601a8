//! Transitions: what is prepared, and put in force when the voice server says so.

use super::{FOREVER, MAX_PENDING, Sending, Serial, Session};
use crate::dave::VERSION;
use crate::dave::event::{Event, MlsError, Output};
use crate::dave::ratchet::EXPIRY;
use crate::time::{Duration, Timestamp};

/// How long unencrypted frames pass once a transition to version 0 is prepared, if it is not executed: the others may
/// have switched already, and the voice server executes it within seconds or never. Other clients wait as long.
pub const DOWNGRADE_LIMIT: Duration = Duration::from_secs(120);

/// A transition that waits to be executed.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) transition: u16,
    version: u16,
    serial: Option<Serial>,
}

impl Session {
    /// Op 21, DAVE Prepare Transition. From one to version 0 on, unencrypted frames pass for [`DOWNGRADE_LIMIT`]; if it is
    /// executed, until another version is.
    pub fn handle_prepare_transition(&mut self, now: Timestamp, transition: u16, version: u16) {
        self.tick(now);
        if version > VERSION {
            self.refuse_version(version);
            return;
        }
        if version == 0 {
            self.pass_through_until(now + DOWNGRADE_LIMIT);
        }
        self.prepare(now, transition, version);
    }

    /// Op 22, DAVE Execute Transition. One that was not prepared changes nothing.
    pub fn handle_execute_transition(&mut self, now: Timestamp, transition: u16) {
        self.tick(now);
        let place = self.pending.iter().position(|pending| pending.transition == transition);
        if let Some(pending) = place.and_then(|place| self.pending.remove(place)) {
            self.execute(now, &pending);
        }
    }

    pub(super) fn refuse_version(&mut self, version: u16) {
        let error = MlsError::new("changing the version", format_args!("there is no version {version}"));
        self.out.push_back(Output::Event(Event::Refused(error)));
    }

    /// A transition is ready on our side. Number 0 needs nobody else.
    pub(super) fn prepare(&mut self, now: Timestamp, transition: u16, version: u16) {
        let pending = Pending { transition, version, serial: self.serial };
        if transition == 0 {
            self.execute(now, &pending);
            return;
        }
        self.pending.retain(|pending| pending.transition != transition);
        if self.pending.len() >= MAX_PENDING {
            self.pending.pop_front();
        }
        self.pending.push_back(pending);
        self.out.push_back(Output::TransitionReady(transition));
    }

    fn execute(&mut self, now: Timestamp, pending: &Pending) {
        let &Pending { transition, version, serial } = pending;
        if version == 0 {
            self.group_version = 0;
            self.membership = None;
            self.serial = None;
            self.prepared.clear();
            self.sending = Sending::Clear;
            self.pass_through_until(FOREVER);
        } else {
            // Whether version 0 was in force, or only prepared and then passed over.
            self.end_passthrough(now + EXPIRY);
            self.send_under(serial);
        }
        self.version = version;
        self.watch_for_key();
        self.out.push_back(Output::Event(Event::Executed { transition, version }));
    }

    /// From here on this epoch's keys seal. A sender that seals already goes on: no nonce may come twice.
    fn send_under(&mut self, serial: Option<Serial>) {
        if let (Sending::Sealed(current, _), Some(serial)) = (&self.sending, serial)
            && *current >= serial
        {
            return;
        }
        self.sending = Sending::Nothing;
        while let Some((prepared, sender)) = self.prepared.pop_front() {
            if Some(prepared) == serial {
                self.sending = Sending::Sealed(prepared, sender);
                break;
            }
            if serial.is_none_or(|serial| prepared > serial) {
                self.prepared.push_front((prepared, sender));
                break;
            }
        }
    }

    pub(super) fn pass_through_until(&mut self, at: Timestamp) {
        self.passthrough_until = self.passthrough_until.max(at);
        self.receivers.values_mut().for_each(|receiver| receiver.pass_through_until(at));
    }

    pub(super) fn end_passthrough(&mut self, at: Timestamp) {
        self.passthrough_until = self.passthrough_until.min(at);
        self.receivers.values_mut().for_each(|receiver| receiver.end_passthrough(at));
    }
}
