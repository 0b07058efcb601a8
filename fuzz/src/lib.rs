//! Fuzz targets: functions of bytes that panic if the core breaks a rule.
//!
//! | file | what is in it |
//! |---|---|
//! | [`step`] | what may happen to a machine, as bytes |
//! | [`message`](mod@message) | messages that are nearly what Discord sends |
//! | [`pack`] | messages as they are compressed |
//! | [`book`] | the names that a machine has in use |
//! | [`drive`] | a driver that obeys a machine and checks each of its outputs |
//! | the others | one target each |
#![forbid(unsafe_code)]

pub mod book;
pub mod call;
mod capture;
pub mod client;
pub mod cluster;
mod dave_frame;
pub mod dave_session;
mod decrypt;
mod discovery;
pub mod drive;
mod envelope;
pub mod gateway;
mod gateway_message;
pub mod inflate;
mod jitter;
mod limits;
pub mod message;
pub mod objects;
pub mod ogg;
pub mod pack;
mod recorder;
mod rest_error;
mod rtcp;
mod rtp;
pub mod step;

pub use call::call;
pub use capture::capture;
pub use client::client;
pub use cluster::cluster;
pub use dave_frame::dave_frame;
pub use dave_session::dave_session;
pub use decrypt::decrypt;
pub use discovery::discovery;
pub use envelope::envelope;
pub use gateway::gateway;
pub use gateway_message::message;
pub use inflate::inflate;
pub use jitter::jitter;
pub use limits::limits;
pub use objects::objects;
pub use ogg::ogg;
pub use recorder::recorder;
pub use rest_error::rest_error;
pub use rtcp::rtcp;
pub use rtp::rtp;

/// A fuzz target: it panics if the core breaks a rule.
pub type Target = fn(&[u8]);

/// Every target by its name, which is also that of its binary and of its corpus.
pub const TARGETS: &[(&str, Target)] = &[
    ("call", call),
    ("capture", capture),
    ("client", client),
    ("cluster", cluster),
    ("dave_frame", dave_frame),
    ("dave_session", dave_session),
    ("decrypt", decrypt),
    ("discovery", discovery),
    ("envelope", envelope),
    ("gateway", gateway),
    ("inflate", inflate),
    ("jitter", jitter),
    ("limits", limits),
    ("message", message),
    ("objects", objects),
    ("ogg", ogg),
    ("recorder", recorder),
    ("rest_error", rest_error),
    ("rtcp", rtcp),
    ("rtp", rtp),
];
