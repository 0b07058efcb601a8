//! Performs what the machines of a world ask for.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use bytes::Bytes;
use sanscord::machine::{
    Body, Closed, Encoding, Fault, FileReport, Frame, Input, Machine, Output, Part, Request, RequestId,
    SocketId, SourceId, SourceReport, Unanswered,
};
use sanscord::time::{Duration, Timestamp};

use super::exchange::{brought, carried};
use super::faults::{Connect, Exchange as Fate};
use super::net::{Connection, Down, Exchange, Udp, Up};
use super::{Happened, Heard, World};
use crate::check::{Brief, MAX_OUTPUTS, Short};
use crate::link::Link;
use crate::server::{ConnectionId, ExchangeId, Server, ServerInput, ServerOutput};

/// The most outputs that one input to the server may cause: it may have thousands of guilds to tell about.
const MAX_SERVER_OUTPUTS: usize = 100 * MAX_OUTPUTS;

/// How long an operating system tries to connect where nobody answers: Linux, with six repeated SYNs.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(127);

impl<M: Machine, S: Server> World<M, S>
where
    M::Event: fmt::Debug,
{
    /// Gives a client an input, unless it is for something that the client is done with.
    pub(super) fn tell_client(&mut self, index: usize, input: Input) {
        let client = &mut self.clients[index];
        if !client.ledger.input(&input) {
            return;
        }
        self.transcript.note(self.now, format_args!("c{index} < {}", Told(&input)));
        let now = client.clock(self.now);
        client.machine.handle_input(now, input);
        self.drain_client(index);
    }

    pub(super) fn tell_client_datagram(&mut self, index: usize, socket: SocketId, mut data: Vec<u8>) {
        let client = &mut self.clients[index];
        if !client.ledger.takes_datagrams(socket) {
            return;
        }
        self.transcript
            .note(self.now, format_args!("c{index} < datagram {} {}", socket.as_u64(), Brief(&data)));
        let now = client.clock(self.now);
        if let Some(audio) = client.machine.handle_datagram(now, socket, &mut data) {
            let rule = client.ledger.audio(&audio, data.len());
            self.require(index, rule);
            self.transcript.note(
                self.now,
                format_args!("c{index} heard {} #{} @{}", audio.user, audio.sequence, audio.timestamp),
            );
            self.audio.push(Heard {
                at: self.now,
                client: index,
                user: audio.user,
                ssrc: audio.ssrc,
                sequence: audio.sequence,
                timestamp: audio.timestamp,
                opus: Bytes::copy_from_slice(&data[audio.opus]),
            });
        }
        self.drain_client(index);
    }

    pub(super) fn drain_client(&mut self, index: usize) {
        loop {
            let client = &mut self.clients[index];
            client.started = true;
            let output = client.machine.poll_output();
            if let Output::Wait(wait) = output {
                return self.note_wait(index, wait);
            }
            let now = client.clock(self.now);
            let rule = client.ledger.output(now, &output, &self.route);
            self.transcript.note(self.now, format_args!("c{index} > {}", Asked(&output)));
            self.require(index, rule);
            match output {
                Output::OpenWebSocket { socket, url } => self.connect(index, socket, &url),
                // The peer needs no check: the world has one server.
                Output::OpenUdp { socket, peer: _ } => self.bind(index, socket),
                Output::SendFrame(socket, frame) => self.send_up(index, socket, Up::Frame(frame)),
                Output::SendDatagram(socket, data) => {
                    let lost = self.now < self.datagrams_lost_until;
                    if let Some(udp) = self.udp.values_mut().find(|udp| udp.is(index, socket))
                        && !lost
                    {
                        udp.up.send_datagram(self.now, data);
                    }
                }
                Output::Close(socket, frame) => {
                    for udp in self.udp.values_mut() {
                        udp.open &= !udp.is(index, socket);
                    }
                    self.udp.retain(|_, udp| udp.open || !udp.up.is_empty());
                    self.send_up(index, socket, Up::Close(frame));
                }
                Output::SendRequest(id, request) => self.request(index, id, request),
                Output::CancelRequest(id) => {
                    self.exchanges.retain(|_, found| (found.client, found.request) != (index, id));
                }
                // What is to be transcoded stays Ogg Opus.
                Output::OpenFile { file, path, encoding: _ } => {
                    let report = self.disk.open(index, file, &path);
                    self.report(index, report.map(|report| Input::File(file, report)));
                }
                Output::Append(file, data) => {
                    let report = self.disk.append(index, file, &data);
                    self.report(index, report.map(|report| Input::File(file, report)));
                }
                Output::Replace(file, data) => {
                    let report = self.disk.replace(index, file, &data);
                    self.report(index, report.map(|report| Input::File(file, report)));
                }
                Output::CheckFormat { file, path: _, encoding: _, mix: _ } => {
                    self.report(index, Some(Input::File(file, FileReport::Closed)));
                }
                Output::MixFiles { file, inputs, path, encoding: _ } => {
                    let report = self.disk.mix(&inputs, &path);
                    self.report(index, Some(Input::File(file, report)));
                }
                Output::CloseFile(file) => {
                    let report = self.disk.close(index, file);
                    self.report(index, report.map(|report| Input::File(file, report)));
                }
                Output::OpenSource { source, origin, at, volume } => {
                    let reports = self.sources.open(index, source, origin, at, volume, &self.disk);
                    self.report_all(index, source, reports);
                }
                Output::ReadSource(source, frames) => {
                    let reports = self.sources.read(index, source, frames);
                    self.report_all(index, source, reports);
                }
                Output::SeekSource(source, at) => {
                    let reports = self.sources.seek(index, source, at);
                    self.report_all(index, source, reports);
                }
                Output::SetVolume(source, volume) => {
                    let reports = self.sources.set_volume(index, source, volume);
                    self.report_all(index, source, reports);
                }
                Output::CloseSource(source) => self.sources.close(index, source),
                Output::Event(event) => self.events.push(Happened { at: self.now, client: index, event }),
                Output::Wait(_) => return,
            }
        }
    }

    pub(super) fn note_wait(&mut self, index: usize, wait: Option<Timestamp>) {
        let client = &mut self.clients[index];
        client.wait = wait;
        let now = client.clock(self.now);
        let rule = client
            .ledger
            .output(now, &Output::<M::Event>::Wait(wait), &self.route)
            .and_then(|()| client.ledger.drained(client.machine.is_finished(), wait));
        self.require(index, rule);
    }

    pub(super) fn tell_server(&mut self, input: ServerInput) {
        self.transcript.note(self.now, format_args!("srv < {}", ServerTold(&input)));
        let timed_out = matches!(input, ServerInput::Timeout);
        self.server.handle_input(self.now, input);
        self.drain_server();
        assert!(
            !timed_out || self.server_wait.is_none_or(|at| at > self.now),
            "the server waits for a time that has come (seed {})\n{}",
            self.seed,
            self.transcript.tail()
        );
    }

    pub(super) fn drain_server(&mut self) {
        for _ in 0..MAX_SERVER_OUTPUTS {
            let (id, item, is_last) = match self.server.poll_output() {
                ServerOutput::Accept(id) => (id, Down::Accept, false),
                ServerOutput::Refuse(id, status) => (id, Down::Refuse(status), true),
                ServerOutput::SendFrame(id, frame) => (id, Down::Frame(frame), false),
                ServerOutput::Close(id, frame) => (id, Down::Close(frame), true),
                ServerOutput::Cut(id) => (id, Down::Cut, true),
                ServerOutput::SendDatagram { to, data } => {
                    let lost = self.now < self.datagrams_lost_until;
                    if let Some(udp) = self.udp.get_mut(&to)
                        && udp.open
                        && !lost
                    {
                        udp.down.send_datagram(self.now, data);
                    }
                    continue;
                }
                ServerOutput::Respond(id, response) => {
                    if let Some(exchange) = self.exchanges.get_mut(&id)
                        && exchange.answerable
                    {
                        exchange.answerable = false;
                        let at = self.now + self.link.draw_delay(&mut self.rng);
                        // The client's deadline runs on until the answer is there.
                        if at <= exchange.deadline {
                            let request = exchange.request;
                            let (progress, answer) = brought(&mut self.disk, &exchange.wanted, response);
                            let inbox = &mut self.clients[exchange.client].inbox;
                            if let Some(progress) = progress {
                                inbox.insert(at, Input::Progress(request, progress));
                            }
                            inbox.insert(at, Input::Response(request, answer));
                            self.exchanges.remove(&id);
                        }
                    }
                    continue;
                }
                ServerOutput::Reset(id) => {
                    // Where the answer would not arrive, the end of the connection does not either.
                    if let Some(exchange) = self.exchanges.get(&id).filter(|exchange| exchange.answerable) {
                        let at = self.now + self.link.draw_delay(&mut self.rng);
                        let cut = Unanswered::new(Fault::Lost, "connection closed before message completed");
                        let input = Input::Response(exchange.request, Err(cut));
                        self.clients[exchange.client].inbox.insert(at.min(exchange.deadline), input);
                        self.exchanges.remove(&id);
                    }
                    continue;
                }
                ServerOutput::Wait(wait) => {
                    self.server_wait = wait;
                    return;
                }
            };
            // The server may not have heard yet that the connection is gone.
            let Some(connection) = self.connections.get_mut(&id) else { continue };
            if connection.server_end && connection.server_knows {
                connection.down.send_ordered(self.now, item);
                connection.server_end = !is_last;
                self.forget_if_over(id);
            }
        }
        panic!("draining the server does not end (seed {})\n{}", self.seed, self.transcript.tail());
    }

    fn connect(&mut self, index: usize, socket: SocketId, url: &str) {
        let refused =
            |reason: &str| Input::Closed(socket, Closed::Refused { status: None, reason: reason.into() });
        let fate = self.injector.draw_connect();
        let delay = self.link.draw_delay(&mut self.rng);
        let seeds = [self.rng.u64(..), self.rng.u64(..)];
        if self.refuses_connects || fate == Connect::Refused {
            self.clients[index].inbox.insert(self.now + delay * 2, refused("connection refused"));
            return;
        }
        if fate == Connect::Hung {
            self.clients[index].inbox.insert(self.now + CONNECT_TIMEOUT, refused("connection timed out"));
            return;
        }
        self.minted += 1;
        let [up, down] = seeds;
        let mut connection = Connection {
            client: index,
            socket,
            service: (self.route)(url),
            up: Link::new(self.link.clone(), up),
            down: Link::new(self.link.clone(), down),
            client_end: true,
            server_end: true,
            server_knows: false,
            hole_ends: None,
            breaks: false,
        };
        connection.up.send_ordered(self.now, Up::Upgrade(target(url).to_owned()));
        self.connections.insert(ConnectionId(self.minted), connection);
    }

    fn bind(&mut self, index: usize, socket: SocketId) {
        let client = &mut self.clients[index];
        // The index is below 200, as `add_client` sees to.
        let host = Ipv4Addr::new(192, 0, 2, 1 + u8::try_from(index).unwrap_or(u8::MAX - 1));
        let local = SocketAddr::new(IpAddr::V4(host), client.next_port);
        client.next_port = client.next_port.checked_add(1).unwrap_or(1024);
        client.inbox.insert(self.now, Input::Opened(socket));
        let seeds = [self.rng.u64(..), self.rng.u64(..)];
        self.udp.insert(local, Udp::new(index, socket, &self.link, seeds));
    }

    fn send_up(&mut self, index: usize, socket: SocketId, item: Up) {
        let mut connections = self.connections.iter_mut();
        let found = connections
            .find(|(_, found)| found.client == index && found.socket == socket && found.client_end);
        // None if it was cut and the client does not know yet.
        let Some((&id, connection)) = found else { return };
        connection.client_end = !matches!(item, Up::Close(_));
        connection.up.send_ordered(self.now, item);
        self.forget_if_over(id);
    }

    fn request(&mut self, index: usize, id: RequestId, request: Request) {
        let (body, wanted) = match carried(&self.disk, &request) {
            Ok(carried) => carried,
            Err(unanswered) => {
                self.clients[index].inbox.insert(self.now, Input::Response(id, Err(unanswered)));
                return;
            }
        };
        let fate = self.injector.draw_exchange();
        let delay = self.link.draw_delay(&mut self.rng);
        self.minted += 1;
        let exchange = ExchangeId(self.minted);
        let deadline = self.now + request.deadline;
        let is_failing = self.failing_requests > 0;
        self.failing_requests = self.failing_requests.saturating_sub(1);
        if is_failing || fate == Fate::Unsent {
            let unanswered = Unanswered::new(Fault::Lost, "connection reset by peer");
            let at = (self.now + delay * 2).min(deadline);
            self.clients[index].inbox.insert(at, Input::Response(id, Err(unanswered)));
            return;
        }
        let state = Exchange { client: index, request: id, deadline, answerable: fate == Fate::Done, wanted };
        self.exchanges.insert(exchange, state);
        let headers = request.headers.into_iter();
        let input = ServerInput::Request {
            exchange,
            method: Some(request.method),
            target: target(&request.url).to_owned(),
            headers: headers.map(|(name, value)| (name.to_ascii_lowercase(), value.into())).collect(),
            body,
        };
        self.server_inbox.insert(self.now + delay, input);
    }

    fn report_all(&mut self, index: usize, source: SourceId, reports: Vec<SourceReport>) {
        for report in reports {
            self.report(index, Some(Input::Source(source, report)));
        }
    }

    fn report(&mut self, index: usize, input: Option<Input>) {
        if let Some(input) = input {
            self.clients[index].inbox.insert(self.now, input);
        }
    }
}

