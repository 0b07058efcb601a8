//! Requests by what they are about: an id's or object's methods.

use alloc::string::String;

use crate::id::{ChannelId, MessageId};
use crate::rest::call::Call;
use crate::rest::endpoint::{CreateMessage, ExecuteWebhook, ExecuteWebhookUnseen, GetMessages};
use crate::rest::upload::File;

impl Call<CreateMessage> {
    /// Makes it a reply to a message of the same channel.
    pub fn reply_to(mut self, message: impl Into<MessageId>) -> Self {
        self.draft.set("message_reference", serde_json::json!({ "message_id": message.into() }));
        self
    }

    /// Adds a file; at most 10.
    pub fn file(mut self, file: File) -> Self {
        self.draft.files.push(file);
        self
    }

    /// What it is told by: a message with a nonce that was there within minutes is not sent again, so the call may
    /// be repeated.
    pub fn nonce(mut self, nonce: impl Into<String>) -> Self {
        let nonce = nonce.into();
        self.draft.check(crate::rest::invalid::check("nonce", &nonce, 1..=25));
        self.draft.set("nonce", nonce);
        self.draft.set("enforce_nonce", true);
        self.draft.repeatable = true;
        self
    }
}

impl Call<ExecuteWebhook> {
    /// Does not wait until the message is there: the answer comes before, and a failure is not told.
    pub fn without_wait(mut self) -> Call<ExecuteWebhookUnseen> {
        self.draft.query.retain(|(name, _)| name != "wait");
        Call::from_draft(self.draft)
    }
}

impl ChannelId {
    /// Sends a text: [`CreateMessage`].
    pub fn send(self, content: impl Into<String>) -> Call<CreateMessage> {
        CreateMessage::new(self).content(content)
    }

    /// A page of messages: [`GetMessages`].
    pub fn messages(self) -> Call<GetMessages> {
        GetMessages::new(self)
    }
}
