//! The cluster against hand-written inputs.

mod reshard;

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;
use serde_json::{Value, json};

use super::{BadShards, Cluster, Config, Event, Identifies, Shards, State, Stopped};
use crate::gateway::command::{CommandError, MembersRequest, Presence};
use crate::gateway::{self, Command, Compression, Intents, ShardId};
use crate::id::GuildId;
use crate::machine::{
    CloseFrame, Closed, Frame, Input, Machine, Output, Request, RequestId, Response, SocketId, Unanswered,
};
use crate::secret::Token;
use crate::time::{Duration, Timestamp};

/// Answers as Discord would, at once.
struct Bench {
    cluster: Cluster,
    now: Timestamp,
    wait: Option<Timestamp>,
    asked: Option<RequestId>,
    requests: Vec<Request>,
    /// What `/gateway/bot` says.
    remaining: u32,
    reset_after: u64,
    max_concurrency: u32,
    shards: u32,
    /// The sockets, and the shard that identified or resumed on each.
    sockets: BTreeMap<SocketId, Option<ShardId>>,
    identified: Vec<(Timestamp, ShardId)>,
    /// The presence of each Identify.
    presences: Vec<Value>,
    resumed: Vec<String>,
    sent: Vec<(ShardId, Value)>,
    closed: Vec<(Option<ShardId>, u16)>,
    seq: BTreeMap<SocketId, u64>,
    events: Vec<Event>,
    /// Of how many shards those are whose heartbeats are not acknowledged; 0 for none.
    silent: u32,
}

fn config() -> Config {
    let gateway = gateway::Config::new(Token::new("secret-token"), Intents::GUILDS);
    Config::new(gateway::Config { compression: Compression::None, ..gateway })
}

impl Bench {
    fn new(config: Config) -> Self {
        Self {
            cluster: Cluster::new(config, [5; 32]),
            now: Timestamp::from_millis(10),
            wait: None,
            asked: None,
            requests: Vec::new(),
            remaining: 1000,
            reset_after: 3_600_000,
            max_concurrency: 1,
            shards: 1,
            sockets: BTreeMap::new(),
            identified: Vec::new(),
            presences: Vec::new(),
            resumed: Vec::new(),
            sent: Vec::new(),
            closed: Vec::new(),
            seq: BTreeMap::new(),
            events: Vec::new(),
            silent: 0,
        }
    }

    /// A cluster whose shards are all in session.
    fn running(config: Config, shards: u32) -> Self {
        let mut bench = Self { shards, ..Self::new(config) };
        bench.run(Duration::from_secs(8 * u64::from(shards)));
        assert_eq!(bench.ready(), shards as usize);
        bench
    }

    fn ready(&self) -> usize {
        self.cluster.shards().filter(|shard| shard.phase().name() == "ready").count()
    }

    fn input(&mut self, input: Input) {
        self.cluster.handle_input(self.now, input);
        self.drain();
    }

    fn drain(&mut self) {
        let mut answers = Vec::new();
        loop {
            match self.cluster.poll_output() {
                Output::SendRequest(id, request) => {
                    assert!(request.url.ends_with("/gateway/bot"));
                    self.asked = Some(id);
                    self.requests.push(request);
                }
                Output::OpenWebSocket { socket, .. } => {
                    self.sockets.insert(socket, None);
                    answers.push(Input::Opened(socket));
                    let hello = json!({"op": 10, "d": {"heartbeat_interval": 41250}});
                    answers.push(Self::frame(socket, &hello));
                }
                Output::SendFrame(socket, Frame::Text(text)) => {
                    let message: Value = serde_json::from_slice(&text).unwrap();
                    answers.extend(self.answer(socket, &message));
                }
                Output::Close(socket, frame) => {
                    let shard = self.sockets.remove(&socket).flatten();
                    self.closed.extend(frame.map(|frame| (shard, frame.code)));
                }
                Output::Event(event) => self.events.push(event),
                Output::Wait(until) => {
                    if answers.is_empty() {
                        self.wait = until;
                        return;
                    }
                    for input in answers.drain(..) {
                        self.cluster.handle_input(self.now, input);
                    }
                }
                other => panic!("unexpected {other:?}"),
            }
        }
    }

    fn frame(socket: SocketId, message: &Value) -> Input {
        Input::Frame(socket, Frame::Text(Bytes::from(serde_json::to_vec(message).unwrap())))
    }

