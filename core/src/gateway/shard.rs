//! One connection to the main gateway, through all its reconnects.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;

use bytes::Bytes;
use serde::Serialize;

use crate::backoff;
use crate::close::{END_SESSION, KEEP_SESSION};
use crate::entropy::Entropy;
use crate::envelope::{self, DecodeError, Envelope, Payload};
use crate::gateway::budget::Budget;
use crate::gateway::close::{Action, close_code};
use crate::gateway::event::{Counters, Disconnect, Dispatch, Event, Stopped};
use crate::gateway::intents::Intents;
use crate::gateway::opcode::OpCode;
use crate::gateway::payload::{Hello, Identify, Properties, Ready, Resume};
use crate::gateway::phase::{Phase, Step};
use crate::gateway::session::Session;
use crate::heart::{Beat, Heart, interval};
use crate::id::UserId;
use crate::machine::{CloseFrame, Closed, Frame, Input, Machine, Output, Scope, is_web_socket_url};
use crate::outbox::Outbox;
use crate::secret::Token;
use crate::time::{Duration, Timestamp, soonest};

/// What a shard needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// The bot's token.
    pub token: Token,
    /// The events to ask for.
    pub intents: Intents,
    /// The gateway's URL as `/gateway/bot` answers it: with its scheme, without a query.
    pub url: Box<str>,
    /// Shard number and shard count; `None` for a bot of one shard.
    pub shard: Option<[u32; 2]>,
    /// How many attempts in a row may fail before the shard stops; `None` to go on for ever.
    pub attempts: Option<u32>,
}

/// How long the WebSocket may take to open.
const OPEN_LIMIT: Duration = Duration::from_secs(30);
/// How long Discord may take to say Hello.
const HELLO_LIMIT: Duration = Duration::from_secs(20);
/// How long Discord may take to answer Identify or Resume, counted from its last message.
const SESSION_LIMIT: Duration = Duration::from_secs(60);
/// One identify per 5 s and bucket (discord-api-docs, Gateway, Rate Limiting), and half a second for the
/// network's uneven delay.
const IDENTIFY_SPACING: Duration = Duration::from_millis(5_500);
/// The random wait after op 9: one to five seconds.
const INVALID_SESSION_WAIT: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(4));
/// Commands that wait for the session or the budget; at the bound a command fails.
const QUEUE_LIMIT: usize = 128;
/// How many sequence numbers a server may skip at once. Discord skips none.
const MAX_GAP: u64 = 1 << 20;
/// The longest message that Discord takes, in bytes; a longer one closes with 4002.
pub const MAX_COMMAND: usize = 4096;

/// Why a command was not taken.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// There is no gateway connection yet.
    #[error("the gateway is not connected yet: wait for the session")]
    NotConnected,
    /// The shard has ended.
    #[error("the gateway connection has ended")]
    Stopped,
    /// 128 commands are waiting already.
    #[error(
        "too many commands are waiting: wait until the session is there and the send budget has refilled"
    )]
    QueueFull,
    /// The message would be longer than [`MAX_COMMAND`].
    #[error("the command has {bytes} bytes; Discord takes 4,096")]
    TooLarge {
        /// Its length.
        bytes: usize,
    },
}

/// One connection to the main gateway.
///
/// *Getters* show the state, [`Machine`] drives it, and [`Shard::command`] and [`Shard::stop`] are the user's.
#[derive(Debug)]
pub struct Shard {
    config: Config,
    scope: Scope,
    entropy: Entropy,
    now: Timestamp,
    phase: Phase,
    heart: Option<Heart>,
    session: Option<Session>,
    user: Option<UserId>,
    /// Attempts since the last progress.
    attempt: u32,
    /// The resume URL did not open: use the first one.
    distrust_resume_url: bool,
    identified: Option<Timestamp>,
    budget: Budget,
    commands: VecDeque<Bytes>,
    replayed: u64,
    latency: Option<Duration>,
    counters: Counters,
    out: Outbox<Event>,
}

impl Shard {
    /// A shard that connects as soon as it is driven, or resumes `session` if there is one.
    #[must_use]
    pub fn new(config: Config, session: Option<Session>, scope: Scope, entropy: Entropy) -> Self {
        Self {
            config,
            scope,
            entropy,
            now: Timestamp::ZERO,
            phase: Phase::Waiting { until: Timestamp::ZERO },
            heart: None,
            session,
            user: None,
            attempt: 0,
            distrust_resume_url: false,
            identified: None,
            budget: Budget::new(),
            commands: VecDeque::new(),
            replayed: 0,
            latency: None,
            counters: Counters::default(),
            out: Outbox::new(),
        }
    }

