//! A client that talks to itself through a server that answers everything alike.
#![allow(dead_code, reason = "each suite uses some of it")]

use std::collections::VecDeque;

use bytes::Bytes;
use sanscord::id::UserId;
use sanscord::machine::{
    Audio, Body, CloseFrame, Closed, Encoding, FileId, FileReport, Frame, Input, Machine, Method, Output,
};
use sanscord::machine::{Request, RequestId, Response, Scope, SocketId};
use sanscord::rtp::extension::Extensions;
use sanscord::time::{Duration, Timestamp};
use sanscord_testing::server::{Addresses, ConnectionId, Server, ServerInput, ServerOutput};

/// Accepts, echoes, and answers 200 with the request's target and body.
#[derive(Debug, Default)]
pub(crate) struct Echo {
    pub(crate) connections: Vec<ConnectionId>,
    pub(crate) upgrades: Vec<String>,
    pub(crate) closed: Vec<(ConnectionId, Option<CloseFrame>)>,
    pub(crate) frames: usize,
    pub(crate) requests: usize,
    pub(crate) refuses: Option<u16>,
    pub(crate) out: VecDeque<ServerOutput>,
    pub(crate) wait: Option<Timestamp>,
    pub(crate) timeouts: usize,
}

impl Server for Echo {
    fn handle_input(&mut self, now: Timestamp, input: ServerInput) {
        match input {
            ServerInput::Timeout => {
                self.timeouts += 1;
                if self.wait.is_some_and(|at| at <= now) {
                    self.wait = None;
                }
            }
            ServerInput::Upgrade { connection, service, target } => {
                self.upgrades.push(format!("{service:?} {target}"));
                if let Some(status) = self.refuses {
                    self.out.push_back(ServerOutput::Refuse(connection, status));
                } else {
                    self.connections.push(connection);
                    self.out.push_back(ServerOutput::Accept(connection));
                }
            }
            ServerInput::Frame(connection, frame) => {
                self.frames += 1;
                self.out.push_back(ServerOutput::SendFrame(connection, frame));
            }
            ServerInput::Closed(connection, frame) => {
                self.connections.retain(|open| *open != connection);
                self.closed.push((connection, frame));
            }
            ServerInput::Datagram { from, data } => {
                self.out.push_back(ServerOutput::SendDatagram { to: from, data });
            }
            ServerInput::Request { exchange, method, target, headers, body } => {
                self.requests += 1;
                let method = method.map_or("?", Method::as_str);
                let mut text = format!("{method} {target} {}\n", headers.len()).into_bytes();
                text.extend_from_slice(&body);
                let headers = vec![("x-toy".into(), "yes".into())];
                let response = Response { status: 200, headers, body: text.into() };
                self.out.push_back(ServerOutput::Respond(exchange, response));
            }
        }
    }

    fn poll_output(&mut self) -> ServerOutput {
        self.out.pop_front().unwrap_or(ServerOutput::Wait(self.wait))
    }
}

/// What the toy client gets wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Bug {
    None,
    WaitsForThePast,
    NeverDrains,
    SendsBeforeOpen,
    SendsAfterClose,
    ClosesTwice,
    SendsTooMuch,
    SendsTooOften,
    HeedsTheDead,
    LeavesFilesOpen,
    PointsOutside,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Told {
    Opened,
    Echoed(String),
    Closed(Closed),
    Answered(u16),
    Unanswered(String),
    File(FileReport),
    Zombie,
}

const BEAT: Duration = Duration::from_secs(10);
const RECONNECT: Duration = Duration::from_secs(1);

/// Says something every ten seconds over WebSocket and UDP, asks something, and writes down what it hears.
#[derive(Debug)]
pub(crate) struct Talker {
    pub(crate) bug: Bug,
    scope: Scope,
    socket: Option<(SocketId, bool)>,
    udp: Option<(SocketId, bool)>,
    file: Option<FileId>,
    request: Option<RequestId>,
    next: Timestamp,
    said: u32,
    awaits_echo: bool,
    out: VecDeque<Output<Told>>,
    stopping: bool,
}

impl Talker {
    pub(crate) fn new(bug: Bug) -> Self {
        let mut talker = Self {
            bug,
            scope: Scope::new(0),
            socket: None,
            udp: None,
            file: None,
            request: None,
            next: Timestamp::ZERO + BEAT,
            said: 0,
            awaits_echo: false,
            out: VecDeque::new(),
            stopping: false,
        };
        talker.connect();
        let udp = talker.scope.socket();
        talker.udp = Some((udp, false));
        talker.out.push_back(Output::OpenUdp { socket: udp, peer: Addresses::in_memory().voice_udp });
        talker.open_file("log/talk");
        talker
    }

    pub(crate) fn open_file(&mut self, path: &str) {
        let file = self.scope.file();
        self.file = Some(file);
        self.out.push_back(Output::OpenFile { file, path: path.into(), encoding: Encoding::Plain });
    }

    pub(crate) fn say(&mut self, text: &str) {
        if let Some((socket, is_open)) = self.socket
            && (is_open || self.bug == Bug::SendsBeforeOpen)
        {
            let text = Bytes::copy_from_slice(text.as_bytes());
            self.out.push_back(Output::SendFrame(socket, Frame::Text(text)));
        }
    }

