//! What all drivers of this process log, down to each message.

use std::fmt::{self, Write as _};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Whatever was logged so far: level, target and text, a line each.
static LINES: Mutex<String> = Mutex::new(String::new());

/// Listens from now on.
pub(crate) fn open() {
    static OPEN: Once = Once::new();
    OPEN.call_once(|| tracing::subscriber::set_global_default(Logbook).unwrap());
}

fn lines() -> MutexGuard<'static, String> {
    LINES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether there is a line with all of these words.
pub(crate) fn has(words: &[&str]) -> bool {
    lines().lines().any(|line| words.iter().all(|word| line.contains(word)))
}

/// None of these secrets was logged.
#[track_caller]
pub(crate) fn assert_silent_on(secrets: &[String]) {
    let lines = lines().clone();
    for secret in secrets {
        let told = lines.find(secret).map(|at| lines[..at].lines().last());
        assert_eq!(told, None, "a secret was logged");
    }
}

struct Logbook;

impl Subscriber for Logbook {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("sanscord")
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(format!("{} {}", event.metadata().level(), event.metadata().target()));
        event.record(&mut line);
        let mut lines = lines();
        lines.push_str(&line.0);
        lines.push('\n');
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string does not fail.
        let _ = write!(self.0, " {}={value:?}", field.name());
    }
}
