//! Files written by the recorder's own Ogg writer, read back; and what is broken in every way.

#[cfg(feature = "opus")]
mod codec;

use std::fs;
use std::io::Cursor;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use sanscord::machine::{Scope, SourceReport};
use sanscord::play::{Origin, Source};
use sanscord::record::ogg::PageWriter;

use super::channel::{FrameError, frames};
use super::ogg::{Block, OggOpus};
use super::threads::{MAX_SOURCES, Sources};

type Ogg = OggOpus<Cursor<Vec<u8>>>;

const PRE_SKIP: u16 = 312;

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A packet of 20 ms that names its number.
fn packet(number: u16) -> Vec<u8> {
    let [high, low] = number.to_be_bytes();
    let mut packet = Vec::from([0x78, high, low]);
    packet.resize(20 + usize::from(number % 300), 0xAB);
    packet
}

fn number(packet: &[u8]) -> u16 {
    u16::from_be_bytes([packet[1], packet[2]])
}

/// A stream of packets with these numbers, of which the last is cut by so many samples.
fn stream(serial: u32, numbers: std::ops::Range<u16>, pre_skip: u16, cut: u64) -> Vec<u8> {
    let (mut writer, head) = PageWriter::new(serial, pre_skip, &["TITLE=x"]);
    let mut file = head.to_vec();
    for number in numbers.clone() {
        if let Some(page) = writer.push(&packet(number), 960) {
            file.extend(page);
        }
        // Pages of a second and of other lengths.
        if (number % 50 == 49 || number % 77 == 76) && number + 1 < numbers.end {
            file.extend(writer.flush().unwrap_or_default());
        }
    }
    file.extend(writer.finish(cut));
    file
}

fn open(file: &[u8]) -> Ogg {
    Ogg::new(Cursor::new(file.to_vec())).unwrap()
}

fn rest(ogg: &mut Ogg) -> Vec<u16> {
    std::iter::from_fn(|| ogg.read().unwrap().map(|block| number(&block.opus))).collect()
}

#[test]
fn packets_come_as_they_are() {
    let file = stream(7, 0..400, PRE_SKIP, 100);
    let mut ogg = open(&file);
    assert_eq!(ogg.head().pre_skip, PRE_SKIP);
    assert_eq!(samples_of(ogg.duration().unwrap()), 400 * 960 - 100 - u64::from(PRE_SKIP));
    for number in 0..400 {
        let block = ogg.read().unwrap().unwrap();
        assert_eq!(block.opus, packet(number));
        assert_eq!(block.start, u64::from(number) * 960);
        assert_eq!(block.played, if number == 399 { 860 } else { 960 });
    }
    assert_eq!(ogg.read().unwrap(), None);
    assert_eq!(ogg.read().unwrap(), None);
    assert_eq!(ogg.damaged(), 0);
}

fn samples_of(time: Duration) -> u64 {
    // To the sample.
    (time.as_secs_f64() * 48_000.0).round() as u64
}

#[test]
fn what_is_never_played_is_left_out() {
    // 80 ms before the beginning, and the last two packets and a half behind the end.
    assert_eq!(rest(&mut open(&stream(7, 0..50, 3840, 960 * 2 + 480))), (4..48).collect::<Vec<_>>());
}

#[test]
fn a_seek_comes_to_the_packet_that_is_heard_then() {
    // Over 600 KB: it has to be sought, not only read.
    let file = stream(7, 0..3900, PRE_SKIP, 0);
    assert!(file.len() > 500_000);
    let mut ogg = open(&file);
    let skipped = Duration::from_secs_f64(f64::from(PRE_SKIP) / 48_000.0);
    for at in [0, 1, 13, 14, 20, 500, 33_333, 5, 77_900, 77_985, 40_000, 40_001, 1000] {
        let here = ogg.seek(millis(at), Duration::ZERO).unwrap();
        let heard = samples_of(millis(at)) + u64::from(PRE_SKIP);
        let expected = u16::try_from(heard / 960).unwrap();
        let block = ogg.read().unwrap().unwrap();
        assert_eq!(number(&block.opus), expected, "at {at} ms");
        assert!(here <= millis(at) && millis(at) < here + millis(20) + skipped, "{here:?} for {at} ms");
        let following = ogg.read().unwrap().map(|block| number(&block.opus));
        assert_eq!(following, Some(expected + 1).filter(|&number| number < 3900));
    }
    // With what a decoder has to hear before.
    ogg.seek(millis(40_000), millis(80)).unwrap();
    assert_eq!(ogg.until(millis(40_000)), 40_000 * 48 + 312 - 1996 * 960);
    assert_eq!(number(&ogg.read().unwrap().unwrap().opus), 1996);
    // Beyond the end.
    ogg.seek(millis(100_000), Duration::ZERO).unwrap();
    assert_eq!(ogg.read().unwrap(), None);
    ogg.seek(Duration::MAX, Duration::ZERO).unwrap();
    assert_eq!(ogg.read().unwrap(), None);
    ogg.seek(Duration::ZERO, Duration::ZERO).unwrap();
    assert_eq!(rest(&mut ogg).len(), 3900);
}

