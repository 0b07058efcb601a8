//! Channels, threads included.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::id::{ApplicationId, ChannelId, EmojiId, GuildId, MessageId, OverwriteId, TagId, UserId};

use super::kinds::{ForumLayout, SortOrder};
use super::open::{ChannelFlags, ChannelType, OverwriteType, Permissions};
use super::table::{Preview, objects};
use super::text::{DateTime, ImageHash};
use super::user::{Member, User};

objects! {
    /// A channel or a thread (discord-api-docs, Channel). Direct messages are channels too.
    Channel {
        /// Which channel.
        id: must ChannelId;
        /// What kind of channel.
        kind as "type": or ChannelType;
        /// In which guild; not there in direct messages, nor within a guild's own payload.
        guild_id: may GuildId;
        /// Its name; direct messages have none.
        name: may String;
        /// Its place among its neighbours.
        position: may i64;
        /// What it is about.
        topic: may String;
        /// Whether it is for adults.
        nsfw: or bool;
        /// Its category; of a thread, the channel that it belongs to.
        parent_id: may ChannelId;
        /// The newest message, which may be deleted; of a forum, the newest thread.
        last_message_id: may MessageId;
        /// When a message was last pinned.
        last_pin_timestamp: may DateTime;
        /// Exceptions from what roles and members may do.
        permission_overwrites: or Vec<Overwrite>;
        /// Seconds that each user has to wait between messages.
        rate_limit_per_user: may u32;
        /// Bits per second of a voice channel.
        bitrate: may u32;
        /// How many users a voice channel takes, 0 for no limit.
        user_limit: may u32;
        /// The region of a voice channel; automatic without.
        rtc_region: may String;
        /// The video quality of a voice channel: 1 automatic, 2 720p.
        video_quality_mode: may u32;
        /// The others in a direct message.
        recipients: or Vec<User>;
        /// The picture of a group.
        icon: may ImageHash;
        /// Who made the group or thread.
        owner_id: may UserId;
        /// The application that made the group.
        application_id: may ApplicationId;
        /// How many messages a thread holds; does not count the first, and stops at 50 in old ones.
        message_count: may u64;
        /// How many messages were ever sent in a thread, deleted ones included.
        total_message_sent: may u64;
        /// About how many members a thread has; stops at 50.
        member_count: may u64;
        /// What only threads have.
        thread_metadata: may ThreadMetadata;
        /// Minutes without a message after which new threads are archived.
        default_auto_archive_duration: may u32;
        /// Seconds that each user has to wait between messages in new threads.
        default_thread_rate_limit_per_user: may u32;
        /// What the user may do in the channel; in interactions only.
        permissions: may Permissions;
        /// The flags.
        flags: or ChannelFlags;
        /// Whether the thread was just made; in THREAD_CREATE only.
        newly_created: or bool;
        /// What is going on in a voice channel.
        status: may String;
        /// Our membership in a thread, if we joined it.
        member: may Box<ThreadMember>;
        /// The tags that threads of a forum can have, at most 20.
        available_tags: or Vec<ForumTag>;
        /// The tags that a thread has, at most 5.
        applied_tags: or Vec<TagId>;
        /// The emoji that a forum offers for its threads.
        default_reaction_emoji: may DefaultReaction;
        /// How a forum orders its threads, if it says so.
        default_sort_order: may SortOrder;
        /// How a forum shows its threads.
        default_forum_layout: may ForumLayout;
        [default_tag_setting icon_emoji linked_lobby managed template theme_color voice_background_display
            voice_start_time]
    }

    /// An exception from what a role or a member may do in a channel (discord-api-docs, Channel, Overwrite Object).
    Overwrite {
        /// Whom it is for.
        id: must OverwriteId;
        /// Whether that is a role or a member.
        kind as "type": or OverwriteType;
        /// What is allowed.
        allow: or Permissions;
        /// What is denied.
        deny: or Permissions;
    }

    /// What only threads have (discord-api-docs, Channel, Thread Metadata Object).
    ThreadMetadata {
        /// Whether it is archived.
        archived: or bool;
        /// Minutes without a message after which it is archived.
        auto_archive_duration: may u32;
        /// When it was archived or brought back.
        archive_timestamp: may DateTime;
        /// Whether only moderators can bring it back.
        locked: or bool;
        /// Whether others than moderators may invite to a private thread.
        invitable: may bool;
        /// When it was made; not there before 2022.
        create_timestamp: may DateTime;
    }

    /// That a user is in a thread (discord-api-docs, Channel, Thread Member Object).
    ThreadMember {
        /// Which thread; not within a guild's own payload.
        id: may ChannelId;
        /// Who; not within a guild's own payload, where it is ourselves.
        user_id: may UserId;
        /// Since when.
        join_timestamp: may DateTime;
        /// Settings, of notifications only.
        flags: or u64;
        /// What the user is in the guild, where it was asked for.
        member: may Box<Member>;
        [guild_id mute_config muted presence]
    }

    /// A tag that threads of a forum can have (discord-api-docs, Channel, Forum Tag Object).
    ForumTag {
        /// Which tag.
        id: must TagId;
        /// Its name, at most 20 characters.
        name: or String;
        /// Whether only moderators can give and take it.
        moderated: or bool;
        /// Its emoji, of a guild.
        emoji_id: may EmojiId;
        /// Its emoji, of Unicode.
        emoji_name: may String;
    }

    /// The emoji that a forum offers for its threads (discord-api-docs, Channel, Default Reaction Object).
    DefaultReaction {
        /// The emoji, of a guild.
        emoji_id: may EmojiId;
        /// The emoji, of Unicode.
        emoji_name: may String;
    }
}

