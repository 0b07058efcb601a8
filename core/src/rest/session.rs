//! Makes calls: in their turn, again where that is safe, and never beyond their time.
//!
//! | what comes | what follows |
//! |---|---|
//! | 2xx | [`Event::Done`] |
//! | 202 with Discord's code 110000: the search index is not ready | again, when the answer says |
//! | 429 | again, at the head of its queue, when the limit ends |
//! | 5xx, a lost connection, no answer in time | again with back-off, if a repeat does no harm ([`Draft::is_repeatable`]) |
//! | no connection | again with back-off |
//! | 429 of another host than the API's, where a file may be | again, when it says |
//! | anything else | [`Event::Done`] with the error |
//!
//! A call whose wait is known to end after its time fails at once, and says what it would have waited for.
//!
//! Requests of one route are sent in the order of their calls, as many at once as its limit has left; connections may
//! carry one past another, and what failed is tried again behind those that came later; a 429 alone changes no order.
//! Who wants two messages in order waits for the first. As many are under way as drivers send at once
//! ([`AT_ONCE`], [`TRANSFERS`]): the others wait here, in their order. A DELETE that is repeated after its
//! answer was lost may find nothing left: 404 is then what a success looks like. A message whose answer was lost is
//! repeated for two minutes at most: after that Discord might not know its nonce any more.
//!
//! Bot and user have limits of their own, and so has each a limiter; what goes to another host has none. Limiters that
//! several processes share are asked over a WebSocket: see [`share`](crate::rest::share).

mod config;
mod event;
mod line;
mod turns;

pub use config::Config;
pub use event::{CallId, Event};

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};

use serde::Deserialize;

use crate::backoff;
use crate::entropy::Entropy;
use crate::machine::{
    AT_ONCE, Body, Fault, Input, Log, Machine, Output, RequestId, Response, Scope, TRANSFERS, Unanswered,
};
use crate::outbox::Outbox;
use crate::rest::api::Api;
use crate::rest::draft::{Draft, Identity, is_url};
use crate::rest::error::RestError;
use crate::rest::failure::{Cause, Error};
use crate::rest::limiter::{self, Limiter, Limits, Outcome, Refused, Ticket, Wait};
use crate::rest::route::Route;
use crate::time::{Duration, Timestamp, soonest};

use turns::{Turn, Turns, Who};

#[derive(Debug)]
struct Job {
    draft: Draft,
    route: Route,
    limit: Duration,
    deadline: Timestamp,
    /// Tries that have failed, limits aside.
    failed: u32,
    /// When it was first known that it may have been carried out, though no answer came.
    doubt: Option<Timestamp>,
    /// Whose limits hold; `None` if it goes to another host.
    who: Option<Who>,
    stage: Stage,
}

impl Job {
    /// Whether a repeat does no harm only as long as Discord knows the nonce.
    fn relies_on_nonce(&self) -> bool {
        !self.draft.method().is_idempotent() && self.draft.field("nonce").is_some()
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    /// The limiter has it.
    Queued(Ticket),
    /// It is on its way, with a ticket where there are limits.
    Sent(Option<Ticket>, RequestId),
    /// It is asked for again at this time.
    Resting(Timestamp),
}

/// Makes calls of one API: see the [module](self).
///
/// Bounds: [`Config::capacity`] calls; the [`Limiter`] has its own.
#[derive(Debug)]
pub struct Session {
    config: Config,
    turns: Turns,
    entropy: Entropy,
    scope: Scope,
    now: Timestamp,
    minted: u64,
    jobs: BTreeMap<CallId, Job>,
    tickets: BTreeMap<(Who, Ticket), CallId>,
    requests: BTreeMap<RequestId, CallId>,
    /// Those that [may last](Draft::is_transfer).
    transfers: BTreeSet<RequestId>,
    /// Deadlines and ends of rests.
    timers: BTreeSet<(Timestamp, CallId)>,
    out: Outbox<Event>,
    is_stopped: bool,
    is_over: bool,
}

impl Session {
    /// A session that has learned nothing yet. The seed is for what must not be foreseen, and for back-off.
    #[must_use]
    pub fn new(config: Config, seed: [u8; 32]) -> Self {
        Self::with_scope(config, seed, Scope::new(0))
    }

