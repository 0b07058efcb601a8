//! Users, and what they are in a guild.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::id::{GuildId, RoleId, UserId};

use super::open::{MemberFlags, Permissions, PremiumType, UserFlags};
use super::table::{Preview, objects};
use super::text::{DateTime, Discriminator, ImageHash, Locale};

objects! {
    /// A user (discord-api-docs, User). In presences often only the id is there.
    User {
        /// Who it is.
        id: must UserId;
        /// The name, unique except for bots.
        username: or String;
        /// The four digits that told users of the same name apart; `0` for unique names.
        discriminator: may Discriminator;
        /// The name that is shown.
        global_name: may String;
        /// The picture.
        avatar: may ImageHash;
        /// Whether it belongs to an application. See also [`is_bot`](User::is_bot).
        bot: or bool;
        /// Whether it is Discord itself.
        system: or bool;
        /// The image behind the profile.
        banner: may ImageHash;
        /// The colour behind the profile, as a number 0xRRGGBB.
        accent_color: may u32;
        /// All flags; own user only.
        flags: may UserFlags;
        /// The flags that all may see.
        public_flags: may UserFlags;
        /// The Nitro subscription.
        premium_type: may PremiumType;
        /// The chosen language; own user only.
        locale: may Locale;
        /// What the user is in the guild, without the user; in the mentions of a message.
        member: inner Member;
        [avatar_decoration_data avatar_decoration banner_color clan collectibles display_name
            display_name_styles primary_guild]
    }

    /// A user in a guild (discord-api-docs, Guild, Guild Member Object).
    Member {
        /// The user; not there in messages and in the mentions of a message.
        user: outer User;
        /// In which guild; in events only.
        guild_id: may GuildId;
        /// The name in this guild.
        nick: may String;
        /// The picture in this guild.
        avatar: may ImageHash;
        /// The image behind the profile in this guild.
        banner: may ImageHash;
        /// The roles, without `@everyone`.
        roles: or Vec<RoleId>;
        /// Since when.
        joined_at: may DateTime;
        /// Since when the user boosts the guild.
        premium_since: may DateTime;
        /// Whether a moderator deafened the user in voice channels.
        deaf: or bool;
        /// Whether a moderator muted the user in voice channels.
        mute: or bool;
        /// The flags.
        flags: or MemberFlags;
        /// Whether the user has yet to pass the guild's screening.
        pending: or bool;
        /// What the member may do in the channel, overwrites included; in interactions only.
        permissions: may Permissions;
        /// Until when the member is timed out; may have passed.
        communication_disabled_until: may DateTime;
        [avatar_decoration_data collectibles display_name_styles unusual_dm_activity_until]
    }
}

impl User {
    /// Whether it belongs to an application.
    #[must_use]
    pub fn is_bot(&self) -> bool {
        self.bot
    }

    /// The name to show: the global one, otherwise the user name.
    #[must_use]
    pub fn display_name(&self) -> &str {
        self.global_name.as_deref().unwrap_or(&self.username)
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "User({} {:?})", self.id, Preview(&self.username))
    }
}

impl Member {
    /// The name to show: the one in the guild, otherwise the user's global name, otherwise the user name. `None`
    /// if the user is not there and has no name in the guild.
    #[must_use]
    pub fn display_name(&self) -> Option<&str> {
        self.nick.as_deref().or_else(|| self.user.as_ref().map(User::display_name))
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Member(")?;
        if let Some(user) = &self.user {
            write!(f, "{} ", user.id)?;
        }
        write!(f, "{:?})", Preview(self.display_name().unwrap_or_default()))
    }
}
