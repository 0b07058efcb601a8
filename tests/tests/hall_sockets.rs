//! Four bots in one encrypted call on real sockets, on all three adapters: each speaks and records the others, and a
//! third of what goes to and from one of them is lost.
#![expect(clippy::unwrap_used, reason = "a test fails by it")]

#[expect(dead_code, reason = "the conformance suite uses all of it")]
#[path = "conformance/adapter.rs"]
mod adapter;
mod recording;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sanscord::client::{self, Client};
use sanscord::id::{ChannelId, GuildId, UserId};
use sanscord::secret::Token;
use sanscord_testing::config::Config;
use sanscord_testing::discord::Discord;
use sanscord_testing::link::LinkConfig;
use sanscord_testing::loopback::Loopback;

use adapter::{Adapter, Blocking, Next, Setup, Smol, Tokio};
use recording::Contents;

/// How long each step may take on a machine that is busy with something else.
const LIMIT: Duration = Duration::from_secs(60);

/// Bots in the call. With four, two listeners have two speakers in common.
const MEMBERS: usize = 4;

/// Frames that each bot says: two seconds.
const FRAMES: u32 = 100;

/// Samples of a frame, and of a millisecond.
const FRAME: i64 = 960;
const MILLISECOND: i64 = 48;

/// How far apart two listeners may hear two speakers. A recording ties a speaker to the clock by the first packet that
/// arrives: on a quiet machine less than 1 ms is between them, and on a busy one what its threads wait for their turn.
const TOGETHER: i64 = 15 * MILLISECOND;

/// A bot, and where it is to go.
#[derive(Clone)]
struct Member {
    user: UserId,
    token: String,
    api_base: String,
    authority: PathBuf,
    guild: GuildId,
    channel: ChannelId,
    folder: PathBuf,
}

/// An Opus frame of 20 ms (RFC 6716, section 3.1: configuration 15, one frame) that names its speaker and its place.
fn frame(user: UserId, number: u32) -> Bytes {
    [&[0x78][..], &user.0.to_be_bytes(), &number.to_be_bytes()].concat().into()
}

fn number(user: UserId, packet: &[u8]) -> Option<u32> {
    (0..FRAMES).find(|number| *frame(user, *number) == *packet)
}

/// Joins, speaks once all are there, records all the time, and leaves when all have spoken.
fn attend<A: Adapter>(member: &Member, seed: u8, all: &Barrier) {
    let Member { user, guild, channel, .. } = *member;
    let mut config = client::Config::new(Token::new(&member.token));
    config.api_base = member.api_base.as_str().into();
    let client = Client::new(config, [seed; 32]);
    let trust = Some(member.authority.clone());
    let mut adapter = A::start(Setup { client, trust, audio: Box::new(|_, _| {}), alone: false });
    let folder = member.folder.to_str().unwrap().to_owned();
    adapter.call(move |client, now| {
        client.join(now, guild, channel);
        client.record(now, guild, &folder);
    });
    wait(&mut adapter, move |client| {
        let call = client.call(guild).filter(|call| call.can_send());
        call.and_then(|call| call.dave()).is_some_and(|dave| dave.members().len() == MEMBERS)
    });
    all.wait();
    let sent = adapter.call(move |client, now| {
        (0..FRAMES).all(|number| client.send_opus(now, guild, frame(user, number)).is_ok())
    });
    assert_eq!(sent, Some(true));
    wait(&mut adapter, move |client| {
        client.call(guild).is_some_and(|call| call.queued() == 0 && !call.is_sending())
    });
    all.wait();
    // What is under way arrives.
    let arrived = Instant::now() + Duration::from_millis(500);
    while Instant::now() < arrived {
        adapter.next(Duration::from_millis(20));
    }
    all.wait();
    adapter.call(Client::stop);
    let end = Instant::now() + LIMIT;
    while !matches!(adapter.next(LIMIT), Next::Ended) {
        assert!(Instant::now() < end, "the driver does not end");
    }
}

/// Takes events until the client has come so far.
fn wait<A: Adapter>(adapter: &mut A, condition: impl Fn(&Client) -> bool + Send + Copy + 'static) {
    let end = Instant::now() + LIMIT;
    while adapter.call(move |client, _| condition(client)) != Some(true) {
        assert!(Instant::now() < end, "not within {LIMIT:?}");
        adapter.next(Duration::from_millis(10));
    }
}

