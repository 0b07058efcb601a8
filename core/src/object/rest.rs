//! What an object holds beside its typed fields.

use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt;

use serde::de::DeserializeOwned;
use serde::ser::SerializeMap;

use crate::envelope::DecodeError;

use super::entry::{self, Entries};
use super::names::Names;
use super::raw::{Sink, Verbatim, push_string};

/// Everything that Discord sent in an object beside its typed fields, and which of those came at all.
///
/// Fields that were unknown when this was written are here, as JSON text. Two rests are equal if they hold the
/// same text in the same order.
#[derive(Clone, Default)]
pub struct Rest {
    table: Option<&'static Names>,
    /// Typed fields: it came. Raw fields: it came, and was `[]`.
    came: u64,
    /// It came, and was null.
    null: u64,
    /// All other fields: empty, or the text of an object.
    text: String,
}

impl Rest {
    /// Parses a field. `None` if there is none of this name, or if it is null and a `T` cannot be.
    ///
    /// # Errors
    /// If the field is not a `T`.
    pub fn get<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, DecodeError> {
        self.json(name).map_or(Ok(None), entry::field)
    }

    /// A field's JSON text. Of two fields of the same name, the last.
    #[must_use]
    pub fn json(&self, name: &str) -> Option<&str> {
        let short = self.short().find(|(known, _)| *known == name).map(|(_, text)| text);
        short.or_else(|| entry::find(&self.text, name))
    }

    /// The names of all fields in here.
    pub fn names(&self) -> impl Iterator<Item = Cow<'_, str>> {
        let short = self.short().map(|(name, _)| Cow::Borrowed(name));
        short.chain(Entries::new(&self.text).map(|entry| entry.name()))
    }

    /// Whether there was nothing beside the typed fields.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names().next().is_none()
    }

    /// The raw fields whose values are short enough to be one bit.
    fn short(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let (fields, names) = self.table.map_or((0, &[][..]), |table| (table.fields, table.names));
        let raw = names.iter().enumerate().skip(fields);
        raw.filter_map(|(index, name)| match (bit(index) & self.null, bit(index) & self.came) {
            (0, 0) => None,
            (0, _) => Some((*name, "[]")),
            _ => Some((*name, "null")),
        })
    }

    pub(super) fn has_come(&self, field: usize) -> bool {
        self.came & bit(field) != 0
    }

    pub(super) fn is_null(&self, field: usize) -> bool {
        self.null & bit(field) != 0
    }

    pub(super) fn set_null(&mut self, field: usize) {
        self.null |= bit(field);
    }

    /// Begins an entry of the text.
    pub(super) fn push_key(&mut self, key: &str) {
        self.begin(key.len());
        push_string(&mut self.text, key);
        self.text.push(':');
    }

    /// Adds an entry whose name is written as it stands.
    fn push(&mut self, name: &'static str, value: &str) {
        self.begin(name.len() + value.len());
        self.text.push('"');
        self.text.push_str(name);
        self.text.push_str("\":");
        self.text.push_str(value);
    }

    /// Makes room for an entry.
    fn begin(&mut self, length: usize) {
        if self.text.is_empty() {
            // One allocation holds what is usually unknown.
            self.text.reserve(length + 60);
            self.text.push('{');
        } else {
            // The quotes, the colon, and the brace behind the last.
            self.text.reserve(length + 5);
            self.text.push(',');
        }
    }

    /// The text, to append a value to after its key.
    pub(super) fn text(&mut self) -> &mut String {
        &mut self.text
    }

    /// The object is complete.
    pub(super) fn close(&mut self, table: &'static Names, seen: u64) {
        self.table = Some(table);
        self.came |= seen & (bit(table.fields) - 1);
        if !self.text.is_empty() {
            self.text.push('}');
        }
    }

    pub(super) fn serialize<M: SerializeMap>(&self, map: &mut M) -> Result<(), M::Error> {
        for (name, value) in self.short() {
            map.serialize_entry(name, &Verbatim(value))?;
        }
        for entry in Entries::new(&self.text) {
            map.serialize_entry(&entry.name(), &Verbatim(entry.value))?;
        }
        Ok(())
    }
}

impl Eq for Rest {}

impl PartialEq for Rest {
    fn eq(&self, other: &Self) -> bool {
        self.came == other.came && self.null == other.null && self.text == other.text
    }
}

/// Shows the number of fields only: they may hold users' words or secrets.
impl fmt::Debug for Rest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rest({} fields)", self.names().count())
    }
}

/// A raw field's value: null and `[]` become a bit, anything else goes into the text.
pub(super) struct Raw<'a> {
    pub(super) rest: &'a mut Rest,
    pub(super) field: usize,
    pub(super) name: &'static str,
    /// Whether the field is typed elsewhere: then only null is a bit.
    pub(super) typed: bool,
}

impl Sink for Raw<'_> {
    fn put(self, text: &str) {
        match text {
            "null" => self.rest.null |= bit(self.field),
            "[]" if !self.typed => self.rest.came |= bit(self.field),
            _ => self.rest.push(self.name, text),
        }
    }

    fn put_null(self) {
        self.rest.null |= bit(self.field);
    }

    fn write<E>(self, write: impl FnOnce(&mut String) -> Result<(), E>) -> Result<(), E> {
        let mut text = String::new();
        write(&mut text)?;
        self.put(&text);
        Ok(())
    }
}

pub(super) const fn bit(field: usize) -> u64 {
    1 << field
}
