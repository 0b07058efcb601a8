//! What crosses the limiter's edge: plain values.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::rest::route::{RouteKey, WebhookKey};
use crate::time::{Duration, Timestamp};

use super::limits::{BucketHash, Limited, Limits};
use super::tickets::Ticket;

/// What a limiter assumes and holds.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Config {
    /// Requests a second over all routes, interactions' aside. The default is 50 (discord-api-docs, Rate Limits,
    /// Global Rate Limit); Discord grants more to large bots. At least 1.
    pub per_second: u32,
    /// Invalid requests in 10 minutes at which the limiter stops. Discord bans an address for 10,000
    /// (discord-api-docs, Rate Limits, Invalid Request Limit); the default is 5,000, so that a second process at the
    /// same address may go as wrong, and requests on their way do no harm.
    pub invalid: u32,
    /// Tickets at once, waiting and granted; a further one is [refused](Refused::Full). The default is 100,000.
    pub tickets: usize,
    /// Routes with their top-level resources that are kept in mind. At the bound the one that has been idle for the
    /// longest is forgotten, and counted if its limit may still have held; if none is idle, a request is
    /// [refused](Refused::Full). The default is 100,000.
    pub routes: usize,
    /// How long a granted ticket is held of which nothing is heard. The default is 15 minutes: longer than a
    /// request lasts.
    pub hold: Duration,
}

impl Default for Config {
    fn default() -> Self {
        let hold = Duration::from_secs(900);
        Self { per_second: 50, invalid: 5_000, tickets: 100_000, routes: 100_000, hold }
    }
}

/// What the limiter tells.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub enum Event {
    /// Send this request now, and tell [`complete`](super::Limiter::complete),
    /// [`requeue`](super::Limiter::requeue) or [`cancel`](super::Limiter::cancel) what became of it.
    Granted(Ticket),
    /// This request waited, and is not to be sent any more. Its ticket is void.
    Refused(Ticket, Refused),
    /// Of this granted ticket nothing was heard for [`Config::hold`]: it is void, and counts as sent and lost.
    Expired(Ticket),
    /// A request was answered with 429.
    Limited {
        /// Which one.
        ticket: Ticket,
        /// Whose limit it was, and so what waits: its bucket ([`User`](Limited::User)), its route and top-level
        /// resource (`Sub`, `Shared`), all but interactions (`Global`), all (`Cloudflare`).
        by: Limited,
        /// For how long.
        wait: Duration,
    },
    /// Too many requests were invalid: nothing is granted for so long.
    Tripped {
        /// Invalid requests in the last 10 minutes.
        invalid: u32,
        /// How long it will be.
        wait: Duration,
    },
    /// Requests go on.
    Resumed,
    /// Discord refused the bot's token: see [`Refused::Unauthorized`].
    Unauthorized,
    /// Discord does not know this webhook any more: see [`Refused::Webhook`].
    WebhookGone(WebhookKey),
}

/// Why a request is not taken.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize, thiserror::Error)]
pub enum Refused {
    /// As many requests wait as may.
    #[error("too many requests wait")]
    Full,
    /// Too many requests were invalid (401, 403 or 429) in the last 10 minutes; more would get the address banned.
    #[error("too many requests were invalid: none is sent for {:.0} s", wait.as_secs_f64())]
    Invalid {
        /// When requests go on.
        wait: Duration,
    },
    /// Discord refused the bot's token. Every request that shows it is refused until
    /// [`token_changed`](super::Limiter::token_changed).
    #[error("Discord refused the bot's token")]
    Unauthorized,
    /// Discord does not know this webhook any more. It is never to be asked again.
    #[error("the webhook is gone")]
    Webhook,
    /// There is no such ticket.
    #[error("there is no such ticket")]
    Unknown,
}

/// What became of a granted request.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Outcome {
    /// It was answered.
    Answered(Limits),
    /// It was sent, or it may have been, and there is no answer.
    Lost,
    /// Nothing of it was sent: whoever sends has too much to do. [Requeued](super::Limiter::requeue), it is granted
    /// again after a tenth of a second at the earliest.
    Unsent,
}

/// For what a ticket waits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Wait {
    /// The reason.
    pub reason: Reason,
    /// Not before this time, as far as is known; `None` where only an answer can tell.
    pub until: Option<Timestamp>,
}

/// Why a ticket waits.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// Earlier requests of its route, so many.
    Order(u32),
    /// The bucket takes so many requests in a window.
    Bucket {
        /// Requests of a window.
        limit: u32,
    },
    /// Nothing is known of its bucket until the answer to a first request.
    FirstAnswer,
    /// Its route and top-level resource are held back: a 429 said so, by a limit that others share or that its
    /// bucket does not tell of.
    Held,
    /// Whoever sends it has too much to do: see [`Outcome::Unsent`].
    Busy,
    /// The limit over all routes.
    Global,
    /// A 429 stopped all routes.
    GlobalStop,
    /// The proxy before Discord refuses everything.
    Cloudflare,
    /// Too many requests were invalid.
    Invalid,
    /// Nothing: the next [`poll`](super::Limiter::poll) decides.
    Turn,
    /// The process that has the limiter cannot be reached: see [`share`](crate::rest::share).
    Office,
}

/// Counts since the limiter was made.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Counters {
    /// Tickets granted.
    pub granted: u64,
    /// Requests refused.
    pub refused: u64,
    /// Granted tickets of which nothing was heard.
    pub expired: u64,
    /// Granted requests without an answer, or whose answer told nothing of limits where others did.
    pub lost: u64,
    /// Answers with 429 of a bucket's own limit.
    pub limited: u64,
    /// Answers with 429 of a limit that others share, or that the bucket does not tell of.
    pub held: u64,
    /// Answers with 429 of the limit over all routes.
    pub stopped: u64,
    /// Answers with 429 of the proxy before Discord.
    pub banned: u64,
    /// Fields about limits that made no sense.
    pub malformed: u64,
    /// Routes whose bucket was told to be another than before.
    pub moved: u64,
    /// Routes that were forgotten at the bound though their limit may still have held.
    pub forgotten: u64,
}

/// A limiter's state for another process. Tickets are left out: who waits asks again, and what was on its way counts
/// as lost. Times are milliseconds, rounded to the safe side.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Saved {
    /// Buckets of which more is known than their name.
    pub buckets: Vec<SavedBucket>,
    /// Routes that are held back, and for how long.
    pub held: Vec<(RouteKey, u64)>,
    /// The bucket's name that answers to a route told last, whatever its top-level resource.
    pub names: Vec<(u64, BucketHash)>,
    /// How long ago requests were counted by the limit over all routes, in the last second.
    pub counted: Vec<u64>,
    /// For how long a 429 stops all routes.
    pub stopped: u64,
    /// For how long the proxy before Discord refuses everything.
    pub banned: u64,
    /// Invalid requests of the last 10 minutes: how long ago, and how many.
    pub invalid: Vec<(u64, u32)>,
    /// Webhooks that are gone.
    pub gone: Vec<WebhookKey>,
}

/// What is known of a bucket.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct SavedBucket {
    /// Its routes.
    pub routes: Vec<RouteKey>,
    /// Its name.
    pub name: Option<BucketHash>,
    /// Requests of a window.
    pub limit: u32,
    /// Requests left in this window.
    pub remaining: u32,
    /// How long the window lasts; 0 if it has ended.
    pub ends_in: u64,
    /// The longest that a window was seen to last.
    pub period: u64,
    /// Requests that may have been counted without an answer.
    pub uncertain: u32,
}
