//! The other side: answers whatever a machine asks for at once, until audio can flow.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use sanscord::client::{self, Client};
use sanscord::entropy::Entropy;
use sanscord::gateway::shard::Start;
use sanscord::gateway::{self, Compression, Intents, Shard};
use sanscord::id::{ChannelId, GuildId, UserId};
use sanscord::machine::{FileReport, Frame, Input, Machine, Output, Response, Scope, SocketId};
use sanscord::rtp::aead::{Backend, KEY, Mode};
use sanscord::secret::Token;
use sanscord::time::Timestamp;
use sanscord::voice::payload::{VoiceServer, VoiceState};
use sanscord::voice::{self, Call};
use serde_json::{Value, json};

use crate::group::{Group, Sent, Told};

/// The guild of the call; where there are several, those after it are numbered on.
pub const GUILD: GuildId = GuildId(100);
/// The voice channel, of whichever guild.
pub const CHANNEL: ChannelId = ChannelId(200);
/// Ourselves, the machine that is measured.
pub const USER: UserId = UserId(42);
/// Who speaks; where there are several, those after it are numbered on.
pub const SPEAKER: UserId = UserId(43);
/// The speaker's SSRC, and so on.
pub const SPEAKER_SSRC: u32 = 2002;
/// The key of every call.
pub const KEY_BYTES: [u8; KEY] = [201; KEY];

const OWN_SSRC: u32 = 1001;
const GATEWAY: &str = "wss://gateway.test";
const VOICE: &str = "voice.test:2048";
const START: Timestamp = Timestamp::from_millis(1000);

/// What a machine sent, and what it appended to files.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Traffic {
    /// Messages on the main gateway.
    pub gateway: u64,
    /// Messages on the voice gateway.
    pub voice: u64,
    /// Datagrams.
    pub datagrams: u64,
    /// Appends to files.
    pub appends: u64,
}

/// Discord and the operating system, as far as one machine meets them.
#[derive(Debug, Default)]
pub struct Peer {
    gateway: Option<SocketId>,
    udp: Vec<SocketId>,
    mode: &'static str,
    seq: u64,
    answers: VecDeque<Answer>,
    /// Speakers beyond the first.
    more_speakers: u32,
    /// The others in an encrypted call.
    group: Option<Group>,
    /// Messages of the group that were sent to us, for their numbers.
    numbered: u16,
    /// What came so far.
    pub traffic: Traffic,
}

#[derive(Debug)]
enum Answer {
    Input(Input),
    Datagram(SocketId, Vec<u8>),
}

impl Peer {
    /// A peer whose voice server offers this mode only.
    #[must_use]
    pub fn new(mode: Mode) -> Self {
        Self { mode: mode.name(), ..Self::default() }
    }

    /// A peer in whose call, the only one, these others are, so that it is encrypted end to end.
    #[must_use]
    pub fn with_group(mode: Mode, group: Group) -> Self {
        Self { group: Some(group), ..Self::new(mode) }
    }

    /// A peer with so many speakers in each call.
    #[must_use]
    pub fn with_speakers(mode: Mode, speakers: u32) -> Self {
        Self { more_speakers: speakers.saturating_sub(1), ..Self::new(mode) }
    }

    /// The others in the encrypted call.
    ///
    /// # Panics
    /// If the call is not encrypted.
    pub const fn group(&mut self) -> &mut Group {
        self.group.as_mut().expect("an encrypted call")
    }

    /// The UDP sockets that the machine opened.
    #[must_use]
    pub fn udp(&self) -> &[SocketId] {
        &self.udp
    }

    /// Performs and answers what the machine asks for, until it rests. Answers with its deadline.
    pub fn settle<M: Machine>(&mut self, now: Timestamp, machine: &mut M) -> Option<Timestamp> {
        loop {
            match machine.poll_output() {
                Output::Wait(deadline) => {
                    if !self.answer(now, machine) {
                        return deadline;
                    }
                }
                output => self.take(output),
            }
        }
    }

