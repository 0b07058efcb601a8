//! A cluster's life, from `/gateway/bot` to the sessions that the next process goes on with.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;
use serde_json::{Value, json};

use super::Bench;
use crate::capture::{
    Capture, ClusterAnswer, ClusterCall, ClusterCallError, ClusterSetup, ReplayError, Replayable, Replayed,
    Secret, replay,
};
use crate::cluster::{Cluster, Config, Event, Identifies, ReshardError, Shards, State, Stopped};
use crate::gateway::command::{Command, CommandError, MembersRequest, Presence};
use crate::gateway::config::Delivery;
use crate::gateway::event::Receipt;
use crate::gateway::session::Session;
use crate::gateway::{self, Compression, EventName, Intents, Interest, ShardId};
use crate::id::GuildId;
use crate::machine::{
    CloseFrame, Closed, Fault, Frame, Input, Machine, Output, RequestId, Response, SocketId, Unanswered,
};
use crate::secret::Token;
use crate::time::{Duration, Timestamp};

const TOKEN: &str = "MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.ZnCjm1XVW7vRze4b7Cq4se7kKWs";
const PROXY: &str = "proxy-user:proxy-password";
const TICKET: &str = "ticket-to-a-gateway";
const RESUME: &str = "ticket-to-a-session";
const HANDED: &str = "0123456789abcdef0123456789abcdef";
const VOICE: &str = "66d29164ee8cd919";
const INTERACTION: &str = "aW50ZXJhY3Rpb246MTEwMDp4eXo_-secret";
const WEBHOOK: &str = "3d89bb7572e0fb30d8128367b3b1b44fecd1726de135cbe28a41f8b2f777c372";
/// What the ids of sessions begin with.
const SESSION: &str = "9c1f0e2d3b4a5968776655443322";
const SECRETS: [&str; 9] = [TOKEN, PROXY, TICKET, RESUME, HANDED, VOICE, INTERACTION, WEBHOOK, SESSION];

const A: ShardId = ShardId { number: 0, count: 2 };
const B: ShardId = ShardId { number: 1, count: 2 };

/// A connection that a shard opened.
#[derive(Default)]
struct Link {
    shard: Option<ShardId>,
    seq: u64,
}

/// Answers as Discord would, at once.
struct Discord {
    bench: Bench<Cluster>,
    seen: usize,
    asked: Option<RequestId>,
    links: BTreeMap<SocketId, Link>,
    /// The shard of each session, and its last number when the connection ended.
    sessions: BTreeMap<String, (ShardId, u64)>,
    identified: usize,
    resumed: Vec<String>,
    sent: Vec<(ShardId, Value)>,
    /// Whether the first shards' heartbeats are left alone once so many shards have identified.
    silent_after: Option<usize>,
}

fn config() -> Config {
    let gateway = gateway::Config {
        compression: Compression::None,
        delivery: Delivery::AtLeastOnce,
        ..gateway::Config::new(Token::new(TOKEN), Intents::GUILDS | Intents::GUILD_MEMBERS)
    };
    let api_base = format!("https://{PROXY}@proxy.test/api/v10").into();
    Config { api_base, shards: Shards::All { count: 2 }, ..Config::new(gateway) }
}

impl Discord {
    fn new(config: Config) -> Self {
        let capture = Capture::new(ClusterSetup { config }, [7; 32], "cluster.jsonl");
        let mut discord = Self {
            bench: Bench::new(capture),
            seen: 0,
            asked: None,
            links: BTreeMap::new(),
            sessions: BTreeMap::new(),
            identified: 0,
            resumed: Vec::new(),
            sent: Vec::new(),
            silent_after: None,
        };
        discord.input(Input::Timeout);
        discord
    }

    fn input(&mut self, input: Input) {
        self.bench.input(input);
        self.settle();
    }

    fn call(&mut self, call: ClusterCall) -> Result<ClusterAnswer, ClusterCallError> {
        let answer = self.bench.apply(call);
        self.settle();
        answer
    }

