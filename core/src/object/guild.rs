//! Guilds, their roles, and who is there.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::id::{ApplicationId, ChannelId, EmojiId, GuildId, RoleId, UserId};

use super::channel::{Channel, WEB};
use super::embed::Sticker;
use super::emoji::Emoji;
use super::open::{Permissions, RoleFlags, SystemChannelFlags};
use super::table::{Preview, objects};
use super::text::{DateTime, ImageHash, Locale, Secret, Status};
use super::user::{Member, User};

objects! {
    /// A guild (discord-api-docs, Guild). One that is unavailable has little more than its id.
    Guild {
        /// Which guild.
        id: must GuildId;
        /// Its name.
        name: or String;
        /// Whether an outage keeps it away; in events only. Not there in GUILD_DELETE: we are no longer in it.
        unavailable: may bool;
        /// Its picture.
        icon: may ImageHash;
        /// The image behind its invitations.
        splash: may ImageHash;
        /// The image of its banner.
        banner: may ImageHash;
        /// What it is about.
        description: may String;
        /// Who owns it.
        owner_id: may UserId;
        /// Whether we own it; in lists of our own guilds only.
        owner: may bool;
        /// What we may do in it; in lists of our own guilds only.
        permissions: may Permissions;
        /// Where the inactive are moved to.
        afk_channel_id: may ChannelId;
        /// After how many seconds.
        afk_timeout: may u32;
        /// Where notices go.
        system_channel_id: may ChannelId;
        /// Which notices do not.
        system_channel_flags: or SystemChannelFlags;
        /// Where the rules are.
        rules_channel_id: may ChannelId;
        /// Where Discord's notices to moderators go.
        public_updates_channel_id: may ChannelId;
        /// Where Discord's safety notices go.
        safety_alerts_channel_id: may ChannelId;
        /// The application that made it.
        application_id: may ApplicationId;
        /// The level of its boosts, 0 to 3.
        premium_tier: may u32;
        /// How many boosts it has.
        premium_subscription_count: may u64;
        /// The language it prefers.
        preferred_locale: may Locale;
        /// The last part of its own invitation.
        vanity_url_code: may String;
        /// What a user has to fulfil to write, 0 to 4.
        verification_level: may u32;
        /// Whether it is for adults: 0 unknown, 1 explicit, 2 safe, 3 age restricted.
        nsfw_level: may u32;
        /// What it can do.
        features: or Vec<String>;
        /// Its roles.
        roles: or Vec<Role>;
        /// Its emojis.
        emojis: or Vec<Emoji>;
        /// Its stickers.
        stickers: or Vec<Sticker>;
        /// About how many members it has; only where it was asked for.
        approximate_member_count: may u64;
        /// About how many members are online; only where it was asked for.
        approximate_presence_count: may u64;
        /// When we joined; GUILD_CREATE only, as all below.
        joined_at: may DateTime;
        /// Whether it has so many members that not all are sent.
        large: or bool;
        /// How many members it has.
        member_count: may u64;
        /// Who is in voice channels.
        voice_states: or Vec<VoiceState>;
        /// The members; of large guilds, some.
        members: or Vec<Member>;
        /// Its channels, without threads.
        channels: or Vec<Channel>;
        /// The active threads that we may see.
        threads: or Vec<Channel>;
        /// Who is there; of large guilds, some.
        presences: or Vec<Presence>;
        [activity_instances application_command_counts discovery_splash embedded_activities
            guild_scheduled_events home_header hub_type incidents_data inventory_settings
            latest_onboarding_question_id max_presences premium_features premium_progress_bar_enabled profile
            soundboard_sounds stage_instances widget_channel_id]
    }

    /// What lists of our own guilds tell of each (discord-api-docs, User, Get Current User Guilds).
    UserGuild {
        /// Which guild.
        id: must GuildId;
        /// Its name.
        name: or String;
        /// Its picture.
        icon: may ImageHash;
        /// The image of its banner.
        banner: may ImageHash;
        /// Whether we own it.
        owner: or bool;
        /// What we may do in it.
        permissions: or Permissions;
        /// What it can do.
        features: or Vec<String>;
        /// About how many members it has; only where it was asked for.
        approximate_member_count: may u64;
        /// About how many members are online; only where it was asked for.
        approximate_presence_count: may u64;
    }

    /// What a guild shows to those who are not in it (discord-api-docs, Guild, Guild Preview Object).
    GuildPreview {
        /// Which guild.
        id: must GuildId;
        /// Its name.
        name: or String;
        /// Its picture.
        icon: may ImageHash;
        /// The image behind its invitations.
        splash: may ImageHash;
        /// The image that it has where guilds are looked for.
        discovery_splash: may ImageHash;
        /// What it is about.
        description: may String;
        /// What it can do.
        features: or Vec<String>;
        /// Its emojis.
        emojis: or Vec<Emoji>;
        /// Its stickers.
        stickers: or Vec<Sticker>;
        /// About how many members it has.
        approximate_member_count: may u64;
        /// About how many members are online.
        approximate_presence_count: may u64;
        [home_header]
    }

    /// That a user may not enter a guild (discord-api-docs, Guild, Ban Object).
    Ban {
        /// Who.
        user: must User;
        /// Why, in the words of who did it.
        reason: may String;
    }

    /// Where a voice channel can be (discord-api-docs, Voice, Voice Region Object).
    VoiceRegion {
        /// The name that channels have in `rtc_region`.
        id: must String;
        /// Its name.
        name: or String;
        /// Whether it is the closest.
        optimal: or bool;
        /// Whether it goes away: better not used.
        deprecated: or bool;
        /// Whether it was made for an occasion.
        custom: or bool;
    }

    /// What new members are shown (discord-api-docs, Guild, Welcome Screen Object).
    WelcomeScreen {
        /// What the guild is about.
        description: may String;
        /// Where to begin, at most 5.
        welcome_channels: or Vec<WelcomeChannel>;
    }

    /// A channel that new members are shown (discord-api-docs, Guild, Welcome Screen Channel Structure).
    WelcomeChannel {
        /// Which channel.
        channel_id: must ChannelId;
        /// What it is for.
        description: or String;
        /// Its emoji, of a guild.
        emoji_id: may EmojiId;
        /// Its emoji: the name, or of Unicode.
        emoji_name: may String;
    }

    /// A role (discord-api-docs, Permissions, Role Object).
    Role {
        /// Which role; `@everyone` has the guild's id.
        id: must RoleId;
        /// Its name.
        name: or String;
        /// Its first colour as a number 0xRRGGBB, 0 for none.
        color: or u32;
        /// Its colours.
        colors: may RoleColors;
        /// Whether its members are listed apart.
        hoist: or bool;
        /// Its picture.
        icon: may ImageHash;
        /// Its picture, if that is an emoji.
        unicode_emoji: may String;
        /// Its place, from 0 at the bottom; of roles at the same place, the lower id is higher.
        position: or i64;
        /// What it allows.
        permissions: or Permissions;
        /// Whether an integration manages it.
        managed: or bool;
        /// Whether all may mention it.
        mentionable: or bool;
        /// The flags.
        flags: or RoleFlags;
        [description tags version]
    }

    /// The colours of a role, as numbers 0xRRGGBB (discord-api-docs, Permissions, Role Colors Object).
    RoleColors {
        /// The first.
        primary_color: or u32;
        /// The second, of a gradient.
        secondary_color: may u32;
        /// The third, of the holographic style.
        tertiary_color: may u32;
    }

    /// A user's connection to voice (discord-api-docs, Voice, Voice State).
    VoiceState {
        /// In which guild; not within a guild's own payload.
        guild_id: may GuildId;
        /// In which channel; null for a user who left.
        channel_id: may ChannelId;
        /// Whose.
        user_id: must UserId;
        /// What the user is in the guild.
        member: may Box<Member>;
        /// Its session.
        session_id: or Secret;
        /// Whether a moderator deafened the user.
        deaf: or bool;
        /// Whether a moderator muted the user.
        mute: or bool;
        /// Whether the user is deafened by choice.
        self_deaf: or bool;
        /// Whether the user is muted by choice.
        self_mute: or bool;
        /// Whether the user shows a screen.
        self_stream: or bool;
        /// Whether the user's camera is on.
        self_video: or bool;
        /// Whether the user may not speak on the stage.
        suppress: or bool;
        /// Since when the user asks to speak on the stage.
        request_to_speak_timestamp: may DateTime;
        [discoverable user_volume]
    }

    /// Whether a user is there, and what the user does (discord-api-docs, Gateway Events, Presence Update).
    Presence {
        /// Whose; often only the id is there.
        user: must User;
        /// In which guild; not within a guild's own payload.
        guild_id: may GuildId;
        /// Whether the user is there.
        status: or Status;
        /// Whether on each kind of device.
        client_status: may ClientStatus;
        [activities broadcast game hidden_activities last_modified nick premium_since processed_at_timestamp
            roles]
    }

    /// Whether a user is there, for each kind of device (discord-api-docs, Gateway Events, Client Status Object).
    ClientStatus {
        /// On a desktop.
        desktop: may Status;
        /// On a phone.
        mobile: may Status;
        /// In a browser, or a bot.
        web: may Status;
        /// On a game console.
        embedded: may Status;
    }
}

