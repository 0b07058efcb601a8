//! The line to an office that has the limiters: see [`share`](crate::rest::share).

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::format;
use core::convert::Infallible;

use crate::backoff;
use crate::entropy::Entropy;
use crate::machine::{CloseFrame, Frame, Input, Output, Scope, SocketId};
use crate::rest::limiter::{self, Outcome, Reason, Refused, Ticket, Wait};
use crate::rest::route::Route;
use crate::rest::share::{Account, Answer, Ask, Wrong};
use crate::time::{Duration, Timestamp};

use super::turns::{Turn, Who};

/// Asks an office for turns.
///
/// Every request has an entry from when it is wanted to when its end has been told, so that all can be told again to
/// the next office. Bounds: `capacity` entries, and what is to be said is derived from them; [`AHEAD`] messages that
/// the office has not confirmed; a few turns to tell for each message.
#[derive(Debug)]
pub(super) struct Line {
    url: Box<str>,
    /// The bot's, and the user's.
    accounts: [Account; 2],
    capacity: usize,
    minted: u64,
    entries: BTreeMap<Ticket, Entry>,
    /// Of whom something is to be said, the earliest first.
    to_say: BTreeSet<Ticket>,
    link: Link,
    /// Attempts to get there since that was possible.
    failed: u32,
    /// When something was last heard, or the connection was made.
    heard: Timestamp,
    /// When it was asked whether it is there, if nothing was heard since.
    pinged: Option<Timestamp>,
    said: u64,
    confirmed: u64,
    turns: VecDeque<Turn>,
    out: VecDeque<Output<Infallible>>,
    odd: u64,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Link {
    /// To be opened at this time.
    Down(Timestamp),
    Opening(SocketId),
    Open(SocketId),
    /// For good.
    Over,
}

#[derive(Debug)]
struct Entry {
    who: Who,
    account: Account,
    route: Route,
    /// When it was granted last.
    granted: Timestamp,
    /// The office at the other end knows of it.
    known: bool,
    state: State,
}

#[derive(Debug)]
enum State {
    /// The office is still to be asked.
    Wanted,
    /// It has been; what it said of the wait.
    Asked(Option<Wait>),
    Granted,
    /// The office is still to be told of its end.
    Ended(Outcome),
    /// The office is still to be told that it came to nothing.
    Again(Outcome),
    /// The office is still to be told that it will not be sent.
    Dropped,
}

impl Line {
    pub(super) fn new(url: &str, accounts: [Account; 2], capacity: usize) -> Self {
        Self {
            url: url.into(),
            accounts,
            capacity,
            minted: 0,
            entries: BTreeMap::new(),
            to_say: BTreeSet::new(),
            link: Link::Down(Timestamp::ZERO),
            failed: 0,
            heard: Timestamp::ZERO,
            pinged: None,
            said: 0,
            confirmed: 0,
            turns: VecDeque::new(),
            out: VecDeque::new(),
            odd: 0,
        }
    }

    /// From now on requests show other tokens.
    pub(super) const fn set_accounts(&mut self, accounts: [Account; 2]) {
        self.accounts = accounts;
    }

    /// Answers that made no sense.
    pub(super) const fn odd(&self) -> u64 {
        self.odd
    }

    pub(super) fn request(&mut self, who: Who, route: &Route) -> Result<Ticket, Refused> {
        if self.entries.len() >= self.capacity {
            return Err(Refused::Full);
        }
        self.minted += 1;
        let ticket = Ticket::from_u64(self.minted);
        let account = match (route.needs_token(), who) {
            (false, _) => Account::NOBODY,
            (true, Who::Bot) => self.accounts[0],
            (true, Who::User) => self.accounts[1],
        };
        let route = route.clone();
        let (granted, known) = (Timestamp::ZERO, false);
        self.entries.insert(ticket, Entry { who, account, route, granted, known, state: State::Wanted });
        self.to_say.insert(ticket);
        Ok(ticket)
    }

    pub(super) fn cancel(&mut self, ticket: Ticket) {
        let Some(entry) = self.entries.get_mut(&ticket) else { return };
        entry.state = match core::mem::replace(&mut entry.state, State::Dropped) {
            State::Again(outcome) | State::Ended(outcome) => State::Ended(outcome),
            _ => State::Dropped,
        };
        if !entry.known && matches!(entry.state, State::Dropped) {
            self.entries.remove(&ticket);
            self.to_say.remove(&ticket);
        } else {
            self.to_say.insert(ticket);
        }
    }

    pub(super) fn complete(&mut self, ticket: Ticket, outcome: &Outcome) {
        if let Some(entry) = self.entries.get_mut(&ticket)
            && matches!(entry.state, State::Granted)
        {
            entry.state = State::Ended(outcome.clone());
            self.to_say.insert(ticket);
        }
    }

