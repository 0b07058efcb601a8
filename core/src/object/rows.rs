//! The columns that objects have in tables.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use super::attachment::Attachment;
use super::channel::Channel;
use super::command::ApplicationCommand;
use super::emoji::Emoji;
use super::guild::{Ban, Guild, Role, UserGuild};
use super::integration::Webhook;
use super::list::{Cell, Row, evcxr};
use super::message::Message;
use super::page::AuditLogEntry;
use super::plain::Bytes;
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
    Ban: |it| {
        "id" Cell::of(it.user.id);
        "username" &*it.user.username;
        "reason" it.reason.as_deref();
    }
    Channel: |it| {
        "id" Cell::link(it.id.to_string(), it.url());
        "type" Cell::of(it.kind);
        "name" it.title();
        "parent" it.parent_id;
        "topic" it.topic.as_deref();
    }
    Emoji: |it| {
        "id" it.id;
        "name" it.name.as_deref();
        "animated" yes(it.animated);
    }
    Guild: |it| {
        "id" Cell::link(it.id.to_string(), it.url());
        "name" &*it.name;
        "members" it.member_count.or(it.approximate_member_count);
        "owner" it.owner_id;
        "description" it.description.as_deref();
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
        "id" Cell::link(it.id.to_string(), it.url());
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

fn yes(is: bool) -> &'static str {
    if is { "yes" } else { "" }
}

/// A date and time to the minute, as Discord sent it.
fn time(time: &DateTime) -> String {
    time.get(..16).unwrap_or(time).replace('T', " ")
}
