//! The shard beside its reference model: after every step both must have done the same.
#![expect(clippy::unwrap_used, reason = "a test fails by it")]

mod model;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use model::{In, Model, Out, Phase, Rules};
use proptest::prelude::*;
use sanscord::entropy::Entropy;
use sanscord::gateway::shard::{Identifies, Start};
use sanscord::gateway::{
    Command, Compression, Config, Delivery, Disconnect, Event, Intents, Interest, Receipt, Session, Shard,
};
use sanscord::id::UserId;
use sanscord::machine::{CloseFrame, Closed, Frame, Input, Machine, Output, Scope, SocketId};
use sanscord::secret::Token;
use sanscord::time::Timestamp;
use serde_json::{Value, json};

const INTERVAL: Duration = Duration::from_millis(41_250);

/// What a server, a driver or a user does.
#[derive(Clone, Debug)]
enum Op {
    /// What brings a connection forward: the next thing that a sound server does.
    Forward,
    /// The deadline comes, and the driver is so many milliseconds late.
    Deadline(u64),
    /// So many deadlines in a row, each heartbeat acknowledged.
    Live(u8),
    Input(In),
    /// A dispatch whose number is so much above the last one, and whether the user may tire of it.
    Dispatch(i64, bool),
    /// A dispatch that only names a session's begin, at the wrong time.
    Odd {
        ready: bool,
        skip: i64,
    },
    Hello(u64),
    /// So many commands.
    Send(u8),
    /// So many requests for a heartbeat, and perhaps as many acknowledgements.
    Ask(u8, bool),
    /// A receipt: which one of those seen, counted from the last.
    Ack(usize),
    /// Something happens to a socket that is gone.
    Stale,
    /// Another process takes over, with what the shard had saved.
    Restart {
        suspend: bool,
    },
}

fn op() -> impl Strategy<Value = Op> {
    let code = prop_oneof![1 => Just(1000), 1 => Just(1001), 6 => 4000_u16..4016, 1 => any::<u16>()];
    let input = prop_oneof![
        Just(In::Timeout),
        Just(In::Lost),
        Just(In::Refused),
        code.prop_map(In::Closed),
        Just(In::Reconnect),
        any::<bool>().prop_map(In::InvalidSession),
        Just(In::HeartbeatAck),
        Just(In::Malformed),
        Just(In::UnknownOpcode),
        Just(In::Probe),
        any::<bool>().prop_map(In::ReconnectByUser),
        any::<bool>().prop_map(In::Interest),
    ];
    let skip = || prop_oneof![Just(1_i64), 2..5_i64, -3..1_i64, Just(1 << 20), Just(1 << 21)];
    prop_oneof![
        14 => Just(Op::Forward),
        4 => prop_oneof![Just(0_u64), 1..100_u64, 0..120_000_u64].prop_map(Op::Deadline),
        2 => (1..4_u8).prop_map(Op::Live),
        8 => input.prop_map(Op::Input),
        6 => (skip(), any::<bool>()).prop_map(|(skip, chatter)| Op::Dispatch(skip, chatter)),
        2 => (any::<bool>(), skip()).prop_map(|(ready, skip)| Op::Odd { ready, skip }),
        1 => prop_oneof![Just(41_250), Just(45_000), 5_000..50_000_u64].prop_map(Op::Hello),
        2 => prop_oneof![1..4_u8, Just(60)].prop_map(Op::Send),
        2 => (prop_oneof![1..3_u8, Just(120)], any::<bool>()).prop_map(|(count, acked)| Op::Ask(count, acked)),
        3 => (0..6_usize).prop_map(Op::Ack),
        1 => Just(Op::Stale),
        1 => any::<bool>().prop_map(|suspend| Op::Restart { suspend }),
        1 => prop_oneof![Just(In::Suspend), Just(In::Stop)].prop_map(Op::Input),
    ]
}

struct Bench {
    shard: Shard,
    model: Model,
    config: Arc<Config>,
    now: Timestamp,
    wait: Option<Timestamp>,
    socket: Option<SocketId>,
    gone: Vec<SocketId>,
    receipts: Vec<(Receipt, u32, u64)>,
    sessions: u64,
    commands: u64,
    processes: u32,
}

