//! What a call does for its end-to-end encryption.

use alloc::vec::Vec;

use super::{Call, MOVE_LIMIT};
use crate::close::END_SESSION;
use crate::machine::{Frame, Output};
use crate::voice::close::Action;
use crate::voice::encryption::{Encryption, Wish};
use crate::voice::event::{Disconnect, Event, Next};
use crate::voice::opcode::OpCode;
use crate::voice::payload::{Dave, Transition, VoiceState};
use crate::voice::phase::Step;

impl Call {
    /// The end-to-end encryption of the voice session: its members, privacy code and keys. `None` before a voice
    /// server was reached.
    #[cfg(feature = "dave")]
    #[must_use]
    pub fn dave(&self) -> Option<&crate::dave::Session> {
        self.encryption.as_ref().map(Encryption::session)
    }

    /// A new voice session begins.
    pub(super) fn begin_encryption(&mut self) {
        let (user, channel, backend) = (self.config.user, self.config.channel, self.config.backend);
        self.encryption = Some(Encryption::new(user, channel, backend, &mut self.entropy));
    }

    /// We were moved. The update of the server may have come before: then the connection to it is under way or made,
    /// with a group of the channel before.
    pub(super) fn move_encryption(&mut self, state: &VoiceState) {
        let channel = self.config.channel;
        let is_new = self.changed_server.is_some_and(|at| self.now.since(at) <= MOVE_LIMIT);
        let Some(encryption) = self.encryption.as_mut().filter(|_| is_new) else { return };
        if !encryption.move_to(channel) {
            self.changed_server = None;
            self.state = Some(state.clone());
            self.drop_connection(END_SESSION);
            self.drop_media();
            self.step(Step::Await(self.now + MOVE_LIMIT));
            let reason = Disconnect::ServerChanged;
            self.out.event(Event::Disconnected { reason, next: Next::Reconnect });
        }
    }

    pub(super) fn on_dave(&mut self, message: Dave) {
        let now = self.now;
        self.encrypt(|encryption| encryption.handle(now, message));
    }

    /// Lets the encryption act, and does what it wants.
    pub(super) fn encrypt(&mut self, act: impl FnOnce(&mut Encryption)) {
        if let Some(encryption) = &mut self.encryption {
            act(encryption);
        }
        while let Some(wish) = self.encryption.as_mut().and_then(|encryption| encryption.poll()) {
            match wish {
                Wish::Transition(op, transition_id) => self.send(op, &Transition { transition_id }),
                Wish::Binary(op, payload) => self.send_binary(op, &payload),
                Wish::TryAgain => self.open_kept(),
                Wish::StartAnew => {
                    self.encryption = None;
                    self.fail(Disconnect::NoGroup, Action::Rejoin);
                }
                Wish::Tell(event) => self.out.event(*event),
            }
        }
    }

    fn send_binary(&mut self, op: OpCode, payload: &[u8]) {
        let Ok(op) = u8::try_from(op.number()) else { return };
        if let Some(socket) = self.phase.socket() {
            let mut message = Vec::with_capacity(1 + payload.len());
            message.push(op);
            message.extend_from_slice(payload);
            self.out.push(Output::SendFrame(socket, Frame::Binary(message.into())));
        }
    }

    /// Tells what was kept until there was a key.
    fn open_kept(&mut self) {
        let (Some(media), Some(encryption)) = (&mut self.media, &mut self.encryption) else { return };
        let now = self.now;
        for packet in media.open_kept(now, |user, frame| encryption.open(now, user, frame)) {
            self.hear_kept(packet);
        }
        self.play();
    }
}
