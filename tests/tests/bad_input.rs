//! What servers, disks and users get wrong, one thing at a time: each has a sentence that says so, and either the
//! client comes back by itself or it ends.
#![expect(clippy::unwrap_used, reason = "a test fails by it")]

mod recording;
mod tapped;

use bytes::Bytes;
use sanscord::client::{self, Client, Event};
use sanscord::gateway::{self, Compression, close as gateway_close};
use sanscord::id::{ChannelId, GuildId};
use sanscord::machine::{Frame, Machine};
use sanscord::record;
use sanscord::secret::Token;
use sanscord::time::Duration;
use sanscord::voice::{self, close as voice_close, phase::Phase};
use sanscord_testing::config::{ALICE, BOB, Config};
use sanscord_testing::fault::{
    Action, DiscoveryFault, End, Faults, GatewayStep, MediaFaults, RestFault, VoiceStep,
};
use sanscord_testing::link::LinkConfig;
use sanscord_testing::server::Service;
use sanscord_testing::violation::{Rule, Violation};
use sanscord_testing::world::World;

use recording::{as_sent, packets, whole_pages};
use tapped::{Tapped, assert_discreet, sentence};

type Sim = World<Client, Tapped>;

const FOLDER: &str = "calls";

/// A peaceful Discord with two speakers.
fn peace() -> Config {
    Config { script: Vec::new(), media: MediaFaults::default(), ..Config::default() }
}

/// A client that has its own ideas of `config`, and a Discord.
fn visit(config: Config, adjust: impl FnOnce(&mut client::Config)) -> Sim {
    let mut own = client::Config::new(Token::new(&config.token));
    // For us to overhear, and to put other words in.
    own.gateway.compression = Compression::None;
    adjust(&mut own);
    World::new(Client::new(own, [7; 32]), Tapped::new(config, 7), LinkConfig::default(), 7)
}

/// It joins and records.
fn join(config: Config, adjust: impl FnOnce(&mut client::Config)) -> Sim {
    let (guild, channel) = (config.guild, config.voice_channels[0].0);
    let mut world = visit(config, adjust);
    world.with_client(0, |client, now| {
        client.join(now, guild, channel);
        client.record(now, guild, FOLDER);
    });
    world
}

fn for_ever(_: &mut client::Config) {}

fn twice(config: &mut client::Config) {
    config.gateway.attempts = Some(2);
}

fn is_live(world: &Sim) -> bool {
    let call = world.client(0).call(world.server().discord.config().guild);
    let in_session =
        world.client(0).shard().is_some_and(|s| matches!(s.phase(), gateway::phase::Phase::Ready { .. }));
    in_session && matches!(call.map(voice::Call::phase), Some(Phase::Live { .. }))
}

fn sentences(world: &Sim) -> Vec<String> {
    world.events().iter().filter_map(|happened| sentence(&happened.event)).collect()
}

#[track_caller]
fn assert_said(world: &Sim, words: &[&str]) {
    let sentences = sentences(world);
    let is_said = |sentence: &String| words.iter().all(|word| sentence.contains(word));
    assert!(sentences.iter().any(is_said), "nobody said {words:?}, but {sentences:#?}");
}

fn has_happened(world: &Sim, is_it: impl Fn(&Event) -> bool) -> bool {
    world.events().iter().any(|happened| is_it(&happened.event))
}

fn has_left(world: &Sim) -> bool {
    has_happened(world, |event| matches!(event, Event::Voice(_, voice::Event::Ended { .. })))
}

/// The client has ended by itself, or does now; it has not broken a rule and not told a secret.
#[track_caller]
fn end(world: Sim) -> Sim {
    end_of(world, "", &[])
}

#[track_caller]
fn end_of(mut world: Sim, what: &str, excused: &[Rule]) -> Sim {
    world.with_client(0, Client::stop);
    world.expect("the end", |world| world.client(0).is_finished(), Duration::from_secs(10));
    world.run_for(Duration::from_secs(5));
    let last = world.events().last().unwrap();
    assert!(matches!(last.event, Event::Stopped { .. }), "{last:?}");
    assert_discreet(world.events().iter().map(|happened| &happened.event), &world.server().secrets);
    let is_excused = |broken: &&Violation| !excused.contains(&broken.rule);
    let broken: Vec<_> = world.server().discord.violations().iter().filter(is_excused).collect();
    assert!(broken.is_empty(), "{what}: {broken:#?}\n{}", world.transcript().tail());
    world
}

