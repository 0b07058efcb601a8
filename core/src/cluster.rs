//! Many shards in one process: `/gateway/bot`, the queue for identifies, routing by guild, resharding.
//!
//! | file | subject |
//! |---|---|
//! | [`config`] | which shards to run, and how |
//! | [`event`] | what a cluster tells |
//! | [`state`] | sessions and limits as a value |
//! | `limits` | `/gateway/bot` and the queue for identifies |
//! | [`reshard`] | what happens to a cluster while its shards are changed |
//! | `handover` | who tells what meanwhile, so that there is no gap |
//! | `ledger` | what both told |
//!
//! A cluster of one shard is what a small bot needs; [`Client`](crate::client::Client) adds voice to it. What a message
//! costs does not grow with the number of shards: a shard is looked at only when something happened to it.

pub mod config;
pub mod event;
mod handover;
mod ledger;
mod limits;
pub mod reshard;
pub mod state;

#[cfg(test)]
mod tests;

pub use config::{BadShards, Config, Identifies, Shards};
pub use event::{Event, RequestFailed, ReshardFailure, Stopped};
pub use reshard::ReshardError;
pub use state::{SavedSession, State};

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use crate::entropy::Entropy;
use crate::gateway::budget::Lane;
use crate::gateway::command::{Command, CommandError, MembersRequest};
use crate::gateway::event::Receipt;
use crate::gateway::identify::IdentifyQueue;
use crate::gateway::members::MembersRequestId;
use crate::gateway::routing::ShardId;
use crate::gateway::session::Session;
use crate::gateway::shard::{self, Start};
use crate::gateway::{self, Intents, Interest, Shard};
use crate::id::{GuildId, UserId};
use crate::machine::{Input, Log, Machine, Output, RequestId, Scope};
use crate::outbox::Outbox;
use crate::rest::Api;
use crate::time::{Duration, Timestamp, soonest};

use handover::{Echo, Handover};

/// The number of the cluster's own scope; its shards have those above. Below is room for a composition.
pub(crate) const SCOPE: u32 = 1 << 31;

/// Where the cluster stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    /// `/gateway/bot` has not been answered yet.
    Starting,
    Running,
    Stopped,
}

/// Whether `/gateway/bot` is being asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Ask {
    Idle,
    At(Timestamp),
    Asked(RequestId),
}

#[derive(Debug)]
struct Member {
    shard: Box<Shard>,
    deadline: Option<Timestamp>,
    /// Whether it stands in the line of those to be polled.
    stirred: bool,
    /// Whether what it tells concerns nobody.
    is_silent: bool,
}

/// Many shards in one process.
///
/// It asks `/gateway/bot` and runs the shards that [`Config::shards`] names. A fatal close code of one, such as that
/// of a wrong token, ends all. At most [`MAX_SHARDS`](config::MAX_SHARDS) shards run, twice as many while
/// [resharding](Self::reshard).
#[derive(Debug)]
pub struct Cluster {
    config: Arc<gateway::Config>,
    shards: Shards,
    identifies: Identifies,
    reserve: Option<u32>,
    state: Option<State>,
    api: Api,
    entropy: Entropy,
    now: Timestamp,
    scope: Scope,
    scopes: u32,
    phase: Phase,
    ask: Ask,
    attempt: u32,
    answered: Timestamp,
    url: Box<str>,
    recommended: u32,
    count: u32,
    queue: Option<IdentifyQueue>,
    members: BTreeMap<u32, Member>,
    /// The shards whose dispatches the user gets.
    current: BTreeMap<ShardId, u32>,
    handover: Option<Handover>,
    /// After a change of shards, until the new ones have caught up.
    echo: Option<Echo>,
    /// A wish to reshard that waits for `/gateway/bot`.
    wish: Option<Shards>,
    line: VecDeque<u32>,
    deadlines: BTreeSet<(Timestamp, u32)>,
    user: Option<UserId>,
    /// Why the cluster has stopped, to be told when all shards are over.
    stopped: Option<Stopped>,
    out: Outbox<Event>,
}