    fn number(&mut self, socket: SocketId) -> u64 {
        let seq = self.seq.entry(socket).or_insert(0);
        *seq += 1;
        *seq
    }

    fn answer(&mut self, socket: SocketId, message: &Value) -> Vec<Input> {
        let d = &message["d"];
        match message["op"].as_u64().unwrap() {
            1 if self.sockets[&socket].is_some_and(|id| id.count == self.silent) => Vec::new(),
            1 => vec![Self::frame(socket, &json!({"op": 11}))],
            2 => {
                let id: ShardId = serde_json::from_value(d["shard"].clone()).unwrap();
                self.identified.push((self.now, id));
                self.presences.push(d["presence"].clone());
                self.sockets.insert(socket, Some(id));
                let guilds: Vec<Value> = (0..u64::from(id.count))
                    .map(|n| n << 22)
                    .filter(|&guild| ShardId::of(GuildId(guild), id.count) == id)
                    .map(|guild| json!({"id": format!("{guild}"), "unavailable": true}))
                    .collect();
                let ready = json!({"session_id": format!("{id}"), "resume_gateway_url": "wss://resume.test",
                    "user": {"id": "42"}, "guilds": guilds});
                let seq = self.number(socket);
                vec![Self::frame(socket, &json!({"op": 0, "t": "READY", "s": seq, "d": ready}))]
            }
            6 => {
                let session = d["session_id"].as_str().unwrap();
                let (number, count) = session.split_once('/').unwrap();
                let id = ShardId::new(number.parse().unwrap(), count.parse().unwrap());
                self.sockets.insert(socket, Some(id));
                self.resumed.push(session.into());
                let seq = d["seq"].as_u64().unwrap() + 1;
                self.seq.insert(socket, seq);
                vec![Self::frame(socket, &json!({"op": 0, "t": "RESUMED", "s": seq, "d": {}}))]
            }
            _ => {
                let shard = self.sockets[&socket].unwrap();
                self.sent.push((shard, message.clone()));
                Vec::new()
            }
        }
    }

    fn respond(&mut self) {
        if let Some(id) = self.asked.take() {
            let body = json!({"url": "wss://gateway.test", "shards": self.shards, "session_start_limit": {
                "total": 1000, "remaining": self.remaining, "reset_after": self.reset_after,
                "max_concurrency": self.max_concurrency}});
            let body = Bytes::from(serde_json::to_vec(&body).unwrap());
            self.input(Input::Response(id, Ok(Response { status: 200, headers: Vec::new(), body })));
        }
    }

    /// Lives for so long, as a driver does.
    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        self.input(Input::Timeout);
        self.respond();
        while let Some(at) = self.wait.filter(|&at| at <= end) {
            self.now = at.max(self.now);
            self.input(Input::Timeout);
            self.respond();
        }
        self.now = end;
    }

    fn socket(&self, id: ShardId) -> SocketId {
        *self.sockets.iter().find(|(_, shard)| **shard == Some(id)).unwrap().0
    }

    fn acknowledge(&mut self, id: ShardId) {
        let socket = self.socket(id);
        self.input(Self::frame(socket, &json!({"op": 11})));
    }

    fn dispatch(&mut self, id: ShardId, name: &str, d: &Value) {
        let socket = self.socket(id);
        let seq = self.number(socket);
        self.input(Self::frame(socket, &json!({"op": 0, "t": name, "s": seq, "d": d})));
    }

    /// The shards and payloads of the dispatches of this name.
    fn told(&self, name: &str) -> Vec<(ShardId, Value)> {
        let told = |event: &Event| match event {
            Event::Shard(id, gateway::Event::Dispatch(dispatch)) if dispatch.name == name => {
                Some((*id, dispatch.parse().unwrap()))
            }
            _ => None,
        };
        self.events.iter().filter_map(told).collect()
    }

    fn stopped(&self) -> Option<&Stopped> {
        match self.events.last() {
            Some(Event::Stopped { reason }) => Some(reason),
            _ => None,
        }
    }
}

#[test]
fn starts_the_recommended_shards_in_order_and_five_seconds_apart() {
    let bench = Bench::running(config(), 4);
    let order: Vec<u32> = bench.identified.iter().map(|(_, id)| id.number).collect();
    assert_eq!(order, [0, 1, 2, 3]);
    for pair in bench.identified.windows(2) {
        assert!(pair[1].0.since(pair[0].0) >= Duration::from_secs(5));
    }
    assert_eq!(bench.cluster.count(), 4);
    assert_eq!(bench.cluster.user().unwrap().0, 42);
}

