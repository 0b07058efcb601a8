//! Feeds a capture to a fresh machine, and compares.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::ToString;

use crate::capture::line::{AsItIs, Line, Step, unhex};
use crate::capture::{MAX_LINE, Replayable, VERSION};
use crate::machine::{
    FileId, FileReport, Frame, Input, Output, RequestId, Scope, SocketId, SourceId, Unanswered,
};
use crate::time::Timestamp;

/// A capture that was replayed without a difference.
#[derive(Debug)]
pub struct Replayed<M> {
    /// The machine as it is at the end.
    pub machine: M,
    /// Inputs that were fed.
    pub inputs: u64,
    /// Commands that were applied.
    pub commands: u64,
    /// Outputs that were compared.
    pub outputs: u64,
    /// Why the capture ended, by its last line; `None` if it breaks off.
    pub end: Option<Box<str>>,
}

/// Why a capture could not be replayed to its end.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// There is no line at all.
    #[error("the capture is empty")]
    Empty,
    /// A line is not what a capture has there.
    #[error("line {line} cannot be read: {reason}")]
    Unreadable {
        /// Its number, from 1.
        line: usize,
        /// What is wrong with it.
        reason: Box<str>,
    },
    /// The machine did something else: the first difference.
    #[error("line {line} differs:\n expected {expected}\n   actual {actual}")]
    Different {
        /// The line's number, from 1.
        line: usize,
        /// The output as it was captured.
        expected: Box<str>,
        /// What the machine says now.
        actual: Box<str>,
    },
}

/// Replays the lines of a capture. Empty lines are passed over; a line of more than 64 MiB is an error.
///
/// # Errors
/// At the first difference, and if a line is none of a capture's.
pub fn replay<'a, M: Replayable>(
    lines: impl IntoIterator<Item = &'a str>,
) -> Result<Replayed<M>, ReplayError> {
    let lines = lines.into_iter().enumerate().map(|(index, text)| (index + 1, text.trim()));
    let mut lines = lines.filter(|(_, text)| !text.is_empty());
    let (number, first) = lines.next().ok_or(ReplayError::Empty)?;
    let mut player = Player::<M>::new(number, first)?;
    for (number, text) in lines {
        let line = read(number, text)?;
        if let Step::End { reason } = line.step {
            player.replayed.end = Some(reason);
            break;
        }
        player.play(number, line)?;
    }
    Ok(player.replayed)
}

struct Player<M> {
    replayed: Replayed<M>,
    /// The names that the machine minted, by their numbers.
    sockets: BTreeMap<u64, SocketId>,
    requests: BTreeMap<u64, RequestId>,
    files: BTreeMap<u64, FileId>,
    sources: BTreeMap<u64, SourceId>,
    /// Names that no machine knows.
    strange: Scope,
}

impl<M: Replayable> Player<M> {
    fn new(number: usize, first: &str) -> Result<Self, ReplayError> {
        let Step::Begin { version, seed, setup } = read(number, first)?.step else {
            return Err(unreadable(number, "it is not the first line of a capture"));
        };
        if version != VERSION {
            return Err(unreadable(number, "its version is another"));
        }
        let seed = unhex(&seed).and_then(|seed| <[u8; 32]>::try_from(seed).ok());
        let seed = seed.ok_or_else(|| unreadable(number, "the seed is not 32 bytes"))?;
        let setup: M::Setup = serde_json::from_value(setup).map_err(|error| unreadable(number, error))?;
        let machine = M::build(&setup, seed);
        Ok(Self {
            replayed: Replayed { machine, inputs: 0, commands: 0, outputs: 0, end: None },
            sockets: BTreeMap::new(),
            requests: BTreeMap::new(),
            files: BTreeMap::new(),
            sources: BTreeMap::new(),
            strange: Scope::new(u32::MAX),
        })
    }

