//! Discord's protocols as pure state machines.
#![no_std]
extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod backoff;
pub mod client;
pub mod entropy;
pub mod envelope;
pub mod gateway;
mod heart;
pub mod id;
pub mod machine;
mod outbox;
pub mod record;
pub mod rest;
pub mod rtp;
pub mod secret;
pub mod time;
pub mod voice;
