//! Samples to Opus, by libopus.

use std::fmt;
use std::io::{ErrorKind, Read};
use std::time::Duration;

use bytes::Bytes;
use opus::{Application, Bitrate, Channels};
use sanscord::play::Source;

use super::SourceError;

/// Samples per second of all that is encoded.
pub const SAMPLE_RATE: u32 = 48_000;
/// Channels: left and right, in turns.
pub const CHANNELS: usize = 2;
/// Samples of each channel in a frame of 20 ms.
pub const FRAME_SAMPLES: usize = 960;
/// Bytes of a frame of 16-bit samples.
pub const FRAME_BYTES: usize = FRAME_SAMPLES * CHANNELS * 2;
/// 20 ms of silence, encoded.
pub const SILENCE: [u8; 3] = [0xF8, 0xFF, 0xFE];
/// Bits per second, unless told otherwise.
pub const BITRATE: u32 = 128_000;

/// Values of a frame.
const FRAME: usize = FRAME_SAMPLES * CHANNELS;
/// The longest packet that libopus's documentation asks its caller to have room for, in bytes.
const MAX_PACKET: usize = 4000;

/// Encodes frames of 20 ms at 48 kHz, stereo.
pub struct OpusEncoder {
    encoder: opus::Encoder,
    packet: Vec<u8>,
}

impl OpusEncoder {
    /// An encoder for music and speech at [`BITRATE`].
    ///
    /// # Errors
    /// [`SourceError`] if libopus has no memory.
    pub fn new() -> Result<Self, SourceError> {
        let encoder = opus::Encoder::new(SAMPLE_RATE, Channels::Stereo, Application::Audio).map_err(codec)?;
        let mut this = Self { encoder, packet: vec![0; MAX_PACKET] };
        this.set_bitrate(BITRATE)?;
        Ok(this)
    }

    /// Sets the bitrate, in bits per second, 500 to 512,000.
    ///
    /// # Errors
    /// [`SourceError`] if it is none of these.
    pub fn set_bitrate(&mut self, bits: u32) -> Result<(), SourceError> {
        let bits = i32::try_from(bits).ok().filter(|bits| (500..=512_000).contains(bits));
        let bits = bits.ok_or("a bitrate is from 500 to 512,000 bits per second")?;
        self.encoder.set_bitrate(Bitrate::Bits(bits)).map_err(codec)
    }

    /// Adds to packets what lets receivers repair the loss of the one before (forward error correction); it takes
    /// part of the bitrate, and effect once loss is expected.
    ///
    /// # Errors
    /// [`SourceError`] if libopus refuses.
    pub fn set_fec(&mut self, on: bool) -> Result<(), SourceError> {
        self.encoder.set_inband_fec(on).map_err(codec)
    }

    /// Prepares for this share of packets to be lost, in per cent, 0 to 100.
    ///
    /// # Errors
    /// [`SourceError`] if it is more.
    pub fn set_expected_loss(&mut self, percent: u8) -> Result<(), SourceError> {
        if percent > 100 {
            return Err("not more than 100 per cent of packets can be lost".into());
        }
        self.encoder.set_packet_loss_perc(percent.into()).map_err(codec)
    }

    /// Encodes a frame: [`FRAME_SAMPLES`] samples of each channel, left and right in turns.
    ///
    /// # Errors
    /// [`SourceError`] if they are more or fewer.
    pub fn encode(&mut self, frame: &[i16]) -> Result<Bytes, SourceError> {
        let length = match frame.len() {
            FRAME => self.encoder.encode(frame, &mut self.packet).map_err(codec)?,
            other => return Err(wrong_length(other)),
        };
        Ok(Bytes::copy_from_slice(self.packet.get(..length).unwrap_or_default()))
    }

    /// As [`OpusEncoder::encode`]; samples go from -1 to 1.
    ///
    /// # Errors
    /// As there.
    pub fn encode_float(&mut self, frame: &[f32]) -> Result<Bytes, SourceError> {
        let length = match frame.len() {
            FRAME => self.encoder.encode_float(frame, &mut self.packet).map_err(codec)?,
            other => return Err(wrong_length(other)),
        };
        Ok(Bytes::copy_from_slice(self.packet.get(..length).unwrap_or_default()))
    }
}

impl fmt::Debug for OpusEncoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpusEncoder")
    }
}

fn wrong_length(length: usize) -> SourceError {
    format!("a frame has {FRAME} values, not {length}").into()
}

pub(crate) fn codec(error: opus::Error) -> SourceError {
    format!("libopus: {error}").into()
}

/// Samples at 48 kHz, stereo, left and right in turns, from -1 to 1.
pub trait Pcm: Send {
    /// Appends some; `false` at the end.
    ///
    /// # Errors
    /// Why no more can be read.
    fn read(&mut self, to: &mut Vec<f32>) -> Result<bool, SourceError>;

    /// Goes to this time, or to the end if that comes first, and answers where that is.
    ///
    /// # Errors
    /// Why that cannot be; then nothing has changed.
    fn seek(&mut self, at: Duration) -> Result<Duration, SourceError>;

    /// How long it is, if that is known.
    fn duration(&self) -> Option<Duration>;
}

impl Pcm for Box<dyn Pcm> {
    fn read(&mut self, to: &mut Vec<f32>) -> Result<bool, SourceError> {
        (**self).read(to)
    }

    fn seek(&mut self, at: Duration) -> Result<Duration, SourceError> {
        (**self).seek(at)
    }

