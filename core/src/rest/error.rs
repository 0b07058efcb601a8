//! Answers that are no success.

use alloc::string::String;
use core::fmt;

use serde::Deserialize;

use crate::machine::Response;
use crate::time::Duration;

/// An answer that is no success (discord-api-docs, Reference, Error Messages).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RestError {
    /// HTTP status.
    pub status: u16,
    /// Discord's own code; 0 if the body had none.
    pub code: u64,
    /// Discord's message, at most 2,000 characters of it; the first 200 characters of the body if that is not
    /// Discord's JSON.
    pub message: String,
    /// How long to wait before a repeat, if the answer says so.
    pub retry_after: Option<Duration>,
}

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    code: u64,
    message: String,
    #[serde(default)]
    retry_after: Option<f64>,
}

impl RestError {
    /// Reads an answer whose status is no success.
    #[must_use]
    pub fn new(response: &Response) -> Self {
        let header = response.header("retry-after").and_then(|value| value.trim().parse().ok());
        let (code, message, body_wait) = match serde_json::from_slice::<Body>(&response.body) {
            Ok(body) => (body.code, body.message.chars().take(2000).collect(), body.retry_after),
            Err(_) => (0, String::from_utf8_lossy(&response.body).chars().take(200).collect(), None),
        };
        let retry_after = body_wait.or(header).and_then(|wait: f64| Duration::try_from_secs_f64(wait).ok());
        Self { status: response.status, code, message, retry_after }
    }

    /// Whether a repeat may succeed: 429, and failures of Discord's own.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        self.status == 429 || self.status >= 500
    }
}

impl fmt::Display for RestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Discord answered with HTTP status {}", self.status)?;
        if self.code != 0 {
            write!(f, ", code {}", self.code)?;
        }
        write!(f, ": {}", self.message)?;
        if self.status == 401 {
            f.write_str(" (the bot token is wrong or was reset: check DISCORD_BOT_TOKEN)")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::vec;

    use super::*;

    fn response(status: u16, body: &'static str) -> Response {
        let headers = vec![("retry-after".into(), "3".into())];
        Response { status, headers, body: body.into() }
    }

    #[test]
    fn reads_discords_errors_and_other_peoples() {
        let error = RestError::new(&response(429, r#"{"message":"slow","retry_after":0.5,"global":false}"#));
        assert_eq!((error.retry_after, error.is_transient()), (Some(Duration::from_millis(500)), true));
        let error = RestError::new(&response(401, r#"{"message":"401: Unauthorized","code":0}"#));
        assert!(error.to_string().contains("DISCORD_BOT_TOKEN"));
        assert!(!error.is_transient());
        let error = RestError::new(&response(503, "<html>"));
        assert_eq!(
            (error.code, &*error.message, error.retry_after),
            (0, "<html>", Some(Duration::from_secs(3)))
        );
        let endless = RestError::new(&response(429, r#"{"message":"","retry_after":-1}"#));
        assert_eq!(endless.retry_after, None);
    }
}
