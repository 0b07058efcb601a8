//! What must hold of every client machine, whatever happens to it, and a transcript to see what did.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::{self, Write as _};

use sanscord::machine::{
    Audio, CloseFrame, FileId, FileReport, Input, Output, RequestId, SocketId, SourceId, SourceReport,
};
use sanscord::time::{Duration, Timestamp};

use crate::server::Service;

/// The most outputs that one input may cause.
pub const MAX_OUTPUTS: usize = 10_000;

/// The longest gateway message that a client may send, in bytes; a longer one is answered with close code 4002.
pub const MAX_GATEWAY_FRAME: usize = 4096;

/// The most gateway messages in [`SEND_WINDOW`] on one connection; more are answered with close code 4008.
pub const MAX_GATEWAY_SENDS: usize = 120;

/// The window of [`MAX_GATEWAY_SENDS`].
pub const SEND_WINDOW: Duration = Duration::from_secs(60);

/// A rule that the machine broke.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Violation(String);

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Violation {}

fn broken<T>(rule: impl Into<String>) -> Result<T, Violation> {
    Err(Violation(rule.into()))
}

/// Keeps book on one machine: what it opened, closed and sent.
///
/// Show it every input before the machine gets it and every output before it is performed.
#[derive(Debug, Default)]
pub struct Ledger {
    sockets: BTreeMap<SocketId, Socket>,
    /// Those under way, and whether they want to hear of their progress.
    requests: BTreeMap<RequestId, bool>,
    files: BTreeMap<FileId, File>,
    sources: BTreeMap<SourceId, Source>,
    /// The last names of each kind that are done with, at most [`KEPT_DEAD`].
    dead: [VecDeque<Dead>; 4],
    minted: Minted,
    outputs: usize,
    /// Whether the machine has just been told that its time has come. After anything else it may still name a
    /// time that has: the timeout is then due at once.
    timed_out: bool,
    finished: bool,
}

/// How many names of each kind that are done with are kept.
const KEPT_DEAD: usize = 16;

/// The names seen of each kind.
#[derive(Debug, Default)]
struct Minted {
    sockets: Names,
    requests: Names,
    files: Names,
    sources: Names,
}

/// The highest names seen in each scope, at most [`REMEMBERED`] of them: names are minted upwards, but need not
/// be used in that order.
#[derive(Debug, Default)]
struct Names(BTreeMap<u32, BTreeSet<u64>>);

const REMEMBERED: usize = 4096;

