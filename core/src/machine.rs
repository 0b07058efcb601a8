//! The vocabulary between a machine and whoever drives it.
//!
//! [`Input`] is what may happen to a machine, [`Output`] what it may ask for. Both are exhaustive on purpose:
//! a new action does not compile until every driver performs it.

mod http;

pub(crate) use http::shown as shown_url;
pub use http::{
    AT_ONCE, Body, Fault, MAX_BODY, Method, Part, Progress, Request, Response, Save, TRANSFERS, Unanswered,
};

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::net::SocketAddr;
use core::ops::Range;

use bytes::Bytes;

use crate::id::UserId;
use crate::play::origin::Origin;
use crate::rtp::extension::Extensions;
use crate::time::{Duration, Timestamp};

/// A protocol state machine: inputs in, outputs out, nothing else.
///
/// Any order of calls is legal. Inputs for a socket, request or file that is no longer known change nothing.
pub trait Machine {
    /// What the machine tells its user.
    type Event;

    /// Takes what happened at `now`. The network's faults become events; nothing panics, nothing fails.
    fn handle_input(&mut self, now: Timestamp, input: Input);

    /// The next thing to do. Call it until it answers [`Output::Wait`]: only then is the machine drained.
    fn poll_output(&mut self) -> Output<Self::Event>;

    /// Takes a datagram that arrived on a UDP socket of this machine, and decrypts it where it lies.
    ///
    /// Answers with where in `data` the Opus packet now is, if there is one for the user. Outputs may be
    /// waiting afterwards, as after any input.
    fn handle_datagram(&mut self, now: Timestamp, socket: SocketId, data: &mut [u8]) -> Option<Audio> {
        let _ = (now, socket, data);
        None
    }

    /// Whether the machine has ended for good: drained, it will never ask for anything again.
    fn is_finished(&self) -> bool;

    /// What a driver that logs says of an event; `None` for what is too frequent, or not worth a line.
    #[must_use]
    fn log(event: &Self::Event) -> Option<Log> {
        let _ = event;
        None
    }

    /// Whether a driver may drop this event, and count that, when nobody takes events: it is news that nothing waits
    /// for, and what causes such events does not slow down. Others are kept whatever their number.
    #[must_use]
    fn may_be_dropped(event: &Self::Event) -> bool {
        let _ = event;
        false
    }
}

/// A line for a log. It holds no secret.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Log {
    /// How much it matters.
    pub level: Level,
    /// What happened.
    pub text: String,
}

impl Log {
    /// A line of this level.
    #[must_use]
    pub const fn new(level: Level, text: String) -> Self {
        Self { level, text }
    }
}

/// How much a line of a log matters.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Level {
    /// Something ended for good that should not have.
    Error,
    /// Something went wrong; the machine goes on by itself.
    Warn,
    /// What a user wants to know of a machine that works.
    Info,
    /// Transitions.
    Debug,
    /// What comes with each message.
    Trace,
}

/// What happened.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Input {
    /// The time that the last [`Output::Wait`] named has come. Harmless at any other time.
    Timeout,
    /// The WebSocket handshake is done, or the UDP socket is bound.
    Opened(SocketId),
    /// One whole WebSocket message arrived. Pings and pongs stay with the WebSocket library.
    Frame(SocketId, Frame),
    /// The socket could not be opened, or is gone. The last input for it.
    Closed(SocketId, Closed),
    /// An HTTP request was answered, or will not be.
    Response(RequestId, Result<Response, Unanswered>),
    /// How far a request has come, if it [asked](Request::progress) for that.
    Progress(RequestId, Progress),
    /// A file was closed, or failed. The last input for it.
    File(FileId, FileReport),
    /// A source of audio brought something, or has come to its end.
    Source(SourceId, SourceReport),
}

