//! The body of a request, piece by piece.

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};

use bytes::{Buf, Bytes};
use sanscord::machine::{Body, Part, Unanswered};

use super::{Faults, Meter, PIECE, local};

/// A body that is to be sent: its files are open, and their lengths known.
pub struct Upload {
    parts: VecDeque<Source>,
    length: u64,
    meter: Meter,
    faults: Faults,
    /// What [`Read`] has not handed out yet.
    rest: Bytes,
}

enum Source {
    Bytes(Bytes),
    File { file: File, path: Box<str>, left: u64 },
}

/// Shows how long it is, not what it says.
impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Upload({} bytes)", self.length)
    }
}

impl Upload {
    pub(super) fn open(body: Body, limit: u64, meter: Meter, faults: Faults) -> Result<Self, Unanswered> {
        let parts = match body {
            Body::Empty => Vec::new(),
            Body::Bytes(bytes) => vec![Part::Bytes(bytes)],
            Body::Parts(parts) => parts,
        };
        let (mut sources, mut length) = (VecDeque::with_capacity(parts.len()), 0_u64);
        for part in parts {
            let (source, long) = match part {
                Part::Bytes(bytes) => {
                    let long = bytes.len() as u64;
                    (Source::Bytes(bytes), long)
                }
                Part::File { path, limit } => {
                    let (file, left) = open(&path, limit)?;
                    (Source::File { file, path, left }, left)
                }
            };
            length = length.saturating_add(long);
            if long > 0 {
                sources.push_back(source);
            }
        }
        if length > limit {
            let what = format!("the request has {length} bytes with its files, and may have at most {limit}");
            return Err(local(what));
        }
        meter.set(|progress| progress.to_send = length);
        Ok(Self { parts: sources, length, meter, faults, rest: Bytes::new() })
    }

    /// How long it is as a whole, in bytes.
    #[must_use]
    pub const fn length(&self) -> u64 {
        self.length
    }

    /// Whether the next piece comes from the disk, and may have to be waited for.
    #[must_use]
    pub fn uses_disk(&self) -> bool {
        matches!(self.parts.front(), Some(Source::File { .. }))
    }

    /// The next piece, of at most [`PIECE`] bytes; `None` behind the last. Waits for the disk if it
    /// [must](Upload::uses_disk).
    ///
    /// # Errors
    ///
    /// `Fault::Local` if a file cannot be read or has changed its length. The [`Faults`] know it then.
    pub fn next_piece(&mut self) -> Option<Result<Bytes, Unanswered>> {
        let (piece, is_empty) = match self.parts.front_mut()? {
            Source::Bytes(bytes) => (Ok(bytes.split_to(bytes.len().min(PIECE))), bytes.is_empty()),
            Source::File { file, path, left } => {
                let piece = read(file, path, left);
                (piece, *left == 0)
            }
        };
        match &piece {
            Ok(piece) => self.meter.note(|progress| progress.sent += piece.len() as u64),
            Err(unanswered) => self.faults.note(unanswered),
        }
        if is_empty || piece.is_err() {
            self.parts.pop_front();
        }
        Some(piece)
    }
}

/// For HTTP clients that read what they send.
impl Read for Upload {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.rest.is_empty() {
            match self.next_piece() {
                Some(Ok(piece)) => self.rest = piece,
                Some(Err(unanswered)) => return Err(io::Error::other(unanswered.reason.into_string())),
                None => return Ok(0),
            }
        }
        let length = self.rest.len().min(buf.len());
        self.rest.copy_to_slice(&mut buf[..length]);
        Ok(length)
    }
}

fn open(path: &str, limit: u64) -> Result<(File, u64), Unanswered> {
    let fail = |what: &dyn std::fmt::Display| local(format!("the file {path} cannot be sent: {what}"));
    // Looked at before it is opened: opening a pipe would wait for its other end.
    let is_file = |metadata: std::fs::Metadata| {
        if metadata.is_dir() {
            Err(fail(&"it is a folder"))
        } else if !metadata.is_file() {
            Err(fail(&"it is no ordinary file"))
        } else if metadata.len() > limit {
            let length = metadata.len();
            Err(fail(&format_args!("it has {length} bytes, and may have at most {limit}")))
        } else {
            Ok(metadata.len())
        }
    };
    std::fs::metadata(path).map_err(|error| fail(&error)).and_then(is_file)?;
    let file = File::open(path).map_err(|error| fail(&error))?;
    let length = file.metadata().map_err(|error| fail(&error)).and_then(is_file)?;
    Ok((file, length))
}

fn read(file: &mut File, path: &str, left: &mut u64) -> Result<Bytes, Unanswered> {
    let fail = |what: &dyn std::fmt::Display| local(format!("the file {path} cannot be sent: {what}"));
    let wanted = usize::try_from(*left).unwrap_or(usize::MAX).min(PIECE);
    let mut piece = Vec::with_capacity(wanted);
    file.take(wanted as u64).read_to_end(&mut piece).map_err(|error| fail(&error))?;
    if piece.len() < wanted {
        return Err(fail(&"it became shorter meanwhile"));
    }
    *left -= wanted as u64;
    if *left == 0 {
        let grown = file.read(&mut [0]).map_err(|error| fail(&error))? > 0;
        if grown {
            return Err(fail(&"it became longer meanwhile"));
        }
    }
    Ok(piece.into())
}
