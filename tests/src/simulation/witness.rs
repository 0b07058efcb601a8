//! What the user of a cluster sees, and what must hold of it.
//!
//! Somebody writes numbered messages in each guild. Of these, and of the sequence numbers of each session:
//!
//! * numbers go up by one, on the shard that serves the guild;
//! * a guild's may jump forward once where its shard said that a session was lost, or began its first;
//! * they go on where the saved state ended in a process that resumes the saved session, and what had been delivered
//!   before the state was saved is flagged as a duplicate, nothing else;
//! * they go on as they were over a change of shards, unless that announced a gap.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use sanscord::cluster::{self, State};
use sanscord::gateway::{self, Delivery, Dispatch, EventName, Receipt, ShardId};
use sanscord::id::GuildId;
use sanscord::time::{Duration, Timestamp};

use super::plan::Plan;
use super::stage::Tally;

/// The least time between two identifies of one bucket (Discord docs: Gateway, Session Start Limit Object).
const IDENTIFY_SPACING: Duration = Duration::from_secs(5);

/// How long a shard that took over may lag behind those before it; what it then tells twice, only the process in
/// which it took over can know.
const CATCH_UP: Duration = Duration::from_secs(600);

/// How many messages a process may have missed that does not know how far the one before it came.
const UNKNOWN: u64 = 1_000;

/// What comes next in a guild.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Next {
    /// This number.
    This(u64),
    /// This number or a later one.
    From(u64),
    /// Any.
    Any,
}

/// What the user knows of a shard.
#[derive(Debug, Default)]
struct View {
    /// The last sequence number.
    seq: u64,
    /// Whether the next is known.
    is_strict: bool,
    /// Whether it took over from other shards.
    took_over: bool,
    /// How many heartbeats were acknowledged.
    acknowledgements: u64,
    /// Whether a session is there, or was.
    had_session: bool,
    /// Whether READY came and the shard has not said yet that it is connected.
    is_fresh: bool,
    /// Dispatches that came again since the last disconnect.
    replayed: u64,
    /// Up to here, the process that saved the session had delivered.
    duplicates_to: u64,
    /// Sequence number up to which dispatches are acknowledged, or need not be.
    acknowledged: u64,
    /// Chatter of this session, one of each guild before what is acknowledged: guild, sequence number, number.
    log: VecDeque<(usize, u64, u64)>,
    /// Whether there may have been chatter in this session before the log began.
    began_unseen: bool,
    /// What is still to be acknowledged, with its sequence number.
    receipts: VecDeque<(Timestamp, Receipt, u64)>,
    /// The number of the last dispatch that the user acknowledged, or another process had.
    handled: u64,
}

/// Where the guilds stood when a state was saved.
#[derive(Clone, Debug)]
pub struct Position(Vec<Option<Next>>);

/// What the user of a cluster sees.
#[derive(Debug)]
pub struct Witness {
    /// How long the user needs for a dispatch.
    handling: Option<Duration>,
    max_concurrency: u32,
    first_guild: GuildId,
    next: Vec<Next>,
    /// What a lost session skipped while shards were being changed: the new ones may have it. Guild and number.
    skipped: BTreeSet<(usize, u64)>,
    shards: BTreeMap<ShardId, View>,
    identified: BTreeMap<u32, Timestamp>,
    resharded: Timestamp,
    /// Whether a change of shards is under way.
    pub is_resharding: bool,
    /// Whether there are too few identifies.
    pub is_exhausted: bool,
    /// Shards whose session did not come back where it is to be resumed, and that try elsewhere.
    detouring: BTreeSet<ShardId>,
    /// Shards in session.
    connected: BTreeSet<ShardId>,
    /// When a change of shards was last under way: it asks for heartbeats out of turn.
    pub last_resharding: Timestamp,
    /// Why the cluster has stopped.
    pub stopped: Option<cluster::Stopped>,
    tally: Tally,
}

impl Witness {
    /// One that has not seen anything yet. Guild `n` has an id `n << 22` above the first.
    #[must_use]
    pub fn new(plan: &Plan, first_guild: GuildId) -> Self {
        Self {
            handling: plan.acknowledges.map(Duration::from_millis),
            max_concurrency: plan.max_concurrency,
            first_guild,
            next: vec![Next::From(1); plan.guilds as usize],
            skipped: BTreeSet::new(),
            shards: BTreeMap::new(),
            identified: BTreeMap::new(),
            resharded: Timestamp::ZERO,
            is_resharding: false,
            is_exhausted: false,
            detouring: BTreeSet::new(),
            connected: BTreeSet::new(),
            last_resharding: Timestamp::ZERO,
            stopped: None,
            tally: Tally::new(),
        }
    }

