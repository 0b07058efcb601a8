//! What a channel's id, or a channel, is asked for.

use alloc::string::String;
use alloc::vec::Vec;

use crate::id::{ChannelId, GuildId, MessageId};
use crate::object::{Channel, ChannelType};
use crate::rest::call::Call;
use crate::rest::endpoint::*;
use crate::rest::invalid::Invalid;
use crate::rest::task::ActiveThreads;
use crate::rest::value::EmojiName;

impl ChannelId {
    /// The channel: [`GetChannel`].
    pub fn get(self) -> Call<GetChannel> {
        GetChannel::new(self)
    }

    /// Edits the channel: [`EditChannel`].
    pub fn edit(self) -> Call<EditChannel> {
        EditChannel::new(self)
    }

    /// Deletes the channel for good: [`DeleteChannel`].
    pub fn delete(self) -> Call<DeleteChannel> {
        DeleteChannel::new(self)
    }

    /// Sends a text: [`CreateMessage`].
    pub fn send(self, content: impl Into<String>) -> Call<CreateMessage> {
        CreateMessage::new(self).content(content)
    }

    /// A message, with what is set on it: [`CreateMessage`].
    pub fn compose(self) -> Call<CreateMessage> {
        CreateMessage::new(self)
    }

    /// A page of messages, the oldest first: [`GetMessages`].
    pub fn messages(self) -> Call<GetMessages> {
        GetMessages::new(self)
    }

    /// One message: [`GetMessage`].
    pub fn message(self, message: impl Into<MessageId>) -> Call<GetMessage> {
        GetMessage::new(self, message)
    }

    /// Edits a message: [`EditMessage`].
    pub fn edit_message(self, message: impl Into<MessageId>) -> Call<EditMessage> {
        EditMessage::new(self, message)
    }

    /// Deletes a message: [`DeleteMessage`].
    pub fn delete_message(self, message: impl Into<MessageId>) -> Call<DeleteMessage> {
        DeleteMessage::new(self, message)
    }

    /// Deletes 2 to 100 messages younger than 14 days: [`BulkDeleteMessages`].
    pub fn bulk_delete<T: Into<MessageId>>(
        self,
        messages: impl IntoIterator<Item = T>,
    ) -> Call<BulkDeleteMessages> {
        BulkDeleteMessages::new(self, messages.into_iter().map(Into::into).collect::<Vec<_>>())
    }

    /// Shows for 10 s that the bot is typing: [`TriggerTyping`].
    pub fn typing(self) -> Call<TriggerTyping> {
        TriggerTyping::new(self)
    }

    /// A page of the pinned messages: [`GetPins`].
    pub fn pins(self) -> Call<GetPins> {
        GetPins::new(self)
    }

    /// Pins a message: [`PinMessage`].
    pub fn pin(self, message: impl Into<MessageId>) -> Call<PinMessage> {
        PinMessage::new(self, message)
    }

    /// Unpins a message: [`UnpinMessage`].
    pub fn unpin(self, message: impl Into<MessageId>) -> Call<UnpinMessage> {
        UnpinMessage::new(self, message)
    }

    /// Reacts to a message: [`CreateReaction`].
    pub fn react(self, message: impl Into<MessageId>, emoji: impl Into<EmojiName>) -> Call<CreateReaction> {
        CreateReaction::new(self, message, emoji)
    }

    /// Who reacted to a message with an emoji: [`GetReactions`].
    pub fn reactions(self, message: impl Into<MessageId>, emoji: impl Into<EmojiName>) -> Call<GetReactions> {
        GetReactions::new(self, message, emoji)
    }

    /// Searches a direct channel, as the user: [`SearchChannelMessages`]. A guild's channel is searched with
    /// [`GuildId::search`], or [`Channel::search`].
    pub fn search(self) -> Call<SearchChannelMessages> {
        SearchChannelMessages::new(self).as_user()
    }

    /// Starts a thread by itself: [`StartThread`].
    pub fn create_thread(self, name: impl Into<String>) -> Call<StartThread> {
        StartThread::new(self, name)
    }

    /// Starts a thread of a forum: [`StartForumThread`].
    pub fn create_post(self, name: impl Into<String>, content: impl Into<String>) -> Call<StartForumThread> {
        StartForumThread::new(self, name).content(content)
    }

    /// Starts a thread from a message: [`StartThreadFromMessage`].
    pub fn create_thread_from(
        self,
        message: impl Into<MessageId>,
        name: impl Into<String>,
    ) -> Call<StartThreadFromMessage> {
        StartThreadFromMessage::new(self, message, name)
    }

    /// A page of the archived public threads: [`GetPublicArchivedThreads`].
    pub fn archived_threads(self) -> Call<GetPublicArchivedThreads> {
        GetPublicArchivedThreads::new(self)
    }

