//! What a guild shows on web pages, and its own address.

use alloc::string::String;
use alloc::vec::Vec;

use crate::id::{ChannelId, GuildId};

use super::entry::Object;
use super::table::objects;
use super::text::{Discriminator, Status};

objects! {
    /// Whether a guild has a widget (discord-api-docs, Guild, Guild Widget Settings Object).
    WidgetSettings {
        /// Whether it has.
        enabled: or bool;
        /// Where its invite leads.
        channel_id: may ChannelId;
    }

    /// What a guild shows on web pages (discord-api-docs, Guild, Guild Widget Object).
    Widget {
        /// Which guild.
        id: must GuildId;
        /// Its name.
        name: or String;
        /// Where an invite is.
        instant_invite: may String;
        /// The voice channels that all may see.
        channels: or Vec<WidgetChannel>;
        /// Who is online, at most 100.
        members: or Vec<WidgetMember>;
        /// How many are online.
        presence_count: or u64;
    }

    /// A voice channel in a widget.
    WidgetChannel {
        /// Which channel.
        id: must ChannelId;
        /// Its name.
        name: or String;
        /// Its place, from 0 at the top.
        position: or i64;
    }

    /// Somebody who is online. Who it is stays unknown.
    WidgetMember {
        /// A number within this widget, no id.
        id: must String;
        /// The name that is shown.
        username: or String;
        /// Always `0000`.
        discriminator: may Discriminator;
        /// Whether and how the user is there.
        status: or Status;
        /// Where the picture is.
        avatar_url: or String;
        /// What the user does.
        activity: may Object;
        /// In which voice channel.
        channel_id: may ChannelId;
        /// Whether a moderator deafened the user; of those in voice channels only, as all below.
        deaf: may bool;
        /// Whether a moderator muted the user.
        mute: may bool;
        /// Whether the user is deafened by choice.
        self_deaf: may bool;
        /// Whether the user is muted by choice.
        self_mute: may bool;
        /// Whether the user may not speak on the stage.
        suppress: may bool;
        [avatar]
    }

    /// A guild's own address (discord-api-docs, Guild, Get Guild Vanity URL).
    VanityUrl {
        /// What stands behind `https://discord.gg/`; null if there is none.
        code: may String;
        /// How often it was used.
        uses: or u64;
        [error]
    }
}
