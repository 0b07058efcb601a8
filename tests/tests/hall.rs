//! Calls of many members in memory: see [`sanscord_testing::hall`]. A failure names its seed; `SANSCORD_SEED=n` runs
//! that one alone, with `SANSCORD_MEMBERS=m` members if that is set; `SANSCORD_SEEDS=n` runs so many.

use sanscord::client::{Client, Config};
use sanscord::dave;
use sanscord::secret::Token;
use sanscord::time::Duration;
use sanscord::voice::Call;
use sanscord_testing::config;
use sanscord_testing::discord::Discord;
use sanscord_testing::hall::{MAX_MEMBERS, Outcome, Plan, run};
use sanscord_testing::link::LinkConfig;
use sanscord_testing::world::World;

const SEEDS: u64 = 120;

/// Seeds that are run with as many members as fit.
const LARGE: [u64; 3] = [1, 2, 3];

fn from_env(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().expect("a number"))
}

fn run_all(plans: impl IntoIterator<Item = Plan>) -> Outcome {
    let mut all = Outcome::default();
    for plan in plans {
        match run(plan) {
            Ok(outcome) => all.add(&outcome),
            Err(failure) => panic!("{failure}"),
        }
    }
    println!("{all}");
    all
}

#[test]
fn whoever_is_in_a_call_is_heard_there_and_nowhere_else() {
    if let Some(seed) = from_env("SANSCORD_SEED") {
        let plan = Plan::of(seed);
        let members = from_env("SANSCORD_MEMBERS").map_or(plan.members, |members| members as usize);
        run_all([plan.with_members(members)]);
        return;
    }
    let outcome = run_all((0..from_env("SANSCORD_SEEDS").unwrap_or(SEEDS)).map(Plan::of));
    // Each of these is what some seeds are for.
    assert!(outcome.heard > 0 && outcome.recoveries > 0, "{outcome}");
    assert!(outcome.resumes > 0 && outcome.unopened > 0, "{outcome}");
}

#[test]
fn large_calls_are_as_small_ones() {
    let outcome = run_all(LARGE.map(|seed| Plan::of(seed).with_members(MAX_MEMBERS)));
    assert!(outcome.heard > 0, "{outcome}");
}

#[test]
fn a_call_has_the_version_that_all_have() {
    let config = config::Config { bots: config::Config::more_bots(2), ..config::Config::quiet() };
    let (guild, channel) = (config.guild, config.voice_channels[0].0);
    let client = |token: &str, number: u8| {
        let mut settings = Config::new(Token::new(token));
        settings.dave_version = u16::from(number < 2);
        Client::new(settings, [number; 32])
    };
    let tokens: Vec<_> = config.bots.iter().map(|bot| bot.token.clone()).collect();
    let first = client(&config.token, 0);
    let mut world = World::new(first, Discord::new(config, 1), LinkConfig::default(), 1);
    for (token, number) in tokens.iter().zip(1..) {
        world.add_client(client(token, number));
    }
    let is = |version: u16, members: usize| {
        move |world: &World<Client, Discord>| {
            (0..2).all(|index| {
                let call = world.client(index).call(guild).filter(|call| call.can_send());
                let dave = call.and_then(Call::dave);
                dave.is_some_and(|dave| dave.version() == version && dave.members().len() == members)
            })
        }
    };
    let limit = Duration::from_secs(20);
    for member in 0..2 {
        world.with_client(member, |client, now| client.join(now, guild, channel));
    }
    world.expect("an encrypted call", is(1, 2), limit);
    // The third can do none.
    world.with_client(2, |client, now| client.join(now, guild, channel));
    world.expect("a call in the clear", is(0, 0), limit);
    world.with_client(2, |client, now| client.leave(now, guild));
    world.expect("an encrypted call again", is(1, 2), limit);
    assert_eq!(dave::VERSION, 1);
    assert_eq!(world.server().violations(), []);
}
