//! Resharding without a gap: what the old and the new shards have told, and when the new ones take over.
//!
//! ```text
//! old  ── dispatches to the user ───────────────────────────────────────┬─ heartbeat ─ acknowledged ─┐ stop
//! new  ── come up ──┬─ heartbeat ─ acknowledged ── dispatches dropped ──┴─ dispatches held ──────────┴─ to the user
//! ```
//!
//! Discord handles a connection's messages in order, so once a new shard's heartbeat is acknowledged, it tells
//! nothing more of what had happened when that was sent; and once an old shard's is, everything that had happened has
//! been told by the old shards. What happened later is among what was held; so is some of what the old shards told
//! too, which is recognised by its name and payload, and dropped. A new shard whose connection lags tells such things
//! even after it took over, until a heartbeat of its own is acknowledged. If a new shard loses its connection
//! meanwhile, it comes up again first, and the old ones go on telling.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;

use serde::Deserialize;

use super::ledger::{Ledger, Side};
use crate::gateway::Dispatch;
use crate::gateway::name::EventName;
use crate::id::GuildId;
use crate::time::{Duration, Timestamp};

/// How long the guilds of a new session may take to come. An interest without GUILD_CREATE waits as long.
const GUILDS_LIMIT: Duration = Duration::from_secs(30);
/// How long the old shards may take to acknowledge a heartbeat.
const DRAIN_LIMIT: Duration = Duration::from_secs(90);
/// How far one session may lag behind another. What old shards told longer ago, before new shards were asked whether
/// they are up to date, is not told again: an equal dispatch is a new one.
const LAG: Duration = Duration::from_secs(10);
/// The most dispatches held; with more the new shards take over at once.
const MAX_HELD: usize = 65_536;

/// A change of shards under way.
#[derive(Debug)]
pub(crate) struct Handover {
    /// How many shards there will be in all.
    pub(crate) count: u32,
    /// The new shards, by the number of their scope.
    incoming: BTreeMap<u32, Incoming>,
    /// How many of them are up, their guilds included.
    ready: u32,
    /// When those that wait for guilds wait no longer.
    limits: BTreeSet<(Timestamp, u32)>,
    stage: Stage,
    told: Ledger,
}

/// What new shards that have taken over may still tell, though the old ones have told it.
#[derive(Debug)]
pub(crate) struct Echo {
    told: Ledger,
    pub(crate) waiting: Waiting,
}

/// The shards whose heartbeat is to be acknowledged.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    /// Not asked for one yet.
    unasked: BTreeSet<u32>,
    asked: BTreeSet<u32>,
}

#[derive(Debug, Default)]
struct Incoming {
    is_connected: bool,
    /// Guilds that READY named and that have not come yet; `None` before READY.
    missing: Option<BTreeSet<GuildId>>,
    /// When they are waited for no longer.
    until: Option<Timestamp>,
    is_ready: bool,
}

#[derive(Debug)]
enum Stage {
    /// Not all new shards are up.
    Coming,
    /// All are, and are asked whether they are up to date.
    Probing {
        waiting: Waiting,
        since: Timestamp,
    },
    Draining(Drain),
}

#[derive(Debug)]
struct Drain {
    /// The old shards that have not acknowledged.
    waiting: Waiting,
    held: VecDeque<(u32, Dispatch)>,
    /// What happened before, the new shards do not tell any more.
    since: Timestamp,
    until: Timestamp,
}

#[derive(Deserialize)]
struct Ready {
    #[serde(default)]
    guilds: Vec<Guild>,
}

#[derive(Deserialize)]
struct Guild {
    id: GuildId,
}

impl Handover {
    pub(crate) fn new(count: u32, scopes: impl Iterator<Item = u32>) -> Self {
        let incoming = scopes.map(|scope| (scope, Incoming::default())).collect();
        Self {
            count,
            incoming,
            ready: 0,
            limits: BTreeSet::new(),
            stage: Stage::Coming,
            told: Ledger::default(),
        }
    }

    pub(crate) fn is_incoming(&self, scope: u32) -> bool {
        self.incoming.contains_key(&scope)
    }

