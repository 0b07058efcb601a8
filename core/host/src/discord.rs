//! What the adapters' REST clients share: what they are told, and how an answer finds whoever waits for it.

use std::collections::BTreeMap;
use std::env;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sanscord::machine::{Input, Log, Machine, Output, Progress, Response};
use sanscord::rest::session::{CallId, Config, Event, Session};
use sanscord::rest::{API_BASE, Api, Draft, Error};
use sanscord::secret::Token;
use sanscord::time::Timestamp;

use crate::{Network, SetupError, seed};

/// What a REST client is told.
#[derive(Clone, Debug)]
pub struct Options {
    token: Token,
    user: Token,
    base: String,
    name: Option<(String, String)>,
    network: Network,
    deadline: Option<Duration>,
    attempts: Option<u32>,
}

impl Options {
    /// A bot with this token at Discord's own API.
    #[must_use]
    pub fn new(token: Token) -> Self {
        Self {
            token,
            user: Token::new(""),
            base: API_BASE.to_owned(),
            name: None,
            network: Network::new(),
            deadline: None,
            attempts: None,
        }
    }

    /// What the environment says: `DISCORD_BOT_TOKEN`, `DISCORD_USER_TOKEN` and `DISCORD_API_BASE`, each where it is
    /// set and not empty.
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
        self.deadline = Some(deadline);
        self
    }

    /// How often a call is tried at most when the network or Discord fails; 5 if not given.
    #[must_use]
    pub const fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = Some(attempts);
        self
    }

    /// The machine, and how the network is reached.
    ///
    /// # Errors
    ///
    /// [`SetupError::Entropy`] if the operating system gives no randomness.
    pub fn into_desk(self) -> Result<(Desk, Network), SetupError> {
        let mut api = Api::new(&self.base, &self.token).with_user(&self.user);
        if let Some((name, version)) = &self.name {
            api = api.with_name(name, version);
        }
        let mut config = Config::new(api);
        config.deadline = self.deadline.unwrap_or(config.deadline);
        config.attempts = self.attempts.unwrap_or(config.attempts);
        // Drivers begin their clock when they are made, which is next.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok();
        config.epoch = now.and_then(|now| u64::try_from(now.as_millis()).ok());
        Ok((Desk::new(Session::new(config, seed()?)), self.network))
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
                    if let Some((_, Some(watch))) = self.waiting.get_mut(&call) {
                        watch(progress);
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
