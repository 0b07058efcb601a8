//! Answers that are no success.

pub mod code;
pub mod field;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::Deserialize;
use serde_json::Value;

use crate::machine::Response;
use crate::time::Duration;

use code::Code;
use field::FieldFault;

/// The longest body in bytes of which the faults by field are read: Discord's are far shorter.
const MAX_FAULTY: usize = 1 << 20;

/// An answer that is no success (discord-api-docs, Reference, Error Messages).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RestError {
    /// HTTP status.
    pub status: u16,
    /// Discord's own code; 0 if the body had none. See [`kind`](Self::kind).
    pub code: u64,
    /// Discord's message, at most 2,000 characters of it; the first 200 characters of the body if that is not
    /// Discord's JSON.
    pub message: String,
    /// What is wrong with which field, at most [`MAX_FAULTS`](field::MAX_FAULTS).
    pub fields: Vec<FieldFault>,
    /// How many more faults there were.
    pub omitted: usize,
    /// How long to wait before a repeat, if the answer says so.
    pub retry_after: Option<Duration>,
}

/// Read whatever its fields are: one that is odd must not hide the others.
#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    code: Value,
    #[serde(default)]
    message: Value,
    #[serde(default)]
    retry_after: Value,
}

impl Body {
    fn code(&self) -> u64 {
        let text = || self.code.as_str()?.parse().ok();
        self.code.as_u64().or_else(text).unwrap_or(0)
    }

    fn retry_after(&self) -> Option<f64> {
        let text = || self.retry_after.as_str()?.parse().ok();
        self.retry_after.as_f64().or_else(text)
    }
}

/// As OAuth2 tells it (RFC 6749, section 5.2).
#[derive(Deserialize)]
struct OAuth {
    error: String,
    #[serde(default)]
    error_description: Option<String>,
}

#[derive(Deserialize)]
struct Nested {
    errors: Value,
}

impl RestError {
    /// Reads an answer whose status is no success.
    #[must_use]
    pub fn new(response: &Response) -> Self {
        let header = response.header("retry-after").and_then(|value| value.trim().parse().ok());
        let body = serde_json::from_slice::<Body>(&response.body).ok();
        let message =
            body.as_ref().and_then(|body| Some(body.message.as_str()?.chars().take(2000).collect()));
        let message = message.or_else(|| oauth(&response.body)).unwrap_or_else(|| beginning(&response.body));
        let code = body.as_ref().map_or(0, Body::code);
        let body_wait = body.as_ref().and_then(Body::retry_after);
        let nested = (response.body.len() <= MAX_FAULTY)
            .then(|| serde_json::from_slice::<Nested>(&response.body).ok())
            .flatten();
        let (fields, omitted) = nested.map_or_else(Default::default, |body| field::flatten(&body.errors));
        let retry_after = body_wait.or(header).and_then(|wait: f64| Duration::try_from_secs_f64(wait).ok());
        Self { status: response.status, code, message, fields, omitted, retry_after }
    }

    /// Discord's code, with its name.
    #[must_use]
    pub const fn kind(&self) -> Code {
        Code(self.code)
    }

    /// Whether a repeat may succeed: 429, and failures of Discord's own.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        self.status == 429 || self.status >= 500
    }

    /// What to do about it, where there is something to say.
    #[must_use]
    pub const fn advice(&self) -> Option<&'static str> {
        if let Some(advice) = self.kind().advice() {
            return Some(advice);
        }
        match self.status {
            401 => Some("the token is wrong or was reset: check DISCORD_BOT_TOKEN"),
            403 => Some("the bot may not do this: look at its permissions there"),
            404 => Some("there is no such thing: look at the ids"),
            405 => Some("Discord has no such method here"),
            413 => Some("the request is too large: send smaller or fewer files"),
            429 => Some("too many requests: wait as long as the answer says"),
            500.. => Some("Discord has a failure: try again later"),
            _ => None,
        }
    }
}

fn oauth(body: &[u8]) -> Option<String> {
    let OAuth { error, error_description } = serde_json::from_slice(body).ok()?;
    Some(error_description.unwrap_or(error).chars().take(2000).collect())
}

/// The first 200 characters. No character has more than 4 bytes.
fn beginning(body: &[u8]) -> String {
    let head = body.get(..800).unwrap_or(body);
    String::from_utf8_lossy(head).chars().take(200).collect()
}

/// One line: status, code, message, the faults of fields, what to do.
impl fmt::Display for RestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Discord answered with HTTP status {}", self.status)?;
        if self.code != 0 {
            write!(f, ", code {}", self.kind())?;
        }
        write!(f, ": {}", self.message)?;
        for fault in &self.fields {
            write!(f, "; {fault}")?;
        }
        if self.omitted > 0 {
            write!(f, "; and {} more", self.omitted)?;
        }
        if self.status == 401 && self.kind().advice().is_some() {
            f.write_str(" (check DISCORD_BOT_TOKEN)")?;
        }
        match self.advice() {
            Some(advice) => write!(f, " ({advice})"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
