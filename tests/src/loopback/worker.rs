//! The thread that owns a server machine and its sockets.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use bytes::Bytes;
use mio::net::{TcpListener, UdpSocket};
use mio::{Events, Interest, Poll, Token};
use rustls::ServerConfig;
use sanscord::time::Timestamp;

use super::connection::{Connection, Heard};
use super::{MAX_CONNECTIONS, Shared, Task};
use crate::server::{ConnectionId, ExchangeId, Server, ServerInput, ServerOutput, Service};

/// How many things one socket may bring, or outputs the server may have, before others have their turn.
const PER_TURN: usize = 256;

pub(super) const WAKER: Token = Token(0);
const MAIN: Token = Token(1);
const VOICE: Token = Token(2);
const UDP: Token = Token(3);
const LAST_FIXED: usize = 3;

/// The sockets that stay open as long as the server runs.
pub(super) struct Sockets {
    pub(super) main: TcpListener,
    pub(super) voice: TcpListener,
    pub(super) udp: UdpSocket,
}

impl Sockets {
    pub(super) fn bind(any: SocketAddr, poll: &Poll) -> io::Result<Self> {
        let mut sockets = Self {
            main: TcpListener::bind(any)?,
            voice: TcpListener::bind(any)?,
            udp: UdpSocket::bind(any)?,
        };
        poll.registry().register(&mut sockets.main, MAIN, Interest::READABLE)?;
        poll.registry().register(&mut sockets.voice, VOICE, Interest::READABLE)?;
        poll.registry().register(&mut sockets.udp, UDP, Interest::READABLE)?;
        Ok(sockets)
    }
}

pub(super) struct Worker<S> {
    server: S,
    shared: Arc<Shared>,
    tasks: Receiver<Task<S>>,
    poll: Poll,
    sockets: Sockets,
    tls: Arc<ServerConfig>,
    origin: Instant,
    /// By token, which is also the number of the [`ConnectionId`].
    connections: BTreeMap<usize, Connection>,
    exchanges: BTreeMap<ExchangeId, usize>,
    /// Connections that may have something to do although the poll says nothing of them.
    unfinished: BTreeSet<usize>,
    has_datagrams: bool,
    is_drained: bool,
    wait: Option<Timestamp>,
    minted: u64,
}

impl<S: Server> Worker<S> {
    pub(super) const fn new(
        server: S,
        shared: Arc<Shared>,
        tasks: Receiver<Task<S>>,
        poll: Poll,
        sockets: Sockets,
        tls: Arc<ServerConfig>,
        origin: Instant,
    ) -> Self {
        Self {
            server,
            shared,
            tasks,
            poll,
            sockets,
            tls,
            origin,
            connections: BTreeMap::new(),
            exchanges: BTreeMap::new(),
            unfinished: BTreeSet::new(),
            has_datagrams: false,
            is_drained: false,
            wait: None,
            minted: LAST_FIXED as u64,
        }
    }

