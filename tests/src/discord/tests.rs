use std::net::SocketAddr;

use bytes::Bytes;
use sanscord::machine::{CloseFrame, Frame, Method, Response};

use super::*;
use crate::clip::{Clip, SILENCE};
use crate::config::{ALICE, BOB};
use crate::fault::{DiscoveryFault, End, GatewayStep, MediaFaults, RestFault, VoiceStep};
use crate::rtp::{Mode, is_rtcp, nonce_of, open_rtcp, open_rtp};
use crate::server::{ConnectionId, ExchangeId};
use crate::speaker::{Announce, Fate, Speaker};
use crate::violation::Rule;

const PEER: ([u8; 4], u16) = ([192, 0, 2, 9], 40_404);
const GATEWAY: &str = "/?v=10&encoding=json";
const RESUME: &str = "/resume/?v=10&encoding=json";

/// A straightforward client, written without the library: it only remembers what came.
struct Client {
    discord: Discord,
    now: Timestamp,
    wait: Option<Timestamp>,
    minted: u64,
    frames: Vec<(ConnectionId, Value)>,
    closes: Vec<(ConnectionId, Option<u16>)>,
    refused: Vec<u16>,
    datagrams: Vec<Bytes>,
    responses: Vec<Response>,
    transcript: String,
}

impl Client {
    fn new(config: Config, seed: u64) -> Self {
        Self {
            discord: Discord::new(config, seed),
            now: Timestamp::ZERO,
            wait: None,
            minted: 0,
            frames: vec![],
            closes: vec![],
            refused: vec![],
            datagrams: vec![],
            responses: vec![],
            transcript: String::new(),
        }
    }

    fn input(&mut self, input: ServerInput) {
        self.discord.handle_input(self.now, input);
        self.drain();
    }

    fn drain(&mut self) {
        loop {
            let output = self.discord.poll_output();
            self.transcript.push_str(&format!("{output:?}\n"));
            match output {
                ServerOutput::Accept(_) => {}
                ServerOutput::Refuse(_, status) => self.refused.push(status),
                ServerOutput::SendFrame(id, Frame::Text(text)) => {
                    self.transcript.push_str(std::str::from_utf8(&text).unwrap());
                    self.frames.push((id, serde_json::from_slice(&text).unwrap()));
                }
                ServerOutput::SendFrame(_, Frame::Binary(_)) => panic!("nothing binary is sent"),
                ServerOutput::Close(id, frame) => self.closes.push((id, Some(frame.code))),
                ServerOutput::Cut(id) => self.closes.push((id, None)),
                ServerOutput::SendDatagram { to, data } => {
                    assert_eq!(to, SocketAddr::from(PEER));
                    self.transcript.push_str(&format!("{data:?}"));
                    self.datagrams.push(data);
                }
                ServerOutput::Respond(_, response) => self.responses.push(response),
                ServerOutput::Wait(until) => {
                    assert!(until.is_none_or(|until| until > self.now), "it waits for the past: {until:?}");
                    self.wait = until;
                    return;
                }
            }
        }
    }

    fn sleep(&mut self, millis: u64) {
        let end = self.now + Duration::from_millis(millis);
        while let Some(at) = self.wait.filter(|at| *at <= end) {
            self.now = at;
            self.input(ServerInput::Timeout);
        }
        self.now = end;
    }

    fn open(&mut self, service: Service, target: &str) -> ConnectionId {
        self.minted += 1;
        let connection = ConnectionId(self.minted);
        self.input(ServerInput::Upgrade { connection, service, target: target.into() });
        connection
    }

    fn send(&mut self, connection: ConnectionId, op: u8, d: Value) {
        let text = json!({"op": op, "d": d}).to_string();
        self.input(ServerInput::Frame(connection, Frame::Text(text.into())));
    }

    fn close(&mut self, connection: ConnectionId, code: u16) {
        self.input(ServerInput::Closed(connection, Some(CloseFrame::new(code))));
    }

    fn datagram(&mut self, data: &[u8]) {
        self.input(ServerInput::Datagram { from: PEER.into(), data: Bytes::copy_from_slice(data) });
    }

    fn get(&mut self, method: Method, target: &str, token: &str, agent: &str, body: &str) -> Response {
        let headers = [("authorization", token), ("user-agent", agent), ("content-type", "application/json")];
        self.input(ServerInput::Request {
            exchange: ExchangeId(1),
            method: Some(method),
            target: target.into(),
            headers: headers.map(|(name, value)| (name.into(), value.into())).into(),
            body: Bytes::copy_from_slice(body.as_bytes()),
        });
        self.responses.pop().unwrap()
    }

    /// The `d` of the last message with this op.
    fn last(&self, connection: ConnectionId, op: u64) -> Option<&Value> {
        self.frames.iter().rev().find(|(id, v)| *id == connection && v["op"] == op).map(|(_, v)| &v["d"])
    }

    fn dispatches(&self, connection: ConnectionId) -> Vec<(&str, u64, &Value)> {
        let mine = self.frames.iter().filter(|(id, v)| *id == connection && v["op"] == 0);
        mine.map(|(_, v)| (v["t"].as_str().unwrap(), v["s"].as_u64().unwrap(), &v["d"])).collect()
    }

