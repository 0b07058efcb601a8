//! Lets a plan happen.

mod act;
mod tally;

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use sanscord::cluster::{self, Cluster, Shards, State};
use sanscord::gateway::phase::Phase;
use sanscord::gateway::{self, Intents};
use sanscord::machine::Machine;
use sanscord::secret::Token;
use sanscord::time::{Duration, Timestamp};

use super::plan::{Ending, Plan, ms};
use super::witness::{Position, Witness};
use crate::config;
use crate::discord::Discord;
use crate::link::LinkConfig;
use crate::violation::Rule;
use crate::world::{Happened, World};

pub use tally::Tally;

/// Rules that the server sees broken while the network swallows or delays what the client did right, or its clock
/// is not the server's.
const BLAMED_ON_THE_NETWORK: [Rule; 7] = [
    Rule::Acknowledgement,
    Rule::Dead,
    Rule::Heartbeat,
    Rule::IdentifyRate,
    Rule::PresenceRate,
    Rule::RestRate,
    Rule::SendRate,
];
/// How long all shards may take to be in session again: a hung connect and the longest back-off, some of each, and
/// a change of shards that waits for a shard which is away.
const RETURN_LIMIT: Duration = Duration::from_secs(900);
/// How long what was sent may take to be handled: the longest way, and the slowest user.
const SETTLE: Duration = Duration::from_secs(30);
const DAY: Duration = Duration::from_secs(86_400);
/// The most commands, and the most requests for members, that a shard keeps (its documentation).
const MAX_QUEUED: usize = 128;

type Sim = World<Cluster, Discord>;

/// What a run that passed came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// Virtual time that went by.
    pub time: Duration,
    /// What was counted.
    pub tally: Tally,
    /// A hash of everything that happened, if it was kept.
    pub digest: u64,
}

/// Why a run failed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What must not be.
    pub what: String,
    /// The last things that happened, if they were kept.
    pub story: String,
}

impl Failure {
    /// Whether another run failed in the same way, as far as the words say, the numbers among them aside.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        let words = |failure: &Self| {
            let first = failure.what.lines().next().unwrap_or_default().to_owned();
            first
                .split(|c: char| !c.is_ascii_alphabetic())
                .filter(|word| word.len() > 2)
                .take(12)
                .collect::<String>()
        };
        words(self) == words(other)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.what, self.story)
    }
}

/// Lets a plan happen, as fast as may be.
///
/// # Errors
/// What must not be, and was.
pub fn run(plan: &Plan) -> Result<Outcome, Failure> {
    catch(plan, 0)
}

/// Lets a plan happen and keeps a digest and so many of the last things that happened.
///
/// # Errors
/// What must not be, and was.
pub fn run_told(plan: &Plan, lines: usize) -> Result<Outcome, Failure> {
    catch(plan, lines.max(1))
}

fn catch(plan: &Plan, lines: usize) -> Result<Outcome, Failure> {
    catch_unwind(AssertUnwindSafe(|| {
        let mut stage = Stage::new(plan, lines);
        stage.play().map_err(|what| stage.failure(what, lines))?;
        Ok(stage.outcome())
    }))
    .unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(Failure { what: text.unwrap_or_else(|| "a panic".into()), story: String::new() })
    })
}

/// Something that ends at a time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Relief {
    Acks,
    Thaw,
    Connects,
}

struct Saved {
    state: State,
    at: Timestamp,
    position: Position,
}

struct Stage<'a> {
    plan: &'a Plan,
    world: Sim,
    witness: Witness,
    events: Vec<Happened<cluster::Event>>,
    reliefs: VecDeque<(Timestamp, Relief)>,
    saved: Option<Saved>,
    /// How many clusters there have been.
    processes: u64,
    /// How many violations have been looked at.
    judged: usize,
    /// Until then, broken rules are the network's or the clock's fault.
    blameless_until: Timestamp,
    /// Until then, a session may be tried that a lost message ended.
    lossy_until: Timestamp,
    /// Until then, a session may be resumed from further back than it had been acknowledged.
    stale_until: Timestamp,
    /// When the last fault that lasts is over.
    peace_from: Timestamp,
    /// Until then at most, the client's clock shows a time that it has shown before.
    behind_until: Timestamp,
    /// Until then, what the client sends in a minute may reach the server in less.
    squeezed_until: Timestamp,
    /// Until then, heartbeats were asked for of late, and come in quick succession.
    asked_until: Timestamp,
    /// When the process began.
    started: Timestamp,
    looked: Timestamp,
    /// Whether the cluster is to end.
    is_ending: bool,
    tally: Tally,
}

