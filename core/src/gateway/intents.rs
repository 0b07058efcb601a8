//! Which events a bot asks for.

use core::ops::{BitOr, BitOrAssign};

/// Gateway intents (discord-api-docs, Gateway, List of Intents).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub struct Intents(u64);

macro_rules! intents {
    ($($bit:literal $name:ident;)*) => {
        #[expect(missing_docs, reason = "named as in Discord's list")]
        impl Intents {
            $(pub const $name: Self = Self(1 << $bit);)*

            /// Every documented intent, the privileged ones included.
            pub const ALL: Self = Self(0 $(| 1 << $bit)*);

            /// Discord's names for them, in the order of their bits.
            pub const NAMES: &[(&str, Self)] = &[$((stringify!($name), Self::$name)),*];
        }
    };
}

intents! {
    0 GUILDS;
    1 GUILD_MEMBERS;
    2 GUILD_MODERATION;
    3 GUILD_EXPRESSIONS;
    4 GUILD_INTEGRATIONS;
    5 GUILD_WEBHOOKS;
    6 GUILD_INVITES;
    7 GUILD_VOICE_STATES;
    8 GUILD_PRESENCES;
    9 GUILD_MESSAGES;
    10 GUILD_MESSAGE_REACTIONS;
    11 GUILD_MESSAGE_TYPING;
    12 DIRECT_MESSAGES;
    13 DIRECT_MESSAGE_REACTIONS;
    14 DIRECT_MESSAGE_TYPING;
    15 MESSAGE_CONTENT;
    16 GUILD_SCHEDULED_EVENTS;
    20 AUTO_MODERATION_CONFIGURATION;
    21 AUTO_MODERATION_EXECUTION;
    24 GUILD_MESSAGE_POLLS;
    25 DIRECT_MESSAGE_POLLS;
}

impl Intents {
    /// No intents.
    pub const NONE: Self = Self(0);
    /// Those that need approval in the developer portal.
    pub const PRIVILEGED: Self =
        Self(Self::GUILD_MEMBERS.0 | Self::GUILD_PRESENCES.0 | Self::MESSAGE_CONTENT.0);
    /// Every documented intent that needs no approval.
    pub const NON_PRIVILEGED: Self = Self(Self::ALL.0 & !Self::PRIVILEGED.0);

    /// The intent that Discord calls so, in capitals; `None` for a name that is not documented.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, intent)| *intent)
    }

    /// Intents from their bits, unknown ones included.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The bits on the wire.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Whether all of `other` are among these.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for Intents {
    type Output = Self;

    fn bitor(self, rhs: Self) -> Self {
        Self(self.0 | rhs.0)
    }
}

impl BitOrAssign for Intents {
    fn bitor_assign(&mut self, rhs: Self) {
        self.0 |= rhs.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_documentation() {
        assert_eq!(Intents::named("GUILD_MESSAGES"), Some(Intents::GUILD_MESSAGES));
        assert_eq!(Intents::named("guild_messages"), None);
        let all = Intents::NAMES.iter().fold(Intents::NONE, |all, (_, intent)| all | *intent);
        assert_eq!(all, Intents::ALL);
    }

    #[test]
    fn sums_are_those_of_the_documentation() {
        assert_eq!(Intents::ALL.bits(), 0x0331_FFFF);
        assert_eq!(Intents::NON_PRIVILEGED.bits(), 0x0331_7EFD);
    }
}
