//! Files, written by a thread of their own in the order in which the machine wrote.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use bytes::Bytes;
use sanscord::machine::{FileId, FileReport, Input};
use tracing::debug;

use crate::report::{Report, Reporter};

/// The way to the thread that writes; it is started for the first file.
#[derive(Debug)]
pub(crate) struct Files {
    reporter: Reporter,
    writer: Option<SyncSender<(FileId, Step)>>,
}

#[derive(Debug)]
pub(crate) enum Step {
    Open { path: Box<str> },
    Append(Bytes),
    Close,
}

impl Files {
    pub(crate) fn new(reporter: Reporter) -> Self {
        Self { reporter, writer: None }
    }

    /// Queues a step; waits for the disk if [`STEPS`] of them are waiting. Answers why no thread could be had.
    pub(crate) fn queue(&mut self, file: FileId, step: Step) -> Result<(), io::Error> {
        let writer = match &self.writer {
            Some(writer) => writer,
            None => {
                let (writer, steps) = sync_channel(STEPS);
                let reporter = self.reporter.clone();
                thread::Builder::new()
                    .name("sanscord-files".into())
                    .spawn(move || write(&steps, &reporter))?;
                self.writer.insert(writer)
            }
        };
        writer.send((file, step)).map_err(|_| io::Error::other("the thread that writes files is gone"))
    }

    /// Takes no more. Answers whether a [`Report::FilesDone`] will follow once all is written.
    pub(crate) fn finish(&mut self) -> bool {
        self.writer.take().is_some()
    }
}

fn write(steps: &Receiver<(FileId, Step)>, reporter: &Reporter) {
    let mut files = HashMap::new();
    for (file, step) in steps {
        if let Some(report) = perform(&mut files, file, step) {
            debug!(file = file.as_u64(), ?report, "file");
            reporter.send(Report::Input(Input::File(file, report)));
        }
    }
    for (path, file) in files.values() {
        if let Err(error) = File::sync_all(file) {
            debug!(%path, %error, "file left open could not be brought to the disk");
        }
    }
    reporter.send(Report::FilesDone);
}

/// Steps for a file that has failed are ignored: its last report is out.
fn perform(files: &mut HashMap<FileId, (Box<str>, File)>, id: FileId, step: Step) -> Option<FileReport> {
    let failed = |verb: &str, path: &str, error: io::Error| {
        Some(FileReport::Failed { reason: format!("{path} could not be {verb}: {error}").into() })
    };
    match step {
        Step::Open { path } => match create(Path::new(&*path)) {
            Ok(file) => {
                files.insert(id, (path, file));
                None
            }
            Err(error) => failed("created", &path, error),
        },
        Step::Append(data) => {
            let (path, file) = files.get_mut(&id)?;
            let error = file.write_all(&data).err()?;
            let report = failed("written", path, error);
            files.remove(&id);
            report
        }
        Step::Close => {
            let (path, file) = files.remove(&id)?;
            match file.sync_all() {
                Ok(()) => Some(FileReport::Closed),
                Err(error) => failed("brought to the disk", &path, error),
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

const STEPS: usize = 1024;
