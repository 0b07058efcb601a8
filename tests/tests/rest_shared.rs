//! Several sessions and one office against our Discord, under a virtual clock: one set of limits, whoever ends.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use sanscord::id::ChannelId;
use sanscord::machine::{Frame, Method, Response};
use sanscord::object::Channel;
use sanscord::rest::limiter::Reason;
use sanscord::rest::session::{self, CallId, Event, Session};
use sanscord::rest::share::{self, ClientId, Office, Told};
use sanscord::rest::{Api, Cause, Draft, Error, endpoint};
use sanscord::secret::Token;
use sanscord::time::{Duration, Timestamp, soonest};
use sanscord_testing::config::Config;
use sanscord_testing::discord::Discord;
use sanscord_testing::fault::RestFault;
use sanscord_testing::link::LinkConfig;
use sanscord_testing::rest::settings::Limit;
use sanscord_testing::server::{ConnectionId, Server, ServerInput, ServerOutput};
use sanscord_testing::violation::Violation;
use sanscord_testing::world::World;

const SECOND: Duration = Duration::from_secs(1);
const OFFICE: &str = "ws://office:7071";
const POST: &str = "POST /channels/{channel_id}/messages";

/// Our Discord, and beside it an office, which may be dead.
struct Street {
    discord: Discord,
    office: Option<Office>,
    clients: BTreeMap<ConnectionId, ClientId>,
    out: VecDeque<ServerOutput>,
}

impl Street {
    fn kill(&mut self) -> Office {
        for connection in std::mem::take(&mut self.clients).into_keys() {
            self.out.push_back(ServerOutput::Cut(connection));
        }
        self.office.take().expect("it lives")
    }

    fn office(&self) -> &Office {
        self.office.as_ref().expect("it lives")
    }
}

impl Server for Street {
    fn handle_input(&mut self, now: Timestamp, input: ServerInput) {
        match (input, &mut self.office) {
            (ServerInput::Upgrade { connection, .. }, Some(office)) => match office.join(now) {
                Some(client) => {
                    self.clients.insert(connection, client);
                    self.out.push_back(ServerOutput::Accept(connection));
                }
                None => self.out.push_back(ServerOutput::Refuse(connection, 503)),
            },
            (ServerInput::Upgrade { connection, .. }, None) => {
                self.out.push_back(ServerOutput::Refuse(connection, 503));
            }
            (ServerInput::Frame(connection, frame), Some(office)) => {
                let (Frame::Text(text) | Frame::Binary(text)) = frame;
                if let Some(client) = self.clients.get(&connection) {
                    office.hear(now, *client, &text);
                }
            }
            (ServerInput::Closed(connection, _), Some(office)) => {
                if let Some(client) = self.clients.remove(&connection) {
                    office.leave(now, client);
                }
            }
            (ServerInput::Frame(..) | ServerInput::Closed(..), None) => {}
            (input, _) => self.discord.handle_input(now, input),
        }
        while let Some(told) = self.office.as_mut().and_then(|office| office.poll(now)) {
            let of = |id| self.clients.iter().find(|(_, client)| **client == id).map(|(id, _)| *id);
            match told {
                Told::Answer(client, answer) => {
                    if let Some(connection) = of(client) {
                        let frame = Frame::Text(answer.to_text().into());
                        self.out.push_back(ServerOutput::SendFrame(connection, frame));
                    }
                }
                Told::Dismiss(client, _) => {
                    if let Some(connection) = of(client) {
                        self.clients.remove(&connection);
                        self.out.push_back(ServerOutput::Cut(connection));
                    }
                }
            }
        }
    }

    fn poll_output(&mut self) -> ServerOutput {
        if let Some(output) = self.out.pop_front() {
            return output;
        }
        match self.discord.poll_output() {
            ServerOutput::Wait(until) => {
                let office = self.office.as_ref().and_then(Office::deadline);
                ServerOutput::Wait(soonest(until, office))
            }
            output => output,
        }
    }
}