    /// Whether a shard may resume elsewhere than at the URL that it was given.
    #[must_use]
    pub fn is_detouring(&self) -> bool {
        !self.detouring.is_empty()
    }

    /// Whether a shard took over from others.
    #[must_use]
    pub fn took_over(&self, id: ShardId) -> bool {
        self.shards.get(&id).is_some_and(|view| view.took_over)
    }

    /// What it counted.
    #[must_use]
    pub const fn tally(&self) -> &Tally {
        &self.tally
    }

    /// How a cluster that it may watch counts dispatches.
    #[must_use]
    pub const fn delivery(&self) -> Delivery {
        if self.handling.is_some() { Delivery::AtLeastOnce } else { Delivery::AtMostOnce }
    }

    /// How many messages of each guild have come, where the next is certain.
    pub fn arrived(&self) -> impl Iterator<Item = (GuildId, Option<u64>)> {
        self.next.iter().enumerate().map(|(index, next)| {
            let arrived = match next {
                Next::This(number) => Some(number - 1),
                Next::From(_) | Next::Any => None,
            };
            (GuildId(self.first_guild.0 + ((index as u64) << 22)), arrived)
        })
    }

    /// Notes what is saved.
    #[must_use]
    pub fn position(&self, now: Timestamp, state: &State) -> Position {
        let lags = now < self.resharded + CATCH_UP && self.resharded > Timestamp::ZERO;
        let position = |(index, next): (usize, &Next)| {
            let guild = GuildId(self.first_guild.0 + ((index as u64) << 22));
            let id = ShardId::of(guild, state.shards.max(1));
            let (session, view) = (state.session(id)?, self.shards.get(&id)?);
            if lags {
                return Some(Next::Any);
            }
            if self.handling.is_none() {
                return Some(*next);
            }
            let mut log = view.log.iter().filter(|(guild, ..)| *guild == index);
            let before = log.clone().rev().find(|(_, seq, _)| *seq <= session.seq);
            Some(match (before, log.next()) {
                (Some((.., number)), _) => Next::This(number + 1),
                (None, Some((.., number))) if !view.began_unseen => Next::This(*number),
                (None, None) if !view.began_unseen => *next,
                (None, _) => Next::Any,
            })
        };
        Position(self.next.iter().enumerate().map(position).collect())
    }

    /// Another process takes over, with what was saved.
    pub fn restart(&mut self, saved: Option<(&State, &Position)>) {
        self.shards.clear();
        self.detouring.clear();
        self.connected.clear();
        self.skipped.clear();
        self.is_resharding = false;
        self.is_exhausted = false;
        self.stopped = None;
        // What has come before does not come again, unless a saved session is resumed from further back.
        for (index, next) in self.next.iter_mut().enumerate() {
            *next = match (*next, saved.and_then(|(_, position)| position.0[index])) {
                (_, Some(saved)) => saved,
                (Next::This(number) | Next::From(number), None) => Next::From(number),
                (Next::Any, None) => Next::Any,
            };
        }
        for saved in saved.iter().flat_map(|(state, _)| &state.sessions) {
            let view = View {
                seq: saved.session.seq,
                is_strict: true,
                had_session: true,
                duplicates_to: saved.session.delivered,
                acknowledged: saved.session.seq,
                handled: saved.session.seq,
                began_unseen: true,
                ..View::default()
            };
            self.shards.insert(saved.shard, view);
        }
    }

    /// Forgets when identifies went out: clocks have jumped, or a process knows nothing of the one before it.
    pub fn forget_identifies(&mut self) {
        self.identified.clear();
    }

    /// Takes what the cluster told.
    ///
    /// # Errors
    /// What must not be.
    pub fn see(&mut self, at: Timestamp, event: &cluster::Event) -> Result<(), String> {
        if self.is_resharding {
            self.last_resharding = at;
        }
        if let Some(reason) = &self.stopped {
            return Err(format!("{event:?} was told after the end: {reason}"));
        }
        match event {
            cluster::Event::Shard(id, event) => {
                self.see_shard(at, *id, event).map_err(|what| format!("shard {id}: {what}"))?;
            }
            cluster::Event::IdentifiesExhausted { .. } => {
                self.tally.add("identifies exhausted", 1);
                self.is_exhausted = true;
            }
            cluster::Event::IdentifiesRefilled { .. } => self.is_exhausted = false,
            cluster::Event::Resharding { .. } => {
                if !self.is_resharding {
                    self.skipped.clear();
                }
                self.is_resharding = true;
            }
            cluster::Event::Resharded { to, gap, .. } => {
                self.is_resharding = false;
                self.tally.add(if *gap { "reshardings with a gap" } else { "reshardings" }, 1);
                self.reshard(at, *to, *gap);
            }
            cluster::Event::ReshardFailed { .. } => self.is_resharding = false,
            cluster::Event::GatewayBotFailed { .. } => self.tally.add("gateway/bot failed", 1),
            cluster::Event::Stopped { reason } => self.stopped = Some(reason.clone()),
            _ => {}
        }
        Ok(())
    }

