//! The names of dispatches.

use alloc::boxed::Box;
use core::fmt;

use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

macro_rules! names {
    ($($wire:ident $name:ident;)*) => {
        /// The name of a dispatch (discord-api-docs, Gateway Events, Receive Events).
        ///
        /// A documented name is a variant and costs no allocation; any other is kept as it came. [`From`] and
        /// [`EventName::from_bytes`] never make an `Unknown` of a documented name, and neither should a caller:
        /// the two would not be equal.
        #[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[expect(missing_docs, reason = "named as in Discord's list")]
        pub enum EventName {
            $($name,)*
            /// A name that is not in the table.
            Unknown(Box<str>),
        }

        /// The same without `Unknown`, to number them.
        #[derive(Clone, Copy)]
        enum Known {
            $($name,)*
        }

        impl EventName {
            /// The documented names; [`EventName::index`] counts them.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The place of a documented name in [`EventName::ALL`].
            #[must_use]
            pub const fn index(&self) -> Option<usize> {
                match self {
                    $(Self::$name => Some(Known::$name as usize),)*
                    Self::Unknown(_) => None,
                }
            }

            const fn known(known: Known) -> Self {
                match known {
                    $(Known::$name => Self::$name,)*
                }
            }
        }

        const KNOWN: &[Known] = &[$(Known::$name),*];
        const WIRE: &[&str] = &[$(stringify!($wire)),*];
    };
}

