//! What a call hears, to samples: a decoder for each speaker.

use std::fmt;

use opus::{Channels, Decoder};
use sanscord::opus::LONGEST;
use sanscord::voice::jitter::Playout;

use crate::source::SourceError;
use crate::source::pcm::{CHANNELS, SAMPLE_RATE, codec};

/// Decodes what a call that [listens](sanscord::voice::Call::listen) tells of one speaker: 48 kHz, stereo, interleaved.
///
/// Have one for each speaker's SSRC: a decoder carries over from frame to frame (RFC 6716, section 4.4). Some 50 KiB.
pub struct PlayoutDecoder {
    decoder: Decoder,
    buffer: Vec<i16>,
    undecodable: u64,
}

impl PlayoutDecoder {
    /// A decoder that has heard nothing.
    ///
    /// # Errors
    /// If libopus has no memory.
    pub fn new() -> Result<Self, SourceError> {
        let decoder = Decoder::new(SAMPLE_RATE, Channels::Stereo).map_err(codec)?;
        Ok(Self { decoder, buffer: vec![0; LONGEST as usize * CHANNELS], undecodable: 0 })
    }

    /// The samples of this item, interleaved; none at the end of a talk spurt.
    ///
    /// A lost frame is taken from the forward error correction of the packet behind it where there is one (RFC 6716,
    /// section 2.1.7), and concealed else. So is a packet that is no Opus.
    pub fn decode(&mut self, playout: &Playout) -> &[i16] {
        let (packet, samples, fec) = match playout {
            Playout::Frame { opus, samples, .. } => (&opus[..], *samples, false),
            Playout::Lost { samples, next, .. } => (next.as_deref().unwrap_or_default(), *samples, true),
            Playout::EndOfSpurt => return &[],
        };
        let length = (samples as usize * CHANNELS).min(self.buffer.len());
        let room = self.buffer.get_mut(..length).unwrap_or_default();
        let decoded = self.decoder.decode(packet, room, fec && !packet.is_empty());
        if decoded.is_err() {
            self.undecodable += 1;
            if self.decoder.decode(&[], room, false).is_err() {
                room.fill(0);
            }
        }
        room
    }

    /// Forgets what was heard: before another stream.
    ///
    /// # Errors
    /// What libopus says.
    pub fn reset(&mut self) -> Result<(), SourceError> {
        self.decoder.reset_state().map_err(codec)
    }

    /// Packets that could not be decoded, and were concealed.
    #[must_use]
    pub const fn undecodable(&self) -> u64 {
        self.undecodable
    }
}

/// Leaves out what was heard.
impl fmt::Debug for PlayoutDecoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlayoutDecoder").field("undecodable", &self.undecodable).finish_non_exhaustive()
    }
}

/// Silence of so many samples of each channel, interleaved.
#[must_use]
pub fn silence(samples: usize) -> Vec<i16> {
    vec![0; samples * CHANNELS]
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::source::pcm::{FRAME_SAMPLES, OpusEncoder};

    /// A tone of 440 Hz, frame by frame.
    fn tone(frames: usize) -> Vec<Bytes> {
        let mut encoder = OpusEncoder::new().unwrap();
        encoder.set_fec(true).unwrap();
        encoder.set_expected_loss(30).unwrap();
        let sample = |n: usize| {
            let angle = n as f32 * 440.0 * std::f32::consts::TAU / 48_000.0;
            (angle.sin() * 8000.0) as i16
        };
        let frame = |number: usize| -> Vec<i16> {
            let start = number * FRAME_SAMPLES;
            (start..start + FRAME_SAMPLES).flat_map(|n| [sample(n); CHANNELS]).collect()
        };
        (0..frames).map(|number| encoder.encode(&frame(number)).unwrap()).collect()
    }

    fn frame(opus: Bytes) -> Playout {
        Playout::Frame { sequence: 0, timestamp: 0, samples: 960, missing: 0, starts: false, opus }
    }

    fn lost(next: Option<Bytes>) -> Playout {
        Playout::Lost { sequence: 0, timestamp: 0, samples: 960, next }
    }

    fn loudness(pcm: &[i16]) -> f64 {
        (pcm.iter().map(|&sample| f64::from(sample).powi(2)).sum::<f64>() / pcm.len() as f64).sqrt()
    }

    #[test]
    fn frames_are_heard_losses_concealed_and_ends_silent() {
        let packets = tone(20);
        let mut decoder = PlayoutDecoder::new().unwrap();
        for packet in &packets[..10] {
            assert_eq!(decoder.decode(&frame(packet.clone())).len(), 960 * CHANNELS);
        }
        for playout in [frame(packets[10].clone()), lost(Some(packets[12].clone())), lost(None)] {
            let pcm = decoder.decode(&playout);
            assert_eq!(pcm.len(), 960 * CHANNELS);
            assert!(loudness(pcm) > 2000.0, "{playout:?}: {}", loudness(pcm));
        }
        assert!(decoder.decode(&Playout::EndOfSpurt).is_empty());
        assert_eq!(decoder.undecodable(), 0);
        // No Opus: three frames of 60 ms.
        let pcm = decoder.decode(&frame(Bytes::from_static(&[0x1B, 3])));
        assert_eq!((pcm.len(), decoder.undecodable()), (960 * CHANNELS, 1));
        decoder.reset().unwrap();
        assert!(loudness(decoder.decode(&lost(None))) < 1.0, "nothing to conceal");
        assert_eq!(silence(3), [0; 6]);
    }
}
