//! Audio files laid over each other.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use sanscord::machine::Encoding;
use sanscord::record::{self, Format};

use super::ffmpeg::{Process, Program, explain};
use super::plain;
#[cfg(feature = "opus")]
use super::{
    source::{Samples, Source},
    transcode::encoder,
};

/// How to mix, where ffmpeg is needed for it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct MixOptions {
    /// The ffmpeg to run: a path, or a name to be sought where the system seeks programs. By default `ffmpeg`.
    pub ffmpeg: Box<str>,
    /// Options that stand before the new file's name. By default none.
    pub ffmpeg_options: Vec<Box<str>>,
    /// How long ffmpeg may stand still until it is killed. By default 30 s.
    pub timeout: Duration,
}

impl Default for MixOptions {
    fn default() -> Self {
        let config = record::Config::new("");
        Self { ffmpeg: config.ffmpeg, ffmpeg_options: config.ffmpeg_options, timeout: config.encode_timeout }
    }
}

/// Why files could not be mixed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{reason}")]
#[non_exhaustive]
pub struct MixError {
    /// A sentence that says what to do, where that is known.
    pub reason: String,
}

/// Lays the files of a recording over each other in a new one, whose extension says its format: `opus`, `wav`, `flac`,
/// or another for ffmpeg. Samples are added up, and cut where they are too loud. One file of the same format is copied.
/// `false`, and no file, if there is nothing to mix.
///
/// Files of Ogg Opus, WAV (48 kHz, stereo, 16 bits) and FLAC (the same) are mixed here if the feature `opus` is on;
/// everything else takes an installed ffmpeg. The call waits until the file is complete, and needs the same bounded
/// memory however long the files are; each is held open. A recording can also mix itself in the end: see
/// [`record::Config::mix`].
///
/// # Errors
/// If one cannot be read, or the new file not be written, or is there already: that one is not touched. There is no
/// new file then.
pub fn mix(
    inputs: &[impl AsRef<Path>],
    path: impl AsRef<Path>,
    options: &MixOptions,
) -> Result<bool, MixError> {
    let path = path.as_ref();
    let inputs: Vec<PathBuf> = inputs.iter().map(|input| input.as_ref().to_owned()).collect();
    if inputs.is_empty() {
        return Ok(false);
    }
    let format = path.to_str().ok_or_else(|| "the new file's name is not readable text".to_owned());
    let format = format.and_then(|path| Format::of_path(path).map_err(|error| error.to_string()));
    let ffmpeg = || Encoding::Ffmpeg {
        program: options.ffmpeg.clone(),
        options: options.ffmpeg_options.clone(),
        timeout: options.timeout,
    };
    let encoding = format.map(|format| match format {
        Format::Opus => Encoding::Plain,
        Format::Wav => Encoding::Wav,
        Format::Flac => Encoding::Flac,
        Format::Other(_) => ffmpeg(),
    });
    let mixed = encoding.and_then(|encoding| {
        let is_here = !matches!(plan(&inputs, path, &encoding), Plan::Ffmpeg);
        run(&inputs, path, &if is_here { encoding } else { ffmpeg() }, &Arc::default())
    });
    mixed.map(|()| true).map_err(|reason| MixError { reason })
}

enum Plan {
    Copy,
    /// In this process.
    #[cfg(feature = "opus")]
    Here,
    Ffmpeg,
}

fn plan(inputs: &[PathBuf], path: &Path, encoding: &Encoding) -> Plan {
    match inputs {
        [input] if input.extension() == path.extension() => Plan::Copy,
        #[cfg(feature = "opus")]
        _ if !matches!(encoding, Encoding::Ffmpeg { .. })
            && inputs.iter().all(|input| Source::reads(input)) =>
        {
            Plan::Here
        }
        _ => {
            let _ = encoding;
            Plan::Ffmpeg
        }
    }
}

