//! One TCP connection of a client: HTTP at first, perhaps a WebSocket later.

use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use mio::net::TcpStream;
use rustls::ServerConfig;
use sanscord::machine::{CloseFrame, Frame, Response};
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::protocol::frame::{self, Utf8Bytes};
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Error, Message, WebSocket};

use super::CLOSE_GRACE;
use super::http::{self, Next, Reader, Request};
use super::tls::TlsStream;
use crate::server::Service;

/// The longest WebSocket message taken in, in bytes: far above the gateway's 4096.
const MAX_MESSAGE: usize = 1 << 20;

/// How much may wait for a client that does not read, in bytes; one that lets more pile up is cut.
const MAX_UNSENT: usize = 64 << 20;

/// The longest reason in a close frame, in bytes (RFC 6455, section 5.5.1).
const MAX_REASON: usize = 123;

/// What a connection brought.
#[derive(Debug)]
pub(super) enum Heard {
    Upgrade {
        target: String,
    },
    Request(Request),
    Frame(Frame),
    Closed(Option<CloseFrame>),
    /// Something that concerns nobody else.
    Noise,
}

/// A connection. Its methods never wait; where something is left to do, [`Connection::poll`] does it later.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) service: Service,
    state: State,
    /// When to give up on an end that the server wanted.
    deadline: Option<Instant>,
    /// Whether the server knows this as a WebSocket connection that has not ended.
    is_known: bool,
}

#[derive(Debug)]
enum State {
    Http(Box<Http>),
    WebSocket(Box<WebSocket<TlsStream>>),
    /// The end is on its way; the client has until the deadline to notice.
    Ending(Box<TlsStream>),
    Gone,
}

#[derive(Debug)]
struct Http {
    stream: TlsStream,
    reader: Reader,
    unsent: Vec<u8>,
    sent: usize,
    pending: Pending,
    closes: bool,
}

/// What the server has been asked and has not answered.
#[derive(Debug)]
enum Pending {
    Nothing,
    Exchange { is_head: bool, closes: bool },
    Upgrade { key: String },
}

/// What is to become of a connection after a look at it.
enum Step {
    Heard(Heard),
    Idle,
    Again,
    End,
    Gone,
}

impl Connection {
    pub(super) fn new(tcp: TcpStream, config: Arc<ServerConfig>, service: Service) -> io::Result<Self> {
        let http = Http {
            stream: TlsStream::new(tcp, config)?,
            reader: Reader::default(),
            unsent: Vec::new(),
            sent: 0,
            pending: Pending::Nothing,
            closes: false,
        };
        Ok(Self { service, state: State::Http(Box::new(http)), deadline: None, is_known: false })
    }

    /// The socket, while there is one, for registration.
    pub(super) fn tcp(&mut self) -> Option<&mut TcpStream> {
        match &mut self.state {
            State::Http(http) => Some(http.stream.tcp()),
            State::WebSocket(socket) => Some(socket.get_mut().tcp()),
            State::Ending(stream) => Some(stream.tcp()),
            State::Gone => None,
        }
    }

    /// Sends and takes in what can be without waiting, up to the next thing worth telling.
    pub(super) fn poll(&mut self, now: Instant) -> Option<Heard> {
        if self.deadline.is_some_and(|deadline| deadline <= now) {
            self.state = State::Gone;
        }
        loop {
            let step = match &mut self.state {
                State::Http(http) => http.poll(self.service),
                State::WebSocket(socket) => poll_websocket(socket),
                State::Ending(stream) => poll_ending(stream),
                State::Gone => Step::Gone,
            };
            match step {
                Step::Idle => return None,
                Step::Again => {}
                Step::End => self.end(now),
                Step::Gone => {
                    self.state = State::Gone;
                    return std::mem::take(&mut self.is_known).then_some(Heard::Closed(None));
                }
                Step::Heard(Heard::Upgrade { target }) => {
                    self.is_known = true;
                    return Some(Heard::Upgrade { target });
                }
                Step::Heard(Heard::Frame(_)) if !self.is_known => return Some(Heard::Noise),
                Step::Heard(Heard::Closed(frame)) => {
                    let is_news = std::mem::take(&mut self.is_known);
                    return Some(if is_news { Heard::Closed(frame) } else { Heard::Noise });
                }
                Step::Heard(heard) => return Some(heard),
            }
        }
    }