    fn named(&self, connection: ConnectionId, name: &str) -> Option<&Value> {
        self.dispatches(connection).iter().rev().find(|(t, _, _)| *t == name).map(|(_, _, d)| *d)
    }

    fn seq(&self, connection: ConnectionId) -> Option<u64> {
        self.dispatches(connection).last().map(|(_, s, _)| *s)
    }

    fn beat(&mut self, connection: ConnectionId) {
        let seq = self.seq(connection);
        self.send(connection, 1, json!(seq));
    }

    fn rules(&self) -> Vec<Rule> {
        self.discord.violations().iter().map(|violation| violation.rule).collect()
    }

    fn code(&self) -> Option<u16> {
        self.closes.last().and_then(|(_, code)| *code)
    }

    fn identify(&mut self) -> ConnectionId {
        let connection = self.open(Service::Gateway, GATEWAY);
        let d = identify(&self.discord.config().token.clone());
        self.send(connection, 2, d);
        connection
    }

    fn resume(&mut self, session: &Value, seq: u64) -> ConnectionId {
        let connection = self.open(Service::Gateway, RESUME);
        let token = self.discord.config().token.clone();
        self.send(connection, 6, json!({"token": token, "session_id": session, "seq": seq}));
        connection
    }

    /// Joins the first voice channel, up to the Session Description.
    fn join(&mut self, gateway: ConnectionId) -> Call {
        self.ask_to_join(gateway);
        self.connect(gateway)
    }

    fn ask_to_join(&mut self, gateway: ConnectionId) {
        let (guild, channel) = (self.discord.config().guild, self.discord.config().voice_channels[0].0);
        let d = json!({"guild_id": guild, "channel_id": channel, "self_mute": false, "self_deaf": false});
        self.send(gateway, 4, d);
    }

    fn credentials(&self, gateway: ConnectionId) -> Value {
        let state = self.named(gateway, "VOICE_STATE_UPDATE").unwrap();
        let server = self.named(gateway, "VOICE_SERVER_UPDATE").unwrap();
        json!({
            "server_id": server["guild_id"], "user_id": state["user_id"], "session_id": state["session_id"],
            "token": server["token"], "max_dave_protocol_version": 0,
        })
    }

    fn connect(&mut self, gateway: ConnectionId) -> Call {
        let voice = self.open(Service::Voice, "/?v=8");
        let credentials = self.credentials(gateway);
        self.send(voice, 0, credentials.clone());
        let ssrc = self.last(voice, 2).unwrap()["ssrc"].as_u64().unwrap() as u32;
        self.datagram(&probe(ssrc));
        let answer = self.datagrams.pop().unwrap();
        assert_eq!(answer[..8], [&[0, 2, 0, 70][..], &ssrc.to_be_bytes()].concat());
        assert_eq!(answer[8..18], *b"192.0.2.9\0");
        let port = u16::from_be_bytes([answer[72], answer[73]]);
        self.select(voice, port, "aead_aes256_gcm_rtpsize");
        let description = self.last(voice, 4).unwrap();
        let key = serde_json::from_value(description["secret_key"].clone()).unwrap();
        Call { voice, credentials, ssrc, key }
    }

    fn select(&mut self, voice: ConnectionId, port: u16, mode: &str) {
        let data = json!({"address": "192.0.2.9", "port": port, "mode": mode});
        self.send(voice, 1, json!({"protocol": "udp", "data": data}));
    }

    fn voice_seq(&self) -> i64 {
        self.frames.iter().rev().find_map(|(_, v)| v["seq"].as_i64()).unwrap_or(-1)
    }

    fn voice_beat(&mut self, voice: ConnectionId) {
        let seq = self.voice_seq();
        self.send(voice, 3, json!({"t": 7, "seq_ack": seq}));
    }

    /// What a client does in the background, for so long. Heartbeats of 5 s on both gateways.
    fn live(&mut self, seconds: u64, gateway: Option<ConnectionId>, voice: Option<ConnectionId>) {
        for second in 1..=seconds {
            self.sleep(1_000);
            if second % 5 == 0 {
                gateway.into_iter().for_each(|id| self.beat(id));
                voice.into_iter().for_each(|id| self.voice_beat(id));
                self.datagram(&[0; 8]);
            }
        }
    }
}

struct Call {
    voice: ConnectionId,
    credentials: Value,
    ssrc: u32,
    key: [u8; 32],
}

fn identify(token: &str) -> Value {
    let properties = json!({"os": "linux", "browser": "tiny", "device": "tiny"});
    json!({"token": token, "intents": 0x2_81, "properties": properties})
}

fn probe(ssrc: u32) -> Vec<u8> {
    let mut probe = vec![0, 1, 0, 70];
    probe.extend(ssrc.to_be_bytes());
    probe.resize(74, 0);
    probe
}

/// Heartbeats of 5 s, no script.
fn calm() -> Config {
    Config {
        heartbeat_interval: Duration::from_secs(5),
        voice_heartbeat_interval: Duration::from_secs(5),
        ..Config::quiet()
    }
}

