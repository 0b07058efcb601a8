//! Files as a machine writes them: created, appended to, brought to the disk.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use bytes::Bytes;
use sanscord::machine::{FileId, FileReport};
use tracing::debug;

/// How many steps may wait to be written; with one more, the driver waits for the disk.
pub const STEPS: usize = 1024;

/// One thing to do with a file, as [`Output`](sanscord::machine::Output) names it.
#[derive(Debug)]
pub enum Step {
    /// Create it, and its folder where missing.
    Open {
        /// Where.
        path: Box<str>,
    },
    /// Append to it.
    Append(Bytes),
    /// Bring it to the disk and close it.
    Close,
}

/// The open files. Every call may wait for the disk.
#[derive(Debug, Default)]
pub struct Disk {
    files: HashMap<FileId, (Box<str>, File)>,
}

impl Disk {
    /// Does one step. Answers with the file's last report once there is one; steps for a file that has failed are
    /// ignored.
    pub fn perform(&mut self, id: FileId, step: Step) -> Option<FileReport> {
        let report = self.try_step(id, step)?;
        debug!(file = id.as_u64(), ?report, "file");
        Some(report)
    }

    fn try_step(&mut self, id: FileId, step: Step) -> Option<FileReport> {
        let failed = |verb: &str, path: &str, error: io::Error| {
            Some(FileReport::Failed { reason: format!("{path} could not be {verb}: {error}").into() })
        };
        match step {
            Step::Open { path } => match create(Path::new(&*path)) {
                Ok(file) => {
                    self.files.insert(id, (path, file));
                    None
                }
                Err(error) => failed("created", &path, error),
            },
            Step::Append(data) => {
                let (path, file) = self.files.get_mut(&id)?;
                let error = file.write_all(&data).err()?;
                let report = failed("written", path, error);
                self.files.remove(&id);
                report
            }
            Step::Close => {
                let (path, file) = self.files.remove(&id)?;
                match file.sync_all() {
                    Ok(()) => Some(FileReport::Closed),
                    Err(error) => failed("brought to the disk", &path, error),
                }
            }
        }
    }

    /// Brings files that were left open to the disk.
    pub fn finish(self) {
        for (path, file) in self.files.into_values() {
            if let Err(error) = file.sync_all() {
                debug!(%path, %error, "file left open could not be brought to the disk");
            }
        }
    }
}

fn create(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    OpenOptions::new().append(true).create_new(true).open(path)
}
