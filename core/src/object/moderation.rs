//! How guilds are kept in order.

use alloc::string::String;
use alloc::vec::Vec;

use crate::id::{AutoModerationRuleId, ChannelId, GuildId, RoleId, UserId};

use super::kinds::{
    AutoModerationActionType, AutoModerationEventType, AutoModerationTriggerType, KeywordPreset,
};
use super::table::objects;
use super::text::DateTime;

objects! {
    /// A rule by which Discord looks through messages or members (discord-api-docs, Auto Moderation, Auto Moderation
    /// Rule Object).
    AutoModerationRule {
        /// Which rule.
        id: must AutoModerationRuleId;
        /// In which guild.
        guild_id: may GuildId;
        /// Its name.
        name: or String;
        /// Who made it.
        creator_id: may UserId;
        /// What is looked at.
        event_type: or AutoModerationEventType;
        /// What sets it off.
        trigger_type: or AutoModerationTriggerType;
        /// More of what sets it off.
        trigger_metadata: may AutoModerationTrigger;
        /// What is done then.
        actions: or Vec<AutoModerationAction>;
        /// Whether it is on.
        enabled: or bool;
        /// For whom it does not hold, at most 20.
        exempt_roles: or Vec<RoleId>;
        /// Where it does not hold, at most 50.
        exempt_channels: or Vec<ChannelId>;
    }

    /// What sets off a rule; which fields depends on the kind (discord-api-docs, Auto Moderation, Trigger Metadata).
    AutoModerationTrigger {
        /// Words, at most 1,000; `*` at their ends for anything.
        keyword_filter: or Vec<String>;
        /// Regular expressions as of the crate `regex`, at most 10.
        regex_patterns: or Vec<String>;
        /// Lists of Discord's own.
        presets: or Vec<KeywordPreset>;
        /// Words that do not set it off; at most 100, or 1,000 beside Discord's own lists.
        allow_list: or Vec<String>;
        /// How many mentions a message may have, at most 50.
        mention_total_limit: may u32;
        /// Whether many messages with mentions at once set it off.
        mention_raid_protection_enabled: may bool;
    }

    /// What a rule does (discord-api-docs, Auto Moderation, Auto Moderation Action Object).
    AutoModerationAction {
        /// What is done.
        kind as "type": or AutoModerationActionType;
        /// More of what is done.
        metadata: may AutoModerationActionMetadata;
    }

    /// More of what a rule does; which fields depends on the kind (discord-api-docs, Auto Moderation, Action
    /// Metadata).
    AutoModerationActionMetadata {
        /// Where it is told.
        channel_id: may ChannelId;
        /// For how many seconds the member is timed out, at most 2,419,200.
        duration_seconds: may u32;
        /// What the member is told, at most 150 characters.
        custom_message: may String;
    }

    /// What a guild stopped for a while (discord-api-docs, Guild, Incidents Data Object).
    Incidents {
        /// Until when nobody can join by an invite.
        invites_disabled_until: may DateTime;
        /// Until when members cannot write to each other.
        dms_disabled_until: may DateTime;
        /// When Discord noticed that many were written to.
        dm_spam_detected_at: may DateTime;
        /// When Discord noticed that many joined.
        raid_detected_at: may DateTime;
    }

    /// Who was banned (discord-api-docs, Guild, Bulk Guild Ban).
    BulkBanned {
        /// Who is banned now.
        banned_users: or Vec<UserId>;
        /// Who is not, or was before.
        failed_users: or Vec<UserId>;
    }

    /// How many members a prune removes (discord-api-docs, Guild, Get Guild Prune Count).
    Pruned {
        /// How many; null if that was not to be counted.
        pruned: may u64;
    }
}
