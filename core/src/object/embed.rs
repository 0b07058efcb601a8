//! What messages show beside their text: embeds, polls, stickers, components, forwarded messages.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crate::envelope::DecodeError;
use crate::id::{GuildId, RoleId, SkuId, StickerId, StickerPackId};

use super::attachment::Attachment;
use super::emoji::Emoji;
use super::kinds::{ButtonStyle, ComponentType, PollLayout, StickerFormat, StickerType};
use super::open::{MessageFlags, MessageType};
use super::raw::Json;
use super::table::objects;
use super::text::DateTime;
use super::user::User;

objects! {
    /// A box of content below a message's text (discord-api-docs, Message, Embed Object).
    Embed {
        /// `rich` for those of bots and webhooks; others were made of a link.
        kind as "type": may String;
        /// Its title, at most 256 characters.
        title: may String;
        /// Its text, at most 4096 characters.
        description: may String;
        /// Where the title leads.
        url: may String;
        /// The time that it shows.
        timestamp: may DateTime;
        /// The colour of its edge, as a number 0xRRGGBB.
        color: may u32;
        /// What it ends with.
        footer: may EmbedFooter;
        /// The image below the text.
        image: may EmbedMedia;
        /// The image beside the text.
        thumbnail: may EmbedMedia;
        /// The video, of a link.
        video: may EmbedMedia;
        /// Where it is from, of a link.
        provider: may EmbedProvider;
        /// What it begins with.
        author: may EmbedAuthor;
        /// Named texts, at most 25.
        fields: or Vec<EmbedField>;
        [components content_scan_version flags reference_id]
    }

    /// What an embed ends with (discord-api-docs, Message, Embed Footer Structure).
    EmbedFooter {
        /// Its text, at most 2048 characters.
        text: or String;
        /// Where its picture is.
        icon_url: may String;
        /// The same through Discord's image proxy.
        proxy_icon_url: may String;
    }

    /// An image or a video in an embed (discord-api-docs, Message, Embed Image Structure).
    EmbedMedia {
        /// Where it is.
        url: may String;
        /// The same through Discord's proxy.
        proxy_url: may String;
        /// Pixels.
        height: may u32;
        /// Pixels.
        width: may u32;
        /// Its media type.
        content_type: may String;
        /// What is to be seen.
        description: may String;
        [content_scan_metadata flags placeholder placeholder_version]
    }

    /// Where the content of an embed is from (discord-api-docs, Message, Embed Provider Structure).
    EmbedProvider {
        /// Its name.
        name: may String;
        /// Where it is.
        url: may String;
    }

    /// What an embed begins with (discord-api-docs, Message, Embed Author Structure).
    EmbedAuthor {
        /// The name, at most 256 characters.
        name: or String;
        /// Where the name leads.
        url: may String;
        /// Where the picture is.
        icon_url: may String;
        /// The same through Discord's image proxy.
        proxy_icon_url: may String;
    }

    /// A named text in an embed (discord-api-docs, Message, Embed Field Structure).
    EmbedField {
        /// Its name, at most 256 characters.
        name: or String;
        /// Its text, at most 1024 characters.
        value: or String;
        /// Whether it may stand beside others.
        inline: or bool;
    }

    /// A question that users answer by votes (discord-api-docs, Poll, Poll Object).
    Poll {
        /// The question; has a text only.
        question: must PollMedia;
        /// What can be voted for.
        answers: or Vec<PollAnswer>;
        /// When it ends; some never do.
        expiry: may DateTime;
        /// Whether a user may vote for several.
        allow_multiselect: or bool;
        /// How it looks.
        layout_type: or PollLayout;
        /// How many voted for what; not there if Discord does not know, which is not the same as nobody.
        results: may PollResults;
    }

    /// A text, an emoji or both (discord-api-docs, Poll, Poll Media Object).
    PollMedia {
        /// The text: at most 300 characters of a question, 55 of an answer.
        text: may String;
        /// The emoji, with its id or its name only.
        emoji: may Emoji;
    }

    /// What can be voted for (discord-api-docs, Poll, Poll Answer Object).
    PollAnswer {
        /// Its number, unique in the poll.
        answer_id: may u64;
        /// What it says.
        poll_media: must PollMedia;
    }

    /// How the votes stand (discord-api-docs, Poll, Poll Results Object).
    PollResults {
        /// Whether they were counted exactly, after the end.
        is_finalized: or bool;
        /// The votes for each answer; those that are not here have none.
        answer_counts: or Vec<PollAnswerCount>;
    }

    /// The votes for an answer (discord-api-docs, Poll, Poll Answer Count Object).
    PollAnswerCount {
        /// The answer's number.
        id: must u64;
        /// How many votes.
        count: or u64;
        /// Whether one is our own.
        me_voted: or bool;
    }

    /// A sticker (discord-api-docs, Sticker, Sticker Object).
    Sticker {
        /// Which sticker.
        id: must StickerId;
        /// The pack it is from, of Discord's own.
        pack_id: may StickerPackId;
        /// Its name.
        name: or String;
        /// What is to be seen.
        description: may String;
        /// What is typed to find it; at most 200 characters.
        tags: or String;
        /// Whose it is.
        kind as "type": or StickerType;
        /// Its format.
        format_type: or StickerFormat;
        /// Whether it can be used; not so when boosts were lost.
        available: may bool;
        /// Whose it is, of a guild.
        guild_id: may GuildId;
        /// Who uploaded it.
        user: may Box<User>;
        /// Its place in its pack.
        sort_value: may i64;
        [asset]
    }

    /// What a message tells of a sticker (discord-api-docs, Sticker, Sticker Item Object).
    StickerItem {
        /// Which sticker.
        id: must StickerId;
        /// Its name.
        name: or String;
        /// Its format.
        format_type: or StickerFormat;
    }

    /// A button, a menu, a text or what arranges them (discord-api-docs, Component Reference). The fields that only
    /// some kinds have are reached by their names.
    Component {
        /// What kind of component.
        kind as "type": or ComponentType;
        /// Its number in the message.
        id: may u64;
        /// The name that its author gave it, at most 100 characters.
        custom_id: may String;
        /// What it says, of a button and others.
        label: may String;
        /// How a button looks, or a text field.
        style: may ButtonStyle;
        /// Where a button leads.
        url: may String;
        /// What a button offers to buy.
        sku_id: may SkuId;
        /// The emoji on a button.
        emoji: may Box<Emoji>;
        /// Whether it cannot be used.
        disabled: or bool;
        /// The text of a text display.
        content: may String;
        /// What it arranges: see [`children`](Component::children).
        components: may Json;
        /// What stands beside a section, a component as well.
        accessory: may Json;
        [accent_color channel_types component default_values description divider file items max_length
            max_values media min_length min_values name options placeholder required size spacing spoiler value]
    }

    /// Another message as it was when it was forwarded (discord-api-docs, Message, Message Snapshot Object).
    MessageSnapshot {
        /// What it was.
        message: may SnapshotMessage;
    }

    /// What is kept of a message that was forwarded. It does not tell who wrote it.
    SnapshotMessage {
        /// What kind of message.
        kind as "type": or MessageType;
        /// The text.
        content: or String;
        /// When it was sent.
        timestamp: may DateTime;
        /// When it was last edited.
        edited_timestamp: may DateTime;
        /// The flags.
        flags: or MessageFlags;
        /// The users that it mentions.
        mentions: or Vec<User>;
        /// The roles that it mentions.
        mention_roles: or Vec<RoleId>;
        /// The files.
        attachments: or Vec<Attachment>;
        /// The embeds.
        embeds: or Vec<Embed>;
        /// The stickers.
        sticker_items: or Vec<StickerItem>;
        /// The buttons and other components.
        components: or Vec<Component>;
        [resolved soundboard_sounds stickers]
    }
}

impl Component {
    /// What it arranges: of a row its buttons, of a section its texts and what stands beside them. Empty for those
    /// that arrange nothing.
    ///
    /// # Errors
    /// If they are no components.
    pub fn children(&self) -> Result<Vec<Self>, DecodeError> {
        let mut children: Vec<Self> = self.components.as_ref().map_or(Ok(Vec::new()), Json::parse)?;
        if let Some(accessory) = &self.accessory {
            children.push(accessory.parse()?);
        }
        Ok(children)
    }
}
