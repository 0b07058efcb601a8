//! The call against hand-written inputs.

#[cfg(feature = "dave")]
mod dave;
mod day;
mod listen;
mod send;

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write;
use core::net::SocketAddr;

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::close::{Action, CLOSE_CODES, close_code};
use super::encryption::Encryption;
use super::payload::{VoiceServer, VoiceState};
use super::phase::Phase;
use super::{Call, Config, Disconnect, Ended, Event, Next};
use crate::entropy::Entropy;
use crate::id::{ChannelId, GuildId, UserId};
use crate::machine::{Audio, CloseFrame, Closed, Frame, Input, Machine, Output, Scope, SocketId};
use crate::rtp::aead::{Backend, KEY, Mode};
use crate::rtp::header::Header;
use crate::rtp::transport::Sealer;
use crate::time::{Duration, Timestamp};

const GUILD: u64 = 100;
const CHANNEL: u64 = 200;
const OTHER_CHANNEL: u64 = 201;
const USER: u64 = 42;
const SPEAKER: u64 = 43;
/// Our own SSRC, and the speaker's.
const SSRC: u32 = 1001;
const SPEAKER_SSRC: u32 = 2002;
const ENDPOINT: &str = "voice.test:2048";
const URL: &str = "wss://voice.test:2048/?v=8";
const KEY_BYTES: [u8; KEY] = [201; KEY];
const AES: &str = "aead_aes256_gcm_rtpsize";
const XCHACHA: &str = "aead_xchacha20_poly1305_rtpsize";

fn config() -> Config {
    Config::new(GuildId(GUILD), ChannelId(CHANNEL), UserId(USER))
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn lost() -> Closed {
    Closed::Lost { reason: "reset".into() }
}

fn refused() -> Closed {
    Closed::Refused { status: None, reason: "no route".into() }
}

/// A call and everything it has asked for since the last [`Bench::clear`].
struct Bench {
    call: Call,
    now: Timestamp,
    socket: Option<SocketId>,
    udp: Option<SocketId>,
    wait: Option<Timestamp>,
    /// The channels of the op 4 that went to the main gateway.
    asked: Vec<Option<u64>>,
    urls: Vec<String>,
    peers: Vec<SocketAddr>,
    sent: Vec<Value>,
    /// Binary frames.
    binary: Vec<Bytes>,
    datagrams: Vec<Bytes>,
    closes: Vec<(SocketId, Option<u16>)>,
    events: Vec<Event>,
    /// Every output since the start, with the frames' text.
    transcript: String,
}

/// The steps from the join to the call, in the usual order.
const HANDSHAKE: [fn(&mut Bench); 7] = [
    Bench::join,
    Bench::open,
    Bench::hello,
    |bench| bench.ready(&[AES, XCHACHA]),
    Bench::open_udp,
    Bench::answer,
    |bench| bench.describe(AES),
];

impl Bench {
    fn new(config: Config) -> Self {
        Self::seeded(config, 7)
    }

    fn seeded(config: Config, seed: u8) -> Self {
        let mut bench = Self {
            call: Call::new(config, Scope::new(3), Entropy::new([seed; 32])),
            now: Timestamp::from_millis(1000),
            socket: None,
            udp: None,
            wait: None,
            asked: Vec::new(),
            urls: Vec::new(),
            peers: Vec::new(),
            sent: Vec::new(),
            binary: Vec::new(),
            datagrams: Vec::new(),
            closes: Vec::new(),
            events: Vec::new(),
            transcript: String::new(),
        };
        bench.drain();
        bench.timeout();
        bench
    }

    /// A call after so many steps of [`HANDSHAKE`].
    fn after(steps: usize) -> Self {
        let mut bench = Self::new(config());
        for step in &HANDSHAKE[..steps] {
            step(&mut bench);
        }
        bench.clear();
        bench
    }

    /// A call in which audio flows.
    fn live() -> Self {
        let bench = Self::after(HANDSHAKE.len());
        assert!(matches!(bench.call.phase(), Phase::Live { .. }));
        bench
    }

    /// A call in which audio flowed, lost, whose next connection has sent Resume.
    fn resuming() -> Self {
        let mut bench = Self::live();
        bench.closed(lost());
        bench.sleep_until(|bench| !bench.urls.is_empty());
        bench.open();
        bench.clear();
        bench
    }

    fn input(&mut self, input: Input) {
        self.call.handle_input(self.now, input);
        self.drain();
    }

    fn drain(&mut self) {
        loop {
            let output = self.call.poll_output();
            writeln!(self.transcript, "{} {output:?}", self.now.as_nanos()).unwrap();
            match output {
                Output::OpenWebSocket { socket, url } => {
                    self.socket = Some(socket);
                    self.urls.push(url.into());
                }
                Output::OpenUdp { socket, peer } => {
                    self.udp = Some(socket);
                    self.peers.push(peer);
                }
                Output::SendFrame(socket, Frame::Text(text)) => {
                    assert_eq!(Some(socket), self.socket);
                    self.sent.push(serde_json::from_slice(&text).unwrap());
                }
                Output::SendFrame(socket, Frame::Binary(data)) => {
                    assert_eq!(Some(socket), self.socket);
                    self.binary.push(data);
                }
                Output::SendDatagram(socket, data) => {
                    assert_eq!(Some(socket), self.udp);
                    self.datagrams.push(data);
                }
                Output::Close(socket, frame) => self.closes.push((socket, frame.map(|frame| frame.code))),
                Output::Event(Event::UpdateVoiceState(update)) => {
                    assert_eq!(update.guild_id, GuildId(GUILD));
                    self.asked.push(update.channel_id.map(|channel| channel.0));
                }
                Output::Event(event) => self.events.push(event),
                Output::Wait(until) => {
                    self.wait = until;
                    return;
                }
                other => panic!("unexpected {other:?}"),
            }
        }
    }

    fn clear(&mut self) {
        self.asked.clear();
        self.urls.clear();
        self.peers.clear();
        self.sent.clear();
        self.binary.clear();
        self.datagrams.clear();
        self.closes.clear();
        self.events.clear();
    }

    fn timeout(&mut self) {
        self.input(Input::Timeout);
        assert!(self.wait.is_none_or(|until| until > self.now), "a deadline in the past: {:?}", self.wait);
    }

    /// Sleeps to the deadline, as a driver does.
    fn sleep(&mut self) {
        self.now = self.wait.expect("a deadline").max(self.now);
        self.timeout();
    }

    fn sleep_until(&mut self, reached: impl Fn(&Self) -> bool) {
        for _ in 0..1000 {
            if reached(self) {
                return;
            }
            self.sleep();
        }
        panic!("never reached; at last {:?}", self.call.phase());
    }

    /// Sleeps so long, waking at each deadline.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.wait.is_some_and(|until| until <= end) {
            self.sleep();
        }
        self.now = end;
    }

    fn state_of(&mut self, guild: u64, user: u64, channel: Option<u64>) {
        let state: VoiceState = serde_json::from_value(json!({
            "guild_id": guild.to_string(), "channel_id": channel.map(|channel| channel.to_string()),
            "user_id": user.to_string(), "session_id": "secret-session", "deaf": false, "suppress": true,
        }))
        .unwrap();
        self.call.handle_voice_state(self.now, &state);
        self.drain();
    }

    fn state(&mut self, channel: Option<u64>) {
        self.state_of(GUILD, USER, channel);
    }

    fn server_of(&mut self, guild: u64, endpoint: Option<&str>, token: &str) {
        let d = json!({"guild_id": guild.to_string(), "endpoint": endpoint, "token": token});
        let server: VoiceServer = serde_json::from_value(d).unwrap();
        self.call.handle_voice_server(self.now, &server);
        self.drain();
    }

    fn server(&mut self, endpoint: &str) {
        self.server_of(GUILD, Some(endpoint), "secret-token");
    }

    fn join(&mut self) {
        self.state(Some(CHANNEL));
        self.server(ENDPOINT);
    }

    fn open(&mut self) {
        let socket = self.socket.unwrap();
        self.input(Input::Opened(socket));
    }

    fn frame(&mut self, frame: Frame) {
        let socket = self.socket.unwrap();
        self.input(Input::Frame(socket, frame));
    }

    fn text(&mut self, text: &[u8]) {
        self.frame(Frame::Text(Bytes::copy_from_slice(text)));
    }

    fn message(&mut self, message: &Value) {
        self.text(message.to_string().as_bytes());
    }

    fn hello(&mut self) {
        self.message(&json!({"op": 8, "d": {"v": 8, "heartbeat_interval": 41250.5}}));
    }

    fn ready(&mut self, modes: &[&str]) {
        self.message(&json!({"op": 2, "d": {"ssrc": SSRC, "ip": "192.0.2.9", "port": 50_004, "modes": modes,
            "experiments": [], "heartbeat_interval": 1}}));
    }

    fn open_udp(&mut self) {
        let socket = self.udp.unwrap();
        self.input(Input::Opened(socket));
    }

    fn datagram(&mut self, data: &mut [u8]) -> Option<Audio> {
        let audio = self.call.handle_datagram(self.now, self.udp.unwrap(), data);
        self.drain();
        audio
    }

    fn answer(&mut self) {
        assert_eq!(self.datagram(&mut discovery(SSRC)), None);
    }

    fn describe(&mut self, mode: &str) {
        self.message(&description(mode));
    }

    fn speaking(&mut self) {
        self.message(
            &json!({"op": 5, "d": {"speaking": 1, "ssrc": SPEAKER_SSRC, "user_id": SPEAKER.to_string()}}),
        );
    }

    fn closed(&mut self, closed: Closed) {
        let socket = self.socket.unwrap();
        self.input(Input::Closed(socket, closed));
    }

    fn by_peer(&mut self, code: u16) {
        self.closed(Closed::ByPeer(Some(CloseFrame::new(code))));
    }

    fn acknowledge(&mut self) {
        self.message(&json!({"op": 6, "d": {"t": 1}}));
    }

    fn heartbeats(&self) -> Vec<&Value> {
        self.sent.iter().filter(|sent| sent["op"] == 3).map(|sent| &sent["d"]).collect()
    }

    fn disconnects(&self) -> Vec<(&Disconnect, Next)> {
        self.events
            .iter()
            .filter_map(|event| match event {
                Event::Disconnected { reason, next } => Some((reason, *next)),
                _ => None,
            })
            .collect()
    }

    fn ended(&self) -> &Ended {
        assert!(self.call.is_finished() && self.wait.is_none());
        match self.events.last() {
            Some(Event::Ended { reason, .. }) => reason,
            other => panic!("not ended: {other:?}"),
        }
    }

    fn connected(&self) -> bool {
        self.events.iter().any(|event| matches!(event, Event::Connected { .. }))
    }
}