    fn reshard(&mut self, at: Timestamp, count: u32, gap: bool) {
        self.resharded = at;
        self.shards.clear();
        for number in 0..count {
            let view = View { had_session: true, began_unseen: true, took_over: true, ..View::default() };
            self.shards.insert(ShardId { number, count }, view);
        }
        if gap {
            self.next.fill(Next::Any);
        }
    }

    fn see_shard(&mut self, at: Timestamp, id: ShardId, event: &gateway::Event) -> Result<(), String> {
        match event {
            gateway::Event::Dispatch(dispatch) => return self.see_dispatch(at, id, dispatch),
            gateway::Event::Connected { resumed, replayed, gap } => {
                let view = self.shards.entry(id).or_default();
                let was_fresh = std::mem::take(&mut view.is_fresh);
                if *resumed == was_fresh {
                    return Err(format!("connected, resumed: {resumed}, READY: {was_fresh}"));
                }
                // What the shards before it had told is not told again.
                let is_right = *replayed == view.replayed || (view.took_over && *replayed > view.replayed);
                if *resumed && !is_right {
                    return Err(format!("{replayed} are said to be replayed, {} were", view.replayed));
                }
                view.replayed = 0;
                self.detouring.remove(&id);
                self.connected.insert(id);
                if *resumed {
                    self.tally.add("resumes", 1);
                    self.tally.add("replayed", *replayed);
                    return Ok(());
                }
                if std::mem::replace(&mut view.had_session, true) != *gap {
                    return Err(format!("a new session says gap: {gap}, and should say {}", !gap));
                }
                self.tally.add(if *gap { "gaps" } else { "first sessions" }, 1);
                for (index, next) in self.next.iter_mut().enumerate() {
                    let guild = GuildId(self.first_guild.0 + ((index as u64) << 22));
                    if ShardId::of(guild, id.count) == id {
                        *next = match *next {
                            Next::This(number) | Next::From(number) => Next::From(number),
                            Next::Any => Next::Any,
                        };
                    }
                }
            }
            gateway::Event::Identified => {
                self.tally.add("identifies", 1);
                let last = self.identified.insert(id.bucket(self.max_concurrency), at);
                if let Some(last) = last.filter(|last| at.since(*last) < IDENTIFY_SPACING) {
                    return Err(format!("identified {:?} after another of its bucket", at.since(last)));
                }
            }
            gateway::Event::Disconnected { reason, retry_in, .. } => {
                self.tally.add(reason.kind(), 1);
                // The wait that Discord's staff advise (discord-api-docs, issue 244).
                if *reason == gateway::Disconnect::InvalidSession && *retry_in < Duration::from_secs(1) {
                    return Err(format!("{retry_in:?} after Invalid Session are too short"));
                }
                if !self.connected.remove(&id) {
                    self.detouring.insert(id);
                }
                self.shards.entry(id).or_default().replayed = 0;
            }
            gateway::Event::HeartbeatAcknowledged { .. } => {
                let view = self.shards.entry(id).or_default();
                view.acknowledgements += 1;
            }
            gateway::Event::Members { result, .. } => {
                self.tally.add(if result.is_ok() { "members" } else { "members failed" }, 1);
            }
            _ => {}
        }
        Ok(())
    }

