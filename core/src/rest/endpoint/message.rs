//! Messages (discord-api-docs, Message).

use alloc::string::String;
use alloc::vec::Vec;

use serde_json::Value;

use crate::id::{ChannelId, MessageId};
use crate::object::{Message, MessageFlags};
use crate::rest::call::Call;
use crate::rest::endpoint::endpoints;
use crate::rest::upload::File;

endpoints! {
    /// A page of a channel's messages, the newest first. Without the permission READ_MESSAGE_HISTORY it is empty.
    GetMessages: Get "/channels/" {channel_id: ChannelId} "/messages" => Vec<Message> {
        /// Around this message.
        query around: MessageId;
        /// Older than this message.
        query before: MessageId;
        /// Newer than this message.
        query after: MessageId;
        /// How many at most; 50 if not given.
        query limit: u32, 1..=100;
        [one of around before after]
    }

    /// One message.
    GetMessage: Get "/channels/" {channel_id: ChannelId} "/messages/" {message_id: MessageId} => Message {}

    /// Sends a message.
    CreateMessage: Post "/channels/" {channel_id: ChannelId} "/messages" => Message {
        /// The text.
        body content: String, 0..=2000;
        /// Whether it is read out.
        body tts: bool;
        /// Rich parts.
        body embeds: Vec<Value>, 0..=10;
        /// The flags: SUPPRESS_EMBEDS, SUPPRESS_NOTIFICATIONS, IS_VOICE_MESSAGE, IS_COMPONENTS_V2.
        body flags: MessageFlags;
        /// What it is told by: a message with a nonce that was there within minutes is not sent again, so the call
        /// may be repeated.
        body nonce: String, 1..=25;
    }

    /// Deletes messages younger than 14 days.
    BulkDeleteMessages: Post "/channels/" {channel_id: ChannelId} "/messages/bulk-delete" => () {
        /// Which messages.
        must messages: Vec<MessageId>, 2..=100;
    }
}

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
