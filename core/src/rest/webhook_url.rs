//! Webhooks by their URLs, as Discord's clients hand them out.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use thiserror::Error;

use crate::id::WebhookId;
use crate::rest::api::API_BASE;
use crate::rest::call::Call;
use crate::rest::endpoint::ExecuteWebhook;

/// A webhook's URL, `https://discord.com/api/webhooks/<id>/<token>`. Whoever has it may send; `Debug` hides the token.
///
/// ```
/// use sanscord::rest::WebhookUrl;
///
/// let webhook: WebhookUrl = "https://discord.com/api/webhooks/223704706495545344/3d89bb7572e0".parse()?;
/// assert_eq!(webhook.send("hi").to_string(), "POST /webhooks/223704706495545344/..");
/// # Ok::<(), sanscord::rest::webhook_url::NoWebhookUrl>(())
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct WebhookUrl {
    id: WebhookId,
    token: String,
    base: String,
}

/// A text is no webhook's URL.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("this is no webhook's URL, such as https://discord.com/api/webhooks/<id>/<token>")]
pub struct NoWebhookUrl;

impl WebhookUrl {
    /// Which webhook.
    #[must_use]
    pub const fn id(&self) -> WebhookId {
        self.id
    }

    /// What makes it work; a secret.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The base URL of the API that it belongs to, with its version: [`API_BASE`] for Discord's. A client calls the
    /// API that it was made for, whatever this says.
    #[must_use]
    pub fn api_base(&self) -> &str {
        &self.base
    }

    /// Sends a text as the webhook: [`ExecuteWebhook`].
    pub fn send(&self, content: impl Into<String>) -> Call<ExecuteWebhook> {
        self.id.send(self.token.clone(), content)
    }
}

impl FromStr for WebhookUrl {
    type Err = NoWebhookUrl;

    fn from_str(text: &str) -> Result<Self, NoWebhookUrl> {
        let text = text.trim();
        let (base, path) = text.split_once("/webhooks/").ok_or(NoWebhookUrl)?;
        let (_, place) = base.split_once("://").ok_or(NoWebhookUrl)?;
        let is_web = base.starts_with("https://") || base.starts_with("http://");
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let (id, token) = path.split_once('/').ok_or(NoWebhookUrl)?;
        let token = token.trim_end_matches('/');
        let is_good = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let is_id = id.bytes().all(|byte| byte.is_ascii_digit());
        if !is_web || !is_id || token.is_empty() || !token.chars().all(is_good) {
            return Err(NoWebhookUrl);
        }
        let host = place.split('/').next().unwrap_or_default();
        let domain =
            |domain: &str| host == domain || host.strip_suffix(domain).is_some_and(|sub| sub.ends_with('.'));
        let base = match () {
            () if host.is_empty() || host.contains('@') => return Err(NoWebhookUrl),
            // Without a version it would be one that Discord no longer documents.
            () if domain("discord.com") || domain("discordapp.com") => API_BASE.to_owned(),
            () if base.ends_with("/api") => format!("{base}/v10"),
            () => base.to_owned(),
        };
        Ok(Self { id: id.parse().map_err(|_| NoWebhookUrl)?, token: token.to_owned(), base })
    }
}

impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebhookUrl({})", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_as_clients_hand_them_out() {
        for (url, base) in [
            ("https://discord.com/api/webhooks/5/a-b_C", API_BASE),
            (" https://canary.discord.com/api/v9/webhooks/5/a-b_C/?wait=true\n", API_BASE),
            ("https://discordapp.com/api/webhooks/5/a-b_C#x", API_BASE),
            ("http://127.0.0.1:80/api/v10/webhooks/5/a-b_C", "http://127.0.0.1:80/api/v10"),
            ("https://notdiscord.com/api/webhooks/5/a-b_C", "https://notdiscord.com/api/v10"),
        ] {
            let webhook: WebhookUrl = url.parse().unwrap();
            assert_eq!((webhook.id(), webhook.token(), webhook.api_base()), (WebhookId(5), "a-b_C", base));
            assert!(!format!("{webhook:?} {} {:?}", webhook.send("x"), webhook.send("x")).contains("a-b_C"));
        }
        for url in [
            "",
            "discord.com/api/webhooks/5/a",
            "ftp://discord.com/api/webhooks/5/a",
            "https://discord.com/api/webhooks/5",
            "https://discord.com/api/webhooks/5/",
            "https://discord.com/api/webhooks/x/a",
            "https://discord.com/api/webhooks/+5/a",
            "https://discord.com/api/webhooks/99999999999999999999/a",
            "https://discord.com/api/webhooks/5/a/../b",
            "https://discord.com@evil.example/api/webhooks/5/a",
            "https:///webhooks/5/a",
        ] {
            assert_eq!(url.parse::<WebhookUrl>(), Err(NoWebhookUrl), "{url}");
        }
    }
}
