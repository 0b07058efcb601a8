//! Opus packets from the outside (RFC 6716, section 3): how long they last, and packets of silence.

/// Samples per second of every timestamp here; what Opus and RTP on Discord count in.
pub const RATE: u64 = 48_000;

/// The shortest Opus frame in samples, 2.5 ms: gaps can be filled to this grain.
pub const GRAIN: u64 = 120;

/// The longest Opus packet in samples, 120 ms.
pub const LONGEST: u64 = 5760;

/// How long a packet lasts in samples at 48 kHz. `None` if it is no Opus packet: empty, without a frame, or
/// longer than 120 ms.
#[must_use]
pub fn duration(packet: &[u8]) -> Option<u64> {
    let (&toc, rest) = packet.split_first()?;
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u64::from(rest.first()? & 0x3F),
    };
    let samples = frames * frame(toc);
    (1..=LONGEST).contains(&samples).then_some(samples)
}

/// Samples per frame (RFC 6716, section 3.1, table 2).
fn frame(toc: u8) -> u64 {
    match toc >> 3 {
        // SILK: 10, 20, 40, 60 ms.
        config @ 0..=11 => [480, 960, 1920, 2880][usize::from(config & 3)],
        // Hybrid: 10, 20 ms.
        config @ 12..=15 => [480, 960][usize::from(config & 1)],
        // CELT: 2.5, 5, 10, 20 ms.
        config => [120, 240, 480, 960][usize::from(config & 3)],
    }
}

/// A packet that asks the decoder to conceal a loss as long as one frame of `like`: its first byte with no
/// frame behind it (RFC 7845, section 4.1). Answers with its samples too.
#[must_use]
pub fn concealment(like: &[u8]) -> Option<([u8; 1], u64)> {
    let toc = like.first()? & !3;
    Some(([toc], frame(toc)))
}

/// Packets of digital silence, the longest first, with their samples: CELT, full band, mono.
pub const SILENCE: [(&[u8], u64); 5] = [
    (&[0xFB, 6, 0xFF, 0xFE, 0xFF, 0xFE, 0xFF, 0xFE, 0xFF, 0xFE, 0xFF, 0xFE, 0xFF, 0xFE], 5760),
    (&[0xF8, 0xFF, 0xFE], 960),
    (&[0xF0, 0xFF, 0xFE], 480),
    (&[0xE8, 0xFF, 0xFE], 240),
    SHORTEST_SILENCE,
];

/// The shortest of them.
pub const SHORTEST_SILENCE: (&[u8], u64) = (&[0xE0, 0xFF, 0xFE], GRAIN);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_those_of_the_table() {
        for (packet, samples) in [
            (&[0xF8, 0xFF, 0xFE][..], Some(960)),
            (&[0x78], Some(960)),      // hybrid, full band, 20 ms
            (&[0x08], Some(960)),      // SILK, narrow band, 20 ms
            (&[0x18], Some(2880)),     // SILK, 60 ms
            (&[0x19], Some(5760)),     // two of them
            (&[0x1B, 3], None),        // three of them: 180 ms
            (&[0xE3, 48], Some(5760)), // 48 times 2.5 ms
            (&[0xE3, 49], None),
            (&[0xFB, 0], None), // no frame
            (&[0xFB], None),    // no frame count
            (&[], None),
        ] {
            assert_eq!(duration(packet), samples, "{packet:02x?}");
        }
    }

    #[test]
    fn silence_lasts_as_long_as_it_says() {
        for (packet, samples) in SILENCE {
            assert_eq!(duration(packet), Some(samples));
        }
        assert_eq!(SILENCE[4].1, GRAIN);
        assert_eq!(concealment(&[0x7B, 2, 0]), Some(([0x78], 960)));
    }
}