/// The client comes back by itself, and then stays.
#[track_caller]
fn comes_back(world: &mut Sim) {
    world.expect("both connections", is_live, Duration::from_secs(300));
    world.run_for(Duration::from_secs(3));
    world.expect("both connections still", is_live, Duration::from_secs(100));
}

#[test]
fn every_end_at_every_step_of_the_gateways_handshake() {
    let known = gateway_close::CLOSE_CODES.iter().map(|row| row.code);
    let codes = known.chain([1000, 1001, 1006, 3000, 4999]).map(End::Close);
    let ends: Vec<End> = codes.chain([End::Cut]).collect();
    for step in [
        GatewayStep::Hello,
        GatewayStep::Ready,
        GatewayStep::GuildCreate,
        GatewayStep::Resume,
        GatewayStep::Resumed,
    ] {
        for &how in &ends {
            let faults = Faults { gateway: [(step, how)].into(), ..Faults::default() };
            let script = vec![(Duration::from_secs(1), Action::CutGateway)];
            let mut world = join(Config { faults, script, ..peace() }, for_ever);
            let happened = |world: &Sim| world.server().discord.config().faults.gateway.is_empty();
            world.expect("the fault", happened, Duration::from_secs(60));
            let row = match how {
                End::Close(code) => Some(gateway_close::close_code(code)),
                End::Cut => None,
            };
            match row {
                Some(row) if row.action == gateway_close::Action::Stop => {
                    world.expect("the end", |world| world.client(0).is_finished(), Duration::from_secs(10));
                    assert_said(&world, &["Discord closed the gateway", &row.code.to_string(), row.remedy]);
                    assert!(!row.remedy.is_empty());
                }
                _ => {
                    comes_back(&mut world);
                    let words = row.map_or("lost".to_owned(), |row| format!("code {}", row.code));
                    assert_said(&world, &[&words]);
                }
            }
            end(world);
        }
    }
}

#[test]
fn every_end_at_every_step_of_the_voice_gateways_handshake() {
    let known = voice_close::CLOSE_CODES.iter().map(|row| row.code);
    let codes = known.chain([1000, 1001, 1006, 3000, 4999]).map(End::Close);
    let ends: Vec<End> = codes.chain([End::Cut]).collect();
    for step in [
        VoiceStep::Hello,
        VoiceStep::Ready,
        VoiceStep::Discovery,
        VoiceStep::SessionDescription,
        VoiceStep::Live,
        VoiceStep::Resumed,
    ] {
        for &how in &ends {
            let faults = Faults { voice: [(step, how)].into(), ..Faults::default() };
            let script = vec![(Duration::from_secs(1), Action::CutVoice)];
            let mut world = join(Config { faults, script, ..peace() }, for_ever);
            let happened = |world: &Sim| world.server().discord.config().faults.voice.is_empty();
            world.expect("the fault", happened, Duration::from_secs(60));
            let row = match how {
                End::Close(code) => Some(voice_close::close_code(code)),
                End::Cut => None,
            };
            match row {
                Some(row) if row.action == voice_close::Action::Stop => {
                    world.expect("the end of the call", has_left, Duration::from_secs(10));
                    assert_said(&world, &["the voice server closed", &row.code.to_string(), row.remedy]);
                    assert!(!row.remedy.is_empty());
                }
                Some(row) if row.action == voice_close::Action::Await => {
                    world.expect("the end of the call", has_left, Duration::from_secs(60));
                    assert_said(&world, &["Discord said nothing more"]);
                }
                _ => {
                    comes_back(&mut world);
                    let words = row.map_or("lost".to_owned(), |row| format!("code {}", row.code));
                    assert_said(&world, &["voice gateway", &words]);
                }
            }
            // Nobody knows whether a session outlives a code that is not listed: the client tries.
            let is_listed = row.is_none_or(|row| !row.name.is_empty());
            let excused: &[Rule] = if is_listed { &[] } else { &[Rule::Dead] };
            end_of(world, &format!("{step:?} {how:?}"), excused);
        }
    }
}

