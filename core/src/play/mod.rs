//! Playing: what is to be heard in a call, in which order, and how far it has come.
//!
//! A [`Player`] holds the queue of one call. It never reads audio: it asks its driver to open a [`Source`] off the
//! loop and to read Opus packets from it, some ahead and no more, and gives them out one by one to the call that
//! sends them. Whatever the call goes through meanwhile, the player waits for it.
//!
//! | file | subject |
//! |---|---|
//! | [`origin`] | where audio comes from |
//! | [`event`] | what a player tells, and what it refuses |
//! | `track` | one entry of the queue, and the source behind it |
//! | [`player`] | the machine |

pub mod event;
pub mod origin;
pub mod player;
mod track;

#[cfg(test)]
mod tests;

pub use event::{Counters, EndReason, EnqueueError, Event, SeekError, TrackId, VolumeError};
pub use origin::{Origin, Source};
pub use player::{Loop, Player, State};
