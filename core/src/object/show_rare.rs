//! Objects that only requests bring, in one line.

use core::fmt::{self, Display, Formatter};

use super::account::{Authorization, Connection};
use super::activity::{ActivityInstance, ActivityLocation, RoleConnection, RoleConnectionMetadata};
use super::command::{CommandPermission, CommandPermissions, TeamMember};
use super::moderation::{
    AutoModerationAction, AutoModerationActionMetadata, AutoModerationRule, AutoModerationTrigger,
    BulkBanned, Incidents, Pruned,
};
use super::onboarding::{
    JoinRequest, JoinRequestPage, Onboarding, OnboardingOption, OnboardingPrompt, TargetUsersJob,
};
use super::page::{GatewayUrl, PollVoters};
use super::plain::Plain;
use super::program::{Integration, IntegrationAccount};
use super::sale::{Entitlement, Sku, Subscription};
use super::scheduled_event::{
    NthWeekday, RecurrenceRule, ScheduledEventException, ScheduledEventPlace, ScheduledEventUser,
    StageInstance,
};
use super::show::{count, debugs, lines, name};
use super::sound::{EmojiList, SoundList, SoundboardSound, StickerPack, StickerPackList};
use super::template::{GuildTemplate, TemplateChannel, TemplateGuild, TemplateRole, TemplateTag};
use super::widget::{VanityUrl, Widget, WidgetChannel, WidgetMember, WidgetSettings};

