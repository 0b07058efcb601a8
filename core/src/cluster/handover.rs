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

use bytes::Bytes;
use serde::Deserialize;

use crate::gateway::Dispatch;
use crate::gateway::name::EventName;
use crate::id::GuildId;
use crate::time::{Duration, Timestamp};

/// How long the guilds of a new session may take to come.
const GUILDS_LIMIT: Duration = Duration::from_secs(30);
/// How long the old shards may take to acknowledge a heartbeat.
const DRAIN_LIMIT: Duration = Duration::from_secs(90);
/// How long before a heartbeat of the new shards it is remembered what the old ones told: far longer than one session
/// may lag behind another.
const MEMORY: Duration = Duration::from_secs(30);
/// The most dispatches held or remembered; with more the new shards take over at once.
const MAX_HELD: usize = 65_536;

/// A change of shards under way.
#[derive(Debug)]
pub(crate) struct Handover {
    /// How many shards there will be in all.
    pub(crate) count: u32,
    /// The new shards, by the number of their scope.
    incoming: BTreeMap<u32, Incoming>,
    stage: Stage,
    /// What the old shards told of late, each with when.
    told: VecDeque<(Timestamp, EventName, Bytes)>,
}

/// What new shards that have taken over may still tell, though the old ones have told it.
#[derive(Debug)]
pub(crate) struct Echo {
    told: BTreeMap<(EventName, Bytes), u32>,
    pub(crate) waiting: Waiting,
}

/// The shards whose heartbeat is to be acknowledged, and whether they were asked for one.
#[derive(Debug)]
pub(crate) struct Waiting(BTreeMap<u32, bool>);

#[derive(Debug, Default)]
struct Incoming {
    is_connected: bool,
    /// Guilds that READY named and that have not come yet; `None` before READY.
    missing: Option<BTreeSet<GuildId>>,
    until: Timestamp,
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
        Self { count, incoming, stage: Stage::Coming, told: VecDeque::new() }
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
    pub(crate) fn ready(&self, now: Timestamp) -> u32 {
        let ready = self.incoming.values().filter(|incoming| incoming.is_ready(now)).count();
        u32::try_from(ready).unwrap_or(u32::MAX)
    }

    pub(crate) const fn is_draining(&self) -> bool {
        matches!(self.stage, Stage::Draining(_))
    }

    /// A new shard told this. It is the user's if it happens after the new shards have taken over.
    pub(crate) fn incoming(&mut self, now: Timestamp, scope: u32, dispatch: Dispatch) {
        if let Some(incoming) = self.incoming.get_mut(&scope) {
            incoming.note(now, &dispatch);
        }
        if let Stage::Draining(drain) = &mut self.stage
            && !is_internal(&dispatch)
        {
            drain.held.push_back((scope, dispatch));
        }
    }

    /// A new shard is in session.
    pub(crate) fn connected(&mut self, scope: u32) {
        if let Some(incoming) = self.incoming.get_mut(&scope) {
            incoming.is_connected = true;
        }
    }

    /// A new shard lost its connection, and perhaps its session: what was held of it may not be all. The old ones tell
    /// it.
    pub(crate) fn disconnected(&mut self, scope: u32, resumable: bool) {
        if let Some(incoming) = self.incoming.get_mut(&scope) {
            incoming.is_connected = false;
            if !resumable {
                *incoming = Incoming::default();
            }
            self.stage = Stage::Coming;
        }
    }

    /// An old shard told this.
    pub(crate) fn outgoing(&mut self, now: Timestamp, dispatch: &Dispatch) {
        if is_internal(dispatch) {
            return;
        }
        let since = match &self.stage {
            Stage::Coming => now,
            Stage::Probing { since, .. } => *since,
            Stage::Draining(drain) => drain.since,
        };
        while self.told.front().is_some_and(|(at, ..)| since.since(*at) > MEMORY)
            || self.told.len() >= MAX_HELD
        {
            self.told.pop_front();
        }
        self.told.push_back((now, dispatch.name.clone(), dispatch.data.clone()));
    }

    /// Takes the next step, if it is time, towards the end of these old shards.
    pub(crate) fn advance(&mut self, now: Timestamp, old: impl Iterator<Item = u32>) {
        match &self.stage {
            Stage::Coming if self.incoming.values().all(|incoming| incoming.is_ready(now)) => {
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

    pub(crate) fn deadline(&self, now: Timestamp) -> Option<Timestamp> {
        match &self.stage {
            Stage::Coming => self.incoming.values().filter_map(|incoming| incoming.deadline(now)).min(),
            Stage::Probing { .. } => None,
            Stage::Draining(drain) => Some(drain.until),
        }
    }

    /// What the new shards told that the old ones did not, in order, and what may still be told twice.
    pub(crate) fn finish(self) -> (Vec<(u32, Dispatch)>, Echo) {
        let mut echo = Echo { told: BTreeMap::new(), waiting: Waiting::new(self.incoming.into_keys()) };
        for (_, name, data) in self.told {
            *echo.told.entry((name, data)).or_default() += 1;
        }
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
        if is_internal(dispatch) {
            return false;
        }
        let count = self.told.get_mut(&(dispatch.name.clone(), dispatch.data.clone()));
        count.is_some_and(|count| {
            let again = *count > 0;
            *count = count.saturating_sub(1);
            again
        })
    }
}

impl Waiting {
    fn new(scopes: impl Iterator<Item = u32>) -> Self {
        Self(scopes.map(|scope| (scope, false)).collect())
    }

    pub(crate) fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn contains(&self, scope: u32) -> bool {
        self.0.contains_key(&scope)
    }

    /// The shards that still have to be asked for a heartbeat.
    pub(crate) fn to_ask(&self) -> Vec<u32> {
        self.0.iter().filter(|(_, asked)| !**asked).map(|(scope, _)| *scope).collect()
    }

    /// This shard was asked.
    pub(crate) fn asked(&mut self, scope: u32) {
        if let Some(asked) = self.0.get_mut(&scope) {
            *asked = true;
        }
    }

    /// This shard's heartbeat was acknowledged.
    pub(crate) fn acknowledged(&mut self, scope: u32) {
        if self.0.get(&scope) == Some(&true) {
            self.0.remove(&scope);
        }
    }

    /// This shard's connection ended: what it was asked is void.
    pub(crate) fn disconnected(&mut self, scope: u32) {
        if let Some(asked) = self.0.get_mut(&scope) {
            *asked = false;
        }
    }

    /// This shard has nothing more to tell.
    pub(crate) fn gone(&mut self, scope: u32) {
        self.0.remove(&scope);
    }
}

/// Whether it concerns the connection only.
const fn is_internal(dispatch: &Dispatch) -> bool {
    matches!(dispatch.name, EventName::Ready | EventName::Resumed)
}

impl Incoming {
    fn is_ready(&self, now: Timestamp) -> bool {
        self.is_connected
            && self.missing.as_ref().is_some_and(|missing| missing.is_empty() || self.until <= now)
    }

    fn deadline(&self, now: Timestamp) -> Option<Timestamp> {
        self.missing.as_ref().filter(|missing| !missing.is_empty() && self.until > now).map(|_| self.until)
    }

    fn note(&mut self, now: Timestamp, dispatch: &Dispatch) {
        match dispatch.name {
            EventName::Ready => {
                let guilds = dispatch.parse().map_or(Vec::new(), |ready: Ready| ready.guilds);
                self.missing = Some(guilds.into_iter().map(|guild| guild.id).collect());
                self.until = now + GUILDS_LIMIT;
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
