//! One voice call, through all its connections.

mod encrypt;
mod ending;
mod handshake;
mod join;
mod listen;
mod send;

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

use crate::entropy::Entropy;
use crate::envelope;
use crate::heart::{Beat, Heart, interval};
use crate::id::{ChannelId, GuildId, UserId};
use crate::machine::{Audio, Closed, Frame, Input, Machine, Output, Scope, SocketId, is_web_socket_url};
use crate::outbox::Outbox;
use crate::rtp::aead::{Backend, Mode};
use crate::time::{Duration, Timestamp, soonest};
use crate::voice::close::{Action, close_code};
use crate::voice::discovery::Due;
use crate::voice::encryption::Encryption;
use crate::voice::event::{Counters, Disconnect, Ended, Event, Speaker};
use crate::voice::listening::Listening;
use crate::voice::media::{Media, Received};
use crate::voice::opcode::OpCode;
use crate::voice::payload::{self, Heartbeat, Message, VoiceServer, VoiceState};
use crate::voice::phase::{Phase, Step};
use crate::voice::tally::{self, Tally};
use crate::voice::transmitter::Transmitter;

/// What a call needs to know.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The guild.
    pub guild: GuildId,
    /// The voice channel to join.
    pub channel: ChannelId,
    /// Our own user id.
    pub user: UserId,
    /// Whether to show as muted.
    pub self_mute: bool,
    /// Whether to show as deafened. Discord sends audio all the same.
    pub self_deaf: bool,
    /// The encryption modes to use, the preferred first.
    pub modes: Vec<Mode>,
    /// Who computes the encryption.
    pub backend: Backend,
    /// The newest version of DAVE, the end-to-end encryption, to offer. Since March 2026 Discord refuses calls
    /// without it (close code 4017); 0, which is none, is for other servers.
    pub dave_version: u16,
    /// What our Speaking messages say while audio is sent: 1 microphone, 2 soundshare, 4 priority, or several together
    /// (discord-api-docs, Voice Connections, Speaking).
    pub speaking: u32,
    /// How many attempts in a row may fail before the call ends; `None` to go on for ever.
    pub attempts: Option<u32>,
}

impl Config {
    /// The newest version of DAVE of this build: 0 without the feature `dave`.
    pub const DAVE_VERSION: u16 = Encryption::VERSION;

    /// A call in this channel: unmuted, every mode, the fastest backend, encrypted if the feature `dave` is on, without
    /// end.
    #[must_use]
    pub fn new(guild: GuildId, channel: ChannelId, user: UserId) -> Self {
        Self {
            guild,
            channel,
            user,
            self_mute: false,
            self_deaf: false,
            modes: Mode::ALL.into(),
            backend: Backend::default(),
            dave_version: Self::DAVE_VERSION,
            speaking: MICROPHONE,
            attempts: None,
        }
    }
}

/// How long Discord may take to answer op 4. It does not answer at all where the bot cannot join.
const JOIN_LIMIT: Duration = Duration::from_secs(10);
/// How often to ask: the second time the channel is left first, against a state that is stuck.
const JOIN_TRIES: u32 = 2;
/// How long each step of the handshake may take; longer than IP discovery takes to give up.
const STEP_LIMIT: Duration = Duration::from_secs(15);
/// How long to wait for the main gateway to say more before asking for the channel again.
const AWAIT_LIMIT: Duration = Duration::from_secs(30);
/// How far the two updates about a move may be apart, the one of the server first.
const MOVE_LIMIT: Duration = Duration::from_secs(10);
/// Beat at least this often, whatever Hello says: dead connections show sooner.
const LONGEST_BEAT: Duration = Duration::from_secs(5);
/// How many unanswered heartbeats are borne.
const PATIENCE: u32 = 3;
/// How often Discord may send us away, without a heartbeat between, before the next attempt waits: nobody is moved about
/// as fast as that.
const SENT_AWAY: u32 = 8;
/// How often a resume is tried before the channel is asked for again.
const RESUME_TRIES: u32 = 4;
/// How many of the offered modes are kept to be shown.
const MAX_OFFERED: usize = 16;
/// The Speaking flag of a microphone.
const MICROPHONE: u32 = 1;
/// The voice gateway's version.
const VERSION: u32 = 8;