#[test]
fn streams_that_follow_each_other_are_one() {
    let file = [stream(1, 0..60, 0, 480), stream(2, 100..150, 960, 0), stream(3, 200..203, 0, 0)].concat();
    let mut ogg = open(&file);
    assert_eq!(ogg.duration(), None);
    let expected: Vec<u16> = (0..60).chain(101..150).chain(200..203).collect();
    assert_eq!(rest(&mut ogg), expected);
    // The first lasts 1,190 ms, the second 980.
    for (at, expected) in [(0, 0), (1189, 59), (1191, 101), (2169, 149), (2171, 200), (50, 2)] {
        ogg.seek(millis(at), Duration::ZERO).unwrap();
        assert_eq!(number(&ogg.read().unwrap().unwrap().opus), expected, "at {at} ms");
    }
}

#[test]
fn a_stream_begins_with_the_first_packet_that_is_given_of_it() {
    // The second lasts 50 packets, of which 4 lie within its pre-skip.
    let file = [stream(1, 0..3, 0, 0), stream(2, 100..150, 3840, 0), stream(3, 200..203, 0, 0)].concat();
    let chained = |next: fn(&mut Ogg) -> Option<Block>| {
        let mut ogg = open(&file);
        let blocks = std::iter::from_fn(|| next(&mut ogg));
        let chained = blocks.filter(|block| block.chained);
        chained.map(|block| number(&block.opus)).collect::<Vec<_>>()
    };
    assert_eq!(chained(|ogg| ogg.read().unwrap()), [104, 200]);
    assert_eq!(chained(|ogg| ogg.read_to_decode().unwrap()), [100, 200]);
}

#[test]
fn places_that_no_file_has_are_none() {
    let page = |writer: &mut ogg::PacketWriter<'_, &mut Cursor<Vec<u8>>>, number, end, granule| {
        writer.write_packet(packet(number), 5, end, granule).unwrap();
    };
    use ogg::PacketWriteEndInfo::{EndPage, EndStream};
    let mut file = Cursor::new(stream(4, 0..3, 0, 0));
    file.set_position(file.get_ref().len() as u64);
    let mut writer = ogg::PacketWriter::new(&mut file);
    let head = b"OpusHead\x01\x02\0\0\x80\xBB\0\0\0\0\0";
    writer.write_packet(&head[..], 5, EndPage, 0).unwrap();
    writer.write_packet(&b"OpusTags"[..], 5, EndPage, 0).unwrap();
    for (number, granule) in (10..15).zip([960, u64::MAX - 1, u64::MAX - 1, 7, u64::MAX]) {
        page(&mut writer, number, EndPage, granule);
    }
    page(&mut writer, 15, EndStream, u64::MAX - 1);
    let mut ogg = open(&file.into_inner());
    for _ in 0..2 {
        assert_eq!(rest(&mut ogg), [0, 1, 2, 10, 11, 12, 13, 14, 15]);
        ogg.seek(Duration::MAX, millis(80)).unwrap();
        assert_eq!(ogg.until(Duration::ZERO), 0);
        ogg.seek(Duration::ZERO, Duration::ZERO).unwrap();
    }
}

#[test]
fn the_place_of_the_first_stream_outlives_the_second() {
    // The first was cut out of a longer one.
    let (mut writer, head) = PageWriter::new(9, 0, &[]);
    let mut file = head.to_vec();
    for number in 0..100 {
        writer.push(&packet(number), 960);
        if number % 50 == 49 {
            let page = writer.flush().unwrap();
            file.extend((number > 50).then_some(page).into_iter().flatten());
        }
    }
    file.extend(writer.finish(0));
    file.extend(stream(10, 100..150, 0, 0));
    let mut ogg = open(&file);
    assert_eq!(rest(&mut ogg).len(), 100);
    ogg.seek(millis(1200), Duration::ZERO).unwrap();
    assert_eq!(rest(&mut ogg), (110..150).collect::<Vec<_>>());
}

#[test]
fn a_stream_that_was_cut_out_begins_at_its_beginning() {
    // As if the first 50 packets had been cut off: the pages keep their granule positions.
    let (mut writer, head) = PageWriter::new(9, 0, &[]);
    let mut file = head.to_vec();
    for number in 0..150 {
        writer.push(&packet(number), 960);
        if number % 50 == 49 {
            let page = writer.flush().unwrap();
            if number > 50 {
                file.extend(page);
            }
        }
    }
    let mut ogg = open(&file);
    assert_eq!(ogg.duration(), Some(millis(2000)));
    ogg.seek(millis(1000), Duration::ZERO).unwrap();
    assert_eq!(rest(&mut ogg), (100..150).collect::<Vec<_>>());
}

