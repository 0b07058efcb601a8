//! What a message is asked for.

use alloc::string::String;

use serde_json::json;

use crate::id::{ChannelId, GuildId};
use crate::object::Message;
use crate::rest::call::Call;
use crate::rest::draft::Known;
use crate::rest::endpoint::*;
use crate::rest::value::EmojiName;

impl Message {
    /// Replies with a text: [`CreateMessage`].
    pub fn reply(&self, content: impl Into<String>) -> Call<CreateMessage> {
        self.channel_id.send(content).reply_to(self.id)
    }

    /// Forwards it to a channel: [`CreateMessage`].
    pub fn forward(&self, channel: impl Into<ChannelId>) -> Call<CreateMessage> {
        CreateMessage::new(channel).forward(self.channel_id, self.id)
    }

    /// The message as it is now: [`GetMessage`].
    pub fn refresh(&self) -> Call<GetMessage> {
        self.channel_id.message(self.id)
    }

    /// Edits it: [`EditMessage`]. Its files are kept, unless [`keep`](Call::keep) says otherwise, and so are its flags
    /// when [one](Call::flag) is changed.
    pub fn edit(&self) -> Call<EditMessage> {
        let mut call = self.channel_id.edit_message(self.id);
        call.draft.known = Known {
            attachments: self.attachments.iter().map(|file| json!({ "id": file.id })).collect(),
            flags: self.flags.0,
        };
        call
    }

    /// Deletes it: [`DeleteMessage`].
    pub fn delete(&self) -> Call<DeleteMessage> {
        self.channel_id.delete_message(self.id)
    }

    /// Reacts to it: [`CreateReaction`].
    pub fn react(&self, emoji: impl Into<EmojiName>) -> Call<CreateReaction> {
        self.channel_id.react(self.id, emoji)
    }

    /// Takes the own reaction back: [`DeleteOwnReaction`].
    pub fn unreact(&self, emoji: impl Into<EmojiName>) -> Call<DeleteOwnReaction> {
        DeleteOwnReaction::new(self.channel_id, self.id, emoji)
    }

    /// Who reacted with an emoji: [`GetReactions`].
    pub fn reacted(&self, emoji: impl Into<EmojiName>) -> Call<GetReactions> {
        self.channel_id.reactions(self.id, emoji)
    }

    /// Pins it: [`PinMessage`].
    pub fn pin(&self) -> Call<PinMessage> {
        self.channel_id.pin(self.id)
    }

    /// Unpins it: [`UnpinMessage`].
    pub fn unpin(&self) -> Call<UnpinMessage> {
        self.channel_id.unpin(self.id)
    }

    /// Sends it to the channels that follow its own: [`CrosspostMessage`].
    pub fn crosspost(&self) -> Call<CrosspostMessage> {
        CrosspostMessage::new(self.channel_id, self.id)
    }

    /// Starts a thread from it: [`StartThreadFromMessage`].
    pub fn create_thread(&self, name: impl Into<String>) -> Call<StartThreadFromMessage> {
        self.channel_id.create_thread_from(self.id, name)
    }

    /// The 5 messages before it, or as many as `limit` says, the oldest first: [`GetMessages`].
    pub fn before(&self) -> Call<GetMessages> {
        self.channel_id.messages().before(self.id).limit(5_u32)
    }

    /// The 5 messages after it, or as many as `limit` says, the oldest first: [`GetMessages`].
    pub fn after(&self) -> Call<GetMessages> {
        self.channel_id.messages().after(self.id).limit(5_u32)
    }

    /// The 11 messages around it, or as many as `limit` says, the oldest first, it among them: [`GetMessages`].
    pub fn around(&self) -> Call<GetMessages> {
        self.channel_id.messages().around(self.id).limit(11_u32)
    }

    /// Its channel: [`GetChannel`].
    pub fn channel(&self) -> Call<GetChannel> {
        self.channel_id.get()
    }

    /// Its guild; `None` if it is a direct one, or if no event brought it: [`GetGuild`].
    #[must_use]
    pub fn guild(&self) -> Option<Call<GetGuild>> {
        self.guild_id.map(GuildId::get)
    }
}
