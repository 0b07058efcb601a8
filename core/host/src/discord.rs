//! What the adapters' REST clients share: what they are told, and how an answer finds whoever waits for it.

use std::collections::BTreeMap;
use std::env;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sanscord::machine::{Input, Log, Machine, Output, Progress, Response};
use sanscord::rest::api::BODY_LIMIT;
use sanscord::rest::session::{CallId, Config, Event, Session};
use sanscord::rest::{API_BASE, Api, Draft, Error};
use sanscord::secret::Token;
use sanscord::time::Timestamp;
use tracing::error;

use crate::{Network, SetupError, seed};

/// What a REST client is told.
#[derive(Clone)]
pub struct Options {
    token: Token,
    user: Token,
    base: String,
    body_limit: u64,
    name: Option<(String, String)>,
    network: Network,
    /// But for its API.
    config: Config,
}

impl Options {
    /// A bot with this token at Discord's own API.
    #[must_use]
    pub fn new(token: Token) -> Self {
        Self {
            token,
            user: Token::new(""),
            base: API_BASE.to_owned(),
            body_limit: BODY_LIMIT,
            name: None,
            network: Network::new(),
            config: Config::new(Api::anonymous(API_BASE)),
        }
    }

    /// What the environment says: `DISCORD_BOT_TOKEN`, `DISCORD_USER_TOKEN` and `DISCORD_API_BASE`, each where it is
    /// set and not empty. Proxies and further trusted roots it names too: see [`Network::new`].
    #[must_use]
    pub fn from_env() -> Self {
        let read = |name| env::var(name).unwrap_or_default();
        let mut options =
            Self::new(Token::new(&read("DISCORD_BOT_TOKEN"))).user(Token::new(&read("DISCORD_USER_TOKEN")));
        let base = read("DISCORD_API_BASE");
        if !base.trim().is_empty() {
            options = options.base(base.trim());
        }
        options
    }

    /// A user's token, for calls as the user, and for all where there is no bot's.
    #[must_use]
    pub fn user(mut self, token: Token) -> Self {
        self.user = token;
        self
    }

    /// The API's base URL, with its version: a proxy, another server.
    #[must_use]
    pub fn base(mut self, base: impl Into<String>) -> Self {
        self.base = base.into();
        self
    }

    /// The program's name and version, for the `User-Agent`.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>, version: impl Into<String>) -> Self {
        self.name = Some((name.into(), version.into()));
        self
    }

    /// How the network is reached.
    #[must_use]
    pub fn network(mut self, network: Network) -> Self {
        self.network = network;
        self
    }

    /// How long a call may take that says nothing itself, waiting and repeats included; 10 minutes if not given.
    #[must_use]
    pub const fn deadline(mut self, deadline: Duration) -> Self {
        self.config.deadline = deadline;
        self
    }

    /// How often a call is tried at most when the network or Discord fails; 5 if not given.
    #[must_use]
    pub const fn attempts(mut self, attempts: u32) -> Self {
        self.config.attempts = attempts;
        self
    }

    /// Requests a second over all routes, interactions' aside, as Discord grants them to this bot; 50 if not given.
    /// Large bots have more.
    #[must_use]
    pub const fn per_second(mut self, requests: u32) -> Self {
        self.config.limits.per_second = requests;
        self
    }

    /// The limits are those of an [`Office`](crate::Office) at this address, such as `ws://127.0.0.1:7071`: all clients
    /// that are sent there keep them together. While it cannot be reached, calls wait. What was said here of limits
    /// ([`per_second`](Self::per_second), [`invalid`](Self::invalid)) does not count then: the office has its own.
    #[must_use]
    pub fn limits_at(mut self, url: impl Into<String>) -> Self {
        let url = url.into();
        let whole = if url.contains("://") { url } else { format!("ws://{url}") };
        self.config.limits_at = Some(whole.into());
        self
    }

    /// Invalid requests (401, 403, 429) in 10 minutes at which no more are sent for a while; 5,000 if not given.
    /// Discord bans an address for 10,000: less is right where more than two processes share one.
    #[must_use]
    pub const fn invalid(mut self, requests: u32) -> Self {
        self.config.limits.invalid = requests;
        self
    }

    /// Calls at once, waiting ones included; more are refused. 100,000 if not given.
    #[must_use]
    pub const fn capacity(mut self, calls: usize) -> Self {
        self.config.capacity = calls;
        if self.config.limits.tickets < calls {
            self.config.limits.tickets = calls;
        }
        self
    }

    /// Bytes that a request may have at most, its files included; [`BODY_LIMIT`], 25 MiB, if not given. A file has a
    /// limit of its own, [`File::limit`](sanscord::rest::File::limit): guilds with boosts take more of both.
    #[must_use]
    pub const fn upload_limit(mut self, bytes: u64) -> Self {
        self.body_limit = bytes;
        self
    }

    /// How long one HTTP exchange may take that carries no file; 15 seconds if not given.
    #[must_use]
    pub fn exchange(mut self, time: Duration) -> Self {
        self.config.exchange = time;
        self.hold()
    }

    /// The same for one that carries files, or saves one; 5 minutes if not given.
    #[must_use]
    pub fn transfer(mut self, time: Duration) -> Self {
        self.config.transfer = time;
        self.hold()
    }

    /// A limiter that gave a request up while it lasts would grant too many.
    fn hold(mut self) -> Self {
        let longest = self.config.exchange.max(self.config.transfer);
        let limits = &mut self.config.limits;
        limits.hold = limits.hold.max(longest.saturating_mul(2));
        self
    }

    /// The machine, and how the network is reached.
    ///
    /// # Errors
    ///
    /// [`SetupError::Entropy`] if the operating system gives no randomness.
    pub fn into_desk(self) -> Result<(Desk, Network), SetupError> {
        let mut api =
            Api::new(&self.base, &self.token).with_user(&self.user).with_body_limit(self.body_limit);
        if let Some((name, version)) = &self.name {
            api = api.with_name(name, version);
        }
        let mut config = self.config;
        config.api = api;
        Ok((Desk::from_config(config)?, self.network))
    }
}

