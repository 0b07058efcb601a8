//! How much may be sent.

use alloc::collections::{BTreeMap, VecDeque};

use crate::id::GuildId;
use crate::time::{Duration, Timestamp};

/// A number of messages that may be sent in a sliding time.
#[derive(Clone, Debug)]
pub struct Window {
    limit: usize,
    time: Duration,
    sent: VecDeque<Timestamp>,
}

impl Window {
    const fn new(limit: usize, time: Duration) -> Self {
        Self { limit, time, sent: VecDeque::new() }
    }

    /// How many more may be sent at `now`.
    #[must_use]
    pub fn available(&self, now: Timestamp) -> usize {
        let recent = self.sent.iter().rev().take_while(|&&at| at + self.time > now).count();
        self.limit.saturating_sub(recent)
    }

    /// When one more may be sent while `kept` are held back, if not now.
    fn next(&self, kept: usize) -> Option<Timestamp> {
        let surplus = self.sent.len().checked_sub(self.limit.saturating_sub(kept))?;
        self.sent.get(surplus).map(|&at| at + self.time)
    }

    fn spend(&mut self, now: Timestamp) {
        self.forget(now);
        self.sent.push_back(now);
    }

    fn forget(&mut self, now: Timestamp) {
        while self.sent.front().is_some_and(|&at| at + self.time <= now) {
            self.sent.pop_front();
        }
    }
}

/// What one shard may send.
#[derive(Clone, Debug)]
pub struct Budget {
    sends: Window,
    /// How many heartbeats are due in [`Budget::WINDOW`].
    beats: usize,
    presences: Window,
    /// When all members of a guild may be asked for again: of [`MAX_GUILDS`] at most.
    members: BTreeMap<GuildId, Timestamp>,
}

/// By which limit a command waits, beside the one that all share.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Lane {
    /// None.
    General,
    /// The presences'.
    Presence,
    /// That of requests for all members of this guild.
    AllMembers(GuildId),
}

impl Budget {
    /// Messages of any kind per [`Budget::WINDOW`] and connection, heartbeats included; Discord closes with 4008
    /// at the next (discord-api-docs, Gateway, Rate Limiting).
    pub const LIMIT: usize = 120;
    /// Messages kept back for heartbeats, asked ones included, and for Identify or Resume; more where heartbeats
    /// come so often that they need it.
    pub const RESERVE: usize = 6;
    /// The time in which [`Budget::LIMIT`] messages may be sent, and a second against clocks that differ.
    pub const WINDOW: Duration = Duration::from_secs(61);
    /// Presence updates per [`Budget::PRESENCE_WINDOW`] (discord-api-docs, Gateway Events, Update Presence).
    pub const PRESENCE_LIMIT: usize = 5;
    /// 20 s, and a second against clocks that differ.
    pub const PRESENCE_WINDOW: Duration = Duration::from_secs(21);
    /// The time between two requests for all members of a guild, and a second (discord-api-docs, Gateway Events,
    /// Request Guild Members).
    pub const MEMBERS_SPACING: Duration = Duration::from_secs(31);

    pub(crate) const fn new() -> Self {
        Self {
            sends: Window::new(Self::LIMIT, Self::WINDOW),
            beats: 0,
            presences: Window::new(Self::PRESENCE_LIMIT, Self::PRESENCE_WINDOW),
            members: BTreeMap::new(),
        }
    }

    /// How many commands may be sent now, of those that have no limit of their own.
    #[must_use]
    pub fn available(&self, now: Timestamp) -> usize {
        self.sends.available(now).saturating_sub(self.reserve())
    }

    /// How many presence updates may be sent now, as far as their own limit goes.
    #[must_use]
    pub fn presences_available(&self, now: Timestamp) -> usize {
        self.presences.available(now)
    }

    /// When all members of this guild may be asked for again, if not now.
    #[must_use]
    pub fn members_available_at(&self, now: Timestamp, guild: GuildId) -> Option<Timestamp> {
        self.members.get(&guild).copied().filter(|&at| at > now)
    }

    /// Whether so much of the reserve is used up that only the heartbeats which are due may be sent.
    pub(crate) fn exhausted(&self, now: Timestamp) -> bool {
        self.sends.available(now) <= self.beats
    }

    /// Keeps enough back for heartbeats of this interval.
    pub(crate) fn keep_for_beats(&mut self, interval: Duration) {
        let beats = Self::WINDOW.as_nanos().div_ceil(interval.as_nanos().max(1));
        self.beats = usize::try_from(beats).map_or(Self::LIMIT, |beats| beats.min(Self::LIMIT));
    }

    fn reserve(&self) -> usize {
        Self::RESERVE.max(self.beats + ASKED)
    }

    /// When a command of this lane may be sent; `None` for now.
    pub(crate) fn next(&self, now: Timestamp, lane: Lane) -> Option<Timestamp> {
        let sends = if self.available(now) > 0 { None } else { self.sends.next(self.reserve()) };
        let own = match lane {
            Lane::General => None,
            Lane::Presence if self.presences.available(now) > 0 => None,
            Lane::Presence => self.presences.next(0),
            Lane::AllMembers(guild) => self.members_available_at(now, guild),
        };
        sends.max(own)
    }

