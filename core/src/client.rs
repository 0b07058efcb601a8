//! The whole client: one shard, its calls, their recordings. Routing only; every rule is in the parts.

mod event;

pub use event::{Event, RequestFailed, Stopped};

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::backoff;
use crate::entropy::Entropy;
use crate::gateway::opcode::OpCode;
use crate::gateway::shard::CommandError;
use crate::gateway::{self, Dispatch, Intents, Session, Shard};
use crate::id::{ChannelId, GuildId, UserId};
use crate::machine::{Audio, Input, Machine, Output, RequestId, Response, Scope, SocketId, Unanswered};
use crate::outbox::Outbox;
use crate::record::Recorder;
use crate::rest::{API_BASE, Api, GatewayBot};
use crate::rtp::aead::{Backend, Mode};
use crate::secret::Token;
use crate::time::{Duration, Timestamp, soonest};
use crate::voice::payload::{VoiceServer, VoiceState};
use crate::voice::{self, Call};

/// What a client needs to know.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The bot's token.
    pub token: Token,
    /// The events to ask for.
    pub intents: Intents,
    /// The API's base URL, with its version: [`API_BASE`] unless there is a proxy or another server.
    pub api_base: Box<str>,
    /// How many attempts in a row may fail, of each connection, before the client stops; `None`, the
    /// default, to go on for ever.
    pub attempts: Option<u32>,
    /// The encryption modes for calls, the preferred first.
    pub modes: Vec<Mode>,
    /// Who computes the encryption.
    pub backend: Backend,
    /// A session to resume, saved by an earlier process.
    pub session: Option<Session>,
}

impl Config {
    /// A client with this token and the intents that voice needs, at Discord's own API, without end.
    #[must_use]
    pub fn new(token: Token) -> Self {
        Self {
            token,
            intents: Intents::GUILDS | Intents::GUILD_VOICE_STATES,
            api_base: API_BASE.into(),
            attempts: None,
            modes: Mode::ALL.into(),
            backend: Backend::default(),
            session: None,
        }
    }
}

/// Where the client stands.
#[derive(Debug)]
enum Phase {
    /// `/gateway/bot` is to be asked at `until`.
    Waiting { until: Timestamp },
    /// `/gateway/bot` was asked.
    Asking { request: RequestId },
    /// The gateway is at work.
    Running(Box<Shard>),
    /// Over; calls and recordings may still be finishing.
    Stopped,
}

#[derive(Debug)]
struct Recording {
    guild: GuildId,
    scope: u32,
    /// Whether it still takes packets.
    active: bool,
    recorder: Recorder,
}

#[derive(Debug)]
struct Room {
    scope: u32,
    call: Call,
}

impl Room {
    fn has_ended(&self) -> bool {
        self.call.phase() == voice::phase::Phase::Ended
    }
}

/// The whole client: one shard, its calls, their recordings.
///
/// Bounded like its parts; one call and one running recording for each guild.
#[derive(Debug)]
pub struct Client {
    config: Config,
    api: Api,
    entropy: Entropy,
    now: Timestamp,
    scope: Scope,
    scopes: u32,
    phase: Phase,
    attempt: u32,
    user: Option<UserId>,
    /// Joins asked for before the user id was known.
    joins: BTreeMap<GuildId, ChannelId>,
    /// Folders of recordings that start once their call is connected.
    records: BTreeMap<GuildId, Box<str>>,
    rooms: Vec<Room>,
    recordings: Vec<Recording>,
    /// The deadline that the last drain came to, if nothing has happened since: packets are many.
    rest: Option<Option<Timestamp>>,
    /// Why the client has stopped, to be told when all else is over.
    stopped: Option<Stopped>,
    out: Outbox<Event>,
}