fn discovery(ssrc: u32) -> [u8; 74] {
    let mut packet = [0; 74];
    packet[..4].copy_from_slice(&[0, 2, 0, 70]);
    packet[4..8].copy_from_slice(&ssrc.to_be_bytes());
    packet[8..19].copy_from_slice(b"203.0.113.7");
    packet[72..].copy_from_slice(&60_001_u16.to_be_bytes());
    packet
}

fn description(mode: &str) -> Value {
    json!({"op": 4, "d": {"mode": mode, "secret_key": KEY_BYTES, "dave_protocol_version": 0,
        "audio_codec": "opus", "media_session_id": "m"}})
}

fn identify() -> Value {
    json!({"op": 0, "d": {"server_id": "100", "user_id": "42", "session_id": "secret-session",
        "token": "secret-token", "max_dave_protocol_version": Encryption::VERSION}})
}

fn resume(seq_ack: i64) -> Value {
    json!({"op": 7, "d": {"server_id": "100", "session_id": "secret-session", "token": "secret-token",
        "seq_ack": seq_ack}})
}

fn select(mode: &str) -> Value {
    json!({"op": 1, "d": {"protocol": "udp",
        "data": {"address": "203.0.113.7", "port": 60_001, "mode": mode}}})
}

/// Packets of the speaker under the key of [`description`].
struct Voice(Sealer);

impl Voice {
    fn new(mode: Mode) -> Self {
        Self(Sealer::new(Backend::default(), mode, &KEY_BYTES))
    }

    fn packet(&mut self, sequence: u16) -> Vec<u8> {
        let mut packet = Vec::new();
        let header = Header::new(sequence, u32::from(sequence) * 960, SPEAKER_SSRC);
        self.0.seal(&header, b"opus", &mut packet).unwrap();
        packet
    }
}

#[test]
fn what_is_shown_of_us_changes_and_stays() {
    let mut bench = Bench::new(config());
    bench.asked.clear();
    bench.call.set_self_state(bench.now, true, false);
    bench.drain();
    assert_eq!(bench.asked, [Some(CHANNEL)]);
    assert!(bench.transcript.contains("self_mute: true, self_deaf: false"), "{}", bench.transcript);
    bench.call.set_self_state(bench.now, true, false);
    bench.drain();
    assert_eq!(bench.asked.len(), 1, "nothing has changed");
    for step in HANDSHAKE {
        step(&mut bench);
    }
    bench.by_peer(4006);
    bench.transcript.clear();
    bench.sleep_until(|bench| bench.asked.len() == 2);
    assert!(bench.transcript.contains("self_mute: true"));
}

#[test]
fn a_disconnected_call_says_nothing_to_the_main_gateway() {
    let mut bench = Bench::live();
    assert_eq!(bench.call.offered_modes(), [AES, XCHACHA]);
    bench.call.disconnect(bench.now);
    bench.drain();
    assert!(bench.asked.is_empty() && bench.closes.len() == 2);
    assert_eq!(bench.ended(), &Ended::ByUser);
}

#[test]
fn a_call_is_set_up_in_either_order_of_everything() {
    for order in 0..8 {
        let (server_first, ready_first, hello_last) = (order & 1 != 0, order & 2 != 0, order & 4 != 0);
        let mut bench = Bench::new(config());
        assert_eq!(bench.asked, [Some(CHANNEL)]);
        if server_first {
            bench.server(ENDPOINT);
        }
        bench.state(Some(CHANNEL));
        if !server_first {
            assert!(bench.urls.is_empty());
            bench.server(ENDPOINT);
        }
        assert_eq!(bench.urls, [URL]);
        assert!(bench.sent.is_empty());
        bench.open();
        assert_eq!(bench.sent, [identify()]);
        if !ready_first && !hello_last {
            bench.hello();
        }
        bench.ready(&[XCHACHA, AES, "xsalsa20_poly1305"]);
        if ready_first && !hello_last {
            bench.hello();
        }
        assert_eq!(bench.peers, ["192.0.2.9:50004".parse().unwrap()]);
        assert!(bench.datagrams.is_empty());
        bench.open_udp();
        assert_eq!(bench.datagrams[0][..8], [0, 1, 0, 70, 0, 0, 3, 233]);
        assert_eq!(bench.datagrams[0].len(), 74);
        bench.answer();
        bench.describe(AES);
        if hello_last {
            bench.hello();
        }
        let speaking = json!({"op": 5, "d": {"speaking": 0, "delay": 0, "ssrc": SSRC}});
        assert_eq!(bench.sent, [identify(), select(AES), speaking]);
        let [Event::Connected { resumed, mode, external, discovery_requests }] = bench.events[..] else {
            panic!("{:?}", bench.events)
        };
        assert_eq!((resumed, mode, discovery_requests), (false, Mode::AeadAes256GcmRtpsize, 1));
        assert_eq!(external, "203.0.113.7:60001".parse().unwrap());
        assert_eq!((bench.asked.len(), bench.closes.len(), bench.call.counters().identifies), (1, 0, 1));
        bench.clear();
        bench.pass(secs(6));
        assert!(!bench.heartbeats().is_empty(), "order {order}");
    }
}

#[test]
fn what_is_sent_to_join_says_how_we_show() {
    let config = Config { self_mute: true, self_deaf: true, ..config() };
    let mut call = Call::new(config, Scope::new(0), Entropy::new([1; 32]));
    call.handle_input(Timestamp::ZERO, Input::Timeout);
    let Output::Event(Event::UpdateVoiceState(update)) = call.poll_output() else { panic!("no op 4") };
    let expected = json!({"guild_id": "100", "channel_id": "200", "self_mute": true, "self_deaf": true});
    assert_eq!(serde_json::to_value(update).unwrap(), expected);
}

#[test]
fn endpoints_become_urls() {
    for (endpoint, url) in [
        ("voice.test", "wss://voice.test/?v=8"),
        ("voice.test:2048", "wss://voice.test:2048/?v=8"),
        ("voice.test:443", "wss://voice.test:443/?v=8"),
        ("voice.test:80", "wss://voice.test/?v=8"),
        ("voice.test:8080", "wss://voice.test:8080/?v=8"),
        ("voice.test/", "wss://voice.test/?v=8"),
        ("wss://voice.test:80", "wss://voice.test:80/?v=8"),
        ("ws://127.0.0.1:4000", "ws://127.0.0.1:4000/?v=8"),
    ] {
        let mut bench = Bench::new(config());
        bench.state(Some(CHANNEL));
        bench.server(endpoint);
        assert_eq!(bench.urls, [url]);
    }
}

#[test]
fn updates_about_others_change_nothing() {
    for mut bench in [Bench::after(0), Bench::live()] {
        let before = format!("{:?}", bench.call);
        bench.state_of(GUILD, SPEAKER, Some(OTHER_CHANNEL));
        bench.state_of(GUILD, SPEAKER, None);
        bench.state_of(GUILD + 1, USER, None);
        bench.server_of(GUILD + 1, Some("else.test"), "secret-token");
        bench.server_of(GUILD + 1, None, "secret-token");
        assert_eq!(format!("{:?}", bench.call), before);
        assert!(bench.events.is_empty() && bench.closes.is_empty() && bench.urls.is_empty());
    }
    let mut bench = Bench::live();
    bench.join();
    assert!(bench.events.is_empty() && bench.closes.is_empty(), "the same server once more");
}

