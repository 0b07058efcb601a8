//! Which reader a file needs.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read, Seek};
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use sanscord::play::Source;

use super::SourceError;
#[cfg(feature = "opus")]
use super::decode::Decoder;
use super::ogg::OggOpus;
#[cfg(feature = "opus")]
use super::opus_pcm::OpusPcm;
#[cfg(feature = "opus")]
use super::pcm::{OpusEncoder, Pcm, PcmSource, integer};

/// A file that is played.
#[derive(Debug)]
pub(crate) struct FileSource {
    path: Box<str>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// Packets as they are.
    Packets(Box<OggOpus<BufReader<File>>>),
    /// Samples, encoded.
    #[cfg(feature = "opus")]
    Samples(Box<PcmSource<Box<dyn Pcm>>>),
}

impl FileSource {
    /// Opens what is to be played.
    ///
    /// # Errors
    /// Why it cannot be, and what to do.
    pub(crate) fn open(path: &Path) -> Result<Self, SourceError> {
        let name = path.to_string_lossy().into();
        let kind = open(path).map_err(|error| at(path, &error))?;
        Ok(Self { path: name, kind })
    }

    fn explain(path: &str, error: SourceError) -> Box<str> {
        at(Path::new(path), &error).into()
    }
}

impl Source for FileSource {
    fn read(&mut self) -> Result<Option<Bytes>, Box<str>> {
        match &mut self.kind {
            Kind::Packets(ogg) => {
                let block = ogg.read().map_err(|error| Self::explain(&self.path, error))?;
                Ok(block.map(|block| block.opus))
            }
            #[cfg(feature = "opus")]
            Kind::Samples(samples) => samples.read(),
        }
    }

    fn seek(&mut self, at: Duration) -> Result<Duration, Box<str>> {
        match &mut self.kind {
            Kind::Packets(ogg) => {
                ogg.seek(at, Duration::ZERO).map_err(|error| Self::explain(&self.path, error))
            }
            #[cfg(feature = "opus")]
            Kind::Samples(samples) => samples.seek(at),
        }
    }

    #[cfg(feature = "opus")]
    fn set_volume(&mut self, volume: f32) -> Result<(), Box<str>> {
        if let Kind::Packets(ogg) = &self.kind {
            if volume.to_bits() == 1.0_f32.to_bits() {
                return Ok(());
            }
            // From now on it is decoded, and goes on from where it was.
            let here = ogg.position();
            let explain = |error| Self::explain(&self.path, error);
            let opened = OggOpus::new(reader(Path::new(&*self.path)).map_err(explain)?).map_err(explain)?;
            let pcm: Box<dyn Pcm> = Box::new(OpusPcm::new(opened).map_err(explain)?);
            let mut samples = PcmSource::new(pcm, OpusEncoder::new().map_err(explain)?);
            samples.seek(here)?;
            self.kind = Kind::Samples(Box::new(samples));
        }
        match &mut self.kind {
            Kind::Samples(samples) => samples.set_volume(volume),
            Kind::Packets(_) => Ok(()),
        }
    }

    #[cfg(not(feature = "opus"))]
    fn set_volume(&mut self, volume: f32) -> Result<(), Box<str>> {
        if volume.to_bits() == 1.0_f32.to_bits() {
            return Ok(());
        }
        Err(format!("the volume of {} can only be set with the feature `opus`", self.path).into())
    }

    fn duration(&self) -> Option<Duration> {
        match &self.kind {
            Kind::Packets(ogg) => ogg.duration(),
            #[cfg(feature = "opus")]
            Kind::Samples(samples) => samples.duration(),
        }
    }
}

/// All samples of an audio file, at 48 kHz, left and right in turns: 11 MiB for each minute.
///
/// # Errors
/// [`SourceError`] if it cannot be read: what is wrong, and what to do.
#[cfg(feature = "opus")]
pub fn file_to_pcm(path: impl AsRef<Path>) -> Result<Vec<i16>, SourceError> {
    let mut pcm = samples_of(path.as_ref())?;
    let (mut samples, mut some) = (Vec::new(), Vec::new());
    loop {
        let more = pcm.read(&mut some)?;
        samples.extend(some.drain(..).map(integer));
        if !more {
            return Ok(samples);
        }
    }
}

/// A file's samples at 48 kHz, stereo.
#[cfg(feature = "opus")]
pub(super) fn samples_of(path: &Path) -> Result<Box<dyn Pcm>, SourceError> {
    let open = || -> Result<Box<dyn Pcm>, SourceError> {
        let file = reader(path)?;
        match sniff(file)? {
            Sniffed::Opus(file) => Ok(Box::new(OpusPcm::new(OggOpus::new(file)?)?)),
            Sniffed::Other(file) => Ok(Box::new(Decoder::new(file.into_inner(), path)?)),
        }
    };
    open().map_err(|error| at(path, &error))
}

fn open(path: &Path) -> Result<Kind, SourceError> {
    match sniff(reader(path)?)? {
        Sniffed::Opus(file) => Ok(Kind::Packets(Box::new(OggOpus::new(file)?))),
        #[cfg(feature = "opus")]
        Sniffed::Other(file) => {
            let pcm: Box<dyn Pcm> = Box::new(Decoder::new(file.into_inner(), path)?);
            Ok(Kind::Samples(Box::new(PcmSource::new(pcm, OpusEncoder::new()?))))
        }
        #[cfg(not(feature = "opus"))]
        Sniffed::Other(_) => Err(
            "it is no Ogg Opus file; other formats need the feature `opus`, or `ffmpeg -i <it> <it>.opus`"
                .into(),
        ),
    }
}

fn reader(path: &Path) -> Result<BufReader<File>, SourceError> {
    let file = File::open(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => "there is no such file".into(),
        ErrorKind::PermissionDenied => "it may not be read: see its permissions".into(),
        _ => SourceError::from(format!("it could not be opened: {error}")),
    })?;
    let metadata =
        file.metadata().map_err(|error| SourceError::from(format!("it could not be read: {error}")))?;
    if metadata.is_dir() {
        return Err("it is a folder: name a file in it".into());
    }
    if metadata.len() == 0 && metadata.is_file() {
        return Err("it is empty".into());
    }
    Ok(BufReader::new(file))
}

enum Sniffed {
    Opus(BufReader<File>),
    #[cfg_attr(not(feature = "opus"), expect(dead_code, reason = "only the feature `opus` plays it"))]
    Other(BufReader<File>),
}

/// An Ogg file has the header of each of its streams on a page of its own, before all else (RFC 3533, section 4).
fn sniff(mut file: BufReader<File>) -> Result<Sniffed, SourceError> {
    /// So many streams begin within so many bytes, mostly one.
    const BEGINNING: u64 = 4096;
    let mut head = Vec::new();
    (&mut file)
        .take(BEGINNING)
        .read_to_end(&mut head)
        .and_then(|_| file.rewind())
        .map_err(|error| SourceError::from(format!("it could not be read: {error}")))?;
    let is_opus = head.starts_with(b"OggS") && head.windows(8).any(|part| part == b"OpusHead");
    Ok(if is_opus { Sniffed::Opus(file) } else { Sniffed::Other(file) })
}

fn at(path: &Path, error: &SourceError) -> SourceError {
    format!("{} cannot be played: {error}", path.display()).into()
}
