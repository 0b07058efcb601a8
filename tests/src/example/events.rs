//! What the `events` examples of the three adapters share.

mod options;
mod report;

pub use options::{Options, USAGE};
pub use report::{Report, View, Wish};
