//! What goes wrong, and what the user is told.

use std::net::TcpListener;
use std::time::Duration;

use bytes::Bytes;
use sanscord::client::Event;
use sanscord::machine::Frame;
use sanscord::secret::Token;
use sanscord::{cluster, record, voice};
use sanscord_testing::config::{ALICE, BOB, Config};
use sanscord_testing::fault::{DiscoveryFault, End, Faults, GatewayStep, Hostile, VoiceStep};
use sanscord_testing::server::Service;

use super::adapter::Adapter;
use super::stage::{Run, Stage, busy, calm};
use super::tapped::assert_discreet;

pub(crate) fn an_api_that_cannot_be_reached_is_named<A: Adapter>() {
    let stage = Stage::new(calm());
    // Nobody listens there.
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut config = stage.config();
    config.api_base = format!("https://{nobody}/api/v10").into();
    let mut run = stage.visit_as::<A>(config, Some(stage.authority()), false);
    assert_said(&run.last_words(), &["127.0.0.1", "refused"]);
    assert!(
        run.events
            .iter()
            .any(|event| matches!(event, Event::Cluster(cluster::Event::GatewayBotFailed { .. }))),
        "it tries again"
    );
    stage.assert_proper(&run);

    let mut run = stage.visit_as::<A>(stage.config(), None, false);
    assert_said(&run.last_words(), &["certificate of 127.0.0.1", "not trusted", "SSL_CERT_FILE"]);
    stage.assert_proper(&run);

    stage.loopback.set_refuse_tls(true);
    let mut run = stage.visit::<A>();
    assert_said(&run.last_words(), &["127.0.0.1", "the peer cut the connection"]);
    stage.assert_proper(&run);
}

pub(crate) fn a_token_or_intent_that_is_refused_is_explained<A: Adapter>() {
    let stage = Stage::new(calm());
    let wrong = "MTEwNDY5NDMxOTMwNjI0ODE5.Gwrong.but-a-token-all-the-same";
    let mut config = stage.config();
    config.gateway.token = Token::new(wrong);
    let mut run = stage.visit_as::<A>(config, Some(stage.authority()), false);
    assert_said(&run.last_words(), &["401", "token is wrong or was reset", "DISCORD_BOT_TOKEN"]);
    stage.assert_proper(&run);
    assert_discreet(&run.events, &[wrong.into()]);

    let gateway = [(GatewayStep::Ready, End::Close(4004))].into();
    let stage = Stage::new(Config { faults: Faults { gateway, ..Faults::default() }, ..calm() });
    let mut run = stage.join::<A>();
    assert_said(&run.last_words(), &["4004", "token is wrong or was reset", "DISCORD_BOT_TOKEN"]);
    stage.assert_proper(&run);

    let stage = Stage::new(Config { disallowed_intents: 1 << 7, ..calm() });
    let mut run = stage.join::<A>();
    assert_said(&run.last_words(), &["4014", "developer portal", "fewer intents"]);
    stage.assert_proper(&run);
}

pub(crate) fn a_voice_server_that_is_of_no_use_is_explained<A: Adapter>() {
    let old = Config { modes: vec!["xsalsa20_poly1305".into()], ..calm() };
    let private = Faults { voice: [(VoiceStep::Ready, End::Close(4017))].into(), ..Faults::default() };
    let private = Config { faults: private, ..calm() };
    for (config, words) in [
        (old, &["encryption mode", "xsalsa20_poly1305"]),
        (private, &["4017", "takes only clients that speak DAVE"]),
    ] {
        let stage = Stage::new(config);
        let mut run = stage.join::<A>();
        assert_said(&run.until_left().to_string(), words);
        run.stop();
        stage.assert_proper(&run);
        assert!(!stage.calls().exists(), "nothing was recorded");
    }
}

pub(crate) fn wrong_discovery_answers_are_asked_again<A: Adapter>() {
    let late = DiscoveryFault::Late(Duration::from_millis(400));
    let discovery = [DiscoveryFault::Garbage, DiscoveryFault::Truncated, late].into();
    let stage = Stage::new(Config { faults: Faults { discovery, ..Faults::default() }, ..calm() });
    let mut run = stage.join::<A>();
    let is_live = |event: &Event| {
        matches!(event, Event::Voice(_, voice::Event::Connected { discovery_requests: 3.., .. }))
    };
    run.until("the call after three requests", is_live);
    run.stop();
    stage.assert_proper(&run);
}

pub(crate) fn a_flood_of_datagrams_drowns_nothing<A: Adapter>() {
    let stage = Stage::new(busy());
    let mut run = stage.join::<A>();
    run.until_live();
    run.listen(Duration::from_millis(300));
    stage.discord(|discord, now| {
        for kind in Hostile::ALL.into_iter().cycle().take(10_000) {
            discord.hostile(now, kind);
        }
    });
    run.listen(Duration::from_millis(700));
    let before = received(&run, &stage);
    run.listen(Duration::from_millis(1_000));
    let after = received(&run, &stage);
    assert!(after > before + 40, "{before} packets before, {after} after");
    let guild = stage.guild;
    let dropped = run.call(move |client, _| client.call(guild).unwrap().counters().dropped);
    assert!(dropped.unauthentic > 0 && dropped.malformed + dropped.foreign > 0, "{dropped:?}");
    run.stop();
    assert_eq!(run.sentences(), ["left the channel", "stopped", "stopped"], "no connection was lost");
    stage.assert_proper(&run);
    for file in stage.read_both() {
        assert!(file.audio().count() > 20);
    }
}