/// What to do, in this order.
#[derive(Debug)]
#[must_use]
pub enum Output<E> {
    /// Open a WebSocket to this URL, TLS included where it is `wss:`. Answer with [`Input::Opened`] or
    /// [`Input::Closed`].
    OpenWebSocket {
        /// The name that this socket has from now on.
        socket: SocketId,
        /// `wss://` or `ws://`, with path and query.
        url: Box<str>,
    },
    /// Bind a UDP socket on any port and connect it to this peer, so that others' datagrams stay out.
    /// Answer with [`Input::Opened`] or [`Input::Closed`].
    OpenUdp {
        /// The name that this socket has from now on.
        socket: SocketId,
        /// The only peer.
        peer: SocketAddr,
    },
    /// Send one WebSocket message.
    SendFrame(SocketId, Frame),
    /// Send one datagram. If it cannot be sent at once it is to be dropped, as the network might have.
    SendDatagram(SocketId, Bytes),
    /// Close: a WebSocket with this close frame, or abruptly if there is none. What was sent before goes out
    /// first. No [`Input::Closed`] is due.
    Close(SocketId, Option<CloseFrame>),
    /// Make an HTTP request. Follow no redirect, retry nothing; answer with [`Input::Response`].
    SendRequest(RequestId, Request),
    /// Give an HTTP request up. No [`Input::Response`] is due.
    CancelRequest(RequestId),
    /// Create this file for appending, its folder too where missing. A file that is already there must not be
    /// touched: answer with [`FileReport::Failed`].
    OpenFile {
        /// The name that this file has from now on.
        file: FileId,
        /// Its path.
        path: Box<str>,
        /// What is made of the bytes that are appended.
        encoding: Encoding,
    },
    /// Append to a file. Answer only if it fails.
    Append(FileId, Bytes),
    /// Put this in place of all that a [`Plain`](Encoding::Plain) file holds, so that after a crash it holds the old or
    /// the new, whole. Answer only if it fails.
    Replace(FileId, Bytes),
    /// Bring a file safely to the disk and close it. Answer with [`Input::File`].
    CloseFile(FileId),
    /// Open a source of audio for reading, on a thread of its own: every call to it may wait. Answer with
    /// [`SourceReport::Opened`] or [`SourceReport::Failed`].
    OpenSource {
        /// The name that this source has from now on.
        source: SourceId,
        /// What to open.
        origin: Origin,
        /// Where to begin: a source that cannot begin there has failed.
        at: Duration,
        /// The volume: 1 is as recorded. Where it cannot be set, answer with [`SourceReport::VolumeRefused`] too.
        volume: f32,
    },
    /// Read so many frames more from a source, and deliver them as they come.
    ReadSource(SourceId, usize),
    /// Send a source to this time. What was to be read before, and was not yet delivered, is not to be read any
    /// more. Answer with [`SourceReport::Sought`] or [`SourceReport::SeekRefused`].
    SeekSource(SourceId, Duration),
    /// Set the volume of what is read from now on. Answer only if it cannot be set.
    SetVolume(SourceId, f32),
    /// Drop a source: every one that was to be opened, those that failed included. No answer is due.
    CloseSource(SourceId),
    /// Say whether a file like this could be written here; leave none behind. Answer with [`Input::File`]:
    /// [`Closed`](FileReport::Closed) if it could.
    CheckFormat {
        /// The name of the question.
        file: FileId,
        /// Such a file's path, of which its extension counts.
        path: Box<str>,
        /// How it would come about.
        encoding: Encoding,
        /// Whether by [`Output::MixFiles`].
        mix: bool,
    },
    /// Lay audio files over each other in a new one: one input is copied, if it has the same format. A file that is
    /// already there must not be touched. Answer with [`Input::File`]; if it failed, leave no part of it behind.
    MixFiles {
        /// The name of the new file.
        file: FileId,
        /// What to mix, one file at least.
        inputs: Box<[Box<str>]>,
        /// The new file's path.
        path: Box<str>,
        /// The new file's format; [`Plain`](Encoding::Plain) is Ogg Opus.
        encoding: Encoding,
    },
    /// Tell the user.
    Event(E),
    /// Drained. Come back with [`Input::Timeout`] at this time, or with any other input before it. `None`: only
    /// other input can wake the machine.
    Wait(Option<Timestamp>),
}

impl<E> Output<E> {
    /// The same output of a composition whose events are others.
    pub fn map_event<F>(self, event: impl FnOnce(E) -> F) -> Output<F> {
        match self {
            Self::OpenWebSocket { socket, url } => Output::OpenWebSocket { socket, url },
            Self::OpenUdp { socket, peer } => Output::OpenUdp { socket, peer },
            Self::SendFrame(socket, frame) => Output::SendFrame(socket, frame),
            Self::SendDatagram(socket, data) => Output::SendDatagram(socket, data),
            Self::Close(socket, frame) => Output::Close(socket, frame),
            Self::SendRequest(id, request) => Output::SendRequest(id, request),
            Self::CancelRequest(id) => Output::CancelRequest(id),
            Self::OpenFile { file, path, encoding } => Output::OpenFile { file, path, encoding },
            Self::Append(file, data) => Output::Append(file, data),
            Self::Replace(file, data) => Output::Replace(file, data),
            Self::CloseFile(file) => Output::CloseFile(file),
            Self::OpenSource { source, origin, at, volume } => {
                Output::OpenSource { source, origin, at, volume }
            }
            Self::ReadSource(source, frames) => Output::ReadSource(source, frames),
            Self::SeekSource(source, at) => Output::SeekSource(source, at),
            Self::SetVolume(source, volume) => Output::SetVolume(source, volume),
            Self::CloseSource(source) => Output::CloseSource(source),
            Self::CheckFormat { file, path, encoding, mix } => {
                Output::CheckFormat { file, path, encoding, mix }
            }
            Self::MixFiles { file, inputs, path, encoding } => {
                Output::MixFiles { file, inputs, path, encoding }
            }
            Self::Event(this) => Output::Event(event(this)),
            Self::Wait(deadline) => Output::Wait(deadline),
        }
    }
}

