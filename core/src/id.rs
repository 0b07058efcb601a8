//! Discord's ids, one type for each kind of thing.

use core::fmt;
use core::num::ParseIntError;
use core::str::FromStr;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        id! { $(#[$doc])* $name }

        impl $name {
            /// The id as such.
            #[must_use]
            pub const fn snowflake(self) -> Snowflake {
                Snowflake(self.0)
            }

            /// When it was made, in milliseconds since 1970-01-01T00:00:00 UTC.
            #[must_use]
            pub const fn created_at(self) -> u64 {
                self.snowflake().created_at()
            }
        }

        impl From<Snowflake> for $name {
            fn from(id: Snowflake) -> Self {
                Self(id.0)
            }
        }

        impl From<$name> for Snowflake {
            fn from(id: $name) -> Self {
                id.snowflake()
            }
        }
    )*};
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl From<u64> for $name {
            fn from(id: u64) -> Self {
                Self(id)
            }
        }

        impl FromStr for $name {
            type Err = ParseIntError;

            fn from_str(id: &str) -> Result<Self, ParseIntError> {
                id.trim().parse().map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(SnowflakeVisitor).map(Self)
            }
        }
    };
}

id! {
    /// Any id: a number whose upper bits tell when it was made (discord-api-docs, Reference, Snowflakes).
    Snowflake
}

ids! {
    /// An application's id.
    ApplicationId
    /// An attachment's id.
    AttachmentId
    /// The id of an entry of an audit log.
    AuditLogEntryId
    /// A channel's id. Threads and direct messages are channels.
    ChannelId
    /// The id of an application's command.
    CommandId
    /// The id of an emoji that is not of Unicode.
    EmojiId
    /// A guild's id.
    GuildId
    /// An integration's id.
    IntegrationId
    /// An interaction's id.
    InteractionId
    /// The id of a request to be let into a guild.
    JoinRequestId
    /// A message's id.
    MessageId
    /// The id of a role or a user, for whom a channel makes an exception.
    OverwriteId
    /// The id of a question of a guild's onboarding.
    PromptId
    /// The id of an answer to such a question.
    PromptOptionId
    /// A role's id. The role `@everyone` has its guild's.
    RoleId
    /// The id of a guild's scheduled event.
    ScheduledEventId
    /// The id of something that an application sells.
    SkuId
    /// The id of a stage that is open.
    StageInstanceId
    /// A sticker's id.
    StickerId
    /// The id of a pack of Discord's own stickers.
    StickerPackId
    /// The id of a tag that threads of a forum can have.
    TagId
    /// The id of a team of developers.
    TeamId
    /// A user's id.
    UserId
    /// A webhook's id.
    WebhookId
}

ids! {
    /// The id of a rule of automatic moderation.
    AutoModerationRuleId
    /// The id of what a user or guild bought.
    EntitlementId
    /// A soundboard sound's id.
    SoundId
    /// A subscription's id.
    SubscriptionId
}

/// A snowflake comes as a decimal string; a bare number is read too, as Discord sometimes sends one.
struct SnowflakeVisitor;

impl Visitor<'_> for SnowflakeVisitor {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a snowflake")
    }

    fn visit_u64<E: de::Error>(self, id: u64) -> Result<u64, E> {
        Ok(id)
    }

    #[inline]
    fn visit_str<E: de::Error>(self, id: &str) -> Result<u64, E> {
        let number = number(id.as_bytes()).or_else(|| id.parse().ok());
        number.ok_or_else(|| E::invalid_value(de::Unexpected::Str(id), &self))
    }
}

/// A number of 16 to 19 digits, as ids have since 2015: the first 16 are read eight at a time. `None` for others.
#[inline]
fn number(text: &[u8]) -> Option<u64> {
    let (high, rest) = text.split_first_chunk()?;
    let (low, rest) = rest.split_first_chunk()?;
    if rest.len() > 3 {
        return None;
    }
    let first = eight(*high)? * 100_000_000 + eight(*low)?;
    rest.iter().try_fold(first, |number, byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit < 10).then(|| number * 10 + u64::from(digit))
    })
}

/// A number of eight digits. Neighbours are joined to pairs, these to fours, these to all eight.
#[inline]
fn eight(digits: [u8; 8]) -> Option<u64> {
    const EACH: u64 = 0x0101_0101_0101_0101;
    let text = u64::from_le_bytes(digits);
    // The upper half of each byte is 3, and stays so for 0 to 9 only if 6 is added.
    if (text | text.wrapping_add(6 * EACH)) & (0xF0 * EACH) != 0x30 * EACH
        || text & (0xF0 * EACH) != 0x30 * EACH
    {
        return None;
    }
    let ones = text & (0x0F * EACH);
    let pairs = (ones * 10 + (ones >> 8)) & 0x00FF_00FF_00FF_00FF;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_FFFF_0000_FFFF;
    Some((fours * 10_000 + (fours >> 32)) & 0xFFFF_FFFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snowflakes_read_strings_and_numbers_and_write_strings() {
        for json in ["\"80351110224678912\"", "80351110224678912"] {
            assert_eq!(serde_json::from_str::<UserId>(json).unwrap(), UserId(80_351_110_224_678_912));
        }
        assert_eq!(serde_json::to_string(&GuildId(7)).unwrap(), "\"7\"");
        for bad in ["\"\"", "\"-1\"", "\"18446744073709551616\"", "null", "1.5"] {
            assert!(serde_json::from_str::<UserId>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_byte_that_is_no_digit_is_refused_wherever_it_is() {
        let digits = *b"1234567890987654321";
        for length in 1..=digits.len() {
            for at in 0..length {
                for byte in 0..=u8::MAX {
                    let mut text = digits;
                    text[at] = byte;
                    let Ok(text) = core::str::from_utf8(&text[..length]) else { continue };
                    assert_eq!(read(text), text.parse().ok(), "{text:?}");
                }
            }
        }
    }

    fn read(id: &str) -> Option<u64> {
        let visitor = SnowflakeVisitor;
        Visitor::visit_str::<de::value::Error>(visitor, id).ok()
    }

    proptest::proptest! {
        #[test]
        fn ids_are_read_as_numbers_are(number: u64, text in "[0-9+/:]{0,22}") {
            proptest::prop_assert_eq!(read(&alloc::format!("{number}")), Some(number));
            proptest::prop_assert_eq!(read(&text), text.parse().ok());
        }
    }
}
