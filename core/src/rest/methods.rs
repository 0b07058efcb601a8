//! Requests by what they are about: an id's or object's methods.

use alloc::string::String;
use alloc::vec::Vec;

use serde_json::{Value, json};

use crate::id::{ChannelId, GuildId, MessageId, RoleId, UserId, WebhookId};
use crate::object::{Channel, Guild, Interaction, Member, Message, Webhook};
use crate::rest::call::Call;
use crate::rest::endpoint::*;
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
    /// [`GuildId::search`].
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

impl GuildId {
    /// The guild: [`GetGuild`].
    pub fn get(self) -> Call<GetGuild> {
        GetGuild::new(self)
    }

    /// Edits the guild: [`EditGuild`].
    pub fn edit(self) -> Call<EditGuild> {
        EditGuild::new(self)
    }

    /// Leaves the guild: [`LeaveGuild`].
    pub fn leave(self) -> Call<LeaveGuild> {
        LeaveGuild::new(self)
    }

    /// The channels, without threads: [`GetGuildChannels`].
    pub fn channels(self) -> Call<GetGuildChannels> {
        GetGuildChannels::new(self)
    }

    /// Makes a channel: [`CreateGuildChannel`].
    pub fn create_channel(self, name: impl Into<String>) -> Call<CreateGuildChannel> {
        CreateGuildChannel::new(self, name)
    }

    /// The active threads: [`GetActiveThreads`].
    pub fn threads(self) -> Call<GetActiveThreads> {
        GetActiveThreads::new(self)
    }

    /// A page of members; 1 unless a limit is set: [`ListGuildMembers`].
    pub fn members(self) -> Call<ListGuildMembers> {
        ListGuildMembers::new(self)
    }

    /// A member: [`GetGuildMember`].
    pub fn member(self, user: impl Into<UserId>) -> Call<GetGuildMember> {
        GetGuildMember::new(self, user)
    }

    /// Members whose name begins so; 1 unless a limit is set: [`SearchGuildMembers`].
    pub fn search_members(self, name: impl Into<String>) -> Call<SearchGuildMembers> {
        SearchGuildMembers::new(self, name)
    }

    /// Edits a member: [`EditGuildMember`].
    pub fn edit_member(self, user: impl Into<UserId>) -> Call<EditGuildMember> {
        EditGuildMember::new(self, user)
    }

    /// Gives a role: [`AddMemberRole`].
    pub fn add_role(self, user: impl Into<UserId>, role: impl Into<RoleId>) -> Call<AddMemberRole> {
        AddMemberRole::new(self, user, role)
    }

    /// Takes a role: [`RemoveMemberRole`].
    pub fn remove_role(self, user: impl Into<UserId>, role: impl Into<RoleId>) -> Call<RemoveMemberRole> {
        RemoveMemberRole::new(self, user, role)
    }

    /// Kicks a member: [`RemoveGuildMember`].
    pub fn kick(self, user: impl Into<UserId>) -> Call<RemoveGuildMember> {
        RemoveGuildMember::new(self, user)
    }

    /// Bans a user: [`CreateBan`].
    pub fn ban(self, user: impl Into<UserId>) -> Call<CreateBan> {
        CreateBan::new(self, user)
    }

    /// Ends a ban: [`RemoveBan`].
    pub fn unban(self, user: impl Into<UserId>) -> Call<RemoveBan> {
        RemoveBan::new(self, user)
    }

    /// A page of bans: [`GetBans`].
    pub fn bans(self) -> Call<GetBans> {
        GetBans::new(self)
    }

    /// The roles: [`GetGuildRoles`].
    pub fn roles(self) -> Call<GetGuildRoles> {
        GetGuildRoles::new(self)
    }

    /// Makes a role: [`CreateGuildRole`].
    pub fn create_role(self, name: impl Into<String>) -> Call<CreateGuildRole> {
        CreateGuildRole::new(self).name(name)
    }

    /// Searches the messages: [`SearchGuildMessages`].
    pub fn search(self) -> Call<SearchGuildMessages> {
        SearchGuildMessages::new(self)
    }

    /// The webhooks: [`GetGuildWebhooks`].
    pub fn webhooks(self) -> Call<GetGuildWebhooks> {
        GetGuildWebhooks::new(self)
    }

    /// The invites: [`GetGuildInvites`].
    pub fn invites(self) -> Call<GetGuildInvites> {
        GetGuildInvites::new(self)
    }

    /// The emojis: [`GetGuildEmojis`].
    pub fn emojis(self) -> Call<GetGuildEmojis> {
        GetGuildEmojis::new(self)
    }

    /// Who did what: [`GetAuditLog`].
    pub fn audit_log(self) -> Call<GetAuditLog> {
        GetAuditLog::new(self)
    }
}

impl UserId {
    /// The user: [`GetUser`].
    pub fn get(self) -> Call<GetUser> {
        GetUser::new(self)
    }

