//! The whole client against our Discord, in memory under a virtual clock: thousands of seeds, each a different
//! network and different faults. A failure names its seed; `SANSCORD_SEED=n` runs that one alone.
#![expect(clippy::unwrap_used, reason = "a test fails by it")]

mod recording;

use std::collections::BTreeMap;

use sanscord::client::{Client, Config, Event};
use sanscord::gateway;
use sanscord::id::UserId;
use sanscord::record;
use sanscord::secret::Token;
use sanscord::time::Duration;
use sanscord::voice;
use sanscord::voice::phase::Phase;
use sanscord_testing::config::{self, ALICE, BOB};
use sanscord_testing::discord::Discord;
use sanscord_testing::fault::{Action, MediaFaults};
use sanscord_testing::link::LinkConfig;
use sanscord_testing::speaker::Fate;
use sanscord_testing::violation::Rule;
use sanscord_testing::world::{FaultPlan, World};
use serde_json::Value;

use recording::{is_silence, packets};

type Sim = World<Client, Discord>;

const SEEDS: u64 = 2_000;
const FOLDER: &str = "calls";

fn client(config: &config::Config, seed: u64) -> Client {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    Client::new(Config::new(Token::new(&config.token)), bytes)
}

/// A client that joins and records, and the Discord that it does so on.
fn world(config: config::Config, link: LinkConfig, seed: u64) -> Sim {
    let (guild, channel) = (config.guild, config.voice_channels[0].0);
    let client = client(&config, seed);
    let mut world = World::new(client, Discord::new(config, seed), link, seed);
    world.with_client(0, |client, now| {
        client.join(now, guild, channel);
        client.record(now, guild, FOLDER);
    });
    world
}

fn phase(world: &Sim) -> Option<Phase> {
    world.client(0).call(world.server().config().guild).map(voice::Call::phase)
}

fn is_live(world: &Sim) -> bool {
    matches!(phase(world), Some(Phase::Live { .. }))
}

fn is_in_session(world: &Sim) -> bool {
    world.client(0).shard().is_some_and(|s| matches!(s.phase(), gateway::phase::Phase::Ready { .. }))
}

/// Stops, and waits until every file is complete.
fn stop(world: &mut Sim) {
    world.with_client(0, Client::stop);
    let is_over = |event: &Event| matches!(event, Event::Stopped { .. });
    world.expect("the end", |w| w.events().iter().any(|h| is_over(&h.event)), Duration::from_secs(10));
    world.run_for(Duration::from_secs(1));
}

/// The rules that the server sees broken where the network swallowed what the client did right.
const BLAMED_ON_THE_NETWORK: [Rule; 5] =
    [Rule::Acknowledgement, Rule::Dead, Rule::Heartbeat, Rule::Keepalive, Rule::ResumeUrl];

fn assert_no_violations(world: &Sim, excused: &[Rule]) {
    if let Some(broken) = world.server().violations().iter().find(|broken| !excused.contains(&broken.rule)) {
        panic!("seed {}: {broken}\n{}", world.seed(), story(world));
    }
}

/// What happened, as far as it is kept, timeouts and datagrams left out.
fn story(world: &Sim) -> String {
    let is_news =
        |line: &&str| !["timeout", "datagram", " heard ", " append "].iter().any(|dull| line.contains(dull));
    world.transcript().lines().filter(is_news).collect::<Vec<_>>().join("\n")
}

/// The numbers of the chatter messages that reached the user, and where a new session began between them.
fn chatter(world: &Sim) -> Vec<Result<u64, &'static str>> {
    let mut seen = Vec::new();
    for happened in world.events() {
        match &happened.event {
            Event::Gateway(_, gateway::Event::Dispatch(dispatch)) if dispatch.name == "MESSAGE_CREATE" => {
                let message: Value = dispatch.parse().unwrap();
                let content = message["content"].as_str().unwrap();
                let digits: String = content.chars().filter(char::is_ascii_digit).collect();
                seen.push(Ok(digits.parse().unwrap()));
            }
            Event::Gateway(_, gateway::Event::Connected { resumed: false, .. }) => {
                seen.push(Err("new session"))
            }
            _ => {}
        }
    }
    seen
}

/// Every message once and in order; only where a new session began may some be missing.
fn assert_nothing_lost_or_doubled(world: &Sim) {
    let mut last: Option<u64> = None;
    let mut may_skip = false;
    for seen in chatter(world) {
        match seen {
            Err(_) => may_skip = true,
            Ok(number) => {
                if let Some(last) = last {
                    let is_next = number == last + 1 || (may_skip && number > last);
                    assert!(is_next, "seed {}: message {number} after {last}", world.seed());
                }
                last = Some(number);
                may_skip = false;
            }
        }
    }
}

