//! The calls of a client: to join and leave, and how we are in them.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use bytes::Bytes;

use super::{Client, Room};
use crate::gateway::ShardId;
use crate::gateway::phase::Phase;
use crate::id::{ChannelId, GuildId};
use crate::machine::{Input, Machine, Scope};
use crate::time::Timestamp;
use crate::voice::{self, Call, SendError, jitter};

/// How we are in the calls of a guild. It outlasts a call, as when the channel is changed, until we leave.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Manner {
    mute: bool,
    deaf: bool,
    holds_speaking: bool,
    listening: Option<jitter::Config>,
}

impl Client {
    /// Joins a voice channel, or moves there; once the guild's shard is in session, if it is not yet. What becomes
    /// of it, [`voice::Event`] tells: [`Connected`](voice::Event::Connected), or
    /// [`Ended`](voice::Event::Ended) if the bot may not. A client that has stopped joins nothing.
    ///
    /// What plays, what waits to be sent, a recording and how we are shown go along to another channel.
    pub fn join(&mut self, now: Timestamp, guild: GuildId, channel: ChannelId) {
        self.tick(now);
        if self.is_stopped {
            return;
        }
        let Some(user) = self.cluster.user().filter(|_| self.is_in_session(guild)) else {
            self.joins.insert(guild, channel);
            return;
        };
        let mut unsent = Vec::new();
        let in_guild = |room: &&mut Room| room.call.guild() == guild && !room.has_ended();
        if let Some(room) = self.rooms.iter_mut().find(in_guild) {
            if room.call.channel() == channel {
                return;
            }
            unsent = room.call.take_queue(now);
            room.call.leave(now);
        }
        let scope = self.next_scope();
        let manner = self.manners.get(&guild).copied().unwrap_or_default();
        let config = voice::Config {
            modes: self.modes.clone(),
            backend: self.backend,
            dave_version: self.dave_version,
            attempts: self.attempts,
            self_mute: manner.mute,
            self_deaf: manner.deaf,
            ..voice::Config::new(guild, channel, user)
        };
        let mut call = Call::new(config, Scope::new(scope), self.entropy.fork());
        call.listen(self.now, manner.listening);
        call.hold_speaking(self.now, manner.holds_speaking);
        for opus in unsent {
            // It was in such a queue before.
            let _ = call.send_opus(self.now, opus);
        }
        call.handle_input(self.now, Input::Timeout);
        self.rooms.push(Room { scope, call, members: BTreeSet::new() });
    }

    /// Joins what waited for this shard.
    pub(super) fn join_waiting(&mut self, id: ShardId) {
        let waiting = self.joins.extract_if(.., |guild, _| ShardId::of(*guild, id.count) == id);
        let waiting: Vec<_> = waiting.collect();
        for (guild, channel) in waiting {
            self.join(self.now, guild, channel);
        }
    }

    /// Whether the shard that serves this guild can take requests.
    fn is_in_session(&self, guild: GuildId) -> bool {
        let shard = self.cluster.shard(ShardId::of(guild, self.cluster.count()));
        shard.is_some_and(|shard| matches!(shard.phase(), Phase::Ready { .. }))
    }

    /// Leaves the voice channel of this guild. A recording there ends with it, and what plays.
    pub fn leave(&mut self, now: Timestamp, guild: GuildId) {
        self.forget(now, guild);
        for room in self.rooms.iter_mut().filter(|room| room.call.guild() == guild) {
            room.call.leave(now);
        }
    }

    /// Ends this guild's call without a word to the main gateway: see [`Call::disconnect`]. A recording there ends
    /// with it, and what plays.
    pub fn disconnect(&mut self, now: Timestamp, guild: GuildId) {
        self.forget(now, guild);
        for room in self.rooms.iter_mut().filter(|room| room.call.guild() == guild) {
            room.call.disconnect(now);
        }
    }

    fn forget(&mut self, now: Timestamp, guild: GuildId) {
        self.tick(now);
        self.joins.remove(&guild);
        self.manners.remove(&guild);
        self.stop_recording(now, guild);
        self.end_player(guild);
    }

    /// Queues an Opus packet for the call in this guild: see [`Call::send_opus`].
    ///
    /// # Errors
    /// As there; or if there is no call.
    pub fn send_opus(&mut self, now: Timestamp, guild: GuildId, opus: Bytes) -> Result<(), SendError> {
        self.tick(now);
        self.call_mut(guild).ok_or(SendError::NoCall)?.send_opus(now, opus)
    }

    /// Drops what waits to be sent in this guild's call: see [`Call::clear_queue`].
    pub fn clear_queue(&mut self, now: Timestamp, guild: GuildId) {
        self.tick(now);
        if let Some(call) = self.call_mut(guild) {
            call.clear_queue(now);
        }
    }

    /// Shows us as muted or deafened in this guild's calls, those to come included, until we leave: see
    /// [`Call::set_self_state`].
    pub fn set_self_state(&mut self, now: Timestamp, guild: GuildId, mute: bool, deaf: bool) {
        let manner = self.manner(now, guild);
        (manner.mute, manner.deaf) = (mute, deaf);
        if let Some(call) = self.call_mut(guild) {
            call.set_self_state(now, mute, deaf);
        }
    }

    /// Puts the packets of this guild's calls in order as they come, until we leave: see [`Call::listen`].
    pub fn listen(&mut self, now: Timestamp, guild: GuildId, config: Option<jitter::Config>) {
        self.manner(now, guild).listening = config;
        if let Some(call) = self.call_mut(guild) {
            call.listen(now, config);
        }
    }

    /// Keeps Speaking on in this guild's calls, until we leave: see [`Call::hold_speaking`].
    pub fn hold_speaking(&mut self, now: Timestamp, guild: GuildId, hold: bool) {
        self.manner(now, guild).holds_speaking = hold;
        if let Some(call) = self.call_mut(guild) {
            call.hold_speaking(now, hold);
        }
    }

    fn manner(&mut self, now: Timestamp, guild: GuildId) -> &mut Manner {
        self.tick(now);
        self.manners.entry(guild).or_default()
    }

    fn call_mut(&mut self, guild: GuildId) -> Option<&mut Call> {
        self.rooms.iter_mut().rev().map(|room| &mut room.call).find(|call| call.guild() == guild)
    }
}