#[test]
fn the_preferred_mode_on_offer_is_chosen() {
    for (wanted, offered, chosen) in [
        (&Mode::ALL[..], &[XCHACHA, AES][..], AES),
        (&Mode::ALL, &[XCHACHA, "new_mode"], XCHACHA),
        (&[Mode::AeadXChaCha20Poly1305Rtpsize], &[AES, XCHACHA], XCHACHA),
        (&[Mode::AeadXChaCha20Poly1305Rtpsize, Mode::AeadAes256GcmRtpsize], &[AES, XCHACHA], XCHACHA),
    ] {
        let mut bench = Bench::new(Config { modes: wanted.into(), ..config() });
        for step in &HANDSHAKE[..3] {
            step(&mut bench);
        }
        bench.ready(offered);
        bench.open_udp();
        bench.answer();
        assert_eq!(bench.sent[1], select(chosen));
        bench.describe(chosen);
        bench.speaking();
        let mode = Mode::from_name(chosen).unwrap();
        assert!(bench.datagram(&mut Voice::new(mode).packet(1)).is_some(), "{chosen}");
    }
}

#[test]
fn without_a_usable_mode_the_call_ends() {
    for (wanted, offered) in [
        (&Mode::ALL[..], &["xsalsa20_poly1305", "plain"][..]),
        (&Mode::ALL[..1], &[XCHACHA]),
        (&Mode::ALL, &[]),
    ] {
        let mut bench = Bench::new(Config { modes: wanted.into(), ..config() });
        for step in &HANDSHAKE[..3] {
            step(&mut bench);
        }
        bench.clear();
        bench.ready(offered);
        let Ended::NoMode { offered: told } = bench.ended() else { panic!("{:?}", bench.events) };
        assert_eq!(told, offered);
        assert_eq!((bench.asked.as_slice(), bench.closes[0].1), (&[None][..], Some(1000)));
        assert!(bench.peers.is_empty());
    }
    let mut bench = Bench::after(6);
    bench.describe("xsalsa20_poly1305");
    assert!(matches!(bench.ended(), Ended::NoMode { offered } if offered == &["xsalsa20_poly1305"]));
    assert_eq!((bench.asked.as_slice(), bench.closes.len()), (&[None][..], 2));
}

#[test]
fn a_call_that_needs_what_was_not_offered_ends() {
    let mut bench = Bench::new(Config { dave_version: 0, ..config() });
    for step in &HANDSHAKE[..6] {
        step(&mut bench);
    }
    assert_eq!(bench.sent[0]["d"]["max_dave_protocol_version"], json!(0));
    bench.clear();
    let mut message = description(AES);
    message["d"]["dave_protocol_version"] = json!(1);
    bench.message(&message);
    assert_eq!(*bench.ended(), Ended::Dave { version: 1 });
    assert_eq!(bench.asked, [None]);
    assert_eq!(bench.closes, [(bench.socket.unwrap(), Some(1000)), (bench.udp.unwrap(), None)]);
    assert!(!bench.connected());
}

/// Every close code, and what is expected after it, written out apart from the table under test.
#[test]
fn each_close_code_leads_where_it_should() {
    let expected = [
        (4001, Action::Rejoin, ""),
        (4002, Action::Rejoin, ""),
        (4003, Action::Rejoin, ""),
        (4004, Action::Rejoin, ""),
        (4005, Action::Rejoin, ""),
        (4006, Action::Rejoin, ""),
        (4009, Action::Rejoin, ""),
        (4011, Action::Rejoin, ""),
        (4012, Action::Stop, "too old"),
        (4013, Action::Resume, ""),
        (4014, Action::Await, ""),
        (4015, Action::Resume, ""),
        (4016, Action::Stop, "too old"),
        (4017, Action::Stop, "DAVE"),
        (4020, Action::Rejoin, ""),
        (4021, Action::Stop, "wait a while"),
        (4022, Action::Await, ""),
    ];
    assert!(CLOSE_CODES.iter().map(|row| row.code).eq(expected.map(|(code, ..)| code)));
    let unlisted = [1000, 1001, 1006, 3999, 4000, 4999].map(|code| (code, Action::Resume, ""));
    let coded = expected
        .into_iter()
        .chain(unlisted)
        .map(|(code, action, remedy)| (Closed::ByPeer(Some(CloseFrame::new(code))), action, remedy));
    let bare = [(Closed::ByPeer(None), Action::Resume, ""), (lost(), Action::Resume, "")];
    for (closed, action, remedy) in coded.chain(bare) {
        let mut bench = Bench::live();
        let (socket, udp) = (bench.socket, bench.udp);
        bench.message(&json!({"op": 11, "d": {"user_ids": ["43"]}, "seq": 7}));
        bench.clear();
        bench.closed(closed.clone());
        assert!(bench.closes.iter().all(|&(id, _)| Some(id) != socket), "{closed}: it is closed already");
        let given_up = bench.closes == [(udp.unwrap(), None)];
        assert_eq!(given_up, action != Action::Resume, "{closed}: whether the UDP socket is given up");
        if action == Action::Stop {
            let Ended::Refused(row) = *bench.ended() else { panic!("{closed}: {:?}", bench.events) };
            let text = bench.ended().to_string();
            assert!(text.contains(&row.code.to_string()) && text.contains(remedy), "{closed}: {text}");
            assert_eq!((bench.asked.as_slice(), bench.events.len()), (&[None][..], 1), "{closed}");
            continue;
        }
        let [(reason, next)] = bench.disconnects()[..] else { panic!("{closed}: {:?}", bench.events) };
        assert_eq!(*reason, Disconnect::Closed(closed.clone()));
        assert!(bench.asked.is_empty() && bench.urls.is_empty());
        match action {
            Action::Resume => {
                let Next::Resume(wait) = next else { panic!("{closed}: {next:?}") };
                let due = bench.now + wait;
                bench.sleep_until(|bench| !bench.urls.is_empty());
                assert_eq!((bench.now, bench.urls[0].as_str()), (due, URL), "{closed}");
                bench.open();
                assert_eq!(bench.sent, [resume(7)], "{closed}");
                assert_eq!((bench.udp, bench.asked.len()), (udp, 0), "{closed}");
            }
            Action::Rejoin => {
                let Next::Rejoin(wait) = next else { panic!("{closed}: {next:?}") };
                let due = bench.now + wait;
                bench.sleep();
                assert_eq!((bench.now, bench.asked.as_slice()), (due, &[Some(CHANNEL)][..]), "{closed}");
                for step in HANDSHAKE {
                    step(&mut bench);
                }
                assert_eq!(bench.sent[0], identify(), "{closed}");
                assert!(bench.connected() && bench.udp != udp, "{closed}");
            }
            Action::Await => {
                assert_eq!(next, Next::Await, "{closed}");
                let limit = bench.now + secs(30);
                bench.sleep();
                // Nobody said more: we are not to come back by ourselves.
                assert_eq!((bench.now, bench.ended()), (limit, &Ended::SentAway), "{closed}");
                assert_eq!(bench.asked, [None], "{closed}: for Discord we may still be there");
            }
            Action::Stop => unreachable!(),
        }
    }
}

#[test]
fn after_4014_the_next_server_is_joined_at_once() {
    let mut bench = Bench::live();
    bench.by_peer(4014);
    bench.clear();
    bench.state(Some(OTHER_CHANNEL));
    assert!(matches!(bench.events[..], [Event::Moved(ChannelId(OTHER_CHANNEL))]));
    assert!(bench.urls.is_empty(), "the old server is not tried again");
    bench.server(ENDPOINT);
    assert_eq!(bench.urls, [URL]);
    bench.open();
    assert_eq!((bench.sent.as_slice(), bench.asked.len()), (&[identify()][..], 0));
    let mut removed = Bench::live();
    removed.by_peer(4014);
    removed.clear();
    removed.state(None);
    assert_eq!(*removed.ended(), Ended::Removed);
}

#[test]
fn a_close_at_each_point_of_the_handshake_leads_to_another_join() {
    for steps in 1..HANDSHAKE.len() {
        for closed in [lost(), Closed::ByPeer(None), Closed::ByPeer(Some(CloseFrame::new(4015)))] {
            let mut bench = Bench::after(steps);
            bench.closed(closed);
            let [(Disconnect::Closed(_), Next::Rejoin(wait))] = bench.disconnects()[..] else {
                panic!("after step {steps}: {:?}", bench.events)
            };
            let udp = bench.udp.map(|udp| (udp, None));
            assert_eq!(bench.closes, Vec::from_iter(udp), "after step {steps}");
            let due = bench.now + wait;
            bench.sleep();
            assert_eq!(
                (bench.now, bench.asked.as_slice()),
                (due, &[Some(CHANNEL)][..]),
                "after step {steps}"
            );
            for step in HANDSHAKE {
                step(&mut bench);
            }
            assert!(bench.connected(), "after step {steps}");
        }
    }
}