impl Client {
    /// A client that connects as soon as it is driven. The seed decides every random choice: take it from the
    /// operating system, except in tests.
    #[must_use]
    pub fn new(config: Config, seed: [u8; 32]) -> Self {
        Self {
            api: Api::new(&config.api_base, &config.token),
            config,
            entropy: Entropy::new(seed),
            now: Timestamp::ZERO,
            scope: Scope::new(0),
            scopes: 0,
            phase: Phase::Waiting { until: Timestamp::ZERO },
            attempt: 0,
            user: None,
            joins: BTreeMap::new(),
            records: BTreeMap::new(),
            rooms: Vec::new(),
            recordings: Vec::new(),
            rest: None,
            stopped: None,
            out: Outbox::new(),
        }
    }

    /// The shard, once `/gateway/bot` was answered and until the client stops.
    #[must_use]
    pub fn shard(&self) -> Option<&Shard> {
        match &self.phase {
            Phase::Running(shard) => Some(shard),
            Phase::Waiting { .. } | Phase::Asking { .. } | Phase::Stopped => None,
        }
    }

    /// The call in this guild.
    #[must_use]
    pub fn call(&self, guild: GuildId) -> Option<&Call> {
        // The newest: an older one has ended and is about to go.
        self.rooms.iter().rev().map(|room| &room.call).find(|call| call.guild() == guild)
    }

    /// The running recording in this guild.
    #[must_use]
    pub fn recording(&self, guild: GuildId) -> Option<&Recorder> {
        let mut recordings = self.recordings.iter();
        recordings.find(|recording| recording.active && recording.guild == guild).map(|r| &r.recorder)
    }

    /// Joins a voice channel, or moves there; once the gateway is in session, if it is not yet. What becomes
    /// of it, [`voice::Event`] tells: [`Connected`](voice::Event::Connected), or
    /// [`Ended`](voice::Event::Ended) if the bot may not. A client that has stopped joins nothing.
    pub fn join(&mut self, now: Timestamp, guild: GuildId, channel: ChannelId) {
        self.tick(now);
        if matches!(self.phase, Phase::Stopped) {
            return;
        }
        let Some(user) = self.user else {
            self.joins.insert(guild, channel);
            return;
        };
        let in_guild = |room: &&mut Room| room.call.guild() == guild && !room.has_ended();
        if let Some(room) = self.rooms.iter_mut().find(in_guild) {
            if room.call.channel() == channel {
                return;
            }
            room.call.leave(now);
        }
        let scope = self.next_scope();
        let config = voice::Config {
            modes: self.config.modes.clone(),
            backend: self.config.backend,
            attempts: self.config.attempts,
            ..voice::Config::new(guild, channel, user)
        };
        let mut call = Call::new(config, Scope::new(scope), self.entropy.fork());
        call.handle_input(self.now, Input::Timeout);
        self.rooms.push(Room { scope, call });
    }

    /// Leaves the voice channel of this guild. A recording there ends with it.
    pub fn leave(&mut self, now: Timestamp, guild: GuildId) {
        self.tick(now);
        self.joins.remove(&guild);
        self.stop_recording(now, guild);
        for room in self.rooms.iter_mut().filter(|room| room.call.guild() == guild) {
            room.call.leave(now);
        }
    }

    /// Records the call in this guild into this folder: see [`Recorder`]. It starts now, or as soon as the call
    /// is connected; a recording that runs there already is finished first. A client that has stopped records
    /// nothing.
    pub fn record(&mut self, now: Timestamp, guild: GuildId, folder: &str) {
        self.tick(now);
        self.stop_recording(now, guild);
        if matches!(self.phase, Phase::Stopped) {
            return;
        }
        if self.call(guild).is_some_and(|call| matches!(call.phase(), voice::phase::Phase::Live { .. })) {
            self.start_recording(guild, folder);
        } else {
            self.records.insert(guild, folder.into());
        }
    }

    fn start_recording(&mut self, guild: GuildId, folder: &str) {
        let scope = self.next_scope();
        let recorder = Recorder::new(self.now, folder, Scope::new(scope));
        self.recordings.push(Recording { guild, scope, active: true, recorder });
    }

    /// Finishes the recording in this guild, if one runs.
    pub fn stop_recording(&mut self, now: Timestamp, guild: GuildId) {
        self.tick(now);
        self.records.remove(&guild);
        for recording in self.recordings.iter_mut().filter(|recording| recording.guild == guild) {
            recording.active = false;
            recording.recorder.stop(self.now);
        }
    }