/// One voice call.
///
/// It needs from the main gateway the two dispatches about voice, [`Call::handle_voice_state`] and
/// [`Call::handle_voice_server`], and asks it for op 4 by [`Event::UpdateVoiceState`]. Everything else goes
/// through [`Machine`].
#[derive(Debug)]
pub struct Call {
    config: Config,
    scope: Scope,
    entropy: Entropy,
    now: Timestamp,
    phase: Phase,
    /// How often op 4 was asked for without an answer.
    asked: u32,
    gateway_is_lost: bool,
    /// Whether the call has been live: then it may join this channel, and silence is a passing fault.
    was_live: bool,
    /// Resumes tried since the call was live.
    resumes_tried: u32,
    /// Whether Discord closed the voice session for good, with a code after which the main gateway says what follows.
    was_sent_away: bool,
    /// How often it did since the last heartbeat that came back.
    sent_away: u32,
    /// Whether Discord may still answer a leave of ours that came before the second try.
    leaving: bool,
    /// When the voice server last changed in mid-call.
    changed_server: Option<Timestamp>,
    state: Option<VoiceState>,
    server: Option<VoiceServer>,
    /// The newest sequence number from the voice server; -1 before the first.
    seq_ack: i64,
    heart: Option<Heart>,
    media: Option<Media>,
    /// Of the voice session, which begins before the media.
    encryption: Option<Encryption>,
    mode: Option<Mode>,
    offered: Vec<String>,
    transmitter: Transmitter,
    /// What the voice server was last told of our speaking, in this voice session.
    told_speaking: u32,
    holds_speaking: bool,
    /// Failures in a row.
    attempt: u32,
    listening: Option<Listening>,
    latency: Option<Duration>,
    tallies: BTreeMap<UserId, Tally>,
    counters: Counters,
    out: Outbox<Event>,
}

impl Call {
    /// A call that asks for its channel as soon as it is driven.
    #[must_use]
    pub fn new(config: Config, scope: Scope, mut entropy: Entropy) -> Self {
        Self {
            transmitter: Transmitter::new(&mut entropy),
            told_speaking: 0,
            holds_speaking: false,
            config,
            scope,
            entropy,
            now: Timestamp::ZERO,
            phase: Phase::Waiting { until: Timestamp::ZERO, resume: false },
            asked: 0,
            gateway_is_lost: false,
            was_live: false,
            resumes_tried: 0,
            was_sent_away: false,
            sent_away: 0,
            leaving: false,
            changed_server: None,
            state: None,
            server: None,
            seq_ack: -1,
            heart: None,
            media: None,
            encryption: None,
            mode: None,
            offered: Vec::new(),
            attempt: 0,
            listening: None,
            latency: None,
            tallies: BTreeMap::new(),
            counters: Counters::default(),
            out: Outbox::new(),
        }
    }

    /// Where the call stands.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// The guild.
    #[must_use]
    pub const fn guild(&self) -> GuildId {
        self.config.guild
    }

    /// The channel that we are in or want to be in.
    #[must_use]
    pub const fn channel(&self) -> ChannelId {
        self.config.channel
    }

    /// Round trip of the last heartbeat that came back.
    #[must_use]
    pub const fn latency(&self) -> Option<Duration> {
        self.latency
    }