impl Udp {
    fn is(&self, client: usize, socket: SocketId) -> bool {
        self.client == client && self.socket == socket && self.open
    }
}

/// The bytes of a body, with a file's path in place of what is in it, for the transcript.
fn whole(body: &Body) -> Bytes {
    match body {
        Body::Empty => Bytes::new(),
        Body::Bytes(bytes) => bytes.clone(),
        Body::Parts(parts) => {
            let parts = parts.iter().map(|part| match part {
                Part::Bytes(bytes) => &bytes[..],
                Part::File { path, .. } => path.as_bytes(),
            });
            parts.collect::<Vec<_>>().concat().into()
        }
    }
}

/// Path and query of a URL, `/` if it has none.
fn target(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').map_or("/", |at| &rest[at..])
}

struct Told<'a>(&'a Input);

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Input::Timeout => f.write_str("timeout"),
            Input::Opened(socket) => write!(f, "opened {}", socket.as_u64()),
            Input::Frame(socket, frame) => write!(f, "frame {} {}", socket.as_u64(), Payload(frame)),
            Input::Closed(socket, closed) => write!(f, "closed {} {closed}", socket.as_u64()),
            Input::Response(request, Ok(response)) => {
                let (id, body) = (request.as_u64(), Brief(&response.body));
                write!(f, "response {id} {} {body}", response.status)
            }
            Input::Response(request, Err(unanswered)) => {
                write!(f, "unanswered {} {}", request.as_u64(), unanswered.reason)
            }
            Input::Progress(request, progress) => write!(f, "progress {} {progress:?}", request.as_u64()),
            Input::File(file, report) => write!(f, "file {} {report:?}", file.as_u64()),
            Input::Source(source, report) => write!(f, "source {} {report:?}", source.as_u64()),
        }
    }
}