    /// Sends any command on the gateway.
    ///
    /// # Errors
    /// As [`Shard::command`].
    pub fn command(
        &mut self,
        now: Timestamp,
        op: OpCode,
        d: &impl serde::Serialize,
    ) -> Result<(), CommandError> {
        self.tick(now);
        match &mut self.phase {
            Phase::Running(shard) => shard.command(now, op, d),
            Phase::Waiting { .. } | Phase::Asking { .. } => Err(CommandError::NotConnected),
            Phase::Stopped => Err(CommandError::Stopped),
        }
    }

    /// Finishes recordings, leaves calls, ends the session, and stops.
    pub fn stop(&mut self, now: Timestamp) {
        self.tick(now);
        self.end(Stopped::ByUser);
    }

    fn tick(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        self.rest = None;
    }

    fn next_scope(&mut self) -> u32 {
        self.scopes += 1;
        self.scopes
    }

    fn end(&mut self, reason: Stopped) {
        if matches!(self.phase, Phase::Stopped) {
            return;
        }
        let now = self.now;
        for recording in &mut self.recordings {
            recording.active = false;
            recording.recorder.stop(now);
        }
        for room in &mut self.rooms {
            room.call.leave(now);
        }
        // What the calls still have to say on the gateway goes out before it closes.
        self.drain_calls();
        if let Phase::Running(shard) = &mut self.phase {
            shard.stop(now);
        }
        self.drain_shard();
        self.phase = Phase::Stopped;
        self.joins.clear();
        self.stopped = Some(reason);
    }

    fn ask(&mut self) {
        let request = self.scope.request();
        self.phase = Phase::Asking { request };
        self.out.push(Output::SendRequest(request, GatewayBot::request(&self.api)));
    }

    fn on_response(&mut self, response: Result<Response, Unanswered>) {
        let answer = match &response {
            Ok(response) => GatewayBot::read(response).map_err(RequestFailed::Refused),
            Err(unanswered) => Err(RequestFailed::Unanswered(unanswered.clone())),
        };
        match answer {
            Ok(bot) => self.run(bot),
            Err(reason) => self.retry(reason),
        }
    }

    fn run(&mut self, bot: GatewayBot) {
        let limit = bot.session_start_limit;
        self.attempt = 0;
        let url = bot.url.clone();
        self.out.event(Event::GatewayBot(bot));
        if limit.remaining == 0 && self.config.session.is_none() {
            self.end(Stopped::NoIdentifiesLeft { reset_after: Duration::from_millis(limit.reset_after) });
            return;
        }
        let Config { token, intents, attempts, .. } = self.config.clone();
        let config = gateway::Config { token, intents, url, shard: None, attempts };
        let scope = Scope::new(self.next_scope());
        let mut shard = Shard::new(config, self.config.session.take(), scope, self.entropy.fork());
        shard.handle_input(self.now, Input::Timeout);
        self.phase = Phase::Running(Box::new(shard));
    }

    fn retry(&mut self, reason: RequestFailed) {
        let (transient, wait) = match &reason {
            RequestFailed::Unanswered(_) => (true, None),
            // A success that is not what is documented may come from something in between.
            RequestFailed::Refused(error) => (error.is_transient() || error.status < 400, error.retry_after),
        };
        let backoff = backoff::delay(self.attempt, &mut self.entropy);
        self.attempt = self.attempt.saturating_add(1);
        if !transient || self.config.attempts.is_some_and(|attempts| self.attempt >= attempts) {
            self.end(Stopped::GatewayBot(reason));
            return;
        }
        let retry_in = backoff.max(wait.unwrap_or_default()).max(Duration::from_millis(1));
        self.phase = Phase::Waiting { until: self.now + retry_in };
        self.out.event(Event::GatewayBotFailed { reason, retry_in });
    }

    /// Takes over what the shard has decided, and routes what concerns the calls.
    fn drain_shard(&mut self) -> Option<Timestamp> {
        loop {
            let Phase::Running(shard) = &mut self.phase else { return None };
            match shard.poll_output() {
                Output::Wait(deadline) => return deadline,
                Output::Event(event) => self.on_gateway_event(event),
                other => self.out.push(other.map_event(Event::Gateway)),
            }
        }
    }

