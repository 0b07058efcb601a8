//! The columns that objects have in tables.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::fmt::Display;

use crate::id::GuildId;

use super::account::Connection;
use super::activity::RoleConnectionMetadata;
use super::attachment::Attachment;
use super::channel::{Channel, ThreadMember};
use super::command::{ApplicationCommand, CommandPermissions};
use super::embed::Sticker;
use super::emoji::Emoji;
use super::guild::{Ban, Guild, Role, UserGuild, VoiceRegion};
use super::integration::Webhook;
use super::list::{Cell, List, Row, evcxr, table};
use super::message::Message;
use super::moderation::AutoModerationRule;
use super::onboarding::JoinRequest;
use super::page::{AuditLogEntry, Invite};
use super::plain::Bytes;
use super::program::Integration;
use super::sale::{Entitlement, Sku, Subscription};
use super::scheduled_event::{ScheduledEvent, ScheduledEventUser};
use super::sound::{SoundboardSound, StickerPack};
use super::template::GuildTemplate;
use super::text::DateTime;
use super::user::{Member, User};

macro_rules! rows {
    ($($type:ident: |$it:ident| { $($column:literal $cell:expr;)* })*) => {$(
        impl Row for $type {
            const COLUMNS: &'static [&'static str] = &[$($column),*];

            fn cells(&self) -> Vec<Cell> {
                let $it = self;
                vec![$(Cell::from($cell)),*]
            }
        }
    )*};
}

rows! {
    ApplicationCommand: |it| {
        "id" Cell::of(it.id);
        "name" format!("/{}", it.name);
        "type" it.kind;
        "description" &*it.description;
        "options" Cell::of(it.options.len());
    }
    Attachment: |it| {
        "file" it.preview();
        "name" Cell::link(&*it.filename, &*it.url);
        "type" it.content_type_or_guess();
        "size" Cell::of(Bytes(it.size));
    }
    AuditLogEntry: |it| {
        "id" Cell::of(it.id);
        "time" time(&it.id.snowflake().into());
        "event" Cell::of(it.action_type);
        "user" it.user_id;
        "target" it.target_id;
        "reason" it.reason.as_deref();
    }
    AutoModerationRule: |it| {
        "id" Cell::of(it.id);
        "name" &*it.name;
        "trigger" Cell::of(it.trigger_type);
        "actions" it.actions.iter().map(|action| action.kind.to_string()).collect::<Vec<_>>().join(", ");
        "enabled" yes(it.enabled);
    }
    Ban: |it| {
        "id" Cell::of(it.user.id);
        "username" &*it.user.username;
        "reason" it.reason.as_deref();
    }
    Channel: |it| {
        "id" linked(it.id, it.url());
        "type" Cell::of(it.kind);
        "name" it.title();
        "parent" it.parent_id;
        "topic" it.topic.as_deref();
    }
    CommandPermissions: |it| {
        "id" Cell::of(it.id);
        "application" Cell::of(it.application_id);
        "permissions" Cell::of(it.permissions.len());
    }
    Connection: |it| {
        "type" &*it.kind;
        "id" &*it.id;
        "name" it.name.as_deref();
        "verified" yes(it.verified);
    }
    Emoji: |it| {
        "id" it.id;
        "name" it.name.as_deref();
        "animated" yes(it.animated);
    }
    Entitlement: |it| {
        "id" Cell::of(it.id);
        "sku" Cell::of(it.sku_id);
        "type" Cell::of(it.kind);
        "user" it.user_id;
        "guild" it.guild_id;
        "ends" it.ends_at.as_ref().map(time);
        "consumed" yes(it.consumed == Some(true));
    }
    Guild: |it| {
        "id" Cell::link(it.id.to_string(), it.url());
        "name" &*it.name;
        "members" it.member_count.or(it.approximate_member_count);
        "owner" it.owner_id;
        "description" it.description.as_deref();
    }
    GuildTemplate: |it| {
        "code" &*it.code;
        "name" &*it.name;
        "used" Cell::of(it.usage_count);
        "updated" it.updated_at.as_ref().map(time);
        "description" it.description.as_deref();
    }
    Integration: |it| {
        "id" &*it.id;
        "type" &*it.kind;
        "name" it.name.as_deref();
        "enabled" yes(it.enabled);
    }
    Invite: |it| {
        "code" Cell::link(&*it.code, format!("https://discord.gg/{}", it.code));
        "channel" it.channel.as_ref().map(Channel::title);
        "inviter" it.inviter.as_ref().map(|user| &*user.username);
        "uses" it.uses;
        "expires" it.expires_at.as_ref().map(time);
    }
    JoinRequest: |it| {
        "id" Cell::of(it.id);
        "status" it.application_status.as_deref();
        "user" it.user_id;
        "created" it.created_at.as_ref().map(time);
    }
    Member: |it| {
        "id" it.user.as_ref().map(|user| user.id);
        "username" it.user.as_ref().map(|user| &*user.username);
        "name" it.display_name();
        "joined" it.joined_at.as_ref().map(time);
        "roles" Cell::of(it.roles.len());
        "bot" yes(it.user.as_ref().is_some_and(User::is_bot));
    }
    Message: |it| {
        "id" linked(it.id, it.url());
        "time" it.timestamp.as_ref().map(time);
        "author" it.author.as_ref().map(|user| &*user.username);
        "content" &*it.resolved_content();
        "files" it.attachments.iter().map(|file| &*file.filename).collect::<Vec<_>>().join(", ");
    }
    Role: |it| {
        "id" Cell::of(it.id);
        "name" &*it.name;
        "color" format!("#{:06x}", it.color);
        "position" Cell::of(it.position);
        "managed" yes(it.managed);
    }
    RoleConnectionMetadata: |it| {
        "key" &*it.key;
        "type" Cell::of(it.kind);
        "name" &*it.name;
        "description" &*it.description;
    }
    ScheduledEvent: |it| {
        "id" Cell::of(it.id);
        "name" &*it.name;
        "status" it.status;
        "begins" it.scheduled_start_time.as_ref().map(time);
        "interested" it.user_count;
    }
    ScheduledEventUser: |it| {
        "id" it.user_id.or(it.user.as_ref().map(|user| user.id));
        "username" it.user.as_ref().map(|user| &*user.username);
    }
    Sku: |it| {
        "id" Cell::of(it.id);
        "type" Cell::of(it.kind);
        "name" &*it.name;
    }
    SoundboardSound: |it| {
        "id" Cell::of(it.sound_id);
        "name" &*it.name;
        "volume" Cell::of(it.loudness());
        "emoji" it.emoji_name.as_deref();
    }
    Sticker: |it| {
        "id" Cell::of(it.id);
        "name" &*it.name;
        "type" Cell::of(it.kind);
        "format" Cell::of(it.format_type);
        "tags" &*it.tags;
    }
    StickerPack: |it| {
        "id" Cell::of(it.id);
        "name" &*it.name;
        "stickers" Cell::of(it.stickers.len());
        "description" it.description.as_deref();
    }
    Subscription: |it| {
        "id" Cell::of(it.id);
        "user" Cell::of(it.user_id);
        "status" Cell::of(it.status);
        "ends" it.current_period_end.as_ref().map(time);
    }
    ThreadMember: |it| {
        "user" it.user_id;
        "name" it.member.as_ref().and_then(|member| member.display_name());
        "since" it.join_timestamp.as_ref().map(time);
    }
    User: |it| {
        "id" Cell::of(it.id);
        "username" &*it.username;
        "name" it.display_name();
        "bot" yes(it.is_bot());
    }
    UserGuild: |it| {
        "id" Cell::link(it.id.to_string(), it.url());
        "name" &*it.name;
        "owner" yes(it.owner);
        "members" it.approximate_member_count;
    }
    VoiceRegion: |it| {
        "id" &*it.id;
        "name" &*it.name;
        "optimal" yes(it.optimal);
        "deprecated" yes(it.deprecated);
    }
    Webhook: |it| {
        "id" Cell::of(it.id);
        "name" it.name.as_deref();
        "type" Cell::of(it.kind);
        "channel" it.channel_id;
        "user" it.user.as_ref().map(|user| &*user.username);
    }
}