    /// The same as part of a composition.
    #[must_use]
    pub fn with_scope(config: Config, seed: [u8; 32], scope: Scope) -> Self {
        Self {
            turns: Turns::new(&config),
            config,
            entropy: Entropy::new(seed),
            scope,
            now: Timestamp::ZERO,
            minted: 0,
            jobs: BTreeMap::new(),
            tickets: BTreeMap::new(),
            requests: BTreeMap::new(),
            transfers: BTreeSet::new(),
            timers: BTreeSet::new(),
            out: Outbox::new(),
            is_stopped: false,
            is_over: false,
        }
    }

    /// The API that it calls.
    #[must_use]
    pub const fn api(&self) -> &Api {
        &self.config.api
    }

    /// Replaces the tokens, and with them what was refused because of them; what is under way goes on.
    pub fn set_api(&mut self, now: Timestamp, api: Api) {
        self.tick(now);
        self.config.api = api;
        self.turns.token_changed(self.now, &self.config.api);
    }

    /// The bot's limiter, to look at or to save; `None` if an office [has it](Config::limits_at).
    #[must_use]
    pub const fn limiter(&self) -> Option<&Limiter> {
        match &self.turns {
            Turns::Own(own) => Some(&own.bot),
            Turns::Elsewhere(_) => None,
        }
    }

    /// The bot's limiter, to restore what another process learned.
    pub const fn limiter_mut(&mut self) -> Option<&mut Limiter> {
        match &mut self.turns {
            Turns::Own(own) => Some(&mut own.bot),
            Turns::Elsewhere(_) => None,
        }
    }

    /// The limiter of what shows the user's token, if no office has it.
    #[must_use]
    pub const fn user_limiter(&self) -> Option<&Limiter> {
        match &self.turns {
            Turns::Own(own) => Some(&own.user),
            Turns::Elsewhere(_) => None,
        }
    }

    /// The same, to restore what another process learned.
    pub const fn user_limiter_mut(&mut self) -> Option<&mut Limiter> {
        match &mut self.turns {
            Turns::Own(own) => Some(&mut own.user),
            Turns::Elsewhere(_) => None,
        }
    }

    /// Messages of an office that made no sense.
    #[must_use]
    pub const fn odd_answers(&self) -> u64 {
        match &self.turns {
            Turns::Own(_) => 0,
            Turns::Elsewhere(line) => line.odd(),
        }
    }

    /// Calls that have not come to their end.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.jobs.len()
    }

    /// What a call waits for, if it waits for a limit; with an office, as that said when it was asked.
    #[must_use]
    pub fn wait(&self, call: CallId) -> Option<Wait> {
        let job = self.jobs.get(&call)?;
        match (job.stage, job.who?) {
            (Stage::Queued(ticket), who) => self.turns.wait(who, ticket),
            (Stage::Sent(..) | Stage::Resting(_), _) => None,
        }
    }

    /// Makes a call. Whatever becomes of it is told by [`Event::Done`].
    pub fn call(&mut self, now: Timestamp, draft: impl Into<Draft>) -> CallId {
        self.tick(now);
        let mut draft = draft.into();
        draft.mint_nonce(u64::from_le_bytes(self.entropy.bytes()));
        self.minted += 1;
        let call = CallId(self.minted);
        if let Err(cause) = self.admit(call, &draft) {
            self.out.event(Event::Done(call, Err(Error::new(&draft, cause))));
        }
        call
    }

    fn admit(&mut self, call: CallId, draft: &Draft) -> Result<(), Cause> {
        if self.is_stopped {
            return Err(Cause::Ended);
        }
        // What cannot be sent costs no turn.
        self.config.api.request(draft, BOUNDARY).map_err(Cause::Invalid)?;
        if self.jobs.len() >= self.config.capacity {
            return Err(Cause::Held(format!("{} calls are waiting already", self.jobs.len())));
        }
        let limit = draft.time_limit().unwrap_or(self.config.deadline);
        let deadline = self.now + limit;
        let route = self.route(draft);
        let who = match is_url(draft.path()) {
            true => None,
            false if self.config.api.is_users(draft.identity) => Some(Who::User),
            false => Some(Who::Bot),
        };
        let stage = match who {
            None => Stage::Resting(self.now),
            Some(who) => {
                let now = self.now;
                let ticket = self.turns.request(now, who, &route);
                let ticket = ticket.map_err(|why| Cause::Held(why.to_string()))?;
                self.tickets.insert((who, ticket), call);
                Stage::Queued(ticket)
            }
        };
        self.timers.insert((deadline, call));
        let draft = draft.clone();
        self.jobs.insert(call, Job { draft, route, limit, deadline, failed: 0, doubt: None, who, stage });
        if who.is_none() {
            self.send(call, None);
        }
        self.grant();
        self.tell_wait(call);
        Ok(())
    }

