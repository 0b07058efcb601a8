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

    fn visit_str<E: de::Error>(self, id: &str) -> Result<u64, E> {
        id.parse().map_err(|_| E::invalid_value(de::Unexpected::Str(id), &self))
    }
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
}
