//! The lines of a capture: one JSON object each.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::capture::redact::Redactor;
use crate::machine::{
    Body, CloseFrame, Closed, Encoding, Fault, FileReport, Frame, Input, Output, Part, Progress, Response,
    SourceReport, Unanswered,
};
use crate::play::Origin;
use crate::time::{Duration, Timestamp};

/// What a line tells, and when it happened.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Line {
    /// Nanoseconds on the driver's clock.
    pub(super) at: u64,
    #[serde(flatten)]
    pub(super) step: Step,
}

/// Sockets, requests and files are the numbers that the machine gave them.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum Step {
    /// The first line.
    Begin {
        version: u32,
        seed: String,
        setup: Value,
    },
    /// The user called.
    Command {
        command: Value,
    },

    // Inputs.
    Timeout,
    Opened {
        socket: u64,
    },
    Frame {
        socket: u64,
        data: Data,
    },
    /// A frame of so many bytes of which no message came: part of a longer one, or for a socket that was closed.
    Part {
        socket: u64,
        bytes: usize,
    },
    /// A frame of so many bytes that could not be inflated. What cannot be read cannot be cleaned.
    Corrupt {
        socket: u64,
        bytes: usize,
    },
    Closed {
        socket: u64,
        how: How,
    },
    Response {
        request: u64,
        status: u16,
        headers: Vec<(Box<str>, String)>,
        body: Data,
    },
    Unanswered {
        request: u64,
        fault: Fault,
        reason: String,
    },
    Progress {
        request: u64,
        progress: Progress,
    },
    File {
        file: u64,
        failed: Option<String>,
    },

    // Outputs.
    SourceOpened {
        source: u64,
        nanos: Option<u64>,
    },
    /// Media: of each packet the two bytes that say how long it plays, and its length.
    SourceFrames {
        source: u64,
        frames: Vec<(String, usize)>,
    },
    SourceEnded {
        source: u64,
    },
    SourceFailed {
        source: u64,
        reason: String,
    },
    SourceSought {
        source: u64,
        nanos: u64,
    },
    SeekRefused {
        source: u64,
        reason: String,
    },
    VolumeRefused {
        source: u64,
        reason: String,
    },

    OpenWebSocket {
        socket: u64,
        url: String,
    },
    OpenUdp {
        socket: u64,
        peer: String,
    },
    Send {
        socket: u64,
        data: Data,
    },
    /// Media: its length only.
    SendDatagram {
        socket: u64,
        bytes: usize,
    },
    Close {
        socket: u64,
        frame: Option<(u16, String)>,
    },
    Request {
        request: u64,
        method: String,
        url: String,
        headers: Vec<(Box<str>, String)>,
        body: Data,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        save: Option<String>,
    },
    Cancel {
        request: u64,
    },
    OpenFile {
        file: u64,
        path: String,
        /// `None` for a plain file.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        encoding: Option<String>,
    },
    /// Its length only.
    Append {
        file: u64,
        bytes: usize,
    },
    /// Its length only.
    Replace {
        file: u64,
        bytes: usize,
    },
    CheckFormat {
        file: u64,
        path: String,
        encoding: Option<String>,
        mix: bool,
    },
    MixFiles {
        file: u64,
        inputs: Vec<String>,
        path: String,
        encoding: Option<String>,
    },
    CloseFile {
        file: u64,
    },
    /// `path` if it is a file.
    OpenSource {
        source: u64,
        path: Option<String>,
        nanos: u64,
        volume: f32,
    },
    ReadSource {
        source: u64,
        frames: usize,
    },
    SeekSource {
        source: u64,
        nanos: u64,
    },
    SetVolume {
        source: u64,
        volume: f32,
    },
    CloseSource {
        source: u64,
    },
    Event {
        event: String,
    },
    Wait {
        until: Option<u64>,
    },

    /// The last line: why nothing follows.
    End {
        reason: Box<str>,
    },
}

/// What a message or a body holds.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Data {
    Text(String),
    /// A text message that is not UTF-8, in hexadecimal digits.
    BadText(String),
    /// In hexadecimal digits.
    Binary(String),
}

/// How a socket ended.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum How {
    Refused { status: Option<u16>, reason: String },
    Lost { reason: String },
    ByPeer { frame: Option<(u16, String)> },
}

