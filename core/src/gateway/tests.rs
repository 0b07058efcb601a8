//! The shard against hand-written inputs.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;
use serde_json::{Value, json};

use super::close::{Action, CLOSE_CODES};
use super::command::{MAX_COMMAND, MembersRequest, Presence, Status};
use super::members::MembersError;
use super::phase::Phase;
use super::shard::{Identifies, Start};
use super::{
    Command, CommandError, Compression, Config, Delivery, Disconnect, Dispatch, Event, Intents, Interest,
    Session, Shard, ShardId, Stopped,
};
use crate::entropy::Entropy;
use crate::gateway::budget::Budget;
use crate::id::{GuildId, UserId};
use crate::machine::{CloseFrame, Closed, Frame, Input, Machine, Output, Scope, SocketId};
use crate::secret::Token;
use crate::time::{Duration, Timestamp};

const INTERVAL: Duration = Duration::from_millis(41_250);
const FIRST_URL: &str = "wss://gateway.test/?v=10&encoding=json";
const RESUME_URL: &str = "wss://resume.test/?v=10&encoding=json";

struct Bench {
    shard: Shard,
    now: Timestamp,
    socket: Option<SocketId>,
    wait: Option<Timestamp>,
    urls: Vec<String>,
    sent: Vec<Value>,
    closes: Vec<Option<u16>>,
    events: Vec<Event>,
}

fn config() -> Config {
    let config = Config::new(Token::new("secret-token"), Intents::GUILDS);
    Config { compression: Compression::None, ..config }
}

fn start() -> Start {
    Start::new("wss://gateway.test/")
}

impl Bench {
    fn new(config: Config, session: Option<Session>) -> Self {
        Self::with(config, Start { session, ..start() })
    }

    fn with(config: Config, start: Start) -> Self {
        let shard = Shard::new(Arc::new(config), start, Scope::new(0), Entropy::new([7; 32]));
        let mut bench = Self {
            shard,
            now: Timestamp::from_millis(1000),
            socket: None,
            wait: None,
            urls: Vec::new(),
            sent: Vec::new(),
            closes: Vec::new(),
            events: Vec::new(),
        };
        bench.input(Input::Timeout);
        bench
    }

    fn input(&mut self, input: Input) {
        self.shard.handle_input(self.now, input);
        self.drain();
    }

    fn drain(&mut self) {
        loop {
            match self.shard.poll_output() {
                Output::OpenWebSocket { socket, url } => {
                    self.socket = Some(socket);
                    self.urls.push(url.into());
                }
                Output::SendFrame(socket, Frame::Text(text)) => {
                    assert_eq!(Some(socket), self.socket);
                    self.sent.push(serde_json::from_slice(&text).unwrap());
                }
                Output::Close(_, frame) => self.closes.push(frame.map(|frame| frame.code)),
                Output::Event(event) => self.events.push(event),
                Output::Wait(until) => {
                    self.wait = until;
                    return;
                }
                other => panic!("unexpected {other:?}"),
            }
        }
    }

    fn message(&mut self, message: &Value) {
        self.text(&message.to_string());
    }

    fn text(&mut self, text: &str) {
        let socket = self.socket.unwrap();
        self.input(Input::Frame(socket, Frame::Text(Bytes::copy_from_slice(text.as_bytes()))));
    }

    fn closed(&mut self, closed: Closed) {
        let socket = self.socket.unwrap();
        self.input(Input::Closed(socket, closed));
    }

    fn by_peer(&mut self, code: u16) {
        self.closed(Closed::ByPeer(Some(CloseFrame::new(code))));
    }

    /// Sleeps to the deadline, as a driver does.
    fn sleep(&mut self) {
        self.now = self.wait.expect("a deadline");
        self.input(Input::Timeout);
    }

    fn open(&mut self) {
        let socket = self.socket.unwrap();
        self.input(Input::Opened(socket));
    }

    fn hello(&mut self) {
        self.message(&json!({"op": 10, "d": {"heartbeat_interval": 41250}}));
    }

    fn dispatch(&mut self, seq: u64, name: &str, d: &Value) {
        self.message(&json!({"op": 0, "s": seq, "t": name, "d": d}));
    }

    fn ready(&mut self) {
        let d = json!({"session_id": "secret-session", "resume_gateway_url": "wss://resume.test",
            "user": {"id": "42"}});
        self.dispatch(1, "READY", &d);
    }

    /// A shard in session.
    fn in_session() -> Self {
        let mut bench = Self::new(config(), None);
        bench.open();
        bench.hello();
        bench.ready();
        bench.clear();
        bench
    }

    fn reconnect_unless_ready(&mut self) {
        if !matches!(self.shard.phase(), Phase::Ready { .. }) {
            self.reconnect();
        }
    }

    /// Whether the connection after this one resumed; it comes up and says Hello.
    fn reconnect(&mut self) -> bool {
        while !matches!(self.shard.phase(), Phase::Opening { .. }) {
            self.sleep();
        }
        self.open();
        self.hello();
        self.sent.last().unwrap()["op"] == 6
    }

    fn clear(&mut self) {
        self.sent.clear();
        self.closes.clear();
        self.events.clear();
        self.urls.clear();
    }

    fn disconnects(&self) -> Vec<(&Disconnect, bool, Duration)> {
        self.events
            .iter()
            .filter_map(|event| match event {
                Event::Disconnected { reason, resumable, retry_in } => Some((reason, *resumable, *retry_in)),
                _ => None,
            })
            .collect()
    }
}

#[test]
fn identifies_once_hello_came() {
    let mut bench = Bench::new(config(), None);
    assert_eq!(bench.urls, [FIRST_URL]);
    bench.open();
    assert!(bench.sent.is_empty());
    bench.hello();
    let identify = &bench.sent[0];
    assert_eq!(identify["op"], 2);
    assert_eq!(identify["d"]["token"], "secret-token");
    assert_eq!(identify["d"]["intents"], 1);
    assert!(identify["d"]["properties"]["os"].is_string());
    assert_eq!(identify["d"]["shard"], json!([0, 1]));
    bench.ready();
    assert!(matches!(bench.events[0], Event::Identified));
    assert!(matches!(&bench.events[1], Event::Dispatch(dispatch) if dispatch.name == "READY"));
    assert!(matches!(bench.events[2], Event::Connected { resumed: false, replayed: 0, gap: false }));
    assert_eq!(bench.shard.user().unwrap().0, 42);
    assert_eq!(bench.shard.session().unwrap().seq, 1);
}