    /// Takes a call back. No event follows. What was sent may be carried out.
    pub fn cancel(&mut self, now: Timestamp, call: CallId) {
        self.tick(now);
        self.remove(call);
        self.end_if_over();
    }

    /// Takes no more calls; those that are there go on to their end, which [`Event::Stopped`] tells.
    pub fn stop(&mut self, now: Timestamp) {
        self.tick(now);
        self.is_stopped = true;
        self.end_if_over();
    }

    fn tick(&mut self, now: Timestamp) {
        self.now = self.now.max(now);
    }

    fn route(&self, draft: &Draft) -> Route {
        let route = Route::new(draft.method(), draft.path());
        let route = if draft.identity == Identity::Nobody { route.without_token() } else { route };
        let message = draft.path().rsplit('/').next().and_then(|id| id.parse::<u64>().ok());
        match (self.config.epoch, message) {
            (Some(epoch), Some(message)) => {
                let sent = (message >> 22) + DISCORD_EPOCH;
                let now = epoch + self.now.since_origin().as_millis() as u64;
                route.with_message_age(Duration::from_millis(now.saturating_sub(sent)))
            }
            _ => route,
        }
    }

    /// Forgets a call, wherever it is.
    fn remove(&mut self, call: CallId) -> Option<Job> {
        let job = self.jobs.remove(&call)?;
        self.timers.remove(&(job.deadline, call));
        let now = self.now;
        match (job.stage, job.who) {
            (Stage::Queued(ticket), Some(who)) => {
                self.tickets.remove(&(who, ticket));
                self.turns.cancel(now, who, ticket);
            }
            (Stage::Queued(_), None) => {}
            (Stage::Sent(ticket, request), who) => {
                self.sent(request);
                if let (Some(ticket), Some(who)) = (ticket, who) {
                    self.turns.complete(now, who, ticket, &Outcome::Lost);
                }
                self.out.push(Output::CancelRequest(request));
            }
            (Stage::Resting(until), _) => {
                self.timers.remove(&(until, call));
            }
        }
        Some(job)
    }

    fn fail(&mut self, call: CallId, cause: Cause) {
        if let Some(job) = self.remove(call) {
            self.out.event(Event::Done(call, Err(Error::new(&job.draft, cause))));
            self.end_if_over();
        }
    }

    fn end_if_over(&mut self) {
        if self.is_stopped && self.jobs.is_empty() && !self.is_over {
            self.is_over = true;
            self.turns.end(self.now);
            self.out.event(Event::Stopped);
        }
    }

    /// Sends what is granted.
    fn grant(&mut self) {
        let now = self.now;
        while let Some(turn) = self.turns.poll(now) {
            match turn {
                Turn::Limiter(who, limiter::Event::Granted(ticket)) => {
                    match self.tickets.remove(&(who, ticket)) {
                        Some(call) if self.has_room(call) => self.send(call, Some((who, ticket))),
                        Some(call) => self.again(call, who, ticket, &Outcome::Unsent),
                        None => self.turns.cancel(now, who, ticket),
                    }
                }
                Turn::Limiter(who, limiter::Event::Refused(ticket, why)) => {
                    if let Some(call) = self.tickets.remove(&(who, ticket)) {
                        // Its ticket is void: there is nothing to give back.
                        self.finish(call, Cause::Held(why.to_string()));
                    }
                }
                // The request is still under way; its own deadline ends it.
                Turn::Limiter(_, limiter::Event::Expired(_)) => {}
                Turn::Limiter(_, event) => self.out.event(Event::Limiter(event)),
                Turn::Told(who, ticket) => {
                    if let Some(&call) = self.tickets.get(&(who, ticket)) {
                        self.tell_wait(call);
                    }
                }
                Turn::Found => self.out.event(Event::OfficeFound),
                Turn::Lost { why, after } => self.out.event(Event::OfficeLost { why, after }),
            }
        }
    }