#[test]
fn all_adapters_hear_one_another() {
    let folder = std::env::temp_dir().join(format!("sanscord-hall-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let bots = Config::more_bots(MEMBERS as u16 - 1);
    let lossy = bots.last().unwrap().user;
    let link = LinkConfig { loss: 0.3, ..LinkConfig::steady(Duration::from_millis(10)) };
    let config = Config {
        bots,
        links: BTreeMap::from([(lossy, link)]),
        heartbeat_interval: Duration::from_secs(1),
        voice_heartbeat_interval: Duration::from_secs(1),
        tolerance: Duration::from_secs(10),
        media_overtakes: true,
        ..Config::quiet()
    };
    let (guild, channel) = (config.guild, config.voice_channels[0].0);
    let mut tokens = vec![(config.bot, config.token.clone())];
    tokens.extend(config.bots.iter().map(|bot| (bot.user, bot.token.clone())));
    let loopback =
        Loopback::start(move |addresses| Discord::new(Config { addresses: addresses.clone(), ..config }, 1));
    let loopback = loopback.unwrap();
    let authority = folder.join("authority.pem");
    loopback.write_certificate(&authority).unwrap();
    let api_base = loopback.addresses().api_base.clone();
    let members = tokens.into_iter().map(|(user, token)| {
        let (api_base, authority) = (api_base.clone(), authority.clone());
        Member { user, token, api_base, authority, guild, channel, folder: folder.join(user.to_string()) }
    });
    let members: Vec<Member> = members.collect();
    let [first, second, third, fourth] = <&[Member; MEMBERS]>::try_from(members.as_slice()).unwrap();
    let all = Barrier::new(MEMBERS);
    thread::scope(|scope| {
        scope.spawn(|| attend::<Tokio>(first, 1, &all));
        scope.spawn(|| attend::<Smol>(second, 2, &all));
        scope.spawn(|| attend::<Blocking>(third, 3, &all));
        scope.spawn(|| attend::<Tokio>(fourth, 4, &all));
    });
    let violations = loopback.with(|discord, _| discord.violations().to_vec());
    assert!(violations.is_empty(), "{violations:#?}");
    // Where each speaker begins in each listener's recording.
    let mut begins = BTreeMap::new();
    for listener in &members {
        let others = members.iter().filter(|other| other.user != listener.user);
        let lengths: Vec<u64> = others
            .map(|speaker| {
                let is_lossy = [listener.user, speaker.user].contains(&lossy);
                let (begin, length) = check(&listener.folder, speaker.user, is_lossy);
                begins.insert((listener.user, speaker.user), begin);
                length
            })
            .collect();
        assert!(lengths.iter().all(|length| *length == lengths[0]), "all files are equally long");
    }
    let users: Vec<UserId> = members.iter().map(|member| member.user).collect();
    let apart = |one, other, speaker, another| {
        let between = |listener| begins[&(listener, speaker)] - begins[&(listener, another)];
        i64::abs(between(one) - between(other))
    };
    let mut worst = 0;
    for &speaker in &users {
        for &another in users.iter().filter(|user| **user > speaker) {
            let listeners: Vec<UserId> =
                users.iter().copied().filter(|user| ![speaker, another].contains(user)).collect();
            worst = worst.max(apart(listeners[0], listeners[1], speaker, another));
        }
    }
    println!("recordings differ by {worst} samples at most");
    assert!(worst <= TOGETHER, "two listeners heard two speakers {worst} samples apart");
    // What is left in the temporary folder harms nobody.
    let _ = std::fs::remove_dir_all(&folder);
}

/// A file holds what its speaker said, at its time, and nothing else. Answers with the sample at which the speaker
/// began, and its length.
fn check(folder: &Path, speaker: UserId, is_lossy: bool) -> (i64, u64) {
    let file = std::fs::read(folder.join(format!("recording_{speaker}.opus"))).unwrap();
    let contents: Contents = recording::packets(&file);
    let heard: Vec<(u32, i64)> = contents
        .audio()
        .map(|packet| {
            (number(speaker, &packet.data).expect("it is a frame of this speaker"), packet.position)
        })
        .collect();
    assert!(heard.is_sorted_by(|one, next| one.0 < next.0), "in order, and each once");
    if is_lossy {
        // Of 100 frames 70 arrive, give or take.
        assert!((30..FRAMES as usize).contains(&heard.len()), "{} frames arrived", heard.len());
    } else {
        assert_eq!(heard.len(), FRAMES as usize);
    }
    let starts: Vec<i64> = heard.iter().map(|(number, at)| at - i64::from(*number) * FRAME).collect();
    let (earliest, latest) = (starts.iter().min().unwrap(), starts.iter().max().unwrap());
    assert!(latest - earliest <= MILLISECOND, "frames are {} samples off", latest - earliest);
    (*earliest, contents.length)
}