    /// The members of a thread: [`GetThreadMembers`].
    pub fn thread_members(self) -> Call<GetThreadMembers> {
        GetThreadMembers::new(self)
    }

    /// Enters a thread: [`JoinThread`].
    pub fn join_thread(self) -> Call<JoinThread> {
        JoinThread::new(self)
    }

    /// Leaves a thread: [`LeaveThread`].
    pub fn leave_thread(self) -> Call<LeaveThread> {
        LeaveThread::new(self)
    }

    /// The webhooks: [`GetChannelWebhooks`].
    pub fn webhooks(self) -> Call<GetChannelWebhooks> {
        GetChannelWebhooks::new(self)
    }

    /// Makes a webhook: [`CreateWebhook`].
    pub fn create_webhook(self, name: impl Into<String>) -> Call<CreateWebhook> {
        CreateWebhook::new(self, name)
    }

    /// The invites: [`GetChannelInvites`].
    pub fn invites(self) -> Call<GetChannelInvites> {
        GetChannelInvites::new(self)
    }

    /// Makes an invite: [`CreateChannelInvite`].
    pub fn create_invite(self) -> Call<CreateChannelInvite> {
        CreateChannelInvite::new(self)
    }

    /// Sets what a voice channel shows below its name: [`SetVoiceStatus`].
    pub fn set_voice_status(self, status: impl Into<String>) -> Call<SetVoiceStatus> {
        SetVoiceStatus::new(self).status(status)
    }
}

as_its_id! {
    Channel, ChannelId:
    send(content: impl Into<String>) -> CreateMessage;
    compose() -> CreateMessage;
    messages() -> GetMessages;
    message(message: impl Into<MessageId>) -> GetMessage;
    edit_message(message: impl Into<MessageId>) -> EditMessage;
    delete_message(message: impl Into<MessageId>) -> DeleteMessage;
    bulk_delete(messages: impl IntoIterator<Item = impl Into<MessageId>>) -> BulkDeleteMessages;
    edit() -> EditChannel;
    delete() -> DeleteChannel;
    typing() -> TriggerTyping;
    pins() -> GetPins;
    create_thread(name: impl Into<String>) -> StartThread;
    create_post(name: impl Into<String>, content: impl Into<String>) -> StartForumThread;
    archived_threads() -> GetPublicArchivedThreads;
    thread_members() -> GetThreadMembers;
    join_thread() -> JoinThread;
    leave_thread() -> LeaveThread;
    webhooks() -> GetChannelWebhooks;
    create_webhook(name: impl Into<String>) -> CreateWebhook;
    invites() -> GetChannelInvites;
    create_invite() -> CreateChannelInvite;
    set_voice_status(status: impl Into<String>) -> SetVoiceStatus;
}

impl Channel {
    /// The channel as it is now: [`GetChannel`].
    pub fn refresh(&self) -> Call<GetChannel> {
        self.id.get()
    }

    /// Searches it: a guild's channel as its guild is searched, limited to it and its threads
    /// ([`SearchGuildMessages`]); a direct one by itself, as the user ([`SearchChannelMessages`], which knows fewer
    /// parameters).
    ///
    /// A guild's channel that came within a guild's payload does not know its guild: that is refused.
    pub fn search(&self) -> Call<SearchGuildMessages> {
        if [ChannelType::DM, ChannelType::GROUP_DM].contains(&self.kind) {
            return Call::from_draft(self.id.search().into_draft());
        }
        let mut call = SearchGuildMessages::new(self.guild_id.unwrap_or_default()).channel_id(self.id);
        if self.guild_id.is_none() {
            call.draft.refuse(no_guild());
        }
        call
    }

    /// Its active threads, of all those of its guild: [`GetActiveThreads`].
    ///
    /// A channel that came within a guild's payload does not know its guild: that is refused.
    #[must_use]
    pub fn threads(&self) -> ActiveThreads {
        let mut call = GetActiveThreads::new(self.guild_id.unwrap_or_default());
        if self.guild_id.is_none() {
            call.draft.refuse(no_guild());
        }
        ActiveThreads::new(call, self.id)
    }

    /// Its guild; `None` if it is a direct one, or came within a guild's payload: [`GetGuild`].
    #[must_use]
    pub fn guild(&self) -> Option<Call<GetGuild>> {
        self.guild_id.map(GuildId::get)
    }

    /// Its category, or the channel that a thread belongs to: [`GetChannel`].
    #[must_use]
    pub fn parent(&self) -> Option<Call<GetChannel>> {
        self.parent_id.map(ChannelId::get)
    }
}

fn no_guild() -> Invalid {
    Invalid::new("guild_id", "is not known of this channel: fetch it first, or ask its guild")
}
