//! Discord's REST API: `discord.call(request)`.

use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread;

use sanscord::machine::{Progress, Response};
use sanscord::rest::{Api, Call, Cause, Draft, Endpoint, Error, Step, Task, task};
use sanscord_host::discord::{Answer, Desk, Options, Watch};

use crate::{Events, Handle, Network, SetupError, start};

/// Makes calls of Discord's REST API. Cheap to clone; it ends with its last clone.
///
/// Calls wait for limits and are repeated where that is safe: see
/// [`Session`](sanscord::rest::session::Session). A clone for each thread makes calls side by side.
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
    /// [`SetupError`] if no thread can be had.
    pub fn from_env() -> Result<Self, SetupError> {
        Self::new(Options::from_env())
    }

    /// A client.
    ///
    /// # Errors
    ///
    /// [`SetupError`] if no thread can be had.
    pub fn new(options: Options) -> Result<Self, SetupError> {
        Self::with_events(options).map(|(discord, _)| discord)
    }

    /// A client, and what it tells beside answers: waits, repeats, why requests are held.
    ///
    /// # Errors
    ///
    /// [`SetupError`] if no thread can be had.
    pub fn with_events(
        options: Options,
    ) -> Result<(Self, Events<sanscord::rest::session::Event>), SetupError> {
        let (desk, network) = options.into_desk()?;
        Self::with_desk(desk, network)
    }

    /// A client in front of a session of one's own making: with a configuration that [`Options`] have no word for
    /// ([`Desk::from_config`]), or with limits that another process has learned.
    ///
    /// # Errors
    ///
    /// [`SetupError`] if no thread can be had.
    pub fn with_desk(
        desk: Desk,
        network: Network,
    ) -> Result<(Self, Events<sanscord::rest::session::Event>), SetupError> {
        let api = desk.api();
        let (handle, events) = start(desk, network)?;
        Ok((Self { handle, api }, events))
    }

    /// Makes a call, and waits for its answer.
    ///
    /// # Errors
    ///
    /// [`Error`] says which call came to nothing, why, and what can be done.
    pub fn call<E: Endpoint>(&self, call: Call<E>) -> Result<E::Answer, Error> {
        self.watch(call, None)
    }

    /// As [`call`](Self::call); `watch` hears how far the upload or download has come, on the driver's thread: a call
    /// made there would wait for itself.
    ///
    /// # Errors
    ///
    /// As with [`call`](Self::call).
    pub fn call_with<E: Endpoint>(
        &self,
        call: Call<E>,
        watch: impl FnMut(Progress) + Send + 'static,
    ) -> Result<E::Answer, Error> {
        self.watch(call.with_progress(), Some(Box::new(watch)))
    }

    fn watch<E: Endpoint>(&self, call: Call<E>, watch: Option<Watch>) -> Result<E::Answer, Error> {
        let draft = call.into_draft();
        let answer = self.exchange(draft.clone(), watch);
        task::read::<E>(&draft, answer)
    }

    /// Makes a request of any kind; the answer has a status from 200 to 299.
    ///
    /// # Errors
    ///
    /// As with [`call`](Self::call).
    pub fn send(&self, draft: Draft) -> Result<Response, Error> {
        self.exchange(draft, None)
    }

    fn exchange(&self, draft: Draft, watch: Option<Watch>) -> Result<Response, Error> {
        let ended = Error::new(&draft, Cause::Ended);
        let (answer, answered) = sync_channel(1);
        let answer: Answer = Box::new(move |result| {
            let _ = answer.send(result);
        });
        if self.handle.call(move |desk, now| desk.call(now, draft, answer, watch)).is_err() {
            return Err(ended);
        }
        answered.recv().unwrap_or(Err(ended))
    }

    /// Runs what takes several requests; it goes on as the iterator is asked.
    pub fn run<T: Task>(&self, task: T) -> Run<T> {
        Run { discord: self.clone(), task }
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
    pub fn stop(&self) {
        let _ = self.handle.call(|desk, now| desk.stop(now));
    }
}

/// What takes several requests, on its way: an iterator over what it brings.
///
/// Dropped, it is cancelled; [`into_task`](Self::into_task) keeps what it needs to go on later.
#[derive(Debug)]
pub struct Run<T> {
    discord: Discord,
    task: T,
}

impl<T: Task> Run<T> {
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

impl<T: Task> Iterator for Run<T> {
    type Item = Result<T::Item, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.task.next() {
                Step::Call(draft) => {
                    let answer = self.discord.send(draft);
                    self.task.answer(answer);
                }
                Step::Wait(duration) => thread::sleep(duration),
                Step::Item(item) => return Some(Ok(item)),
                Step::Failed(error) => return Some(Err(error)),
                Step::Done => return None,
            }
        }
    }
}