fn received<A: Adapter>(run: &Run<A>, stage: &Stage) -> u64 {
    let guild = stage.guild;
    run.call(move |client, _| {
        client.call(guild).unwrap().tallies().values().map(|tally| tally.received).sum()
    })
}

pub(crate) fn nonsense_costs_no_more_than_the_connection<A: Adapter>() {
    let stage = Stage::new(Config { voice_heartbeat_interval: Duration::from_millis(300), ..busy() });
    let mut config = stage.config();
    config.gateway.attempts = None;
    let mut run = stage.visit_as::<A>(config, Some(stage.authority()), false);
    stage.ask_to_record(&run, &stage.calls());
    run.until_live();
    let nonsense = [
        Frame::Text(Bytes::from_static(b"{\"op\":0,\"t\":\"\xff\xfe\"}")),
        Frame::Text("{".repeat(4 << 20).into()),
        Frame::Text("".into()),
        Frame::Binary(vec![0xA5; 4 << 20].into()),
    ];
    for frame in nonsense {
        let spoil = frame.clone();
        stage.loopback.with(move |tapped, _| tapped.spoil_next(Service::Gateway, spoil));
        run.until("the resumed gateway session", |event| {
            matches!(event, Event::Gateway(_, sanscord::gateway::Event::Connected { resumed: true, .. }))
        });
        if matches!(frame, Frame::Text(_)) {
            stage.loopback.with(move |tapped, _| tapped.spoil_next(Service::Voice, frame));
            run.until("the resumed voice session", |event| {
                matches!(event, Event::Voice(_, voice::Event::Connected { resumed: true, .. }))
            });
            // A heartbeat that comes back proves the connection good.
            run.until("a heartbeat", |event| {
                matches!(event, Event::Voice(_, voice::Event::HeartbeatAcknowledged { .. }))
            });
        }
    }
    run.stop();
    run.assert_said(&["malformed message"]);
    run.assert_said(&["the connection was lost", "UTF-8"]);
    stage.assert_proper(&run);
    let chatter = run.chatter();
    assert!((1..=chatter.len() as u64).eq(chatter.iter().copied()), "{chatter:?}");
    for file in stage.read_both() {
        assert!(file.audio().count() > 50);
    }
}

pub(crate) fn closes_during_the_handshakes_are_survived<A: Adapter>() {
    let gateway = [
        (GatewayStep::Hello, End::Close(4000)),
        (GatewayStep::GuildCreate, End::Cut),
        (GatewayStep::Resume, End::Close(4008)),
        (GatewayStep::Resumed, End::Cut),
    ];
    let voice = [(VoiceStep::Hello, End::Close(4015)), (VoiceStep::SessionDescription, End::Cut)];
    let faults = Faults { gateway: gateway.into(), voice: voice.into(), ..Faults::default() };
    let stage = Stage::new(Config { faults, ..busy() });
    let mut config = stage.config();
    config.gateway.attempts = None;
    let mut run = stage.visit_as::<A>(config, Some(stage.authority()), false);
    stage.ask_to_record(&run, &stage.calls());
    run.until_live();
    run.stop();
    run.assert_said(&["4000"]);
    run.assert_said(&["voice gateway", "4015"]);
    run.assert_said(&["voice gateway", "the peer cut the connection"]);
    stage.assert_proper(&run);
    let faults = stage.discord(|discord, _| discord.config().faults.clone());
    assert!(faults.gateway.is_empty() && faults.voice.is_empty(), "{faults:?}");
}

pub(crate) fn files_that_cannot_be_written_are_named<A: Adapter>() {
    let stage = Stage::new(busy());
    std::fs::create_dir_all(stage.calls()).unwrap();
    std::fs::write(stage.file(ALICE), "mine").unwrap();
    let mut run = stage.join::<A>();
    run.until("the failure", |event| matches!(event, Event::Recording(_, record::Event::TrackFailed { .. })));
    run.assert_said(&[stage.file(ALICE).to_str().unwrap(), "could not be created", "exists"]);
    run.listen(Duration::from_millis(800));
    // A file is no folder.
    let below = stage.authority().join("calls");
    let (guild, folder) = (stage.guild, below.to_str().unwrap().to_owned());
    run.call(move |client, now| client.record(now, guild, &folder));
    let finished = run.until_recorded();
    let failed = |user| finished.tracks.iter().find(|track| track.user == user).unwrap().failed.is_some();
    assert_eq!([ALICE, BOB].map(failed), [true, false]);
    run.until("the failure", |event| matches!(event, Event::Recording(_, record::Event::TrackFailed { .. })));
    run.assert_said(&[below.to_str().unwrap(), "could not be created"]);
    run.stop();
    stage.assert_proper(&run);
    assert_eq!(std::fs::read(stage.file(ALICE)).unwrap(), b"mine", "what is not ours is not touched");
    assert!(stage.read(BOB).audio().count() > 20);
}

/// What is said on the way out.
fn assert_said(sentence: &str, words: &[&str]) {
    for word in words {
        assert!(sentence.to_lowercase().contains(&word.to_lowercase()), "{word:?} is not in {sentence:?}");
    }
    assert!(!sentence.contains("://docs.rs"), "{sentence}");
}
