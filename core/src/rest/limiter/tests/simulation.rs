//! A server that enforces what is documented, and a network between it and the limiter, under a virtual clock.

use alloc::collections::{BTreeMap, BTreeSet, BinaryHeap, VecDeque};
use alloc::vec::Vec;
use core::cmp::Reverse;

use crate::machine::Method;
use crate::rest::route::mix;

use super::super::*;

/// Nanoseconds of a millisecond.
pub(super) const MS: u64 = 1_000_000;

/// A bucket as the server keeps it.
#[derive(Clone, Debug)]
pub(super) struct Spot {
    pub(super) limit: u32,
    pub(super) period: u64,
    pub(super) end: u64,
    pub(super) used: u32,
    /// What was served, and since when it had to be ready.
    pub(super) served: u64,
    /// Until when a 429 could not be foreseen.
    pub(super) excused: u64,
}

/// A route, the bucket that it is in, and the name of that.
#[derive(Clone, Debug)]
pub(super) struct Way {
    pub(super) route: Route,
    pub(super) spot: usize,
    pub(super) name: u64,
    /// When its first answer with this name came.
    told: Option<u64>,
    /// Requests that wait, by their order.
    waiting: BTreeSet<u64>,
}

/// What becomes of a request, beside being served.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fate {
    Answered,
    /// It never arrives.
    LostAway,
    /// Its answer never arrives.
    LostBack,
    /// It is served, and a proxy answers in the server's place.
    Garbled,
    /// It is cancelled after this time if it still waits.
    Cancelled(u64),
    /// Somebody else's limit holds for so long.
    Shared(u64),
}

#[derive(Clone, Debug)]
struct Request {
    way: usize,
    worker: usize,
    order: u64,
    fate: Fate,
    granted: u64,
    asked: u64,
}

#[derive(Clone, Debug)]
enum Happening {
    Arrive(Ticket),
    Answer(Ticket, Outcome),
    Cancel(Ticket, u64),
    Work(usize),
    Change(usize),
}

pub(super) struct Simulation {
    pub(super) limiter: Limiter,
    pub(super) now: u64,
    pub(super) spots: Vec<Spot>,
    pub(super) ways: Vec<Way>,
    /// Times on the way there and back: the least and the most.
    pub(super) latency: [(u64, u64); 2],
    random: u64,
    happenings: BinaryHeap<Reverse<(u64, u64)>>,
    what: BTreeMap<u64, Happening>,
    count: u64,
    requests: BTreeMap<Ticket, Request>,
    /// When requests under the global limit were counted in the last second.
    counted: VecDeque<u64>,
    held: BTreeMap<usize, u64>,
    /// 429s that could have been foreseen, and others.
    pub(super) foreseeable: Vec<(u64, usize)>,
    pub(super) unforeseeable: u64,
    pub(super) done: u64,
    pub(super) lost: u64,
    pub(super) cancelled: u64,
    pub(super) asked: u64,
    pub(super) longest: u64,
}

/// What drives a simulation: workers, and changes at the server.
pub(super) trait Script {
    fn work(&mut self, simulation: &mut Simulation, worker: usize);

    fn change(&mut self, _: &mut Simulation, _: usize) {}

    /// A worker's request is done with.
    fn finished(&mut self, _: &mut Simulation, _: usize) {}
}

impl Simulation {
    pub(super) fn new(seed: u64, config: Config) -> Self {
        Self {
            limiter: Limiter::new(config),
            now: 0,
            spots: Vec::new(),
            ways: Vec::new(),
            latency: [(10 * MS, 60 * MS); 2],
            random: mix(seed),
            happenings: BinaryHeap::new(),
            what: BTreeMap::new(),
            count: 0,
            requests: BTreeMap::new(),
            counted: VecDeque::new(),
            held: BTreeMap::new(),
            foreseeable: Vec::new(),
            unforeseeable: 0,
            done: 0,
            lost: 0,
            cancelled: 0,
            asked: 0,
            longest: 0,
        }
    }

    pub(super) fn add_spot(&mut self, limit: u32, period: u64) -> usize {
        self.spots.push(Spot { limit, period, end: 0, used: 0, served: 0, excused: 0 });
        self.spots.len() - 1
    }