#[test]
fn a_sharded_bot_says_which_shard_it_is() {
    let mut bench = Bench::with(config(), Start { id: ShardId::new(3, 16), ..start() });
    bench.open();
    bench.hello();
    assert_eq!(bench.sent[0]["d"]["shard"], json!([3, 16]));
}

#[test]
fn beats_with_jitter_then_each_interval_with_the_last_sequence_number() {
    let mut bench = Bench::in_session();
    let hello = bench.now;
    bench.sleep();
    assert!(bench.now.since(hello) < INTERVAL);
    assert_eq!(bench.sent, [json!({"op": 1, "d": 1})]);
    bench.dispatch(2, "TYPING_START", &json!({}));
    let first = bench.now;
    bench.now += Duration::from_millis(80);
    bench.message(&json!({"op": 11}));
    assert_eq!(bench.shard.latency(), Some(Duration::from_millis(80)));
    bench.sleep();
    assert_eq!(bench.now, first + INTERVAL);
    assert_eq!(bench.sent[1], json!({"op": 1, "d": 2}));
    assert_eq!(bench.shard.counters().heartbeats, 2);
}

#[test]
fn a_heartbeat_before_any_dispatch_carries_null() {
    let mut bench = Bench::new(config(), None);
    bench.open();
    bench.hello();
    bench.message(&json!({"op": 1}));
    assert_eq!(bench.sent[1], json!({"op": 1, "d": null}));
}

#[test]
fn a_silent_server_is_a_zombie_and_the_session_is_kept() {
    let mut bench = Bench::in_session();
    bench.sleep();
    bench.sleep();
    assert_eq!(bench.disconnects()[0].0, &Disconnect::Zombie);
    assert_eq!(bench.closes, [Some(4000)]);
    assert!(bench.reconnect());
}

#[test]
fn a_heartbeat_out_of_turn_is_given_time_before_the_next_is_due() {
    for probe in [true, false] {
        let mut bench = Bench::in_session();
        let due = bench.wait.unwrap();
        bench.now = Timestamp::from_nanos(due.as_nanos() - 5_000_000);
        if probe {
            assert!(bench.shard.probe(bench.now));
            bench.drain();
        } else {
            bench.message(&json!({"op": 1, "d": null}));
        }
        bench.sleep();
        assert_eq!((bench.now, bench.sent.len()), (due, 2), "the one that is due goes out all the same");
        assert!(bench.disconnects().is_empty());
        bench.sleep();
        assert_eq!(bench.disconnects()[0].0, &Disconnect::Zombie);
        assert_eq!(bench.now, due + INTERVAL);
    }
}

#[test]
fn what_is_not_answered_leaves_a_trace() {
    let mut bench = Bench::new(config(), None);
    bench.open();
    bench.message(&json!({"op": 1}));
    assert!(bench.sent.is_empty());
    assert_eq!(bench.shard.counters().asks_unanswered, 1, "before Hello");
    bench.hello();
    bench.ready();
    let wait = bench.wait;
    bench.hello();
    assert_eq!((bench.shard.counters().stray_hellos, bench.wait), (1, wait));
    bench.clear();
    for _ in 0..1000 {
        bench.message(&json!({"op": 1}));
    }
    let counters = bench.shard.counters();
    assert_eq!(counters.heartbeats, bench.sent.len() as u64);
    assert_eq!(counters.heartbeats + counters.asks_unanswered, 1001);
}

#[test]
fn an_asked_heartbeat_goes_out_at_once_and_the_schedule_stays() {
    let mut bench = Bench::in_session();
    let due = bench.wait;
    bench.message(&json!({"op": 1, "d": 0}));
    assert_eq!(bench.sent, [json!({"op": 1, "d": 1})]);
    assert_eq!(bench.wait, due);
}

#[test]
fn a_server_that_asks_without_end_gets_no_more_than_the_limit() {
    let mut bench = Bench::in_session();
    for _ in 0..1000 {
        bench.message(&json!({"op": 1}));
        bench.message(&json!({"op": 11}));
    }
    assert!(bench.sent.len() <= Budget::LIMIT);
}

#[test]
fn resumes_at_the_resume_url_and_counts_what_is_replayed() {
    let mut bench = Bench::in_session();
    bench.dispatch(2, "A", &json!({}));
    bench.closed(Closed::Lost { reason: "reset".into() });
    assert_eq!(bench.closes, [], "a lost socket is not closed again");
    assert!(bench.reconnect());
    assert_eq!(bench.urls, [RESUME_URL]);
    let resume = json!({"token": "secret-token", "session_id": "secret-session", "seq": 2});
    assert_eq!(bench.sent.last().unwrap()["d"], resume);
    bench.clear();
    bench.dispatch(3, "B", &json!({}));
    bench.dispatch(4, "RESUMED", &json!({}));
    bench.dispatch(5, "C", &json!({}));
    let dispatches: Vec<_> = bench
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Dispatch(dispatch) => Some((dispatch.seq, dispatch.replayed)),
            _ => None,
        })
        .collect();
    assert_eq!(dispatches, [(3, true), (4, false), (5, false)]);
    assert!(
        bench
            .events
            .iter()
            .any(|event| matches!(event, Event::Connected { resumed: true, replayed: 1, gap: false }))
    );
    assert_eq!(bench.shard.counters().resumes, 1);
}