/// Hides the tokens, and a name and a password in the base URL.
impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("api", &Api::anonymous(&self.base))
            .field("name", &self.name)
            .field("network", &self.network)
            .finish_non_exhaustive()
    }
}

/// Takes an answer to whoever waits for it.
pub type Answer = Box<dyn FnOnce(Result<Response, Error>) + Send>;

/// Hears how far a call has come.
pub type Watch = Box<dyn FnMut(Progress) + Send>;

/// Who waits for a call's answer, and may stop to.
///
/// It knows at every moment what there is to be taken back: nothing yet, or which call.
#[derive(Clone, Debug, Default)]
pub struct Claim(Arc<Mutex<Stage>>);

#[derive(Debug, Default)]
enum Stage {
    /// The desk has not heard of it.
    #[default]
    Asked,
    Made(CallId),
    /// Nobody waits any more.
    Dropped,
}

impl Claim {
    /// Nobody waits any more. Answers with the call to take back; one that has not been made yet never will be.
    #[must_use]
    pub fn drop_call(&self) -> Option<CallId> {
        let mut stage = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *stage, Stage::Dropped) {
            Stage::Made(call) => Some(call),
            Stage::Asked | Stage::Dropped => None,
        }
    }

    /// Makes the call, if somebody still waits.
    fn make(&self, make: impl FnOnce() -> CallId) {
        let mut stage = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(*stage, Stage::Asked) {
            *stage = Stage::Made(make());
        }
    }
}

/// A session whose answers go to whoever waits for them; what is nobody's own it tells as events.
pub struct Desk {
    session: Session,
    waiting: BTreeMap<CallId, (Answer, Option<Watch>)>,
}

impl Desk {
    /// A desk in front of this session.
    #[must_use]
    pub const fn new(session: Session) -> Self {
        Self { session, waiting: BTreeMap::new() }
    }

