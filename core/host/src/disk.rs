//! Files as a machine writes them: created, appended to, brought to the disk; and audio in other formats, made of the
//! Ogg Opus streams that machines write.
//!
//! WAV, FLAC and mixing in process need the feature `opus`. Other formats, and mixing without it, need an installed
//! ffmpeg.

#[cfg(feature = "opus")]
mod decode;
#[cfg(feature = "opus")]
mod encode;
#[cfg(feature = "opus")]
mod encoder;
mod ffmpeg;
#[cfg(feature = "opus")]
mod flac;
mod mix;
mod plain;
#[cfg(feature = "opus")]
mod source;
#[cfg(feature = "opus")]
mod transcode;
#[cfg(feature = "opus")]
mod wav;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::Bytes;
use sanscord::machine::{Encoding, FileId, FileReport};
use sanscord::opus::SILENCE;
use sanscord::record::ogg::PageWriter;
use tracing::debug;

use self::ffmpeg::{Process, Program, explain};
pub use self::mix::{MixError, MixOptions, mix};
use self::plain::Plain;

/// How many steps may wait to be written; with one more, the driver waits for the disk.
pub const STEPS: usize = 1024;

/// One thing to do with a file, as [`Output`](sanscord::machine::Output) names it.
#[derive(Debug)]
pub enum Step {
    /// Create it, and its folder where missing.
    Open {
        /// Where.
        path: Box<str>,
        /// What is made of what is appended.
        encoding: Encoding,
    },
    /// Append to it.
    Append(Bytes),
    /// Put this in place of all that it holds.
    Replace(Bytes),
    /// Bring it to the disk and close it.
    Close,
    /// Say whether such a file can be made.
    Check {
        /// Such a file's path.
        path: Box<str>,
        /// How it would come about.
        encoding: Encoding,
        /// Whether by mixing.
        mix: bool,
    },
    /// Mix files into a new one.
    Mix {
        /// What to mix.
        inputs: Box<[Box<str>]>,
        /// The new file.
        path: Box<str>,
        /// The new file's format.
        encoding: Encoding,
    },
}

/// The open files. Every call may wait for the disk; none waits for an ffmpeg longer than its timeout.
pub struct Disk {
    report: Arc<dyn Fn(FileId, FileReport) + Send + Sync>,
    files: HashMap<FileId, (Box<str>, Writer)>,
    /// Threads that mix, check, or wait for an ffmpeg, and how to kill that.
    jobs: Vec<(JoinHandle<()>, Option<Killer>)>,
    /// Tells those that mix to give up.
    stopped: Arc<AtomicBool>,
}

type Killer = Box<dyn Fn() + Send>;

enum Writer {
    Plain(Plain),
    Process(Process),
    #[cfg(feature = "opus")]
    Sound(Box<transcode::Transcoder>),
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Disk({} files)", self.files.len())
    }
}

impl Disk {
    /// Without files. `report` hears what becomes of each, from this thread and others: once at most, except that a
    /// file that has failed may be said to have failed again.
    #[must_use]
    pub fn new(report: impl Fn(FileId, FileReport) + Send + Sync + 'static) -> Self {
        let report = move |file: FileId, told: FileReport| {
            debug!(file = file.as_u64(), report = ?told, "file");
            report(file, told);
        };
        Self { report: Arc::new(report), files: HashMap::new(), jobs: Vec::new(), stopped: Arc::default() }
    }

    /// Does one step. Steps for a file that has failed are ignored.
    pub fn perform(&mut self, id: FileId, step: Step) {
        let end = match step {
            Step::Open { path, encoding } => self.open(id, path, &encoding),
            Step::Append(data) => self.write(id, |writer| writer.append(data)),
            Step::Replace(data) => self.write(id, |writer| writer.replace(&data)),
            Step::Close => self.close(id),
            Step::Check { path, encoding, mix } => self.check(id, &path, &encoding, mix),
            Step::Mix { inputs, path, encoding } => self.mix(id, &inputs, path, &encoding),
        };
        if let Err(reason) = end {
            self.files.remove(&id);
            (self.report)(id, FileReport::Failed { reason: reason.into() });
        }
    }

