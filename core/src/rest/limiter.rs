//! Which request may be sent when: Discord's limits, learned from its answers.
//!
//! The limiter sends nothing. Whoever does asks it for a [`Ticket`], sends when that is
//! [granted](Event::Granted), and hands back what the answer said:
//!
//! ```text
//!            request            poll: Granted           complete
//!   (none) ───────────> waiting ──────────────> granted ──────────> (none)
//!                        │   ^                   │   │
//!                        │   └───── requeue ─────┘   └── Config::hold: Expired, counted as lost
//!                        └── cancel, poll: Refused ──> (none)
//! ```
//!
//! What holds a request back (discord-api-docs, Rate Limits):
//!
//! * Its bucket. Routes whose answers name the same bucket share it, for each top-level resource. Until the first
//!   answer one request goes ahead; then as many as the window has left, at once. See `bucket` for how the end of a
//!   window is known without a clock that agrees with Discord's. A route whose answers tell of no limit has none.
//! * Requests that are earlier in its route; of a bucket's routes, the earliest request goes first. Other buckets'
//!   requests are held back by neither.
//! * 50 requests a second over all routes, but for interactions'. Buckets take turns at them.
//! * A 429: of the bucket, of the route alone (a limit that others share, or one that the bucket does not tell of),
//!   of all routes but interactions', or of everything (Cloudflare's). It holds for as long as it said, however
//!   long: [`wait`](Limiter::wait) shows it.
//! * Too many invalid requests, a token that Discord refused, a webhook that is gone.
//!
//! # Several processes
//!
//! All that crosses the edge is plain and goes through serde. So one process may own the limiter, and others ask it:
//! [`share`](crate::rest::share) does that over WebSockets.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::rest::route::{Route, WebhookKey};
use crate::time::{Duration, Timestamp, soonest};

mod breaker;
mod bucket;
mod global;
mod limits;
mod message;
mod save;
mod table;
#[cfg(test)]
mod tests;
mod tickets;
mod timers;
mod words;

pub use limits::{BucketHash, Limited, Limits};
pub use message::{Config, Counters, Event, Outcome, Reason, Refused, Saved, SavedBucket, Wait};
pub use tickets::Ticket;

use breaker::Breaker;
use bucket::{Kind, Turn};
use global::{COUNTED, Global};
use table::{Table, Told};
use tickets::{List, NONE, State, Tickets};

/// Grants requests; its rules stand at the [module](self).
///
/// Bounded by [`Config`]: tickets, routes. All else is bounded by these, or stands at its place.
#[derive(Debug)]
pub struct Limiter {
    config: Config,
    now: Timestamp,
    tickets: Tickets,
    table: Table,
    /// Buckets that are to be looked at: those with routes that are exempt from the global limit, and the others.
    exempt: VecDeque<u32>,
    ready: VecDeque<u32>,
    global: Global,
    breaker: Breaker,
    /// Granted tickets in the order of their grants: see [`State`].
    young: List,
    old: List,
    /// When the token was given.
    token_since: Timestamp,
    /// What is to be told: an event for each ticket, and some, at most.
    out: VecDeque<Event>,
    counters: Counters,
}

