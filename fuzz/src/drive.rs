//! A driver that obeys a machine and checks each of its outputs.

use bytes::Bytes;
use sanscord::machine::{
    Closed, Fault, FileReport, Frame, Input, Machine, Output, SocketId, SourceReport, Unanswered,
};
use sanscord::time::{Duration, Timestamp};
use sanscord_testing::check::{Dead, Ledger};
use sanscord_testing::server::Service;

use crate::book::{Arrival, Book};
use crate::step::Step;

/// How late a driver may be. What a machine does at a timeout, it does for all the time that has passed.
pub const LATENESS: Duration = Duration::from_secs(600);

/// Where the clock stops, a hundred years on: a deadline that lies at the end of time cannot be met.
pub const END: Timestamp = Timestamp::from_millis(100 * 365 * 86_400_000);

/// A machine under a virtual clock. Each step is followed by a full drain, and all that
/// [`Ledger`] demands must hold; if not, it panics with the rule.
#[derive(Debug)]
pub struct Drive<M: Machine> {
    /// The machine.
    pub machine: M,
    /// What it has told its user since the last [`Drive::step`] began.
    pub events: Vec<M::Event>,
    /// The names in use.
    pub book: Book,
    now: Timestamp,
    wait: Option<Timestamp>,
    ledger: Ledger,
}

impl<M: Machine> Drive<M> {
    /// Takes a machine and lets it begin. Keeps what it writes to files if `keep` says so.
    pub fn new(machine: M, keep: bool) -> Self {
        let (now, ledger) = (Timestamp::ZERO, Ledger::default());
        let book = Book::new(keep);
        let mut drive = Self { machine, events: Vec::new(), book, now, wait: None, ledger };
        drive.drain();
        drive.step(&Step::Tick);
        drive
    }

    /// The time.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.now
    }

    /// Lets a step happen. [`Step::Command`] is the caller's to perform, through [`Drive::act`].
    ///
    /// # Panics
    /// If the machine breaks a rule.
    pub fn step(&mut self, step: &Step) {
        self.events.clear();
        match step {
            Step::Timeout => {
                if let Some(until) = self.wait.filter(|until| *until <= END) {
                    self.now = self.now.max(until);
                    self.input(Input::Timeout);
                }
            }
            Step::Sleep(micros) => {
                let latest = self.wait.map_or(END, |until| (until.max(self.now) + LATENESS).min(END));
                let later = self.now + Duration::from_micros((*micros).into());
                self.now = self.now.max(later.min(latest));
            }
            Step::Stale(kind, which) => self.stale(*kind, *which),
            _ => match self.book.arrival(step) {
                Some(Arrival::Input(input)) => self.input(input),
                Some(Arrival::Datagram(socket, data)) => self.datagram(socket, data),
                None => {}
            },
        }
    }

    /// Lets the user act.
    pub fn act(&mut self, act: impl FnOnce(&mut M, Timestamp)) {
        self.events.clear();
        act(&mut self.machine, self.now);
        self.drain();
    }

    /// Lets the user do what must change nothing.
    ///
    /// # Panics
    /// If the machine then has anything to say, or another deadline.
    pub fn idle(&mut self, act: impl FnOnce(&mut M, Timestamp)) {
        self.catch_up();
        act(&mut self.machine, self.now);
        self.unchanged("what should change nothing");
    }

    /// What is overdue may be done at any call.
    fn catch_up(&mut self) {
        if self.wait.is_some_and(|until| until <= self.now) {
            self.input(Input::Timeout);
        }
    }

    fn unchanged(&mut self, cause: &str) {
        match self.machine.poll_output() {
            Output::Wait(until) => assert_eq!(until, self.wait, "{cause} changed the deadline"),
            _ => panic!("{cause} led to an output"),
        }
    }

    fn input(&mut self, input: Input) {
        assert!(self.ledger.input(&input), "the book and the ledger do not agree about {input:?}");
        self.book.input(&input);
        self.machine.handle_input(self.now, input);
        self.drain();
    }

    fn datagram(&mut self, socket: SocketId, mut data: Vec<u8>) {
        assert!(self.ledger.takes_datagrams(socket), "the book and the ledger do not agree about {socket:?}");
        if let Some(audio) = self.machine.handle_datagram(self.now, socket, &mut data) {
            check(self.ledger.audio(&audio, data.len()));
        }
        self.drain();
    }

    /// Something happens to a name that is done with: it must change nothing.
    fn stale(&mut self, kind: u8, which: u8) {
        let dead: Vec<Dead> = self.ledger.dead().concat();
        let Some(at) = usize::from(which).checked_rem(dead.len()) else { return };
        self.catch_up();
        let input = match (dead[at], kind % 3) {
            (Dead::Socket(socket), 0) => Input::Opened(socket),
            (Dead::Socket(socket), 1) => Input::Frame(socket, Frame::Text(Bytes::from_static(b"{\"op\":7}"))),
            (Dead::Socket(socket), _) => Input::Closed(socket, Closed::ByPeer(None)),
            (Dead::Request(request), _) => {
                Input::Response(request, Err(Unanswered::new(Fault::Late, "late")))
            }
            (Dead::File(file), 0) => Input::File(file, FileReport::Closed),
            (Dead::File(file), _) => Input::File(file, FileReport::Failed { reason: "late".into() }),
            (Dead::Source(source), _) => Input::Source(source, SourceReport::Ended),
        };
        let text = format!("{input:?}");
        if let Input::Opened(socket) = &input {
            assert!(self.machine.handle_datagram(self.now, *socket, &mut [0x80; 40]).is_none(), "{text}");
        }
        self.machine.handle_input(self.now, input);
        self.unchanged(&text);
    }

    fn drain(&mut self) {
        loop {
            let output = self.machine.poll_output();
            check(self.ledger.output(self.now, &output, service));
            self.book.output(&output);
            match output {
                Output::Event(event) => self.events.push(event),
                Output::Wait(until) => {
                    self.wait = until;
                    check(self.ledger.drained(self.machine.is_finished(), until));
                    return;
                }
                _ => {}
            }
        }
    }
}

/// Tells the gateways apart by the version that a client asks for; hosts are the fuzzer's to choose.
fn service(url: &str) -> Service {
    if url.ends_with("?v=8") { Service::Voice } else { Service::Gateway }
}

#[track_caller]
fn check(result: Result<(), sanscord_testing::check::Violation>) {
    if let Err(violation) = result {
        panic!("{violation}");
    }
}
