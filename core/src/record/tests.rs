//! Recordings of hand-made packets, read back with another Ogg reader.

mod files;

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::vec::Vec;
use std::io::Cursor;

use bytes::Bytes;
use ogg::PacketReader;
use proptest::prelude::*;

use super::{Config, Event, Recorder, Recording, TrackCounters};
use crate::id::UserId;
use crate::machine::{Encoding, FileId, FileReport, Input, Machine, Output, Scope};
use crate::opus::{self, GRAIN};
use crate::rtp::extension::Extensions;
use crate::time::{Duration, Timestamp};
use crate::voice::Packet;

const START: Timestamp = Timestamp::from_millis(5000);
const ALICE: UserId = UserId(81_384_788_765_712_384);
const BOB: UserId = UserId(7);
const SSRC: u32 = 0xA11CE;
/// Samples of a packet of [`packet`], and of a millisecond.
const FRAME: u64 = 960;
const MILLI: u64 = 48;

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A packet of 20 ms that names its number; neither concealment nor silence looks like it.
fn packet(number: u16) -> Vec<u8> {
    let [high, low] = number.to_be_bytes();
    let mut packet = Vec::from([0x78, high, low]);
    packet.resize(20 + usize::from(number % 300), 0xAB);
    packet
}

#[derive(Debug)]
struct File {
    path: Box<str>,
    bytes: Vec<u8>,
    closing: bool,
    encoding: Encoding,
    /// How often it was replaced.
    replaced: usize,
}

/// Name, inputs, path and encoding.
type Mix = (FileId, Box<[Box<str>]>, Box<str>, Encoding);

/// A recorder, its files in memory, and what it told.
struct Bench {
    recorder: Recorder,
    now: Timestamp,
    wait: Option<Timestamp>,
    files: BTreeMap<FileId, File>,
    /// What was asked about formats: name, path, and whether it is about a mix.
    checks: Vec<(FileId, Box<str>, bool)>,
    /// What was to be mixed.
    mix: Option<Mix>,
    events: Vec<Event>,
}

impl Bench {
    fn new() -> Self {
        Self::within("calls/today/")
    }

    /// Without an index.
    fn within(folder: &str) -> Self {
        let mut config = Config::new(folder);
        config.index = false;
        Self::with(config)
    }

    fn with(config: Config) -> Self {
        let recorder = Recorder::new(START, config, Scope::new(2));
        let mut bench = Self {
            recorder,
            now: START,
            wait: None,
            files: BTreeMap::new(),
            checks: Vec::new(),
            mix: None,
            events: Vec::new(),
        };
        bench.drain();
        bench
    }

    fn drain(&mut self) {
        loop {
            match self.recorder.poll_output() {
                Output::OpenFile { file, path, encoding } => {
                    let new = File { path, bytes: Vec::new(), closing: false, encoding, replaced: 0 };
                    assert!(self.files.insert(file, new).is_none(), "opened twice");
                }
                Output::Append(file, data) => {
                    let file = self.files.get_mut(&file).unwrap();
                    assert!(!file.closing, "appended behind the end");
                    file.bytes.extend_from_slice(&data);
                }
                Output::Replace(file, data) => {
                    let file = self.files.get_mut(&file).unwrap();
                    assert!(!file.closing && file.encoding == Encoding::Plain);
                    file.bytes = data.into();
                    file.replaced += 1;
                }
                Output::CheckFormat { file, path, mix, .. } => self.checks.push((file, path, mix)),
                Output::MixFiles { file, inputs, path, encoding } => {
                    assert!(self.mix.replace((file, inputs, path, encoding)).is_none());
                }
                Output::CloseFile(file) => {
                    assert!(!core::mem::replace(&mut self.files.get_mut(&file).unwrap().closing, true));
                }
                Output::Event(event) => self.events.push(event),
                Output::Wait(until) => {
                    self.wait = until;
                    return;
                }
                other => panic!("unexpected {other:?}"),
            }
        }
    }

    fn input(&mut self, input: Input) {
        self.recorder.handle_input(self.now, input);
        self.drain();
    }

    /// Goes to this time after the start, waking at each deadline.
    fn until(&mut self, time: Duration) {
        let end = START + time;
        while let Some(until) = self.wait.filter(|&until| until <= end) {
            self.now = self.now.max(until);
            self.input(Input::Timeout);
            assert!(self.wait.is_none_or(|until| until > self.now), "a deadline in the past");
        }
        self.now = self.now.max(end);
    }

    fn take(&mut self, user: UserId, ssrc: u32, sequence: u16, timestamp: u32, opus: &[u8]) {
        self.recorder.handle_audio(self.now, user, ssrc, sequence, timestamp, opus);
        self.drain();
    }

    /// The packet of this number arrives from Alice at this time, with the timestamp of an unbroken stream.
    fn packet(&mut self, at: Duration, number: u16) {
        self.until(at);
        self.take(ALICE, SSRC, number, u32::from(number) * 960, &packet(number));
    }

    /// These packets arrive on time, the first at `at`.
    fn talk(&mut self, at: Duration, numbers: core::ops::Range<u16>) {
        let first = numbers.start;
        for number in numbers {
            self.packet(at + millis(20) * u32::from(number - first), number);
        }
    }

    fn counters(&self) -> TrackCounters {
        self.recorder.speakers().next().unwrap().1
    }

