//! What Discord's messages do to a shard.

use alloc::boxed::Box;

use serde_json::value::to_raw_value;

use crate::envelope::{self, DecodeError, Payload};
use crate::gateway::close::Action;
use crate::gateway::config::{Config, Delivery};
use crate::gateway::event::{Disconnect, Dispatch, Event};
use crate::gateway::inflate::{InflateError, Inflater};
use crate::gateway::members;
use crate::gateway::message::Message;
use crate::gateway::name::EventName;
use crate::gateway::opcode::OpCode;
use crate::gateway::payload::{Hello, Identify, Ready, Resume};
use crate::gateway::phase::{Phase, Step};
use crate::gateway::session::Session;
use crate::gateway::shard::Shard;
use crate::gateway::shard::connection::{BACK_OFF, Wait};
use crate::heart::{Heart, interval};
use crate::machine::Frame;
use crate::time::Duration;

impl Shard {
    pub(super) fn on_opened(&mut self) {
        if self.step(Step::Opened(self.now + HELLO_LIMIT)) {
            let Config { compression, max_message, .. } = *self.config;
            self.inflater = Some(Box::new(Inflater::new(compression, max_message)));
        }
    }

    pub(super) fn on_frame(&mut self, frame: &Frame) {
        self.counters.bytes_in += frame.len() as u64;
        let message = match (frame, &mut self.inflater) {
            (Frame::Binary(data), Some(inflater)) => match inflater.inflate(data) {
                Ok(Some(message)) => message,
                Ok(None) => return,
                Err(error) => {
                    return self.disconnect(Disconnect::Compression(error), Action::Resume, BACK_OFF);
                }
            },
            (Frame::Text(data) | Frame::Binary(data), _) if data.len() > self.config.max_message => {
                let error = InflateError::too_long(self.config.max_message);
                return self.disconnect(Disconnect::Compression(error), Action::Resume, BACK_OFF);
            }
            (Frame::Text(data) | Frame::Binary(data), _) => data.clone(),
        };
        self.counters.bytes_inflated += message.len() as u64;
        if let Err(error) = Message::read(&message).and_then(|message| self.on_message(message)) {
            self.disconnect(Disconnect::Malformed(error), Action::Resume, BACK_OFF);
        }
    }

    fn on_message(&mut self, message: Message) -> Result<(), DecodeError> {
        match OpCode::from_number(message.op) {
            OpCode::Dispatch => self.on_dispatch(message)?,
            OpCode::Heartbeat => {
                if !self.send_heartbeat() {
                    self.counters.asks_unanswered += 1;
                }
            }
            OpCode::Reconnect => {
                // Not at once again where connections do not last.
                let is_healthy = self.flaps == 0 && self.attempt == 0;
                let wait = if is_healthy { Wait::None } else { BACK_OFF };
                self.disconnect(Disconnect::Reconnect, Action::Resume, wait);
            }
            OpCode::InvalidSession => {
                let resumable: bool = envelope::parse(&message.data, "Invalid Session")?;
                let (least, more) = INVALID_SESSION_WAIT;
                let wait = Wait::BackOff(least + self.entropy.up_to(more));
                let action = if resumable { Action::Resume } else { Action::Identify };
                self.disconnect(Disconnect::InvalidSession, action, wait);
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
            self.counters.stray_hellos += 1;
            return;
        }
        let interval = interval(hello.heartbeat_interval).max(LEAST_INTERVAL);
        self.outgoing.budget.keep_for_beats(interval);
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
            let presence = self.config.presence.as_ref().filter(|_| self.presence.is_none());
            // The newest: what the user sent, or else what it began with.
            let first = presence.and_then(|presence| to_raw_value(presence).ok());
            let identify = Identify {
                token,
                intents: self.config.intents.bits(),
                properties: &self.config.properties,
                compress: self.config.compression.in_identify(),
                large_threshold: self.config.large_threshold,
                shard: self.id,
                presence: self.presence.as_deref().or(first.as_deref()),
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
        let mut seq = message.seq.unwrap_or_default();
        let is_resumed = name == EventName::Resumed && matches!(self.phase, Phase::Resuming { .. });
        if is_resumed && (seq < self.received || seq - self.received > MAX_GAP) {
            // It says that all is there, whatever its own number is.
            seq = self.received;
        }
        if name == EventName::Ready && matches!(self.phase, Phase::Identifying { .. }) {
            let ready: Ready = envelope::parse(&message.data, "READY")?;
            self.begin_session(ready, seq);
        } else if self.session.is_some()
            && matches!(self.phase, Phase::Ready { .. } | Phase::Resuming { .. })
            && seq.saturating_sub(self.received) <= MAX_GAP
        {
            if seq <= self.received && !is_resumed {
                self.counters.repeated += 1;
                return Ok(());
            }
            // The peer chooses the numbers.
            self.counters.gaps = self.counters.gaps.saturating_add((seq - self.received).saturating_sub(1));
            self.received = seq;
        } else {
            // No session yet: nothing but READY can be meant. Or a number that, if it were believed, would make
            // everything after it look repeated.
            self.pass_over(message);
            return Ok(());
        }
        self.attempt = 0;
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
            self.distrust_resume_url = false;
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
        // Unlike any other of this process, so that no receipt of an earlier session counts in this one.
        let number = u32::from_le_bytes(self.entropy.bytes());
        self.session_number = (u64::from(self.scope.number()) << 32) | u64::from(number);
        self.session = Some(Session {
            id: ready.session_id.into(),
            resume_url: ready.resume_gateway_url.map(Into::into),
            seq: if self.config.delivery == Delivery::AtMostOnce { seq } else { 0 },
            delivered: seq,
            user: self.user,
        });
    }

    /// Hands a dispatch to the user, if it is wanted; our own state takes what concerns it.
    fn deliver(&mut self, dispatch: Dispatch) {
        let is_wanted = matches!(dispatch.name, EventName::Ready | EventName::Resumed)
            || self.interest.wants(&dispatch.name);
        if let Some(session) = &mut self.session {
            // Nobody can acknowledge what nobody got: it counts as soon as nothing before it is open.
            let counts = match self.config.delivery {
                Delivery::AtMostOnce => true,
                Delivery::AtLeastOnce => !is_wanted && session.seq >= self.handed,
            };
            if counts {
                session.seq = dispatch.seq;
            }
        }
        let answer = match dispatch.name {
            EventName::GuildMembersChunk if self.members.is_empty() => None,
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
        if is_wanted {
            self.handed = dispatch.seq;
            self.counters.dispatches += 1;
            self.out.event(Event::Dispatch(dispatch));
        } else {
            self.counters.unwanted += 1;
        }
        self.answer(answer);
    }

    pub(super) fn answer(&mut self, answer: Option<members::Answer>) {
        if let Some((request, guild, result)) = answer {
            self.out.event(Event::Members { request, guild, result });
        }
    }
}

/// A shorter interval is a broken server's: such heartbeats alone would come near to the limit of what may be sent.
const LEAST_INTERVAL: Duration = Duration::from_secs(1);
/// How long Discord may take to say Hello.
const HELLO_LIMIT: Duration = Duration::from_secs(20);
/// How long Discord may take to answer Identify or Resume, counted from its last message.
const SESSION_LIMIT: Duration = Duration::from_secs(60);
/// The random wait after op 9: one to five seconds.
const INVALID_SESSION_WAIT: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(4));
/// How many sequence numbers a server may skip at once. Discord skips none.
const MAX_GAP: u64 = 1 << 20;
