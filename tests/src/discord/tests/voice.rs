//! The voice server.

use super::*;
use crate::clip::{Clip, SILENCE};
use crate::config::{ALICE, BOB};
use crate::rtp::{Mode, is_rtcp, nonce_of, open_rtcp, open_rtp};
use crate::speaker::{Announce, Fate, Speaker};

#[test]
fn handshakes_lead_to_audio() {
    let mut client = Client::new(Config { speakers: Config::speakers(), ..calm() }, 1);
    let gateway = client.identify();
    assert_eq!(client.last(gateway, 10).unwrap()["heartbeat_interval"], 5_000);
    let ready = client.named(gateway, "READY").unwrap();
    assert_eq!(ready["guilds"][0]["unavailable"], true);
    let guild = client.named(gateway, "GUILD_CREATE").unwrap();
    assert_eq!(guild["voice_states"].as_array().unwrap().len(), 2);
    assert_eq!(client.seq(gateway), Some(2));

    let call = client.join(gateway);
    assert_eq!(client.last(call.voice, 11).unwrap()["user_ids"], json!([ALICE, BOB]));
    client.live(10, Some(gateway), Some(call.voice));
    assert_eq!(client.discord.violations(), []);

    let (reports, packets): (Vec<_>, Vec<_>) = client.datagrams.iter().partition(|data| is_rtcp(data));
    let mode = Mode::AeadAes256GcmRtpsize;
    let opened: Vec<_> = packets.iter().map(|data| open_rtp(mode, &call.key, data).unwrap()).collect();
    for (user, ssrc) in [(ALICE, 0x0A11_CE01), (BOB, 0x0000_0B0B)] {
        let got =
            opened.iter().filter(|p| p.ssrc == ssrc).map(|p| (p.sequence, p.timestamp, p.payload.clone()));
        let sent = client.discord.truth(user).map(|s| (s.sequence, s.timestamp, s.payload.clone()));
        assert!(got.clone().count() > 200);
        assert!(got.eq(sent));
        assert!(client.discord.truth(user).all(|sent| sent.fate == Fate::Delivered));
    }
    assert!(!reports.is_empty());
    for report in reports {
        assert_eq!(open_rtcp(mode, &call.key, report).unwrap().len(), 28);
    }
    let mut nonces: Vec<_> = client.datagrams.iter().map(|data| nonce_of(data)).collect();
    nonces.sort_unstable();
    nonces.dedup();
    assert_eq!(nonces.len(), client.datagrams.len());

    // Every shape is there, the numbers wrap, and a spurt ends in five frames of silence.
    assert!(opened.iter().any(|p| p.padding > 0) && opened.iter().any(|p| p.padding == 0));
    assert!(opened.iter().any(|p| !p.csrc.is_empty()) && opened.iter().any(|p| p.extension.is_none()));
    let alice: Vec<_> = client.discord.truth(ALICE).collect();
    assert_eq!((alice[0].sequence, alice[6].sequence), (65_530, 0));
    assert_eq!(alice[0].payload, Clip::alice().packets()[0]);
    assert!(alice[110..115].iter().all(|sent| *sent.payload == SILENCE));
    assert!(alice[115].payload.is_empty() && !alice[116].payload.is_empty());
    // 110 packets, five of silence and the padding take 20 ms each, then 900 ms pass.
    assert_eq!(alice[116].timestamp.wrapping_sub(alice[0].timestamp), 116 * 960 + 900 * 48);
    assert_eq!(alice[116].sent_at.since(alice[0].sent_at), Duration::from_millis(116 * 20 + 900));

    // Alice's mapping follows her third packet.
    let third = alice[2].sent_at;
    let mut early = Client::new(Config { speakers: Config::speakers(), ..calm() }, 1);
    let gateway = early.identify();
    let call = early.join(gateway);
    early.sleep(third.since(early.now).as_millis() as u64 - 1);
    assert!(early.datagrams.len() >= 2 && early.last(call.voice, 5).is_none());
    early.sleep(2);
    assert_eq!(early.last(call.voice, 5).unwrap()["ssrc"], 0x0A11_CE01);
}

