//! The jitter buffer.

use arbitrary::Unstructured;
use bytes::Bytes;
use sanscord::time::{Duration, Timestamp};
use sanscord::voice::jitter::{Config, JitterBuffer, MAX_BYTES, MAX_PACKETS, Playout};

/// What an Opus packet begins with, by how long it lasts: 2.5, 10, 20, 60 ms, and none.
const TOCS: [u8; 5] = [0xE0, 0xF0, 0xF8, 0x18, 0x03];

/// The first bytes configure the buffer. Packets and passing time follow. Whatever comes, the buffer is bounded, gives
/// each packet once at most, and waits for a time that lies ahead.
pub fn jitter(data: &[u8]) {
    let mut data = Unstructured::new(data);
    let (adaptive, min, max): (bool, u8, u8) = data.arbitrary().unwrap_or_default();
    let (min, max) = (Duration::from_millis(min.into()), Duration::from_millis(u64::from(max) * 4));
    let mut config = Config::default();
    (config.adaptive, config.min, config.max) = (adaptive, min, max);
    let mut buffer = JitterBuffer::new(config);
    let mut now = Timestamp::from_millis(1000);
    let (mut pushed, mut played) = (0_u64, 0_u64);
    while let Ok((kind, wait, sequence, timestamp)) = data.arbitrary::<(u8, u8, u16, u32)>() {
        if data.is_empty() {
            break;
        }
        now += Duration::from_millis(wait.into());
        pop(&mut buffer, now, &mut played);
        match kind {
            0 => buffer.restart(),
            1 => buffer.mark(),
            2 => now += Duration::from_secs(timestamp as u64 & 0x3F),
            3 => buffer.push(now, sequence, timestamp, Bytes::new()),
            _ => {
                let toc = TOCS[usize::from(kind) % TOCS.len()];
                // As a sender counts, unless the bytes say otherwise.
                let timestamp = if kind & 0x80 == 0 { u32::from(sequence) * 960 } else { timestamp };
                buffer.push(now, sequence, timestamp, vec![toc; 1 + usize::from(kind) * 4].into());
                pushed += 1;
            }
        }
        assert!(buffer.len() <= MAX_PACKETS && buffer.bytes() <= MAX_BYTES);
    }
    // Each loss is at most as long as the speech before it; a whole day is enough for all that is held.
    for _ in 0..10_000 {
        let Some(at) = buffer.deadline() else { break };
        now = now.max(at);
        pop(&mut buffer, now, &mut played);
    }
    // Padding that came last tells, when sound follows it, that nothing was lost between.
    assert_eq!((buffer.deadline(), buffer.bytes()), (None, 0), "it does not come to rest");
    assert!(played <= pushed, "{played} frames of {pushed} packets");
}

fn pop(buffer: &mut JitterBuffer, now: Timestamp, played: &mut u64) {
    for _ in 0..100_000 {
        match buffer.pop(now) {
            None => {
                assert!(buffer.deadline().is_none_or(|at| at > now), "a deadline that has come stays");
                return;
            }
            Some(Playout::Frame { opus, samples, .. }) => {
                assert!(!opus.is_empty() && samples > 0);
                *played += 1;
            }
            Some(Playout::Lost { samples, .. }) => assert!(samples > 0),
            Some(Playout::EndOfSpurt) => {}
        }
    }
    panic!("no end of playing");
}