    /// Gives the machine the next answer, if there is one.
    pub(crate) fn answer<M: Machine>(&mut self, now: Timestamp, machine: &mut M) -> bool {
        match self.answers.pop_front() {
            Some(Answer::Input(input)) => machine.handle_input(now, input),
            Some(Answer::Datagram(socket, mut data)) => {
                machine.handle_datagram(now, socket, &mut data);
            }
            None => return false,
        }
        true
    }

    pub(crate) fn take<E>(&mut self, output: Output<E>) {
        match output {
            Output::OpenWebSocket { socket, url } => {
                self.input(Input::Opened(socket));
                if url.starts_with(GATEWAY) {
                    self.gateway = Some(socket);
                    self.frame(socket, &json!({"op": 10, "d": {"heartbeat_interval": 41_250}}));
                } else {
                    self.frame(socket, &json!({"op": 8, "d": {"v": 8, "heartbeat_interval": 41_250.0}}));
                }
            }
            Output::OpenUdp { socket, .. } => {
                self.udp.push(socket);
                self.input(Input::Opened(socket));
            }
            Output::SendFrame(socket, Frame::Binary(data)) => {
                self.traffic.voice += 1;
                if let Some((&op, payload)) = data.split_first() {
                    self.on_group(socket, op, payload);
                }
            }
            Output::SendFrame(socket, Frame::Text(text)) => {
                let message: Value = serde_json::from_slice(&text).unwrap_or_default();
                if self.gateway == Some(socket) {
                    self.traffic.gateway += 1;
                    self.on_gateway(socket, &message);
                } else {
                    self.traffic.voice += 1;
                    self.on_voice(socket, &message);
                }
            }
            Output::SendDatagram(socket, data) => {
                self.traffic.datagrams += 1;
                if data.len() == DISCOVERY {
                    self.answers.push_back(Answer::Datagram(socket, discovered()));
                }
            }
            Output::SendRequest(request, _) => {
                let bot = json!({"url": GATEWAY, "shards": 1, "session_start_limit":
                    {"total": 1000, "remaining": 999, "reset_after": 86_400_000, "max_concurrency": 1}});
                let body = Bytes::from(bot.to_string());
                self.input(Input::Response(request, Ok(Response { status: 200, headers: Vec::new(), body })));
            }
            Output::Append(..) => self.traffic.appends += 1,
            Output::CloseFile(file) | Output::CheckFormat { file, .. } | Output::MixFiles { file, .. } => {
                self.input(Input::File(file, FileReport::Closed));
            }
            Output::Replace(..)
            | Output::Close(..)
            | Output::CancelRequest(_)
            | Output::OpenFile { .. }
            | Output::OpenSource { .. }
            | Output::ReadSource(..)
            | Output::SeekSource(..)
            | Output::SetVolume(..)
            | Output::CloseSource(_)
            | Output::Event(_)
            | Output::Wait(_) => {}
        }
    }

    fn on_gateway(&mut self, socket: SocketId, message: &Value) {
        match message["op"].as_u64() {
            Some(1) => self.frame(socket, &json!({"op": 11})),
            Some(2) => self.dispatch(
                socket,
                "READY",
                &json!({"v": 10, "user": {"id": USER},
                "session_id": "session", "resume_gateway_url": GATEWAY}),
            ),
            Some(4) if !message["d"]["channel_id"].is_null() => {
                let guild = &message["d"]["guild_id"];
                self.dispatch(
                    socket,
                    "VOICE_STATE_UPDATE",
                    &json!({"guild_id": guild,
                    "channel_id": CHANNEL, "user_id": USER, "session_id": "voice-session"}),
                );
                self.dispatch(
                    socket,
                    "VOICE_SERVER_UPDATE",
                    &json!({"guild_id": guild,
                    "endpoint": VOICE, "token": "voice-token"}),
                );
            }
            _ => {}
        }
    }

