//! What the adapters share: whom to trust, why a connection failed, what HTTP requests
//! carry and bring, files, sources of audio, saved sessions, logging,
//! seeds, the date and, with the feature `async`, the queues of async drivers. It drives no machine's sockets and has
//! no loop for them: those are each adapter's own. [`office`] serves on threads, whatever the adapter.
//!
//! Use an adapter; each re-exports what its users need.

mod clock;
pub mod discord;
pub mod disk;
#[cfg(feature = "async")]
pub mod events;
pub mod failure;
#[cfg(feature = "opus")]
pub mod hear;
pub mod http;
pub mod log;
mod network;
mod notebook;
pub mod office;
mod path;
mod replace;
mod roots;
mod setup;
pub mod source;
pub mod state;
#[cfg(feature = "async")]
pub mod steps;

pub use clock::unix_millis;
pub use network::Network;
pub use notebook::Notebook;
pub use office::Office;
pub use path::{NotUtf8, utf8};
pub use setup::{Ended, SetupError, seed};

/// How many events may wait before a driver stops to read WebSockets.
pub const EVENT_CAPACITY: usize = 4096;
