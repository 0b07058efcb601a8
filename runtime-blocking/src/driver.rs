//! The loop: does what the machine asks for, tells it what happened, and sleeps in between.

use std::collections::{HashMap, VecDeque};
use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use mio::{Interest, Poll, Token, Waker};
use sanscord::machine::{Audio, CloseFrame, Closed, FileReport, Frame, Input, Machine, Output, SocketId};
use sanscord::time::Timestamp;
use sanscord_host::disk::Step;
use sanscord_host::source::threads::Sources;
use sanscord_host::{Network, SetupError, log};
use tracing::{debug, trace};
use tungstenite::WebSocket;

use crate::clock::Clock;
use crate::events::{Events, Queue};
use crate::file::Files;
use crate::handle::{Alive, Command, Handle};
use crate::http::Http;
use crate::report::{Report, Reporter};
use crate::socket::{self, Dialer, Got, Link, Tcp, Udp};
use crate::tls::Stream;

pub(crate) fn spawn<M, A>(
    machine: M,
    network: &Network,
    audio: A,
) -> Result<(Handle<M>, Events<M::Event>), SetupError>
where
    M: Machine + Send + 'static,
    M::Event: Send + 'static,
    A: FnMut(&Audio, &[u8]) + Send + 'static,
{
    let dialer = Dialer::new(network)?;
    let poll = Poll::new()?;
    let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
    let alive = Arc::new(Alive { driver: Arc::clone(&waker) });
    let events = Arc::new(Queue::new(Arc::clone(&waker)));
    let (to_commands, commands) = channel();
    let (to_reports, reports) = channel();
    let reporter = Reporter { reports: to_reports, driver: waker };
    let driver = Driver {
        machine,
        audio,
        clock: Clock::start(),
        deadline: None,
        poll,
        dialer,
        commands,
        reports,
        http: Http::new(network, reporter.clone())?,
        files: Files::new(reporter.clone()),
        sources: sources(reporter.clone()),
        reporter,
        events: Arc::clone(&events),
        alive: Arc::downgrade(&alive),
        tokens: HashMap::new(),
        sockets: HashMap::new(),
        next_token: WAKE.0 + 1,
        readable_links: Vec::new(),
        readable_udp: Vec::new(),
        closing: VecDeque::new(),
        buffer: vec![0; MAX_DATAGRAM],
        ending: None,
    };
    thread::Builder::new().name("sanscord".into()).spawn(move || driver.run())?;
    Ok((Handle::new(to_commands, Arc::clone(&alive)), Events::new(events, alive)))
}

struct Driver<M: Machine, A> {
    machine: M,
    audio: A,
    clock: Clock,
    deadline: Option<Timestamp>,
    poll: Poll,
    dialer: Dialer,
    commands: Receiver<Command<M>>,
    reports: Receiver<Report>,
    reporter: Reporter,
    http: Http,
    files: Files,
    sources: Sources,
    events: Arc<Queue<M::Event>>,
    alive: Weak<Alive>,
    /// The sockets that the machine knows.
    tokens: HashMap<SocketId, Token>,
    /// Those, and the ones that are being closed.
    sockets: HashMap<Token, Socket>,
    next_token: usize,
    /// mio tells once: what has not been read until it blocked is noted here.
    readable_links: Vec<Token>,
    readable_udp: Vec<Token>,
    /// When to cut which connection, soonest first.
    closing: VecDeque<(Instant, Token)>,
    buffer: Vec<u8>,
    ending: Option<Ending>,
}

enum Socket {
    /// A thread is at it.
    Connecting,
    Link(Box<Link>),
    Udp(Udp),
}

struct Ending {
    until: Instant,
    files_done: bool,
}