    fn open(&mut self, id: FileId, path: Box<str>, encoding: &Encoding) -> Result<(), String> {
        let place = Path::new(&*path);
        let writer = match encoding {
            Encoding::Plain => {
                Plain::create(place).map(Writer::Plain).map_err(|error| failed("created", &path, &error))?
            }
            Encoding::Ffmpeg { .. } => {
                let program = Program::of(encoding);
                let done = self.teller(id);
                let process = Process::encode(&program, place, done)?;
                Writer::Process(process)
            }
            #[cfg(feature = "opus")]
            Encoding::Wav | Encoding::Flac => {
                let transcoder = transcode::Transcoder::create(place, encoding);
                Writer::Sound(Box::new(transcoder.map_err(|error| failed("created", &path, &error))?))
            }
            #[cfg(not(feature = "opus"))]
            Encoding::Wav | Encoding::Flac => return Err(without_opus(encoding)),
        };
        self.files.insert(id, (path, writer));
        Ok(())
    }

    fn write(&mut self, id: FileId, write: impl FnOnce(&mut Writer) -> io::Result<()>) -> Result<(), String> {
        let Some((path, writer)) = self.files.get_mut(&id) else { return Ok(()) };
        write(writer).map_err(|error| failed("written", path, &error))
    }

    fn close(&mut self, id: FileId) -> Result<(), String> {
        let Some((path, writer)) = self.files.remove(&id) else { return Ok(()) };
        let finished = match writer {
            Writer::Plain(file) => file.finish(),
            #[cfg(feature = "opus")]
            Writer::Sound(sound) => sound.finish(),
            Writer::Process(process) => {
                self.keep(process);
                return Ok(());
            }
        };
        finished.map_err(|error| failed("brought to the disk", &path, &error))?;
        (self.report)(id, FileReport::Closed);
        Ok(())
    }

    fn check(&mut self, id: FileId, path: &str, encoding: &Encoding, mix: bool) -> Result<(), String> {
        let by_ffmpeg = matches!(encoding, Encoding::Ffmpeg { .. }) || (mix && !cfg!(feature = "opus"));
        if !by_ffmpeg {
            #[cfg(not(feature = "opus"))]
            if *encoding != Encoding::Plain {
                return Err(without_opus(encoding));
            }
            (self.report)(id, FileReport::Closed);
            return Ok(());
        }
        let told = self.teller(id);
        let process = rehearse(Program::of(encoding), path, told)?;
        self.keep(process);
        Ok(())
    }

    fn mix(
        &mut self,
        id: FileId,
        inputs: &[Box<str>],
        path: Box<str>,
        encoding: &Encoding,
    ) -> Result<(), String> {
        let (encoding, told, stopped) = (encoding.clone(), self.teller(id), Arc::clone(&self.stopped));
        let inputs: Vec<_> = inputs.iter().map(|input| Path::new(&**input).to_owned()).collect();
        let thread = thread::Builder::new().name("sanscord-mix".into()).spawn(move || {
            told(mix::run(&inputs, Path::new(&*path), &encoding, &stopped));
        });
        let thread = thread.map_err(|error| format!("no thread could be had to mix: {error}"))?;
        self.jobs.retain(|(job, _)| !job.is_finished());
        self.jobs.push((thread, None));
        Ok(())
    }