/// Every close code, and what is expected after it, written out apart from the table under test.
#[test]
fn each_close_code_leads_where_it_should() {
    let expected = [
        (4000, Action::Resume),
        (4001, Action::Resume),
        (4002, Action::Resume),
        (4003, Action::Identify),
        (4004, Action::Stop),
        (4005, Action::Identify),
        (4007, Action::Identify),
        (4008, Action::Resume),
        (4009, Action::Resume),
        (4010, Action::Stop),
        (4011, Action::Stop),
        (4012, Action::Stop),
        (4013, Action::Stop),
        (4014, Action::Stop),
    ];
    assert!(CLOSE_CODES.iter().map(|row| row.code).eq(expected.map(|(code, _)| code)));
    let unlisted = [1000, 1001, 1006, 1011, 4006, 4015, 4999].map(|code| (code, Action::Resume));
    for (code, action) in expected.into_iter().chain(unlisted) {
        let mut bench = Bench::in_session();
        bench.by_peer(code);
        assert_eq!(bench.closes, [], "{code}: the peer has closed already");
        match action {
            Action::Stop => {
                let [Event::Stopped { reason, .. }] = &bench.events[..] else {
                    panic!("{code}: {:?}", bench.events)
                };
                let text = reason.to_string();
                assert!(text.contains(&code.to_string()) && text.len() > 60, "{code}: {text}");
                assert!(bench.shard.is_finished() && bench.wait.is_none());
            }
            Action::Resume => {
                assert!(bench.reconnect(), "{code}");
                assert_eq!(bench.urls, [RESUME_URL], "{code}");
            }
            Action::Identify => {
                assert!(!bench.reconnect(), "{code}");
                assert_eq!(bench.urls, [FIRST_URL], "{code}");
            }
        }
    }
}

#[test]
fn a_close_at_each_point_of_the_handshake_leads_to_another_attempt() {
    for step in 0..4 {
        let mut bench = Bench::new(config(), None);
        if step > 0 {
            bench.open();
        }
        if step > 1 {
            bench.hello();
        }
        if step > 2 {
            bench.ready();
        }
        bench.by_peer(4000);
        assert_eq!(bench.reconnect(), step == 3, "after step {step}");
    }
}

#[test]
fn silence_at_each_point_of_the_handshake_ends_the_attempt() {
    for (step, awaited) in ["connection", "Hello", "READY", "RESUMED"].into_iter().enumerate() {
        let mut bench = if step == 3 { Bench::in_session() } else { Bench::new(config(), None) };
        if step == 3 {
            bench.by_peer(4000);
            bench.reconnect();
        }
        if step > 0 && step < 3 {
            bench.open();
        }
        if step == 2 {
            bench.hello();
        }
        bench.clear();
        while bench.disconnects().is_empty() {
            bench.sleep();
            if bench.sent.last().is_some_and(|sent| sent["op"] == 1) {
                bench.message(&json!({"op": 11}));
            }
        }
        assert_eq!(bench.disconnects()[0].0, &Disconnect::TimedOut { awaiting: awaited });
        assert_eq!(bench.closes.len(), 1);
    }
}

#[test]
fn op_7_reconnects_at_once_even_before_hello() {
    let mut bench = Bench::in_session();
    bench.message(&json!({"op": 7, "d": null}));
    assert_eq!((bench.closes[0], bench.urls.len()), (Some(4000), 1));
    assert!(bench.reconnect());
    let mut early = Bench::new(config(), None);
    early.open();
    early.message(&json!({"op": 7}));
    assert_eq!(early.urls.len(), 2);
    assert!(!early.reconnect());
}

#[test]
fn op_9_waits_one_to_five_seconds_then_resumes_or_identifies() {
    for resumable in [true, false] {
        let mut bench = Bench::in_session();
        bench.now += Duration::from_secs(60);
        bench.message(&json!({"op": 9, "d": resumable}));
        let (reason, kept, retry_in) = bench.disconnects()[0];
        assert_eq!((reason, kept), (&Disconnect::InvalidSession, resumable));
        assert!((Duration::from_secs(1)..Duration::from_secs(5)).contains(&retry_in));
        assert_eq!(bench.closes, [Some(if resumable { 4000 } else { 1000 })]);
        assert_eq!(bench.reconnect(), resumable);
        assert_eq!(bench.urls, [if resumable { RESUME_URL } else { FIRST_URL }]);
    }
}

#[test]
fn op_9_without_end_is_answered_ever_more_slowly() {
    for resumable in [true, false] {
        let mut bench = if resumable { Bench::in_session() } else { Bench::new(config(), None) };
        for _ in 0..9 {
            bench.reconnect_unless_ready();
            bench.message(&json!({"op": 9, "d": resumable}));
        }
        let waits: Vec<_> = bench.disconnects().iter().map(|(.., wait)| *wait).collect();
        let (first, last) = (waits[0], waits[8]);
        assert!(first >= Duration::from_secs(1) && first < Duration::from_secs(6), "{waits:?}");
        assert!(last >= Duration::from_secs(30) && last < Duration::from_secs(60), "{waits:?}");
    }
    let mut bounded = Bench::new(Config { attempts: Some(3), ..config() }, None);
    for _ in 0..3 {
        bounded.reconnect();
        bounded.message(&json!({"op": 9, "d": false}));
    }
    assert!(bounded.shard.is_finished());
}

#[test]
fn identifies_are_five_seconds_apart() {
    let mut bench = Bench::new(config(), None);
    let mut last = None;
    for _ in 0..5 {
        assert!(!bench.reconnect());
        if let Some(last) = last.replace(bench.now) {
            assert!(bench.now.since(last) >= Duration::from_secs(5));
        }
        bench.message(&json!({"op": 9, "d": false}));
    }
}

#[test]
fn a_resume_url_that_does_not_open_gives_way_to_the_first() {
    let mut bench = Bench::in_session();
    bench.by_peer(4000);
    for url in [RESUME_URL, FIRST_URL, RESUME_URL] {
        bench.sleep();
        assert_eq!(bench.urls.last().unwrap(), url);
        bench.closed(Closed::Refused { status: None, reason: "no route".into() });
    }
    assert!(bench.reconnect());
}