lines! {
    /// The instance, and how many take part.
    ActivityInstance: |it, f| write!(f, "{} ({} users)", Plain(&it.instance_id), it.users.len());
    /// The channel.
    ActivityLocation: |it, f| match it.channel_id {
        Some(channel) => channel.fmt(f),
        None => Plain(&it.id).fmt(f),
    };
    /// What is done.
    AutoModerationAction: |it, f| it.kind.fmt(f);
    /// What more there is.
    AutoModerationActionMetadata: |it, f| match (it.channel_id, it.duration_seconds) {
        (Some(channel), _) => channel.fmt(f),
        (None, Some(seconds)) => write!(f, "{seconds} s"),
        (None, None) => name(&it.custom_message).fmt(f),
    };
    /// `#id name`.
    AutoModerationRule: |it, f| write!(f, "#{} {}", it.id, Plain(&it.name));
    /// How many words, expressions and lists.
    AutoModerationTrigger: |it, f| write!(
        f,
        "{} words, {} expressions, {} lists",
        it.keyword_filter.len(),
        it.regex_patterns.len(),
        it.presets.len(),
    );
    /// The application, and the user.
    Authorization: |it, f| {
        it.application.fmt(f)?;
        it.user.as_ref().map_or(Ok(()), |user| write!(f, " for {}", Plain(&user.username)))
    };
    /// How many.
    BulkBanned: |it, f| write!(f, "{} banned, {} not", it.banned_users.len(), it.failed_users.len());
    /// `kind #id`, and whether it is allowed.
    CommandPermission: |it, f| {
        write!(f, "{} #{} {}", it.kind, it.id, if it.permission { "allowed" } else { "denied" })
    };
    /// The command, and how many permissions.
    CommandPermissions: |it, f| write!(f, "#{}: {} permissions", it.id, it.permissions.len());
    /// `service name`.
    Connection: |it, f| write!(f, "{} {}", Plain(&it.kind), name(&it.name));
    /// How many.
    EmojiList: |it, f| count(it.items.len(), "emojis", false, f);
    /// `#id kind of #article`.
    Entitlement: |it, f| write!(f, "#{} {} of #{}", it.id, it.kind, it.sku_id);
    /// The URL.
    GatewayUrl: |it, f| Plain(&it.url).fmt(f);
    /// `code name`.
    GuildTemplate: |it, f| write!(f, "{} {}", Plain(&it.code), Plain(&it.name));
    /// What is stopped.
    Incidents: |it, f| match (&it.invites_disabled_until, &it.dms_disabled_until) {
        (None, None) => f.write_str("nothing stopped"),
        (Some(time), None) => write!(f, "no invites until {}", Plain(time)),
        (None, Some(time)) => write!(f, "no direct messages until {}", Plain(time)),
        (Some(_), Some(_)) => f.write_str("no invites and direct messages"),
    };
    /// `#id name (kind)`.
    Integration: |it, f| write!(f, "#{} {} ({})", Plain(&it.id), name(&it.name), Plain(&it.kind));
    /// The name.
    IntegrationAccount: |it, f| match &it.name {
        Some(name) => Plain(name).fmt(f),
        None => Plain(&it.id).fmt(f),
    };
    /// `#id status by user`.
    JoinRequest: |it, f| {
        write!(f, "#{} {}", it.id, name(&it.application_status))?;
        it.user_id.map_or(Ok(()), |user| write!(f, " by {user}"))
    };
    /// How many.
    JoinRequestPage: |it, f| count(it.guild_join_requests.len(), "requests", false, f);
    /// Day and week.
    NthWeekday: |it, f| write!(f, "{} of week {}", it.day, it.n);
    /// How many questions.
    Onboarding: |it, f| count(it.prompts.len(), "questions", false, f);
    /// `#id answer`.
    OnboardingOption: |it, f| write!(f, "#{} {}", it.id, Plain(&it.title));
    /// `#id question`.
    OnboardingPrompt: |it, f| write!(f, "#{} {}", it.id, Plain(&it.title));
    /// How many.
    PollVoters: |it, f| count(it.users.len(), "users", false, f);
    /// How many.
    Pruned: |it, f| match it.pruned {
        Some(pruned) => write!(f, "{pruned} members"),
        None => f.write_str("not counted"),
    };
    /// How often.
    RecurrenceRule: |it, f| it.frequency.fmt(f);
    /// `platform name`.
    RoleConnection: |it, f| write!(f, "{} {}", name(&it.platform_name), name(&it.platform_username));
    /// `key kind`.
    RoleConnectionMetadata: |it, f| write!(f, "{} {}", Plain(&it.key), it.kind);
    /// When it begins, or that it does not.
    ScheduledEventException: |it, f| match (it.is_canceled, &it.scheduled_start_time) {
        (true, _) => f.write_str("cancelled"),
        (false, Some(time)) => Plain(time).fmt(f),
        (false, None) => f.write_str("as planned"),
    };
    /// Where.
    ScheduledEventPlace: |it, f| name(&it.location).fmt(f);
    /// Who, and in what.
    ScheduledEventUser: |it, f| match it.user_id.or(it.user.as_ref().map(|user| user.id)) {
        Some(user) => write!(f, "{user} in {}", it.guild_scheduled_event_id),
        None => write!(f, "in {}", it.guild_scheduled_event_id),
    };
    /// `#id name`.
    Sku: |it, f| write!(f, "#{} {}", it.id, Plain(&it.name));
    /// How many.
    SoundList: |it, f| count(it.items.len(), "sounds", false, f);
    /// `#id name`.
    SoundboardSound: |it, f| write!(f, "#{} {}", it.sound_id, Plain(&it.name));
    /// `#id topic`.
    StageInstance: |it, f| write!(f, "#{} {}", it.id, Plain(&it.topic));
    /// `#id name`.
    StickerPack: |it, f| write!(f, "#{} {}", it.id, Plain(&it.name));
    /// How many.
    StickerPackList: |it, f| count(it.sticker_packs.len(), "packs", false, f);
    /// `#id status by user`.
    Subscription: |it, f| write!(f, "#{} {} by {}", it.id, it.status, it.user_id);
    /// How far.
    TargetUsersJob: |it, f| write!(f, "{}: {} of {} users", it.status, it.processed_users, it.total_users);
    /// Who, and as what.
    TeamMember: |it, f| match &it.user {
        Some(user) => write!(f, "{user} {}", Plain(&it.role)),
        None => Plain(&it.role).fmt(f),
    };
    /// `#number name`.
    TemplateChannel: |it, f| match it.id {
        Some(id) => write!(f, "#{id} {}", name(&it.name)),
        None => name(&it.name).fmt(f),
    };
    /// The name.
    TemplateGuild: |it, f| Plain(&it.name).fmt(f);
    /// `#number @name`.
    TemplateRole: |it, f| write!(f, "#{} @{}", it.id, Plain(it.name.trim_start_matches('@')));
    /// The name.
    TemplateTag: |it, f| Plain(&it.name).fmt(f);
    /// Where it is.
    VanityUrl: |it, f| match &it.code {
        Some(code) => write!(f, "https://discord.gg/{}", Plain(code)),
        None => f.write_str("none"),
    };
    /// The guild's name, and how many are online.
    Widget: |it, f| write!(f, "{} ({} online)", Plain(&it.name), it.presence_count);
    /// `#id name`.
    WidgetChannel: |it, f| write!(f, "#{} {}", it.id, Plain(&it.name));
    /// `name status`.
    WidgetMember: |it, f| write!(f, "{} {}", Plain(&it.username), Plain(&it.status));
    /// Whether it is on, and where it leads.
    WidgetSettings: |it, f| {
        f.write_str(if it.enabled { "on" } else { "off" })?;
        it.channel_id.map_or(Ok(()), |channel| write!(f, " to {channel}"))
    };
}

debugs! {
    ActivityInstance ActivityLocation Authorization AutoModerationAction AutoModerationActionMetadata
    AutoModerationRule AutoModerationTrigger BulkBanned CommandPermission CommandPermissions Connection
    EmojiList Entitlement GatewayUrl GuildTemplate Incidents Integration IntegrationAccount JoinRequest
    JoinRequestPage NthWeekday Onboarding OnboardingOption OnboardingPrompt PollVoters Pruned
    RecurrenceRule RoleConnection RoleConnectionMetadata ScheduledEventException ScheduledEventPlace
    ScheduledEventUser Sku SoundList SoundboardSound StageInstance StickerPack StickerPackList
    Subscription TargetUsersJob TeamMember TemplateChannel TemplateGuild TemplateRole TemplateTag
    VanityUrl Widget WidgetChannel WidgetMember WidgetSettings
}
