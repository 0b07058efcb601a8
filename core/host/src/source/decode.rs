//! WAV, FLAC, MP3, Ogg Vorbis, AAC and MP4 to samples at 48 kHz, stereo, by symphonia.

use std::fmt;
use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use symphonia::core::audio::{Channels, Position};
use symphonia::core::codecs::CodecParameters;
use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::errors::{Error, SeekErrorKind};
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, SeekMode, SeekTo, TrackType};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::MetadataOptions;
use symphonia::core::units::{Time, TimeBase, Timestamp};

use super::SourceError;
use super::pcm::{CHANNELS, Pcm, SAMPLE_RATE};
use super::resample::{self, Resample};

/// Packets in a row that may be damaged before the rest is given up.
const MAX_DAMAGED: u32 = 1000;
/// The most channels that are mixed down: more than the 24 of any loudspeaker layout (ITU-R BS.2051).
const MAX_CHANNELS: usize = 32;
/// The gain of a channel that is heard on both sides: half the power on each.
const BOTH: f32 = std::f32::consts::FRAC_1_SQRT_2;

const FORMATS: &str = "only WAV, FLAC, MP3, Ogg Opus, Ogg Vorbis, AAC and MP4 with AAC can be played: convert it, for \
                       instance by `ffmpeg -i <it> <it>.opus`";

/// Decodes a file.
pub(super) struct Decoder {
    format: Box<dyn FormatReader>,
    decoder: Box<dyn AudioDecoder>,
    track: u32,
    time_base: Option<TimeBase>,
    length: Option<Duration>,
    /// What lies before this is decoded and not played.
    begin: Option<Timestamp>,
    ended: bool,
    damaged: u32,
    values: Vec<f32>,
    stereo: Vec<f32>,
    resample: Option<Resample>,
}

impl Decoder {
    pub(super) fn new(file: File, path: &Path) -> Result<Self, SourceError> {
        let stream = MediaSourceStream::new(Box::new(file), MediaSourceStreamOptions::default());
        let mut hint = Hint::new();
        if let Some(extension) = path.extension().and_then(|extension| extension.to_str()) {
            hint.with_extension(extension);
        }
        let format = symphonia::default::get_probe()
            .probe(&hint, stream, FormatOptions::default(), MetadataOptions::default())
            .map_err(|error| match error {
                Error::IoError(error) if error.kind() != ErrorKind::UnexpectedEof => {
                    failed(&Error::IoError(error))
                }
                Error::DecodeError(_) => failed(&error),
                _ => format!("it is no audio that is known here; {FORMATS}").into(),
            })?;
        let Some(track) = format.default_track(TrackType::Audio) else {
            return Err("there is no audio in it".into());
        };
        let Some(CodecParameters::Audio(parameters)) = &track.codec_params else {
            return Err("there is no audio in it".into());
        };
        // Before anything is made that is as large as the file claims.
        parameters.sample_rate.map_or(Ok(()), resample::check)?;
        parameters.channels.as_ref().map_or(Ok(()), check_channels)?;
        let decoder = symphonia::default::get_codecs()
            .make_audio_decoder(parameters, &AudioDecoderOptions::default())
            .map_err(|_| {
                SourceError::from(format!("its audio is of a kind that is not known here; {FORMATS}"))
            })?;
        let (id, time_base) = (track.id, track.time_base);
        let nanos = |base: TimeBase| base.calc_duration(track.duration?)?.as_nanos().try_into().ok();
        let length = time_base.and_then(nanos).map(Duration::from_nanos);
        Ok(Self {
            format,
            decoder,
            track: id,
            time_base,
            length,
            begin: None,
            ended: false,
            damaged: 0,
            values: Vec::new(),
            stereo: Vec::new(),
            resample: None,
        })
    }

    /// Decodes a packet into `stereo`, and answers its rate; `None` at the end.
    fn decode(&mut self) -> Result<Option<u32>, SourceError> {
        loop {
            let packet = match self.format.next_packet() {
                Ok(Some(packet)) => packet,
                Ok(None) => return Ok(None),
                // It breaks off, or the stream after this is another.
                Err(Error::ResetRequired) => return Ok(None),
                Err(Error::IoError(error)) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
                Err(error @ Error::DecodeError(_)) => {
                    self.note_damage(&error)?;
                    continue;
                }
                Err(error) => return Err(failed(&error)),
            };
            if packet.track_id != self.track {
                continue;
            }
            let buffer = match self.decoder.decode(&packet) {
                Ok(buffer) => buffer,
                Err(error @ (Error::DecodeError(_) | Error::IoError(_))) => {
                    self.note_damage(&error)?;
                    continue;
                }
                Err(error) => return Err(failed(&error)),
            };
            let (rate, frames) = (buffer.spec().rate(), buffer.frames());
            check_channels(buffer.spec().channels())?;
            buffer.copy_to_vec_interleaved(&mut self.values);
            let mix = Mix::of(buffer.spec().channels());
            self.damaged = 0;
            let skip = self.begin.map_or(0, |begin| skipped(begin, packet.pts, self.time_base, rate));
            if skip >= frames as u64 && frames > 0 {
                continue;
            }
            self.begin = None;
            self.stereo.clear();
            mix.down(&self.values, usize::try_from(skip).unwrap_or(usize::MAX), &mut self.stereo);
            return Ok(Some(rate));
        }
    }

    fn note_damage(&mut self, error: &Error) -> Result<(), SourceError> {
        self.damaged += 1;
        if self.damaged > MAX_DAMAGED { Err(failed(error)) } else { Ok(()) }
    }
}