    /// Answers what was asked.
    fn settle(&mut self) {
        while let Some(output) = self.bench.outputs.get(self.seen) {
            self.seen += 1;
            match output {
                Output::SendRequest(id, _) => self.asked = Some(*id),
                Output::OpenWebSocket { socket, .. } => {
                    let socket = *socket;
                    self.links.insert(socket, Link::default());
                    self.bench.input(Input::Opened(socket));
                    self.say(socket, &json!({"op": 10, "d": {"heartbeat_interval": 41250}}));
                }
                Output::SendFrame(socket, Frame::Text(text)) => {
                    let (socket, message) = (*socket, serde_json::from_slice(text).unwrap());
                    self.answer(socket, &message);
                }
                Output::Close(socket, _) => {
                    let socket = *socket;
                    self.forget(socket);
                }
                _ => {}
            }
        }
    }

    fn forget(&mut self, socket: SocketId) {
        let Some(Link { shard: Some(shard), seq }) = self.links.remove(&socket) else { return };
        for (_, saved) in self.sessions.iter_mut().filter(|(_, saved)| saved.0 == shard) {
            saved.1 = seq;
        }
    }

    fn say(&mut self, socket: SocketId, message: &Value) {
        let text = serde_json::to_vec(message).unwrap();
        self.bench.input(Input::Frame(socket, Frame::Text(text.into())));
    }

    fn dispatch_on(&mut self, socket: SocketId, name: &str, d: &Value) {
        let link = self.links.get_mut(&socket).unwrap();
        link.seq += 1;
        let seq = link.seq;
        self.say(socket, &json!({"t": name, "s": seq, "op": 0, "d": d}));
    }

    fn answer(&mut self, socket: SocketId, message: &Value) {
        let d = &message["d"];
        match message["op"].as_u64().unwrap() {
            1 => {
                let is_old = self.links[&socket].shard.is_none_or(|shard| shard.count == 2);
                if !is_old || self.silent_after.is_none_or(|count| self.identified < count) {
                    self.say(socket, &json!({"op": 11}));
                }
            }
            2 => {
                assert_eq!(d["token"], TOKEN);
                let shard: ShardId = serde_json::from_value(d["shard"].clone()).unwrap();
                self.identified += 1;
                let session = format!("{SESSION}{:04}", self.identified);
                self.sessions.retain(|_, saved| saved.0 != shard);
                self.sessions.insert(session.clone(), (shard, 0));
                self.links.insert(socket, Link { shard: Some(shard), seq: 0 });
                let ready = json!({"v": 10, "user": {"id": "42"}, "session_id": session, "guilds": [],
                    "resume_gateway_url": format!("wss://resume.test?ticket_token={RESUME}")});
                self.dispatch_on(socket, "READY", &ready);
            }
            6 => {
                let session = d["session_id"].as_str().unwrap();
                let (shard, _) = self.sessions[session];
                self.resumed.push(session.into());
                let seq = d["seq"].as_u64().unwrap();
                self.links.insert(socket, Link { shard: Some(shard), seq });
                self.dispatch_on(socket, "MESSAGE_CREATE", &json!({"content": "missed"}));
                self.dispatch_on(socket, "RESUMED", &json!({}));
            }
            _ => {
                let shard = self.links[&socket].shard.unwrap();
                self.sent.push((shard, message.clone()));
            }
        }
    }

    fn respond(&mut self, status: u16, body: &Value) {
        let id = self.asked.take().expect("a request");
        let headers = vec![("set-cookie".into(), format!("__cfruid={VOICE}").into())];
        let body = Bytes::from(body.to_string());
        self.input(Input::Response(id, Ok(Response { status, headers, body })));
    }

    fn respond_with_gateway(&mut self) {
        let limit = json!({"total": 1000, "remaining": 900, "reset_after": 3_600_000, "max_concurrency": 1});
        let url = format!("wss://gateway.test/?token={TICKET}");
        self.respond(200, &json!({"url": url, "shards": 2, "session_start_limit": limit}));
    }

