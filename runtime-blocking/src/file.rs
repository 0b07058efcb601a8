//! Files, written by a thread of their own in the order in which the machine wrote.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use sanscord::machine::{FileId, Input};
use sanscord_host::disk::{Disk, STEPS, Step};

use crate::report::{Report, Reporter};

/// The way to the thread that writes; it is started for the first file.
#[derive(Debug)]
pub(crate) struct Files {
    reporter: Reporter,
    writer: Option<SyncSender<(FileId, Step)>>,
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
    let reports = reporter.clone();
    let mut disk = Disk::new(move |file, report| reports.send(Report::Input(Input::File(file, report))));
    for (file, step) in steps {
        disk.perform(file, step);
    }
    disk.finish();
    reporter.send(Report::FilesDone);
}
