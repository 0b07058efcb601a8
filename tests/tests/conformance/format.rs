//! Other formats than Ogg Opus, the index and the mix, through every adapter.

use std::time::Duration;

use sanscord::client::Event;
use sanscord::record::{self, Config, Format};
use sanscord_testing::config::{ALICE, BOB};

use super::adapter::Adapter;
use super::recording;
use super::stage::{Stage, busy, calm};

fn by_ffmpeg(stage: &Stage, program: &str) -> Config {
    let mut config = Config::new(stage.calls().to_str().unwrap());
    config.format = Format::from_extension("mka").unwrap();
    config.ffmpeg = program.into();
    config
}

/// An ffmpeg that leaves the stream as it is, and of a mix its options.
#[cfg(unix)]
pub(crate) fn a_recording_goes_through_ffmpeg<A: Adapter>() {
    use std::os::unix::fs::PermissionsExt;

    let stage = Stage::new(busy());
    let program = stage.authority().with_file_name("ffmpeg");
    let script = "#!/bin/sh\nfor out; do :; done\ncase \"$*\" in\n*amix*) echo \"$@\" ;;\n*) cat ;;\nesac > \"${out#file:}\"\n";
    std::fs::write(&program, script).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    // A child of another thread may hold the script open for a moment longer, and then it cannot be run.
    std::thread::sleep(Duration::from_millis(100));
    let mut config = by_ffmpeg(&stage, program.to_str().unwrap());
    config.mix = true;
    let mut run = stage.visit::<A>();
    let (guild, channel) = (stage.guild, stage.channel);
    run.call(move |client, now| {
        client.join(now, guild, channel);
        client.record(now, guild, config);
    });
    run.until_live();
    run.listen(Duration::from_secs(1));
    run.call(move |client, now| client.stop_recording(now, guild));
    let recording = run.until_recorded();
    assert_eq!(recording.tracks.len(), 2, "{recording:?}");
    for user in [ALICE, BOB] {
        let path = stage.calls().join(format!("recording_{user}.mka"));
        let contents = recording::packets(&std::fs::read(path).unwrap());
        recording::as_sent(&contents, &stage.truth(user));
        assert!(contents.audio().count() > 20);
    }
    let mixed = recording.mixed.expect("a mixed file");
    let said = std::fs::read_to_string(&*mixed).unwrap();
    assert!(said.contains("amix=inputs=2") && said.trim_end().ends_with(&*mixed), "{said}");
    let index = std::fs::read(&*recording.index.expect("an index")).unwrap();
    let index: serde_json::Value = serde_json::from_slice(&index).unwrap();
    assert_eq!(index["complete"], true);
    assert_eq!(index["speakers"].as_array().map(Vec::len), Some(2));
    assert_eq!(index["speakers"][0]["file"], format!("recording_{ALICE}.mka"));
    run.stop();
    stage.assert_proper(&run);
}

pub(crate) fn a_format_that_cannot_be_written_is_said_at_once<A: Adapter>() {
    let stage = Stage::new(calm());
    let mut config = by_ffmpeg(&stage, "/nowhere/ffmpeg");
    config.mix = true;
    let mut run = stage.visit::<A>();
    let (guild, channel) = (stage.guild, stage.channel);
    run.call(move |client, now| {
        client.join(now, guild, channel);
        client.record(now, guild, config);
    });
    run.until("the failure", |event| matches!(event, Event::Recording(_, record::Event::Failed { .. })));
    run.assert_said(&["/nowhere/ffmpeg", "install ffmpeg", ".opus, .wav or .flac"]);
    assert_eq!(run.until_recorded().mixed, None);
    run.stop();
    stage.assert_proper(&run);
}