#[test]
fn both_modes_work_and_dead_ones_do_not() {
    let modes = ["xsalsa20_poly1305", "aead_xchacha20_poly1305_rtpsize"];
    let config = Config { modes: modes.map(Into::into).into(), speakers: Config::speakers(), ..calm() };
    for (mode, code) in [(modes[1], None), (modes[0], Some(4016)), ("aead_aes256_gcm_rtpsize", Some(4016))] {
        let mut client = Client::new(config.clone(), 2);
        let gateway = client.identify();
        client.ask_to_join(gateway);
        let voice = client.open(Service::Voice, "/?v=8");
        let credentials = client.credentials(gateway);
        client.send(voice, 0, credentials);
        let ssrc = client.last(voice, 2).unwrap()["ssrc"].as_u64().unwrap() as u32;
        client.datagram(&probe(ssrc));
        client.datagrams.clear();
        client.select(voice, PEER.1, mode);
        assert_eq!(client.code(), code);
        client.sleep(500);
        if code.is_none() {
            let key = &client.last(voice, 4).unwrap()["secret_key"];
            let key = serde_json::from_value(key.clone()).unwrap();
            let data = client.datagrams.iter().find(|data| !is_rtcp(data)).unwrap();
            let packet = open_rtp(Mode::AeadXChaCha20Poly1305Rtpsize, &key, data).unwrap();
            assert_eq!(packet.payload, Clip::alice().packets()[0]);
        }
        assert_eq!(client.rules().is_empty(), mode != "aead_aes256_gcm_rtpsize");
    }
}

#[test]
fn a_voice_resume_replays_and_media_go_on() {
    let speaker = Speaker { announce: Announce::AfterPackets(30), ..Config::speakers().remove(1) };
    let config = Config { speakers: vec![Speaker { start: Duration::ZERO, ..speaker }], ..calm() };
    let mut client = Client::new(config, 10);
    let gateway = client.identify();
    let call = client.join(gateway);
    client.sleep(200);
    client.voice_beat(call.voice);
    assert_eq!(client.last(call.voice, 6), Some(&json!({"t": 7})));
    let seq = client.voice_seq();
    client.discord.cut_voice(client.now);
    client.drain();
    let before = client.datagrams.len();
    client.sleep(1_000);
    assert!(client.datagrams.len() >= before + 50);

    let voice = client.open(Service::Voice, "/?v=8");
    let mut d = call.credentials.clone();
    d["seq_ack"] = json!(seq);
    client.send(voice, 7, d.clone());
    let ops: Vec<_> = client.frames.iter().filter(|(id, _)| *id == voice).map(|(_, v)| &v["op"]).collect();
    assert_eq!(ops, [8, 9, 5]);
    assert_eq!(client.voice_seq(), seq + 1);
    assert_eq!(client.discord.report().voice_resumes, 1);
    assert_eq!(client.discord.violations(), []);

    // A session that can be resumed must not be identified, and a finished one can be neither.
    let again = client.open(Service::Voice, "/?v=8");
    client.send(again, 0, call.credentials.clone());
    assert_eq!((client.code(), client.rules()), (Some(4006), vec![Rule::Order]));
    client.discord.close_voice(client.now, 4014);
    client.drain();
    client.sleep(2_000);
    let late = client.open(Service::Voice, "/?v=8");
    client.send(late, 7, d);
    assert_eq!((client.code(), client.rules()), (Some(4006), vec![Rule::Order, Rule::Dead]));
}

