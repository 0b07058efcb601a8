//! The REST session against our Discord, under a virtual clock: limits, order, full use, nothing lost, nothing twice.

mod tasks;

use std::collections::BTreeMap;

use sanscord::id::{ChannelId, MessageId};
use sanscord::machine::{Method, Response};
use sanscord::object::{Channel, Message};
use sanscord::rest::session::{self, CallId, Event, Session};
use sanscord::rest::{Api, Call, Draft, Endpoint, Error, endpoint};
use sanscord::secret::Token;
use sanscord::time::Duration;
use sanscord_testing::config::Config;
use sanscord_testing::discord::Discord;
use sanscord_testing::fault::RestFault;
use sanscord_testing::link::LinkConfig;
use sanscord_testing::rest::settings::Limit;
use sanscord_testing::world::World;

type Sim = World<Session, Discord>;

const SECOND: Duration = Duration::from_secs(1);
/// There and back.
const TRIP: Duration = Duration::from_millis(80);

/// A session and our Discord, and the answers that nobody has taken yet.
struct Bench {
    world: Sim,
    answers: BTreeMap<CallId, Result<Response, Error>>,
    /// 429s that a session met.
    limited: usize,
}

impl Bench {
    fn new(config: Config) -> Self {
        let api = Api::new(&config.addresses.api_base, &Token::new(&config.token));
        let mut settings = session::Config::new(api);
        settings.epoch = Some(config.rest.epoch_millis);
        settings.deadline = Duration::from_secs(3600);
        let session = Session::new(settings, [3; 32]);
        let world = World::new(session, Discord::new(config, 5), LinkConfig::steady(TRIP / 2), 5);
        Self { world, answers: BTreeMap::new(), limited: 0 }
    }

    fn ask(&mut self, draft: impl Into<Draft>) -> CallId {
        let draft = draft.into();
        self.world.with_client(0, |session, now| session.call(now, draft))
    }

    fn listen(&mut self) {
        for happened in self.world.take_events() {
            match happened.event {
                Event::Done(call, answer) => {
                    assert!(self.answers.insert(call, answer).is_none(), "each call ends once");
                }
                Event::Limiter(event) => {
                    self.limited +=
                        usize::from(matches!(event, sanscord::rest::limiter::Event::Limited { .. }));
                }
                _ => {}
            }
        }
    }

    /// Makes a call, and waits for its answer.
    fn call<E: Endpoint>(&mut self, call: Call<E>) -> Result<E::Answer, Error> {
        let draft = call.into_draft();
        let id = self.ask(draft.clone());
        let end = self.world.now() + Duration::from_secs(7200);
        loop {
            self.listen();
            if let Some(answer) = self.answers.remove(&id) {
                return sanscord::rest::task::read::<E>(&draft, answer);
            }
            assert!(self.world.step_until(end), "an answer to {draft}");
        }
    }
}

fn post(channel: ChannelId, text: String) -> Draft {
    let mut draft = Draft::new(Method::Post, format!("/channels/{channel}/messages"));
    draft.set("content", text);
    draft
}

/// Fifty workers keep two hundred buckets full for a day, beside buckets that are renamed, limits that others share
/// and answers that come late.
#[test]
fn buckets_are_used_to_the_full_and_never_beyond() {
    const WORKERS: usize = 50;
    const BUCKETS: usize = 200;
    const DAY: Duration = Duration::from_secs(86_400);
    // Some 700,000 requests in all.
    let window = 120 * SECOND;
    let mut config = Config::quiet();
    config.rest.limits.insert("POST /channels/{channel_id}/messages".into(), Limit::new(5, window));
    let guild = config.guild;
    let mut bench = Bench::new(config);
    let channels: Vec<ChannelId> = (0..BUCKETS)
        .map(|number| {
            let channel: Channel =
                bench.call(endpoint::CreateGuildChannel::new(guild, format!("room-{number}"))).unwrap();
            channel.id
        })
        .collect();
    let begin = bench.world.now();
    let end = begin + DAY;
    // Each worker has four channels of its own, and more to say in each than its limit takes.
    let mut said = vec![0_u32; BUCKETS];
    let mut under_way: BTreeMap<CallId, (usize, u32)> = BTreeMap::new();
    let mut heard: Vec<BTreeMap<u32, MessageId>> = vec![BTreeMap::new(); BUCKETS];
    for worker in 0..WORKERS {
        for room in 0..BUCKETS / WORKERS {
            for _ in 0..7 {
                say(&mut bench, &channels, worker * (BUCKETS / WORKERS) + room, &mut said, &mut under_way);
            }
        }
    }
    let mut faults = 0;
    let mut next_fault = begin;
    while bench.world.now() < end && bench.world.step_until(end) {
        if bench.world.now() >= next_fault {
            next_fault = bench.world.now() + 60 * SECOND;
            faults += 1;
            bench.world.with_server(|discord, _| {
                let route = "POST /channels/{channel_id}/messages".to_owned();
                let fault = match faults % 3 {
                    0 => RestFault::Shared { retry_after: 3 * SECOND },
                    1 => RestFault::NewBucket,
                    _ => RestFault::Slow(2 * SECOND),
                };
                discord.config_mut().faults.rest_routes.push_back((route, fault));
            });
        }
        bench.listen();
        for (call, answer) in std::mem::take(&mut bench.answers) {
            let (room, number) = under_way.remove(&call).unwrap();
            let message: Message = serde_json::from_slice(&answer.unwrap().body).unwrap();
            assert_eq!(message.content, number.to_string(), "the answer is this call's");
            assert_eq!(heard[room].insert(number, message.id), None);
            say(&mut bench, &channels, room, &mut said, &mut under_way);
        }
    }
    assert_eq!(bench.world.server().violations(), [], "no limit is exceeded that could be foreseen");
    let could = 5.0 * DAY.as_secs_f64() / (window + TRIP).as_secs_f64();
    for (room, heard) in heard.iter().enumerate() {
        let share = heard.len() as f64 / could;
        assert!(share > 0.95, "channel {room}: {:.1} % used", share * 100.0);
        assert!(
            heard.values().is_sorted_by(|one, next| one < next),
            "channel {room}: sent in order, none twice"
        );
        let pending = under_way.values().filter(|(of, _)| *of == room).count();
        assert_eq!(heard.len() + pending, said[room] as usize, "channel {room}: none is lost");
    }
}

