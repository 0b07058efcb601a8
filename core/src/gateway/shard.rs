//! One connection to the main gateway, through all its reconnects.

mod connection;
mod incoming;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;

use bytes::Bytes;
use serde_json::value::RawValue;

use crate::close::{END_SESSION, KEEP_SESSION};
use crate::entropy::Entropy;
use crate::envelope;
use crate::gateway::budget::{Budget, Lane};
use crate::gateway::close::Action;
use crate::gateway::command::{Command, CommandError, MembersRequest};
use crate::gateway::config::Config;
use crate::gateway::event::{Disconnect, Event, Receipt, Stopped};
use crate::gateway::inflate::Inflater;
use crate::gateway::intents::Intents;
use crate::gateway::interest::Interest;
use crate::gateway::members::{self, MembersRequestId, Pending};
use crate::gateway::opcode::OpCode;
use crate::gateway::outgoing::{Outgoing, Queued};
use crate::gateway::phase::{Phase, Step};
use crate::gateway::routing::ShardId;
use crate::gateway::session::Session;
use crate::gateway::shard::connection::Wait;
use crate::gateway::status::{Counters, Status};
use crate::heart::Heart;
use crate::id::UserId;
use crate::machine::{Frame, Input, Log, Machine, Output, Scope};
use crate::outbox::Outbox;
use crate::time::{Duration, Timestamp, soonest};

/// What one shard needs to know beside what all shards have in common.
#[derive(Clone, Debug)]
pub struct Start {
    /// The gateway's URL as `/gateway/bot` answers it: with its scheme, without a query.
    pub url: Box<str>,
    /// Which shard it is.
    pub id: ShardId,
    /// A session to resume.
    pub session: Option<Session>,
    /// Who decides when it may identify.
    pub identifies: Identifies,
}

impl Start {
    /// The only shard of a bot, with a new session.
    #[must_use]
    pub fn new(url: &str) -> Self {
        Self { url: url.into(), id: ShardId::ONLY, session: None, identifies: Identifies::default() }
    }
}

/// Who decides when a shard may identify.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Identifies {
    /// The shard itself, which keeps 5.5 s between two of its own. It knows nothing of other shards and of the
    /// day's budget.
    #[default]
    AtOnce,
    /// Whoever owns it, by [`Shard::grant`]: see [`IdentifyQueue`](crate::gateway::identify::IdentifyQueue).
    WhenGranted,
}

/// One connection to the main gateway.
///
/// *Getters* show the state, [`Machine`] drives it; the user's are [`send`](Self::send),
/// [`request_members`](Self::request_members), [`ack`](Self::ack), [`set_interest`](Self::set_interest),
/// [`reconnect`](Self::reconnect), [`suspend`](Self::suspend) and [`stop`](Self::stop). 128 commands may wait, and 128
/// requests for members.
#[derive(Debug)]
pub struct Shard {
    config: Arc<Config>,
    url: Box<str>,
    id: ShardId,
    identifies: Identifies,
    scope: Scope,
    entropy: Entropy,
    now: Timestamp,
    phase: Phase,
    heart: Option<Heart>,
    inflater: Option<Box<Inflater>>,
    session: Option<Session>,
    /// Names the session within this process, for receipts.
    session_number: u64,
    /// The last dispatch taken in.
    received: u64,
    /// The last dispatch that this process handed to the user.
    handed: u64,
    /// Up to here, an earlier process has delivered.
    duplicates_to: u64,
    /// Whether a session was lost since the last one began.
    gap: bool,
    user: Option<UserId>,
    interest: Interest,
    /// The newest that the user sent.
    presence: Option<Box<RawValue>>,
    /// Attempts since the last progress.
    attempt: u32,
    /// Connections in a row that ended soon after they were opened.
    flaps: u32,
    opened: Timestamp,
    /// The last connection to the resume URL ended before the session was resumed: use the first one.
    distrust_resume_url: bool,
    granted: bool,
    identified: Option<Timestamp>,
    outgoing: Outgoing,
    members: Pending,
    replayed: u64,
    latency: Option<Duration>,
    counters: Counters,
    out: Outbox<Event>,
}

