//! What a bot plays, through every adapter, as its listeners open it.

use std::time::Duration;

use bytes::Bytes;
use sanscord::client::Event;
use sanscord::play::{self, EndReason, Origin, Source, TrackId};
use sanscord::record::ogg::PageWriter;
use sanscord_testing::clip::{Clip, SILENCE};
use sanscord_testing::config::Config;

use super::adapter::Adapter;
use super::stage::{Run, Stage, busy};

/// Frames of silence that end what is said (Discord docs: Voice Connections, Voice Data Interpolation).
const SILENCES: usize = 5;

/// A Discord that is encrypted end to end, with somebody there who talks too.
fn encrypted() -> Config {
    let mut config = busy();
    config.speakers.truncate(1);
    Config { dave: true, heard_limit: 1000, ..config }
}

/// A client in the call.
fn join<A: Adapter>(stage: &Stage) -> Run<A> {
    let mut run = stage.visit::<A>();
    let (guild, channel) = (stage.guild, stage.channel);
    run.call(move |client, now| client.join(now, guild, channel));
    run.until_live();
    run
}

fn play<A: Adapter>(stage: &Stage, run: &Run<A>, origin: Origin) -> TrackId {
    let guild = stage.guild;
    run.call(move |client, now| client.play(now, guild, origin)).unwrap()
}

/// An Ogg Opus file of these packets.
fn file(clip: &Clip) -> Vec<u8> {
    let (mut writer, head) = PageWriter::new(7, 0, &[]);
    let mut file = head.to_vec();
    for packet in clip.packets() {
        file.extend(writer.push(packet, 960).unwrap_or_default());
    }
    file.extend(writer.finish(0));
    file
}

/// A source of the user's own.
struct Packets(std::vec::IntoIter<Bytes>);

impl Source for Packets {
    fn read(&mut self) -> Result<Option<Bytes>, Box<str>> {
        Ok(self.0.next())
    }

    fn seek(&mut self, _: Duration) -> Result<Duration, Box<str>> {
        Err("it only goes on".into())
    }

    fn set_volume(&mut self, _: f32) -> Result<(), Box<str>> {
        Err("it is as loud as it is".into())
    }
}

fn until_over<A: Adapter>(run: &mut Run<A>, wanted: TrackId) -> EndReason {
    let ended = run.until(
        "the end of a track",
        |event| matches!(event, Event::Playing(_, play::Event::Ended { track, .. }) if *track == wanted),
    );
    match ended {
        Event::Playing(_, play::Event::Ended { reason, .. }) => reason,
        _ => unreachable!("waited for"),
    }
}

pub(crate) fn a_file_and_a_source_are_heard_as_they_are<A: Adapter>() {
    let stage = Stage::new(encrypted());
    let (first, second) = (Clip::numbered(1, 60), Clip::numbered(2, 30));
    let path = stage.write("first.opus", &file(&first));
    let mut run = join::<A>(&stage);
    let of_file = play(&stage, &run, Origin::file(&path));
    let own = Packets(second.packets().to_vec().into_iter());
    let of_source = play(&stage, &run, Origin::custom(own));
    for track in [of_file, of_source] {
        assert_eq!(until_over(&mut run, track), EndReason::Finished);
    }
    let expected: Vec<Bytes> = [first.packets(), second.packets()].concat();
    stage.wait("the end of what is played", |discord| {
        let heard: Vec<&Bytes> = discord.heard(discord.config().bot).collect();
        heard.len() >= SILENCES && heard[heard.len() - SILENCES..].iter().all(|frame| **frame == SILENCE[..])
    });
    // Nothing follows.
    run.listen(Duration::from_millis(100));
    let heard: Vec<Bytes> =
        stage.discord(|discord, _| discord.heard(discord.config().bot).cloned().collect());
    let (said, silence) = heard.split_at(heard.len() - SILENCES);
    assert!(silence.iter().all(|frame| *frame == SILENCE[..]));
    let has_starved =
        run.events.iter().any(|event| matches!(event, Event::Playing(_, play::Event::Starved { .. })));
    let said: Vec<Bytes> = if has_starved {
        // A machine too busy to read in time leaves gaps, which are silence.
        said.iter().filter(|frame| **frame != SILENCE[..]).cloned().collect()
    } else {
        said.to_vec()
    };
    assert_eq!(said, expected);
    assert_eq!(stage.discord(|discord, _| discord.report().client_clear), 0);
    run.stop();
    stage.assert_proper(&run);
}

pub(crate) fn a_file_that_is_missing_is_named<A: Adapter>() {
    let stage = Stage::new(encrypted());
    let mut run = join::<A>(&stage);
    let path = stage.authority().with_file_name("missing.opus");
    let track = play(&stage, &run, Origin::file(path.to_str().unwrap()));
    let EndReason::Failed { reason } = until_over(&mut run, track) else { panic!("it was played") };
    assert!(reason.contains("missing.opus") && reason.contains("there is no such file"), "{reason}");
    run.until("the end", |event| matches!(event, Event::Playing(_, play::Event::QueueEmpty)));
    run.stop();
    stage.assert_proper(&run);
    assert_eq!(stage.discord(|discord, _| discord.heard(discord.config().bot).count()), 0);
}
