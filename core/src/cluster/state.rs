//! A cluster's sessions and limits as a value.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::gateway::identify;
use crate::gateway::routing::ShardId;
use crate::gateway::session::Session;
use crate::time::Duration;

/// What another process needs to go on where this one ends. It holds session ids, which with the token open the
/// sessions: keep it as secret as the token.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct State {
    /// How many shards there are in all.
    pub shards: u32,
    /// The sessions of those that this process ran.
    pub sessions: Vec<SavedSession>,
    /// How many identifies are left.
    pub identifies: Option<identify::Saved>,
    /// How long ago it was saved.
    #[serde(skip)]
    pub(crate) age: Duration,
}

/// A shard's session.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct SavedSession {
    /// The shard.
    pub shard: ShardId,
    /// Its session.
    pub session: Session,
}

impl State {
    /// The same, saved so long ago: whoever restores it knows, the core has no clock.
    #[must_use]
    pub const fn aged(mut self, age: Duration) -> Self {
        self.age = age;
        self
    }

    /// The session of this shard.
    #[must_use]
    pub fn session(&self, shard: ShardId) -> Option<&Session> {
        self.sessions.iter().find(|saved| saved.shard == shard).map(|saved| &saved.session)
    }
}