#[test]
fn a_resume_url_that_leads_nowhere_gives_way_to_the_first() {
    fn lost() -> Closed {
        Closed::Lost { reason: "reset".into() }
    }
    let never_greets = |bench: &mut Bench| {
        bench.open();
        bench.sleep();
    };
    let drops = |bench: &mut Bench| {
        bench.open();
        bench.closed(lost());
    };
    let never_resumes = |bench: &mut Bench| {
        bench.open();
        bench.hello();
        bench.closed(lost());
    };
    let never_finishes = |bench: &mut Bench| {
        bench.open();
        bench.hello();
        bench.dispatch(bench.shard.session().unwrap().seq + 1, "A", &json!({}));
        bench.by_peer(4000);
    };
    for fail in [never_greets as fn(&mut Bench), drops, never_resumes, never_finishes] {
        let mut bench = Bench::in_session();
        bench.by_peer(4000);
        for url in [RESUME_URL, FIRST_URL, RESUME_URL] {
            bench.sleep();
            assert_eq!(bench.urls.last().unwrap(), url);
            fail(&mut bench);
        }
        assert!(bench.reconnect());
        bench.dispatch(9, "RESUMED", &json!({}));
        bench.by_peer(4000);
        bench.clear();
        bench.reconnect();
        assert_eq!(bench.urls, [RESUME_URL], "after a success it is trusted again");
    }
}

#[test]
fn a_saved_session_is_resumed_by_another_process() {
    let saved = Bench::in_session().shard.session().unwrap();
    let json = serde_json::to_string(&saved).unwrap();
    let mut bench = Bench::new(config(), Some(serde_json::from_str(&json).unwrap()));
    assert_eq!(bench.shard.user(), Some(UserId(42)), "RESUMED does not say it");
    assert!(bench.reconnect());
    assert_eq!(bench.urls, [RESUME_URL]);
    assert_eq!(bench.shard.session(), Some(saved));
    // What was saved before the user was.
    let old = r#"{"id":"a","resume_url":null,"seq":5}"#;
    let mut bench = Bench::new(config(), Some(serde_json::from_str(old).unwrap()));
    assert_eq!((bench.reconnect(), bench.shard.user()), (true, None));
}

#[test]
fn who_gives_up_keeps_the_session_for_a_later_process() {
    let mut bench = Bench::new(Config { attempts: Some(2), ..config() }, None);
    bench.open();
    bench.hello();
    bench.ready();
    bench.by_peer(4000);
    bench.reconnect();
    bench.clear();
    bench.sleep();
    bench.sleep();
    let Some(Event::Stopped { reason: Stopped::GaveUp { .. }, session: Some(session), .. }) =
        bench.events.last()
    else {
        panic!("{:?}", bench.events)
    };
    assert_eq!(bench.closes, [Some(4000)], "1000 would end the session");
    assert_eq!(bench.shard.session().as_ref(), Some(session));
    assert!(Bench::new(config(), Some(session.clone())).reconnect());
}

#[test]
fn gives_up_after_as_many_failures_as_allowed() {
    let mut bench = Bench::new(Config { attempts: Some(3), ..config() }, None);
    for _ in 0..2 {
        bench.closed(Closed::Refused { status: Some(503), reason: "busy".into() });
        bench.sleep();
    }
    bench.closed(Closed::Refused { status: Some(503), reason: "busy".into() });
    let Some(Event::Stopped { reason, .. }) = bench.events.last() else { panic!("{:?}", bench.events) };
    assert!(matches!(reason, Stopped::GaveUp { .. }));
    assert!(reason.to_string().contains("503"));
    assert!(bench.shard.is_finished());
}

#[test]
fn waits_longer_after_each_failure() {
    let mut bench = Bench::new(config(), None);
    let mut waits = Vec::new();
    for _ in 0..9 {
        bench.closed(Closed::Refused { status: None, reason: Box::from("no route") });
        waits.push(bench.disconnects().last().unwrap().2);
        bench.sleep();
    }
    assert!(waits[0] < Duration::from_millis(500));
    assert!(waits[3] >= Duration::from_secs(2) && waits[3] < Duration::from_secs(4));
    assert!(waits[8] >= Duration::from_secs(30) && waits[8] < Duration::from_secs(60));
}

#[test]
fn repeated_dispatches_are_dropped_and_gaps_counted() {
    let mut bench = Bench::in_session();
    for seq in [2, 2, 1, 5] {
        bench.dispatch(seq, "A", &json!({}));
    }
    assert_eq!(bench.events.len(), 2);
    let counters = bench.shard.counters();
    assert_eq!((counters.dispatches, counters.repeated, counters.gaps), (3, 2, 2));
}

#[test]
fn a_sequence_number_from_nowhere_makes_nobody_deaf() {
    let mut bench = Bench::in_session();
    for seq in [2, u64::MAX, 3] {
        bench.dispatch(seq, "A", &json!({}));
    }
    assert!(matches!(bench.events[1], Event::Unrecognised { op: Some(0), .. }));
    let counters = bench.shard.counters();
    assert_eq!((counters.dispatches, counters.unrecognised, counters.gaps), (3, 1, 0));
}

fn raw(d: Value) -> Command {
    Command::Raw { op: 99, d }
}