    /// Tells what became of a file.
    fn teller(&self, id: FileId) -> impl FnOnce(Result<(), String>) + Send + 'static + use<> {
        let report = Arc::clone(&self.report);
        move |end| {
            let told = end
                .map_or_else(|reason| FileReport::Failed { reason: reason.into() }, |()| FileReport::Closed);
            report(id, told);
        }
    }

    /// Lets a process end.
    fn keep(&mut self, process: Process) {
        self.jobs.retain(|(job, _)| !job.is_finished());
        let killer = Box::new(process.killer());
        self.jobs.push((process.close(), Some(killer)));
    }

    /// Brings files that were left open to the disk, and ends what is under way.
    pub fn finish(mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        for kill in self.jobs.iter().filter_map(|(_, killer)| killer.as_ref()) {
            kill();
        }
        for (path, writer) in self.files.into_values() {
            let finished = match writer {
                Writer::Plain(file) => file.finish(),
                #[cfg(feature = "opus")]
                Writer::Sound(sound) => sound.finish(),
                Writer::Process(process) => {
                    // It has what it was given, and may end in its time.
                    self.jobs.push((process.close(), None));
                    Ok(())
                }
            };
            if let Err(error) = finished {
                debug!(%path, %error, "file left open could not be brought to the disk");
            }
        }
        for (job, _) in self.jobs {
            // One that panicked has nothing more to tell.
            let _ = job.join();
        }
    }
}

impl Writer {
    fn append(&mut self, data: Bytes) -> io::Result<()> {
        match self {
            Self::Plain(file) => file.append(&data),
            Self::Process(process) => {
                process.append(data);
                Ok(())
            }
            #[cfg(feature = "opus")]
            Self::Sound(sound) => sound.append(&data),
        }
    }

    fn replace(&mut self, data: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(file) => file.replace(data),
            _ => Err(io::Error::other("only a plain file can be replaced")),
        }
    }
}

impl Program {
    /// What an encoding says; by default `ffmpeg`, and its timeout 30 s.
    fn of(encoding: &Encoding) -> Self {
        match encoding {
            Encoding::Ffmpeg { program, options, timeout } => Self {
                name: (&**program).into(),
                options: options.iter().map(|option| (&**option).into()).collect(),
                timeout: *timeout,
            },
            Encoding::Plain | Encoding::Wav | Encoding::Flac => {
                Self { name: "ffmpeg".into(), options: Vec::new(), timeout: Duration::from_secs(30) }
            }
        }
    }
}

/// Lets ffmpeg write a second of silence to a temporary file of the same extension.
fn rehearse(
    mut program: Program,
    path: &str,
    told: impl FnOnce(Result<(), String>) + Send + 'static,
) -> Result<Process, String> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let extension = Path::new(path).extension().unwrap_or_default().display();
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("sanscord-check-{}-{number}.{extension}", std::process::id());
    let place = std::env::temp_dir().join(name);
    let named = path.to_owned();
    program.timeout = program.timeout.min(REHEARSAL);
    let spare = place.clone();
    // The user knows of no temporary file.
    let explain = move |reason: String| reason.replace(&*place.to_string_lossy(), &named);
    let explain_late = explain.clone();
    let process = Process::encode(&program, &spare.clone(), move |end| {
        // It may not be there.
        let _ = fs::remove_file(&spare);
        told(end.map_err(explain_late));
    });
    let process = process.map_err(explain)?;
    let (mut writer, head) = PageWriter::new(1, 0, &[]);
    process.append(head);
    let (packet, samples) = SILENCE[1];
    for _ in 0..50 {
        // Fifty packets fit on a page.
        let _ = writer.push(packet, samples);
    }
    process.append(writer.finish(0));
    Ok(process)
}

fn failed(verb: &str, path: &str, error: &io::Error) -> String {
    format!("{path} could not be {verb}: {}", explain(error))
}

#[cfg(not(feature = "opus"))]
fn without_opus(encoding: &Encoding) -> String {
    let name = if *encoding == Encoding::Flac { "FLAC" } else { "WAV" };
    format!(
        "{name} needs the feature `opus`, without which this program was built: turn it on, or record as .opus"
    )
}

/// How long the check of a format may take at most.
const REHEARSAL: Duration = Duration::from_secs(10);