    /// Stops at this time and closes all files.
    fn stop(&mut self, at: Duration) -> Recording {
        self.until(at);
        self.recorder.stop(self.now);
        self.drain();
        // The index is closed when the others are.
        for _ in 0..2 {
            let closing =
                |(&id, file): (&FileId, &mut File)| core::mem::take(&mut file.closing).then_some(id);
            for file in self.files.iter_mut().filter_map(closing).collect::<Vec<_>>() {
                assert!(!self.recorder.is_finished());
                self.input(Input::File(file, FileReport::Closed));
            }
        }
        if let Some((file, ..)) = self.mix {
            assert!(!self.recorder.is_finished());
            self.input(Input::File(file, FileReport::Closed));
        }
        assert!(self.recorder.is_finished() && self.wait.is_none());
        match self.events.pop() {
            Some(Event::Finished { recording }) => recording,
            other => panic!("not finished: {other:?}"),
        }
    }

    fn file(&self, user: UserId) -> &File {
        let name = format!("recording_{user}.opus");
        self.files.values().find(|file| file.path.ends_with(&name)).unwrap()
    }

    fn read(&self, user: UserId) -> Track {
        Track::read(&self.file(user).bytes)
    }
}

/// What stands at a place of a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Sound {
    Audio(u16),
    Concealment,
    Silence,
}

/// A file read back. Positions are samples since the recording's start.
#[derive(Debug)]
struct Track {
    head: Vec<u8>,
    tags: Vec<u8>,
    pre_skip: i64,
    sounds: Vec<(i64, Sound)>,
    /// Where playback ends; where the last packet ends if the last page is not there.
    end: i64,
}

impl Track {
    /// Reads all whole pages and checks what holds for each file.
    fn read(bytes: &[u8]) -> Self {
        let mut reader = PacketReader::new(Cursor::new(bytes));
        let head = reader.read_packet().unwrap().unwrap();
        assert!(head.first_in_stream() && head.last_in_page() && head.absgp_page() == 0);
        let tags = reader.read_packet().unwrap().unwrap();
        assert!(tags.last_in_page() && tags.absgp_page() == 0);
        let pre_skip = i64::from(u16::from_le_bytes([head.data[10], head.data[11]]));
        let (mut samples, mut sounds) = (0, Vec::new());
        while let Ok(Some(found)) = reader.read_packet() {
            let sound = match &found.data[..] {
                [0x78, high, low, ..] => {
                    let number = u16::from_be_bytes([*high, *low]);
                    assert_eq!(found.data, packet(number), "not as it was sent");
                    Sound::Audio(number)
                }
                [_] => Sound::Concealment,
                _ => {
                    assert!(opus::SILENCE.iter().any(|(silence, _)| *silence == found.data));
                    Sound::Silence
                }
            };
            sounds.push((samples - pre_skip, sound));
            samples += opus::duration(&found.data).unwrap() as i64;
            if found.last_in_page() && !found.last_in_stream() {
                assert_eq!(found.absgp_page() as i64, samples, "a page's granule is the sum of durations");
            }
        }
        let mut end = samples;
        for (number, page) in pages(bytes).into_iter().enumerate() {
            assert_eq!(page.number as usize, number);
            assert_eq!((page.flags & 2 != 0, page.flags & 1), (number == 0, 0));
            if page.flags & 4 != 0 {
                assert!(page.end == bytes.len() && (0..2 * GRAIN as i64).contains(&(samples - page.granule)));
                end = page.granule;
            }
        }
        Self { head: head.data, tags: tags.data, pre_skip, sounds, end: end - pre_skip }
    }

    /// The packets as sent: their numbers, and where they are.
    fn audio(&self) -> Vec<(u16, i64)> {
        self.sounds
            .iter()
            .filter_map(|&(position, sound)| match sound {
                Sound::Audio(number) => Some((number, position)),
                Sound::Concealment | Sound::Silence => None,
            })
            .collect()
    }

    fn numbers(&self) -> Vec<u16> {
        self.audio().into_iter().map(|(number, _)| number).collect()
    }

    fn position(&self, number: u16) -> i64 {
        self.audio().into_iter().find(|&(this, _)| this == number).unwrap().1
    }

    /// What stands between two packets.
    fn between(&self, after: u16, before: u16) -> Vec<Sound> {
        let from = self.sounds.iter().position(|(_, sound)| *sound == Sound::Audio(after)).unwrap();
        let to = self.sounds.iter().position(|(_, sound)| *sound == Sound::Audio(before)).unwrap();
        self.sounds[from + 1..to].iter().map(|&(_, sound)| sound).collect()
    }
}

struct Page {
    flags: u8,
    granule: i64,
    number: u32,
    /// Where in the file it ends.
    end: usize,
}

/// The whole pages of a file.
fn pages(bytes: &[u8]) -> Vec<Page> {
    let (mut pages, mut at) = (Vec::new(), 0);
    while let Some(header) = bytes.get(at..at + 27) {
        assert_eq!(header[..5], *b"OggS\0");
        let Some(segments) = bytes.get(at + 27..at + 27 + usize::from(header[26])) else { break };
        at += 27 + segments.len() + segments.iter().map(|&length| usize::from(length)).sum::<usize>();
        if at > bytes.len() {
            break;
        }
        pages.push(Page {
            flags: header[5],
            granule: i64::from_le_bytes(header[6..14].try_into().unwrap()),
            number: u32::from_le_bytes(header[18..22].try_into().unwrap()),
            end: at,
        });
    }
    pages
}