/// Mixes at least one file into a new one; leaves none behind if that fails, or `stopped` becomes true.
pub(super) fn run(
    inputs: &[PathBuf],
    path: &Path,
    encoding: &Encoding,
    stopped: &AtomicBool,
) -> Result<(), String> {
    let plan = plan(inputs, path, encoding);
    if let Plan::Ffmpeg = plan {
        return by_ffmpeg(inputs, path, &Program::of(encoding), stopped);
    }
    let file = plain::create(path)
        .map_err(|error| format!("{} could not be created: {}", path.display(), explain(&error)))?;
    let mixed = match inputs {
        [input] if matches!(plan, Plan::Copy) => copy(input, file),
        #[cfg(feature = "opus")]
        _ => here(inputs, file, encoding, stopped),
        #[cfg(not(feature = "opus"))]
        _ => Err(Failure::Write(io::Error::other("it takes the feature `opus`"))),
    };
    mixed.map_err(|failure| {
        // What went wrong is told already.
        let _ = fs::remove_file(path);
        match failure {
            Failure::Read(input, error) => format!("{} could not be read: {error}", input.display()),
            Failure::Write(error) => format!("{} could not be written: {}", path.display(), explain(&error)),
            #[cfg(feature = "opus")]
            Failure::Stopped => "mixing was stopped".into(),
        }
    })
}

enum Failure {
    Read(PathBuf, io::Error),
    Write(io::Error),
    #[cfg(feature = "opus")]
    Stopped,
}

fn copy(input: &Path, mut file: fs::File) -> Result<(), Failure> {
    let mut from = fs::File::open(input).map_err(|error| Failure::Read(input.into(), error))?;
    io::copy(&mut from, &mut file).and_then(|_| file.sync_all()).map_err(Failure::Write)
}

#[cfg(feature = "opus")]
fn here(
    inputs: &[PathBuf],
    file: fs::File,
    encoding: &Encoding,
    stopped: &AtomicBool,
) -> Result<(), Failure> {
    let mut sources = Vec::with_capacity(inputs.len());
    for path in inputs {
        let source = Source::open(path).map_err(|error| Failure::Read(path.clone(), error))?;
        sources.push((path, source, Samples::default()));
    }
    let mut encoder = encoder(file, encoding).map_err(Failure::Write)?;
    let (mut sums, mut mixed) = (Vec::new(), Vec::new());
    loop {
        if stopped.load(Ordering::Relaxed) {
            return Err(Failure::Stopped);
        }
        sums.clear();
        for (path, source, samples) in &mut sources {
            source.fill(samples, BLOCK).map_err(|error| Failure::Read(path.clone(), error))?;
            let length = samples.0.len().min(BLOCK);
            if sums.len() < length {
                sums.resize(length, 0_i32);
            }
            for (sum, sample) in sums.iter_mut().zip(samples.0.drain(..length)) {
                *sum += i32::from(sample);
            }
        }
        if sums.is_empty() {
            return encoder.finish().map_err(Failure::Write);
        }
        mixed.clear();
        mixed.extend(sums.iter().map(|&sum| sum.clamp(i16::MIN.into(), i16::MAX.into()) as i16));
        encoder.write(&mixed).and_then(|()| encoder.flush()).map_err(Failure::Write)?;
    }
}

fn by_ffmpeg(inputs: &[PathBuf], path: &Path, program: &Program, stopped: &AtomicBool) -> Result<(), String> {
    let (tell, told) = channel();
    let process = Process::mix(program, inputs, path, move |end| {
        // Nobody is gone before it is told.
        let _ = tell.send(end);
    })?;
    let kill = process.killer();
    let end = loop {
        match told.recv_timeout(GLANCE) {
            Ok(end) => break end,
            Err(RecvTimeoutError::Timeout) if stopped.load(Ordering::Relaxed) => kill(),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                break Err("the thread that waits for ffmpeg is gone".into());
            }
        }
    };
    if end.is_err() {
        // Part of a mix is of no use.
        let _ = fs::remove_file(path);
    }
    end
}

/// Samples that are mixed at once, both sides counted: a tenth of a second.
#[cfg(feature = "opus")]
const BLOCK: usize = 9600;
/// How often a mix by ffmpeg looks whether it is to stop.
const GLANCE: Duration = Duration::from_millis(100);