#[test]
fn commands_wait_for_the_session_and_the_budget() {
    let mut bench = Bench::new(config(), None);
    for n in 0..128 {
        bench.shard.send(bench.now, &raw(json!(n))).unwrap();
    }
    let full = bench.shard.send(bench.now, &raw(json!(128)));
    assert_eq!(full, Err(CommandError::QueueFull));
    bench.open();
    bench.hello();
    bench.clear();
    bench.ready();
    // Identify has taken one already.
    assert_eq!(bench.sent.len(), Budget::LIMIT - Budget::RESERVE - 1);
    assert_eq!(bench.shard.status().queued_commands, 128 - bench.sent.len());
    let started = bench.now;
    while bench.sent.iter().filter(|sent| sent["op"] == 99).count() < 128 {
        bench.sleep();
        bench.message(&json!({"op": 11}));
        assert!(bench.now.since(started) <= Budget::WINDOW);
    }
    let order: Vec<_> = bench.sent.iter().filter(|sent| sent["op"] == 99).map(|sent| &sent["d"]).collect();
    assert!(order.into_iter().eq((0..128).map(Value::from).collect::<Vec<_>>().iter()));
    let fits = "x".repeat(MAX_COMMAND - r#"{"op":99,"d":""}"#.len());
    assert_eq!(bench.shard.send(bench.now, &raw(json!(fits))), Ok(()));
    let refused = bench.shard.send(bench.now, &raw(json!(format!("{fits}x"))));
    assert!(matches!(refused, Err(CommandError::TooLarge { bytes }) if bytes == MAX_COMMAND + 1));
}

#[test]
fn what_is_not_understood_reaches_the_user_or_ends_the_connection() {
    let mut bench = Bench::in_session();
    bench.message(&json!({"op": 77, "d": {"new": true}}));
    assert!(
        matches!(&bench.events[0], Event::Unrecognised { op: Some(77), data } if data.0 == r#"{"new":true}"#)
    );
    for text in ["", "{", "[]", "{\"op\":10,\"d\":{}}", "{\"op\":9,\"d\":1}", "{\"op\":\"x\"}"] {
        let mut bench = Bench::in_session();
        bench.text(text);
        assert!(
            matches!(bench.disconnects()[0].0, Disconnect::Malformed(_)) || text.contains("10"),
            "{text}"
        );
    }
}

#[test]
fn a_message_that_is_too_long_ends_the_connection_however_it_came() {
    let text = |length: usize| {
        let message = format!(r#"{{"op":77,"d":"{}"}}"#, "x".repeat(length - r#"{"op":77,"d":""}"#.len()));
        Bytes::from(message)
    };
    for frame in [Frame::Text, Frame::Binary] {
        let mut bench = Bench::new(Config { max_message: 1000, ..config() }, None);
        bench.open();
        bench.hello();
        bench.ready();
        bench.clear();
        let socket = bench.socket.unwrap();
        bench.input(Input::Frame(socket, frame(text(1000))));
        assert!(matches!(bench.events[..], [Event::Unrecognised { .. }]));
        bench.input(Input::Frame(socket, frame(text(1001))));
        let (reason, resumable, _) = bench.disconnects()[0];
        assert!(matches!(reason, Disconnect::Compression(_)) && resumable, "{reason:?}");
        assert!(reason.to_string().contains("1000 bytes"), "{reason}");
    }
}

#[test]
fn inputs_for_dead_sockets_change_nothing() {
    let mut bench = Bench::in_session();
    let dead = bench.socket.unwrap();
    bench.by_peer(4000);
    bench.sleep();
    bench.clear();
    let before = format!("{:?}", bench.shard);
    let hello = Frame::Text(Bytes::from_static(br#"{"op":10,"d":{"heartbeat_interval":1}}"#));
    for input in [Input::Opened(dead), Input::Frame(dead, hello), Input::Closed(dead, Closed::ByPeer(None))] {
        bench.input(input);
    }
    assert_eq!(format!("{:?}", bench.shard), before);
    assert!(bench.events.is_empty() && bench.sent.is_empty());
}

#[test]
fn stop_ends_the_session_and_nothing_follows() {
    let mut bench = Bench::in_session();
    bench.shard.stop(bench.now);
    bench.drain();
    assert_eq!(bench.closes, [Some(1000)]);
    assert!(matches!(bench.events[..], [Event::Stopped { reason: Stopped::ByUser, .. }]));
    assert!(bench.shard.is_finished() && bench.wait.is_none());
    let command = bench.shard.send(bench.now, &raw(json!(1)));
    assert_eq!(command, Err(CommandError::Stopped));
}

#[test]
fn no_secret_shows_in_a_debug_output() {
    let mut bench = Bench::in_session();
    bench.dispatch(2, "A", &json!({"token": "secret-payload"}));
    bench.message(&json!({"op": 77, "d": "secret-payload"}));
    let text = format!("{:?} {:?} {:?}", bench.shard, bench.events, config());
    assert!(!text.contains("secret"), "{text}");
}

#[test]
fn a_clock_that_steps_back_changes_nothing() {
    let mut bench = Bench::in_session();
    let wait = bench.wait;
    bench.now = Timestamp::ZERO;
    bench.input(Input::Timeout);
    assert_eq!(bench.wait, wait);
    assert!(bench.sent.is_empty());
}

#[test]
fn a_clock_that_jumps_leads_to_one_resume() {
    let mut bench = Bench::in_session();
    bench.sleep();
    bench.now += Duration::from_secs(8 * 3600);
    bench.input(Input::Timeout);
    assert!(matches!(bench.disconnects()[0].0, Disconnect::Overslept { by } if by.as_secs() > 28_000));
    assert!(bench.reconnect());
    assert_eq!(bench.shard.counters().disconnects, 1);
}

fn dispatches(bench: &Bench) -> Vec<&Dispatch> {
    fn dispatch(event: &Event) -> Option<&Dispatch> {
        match event {
            Event::Dispatch(dispatch) => Some(dispatch),
            _ => None,
        }
    }
    bench.events.iter().filter_map(dispatch).collect()
}

#[test]
fn a_server_that_always_says_op_7_is_not_stormed() {
    let mut bench = Bench::in_session();
    let started = bench.now;
    for _ in 0..20 {
        bench.message(&json!({"op": 7}));
        bench.reconnect();
        bench.dispatch(bench.shard.session().unwrap().delivered + 1, "RESUMED", &json!({}));
    }
    assert!(bench.now.since(started) > Duration::from_secs(120), "{:?}", bench.now.since(started));
}

#[test]
fn connections_that_do_not_last_are_followed_by_growing_waits_though_they_bring_something() {
    let mut bench = Bench::in_session();
    for _ in 0..9 {
        bench.by_peer(4000);
        assert!(bench.reconnect());
        bench.dispatch(bench.shard.session().unwrap().delivered + 1, "RESUMED", &json!({}));
    }
    bench.clear();
    bench.by_peer(4000);
    assert!(bench.disconnects()[0].2 > Duration::from_secs(25));
    bench.reconnect();
    bench.dispatch(50, "RESUMED", &json!({}));
    bench.now += Duration::from_secs(11);
    bench.clear();
    bench.by_peer(4000);
    assert!(bench.disconnects()[0].2 < Duration::from_secs(1), "one that lasted starts afresh");
}

#[test]
fn a_shard_waits_for_its_turn_where_others_identify_too() {
    let mut bench = Bench::with(config(), Start { identifies: Identifies::WhenGranted, ..start() });
    assert!(matches!(bench.events[..], [Event::AwaitingIdentify]));
    assert_eq!((bench.shard.phase(), bench.wait), (Phase::Queued, None));
    bench.shard.grant(bench.now);
    bench.drain();
    bench.open();
    bench.hello();
    assert!(bench.events.iter().any(|event| matches!(event, Event::Identified)));
    bench.ready();
    bench.by_peer(4000);
    assert!(bench.reconnect(), "a resume needs no turn");
    bench.clear();
    bench.message(&json!({"op": 9, "d": false}));
    bench.sleep();
    assert!(matches!(bench.events.last(), Some(Event::AwaitingIdentify)));
}

#[test]
fn a_grant_that_was_not_used_is_void() {
    let mut bench = Bench::with(config(), Start { identifies: Identifies::WhenGranted, ..start() });
    bench.shard.grant(bench.now);
    bench.drain();
    bench.closed(Closed::Refused { status: None, reason: "no route".into() });
    bench.clear();
    bench.sleep();
    assert!(matches!(bench.events[..], [Event::AwaitingIdentify]));
}

#[test]
fn a_lost_session_is_said_to_be_a_gap() {
    let mut bench = Bench::in_session();
    bench.message(&json!({"op": 9, "d": false}));
    bench.reconnect();
    bench.ready();
    let gap = |event: &Event| matches!(event, Event::Connected { resumed: false, replayed: 0, gap: true });
    assert!(bench.events.iter().any(gap));
    assert_eq!(bench.shard.counters().sessions_lost, 1);
}

#[test]
fn what_nobody_wants_is_counted_and_dropped() {
    let interest = Interest::only(["B"]);
    let mut bench = Bench::new(Config { interest, ..config() }, None);
    bench.open();
    bench.hello();
    bench.ready();
    bench.dispatch(2, "A", &json!({}));
    bench.dispatch(3, "B", &json!({}));
    let names: Vec<_> = dispatches(&bench).iter().map(|dispatch| dispatch.name.to_string()).collect();
    assert_eq!(names, ["READY", "B"]);
    let counters = bench.shard.counters();
    assert_eq!((counters.dispatches, counters.unwanted, counters.gaps), (2, 1, 0));
    assert_eq!(bench.shard.session().unwrap().seq, 3);
}

#[test]
fn an_interest_may_change_at_any_time() {
    let mut bench = Bench::in_session();
    assert_eq!(bench.shard.interest(), &Interest::all());
    bench.dispatch(2, "A", &json!({}));
    bench.shard.set_interest(Interest::none());
    assert_eq!(bench.shard.interest(), &Interest::none());
    bench.dispatch(3, "A", &json!({}));
    bench.by_peer(4000);
    bench.reconnect();
    bench.dispatch(4, "RESUMED", &json!({}));
    bench.shard.set_interest(Interest::only(["A"]));
    bench.dispatch(5, "A", &json!({}));
    bench.dispatch(6, "B", &json!({}));
    assert_eq!(dispatches(&bench).iter().map(|dispatch| dispatch.seq).collect::<Vec<_>>(), [2, 4, 5]);
    assert_eq!(bench.shard.counters().unwanted, 2);
}

#[test]
fn what_it_was_made_with_can_be_seen() {
    let bench = Bench::in_session();
    assert_eq!((bench.shard.intents(), bench.shard.url()), (Intents::GUILDS, "wss://gateway.test/"));
    assert_eq!(bench.shard.config().max_message, config().max_message);
    let session = bench.shard.session().unwrap();
    assert_eq!(session.resume_url.as_deref(), Some("wss://resume.test"));
    assert_eq!(bench.shard.heartbeat_interval(), Some(INTERVAL));
}

#[test]
fn what_nobody_wants_counts_once_nothing_before_it_is_open() {
    let interest = Interest::only(["B"]);
    let mut bench = Bench::new(Config { interest, delivery: Delivery::AtLeastOnce, ..config() }, None);
    bench.open();
    bench.hello();
    bench.ready();
    let seq = |bench: &Bench| bench.shard.session().unwrap().seq;
    let ack = |bench: &mut Bench, index: usize| {
        let receipt = dispatches(bench)[index].receipt();
        bench.shard.ack(receipt);
    };
    bench.dispatch(2, "A", &json!({}));
    assert_eq!(seq(&bench), 0, "READY is open");
    ack(&mut bench, 0);
    assert_eq!(seq(&bench), 2, "up to the newest received");
    bench.dispatch(3, "A", &json!({}));
    assert_eq!(seq(&bench), 3, "nothing is open");
    for (number, name) in [(4, "B"), (5, "A"), (6, "B"), (7, "A")] {
        bench.dispatch(number, name, &json!({}));
    }
    assert_eq!(seq(&bench), 3);
    ack(&mut bench, 1);
    assert_eq!(seq(&bench), 4, "6 is open");
    ack(&mut bench, 2);
    assert_eq!(seq(&bench), 7);
    ack(&mut bench, 1);
    assert_eq!(seq(&bench), 7, "an older receipt takes nothing back");
    // Another process goes on from there, and has nothing open.
    bench.dispatch(8, "B", &json!({}));
    let config = Config { interest: Interest::only(["B"]), delivery: Delivery::AtLeastOnce, ..config() };
    let mut next = Bench::new(config, bench.shard.session());
    assert!(next.reconnect());
    assert_eq!(next.sent.last().unwrap()["d"]["seq"], 7);
    next.dispatch(8, "B", &json!({}));
    next.dispatch(9, "A", &json!({}));
    assert_eq!(seq(&next), 7);
    ack(&mut next, 0);
    assert_eq!(seq(&next), 9);
}

#[test]
fn acknowledged_dispatches_are_what_another_process_resumes_from() {
    let config = || Config { delivery: Delivery::AtLeastOnce, ..config() };
    let mut bench = Bench::new(config(), None);
    bench.open();
    bench.hello();
    bench.ready();
    for seq in 2..6 {
        bench.dispatch(seq, "A", &json!({}));
    }
    let saved = |bench: &Bench| {
        let session = bench.shard.session().unwrap();
        (session.seq, session.delivered)
    };
    assert_eq!(saved(&bench), (0, 5));
    let receipts: Vec<_> = dispatches(&bench).iter().map(|dispatch| dispatch.receipt()).collect();
    bench.shard.ack(receipts[2]);
    bench.shard.ack(receipts[0]);
    assert_eq!(saved(&bench), (3, 5));
    // On this connection nothing needs to come again.
    bench.by_peer(4000);
    assert!(bench.reconnect());
    assert_eq!(bench.sent.last().unwrap()["d"]["seq"], 5);

    let mut next = Bench::new(config(), bench.shard.session());
    assert!(next.reconnect());
    assert_eq!(next.sent.last().unwrap()["d"]["seq"], 3);
    for seq in 4..8 {
        next.dispatch(seq, "A", &json!({}));
    }
    let seen: Vec<_> = dispatches(&next).iter().map(|d| (d.seq, d.replayed, d.duplicate)).collect();
    assert_eq!(seen, [(4, true, true), (5, true, true), (6, true, false), (7, true, false)]);
    // A receipt of another session acknowledges nothing here.
    next.message(&json!({"op": 9, "d": false}));
    let old = receipts[4];
    next.reconnect();
    next.ready();
    next.shard.ack(old);
    assert_eq!(saved(&next), (0, 1));
}

#[test]
fn a_suspended_shard_keeps_its_session() {
    let mut bench = Bench::in_session();
    bench.shard.suspend(bench.now);
    bench.drain();
    assert_eq!(bench.closes, [Some(4000)]);
    let [Event::Stopped { session: Some(session), .. }] = &bench.events[..] else {
        panic!("{:?}", bench.events)
    };
    assert_eq!(bench.shard.session().as_ref(), Some(session));
    assert!(Bench::new(config(), Some(session.clone())).reconnect());
}

#[test]
fn a_user_may_ask_for_another_connection() {
    for keep in [true, false] {
        let mut bench = Bench::in_session();
        bench.shard.reconnect(bench.now, keep);
        bench.drain();
        assert_eq!(bench.closes, [Some(if keep { 4000 } else { 1000 })]);
        assert_eq!(bench.disconnects()[0].0, &Disconnect::ByUser);
        assert_eq!(bench.reconnect(), keep);
    }
}

#[test]
fn presences_and_requests_for_members_keep_their_limits() {
    let mut bench = Bench::in_session();
    let all = || MembersRequest::all(GuildId(1));
    bench.shard.request_members(bench.now, all()).unwrap();
    bench.shard.request_members(bench.now, all()).unwrap();
    for _ in 0..7 {
        bench.shard.send(bench.now, &Command::Presence(Presence::new(Status::Idle))).unwrap();
    }
    bench.drain();
    let count = |bench: &Bench, op: u64| bench.sent.iter().filter(|sent| sent["op"] == op).count();
    assert_eq!((count(&bench, 8), count(&bench, 3)), (1, 5));
    // Of two presences that wait only the newer remains.
    assert_eq!(bench.shard.status().queued_commands, 2);
    assert_eq!(bench.shard.budget().presences_available(bench.now), 0);
    let started = bench.now;
    while bench.shard.status().queued_commands > 0 {
        bench.sleep();
        bench.message(&json!({"op": 11}));
    }
    assert_eq!((count(&bench, 8), count(&bench, 3)), (2, 6));
    assert_eq!(bench.now.since(started), Budget::MEMBERS_SPACING);
}

#[test]
fn raw_commands_keep_the_limits_of_their_opcodes() {
    let mut bench = Bench::in_session();
    let presence = |n: u32| {
        let text = format!("{n}");
        Command::raw(3, &json!({"since": null, "activities": [], "status": "idle", "afk": false, "n": text}))
    };
    let members = || Command::raw(8, &json!({"guild_id": "1", "query": "", "limit": 0, "presences": false}));
    for n in 0..7 {
        bench.shard.send(bench.now, &presence(n).unwrap()).unwrap();
        bench.shard.send(bench.now, &members().unwrap()).unwrap();
    }
    bench.drain();
    let count = |bench: &Bench, op: u64| bench.sent.iter().filter(|sent| sent["op"] == op).count();
    assert_eq!((count(&bench, 8), count(&bench, 3)), (1, 5));
    assert_eq!(bench.shard.budget().presences_available(bench.now), 0);
    let free = bench.shard.budget().members_available_at(bench.now, GuildId(1));
    assert_eq!(free, Some(bench.now + Budget::MEMBERS_SPACING));
    // Of the presences that wait only the newest remains.
    assert_eq!(bench.shard.status().queued_commands, 1 + 6);
}

#[test]
fn a_limit_that_discord_names_is_kept_whoever_asked() {
    let mut bench = Bench::in_session();
    let d = json!({"opcode": 8, "retry_after": 40.5, "meta": {"guild_id": "9"}});
    bench.dispatch(2, "RATE_LIMITED", &d);
    assert_eq!(dispatches(&bench)[0].json().unwrap().get(), d.to_string());
    let free = bench.now + Duration::from_millis(40_500);
    assert_eq!(bench.shard.budget().members_available_at(bench.now, GuildId(9)), Some(free));
    bench.shard.send(bench.now, &Command::Members(MembersRequest::all(GuildId(9)))).unwrap();
    bench.drain();
    assert!(bench.sent.is_empty());
    while bench.sent.iter().all(|sent| sent["op"] != 8) {
        bench.sleep();
        bench.message(&json!({"op": 11}));
    }
    assert_eq!(bench.now, free);
    // Of another opcode it is the user's alone.
    let other = json!({"opcode": 31, "retry_after": 9.0, "meta": {"guild_id": "3"}});
    bench.dispatch(3, "RATE_LIMITED", &other);
    assert_eq!(bench.shard.budget().members_available_at(bench.now, GuildId(3)), None);
}

#[test]
fn a_new_session_begins_with_the_newest_presence() {
    let first = Presence::new(Status::Dnd);
    let mut bench = Bench::new(Config { presence: Some(first), ..config() }, None);
    let identified = |bench: &mut Bench| {
        bench.clear();
        bench.reconnect();
        let identify = bench.sent[0].clone();
        assert_eq!(identify["op"], 2);
        bench.message(&json!({"op": 9, "d": false}));
        identify["d"]["presence"].clone()
    };
    assert_eq!(identified(&mut bench)["status"], "dnd");
    bench.shard.send(bench.now, &Command::Presence(Presence::new(Status::Idle))).unwrap();
    assert_eq!(identified(&mut bench)["status"], "idle");
    let new = json!({"since": null, "activities": [], "status": "invisible", "afk": true, "new": [1]});
    bench.shard.send(bench.now, &Command::raw(3, &new).unwrap()).unwrap();
    assert_eq!(identified(&mut bench), new);
    bench.shard.send(bench.now, &Command::raw(3, &"no presence").unwrap()).unwrap();
    assert_eq!(identified(&mut bench), new, "Discord would close the connection each time");
    bench.shard.stop(bench.now);
    let refused = bench.shard.send(bench.now, &Command::Presence(Presence::default()));
    assert_eq!(refused, Err(CommandError::Stopped));
}

#[test]
fn chunks_of_members_are_joined() {
    let mut bench = Bench::in_session();
    let request = bench.shard.request_members(bench.now, MembersRequest::all(GuildId(9))).unwrap();
    bench.drain();
    let nonce = bench.sent[0]["d"]["nonce"].clone();
    assert!(nonce.as_str().unwrap().len() <= 32);
    let chunk = |index: u64, nonce: &Value| {
        json!({"guild_id": "9", "members": [{"nick": index.to_string()}], "chunk_index": index,
            "chunk_count": 2, "not_found": [index], "nonce": nonce})
    };
    bench.dispatch(2, "GUILD_MEMBERS_CHUNK", &chunk(1, &nonce));
    bench.dispatch(3, "GUILD_MEMBERS_CHUNK", &chunk(0, &json!("somebody else's")));
    bench.dispatch(4, "GUILD_MEMBERS_CHUNK", &chunk(7, &nonce));
    bench.dispatch(5, "GUILD_MEMBERS_CHUNK", &chunk(0, &nonce));
    let answers: Vec<_> = bench
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Members { request, guild, result } => Some((*request, *guild, result)),
            _ => None,
        })
        .collect();
    let [(id, GuildId(9), Ok(members))] = answers[..] else { panic!("{answers:?}") };
    assert_eq!(id, request);
    let nicks: Vec<Value> = members.parse().unwrap();
    assert_eq!(nicks, [json!({"nick": "0"}), json!({"nick": "1"})]);
    assert_eq!(members.not_found().unwrap(), [json!(0), json!(1)]);
    assert_eq!(dispatches(&bench).len(), 4, "the chunks come as dispatches too");
}

#[test]
fn requests_for_members_fail_when_nothing_will_come() {
    let fail = |act: &dyn Fn(&mut Bench, &Value)| {
        let mut bench = Bench::in_session();
        let users = MembersRequest::users(GuildId(9), vec![UserId(1)]);
        bench.shard.request_members(bench.now, users).unwrap();
        bench.drain();
        let nonce = bench.sent[0]["d"]["nonce"].clone();
        act(&mut bench, &nonce);
        assert_eq!(bench.shard.status().pending_members, 0);
        bench.events.into_iter().find_map(|event| match event {
            Event::Members { result, .. } => result.err(),
            _ => None,
        })
    };
    let limited = fail(&|bench, nonce| {
        let meta = json!({"guild_id": "9", "nonce": nonce});
        bench.dispatch(2, "RATE_LIMITED", &json!({"opcode": 8, "retry_after": 2.5, "meta": meta}));
        let free = bench.shard.budget().members_available_at(bench.now, GuildId(9));
        assert_eq!(free, Some(bench.now + Duration::from_millis(2500)));
    });
    assert_eq!(limited, Some(MembersError::RateLimited { retry_after: Duration::from_millis(2500) }));
    let late = fail(&|bench, _| {
        for _ in 0..3 {
            bench.sleep();
            bench.message(&json!({"op": 11}));
        }
    });
    assert_eq!(late, Some(MembersError::TimedOut));
    assert_eq!(
        fail(&|bench, _| bench.message(&json!({"op": 9, "d": false}))),
        Some(MembersError::SessionLost)
    );
    let stopped = fail(&|bench, _| {
        bench.shard.stop(bench.now);
        bench.drain();
    });
    assert_eq!(stopped, Some(MembersError::Stopped));
}

#[test]
fn the_query_and_identify_say_which_compression_is_used() {
    for (compression, query, compress) in [
        (Compression::None, "", false),
        (Compression::Payload, "", true),
        (Compression::ZlibStream, "&compress=zlib-stream", false),
        (Compression::ZstdStream, "&compress=zstd-stream", false),
    ] {
        let mut bench = Bench::new(Config { compression, ..config() }, None);
        assert_eq!(bench.urls, [format!("{FIRST_URL}{query}")]);
        bench.open();
        bench.hello();
        assert_eq!(bench.sent[0]["d"]["compress"] == true, compress);
    }
}

#[test]
#[cfg(feature = "zlib")]
fn a_corrupt_stream_ends_the_connection_and_the_session_goes_on() {
    let mut bench = Bench::new(Config { compression: Compression::ZlibStream, ..config() }, None);
    bench.open();
    bench.hello();
    bench.ready();
    bench.clear();
    let socket = bench.socket.unwrap();
    bench.input(Input::Frame(socket, Frame::Binary(Bytes::from_static(&[1, 2, 3, 0, 0, 0xFF, 0xFF]))));
    assert!(matches!(bench.disconnects()[0], (Disconnect::Compression(_), true, _)));
    assert!(bench.reconnect());
}

#[test]
fn a_dashboard_sees_what_happens() {
    let mut bench = Bench::in_session();
    bench.dispatch(2, "A", &json!({}));
    bench.sleep();
    bench.now += Duration::from_millis(30);
    bench.message(&json!({"op": 11}));
    let status = bench.shard.status();
    assert_eq!((status.phase, status.seq, status.acknowledged), ("ready", Some(2), Some(2)));
    assert_eq!(status.latency, Some(Duration::from_millis(30)));
    assert_eq!(status.next_deadline, bench.wait);
    let counters = status.counters;
    assert_eq!((counters.connects, counters.identifies, counters.heartbeats), (1, 1, 1));
    assert!(counters.bytes_in > 0 && counters.bytes_in == counters.bytes_inflated && counters.bytes_out > 0);
    assert_eq!(counters.ratio(), 1.0);
}