    fn on_gateway_event(&mut self, event: gateway::Event) {
        let mut ended = None;
        match &event {
            gateway::Event::Dispatch(dispatch) => self.on_dispatch(dispatch),
            gateway::Event::Connected { resumed, .. } => {
                self.user = self.shard().and_then(Shard::user).or(self.user);
                for room in &mut self.rooms {
                    room.call.handle_gateway_session(self.now, *resumed);
                }
                for (guild, channel) in core::mem::take(&mut self.joins) {
                    self.join(self.now, guild, channel);
                }
            }
            gateway::Event::Disconnected { .. } => {
                for room in &mut self.rooms {
                    room.call.handle_gateway_lost(self.now);
                }
            }
            gateway::Event::Stopped { reason, .. } if *reason != gateway::Stopped::ByUser => {
                for room in &mut self.rooms {
                    room.call.handle_gateway_stopped(self.now);
                }
                ended = Some(Stopped::Gateway(reason.clone()));
            }
            _ => {}
        }
        self.out.event(Event::Gateway(event));
        if let Some(reason) = ended {
            self.end(reason);
        }
    }

    /// A dispatch about voice that does not parse is the user's to see, and nothing for a call.
    fn on_dispatch(&mut self, dispatch: &Dispatch) {
        match &*dispatch.name {
            "VOICE_STATE_UPDATE" if !self.rooms.is_empty() => {
                if let Ok(state) = dispatch.parse::<VoiceState>() {
                    for room in &mut self.rooms {
                        room.call.handle_voice_state(self.now, &state);
                    }
                }
            }
            "VOICE_SERVER_UPDATE" if !self.rooms.is_empty() => {
                if let Ok(server) = dispatch.parse::<VoiceServer>() {
                    for room in &mut self.rooms {
                        room.call.handle_voice_server(self.now, &server);
                    }
                }
            }
            _ => {}
        }
    }

    /// Takes over what the calls have decided.
    fn drain_calls(&mut self) -> Option<Timestamp> {
        let mut deadline = None;
        let mut index = 0;
        while let Some(room) = self.rooms.get_mut(index) {
            match room.call.poll_output() {
                Output::Wait(at) => {
                    deadline = soonest(deadline, at);
                    index += 1;
                }
                Output::Event(event) => {
                    let guild = room.call.guild();
                    self.on_voice_event(guild, event);
                }
                other => {
                    let guild = room.call.guild();
                    self.out.push(other.map_event(|event| Event::Voice(guild, event)));
                }
            }
        }
        self.rooms.retain(|room| !room.call.is_finished());
        deadline
    }

    fn on_voice_event(&mut self, guild: GuildId, event: voice::Event) {
        match &event {
            voice::Event::UpdateVoiceState(update) => {
                if let Phase::Running(shard) = &mut self.phase {
                    // A full queue shows as a join that is not answered, which the call handles.
                    let _ = shard.command(self.now, OpCode::VoiceStateUpdate, update);
                }
                return;
            }
            voice::Event::Packet(packet) => {
                if let Some(recorder) = active(&mut self.recordings, guild) {
                    recorder.handle_packet(self.now, packet);
                }
            }
            voice::Event::Connected { .. } => {
                if let Some(folder) = self.records.remove(&guild) {
                    self.start_recording(guild, &folder);
                }
            }
            voice::Event::Ended { .. } => {
                let stays = self.rooms.iter().any(|room| room.call.guild() == guild && !room.has_ended());
                if !stays {
                    self.stop_recording(self.now, guild);
                }
            }
            _ => {}
        }
        self.out.event(Event::Voice(guild, event));
    }

