//! What accompanies the tracks: other formats, the index, the mixed file.

use alloc::string::ToString;

use serde_json::{Value, json};

use super::*;
use crate::record::Format;

fn config() -> Config {
    let mut config = Config::new("here");
    config.stem = "call".into();
    config
}

impl Bench {
    fn at(&self, path: &str) -> Option<(FileId, &File)> {
        self.files.iter().find(|(_, file)| *file.path == *path).map(|(&id, file)| (id, file))
    }

    fn index(&self) -> Value {
        serde_json::from_slice(&self.at("here/call.json").unwrap().1.bytes).unwrap()
    }
}

#[test]
fn every_format_is_made_of_the_same_pages() {
    let mut plain = Bench::with(config());
    plain.talk(millis(100), 0..50);
    plain.stop(millis(2000));
    let pages = &plain.at(&format!("here/call_{ALICE}.opus")).unwrap().1.bytes;
    assert!(plain.checks.is_empty(), "packets as sent can always be written");
    for (extension, expected) in [("wav", Encoding::Wav), ("flac", Encoding::Flac)] {
        let mut config = config();
        config.format = Format::from_extension(extension).unwrap();
        let mut bench = Bench::with(config);
        let path = format!("here/call_{ALICE}.{extension}");
        assert!(matches!(&bench.checks[..], [(_, path, false)] if path.ends_with(extension)));
        let check = bench.checks[0].0;
        bench.input(Input::File(check, FileReport::Closed));
        bench.talk(millis(100), 0..50);
        bench.stop(millis(2000));
        let file = bench.at(&path).unwrap().1;
        assert_eq!((&file.encoding, &file.bytes), (&expected, pages));
    }
}

#[test]
fn a_format_that_cannot_be_written_ends_the_recording_at_once() {
    let mut config = config();
    config.format = Format::from_extension("mp3").unwrap();
    config.mix = true;
    let mut bench = Bench::with(config);
    bench.talk(millis(0), 0..3);
    let [(check, _, false), (mix, path, true)] = &bench.checks[..] else { panic!("{:?}", bench.checks) };
    assert_eq!(**path, *"here/call_mixed.mp3");
    let failed = |reason: &str| FileReport::Failed { reason: reason.into() };
    let (check, mix) = (*check, *mix);
    bench.input(Input::File(mix, failed("no ffmpeg")));
    assert!(
        matches!(bench.events.pop(), Some(Event::MixFailed { path, .. }) if path.ends_with("_mixed.mp3"))
    );
    bench.input(Input::File(check, failed("install ffmpeg")));
    assert!(matches!(bench.events.pop(), Some(Event::Failed { reason }) if *reason == *"install ffmpeg"));
    bench.talk(millis(60), 3..6);
    let (track, file) = bench.files.pop_first().unwrap();
    assert!(file.closing, "it ends");
    bench.input(Input::File(track, failed("broken pipe")));
    let index = bench.at("here/call.json").unwrap().0;
    bench.input(Input::File(index, FileReport::Closed));
    let Some(Event::Finished { recording }) = bench.events.pop() else { panic!("{:?}", bench.events) };
    assert!(bench.recorder.is_finished() && bench.mix.is_none());
    assert_eq!((recording.mixed, recording.tracks[0].counters.packets), (None, 3));
    assert_eq!(recording.tracks[0].failed.as_deref(), Some("broken pipe"));
    assert_eq!(recording.index.as_deref(), Some("here/call.json"));
}

#[test]
fn what_was_closed_whole_is_mixed() {
    for (mix_path, path, encoding) in [
        (None, "here/call_mixed.opus", Encoding::Plain),
        (Some("there/all.wav"), "there/all.wav", Encoding::Wav),
        (Some("there/all"), "there/all", Encoding::Plain),
    ] {
        let mut config = config();
        (config.mix, config.mix_path) = (true, mix_path.map(Box::from));
        let mut bench = Bench::with(config);
        assert_eq!(bench.checks.len(), 1);
        for user in 1..4 {
            bench.take(UserId(user), 1, 1, 1, &packet(1));
        }
        let failing = bench.at("here/call_2.opus").unwrap().0;
        bench.input(Input::File(failing, FileReport::Failed { reason: "full".into() }));
        let recording = bench.stop(millis(100));
        let (_, inputs, to, how) = bench.mix.unwrap();
        assert_eq!(inputs, ["here/call_1.opus".into(), "here/call_3.opus".into()].into());
        assert_eq!((&*to, &how), (path, &encoding));
        assert_eq!(recording.mixed.as_deref(), Some(path));
    }
}

#[test]
fn nobody_spoke_makes_no_file() {
    let mut config = config();
    config.mix = true;
    let mut bench = Bench::with(config);
    bench.recorder.handle_joined(START, &[ALICE, BOB]);
    bench.drain();
    let recording = bench.stop(millis(60_000));
    assert!(bench.files.is_empty() && bench.mix.is_none());
    assert_eq!((recording.mixed, recording.index), (None, None));
}

#[test]
fn a_mix_that_fails_is_told() {
    let mut config = config();
    config.mix = true;
    let mut bench = Bench::with(config);
    bench.take(BOB, 1, 1, 1, &packet(1));
    bench.recorder.stop(bench.now);
    bench.drain();
    for path in ["here/call_7.opus", "here/call.json"] {
        let file = bench.at(path).unwrap().0;
        bench.input(Input::File(file, FileReport::Closed));
    }
    assert!(!bench.recorder.is_finished());
    let mix = bench.mix.as_ref().unwrap().0;
    bench.input(Input::File(mix, FileReport::Failed { reason: "full".into() }));
    let [.., Event::MixFailed { reason, .. }, Event::Finished { recording }] = &bench.events[..] else {
        panic!("{:?}", bench.events)
    };
    assert_eq!((&**reason, &recording.mixed), ("full", &None));
}

