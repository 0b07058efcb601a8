//! Client machines and a server in one memory, under a clock of their own.
//!
//! A [`World`] performs what a [`Machine`] asks for without sockets, files or waiting: what is sent arrives when
//! its [`Link`](crate::link::Link) says so, and the clock jumps to whatever is due next. Every draw comes from one
//! seed, so the same seed gives the same run. After every step the rules of [`crate::check`] are applied; a machine
//! that breaks one panics with the seed, the time and the last lines of the transcript.

mod disk;
mod exchange;
mod faults;
mod net;
mod perform;
mod source;
mod stale;

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;

use bytes::Bytes;
use fastrand::Rng;
use sanscord::id::UserId;
use sanscord::machine::{Fault as Unheard, Input, Machine, SocketId, Unanswered};
use sanscord::time::{Duration, Timestamp};

pub use self::disk::{Disk, StoredFile};
pub use self::faults::FaultPlan;
use self::faults::{Fault, Injector};
use self::net::{Connection, Exchange, Udp};
use self::source::Sources;
use crate::check::{Ledger, Transcript, Violation};
use crate::link::{Delivery, LinkConfig, Schedule};
use crate::server::{ConnectionId, ExchangeId, Server, ServerInput, Service};

/// How likely a stale input follows a step, unless [`World::set_stale_inputs`] says otherwise.
const STALE_INPUTS: f64 = 0.02;

/// One or more client machines and a server, joined by links under a virtual clock that starts at
/// [`Timestamp::ZERO`].
///
/// Clients are named by their index, in the order in which they were added; the first has index 0.
pub struct World<M: Machine, S> {
    seed: u64,
    now: Timestamp,
    rng: Rng,
    link: LinkConfig,
    route: Box<dyn Fn(&str) -> Service>,
    clients: Vec<Client<M>>,
    server: S,
    server_started: bool,
    server_wait: Option<Timestamp>,
    server_inbox: Schedule<ServerInput>,
    connections: BTreeMap<ConnectionId, Connection>,
    exchanges: BTreeMap<ExchangeId, Exchange>,
    udp: BTreeMap<SocketAddr, Udp>,
    minted: u64,
    injector: Injector,
    refuses_connects: bool,
    failing_requests: u32,
    close_frames_lost_until: Timestamp,
    datagrams_lost_until: Timestamp,
    stale_inputs: f64,
    disk: Disk,
    sources: Sources,
    events: Vec<Happened<M::Event>>,
    audio: Vec<Heard>,
    transcript: Transcript,
}

struct Client<M> {
    machine: M,
    ledger: Ledger,
    started: bool,
    /// By how many nanoseconds its clock is ahead of the world's.
    ahead: i64,
    /// Until then nobody drives it.
    held_until: Timestamp,
    /// The time of its own clock for which it waits.
    wait: Option<Timestamp>,
    inbox: Schedule<Input>,
    next_port: u16,
}

impl<M> Client<M> {
    fn new(machine: M) -> Self {
        Self {
            machine,
            ledger: Ledger::default(),
            started: false,
            ahead: 0,
            held_until: Timestamp::ZERO,
            wait: None,
            inbox: Schedule::new(),
            next_port: 50_000,
        }
    }

    /// The time by its own clock.
    fn clock(&self, now: Timestamp) -> Timestamp {
        Timestamp::from_nanos(now.as_nanos().saturating_add_signed(self.ahead))
    }

    /// When the world's clock has come to what this client's calls `at`.
    fn world_time(&self, at: Timestamp) -> Timestamp {
        Timestamp::from_nanos(at.as_nanos().saturating_add_signed(-self.ahead))
    }

    /// When what is due at this time reaches it.
    fn reached(&self, at: Timestamp) -> Timestamp {
        at.max(self.held_until)
    }
}

/// An event that a client machine told its user.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Happened<E> {
    /// When.
    pub at: Timestamp,
    /// The client's index.
    pub client: usize,
    /// What.
    pub event: E,
}

