//! DAVE, Discord's end-to-end encryption of audio and video, version 1 (dave-protocol).
//!
//! | file | subject |
//! |---|---|
//! | [`session`] | the group of a call: transitions, epochs, whose keys are in use |
//! | [`watch`] | whether the group comes about, and its keys agree |
//! | [`event`] | what a session wants sent, and tells |
//! | `mls` | membership of the MLS group, on OpenMLS |
//! | [`receiver`] | frames of one remote user |
//! | [`sender`] | our own frames |
//! | [`ratchet`] | keys by generation, and which nonces were seen |
//! | [`cipher`] | AES-128-GCM with tags of eight bytes |
//! | [`frame`] | the trailer of an encrypted frame |
//! | [`code`] | what members compare to know whom they hear |
//!
//! A [`Session`] takes in what the voice server says, the time, and a seed, and says what to send. It never sends
//! a frame in the clear while encryption is on: without a key a frame is refused.

pub mod cipher;
pub mod code;
pub mod event;
pub mod frame;
mod mls;
pub mod ratchet;
pub mod receiver;
pub mod sender;
pub mod session;
pub mod watch;

pub use event::{Event, MlsError, Output};
pub use receiver::OpenError;
pub use session::{SealError, Session};

/// The newest version of the protocol, and with 0, which is no encryption, the only one.
pub const VERSION: u16 = 1;