impl Names {
    fn mint(&mut self, scope: u32, name: u64, kind: &str) -> Result<(), Violation> {
        let seen = self.0.entry(scope).or_default();
        if seen.len() == REMEMBERED && seen.pop_first().is_some_and(|lowest| name <= lowest)
            || !seen.insert(name)
        {
            return broken(format!("{kind} {name} was named again"));
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Socket {
    kind: Kind,
    open: bool,
    /// When gateway messages of the last [`SEND_WINDOW`] were sent.
    sent: VecDeque<Timestamp>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    WebSocket(Service),
    Udp,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum File {
    Open,
    Closing,
}

/// An open source of audio.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Source {
    /// Frames asked for and not delivered.
    asked: usize,
    seeking: bool,
    /// It has failed, and is still to be closed.
    failed: bool,
}

/// The most frames that a machine may have asked of one source.
const MAX_ASKED: usize = 100;

/// A name that a machine has used and is done with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Dead {
    /// A socket of either kind.
    Socket(SocketId),
    /// An HTTP request.
    Request(RequestId),
    /// A file.
    File(FileId),
    /// A source of audio.
    Source(SourceId),
}

impl Ledger {
    /// Notes that the machine is about to get this input. Answers whether it is due: one for a socket, request
    /// or file that is done with is not, and a driver would not deliver it.
    pub fn input(&mut self, input: &Input) -> bool {
        self.timed_out = *input == Input::Timeout;
        match input {
            Input::Timeout => true,
            Input::Opened(socket) => match self.sockets.get_mut(socket) {
                Some(state) if !state.open => {
                    state.open = true;
                    true
                }
                _ => false,
            },
            Input::Frame(socket, _) => {
                matches!(self.sockets.get(socket), Some(Socket { kind: Kind::WebSocket(_), open: true, .. }))
            }
            Input::Closed(socket, _) => {
                let due = self.sockets.remove(socket).is_some();
                if due {
                    self.retire(Dead::Socket(*socket));
                }
                due
            }
            Input::Response(request, _) => {
                let due = self.requests.remove(request).is_some();
                if due {
                    self.retire(Dead::Request(*request));
                }
                due
            }
            Input::Progress(request, _) => self.requests.get(request) == Some(&true),
            Input::File(file, report) => {
                let due = match (self.files.get(file), report) {
                    (Some(File::Closing), FileReport::Closed) | (Some(_), FileReport::Failed { .. }) => true,
                    (Some(File::Open), FileReport::Closed) | (None, _) => false,
                };
                if due {
                    self.files.remove(file);
                    self.retire(Dead::File(*file));
                }
                due
            }
            Input::Source(source, report) => self.source(*source, report),
        }
    }

    /// Whether a datagram for this socket may be delivered.
    #[must_use]
    pub fn takes_datagrams(&self, socket: SocketId) -> bool {
        matches!(self.sockets.get(&socket), Some(Socket { kind: Kind::Udp, open: true, .. }))
    }

    /// Checks an output before it is performed. `service` tells which of Discord's hosts a URL leads to.
    ///
    /// # Errors
    /// The rule that the output breaks.
    pub fn output<E>(
        &mut self,
        now: Timestamp,
        output: &Output<E>,
        service: impl Fn(&str) -> Service,
    ) -> Result<(), Violation> {
        if self.finished && !matches!(output, Output::Wait(None)) {
            return broken("the machine had finished and asks for more");
        }
        self.outputs += 1;
        if self.outputs > MAX_OUTPUTS {
            return broken(format!("draining does not end within {MAX_OUTPUTS} outputs"));
        }
        match output {
            Output::OpenWebSocket { socket, url } => {
                if !has_scheme(url, &["wss://", "ws://"]) {
                    return broken(format!("{socket:?} is no WebSocket URL: {url}"));
                }
                self.open_socket(*socket, Kind::WebSocket(service(url)))
            }
            Output::OpenUdp { socket, .. } => self.open_socket(*socket, Kind::Udp),
            Output::SendFrame(socket, frame) => {
                let Some(Socket { kind: Kind::WebSocket(service), open: true, sent }) =
                    self.sockets.get_mut(socket)
                else {
                    return broken(format!("a frame was sent on {socket:?}, which is no open WebSocket"));
                };
                if *service == Service::Gateway {
                    if frame.len() > MAX_GATEWAY_FRAME {
                        return broken(format!("a gateway message of {} bytes on {socket:?}", frame.len()));
                    }
                    sent.retain(|at| now.since(*at) < SEND_WINDOW);
                    sent.push_back(now);
                    if sent.len() > MAX_GATEWAY_SENDS {
                        return broken(format!(
                            "more than {MAX_GATEWAY_SENDS} gateway messages in 60 s on {socket:?}"
                        ));
                    }
                }
                Ok(())
            }
            Output::SendDatagram(socket, _) => {
                if self.takes_datagrams(*socket) {
                    Ok(())
                } else {
                    broken(format!("a datagram was sent on {socket:?}, which is no open UDP socket"))
                }
            }
            Output::Close(socket, frame) => {
                let Some(state) = self.sockets.remove(socket) else {
                    return broken(format!("{socket:?} was closed, which is not open"));
                };
                self.retire(Dead::Socket(*socket));
                match frame {
                    Some(_) if state.kind == Kind::Udp => broken(format!("a close frame for UDP {socket:?}")),
                    Some(frame) => close_frame(frame),
                    None => Ok(()),
                }
            }
            Output::SendRequest(id, request) => {
                if !has_scheme(&request.url, &["https://", "http://"]) {
                    return broken(format!("{id:?} is no HTTP URL: {}", request.url));
                }
                if request.deadline.is_zero() {
                    return broken(format!("{id:?} has no time to be answered"));
                }
                self.minted.requests.mint(id.scope(), id.as_u64(), "request")?;
                self.requests.insert(*id, request.progress);
                Ok(())
            }
            Output::CancelRequest(id) => {
                if self.requests.remove(id).is_none() {
                    return broken(format!("{id:?} was cancelled, which is not under way"));
                }
                self.retire(Dead::Request(*id));
                Ok(())
            }
            Output::OpenFile { file, .. } => {
                self.minted.files.mint(file.scope(), file.as_u64(), "file")?;
                self.files.insert(*file, File::Open);
                Ok(())
            }
            Output::CheckFormat { file, .. } | Output::MixFiles { file, .. } => {
                self.minted.files.mint(file.scope(), file.as_u64(), "file")?;
                self.files.insert(*file, File::Closing);
                Ok(())
            }
            Output::Append(file, _) | Output::Replace(file, _) => match self.files.get(file) {
                Some(File::Open) => Ok(()),
                Some(File::Closing) | None => broken(format!("{file:?} was written to, which is not open")),
            },
            Output::CloseFile(file) => match self.files.insert(*file, File::Closing) {
                Some(File::Open) => Ok(()),
                Some(File::Closing) | None => broken(format!("{file:?} was closed, which is not open")),
            },
            Output::OpenSource { source, volume, .. } => {
                if !volume.is_finite() || *volume < 0.0 {
                    return broken(format!("{source:?} is to be opened at volume {volume}"));
                }
                self.minted.sources.mint(source.scope(), source.as_u64(), "source")?;
                self.sources.insert(*source, Source::default());
                Ok(())
            }
            Output::ReadSource(source, frames) => match self.sources.get_mut(source) {
                Some(Source { failed: true, .. }) => broken(format!("{source:?} was read, which has failed")),
                Some(Source { seeking: true, .. }) => broken(format!("{source:?} was read while it seeks")),
                Some(state) => {
                    state.asked += frames;
                    if state.asked > MAX_ASKED || *frames == 0 {
                        return broken(format!("{source:?} was asked for {} frames", state.asked));
                    }
                    Ok(())
                }
                None => broken(format!("{source:?} was read, which is not open")),
            },
            Output::SeekSource(source, _) => match self.sources.get_mut(source) {
                Some(Source { failed: true, .. }) => {
                    broken(format!("{source:?} was sent elsewhere, which has failed"))
                }
                Some(Source { seeking: true, .. }) => {
                    broken(format!("{source:?} was sent on while it seeks"))
                }
                Some(state) => {
                    *state = Source { asked: 0, seeking: true, failed: false };
                    Ok(())
                }
                None => broken(format!("{source:?} was sent elsewhere, which is not open")),
            },
            Output::SetVolume(source, _) => match self.sources.get(source) {
                Some(Source { failed: true, .. }) => {
                    broken(format!("{source:?} got a volume, which has failed"))
                }
                Some(_) => Ok(()),
                None => broken(format!("{source:?} got a volume, which is not open")),
            },
            Output::CloseSource(source) => {
                let Some(state) = self.sources.remove(source) else {
                    return broken(format!("{source:?} was closed, which is not open"));
                };
                if !state.failed {
                    self.retire(Dead::Source(*source));
                }
                Ok(())
            }
            Output::Event(_) => Ok(()),
            Output::Wait(until) => {
                self.outputs = 0;
                let timed_out = std::mem::take(&mut self.timed_out);
                match until {
                    Some(at) if *at <= now && timed_out => {
                        broken(format!("the machine waits for {at:?}, which has come: it would spin"))
                    }
                    _ => Ok(()),
                }
            }
        }
    }

    /// Checks a drained machine that says whether it has finished.
    ///
    /// # Errors
    /// A finished machine that holds a socket or file open, waits for a time, or is not finished any more.
    pub fn drained(&mut self, is_finished: bool, wait: Option<Timestamp>) -> Result<(), Violation> {
        if self.finished && !is_finished {
            return broken("the machine had finished and has not any more");
        }
        if is_finished {
            if let Some(socket) = self.sockets.keys().next() {
                return broken(format!("the machine has finished and left {socket:?} open"));
            }
            if let Some((file, _)) = self.files.iter().find(|(_, state)| **state == File::Open) {
                return broken(format!("the machine has finished and left {file:?} open"));
            }
            if let Some(source) = self.sources.keys().next() {
                return broken(format!("the machine has finished and left {source:?} open"));
            }
            if wait.is_some() {
                return broken("the machine has finished and waits");
            }
        }
        self.finished = is_finished;
        Ok(())
    }

    /// Checks where a machine says that it found an Opus packet in a datagram of `length` bytes.
    ///
    /// # Errors
    /// A range outside of the datagram.
    pub fn audio(&self, audio: &Audio, length: usize) -> Result<(), Violation> {
        if audio.opus.start > audio.opus.end || audio.opus.end > length {
            return broken(format!("audio at {:?} of a datagram of {length} bytes", audio.opus));
        }
        Ok(())
    }

    /// The last names of each kind that are done with, at most 16: inputs for them must change nothing. A machine
    /// that never opened a source has no such kind.
    #[must_use]
    pub fn dead(&self) -> Vec<Vec<Dead>> {
        let kinds = if self.dead[3].is_empty() { 3 } else { 4 };
        self.dead.iter().take(kinds).map(|names| names.iter().copied().collect()).collect()
    }

    /// How many sockets, requests, files and sources are open or under way.
    #[must_use]
    pub fn open(&self) -> usize {
        self.sockets.len() + self.requests.len() + self.files.len() + self.sources.len()
    }

    /// Whether what a source reports is due.
    fn source(&mut self, source: SourceId, report: &SourceReport) -> bool {
        let Some(state) = self.sources.get_mut(&source).filter(|state| !state.failed) else { return false };
        match report {
            SourceReport::Frames(frames) => state.asked = state.asked.saturating_sub(frames.len()),
            SourceReport::Sought { .. } | SourceReport::SeekRefused { .. } => {
                if !std::mem::take(&mut state.seeking) {
                    return false;
                }
            }
            SourceReport::Failed { .. } => {
                state.failed = true;
                self.retire(Dead::Source(source));
            }
            SourceReport::Opened { .. } | SourceReport::Ended | SourceReport::VolumeRefused { .. } => {}
        }
        true
    }

    fn open_socket(&mut self, socket: SocketId, kind: Kind) -> Result<(), Violation> {
        self.minted.sockets.mint(socket.scope(), socket.as_u64(), "socket")?;
        self.sockets.insert(socket, Socket { kind, open: false, sent: VecDeque::new() });
        Ok(())
    }

    fn retire(&mut self, name: Dead) {
        let kept = match name {
            Dead::Socket(_) => &mut self.dead[0],
            Dead::Request(_) => &mut self.dead[1],
            Dead::File(_) => &mut self.dead[2],
            Dead::Source(_) => &mut self.dead[3],
        };
        if kept.len() == KEPT_DEAD {
            kept.pop_front();
        }
        kept.push_back(name);
    }
}

fn has_scheme(url: &str, schemes: &[&str]) -> bool {
    schemes.iter().any(|scheme| url.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()))
}

fn close_frame(frame: &CloseFrame) -> Result<(), Violation> {
    // RFC 6455, section 7.4.1: these never stand in a close frame.
    if !(1000..5000).contains(&frame.code) || matches!(frame.code, 1004 | 1005 | 1006 | 1015) {
        return broken(format!("close code {} must not be sent", frame.code));
    }
    if frame.reason.len() > 123 {
        return broken(format!("a close reason of {} bytes", frame.reason.len()));
    }
    Ok(())
}

/// What happened in a run, a line each, for comparison and for the reader of a failure.
#[derive(Debug)]
pub struct Transcript {
    lines: VecDeque<String>,
    keeps_all: bool,
    is_off: bool,
    digest: u64,
    count: u64,
}

/// How many lines a transcript keeps that was not told to keep all.
pub const KEPT_LINES: usize = 50;

impl Default for Transcript {
    fn default() -> Self {
        Self { lines: VecDeque::new(), keeps_all: false, is_off: false, digest: FNV_OFFSET, count: 0 }
    }
}

impl Transcript {
    /// Keeps every line from now on, not only the last [`KEPT_LINES`].
    pub fn keep_all(&mut self) {
        self.keeps_all = true;
    }

