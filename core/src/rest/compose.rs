//! What messages are made of, for every request that carries one.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;
use serde_json::{Value, json};

use crate::id::{AttachmentId, ChannelId, MessageId};
use crate::object::{DateTime, MessageFlags};
use crate::rest::call::{Call, Endpoint};
use crate::rest::endpoint::{
    CreateFollowup, CreateGuildSticker, CreateInteractionResponse, CreateMessage, EditFollowup,
    EditGuildMember, EditMessage, EditOriginalResponse, EditWebhookMessage, ExecuteWebhook,
    ExecuteWebhookUnseen, SetInviteTargetUsers, StartForumThread,
};
use crate::rest::invalid::{Invalid, check};
use crate::rest::upload::File;
use crate::rest::value::{AllowedMentions, Embed};
use crate::time::Duration;

/// Requests that files go along with.
pub trait TakesFiles: Endpoint {}

/// Requests that carry a message, new or changed.
pub trait CarriesMessage: TakesFiles {}

/// Requests in which the message is a part of the body.
pub trait NestsMessage: CarriesMessage {}

/// Requests that change a message.
pub trait EditsMessage: CarriesMessage {}

macro_rules! kinds {
    ($($kind:ident: $($endpoint:ident)*;)*) => {
        $($(impl $kind for $endpoint {})*)*
    };
}

kinds! {
    TakesFiles: CreateMessage EditMessage ExecuteWebhook ExecuteWebhookUnseen EditWebhookMessage CreateFollowup
        EditFollowup EditOriginalResponse CreateInteractionResponse StartForumThread CreateGuildSticker
        SetInviteTargetUsers;
    CarriesMessage: CreateMessage EditMessage ExecuteWebhook ExecuteWebhookUnseen EditWebhookMessage CreateFollowup
        EditFollowup EditOriginalResponse CreateInteractionResponse StartForumThread;
    NestsMessage: CreateInteractionResponse StartForumThread;
    EditsMessage: EditMessage EditWebhookMessage EditFollowup EditOriginalResponse;
}

impl<E: TakesFiles> Call<E> {
    /// Adds a file; at most 10.
    pub fn file(mut self, file: File) -> Self {
        self.draft.files.push(file);
        self.draft.touch("files");
        self
    }

    /// Adds files; at most 10 in all.
    pub fn files(mut self, files: impl IntoIterator<Item = File>) -> Self {
        self.draft.files.extend(files);
        self.draft.touch("files");
        self
    }

    /// Bytes that the whole request may have at most, its files included: see
    /// [`Api::with_body_limit`](crate::rest::Api::with_body_limit). Each file has a [limit](File::limit) of its own.
    pub const fn upload_limit(mut self, bytes: u64) -> Self {
        self.draft.body_limit = Some(bytes);
        self
    }
}

impl<E: CarriesMessage> Call<E> {
    fn field(mut self, name: &str, value: impl Serialize) -> Self {
        match serde_json::to_value(value) {
            Ok(value) => {
                self.draft.message().insert(name.to_owned(), value);
            }
            Err(error) => self.draft.refuse(Invalid::new(name.to_owned(), format!("{error}"))),
        }
        self
    }

    /// Adds a rich part; at most 10.
    pub fn embed(mut self, embed: impl Into<Embed>) -> Self {
        self.draft.touch("embeds");
        let embed = Value::from(embed.into());
        let message = self.draft.message();
        match message.get_mut("embeds") {
            Some(Value::Array(embeds)) => embeds.push(embed),
            _ => {
                message.insert("embeds".to_owned(), json!([embed]));
            }
        }
        self
    }

    /// Notifies nobody, whomever the text mentions.
    pub fn mention_nobody(self) -> Self {
        self.field("allowed_mentions", AllowedMentions::nobody())
    }

    /// Shows no previews of links.
    pub fn suppress_embeds(self) -> Self {
        self.flag(MessageFlags::SUPPRESS_EMBEDS)
    }

    /// Pushes no notification and makes no sound.
    pub fn silent(self) -> Self {
        self.flag(MessageFlags::SUPPRESS_NOTIFICATIONS)
    }

    /// Sets a flag, and leaves the others as they are: those set before, and those of the message of which
    /// [`Message::edit`](crate::object::Message::edit) made this.
    pub fn flag(mut self, flag: MessageFlags) -> Self {
        let flags = self.flags_so_far();
        self.field("flags", flags | flag.0)
    }

    fn flags_so_far(&mut self) -> u64 {
        let known = self.draft.known.flags;
        self.draft.message().get("flags").and_then(Value::as_u64).unwrap_or(known)
    }

    /// Makes it a voice message, of a file that [`File::voice`] made.
    pub fn voice_message(self, file: File) -> Self {
        self.flag(MessageFlags::IS_VOICE_MESSAGE).file(file)
    }
}

