//! JSON objects that stay text, and the entries in them.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

use serde::de::{self, DeserializeOwned, Deserializer};
use serde::{Deserialize, Serialize, Serializer};

use crate::envelope::DecodeError;

use super::raw::{self, Verbatim};

/// A whole JSON object of any shape, kept as the text that Discord sent.
#[derive(Clone, Eq, PartialEq)]
pub struct Object(Box<str>);

impl Object {
    /// The JSON text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Parses the whole object.
    ///
    /// # Errors
    /// If it is not a `T`.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        raw::parse(&self.0, "object")
    }

    /// Parses a field. `None` if there is none of this name, or if it is null and a `T` cannot be.
    ///
    /// # Errors
    /// If the field is not a `T`.
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, DecodeError> {
        self.json(name).map_or(Ok(None), field)
    }

    /// A field's JSON text. Of two fields of the same name, the last.
    #[must_use]
    pub fn json(&self, name: &str) -> Option<&str> {
        find(&self.0, name)
    }

    /// The names of all fields, in the order in which they came.
    pub fn names(&self) -> impl Iterator<Item = Cow<'_, str>> {
        Entries::new(&self.0).map(|entry| entry.name())
    }
}

/// An object without fields.
impl Default for Object {
    fn default() -> Self {
        Self("{}".into())
    }
}

/// Shows the number of fields only: they may hold users' words or secrets.
impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Object({} fields)", Entries::new(&self.0).count())
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = raw::capture(deserializer)?;
        if text.starts_with('{') { Ok(Self(text)) } else { Err(de::Error::custom("expected an object")) }
    }
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Verbatim(&self.0).serialize(serializer)
    }
}

/// Parses the text of a field; null is no value where a `T` cannot be null.
pub(super) fn field<T: DeserializeOwned>(text: &str) -> Result<Option<T>, DecodeError> {
    match raw::parse(text, "field") {
        Ok(value) => Ok(Some(value)),
        Err(_) if text == "null" => Ok(None),
        Err(error) => Err(error),
    }
}

/// The text of the last field of this name.
pub(super) fn find<'a>(object: &'a str, name: &str) -> Option<&'a str> {
    Entries::new(object).filter(|entry| entry.name() == name).last().map(|entry| entry.value)
}

/// One name and value in an object's text.
#[derive(Clone, Copy)]
pub(super) struct Entry<'a> {
    /// As it stands between the quotes, escapes included.
    key: &'a str,
    pub(super) value: &'a str,
}

impl<'a> Entry<'a> {
    pub(super) fn name(&self) -> Cow<'a, str> {
        if !self.key.contains('\\') {
            return Cow::Borrowed(self.key);
        }
        let mut quoted = String::with_capacity(self.key.len() + 2);
        quoted.push('"');
        quoted.push_str(self.key);
        quoted.push('"');
        serde_json::from_str(&quoted).map_or(Cow::Borrowed(self.key), Cow::Owned)
    }
}

/// The entries of a valid object's text; any other text yields some entries or none.
pub(super) struct Entries<'a>(&'a str);

impl<'a> Entries<'a> {
    pub(super) fn new(object: &'a str) -> Self {
        Self(object)
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        let (_, rest) = self.0.split_once('"')?;
        let (key, rest) = rest.split_at_checked(string_end(rest)?)?;
        let (_, rest) = rest.split_once(':')?;
        let (value, rest) = rest.split_at_checked(value_end(rest))?;
        self.0 = rest;
        Some(Entry { key, value: value.trim_ascii() })
    }
}

/// Where the closing quote of a string is whose opening quote is cut off.
fn string_end(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let end = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        end
    })
}

/// Where the comma or brace behind a value is.
fn value_end(text: &str) -> usize {
    let (mut depth, mut string, mut escaped) = (0_usize, false, false);
    let end = text.bytes().position(|byte| {
        if string {
            string = byte != b'"' || escaped;
            escaped = byte == b'\\' && !escaped;
            return false;
        }
        match byte {
            b'"' => string = true,
            b'{' | b'[' => depth += 1,
            b',' | b'}' | b']' if depth == 0 => return true,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        false
    });
    end.unwrap_or(text.len())
}
