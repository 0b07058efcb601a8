//! Pages that cannot be read as a whole, read entry by entry.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::str::FromStr;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::envelope::DecodeError;
use crate::id::Snowflake;
use crate::rest::draft::Draft;
use crate::rest::failure::{Cause, Error};

/// The fields of an object, unread. Of two of the same name, the last.
pub(super) type Fields<'a> = BTreeMap<String, &'a RawValue>;

/// An answer's list, unread: the answer itself, or this field of it. With the other fields.
pub(super) fn list<'a>(body: &'a [u8], field: Option<&str>) -> Option<(Vec<&'a RawValue>, Fields<'a>)> {
    let Some(field) = field else {
        return Some((serde_json::from_slice(body).ok()?, Fields::new()));
    };
    let mut fields: Fields<'_> = serde_json::from_slice(body).ok()?;
    let list = entries(fields.remove(field)?)?;
    Some((list, fields))
}

/// The entries of a list, unread.
pub(super) fn entries(list: &RawValue) -> Option<Vec<&RawValue>> {
    serde_json::from_str(list.get()).ok()
}

/// Reads one entry. `id` is where its id is: a path of names.
pub(super) fn entry<T: DeserializeOwned>(draft: &Draft, raw: &RawValue, id: &[&str]) -> Result<T, Error> {
    serde_json::from_str(raw.get()).map_err(|error| {
        let error = DecodeError::new("entry", &error);
        let beginning = raw.get().chars().take(200).collect();
        Error::new(draft, Cause::Entry { id: value(raw, id).map(Snowflake), error, beginning })
    })
}

/// The value at this path of names, a text or a number.
pub(super) fn value<T: FromStr>(raw: &RawValue, path: &[&str]) -> Option<T> {
    let mut at = raw;
    for name in path {
        let mut fields: Fields<'_> = serde_json::from_str(at.get()).ok()?;
        at = fields.remove(*name)?;
    }
    let text = serde_json::from_str(at.get()).unwrap_or_else(|_| at.get().to_string());
    text.parse().ok()
}