names! {
    READY Ready;
    RESUMED Resumed;
    RATE_LIMITED RateLimited;
    APPLICATION_COMMAND_PERMISSIONS_UPDATE ApplicationCommandPermissionsUpdate;
    AUTO_MODERATION_RULE_CREATE AutoModerationRuleCreate;
    AUTO_MODERATION_RULE_UPDATE AutoModerationRuleUpdate;
    AUTO_MODERATION_RULE_DELETE AutoModerationRuleDelete;
    AUTO_MODERATION_ACTION_EXECUTION AutoModerationActionExecution;
    CHANNEL_CREATE ChannelCreate;
    CHANNEL_UPDATE ChannelUpdate;
    CHANNEL_DELETE ChannelDelete;
    CHANNEL_INFO ChannelInfo;
    CHANNEL_PINS_UPDATE ChannelPinsUpdate;
    THREAD_CREATE ThreadCreate;
    THREAD_UPDATE ThreadUpdate;
    THREAD_DELETE ThreadDelete;
    THREAD_LIST_SYNC ThreadListSync;
    THREAD_MEMBER_UPDATE ThreadMemberUpdate;
    THREAD_MEMBERS_UPDATE ThreadMembersUpdate;
    ENTITLEMENT_CREATE EntitlementCreate;
    ENTITLEMENT_UPDATE EntitlementUpdate;
    ENTITLEMENT_DELETE EntitlementDelete;
    GUILD_CREATE GuildCreate;
    GUILD_UPDATE GuildUpdate;
    GUILD_DELETE GuildDelete;
    GUILD_AUDIT_LOG_ENTRY_CREATE GuildAuditLogEntryCreate;
    GUILD_BAN_ADD GuildBanAdd;
    GUILD_BAN_REMOVE GuildBanRemove;
    GUILD_EMOJIS_UPDATE GuildEmojisUpdate;
    GUILD_STICKERS_UPDATE GuildStickersUpdate;
    GUILD_INTEGRATIONS_UPDATE GuildIntegrationsUpdate;
    GUILD_MEMBER_ADD GuildMemberAdd;
    GUILD_MEMBER_REMOVE GuildMemberRemove;
    GUILD_MEMBER_UPDATE GuildMemberUpdate;
    GUILD_MEMBERS_CHUNK GuildMembersChunk;
    GUILD_ROLE_CREATE GuildRoleCreate;
    GUILD_ROLE_UPDATE GuildRoleUpdate;
    GUILD_ROLE_DELETE GuildRoleDelete;
    GUILD_SCHEDULED_EVENT_CREATE GuildScheduledEventCreate;
    GUILD_SCHEDULED_EVENT_UPDATE GuildScheduledEventUpdate;
    GUILD_SCHEDULED_EVENT_DELETE GuildScheduledEventDelete;
    GUILD_SCHEDULED_EVENT_USER_ADD GuildScheduledEventUserAdd;
    GUILD_SCHEDULED_EVENT_USER_REMOVE GuildScheduledEventUserRemove;
    GUILD_SOUNDBOARD_SOUND_CREATE GuildSoundboardSoundCreate;
    GUILD_SOUNDBOARD_SOUND_UPDATE GuildSoundboardSoundUpdate;
    GUILD_SOUNDBOARD_SOUND_DELETE GuildSoundboardSoundDelete;
    GUILD_SOUNDBOARD_SOUNDS_UPDATE GuildSoundboardSoundsUpdate;
    SOUNDBOARD_SOUNDS SoundboardSounds;
    INTEGRATION_CREATE IntegrationCreate;
    INTEGRATION_UPDATE IntegrationUpdate;
    INTEGRATION_DELETE IntegrationDelete;
    INTERACTION_CREATE InteractionCreate;
    INVITE_CREATE InviteCreate;
    INVITE_DELETE InviteDelete;
    MESSAGE_CREATE MessageCreate;
    MESSAGE_UPDATE MessageUpdate;
    MESSAGE_DELETE MessageDelete;
    MESSAGE_DELETE_BULK MessageDeleteBulk;
    MESSAGE_REACTION_ADD MessageReactionAdd;
    MESSAGE_REACTION_REMOVE MessageReactionRemove;
    MESSAGE_REACTION_REMOVE_ALL MessageReactionRemoveAll;
    MESSAGE_REACTION_REMOVE_EMOJI MessageReactionRemoveEmoji;
    MESSAGE_POLL_VOTE_ADD MessagePollVoteAdd;
    MESSAGE_POLL_VOTE_REMOVE MessagePollVoteRemove;
    PRESENCE_UPDATE PresenceUpdate;
    STAGE_INSTANCE_CREATE StageInstanceCreate;
    STAGE_INSTANCE_UPDATE StageInstanceUpdate;
    STAGE_INSTANCE_DELETE StageInstanceDelete;
    SUBSCRIPTION_CREATE SubscriptionCreate;
    SUBSCRIPTION_UPDATE SubscriptionUpdate;
    SUBSCRIPTION_DELETE SubscriptionDelete;
    TYPING_START TypingStart;
    USER_UPDATE UserUpdate;
    VOICE_CHANNEL_EFFECT_SEND VoiceChannelEffectSend;
    VOICE_CHANNEL_START_TIME_UPDATE VoiceChannelStartTimeUpdate;
    VOICE_CHANNEL_STATUS_UPDATE VoiceChannelStatusUpdate;
    VOICE_STATE_UPDATE VoiceStateUpdate;
    VOICE_SERVER_UPDATE VoiceServerUpdate;
    WEBHOOKS_UPDATE WebhooksUpdate;
}

impl EventName {
    /// The name on the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Unknown(name) => name,
            known => known.index().map_or("", |index| WIRE[index]),
        }
    }

    /// The name that these bytes are; `None` if they are not UTF-8.
    #[inline]
    #[must_use]
    pub fn from_bytes(name: &[u8]) -> Option<Self> {
        if let Some(known) = find(name) {
            return Some(Self::known(known));
        }
        core::str::from_utf8(name).ok().map(|name| Self::Unknown(name.into()))
    }
}

impl From<&str> for EventName {
    fn from(name: &str) -> Self {
        find(name.as_bytes()).map_or_else(|| Self::Unknown(name.into()), Self::known)
    }
}

impl fmt::Display for EventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl AsRef<str> for EventName {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl PartialEq<str> for EventName {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for EventName {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl Serialize for EventName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for EventName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;

        impl Visitor<'_> for NameVisitor {
            type Value = EventName;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of an event")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<EventName, E> {
                Ok(name.into())
            }
        }

        deserializer.deserialize_str(NameVisitor)
    }
}