#[test]
fn misuse_of_the_voice_server_is_noticed() {
    let mut client = Client::new(calm(), 11);
    client.open(Service::Voice, "/?v=4");
    assert_eq!((client.refused.pop(), client.rules().pop()), (Some(400), Some(Rule::Target)));

    let gateway = client.identify();
    client.ask_to_join(gateway);
    let voice = client.open(Service::Voice, "/?v=8");
    client.send(voice, 1, json!({}));
    assert_eq!((client.code(), client.rules().pop()), (Some(4003), Some(Rule::Order)));
    let voice = client.open(Service::Voice, "/?v=8");
    let mut wrong = client.credentials(gateway);
    wrong["token"] = json!("wrong");
    client.send(voice, 0, wrong);
    assert_eq!(client.code(), Some(4004));

    let call = client.connect(gateway);
    let count = client.rules().len();
    assert_eq!(count, 2);
    client.datagram(&probe(call.ssrc)[..70]);
    client.datagram(&probe(call.ssrc ^ 1));
    assert_eq!(client.rules()[count..], [Rule::Discovery; 2]);

    // Media before Speaking; a nonce that serves twice.
    let mut seal = crate::rtp::Seal::new(Mode::AeadAes256GcmRtpsize, call.key, 0);
    let packet = crate::rtp::Packet { payload_type: 120, ssrc: call.ssrc, sequence: 5, ..Default::default() };
    let data = seal.rtp(&packet);
    client.datagram(&data);
    assert_eq!(client.rules().last(), Some(&Rule::Speaking));
    client.send(call.voice, 5, json!({"speaking": 1, "delay": 0, "ssrc": call.ssrc}));
    let count = client.rules().len();
    client.datagram(&seal.rtp(&crate::rtp::Packet { sequence: 6, ..packet.clone() }));
    assert_eq!(client.rules().len(), count);
    let mut reset = crate::rtp::Seal::new(Mode::AeadAes256GcmRtpsize, call.key, 0);
    client.datagram(&reset.rtp(&crate::rtp::Packet { sequence: 7, ..packet }));
    client.datagram(&data[..data.len() - 1]);
    assert_eq!(client.rules()[count..], [Rule::Nonce, Rule::Media]);

    // Wrong acknowledgements, then silence on both paths.
    client.send(call.voice, 3, json!({"t": 1, "seq_ack": 4_000}));
    assert_eq!(client.rules().last(), Some(&Rule::Acknowledgement));
    for _ in 0..3 {
        client.sleep(4_000);
        client.beat(gateway);
        client.voice_beat(call.voice);
    }
    assert_eq!(client.rules().last(), Some(&Rule::Keepalive));
    client.sleep(9_000);
    assert!(client.closes.contains(&(call.voice, Some(4009))));
}

#[test]
fn select_protocol_names_what_was_found() {
    let mut client = Client::new(calm(), 12);
    let gateway = client.identify();
    client.ask_to_join(gateway);
    let voice = client.open(Service::Voice, "/?v=8");
    let credentials = client.credentials(gateway);
    client.send(voice, 0, credentials);
    client.select(voice, 1, "aead_aes256_gcm_rtpsize");
    assert_eq!(client.rules(), [Rule::SelectProtocol]);
}

#[test]
fn the_bot_is_moved_kicked_and_left_without_a_server() {
    let config = calm();
    let corner = config.voice_channels[1].0;
    let mut client = Client::new(Config { speakers: Config::speakers(), ..config }, 14);
    let gateway = client.identify();
    let call = client.join(gateway);
    client.sleep(500);

    client.discord.move_bot(client.now, corner);
    client.drain();
    assert_eq!(client.closes.last(), Some(&(call.voice, Some(4014))));
    assert_eq!(client.named(gateway, "VOICE_STATE_UPDATE").unwrap()["channel_id"], json!(corner));
    let heard = client.datagrams.len();
    let moved = client.connect(gateway);
    assert_eq!(client.last(moved.voice, 11), None, "nobody else is in the corner");
    client.sleep(500);
    assert_eq!(client.datagrams.len(), heard);
    assert!(client.discord.truth(ALICE).any(|sent| sent.fate == Fate::Unheard));

    client.discord.voice_server_change(client.now);
    client.drain();
    assert_eq!(client.closes.last(), Some(&(moved.voice, Some(4014))));
    let changed = client.connect(gateway);
    assert_ne!(changed.credentials["token"], moved.credentials["token"]);

    client.discord.endpoint_null(client.now);
    client.drain();
    assert_eq!(client.named(gateway, "VOICE_SERVER_UPDATE").unwrap()["endpoint"], Value::Null);
    client.sleep(1_500);
    client.discord.voice_server_change(client.now);
    client.drain();
    client.connect(gateway);

    client.discord.kick(client.now, client.discord.config().bot);
    client.drain();
    assert_eq!(client.code(), Some(4014));
    assert_eq!(client.named(gateway, "VOICE_STATE_UPDATE").unwrap()["channel_id"], Value::Null);
    assert_eq!(client.discord.bot_channel(), None);

    let call = client.join(gateway);
    client.discord.kick(client.now, BOB);
    client.discord.arrive(client.now, BOB);
    client.drain();
    assert_eq!(client.last(call.voice, 13).unwrap()["user_id"], json!(BOB));
    assert_eq!(client.last(call.voice, 11).unwrap()["user_ids"], json!([BOB]));

    let guild = client.discord.config().guild;
    let d = json!({"guild_id": guild, "channel_id": null, "self_mute": false, "self_deaf": false});
    client.send(gateway, 4, d);
    client.close(call.voice, 1000);
    assert_eq!(client.discord.report().leaves, 1);
    assert_eq!(client.discord.report().client_closes, [(Service::Voice, 1000)]);
    assert_eq!(client.discord.violations(), []);
}
