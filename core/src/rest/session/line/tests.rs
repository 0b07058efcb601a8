use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::machine::{Machine, Method, Request, RequestId, Response};
use crate::rest::limiter::Limited;
use crate::rest::session::{CallId, Config, Event, Session};
use crate::rest::{Api, Cause, Draft};
use crate::secret::Token;

/// A session, and what it asks for.
struct Bench {
    session: Session,
    now: Timestamp,
    socket: Option<SocketId>,
    asked: Vec<Ask>,
    sent: Vec<(RequestId, Request)>,
    events: Vec<Event>,
    closed: usize,
    wait: Option<Timestamp>,
}

impl Bench {
    fn new() -> Self {
        let mut config = Config::new(Api::new("https://d.test/api/v10", &Token::new("secret")));
        config.limits_at = Some("ws://office".into());
        let mut bench = Self {
            session: Session::new(config, [7; 32]),
            now: Timestamp::from_millis(1_000),
            socket: None,
            asked: Vec::new(),
            sent: Vec::new(),
            events: Vec::new(),
            closed: 0,
            wait: None,
        };
        bench.input(Input::Timeout);
        bench
    }

    /// One whose office is there.
    fn open() -> Self {
        let mut bench = Self::new();
        bench.connect();
        assert_eq!(bench.take_events(), [Event::OfficeFound]);
        bench
    }

    fn connect(&mut self) {
        let socket = self.socket.expect("it tries to get there");
        self.input(Input::Opened(socket));
    }

    fn input(&mut self, input: Input) {
        self.session.handle_input(self.now, input);
        self.drain();
    }

    fn drain(&mut self) {
        loop {
            match self.session.poll_output() {
                Output::OpenWebSocket { socket, url } => {
                    assert_eq!(&*url, "ws://office");
                    self.socket = Some(socket);
                }
                Output::SendFrame(socket, Frame::Text(text)) => {
                    assert_eq!(Some(socket), self.socket);
                    self.asked.push(serde_json::from_slice(&text).unwrap());
                }
                Output::Close(socket, _) => {
                    assert_eq!(self.socket.take(), Some(socket));
                    self.closed += 1;
                }
                Output::SendRequest(id, request) => self.sent.push((id, request)),
                Output::CancelRequest(_) => {}
                Output::Event(event) => self.events.push(event),
                Output::Wait(wait) => {
                    self.wait = wait;
                    return;
                }
                output => panic!("{output:?}"),
            }
        }
    }

    fn sleep(&mut self) {
        self.now = self.now.max(self.wait.expect("a deadline"));
        self.input(Input::Timeout);
    }

    fn call(&mut self, channel: u64) -> CallId {
        let call = self.session.call(self.now, Draft::new(Method::Get, format!("/channels/{channel}")));
        self.drain();
        call
    }

    fn hear(&mut self, text: &str) {
        let socket = self.socket.expect("it is open");
        self.input(Input::Frame(socket, Frame::Text(String::from(text).into())));
    }

    fn lose(&mut self) {
        let socket = self.socket.take().expect("it is open");
        self.input(Input::Closed(socket, crate::machine::Closed::Lost { reason: "cut".into() }));
    }

    fn respond(&mut self, status: u16, headers: &[(&str, &str)]) {
        let (id, _) = self.sent.remove(0);
        let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        self.input(Input::Response(id, Ok(Response { status, headers, body: Default::default() })));
    }

    /// What was asked since, as kind and id.
    fn take_asked(&mut self) -> Vec<(&'static str, u64)> {
        let asked = core::mem::take(&mut self.asked);
        asked
            .into_iter()
            .map(|ask| match ask {
                Ask::Want { id, .. } => ("want", id.as_u64()),
                Ask::Held { id, .. } => ("held", id.as_u64()),
                Ask::Done { id, .. } => ("done", id.as_u64()),
                Ask::Again { id, .. } => ("again", id.as_u64()),
                Ask::Drop { id } => ("drop", id.as_u64()),
                Ask::Ping { count } => ("ping", count),
            })
            .collect()
    }