/// Every packet of a recording was sent by its speaker, and in this order.
fn assert_recorded_as_sent(world: &Sim, user: UserId) -> usize {
    let path = format!("{FOLDER}/recording_{user}.opus");
    let Some(file) = world.disk().get(&path) else { return 0 };
    assert!(file.closed, "seed {}: {path} is not closed", world.seed());
    let mut truth = world.server().truth(user).filter(|sent| !is_silence(&sent.payload));
    let mut count = 0;
    for packet in packets(&file.bytes).audio() {
        let is_known = truth.any(|sent| sent.payload == packet.data);
        assert!(is_known, "seed {}: packet {count} of {path} was not sent, or not then", world.seed());
        count += 1;
    }
    count
}

#[test]
fn a_call_without_faults_is_recorded_whole_and_to_the_sample() {
    let config =
        config::Config { script: Vec::new(), media: MediaFaults::default(), ..config::Config::default() };
    let delay = Duration::from_millis(20);
    let mut world = world(config, LinkConfig::steady(delay), 1);
    world.expect("the call", is_live, Duration::from_secs(5));
    let start = world.now();
    world.run_for(Duration::from_secs(12));
    stop(&mut world);
    assert_no_violations(&world, &[]);
    assert_nothing_lost_or_doubled(&world);
    assert!(chatter(&world).len() > 10);
    for user in [ALICE, BOB] {
        let file = &world.disk().get(&format!("{FOLDER}/recording_{user}.opus")).unwrap().bytes;
        let recorded = packets(file);
        let sent: Vec<_> = world
            .server()
            .truth(user)
            .filter(|sent| !matches!(sent.fate, Fate::Lost | Fate::Unheard) && !is_silence(&sent.payload))
            .collect();
        // What was still under way at the stop is not part of the recording.
        let heard: Vec<_> = recorded.audio().collect();
        assert!(heard.len() > 300 && sent.len() - heard.len() <= 3, "{} of {}", heard.len(), sent.len());
        for (heard, sent) in heard.iter().zip(&sent) {
            assert_eq!(heard.data, sent.payload);
            let expected = (sent.sent_at + delay).since(start).as_nanos() * 48 / 1_000_000;
            let error = i128::from(heard.position) - expected as i128;
            // Within one sample of rounding where nothing forces a grain of 2.5 ms.
            assert!(error.abs() <= 60, "{user}: {error} samples off at {}", heard.position);
        }
    }
    let ends = [ALICE, BOB].map(|user| {
        packets(&world.disk().get(&format!("{FOLDER}/recording_{user}.opus")).unwrap().bytes).length
    });
    assert_eq!(ends[0], ends[1], "all files of a recording are equally long");
}

#[test]
fn both_modes_and_both_orders_of_the_updates_lead_into_the_call() {
    use sanscord_testing::fault::VoiceOrder;
    for modes in [&["aead_aes256_gcm_rtpsize"][..], &["aead_xchacha20_poly1305_rtpsize", "xsalsa20_poly1305"]]
    {
        for voice_order in [VoiceOrder::StateFirst, VoiceOrder::ServerFirst] {
            let modes = modes.iter().map(|&mode| mode.into()).collect();
            let config = config::Config { modes, voice_order, ..config::Config::default() };
            let mut world = world(config, LinkConfig::default(), 3);
            world.expect("the call", is_live, Duration::from_secs(5));
            world.run_for(Duration::from_secs(4));
            stop(&mut world);
            assert_no_violations(&world, &[]);
            assert!(assert_recorded_as_sent(&world, ALICE) > 50);
        }
    }
}

#[test]
fn both_connections_are_cut_and_nothing_is_missing() {
    let mut world = world(config::Config::default(), LinkConfig::default(), 5);
    world.expect("the call", is_live, Duration::from_secs(5));
    world.run_for(Duration::from_secs(10));
    let sent = world.server().report().chatter;
    let received = chatter(&world).iter().filter(|seen| seen.is_ok()).count() as u64;
    assert!(received == sent || received + 1 == sent, "{received} of {sent}, one may be under way");
    stop(&mut world);
    assert_no_violations(&world, &[]);
    assert_nothing_lost_or_doubled(&world);
    let report = world.server().report();
    assert_eq!((report.identifies, report.resumes), (1, 1));
    assert_eq!((report.voice_identifies, report.voice_resumes), (1, 1));
    assert_eq!(report.leaves, 1);
    for user in [ALICE, BOB] {
        assert!(assert_recorded_as_sent(&world, user) > 150);
    }
}

#[test]
fn the_same_seed_gives_the_same_transcript() {
    let digest = |seed| {
        let (mut world, _) = rough_world(seed);
        world.run_for(Duration::from_secs(60));
        (world.transcript().count(), world.transcript().digest())
    };
    assert_eq!(digest(11), digest(11));
    assert_ne!(digest(11), digest(12));
}

