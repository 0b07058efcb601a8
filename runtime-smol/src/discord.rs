//! Discord's REST API: `discord.call(request).await`.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, Stream};
use sanscord::machine::{Progress, Response};
use sanscord::rest::session::Event;
use sanscord::rest::{Api, Call, Cause, Draft, Endpoint, Error, Step, Task, task};
use sanscord_host::discord::{Answer, Claim, Desk, Options, Watch};
use smol::channel::bounded;

use crate::{Events, Handle, Network, SetupError, start};

/// Makes calls of Discord's REST API. Cheap to clone; it ends with its last clone.
///
/// Calls wait for limits and are repeated where that is safe: see
/// [`Session`](sanscord::rest::session::Session). A call whose future is dropped is taken back: it is not sent if it
/// has not been yet.
#[derive(Clone, Debug)]
pub struct Discord {
    handle: Handle<Desk>,
    /// Without tokens.
    api: Arc<Api>,
}

impl Discord {
    /// A client with the tokens of the environment: see [`Options::from_env`].
    ///
    /// # Errors
    ///
    /// As with [`new`](Self::new).
    pub fn from_env() -> Result<Self, SetupError> {
        Self::new(Options::from_env())
    }

    /// A client. Its driver is spawned on smol's global executor.
    ///
    /// # Errors
    ///
    /// [`SetupError`] if TLS cannot be set up.
    pub fn new(options: Options) -> Result<Self, SetupError> {
        Self::with_events(options).map(|(discord, _)| discord)
    }

    /// A client, and what it tells beside answers: waits, repeats, why requests are held.
    ///
    /// # Errors
    ///
    /// As with [`new`](Self::new).
    pub fn with_events(options: Options) -> Result<(Self, Events<Event>), SetupError> {
        let (desk, network) = options.into_desk()?;
        Self::with_desk(desk, network)
    }

    /// A client in front of a session of one's own making: with a configuration that [`Options`] have no word for
    /// ([`Desk::from_config`]), or with limits that another process has learned.
    ///
    /// # Errors
    ///
    /// As with [`new`](Self::new).
    pub fn with_desk(desk: Desk, network: Network) -> Result<(Self, Events<Event>), SetupError> {
        let api = desk.api();
        let (driver, handle, events) = start(desk, network)?;
        smol::spawn(driver.run()).detach();
        Ok((Self { handle, api }, events))
    }

    /// Makes a call.
    ///
    /// # Errors
    ///
    /// [`Error`] says which call came to nothing, why, and what can be done.
    pub async fn call<E: Endpoint>(&self, call: Call<E>) -> Result<E::Answer, Error> {
        self.watch(call, None).await
    }

    /// As [`call`](Self::call); `watch` hears how far the upload or download has come, in the driver's task.
    ///
    /// # Errors
    ///
    /// As with [`call`](Self::call).
    pub async fn call_with<E: Endpoint>(
        &self,
        call: Call<E>,
        watch: impl FnMut(Progress) + Send + 'static,
    ) -> Result<E::Answer, Error> {
        self.watch(call.with_progress(), Some(Box::new(watch))).await
    }

    async fn watch<E: Endpoint>(&self, call: Call<E>, watch: Option<Watch>) -> Result<E::Answer, Error> {
        let draft = call.into_draft();
        let answer = self.exchange(draft.clone(), watch).await;
        task::read::<E>(&draft, answer)
    }

    /// Makes a request of any kind; the answer has a status from 200 to 299.
    ///
    /// # Errors
    ///
    /// As with [`call`](Self::call).
    pub async fn send(&self, draft: Draft) -> Result<Response, Error> {
        self.exchange(draft, None).await
    }

    async fn exchange(&self, draft: Draft, watch: Option<Watch>) -> Result<Response, Error> {
        let ended = Error::new(&draft, Cause::Ended);
        let (answer, answered) = bounded(1);
        let answer: Answer = Box::new(move |result| {
            let _ = answer.try_send(result);
        });
        let claim = Claim::default();
        // Before the call is made: it may be dropped while it waits for the driver.
        let mut guard = Guard { handle: &self.handle, claim: Some(claim.clone()) };
        let made = self.handle.call(move |desk, now| desk.call_for(&claim, now, draft, answer, watch));
        if made.await.is_err() {
            return Err(ended);
        }
        let answer = answered.recv().await;
        guard.claim = None;
        answer.unwrap_or(Err(ended))
    }

    /// Runs what takes several requests; it goes on as it is asked.
    pub fn run<T: Task>(&self, task: T) -> Run<T> {
        Run { discord: self.clone(), task, pending: None, rest: None }
    }

    /// The API's base URL, as it was when this was made. It may hold a name and a password.
    #[must_use]
    pub fn base(&self) -> &str {
        self.api.base()
    }

    /// The machine behind it: limits to look at, to save or to restore.
    #[must_use]
    pub const fn handle(&self) -> &Handle<Desk> {
        &self.handle
    }

    /// Takes no more calls, of any clone; those that are there go on to their end.
    pub async fn stop(&self) {
        let _ = self.handle.call(|desk, now| desk.stop(now)).await;
    }
}

/// Takes a call back whose future is dropped.
struct Guard<'a> {
    handle: &'a Handle<Desk>,
    claim: Option<Claim>,
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if let Some(call) = self.claim.take().and_then(|claim| claim.drop_call()) {
            self.handle.tell(move |desk, now| desk.cancel(now, call));
        }
    }
}

/// What takes several requests, on its way.
///
/// Dropped, it is cancelled; [`into_task`](Self::into_task) keeps what it needs to go on later.
#[derive(Debug)]
pub struct Run<T> {
    discord: Discord,
    task: T,
    /// A request whose answer the task has not had.
    pending: Option<Draft>,
    /// A wait that has not come to its end.
    rest: Option<Duration>,
}

impl<T: Task> Run<T> {
    /// The next that it brings; `None` once there is no more. If the future is dropped, the request that was under
    /// way is made again by the next, and a wait begins anew.
    pub async fn next(&mut self) -> Option<Result<T::Item, Error>> {
        loop {
            if let Some(duration) = self.rest {
                smol::Timer::after(duration).await;
                self.rest = None;
            }
            let step = self.pending.take().map_or_else(|| self.task.next(), Step::Call);
            match step {
                Step::Call(draft) => {
                    self.pending = Some(draft.clone());
                    let answer = self.discord.send(draft).await;
                    self.pending = None;
                    self.task.answer(answer);
                }
                Step::Wait(duration) => self.rest = Some(duration),
                Step::Item(item) => return Some(Ok(item)),
                Step::Failed(error) => return Some(Err(error)),
                Step::Done => return None,
            }
        }
    }

    /// The same as a stream.
    pub fn into_stream(self) -> impl Stream<Item = Result<T::Item, Error>> {
        stream::unfold(self, |mut run| async move { run.next().await.map(|item| (item, run)) })
    }

    /// How far it has come.
    #[must_use]
    pub fn progress(&self) -> task::Progress {
        self.task.progress()
    }

    /// The task, to look at.
    #[must_use]
    pub const fn task(&self) -> &T {
        &self.task
    }

    /// The task as it stands, to go on with later.
    #[must_use]
    pub fn into_task(self) -> T {
        self.task
    }
}
