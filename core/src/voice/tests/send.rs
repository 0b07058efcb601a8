//! What a call sends.

use super::*;
use crate::opus;
use crate::rtp::aead::Cipher;
use crate::rtp::transport;
use crate::voice::transmitter::SendError;

const SILENCE: &[u8] = &[0xF8, 0xFF, 0xFE];

fn frame(number: u8) -> Bytes {
    Bytes::from(Vec::from([0xF8, number]))
}

impl Bench {
    fn send_opus(&mut self, number: u8) {
        self.call.send_opus(self.now, frame(number)).unwrap();
        self.drain();
    }

    /// Headers, nonces and payloads of the audio that went out.
    fn audio(&self, mode: Mode, key: &[u8; KEY]) -> Vec<(Header, u32, Vec<u8>)> {
        let cipher = Cipher::new(Backend::default(), mode, key);
        let audio = self.datagrams.iter().filter(|data| data[0] >> 6 == 2).map(|data| {
            let nonce = u32::from_be_bytes(*data.last_chunk().unwrap());
            let mut data = data.to_vec();
            let (header, payload) = transport::open(&cipher, &mut data).unwrap();
            (header, nonce, data[payload].to_vec())
        });
        audio.collect()
    }

    fn gcm(&self) -> Vec<(Header, u32, Vec<u8>)> {
        self.audio(Mode::AeadAes256GcmRtpsize, &KEY_BYTES)
    }
}

fn speaking(flags: u32) -> Value {
    json!({"op": 5, "d": {"speaking": flags, "delay": 0, "ssrc": SSRC}})
}

#[test]
fn speaking_comes_before_audio_and_silence_after_it() {
    for mode in Mode::ALL {
        let mut bench = Bench::after(6);
        bench.describe(mode.name());
        bench.clear();
        bench.send_opus(1);
        // Both went out at once, in this order.
        let [before, after] = ["op 5", "SendDatagram"].map(|what| bench.transcript.rfind(what).unwrap());
        assert!(before < after);
        bench.send_opus(2);
        assert_eq!((bench.sent.clone(), bench.datagrams.len()), (Vec::from([speaking(1)]), 1));
        assert!(bench.call.is_sending());
        let mut times = Vec::from([bench.now]);
        while bench.call.is_sending() {
            let count = bench.datagrams.len();
            bench.sleep();
            times.extend((bench.datagrams.len() > count).then_some(bench.now));
        }
        assert!(times.windows(2).all(|pair| pair[1] - pair[0] == millis(20)), "{times:?}");
        assert_eq!(bench.sent, [speaking(1), speaking(0)]);
        let audio = bench.audio(mode, &KEY_BYTES);
        let payloads: Vec<_> = audio.iter().map(|(.., payload)| &payload[..]).collect();
        assert_eq!(payloads, [&[0xF8, 1][..], &[0xF8, 2], SILENCE, SILENCE, SILENCE, SILENCE, SILENCE]);
        let (first, ..) = audio[0];
        for (number, (header, nonce, _)) in audio.into_iter().enumerate() {
            let expected = Header::new(
                first.sequence.wrapping_add(number as u16),
                first.timestamp.wrapping_add(960 * number as u32),
                SSRC,
            );
            assert_eq!((header, nonce), (expected, number as u32));
        }
        let ended = bench.events.iter().filter(|event| matches!(event, Event::TransmissionEnded)).count();
        let started = bench.events.iter().filter(|event| matches!(event, Event::TransmissionStarted)).count();
        assert_eq!((started, ended, bench.call.counters().sent), (1, 1, 7));
    }
}

#[test]
fn start_values_are_random() {
    let values = [7, 8].map(|seed| {
        let mut bench = Bench::seeded(config(), seed);
        for step in HANDSHAKE {
            step(&mut bench);
        }
        bench.send_opus(1);
        let (header, ..) = bench.gcm()[0];
        (header.sequence, header.timestamp)
    });
    assert!(values[0].0 != values[1].0 && values[0].1 != values[1].1, "{values:?}");
}

#[test]
fn what_is_queued_waits_for_the_call() {
    let mut bench = Bench::after(0);
    bench.send_opus(1);
    for step in HANDSHAKE {
        assert_eq!((bench.call.queued(), bench.call.can_send()), (1, false));
        step(&mut bench);
    }
    assert_eq!((bench.call.queued(), bench.gcm().len()), (0, 1));
    assert_eq!(
        bench.sent.iter().filter(|sent| sent["op"] == 5).collect::<Vec<_>>(),
        [&speaking(0), &speaking(1)]
    );
}

#[test]
fn a_held_speaking_stays_on() {
    let mut bench = Bench::live();
    bench.call.hold_speaking(bench.now, true);
    bench.send_opus(1);
    bench.pass(secs(1));
    bench.send_opus(2);
    bench.pass(secs(1));
    assert_eq!(bench.sent.iter().filter(|sent| sent["op"] == 5).collect::<Vec<_>>(), [&speaking(1)]);
    assert_eq!(bench.gcm().len(), 12);
    bench.call.hold_speaking(bench.now, false);
    bench.drain();
    assert_eq!(bench.sent.last(), Some(&speaking(0)));
}

#[test]
fn audio_goes_on_while_the_connection_is_resumed() {
    let mut bench = Bench::live();
    for number in 0..100 {
        bench.send_opus(number);
    }
    bench.pass(millis(195));
    bench.closed(lost());
    bench.pass(millis(100));
    bench.sleep_until(|bench| bench.urls.len() == 1);
    bench.open();
    bench.pass(millis(100));
    bench.clear();
    bench.message(&json!({"op": 9, "d": null}));
    // The Speaking message may have been lost with the connection.
    assert_eq!(bench.sent, [speaking(1)]);
    bench.pass(millis(100));
    let audio = bench.gcm();
    assert_eq!(audio.len(), 5);
    // Nonces and sequence numbers run on.
    let sent = bench.call.counters().sent as u32;
    assert_eq!(audio.last().map(|(_, nonce, _)| *nonce), Some(sent - 1));
    assert!(sent > 20 && audio.iter().all(|(.., payload)| payload[1] != 0xFF));
}

