//! Values that requests take.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use crate::id::{ChannelId, GuildId, InteractionId, MessageId, RoleId, UserId, WebhookId};
use crate::object::{Channel, DateTime, Emoji, Guild, Interaction, Message, Role, User, UserGuild, Webhook};
use crate::rest::upload::base64;

/// An emoji as a path names it: a character of Unicode, or `name:id`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct EmojiName(Box<str>);

/// A character of Unicode, `name:id`, or as it stands in a text: `<:name:id>` or `<a:name:id>`.
impl From<&str> for EmojiName {
    fn from(text: &str) -> Self {
        let text = text.trim();
        let plain = text
            .strip_prefix('<')
            .and_then(|rest| rest.strip_suffix('>'))
            .map(|custom| custom.strip_prefix("a:").or_else(|| custom.strip_prefix(':')).unwrap_or(custom));
        Self(plain.unwrap_or(text).into())
    }
}

impl From<String> for EmojiName {
    fn from(text: String) -> Self {
        Self::from(&*text)
    }
}

impl From<char> for EmojiName {
    fn from(character: char) -> Self {
        Self(format!("{character}").into())
    }
}

impl From<&Emoji> for EmojiName {
    fn from(emoji: &Emoji) -> Self {
        let name = emoji.name.as_deref();
        match emoji.id {
            // Discord looks at the id only; a deleted emoji has no name.
            Some(id) => Self(format!("{}:{id}", name.unwrap_or("_")).into()),
            None => Self(name.unwrap_or_default().into()),
        }
    }
}

impl fmt::Display for EmojiName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An image, or a sound, as JSON carries it: `data:image/png;base64,..` (discord-api-docs, Reference, Image Data).
#[must_use]
pub fn data_uri(media_type: &str, bytes: &[u8]) -> String {
    format!("data:{media_type};base64,{}", base64(bytes))
}

/// Values that are written as JSON objects, with a field of the caller's own where one is not modelled.
macro_rules! values {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq)]
        pub struct $name(Map<String, Value>);

        impl $name {
            /// Sets a field, by its name on the wire. What cannot be JSON becomes null.
            #[must_use]
            pub fn set(mut self, name: &str, value: impl Serialize) -> Self {
                self.0.insert(name.into(), serde_json::to_value(value).unwrap_or_default());
                self
            }

            /// What is written.
            #[must_use]
            pub const fn fields(&self) -> &Map<String, Value> {
                &self.0
            }
        }

        /// The fields of an object; of any other value, nothing.
        impl From<Value> for $name {
            fn from(value: Value) -> Self {
                match value {
                    Value::Object(fields) => Self(fields),
                    _ => Self::default(),
                }
            }
        }

        impl From<$name> for Value {
            fn from(value: $name) -> Self {
                Self::Object(value.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                self.0.serialize(serializer)
            }
        }
    )*};
}

values! {
    /// Whom a message may notify (discord-api-docs, Message, Allowed Mentions Object): nobody, until it is said.
    AllowedMentions;

    /// A rich part of a message (discord-api-docs, Message, Embed Object). All embeds of a message have 6,000 characters
    /// at most.
    Embed;

    /// A poll (discord-api-docs, Poll, Poll Create Request Object).
    Poll;
}

impl AllowedMentions {
    /// Nobody.
    #[must_use]
    pub fn nobody() -> Self {
        Self::from(json!({ "parse": [] }))
    }

    /// All whom the text mentions.
    #[must_use]
    pub fn all() -> Self {
        Self::from(json!({ "parse": ["everyone", "roles", "users"] }))
    }

    /// These users, at most 100.
    #[must_use]
    pub fn users(self, users: impl IntoIterator<Item = UserId>) -> Self {
        let parse = self.parsed();
        self.set("parse", parse).set("users", users.into_iter().collect::<Vec<_>>())
    }