    pub(super) fn requeue(&mut self, ticket: Ticket, outcome: &Outcome) -> Result<(), Refused> {
        match self.entries.get_mut(&ticket) {
            Some(entry) if matches!(entry.state, State::Granted) => {
                entry.state = State::Again(outcome.clone());
                self.to_say.insert(ticket);
                Ok(())
            }
            _ => Err(Refused::Unknown),
        }
    }

    /// As the office said last.
    pub(super) fn wait(&self, ticket: Ticket) -> Option<Wait> {
        match (&self.entries.get(&ticket)?.state, self.link) {
            (State::Granted | State::Ended(_) | State::Dropped, _) => None,
            (State::Asked(wait), Link::Open(_)) => *wait,
            (State::Wanted | State::Again(_), Link::Open(_)) => None,
            // The first attempt is under way.
            (_, Link::Opening(_) | Link::Down(_)) if self.failed == 0 => None,
            _ => Some(Wait { reason: Reason::Office, until: None }),
        }
    }

    /// The next turn to tell of.
    pub(super) fn poll(&mut self) -> Option<Turn> {
        self.turns.pop_front()
    }

    /// What to do on the network.
    pub(super) fn poll_output(
        &mut self,
        now: Timestamp,
        scope: &mut Scope,
        entropy: &mut Entropy,
    ) -> Option<Output<Infallible>> {
        self.on_time(now, scope, entropy);
        self.say(now);
        self.out.pop_front()
    }

    pub(super) fn is_drained(&self) -> bool {
        self.out.is_empty()
    }

    /// When something is to be done without any input.
    pub(super) fn deadline(&self, now: Timestamp) -> Option<Timestamp> {
        if !self.turns.is_empty() {
            return Some(now);
        }
        match self.link {
            Link::Down(at) => Some(at),
            Link::Open(_) => Some(self.pinged.map_or(self.heard + QUIET, |at| at + PATIENCE)),
            // The driver gives an attempt its time.
            Link::Opening(_) | Link::Over => None,
        }
    }

    /// Nothing will be asked any more.
    pub(super) fn end(&mut self, now: Timestamp) {
        self.say(now);
        if let Link::Open(socket) | Link::Opening(socket) = self.link {
            self.out.push_back(Output::Close(socket, Some(CloseFrame::new(1000))));
        }
        self.link = Link::Over;
        self.entries.clear();
        self.to_say.clear();
    }

    pub(super) fn handle_input(&mut self, now: Timestamp, input: Input, entropy: &mut Entropy) {
        match (input, self.link) {
            (Input::Opened(socket), Link::Opening(opening)) if socket == opening => self.on_open(now, socket),
            (Input::Frame(socket, frame), Link::Open(open)) if socket == open => {
                (self.heard, self.pinged) = (now, None);
                let (Frame::Text(text) | Frame::Binary(text)) = frame;
                match serde_json::from_slice(&text) {
                    Ok(answer) => self.on_answer(now, answer),
                    Err(_) => self.odd += 1,
                }
            }
            (Input::Closed(socket, closed), Link::Open(ours) | Link::Opening(ours)) if socket == ours => {
                self.on_lost(now, format!("{closed}").into(), entropy);
            }
            _ => {}
        }
    }

    fn on_open(&mut self, now: Timestamp, socket: SocketId) {
        self.link = Link::Open(socket);
        (self.heard, self.pinged, self.failed) = (now, None, 0);
        (self.said, self.confirmed) = (0, 0);
        self.to_say.extend(self.entries.keys());
        self.turns.push_back(Turn::Found);
    }

    fn on_lost(&mut self, now: Timestamp, why: Box<str>, entropy: &mut Entropy) {
        let after = backoff::delay(self.failed, entropy).min(LONGEST_BACKOFF);
        self.failed = self.failed.saturating_add(1);
        self.link = Link::Down(now + after);
        self.to_say.clear();
        self.entries.retain(|_, entry| {
            entry.known = false;
            if matches!(entry.state, State::Asked(_)) {
                entry.state = State::Wanted;
            }
            !matches!(entry.state, State::Dropped)
        });
        self.turns.push_back(Turn::Lost { why, after });
    }

    fn on_time(&mut self, now: Timestamp, scope: &mut Scope, entropy: &mut Entropy) {
        match self.link {
            Link::Down(at) if at <= now => {
                let socket = scope.socket();
                self.link = Link::Opening(socket);
                self.out.push_back(Output::OpenWebSocket { socket, url: self.url.clone() });
            }
            Link::Open(socket) => match self.pinged {
                None if self.heard + QUIET <= now => self.ping(now, socket),
                Some(at) if at + PATIENCE <= now => {
                    self.out.push_back(Output::Close(socket, None));
                    self.on_lost(now, format!("it said nothing for {:?}", QUIET + PATIENCE).into(), entropy);
                }
                _ => {}
            },
            _ => {}
        }
    }