impl Cluster {
    /// A cluster that connects as soon as it is driven. The seed decides every random choice: take it from the
    /// operating system, except in tests.
    #[must_use]
    pub fn new(config: Config, seed: [u8; 32]) -> Self {
        Self {
            api: Api::new(&config.api_base, &config.gateway.token),
            config: Arc::new(config.gateway),
            shards: config.shards,
            identifies: config.identifies,
            reserve: config.reserve,
            state: config.state,
            entropy: Entropy::new(seed),
            now: Timestamp::ZERO,
            scope: Scope::new(SCOPE),
            scopes: SCOPE,
            phase: Phase::Starting,
            ask: Ask::At(Timestamp::ZERO),
            attempt: 0,
            answered: Timestamp::ZERO,
            url: Box::from(""),
            recommended: 1,
            count: 0,
            queue: None,
            members: BTreeMap::new(),
            current: BTreeMap::new(),
            handover: None,
            echo: None,
            wish: None,
            line: VecDeque::new(),
            deadlines: BTreeSet::new(),
            user: None,
            stopped: None,
            out: Outbox::new(),
        }
    }

    /// The shards whose dispatches the user gets; none before `/gateway/bot` was answered.
    pub fn shards(&self) -> impl Iterator<Item = &Shard> {
        self.current.values().filter_map(|scope| self.members.get(scope)).map(|member| &*member.shard)
    }

    /// The shard of this name.
    #[must_use]
    pub fn shard(&self, id: ShardId) -> Option<&Shard> {
        self.members.get(self.current.get(&id)?).map(|member| &*member.shard)
    }

    /// How many shards there are in all, in this process and others; 0 before `/gateway/bot` was answered.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// How many shards Discord recommends, by its last answer.
    #[must_use]
    pub const fn recommended(&self) -> u32 {
        self.recommended
    }

    /// The shard that serves this guild, in this process or another.
    #[must_use]
    pub const fn shard_of(&self, guild: GuildId) -> ShardId {
        ShardId::of(guild, self.count)
    }

    /// The API's base URL.
    #[must_use]
    pub fn api_base(&self) -> &str {
        self.api.base()
    }

    /// The queue for identifies, once `/gateway/bot` was answered.
    #[must_use]
    pub const fn identify_queue(&self) -> Option<&IdentifyQueue> {
        self.queue.as_ref()
    }

    /// The bot's own user id, once one shard was READY.
    #[must_use]
    pub const fn user(&self) -> Option<UserId> {
        self.user
    }

    /// Sessions and limits, for another process to go on with; at any time, and after [`Cluster::suspend`].
    ///
    /// Before `/gateway/bot` was answered it is the state that was to be restored.
    #[must_use]
    pub fn state(&self) -> State {
        if let Some(state) = &self.state {
            // Saved anew, it is young again: the age of its limits moves into them.
            let restore = |saved| IdentifyQueue::restore(Timestamp::ZERO, saved, state.age).save(self.now);
            let identifies = state.identifies.as_ref().map(restore);
            return State { identifies, age: Duration::ZERO, ..state.clone() };
        }
        let sessions = self.current.iter().filter_map(|(&shard, scope)| {
            let session = self.members.get(scope)?.shard.session()?;
            Some(SavedSession { shard, session })
        });
        let own = self.queue.as_ref().filter(|_| self.identifies == Identifies::Own);
        State {
            shards: self.count,
            sessions: sessions.collect(),
            identifies: own.map(|queue| queue.save(self.now)),
            age: Duration::ZERO,
        }
    }

    /// Sends a command on the shard of its guild; a presence on all shards, anything else without a guild on shard
    /// 0, or the first that there is.
    ///
    /// # Errors
    /// As [`Shard::send`], for a presence the first of all shards'; if no shard of this process serves the guild.
    pub fn send(&mut self, now: Timestamp, command: &Command) -> Result<(), CommandError> {
        match (command.guild(), command) {
            (None, command) if matches!(command.lane(), Lane::Presence) => {
                if let Command::Presence(presence) = command {
                    // Shards that are yet to come identify with it.
                    Arc::make_mut(&mut self.config).presence = Some(presence.clone());
                }
                let ids: Vec<ShardId> = self.current.keys().copied().collect();
                if ids.is_empty() {
                    return Err(self.no_shard());
                }
                // A shard that cannot take it does not keep it from the others.
                let answers: Vec<_> = ids.into_iter().map(|id| self.send_on(now, id, command)).collect();
                answers.into_iter().collect()
            }
            (None, _) => {
                let id = self.current.keys().next().copied().ok_or_else(|| self.no_shard())?;
                self.send_on(now, id, command)
            }
            (Some(guild), _) => self.send_on(now, self.shard_of(guild), command),
        }
    }