    fn duration(&self) -> Option<Duration> {
        (**self).duration()
    }
}

/// Samples, encoded frame by frame. The last frame is filled up with silence.
pub struct PcmSource<P> {
    pcm: P,
    encoder: OpusEncoder,
    volume: f32,
    held: Vec<f32>,
    ended: bool,
}

impl<R: Read + Send> PcmSource<FromReader<R>> {
    /// Reads 16-bit samples at 48 kHz, little endian, left and right in turns, as `ffmpeg -f s16le -ar 48000 -ac 2`
    /// writes them.
    ///
    /// # Errors
    /// [`SourceError`] if libopus has no memory.
    pub fn from_reader(reader: R) -> Result<Self, SourceError> {
        Ok(Self::new(FromReader { reader, odd: Vec::new() }, OpusEncoder::new()?))
    }
}

impl<I: Iterator<Item = i16> + Send> PcmSource<FromSamples<I>> {
    /// Takes 16-bit samples at 48 kHz, left and right in turns.
    ///
    /// # Errors
    /// [`SourceError`] if libopus has no memory.
    pub fn from_samples(samples: impl IntoIterator<IntoIter = I>) -> Result<Self, SourceError> {
        Ok(Self::new(FromSamples(samples.into_iter()), OpusEncoder::new()?))
    }
}

impl<P: Pcm> PcmSource<P> {
    /// Encodes these samples by this encoder.
    #[must_use]
    pub fn new(pcm: P, encoder: OpusEncoder) -> Self {
        Self { pcm, encoder, volume: 1.0, held: Vec::new(), ended: false }
    }

    /// The encoder, to set it up.
    pub const fn encoder_mut(&mut self) -> &mut OpusEncoder {
        &mut self.encoder
    }
}

impl<P: Pcm> Source for PcmSource<P> {
    fn read(&mut self) -> Result<Option<Bytes>, Box<str>> {
        while self.held.len() < FRAME && !self.ended {
            self.ended = !self.pcm.read(&mut self.held)?;
        }
        if self.held.is_empty() {
            return Ok(None);
        }
        if self.held.len() < FRAME {
            self.held.resize(FRAME, 0.0);
        }
        let mut frame: Vec<f32> = self.held.drain(..FRAME).collect();
        for value in &mut frame {
            // Louder than full scale is cut off.
            *value = (*value * self.volume).clamp(-1.0, 1.0);
        }
        Ok(Some(self.encoder.encode_float(&frame)?))
    }

    fn seek(&mut self, at: Duration) -> Result<Duration, Box<str>> {
        let at = self.pcm.seek(at)?;
        self.held.clear();
        self.ended = false;
        Ok(at)
    }

    fn set_volume(&mut self, volume: f32) -> Result<(), Box<str>> {
        self.volume = volume;
        Ok(())
    }

    fn duration(&self) -> Option<Duration> {
        self.pcm.duration()
    }
}

impl<P> fmt::Debug for PcmSource<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PcmSource").field("volume", &self.volume).finish_non_exhaustive()
    }
}

/// 16-bit samples as bytes.
pub struct FromReader<R> {
    reader: R,
    /// Less than a sample.
    odd: Vec<u8>,
}

impl<R> fmt::Debug for FromReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FromReader")
    }
}

impl<R: Read + Send> Pcm for FromReader<R> {
    fn read(&mut self, to: &mut Vec<f32>) -> Result<bool, SourceError> {
        let mut bytes = [0; FRAME_BYTES];
        let length = loop {
            match self.reader.read(&mut bytes) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(format!("the samples could not be read: {error}").into()),
                Ok(length) => break length,
            }
        };
        self.odd.extend_from_slice(bytes.get(..length).unwrap_or_default());
        let (pairs, rest) = self.odd.as_chunks::<2>();
        to.extend(pairs.iter().map(|&pair| float(i16::from_le_bytes(pair))));
        self.odd = rest.to_vec();
        Ok(length > 0)
    }

    fn seek(&mut self, _: Duration) -> Result<Duration, SourceError> {
        Err("samples that are read as they come have no other places to go to".into())
    }

    fn duration(&self) -> Option<Duration> {
        None
    }
}

/// 16-bit samples.
pub struct FromSamples<I>(I);

impl<I> fmt::Debug for FromSamples<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FromSamples")
    }
}

impl<I: Iterator<Item = i16> + Send> Pcm for FromSamples<I> {
    fn read(&mut self, to: &mut Vec<f32>) -> Result<bool, SourceError> {
        let before = to.len();
        to.extend(self.0.by_ref().take(FRAME).map(float));
        Ok(to.len() - before == FRAME)
    }

    fn seek(&mut self, _: Duration) -> Result<Duration, SourceError> {
        Err("samples that are taken as they come have no other places to go to".into())
    }

    fn duration(&self) -> Option<Duration> {
        None
    }
}

fn float(sample: i16) -> f32 {
    f32::from(sample) / 32_768.0
}

pub(super) fn integer(sample: f32) -> i16 {
    // `as` saturates.
    (sample * 32_768.0).round() as i16
}

/// Cuts samples into frames of 20 ms, the last filled up with silence.
pub fn pcm_frames(samples: &[i16]) -> impl Iterator<Item = [i16; FRAME_SAMPLES * CHANNELS]> {
    samples.chunks(FRAME).map(|chunk| {
        let mut frame = [0; FRAME];
        for (to, from) in frame.iter_mut().zip(chunk) {
            *to = *from;
        }
        frame
    })
}
