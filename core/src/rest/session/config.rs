//! What a session needs to know.

use alloc::boxed::Box;

use crate::rest::api::{Api, EXCHANGE};
use crate::rest::limiter;
use crate::time::Duration;

/// What a session needs to know.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Base URL and tokens.
    pub api: Api,
    /// Limits that are not learned. Where an office has them, only `tickets` counts.
    pub limits: limiter::Config,
    /// The WebSocket URL of the [office](crate::rest::share) that has the limits, such as `ws://127.0.0.1:7071`, if
    /// several processes share them. If not, the session has limiters of its own.
    pub limits_at: Option<Box<str>>,
    /// How long a call may take that says nothing itself, waiting and repeats included: 10 minutes, the longest
    /// limit that is known (a channel's name).
    pub deadline: Duration,
    /// How often a call is tried at most when the network or Discord fails; limits do not count. 5.
    pub attempts: u32,
    /// How long one HTTP exchange may take that carries no file: [`EXCHANGE`].
    pub exchange: Duration,
    /// The same for one that carries files, or saves one, and names no deadline of its own: 5 minutes.
    pub transfer: Duration,
    /// Calls at once, waiting ones included; more are refused. 100,000.
    pub capacity: usize,
    /// Unix time in milliseconds at [`Timestamp::ZERO`](crate::time::Timestamp::ZERO), as far as it is known. With it, deletions of messages of
    /// more than 14 days are told from others, which have a limit of their own.
    pub epoch: Option<u64>,
}

impl Config {
    /// The defaults, for this API.
    #[must_use]
    pub fn new(api: Api) -> Self {
        Self {
            api,
            limits: limiter::Config::default(),
            limits_at: None,
            deadline: Duration::from_secs(600),
            attempts: 5,
            exchange: EXCHANGE,
            transfer: Duration::from_secs(300),
            capacity: 100_000,
            epoch: None,
        }
    }
}