impl Channel {
    /// Whether it is a channel for messages: of a guild (threads included), or a direct one. Voice channels are
    /// not, though each has a chat, and forums are not, though their threads are.
    #[must_use]
    pub fn is_text(&self) -> bool {
        let plain = [
            ChannelType::GUILD_TEXT,
            ChannelType::DM,
            ChannelType::GROUP_DM,
            ChannelType::GUILD_ANNOUNCEMENT,
        ];
        plain.contains(&self.kind) || self.is_thread()
    }

    /// Whether it is a channel for voices, a stage included.
    #[must_use]
    pub fn is_voice(&self) -> bool {
        [ChannelType::GUILD_VOICE, ChannelType::GUILD_STAGE_VOICE].contains(&self.kind)
    }

    /// Whether it is a thread.
    #[must_use]
    pub fn is_thread(&self) -> bool {
        let threads =
            [ChannelType::ANNOUNCEMENT_THREAD, ChannelType::PUBLIC_THREAD, ChannelType::PRIVATE_THREAD];
        threads.contains(&self.kind)
    }

    /// Whether it is a direct message, a group included.
    #[must_use]
    pub fn is_direct(&self) -> bool {
        [ChannelType::DM, ChannelType::GROUP_DM].contains(&self.kind)
    }

    /// What to call it: `#name`, with the sign of a speaker instead for a voice channel, without one for a category.
    /// Direct messages without a name are called by their recipients, `@name`.
    #[must_use]
    pub fn title(&self) -> String {
        let sign = match self.kind {
            ChannelType::GUILD_CATEGORY => "",
            _ if self.is_direct() => "",
            _ if self.is_voice() => "\u{1f50a}",
            _ => "#",
        };
        match &self.name {
            Some(name) => format!("{sign}{name}"),
            None if self.recipients.is_empty() => format!("{}", self.kind),
            None => {
                let names = self.recipients.iter().map(|user| format!("@{}", user.display_name()));
                names.collect::<Vec<_>>().join(", ")
            }
        }
    }

    /// The [`title`](Self::title), and the topic behind a colon if it has one.
    #[must_use]
    pub fn label(&self) -> String {
        match self.topic.as_deref() {
            None | Some("") => self.title(),
            Some(topic) => format!("{}: {topic}", self.title()),
        }
    }

    /// Where it is in Discord's web client; `None` if it does not say in which guild, as within a GUILD_CREATE.
    #[must_use]
    pub fn url(&self) -> Option<String> {
        match self.guild_id {
            Some(guild) => Some(format!("{WEB}/channels/{guild}/{}", self.id)),
            None => self.is_direct().then(|| format!("{WEB}/channels/@me/{}", self.id)),
        }
    }

    /// Where one of its messages is in Discord's web client; `None` as for [`url`](Self::url).
    #[must_use]
    pub fn message_url(&self, message: MessageId) -> Option<String> {
        self.url().map(|url| format!("{url}/{message}"))
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Channel({} {}", self.id, self.kind)?;
        match &self.name {
            Some(name) => write!(f, " {:?})", Preview(name)),
            None => f.write_str(")"),
        }
    }
}

impl fmt::Debug for Overwrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, kind, allow, deny, rest: _ } = self;
        write!(f, "Overwrite({kind} {id}, allow {:#x}, deny {:#x})", allow.0, deny.0)
    }
}

impl fmt::Debug for ThreadMetadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ThreadMetadata(archived {}, locked {})", self.archived, self.locked)
    }
}

/// Discord's web client.
pub const WEB: &str = "https://discord.com";
