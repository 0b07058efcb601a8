//! The names that a machine has in use, and so what can happen to it.

use std::collections::BTreeMap;

use bytes::Bytes;
use sanscord::machine::{
    CloseFrame, Closed, Fault, FileId, FileReport, Frame, Input, Output, RequestId, Response, SocketId,
    Unanswered,
};
use sanscord::voice::discovery;

use crate::message::{NONCE, discovered};
use crate::step::Step;

/// What an input is to a driver: it hands datagrams in another way.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Arrival {
    /// To be handed in as an input.
    Input(Input),
    /// To be handed in as a datagram.
    Datagram(SocketId, Vec<u8>),
}

/// The names that a machine has in use, in the order in which it named them or they opened.
#[derive(Debug, Default)]
pub struct Book {
    opening: Vec<(SocketId, bool)>,
    web: Vec<SocketId>,
    udp: Vec<SocketId>,
    requests: Vec<RequestId>,
    files: Vec<FileId>,
    closing: Vec<FileId>,
    probes: BTreeMap<SocketId, u32>,
    /// The nonce of the last request for members.
    nonce: Option<String>,
    /// What was appended to each file, if that is to be kept.
    pub written: Option<BTreeMap<FileId, Vec<u8>>>,
}

impl Book {
    /// A machine that has named nothing yet. `keep` says whether to keep what it writes to files.
    #[must_use]
    pub fn new(keep: bool) -> Self {
        Self { written: keep.then(BTreeMap::new), ..Self::default() }
    }

    /// Notes what the machine asks for.
    pub fn output<E>(&mut self, output: &Output<E>) {
        match output {
            Output::OpenWebSocket { socket, .. } => self.opening.push((*socket, false)),
            Output::OpenUdp { socket, .. } => self.opening.push((*socket, true)),
            Output::SendDatagram(socket, data) => {
                if data.len() == discovery::LENGTH {
                    self.probes.insert(*socket, u32::from_be_bytes([data[4], data[5], data[6], data[7]]));
                }
            }
            Output::Close(socket, _) => self.forget(*socket),
            Output::SendRequest(request, _) => self.requests.push(*request),
            Output::CancelRequest(request) => self.requests.retain(|open| open != request),
            Output::OpenFile { file, .. } => self.files.push(*file),
            Output::Append(file, data) => {
                if let Some(written) = &mut self.written {
                    written.entry(*file).or_default().extend_from_slice(data);
                }
            }
            Output::Replace(file, data) => {
                if let Some(written) = &mut self.written {
                    written.insert(*file, data.to_vec());
                }
            }
            Output::CheckFormat { file, .. } | Output::MixFiles { file, .. } => self.closing.push(*file),
            Output::CloseFile(file) => {
                self.files.retain(|open| open != file);
                self.closing.push(*file);
            }
            Output::SendFrame(_, frame) => self.nonce = nonce(frame).or(self.nonce.take()),
            // No fuzzed machine plays.
            Output::OpenSource { .. }
            | Output::ReadSource(..)
            | Output::SeekSource(..)
            | Output::SetVolume(..)
            | Output::CloseSource(_)
            | Output::Event(_)
            | Output::Wait(_) => {}
        }
    }

    /// Notes what happens to the machine.
    pub fn input(&mut self, input: &Input) {
        match input {
            Input::Timeout | Input::Frame(..) | Input::Progress(..) | Input::Source(..) => {}
            Input::Opened(socket) => {
                if let Some(at) = self.opening.iter().position(|(opening, _)| opening == socket) {
                    let (socket, is_udp) = self.opening.remove(at);
                    if is_udp { &mut self.udp } else { &mut self.web }.push(socket);
                }
            }
            Input::Closed(socket, _) => self.forget(*socket),
            Input::Response(request, _) => self.requests.retain(|open| open != request),
            Input::File(file, _) => {
                self.files.retain(|open| open != file);
                self.closing.retain(|open| open != file);
            }
        }
    }

    /// The message with the nonce of the last request for members, where one belongs.
    #[must_use]
    pub fn answer(&self, message: Vec<u8>) -> Vec<u8> {
        let Some(nonce) = &self.nonce else { return message };
        let at = message.windows(NONCE.len()).position(|part| part == NONCE.as_bytes());
        at.map_or(message.clone(), |at| {
            [&message[..at], nonce.as_bytes(), &message[at + NONCE.len()..]].concat()
        })
    }

    fn forget(&mut self, socket: SocketId) {
        self.opening.retain(|(opening, _)| *opening != socket);
        self.web.retain(|open| *open != socket);
        self.udp.retain(|open| *open != socket);
        self.probes.remove(&socket);
    }

    fn sockets(&self) -> Vec<SocketId> {
        let opening = self.opening.iter().map(|(socket, _)| *socket);
        opening.chain(self.web.iter().copied()).chain(self.udp.iter().copied()).collect()
    }