/// Whether an address carries a scheme that [`Output::OpenWebSocket`] may name. What else stands before `://` is
/// the peer's fault, and no host.
pub(crate) fn is_web_socket_url(address: &str) -> bool {
    ["wss://", "ws://"].iter().any(|scheme| address.starts_with(scheme))
}

/// Names a socket; minted by a machine, never used twice.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SocketId(u64);

/// Names an HTTP request; minted by a machine, never used twice.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RequestId(u64);

/// Names a file; minted by a machine, never used twice.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct FileId(u64);

/// Names a source of audio; minted by a machine, never used twice.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SourceId(u64);

/// Mints the names of one machine, so that a composition can tell by a name whose it is.
#[derive(Debug)]
pub struct Scope {
    number: u32,
    minted: u32,
}

impl Scope {
    /// The names of the machine with this number in its composition; 0 for a machine that stands alone.
    #[must_use]
    pub const fn new(number: u32) -> Self {
        Self { number, minted: 0 }
    }

    /// The number that it was made with.
    #[must_use]
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// A fresh name for a socket.
    pub const fn socket(&mut self) -> SocketId {
        SocketId(self.mint())
    }

    /// A fresh name for a request.
    pub const fn request(&mut self) -> RequestId {
        RequestId(self.mint())
    }

    /// A fresh name for a file.
    pub const fn file(&mut self) -> FileId {
        FileId(self.mint())
    }

    /// A fresh name for a source of audio.
    pub const fn source(&mut self) -> SourceId {
        SourceId(self.mint())
    }

    const fn mint(&mut self) -> u64 {
        self.minted += 1;
        ((self.number as u64) << 32) | self.minted as u64
    }
}

macro_rules! names {
    ($($name:ident)*) => {$(
        impl $name {
            /// The number as such, for logs and for a driver's own tables.
            #[must_use]
            pub const fn as_u64(self) -> u64 {
                self.0
            }

            /// The number of the [`Scope`] that minted it.
            #[must_use]
            pub const fn scope(self) -> u32 {
                (self.0 >> 32) as u32
            }
        }
    )*};
}

names!(SocketId RequestId FileId SourceId);

/// One whole WebSocket message.
#[derive(Clone, Eq, PartialEq)]
pub enum Frame {
    /// A text message. If it is not UTF-8, that is the peer's fault and handled as such.
    Text(Bytes),
    /// A binary message.
    Binary(Bytes),
}

impl Frame {
    /// Length of the payload in bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        match self {
            Self::Text(data) | Self::Binary(data) => data.len(),
        }
    }

    /// Whether the payload is empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Shows kind, length and, of a text message, the opcode: payloads hold tokens and keys.
impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(data) => match opcode(data) {
                Some(op) => write!(f, "Text(op {op}, {} bytes)", data.len()),
                None => write!(f, "Text({} bytes)", data.len()),
            },
            Self::Binary(data) => write!(f, "Binary({} bytes)", data.len()),
        }
    }
}

/// The number behind the first `"op":`, if that stands near the beginning, as both gateways and we write it.
fn opcode(message: &[u8]) -> Option<u16> {
    const KEY: &[u8] = b"\"op\":";
    let head = &message[..message.len().min(96)];
    let at = head.windows(KEY.len()).position(|window| window == KEY)? + KEY.len();
    let digits = head[at..].iter().take_while(|byte| byte.is_ascii_digit());
    digits.take(4).fold(None, |number, digit| Some(number.unwrap_or(0) * 10 + u16::from(digit - b'0')))
}

/// A WebSocket close code and its reason (RFC 6455, section 5.5.1).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CloseFrame {
    /// The close code.
    pub code: u16,
    /// The reason, at most 123 bytes; empty if none was given.
    pub reason: Box<str>,
}

