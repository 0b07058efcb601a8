//! A day of a call.

use super::*;
use crate::voice::jitter::{self, Playout};

const DAY: u64 = 86_400;

/// Answers what a voice server answers.
fn answer(bench: &mut Bench) {
    for _ in core::mem::take(&mut bench.sent).iter().filter(|sent| sent["op"] == 3) {
        bench.acknowledge();
    }
}

#[test]
fn a_day_of_listening_beats_and_keeps_the_path_open() {
    let mut bench = Bench::live();
    let end = bench.now + secs(DAY);
    let (mut keepalives, mut wakes) = (0, 0);
    while bench.wait.is_some_and(|until| until <= end) {
        bench.sleep();
        wakes += 1;
        answer(&mut bench);
        keepalives += bench.datagrams.iter().filter(|data| data.len() == 8).count();
        bench.clear();
        bench.transcript.clear();
    }
    let counters = bench.call.counters();
    // Each five seconds; the first heartbeat comes earlier, at a random moment.
    assert_eq!((keepalives, counters.keepalives), (17_280, 17_280));
    assert!((17_280..=17_281).contains(&counters.heartbeats), "{counters:?}");
    assert_eq!((counters.disconnects, counters.identifies, counters.resumes), (0, 1, 0));
    assert!(wakes <= 2 * 17_281, "it sleeps in between: {wakes}");
}

/// 120 ms each: 720,000 packets, over eleven wraps of the sequence number and one of the timestamp.
#[test]
fn a_day_of_speech_wraps_and_loses_nothing() {
    let packet = Bytes::from_static(&[0x19, 1, 2]);
    let (mut sender, mut receiver) = (Bench::live(), Bench::live());
    sender.call.start_numbers_at(65_000, u32::MAX - 1_000_000);
    receiver.message(&json!({"op": 5, "d": {"speaking": 1, "ssrc": SSRC, "user_id": SPEAKER.to_string()}}));
    receiver.call.listen(receiver.now, Some(jitter::Config::default()));
    sender.clear();
    let start = sender.now;
    let end = start + secs(DAY);
    let (mut heard, mut samples, mut last) = (0_u64, 0_u64, None);
    while sender.now < end {
        while sender.call.queued() < 2 {
            sender.call.send_opus(sender.now, packet.clone()).unwrap();
        }
        sender.drain();
        answer(&mut sender);
        for datagram in core::mem::take(&mut sender.datagrams) {
            receiver.now = sender.now;
            if datagram.len() == 8 {
                continue;
            }
            let audio = receiver.datagram(&mut datagram.to_vec()).expect("audio");
            assert!(last.is_none_or(|last: u16| audio.sequence == last.wrapping_add(1)));
            last = Some(audio.sequence);
        }
        receiver.timeout();
        answer(&mut receiver);
        for event in core::mem::take(&mut receiver.events) {
            match event {
                Event::Playout { playout: Playout::Frame { samples: length, missing: 0, .. }, .. } => {
                    heard += 1;
                    samples += u64::from(length);
                }
                Event::Playout { playout, .. } => panic!("{playout:?} after {heard}"),
                _ => {}
            }
        }
        for bench in [&mut sender, &mut receiver] {
            bench.clear();
            bench.transcript.clear();
        }
        sender.sleep();
    }
    let sent = sender.call.counters().sent;
    assert!(sent >= DAY * 1000 / 120 && heard + 3 >= sent, "{heard} of {sent}");
    assert_eq!(samples, heard * 5760);
    let tally = receiver.call.tallies()[&UserId(SPEAKER)];
    // The newest is still on its way.
    let under_way = sender.datagrams.iter().filter(|data| data[0] >> 6 == 2).count();
    let arrived = sent - under_way as u64;
    assert_eq!((tally.received, tally.lost, tally.late, tally.restarts), (arrived, 0, 0, 0));
    assert_eq!(sender.call.counters().stalls, 0);
}