impl<E: NestsMessage> Call<E> {
    /// The message's text, at most 2,000 characters.
    pub fn content(mut self, content: impl Into<String>) -> Self {
        let content = content.into();
        self.draft.check(check("content", &content, 0..=2000));
        self.field("content", content)
    }

    /// Buttons, menus and layout, at most 40.
    pub fn components(self, components: impl Into<Vec<Value>>) -> Self {
        self.field("components", components.into())
    }

    /// Whom it may notify.
    pub fn allowed_mentions(self, mentions: impl Into<AllowedMentions>) -> Self {
        self.field("allowed_mentions", mentions.into())
    }
}

impl<E: EditsMessage> Call<E> {
    /// Takes a flag back, and leaves the others as [`flag`](Self::flag) does.
    pub fn without_flag(mut self, flag: MessageFlags) -> Self {
        let flags = self.flags_so_far();
        self.field("flags", flags & !flag.0)
    }

    /// Keeps these files: those that are not listed go, as soon as this or a new file is given.
    pub fn keep(self, files: impl IntoIterator<Item = AttachmentId>) -> Self {
        let files: Vec<Value> = files.into_iter().map(|id| json!({ "id": id })).collect();
        self.field("attachments", files)
    }
}

impl Call<CreateInteractionResponse> {
    /// Shows the answer only to the user who is answered to.
    pub fn ephemeral(self) -> Self {
        self.flag(MessageFlags::EPHEMERAL)
    }
}

impl Call<CreateFollowup> {
    /// Shows the message only to the user who is answered to.
    pub fn ephemeral(self) -> Self {
        self.flag(MessageFlags::EPHEMERAL)
    }
}

impl Call<CreateMessage> {
    /// Makes it a reply to a message of the same channel.
    pub fn reply_to(mut self, message: impl Into<MessageId>) -> Self {
        self.draft.set("message_reference", json!({ "message_id": message.into() }));
        self
    }

    /// Forwards a message of any channel; nothing else may be in it.
    pub fn forward(mut self, channel: impl Into<ChannelId>, message: impl Into<MessageId>) -> Self {
        let reference = json!({ "type": 1, "channel_id": channel.into(), "message_id": message.into() });
        self.draft.set("message_reference", reference);
        self
    }

    /// What it is told by, at most 25 characters: a message with a nonce that was there within minutes is not sent
    /// again, so the call may be repeated.
    pub fn nonce(mut self, nonce: impl Into<String>) -> Self {
        let nonce = nonce.into();
        self.draft.check(check("nonce", &nonce, 1..=25));
        self.draft.set("nonce", nonce);
        self.draft.set("enforce_nonce", true);
        self.draft.repeatable = true;
        self
    }
}

impl Call<ExecuteWebhook> {
    /// Does not wait until the message is there: the answer comes before, and a failure is not told.
    pub fn without_wait(mut self) -> Call<ExecuteWebhookUnseen> {
        self.draft.query.retain(|(name, _)| name != "wait");
        Call::from_draft(self.draft)
    }
}

/// The longest timeout: 28 days (discord-api-docs, Guild, Modify Guild Member).
pub const MAX_TIMEOUT: Duration = Duration::from_secs(28 * 24 * 60 * 60);

impl Call<EditGuildMember> {
    /// Keeps the member from speaking and writing for so long, at most [`MAX_TIMEOUT`]. `now` is in milliseconds
    /// since 1970-01-01T00:00:00 UTC, as the adapters have it in `unix_millis()`.
    pub fn timeout(mut self, now: u64, length: Duration) -> Self {
        let name = "communication_disabled_until";
        if length > MAX_TIMEOUT {
            let why = format!("is {} s away, but Discord takes 28 days at most", length.as_secs());
            self.draft.refuse(Invalid::new(name, why));
        }
        let until = now.saturating_add(u64::try_from(length.as_millis()).unwrap_or(u64::MAX));
        self.draft.set(name, DateTime::from(&*date(until)));
        self
    }
}

/// A time in milliseconds since 1970 as ISO 8601 has it, in UTC.
fn date(millis: u64) -> String {
    let (days, rest) = (millis / 86_400_000, millis % 86_400_000);
    // Eras of 400 years, which begin in March so that the leap day is last (Gregorian calendar).
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (day, month) = (day - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
    let year = year + era * 400 + u64::from(month <= 2);
    let (hour, minute, second, milli) = (rest / 3_600_000, rest / 60_000 % 60, rest / 1000 % 60, rest % 1000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_they_are_read() {
        for (millis, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_772_323_199_999, "2026-02-28T23:59:59.999Z"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(date(millis), text);
            assert_eq!(DateTime::from(text).unix_millis(), Some(millis as i64));
        }
    }
}