#[test]
fn silence_at_each_point_of_the_handshake_ends_the_attempt() {
    let awaited = [
        (1, "WebSocket"),
        (2, "Ready"),
        (3, "Ready"),
        (4, "IP discovery answer"),
        (5, "IP discovery answer"),
        (6, "Session Description"),
    ];
    for (steps, awaiting) in awaited {
        let mut bench = Bench::after(steps);
        let (started, socket, udp) = (bench.now, bench.socket.unwrap(), bench.udp);
        bench.sleep_until(|bench| !bench.disconnects().is_empty());
        let [(reason, Next::Rejoin(_))] = bench.disconnects()[..] else { panic!("{:?}", bench.events) };
        assert_eq!(*reason, Disconnect::TimedOut { awaiting }, "after step {steps}");
        assert!(bench.now.since(started) <= secs(15));
        let closes = [(socket, Some(1000))].into_iter().chain(udp.map(|udp| (udp, None)));
        assert_eq!(bench.closes, Vec::from_iter(closes), "after step {steps}");
    }
    for (opened, awaiting) in [(false, "WebSocket"), (true, "Resumed")] {
        let mut bench = Bench::live();
        bench.closed(lost());
        bench.sleep_until(|bench| !bench.urls.is_empty());
        if opened {
            bench.open();
        }
        bench.clear();
        let started = bench.now;
        bench.sleep_until(|bench| !bench.disconnects().is_empty());
        let [(reason, Next::Resume(_))] = bench.disconnects()[..] else { panic!("{:?}", bench.events) };
        assert_eq!((reason, bench.now), (&Disconnect::TimedOut { awaiting }, started + secs(15)));
        assert_eq!(bench.closes, [(bench.socket.unwrap(), Some(4000))]);
    }
}

#[test]
fn the_newest_number_from_either_kind_of_frame_is_acknowledged() {
    let mut bench = Bench::live();
    let ask = json!({"op": 3, "d": null});
    let acknowledged = |bench: &mut Bench| {
        bench.message(&ask);
        bench.sent.pop().unwrap()["d"]["seq_ack"].as_i64().unwrap()
    };
    assert_eq!(acknowledged(&mut bench), -1);
    bench.message(&json!({"op": 11, "d": {"user_ids": []}, "seq": 0}));
    assert_eq!(acknowledged(&mut bench), 0);
    bench.frame(Frame::Binary(Bytes::from_static(&[1, 2, 25, 9, 9])));
    assert_eq!(acknowledged(&mut bench), 258);
    bench.message(&json!({"seq": 300, "op": 77, "d": {}}));
    assert_eq!(acknowledged(&mut bench), 300);
    bench.message(&json!({"op": 13, "d": {"user_id": "43"}}));
    assert_eq!(acknowledged(&mut bench), 300);
    // The counter has 16 bits and wraps.
    bench.frame(Frame::Binary(Bytes::from_static(&[0, 0, 30])));
    assert_eq!(acknowledged(&mut bench), 0);
    bench.frame(Frame::Binary(Bytes::from_static(&[0, 1])));
    assert_eq!(acknowledged(&mut bench), 0);
    bench.closed(lost());
    bench.sleep_until(|bench| !bench.urls.is_empty());
    bench.open();
    assert_eq!(bench.sent, [resume(0)]);
    bench.by_peer(4006);
    bench.sleep_until(|bench| !bench.asked.is_empty());
    bench.join();
    bench.open();
    bench.hello();
    assert_eq!(acknowledged(&mut bench), -1, "another session, another count");
}