    /// What a step brings to the machine; `None` if it does not concern the machine, or there is nothing that
    /// it could happen to.
    #[must_use]
    pub fn arrival(&self, step: &Step) -> Option<Arrival> {
        let frame = |socket: u8, frame: fn(Bytes) -> Frame, data: Vec<u8>| {
            pick(&self.web, socket).map(|socket| Input::Frame(socket, frame(data.into())))
        };
        let closed = |socket: u8, closed: Closed| {
            pick(&self.sockets(), socket).map(|socket| Input::Closed(socket, closed))
        };
        let datagram =
            |socket: u8, data: Vec<u8>| pick(&self.udp, socket).map(|socket| Arrival::Datagram(socket, data));
        let input = match step {
            Step::Tick => Some(Input::Timeout),
            Step::Opened(socket) => pick(&self.opening, *socket).map(|(socket, _)| Input::Opened(socket)),
            Step::Text(socket, data) => frame(*socket, Frame::Text, data.clone()),
            Step::Binary(socket, data) => frame(*socket, Frame::Binary, data.clone()),
            Step::Gateway(socket, message) => frame(*socket, Frame::Text, self.answer(message.gateway())),
            Step::Voice(socket, message) => frame(*socket, Frame::Text, message.voice()),
            Step::Closed(socket, code) => closed(*socket, Closed::ByPeer(Some(CloseFrame::new(*code)))),
            Step::Gone(socket, 1) => {
                closed(*socket, Closed::Refused { status: Some(503), reason: "refused".into() })
            }
            Step::Gone(socket, 2) => closed(*socket, Closed::ByPeer(None)),
            Step::Gone(socket, _) => closed(*socket, Closed::Lost { reason: "lost".into() }),
            Step::Response(request, status, body) => pick(&self.requests, *request).map(|request| {
                let response = Response { status: *status, headers: Vec::new(), body: body.clone().into() };
                Input::Response(request, Ok(response))
            }),
            Step::Unanswered(request) => pick(&self.requests, *request)
                .map(|request| Input::Response(request, Err(Unanswered::new(Fault::Lost, "lost")))),
            Step::Datagram(socket, data) => return datagram(*socket, data.clone()),
            Step::Rtp(socket, rtp) => return datagram(*socket, rtp.seal()),
            Step::Discovered(socket, address, port) => {
                let socket = pick(&self.udp, *socket)?;
                let ssrc = *self.probes.get(&socket)?;
                let packet = discovered(ssrc, [203, 0, 113, *address].into(), *port);
                return Some(Arrival::Datagram(socket, packet.into()));
            }
            Step::FileClosed(file) => {
                pick(&self.closing, *file).map(|file| Input::File(file, FileReport::Closed))
            }
            Step::FileFailed(file) => {
                let files: Vec<FileId> = self.files.iter().chain(&self.closing).copied().collect();
                let failed = FileReport::Failed { reason: "full".into() };
                pick(&files, *file).map(|file| Input::File(file, failed))
            }
            Step::Timeout | Step::Sleep(_) | Step::Command(..) | Step::Stale(..) => None,
        };
        input.map(Arrival::Input)
    }

    /// The step that brings this to the machine, for writing down what happened.
    #[must_use]
    pub fn step(&self, arrival: &Arrival) -> Option<Step> {
        Some(match arrival {
            Arrival::Datagram(socket, data) => Step::Datagram(find(&self.udp, socket)?, data.clone()),
            Arrival::Input(input) => match input {
                Input::Timeout => Step::Tick,
                Input::Opened(socket) => {
                    let opening: Vec<SocketId> = self.opening.iter().map(|(socket, _)| *socket).collect();
                    Step::Opened(find(&opening, socket)?)
                }
                Input::Frame(socket, Frame::Text(data)) => {
                    Step::Text(find(&self.web, socket)?, data.to_vec())
                }
                Input::Frame(socket, Frame::Binary(data)) => {
                    Step::Binary(find(&self.web, socket)?, data.to_vec())
                }
                Input::Closed(socket, closed) => {
                    let socket = find(&self.sockets(), socket)?;
                    match closed {
                        Closed::ByPeer(Some(frame)) => Step::Closed(socket, frame.code),
                        Closed::ByPeer(None) => Step::Gone(socket, 2),
                        Closed::Refused { .. } => Step::Gone(socket, 1),
                        Closed::Lost { .. } => Step::Gone(socket, 0),
                    }
                }
                Input::Response(request, Ok(response)) => {
                    let request = find(&self.requests, request)?;
                    Step::Response(request, response.status, response.body.to_vec())
                }
                Input::Response(request, Err(_)) => Step::Unanswered(find(&self.requests, request)?),
                Input::Progress(..) | Input::Source(..) => return None,
                Input::File(file, FileReport::Closed) => Step::FileClosed(find(&self.closing, file)?),
                Input::File(file, FileReport::Failed { .. }) => {
                    let files: Vec<FileId> = self.files.iter().chain(&self.closing).copied().collect();
                    Step::FileFailed(find(&files, file)?)
                }
            },
        })
    }
}

/// The nonce in a request for members.
fn nonce(frame: &Frame) -> Option<String> {
    let Frame::Text(text) = frame else { return None };
    let (_, rest) = str::from_utf8(text).ok()?.split_once("\"nonce\":\"")?;
    rest.split_once('"').map(|(nonce, _)| nonce.into())
}

fn pick<T: Copy>(list: &[T], number: u8) -> Option<T> {
    list.get(usize::from(number).checked_rem(list.len())?).copied()
}

fn find<T: PartialEq>(list: &[T], wanted: &T) -> Option<u8> {
    list.iter().position(|name| name == wanted).and_then(|at| at.try_into().ok())
}
