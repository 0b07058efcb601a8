//! The gateway's configuration as a capture writes it.

use alloc::boxed::Box;

use serde::{Deserialize, Serialize};

use crate::gateway::Config;
use crate::gateway::command::Presence;
use crate::gateway::config::{Delivery, Properties};
use crate::gateway::inflate::Compression;
use crate::gateway::intents::Intents;
use crate::gateway::interest::Interest;
use crate::secret::Token;

/// A [`Config`] with its token in the open: to be written, it has to be cleaned.
#[derive(Deserialize, Serialize)]
pub(super) struct OpenConfig {
    token: Box<str>,
    intents: u64,
    interest: Interest,
    compression: Compression,
    max_message: usize,
    delivery: Delivery,
    presence: Option<Presence>,
    large_threshold: Option<u8>,
    properties: Properties,
    attempts: Option<u32>,
}

impl From<Config> for OpenConfig {
    fn from(config: Config) -> Self {
        let Config {
            token,
            intents,
            interest,
            compression,
            max_message,
            delivery,
            presence,
            large_threshold,
            properties,
            attempts,
        } = config;
        Self {
            token: token.expose().into(),
            intents: intents.bits(),
            interest,
            compression,
            max_message,
            delivery,
            presence,
            large_threshold,
            properties,
            attempts,
        }
    }
}

impl From<OpenConfig> for Config {
    fn from(open: OpenConfig) -> Self {
        Self {
            token: Token::new(&open.token),
            intents: Intents::from_bits(open.intents),
            interest: open.interest,
            compression: open.compression,
            max_message: open.max_message,
            delivery: open.delivery,
            presence: open.presence,
            large_threshold: open.large_threshold,
            properties: open.properties,
            attempts: open.attempts,
        }
    }
}
