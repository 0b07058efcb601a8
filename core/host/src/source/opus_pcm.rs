//! Ogg Opus to samples, by libopus.

use std::fmt;
use std::io::{Read, Seek};
use std::time::Duration;

use opus::{Channels, Decoder};
use sanscord::opus::LONGEST;

use super::SourceError;
use super::ogg::{Block, OggOpus};
use super::pcm::{CHANNELS, Pcm, SAMPLE_RATE, codec};

/// What a decoder has to hear before it is exact (RFC 7845, section 4.6).
const PRE_ROLL: Duration = Duration::from_millis(80);

/// Decodes.
pub(super) struct OpusPcm<R: Read + Seek> {
    ogg: OggOpus<R>,
    decoder: Decoder,
    buffer: Vec<f32>,
    /// Samples of each channel that are decoded and not played.
    skip: u64,
}

impl<R: Read + Seek> OpusPcm<R> {
    pub(super) fn new(ogg: OggOpus<R>) -> Result<Self, SourceError> {
        let decoder = Decoder::new(SAMPLE_RATE, Channels::Stereo).map_err(codec)?;
        let buffer = vec![0.0; LONGEST as usize * CHANNELS];
        let mut this = Self { ogg, decoder, buffer, skip: 0 };
        this.begin(0)?;
        Ok(this)
    }

    /// A stream begins, whose first samples are not played.
    fn begin(&mut self, start: u64) -> Result<(), SourceError> {
        let head = self.ogg.head();
        self.decoder.reset_state().map_err(codec)?;
        self.decoder.set_gain(head.gain.into()).map_err(codec)?;
        self.skip = u64::from(head.pre_skip).saturating_sub(start);
        Ok(())
    }

    fn decode(&mut self, block: &Block, to: &mut Vec<f32>) -> Result<(), SourceError> {
        if block.chained {
            self.begin(block.start)?;
        }
        let decoded = match self.decoder.decode_float(&block.opus, &mut self.buffer, false) {
            Ok(decoded) => decoded,
            // As if it had been lost.
            Err(_) => {
                let length = (block.samples as usize * CHANNELS).min(self.buffer.len());
                let room = self.buffer.get_mut(..length).unwrap_or_default();
                self.decoder.decode_float(&[], room, false).map_err(codec)?
            }
        };
        let played = decoded.min(usize::try_from(block.played).unwrap_or(usize::MAX));
        let skipped = played.min(usize::try_from(self.skip).unwrap_or(usize::MAX));
        self.skip -= skipped as u64;
        to.extend_from_slice(self.buffer.get(skipped * CHANNELS..played * CHANNELS).unwrap_or_default());
        Ok(())
    }
}

impl<R: Read + Seek + Send> Pcm for OpusPcm<R> {
    fn read(&mut self, to: &mut Vec<f32>) -> Result<bool, SourceError> {
        let Some(block) = self.ogg.read_to_decode()? else { return Ok(false) };
        self.decode(&block, to)?;
        Ok(true)
    }

    fn seek(&mut self, at: Duration) -> Result<Duration, SourceError> {
        self.ogg.seek(at, PRE_ROLL)?;
        self.begin(0)?;
        self.skip = self.ogg.until(at);
        Ok(self.ogg.duration().map_or(at, |end| at.min(end)))
    }

    fn duration(&self) -> Option<Duration> {
        self.ogg.duration()
    }
}

impl<R: Read + Seek> fmt::Debug for OpusPcm<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpusPcm").field("ogg", &self.ogg).finish_non_exhaustive()
    }
}
