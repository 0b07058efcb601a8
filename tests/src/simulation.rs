//! Whole clusters of shards through whatever may befall them, under a virtual clock.
//!
//! A [`Plan`] says what happens: who connects to what, over which links, and every fault with its time. It is a plain
//! value, drawn from a seed and printed as JSON, so that a failure is replayed and [shrunk](shrink()) to the few
//! steps that it needs. [`run`] lets it happen and holds the [cluster](sanscord::cluster::Cluster) to its promises:
//!
//! * each dispatch reaches the user once and in order, over every resume and change of shards; where one may be
//!   missing or come again, the cluster has said so before (see [`witness`]);
//! * our Discord sees no rule broken, except those that a network which swallows messages, or a clock that jumps,
//!   breaks for the client, and only while one does;
//! * no identify comes too early or too many, no queue exceeds its bound, and nothing waits for ever;
//! * once the faults end, all shards are in session again by themselves, and all that was sent has arrived.
//!
//! | module | subject |
//! |---|---|
//! | [`plan`] | what happens, as a value |
//! | `draw` | a plan from a seed |
//! | [`witness`] | what the user sees, and what must hold of it |
//! | `stage` | lets a plan happen |
//! | `shrink` | the least that still fails |

mod draw;
pub mod plan;
mod shrink;
mod stage;
pub mod witness;

pub use plan::{Ending, Plan, Step};
pub use shrink::shrink;
pub use stage::{Failure, Outcome, Tally, run, run_told};
