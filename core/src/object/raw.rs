//! Values that stay JSON text, each taken in by one copy of its bytes.
//!
//! serde_json hands out the text of a value when it is asked in the name by which its `RawValue` asks. Any other
//! deserializer, serde's own buffer for untagged enums among them, shows the value itself, and it is written anew:
//! the same value, but numbers and white space may look different.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use core::fmt::{self, Write};

use serde::de::{self, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;
use serde::ser::{self, Serialize, Serializer};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use crate::envelope::DecodeError;

/// A JSON value, kept as the text that Discord sent.
#[derive(Clone, Eq, PartialEq)]
pub struct Json(Box<str>);

impl Json {
    /// The JSON text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Parses the value.
    ///
    /// # Errors
    /// If it is not a `T`.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        parse(&self.0, "value")
    }
}

/// The value null.
impl Default for Json {
    fn default() -> Self {
        Self("null".into())
    }
}

/// Shows the length only: the value may hold users' words or secrets.
impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Json({} bytes)", self.0.len())
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        capture(deserializer).map(Self)
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Verbatim(&self.0).serialize(serializer)
    }
}

/// Parses JSON text.
pub(crate) fn parse<'a, T: Deserialize<'a>>(text: &'a str, what: &'static str) -> Result<T, DecodeError> {
    serde_json::from_str(text).map_err(|error| DecodeError::new(what, &error))
}

/// Takes in one value as text.
pub(super) fn capture<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Box<str>, D::Error> {
    let mut text = String::new();
    Capture(&mut text).deserialize(deserializer)?;
    Ok(text.into())
}

/// Where the text of a value goes.
pub(super) trait Sink {
    /// Takes a whole value.
    fn put(self, text: &str);
    /// Takes a null.
    fn put_null(self);
    /// Takes a value that is written piece by piece.
    fn write<E>(self, write: impl FnOnce(&mut String) -> Result<(), E>) -> Result<(), E>;
}

impl Sink for &mut String {
    fn put(self, text: &str) {
        self.push_str(text);
    }

    fn put_null(self) {
        self.push_str("null");
    }

    fn write<E>(self, write: impl FnOnce(&mut String) -> Result<(), E>) -> Result<(), E> {
        write(self)
    }
}

/// Takes the text of the next value into a sink.
pub(super) struct Capture<K>(pub(super) K);

impl<'de, K: Sink> DeserializeSeed<'de> for Capture<K> {
    type Value = ();

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_newtype_struct(raw_value_name(), self)
    }
}

impl<'de, K: Sink> Visitor<'de> for Capture<K> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    #[inline]
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        if map.next_key::<IgnoredAny>()?.is_none() {
            return Err(de::Error::invalid_type(de::Unexpected::Map, &self));
        }
        map.next_value_seed(Text(self.0))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        self.0.write(|out| deserializer.deserialize_any(Transcode(out)))
    }
}

/// Takes the next value into a sink, as [`Capture`] does; null, which comes most often, without a detour.
pub(super) struct Nullable<K>(pub(super) K);

impl<'de, K: Sink> DeserializeSeed<'de> for Nullable<K> {
    type Value = ();

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de, K: Sink> Visitor<'de> for Nullable<K> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    #[inline]
    fn visit_none<E: de::Error>(self) -> Result<(), E> {
        self.0.put_null();
        Ok(())
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        self.visit_none()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        Capture(self.0).deserialize(deserializer)
    }
}

/// Takes the text that serde_json hands out for a raw value.
struct Text<K>(K);

impl<'de, K: Sink> DeserializeSeed<'de> for Text<K> {
    type Value = ();

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<K: Sink> Visitor<'_> for Text<K> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON text")
    }

    #[inline]
    fn visit_str<E: de::Error>(self, text: &str) -> Result<(), E> {
        self.0.put(text);
        Ok(())
    }
}

/// Writes what it visits as JSON.
struct Transcode<'a>(&'a mut String);

impl Transcode<'_> {
    fn display<E: de::Error>(self, value: impl fmt::Display) -> Result<(), E> {
        write!(self.0, "{value}").map_err(E::custom)
    }
}

impl<'de> DeserializeSeed<'de> for Transcode<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Transcode<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<(), E> {
        self.display(value)
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<(), E> {
        self.display(value)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<(), E> {
        self.display(value)
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<(), E> {
        let text = serde_json::to_string(&value).map_err(E::custom)?;
        self.0.push_str(&text);
        Ok(())
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<(), E> {
        push_string(self.0, value);
        Ok(())
    }

    fn visit_unit<E: de::Error>(self) -> Result<(), E> {
        self.0.push_str("null");
        Ok(())
    }

    fn visit_none<E: de::Error>(self) -> Result<(), E> {
        self.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        self.0.push('[');
        let start = self.0.len();
        loop {
            let end = self.0.len();
            if end > start {
                self.0.push(',');
            }
            if list.next_element_seed(Transcode(self.0))?.is_none() {
                self.0.truncate(end);
                break;
            }
        }
        self.0.push(']');
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        self.0.push('{');
        let mut first = true;
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            if !first {
                self.0.push(',');
            }
            first = false;
            push_string(self.0, &key);
            self.0.push(':');
            map.next_value_seed(Transcode(self.0))?;
        }
        self.0.push('}');
        Ok(())
    }
}

/// Writes a JSON string.
pub(super) fn push_string(out: &mut String, text: &str) {
    if text.bytes().any(|byte| byte < 0x20 || byte == b'"' || byte == b'\\') {
        // A string can always be written.
        out.push_str(&serde_json::to_string(text).unwrap_or_default());
    } else {
        out.push('"');
        out.push_str(text);
        out.push('"');
    }
}

/// JSON text that is written as it stands.
pub(super) struct Verbatim<'a>(pub(super) &'a str);

impl Serialize for Verbatim<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde_json::from_str::<&RawValue>(self.0).map_err(ser::Error::custom)?.serialize(serializer)
    }
}

/// The name by which `RawValue` asks serde_json for text. It is private there, so `RawValue` itself is asked.
#[inline]
fn raw_value_name() -> &'static str {
    match <&RawValue>::deserialize(Probe) {
        Err(Name(name)) => name,
        Ok(_) => "",
    }
}

struct Probe;

/// The name that [`Probe`] was asked for.
#[derive(Debug)]
struct Name(&'static str);

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl core::error::Error for Name {}

impl de::Error for Name {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self("")
    }
}

impl<'de> Deserializer<'de> for Probe {
    type Error = Name;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Name> {
        Err(Name(""))
    }

    #[inline]
    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, _: V) -> Result<V::Value, Name> {
        Err(Name(name))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}
