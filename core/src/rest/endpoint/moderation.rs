//! Automatic moderation (discord-api-docs, Auto Moderation).

use alloc::string::String;
use alloc::vec::Vec;

use serde_json::Value;

use crate::id::{AutoModerationRuleId, ChannelId, GuildId, RoleId};
use crate::object::{AutoModerationRule, List};
use crate::rest::endpoint::{endpoints, setup};

endpoints! {
    /// A guild's rules.
    GetAutoModerationRules: Get "/guilds/" {guild_id: GuildId} "/auto-moderation/rules" => List<AutoModerationRule> {}

    /// One rule.
    GetAutoModerationRule: Get "/guilds/" {guild_id: GuildId} "/auto-moderation/rules/"
        {rule_id: AutoModerationRuleId} => AutoModerationRule {}

    /// Makes a rule.
    CreateAutoModerationRule: Post "/guilds/" {guild_id: GuildId} "/auto-moderation/rules" => AutoModerationRule {
        /// The name.
        must name: String, 1..=100;
        /// What is looked at: 1 messages, 2 members.
        must event_type: u32, 1..=2;
        /// What sets it off: 1 words, 3 spam, 4 lists of words, 5 mentions, 6 members' profiles.
        must trigger_type: u32, 1..=6;
        /// What is done.
        must actions: Vec<Value>, 1..=5;
        /// More about what sets it off.
        body trigger_metadata: Value;
        /// Whether it is on; not if not given.
        body enabled: bool;
        /// For whom it does not hold.
        body exempt_roles: Vec<RoleId>, 0..=20;
        /// Where it does not hold.
        body exempt_channels: Vec<ChannelId>, 0..=50;
    }

    /// Edits a rule. What is not set stays.
    EditAutoModerationRule: Patch "/guilds/" {guild_id: GuildId} "/auto-moderation/rules/"
        {rule_id: AutoModerationRuleId} with setup::again => AutoModerationRule
    {
        /// The name.
        body name: String, 1..=100;
        /// What is looked at: 1 messages, 2 members.
        body event_type: u32, 1..=2;
        /// What is done.
        body actions: Vec<Value>, 1..=5;
        /// More about what sets it off.
        body trigger_metadata: Value;
        /// Whether it is on.
        body enabled: bool;
        /// For whom it does not hold.
        body exempt_roles: Vec<RoleId>, 0..=20;
        /// Where it does not hold.
        body exempt_channels: Vec<ChannelId>, 0..=50;
    }

    /// Deletes a rule.
    DeleteAutoModerationRule: Delete "/guilds/" {guild_id: GuildId} "/auto-moderation/rules/"
        {rule_id: AutoModerationRuleId} => () {}
}
