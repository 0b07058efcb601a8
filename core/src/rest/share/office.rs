//! The side that has the limiters.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::message::{Account, Answer, Ask, Wrong};
use crate::rest::limiter::{self, Event, Limiter, Outcome, Refused, Ticket};
use crate::rest::route::Route;
use crate::time::{Duration, Timestamp, soonest};

/// What an office assumes and holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Config {
    /// What each account's limiter assumes and holds. Every account may have so many invalid requests, and all count
    /// towards one address's 10,000: [`invalid`](limiter::Config::invalid) is 2,000 by default, less than a limiter's
    /// own, for four accounts.
    pub limits: limiter::Config,
    /// Accounts: a bot, a user, and nobody make three. The default is 4. At the bound the one that nobody has used for
    /// the longest time is forgotten, if that is an hour or more; else requests of a further one are
    /// [refused](Refused::Full).
    pub accounts: usize,
    /// Clients at once; a further one is not [let in](Office::join). The default is 64.
    pub clients: usize,
    /// Requests of one client, waiting and granted; a further one is [refused](Refused::Full). The default is 50,000,
    /// half of what a limiter takes.
    pub requests: usize,
    /// After how long a client is [dismissed](Told::Dismiss) of which nothing was heard. The default is 90 s;
    /// sessions say something every 20 s.
    pub patience: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            limits: limiter::Config { invalid: 2_000, ..limiter::Config::default() },
            accounts: 4,
            clients: 64,
            requests: 50_000,
            patience: Duration::from_secs(90),
        }
    }
}

/// Names a client of an office; never used twice.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ClientId(u64);

impl ClientId {
    /// The number as such, for logs and for the caller's own tables.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

/// What an office wants done.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Told {
    /// Send this to a client. One that cannot take it is to be cut off, and to [`leave`](Office::leave).
    Answer(ClientId, Answer),
    /// Cut this client off. It has left already.
    Dismiss(ClientId, Why),
}

/// Why a client is cut off.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Why {
    /// Nothing was heard of it for so long.
    #[error("nothing was heard for {0:?}")]
    Silent(Duration),
    /// It sent what no session sends, 16 times.
    #[error("it talks nonsense")]
    Nonsense,
}

/// Counts since the office was made.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Counters {
    /// Clients that were let in.
    pub joined: u64,
    /// Clients that were not.
    pub turned_away: u64,
    /// Clients that left, dismissed ones included.
    pub left: u64,
    /// Clients that were cut off.
    pub dismissed: u64,
    /// Requests under way that were taken over from before a connection was made.
    pub adopted: u64,
    /// Granted requests whose client left before it said what became of them.
    pub abandoned: u64,
    /// Asks that were refused because too many wait.
    pub full: u64,
    /// Messages that were none.
    pub unreadable: u64,
    /// Asks by a name that was in use.
    pub twice: u64,
    /// Asks about what was not there.
    pub unknown: u64,
    /// Accounts that were forgotten at the bound.
    pub forgotten: u64,
}

/// What an office has learned, for the next: see [`limiter::Saved`].
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Saved {
    /// Each account's limits.
    pub accounts: Vec<(Account, limiter::Saved)>,
}

/// Grants turns to several sessions: see [`share`](super).
///
/// It does no IO: whoever has the connections tells it who comes, what they say and who goes, and does what
/// [`poll`](Self::poll) says. What a call takes grows with the clients and accounts that there are, not with their
/// requests; but for [`leave`](Self::leave), which clears them away, and for telling what a request waits for, which
/// grows with those before it in its route.
///
/// Bounded by [`Config`]. What waits to be polled is bounded by what was asked since it was.
#[derive(Debug)]
pub struct Office {
    config: Config,
    now: Timestamp,
    minted: u64,
    clients: BTreeMap<ClientId, Client>,
    books: BTreeMap<Account, Books>,
    out: VecDeque<Told>,
    counters: Counters,
}

#[derive(Debug)]
struct Client {
    /// Its requests, by its names for them.
    requests: BTreeMap<Ticket, (Account, Ticket)>,
    /// Those that it has used: few, as there are.
    accounts: BTreeSet<Account>,
    heard: Timestamp,
    nonsense: u32,
}

/// One account's limits.
#[derive(Debug)]
struct Books {
    limiter: Limiter,
    /// Whose each ticket is, and its name there.
    owners: BTreeMap<Ticket, (ClientId, Ticket)>,
    used: Timestamp,
}