/// Frames that mean nothing, or not what they should.
fn nonsense() -> Vec<Frame> {
    let text = |text: &str| Frame::Text(Bytes::from(text.to_owned()));
    let deep = 200_000;
    vec![
        text(""),
        text("{"),
        text("null"),
        text("[]"),
        text("\u{0}"),
        text(r#"{"d":null}"#),
        text(r#"{"op":-1,"d":null}"#),
        text(r#"{"op":99,"d":{"new":true}}"#),
        text(r#"{"op":18446744073709551616}"#),
        // Neither a name nor a number, numbers that are too large, payloads of another shape.
        text(r#"{"op":0,"s":null,"t":null,"d":null}"#),
        text(r#"{"op":0,"s":18446744073709551615,"t":"NEW","d":{}}"#),
        text(r#"{"op":0,"s":1,"t":"READY","d":{"user":1}}"#),
        text(r#"{"op":0,"s":4,"t":"VOICE_STATE_UPDATE","d":[]}"#),
        text(r#"{"op":0,"s":5,"t":"VOICE_SERVER_UPDATE","d":{"endpoint":5}}"#),
        text(r#"{"op":2,"d":{"ssrc":-1,"ip":"nowhere","port":0,"modes":{}}}"#),
        text(r#"{"op":4,"d":{"mode":"","secret_key":[1,2,3]}}"#),
        text(r#"{"op":5,"seq":70000,"d":{"user_id":"x"}}"#),
        text(r#"{"op":8,"d":{"heartbeat_interval":"often"}}"#),
        text(r#"{"op":8,"d":{"heartbeat_interval":-1}}"#),
        text(r#"{"op":9,"d":"perhaps"}"#),
        text(r#"{"op":10,"d":{"heartbeat_interval":0}}"#),
        text(r#"{"op":10,"d":{"heartbeat_interval":1e300}}"#),
        text(&format!(r#"{{"op":0,"s":3,"t":"DEEP","d":{}{}}}"#, "[".repeat(deep), "]".repeat(deep))),
        text(&"{\"a\":".repeat(deep)),
        text(&"x".repeat(4 << 20)),
        text(&format!(r#"{{"op":77,"d":"{}"}}"#, "x".repeat(4 << 20))),
        Frame::Text(Bytes::from_static(b"{\"op\":0,\"t\":\"\xff\xfe\",\"d\":{}}")),
        Frame::Binary(Bytes::new()),
        Frame::Binary(Bytes::from_static(b"\x00\x01")),
        Frame::Binary(Bytes::from_static(b"\x00\x01\x1d\x00\x00")),
        Frame::Binary(vec![0xA5; 4 << 20].into()),
    ]
}

/// The rules that a client cannot keep because it never saw what was sent.
const LOST: [Rule; 4] = [Rule::Acknowledgement, Rule::Dave, Rule::Heartbeat, Rule::Keepalive];

#[test]
fn nonsense_in_place_of_any_frame() {
    for service in [Service::Gateway, Service::Voice] {
        for number in 0..8 {
            for (kind, frame) in nonsense().into_iter().enumerate() {
                let what = format!("nonsense {kind} as {service:?} frame {number}");
                let mut world =
                    join(Config { heartbeat_interval: Duration::from_secs(2), ..peace() }, for_ever);
                world.with_server(|server, _| server.spoil(service, number, frame));
                world.expect(&what, |world| world.server().is_spoilt(), Duration::from_secs(60));
                comes_back(&mut world);
                end_of(world, &what, &LOST);
            }
        }
    }
}

#[test]
fn a_channel_that_does_not_answer() {
    let unknown = peace();
    let (guild, channel) = (unknown.guild, unknown.voice_channels[0].0);
    for (guild, channel, full_channel) in
        [(guild, channel, u32::MAX), (guild, ChannelId(1), 0), (GuildId(1), channel, 0)]
    {
        let faults = Faults { full_channel, ..Faults::default() };
        let mut world = visit(Config { faults, ..peace() }, for_ever);
        world.with_client(0, |client, now| {
            client.join(now, guild, channel);
            client.record(now, guild, FOLDER);
        });
        world.expect("the answer that there is none", has_left, Duration::from_secs(30));
        assert_said(&world, &["guild or channel is unknown", "full", "View Channel", "Connect"]);
        let world = end(world);
        assert_eq!(world.disk().files().len(), 0);
    }
}

#[test]
fn wrong_discovery_answers() {
    use DiscoveryFault::{Echo, Garbage, Late, Silence, Truncated, Unterminated, WrongSsrc};
    let late = [20, 240, 260, 1_000, 5_000, 30_000].map(Duration::from_millis).map(Late);
    for fault in [Silence, Garbage, WrongSsrc, Truncated, Echo, Unterminated].into_iter().chain(late) {
        // Once, and it is as if a datagram had been lost.
        let faults = Faults { discovery: [fault].into(), ..Faults::default() };
        let mut world = join(Config { faults, ..peace() }, for_ever);
        world.expect("the call", is_live, Duration::from_secs(5));
        world.run_for(Duration::from_secs(40));
        assert!(is_live(&world), "an answer that comes late is of no matter");
        end(world);
        // Always, and there is no way into the call.
        let is_hopeless = !matches!(fault, Late(delay) if delay < Duration::from_secs(12));
        let faults = Faults { discovery: [fault; 100].into(), ..Faults::default() };
        let mut world = join(Config { faults, ..peace() }, twice);
        world.run_until(|world| is_live(world) || has_left(world), Duration::from_secs(60));
        assert_eq!(has_left(&world), is_hopeless, "{fault:?}");
        if is_hopeless {
            assert_said(&world, &["gave up", "IP discovery answer"]);
        }
        end(world);
    }
}

#[test]
fn encryption_that_we_do_not_have() {
    let modes = vec!["xsalsa20_poly1305".into(), "xsalsa20_poly1305_lite".into()];
    let mut world = join(Config { modes, ..peace() }, for_ever);
    world.expect("the end of the call", has_left, Duration::from_secs(10));
    assert_said(&world, &["no usable encryption mode", "xsalsa20_poly1305, xsalsa20_poly1305_lite"]);
    end(world);
    let required = Config { dave_required: true, ..peace() };
    let mut world = join(required.clone(), |client| client.dave_version = 0);
    world.expect("the end of the call", has_left, Duration::from_secs(10));
    assert_said(&world, &["4017", "takes only clients that speak DAVE"]);
    end(world);
    let mut world = join(required, for_ever);
    world.expect("the call", is_live, Duration::from_secs(5));
    end(world);
}

#[test]
fn disks_that_do_not_take_what_is_recorded() {
    let path = |user| format!("{FOLDER}/recording_{user}.opus");
    let has_failed = |world: &Sim| {
        has_happened(world, |event| matches!(event, Event::Recording(_, record::Event::TrackFailed { .. })))
    };
    let mut world = join(peace(), for_ever);
    world.disk_mut().set_unwritable(true);
    world.expect("the failure", has_failed, Duration::from_secs(10));
    assert_said(&world, &["read-only file system"]);
    world.run_for(Duration::from_secs(5));
    assert!(is_live(&world), "a disk is no reason to leave");
    let world = end(world);
    assert_eq!(world.disk().files().len(), 0);

    let mut world = join(peace(), for_ever);
    world.disk_mut().insert(&path(ALICE), b"mine".to_vec());
    world.expect("the failure", has_failed, Duration::from_secs(10));
    assert_said(&world, &["exists"]);
    world.run_for(Duration::from_secs(5));
    let world = end(world);
    assert_eq!(world.disk().get(&path(ALICE)).unwrap().bytes, b"mine");
    let bob = &world.disk().get(&path(BOB)).unwrap().bytes;
    let truth: Vec<_> = world.server().discord.truth(BOB).cloned().collect();
    assert!(as_sent(&packets(bob), &truth).len() > 100);

    for capacity in [0, 1, 60, 500, 5_000, 20_000] {
        let mut world = join(peace(), for_ever);
        world.disk_mut().set_capacity(Some(capacity));
        world.expect("the failure", has_failed, Duration::from_secs(20));
        assert_said(&world, &["no space left on device"]);
        world.run_for(Duration::from_secs(5));
        let world = end(world);
        assert!(world.disk().used() <= capacity);
        for user in [ALICE, BOB] {
            let Some(file) = world.disk().get(&path(user)) else { continue };
            // Head and tags are two pages.
            let whole = whole_pages(&file.bytes);
            if whole.len() > 300 {
                let truth: Vec<_> = world.server().discord.truth(user).cloned().collect();
                as_sent(&packets(whole), &truth);
            }
        }
        let is_told = has_happened(&world, |event| {
            matches!(event, Event::Recording(_, record::Event::Finished { recording })
                if recording.tracks.iter().any(|track| track.failed.is_some()))
        });
        assert!(is_told);
    }
}

#[test]
fn what_discord_does_to_a_call() {
    let second = Duration::from_secs(1);
    let bot = peace().bot;
    let corner = peace().voice_channels[1].0;
    for (action, words) in [
        (Action::Kick(bot), "removed the bot from the voice channel"),
        (Action::MoveBot(corner), "4014"),
        (Action::VoiceServerChange, "another voice server"),
        (Action::EndpointNull, "no voice server for the call"),
        (Action::GatewayOp7, "op 7"),
        (Action::Invalidate { resumable: true }, "op 9"),
        (Action::Invalidate { resumable: false }, "op 9"),
    ] {
        let script = vec![(second, action.clone())];
        let mut world = join(Config { script, ..peace() }, for_ever);
        world.expect("the call", is_live, Duration::from_secs(5));
        world.expect("the deed", |world| world.server().discord.script_is_done(), second * 2);
        world.run_for(second);
        if matches!(action, Action::Kick(_)) {
            assert!(has_left(&world));
            let is_finished =
                |event: &Event| matches!(event, Event::Recording(_, record::Event::Finished { .. }));
            assert!(has_happened(&world, is_finished), "who is sent away keeps what was recorded");
        } else {
            comes_back(&mut world);
            assert!(!has_left(&world), "{action:?} ends no call");
        }
        if !matches!(action, Action::MoveBot(_) | Action::VoiceServerChange) {
            assert_said(&world, &[words]);
        } else {
            // Which of the two gateways is the first to say so is left to chance.
            let sentences = sentences(&world);
            assert!(
                sentences
                    .iter()
                    .any(|said| said.contains(words) || said.contains("4014") || said.contains("another"))
            );
        }
        let world = end(world);
        for user in [ALICE, BOB] {
            let Some(file) = world.disk().get(&format!("{FOLDER}/recording_{user}.opus")) else { continue };
            assert!(file.closed);
            let truth: Vec<_> = world.server().discord.truth(user).cloned().collect();
            as_sent(&packets(&file.bytes), &truth);
        }
    }
}

#[test]
fn apis_that_do_not_answer_as_they_should() {
    let retry_after = Duration::from_secs(2);
    for fault in [
        RestFault::Status(500),
        RestFault::Status(503),
        RestFault::Status(302),
        RestFault::Status(200),
        RestFault::RateLimited { retry_after, global: false },
        RestFault::RateLimited { retry_after, global: true },
        RestFault::Cloudflare { retry_after },
    ] {
        let faults = Faults { rest: [fault].into(), ..Faults::default() };
        let mut world = join(Config { faults, ..peace() }, for_ever);
        world.expect("the call", is_live, Duration::from_secs(20));
        assert_said(&world, &["Discord answered with HTTP status"]);
        end(world);
    }
    for status in [400, 403, 404] {
        let faults = Faults { rest: [RestFault::Status(status)].into(), ..Faults::default() };
        let mut world = join(Config { faults, ..peace() }, for_ever);
        world.expect("the end", |world| world.client(0).is_finished(), Duration::from_secs(5));
        assert_said(&world, &["gateway address could not be had", &status.to_string()]);
        end(world);
    }
    let mut world = visit(peace(), twice);
    world.fail_requests(2);
    world.expect("the end", |world| world.client(0).is_finished(), Duration::from_secs(60));
    assert_said(&world, &["gateway address could not be had", "connection reset by peer"]);
    end(world);
    let mut world = join(peace(), twice);
    world.refuse_connects(true);
    world.expect("the end", |world| world.client(0).is_finished(), Duration::from_secs(60));
    assert_said(&world, &["gave up on the gateway", "could not be made", "connection refused"]);
    end(world);
}

#[test]
fn tokens_and_intents_that_are_refused() {
    let wrong = "MTEwNDY5NDMxOTMwNjI0ODE5.Gwrong.but-a-token-all-the-same";
    let mut world = join(peace(), |config| config.gateway.token = Token::new(wrong));
    world.expect("the end", |world| world.client(0).is_finished(), Duration::from_secs(5));
    assert_said(&world, &["401", "token is wrong or was reset", "DISCORD_BOT_TOKEN"]);
    let world = end(world);
    assert_discreet(world.events().iter().map(|happened| &happened.event), &[wrong.into()]);
    let mut world = join(Config { disallowed_intents: 1 << 7, ..peace() }, for_ever);
    world.expect("the end", |world| world.client(0).is_finished(), Duration::from_secs(5));
    assert_said(&world, &["4014", "developer portal", "fewer intents"]);
    end(world);
}