impl Guild {
    /// Where it is in Discord's web client.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{WEB}/channels/{}", self.id)
    }
}

impl UserGuild {
    /// Where it is in Discord's web client.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{WEB}/channels/{}", self.id)
    }
}

impl fmt::Debug for Guild {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.unavailable {
            Some(true) => write!(f, "Guild({} unavailable)", self.id),
            _ => write!(f, "Guild({} {:?})", self.id, Preview(&self.name)),
        }
    }
}

impl fmt::Debug for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Role({} {:?})", self.id, Preview(&self.name))
    }
}

impl fmt::Debug for RoleColors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RoleColors({:#08x}", self.primary_color)?;
        for color in [self.secondary_color, self.tertiary_color].into_iter().flatten() {
            write!(f, ", {color:#08x}")?;
        }
        f.write_str(")")
    }
}

impl fmt::Debug for VoiceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.channel_id {
            Some(channel) => write!(f, "VoiceState({} in {channel})", self.user_id),
            None => write!(f, "VoiceState({} in no channel)", self.user_id),
        }
    }
}

impl fmt::Debug for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Presence({} {})", self.user.id, self.status)
    }
}

impl fmt::Debug for ClientStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let devices = [
            ("desktop", &self.desktop),
            ("mobile", &self.mobile),
            ("web", &self.web),
            ("embedded", &self.embedded),
        ];
        let known = devices.iter().filter_map(|(device, status)| Some((device, status.as_ref()?)));
        f.write_str("ClientStatus")?;
        f.debug_map().entries(known.map(|(device, status)| (device, status.as_str()))).finish()
    }
}
