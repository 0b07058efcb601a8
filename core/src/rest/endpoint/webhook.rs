//! Webhooks (discord-api-docs, Webhook). What has the webhook's token in its path is sent without our own.

use alloc::string::String;
use alloc::vec::Vec;

use serde_json::Value;

use crate::id::{ChannelId, GuildId, MessageId, TagId, WebhookId};
use crate::object::{List, Message, MessageFlags, Webhook};
use crate::rest::endpoint::{endpoints, setup};
use crate::rest::value::{AllowedMentions, Embed, Poll};

endpoints! {
    /// Makes a webhook: at most 15 in a channel. The name must not contain `clyde` or `discord`.
    CreateWebhook: Post "/channels/" {channel_id: ChannelId} "/webhooks" with setup::webhook => Webhook {
        /// The name.
        must name: String, 1..=80;
        /// The picture, as a data URI.
        body avatar: String;
    }

    /// A channel's webhooks.
    GetChannelWebhooks: Get "/channels/" {channel_id: ChannelId} "/webhooks" => List<Webhook> {}

    /// A guild's webhooks.
    GetGuildWebhooks: Get "/guilds/" {guild_id: GuildId} "/webhooks" => List<Webhook> {}

    /// A webhook.
    GetWebhook: Get "/webhooks/" {webhook_id: WebhookId} => Webhook {}

    /// A webhook, by its token.
    GetWebhookWithToken: Get "/webhooks/" {webhook_id: WebhookId} "/" {webhook_token: String} with setup::nobody
        => Webhook {}

    /// Edits a webhook. What is not set stays.
    EditWebhook: Patch "/webhooks/" {webhook_id: WebhookId} with setup::webhook_settings => Webhook {
        /// The name.
        body name: String, 1..=80;
        /// The picture, as a data URI; null for none.
        body avatar: String;
        /// The channel to move it to.
        body channel_id: ChannelId;
    }

    /// Edits a webhook, by its token.
    EditWebhookWithToken: Patch "/webhooks/" {webhook_id: WebhookId} "/" {webhook_token: String}
        with setup::webhook_with_token => Webhook
    {
        /// The name.
        body name: String, 1..=80;
        /// The picture, as a data URI; null for none.
        body avatar: String;
    }

    /// Deletes a webhook for good.
    DeleteWebhook: Delete "/webhooks/" {webhook_id: WebhookId} => () {}

    /// Deletes a webhook for good, by its token.
    DeleteWebhookWithToken: Delete "/webhooks/" {webhook_id: WebhookId} "/" {webhook_token: String}
        with setup::nobody => () {}

    /// Sends a message as a webhook, and waits until it is there.
    ExecuteWebhook: Post "/webhooks/" {webhook_id: WebhookId} "/" {webhook_token: String}
        with setup::webhook_message_wait => Message
    {
        /// The text.
        body content: String, 0..=2000;
        /// The name to send under.
        body username: String, 1..=80;
        /// Where the picture to send under is.
        body avatar_url: String, 0..=2048;
        /// Whether it is read out.
        body tts: bool;
        /// Rich parts, with 6,000 characters in all.
        body embeds: Vec<Embed>, 0..=10;
        /// Whom it may notify; users only if not given.
        body allowed_mentions: AllowedMentions;
        /// Buttons, menus and layout: of a webhook of an application, or such as do nothing.
        body components: Vec<Value>, 0..=40;
        /// About the files, in the order of `files[n]`, by `id`. Files list themselves; what is said here holds.
        body attachments: Vec<Value>, 0..=10;
        /// The flags: SUPPRESS_EMBEDS, SUPPRESS_NOTIFICATIONS, IS_COMPONENTS_V2.
        body flags: MessageFlags;
        /// In a forum, starts a thread of this name.
        body thread_name: String, 1..=100;
        /// The tags of that thread.
        body applied_tags: Vec<TagId>, 0..=5;
        /// A poll of at most 10 answers.
        body poll: Poll;
        /// The thread to send it to.
        query thread_id: ChannelId;
        /// Whether components are respected although no application owns the webhook.
        query with_components: bool;
    }

    /// Sends a message as a webhook, without waiting until it is there: the answer comes before, and a failure is
    /// not told. [`Call::without_wait`](crate::rest::Call::without_wait) makes it.
    ExecuteWebhookUnseen: Post "/webhooks/" {webhook_id: WebhookId} "/" {webhook_token: String}
        with setup::webhook_message => () {}

    /// A message that the webhook sent.
    GetWebhookMessage: Get "/webhooks/" {webhook_id: WebhookId} "/" {webhook_token: String} "/messages/"
        {message_id: MessageId} with setup::nobody => Message
    {
        /// The thread in which it is.
        query thread_id: ChannelId;
    }

    /// Edits a message that the webhook sent. What is not set stays.
    EditWebhookMessage: Patch "/webhooks/" {webhook_id: WebhookId} "/" {webhook_token: String} "/messages/"
        {message_id: MessageId} with setup::webhook_edit => Message
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
        /// A poll, where there was none.
        body poll: Poll;
        /// The thread in which it is.
        query thread_id: ChannelId;
        /// Whether components are respected although no application owns the webhook.
        query with_components: bool;
    }

    /// Deletes a message that the webhook sent.
    DeleteWebhookMessage: Delete "/webhooks/" {webhook_id: WebhookId} "/" {webhook_token: String} "/messages/"
        {message_id: MessageId} with setup::nobody => ()
    {
        /// The thread in which it is.
        query thread_id: ChannelId;
    }
}