    /// Sends a command on this shard.
    ///
    /// # Errors
    /// As [`Shard::send`]; if there is no such shard in this process.
    pub fn send_on(&mut self, now: Timestamp, id: ShardId, command: &Command) -> Result<(), CommandError> {
        self.with(now, id, |shard, now| shard.send(now, command)).unwrap_or_else(|| Err(self.no_shard()))
    }

    /// Asks for a guild's members: see [`Shard::request_members`].
    ///
    /// # Errors
    /// As there; if no shard of this process serves the guild.
    pub fn request_members(
        &mut self,
        now: Timestamp,
        request: MembersRequest,
    ) -> Result<MembersRequestId, CommandError> {
        let id = self.shard_of(request.guild_id);
        self.with(now, id, |shard, now| shard.request_members(now, request))
            .unwrap_or_else(|| Err(self.no_shard()))
    }

    /// Which dispatches the user wants.
    #[must_use]
    pub fn interest(&self) -> &Interest {
        &self.config.interest
    }

    /// Changes that, at any time, for all shards: see [`Shard::set_interest`].
    pub fn set_interest(&mut self, interest: Interest) {
        for member in self.members.values_mut() {
            member.shard.set_interest(interest.clone());
        }
        Arc::make_mut(&mut self.config).interest = interest;
    }

    /// The events that Discord is asked for.
    #[must_use]
    pub fn intents(&self) -> Intents {
        self.config.intents
    }

    /// Says that a dispatch has been handled: see [`Shard::ack`].
    pub fn ack(&mut self, receipt: Receipt) {
        if let Some(member) = self.members.get_mut(&receipt.scope()) {
            member.shard.ack(receipt);
        }
    }

    /// Lets a shard identify for which [`Event::IdentifyWanted`] asked.
    pub fn grant(&mut self, now: Timestamp, id: ShardId) {
        let incoming = self.handover.iter().flat_map(Handover::scopes);
        let scopes: Vec<u32> = self.current.get(&id).copied().into_iter().chain(incoming).collect();
        self.tick(now);
        for scope in scopes {
            if let Some(member) = self.members.get_mut(&scope).filter(|member| member.shard.id() == id) {
                member.shard.grant(now);
                self.stir(scope);
            }
        }
    }

    /// Starts a shard that was stopped, or one beside those that run; with its saved session if there is one. A
    /// shard that runs already is left alone.
    ///
    /// # Errors
    /// If the cluster does not run, or if the number is not below [`Cluster::count`].
    pub fn start_shard(
        &mut self,
        now: Timestamp,
        number: u32,
        session: Option<Session>,
    ) -> Result<(), CommandError> {
        self.tick(now);
        if self.phase != Phase::Running {
            return Err(self.no_shard());
        }
        if number >= self.count || self.members.len() >= config::MAX_SHARDS {
            return Err(CommandError::NoSuchShard);
        }
        let id = ShardId { number, count: self.count };
        if !self.current.contains_key(&id) {
            let scope = self.launch(id, session);
            self.current.insert(id, scope);
        }
        Ok(())
    }

    /// Stops one shard; its guilds are silent until it is started again.
    pub fn stop_shard(&mut self, now: Timestamp, id: ShardId) {
        self.with(now, id, Shard::stop);
        self.current.remove(&id);
    }

    /// Lets one shard make a new connection: see [`Shard::reconnect`].
    pub fn restart_shard(&mut self, now: Timestamp, id: ShardId, keep_session: bool) {
        self.with(now, id, |shard, now| shard.reconnect(now, keep_session));
    }

    /// Ends all shards and keeps their sessions: another process may go on with [`Cluster::state`], which is still
    /// there afterwards.
    pub fn suspend(&mut self, now: Timestamp) {
        self.tick(now);
        self.end(Stopped::ByUser, Shard::suspend);
    }

