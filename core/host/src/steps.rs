//! The queue between an async driver and the thread that writes its files.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use sanscord::machine::FileId;

use crate::disk::{STEPS, Step};

/// Steps between an async driver and the thread that writes: at most [`STEPS`] of them.
#[derive(Debug, Default)]
pub struct Steps {
    state: Mutex<State>,
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct State {
    steps: VecDeque<(FileId, Step)>,
    finished: bool,
    /// Waits for room.
    driver: Option<Waker>,
}

impl Steps {
    /// Adds a step.
    ///
    /// # Errors
    ///
    /// With the step if there is no room: [`Steps::poll_ready`] tells when there is.
    pub fn push(&self, file: FileId, step: Step) -> Result<(), (FileId, Step)> {
        let mut state = self.lock();
        if state.steps.len() >= STEPS {
            return Err((file, step));
        }
        state.steps.push_back((file, step));
        self.arrived.notify_one();
        Ok(())
    }

    /// Ready once there is room for a step.
    pub fn poll_ready(&self, cx: &Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.steps.len() < STEPS {
            return Poll::Ready(());
        }
        state.driver = Some(cx.waker().clone());
        Poll::Pending
    }

    /// There will be no more steps.
    pub fn finish(&self) {
        self.lock().finished = true;
        self.arrived.notify_one();
    }

    /// Waits for the next step; `None` once there will be none. For the thread that writes.
    pub fn next(&self) -> Option<(FileId, Step)> {
        let mut state = self.lock();
        loop {
            if let Some(step) = state.steps.pop_front() {
                let driver = state.driver.take();
                drop(state);
                if let Some(driver) = driver {
                    driver.wake();
                }
                return Some(step);
            }
            if state.finished {
                return None;
            }
            state = self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
