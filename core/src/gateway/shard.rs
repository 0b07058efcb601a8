//! One connection to the main gateway, through all its reconnects.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;

use bytes::Bytes;

use crate::backoff;
use crate::close::{END_SESSION, KEEP_SESSION};
use crate::entropy::Entropy;
use crate::envelope::{self, DecodeError, Payload};
use crate::gateway::budget::{Budget, Lane};
use crate::gateway::close::{Action, close_code};
use crate::gateway::command::{Command, CommandError, MembersRequest};
use crate::gateway::config::{Config, Delivery};
use crate::gateway::event::{Disconnect, Dispatch, Event, Receipt, Stopped};
use crate::gateway::identify::IDENTIFY_SPACING;
use crate::gateway::inflate::Inflater;
use crate::gateway::members::{self, MembersRequestId, Pending};
use crate::gateway::message::Message;
use crate::gateway::name::EventName;
use crate::gateway::opcode::OpCode;
use crate::gateway::outgoing::{Outgoing, Queued};
use crate::gateway::payload::{Hello, Identify, Ready, Resume};
use crate::gateway::phase::{Phase, Step};
use crate::gateway::routing::ShardId;
use crate::gateway::session::Session;
use crate::gateway::status::{Counters, Status};
use crate::heart::{Beat, Heart, interval};
use crate::id::UserId;
use crate::machine::{CloseFrame, Closed, Frame, Input, Log, Machine, Output, Scope, is_web_socket_url};
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

/// How long the WebSocket may take to open.
const OPEN_LIMIT: Duration = Duration::from_secs(30);
/// How long Discord may take to say Hello.
const HELLO_LIMIT: Duration = Duration::from_secs(20);
/// How long Discord may take to answer Identify or Resume, counted from its last message.
const SESSION_LIMIT: Duration = Duration::from_secs(60);
/// The random wait after op 9: one to five seconds.
const INVALID_SESSION_WAIT: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(4));
/// A connection that ends sooner than this after it was opened is followed by a back-off, whatever it brought.
const FLAP: Duration = Duration::from_secs(10);
/// How many sequence numbers a server may skip at once. Discord skips none.
const MAX_GAP: u64 = 1 << 20;

