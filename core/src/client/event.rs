//! What a client tells its user.

use alloc::format;

use crate::gateway::routing::ShardId;
use crate::id::GuildId;
use crate::machine::{Level, Log};
use crate::{cluster, gateway, play, record, voice};

/// What a client tells its user.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// From a shard.
    Gateway(ShardId, gateway::Event),
    /// From what all shards share.
    Cluster(cluster::Event),
    /// From the call in this guild.
    Voice(GuildId, voice::Event),
    /// From the recording in this guild.
    Recording(GuildId, record::Event),
    /// From what plays in this guild.
    Playing(GuildId, play::Event),
    /// The client has ended for good: the last event, when every recording is finished.
    Stopped {
        /// Why.
        reason: cluster::Stopped,
    },
}

impl Event {
    /// What a driver that logs says of it.
    #[must_use]
    pub fn log(&self) -> Option<Log> {
        match self {
            Self::Gateway(id, event) => {
                let Log { level, text } = event.log()?;
                Some(Log::new(level, format!("shard {id}: {text}")))
            }
            Self::Cluster(event) => event.log(),
            Self::Stopped { reason } => cluster::Event::Stopped { reason: reason.clone() }.log(),
            Self::Voice(_, voice::Event::Packet(_) | voice::Event::Playout { .. }) => None,
            Self::Voice(guild, event) => Some(Log::new(Level::Debug, format!("call in {guild}: {event:?}"))),
            Self::Recording(guild, event) => {
                Some(Log::new(Level::Debug, format!("recording in {guild}: {event:?}")))
            }
            Self::Playing(guild, event) => {
                Some(Log::new(Level::Debug, format!("playing in {guild}: {event:?}")))
            }
        }
    }
}
