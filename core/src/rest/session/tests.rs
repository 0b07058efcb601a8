use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;

use super::*;
use crate::machine::{Method, Progress, Request};
use crate::secret::Token;

struct Bench {
    session: Session,
    now: Timestamp,
    wait: Option<Timestamp>,
    sent: Vec<(RequestId, Request)>,
    cancelled: Vec<RequestId>,
    events: Vec<Event>,
}

impl Bench {
    fn new(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::new(Api::new("https://d.test/api/v10", &Token::new("secret")));
        change(&mut config);
        Self {
            session: Session::new(config, [7; 32]),
            now: Timestamp::from_millis(1000),
            wait: None,
            sent: Vec::new(),
            cancelled: Vec::new(),
            events: Vec::new(),
        }
    }

    fn drain(&mut self) {
        loop {
            match self.session.poll_output() {
                Output::SendRequest(id, request) => self.sent.push((id, request)),
                Output::CancelRequest(id) => self.cancelled.push(id),
                Output::Event(event) => self.events.push(event),
                Output::Wait(until) => {
                    self.wait = until;
                    return;
                }
                other => panic!("unexpected {other:?}"),
            }
        }
    }

    fn call(&mut self, draft: Draft) -> CallId {
        let call = self.session.call(self.now, draft);
        self.drain();
        call
    }

    fn get(&mut self) -> CallId {
        self.call(Draft::new(Method::Get, "/channels/5"))
    }

    fn post(&mut self) -> CallId {
        self.call(Draft::new(Method::Post, "/channels/5/invites"))
    }

    /// The request that is under way.
    fn take(&mut self) -> RequestId {
        assert_eq!(self.sent.len(), 1, "{:?}", self.events);
        self.sent.remove(0).0
    }

    fn respond(&mut self, status: u16, headers: &[(&str, &str)], body: &'static str) {
        let id = self.take();
        let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let response = Response { status, headers, body: Bytes::from_static(body.as_bytes()) };
        self.input(Input::Response(id, Ok(response)));
    }

    fn fault(&mut self, fault: Fault) {
        let id = self.take();
        self.input(Input::Response(id, Err(Unanswered::new(fault, "a test"))));
    }

    fn input(&mut self, input: Input) {
        self.session.handle_input(self.now, input);
        self.drain();
    }

    /// Sleeps until the machine's deadline, which must come within so long.
    fn sleep(&mut self, most: Duration) {
        let at = self.wait.expect("a deadline");
        assert!(at.since(self.now) <= most, "it sleeps {:?}", at.since(self.now));
        self.now = self.now.max(at);
        self.input(Input::Timeout);
    }

    /// How the only call ended.
    fn end(&mut self) -> Result<u16, Cause> {
        let mut ends = self.events.iter().filter_map(|event| match event {
            Event::Done(_, answer) => Some(answer.clone()),
            _ => None,
        });
        let end = ends.next().expect("it has ended");
        assert_eq!(ends.next(), None);
        assert_eq!((self.session.pending(), self.session.timers.len()), (0, 0));
        assert!(self.session.tickets.is_empty() && self.session.requests.is_empty());
        assert!(self.session.limiter().expect("its own").is_empty(), "no ticket is left");
        end.map(|response| response.status).map_err(|error| error.cause)
    }

    fn has_ended(&self) -> bool {
        self.events.iter().any(|event| matches!(event, Event::Done(..)))
    }
}

