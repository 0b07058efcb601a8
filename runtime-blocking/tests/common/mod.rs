//! What the adapters' tests share: a machine that does as it is told, servers on loopback, and the scenarios.

pub(crate) mod exchange;
pub(crate) mod scenario;
pub(crate) mod server;
pub(crate) mod web;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use sanscord::id::UserId;
use sanscord::machine::{
    Audio, CloseFrame, Encoding, FileId, Frame, Input, Machine, Method, Output, Request, RequestId, Scope,
    SocketId,
};
use sanscord::rtp::extension::Extensions;
use sanscord::time::Timestamp;

/// Tells every input as an event; its commands queue outputs.
pub(crate) struct Toy {
    scope: Scope,
    outputs: VecDeque<Output<Told>>,
    pub(crate) deadline: Option<Timestamp>,
    pub(crate) timeouts: u64,
    finished: bool,
}

#[derive(Debug)]
pub(crate) enum Told {
    Input(Input),
    Datagram(SocketId, Vec<u8>),
    Number(u64),
    /// May be dropped.
    News(u64),
}

impl Toy {
    pub(crate) fn new() -> Self {
        Self { scope: Scope::new(0), outputs: VecDeque::new(), deadline: None, timeouts: 0, finished: false }
    }

    pub(crate) fn web_socket(&mut self, url: &str) -> SocketId {
        let socket = self.scope.socket();
        self.outputs.push_back(Output::OpenWebSocket { socket, url: url.into() });
        socket
    }

    pub(crate) fn udp(&mut self, peer: std::net::SocketAddr) -> SocketId {
        let socket = self.scope.socket();
        self.outputs.push_back(Output::OpenUdp { socket, peer });
        socket
    }

    pub(crate) fn send(&mut self, socket: SocketId, frame: Frame) {
        self.outputs.push_back(Output::SendFrame(socket, frame));
    }

    pub(crate) fn datagram(&mut self, socket: SocketId, data: Bytes) {
        self.outputs.push_back(Output::SendDatagram(socket, data));
    }

    pub(crate) fn close(&mut self, socket: SocketId, frame: Option<CloseFrame>) {
        self.outputs.push_back(Output::Close(socket, frame));
    }

    pub(crate) fn request(
        &mut self,
        method: Method,
        url: String,
        body: &'static str,
        deadline: Duration,
    ) -> RequestId {
        let headers = vec![("x-asked", Box::from("yes"))];
        let body = Bytes::from_static(body.as_bytes()).into();
        let url = url.into();
        let body_limit = u64::MAX;
        self.ask(Request { method, url, headers, body, body_limit, save: None, progress: false, deadline })
    }

    pub(crate) fn ask(&mut self, request: Request) -> RequestId {
        let id = self.scope.request();
        self.outputs.push_back(Output::SendRequest(id, request));
        id
    }

    pub(crate) fn cancel(&mut self, id: RequestId) {
        self.outputs.push_back(Output::CancelRequest(id));
    }

    pub(crate) fn open(&mut self, path: PathBuf) -> FileId {
        let file = self.scope.file();
        self.outputs.push_back(Output::OpenFile {
            file,
            path: path.to_str().unwrap().into(),
            encoding: Encoding::Plain,
        });
        file
    }

    pub(crate) fn append(&mut self, file: FileId, data: Bytes) {
        self.outputs.push_back(Output::Append(file, data));
    }

    pub(crate) fn close_file(&mut self, file: FileId) {
        self.outputs.push_back(Output::CloseFile(file));
    }

    pub(crate) fn tell(&mut self, number: u64) {
        self.outputs.push_back(Output::Event(Told::Number(number)));
    }

    pub(crate) fn news(&mut self, number: u64) {
        self.outputs.push_back(Output::Event(Told::News(number)));
    }

    pub(crate) fn finish(&mut self) {
        self.finished = true;
    }
}

impl Machine for Toy {
    type Event = Told;

    fn handle_input(&mut self, now: Timestamp, input: Input) {
        if input == Input::Timeout {
            self.timeouts += 1;
            if self.deadline.is_some_and(|deadline| deadline <= now) {
                self.deadline = None;
                self.tell(now.as_nanos());
            }
        } else {
            self.outputs.push_back(Output::Event(Told::Input(input)));
        }
    }

    fn poll_output(&mut self) -> Output<Told> {
        self.outputs.pop_front().unwrap_or(Output::Wait(self.deadline))
    }

    fn handle_datagram(&mut self, _: Timestamp, socket: SocketId, data: &mut [u8]) -> Option<Audio> {
        self.outputs.push_back(Output::Event(Told::Datagram(socket, data.to_vec())));
        data.reverse();
        let opus = 0..data.len().min(3);
        Some(Audio {
            user: UserId(1),
            ssrc: 2,
            sequence: 3,
            timestamp: 4,
            marker: false,
            extensions: Extensions::default(),
            opus,
        })
    }

    fn is_finished(&self) -> bool {
        self.finished && self.outputs.is_empty()
    }

    fn may_be_dropped(event: &Told) -> bool {
        matches!(event, Told::News(_))
    }
}

/// One of the adapters, driving a [`Toy`].
pub(crate) trait Rig: Sized {
    fn start(setup: Setup) -> Self;
    /// `None` if the driver has ended.
    fn call<T: Send + 'static>(
        &self,
        command: impl FnOnce(&mut Toy, Timestamp) -> T + Send + 'static,
    ) -> Option<T>;
    fn next(&mut self, timeout: Duration) -> Next;
    /// Events that were dropped.
    fn dropped(&self) -> u64;
    /// Drops the events and keeps the handle.
    fn drop_events(&mut self);
    fn trust(path: &Path) -> Result<(), String>;
}

pub(crate) enum Next {
    Event(Told),
    Timeout,
    Ended,
}

pub(crate) type Listener = Box<dyn FnMut(&Audio, &[u8]) + Send>;

pub(crate) struct Setup {
    pub(crate) toy: Toy,
    pub(crate) trust: Option<PathBuf>,
    pub(crate) proxy: Option<String>,
    pub(crate) connect_timeout: Duration,
    pub(crate) audio: Listener,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            toy: Toy::new(),
            trust: None,
            proxy: None,
            connect_timeout: Duration::from_secs(5),
            audio: Box::new(|_, _| {}),
        }
    }
}
