//! How far a request has come.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sanscord::machine::Progress;

/// Counts bytes and tells how many, at most ten times a second and once at the end.
#[derive(Clone)]
pub struct Meter(Option<Arc<Mutex<State>>>);

struct State {
    now: Progress,
    told: Option<(Instant, Progress)>,
    report: Box<dyn FnMut(Progress) + Send>,
}

impl Meter {
    pub(super) fn new(report: impl FnMut(Progress) + Send + 'static) -> Self {
        let state = State { now: Progress::default(), told: None, report: Box::new(report) };
        Self(Some(Arc::new(Mutex::new(state))))
    }

    /// One that counts nothing.
    pub(super) const fn off() -> Self {
        Self(None)
    }

    /// Notes something that is no news.
    pub(super) fn set(&self, change: impl FnOnce(&mut Progress)) {
        self.with(change, |_| false);
    }

    /// Notes something, and tells if it is time.
    pub(super) fn note(&self, change: impl FnOnce(&mut Progress)) {
        self.with(change, |told| told.is_none_or(|(at, _)| at.elapsed() >= EVERY));
    }

    /// The answer is there as a whole.
    pub(super) fn finish(&self) {
        self.with(|_| {}, |_| true);
    }

    fn with(
        &self,
        change: impl FnOnce(&mut Progress),
        is_due: impl FnOnce(Option<(Instant, Progress)>) -> bool,
    ) {
        let Some(state) = &self.0 else { return };
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state.now);
        let now = state.now;
        if is_due(state.told) && state.told.is_none_or(|(_, told)| told != now) {
            state.told = Some((Instant::now(), now));
            (state.report)(now);
        }
    }
}

impl fmt::Debug for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meter").field("on", &self.0.is_some()).finish()
    }
}

const EVERY: Duration = Duration::from_millis(100);
