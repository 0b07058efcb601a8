//! A Discord of one's own.
#![forbid(unsafe_code)]
pub mod server;
pub mod clip;
pub mod config;
pub mod desk;
pub mod discord;
pub mod example;
pub mod fault;
mod gateway;
mod pulse;
mod rest;
pub mod rtp;
pub mod speaker;
mod studio;
mod target;
pub mod violation;
mod voice;
pub mod certificate;
pub mod check;
pub mod link;
pub mod loopback;
pub mod world;
