//! Discord's gateway, voice and REST protocols as pure state machines, without IO.
//!
//! A [`Machine`](machine::Machine) takes what happened ([`Input`](machine::Input): a WebSocket message, a datagram,
//! an HTTP response, the time) and says what to do next ([`Output`](machine::Output): open, send, close, write, wait,
//! tell the user). It asks nobody: time comes in as a [`Timestamp`](time::Timestamp), randomness as a seed. The
//! same seed and the same inputs give the same outputs.
//!
//! The crates `sanscord-tokio`, `sanscord-smol` and `sanscord-blocking` drive any machine on their runtime. Whoever
//! has an event loop of their own drives it themselves:
//!
//! 1. Make the machine, and hand it [`Input::Timeout`](machine::Input::Timeout) with the time.
//! 2. Call [`poll_output`](machine::Machine::poll_output) and do what it says, until it says
//!    [`Wait`](machine::Output::Wait).
//! 3. If the machine [is finished](machine::Machine::is_finished), stop.
//! 4. Sleep until the time that `Wait` named, or until something arrives, whichever is first.
//! 5. Hand in what arrived, or `Input::Timeout`: datagrams by
//!    [`handle_datagram`](machine::Machine::handle_datagram), everything else by
//!    [`handle_input`](machine::Machine::handle_input).
//! 6. Go on with 2.
//!
//! Any order of calls is legal, and the user's commands may come at any time between them; only after
//! [`Wait`](machine::Output::Wait) is it known how long nothing is due.
//!
//! # Methods
//!
//! | kind | what it does |
//! |---|---|
//! | getters (`phase`, `session`, `status`) | show the state; change nothing |
//! | `handle_*` | take in a fact; never fail |
//! | commands (`send`, `join`, `record`, `stop`) | the user's wishes; fail only for the user's own mistakes |
//! | `poll_output` | what to do |
//!
//! # Parts
//!
//! | module | machine | subject |
//! |---|---|---|
//! | [`client`] | [`Client`](client::Client) | shards, calls and their recordings together |
//! | [`cluster`] | [`Cluster`](cluster::Cluster) | many shards of the main gateway |
//! | [`gateway`] | [`Shard`](gateway::Shard) | one connection to the main gateway, and its session |
//! | [`gateway::identify`] | [`IdentifyQueue`](gateway::identify::IdentifyQueue) | whose turn it is to start a session |
//! | [`capture`] | [`Capture`](capture::Capture) | any of these, written down to be replayed |
//! | [`object`] | | Discord's objects, typed and lossless |
//! | [`listener`] | | who hears of which event |
//! | [`heart`] | | heartbeats |
//! | [`voice`] | [`Call`](voice::Call) | a voice call: voice gateway, IP discovery, media |
//! | `dave` | | end-to-end encryption: the group of a call, and its frames |
//! | [`play`] | [`Player`](play::Player) | what a call plays: a queue of tracks |
//! | [`record`] | [`Recorder`](record::Recorder) | audio packets to Ogg Opus files |
//! | [`opus`] | | how long Opus packets last |
//! | [`rtp`] | | RTP and its encryption |
//! | [`rest`] | | requests as values |
//! | [`id`], [`snowflake`] | | ids, and when they were made |
//!
//! # Promises
//!
//! No call panics, whatever a peer sends. Every queue, buffer and map has a bound, named where it is declared. No
//! token or key shows in a `Debug` output. There is no `unsafe` code.
//!
//! # Features
//!
//! * `ring` (default): AES-256-GCM and ChaCha20-Poly1305 by the crate ring. Without it, and beside it, there is a
//!   backend in pure Rust.
//! * `zlib` (default): the gateway's `zlib-stream` and compressed payloads, by the crate zlib-rs.
//! * `zstd` (default): the gateway's `zstd-stream`, by libzstd, which needs a C compiler. Preferred where both are on:
//!   half of zlib's CPU time for each event, ten times its memory for each connection.
//!
//! * `dave` (default): end-to-end encryption of voice, by OpenMLS.
//!
//! The crate is `no_std` with `alloc`; with `dave` it wants `std`, as OpenMLS does.

#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod backoff;
mod calendar;
pub mod capture;
pub mod client;
pub mod close;
pub mod cluster;
#[cfg(feature = "dave")]
pub mod dave;
pub mod entropy;
pub mod envelope;
pub mod gateway;
pub mod heart;
pub mod id;
pub mod listener;
pub mod machine;
pub mod object;
pub mod opcode;
pub mod opus;
mod outbox;
pub mod play;
pub mod record;
pub mod rest;
pub mod rtp;
pub mod secret;
pub mod snowflake;
pub mod time;
pub mod voice;
