//! Guilds (discord-api-docs, Guild).

use alloc::string::String;
use alloc::vec::Vec;

use serde_json::Value;

use crate::id::{ChannelId, GuildId, IntegrationId, JoinRequestId, RoleId, UserId};
use crate::object::{
    AuditLog, DateTime, Guild, GuildPreview, GuildTemplate, Incidents, Integration, JoinRequest,
    JoinRequestPage, List, Locale, Onboarding, Pruned, SystemChannelFlags, VanityUrl, VoiceRegion,
    WelcomeScreen, Widget, WidgetSettings,
};
use crate::rest::endpoint::{endpoints, setup};

endpoints! {
    /// A guild.
    GetGuild: Get "/guilds/" {guild_id: GuildId} => Guild {
        /// Whether `approximate_member_count` and `approximate_presence_count` come along.
        query with_counts: bool;
    }

    /// What anybody may know of a guild that can be discovered.
    GetGuildPreview: Get "/guilds/" {guild_id: GuildId} "/preview" => GuildPreview {}

    /// Edits a guild. What is not set stays.
    EditGuild: Patch "/guilds/" {guild_id: GuildId} with setup::guild => Guild {
        /// The name.
        body name: String, 2..=100;
        /// What it is about.
        body description: String, 0..=300;
        /// What members must have done: 0 nothing, to 4 a phone number.
        body verification_level: u32, 0..=4;
        /// What notifies: 0 all messages, 1 mentions.
        body default_message_notifications: u32, 0..=1;
        /// Whose pictures are scanned: 0 nobody's, 1 those without a role, 2 all.
        body explicit_content_filter: u32, 0..=2;
        /// Where members go who do nothing in voice.
        body afk_channel_id: ChannelId;
        /// After how many seconds: 60, 300, 900, 1800 or 3600.
        body afk_timeout: u32, 60..=3600;
        /// The picture, as a data URI.
        body icon: String;
        /// The background of invites, as a data URI.
        body splash: String;
        /// The background of the discovery page, as a data URI.
        body discovery_splash: String;
        /// The banner, as a data URI.
        body banner: String;
        /// Where Discord announces joins and boosts.
        body system_channel_id: ChannelId;
        /// What it does not announce.
        body system_channel_flags: SystemChannelFlags;
        /// Where the rules are.
        body rules_channel_id: ChannelId;
        /// Where Discord writes to the moderators.
        body public_updates_channel_id: ChannelId;
        /// Where Discord warns of dangers.
        body safety_alerts_channel_id: ChannelId;
        /// The language.
        body preferred_locale: Locale;
        /// The features that are on.
        body features: Vec<String>;
        /// Whether the boosts' progress is shown.
        body premium_progress_bar_enabled: bool;
    }

    /// How many members a prune would remove.
    GetPruneCount: Get "/guilds/" {guild_id: GuildId} "/prune" => Pruned {
        /// Not seen for so many days; 7 if not given.
        query days: u32, 1..=30;
        /// Those of these roles too, joined by commas.
        query include_roles: String;
    }

    /// Removes members who were not seen for long.
    BeginPrune: Post "/guilds/" {guild_id: GuildId} "/prune" => Pruned {
        /// Not seen for so many days; 7 if not given.
        body days: u32, 1..=30;
        /// Whether the answer says how many: not good for large guilds.
        body compute_prune_count: bool;
        /// Those of these roles too.
        body include_roles: Vec<RoleId>, 0..=100;
    }

    /// The voice regions that the guild can use.
    GetGuildVoiceRegions: Get "/guilds/" {guild_id: GuildId} "/regions" => List<VoiceRegion> {}

    /// The programs that are in the guild, at most 50.
    GetGuildIntegrations: Get "/guilds/" {guild_id: GuildId} "/integrations" => List<Integration> {}

    /// Removes a program, with its webhooks and its bot.
    DeleteGuildIntegration: Delete "/guilds/" {guild_id: GuildId} "/integrations/" {integration_id: IntegrationId}
        => () {}

    /// Whether the widget is on, and for which channel.
    GetGuildWidgetSettings: Get "/guilds/" {guild_id: GuildId} "/widget" => WidgetSettings {}

    /// Sets whether the widget is on, and for which channel.
    EditGuildWidget: Patch "/guilds/" {guild_id: GuildId} "/widget" with setup::again => WidgetSettings {
        /// Whether it is on.
        body enabled: bool;
        /// Where its invite leads.
        body channel_id: ChannelId;
    }

    /// The widget: who is online, which channels there are.
    GetGuildWidget: Get "/guilds/" {guild_id: GuildId} "/widget.json" with setup::nobody => Widget {}

    /// The invite of the guild's own address, and how often it was used.
    GetVanityUrl: Get "/guilds/" {guild_id: GuildId} "/vanity-url" => VanityUrl {}

    /// What new members are shown.
    GetWelcomeScreen: Get "/guilds/" {guild_id: GuildId} "/welcome-screen" => WelcomeScreen {}

    /// Sets what new members are shown.
    EditWelcomeScreen: Patch "/guilds/" {guild_id: GuildId} "/welcome-screen" with setup::again => WelcomeScreen {
        /// Whether it is shown.
        body enabled: bool;
        /// The channels that are named.
        body welcome_channels: Vec<Value>, 0..=5;
        /// What the guild is about.
        body description: String, 0..=140;
    }

    /// The questions that new members are asked.
    GetOnboarding: Get "/guilds/" {guild_id: GuildId} "/onboarding" => Onboarding {}

    /// Sets the questions that new members are asked.
    EditOnboarding: Put "/guilds/" {guild_id: GuildId} "/onboarding" => Onboarding {
        /// The questions.
        body prompts: Vec<Value>, 0..=15;
        /// The channels that all get.
        body default_channel_ids: Vec<ChannelId>, 0..=500;
        /// Whether it is on.
        body enabled: bool;
        /// What counts: 0 the default channels, 1 the questions too.
        body mode: u32, 0..=1;
    }

    /// Stops invites or direct messages for a while: at most 24 hours.
    EditIncidentActions: Put "/guilds/" {guild_id: GuildId} "/incident-actions" => Incidents {
        /// Until when nobody can join.
        body invites_disabled_until: DateTime;
        /// Until when members cannot write to each other.
        body dms_disabled_until: DateTime;
    }

    /// Who did what.
    GetAuditLog: Get "/guilds/" {guild_id: GuildId} "/audit-logs" => AuditLog {
        /// By this user.
        query user_id: UserId;
        /// To this one: a user, a channel, a role ..
        query target_id: u64;
        /// Of this kind.
        query action_type: u32;
        /// Older than this entry.
        query before: crate::id::AuditLogEntryId;
        /// Newer than this entry, the oldest first.
        query after: crate::id::AuditLogEntryId;
        /// How many at most; 50 if not given.
        query limit: u32, 1..=100;
    }

    /// Those who ask to be let in.
    GetJoinRequests: Get "/guilds/" {guild_id: GuildId} "/requests" => JoinRequestPage {
        /// `SUBMITTED`, `APPROVED` or `REJECTED`.
        query status: String;
        /// How many at most.
        query limit: u32, 1..=100;
        /// Below this id.
        query before: JoinRequestId;
        /// Above this id.
        query after: JoinRequestId;
        [one of before after]
    }

    /// Lets in one who asks for it, or does not.
    ActionJoinRequest: Patch "/guilds/" {guild_id: GuildId} "/requests/" {request_id: JoinRequestId} => JoinRequest {
        /// `APPROVED` or `REJECTED`.
        must action: String;
        /// Why not.
        body rejection_reason: String, 0..=160;
    }

    /// The guild's templates.
    GetGuildTemplates: Get "/guilds/" {guild_id: GuildId} "/templates" => List<GuildTemplate> {}

    /// A template.
    GetGuildTemplate: Get "/guilds/templates/" {code: String} => GuildTemplate {}

    /// Makes a template of the guild.
    CreateGuildTemplate: Post "/guilds/" {guild_id: GuildId} "/templates" => GuildTemplate {
        /// The name.
        must name: String, 1..=100;
        /// What it is for.
        body description: String, 0..=120;
    }

    /// Brings a template up to date with the guild.
    SyncGuildTemplate: Put "/guilds/" {guild_id: GuildId} "/templates/" {code: String} => GuildTemplate {}

    /// Edits a template.
    EditGuildTemplate: Patch "/guilds/" {guild_id: GuildId} "/templates/" {code: String} with setup::again => GuildTemplate {
        /// The name.
        body name: String, 1..=100;
        /// What it is for.
        body description: String, 0..=120;
    }

    /// Deletes a template.
    DeleteGuildTemplate: Delete "/guilds/" {guild_id: GuildId} "/templates/" {code: String} => GuildTemplate {}
}