    fn socket(&self, shard: ShardId) -> SocketId {
        *self.links.iter().find(|(_, link)| link.shard == Some(shard)).unwrap().0
    }

    fn dispatch(&mut self, shard: ShardId, name: &str, d: &Value) {
        self.dispatch_on(self.socket(shard), name, d);
        self.settle();
    }

    /// Lives on until this is so.
    fn until(&mut self, what: &str, condition: impl Fn(&Self) -> bool) {
        for _ in 0..200 {
            if condition(self) {
                return;
            }
            self.bench.sleep();
            self.settle();
            if self.asked.is_some() {
                self.respond_with_gateway();
            }
        }
        panic!("never {what}: {:?}", self.bench.outputs.last());
    }

    fn are_ready(&self, shards: usize) -> bool {
        let ready = self.bench.capture.machine().shards().filter(|shard| shard.phase().name() == "ready");
        ready.count() == shards
    }

    fn events(&self) -> impl DoubleEndedIterator<Item = &Event> {
        self.bench.outputs.iter().filter_map(|output| match output {
            Output::Event(event) => Some(event),
            _ => None,
        })
    }

    fn receipts(&self) -> impl DoubleEndedIterator<Item = Receipt> {
        self.events().filter_map(|event| match event {
            Event::Shard(_, gateway::Event::Dispatch(dispatch)) => Some(dispatch.receipt()),
            _ => None,
        })
    }

    fn told(&self, name: &str) -> usize {
        let is_it = |event: &&Event| matches!(event, Event::Shard(_, gateway::Event::Dispatch(dispatch)) if dispatch.name == name);
        self.events().filter(is_it).count()
    }
}

fn interaction(id: u64) -> Value {
    json!({"id": format!("{id}"), "token": format!("{INTERACTION}{id}")})
}

