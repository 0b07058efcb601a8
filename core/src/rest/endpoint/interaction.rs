//! Answers to interactions (discord-api-docs, Receiving and Responding). The interaction's token is enough: they are
//! sent without our own, and Discord's global limit does not count them.

use alloc::string::String;
use alloc::vec::Vec;

use serde_json::Value;

use crate::id::{ApplicationId, InteractionId, MessageId};
use crate::object::{InteractionCallback, Message, MessageFlags};
use crate::rest::endpoint::{endpoints, setup};
use crate::rest::value::{AllowedMentions, Embed, Poll};

endpoints! {
    /// The first answer to an interaction: within 3 seconds. `None` unless `with_response` is set.
    CreateInteractionResponse: Post "/interactions/" {interaction_id: InteractionId} "/"
        {interaction_token: String} "/callback" with setup::callback => Option<InteractionCallback>
    {
        /// What kind of answer: 1 pong, 4 message, 5 message later, 6 edit later, 7 edit, 8 suggestions, 9 form,
        /// 12 activity.
        must kind as "type": u32, 1..=12;
        /// The answer.
        body data: Value;
        /// Whether what came of it is told.
        query with_response: bool;
    }

    /// The message of the first answer.
    GetOriginalResponse: Get "/webhooks/" {application_id: ApplicationId} "/" {interaction_token: String}
        "/messages/@original" with setup::nobody => Message {}

    /// Edits the message of the first answer, or writes it if that was put off. What is not set stays.
    EditOriginalResponse: Patch "/webhooks/" {application_id: ApplicationId} "/" {interaction_token: String}
        "/messages/@original" with setup::webhook_edit => Message
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
    }

    /// Deletes the message of the first answer.
    DeleteOriginalResponse: Delete "/webhooks/" {application_id: ApplicationId} "/" {interaction_token: String}
        "/messages/@original" with setup::nobody => () {}

    /// One more message, within 15 minutes of the interaction.
    CreateFollowup: Post "/webhooks/" {application_id: ApplicationId} "/" {interaction_token: String}
        with setup::webhook_message => Message
    {
        /// The text.
        body content: String, 0..=2000;
        /// Whether it is read out.
        body tts: bool;
        /// Rich parts, with 6,000 characters in all.
        body embeds: Vec<Embed>, 0..=10;
        /// Whom it may notify; users only if not given.
        body allowed_mentions: AllowedMentions;
        /// Buttons, menus and layout.
        body components: Vec<Value>, 0..=40;
        /// About the files, in the order of `files[n]`, by `id`. Files list themselves; what is said here holds.
        body attachments: Vec<Value>, 0..=10;
        /// The flags: EPHEMERAL, SUPPRESS_EMBEDS, SUPPRESS_NOTIFICATIONS, IS_COMPONENTS_V2.
        body flags: MessageFlags;
        /// A poll of at most 10 answers.
        body poll: Poll;
    }

    /// A further message.
    GetFollowup: Get "/webhooks/" {application_id: ApplicationId} "/" {interaction_token: String} "/messages/"
        {message_id: MessageId} with setup::nobody => Message {}

    /// Edits a further message. What is not set stays.
    EditFollowup: Patch "/webhooks/" {application_id: ApplicationId} "/" {interaction_token: String} "/messages/"
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
    }

    /// Deletes a further message.
    DeleteFollowup: Delete "/webhooks/" {application_id: ApplicationId} "/" {interaction_token: String}
        "/messages/" {message_id: MessageId} with setup::nobody => () {}
}
