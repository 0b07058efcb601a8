//! Captures: what happened to a machine, in a file without secrets, to be replayed.
//!
//! A [`Capture`] is a machine around a machine. It passes everything through and writes it down, by the same
//! vocabulary that every driver speaks ([`Output::OpenFile`](crate::machine::Output::OpenFile) and
//! [`Append`](crate::machine::Output::Append)); so each adapter can record, and none knows of it. [`replay`] feeds
//! a capture to a fresh machine and compares what that says: a captured session is a test.
//!
//! ```text
//!   driver ── input ──> Capture ── input ──> machine
//!     ^                 │  │ ^                  │
//!     ├── output ───────┘  │ └───── output ─────┘
//!     └── OpenFile, Append ┘ one line each, cleaned by the redactor
//! ```
//!
//! # To record
//!
//! Make the [`Capture`] where the machine would be made, of a [setup](Replayable::Setup), a seed and a path, and give
//! it to the adapter's `start` instead. Its events are the machine's. What the user does to the machine goes through
//! [`Capture::apply`], as a [`ClusterCall`] or [`ShardCall`], so that it is written down too; to look at the machine
//! there is [`Capture::machine`]. [`Capture::end`] ends the file while the machine goes on; otherwise it is complete
//! when the machine has finished. [`Capture::recording`] tells.
//!
//! With `sanscord-tokio`, and alike with the other two:
//!
//! ```text
//! let setup = ClusterSetup { config: cluster::Config::new(gateway) };
//! let capture = Capture::<Cluster>::new(setup, seed()?, "session.jsonl");
//! let (driver, handle, events) = start(capture, network)?;
//! handle.call(|capture, now| capture.apply(now, ClusterCall::Suspend)).await
//! ```
//!
//! # To replay
//!
//! Put the file beside the tests, and [`replay`] its lines: the machine is made anew from the first line, and must say
//! what it said then. The error names the first line that differs, with both versions of it.
//!
//! ```text
//! let text = include_str!("session.jsonl");
//! let replayed: Replayed<Cluster> = replay(text.lines()).unwrap_or_else(|error| panic!("{error}"));
//! ```
//!
//! Both in one, with a driver that answers one request and then ends:
//!
//! ```
//! use sanscord::capture::{Capture, ClusterCall, ClusterSetup, Replayed, Recording, replay};
//! use sanscord::cluster::{self, Cluster};
//! use sanscord::gateway::{self, Intents};
//! use sanscord::machine::{Fault, FileReport, Input, Machine, Output, Unanswered};
//! use sanscord::secret::Token;
//! use sanscord::time::Timestamp;
//!
//! let gateway = gateway::Config::new(Token::new("a.secret.token"), Intents::GUILDS);
//! let setup = ClusterSetup { config: cluster::Config::new(gateway) };
//! let mut capture = Capture::<Cluster>::new(setup, [7; 32], "session.jsonl");
//!
//! let (mut now, mut file) = (Timestamp::from_millis(1), Vec::new());
//! capture.handle_input(now, Input::Timeout);
//! while !capture.is_finished() {
//!     match capture.poll_output() {
//!         Output::SendRequest(id, request) => {
//!             assert_eq!(&*request.url, "https://discord.com/api/v10/gateway/bot");
//!             let unanswered = Unanswered::new(Fault::Unsent, "no route to host");
//!             capture.handle_input(now, Input::Response(id, Err(unanswered)));
//!         }
//!         Output::OpenFile { path, .. } => assert_eq!(&*path, "session.jsonl"),
//!         Output::Append(_, lines) => file.extend_from_slice(&lines),
//!         Output::CloseFile(id) => capture.handle_input(now, Input::File(id, FileReport::Closed)),
//!         Output::Wait(Some(until)) => {
//!             now = until;
//!             capture.apply(now, ClusterCall::Suspend).unwrap();
//!         }
//!         _ => {}
//!     }
//! }
//! assert!(matches!(capture.recording(), Recording::Complete { .. }));
//!
//! let text = String::from_utf8(file).unwrap();
//! assert!(!text.contains("a.secret.token"));
//! let replayed: Replayed<Cluster> = replay(text.lines()).unwrap_or_else(|error| panic!("{error}"));
//! assert!(replayed.machine.is_finished());
//! // A machine that does something else is found out, at the line where it does.
//! let text = text.replacen("no route to host", "no answer", 1);
//! let error = replay::<Cluster>(text.lines()).unwrap_err();
//! println!("{error}");
//! ```
//!
//! # Lines
//!
//! Each line is a JSON object: `at`, nanoseconds on the driver's clock; `kind`; and what belongs to it, with sockets,
//! requests and files by number. The first (`begin`) has the format's version, the seed and the machine's setup, the
//! last (`end`) says why nothing follows. A capture that ends without is one whose process died: what there is can be
//! replayed.
//!
//! | lines | kinds |
//! |---|---|
//! | inputs | `timeout` `opened` `frame` `part` `corrupt` `closed` `response` `unanswered` `file` |
//! | the user's | `command` |
//! | outputs | `open_web_socket` `open_udp` `send` `send_datagram` `close` `request` `open_file` `append` `close_file` `event` `wait` |
//!
//! Compressed frames are written as the text that they inflate to, and replayed as text.
//!
//! # Secrets
//!
//! Tokens and session ids are replaced by placeholders before anything is written, the same one each time, so that
//! the replayed machine behaves alike: what the machine [names](Replayable::secrets), the members `token`,
//! `*_token` and `session_id` of any JSON, `authorization` header fields, cookies, and in URLs the tokens in paths
//! below `/webhooks/` and `/interactions/`, the parameters `token` and `*_token`, and user names and passwords. They
//! are found however they are escaped. What users wrote stays in, and so does a secret that was written before
//! anything told that it is one, or that is shorter than 8 bytes where no key names it.
//!
//! Lengths change with that. A machine that decides by the length of a message with a secret in it, such as to refuse
//! a command of more than 4,096 bytes, may decide otherwise in a replay.
//!
//! The seed is written down. In a gateway machine it decides jitter and nonces only. Where keys come from it, as in
//! a voice call, it would be a secret: so captures are for gateway machines.

