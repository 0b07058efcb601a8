//! With DAVE.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::{Opened, Wish};
use crate::dave::{self, OpenError, Output, SealError, Session};
use crate::entropy::Entropy;
use crate::id::{ChannelId, UserId};
use crate::rtp::aead::Backend;
use crate::time::Timestamp;
use crate::voice::event::Event;
use crate::voice::opcode::OpCode;
use crate::voice::payload::Dave;

/// How often in a row the group may be given up before the voice session is: what every attempt needs may be lacking.
const MAX_RECOVERIES: u32 = 5;

/// The encryption of one voice session.
#[derive(Debug)]
pub(crate) struct Encryption {
    session: Session,
    /// How often in a row the group was given up.
    recoveries: u32,
    wishes: VecDeque<Wish>,
}

impl Encryption {
    /// The newest version of the protocol.
    pub(crate) const VERSION: u16 = dave::VERSION;

    /// The version to offer, if the user wants this one.
    pub(crate) fn offer(wanted: u16) -> u16 {
        wanted.min(Self::VERSION)
    }

    pub(crate) fn new(user: UserId, channel: ChannelId, backend: Backend, entropy: &mut Entropy) -> Self {
        let session = Session::new(user, channel, backend, entropy.fork());
        Self { session, recoveries: 0, wishes: VecDeque::new() }
    }

    pub(crate) const fn session(&self) -> &Session {
        &self.session
    }

    /// We are in another channel. Whether that came in time: the group is named after its channel.
    pub(crate) const fn move_to(&mut self, channel: ChannelId) -> bool {
        self.session.move_to(channel)
    }

    pub(crate) fn described(&mut self, now: Timestamp, version: u16) {
        self.session.handle_description(now, version);
    }

    pub(crate) fn resumed(&mut self) {
        self.session.handle_resumed();
    }

    pub(crate) fn joined(&mut self, users: &[UserId]) {
        self.session.handle_connect(users);
    }

    pub(crate) fn left(&mut self, user: UserId) {
        self.session.handle_disconnect(user);
    }

    pub(crate) fn handle(&mut self, now: Timestamp, message: Dave) {
        let session = &mut self.session;
        match message {
            Dave::PrepareTransition(prepare) => {
                session.handle_prepare_transition(now, prepare.transition_id, prepare.protocol_version);
            }
            Dave::ExecuteTransition(execute) => {
                session.handle_execute_transition(now, execute.transition_id);
            }
            Dave::PrepareEpoch(prepare) => {
                let (transition, version) = (prepare.transition_id, prepare.protocol_version);
                session.handle_prepare_epoch(now, transition, version, prepare.epoch.0);
            }
            Dave::ExternalSender(payload) => session.handle_external_sender(payload),
            Dave::Proposals(payload) => session.handle_proposals(&payload),
            Dave::AnnounceCommit(payload) => session.handle_commit(now, &payload),
            Dave::Welcome(payload) => session.handle_welcome(now, &payload),
        }
    }

    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        self.session.deadline()
    }

    pub(crate) fn handle_timeout(&mut self, now: Timestamp) {
        self.session.handle_timeout(now);
    }

    pub(crate) fn poll(&mut self) -> Option<Wish> {
        if let Some(wish) = self.wishes.pop_front() {
            return Some(wish);
        }
        Some(match self.session.poll_output()? {
            Output::KeyPackage(payload) => Wish::Binary(OpCode::MlsKeyPackage, payload),
            Output::CommitWelcome(payload) => Wish::Binary(OpCode::MlsCommitWelcome, payload),
            Output::TransitionReady(transition) => Wish::Transition(OpCode::DaveTransitionReady, transition),
            Output::InvalidCommitWelcome(transition) => {
                Wish::Transition(OpCode::MlsInvalidCommitWelcome, transition)
            }
            Output::Event(event) => {
                match event {
                    dave::Event::Epoch { .. } => {
                        self.recoveries = 0;
                        self.wishes.push_back(Wish::TryAgain);
                    }
                    dave::Event::Executed { .. } => self.wishes.push_back(Wish::TryAgain),
                    dave::Event::Recovering { .. } => {
                        self.recoveries += 1;
                        if self.recoveries > MAX_RECOVERIES {
                            self.wishes.push_back(Wish::StartAnew);
                        }
                    }
                    dave::Event::Refused(_) | dave::Event::Waiting { .. } => {}
                }
                Wish::Tell(Box::new(Event::Dave(event)))
            }
        })
    }

    /// Whether frames can be sealed, or need not be.
    pub(crate) const fn can_seal(&self) -> bool {
        self.session.can_send()
    }

    /// Appends a frame to `out`, sealed unless encryption is off. Fails without a key.
    pub(crate) fn seal(&mut self, frame: &[u8], out: &mut Vec<u8>) -> Result<(), SealError> {
        self.session.seal(frame, out)
    }

    pub(crate) fn open(&mut self, now: Timestamp, user: UserId, frame: &mut [u8]) -> Opened {
        match self.session.open(now, user, frame) {
            Ok(length) => Opened::Media(length),
            Err(OpenError::NoKey) => Opened::NoKey,
            Err(OpenError::NotEncrypted) => Opened::Unencrypted,
            Err(OpenError::Replayed) => Opened::Replayed,
            Err(OpenError::TooFarAhead | OpenError::Expired | OpenError::Unauthentic)
                if self.session.is_changing() =>
            {
                Opened::Early
            }
            Err(
                OpenError::Malformed | OpenError::TooFarAhead | OpenError::Expired | OpenError::Unauthentic,
            ) => Opened::Undecryptable,
        }
    }
}
