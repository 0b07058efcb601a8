//! The whole client: shards, calls, what they play and their recordings. Routing only; every rule is in the parts.

mod calls;
mod event;
mod playing;

pub use crate::cluster::Stopped;
pub use event::Event;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use self::calls::Manner;
use self::playing::Playing;
use crate::cluster::{self, Cluster, Identifies, Shards, State};
use crate::entropy::Entropy;
use crate::gateway::name::EventName;
use crate::gateway::{self, Command, CommandError, Dispatch, Intents, Interest, ShardId};
use crate::id::{ChannelId, GuildId, UserId};
use crate::machine::{Audio, Input, Log, Machine, Output, Scope, SocketId};
use crate::outbox::Outbox;
use crate::record::{self, Recorder};
use crate::rest::API_BASE;
use crate::rtp::aead::{Backend, Mode};
use crate::secret::Token;
use crate::time::{Timestamp, soonest};
use crate::voice::payload::{VoiceServer, VoiceState};
use crate::voice::{self, Call};

/// What a client needs to know.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// What all shards have in common: the token, the intents, compression and more. Its
    /// [`attempts`](gateway::Config::attempts) hold for voice connections too. The events that calls need reach the
    /// user whatever its [`interest`](gateway::Config::interest) is.
    pub gateway: gateway::Config,
    /// The API's base URL, with its version: [`API_BASE`] unless there is a proxy or another server.
    pub api_base: Box<str>,
    /// Which shards to run.
    pub shards: Shards,
    /// Who decides when a shard may identify: see [`cluster::Config::identifies`]. Grants go to
    /// [`Client::cluster_mut`].
    pub identifies: Identifies,
    /// How many identifies of the day are never used: see [`cluster::Config::reserve`].
    pub reserve: Option<u32>,
    /// Sessions to resume, saved by an earlier process.
    pub state: Option<State>,
    /// The encryption modes for calls, the preferred first.
    pub modes: Vec<Mode>,
    /// Who computes the encryption.
    pub backend: Backend,
    /// The newest version of end-to-end encryption to offer: see [`voice::Config::dave_version`].
    pub dave_version: u16,
}

impl Config {
    /// A client with this token and the intents that voice needs, at Discord's own API, without end.
    #[must_use]
    pub fn new(token: Token) -> Self {
        Self {
            gateway: gateway::Config::new(token, Intents::GUILDS | Intents::GUILD_VOICE_STATES),
            api_base: API_BASE.into(),
            shards: Shards::default(),
            identifies: Identifies::default(),
            reserve: None,
            state: None,
            modes: Mode::ALL.into(),
            backend: Backend::default(),
            dave_version: voice::Config::DAVE_VERSION,
        }
    }
}

/// Members of a call that are remembered for its recordings. Discord lets at most 99 users choose a limited voice
/// channel.
const MAX_MEMBERS: usize = 1000;

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
    /// Who is in the call, as far as is known; the first [`MAX_MEMBERS`].
    members: BTreeSet<UserId>,
}

impl Room {
    fn has_ended(&self) -> bool {
        self.call.phase() == voice::phase::Phase::Ended
    }
}

/// The whole client: shards, calls and their recordings.
///
/// Bounded like its parts; one call and one running recording for each guild.
#[derive(Debug)]
pub struct Client {
    modes: Vec<Mode>,
    backend: Backend,
    dave_version: u16,
    attempts: Option<u32>,
    entropy: Entropy,
    now: Timestamp,
    scopes: u32,
    cluster: Cluster,
    /// Joins asked for while the guild's shard was not in session.
    joins: BTreeMap<GuildId, ChannelId>,
    /// How we are in calls, for those to come.
    manners: BTreeMap<GuildId, Manner>,
    /// Recordings that start once their call is connected.
    records: BTreeMap<GuildId, record::Config>,
    rooms: Vec<Room>,
    recordings: Vec<Recording>,
    players: Vec<Playing>,
    /// The deadline that the last drain came to, if nothing has happened since: packets are many.
    rest: Option<Option<Timestamp>>,
    is_stopped: bool,
    /// Why the client has stopped, to be told when all else is over.
    stopped: Option<Stopped>,
    out: Outbox<Event>,
}

impl Client {
    /// A client that connects as soon as it is driven. The seed decides every random choice: take it from the
    /// operating system, except in tests.
    #[must_use]
    pub fn new(config: Config, seed: [u8; 32]) -> Self {
        let mut entropy = Entropy::new(seed);
        let Config {
            mut gateway,
            api_base,
            shards,
            identifies,
            reserve,
            state,
            modes,
            backend,
            dave_version,
        } = config;
        gateway.interest = with_voice(gateway.interest);
        let attempts = gateway.attempts;
        let config = cluster::Config { gateway, api_base, shards, identifies, reserve, state };
        Self {
            cluster: Cluster::new(config, entropy.bytes()),
            modes,
            backend,
            dave_version,
            attempts,
            entropy,
            now: Timestamp::ZERO,
            scopes: 0,
            joins: BTreeMap::new(),
            manners: BTreeMap::new(),
            records: BTreeMap::new(),
            rooms: Vec::new(),
            recordings: Vec::new(),
            players: Vec::new(),
            rest: None,
            is_stopped: false,
            stopped: None,
            out: Outbox::new(),
        }
    }

