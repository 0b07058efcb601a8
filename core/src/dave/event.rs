//! What a session wants sent, and what it tells.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;

use crate::id::UserId;
use crate::time::Timestamp;

/// What a session wants: messages for the voice server, and events.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Output {
    /// Op 26, binary: a key package.
    KeyPackage(Bytes),
    /// Op 28, binary: a commit, and a welcome if it adds members.
    CommitWelcome(Bytes),
    /// Op 23: ready for this transition.
    TransitionReady(u16),
    /// Op 31: the commit or welcome of this transition could not be used.
    InvalidCommitWelcome(u16),
    /// For the user.
    Event(Event),
}

/// What a session tells.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// The group is in a new epoch: these are its members, us included. Frames under its keys are opened from now on.
    Epoch {
        /// The epoch's number in this group.
        epoch: u64,
        /// The members.
        members: Vec<UserId>,
    },
    /// From here on we send under the newest keys, or, with version 0, in the clear.
    Executed {
        /// The transition.
        transition: u16,
        /// The version in force.
        version: u16,
    },
    /// The group's state was given up, and a new key package sent: Discord will add us again.
    Recovering {
        /// The transition that failed, or that led into keys under which no frame opens.
        transition: u16,
        /// Why.
        reason: MlsError,
    },
    /// Others are in the call, and for [`WAIT_LIMIT`](super::watch::WAIT_LIMIT) there is no key in force under which
    /// the members of the newest epoch hear us: the voice server has not completed the group, or not executed its
    /// transition. We wait on. Told once for each such wait. To be alone is no fault, and is not told: a group needs
    /// two.
    Waiting {
        /// When the wait began.
        since: Timestamp,
    },
    /// Something of the group was not taken; nothing was changed by it.
    Refused(MlsError),
}

/// Why an MLS message could not be used, or made: a sentence without secrets.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{doing}: {problem}")]
pub struct MlsError {
    doing: &'static str,
    problem: String,
}

impl MlsError {
    pub(super) fn new(doing: &'static str, problem: impl fmt::Display) -> Self {
        Self { doing, problem: problem.to_string() }
    }

    /// For `map_err`.
    pub(super) fn while_<E: fmt::Display>(doing: &'static str) -> impl FnOnce(E) -> Self {
        move |error| Self::new(doing, error)
    }
}