mod cluster;
mod config;
mod event;
mod line;
mod receipt;
mod recorder;
mod redact;
mod replay;
mod shard;

#[cfg(test)]
mod tests;

pub use cluster::{ClusterAnswer, ClusterCall, ClusterCallError, ClusterSetup};
pub use recorder::{Capture, Recording};
pub use redact::Secret;
pub use replay::{ReplayError, Replayed, replay};
pub use shard::{ShardAnswer, ShardCall, ShardSetup};

use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::gateway::inflate::{Compression, Inflater};
use crate::machine::Machine;
use crate::time::Timestamp;

/// A machine that can be captured and replayed: all that it does follows from its setup, its seed, its inputs and
/// the user's commands.
pub trait Replayable: Machine + Sized {
    /// What it is made of, beside the seed.
    type Setup: Serialize + DeserializeOwned;
    /// What its user may do to it.
    type Command: Serialize + DeserializeOwned;
    /// What the user gets for it.
    type Answer;

    /// Makes it.
    fn build(setup: &Self::Setup, seed: [u8; 32]) -> Self;

    /// Does what the user wants.
    fn apply(&mut self, now: Timestamp, command: Self::Command) -> Self::Answer;

    /// The secrets in a setup, which are replaced wherever they appear.
    fn secrets(setup: &Self::Setup) -> Vec<Secret<'_>>;

    /// The secrets in a command that no JSON member of a known name holds.
    fn command_secrets(command: &Self::Command) -> Vec<Secret<'_>> {
        let _ = command;
        Vec::new()
    }

    /// An event in words, to be compared in a replay. What depends on how messages were compressed, or on the
    /// length of secrets, is not to be told.
    fn describe(event: &Self::Event) -> String;

    /// What inflates the frames of a socket that was opened with this URL. By default as the URL's `compress`
    /// says, with messages of at most 256 MiB.
    fn inflater(setup: &Self::Setup, url: &str) -> Inflater {
        let _ = setup;
        let compressions = [Compression::ZlibStream, Compression::ZstdStream];
        let found = compressions.into_iter().find(|compression| url.contains(compression.query()));
        Inflater::new(found.unwrap_or(Compression::None), MAX_MESSAGE)
    }
}

/// The longest message of a socket, in bytes, inflated.
const MAX_MESSAGE: usize = 256 << 20;
/// The longest line that is written or read, in bytes.
const MAX_LINE: usize = 64 << 20;
/// The version of the lines.
const VERSION: u32 = 1;