impl Attachment {
    /// The image itself, or what the file is.
    fn preview(&self) -> Cell {
        if self.is_image() {
            return Cell::Image { text: self.filename.clone(), url: self.url.clone() };
        }
        let text = format!("{} ({}, {})", self.filename, self.content_type_or_guess(), Bytes(self.size));
        Cell::Link { text, url: self.url.clone() }
    }

    /// A preview as HTML, on one line: the image, or name, type and size. All text is escaped.
    #[must_use]
    pub fn html(&self) -> String {
        let mut html = String::new();
        self.preview().write_html(&mut html);
        html
    }

    /// What a program writes to its standard output for a notebook of evcxr to show the preview (evcxr, Custom display of
    /// types).
    #[must_use]
    pub fn evcxr(&self) -> String {
        evcxr(&self.to_string(), &self.html())
    }
}

impl List<Message> {
    /// As [`html`](Self::html), and each id leads to its message in this guild; `None` for direct messages.
    /// Messages that a request brought do not say where they are.
    pub fn html_in(&self, guild: impl Into<Option<GuildId>>) -> String {
        let guild = guild.into();
        table::<Message>(self.iter().map(|message| {
            let mut cells = message.cells();
            if let Some(id) = cells.first_mut() {
                *id = Cell::link(message.id.to_string(), message.url_in(guild));
            }
            cells
        }))
    }

    /// As [`evcxr`](Self::evcxr), with the links of [`html_in`](Self::html_in).
    pub fn evcxr_in(&self, guild: impl Into<Option<GuildId>>) -> String {
        evcxr(&self.to_string(), &self.html_in(guild))
    }
}

/// An id that leads to where it is, if that is known.
fn linked(id: impl Display, url: Option<String>) -> Cell {
    match url {
        Some(url) => Cell::link(id.to_string(), url),
        None => Cell::of(id),
    }
}

fn yes(is: bool) -> &'static str {
    if is { "yes" } else { "" }
}

/// A date and time to the minute, as Discord sent it.
fn time(time: &DateTime) -> String {
    time.get(..16).unwrap_or(time).replace('T', " ")
}