#[test]
fn a_file_has_the_headers_of_ogg_opus() {
    let mut bench = Bench::new();
    bench.talk(millis(1000), 1..2);
    let [Event::TrackOpened { user: ALICE, path }] = &bench.events[..] else { panic!("{:?}", bench.events) };
    assert_eq!(**path, *"calls/today/recording_81384788765712384.opus");
    bench.events.clear();
    bench.stop(millis(2000));
    let track = bench.read(ALICE);
    assert_eq!(track.head[..10], *b"OpusHead\x01\x02");
    assert_eq!(track.head[12..], [0x80, 0xBB, 0, 0, 0, 0, 0]);
    // RFC 7845, section 4.2: at least 80 ms for the decoder to converge.
    assert!(track.pre_skip >= 3840);
    let vendor = format!("sanscord {}", env!("CARGO_PKG_VERSION"));
    let mut tags = Vec::from(*b"OpusTags");
    for text in [vendor.as_str(), "", "DISCORD_USER_ID=81384788765712384"] {
        // The empty one stands for the number of comments.
        tags.extend(if text.is_empty() { 1 } else { text.len() as u32 }.to_le_bytes());
        tags.extend(text.as_bytes());
    }
    assert_eq!(track.tags, tags);
    assert_eq!(pages(&bench.file(ALICE).bytes).last().unwrap().flags, 4);
    for (folder, path) in
        [("", "recording_7.opus"), ("a", "a/recording_7.opus"), ("/a/b//", "/a/b/recording_7.opus")]
    {
        let mut bench = Bench::within(folder);
        bench.take(BOB, 1, 1, 1, &packet(1));
        assert_eq!(*bench.file(BOB).path, *path);
    }
}

#[test]
fn packets_stand_as_sent_one_after_the_other() {
    let mut bench = Bench::new();
    bench.talk(Duration::ZERO, 0..700);
    let recording = bench.stop(millis(14_000));
    let track = bench.read(ALICE);
    assert!(track.audio().into_iter().eq((0..700).map(|number| (number, i64::from(number) * FRAME as i64))));
    assert_eq!(track.end, 700 * FRAME as i64);
    let expected = TrackCounters { packets: 700, anchored: 1, ..TrackCounters::default() };
    assert_eq!((bench.counters(), recording.tracks[0].counters), (expected, expected));
    assert_eq!((recording.length, recording.tracks[0].length), (millis(14_000), millis(14_000)));
    assert_eq!((recording.tracks[0].user, &recording.tracks[0].failed, recording.dropped), (ALICE, &None, 0));
}

#[test]
fn packets_of_every_length_keep_the_count() {
    let mut bench = Bench::new();
    let lengths =
        [(0x80, 120_u32), (0x88, 240), (0x08, 960), (0x18, 2880), (0x19, 5760), (0xE0, 120), (0x90, 480)];
    let (mut timestamp, mut samples) = (0, 0);
    for (sequence, (toc, length)) in (0..).zip(lengths.into_iter().cycle().take(70)) {
        bench.until(Duration::from_nanos(u64::from(timestamp) * 1_000_000_000 / 48_000));
        bench.take(ALICE, SSRC, sequence, timestamp, &[toc, 1, 1]);
        timestamp += length;
        samples += i64::from(length);
    }
    bench.stop(Duration::from_nanos(samples as u64 * 1_000_000_000 / 48_000));
    let pages = pages(&bench.file(ALICE).bytes);
    assert_eq!(pages.last().unwrap().granule - 3840, samples);
    assert_eq!(bench.counters().packets, 70);
}

#[test]
fn a_late_speaker_starts_to_the_sample() {
    for nanos in
        [0, 1, 20_833, 20_834, 1_000_000, 1_234_567, 12_345_000_000, 3_600_000_000_007, 7_199_999_999_999]
    {
        let mut bench = Bench::new();
        let at = Duration::from_nanos(nanos);
        bench.packet(at, 100);
        let expected = (u128::from(nanos) * 48_000 / 1_000_000_000) as i64;
        bench.packet(at + millis(20), 101);
        bench.stop(at + millis(1000));
        let track = bench.read(ALICE);
        assert_eq!(track.audio(), [(100, expected), (101, expected + 960)], "{nanos} ns");
        assert_eq!(track.end, expected + 48_000);
    }
    let mut bench = Bench::new();
    for ms in [1, 2, 17, 999, 60_001] {
        bench.until(millis(ms));
        bench.take(UserId(ms), SSRC, 5, 5, &packet(5));
    }
    bench.stop(millis(61_000));
    for ms in [1, 2, 17, 999, 60_001] {
        assert_eq!(bench.read(UserId(ms)).audio(), [(5, (ms * MILLI) as i64)]);
    }
}

#[test]
fn a_pause_is_as_long_as_its_timestamps_say() {
    for (samples, late) in [(144_000, 0), (144_000, 100), (143_880, 40), (1_440_000, 70), (8_640_000, 110)] {
        let mut bench = Bench::new();
        bench.talk(millis(500), 0..10);
        bench.until(millis(700 + u64::from(samples) / 48 + late));
        bench.take(ALICE, SSRC, 10, 9600 + samples, &packet(10));
        bench.stop(bench.now.since(START) + millis(20));
        let track = bench.read(ALICE);
        assert_eq!(track.position(10) - track.position(9), 960 + i64::from(samples));
        assert!(track.between(9, 10).iter().all(|sound| *sound == Sound::Silence));
        assert_eq!((bench.counters().anchored, bench.counters().missing), (1, 0));
    }
}

