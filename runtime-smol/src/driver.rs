//! The loop: does what the machine asks for, tells it what happened, and sleeps in between.

use std::collections::HashMap;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_core::Stream;
use futures_util::FutureExt;
use futures_util::future::{AbortHandle, abortable};
use futures_util::stream::FuturesUnordered;
use sanscord::machine::{
    Audio, CloseFrame, Closed, FileId, Frame, Input, Machine, Output, Request, RequestId, SocketId,
};
use sanscord::time::Timestamp;
use sanscord_host::disk::Step;
use sanscord_host::events::{Events, Queue};
use sanscord_host::http::Faults;
use sanscord_host::source::threads::Sources;
use sanscord_host::{Network, SetupError, log};
use smol::channel::{Receiver, Sender, bounded, unbounded};
use smol::{Executor, Task, Timer};
use tracing::{debug, trace};

use crate::clock::Clock;
use crate::dial::Dialer;
use crate::file::Files;
use crate::handle::{Command, Handle};
use crate::http::Http;
use crate::report::Report;
use crate::socket::{self, Inbox, Incoming, Link, Udp, refused};

/// Runs a machine. Spawn [`Driver::run`].
#[must_use = "nothing happens unless it is run"]
pub struct Driver<M: Machine> {
    machine: M,
    audio: Listener,
    clock: Clock,
    deadline: Option<Timestamp>,
    timer: Option<(Instant, Timer)>,
    dialer: Dialer,
    http: Http,
    requests: HashMap<RequestId, AbortHandle>,
    commands: Pin<Box<Receiver<Command<M>>>>,
    /// Commands that nobody waits for.
    told: Pin<Box<Receiver<Command<M>>>>,
    handles_gone: bool,
    events: Arc<Queue<M::Event>>,
    /// Connections being made, open ones, and requests.
    tasks: FuturesUnordered<Task<Option<Report>>>,
    /// Runs them, along with the driver.
    executor: Arc<Executor<'static>>,
    /// A task or a UDP socket has been added.
    fresh: bool,
    /// What files and requests report.
    reports: Pin<Box<Receiver<Report>>>,
    reporter: Sender<Report>,
    files: Files,
    sources: Sources,
    /// A step that found no room: the machine is asked for no more before it is queued.
    held: Option<(FileId, Step)>,
    inbox: Inbox,
    incoming: Pin<Box<Receiver<(SocketId, Incoming)>>>,
    sockets: HashMap<SocketId, Socket>,
    udp: Vec<Udp>,
    buffer: Vec<u8>,
    ending: Option<Ending>,
}

enum Socket {
    /// A task is at it.
    Connecting(AbortHandle),
    Link(Link),
}

struct Ending {
    until: Instant,
    files_done: bool,
}

/// A driver, the way to its machine, and what the machine tells.
pub type Started<M> = (Driver<M>, Handle<M>, Events<<M as Machine>::Event>);

/// Takes the Opus packets.
pub(crate) type Listener = Box<dyn FnMut(&Audio, &[u8]) + Send>;

impl<M: Machine> Driver<M> {
    pub(crate) fn new(machine: M, network: &Network, audio: Listener) -> Result<Started<M>, SetupError> {
        let dialer = Dialer::new(network)?;
        let executor = Arc::new(Executor::new());
        let (to_commands, commands) = bounded(COMMANDS);
        let (to_told, told) = unbounded();
        let (to_reports, reports) = unbounded();
        let (inbox, incoming) = bounded(BATCH);
        let events = Arc::new(Queue::new());
        let driver = Self {
            machine,
            audio,
            clock: Clock::start(),
            deadline: None,
            timer: None,
            http: Http::new(dialer.clone(), Arc::downgrade(&executor)),
            dialer,
            requests: HashMap::new(),
            commands: Box::pin(commands),
            told: Box::pin(told),
            handles_gone: false,
            events: Arc::clone(&events),
            tasks: FuturesUnordered::new(),
            executor,
            fresh: false,
            reports: Box::pin(reports),
            sources: sources(to_reports.clone()),
            files: Files::new(to_reports.clone()),
            reporter: to_reports,
            held: None,
            inbox,
            incoming: Box::pin(incoming),
            sockets: HashMap::new(),
            udp: Vec::new(),
            buffer: vec![0; MAX_DATAGRAM],
            ending: None,
        };
        Ok((driver, Handle::new(to_commands, to_told), Events::new(events)))
    }