    fn on_voice(&mut self, socket: SocketId, message: &Value) {
        match message["op"].as_u64() {
            Some(0) => self.frame(
                socket,
                &json!({"op": 2, "d": {"ssrc": OWN_SSRC, "ip": "192.0.2.9",
                "port": 50_004, "modes": [self.mode]}}),
            ),
            Some(1) => {
                let version = u16::from(self.group.is_some());
                self.frame(
                    socket,
                    &json!({"op": 4, "d": {"mode": self.mode, "secret_key": KEY_BYTES,
                    "dave_protocol_version": version}}),
                );
                for speaker in 0..=self.more_speakers {
                    self.frame(
                        socket,
                        &json!({"op": 5, "d": {"speaking": 1, "ssrc": SPEAKER_SSRC + speaker,
                        "user_id": UserId(SPEAKER.0 + u64::from(speaker))}}),
                    );
                }
                if let Some(group) = &mut self.group {
                    let users: Vec<UserId> = group.users().collect();
                    group.let_in(USER);
                    self.frame(socket, &json!({"op": 11, "d": {"user_ids": users}}));
                    self.tell(socket);
                }
            }
            Some(23) => {
                let transition = message["d"]["transition_id"].as_u64().unwrap_or_default();
                if let Some(group) = &mut self.group {
                    group.hear(USER, &Sent::Ready(transition as u16));
                    self.tell(socket);
                }
            }
            Some(3) => self.frame(socket, &json!({"op": 6, "d": {"t": message["d"]["t"]}})),
            _ => {}
        }
    }

    fn on_group(&mut self, socket: SocketId, op: u8, payload: &[u8]) {
        let sent = match op {
            26 => Sent::KeyPackage(payload.to_vec()),
            28 => Sent::CommitWelcome(payload.to_vec()),
            _ => return,
        };
        if let Some(group) = &mut self.group {
            group.hear(USER, &sent);
            self.tell(socket);
        }
    }

    /// What the delivery service has for us.
    fn tell(&mut self, socket: SocketId) {
        let told: Vec<Told> = self.group.iter_mut().flat_map(Group::take_told).collect();
        for told in told {
            match told {
                Told::Binary(op, payload) => {
                    self.numbered += 1;
                    let message = [&self.numbered.to_be_bytes()[..], &[op], &payload].concat();
                    self.input(Input::Frame(socket, Frame::Binary(message.into())));
                }
                Told::Text(message) => self.frame(socket, &message),
            }
        }
    }

    fn dispatch(&mut self, socket: SocketId, name: &str, d: &Value) {
        self.seq += 1;
        self.frame(socket, &json!({"t": name, "s": self.seq, "op": 0, "d": d}));
    }

    fn frame(&mut self, socket: SocketId, message: &Value) {
        self.input(Input::Frame(socket, Frame::Text(message.to_string().into())));
    }

    fn input(&mut self, input: Input) {
        self.answers.push_back(Answer::Input(input));
    }
}

/// Length of an IP discovery packet in bytes.
const DISCOVERY: usize = 74;

fn discovered() -> Vec<u8> {
    let mut packet = vec![0; DISCOVERY];
    packet[..4].copy_from_slice(&[0, 2, 0, 70]);
    packet[4..8].copy_from_slice(&OWN_SSRC.to_be_bytes());
    packet[8..19].copy_from_slice(b"203.0.113.7");
    packet[72..].copy_from_slice(&60_001_u16.to_be_bytes());
    packet
}

/// A machine in which all handshakes are done, and its peer.
#[derive(Debug)]
pub struct Staged<M> {
    /// The machine.
    pub machine: M,
    /// Its peer.
    pub peer: Peer,
    /// The machine's clock.
    pub now: Timestamp,
}

impl<M> Staged<M> {
    /// The UDP socket of the call, of the last one if there are several.
    ///
    /// # Panics
    /// If the machine has none.
    #[must_use]
    pub fn udp(&self) -> SocketId {
        *self.peer.udp().last().expect("a call")
    }
}