    fn take_events(&mut self) -> Vec<Event> {
        core::mem::take(&mut self.events)
    }
}

#[test]
fn a_turn_is_asked_for_and_given_back() {
    let mut bench = Bench::open();
    let call = bench.call(5);
    let Some(Ask::Want { account, route, .. }) = bench.asked.first() else { panic!() };
    assert_eq!(
        (*account, route.to_string()),
        (Account::of("Bot secret"), "GET /channels/{} (channel 5)".into())
    );
    assert_eq!(bench.take_asked(), [("want", 1)]);
    assert_eq!((bench.session.wait(call), bench.sent.len()), (None, 0));
    bench.hear(r#"{"waiting":{"id":1,"reason":"held","left":900}}"#);
    let until = Some(bench.now + Duration::from_millis(900));
    assert_eq!(bench.session.wait(call), Some(Wait { reason: Reason::Held, until }));
    let waits = bench.take_events();
    assert!(
        matches!(&waits[..], [Event::Waiting { wait: Wait { reason: Reason::Held, .. }, .. }]),
        "{waits:?}"
    );
    bench.hear(r#"{"granted":{"id":1}}"#);
    assert_eq!((bench.session.wait(call), bench.sent.len()), (None, 1));
    bench.respond(200, &[]);
    assert_eq!(bench.take_asked(), [("done", 1)]);
    assert!(matches!(&bench.take_events()[..], [Event::Done(_, Ok(_))]));
    // What shows no token is nobody's.
    bench.session.call(bench.now, Draft::new(Method::Post, "/webhooks/8/token"));
    bench.drain();
    assert!(matches!(bench.asked[..], [Ask::Want { account: Account::NOBODY, .. }]), "{:?}", bench.asked);
}

#[test]
fn a_wait_beyond_a_calls_time_ends_it() {
    let mut bench = Bench::open();
    let mut draft = Draft::new(Method::Get, "/channels/5");
    draft.deadline = Some(Duration::from_secs(3));
    bench.session.call(bench.now, draft);
    bench.drain();
    bench.hear(r#"{"waiting":{"id":1,"reason":{"bucket":{"limit":5}},"left":3001}}"#);
    let events = bench.take_events();
    let [Event::Done(_, Err(error))] = &events[..] else { panic!("{events:?}") };
    assert!(
        matches!(&error.cause, Cause::Deadline { waiting, .. } if waiting.contains("5 requests")),
        "{error}"
    );
    assert_eq!(bench.take_asked(), [("want", 1), ("drop", 1)]);
    // A grant that was under way is not used.
    bench.hear(r#"{"granted":{"id":1}}"#);
    assert_eq!((bench.sent.len(), bench.session.odd_answers()), (0, 0));
    bench.call(6);
    bench.hear(r#"{"refused":{"id":2,"why":"Unauthorized"}}"#);
    let events = bench.take_events();
    let [Event::Done(_, Err(error))] = &events[..] else { panic!("{events:?}") };
    assert!(matches!(&error.cause, Cause::Held(why) if why.contains("token")), "{error}");
}

/// After a loss the office hears of everything: what is under way, what has ended, what came to nothing, what still
/// waits, the earliest first; and nothing of what has been taken back.
#[test]
fn everything_is_told_again() {
    let mut bench = Bench::open();
    let calls: Vec<CallId> = (1..=6).map(|channel| bench.call(channel)).collect();
    for id in [1, 2, 3] {
        bench.hear(&format!(r#"{{"granted":{{"id":{id}}}}}"#));
    }
    bench.take_asked();
    bench.lose();
    let Some(Event::OfficeLost { why, after }) = bench.take_events().pop() else { panic!() };
    assert!(why.contains("cut") && after <= Duration::from_secs(1), "{why} {after:?}");
    assert_eq!(bench.session.wait(calls[3]).map(|wait| wait.reason), Some(Reason::Office));
    // One is answered, one has met a limit, one is under way; one gives up, and a new one comes.
    bench.respond(200, &[]);
    bench.respond(429, &[("retry-after", "2"), ("via", "1.1 google")]);
    bench.session.cancel(bench.now, calls[4]);
    bench.call(7);
    bench.now += Duration::from_millis(400);
    while bench.socket.is_none() {
        bench.sleep();
    }
    assert_eq!(bench.take_asked(), []);
    let since = bench.now.since(Timestamp::from_millis(1_000));
    bench.connect();
    let Some(Ask::Held { age, .. }) = bench.asked.first() else { panic!("{:?}", bench.asked) };
    assert_eq!(u128::from(*age), since.as_millis());
    assert_eq!(
        bench.take_asked(),
        [
            ("held", 1),
            ("done", 1),
            ("held", 2),
            ("again", 2),
            ("held", 3),
            ("want", 4),
            ("want", 6),
            ("want", 7)
        ]
    );
    // What it knows now is not told twice.
    bench.respond(200, &[]);
    bench.input(Input::Timeout);
    assert_eq!(bench.take_asked(), [("done", 3)]);
    assert_eq!(bench.sent.len(), 0);
}

#[test]
fn attempts_are_made_for_as_long_as_it_lives() {
    let mut bench = Bench::new();
    let mut draft = Draft::new(Method::Get, "/channels/5");
    draft.deadline = Some(Duration::from_secs(30));
    let begun = bench.now;
    bench.session.call(bench.now, draft);
    let mut attempts = 0;
    while bench.session.pending() > 0 {
        if let Some(socket) = bench.socket.take() {
            attempts += 1;
            let reason = "nobody there".into();
            bench.input(Input::Closed(socket, crate::machine::Closed::Refused { status: None, reason }));
        } else {
            bench.sleep();
        }
    }
    assert!((8..25).contains(&attempts), "{attempts}: each within 5 s");
    assert_eq!(bench.now.since(begun), Duration::from_secs(30), "the call had its time");
    let ends = bench.take_events();
    let told = ends.iter().filter(|event| matches!(event, Event::OfficeLost { .. })).count();
    assert_eq!(told, attempts);
    let Some(Event::Done(_, Err(error))) = ends.last() else { panic!("{ends:?}") };
    assert!(error.to_string().contains("the office"), "{error}");
    // Stopped, it lets go.
    bench.session.stop(bench.now);
    bench.drain();
    assert!(bench.session.is_finished() && bench.wait.is_none());
}

#[test]
fn silence_is_noticed() {
    let mut bench = Bench::open();
    let begun = bench.now;
    bench.sleep();
    assert_eq!((bench.take_asked(), bench.now.since(begun)), (Vec::from([("ping", 1)]), QUIET));
    bench.hear(r#"{"pong":{"count":1}}"#);
    bench.sleep();
    assert_eq!(bench.take_asked(), [("ping", 2)]);
    bench.sleep();
    assert_eq!((bench.closed, bench.now.since(begun)), (1, 2 * QUIET + PATIENCE));
    assert!(matches!(&bench.take_events()[..], [Event::OfficeLost { .. }]));
    while bench.socket.is_none() {
        bench.sleep();
    }
    bench.connect();
    bench.session.stop(bench.now);
    bench.drain();
    assert_eq!((bench.closed, bench.session.is_finished()), (2, true));
}

#[test]
fn the_office_is_not_flooded() {
    let mut bench = Bench::open();
    let calls: Vec<CallId> = (0..3_000).map(|channel| bench.call(channel)).collect();
    assert!((AHEAD - 2..=AHEAD).contains(&(bench.asked.len() as u64)), "{}", bench.asked.len());
    let pings = |asked: &[Ask]| asked.iter().filter(|ask| matches!(ask, Ask::Ping { .. })).count();
    assert_eq!(pings(&bench.asked), 3);
    for call in &calls[2_000..] {
        bench.session.cancel(bench.now, *call);
    }
    let mut wants = 0;
    while let Some(last) = bench.asked.iter().rev().find_map(|ask| match ask {
        Ask::Ping { count } => Some(*count),
        _ => None,
    }) {
        wants += bench.asked.len() - pings(&bench.asked);
        bench.asked.clear();
        bench.hear(&format!(r#"{{"pong":{{"count":{last}}}}}"#));
        assert!(bench.asked.len() as u64 <= AHEAD);
    }
    wants += bench.asked.len();
    assert_eq!(wants, 2_000, "what was taken back before is never asked");
}

/// What an office may say that is none.
fn answer() -> impl Strategy<Value = String> {
    let id = (0..8_u64).prop_map(Ticket::from_u64);
    let why = prop_oneof![Just(Refused::Full), Just(Refused::Unknown), Just(Refused::Unauthorized)];
    let wrong = prop_oneof![Just(Wrong::Twice), Just(Wrong::Unknown), Just(Wrong::Unreadable)];
    let event = prop_oneof![
        id.clone().prop_map(limiter::Event::Granted),
        id.clone().prop_map(|ticket| limiter::Event::Refused(ticket, Refused::Full)),
        id.clone().prop_map(limiter::Event::Expired),
        id.clone().prop_map(|ticket| limiter::Event::Limited {
            ticket,
            by: Limited::User,
            wait: Duration::from_secs(1)
        }),
        Just(limiter::Event::Resumed),
    ];
    let account = prop_oneof![Just(Account::NOBODY), Just(Account::of("Bot secret"))];
    prop_oneof![
        3 => id.clone().prop_map(|id| Answer::Granted { id }.to_text()),
        1 => (id.clone(), any::<Option<u64>>())
            .prop_map(|(id, left)| Answer::Waiting { id, reason: Reason::Held, left }.to_text()),
        1 => (id.clone(), why).prop_map(|(id, why)| Answer::Refused { id, why }.to_text()),
        1 => (prop::option::of(id), wrong).prop_map(|(id, why)| Answer::Wrong { id, why }.to_text()),
        1 => (account, event).prop_map(|(account, event)| Answer::Limiter { account, event }.to_text()),
        1 => any::<u64>().prop_map(|count| Answer::Pong { count }.to_text()),
        1 => ".{0,20}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever an office says, and however often it is lost: each call comes to one end, none is sent that was not
    /// granted or sent twice for one grant, and nothing is left.
    #[test]
    fn a_hostile_office_hurts_nobody(steps in prop::collection::vec((0..8_u8, answer()), 1..60)) {
        let mut bench = Bench::new();
        let (mut calls, mut grants, mut sent) = (0, 0, 0);
        for (kind, text) in steps {
            bench.now += Duration::from_millis(50);
            match (kind, bench.socket) {
                (0 | 1, _) if calls < 7 => {
                    calls += 1;
                    bench.call(calls);
                }
                (2, Some(_)) => bench.lose(),
                (2, None) => bench.sleep(),
                (3, _) if !bench.sent.is_empty() => bench.respond(200, &[]),
                (4, _) if !bench.sent.is_empty() => bench.respond(429, &[("retry-after", "1")]),
                (5, Some(socket)) => bench.input(Input::Opened(socket)),
                (_, Some(_)) => {
                    grants += u64::from(text.contains("\"granted\""));
                    let before = bench.sent.len();
                    bench.hear(&text);
                    sent += (bench.sent.len() - before) as u64;
                }
                _ => {}
            }
        }
        prop_assert!(sent <= grants);
        bench.session.stop(bench.now);
        bench.drain();
        for _ in 0..2_000 {
            if bench.session.is_finished() {
                break;
            }
            bench.sleep();
            if let Some(socket) = bench.socket.take() {
                let reason = "gone".into();
                bench.input(Input::Closed(socket, crate::machine::Closed::Lost { reason }));
            }
        }
        prop_assert!(bench.session.is_finished());
        let ends = bench.events.iter().filter(|event| matches!(event, Event::Done(..))).count();
        prop_assert_eq!(ends as u64, calls);
    }
}