impl Bench {
    fn new(rules: Rules) -> Self {
        let mut config = Config::new(Token::new("token"), Intents::GUILDS);
        config.compression = Compression::None;
        config.delivery = if rules.at_least_once { Delivery::AtLeastOnce } else { Delivery::AtMostOnce };
        config.attempts = rules.attempts;
        let config = Arc::new(config);
        let mut bench = Self {
            shard: launch(&config, rules, None, 0),
            model: Model::new(rules, None, 0),
            config,
            now: Timestamp::from_millis(7),
            wait: None,
            socket: None,
            gone: Vec::new(),
            receipts: Vec::new(),
            sessions: 0,
            commands: 0,
            processes: 0,
        };
        bench.step(In::Timeout);
        bench
    }

    fn restart(&mut self, suspend: bool) {
        if suspend {
            self.step(In::Suspend);
        }
        let (rules, session) = (self.model.rules, self.shard.session());
        self.processes += 1;
        self.gone.extend(self.socket.take());
        self.shard = launch(&self.config, rules, session, self.processes);
        self.model = Model::new(rules, self.model.session, self.model.era + 1);
        self.step(In::Timeout);
    }

    fn perform(&mut self, op: &Op) {
        let next = |skip: i64| self.model.received.saturating_add_signed(skip).max(1);
        match *op {
            Op::Forward => self.forward(),
            Op::Deadline(late) => {
                if let Some(until) = self.wait {
                    self.now = self.now.max(until) + Duration::from_millis(late);
                    self.step(In::Timeout);
                }
            }
            Op::Live(count) => {
                for _ in 0..count {
                    self.perform(&Op::Deadline(0));
                    if self.model.phase == Phase::Ready {
                        self.step(In::HeartbeatAck);
                    }
                }
            }
            Op::Input(In::Refused) if self.model.phase != Phase::Opening => {}
            Op::Input(In::Lost | In::Closed(_)) if self.model.phase == Phase::Opening => {}
            Op::Input(input) => self.step(input),
            Op::Dispatch(skip, true) => self.step(In::Chatter(next(skip))),
            Op::Dispatch(skip, false) => self.step(In::Dispatch(next(skip))),
            Op::Odd { ready: true, skip } => {
                self.sessions += 1;
                let seq = self.model.received.saturating_add_signed(skip).max(1);
                self.step(In::Ready(self.sessions, seq));
            }
            Op::Odd { ready: false, skip } => self.step(In::Resumed(next(skip.min(5)))),
            Op::Hello(interval) => self.step(In::Hello(Duration::from_millis(interval))),
            Op::Send(count) => {
                for _ in 0..count {
                    self.commands += 1;
                    self.step(In::Send(self.commands));
                }
            }
            Op::Ask(count, acked) => {
                for _ in 0..count {
                    self.step(In::AskHeartbeat);
                    if acked {
                        self.step(In::HeartbeatAck);
                    }
                }
            }
            Op::Ack(back) => {
                if let Some(&(receipt, era, seq)) = self.receipts.iter().rev().nth(back) {
                    self.shard.ack(receipt);
                    let out = self.model.step(self.now, In::Ack(era, seq));
                    self.compare(In::Ack(era, seq), &out);
                }
            }
            Op::Stale => {
                for socket in self.gone.clone() {
                    self.shard.handle_input(self.now, frame(socket, &json!({"op": 7, "d": null})));
                    self.shard.handle_input(self.now, Input::Closed(socket, Closed::ByPeer(None)));
                    self.compare(In::UnknownOpcode, &[]);
                }
            }
            Op::Restart { suspend } => self.restart(suspend),
        }
    }

    fn forward(&mut self) {
        let received = self.model.received;
        match self.model.phase {
            Phase::Waiting => self.perform(&Op::Deadline(0)),
            Phase::Queued => self.step(In::Grant),
            Phase::Opening => self.step(In::Opened),
            Phase::Greeting => self.step(In::Hello(INTERVAL)),
            Phase::Identifying => {
                self.sessions += 1;
                self.step(In::Ready(self.sessions, 1));
            }
            Phase::Resuming => self.step(In::Resumed(received + 1)),
            Phase::Ready => self.step(In::Dispatch(received + 1)),
            Phase::Stopped => self.restart(false),
        }
    }

    /// Lets this happen to both and compares.
    fn step(&mut self, input: In) {
        if let Some(event) = self.input(input) {
            let taken = match event {
                Some(event) => {
                    self.shard.handle_input(self.now, event);
                    true
                }
                None => self.command(input),
            };
            let expected = if taken { self.model.step(self.now, input) } else { Vec::new() };
            self.compare(input, &expected);
        }
    }