#[test]
fn the_index_tells_what_is_where() {
    let mut config = config();
    config.started_at = Some(1_790_000_000_123);
    let mut bench = Bench::with(config);
    bench.recorder.handle_joined(START, &[ALICE, BOB]);
    bench.talk(millis(1000), 0..10);
    // Four packets are lost, and after a pause another SSRC goes on.
    for number in 14..20 {
        bench.packet(millis(1000) + millis(20) * u32::from(number), number);
    }
    bench.until(millis(2000));
    bench.recorder.handle_left(bench.now, BOB);
    bench.recorder.handle_left(bench.now, BOB);
    bench.recorder.handle_disconnected(bench.now);
    bench.recorder.handle_disconnected(bench.now);
    bench.until(millis(3000));
    bench.recorder.handle_connected(bench.now);
    bench.recorder.handle_joined(bench.now, &[ALICE]);
    bench.drain();
    bench.take(ALICE, 9, 5, 5, &packet(5));
    bench.until(millis(4000));
    bench.recorder.handle_disconnected(bench.now);
    bench.drain();
    bench.stop(millis(5000));
    let packets = 17;
    let expected = json!({
        "version": 1,
        "started_at": 1_790_000_000_123_u64,
        "rate": 48_000,
        "length": 240_000,
        "complete": true,
        "speakers": [{
            "user": ALICE.to_string(),
            "file": format!("call_{ALICE}.opus"),
            "failed": null,
            "length": 240_000,
            "packets": packets,
            "missing": 4,
            "late": 0,
            "concealed": 4,
            "invalid": 0,
            "runs": [
                {"ssrc": SSRC, "from": 48_000, "to": 67_200},
                {"ssrc": 9, "from": 144_000, "to": 144_960},
            ],
            "runs_left_out": 0,
            "losses": [{"at": 57_600, "samples": 3840, "packets": 4}],
            "losses_left_out": 0,
        }],
        "dropped": 0,
        "moves": [
            {"user": ALICE.to_string(), "at": 0, "joined": true},
            {"user": BOB.to_string(), "at": 0, "joined": true},
            {"user": BOB.to_string(), "at": 96_000, "joined": false},
        ],
        "moves_left_out": 0,
        "outages": [{"from": 96_000, "to": 144_000}, {"from": 192_000, "to": null}],
        "outages_left_out": 0,
    });
    assert_eq!(bench.index(), expected);
}

#[test]
fn the_index_is_written_every_five_seconds_while_anything_changes() {
    let mut bench = Bench::with(config());
    bench.recorder.handle_joined(START, &[ALICE]);
    bench.drain();
    bench.until(millis(60_000));
    assert!(bench.files.is_empty(), "nobody has spoken");
    bench.talk(millis(60_000), 0..1000);
    let written = bench.at("here/call.json").unwrap().1.replaced;
    assert!((3..=4).contains(&written), "{written} times in 20 s");
    assert_eq!(bench.index()["complete"], false);
    bench.until(millis(90_000));
    let written = bench.at("here/call.json").unwrap().1.replaced;
    bench.until(millis(200_000));
    assert_eq!(bench.at("here/call.json").unwrap().1.replaced, written, "nothing has changed");
    bench.stop(millis(200_000));
    assert_eq!(bench.index()["complete"], true);
}

#[test]
fn an_index_that_fails_stops_nothing() {
    let mut bench = Bench::with(config());
    bench.talk(millis(0), 0..300);
    let index = bench.at("here/call.json").unwrap().0;
    bench.input(Input::File(index, FileReport::Failed { reason: "the file exists".into() }));
    assert!(matches!(bench.events.last(), Some(Event::IndexFailed { path, .. }) if path.ends_with(".json")));
    let replaced = bench.at("here/call.json").unwrap().1.replaced;
    bench.talk(millis(6000), 300..900);
    assert_eq!(bench.at("here/call.json").unwrap().1.replaced, replaced);
    let recording = bench.stop(millis(18_000));
    assert_eq!((recording.index, recording.tracks[0].counters.packets), (None, 900));

    let mut config = config();
    config.index = false;
    let mut bench = Bench::with(config);
    bench.talk(millis(0), 0..900);
    bench.stop(millis(18_000));
    assert_eq!(bench.files.len(), 1);
}

#[test]
fn the_index_is_bounded() {
    let mut bench = Bench::with(config());
    for turn in 0..6000_u64 {
        bench.recorder.handle_joined(START, &[UserId(turn)]);
        bench.recorder.handle_left(START, UserId(turn));
        bench.recorder.handle_disconnected(START);
        bench.recorder.handle_connected(START);
    }
    // Every other packet is lost.
    for number in 0..11_000_u32 {
        bench.until(millis(40) * number);
        let sequence = (number * 2) as u16;
        bench.take(ALICE, SSRC, sequence, number.wrapping_mul(1920), &[0x78, 1, 2]);
    }
    bench.stop(millis(40) * 11_000);
    let index = bench.index();
    let count = |value: &Value| value.as_array().unwrap().len();
    assert_eq!((count(&index["moves"]), &index["moves_left_out"]), (10_000, &json!(2000)));
    assert_eq!((count(&index["outages"]), &index["outages_left_out"]), (1000, &json!(5000)));
    let speaker = &index["speakers"][0];
    assert_eq!((count(&speaker["losses"]), &speaker["losses_left_out"]), (10_000, &json!(999)));
    let written = bench.at("here/call.json").unwrap().1.replaced;
    assert!(written < 88, "{written} times in 440 s: a long index is written more seldom");
}