impl<'a> Stage<'a> {
    fn new(plan: &'a Plan, lines: usize) -> Self {
        let base = config::Config::quiet();
        let first = base.guild;
        let config = config::Config {
            more_guilds: (1..u64::from(plan.guilds))
                .map(|n| sanscord::id::GuildId(first.0 + (n << 22)))
                .collect(),
            members: 1,
            shards: plan.shards,
            max_concurrency: plan.max_concurrency,
            identify_total: plan.identifies,
            identify_remaining: plan.identifies,
            identify_reset_after: ms(plan.identifies_reset),
            heartbeat_interval: ms(plan.heartbeat),
            resume_window: ms(plan.resume_window),
            replay_pace: ms(plan.replay_pace),
            acknowledge_late: plan.acknowledges.is_some(),
            chatter: Some(ms(plan.chatter)),
            ..base
        };
        let link = LinkConfig { delay: ms(plan.delay.0)..=ms(plan.delay.1), ..LinkConfig::default() };
        let witness = Witness::new(plan, first);
        let cluster = cluster_of(plan, &config, &witness, 0, None);
        let mut world = World::new(cluster, Discord::new(config, plan.seed), link, plan.seed);
        world.set_stale_inputs(0.01);
        match lines {
            0 => world.transcript_mut().turn_off(),
            _ => world.transcript_mut().keep_all(),
        }
        Self {
            plan,
            world,
            witness,
            events: Vec::new(),
            reliefs: VecDeque::new(),
            saved: None,
            processes: 1,
            judged: 0,
            blameless_until: Timestamp::ZERO,
            lossy_until: Timestamp::ZERO,
            stale_until: Timestamp::ZERO,
            peace_from: Timestamp::ZERO,
            behind_until: Timestamp::ZERO,
            squeezed_until: Timestamp::ZERO,
            asked_until: Timestamp::ZERO,
            started: Timestamp::ZERO,
            looked: Timestamp::ZERO,
            is_ending: false,
            tally: Tally::new(),
        }
    }

    fn failure(&self, what: String, lines: usize) -> Failure {
        let all: Vec<&str> = self.world.transcript().lines().collect();
        let now = self.world.now().since_origin();
        Failure { what: format!("{now:?}: {what}"), story: all[all.len().saturating_sub(lines)..].join("\n") }
    }

    fn outcome(&self) -> Outcome {
        let mut tally = self.tally.clone();
        tally.merge(self.witness.tally());
        Outcome { time: self.world.now().since_origin(), tally, digest: self.world.transcript().digest() }
    }

    fn play(&mut self) -> Result<(), String> {
        for (at, step) in &self.plan.steps {
            self.run_to(Timestamp::from_millis(*at))?;
            self.tally.add(step.kind(), 1);
            self.act(step)?;
            self.look()?;
        }
        self.run_to(Timestamp::from_millis(self.plan.length))?;
        self.come_back()?;
        self.settle()?;
        self.end()
    }

    /// Lets everything happen up to this time.
    fn run_to(&mut self, end: Timestamp) -> Result<(), String> {
        while let Some((at, relief)) = self.reliefs.front().copied().filter(|(at, _)| *at <= end) {
            self.steps_to(at)?;
            self.reliefs.pop_front();
            self.relieve(relief);
        }
        self.steps_to(end)
    }

    fn steps_to(&mut self, end: Timestamp) -> Result<(), String> {
        while self.world.step_until(end) {
            if !self.world.events().is_empty() || self.world.server().violations().len() != self.judged {
                self.look()?;
            }
        }
        Ok(())
    }

