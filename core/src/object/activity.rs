//! Activities that run, and what linked roles ask for.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use crate::id::{ApplicationId, ChannelId, GuildId, Snowflake, UserId};

use super::kinds::RoleConnectionMetadataType;
use super::table::objects;

objects! {
    /// An activity that runs somewhere (discord-api-docs, Application, Activity Instance Object).
    ActivityInstance {
        /// Whose activity.
        application_id: must ApplicationId;
        /// Which instance.
        instance_id: must String;
        /// Which launch.
        launch_id: may Snowflake;
        /// Where it runs.
        location: may ActivityLocation;
        /// Who takes part.
        users: or Vec<UserId>;
    }

    /// Where an activity runs (discord-api-docs, Application, Activity Location Object).
    ActivityLocation {
        /// Which location.
        id: or String;
        /// `gc` for a guild's channel, `pc` for direct messages.
        kind: or String;
        /// In which channel.
        channel_id: may ChannelId;
        /// In which guild.
        guild_id: may GuildId;
    }

    /// What an application tells of a user for linked roles (discord-api-docs, User, Application Role Connection
    /// Object).
    RoleConnection {
        /// The platform, at most 50 characters.
        platform_name: may String;
        /// The user's name there, at most 100 characters.
        platform_username: may String;
        /// The values, each at most 100 characters, by the keys of the application's metadata.
        metadata: or BTreeMap<String, String>;
    }

    /// What linked roles can ask of an application (discord-api-docs, Application Role Connection Metadata).
    RoleConnectionMetadata {
        /// What is asked.
        kind as "type": or RoleConnectionMetadataType;
        /// The key of the value, 1 to 50 characters: small letters, digits, `_`.
        key: or String;
        /// Its name, 1 to 100 characters.
        name: or String;
        /// What it means, 1 to 200 characters.
        description: or String;
        [description_localizations name_localizations]
    }
}