    pub(crate) fn scopes(&self) -> impl Iterator<Item = u32> {
        self.incoming.keys().copied()
    }

    pub(crate) fn total(&self) -> u32 {
        u32::try_from(self.incoming.len()).unwrap_or(u32::MAX)
    }

    /// How many new shards are up, their guilds included.
    pub(crate) const fn ready(&self) -> u32 {
        self.ready
    }

    pub(crate) const fn is_draining(&self) -> bool {
        matches!(self.stage, Stage::Draining(_))
    }

    /// A new shard told this. It is the user's if it happens after the new shards have taken over.
    pub(crate) fn incoming(&mut self, now: Timestamp, scope: u32, dispatch: Dispatch) {
        self.change(now, scope, |incoming| incoming.note(now, &dispatch));
        if is_internal(&dispatch) {
            return;
        }
        match &mut self.stage {
            Stage::Draining(drain) => drain.held.push_back((scope, dispatch)),
            Stage::Coming | Stage::Probing { .. } => {
                self.told.enter(now, Side::New, &dispatch);
                self.forget(now);
            }
        }
    }

    /// A new shard is in session.
    pub(crate) fn connected(&mut self, now: Timestamp, scope: u32) {
        self.change(now, scope, |incoming| incoming.is_connected = true);
    }

    /// A new shard lost its connection, and perhaps its session: what was held of it may not be all. The old ones tell
    /// it.
    pub(crate) fn disconnected(&mut self, now: Timestamp, scope: u32, resumable: bool) {
        if !self.is_incoming(scope) {
            return;
        }
        self.change(now, scope, |incoming| {
            incoming.is_connected = false;
            if !resumable {
                incoming.missing = None;
                incoming.until = None;
            }
        });
        if let Stage::Draining(drain) = core::mem::replace(&mut self.stage, Stage::Coming) {
            for (_, dispatch) in drain.held {
                self.told.enter(now, Side::New, &dispatch);
            }
        }
    }

    /// Changes what is known of a new shard.
    fn change(&mut self, now: Timestamp, scope: u32, change: impl FnOnce(&mut Incoming)) {
        let Some(incoming) = self.incoming.get_mut(&scope) else { return };
        let (was_ready, limit) = (incoming.is_ready, incoming.until);
        change(incoming);
        incoming.is_ready = incoming.is_up(now);
        if limit != incoming.until {
            self.limits.extend(incoming.until.map(|until| (until, scope)));
            if let Some(limit) = limit {
                self.limits.remove(&(limit, scope));
            }
        }
        self.ready = self.ready + u32::from(incoming.is_ready) - u32::from(was_ready);
    }

    /// An old shard told this.
    pub(crate) fn outgoing(&mut self, now: Timestamp, dispatch: &Dispatch) {
        if !is_internal(dispatch) {
            self.told.enter(now, Side::Old, dispatch);
            self.forget(now);
        }
    }

    fn forget(&mut self, now: Timestamp) {
        let base = match &self.stage {
            Stage::Coming => now,
            Stage::Probing { since, .. } => *since,
            Stage::Draining(drain) => drain.since,
        };
        self.told.forget(base, LAG);
    }

    /// Takes the next step, if it is time, towards the end of these old shards.
    pub(crate) fn advance(&mut self, now: Timestamp, old: impl Iterator<Item = u32>) {
        while let Some(&(until, scope)) = self.limits.first()
            && until <= now
        {
            self.limits.pop_first();
            self.change(now, scope, |_| {});
        }
        match &self.stage {
            Stage::Coming if self.ready == self.total() => {
                self.stage = Stage::Probing { waiting: Waiting::new(self.scopes()), since: now };
            }
            Stage::Probing { waiting, since } if waiting.is_over() => {
                let (since, until) = (*since, now + DRAIN_LIMIT);
                self.stage = Stage::Draining(Drain {
                    waiting: Waiting::new(old),
                    held: VecDeque::new(),
                    since,
                    until,
                });
            }
            _ => {}
        }
    }