    /// Looks at what has happened since it was last looked at.
    fn look(&mut self) -> Result<(), String> {
        self.world.move_events(&mut self.events);
        for happened in self.events.drain(..) {
            self.witness.see(happened.at, &happened.event)?;
        }
        let now = self.world.now();
        if self.plan.acknowledges.is_some() {
            let done = self.witness.handled(now);
            if !done.is_empty() {
                let cluster = self.world.client_mut(0);
                done.into_iter().for_each(|receipt| cluster.ack(receipt));
            }
        }
        for broken in &self.world.server().violations()[self.judged..] {
            let excused = broken.at <= self.blameless_until && BLAMED_ON_THE_NETWORK.contains(&broken.rule);
            let heartbeat = ms(self.plan.heartbeat);
            let allowed = match broken.rule {
                // What a new shard meets, the user is not told.
                Rule::ResumeUrl => {
                    self.witness.is_detouring()
                        || broken.at < self.witness.last_resharding + RETURN_LIMIT
                        || broken.at < self.started + Duration::from_secs(5)
                }
                // It was told, and its connection was over before it heard. If it had heard, it would not be resumed.
                Rule::Dead => {
                    broken.what.contains("was resumed") || broken.at <= self.lossy_until.max(self.stale_until)
                }
                // Its clock jumped, or what it had sent was held up on the way.
                Rule::SendRate => broken.at < self.squeezed_until,
                Rule::IdentifyRate => broken.what.contains("after Invalid Session"),
                // A process goes on from a state that was not the last.
                Rule::Acknowledgement => broken.at <= self.stale_until,
                // The process that was told to wait is no more.
                Rule::RestRate => broken.at < self.started + Duration::from_secs(5),
                // Early ones: Discord takes them (discord-api-docs, Gateway, Sending Heartbeats).
                Rule::Heartbeat => {
                    let probed = self.witness.last_resharding + heartbeat + RETURN_LIMIT;
                    broken.what.contains("after the last one") && broken.at < probed.max(self.asked_until)
                }
                _ => false,
            };
            if !excused && !allowed {
                return Err(broken.to_string());
            }
            self.tally.add("violations excused", 1);
        }
        self.judged = self.world.server().violations().len();
        if now.since(self.looked) >= Duration::from_secs(60) {
            self.looked = now;
            self.inspect()?;
        }
        Ok(())
    }

    /// What is looked at now and then.
    fn inspect(&mut self) -> Result<(), String> {
        let cluster = self.world.client(0);
        for shard in cluster.shards() {
            let status = shard.status();
            if status.queued_commands > MAX_QUEUED || status.pending_members > MAX_QUEUED {
                return Err(format!("shard {} keeps too much: {status:?}", shard.id()));
            }
        }
        if self.plan.acknowledges.is_some() {
            self.witness.prune(|id| cluster.shard(id)?.session().map(|session| session.seq))?;
        }
        let waits = self.world.wait_of(0).is_some() || self.world.open_of(0) > 0;
        if !waits && !cluster.is_finished() && cluster.count() > 0 {
            return Err("the cluster waits for nothing, and has not ended".into());
        }
        if let Some(reason) = self.witness.stopped.as_ref().filter(|_| !self.is_ending) {
            return Err(format!("the cluster has stopped: {reason}"));
        }
        Ok(())
    }

    fn is_in_session(&self) -> bool {
        let cluster = self.world.client(0);
        cluster.count() > 0
            && self.world.is_driven(0)
            && !self.witness.is_resharding
            && cluster.shards().all(|shard| matches!(shard.phase(), Phase::Ready { .. }))
    }

