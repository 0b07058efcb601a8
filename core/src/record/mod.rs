//! Recording: audio packets in, files out, Opus as it was sent.
//!
//! [`opus`] tells how long a packet lasts, [`ogg`] writes the container, `track` lays one speaker's packets on the
//! timeline, [`recorder`] is the machine.

pub mod ogg;
pub mod opus;
pub mod recorder;
mod track;

#[cfg(test)]
mod tests;

pub use recorder::{Event, Recorder, Recording, TrackSummary};
pub use track::TrackCounters;