/// A shard in session.
///
/// # Panics
/// If it does not come about.
#[must_use]
pub fn shard() -> Staged<Shard> {
    let mut config = gateway::Config::new(Token::new("token"), Intents::GUILDS);
    config.compression = Compression::None;
    let start = Start::new(GATEWAY);
    let mut machine = Shard::new(Arc::new(config), start, Scope::new(1), Entropy::new([7; 32]));
    let mut peer = Peer::new(Mode::AeadAes256GcmRtpsize);
    machine.handle_input(START, Input::Timeout);
    peer.settle(START, &mut machine);
    assert!(machine.session().is_some(), "{:?}", machine.phase());
    Staged { machine, peer, now: START }
}

/// A shard that has taken in the opening of a [stream](crate::stream), and the socket by which more can come.
///
/// # Panics
/// If it is not in session then.
#[must_use]
pub fn shard_on(config: Arc<gateway::Config>, opening: &[Frame]) -> (Shard, SocketId) {
    let mut machine = Shard::new(config, Start::new(GATEWAY), Scope::new(1), Entropy::new([7; 32]));
    machine.handle_input(START, Input::Timeout);
    let mut socket = None;
    loop {
        match machine.poll_output() {
            Output::OpenWebSocket { socket: opened, .. } => socket = Some(opened),
            Output::Wait(_) => break,
            _ => {}
        }
    }
    let socket = socket.expect("a socket");
    machine.handle_input(START, Input::Opened(socket));
    for frame in opening {
        machine.handle_input(START, Input::Frame(socket, frame.clone()));
    }
    while !matches!(machine.poll_output(), Output::Wait(_)) {}
    assert!(machine.session().is_some(), "{:?}", machine.phase());
    (machine, socket)
}

/// WebSocket messages as a server sends them (RFC 6455, section 5.2): unmasked, each in one frame.
#[must_use]
pub fn framed(frames: &[Frame]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for frame in frames {
        let (opcode, data) = match frame {
            Frame::Text(data) => (1, data),
            Frame::Binary(data) => (2, data),
        };
        bytes.push(0x80 | opcode);
        match data.len() {
            len @ 0..126 => bytes.push(len as u8),
            len @ 126..0x1_0000 => {
                bytes.push(126);
                bytes.extend((len as u16).to_be_bytes());
            }
            len => {
                bytes.push(127);
                bytes.extend((len as u64).to_be_bytes());
            }
        }
        bytes.extend(data);
    }
    bytes
}

/// A call in which audio flows, and the speaker is known.
///
/// # Panics
/// If it does not come about.
#[must_use]
pub fn call(backend: Backend, mode: Mode) -> Staged<Call> {
    settle_call(backend, Peer::new(mode))
}

/// A call with end-to-end encryption in a group of three: us, the speaker, and a listener that is davey.
///
/// # Panics
/// If it does not come about.
#[must_use]
pub fn encrypted_call(backend: Backend, mode: Mode) -> Staged<Call> {
    let staged = settle_call(backend, Peer::with_group(mode, Group::of_two(START)));
    let members = staged.machine.dave().map(|session| session.members().len());
    assert_eq!(members, Some(3), "the group");
    staged
}

fn settle_call(backend: Backend, mut peer: Peer) -> Staged<Call> {
    let mut machine = new_call(backend, START);
    machine.handle_input(START, Input::Timeout);
    peer.settle(START, &mut machine);
    assert!(matches!(machine.phase(), voice::phase::Phase::Live { .. }), "{:?}", machine.phase());
    Staged { machine, peer, now: START }
}

