//! Which shard serves which guild.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::id::GuildId;

/// A shard: its number and the count of shards that share the guilds; `[number, count]` on the wire
/// (discord-api-docs, Gateway, Sharding).
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(from = "[u32; 2]", into = "[u32; 2]")]
pub struct ShardId {
    /// How many shards share the guilds; at least 1.
    pub count: u32,
    /// From 0 to `count - 1`.
    pub number: u32,
}

impl ShardId {
    /// The one shard of a bot that has no other.
    pub const ONLY: Self = Self { count: 1, number: 0 };

    /// The shard of this number among so many. A count of 0 is taken for 1, and the number for its remainder.
    #[must_use]
    pub const fn new(number: u32, count: u32) -> Self {
        let count = if count == 0 { 1 } else { count };
        Self { count, number: number % count }
    }

    /// The shard that serves this guild, of so many: `(guild_id >> 22) % count`.
    #[must_use]
    pub const fn of(guild: GuildId, count: u32) -> Self {
        let count = if count == 0 { 1 } else { count };
        Self { count, number: ((guild.0 >> 22) % count as u64) as u32 }
    }

    /// The bucket in which this shard waits to identify: `shard_id % max_concurrency`. One of each bucket may
    /// identify in 5 s.
    #[must_use]
    pub const fn bucket(self, max_concurrency: u32) -> u32 {
        if max_concurrency == 0 { 0 } else { self.number % max_concurrency }
    }
}

impl From<[u32; 2]> for ShardId {
    fn from([number, count]: [u32; 2]) -> Self {
        Self::new(number, count)
    }
}

impl From<ShardId> for [u32; 2] {
    fn from(id: ShardId) -> Self {
        [id.number, id.count]
    }
}

/// As `3/16`: the number and the count.
impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guilds_are_divided_as_documented() {
        let guild = GuildId(197_038_439_483_310_086);
        assert_eq!(ShardId::of(guild, 1), ShardId::ONLY);
        assert_eq!(ShardId::of(guild, 16), ShardId::new(((guild.0 >> 22) % 16) as u32, 16));
        assert_eq!(ShardId::of(guild, 0), ShardId::ONLY);
        assert_eq!(ShardId::new(17, 16).bucket(16), 1);
        assert_eq!(ShardId::new(5, 8).bucket(0), 0);
        assert_eq!(serde_json::to_string(&ShardId::new(3, 16)).unwrap(), "[3,16]");
        assert_eq!(serde_json::from_str::<ShardId>("[3,16]").unwrap(), ShardId::new(3, 16));
    }
}