    fn see_dispatch(&mut self, at: Timestamp, id: ShardId, dispatch: &Dispatch) -> Result<(), String> {
        let view = self.shards.entry(id).or_default();
        let Dispatch { name, seq, replayed, duplicate, data, .. } = dispatch;
        self.tally.dispatches += 1;
        // The number of a RESUMED that was lost does not come again.
        let is_replay = *replayed || *name == EventName::Resumed;
        if *name == EventName::Ready && !replayed {
            *view =
                View { had_session: view.had_session, is_strict: true, is_fresh: true, ..View::default() };
            if *seq != 1 {
                return Err(format!("READY has number {seq}"));
            }
        } else if !view.had_session && !view.is_fresh {
            return Err(format!("{dispatch:?} came without a session"));
        } else if *seq <= view.seq || (view.is_strict && !is_replay && *seq != view.seq + 1) {
            return Err(format!("{dispatch:?} came after number {}", view.seq));
        }
        view.seq = *seq;
        // What the shards before it had told is left out until a heartbeat that it was asked for after it took over is
        // acknowledged; it may have been asked for another before.
        view.is_strict |= !view.took_over || view.acknowledgements >= 2;
        view.replayed += u64::from(*replayed);
        if *duplicate != (*seq <= view.duplicates_to) {
            return Err(format!("{dispatch:?}, and up to {} are duplicates", view.duplicates_to));
        }
        self.tally.duplicates += u64::from(*duplicate);
        match self.handling {
            Some(time) => view.receipts.push_back((at + time, dispatch.receipt(), *seq)),
            None => view.acknowledged = *seq,
        }
        if *name != EventName::MessageCreate {
            return Ok(());
        }
        let Some((guild, number)) = read(data) else {
            return Err(format!("{dispatch:?} is no message of ours"));
        };
        let index = (guild.0.saturating_sub(self.first_guild.0) >> 22) as usize;
        let Some(next) = self.next.get_mut(index).filter(|_| ShardId::of(guild, id.count) == id) else {
            return Err(format!("a message of guild {guild} came"));
        };
        if self.skipped.remove(&(index, number)) {
            self.tally.add("found again", 1);
            return Ok(());
        }
        match *next {
            Next::This(expected) if number != expected => {
                return Err(format!("message {number} of guild {guild} came instead of {expected}"));
            }
            Next::From(least) if number < least => {
                return Err(format!("message {number} of guild {guild} came, after {least} or earlier"));
            }
            Next::From(least) if number > least => {
                // Before the first session nobody listened.
                self.tally.lost += if least > 1 { number - least } else { 0 };
                if self.is_resharding {
                    self.skipped.extend((least..number).map(|number| (index, number)));
                }
            }
            Next::Any if self.is_resharding => {
                self.skipped.extend((number.saturating_sub(UNKNOWN)..number).map(|number| (index, number)));
            }
            Next::This(_) | Next::From(_) | Next::Any => {}
        }
        *next = Next::This(number + 1);
        self.tally.messages += 1;
        if self.handling.is_some() {
            view.log.push_back((index, *seq, number));
        }
        Ok(())
    }

    /// What the user is done with by now.
    pub fn handled(&mut self, now: Timestamp) -> Vec<Receipt> {
        let mut done = Vec::new();
        for view in self.shards.values_mut() {
            let mut last = None;
            while let Some((_, receipt, seq)) = view.receipts.front().filter(|(at, ..)| *at <= now) {
                last = Some(*receipt);
                view.handled = *seq;
                view.receipts.pop_front();
            }
            done.extend(last);
        }
        done
    }

    /// Notes how far each session is acknowledged, and drops what is no longer needed.
    ///
    /// # Errors
    /// A session counts as acknowledged further than the user has acknowledged.
    pub fn prune(&mut self, state: impl Fn(ShardId) -> Option<u64>) -> Result<(), String> {
        for (id, view) in &mut self.shards {
            view.acknowledged = state(*id).unwrap_or(view.acknowledged);
            // What a new shard tells before it takes over is not the user's to acknowledge.
            if self.handling.is_some() && !view.took_over && view.acknowledged > view.handled {
                let View { acknowledged, handled, .. } = view;
                return Err(format!("shard {id}: {acknowledged} is acknowledged, the user did {handled}"));
            }
            while let Some((guild, ..)) = view.log.front()
                && view.log.iter().skip(1).any(|(other, seq, _)| other == guild && *seq <= view.acknowledged)
            {
                view.log.pop_front();
            }
        }
        Ok(())
    }
}

/// Guild and number of a message, read without parsing the rest: both stand in it as strings.
fn read(data: &[u8]) -> Option<(GuildId, u64)> {
    const NONCE: &[u8] = br#""nonce":""#;
    const GUILD: &[u8] = br#""guild_id":""#;
    let digits = |from: usize| {
        let digits = data.get(from..)?.iter().take_while(|byte| byte.is_ascii_digit());
        digits.fold(None, |number: Option<u64>, byte| {
            number.unwrap_or(0).checked_mul(10)?.checked_add(u64::from(byte - b'0'))
        })
    };
    let nonce = data.windows(NONCE.len()).position(|window| window == NONCE)? + NONCE.len();
    let guild = data.windows(GUILD.len()).rposition(|window| window == GUILD)? + GUILD.len();
    Some((GuildId(digits(guild)?), digits(nonce)?))
}
