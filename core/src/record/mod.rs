//! Recording: audio packets in, files out, Opus as it was sent.
//!
//! [`ogg`] writes the container, `track` lays one speaker's packets on the timeline, [`recorder`] is the machine.

pub mod ogg;
pub mod recorder;
mod track;

#[cfg(test)]
mod tests;

pub use recorder::{Event, Recorder, Recording, TrackSummary};
pub use track::TrackCounters;