impl Pcm for Decoder {
    fn read(&mut self, to: &mut Vec<f32>) -> Result<bool, SourceError> {
        if self.ended {
            return Ok(false);
        }
        let Some(rate) = self.decode()? else {
            self.ended = true;
            if let Some(resample) = &mut self.resample {
                resample.finish(to)?;
            }
            return Ok(false);
        };
        if self.resample.as_ref().is_some_and(|resample| resample.rate() != rate)
            && let Some(mut old) = self.resample.take()
        {
            old.finish(to)?;
        }
        if rate == SAMPLE_RATE {
            to.append(&mut self.stereo);
            return Ok(true);
        }
        let resample = match &mut self.resample {
            Some(resample) => resample,
            none => none.insert(Resample::new(rate)?),
        };
        resample.push(&self.stereo, to)?;
        Ok(true)
    }

    fn seek(&mut self, at: Duration) -> Result<Duration, SourceError> {
        let nanos = i64::try_from(at.as_nanos()).unwrap_or(i64::MAX);
        let to = SeekTo::Time { time: Time::from_nanos(nanos), track_id: Some(self.track) };
        let beyond = self.length.is_some_and(|length| at >= length);
        match if beyond {
            Err(Error::SeekError(SeekErrorKind::OutOfRange))
        } else {
            self.format.seek(SeekMode::Accurate, to)
        } {
            Ok(sought) => {
                self.begin = Some(sought.required_ts);
                self.ended = false;
            }
            // The end.
            Err(Error::SeekError(SeekErrorKind::OutOfRange)) => self.ended = true,
            Err(error) => return Err(failed(&error)),
        }
        self.decoder.reset();
        if let Some(resample) = &mut self.resample {
            resample.reset();
        }
        Ok(if self.ended { self.length.unwrap_or(at) } else { at })
    }

    fn duration(&self) -> Option<Duration> {
        self.length
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder").field("length", &self.length).finish_non_exhaustive()
    }
}

/// Samples of a packet that lie before `begin`.
fn skipped(begin: Timestamp, packet: Timestamp, base: Option<TimeBase>, rate: u32) -> u64 {
    let ticks = u64::try_from(begin.get().saturating_sub(packet.get())).unwrap_or(0);
    let (numer, denom) = base.map_or((1, rate), |base| (base.numer.get(), base.denom.get()));
    let samples = u128::from(ticks) * u128::from(numer) * u128::from(rate) / u128::from(denom.max(1));
    u64::try_from(samples).unwrap_or(u64::MAX)
}

fn check_channels(channels: &Channels) -> Result<(), SourceError> {
    match channels.count() {
        0..=MAX_CHANNELS => Ok(()),
        count => Err(format!("it claims {count} channels; at most {MAX_CHANNELS} can be played").into()),
    }
}

/// How much of each channel is heard on the left and on the right.
struct Mix(Vec<[f32; CHANNELS]>);

impl Mix {
    fn of(channels: &Channels) -> Self {
        let count = channels.count().max(1);
        let mut gains: Vec<[f32; CHANNELS]> = match channels {
            _ if count == 1 => vec![[1.0, 1.0]],
            Channels::Positioned(positions) => positions.iter().map(gains).collect(),
            // Left and right in turns.
            _ => (0..count).map(|channel| if channel % 2 == 0 { [1.0, 0.0] } else { [0.0, 1.0] }).collect(),
        };
        gains.resize(count, [BOTH, BOTH]);
        // So that nothing is louder than full scale.
        for side in 0..CHANNELS {
            let sum: f32 = gains.iter().filter_map(|gain| gain.get(side)).sum();
            for gain in gains.iter_mut().filter_map(|gain| gain.get_mut(side)) {
                *gain /= sum.max(1.0);
            }
        }
        Self(gains)
    }

    /// Appends what interleaved values become, but for the first `skip` samples of each channel.
    fn down(&self, values: &[f32], skip: usize, to: &mut Vec<f32>) {
        for frame in values.chunks_exact(self.0.len()).skip(skip) {
            let mut sides = [0.0; CHANNELS];
            for (value, gains) in frame.iter().zip(&self.0) {
                for (side, gain) in sides.iter_mut().zip(gains) {
                    *side += value * gain;
                }
            }
            to.extend(sides);
        }
    }
}

/// After ITU-R BS.775: front as it is, centre and surround at half the power, without the low frequency effects.
fn gains(position: Position) -> [f32; CHANNELS] {
    const LEFT: Position =
        Position::FRONT_LEFT.union(Position::FRONT_LEFT_WIDE).union(Position::FRONT_LEFT_CENTER);
    const RIGHT: Position =
        Position::FRONT_RIGHT.union(Position::FRONT_RIGHT_WIDE).union(Position::FRONT_RIGHT_CENTER);
    const LEFT_AROUND: Position = Position::REAR_LEFT
        .union(Position::SIDE_LEFT)
        .union(Position::TOP_FRONT_LEFT)
        .union(Position::TOP_REAR_LEFT)
        .union(Position::TOP_SIDE_LEFT);
    const RIGHT_AROUND: Position = Position::REAR_RIGHT
        .union(Position::SIDE_RIGHT)
        .union(Position::TOP_FRONT_RIGHT)
        .union(Position::TOP_REAR_RIGHT)
        .union(Position::TOP_SIDE_RIGHT);
    const LOW: Position = Position::LFE1.union(Position::LFE2);
    match position {
        _ if LEFT.contains(position) => [1.0, 0.0],
        _ if RIGHT.contains(position) => [0.0, 1.0],
        _ if LEFT_AROUND.contains(position) => [BOTH, 0.0],
        _ if RIGHT_AROUND.contains(position) => [0.0, BOTH],
        _ if LOW.contains(position) => [0.0, 0.0],
        _ => [BOTH, BOTH],
    }
}

fn failed(error: &Error) -> SourceError {
    format!("it could not be decoded: {error}").into()
}