    fn send(&mut self, call: CallId, ticket: Option<(Who, Ticket)>) {
        let boundary = format!("{:032x}", u128::from_le_bytes(self.entropy.bytes()));
        let now = self.now;
        let Some(job) = self.jobs.get_mut(&call) else { return };
        if job.relies_on_nonce() && job.doubt.is_some_and(|since| now.since(since) > NONCE) {
            self.fail(call, Cause::Unanswered(Unanswered::new(Fault::Lost, FORGOTTEN)));
            return;
        }
        match self.config.api.request(&job.draft, &boundary) {
            Ok(mut request) => {
                let is_transfer = job.draft.is_transfer();
                let has_much = matches!(&request.body, Body::Bytes(body) if body.len() > MUCH);
                let most = match (is_transfer || has_much || job.who.is_none(), job.draft.time_limit()) {
                    (true, Some(limit)) => limit,
                    (true, None) => self.config.transfer,
                    (false, _) => self.config.exchange,
                };
                // A driver that is late by its own clock must not outlive the call.
                request.deadline = job.deadline.since(now).min(most).max(Duration::from_millis(1));
                let id = self.scope.request();
                job.stage = Stage::Sent(ticket.map(|(_, ticket)| ticket), id);
                self.requests.insert(id, call);
                if is_transfer {
                    self.transfers.insert(id);
                }
                self.out.push(Output::SendRequest(id, request));
            }
            Err(invalid) => self.fail(call, Cause::Invalid(invalid)),
        }
    }

    /// Tells what a call has to wait for; a wait that outlasts its time ends it.
    fn tell_wait(&mut self, call: CallId) {
        let Some(job) = self.jobs.get(&call) else { return };
        let Some(wait) = self.wait(call) else { return };
        if wait.until.is_some_and(|until| until > job.deadline) {
            let waiting = describe(&wait, self.now);
            let cause = Cause::Deadline { limit: job.limit, waiting, sent: job.doubt.is_some() };
            self.fail(call, cause);
            return;
        }
        let request = job.draft.to_string().into();
        self.out.event(Event::Waiting { call, request, wait });
    }

    fn on_response(&mut self, id: RequestId, answer: Result<Response, Unanswered>) {
        let Some(call) = self.sent(id) else { return };
        let Some(job) = self.jobs.get(&call) else { return };
        let Stage::Sent(ticket, _) = job.stage else { return };
        let (now, ticket) = (self.now, job.who.zip(ticket));
        match answer {
            Ok(response) => {
                if let Some((who, ticket)) = ticket {
                    let limits = Limits::read(&response);
                    if response.status == 429 {
                        self.again(call, who, ticket, &Outcome::Answered(limits));
                        return;
                    }
                    self.turns.complete(now, who, ticket, &Outcome::Answered(limits));
                }
                match response.status {
                    202 if let Some(after) = not_ready(&response) => {
                        self.rest(call, after, "the search index is not ready".into());
                    }
                    429 => {
                        let error = RestError::new(&response);
                        self.retry_sent(call, false, Cause::Discord(Box::new(error)));
                    }
                    200..300 => self.done(call, Ok(response)),
                    500.. => {
                        let error = RestError::new(&response);
                        self.retry(call, error.is_transient(), Cause::Discord(Box::new(error)));
                    }
                    _ => {
                        let error = RestError::new(&response);
                        self.finish(call, Cause::Discord(Box::new(error)));
                    }
                }
            }
            Err(unanswered) => {
                let sent = !matches!(unanswered.fault, Fault::Unsent | Fault::Tls | Fault::Local);
                if let Some((who, ticket)) = ticket {
                    match sent {
                        true => self.turns.complete(now, who, ticket, &Outcome::Lost),
                        false => self.turns.cancel(now, who, ticket),
                    }
                }
                let hopeless = matches!(unanswered.fault, Fault::Tls | Fault::Local | Fault::TooLong);
                if hopeless {
                    self.finish(call, Cause::Unanswered(unanswered));
                } else {
                    self.retry_sent(call, sent, Cause::Unanswered(unanswered));
                }
            }
        }
    }