/// A call that knows its server already: what the main gateway would have said is said.
#[must_use]
pub fn new_call(backend: Backend, now: Timestamp) -> Call {
    let mut config = voice::Config::new(GUILD, CHANNEL, USER);
    config.backend = backend;
    let mut machine = Call::new(config, Scope::new(1), Entropy::new([7; 32]));
    machine.handle_input(now, Input::Timeout);
    let state = VoiceState {
        guild_id: Some(GUILD),
        channel_id: Some(CHANNEL),
        user_id: USER,
        session_id: "voice-session".into(),
    };
    machine.handle_voice_state(now, &state);
    let server = VoiceServer { token: "voice-token".into(), guild_id: GUILD, endpoint: Some(VOICE.into()) };
    machine.handle_voice_server(now, &server);
    machine
}

/// A client that wants to be in so many calls.
#[must_use]
pub fn new_client(backend: Backend, now: Timestamp, calls: u64) -> Client {
    let mut config = client::Config::new(Token::new("token"));
    config.backend = backend;
    config.gateway.compression = Compression::None;
    let mut machine = Client::new(config, [7; 32]);
    for guild in guilds(calls) {
        machine.join(now, guild, CHANNEL);
    }
    machine
}

/// The guilds of so many calls.
pub fn guilds(calls: u64) -> impl Iterator<Item = GuildId> {
    (GUILD.0..GUILD.0 + calls).map(GuildId)
}

/// A client in so many calls, in which audio flows and the speaker is known; recording them, if `record`.
///
/// # Panics
/// If it does not come about; more than 100 calls at once do not, for want of send budget.
#[must_use]
pub fn client(backend: Backend, mode: Mode, calls: u64, record: bool) -> Staged<Client> {
    let mut machine = new_client(backend, START, calls);
    let mut peer = Peer::new(mode);
    for guild in guilds(calls).filter(|_| record) {
        machine.record(START, guild, "recordings");
    }
    machine.handle_input(START, Input::Timeout);
    peer.settle(START, &mut machine);
    for guild in guilds(calls) {
        let phase = machine.call(guild).map(Call::phase);
        assert!(matches!(phase, Some(voice::phase::Phase::Live { .. })), "{phase:?}");
        assert_eq!(machine.recording(guild).is_some(), record);
    }
    Staged { machine, peer, now: START }
}

#[cfg(test)]
mod tests {
    use sanscord::time::Duration;

    use super::*;
    use crate::packets::{SPACING, Spurt};

    /// A client keeps its deadline from packet to packet: it must be the one that a look at all its parts gives.
    #[test]
    fn packets_leave_no_deadline_behind() {
        let spurt = Spurt::new(Mode::AeadAes256GcmRtpsize, 20, 3000);
        let datagrams: Vec<&[u8]> = spurt.datagrams().collect();
        let mut staged = client(Backend::default(), Mode::AeadAes256GcmRtpsize, 3, true);
        let (mut now, sockets) = (staged.now, staged.peer.udp().to_vec());
        let mut deadline = staged.peer.settle(now, &mut staged.machine);
        for (n, datagram) in datagrams.iter().enumerate() {
            // Swapped pairs, losses, and a pause now and then, each call at its own pace.
            let datagram = if n % 7 == 0 { datagrams.get(n + 1).unwrap_or(datagram) } else { datagram };
            now += Duration::from_nanos(if n % 500 == 0 { 40_000_000_000 } else { SPACING });
            while let Some(at) = deadline.filter(|&at| at <= now) {
                staged.machine.handle_input(at, Input::Timeout);
                deadline = staged.peer.settle(at, &mut staged.machine);
            }
            for (call, &socket) in sockets.iter().enumerate() {
                if n % 11 < 8 + call {
                    staged.machine.handle_datagram(now, socket, &mut datagram.to_vec());
                    deadline = staged.peer.settle(now, &mut staged.machine);
                }
            }
            // Nothing is due: a timeout changes nothing but that all parts are asked.
            staged.machine.handle_input(now, Input::Timeout);
            assert_eq!(staged.peer.settle(now, &mut staged.machine), deadline, "after packet {n}");
        }
        assert!(staged.peer.traffic.appends > 100);
    }
}
