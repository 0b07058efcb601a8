//! What an answer says about limits.

use serde::{Deserialize, Serialize};

use crate::machine::Response;
use crate::rest::route::{START, fnv, mix};
use crate::time::Duration;

/// What an answer says about limits (discord-api-docs, Rate Limits), read from its status, header fields and body.
///
/// `X-RateLimit-Reset` is not read: `Reset-After` says the same without a clock that would have to agree.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Limits {
    /// HTTP status.
    pub status: u16,
    /// Discord's error code, of answers with 401, 404 and 429 only; 0 if there was none.
    pub code: u64,
    /// Requests that a window takes; at least 1.
    pub limit: Option<u32>,
    /// Requests that are left in this window; at most `limit`.
    pub remaining: Option<u32>,
    /// How long the window lasts from when Discord counted the request.
    pub reset_after: Option<Duration>,
    /// The bucket's name, as a number: it means something only together with the top-level resource.
    pub bucket: Option<BucketHash>,
    /// Of a 429: whose limit it was.
    pub limited: Option<Limited>,
    /// Of a 429: how long to wait, as Discord said it, however long.
    pub retry_after: Option<Duration>,
    /// Fields that were there and made no sense: negative, not a number, beyond all bounds.
    pub malformed: u8,
}

/// Whose limit a 429 was.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum Limited {
    /// The bot's, in a bucket.
    User,
    /// A limit within a bucket that says that it has requests left, such as that of renaming a channel.
    Sub,
    /// The resource's, whoever asks.
    Shared,
    /// The bot's, over all routes.
    Global,
    /// That of the proxy before Discord, which bans an address.
    Cloudflare,
}

/// The name of a bucket, as a number.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct BucketHash(pub(crate) u64);

#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    code: Option<u64>,
    retry_after: Option<f64>,
    global: Option<bool>,
}

impl Limits {
    /// Reads an answer of any status.
    #[must_use]
    pub fn read(response: &Response) -> Self {
        let mut limits = Self { status: response.status, ..Self::default() };
        let (mut scope, mut global, mut wait, mut via) = (None, false, None, false);
        for (name, value) in &response.headers {
            let value = value.trim();
            let Some(field) = name.strip_prefix("x-ratelimit-") else {
                match &**name {
                    "retry-after" => wait = limits.tame(seconds(value)),
                    // Other proxies may stand on the way.
                    "via" => via |= value.contains("google"),
                    _ => {}
                }
                continue;
            };
            match field {
                "limit" => limits.limit = limits.tame(count(value)).map(|limit| limit.max(1)),
                "remaining" => limits.remaining = limits.tame(count(value)),
                "reset-after" => limits.reset_after = limits.tame(seconds(value)),
                "bucket" if !value.is_empty() => {
                    limits.bucket = Some(BucketHash(mix(fnv(START, value.as_bytes()))));
                }
                "scope" => scope = Some(value),
                "global" => global = value == "true",
                _ => {}
            }
        }
        if let (Some(limit), Some(remaining)) = (limits.limit, limits.remaining)
            && remaining > limit
        {
            limits.remaining = Some(limit);
            limits.malformed = limits.malformed.saturating_add(1);
        }
        if !matches!(response.status, 401 | 404 | 429) {
            return limits;
        }
        let body = response.body.get(..response.body.len().min(LONGEST_BODY)).unwrap_or_default();
        let body: Option<Body> = serde_json::from_slice(body).ok();
        let known = body.as_ref().is_some_and(|body| body.retry_after.is_some());
        let Body { code, retry_after, global: told_global } = body.unwrap_or_default();
        limits.code = code.unwrap_or(0);
        let told_global = told_global.unwrap_or(false);
        if response.status == 429 {
            let own = retry_after.map(from_seconds);
            limits.retry_after = own.and_then(|own| limits.tame(own)).or(wait);
            let headers = limits.has_window() || limits.bucket.is_some() || scope.is_some();
            limits.limited = Some(if global || told_global || scope == Some("global") {
                Limited::Global
            } else if scope == Some("shared") {
                Limited::Shared
            } else if !known && !via && !headers {
                Limited::Cloudflare
            } else if limits.remaining.is_some_and(|remaining| remaining > 0) {
                Limited::Sub
            } else {
                Limited::User
            });
        }
        limits
    }

    /// Whether the answer tells of a window.
    #[must_use]
    pub const fn has_window(&self) -> bool {
        self.limit.is_some() || self.remaining.is_some()
    }

    /// Whether Discord counts the answer among the invalid ones, too many of which ban an address.
    #[must_use]
    pub fn is_invalid(&self) -> bool {
        matches!(self.status, 401 | 403) || self.status == 429 && self.limited != Some(Limited::Shared)
    }

    /// Brings values that did not come from [`read`](Self::read) within what it lets through.
    pub(crate) fn bound(&mut self) {
        self.limit = self.limit.map(|limit| limit.max(1));
        if let (Some(limit), Some(remaining)) = (self.limit, &mut self.remaining) {
            *remaining = limit.min(*remaining);
        }
        for wait in [&mut self.reset_after, &mut self.retry_after] {
            *wait = wait.filter(|wait| *wait <= LONGEST_WAIT);
        }
    }

    fn tame<T>(&mut self, value: Result<T, Absurd>) -> Option<T> {
        if value.is_err() {
            self.malformed = self.malformed.saturating_add(1);
        }
        value.ok()
    }
}

/// A value that makes no sense.
struct Absurd;

fn count(value: &str) -> Result<u32, Absurd> {
    value.parse().map_err(|_| Absurd)
}

