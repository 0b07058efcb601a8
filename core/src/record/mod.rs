//! Recording: audio packets in, files out, Opus as it was sent.
//!
//! [`ogg`] writes the container, `track` lays one speaker's packets on the timeline, [`recorder`] is the machine.
//! [`index`] tells what is where in the files.

mod config;
mod event;
pub mod index;
mod journal;
pub mod ogg;
pub mod recorder;
mod track;

#[cfg(test)]
mod tests;

pub use config::{Config, Extension, Format, FormatError};
pub use event::{Event, Recording, TrackSummary};
pub use recorder::Recorder;
pub use track::TrackCounters;