impl Office {
    /// An office that knows of no limit yet.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            config,
            now: Timestamp::ZERO,
            minted: 0,
            clients: BTreeMap::new(),
            books: BTreeMap::new(),
            out: VecDeque::new(),
            counters: Counters::default(),
        }
    }

    /// What was learned, for [`restore`](Self::restore). What is on its way counts as lost there, until its session
    /// tells of it.
    #[must_use]
    pub fn save(&self, now: Timestamp) -> Saved {
        let books = self.books.iter();
        Saved { accounts: books.map(|(account, books)| (*account, books.limiter.save(now))).collect() }
    }

    /// Takes over what an earlier office [saved](Self::save), `age` ago by the wall clock; if that is unknown, zero is
    /// safe. Accounts beyond the bound are left out, and counted as forgotten.
    pub fn restore(&mut self, now: Timestamp, saved: &Saved, age: Duration) {
        self.now = self.now.max(now);
        for (account, saved) in &saved.accounts {
            match self.open(*account) {
                Some(books) => books.limiter.restore(now, saved, age),
                None => self.counters.forgotten += 1,
            }
        }
    }

    /// Lets a client in; `None` if there are too many.
    pub fn join(&mut self, now: Timestamp) -> Option<ClientId> {
        self.now = self.now.max(now);
        if self.clients.len() >= self.config.clients {
            self.counters.turned_away += 1;
            return None;
        }
        self.counters.joined += 1;
        self.minted += 1;
        let id = ClientId(self.minted);
        let fresh =
            Client { requests: BTreeMap::new(), accounts: BTreeSet::new(), heard: self.now, nonsense: 0 };
        self.clients.insert(id, fresh);
        Some(id)
    }

    /// A client has gone: what it was granted counts as lost, what it waits for is not to be sent.
    pub fn leave(&mut self, now: Timestamp, client: ClientId) {
        self.now = self.now.max(now);
        let Some(gone) = self.clients.remove(&client) else { return };
        self.counters.left += 1;
        let mut accounts = Vec::new();
        for (account, ticket) in gone.requests.into_values() {
            let Some(books) = self.books.get_mut(&account) else { continue };
            books.owners.remove(&ticket);
            // A ticket that waits is not completed, and one that was completed is not there to be cancelled.
            if books.limiter.is_granted(ticket) {
                books.limiter.complete(self.now, ticket, &Outcome::Lost);
                self.counters.abandoned += 1;
            } else {
                books.limiter.cancel(self.now, ticket);
            }
            if !accounts.contains(&account) {
                accounts.push(account);
            }
        }
        for account in accounts {
            self.serve(account);
        }
    }

    /// A client said this.
    pub fn hear(&mut self, now: Timestamp, client: ClientId, text: &[u8]) {
        self.now = self.now.max(now);
        match serde_json::from_slice(text) {
            Ok(ask) => self.handle(now, client, ask),
            Err(_) => {
                self.counters.unreadable += 1;
                self.wrong(client, None, Wrong::Unreadable);
            }
        }
    }

    /// A client asks this. One that is not there is not answered.
    pub fn handle(&mut self, now: Timestamp, client: ClientId, ask: Ask) {
        self.now = self.now.max(now);
        let Some(from) = self.clients.get_mut(&client) else { return };
        from.heard = self.now;
        let ask = ask.tamed();
        match ask {
            Ask::Want { id, account, route } => {
                if let Some(ticket) = self.enter(client, id, account, &route, None) {
                    self.serve(account);
                    self.tell_wait(client, id, account, ticket);
                }
            }
            Ask::Held { id, account, route, age } => {
                let age = Duration::from_millis(age);
                if self.enter(client, id, account, &route, Some(age)).is_some() {
                    self.counters.adopted += 1;
                    self.serve(account);
                }
            }
            Ask::Done { id, outcome } => match self.granted(client, id) {
                Some((account, ticket)) => {
                    self.forget(client, id);
                    if let Some(books) = self.books.get_mut(&account) {
                        books.limiter.complete(self.now, ticket, &outcome);
                        self.serve(account);
                    }
                    // Until now: what the limiter said of this request was to reach its client.
                    if let Some(books) = self.books.get_mut(&account) {
                        books.owners.remove(&ticket);
                    }
                }
                None => self.unknown(client, id),
            },
            Ask::Again { id, outcome } => match self.granted(client, id) {
                Some((account, ticket)) => {
                    let Some(books) = self.books.get_mut(&account) else { return };
                    let requeued = books.limiter.requeue(self.now, ticket, &outcome);
                    self.serve(account);
                    match requeued {
                        Ok(()) => self.tell_wait(client, id, account, ticket),
                        Err(why) => {
                            self.forget(client, id);
                            if let Some(books) = self.books.get_mut(&account) {
                                books.owners.remove(&ticket);
                            }
                            self.answer(client, Answer::Refused { id, why });
                        }
                    }
                }
                None => self.unknown(client, id),
            },
            Ask::Drop { id } => match self.forget(client, id) {
                Some((account, ticket)) => {
                    if let Some(books) = self.books.get_mut(&account) {
                        books.owners.remove(&ticket);
                        books.limiter.cancel(self.now, ticket);
                        self.serve(account);
                    }
                }
                None => self.unknown(client, id),
            },
            Ask::Ping { count } => self.answer(client, Answer::Pong { count }),
        }
    }

    /// The next thing to do. Call it until it answers `None`, then again at the [`deadline`](Self::deadline) and after
    /// every other call.
    pub fn poll(&mut self, now: Timestamp) -> Option<Told> {
        self.now = self.now.max(now);
        if self.out.is_empty() {
            let due = |books: &Books| books.limiter.deadline().is_some_and(|at| at <= self.now);
            let due: Vec<Account> =
                self.books.iter().filter(|(_, books)| due(books)).map(|(account, _)| *account).collect();
            for account in due {
                self.serve(account);
            }
            let silent = |client: &Client| client.heard + self.config.patience <= self.now;
            let silent: Vec<ClientId> =
                self.clients.iter().filter(|(_, client)| silent(client)).map(|(id, _)| *id).collect();
            for client in silent {
                self.dismiss(client, Why::Silent(self.config.patience));
            }
        }
        self.out.pop_front()
    }

    /// When [`poll`](Self::poll) has something to do by itself. A time that has passed: at once.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        if !self.out.is_empty() {
            return Some(self.now);
        }
        let limits = self.books.values().filter_map(|books| books.limiter.deadline()).min();
        let silence = self.clients.values().map(|client| client.heard + self.config.patience).min();
        soonest(limits, silence)
    }

    /// An account's limiter, to look at.
    #[must_use]
    pub fn limiter(&self, account: Account) -> Option<&Limiter> {
        self.books.get(&account).map(|books| &books.limiter)
    }

    /// The clients that are there.
    #[must_use]
    pub fn clients(&self) -> usize {
        self.clients.len()
    }

    /// Requests that wait or are under way.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.books.values().map(|books| books.limiter.len()).sum()
    }

    /// Counts since it was made.
    #[must_use]
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// Takes a request in; `age` is how long it has been under way, if it is.
    fn enter(
        &mut self,
        client: ClientId,
        id: Ticket,
        account: Account,
        route: &Route,
        age: Option<Duration>,
    ) -> Option<Ticket> {
        let (now, most) = (self.now, self.config.requests);
        let from = self.clients.get(&client)?;
        if from.requests.contains_key(&id) {
            self.counters.twice += 1;
            self.wrong(client, Some(id), Wrong::Twice);
            return None;
        }
        let entered = match self.clients.get(&client).is_some_and(|from| from.requests.len() < most) {
            true => self.open(account).map_or(Err(Refused::Full), |books| match age {
                Some(age) => books.limiter.adopt(now, route, age),
                None => books.limiter.request(now, route),
            }),
            false => Err(Refused::Full),
        };
        match entered {
            Ok(ticket) => {
                if let Some(books) = self.books.get_mut(&account) {
                    books.owners.insert(ticket, (client, id));
                }
                if let Some(from) = self.clients.get_mut(&client) {
                    from.requests.insert(id, (account, ticket));
                    from.accounts.insert(account);
                }
                Some(ticket)
            }
            Err(why) => {
                self.counters.full += u64::from(why == Refused::Full);
                self.answer(client, Answer::Refused { id, why });
                None
            }
        }
    }

    /// The books of an account, new ones if there are none yet.
    fn open(&mut self, account: Account) -> Option<&mut Books> {
        if !self.books.contains_key(&account) && self.books.len() >= self.config.accounts.max(1) {
            let idle = self.books.iter().filter(|(_, books)| books.limiter.is_empty());
            let (oldest, used) =
                idle.map(|(account, books)| (*account, books.used)).min_by_key(|(_, used)| *used)?;
            if used + FORGET > self.now {
                return None;
            }
            self.books.remove(&oldest);
            self.counters.forgotten += 1;
        }
        let (now, limits) = (self.now, self.config.limits);
        let fresh = || Books { limiter: Limiter::new(limits), owners: BTreeMap::new(), used: now };
        let books = self.books.entry(account).or_insert_with(fresh);
        books.used = now;
        Some(books)
    }

    /// Tells what a limiter has to tell.
    fn serve(&mut self, account: Account) {
        let Some(books) = self.books.get_mut(&account) else { return };
        while let Some(event) = books.limiter.poll(self.now) {
            match event {
                Event::Granted(ticket) => match books.owners.get(&ticket) {
                    Some(&(client, id)) => {
                        self.out.push_back(Told::Answer(client, Answer::Granted { id }));
                    }
                    None => books.limiter.cancel(self.now, ticket),
                },
                Event::Refused(ticket, _) | Event::Expired(ticket) => {
                    let Some((client, id)) = books.owners.remove(&ticket) else { continue };
                    if let Some(from) = self.clients.get_mut(&client) {
                        from.requests.remove(&id);
                    }
                    // Of what has expired its client speaks again, if ever: then it is unknown.
                    if let Event::Refused(_, why) = event {
                        self.out.push_back(Told::Answer(client, Answer::Refused { id, why }));
                    }
                }
                Event::Limited { ticket, by, wait } => {
                    if let Some(&(client, id)) = books.owners.get(&ticket) {
                        let event = Event::Limited { ticket: id, by, wait };
                        self.out.push_back(Told::Answer(client, Answer::Limiter { account, event }));
                    }
                }
                event => {
                    let answer = Answer::Limiter { account, event };
                    let those = self.clients.iter().filter(|(_, client)| client.accounts.contains(&account));
                    self.out.extend(those.map(|(id, _)| Told::Answer(*id, answer.clone())));
                }
            }
        }
    }

    fn tell_wait(&mut self, client: ClientId, id: Ticket, account: Account, ticket: Ticket) {
        let Some(wait) = self.limiter(account).and_then(|limiter| limiter.wait(ticket)) else { return };
        let left = wait.until.map(|until| until.since(self.now));
        // Rounded up: a wait that is told is over when it is.
        let left = left.map(|left| u64::try_from(left.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX));
        self.answer(client, Answer::Waiting { id, reason: wait.reason, left });
    }

    fn granted(&self, client: ClientId, id: Ticket) -> Option<(Account, Ticket)> {
        let (account, ticket) = *self.clients.get(&client)?.requests.get(&id)?;
        self.books.get(&account)?.limiter.is_granted(ticket).then_some((account, ticket))
    }

    /// The client's name for a request is free.
    fn forget(&mut self, client: ClientId, id: Ticket) -> Option<(Account, Ticket)> {
        self.clients.get_mut(&client)?.requests.remove(&id)
    }

    fn unknown(&mut self, client: ClientId, id: Ticket) {
        self.counters.unknown += 1;
        self.answer(client, Answer::Wrong { id: Some(id), why: Wrong::Unknown });
    }

    /// What no session sends.
    fn wrong(&mut self, client: ClientId, id: Option<Ticket>, why: Wrong) {
        let Some(from) = self.clients.get_mut(&client) else { return };
        from.nonsense += 1;
        let ends = from.nonsense >= MOST_NONSENSE;
        self.answer(client, Answer::Wrong { id, why });
        if ends {
            self.dismiss(client, Why::Nonsense);
        }
    }

    fn dismiss(&mut self, client: ClientId, why: Why) {
        self.counters.dismissed += 1;
        self.out.push_back(Told::Dismiss(client, why));
        self.leave(self.now, client);
    }

    fn answer(&mut self, client: ClientId, answer: Answer) {
        self.out.push_back(Told::Answer(client, answer));
    }
}

/// Messages that no session sends, after which a client is cut off.
const MOST_NONSENSE: u32 = 16;
/// For how long an account must be unused before it may be forgotten: longer than any window that is known.
const FORGET: Duration = Duration::from_secs(3600);