#[test]
fn odd_pauses_do_not_add_up_their_rounding() {
    let mut bench = Bench::new();
    let mut timestamp = 0_u32;
    for number in 0..200 {
        bench.until(Duration::from_nanos(u64::from(timestamp) * 1_000_000_000 / 48_000));
        bench.take(ALICE, SSRC, number, timestamp, &packet(number));
        timestamp += 960 + 1001;
    }
    bench.stop(millis(10_000));
    for (number, position) in bench.read(ALICE).audio() {
        let expected = i64::from(number) * 1961;
        assert!((position - expected).abs() <= GRAIN as i64 / 2, "{number} at {position}, not {expected}");
    }
    assert_eq!(bench.counters().anchored, 1);
}

#[test]
fn a_short_loss_is_left_to_the_decoder() {
    let mut bench = Bench::new();
    bench.talk(millis(0), 0..10);
    bench.talk(millis(240), 12..20);
    bench.stop(millis(2000));
    let track = bench.read(ALICE);
    assert_eq!(track.between(9, 12), [Sound::Concealment; 2]);
    assert_eq!(track.position(12), 12 * 960);
    assert_eq!(track.position(19), 19 * 960);
    let expected =
        TrackCounters { packets: 18, missing: 2, concealed: 2, anchored: 1, ..TrackCounters::default() };
    assert_eq!(bench.counters(), expected);
}

#[test]
fn concealment_speaks_the_codec_of_the_packet_before() {
    let mut bench = Bench::new();
    bench.take(ALICE, SSRC, 1, 0, &[0x0B, 2, 9, 9]); // SILK, narrow band, two frames of 20 ms
    bench.until(millis(80));
    bench.take(ALICE, SSRC, 3, 3840, &[0x0B, 2, 8, 8]);
    bench.stop(millis(1000));
    let bytes = &bench.file(ALICE).bytes;
    let mut reader = PacketReader::new(Cursor::new(bytes));
    let mut packets = Vec::new();
    while let Ok(Some(packet)) = reader.read_packet() {
        packets.push(packet.data);
    }
    let at = packets.iter().position(|packet| packet[..] == [0x0B, 2, 9, 9]).unwrap();
    assert_eq!(packets[at + 1], [0x08], "one frame of the lost two");
    assert_eq!(packets[at + 2], opus::SILENCE[1].0);
    assert_eq!(packets[at + 3], [0x0B, 2, 8, 8]);
}

#[test]
fn a_long_loss_becomes_silence_after_100_ms() {
    let mut bench = Bench::new();
    bench.talk(millis(0), 0..10);
    bench.talk(millis(1000), 50..60);
    bench.stop(millis(3000));
    let track = bench.read(ALICE);
    let between = track.between(9, 50);
    assert_eq!(between[..5], [Sound::Concealment; 5]);
    assert!(between.len() > 5 && between[5..].iter().all(|sound| *sound == Sound::Silence));
    assert_eq!((track.position(50), bench.counters().missing), (50 * 960, 40));
}

#[test]
fn what_is_overtaken_within_half_a_second_finds_its_place() {
    for delay in [1, 20, 250, 499] {
        let mut bench = Bench::new();
        bench.talk(millis(0), 0..5);
        let overtaken = millis(100);
        let mut others =
            (6..40_u16).map(|number| (overtaken + millis(20) * u32::from(number - 5), number)).peekable();
        // The one after the overtaken packet comes at 120 ms; half a second later the wait is over.
        let arrives = millis(120 + delay);
        while let Some((at, number)) = others.next_if(|&(at, _)| at <= arrives) {
            bench.packet(at, number);
        }
        bench.packet(arrives, 5);
        for (at, number) in others {
            bench.packet(at, number);
        }
        bench.stop(millis(2000));
        let track = bench.read(ALICE);
        assert!(
            track.audio().into_iter().eq((0..40).map(|number| (number, i64::from(number) * 960))),
            "{delay} ms"
        );
        let expected = TrackCounters { packets: 40, anchored: 1, ..TrackCounters::default() };
        assert_eq!(bench.counters(), expected, "{delay} ms");
    }
}

#[test]
fn what_comes_later_than_that_is_counted() {
    let mut bench = Bench::new();
    bench.talk(millis(0), 0..5);
    bench.talk(millis(120), 6..31);
    assert_eq!(bench.counters().packets, 5);
    bench.until(millis(620));
    assert_eq!((bench.counters().packets, bench.counters().missing), (30, 1));
    bench.packet(millis(640), 5);
    bench.stop(millis(1000));
    let track = bench.read(ALICE);
    assert!(track.numbers().into_iter().eq((0..5).chain(6..31)));
    assert_eq!((bench.counters().late, track.position(6)), (1, 6 * 960));
}

#[test]
fn what_comes_twice_is_written_once() {
    let mut bench = Bench::new();
    bench.talk(millis(0), 0..5);
    bench.packet(millis(100), 4);
    bench.packet(millis(100), 0);
    bench.packet(millis(120), 6);
    bench.packet(millis(120), 6);
    bench.packet(millis(140), 5);
    bench.packet(millis(140), 6);
    bench.stop(millis(1000));
    assert!(bench.read(ALICE).numbers().into_iter().eq(0..7));
    let expected = TrackCounters { packets: 7, late: 4, anchored: 1, ..TrackCounters::default() };
    assert_eq!(bench.counters(), expected);
}

#[test]
fn repetition_does_not_prolong_the_wait() {
    let mut bench = Bench::new();
    bench.packet(millis(0), 0);
    bench.packet(millis(40), 2);
    for again in 1..10 {
        bench.packet(millis(40 + 50 * again), 2);
    }
    bench.until(millis(540));
    assert_eq!(
        bench.counters(),
        TrackCounters {
            packets: 2,
            missing: 1,
            concealed: 1,
            late: 9,
            anchored: 1,
            ..TrackCounters::default()
        }
    );
}