    /// Works until told to stop, or until the poll fails.
    pub(super) fn run(mut self) -> S {
        let mut events = Events::with_capacity(256);
        loop {
            self.run_tasks();
            if self.shared.stops.load(Ordering::Relaxed) {
                return self.server;
            }
            if self.wait.is_some_and(|at| at <= self.now()) {
                self.wait = None;
                self.tell(ServerInput::Timeout);
            }
            if !self.is_drained {
                self.drain();
            }
            if self.has_datagrams {
                self.take_datagrams();
            }
            let instant = Instant::now();
            let expired = |connection: &Connection| connection.deadline().is_some_and(|at| at <= instant);
            let over = self.connections.iter().filter(|(_, connection)| expired(connection));
            self.unfinished.extend(over.map(|(token, _)| *token));
            for token in std::mem::take(&mut self.unfinished) {
                self.serve(token);
            }
            match self.poll.poll(&mut events, self.timeout()) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => return self.server,
            }
            for event in &events {
                match event.token() {
                    WAKER => {}
                    MAIN => self.take_connections(Service::Gateway),
                    VOICE => self.take_connections(Service::Voice),
                    UDP => self.has_datagrams = true,
                    Token(token) => {
                        if let Some(connection) = self.connections.get_mut(&token)
                            && (event.is_read_closed() || event.is_error())
                        {
                            connection.hang_up();
                        }
                        self.unfinished.insert(token);
                    }
                }
            }
        }
    }

    fn now(&self) -> Timestamp {
        Timestamp::ZERO + self.origin.elapsed()
    }

    /// How long there is nothing to do.
    fn timeout(&self) -> Option<Duration> {
        if self.has_datagrams || !self.is_drained || !self.unfinished.is_empty() {
            return Some(Duration::ZERO);
        }
        let now = Instant::now();
        let server = self.wait.map(|at| at.since(self.now()));
        let deadlines = self.connections.values().filter_map(Connection::deadline);
        let connections = deadlines.min().map(|at| at.saturating_duration_since(now));
        server.into_iter().chain(connections).min()
    }

    fn run_tasks(&mut self) {
        while let Ok(task) = self.tasks.try_recv() {
            let now = self.now();
            let answer = task(&mut self.server, now);
            self.drain();
            answer();
        }
    }

    fn tell(&mut self, input: ServerInput) {
        let now = self.now();
        self.server.handle_input(now, input);
        self.drain();
    }

    fn drain(&mut self) {
        for _ in 0..PER_TURN {
            match self.server.poll_output() {
                ServerOutput::Accept(id) => self.connection(id, Connection::accept),
                ServerOutput::Refuse(id, status) => self.connection(id, |found| found.refuse(status)),
                ServerOutput::SendFrame(id, frame) => self.connection(id, |found| found.send(frame)),
                ServerOutput::Close(id, frame) => {
                    self.connection(id, |found| found.close(&frame, Instant::now()));
                }
                ServerOutput::Cut(id) => self.connection(id, Connection::cut),
                ServerOutput::SendDatagram { to, data } => {
                    // What cannot be sent at once is lost, as on any network.
                    let _ = self.sockets.udp.send_to(&data, to);
                }
                ServerOutput::Respond(id, response) => {
                    if let Some(token) = self.exchanges.remove(&id) {
                        self.connection(ConnectionId(token as u64), |found| found.respond(&response));
                    }
                }
                ServerOutput::Reset(id) => {
                    if let Some(token) = self.exchanges.remove(&id) {
                        self.connection(ConnectionId(token as u64), Connection::cut);
                    }
                }
                ServerOutput::Wait(wait) => {
                    self.wait = wait;
                    self.is_drained = true;
                    return;
                }
            }
        }
        self.is_drained = false;
    }

    /// Does something with a connection, if it is still there. Its bytes go out when it is served.
    fn connection(&mut self, id: ConnectionId, act: impl FnOnce(&mut Connection)) {
        let Ok(token) = usize::try_from(id.0) else { return };
        if let Some(connection) = self.connections.get_mut(&token) {
            act(connection);
            self.unfinished.insert(token);
        }
    }

    /// Lets a connection send and bring what it can.
    fn serve(&mut self, token: usize) {
        let id = ConnectionId(token as u64);
        for _ in 0..PER_TURN {
            let Some(connection) = self.connections.get_mut(&token) else { return };
            let service = connection.service;
            let Some(heard) = connection.poll(Instant::now()) else {
                if connection.is_over() {
                    self.forget(token);
                }
                return;
            };
            match heard {
                Heard::Upgrade { target } => {
                    self.tell(ServerInput::Upgrade { connection: id, service, target });
                }
                Heard::Request(request) => {
                    self.minted += 1;
                    let exchange = ExchangeId(self.minted);
                    self.exchanges.insert(exchange, token);
                    self.tell(ServerInput::Request {
                        exchange,
                        method: request.method,
                        target: request.target,
                        headers: request.headers,
                        body: request.body,
                    });
                }
                Heard::Frame(frame) => self.tell(ServerInput::Frame(id, frame)),
                Heard::Closed(frame) => self.tell(ServerInput::Closed(id, frame)),
                Heard::Noise => {}
            }
        }
        self.unfinished.insert(token);
    }

    fn forget(&mut self, token: usize) {
        // Dropping a socket takes it out of the poll.
        self.connections.remove(&token);
        self.exchanges.retain(|_, found| *found != token);
    }

    fn take_connections(&mut self, service: Service) {
        loop {
            let accepted = match service {
                Service::Gateway => self.sockets.main.accept(),
                Service::Voice => self.sockets.voice.accept(),
            };
            let tcp = match accepted {
                Ok((tcp, _)) => tcp,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                // The client has gone already, or there is none.
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
                Err(_) => return,
            };
            if self.shared.refuses_tls.load(Ordering::Relaxed) || self.connections.len() >= MAX_CONNECTIONS {
                continue;
            }
            let _ = tcp.set_nodelay(true);
            let Ok(mut connection) = Connection::new(tcp, Arc::clone(&self.tls), service) else { continue };
            self.minted += 1;
            let Ok(token) = usize::try_from(self.minted) else { continue };
            let interest = Interest::READABLE | Interest::WRITABLE;
            let registered =
                connection.tcp().map(|tcp| self.poll.registry().register(tcp, Token(token), interest));
            if matches!(registered, Some(Ok(()))) {
                self.connections.insert(token, connection);
                self.unfinished.insert(token);
            }
        }
    }

    fn take_datagrams(&mut self) {
        let mut buffer = [0; 1 << 16];
        for _ in 0..PER_TURN {
            match self.sockets.udp.recv_from(&mut buffer) {
                Ok((length, from)) => {
                    let data = Bytes::copy_from_slice(&buffer[..length]);
                    self.tell(ServerInput::Datagram { from, data });
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.has_datagrams = false;
                    return;
                }
                // An earlier datagram of ours did not arrive.
                Err(_) => {}
            }
        }
    }
}
