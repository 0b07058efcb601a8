//! A channel or thread with what is in it.

use std::collections::BTreeMap;

use sanscord::id::{GuildId, UserId};
use serde_json::Value;

use super::log::Log;
use crate::rest::form;

/// A channel or thread.
#[derive(Debug)]
pub(in crate::rest) struct Channel {
    pub(in crate::rest) value: Value,
    pub(in crate::rest) log: Log,
    /// Pinned messages and when they were pinned, in milliseconds since 1970; the oldest first.
    pub(in crate::rest) pins: Vec<(u64, u64)>,
    /// A thread's members, with their objects.
    pub(in crate::rest) members: BTreeMap<u64, Value>,
    /// Whose direct messages these are.
    pub(in crate::rest) owner: Option<UserId>,
}

impl Channel {
    pub(super) const fn new(value: Value, log: Log) -> Self {
        Self { value, log, pins: Vec::new(), members: BTreeMap::new(), owner: None }
    }

    pub(in crate::rest) fn kind(&self) -> u64 {
        self.value["type"].as_u64().unwrap_or(0)
    }

    pub(in crate::rest) fn guild(&self) -> Option<GuildId> {
        self.value.get("guild_id").and_then(form::snowflake).map(GuildId)
    }

    pub(in crate::rest) fn parent(&self) -> Option<u64> {
        self.value.get("parent_id").and_then(form::snowflake)
    }

    pub(in crate::rest) fn is_thread(&self) -> bool {
        matches!(self.kind(), 10..=12)
    }

    /// Whether it is a forum or a media channel, whose threads are posts.
    pub(in crate::rest) fn is_forum(&self) -> bool {
        matches!(self.kind(), 15 | 16)
    }

    /// Whether messages can be written there.
    pub(in crate::rest) fn is_text(&self) -> bool {
        matches!(self.kind(), 0 | 1 | 2 | 3 | 5 | 10..=13)
    }

    pub(in crate::rest) fn is_archived(&self) -> bool {
        self.value.pointer("/thread_metadata/archived").and_then(Value::as_bool).unwrap_or(false)
    }

    /// Whether somebody may see it.
    pub(in crate::rest) fn is_for(&self, user: UserId) -> bool {
        self.owner.is_none_or(|owner| owner == user)
    }
}