    /// It takes its old place: a limit was not foreseen, or could not be, or there is no room to send it.
    fn again(&mut self, call: CallId, who: Who, ticket: Ticket, outcome: &Outcome) {
        let now = self.now;
        let Some(job) = self.jobs.get_mut(&call) else { return };
        let requeued = match self.turns.requeue(now, who, ticket, outcome) {
            Ok(()) => Ok(ticket),
            // It took longer than a ticket is held.
            Err(Refused::Unknown) => self.turns.request(now, who, &job.route),
            Err(why) => Err(why),
        };
        match requeued {
            Ok(ticket) => {
                job.stage = Stage::Queued(ticket);
                self.tickets.insert((who, ticket), call);
                if *outcome != Outcome::Unsent {
                    self.tell_wait(call);
                }
            }
            Err(why) => self.finish(call, Cause::Held(why.to_string())),
        }
    }

    /// Whether a driver has room for what is granted. What waited in a driver would be counted when nobody expects
    /// it.
    fn has_room(&self, call: CallId) -> bool {
        let Some(job) = self.jobs.get(&call) else { return true };
        match job.draft.is_transfer() {
            true => self.transfers.len() < TRANSFERS,
            false => self.requests.len() - self.transfers.len() < AT_ONCE,
        }
    }

    /// A request is not under way any more.
    fn sent(&mut self, request: RequestId) -> Option<CallId> {
        self.transfers.remove(&request);
        self.requests.remove(&request)
    }

    fn retry(&mut self, call: CallId, transient: bool, cause: Cause) {
        if transient { self.retry_sent(call, true, cause) } else { self.finish(call, cause) }
    }

    /// Tries again later, if that does no harm and tries are left.
    fn retry_sent(&mut self, call: CallId, sent: bool, cause: Cause) {
        let now = self.now;
        let Some(job) = self.jobs.get_mut(&call) else { return };
        job.failed += 1;
        if sent {
            job.doubt.get_or_insert(now);
        }
        if (sent && !job.draft.is_repeatable()) || job.failed >= self.config.attempts {
            self.finish(call, cause);
            return;
        }
        let after = match &cause {
            Cause::Discord(error) => error.retry_after,
            _ => None,
        };
        let after = after.unwrap_or_else(|| backoff::delay(job.failed, &mut self.entropy));
        if self.now + after > job.deadline {
            self.finish(call, cause);
            return;
        }
        self.rest(call, after, cause.to_string().into());
    }

    fn rest(&mut self, call: CallId, after: Duration, why: Box<str>) {
        let until = self.now + after;
        let Some(job) = self.jobs.get_mut(&call) else { return };
        if until > job.deadline {
            let waiting = format!("{why}, for {after:?} more");
            let cause = Cause::Deadline { limit: job.limit, waiting, sent: job.doubt.is_some() };
            self.finish(call, cause);
            return;
        }
        job.stage = Stage::Resting(until);
        let (request, attempt) = (job.draft.to_string().into(), job.failed);
        self.timers.insert((until, call));
        self.out.event(Event::Retrying { call, request, attempt, after, why });
    }

    /// Ends a call whose ticket is done with.
    fn finish(&mut self, call: CallId, cause: Cause) {
        if let Some(job) = self.jobs.get(&call) {
            let error = Error::new(&job.draft, cause);
            self.done(call, Err(error));
        }
    }

    fn done(&mut self, call: CallId, answer: Result<Response, Error>) {
        if let Some(job) = self.jobs.remove(&call) {
            self.timers.remove(&(job.deadline, call));
        }
        self.out.event(Event::Done(call, answer));
        self.end_if_over();
    }