    /// The direct channel with the user: [`CreateDm`].
    pub fn dm(self) -> Call<CreateDm> {
        CreateDm::new(self)
    }
}

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
        ExecuteWebhook::new(self, token).content(content)
    }
}

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

    /// Edits it: [`EditMessage`]. Its files are kept, unless [`keep`](Call::keep) says otherwise.
    pub fn edit(&self) -> Call<EditMessage> {
        let call = self.channel_id.edit_message(self.id);
        if self.attachments.is_empty() {
            call
        } else {
            call.keep(self.attachments.iter().map(|file| file.id))
        }
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

    /// At most so many messages before it, the oldest first: [`GetMessages`].
    pub fn before(&self, limit: u32) -> Call<GetMessages> {
        self.channel_id.messages().before(self.id).limit(limit)
    }

    /// At most so many messages after it, the oldest first: [`GetMessages`].
    pub fn after(&self, limit: u32) -> Call<GetMessages> {
        self.channel_id.messages().after(self.id).limit(limit)
    }

    /// At most so many messages around it, the oldest first, it among them: [`GetMessages`].
    pub fn around(&self, limit: u32) -> Call<GetMessages> {
        self.channel_id.messages().around(self.id).limit(limit)
    }
}

impl Channel {
    /// Sends a text: [`CreateMessage`].
    pub fn send(&self, content: impl Into<String>) -> Call<CreateMessage> {
        self.id.send(content)
    }

    /// A page of messages, the oldest first: [`GetMessages`].
    pub fn messages(&self) -> Call<GetMessages> {
        self.id.messages()
    }

    /// Edits it: [`EditChannel`].
    pub fn edit(&self) -> Call<EditChannel> {
        self.id.edit()
    }

    /// Deletes it for good: [`DeleteChannel`].
    pub fn delete(&self) -> Call<DeleteChannel> {
        self.id.delete()
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

impl Guild {
    /// Its channels, without threads: [`GetGuildChannels`].
    pub fn fetch_channels(&self) -> Call<GetGuildChannels> {
        self.id.channels()
    }

    /// A page of its members; 1 unless a limit is set: [`ListGuildMembers`].
    pub fn fetch_members(&self) -> Call<ListGuildMembers> {
        self.id.members()
    }

    /// Searches its messages: [`SearchGuildMessages`].
    pub fn search(&self) -> Call<SearchGuildMessages> {
        self.id.search()
    }
}

impl Member {
    /// The direct channel with the user: [`CreateDm`]. `None` if the user is not there.
    #[must_use]
    pub fn dm(&self) -> Option<Call<CreateDm>> {
        self.user.as_ref().map(|user| user.id.dm())
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

impl Interaction {
    fn respond(&self, kind: u32) -> Call<CreateInteractionResponse> {
        CreateInteractionResponse::new(self.id, self.token.expose(), kind)
    }

    /// Answers with a message: [`CreateInteractionResponse`].
    pub fn reply(&self, content: impl Into<String>) -> Call<CreateInteractionResponse> {
        self.respond(4).content(content)
    }

    /// Says that a message will come, within 15 minutes, by [`edit_original`](Self::edit_original).
    pub fn defer(&self) -> Call<CreateInteractionResponse> {
        self.respond(5)
    }

    /// To the use of a component: says that it was heard, and that its message may change later.
    pub fn defer_update(&self) -> Call<CreateInteractionResponse> {
        self.respond(6)
    }

    /// To the use of a component: changes its message.
    pub fn update(&self) -> Call<CreateInteractionResponse> {
        self.respond(7)
    }

    /// To an autocomplete: suggests these, at most 25, as `{"name", "value"}`.
    pub fn suggest(&self, choices: impl Into<Vec<Value>>) -> Call<CreateInteractionResponse> {
        self.respond(8).data(json!({ "choices": choices.into() }))
    }

    /// Shows a form: an id of at most 100 characters, a title of at most 45, 1 to 5 components.
    pub fn modal(
        &self,
        custom_id: impl Into<String>,
        title: impl Into<String>,
        components: impl Into<Vec<Value>>,
    ) -> Call<CreateInteractionResponse> {
        let form =
            json!({ "custom_id": custom_id.into(), "title": title.into(), "components": components.into() });
        self.respond(9).data(form)
    }

    /// The message of the first answer: [`GetOriginalResponse`].
    pub fn original(&self) -> Call<GetOriginalResponse> {
        GetOriginalResponse::new(self.application_id, self.token.expose())
    }

    /// Edits the message of the first answer, or writes it: [`EditOriginalResponse`].
    pub fn edit_original(&self) -> Call<EditOriginalResponse> {
        EditOriginalResponse::new(self.application_id, self.token.expose())
    }

    /// Deletes the message of the first answer: [`DeleteOriginalResponse`].
    pub fn delete_original(&self) -> Call<DeleteOriginalResponse> {
        DeleteOriginalResponse::new(self.application_id, self.token.expose())
    }

    /// Sends one more message: [`CreateFollowup`].
    pub fn followup(&self, content: impl Into<String>) -> Call<CreateFollowup> {
        CreateFollowup::new(self.application_id, self.token.expose()).content(content)
    }
}
