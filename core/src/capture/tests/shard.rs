//! A shard's session, with each compression.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;
use serde_json::{Value, json};

use super::Bench;
use crate::capture::{
    Capture, ReplayError, Replayable, Replayed, ShardAnswer, ShardCall, ShardSetup, replay,
};
use crate::gateway::Intents;
use crate::gateway::command::{Command, MembersRequest, Presence};
use crate::gateway::config::{Config, Delivery};
use crate::gateway::event::{Disconnect, Event};
use crate::gateway::inflate::Compression;
use crate::gateway::session::Session;
use crate::gateway::shard::{Shard, Start};
use crate::id::GuildId;
use crate::machine::{CloseFrame, Closed, Frame, Input, Output, SocketId};
use crate::secret::Token;

const TOKEN: &str = "MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.ZnCjm1XVW7vRze4b7Cq4se7kKWs";
const SAVED: &str = "5ae05fd46aaae5c86a5ff9a4c2c2f8b0";
const FIRST: &str = "9c1f0e2d3b4a59687766554433221100";
const VOICE: &str = "66d29164ee8cd919";
const INTERACTION: &str = "aW50ZXJhY3Rpb246MTEwMDp4eXo_-secret";
const WEBHOOK: &str = "3d89bb7572e0fb30d8128367b3b1b44fecd1726de135cbe28a41f8b2f777c372";
const SECRETS: [&str; 6] = [TOKEN, SAVED, FIRST, VOICE, INTERACTION, WEBHOOK];

/// The server's side of a connection.
enum Server {
    Plain,
    Payload,
    Zlib(zlib_rs::Deflate),
    Zstd(Box<zstd_safe::CCtx<'static>>),
}

impl Server {
    fn new(compression: Compression) -> Self {
        match compression {
            Compression::None => Self::Plain,
            Compression::Payload => Self::Payload,
            Compression::ZlibStream => Self::Zlib(zlib_rs::Deflate::new(6, true, 15)),
            Compression::ZstdStream => Self::Zstd(Box::new(zstd_safe::CCtx::create())),
        }
    }

    fn frame(&mut self, text: &str) -> Frame {
        let mut data = vec![0; text.len() + 1_000];
        let length = match self {
            Self::Plain => return Frame::Text(Bytes::copy_from_slice(text.as_bytes())),
            Self::Payload => {
                let mut deflate = zlib_rs::Deflate::new(6, true, 15);
                deflate.compress(text.as_bytes(), &mut data, zlib_rs::DeflateFlush::Finish).unwrap();
                deflate.total_out()
            }
            Self::Zlib(deflate) => {
                let before = deflate.total_out();
                deflate.compress(text.as_bytes(), &mut data, zlib_rs::DeflateFlush::SyncFlush).unwrap();
                deflate.total_out() - before
            }
            Self::Zstd(context) => {
                let mut input = zstd_safe::InBuffer::around(text.as_bytes());
                let mut output = zstd_safe::OutBuffer::around(&mut data[..]);
                let flush = zstd_safe::zstd_sys::ZSTD_EndDirective::ZSTD_e_flush;
                context.compress_stream2(&mut output, &mut input, flush).unwrap();
                output.pos() as u64
            }
        };
        data.truncate(usize::try_from(length).unwrap());
        Frame::Binary(data.into())
    }
}

struct Discord {
    bench: Bench<Shard>,
    compression: Compression,
    server: Server,
    socket: Option<SocketId>,
    seq: u64,
}

impl Discord {
    fn new(compression: Compression, session: Option<Session>) -> Self {
        let config = Config {
            compression,
            max_message: 1 << 20,
            delivery: Delivery::AtLeastOnce,
            presence: Some(Presence::default()),
            ..Config::new(Token::new(TOKEN), Intents::GUILDS | Intents::GUILD_MEMBERS)
        };
        let start = Start { session, ..Start::new("wss://gateway.test/") };
        let capture = Capture::new(ShardSetup { config, start }, [7; 32], "shard.jsonl");
        let mut bench = Bench::new(capture);
        bench.input(Input::Timeout);
        Self { bench, compression, server: Server::Plain, socket: None, seq: 0 }
    }

    /// The newest socket.
    fn opened(&self) -> SocketId {
        let opened = |output: &Output<Event>| match output {
            Output::OpenWebSocket { socket, .. } => Some(*socket),
            _ => None,
        };
        self.bench.outputs.iter().rev().find_map(opened).unwrap()
    }

    fn accept(&mut self) {
        while self.socket == Some(self.opened()) {
            self.bench.sleep();
        }
        let socket = self.opened();
        self.socket = Some(socket);
        self.server = Server::new(self.compression);
        self.bench.input(Input::Opened(socket));
        self.send(&json!({"op": 10, "d": {"heartbeat_interval": 41250}}));
    }