#[test]
fn messages_that_are_not_understood_reach_the_user() {
    let mut bench = Bench::live();
    bench.message(&json!({"op": 18, "d": {"user_id": "43", "flags": 2}}));
    bench.frame(Frame::Binary(Bytes::from_static(&[0, 5, 35, 1, 2])));
    bench.frame(Frame::Binary(Bytes::from_static(&[0])));
    let told: Vec<_> = bench
        .events
        .iter()
        .map(|event| match event {
            Event::Unrecognised { op, data } => (*op, data.as_ref()),
            other => panic!("{other:?}"),
        })
        .collect();
    let expected = [(18, &br#"{"flags":2,"user_id":"43"}"#[..]), (35, &[1, 2]), (u64::MAX, &[0])];
    assert_eq!(told, expected);
    assert_eq!(bench.call.counters().unrecognised, 3);
}

#[test]
fn beats_with_jitter_then_at_least_every_five_seconds() {
    for (hello, interval) in [
        (json!(41250), secs(5)),
        (json!(5000.0), secs(5)),
        (json!(2000), secs(2)),
        (json!(1e30), secs(5)),
        (json!(-1), secs(5)),
        (json!(0), millis(250)),
    ] {
        let mut bench = Bench::after(2);
        let started = bench.now;
        bench.message(&json!({"op": 8, "d": {"heartbeat_interval": hello}}));
        bench.clear();
        let mut last = None;
        for _ in 0..3 {
            bench.sleep_until(|bench| !bench.sent.is_empty());
            let t = bench.now.as_nanos() / 1_000_000;
            assert_eq!(bench.sent, [json!({"op": 3, "d": {"t": t, "seq_ack": -1}})]);
            match last.replace(bench.now) {
                None => assert!(bench.now.since(started) < interval, "{hello}"),
                Some(last) => assert_eq!(bench.now.since(last), interval, "{hello}"),
            }
            bench.now += millis(40);
            bench.acknowledge();
            assert_eq!(bench.call.latency(), Some(millis(40)));
            let [Event::HeartbeatAcknowledged { latency }] = bench.events[..] else {
                panic!("{:?}", bench.events)
            };
            assert_eq!(latency, millis(40));
            bench.now = last.unwrap();
            bench.clear();
        }
        assert_eq!(bench.call.counters().heartbeats, 3);
    }
    let first = |seed| {
        let mut bench = Bench::seeded(config(), seed);
        bench.join();
        bench.open();
        bench.hello();
        bench.sleep_until(|bench| bench.sent.len() > 1);
        bench.now
    };
    assert_ne!(first(1), first(2), "the first beat is a matter of chance");
}

#[test]
fn three_heartbeats_unanswered_and_the_connection_is_resumed() {
    let mut bench = Bench::live();
    bench.sleep_until(|bench| !bench.disconnects().is_empty());
    assert_eq!(bench.heartbeats().len(), 3);
    let [(Disconnect::Zombie, Next::Resume(_))] = bench.disconnects()[..] else {
        panic!("{:?}", bench.events)
    };
    assert_eq!(bench.closes, [(bench.socket.unwrap(), Some(4000))]);
    bench.sleep_until(|bench| !bench.urls.is_empty());
    bench.open();
    assert_eq!(bench.sent.last().unwrap(), &resume(-1));
    // Two unanswered ones are borne.
    let mut patient = Bench::live();
    for _ in 0..5 {
        let beats = patient.heartbeats().len();
        patient.sleep_until(|bench| bench.heartbeats().len() == beats + 2);
        patient.acknowledge();
    }
    assert!(patient.disconnects().is_empty());
}

#[test]
fn an_asked_heartbeat_goes_out_at_once_and_the_schedule_stays() {
    let mut bench = Bench::live();
    let due = bench.wait;
    bench.message(&json!({"op": 3, "d": 0}));
    assert_eq!(bench.heartbeats(), [&json!({"t": 1000, "seq_ack": -1})]);
    assert_eq!(bench.wait, due);
}

#[test]
fn a_resumed_call_keeps_key_socket_and_replay_window() {
    for mode in Mode::ALL {
        let mut bench = Bench::after(6);
        bench.describe(mode.name());
        bench.speaking();
        let mut voice = Voice::new(mode);
        let tenth = voice.packet(10);
        let audio = bench.datagram(&mut tenth.clone()).unwrap();
        assert_eq!(
            (audio.user, audio.ssrc, audio.sequence, audio.timestamp),
            (UserId(SPEAKER), SPEAKER_SSRC, 10, 9600)
        );
        bench.clear();
        bench.closed(lost());
        // Audio goes on while the WebSocket is away.
        assert!(bench.datagram(&mut voice.packet(11)).is_some());
        bench.sleep_until(|bench| !bench.urls.is_empty());
        bench.open();
        bench.hello();
        assert!(bench.datagram(&mut voice.packet(12)).is_some());
        bench.message(&json!({"op": 9, "d": null}));
        let resumed = bench.events.iter().find_map(|event| match event {
            Event::Connected { resumed, mode, .. } => Some((*resumed, *mode)),
            _ => None,
        });
        assert_eq!(resumed, Some((true, mode)));
        assert!(bench.datagram(&mut tenth.clone()).is_none(), "seen before the loss");
        assert!(bench.datagram(&mut voice.packet(13)).is_some());
        let counters = bench.call.counters();
        assert_eq!((counters.resumes, counters.identifies, counters.disconnects), (1, 1, 1));
        let tally = bench.call.tallies()[&UserId(SPEAKER)];
        assert_eq!((tally.received, tally.duplicated, tally.lost), (4, 1, 0));
        assert!(bench.closes.is_empty() && bench.peers.is_empty());
    }
}

#[test]
fn a_resume_that_is_refused_becomes_another_join() {
    let mut bench = Bench::resuming();
    let udp = bench.udp.unwrap();
    bench.by_peer(4006);
    let [(_, Next::Rejoin(_))] = bench.disconnects()[..] else { panic!("{:?}", bench.events) };
    assert_eq!(bench.closes, [(udp, None)]);
    bench.sleep_until(|bench| !bench.asked.is_empty());
    for step in HANDSHAKE {
        step(&mut bench);
    }
    assert_eq!(bench.sent[0], identify());
    assert!(bench.connected());
}

#[test]
fn a_resume_lost_again_and_again_becomes_another_join() {
    for opened in [false, true] {
        let mut bench = Bench::live();
        let mut resumes = 0;
        loop {
            bench.clear();
            bench.closed(lost());
            match bench.disconnects()[..] {
                [(_, Next::Resume(_))] => resumes += 1,
                [(_, Next::Rejoin(_))] => break,
                _ => panic!("{:?}", bench.events),
            }
            assert!(bench.closes.is_empty());
            bench.sleep_until(|bench| !bench.urls.is_empty());
            if opened {
                bench.open();
            }
        }
        assert_eq!(resumes, 4);
        assert_eq!(bench.closes, [(bench.udp.unwrap(), None)]);
    }
    // A heartbeat that comes back is progress: the count starts again.
    let mut bench = Bench::live();
    for _ in 0..10 {
        bench.clear();
        bench.closed(lost());
        assert!(matches!(bench.disconnects()[..], [(_, Next::Resume(wait))] if wait < millis(500)));
        bench.sleep_until(|bench| !bench.urls.is_empty());
        bench.open();
        bench.hello();
        bench.message(&json!({"op": 9}));
        bench.sleep_until(|bench| !bench.heartbeats().is_empty());
        bench.acknowledge();
    }
    assert_eq!(bench.call.counters().resumes, 10);
}

#[test]
fn a_join_without_an_answer_is_tried_once_more_and_explained() {
    for half in [None, Some(true), Some(false)] {
        let mut bench = Bench::new(config());
        assert_eq!(bench.wait, Some(Timestamp::from_millis(11_000)));
        bench.sleep();
        assert_eq!(bench.asked, [Some(CHANNEL), None, Some(CHANNEL)]);
        // The answer to our own leave, and half an answer to the join.
        bench.state(None);
        match half {
            Some(true) => bench.state(Some(CHANNEL)),
            Some(false) => bench.server(ENDPOINT),
            None => {}
        }
        assert_eq!(bench.wait, Some(Timestamp::from_millis(21_000)));
        bench.clear();
        bench.sleep();
        let text = bench.ended().to_string();
        assert_eq!(*bench.ended(), Ended::NoAnswer);
        for cause in ["unknown", "full", "View Channel", "Connect"] {
            assert!(text.contains(cause), "{text}");
        }
        assert_eq!(bench.asked, [None]);
        bench.join();
        assert!(bench.urls.is_empty() && bench.call.is_finished());
    }
    let mut bench = Bench::new(config());
    bench.sleep();
    for step in HANDSHAKE {
        step(&mut bench);
    }
    assert!(bench.connected());
}

#[test]
fn a_late_answer_to_the_first_join_survives_our_own_leave() {
    let mut bench = Bench::new(config());
    bench.sleep();
    assert_eq!(bench.asked, [Some(CHANNEL), None, Some(CHANNEL)]);
    bench.clear();
    bench.join();
    bench.state(None); // our leave
    bench.state(Some(CHANNEL));
    bench.server_of(GUILD, Some(ENDPOINT), "newer");
    assert!(
        matches!(bench.disconnects()[..], [(Disconnect::ServerChanged, Next::Reconnect)]),
        "{:?}",
        bench.events
    );
    for step in &HANDSHAKE[1..] {
        step(&mut bench);
    }
    assert!(bench.connected());
    assert_eq!(bench.sent[0]["d"]["token"], "newer");
    bench.clear();
    bench.state(None);
    assert_eq!(*bench.ended(), Ended::Removed, "a later one is not ours");
}

#[test]
fn whoever_is_removed_stays_away() {
    for mut bench in [Bench::after(1), Bench::after(5), Bench::live(), Bench::resuming()] {
        bench.state(None);
        assert_eq!(*bench.ended(), Ended::Removed);
        assert!(bench.asked.is_empty());
        let closes =
            [(bench.socket.unwrap(), Some(1000))].into_iter().chain(bench.udp.map(|udp| (udp, None)));
        assert_eq!(bench.closes, Vec::from_iter(closes));
    }
}

#[test]
fn who_is_sent_away_again_and_again_waits_longer() {
    let mut bench = Bench::live();
    for times in 1..=9 {
        bench.clear();
        bench.by_peer(4014);
        let next = bench.disconnects()[0].1;
        if times == 9 {
            assert!(matches!(next, Next::Rejoin(_)), "{next:?}");
            break;
        }
        assert_eq!(next, Next::Await);
        bench.server_of(GUILD, Some(ENDPOINT), &times.to_string());
        bench.open();
    }
    // While the main gateway is away, nothing can follow.
    let mut bench = Bench::live();
    bench.by_peer(4014);
    bench.call.handle_gateway_lost(bench.now);
    bench.pass(secs(100));
    assert!(matches!(bench.call.phase(), Phase::Awaiting { .. }));
    bench.call.handle_gateway_session(bench.now, true);
    bench.drain();
    bench.pass(secs(31));
    assert_eq!(*bench.ended(), Ended::SentAway);
}

#[test]
fn who_is_removed_before_the_server_is_told_stays_away() {
    let mut bench = Bench::new(config());
    bench.state(None);
    bench.state(Some(CHANNEL));
    bench.state(None);
    assert_eq!(*bench.ended(), Ended::Removed);
}

#[test]
fn a_move_while_the_next_attempt_waits_is_followed() {
    let mut bench = Bench::live();
    bench.by_peer(4006);
    bench.clear();
    bench.state(Some(OTHER_CHANNEL));
    assert!(matches!(bench.events[..], [Event::Moved(ChannelId(OTHER_CHANNEL))]));
    bench.sleep_until(|bench| !bench.asked.is_empty());
    assert_eq!(bench.asked, [Some(OTHER_CHANNEL)]);
}

#[test]
fn a_resumed_call_without_hello_beats() {
    let mut bench = Bench::resuming();
    bench.message(&json!({"op": 9, "d": null}));
    bench.pass(secs(6));
    // The first comes at a random moment of the first interval.
    assert!((1..=2).contains(&bench.heartbeats().len()));
}

#[test]
fn a_process_that_was_stopped_is_told_as_such() {
    let mut bench = Bench::live();
    bench.now += secs(600);
    bench.timeout();
    assert!(
        matches!(bench.disconnects()[..], [(Disconnect::Overslept { by }, Next::Resume(_))] if by.as_secs() > 500)
    );
}

#[test]
fn a_move_is_told_and_the_new_server_joined() {
    let mut bench = Bench::live();
    let (socket, udp) = (bench.socket.unwrap(), bench.udp.unwrap());
    bench.state(Some(OTHER_CHANNEL));
    assert!(matches!(bench.events[..], [Event::Moved(ChannelId(OTHER_CHANNEL))]));
    assert_eq!(bench.call.channel(), ChannelId(OTHER_CHANNEL));
    bench.server("other.test");
    assert_eq!(bench.closes, [(socket, Some(1000)), (udp, None)]);
    assert_eq!(bench.urls, ["wss://other.test/?v=8"]);
    for step in &HANDSHAKE[1..] {
        step(&mut bench);
    }
    assert!(bench.connected());
    bench.clear();
    bench.by_peer(4006);
    bench.sleep_until(|bench| !bench.asked.is_empty());
    assert_eq!(bench.asked, [Some(OTHER_CHANNEL)]);
}

#[test]
fn without_a_server_the_call_waits_for_the_next() {
    for steps in [1, 3, 5, 7] {
        let mut bench = Bench::after(steps);
        let closes =
            [(bench.socket.unwrap(), Some(1000))].into_iter().chain(bench.udp.map(|udp| (udp, None)));
        let closes = Vec::from_iter(closes);
        bench.server_of(GUILD, None, "none");
        assert!(matches!(bench.disconnects()[..], [(Disconnect::NoServer, Next::Await)]));
        assert_eq!(bench.closes, closes);
        bench.pass(secs(29));
        assert!(bench.urls.is_empty() && bench.asked.is_empty());
        bench.server("next.test");
        assert_eq!(bench.urls, ["wss://next.test/?v=8"]);
        for step in &HANDSHAKE[1..] {
            step(&mut bench);
        }
        assert_eq!((bench.sent[0].clone(), bench.connected(), bench.asked.len()), (identify(), true, 0));
    }
    let mut bench = Bench::live();
    bench.server_of(GUILD, None, "none");
    bench.pass(secs(30));
    assert_eq!(bench.asked, [Some(CHANNEL)], "nobody said more");
    let mut joining = Bench::new(config());
    joining.state(Some(CHANNEL));
    joining.server_of(GUILD, None, "none");
    assert!(joining.events.is_empty());
    joining.server(ENDPOINT);
    assert_eq!(joining.urls, [URL]);
}

#[test]
fn a_new_server_means_a_new_session() {
    for steps in 1..=HANDSHAKE.len() {
        let mut bench = Bench::after(steps);
        bench.frame(Frame::Binary(Bytes::from_static(&[0, 9, 25])));
        bench.clear();
        let closes =
            [(bench.socket.unwrap(), Some(1000))].into_iter().chain(bench.udp.map(|udp| (udp, None)));
        let closes = Vec::from_iter(closes);
        // Even on the same endpoint.
        bench.server_of(GUILD, Some(ENDPOINT), "newer");
        assert!(matches!(bench.disconnects()[..], [(Disconnect::ServerChanged, Next::Reconnect)]));
        assert_eq!(
            (&bench.closes, bench.urls.as_slice()),
            (&closes, &[URL.into()][..]),
            "after step {steps}"
        );
        for step in &HANDSHAKE[1..] {
            step(&mut bench);
        }
        let mut expected = identify();
        expected["d"]["token"] = json!("newer");
        assert_eq!(bench.sent[0], expected, "after step {steps}");
        assert!(bench.connected() && bench.asked.is_empty());
        bench.clear();
        bench.message(&json!({"op": 3}));
        assert_eq!(bench.sent[0]["d"]["seq_ack"], -1);
    }
    let mut resuming = Bench::live();
    resuming.closed(lost());
    resuming.clear();
    resuming.server_of(GUILD, Some(ENDPOINT), "newer");
    assert_eq!((resuming.urls.as_slice(), resuming.closes.len()), (&[URL.into()][..], 1));
    resuming.open();
    assert_eq!(resuming.sent[0]["op"], 0);
}

#[test]
fn a_new_gateway_session_asks_for_the_channel_again() {
    for steps in 1..=HANDSHAKE.len() {
        let mut bench = Bench::after(steps);
        let closes =
            [(bench.socket.unwrap(), Some(1000))].into_iter().chain(bench.udp.map(|udp| (udp, None)));
        let closes = Vec::from_iter(closes);
        bench.call.handle_gateway_session(bench.now, false);
        bench.drain();
        assert!(matches!(
            bench.disconnects()[..],
            [(Disconnect::NewGatewaySession, Next::Rejoin(Duration::ZERO))]
        ));
        assert_eq!((&bench.closes, bench.asked.as_slice()), (&closes, &[Some(CHANNEL)][..]));
        for step in HANDSHAKE {
            step(&mut bench);
        }
        assert!(bench.connected());
    }
}

#[test]
fn what_the_gateway_lost_of_a_join_does_not_count_as_a_try() {
    let mut bench = Bench::new(config());
    for _ in 0..5 {
        bench.pass(secs(9));
        bench.clear();
        bench.call.handle_gateway_session(bench.now, false);
        bench.drain();
        assert_eq!(bench.asked, [Some(CHANNEL)]);
    }
    bench.pass(secs(10));
    assert_eq!(bench.asked, [Some(CHANNEL), None, Some(CHANNEL)]);
    assert!(!bench.call.is_finished());
}

#[test]
fn a_join_waits_while_the_gateway_is_away() {
    for resumed in [true, false] {
        let mut bench = Bench::new(config());
        bench.pass(secs(4));
        bench.call.handle_gateway_lost(bench.now);
        bench.pass(secs(3600));
        assert_eq!((bench.asked.as_slice(), bench.events.len()), (&[Some(CHANNEL)][..], 0));
        bench.call.handle_gateway_session(bench.now, resumed);
        bench.drain();
        assert_eq!(bench.asked, [Some(CHANNEL); 2], "what was asked may be lost");
        bench.pass(secs(10));
        assert_eq!(bench.asked[2..], [None, Some(CHANNEL)], "with the gateway there, silence is an answer");
        for step in HANDSHAKE {
            step(&mut bench);
        }
        assert!(bench.connected());
    }
}

#[test]
fn an_answer_that_came_in_part_is_waited_for_after_a_resume() {
    let mut bench = Bench::new(config());
    bench.server("voice.test");
    bench.clear();
    bench.pass(secs(8));
    bench.call.handle_gateway_lost(bench.now);
    bench.call.handle_gateway_session(bench.now, true);
    bench.drain();
    assert!(bench.events.is_empty(), "nothing is asked again: {:?}", bench.events);
    bench.pass(secs(8));
    bench.state(Some(bench.call.channel().0));
    assert_eq!(bench.urls.len(), 1);
}

#[test]
fn a_server_that_never_says_hello_is_told_of_our_life() {
    let mut bench = Bench::new(config());
    for (number, step) in HANDSHAKE.iter().enumerate() {
        if number != 2 {
            step(&mut bench);
        }
    }
    assert!(bench.connected());
    assert!(bench.heartbeats().is_empty());
    bench.pass(secs(5));
    assert_eq!(bench.heartbeats().len(), 1);
}

#[test]
fn a_socket_that_is_opened_twice_disturbs_nothing() {
    let mut bench = Bench::live();
    bench.clear();
    bench.open_udp();
    assert!(bench.datagrams.is_empty(), "discovery is done");
}

#[test]
fn a_gateway_session_that_goes_on_leaves_the_call_alone() {
    for steps in 1..=HANDSHAKE.len() {
        let mut bench = Bench::after(steps);
        let phase = bench.call.phase();
        bench.call.handle_gateway_lost(bench.now);
        bench.call.handle_gateway_session(bench.now, true);
        bench.drain();
        assert_eq!(bench.call.phase(), phase);
        assert!(bench.events.is_empty() && bench.asked.is_empty() && bench.closes.is_empty());
    }
}

#[test]
fn a_call_that_was_live_goes_on_asking() {
    let awaiting = "answer to the request to join";
    let mut bench = Bench::live();
    bench.by_peer(4006);
    for _ in 0..5 {
        bench.clear();
        bench.sleep_until(|bench| !bench.disconnects().is_empty());
        assert_eq!(bench.asked, [Some(CHANNEL), None, Some(CHANNEL)]);
        let [(reason, Next::Rejoin(_))] = bench.disconnects()[..] else { panic!("{:?}", bench.events) };
        assert_eq!(*reason, Disconnect::TimedOut { awaiting });
    }
    bench.sleep();
    for step in HANDSHAKE {
        step(&mut bench);
    }
    assert!(bench.connected());
    let mut bounded = Bench::new(Config { attempts: Some(3), ..config() });
    for step in HANDSHAKE {
        step(&mut bounded);
    }
    bounded.by_peer(4006);
    bounded.sleep_until(|bench| bench.call.is_finished());
    let Ended::GaveUp { reason } = bounded.ended() else { panic!("{:?}", bounded.events) };
    assert_eq!(**reason, Disconnect::TimedOut { awaiting });
}

#[test]
fn nothing_follows_the_end() {
    for leaves in [true, false] {
        for steps in 0..=HANDSHAKE.len() {
            let mut bench = Bench::after(steps);
            if leaves {
                bench.call.leave(bench.now);
            } else {
                bench.call.handle_gateway_stopped(bench.now);
            }
            bench.drain();
            assert_eq!(*bench.ended(), if leaves { Ended::ByUser } else { Ended::GatewayStopped });
            assert_eq!(bench.asked, Vec::from_iter(leaves.then_some(None)));
            bench.clear();
            let before = format!("{:?}", bench.call);
            bench.state(Some(OTHER_CHANNEL));
            bench.state(None);
            bench.join();
            bench.server_of(GUILD, None, "none");
            bench.call.handle_gateway_session(bench.now, false);
            bench.call.handle_gateway_session(bench.now, true);
            bench.call.handle_gateway_stopped(bench.now);
            bench.call.leave(bench.now);
            bench.timeout();
            bench.drain();
            assert_eq!(format!("{:?}", bench.call), before, "after step {steps}");
            assert!(bench.events.is_empty() && bench.asked.is_empty() && bench.call.is_finished());
        }
    }
}

#[test]
fn discovery_asks_on_its_schedule_and_gives_up() {
    let mut bench = Bench::after(4);
    let opened = bench.now;
    bench.open_udp();
    let mut at = Vec::from([0]);
    bench.sleep_until(|bench| !bench.disconnects().is_empty() || bench.datagrams.len() > 1);
    while bench.disconnects().is_empty() {
        at.push(bench.now.since(opened).as_millis());
        let sent = bench.datagrams.len();
        bench.sleep_until(|bench| !bench.disconnects().is_empty() || bench.datagrams.len() > sent);
    }
    assert_eq!(at, [0, 250, 750, 1750, 3750, 5750, 7750, 9750]);
    assert!(bench.datagrams.iter().all(|data| data == &bench.datagrams[0]));
    assert_eq!(bench.now, opened + millis(11_750));
    let awaiting = "IP discovery answer";
    let [(reason, Next::Rejoin(_))] = bench.disconnects()[..] else { panic!("{:?}", bench.events) };
    assert_eq!(*reason, Disconnect::TimedOut { awaiting });
    assert_eq!(bench.closes, [(bench.socket.unwrap(), Some(1000)), (bench.udp.unwrap(), None)]);
}

#[test]
fn foreign_discovery_answers_are_counted_and_passed_over() {
    let mut bench = Bench::after(5);
    let mut no_address = discovery(SSRC);
    no_address[8] = b'x';
    let mut request = discovery(SSRC);
    request[1] = 1;
    let foreign: [&[u8]; 6] =
        [&discovery(SSRC + 1), &discovery(SSRC)[..73], &no_address, &request, b"", &[0x80; 40]];
    for data in foreign {
        assert_eq!(bench.datagram(&mut data.to_vec()), None);
    }
    assert_eq!(bench.call.counters().dropped.discovery, 6);
    assert!(bench.sent.is_empty());
    bench.pass(millis(800));
    // A heartbeat may be among what was sent meanwhile.
    bench.clear();
    bench.answer();
    assert_eq!(bench.sent, [select(AES)]);
    bench.answer();
    bench.describe(AES);
    assert!(matches!(bench.events[..], [Event::Connected { discovery_requests: 3, .. }]));
    let dropped = bench.call.counters().dropped;
    assert_eq!((dropped.discovery, dropped.foreign), (6, 1), "the second answer came late");
}

#[test]
fn as_many_attempts_as_allowed_and_no_more() {
    let mut bench = Bench::new(Config { attempts: Some(3), ..config() });
    for _ in 0..2 {
        bench.join();
        bench.clear();
        bench.closed(refused());
        bench.sleep_until(|bench| !bench.asked.is_empty());
    }
    bench.join();
    bench.clear();
    bench.closed(refused());
    let Ended::GaveUp { reason } = bench.ended() else { panic!("{:?}", bench.events) };
    assert_eq!(**reason, Disconnect::Closed(refused()));
    assert!(bench.ended().to_string().contains("no route"));
    assert_eq!(bench.asked, [None]);
    let mut silent = Bench::new(Config { attempts: Some(1), ..config() });
    for step in &HANDSHAKE[..5] {
        step(&mut silent);
    }
    silent.sleep_until(|bench| bench.call.is_finished());
    let Ended::GaveUp { reason } = silent.ended() else { panic!("{:?}", silent.events) };
    assert_eq!(**reason, Disconnect::TimedOut { awaiting: "IP discovery answer" });
}

#[test]
fn waits_longer_after_each_failure() {
    let mut bench = Bench::new(config());
    let mut waits = Vec::new();
    for _ in 0..9 {
        bench.join();
        bench.clear();
        bench.closed(refused());
        let [(_, Next::Rejoin(wait))] = bench.disconnects()[..] else { panic!("{:?}", bench.events) };
        waits.push(wait);
        bench.sleep();
    }
    assert!(waits[0] < millis(500));
    assert!(waits[3] >= secs(2) && waits[3] < secs(4));
    assert!(waits[8] >= secs(30) && waits[8] < secs(60));
}

#[test]
fn a_udp_socket_that_fails_leads_to_another_join() {
    for (steps, closed) in [(4, refused()), (5, lost()), (6, lost()), (7, lost())] {
        let mut bench = Bench::after(steps);
        bench.input(Input::Closed(bench.udp.unwrap(), closed.clone()));
        let [(reason, Next::Rejoin(_))] = bench.disconnects()[..] else { panic!("{:?}", bench.events) };
        assert_eq!(*reason, Disconnect::Udp(closed));
        assert_eq!(bench.closes, [(bench.socket.unwrap(), Some(1000))]);
        bench.sleep_until(|bench| !bench.asked.is_empty());
        for step in HANDSHAKE {
            step(&mut bench);
        }
        assert!(bench.connected());
    }
}

#[test]
fn packets_wait_for_their_user_and_the_tally_outlives_the_connection() {
    let mut bench = Bench::live();
    let mut voice = Voice::new(Mode::AeadAes256GcmRtpsize);
    for sequence in [1, 2, 4] {
        assert_eq!(bench.datagram(&mut voice.packet(sequence)), None);
        bench.now += millis(20);
    }
    bench.speaking();
    let Event::Speaking { user, ssrc, flags } = bench.events[0] else { panic!("{:?}", bench.events) };
    assert_eq!((user, ssrc, flags), (UserId(SPEAKER), SPEAKER_SSRC, 1));
    let waited: Vec<_> = bench.events[1..]
        .iter()
        .map(|event| match event {
            Event::Packet(packet) => (packet.sequence, packet.age, packet.opus.as_ref()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(waited, [(1, millis(60), &b"opus"[..]), (2, millis(40), b"opus"), (4, millis(20), b"opus")]);
    bench.input(Input::Closed(bench.udp.unwrap(), lost()));
    let tally = bench.call.tallies()[&UserId(SPEAKER)];
    assert_eq!((tally.received, tally.lost), (3, 1));
}

#[test]
fn our_own_speaking_is_no_news() {
    let mut bench = Bench::live();
    bench.message(&json!({"op": 5, "d": {"speaking": 1, "ssrc": 5, "user_id": USER.to_string()}}));
    assert!(bench.events.is_empty());
    bench.message(&json!({"op": 11, "d": {"user_ids": ["43", "44"]}}));
    bench.message(&json!({"op": 13, "d": {"user_id": "44"}}));
    let [Event::Joined(users), Event::Left(UserId(44))] = &bench.events[..] else {
        panic!("{:?}", bench.events)
    };
    assert_eq!(users[..], [UserId(43), UserId(44)]);
}

#[test]
fn audio_before_the_key_and_under_another_key_is_counted() {
    let mut bench = Bench::after(6);
    let mut voice = Voice::new(Mode::AeadAes256GcmRtpsize);
    assert_eq!(bench.datagram(&mut voice.packet(1)), None);
    bench.describe(AES);
    bench.speaking();
    let mut foreign = Voice(Sealer::new(Backend::default(), Mode::AeadAes256GcmRtpsize, &[1; KEY]));
    assert_eq!(bench.datagram(&mut foreign.packet(2)), None);
    assert!(bench.datagram(&mut voice.packet(2)).is_some());
    let dropped = bench.call.counters().dropped;
    assert_eq!((dropped.early, dropped.unauthentic), (1, 1));
}

/// Messages of the voice server that are not what the protocol says.
fn malformed() -> Vec<Value> {
    let mut bad = Vec::new();
    let mut spoil = |op: u64, good: Value, field: &str, values: Vec<Value>| {
        for value in values {
            let mut d = good.clone();
            d[field] = value;
            bad.push(json!({"op": op, "d": d}));
        }
        let mut d = good;
        d.as_object_mut().unwrap().remove(field);
        bad.push(json!({"op": op, "d": d}));
    };
    let hello = json!({"heartbeat_interval": 41250});
    spoil(8, hello, "heartbeat_interval", Vec::from([json!(null), json!("41250"), json!([])]));
    let ready = json!({"ssrc": 1, "ip": "192.0.2.9", "port": 5, "modes": [AES]});
    spoil(
        2,
        ready.clone(),
        "ssrc",
        Vec::from([json!(-1), json!(4_294_967_296_u64), json!("1"), json!(null)]),
    );
    spoil(2, ready.clone(), "ip", Vec::from([json!("192.0.2"), json!("voice.test"), json!(1), json!("")]));
    spoil(2, ready.clone(), "port", Vec::from([json!(65_536), json!(-1), json!("5"), json!(1.5)]));
    spoil(2, ready, "modes", Vec::from([json!(AES), json!([1]), json!(null)]));
    let description = description(AES)["d"].clone();
    let keys = [
        json!([1, 2, 3]),
        json!(&[201; 33][..]),
        json!("key"),
        json!(null),
        json!(&["1"; 32][..]),
        json!(&[256; 32][..]),
    ];
    spoil(4, description.clone(), "secret_key", keys.into());
    spoil(4, description.clone(), "mode", Vec::from([json!(1), json!(null)]));
    for version in [json!(-1), json!(65_536), json!("1"), json!(null)] {
        let mut d = description.clone();
        d["dave_protocol_version"] = version;
        bad.push(json!({"op": 4, "d": d}));
    }
    let mut spoil = |op: u64, good: Value, field: &str, values: Vec<Value>| {
        for value in values {
            let mut d = good.clone();
            d[field] = value;
            bad.push(json!({"op": op, "d": d}));
        }
    };
    let speaking = json!({"speaking": 1, "ssrc": 1, "user_id": "1"});
    spoil(5, speaking.clone(), "ssrc", Vec::from([json!(-1), json!(null)]));
    spoil(5, speaking.clone(), "speaking", Vec::from([json!("x"), json!(null)]));
    spoil(5, speaking, "user_id", Vec::from([json!("x"), json!(null), json!(-1)]));
    spoil(11, json!({}), "user_ids", Vec::from([json!("1"), json!(["x"]), json!(null)]));
    spoil(13, json!({}), "user_id", Vec::from([json!("x"), json!(null)]));
    for op in [2, 4, 5, 8, 11, 13] {
        for d in [json!(null), json!([]), json!("x"), json!(1)] {
            bad.push(json!({"op": op, "d": d}));
        }
        bad.push(json!({"op": op}));
    }
    bad.push(json!({"op": "8", "d": {}}));
    bad.push(json!({"d": {}}));
    bad.push(json!([]));
    bad
}

#[test]
fn malformed_messages_end_the_connection_or_are_passed_over() {
    for message in malformed() {
        for steps in 2..=HANDSHAKE.len() {
            let mut bench = Bench::after(steps);
            bench.message(&message);
            // Without the others there is a call too.
            if matches!(message["op"].as_u64(), Some(5 | 11 | 13)) {
                assert!(
                    matches!(bench.events[..], [Event::Unrecognised { .. }]),
                    "{message}: {:?}",
                    bench.events
                );
                assert_eq!((bench.call.counters().unrecognised, bench.closes.len()), (1, 0));
                continue;
            }
            let [(Disconnect::Malformed(_), next)] = bench.disconnects()[..] else {
                panic!("{message} after step {steps}: {:?}", bench.events)
            };
            let live = steps == HANDSHAKE.len();
            assert_eq!(matches!(next, Next::Resume(_)), live, "{message} after step {steps}");
            assert_eq!(bench.closes[0], (bench.socket.unwrap(), Some(if live { 4000 } else { 1000 })));
        }
    }
}

#[test]
fn truncated_and_foreign_texts_end_the_connection() {
    let text = description(AES).to_string();
    for end in 0..text.len() {
        let mut bench = Bench::after(6);
        bench.text(&text.as_bytes()[..end]);
        assert!(matches!(bench.disconnects()[..], [(Disconnect::Malformed(_), Next::Rejoin(_))]), "{end}");
    }
    for text in [&b"\xff"[..], b"{\"op\":9,\"d\":\"\xff\"}", b"null", b"\0"] {
        let mut bench = Bench::live();
        bench.text(text);
        assert!(matches!(bench.disconnects()[..], [(Disconnect::Malformed(_), Next::Resume(_))]));
    }
}

#[test]
fn messages_out_of_turn_change_no_phase() {
    for steps in 2..=HANDSHAKE.len() {
        let messages: [fn(&mut Bench); 4] = [
            |bench| bench.message(&json!({"op": 9, "d": null})),
            Bench::acknowledge,
            |bench| bench.ready(&[]),
            |bench| bench.describe("xsalsa20_poly1305"),
        ];
        for (message, allowed) in messages.into_iter().zip([0..0, 0..0, 2..4, 6..8]) {
            let mut bench = Bench::after(steps);
            let phase = bench.call.phase();
            if allowed.contains(&steps) {
                continue;
            }
            message(&mut bench);
            assert_eq!(bench.call.phase(), phase, "after step {steps}");
            assert!(bench.events.is_empty() && bench.closes.is_empty());
        }
    }
}

#[test]
fn inputs_for_dead_sockets_change_nothing() {
    let mut bench = Bench::live();
    let (dead, dead_udp) = (bench.socket.unwrap(), bench.udp.unwrap());
    let foreign = Scope::new(9).socket();
    bench.by_peer(4006);
    bench.sleep_until(|bench| !bench.asked.is_empty());
    bench.clear();
    // In the phase that waits for the join, and at each step after it.
    for step in HANDSHAKE.into_iter().map(Some).chain([None]) {
        let before = format!("{:?}", bench.call);
        let (events, sent, closes) = (bench.events.len(), bench.sent.len(), bench.closes.len());
        for socket in [dead, dead_udp, foreign] {
            let hello = Frame::Text(Bytes::from_static(br#"{"op":8,"d":{"heartbeat_interval":1}}"#));
            let closed = Closed::ByPeer(Some(CloseFrame::new(4012)));
            for input in [Input::Opened(socket), Input::Frame(socket, hello), Input::Closed(socket, closed)] {
                bench.input(input);
            }
            assert_eq!(bench.call.handle_datagram(bench.now, socket, &mut discovery(SSRC)), None);
        }
        assert_eq!(format!("{:?}", bench.call), before);
        assert_eq!((bench.events.len(), bench.sent.len(), bench.closes.len()), (events, sent, closes));
        if let Some(step) = step {
            step(&mut bench);
        }
    }
    assert!(bench.connected());
}

/// A call with everything in it, through a resume, a rejoin and a move. `extra` timeouts arrive between its
/// inputs, none of them at a deadline.
fn story(seed: u8, extra: &[u64]) -> String {
    let mut bench = Bench::seeded(config(), seed);
    let mut extra = extra.iter().copied().cycle();
    let mut beat = move |bench: &mut Bench, time: Duration| {
        let end = bench.now + time;
        loop {
            let next = bench.wait.filter(|&until| until <= end);
            let pause = next.unwrap_or(end).since(bench.now);
            // A timeout somewhere before the deadline.
            if let Some(part) = extra.next() {
                let at =
                    bench.now + Duration::from_nanos(part.checked_rem(pause.as_nanos() as u64).unwrap_or(0));
                if bench.wait.is_none_or(|until| at < until) {
                    let silent = bench.transcript.len();
                    bench.call.handle_input(at, Input::Timeout);
                    bench.drain();
                    bench.transcript.truncate(silent);
                }
            }
            if next.is_none() {
                break;
            }
            bench.sleep();
            if bench.sent.last().is_some_and(|sent| sent["op"] == 3) {
                bench.acknowledge();
                bench.sent.clear();
            }
        }
        bench.now = end;
    };
    for _ in 0..2 {
        for step in HANDSHAKE {
            step(&mut bench);
            beat(&mut bench, millis(30));
        }
        bench.speaking();
        beat(&mut bench, secs(20));
        bench.closed(lost());
        beat(&mut bench, secs(2));
        bench.open();
        bench.hello();
        bench.message(&json!({"op": 9}));
        beat(&mut bench, secs(12));
        bench.by_peer(4006);
        beat(&mut bench, secs(9));
    }
    beat(&mut bench, secs(60));
    bench.transcript
}

#[test]
fn one_seed_one_transcript() {
    assert_eq!(story(1, &[]), story(1, &[]));
    assert_ne!(story(1, &[]), story(2, &[]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// What a driver hears when it wakes too early is not told apart from not waking.
    #[test]
    fn timeouts_at_other_times_change_nothing(extra in prop::collection::vec(any::<u64>(), 1..50)) {
        prop_assert_eq!(story(1, &extra), story(1, &[]));
    }

    #[test]
    fn any_message_at_any_time_is_borne(
        steps in 0..=HANDSHAKE.len(),
        inputs in prop::collection::vec(
            (0..12_u8, any::<u16>(), prop::collection::vec(any::<u8>(), 0..80)), 1..40
        )
    ) {
        let mut bench = Bench::after(steps);
        for (kind, number, bytes) in inputs {
            bench.now += millis(u64::from(number));
            match kind {
                0 => bench.input(Input::Timeout),
                1 => bench.state(Some(u64::from(number % 2) + CHANNEL)),
                2 => bench.server_of(GUILD, (number % 3 != 0).then_some(ENDPOINT), &number.to_string()),
                3 if bench.udp.is_some() => { bench.datagram(&mut bytes.clone()); }
                4 if bench.udp.is_some() => bench.answer(),
                5 if bench.socket.is_some() => bench.frame(Frame::Binary(bytes.into())),
                6 if bench.socket.is_some() => bench.frame(Frame::Text(bytes.into())),
                7 if bench.socket.is_some() => bench.by_peer(4000 + number % 30),
                8 if bench.socket.is_some() => bench.open(),
                9 if bench.socket.is_some() => bench.ready(&[AES]),
                10 if bench.socket.is_some() => bench.describe(AES),
                11 if bench.udp.is_some() => bench.open_udp(),
                _ => {}
            }
            let waits = bench.call.is_finished() || bench.wait.is_some();
            prop_assert!(waits, "{:?} waits for nothing", bench.call.phase());
        }
    }
}

#[test]
fn no_secret_shows_in_a_debug_output() {
    let mut text = String::new();
    let mut bench = Bench::new(config());
    let mut look = |bench: &Bench| write!(text, "{:?} {:?}", bench.call, bench.events).unwrap();
    for step in HANDSHAKE {
        step(&mut bench);
        look(&bench);
    }
    bench.speaking();
    bench.datagram(&mut Voice::new(Mode::AeadAes256GcmRtpsize).packet(1));
    bench.closed(lost());
    look(&bench);
    bench.sleep_until(|bench| bench.urls.len() == 2);
    bench.open();
    look(&bench);
    bench.by_peer(4004);
    look(&bench);
    let state = json!({"user_id": "1", "channel_id": "2", "session_id": "secret-session"});
    let server = json!({"guild_id": "1", "endpoint": "voice.test", "token": "secret-token"});
    let frame = Frame::Text(description(AES).to_string().into());
    let state = serde_json::from_value::<VoiceState>(state).unwrap();
    let server = serde_json::from_value::<VoiceServer>(server).unwrap();
    write!(text, "{state:?} {server:?} {frame:?} {} {:?}", bench.transcript, config()).unwrap();
    assert!(text.contains("Live"), "something was looked at");
    for secret in ["secret", "201, 201", "c9c9", "\\xc9"] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
}

#[test]
fn every_reason_says_what_happened() {
    let reasons: [Box<dyn core::fmt::Display>; 13] = [
        Box::new(Ended::SentAway),
        Box::new(Disconnect::KeyUsedUp),
        Box::new(Disconnect::Overslept { by: secs(9) }),
        Box::new(Ended::ByUser),
        Box::new(Ended::Removed),
        Box::new(Ended::Refused(close_code(4021))),
        Box::new(Ended::GatewayStopped),
        Box::new(Disconnect::Closed(lost())),
        Box::new(Disconnect::Udp(refused())),
        Box::new(Disconnect::Zombie),
        Box::new(Disconnect::ServerChanged),
        Box::new(Disconnect::NoServer),
        Box::new(Disconnect::NewGatewaySession),
    ];
    let mut texts: Vec<_> = reasons.iter().map(ToString::to_string).collect();
    assert!(texts.iter().all(|text| text.len() > 10));
    texts.sort();
    texts.dedup();
    assert_eq!(texts.len(), reasons.len());
}

#[test]
fn a_clock_that_jumps_leads_to_one_resume() {
    let mut bench = Bench::live();
    bench.sleep();
    bench.now += secs(8 * 3600);
    bench.timeout();
    bench.sleep_until(|bench| !bench.disconnects().is_empty());
    assert!(matches!(bench.disconnects()[..], [(Disconnect::Overslept { .. }, Next::Resume(_))]));
    bench.now = Timestamp::ZERO;
    let wait = bench.wait;
    bench.timeout();
    assert_eq!(bench.wait, wait, "a clock that steps back changes nothing");
}