    /// A route of its own in this bucket.
    pub(super) fn add_way(&mut self, spot: usize, top: u64, name: u64, interaction: bool) -> usize {
        let number = self.ways.iter().filter(|way| way.spot == spot).count();
        let path = alloc::format!("/channels/{top}/b{name}r{number}");
        let route = Route::new(Method::Post, &path);
        let route = if interaction { route.of_interaction() } else { route };
        self.ways.push(Way { route, spot, name, told: None, waiting: BTreeSet::new() });
        self.ways.len() - 1
    }

    /// A bucket has another name from now on.
    pub(super) fn rename(&mut self, spot: usize, name: u64) {
        for way in self.ways.iter_mut().filter(|way| way.spot == spot) {
            (way.name, way.told) = (name, None);
        }
    }

    pub(super) fn below(&mut self, below: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.random) % below.max(1)
    }

    fn between(&mut self, (least, most): (u64, u64)) -> u64 {
        least + self.below(most - least + 1)
    }

    fn at(&mut self, time: u64, what: Happening) {
        self.count += 1;
        self.happenings.push(Reverse((time, self.count)));
        self.what.insert(self.count, what);
    }

    pub(super) fn work_at(&mut self, time: u64, worker: usize) {
        self.at(time, Happening::Work(worker));
    }

    pub(super) fn change_at(&mut self, time: u64, change: usize) {
        self.at(time, Happening::Change(change));
    }

    fn time(&self) -> Timestamp {
        Timestamp::from_nanos(self.now)
    }

    pub(super) fn ask(&mut self, worker: usize, way: usize, fate: Fate) -> Result<(), Refused> {
        let ticket = self.limiter.request(self.time(), &self.ways[way].route)?;
        self.asked += 1;
        let (order, asked) = (self.asked, self.now);
        self.ways[way].waiting.insert(order);
        let request = Request { way, worker, order, fate, granted: 0, asked };
        assert!(self.requests.insert(ticket, request).is_none(), "a ticket twice");
        if let Fate::Cancelled(after) = fate {
            self.at(self.now + after, Happening::Cancel(ticket, order));
        }
        Ok(())
    }

    /// Runs until nothing is left to do, or until this time.
    pub(super) fn run(&mut self, script: &mut impl Script, until: u64) {
        loop {
            self.drain();
            let deadline = self.limiter.deadline().map(Timestamp::as_nanos);
            assert!(
                deadline.is_none_or(|at| at > self.now),
                "a deadline that has passed after all was drained"
            );
            let next = self.happenings.peek().map(|Reverse((at, _))| *at);
            let Some(at) = deadline.into_iter().chain(next).min().filter(|at| *at <= until) else { break };
            self.now = at;
            if next != Some(at) {
                continue;
            }
            let Some(Reverse((_, number))) = self.happenings.pop() else { break };
            match self.what.remove(&number).unwrap() {
                Happening::Arrive(ticket) => self.serve(ticket),
                Happening::Answer(ticket, outcome) => {
                    if let Some(worker) = self.answered(ticket, &outcome) {
                        script.finished(self, worker);
                    }
                }
                Happening::Cancel(ticket, order) => {
                    if let Some(worker) = self.cancel(ticket, order) {
                        script.finished(self, worker);
                    }
                }
                Happening::Work(worker) => script.work(self, worker),
                Happening::Change(change) => script.change(self, change),
            }
        }
    }

    fn drain(&mut self) {
        while let Some(event) = self.limiter.poll(self.time()) {
            let Event::Granted(ticket) = event else { continue };
            let (now, away) = (self.now, self.between(self.latency[0]));
            let request = self.requests.get_mut(&ticket).expect("a ticket that is done with was granted");
            request.granted = now;
            self.longest = self.longest.max(now - request.asked);
            let (way, order, fate) = (request.way, request.order, request.fate);
            let first = self.ways[way].waiting.pop_first();
            assert_eq!(first, Some(order), "granted out of order, or twice");
            if fate == Fate::LostAway {
                let back = self.between(self.latency[1]);
                self.at(now + away + back, Happening::Answer(ticket, Outcome::Lost));
            } else {
                self.at(now + away, Happening::Arrive(ticket));
            }
        }
    }

    /// The server counts a request.
    fn serve(&mut self, ticket: Ticket) {
        let now = self.now;
        let Request { way: number, fate, granted, .. } = self.requests[&ticket];
        if !self.ways[number].route.is_interaction() {
            while self.counted.front().is_some_and(|at| at + 1000 * MS <= now) {
                self.counted.pop_front();
            }
            self.counted.push_back(now);
            let limit = self.limiter.config.per_second as usize;
            assert!(self.counted.len() <= limit, "{} requests in a second", self.counted.len());
        }
        let mut limits = Limits { status: 200, ..Limits::default() };
        let (index, name) = (self.ways[number].spot, self.ways[number].name);
        let untold = |way: &Way| way.spot == index && way.told.is_none_or(|told| told >= granted);
        let unforeseeable = granted <= self.spots[index].excused || self.ways.iter().any(untold);
        let held = self.held.get(&number).copied().filter(|until| *until > now);
        let spot = &mut self.spots[index];
        if let (Fate::Shared(time), None) = (fate, held) {
            self.requests.get_mut(&ticket).unwrap().fate = Fate::Answered;
            self.held.insert(number, now + time);
            limits.retry_after = Some(Duration::from_nanos(time));
            (limits.status, limits.limited) = (429, Some(Limited::Shared));
            self.unforeseeable += 1;
        } else if let Some(until) = held {
            limits.retry_after = Some(Duration::from_nanos(until - now));
            (limits.status, limits.limited) = (429, Some(Limited::Shared));
            self.unforeseeable += 1;
        } else {
            if now >= spot.end {
                (spot.end, spot.used) = (now + spot.period, 0);
            }
            let left = spot.end - now;
            // As it is written: with three digits.
            let left = Duration::from_millis((left + MS / 2) / MS);
            if spot.used >= spot.limit {
                limits.retry_after = Some(left + Duration::from_millis(1));
                (limits.status, limits.limited) = (429, Some(Limited::User));
                if unforeseeable {
                    self.unforeseeable += 1;
                } else {
                    self.foreseeable.push((now, index));
                }
            } else {
                spot.used += 1;
                spot.served += 1;
            }
            limits.limit = Some(spot.limit);
            limits.remaining = Some(spot.limit.saturating_sub(spot.used));
            limits.reset_after = Some(left);
            limits.bucket = Some(BucketHash(mix(name)));
        }
        let outcome = match fate {
            Fate::LostBack => Outcome::Lost,
            Fate::Garbled => Outcome::Answered(Limits { status: 502, ..Limits::default() }),
            _ => Outcome::Answered(limits),
        };
        let back = self.between(self.latency[1]);
        self.at(now + back, Happening::Answer(ticket, outcome));
    }

    /// Hands an answer to the limiter; says whose request is done.
    fn answered(&mut self, ticket: Ticket, outcome: &Outcome) -> Option<usize> {
        let request = self.requests.get_mut(&ticket).unwrap();
        let way = &mut self.ways[request.way];
        let again = match outcome {
            Outcome::Answered(limits) => {
                let named = limits.bucket == Some(BucketHash(mix(way.name)));
                way.told = way.told.or(named.then_some(self.now));
                limits.status != 200
            }
            Outcome::Lost | Outcome::Unsent => false,
        };
        if again {
            request.fate = Fate::Answered;
            way.waiting.insert(request.order);
            let time = self.time();
            self.limiter.requeue(time, ticket, outcome).unwrap();
            return None;
        }
        self.limiter.complete(self.time(), ticket, outcome);
        if *outcome == Outcome::Lost {
            self.lost += 1
        } else {
            self.done += 1
        }
        self.requests.remove(&ticket).map(|request| request.worker)
    }

    fn cancel(&mut self, ticket: Ticket, order: u64) -> Option<usize> {
        let request = self.requests.get(&ticket).filter(|request| request.order == order)?;
        if !self.ways[request.way].waiting.remove(&order) {
            return None;
        }
        self.limiter.cancel(self.time(), ticket);
        self.cancelled += 1;
        self.requests.remove(&ticket).map(|request| request.worker)
    }
}