#[test]
fn handshakes_lead_to_audio() {
    let mut client = Client::new(Config { speakers: Config::speakers(), ..calm() }, 1);
    let gateway = client.identify();
    assert_eq!(client.last(gateway, 10).unwrap()["heartbeat_interval"], 5_000);
    let ready = client.named(gateway, "READY").unwrap();
    assert_eq!(ready["guilds"][0]["unavailable"], true);
    let guild = client.named(gateway, "GUILD_CREATE").unwrap();
    assert_eq!(guild["voice_states"].as_array().unwrap().len(), 2);
    assert_eq!(client.seq(gateway), Some(2));

    let call = client.join(gateway);
    assert_eq!(client.last(call.voice, 11).unwrap()["user_ids"], json!([ALICE, BOB]));
    client.live(10, Some(gateway), Some(call.voice));
    assert_eq!(client.discord.violations(), []);

    let (reports, packets): (Vec<_>, Vec<_>) = client.datagrams.iter().partition(|data| is_rtcp(data));
    let mode = Mode::AeadAes256GcmRtpsize;
    let opened: Vec<_> = packets.iter().map(|data| open_rtp(mode, &call.key, data).unwrap()).collect();
    for (user, ssrc) in [(ALICE, 0x0A11_CE01), (BOB, 0x0000_0B0B)] {
        let got =
            opened.iter().filter(|p| p.ssrc == ssrc).map(|p| (p.sequence, p.timestamp, p.payload.clone()));
        let sent = client.discord.truth(user).map(|s| (s.sequence, s.timestamp, s.payload.clone()));
        assert!(got.clone().count() > 200);
        assert!(got.eq(sent));
        assert!(client.discord.truth(user).all(|sent| sent.fate == Fate::Delivered));
    }
    assert!(!reports.is_empty());
    for report in reports {
        assert_eq!(open_rtcp(mode, &call.key, report).unwrap().len(), 28);
    }
    let mut nonces: Vec<_> = client.datagrams.iter().map(|data| nonce_of(data)).collect();
    nonces.sort_unstable();
    nonces.dedup();
    assert_eq!(nonces.len(), client.datagrams.len());

    // Every shape is there, the numbers wrap, and a spurt ends in five frames of silence.
    assert!(opened.iter().any(|p| p.padding > 0) && opened.iter().any(|p| p.padding == 0));
    assert!(opened.iter().any(|p| !p.csrc.is_empty()) && opened.iter().any(|p| p.extension.is_none()));
    let alice: Vec<_> = client.discord.truth(ALICE).collect();
    assert_eq!((alice[0].sequence, alice[6].sequence), (65_530, 0));
    assert_eq!(alice[0].payload, Clip::alice().packets()[0]);
    assert!(alice[110..115].iter().all(|sent| *sent.payload == SILENCE));
    assert!(alice[115].payload.is_empty() && !alice[116].payload.is_empty());
    // 110 packets, five of silence and the padding take 20 ms each, then 900 ms pass.
    assert_eq!(alice[116].timestamp.wrapping_sub(alice[0].timestamp), 116 * 960 + 900 * 48);
    assert_eq!(alice[116].sent_at.since(alice[0].sent_at), Duration::from_millis(116 * 20 + 900));

    // Alice's mapping follows her third packet.
    let third = alice[2].sent_at;
    let mut early = Client::new(Config { speakers: Config::speakers(), ..calm() }, 1);
    let gateway = early.identify();
    let call = early.join(gateway);
    early.sleep(third.since(early.now).as_millis() as u64 - 1);
    assert!(early.datagrams.len() >= 2 && early.last(call.voice, 5).is_none());
    early.sleep(2);
    assert_eq!(early.last(call.voice, 5).unwrap()["ssrc"], 0x0A11_CE01);
}

#[test]
fn both_modes_work_and_dead_ones_do_not() {
    let modes = ["xsalsa20_poly1305", "aead_xchacha20_poly1305_rtpsize"];
    let config = Config { modes: modes.map(Into::into).into(), speakers: Config::speakers(), ..calm() };
    for (mode, code) in [(modes[1], None), (modes[0], Some(4016)), ("aead_aes256_gcm_rtpsize", Some(4016))] {
        let mut client = Client::new(config.clone(), 2);
        let gateway = client.identify();
        client.ask_to_join(gateway);
        let voice = client.open(Service::Voice, "/?v=8");
        let credentials = client.credentials(gateway);
        client.send(voice, 0, credentials);
        let ssrc = client.last(voice, 2).unwrap()["ssrc"].as_u64().unwrap() as u32;
        client.datagram(&probe(ssrc));
        client.datagrams.clear();
        client.select(voice, PEER.1, mode);
        assert_eq!(client.code(), code);
        client.sleep(500);
        if code.is_none() {
            let key = &client.last(voice, 4).unwrap()["secret_key"];
            let key = serde_json::from_value(key.clone()).unwrap();
            let data = client.datagrams.iter().find(|data| !is_rtcp(data)).unwrap();
            let packet = open_rtp(Mode::AeadXChaCha20Poly1305Rtpsize, &key, data).unwrap();
            assert_eq!(packet.payload, Clip::alice().packets()[0]);
        }
        assert_eq!(client.rules().is_empty(), mode != "aead_aes256_gcm_rtpsize");
    }
}