impl<M: Machine, A: FnMut(&Audio, &[u8])> Driver<M, A> {
    fn run(mut self) {
        let mut ready = mio::Events::with_capacity(256);
        self.input(Input::Timeout);
        while !self.is_over() {
            match self.poll.poll(&mut ready, self.patience()) {
                Err(error) if error.kind() != ErrorKind::Interrupted => {
                    debug!(%error, "the event queue failed");
                    break;
                }
                _ => {}
            }
            // What has come is heard first: a deadline must not take it away.
            self.hear();
            if self.ending.is_none() && self.deadline.is_some_and(|deadline| deadline <= self.clock.now()) {
                self.input(Input::Timeout);
            }
            for event in &ready {
                self.note(event);
            }
            self.read_udp();
            self.read_links();
            self.cut_late();
            for (id, late) in self.http.take_late() {
                self.input_unless_ending(Input::Response(id, Err(late)));
            }
        }
        debug!("driver ended");
    }

    /// How long to sleep; `None` until something happens.
    fn patience(&self) -> Option<Duration> {
        if !self.readable_udp.is_empty() || (!self.readable_links.is_empty() && !self.events.is_full()) {
            return Some(Duration::ZERO);
        }
        let now = Instant::now();
        let closing = self.closing.front().map(|(until, _)| *until);
        let ending = self.ending.as_ref().map(|ending| ending.until);
        let own = closing.into_iter().chain(ending).chain(self.http.next_late()).min();
        let own = own.map(|until| until.saturating_duration_since(now));
        let machine =
            self.deadline.filter(|_| self.ending.is_none()).map(|deadline| self.clock.until(deadline));
        own.into_iter().chain(machine).min()
    }

    /// Ends once the machine is finished or nobody is there any more, and what is under way has gone out.
    fn is_over(&mut self) -> bool {
        if self.ending.is_none() && (self.machine.is_finished() || self.alive.strong_count() == 0) {
            debug!(finished = self.machine.is_finished(), "driver ends");
            let until = Instant::now() + ENDING;
            for id in self.tokens.keys().copied().collect::<Vec<_>>() {
                self.close(id, None);
            }
            self.ending = Some(Ending { until, files_done: !self.files.finish() });
        }
        self.ending.as_ref().is_some_and(|ending| {
            let done = self.sockets.is_empty() && ending.files_done && self.http.is_idle();
            done || ending.until <= Instant::now()
        })
    }

    /// Tells the machine, and does what it then asks for.
    fn input(&mut self, input: Input) {
        self.machine.handle_input(self.clock.now(), input);
        self.drain();
    }

    fn drain(&mut self) {
        loop {
            match self.machine.poll_output() {
                Output::OpenWebSocket { socket, url } => self.open_web_socket(socket, url),
                Output::OpenUdp { socket, peer } => {
                    let input = match self.open_udp(socket, peer) {
                        Ok(()) => Input::Opened(socket),
                        Err(error) => Input::Closed(
                            socket,
                            Closed::Refused {
                                status: None,
                                reason: format!("no UDP socket to {peer}: {error}").into(),
                            },
                        ),
                    };
                    self.machine.handle_input(self.clock.now(), input);
                }
                Output::SendFrame(socket, frame) => self.send_frame(socket, frame),
                Output::SendDatagram(socket, data) => {
                    let sent = match self.tokens.get(&socket).and_then(|token| self.sockets.get(token)) {
                        Some(Socket::Udp(udp)) => udp.socket.send(&data),
                        _ => Err(ErrorKind::NotConnected.into()),
                    };
                    match sent {
                        Ok(length) => trace!(socket = socket.as_u64(), length, "datagram sent"),
                        Err(error) => trace!(socket = socket.as_u64(), %error, "datagram dropped"),
                    }
                }
                Output::Close(socket, frame) => self.close(socket, frame),
                Output::SendRequest(id, request) => {
                    // Webhooks and interactions have their token in the path.
                    debug!(id = id.as_u64(), method = %request.method, "request");
                    self.http.send(id, request);
                }
                Output::CancelRequest(id) => {
                    debug!(id = id.as_u64(), "cancel");
                    self.http.cancel(id);
                }
                Output::OpenFile { file, path, encoding } => {
                    debug!(file = file.as_u64(), %path, "open file");
                    self.write(file, Step::Open { path, encoding });
                }
                Output::Append(file, data) => self.write(file, Step::Append(data)),
                Output::Replace(file, data) => self.write(file, Step::Replace(data)),
                Output::CloseFile(file) => self.write(file, Step::Close),
                Output::OpenSource { source, origin, at, volume } => {
                    self.sources.open(source, origin, at, volume);
                }
                Output::ReadSource(source, frames) => self.sources.read(source, frames),
                Output::SeekSource(source, at) => self.sources.seek(source, at),
                Output::SetVolume(source, volume) => self.sources.set_volume(source, volume),
                Output::CloseSource(source) => self.sources.close(source),
                Output::CheckFormat { file, path, encoding, mix } => {
                    self.write(file, Step::Check { path, encoding, mix });
                }
                Output::MixFiles { file, inputs, path, encoding } => {
                    debug!(file = file.as_u64(), %path, "mix files");
                    self.write(file, Step::Mix { inputs, path, encoding });
                }
                Output::Event(event) => {
                    log::event::<M>(&event);
                    let may_be_dropped = M::may_be_dropped(&event);
                    self.events.push(event, may_be_dropped);
                }
                Output::Wait(deadline) => {
                    self.deadline = deadline;
                    return;
                }
            }
        }
    }

