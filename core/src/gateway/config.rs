//! What a shard needs to know.

use alloc::boxed::Box;

use serde::{Deserialize, Serialize};

use crate::gateway::command::Presence;
use crate::gateway::inflate::Compression;
use crate::gateway::intents::Intents;
use crate::gateway::interest::Interest;
use crate::secret::Token;

/// What all shards of a bot have in common.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The bot's token.
    pub token: Token,
    /// The events to ask Discord for.
    pub intents: Intents,
    /// The events to hand to the user from the start, until [`Shard::set_interest`](crate::gateway::Shard::set_interest)
    /// names others; what is not among them is counted and dropped, unread. All of them by default.
    pub interest: Interest,
    /// How the gateway's messages are compressed; by default as well as the features allow.
    pub compression: Compression,
    /// The longest message that is taken in, in bytes, inflated; a longer one ends the connection. 256 MiB by
    /// default: Discord names no bound.
    pub max_message: usize,
    /// When a dispatch counts as received.
    pub delivery: Delivery,
    /// Status and activities from the start; online without activities by default. A new session begins with the
    /// newest that the user sent, once there is one.
    pub presence: Option<Presence>,
    /// From how many members on GUILD_CREATE leaves offline members out: 50 to 250; Discord's default is 50.
    pub large_threshold: Option<u8>,
    /// Who connects.
    pub properties: Properties,
    /// How many attempts in a row may fail before the shard stops, with its session kept; `None`, the default, to go
    /// on for ever.
    pub attempts: Option<u32>,
}

impl Config {
    /// A bot with this token and these intents; everything else as the fields' docs say.
    #[must_use]
    pub fn new(token: Token, intents: Intents) -> Self {
        Self {
            token,
            intents,
            interest: Interest::all(),
            compression: Compression::preferred(),
            max_message: 256 << 20,
            delivery: Delivery::default(),
            presence: None,
            large_threshold: None,
            properties: Properties::default(),
            attempts: None,
        }
    }
}

/// When a dispatch counts as received: what is counted is not sent again when the session is resumed in another
/// process.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub enum Delivery {
    /// When it was handed to the user. After a crash, what had not been handled yet is lost.
    #[default]
    AtMostOnce,
    /// When the user says so, by [`Shard::ack`](crate::gateway::Shard::ack): after a crash, everything that had
    /// not been acknowledged comes again, flagged [`Dispatch::duplicate`](crate::gateway::Dispatch::duplicate)
    /// where it is known to have been delivered before.
    ///
    /// Acknowledgements are cumulative. A dispatch that the user had no interest in counts once all that was
    /// delivered before it is acknowledged: at once if nothing is open.
    AtLeastOnce,
}

/// Who connects, in Identify (discord-api-docs, Gateway Events, Identify Connection Properties).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Properties {
    /// The operating system.
    pub os: Box<str>,
    /// The library.
    pub browser: Box<str>,
    /// The library, again.
    pub device: Box<str>,
}

impl Default for Properties {
    /// This library. What it runs on, the core does not know.
    fn default() -> Self {
        Self { os: "linux".into(), browser: "sanscord".into(), device: "sanscord".into() }
    }
}