/// One connection to the main gateway.
///
/// *Getters* show the state, [`Machine`] drives it; the user's are [`send`](Self::send),
/// [`request_members`](Self::request_members), [`ack`](Self::ack), [`reconnect`](Self::reconnect),
/// [`suspend`](Self::suspend) and [`stop`](Self::stop). 128 commands may wait, and 128 requests for members.
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
    /// Up to here, an earlier process has delivered.
    duplicates_to: u64,
    /// Whether a session was lost since the last one began.
    gap: bool,
    user: Option<UserId>,
    /// Attempts since the last progress.
    attempt: u32,
    /// Connections in a row that ended soon after they were opened.
    flaps: u32,
    opened: Timestamp,
    /// The resume URL did not open: use the first one.
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
            duplicates_to,
            gap: false,
            user: None,
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

    /// The session, if there is one: save it to resume later, at any time.
    #[must_use]
    pub fn session(&self) -> Option<Session> {
        let session = self.session.as_ref()?;
        Some(Session { delivered: self.received.max(self.duplicates_to), ..session.clone() })
    }

    /// The bot's own user id, once READY came.
    #[must_use]
    pub const fn user(&self) -> Option<UserId> {
        self.user
    }

    /// Round trip of the last heartbeat that came back.
    #[must_use]
    pub const fn latency(&self) -> Option<Duration> {
        self.latency
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

    /// Sends a command once the session is there and its budget allows, in order.
    ///
    /// # Errors
    /// If the shard has ended, 128 commands wait, or Discord would not take it.
    pub fn send(&mut self, now: Timestamp, command: &Command) -> Result<(), CommandError> {
        self.tick(now);
        let lane = match command {
            Command::Presence(_) => Lane::Presence,
            Command::Members(request) if request.is_for_all() => Lane::AllMembers(request.guild_id),
            _ => Lane::General,
        };
        self.queue(lane, command.encode()?, None)
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
        let lane = if request.is_for_all() { Lane::AllMembers(guild) } else { Lane::General };
        let salt = u32::from_le_bytes(self.entropy.bytes());
        let (id, nonce) = self.members.open(guild, salt);
        request.nonce = Some(nonce.clone());
        let queued = Command::Members(request)
            .encode()
            .and_then(|message| self.queue(lane, message, Some(nonce.clone())));
        match queued {
            Ok(()) => Ok(id),
            Err(error) => {
                self.members.abandon(&nonce);
                Err(error)
            }
        }
    }

    /// Says that a dispatch, and all before it, have been handled; matters with [`Delivery::AtLeastOnce`]. A
    /// receipt of an earlier session changes nothing.
    pub fn ack(&mut self, receipt: Receipt) {
        if let Some(session) = self.session.as_mut().filter(|_| receipt.session == self.session_number) {
            session.seq = session.seq.max(receipt.seq.min(self.received));
        }
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
        let is_ready = matches!(self.phase, Phase::Ready { .. })
            && self.heart.as_ref().is_some_and(Heart::is_at_rest)
            && !self.outgoing.budget.exhausted(self.now);
        if is_ready {
            self.send_heartbeat();
        }
        is_ready
    }

    /// Ends the connection, if there is one, and makes another: with the same session or, if it is not to be kept,
    /// with a new one.
    pub fn reconnect(&mut self, now: Timestamp, keep_session: bool) {
        self.tick(now);
        let action = if keep_session { Action::Resume } else { Action::Identify };
        match self.phase {
            Phase::Stopped => {}
            Phase::Waiting { .. } | Phase::Queued if keep_session => {}
            Phase::Waiting { .. } | Phase::Queued => self.lose_session(),
            _ => self.disconnect(Disconnect::ByUser, action, Some(Duration::ZERO)),
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

    /// Connects; first waits for its turn where a session is to be started.
    fn open(&mut self) {
        if self.session.is_none() && self.identifies == Identifies::WhenGranted && !self.granted {
            if self.step(Step::Queue) {
                self.out.event(Event::AwaitingIdentify);
            }
            return;
        }
        // Identify goes to the first URL, Resume to the one that READY named.
        let base = match &self.session {
            Some(Session { resume_url: Some(url), .. }) if !self.distrust_resume_url => url,
            _ => &self.url,
        };
        let base = if is_web_socket_url(base) { String::from(&**base) } else { format!("wss://{base}") };
        let compression = self.config.compression.query();
        let url = format!("{}/?v=10&encoding=json{compression}", base.trim_end_matches('/'));
        let socket = self.scope.socket();
        if self.step(Step::Open(socket, self.now + OPEN_LIMIT)) {
            self.opened = self.now;
            self.counters.connects += 1;
            self.out.push(Output::OpenWebSocket { socket, url: url.into() });
        }
    }

    fn on_opened(&mut self) {
        if self.step(Step::Opened(self.now + HELLO_LIMIT)) {
            let Config { compression, max_message, .. } = *self.config;
            self.inflater = Some(Box::new(Inflater::new(compression, max_message)));
        }
    }

    fn on_frame(&mut self, frame: &Frame) {
        self.counters.bytes_in += frame.len() as u64;
        let message = match (frame, &mut self.inflater) {
            (Frame::Binary(data), Some(inflater)) => match inflater.inflate(data) {
                Ok(Some(message)) => message,
                Ok(None) => return,
                Err(error) => return self.disconnect(Disconnect::Compression(error), Action::Resume, None),
            },
            (Frame::Text(data) | Frame::Binary(data), _) => data.clone(),
        };
        self.counters.bytes_inflated += message.len() as u64;
        if let Err(error) = Message::read(&message).and_then(|message| self.on_message(message)) {
            self.disconnect(Disconnect::Malformed(error), Action::Resume, None);
        }
    }

    fn on_message(&mut self, message: Message) -> Result<(), DecodeError> {
        match OpCode::from_number(message.op) {
            OpCode::Dispatch => self.on_dispatch(message)?,
            OpCode::Heartbeat => self.send_heartbeat(),
            OpCode::Reconnect => {
                // Not at once again where connections do not last.
                let wait = (self.flaps == 0 && self.attempt == 0).then_some(Duration::ZERO);
                self.disconnect(Disconnect::Reconnect, Action::Resume, wait);
            }
            OpCode::InvalidSession => {
                let resumable: bool = envelope::parse(&message.data, "Invalid Session")?;
                let (least, more) = INVALID_SESSION_WAIT;
                let wait = least + self.entropy.up_to(more);
                let action = if resumable { Action::Resume } else { Action::Identify };
                self.disconnect(Disconnect::InvalidSession, action, Some(wait));
            }
            OpCode::Hello => self.on_hello(&envelope::parse(&message.data, "Hello")?),
            OpCode::HeartbeatAck => {
                if let Some(latency) = self.heart.as_mut().and_then(|heart| heart.acknowledged(self.now)) {
                    self.latency = Some(latency);
                    self.out.event(Event::HeartbeatAcknowledged { latency });
                }
            }
            OpCode::Identify
            | OpCode::PresenceUpdate
            | OpCode::VoiceStateUpdate
            | OpCode::Resume
            | OpCode::RequestGuildMembers
            | OpCode::RequestSoundboardSounds
            | OpCode::RequestChannelInfo
            | OpCode::Unknown(_) => self.pass_over(message),
        }
        Ok(())
    }

    fn pass_over(&mut self, message: Message) {
        self.counters.unrecognised += 1;
        self.out.event(Event::Unrecognised { op: Some(message.op), data: Payload(message.data) });
    }

    fn on_hello(&mut self, hello: &Hello) {
        if !matches!(self.phase, Phase::Greeting { .. }) {
            return;
        }
        let interval = interval(hello.heartbeat_interval);
        self.heart = Some(Heart::start(self.now, interval, 1, &mut self.entropy));
        let until = self.now + SESSION_LIMIT;
        let token = self.config.token.expose();
        if let Some(session) = &self.session {
            let resume = Resume { token, session_id: &session.id, seq: self.received };
            let message = envelope::encode(OpCode::Resume.number(), &resume);
            self.replayed = 0;
            self.counters.resume_attempts += 1;
            self.step(Step::Resume(until));
            self.send_now(message);
        } else {
            let identify = Identify {
                token,
                intents: self.config.intents.bits(),
                properties: &self.config.properties,
                compress: self.config.compression.in_identify(),
                large_threshold: self.config.large_threshold,
                shard: self.id,
                presence: self.config.presence.as_ref(),
            };
            let message = envelope::encode(OpCode::Identify.number(), &identify);
            self.counters.identifies += 1;
            self.granted = false;
            self.identified = Some(self.now);
            self.step(Step::Identify(until));
            self.send_now(message);
            self.out.event(Event::Identified);
        }
    }

    fn on_dispatch(&mut self, message: Message) -> Result<(), DecodeError> {
        let name = message.name.clone().unwrap_or_else(|| EventName::from(""));
        let seq = message.seq.unwrap_or_default();
        if name == EventName::Ready && matches!(self.phase, Phase::Identifying { .. }) {
            let ready: Ready = envelope::parse(&message.data, "READY")?;
            self.begin_session(ready, seq);
        } else if self.session.is_some()
            && matches!(self.phase, Phase::Ready { .. } | Phase::Resuming { .. })
            && seq.saturating_sub(self.received) <= MAX_GAP
        {
            if seq <= self.received {
                self.counters.repeated += 1;
                return Ok(());
            }
            // The peer chooses the numbers.
            self.counters.gaps = self.counters.gaps.saturating_add(seq - self.received - 1);
            self.received = seq;
        } else {
            // No session yet: nothing but READY can be meant. Or a number that, if it were believed, would make
            // everything after it look repeated.
            self.pass_over(message);
            return Ok(());
        }
        self.attempt = 0;
        self.distrust_resume_url = false;
        let connected = match name {
            EventName::Ready if self.step(Step::Ready) => Some(false),
            EventName::Resumed if self.step(Step::Resumed) => Some(true),
            _ => None,
        };
        let replayed = if let Phase::Resuming { until, .. } = &mut self.phase {
            *until = self.now + SESSION_LIMIT;
            self.replayed += 1;
            self.counters.replayed += 1;
            true
        } else {
            false
        };
        self.deliver(Dispatch {
            duplicate: seq <= self.duplicates_to,
            session: self.session_number,
            data: message.data,
            name,
            seq,
            replayed,
        });
        if let Some(resumed) = connected {
            self.counters.resumes += u64::from(resumed);
            let replayed = if resumed { self.replayed } else { 0 };
            let gap = core::mem::take(&mut self.gap);
            self.out.event(Event::Connected { resumed, replayed, gap });
            self.flush_commands();
        }
        Ok(())
    }

    fn begin_session(&mut self, ready: Ready, seq: u64) {
        self.user = Some(ready.user.id);
        self.received = seq;
        self.duplicates_to = 0;
        self.session_number += 1;
        self.session = Some(Session {
            id: ready.session_id.into(),
            resume_url: ready.resume_gateway_url.map(Into::into),
            seq: if self.config.delivery == Delivery::AtMostOnce { seq } else { 0 },
            delivered: seq,
        });
    }

    /// Hands a dispatch to the user, if it is wanted; our own state takes what concerns it.
    fn deliver(&mut self, dispatch: Dispatch) {
        if let (Delivery::AtMostOnce, Some(session)) = (self.config.delivery, &mut self.session) {
            session.seq = dispatch.seq;
        }
        let answer = match dispatch.name {
            _ if self.members.is_empty() => None,
            EventName::GuildMembersChunk => self.members.chunk(self.now, &dispatch.data),
            EventName::RateLimited => self.members.rate_limited(&dispatch.data).and_then(|limited| {
                let (guild, wait, answer) = limited;
                if let Some(guild) = guild {
                    self.outgoing.budget.block_members(self.now, guild, wait);
                }
                answer
            }),
            _ => None,
        };
        let always = matches!(dispatch.name, EventName::Ready | EventName::Resumed);
        if always || self.config.interest.wants(&dispatch.name) {
            self.counters.dispatches += 1;
            self.out.event(Event::Dispatch(dispatch));
        } else {
            self.counters.unwanted += 1;
        }
        self.answer(answer);
    }

    fn answer(&mut self, answer: Option<members::Answer>) {
        if let Some((request, guild, result)) = answer {
            self.out.event(Event::Members { request, guild, result });
        }
    }

    fn on_closed(&mut self, closed: Closed) {
        let action = match &closed {
            Closed::ByPeer(Some(frame)) => {
                let code = close_code(frame.code);
                if code.action == Action::Stop {
                    self.abandon_socket();
                    self.end(Stopped::Refused { code, reason: frame.reason.clone() }, END_SESSION);
                    return;
                }
                code.action
            }
            Closed::Refused { .. } => {
                // protocol: if the resume URL does not open, fall back to the first one.
                self.distrust_resume_url = !self.distrust_resume_url;
                Action::Resume
            }
            Closed::ByPeer(None) | Closed::Lost { .. } => Action::Resume,
        };
        self.abandon_socket();
        self.disconnect(Disconnect::Closed(closed), action, None);
    }

    fn on_timeout(&mut self) {
        if self.phase.deadline().is_some_and(|until| until <= self.now) {
            match self.phase {
                Phase::Waiting { .. } => self.open(),
                Phase::Opening { .. } => self.time_out("connection"),
                Phase::Greeting { .. } => self.time_out("Hello"),
                Phase::Identifying { .. } => self.time_out("READY"),
                Phase::Resuming { .. } => self.time_out("RESUMED"),
                Phase::Queued | Phase::Ready { .. } | Phase::Stopped => {}
            }
        }
        match self.heart.as_mut().map_or(Beat::Wait, |heart| heart.beat(self.now)) {
            Beat::Wait => {}
            Beat::Send => self.push_heartbeat(),
            Beat::Zombie => {
                self.counters.zombies += 1;
                self.disconnect(Disconnect::Zombie, Action::Resume, None);
            }
            Beat::Overslept(by) => self.disconnect(Disconnect::Overslept { by }, Action::Resume, None),
        }
        while let Some(answer) = self.members.timed_out(self.now) {
            self.answer(Some(answer));
        }
        self.flush_commands();
    }

    fn time_out(&mut self, awaiting: &'static str) {
        self.distrust_resume_url ^= matches!(self.phase, Phase::Opening { .. });
        self.disconnect(Disconnect::TimedOut { awaiting }, Action::Resume, None);
    }

    /// Sends a heartbeat out of turn.
    fn send_heartbeat(&mut self) {
        let Some(heart) = &mut self.heart else { return };
        // A server that asks without end must not make us exceed what we may send.
        if !self.outgoing.budget.exhausted(self.now) {
            heart.sent(self.now);
            self.push_heartbeat();
        }
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

    /// Forgets a socket that is gone already, so that it is not closed again.
    fn abandon_socket(&mut self) {
        self.heart = None;
        self.inflater = None;
        self.outgoing.budget.reconnect();
        // The socket leaves with the phase; `disconnect` and `end` find none to close.
        if self.phase.socket().is_some() && self.step(Step::Disconnect(self.now)) {
            self.counters.disconnects += 1;
            self.flaps = if self.now.since(self.opened) < FLAP { self.flaps.saturating_add(1) } else { 0 };
        }
    }

    fn lose_session(&mut self) {
        if self.session.take().is_some() {
            self.gap = true;
            self.counters.sessions_lost += 1;
            self.received = 0;
            while let Some(answer) = self.members.lost(false) {
                self.answer(Some(answer));
            }
        }
    }

    /// Ends the connection and plans the next.
    fn disconnect(&mut self, reason: Disconnect, action: Action, wait: Option<Duration>) {
        if let Some(socket) = self.phase.socket() {
            let code = if action == Action::Resume { KEEP_SESSION } else { END_SESSION };
            self.out.push(Output::Close(socket, Some(CloseFrame::new(code))));
            self.abandon_socket();
        }
        if action == Action::Identify {
            self.lose_session();
        }
        self.granted = false;
        let failures = self.attempt.max(self.flaps.saturating_sub(1));
        let mut retry_in = wait.unwrap_or_else(|| backoff::delay(failures, &mut self.entropy));
        self.attempt = self.attempt.saturating_add(1);
        if self.config.attempts.is_some_and(|attempts| self.attempt >= attempts) {
            self.end(Stopped::GaveUp { reason: Box::new(reason) }, END_SESSION);
            return;
        }
        if let Some(identified) = self.identified.filter(|_| self.session.is_none()) {
            retry_in = retry_in.max((identified + IDENTIFY_SPACING).since(self.now));
        }
        self.phase = Phase::Waiting { until: self.now + retry_in };
        let resumable = self.session.is_some();
        self.out.event(Event::Disconnected { reason, resumable, retry_in });
        if retry_in.is_zero() {
            self.open();
        }
    }

    fn end(&mut self, reason: Stopped, code: u16) {
        if self.phase == Phase::Stopped {
            return;
        }
        if let Some(socket) = self.phase.socket() {
            self.out.push(Output::Close(socket, Some(CloseFrame::new(code))));
        }
        self.heart = None;
        self.inflater = None;
        self.outgoing.clear();
        while let Some(answer) = self.members.lost(true) {
            self.answer(Some(answer));
        }
        self.step(Step::Stop);
        let session = self.session().filter(|_| code == KEEP_SESSION);
        if session.is_none() {
            self.session = None;
        }
        self.out.event(Event::Stopped { reason, session, counters: self.counters });
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
            | Input::File(..) => {}
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