    /// Takes over what the recorders have decided.
    fn drain_recordings(&mut self) -> Option<Timestamp> {
        let mut deadline = None;
        for recording in &mut self.recordings {
            loop {
                match recording.recorder.poll_output() {
                    Output::Wait(at) => {
                        deadline = soonest(deadline, at);
                        break;
                    }
                    Output::Event(event) => self.out.event(Event::Recording(recording.guild, event)),
                    other => {
                        self.out.push(other.map_event(|event| Event::Recording(recording.guild, event)));
                    }
                }
            }
        }
        self.recordings.retain(|recording| !recording.recorder.is_finished());
        deadline
    }
}

fn active(recordings: &mut [Recording], guild: GuildId) -> Option<&mut Recorder> {
    let recording = recordings.iter_mut().find(|recording| recording.active && recording.guild == guild)?;
    Some(&mut recording.recorder)
}

impl Machine for Client {
    type Event = Event;

    fn handle_input(&mut self, now: Timestamp, input: Input) {
        self.tick(now);
        let now = self.now;
        let owner = match &input {
            Input::Timeout => None,
            Input::Opened(socket) | Input::Frame(socket, _) | Input::Closed(socket, _) => {
                Some(socket.scope())
            }
            Input::Response(request, _) => Some(request.scope()),
            Input::File(file, _) => Some(file.scope()),
        };
        match (owner, input) {
            (Some(0), Input::Response(id, response)) => {
                if matches!(self.phase, Phase::Asking { request } if request == id) {
                    self.on_response(response);
                }
            }
            (None, input) => {
                if matches!(self.phase, Phase::Waiting { until } if until <= now) {
                    self.ask();
                }
                if let Phase::Running(shard) = &mut self.phase {
                    shard.handle_input(now, input.clone());
                }
                for room in &mut self.rooms {
                    room.call.handle_input(now, input.clone());
                }
                for recording in &mut self.recordings {
                    recording.recorder.handle_input(now, input.clone());
                }
            }
            (Some(scope), input) => {
                if let Some(room) = self.rooms.iter_mut().find(|room| room.scope == scope) {
                    room.call.handle_input(now, input);
                } else if let Some(recording) = self.recordings.iter_mut().find(|r| r.scope == scope) {
                    recording.recorder.handle_input(now, input);
                } else if let Phase::Running(shard) = &mut self.phase {
                    shard.handle_input(now, input);
                }
            }
        }
    }

    fn poll_output(&mut self) -> Output<Event> {
        if let Some(output) = self.out.pop() {
            return output;
        }
        if let Some(deadline) = self.rest {
            return Output::Wait(deadline);
        }
        // A dispatch is the calls' to take, and a call's op 4 the shard's to send: its turn comes twice.
        self.drain_shard();
        let mut deadline = soonest(self.drain_calls(), self.drain_recordings());
        deadline = soonest(deadline, self.drain_shard());
        if let Phase::Waiting { until } = self.phase {
            deadline = soonest(deadline, Some(until));
        }
        if let Some(output) = self.out.pop() {
            return output;
        }
        if self.rooms.is_empty()
            && self.recordings.is_empty()
            && let Some(reason) = self.stopped.take()
        {
            return Output::Event(Event::Stopped { reason });
        }
        self.rest = Some(deadline);
        Output::Wait(deadline)
    }

    fn handle_datagram(&mut self, now: Timestamp, socket: SocketId, data: &mut [u8]) -> Option<Audio> {
        let rest = self.rest;
        self.tick(now);
        let room = self.rooms.iter_mut().find(|room| room.scope == socket.scope())?;
        // Whatever else than audio came may have stirred the call.
        let audio = room.call.handle_datagram(self.now, socket, data)?;
        self.rest = rest;
        if let Some(recorder) = active(&mut self.recordings, room.call.guild()) {
            let before = recorder.rest();
            let opus = data.get(audio.opus.clone()).unwrap_or_default();
            recorder.handle_audio(self.now, audio.user, audio.ssrc, audio.sequence, audio.timestamp, opus);
            if recorder.rest() != before {
                self.rest = None;
            }
        }
        Some(audio)
    }

    fn is_finished(&self) -> bool {
        matches!(self.phase, Phase::Stopped)
            && self.rooms.is_empty()
            && self.recordings.is_empty()
            && self.stopped.is_none()
            && self.out.is_empty()
    }
}
