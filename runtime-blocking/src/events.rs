//! The queue between the driver and whoever listens to its events.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mio::Waker;

use crate::handle::Alive;
use crate::{EVENT_CAPACITY, Ended};

/// What the machine tells, in order.
///
/// Holds [`EVENT_CAPACITY`] events. Once it is full the driver reads no WebSocket until half of them have been
/// taken; timers, sends, datagrams and commands go on, and what events they cause are kept beyond that number.
/// Nothing is lost but what the machine [gives up](sanscord::machine::Machine::may_be_dropped), which is
/// [counted](Self::dropped). If it is dropped, events are discarded and the driver goes on.
///
/// It is an iterator that waits for the next event and ends with the driver.
#[derive(Debug)]
pub struct Events<E> {
    queue: Arc<Queue<E>>,
    _alive: Arc<Alive>,
}

/// Why there was no event.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NextError {
    /// None came in the given time.
    #[error("no event came in time")]
    Timeout,
    /// None will come any more.
    #[error(transparent)]
    Ended(#[from] Ended),
}

impl<E> Events<E> {
    pub(crate) fn new(queue: Arc<Queue<E>>, alive: Arc<Alive>) -> Self {
        Self { queue, _alive: alive }
    }

    /// Events that were dropped because so many waited: only such as
    /// [may be](sanscord::machine::Machine::may_be_dropped).
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.queue.lock().dropped
    }

    /// Waits for the next event, but no longer than `timeout`.
    ///
    /// # Errors
    ///
    /// [`NextError::Timeout`] if none came in time, [`NextError::Ended`] if none will come any more.
    pub fn next_timeout(&mut self, timeout: Duration) -> Result<E, NextError> {
        self.queue.pop(Some(timeout))
    }
}

impl<E> Iterator for Events<E> {
    type Item = E;

    /// Waits for the next event. `None` once the driver has ended and all events have been taken.
    fn next(&mut self) -> Option<E> {
        self.queue.pop(None).ok()
    }
}

impl<E> Drop for Events<E> {
    fn drop(&mut self) {
        self.queue.abandon();
    }
}

#[derive(Debug)]
pub(crate) struct Queue<E> {
    state: Mutex<State<E>>,
    arrived: Condvar,
    driver: Arc<Waker>,
}

#[derive(Debug)]
struct State<E> {
    /// Each with whether it may be dropped.
    events: VecDeque<(E, bool)>,
    /// Those that may not.
    kept: usize,
    dropped: u64,
    /// The driver has ended.
    ended: bool,
    /// Nobody listens any more.
    abandoned: bool,
    /// The driver has stopped reading and is to be woken when there is room.
    paused: bool,
}

impl<E> Queue<E> {
    pub(crate) fn new(driver: Arc<Waker>) -> Self {
        let state = State {
            events: VecDeque::new(),
            kept: 0,
            dropped: 0,
            ended: false,
            abandoned: false,
            paused: false,
        };
        Self { state: Mutex::new(state), arrived: Condvar::new(), driver }
    }

    /// Adds an event; discards it if nobody listens any more, or if it may be dropped and [`EVENT_CAPACITY`] wait.
    pub(crate) fn push(&self, event: E, may_be_dropped: bool) {
        let mut state = self.lock();
        if may_be_dropped && state.events.len() >= EVENT_CAPACITY {
            state.dropped += 1;
        } else if !state.abandoned {
            state.kept += usize::from(!may_be_dropped);
            state.events.push_back((event, may_be_dropped));
            self.arrived.notify_one();
        }
    }

    /// Whether the driver must stop reading: so many events wait that may not be dropped. If so, it is woken when there is room.
    pub(crate) fn is_full(&self) -> bool {
        let mut state = self.lock();
        state.paused = state.paused || state.kept >= EVENT_CAPACITY;
        state.paused
    }

    pub(crate) fn end(&self) {
        self.lock().ended = true;
        self.arrived.notify_all();
    }

    fn abandon(&self) {
        let mut state = self.lock();
        state.abandoned = true;
        state.paused = false;
        state.kept = 0;
        let events = std::mem::take(&mut state.events);
        drop(state);
        drop(events);
        let _ = self.driver.wake();
    }

    fn pop(&self, timeout: Option<Duration>) -> Result<E, NextError> {
        // A timeout beyond the end of the clock is none.
        let until = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut state = self.lock();
        loop {
            if let Some((event, may_be_dropped)) = state.events.pop_front() {
                state.kept -= usize::from(!may_be_dropped);
                if state.paused && state.kept <= EVENT_CAPACITY / 2 {
                    state.paused = false;
                    let _ = self.driver.wake();
                }
                return Ok(event);
            }
            if state.ended {
                return Err(Ended.into());
            }
            state = match until {
                None => self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Err(NextError::Timeout);
                    }
                    self.arrived.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<E>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