/// What becomes of text before it is written.
pub(super) trait Clean {
    fn text(&mut self, text: &[u8]) -> Vec<u8>;
    fn header(&mut self, name: &str, value: &str) -> Vec<u8>;

    fn string(&mut self, text: &str) -> String {
        string(self.text(text.as_bytes()))
    }
}

/// For a capture.
impl Clean for Redactor {
    fn text(&mut self, text: &[u8]) -> Vec<u8> {
        self.clean(text)
    }

    fn header(&mut self, name: &str, value: &str) -> Vec<u8> {
        self.clean_header(name, value)
    }
}

/// For a replay, where there are no secrets any more.
pub(super) struct AsItIs;

impl Clean for AsItIs {
    fn text(&mut self, text: &[u8]) -> Vec<u8> {
        text.into()
    }

    fn header(&mut self, _: &str, value: &str) -> Vec<u8> {
        value.into()
    }
}

impl Step {
    /// An input but for frames, which have to be inflated first.
    pub(super) fn input(input: &Input, clean: &mut impl Clean) -> Self {
        match input {
            Input::Timeout => Self::Timeout,
            Input::Opened(socket) => Self::Opened { socket: socket.as_u64() },
            Input::Frame(socket, frame) => {
                Self::Frame { socket: socket.as_u64(), data: Data::frame(frame, clean) }
            }
            Input::Closed(socket, closed) => {
                Self::Closed { socket: socket.as_u64(), how: How::new(closed, clean) }
            }
            Input::Response(request, Ok(response)) => {
                let header =
                    |(name, value): &(Box<str>, Box<str>)| (name.clone(), string(clean.header(name, value)));
                let headers = response.headers.iter().map(header).collect();
                let (request, status) = (request.as_u64(), response.status);
                Self::Response { request, status, headers, body: Data::body(&response.body, clean) }
            }
            Input::Response(request, Err(Unanswered { fault, reason })) => {
                Self::Unanswered { request: request.as_u64(), fault: *fault, reason: clean.string(reason) }
            }
            Input::Progress(request, progress) => {
                Self::Progress { request: request.as_u64(), progress: *progress }
            }
            Input::File(file, report) => {
                let failed = match report {
                    FileReport::Closed => None,
                    FileReport::Failed { reason } => Some(clean.string(reason)),
                };
                Self::File { file: file.as_u64(), failed }
            }
            Input::Source(source, report) => Self::source(source.as_u64(), report, clean),
        }
    }

    fn source(source: u64, report: &SourceReport, clean: &mut impl Clean) -> Self {
        match report {
            SourceReport::Opened { length } => Self::SourceOpened { source, nanos: length.map(nanos) },
            SourceReport::Frames(frames) => {
                let frame = |frame: &Bytes| (hex(frame.get(..2).unwrap_or(frame)), frame.len());
                Self::SourceFrames { source, frames: frames.iter().map(frame).collect() }
            }
            SourceReport::Ended => Self::SourceEnded { source },
            SourceReport::Failed { reason } => Self::SourceFailed { source, reason: clean.string(reason) },
            SourceReport::Sought { at } => Self::SourceSought { source, nanos: nanos(*at) },
            SourceReport::SeekRefused { reason } => {
                Self::SeekRefused { source, reason: clean.string(reason) }
            }
            SourceReport::VolumeRefused { reason } => {
                Self::VolumeRefused { source, reason: clean.string(reason) }
            }
        }
    }

    /// What a source reported, and which; `None` if this is no such line, or is damaged. Packets are silent ones of
    /// the same duration and length.
    pub(super) fn to_source_report(&self) -> Option<(u64, SourceReport)> {
        let reasoned = |reason: &String| Box::from(reason.as_str());
        Some(match self {
            Self::SourceOpened { source, nanos } => {
                (*source, SourceReport::Opened { length: nanos.map(Duration::from_nanos) })
            }
            Self::SourceFrames { source, frames } => {
                let frame = |(head, length): &(String, usize)| {
                    let mut frame = unhex(head)?;
                    frame.resize((*length).min(MAX_PACKET), 0);
                    Some(Bytes::from(frame))
                };
                (*source, SourceReport::Frames(frames.iter().map(frame).collect::<Option<_>>()?))
            }
            Self::SourceEnded { source } => (*source, SourceReport::Ended),
            Self::SourceFailed { source, reason } => {
                (*source, SourceReport::Failed { reason: reasoned(reason) })
            }
            Self::SourceSought { source, nanos } => {
                (*source, SourceReport::Sought { at: Duration::from_nanos(*nanos) })
            }
            Self::SeekRefused { source, reason } => {
                (*source, SourceReport::SeekRefused { reason: reasoned(reason) })
            }
            Self::VolumeRefused { source, reason } => {
                (*source, SourceReport::VolumeRefused { reason: reasoned(reason) })
            }
            _ => return None,
        })
    }

