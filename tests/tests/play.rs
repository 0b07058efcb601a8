//! What calls play, against our own Discord in memory.

use bytes::Bytes;
use sanscord::client::{self, Client, Event};
use sanscord::machine::Machine;
use sanscord::play::{self, EndReason, EnqueueError, Origin, Source, State};
use sanscord::secret::Token;
use sanscord::time::{Duration, Timestamp};
use sanscord::voice::{Call, phase::Phase};
use sanscord_testing::clip::Clip;
use sanscord_testing::config::Config;
use sanscord_testing::discord::Discord;
use sanscord_testing::example::play::speech;
use sanscord_testing::fault::{Action, MediaFaults};
use sanscord_testing::link::LinkConfig;
use sanscord_testing::world::World;

type Sim = World<Client, Discord>;

const SECOND: Duration = Duration::from_secs(1);
const FILE: &str = "speech.opus";

fn world() -> Sim {
    let config = Config { script: Vec::new(), media: MediaFaults::default(), ..Config::default() };
    let client = Client::new(client::Config::new(Token::new(&config.token)), [9; 32]);
    let mut world = World::new(client, Discord::new(config, 9), LinkConfig::default(), 9);
    world.disk_mut().insert(FILE, speech());
    world
}

fn ask<T>(world: &mut Sim, act: impl FnOnce(&mut Client, Timestamp, &Config) -> T) -> T {
    let config = world.server().config().clone();
    world.with_client(0, |client, now| act(client, now, &config))
}

fn join(world: &mut Sim) {
    ask(world, |client, now, config| client.join(now, config.guild, config.voice_channels[0].0));
}

fn call(world: &Sim) -> Option<&Call> {
    world.client(0).call(world.server().config().guild)
}

fn is_live(world: &Sim) -> bool {
    matches!(call(world).map(Call::phase), Some(Phase::Live { .. }))
}

fn told(world: &Sim) -> Vec<play::Event> {
    let told = world.events().iter().filter_map(|happened| match &happened.event {
        Event::Playing(_, event) => Some(event.clone()),
        _ => None,
    });
    told.collect()
}

fn is_empty(world: &Sim) -> bool {
    told(world).last() == Some(&play::Event::QueueEmpty)
}

fn frames(world: &Sim) -> u64 {
    let player = world.client(0).player(world.server().config().guild);
    player.map_or(0, |player| player.counters().frames)
}

#[track_caller]
fn stop(world: &mut Sim) {
    ask(world, |client, now, _| client.stop(now));
    world.expect("the end", |world| world.client(0).is_finished(), SECOND * 10);
    assert_eq!(world.server().violations(), []);
}

#[test]
fn a_file_is_played_as_soon_as_the_call_can_send() {
    let mut world = world();
    let refused = ask(&mut world, |client, now, config| {
        client.play(now, config.guild, Origin::file(FILE)).unwrap_err()
    });
    assert_eq!(refused, EnqueueError::Ended, "there is no call");
    join(&mut world);
    let track = ask(&mut world, |client, now, config| {
        let missing = client.play(now, config.guild, Origin::file("missing.opus")).unwrap();
        (missing, client.play(now, config.guild, Origin::file(FILE)).unwrap())
    });
    world.expect("the call", is_live, SECOND * 5);
    world.expect("the end of the queue", is_empty, SECOND * 10);
    let length = Duration::from_millis(20 * Clip::alice().packets().len() as u64);
    let events = told(&world);
    assert!(matches!(&events[0], play::Event::Ended { track: missing, reason: EndReason::Failed { reason } }
        if *missing == track.0 && reason.contains("no such file")));
    assert_eq!(
        events[1..],
        [
            play::Event::Started { track: track.1, length: Some(length) },
            play::Event::Ended { track: track.1, reason: EndReason::Finished },
            play::Event::QueueEmpty
        ]
    );
    assert_eq!(frames(&world), Clip::alice().packets().len() as u64);
    world.run_for(SECOND);
    stop(&mut world);
}

#[test]
fn a_pause_takes_effect_at_once_and_a_seek_is_heard_next() {
    let mut world = world();
    join(&mut world);
    ask(&mut world, |client, now, config| client.play(now, config.guild, Origin::file(FILE)).unwrap());
    world.expect("the call", is_live, SECOND * 5);
    world.expect("some frames", |world| frames(world) > 50, SECOND * 10);
    ask(&mut world, |client, now, config| client.player_mut(now, config.guild).unwrap().pause());
    let before = frames(&world);
    assert!(call(&world).unwrap().queued() <= 3, "60 ms at most");
    world.run_for(SECOND * 60);
    assert_eq!(frames(&world), before);
    ask(&mut world, |client, now, config| {
        let player = client.player_mut(now, config.guild).unwrap();
        assert_eq!(player.state(), State::Paused);
        player.seek(SECOND * 4).unwrap();
        player.resume();
    });
    world.expect("the end of the queue", is_empty, SECOND * 5);
    let left = Clip::alice().packets().len() as u64 - 200;
    assert_eq!(frames(&world), before + left);
    stop(&mut world);
}

#[test]
fn a_player_waits_through_reconnects() {
    let mut world = world();
    join(&mut world);
    ask(&mut world, |client, now, config| client.play(now, config.guild, Origin::file(FILE)).unwrap());
    world.expect("the call", is_live, SECOND * 5);
    world.expect("some frames", |world| frames(world) > 20, SECOND * 10);
    world.with_server(|discord, now| discord.act(now, Action::CutVoice));
    world.expect("the end of the queue", is_empty, SECOND * 30);
    assert_eq!(frames(&world), Clip::alice().packets().len() as u64);
    assert!(!told(&world).iter().any(|event| matches!(event, play::Event::Starved { .. })));
    world.run_for(SECOND);
    stop(&mut world);
}

/// Twenty milliseconds again and again.
struct Endless(Bytes);

impl Source for Endless {
    fn read(&mut self) -> Result<Option<Bytes>, Box<str>> {
        Ok(Some(self.0.clone()))
    }

    fn seek(&mut self, at: Duration) -> Result<Duration, Box<str>> {
        Ok(at)
    }

    fn set_volume(&mut self, _: f32) -> Result<(), Box<str>> {
        Ok(())
    }
}

#[test]
fn leaving_ends_what_plays_and_another_channel_does_not() {
    let mut world = world();
    join(&mut world);
    let origin = || Origin::custom(Endless(Clip::alice().packets()[0].clone()));
    let track = ask(&mut world, |client, now, config| client.play(now, config.guild, origin()).unwrap());
    world.expect("the call", is_live, SECOND * 5);
    world.run_for(SECOND * 5);
    for channel in [1, 0] {
        ask(&mut world, |client, now, config| {
            client.join(now, config.guild, config.voice_channels[channel].0);
        });
        world.run_for(SECOND * 2);
    }
    let before = frames(&world);
    world.expect("more frames", |world| frames(world) > before + 50, SECOND * 10);
    ask(&mut world, |client, now, config| {
        assert_eq!(client.player(config.guild).unwrap().playing(), Some(track));
        client.leave(now, config.guild);
    });
    world.run_for(SECOND * 2);
    assert_eq!(told(&world).last(), Some(&play::Event::Ended { track, reason: EndReason::Stopped }));
    let guild = world.server().config().guild;
    assert!(world.client(0).player(guild).is_none());
    stop(&mut world);
}
