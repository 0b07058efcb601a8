//! Webhooks by their URLs, as Discord's clients hand them out.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use thiserror::Error;

use crate::id::{ChannelId, MessageId, WebhookId};
use crate::rest::api::API_BASE;
use crate::rest::call::Call;
use crate::rest::endpoint::{
    DeleteWebhookMessage, DeleteWebhookWithToken, EditWebhookMessage, EditWebhookWithToken, ExecuteWebhook,
    GetWebhookMessage, GetWebhookWithToken,
};

/// A webhook's URL, `https://discord.com/api/webhooks/<id>/<token>`. Whoever has it may send; `Debug` hides the token.
///
/// Of its query, `thread_id` and `with_components` hold for what is made of it, as far as they mean something there.
/// `wait` does not: a sent message is waited for, unless [`without_wait`](Call::without_wait) says otherwise.
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
    thread: Option<ChannelId>,
    with_components: Option<bool>,
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

    /// The thread that the URL names with `thread_id`.
    #[must_use]
    pub const fn thread(&self) -> Option<ChannelId> {
        self.thread
    }

    /// Sends a text as the webhook: [`ExecuteWebhook`].
    pub fn send(&self, content: impl Into<String>) -> Call<ExecuteWebhook> {
        self.compose().content(content)
    }

    /// A message, with what is set on it: [`ExecuteWebhook`].
    pub fn compose(&self) -> Call<ExecuteWebhook> {
        let mut call = ExecuteWebhook::new(self.id, &*self.token);
        if let Some(thread) = self.thread {
            call = call.thread_id(thread);
        }
        match self.with_components {
            Some(with) => call.with_components(with),
            None => call,
        }
    }

    /// The webhook: [`GetWebhookWithToken`].
    pub fn get(&self) -> Call<GetWebhookWithToken> {
        GetWebhookWithToken::new(self.id, &*self.token)
    }

    /// Edits the webhook: [`EditWebhookWithToken`].
    pub fn edit(&self) -> Call<EditWebhookWithToken> {
        EditWebhookWithToken::new(self.id, &*self.token)
    }

    /// Deletes the webhook for good: [`DeleteWebhookWithToken`].
    pub fn delete(&self) -> Call<DeleteWebhookWithToken> {
        DeleteWebhookWithToken::new(self.id, &*self.token)
    }

    /// A message that it sent: [`GetWebhookMessage`].
    pub fn message(&self, message: impl Into<MessageId>) -> Call<GetWebhookMessage> {
        let call = GetWebhookMessage::new(self.id, &*self.token, message);
        match self.thread {
            Some(thread) => call.thread_id(thread),
            None => call,
        }
    }

    /// Edits a message that it sent: [`EditWebhookMessage`].
    pub fn edit_message(&self, message: impl Into<MessageId>) -> Call<EditWebhookMessage> {
        let mut call = EditWebhookMessage::new(self.id, &*self.token, message);
        if let Some(thread) = self.thread {
            call = call.thread_id(thread);
        }
        match self.with_components {
            Some(with) => call.with_components(with),
            None => call,
        }
    }

    /// Deletes a message that it sent: [`DeleteWebhookMessage`].
    pub fn delete_message(&self, message: impl Into<MessageId>) -> Call<DeleteWebhookMessage> {
        let call = DeleteWebhookMessage::new(self.id, &*self.token, message);
        match self.thread {
            Some(thread) => call.thread_id(thread),
            None => call,
        }
    }
}

impl FromStr for WebhookUrl {
    type Err = NoWebhookUrl;

    fn from_str(text: &str) -> Result<Self, NoWebhookUrl> {
        let text = text.trim();
        let (base, path) = text.split_once("/webhooks/").ok_or(NoWebhookUrl)?;
        let (_, place) = base.split_once("://").ok_or(NoWebhookUrl)?;
        let is_web = base.starts_with("https://") || base.starts_with("http://");
        let path = path.split('#').next().unwrap_or_default();
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let (mut thread, mut with_components) = (None, None);
        for (name, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            // What cannot be read is not passed over: the message would go elsewhere.
            match name {
                "thread_id" => thread = Some(value.parse().map_err(|_| NoWebhookUrl)?),
                "with_components" => with_components = Some(boolean(value).ok_or(NoWebhookUrl)?),
                _ => {}
            }
        }
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
        let id = id.parse().map_err(|_| NoWebhookUrl)?;
        Ok(Self { id, token: token.to_owned(), base, thread, with_components })
    }
}

/// A boolean of a query (discord-api-docs, Reference, Boolean Query Strings).
fn boolean(text: &str) -> Option<bool> {
    match text {
        "true" | "True" | "1" => Some(true),
        "false" | "False" | "0" => Some(false),
        _ => None,
    }
}

impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebhookUrl({})", self.id)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::vec::Vec;

    use super::*;
    use crate::rest::Draft;

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
        let url = "https://discord.com/api/webhooks/5/t?wait=false&thread_id=7&x&with_components=True#y";
        let webhook: WebhookUrl = url.parse().unwrap();
        assert_eq!(webhook.thread(), Some(ChannelId(7)));
        let query = |draft: &Draft| {
            let pairs = draft.queries().iter().map(|(name, value)| format!("{name}={value}"));
            pairs.collect::<Vec<_>>().join("&")
        };
        for (draft, asked, all) in [
            (
                webhook.send("x").into_draft(),
                "POST /webhooks/5/..",
                "wait=true&thread_id=7&with_components=true",
            ),
            (webhook.message(MessageId(9)).into_draft(), "GET /webhooks/5/..", "thread_id=7"),
            (
                webhook.edit_message(MessageId(9)).into_draft(),
                "PATCH /webhooks/5/..",
                "thread_id=7&with_components=true",
            ),
            (webhook.delete_message(MessageId(9)).into_draft(), "DELETE /webhooks/5/..", "thread_id=7"),
            (webhook.get().into_draft(), "GET /webhooks/5/..", ""),
            (webhook.edit().into_draft(), "PATCH /webhooks/5/..", ""),
            (webhook.delete().into_draft(), "DELETE /webhooks/5/..", ""),
        ] {
            assert_eq!((&*draft.to_string(), &*query(&draft)), (asked, all));
            let path = draft.path();
            assert!(path == "/webhooks/5/t" || path == "/webhooks/5/t/messages/9", "{path}");
        }
        let elsewhere = webhook.compose().thread_id(ChannelId(8)).into_draft();
        assert_eq!(query(&elsewhere), "wait=true&with_components=true&thread_id=8");
        for url in [
            "",
            "https://discord.com/api/webhooks/5/a?thread_id=",
            "https://discord.com/api/webhooks/5/a?thread_id=x",
            "https://discord.com/api/webhooks/5/a?with_components=maybe",
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
