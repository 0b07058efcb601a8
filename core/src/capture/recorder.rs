//! Writes down what happens to a machine.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::{fmt, mem};

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

use crate::capture::line::{Line, Step, hex};
use crate::capture::redact::Redactor;
use crate::capture::{MAX_LINE, Replayable, VERSION};
use crate::gateway::inflate::{Compression, InflateError, Inflater};
use crate::machine::{
    Audio, Encoding, FileId, FileReport, Frame, Input, Log, Machine, Output, Scope, SocketId,
};
use crate::time::Timestamp;

/// How a capture stands.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Recording {
    /// What happens is written down.
    Running,
    /// Nothing more is written; the file is being brought to the disk. The machine goes on.
    Ending {
        /// Why: also the reason in the last line.
        reason: Box<str>,
    },
    /// The file is complete.
    Complete {
        /// Why it ended: also the reason in the last line.
        reason: Box<str>,
    },
    /// The file could not be written any further. The machine goes on.
    Failed {
        /// What went wrong.
        reason: Box<str>,
    },
}

/// A machine of which everything is written down; see the [module](super).
///
/// It writes at most 256 MiB, unless [told otherwise](Self::with_max_bytes), and lines of at most 64 MiB; then it
/// ends with a line that says so, and the machine goes on unrecorded. It keeps in memory what has not been written
/// yet, one [`Inflater`] for each open socket, and the secrets that it found: at most 100,000, at which it ends too.
/// Datagrams are passed through and end the capture, as it could not be replayed.
pub struct Capture<M: Replayable> {
    machine: M,
    setup: M::Setup,
    now: Timestamp,
    redactor: Redactor,
    inflaters: BTreeMap<SocketId, Inflater>,
    file: FileId,
    /// Lines that have not been handed to the driver.
    lines: Vec<u8>,
    /// Bytes of all lines.
    written: usize,
    max_bytes: usize,
    recording: Recording,
    out: VecDeque<Output<M::Event>>,
    /// The machine's `Wait`, held back until the lines before it are on their way.
    wait: Option<Option<Timestamp>>,
}

/// Shows how it stands.
impl<M: Replayable> fmt::Debug for Capture<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Capture({:?}, {} bytes)", self.recording, self.written)
    }
}

impl<M: Replayable> Capture<M> {
    /// Makes a machine and captures it into a file of this path, which must not exist yet.
    #[must_use]
    pub fn new(setup: M::Setup, seed: [u8; 32], path: &str) -> Self {
        let mut redactor = Redactor::new();
        for secret in M::secrets(&setup) {
            redactor.learn(secret);
        }
        let setup_value = clean_value(&setup, &mut redactor);
        let file = Scope::new(u32::MAX).file();
        let mut capture = Self {
            machine: M::build(&setup, seed),
            setup,
            now: Timestamp::ZERO,
            redactor,
            inflaters: BTreeMap::new(),
            file,
            lines: Vec::new(),
            written: 0,
            max_bytes: MAX_BYTES,
            recording: Recording::Running,
            out: VecDeque::from([Output::OpenFile { file, path: path.into(), encoding: Encoding::Plain }]),
            wait: None,
        };
        capture.write(Step::Begin { version: VERSION, seed: hex(&seed), setup: setup_value });
        capture
    }

    /// The same with another bound for the file, in bytes. It may be exceeded by the last line.
    #[must_use]
    pub const fn with_max_bytes(mut self, max_bytes: usize) -> Self {
        self.max_bytes = max_bytes;
        self
    }

    /// The machine.
    #[must_use]
    pub const fn machine(&self) -> &M {
        &self.machine
    }

    /// How the capture stands.
    #[must_use]
    pub const fn recording(&self) -> &Recording {
        &self.recording
    }

    /// Bytes of all lines so far.
    #[must_use]
    pub const fn written(&self) -> usize {
        self.written
    }

    /// Does what the user wants, and writes it down.
    pub fn apply(&mut self, now: Timestamp, command: M::Command) -> M::Answer {
        self.tick(now);
        if self.is_running() {
            for secret in M::command_secrets(&command) {
                self.redactor.learn(secret);
            }
            let command = clean_value(&command, &mut self.redactor);
            self.write(Step::Command { command });
        }
        self.machine.apply(now, command)
    }

    /// Ends the capture; the machine goes on.
    pub fn end(&mut self, now: Timestamp) {
        self.tick(now);
        self.end_because("ended by the user");
    }

    fn tick(&mut self, now: Timestamp) {
        self.now = now;
        self.wait = None;
    }

    fn is_running(&self) -> bool {
        self.recording == Recording::Running
    }

    fn write(&mut self, step: Step) {
        if !self.is_running() {
            return;
        }
        let line = Line { at: self.now.as_nanos(), step };
        // Fails only for maps whose keys are not strings, of which a line has none.
        let line = serde_json::to_vec(&line).unwrap_or_default();
        if line.len() > MAX_LINE {
            self.end_because("a line would have been too long");
        } else if self.written + line.len() > self.max_bytes {
            self.end_because("full");
        } else if self.redactor.len() > MAX_SECRETS {
            self.end_because("too many secrets");
        } else {
            self.push(&line);
        }
    }