    /// The input for the shard; `None` if it cannot happen, `Some(None)` if it is the user's.
    fn input(&self, input: In) -> Option<Option<Input>> {
        let message = |message: Value| self.socket.map(|socket| Some(frame(socket, &message)));
        let dispatch =
            |name: &str, seq: u64, d: Value| message(json!({"op": 0, "t": name, "s": seq, "d": d}));
        let closed = |closed: Closed| self.socket.map(|socket| Some(Input::Closed(socket, closed)));
        match input {
            In::Timeout => Some(Some(Input::Timeout)),
            In::Opened => self.socket.map(|socket| Some(Input::Opened(socket))),
            In::Refused => closed(Closed::Refused { status: Some(503), reason: "busy".into() }),
            In::Lost => closed(Closed::Lost { reason: "reset".into() }),
            In::Closed(code) => closed(Closed::ByPeer(Some(CloseFrame::new(code)))),
            In::Hello(interval) => {
                message(json!({"op": 10, "d": {"heartbeat_interval": interval.as_millis() as u64}}))
            }
            In::Ready(session, seq) => {
                let url = format!("wss://resume-{session}.test");
                let ready = json!({"session_id": session.to_string(), "resume_gateway_url": url, "user": {"id": "1"}});
                dispatch("READY", seq, ready)
            }
            In::Resumed(seq) => dispatch("RESUMED", seq, json!({})),
            In::Dispatch(seq) => dispatch("TYPING_START", seq, json!({"user_id": "5"})),
            In::Chatter(seq) => dispatch("PRESENCE_UPDATE", seq, json!({})),
            In::AskHeartbeat => message(json!({"op": 1, "d": null})),
            In::Reconnect => message(json!({"op": 7, "d": null})),
            In::InvalidSession(resumable) => message(json!({"op": 9, "d": resumable})),
            In::HeartbeatAck => message(json!({"op": 11})),
            In::Malformed => message(json!([])),
            In::UnknownOpcode => message(json!({"op": 77, "d": {}})),
            _ => Some(None),
        }
    }

    /// Lets the user act. Answers whether the shard takes it.
    fn command(&mut self, input: In) -> bool {
        let now = self.now;
        match input {
            In::Send(number) => {
                let fits = self.model.phase != Phase::Stopped && self.model.queue.len() < 128;
                let taken = self.shard.send(now, &Command::Raw { op: 99, d: json!(number) });
                assert_eq!(taken.is_ok(), fits, "{taken:?}");
                return fits;
            }
            In::Probe => drop(self.shard.probe(now)),
            In::Interest(true) => self.shard.set_interest(Interest::all()),
            In::Interest(false) => self.shard.set_interest(Interest::except(["PRESENCE_UPDATE"])),
            In::Grant => self.shard.grant(now),
            In::ReconnectByUser(keep) => self.shard.reconnect(now, keep),
            In::Suspend => self.shard.suspend(now),
            In::Stop => self.shard.stop(now),
            _ => unreachable!("{input:?} is no command"),
        }
        true
    }

    fn compare(&mut self, input: In, expected: &[Out]) {
        let mut out = Vec::new();
        loop {
            match self.shard.poll_output() {
                Output::Wait(until) => {
                    self.wait = until;
                    break;
                }
                output => out.extend(self.read(output)),
            }
        }
        assert_eq!(out, expected, "after {input:?}");
        let until = self.model.deadline(self.wait);
        assert_eq!(self.wait, until, "the deadline after {input:?}");
        let session = self.model.session.map(|session| Session {
            id: session.id.to_string().into(),
            resume_url: Some(format!("wss://resume-{}.test", session.id).into()),
            seq: session.acked,
            delivered: session.delivered,
            user: Some(UserId(1)),
        });
        assert_eq!(self.shard.session(), session, "after {input:?}");
        let counters = self.shard.counters();
        let uncommon = (counters.stray_hellos, counters.asks_unanswered);
        assert_eq!(uncommon, (self.model.stray_hellos, self.model.asks_unanswered), "after {input:?}");
        assert_eq!(self.shard.is_finished(), self.model.phase == Phase::Stopped);
    }

