//! The office by itself: what it says to whom, and that nothing a client says hurts another.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::machine::Method;
use crate::rest::limiter::{BucketHash, Event, Limited, Limits, Outcome, Reason, Refused, Ticket};
use crate::rest::route::Route;
use crate::time::{Duration, Timestamp};

const BOT: &str = "Bot abc.def.ghi";
const T: Timestamp = Timestamp::from_millis(1_000);

fn id(number: u64) -> Ticket {
    Ticket::from_u64(number)
}

fn route(channel: u64) -> Route {
    Route::new(Method::Post, &format!("/channels/{channel}/messages"))
}

fn want(number: u64, channel: u64) -> Ask {
    Ask::Want { id: id(number), account: Account::of(BOT), route: route(channel) }
}

fn done(number: u64, limits: Limits) -> Ask {
    Ask::Done { id: id(number), outcome: Outcome::Answered(limits) }
}

fn window(limit: u32, remaining: u32) -> Limits {
    Limits {
        status: 200,
        limit: Some(limit),
        remaining: Some(remaining),
        reset_after: Some(Duration::from_secs(5)),
        bucket: Some(BucketHash(9)),
        ..Limits::default()
    }
}

fn told(office: &mut Office, now: Timestamp) -> Vec<Told> {
    core::iter::from_fn(|| office.poll(now)).collect()
}

