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
//! ```
//! use sanscord::capture::{Capture, Replayed, ShardSetup, replay};
//! use sanscord::gateway::shard::Start;
//! use sanscord::gateway::{Config, Intents, Shard};
//! use sanscord::machine::{Input, Machine, Output};
//! use sanscord::secret::Token;
//! use sanscord::time::Timestamp;
//!
//! let config = Config::new(Token::new("a.secret.token"), Intents::GUILDS);
//! let setup = ShardSetup { config, start: Start::new("wss://gateway.discord.gg") };
//! // Any adapter's `start` takes it in place of the shard.
//! let mut capture = Capture::<Shard>::new(setup, [7; 32], "shard.jsonl");
//! # let mut file = String::new();
//! capture.handle_input(Timestamp::from_millis(1), Input::Timeout);
//! capture.end(Timestamp::from_millis(2));
//! loop {
//!     match capture.poll_output() {
//!         Output::Wait(_) => break,
//!         # Output::Append(_, lines) => file += std::str::from_utf8(&lines).unwrap(),
//!         output => println!("{output:?}"),
//!     }
//! }
//! # assert!(!file.contains("a.secret.token"));
//! // In a test, later, with the file's text:
//! let replayed: Replayed<Shard> = replay(file.lines()).unwrap_or_else(|difference| panic!("{difference}"));
//! assert_eq!(replayed.machine.counters().connects, 1);
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
//! `*_token` and `session_id` of any JSON, `authorization` header fields, cookies, and the tokens in paths below
//! `/webhooks/` and `/interactions/`. They are found however they are escaped. What users wrote stays in, and so does
//! a secret that was written before anything told that it is one.
//!
//! The seed is written down. In a gateway machine it decides jitter and nonces only. Where keys come from it, as in
//! a voice call, it would be a secret: so captures are for gateway machines.

mod line;
mod recorder;
mod redact;
mod replay;
mod shard;

#[cfg(test)]
mod tests;

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