    /// The client has closed its side: an upgrade that waits for an answer has no one to answer to.
    pub(super) fn hang_up(&mut self) {
        if let State::Http(http) = &self.state
            && matches!(http.pending, Pending::Upgrade { .. })
        {
            self.state = State::Gone;
        }
    }

    /// Finishes the WebSocket handshake.
    pub(super) fn accept(&mut self) {
        match std::mem::replace(&mut self.state, State::Gone) {
            State::Http(http) if matches!(http.pending, Pending::Upgrade { .. }) => {
                // A client that has left its earlier answers unread until here is cut.
                self.state = http.upgrade().map_or(State::Gone, |socket| State::WebSocket(Box::new(socket)));
            }
            state => self.state = state,
        }
    }

    /// Answers the upgrade with a status instead.
    pub(super) fn refuse(&mut self, status: u16) {
        if let State::Http(http) = &mut self.state
            && matches!(http.pending, Pending::Upgrade { .. })
        {
            self.is_known = false;
            http.refuse(status);
        }
    }

    /// Answers the request that was heard last.
    pub(super) fn respond(&mut self, response: &Response) {
        if let State::Http(http) = &mut self.state
            && let Pending::Exchange { is_head, closes } = http.pending
        {
            http.pending = Pending::Nothing;
            http.closes |= closes;
            http::write_response(&mut http.unsent, response, is_head, closes);
        }
    }

    /// Queues a message.
    pub(super) fn send(&mut self, frame: Frame) {
        if let State::WebSocket(socket) = &mut self.state
            && self.is_known
        {
            // Raw frames, because a server under test may well send text that is not UTF-8.
            let (data, kind) = match frame {
                Frame::Text(data) => (data, Data::Text),
                Frame::Binary(data) => (data, Data::Binary),
            };
            let frame = frame::Frame::message(data, OpCode::Data(kind), true);
            if !is_harmless(&socket.write(Message::Frame(frame))) {
                self.state = State::Gone;
            }
        }
    }

    /// Queues a close frame, after which the client has [`CLOSE_GRACE`] to answer it.
    pub(super) fn close(&mut self, frame: &CloseFrame, now: Instant) {
        if let State::WebSocket(socket) = &mut self.state {
            self.is_known = false;
            self.deadline = Some(now + CLOSE_GRACE);
            let frame = frame::CloseFrame {
                code: frame.code.into(),
                reason: Utf8Bytes::from(cut_text(&frame.reason, MAX_REASON)),
            };
            if !is_harmless(&socket.close(Some(frame))) {
                self.state = State::Gone;
            }
        } else {
            self.cut();
        }
    }

    /// Drops the connection without a word, except for what the socket takes at once of what was sent before.
    pub(super) fn cut(&mut self) {
        if let State::WebSocket(socket) = &mut self.state {
            let _ = socket.flush();
        }
        self.is_known = false;
        self.state = State::Gone;
    }

    /// When [`Connection::poll`] has something to do even if nothing arrives.
    pub(super) const fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Whether nothing is left of it, and nothing to be told.
    pub(super) const fn is_over(&self) -> bool {
        matches!(self.state, State::Gone) && !self.is_known
    }

    fn end(&mut self, now: Instant) {
        self.deadline = self.deadline.or(Some(now + CLOSE_GRACE));
        self.state = match std::mem::replace(&mut self.state, State::Gone) {
            State::Http(http) => State::Ending(Box::new(http.stream)),
            State::WebSocket(socket) => State::Ending(Box::new(socket.into_inner())),
            state @ (State::Ending(_) | State::Gone) => state,
        };
    }
}