#[test]
fn the_same_seed_and_inputs_give_the_same_outputs() {
    let play = |seed| {
        let media = MediaFaults {
            loss: 0.1,
            reorder: 0.1,
            duplicate: 0.1,
            hostile: Some(Duration::from_millis(100)),
        };
        let mut client =
            Client::new(Config { media, voice_order: VoiceOrder::Random, ..Config::default() }, seed);
        let gateway = client.identify();
        let call = client.join(gateway);
        client.live(8, Some(gateway), Some(call.voice));
        client.transcript
    };
    assert_eq!(play(3), play(3));
    assert_ne!(play(3), play(4));
}

#[test]
fn a_resume_replays_what_was_missed_and_no_more() {
    let mut client = Client::new(Config { chatter: Some(Duration::from_millis(300)), ..calm() }, 5);
    let first = client.identify();
    client.sleep(1_000);
    let session = client.named(first, "READY").unwrap()["session_id"].clone();
    let seq = client.seq(first).unwrap();
    client.discord.cut_gateway(client.now);
    client.drain();
    assert_eq!(client.closes, [(first, None)]);
    client.sleep(2_000);
    let second = client.resume(&session, seq);
    client.sleep(1_000);

    let dispatches = [client.dispatches(first), client.dispatches(second)].concat();
    let numbers: Vec<_> = dispatches.iter().map(|(_, s, _)| *s).collect();
    assert_eq!(numbers, (1..=dispatches.len() as u64).collect::<Vec<_>>());
    let chatter = dispatches.iter().filter(|(t, _, _)| *t == "MESSAGE_CREATE");
    let chatter: Vec<_> =
        chatter.map(|(_, _, d)| d["nonce"].as_str().unwrap().parse::<u64>().unwrap()).collect();
    assert_eq!(chatter, (1..=client.discord.report().chatter).collect::<Vec<_>>());
    assert!(client.named(second, "RESUMED").is_some());
    assert_eq!((client.discord.report().resumes, client.discord.report().replayed), (1, 7));
    assert_eq!(client.discord.violations(), []);

    // RESUMED itself is not replayed by a later resume.
    let seq = client.seq(second).unwrap();
    client.close(second, 4000);
    let third = client.resume(&session, seq);
    assert_eq!(client.dispatches(third).iter().map(|(t, _, _)| *t).collect::<Vec<_>>(), ["RESUMED"]);
    assert_eq!(client.discord.violations(), []);

    // A clean close ends the session.
    let seq = client.seq(third).unwrap();
    client.close(third, 1000);
    assert_eq!(client.discord.report().client_closes, [(Service::Gateway, 4000), (Service::Gateway, 1000)]);
    let fourth = client.resume(&session, seq);
    assert_eq!(client.last(fourth, 9), Some(&json!(false)));
    assert_eq!(client.discord.violations(), []);
}

#[test]
fn resumes_that_cannot_be_are_told_apart() {
    let mut client = Client::new(Config { replay_limit: 3, ..calm() }, 6);
    let first = client.identify();
    let session = client.named(first, "READY").unwrap()["session_id"].clone();
    client.close(first, 4000);
    for n in 0..9 {
        client.discord.dispatch(client.now, "TYPING_START", json!({ "n": n }));
    }
    let second = client.resume(&session, 2);
    assert_eq!(client.last(second, 9), Some(&json!(false)), "more was missed than is kept");
    assert_eq!(client.discord.violations(), []);

    client.sleep(6_000);
    let third = client.identify();
    let session = client.named(third, "READY").unwrap()["session_id"].clone();
    client.close(third, 4000);
    client.resume(&session, 99);
    assert_eq!(client.code(), Some(4007));
    assert_eq!(client.rules(), [Rule::Acknowledgement]);

    let wrong = client.open(Service::Gateway, GATEWAY);
    let token = client.discord.config().token.clone();
    client.send(wrong, 6, json!({"token": token, "session_id": session, "seq": 1}));
    assert_eq!(client.rules().last(), Some(&Rule::ResumeUrl));
}

#[test]
fn heartbeats_are_held_to_their_time_and_number() {
    let mut client = Client::new(calm(), 7);
    let gateway = client.identify();
    client.sleep(5_000);
    client.beat(gateway);
    assert!(client.last(gateway, 11).is_some());
    assert_eq!(client.rules(), []);
    client.sleep(1_000);
    client.beat(gateway);
    assert_eq!(client.rules(), [Rule::Heartbeat], "too early");
    client.sleep(6_500);
    client.beat(gateway);
    assert_eq!(client.rules().len(), 2, "too late");
    client.sleep(5_000);
    client.send(gateway, 1, json!(99));
    assert_eq!(client.rules().last(), Some(&Rule::Acknowledgement), "never sent");
    client.sleep(5_000);
    client.send(gateway, 1, Value::Null);
    assert_eq!(client.rules().len(), 4, "it must have got READY");
    client.sleep(9_000);
    assert_eq!(client.code(), Some(4009));
    assert_eq!(client.rules().len(), 5);

    // A heartbeat that was asked for does not count as early.
    let mut client = Client::new(calm(), 7);
    let gateway = client.identify();
    client.sleep(4_000);
    client.beat(gateway);
    client.discord.request_heartbeat(client.now);
    client.drain();
    assert!(client.last(gateway, 1).is_some());
    client.beat(gateway);
    assert_eq!(client.rules(), []);
    client.discord.silence_acks(client.now, true);
    let acks = client.frames.iter().filter(|(_, v)| v["op"] == 11).count();
    client.sleep(5_000);
    client.beat(gateway);
    assert_eq!(client.frames.iter().filter(|(_, v)| v["op"] == 11).count(), acks);
    assert_eq!(client.rules(), []);
}

