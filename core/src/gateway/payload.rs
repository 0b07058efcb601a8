//! The payloads that the shard itself needs. Everything else is the user's to parse.

use alloc::string::String;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::gateway::config::Properties;
use crate::gateway::routing::ShardId;
use crate::id::UserId;

/// Op 10.
#[derive(Debug, Deserialize)]
pub(crate) struct Hello {
    /// Milliseconds.
    pub(crate) heartbeat_interval: f64,
}

/// Op 2.
#[derive(Serialize)]
pub(crate) struct Identify<'a> {
    pub(crate) token: &'a str,
    pub(crate) intents: u64,
    pub(crate) properties: &'a Properties,
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub(crate) compress: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) large_threshold: Option<u8>,
    pub(crate) shard: ShardId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) presence: Option<&'a RawValue>,
}

/// Op 6.
#[derive(Serialize)]
pub(crate) struct Resume<'a> {
    pub(crate) token: &'a str,
    pub(crate) session_id: &'a str,
    pub(crate) seq: u64,
}

/// The READY dispatch.
#[derive(Deserialize)]
pub(crate) struct Ready {
    pub(crate) session_id: String,
    pub(crate) resume_gateway_url: Option<String>,
    pub(crate) user: ReadyUser,
}

#[derive(Deserialize)]
pub(crate) struct ReadyUser {
    pub(crate) id: UserId,
}
