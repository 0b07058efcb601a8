//! Calls that are recorded, whatever happens to them.

use std::time::{Duration, Instant};

use sanscord::client::Event;
use sanscord::id::UserId;
use sanscord::time::Timestamp;
use sanscord::{record, voice};
use sanscord_testing::config::{ALICE, BOB, Config};
use sanscord_testing::fault::{Action, MediaFaults};
use sanscord_testing::server::Service;

use super::adapter::Adapter;
use super::recording::{self, Contents};
use super::stage::{LIMIT, Metronome, Stage, busy, calm};

/// Samples in a millisecond.
const MILLISECOND: i64 = 48;

/// Loss, reordering, duplicates, hostile datagrams, a gateway and a voice gateway that are cut in mid-call: the
/// recording is what was said, when it was said, and no event is missing.
pub(crate) fn a_call_through_everything_is_recorded<A: Adapter>() {
    let media =
        MediaFaults { loss: 0.02, reorder: 0.03, duplicate: 0.02, hostile: Some(Duration::from_millis(60)) };
    let script = vec![
        (Duration::from_millis(1_200), Action::CutGateway),
        (Duration::from_millis(2_300), Action::CutVoice),
    ];
    let metronome = Metronome::start();
    let stage = Stage::new(Config { media, script, ..busy() });
    let mut run = stage.join::<A>();
    run.until_live();
    run.until_both_resumed();
    run.listen(Duration::from_millis(1_500));
    let sent = stage.discord(|discord, _| discord.report().chatter);
    run.stop();

    stage.wait("the goodbyes", |discord| discord.report().client_closes.len() >= 2);
    stage.assert_proper(&run);
    run.assert_said(&["the connection was lost", "the peer cut the connection"]);
    let secrets = stage.loopback.with(|tapped, _| tapped.secrets.len());
    assert!(secrets > 6, "only {secrets} secrets were heard of");
    let report = stage.discord(|discord, _| discord.report().clone());
    assert_eq!((report.identifies, report.resumes), (1, 1));
    assert_eq!((report.voice_identifies, report.voice_resumes), (1, 1));
    assert_eq!((report.joins, report.leaves), (1, 1), "it leaves, once");
    let mut closes = report.client_closes;
    closes.sort_by_key(|(service, _)| *service as u8);
    assert_eq!(closes, [(Service::Gateway, 1000), (Service::Voice, 1000)], "it says goodbye");
    assert!(report.hostile > 10);

    let chatter = run.chatter();
    assert!((1..=chatter.len() as u64).eq(chatter.iter().copied()), "{chatter:?}");
    // The last ones were under way.
    assert!(chatter.len() as u64 + 2 >= sent, "{} of {sent}", chatter.len());

    let finished = run.until_recorded();
    assert_eq!(finished.tracks.len(), 2);
    // A machine too busy to hear a packet in time cannot tell when it was sent.
    let is_punctual = metronome.lag() < Duration::from_millis(60);
    let files = stage.read_both();
    let starts = [ALICE, BOB].map(|user| {
        let index = usize::from(user == BOB);
        let track = finished.tracks.iter().find(|track| track.user == user).unwrap();
        assert_eq!(track.failed, None);
        let placed = Placed::new(&stage, user, &files[index]);
        let report = report.media[&user];
        assert!(placed.packets > 80, "only {} of {report:?}", placed.packets);
        // The speakers' own silence counts there, and looks like any other in the file.
        assert!(placed.packets <= track.counters.packets);
        if is_punctual {
            assert_eq!((track.counters.anchored, placed.strayed), (1, 0), "{:?}", track.counters);
        }
        placed.start
    });
    assert_eq!(files[0].length, files[1].length, "both files are equally long");
    // Until the stop, or the end of the last packet.
    let beyond = files[0].length as f64 - finished.length.as_secs_f64() * 48_000.0;
    assert!((-1.0..60.0 * 48.0).contains(&beyond), "{beyond} samples beyond the stop");
    if is_punctual {
        let apart = (starts[0] - starts[1]).abs();
        let bound = 20 * MILLISECOND + 2 * metronome.lag().as_nanos() as i64 * MILLISECOND / 1_000_000;
        assert!(apart <= bound, "the files are {apart} samples apart, at most {bound} were expected");
    }
}

/// Where a file puts what its speaker said.
struct Placed {
    packets: u64,
    /// Packets that are not where their RTP timestamp puts them, as seen from the first.
    strayed: u64,
    /// The file's sample at the server's origin of time.
    start: i64,
}

