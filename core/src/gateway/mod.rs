//! The main gateway, version 10 (`wss://gateway.discord.gg`).
//!
//! ```text
//! Waiting ── open ──> Opening ── opened ──> Greeting ── Hello ──> Identifying ── READY ──> Ready
//!    ^                   │                     │            └───> Resuming ── RESUMED ───────^
//!    └──── closed, timed out, zombie, op 7, op 9, from each of them ─┘        Stopped: from any
//! ```
//!
//! | file | rule |
//! |---|---|
//! | [`opcode`] | the opcodes |
//! | [`close`] | the close codes and what follows |
//! | [`intents`] | which events to ask for |
//! | [`phase`] | the transitions above |
//! | [`budget`] | how much may be sent |
//! | [`session`] | what it takes to resume |
//! | [`shard`] | the machine |
//!
//! A new opcode starts as a row in [`opcode`]; [`shard`] does not compile until it handles it.

pub mod budget;
pub mod close;
pub mod event;
pub mod intents;
pub mod opcode;
pub(crate) mod payload;
pub mod phase;
pub mod session;
pub mod shard;

#[cfg(test)]
mod tests;

pub use event::{Counters, Disconnect, Dispatch, Event, Stopped};
pub use intents::Intents;
pub use session::Session;
pub use shard::{Config, Shard};
