//! The main gateway, version 10 (`wss://gateway.discord.gg`).
//!
//! ```text
//!              ┌──── Resume ────┐
//! Waiting ──> Queued ── turn ──> Opening ── opened ──> Greeting ── Hello ──> Identifying ── READY ──> Ready
//!    ^                             │                      │            └───> Resuming ── RESUMED ───────^
//!    └── closed, timed out, zombie, overslept, op 7, op 9: from each with a socket ──┘   Stopped: from any
//! ```
//!
//! | file | rule |
//! |---|---|
//! | [`opcode`] | the opcodes |
//! | [`close`] | the close codes and what follows |
//! | [`name`] | the events' names |
//! | [`intents`] | which events to ask for |
//! | [`interest`] | which events to hand to the user |
//! | [`config`] | what all shards have in common |
//! | [`routing`] | which shard serves which guild |
//! | [`inflate`] | compression |
//! | [`message`] | the envelope, read as far as needed |
//! | [`phase`] | the transitions above |
//! | [`identify`] | whose turn it is to start a session |
//! | [`budget`] | how much may be sent |
//! | [`command`] | what a user may send |
//! | [`members`] | requests for members and their joined answers |
//! | [`session`] | what it takes to resume |
//! | [`status`] | counters |
//! | [`shard`] | the machine |
//!
//! A new opcode starts as a row in [`opcode`]; [`shard`] does not compile until it handles it. A new event is a row
//! in [`name`]; without one it reaches the user all the same.

pub mod budget;
pub mod close;
pub mod command;
pub mod config;
pub mod event;
pub mod identify;
pub mod inflate;
pub mod intents;
pub mod interest;
pub mod members;
pub mod message;
pub mod name;
pub mod opcode;
mod outgoing;
pub(crate) mod payload;
pub mod phase;
pub mod routing;
pub mod session;
pub mod shard;
pub mod status;

#[cfg(test)]
mod tests;

pub use command::{Command, CommandError};
pub use config::{Config, Delivery};
pub use event::{Disconnect, Dispatch, Event, Receipt, Stopped};
pub use inflate::Compression;
pub use intents::Intents;
pub use interest::Interest;
pub use name::EventName;
pub use routing::ShardId;
pub use session::Session;
pub use shard::Shard;
pub use status::Counters;
