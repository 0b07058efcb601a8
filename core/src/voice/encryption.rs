//! End-to-end encryption (DAVE) as a call sees it. Without the feature `dave` none is offered.

#[cfg(not(feature = "dave"))]
mod off;
#[cfg(feature = "dave")]
mod on;

#[cfg(not(feature = "dave"))]
pub(crate) use off::Encryption;
#[cfg(feature = "dave")]
pub(crate) use on::Encryption;

use alloc::boxed::Box;

use bytes::Bytes;

use crate::voice::event::Event;
use crate::voice::opcode::OpCode;

/// What the encryption wants.
#[derive(Debug)]
#[cfg_attr(not(feature = "dave"), expect(dead_code, reason = "without the feature nothing is wanted"))]
pub(crate) enum Wish {
    /// A JSON message that names a transition.
    Transition(OpCode, u16),
    /// A binary message.
    Binary(OpCode, Bytes),
    /// Frames that could not be opened before may open now.
    TryAgain,
    /// A new voice session: in this one the group cannot be joined.
    StartAnew,
    Tell(Box<Event>),
}

/// What became of a frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(not(feature = "dave"), expect(dead_code, reason = "without the feature every frame is as it is"))]
pub(crate) enum Opened {
    /// So many bytes of media at its front.
    Media(usize),
    /// There is no key yet; the frame is as it was.
    NoKey,
    /// No key opens it, but the group is about to change, and the next key may; the frame is as it was.
    Early,
    /// It is not encrypted, and must be.
    Unencrypted,
    /// It was opened before.
    Replayed,
    /// It is forged, damaged, or under a key that we never had or have no more.
    Undecryptable,
}