    fn open_web_socket(&mut self, id: SocketId, url: Box<str>) {
        debug!(socket = id.as_u64(), %url, "open WebSocket");
        let token = self.mint();
        self.tokens.insert(id, token);
        self.sockets.insert(token, Socket::Connecting);
        let (dialer, reporter) = (self.dialer.clone(), self.reporter.clone());
        let thread = thread::Builder::new().name("sanscord-connect".into()).spawn(move || {
            let made = catch_unwind(AssertUnwindSafe(|| socket::connect(&url, &dialer)));
            let made = made.unwrap_or_else(|_| Err(refused("connecting panicked".to_owned())));
            reporter.send(Report::Connected(id, made.map(Box::new)));
        });
        if let Err(error) = thread {
            let failed = Err(refused(format!("no thread to connect with: {error}")));
            self.reporter.send(Report::Connected(id, failed));
        }
    }

    fn open_udp(&mut self, id: SocketId, peer: std::net::SocketAddr) -> io::Result<()> {
        debug!(socket = id.as_u64(), %peer, "open UDP");
        let mut udp = Udp::open(id, peer)?;
        let token = self.mint();
        self.poll.registry().register(&mut udp.socket, token, Interest::READABLE)?;
        self.tokens.insert(id, token);
        self.sockets.insert(token, Socket::Udp(udp));
        Ok(())
    }

    fn send_frame(&mut self, id: SocketId, frame: Frame) {
        trace!(socket = id.as_u64(), ?frame, "send");
        let token = self.tokens.get(&id).copied();
        match token.and_then(|token| Some((token, self.sockets.get_mut(&token)?))) {
            Some((token, Socket::Link(link))) => {
                if let Err(closed) = link.queue(frame) {
                    self.drop_socket(token);
                    self.tell_closed(id, closed);
                } else {
                    self.pump(token);
                }
            }
            _ => debug!(socket = id.as_u64(), "frame for a socket that is not open"),
        }
    }

    fn close(&mut self, id: SocketId, frame: Option<CloseFrame>) {
        debug!(socket = id.as_u64(), ?frame, "close");
        let Some(token) = self.tokens.remove(&id) else { return };
        match self.sockets.get_mut(&token) {
            Some(Socket::Link(link)) => {
                link.close(frame);
                self.pump(token);
                self.closing.push_back((Instant::now() + CLOSING, token));
                // A paused socket must be read again for the peer's close frame to be seen.
                self.readable_links.push(token);
            }
            _ => self.drop_socket(token),
        }
    }