impl Shard {
    /// A shard that connects as soon as it is driven.
    #[must_use]
    pub fn new(config: Arc<Config>, start: Start, scope: Scope, entropy: Entropy) -> Self {
        let Start { url, id, session, identifies } = start;
        let (received, duplicates_to) = session.as_ref().map_or((0, 0), |s| (s.seq, s.delivered));
        Self {
            interest: config.interest.clone(),
            presence: None,
            user: session.as_ref().and_then(|session| session.user),
            config,
            url,
            id,
            identifies,
            session_number: u64::from(scope.number()) << 32,
            scope,
            entropy,
            now: Timestamp::ZERO,
            phase: Phase::Waiting { until: Timestamp::ZERO },
            heart: None,
            inflater: None,
            session,
            received,
            handed: 0,
            duplicates_to,
            gap: false,
            attempt: 0,
            flaps: 0,
            opened: Timestamp::ZERO,
            distrust_resume_url: false,
            granted: false,
            identified: None,
            outgoing: Outgoing::new(),
            members: Pending::default(),
            replayed: 0,
            latency: None,
            counters: Counters::default(),
            out: Outbox::new(),
        }
    }

    /// Which shard it is.
    #[must_use]
    pub const fn id(&self) -> ShardId {
        self.id
    }

    /// Where the shard stands.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// What it was made with.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The gateway's URL as it was given; [`Shard::session`] has that for resumes.
    #[must_use]
    pub const fn url(&self) -> &str {
        &self.url
    }

    /// The events that Discord is asked for.
    #[must_use]
    pub fn intents(&self) -> Intents {
        self.config.intents
    }

    /// The dispatches that are handed to the user. READY and RESUMED are in any case.
    #[must_use]
    pub const fn interest(&self) -> &Interest {
        &self.interest
    }

    /// The session, if there is one: save it to resume later, at any time; also after the end, if it was kept.
    #[must_use]
    pub fn session(&self) -> Option<Session> {
        let session = self.session.as_ref()?;
        Some(Session { delivered: self.received.max(self.duplicates_to), ..session.clone() })
    }

    /// The bot's own user id: once READY came, or from the start if a session is resumed that
    /// [says it](Session::user).
    #[must_use]
    pub const fn user(&self) -> Option<UserId> {
        self.user
    }

    /// Round trip of the last heartbeat that came back.
    #[must_use]
    pub const fn latency(&self) -> Option<Duration> {
        self.latency
    }

    /// How often it beats, while it is connected.
    #[must_use]
    pub fn heartbeat_interval(&self) -> Option<Duration> {
        self.heart.as_ref().map(Heart::interval)
    }

    /// The counters.
    #[must_use]
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// How much may be sent.
    #[must_use]
    pub const fn budget(&self) -> &Budget {
        &self.outgoing.budget
    }

    /// How the shard stands, for a dashboard.
    #[must_use]
    pub fn status(&self) -> Status {
        Status {
            phase: self.phase.name(),
            latency: self.latency,
            seq: self.session.as_ref().map(|_| self.received),
            acknowledged: self.session.as_ref().map(|session| session.seq),
            queued_commands: self.outgoing.len(),
            pending_members: self.members.len(),
            available_sends: self.outgoing.budget.available(self.now),
            next_deadline: self.deadline(),
            counters: self.counters,
        }
    }

    /// Sends a command once the session is there and its budget allows, in order. The newest presence sent is also
    /// what later sessions begin with, unless it is longer than 3,072 bytes.
    ///
    /// # Errors
    /// If the shard has ended, 128 commands wait, or Discord would not take it.
    pub fn send(&mut self, now: Timestamp, command: &Command) -> Result<(), CommandError> {
        self.tick(now);
        self.queue(command.lane(), command.encode()?, None)?;
        if let Some(presence) = command.presence() {
            self.presence = Some(presence);
        }
        Ok(())
    }