    pub(super) fn output<E>(
        output: &Output<E>,
        describe: impl Fn(&E) -> String,
        clean: &mut impl Clean,
    ) -> Self {
        match output {
            Output::OpenWebSocket { socket, url } => {
                Self::OpenWebSocket { socket: socket.as_u64(), url: clean.string(url) }
            }
            Output::OpenUdp { socket, peer } => {
                Self::OpenUdp { socket: socket.as_u64(), peer: peer.to_string() }
            }
            Output::SendFrame(socket, frame) => {
                Self::Send { socket: socket.as_u64(), data: Data::frame(frame, clean) }
            }
            Output::SendDatagram(socket, data) => {
                Self::SendDatagram { socket: socket.as_u64(), bytes: data.len() }
            }
            Output::Close(socket, frame) => {
                let frame = frame.as_ref().map(|frame| (frame.code, clean.string(&frame.reason)));
                Self::Close { socket: socket.as_u64(), frame }
            }
            Output::SendRequest(id, request) => {
                let header = |&(name, ref value): &(&'static str, Box<str>)| {
                    (Box::from(name), string(clean.header(name, value)))
                };
                Self::Request {
                    request: id.as_u64(),
                    method: request.method.to_string(),
                    headers: request.headers.iter().map(header).collect(),
                    url: clean.string(&request.url),
                    body: Data::request(&request.body, clean),
                    save: request.save.as_ref().map(|save| clean.string(&save.path)),
                }
            }
            Output::CancelRequest(request) => Self::Cancel { request: request.as_u64() },
            Output::OpenFile { file, path, encoding } => Self::OpenFile {
                file: file.as_u64(),
                path: clean.string(path),
                encoding: describe_encoding(encoding, clean),
            },
            Output::Append(file, data) => Self::Append { file: file.as_u64(), bytes: data.len() },
            Output::Replace(file, data) => Self::Replace { file: file.as_u64(), bytes: data.len() },
            Output::CheckFormat { file, path, encoding, mix } => Self::CheckFormat {
                file: file.as_u64(),
                path: clean.string(path),
                encoding: describe_encoding(encoding, clean),
                mix: *mix,
            },
            Output::MixFiles { file, inputs, path, encoding } => Self::MixFiles {
                file: file.as_u64(),
                inputs: inputs.iter().map(|input| clean.string(input)).collect(),
                path: clean.string(path),
                encoding: describe_encoding(encoding, clean),
            },
            Output::CloseFile(file) => Self::CloseFile { file: file.as_u64() },
            Output::OpenSource { source, origin, at, volume } => {
                let path = match origin {
                    Origin::File(path) => Some(clean.string(path)),
                    Origin::Custom(_) => None,
                };
                Self::OpenSource { source: source.as_u64(), path, nanos: nanos(*at), volume: *volume }
            }
            Output::ReadSource(source, frames) => {
                Self::ReadSource { source: source.as_u64(), frames: *frames }
            }
            Output::SeekSource(source, at) => Self::SeekSource { source: source.as_u64(), nanos: nanos(*at) },
            Output::SetVolume(source, volume) => Self::SetVolume { source: source.as_u64(), volume: *volume },
            Output::CloseSource(source) => Self::CloseSource { source: source.as_u64() },
            Output::Event(event) => {
                Self::Event { event: shorten(&clean.string(&describe(event))).into_owned() }
            }
            Output::Wait(until) => Self::Wait { until: until.map(Timestamp::as_nanos) },
        }
    }
}

/// The longest packet of a source that is made up for a replay, in bytes: no datagram holds a longer one.
const MAX_PACKET: usize = 65_535;

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

