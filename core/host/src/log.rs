//! What machines say of themselves, for whoever listens to `tracing`.

use sanscord::machine::{Level, Log, Machine};
use tracing::level_filters::LevelFilter;
use tracing::{debug, error, info, trace, warn};

/// The target of the machines' lines. The drivers' own have their crates' names.
pub const TARGET: &str = "sanscord";

/// Writes what the machine says of this event, if it says anything and anybody listens.
pub fn event<M: Machine>(event: &M::Event) {
    // Without a listener no text is made.
    if LevelFilter::current() > LevelFilter::OFF
        && let Some(log) = M::log(event)
    {
        emit(&log);
    }
}

/// Writes one line.
pub fn emit(log: &Log) {
    let text = &log.text;
    match log.level {
        Level::Error => error!(target: TARGET, "{text}"),
        Level::Warn => warn!(target: TARGET, "{text}"),
        Level::Info => info!(target: TARGET, "{text}"),
        Level::Debug => debug!(target: TARGET, "{text}"),
        Level::Trace => trace!(target: TARGET, "{text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::sync::{Arc, Mutex, PoisonError};

    use sanscord::machine::{Input, Output};
    use sanscord::time::Timestamp;
    use tracing::field::{Field, Visit};
    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Metadata, Subscriber};

    /// Keeps what it hears.
    #[derive(Clone, Default)]
    struct Ear(Arc<Mutex<Vec<String>>>);

    impl Ear {
        fn heard(&self) -> Vec<String> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
        }
    }

    impl Subscriber for Ear {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }

        fn new_span(&self, _: &Attributes<'_>) -> Id {
            Id::from_u64(1)
        }

        fn record(&self, _: &Id, _: &Record<'_>) {}

        fn record_follows_from(&self, _: &Id, _: &Id) {}

        fn event(&self, event: &Event<'_>) {
            struct Text(String);
            impl Visit for Text {
                fn record_debug(&mut self, _: &Field, value: &dyn std::fmt::Debug) {
                    self.0 += &format!("{value:?}");
                }
            }
            let metadata = event.metadata();
            let mut text = Text(format!("{} {}: ", metadata.level(), metadata.target()));
            event.record(&mut text);
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(text.0);
        }

        fn enter(&self, _: &Id) {}

        fn exit(&self, _: &Id) {}
    }

    /// Its events are what it says of them.
    struct Echo;

    impl Machine for Echo {
        type Event = Option<Log>;

        fn handle_input(&mut self, _: Timestamp, _: Input) {}

        fn poll_output(&mut self) -> Output<Option<Log>> {
            Output::Wait(None)
        }

        fn is_finished(&self) -> bool {
            true
        }

        fn log(event: &Option<Log>) -> Option<Log> {
            event.clone()
        }
    }

    #[test]
    fn every_level_is_heard_under_the_librarys_name() {
        let ear = Ear::default();
        tracing::subscriber::with_default(ear.clone(), || {
            event::<Echo>(&None);
            for level in [Level::Error, Level::Warn, Level::Info, Level::Debug, Level::Trace] {
                event::<Echo>(&Some(Log::new(level, "what {happened}".into())));
            }
        });
        let expected = ["ERROR", "WARN", "INFO", "DEBUG", "TRACE"];
        assert_eq!(ear.heard(), expected.map(|level| format!("{level} sanscord: what {{happened}}")));
    }
}