    /// Asks for a guild's members and joins the chunks of the answer: [`Event::Members`] brings it. The chunks
    /// come as dispatches too. A nonce of the request's own is replaced.
    ///
    /// # Errors
    /// As [`Shard::send`]; [`CommandError::QueueFull`] too if 128 requests are unanswered.
    pub fn request_members(
        &mut self,
        now: Timestamp,
        mut request: MembersRequest,
    ) -> Result<MembersRequestId, CommandError> {
        self.tick(now);
        if self.members.len() >= members::MAX_PENDING {
            return Err(CommandError::QueueFull);
        }
        let guild = request.guild_id;
        let salt = u32::from_le_bytes(self.entropy.bytes());
        let (id, nonce) = self.members.open(guild, salt);
        request.nonce = Some(nonce.clone());
        let command = Command::Members(request);
        let queued =
            command.encode().and_then(|message| self.queue(command.lane(), message, Some(nonce.clone())));
        match queued {
            Ok(()) => Ok(id),
            Err(error) => {
                self.members.abandon(&nonce);
                Err(error)
            }
        }
    }

    /// Says that a dispatch, and all before it, have been handled; matters with
    /// [`Delivery::AtLeastOnce`](crate::gateway::Delivery::AtLeastOnce). With the newest one that was delivered, those
    /// after it that nobody wanted count as received too. A receipt of an earlier session changes nothing.
    pub fn ack(&mut self, receipt: Receipt) {
        if let Some(session) = self.session.as_mut().filter(|_| receipt.session == self.session_number) {
            let seq = if receipt.seq >= self.handed { self.received } else { receipt.seq };
            session.seq = session.seq.max(seq);
        }
    }

    /// Changes which dispatches are handed to the user, from the next message on; those that wait to be polled still
    /// come. READY and RESUMED come in any case.
    pub fn set_interest(&mut self, interest: Interest) {
        self.interest = interest;
    }

    /// Lets a shard identify that [waits for its turn](Event::AwaitingIdentify); for any other nothing changes.
    pub fn grant(&mut self, now: Timestamp) {
        self.tick(now);
        if self.phase == Phase::Queued {
            self.granted = true;
            self.open();
        }
    }

    /// Sends a heartbeat at once, if the shard is in session and none is unanswered. Answers whether it did: the next
    /// [`Event::HeartbeatAcknowledged`] then says that all which had happened before has been told.
    pub fn probe(&mut self, now: Timestamp) -> bool {
        self.tick(now);
        matches!(self.phase, Phase::Ready { .. })
            && self.heart.as_ref().is_some_and(Heart::is_at_rest)
            && self.send_heartbeat()
    }

    /// Ends the connection, if there is one, and makes another: with the same session or, if it is not to be kept,
    /// with a new one.
    pub fn reconnect(&mut self, now: Timestamp, keep_session: bool) {
        self.tick(now);
        let action = if keep_session { Action::Resume } else { Action::Identify };
        match self.phase {
            Phase::Stopped => {}
            Phase::Waiting { .. } | Phase::Queued if keep_session => {}
            Phase::Waiting { until } => {
                self.lose_session();
                self.phase = Phase::Waiting { until: until.max(self.may_identify_at()) };
            }
            Phase::Queued => self.lose_session(),
            _ => self.disconnect(Disconnect::ByUser, action, Wait::None),
        }
    }

    /// Ends the shard and keeps the session: another process may resume it for some minutes, while the bot still
    /// shows online. [`Event::Stopped`] and [`Shard::session`] bring it.
    pub fn suspend(&mut self, now: Timestamp) {
        self.tick(now);
        self.end(Stopped::ByUser, KEEP_SESSION);
    }