struct Bench {
    world: World<Session, Street>,
    api: Api,
    epoch: u64,
    answers: BTreeMap<(usize, CallId), Result<Response, Error>>,
    /// 429s that a session met.
    limited: usize,
    lost: usize,
    found: usize,
}

impl Bench {
    fn new(sessions: usize, config: Config, link: LinkConfig) -> Self {
        let api = Api::new(&config.addresses.api_base, &Token::new(&config.token));
        let epoch = config.rest.epoch_millis;
        let street = Street {
            discord: Discord::new(config, 5),
            office: Some(Office::new(share::Config::default())),
            clients: BTreeMap::new(),
            out: VecDeque::new(),
        };
        let first = session(&api, epoch, 0, Some(OFFICE));
        let mut world = World::new(first, street, link, 5);
        for number in 1..sessions {
            world.add_client(session(&api, epoch, number, Some(OFFICE)));
        }
        Self { world, api, epoch, answers: BTreeMap::new(), limited: 0, lost: 0, found: 0 }
    }

    fn ask(&mut self, who: usize, draft: impl Into<Draft>) -> CallId {
        let draft = draft.into();
        self.world.with_client(who, |session, now| session.call(now, draft))
    }

    fn listen(&mut self) {
        for happened in self.world.take_events() {
            match happened.event {
                Event::Done(call, answer) => {
                    let before = self.answers.insert((happened.client, call), answer);
                    assert!(before.is_none(), "each call ends once");
                }
                Event::Limiter(sanscord::rest::limiter::Event::Limited { .. }) => self.limited += 1,
                Event::OfficeLost { .. } => self.lost += 1,
                Event::OfficeFound => self.found += 1,
                _ => {}
            }
        }
    }

    fn run_for(&mut self, time: Duration) {
        self.world.run_for(time);
        self.listen();
    }

    /// Runs until these have ended.
    #[track_caller]
    fn finish(&mut self, calls: &[(usize, CallId)], limit: Duration) {
        let end = self.world.now() + limit;
        self.listen();
        while calls.iter().any(|call| !self.answers.contains_key(call)) {
            assert!(self.world.step_until(end), "{}", self.world.transcript().tail());
            self.listen();
        }
    }

    /// Channels of their own, for which nothing is known.
    fn channels(&mut self, count: usize) -> Vec<ChannelId> {
        let guild = self.world.server().discord.config().guild;
        (0..count)
            .map(|number| {
                let call = endpoint::CreateGuildChannel::new(guild, format!("room-{number}"));
                let id = self.ask(0, call);
                self.finish(&[(0, id)], 3600 * SECOND);
                let answer = self.answers.remove(&(0, id)).expect("it ended").expect("it is made");
                serde_json::from_slice::<Channel>(&answer.body).expect("a channel").id
            })
            .collect()
    }

    fn violations(&self) -> Vec<Violation> {
        self.world.server().discord.violations().to_vec()
    }
}

fn session(api: &Api, epoch: u64, number: usize, office: Option<&str>) -> Session {
    let mut settings = session::Config::new(api.clone());
    settings.epoch = Some(epoch);
    settings.deadline = 3600 * SECOND;
    settings.limits_at = office.map(Into::into);
    Session::new(settings, [u8::try_from(number).expect("few"); 32])
}

fn post(channel: ChannelId, text: String) -> Draft {
    let mut draft = Draft::new(Method::Post, format!("/channels/{channel}/messages"));
    draft.set("content", text);
    draft
}

/// Each of the sessions posts so many numbered messages in each channel.
fn talk(bench: &mut Bench, sessions: usize, channels: &[ChannelId], count: u32) -> Vec<(usize, CallId)> {
    let mut calls = Vec::new();
    for number in 0..count {
        for who in 0..sessions {
            for channel in channels {
                calls.push((who, bench.ask(who, post(*channel, format!("{who}:{number}")))));
            }
        }
    }
    calls
}

