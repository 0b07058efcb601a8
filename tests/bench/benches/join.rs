//! From the request to join until a speaker is heard, in round trips; and what members of an encrypted group compute.

use std::time::Duration;

use cpu_time::ThreadTime;
use sanscord::client::{self, Client, Event};
use sanscord::id::UserId;
use sanscord::rtp::aead::Backend;
use sanscord::secret::Token;
use sanscord::time::Timestamp;
use sanscord::voice;
use sanscord_bench::group::{Group, Heard, Member, Sent};
use sanscord_bench::measure::{median, print_table};
use sanscord_testing::clip::Clip;
use sanscord_testing::config::{ALICE, Config};
use sanscord_testing::delivery::Message;
use sanscord_testing::discord::Discord;
use sanscord_testing::link::LinkConfig;
use sanscord_testing::speaker::Speaker;
use sanscord_testing::world::World;

/// One way delays in milliseconds.
const DELAYS: [u64; 3] = [10, 50, 150];

fn main() {
    let rows: Vec<Vec<String>> =
        [false, true].into_iter().flat_map(|dave| DELAYS.map(|delay| heard_after(dave, delay))).collect();
    let head = ["call", "round trip, ms", "live after, round trips", "heard after, round trips", "ms"];
    print_table("From the request to join (op 4) to the first audio, in virtual time", &head, &rows);
    println!(
        "\nA bot in session, somebody who speaks without a pause, links of a fixed delay. Opening a WebSocket takes one round \
         trip here; TCP and TLS take one or two more. The server answers at once."
    );
    let mut rows = Vec::new();
    for size in SIZES {
        rows.extend(group(size));
    }
    let head = ["members before", "what", "ours, ms", "davey 0.2, ms", "ours / davey"];
    print_table("A member more in an encrypted group: CPU of each step", &head, &rows);
    println!(
        "\nMedians of {ROUNDS} joins for each side, both sides' in turn; CPU time of the thread. Each step is a member's \
         whole answer to a message, new keys of all members included."
    );
}

/// A row.
fn heard_after(dave: bool, delay: u64) -> Vec<String> {
    let mut config = Config { dave, ..Config::quiet() };
    let (guild, channel) = (config.guild, config.voice_channels[0].0);
    config.speakers = vec![Speaker::new(ALICE, "Alice", channel, 7, Clip::alice())];
    let client = Client::new(client::Config::new(Token::new(&config.token)), [9; 32]);
    let link = LinkConfig::steady(Duration::from_millis(delay));
    let mut world = World::new(client, Discord::new(config, 9), link, 9);
    world.set_stale_inputs(0.0);
    world.run_for(Duration::from_secs(20));
    let start = world.now();
    world.with_client(0, |client, now| client.join(now, guild, channel));
    let first = |world: &World<Client, Discord>, is_it: fn(&voice::Event) -> bool| {
        let mut events = world.events().iter();
        let found = |event: &Event| matches!(event, Event::Voice(_, event) if is_it(event));
        events.find(|happened| found(&happened.event)).map(|happened| happened.at)
    };
    let heard = |world: &World<Client, Discord>| {
        let kept = first(world, |event| matches!(event, voice::Event::Packet(_)));
        world.audio().first().map(|heard| heard.at).into_iter().chain(kept).min()
    };
    world.expect("audio", |world| heard(world).is_some(), Duration::from_secs(30));
    let round_trip = Duration::from_millis(2 * delay);
    let trips = |at: Option<Timestamp>| {
        let time = at.map_or(f64::NAN, |at| at.since(start).as_secs_f64());
        format!("{:.1}", time / round_trip.as_secs_f64())
    };
    let live = first(&world, |event| matches!(event, voice::Event::Connected { .. }));
    let at = heard(&world);
    vec![
        if dave { "with DAVE".to_owned() } else { "without DAVE".to_owned() },
        round_trip.as_millis().to_string(),
        trips(live),
        trips(at),
        at.map_or(0, |at| at.since(start).as_millis()).to_string(),
    ]
}

/// Members before one more joins.
const SIZES: [usize; 3] = [2, 10, 50];
/// Joins of each side.
const ROUNDS: usize = 15;

