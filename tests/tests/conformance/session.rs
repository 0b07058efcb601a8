//! What users and Discord do with sessions, calls and recordings.

use std::thread;
use std::time::{Duration, Instant};

use sanscord::client::{Client, Event};
use sanscord::{cluster, gateway, record, voice};
use sanscord_testing::config::{ALICE, BOB, Config};
use sanscord_testing::fault::Action;

use super::adapter::Adapter;
use super::stage::{Run, Stage, busy, calm};

const SOON: Duration = Duration::from_millis(700);

pub(crate) fn being_kicked_ends_the_recording<A: Adapter>() {
    let config = busy();
    let script = vec![(Duration::from_millis(1_200), Action::Kick(config.bot))];
    let stage = Stage::new(Config { script, ..config });
    let mut run = stage.join::<A>();
    assert_eq!(run.until_left(), voice::Ended::Removed);
    run.assert_said(&["removed the bot from the voice channel"]);
    let finished = run.ever("the recording", |event| {
        matches!(event, Event::Recording(_, record::Event::Finished { recording }) if recording.tracks.len() == 2)
    });
    assert!(!format!("{finished:?}").contains("failed: Some"));
    let [alice, bob] = stage.read_both();
    assert_eq!(alice.length, bob.length);
    assert!(alice.audio().count() > 20);
    // The session goes on, and the call can be joined again.
    stage.ask_to_record(&run, &stage.calls().join("again"));
    run.until_live();
    run.listen(SOON);
    run.stop();
    stage.assert_proper(&run);
    assert!(stage.read_from(&stage.calls().join("again"), ALICE).audio().count() > 5);
}

/// Other channels, other servers and other connections: one recording.
pub(crate) fn being_moved_about_is_survived<A: Adapter>() {
    let config = busy();
    let [lounge, corner] = [0, 1].map(|index| config.voice_channels[index].0);
    let actions = [
        Action::MoveBot(corner),
        Action::MoveBot(lounge),
        Action::VoiceServerChange,
        Action::GatewayOp7,
        Action::EndpointNull,
        Action::VoiceServerChange,
    ];
    let script = actions.into_iter().zip(1..).map(|(action, n)| (Duration::from_millis(500) * n, action));
    let stage = Stage::new(Config { script: script.collect(), ..config });
    let mut run = stage.join::<A>();
    run.until_live();
    for channel in [corner, lounge] {
        run.until(
            "the move",
            |event| matches!(event, Event::Voice(_, voice::Event::Moved(to)) if *to == channel),
        );
        run.until_live();
    }
    // Another server, then none and another again. Which gateway is the first to say so, chance decides.
    run.until_live();
    run.until_live();
    stage.wait("the end of the script", |discord| discord.script_is_done());
    run.listen(SOON);
    run.stop();
    run.assert_said(&["Discord asked to reconnect"]);
    stage.assert_proper(&run);
    let chatter = run.chatter();
    assert!((1..=chatter.len() as u64).eq(chatter.iter().copied()), "{chatter:?}");
    let finished = run
        .ever("the recording", |event| matches!(event, Event::Recording(_, record::Event::Finished { .. })));
    assert!(format!("{finished:?}").contains("failed: None"));
    let [alice, bob] = stage.read_both();
    assert_eq!(alice.length, bob.length);
    assert!(alice.audio().count() > 50 && bob.audio().count() > 50);
}

pub(crate) fn two_clients_share_a_process<A: Adapter>() {
    let stages = [Stage::new(busy()), Stage::new(busy())];
    let mut runs = stages.each_ref().map(Stage::join::<A>);
    runs.iter_mut().for_each(Run::until_live);
    runs.iter_mut().for_each(|run| run.listen(SOON));
    let [first, second] = &mut runs;
    first.stop();
    // The other one does not mind.
    second.listen(SOON);
    second.stop();
    for (stage, run) in stages.iter().zip(&runs) {
        stage.assert_proper(run);
        for file in stage.read_both() {
            assert!(file.audio().count() > 15);
        }
    }
    let [first, second] = stages.each_ref().map(|stage| stage.read(ALICE).length);
    assert!(second > first + 20_000, "{first} and {second} samples");
}