impl Http {
    fn poll(&mut self, service: Service) -> Step {
        match self.send() {
            Ok(()) if self.closes && self.is_sent() => return Step::End,
            Ok(()) => {}
            Err(_) => return Step::Gone,
        }
        if !matches!(self.pending, Pending::Nothing) || self.closes || self.unsent.len() > MAX_UNSENT {
            return Step::Idle;
        }
        match self.reader.next() {
            Next::More => {}
            Next::Continue => {
                self.unsent.extend_from_slice(http::CONTINUE);
                return Step::Again;
            }
            Next::Request(request) => return self.take_request(request, service),
            Next::Bad(status) => {
                self.refuse(status);
                return Step::Again;
            }
        }
        let mut buffer = [0; 16 << 10];
        match self.stream.read(&mut buffer) {
            Ok(0) => Step::Gone,
            Ok(read) => {
                self.reader.push(&buffer[..read]);
                Step::Heard(Heard::Noise)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Step::Idle,
            Err(_) => Step::Gone,
        }
    }

    fn take_request(&mut self, request: Request, service: Service) -> Step {
        if !request.is_upgrade() {
            if service == Service::Voice {
                self.refuse(404);
                return Step::Again;
            }
            self.pending = Pending::Exchange { is_head: request.is_head, closes: request.closes };
            return Step::Heard(Heard::Request(request));
        }
        let Some(key) = request.websocket_key() else {
            self.refuse(400);
            return Step::Again;
        };
        self.pending = Pending::Upgrade { key: key.to_owned() };
        Step::Heard(Heard::Upgrade { target: request.target })
    }

    /// Answers with a bare status, and lets the connection end.
    fn refuse(&mut self, status: u16) {
        let response = Response { status, headers: Vec::new(), body: Bytes::new() };
        http::write_response(&mut self.unsent, &response, false, true);
        self.pending = Pending::Nothing;
        self.closes = true;
    }

    fn upgrade(mut self: Box<Self>) -> Option<WebSocket<TlsStream>> {
        let Pending::Upgrade { key } = &self.pending else { return None };
        http::write_upgrade(&mut self.unsent, &derive_accept_key(key.as_bytes()));
        self.send().ok()?;
        if self.sent < self.unsent.len() {
            return None;
        }
        let config = WebSocketConfig::default()
            .read_buffer_size(16 << 10)
            .write_buffer_size(16 << 10)
            .max_write_buffer_size(MAX_UNSENT)
            .max_message_size(Some(MAX_MESSAGE))
            .max_frame_size(Some(MAX_MESSAGE));
        let rest = self.reader.take_rest();
        Some(WebSocket::from_partially_read(self.stream, rest, Role::Server, Some(config)))
    }

    /// Hands what is unsent to TLS and the socket, as far as they take it.
    fn send(&mut self) -> io::Result<()> {
        let result = loop {
            if self.sent == self.unsent.len() {
                self.unsent.clear();
                self.sent = 0;
                break self.stream.flush();
            }
            match self.stream.write(&self.unsent[self.sent..]) {
                Ok(written) => self.sent += written,
                Err(error) => break Err(error),
            }
        };
        match result {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            result => result,
        }
    }

    fn is_sent(&self) -> bool {
        self.unsent.is_empty()
    }
}

fn poll_websocket(socket: &mut WebSocket<TlsStream>) -> Step {
    match socket.flush() {
        Err(Error::ConnectionClosed | Error::AlreadyClosed) => return Step::End,
        result if !is_harmless(&result) => return Step::Gone,
        _ => {}
    }
    match socket.read() {
        Ok(Message::Text(text)) => Step::Heard(Heard::Frame(Frame::Text(text.into()))),
        Ok(Message::Binary(data)) => Step::Heard(Heard::Frame(Frame::Binary(data))),
        Ok(Message::Close(frame)) => Step::Heard(Heard::Closed(
            frame.map(|frame| CloseFrame { code: frame.code.into(), reason: frame.reason.as_str().into() }),
        )),
        Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => Step::Heard(Heard::Noise),
        Err(Error::ConnectionClosed | Error::AlreadyClosed) => Step::End,
        Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Step::Idle,
        Err(_) => Step::Gone,
    }
}

/// Sends the rest and waits for the client to hang up: closing earlier could make its system throw away what it
/// has not read yet.
fn poll_ending(stream: &mut TlsStream) -> Step {
    match stream.close() {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Step::Idle,
        Err(_) => return Step::Gone,
    }
    match stream.read(&mut [0; 4096]) {
        Ok(0) => Step::Gone,
        Ok(_) => Step::Heard(Heard::Noise),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Step::Idle,
        Err(_) => Step::Gone,
    }
}

/// Whether the connection is as good as before: sockets that take no more for now are no fault.
fn is_harmless(result: &Result<(), Error>) -> bool {
    match result {
        Ok(()) => true,
        Err(Error::Io(error)) => error.kind() == io::ErrorKind::WouldBlock,
        Err(_) => false,
    }
}

fn cut_text(text: &str, length: usize) -> &str {
    let end = (0..=length.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}
