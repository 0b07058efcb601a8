//! Files, written by a thread of the blocking pool in the order in which the machine wrote.

use std::sync::Arc;
use std::task::{Context, Poll};

use sanscord::machine::{FileId, Input};
use sanscord_host::disk::{Disk, Step};
use sanscord_host::steps::Steps;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use crate::report::Report;

/// The way to the thread that writes; it is taken from the pool for the first file.
#[derive(Debug)]
pub(crate) struct Files {
    reports: mpsc::UnboundedSender<Report>,
    steps: Option<Arc<Steps>>,
}

impl Files {
    pub(crate) fn new(reports: mpsc::UnboundedSender<Report>) -> Self {
        Self { reports, steps: None }
    }

    /// Queues a step; gives it back if there is no room.
    pub(crate) fn queue(&mut self, file: FileId, step: Step) -> Result<(), (FileId, Step)> {
        let steps = self.steps.get_or_insert_with(|| {
            let steps = Arc::new(Steps::default());
            let (queue, reports) = (Arc::clone(&steps), self.reports.clone());
            spawn_blocking(move || write(&queue, &reports));
            steps
        });
        steps.push(file, step)
    }

    /// Ready once there is room for a step.
    pub(crate) fn poll_ready(&self, cx: &Context<'_>) -> Poll<()> {
        self.steps.as_ref().map_or(Poll::Ready(()), |steps| steps.poll_ready(cx))
    }

    /// Takes no more. Answers whether a [`Report::FilesDone`] will follow once all is written.
    pub(crate) fn finish(&mut self) -> bool {
        self.steps.take().map(|steps| steps.finish()).is_some()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        self.finish();
    }
}

fn write(steps: &Steps, reports: &mpsc::UnboundedSender<Report>) {
    let told = reports.clone();
    let mut disk = Disk::new(move |file, report| {
        // A driver that is gone needs no report.
        let _ = told.send(Report::Input(Input::File(file, report)));
    });
    while let Some((file, step)) = steps.next() {
        disk.perform(file, step);
    }
    disk.finish();
    let _ = reports.send(Report::FilesDone);
}
