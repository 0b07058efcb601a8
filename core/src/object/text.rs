//! Strings with a meaning. They are short, and lie in the object itself; longer ones than usual still fit.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;
use core::ops::Deref;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::calendar;
use crate::id::Snowflake;

/// Up to `N` bytes of text in place, more on the heap.
#[derive(Clone, Eq, Hash, PartialEq)]
enum Short<const N: usize> {
    InPlace { length: u8, bytes: [u8; N] },
    Long(Box<str>),
}

impl<const N: usize> Short<N> {
    /// Text that is known to fit; what does not is cut off.
    const fn fixed(text: &str) -> Self {
        let (text, mut bytes, mut length) = (text.as_bytes(), [0; N], 0);
        while length < text.len() && length < N {
            bytes[length] = text[length];
            length += 1;
        }
        Self::InPlace { length: length as u8, bytes }
    }

    #[inline]
    fn new(text: &str) -> Self {
        let mut bytes = [0; N];
        match (u8::try_from(text.len()), bytes.get_mut(..text.len())) {
            (Ok(length), Some(place)) => {
                place.copy_from_slice(text.as_bytes());
                Self::InPlace { length, bytes }
            }
            _ => Self::Long(text.into()),
        }
    }

    fn as_str(&self) -> &str {
        match self {
            // What was put in is text, so it always comes out.
            Self::InPlace { length, bytes } => bytes
                .get(..usize::from(*length))
                .and_then(|text| core::str::from_utf8(text).ok())
                .unwrap_or(""),
            Self::Long(text) => text,
        }
    }
}

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident $bytes:literal { $($constant:ident = $value:literal;)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Eq, Hash, PartialEq)]
        pub struct $name(Short<$bytes>);

        impl $name {
            $(
                #[doc = concat!("`", $value, "`.")]
                pub const $constant: Self = Self(Short::fixed($value));
            )*

            /// The text, as Discord sends it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                self.0.as_str()
            }
        }

        /// Empty.
        impl Default for $name {
            fn default() -> Self {
                Self(Short::fixed(""))
            }
        }

        impl Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                self.as_str()
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(Short::new(text))
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> Self {
                text.as_str().into()
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                self.as_str() == other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                self.as_str() == *other
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({:?})", stringify!($name), self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(TextVisitor).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    )*};
}

texts! {
    /// A point in time, in the text of ISO 8601 that Discord writes: `2021-05-28T12:34:56.789000+00:00`.
    DateTime 38 {}

    /// The four digits behind an old user name; `0` for users with a unique name.
    Discriminator 22 {}

    /// Names an image on Discord's servers: 32 hexadecimal digits, behind `a_` if it is animated.
    ImageHash 38 {}

    /// A language, such as `en-US`.
    Locale 22 {}

    /// Whether a user is there.
    Status 22 {
        DND = "dnd";
        IDLE = "idle";
        INVISIBLE = "invisible";
        OFFLINE = "offline";
        ONLINE = "online";
    }
}

impl DateTime {
    /// This many milliseconds after 1970-01-01T00:00:00 UTC. `None` outside of the years 0 to 9999.
    #[must_use]
    pub fn from_unix_millis(millis: i64) -> Option<Self> {
        calendar::text(millis).map(|text| Self::from(&*text))
    }

    /// Milliseconds since 1970-01-01T00:00:00 UTC. `None` if it is no date of the years 0 to 9999 in Discord's
    /// form.
    #[must_use]
    pub fn unix_millis(&self) -> Option<i64> {
        calendar::date_time(self)
    }
}

/// When the id was made.
impl From<Snowflake> for DateTime {
    fn from(id: Snowflake) -> Self {
        Self::from(&*id.to_rfc3339())
    }
}

struct TextVisitor<const N: usize>;

impl<const N: usize> Visitor<'_> for TextVisitor<N> {
    type Value = Short<N>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    #[inline]
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Short<N>, E> {
        Ok(Short::new(text))
    }
}

/// A string that never shows in a `Debug` output; it is written back in full.
#[derive(Clone, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Secret(Box<str>);

impl Secret {
    /// The string itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}