    /// The shards that are waited for.
    pub(crate) const fn waiting(&mut self) -> Option<&mut Waiting> {
        match &mut self.stage {
            Stage::Coming => None,
            Stage::Probing { waiting, .. } | Stage::Draining(Drain { waiting, .. }) => Some(waiting),
        }
    }

    /// Whether the new shards take over now; with a gap if the old ones have not acknowledged.
    pub(crate) fn is_over(&self, now: Timestamp) -> Option<bool> {
        let Stage::Draining(drain) = &self.stage else { return None };
        if drain.waiting.is_over() {
            return Some(false);
        }
        (drain.until <= now || drain.held.len() >= MAX_HELD).then_some(true)
    }

    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        match &self.stage {
            Stage::Coming => self.limits.first().map(|(until, _)| *until),
            Stage::Probing { .. } => None,
            Stage::Draining(drain) => Some(drain.until),
        }
    }

    /// What the new shards told that the old ones did not, in order, and what may still be told twice.
    pub(crate) fn finish(self) -> (Vec<(u32, Dispatch)>, Echo) {
        let mut echo = Echo { told: self.told, waiting: Waiting::new(self.incoming.into_keys()) };
        let held = match self.stage {
            Stage::Draining(drain) => drain.held,
            Stage::Coming | Stage::Probing { .. } => VecDeque::new(),
        };
        let news = held.into_iter().filter(|(_, dispatch)| !echo.contains(dispatch)).collect();
        (news, echo)
    }
}

impl Echo {
    /// Whether the old shards told this, which then is not told a third time.
    pub(crate) fn contains(&mut self, dispatch: &Dispatch) -> bool {
        !is_internal(dispatch) && self.told.cancel(Side::Old, dispatch)
    }
}

impl Waiting {
    fn new(scopes: impl Iterator<Item = u32>) -> Self {
        Self { unasked: scopes.collect(), asked: BTreeSet::new() }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.unasked.is_empty() && self.asked.is_empty()
    }

    pub(crate) fn contains(&self, scope: u32) -> bool {
        self.unasked.contains(&scope) || self.asked.contains(&scope)
    }

    /// The shards that still have to be asked for a heartbeat.
    pub(crate) fn to_ask(&self) -> Vec<u32> {
        self.unasked.iter().copied().collect()
    }

    /// This shard was asked.
    pub(crate) fn asked(&mut self, scope: u32) {
        if self.unasked.remove(&scope) {
            self.asked.insert(scope);
        }
    }

    /// This shard's heartbeat was acknowledged.
    pub(crate) fn acknowledged(&mut self, scope: u32) {
        self.asked.remove(&scope);
    }

    /// This shard's connection ended: what it was asked is void.
    pub(crate) fn disconnected(&mut self, scope: u32) {
        if self.asked.remove(&scope) {
            self.unasked.insert(scope);
        }
    }

    /// This shard has nothing more to tell.
    pub(crate) fn gone(&mut self, scope: u32) {
        self.unasked.remove(&scope);
        self.asked.remove(&scope);
    }
}

/// Whether it concerns the connection only.
const fn is_internal(dispatch: &Dispatch) -> bool {
    matches!(dispatch.name, EventName::Ready | EventName::Resumed)
}

impl Incoming {
    fn is_up(&self, now: Timestamp) -> bool {
        self.is_connected
            && self
                .missing
                .as_ref()
                .is_some_and(|missing| missing.is_empty() || self.until.is_none_or(|until| until <= now))
    }

    fn note(&mut self, now: Timestamp, dispatch: &Dispatch) {
        match dispatch.name {
            EventName::Ready => {
                let guilds = dispatch.parse().map_or(Vec::new(), |ready: Ready| ready.guilds);
                self.missing = Some(guilds.into_iter().map(|guild| guild.id).collect());
                self.until = Some(now + GUILDS_LIMIT);
            }
            EventName::GuildCreate | EventName::GuildDelete => {
                if let (Some(missing), Ok(guild)) = (&mut self.missing, dispatch.parse::<Guild>()) {
                    missing.remove(&guild.id);
                }
            }
            _ => {}
        }
    }
}