/// What is measured of a side.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Step {
    /// The one who joins makes a key package.
    KeyPackage,
    /// The one who joins takes the welcome.
    Welcome,
    /// A member takes the proposal and commits.
    Commit,
    /// That member takes its own commit back.
    Own,
    /// A member takes the commit of another.
    Others,
}

const STEPS: [(Step, &str); 5] = [
    (Step::KeyPackage, "who joins: key package"),
    (Step::Welcome, "who joins: welcome"),
    (Step::Commit, "a member: proposal to commit"),
    (Step::Own, "a member: its own commit"),
    (Step::Others, "a member: another's commit"),
];

/// Whose member it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Side {
    Ours,
    Davey,
}

/// The first member, and the second, which is of the other side.
const FIRST: UserId = UserId(1);
const SECOND: UserId = UserId(2);
const JOINER: UserId = UserId(1000);

impl Side {
    const BOTH: [Self; 2] = [Self::Ours, Self::Davey];

    fn member(self, user: UserId) -> Member {
        match self {
            Self::Ours => Member::ours(user, Backend::default()),
            Self::Davey => Member::davey(user),
        }
    }

    const fn other(self) -> Self {
        match self {
            Self::Ours => Self::Davey,
            Self::Davey => Self::Ours,
        }
    }
}

fn group(size: usize) -> Vec<Vec<String>> {
    // The commit of the first leaf wins: in one group that is of the one side, in one of the other.
    let mut groups = Side::BOTH.map(|founder| {
        let mut group = Group::new(Timestamp::from_millis(1000));
        group.join(FIRST, founder.member(FIRST));
        group.join(SECOND, founder.other().member(SECOND));
        for filler in (100..).take(size - 2).map(UserId) {
            group.join(filler, Member::filler(filler));
        }
        assert_eq!(group.size(), size);
        (founder, group)
    });
    let mut times: Vec<(Step, Side, Duration)> = Vec::new();
    for _ in 0..ROUNDS {
        for (founder, group) in &mut groups {
            for joiner in Side::BOTH {
                one_more(*founder, group, joiner, &mut times);
                assert_eq!(group.size(), size + 1);
                group.leave(JOINER);
                assert_eq!(group.size(), size);
            }
        }
    }
    let of = |step, side| {
        let of = times.iter().filter(|(a, b, _)| (*a, *b) == (step, side));
        median(of.map(|(.., time)| *time).collect()).as_secs_f64() * 1e3
    };
    STEPS
        .iter()
        .map(|&(step, name)| {
            let [ours, davey] = Side::BOTH.map(|side| of(step, side));
            vec![
                size.to_string(),
                name.to_owned(),
                format!("{ours:.2}"),
                format!("{davey:.2}"),
                format!("{:.2}", ours / davey),
            ]
        })
        .collect()
}

fn one_more(founder: Side, group: &mut Group, joiner: Side, times: &mut Vec<(Step, Side, Duration)>) {
    let mut winner = None;
    group.join_watched(JOINER, joiner.member(JOINER), |user, member, now, heard| -> Vec<Sent> {
        let clock = ThreadTime::now();
        let sent = member.take(now, heard);
        let time = clock.elapsed();
        let side = match user {
            FIRST => founder,
            SECOND => founder.other(),
            _ => joiner,
        };
        if sent.iter().any(|sent| matches!(sent, Sent::CommitWelcome(_))) {
            winner.get_or_insert(user);
        }
        let step = match heard {
            Heard::Description => Some(Step::KeyPackage),
            Heard::Message(Message::Welcome(_)) if user == JOINER => Some(Step::Welcome),
            Heard::Message(Message::Proposals(_)) if user == FIRST || user == SECOND => Some(Step::Commit),
            Heard::Message(Message::AnnounceCommit(_)) if winner == Some(user) => Some(Step::Own),
            Heard::Message(Message::AnnounceCommit(_)) if user == FIRST || user == SECOND => {
                Some(Step::Others)
            }
            _ => None,
        };
        times.extend(step.map(|step| (step, side, time)));
        sent
    });
}
