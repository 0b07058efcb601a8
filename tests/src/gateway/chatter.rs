//! Somebody who writes numbered messages in every guild, so that lost and repeated ones show.

use sanscord::id::GuildId;
use sanscord::time::{Duration, Timestamp};

use super::guild;
use crate::config::Config;
use crate::desk::Desk;

pub(super) struct Chatter {
    /// The guilds and how many messages each has had, in the order of their turns.
    guilds: Vec<(GuildId, u64)>,
    turn: usize,
    /// Whether there has been anybody to write to.
    began: bool,
    next: Option<Timestamp>,
    /// The author, as JSON.
    author: String,
}

impl Chatter {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            guilds: guild::ids(config).into_iter().map(|id| (id, 0)).collect(),
            turn: 0,
            began: false,
            next: None,
            author: guild::author(config).to_string(),
        }
    }

    /// Begins, if it has not yet and is to.
    pub(super) fn start(&mut self, desk: &Desk) {
        self.began = true;
        if self.next.is_none() {
            self.next = self.pause(desk).map(|pause| desk.now + pause);
        }
    }

    pub(super) const fn deadline(&self) -> Option<Timestamp> {
        self.next
    }

    /// The next message that is due by now, with its guild.
    pub(super) fn speak(&mut self, desk: &mut Desk) -> Option<(GuildId, String)> {
        if self.began && self.next.is_none() {
            self.start(desk);
        }
        let at = self.next.filter(|at| *at <= desk.now)?;
        self.next = self.pause(desk).map(|pause| at + pause);
        self.next?;
        let index = self.turn;
        self.turn = (index + 1) % self.guilds.len();
        let (guild, count) = self.guilds.get_mut(index)?;
        *count += 1;
        desk.report.chatter += 1;
        Some((*guild, guild::chatter(&desk.config, &self.author, *guild, index, *count)))
    }

    pub(super) fn sent(&self, guild: GuildId) -> u64 {
        self.guilds.iter().find(|(id, _)| *id == guild).map_or(0, |(_, count)| *count)
    }

    /// The time between two messages, whatever their guilds.
    fn pause(&self, desk: &Desk) -> Option<Duration> {
        let guilds = u32::try_from(self.guilds.len()).unwrap_or(u32::MAX).max(1);
        desk.config.chatter.map(|every| (every / guilds).max(Duration::from_millis(1)))
    }
}