    /// Keeps and hashes nothing from now on, only counts: long runs are several times as fast.
    pub fn turn_off(&mut self) {
        self.is_off = true;
    }

    /// Adds a line.
    pub fn note(&mut self, now: Timestamp, line: fmt::Arguments<'_>) {
        if self.is_off {
            self.count += 1;
            return;
        }
        let mut text = String::with_capacity(64);
        // Writing to a String does not fail.
        let _ = write!(text, "{:>12.6} {line}", now.since_origin().as_secs_f64());
        self.digest = fnv(fnv(self.digest, text.as_bytes()), b"\n");
        self.count += 1;
        if !self.keeps_all && self.lines.len() >= KEPT_LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(text);
    }

    /// The lines kept, oldest first.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }

    /// How many lines there were.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// A hash over all lines there were, for comparing long runs.
    #[must_use]
    pub const fn digest(&self) -> u64 {
        self.digest
    }

    /// The last [`KEPT_LINES`] lines as one text.
    #[must_use]
    pub fn tail(&self) -> String {
        let skipped = self.lines.len().saturating_sub(KEPT_LINES);
        self.lines.iter().skip(skipped).fold(String::new(), |mut text, line| {
            text.push_str(line);
            text.push('\n');
            text
        })
    }
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;

fn fnv(state: u64, data: &[u8]) -> u64 {
    data.iter().fold(state, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Stands for bytes in a transcript: their length and a short hash, not what they say.
#[derive(Clone, Copy)]
pub(crate) struct Brief<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Brief<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} #{:08x}", self.0.len(), fnv(FNV_OFFSET, self.0) & 0xffff_ffff)
    }
}

/// A value's `Debug` text, cut at 160 characters.
pub(crate) struct Short<'a, T>(pub(crate) &'a T);

impl<T: fmt::Debug> fmt::Display for Short<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        struct Cut<'a, 'b>(&'a mut fmt::Formatter<'b>, usize);
        impl fmt::Write for Cut<'_, '_> {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                for character in text.chars() {
                    if self.1 > 0 {
                        self.0.write_char(character)?;
                        self.1 -= 1;
                    }
                }
                Ok(())
            }
        }
        write!(Cut(f, 160), "{:?}", self.0)
    }
}
