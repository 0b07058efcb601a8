//! Makes lossless objects of tables of their fields.

use alloc::borrow::Cow;
use core::fmt;
use core::marker::PhantomData;

use serde::Deserialize;
use serde::de::{self, DeserializeOwned, DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::envelope::DecodeError;

use super::entry;
use super::names::Names;
use super::raw::{Capture, Nullable};
use super::rest::{Raw, Rest, bit};

/// Makes objects of tables.
///
/// A row is the field's name (and the key on the wire, if that is no identifier), how it may come, its type.
///
/// | how | in the struct | without it |
/// |---|---|---|
/// | `must` | `T` | the object is refused |
/// | `may` | `Option<T>` | `None`, for null too |
/// | `or` | `T` | `T::default()`, for null too |
/// | `inner` | `Option<Box<T>>` | `None`, for null too |
/// | `outer` | `Option<T>` | `None`, for null too |
///
/// Types that hold each other would nest as deep as a peer likes. So in an object that is itself read as `inner`,
/// the fields that are `inner` or `outer` stay raw.
///
/// Below the rows, in brackets, stand the names of known fields that stay raw: they cost nothing while they are null or `[]`.
macro_rules! objects {
    ($(
        $(#[$doc:meta])*
        $name:ident {
            $($(#[$field_doc:meta])* $field:ident $(as $key:literal)?: $how:ident $type:ty;)*
            $([$($raw:ident)*])?
        }
    )*) => {$(
        $(#[$doc])*
        #[derive(Clone, Default, Eq, PartialEq)]
        pub struct $name {
            $($(#[$field_doc])* pub $field: $crate::object::table::field_type!($how $type),)*
            /// What came beside these fields.
            pub rest: $crate::object::Rest,
        }

        impl $name {
            /// The names on the wire of the typed fields.
            pub const FIELDS: &[&str] = &[$($crate::object::table::key!($field $($key)?),)*];

            /// Parses a field by the name it has on the wire, typed ones too. `None` if it is not there, or if it is
            /// null and a `T` cannot be.
            ///
            /// # Errors
            /// If the field is not a `T`.
            pub fn get<T: serde::de::DeserializeOwned>(
                &self,
                name: &str,
            ) -> Result<Option<T>, $crate::envelope::DecodeError> {
                $crate::object::table::get(self, name)
            }

            /// A field's JSON text, by the name it has on the wire, typed ones too.
            #[must_use]
            pub fn json(&self, name: &str) -> Option<alloc::borrow::Cow<'_, str>> {
                $crate::object::table::json(self, name)
            }

            /// The names on the wire of all fields that are there, null ones included.
            pub fn names(&self) -> impl Iterator<Item = alloc::borrow::Cow<'_, str>> {
                $crate::object::table::names(self)
            }

            /// Whether the field of this name on the wire is there, null or not.
            #[must_use]
            pub fn has(&self, name: &str) -> bool {
                self.names().any(|known| known == name)
            }
        }

        const _: () = {
            #[allow(non_camel_case_types, reason = "named as the fields, to count them")]
            enum Count { $($field,)* }

            struct Number;

            #[allow(non_upper_case_globals, reason = "named as the fields")]
            impl Number {
                $(const $field: usize = Count::$field as usize;)*
            }

            impl $crate::object::table::Fields for $name {
                const TABLE: &'static $crate::object::names::Names = &$crate::object::names::Names::new(
                    stringify!($name),
                    &[
                        $($crate::object::table::key!($field $($key)?),)*
                        $($(stringify!($raw),)*)?
                    ],
                    Self::FIELDS.len(),
                );
                const NEEDED: u64 = 0 $(| $crate::object::table::needed!($how Number::$field))*;
                const RECURSIVE: u64 = 0 $(| $crate::object::table::recursive!($how Number::$field))*;

                fn rest(&self) -> &$crate::object::Rest {
                    &self.rest
                }

                fn rest_mut(&mut self) -> &mut $crate::object::Rest {
                    &mut self.rest
                }

                #[inline]
                fn read<'de, A: serde::de::MapAccess<'de>>(
                    &mut self,
                    field: usize,
                    map: &mut A,
                ) -> Result<(), A::Error> {
                    match field {
                        $(Number::$field => {
                            $crate::object::table::read!($how self $field map Number::$field)
                        })*
                        _ => {}
                    }
                    Ok(())
                }

                fn state(&self, field: usize) -> $crate::object::table::State {
                    match field {
                        $(Number::$field => $crate::object::table::$how(
                            &self.$field,
                            self.rest.has_come(field),
                            self.rest.is_null(field),
                        ),)*
                        _ => $crate::object::table::State::Absent,
                    }
                }

                fn write<S: serde::Serializer>(&self, field: usize, serializer: S) -> Result<S::Ok, S::Error> {
                    match field {
                        $(Number::$field => serde::Serialize::serialize(&self.$field, serializer),)*
                        _ => serializer.serialize_unit(),
                    }
                }
            }

            impl<'de> serde::Deserialize<'de> for $name {
                fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                    $crate::object::table::read_object(deserializer)
                }
            }

            impl serde::Serialize for $name {
                fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    $crate::object::table::write_object(self, serializer)
                }
            }
        };
    )*};
}

macro_rules! field_type {
    (may $type:ty) => { Option<$type> };
    (inner $type:ty) => { Option<alloc::boxed::Box<$type>> };
    (outer $type:ty) => { Option<$type> };
    ($how:ident $type:ty) => { $type };
}

macro_rules! key {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident $key:literal) => {
        $key
    };
}

macro_rules! needed {
    (must $field:expr) => {
        1 << $field
    };
    ($how:ident $field:expr) => {
        0
    };
}

/// The bit of a field that stays raw where its object is `inner`.
macro_rules! recursive {
    (inner $field:expr) => {
        1 << $field
    };
    (outer $field:expr) => {
        1 << $field
    };
    ($how:ident $field:expr) => {
        0
    };
}

macro_rules! read {
    (inner $self:ident $field:ident $map:ident $number:expr) => {{
        let inner: Option<$crate::object::table::Inner<_>> = $map.next_value()?;
        $self.$field = inner.map(|inner| alloc::boxed::Box::new(inner.0));
    }};
    (or $self:ident $field:ident $map:ident $number:expr) => {
        match $map.next_value()? {
            Some(value) => $self.$field = value,
            None => $self.rest.set_null($number),
        }
    };
    ($how:ident $self:ident $field:ident $map:ident $number:expr) => {
        $self.$field = $map.next_value()?
    };
}

pub(super) use {field_type, key, needed, objects, read, recursive};

/// What the macro makes of a table.
pub(super) trait Fields: Default {
    const TABLE: &'static Names;
    /// The bits of the fields without which there is no object.
    const NEEDED: u64;
    /// The bits of the fields that stay raw where the object is `inner`.
    const RECURSIVE: u64;

    fn rest(&self) -> &Rest;
    fn rest_mut(&mut self) -> &mut Rest;
    /// Takes the value of a typed field.
    fn read<'de, A: MapAccess<'de>>(&mut self, field: usize, map: &mut A) -> Result<(), A::Error>;
    fn state(&self, field: usize) -> State;
    fn write<S: Serializer>(&self, field: usize, serializer: S) -> Result<S::Ok, S::Error>;
}

/// How a typed field stands.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum State {
    Absent,
    Null,
    Value,
}