    fn write(&mut self, file: sanscord::machine::FileId, step: Step) {
        if let Err(error) = self.files.queue(file, step) {
            let report = FileReport::Failed { reason: error.to_string().into() };
            self.machine.handle_input(self.clock.now(), Input::File(file, report));
        }
    }

    /// Commands, and what the helper threads report.
    fn hear(&mut self) {
        while let Ok(report) = self.reports.try_recv() {
            match report {
                Report::Connected(id, made) => self.connected(id, made),
                Report::Input(input) => self.input_unless_ending(input),
                Report::Answered(id, answer) => {
                    if self.http.finished(id) {
                        self.input_unless_ending(Input::Response(id, answer));
                    }
                }
                Report::Progress(id, progress) => {
                    if self.http.is_wanted(id) {
                        self.input_unless_ending(Input::Progress(id, progress));
                    }
                }
                Report::FilesDone => {
                    if let Some(ending) = &mut self.ending {
                        ending.files_done = true;
                    }
                }
            }
        }
        for _ in 0..BATCH {
            let Ok(command) = self.commands.try_recv() else { return };
            command(&mut self.machine, self.clock.now());
            if self.ending.is_none() {
                self.drain();
            }
        }
        // There may be more, after everybody else's turn.
        let _ = self.reporter.driver.wake();
    }

    fn input_unless_ending(&mut self, input: Input) {
        if self.ending.is_none() {
            self.input(input);
        }
    }

    fn connected(&mut self, id: SocketId, made: Result<Box<WebSocket<Stream<Tcp>>>, Closed>) {
        let Some(&token) = self.tokens.get(&id) else { return };
        let made = made.and_then(|socket| {
            let mut link = Link::new(id, *socket);
            let interest = Interest::READABLE | Interest::WRITABLE;
            match self.poll.registry().register(link.source(), token, interest) {
                Ok(()) => Ok(link),
                Err(error) => Err(refused(format!("the socket cannot be watched: {error}"))),
            }
        });
        match made {
            Ok(link) => {
                debug!(socket = id.as_u64(), "WebSocket open");
                self.sockets.insert(token, Socket::Link(Box::new(link)));
                // The first frames may have come along with the handshake's answer.
                self.readable_links.push(token);
                self.input(Input::Opened(id));
            }
            Err(closed) => {
                self.drop_socket(token);
                self.tell_closed(id, closed);
                self.drain();
            }
        }
    }

    fn note(&mut self, event: &mio::event::Event) {
        let token = event.token();
        match self.sockets.get(&token) {
            Some(Socket::Link(_)) => {
                if event.is_writable() {
                    self.pump(token);
                }
                if event.is_readable() || event.is_read_closed() || event.is_error() {
                    self.readable_links.push(token);
                }
            }
            Some(Socket::Udp(_)) => self.readable_udp.push(token),
            Some(Socket::Connecting) | None => {}
        }
    }

    fn pump(&mut self, token: Token) {
        let Some(Socket::Link(link)) = self.sockets.get_mut(&token) else { return };
        let needed = link.pump();
        if link.is_broken() {
            self.readable_links.push(token);
        } else if !needed {
            self.drop_socket(token);
        }
    }

    fn read_udp(&mut self) {
        let mut buffer = std::mem::take(&mut self.buffer);
        for token in take(&mut self.readable_udp) {
            let mut more = true;
            for _ in 0..BATCH {
                let Some(Socket::Udp(udp)) = self.sockets.get_mut(&token) else {
                    more = false;
                    break;
                };
                let id = udp.id;
                match udp.receive(&mut buffer) {
                    Ok(Some(length)) => {
                        trace!(socket = id.as_u64(), length, "datagram");
                        let data = &mut buffer[..length];
                        let audio = self.machine.handle_datagram(self.clock.now(), id, data);
                        if let Some(audio) = audio
                            && let Some(opus) = data.get(audio.opus.clone())
                        {
                            (self.audio)(&audio, opus);
                        }
                    }
                    Ok(None) => {
                        more = false;
                        break;
                    }
                    Err(error) => {
                        self.drop_socket(token);
                        self.tell_closed(id, Closed::Lost { reason: error.to_string().into() });
                        more = false;
                        break;
                    }
                }
            }
            if more {
                self.readable_udp.push(token);
            }
            self.drain();
        }
        self.buffer = buffer;
    }

