//! Enums and flags to which Discord may add: every number survives.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Makes open enums of tables.
macro_rules! open_enums {
    ($($(#[$doc:meta])* $enum:ident { $($number:literal $name:ident;)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Default, Eq, Hash, Ord, PartialEq, PartialOrd, Deserialize, Serialize)]
        #[serde(transparent)]
        pub struct $enum(pub u32);

        #[expect(missing_docs, reason = "named as in Discord's documentation")]
        impl $enum {
            $(pub const $name: Self = Self($number);)*
        }

        impl $enum {
            /// All that were documented when this was written.
            pub const KNOWN: &[Self] = &[$(Self::$name),*];

            /// Its name in Discord's documentation, if it was there when this was written.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }

        /// The name, or the number where there is none.
        impl core::fmt::Display for $enum {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                match self.name() {
                    Some(name) => f.write_str(name),
                    None => self.0.fmt(f),
                }
            }
        }

        impl core::fmt::Debug for $enum {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                write!(f, "{}({self})", stringify!($enum))
            }
        }
    )*};
}

/// Makes sets of flags of tables of bits.
macro_rules! flags {
    ($($(#[$doc:meta])* $flags:ident $wire:ident { $($bit:literal $name:ident;)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Default, Eq, Hash, PartialEq)]
        pub struct $flags(pub u64);

        impl<'de> Deserialize<'de> for $flags {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $wire::read(deserializer).map(Self)
            }
        }

        impl Serialize for $flags {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $wire::write(self.0, serializer)
            }
        }

        #[expect(missing_docs, reason = "named as in Discord's documentation")]
        impl $flags {
            $(pub const $name: Self = Self(1 << $bit);)*
        }

        impl $flags {
            /// Whether all of `other` are among these.
            #[must_use]
            pub const fn contains(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }

            /// The names of those that are set, as far as they were documented when this was written.
            pub fn names(self) -> impl Iterator<Item = &'static str> {
                let known = [$((Self::$name, stringify!($name))),*];
                known.into_iter().filter(move |(flag, _)| self.contains(*flag)).map(|(_, name)| name)
            }
        }

        impl core::ops::BitOr for $flags {
            type Output = Self;

            fn bitor(self, rhs: Self) -> Self {
                Self(self.0 | rhs.0)
            }
        }

        impl core::ops::BitOrAssign for $flags {
            fn bitor_assign(&mut self, rhs: Self) {
                self.0 |= rhs.0;
            }
        }

        impl core::fmt::Debug for $flags {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                write!(f, "{}({:#x})", stringify!($flags), self.0)
            }
        }
    )*};
}

pub(super) use {flags, open_enums};

/// Flags that are numbers on the wire.
pub(super) mod number {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(in crate::object) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        u64::deserialize(deserializer)
    }

    pub(in crate::object) fn write<S: Serializer>(bits: u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(bits)
    }
}

/// Flags that are decimal strings on the wire; a bare number is read too.
mod text {
    use core::fmt;

    use serde::de::{self, Visitor};
    use serde::{Deserializer, Serializer};

    pub(super) fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        deserializer.deserialize_any(Decimal)
    }

    pub(super) fn write<S: Serializer>(bits: u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&bits)
    }

    struct Decimal;

    impl Visitor<'_> for Decimal {
        type Value = u64;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a decimal number")
        }

        fn visit_u64<E: de::Error>(self, bits: u64) -> Result<u64, E> {
            Ok(bits)
        }

        fn visit_str<E: de::Error>(self, bits: &str) -> Result<u64, E> {
            bits.parse().map_err(|_| E::invalid_value(de::Unexpected::Str(bits), &self))
        }
    }
}