impl CloseFrame {
    /// A close frame without a reason.
    #[must_use]
    pub fn new(code: u16) -> Self {
        Self { code, reason: Box::from("") }
    }
}

/// How a socket ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Closed {
    /// It never opened: no route, refused, TLS or the WebSocket handshake failed.
    Refused {
        /// The HTTP status, if the server answered the upgrade with one.
        status: Option<u16>,
        /// What went wrong, for a human.
        reason: Box<str>,
    },
    /// It broke without a close frame.
    Lost {
        /// What went wrong, for a human.
        reason: Box<str>,
    },
    /// The peer closed it, with a close frame if it had something to say.
    ByPeer(Option<CloseFrame>),
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { status: Some(status), reason } => {
                write!(f, "the connection was refused with HTTP status {status}: {reason}")
            }
            Self::Refused { status: None, reason } => write!(f, "the connection could not be made: {reason}"),
            Self::Lost { reason } => write!(f, "the connection was lost: {reason}"),
            Self::ByPeer(None) => f.write_str("closed by the server without a code"),
            Self::ByPeer(Some(frame)) if frame.reason.is_empty() => {
                write!(f, "closed by the server with code {}", frame.code)
            }
            Self::ByPeer(Some(frame)) => {
                write!(f, "closed by the server with code {}: {}", frame.code, frame.reason)
            }
        }
    }
}

/// What a file is made of.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub enum Encoding {
    /// Of the bytes that are appended, as they are.
    #[default]
    Plain,
    /// Of the sound of the Ogg Opus stream that is appended (RFC 7845), its pages whole: as WAV.
    Wav,
    /// The same as FLAC.
    Flac,
    /// The same by ffmpeg, in the format that the file's extension names to it.
    Ffmpeg {
        /// The program: a path, or a name to be sought where the system seeks programs.
        program: Box<str>,
        /// Options that stand before the file's name.
        options: Vec<Box<str>>,
        /// How long it may take nothing in, or take to end; then it is to be killed, and the file has failed.
        timeout: Duration,
    },
}

/// What became of a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum FileReport {
    /// It is complete, on disk and closed.
    Closed,
    /// It could not be created, written or closed; what had been written before is still there.
    Failed {
        /// What went wrong, for a human.
        reason: Box<str>,
    },
}

/// What became of a source of audio. Reports come in the order of what they answer.
#[derive(Clone, Eq, PartialEq)]
pub enum SourceReport {
    /// It is open.
    Opened {
        /// How long it is as a whole, if that is known.
        length: Option<Duration>,
    },
    /// Opus packets, no more than were asked for.
    Frames(Vec<Bytes>),
    /// It has come to its end. It stays open, and can be sent elsewhere.
    Ended,
    /// It could not be opened, or read any further: the last input for it. Its name is closed in time.
    Failed {
        /// What went wrong, for a human.
        reason: Box<str>,
    },
    /// It was sent elsewhere: frames are from there now.
    Sought {
        /// Where the next frame begins.
        at: Duration,
    },
    /// It could not be sent elsewhere, and stays where it was.
    SeekRefused {
        /// Why, for a human.
        reason: Box<str>,
    },
    /// Its volume could not be set, and stays what it was.
    VolumeRefused {
        /// Why, for a human.
        reason: Box<str>,
    },
}

/// Shows of frames only how many they are.
impl fmt::Debug for SourceReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opened { length } => write!(f, "Opened({length:?})"),
            Self::Frames(frames) => write!(f, "Frames({})", frames.len()),
            Self::Ended => f.write_str("Ended"),
            Self::Failed { reason } => write!(f, "Failed({reason:?})"),
            Self::Sought { at } => write!(f, "Sought({at:?})"),
            Self::SeekRefused { reason } => write!(f, "SeekRefused({reason:?})"),
            Self::VolumeRefused { reason } => write!(f, "VolumeRefused({reason:?})"),
        }
    }
}

/// An Opus packet that lies decrypted in the datagram which brought it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Audio {
    /// Who speaks.
    pub user: UserId,
    /// RTP synchronisation source (RFC 3550, section 5.1).
    pub ssrc: u32,
    /// RTP sequence number; wraps.
    pub sequence: u16,
    /// RTP timestamp in samples at 48 kHz; wraps.
    pub timestamp: u32,
    /// Marker bit: with Discord's clients, the first packet of a talk spurt (RFC 3551, section 4.1).
    pub marker: bool,
    /// What the sender says beside the sound.
    pub extensions: Extensions,
    /// Where in the datagram the Opus packet is. Empty if the packet was padding only: it has a place in the
    /// sequence, and no sound.
    pub opus: Range<usize>,
}