fn say(
    bench: &mut Bench,
    channels: &[ChannelId],
    room: usize,
    said: &mut [u32],
    under_way: &mut BTreeMap<CallId, (usize, u32)>,
) {
    let number = said[room];
    said[room] += 1;
    let call = bench.ask(post(channels[room], number.to_string()));
    under_way.insert(call, (room, number));
}

/// Messages stand in a channel in the order in which they were sent, and a lost answer does not send one twice.
#[test]
fn nothing_is_lost_and_nothing_is_sent_twice() {
    let config = Config::quiet();
    let channel = config.text_channel.0;
    let mut bench = Bench::new(config);
    let calls: Vec<CallId> = (0..60)
        .map(|number| {
            if number % 10 == 3 {
                bench.world.with_server(|discord, _| {
                    let fault = RestFault::Lost { processed: number % 20 == 3 };
                    let route = "POST /channels/{channel_id}/messages".to_owned();
                    discord.config_mut().faults.rest_routes.push_back((route, fault));
                });
            }
            bench.ask(channel.send(number.to_string()))
        })
        .collect();
    bench.world.run_for(200 * SECOND);
    bench.listen();
    for call in &calls {
        bench.answers.remove(call).unwrap().unwrap();
    }
    let page = bench.call(channel.messages().limit(100_u32)).unwrap();
    let mut contents: Vec<u32> =
        page.iter().filter_map(|message: &Message| message.content.parse().ok()).collect();
    contents.sort_unstable();
    assert_eq!(contents, (0..60).collect::<Vec<u32>>());
    assert_eq!(bench.world.server().violations(), []);
}

/// Whatever a server answers, a call comes to one end, within its time, and the next one goes on.
#[test]
fn bad_answers_are_one_clear_error_each() {
    let answer = |status, body: &'static str| RestFault::Answer {
        status,
        headers: vec![("content-type".into(), "text/plain".into())],
        body: body.into(),
    };
    let faults: Vec<(&str, RestFault, &str)> = vec![
        ("not JSON", answer(200, "<html>hello"), "cannot be read"),
        ("no message", answer(200, "[1, 2"), "cannot be read"),
        ("a redirect", RestFault::Redirect, "302"),
        (
            "forbidden",
            RestFault::Error { status: 403, code: 50_013, message: "Missing Permissions".into() },
            "50013",
        ),
        (
            "unknown",
            RestFault::Error { status: 404, code: 10_003, message: "Unknown Channel".into() },
            "10003",
        ),
        ("ten years", RestFault::absurd_wait("315360000", "315360000.0"), "315360000"),
        ("truncated", RestFault::Truncated(10), "cannot be read"),
        ("lost", RestFault::Lost { processed: true }, ""),
    ];
    let config = Config::quiet();
    let channel = config.text_channel.0;
    let config = config.history(channel, 50);
    for (name, fault, part) in faults {
        let mut bench = Bench::new(config.clone());
        bench.world.with_server(|discord, _| {
            for _ in 0..10 {
                discord.config_mut().faults.rest.push_back(fault.clone());
            }
        });
        let begin = bench.world.now();
        let error = bench.call(channel.messages().deadline(60 * SECOND)).expect_err(name);
        let text = error.to_string();
        assert!(text.starts_with(&format!("GET /channels/{channel}/messages: ")), "{name}: {text}");
        assert!(text.contains(part), "{name}: {text}");
        assert!(
            bench.world.now().since(begin) <= 61 * SECOND,
            "{name} took {:?}",
            bench.world.now().since(begin)
        );
        assert!(!text.contains(&bench.world.server().config().token), "{name}");
    }
}