/// All that happens to a cluster, until it is suspended.
fn life() -> Discord {
    let mut discord = Discord::new(config());
    discord.respond(503, &Value::String(format!("{}{TOKEN} {}", "x".repeat(170), "y".repeat(60))));
    assert!(matches!(discord.events().last(), Some(Event::GatewayBotFailed { .. })));
    while discord.asked.is_none() {
        discord.bench.sleep();
        discord.settle();
    }
    let unanswered = Unanswered::new(Fault::Unsent, format!("proxy {PROXY} is down"));
    let request = discord.asked.take().unwrap();
    discord.input(Input::Response(request, Err(unanswered)));
    discord.until("both up", |discord| discord.are_ready(2));

    discord.dispatch(A, "INTERACTION_CREATE", &interaction(1));
    discord.dispatch(B, "VOICE_SERVER_UPDATE", &json!({"token": VOICE, "guild_id": "7", "endpoint": "v"}));
    let content = format!("https://discord.com/api/webhooks/17/{WEBHOOK} {VOICE} {}", "z".repeat(300));
    discord.dispatch(B, "MESSAGE_CREATE", &json!({"content": content}));
    let receipts: Vec<Receipt> = discord.receipts().collect();
    for receipt in receipts {
        discord.call(ClusterCall::Ack(receipt)).unwrap();
    }
    discord.call(ClusterCall::Send(Command::Presence(Presence::default()))).unwrap();
    let command = Command::Raw { op: 99, d: json!({"token": format!("{INTERACTION}1")}) };
    discord.call(ClusterCall::SendOn { shard: B, command }).unwrap();
    let guild = GuildId(1 << 22);
    let asked = discord.call(ClusterCall::RequestMembers(MembersRequest::all(guild))).unwrap();
    assert!(matches!(asked, ClusterAnswer::Members(_)));
    let sent: Vec<_> = discord.sent.iter().map(|(id, m)| (id.number, m["op"].as_u64().unwrap())).collect();
    assert_eq!(sent, [(0, 3), (1, 3), (1, 99), (1, 8)]);
    let nonce = discord.sent.last().unwrap().1["d"]["nonce"].clone();
    let chunk = json!({"guild_id": guild, "members": [{"nick": "é"}], "chunk_index": 0, "chunk_count": 1,
        "nonce": nonce});
    discord.dispatch(B, "GUILD_MEMBERS_CHUNK", &chunk);
    assert!(
        discord
            .events()
            .any(|event| matches!(event, Event::Shard(B, gateway::Event::Members { result: Ok(_), .. })))
    );

    // A socket is lost, another closed; both sessions go on.
    for (shard, closed) in [
        (B, Closed::Lost { reason: format!("reset by {TICKET}").into() }),
        (A, Closed::ByPeer(Some(CloseFrame { code: 4000, reason: format!("bad {TOKEN}").into() }))),
    ] {
        let socket = discord.socket(shard);
        discord.forget(socket);
        discord.input(Input::Closed(socket, closed));
        discord.until("resumed", |discord| discord.are_ready(2));
    }
    assert_eq!(discord.resumed, [format!("{SESSION}0002"), format!("{SESSION}0001")]);

    // One shard is stopped, and goes on with a session from elsewhere.
    discord.call(ClusterCall::StopShard(B)).unwrap();
    discord.sessions.insert(HANDED.into(), (B, 3));
    let session = Session { id: HANDED.into(), resume_url: None, seq: 3, delivered: 3, user: None };
    discord.call(ClusterCall::StartShard { number: 1, session: Some(session) }).unwrap();
    discord.until("started", |discord| discord.are_ready(2));
    assert_eq!(discord.resumed[2], HANDED);
    discord.call(ClusterCall::RestartShard { shard: A, keep_session: false }).unwrap();
    discord.until("restarted", |discord| discord.are_ready(2));
    assert_eq!(discord.identified, 3);

    // What the user should not have done.
    let command = Command::Raw { op: 99, d: Value::Null };
    let nobodys = ClusterCall::SendOn { shard: ShardId::new(8, 9), command };
    assert_eq!(discord.call(nobodys), Err(CommandError::NoSuchShard.into()));
    let again = discord.call(ClusterCall::Reshard(Shards::All { count: 2 }));
    assert_eq!(again, Err(ReshardError::SameCount.into()));

    // What both the old shards and the new ones tell comes once.
    let before = discord.told("INTERACTION_CREATE");
    discord.call(ClusterCall::Reshard(Shards::All { count: 3 })).unwrap();
    discord.silent_after = Some(6);
    discord.until("three new shards", |discord| discord.identified == 6);
    let new = ShardId::new(0, 3);
    discord.dispatch(A, "INTERACTION_CREATE", &interaction(2));
    discord.dispatch(new, "INTERACTION_CREATE", &interaction(2));
    discord.dispatch(new, "INTERACTION_CREATE", &interaction(3));
    assert_eq!(discord.told("INTERACTION_CREATE"), before + 1);
    for shard in [A, B] {
        let socket = discord.socket(shard);
        discord.say(socket, &json!({"op": 11}));
    }
    discord.silent_after = None;
    discord.settle();
    assert!(discord.events().any(|event| matches!(event, Event::Resharded { from: 2, to: 3, gap: false })));
    assert_eq!(discord.told("INTERACTION_CREATE"), before + 2);
    let socket = discord.socket(new);
    discord.say(socket, &json!({"op": 77, "d": {"token": VOICE}}));
    discord.until("all up", |discord| discord.are_ready(3));

    discord.call(ClusterCall::Suspend).unwrap();
    discord
}

