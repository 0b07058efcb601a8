//! What a webhook's id, or a webhook, is asked for.

use alloc::string::String;

use crate::id::{MessageId, WebhookId};
use crate::object::Webhook;
use crate::rest::call::Call;
use crate::rest::endpoint::*;

impl WebhookId {
    /// The webhook: [`GetWebhook`].
    pub fn get(self) -> Call<GetWebhook> {
        GetWebhook::new(self)
    }

    /// Edits the webhook: [`EditWebhook`].
    pub fn edit(self) -> Call<EditWebhook> {
        EditWebhook::new(self)
    }

    /// Deletes the webhook for good: [`DeleteWebhook`].
    pub fn delete(self) -> Call<DeleteWebhook> {
        DeleteWebhook::new(self)
    }

    /// Sends a text as the webhook, with its token: [`ExecuteWebhook`].
    pub fn send(self, token: impl Into<String>, content: impl Into<String>) -> Call<ExecuteWebhook> {
        self.compose(token).content(content)
    }

    /// A message, with what is set on it, as the webhook, with its token: [`ExecuteWebhook`].
    pub fn compose(self, token: impl Into<String>) -> Call<ExecuteWebhook> {
        ExecuteWebhook::new(self, token)
    }
}

impl Webhook {
    fn secret(&self) -> Option<String> {
        self.token.as_ref().map(|token| token.expose().into())
    }

    /// Sends a text as it: [`ExecuteWebhook`]. `None` if its token did not come.
    #[must_use]
    pub fn send(&self, content: impl Into<String>) -> Option<Call<ExecuteWebhook>> {
        Some(self.id.send(self.secret()?, content))
    }

    /// A message, with what is set on it, as it: [`ExecuteWebhook`]. `None` if its token did not come.
    #[must_use]
    pub fn compose(&self) -> Option<Call<ExecuteWebhook>> {
        Some(self.id.compose(self.secret()?))
    }

    /// Edits it: [`EditWebhook`].
    pub fn edit(&self) -> Call<EditWebhook> {
        self.id.edit()
    }

    /// Deletes it for good: [`DeleteWebhook`].
    pub fn delete(&self) -> Call<DeleteWebhook> {
        self.id.delete()
    }

    /// A message that it sent: [`GetWebhookMessage`]. `None` if its token did not come.
    #[must_use]
    pub fn message(&self, message: impl Into<MessageId>) -> Option<Call<GetWebhookMessage>> {
        Some(GetWebhookMessage::new(self.id, self.secret()?, message))
    }

    /// Edits a message that it sent: [`EditWebhookMessage`]. `None` if its token did not come.
    #[must_use]
    pub fn edit_message(&self, message: impl Into<MessageId>) -> Option<Call<EditWebhookMessage>> {
        Some(EditWebhookMessage::new(self.id, self.secret()?, message))
    }

    /// Deletes a message that it sent: [`DeleteWebhookMessage`]. `None` if its token did not come.
    #[must_use]
    pub fn delete_message(&self, message: impl Into<MessageId>) -> Option<Call<DeleteWebhookMessage>> {
        Some(DeleteWebhookMessage::new(self.id, self.secret()?, message))
    }
}