/// What stands in a channel, by session, in the order in which it came.
fn heard(bench: &mut Bench, channel: ChannelId) -> BTreeMap<usize, Vec<u32>> {
    let mut heard: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
    let mut before = None;
    loop {
        let mut draft = Draft::new(Method::Get, format!("/channels/{channel}/messages"));
        draft.query("limit", 100);
        if let Some(before) = before {
            draft.query("before", before);
        }
        let call = bench.ask(0, draft);
        bench.finish(&[(0, call)], 3600 * SECOND);
        let answer = bench.answers.remove(&(0, call)).expect("it ended").expect("a page");
        let page: Vec<sanscord::object::Message> = serde_json::from_slice(&answer.body).expect("messages");
        for message in &page {
            let (who, number) = message.content.split_once(':').expect("ours");
            heard.entry(who.parse().expect("a number")).or_default().insert(0, number.parse().expect("too"));
        }
        match page.last() {
            Some(last) => before = Some(last.id),
            None => {
                // The office hears the end of the last request a moment later.
                bench.run_for(SECOND);
                return heard;
            }
        }
    }
}

fn limits(config: &mut Config, requests: u32, window: Duration) {
    config.rest.limits.insert(POST.into(), Limit::new(requests, window));
}

/// Three sessions talk in the same channels: nobody exceeds what all may do together, each keeps its order, nothing is
/// lost and nothing comes twice; near, and over a line that is slow. Sessions that do not know of each other exceed it.
#[test]
fn three_sessions_share_limits() {
    const COUNT: u32 = 12;
    let links = [
        ("near", LinkConfig::steady(Duration::from_millis(5))),
        ("slow", LinkConfig { delay: Duration::from_millis(100)..=3 * SECOND, ..LinkConfig::steady(SECOND) }),
    ];
    for (name, link) in links {
        let mut config = Config::quiet();
        limits(&mut config, 5, 10 * SECOND);
        let mut bench = Bench::new(3, config, link);
        let channels = bench.channels(4);
        let calls = talk(&mut bench, 3, &channels, COUNT);
        bench.finish(&calls, 3600 * SECOND);
        for call in &calls {
            assert!(matches!(bench.answers.get(call), Some(Ok(_))), "{name}: {:?}", bench.answers.get(call));
        }
        assert_eq!((bench.limited, bench.violations()), (0, vec![]), "{name}");
        for channel in &channels {
            let heard = heard(&mut bench, *channel);
            for who in 0..3 {
                let mut numbers = heard[&who].clone();
                if name == "slow" {
                    // Requests overtake one another where each takes a time of its own.
                    numbers.sort_unstable();
                }
                assert_eq!(numbers, (0..COUNT).collect::<Vec<_>>(), "{name}: session {who}");
            }
        }
        let office = bench.world.server().office();
        assert_eq!(office.requests(), 0, "{name}: no ticket is left");
        let counters = office.counters();
        assert_eq!((counters.unknown, counters.unreadable, counters.twice), (0, 0, 0), "{name}");
        assert!((0..3).all(|who| bench.world.client(who).odd_answers() == 0), "{name}");
    }

    let mut config = Config::quiet();
    limits(&mut config, 5, 10 * SECOND);
    let mut bench = Bench::new(3, config, LinkConfig::steady(Duration::from_millis(5)));
    let channels = bench.channels(4);
    for who in 0..3 {
        bench.world.replace_client(who, session(&bench.api, bench.epoch, who, None));
    }
    let calls = talk(&mut bench, 3, &channels, COUNT);
    bench.finish(&calls, 3600 * SECOND);
    assert!(bench.limited > 0, "without an office they run into each other's limits");
}

/// The 50 requests a second of a bot are shared, too, and used.
#[test]
fn the_global_limit_is_shared() {
    let mut config = Config::quiet();
    config.rest.default_limit = Limit::new(1_000, 10 * SECOND);
    let mut bench = Bench::new(3, config, LinkConfig::steady(Duration::from_millis(5)));
    // Each its own bucket, and known: a first answer opens it.
    let begin = bench.world.now();
    let mut calls = Vec::new();
    for number in 0..200 {
        for who in 0..3 {
            let path = format!("/channels/{}/messages", 5_000 + number);
            calls.push((who, bench.ask(who, Draft::new(Method::Get, path))));
        }
    }
    bench.finish(&calls, 60 * SECOND);
    assert_eq!((bench.limited, bench.violations()), (0, vec![]));
    let took = bench.world.now().since(begin);
    assert!(took >= 11 * SECOND, "600 requests at 50 a second");
    assert!(took <= 14 * SECOND, "and no slower than that: {took:?}");
}