#[track_caller]
fn replayed(bench: &Bench<Cluster>) -> Replayed<Cluster> {
    assert!(bench.is_complete("the machine has finished"), "{:?}", bench.capture);
    bench.assert_clean(&SECRETS);
    replay(bench.text().lines()).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn a_clusters_life_is_replayed_without_its_secrets() {
    let discord = life();
    let replayed = replayed(&discord.bench);
    let Replayed { inputs, commands, outputs, .. } = replayed;
    assert!(
        replayed.end.is_some() && inputs > 60 && commands == 15 && outputs > 150,
        "{inputs} {commands} {outputs}"
    );
    for placeholder in ["<token>", "<session 1>", "<session 6>", "<secret 7>", "<cookie>"] {
        assert!(discord.bench.text().contains(placeholder), "{placeholder}");
    }
    // What is left behind is the same, but for the names of the sessions.
    let nameless = |mut state: State| {
        for saved in &mut state.sessions {
            saved.session.id = "".into();
            saved.session.resume_url = None;
        }
        state
    };
    let state = discord.bench.capture.machine().state();
    assert_eq!(state.sessions.len(), 3);
    assert!(state.sessions.iter().all(|saved| saved.session.id.starts_with(SESSION)));
    let again = replayed.machine.state();
    assert!(again.sessions.iter().all(|saved| saved.session.id.starts_with("<session ")));
    assert_eq!(nameless(again), nameless(state));
}

#[test]
fn a_saved_state_is_part_of_the_capture() {
    let state = life().bench.capture.machine().state();
    let age = Duration::from_secs(2);
    let saved = Config { state: Some(state.clone().aged(age)), shards: Shards::Recommended, ..config() };
    let mut discord = Discord::new(saved);
    for saved in &state.sessions {
        discord.sessions.insert(saved.session.id.to_string(), (saved.shard, saved.session.seq));
    }
    discord.respond_with_gateway();
    discord.until("all resumed", |discord| discord.are_ready(3));
    assert_eq!((discord.resumed.len(), discord.identified), (3, 0));
    // How long ago it was saved decides when the next may identify.
    discord.call(ClusterCall::RestartShard { shard: ShardId::new(0, 3), keep_session: false }).unwrap();
    discord.until("identified", |discord| discord.identified == 1);
    discord.call(ClusterCall::Stop).unwrap();
    replayed(&discord.bench);
    let begin = discord.bench.text().lines().next().unwrap();
    for part in ["<session 3>", r#""state_age":{"nanos":0,"secs":2}"#] {
        assert!(begin.contains(part), "{begin}");
    }
}

#[test]
fn a_shared_queue_and_a_fatal_close_are_replayed() {
    let mut discord = Discord::new(Config { identifies: Identifies::Shared, ..config() });
    discord.respond_with_gateway();
    for shard in [A, B] {
        assert!(discord.events().any(|event| matches!(event, Event::IdentifyWanted(id) if *id == shard)));
        discord.call(ClusterCall::Grant(shard)).unwrap();
        discord.until("granted", |discord| discord.links.values().any(|link| link.shard == Some(shard)));
    }
    let closed = Closed::ByPeer(Some(CloseFrame { code: 4004, reason: format!("{TOKEN} is wrong").into() }));
    let socket = discord.socket(B);
    discord.forget(socket);
    discord.input(Input::Closed(socket, closed));
    assert!(matches!(discord.events().last(), Some(Event::Stopped { reason: Stopped::Gateway(B, _) })));
    let machine = replayed(&discord.bench).machine;
    assert!(machine.is_finished());
}

/// A cluster that sends nothing on a shard that the user names.
struct Changed(Cluster);

impl Machine for Changed {
    type Event = Event;

    fn handle_input(&mut self, now: Timestamp, input: Input) {
        self.0.handle_input(now, input);
    }

    fn poll_output(&mut self) -> Output<Event> {
        self.0.poll_output()
    }

    fn is_finished(&self) -> bool {
        self.0.is_finished()
    }
}

impl Replayable for Changed {
    type Setup = ClusterSetup;
    type Command = ClusterCall;
    type Answer = Result<ClusterAnswer, ClusterCallError>;

    fn build(setup: &ClusterSetup, seed: [u8; 32]) -> Self {
        Self(Cluster::build(setup, seed))
    }

    fn apply(&mut self, now: Timestamp, command: ClusterCall) -> Self::Answer {
        match command {
            ClusterCall::SendOn { .. } => Ok(ClusterAnswer::Done),
            command => self.0.apply(now, command),
        }
    }

    fn secrets(setup: &ClusterSetup) -> Vec<Secret<'_>> {
        Cluster::secrets(setup)
    }

    fn describe(event: &Event) -> String {
        Cluster::describe(event)
    }
}

