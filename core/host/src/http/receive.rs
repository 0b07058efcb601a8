//! An answer, as it comes in: to memory, inflated on the way, or to a file.

use std::fmt;
use std::io::{self, Write};
use std::path::Path;

use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use sanscord::machine::{Response, Save, Unanswered};
use tempfile::NamedTempFile;

use super::{Faults, IN_MEMORY, Meter, PIECE, folder, local};

/// What becomes of an answer.
#[derive(Debug)]
pub struct Answer {
    save: Option<Save>,
    /// Whether gzip was offered.
    inflate: bool,
    meter: Meter,
    faults: Faults,
}

/// Takes the body of an answer.
#[derive(Debug)]
pub struct Receiver {
    response: Response,
    sink: Sink,
    meter: Meter,
    faults: Faults,
    limit: u64,
    received: u64,
}

enum Sink {
    Memory(Vec<u8>),
    Gzip(Box<MultiGzDecoder<Bounded>>),
    File { file: NamedTempFile, path: Box<str>, waiting: Vec<u8> },
}

impl Answer {
    pub(super) const fn new(save: Option<Save>, inflate: bool, meter: Meter, faults: Faults) -> Self {
        Self { save, inflate, meter, faults }
    }

    /// Whether [`Answer::begin`] touches the disk if the status is a success.
    #[must_use]
    pub const fn uses_disk(&self) -> bool {
        self.save.is_some()
    }

    /// The head is there.
    ///
    /// # Errors
    ///
    /// `Fault::TooLong` if the body is said to be longer than may be, `Fault::Local` if there can be no file.
    pub fn begin(self, status: u16, headers: Vec<(Box<str>, Box<str>)>) -> Result<Receiver, Unanswered> {
        let mut response = Response { status, headers, body: Bytes::new() };
        let length = response.header("content-length").and_then(|length| length.parse::<u64>().ok());
        let save = self.save.filter(|_| response.is_success());
        let limit = save.as_ref().map_or(IN_MEMORY, |save| save.limit);
        if length.is_some_and(|length| length > limit) {
            return Err(self.faults.too_long(limit));
        }
        self.meter.note(|progress| progress.to_receive = length);
        let is_gzip = |name: &str| name.trim().eq_ignore_ascii_case("gzip");
        let sink = match save {
            Some(save) => Sink::File {
                file: create(&save.path).map_err(|error| unsaved(&save.path, &error))?,
                path: save.path,
                waiting: Vec::new(),
            },
            None if self.inflate && response.header("content-encoding").is_some_and(is_gzip) => {
                // They speak of what was sent, not of what is handed on.
                response
                    .headers
                    .retain(|(name, _)| !matches!(&**name, "content-encoding" | "content-length"));
                Sink::Gzip(Box::new(MultiGzDecoder::new(Bounded::default())))
            }
            None => Sink::Memory(Vec::new()),
        };
        Ok(Receiver { response, sink, meter: self.meter, faults: self.faults, limit, received: 0 })
    }
}

impl Receiver {
    /// Takes a piece of the body. It never waits for the disk.
    ///
    /// # Errors
    ///
    /// `Fault::TooLong` if the body is longer than may be, `Fault::Lost` if it is no gzip though it says so.
    pub fn push(&mut self, piece: &[u8]) -> Result<(), Unanswered> {
        self.received += piece.len() as u64;
        if self.received > self.limit {
            return Err(self.faults.too_long(self.limit));
        }
        match &mut self.sink {
            Sink::Memory(body) => body.extend_from_slice(piece),
            Sink::File { waiting, .. } => waiting.extend_from_slice(piece),
            Sink::Gzip(decoder) => {
                let written = decoder.write_all(piece);
                written.map_err(|_| broken(&self.faults, decoder.get_ref()))?;
            }
        }
        self.meter.note(|progress| progress.received += piece.len() as u64);
        Ok(())
    }

    /// Whether so much waits to be written that [`Receiver::flush`] is due.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!(&self.sink, Sink::File { waiting, .. } if waiting.len() >= PIECE)
    }

    /// Whether [`Receiver::finish`] touches the disk.
    #[must_use]
    pub const fn uses_disk(&self) -> bool {
        matches!(self.sink, Sink::File { .. })
    }

    /// Writes what waits to be written. Waits for the disk.
    ///
    /// # Errors
    ///
    /// `Fault::Local` if it cannot be written.
    pub fn flush(&mut self) -> Result<(), Unanswered> {
        if let Sink::File { file, path, waiting } = &mut self.sink {
            file.write_all(waiting).map_err(|error| unsaved(path, &error))?;
            waiting.clear();
        }
        Ok(())
    }

    /// The body is there as a whole. A file that was saved now has its name.
    ///
    /// # Errors
    ///
    /// `Fault::Local` if it cannot be written, `Fault::Lost` if gzip ends in its middle.
    pub fn finish(mut self) -> Result<Response, Unanswered> {
        self.flush()?;
        match self.sink {
            Sink::Memory(body) => self.response.body = body.into(),
            Sink::Gzip(_) if self.received == 0 => {}
            Sink::Gzip(decoder) => match inflated(*decoder) {
                Ok(body) => self.response.body = body.into(),
                Err(bounded) => return Err(broken(&self.faults, &bounded)),
            },
            Sink::File { file, path, .. } => {
                let kept = file.as_file().sync_all();
                kept.map_err(|error| unsaved(&path, &error))?;
                file.persist_noclobber(&*path).map_err(|error| unsaved(&path, &error.error))?;
            }
        }
        self.meter.finish();
        Ok(self.response)
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory(body) => write!(f, "Memory({} bytes)", body.len()),
            Self::Gzip(decoder) => write!(f, "Gzip({} bytes)", decoder.get_ref().bytes.len()),
            Self::File { path, .. } => write!(f, "File({path})"),
        }
    }
}

/// Everything that is in it, or how far it came.
fn inflated(mut decoder: MultiGzDecoder<Bounded>) -> Result<Vec<u8>, Bounded> {
    let ended = decoder.try_finish();
    // After an end nothing is left to be written that could fail.
    match (ended, std::mem::take(decoder.get_mut())) {
        (Ok(()), bounded) => Ok(bounded.bytes),
        (Err(_), bounded) => Err(bounded),
    }
}

fn broken(faults: &Faults, bounded: &Bounded) -> Unanswered {
    if bounded.is_full {
        faults.too_long(IN_MEMORY)
    } else {
        faults.garbled("no whole gzip, though it says so")
    }
}

/// Bytes, at most as many as an answer may have.
#[derive(Debug, Default)]
struct Bounded {
    bytes: Vec<u8>,
    is_full: bool,
}

impl Write for Bounded {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if (self.bytes.len() + data.len()) as u64 > IN_MEMORY {
            self.is_full = true;
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A file beside the one that is to be; it is removed if it does not get there.
fn create(path: &str) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".").suffix(".part");
    // As any new file, not for its owner alone as temporary ones are.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder(Path::new(path)))
}

fn unsaved(path: &str, error: &io::Error) -> Unanswered {
    local(format!("the answer cannot be saved as {path}: {error}"))
}