    /// Where the shard stands.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// The session, if there is one: save it to resume later.
    #[must_use]
    pub const fn session(&self) -> Option<&Session> {
        self.session.as_ref()
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

    /// Sends a command once the session is there and the budget allows, in order.
    ///
    /// # Errors
    /// If the shard has ended, too many commands wait, or the message is too long.
    pub fn command(&mut self, now: Timestamp, op: OpCode, d: &impl Serialize) -> Result<(), CommandError> {
        self.tick(now);
        if self.phase == Phase::Stopped {
            return Err(CommandError::Stopped);
        }
        let message = envelope::encode(op.number(), d);
        if message.len() > MAX_COMMAND {
            return Err(CommandError::TooLarge { bytes: message.len() });
        }
        if self.commands.len() >= QUEUE_LIMIT {
            return Err(CommandError::QueueFull);
        }
        self.commands.push_back(message);
        self.flush_commands();
        Ok(())
    }

    /// Ends the session and the shard: the bot goes offline at once.
    pub fn stop(&mut self, now: Timestamp) {
        self.tick(now);
        self.end(Stopped::ByUser);
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

    fn open(&mut self) {
        // Identify goes to the first URL, Resume to the one that READY named.
        let base = match &self.session {
            Some(Session { resume_url: Some(url), .. }) if !self.distrust_resume_url => url,
            _ => &self.config.url,
        };
        let base = if is_web_socket_url(base) { String::from(&**base) } else { format!("wss://{base}") };
        let url = format!("{}/?v=10&encoding=json", base.trim_end_matches('/'));
        let socket = self.scope.socket();
        if self.step(Step::Open(socket, self.now + OPEN_LIMIT)) {
            self.out.push(Output::OpenWebSocket { socket, url: url.into() });
        }
    }

    fn on_frame(&mut self, frame: &Frame) {
        // Without compression a gateway sends text; binary JSON would read the same.
        let (Frame::Text(message) | Frame::Binary(message)) = frame;
        match Envelope::parse(message) {
            Ok(envelope) => {
                if let Err(error) = self.on_message(envelope) {
                    self.disconnect(Disconnect::Malformed(error), Action::Resume, None);
                }
            }
            Err(error) => self.disconnect(Disconnect::Malformed(error), Action::Resume, None),
        }
    }

    fn on_message(&mut self, envelope: Envelope) -> Result<(), DecodeError> {
        match OpCode::from_number(envelope.op) {
            OpCode::Dispatch => self.on_dispatch(envelope)?,
            OpCode::Heartbeat => self.send_heartbeat(),
            OpCode::Reconnect => self.disconnect(Disconnect::Reconnect, Action::Resume, Some(Duration::ZERO)),
            OpCode::InvalidSession => {
                let resumable: bool = envelope.parse_data("Invalid Session")?;
                let (least, more) = INVALID_SESSION_WAIT;
                let wait = least + self.entropy.up_to(more);
                let action = if resumable { Action::Resume } else { Action::Identify };
                self.disconnect(Disconnect::InvalidSession, action, Some(wait));
            }
            OpCode::Hello => self.on_hello(&envelope.parse_data("Hello")?),
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
            | OpCode::Unknown(_) => {
                self.counters.unrecognised += 1;
                self.out.event(Event::Unrecognised { op: Some(envelope.op), data: Payload(envelope.data) });
            }
        }
        Ok(())
    }

    fn on_hello(&mut self, hello: &Hello) {
        if !matches!(self.phase, Phase::Greeting { .. }) {
            return;
        }
        let interval = interval(hello.heartbeat_interval);
        self.heart = Some(Heart::start(self.now, interval, 1, &mut self.entropy));
        let until = self.now + SESSION_LIMIT;
        let token = self.config.token.expose();
        let message = if let Some(session) = &self.session {
            self.replayed = 0;
            let resume = Resume { token, session_id: &session.id, seq: session.seq };
            let message = envelope::encode(OpCode::Resume.number(), &resume);
            self.step(Step::Resume(until));
            message
        } else {
            self.counters.identifies += 1;
            self.identified = Some(self.now);
            let identify = Identify {
                token,
                intents: self.config.intents.bits(),
                properties: Properties { os: "linux", browser: "sanscord", device: "sanscord" },
                shard: self.config.shard,
            };
            let message = envelope::encode(OpCode::Identify.number(), &identify);
            self.step(Step::Identify(until));
            message
        };
        self.send(message);
    }

    fn on_dispatch(&mut self, envelope: Envelope) -> Result<(), DecodeError> {
        let (name, seq) = (envelope.name.unwrap_or_default(), envelope.seq.unwrap_or_default());
        let in_session = matches!(self.phase, Phase::Ready { .. } | Phase::Resuming { .. });
        if name == "READY" && matches!(self.phase, Phase::Identifying { .. }) {
            let ready: Ready = envelope::parse(&envelope.data, "READY")?;
            self.user = Some(ready.user.id);
            self.session = Some(Session {
                id: ready.session_id.into(),
                resume_url: ready.resume_gateway_url.map(Into::into),
                seq,
            });
        } else if let Some(session) =
            self.session.as_mut().filter(|s| in_session && seq.saturating_sub(s.seq) <= MAX_GAP)
        {
            if seq <= session.seq {
                self.counters.repeated += 1;
                return Ok(());
            }
            // The peer chooses the numbers.
            self.counters.gaps = self.counters.gaps.saturating_add(seq - session.seq - 1);
            session.seq = seq;
        } else {
            // No session yet: nothing but READY can be meant. Or a number that, if it were believed, would make
            // everything after it look repeated.
            self.counters.unrecognised += 1;
            self.out.event(Event::Unrecognised { op: Some(envelope.op), data: Payload(envelope.data) });
            return Ok(());
        }
        self.attempt = 0;
        self.distrust_resume_url = false;
        self.counters.dispatches += 1;
        let replayed = matches!(self.phase, Phase::Resuming { .. }) && name != "RESUMED";
        if let Phase::Resuming { until, .. } = &mut self.phase {
            *until = self.now + SESSION_LIMIT;
        }
        let connected = match &*name {
            "READY" if self.step(Step::Ready) => Some(false),
            "RESUMED" if self.step(Step::Resumed) => Some(true),
            _ => None,
        };
        self.replayed += u64::from(replayed);
        self.out.event(Event::Dispatch(Dispatch { name, seq, replayed, data: envelope.data }));
        if let Some(resumed) = connected {
            self.counters.resumes += u64::from(resumed);
            let replayed = if resumed { self.replayed } else { 0 };
            self.out.event(Event::Connected { resumed, replayed });
            self.flush_commands();
        }
        Ok(())
    }

    fn on_closed(&mut self, closed: Closed) {
        let action = match &closed {
            Closed::ByPeer(Some(frame)) => {
                let code = close_code(frame.code);
                if code.action == Action::Stop {
                    self.abandon_socket();
                    self.end(Stopped::Refused { code, reason: frame.reason.clone() });
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
                Phase::Ready { .. } | Phase::Stopped => {}
            }
        }
        match self.heart.as_mut().map_or(Beat::Wait, |heart| heart.beat(self.now)) {
            Beat::Wait => {}
            Beat::Send => self.push_heartbeat(),
            Beat::Zombie => self.disconnect(Disconnect::Zombie, Action::Resume, None),
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
        if !self.budget.exhausted(self.now) {
            heart.sent(self.now);
            self.push_heartbeat();
        }
    }

    fn push_heartbeat(&mut self) {
        self.counters.heartbeats += 1;
        let seq = self.session.as_ref().map(|session| session.seq);
        self.send(envelope::encode(OpCode::Heartbeat.number(), &seq));
    }

    fn flush_commands(&mut self) {
        if let Phase::Ready { .. } = self.phase {
            while !self.commands.is_empty() && self.budget.available(self.now) > 0 {
                let Some(message) = self.commands.pop_front() else { break };
                self.send(message);
            }
        }
    }

    fn send(&mut self, message: Bytes) {
        if let Some(socket) = self.phase.socket() {
            self.budget.spend(self.now);
            self.out.push(Output::SendFrame(socket, Frame::Text(message)));
        }
    }

    /// Forgets a socket that is gone already, so that it is not closed again.
    fn abandon_socket(&mut self) {
        self.heart = None;
        self.budget = Budget::new();
        // The socket leaves with the phase; `disconnect` and `end` find none to close.
        if self.phase.socket().is_some() && self.step(Step::Disconnect(self.now)) {
            self.counters.disconnects += 1;
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
            self.session = None;
        }
        let mut retry_in = wait.unwrap_or_else(|| backoff::delay(self.attempt, &mut self.entropy));
        self.attempt = self.attempt.saturating_add(1);
        if self.config.attempts.is_some_and(|attempts| self.attempt >= attempts) {
            self.end(Stopped::GaveUp { reason: Box::new(reason) });
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

    fn end(&mut self, reason: Stopped) {
        if self.phase == Phase::Stopped {
            return;
        }
        if let Some(socket) = self.phase.socket() {
            self.out.push(Output::Close(socket, Some(CloseFrame::new(END_SESSION))));
        }
        self.heart = None;
        self.session = None;
        self.commands.clear();
        self.step(Step::Stop);
        self.out.event(Event::Stopped { reason, counters: self.counters });
    }
}

impl Machine for Shard {
    type Event = Event;

    fn handle_input(&mut self, now: Timestamp, input: Input) {
        self.tick(now);
        match input {
            Input::Timeout => self.on_timeout(),
            Input::Opened(socket) if self.phase.socket() == Some(socket) => {
                self.step(Step::Opened(self.now + HELLO_LIMIT));
            }
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
        if let Some(output) = self.out.pop() {
            return output;
        }
        let mut deadline = soonest(self.phase.deadline(), self.heart.as_ref().map(Heart::deadline));
        if !self.commands.is_empty() && matches!(self.phase, Phase::Ready { .. }) {
            deadline = soonest(deadline, self.budget.next());
        }
        Output::Wait(deadline)
    }

    fn is_finished(&self) -> bool {
        self.phase == Phase::Stopped && self.out.is_empty()
    }
}