#[test]
fn what_differs_is_told_with_its_line() {
    let discord = life();
    let text = discord.bench.text();
    let line_of = |what: &str| text.lines().position(|line| line.contains(what)).unwrap() + 1;

    let error = replay::<Changed>(text.lines()).map(|_| ()).unwrap_err();
    let sent = line_of(r#""send_on""#) + 1;
    assert!(matches!(&error, ReplayError::Different { line, expected, actual }
        if *line == sent && expected.contains(r#""kind":"send""#) && actual.contains(r#""kind":"wait""#)));
    assert!(error.to_string().starts_with(&format!("line {sent} differs")), "{error}");

    for (from, to) in [
        (r#""seed":"0707"#, r#""seed":"0708"#),
        (r#""intents":3"#, r#""intents":1"#),
        (r#""all":{"count":3}"#, r#""all":{"count":4}"#),
        (r#"\"max_concurrency\":1"#, r#"\"max_concurrency\":2"#),
        ("missed", "missing"),
    ] {
        let text = text.replace(r#""All""#, r#""all""#).replacen(from, to, 1).replace(r#""all""#, r#""All""#);
        assert_ne!(text, discord.bench.text(), "{from}");
        let error = replay::<Cluster>(text.lines()).map(|_| ()).unwrap_err();
        assert!(matches!(error, ReplayError::Different { .. }), "{from} {error}");
    }

    let wrong = line_of(r#""kind":"command""#);
    for bad in ["{", "{}", r#"{"at":1,"kind":"command","command":{"send_in":[]}}"#] {
        let lines = text.lines().enumerate().map(|(n, line)| if n + 1 == wrong { bad } else { line });
        let error = replay::<Cluster>(lines).map(|_| ()).unwrap_err();
        assert!(matches!(error, ReplayError::Unreadable { line, .. } if line == wrong), "{error}");
    }
}

#[test]
fn a_setup_and_calls_go_through_serde() {
    let state = State { shards: 2, ..State::default() }.aged(Duration::from_millis(1500));
    let identifies = Identifies::Shared;
    let setup =
        ClusterSetup { config: Config { state: Some(state), identifies, reserve: Some(9), ..config() } };
    let json = serde_json::to_string(&setup).unwrap();
    assert!(json.contains(TOKEN));
    assert!(!format!("{setup:?}").contains(TOKEN));
    let again: ClusterSetup = serde_json::from_str(&json).unwrap();
    assert_eq!(serde_json::to_string(&again).unwrap(), json);
    assert_eq!(again.config.state.unwrap().age, Duration::from_millis(1500));
    let session = Session { id: HANDED.into(), resume_url: None, seq: 1, delivered: 1, user: None };
    let calls = [
        ClusterCall::Ack(Receipt { session: 1 << 40, seq: 2 }),
        ClusterCall::Grant(B),
        ClusterCall::StartShard { number: 1, session: Some(session) },
        ClusterCall::Reshard(Shards::Range { first: 1, last: 2, count: 4 }),
        ClusterCall::SetInterest(Interest::only([EventName::MessageCreate])),
        ClusterCall::CancelReshard,
        ClusterCall::Stop,
    ];
    for call in calls {
        let json: String = serde_json::to_string(&call).unwrap();
        assert_eq!(serde_json::from_str::<ClusterCall>(&json).unwrap(), call);
    }
}

#[test]
fn a_captured_cluster_may_go_to_another_thread() {
    fn goes<T: Send + 'static>() {}
    goes::<Capture<Cluster>>();
}