    /// Runs until the machine is finished, or until every [`Handle`] and the [`Events`] have been dropped; then what
    /// is under way gets 5 s to go out.
    ///
    /// It may be run by any executor. If the future is dropped, all connections are cut.
    pub async fn run(mut self) {
        let executor = Arc::clone(&self.executor);
        self.input(Input::Timeout);
        executor.run(poll_fn(|cx| self.poll(cx))).await;
        debug!("driver ended");
    }

    /// Each part does a bounded piece of work and answers whether there may be more at once.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.poll_held(cx).is_pending() {
            return Poll::Pending;
        }
        // First, so that no change of the queue goes unnoticed.
        let abandoned = self.events.is_abandoned(cx.waker());
        let mut more = self.hear(cx);
        more |= self.collect(cx);
        more |= self.read_udp(cx);
        more |= self.read_links(cx);
        more |= self.tick(cx);
        more |= self.is_ending(abandoned);
        if self.is_over() {
            return Poll::Ready(());
        }
        // What is new has not been polled yet.
        more |= std::mem::take(&mut self.fresh) || self.held.is_some();
        if more {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// Tells the machine, and does what it then asks for.
    fn input(&mut self, input: Input) {
        if self.ending.is_none() {
            self.machine.handle_input(self.clock.now(), input);
            self.drain();
        }
    }

    fn drain(&mut self) {
        while self.held.is_none() {
            match self.machine.poll_output() {
                Output::OpenWebSocket { socket, url } => self.open_web_socket(socket, url),
                Output::OpenUdp { socket, peer } => {
                    let input = match self.open_udp(socket, peer) {
                        Ok(()) => Input::Opened(socket),
                        Err(error) => {
                            Input::Closed(socket, refused(format!("no UDP socket to {peer}: {error}")))
                        }
                    };
                    self.machine.handle_input(self.clock.now(), input);
                }
                Output::SendFrame(socket, frame) => self.send_frame(socket, frame),
                Output::SendDatagram(socket, data) => {
                    let sent = match self.udp.iter().find(|udp| udp.id == socket) {
                        Some(udp) => udp.send(&data),
                        None => Err(io::ErrorKind::NotConnected.into()),
                    };
                    match sent {
                        Ok(length) => trace!(socket = socket.as_u64(), length, "datagram sent"),
                        Err(error) => trace!(socket = socket.as_u64(), %error, "datagram dropped"),
                    }
                }
                Output::Close(socket, frame) => self.close(socket, frame),
                Output::SendRequest(id, request) => self.send_request(id, request),
                Output::CancelRequest(id) => {
                    debug!(id = id.as_u64(), "cancel");
                    if let Some(task) = self.requests.remove(&id) {
                        task.abort();
                    }
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
        let dialer = self.dialer.clone();
        let (task, abort) = abortable(async move {
            let made = AssertUnwindSafe(socket::connect(&url, &dialer)).catch_unwind().await;
            let made = made.unwrap_or_else(|_| Err(refused("connecting panicked".to_owned())));
            Report::Connected(id, made.map(Box::new))
        });
        self.spawn(task.map(Result::ok));
        self.sockets.insert(id, Socket::Connecting(abort));
    }

    fn open_udp(&mut self, id: SocketId, peer: SocketAddr) -> io::Result<()> {
        debug!(socket = id.as_u64(), %peer, "open UDP");
        self.udp.push(Udp::open(id, peer)?);
        self.fresh = true;
        Ok(())
    }

    fn send_frame(&mut self, id: SocketId, frame: Frame) {
        trace!(socket = id.as_u64(), ?frame, "send");
        match self.sockets.get(&id) {
            Some(Socket::Link(link)) => {
                if let Err(closed) = link.send(frame) {
                    self.tell_closed(id, closed);
                }
            }
            _ => debug!(socket = id.as_u64(), "frame for a socket that is not open"),
        }
    }

    fn close(&mut self, id: SocketId, frame: Option<CloseFrame>) {
        debug!(socket = id.as_u64(), ?frame, "close");
        self.udp.retain(|udp| udp.id != id);
        match self.sockets.remove(&id) {
            Some(Socket::Link(link)) => link.close(frame),
            Some(Socket::Connecting(task)) => task.abort(),
            None => {}
        }
    }

    fn send_request(&mut self, id: RequestId, request: Request) {
        // Webhooks and interactions have their token in the path.
        debug!(id = id.as_u64(), method = %request.method, "request");
        let (http, reports, faults) = (self.http.clone(), self.reporter.clone(), Faults::new(&request));
        let (task, abort) = abortable(async move {
            let reporter = reports.clone();
            let tell = move |progress| {
                let _ = reporter.try_send(Report::Progress(id, progress));
            };
            let answer = AssertUnwindSafe(http.perform(request, tell)).catch_unwind().await;
            let answer = answer.unwrap_or_else(|_| Err(faults.panicked()));
            debug!(id = id.as_u64(), ?answer, "answered");
            // The way that progress goes, or the last of it would come behind.
            let _ = reports.try_send(Report::Answered(id, answer));
        });
        self.spawn(task.map(|_| None));
        self.requests.insert(id, abort);
    }

    fn spawn(&mut self, task: impl Future<Output = Option<Report>> + Send + 'static) {
        self.fresh = true;
        self.tasks.push(self.executor.spawn(task));
    }

    fn write(&mut self, file: FileId, step: Step) {
        self.held = self.files.queue(file, step).err();
    }

    /// Waits for the disk if a step found no room.
    fn poll_held(&mut self, cx: &Context<'_>) -> Poll<()> {
        while let Some((file, step)) = self.held.take() {
            if self.files.poll_ready(cx).is_pending() {
                self.held = Some((file, step));
                return Poll::Pending;
            }
            self.write(file, step);
            self.drain();
        }
        Poll::Ready(())
    }

    fn hear(&mut self, cx: &mut Context<'_>) -> bool {
        // All of them before anything else: what is not wanted any more is not to be sent.
        let mut heard = false;
        while let Poll::Ready(Some(command)) = self.told.as_mut().poll_next(cx) {
            command(&mut self.machine, self.clock.now());
            heard = true;
        }
        if heard && self.ending.is_none() {
            self.drain();
        }
        for _ in 0..BATCH {
            match self.commands.as_mut().poll_next(cx) {
                Poll::Ready(Some(command)) => {
                    command(&mut self.machine, self.clock.now());
                    if self.ending.is_none() {
                        self.drain();
                    }
                }
                Poll::Ready(None) => {
                    self.handles_gone = true;
                    return false;
                }
                Poll::Pending => return false,
            }
        }
        true
    }

    /// What tasks and files report.
    fn collect(&mut self, cx: &mut Context<'_>) -> bool {
        for _ in 0..BATCH {
            let report = match Pin::new(&mut self.tasks).poll_next(cx) {
                Poll::Ready(Some(Some(report))) => report,
                // Done without a word, or aborted.
                Poll::Ready(Some(None)) => continue,
                Poll::Ready(None) | Poll::Pending => match self.reports.as_mut().poll_next(cx) {
                    Poll::Ready(Some(report)) => report,
                    Poll::Ready(None) | Poll::Pending => return false,
                },
            };
            match report {
                Report::Connected(id, made) => self.connected(id, made),
                Report::Answered(id, answer) => {
                    if self.requests.remove(&id).is_some() {
                        self.input(Input::Response(id, answer));
                    }
                }
                Report::Progress(id, progress) => {
                    if self.requests.contains_key(&id) {
                        self.input(Input::Progress(id, progress));
                    }
                }
                Report::Input(input) => self.input(input),
                Report::FilesDone => {
                    if let Some(ending) = &mut self.ending {
                        ending.files_done = true;
                    }
                }
            }
        }
        true
    }

    fn connected(&mut self, id: SocketId, made: Result<Box<socket::Socket>, Closed>) {
        if !self.sockets.contains_key(&id) {
            return;
        }
        match made {
            Ok(socket) => {
                debug!(socket = id.as_u64(), "WebSocket open");
                let (link, task) = Link::new(id, *socket, self.inbox.clone());
                self.sockets.insert(id, Socket::Link(link));
                self.spawn(async move {
                    task.await;
                    None
                });
                self.input(Input::Opened(id));
            }
            Err(closed) => {
                self.tell_closed(id, closed);
                self.drain();
            }
        }
    }

    fn read_udp(&mut self, cx: &mut Context<'_>) -> bool {
        let (mut more, mut broken, mut any) = (false, Vec::new(), false);
        for udp in &mut self.udp {
            let mut left = BATCH;
            while left > 0 {
                match udp.poll_receive(cx, &mut self.buffer) {
                    Poll::Ready(Ok(length)) => {
                        trace!(socket = udp.id.as_u64(), length, "datagram");
                        any = true;
                        let data = &mut self.buffer[..length];
                        let audio = self.machine.handle_datagram(self.clock.now(), udp.id, data);
                        if let Some(audio) = audio
                            && let Some(opus) = data.get(audio.opus.clone())
                        {
                            (self.audio)(&audio, opus);
                        }
                        left -= 1;
                    }
                    Poll::Ready(Err(error)) => {
                        broken.push((udp.id, error));
                        break;
                    }
                    Poll::Pending => break,
                }
            }
            more |= left == 0;
        }
        any |= !broken.is_empty();
        for (id, error) in broken {
            self.tell_closed(id, Closed::Lost { reason: error.to_string().into() });
        }
        if any {
            self.drain();
        }
        more
    }

    fn read_links(&mut self, cx: &mut Context<'_>) -> bool {
        for _ in 0..BATCH {
            if self.events.is_full() {
                return false;
            }
            let Poll::Ready(Some((id, incoming))) = self.incoming.as_mut().poll_next(cx) else {
                return false;
            };
            if !self.sockets.contains_key(&id) {
                continue;
            }
            match incoming {
                Incoming::Frame(frame) => {
                    trace!(socket = id.as_u64(), ?frame, "frame");
                    self.input(Input::Frame(id, frame));
                }
                Incoming::Closed(closed) => {
                    self.tell_closed(id, closed);
                    self.drain();
                }
            }
        }
        true
    }

    fn tell_closed(&mut self, id: SocketId, closed: Closed) {
        debug!(socket = id.as_u64(), %closed, "closed");
        self.sockets.remove(&id);
        self.udp.retain(|udp| udp.id != id);
        self.machine.handle_input(self.clock.now(), Input::Closed(id, closed));
    }

    fn tick(&mut self, cx: &mut Context<'_>) -> bool {
        if self.ending.is_none() && self.deadline.is_some_and(|deadline| deadline <= self.clock.now()) {
            self.input(Input::Timeout);
        }
        let at = match (&self.ending, self.deadline) {
            (Some(ending), _) => ending.until,
            (None, Some(deadline)) => self.clock.at(deadline),
            (None, None) => return false,
        };
        let (set, timer) = self.timer.get_or_insert_with(|| (at, Timer::at(at)));
        if *set != at {
            *set = at;
            timer.set_at(at);
        }
        Pin::new(timer).poll(cx).is_ready()
    }

    /// Ends once the machine is finished or nobody is there any more.
    fn is_ending(&mut self, abandoned: bool) -> bool {
        let alone = abandoned && self.handles_gone;
        let finished = self.held.is_none() && self.machine.is_finished();
        if self.ending.is_some() || !(alone || finished) {
            return false;
        }
        debug!(finished, "driver ends");
        for (_, socket) in self.sockets.drain() {
            if let Socket::Connecting(task) = socket {
                task.abort();
            }
        }
        self.udp.clear();
        self.ending = Some(Ending { until: Instant::now() + ENDING, files_done: !self.files.finish() });
        true
    }

    fn is_over(&self) -> bool {
        self.ending.as_ref().is_some_and(|ending| {
            (self.tasks.is_empty() && ending.files_done) || ending.until <= Instant::now()
        })
    }
}

fn sources(reports: Sender<Report>) -> Sources {
    Sources::new(move |source, report| {
        let _ = reports.try_send(Report::Input(Input::Source(source, report)));
    })
}

impl<M: Machine> std::fmt::Debug for Driver<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driver").finish_non_exhaustive()
    }
}

/// However the driver ends, nobody waits for it in vain: commands that will not be run are dropped.
impl<M: Machine> Drop for Driver<M> {
    fn drop(&mut self) {
        self.events.end();
        self.commands.close();
        while self.commands.try_recv().is_ok() {}
    }
}

const BATCH: usize = 32;
const COMMANDS: usize = 64;
/// The longest UDP payload, with room to spare.
const MAX_DATAGRAM: usize = 65_536;
const ENDING: Duration = Duration::from_secs(5);