impl Limiter {
    /// A limiter that knows of no limit but the global one.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            config,
            now: Timestamp::ZERO,
            tickets: Tickets::new(),
            table: Table::new(config.routes.clamp(1, u32::MAX as usize / 2)),
            exempt: VecDeque::new(),
            ready: VecDeque::new(),
            global: Global::new(config.per_second),
            breaker: Breaker::new(config.invalid.max(1)),
            young: List::EMPTY,
            old: List::EMPTY,
            token_since: Timestamp::ZERO,
            out: VecDeque::new(),
            counters: Counters::default(),
        }
    }

    /// A request wants to be sent. Drain [`poll`](Self::poll) afterwards: it may be granted at once.
    ///
    /// # Errors
    /// If it must not be sent, or too many wait.
    pub fn request(&mut self, now: Timestamp, route: &Route) -> Result<Ticket, Refused> {
        self.tick(now);
        let result = self.enqueue(route);
        self.counters.refused += u64::from(result.is_err());
        result
    }

    fn enqueue(&mut self, route: &Route) -> Result<Ticket, Refused> {
        let (needs_token, webhook) = (route.needs_token(), route.webhook());
        self.admit(needs_token, webhook)?;
        let (index, ticket) = self.open(route)?;
        self.tickets.push(&mut self.table.lane_mut(index).queue, ticket);
        self.count_waiting(index, true);
        Ok(self.tickets.name(ticket))
    }

    /// A ticket in the lane of its route, which stands in no queue.
    fn open(&mut self, route: &Route) -> Result<(u32, u32), Refused> {
        if self.tickets.len() >= self.config.tickets {
            return Err(Refused::Full);
        }
        let found = self.table.find(route.key());
        let index = found.or_else(|| self.table.add(self.now, route.key(), route.traits()));
        let index = index.ok_or(Refused::Full)?;
        self.table.wake(index);
        let lane = self.table.lane_mut(index);
        (lane.traits, lane.needs_token, lane.webhook) =
            (route.traits(), route.needs_token(), route.webhook());
        Ok((index, self.tickets.open(index)))
    }

    /// A request is under way that an earlier limiter granted, so long ago: it counts as if this one had, and is to be
    /// [completed](Self::complete) or [requeued](Self::requeue) as any other.
    ///
    /// # Errors
    /// [`Refused::Full`].
    pub fn adopt(&mut self, now: Timestamp, route: &Route, age: Duration) -> Result<Ticket, Refused> {
        self.tick(now);
        let (index, ticket) = self.open(route)?;
        let since = self.now.since_origin().saturating_sub(age);
        self.start(index, ticket, Timestamp::ZERO + since);
        Ok(self.tickets.name(ticket))
    }

    /// Notes that a ticket that stands in no queue is on its way; answers with its bucket.
    fn start(&mut self, index: u32, ticket: u32, granted: Timestamp) -> u32 {
        let lane = self.table.lane_mut(index);
        let (slot, bucket) = (!lane.traits.interaction, lane.bucket);
        lane.in_flight += 1;
        self.table.bucket_mut(bucket).in_flight += 1;
        let entry = &mut self.tickets[ticket];
        (entry.granted, entry.state, entry.slot) = (granted, State::Young, slot);
        self.tickets.push(&mut self.young, ticket);
        if slot {
            self.global.take();
        }
        bucket
    }

    /// This request is not to be sent any more: it waits, or it was granted and never sent. One that was sent is to
    /// be [completed](Self::complete). An unknown ticket changes nothing.
    pub fn cancel(&mut self, now: Timestamp, ticket: Ticket) {
        self.tick(now);
        let Some(ticket) = self.tickets.find(ticket) else { return };
        let lane = self.tickets[ticket].lane;
        if self.tickets[ticket].state == State::Waiting {
            self.drop_waiting(ticket);
        } else {
            self.settle(ticket, &Outcome::Unsent);
            self.tickets.close(ticket);
            self.table.rest(lane, self.now);
        }
    }

    /// A granted request is done with. A ticket that was not granted changes nothing.
    pub fn complete(&mut self, now: Timestamp, ticket: Ticket, outcome: &Outcome) {
        self.tick(now);
        let Some(ticket) = self.granted(ticket) else { return };
        let lane = self.settle(ticket, outcome);
        self.tickets.close(ticket);
        self.table.rest(lane, self.now);
    }

    /// A granted request came to nothing and is to be sent again, in place of [`complete`](Self::complete): it takes
    /// its old place, before those that asked later, and waits for another grant of the same ticket.
    ///
    /// # Errors
    /// If it must not be sent again: then the ticket is done with.
    pub fn requeue(&mut self, now: Timestamp, ticket: Ticket, outcome: &Outcome) -> Result<(), Refused> {
        self.tick(now);
        let ticket = self.granted(ticket).ok_or(Refused::Unknown)?;
        let index = self.settle(ticket, outcome);
        let lane = self.table.lane(index);
        if let Err(refused) = self.admit(lane.needs_token, lane.webhook) {
            self.counters.refused += 1;
            self.tickets.close(ticket);
            self.table.rest(index, self.now);
            return Err(refused);
        }
        if *outcome == Outcome::Unsent {
            self.table.lane_mut(index).busy = self.now + BUSY;
        }
        self.tickets[ticket].state = State::Waiting;
        self.tickets.insert(&mut self.table.lane_mut(index).queue, ticket);
        self.count_waiting(index, true);
        Ok(())
    }

    /// The bot has another token: requests that show it are taken again.
    pub fn token_changed(&mut self, now: Timestamp) {
        self.tick(now);
        self.breaker.unauthorized = false;
        self.token_since = self.now;
    }

    /// What is to be done or told. Call it until it answers `None`, then again at the [`deadline`](Self::deadline)
    /// and after every other call.
    pub fn poll(&mut self, now: Timestamp) -> Option<Event> {
        self.tick(now);
        if let Some(event) = self.out.pop_front() {
            return Some(event);
        }
        if let Some(event) = self.expire() {
            return Some(event);
        }
        self.age();
        self.global.tick(self.now);
        while let Some((at, bucket)) = self.table.timers.first()
            && at <= self.now
        {
            self.table.timers.remove(bucket);
            self.list(bucket);
        }
        if self.breaker.tripped || self.now < self.global.banned {
            return None;
        }
        while let Some(bucket) = self.exempt.pop_front() {
            if let Some(event) = self.look(bucket) {
                return Some(event);
            }
        }
        while self.is_open()
            && let Some(bucket) = self.ready.pop_front()
        {
            if let Some(event) = self.look(bucket) {
                return Some(event);
            }
        }
        None
    }

    /// When [`poll`](Self::poll) has something to do by itself. A time that has passed: at once.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        if !self.out.is_empty() {
            return Some(self.now);
        }
        let granted = |list: List| (list.head != NONE).then(|| self.tickets[list.head].granted);
        let (young, old) = (granted(self.young), granted(self.old));
        let expiry = old.or(young).map(|at| at + self.config.hold.max(COUNTED));
        let timer = self.table.timers.first().map(|(at, _)| at);
        let mut next = soonest(soonest(expiry, timer), self.breaker.resumes());
        let open = self.global.banned.max(self.breaker.resumes().unwrap_or_default()).max(self.now);
        if !self.exempt.is_empty() {
            next = soonest(next, Some(open));
        }
        if !self.ready.is_empty() {
            let slot = if self.global.has_slot() { None } else { self.global.next(young) };
            next = soonest(next, Some(open.max(self.global.stopped).max(slot.unwrap_or_default())));
        }
        next
    }

    /// Whether a ticket is granted, and not done with.
    #[must_use]
    pub fn is_granted(&self, ticket: Ticket) -> bool {
        self.granted(ticket).is_some()
    }

    /// For what a ticket waits; `None` if it does not. Takes a time that grows with the requests before it.
    #[must_use]
    pub fn wait(&self, ticket: Ticket) -> Option<Wait> {
        let ticket =
            self.tickets.find(ticket).filter(|&index| self.tickets[index].state == State::Waiting)?;
        let lane = self.table.lane(self.tickets[ticket].lane);
        let bucket = self.table.bucket(lane.bucket);
        let (turn, now) = (bucket.turn(self.now, self.global.lead()), self.now);
        let waits =
            |reason, until: Timestamp| Wait { reason, until: Some(until).filter(|until| *until > now) };
        let head = if now < self.global.banned {
            waits(Reason::Cloudflare, self.global.banned)
        } else if let Some(resumes) = self.breaker.resumes() {
            waits(Reason::Invalid, resumes)
        } else if now < lane.held {
            waits(Reason::Held, lane.held)
        } else if now < lane.busy {
            waits(Reason::Busy, lane.busy)
        } else if let Turn::At(at) = turn {
            waits(Reason::Bucket { limit: bucket.limit }, at)
        } else if turn == Turn::Answer && bucket.kind == Kind::Windowed {
            waits(Reason::Bucket { limit: bucket.limit }, now)
        } else if turn == Turn::Answer {
            waits(Reason::FirstAnswer, now)
        } else if lane.traits.interaction || self.is_open() {
            waits(Reason::Turn, now)
        } else if now < self.global.stopped {
            waits(Reason::GlobalStop, self.global.stopped)
        } else {
            let oldest = (self.young.head != NONE).then(|| self.tickets[self.young.head].granted);
            waits(Reason::Global, self.global.next(oldest).unwrap_or_default())
        };
        // Who asks when it has come knows its place without looking.
        let ahead = match lane.queue.tail == ticket {
            true => lane.waiting - 1,
            false => self.tickets.ahead(ticket),
        };
        match ahead {
            0 => Some(head),
            ahead => Some(Wait { reason: Reason::Order(ahead), until: head.until }),
        }
    }

    /// Counts since the limiter was made.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters { forgotten: self.table.forgotten, ..self.counters }
    }

    /// Invalid requests in the last 10 minutes, of which [`Config::invalid`] are too many.
    #[must_use]
    pub const fn invalid(&self) -> u32 {
        self.breaker.count()
    }

    /// How many tickets there are, waiting and granted.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.tickets.len()
    }

    /// Whether there is no ticket.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.tickets.len() == 0
    }

    /// How many routes with their top-level resources are in mind.
    #[must_use]
    pub fn routes(&self) -> usize {
        self.table.len()
    }

    fn tick(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
        if self.breaker.tick(self.now) {
            self.out.push_back(Event::Resumed);
        }
    }

    fn admit(&self, needs_token: bool, webhook: Option<WebhookKey>) -> Result<(), Refused> {
        if let Some(resumes) = self.breaker.resumes() {
            return Err(Refused::Invalid { wait: resumes.since(self.now) });
        }
        if needs_token && self.breaker.unauthorized {
            return Err(Refused::Unauthorized);
        }
        match webhook {
            Some(webhook) if self.breaker.is_dead(webhook) => Err(Refused::Webhook),
            _ => Ok(()),
        }
    }

    /// Whether the global limit lets a request go.
    fn is_open(&self) -> bool {
        self.now >= self.global.stopped && self.global.has_slot()
    }

    /// One more request waits in this lane, or one less.
    fn count_waiting(&mut self, index: u32, more: bool) {
        let lane = self.table.lane_mut(index);
        let bucket = lane.bucket;
        lane.waiting = if more { lane.waiting + 1 } else { lane.waiting - 1 };
        let waiting = &mut self.table.bucket_mut(bucket).waiting;
        *waiting = if more { *waiting + 1 } else { *waiting - 1 };
        self.list(bucket);
    }

    /// A bucket is to be looked at.
    fn list(&mut self, index: u32) {
        let bucket = self.table.bucket_mut(index);
        if bucket.listed {
            return;
        }
        bucket.listed = true;
        if self.table.of(index).any(|lane| self.table.lane(lane).traits.interaction) {
            self.exempt.push_back(index);
        } else {
            self.ready.push_back(index);
        }
    }

    fn look_again(&mut self, lane: u32) {
        let bucket = self.table.lane(lane).bucket;
        if self.table.bucket(bucket).waiting > 0 {
            self.list(bucket);
        }
    }

    /// Grants the bucket's next request, or notes when to look again.
    fn look(&mut self, index: u32) -> Option<Event> {
        let (now, open, lead) = (self.now, self.is_open(), self.global.lead());
        let bucket = self.table.bucket_mut(index);
        bucket.listed = false;
        if bucket.waiting == 0 {
            self.table.timers.remove(index);
            return None;
        }
        match bucket.turn(now, lead) {
            Turn::Now => {}
            Turn::At(at) => {
                self.table.timers.set(index, at);
                return None;
            }
            Turn::Answer => {
                self.table.timers.remove(index);
                return None;
            }
        }
        let (mut first, mut held, mut closed) = (None, None, false);
        for lane in self.table.of(index) {
            let this = self.table.lane(lane);
            if this.waiting == 0 {
                continue;
            }
            let opens = this.held.max(this.busy);
            if opens > now {
                held = soonest(held, Some(opens));
            } else if !open && !this.traits.interaction {
                closed = true;
            } else {
                let order = self.tickets[this.queue.head].order;
                if first.is_none_or(|(earliest, _)| order < earliest) {
                    first = Some((order, lane));
                }
            }
        }
        if let Some((_, lane)) = first {
            return Some(self.grant(lane));
        }
        if closed {
            self.table.bucket_mut(index).listed = true;
            self.ready.push_back(index);
        } else if let Some(held) = held {
            self.table.timers.set(index, held);
        }
        None
    }

    /// Grants a lane's first request, unless it must not be sent any more.
    fn grant(&mut self, index: u32) -> Event {
        let lane = self.table.lane(index);
        let ticket = lane.queue.head;
        if let Err(refused) = self.admit(lane.needs_token, lane.webhook) {
            return self.refuse(ticket, refused);
        }
        let lane = self.table.lane_mut(index);
        self.tickets.remove(&mut lane.queue, ticket);
        lane.waiting -= 1;
        let bucket = self.start(index, ticket, self.now);
        let bucket_state = self.table.bucket_mut(bucket);
        bucket_state.waiting -= 1;
        if bucket_state.waiting > 0 {
            self.list(bucket);
        }
        self.counters.granted += 1;
        Event::Granted(self.tickets.name(ticket))
    }

    fn refuse(&mut self, ticket: u32, refused: Refused) -> Event {
        let name = self.tickets.name(ticket);
        self.drop_waiting(ticket);
        self.counters.refused += 1;
        Event::Refused(name, refused)
    }

    fn drop_waiting(&mut self, ticket: u32) {
        let lane = self.tickets[ticket].lane;
        self.tickets.remove(&mut self.table.lane_mut(lane).queue, ticket);
        self.tickets.close(ticket);
        self.count_waiting(lane, false);
        self.table.rest(lane, self.now);
    }

    /// The oldest grant, if it is void.
    fn expire(&mut self) -> Option<Event> {
        let oldest = if self.old.head == NONE { self.young.head } else { self.old.head };
        let hold = self.config.hold.max(COUNTED);
        if oldest == NONE || self.tickets[oldest].granted + hold > self.now {
            return None;
        }
        let name = self.tickets.name(oldest);
        let lane = self.settle(oldest, &Outcome::Lost);
        self.tickets.close(oldest);
        self.table.rest(lane, self.now);
        self.counters.expired += 1;
        Some(Event::Expired(name))
    }

    /// Requests of which nothing was heard for a while have been counted by now.
    fn age(&mut self) {
        while self.young.head != NONE && self.tickets[self.young.head].granted + COUNTED <= self.now {
            let ticket = self.young.head;
            self.tickets.remove(&mut self.young, ticket);
            self.tickets.push(&mut self.old, ticket);
            let entry = &mut self.tickets[ticket];
            entry.state = State::Old;
            if entry.slot {
                entry.slot = false;
                self.global.counted(entry.granted + COUNTED);
            }
        }
    }

    fn granted(&self, ticket: Ticket) -> Option<u32> {
        self.tickets.find(ticket).filter(|&index| self.tickets[index].state != State::Waiting)
    }

    /// Takes a granted ticket out of what is on its way; says whether it held a slot.
    fn take_back(&mut self, ticket: u32) -> bool {
        let list = if self.tickets[ticket].state == State::Young { &mut self.young } else { &mut self.old };
        self.tickets.remove(list, ticket);
        let entry = &mut self.tickets[ticket];
        let (lane, slot) = (entry.lane, entry.slot);
        entry.slot = false;
        let lane = self.table.lane_mut(lane);
        lane.in_flight -= 1;
        let bucket = lane.bucket;
        self.table.bucket_mut(bucket).in_flight -= 1;
        slot
    }

    /// Notes what became of a granted request; answers with its lane.
    fn settle(&mut self, ticket: u32, outcome: &Outcome) -> u32 {
        match (self.take_back(ticket), outcome) {
            (true, Outcome::Unsent) => self.global.give_back(),
            (true, _) => self.global.counted(self.now),
            (false, _) => {}
        }
        let lane = self.tickets[ticket].lane;
        match outcome {
            Outcome::Unsent => {}
            Outcome::Answered(limits) => self.learn(ticket, lane, limits),
            Outcome::Lost => self.lose(lane),
        }
        self.look_again(lane);
        lane
    }

    fn lose(&mut self, lane: u32) {
        let bucket = self.table.lane(lane).bucket;
        self.counters.lost += 1;
        self.table.bucket_mut(bucket).lose(self.now);
    }

    fn learn(&mut self, ticket: u32, index: u32, limits: &Limits) {
        let (now, granted) = (self.now, self.tickets[ticket].granted);
        self.counters.malformed += u64::from(limits.malformed);
        self.judge(index, granted, limits);
        if let Some(hash) = limits.bucket {
            let before = self.table.lane(index).bucket;
            let told = self.table.tell(index, hash, granted, now);
            if told == Told::Stale && limits.limited.is_none() {
                return;
            }
            self.counters.moved += u64::from(told == Told::Changed);
            if self.table.bucket(before).waiting > 0 {
                self.list(before);
            }
        }
        let lane = self.table.lane(index);
        let (number, believed) = (lane.bucket, !lane.traits.unreliable);
        let bucket = self.table.bucket(number);
        let (known, period) = (bucket.kind == Kind::Windowed, bucket.period);
        let limit = limits.limit.unwrap_or(if known { bucket.limit } else { 1 });
        let time = limits.reset_after.unwrap_or_else(|| period.max(UNTOLD_WINDOW));
        let Some(by) = limits.limited else {
            self.table.lane_mut(index).accepted();
            let bucket = self.table.bucket_mut(number);
            if limits.has_window() && believed {
                let remaining = limits.remaining.unwrap_or(0);
                bucket.learn(granted, now, limit, remaining, time);
                self.global.measure(now.since(granted));
            } else if known {
                // Whoever answered may have stood before what counts, or behind it.
                self.lose(index);
            } else if matches!(limits.status, 200..300) && bucket.kind == Kind::Unknown {
                // What is no success may come from somebody before Discord, who knows of no limit.
                bucket.kind = if believed { Kind::Unlimited } else { Kind::Unreliable };
            }
            return;
        };
        let untold = if by == Limited::Cloudflare { UNTOLD_BAN } else { time };
        let wait = limits.retry_after.or(limits.reset_after).unwrap_or(untold);
        let margin = self.table.lane_mut(index).refused(granted, now);
        let (bucket, until) = (self.table.bucket_mut(number), now + wait + margin);
        match by {
            Limited::User if believed && (known || limits.has_window()) => {
                bucket.learn(granted, now, limit, 0, wait);
                // Whatever is believed of the window, this route waits as long as it was told.
                self.hold(index, until);
                self.counters.limited += 1;
            }
            Limited::User => {
                self.hold(index, until);
                self.counters.limited += 1;
            }
            Limited::Sub | Limited::Shared => {
                if by == Limited::Sub && believed {
                    bucket.learn(granted, now, limit, limits.remaining.unwrap_or(0), time);
                } else if known {
                    bucket.lose(now);
                }
                self.hold(index, until);
                self.counters.held += 1;
            }
            Limited::Global => {
                if known {
                    bucket.lose(now);
                }
                self.global.stopped = self.global.stopped.max(until);
                self.counters.stopped += 1;
            }
            Limited::Cloudflare => {
                self.global.banned = self.global.banned.max(until);
                self.counters.banned += 1;
            }
        }
        self.out.push_back(Event::Limited { ticket: self.tickets.name(ticket), by, wait });
    }

    fn hold(&mut self, lane: u32, until: Timestamp) {
        let lane = self.table.lane_mut(lane);
        lane.held = lane.held.max(until);
    }

    /// Counts an answer that did harm, and draws the consequences.
    fn judge(&mut self, index: u32, granted: Timestamp, limits: &Limits) {
        if limits.is_invalid() && self.breaker.add(self.now, 1) {
            let wait = self.breaker.resumes().unwrap_or_default().since(self.now);
            self.out.push_back(Event::Tripped { invalid: self.breaker.count(), wait });
        }
        let lane = self.table.lane(index);
        if let Some(webhook) = lane.webhook
            && matches!((limits.status, limits.code), (404, UNKNOWN_WEBHOOK) | (401, INVALID_WEBHOOK_TOKEN))
            && self.breaker.bury(webhook)
        {
            self.out.push_back(Event::WebhookGone(webhook));
        }
        if limits.status == 401
            && lane.needs_token
            && granted >= self.token_since
            && !self.breaker.unauthorized
        {
            self.breaker.unauthorized = true;
            self.out.push_back(Event::Unauthorized);
            let waits = |lane: &u32| {
                let lane = self.table.lane(*lane);
                lane.needs_token && lane.waiting > 0
            };
            let lanes: Vec<u32> = self.table.all().filter(waits).collect();
            for lane in lanes {
                while self.table.lane(lane).waiting > 0 {
                    let event = self.refuse(self.table.lane(lane).queue.head, Refused::Unauthorized);
                    self.out.push_back(event);
                }
            }
        }
    }
}

/// A window of which an answer does not say how long it lasts, if no other did.
const UNTOLD_WINDOW: Duration = Duration::from_secs(5);
/// How long a request waits that nobody can send.
const BUSY: Duration = Duration::from_millis(100);
/// For how long Cloudflare refuses if it does not say.
const UNTOLD_BAN: Duration = Duration::from_secs(60);
/// Discord's codes for a webhook that is gone, or has another token (discord-api-docs, Opcodes and Status Codes).
const UNKNOWN_WEBHOOK: u64 = 10_015;
const INVALID_WEBHOOK_TOKEN: u64 = 50_027;
