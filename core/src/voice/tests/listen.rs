//! What a call that listens tells.

use super::*;
use crate::voice::jitter::{self, Playout};

impl Bench {
    fn listening() -> Self {
        let mut bench = Self::live();
        bench.call.listen(bench.now, Some(jitter::Config::default()));
        bench
    }

    fn played(&self) -> Vec<&Playout> {
        let playouts = self.events.iter().filter_map(|event| match event {
            Event::Playout { user, ssrc, playout } => {
                assert_eq!((user.0, *ssrc), (SPEAKER, SPEAKER_SSRC));
                Some(playout)
            }
            _ => None,
        });
        playouts.collect()
    }

    fn sequences(&self) -> Vec<u16> {
        let frames = self.played().into_iter().filter_map(|playout| match playout {
            Playout::Frame { sequence, .. } => Some(*sequence),
            _ => None,
        });
        frames.collect()
    }
}

/// Packets of the speaker that are Opus, 20 ms each.
fn packet(voice: &mut Voice, sequence: u16) -> Vec<u8> {
    let mut packet = Vec::new();
    let header = Header::new(sequence, u32::from(sequence) * 960, SPEAKER_SSRC);
    voice.0.seal(&header, &[0xF8, 1], &mut packet).unwrap();
    packet
}

#[test]
fn frames_come_in_order_and_in_time_with_losses_marked() {
    let mut bench = Bench::listening();
    bench.speaking();
    let mut voice = Voice::new(Mode::AeadAes256GcmRtpsize);
    let packets: Vec<_> = (0..20).map(|sequence| packet(&mut voice, sequence)).collect();
    let start = bench.now;
    for sequence in [0, 2, 1, 3, 4, 6, 7, 8, 9] {
        let at = start + millis(20 * sequence as u64);
        bench.pass(at - bench.now.min(at));
        assert!(bench.datagram(&mut packets[sequence].clone()).is_some(), "the raw packet comes at once");
    }
    bench.pass(secs(1));
    assert_eq!(bench.sequences(), [0, 1, 2, 3, 4, 6, 7, 8, 9]);
    let lost =
        bench.played().into_iter().filter(|playout| matches!(playout, Playout::Lost { sequence: 5, .. }));
    assert_eq!(lost.count(), 1);
    assert_eq!(bench.played().last(), Some(&&Playout::EndOfSpurt));
    let speaker = bench.call.speakers().next().unwrap();
    assert_eq!(speaker.playout.map(|playout| (playout.received, playout.lost)), Some((9, 1)));
    assert_eq!((speaker.user, speaker.tally.received), (UserId(SPEAKER), 9));
    // No longer.
    bench.clear();
    bench.call.listen(bench.now, None);
    bench.datagram(&mut packets[10].clone());
    bench.pass(secs(1));
    assert!(bench.played().is_empty());
}

#[test]
fn first_words_that_came_before_their_speaker_was_known_are_played() {
    let mut bench = Bench::listening();
    let mut voice = Voice::new(Mode::AeadAes256GcmRtpsize);
    for sequence in 0..30 {
        assert!(bench.datagram(&mut packet(&mut voice, sequence)).is_none());
        bench.pass(millis(20));
    }
    assert!(bench.played().is_empty());
    bench.speaking();
    for sequence in 30..50 {
        bench.datagram(&mut packet(&mut voice, sequence));
        bench.pass(millis(20));
    }
    bench.pass(secs(1));
    assert_eq!(bench.sequences(), (0..50).collect::<Vec<_>>());
}

#[test]
fn who_left_is_played_to_the_end() {
    let mut bench = Bench::listening();
    bench.speaking();
    let mut voice = Voice::new(Mode::AeadAes256GcmRtpsize);
    for sequence in 0..3 {
        bench.datagram(&mut packet(&mut voice, sequence));
    }
    bench.message(&json!({"op": 13, "d": {"user_id": SPEAKER.to_string()}}));
    bench.pass(secs(1));
    assert_eq!(bench.sequences(), [0, 1, 2]);
    assert_eq!(bench.call.speakers().count(), 0);
}