#[test]
fn sequence_numbers_and_timestamps_wrap() {
    let mut bench = Bench::new();
    let (sequence, timestamp) = (65_530_u16, u32::MAX - 960 * 7 + 5);
    for step in 0..30_u16 {
        // One is lost over the wrap, and two change places.
        let step = match step {
            6 => continue,
            8 => 9,
            9 => 8,
            step => step,
        };
        bench.until(millis(1000 + 20 * u64::from(step.max(9))));
        let timestamp = timestamp.wrapping_add(u32::from(step) * 960);
        bench.take(ALICE, SSRC, sequence.wrapping_add(step), timestamp, &packet(step));
    }
    bench.stop(millis(3000));
    let track = bench.read(ALICE);
    let first = track.position(0);
    let expected = (0..30_u16).filter(|&step| step != 6).map(|step| (step, first + i64::from(step) * 960));
    assert!(track.audio().into_iter().eq(expected));
    assert_eq!(
        bench.counters(),
        TrackCounters { packets: 29, missing: 1, concealed: 1, anchored: 1, ..TrackCounters::default() }
    );
}

#[test]
fn another_ssrc_of_the_speaker_goes_on_in_the_same_file() {
    let mut bench = Bench::new();
    bench.talk(millis(0), 0..10);
    bench.packet(millis(240), 12); // waits for two that never come
    for number in 20..30_u16 {
        bench.until(millis(5000 + 20 * u64::from(number - 20)));
        bench.take(
            ALICE,
            SSRC + 1,
            number.wrapping_add(40_000),
            u32::from(number) * 960 + 77,
            &packet(number),
        );
    }
    bench.stop(millis(6000));
    let track = bench.read(ALICE);
    assert!(track.numbers().into_iter().eq((0..10).chain([12]).chain(20..30)));
    assert_eq!((track.position(20), track.position(29)), (5000 * 48, 5180 * 48));
    assert_eq!((bench.files.len(), bench.counters().anchored, track.end), (1, 2, 6000 * 48));
}

#[test]
fn a_sender_whose_clock_stopped_is_placed_by_ours() {
    let mut bench = Bench::new();
    bench.talk(millis(0), 0..50);
    // Ten seconds of silence that its timestamps do not know of.
    bench.talk(millis(11_000), 50..100);
    bench.stop(millis(12_500));
    let track = bench.read(ALICE);
    assert_eq!((track.position(49), track.position(50)), (49 * 960, 11_000 * 48));
    assert_eq!(track.position(99), 11_980 * 48);
    assert_eq!((bench.counters().anchored, bench.counters().missing), (2, 0));
}

#[test]
fn a_timestamp_that_jumps_writes_no_hours() {
    for jump in [3 * 3600 * 48_000_u32, 0_u32.wrapping_sub(3 * 3600 * 48_000), 1 << 31, 5 * 48_000] {
        let mut bench = Bench::new();
        bench.talk(millis(0), 0..50);
        for number in 50..100 {
            bench.until(millis(20 * u64::from(number)));
            bench.take(ALICE, SSRC, number, (u32::from(number) * 960).wrapping_add(jump), &packet(number));
        }
        bench.stop(millis(2000));
        let track = bench.read(ALICE);
        assert!(
            track.audio().into_iter().eq((0..100).map(|number| (number, i64::from(number) * 960))),
            "{jump}"
        );
        assert_eq!((track.end, bench.counters().anchored), (2000 * 48, 2));
    }
}

#[test]
fn timestamps_that_lie_at_every_packet_are_borne() {
    let mut bench = Bench::new();
    for number in 0..500_u16 {
        bench.until(millis(20 * u64::from(number)));
        let timestamp = u32::from(number).wrapping_mul(2_654_435_761);
        bench.take(ALICE, SSRC, number, timestamp, &packet(number));
    }
    bench.stop(millis(10_000));
    let track = bench.read(ALICE);
    assert!(track.numbers().into_iter().eq(0..500));
    assert!(track.end >= 480_000 && track.end < 490_000, "{}", track.end);
}

#[test]
fn what_is_no_opus_is_counted_and_left_out() {
    let mut bench = Bench::new();
    bench.talk(millis(0), 0..5);
    for invalid in [&[0xFB][..], &[0xFB, 0], &[0x1B, 3, 1, 2], &[0xE3, 49], &[0x7B; 70_000]] {
        bench.take(ALICE, SSRC, 5, 4800, invalid);
    }
    bench.talk(millis(100), 5..10);
    bench.take(BOB, 1, 1, 1, &[0xFB]);
    bench.stop(millis(1000));
    assert!(bench.read(ALICE).numbers().into_iter().eq(0..10));
    let counters: Vec<_> = bench.recorder.speakers().collect();
    assert_eq!(counters[0], (BOB, TrackCounters { invalid: 1, ..TrackCounters::default() }));
    let alice = TrackCounters { packets: 10, invalid: 5, anchored: 1, ..TrackCounters::default() };
    assert_eq!(counters[1], (ALICE, alice));
    let bob = bench.read(BOB);
    assert_eq!((bob.audio(), bob.end), (Vec::new(), 48_000));
}