#[test]
fn an_answer_ends_a_call() {
    for status in [200, 201, 204] {
        let mut bench = Bench::new(|_| ());
        bench.get();
        let (_, request) = &bench.sent[0];
        assert_eq!(&*request.url, "https://d.test/api/v10/channels/5");
        assert!(request.headers.contains(&("authorization", "Bot secret".into())));
        bench.respond(status, &[], "{}");
        assert_eq!(bench.end(), Ok(status));
    }
    for status in [301, 304, 400, 401, 403, 404, 405] {
        let mut bench = Bench::new(|_| ());
        bench.get();
        bench.respond(status, &[("location", "https://elsewhere.test")], r#"{"message": "no", "code": 7}"#);
        let Err(Cause::Discord(error)) = bench.end() else { panic!("{status}") };
        assert_eq!((error.status, error.code), (status, 7));
    }
}

/// What may have been done is not done twice; what was not done is tried again.
#[test]
fn a_repeat_must_do_no_harm() {
    type Break = fn(&mut Bench);
    let faults: [(&str, Break, bool, bool); 9] = [
        ("500", |bench| bench.respond(500, &[], ""), true, false),
        ("502", |bench| bench.respond(502, &[], "<html>"), true, false),
        ("lost", |bench| bench.fault(Fault::Lost), true, false),
        ("late", |bench| bench.fault(Fault::Late), true, false),
        ("unsent", |bench| bench.fault(Fault::Unsent), true, true),
        ("429", |bench| bench.respond(429, &[("retry-after", "1")], r#"{"retry_after": 0.5}"#), true, true),
        ("tls", |bench| bench.fault(Fault::Tls), false, false),
        ("local", |bench| bench.fault(Fault::Local), false, false),
        ("too long", |bench| bench.fault(Fault::TooLong), false, false),
    ];
    for (name, break_it, get, post) in faults {
        for (again, make) in [(get, Bench::get as fn(&mut Bench) -> CallId), (post, Bench::post)] {
            let mut bench = Bench::new(|_| ());
            make(&mut bench);
            break_it(&mut bench);
            assert_eq!(bench.has_ended(), !again, "{name}");
            if again {
                while bench.sent.is_empty() {
                    bench.sleep(Duration::from_secs(3));
                }
                bench.respond(200, &[], "{}");
                assert_eq!(bench.end(), Ok(200), "{name}");
            } else {
                assert!(bench.end().is_err(), "{name}");
            }
        }
    }
}

#[test]
fn a_body_is_repeated_whole() {
    let mut bench = Bench::new(|_| ());
    let mut draft = Draft::new(Method::Put, "/channels/5/messages/7/reactions/x");
    draft.set("a", 1);
    draft.files.push(crate::rest::File::bytes("a.txt", &b"hello"[..]));
    bench.call(draft);
    let first = bench.sent[0].1.clone();
    bench.respond(429, &[("retry-after", "1")], r#"{"retry_after": 1.0}"#);
    while bench.sent.is_empty() {
        bench.sleep(Duration::from_secs(2));
    }
    let second = &bench.sent[0].1;
    assert_eq!((first.method, &first.url), (second.method, &second.url));
    let crate::machine::Body::Parts(parts) = &second.body else { panic!("no parts") };
    assert!(parts.contains(&crate::machine::Part::Bytes(Bytes::from_static(b"hello"))));
}

#[test]
fn tries_come_to_an_end() {
    let mut bench = Bench::new(|config| config.attempts = 3);
    bench.get();
    let mut tries = 0;
    while !bench.has_ended() {
        while bench.sent.is_empty() {
            bench.sleep(Duration::from_secs(60));
        }
        tries += 1;
        bench.fault(Fault::Unsent);
    }
    assert_eq!(tries, 3);
    assert!(matches!(bench.end(), Err(Cause::Unanswered(_))));
    let retries = bench.events.iter().filter(|event| matches!(event, Event::Retrying { .. })).count();
    assert_eq!(retries, 2, "each is told");
}

#[test]
fn a_call_ends_with_its_time() {
    let limit = Duration::from_secs(7);
    // On its way: the request is given up.
    let mut bench = Bench::new(|config| config.deadline = limit);
    bench.get();
    assert_eq!(bench.sent[0].1.deadline, limit);
    bench.sleep(limit);
    assert_eq!(bench.cancelled, [bench.sent[0].0]);
    let Err(Cause::Deadline { waiting, .. }) = bench.end() else { panic!() };
    assert_eq!(waiting, "the answer");
    // Behind a limit that is known to last longer: at once.
    let mut bench = Bench::new(|_| ());
    let mut draft = Draft::new(Method::Get, "/channels/5");
    draft.deadline = Some(limit);
    bench.call(draft);
    bench.respond(429, &[("retry-after", "3600")], r#"{"retry_after": 3600.0}"#);
    let Err(Cause::Deadline { waiting, .. }) = bench.end() else { panic!() };
    assert!(waiting.contains("for 3600.1s more"), "{waiting}");
    // At rest between two tries: when its time is over, or before if the rest is longer.
    let mut bench = Bench::new(|config| (config.deadline, config.attempts) = (limit, 100));
    bench.get();
    while !bench.has_ended() {
        if bench.sent.is_empty() {
            bench.sleep(limit);
        } else {
            bench.fault(Fault::Unsent);
        }
    }
    assert!(bench.now <= Timestamp::from_millis(1000) + limit);
    assert!(bench.end().is_err());
}

#[test]
fn what_cannot_be_sent_costs_no_turn() {
    let mut bench = Bench::new(|_| ());
    let mut draft = Draft::new(Method::Get, "/channels/5");
    draft.refuse(crate::rest::Invalid::new("limit", "is wrong"));
    bench.call(draft);
    assert!(matches!(bench.end(), Err(Cause::Invalid(_))));
    assert!(bench.sent.is_empty());
    // No token, but one is needed.
    let mut bench = Bench::new(|config| config.api = Api::anonymous("https://d.test"));
    bench.get();
    let Err(Cause::Invalid(invalid)) = bench.end() else { panic!() };
    assert!(invalid.to_string().contains("DISCORD_BOT_TOKEN"));
    // As a user whose token nobody gave.
    let mut bench = Bench::new(|_| ());
    let mut draft = Draft::new(Method::Get, "/users/@me");
    draft.identity = crate::rest::draft::Identity::User;
    bench.call(draft);
    assert!(matches!(bench.end(), Err(Cause::Invalid(_))));
}

#[test]
fn calls_are_bounded() {
    let mut bench = Bench::new(|config| config.capacity = 2);
    for _ in 0..3 {
        bench.get();
    }
    let held = bench
        .events
        .iter()
        .filter(|event| matches!(event, Event::Done(_, Err(Error { cause: Cause::Held(_), .. }))));
    assert_eq!((held.count(), bench.session.pending()), (1, 2));
}

#[test]
fn an_index_that_is_not_ready_is_asked_again() {
    let mut bench = Bench::new(|_| ());
    bench.call(Draft::new(Method::Get, "/guilds/6/messages/search"));
    for body in [
        r#"{"message": "Index not yet available", "code": 110000, "documents_indexed": 0, "retry_after": 3}"#,
        r#"{"code": 110000, "retry_after": 0}"#,
        r#"{"code": 110000, "retry_after": null}"#,
        r#"{"code": 110000, "retry_after": -1e300}"#,
    ] {
        bench.respond(202, &[], body);
        assert!(bench.sent.is_empty());
        while bench.sent.is_empty() {
            bench.sleep(Duration::from_secs(3));
        }
    }
    bench.respond(200, &[], "{}");
    assert_eq!(bench.end(), Ok(200));
    // Any other 202 is an answer.
    let mut bench = Bench::new(|_| ());
    bench.get();
    bench.respond(202, &[], "{}");
    assert_eq!(bench.end(), Ok(202));
}

#[test]
fn after_a_401_nothing_is_sent_with_that_token() {
    let mut bench = Bench::new(|_| ());
    bench.get();
    bench.respond(401, &[], r#"{"message": "401: Unauthorized", "code": 0}"#);
    assert!(matches!(bench.end(), Err(Cause::Discord(_))));
    bench.events.clear();
    bench.post();
    assert!(matches!(bench.end(), Err(Cause::Held(_))));
    assert!(bench.sent.is_empty());
    // What shows no token goes on, and its 401 says nothing of the token.
    let anonymous = || {
        let mut draft = Draft::new(Method::Get, "/gateway");
        draft.identity = Identity::Nobody;
        draft
    };
    bench.events.clear();
    bench.call(anonymous());
    bench.respond(200, &[], "{}");
    assert_eq!(bench.end(), Ok(200));
    let mut bench = Bench::new(|_| ());
    bench.call(anonymous());
    bench.respond(401, &[], "{}");
    bench.get();
    assert_eq!(bench.sent.len(), 1);
}

#[test]
fn a_call_is_taken_back_wherever_it_is() {
    // On its way.
    let mut bench = Bench::new(|_| ());
    let call = bench.get();
    bench.session.cancel(bench.now, call);
    bench.drain();
    assert_eq!(bench.cancelled, [bench.sent[0].0]);
    // The answer comes nevertheless.
    bench.respond(200, &[], "{}");
    assert_eq!((bench.session.pending(), bench.has_ended()), (0, false));
    // Waiting.
    let call = bench.post();
    bench.sent.clear();
    let waiting = bench.post();
    bench.session.cancel(bench.now, waiting);
    bench.session.cancel(bench.now, call);
    bench.session.cancel(bench.now, call);
    bench.drain();
    assert_eq!((bench.session.pending(), bench.session.timers.len()), (0, 0));
    // At rest.
    let mut bench = Bench::new(|_| ());
    let call = bench.get();
    bench.fault(Fault::Unsent);
    bench.session.cancel(bench.now, call);
    bench.drain();
    assert_eq!((bench.session.pending(), bench.session.timers.len(), bench.wait), (0, 0, None));
}

#[test]
fn stopped_it_finishes_what_is_there() {
    let mut bench = Bench::new(|_| ());
    bench.get();
    bench.session.stop(bench.now);
    bench.drain();
    assert!(!bench.session.is_finished());
    let late = bench.post();
    assert!(matches!(
        bench.events.last(),
        Some(Event::Done(call, Err(Error { cause: Cause::Ended, .. }))) if *call == late
    ));
    bench.events.clear();
    bench.respond(200, &[], "{}");
    assert_eq!(bench.events.last(), Some(&Event::Stopped));
    assert!(bench.session.is_finished());
    let mut idle = Bench::new(|_| ());
    idle.session.stop(idle.now);
    idle.drain();
    assert!(idle.session.is_finished());
}

#[test]
fn progress_finds_its_call() {
    let mut bench = Bench::new(|_| ());
    let mut draft = Draft::new(Method::Get, "/channels/5");
    draft.progress = true;
    let call = bench.call(draft);
    assert!(bench.sent[0].1.progress);
    let progress = Progress { sent: 1, to_send: 2, ..Progress::default() };
    let id = bench.sent[0].0;
    bench.input(Input::Progress(id, progress));
    assert_eq!(bench.events.last(), Some(&Event::Progress(call, progress)));
    bench.respond(200, &[], "{}");
    bench.events.clear();
    bench.input(Input::Progress(id, progress));
    assert!(bench.events.is_empty());
}

#[test]
fn requests_of_one_route_go_in_order() {
    let mut bench = Bench::new(|_| ());
    for number in 0..20 {
        let mut draft = Draft::new(Method::Post, "/channels/5/invites");
        draft.set("n", number);
        bench.call(draft);
    }
    let mut numbers = Vec::new();
    let (mut remaining, mut window) = (5, bench.now);
    while numbers.len() < 20 {
        while bench.sent.is_empty() {
            bench.sleep(Duration::from_secs(10));
        }
        let (id, request) = bench.sent.remove(0);
        let crate::machine::Body::Bytes(body) = request.body else { panic!() };
        numbers.push(serde_json::from_slice::<serde_json::Value>(&body).unwrap()["n"].as_u64().unwrap());
        if bench.now.since(window) >= Duration::from_secs(5) {
            (remaining, window) = (5, bench.now);
        }
        remaining -= 1;
        let left = (window + Duration::from_secs(5)).since(bench.now).as_secs_f64();
        let headers = vec![
            ("x-ratelimit-limit".into(), "5".into()),
            ("x-ratelimit-remaining".into(), remaining.to_string().into()),
            ("x-ratelimit-reset-after".into(), left.to_string().into()),
            ("x-ratelimit-bucket".into(), "abc".into()),
        ];
        bench.input(Input::Response(id, Ok(Response { status: 200, headers, body: Bytes::new() })));
    }
    assert!(numbers.is_sorted(), "{numbers:?}");
    assert!(bench.now.since(Timestamp::from_millis(1000)) >= Duration::from_secs(15), "limits are kept");
    assert!(bench.events.iter().any(|event| matches!(event, Event::Waiting { .. })));
}

#[test]
fn no_secret_shows() {
    let mut bench = Bench::new(|_| ());
    bench.call(Draft::new(Method::Post, "/webhooks/8/token-of-it"));
    bench.respond(404, &[], r#"{"message": "Unknown Webhook", "code": 10015}"#);
    let text = format!("{:?} {:?}", bench.session, bench.events);
    assert!(!text.contains("secret") && !text.contains("token-of-it"), "{text}");
}

const ELSEWHERE: &str = "https://cdn.test/attachments/a.png";

/// What another host says of its limits, or of our token which it never sees, is nothing to Discord's.
#[test]
fn another_host_has_no_part_in_the_limits() {
    for (status, headers) in [(401, &[][..]), (403, &[]), (429, &[("retry-after", "86400")])] {
        let mut bench = Bench::new(|_| ());
        bench.call(Draft::new(Method::Get, ELSEWHERE));
        let request = &bench.sent[0].1;
        assert_eq!(&*request.url, ELSEWHERE);
        assert!(request.headers.iter().all(|(name, _)| *name != "authorization"));
        bench.respond(status, headers, "<html>");
        assert!(bench.end().is_err(), "{status}");
        assert_eq!(bench.session.limiter().expect("its own").invalid(), 0);
        bench.events.clear();
        bench.get();
        bench.respond(200, &[], "{}");
        assert_eq!(bench.end(), Ok(200), "{status}");
    }
    // A short wait is waited, and no token goes there, whoever asks.
    let api = Api::new("https://d.test", &Token::new("secret")).with_user(&Token::new("mine"));
    let mut bench = Bench::new(|config| config.api = api);
    let mut draft = Draft::new(Method::Get, ELSEWHERE);
    draft.identity = crate::rest::draft::Identity::User;
    bench.call(draft);
    assert!(bench.sent[0].1.headers.iter().all(|(name, _)| *name != "authorization"));
    bench.respond(429, &[("retry-after", "2")], "");
    assert!(bench.sent.is_empty());
    bench.sleep(Duration::from_secs(2));
    bench.respond(200, &[], "");
    assert_eq!(bench.end(), Ok(200));
}

#[test]
fn bot_and_user_have_limits_of_their_own() {
    let api = Api::new("https://d.test", &Token::new("secret")).with_user(&Token::new("mine"));
    let mut bench = Bench::new(|config| config.api = api);
    let mut draft = Draft::new(Method::Get, "/channels/5");
    draft.identity = crate::rest::draft::Identity::User;
    bench.call(draft);
    assert!(bench.sent[0].1.headers.contains(&("authorization", "mine".into())));
    // The bot's request does not wait for the first answer to the user's.
    bench.get();
    assert_eq!(bench.sent.len(), 2);
    let bots = bench.sent.pop().unwrap();
    bench.respond(401, &[], r#"{"message": "401: Unauthorized"}"#);
    assert!(matches!(bench.events.last(), Some(Event::Done(_, Err(_))) | Some(Event::Limiter(_))));
    bench.events.clear();
    bench.sent.push(bots);
    bench.respond(200, &[], "{}");
    assert_eq!(bench.end(), Ok(200));
    assert!(bench.session.user_limiter().expect("its own").is_empty());
    // A new token is tried.
    bench.session.set_api(bench.now, Api::anonymous("https://d.test").with_user(&Token::new("new")));
    bench.events.clear();
    bench.get();
    assert!(bench.sent[0].1.headers.contains(&("authorization", "new".into())));
}

/// Discord knows a nonce for some minutes only: a message that may be there is not sent again after that.
#[test]
fn a_message_is_not_repeated_when_its_nonce_may_be_forgotten() {
    let lost_and_limited = |wait: &'static str, body: &'static str| {
        let mut bench = Bench::new(|_| ());
        bench.call(crate::id::ChannelId(5).send("hi").into_draft());
        bench.fault(Fault::Lost);
        while bench.sent.is_empty() {
            bench.sleep(Duration::from_secs(2));
        }
        bench.respond(429, &[("retry-after", wait)], body);
        while bench.sent.is_empty() && !bench.has_ended() {
            bench.sleep(Duration::from_secs(300));
        }
        bench
    };
    let mut soon = lost_and_limited("60", r#"{"retry_after": 60.0}"#);
    soon.respond(200, &[], "{}");
    assert_eq!(soon.end(), Ok(200));
    let mut late = lost_and_limited("200", r#"{"retry_after": 200.0}"#);
    assert!(late.sent.is_empty());
    assert!(matches!(late.end(), Err(Cause::Unanswered(_))));
}

#[test]
fn it_is_known_whether_a_call_may_have_been_carried_out() {
    let uncertain = |bench: &Bench| {
        let end = bench.events.iter().find_map(|event| match event {
            Event::Done(_, answer) => Some(answer.clone()),
            _ => None,
        });
        end.expect("it has ended").expect_err("it failed").is_uncertain()
    };
    // Never sent: behind a limit.
    let mut bench = Bench::new(|_| ());
    bench.post();
    bench.respond(429, &[("retry-after", "3600")], r#"{"retry_after": 3600.0}"#);
    assert!(!uncertain(&bench));
    // On its way.
    let mut bench = Bench::new(|config| config.deadline = Duration::from_secs(5));
    bench.post();
    bench.sleep(Duration::from_secs(5));
    assert!(uncertain(&bench));
    for (fault, is) in [
        (Fault::Tls, false),
        (Fault::Local, false),
        (Fault::Lost, true),
        (Fault::Late, true),
        (Fault::TooLong, true),
    ] {
        let mut bench = Bench::new(|_| ());
        bench.post();
        bench.fault(fault);
        assert_eq!(uncertain(&bench), is, "{fault:?}");
    }
}

#[test]
fn an_index_that_takes_longer_than_a_call_has_ends_it_at_once() {
    let mut bench = Bench::new(|_| ());
    bench.get();
    bench.respond(202, &[], r#"{"code": 110000, "retry_after": 3600}"#);
    assert!(matches!(bench.end(), Err(Cause::Deadline { sent: false, .. })));
}

#[test]
fn a_path_cannot_become_a_host() {
    let mut bench = Bench::new(|config| config.api = Api::new("https://d.test", &Token::new("secret")));
    bench.call(Draft::new(Method::Get, "@evil.test/x"));
    assert!(matches!(bench.end(), Err(Cause::Invalid(_))));
}

/// What was never sent uses up nothing of its bucket.
#[test]
fn what_was_not_sent_counts_for_nothing() {
    let mut bench = Bench::new(|_| ());
    bench.post();
    bench.respond(
        200,
        &[("x-ratelimit-limit", "1"), ("x-ratelimit-remaining", "1"), ("x-ratelimit-reset-after", "60")],
        "{}",
    );
    bench.events.clear();
    for fault in [Fault::Local, Fault::Tls] {
        bench.post();
        bench.fault(fault);
        bench.events.clear();
    }
    bench.post();
    assert_eq!(bench.sent.len(), 1, "its place in the window is still there");
}

#[test]
fn a_long_transfer_has_the_time_that_its_call_names() {
    for (limit, time) in [(None, 300), (Some(3600), 3600), (Some(10), 10)] {
        let mut bench = Bench::new(|_| ());
        let mut draft = Draft::new(Method::Get, ELSEWHERE);
        draft.save = Some(crate::machine::Save { path: "a".into(), limit: 1 });
        draft.deadline = limit.map(Duration::from_secs);
        bench.call(draft);
        assert_eq!(bench.sent[0].1.deadline, Duration::from_secs(time));
    }
}

#[test]
fn what_is_long_has_more_time_than_an_exchange() {
    let picture = "x".repeat(100_000);
    for (draft, time) in [
        (Draft::new(Method::Get, "/channels/5"), 15),
        (Draft::new(Method::Get, ELSEWHERE), 300),
        (Draft::new(Method::Patch, "/users/@me").with(serde_json::json!({"avatar": picture})), 300),
    ] {
        let mut bench = Bench::new(|_| ());
        bench.call(draft);
        assert_eq!(bench.sent[0].1.deadline, Duration::from_secs(time), "{}", bench.sent[0].1.url);
    }
}

/// A driver sends at once what it is given: what waited in it would be counted when nobody expects it.
#[test]
fn a_driver_gets_no_more_than_it_can_send() {
    let mut bench = Bench::new(|_| ());
    let upload = |channel: u64| {
        let mut draft = Draft::new(Method::Post, format!("/channels/{channel}/messages"));
        draft.files.push(crate::rest::File::bytes("a.txt", &b"hello"[..]));
        draft
    };
    let uploads: Vec<CallId> = (1..=20).map(|channel| bench.call(upload(channel))).collect();
    assert_eq!(bench.sent.len(), TRANSFERS);
    let waits = bench.session.wait(uploads[TRANSFERS]).expect("no room");
    assert_eq!(waits.reason, limiter::Reason::Busy);
    for channel in 1..=100 {
        bench.call(Draft::new(Method::Get, format!("/channels/{channel}")));
    }
    let until = bench.now + Duration::from_secs(9);
    while bench.now < until {
        bench.sleep(Duration::from_secs(3));
    }
    assert_eq!(bench.sent.len(), TRANSFERS + AT_ONCE, "uploads hold no others back");
    for _ in 0..3 {
        let place = bench.sent.iter().position(|(_, request)| request.is_transfer()).unwrap();
        let (id, _) = bench.sent.remove(place);
        let response = Response { status: 200, headers: Vec::new(), body: Bytes::new() };
        bench.input(Input::Response(id, Ok(response)));
        let until = bench.now + Duration::from_millis(200);
        while bench.now < until {
            bench.sleep(Duration::from_millis(100));
        }
    }
    let sent: Vec<&str> = bench.sent.iter().map(|(_, request)| &*request.url).collect();
    assert_eq!(sent.len(), TRANSFERS + AT_ONCE, "{sent:?}");
    // The order stands.
    let last = format!("https://d.test/api/v10/channels/{}/messages", TRANSFERS + 3);
    assert!(sent.ends_with(&[&last]), "{sent:?}");
}

/// An error without limits may come from somebody before Discord: it does not say that there are none.
#[test]
fn an_error_without_limits_opens_no_floodgate() {
    for (status, at_once) in [(404, 1), (403, 1), (200, 3)] {
        let mut bench = Bench::new(|_| ());
        bench.post();
        bench.respond(status, &[], "{}");
        for _ in 0..3 {
            bench.post();
        }
        assert_eq!(bench.sent.len(), at_once, "{status}");
    }
}