    fn on_timer(&mut self, call: CallId) {
        let Some(job) = self.jobs.get_mut(&call) else { return };
        if job.deadline <= self.now {
            let (limit, stage) = (job.limit, job.stage);
            let sent = job.doubt.is_some() || matches!(stage, Stage::Sent(..));
            let waiting = match stage {
                Stage::Queued(_) => {
                    self.wait(call).map_or_else(|| "its turn".to_string(), |wait| describe(&wait, self.now))
                }
                Stage::Sent(..) => "the answer".to_string(),
                Stage::Resting(_) => "another try".to_string(),
            };
            let cause = Cause::Deadline { limit, waiting, sent };
            self.fail(call, cause);
            return;
        }
        if !matches!(job.stage, Stage::Resting(until) if until <= self.now) {
            return;
        }
        let Some(who) = job.who else {
            self.send(call, None);
            return;
        };
        match self.turns.request(self.now, who, &job.route) {
            Ok(ticket) => {
                job.stage = Stage::Queued(ticket);
                self.tickets.insert((who, ticket), call);
                self.grant();
                self.tell_wait(call);
            }
            Err(why) => self.finish(call, Cause::Held(why.to_string())),
        }
    }

    fn on_time(&mut self) {
        while let Some(&(at, call)) = self.timers.first()
            && at <= self.now
        {
            self.timers.pop_first();
            self.on_timer(call);
        }
    }
}

impl Machine for Session {
    type Event = Event;

    fn handle_input(&mut self, now: Timestamp, input: Input) {
        self.tick(now);
        match input {
            Input::Response(id, answer) => self.on_response(id, answer),
            Input::Progress(id, progress) => {
                if let Some(&call) = self.requests.get(&id) {
                    self.out.event(Event::Progress(call, progress));
                }
            }
            Input::Opened(_) | Input::Frame(..) | Input::Closed(..) => {
                self.turns.handle_input(self.now, input, &mut self.entropy);
            }
            Input::Timeout | Input::File(..) | Input::Source(..) => {}
        }
        self.on_time();
    }

    fn poll_output(&mut self) -> Output<Event> {
        self.on_time();
        self.grant();
        if let Some(output) = self.out.pop() {
            return output;
        }
        if let Some(output) = self.turns.poll_output(self.now, &mut self.scope, &mut self.entropy) {
            return output;
        }
        let timer = self.timers.first().map(|(at, _)| *at);
        Output::Wait(soonest(timer, self.turns.deadline(self.now)))
    }

    fn is_finished(&self) -> bool {
        self.is_over && self.out.is_empty() && self.turns.is_drained()
    }

    fn log(event: &Event) -> Option<Log> {
        event.log()
    }
}

/// What a call waits for, for a human.
fn describe(wait: &Wait, now: Timestamp) -> String {
    match wait.until {
        Some(until) => format!("{wait}, for {:?} more", until.since(now)),
        None => wait.to_string(),
    }
}

/// How long to wait until the search index is ready (discord-api-docs, Search Guild Messages); `None` if the answer
/// does not say that it is not.
fn not_ready(response: &Response) -> Option<Duration> {
    #[derive(Deserialize)]
    struct NotReady {
        code: u64,
        #[serde(default)]
        retry_after: Option<f64>,
    }
    let answer: NotReady = serde_json::from_slice(&response.body).ok()?;
    if answer.code != NOT_READY {
        return None;
    }
    let after = Duration::try_from_secs_f64(answer.retry_after.unwrap_or(0.0)).unwrap_or(SOON);
    Some(if after.is_zero() { SOON } else { after })
}

/// Discord's code: the index is not yet available.
const NOT_READY: u64 = 110_000;
/// "A short delay" (discord-api-docs, Search Guild Messages).
const SOON: Duration = Duration::from_secs(2);
/// 2015-01-01, in milliseconds of Unix time (discord-api-docs, Reference, Snowflakes).
const DISCORD_EPOCH: u64 = 1_420_070_400_000;
/// For how long a nonce is relied upon: Discord speaks of "a few minutes" (discord-api-docs, Create Message).
const NONCE: Duration = Duration::from_secs(120);
const FORGOTTEN: &str = "an earlier try may have been carried out, and it is too late to repeat it safely";
/// Bytes of a body that may need more time than an exchange has: pictures go as text.
const MUCH: usize = 64 << 10;
/// For a trial that is not sent.
const BOUNDARY: &str = "0123456789abcdef";

#[cfg(test)]
mod tests;
