//! Messages, and what hangs on them.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use crate::id::{ApplicationId, ChannelId, GuildId, MessageId, RoleId, UserId, WebhookId};

use super::attachment::Attachment;
use super::channel::Channel;
use super::embed::{Component, Embed, MessageSnapshot, Poll, SnapshotMessage, StickerItem};
use super::emoji::Emoji;
use super::link::{MessageLink, links};
use super::open::{ChannelType, MessageFlags, MessageReferenceType, MessageType};
use super::table::{Preview, objects};
use super::text::DateTime;
use super::user::{Member, User};

objects! {
    /// A message (discord-api-docs, Message). MESSAGE_UPDATE may bring some of the fields only: ask
    /// [`has`](Message::has).
    Message {
        /// Which message.
        id: must MessageId;
        /// In which channel.
        channel_id: must ChannelId;
        /// In which guild; in events only, and not in direct messages.
        guild_id: may GuildId;
        /// Who wrote it; of a webhook's, a user made up of its name and picture.
        author: may User;
        /// What the author is in the guild; in events only.
        member: may Member;
        /// The text, mentions as `<@id>`: see [`resolved_content`](Message::resolved_content). Empty without the
        /// intent MESSAGE_CONTENT.
        content: or String;
        /// When it was sent.
        timestamp: may DateTime;
        /// When it was last edited.
        edited_timestamp: may DateTime;
        /// Whether it is to be read out.
        tts: or bool;
        /// Whether it mentions all, or all who are there.
        mention_everyone: or bool;
        /// The users that it mentions.
        mentions: or Vec<User>;
        /// The roles that it mentions.
        mention_roles: or Vec<RoleId>;
        /// The files.
        attachments: or Vec<Attachment>;
        /// The reactions, one entry for each emoji.
        reactions: or Vec<Reaction>;
        /// Whether it is pinned.
        pinned: or bool;
        /// The webhook that sent it.
        webhook_id: may WebhookId;
        /// What kind of message.
        kind as "type": or MessageType;
        /// The application that sent it, or that it answers to.
        application_id: may ApplicationId;
        /// The flags.
        flags: or MessageFlags;
        /// What it replies to, forwards or comes from.
        message_reference: may MessageReference;
        /// The message that it replies to; null if that was deleted. What that one replies to stays raw.
        referenced_message: inner Message;
        /// The thread that was started from it.
        thread: may Box<Channel>;
        /// About its place in a thread.
        position: may i64;
        /// What kind of channel it is in; in events only.
        channel_type: may ChannelType;
        /// The boxes below the text, at most 10.
        embeds: or Vec<Embed>;
        /// The stickers.
        sticker_items: or Vec<StickerItem>;
        /// The poll.
        poll: may Box<Poll>;
        /// The buttons, menus and what arranges them.
        components: or Vec<Component>;
        /// What it forwards.
        message_snapshots: or Vec<MessageSnapshot>;
        [activity application call interaction interaction_metadata lobby_member mention_channels nonce
            purchase_notification resolved role_subscription_data shared_client_theme soundboard_sounds stickers]
    }

    /// One emoji's reactions to a message (discord-api-docs, Message, Reaction Object).
    Reaction {
        /// How many, bought ones included.
        count: or u64;
        /// Whether one is our own.
        me: or bool;
        /// The emoji.
        emoji: must Emoji;
        [burst_colors burst_count burst_me count_details me_burst]
    }

    /// Where a message points to (discord-api-docs, Message, Message Reference Structure).
    MessageReference {
        /// Why.
        kind as "type": or MessageReferenceType;
        /// The other message.
        message_id: may MessageId;
        /// The other message's channel.
        channel_id: may ChannelId;
        /// The other message's guild.
        guild_id: may GuildId;
    }
}

impl Message {
    /// The text with `<@id>` and `<@!id>` turned into `@username`, or `@unknown` if [`mentions`](Self::mentions)
    /// does not have the user. Mentions of roles and channels stay as they are.
    #[must_use]
    pub fn resolved_content(&self) -> Cow<'_, str> {
        let mut resolved = String::new();
        let mut rest = &*self.content;
        let mut plain = 0;
        while let Some(at) = rest.get(plain..).and_then(|text| text.find("<@")).map(|at| at + plain) {
            match rest.get(at..).and_then(mention) {
                None => plain = at + 2,
                Some((user, length)) => {
                    let name = self.mentions.iter().find(|known| known.id == user);
                    resolved.push_str(rest.get(..at).unwrap_or_default());
                    resolved.push('@');
                    resolved.push_str(name.map_or("unknown", |user| &user.username));
                    rest = rest.get(at + length..).unwrap_or_default();
                    plain = 0;
                }
            }
        }
        if resolved.is_empty() {
            return Cow::Borrowed(&self.content);
        }
        resolved.push_str(rest);
        Cow::Owned(resolved)
    }

    /// The links to messages in the text, in their order.
    pub fn links(&self) -> impl Iterator<Item = MessageLink> {
        links(&self.content)
    }

    /// Whether it replies to another message, which may be deleted.
    #[must_use]
    pub fn is_reply(&self) -> bool {
        self.kind == MessageType::REPLY
    }

    /// The message that it replies to, if Discord sent it along. Not what it forwards: that is
    /// [`forwarded`](Self::forwarded).
    #[must_use]
    pub fn referenced(&self) -> Option<&Self> {
        self.referenced_message.as_deref()
    }

    /// What it forwards.
    #[must_use]
    pub fn forwarded(&self) -> Option<&SnapshotMessage> {
        self.message_snapshots.iter().find_map(|snapshot| snapshot.message.as_ref())
    }

    /// Where it is in Discord's web client; `None` if it does not say whether it is in a guild, as no message does that
    /// a request brought. For those there is [`url_in`](Self::url_in).
    #[must_use]
    pub fn url(&self) -> Option<String> {
        let direct = [ChannelType::DM, ChannelType::GROUP_DM];
        let is_direct = self.channel_type.is_some_and(|kind| direct.contains(&kind));
        (self.guild_id.is_some() || is_direct).then(|| self.url_in(self.guild_id))
    }

    /// Where it is in Discord's web client if it is in this guild; `None` for a direct message. A
    /// [search](crate::rest::task::Search::guild), an interaction and a channel know their guild.
    pub fn url_in(&self, guild: impl Into<Option<GuildId>>) -> String {
        MessageLink { guild: guild.into(), channel: self.channel_id, message: self.id }.to_string()
    }
}

/// The user and the length of the mention that the text begins with.
fn mention(text: &str) -> Option<(UserId, usize)> {
    let (id, _) = text.strip_prefix("<@")?.split_once('>')?;
    let digits = id.strip_prefix('!').unwrap_or(id);
    let number = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok()).flatten();
    Some((UserId(number?), id.len() + 3))
}

/// Shows who, where and the first 30 characters.
impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Message({}", self.id)?;
        if let Some(author) = &self.author {
            write!(f, " by {:?}", Preview(&author.username))?;
        }
        write!(f, ": {:?})", Preview(&self.resolved_content()))
    }
}

impl fmt::Debug for Reaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reaction({} x {:?})", self.count, self.emoji)
    }
}

impl fmt::Debug for MessageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.message_id {
            Some(id) => write!(f, "MessageReference({} {id})", self.kind),
            None => write!(f, "MessageReference({})", self.kind),
        }
    }
}