    /// Notes that a message was sent.
    pub(crate) fn spend(&mut self, now: Timestamp, lane: Lane) {
        self.sends.spend(now);
        match lane {
            Lane::General => {}
            Lane::Presence => self.presences.spend(now),
            Lane::AllMembers(guild) => self.block_members(now, guild, Self::MEMBERS_SPACING),
        }
    }

    /// Notes that Discord takes no request for all members of this guild for so long. Of more guilds than a shard
    /// can have, the one that is free the soonest is forgotten.
    pub(crate) fn block_members(&mut self, now: Timestamp, guild: GuildId, time: Duration) {
        self.members.retain(|_, at| *at > now);
        if self.members.len() >= MAX_GUILDS
            && !self.members.contains_key(&guild)
            && let Some(soonest) = self.members.iter().min_by_key(|(_, at)| **at).map(|(guild, _)| *guild)
        {
            self.members.remove(&soonest);
        }
        self.members.insert(guild, now + time);
    }

    /// A new connection: the limit of sends starts afresh, the others are the bot's.
    pub(crate) fn reconnect(&mut self) {
        self.sends = Window::new(Self::LIMIT, Self::WINDOW);
        self.beats = 0;
    }
}

/// Messages kept back for what is sent beside the heartbeats that are due: Identify or Resume, and heartbeats that
/// were asked for.
const ASKED: usize = 4;
/// The most guilds of one shard (discord-api-docs, Gateway, Sharding).
const MAX_GUILDS: usize = 2_500;

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_millis(5);

    #[test]
    fn keeps_a_reserve_and_refills_as_the_window_slides() {
        let mut budget = Budget::new();
        let free = Budget::LIMIT - Budget::RESERVE;
        for n in 0..free {
            assert_eq!(budget.available(Timestamp::from_millis(n as u64)), free - n);
            budget.spend(Timestamp::from_millis(n as u64), Lane::General);
        }
        let now = Timestamp::from_millis(1000);
        assert_eq!(budget.available(now), 0);
        assert!(!budget.exhausted(now));
        assert_eq!(budget.next(now, Lane::General), Some(Timestamp::ZERO + Budget::WINDOW));
        let later = Timestamp::ZERO + Budget::WINDOW;
        assert_eq!((budget.available(later), budget.next(later, Lane::General)), (1, None));
        for _ in 0..=Budget::RESERVE {
            budget.spend(later, Lane::General);
        }
        assert!(budget.exhausted(later));
        budget.reconnect();
        assert_eq!(budget.available(later), free);
    }

    #[test]
    fn heartbeats_that_come_often_have_a_larger_reserve() {
        let mut budget = Budget::new();
        budget.keep_for_beats(Duration::from_secs(1));
        assert_eq!(budget.available(START), Budget::LIMIT - 61 - ASKED);
        while !budget.exhausted(START) {
            budget.spend(START, Lane::General);
        }
        // All beats of the next minute still fit.
        assert_eq!(budget.sends.available(START), 61);
        budget.reconnect();
        assert_eq!(budget.available(START), Budget::LIMIT - Budget::RESERVE);
    }

    #[test]
    fn presences_have_a_limit_of_their_own() {
        let mut budget = Budget::new();
        for _ in 0..Budget::PRESENCE_LIMIT {
            assert_eq!(budget.next(START, Lane::Presence), None);
            budget.spend(START, Lane::Presence);
        }
        let free = START + Budget::PRESENCE_WINDOW;
        assert_eq!(budget.next(START, Lane::Presence), Some(free));
        assert_eq!(budget.next(START, Lane::General), None);
        assert_eq!(budget.next(free, Lane::Presence), None);
        budget.reconnect();
        assert_eq!(budget.presences_available(START), 0);
    }

    #[test]
    fn all_members_of_a_guild_are_asked_for_once_in_thirty_seconds() {
        let mut budget = Budget::new();
        let (one, other) = (GuildId(1), GuildId(2));
        budget.spend(START, Lane::AllMembers(one));
        assert_eq!(budget.next(START, Lane::AllMembers(one)), Some(START + Budget::MEMBERS_SPACING));
        assert_eq!(budget.next(START, Lane::AllMembers(other)), None);
        budget.block_members(START, other, Duration::from_secs(3));
        assert_eq!(budget.members_available_at(START, other), Some(START + Duration::from_secs(3)));
        assert_eq!(budget.next(START + Budget::MEMBERS_SPACING, Lane::AllMembers(one)), None);
    }

    #[test]
    fn no_more_guilds_are_remembered_than_a_shard_can_have() {
        let mut budget = Budget::new();
        for guild in 0..MAX_GUILDS as u64 + 7 {
            budget.block_members(START, GuildId(guild), Duration::from_secs(100 + guild));
        }
        assert_eq!(budget.members.len(), MAX_GUILDS);
        assert_eq!(budget.members_available_at(START, GuildId(6)), None);
        assert!(budget.members_available_at(START, GuildId(7)).is_some());
    }
}