#[test]
fn a_file_that_breaks_off_plays_what_is_there() {
    let file = stream(7, 0..120, 0, 0);
    let mut before = 0;
    for length in 0..file.len() {
        match Ogg::new(Cursor::new(file[..length].to_vec())) {
            Ok(mut ogg) => {
                let heard = rest(&mut ogg);
                assert_eq!(heard, (0..heard.len() as u16).collect::<Vec<_>>());
                assert!(heard.len() >= before, "less than of a shorter part");
                before = heard.len();
            }
            Err(error) => {
                assert_eq!(before, 0);
                assert!(error.to_string().contains("breaks off"), "{error}");
            }
        }
    }
    assert!(before >= 100);
}

#[test]
fn a_damaged_page_is_passed_over() {
    let mut file = stream(7, 0..200, 0, 0);
    // In the second page of audio: packets 50 to 76.
    let at = file.windows(3).position(|part| part == [0x78, 0, 60]).unwrap();
    file[at] ^= 1;
    let mut ogg = open(&file);
    assert_eq!(rest(&mut ogg), (0..50).chain(77..200).collect::<Vec<_>>());
    assert_eq!(ogg.damaged(), 1);
    // What is lost is time that has passed.
    ogg.seek(millis(3000), Duration::ZERO).unwrap();
    assert_eq!(rest(&mut ogg).first(), Some(&150));
}

