//! Templates of guilds.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crate::id::{EmojiId, GuildId, UserId};

use super::channel::{DefaultReaction, Overwrite};
use super::guild::RoleColors;
use super::kinds::{ForumLayout, SortOrder};
use super::open::{ChannelType, Permissions, SystemChannelFlags};
use super::table::objects;
use super::text::{DateTime, Locale};
use super::user::User;

objects! {
    /// What guilds can be made of (discord-api-docs, Guild Template).
    GuildTemplate {
        /// Which template.
        code: must String;
        /// Its name.
        name: or String;
        /// What it is for.
        description: may String;
        /// How often it was used.
        usage_count: or u64;
        /// Who made it.
        creator_id: may UserId;
        /// Who made it, whole.
        creator: may Box<User>;
        /// When it was made.
        created_at: may DateTime;
        /// When it was last brought up to date.
        updated_at: may DateTime;
        /// Of which guild it was made.
        source_guild_id: may GuildId;
        /// What that guild was.
        serialized_source_guild: may Box<TemplateGuild>;
        /// Whether the guild is another since.
        is_dirty: may bool;
    }

    /// What a guild was when a template was made of it. Numbers stand for the ids that a new guild's parts will have.
    TemplateGuild {
        /// Its name.
        name: or String;
        /// What it is about.
        description: may String;
        /// What a user has to fulfil to write, 0 to 4.
        verification_level: may u32;
        /// What notifies: 0 all messages, 1 mentions.
        default_message_notifications: may u32;
        /// Whose pictures are scanned: 0 nobody's, 1 those without a role, 2 all.
        explicit_content_filter: may u32;
        /// The language it prefers.
        preferred_locale: may Locale;
        /// The number of the channel where the inactive are moved to.
        afk_channel_id: may u64;
        /// After how many seconds.
        afk_timeout: may u32;
        /// The number of the channel where notices go.
        system_channel_id: may u64;
        /// Which notices do not.
        system_channel_flags: or SystemChannelFlags;
        /// Its roles.
        roles: or Vec<TemplateRole>;
        /// Its channels.
        channels: or Vec<TemplateChannel>;
        [icon_hash region]
    }

    /// A role in a template.
    TemplateRole {
        /// Which role; 0 is `@everyone`.
        id: must u64;
        /// Its name.
        name: or String;
        /// What it allows.
        permissions: or Permissions;
        /// Its first colour as a number 0xRRGGBB, 0 for none.
        color: or u32;
        /// Its colours.
        colors: may RoleColors;
        /// Whether its members are listed apart.
        hoist: or bool;
        /// Whether all may mention it.
        mentionable: or bool;
        /// Its picture, if that is an emoji.
        unicode_emoji: may String;
        [icon]
    }

    /// A channel in a template.
    TemplateChannel {
        /// Which channel.
        id: may u64;
        /// What kind of channel.
        kind as "type": or ChannelType;
        /// Its name.
        name: may String;
        /// Its place.
        position: may i64;
        /// What it is about.
        topic: may String;
        /// The bits per second of its sound.
        bitrate: may u32;
        /// How many users fit, 0 for any number.
        user_limit: may u32;
        /// Whether it is for adults.
        nsfw: or bool;
        /// How many seconds lie between two messages of a user.
        rate_limit_per_user: may u32;
        /// The number of its category.
        parent_id: may u64;
        /// After how many minutes without messages its threads are archived.
        default_auto_archive_duration: may u32;
        /// What it allows and denies whom; by numbers of roles.
        permission_overwrites: or Vec<Overwrite>;
        /// The tags that threads of a forum can have.
        available_tags: or Vec<TemplateTag>;
        /// What threads of a forum are reacted to with.
        default_reaction_emoji: may DefaultReaction;
        /// How many seconds lie between two messages of a user in its threads.
        default_thread_rate_limit_per_user: may u32;
        /// How a forum orders its threads.
        default_sort_order: may SortOrder;
        /// How a forum shows its threads.
        default_forum_layout: may ForumLayout;
        [default_tag_setting icon_emoji template theme_color]
    }

    /// A tag of a forum in a template.
    TemplateTag {
        /// Which tag.
        id: may u64;
        /// Its name.
        name: or String;
        /// Its emoji, of a guild.
        emoji_id: may EmojiId;
        /// Its emoji, of Unicode.
        emoji_name: may String;
        /// Whether only moderators give it.
        moderated: may bool;
    }
}
