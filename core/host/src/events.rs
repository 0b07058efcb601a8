//! The queue between the driver and whoever listens to its events.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use futures_core::Stream;

use crate::EVENT_CAPACITY;

/// What the machine tells, in order.
///
/// Holds [`EVENT_CAPACITY`] events. Once it is full the driver reads no WebSocket until half of them have been
/// taken; timers, sends, datagrams and commands go on, and what events they cause are kept beyond that number.
/// Nothing is lost but what the machine [gives up](sanscord::machine::Machine::may_be_dropped), which is
/// [counted](Self::dropped). If it is dropped, events are discarded and the driver goes on.
#[derive(Debug)]
pub struct Events<E> {
    queue: Arc<Queue<E>>,
}

impl<E> Events<E> {
    /// The listener's end of a queue.
    #[must_use]
    pub const fn new(queue: Arc<Queue<E>>) -> Self {
        Self { queue }
    }

    /// Events that were dropped because so many waited: only such as
    /// [may be](sanscord::machine::Machine::may_be_dropped).
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.queue.lock().dropped
    }

    /// Waits for the next event. `None` once the driver has ended and all events have been taken.
    ///
    /// Nothing is lost if the future is dropped.
    pub async fn next(&mut self) -> Option<E> {
        poll_fn(|cx| self.queue.poll_pop(cx)).await
    }
}

impl<E> Stream for Events<E> {
    type Item = E;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<E>> {
        self.queue.poll_pop(cx)
    }
}

impl<E> Drop for Events<E> {
    fn drop(&mut self) {
        self.queue.abandon();
    }
}

/// The driver's end of the queue.
#[derive(Debug)]
pub struct Queue<E> {
    state: Mutex<State<E>>,
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
    listener: Option<Waker>,
    driver: Option<Waker>,
}

impl<E> Default for Queue<E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<E> Queue<E> {
    /// An empty queue.
    #[must_use]
    pub const fn new() -> Self {
        let state = State {
            events: VecDeque::new(),
            kept: 0,
            dropped: 0,
            ended: false,
            abandoned: false,
            paused: false,
            listener: None,
            driver: None,
        };
        Self { state: Mutex::new(state) }
    }

    /// Adds an event; discards it if nobody listens any more, or if it may be dropped and [`EVENT_CAPACITY`] wait.
    pub fn push(&self, event: E, may_be_dropped: bool) {
        let mut state = self.lock();
        if may_be_dropped && state.events.len() >= EVENT_CAPACITY {
            state.dropped += 1;
        } else if !state.abandoned {
            state.kept += usize::from(!may_be_dropped);
            state.events.push_back((event, may_be_dropped));
            wake(state, |state| state.listener.take());
        }
    }

    /// Whether the driver must stop reading: so many events wait that may not be dropped. If so, it is woken when there is room.
    pub fn is_full(&self) -> bool {
        let mut state = self.lock();
        state.paused = state.paused || state.kept >= EVENT_CAPACITY;
        state.paused
    }

    /// Whether the listener is gone; `driver` is woken when that or the room for events changes.
    pub fn is_abandoned(&self, driver: &Waker) -> bool {
        let mut state = self.lock();
        if !state.driver.as_ref().is_some_and(|known| known.will_wake(driver)) {
            state.driver = Some(driver.clone());
        }
        state.abandoned
    }

    /// There will be no more events.
    pub fn end(&self) {
        let mut state = self.lock();
        state.ended = true;
        wake(state, |state| state.listener.take());
    }

    fn abandon(&self) {
        let mut state = self.lock();
        state.abandoned = true;
        state.paused = false;
        state.kept = 0;
        let events = std::mem::take(&mut state.events);
        wake(state, |state| state.driver.take());
        drop(events);
    }

    fn poll_pop(&self, cx: &Context<'_>) -> Poll<Option<E>> {
        let mut state = self.lock();
        let Some((event, may_be_dropped)) = state.events.pop_front() else {
            if !state.ended {
                state.listener = Some(cx.waker().clone());
                return Poll::Pending;
            }
            return Poll::Ready(None);
        };
        state.kept -= usize::from(!may_be_dropped);
        if state.events.is_empty() && state.events.capacity() > KEPT_CAPACITY {
            state.events.shrink_to(KEPT_CAPACITY);
        }
        if state.paused && state.kept <= EVENT_CAPACITY / 2 {
            state.paused = false;
            wake(state, |state| state.driver.take());
        }
        Poll::Ready(Some(event))
    }

    fn lock(&self) -> MutexGuard<'_, State<E>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Room for so many events is kept while none waits: a burst's room would be held for good by each driver.
const KEPT_CAPACITY: usize = 64;

/// Wakes after the lock is gone: wakers are foreign code.
fn wake<E>(mut state: MutexGuard<'_, State<E>>, whom: impl FnOnce(&mut State<E>) -> Option<Waker>) {
    let waker = whom(&mut state);
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}