#[test]
fn padding_has_a_place_in_the_sequence_and_no_sound() {
    let mut bench = Bench::new();
    bench.talk(millis(0), 0..5);
    for sequence in [5, 7, 6] {
        bench.until(millis(80));
        bench.take(ALICE, SSRC, sequence, 4 * 960, b"");
    }
    for number in 8..12 {
        bench.until(millis(20 * u64::from(number - 3)));
        bench.take(ALICE, SSRC, number, u32::from(number - 3) * 960, &packet(number));
    }
    assert_eq!(bench.counters(), TrackCounters { packets: 9, anchored: 1, ..TrackCounters::default() });
    bench.stop(millis(180));
    let track = bench.read(ALICE);
    let expected = (0..5).chain(8..12).zip((0..).step_by(960));
    assert!(track.audio().into_iter().eq(expected), "{:?}", track.audio());
    let mut silent = Bench::new();
    silent.take(ALICE, SSRC, 1, 1, b"");
    silent.stop(millis(100));
    assert_eq!((silent.read(ALICE).audio(), silent.read(ALICE).end), (Vec::new(), 4800));
}

#[test]
fn files_of_one_recording_are_equally_long() {
    for stop in [3000, 3001, 3007, 7777] {
        let mut bench = Bench::new();
        let mut alone = Bench::new();
        bench.talk(millis(13), 0..50);
        bench.until(millis(1701));
        for number in 0..20_u16 {
            bench.until(millis(1701 + 20 * u64::from(number)));
            bench.take(BOB, 9, number, u32::from(number) * 960, &packet(number));
        }
        let recording = bench.stop(millis(stop));
        let expected = (stop * MILLI) as i64;
        assert_eq!((bench.read(ALICE).end, bench.read(BOB).end), (expected, expected), "{stop} ms");
        let lengths: Vec<_> = recording.tracks.iter().map(|track| track.length).collect();
        assert_eq!(lengths, [millis(stop); 2], "what playing them takes");
        assert_eq!(recording.length, millis(stop));
        // Whoever speaks to the end is not cut, and all others end there too.
        alone.packet(millis(0), 0);
        alone.until(millis(7));
        alone.take(BOB, 9, 1, 1, &packet(1));
        let recording = alone.stop(millis(10));
        assert_eq!((alone.read(ALICE).end, alone.read(BOB).end), (27 * 48, 27 * 48));
        assert!(recording.tracks.iter().all(|track| track.length == millis(27)));
    }
}

#[test]
fn a_file_that_fails_does_not_touch_the_others() {
    for (fails_at, closing) in [(500, false), (0, false), (0, true)] {
        let mut bench = Bench::new();
        bench.talk(millis(0), 0..10);
        bench.take(BOB, 9, 1, 1, &packet(1));
        bench.events.clear();
        let file = *bench.files.iter().find(|(_, file)| file.path.contains("_7.")).unwrap().0;
        let failed = || Input::File(file, FileReport::Failed { reason: "disk full".into() });
        if !closing {
            bench.until(millis(fails_at.max(200)));
            bench.input(failed());
            let [Event::TrackFailed { user: BOB, path, reason }] = &bench.events[..] else {
                panic!("{:?}", bench.events)
            };
            assert_eq!((&**path, &**reason), ("calls/today/recording_7.opus", "disk full"));
            let length = bench.files[&file].bytes.len();
            bench.take(BOB, 9, 2, 961, &packet(2));
            bench.input(failed());
            assert_eq!((bench.events.len(), bench.files[&file].bytes.len()), (1, length));
        }
        bench.talk(bench.now.since(START), 10..20);
        bench.recorder.stop(bench.now);
        bench.drain();
        assert_eq!(bench.files[&file].closing, closing, "a file that failed is closed already");
        let other = *bench.files.keys().find(|&&other| other != file).unwrap();
        bench.input(Input::File(other, FileReport::Closed));
        if closing {
            assert!(!bench.recorder.is_finished());
            bench.input(failed());
            assert!(matches!(bench.events[0], Event::TrackFailed { user: BOB, .. }));
        }
        let Some(Event::Finished { recording }) = bench.events.last() else { panic!("{:?}", bench.events) };
        let failures: Vec<_> =
            recording.tracks.iter().map(|track| (track.user, track.failed.as_deref())).collect();
        assert_eq!(failures, [(BOB, Some("disk full")), (ALICE, None)]);
        assert!(bench.recorder.is_finished());
        assert!(bench.read(ALICE).numbers().into_iter().eq(0..20));
    }
}

#[test]
fn a_truncated_file_is_whole_up_to_its_last_page() {
    let mut bench = Bench::new();
    bench.talk(millis(0), 0..150);
    bench.stop(millis(3010));
    let bytes = &bench.file(ALICE).bytes;
    let pages = pages(bytes);
    assert!(pages.len() > 4);
    for length in pages[1].end..bytes.len() {
        let track = Track::read(&bytes[..length]);
        let last = pages.iter().rev().find(|page| page.end <= length).unwrap();
        assert_eq!(track.end + track.pre_skip, last.granule, "{length} bytes");
        assert!(track.numbers().into_iter().eq(0..track.numbers().len() as u16));
    }
}

#[test]
fn no_more_than_a_second_and_a_half_is_ever_unwritten() {
    let mut bench = Bench::new();
    let mut sent = Vec::new();
    for number in 0..400_u16 {
        // Every seventh is lost, and after each hundred comes a pause.
        let at = millis(20 * u64::from(number) + 3000 * u64::from(number / 100));
        bench.until(at);
        if number % 7 != 3 {
            let timestamp = u32::try_from(at.as_millis() * 48).unwrap();
            bench.take(ALICE, SSRC, number, timestamp, &packet(number));
            sent.push((at, number));
        }
        let written: BTreeSet<_> = bench.read(ALICE).numbers().into_iter().collect();
        let owed = sent.iter().filter(|&&(sent, _)| sent + millis(1500) < at);
        for (sent, number) in owed {
            assert!(written.contains(number), "{number} of {sent:?} is not on disk at {at:?}");
        }
    }
}

