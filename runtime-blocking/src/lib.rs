//! Runs Sanscord's state machines on plain threads: sockets, TLS, HTTP, files and the clock. Scripts need no more
//! than [`Discord`], the REST client: `discord.call(channel.send("hi"))?`.
//!
//! [`start`] gives a machine a thread of its own, and answers with the way to it ([`Handle`]) and with what it tells
//! ([`Events`]). The thread sleeps until there is something to do. There is no async code here, nor below.
//!
//! Nothing is decided here: no opcode, no retry, no back-off. Whatever a machine asks for is done, and it is told what
//! came of it.
//!
//! Besides that one thread, a connection that is being made, a name lookup and an HTTP request each take one for as
//! long as they last, and files are written by one more.
//!
//! HTTP requests share connections that are kept alive, offer gzip, follow no redirect and are never sent twice; files
//! go out and answers come in piece by piece. Requests and WebSockets go by the HTTP proxies, and trust the further
//! roots, that the environment names or [`Network`] is told; voice's datagrams know no proxy.
//!
//! Sessions outlive the process: [`state::save`] writes what a suspended cluster leaves, [`state::load`] reads it for
//! the next. [`mix`] lays the files of a recording over each other. Logs go to `tracing`: what machines say has the target `sanscord`, each message is a trace of this crate.
//!
//! A program that wants its files complete and its goodbyes said waits for the end of the [`Events`] before it exits:
//! that comes when all of that is done.
//!
//! # Bounds
//!
//! | what | bound | at the bound |
//! |---|---|---|
//! | events not taken | [`EVENT_CAPACITY`] | no WebSocket is read until half of them have been taken |
//! | those of them that may be dropped, as a [`Discord`]'s | the same | they are dropped and [counted](Events::dropped) |
//! | bytes waiting to be sent on a WebSocket | 1 MiB, and one frame of any size | it is given up: `Closed::Lost` |
//! | a WebSocket message | 256 MiB | `Closed::Lost` |
//! | HTTP requests at once | 64 | more wait for their turn; their deadline runs, and ends them as `Fault::Unsent` |
//! | those with files, or saved, beside them | 16 | the same |
//! | HTTP connections that nobody uses | 32 for a host, each for 60 s | they are closed |
//! | an answer in memory, after gzip | [`MAX_BODY`](sanscord::machine::MAX_BODY) | `Fault::TooLong` |
//! | what a request with files holds of them | two pieces of 128 KiB | the disk waits for the network, and it for the disk |
//! | WebSockets being opened at once | as many threads as the system gives | `Closed::Refused` |
//! | sources of audio open at once | 256 | the track fails |
//! | appends waiting to be written | 1,024 | the driver waits for the disk |
//! | bytes waiting for an ffmpeg | 1 MiB | the driver waits for it, until it is killed |
//! | closing a WebSocket | 2 s | it is cut |
//! | ending, with sends and files under way | 5 s | what is not done is left |

mod clock;
pub mod discord;
mod driver;
mod events;
mod file;
mod flight;
mod handle;
#[cfg(feature = "opus")]
pub mod hear;
mod http;
pub mod play;
mod report;
mod socket;
mod tls;

use sanscord::machine::{Audio, Machine};

pub use discord::Discord;
pub use events::{Events, NextError};
pub use handle::Handle;
pub use sanscord_host::discord::{Desk, Options};
pub use sanscord_host::disk::{MixError, MixOptions, mix};
pub use sanscord_host::{
    EVENT_CAPACITY, Ended, Network, NotUtf8, Notebook, Office, SetupError, seed, state, unix_millis, utf8,
};

/// Starts a thread that runs this machine; audio that it decrypts is discarded.
///
/// The thread ends when the machine is finished, or when every [`Handle`] and the [`Events`] have been dropped.
///
/// # Errors
///
/// [`SetupError`] if the operating system gives no thread or no event queue.
pub fn start<M>(machine: M, network: Network) -> Result<(Handle<M>, Events<M::Event>), SetupError>
where
    M: Machine + Send + 'static,
    M::Event: Send + 'static,
{
    start_with_audio(machine, network, |_, _| {})
}

/// As [`start`]; every Opus packet goes to `audio`, on the driver's thread, as soon as it is decrypted.
///
/// `audio` must not wait for anything. If it panics, the driver ends.
///
/// # Errors
///
/// [`SetupError`] if the operating system gives no thread or no event queue.
pub fn start_with_audio<M>(
    machine: M,
    network: Network,
    audio: impl FnMut(&Audio, &[u8]) + Send + 'static,
) -> Result<(Handle<M>, Events<M::Event>), SetupError>
where
    M: Machine + Send + 'static,
    M::Event: Send + 'static,
{
    driver::spawn(machine, &network, audio)
}
