//! A small client, and what it sees of our Discord.

mod commands;
mod compression;
mod dave;
mod faults;
mod gateway;
mod limits;
mod rest;
mod sharding;
mod voice;

use std::net::SocketAddr;

use bytes::Bytes;
use sanscord::machine::{CloseFrame, Frame, Method, Response};
use serde_json::Value;

use self::compression::Inflater;
use super::*;
use crate::server::{ConnectionId, ExchangeId};
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
    /// Binary messages as they came.
    packed: Vec<(ConnectionId, Bytes)>,
    inflaters: BTreeMap<ConnectionId, Inflater>,
    /// Connections on which something could not be inflated.
    broken: Vec<ConnectionId>,
    closes: Vec<(ConnectionId, Option<u16>)>,
    refused: Vec<u16>,
    datagrams: Vec<Bytes>,
    responses: Vec<Response>,
    /// Requests whose connection was cut.
    resets: usize,
    transcript: String,
    voices: Vec<ConnectionId>,
    /// The newest version of end-to-end encryption that it offers.
    dave: u64,
}

impl Client {
    fn new(config: Config, seed: u64) -> Self {
        Self {
            discord: Discord::new(config, seed),
            now: Timestamp::ZERO,
            wait: None,
            minted: 0,
            frames: vec![],
            packed: vec![],
            inflaters: BTreeMap::new(),
            broken: vec![],
            closes: vec![],
            refused: vec![],
            datagrams: vec![],
            responses: vec![],
            resets: 0,
            transcript: String::new(),
            voices: vec![],
            dave: 0,
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
                ServerOutput::SendFrame(id, Frame::Binary(data)) if self.voices.contains(&id) => {
                    self.transcript.push_str(&format!("{data:?}"));
                    let [s0, s1, op, payload @ ..] = &data[..] else { panic!("too short: {data:?}") };
                    let seq = u16::from_be_bytes([*s0, *s1]);
                    self.frames.push((id, json!({"op": op, "d": payload, "seq": seq})));
                }
                ServerOutput::SendFrame(id, Frame::Binary(data)) => {
                    self.transcript.push_str(&format!("{data:?}"));
                    match self.inflaters.get_mut(&id).unwrap().inflate(&data) {
                        Ok(Some(text)) => self.frames.push((id, serde_json::from_slice(&text).unwrap())),
                        Ok(None) => {}
                        Err(()) => self.broken.push(id),
                    }
                    self.packed.push((id, data));
                }
                ServerOutput::Close(id, frame) => self.closes.push((id, Some(frame.code))),
                ServerOutput::Cut(id) => self.closes.push((id, None)),
                ServerOutput::SendDatagram { to, data } => {
                    assert_eq!(to, SocketAddr::from(PEER));
                    self.transcript.push_str(&format!("{data:?}"));
                    self.datagrams.push(data);
                }
                ServerOutput::Respond(_, response) => self.responses.push(response),
                ServerOutput::Reset(_) => self.resets += 1,
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
        self.inflaters.insert(connection, Inflater::new(target));
        if service == Service::Voice {
            self.voices.push(connection);
        }
        self.input(ServerInput::Upgrade { connection, service, target: target.into() });
        connection
    }

    fn send(&mut self, connection: ConnectionId, op: u8, d: Value) {
        let text = json!({"op": op, "d": d}).to_string();
        self.input(ServerInput::Frame(connection, Frame::Text(text.into())));
    }

    fn send_binary(&mut self, connection: ConnectionId, op: u8, payload: &[u8]) {
        let data = [&[op], payload].concat();
        self.input(ServerInput::Frame(connection, Frame::Binary(data.into())));
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
        self.identify_with(json!({}))
    }

    /// An Identify with these fields beside or instead of the usual.
    fn identify_with(&mut self, fields: Value) -> ConnectionId {
        let connection = self.open(Service::Gateway, GATEWAY);
        let mut d = identify(&self.discord.config().token.clone());
        for (key, value) in fields.as_object().unwrap() {
            d[key] = value.clone();
        }
        self.send(connection, 2, d);
        connection
    }

    /// The numbers of the chatter that reached these connections from a guild.
    fn chatter(&self, connections: &[ConnectionId], guild: GuildId) -> Vec<u64> {
        let all = connections.iter().flat_map(|id| self.dispatches(*id));
        let mine = all.filter(|(t, _, d)| *t == "MESSAGE_CREATE" && d["guild_id"] == json!(guild));
        mine.map(|(_, _, d)| d["nonce"].as_str().unwrap().parse().unwrap()).collect()
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
            "token": server["token"], "max_dave_protocol_version": self.dave,
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
