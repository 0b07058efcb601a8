//! A player whose sources are played by the test.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;
use proptest::prelude::*;

use super::event::{Counters, EndReason, EnqueueError, Event, SeekError, TrackId, VolumeError};
use super::origin::{Origin, Source};
use super::player::{Loop, Player, State};
use crate::machine::{Input, Machine, Output, Scope, SourceId, SourceReport};
use crate::time::{Duration, Timestamp};

/// The bound that the player documents.
const MOST: usize = 30;

/// A packet of 20 ms that names its file and its number.
fn packet(file: u8, number: usize) -> Bytes {
    vec![0x78, file, number as u8].into()
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn failed(reason: &str) -> EndReason {
    EndReason::Failed { reason: reason.into() }
}

/// Sources of the user's own are told apart by their length alone.
struct Own;

impl Source for Own {
    fn read(&mut self) -> Result<Option<Bytes>, alloc::boxed::Box<str>> {
        Ok(None)
    }

    fn seek(&mut self, at: Duration) -> Result<Duration, alloc::boxed::Box<str>> {
        Ok(at)
    }

    fn set_volume(&mut self, _: f32) -> Result<(), alloc::boxed::Box<str>> {
        Ok(())
    }
}

/// What the driver has open.
#[derive(Debug)]
struct Opened {
    file: u8,
    /// Packets that it has.
    length: usize,
    at: usize,
    credit: usize,
    volume: f32,
    ended: bool,
    failed: bool,
}

/// A player, its driver, and what came of both.
struct Bench {
    player: Player,
    sources: BTreeMap<SourceId, Opened>,
    /// Answers that are under way, in order.
    answers: Vec<(SourceId, SourceReport)>,
    asked: Vec<&'static str>,
    events: Vec<Event>,
}

impl Bench {
    fn new() -> Self {
        Self {
            player: Player::new(Scope::new(7)),
            sources: BTreeMap::new(),
            answers: Vec::new(),
            asked: Vec::new(),
            events: Vec::new(),
        }
    }

    /// A file of so many packets.
    fn add(&mut self, file: u8, length: usize) -> TrackId {
        let id = self.player.enqueue(Origin::file(&format!("{file} {length}"))).unwrap();
        self.drain();
        id
    }

    fn drain(&mut self) {
        loop {
            match self.player.poll_output() {
                Output::OpenSource { source, origin, at, volume } => {
                    assert_eq!(source.scope(), 7);
                    let (file, length) = match &origin {
                        Origin::File(path) => {
                            let (file, length) = path.split_once(' ').unwrap();
                            (file.parse().unwrap(), length.parse().unwrap())
                        }
                        Origin::Custom(_) => (200, 3),
                    };
                    let at = (at.as_millis() / 20) as usize;
                    let opened = Opened { file, length, at, credit: 0, volume, ended: false, failed: false };
                    assert!(self.sources.insert(source, opened).is_none(), "named again");
                    self.asked.push("open");
                    let length = Some(millis(20 * length as u64));
                    self.answers.push((source, SourceReport::Opened { length }));
                }
                Output::ReadSource(source, frames) => {
                    self.working(source).credit += frames;
                    self.asked.push("read");
                }
                Output::SeekSource(source, at) => {
                    let opened = self.working(source);
                    opened.at = ((at.as_millis() / 20) as usize).min(opened.length);
                    opened.credit = 0;
                    opened.ended = false;
                    let at = millis(20 * opened.at as u64);
                    self.asked.push("seek");
                    self.answers.push((source, SourceReport::Sought { at }));
                }
                Output::SetVolume(source, volume) => {
                    self.working(source).volume = volume;
                    self.asked.push("volume");
                }
                Output::CloseSource(source) => {
                    assert!(self.sources.remove(&source).is_some(), "closed what was not open");
                    self.asked.push("close");
                }
                Output::Event(event) => self.events.push(event),
                Output::Wait(None) => return,
                other => panic!("{other:?}"),
            }
        }
    }

    fn working(&mut self, source: SourceId) -> &mut Opened {
        let opened = self.sources.get_mut(&source).unwrap();
        assert!(!opened.failed, "told what has failed");
        opened
    }

    fn report(&mut self, source: SourceId, report: SourceReport) {
        if let (SourceReport::Failed { .. }, Some(opened)) = (&report, self.sources.get_mut(&source)) {
            opened.failed = true;
        }
        self.player.handle_input(Timestamp::ZERO, Input::Source(source, report));
        self.drain();
    }

    /// Reads what one source was asked for; the oldest that has something.
    fn read(&mut self) -> bool {
        let due = |opened: &Opened| opened.credit > 0 && !opened.ended && !opened.failed;
        let Some((&source, opened)) = self.sources.iter_mut().find(|(_, opened)| due(opened)) else {
            return false;
        };
        if opened.at == opened.length {
            opened.ended = true;
            self.answers.push((source, SourceReport::Ended));
        } else {
            let count = opened.credit.min(opened.length - opened.at).min(10);
            let frames = (opened.at..opened.at + count).map(|number| packet(opened.file, number)).collect();
            opened.at += count;
            opened.credit -= count;
            self.answers.push((source, SourceReport::Frames(frames)));
        }
        true
    }

    fn answer(&mut self) -> bool {
        if self.answers.is_empty() {
            return false;
        }
        let (source, report) = self.answers.remove(0);
        // What is closed or has failed reports no more.
        if self.sources.get(&source).is_some_and(|opened| !opened.failed) {
            self.report(source, report);
        }
        true
    }

    /// Lets the driver do all that it was asked for.
    fn settle(&mut self) {
        self.drain();
        while self.answer() || self.read() {}
    }

    fn next(&mut self) -> Option<(u8, u8)> {
        let frame = self.player.next_frame();
        self.drain();
        frame.map(|frame| (frame[1], frame[2]))
    }

    /// Plays until nothing comes any more, at most so many frames.
    fn play(&mut self, most: usize) -> Vec<(u8, u8)> {
        let mut heard = Vec::new();
        self.settle();
        while heard.len() < most
            && let Some(frame) = self.next()
        {
            heard.push(frame);
            self.settle();
        }
        heard
    }

    fn only_source(&self) -> SourceId {
        *self.sources.keys().next().unwrap()
    }

    fn told(&mut self) -> Vec<Event> {
        self.settle();
        core::mem::take(&mut self.events)
    }
}

fn all(file: u8, frames: core::ops::Range<u8>) -> Vec<(u8, u8)> {
    frames.map(|number| (file, number)).collect()
}

fn started(track: TrackId, frames: u64) -> Event {
    Event::Started { track, length: Some(millis(20 * frames)) }
}

fn ended(track: TrackId, reason: EndReason) -> Event {
    Event::Ended { track, reason }
}

#[test]
fn tracks_play_one_after_the_other_without_a_gap() {
    let mut bench = Bench::new();
    let (a, b) = (bench.add(1, 60), bench.add(2, 2));
    assert_eq!(bench.player.state(), State::Loading);
    assert_eq!(bench.player.queue().collect::<Vec<_>>(), [b]);
    let mut expected = all(1, 0..60);
    expected.extend(all(2, 0..2));
    assert_eq!(bench.play(100), expected);
    assert_eq!(bench.player.state(), State::Idle);
    assert!(bench.sources.is_empty());
    let finished = EndReason::Finished;
    assert_eq!(
        bench.told(),
        [started(a, 60), ended(a, finished.clone()), started(b, 2), ended(b, finished), Event::QueueEmpty]
    );
    assert_eq!(bench.player.counters(), Counters { frames: 62, starved: 0, unasked: 0 });
}

#[test]
fn the_next_source_is_ready_before_the_last_frame_of_this_one() {
    let mut bench = Bench::new();
    bench.add(1, 10);
    bench.add(2, 10);
    bench.settle();
    assert_eq!(bench.sources.len(), 2);
    for _ in 0..10 {
        assert!(bench.next().is_some());
    }
    assert_eq!(bench.next(), Some((2, 0)), "without another answer of the driver");
}

#[test]
fn it_reads_half_a_second_ahead_and_several_frames_at_once() {
    let mut bench = Bench::new();
    bench.add(1, 200);
    bench.settle();
    assert_eq!(bench.sources[&bench.only_source()].at, 25);
    bench.asked.clear();
    for _ in 0..7 {
        bench.next();
    }
    assert!(bench.asked.is_empty());
    bench.next();
    assert_eq!(bench.asked, ["read"]);
    bench.settle();
    assert_eq!(bench.sources[&bench.only_source()].at, 33);
}

#[test]
fn a_pause_holds_everything_in_its_place() {
    let mut bench = Bench::new();
    bench.add(1, 100);
    bench.play(10);
    bench.player.pause();
    assert_eq!(bench.play(10), []);
    assert_eq!((bench.player.state(), bench.player.position()), (State::Paused, millis(200)));
    bench.player.resume();
    assert_eq!(bench.play(2), all(1, 10..12));
    assert_eq!(bench.player.counters().starved, 0);
}

#[test]
fn nothing_from_before_a_seek_is_played_after_it() {
    let mut bench = Bench::new();
    let track = bench.add(1, 200);
    bench.play(10);
    // Some are held, and some under way.
    bench.drain();
    bench.read();
    bench.player.seek(millis(2000)).unwrap();
    assert_eq!(bench.player.position(), millis(2000));
    assert_eq!(bench.next(), None);
    // The last of several is the one that counts.
    bench.player.seek(millis(3000)).unwrap();
    bench.player.seek(millis(1000)).unwrap();
    assert_eq!(bench.play(3), all(1, 50..53));
    assert_eq!(bench.player.position(), millis(1060));
    assert_eq!(bench.player.length(), Some(millis(4000)));
    // Beyond the end it ends, and back from the end it goes on.
    bench.player.seek(millis(3980)).unwrap();
    bench.settle();
    bench.player.seek(millis(0)).unwrap();
    assert_eq!(bench.play(1), all(1, 0..1));
    bench.player.seek(millis(60_000)).unwrap();
    assert_eq!(bench.play(1), []);
    assert_eq!(bench.told(), [started(track, 200), ended(track, EndReason::Finished), Event::QueueEmpty]);
    assert_eq!(bench.player.seek(millis(0)), Err(SeekError::NothingPlays));
}

#[test]
fn a_seek_before_the_source_is_open_is_where_it_begins() {
    let mut bench = Bench::new();
    bench.player.enqueue(Origin::file("1 100")).unwrap();
    bench.player.seek(millis(400)).unwrap();
    assert_eq!(bench.play(2), all(1, 20..22));
    assert_eq!(bench.player.position(), millis(440));
}

#[test]
fn a_refused_seek_goes_on_where_it_was() {
    let mut bench = Bench::new();
    let track = bench.add(1, 100);
    bench.play(10);
    bench.player.seek(millis(1000)).unwrap();
    // Performed here, since the driver of these tests seeks.
    let source = loop {
        if let Output::SeekSource(source, _) = bench.player.poll_output() {
            break source;
        }
    };
    bench.sources.get_mut(&source).unwrap().credit = 0;
    bench.report(source, SourceReport::SeekRefused { reason: "live".into() });
    assert_eq!(bench.play(30), all(1, 10..40));
    assert_eq!(bench.told()[1..], [Event::SeekRefused { track, reason: "live".into() }]);
}

#[test]
fn loops() {
    let finished = EndReason::Finished;
    let mut bench = Bench::new();
    let (a, b) = (bench.add(1, 2), bench.add(2, 1));
    bench.player.set_loop(Loop::Times(1));
    assert_eq!(bench.play(10), [(1, 0), (1, 1), (1, 0), (1, 1), (2, 0)]);
    let looped = Event::Looped { track: a };
    let expected = [
        started(a, 2),
        looped.clone(),
        ended(a, finished.clone()),
        started(b, 1),
        ended(b, finished.clone()),
        Event::QueueEmpty,
    ];
    assert_eq!(bench.told(), expected);

    let mut bench = Bench::new();
    let (a, _) = (bench.add(1, 2), bench.add(2, 1));
    bench.player.set_loop(Loop::Track);
    assert_eq!(bench.play(5), [(1, 0), (1, 1), (1, 0), (1, 1), (1, 0)]);
    bench.player.set_loop(Loop::Off);
    assert_eq!(bench.play(5), [(1, 1), (2, 0)]);
    assert_eq!(bench.told()[..4], [started(a, 2), looped.clone(), looped, ended(a, finished.clone())]);

    for only in [true, false] {
        let mut bench = Bench::new();
        bench.player.set_loop(Loop::Queue);
        let a = bench.player.enqueue(Origin::custom(Own)).unwrap();
        let b = if only { a } else { bench.player.enqueue(Origin::file("1 1")).unwrap() };
        let round: &[(u8, u8)] =
            if only { &[(200, 0), (200, 1), (200, 2)] } else { &[(200, 0), (200, 1), (200, 2), (1, 0)] };
        assert_eq!(bench.play(round.len() * 2), round.repeat(2));
        assert!(bench.player.skip());
        assert_eq!(bench.player.playing(), Some(b), "what is skipped comes again");
        assert!(bench.asked.iter().filter(|&&asked| asked == "open").count() <= if only { 1 } else { 5 });
    }
}

#[test]
fn nothing_is_not_repeated_for_ever() {
    for repeat in [Loop::Off, Loop::Track, Loop::Queue, Loop::Times(9)] {
        let mut bench = Bench::new();
        bench.player.set_loop(repeat);
        let track = bench.add(1, 0);
        assert_eq!(bench.play(1), []);
        assert_eq!(bench.told(), [ended(track, failed("there is no audio in it")), Event::QueueEmpty]);
    }
}

#[test]
fn what_fails_plays_what_was_read_and_the_next_follows() {
    let mut bench = Bench::new();
    let (a, b) = (bench.add(1, 100), bench.add(2, 1));
    bench.player.set_loop(Loop::Track);
    bench.settle();
    let source = bench.only_source();
    bench.report(source, SourceReport::Failed { reason: "disk".into() });
    assert_eq!(bench.player.seek(millis(0)), Err(SeekError::Failed));
    assert_eq!(bench.play(26).len(), 26);
    assert_eq!(bench.told()[..3], [started(a, 100), ended(a, failed("disk")), started(b, 1)]);

    // As it is opened.
    let mut bench = Bench::new();
    let (a, b) = (bench.add(1, 100), bench.add(2, 1));
    let source = bench.only_source();
    bench.report(source, SourceReport::Failed { reason: "no such file".into() });
    assert_eq!(bench.play(2), [(2, 0)]);
    assert_eq!(bench.told()[..2], [ended(a, failed("no such file")), started(b, 1)]);
    assert!(bench.sources.is_empty(), "what has failed is closed too");
}

#[test]
fn repeats_of_one_track_are_not_those_of_the_next() {
    let ends: [fn(&mut Bench, TrackId); 4] = [
        |bench, _| assert!(bench.player.skip()),
        |bench, track| assert!(bench.player.remove(track)),
        |bench, _| {
            let source = bench.only_source();
            bench.player.seek(millis(0)).unwrap();
            bench.drain();
            bench.report(source, SourceReport::Failed { reason: "disk".into() });
        },
        |bench, _| {
            bench.player.stop();
            bench.add(2, 1);
        },
    ];
    for (number, end) in ends.into_iter().enumerate() {
        let mut bench = Bench::new();
        let track = bench.add(1, 100);
        bench.add(2, 1);
        bench.player.set_loop(Loop::Times(3));
        bench.play(1);
        end(&mut bench, track);
        assert_eq!(bench.player.repeat(), Loop::Off, "end {number}");
        assert_eq!(bench.play(5), [(2, 0)], "end {number}");
    }
}

#[test]
fn what_is_no_opus_packet_ends_its_track() {
    for bad in [vec![], vec![0xFB, 0], vec![0x78; 4001]] {
        let mut bench = Bench::new();
        let track = bench.add(1, 100);
        let source = bench.only_source();
        bench.report(source, SourceReport::Frames(vec![packet(9, 0), bad.into(), packet(9, 1)]));
        assert_eq!(bench.next(), Some((9, 0)));
        assert_eq!(bench.next(), None);
        assert!(bench.sources.is_empty());
        let events = bench.told();
        assert!(matches!(&events[1], Event::Ended { track: this, reason: EndReason::Failed { .. } }
            if *this == track));
    }
}

#[test]
fn a_slow_source_is_told_of_once_for_each_gap() {
    let mut bench = Bench::new();
    let track = bench.add(1, 100);
    assert_eq!(bench.next(), None, "nothing was there yet");
    assert!(bench.events.is_empty());
    let source = bench.only_source();
    for gap in 1..3 {
        bench.report(source, SourceReport::Frames(vec![packet(1, 0)]));
        assert!(bench.next().is_some());
        assert_eq!((bench.next(), bench.next()), (None, None));
        assert_eq!(bench.player.counters().starved, gap);
        assert_eq!(bench.events.last(), Some(&Event::Starved { track }));
    }
    assert_eq!(bench.player.state(), State::Playing);
}

#[test]
fn commands_end_tracks_with_their_reason() {
    let mut bench = Bench::new();
    let (a, b, c) = (bench.add(1, 100), bench.add(2, 100), bench.add(3, 100));
    bench.play(1);
    assert!(bench.player.skip());
    bench.play(1);
    bench.player.pause();
    let d = bench.player.play_now(Origin::file("4 100")).unwrap();
    assert_eq!(bench.play(1), [(4, 0)]);
    assert!(bench.player.remove(c) && !bench.player.remove(c));
    assert!(bench.player.remove(d));
    let e = bench.add(5, 1);
    bench.play(1);
    let f = bench.add(6, 100);
    bench.add(7, 100);
    bench.play(1);
    assert_eq!(bench.player.stop(), 1);
    let skipped = EndReason::Skipped;
    assert_eq!(
        bench.told(),
        [
            started(a, 100),
            ended(a, skipped.clone()),
            started(b, 100),
            ended(b, skipped.clone()),
            started(d, 100),
            ended(d, skipped),
            Event::QueueEmpty,
            started(e, 1),
            ended(e, EndReason::Finished),
            Event::QueueEmpty,
            started(f, 100),
            ended(f, EndReason::Stopped),
        ]
    );
    assert!(bench.sources.is_empty());
    assert!(!bench.player.skip());
}

#[test]
fn volume_reaches_what_is_open_and_what_is_opened() {
    let mut bench = Bench::new();
    let track = bench.add(1, 20);
    for bad in [-0.1, 2.1, f32::NAN, f32::INFINITY] {
        assert!(bench.player.set_volume(bad).is_err());
    }
    assert_eq!(bench.player.set_volume(3.0), Err(VolumeError(3.0)));
    bench.player.set_volume(0.5).unwrap();
    bench.player.set_volume(1.5).unwrap();
    bench.settle();
    assert_eq!(bench.asked.iter().filter(|&&asked| asked == "volume").count(), 1);
    assert!((bench.sources[&bench.only_source()].volume - 1.5).abs() < f32::EPSILON);
    bench.add(2, 20);
    bench.settle();
    assert!(bench.sources.values().all(|opened| (opened.volume - 1.5).abs() < f32::EPSILON));
    let source = bench.only_source();
    bench.report(source, SourceReport::VolumeRefused { reason: "as it is".into() });
    assert_eq!(bench.told(), [Event::VolumeRefused { track, reason: "as it is".into() }]);
}

#[test]
fn the_queue_is_bounded_and_ends_with_the_call() {
    let mut player = Player::new(Scope::new(0));
    for _ in 0..Player::MAX_TRACKS {
        player.enqueue(Origin::file("a")).unwrap();
    }
    assert_eq!(player.enqueue(Origin::file("a")), Err(EnqueueError::Full));
    assert_eq!(player.play_now(Origin::file("a")), Err(EnqueueError::Full));
    assert!(!player.is_finished());
    player.end();
    assert_eq!(player.enqueue(Origin::file("a")), Err(EnqueueError::Ended));
    assert!(matches!(player.poll_output(), Output::Wait(None)));
    assert!(player.is_finished());
}

#[test]
fn a_source_does_not_show() {
    assert_eq!(format!("{:?}", Origin::custom(Own)), "Custom(..)");
    let report = SourceReport::Frames(vec![packet(77, 77)]);
    assert_eq!(format!("{report:?}"), "Frames(1)");
}

#[derive(Clone, Debug)]
enum Act {
    Add(u8),
    PlayNow(u8),
    Own,
    Next(u8),
    Read,
    Answer,
    Fail,
    Strange(u8, u8),
    Pause(bool),
    Skip,
    Stop,
    Seek(u16),
    Remove(u8),
    Loop(Loop),
    Volume(u8),
}

fn act() -> impl Strategy<Value = Act> {
    let repeat =
        prop_oneof![Just(Loop::Off), Just(Loop::Track), Just(Loop::Queue), (0..4_u32).prop_map(Loop::Times)];
    prop_oneof![
        3 => (0..60_u8).prop_map(Act::Add),
        1 => (0..60_u8).prop_map(Act::PlayNow),
        1 => Just(Act::Own),
        9 => (1..40_u8).prop_map(Act::Next),
        9 => Just(Act::Read),
        9 => Just(Act::Answer),
        1 => Just(Act::Fail),
        1 => (0..8_u8, any::<u8>()).prop_map(|(kind, source)| Act::Strange(kind, source)),
        2 => any::<bool>().prop_map(Act::Pause),
        1 => Just(Act::Skip),
        1 => Just(Act::Stop),
        2 => (0..1500_u16).prop_map(Act::Seek),
        1 => (0..9_u8).prop_map(Act::Remove),
        1 => repeat.prop_map(Act::Loop),
        1 => any::<u8>().prop_map(Act::Volume),
    ]
}

/// What a source that does not keep to what it was asked for might say.
fn strange(kind: u8) -> SourceReport {
    match kind {
        0 => SourceReport::Opened { length: None },
        1 => SourceReport::Frames((0..60).map(|number| packet(250, number)).collect()),
        2 => SourceReport::Frames(vec![Bytes::new()]),
        3 => SourceReport::Ended,
        4 => SourceReport::Sought { at: Duration::MAX },
        5 => SourceReport::SeekRefused { reason: "no".into() },
        6 => SourceReport::VolumeRefused { reason: "no".into() },
        _ => SourceReport::Failed { reason: "no".into() },
    }
}

proptest! {
    #[test]
    fn whatever_happens_tracks_end_once_and_what_is_held_is_bounded(acts in prop::collection::vec(act(), 0..200)) {
        let mut bench = Bench::new();
        let mut honest = true;
        // Of each source, the number that has to follow.
        let mut last: Option<(Option<TrackId>, u8, u8)> = None;
        for act in acts {
            match act {
                Act::Add(length) => drop(bench.player.enqueue(Origin::file(&format!("{} {length}", length)))),
                Act::PlayNow(length) => drop(bench.player.play_now(Origin::file(&format!("{length} {length}")))),
                Act::Own => drop(bench.player.enqueue(Origin::custom(Own))),
                Act::Next(count) => for _ in 0..count {
                    let (track, seeks) = (bench.player.playing(), bench.asked.len());
                    let paused = bench.player.state() == State::Paused;
                    let frame = bench.next();
                    prop_assert!(!(paused && frame.is_some()));
                    let Some((file, number)) = frame else { break };
                    if honest && let Some((before, old, previous)) = last && before == track && old == file {
                        prop_assert_eq!(number, previous + 1);
                    }
                    last = Some((track, file, number));
                    if bench.asked[seeks..].iter().any(|asked| *asked != "read") {
                        last = None;
                    }
                },
                Act::Read => { bench.read(); }
                Act::Answer => { bench.answer(); }
                Act::Fail => if let Some(source) = bench.sources.keys().next().copied() {
                    bench.report(source, SourceReport::Failed { reason: "broken".into() });
                },
                Act::Strange(kind, which) => if let Some(at) = usize::from(which).checked_rem(bench.sources.len()) {
                    let source = *bench.sources.keys().nth(at).unwrap();
                    honest = false;
                    bench.report(source, strange(kind));
                },
                Act::Pause(true) => bench.player.pause(),
                Act::Pause(false) => bench.player.resume(),
                Act::Skip => { bench.player.skip(); last = None; }
                Act::Stop => { bench.player.stop(); last = None; }
                Act::Seek(at) => if bench.player.seek(millis(at.into())).is_ok() { last = None; },
                Act::Remove(id) => { bench.player.remove(TrackId(id.into())); last = None; }
                Act::Loop(repeat) => bench.player.set_loop(repeat),
                Act::Volume(volume) => drop(bench.player.set_volume(f32::from(volume) / 100.0)),
            }
            bench.drain();
            prop_assert!(bench.player.held() <= MOST);
            // A seek's answer and a loop's begin elsewhere.
            if bench.asked.last() == Some(&"seek") {
                last = None;
            }
        }
        bench.player.end();
        bench.drain();
        prop_assert!(bench.player.is_finished());
        prop_assert!(bench.sources.is_empty());
        let mut open = None;
        for event in &bench.events {
            match event {
                Event::Started { track, .. } => {
                    prop_assert_eq!(open, None);
                    open = Some(*track);
                }
                Event::Ended { track, .. } if open.is_some() => {
                    prop_assert_eq!(open, Some(*track));
                    open = None;
                }
                Event::Ended { reason, .. } => {
                    let has_failed = matches!(reason, EndReason::Failed { .. });
                    prop_assert!(has_failed);
                }
                _ => {}
            }
        }
        prop_assert_eq!(open, None);
    }
}
