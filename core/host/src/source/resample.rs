//! Other sample rates to 48 kHz, stereo.

use std::fmt;
use std::ops::RangeInclusive;

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Async, FixedAsync, Indexing, Resampler, SincInterpolationParameters, WindowFunction};

use super::SourceError;
use super::pcm::{CHANNELS, SAMPLE_RATE};

/// Samples of each channel that are taken at once.
const CHUNK: usize = 1024;
/// The length of the filter: 128 keeps all up to 20 kHz of a CD.
const FILTER: usize = 128;

/// Rates that are taken, in Hz: half of telephony's, and twice that of the finest recordings. What is asked of memory
/// grows with the distance to 48 kHz, and a file may claim any rate.
const RATES: RangeInclusive<u32> = 4_000..=768_000;

/// Takes stereo samples of one rate, and gives them at 48 kHz.
pub(super) struct Resample {
    inner: Async<f32>,
    rate: u32,
    input: Vec<f32>,
    output: Vec<f32>,
    /// Samples that the filter gives before the first.
    delay: usize,
    taken: u64,
    given: u64,
}

impl Resample {
    pub(super) fn new(rate: u32) -> Result<Self, SourceError> {
        check(rate)?;
        let parameters = SincInterpolationParameters::new(FILTER, WindowFunction::BlackmanHarris2);
        let ratio = f64::from(SAMPLE_RATE) / f64::from(rate);
        let inner = Async::new_sinc(ratio, 1.0, &parameters, CHUNK, CHANNELS, FixedAsync::Input).map_err(
            |error| SourceError::from(format!("its rate of {rate} Hz cannot be changed: {error}")),
        )?;
        let output = vec![0.0; inner.output_frames_max() * CHANNELS];
        let delay = inner.output_delay();
        Ok(Self { inner, rate, input: Vec::new(), output, delay, taken: 0, given: 0 })
    }

    pub(super) const fn rate(&self) -> u32 {
        self.rate
    }

    /// Takes samples, and appends what comes of them and of those before.
    pub(super) fn push(&mut self, samples: &[f32], to: &mut Vec<f32>) -> Result<(), SourceError> {
        self.taken += (samples.len() / CHANNELS) as u64;
        self.input.extend_from_slice(samples);
        let mut rest = std::mem::take(&mut self.input);
        let whole = rest.len() - rest.len() % (CHUNK * CHANNELS);
        for chunk in rest.chunks_exact(CHUNK * CHANNELS) {
            self.process(chunk, CHUNK, u64::MAX, to)?;
        }
        rest.drain(..whole);
        self.input = rest;
        Ok(())
    }

    /// Gives what is left, so that all is as long as it was.
    pub(super) fn finish(&mut self, to: &mut Vec<f32>) -> Result<(), SourceError> {
        let end = self.taken * u64::from(SAMPLE_RATE) / u64::from(self.rate);
        let mut rest = std::mem::take(&mut self.input);
        let mut length = rest.len() / CHANNELS;
        rest.resize(CHUNK * CHANNELS, 0.0);
        // Silence pushes out what the filter holds.
        while self.given < end {
            self.process(&rest, length, end, to)?;
            length = 0;
        }
        self.reset();
        Ok(())
    }

    /// Forgets what came before.
    pub(super) fn reset(&mut self) {
        self.inner.reset();
        self.input.clear();
        self.delay = self.inner.output_delay();
        self.taken = 0;
        self.given = 0;
    }

    fn process(
        &mut self,
        chunk: &[f32],
        length: usize,
        end: u64,
        to: &mut Vec<f32>,
    ) -> Result<(), SourceError> {
        let failed =
            |error: &dyn fmt::Display| SourceError::from(format!("its rate cannot be changed: {error}"));
        let input = InterleavedSlice::new(chunk, CHANNELS, CHUNK).map_err(|error| failed(&error))?;
        let room = self.output.len() / CHANNELS;
        let mut output =
            InterleavedSlice::new_mut(&mut self.output, CHANNELS, room).map_err(|error| failed(&error))?;
        let partial = Indexing::new().partial_len(length);
        let (_, made) = self
            .inner
            .process_into_buffer(&input, &mut output, Some(&partial))
            .map_err(|error| failed(&error))?;
        let skipped = made.min(self.delay);
        self.delay -= skipped;
        let left = usize::try_from(end.saturating_sub(self.given)).unwrap_or(usize::MAX);
        let made = made.min(skipped.saturating_add(left));
        self.given += (made - skipped) as u64;
        to.extend_from_slice(self.output.get(skipped * CHANNELS..made * CHANNELS).unwrap_or_default());
        Ok(())
    }
}

/// Whether audio of this rate can be brought to 48 kHz.
pub(super) fn check(rate: u32) -> Result<(), SourceError> {
    if RATES.contains(&rate) {
        return Ok(());
    }
    let (low, high) = (RATES.start(), RATES.end());
    Err(format!("it claims {rate} samples per second; only {low} to {high} Hz can be played").into())
}

impl fmt::Debug for Resample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resample").field("rate", &self.rate).finish_non_exhaustive()
    }
}