impl Data {
    fn frame(frame: &Frame, clean: &mut impl Clean) -> Self {
        match frame {
            Frame::Text(data) => String::from_utf8(clean.text(data))
                .map_or_else(|e| Self::BadText(hex(e.as_bytes())), Self::Text),
            Frame::Binary(data) => Self::Binary(hex(&clean.text(data))),
        }
    }

    /// What a request carries; of files their paths only.
    fn request(body: &Body, clean: &mut impl Clean) -> Self {
        match body {
            Body::Empty => Self::Text(String::new()),
            Body::Bytes(bytes) => Self::body(bytes, clean),
            Body::Parts(parts) => {
                let mut whole = Vec::new();
                for part in parts {
                    match part {
                        Part::Bytes(bytes) => whole.extend_from_slice(bytes),
                        Part::File { path, .. } => whole.extend_from_slice(format!("<{path}>").as_bytes()),
                    }
                }
                Self::body(&whole.into(), clean)
            }
        }
    }

    fn body(body: &Bytes, clean: &mut impl Clean) -> Self {
        String::from_utf8(clean.text(body)).map_or_else(|e| Self::Binary(hex(e.as_bytes())), Self::Text)
    }

    /// The frame that it was; `None` if its digits are none.
    pub(super) fn to_frame(&self) -> Option<Frame> {
        Some(match self {
            Self::Text(text) => Frame::Text(Bytes::copy_from_slice(text.as_bytes())),
            Self::BadText(digits) => Frame::Text(unhex(digits)?.into()),
            Self::Binary(digits) => Frame::Binary(unhex(digits)?.into()),
        })
    }

    fn to_body(&self) -> Option<Bytes> {
        let (Frame::Text(body) | Frame::Binary(body)) = self.to_frame()?;
        Some(body)
    }

    /// The response that it was the body of.
    pub(super) fn to_response(&self, status: u16, headers: &[(Box<str>, String)]) -> Option<Response> {
        let headers = headers.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
        Some(Response { status, headers, body: self.to_body()? })
    }
}

impl How {
    fn new(closed: &Closed, clean: &mut impl Clean) -> Self {
        match closed {
            Closed::Refused { status, reason } => {
                Self::Refused { status: *status, reason: clean.string(reason) }
            }
            Closed::Lost { reason } => Self::Lost { reason: clean.string(reason) },
            Closed::ByPeer(frame) => {
                Self::ByPeer { frame: frame.as_ref().map(|frame| (frame.code, clean.string(&frame.reason))) }
            }
        }
    }

    pub(super) fn to_closed(&self) -> Closed {
        match self {
            Self::Refused { status, reason } => {
                Closed::Refused { status: *status, reason: reason.as_str().into() }
            }
            Self::Lost { reason } => Closed::Lost { reason: reason.as_str().into() },
            Self::ByPeer { frame } => {
                let frame = frame.as_ref();
                Closed::ByPeer(
                    frame.map(|(code, reason)| CloseFrame { code: *code, reason: reason.as_str().into() }),
                )
            }
        }
    }
}

fn describe_encoding(encoding: &Encoding, clean: &mut impl Clean) -> Option<String> {
    (*encoding != Encoding::Plain).then(|| clean.string(&format!("{encoding:?}")))
}

fn string(text: Vec<u8>) -> String {
    String::from_utf8(text).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// A long text by its beginning, its length and its hash (FNV-1a, 64 bits).
fn shorten(text: &str) -> Cow<'_, str> {
    if text.len() <= MAX_EVENT {
        return Cow::Borrowed(text);
    }
    let hash = text.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    });
    let mut end = MAX_EVENT;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    Cow::Owned(format!("{}... {} bytes, {hash:016x}", &text[..end], text.len()))
}

pub(super) fn hex(data: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or_default();
    data.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

pub(super) fn unhex(digits: &str) -> Option<Vec<u8>> {
    let nibble = |digit: u8| char::from(digit).to_digit(16).and_then(|nibble| u8::try_from(nibble).ok());
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some(nibble(*high)? << 4 | nibble(*low)?),
        _ => None,
    };
    digits.as_bytes().chunks(2).map(pair).collect()
}

/// Longer descriptions of events are shortened, in bytes: the payload stands in the frame that brought it.
const MAX_EVENT: usize = 256;