    /// Ends all sessions and stops.
    pub fn stop(&mut self, now: Timestamp) {
        self.tick(now);
        self.end(Stopped::ByUser, Shard::stop);
    }

    fn tick(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
    }

    const fn no_shard(&self) -> CommandError {
        match self.phase {
            Phase::Starting => CommandError::NotConnected,
            Phase::Running => CommandError::NoSuchShard,
            Phase::Stopped => CommandError::Stopped,
        }
    }

    fn with<T>(
        &mut self,
        now: Timestamp,
        id: ShardId,
        act: impl FnOnce(&mut Shard, Timestamp) -> T,
    ) -> Option<T> {
        self.tick(now);
        let scope = *self.current.get(&id)?;
        let member = self.members.get_mut(&scope)?;
        let answer = act(&mut member.shard, self.now);
        self.stir(scope);
        Some(answer)
    }

    /// Puts a shard in the line of those to be polled.
    fn stir(&mut self, scope: u32) {
        if let Some(member) = self.members.get_mut(&scope).filter(|member| !member.stirred) {
            member.stirred = true;
            self.line.push_back(scope);
        }
    }

    fn stir_all(&mut self) {
        let scopes: Vec<u32> = self.members.keys().copied().collect();
        for scope in scopes {
            self.stir(scope);
        }
    }

    fn launch(&mut self, id: ShardId, session: Option<Session>) -> u32 {
        self.scopes = self.scopes.wrapping_add(1).max(SCOPE + 1);
        let scope = self.scopes;
        let start = Start { url: self.url.clone(), id, session, identifies: shard::Identifies::WhenGranted };
        let mut shard =
            Box::new(Shard::new(Arc::clone(&self.config), start, Scope::new(scope), self.entropy.fork()));
        shard.handle_input(self.now, Input::Timeout);
        self.members.insert(scope, Member { shard, deadline: None, stirred: false, is_silent: false });
        self.stir(scope);
        scope
    }

    fn end(&mut self, reason: Stopped, how: impl Fn(&mut Shard, Timestamp)) {
        if self.phase == Phase::Stopped {
            return;
        }
        self.phase = Phase::Stopped;
        self.ask = Ask::Idle;
        for member in self.members.values_mut() {
            how(&mut member.shard, self.now);
        }
        self.stir_all();
        self.stopped = Some(reason);
    }

    /// What a shard told: for the user, unless it is only the cluster's business.
    fn on_event(&mut self, scope: u32, event: gateway::Event) -> Option<Output<Event>> {
        let member = self.members.get(&scope)?;
        let id = member.shard.id();
        if member.is_silent {
            if matches!(event, gateway::Event::Disconnected { .. } | gateway::Event::Stopped { .. }) {
                self.no_identify(id);
            }
            return None;
        }
        match &event {
            gateway::Event::AwaitingIdentify => {
                self.want_identify(id);
                return None;
            }
            gateway::Event::Identified => self.identified(id),
            gateway::Event::Disconnected { .. } | gateway::Event::Stopped { .. } => self.no_identify(id),
            gateway::Event::Connected { .. } => {
                self.user = self.members.get(&scope).and_then(|member| member.shard.user()).or(self.user);
            }
            _ => {}
        }
        let fatal = match &event {
            gateway::Event::Stopped { reason, .. } if *reason != gateway::Stopped::ByUser => {
                Some(reason.clone())
            }
            _ => None,
        };
        let event = if self.echo.is_some() { self.drop_echo(scope, event)? } else { event };
        let event = if self.handover.is_some() { self.hand_over(scope, event)? } else { event };
        match fatal {
            Some(reason) => {
                self.out.event(Event::Shard(id, event));
                // A fault of the network, perhaps of this one's alone, costs the others no session.
                let gave_up = matches!(reason, gateway::Stopped::GaveUp { .. });
                let how = if gave_up { Shard::suspend } else { Shard::stop };
                self.end(Stopped::Gateway(id, reason), how);
                None
            }
            None => Some(Output::Event(Event::Shard(id, event))),
        }
    }