pub(super) use may as inner;
pub(super) use may as outer;

pub(super) fn must<T>(_: &T, _came: bool, _null: bool) -> State {
    State::Value
}

pub(super) fn may<T>(value: &Option<T>, came: bool, _null: bool) -> State {
    match (value, came) {
        (Some(_), _) => State::Value,
        (None, true) => State::Null,
        (None, false) => State::Absent,
    }
}

/// A default that did not come, and was not given a value since, is not there.
pub(super) fn or<T: Default + PartialEq>(value: &T, came: bool, null: bool) -> State {
    match (came, null) {
        (true, false) => State::Value,
        _ if *value != T::default() => State::Value,
        (_, true) => State::Null,
        (false, false) => State::Absent,
    }
}

pub(super) fn read_object<'de, T: Fields, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    deserializer.deserialize_map(ObjectVisitor { raw: 0, object: PhantomData })
}

/// An object within one that it could hold in turn.
pub(super) struct Inner<T>(pub(super) T);

impl<'de, T: Fields> Deserialize<'de> for Inner<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let visitor = ObjectVisitor { raw: T::RECURSIVE, object: PhantomData };
        deserializer.deserialize_map(visitor).map(Self)
    }
}

struct ObjectVisitor<T> {
    /// The bits of the typed fields that stay raw.
    raw: u64,
    object: PhantomData<T>,
}

