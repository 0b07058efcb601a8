//! Voice: the voice gateway, version 8, and the UDP media that it sets up.
//!
//! ```text
//! Joining ── both updates ──> Opening ── opened, Identify ──> Identifying ── Ready ──> Discovering
//!                                                                                         │ answer, Select Protocol
//!    Live <── Session Description, Speaking ── Selecting <────────────────────────────────┘
//!      │ lost
//!      v
//! Waiting ──> Opening ── opened, Resume ──> Resuming ── Resumed ──> Live
//!      └─ to rejoin ──> Joining            Awaiting: Discord will say more            Ended
//! ```
//!
//! | file | rule |
//! |---|---|
//! | [`opcode`] | the opcodes |
//! | [`close`] | the close codes and what follows |
//! | [`payload`] | the messages |
//! | [`phase`] | the transitions above |
//! | [`discovery`] | IP discovery |
//! | `media` | datagrams: keepalive, decryption, whose SSRC |
//! | [`jitter`] | one speaker's packets in order and in time, for whoever plays them as they come |
//! | [`listening`] | a jitter buffer for each speaker |
//! | `encryption` | end-to-end encryption, if the feature `dave` is on |
//! | [`transmitter`] | which packet of ours goes out when |
//! | [`tally`] | what is counted |
//! | [`call`] | the machine |
//!
//! End-to-end encryption, [`dave`](crate::dave), stands between `media` and the user.

pub mod call;
pub mod close;
pub mod discovery;
mod encryption;
pub mod event;
pub mod jitter;
pub mod listening;
pub(crate) mod media;
pub mod opcode;
pub mod payload;
pub mod phase;
pub mod tally;
pub mod transmitter;

#[cfg(test)]
mod tests;

pub use call::{Call, Config};
pub use event::{Counters, Disconnect, Ended, Event, Next, Packet, Speaker, Statistics};
pub use transmitter::SendError;
