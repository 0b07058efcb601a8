//! Discord's HTTP API, version 10: requests as values.
//!
//! What a connection needs is here: `GET /gateway/bot`. [`error`] reads answers that are no success.

pub mod error;
pub mod gateway;

use alloc::boxed::Box;
use alloc::format;
use alloc::vec;
use core::fmt;

use crate::machine::{Body, Method, Request};
use crate::secret::Token;
use crate::time::Duration;

pub use error::RestError;
pub use gateway::GatewayBot;

/// Where the API is, unless told otherwise.
pub const API_BASE: &str = "https://discord.com/api/v10";

/// Who we are (discord-api-docs, Reference, User Agent): Discord refuses requests without it.
const USER_AGENT: &str =
    concat!("DiscordBot (", env!("CARGO_PKG_REPOSITORY"), ", ", env!("CARGO_PKG_VERSION"), ")");

/// How long a request may take, connecting included.
const DEADLINE: Duration = Duration::from_secs(15);

/// The API as one bot sees it.
#[derive(Clone)]
pub struct Api {
    base: Box<str>,
    authorization: Box<str>,
}

impl Api {
    /// The API at `base`, such as [`API_BASE`]: a URL with its version and without a trailing slash.
    #[must_use]
    pub fn new(base: &str, token: &Token) -> Self {
        Self {
            base: base.trim_end_matches('/').into(),
            authorization: format!("Bot {}", token.expose()).into(),
        }
    }

    /// The API's base URL, without a trailing slash.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// A request without a body. The path starts with a slash.
    #[must_use]
    pub fn request(&self, method: Method, path: &str) -> Request {
        Request {
            method,
            url: format!("{}{path}", self.base).into(),
            headers: vec![("authorization", self.authorization.clone()), ("user-agent", USER_AGENT.into())],
            body: Body::Empty,
            save: None,
            progress: false,
            deadline: DEADLINE,
        }
    }
}

/// Hides the token.
impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Api({})", self.base)
    }
}