/// The texts that other implementations read and write.
#[test]
fn messages_are_written_as_documented() {
    let account = Account::of(BOT);
    let Ok(account_text) = serde_json::to_string(&account) else { panic!() };
    let route = route(5);
    let route_text = r#"{"method":"POST","template":"/channels/{}/messages","top":{"Channel":5},"traits":{"interaction":false,"old":false,"unreliable":false,"tokenless":false}}"#;
    let asks = [
        (
            Ask::Want { id: id(7), account, route: route.clone() },
            format!(r#"{{"want":{{"id":7,"account":{account_text},"route":{route_text}}}}}"#),
        ),
        (
            Ask::Held { id: id(7), account, route, age: 5 },
            format!(r#"{{"held":{{"id":7,"account":{account_text},"route":{route_text},"age":5}}}}"#),
        ),
        (Ask::Done { id: id(7), outcome: Outcome::Lost }, r#"{"done":{"id":7,"outcome":"Lost"}}"#.into()),
        (Ask::Again { id: id(7), outcome: Outcome::Lost }, r#"{"again":{"id":7,"outcome":"Lost"}}"#.into()),
        (Ask::Drop { id: id(7) }, r#"{"drop":{"id":7}}"#.into()),
        (Ask::Ping { count: 9 }, r#"{"ping":{"count":9}}"#.into()),
    ];
    for (ask, text) in asks {
        assert_eq!(ask.to_text(), text);
        assert_eq!(serde_json::from_str::<Ask>(&text).unwrap(), ask);
    }
    let answers = [
        (Answer::Granted { id: id(7) }, r#"{"granted":{"id":7}}"#),
        (
            Answer::Waiting { id: id(7), reason: Reason::Held, left: Some(900) },
            r#"{"waiting":{"id":7,"reason":"held","left":900}}"#,
        ),
        (
            Answer::Waiting { id: id(7), reason: Reason::Bucket { limit: 5 }, left: None },
            r#"{"waiting":{"id":7,"reason":{"bucket":{"limit":5}},"left":null}}"#,
        ),
        (Answer::Refused { id: id(7), why: Refused::Full }, r#"{"refused":{"id":7,"why":"Full"}}"#),
        (
            Answer::Limiter { account: Account::NOBODY, event: Event::Resumed },
            r#"{"limiter":{"account":0,"event":"Resumed"}}"#,
        ),
        (Answer::Wrong { id: Some(id(7)), why: Wrong::Unknown }, r#"{"wrong":{"id":7,"why":"unknown"}}"#),
        (Answer::Wrong { id: None, why: Wrong::Unreadable }, r#"{"wrong":{"id":null,"why":"unreadable"}}"#),
        (Answer::Pong { count: 9 }, r#"{"pong":{"count":9}}"#),
    ];
    for (answer, text) in answers {
        assert_eq!(answer.to_text(), text);
        assert_eq!(serde_json::from_str::<Answer>(text).unwrap(), answer);
    }
    // Processes of all versions agree, and nobody learns a token.
    assert_eq!(account_text, "10233507418060272355");
    assert_eq!(Account::of(""), Account::NOBODY);
    assert!(!format!("{account:?}").contains("abc"));
}

#[test]
fn two_clients_wait_for_one_bucket() {
    let mut office = Office::new(Config::default());
    let [a, b] = [(); 2].map(|()| office.join(T).unwrap());
    assert_ne!(a, b);
    // The same names: each has its own.
    office.handle(T, a, want(1, 5));
    office.handle(T, b, want(1, 5));
    office.handle(T, b, want(2, 6));
    assert_eq!(
        told(&mut office, T),
        [
            Told::Answer(a, Answer::Granted { id: id(1) }),
            Told::Answer(b, Answer::Waiting { id: id(1), reason: Reason::FirstAnswer, left: None }),
            Told::Answer(b, Answer::Granted { id: id(2) }),
        ]
    );
    office.handle(T, a, done(1, window(1, 0)));
    assert_eq!(told(&mut office, T), []);
    let at = office.deadline().unwrap();
    assert!(at >= T + Duration::from_secs(5));
    assert_eq!(told(&mut office, at), [Told::Answer(b, Answer::Granted { id: id(1) })]);
    // What waits knows for how long, rounded up.
    office.handle(at, b, done(1, window(1, 0)));
    office.handle(at, a, want(2, 5));
    let waits = Answer::Waiting { id: id(2), reason: Reason::Bucket { limit: 1 }, left: Some(5_001) };
    assert_eq!(told(&mut office, at), [Told::Answer(a, waits)]);
    // A 429 is told to the one that met it, by its own name.
    let limits = Limits {
        status: 429,
        limited: Some(Limited::Global),
        retry_after: Some(Duration::from_secs(1)),
        ..Limits::default()
    };
    office.handle(at, b, Ask::Again { id: id(2), outcome: Outcome::Answered(limits) });
    let wait = Duration::from_secs(1);
    let event = Event::Limited { ticket: id(2), by: Limited::Global, wait };
    let [Told::Answer(to, first), Told::Answer(_, second)] = &told(&mut office, at)[..] else { panic!() };
    assert_eq!((*to, first), (b, &Answer::Limiter { account: Account::of(BOT), event }));
    assert!(
        matches!(second, Answer::Waiting { reason: Reason::GlobalStop, left: Some(1_100), .. }),
        "{second:?}"
    );
}

/// A token that Discord refuses stops those that show it, tells them, and nobody else.
#[test]
fn accounts_have_limits_of_their_own() {
    let mut office = Office::new(Config::default());
    let [a, b, c] = [(); 3].map(|()| office.join(T).unwrap());
    let of =
        |number, token: &str| Ask::Want { id: id(number), account: Account::of(token), route: route(number) };
    for (client, token) in [(a, BOT), (b, BOT), (c, "another")] {
        for number in 1..3 {
            office.handle(T, client, of(number, token));
        }
    }
    told(&mut office, T);
    office.handle(T, b, want(3, 1));
    told(&mut office, T);
    office.handle(T, a, done(1, Limits { status: 401, ..Limits::default() }));
    let account = Account::of(BOT);
    let refused = told(&mut office, T);
    let tells = Answer::Limiter { account, event: Event::Unauthorized };
    let refuses = |number| Told::Answer(b, Answer::Refused { id: id(number), why: Refused::Unauthorized });
    assert_eq!(
        refused,
        [Told::Answer(a, tells.clone()), Told::Answer(b, tells), refuses(1), refuses(3), refuses(2)]
    );
    office.handle(T, c, of(3, "another"));
    assert_eq!(told(&mut office, T), [Told::Answer(c, Answer::Granted { id: id(3) })]);
    office.handle(T, c, of(4, "a third"));
    office.handle(T, c, of(5, "a fourth"));
    office.handle(T, c, of(6, "a fifth"));
    let full = Told::Answer(c, Answer::Refused { id: id(6), why: Refused::Full });
    assert_eq!(told(&mut office, T).last(), Some(&full), "four accounts");
    // One that nobody has used for long makes room.
    office.handle(T, c, done(4, Limits { status: 200, ..Limits::default() }));
    let later = T + Duration::from_secs(3_600);
    for client in [a, b, c] {
        office.handle(later, client, Ask::Ping { count: 1 });
    }
    told(&mut office, later);
    office.handle(later, c, of(6, "a fifth"));
    assert_eq!(told(&mut office, later), [Told::Answer(c, Answer::Granted { id: id(6) })]);
    assert_eq!((office.counters().forgotten, office.counters().full), (1, 1));
}

#[test]
fn who_leaves_takes_all_with_it() {
    let mut office = Office::new(Config::default());
    let [a, b] = [(); 2].map(|()| office.join(T).unwrap());
    office.handle(T, a, want(1, 5));
    office.handle(T, a, want(2, 5));
    office.handle(T, b, want(1, 5));
    told(&mut office, T);
    assert_eq!(office.requests(), 3);
    office.leave(T, a);
    office.leave(T, a);
    assert_eq!(told(&mut office, T), [Told::Answer(b, Answer::Granted { id: id(1) })], "nothing to the dead");
    assert_eq!(office.requests(), 1);
    office.handle(T, a, want(3, 5));
    assert_eq!((told(&mut office, T), office.requests()), (Vec::new(), 1), "it is not there");
    let counters = office.counters();
    assert_eq!((counters.joined, counters.left, counters.abandoned), (2, 1, 1));
    // Who says nothing is cut off, and leaves by that.
    let at = office.deadline().unwrap();
    assert_eq!(at, T + Duration::from_secs(90));
    let silent = Told::Dismiss(b, Why::Silent(Duration::from_secs(90)));
    assert_eq!((told(&mut office, at), office.clients(), office.requests()), (Vec::from([silent]), 0, 0));
}

#[test]
fn what_was_granted_before_counts() {
    let mut office = Office::new(Config::default());
    let a = office.join(T).unwrap();
    let held = Ask::Held { id: id(4), account: Account::of(BOT), route: route(5), age: 300 };
    office.handle(T, a, held);
    office.handle(T, a, want(5, 5));
    let waits = Answer::Waiting { id: id(5), reason: Reason::FirstAnswer, left: None };
    assert_eq!(told(&mut office, T), [Told::Answer(a, waits)]);
    office.handle(T, a, done(4, window(2, 1)));
    assert_eq!(told(&mut office, T), [Told::Answer(a, Answer::Granted { id: id(5) })]);
    assert_eq!(office.counters().adopted, 1);
    // The next office knows what this one knew.
    let saved = serde_json::to_string(&office.save(T)).unwrap();
    let mut next = Office::new(Config::default());
    next.restore(Timestamp::ZERO, &serde_json::from_str(&saved).unwrap(), Duration::ZERO);
    let b = next.join(Timestamp::ZERO).unwrap();
    next.handle(Timestamp::ZERO, b, want(1, 5));
    let answers = told(&mut next, Timestamp::ZERO);
    assert!(
        matches!(answers[..], [Told::Answer(_, Answer::Waiting { reason: Reason::Bucket { limit: 2 }, .. })]),
        "{answers:?}"
    );
}

#[test]
fn bounds_are_kept() {
    let config = Config { clients: 2, requests: 3, ..Config::default() };
    let mut office = Office::new(config);
    let [a, _] = [(); 2].map(|()| office.join(T).unwrap());
    assert_eq!(office.join(T), None);
    for number in 1..=4 {
        office.handle(T, a, want(number, number));
    }
    let full = Told::Answer(a, Answer::Refused { id: id(4), why: Refused::Full });
    assert_eq!(told(&mut office, T).last(), Some(&full));
    assert_eq!((office.counters().turned_away, office.counters().full), (1, 1));
}

#[test]
fn nonsense_is_answered_counted_and_ends() {
    let mut office = Office::new(Config::default());
    let [a, b] = [(); 2].map(|()| office.join(T).unwrap());
    office.handle(T, b, want(1, 5));
    office.handle(T, b, want(2, 5));
    told(&mut office, T);
    let wrong = |number: u64, why| [Told::Answer(a, Answer::Wrong { id: Some(id(number)), why })];
    // Another's names are nobody's here; and what waits is not granted.
    for ask in
        [done(1, window(9, 9)), Ask::Drop { id: id(1) }, Ask::Again { id: id(1), outcome: Outcome::Lost }]
    {
        office.handle(T, a, ask);
        assert_eq!(told(&mut office, T), wrong(1, Wrong::Unknown));
    }
    office.handle(T, b, done(2, window(9, 9)));
    assert_eq!(
        told(&mut office, T),
        [Told::Answer(b, Answer::Wrong { id: Some(id(2)), why: Wrong::Unknown })]
    );
    office.handle(T, a, want(7, 8));
    told(&mut office, T);
    office.handle(T, a, want(7, 9));
    assert_eq!(told(&mut office, T), wrong(7, Wrong::Twice));
    assert_eq!((office.counters().unknown, office.counters().twice, office.requests()), (4, 1, 3));
    for text in
        ["", "{", "[]", "7", r#"{"want":{"id":-1}}"#, r#"{"grant":{"id":1}}"#, "{\"ping\":{}}\u{fffd}"]
    {
        office.hear(T, a, text.as_bytes());
        let unreadable = Answer::Wrong { id: None, why: Wrong::Unreadable };
        assert_eq!(told(&mut office, T), [Told::Answer(a, unreadable)], "{text}");
    }
    for _ in 0..16 {
        office.hear(T, a, b"\xff\x00");
    }
    let ends = told(&mut office, T);
    assert_eq!(ends.last(), Some(&Told::Dismiss(a, Why::Nonsense)));
    assert_eq!((office.clients(), office.requests(), office.counters().dismissed), (1, 2, 1));
    assert_eq!(ends.len(), 9, "then nothing more");
}

/// What a hostile client may say.
fn ask() -> impl Strategy<Value = Result<Ask, String>> {
    let number = 0..6_u64;
    let limits = (any::<u16>(), any::<Option<u32>>(), any::<Option<u32>>(), any::<Option<u64>>(), 0..6_u8);
    let limits = limits.prop_map(|(status, limit, remaining, reset, by)| Limits {
        status,
        limit,
        remaining,
        reset_after: reset.map(Duration::from_nanos),
        retry_after: reset.map(Duration::from_secs),
        bucket: limit.map(|limit| BucketHash(u64::from(limit % 3))),
        limited: [Limited::User, Limited::Sub, Limited::Shared, Limited::Global, Limited::Cloudflare]
            .get(usize::from(by))
            .copied(),
        ..Limits::default()
    });
    let outcome = prop_oneof![Just(Outcome::Lost), limits.prop_map(Outcome::Answered)];
    let tokens = prop_oneof![Just(BOT), Just(""), Just("b"), Just("c"), Just("d"), Just("e")];
    let account = tokens.prop_map(Account::of);
    let paths = prop_oneof![Just("/channels/5/messages"), Just("/users/@me"), Just("/webhooks/8/token")];
    let asked = (number, account, paths, any::<u64>(), outcome);
    (0..7_u8, asked, ".{0,20}").prop_map(|(kind, (number, account, path, age, outcome), text)| {
        let (id, route) = (id(number), Route::new(Method::Post, path));
        Ok(match kind {
            0 | 1 => Ask::Want { id, account, route },
            2 => Ask::Held { id, account, route, age },
            3 => Ask::Done { id, outcome },
            4 => Ask::Again { id, outcome },
            5 => Ask::Drop { id },
            _ => return Err(text),
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whatever two clients say, the office stays within its bounds, answers each by the names that it used, and
    /// forgets all when they leave. A third, of an account of its own, does not notice.
    #[test]
    fn hostile_clients_hurt_nobody(asks in prop::collection::vec((0..2_usize, ask(), 0..3_000_u64), 1..120)) {
        let mut office = Office::new(Config { requests: 4, accounts: 8, ..Config::default() });
        let good = office.join(T).unwrap();
        let mut bad: Vec<ClientId> = (0..2).map(|_| office.join(T).unwrap()).collect();
        let mut now = T;
        let mut served = 0;
        for (number, (who, ask, later)) in asks.into_iter().enumerate() {
            now += Duration::from_millis(later);
            match ask {
                Ok(ask) => office.handle(now, bad[who], ask),
                Err(text) => office.hear(now, bad[who], text.as_bytes()),
            }
            let own = number as u64 + 10;
            let account = Account::of("of its own");
            let route = Route::new(Method::Get, &format!("/guilds/{own}"));
            office.handle(now, good, Ask::Want { id: id(own), account, route });
            for told in told(&mut office, now) {
                match told {
                    Told::Answer(client, answer) if client == good => match answer {
                        Answer::Granted { id } => {
                            served += 1;
                            let outcome = Outcome::Answered(Limits { status: 200, ..Limits::default() });
                            office.handle(now, good, Ask::Done { id, outcome });
                        }
                        Answer::Waiting { reason: Reason::Global, .. } => {}
                        answer => prop_assert!(false, "{:?}", answer),
                    },
                    Told::Answer(client, Answer::Granted { id }) => {
                        prop_assert!(bad.contains(&client) && id.as_u64() < 6);
                    }
                    Told::Answer(..) => {}
                    Told::Dismiss(client, _) => {
                        for place in &mut bad {
                            if *place == client {
                                *place = office.join(now).unwrap();
                            }
                        }
                    }
                }
            }
            prop_assert!(office.requests() <= 2 * 4 + 120);
            // It sleeps until something is due.
            prop_assert!(office.deadline().is_none_or(|at| at > now), "{:?} {:?}", office.deadline(), now);
        }
        for client in bad {
            office.leave(now, client);
        }
        for _ in 0..200 {
            let Some(at) = office.deadline().filter(|_| office.requests() > 0) else { break };
            now = now.max(at);
            for told in told(&mut office, now) {
                if let Told::Answer(client, Answer::Granted { id }) = told {
                    prop_assert_eq!(client, good);
                    served += 1;
                    office.handle(now, good, Ask::Done { id, outcome: Outcome::Lost });
                }
            }
            office.handle(now, good, Ask::Ping { count: 0 });
        }
        prop_assert_eq!(office.requests(), 0);
        prop_assert!(served > 0 && office.counters().turned_away.to_string() == "0");
    }
}