#[test]
fn what_cannot_be_played_is_named() {
    let head = |change: fn(&mut Vec<u8>)| {
        let (_, pages) = PageWriter::new(7, 0, &[]);
        // The checksum is that of the page as it was: the header is changed before.
        let mut head = pages[28..28 + 19].to_vec();
        change(&mut head);
        let mut file = Cursor::new(Vec::new());
        let mut writer = ogg::PacketWriter::new(&mut file);
        writer.write_packet(head, 7, ogg::PacketWriteEndInfo::EndPage, 0).unwrap();
        writer.write_packet(&b"OpusTags"[..], 7, ogg::PacketWriteEndInfo::EndPage, 0).unwrap();
        Ogg::new(Cursor::new(file.into_inner())).map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(head(|_| ()), Ok(()));
    for (change, word) in [
        ((|head: &mut Vec<u8>| head[18] = 1) as fn(&mut Vec<u8>), "mapping family 1"),
        (|head| head[18] = 255, "stereo"),
        (|head| head[9] = 3, "neither one channel nor two"),
        (|head| head[8] = 0x10, "version"),
        (|head| head.truncate(15), "too short"),
        (|head| head[0] = b'X', "no Opus"),
    ] {
        let error = head(change).unwrap_err();
        assert!(error.contains(word), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        drop(Ogg::new(Cursor::new(bytes)));
    }

    #[test]
    fn nothing_panics_on_files_with_errors(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..9),
        cut in any::<prop::sample::Index>(),
        at in 0..9000_u64,
    ) {
        let mut file = [stream(1, 0..150, PRE_SKIP, 3), stream(2, 0..150, 0, 0)].concat();
        for (place, byte) in &changes {
            let place = place.index(file.len());
            file[place] = *byte;
        }
        file.truncate(cut.index(file.len()).max(file.len() / 2));
        if let Ok(mut ogg) = Ogg::new(Cursor::new(file)) {
            while let Ok(Some(_)) = ogg.read() {}
            let _ = ogg.seek(millis(at), millis(80));
            while let Ok(Some(_)) = ogg.read() {}
        }
    }
}

/// A file of its own for each test.
fn written(name: &str, bytes: &[u8]) -> PathBuf {
    let path = std::env::temp_dir().join(format!("sanscord-{}-{name}", std::process::id()));
    fs::write(&path, bytes).unwrap();
    path
}

fn origin(path: &std::path::Path) -> Origin {
    Origin::file(path.to_str().unwrap())
}

fn sources() -> (Sources, Receiver<SourceReport>) {
    let (sender, receiver) = channel();
    (Sources::new(move |_, report| drop(sender.send(report))), receiver)
}

fn next(reports: &Receiver<SourceReport>) -> SourceReport {
    reports.recv_timeout(Duration::from_secs(20)).unwrap()
}

/// Takes so many frames.
fn take(reports: &Receiver<SourceReport>, count: usize) -> Vec<u16> {
    let mut taken = Vec::new();
    while taken.len() < count {
        match next(reports) {
            SourceReport::Frames(frames) => taken.extend(frames.iter().map(|frame| number(frame))),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(taken.len(), count, "no more than was asked for");
    taken
}

#[test]
fn a_thread_reads_what_it_is_told() {
    let path = written("thread.opus", &stream(7, 0..100, 0, 0));
    let (mut sources, reports) = sources();
    let mut scope = Scope::new(0);
    let source = scope.source();
    sources.open(source, origin(&path), millis(200), 1.0);
    assert_eq!(next(&reports), SourceReport::Opened { length: Some(millis(2000)) });
    sources.read(source, 25);
    assert_eq!(take(&reports, 25), (10..35).collect::<Vec<_>>());
    sources.seek(source, millis(1000));
    assert_eq!(next(&reports), SourceReport::Sought { at: millis(1000) });
    sources.read(source, 50);
    assert_eq!(take(&reports, 50), (50..100).collect::<Vec<_>>());
    sources.read(source, 1);
    assert_eq!(next(&reports), SourceReport::Ended);
    sources.seek(source, Duration::ZERO);
    assert_eq!(next(&reports), SourceReport::Sought { at: Duration::ZERO });
    sources.read(source, 1);
    assert_eq!(take(&reports, 1), [0]);
    sources.close(source);
    // Nothing is told of it any more.
    sources.read(source, 1);
    assert!(reports.recv_timeout(millis(50)).is_err());
    fs::remove_file(path).unwrap();
}

#[test]
fn files_that_cannot_be_played_are_named_with_what_to_do() {
    let (mut sources, reports) = sources();
    let mut scope = Scope::new(0);
    let folder = std::env::temp_dir();
    let (empty, text) =
        (written("empty.opus", b""), written("text.opus", &b"Not audio at all. ".repeat(400)));
    let missing = folder.join("sanscord-missing.opus");
    for (path, word) in
        [(&missing, "no such file"), (&folder, "folder"), (&empty, "empty"), (&text, "ffmpeg")]
    {
        sources.open(scope.source(), origin(path), Duration::ZERO, 1.0);
        let SourceReport::Failed { reason } = next(&reports) else { panic!("it was opened") };
        assert!(reason.contains(word) && reason.contains(path.to_str().unwrap()), "{reason}");
    }
    for path in [empty, text] {
        fs::remove_file(path).unwrap();
    }
}

#[test]
fn frames_are_played_as_they_are_made_until_the_sender_is_gone() {
    let (sender, source) = frames(2);
    let (mut sources, reports) = sources();
    let id = Scope::new(0).source();
    for number in 0..2 {
        sender.try_send(packet(number).into()).unwrap();
    }
    assert_eq!(sender.try_send(Bytes::new()), Err(FrameError::Full));
    sources.open(id, Origin::custom(source), Duration::ZERO, 0.5);
    assert_eq!(next(&reports), SourceReport::Opened { length: None });
    assert!(matches!(next(&reports), SourceReport::VolumeRefused { .. }));
    sources.read(id, 25);
    assert_eq!(take(&reports, 2), [0, 1]);
    assert!(reports.recv_timeout(millis(50)).is_err(), "it stays open");
    sender.send(packet(2).into()).unwrap();
    assert_eq!(take(&reports, 1), [2]);
    drop(sender);
    assert_eq!(next(&reports), SourceReport::Ended);
    sources.seek(id, Duration::ZERO);
    assert!(matches!(next(&reports), SourceReport::SeekRefused { .. }));
    drop(sources);
}

/// Does as it is told to, once.
struct Bad(bool);

impl Source for Bad {
    fn read(&mut self) -> Result<Option<Bytes>, Box<str>> {
        if self.0 { panic!("as it was told to") } else { Err("broken".into()) }
    }

    fn seek(&mut self, at: Duration) -> Result<Duration, Box<str>> {
        Ok(at)
    }

    fn set_volume(&mut self, _: f32) -> Result<(), Box<str>> {
        Ok(())
    }
}

#[test]
fn a_source_that_fails_or_panics_harms_nobody_else() {
    let (mut sources, reports) = sources();
    let mut scope = Scope::new(0);
    for (panics, word) in [(false, "broken"), (true, "panicked")] {
        let id = scope.source();
        sources.open(id, Origin::custom(Bad(panics)), Duration::ZERO, 1.0);
        assert_eq!(next(&reports), SourceReport::Opened { length: None });
        sources.read(id, 1);
        let SourceReport::Failed { reason } = next(&reports) else { panic!("it was read") };
        assert!(reason.contains(word), "{reason}");
    }
}

#[test]
fn what_failed_takes_no_room() {
    let (mut sources, reports) = sources();
    let mut scope = Scope::new(0);
    let missing = std::env::temp_dir().join("sanscord-missing.opus");
    for number in 0..MAX_SOURCES + 10 {
        sources.open(scope.source(), origin(&missing), Duration::ZERO, 1.0);
        let SourceReport::Failed { reason } = next(&reports) else { panic!("it was opened") };
        assert!(reason.contains("no such file"), "after {number}: {reason}");
    }
}
