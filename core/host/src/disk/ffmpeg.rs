//! ffmpeg, an installed program: fed, watched, and killed if it hangs.
//!
//! Three threads serve each process: one writes what is queued into its standard input, one reads its standard error,
//! and one waits for its end.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::plain;

/// How ffmpeg is run.
#[derive(Clone, Debug)]
pub(super) struct Program {
    /// A path, or a name to be sought where the system seeks programs.
    pub(super) name: OsString,
    /// Options that stand before the new file's name.
    pub(super) options: Vec<OsString>,
    /// How long it may take nothing in, or take to end.
    pub(super) timeout: Duration,
}

/// A process at work.
pub(super) struct Process {
    shared: Arc<Shared>,
    watcher: JoinHandle<()>,
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Process")
    }
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// What is still to be written into it, and how many bytes that is: at most [`QUEUE`] and a page.
    queue: VecDeque<Bytes>,
    queued: usize,
    /// Nothing more will be queued.
    closed: bool,
    /// Since when nothing has moved although something should.
    waiting: Option<Instant>,
    aborted: bool,
    /// Its standard error has ended, and so probably it.
    silent: bool,
    /// The last line there.
    last: String,
    /// It has ended, or was killed.
    over: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }
}

impl Process {
    /// Encodes an Ogg Opus stream, which is appended, into a new file. `done` hears once what became of it.
    pub(super) fn encode(
        program: &Program,
        path: &Path,
        done: impl FnOnce(Result<(), String>) + Send + 'static,
    ) -> Result<Self, String> {
        let mut command = program.command();
        command.args(["-f", "ogg", "-i", "pipe:0"]);
        Self::start(program, command, path, true, done)
    }

    /// Mixes files into a new one.
    pub(super) fn mix(
        program: &Program,
        inputs: &[impl AsRef<Path>],
        path: &Path,
        done: impl FnOnce(Result<(), String>) + Send + 'static,
    ) -> Result<Self, String> {
        let mut command = program.command();
        command.args(["-progress", "pipe:1", "-nostats"]);
        for input in inputs {
            command.arg("-i").arg(as_file(input.as_ref()));
        }
        let filter = format!("amix=inputs={}:duration=longest:normalize=0", inputs.len());
        command.args(["-filter_complex", &filter]);
        Self::start(program, command, path, false, done)
    }

    fn start(
        program: &Program,
        mut command: Command,
        path: &Path,
        is_fed: bool,
        done: impl FnOnce(Result<(), String>) + Send + 'static,
    ) -> Result<Self, String> {
        // Made here, so that it is certainly ours that ffmpeg then overwrites.
        plain::create(path)
            .map_err(|error| format!("{} could not be created: {}", path.display(), explain(&error)))?;
        command.args(&program.options).arg("-y").arg(as_file(path));
        command.stdin(if is_fed { Stdio::piped() } else { Stdio::null() });
        command.stdout(if is_fed { Stdio::null() } else { Stdio::piped() }).stderr(Stdio::piped());
        let started = Self::run(program, command, path, is_fed, done);
        if started.is_err() {
            // Nothing was written: it is empty.
            let _ = fs::remove_file(path);
        }
        started
    }

    fn run(
        program: &Program,
        mut command: Command,
        path: &Path,
        is_fed: bool,
        done: impl FnOnce(Result<(), String>) + Send + 'static,
    ) -> Result<Self, String> {
        let mut child = command.spawn().map_err(|error| program.missing(path, &error))?;
        let shared = Arc::new(Shared::default());
        if !is_fed {
            shared.lock().waiting = Some(Instant::now());
        }
        let threads = [
            child.stderr.take().map(|stderr| {
                let shared = Arc::clone(&shared);
                spawn("sanscord-ffmpeg-err", move || listen(stderr, &shared))
            }),
            child.stdin.take().map(|stdin| {
                let shared = Arc::clone(&shared);
                spawn("sanscord-ffmpeg-in", move || feed(stdin, &shared))
            }),
            child.stdout.take().map(|stdout| {
                let shared = Arc::clone(&shared);
                spawn("sanscord-ffmpeg-out", move || follow(stdout, &shared))
            }),
        ];
        let failed = threads.into_iter().flatten().find_map(Result::err);
        let (watched, timeout, path) = (Arc::clone(&shared), program.timeout, path.to_owned());
        let watcher = spawn("sanscord-ffmpeg", move || {
            let mut end = failed.map_or_else(|| watch(&mut child, is_fed, &watched, timeout), Err);
            if end.is_err() {
                // It may have ended just now. Either way it is to be taken off the system's list.
                let _ = child.kill();
                let _ = child.wait();
            } else {
                end = File::open(&path).and_then(|file| file.sync_all()).map_err(|error| error.to_string());
            }
            watched.change(|state| state.over = true);
            done(end.map_err(|reason| format!("{} could not be written: {reason}", path.display())));
        });
        match watcher {
            Ok(watcher) => Ok(Self { shared, watcher }),
            // The process goes with its standard input.
            Err(error) => Err(format!("{error}, to watch ffmpeg")),
        }
    }

    /// Queues a page. Waits while more than a mebibyte is queued: until ffmpeg goes on, or is killed.
    pub(super) fn append(&self, page: Bytes) {
        let mut state = self.shared.lock();
        while state.queued > QUEUE && !state.over {
            state = self.shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if !state.over {
            state.queued += page.len();
            state.queue.push_back(page);
            self.shared.changed.notify_all();
        }
    }

    /// Nothing more will come. Answers with the thread that waits for its end.
    pub(super) fn close(self) -> JoinHandle<()> {
        self.shared.change(|state| {
            state.closed = true;
            state.waiting.get_or_insert_with(Instant::now);
        });
        self.watcher
    }

    /// A way to kill it.
    pub(super) fn killer(&self) -> impl Fn() + Send + 'static + use<> {
        let shared = Arc::clone(&self.shared);
        move || shared.change(|state| state.aborted = true)
    }
}