    fn send(&mut self, message: &Value) {
        self.send_text(&message.to_string());
    }

    fn send_text(&mut self, text: &str) {
        let frame = self.server.frame(text);
        match frame {
            // A message in two frames.
            Frame::Binary(data) if self.compression == Compression::ZlibStream => {
                let cut = data.len() / 2;
                for part in [data.slice(..cut), data.slice(cut..)] {
                    self.bench.input(Input::Frame(self.socket.unwrap(), Frame::Binary(part)));
                }
            }
            frame => self.bench.input(Input::Frame(self.socket.unwrap(), frame)),
        }
    }

    fn dispatch(&mut self, name: &str, d: &str) {
        self.seq += 1;
        self.send_text(&format!(r#"{{"t":"{name}","s":{},"op":0,"d":{d}}}"#, self.seq));
    }

    fn ready(&mut self) {
        let d = json!({"v": 10, "user": {"id": "42"}, "session_id": FIRST, "guilds": [],
            "resume_gateway_url": "wss://resume.test"});
        self.dispatch("READY", &d.to_string());
    }

    fn sent(&self) -> Vec<Value> {
        let sent = |output: &Output<Event>| match output {
            Output::SendFrame(_, Frame::Text(text)) => Some(serde_json::from_slice(text).unwrap()),
            _ => None,
        };
        self.bench.outputs.iter().filter_map(sent).collect()
    }
}

/// A life with all that happens in one.
fn life(compression: Compression) -> Bench<Shard> {
    let saved = Session { id: SAVED.into(), resume_url: None, seq: 5, delivered: 7, user: None };
    let mut discord = Discord::new(compression, Some(saved));
    discord.accept();
    discord.seq = 5;
    discord.dispatch("MESSAGE_CREATE", r#"{"content":"replayed"}"#);
    discord.send(&json!({"op": 9, "d": false}));
    discord.accept();
    discord.seq = 0;
    discord.ready();
    discord.dispatch(
        "VOICE_STATE_UPDATE",
        &json!({"session_id": "0f1e2d3c4b5a6978", "user_id": "42"}).to_string(),
    );
    discord.dispatch(
        "VOICE_SERVER_UPDATE",
        &format!(r#"{{"token":"{VOICE}","guild_id":"7","endpoint":"v.test"}}"#),
    );
    let escaped = INTERACTION.replace('a', "\\u0061");
    discord.dispatch(
        "INTERACTION_CREATE",
        &format!(r#"{{"id":"9","token":"{escaped}","data":{{"é":"\ud83d\ude00"}}}}"#),
    );
    let content = format!("see https:\\/\\/discord.com/api/webhooks/17/{WEBHOOK} and {VOICE}");
    discord.dispatch("MESSAGE_CREATE", &format!(r#"{{"content":"{content}","x":"{}"}}"#, "y".repeat(400)));
    let receipt = discord.bench.outputs.iter().rev().find_map(|output| match output {
        Output::Event(Event::Dispatch(dispatch)) => Some(dispatch.receipt()),
        _ => None,
    });
    discord.bench.apply(ShardCall::Ack(receipt.unwrap())).unwrap();
    let raw = Command::Raw { op: 99, d: json!({"token": INTERACTION, "n": 1}) };
    discord.bench.apply(ShardCall::Send(raw)).unwrap();
    let asked = discord.bench.apply(ShardCall::RequestMembers(MembersRequest::all(GuildId(7)))).unwrap();
    assert!(matches!(asked, ShardAnswer::Members(_)));
    let nonce = discord.sent().last().unwrap()["d"]["nonce"].clone();
    for index in 0..2 {
        let d = json!({"guild_id": "7", "members": [{"nick": "é"}], "chunk_index": index, "chunk_count": 2,
            "nonce": nonce});
        discord.dispatch("GUILD_MEMBERS_CHUNK", &d.to_string());
    }
    discord.bench.sleep();
    discord.send(&json!({"op": 11}));
    discord.send(&json!({"op": 77, "d": {"token": VOICE}}));
    let probed = discord.bench.apply(ShardCall::Probe).unwrap();
    assert_eq!(probed, ShardAnswer::Probed(true));
    // Lost, and resumed.
    discord.bench.input(Input::Closed(discord.socket.unwrap(), Closed::Lost { reason: "reset".into() }));
    discord.accept();
    assert_eq!(discord.sent().last().unwrap()["d"]["session_id"], FIRST);
    discord.dispatch("MESSAGE_CREATE", r#"{"content":"missed"}"#);
    discord.dispatch("RESUMED", "{}");
    // Not to be understood, then not to be inflated.
    discord.send_text("{\"token\":");
    discord.accept();
    discord.dispatch("RESUMED", "{}");
    if compression == Compression::None {
        discord.bench.input(Input::Frame(discord.socket.unwrap(), Frame::Text(Bytes::from_static(b"\xff{"))));
    } else {
        let noise = Frame::Binary(Bytes::from(vec![0xA5; 40]));
        discord.bench.input(Input::Frame(discord.socket.unwrap(), noise));
        let told = |output: &Output<Event>| {
            matches!(output, Output::Event(Event::Disconnected { reason: Disconnect::Compression(_), .. }))
        };
        assert!(discord.bench.outputs.iter().any(told), "{compression:?}");
        // For a socket that is closed already.
        let late = discord.server.frame("{}");
        discord.bench.input(Input::Frame(discord.socket.unwrap(), late));
    }
    discord.accept();
    discord.dispatch("RESUMED", "{}");
    discord.bench.apply(ShardCall::Reconnect { keep_session: false }).unwrap();
    discord.accept();
    discord.seq = 0;
    discord.ready();
    let closed = Closed::ByPeer(Some(CloseFrame { code: 4000, reason: format!("bad {TOKEN}").into() }));
    discord.bench.input(Input::Closed(discord.socket.unwrap(), closed));
    discord.accept();
    discord.dispatch("RESUMED", "{}");
    discord.bench.apply(ShardCall::Suspend).unwrap();
    discord.bench.apply(ShardCall::Stop).unwrap();
    discord.bench
}

const ALL: [Compression; 4] =
    [Compression::None, Compression::Payload, Compression::ZlibStream, Compression::ZstdStream];

#[test]
fn a_shards_life_is_replayed_without_its_secrets() {
    for compression in ALL {
        let bench = life(compression);
        assert!(bench.is_complete("the machine has finished"), "{:?}", bench.capture);
        bench.assert_clean(&SECRETS);
        let replayed: Replayed<Shard> =
            replay(bench.text().lines()).unwrap_or_else(|error| panic!("{compression:?} {error}"));
        let Replayed { inputs, commands, outputs, .. } = replayed;
        assert!(
            replayed.end.is_some() && inputs > 40 && commands == 6 && outputs > 90,
            "{inputs} {commands} {outputs}"
        );
        let (original, again) = (bench.capture.machine(), &replayed.machine);
        assert_eq!(original.counters().dispatches, again.counters().dispatches);
        assert_eq!(
            original.session().map(|s| (s.seq, s.delivered)),
            again.session().map(|s| (s.seq, s.delivered))
        );
        assert_eq!(again.session().unwrap().id.as_ref(), "<session 2>");
        for placeholder in ["<token>", "<session 1>", "<session 3>", "<secret 1>", "<secret 2>", "<secret 3>"]
        {
            assert!(bench.text().contains(placeholder), "{placeholder}");
        }
    }
}

#[test]
fn a_shard_with_another_seed_or_setup_is_another() {
    let bench = life(Compression::ZstdStream);
    for (from, to) in [("\"seed\":\"0707", "\"seed\":\"0708"), ("\"intents\":3", "\"intents\":1")] {
        assert_eq!(bench.text().matches(from).count(), 1, "{from}");
        let text = bench.text().replace(from, to);
        let error = replay::<Shard>(text.lines()).map(|_| ()).unwrap_err();
        assert!(matches!(error, ReplayError::Different { .. }), "{error}");
    }
    // A frame that is missing.
    let frame = bench.text().lines().position(|line| line.contains("INTERACTION_CREATE")).unwrap();
    let lines = bench.text().lines().enumerate().filter(|&(index, _)| index != frame);
    let error = replay::<Shard>(lines.map(|(_, line)| line)).map(|_| ()).unwrap_err();
    assert!(matches!(error, ReplayError::Different { line, .. } if line == frame + 1), "{error}");
}

#[test]
fn a_captured_shard_may_go_to_another_thread() {
    fn goes<T: Send + 'static>() {}
    goes::<Capture<Shard>>();
}

#[test]
fn a_setup_goes_through_serde() {
    let setup = ShardSetup {
        config: Config {
            attempts: Some(3),
            large_threshold: Some(90),
            ..Config::new(Token::new(TOKEN), Intents::ALL)
        },
        start: Start::new("wss://gateway.test"),
    };
    let json = serde_json::to_string(&setup).unwrap();
    assert!(json.contains(TOKEN));
    assert!(!format!("{setup:?}").contains(TOKEN));
    let again: ShardSetup = serde_json::from_str(&json).unwrap();
    assert_eq!(serde_json::to_string(&again).unwrap(), json);
    assert_eq!(Shard::build(&again, [0; 32]).id(), setup.start.id);
    let calls = [
        ShardCall::Grant,
        ShardCall::Reconnect { keep_session: true },
        ShardCall::Send(Command::Presence(Presence::default())),
    ];
    for call in calls {
        let json: String = serde_json::to_string(&call).unwrap();
        assert_eq!(serde_json::from_str::<ShardCall>(&json).unwrap(), call);
    }
}