    /// The counters.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let mut counters = self.counters;
        if let Some(media) = &self.media {
            count_media(&mut counters, media);
        }
        counters.stalls = self.transmitter.stalls();
        counters.unheard += self.listening.as_ref().map_or(0, Listening::unheard);
        counters
    }

    /// Packets of each speaker so far.
    #[must_use]
    pub fn tallies(&self) -> BTreeMap<UserId, Tally> {
        let mut tallies = self.tallies.clone();
        for (user, tally) in self.media.iter().flat_map(Media::tallies) {
            tally::add(&mut tallies, user, tally);
        }
        tallies
    }

    /// The speakers whose SSRC is known at present.
    pub fn speakers(&self) -> impl Iterator<Item = Speaker> {
        let playout = |user, ssrc| self.listening.as_ref().and_then(|l| l.statistics(user, ssrc));
        self.media
            .iter()
            .flat_map(Media::speakers)
            .map(move |speaker| Speaker { playout: playout(speaker.user, speaker.ssrc), ..speaker })
    }

    /// The encryption modes that the voice server offered last, by their names on the wire; the first 16.
    #[must_use]
    pub fn offered_modes(&self) -> &[String] {
        &self.offered
    }

    /// Leaves the channel and ends the call.
    pub fn leave(&mut self, now: Timestamp) {
        self.tick(now);
        self.end(Ended::ByUser);
    }

    /// Ends the call without a word to the main gateway: for Discord, we stay in the channel until it misses us.
    pub fn disconnect(&mut self, now: Timestamp) {
        self.tick(now);
        self.close(Ended::ByUser);
    }

    /// Shows us as muted, or deafened, or neither. It holds for later connections of this call too.
    pub fn set_self_state(&mut self, now: Timestamp, mute: bool, deaf: bool) {
        self.tick(now);
        if (self.config.self_mute, self.config.self_deaf) == (mute, deaf) {
            return;
        }
        (self.config.self_mute, self.config.self_deaf) = (mute, deaf);
        // Before the channel is asked for, and after the end, there is nothing to change.
        if !matches!(self.phase, Phase::Ended | Phase::Waiting { resume: false, .. }) {
            self.update_voice_state(Some(self.config.channel));
        }
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

    fn open(&mut self, resume: bool) {
        self.was_sent_away = false;
        let Some(endpoint) = self.server.as_ref().and_then(|server| server.endpoint.as_deref()) else {
            return;
        };
        let url = url(endpoint);
        let socket = self.scope.socket();
        if self.step(Step::Open(socket, self.now + STEP_LIMIT, resume)) {
            if !resume {
                self.begin_encryption();
            }
            self.out.push(Output::OpenWebSocket { socket, url });
        }
    }

    fn on_frame(&mut self, frame: &Frame) {
        match payload::read(frame) {
            Ok((seq, message)) => {
                if let Some(seq) = seq.and_then(|seq| i64::try_from(seq).ok()) {
                    self.seq_ack = seq;
                }
                self.on_message(message);
            }
            Err(error) => self.fail(Disconnect::Malformed(error), Action::Resume),
        }
    }

    fn on_message(&mut self, message: Message) {
        match message {
            Message::Hello(hello) => {
                let interval = interval(hello.heartbeat_interval).min(LONGEST_BEAT);
                self.heart = Some(Heart::start(self.now, interval, PATIENCE, &mut self.entropy));
            }
            Message::Heartbeat => {
                if self.heart.is_some() {
                    self.send_heartbeat();
                }
            }
            Message::HeartbeatAck => {
                if let Some(latency) = self.heart.as_mut().and_then(|heart| heart.acknowledged(self.now)) {
                    self.latency = Some(latency);
                    if matches!(self.phase, Phase::Live { .. }) {
                        self.attempt = 0;
                        self.sent_away = 0;
                    }
                    self.out.event(Event::HeartbeatAcknowledged { latency });
                }
            }
            Message::Ready(ready) => self.on_ready(&ready),
            Message::SessionDescription(description) => self.on_description(&description),
            Message::Dave(message) => self.on_dave(message),
            Message::Resumed => {
                if self.step(Step::Resumed) {
                    self.counters.resumes += 1;
                    self.ensure_heart();
                    self.announce(true);
                    // What was said last may have gone down with the connection.
                    self.tell_speaking(true);
                    self.encrypt(|encryption| encryption.resumed());
                }
            }
            Message::Speaking(speaking) => {
                let (user, ssrc, flags) = (speaking.user_id, speaking.ssrc, speaking.speaking);
                if user == self.config.user {
                    return;
                }
                self.out.event(Event::Speaking { user, ssrc, flags });
                if let (Some(media), Some(encryption)) = (&mut self.media, &mut self.encryption) {
                    let now = self.now;
                    let open = |user, frame: &mut [u8]| encryption.open(now, user, frame);
                    for packet in media.map(now, ssrc, user, open) {
                        self.hear_kept(packet);
                    }
                    self.play();
                }
            }
            Message::ClientsConnect(clients) => {
                self.encrypt(|encryption| encryption.joined(&clients.user_ids));
                self.out.event(Event::Joined(clients.user_ids));
            }
            Message::ClientDisconnect(client) => {
                self.encrypt(|encryption| encryption.left(client.user_id));
                if let Some(media) = &mut self.media {
                    media.unmap(client.user_id);
                }
                if let Some(listening) = &mut self.listening {
                    listening.left(client.user_id);
                }
                self.out.event(Event::Left(client.user_id));
            }
            Message::Other(op, data) => {
                self.counters.unrecognised += 1;
                self.out.event(Event::Unrecognised { op, data: envelope::Payload(data) });
            }
        }
    }

    fn on_closed(&mut self, closed: Closed) {
        let code = match &closed {
            Closed::ByPeer(Some(frame)) => Some(close_code(frame.code)),
            Closed::ByPeer(None) | Closed::Lost { .. } | Closed::Refused { .. } => None,
        };
        self.forget_connection();
        match code {
            Some(code) if code.action == Action::Stop => self.end(Ended::Refused(code)),
            Some(code) => self.fail(Disconnect::Closed(closed), code.action),
            None => self.fail(Disconnect::Closed(closed), Action::Resume),
        }
    }

    fn on_timeout(&mut self) {
        if self.phase.deadline().is_some_and(|until| until <= self.now) {
            match self.phase {
                Phase::Joining { .. } if self.gateway_is_lost => {
                    self.step(Step::Join(self.now + JOIN_LIMIT));
                }
                Phase::Joining { .. } if self.asked >= JOIN_TRIES => {
                    self.asked = 0;
                    if self.was_live {
                        self.time_out("answer to the request to join");
                    } else {
                        self.end(Ended::NoAnswer);
                    }
                }
                Phase::Awaiting { .. } if self.gateway_is_lost => {
                    self.step(Step::Await(self.now + AWAIT_LIMIT));
                }
                // Discord closed the call, and nothing followed: we are not to come back by ourselves.
                Phase::Awaiting { .. } if self.was_sent_away => self.end(Ended::SentAway),
                Phase::Joining { .. } | Phase::Awaiting { .. } | Phase::Waiting { resume: false, .. } => {
                    self.ask();
                }
                Phase::Waiting { resume: true, .. } => self.open(true),
                Phase::Opening { .. } => self.time_out("WebSocket"),
                Phase::Identifying { .. } => self.time_out("Ready"),
                Phase::Discovering { .. } => self.time_out("IP discovery answer"),
                Phase::Selecting { .. } => self.time_out("Session Description"),
                Phase::Resuming { .. } => self.time_out("Resumed"),
                Phase::Live { .. } | Phase::Ended => {}
            }
        }
        match self.heart.as_mut().map_or(Beat::Wait, |heart| heart.beat(self.now)) {
            Beat::Wait => {}
            Beat::Send => self.push_heartbeat(),
            Beat::Zombie => self.fail(Disconnect::Zombie, Action::Resume),
            Beat::Overslept(by) => self.fail(Disconnect::Overslept { by }, Action::Resume),
        }
        let now = self.now;
        self.encrypt(|encryption| encryption.handle_timeout(now));
        if let Some(media) = &mut self.media {
            let socket = media.socket();
            match media.due(self.now) {
                Due::Wait => {}
                Due::Send(data) => self.out.push(Output::SendDatagram(socket, data)),
                Due::GiveUp => self.time_out("IP discovery answer"),
            }
        }
    }

    fn time_out(&mut self, awaiting: &'static str) {
        self.fail(Disconnect::TimedOut { awaiting }, Action::Resume);
    }

    fn send_heartbeat(&mut self) {
        if let Some(heart) = &mut self.heart {
            heart.sent(self.now);
        }
        self.push_heartbeat();
    }

    fn push_heartbeat(&mut self) {
        self.counters.heartbeats += 1;
        let t = self.now.as_nanos() / 1_000_000;
        self.send(OpCode::Heartbeat, &Heartbeat { t, seq_ack: self.seq_ack });
    }

    fn send(&mut self, op: OpCode, d: &impl Serialize) {
        self.send_message(envelope::encode(op.number(), d));
    }

    fn send_message(&mut self, message: bytes::Bytes) {
        if let Some(socket) = self.phase.socket() {
            self.out.push(Output::SendFrame(socket, Frame::Text(message)));
        }
    }

    /// A server that never said Hello is told of our life all the same.
    fn ensure_heart(&mut self) {
        if self.heart.is_none() {
            self.heart = Some(Heart::start(self.now, LONGEST_BEAT, PATIENCE, &mut self.entropy));
        }
    }

    fn owns_udp(&self, socket: SocketId) -> bool {
        self.media.as_ref().is_some_and(|media| media.socket() == socket)
    }
}