#[test]
fn a_silent_track_is_padded_every_thirty_seconds() {
    let mut bench = Bench::new();
    bench.talk(millis(0), 0..10);
    let mut lengths = BTreeSet::new();
    for second in 2..300 {
        bench.until(millis(second * 1000));
        let end = bench.read(ALICE).end;
        assert!(end >= (second as i64 - 32) * 48_000 && end <= second as i64 * 48_000, "{end} at {second} s");
        lengths.insert(end);
    }
    assert!((10..=12).contains(&lengths.len()), "{lengths:?}");
    bench.packet(millis(300_000), 10);
    bench.stop(millis(300_020));
    let track = bench.read(ALICE);
    assert_eq!((track.position(10), track.end), (300_000 * 48, 300_020 * 48));
    assert!(bench.file(ALICE).bytes.len() < 60_000, "five minutes of silence are small");
}

#[test]
fn a_recording_without_speakers_finishes_at_once() {
    let mut bench = Bench::new();
    assert_eq!(bench.wait, None);
    bench.until(millis(1234));
    assert_eq!(bench.recorder.length(), Duration::ZERO);
    let recording = bench.stop(millis(1234));
    assert_eq!((recording.length, recording.tracks.len()), (millis(1234), 0));
    assert!(bench.files.is_empty());
    bench.recorder.stop(bench.now + millis(1));
    bench.take(ALICE, SSRC, 1, 1, &packet(1));
    bench.input(Input::Timeout);
    assert!(bench.events.is_empty() && bench.files.is_empty());
    assert_eq!(bench.recorder.length(), millis(1234));
}

#[test]
fn no_more_than_64_packets_wait() {
    let mut bench = Bench::new();
    bench.packet(millis(0), 0);
    for sent in 1..=10_000_u64 {
        // Each leaves a gap before it, and no time passes.
        let sequence = (sent * 2) as u16;
        bench.take(ALICE, SSRC, sequence, u32::from(sequence) * 960, &packet(sequence));
        let waiting = sent + 1 - bench.counters().packets;
        assert!(waiting <= 64, "{waiting} after {sent}");
    }
    assert_eq!(bench.counters().missing, 10_000 - 64);
    bench.until(millis(500));
    assert_eq!(bench.counters().packets, 10_001);
}

#[test]
fn a_sequence_number_far_ahead_writes_no_more_than_its_time() {
    let mut bench = Bench::new();
    bench.packet(millis(0), 0);
    bench.packet(millis(20), 20_000);
    bench.until(millis(600));
    assert_eq!((bench.counters().missing, bench.counters().anchored), (19_999, 2));
    bench.stop(millis(1000));
    let track = bench.read(ALICE);
    assert_eq!((track.position(20_000), track.end), (960, 48_000));
}

#[test]
fn a_thousand_speakers_and_no_more() {
    let mut bench = Bench::new();
    for user in 0..1005 {
        bench.take(UserId(user), SSRC, 1, 1, &packet(1));
    }
    bench.take(UserId(0), SSRC, 2, 961, &packet(2));
    let recording = bench.stop(millis(40));
    assert_eq!((recording.tracks.len(), recording.dropped), (1000, 5));
    assert_eq!(recording.tracks[0].counters.packets, 2);
}

#[test]
fn packets_that_waited_for_their_user_stand_where_they_arrived() {
    let mut bench = Bench::new();
    bench.until(millis(1000));
    let waited = |number: u16, age| {
        let opus = Bytes::from(packet(number));
        Packet {
            user: ALICE,
            ssrc: SSRC,
            sequence: number,
            timestamp: u32::from(number) * 960,
            marker: false,
            extensions: Extensions::default(),
            age,
            opus,
        }
    };
    bench.recorder.handle_packet(bench.now, &waited(0, millis(1001)));
    for number in 1..=3_u16 {
        bench.recorder.handle_packet(bench.now, &waited(number, millis(170 - 20 * u64::from(number))));
    }
    bench.drain();
    bench.packet(millis(1000), 4);
    bench.stop(millis(2000));
    let expected = [(1, 850 * 48), (2, 870 * 48), (3, 890 * 48), (4, 910 * 48)];
    assert_eq!(bench.read(ALICE).audio(), expected);
}

#[test]
fn answers_about_unknown_files_change_nothing() {
    let mut bench = Bench::new();
    bench.talk(millis(0), 0..3);
    let foreign = Scope::new(9).file();
    let before = format!("{:?}", bench.recorder);
    bench.input(Input::File(foreign, FileReport::Closed));
    bench.input(Input::File(foreign, FileReport::Failed { reason: "x".into() }));
    assert_eq!((format!("{:?}", bench.recorder), bench.events.len()), (before, 1));
    let own = *bench.files.keys().next().unwrap();
    bench.input(Input::File(own, FileReport::Closed));
    assert_eq!(bench.events.len(), 1, "closed without being asked to");
}

#[test]
fn a_deadline_is_never_later_than_what_is_owed() {
    let mut bench = Bench::new();
    bench.packet(millis(0), 0);
    assert_eq!(bench.wait, Some(START + millis(1000)), "the page");
    bench.packet(millis(40), 2);
    assert_eq!(bench.wait, Some(START + millis(540)), "the packet that waits");
    bench.until(millis(999));
    assert_eq!(bench.wait, Some(START + millis(1000)), "the page");
    bench.until(millis(1100));
    assert_eq!(bench.wait, Some(START + millis(30_060)), "the padding");
}