/// Slots of the hash table, a power of two: with three times as many as names, most are found at the first.
const SLOTS: usize = 256;
const EMPTY: u8 = u8::MAX;
const TABLE: [u8; SLOTS] = table();

/// Length, first and last eight bytes tell the names apart; 64-bit Fibonacci hashing spreads them.
const fn slot(name: &[u8]) -> usize {
    let (mut head, mut tail) = (0_u64, 0_u64);
    if let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) {
        head = u64::from_le_bytes(*first);
        tail = u64::from_le_bytes(*last);
    } else {
        let mut at = 0;
        while at < name.len() {
            tail = tail << 8 | name[at] as u64;
            at += 1;
        }
    }
    let mixed = (head ^ tail.rotate_left(21) ^ name.len() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> 56) as usize
}

const fn table() -> [u8; SLOTS] {
    assert!(WIRE.len() < EMPTY as usize && WIRE.len() * 2 < SLOTS);
    let mut table = [EMPTY; SLOTS];
    let mut index = 0;
    while index < WIRE.len() {
        let mut at = slot(WIRE[index].as_bytes());
        while table[at] != EMPTY {
            at = (at + 1) % SLOTS;
        }
        table[at] = index as u8;
        index += 1;
    }
    table
}

#[inline]
fn find(name: &[u8]) -> Option<Known> {
    let mut at = slot(name);
    // Ends at the latest at an empty slot, of which there are more than names.
    loop {
        let index = usize::from(TABLE[at]);
        let wire = WIRE.get(index)?;
        if wire.as_bytes() == name {
            return KNOWN.get(index).copied();
        }
        at = (at + 1) % SLOTS;
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_round_trip() {
        for (index, name) in EventName::ALL.iter().enumerate() {
            assert_eq!(name.index(), Some(index));
            assert_eq!(EventName::from_bytes(name.as_str().as_bytes()).as_ref(), Some(name));
            assert_eq!(EventName::from(name.as_str()), *name);
            let json = serde_json::to_string(name).unwrap();
            assert_eq!(json, format!("{:?}", name.as_str()));
            assert_eq!(serde_json::from_str::<EventName>(&json).unwrap(), *name);
        }
        let wire: BTreeSet<&str> = WIRE.iter().copied().collect();
        assert_eq!(wire.len(), EventName::ALL.len());
    }

    /// The variant is the wire's name in camel case, so that no row of the table can be crossed.
    #[test]
    fn variants_are_named_as_on_the_wire() {
        for name in EventName::ALL {
            let variant = format!("{name:?}").to_uppercase();
            assert_eq!(variant, name.to_string().replace('_', ""));
        }
    }

    #[test]
    fn what_is_not_documented_is_kept() {
        for text in ["", "A", "READ", "READYY", "MESSAGE_CREATE2", "MESSAGE_CREATf", "\u{1F600}"] {
            let name = EventName::from(text);
            assert_eq!((name.index(), name.as_str()), (None, text));
            assert_eq!(EventName::from_bytes(text.as_bytes()), Some(name));
        }
        assert_eq!(EventName::from_bytes(b"READY\xff"), None);
        assert_eq!(format!("{:>7}", EventName::Ready), "  READY");
        assert!(EventName::Ready == "READY" && EventName::Ready == *"READY");
    }

    #[test]
    fn few_names_share_a_slot() {
        let slots: BTreeSet<usize> = WIRE.iter().map(|name| slot(name.as_bytes())).collect();
        assert!(slots.len() * 5 > WIRE.len() * 4, "{} slots for {} names", slots.len(), WIRE.len());
    }

    proptest! {
        #[test]
        fn any_name_is_kept(text in ".{0,24}", bytes in prop::collection::vec(any::<u8>(), 0..24)) {
            let name = EventName::from(&*text);
            prop_assert_eq!(name.as_str(), &*text);
            if let Some(name) = EventName::from_bytes(&bytes) {
                prop_assert_eq!(name.as_str().as_bytes(), &*bytes);
            }
        }
    }
}
