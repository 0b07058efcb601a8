//! Values that requests take.

use alloc::boxed::Box;
use alloc::format;
use core::fmt;

use crate::object::Emoji;

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

impl From<alloc::string::String> for EmojiName {
    fn from(text: alloc::string::String) -> Self {
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