/// A network that fails every few seconds. Where it only cuts connections, every rule must be kept; where it
/// swallows messages too, the server cannot tell its fault from the client's.
fn rough_world(seed: u64) -> (Sim, &'static [Rule]) {
    let script = vec![
        (Duration::from_secs(3), Action::CutGateway),
        (Duration::from_secs(7), Action::CutVoice),
        (Duration::from_secs(11), Action::CloseGateway(4000)),
        (Duration::from_secs(16), Action::CloseVoice(4015)),
        (Duration::from_secs(20), Action::VoiceServerChange),
    ];
    let config = config::Config { script, ..config::Config::default() };
    let mut world = world(config, LinkConfig::rough(), seed);
    if std::env::var("SANSCORD_SEED").is_ok() {
        world.transcript_mut().keep_all();
    }
    let cuts = FaultPlan { cut: 1.0 / 8.0, http_failure: 0.1, ..FaultPlan::NONE };
    let swallows = FaultPlan {
        cut: 1.0 / 15.0,
        black_hole: 1.0 / 60.0,
        stall: 1.0 / 30.0,
        loss_burst: 1.0 / 20.0,
        duration: Duration::from_millis(200)..=Duration::from_secs(12),
        ..FaultPlan::ROUGH
    };
    if seed.is_multiple_of(4) {
        world.set_faults(cuts);
        // Two keepalives in a row may be lost. While both gateways are cut, nobody hears that the voice server has
        // changed: what is resumed then is over. Of a connect to `resume_gateway_url` that is cut on its way the server
        // hears nothing: the next one may go elsewhere.
        (world, &[Rule::Dead, Rule::Keepalive, Rule::ResumeUrl])
    } else {
        world.set_faults(swallows);
        (world, &BLAMED_ON_THE_NETWORK)
    }
}

/// Forty seconds of a network that fails every few seconds, then peace: whatever happened, the client comes back by
/// itself, breaks no rule of Discord's, loses no event and records nothing but what was said.
fn survive(seed: u64) -> Totals {
    let (mut world, excused) = rough_world(seed);
    world.run_for(Duration::from_secs(40));
    world.set_faults(FaultPlan::NONE);
    world.set_link(LinkConfig::default());
    // What has begun still lasts its time.
    world.run_for(Duration::from_secs(13));
    // The longest way back: a hung connect, a back-off of a minute, a join that is asked for twice.
    let is_back = |w: &Sim| w.server().script_is_done() && is_live(w) && is_in_session(w);
    world.expect("both connections back", is_back, Duration::from_secs(400));
    world.run_for(Duration::from_secs(2));
    world.expect("both connections still there", is_back, Duration::from_secs(60));
    let before = world.audio().len();
    world.run_for(Duration::from_secs(5));
    assert!(is_live(&world) && is_in_session(&world), "seed {seed}: lost again\n{}", story(&world));
    assert!(
        world.audio().len() > before + 50,
        "seed {seed}: nobody is heard any more, {:?}\n{}",
        world.server().report(),
        story(&world)
    );
    stop(&mut world);
    assert_no_violations(&world, excused);
    assert_nothing_lost_or_doubled(&world);
    for user in [ALICE, BOB] {
        assert_recorded_as_sent(&world, user);
    }
    let finished = world
        .events()
        .iter()
        .any(|happened| matches!(happened.event, Event::Recording(_, record::Event::Finished { .. })));
    assert!(finished, "seed {seed}: the recording was not finished");
    let report = world.server().report();
    Totals(BTreeMap::from([
        ("gateway resumes", report.resumes),
        ("gateway identifies", report.identifies),
        ("voice resumes", report.voice_resumes),
        ("voice identifies", report.voice_identifies),
        ("events", chatter(&world).len() as u64),
        ("packets heard", world.audio().len() as u64),
    ]))
}

#[derive(Default)]
struct Totals(BTreeMap<&'static str, u64>);

impl Totals {
    fn add(&mut self, other: &Self) {
        for (name, count) in &other.0 {
            *self.0.entry(name).or_default() += count;
        }
    }
}

/// The seeds in `share` of `shares`, so that the cores divide the work.
fn survive_share(share: u64, shares: u64) {
    if let Ok(seed) = std::env::var("SANSCORD_SEED") {
        if share == 0 {
            survive(seed.parse().expect("SANSCORD_SEED is a number"));
        }
        return;
    }
    let seeds =
        std::env::var("SANSCORD_SEEDS").map_or(SEEDS, |n| n.parse().expect("SANSCORD_SEEDS is a number"));
    let mut totals = Totals::default();
    for seed in (share..seeds).step_by(shares as usize) {
        totals.add(&survive(seed));
    }
    println!("{} seeds: {:?}", seeds / shares, totals.0);
    if seeds >= 100 {
        for (what, count) in totals.0 {
            assert!(count > seeds / shares, "hardly any {what}: the faults have no teeth");
        }
    }
}

#[test]
fn survives_every_seed_even() {
    survive_share(0, 2);
}

#[test]
fn survives_every_seed_odd() {
    survive_share(1, 2);
}