    /// These roles, at most 100.
    #[must_use]
    pub fn roles(self, roles: impl IntoIterator<Item = RoleId>) -> Self {
        let parse = self.parsed();
        self.set("parse", parse).set("roles", roles.into_iter().collect::<Vec<_>>())
    }

    /// The author of the message that is replied to.
    #[must_use]
    pub fn replied_user(self, mentioned: bool) -> Self {
        let parse = self.parsed();
        self.set("parse", parse).set("replied_user", mentioned)
    }

    fn parsed(&self) -> Value {
        self.0.get("parse").cloned().unwrap_or_else(|| json!([]))
    }
}

impl Embed {
    /// An embed without anything.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The heading, at most 256 characters.
    #[must_use]
    pub fn title(self, text: impl Into<String>) -> Self {
        self.set("title", text.into())
    }

    /// The text, at most 4,096 characters.
    #[must_use]
    pub fn description(self, text: impl Into<String>) -> Self {
        self.set("description", text.into())
    }

    /// Where the heading leads.
    #[must_use]
    pub fn url(self, url: impl Into<String>) -> Self {
        self.set("url", url.into())
    }

    /// The colour of its edge, as a number 0xRRGGBB.
    #[must_use]
    pub fn color(self, color: u32) -> Self {
        self.set("color", color)
    }

    /// The time that is shown.
    #[must_use]
    pub fn timestamp(self, time: impl Into<DateTime>) -> Self {
        self.set("timestamp", time.into())
    }

    /// The line at the bottom, at most 2,048 characters.
    #[must_use]
    pub fn footer(self, text: impl Into<String>) -> Self {
        self.set("footer", json!({ "text": text.into() }))
    }

    /// The name at the top, at most 256 characters.
    #[must_use]
    pub fn author(self, name: impl Into<String>) -> Self {
        self.set("author", json!({ "name": name.into() }))
    }

    /// The image: a URL, or `attachment://name` of a file that goes along.
    #[must_use]
    pub fn image(self, url: impl Into<String>) -> Self {
        self.set("image", json!({ "url": url.into() }))
    }

    /// The small image: a URL, or `attachment://name` of a file that goes along.
    #[must_use]
    pub fn thumbnail(self, url: impl Into<String>) -> Self {
        self.set("thumbnail", json!({ "url": url.into() }))
    }

    /// Adds a name of at most 256 characters and a text of at most 1,024; at most 25.
    #[must_use]
    pub fn field(mut self, name: impl Into<String>, text: impl Into<String>, inline: bool) -> Self {
        let field = json!({ "name": name.into(), "value": text.into(), "inline": inline });
        match self.0.get_mut("fields") {
            Some(Value::Array(fields)) => fields.push(field),
            _ => return self.set("fields", [field]),
        }
        self
    }
}

impl Poll {
    /// A question of at most 300 characters, with answers of at most 55 characters each, at most 10. It is open
    /// for a day.
    #[must_use]
    pub fn new<T: Into<String>>(question: impl Into<String>, answers: impl IntoIterator<Item = T>) -> Self {
        let answers: Vec<Value> =
            answers.into_iter().map(|text| json!({ "poll_media": { "text": text.into() } })).collect();
        Self::from(json!({ "question": { "text": question.into() }, "answers": answers }))
    }

    /// For how many hours it is open, at most 768.
    #[must_use]
    pub fn hours(self, hours: u32) -> Self {
        self.set("duration", hours)
    }

    /// Whether several answers may be given.
    #[must_use]
    pub fn multiselect(self, several: bool) -> Self {
        self.set("allow_multiselect", several)
    }
}

/// Ids of objects, wherever an id is asked for.
macro_rules! ids {
    ($($object:ty => $id:ty;)*) => {$(
        impl From<&$object> for $id {
            fn from(object: &$object) -> Self {
                object.id
            }
        }
    )*};
}

ids! {
    Channel => ChannelId;
    Guild => GuildId;
    UserGuild => GuildId;
    Message => MessageId;
    Role => RoleId;
    User => UserId;
    Webhook => WebhookId;
    Interaction => InteractionId;
}
