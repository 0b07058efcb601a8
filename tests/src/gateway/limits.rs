//! What the gateway remembers of a bot to hold it to: Identifies, what has ended, and requests for all members.

use std::collections::{BTreeMap, VecDeque};

use sanscord::gateway::ShardId;
use sanscord::id::GuildId;
use sanscord::time::{Duration, Timestamp};

use crate::desk::Desk;
use crate::violation::Rule;

/// How far apart Identifies of one concurrency key are.
const IDENTIFY_WINDOW: Duration = Duration::from_secs(5);
/// The shortest wait after Invalid Session, as Discord's staff advise.
const INVALID_WAIT: Duration = Duration::from_secs(1);
/// How far apart two requests for all members of one guild are (Discord docs: Gateway Events, Request Guild
/// Members).
const MEMBERS_WINDOW: Duration = Duration::from_secs(30);
/// Shards of which something is remembered.
const MAX_SHARDS: usize = 4_096;
/// Sessions that have ended and are remembered.
const MAX_ENDED: usize = 4_096;

#[derive(Default)]
pub(super) struct Limits {
    /// When each concurrency key last identified; as many as there are keys.
    identified: BTreeMap<u32, Timestamp>,
    /// When each shard's session was last declared invalid; at most [`MAX_SHARDS`].
    invalidated: BTreeMap<ShardId, Timestamp>,
    /// Which shards were closed for good; at most [`MAX_SHARDS`].
    dead: BTreeMap<ShardId, u16>,
    /// With which code the whole bot was.
    banned: Option<u16>,
    ended: VecDeque<Ended>,
    /// When all members of a guild were last sent; one for each guild.
    all_members: BTreeMap<GuildId, Timestamp>,
}

struct Ended {
    id: String,
    shard: ShardId,
    /// Whether the client was told to forget it.
    told: bool,
}

impl Limits {
    /// Whether the concurrency key of this shard is free, and the wait after Invalid Session over.
    pub(super) fn may_identify(&mut self, desk: &mut Desk, shard: ShardId) -> bool {
        let tolerance = desk.config.tolerance.min(Duration::from_millis(200));
        if self.invalidated.remove(&shard).is_some_and(|at| desk.now.since(at) < INVALID_WAIT) {
            desk.violation(
                Rule::IdentifyRate,
                format!("shard {shard} identified less than a second after Invalid Session"),
            );
        }
        let key = shard.bucket(desk.config.max_concurrency);
        let last = self.identified.insert(key, desk.now);
        let free = last.is_none_or(|last| desk.now.since(last) + tolerance >= IDENTIFY_WINDOW);
        if !free {
            desk.violation(Rule::IdentifyRate, format!("two Identifies of key {key} within five seconds"));
        }
        free
    }

    /// Notes that a shard was sent Invalid Session, and is to identify next.
    pub(super) fn invalidated(&mut self, desk: &mut Desk, shard: ShardId) {
        desk.report.invalid_sessions += 1;
        self.invalidated.insert(shard, desk.now);
        if self.invalidated.len() > MAX_SHARDS {
            self.invalidated.pop_first();
        }
    }

    /// Notes a close code after which nobody is to come back: the shard, or if that is not known, or for the
    /// token's sake, the bot.
    pub(super) fn bury(&mut self, shard: Option<ShardId>, code: u16) {
        match shard.filter(|_| code != 4004) {
            Some(shard) => {
                self.dead.insert(shard, code);
                if self.dead.len() > MAX_SHARDS {
                    self.dead.pop_first();
                }
            }
            None => self.banned = Some(code),
        }
    }

    /// The close code after which the whole bot should not have come back.
    pub(super) const fn banned(&self) -> Option<u16> {
        self.banned
    }

    /// Checks that a shard which speaks up was not closed for good.
    pub(super) fn mourn(&self, desk: &mut Desk, shard: ShardId) {
        if let Some(code) = self.dead.get(&shard) {
            desk.violation(Rule::Dead, format!("shard {shard} came back after close code {code}"));
        }
    }

    /// Notes that a session is over.
    pub(super) fn ended(&mut self, id: String, shard: ShardId, told: bool) {
        self.ended.push_back(Ended { id, shard, told });
        if self.ended.len() > MAX_ENDED {
            self.ended.pop_front();
        }
    }

    /// The shard of a session that is over, and whether the client was told.
    pub(super) fn obituary(&self, id: &str) -> Option<(ShardId, bool)> {
        self.ended.iter().rev().find(|ended| ended.id == id).map(|ended| (ended.shard, ended.told))
    }

    /// Takes a request for all members of a guild. An error says how long it comes too early.
    pub(super) fn take_members(&mut self, now: Timestamp, guild: GuildId) -> Result<(), Duration> {
        let until = self.all_members.get(&guild).map(|last| *last + MEMBERS_WINDOW);
        match until.filter(|until| *until > now) {
            Some(until) => Err(until.since(now)),
            None => {
                self.all_members.insert(guild, now);
                Ok(())
            }
        }
    }
}
