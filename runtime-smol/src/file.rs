//! Files, written by a thread of the blocking pool in the order in which the machine wrote.

use std::collections::{HashMap, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use sanscord::machine::{FileId, FileReport, Input};
use smol::channel::Sender;
use smol::unblock;
use tracing::debug;

use crate::driver::Report;

/// The way to the thread that writes; it is taken from the pool for the first file.
#[derive(Debug)]
pub(crate) struct Files {
    reports: Sender<Report>,
    steps: Option<Arc<Steps>>,
}

#[derive(Debug)]
pub(crate) enum Step {
    Open { path: Box<str> },
    Append(Bytes),
    Close,
}

impl Files {
    pub(crate) fn new(reports: Sender<Report>) -> Self {
        Self { reports, steps: None }
    }

    /// Queues a step; gives it back if [`STEPS`] of them are waiting.
    pub(crate) fn queue(&mut self, file: FileId, step: Step) -> Result<(), (FileId, Step)> {
        let steps = self.steps.get_or_insert_with(|| {
            let steps = Arc::new(Steps::default());
            let (queue, reports) = (Arc::clone(&steps), self.reports.clone());
            unblock(move || write(&queue, &reports)).detach();
            steps
        });
        let mut state = steps.lock();
        if state.steps.len() >= STEPS {
            return Err((file, step));
        }
        state.steps.push_back((file, step));
        steps.arrived.notify_one();
        Ok(())
    }

    /// Ready once there is room for a step.
    pub(crate) fn poll_ready(&self, cx: &Context<'_>) -> Poll<()> {
        let Some(steps) = &self.steps else { return Poll::Ready(()) };
        let mut state = steps.lock();
        if state.steps.len() < STEPS {
            return Poll::Ready(());
        }
        state.driver = Some(cx.waker().clone());
        Poll::Pending
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

#[derive(Debug, Default)]
struct Steps {
    state: Mutex<State>,
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct State {
    steps: VecDeque<(FileId, Step)>,
    finished: bool,
    /// Waits for room.
    driver: Option<Waker>,
}

impl Steps {
    fn finish(&self) {
        self.lock().finished = true;
        self.arrived.notify_one();
    }

    /// Waits for the next step; `None` once there will be none.
    fn next(&self) -> Option<(FileId, Step)> {
        let mut state = self.lock();
        loop {
            if let Some(step) = state.steps.pop_front() {
                let driver = state.driver.take();
                drop(state);
                if let Some(driver) = driver {
                    driver.wake();
                }
                return Some(step);
            }
            if state.finished {
                return None;
            }
            state = self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn write(steps: &Steps, reports: &Sender<Report>) {
    let mut files = HashMap::new();
    while let Some((file, step)) = steps.next() {
        if let Some(report) = perform(&mut files, file, step) {
            debug!(file = file.as_u64(), ?report, "file");
            let _ = reports.try_send(Report::Input(Input::File(file, report)));
        }
    }
    for (path, file) in files.values() {
        if let Err(error) = File::sync_all(file) {
            debug!(%path, %error, "file left open could not be brought to the disk");
        }
    }
    let _ = reports.try_send(Report::FilesDone);
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