/// An Opus packet that a client machine found in a datagram.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Heard {
    /// When it arrived.
    pub at: Timestamp,
    /// The client's index.
    pub client: usize,
    /// Who spoke.
    pub user: UserId,
    /// RTP synchronisation source.
    pub ssrc: u32,
    /// RTP sequence number.
    pub sequence: u16,
    /// RTP timestamp.
    pub timestamp: u32,
    /// The packet.
    pub opus: Bytes,
}

/// A WebSocket that a client has open, or is opening.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct OpenConnection {
    /// The server's name for it, by which faults are aimed.
    pub id: ConnectionId,
    /// The client's index.
    pub client: usize,
    /// The client's name for it.
    pub socket: SocketId,
    /// Where it leads.
    pub service: Service,
}

/// What is due next, in the order in which things of one time happen.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Due {
    Fault,
    HoleEnd(ConnectionId),
    ServerInbox,
    Up(ConnectionId),
    DatagramUp(SocketAddr),
    ServerTimer,
    ClientInbox(usize),
    Down(ConnectionId),
    DatagramDown(SocketAddr),
    Deadline(ExchangeId),
    ClientTimer(usize),
    ClientStart(usize),
}

impl<M: Machine, S: Server> World<M, S>
where
    M::Event: fmt::Debug,
{
    /// A world of one client and a server, joined by links of this kind.
    pub fn new(client: M, server: S, link: LinkConfig, seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let faults = rng.u64(..);
        Self {
            seed,
            now: Timestamp::ZERO,
            rng,
            link,
            route: Box::new(default_route),
            clients: vec![Client::new(client)],
            server,
            server_started: false,
            server_wait: None,
            server_inbox: Schedule::new(),
            connections: BTreeMap::new(),
            exchanges: BTreeMap::new(),
            udp: BTreeMap::new(),
            minted: 0,
            injector: Injector::new(faults),
            refuses_connects: false,
            failing_requests: 0,
            close_frames_lost_until: Timestamp::ZERO,
            datagrams_lost_until: Timestamp::ZERO,
            stale_inputs: STALE_INPUTS,
            disk: Disk::default(),
            sources: Sources::default(),
            events: Vec::new(),
            audio: Vec::new(),
            transcript: Transcript::default(),
        }
    }

    /// Adds a client and answers its index. At most 200 fit.
    pub fn add_client(&mut self, client: M) -> usize {
        assert!(self.clients.len() < 200, "every client needs an address in 192.0.2.0/24");
        self.clients.push(Client::new(client));
        self.clients.len() - 1
    }

    /// Which of Discord's hosts a WebSocket URL leads to. Without it, hosts that begin with `gateway` are the
    /// gateway's and all others are voice servers.
    pub fn set_route(&mut self, route: impl Fn(&str) -> Service + 'static) {
        self.route = Box::new(route);
    }

    /// Draws faults from now on as planned.
    pub fn set_faults(&mut self, plan: FaultPlan) {
        self.injector.set_plan(self.now, plan);
    }

    /// The kind of links that connections made from now on have.
    pub fn set_link(&mut self, link: LinkConfig) {
        self.link = link;
    }

    /// How likely, in `0.0..=1.0`, a step is followed by an input that is none of the client's business: a
    /// timeout that is not due, or something for a socket, request or file that is gone.
    pub const fn set_stale_inputs(&mut self, probability: f64) {
        self.stale_inputs = probability;
    }

    /// Refuses every WebSocket connection from now on, or no longer.
    pub const fn refuse_connects(&mut self, on: bool) {
        self.refuses_connects = on;
    }

    /// Leaves this many of the next HTTP requests unanswered; they do not reach the server.
    pub const fn fail_requests(&mut self, count: u32) {
        self.failing_requests = count;
    }

    /// The virtual time.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// The seed that all draws come from.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// The client of this index, to look at.
    #[must_use]
    pub fn client(&self, index: usize) -> &M {
        &self.clients[index].machine
    }

    /// The server, to look at.
    #[must_use]
    pub const fn server(&self) -> &S {
        &self.server
    }

    /// Lets the user of a client machine act on it, and performs what it then asks for.
    pub fn with_client<T>(&mut self, index: usize, act: impl FnOnce(&mut M, Timestamp) -> T) -> T {
        let now = self.clients[index].clock(self.now);
        let answer = act(&mut self.clients[index].machine, now);
        self.drain_client(index);
        answer
    }

    /// Lets a user take notice of a client machine in a way that makes it ask for nothing, such as to acknowledge.
    pub fn client_mut(&mut self, index: usize) -> &mut M {
        &mut self.clients[index].machine
    }

    /// Lets nobody drive a client for this time, as when its thread is busy: what arrives for it waits, and so
    /// does its own time.
    pub fn hold_client(&mut self, index: usize, time: Duration) {
        self.transcript.note(self.now, format_args!("c{index} held for {time:?}"));
        let client = &mut self.clients[index];
        client.held_until = client.held_until.max(self.now + time);
    }

    /// Whether a client has started and nobody holds it.
    #[must_use]
    pub fn is_driven(&self, index: usize) -> bool {
        self.clients[index].started && self.clients[index].held_until <= self.now
    }

    /// Sets a client's clock forward, or backward if it is `behind`; the world's goes on as before.
    pub fn jump_clock(&mut self, index: usize, time: Duration, behind: bool) {
        self.transcript.note(self.now, format_args!("c{index} clock jumps {time:?}, behind: {behind}"));
        let nanos = i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
        let client = &mut self.clients[index];
        client.ahead = client.ahead.saturating_add(if behind { -nanos } else { nanos });
    }

    /// The time for which a client waits, by the world's clock; `None` if only other input can wake it.
    #[must_use]
    pub fn wait_of(&self, index: usize) -> Option<Timestamp> {
        let client = &self.clients[index];
        client.wait.map(|at| client.world_time(at))
    }

    /// How many sockets, requests and files a client has open or under way.
    #[must_use]
    pub fn open_of(&self, index: usize) -> usize {
        self.clients[index].ledger.open()
    }

    /// Loses close frames for this time, in both directions: the connection ends all the same.
    pub fn lose_close_frames(&mut self, time: Duration) {
        self.transcript.note(self.now, format_args!("net loses close frames for {time:?}"));
        self.close_frames_lost_until = self.close_frames_lost_until.max(self.now + time);
    }

    /// Lets a test act on the server, and performs what it then asks for.
    pub fn with_server<T>(&mut self, act: impl FnOnce(&mut S, Timestamp) -> T) -> T {
        let answer = act(&mut self.server, self.now);
        self.drain_server();
        answer
    }

    /// Kills a client and starts another in its place: the server finds the connections lost, files stay as
    /// they are. Gives the old one back.
    pub fn replace_client(&mut self, index: usize, machine: M) -> M {
        self.transcript.note(self.now, format_args!("c{index} killed"));
        self.drop_client_ends(index);
        self.disk.abandon(index);
        self.sources.abandon(index);
        let old = &self.clients[index];
        let client = Client { next_port: old.next_port, ahead: old.ahead, ..Client::new(machine) };
        std::mem::replace(&mut self.clients[index], client).machine
    }

    /// What clients told their users, oldest first, since it was last taken.
    #[must_use]
    pub fn events(&self) -> &[Happened<M::Event>] {
        &self.events
    }

    /// Takes [`World::events`], so that they do not pile up.
    pub fn take_events(&mut self) -> Vec<Happened<M::Event>> {
        std::mem::take(&mut self.events)
    }

    /// Moves [`World::events`] to the end of a buffer that can be used again.
    pub fn move_events(&mut self, to: &mut Vec<Happened<M::Event>>) {
        to.append(&mut self.events);
    }

    /// What clients heard, oldest first, since it was last taken.
    #[must_use]
    pub fn audio(&self) -> &[Heard] {
        &self.audio
    }

    /// Takes [`World::audio`], so that it does not pile up.
    pub fn take_audio(&mut self) -> Vec<Heard> {
        std::mem::take(&mut self.audio)
    }

    /// The disk.
    #[must_use]
    pub const fn disk(&self) -> &Disk {
        &self.disk
    }

    /// The disk, to fill or break it.
    pub const fn disk_mut(&mut self) -> &mut Disk {
        &mut self.disk
    }

    /// What happened.
    #[must_use]
    pub const fn transcript(&self) -> &Transcript {
        &self.transcript
    }

    /// What happened, to say how much of it is kept.
    pub const fn transcript_mut(&mut self) -> &mut Transcript {
        &mut self.transcript
    }

    /// Lets the next thing happen, however far ahead it is. `false` if nothing is ever to happen again, which
    /// is not so while a [`FaultPlan`] is drawn from.
    pub fn step(&mut self) -> bool {
        self.step_before(None)
    }

    /// Lets the next thing happen that is due by this time. `false` if there is none: then it is this time.
    pub fn step_until(&mut self, end: Timestamp) -> bool {
        let stepped = self.step_before(Some(end));
        if !stepped {
            self.now = self.now.max(end);
        }
        stepped
    }

    /// Lets everything happen that is due within this time, and ends at its end.
    pub fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        while self.step_before(Some(end)) {}
        self.now = end;
    }

    /// Runs until the condition holds, or for `limit`, and answers whether it holds.
    pub fn run_until(&mut self, mut condition: impl FnMut(&Self) -> bool, limit: Duration) -> bool {
        let end = self.now + limit;
        loop {
            self.start();
            if condition(self) {
                return true;
            }
            if !self.step_before(Some(end)) {
                self.now = end;
                return condition(self);
            }
        }
    }

    /// Runs until the condition holds.
    ///
    /// # Panics
    /// If it does not hold within `limit`, with the last lines of the transcript.
    #[track_caller]
    pub fn expect(&mut self, what: &str, condition: impl FnMut(&Self) -> bool, limit: Duration) {
        if !self.run_until(condition, limit) {
            panic!(
                "not within {limit:?}: {what} (seed {}, now {:?})\nthe last steps:\n{}",
                self.seed,
                self.now.since_origin(),
                self.transcript.tail()
            );
        }
    }

    fn start(&mut self) {
        if !self.server_started {
            self.server_started = true;
            self.drain_server();
        }
        for index in 0..self.clients.len() {
            if !self.clients[index].started && self.clients[index].held_until <= self.now {
                self.drain_client(index);
            }
        }
    }

    fn step_before(&mut self, end: Option<Timestamp>) -> bool {
        self.start();
        let Some((at, due)) = self.next_due() else { return false };
        if end.is_some_and(|end| at > end) {
            return false;
        }
        self.now = self.now.max(at);
        self.happen(due);
        if self.rng.f64() < self.stale_inputs {
            self.feed_stale_input();
        }
        true
    }

    fn next_due(&self) -> Option<(Timestamp, Due)> {
        let mut next: Option<(Timestamp, Due)> = None;
        let mut note = |at: Option<Timestamp>, due: Due| {
            if let Some(at) = at
                && next.is_none_or(|next| (at, due) < next)
            {
                next = Some((at, due));
            }
        };
        note(self.injector.next_due(), Due::Fault);
        note(self.server_inbox.next_due(), Due::ServerInbox);
        note(self.server_wait, Due::ServerTimer);
        for (id, connection) in &self.connections {
            let client = &self.clients[connection.client];
            note(connection.hole_ends, Due::HoleEnd(*id));
            note(connection.up.next_delivery(), Due::Up(*id));
            note(connection.down.next_delivery().map(|at| client.reached(at)), Due::Down(*id));
        }
        for (local, udp) in &self.udp {
            let client = &self.clients[udp.client];
            note(udp.up.next_delivery(), Due::DatagramUp(*local));
            note(udp.down.next_delivery().map(|at| client.reached(at)), Due::DatagramDown(*local));
        }
        for (id, exchange) in &self.exchanges {
            let client = &self.clients[exchange.client];
            note(Some(client.reached(exchange.deadline)), Due::Deadline(*id));
        }
        for (index, client) in self.clients.iter().enumerate() {
            let timer = if client.started { client.wait.map(|at| client.world_time(at)) } else { None };
            note(client.inbox.next_due().map(|at| client.reached(at)), Due::ClientInbox(index));
            note(timer.map(|at| client.reached(at)), Due::ClientTimer(index));
            if !client.started {
                note(Some(client.held_until), Due::ClientStart(index));
            }
        }
        next
    }

    fn happen(&mut self, due: Due) {
        let now = self.now;
        match due {
            Due::Fault => {
                if let Some(fault) = self.injector.take_due(now) {
                    self.inject(fault);
                }
            }
            Due::HoleEnd(id) => self.cut(id),
            Due::ServerInbox => {
                if let Some(input) = self.server_inbox.take_due(now) {
                    self.tell_server(input);
                }
            }
            Due::Up(id) => self.deliver_up(id),
            Due::Down(id) => self.deliver_down(id),
            Due::DatagramUp(local) => {
                if let Some(Delivery::Deliver(data)) =
                    self.udp.get_mut(&local).map(|udp| udp.up.poll_delivery(now))
                {
                    self.tell_server(ServerInput::Datagram { from: local, data });
                    self.udp.retain(|_, udp| udp.open || !udp.up.is_empty());
                }
            }
            Due::DatagramDown(local) => {
                if let Some(udp) = self.udp.get_mut(&local) {
                    let (client, socket) = (udp.client, udp.socket);
                    if let Delivery::Deliver(data) = udp.down.poll_delivery(now) {
                        self.tell_client_datagram(client, socket, data.into());
                    }
                }
            }
            Due::ServerTimer => {
                self.server_wait = None;
                self.tell_server(ServerInput::Timeout);
            }
            Due::ClientInbox(index) => {
                if let Some(input) = self.clients[index].inbox.take_due(now) {
                    self.tell_client(index, input);
                }
            }
            Due::Deadline(id) => {
                if let Some(exchange) = self.exchanges.remove(&id) {
                    let unanswered = Unanswered::new(Unheard::Late, "the deadline has passed");
                    self.tell_client(exchange.client, Input::Response(exchange.request, Err(unanswered)));
                }
            }
            Due::ClientTimer(index) => self.tell_client(index, Input::Timeout),
            Due::ClientStart(index) => self.drain_client(index),
        }
    }

    fn inject(&mut self, fault: Fault) {
        let open: Vec<ConnectionId> = self.connections().iter().map(|connection| connection.id).collect();
        let time = self.injector.draw_duration();
        let target = self.injector.choose(&open);
        match (fault, target) {
            (Fault::LossBurst, _) => self.lose_datagrams(time),
            (_, None) => {}
            (Fault::Cut, Some(id)) => self.cut(id),
            (Fault::Stall, Some(id)) => self.stall(id, time),
            (Fault::BlackHole, Some(id)) => self.black_hole(id, Some(time)),
        }
    }

    /// Reports a broken rule.
    fn fail(&self, index: usize, what: &dyn fmt::Display) -> ! {
        panic!(
            "client {index}: {what} (seed {}, now {:?})\nthe last steps:\n{}",
            self.seed,
            self.now.since_origin(),
            self.transcript.tail()
        )
    }

    fn require(&self, index: usize, rule: Result<(), Violation>) {
        if let Err(violation) = rule {
            self.fail(index, &violation);
        }
    }
}

impl<M: Machine, S: fmt::Debug> fmt::Debug for World<M, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("seed", &self.seed)
            .field("now", &self.now)
            .field("clients", &self.clients.len())
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

fn default_route(url: &str) -> Service {
    let host = url.split_once("://").map_or(url, |(_, rest)| rest);
    if host.starts_with("gateway") { Service::Gateway } else { Service::Voice }
}
