//! Objects in one line, for people.

use alloc::string::String;
use core::fmt::{self, Display, Formatter};

use super::attachment::Attachment;
use super::channel::{Channel, DefaultReaction, ForumTag, ThreadMember};
use super::command::{
    Application, ApplicationCommand, ApplicationCommandOption, CallbackInteraction, CallbackResource,
    CommandChoice, InteractionCallback, Team,
};
use super::embed::{
    Component, Embed, EmbedAuthor, EmbedField, EmbedFooter, EmbedMedia, EmbedProvider, MessageSnapshot, Poll,
    PollAnswer, PollAnswerCount, PollMedia, PollResults, SnapshotMessage, Sticker, StickerItem,
};
use super::emoji::Emoji;
use super::guild::{Ban, Guild, GuildPreview, Role, UserGuild, VoiceRegion, WelcomeChannel, WelcomeScreen};
use super::integration::{Interaction, Webhook};
use super::message::{Message, Reaction};
use super::page::{
    AuditLog, AuditLogChange, AuditLogEntry, FollowedChannel, Invite, Pin, PinPage, SearchPage, ThreadList,
};
use super::plain::{Bytes, Plain};
use super::scheduled_event::ScheduledEvent;
use super::user::{Member, User};

/// Says how objects look in one line.
macro_rules! lines {
    ($($(#[$doc:meta])* $type:ident: |$it:ident, $f:ident| $line:expr;)*) => {$(
        $(#[$doc])*
        impl Display for $type {
            fn fmt(&self, $f: &mut Formatter<'_>) -> fmt::Result {
                let $it = self;
                $line
            }
        }
    )*};
}

/// Lets objects that people see rarely look as in one line in `Debug` too.
macro_rules! debugs {
    ($($type:ident)*) => {$(
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($type), "({})"), self)
            }
        }
    )*};
}

pub(super) use {debugs, lines};

pub(super) fn name(name: &Option<String>) -> Plain<'_> {
    Plain(name.as_deref().unwrap_or_default())
}

