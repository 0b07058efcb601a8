//! Channels (discord-api-docs, Channel).

use alloc::string::String;
use alloc::vec::Vec;

use serde_json::Value;

use crate::id::{ChannelId, GuildId, OverwriteId, SoundId, TagId, UserId};
use crate::object::{Channel, ChannelFlags, ChannelType, FollowedChannel, List, OverwriteType, Permissions};
use crate::rest::endpoint::{endpoints, setup};

endpoints! {
    /// A channel or thread.
    GetChannel: Get "/channels/" {channel_id: ChannelId} => Channel {}

    /// Edits a channel or thread. What is not set stays.
    EditChannel: Patch "/channels/" {channel_id: ChannelId} with setup::channel_edit => Channel {
        /// The name.
        body name: String, 1..=100;
        /// The picture of a group, as a data URI.
        body icon: String;
        /// Text or announcement: only between these two.
        body kind as "type": ChannelType;
        /// The place among its neighbours.
        body position: u32;
        /// What it is about: 1,024 characters, 4,096 in a forum.
        body topic: String, 0..=4096;
        /// Whether it is for adults.
        body nsfw: bool;
        /// Seconds that each user has to wait between messages.
        body rate_limit_per_user: u32, 0..=21600;
        /// Bits per second of a voice channel: up to 96,000, more with boosts.
        body bitrate: u32, 8000..=384_000;
        /// How many users a voice channel takes, 0 for no limit.
        body user_limit: u32, 0..=10_000;
        /// Exceptions from what roles and members may do.
        body permission_overwrites: Vec<Value>, 0..=100;
        /// The category.
        body parent_id: ChannelId;
        /// The voice region.
        body rtc_region: String;
        /// The video quality: 1 automatic, 2 720p.
        body video_quality_mode: u32, 1..=2;
        /// Minutes without a message after which new threads are archived: 60, 1440, 4320 or 10080.
        body default_auto_archive_duration: u32;
        /// The flags.
        body flags: ChannelFlags;
        /// A forum's tags.
        body available_tags: Vec<Value>, 0..=20;
        /// The emoji that posts offer to react with.
        body default_reaction_emoji: Value;
        /// Seconds that each user has to wait between messages in new threads.
        body default_thread_rate_limit_per_user: u32, 0..=21600;
        /// How a forum is sorted: 0 by activity, 1 by date.
        body default_sort_order: u32, 0..=1;
        /// How a forum is shown: 0 as it is set, 1 list, 2 gallery.
        body default_forum_layout: u32, 0..=2;
        /// Whether a thread is archived.
        body archived: bool;
        /// Minutes without a message after which a thread is archived: 60, 1440, 4320 or 10080.
        body auto_archive_duration: u32;
        /// Whether only moderators can bring a thread back.
        body locked: bool;
        /// Whether others than moderators may invite to a private thread.
        body invitable: bool;
        /// The tags of a forum's thread.
        body applied_tags: Vec<TagId>, 0..=5;
    }

    /// Deletes a channel or thread for good, or closes a direct one.
    DeleteChannel: Delete "/channels/" {channel_id: ChannelId} => Channel {}

    /// Allows and denies a role or member.
    EditChannelPermissions: Put "/channels/" {channel_id: ChannelId} "/permissions/" {overwrite_id: OverwriteId}
        => ()
    {
        /// Whether it is for a role or for a member.
        must kind as "type": OverwriteType;
        /// What is allowed.
        body allow: Permissions;
        /// What is denied.
        body deny: Permissions;
    }

    /// Removes the exception for a role or member.
    DeleteChannelPermission: Delete "/channels/" {channel_id: ChannelId} "/permissions/" {overwrite_id: OverwriteId}
        => () {}

    /// Sends an announcement channel's messages to another channel.
    FollowChannel: Post "/channels/" {channel_id: ChannelId} "/followers" => FollowedChannel {
        /// To which channel.
        must webhook_channel_id: ChannelId;
    }

    /// Shows for 10 s that the bot is typing.
    TriggerTyping: Post "/channels/" {channel_id: ChannelId} "/typing" with setup::again => () {}

    /// Sets what a voice channel shows below its name; null for nothing.
    SetVoiceStatus: Put "/channels/" {channel_id: ChannelId} "/voice-status" => () {
        /// The text.
        body status: String, 0..=500;
    }

    /// Plays a soundboard sound in the voice channel in which the bot is.
    SendSoundboardSound: Post "/channels/" {channel_id: ChannelId} "/send-soundboard-sound" => () {
        /// Which sound.
        must sound_id: SoundId;
        /// Whose sound, if it is another guild's.
        body source_guild_id: GuildId;
    }

    /// Adds a user to a group.
    AddGroupRecipient: Put "/channels/" {channel_id: ChannelId} "/recipients/" {user_id: UserId} => Option<Channel> {
        /// The user's OAuth2 token, with the scope `gdm.join`.
        must access_token: String;
        /// The name in the group.
        body nick: String;
    }

    /// Removes a user from a group.
    RemoveGroupRecipient: Delete "/channels/" {channel_id: ChannelId} "/recipients/" {user_id: UserId} => () {}

    /// A guild's channels, without threads.
    GetGuildChannels: Get "/guilds/" {guild_id: GuildId} "/channels" => List<Channel> {}

    /// Makes a channel.
    CreateGuildChannel: Post "/guilds/" {guild_id: GuildId} "/channels" with setup::thread => Channel {
        /// The name.
        must name: String, 1..=100;
        /// What kind of channel; a text channel if not given.
        body kind as "type": ChannelType;
        /// What it is about: 1,024 characters, 4,096 in a forum.
        body topic: String, 0..=4096;
        /// Bits per second of a voice channel: up to 96,000, more with boosts.
        body bitrate: u32, 8000..=384_000;
        /// How many users a voice channel takes, 0 for no limit.
        body user_limit: u32, 0..=10_000;
        /// Seconds that each user has to wait between messages.
        body rate_limit_per_user: u32, 0..=21600;
        /// The place among its neighbours.
        body position: u32;
        /// Exceptions from what roles and members may do.
        body permission_overwrites: Vec<Value>, 0..=100;
        /// The category.
        body parent_id: ChannelId;
        /// Whether it is for adults.
        body nsfw: bool;
        /// The voice region.
        body rtc_region: String;
        /// The video quality: 1 automatic, 2 720p.
        body video_quality_mode: u32, 1..=2;
        /// Minutes without a message after which new threads are archived: 60, 1440, 4320 or 10080.
        body default_auto_archive_duration: u32;
        /// The emoji that posts offer to react with.
        body default_reaction_emoji: Value;
        /// A forum's tags.
        body available_tags: Vec<Value>, 0..=20;
        /// How a forum is sorted: 0 by activity, 1 by date.
        body default_sort_order: u32, 0..=1;
        /// How a forum is shown: 0 as it is set, 1 list, 2 gallery.
        body default_forum_layout: u32, 0..=2;
        /// Seconds that each user has to wait between messages in new threads.
        body default_thread_rate_limit_per_user: u32, 0..=21600;
    }

    /// Moves channels: `[{"id", "position", "lock_permissions", "parent_id"}]`.
    MoveGuildChannels: Patch "/guilds/" {guild_id: GuildId} "/channels" with setup::again => () {
        /// Which where to.
        whole positions: Vec<Value>;
    }
}