pub(crate) fn one_session_has_many_calls_and_recordings<A: Adapter>() {
    let stage = Stage::new(busy());
    let folders = ["first", "second", "third"].map(|name| stage.calls().join(name));
    let mut run = stage.visit::<A>();
    stage.ask_to_record(&run, &folders[0]);
    run.until_live();
    run.listen(SOON);
    let (guild, channel) = (stage.guild, stage.channel);
    let second = folders[1].to_str().unwrap().to_owned();
    run.call(move |client, now| client.record(now, guild, &second));
    assert_eq!(run.until_recorded().tracks.len(), 2);
    run.listen(SOON);
    // Left and joined again at once.
    let third = folders[2].to_str().unwrap().to_owned();
    run.call(move |client, now| {
        client.leave(now, guild);
        client.join(now, guild, channel);
        client.record(now, guild, &third);
    });
    assert_eq!(run.until_left(), voice::Ended::ByUser);
    run.ever("the second recording", {
        let second = folders[1].clone();
        move |event| {
            let Event::Recording(_, record::Event::Finished { recording }) = event else { return false };
            recording.tracks.iter().all(|track| track.path.starts_with(second.to_str().unwrap()))
        }
    });
    let is_second_call = |run: &Run<A>| {
        let live = |event: &&Event| matches!(event, Event::Voice(_, voice::Event::Connected { .. }));
        run.events.iter().filter(live).count() == 2
    };
    let began = Instant::now();
    while !is_second_call(&run) {
        assert!(began.elapsed() < Duration::from_secs(15), "the call is not joined again");
        run.listen(Duration::from_millis(20));
    }
    run.listen(SOON);
    run.stop();
    stage.assert_proper(&run);
    for folder in folders {
        for user in [ALICE, BOB] {
            assert!(stage.read_from(&folder, user).audio().count() > 5, "{folder:?}");
        }
    }
    let report = stage.discord(|discord, _| discord.report().clone());
    assert_eq!((report.identifies, report.joins, report.leaves), (1, 2, 2));
}

/// Whatever is under way: it ends, at once and in good order.
pub(crate) fn stopping_is_possible_at_any_time<A: Adapter>() {
    for milestone in 0..3 {
        for wait in [0, 1, 3, 8, 20] {
            let stage = Stage::new(calm());
            let mut run = stage.join::<A>();
            if milestone > 0 {
                run.until("the gateway's address", |event| {
                    matches!(event, Event::Cluster(cluster::Event::GatewayBot(_)))
                });
            }
            if milestone > 1 {
                let is_connected =
                    |event: &Event| matches!(event, Event::Gateway(_, gateway::Event::Connected { .. }));
                run.until("the session", is_connected);
            }
            thread::sleep(Duration::from_millis(wait));
            let began = Instant::now();
            run.stop();
            assert!(began.elapsed() < Duration::from_secs(4), "it took {:?} to stop", began.elapsed());
            assert!(matches!(run.events.last(), Some(Event::Stopped { .. })), "{:?}", run.events);
            stage.assert_proper(&run);
        }
    }
}

pub(crate) fn a_driver_that_nobody_holds_ends<A: Adapter>() {
    let stage = Stage::new(busy());
    let run = stage.join::<A>();
    run.forget();
    let mut run = stage.join::<A>();
    run.until_live();
    run.listen(Duration::from_millis(1_500));
    run.forget();
    // Nobody said goodbye, but what was recorded can be played.
    assert!(stage.read(ALICE).audio().count() > 20);
    let mut run = stage.visit::<A>();
    run.call(Client::stop);
    run.end();
}