open_enums! {
    /// What kind of channel it is (discord-api-docs, Channel, Channel Types).
    ChannelType {
        0 GUILD_TEXT;
        1 DM;
        2 GUILD_VOICE;
        3 GROUP_DM;
        4 GUILD_CATEGORY;
        5 GUILD_ANNOUNCEMENT;
        10 ANNOUNCEMENT_THREAD;
        11 PUBLIC_THREAD;
        12 PRIVATE_THREAD;
        13 GUILD_STAGE_VOICE;
        14 GUILD_DIRECTORY;
        15 GUILD_FORUM;
        16 GUILD_MEDIA;
    }

    /// What an interaction answers to (discord-api-docs, Receiving and Responding, Interaction Type).
    InteractionType {
        1 PING;
        2 APPLICATION_COMMAND;
        3 MESSAGE_COMPONENT;
        4 APPLICATION_COMMAND_AUTOCOMPLETE;
        5 MODAL_SUBMIT;
    }

    /// Why a message refers to another (discord-api-docs, Message, Message Reference Types).
    MessageReferenceType {
        0 DEFAULT;
        1 FORWARD;
    }

    /// What kind of message it is (discord-api-docs, Message, Message Types).
    MessageType {
        0 DEFAULT;
        1 RECIPIENT_ADD;
        2 RECIPIENT_REMOVE;
        3 CALL;
        4 CHANNEL_NAME_CHANGE;
        5 CHANNEL_ICON_CHANGE;
        6 CHANNEL_PINNED_MESSAGE;
        7 USER_JOIN;
        8 GUILD_BOOST;
        9 GUILD_BOOST_TIER_1;
        10 GUILD_BOOST_TIER_2;
        11 GUILD_BOOST_TIER_3;
        12 CHANNEL_FOLLOW_ADD;
        14 GUILD_DISCOVERY_DISQUALIFIED;
        15 GUILD_DISCOVERY_REQUALIFIED;
        16 GUILD_DISCOVERY_GRACE_PERIOD_INITIAL_WARNING;
        17 GUILD_DISCOVERY_GRACE_PERIOD_FINAL_WARNING;
        18 THREAD_CREATED;
        19 REPLY;
        20 CHAT_INPUT_COMMAND;
        21 THREAD_STARTER_MESSAGE;
        22 GUILD_INVITE_REMINDER;
        23 CONTEXT_MENU_COMMAND;
        24 AUTO_MODERATION_ACTION;
        25 ROLE_SUBSCRIPTION_PURCHASE;
        26 INTERACTION_PREMIUM_UPSELL;
        27 STAGE_START;
        28 STAGE_END;
        29 STAGE_SPEAKER;
        31 STAGE_TOPIC;
        32 GUILD_APPLICATION_PREMIUM_SUBSCRIPTION;
        36 GUILD_INCIDENT_ALERT_MODE_ENABLED;
        37 GUILD_INCIDENT_ALERT_MODE_DISABLED;
        38 GUILD_INCIDENT_REPORT_RAID;
        39 GUILD_INCIDENT_REPORT_FALSE_ALARM;
        44 PURCHASE_NOTIFICATION;
        46 POLL_RESULT;
        55 HD_STREAMING_UPGRADED;
    }

    /// Whom a permission overwrite is for (discord-api-docs, Channel, Overwrite Object).
    OverwriteType {
        0 ROLE;
        1 MEMBER;
    }

    /// The Nitro subscription of a user (discord-api-docs, User, Premium Types).
    PremiumType {
        0 NONE;
        1 NITRO_CLASSIC;
        2 NITRO;
        3 NITRO_BASIC;
    }

    /// Whether a reaction was bought (discord-api-docs, Get Reactions, Reaction Types).
    ReactionType {
        0 NORMAL;
        1 BURST;
    }

    /// What kind of webhook it is (discord-api-docs, Webhook, Webhook Types).
    WebhookType {
        1 INCOMING;
        2 CHANNEL_FOLLOWER;
        3 APPLICATION;
    }
}