#[test]
fn as_many_at_once_as_allowed() {
    let mut bench = Bench { shards: 8, max_concurrency: 4, ..Bench::new(config()) };
    bench.run(Duration::from_secs(12));
    assert_eq!(bench.ready(), 8);
    assert_eq!(bench.identified[3].0, bench.identified[0].0);
    assert!(bench.identified[4].0.since(bench.identified[0].0) >= Duration::from_secs(5));
}

#[test]
fn a_range_is_run_alone() {
    let shards = Shards::Range { first: 2, last: 3, count: 16 };
    let mut bench = Bench::new(Config { shards, ..config() });
    bench.run(Duration::from_secs(12));
    let ids: Vec<String> = bench.cluster.shards().map(|shard| format!("{}", shard.id())).collect();
    assert_eq!(ids, ["2/16", "3/16"]);
    let foreign = Command::Members(MembersRequest::all(GuildId(0)));
    assert_eq!(bench.cluster.send(bench.now, &foreign), Err(CommandError::NoSuchShard));
}

#[test]
fn commands_find_the_shard_of_their_guild() {
    let mut bench = Bench::new(config());
    let members = Command::Members(MembersRequest::named(GuildId(3 << 22), "a", 1));
    assert_eq!(bench.cluster.send(bench.now, &members), Err(CommandError::NotConnected));
    let mut bench = Bench::running(config(), 4);
    bench.cluster.send(bench.now, &members).unwrap();
    bench.cluster.send(bench.now, &Command::Raw { op: 99, d: Value::Null }).unwrap();
    bench.cluster.send(bench.now, &Command::Presence(Presence::default())).unwrap();
    bench.drain();
    let mut sent: Vec<_> =
        bench.sent.iter().map(|(id, message)| (id.number, message["op"].as_u64().unwrap())).collect();
    sent.sort_by_key(|(number, _)| *number);
    assert_eq!(sent, [(0, 99), (0, 3), (1, 3), (2, 3), (3, 8), (3, 3)]);
}

#[test]
fn a_saved_state_is_resumed_and_costs_no_identify() {
    let mut bench = Bench::running(config(), 2);
    bench.cluster.suspend(bench.now);
    bench.drain();
    assert_eq!(bench.stopped(), Some(&Stopped::ByUser));
    assert!(bench.cluster.is_finished());
    assert!(bench.closed.iter().all(|(_, code)| *code == 4000) && bench.closed.len() == 2);
    let text = serde_json::to_string(&bench.cluster.state()).unwrap();
    let state: State = serde_json::from_str(&text).unwrap();
    assert_eq!((state.shards, state.sessions.len()), (2, 2));
    // Discord recommends more by now: sessions are worth more.
    let mut next = Bench { shards: 4, ..Bench::new(Config { state: Some(state), ..config() }) };
    next.run(Duration::from_secs(2));
    assert_eq!((next.ready(), next.identified.len()), (2, 0));
    next.resumed.sort();
    assert_eq!(next.resumed, ["0/2", "1/2"]);
}

#[test]
fn the_last_identifies_are_not_burnt() {
    let mut bench = Bench { remaining: 50, ..Bench::new(config()) };
    bench.run(Duration::from_secs(60));
    assert!(bench.identified.is_empty());
    let Some(Event::IdentifiesExhausted { remaining: 50, total: 1000, resets_in }) = bench.events.last()
    else {
        panic!("{:?}", bench.events)
    };
    assert_eq!(*resets_in, Duration::from_secs(3600));
    bench.remaining = 1000;
    bench.run(Duration::from_secs(3600));
    assert_eq!(bench.ready(), 1, "it goes on by itself");
    assert!(bench.events.iter().any(|event| matches!(event, Event::IdentifiesRefilled { total: 1000 })));

    let mut limited = config();
    limited.gateway.attempts = Some(3);
    let mut bench = Bench { remaining: 50, ..Bench::new(limited.clone()) };
    bench.run(Duration::from_secs(1));
    assert!(matches!(bench.stopped(), Some(Stopped::IdentifiesExhausted { remaining: 50, .. })));

    // What resumes needs none; the first that needs one ends all.
    let mut before = Bench::running(config(), 1);
    before.cluster.suspend(before.now);
    before.drain();
    let state = Some(before.cluster.state());
    let mut bench = Bench { remaining: 40, ..Bench::new(Config { state, ..limited }) };
    bench.run(Duration::from_secs(60));
    assert_eq!((bench.ready(), bench.stopped()), (1, None));
    let only = ShardId::ONLY;
    bench.cluster.restart_shard(bench.now, only, false);
    bench.run(Duration::from_secs(60));
    assert!(matches!(bench.stopped(), Some(Stopped::IdentifiesExhausted { remaining: 40, .. })));
    assert!(bench.identified.is_empty());
}