/// A session that is killed in the middle holds nobody up, and what it waited for is not granted.
#[test]
fn a_killed_session_leaves_nothing_behind() {
    let mut config = Config::quiet();
    limits(&mut config, 2, 4 * SECOND);
    let channel = config.text_channel.0;
    let mut bench = Bench::new(3, config, LinkConfig::steady(Duration::from_millis(50)));
    let calls = talk(&mut bench, 3, &[channel], 10);
    bench.run_for(5 * SECOND);
    assert_eq!(bench.world.server().office().clients(), 3);
    let fresh = session(&bench.api, bench.epoch, 9, Some(OFFICE));
    bench.world.replace_client(1, fresh);
    bench.run_for(SECOND);
    let others: Vec<_> = calls.iter().copied().filter(|(who, _)| *who != 1).collect();
    let left = others.iter().filter(|call| !bench.answers.contains_key(call)).count();
    assert_eq!(bench.world.server().office().requests(), left, "its tickets are gone");
    bench.finish(&others, 200 * SECOND);
    assert_eq!((bench.limited, bench.violations()), (0, vec![]));
    let heard = heard(&mut bench, channel);
    for who in [0, 2] {
        assert_eq!(heard[&who], (0..10).collect::<Vec<_>>());
    }
    assert!(heard.get(&1).is_none_or(|numbers| numbers.len() < 10), "it did not come to its end");
    let office = bench.world.server().office();
    assert_eq!((office.requests(), office.counters().joined, office.counters().left), (0, 4, 1));
}

/// The office dies with requests under way and others waiting, and another comes, which knows what it knew: all goes
/// on, in the old order, within the limits. Calls whose time is over meanwhile say for what they waited.
#[test]
fn an_office_comes_back() {
    for away in [Duration::from_millis(1), 3 * SECOND, 90 * SECOND] {
        let mut config = Config::quiet();
        limits(&mut config, 3, 20 * SECOND);
        let channel = config.text_channel.0;
        let mut bench = Bench::new(3, config, LinkConfig::steady(Duration::from_millis(200)));
        let calls = talk(&mut bench, 3, &[channel], 6);
        // The first window is known, and the answers to its other requests are under way.
        bench.run_for(Duration::from_millis(1_900));
        let (saved, died) = bench.world.with_server(|street, now| (street.kill().save(now), now));
        bench.run_for(away.min(2 * SECOND));
        if away > SECOND {
            assert!(bench.lost >= 3, "each session tells that it is lost");
            let waiting = calls.iter().find(|(who, call)| {
                *who == 2
                    && bench.world.client(2).wait(*call).is_some_and(|wait| wait.reason == Reason::Office)
            });
            assert!(waiting.is_some(), "and for what calls wait");
            let late = bench.ask(2, channel.send("late").deadline(SECOND / 2));
            bench.run_for(SECOND);
            let Some(Err(error)) = bench.answers.get(&(2, late)) else { panic!("it has not ended") };
            let Cause::Deadline { waiting, sent: false, .. } = &error.cause else { panic!("{error}") };
            assert!(waiting.contains("office"), "{waiting}");
        }
        bench.run_for((died + away).since(bench.world.now()));
        let text = serde_json::to_string(&saved).expect("plain values");
        bench.world.with_server(|street, now| {
            let mut office = Office::new(share::Config::default());
            office.restore(now, &serde_json::from_str(&text).expect("as saved"), now.since(died));
            street.office = Some(office);
        });
        bench.finish(&calls, 600 * SECOND);
        assert_eq!((bench.limited, bench.violations()), (0, vec![]), "away for {away:?}");
        let heard = heard(&mut bench, channel);
        for who in 0..3 {
            assert_eq!(heard[&who], (0..6).collect::<Vec<_>>(), "away for {away:?}");
        }
        assert_eq!((bench.found, bench.world.server().office().requests()), (6, 0));
    }
}

