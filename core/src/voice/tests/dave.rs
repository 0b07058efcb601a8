//! End-to-end encryption within a call; how a group comes to be is tested with the group.

use super::*;
use crate::dave;

/// Ops 4 to 6 of the handshake, with encryption.
fn encrypted() -> Bench {
    let mut bench = Bench::after(6);
    let mut message = description(AES);
    message["d"]["dave_protocol_version"] = json!(1);
    bench.message(&message);
    bench
}

fn binary(seq: u16, op: u8, payload: &[u8]) -> Frame {
    let [high, low] = seq.to_be_bytes();
    Frame::Binary([&[high, low, op], payload].concat().into())
}

/// Our own op 25: the key is a point of the curve, as every public key is.
fn external_sender(bench: &Bench) -> Vec<u8> {
    let key = &bench.binary[0];
    // Key package: version, suite, init key, encryption key, signature key, each key with its length before it.
    let signature_key = &key[1 + 4 + 67 + 67..][..67];
    [signature_key, &[0, 1, 1, 0]].concat()
}

fn told(bench: &Bench) -> Vec<&dave::Event> {
    let events = bench.events.iter().filter_map(|event| match event {
        Event::Dave(event) => Some(event),
        _ => None,
    });
    events.collect()
}

#[test]
fn a_key_package_follows_the_description() {
    let bench = encrypted();
    let [key_package] = &bench.binary[..] else { panic!("{:?}", bench.binary) };
    // Op 26, and a bare key package: version 1, ciphersuite 2, a key of 65 bytes.
    assert_eq!(key_package[..6], [26, 0, 1, 0, 2, 0x40]);
    assert!(matches!(bench.call.phase(), Phase::Live { .. }));
    assert_eq!(bench.call.dave().map(dave::Session::version), Some(1));
    assert_eq!(bench.call.dave().map(dave::Session::can_send), Some(false));
    let bench = Bench::live();
    assert!(bench.binary.is_empty());
    assert_eq!(
        bench.call.dave().map(dave::Session::can_send),
        Some(true),
        "without encryption, in the clear"
    );
}

#[test]
fn what_cannot_be_used_is_told_and_answered() {
    let mut bench = encrypted();
    let sender = external_sender(&bench);
    bench.frame(binary(7, 25, &sender));
    assert_eq!(told(&bench), [&dave::Event::Executed { transition: 0, version: 1 }; 0]);
    bench.clear();
    for (op, payload) in [(27, &[][..]), (27, &[9, 9]), (29, &[1]), (30, &[])] {
        bench.frame(binary(8, op, payload));
        assert!(matches!(told(&bench).last(), Some(dave::Event::Refused(_))), "op {op}");
        assert_eq!((bench.sent.len(), bench.binary.len()), (0, 0));
    }
    bench.clear();
    // A welcome for somebody else: op 31, and a fresh key package.
    bench.frame(binary(9, 30, &[0, 5, 1, 2, 3]));
    assert_eq!(bench.sent, [json!({"op": 31, "d": {"transition_id": 5}})]);
    assert_eq!(bench.binary.iter().map(|frame| frame[0]).collect::<Vec<_>>(), [26]);
    assert!(matches!(told(&bench)[..], [dave::Event::Recovering { transition: 5, .. }]));
    bench.clear();
    // An announced commit of others, before we are in: a welcome will follow.
    bench.frame(binary(10, 29, &[0, 6, 1, 2, 3]));
    assert_eq!((bench.sent.len(), bench.binary.len(), told(&bench).len()), (0, 0, 0));
    // The numbers count with those of JSON messages.
    bench.message(&json!({"op": 3, "d": null}));
    assert_eq!(bench.sent.last().unwrap()["d"]["seq_ack"], json!(10));
}

#[test]
fn a_group_that_cannot_be_joined_ends_the_voice_session() {
    let mut bench = encrypted();
    for n in 1..=6 {
        assert!(bench.disconnects().is_empty(), "after {n}");
        bench.frame(binary(n, 30, &[0, 5, 1, 2, 3]));
    }
    assert!(matches!(bench.disconnects()[..], [(Disconnect::NoGroup, Next::Rejoin(_))]));
    bench.sleep_until(|bench| !bench.asked.is_empty());
    assert!(bench.call.dave().is_none());
}