    fn read_links(&mut self) {
        for token in take(&mut self.readable_links) {
            if self.read_link(token) {
                self.readable_links.push(token);
            }
        }
    }

    /// Reads until the socket blocks. Answers whether it has to be read again although it did not.
    fn read_link(&mut self, token: Token) -> bool {
        for _ in 0..BATCH {
            let Some(Socket::Link(link)) = self.sockets.get_mut(&token) else { return false };
            let id = link.id;
            if id.is_some() && self.events.is_full() {
                return true;
            }
            match (link.read(), id) {
                (Got::Frame(frame), Some(id)) => {
                    trace!(socket = id.as_u64(), ?frame, "frame");
                    self.input(Input::Frame(id, frame));
                }
                (Got::Frame(_) | Got::Control, _) => {}
                (Got::Blocked, _) => return false,
                (Got::Closed(closed), Some(id)) => {
                    if matches!(closed, Closed::ByPeer(_)) {
                        link.acknowledge();
                        self.pump(token);
                        self.closing.push_back((Instant::now() + CLOSING, token));
                    } else {
                        self.drop_socket(token);
                    }
                    self.tell_closed(id, closed);
                    self.drain();
                    return false;
                }
                (Got::Closed(_), None) => {
                    self.drop_socket(token);
                    return false;
                }
            }
        }
        true
    }

    fn tell_closed(&mut self, id: SocketId, closed: Closed) {
        debug!(socket = id.as_u64(), %closed, "closed");
        self.tokens.remove(&id);
        if self.ending.is_none() {
            self.machine.handle_input(self.clock.now(), Input::Closed(id, closed));
        }
    }

    /// Cuts the connections whose peer did not close in time.
    fn cut_late(&mut self) {
        let now = Instant::now();
        while let Some(&(until, token)) = self.closing.front()
            && until <= now
        {
            self.closing.pop_front();
            self.drop_socket(token);
        }
    }

    fn drop_socket(&mut self, token: Token) {
        let registry = self.poll.registry();
        let _ = match self.sockets.remove(&token) {
            Some(Socket::Link(mut link)) => registry.deregister(link.source()),
            Some(Socket::Udp(mut udp)) => registry.deregister(&mut udp.socket),
            Some(Socket::Connecting) | None => Ok(()),
        };
    }

    fn mint(&mut self) -> Token {
        self.next_token += 1;
        Token(self.next_token)
    }
}

/// However the driver ends, nobody waits for it in vain: the commands' senders notice that `commands` is gone.
impl<M: Machine, A> Drop for Driver<M, A> {
    fn drop(&mut self) {
        self.events.end();
    }
}

fn sources(reporter: Reporter) -> Sources {
    Sources::new(move |source, report| reporter.send(Report::Input(Input::Source(source, report))))
}

/// Each token once.
fn take(tokens: &mut Vec<Token>) -> Vec<Token> {
    let mut tokens = std::mem::take(tokens);
    tokens.sort_unstable();
    tokens.dedup();
    tokens
}

fn refused(reason: String) -> Closed {
    Closed::Refused { status: None, reason: reason.into() }
}

const WAKE: Token = Token(0);
const BATCH: usize = 32;
/// The longest UDP payload, with room to spare.
const MAX_DATAGRAM: usize = 65_536;
const CLOSING: Duration = Duration::from_secs(2);
const ENDING: Duration = Duration::from_secs(5);