#[test]
fn bad_identifies_are_closed_with_their_codes() {
    let config = Config { disallowed_intents: 1 << 15, ..calm() };
    let token = config.token.clone();
    let with = |key: &str, value: Value| {
        let mut d = identify(&token);
        d[key] = value;
        d
    };
    for (d, code, rules) in [
        (with("token", json!("wrong")), 4004, vec![]),
        (with("token", json!(format!("Bot {token}"))), 4004, vec![Rule::Payload]),
        (with("intents", json!(1 << 15)), 4014, vec![]),
        (with("intents", json!(1_u64 << 40)), 4013, vec![]),
        (with("shard", json!([2, 2])), 4010, vec![]),
        (with("properties", json!({})), 4002, vec![Rule::Payload]),
    ] {
        let mut client = Client::new(config.clone(), 8);
        let gateway = client.open(Service::Gateway, GATEWAY);
        client.send(gateway, 2, d);
        assert_eq!(client.closes, [(gateway, Some(code))]);
        assert_eq!(client.rules(), rules);
        client.identify();
        let dead = if code == 4002 { 0 } else { 1 };
        assert_eq!(client.rules().len(), rules.len() + dead, "after {code}");
    }
}

#[test]
fn misuse_of_the_gateway_is_noticed() {
    let cases: [(&str, u16, Rule); 6] = [
        (r#"{"op":3,"d":{}}"#, 4003, Rule::Order),
        (r#"{"op":12,"d":{}}"#, 4001, Rule::Order),
        ("hello", 4002, Rule::Payload),
        (r#"{"op":2,"d":{}}"#, 4002, Rule::Payload),
        (r#"{"op":1,"d":"5"}"#, 4002, Rule::Payload),
        (r#"{"op":6,"d":{}}"#, 4002, Rule::Payload),
    ];
    for (text, code, rule) in cases {
        let mut client = Client::new(calm(), 9);
        let gateway = client.open(Service::Gateway, GATEWAY);
        client.input(ServerInput::Frame(gateway, Frame::Text(Bytes::from_static(text.as_bytes()))));
        assert_eq!((client.code(), client.rules()), (Some(code), vec![rule]), "{text}");
    }

    let mut client = Client::new(calm(), 9);
    let gateway = client.identify();
    client.send(gateway, 2, identify("again"));
    assert_eq!(client.code(), Some(4005));
    client.sleep(6_000);
    let gateway = client.identify();
    client.send(gateway, 3, json!({"status": "x".repeat(5_000)}));
    assert_eq!(client.code(), Some(4002));
    client.sleep(6_000);
    let gateway = client.identify();
    for _ in 0..119 {
        client.send(gateway, 3, json!({}));
    }
    assert_eq!(client.rules(), [Rule::Order, Rule::Size]);
    client.send(gateway, 3, json!({}));
    assert_eq!((client.code(), client.rules().last()), (Some(4008), Some(&Rule::SendRate)));

    client.sleep(6_000);
    client.identify();
    let hasty = client.identify();
    assert_eq!(client.last(hasty, 9), Some(&json!(false)));
    assert_eq!(client.rules().last(), Some(&Rule::IdentifyRate));

    for target in ["/", "/?v=9&encoding=json", "/?v=10&encoding=json&compress=zlib-stream"] {
        client.open(Service::Gateway, target);
        assert_eq!((client.refused.pop(), client.rules().last()), (Some(400), Some(&Rule::Target)));
    }
}

#[test]
fn a_voice_resume_replays_and_media_go_on() {
    let speaker = Speaker { announce: Announce::AfterPackets(30), ..Config::speakers().remove(1) };
    let config = Config { speakers: vec![Speaker { start: Duration::ZERO, ..speaker }], ..calm() };
    let mut client = Client::new(config, 10);
    let gateway = client.identify();
    let call = client.join(gateway);
    client.sleep(200);
    client.voice_beat(call.voice);
    assert_eq!(client.last(call.voice, 6), Some(&json!({"t": 7})));
    let seq = client.voice_seq();
    client.discord.cut_voice(client.now);
    client.drain();
    let before = client.datagrams.len();
    client.sleep(1_000);
    assert!(client.datagrams.len() >= before + 50);

    let voice = client.open(Service::Voice, "/?v=8");
    let mut d = call.credentials.clone();
    d["seq_ack"] = json!(seq);
    client.send(voice, 7, d.clone());
    let ops: Vec<_> = client.frames.iter().filter(|(id, _)| *id == voice).map(|(_, v)| &v["op"]).collect();
    assert_eq!(ops, [8, 9, 5]);
    assert_eq!(client.voice_seq(), seq + 1);
    assert_eq!(client.discord.report().voice_resumes, 1);
    assert_eq!(client.discord.violations(), []);

    // A session that can be resumed must not be identified, and a finished one can be neither.
    let again = client.open(Service::Voice, "/?v=8");
    client.send(again, 0, call.credentials.clone());
    assert_eq!((client.code(), client.rules()), (Some(4006), vec![Rule::Order]));
    client.discord.close_voice(client.now, 4014);
    client.drain();
    client.sleep(2_000);
    let late = client.open(Service::Voice, "/?v=8");
    client.send(late, 7, d);
    assert_eq!((client.code(), client.rules()), (Some(4006), vec![Rule::Order, Rule::Dead]));
}

#[test]
fn misuse_of_the_voice_server_is_noticed() {
    let mut client = Client::new(calm(), 11);
    client.open(Service::Voice, "/?v=4");
    assert_eq!((client.refused.pop(), client.rules().pop()), (Some(400), Some(Rule::Target)));

    let gateway = client.identify();
    client.ask_to_join(gateway);
    let voice = client.open(Service::Voice, "/?v=8");
    client.send(voice, 1, json!({}));
    assert_eq!((client.code(), client.rules().pop()), (Some(4003), Some(Rule::Order)));
    let voice = client.open(Service::Voice, "/?v=8");
    let mut wrong = client.credentials(gateway);
    wrong["token"] = json!("wrong");
    client.send(voice, 0, wrong);
    assert_eq!(client.code(), Some(4004));

    let call = client.connect(gateway);
    let count = client.rules().len();
    assert_eq!(count, 2);
    client.datagram(&probe(call.ssrc)[..70]);
    client.datagram(&probe(call.ssrc ^ 1));
    assert_eq!(client.rules()[count..], [Rule::Discovery; 2]);

    // Media before Speaking; a nonce that serves twice.
    let mut seal = crate::rtp::Seal::new(Mode::AeadAes256GcmRtpsize, call.key, 0);
    let packet = crate::rtp::Packet { payload_type: 120, ssrc: call.ssrc, sequence: 5, ..Default::default() };
    let data = seal.rtp(&packet);
    client.datagram(&data);
    assert_eq!(client.rules().last(), Some(&Rule::Speaking));
    client.send(call.voice, 5, json!({"speaking": 1, "delay": 0, "ssrc": call.ssrc}));
    let count = client.rules().len();
    client.datagram(&seal.rtp(&crate::rtp::Packet { sequence: 6, ..packet.clone() }));
    assert_eq!(client.rules().len(), count);
    let mut reset = crate::rtp::Seal::new(Mode::AeadAes256GcmRtpsize, call.key, 0);
    client.datagram(&reset.rtp(&crate::rtp::Packet { sequence: 7, ..packet }));
    client.datagram(&data[..data.len() - 1]);
    assert_eq!(client.rules()[count..], [Rule::Nonce, Rule::Media]);

    // Wrong acknowledgements, then silence on both paths.
    client.send(call.voice, 3, json!({"t": 1, "seq_ack": 4_000}));
    assert_eq!(client.rules().last(), Some(&Rule::Acknowledgement));
    for _ in 0..3 {
        client.sleep(4_000);
        client.beat(gateway);
        client.voice_beat(call.voice);
    }
    assert_eq!(client.rules().last(), Some(&Rule::Keepalive));
    client.sleep(9_000);
    assert!(client.closes.contains(&(call.voice, Some(4009))));
}

#[test]
fn select_protocol_names_what_was_found() {
    let mut client = Client::new(calm(), 12);
    let gateway = client.identify();
    client.ask_to_join(gateway);
    let voice = client.open(Service::Voice, "/?v=8");
    let credentials = client.credentials(gateway);
    client.send(voice, 0, credentials);
    client.select(voice, 1, "aead_aes256_gcm_rtpsize");
    assert_eq!(client.rules(), [Rule::SelectProtocol]);
}

#[test]
fn faults_happen_once_each_at_their_step() {
    let mut config = calm();
    config.faults.refuse_gateway.push_back(503);
    config.faults.gateway.extend([(GatewayStep::Hello, End::Cut), (GatewayStep::Ready, End::Close(4000))]);
    config.faults.reconnect_instead_of_hello = 1;
    config.faults.voice.extend([(VoiceStep::Ready, End::Close(4015)), (VoiceStep::Discovery, End::Cut)]);
    config.faults.discovery.extend([
        DiscoveryFault::Silence,
        DiscoveryFault::Garbage,
        DiscoveryFault::WrongSsrc,
        DiscoveryFault::Truncated,
        DiscoveryFault::Echo,
        DiscoveryFault::Unterminated,
        DiscoveryFault::Late(Duration::from_secs(2)),
    ]);
    config.faults.full_channel = 1;
    config.voice_order = VoiceOrder::ServerFirst;
    let mut client = Client::new(config, 13);
    client.open(Service::Gateway, GATEWAY);
    assert_eq!(client.refused, [503]);
    let cut = client.open(Service::Gateway, GATEWAY);
    assert_eq!(client.closes, [(cut, None)]);
    let reconnect = client.open(Service::Gateway, GATEWAY);
    assert_eq!(client.frames, [(reconnect, json!({"t": null, "s": null, "op": 7, "d": null}))]);
    client.identify();
    assert_eq!(client.code(), Some(4000));
    client.sleep(6_000);
    let gateway = client.identify();
    client.ask_to_join(gateway);
    assert!(client.named(gateway, "VOICE_SERVER_UPDATE").is_none());
    client.ask_to_join(gateway);
    let names: Vec<_> = client.dispatches(gateway)[2..].iter().map(|(t, _, _)| *t).collect();
    assert_eq!(names, ["VOICE_SERVER_UPDATE", "VOICE_STATE_UPDATE"]);

    let credentials = client.credentials(gateway);
    let voice = client.open(Service::Voice, "/?v=8");
    client.send(voice, 0, credentials.clone());
    assert_eq!(client.code(), Some(4015));
    let voice = client.open(Service::Voice, "/?v=8");
    client.send(voice, 0, credentials);
    let ssrc = client.last(voice, 2).unwrap()["ssrc"].as_u64().unwrap() as u32;
    client.datagram(&probe(ssrc));
    assert_eq!(client.closes.last(), Some(&(voice, None)));
    for _ in 0..7 {
        client.datagram(&probe(ssrc));
    }
    assert_eq!(client.datagrams.iter().map(Bytes::len).collect::<Vec<_>>(), [74, 74, 70, 74, 74]);
    assert_eq!(client.datagrams[3], probe(ssrc));
    client.sleep(2_000);
    assert_eq!(client.datagrams[5][..8], [&[0, 2, 0, 70][..], &ssrc.to_be_bytes()].concat());
    assert_eq!(client.discord.violations(), []);
}

#[test]
fn the_bot_is_moved_kicked_and_left_without_a_server() {
    let config = calm();
    let corner = config.voice_channels[1].0;
    let mut client = Client::new(Config { speakers: Config::speakers(), ..config }, 14);
    let gateway = client.identify();
    let call = client.join(gateway);
    client.sleep(500);

    client.discord.move_bot(client.now, corner);
    client.drain();
    assert_eq!(client.closes.last(), Some(&(call.voice, Some(4014))));
    assert_eq!(client.named(gateway, "VOICE_STATE_UPDATE").unwrap()["channel_id"], json!(corner));
    let heard = client.datagrams.len();
    let moved = client.connect(gateway);
    assert_eq!(client.last(moved.voice, 11), None, "nobody else is in the corner");
    client.sleep(500);
    assert_eq!(client.datagrams.len(), heard);
    assert!(client.discord.truth(ALICE).any(|sent| sent.fate == Fate::Unheard));

    client.discord.voice_server_change(client.now);
    client.drain();
    assert_eq!(client.closes.last(), Some(&(moved.voice, Some(4014))));
    let changed = client.connect(gateway);
    assert_ne!(changed.credentials["token"], moved.credentials["token"]);

    client.discord.endpoint_null(client.now);
    client.drain();
    assert_eq!(client.named(gateway, "VOICE_SERVER_UPDATE").unwrap()["endpoint"], Value::Null);
    client.sleep(1_500);
    client.discord.voice_server_change(client.now);
    client.drain();
    client.connect(gateway);

    client.discord.kick(client.now, client.discord.config().bot);
    client.drain();
    assert_eq!(client.code(), Some(4014));
    assert_eq!(client.named(gateway, "VOICE_STATE_UPDATE").unwrap()["channel_id"], Value::Null);
    assert_eq!(client.discord.bot_channel(), None);

    let call = client.join(gateway);
    client.discord.kick(client.now, BOB);
    client.discord.arrive(client.now, BOB);
    client.drain();
    assert_eq!(client.last(call.voice, 13).unwrap()["user_id"], json!(BOB));
    assert_eq!(client.last(call.voice, 11).unwrap()["user_ids"], json!([BOB]));

    let guild = client.discord.config().guild;
    let d = json!({"guild_id": guild, "channel_id": null, "self_mute": false, "self_deaf": false});
    client.send(gateway, 4, d);
    client.close(call.voice, 1000);
    assert_eq!(client.discord.report().leaves, 1);
    assert_eq!(client.discord.report().client_closes, [(Service::Voice, 1000)]);
    assert_eq!(client.discord.violations(), []);
}

#[test]
fn an_invalid_session_takes_the_call_with_it() {
    let mut client = Client::new(calm(), 15);
    let gateway = client.identify();
    let call = client.join(gateway);
    let session = client.named(gateway, "READY").unwrap()["session_id"].clone();
    client.discord.invalidate(client.now, false);
    client.drain();
    assert_eq!(client.last(gateway, 9), Some(&json!(false)));
    assert_eq!(client.closes, [(call.voice, Some(4014))]);
    client.close(gateway, 4000);
    client.resume(&session, 2);
    assert_eq!(client.rules(), [Rule::Dead]);
}

#[test]
fn the_demonstration_cuts_both_gateways() {
    let mut client = Client::new(Config::default(), 16);
    let gateway = client.identify();
    let call = client.join(gateway);
    let session = client.named(gateway, "READY").unwrap()["session_id"].clone();
    client.sleep(2_999);
    assert_eq!(client.closes, []);
    client.sleep(2);
    assert_eq!(client.closes, [(gateway, None)]);
    let seq = client.seq(gateway).unwrap();
    let resumed = client.resume(&session, seq);
    client.sleep(2_000);
    assert_eq!(client.closes[1..], [(call.voice, None)]);
    assert!(client.named(resumed, "RESUMED").is_some());
    assert!(client.discord.script_is_done());
    assert_eq!(client.discord.violations(), []);
}

#[test]
fn media_faults_and_hostile_datagrams_are_on_record() {
    let media =
        MediaFaults { loss: 0.05, reorder: 0.05, duplicate: 0.05, hostile: Some(Duration::from_millis(50)) };
    let mut client = Client::new(Config { speakers: Config::speakers(), media, ..calm() }, 17);
    let gateway = client.identify();
    let call = client.join(gateway);
    client.live(20, Some(gateway), Some(call.voice));
    let mode = Mode::AeadAes256GcmRtpsize;
    for (user, ssrc) in [(ALICE, 0x0A11_CE01), (BOB, 0x0000_0B0B)] {
        let counts = client.discord.report().media[&user];
        assert!(counts.lost > 5 && counts.delayed > 5 && counts.duplicated > 5, "{counts:?}");
        let packets = client.datagrams.iter().filter_map(|data| open_rtp(mode, &call.key, data).ok());
        let mut got: Vec<_> = packets.filter(|p| p.ssrc == ssrc).map(|p| (p.timestamp, p.sequence)).collect();
        got.sort_unstable();
        got.dedup();
        let settled = client.now.since_origin() - Duration::from_millis(100);
        let sent = client.discord.truth(user).filter(|sent| sent.sent_at.since_origin() < settled);
        for sent in sent {
            let arrived = got.binary_search(&(sent.timestamp, sent.sequence)).is_ok();
            assert_eq!(arrived, sent.fate != Fate::Lost, "{sent:?}");
        }
    }
    assert!(client.discord.report().hostile > 300);
    assert!(client.datagrams.iter().any(|data| data.len() == 65_507));
    assert!(client.datagrams.iter().any(Bytes::is_empty));
    assert_eq!(client.discord.violations(), []);
}

#[test]
fn rest_answers_as_discord_does() {
    let mut config = calm();
    config.faults.rest.extend([
        RestFault::Status(502),
        RestFault::RateLimited { retry_after: Duration::from_millis(1_500), global: false },
    ]);
    let (token, guild, channel) = (format!("Bot {}", config.token), config.guild, config.text_channel.0);
    let mut client = Client::new(config, 18);
    let agent = "DiscordBot (https://example.org, 1)";
    let bot = "/api/v10/gateway/bot";
    let json = |response: &Response| serde_json::from_slice::<Value>(&response.body).unwrap();

    assert_eq!(client.get(Method::Get, bot, &token, agent, "").status, 502);
    let limited = client.get(Method::Get, bot, &token, agent, "");
    assert_eq!((limited.status, &json(&limited)["retry_after"]), (429, &json!(1.5)));
    assert_eq!(client.rules(), []);
    client.sleep(1_000);
    assert_eq!(client.get(Method::Get, bot, &token, agent, "").status, 429);
    assert_eq!(client.rules(), [Rule::RestRate]);
    client.sleep(500);
    let answer = client.get(Method::Get, bot, &token, agent, "");
    assert_eq!(json(&answer)["session_start_limit"]["max_concurrency"], 1);
    assert_eq!(answer.header("x-ratelimit-remaining"), Some("49"));

    let unauthorized = client.get(Method::Get, bot, "Bot wrong", agent, "");
    assert_eq!(
        (unauthorized.status, json(&unauthorized)),
        (401, json!({"message": "401: Unauthorized", "code": 0}))
    );
    assert_eq!(client.get(Method::Get, bot, &token, "curl/8", "").status, 403);
    assert_eq!(client.rules(), [Rule::RestRate, Rule::UserAgent]);
    for (target, status, code) in [
        (format!("/api/v10/guilds/{guild}"), 200, Value::Null),
        (format!("/api/v10/channels/{channel}"), 200, Value::Null),
        ("/api/v10/guilds/5".into(), 404, json!(10_004)),
        ("/api/v10/channels/5".into(), 404, json!(10_003)),
        ("/api/v10/nothing".into(), 404, json!(0)),
        ("/".into(), 404, json!(0)),
    ] {
        let answer = client.get(Method::Get, &target, &token, agent, "");
        assert_eq!((answer.status, &json(&answer)["code"]), (status, &code), "{target}");
    }

    let gateway = client.identify();
    let target = format!("/api/v10/channels/{channel}/messages");
    let posted = client.get(Method::Post, &target, &token, agent, r#"{"content":"hi"}"#);
    assert_eq!(json(&posted)["content"], "hi");
    assert_eq!(client.named(gateway, "MESSAGE_CREATE"), Some(&json(&posted)));
}