struct Asked<'a, E>(&'a Output<E>);

impl<E: fmt::Debug> fmt::Display for Asked<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Output::OpenWebSocket { socket, url } => write!(f, "open {} {url}", socket.as_u64()),
            Output::OpenUdp { socket, peer } => write!(f, "open {} udp {peer}", socket.as_u64()),
            Output::SendFrame(socket, frame) => write!(f, "frame {} {}", socket.as_u64(), Payload(frame)),
            Output::SendDatagram(socket, data) => write!(f, "datagram {} {}", socket.as_u64(), Brief(data)),
            Output::Close(socket, frame) => write!(f, "close {} {frame:?}", socket.as_u64()),
            Output::SendRequest(id, request) => {
                write!(f, "request {} {request:?} {}", id.as_u64(), Brief(&whole(&request.body)))
            }
            Output::CancelRequest(id) => write!(f, "cancel {}", id.as_u64()),
            Output::OpenFile { file, path, encoding: Encoding::Plain } => {
                write!(f, "open {} {path}", file.as_u64())
            }
            Output::OpenFile { file, path, encoding } => {
                write!(f, "open {} {path} as {encoding:?}", file.as_u64())
            }
            Output::Append(file, data) => write!(f, "append {} {}", file.as_u64(), Brief(data)),
            Output::Replace(file, data) => write!(f, "replace {} {}", file.as_u64(), Brief(data)),
            Output::CheckFormat { file, path, encoding, mix } => {
                write!(f, "check {} {path} as {encoding:?}, mixed {mix}", file.as_u64())
            }
            Output::MixFiles { file, inputs, path, encoding } => {
                write!(f, "mix {} {inputs:?} to {path} as {encoding:?}", file.as_u64())
            }
            Output::CloseFile(file) => write!(f, "close {}", file.as_u64()),
            Output::OpenSource { source, origin, at, volume } => {
                write!(f, "open {} {origin:?} at {at:?} volume {volume}", source.as_u64())
            }
            Output::ReadSource(source, frames) => write!(f, "read {} {frames}", source.as_u64()),
            Output::SeekSource(source, at) => write!(f, "seek {} {at:?}", source.as_u64()),
            Output::SetVolume(source, volume) => write!(f, "volume {} {volume}", source.as_u64()),
            Output::CloseSource(source) => write!(f, "close {}", source.as_u64()),
            Output::Event(event) => write!(f, "event {}", Short(event)),
            Output::Wait(wait) => write!(f, "wait {wait:?}"),
        }
    }
}

struct ServerTold<'a>(&'a ServerInput);

impl fmt::Display for ServerTold<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ServerInput::Timeout => f.write_str("timeout"),
            ServerInput::Upgrade { connection, service, target } => {
                write!(f, "upgrade {} {service:?} {target}", connection.0)
            }
            ServerInput::Frame(connection, frame) => write!(f, "frame {} {}", connection.0, Payload(frame)),
            ServerInput::Closed(connection, frame) => write!(f, "closed {} {frame:?}", connection.0),
            ServerInput::Datagram { from, data } => write!(f, "datagram {from} {}", Brief(data)),
            ServerInput::Request { exchange, method, target, headers: _, body } => {
                let method = method.map_or("?", |method| method.as_str());
                write!(f, "request {} {method} {target} {}", exchange.0, Brief(body))
            }
        }
    }
}

struct Payload<'a>(&'a Frame);

impl fmt::Display for Payload<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Frame::Text(data) => write!(f, "text {}", Brief(data)),
            Frame::Binary(data) => write!(f, "binary {}", Brief(data)),
        }
    }
}