    /// A desk in front of a new session of this configuration. If that does not say what time it is, it is that of
    /// the system: a driver is to be made next, which begins its clock then.
    ///
    /// # Errors
    ///
    /// [`SetupError::Entropy`] if the operating system gives no randomness.
    pub fn from_config(mut config: Config) -> Result<Self, SetupError> {
        if config.epoch.is_none() {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).ok();
            config.epoch = now.and_then(|now| u64::try_from(now.as_millis()).ok());
        }
        Ok(Self::new(Session::new(config, seed()?)))
    }

    /// Makes a call. `answer` is called once, on the driver's thread, unless the driver ends or the call is taken
    /// back before: then it is dropped.
    pub fn call(&mut self, now: Timestamp, draft: Draft, answer: Answer, watch: Option<Watch>) -> CallId {
        let call = self.session.call(now, draft);
        self.waiting.insert(call, (answer, watch));
        call
    }

    /// As [`call`](Self::call), for somebody who may have stopped to wait: then it is not made, and `answer` is
    /// dropped.
    pub fn call_for(
        &mut self,
        claim: &Claim,
        now: Timestamp,
        draft: Draft,
        answer: Answer,
        watch: Option<Watch>,
    ) {
        claim.make(|| self.call(now, draft, answer, watch));
    }

    /// Takes a call back.
    pub fn cancel(&mut self, now: Timestamp, call: CallId) {
        self.waiting.remove(&call);
        self.session.cancel(now, call);
    }

    /// Takes no more calls; those that are there go on to their end.
    pub fn stop(&mut self, now: Timestamp) {
        self.session.stop(now);
    }

    /// The API that it calls, without tokens.
    #[must_use]
    pub fn api(&self) -> Arc<Api> {
        Arc::new(Api::anonymous(self.session.api().base()))
    }

    /// The session.
    #[must_use]
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// The session.
    pub const fn session_mut(&mut self) -> &mut Session {
        &mut self.session
    }
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").field("session", &self.session).finish_non_exhaustive()
    }
}

impl Machine for Desk {
    type Event = Event;

    fn handle_input(&mut self, now: Timestamp, input: Input) {
        self.session.handle_input(now, input);
    }

    fn poll_output(&mut self) -> Output<Event> {
        loop {
            match self.session.poll_output() {
                Output::Event(Event::Done(call, result)) => match self.waiting.remove(&call) {
                    Some((answer, _)) => answer(result),
                    None => return Output::Event(Event::Done(call, result)),
                },
                Output::Event(Event::Progress(call, progress)) => {
                    let Some((_, watch)) = self.waiting.get_mut(&call) else { continue };
                    // All other calls are made on this thread too: they must outlive a panic of the user's.
                    let told = watch.as_mut().map(|watch| catch_unwind(AssertUnwindSafe(|| watch(progress))));
                    if matches!(told, Some(Err(_))) {
                        error!(%call, "what was told of a call's progress panicked: it is told no more");
                        *watch = None;
                    }
                }
                output => return output,
            }
        }
    }

    fn is_finished(&self) -> bool {
        self.session.is_finished()
    }

    fn log(event: &Event) -> Option<Log> {
        Session::log(event)
    }

    /// Calls tell of their waits and repeats whether anybody listens or not.
    fn may_be_dropped(event: &Event) -> bool {
        !matches!(event, Event::Stopped)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, channel};

    use bytes::Bytes;
    use sanscord::machine::{Method, Request};
    use sanscord::rest::Cause;

    use super::*;

    fn desk(options: impl FnOnce(Options) -> Options) -> Desk {
        options(Options::new(Token::new("token"))).into_desk().unwrap().0
    }

    fn call(desk: &mut Desk, draft: Draft) -> Receiver<Result<Response, Error>> {
        let (answer, answered) = channel();
        desk.call(Timestamp::ZERO, draft, Box::new(move |result| answer.send(result).unwrap()), None);
        answered
    }

    fn get(n: u32) -> Draft {
        Draft::new(Method::Get, format!("/channels/{n}"))
    }

    fn sent(desk: &mut Desk) -> Vec<Request> {
        let mut sent = Vec::new();
        loop {
            match desk.poll_output() {
                Output::SendRequest(_, request) => sent.push(request),
                Output::Event(_) => {}
                Output::Wait(_) => return sent,
                output => panic!("{output:?}"),
            }
        }
    }

