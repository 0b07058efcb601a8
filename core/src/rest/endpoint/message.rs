//! Messages (discord-api-docs, Message).

use alloc::string::String;
use alloc::vec::Vec;

use serde_json::Value;

use crate::id::{ChannelId, GuildId, MessageId, RoleId, StickerId, UserId};
use crate::object::{List, Message, MessageFlags, SearchPage};
use crate::rest::endpoint::{endpoints, setup};
use crate::rest::value::{AllowedMentions, Embed, Poll};

endpoints! {
    /// A page of a channel's messages, the oldest first (on the wire the newest is). Without the permission
    /// READ_MESSAGE_HISTORY it is empty.
    GetMessages: Get "/channels/" {channel_id: ChannelId} "/messages" => List<Message> {
        /// Around this message.
        query around: MessageId;
        /// Older than this message.
        query before: MessageId;
        /// Newer than this message.
        query after: MessageId;
        /// How many at most; 50 if not given.
        query limit: u32, 1..=100;
        [one of around before after]
        [answer reversed]
    }

    /// One message.
    GetMessage: Get "/channels/" {channel_id: ChannelId} "/messages/" {message_id: MessageId} => Message {}

    /// Sends a message.
    CreateMessage: Post "/channels/" {channel_id: ChannelId} "/messages" with setup::message => Message {
        /// The text.
        body content: String, 0..=2000;
        /// Whether it is read out.
        body tts: bool;
        /// Rich parts, with 6,000 characters in all.
        body embeds: Vec<Embed>, 0..=10;
        /// Whom it may notify; all whom it mentions if not given.
        body allowed_mentions: AllowedMentions;
        /// Buttons, menus and layout.
        body components: Vec<Value>, 0..=40;
        /// Stickers.
        body sticker_ids: Vec<StickerId>, 0..=3;
        /// A poll of at most 10 answers.
        body poll: Poll;
        /// What it replies to or forwards.
        body message_reference: Value;
        /// The flags: SUPPRESS_EMBEDS, SUPPRESS_NOTIFICATIONS, IS_VOICE_MESSAGE, IS_COMPONENTS_V2.
        body flags: MessageFlags;
        /// About the files, in the order of `files[n]`, by `id`. Files list themselves; what is said here holds.
        body attachments: Vec<Value>, 0..=10;
        /// What it is told by.
        own nonce: String, 1..=25;
        /// Whether one with the same nonce is not sent again.
        own enforce_nonce: bool;
        /// A look of the client to share.
        body shared_client_theme: Value;
    }

    /// Edits a message. What is not set stays; what is [null](crate::rest::Call::null) goes. Mentions in a new text
    /// are read afresh, by the defaults unless `allowed_mentions` is set again.
    EditMessage: Patch "/channels/" {channel_id: ChannelId} "/messages/" {message_id: MessageId}
        with setup::edit => Message
    {
        /// The text.
        body content: String, 0..=2000;
        /// Rich parts, with 6,000 characters in all.
        body embeds: Vec<Embed>, 0..=10;
        /// The flags: SUPPRESS_EMBEDS and IS_COMPONENTS_V2 can be changed.
        body flags: MessageFlags;
        /// Whom it may notify.
        body allowed_mentions: AllowedMentions;
        /// Buttons, menus and layout.
        body components: Vec<Value>, 0..=40;
        /// The files to keep, as `{"id": ".."}`: those that are not listed go. New files list themselves.
        body attachments: Vec<Value>, 0..=10;
    }

    /// Deletes a message.
    DeleteMessage: Delete "/channels/" {channel_id: ChannelId} "/messages/" {message_id: MessageId} => () {}

    /// Deletes messages younger than 14 days. If one is older, none is deleted.
    BulkDeleteMessages: Post "/channels/" {channel_id: ChannelId} "/messages/bulk-delete"
        with setup::bulk_delete => ()
    {
        /// Which messages, none of them twice.
        must messages: Vec<MessageId>, 2..=100;
    }

    /// Sends a message of an announcement channel to the channels that follow it.
    CrosspostMessage: Post "/channels/" {channel_id: ChannelId} "/messages/" {message_id: MessageId} "/crosspost"
        => Message {}

    /// Searches a guild's messages. The answer may be 202: the index is not ready yet.
    SearchGuildMessages: Get "/guilds/" {guild_id: GuildId} "/messages/search" with setup::search => SearchPage {
        /// Words of the text.
        query content: String, 0..=1024;
        /// How far apart the words may stand; 2 if not given.
        query slop: u32, 0..=100;
        /// From one of these channels.
        each channel_id: ChannelId, 0..=500;
        /// By one of these users.
        each author_id: UserId, 0..=100;
        /// By one of these kinds of author: `user`, `bot`, `webhook`; a `-` before it excludes.
        each author_type: String, 0..=6;
        /// Mentions one of these users.
        each mentions: UserId, 0..=100;
        /// Mentions one of these roles.
        each mentions_role_id: RoleId, 0..=100;
        /// Mentions everyone, or does not.
        query mention_everyone: bool;
        /// Replies to one of these users.
        each replied_to_user_id: UserId, 0..=100;
        /// Replies to one of these messages.
        each replied_to_message_id: MessageId, 0..=100;
        /// Is pinned, or is not.
        query pinned: bool;
        /// Has one of these: `image`, `sound`, `video`, `file`, `sticker`, `embed`, `link`, `poll`, `snapshot`; a `-`
        /// before it excludes.
        each has: String, 0..=18;
        /// Has an embed of one of these kinds: `image`, `video`, `gif`, `sound`, `article`.
        each embed_type: String, 0..=5;
        /// Has an embed of one of these providers, as they are written: `Tenor`.
        each embed_provider: String, 0..=100;
        /// Has a link to one of these hosts.
        each link_hostname: String, 0..=100;
        /// Has a file of one of these names.
        each attachment_filename: String, 0..=100;
        /// Has a file of one of these extensions, without the dot.
        each attachment_extension: String, 0..=100;
        /// Newer than this id.
        query min_id: MessageId;
        /// Older than this id.
        query max_id: MessageId;
        /// `timestamp`, as if not given, or `relevance`.
        query sort_by: String;
        /// `desc`, as if not given, or `asc`.
        query sort_order: String;
        /// Whether channels for adults are searched too.
        query include_nsfw: bool;
        /// How many hits to leave out.
        query offset: u32, 0..=9975;
        /// How many at most; 25 if not given.
        query limit: u32, 1..=25;
    }

    /// Searches the messages of a direct channel, as the user. Discord's clients do so; it is not documented.
    SearchChannelMessages: Get "/channels/" {channel_id: ChannelId} "/messages/search" with setup::search => SearchPage {
        /// Words of the text.
        query content: String, 0..=1024;
        /// By one of these users.
        each author_id: UserId, 0..=100;
        /// Mentions one of these users.
        each mentions: UserId, 0..=100;
        /// Is pinned, or is not.
        query pinned: bool;
        /// Has one of these: `image`, `sound`, `video`, `file`, `sticker`, `embed`, `link`, `poll`, `snapshot`; a `-`
        /// before it excludes.
        each has: String, 0..=18;
        /// Newer than this id.
        query min_id: MessageId;
        /// Older than this id.
        query max_id: MessageId;
        /// `timestamp`, as if not given, or `relevance`.
        query sort_by: String;
        /// `desc`, as if not given, or `asc`.
        query sort_order: String;
        /// How many hits to leave out.
        query offset: u32, 0..=9975;
        /// How many at most; 25 if not given.
        query limit: u32, 1..=25;
    }
}