#[test]
fn transitions_are_answered_except_number_zero() {
    let mut bench = encrypted();
    bench.clear();
    bench.message(&json!({"op": 21, "d": {"transition_id": 3, "protocol_version": 0}, "seq": 4}));
    assert_eq!(bench.sent, [json!({"op": 23, "d": {"transition_id": 3}})]);
    assert_eq!(bench.call.dave().map(dave::Session::can_send), Some(false));
    bench.message(&json!({"op": 22, "d": {"transition_id": 2}, "seq": 5}));
    assert_eq!(bench.call.dave().map(dave::Session::version), Some(1), "another transition");
    bench.message(&json!({"op": 22, "d": {"transition_id": 3}, "seq": 6}));
    assert_eq!(bench.call.dave().map(dave::Session::version), Some(0));
    assert_eq!(bench.call.dave().map(dave::Session::can_send), Some(true));
    bench.clear();
    // A new group, its number as text as some servers write it; then number 0 at once.
    bench.message(&json!({"op": 24, "d": {"protocol_version": 1, "epoch": "1"}, "seq": 7}));
    assert_eq!(bench.binary.iter().map(|frame| frame[0]).collect::<Vec<_>>(), [26]);
    bench.message(&json!({"op": 21, "d": {"transition_id": 0, "protocol_version": 1}, "seq": 8}));
    assert!(bench.sent.is_empty());
    assert_eq!(bench.call.dave().map(dave::Session::version), Some(1));
    assert_eq!(bench.call.dave().map(dave::Session::can_send), Some(false), "there is no key");
}

#[test]
fn frames_wait_for_the_key_and_pass_only_when_they_may() {
    let mut bench = encrypted();
    bench.speaking();
    let mut voice = Voice::new(Mode::AeadAes256GcmRtpsize);
    let opened = |bench: &mut Bench, mut packet: Vec<u8>| bench.datagram(&mut packet).is_some();
    assert!(!opened(&mut bench, voice.packet(1)));
    let dropped = bench.call.counters().dropped;
    assert_eq!((dropped.unencrypted, dropped.undecryptable), (1, 0), "in the clear, and not allowed to");
    bench.clear();
    bench.message(&json!({"op": 21, "d": {"transition_id": 3, "protocol_version": 0}, "seq": 4}));
    assert!(opened(&mut bench, voice.packet(2)), "the call is about to go on in the clear");
    assert_eq!(bench.call.tallies()[&UserId(SPEAKER)].unopened, 1);
}

#[test]
fn what_was_sent_last_is_sent_again_after_a_resume() {
    let mut bench = encrypted();
    let first = bench.binary.clone();
    bench.closed(lost());
    bench.sleep_until(|bench| !bench.urls.is_empty());
    bench.open();
    bench.clear();
    bench.message(&json!({"op": 9, "d": null}));
    assert_eq!(bench.binary, first);
    // A new voice session makes a new group.
    bench.by_peer(4006);
    bench.sleep_until(|bench| !bench.asked.is_empty());
    bench.clear();
    for step in &HANDSHAKE[..6] {
        step(&mut bench);
    }
    let mut message = description(AES);
    message["d"]["dave_protocol_version"] = json!(1);
    bench.message(&message);
    assert_eq!(bench.binary.len(), 1);
    assert_ne!(bench.binary, first);
}

#[test]
fn a_server_that_is_told_before_the_move_gets_a_group_of_the_new_channel() {
    // Before the group begins, the connection goes on.
    let mut bench = Bench::live();
    bench.server_of(GUILD, Some("other.test"), "newer");
    bench.open();
    bench.state(Some(OTHER_CHANNEL));
    assert_eq!(bench.urls.len(), 1);
    assert!(matches!(bench.disconnects()[..], [(Disconnect::ServerChanged, Next::Reconnect)]));
    // After it has begun, another is made, of the same server.
    for step in &HANDSHAKE[2..6] {
        step(&mut bench);
    }
    let mut message = description(AES);
    message["d"]["dave_protocol_version"] = json!(1);
    bench.message(&message);
    bench.clear();
    bench.state(Some(CHANNEL));
    assert_eq!(bench.urls, ["wss://other.test/?v=8"]);
    assert!(matches!(bench.disconnects()[..], [(Disconnect::ServerChanged, Next::Reconnect)]));
    // And no more than once.
    bench.clear();
    bench.state(Some(OTHER_CHANNEL));
    assert!(bench.urls.is_empty() && bench.disconnects().is_empty());
}