    /// Ends the session and the shard: the bot goes offline at once.
    pub fn stop(&mut self, now: Timestamp) {
        self.tick(now);
        self.end(Stopped::ByUser, END_SESSION);
    }

    fn tick(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
    }

    fn step(&mut self, step: Step) -> bool {
        match self.phase.next(step) {
            Ok(next) => {
                self.phase = next;
                true
            }
            Err(_) => false,
        }
    }

    fn queue(&mut self, lane: Lane, message: Bytes, nonce: Option<String>) -> Result<(), CommandError> {
        if self.phase == Phase::Stopped {
            return Err(CommandError::Stopped);
        }
        self.outgoing.push(Queued { lane, message, nonce })?;
        self.flush_commands();
        Ok(())
    }

    /// Sends a heartbeat out of turn; answers whether it did.
    fn send_heartbeat(&mut self) -> bool {
        // A server that asks without end must not make us exceed what we may send.
        let Some(heart) = self.heart.as_mut().filter(|_| !self.outgoing.budget.exhausted(self.now)) else {
            return false;
        };
        heart.sent(self.now);
        self.push_heartbeat();
        true
    }

    fn push_heartbeat(&mut self) {
        self.counters.heartbeats += 1;
        let seq = self.session.as_ref().map(|session| session.seq);
        self.send_now(envelope::encode(OpCode::Heartbeat.number(), &seq));
    }

    fn flush_commands(&mut self) {
        let Phase::Ready { socket } = self.phase else { return };
        while let Some(queued) = self.outgoing.take(self.now) {
            self.counters.commands += 1;
            self.counters.bytes_out += queued.message.len() as u64;
            if let Some(nonce) = queued.nonce {
                self.members.sent(self.now, &nonce);
            }
            self.out.push(Output::SendFrame(socket, Frame::Text(queued.message)));
        }
    }

    /// Sends what does not wait.
    fn send_now(&mut self, message: Bytes) {
        if let Some(socket) = self.phase.socket() {
            self.outgoing.budget.spend(self.now, Lane::General);
            self.counters.bytes_out += message.len() as u64;
            self.out.push(Output::SendFrame(socket, Frame::Text(message)));
        }
    }

    fn deadline(&self) -> Option<Timestamp> {
        let heart = self.heart.as_ref().map(Heart::deadline);
        let deadline = soonest(soonest(self.phase.deadline(), heart), self.members.deadline());
        match self.phase {
            Phase::Ready { .. } => soonest(deadline, self.outgoing.deadline(self.now)),
            _ => deadline,
        }
    }
}

/// Which shard it is, and how it stands.
impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shard {}: {}", self.id, self.phase.name())?;
        if self.session.is_some() {
            write!(f, ", seq {}", self.received)?;
        }
        Ok(())
    }
}

impl Machine for Shard {
    type Event = Event;

    fn handle_input(&mut self, now: Timestamp, input: Input) {
        self.tick(now);
        match input {
            Input::Timeout => self.on_timeout(),
            Input::Opened(socket) if self.phase.socket() == Some(socket) => self.on_opened(),
            Input::Frame(socket, frame) if self.phase.socket() == Some(socket) => self.on_frame(&frame),
            Input::Closed(socket, closed) if self.phase.socket() == Some(socket) => self.on_closed(closed),
            Input::Opened(_)
            | Input::Frame(..)
            | Input::Closed(..)
            | Input::Response(..)
            | Input::Progress(..)
            | Input::File(..)
            | Input::Source(..) => {}
        }
    }

    fn poll_output(&mut self) -> Output<Event> {
        self.out.pop().unwrap_or_else(|| Output::Wait(self.deadline()))
    }

    fn is_finished(&self) -> bool {
        self.phase == Phase::Stopped && self.out.is_empty()
    }

    fn log(event: &Event) -> Option<Log> {
        event.log()
    }
}