    fn ping(&mut self, now: Timestamp, socket: SocketId) {
        self.pinged = self.pinged.or(Some(now));
        let count = self.said + 1;
        self.send(socket, &Ask::Ping { count });
    }

    fn send(&mut self, socket: SocketId, ask: &Ask) {
        self.said += 1;
        self.out.push_back(Output::SendFrame(socket, Frame::Text(ask.to_text().into())));
    }

    /// Says what is to be said, as far as the office keeps up.
    fn say(&mut self, now: Timestamp) {
        while let Link::Open(socket) = self.link
            // Each time, two at most and a ping.
            && self.said - self.confirmed + 3 <= AHEAD
            && let Some(id) = self.to_say.pop_first()
        {
            let Some(entry) = self.entries.get_mut(&id) else { continue };
            let known = core::mem::replace(&mut entry.known, true);
            let (account, route) = (entry.account, &entry.route);
            let age = now.since(entry.granted).as_millis();
            let age = u64::try_from(age).unwrap_or(u64::MAX);
            let held = (!known).then(|| Ask::Held { id, account, route: route.clone(), age });
            let (first, then, stays) = match core::mem::replace(&mut entry.state, State::Asked(None)) {
                State::Wanted => (None, Some(Ask::Want { id, account, route: route.clone() }), true),
                State::Again(outcome) => (held, Some(Ask::Again { id, outcome }), true),
                State::Ended(outcome) => (held, Some(Ask::Done { id, outcome }), false),
                State::Dropped => (None, Some(Ask::Drop { id }), false),
                State::Granted => {
                    entry.state = State::Granted;
                    (held, None, true)
                }
                State::Asked(wait) => {
                    entry.state = State::Asked(wait);
                    (None, None, true)
                }
            };
            if !stays {
                self.entries.remove(&id);
            }
            let before = self.said / PING_EVERY;
            for ask in first.into_iter().chain(then) {
                self.send(socket, &ask);
            }
            if self.said / PING_EVERY > before {
                self.ping(now, socket);
            }
        }
    }

    fn on_answer(&mut self, now: Timestamp, answer: Answer) {
        match answer {
            Answer::Granted { id } => match self.entries.get_mut(&id) {
                Some(entry) if matches!(entry.state, State::Asked(_)) => {
                    (entry.state, entry.granted) = (State::Granted, now);
                    self.turns.push_back(Turn::Limiter(entry.who, limiter::Event::Granted(id)));
                }
                // It was taken back while this was on its way.
                Some(entry) if matches!(entry.state, State::Dropped) => {}
                None if id.as_u64() <= self.minted => {}
                _ => self.odd += 1,
            },
            Answer::Waiting { id, reason, left } => match self.entries.get_mut(&id) {
                Some(entry) if matches!(entry.state, State::Asked(_)) => {
                    let until = left.map(|left| now + Duration::from_millis(left));
                    entry.state = State::Asked(Some(Wait { reason, until }));
                    self.turns.push_back(Turn::Told(entry.who, id));
                }
                None if id.as_u64() > self.minted => self.odd += 1,
                _ => {}
            },
            Answer::Refused { id, why } => self.on_refused(id, why),
            Answer::Wrong { id: Some(id), why: Wrong::Unknown } => self.on_refused(id, Refused::Unknown),
            Answer::Wrong { .. } => self.odd += 1,
            Answer::Limiter { account, event } => {
                let who = if account == self.accounts[1] { Who::User } else { Who::Bot };
                match event {
                    // These have messages of their own.
                    limiter::Event::Granted(_) | limiter::Event::Refused(..) | limiter::Event::Expired(_) => {
                        self.odd += 1
                    }
                    event => self.turns.push_back(Turn::Limiter(who, event)),
                }
            }
            Answer::Pong { count } if count <= self.said => self.confirmed = self.confirmed.max(count),
            Answer::Pong { .. } => self.odd += 1,
        }
    }

    fn on_refused(&mut self, id: Ticket, why: Refused) {
        let Some(entry) = self.entries.get(&id) else { return };
        match entry.state {
            State::Asked(_) => {
                self.turns.push_back(Turn::Limiter(entry.who, limiter::Event::Refused(id, why)));
            }
            // The office knows it no more: there is nothing to take back.
            State::Dropped => {}
            // It has been sent, or its end is still to be told: what the office made of it does not matter.
            _ => return,
        }
        self.entries.remove(&id);
        self.to_say.remove(&id);
    }
}

/// Messages that may be on their way: some 300 KiB, which drivers take.
const AHEAD: u64 = 1_024;
/// So many messages are confirmed together.
const PING_EVERY: u64 = 256;
/// When nothing was heard for so long, it is asked whether the office is there.
const QUIET: Duration = Duration::from_secs(20);
/// How long that may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// Offices are near: waiting calls are not to wait a minute more.
const LONGEST_BACKOFF: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