    pub(crate) fn stop(&mut self) {
        self.stopping = true;
        if let Some((socket, _)) = self.socket.take() {
            self.out.push_back(Output::Close(socket, Some(CloseFrame::new(1000))));
            if self.bug == Bug::ClosesTwice {
                self.out.push_back(Output::Close(socket, None));
            }
            if self.bug == Bug::SendsAfterClose {
                self.out.push_back(Output::SendFrame(socket, Frame::Text(Bytes::new())));
            }
        }
        if let Some((socket, _)) = self.udp.take() {
            self.out.push_back(Output::Close(socket, None));
        }
        if let Some(file) = self.file.filter(|_| self.bug != Bug::LeavesFilesOpen) {
            self.out.push_back(Output::CloseFile(file));
        }
    }

    fn connect(&mut self) {
        let socket = self.scope.socket();
        self.socket = Some((socket, false));
        self.out.push_back(Output::OpenWebSocket { socket, url: "wss://gateway.toy/talk?v=1".into() });
        if self.bug == Bug::SendsBeforeOpen {
            self.say("early");
        }
    }

    fn tell(&mut self, told: Told) {
        self.out.push_back(Output::Event(told));
    }

    fn beat(&mut self, now: Timestamp) {
        self.next = now + BEAT;
        let Some((socket, is_open)) = self.socket else { return self.connect() };
        if self.awaits_echo {
            self.tell(Told::Zombie);
            self.awaits_echo = false;
            self.out.push_back(Output::Close(socket, Some(CloseFrame::new(4000))));
            self.socket = None;
            self.next = now + RECONNECT;
        } else if is_open {
            self.said += 1;
            self.awaits_echo = true;
            let length = if self.bug == Bug::SendsTooMuch { 4097 } else { 1 };
            for _ in 0..if self.bug == Bug::SendsTooOften { 21 } else { 1 } {
                self.say(&self.said.to_string().repeat(length));
            }
        }
        if let Some((udp, true)) = self.udp {
            self.out.push_back(Output::SendDatagram(udp, Bytes::from(self.said.to_be_bytes().to_vec())));
        }
        if self.request.is_none() {
            let id = self.scope.request();
            self.request = Some(id);
            let request = Request {
                method: Method::Get,
                url: format!("https://toy/api/{}", self.said).into(),
                headers: vec![("X-Said", "yes".into())],
                body: Body::Empty,
                body_limit: u64::MAX,
                save: None,
                progress: false,
                deadline: Duration::from_secs(15),
            };
            self.out.push_back(Output::SendRequest(id, request));
        }
    }
}

impl Machine for Talker {
    type Event = Told;

    fn handle_input(&mut self, now: Timestamp, input: Input) {
        match input {
            Input::Timeout if self.next <= now && !self.stopping => self.beat(now),
            Input::Timeout => {}
            Input::Opened(socket) => {
                if let Some((found, is_open)) = &mut self.socket
                    && *found == socket
                {
                    *is_open = true;
                    self.tell(Told::Opened);
                } else if let Some((found, is_open)) = &mut self.udp
                    && *found == socket
                {
                    *is_open = true;
                }
            }
            Input::Frame(socket, Frame::Text(data)) => {
                let is_mine = self.socket.is_some_and(|(found, _)| found == socket);
                if is_mine || self.bug == Bug::HeedsTheDead {
                    self.awaits_echo = false;
                    self.tell(Told::Echoed(String::from_utf8_lossy(&data).into_owned()));
                    if let Some(file) = self.file {
                        self.out.push_back(Output::Append(file, data));
                    }
                }
            }
            Input::Frame(_, Frame::Binary(_)) => {}
            Input::Closed(socket, closed) => {
                if self.socket.is_some_and(|(found, _)| found == socket) {
                    self.socket = None;
                    self.awaits_echo = false;
                    self.next = now + RECONNECT;
                    self.tell(Told::Closed(closed));
                }
            }
            Input::Response(id, answer) => {
                if self.request == Some(id) {
                    self.request = None;
                    self.tell(match answer {
                        Ok(response) => Told::Answered(response.status),
                        Err(unanswered) => Told::Unanswered(unanswered.reason.into()),
                    });
                }
            }
            Input::File(file, report) => {
                if self.file == Some(file) {
                    self.file = None;
                    self.tell(Told::File(report));
                }
            }
            Input::Progress(..) | Input::Source(..) => {}
        }
    }

    fn poll_output(&mut self) -> Output<Told> {
        if self.bug == Bug::NeverDrains && self.said > 0 {
            return Output::Event(Told::Opened);
        }
        let wait = match self.bug {
            Bug::WaitsForThePast if self.said > 0 => Some(Timestamp::ZERO + BEAT),
            _ => (!self.stopping).then_some(self.next),
        };
        self.out.pop_front().unwrap_or(Output::Wait(wait))
    }

    fn handle_datagram(&mut self, _: Timestamp, socket: SocketId, data: &mut [u8]) -> Option<Audio> {
        self.udp.filter(|(found, _)| *found == socket)?;
        let end = if self.bug == Bug::PointsOutside { data.len() + 1 } else { data.len() };
        Some(Audio {
            user: UserId(7),
            ssrc: 1,
            sequence: data[3].into(),
            timestamp: 960,
            marker: false,
            extensions: Extensions::default(),
            opus: 3..end,
        })
    }

    fn is_finished(&self) -> bool {
        let has_file = self.file.is_some() && self.bug != Bug::LeavesFilesOpen;
        self.stopping && self.out.is_empty() && self.request.is_none() && !has_file
    }
}