lines! {
    /// `#id name`.
    Application: |it, f| write!(f, "#{} {}", it.id, Plain(&it.name));
    /// `#id /name`.
    ApplicationCommand: |it, f| write!(f, "#{} /{}", it.id, Plain(&it.name));
    /// The name, and whether it is required.
    ApplicationCommandOption: |it, f| match it.required {
        true => write!(f, "{} (required)", Plain(&it.name)),
        false => Plain(&it.name).fmt(f),
    };
    /// `#id name, type, size`.
    Attachment: |it, f| write!(
        f,
        "#{} {}, {}, {}",
        it.id,
        Plain(&it.filename),
        Plain(it.content_type_or_guess()),
        Bytes(it.size),
    );
    /// How many entries.
    AuditLog: |it, f| write!(f, "{} entries", it.audit_log_entries.len());
    /// The field.
    AuditLogChange: |it, f| name(&it.key).fmt(f);
    /// `#id event by user on target: reason`.
    AuditLogEntry: |it, f| {
        write!(f, "#{} {}", it.id, it.action_type)?;
        if let Some(user) = it.user_id {
            write!(f, " by {user}")?;
        }
        if let Some(target) = it.target_id {
            write!(f, " on {target}")?;
        }
        reason(&it.reason, f)
    };
    /// `#id user: reason`.
    Ban: |it, f| {
        it.user.fmt(f)?;
        reason(&it.reason, f)
    };
    /// `#id kind`.
    CallbackInteraction: |it, f| write!(f, "#{} {}", it.id, it.kind);
    /// The kind of answer.
    CallbackResource: |it, f| it.kind.fmt(f);
    /// `#id title`: see [`title`](Channel::title).
    Channel: |it, f| write!(f, "#{} {}", it.id, Plain(&it.title()));
    /// The name.
    CommandChoice: |it, f| Plain(&it.name).fmt(f);
    /// The kind, and what it says.
    Component: |it, f| match it.label.as_ref().or(it.content.as_ref()).or(it.custom_id.as_ref()) {
        Some(text) => write!(f, "{} {}", it.kind, Plain(text)),
        None => it.kind.fmt(f),
    };
    /// The emoji.
    DefaultReaction: |it, f| match it.emoji_id {
        Some(id) => id.fmt(f),
        None => name(&it.emoji_name).fmt(f),
    };
    /// The title, otherwise the beginning of the text.
    Embed: |it, f| {
        let author = it.author.as_ref().map(|author| &author.name);
        let text = it.title.as_ref().or(it.description.as_ref()).or(author).or(it.url.as_ref());
        Plain(text.map_or("", |text| text)).fmt(f)
    };
    /// The name.
    EmbedAuthor: |it, f| Plain(&it.name).fmt(f);
    /// `name: text`.
    EmbedField: |it, f| write!(f, "{}: {}", Plain(&it.name), Plain(&it.value));
    /// The text.
    EmbedFooter: |it, f| Plain(&it.text).fmt(f);
    /// Where it is.
    EmbedMedia: |it, f| name(&it.url).fmt(f);
    /// The name.
    EmbedProvider: |it, f| name(&it.name).fmt(f);
    /// The emoji of Unicode itself, otherwise `:name:`.
    Emoji: |it, f| match it.id {
        Some(_) => write!(f, ":{}:", name(&it.name)),
        None => name(&it.name).fmt(f),
    };
    /// Both channels.
    FollowedChannel: |it, f| write!(f, "{} by webhook {}", it.channel_id, it.webhook_id);
    /// `#id name`.
    ForumTag: |it, f| write!(f, "#{} {}", it.id, Plain(&it.name));
    /// `#id name`.
    Guild: |it, f| match it.unavailable {
        Some(true) => write!(f, "#{} (unavailable)", it.id),
        _ => write!(f, "#{} {}", it.id, Plain(&it.name)),
    };
    /// `#id name`.
    GuildPreview: |it, f| write!(f, "#{} {}", it.id, Plain(&it.name));
    /// `#id kind by user`.
    Interaction: |it, f| {
        write!(f, "#{} {}", it.id, it.kind)?;
        it.author().map_or(Ok(()), |user| write!(f, " by {}", Plain(&user.username)))
    };
    /// The interaction.
    InteractionCallback: |it, f| it.interaction.fmt(f);
    /// Where it is.
    Invite: |it, f| write!(f, "https://discord.gg/{}", Plain(&it.code));
    /// `#id name`: see [`display_name`](Member::display_name).
    Member: |it, f| {
        if let Some(user) = &it.user {
            write!(f, "#{} ", user.id)?;
        }
        Plain(it.display_name().unwrap_or_default()).fmt(f)
    };
    /// `#id author: ` and the first 30 characters; if there is no text, what there is instead.
    Message: |it, f| {
        write!(f, "#{}", it.id)?;
        if let Some(author) = &it.author {
            write!(f, " {}", Plain(&author.username))?;
        }
        f.write_str(": ")?;
        if !it.content.is_empty() {
            return Plain(&it.resolved_content()).fmt(f);
        }
        let parts = [
            (it.attachments.len(), "files"),
            (it.embeds.len(), "embeds"),
            (it.sticker_items.len(), "stickers"),
            (it.components.len(), "components"),
            (usize::from(it.poll.is_some()), "poll"),
            (it.message_snapshots.len(), "forwarded"),
        ];
        let found = parts.into_iter().find(|(count, _)| *count > 0);
        match found {
            Some((count, what)) => write!(f, "({count} {what})"),
            None => write!(f, "({})", it.kind),
        }
    };
    /// The message.
    MessageSnapshot: |it, f| it.message.as_ref().map_or(Ok(()), |message| message.fmt(f));
    /// The message.
    Pin: |it, f| it.message.fmt(f);
    /// How many messages.
    PinPage: |it, f| count(it.items.len(), "pins", it.has_more, f);
    /// The question.
    Poll: |it, f| it.question.fmt(f);
    /// The answer.
    PollAnswer: |it, f| it.poll_media.fmt(f);
    /// How many votes.
    PollAnswerCount: |it, f| write!(f, "{} x {}", it.count, it.id);
    /// The emoji and the text.
    PollMedia: |it, f| match (&it.emoji, &it.text) {
        (Some(emoji), Some(text)) => write!(f, "{emoji} {}", Plain(text)),
        (Some(emoji), None) => emoji.fmt(f),
        (None, _) => name(&it.text).fmt(f),
    };
    /// How many votes.
    PollResults: |it, f| write!(f, "{} votes", it.answer_counts.iter().map(|votes| u128::from(votes.count)).sum::<u128>());
    /// How many of which.
    Reaction: |it, f| write!(f, "{} x {}", it.count, it.emoji);
    /// `#id @name`.
    Role: |it, f| write!(f, "#{} @{}", it.id, Plain(it.name.trim_start_matches('@')));
    /// `#id name`.
    ScheduledEvent: |it, f| write!(f, "#{} {}", it.id, Plain(&it.name));
    /// How many messages of how many.
    SearchPage: |it, f| write!(f, "{} of {} messages", it.found().count(), it.total_results);
    /// The beginning of the text.
    SnapshotMessage: |it, f| Plain(&it.content).fmt(f);
    /// `#id name`.
    Sticker: |it, f| write!(f, "#{} {}", it.id, Plain(&it.name));
    /// `#id name`.
    StickerItem: |it, f| write!(f, "#{} {}", it.id, Plain(&it.name));
    /// `#id name`.
    Team: |it, f| write!(f, "#{} {}", it.id, Plain(&it.name));
    /// How many threads.
    ThreadList: |it, f| count(it.threads.len(), "threads", it.has_more, f);
    /// Who, and where.
    ThreadMember: |it, f| match (it.user_id, it.id) {
        (Some(user), Some(thread)) => write!(f, "{user} in {thread}"),
        (Some(user), None) => user.fmt(f),
        (None, Some(thread)) => write!(f, "in {thread}"),
        (None, None) => Ok(()),
    };
    /// `#id name`, behind it whether it belongs to an application.
    User: |it, f| write!(f, "#{} {}{}", it.id, Plain(&it.username), if it.bot { " (bot)" } else { "" });
    /// `#id name`.
    UserGuild: |it, f| write!(f, "#{} {}", it.id, Plain(&it.name));
    /// The id.
    VoiceRegion: |it, f| Plain(&it.id).fmt(f);
    /// `#id name`; never the token.
    Webhook: |it, f| write!(f, "#{} {}", it.id, name(&it.name));
    /// The channel, and what it is for.
    WelcomeChannel: |it, f| write!(f, "{}: {}", it.channel_id, Plain(&it.description));
    /// What the guild is about.
    WelcomeScreen: |it, f| name(&it.description).fmt(f);
}

debugs! {
    Application ApplicationCommand ApplicationCommandOption AuditLog AuditLogChange AuditLogEntry Ban
    CallbackInteraction CallbackResource CommandChoice Component DefaultReaction Embed EmbedAuthor EmbedField
    EmbedFooter EmbedMedia EmbedProvider FollowedChannel ForumTag GuildPreview InteractionCallback Invite
    MessageSnapshot Pin PinPage Poll PollAnswer PollAnswerCount PollMedia PollResults ScheduledEvent SearchPage
    SnapshotMessage Sticker StickerItem Team ThreadList ThreadMember UserGuild VoiceRegion WelcomeChannel
    WelcomeScreen
}

fn reason(reason: &Option<String>, f: &mut Formatter<'_>) -> fmt::Result {
    reason.as_ref().map_or(Ok(()), |reason| write!(f, ": {}", Plain(reason)))
}

pub(super) fn count(count: usize, what: &str, more: bool, f: &mut Formatter<'_>) -> fmt::Result {
    write!(f, "{count} {what}{}", if more { " and more" } else { "" })
}