/// The least wait before another attempt, so that a deadline always lies ahead.
const SHORTEST_WAIT: Duration = Duration::from_millis(1);

/// Where a voice endpoint is: it comes without a scheme, and may carry the port of a scheme long gone.
fn url(endpoint: &str) -> Box<str> {
    let endpoint = endpoint.trim_end_matches('/');
    if is_web_socket_url(endpoint) {
        return format!("{endpoint}/?v={VERSION}").into();
    }
    let host = endpoint.strip_suffix(":80").unwrap_or(endpoint);
    format!("wss://{host}/?v={VERSION}").into()
}

fn count_media(counters: &mut Counters, media: &Media) {
    counters.keepalives += media.keepalives();
    counters.rtcp += media.rtcp();
    counters.dropped += media.dropped();
}

impl Machine for Call {
    type Event = Event;

    fn handle_input(&mut self, now: Timestamp, input: Input) {
        self.tick(now);
        match input {
            Input::Timeout => {
                self.on_timeout();
                self.play();
            }
            Input::Opened(socket) if self.phase.socket() == Some(socket) => self.on_opened(),
            Input::Opened(socket) if self.owns_udp(socket) => {
                if let Some(media) = &mut self.media {
                    media.start_discovery(self.now);
                }
                self.on_timeout();
            }
            Input::Frame(socket, frame) if self.phase.socket() == Some(socket) => self.on_frame(&frame),
            Input::Closed(socket, closed) if self.phase.socket() == Some(socket) => self.on_closed(closed),
            Input::Closed(socket, closed) if self.owns_udp(socket) => {
                self.forget_media();
                self.fail(Disconnect::Udp(closed), Action::Rejoin);
            }
            Input::Opened(_)
            | Input::Frame(..)
            | Input::Closed(..)
            | Input::Response(..)
            | Input::Progress(..)
            | Input::File(..)
            | Input::Source(..) => {}
        }
        self.transmit();
    }