/// What Discord answers while the office is away is told to the next one: even an empty one knows of a limit that was
/// told meanwhile.
#[test]
fn what_was_answered_meanwhile_is_told() {
    let mut config = Config::quiet();
    limits(&mut config, 5, 5 * SECOND);
    let channel = config.text_channel.0;
    let mut bench = Bench::new(2, config, LinkConfig::steady(Duration::from_millis(100)));
    bench.run_for(SECOND);
    bench.world.with_server(|street, _| {
        let shared = RestFault::Shared { retry_after: 30 * SECOND };
        street.discord.config_mut().faults.rest_routes.push_back((POST.into(), shared));
    });
    let first = bench.ask(0, post(channel, "0:0".into()));
    // Granted, and under way to Discord.
    bench.run_for(Duration::from_millis(250));
    bench.world.with_server(|street, _| {
        street.kill();
    });
    bench.run_for(SECOND / 2);
    bench.world.with_server(|street, _| street.office = Some(Office::new(share::Config::default())));
    bench.run_for(8 * SECOND);
    let second = bench.ask(1, post(channel, "1:0".into()));
    bench.run_for(SECOND);
    let wait = bench.world.client(1).wait(second).expect("it waits");
    assert_eq!(wait.reason, Reason::Order(1));
    bench.finish(&[(0, first), (1, second)], 60 * SECOND);
    assert_eq!(bench.world.server().discord.violations(), []);
    assert!(bench.world.now().since(Timestamp::ZERO) > 30 * SECOND);
    let all = heard(&mut bench, channel);
    assert_eq!(all.into_keys().collect::<BTreeSet<_>>(), BTreeSet::from([0, 1]));
}

/// A line that swallows everything is noticed, given up, and made anew.
#[test]
fn a_dead_line_is_noticed() {
    let config = Config::quiet();
    let channel = config.text_channel.0;
    let mut bench = Bench::new(1, config, LinkConfig::steady(Duration::from_millis(10)));
    bench.run_for(SECOND);
    let [line] = bench.world.connections()[..] else { panic!("one line") };
    bench.world.black_hole(line.id, None);
    let call = bench.ask(0, post(channel, "0:0".into()));
    bench.finish(&[(0, call)], 60 * SECOND);
    assert!(bench.answers[&(0, call)].is_ok());
    assert_eq!((bench.lost, bench.found), (1, 2));
    bench.run_for(120 * SECOND);
    let office = bench.world.server().office();
    assert_eq!((office.clients(), office.counters().dismissed), (1, 1), "the office noticed it, too");
}

/// Many calls at once go out as the office takes them, and all come to their end; a session that is stopped says so.
#[test]
fn many_calls_at_once_and_the_end() {
    let mut config = Config::quiet();
    config.rest.global = 5_000;
    let link = LinkConfig::steady(Duration::from_millis(20));
    let mut bench = Bench::new(2, config, link);
    bench.world.with_server(|street, _| {
        let mut config = share::Config::default();
        config.limits.per_second = 5_000;
        street.office = Some(Office::new(config));
    });
    let calls: Vec<_> = (0..3_000)
        .map(|number| (0, bench.ask(0, Draft::new(Method::Get, format!("/channels/{number}/messages")))))
        .collect();
    let given_up: Vec<_> = calls.iter().skip(2_500).collect();
    for (_, call) in &given_up {
        bench.world.with_client(0, |session, now| session.cancel(now, *call));
    }
    bench.finish(&calls[..2_500], 60 * SECOND);
    bench.run_for(SECOND);
    assert!(given_up.iter().all(|call| !bench.answers.contains_key(call)), "they were taken back");
    assert_eq!(bench.world.server().office().requests(), 0);
    bench.world.with_client(0, |session, now| session.stop(now));
    bench.run_for(SECOND);
    use sanscord::machine::Machine;
    assert!(bench.world.client(0).is_finished());
    assert_eq!((bench.world.open_of(0), bench.world.server().office().clients()), (0, 1));
}
