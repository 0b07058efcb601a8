//! What goes wrong, and that it does so by the seed.

use super::*;
use crate::config::{ALICE, BOB};
use crate::fault::{DiscoveryFault, End, GatewayStep, MediaFaults, VoiceStep};
use crate::rtp::{Mode, open_rtp};
use crate::speaker::Fate;

#[test]
fn the_same_seed_and_inputs_give_the_same_outputs() {
    let play = |seed| {
        let media = MediaFaults {
            loss: 0.1,
            reorder: 0.1,
            duplicate: 0.1,
            hostile: Some(Duration::from_millis(100)),
        };
        let mut client =
            Client::new(Config { media, voice_order: VoiceOrder::Random, ..Config::default() }, seed);
        let gateway = client.identify();
        let call = client.join(gateway);
        client.live(8, Some(gateway), Some(call.voice));
        client.transcript
    };
    assert_eq!(play(3), play(3));
    assert_ne!(play(3), play(4));
}

#[test]
fn faults_happen_once_each_at_their_step() {
    let mut config = calm();
    config.faults.refuse_gateway.push_back(503);
    config.faults.gateway.extend([(GatewayStep::Hello, End::Cut), (GatewayStep::Ready, End::Close(4000))]);
    config.faults.reconnect_instead_of_hello = 1;
    config.faults.voice.extend([(VoiceStep::Ready, End::Close(4015)), (VoiceStep::Discovery, End::Cut)]);
    config.faults.discovery.extend([
        DiscoveryFault::Silence,
        DiscoveryFault::Garbage,
        DiscoveryFault::WrongSsrc,
        DiscoveryFault::Truncated,
        DiscoveryFault::Echo,
        DiscoveryFault::Unterminated,
        DiscoveryFault::Late(Duration::from_secs(2)),
    ]);
    config.faults.full_channel = 1;
    config.voice_order = VoiceOrder::ServerFirst;
    let mut client = Client::new(config, 13);
    client.open(Service::Gateway, GATEWAY);
    assert_eq!(client.refused, [503]);
    let cut = client.open(Service::Gateway, GATEWAY);
    assert_eq!(client.closes, [(cut, None)]);
    let reconnect = client.open(Service::Gateway, GATEWAY);
    assert_eq!(client.frames, [(reconnect, json!({"t": null, "s": null, "op": 7, "d": null}))]);
    client.identify();
    assert_eq!(client.code(), Some(4000));
    client.sleep(6_000);
    let gateway = client.identify();
    client.ask_to_join(gateway);
    assert!(client.named(gateway, "VOICE_SERVER_UPDATE").is_none());
    client.ask_to_join(gateway);
    let names: Vec<_> = client.dispatches(gateway)[2..].iter().map(|(t, _, _)| *t).collect();
    assert_eq!(names, ["VOICE_SERVER_UPDATE", "VOICE_STATE_UPDATE"]);

    let credentials = client.credentials(gateway);
    let voice = client.open(Service::Voice, "/?v=8");
    client.send(voice, 0, credentials.clone());
    assert_eq!(client.code(), Some(4015));
    let voice = client.open(Service::Voice, "/?v=8");
    client.send(voice, 0, credentials);
    let ssrc = client.last(voice, 2).unwrap()["ssrc"].as_u64().unwrap() as u32;
    client.datagram(&probe(ssrc));
    assert_eq!(client.closes.last(), Some(&(voice, None)));
    for _ in 0..7 {
        client.datagram(&probe(ssrc));
    }
    assert_eq!(client.datagrams.iter().map(Bytes::len).collect::<Vec<_>>(), [74, 74, 70, 74, 74]);
    assert_eq!(client.datagrams[3], probe(ssrc));
    client.sleep(2_000);
    assert_eq!(client.datagrams[5][..8], [&[0, 2, 0, 70][..], &ssrc.to_be_bytes()].concat());
    assert_eq!(client.discord.violations(), []);
}

#[test]
fn an_invalid_session_takes_the_call_with_it() {
    let mut client = Client::new(calm(), 15);
    let gateway = client.identify();
    let call = client.join(gateway);
    let session = client.named(gateway, "READY").unwrap()["session_id"].clone();
    client.discord.invalidate(client.now, false);
    client.drain();
    assert_eq!(client.last(gateway, 9), Some(&json!(false)));
    assert_eq!(client.closes, [(call.voice, Some(4014))]);
    client.close(gateway, 4000);
    client.resume(&session, 2);
    assert_eq!(client.rules(), [Rule::Dead]);
}

#[test]
fn the_demonstration_cuts_both_gateways() {
    let mut client = Client::new(Config::default(), 16);
    let gateway = client.identify();
    let call = client.join(gateway);
    let session = client.named(gateway, "READY").unwrap()["session_id"].clone();
    client.sleep(2_999);
    assert_eq!(client.closes, []);
    client.sleep(2);
    assert_eq!(client.closes, [(gateway, None)]);
    let seq = client.seq(gateway).unwrap();
    let resumed = client.resume(&session, seq);
    client.sleep(2_000);
    assert_eq!(client.closes[1..], [(call.voice, None)]);
    assert!(client.named(resumed, "RESUMED").is_some());
    assert!(client.discord.script_is_done());
    assert_eq!(client.discord.violations(), []);
}

#[test]
fn media_faults_and_hostile_datagrams_are_on_record() {
    let media =
        MediaFaults { loss: 0.05, reorder: 0.05, duplicate: 0.05, hostile: Some(Duration::from_millis(50)) };
    let mut client = Client::new(Config { speakers: Config::speakers(), media, ..calm() }, 17);
    let gateway = client.identify();
    let call = client.join(gateway);
    client.live(20, Some(gateway), Some(call.voice));
    let mode = Mode::AeadAes256GcmRtpsize;
    for (user, ssrc) in [(ALICE, 0x0A11_CE01), (BOB, 0x0000_0B0B)] {
        let counts = client.discord.report().media[&user];
        assert!(counts.lost > 5 && counts.delayed > 5 && counts.duplicated > 5, "{counts:?}");
        let packets = client.datagrams.iter().filter_map(|data| open_rtp(mode, &call.key, data).ok());
        let mut got: Vec<_> = packets.filter(|p| p.ssrc == ssrc).map(|p| (p.timestamp, p.sequence)).collect();
        got.sort_unstable();
        got.dedup();
        let settled = client.now.since_origin() - Duration::from_millis(100);
        let sent = client.discord.truth(user).filter(|sent| sent.sent_at.since_origin() < settled);
        for sent in sent {
            let arrived = got.binary_search(&(sent.timestamp, sent.sequence)).is_ok();
            assert_eq!(arrived, sent.fate != Fate::Lost, "{sent:?}");
        }
    }
    assert!(client.discord.report().hostile > 300);
    assert!(client.datagrams.iter().any(|data| data.len() == 65_507));
    assert!(client.datagrams.iter().any(Bytes::is_empty));
    assert_eq!(client.discord.violations(), []);
}
