//! A Discord of one's own, for tests of Discord bots and libraries.
//!
//! [`Discord`](discord::Discord) is the server side: REST, main gateway, voice gateway, and a voice server over UDP
//! with people who speak. Like the client it is a pure state machine, and so it runs
//!
//! * in memory under a virtual clock, where a [`World`](world::World) joins it to client machines through links that
//!   delay, lose, reorder, repeat and cut as a seed decides: hours pass in seconds, and a failure is replayed from
//!   its seed;
//! * on loopback sockets with TLS, by a [`Loopback`](loopback::Loopback), for any client at all.
//!
//! It checks what a strict server would check and writes down every [`Violation`](violation::Violation).
//!
//! | module | subject |
//! |---|---|
//! | [`server`] | what a server machine takes in and asks for |
//! | [`discord`], [`config`], [`fault`], [`rest`] | our Discord, who is on it, what goes wrong, how REST behaves |
//! | [`speaker`], [`clip`], [`rtp`] | who speaks, what, and how it is sealed |
//! | [`violation`], [`desk`] | what clients did wrong, and what was counted |
//! | [`world`], [`link`], [`check`] | simulation in memory, and the rules that every machine keeps |
//! | [`simulation`] | whole clusters through whatever may befall them |
//! | [`hall`] | calls of many members, likewise |
//! | [`loopback`], [`certificate`] | real sockets |
//! | [`example`] | what the examples of the adapters share |

pub mod certificate;
pub mod check;
pub mod clip;
pub mod config;
pub mod delivery;
pub mod desk;
pub mod discord;
pub mod example;
pub mod fault;
mod gateway;
pub mod hall;
pub mod link;
pub mod loopback;
mod pulse;
pub mod rest;
pub mod rtp;
pub mod server;
pub mod simulation;
pub mod speaker;
mod studio;
mod target;
pub mod violation;
mod voice;
pub mod world;

/// The README's examples, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}