    fn poll_output(&mut self) -> Output<Event> {
        if let Some(output) = self.out.pop() {
            return output;
        }
        let mut deadline = soonest(self.phase.deadline(), self.heart.as_ref().map(Heart::deadline));
        deadline = soonest(deadline, self.media.as_ref().and_then(Media::deadline));
        deadline = soonest(deadline, self.encryption.as_ref().and_then(Encryption::deadline));
        deadline = soonest(deadline, self.transmission_deadline());
        deadline = soonest(deadline, self.listening.as_ref().and_then(Listening::deadline));
        Output::Wait(deadline)
    }

    fn handle_datagram(&mut self, now: Timestamp, socket: SocketId, data: &mut [u8]) -> Option<Audio> {
        self.tick(now);
        let media = self.media.as_mut().filter(|media| media.socket() == socket)?;
        let encryption = self.encryption.as_mut()?;
        let now = self.now;
        match media.handle_datagram(now, data, |user, frame| encryption.open(now, user, frame)) {
            Received::Nothing => None,
            Received::Discovered(external) => {
                self.on_discovered(external);
                None
            }
            Received::Audio(audio) => {
                self.hear(&audio, data);
                Some(audio)
            }
        }
    }

    fn is_finished(&self) -> bool {
        self.phase == Phase::Ended && self.out.is_empty()
    }
}