impl Program {
    fn command(&self) -> Command {
        let mut command = Command::new(&self.name);
        command.args(["-hide_banner", "-nostdin", "-v", "error"]);
        command
    }

    fn missing(&self, path: &Path, error: &io::Error) -> String {
        let (path, name) = (path.display(), self.name.display());
        if error.kind() == ErrorKind::NotFound {
            format!(
                "{path} could not be written: {name} was not found: install ffmpeg, or record as .opus, .wav or .flac"
            )
        } else {
            format!("{path} could not be written: {name} could not be started: {error}")
        }
    }
}

/// What went wrong with a file, and what to do where that is known.
pub(super) fn explain(error: &io::Error) -> String {
    if error.kind() == ErrorKind::StorageFull {
        format!("{error}: free some space, or record to another disk")
    } else {
        error.to_string()
    }
}

/// So that ffmpeg takes neither a dash for an option nor a colon for a protocol.
fn as_file(path: &Path) -> OsString {
    let mut file = OsString::from("file:");
    file.push(path);
    file
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, String> {
    thread::Builder::new()
        .name(name.into())
        .spawn(run)
        .map_err(|error| format!("no thread could be had: {error}"))
}

fn feed(mut stdin: ChildStdin, shared: &Shared) {
    loop {
        let mut state = shared.lock();
        let page = loop {
            if state.over {
                return;
            }
            if let Some(page) = state.queue.pop_front() {
                break page;
            }
            if state.closed {
                // It has until now plus its timeout.
                state.waiting = Some(Instant::now());
                shared.changed.notify_all();
                return;
            }
            state.waiting = None;
            state = shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        };
        state.queued -= page.len();
        state.waiting = Some(Instant::now());
        shared.changed.notify_all();
        drop(state);
        if stdin.write_all(&page).is_err() {
            // It has gone, and will be found so.
            shared.change(|state| state.waiting = Some(Instant::now()));
            return;
        }
    }
}

/// Keeps the last line that is not empty, and of it so much.
fn listen(mut stderr: impl Read, shared: &Shared) {
    let (mut line, mut buffer) = (Vec::new(), [0; 1024]);
    let keep = |line: &mut Vec<u8>| {
        let text = String::from_utf8_lossy(line).trim().to_owned();
        line.clear();
        if !text.is_empty() {
            shared.lock().last = text;
        }
    };
    loop {
        let length = match stderr.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        for &byte in buffer.iter().take(length) {
            if matches!(byte, b'\n' | b'\r') {
                keep(&mut line);
            } else if line.len() < MAX_LINE {
                line.push(byte);
            }
        }
    }
    keep(&mut line);
    shared.change(|state| state.silent = true);
}

/// Notes that a mix moves on: ffmpeg says how far the new file is.
fn follow(stdout: impl Read, shared: &Shared) {
    let mut position = String::new();
    // A line of more than a mebibyte is none of ffmpeg's.
    let mut lines = BufReader::new(stdout).take(u64::MAX);
    let mut line = String::new();
    loop {
        line.clear();
        lines.set_limit(QUEUE as u64);
        match lines.read_line(&mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        if line.starts_with("out_time_us=") && line != position {
            position.clone_from(&line);
            shared.change(|state| state.waiting = Some(Instant::now()));
        }
    }
}

/// Waits for its end, or brings it about.
fn watch(child: &mut Child, is_fed: bool, shared: &Shared, timeout: Duration) -> Result<(), String> {
    let mut state = shared.lock();
    loop {
        let deadline = state.waiting.map(|since| since + timeout);
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if state.aborted {
            return Err("it was stopped".into());
        }
        if left == Some(Duration::ZERO) {
            let what = match (is_fed, state.closed) {
                (true, false) => "took nothing in",
                (true, true) => "did not end",
                (false, _) => "did not go on",
            };
            return Err(format!("ffmpeg {what} for {} s and was killed", timeout.as_secs_f32()));
        }
        let pause = if state.silent {
            drop(state);
            match child.try_wait() {
                Ok(Some(status)) => return judge(status, &shared.lock().last),
                Ok(None) => {}
                Err(error) => return Err(format!("ffmpeg cannot be waited for: {error}")),
            }
            state = shared.lock();
            Some(left.map_or(GLANCE, |left| left.min(GLANCE)))
        } else {
            left
        };
        state = match pause {
            None => shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            Some(pause) => {
                shared.changed.wait_timeout(state, pause).unwrap_or_else(PoisonError::into_inner).0
            }
        };
    }
}

fn judge(status: ExitStatus, last: &str) -> Result<(), String> {
    if status.success() {
        Ok(())
    } else if last.is_empty() {
        Err(format!("ffmpeg failed ({status})"))
    } else {
        Err(format!("ffmpeg failed: {last}"))
    }
}

/// How many bytes may be queued for a process: minutes of speech, longer than it may take nothing in.
const QUEUE: usize = 1 << 20;
/// Of a line of its standard error, in bytes.
const MAX_LINE: usize = 500;
/// How often a process is looked at that has closed its standard error and should be ending.
const GLANCE: Duration = Duration::from_millis(10);