flags! {
    /// Attachment flags (discord-api-docs, Message, Attachment Flags).
    AttachmentFlags number {
        0 IS_CLIP;
        1 IS_THUMBNAIL;
        2 IS_REMIX;
        3 IS_SPOILER;
        5 IS_ANIMATED;
    }

    /// Channel flags (discord-api-docs, Channel, Channel Flags).
    ChannelFlags number {
        1 PINNED;
        4 REQUIRE_TAG;
        15 HIDE_MEDIA_DOWNLOAD_OPTIONS;
    }

    /// Member flags (discord-api-docs, Guild, Guild Member Flags).
    MemberFlags number {
        0 DID_REJOIN;
        1 COMPLETED_ONBOARDING;
        2 BYPASSES_VERIFICATION;
        3 STARTED_ONBOARDING;
        4 IS_GUEST;
        5 STARTED_HOME_ACTIONS;
        6 COMPLETED_HOME_ACTIONS;
        7 AUTOMOD_QUARANTINED_USERNAME;
        9 DM_SETTINGS_UPSELL_ACKNOWLEDGED;
        10 AUTOMOD_QUARANTINED_GUILD_TAG;
    }

    /// Message flags (discord-api-docs, Message, Message Flags).
    MessageFlags number {
        0 CROSSPOSTED;
        1 IS_CROSSPOST;
        2 SUPPRESS_EMBEDS;
        3 SOURCE_MESSAGE_DELETED;
        4 URGENT;
        5 HAS_THREAD;
        6 EPHEMERAL;
        7 LOADING;
        8 FAILED_TO_MENTION_SOME_ROLES_IN_THREAD;
        12 SUPPRESS_NOTIFICATIONS;
        13 IS_VOICE_MESSAGE;
        14 HAS_SNAPSHOT;
        15 IS_COMPONENTS_V2;
    }

    /// Permissions (discord-api-docs, Permissions, Bitwise Permission Flags). On the wire a decimal string.
    Permissions text {
        0 CREATE_INSTANT_INVITE;
        1 KICK_MEMBERS;
        2 BAN_MEMBERS;
        3 ADMINISTRATOR;
        4 MANAGE_CHANNELS;
        5 MANAGE_GUILD;
        6 ADD_REACTIONS;
        7 VIEW_AUDIT_LOG;
        8 PRIORITY_SPEAKER;
        9 STREAM;
        10 VIEW_CHANNEL;
        11 SEND_MESSAGES;
        12 SEND_TTS_MESSAGES;
        13 MANAGE_MESSAGES;
        14 EMBED_LINKS;
        15 ATTACH_FILES;
        16 READ_MESSAGE_HISTORY;
        17 MENTION_EVERYONE;
        18 USE_EXTERNAL_EMOJIS;
        19 VIEW_GUILD_INSIGHTS;
        20 CONNECT;
        21 SPEAK;
        22 MUTE_MEMBERS;
        23 DEAFEN_MEMBERS;
        24 MOVE_MEMBERS;
        25 USE_VAD;
        26 CHANGE_NICKNAME;
        27 MANAGE_NICKNAMES;
        28 MANAGE_ROLES;
        29 MANAGE_WEBHOOKS;
        30 MANAGE_GUILD_EXPRESSIONS;
        31 USE_APPLICATION_COMMANDS;
        32 REQUEST_TO_SPEAK;
        33 MANAGE_EVENTS;
        34 MANAGE_THREADS;
        35 CREATE_PUBLIC_THREADS;
        36 CREATE_PRIVATE_THREADS;
        37 USE_EXTERNAL_STICKERS;
        38 SEND_MESSAGES_IN_THREADS;
        39 USE_EMBEDDED_ACTIVITIES;
        40 MODERATE_MEMBERS;
        41 VIEW_CREATOR_MONETIZATION_ANALYTICS;
        42 USE_SOUNDBOARD;
        43 CREATE_GUILD_EXPRESSIONS;
        44 CREATE_EVENTS;
        45 USE_EXTERNAL_SOUNDS;
        46 SEND_VOICE_MESSAGES;
        48 SET_VOICE_CHANNEL_STATUS;
        49 SEND_POLLS;
        50 USE_EXTERNAL_APPS;
        51 PIN_MESSAGES;
        52 BYPASS_SLOWMODE;
    }

    /// Role flags (discord-api-docs, Permissions, Role Flags).
    RoleFlags number {
        0 IN_PROMPT;
    }

    /// What a system channel keeps quiet about (discord-api-docs, Guild, System Channel Flags).
    SystemChannelFlags number {
        0 SUPPRESS_JOIN_NOTIFICATIONS;
        1 SUPPRESS_PREMIUM_SUBSCRIPTIONS;
        2 SUPPRESS_GUILD_REMINDER_NOTIFICATIONS;
        3 SUPPRESS_JOIN_NOTIFICATION_REPLIES;
        4 SUPPRESS_ROLE_SUBSCRIPTION_PURCHASE_NOTIFICATIONS;
        5 SUPPRESS_ROLE_SUBSCRIPTION_PURCHASE_NOTIFICATION_REPLIES;
    }

    /// User flags (discord-api-docs, User, User Flags).
    UserFlags number {
        0 STAFF;
        1 PARTNER;
        2 HYPESQUAD;
        3 BUG_HUNTER_LEVEL_1;
        6 HYPESQUAD_ONLINE_HOUSE_1;
        7 HYPESQUAD_ONLINE_HOUSE_2;
        8 HYPESQUAD_ONLINE_HOUSE_3;
        9 PREMIUM_EARLY_SUPPORTER;
        10 TEAM_PSEUDO_USER;
        14 BUG_HUNTER_LEVEL_2;
        16 VERIFIED_BOT;
        17 VERIFIED_DEVELOPER;
        18 CERTIFIED_MODERATOR;
        19 BOT_HTTP_INTERACTIONS;
        22 ACTIVE_DEVELOPER;
    }
}
