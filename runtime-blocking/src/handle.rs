//! The way to a machine that a driver holds.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Sender, sync_channel};

use mio::Waker;
use sanscord::time::Timestamp;

use crate::Ended;

/// Runs commands on a machine that a driver holds. Cheap to clone.
pub struct Handle<M> {
    commands: Sender<Command<M>>,
    alive: Arc<Alive>,
}

pub(crate) type Command<M> = Box<dyn FnOnce(&mut M, Timestamp) + Send>;

/// Held by every handle and by the events: the driver ends when all of them are gone.
#[derive(Debug)]
pub(crate) struct Alive {
    pub(crate) driver: Arc<Waker>,
}

impl<M> Handle<M> {
    pub(crate) fn new(commands: Sender<Command<M>>, alive: Arc<Alive>) -> Self {
        Self { commands, alive }
    }

    /// Runs a command on the machine, on the driver's thread and at once, and answers what it returned.
    ///
    /// While it runs, everything else of that driver waits. It must not be called on the driver's own thread, that
    /// is within another command or the audio callback: it would wait for itself.
    ///
    /// # Errors
    ///
    /// [`Ended`] once the driver has ended.
    ///
    /// # Panics
    ///
    /// A panic of the command goes on in the caller; the driver is not hurt.
    pub fn call<T: Send + 'static>(
        &self,
        command: impl FnOnce(&mut M, Timestamp) -> T + Send + 'static,
    ) -> Result<T, Ended> {
        let (answer, answered) = sync_channel(1);
        let command: Command<M> = Box::new(move |machine, now| {
            let _ = answer.send(catch_unwind(AssertUnwindSafe(|| command(machine, now))));
        });
        self.commands.send(command).map_err(|_| Ended)?;
        let _ = self.alive.driver.wake();
        match answered.recv() {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(panic)) => resume_unwind(panic),
            Err(_) => Err(Ended),
        }
    }
}

impl<M> Clone for Handle<M> {
    fn clone(&self) -> Self {
        Self { commands: self.commands.clone(), alive: Arc::clone(&self.alive) }
    }
}

impl<M> std::fmt::Debug for Handle<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        let _ = self.driver.wake();
    }
}