impl Placed {
    fn new(stage: &Stage, user: UserId, file: &Contents) -> Self {
        let truth = stage.truth(user);
        let first = truth[0].timestamp;
        let rtp = |timestamp: u32| i64::from(timestamp.wrapping_sub(first) as i32);
        let pairs = recording::as_sent(file, &truth);
        let offsets: Vec<i64> =
            pairs.iter().map(|(packet, sent)| packet.position - rtp(sent.timestamp)).collect();
        // Timestamps tell when a packet was due; the server may have been late, but hardly with all of them.
        let sample = |at: Timestamp| at.as_nanos() as i64 / 1_000 * MILLISECOND / 1_000;
        let due = truth.iter().map(|sent| sample(sent.sent_at) - rtp(sent.timestamp)).min().unwrap();
        Self {
            packets: pairs.len() as u64,
            strayed: offsets.iter().filter(|offset| **offset != offsets[0]).count() as u64,
            start: offsets[0] - due,
        }
    }
}

/// Either encryption mode alone leads into the call, and is the one in use.
pub(crate) fn either_mode_alone_will_do<A: Adapter>() {
    for mode in ["aead_aes256_gcm_rtpsize", "aead_xchacha20_poly1305_rtpsize"] {
        let stage = Stage::new(Config { modes: vec!["xsalsa20_poly1305".into(), mode.into()], ..busy() });
        let mut run = stage.join::<A>();
        let live =
            run.until("the call", |event| matches!(event, Event::Voice(_, voice::Event::Connected { .. })));
        match live {
            Event::Voice(_, voice::Event::Connected { mode: used, .. }) => assert_eq!(used.name(), mode),
            _ => unreachable!("waited for"),
        }
        run.listen(Duration::from_millis(900));
        run.stop();
        stage.assert_proper(&run);
        for file in stage.read_both() {
            assert!(file.audio().count() > 10);
        }
    }
}

/// A recording under way can be copied and played.
pub(crate) fn a_recording_is_readable_at_any_time<A: Adapter>() {
    let stage = Stage::new(busy());
    let mut run = stage.join::<A>();
    run.until_live();
    let (mut last, mut grown) = ([0; 2], 0);
    for _ in 0..10 {
        run.listen(Duration::from_millis(300));
        for (user, last) in [ALICE, BOB].into_iter().zip(&mut last) {
            // It is not there before its speaker is heard.
            let Ok(copy) = std::fs::read(stage.file(user)) else { continue };
            let whole = recording::whole_pages(&copy);
            // The head of a file that has just been created may still be on its way.
            let count = if whole.is_empty() { 0 } else { check(&stage, user, whole) };
            assert!(count >= *last, "a file does not shrink");
            grown += usize::from(count > *last);
            *last = count;
        }
    }
    assert!(grown >= 4, "files grow while the call goes on");
    // A page comes at least every second: what is older is there.
    assert!(last.into_iter().all(|count| count > 40), "{last:?} packets were readable after three seconds");
    run.stop();
    stage.assert_proper(&run);
}

/// How many packets of the speaker a file's whole pages hold.
fn check(stage: &Stage, user: UserId, whole: &[u8]) -> usize {
    let contents = recording::packets(whole);
    recording::as_sent(&contents, &stage.truth(user)).len()
}

/// Whoever dies without a word leaves files that can be played.
pub(crate) fn a_killed_recording_is_readable<A: Adapter>() {
    let stage = Stage::new(busy());
    let mut run = stage.join::<A>();
    run.until_live();
    run.listen(Duration::from_millis(2_500));
    let events = run.kill();
    assert!(!events.iter().any(|event| matches!(event, Event::Recording(_, record::Event::Finished { .. }))));
    // What was given to the system's threads before may still be written.
    let end = Instant::now() + LIMIT;
    let count = |user| check(&stage, user, recording::whole_pages(&std::fs::read(stage.file(user)).unwrap()));
    while ![ALICE, BOB].into_iter().all(|user| count(user) > 30) {
        assert!(Instant::now() < end, "{:?} packets are readable", [ALICE, BOB].map(count));
        std::thread::sleep(Duration::from_millis(20));
    }
    stage.wait("the lost client", |discord| discord.bot_channel().is_some());
}

/// A call in which nobody speaks costs next to nothing.
#[cfg(target_os = "linux")]
pub(crate) fn an_idle_call_takes_no_time<A: Adapter>() {
    let stage = Stage::new(calm());
    let mut run = stage.visit_as::<A>(stage.config(), Some(stage.authority()), true);
    stage.ask_to_record(&run, &stage.calls());
    run.until_live();
    run.listen(Duration::from_millis(200));
    let thread = run.call(|_, _| std::fs::read_link("/proc/thread-self").unwrap());
    let stat = std::path::Path::new("/proc").join(thread).join("schedstat");
    // Nanoseconds on a processor come first (kernel docs: Scheduler Statistics).
    let spent =
        || -> Option<u64> { std::fs::read_to_string(&stat).ok()?.split_whitespace().next()?.parse().ok() };
    let Some(before) = spent() else { return };
    run.listen(Duration::from_secs(3));
    let spent = Duration::from_nanos(spent().unwrap() - before);
    assert!(spent < Duration::from_millis(30), "three idle seconds took {spent:?}");
    run.stop();
    stage.assert_proper(&run);
}