impl<'de, T: Fields> Visitor<'de> for ObjectVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::TABLE.object)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
        let table = T::TABLE;
        let mut object = T::default();
        let (mut seen, mut text) = (0, 0);
        while let Some(key) = map.next_key_seed(Key { table, rest: object.rest_mut() })? {
            let Some(field) = key else {
                map.next_value_seed(Capture(object.rest_mut().text()))?;
                continue;
            };
            if seen & bit(field) != 0 {
                return Err(de::Error::duplicate_field(table.names.get(field).unwrap_or(&"")));
            }
            seen |= bit(field);
            let typed = field < table.fields;
            if typed && self.raw & bit(field) == 0 {
                object.read(field, &mut map)?;
            } else if let Some(name) = table.names.get(field) {
                let rest = object.rest_mut();
                map.next_value_seed(Nullable(Raw { rest, field, name, typed }))?;
                if typed && !rest.is_null(field) {
                    text |= bit(field);
                }
            }
        }
        let missing = T::NEEDED & !seen;
        if missing != 0 {
            let name = table.names.get(missing.trailing_zeros() as usize);
            return Err(de::Error::missing_field(name.unwrap_or(&"")));
        }
        object.rest_mut().close(table, seen & !text);
        Ok(object)
    }
}

/// Finds a key in the table; one that is not there begins an entry of the rest.
struct Key<'a> {
    table: &'static Names,
    rest: &'a mut Rest,
}

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = Option<usize>;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<usize>, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field's name")
    }

    #[inline]
    fn visit_str<E: de::Error>(self, key: &str) -> Result<Option<usize>, E> {
        let field = self.table.find(key);
        if field.is_none() {
            self.rest.push_key(key);
        }
        Ok(field)
    }
}

pub(super) fn write_object<T: Fields, S: Serializer>(object: &T, serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(None)?;
    for (field, name) in T::TABLE.names.iter().enumerate().take(T::TABLE.fields) {
        match object.state(field) {
            State::Absent => {}
            State::Null => map.serialize_entry(name, &())?,
            State::Value => map.serialize_entry(name, &Field(object, field))?,
        }
    }
    object.rest().serialize(&mut map)?;
    map.end()
}

struct Field<'a, T>(&'a T, usize);

impl<T: Fields> Serialize for Field<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.write(self.1, serializer)
    }
}

pub(super) fn get<T: Fields, U: DeserializeOwned>(object: &T, name: &str) -> Result<Option<U>, DecodeError> {
    json(object, name).map_or(Ok(None), |text| entry::field(&text))
}

pub(super) fn json<'a, T: Fields>(object: &'a T, name: &str) -> Option<Cow<'a, str>> {
    let field = T::TABLE.find(name).filter(|field| *field < T::TABLE.fields);
    match field.map(|field| (field, object.state(field))) {
        None | Some((_, State::Absent)) => object.rest().json(name).map(Cow::Borrowed),
        Some((_, State::Null)) => Some(Cow::Borrowed("null")),
        Some((field, State::Value)) => serde_json::to_string(&Field(object, field)).ok().map(Cow::Owned),
    }
}

pub(super) fn names<T: Fields>(object: &T) -> impl Iterator<Item = Cow<'_, str>> {
    let typed = T::TABLE.names.iter().enumerate().take(T::TABLE.fields);
    let typed = typed.filter(|(field, _)| object.state(*field) != State::Absent);
    typed.map(|(_, name)| Cow::Borrowed(*name)).chain(object.rest().names())
}

/// The beginning of a text; for `Debug`.
pub(super) struct Preview<'a>(pub(super) &'a str);

impl fmt::Debug for Preview<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.char_indices().nth(PREVIEW).and_then(|(end, _)| self.0.get(..end)) {
            None => fmt::Debug::fmt(self.0, f),
            Some(beginning) => write!(f, "{beginning:?}.."),
        }
    }
}

/// How many characters of a text `Debug` shows.
const PREVIEW: usize = 30;
