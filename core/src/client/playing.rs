//! What the calls of a client play.

use super::{Client, Event, Room};
use crate::id::GuildId;
use crate::machine::{Machine, Output, Scope};
use crate::play::{EnqueueError, Origin, Player, TrackId};
use crate::time::Timestamp;

/// Frames that a call holds of its player: it takes effect within as many of them.
const AHEAD: usize = 3;

/// The player of a guild's call.
#[derive(Debug)]
pub(super) struct Playing {
    pub(super) guild: GuildId,
    pub(super) scope: u32,
    pub(super) player: Player,
}

impl Client {
    /// The player of the call in this guild, if something was played there.
    #[must_use]
    pub fn player(&self, guild: GuildId) -> Option<&Player> {
        // The newest: an older one has ended and is about to go.
        self.players.iter().rev().find(|playing| playing.guild == guild).map(|playing| &playing.player)
    }

    /// The player of the call in this guild, to act on; `None` if there is no call, and none is being joined.
    /// It lasts as long as the call, through reconnects and from channel to channel.
    pub fn player_mut(&mut self, now: Timestamp, guild: GuildId) -> Option<&mut Player> {
        self.tick(now);
        let lasts = |playing: &Playing| playing.guild == guild && !playing.player.has_ended();
        let at = match self.players.iter().position(lasts) {
            Some(at) => at,
            None => {
                let is_there = |room: &Room| room.call.guild() == guild && !room.has_ended();
                if self.is_stopped || !(self.joins.contains_key(&guild) || self.rooms.iter().any(is_there)) {
                    return None;
                }
                let scope = self.next_scope();
                self.players.push(Playing { guild, scope, player: Player::new(Scope::new(scope)) });
                self.players.len() - 1
            }
        };
        self.players.get_mut(at).map(|playing| &mut playing.player)
    }

    /// Plays this in the call of this guild, after what is played there already: see [`Player::enqueue`].
    ///
    /// # Errors
    /// As there; [`EnqueueError::Ended`] if there is no call, and none is being joined.
    pub fn play(&mut self, now: Timestamp, guild: GuildId, origin: Origin) -> Result<TrackId, EnqueueError> {
        self.player_mut(now, guild).ok_or(EnqueueError::Ended)?.enqueue(origin)
    }

    pub(super) fn end_player(&mut self, guild: GuildId) {
        for playing in self.players.iter_mut().filter(|playing| playing.guild == guild) {
            playing.player.end();
        }
    }

    /// Hands frames to the calls that can send them. Answers whether there were any.
    pub(super) fn feed_calls(&mut self) -> bool {
        let mut fed = false;
        for playing in &mut self.players {
            // The newest: an older one has been left.
            let mut rooms = self.rooms.iter_mut().rev();
            let Some(room) = rooms.find(|room| room.call.guild() == playing.guild) else { continue };
            while room.call.can_send()
                && room.call.queued() < AHEAD
                && let Some(frame) = playing.player.next_frame()
            {
                fed = true;
                // It is an Opus packet that is short enough, as the player sees to; the call lives and has room.
                let _ = room.call.send_opus(self.now, frame);
            }
        }
        fed
    }

    /// Takes over what the players have decided.
    pub(super) fn drain_players(&mut self) {
        for Playing { guild, player, .. } in &mut self.players {
            loop {
                match player.poll_output() {
                    Output::Wait(_) => break,
                    Output::Event(event) => self.out.event(Event::Playing(*guild, event)),
                    other => self.out.push(other.map_event(|event| Event::Playing(*guild, event))),
                }
            }
        }
        self.players.retain(|playing| !playing.player.is_finished());
    }
}
