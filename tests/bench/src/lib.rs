//! What Sanscord's hot paths cost, in process: no sockets, no files, a clock of our own.
//!
//! `cargo bench -p sanscord-bench` prints Markdown tables; each bench runs alone with `--bench NAME`.
//!
//! | bench | what it tells |
//! |---|---|
//! | `packet` | time of a voice packet from datagram to recording, beside the bare decryption |
//! | `memory` | allocations for each packet, bytes of idle machines, sizes of what moves between machine and driver |
//! | `idle` | how often an idle machine wakes its driver, and what for |
//!
//! [`stage`] brings machines to where they are measured, [`packets`] makes what they are fed, [`measure`] takes
//! the times and prints.

pub mod measure;
pub mod packets;
pub mod stage;