    /// Peace: all shards are in session before long.
    fn come_back(&mut self) -> Result<(), String> {
        while let Some((_, relief)) = self.reliefs.pop_front() {
            self.relieve(relief);
        }
        self.world.fail_requests(0);
        self.world.with_server(|discord, _| {
            discord.config_mut().faults = crate::fault::Faults::default();
        });
        // Stalls and black holes still last their time, and a client that is down stays so.
        let mut start = self.world.now().max(self.blameless_until).max(self.peace_from);
        self.run_to(start)?;
        let exhausted = start;
        while !self.is_in_session() {
            let now = self.world.now();
            if self.witness.is_exhausted && now < exhausted + DAY {
                start = now;
            }
            if now > start + RETURN_LIMIT {
                let phases: Vec<_> =
                    self.world.client(0).shards().map(|s| (s.id().to_string(), s.phase())).collect();
                return Err(format!("not in session again after {:?}: {phases:?}", now.since(start)));
            }
            let pause = if self.witness.is_exhausted { 600 } else { 5 };
            self.run_to(now + Duration::from_secs(pause))?;
            self.look()?;
            self.inspect()?;
        }
        Ok(())
    }

    /// All that was sent has arrived.
    fn settle(&mut self) -> Result<(), String> {
        self.run_to(self.world.now() + Duration::from_secs(60))?;
        self.world.with_server(|discord, _| discord.config_mut().chatter = None);
        self.run_to(self.world.now() + SETTLE)?;
        if !self.is_in_session() {
            // A silent network took the connection with it; the way back is the same.
            self.come_back()?;
            self.run_to(self.world.now() + SETTLE)?;
        }
        for (guild, arrived) in self.witness.arrived() {
            let sent = self.world.server().chatter_sent(guild);
            if arrived.is_some_and(|arrived| arrived != sent) {
                return Err(format!("{arrived:?} of {sent} messages of guild {guild} have arrived"));
            }
        }
        let receipts = self.witness.handled(Timestamp::from_nanos(u64::MAX));
        let cluster = self.world.client_mut(0);
        receipts.into_iter().for_each(|receipt| cluster.ack(receipt));
        for shard in self.world.client(0).shards() {
            let status = shard.status();
            if status.acknowledged != status.seq && !self.witness.took_over(shard.id()) {
                return Err(format!("shard {} is not acknowledged: {status:?}", shard.id()));
            }
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), String> {
        self.is_ending = true;
        match self.plan.ending {
            Ending::Stop => self.world.with_client(0, Cluster::stop),
            Ending::Suspend => self.world.with_client(0, Cluster::suspend),
            Ending::Fatal { code } => self.world.with_server(|discord, now| discord.close_gateway(now, code)),
        }
        self.run_to(self.world.now() + Duration::from_secs(10))?;
        self.look()?;
        let expected = match (&self.witness.stopped, self.plan.ending) {
            (Some(cluster::Stopped::ByUser), Ending::Stop | Ending::Suspend) => true,
            (
                Some(cluster::Stopped::Gateway(_, gateway::Stopped::Refused { code: seen, .. })),
                Ending::Fatal { code },
            ) => seen.code == code,
            _ => false,
        };
        if !expected {
            return Err(format!("ended with {:?}", self.witness.stopped));
        }
        let cluster = self.world.client(0);
        if !cluster.is_finished() || self.world.wait_of(0).is_some() {
            return Err("the cluster has stopped and is not finished".into());
        }
        let sessions = cluster.state().sessions.len();
        let kept = if self.plan.ending == Ending::Suspend { cluster.count() as usize } else { 0 };
        if sessions != kept {
            return Err(format!("{sessions} sessions are kept, and should be {kept}"));
        }
        self.tally.add("ends", 1);
        Ok(())
    }
}

fn cluster_of(
    plan: &Plan,
    config: &config::Config,
    witness: &Witness,
    process: u64,
    state: Option<State>,
) -> Cluster {
    let mut gateway = gateway::Config::new(Token::new(&config.token), Intents::ALL);
    gateway.compression = plan.compression;
    gateway.delivery = witness.delivery();
    let mut cluster = cluster::Config::new(gateway);
    cluster.state = state;
    cluster.shards =
        if cluster.state.is_none() { Shards::All { count: plan.shards } } else { Shards::Recommended };
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&plan.seed.to_le_bytes());
    seed[8..16].copy_from_slice(&process.to_le_bytes());
    Cluster::new(cluster, seed)
}