    fn play(&mut self, number: usize, line: Line) -> Result<(), ReplayError> {
        let now = Timestamp::from_nanos(line.at);
        match line.step {
            Step::Begin { .. } | Step::End { .. } => {
                return Err(unreadable(number, "it is the first line of another capture"));
            }
            Step::Command { command } => {
                let command = serde_json::from_value(command).map_err(|error| unreadable(number, error))?;
                self.replayed.machine.apply(now, command);
                self.replayed.commands += 1;
            }
            Step::OpenWebSocket { .. }
            | Step::OpenUdp { .. }
            | Step::Send { .. }
            | Step::SendDatagram { .. }
            | Step::Close { .. }
            | Step::Request { .. }
            | Step::Cancel { .. }
            | Step::OpenFile { .. }
            | Step::Append { .. }
            | Step::Replace { .. }
            | Step::CheckFormat { .. }
            | Step::MixFiles { .. }
            | Step::CloseFile { .. }
            | Step::OpenSource { .. }
            | Step::ReadSource { .. }
            | Step::SeekSource { .. }
            | Step::SetVolume { .. }
            | Step::CloseSource { .. }
            | Step::Event { .. }
            | Step::Wait { .. } => self.compare(number, line)?,
            step => {
                let input = self.input(&step).ok_or_else(|| unreadable(number, "its data is damaged"))?;
                self.replayed.machine.handle_input(now, input);
                self.replayed.inputs += 1;
            }
        }
        Ok(())
    }

    /// The input that a line tells of.
    fn input(&mut self, step: &Step) -> Option<Input> {
        Some(match step {
            Step::Opened { socket } => Input::Opened(self.socket(*socket)),
            Step::Frame { socket, data } => Input::Frame(self.socket(*socket), data.to_frame()?),
            // Nothing came of it, but time passed: so it does for a socket that nobody knows.
            Step::Part { .. } => Input::Opened(self.strange.socket()),
            // No beginning of a compressed stream, nor of JSON.
            Step::Corrupt { socket, .. } => {
                Input::Frame(self.socket(*socket), Frame::Binary([0xFF; 16].to_vec().into()))
            }
            Step::Closed { socket, how } => Input::Closed(self.socket(*socket), how.to_closed()),
            Step::Response { request, status, headers, body } => {
                Input::Response(self.request(*request), Ok(body.to_response(*status, headers)?))
            }
            Step::Unanswered { request, fault, reason } => {
                Input::Response(self.request(*request), Err(Unanswered::new(*fault, reason.as_str())))
            }
            Step::Progress { request, progress } => Input::Progress(self.request(*request), *progress),
            Step::File { file, failed } => {
                let report = match failed {
                    None => FileReport::Closed,
                    Some(reason) => FileReport::Failed { reason: reason.as_str().into() },
                };
                Input::File(self.file(*file), report)
            }
            Step::Timeout => Input::Timeout,
            step => {
                let (source, report) = step.to_source_report()?;
                Input::Source(self.source(source), report)
            }
        })
    }

    fn compare(&mut self, number: usize, line: Line) -> Result<(), ReplayError> {
        let output = self.replayed.machine.poll_output();
        match &output {
            Output::OpenWebSocket { socket, .. } | Output::OpenUdp { socket, .. } => {
                self.sockets.insert(socket.as_u64(), *socket);
            }
            Output::SendRequest(request, _) => {
                self.requests.insert(request.as_u64(), *request);
            }
            Output::OpenFile { file, .. }
            | Output::CheckFormat { file, .. }
            | Output::MixFiles { file, .. } => {
                self.files.insert(file.as_u64(), *file);
            }
            Output::OpenSource { source, .. } => {
                self.sources.insert(source.as_u64(), *source);
            }
            _ => {}
        }
        self.replayed.outputs += 1;
        let actual = Line { at: line.at, step: Step::output(&output, M::describe, &mut AsItIs) };
        if actual == line {
            return Ok(());
        }
        let json = |line| serde_json::to_string(line).unwrap_or_default().into();
        Err(ReplayError::Different { line: number, expected: json(&line), actual: json(&actual) })
    }

    fn socket(&mut self, number: u64) -> SocketId {
        self.sockets.get(&number).copied().unwrap_or_else(|| self.strange.socket())
    }

    fn request(&mut self, number: u64) -> RequestId {
        self.requests.get(&number).copied().unwrap_or_else(|| self.strange.request())
    }

    fn file(&mut self, number: u64) -> FileId {
        self.files.get(&number).copied().unwrap_or_else(|| self.strange.file())
    }

    fn source(&mut self, number: u64) -> SourceId {
        self.sources.get(&number).copied().unwrap_or_else(|| self.strange.source())
    }
}

fn read(number: usize, text: &str) -> Result<Line, ReplayError> {
    if text.len() > MAX_LINE {
        return Err(unreadable(number, "it is too long"));
    }
    serde_json::from_str(text).map_err(|error| unreadable(number, error))
}

fn unreadable(line: usize, reason: impl ToString) -> ReplayError {
    ReplayError::Unreadable { line, reason: reason.to_string().into() }
}