#[test]
fn a_transmission_is_not_begun_before_the_connection_is_back() {
    let mut bench = Bench::resuming();
    bench.send_opus(1);
    bench.pass(millis(200));
    assert_eq!((bench.gcm().len(), bench.call.queued()), (0, 1));
    bench.message(&json!({"op": 9, "d": null}));
    assert_eq!((bench.gcm().len(), bench.call.queued()), (1, 0));
}

#[test]
fn in_a_new_session_the_rest_goes_out_under_its_numbers() {
    let mut bench = Bench::live();
    for number in 0..10 {
        bench.send_opus(number);
    }
    bench.pass(millis(50));
    let before = bench.gcm();
    bench.by_peer(4006);
    bench.sleep_until(|bench| !bench.asked.is_empty());
    bench.clear();
    for step in HANDSHAKE {
        step(&mut bench);
    }
    let events: Vec<_> = bench.events.iter().map(|event| format!("{event:?}")).collect();
    assert!(events.iter().any(|event| event == "TransmissionStarted"), "{events:?}");
    bench.pass(secs(1));
    let after = bench.gcm();
    assert_eq!(before.len() + after.len(), 15);
    assert_eq!(after[0].2, frame(before.len() as u8));
    assert_eq!(after[0].1, 0, "the new session's nonces start at 0");
    assert_ne!(after[0].0.sequence, before.last().unwrap().0.sequence.wrapping_add(1));
    assert_eq!(bench.sent.iter().filter(|sent| sent["op"] == 5).count(), 3);
}

#[test]
fn a_key_that_is_told_again_does_not_begin_its_nonces_again() {
    let mut bench = Bench::live();
    for number in 0..20 {
        bench.send_opus(number);
    }
    bench.pass(millis(90));
    bench.describe(AES);
    bench.pass(millis(90));
    let nonces: Vec<_> = bench.gcm().into_iter().map(|(_, nonce, _)| nonce).collect();
    assert_eq!(nonces, (0..nonces.len() as u32).collect::<Vec<_>>());
    // Another key is another matter.
    bench.clear();
    let mut other = description(AES);
    other["d"]["secret_key"] = json!(Vec::from([5; KEY]));
    bench.message(&other);
    bench.pass(millis(50));
    assert_eq!(bench.audio(Mode::AeadAes256GcmRtpsize, &[5; KEY])[0].1, 0);
}

#[test]
fn a_used_up_key_leads_to_a_new_session_and_loses_nothing() {
    let mut bench = Bench::live();
    bench.call.use_up_key(2);
    for number in 0..5 {
        bench.send_opus(number);
    }
    bench.sleep_until(|bench| !bench.disconnects().is_empty());
    assert!(matches!(bench.disconnects()[..], [(&Disconnect::KeyUsedUp, Next::Rejoin(_))]));
    assert_eq!((bench.gcm().len(), bench.call.queued()), (2, 3));
}

#[test]
fn nothing_is_sent_after_the_end() {
    let mut bench = Bench::live();
    bench.send_opus(1);
    bench.call.leave(bench.now);
    bench.drain();
    assert_eq!(bench.call.send_opus(bench.now, frame(1)), Err(SendError::NoCall));
    assert_eq!(bench.call.send_opus(bench.now, Bytes::new()), Err(SendError::NoCall));
    let Some(Event::Ended { statistics, .. }) = bench.events.last() else { panic!("not ended") };
    assert_eq!(statistics.counters.sent, 1);
}

#[test]
fn a_stopped_queue_ends_in_silence() {
    let mut bench = Bench::live();
    for number in 0..50 {
        bench.send_opus(number);
    }
    bench.pass(millis(30));
    bench.call.clear_queue(bench.now);
    bench.drain();
    bench.pass(secs(1));
    let audio = bench.gcm();
    assert_eq!(audio.len(), 7);
    assert!(audio[2..].iter().all(|(.., payload)| payload == SILENCE));
    assert_eq!(opus::duration(SILENCE), Some(960));
}

#[cfg(feature = "dave")]
#[test]
fn without_a_key_nothing_is_sent() {
    let mut bench = Bench::after(6);
    let mut message = description(AES);
    message["d"]["dave_protocol_version"] = json!(1);
    bench.message(&message);
    bench.clear();
    bench.send_opus(1);
    bench.pass(millis(1000));
    assert!(!bench.call.can_send() && bench.gcm().is_empty() && !bench.call.is_sending());
    // The call goes on in the clear.
    bench.message(&json!({"op": 21, "d": {"protocol_version": 0, "transition_id": 0}}));
    assert_eq!(bench.gcm().len(), 1);
    assert_eq!(bench.call.queued(), 0);
}

#[test]
fn a_transmission_ends_at_once_with_the_server_that_it_went_to() {
    let mut bench = Bench::after(6);
    bench.describe(Mode::ALL[0].name());
    bench.send_opus(1);
    assert!(bench.call.is_sending());
    bench.clear();
    bench.server("elsewhere.discord.media:443");
    let place = |is_it: fn(&Event) -> bool| bench.events.iter().position(is_it);
    let ended = place(|event| matches!(event, Event::TransmissionEnded));
    let lost = place(|event| matches!(event, Event::Disconnected { .. }));
    assert!(ended.is_some() && ended < lost, "{:?}", bench.events);
}