#[test]
fn a_state_that_was_not_restored_yet_is_not_lost() {
    let mut before = Bench::running(config(), 2);
    before.cluster.suspend(before.now);
    before.drain();
    let state = before.cluster.state();
    assert_eq!(state.sessions.len(), 2);
    let aged = state.clone().aged(Duration::from_secs(3));
    let mut bench = Bench::new(Config { state: Some(aged), ..config() });
    let reset = |state: &State| state.identifies.as_ref().unwrap().reset_after_ms;
    bench.now = Timestamp::from_millis(4_000);
    bench.input(Input::Timeout);
    bench.cluster.suspend(bench.now);
    bench.drain();
    let saved = bench.cluster.state();
    assert_eq!((saved.shards, &saved.sessions), (2, &state.sessions));
    let aged = reset(&state) - reset(&saved);
    assert!((6_990..=7_000).contains(&aged), "{aged} ms instead of three seconds and four");

    let mut refused = Bench::new(Config { state: Some(state.clone()), ..config() });
    refused.input(Input::Timeout);
    let id = refused.asked.take().unwrap();
    let response = Response { status: 401, headers: Vec::new(), body: Bytes::new() };
    refused.input(Input::Response(id, Ok(response)));
    assert!(matches!(refused.stopped(), Some(Stopped::GatewayBot(_))));
    assert_eq!(refused.cluster.state().sessions, state.sessions);
}

#[test]
fn a_saved_count_without_sessions_gives_way_to_the_recommended_one() {
    let state = State { shards: 1, ..State::default() };
    let mut bench = Bench { shards: 2, ..Bench::new(Config { state: Some(state), ..config() }) };
    bench.run(Duration::from_secs(20));
    assert_eq!((bench.ready(), bench.cluster.count()), (2, 2));
}

#[test]
fn shards_that_cannot_be_run_are_told() {
    let none =
        |first, last, count| (Shards::Range { first, last, count }, BadShards::None { first, last, count });
    let cases = [
        none(8, 15, 8),
        none(3, 2, 8),
        (Shards::All { count: 0 }, BadShards::None { first: 0, last: u32::MAX, count: 0 }),
        (Shards::All { count: 20_000 }, BadShards::TooMany { shards: 20_000 }),
    ];
    for (shards, bad) in cases {
        let mut bench = Bench::new(Config { shards, ..config() });
        bench.run(Duration::from_secs(1));
        assert_eq!(bench.stopped(), Some(&Stopped::Shards(bad)));
        assert!(bench.cluster.is_finished());
        let mut bench = Bench::running(config(), 1);
        assert_eq!(bench.cluster.reshard(bench.now, shards), Err(bad.into()));
        bench.run(Duration::from_secs(1));
        assert_eq!((bench.ready(), bench.stopped()), (1, None));
    }
    let mut bench = Bench::new(Config { shards: Shards::Range { first: 6, last: 20, count: 8 }, ..config() });
    bench.run(Duration::from_secs(20));
    assert_eq!(bench.ready(), 2, "a last number past the end means the last shard");
}

#[test]
fn giving_up_keeps_the_sessions() {
    let mut limited = config();
    limited.gateway.attempts = Some(1);
    let mut bench = Bench::running(limited, 2);
    let socket = bench.socket(ShardId::new(1, 2));
    bench.sockets.remove(&socket);
    bench.input(Input::Closed(socket, Closed::ByPeer(None)));
    bench.run(Duration::from_secs(1));
    assert!(matches!(bench.stopped(), Some(Stopped::Gateway(_, gateway::Stopped::GaveUp { .. }))));
    assert_eq!(bench.closed, [(Some(ShardId::new(0, 2)), 4000)]);
    assert!(bench.cluster.state().sessions.iter().any(|saved| saved.shard.number == 0));
}