fn seconds(value: &str) -> Result<Duration, Absurd> {
    value.parse().map_err(|_| Absurd).and_then(from_seconds)
}

fn from_seconds(seconds: f64) -> Result<Duration, Absurd> {
    Duration::try_from_secs_f64(seconds).ok().filter(|time| *time <= LONGEST_WAIT).ok_or(Absurd)
}

/// What is longer was not meant: a hundred years.
const LONGEST_WAIT: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
/// Bytes of a body that are looked at; errors are shorter.
const LONGEST_BODY: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use alloc::string::String;
    use alloc::vec::Vec;

    use super::*;

    fn answer(status: u16, headers: &str, body: &str) -> Limits {
        let headers = headers.lines().filter_map(|line| line.trim().split_once(": "));
        let headers = headers.map(|(name, value)| (name.into(), value.into())).collect::<Vec<_>>();
        Limits::read(&Response { status, headers, body: String::from(body).into() })
    }

    const HEADERS: &str = "x-ratelimit-limit: 5\nx-ratelimit-remaining: 3\nx-ratelimit-reset: 1470173023.123
        x-ratelimit-reset-after: 1.25\nx-ratelimit-bucket: abcd1234";

    #[test]
    fn reads_a_window() {
        let limits = answer(200, HEADERS, "{}");
        assert_eq!((limits.limit, limits.remaining), (Some(5), Some(3)));
        assert_eq!(limits.reset_after, Some(Duration::from_millis(1250)));
        assert_eq!((limits.limited, limits.malformed), (None, 0));
        assert_eq!(limits.bucket, answer(404, "x-ratelimit-bucket: abcd1234", "").bucket);
        assert_ne!(limits.bucket, answer(404, "x-ratelimit-bucket: abcd1235", "").bucket);
        assert!(!answer(200, "x-ratelimit-bucket: ", "").has_window());
    }

    #[test]
    fn absurd_values_are_left_out_and_counted() {
        for value in ["-1", "NaN", "nan", "inf", "1e30", "-inf", "", "soon", "1,5"] {
            let text = alloc::format!("x-ratelimit-limit: 5\nx-ratelimit-reset-after: {value}");
            // A field without a value is none to the table's own splitting.
            let text = text.replace(": \n", ": -\n");
            let limits = answer(200, &text, "");
            assert_eq!((limits.reset_after, limits.limit), (None, Some(5)), "{value}");
        }
        for value in ["-1", "1.5", "99999999999", "x"] {
            let text = alloc::format!("x-ratelimit-limit: {value}\nx-ratelimit-remaining: {value}");
            let limits = answer(200, &text, "");
            assert_eq!((limits.limit, limits.remaining, limits.malformed), (None, None, 2), "{value}");
        }
        let limits = answer(200, "x-ratelimit-limit: 5\nx-ratelimit-remaining: 9", "");
        assert_eq!((limits.remaining, limits.malformed), (Some(5), 1));
        assert_eq!(answer(200, "x-ratelimit-limit: 0", "").limit, Some(1));
        assert_eq!(answer(200, "x-ratelimit-reset-after: 1e-30", "").reset_after, Some(Duration::ZERO));
    }

    #[test]
    fn tells_whose_limit_it_was() {
        let json = r#"{"message":"You are being rate limited.","retry_after":64.57,"global":false}"#;
        let global = r#"{"message":"","retry_after":1,"global":true,"code":7}"#;
        let none = "x-ratelimit-limit: 5\nx-ratelimit-remaining: 0\nx-ratelimit-reset-after: 2";
        for (headers, body, limited, wait) in [
            (none, json, Limited::User, Some(64_570)),
            ("retry-after: 65", json, Limited::User, Some(64_570)),
            (HEADERS, json, Limited::Sub, Some(64_570)),
            ("x-ratelimit-scope: shared", json, Limited::Shared, Some(64_570)),
            ("x-ratelimit-remaining: 3\nx-ratelimit-scope: shared", json, Limited::Shared, Some(64_570)),
            ("", global, Limited::Global, Some(1000)),
            ("x-ratelimit-global: true\nretry-after: 3", "{}", Limited::Global, Some(3000)),
            ("x-ratelimit-scope: global", json, Limited::Global, Some(64_570)),
            ("retry-after: 600", "<html>error 1015</html>", Limited::Cloudflare, Some(600_000)),
            ("", "error code: 1015", Limited::Cloudflare, None),
            ("via: 1.1 squid\nretry-after: 2", "<html>", Limited::Cloudflare, Some(2000)),
            ("via: 1.1 google\nretry-after: 2", "<html>", Limited::User, Some(2000)),
            ("retry-after: 172800", r#"{"retry_after":-1}"#, Limited::User, Some(172_800_000)),
            ("", r#"{"retry_after":1e30}"#, Limited::User, None),
        ] {
            let limits = answer(429, headers, body);
            assert_eq!(limits.limited, Some(limited), "{headers} {body}");
            assert_eq!(limits.retry_after, wait.map(Duration::from_millis), "{headers} {body}");
            assert_eq!(limits.is_invalid(), limited != Limited::Shared);
        }
        assert_eq!(answer(429, "", global).code, 7);
        assert_eq!(answer(404, "", r#"{"message":"Unknown Webhook","code":10015}"#).code, 10_015);
        let [missing, forbidden, unauthorized] = [404, 403, 401].map(|status| answer(status, "", ""));
        assert!(!missing.is_invalid() && forbidden.is_invalid() && unauthorized.is_invalid());
    }
}