/// What a network does to a packet.
#[derive(Clone, Copy, Debug)]
struct Fate {
    lost: bool,
    /// Milliseconds of delay.
    delay: u16,
    /// Milliseconds until it comes again.
    again: Option<u16>,
}

fn fates(longest: u16) -> impl Strategy<Value = Vec<Fate>> {
    let fate = (prop::bool::weighted(0.1), 0..longest, prop::option::weighted(0.1, 0..longest));
    let fate = fate.prop_map(|(lost, delay, again)| Fate { lost, delay, again });
    prop::collection::vec(fate, 500)
}

/// What arrives of 500 packets, one each 20 ms from the first second on, in the order in which it does: time
/// in milliseconds, and number.
fn arrivals(fates: &[Fate]) -> Vec<(u64, u16)> {
    let mut arrivals = Vec::new();
    for (number, fate) in (0..).zip(fates).filter(|(_, fate)| !fate.lost) {
        let at = 1000 + 20 * u64::from(number) + u64::from(fate.delay);
        arrivals.push((at, number));
        arrivals.extend(fate.again.map(|again| (at + u64::from(again), number)));
    }
    arrivals.sort_by_key(|&(at, _)| at);
    arrivals
}

fn record(arrivals: &[(u64, u16)], first: (u16, u32), stop: u64) -> Bench {
    let mut bench = Bench::new();
    let (sequence, timestamp) = first;
    for &(at, number) in arrivals {
        bench.until(millis(at));
        let timestamp = timestamp.wrapping_add(u32::from(number) * 960);
        bench.take(ALICE, SSRC, sequence.wrapping_add(number), timestamp, &packet(number));
    }
    bench.stop(millis(stop));
    bench
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Delays below what counts as a stopped clock: each packet lies where its timestamp says.
    #[test]
    fn an_uneven_network_leaves_no_trace(fates in fates(100), sequence: u16, timestamp: u32) {
        let arrivals = arrivals(&fates);
        prop_assume!(!arrivals.is_empty());
        let bench = record(&arrivals, (sequence, timestamp), 12_000);
        let track = bench.read(ALICE);
        // What came before the first to arrive cannot be written before it.
        let (at, first) = arrivals[0];
        let kept = (0..500).filter(|&number| number >= first && !fates[usize::from(number)].lost);
        let expected: Vec<_> =
            kept.map(|number| (number, (at * MILLI) as i64 + i64::from(number - first) * 960)).collect();
        prop_assert_eq!(track.audio(), expected.clone());
        prop_assert_eq!(track.end, 12_000 * MILLI as i64);
        let last = expected.last().unwrap().0;
        let counters = bench.counters();
        prop_assert_eq!(counters.packets, expected.len() as u64);
        prop_assert_eq!(counters.missing, u64::from(last - first + 1) - counters.packets);
        prop_assert_eq!(counters.packets + counters.late, arrivals.len() as u64);
        prop_assert_eq!(counters.anchored, 1);
    }

    /// Delays beyond every limit: the order holds, nothing is written twice, and the length is right.
    #[test]
    fn a_wild_network_does_not_change_the_order(fates in fates(2500), sequence: u16, timestamp: u32) {
        let arrivals = arrivals(&fates);
        prop_assume!(!arrivals.is_empty());
        let bench = record(&arrivals, (sequence, timestamp), 20_000);
        let track = bench.read(ALICE);
        let numbers = track.numbers();
        prop_assert!(numbers.is_sorted_by(|a, b| a < b), "{:?}", numbers);
        prop_assert!((track.end - 20_000 * MILLI as i64).unsigned_abs() <= GRAIN);
        let counters = bench.counters();
        prop_assert_eq!((counters.packets, counters.invalid), (numbers.len() as u64, 0));
        prop_assert_eq!(counters.packets + counters.late, arrivals.len() as u64);
    }

    #[test]
    fn any_packets_at_any_time_are_borne(
        inputs in prop::collection::vec(
            (0..3_u64, 0..3_u32, any::<u16>(), any::<u32>(), 0..3000_u64,
             prop::collection::vec(any::<u8>(), 0..40)),
            1..200
        )
    ) {
        let mut bench = Bench::new();
        let mut at = 0;
        for (user, ssrc, sequence, timestamp, wait, opus) in inputs {
            at += wait;
            bench.until(millis(at));
            bench.take(UserId(user), ssrc, sequence, timestamp, &opus);
        }
        let recording = bench.stop(millis(at));
        let end = (at * MILLI) as i64;
        let mut ends = BTreeSet::new();
        for file in bench.files.values() {
            let pages = pages(&file.bytes);
            let mut reader = PacketReader::new(Cursor::new(&file.bytes));
            let head = reader.read_packet().unwrap().unwrap().data;
            ends.insert(pages.last().unwrap().granule - i64::from(u16::from_le_bytes([head[10], head[11]])));
            while let Some(packet) = reader.read_packet().unwrap() {
                prop_assert!(packet.data.starts_with(b"OpusTags") || opus::duration(&packet.data).is_some());
            }
        }
        prop_assert_eq!((ends.len(), recording.tracks.len()), (1, bench.files.len()));
        // Each packet can push the end by its own length at most.
        prop_assert!(ends.iter().all(|&this| this >= end), "{:?} {}", ends, end);
    }
}

#[test]
fn the_same_packets_make_the_same_bytes() {
    let bytes = || {
        let arrivals: Vec<_> = (0..300_u16).map(|n| (1000 + 20 * u64::from(n ^ 1), n)).collect();
        record(&arrivals, (65_000, u32::MAX - 5), 8000).file(ALICE).bytes.clone()
    };
    assert_eq!(bytes(), bytes());
}