#[test]
fn a_fatal_close_code_ends_all_shards() {
    let mut bench = Bench::running(config(), 2);
    let socket = bench.socket(ShardId::new(1, 2));
    bench.sockets.remove(&socket);
    bench.input(Input::Closed(socket, Closed::ByPeer(Some(CloseFrame::new(4004)))));
    assert!(matches!(bench.stopped(), Some(Stopped::Gateway(id, _)) if id.number == 1));
    assert!(bench.cluster.is_finished() && bench.wait.is_none());
    assert_eq!(bench.closed, [(Some(ShardId::new(0, 2)), 1000)]);
}

#[test]
fn one_shard_is_stopped_started_and_restarted() {
    let mut bench = Bench::running(config(), 2);
    let id = ShardId::new(1, 2);
    bench.cluster.restart_shard(bench.now, id, true);
    bench.run(Duration::from_secs(1));
    assert_eq!((bench.ready(), bench.identified.len(), bench.resumed.len()), (2, 2, 1));
    bench.cluster.stop_shard(bench.now, id);
    bench.run(Duration::from_secs(1));
    assert_eq!((bench.ready(), bench.cluster.shard(id).is_none()), (1, true));
    assert_eq!(bench.stopped(), None);
    bench.cluster.start_shard(bench.now, 1, None).unwrap();
    assert_eq!(bench.cluster.start_shard(bench.now, 2, None), Err(CommandError::NoSuchShard));
    bench.run(Duration::from_secs(10));
    assert_eq!((bench.ready(), bench.identified.len()), (2, 3));
}

#[test]
fn gateway_bot_is_asked_again_until_it_answers() {
    let mut bench = Bench::new(config());
    bench.input(Input::Timeout);
    let id = bench.asked.take().unwrap();
    bench.input(Input::Response(id, Err(Unanswered::new(crate::machine::Fault::Unsent, "no route"))));
    assert!(matches!(bench.events[..], [Event::GatewayBotFailed { .. }]));
    bench.run(Duration::from_secs(5));
    assert_eq!(bench.ready(), 1);
    let mut wrong = Bench::new(config());
    wrong.input(Input::Timeout);
    let id = wrong.asked.take().unwrap();
    let body = Bytes::from_static(br#"{"message": "401: Unauthorized", "code": 0}"#);
    wrong.input(Input::Response(id, Ok(Response { status: 401, headers: Vec::new(), body })));
    assert!(matches!(wrong.stopped(), Some(Stopped::GatewayBot(_))));
    assert!(wrong.cluster.is_finished());
}

#[test]
fn a_period_that_is_over_as_it_comes_is_not_asked_for_without_end() {
    let mut bench = Bench { remaining: 0, reset_after: 0, ..Bench::new(config()) };
    let end = bench.now + Duration::from_secs(60);
    bench.input(Input::Timeout);
    for _ in 0..100 {
        bench.respond();
        let Some(at) = bench.wait.filter(|at| *at <= end) else { break };
        bench.now = at.max(bench.now);
        bench.input(Input::Timeout);
    }
    assert!((2..=13).contains(&bench.requests.len()), "{} requests in a minute", bench.requests.len());
}

#[test]
fn a_shared_queue_decides_for_the_cluster() {
    let mut bench = Bench { shards: 2, ..Bench::new(Config { identifies: Identifies::Shared, ..config() }) };
    bench.run(Duration::from_secs(60));
    let wanted: Vec<u32> = bench
        .events
        .iter()
        .filter_map(|event| match event {
            Event::IdentifyWanted(id) => Some(id.number),
            _ => None,
        })
        .collect();
    assert_eq!((wanted, bench.identified.len()), (vec![0, 1], 0));
    bench.cluster.grant(bench.now, ShardId::new(1, 2));
    bench.run(Duration::from_secs(1));
    assert_eq!(bench.identified.len(), 1);
    assert!(bench.events.iter().any(|event| matches!(event, Event::IdentifySent(id) if id.number == 1)));
    assert!(bench.cluster.state().identifies.is_none());
}

#[test]
fn no_secret_shows() {
    let bench = Bench::running(config(), 2);
    let text = format!("{:?} {:?}", bench.cluster, bench.events);
    assert!(!text.contains("secret"));
}