    fn push(&mut self, line: &[u8]) {
        // Nothing is to be found here: what was put together from clean parts is clean.
        let line = self.redactor.replace(line);
        self.written += line.len() + 1;
        self.lines.extend_from_slice(&line);
        self.lines.push(b'\n');
    }

    fn end_because(&mut self, reason: &str) {
        if !self.is_running() {
            return;
        }
        self.recording = Recording::Ending { reason: reason.into() };
        let line = Line { at: self.now.as_nanos(), step: Step::End { reason: reason.into() } };
        self.push(&serde_json::to_vec(&line).unwrap_or_default());
        self.flush();
        self.out.push_back(Output::CloseFile(self.file));
        self.inflaters.clear();
    }

    fn flush(&mut self) {
        if !self.lines.is_empty() {
            self.out.push_back(Output::Append(self.file, Bytes::from(mem::take(&mut self.lines))));
        }
    }

    fn on_report(&mut self, report: FileReport) {
        self.recording = match (report, mem::replace(&mut self.recording, Recording::Running)) {
            (FileReport::Closed, Recording::Ending { reason }) => Recording::Complete { reason },
            // A file that is done with.
            (_, recording @ (Recording::Complete { .. } | Recording::Failed { .. })) => recording,
            (FileReport::Closed, Recording::Running) => {
                Recording::Failed { reason: "closed too early".into() }
            }
            (FileReport::Failed { reason }, _) => Recording::Failed { reason },
        };
        self.lines = Vec::new();
        self.inflaters.clear();
        self.out.retain(|output| !matches!(output, Output::Append(..) | Output::CloseFile(_)));
    }

    fn on_input(&mut self, input: &Input) {
        let step = match input {
            Input::Frame(socket, Frame::Binary(data)) => match self.inflaters.get_mut(socket) {
                Some(inflater) if inflater.compression() == Compression::None => {
                    Step::input(input, &mut self.redactor)
                }
                inflater => {
                    let inflated = inflater.map(|inflater| inflater.inflate(data));
                    self.inflated(*socket, data.len(), inflated)
                }
            },
            _ => Step::input(input, &mut self.redactor),
        };
        if let Input::Closed(socket, _) = input {
            self.inflaters.remove(socket);
        }
        self.write(step);
    }

    fn inflated(
        &mut self,
        id: SocketId,
        bytes: usize,
        inflated: Option<Result<Option<Bytes>, InflateError>>,
    ) -> Step {
        let socket = id.as_u64();
        match inflated {
            Some(Ok(Some(message))) => {
                Step::input(&Input::Frame(id, Frame::Text(message)), &mut self.redactor)
            }
            Some(Ok(None)) | None => Step::Part { socket, bytes },
            Some(Err(_)) => Step::Corrupt { socket, bytes },
        }
    }

    fn on_output(&mut self, output: &Output<M::Event>) {
        if !self.is_running() {
            return;
        }
        if let Output::OpenWebSocket { socket, url } = output {
            self.inflaters.insert(*socket, M::inflater(&self.setup, url));
        } else if let Output::Close(socket, _) = output {
            self.inflaters.remove(socket);
        }
        let step = Step::output(output, M::describe, &mut self.redactor);
        self.write(step);
    }
}

impl<M: Replayable> Machine for Capture<M> {
    type Event = M::Event;

    fn handle_input(&mut self, now: Timestamp, input: Input) {
        self.tick(now);
        match input {
            Input::File(file, report) if file == self.file => self.on_report(report),
            input => {
                if self.is_running() {
                    self.on_input(&input);
                }
                self.machine.handle_input(now, input);
            }
        }
    }

    fn poll_output(&mut self) -> Output<M::Event> {
        loop {
            if let Some(output) = self.out.pop_front() {
                return output;
            }
            if let Some(until) = self.wait.take() {
                return Output::Wait(until);
            }
            let output = self.machine.poll_output();
            self.on_output(&output);
            let Output::Wait(until) = output else {
                if self.lines.len() >= BATCH {
                    self.flush();
                }
                return output;
            };
            if self.machine.is_finished() {
                self.end_because("the machine has finished");
            }
            self.flush();
            self.wait = Some(until);
        }
    }

    fn handle_datagram(&mut self, now: Timestamp, socket: SocketId, data: &mut [u8]) -> Option<Audio> {
        self.tick(now);
        self.end_because("a datagram came");
        self.machine.handle_datagram(now, socket, data)
    }

    fn is_finished(&self) -> bool {
        let written = matches!(self.recording, Recording::Complete { .. } | Recording::Failed { .. });
        written && self.out.is_empty() && self.machine.is_finished()
    }

    fn log(event: &M::Event) -> Option<Log> {
        M::log(event)
    }

    fn may_be_dropped(event: &M::Event) -> bool {
        M::may_be_dropped(event)
    }
}

fn clean_value(value: &impl Serialize, redactor: &mut Redactor) -> Value {
    // Fails only for what JSON cannot hold, which the replay will say.
    let json = serde_json::to_vec(value).unwrap_or_default();
    serde_json::from_slice(&redactor.clean(&json)).unwrap_or_default()
}

/// The default bound of a capture, in bytes.
const MAX_BYTES: usize = 256 << 20;
/// Lines are handed to the driver when they come to this many bytes, and whenever the machine waits.
const BATCH: usize = 64 << 10;
/// Secrets that a capture keeps in mind, the bot's token aside.
const MAX_SECRETS: usize = 100_000;