    #[test]
    fn a_panic_of_who_watches_ends_nothing() {
        let mut desk = desk(|options| options);
        let (answer, answered) = channel();
        let (told, heard) = channel();
        let watch = Box::new(move |progress: Progress| {
            told.send(progress).unwrap();
            panic!("as a test wants it");
        });
        let answer = Box::new(move |result| answer.send(result).unwrap());
        desk.call(Timestamp::ZERO, get(1), answer, Some(watch));
        let mut ids = Vec::new();
        loop {
            match desk.poll_output() {
                Output::SendRequest(id, _) => ids.push(id),
                Output::Wait(_) => break,
                _ => {}
            }
        }
        let [id] = ids[..] else { panic!("{ids:?}") };
        for _ in 0..2 {
            desk.handle_input(Timestamp::ZERO, Input::Progress(id, Progress::default()));
            sent(&mut desk);
        }
        let response = Response { status: 200, headers: Vec::new(), body: Bytes::new() };
        desk.handle_input(Timestamp::ZERO, Input::Response(id, Ok(response)));
        sent(&mut desk);
        assert_eq!((heard.try_iter().count(), answered.try_iter().count()), (1, 1));
    }

    #[test]
    fn options_reach_the_session() {
        let mut few = desk(|options| options.per_second(2).exchange(Duration::from_secs(7)));
        let mut default = desk(|options| options);
        for n in 0..60 {
            call(&mut few, get(n));
            call(&mut default, get(n));
        }
        let (few, default) = (sent(&mut few), sent(&mut default));
        assert_eq!((few.len(), default.len()), (2, 50));
        let deadlines = [&few, &default].map(|sent| sent.first().unwrap().deadline);
        assert_eq!(deadlines, [Duration::from_secs(7), Duration::from_secs(15)]);

        let mut small = desk(|options| options.capacity(3));
        let answers: Vec<_> = (0..4).map(|n| call(&mut small, get(n))).collect();
        sent(&mut small);
        let ends: Vec<_> = answers.iter().map(|answer| answer.try_recv().ok()).collect();
        let [None, None, None, Some(Err(error))] = &ends[..] else { panic!("{ends:?}") };
        assert!(matches!(error.cause, Cause::Held(_)), "{error}");
        assert!(small.session().pending() == 3);
    }

    #[test]
    fn an_upload_limit_reaches_the_requests() {
        let channel = sanscord::id::ChannelId(5);
        for (options, limit) in [
            (Options::new(Token::new("t")), 25 << 20),
            (Options::new(Token::new("t")).upload_limit(7_000), 7_000),
        ] {
            let mut desk = options.into_desk().unwrap().0;
            call(&mut desk, channel.send("hi").into_draft());
            assert_eq!(sent(&mut desk).first().unwrap().body_limit, limit);
        }
    }

    #[test]
    fn options_show_no_secret() {
        let network = Network::new().proxy("http://user:secret@proxy:8080").unwrap();
        let options = Options::new(Token::new("secret"))
            .user(Token::new("secret"))
            .base("http://user:secret@host/api")
            .network(network);
        let mut shown = format!("{options:?}");
        let (desk, network) = options.into_desk().unwrap();
        shown.push_str(&format!("{desk:?} {network:?}"));
        assert!(!shown.contains("secret") && !shown.contains("ret@"), "{shown}");
        assert!(shown.contains("http://..@host/api") && shown.contains("http://proxy:8080"), "{shown}");
    }

    #[test]
    fn a_longer_transfer_is_waited_for() {
        let hour = Duration::from_secs(3600);
        let options = Options::new(Token::new("")).transfer(hour).capacity(200_000).invalid(9);
        let limits = options.config.limits;
        assert!(limits.hold > hour);
        assert_eq!((limits.tickets, limits.invalid), (200_000, 9));
        let limits = Options::new(Token::new("")).transfer(Duration::from_secs(1)).capacity(3).config.limits;
        assert_eq!((limits.hold, limits.tickets), (Duration::from_secs(900), 100_000));
    }

    #[test]
    fn a_call_that_nobody_waits_for_is_not_made() {
        let mut desk = desk(|options| options);
        let claim = Claim::default();
        desk.call_for(&claim, Timestamp::ZERO, get(1), Box::new(|_| {}), None);
        assert_eq!(desk.session().pending(), 1);
        let made = claim.drop_call().unwrap();
        assert_eq!(claim.drop_call(), None);
        desk.cancel(Timestamp::ZERO, made);
        assert_eq!(desk.session().pending(), 0);
        let claim = Claim::default();
        assert_eq!(claim.drop_call(), None);
        desk.call_for(&claim, Timestamp::ZERO, get(1), Box::new(|_| panic!("nobody waits")), None);
        assert_eq!(desk.session().pending(), 0);
    }
}
