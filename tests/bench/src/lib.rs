//! What Sanscord's hot paths cost: in process, without files and with a clock of our own, where the table does not
//! say otherwise.
//!
//! `cargo bench -p sanscord-bench` prints Markdown tables; each bench runs alone with `--bench NAME`.
//!
//! | bench | what it tells |
//! |---|---|
//! | `packet` | time of a voice packet from datagram to recording, beside the bare decryption |
//! | `ingest` | time of a gateway event from WebSocket message to the user, beside twilight and the bare minimum; then the same over loopback sockets |
//! | `shards` | memory of many shards, and of many connections over loopback sockets |
//! | `memory` | allocations for each packet, bytes of idle machines, sizes of what moves between machine and driver |
//! | `idle` | how often an idle machine wakes its driver, and what for |
//!
//! [`stage`] brings machines to where they are measured, [`packets`] and [`stream`] make what they are fed, [`measure`] takes
//! the times and prints.

pub mod measure;
pub mod packets;
pub mod stage;
pub mod stream;