    /// The shards.
    #[must_use]
    pub const fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The shards, to act on: [`Cluster::send`], [`Cluster::reshard`] and so on. To stop, use
    /// [`Client::stop`], or [`Client::suspend`].
    pub const fn cluster_mut(&mut self) -> &mut Cluster {
        self.rest = None;
        &mut self.cluster
    }

    /// The shard of a bot that has one; of more, the first.
    #[must_use]
    pub fn shard(&self) -> Option<&gateway::Shard> {
        self.cluster.shards().next()
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

    /// Records the call in this guild, into a folder or as a [`record::Config`] says: see [`Recorder`]. It
    /// starts now, or as soon as the call is connected; a recording that runs there already is finished first.
    /// A client that has stopped records nothing.
    pub fn record(&mut self, now: Timestamp, guild: GuildId, config: impl Into<record::Config>) {
        self.tick(now);
        self.stop_recording(now, guild);
        if self.is_stopped {
            return;
        }
        if self.call(guild).is_some_and(|call| matches!(call.phase(), voice::phase::Phase::Live { .. })) {
            self.start_recording(guild, config.into());
        } else {
            self.records.insert(guild, config.into());
        }
    }

    fn start_recording(&mut self, guild: GuildId, config: record::Config) {
        let scope = self.next_scope();
        let mut recorder = Recorder::new(self.now, config, Scope::new(scope));
        for room in self.rooms.iter().filter(|room| room.call.guild() == guild && !room.has_ended()) {
            let members: Vec<UserId> = room.members.iter().copied().collect();
            recorder.handle_joined(self.now, &members);
        }
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

    /// Sends a command on the gateway: see [`Cluster::send`].
    ///
    /// # Errors
    /// As there.
    pub fn send(&mut self, now: Timestamp, command: &Command) -> Result<(), CommandError> {
        self.tick(now);
        self.cluster.send(self.now, command)
    }

    /// Changes which dispatches the user wants, at any time. Those that calls need stay wanted.
    pub fn set_interest(&mut self, interest: Interest) {
        self.cluster.set_interest(with_voice(interest));
    }

    /// Finishes recordings, leaves calls, ends the sessions, and stops.
    pub fn stop(&mut self, now: Timestamp) {
        self.tick(now);
        self.end(Stopped::ByUser, Cluster::stop);
    }

    /// Finishes recordings, leaves calls, and stops, but keeps the sessions: another process may go on with
    /// [`Cluster::state`].
    pub fn suspend(&mut self, now: Timestamp) {
        self.tick(now);
        self.end(Stopped::ByUser, Cluster::suspend);
    }

    fn tick(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        self.rest = None;
    }

    fn next_scope(&mut self) -> u32 {
        self.scopes += 1;
        self.scopes
    }

    fn end(&mut self, reason: Stopped, how: impl FnOnce(&mut Cluster, Timestamp)) {
        if self.is_stopped {
            return;
        }
        self.is_stopped = true;
        let now = self.now;
        for recording in &mut self.recordings {
            recording.active = false;
            recording.recorder.stop(now);
        }
        for room in &mut self.rooms {
            room.call.leave(now);
        }
        for playing in &mut self.players {
            playing.player.end();
        }
        // What the calls still have to say on the gateway goes out before it closes.
        self.drain_calls();
        how(&mut self.cluster, now);
        self.drain_cluster();
        self.joins.clear();
        self.stopped = Some(reason);
    }

    /// Takes over what the shards have decided, and routes what concerns the calls.
    fn drain_cluster(&mut self) -> Option<Timestamp> {
        loop {
            match self.cluster.poll_output() {
                Output::Wait(deadline) => return deadline,
                Output::Event(event) => self.on_cluster_event(event),
                other => self.out.push(other.map_event(Event::Cluster)),
            }
        }
    }

    fn on_cluster_event(&mut self, event: cluster::Event) {
        match event {
            cluster::Event::Shard(id, event) => self.on_gateway_event(id, event),
            cluster::Event::Stopped { reason } => {
                for room in &mut self.rooms {
                    room.call.handle_gateway_stopped(self.now);
                }
                self.end(reason, |_, _| ());
            }
            event => {
                if let cluster::Event::Resharded { .. } = event {
                    // A voice state belongs to the session that asked for it.
                    for room in &mut self.rooms {
                        room.call.handle_gateway_session(self.now, false);
                    }
                }
                self.out.event(Event::Cluster(event));
            }
        }
    }

    fn on_gateway_event(&mut self, id: ShardId, event: gateway::Event) {
        match &event {
            gateway::Event::Dispatch(dispatch) => self.on_dispatch(dispatch),
            gateway::Event::Connected { resumed, .. } => {
                for room in rooms_of(&mut self.rooms, id) {
                    room.call.handle_gateway_session(self.now, *resumed);
                }
                self.join_waiting(id);
            }
            // Not the old shards' end after a change of shards: the new ones are there.
            gateway::Event::Disconnected { .. } | gateway::Event::Stopped { .. }
                if id.count == self.cluster.count() =>
            {
                for room in rooms_of(&mut self.rooms, id) {
                    room.call.handle_gateway_lost(self.now);
                }
            }
            _ => {}
        }
        self.out.event(Event::Gateway(id, event));
    }

    /// A dispatch about voice that does not parse is the user's to see, and nothing for a call.
    fn on_dispatch(&mut self, dispatch: &Dispatch) {
        if self.rooms.is_empty() {
            return;
        }
        match dispatch.name {
            EventName::VoiceStateUpdate => {
                if let Ok(state) = dispatch.parse::<VoiceState>() {
                    for room in &mut self.rooms {
                        room.call.handle_voice_state(self.now, &state);
                    }
                }
            }
            EventName::VoiceServerUpdate => {
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
                // A full queue shows as a join that is not answered, which the call handles.
                let _ = self.cluster.send(self.now, &Command::VoiceState(*update));
                return;
            }
            voice::Event::Packet(packet) => {
                if let Some(recorder) = active(&mut self.recordings, guild) {
                    recorder.handle_packet(self.now, packet);
                }
            }
            voice::Event::Connected { .. } => {
                if let Some(config) = self.records.remove(&guild) {
                    self.start_recording(guild, config);
                }
                if let Some(recorder) = active(&mut self.recordings, guild) {
                    recorder.handle_connected(self.now);
                }
            }
            voice::Event::Disconnected { .. } => {
                if let Some(recorder) = active(&mut self.recordings, guild) {
                    recorder.handle_disconnected(self.now);
                }
            }
            voice::Event::Joined(users) => {
                for members in members_of(&mut self.rooms, guild) {
                    members.extend(users.iter().take(MAX_MEMBERS.saturating_sub(members.len())));
                }
                if let Some(recorder) = active(&mut self.recordings, guild) {
                    recorder.handle_joined(self.now, users);
                }
            }
            voice::Event::Left(user) => {
                for members in members_of(&mut self.rooms, guild) {
                    members.remove(user);
                }
                if let Some(recorder) = active(&mut self.recordings, guild) {
                    recorder.handle_left(self.now, *user);
                }
            }
            voice::Event::Ended { .. } => {
                let stays = self.rooms.iter().any(|room| room.call.guild() == guild && !room.has_ended());
                if !stays {
                    self.manners.remove(&guild);
                    self.stop_recording(self.now, guild);
                    self.end_player(guild);
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

/// With the dispatches that calls need.
fn with_voice(mut interest: Interest) -> Interest {
    for name in [EventName::VoiceStateUpdate, EventName::VoiceServerUpdate] {
        interest.add(name);
    }
    interest
}

/// The calls in guilds that this shard serves.
fn rooms_of(rooms: &mut [Room], id: ShardId) -> impl Iterator<Item = &mut Room> {
    rooms.iter_mut().filter(move |room| ShardId::of(room.call.guild(), id.count) == id)
}

fn members_of(rooms: &mut [Room], guild: GuildId) -> impl Iterator<Item = &mut BTreeSet<UserId>> {
    let rooms = rooms.iter_mut().filter(move |room| room.call.guild() == guild && !room.has_ended());
    rooms.map(|room| &mut room.members)
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
            Input::Response(request, _) | Input::Progress(request, _) => Some(request.scope()),
            Input::File(file, _) => Some(file.scope()),
            Input::Source(source, _) => Some(source.scope()),
        };
        match (owner, input) {
            (None, input) => {
                self.cluster.handle_input(now, input.clone());
                for room in &mut self.rooms {
                    room.call.handle_input(now, input.clone());
                }
                for recording in &mut self.recordings {
                    recording.recorder.handle_input(now, input.clone());
                }
            }
            (Some(cluster::SCOPE..), input) => self.cluster.handle_input(now, input),
            (Some(scope), input) => {
                if let Some(room) = self.rooms.iter_mut().find(|room| room.scope == scope) {
                    room.call.handle_input(now, input);
                } else if let Some(recording) = self.recordings.iter_mut().find(|r| r.scope == scope) {
                    recording.recorder.handle_input(now, input);
                } else if let Some(playing) = self.players.iter_mut().find(|p| p.scope == scope) {
                    playing.player.handle_input(now, input);
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
        self.drain_cluster();
        let mut deadline = self.drain_calls();
        if self.feed_calls() {
            deadline = self.drain_calls();
        }
        self.drain_players();
        deadline = soonest(deadline, self.drain_recordings());
        deadline = soonest(deadline, self.drain_cluster());
        if let Some(output) = self.out.pop() {
            return output;
        }
        if self.rooms.is_empty()
            && self.recordings.is_empty()
            && self.players.is_empty()
            && self.cluster.is_finished()
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
        self.rest = rest.filter(|_| !room.call.is_listening());
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
        self.is_stopped
            && self.cluster.is_finished()
            && self.rooms.is_empty()
            && self.recordings.is_empty()
            && self.players.is_empty()
            && self.stopped.is_none()
            && self.out.is_empty()
    }

    fn log(event: &Event) -> Option<Log> {
        event.log()
    }
}