    /// Polls the shard that stands first in line; `None` once nobody does.
    fn poll_line(&mut self) -> Option<Output<Event>> {
        while let Some(&scope) = self.line.front() {
            let Some(member) = self.members.get_mut(&scope) else {
                self.line.pop_front();
                continue;
            };
            match member.shard.poll_output() {
                Output::Wait(deadline) => {
                    self.line.pop_front();
                    member.stirred = false;
                    if member.deadline != deadline {
                        if let Some(old) = core::mem::replace(&mut member.deadline, deadline) {
                            self.deadlines.remove(&(old, scope));
                        }
                        self.deadlines.extend(deadline.map(|at| (at, scope)));
                    }
                    // A suspended shard holds its session for `state`.
                    if member.shard.is_finished() && self.phase != Phase::Stopped {
                        self.members.remove(&scope);
                    }
                }
                Output::Event(event) => {
                    if let Some(output) = self.on_event(scope, event) {
                        return Some(output);
                    }
                    if let Some(output) = self.out.pop() {
                        return Some(output);
                    }
                }
                other => {
                    let id = member.shard.id();
                    return Some(other.map_event(|event| Event::Shard(id, event)));
                }
            }
        }
        None
    }

    fn own_deadline(&self) -> Option<Timestamp> {
        match self.ask {
            Ask::At(at) => Some(at),
            Ask::Idle | Ask::Asked(_) => None,
        }
    }
}

/// How many shards it runs, and how many are in session.
impl fmt::Display for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ready =
            self.shards().filter(|shard| matches!(shard.phase(), gateway::phase::Phase::Ready { .. }));
        write!(f, "{} of {} shards, {} in session", self.current.len(), self.count, ready.count())
    }
}

impl Machine for Cluster {
    type Event = Event;

    fn handle_input(&mut self, now: Timestamp, input: Input) {
        self.tick(now);
        let scope = match &input {
            Input::Timeout => None,
            Input::Opened(socket) | Input::Frame(socket, _) | Input::Closed(socket, _) => {
                Some(socket.scope())
            }
            Input::Response(request, _) | Input::Progress(request, _) => Some(request.scope()),
            Input::File(file, _) => Some(file.scope()),
            Input::Source(source, _) => Some(source.scope()),
        };
        match (scope, input) {
            (None, _) => {
                self.ask_if_due();
                if let Some(queue) = &mut self.queue {
                    queue.handle_input(self.now, Input::Timeout);
                }
                while let Some(&(at, scope)) = self.deadlines.first()
                    && at <= self.now
                {
                    self.deadlines.pop_first();
                    if let Some(member) = self.members.get_mut(&scope) {
                        member.deadline = None;
                        member.shard.handle_input(self.now, Input::Timeout);
                        self.stir(scope);
                    }
                }
            }
            (Some(SCOPE), Input::Response(id, response)) => {
                if self.ask == Ask::Asked(id) {
                    self.on_response(response);
                }
            }
            (Some(scope), input) => {
                if let Some(member) = self.members.get_mut(&scope) {
                    member.shard.handle_input(self.now, input);
                    self.stir(scope);
                }
            }
        }
    }

    fn poll_output(&mut self) -> Output<Event> {
        loop {
            if let Some(output) = self.out.pop() {
                return output;
            }
            if let Some(output) = self.poll_line() {
                return output;
            }
            let mut deadline = self.drain_queue();
            self.advance_handover();
            if self.echo.is_some() && self.phase == Phase::Running {
                self.ask_heartbeats();
            }
            self.ask_if_due();
            if !self.line.is_empty() || !self.out.is_empty() {
                continue;
            }
            if self.phase == Phase::Stopped {
                return match self.stopped.take() {
                    Some(reason) => Output::Event(Event::Stopped { reason }),
                    None => Output::Wait(None),
                };
            }
            deadline = soonest(deadline, self.deadlines.first().map(|(at, _)| *at));
            deadline = soonest(deadline, self.handover.as_ref().and_then(Handover::deadline));
            return Output::Wait(soonest(deadline, self.own_deadline()));
        }
    }

    fn is_finished(&self) -> bool {
        self.phase == Phase::Stopped && self.stopped.is_none() && self.line.is_empty() && self.out.is_empty()
    }

    fn log(event: &Event) -> Option<Log> {
        event.log()
    }
}