    /// What the model would say of an output.
    fn read(&mut self, output: Output<Event>) -> Option<Out> {
        Some(match output {
            Output::OpenWebSocket { socket, url } => {
                self.gone.extend(self.socket.replace(socket));
                let host = url.strip_prefix("wss://").and_then(|url| url.split_once("/?v=10&encoding=json"));
                let Some((host, "")) = host else { panic!("opens {url}") };
                let session = host.strip_prefix("resume-").and_then(|rest| rest.strip_suffix(".test"));
                assert!(session.is_some() || host == "first.test", "{url}");
                Out::Open(session.map(|session| session.parse().unwrap()))
            }
            Output::Close(socket, Some(frame)) => {
                assert_eq!(Some(socket), self.socket);
                self.gone.extend(self.socket.take());
                Out::Close { keeps_session: !matches!(frame.code, 1000 | 1001) }
            }
            Output::SendFrame(socket, Frame::Text(text)) => {
                assert_eq!(Some(socket), self.socket);
                let message: Value = serde_json::from_slice(&text).unwrap();
                let d = &message["d"];
                match message["op"].as_u64() {
                    Some(1) => Out::Heartbeat(d.as_u64()),
                    Some(2) => Out::Identify,
                    Some(6) => {
                        let session = d["session_id"].as_str().unwrap().parse().unwrap();
                        Out::Resume { session, seq: d["seq"].as_u64().unwrap() }
                    }
                    _ => Out::Command(d.as_u64().unwrap()),
                }
            }
            Output::Event(event) => return self.told(event),
            other => panic!("unexpected {other:?}"),
        })
    }

    fn told(&mut self, event: Event) -> Option<Out> {
        Some(match event {
            Event::Dispatch(dispatch) => {
                self.receipts.push((dispatch.receipt(), self.model.era, dispatch.seq));
                Out::Dispatch {
                    seq: dispatch.seq,
                    replayed: dispatch.replayed,
                    duplicate: dispatch.duplicate,
                }
            }
            Event::Connected { resumed, replayed, gap } => Out::Connected { resumed, replayed, gap },
            Event::HeartbeatAcknowledged { latency } => Out::Acknowledged(latency),
            Event::Disconnected { reason, resumable, .. } => {
                if let Disconnect::Closed(_) = reason {
                    self.gone.extend(self.socket.take());
                }
                Out::Disconnected { why: reason.kind(), resumable }
            }
            Event::AwaitingIdentify => Out::AwaitingIdentify,
            Event::Identified => Out::Identified,
            Event::Unrecognised { .. } => Out::Unrecognised,
            Event::Stopped { session, .. } => {
                self.gone.extend(self.socket.take());
                Out::Stopped { session: session.is_some() }
            }
            other => panic!("unexpected {other:?}"),
        })
    }
}

fn launch(config: &Arc<Config>, rules: Rules, session: Option<Session>, process: u32) -> Shard {
    let identifies = if rules.when_granted { Identifies::WhenGranted } else { Identifies::AtOnce };
    let start = Start { session, identifies, ..Start::new("wss://first.test/") };
    Shard::new(Arc::clone(config), start, Scope::new(process), Entropy::new([process as u8; 32]))
}

fn frame(socket: SocketId, message: &Value) -> Input {
    Input::Frame(socket, Frame::Text(Bytes::from(message.to_string())))
}

fn rules() -> impl Strategy<Value = Rules> {
    let attempts = prop_oneof![4 => Just(None), 1 => (1..5_u32).prop_map(Some)];
    (any::<bool>(), any::<bool>(), attempts).prop_map(|(when_granted, at_least_once, attempts)| Rules {
        when_granted,
        at_least_once,
        attempts,
    })
}

/// A case takes a fifth of a millisecond.
fn cases() -> ProptestConfig {
    let config = ProptestConfig::default();
    ProptestConfig { cases: config.cases * 16, failure_persistence: None, ..config }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn a_shard_does_what_its_model_does(
        rules in rules(),
        ops in prop::collection::vec((prop_oneof![0..200_u64, 0..3_000_u64], op()), 1..60),
    ) {
        let mut bench = Bench::new(rules);
        for (pause, op) in &ops {
            // A driver calls at the deadline at the latest, unless it is late.
            let later = bench.now + Duration::from_millis(*pause);
            bench.now = bench.now.max(bench.wait.map_or(later, |until| later.min(until)));
            bench.perform(op);
        }
    }
}
