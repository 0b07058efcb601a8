//! One limiter for several processes: an [`Office`] grants turns, sessions ask it over WebSockets.
//!
//! Discord's limits hold for a bot, not for a process. Processes that share a bot without knowing of each other meet
//! 429s that none of them could foresee. So one of them, or one beside them, runs an [`Office`], and each
//! [`Session`](crate::rest::session::Session) is told where that is: see
//! [`Config::limits_at`](crate::rest::session::Config::limits_at). A session opens a WebSocket to it as it would open any
//! other, so every driver can do it, and sends [`Ask`]s; the office sends [`Answer`]s. The requests themselves go from
//! each process to Discord.
//!
//! ```text
//!   session                          office
//!     │ want 7, POST /channels/{}/…    │
//!     ├───────────────────────────────>│
//!     │<───────────────────────────────┤ waiting 7: its bucket, for 800 ms
//!     │<───────────────────────────────┤ granted 7
//!   sends it to Discord                │
//!     ├───────────────────────────────>│ done 7, with the limits of the answer
//! ```
//!
//! The line must be quick, as within a machine or a data centre: what was granted is taken to be counted by Discord two
//! seconds later, where the limit over all routes is concerned. Buckets do not mind how slow it is.
//!
//! # When one of them is lost
//!
//! * A session ends: what it was granted counts as sent and lost, what it waited for is taken out of the queue.
//! * The office ends, or the way to it: calls that wait go on to wait, until their time is over, and
//!   [`Session::wait`](crate::rest::session::Session::wait) says [`Reason::Office`](crate::rest::limiter::Reason::Office).
//!   Requests under way come to their end. The session tries to get there again for as long as it lives. Then it tells
//!   what is under way ([`Ask::Held`]) and what has been answered meanwhile, and asks again for all else, in the old
//!   order. An office that is [restored](Office::restore) knows all limits that were learned; a fresh one learns them
//!   anew.
//!
//! # The messages
//!
//! One JSON object in each text message, with one member that names it. Ids are the session's own, numbers of 64 bits,
//! none used twice. Times are in milliseconds.
//!
//! ```text
//! {"want":{"id":7,"account":123,"route":{…}}}          a turn, please
//! {"held":{"id":7,"account":123,"route":{…},"age":5}}  this has been under way for 5 ms, by an earlier grant
//! {"done":{"id":7,"outcome":{…}}}                      what was granted has come to its end
//! {"again":{"id":7,"outcome":{…}}}                     it came to nothing: its old place, please
//! {"drop":{"id":7}}                                    it will not be sent
//! {"ping":{"count":9}}                                 are you there?
//!
//! {"granted":{"id":7}}                                 send it now
//! {"waiting":{"id":7,"reason":"held","left":900}}      not yet: why, and for how long, if that is known
//! {"refused":{"id":7,"why":{…}}}                       it must not be sent
//! {"limiter":{"account":123,"event":{…}}}              what the limiter tells beside that
//! {"wrong":{"id":7,"why":"unknown"}}                   that made no sense
//! {"pong":{"count":9}}                                 I am
//! ```
//!
//! Messages are no secrets: tokens are in them as hashes only. But whoever can send them can use turns up, and hold
//! others' requests back. So an office listens on the loopback, or where its clients alone can come.

mod message;
mod office;
#[cfg(test)]
mod tests;

pub use message::{Account, Answer, Ask, Wrong};
pub use office::{ClientId, Config, Counters, Office, Saved, Told, Why};
