//! Conversations of the client with our Discord, as they happened.

use sanscord::client::Client;
use sanscord::machine::{Audio, Input, Machine, Output, SocketId};
use sanscord::time::{Duration, Timestamp};
use sanscord_fuzz::book::{Arrival, Book};
use sanscord_fuzz::client::machine;
use sanscord_fuzz::message::{GUILD, channel};
use sanscord_fuzz::step::Step;
use sanscord_testing::config::Config;
use sanscord_testing::discord::Discord;
use sanscord_testing::fault::Action;
use sanscord_testing::link::LinkConfig;
use sanscord_testing::speaker::{Speaker, Spurt};
use sanscord_testing::world::World;

use super::Seed;
use super::script::input;

/// A client that writes down what happens to it.
struct Recorded {
    client: Client,
    book: Book,
    now: Timestamp,
    wait: Option<Timestamp>,
    steps: Vec<Step>,
}

impl Recorded {
    fn new() -> Self {
        let (book, wait) = (Book::new(false), None);
        // The driver's own first timeout is no step.
        Self { client: machine(None), book, now: Timestamp::ZERO, wait, steps: Vec::new() }
    }

    fn pass(&mut self, now: Timestamp) {
        let micros = now.since(self.now).as_micros();
        if micros > 0 {
            self.steps.push(Step::Sleep(micros as u32));
        }
        self.now = now;
    }

    fn note(&mut self, now: Timestamp, arrival: &Arrival) {
        if *arrival == Arrival::Input(Input::Timeout) && self.wait.is_some_and(|wait| wait <= now) {
            self.steps.push(Step::Timeout);
            self.now = now;
            return;
        }
        if let Some(step) = self.book.step(arrival) {
            self.pass(now);
            self.steps.push(step);
        }
    }

    fn command(&mut self, now: Timestamp, what: u8, on: u8) {
        self.pass(now);
        self.steps.push(Step::Command(what, on));
        match what {
            0 => self.client.join(now, GUILD, channel(on)),
            1 => self.client.leave(now, GUILD),
            2 => self.client.record(now, GUILD, "calls"),
            _ => self.client.stop(now),
        }
    }
}

impl Machine for Recorded {
    type Event = <Client as Machine>::Event;

    fn handle_input(&mut self, now: Timestamp, input: Input) {
        let arrival = Arrival::Input(input.clone());
        self.note(now, &arrival);
        self.book.input(&input);
        self.client.handle_input(now, input);
    }

    fn poll_output(&mut self) -> Output<Self::Event> {
        let output = self.client.poll_output();
        self.book.output(&output);
        if let Output::Wait(until) = output {
            self.wait = until;
        }
        output
    }

    fn handle_datagram(&mut self, now: Timestamp, socket: SocketId, data: &mut [u8]) -> Option<Audio> {
        self.note(now, &Arrival::Datagram(socket, data.to_vec()));
        self.client.handle_datagram(now, socket, data)
    }

    fn is_finished(&self) -> bool {
        self.client.is_finished()
    }
}

fn converse(mode: &str, script: Vec<(Duration, Action)>, time: Duration) -> Vec<u8> {
    let spurts = vec![Spurt { packets: 15, pause: Duration::from_secs(3) }];
    let speakers = Config::speakers().into_iter();
    let speakers =
        speakers.map(|speaker| Speaker { spurts: spurts.clone(), start: Duration::ZERO, ..speaker });
    let config = Config {
        modes: vec![mode.into()],
        speakers: speakers.collect(),
        token: "token".into(),
        script,
        ..Config::quiet()
    };
    let mut world = World::new(Recorded::new(), Discord::new(config, 1), LinkConfig::default(), 1);
    world.set_stale_inputs(0.0);
    world.with_client(0, |client, now| {
        client.command(now, 0, 0);
        client.command(now, 2, 0);
    });
    world.run_for(time);
    world.with_client(0, |client, now| client.command(now, 5, 0));
    world.run_for(Duration::from_secs(1));
    assert!(!world.audio().is_empty(), "nobody was heard");
    assert!(world.client(0).is_finished(), "not finished");
    input(0, &world.client(0).steps)
}

pub(super) fn client() -> Vec<Seed> {
    let (aes, xchacha) = ("aead_aes256_gcm_rtpsize", "aead_xchacha20_poly1305_rtpsize");
    let after = |millis: u64, action: Action| (Duration::from_millis(millis), action);
    let cuts = vec![after(900, Action::CutGateway), after(1_400, Action::CutVoice)];
    let moves = vec![after(500, Action::VoiceServerChange), after(5_000, Action::Kick(Config::quiet().bot))];
    vec![
        ("conversation_recorded", converse(aes, Vec::new(), Duration::from_secs(3))),
        ("conversation_with_both_connections_cut", converse(xchacha, cuts, Duration::from_secs(6))),
        ("conversation_with_another_server", converse(aes, moves, Duration::from_secs(8))),
    ]
}
