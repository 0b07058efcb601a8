//! The way to a machine that a driver holds.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use sanscord::time::Timestamp;
use smol::channel::{Sender, bounded};

use crate::Ended;

/// Runs commands on a machine that a driver holds. Cheap to clone.
pub struct Handle<M> {
    commands: Sender<Command<M>>,
    told: Sender<Command<M>>,
}

pub(crate) type Command<M> = Box<dyn FnOnce(&mut M, Timestamp) + Send>;

impl<M> Handle<M> {
    pub(crate) const fn new(commands: Sender<Command<M>>, told: Sender<Command<M>>) -> Self {
        Self { commands, told }
    }

    /// Runs a command on the machine, in the driver's task and at once, and answers what it returned.
    ///
    /// While it runs, everything else of that driver waits. If the future is dropped, the command may or may not be
    /// run.
    ///
    /// # Errors
    ///
    /// [`Ended`] once the driver has ended.
    ///
    /// # Panics
    ///
    /// A panic of the command goes on in the caller; the driver is not hurt.
    pub async fn call<T: Send + 'static>(
        &self,
        command: impl FnOnce(&mut M, Timestamp) -> T + Send + 'static,
    ) -> Result<T, Ended> {
        let (answer, answered) = bounded(1);
        let command: Command<M> = Box::new(move |machine, now| {
            let _ = answer.try_send(catch_unwind(AssertUnwindSafe(|| command(machine, now))));
        });
        self.commands.send(command).await.map_err(|_| Ended)?;
        match answered.recv().await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(panic)) => resume_unwind(panic),
            Err(_) => Err(Ended),
        }
    }

    /// Runs a command on the machine later, before those that wait, unless the driver has ended. Nothing bounds how
    /// many of these may wait but whoever tells: it must be for something that the machine holds, and once.
    pub(crate) fn tell(&self, command: impl FnOnce(&mut M, Timestamp) + Send + 'static) {
        let _ = self.told.try_send(Box::new(command));
    }
}

impl<M> Clone for Handle<M> {
    fn clone(&self) -> Self {
        Self { commands: self.commands.clone(), told: self.told.clone() }
    }
}

impl<M> std::fmt::Debug for Handle<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}
