//! `GET /gateway/bot`.

use alloc::boxed::Box;

use serde::Deserialize;

use crate::machine::{Request, Response};
use crate::rest::{Api, RestError};

/// Where the gateway is and how it may be used (discord-api-docs, Gateway, Get Gateway Bot).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct GatewayBot {
    /// The gateway's URL.
    pub url: Box<str>,
    /// The recommended number of shards.
    pub shards: u32,
    /// How many sessions may be started.
    pub session_start_limit: SessionStartLimit,
}

/// How many sessions may be started.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
pub struct SessionStartLimit {
    /// Identifies in 24 hours.
    pub total: u32,
    /// Identifies left.
    pub remaining: u32,
    /// Milliseconds until the count starts afresh.
    pub reset_after: u64,
    /// Identifies in 5 s.
    pub max_concurrency: u32,
}

impl GatewayBot {
    /// The request.
    #[must_use]
    pub fn request(api: &Api) -> Request {
        api.get("/gateway/bot")
    }

    /// Reads the answer.
    ///
    /// # Errors
    /// If it is no success, or not what is documented.
    pub fn read(response: &Response) -> Result<Self, RestError> {
        let error = || RestError::new(response);
        if response.status != 200 {
            return Err(error());
        }
        serde_json::from_slice(&response.body).map_err(|_| error())
    }
}
