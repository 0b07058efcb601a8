//! What Sanscord's hot paths cost: in process, without files and with a clock of our own, where the table does not
//! say otherwise.
//!
//! `cargo bench -p sanscord-bench` prints Markdown tables; each bench runs alone with `--bench NAME`.
//!
//! | bench | what it tells |
//! |---|---|
//! | `packet` | time of a voice packet from datagram to recording, beside the bare decryption, davey and songbird's calls |
//! | `speakers` | CPU time of a packet over loopback UDP with 50 speakers, beside a bare loop; CPU time of idle calls |
//! | `recording` | CPU time and memory of a recorded speaker |
//! | `pacing` | how late packets go out, on each adapter, beside the machine's own timers |
//! | `join` | round trips until a call is heard, CPU time of joining an encrypted group, beside davey |
//! | `ingest` | time of a gateway event from WebSocket message to the user, beside twilight and the bare minimum; then the same over loopback sockets |
//! | `objects` | time of a page of 100 messages, from JSON to objects, beside twilight-model and `serde_json::Value` |
//! | `shards` | memory of many shards, and of many connections over loopback sockets |
//! | `memory` | allocations for each packet, bytes of idle machines, sizes of what moves between machine and driver |
//! | `idle` | how often an idle machine wakes its driver, and what for |
//!
//! [`stage`] brings machines to where they are measured, [`group`] has the others of an encrypted call, [`packets`] and
//! [`stream`] make what they are fed, [`measure`] takes the times and prints. For what runs over real sockets, [`wired`]
//! is a machine that needs UDP only, [`adapter`] runs it, and [`traffic`] sends to it.

pub mod adapter;
pub mod group;
pub mod measure;
pub mod packets;
pub mod stage;
pub mod stream;
pub mod traffic;
pub mod wired;
