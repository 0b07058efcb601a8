//! Discord's objects, typed and whole.
//!
//! What a bot's author uses most is a typed field; everything else that Discord sent, fields that were invented
//! since included, is in each object's [`rest`](Rest). Nothing is lost: written back as JSON, an object equals what
//! was parsed, fields that are null and fields that are not there told apart. Only the order of the fields may be
//! another, a number in place of an id or of permissions is written as a string, and of a key that stands twice
//! the last value counts; two of a key that the object knows are an error.
//!
//! Each object answers to `get("name")`, `json("name")`, `names()` and `has("name")` by the names on the wire, for
//! typed and other fields alike. Enums and flags are open: an unknown number is kept.
//!
//! A known field with a value of an unexpected type is an error of the whole parse, never a loss. Then [`Object`]
//! still takes the payload as it is.
//!
//! | file | subject |
//! |---|---|
//! | `user`, `channel`, `message`, `emoji`, `attachment`, `embed`, `guild`, `integration`, `command`, `page` | Discord's objects |
//! | `account`, `activity`, `moderation`, `onboarding`, `program`, `sale`, `scheduled_event`, `sound`, `template`, `widget` | those that only requests bring |
//! | `context` | what an interaction is about |
//! | `event` | payloads of dispatches, by name |
//! | `open`, `kinds`, `text` | open enums and flags; strings with a meaning |
//! | `link`, `cdn` | links to messages; where images are |
//! | `show`, `show_rare`, `plain` | objects in one line |
//! | `list`, `rows` | lists as tables; their columns |
//! | `table`, `names`, `rest`, `entry`, `raw` | how an object is made of its table; what stays text |
//!
//! To add a field, add a row to its object's table.

mod account;
mod activity;
mod attachment;
mod cdn;
mod channel;
mod command;
mod context;
mod embed;
mod emoji;
mod entry;
mod event;
mod guild;
mod integration;
mod kinds;
mod link;
mod list;
mod message;
mod moderation;
mod names;
mod onboarding;
mod open;
mod page;
mod plain;
mod program;
mod raw;
mod rest;
mod rows;
mod sale;
mod scheduled_event;
mod show;
mod show_rare;
mod sound;
mod table;
mod template;
mod text;
mod user;
mod widget;

pub use account::{Authorization, Connection};
pub use activity::{ActivityInstance, ActivityLocation, RoleConnection, RoleConnectionMetadata};
pub use attachment::{Attachment, MAX_FILE_NAME, content_type, safe_file_name};
pub use cdn::CDN;
pub use channel::{Channel, DefaultReaction, ForumTag, Overwrite, ThreadMember, ThreadMetadata, WEB};
pub use command::{
    Application, ApplicationCommand, ApplicationCommandOption, CallbackInteraction, CallbackResource,
    CommandChoice, CommandPermission, CommandPermissions, InteractionCallback, Team, TeamMember,
};
pub use context::{CommandData, CommandOption, ComponentData, Context, ModalData};
pub use embed::{
    Component, Embed, EmbedAuthor, EmbedField, EmbedFooter, EmbedMedia, EmbedProvider, MessageSnapshot, Poll,
    PollAnswer, PollAnswerCount, PollMedia, PollResults, SnapshotMessage, Sticker, StickerItem,
};
pub use emoji::Emoji;
pub use entry::Object;
pub use event::{
    GuildRole, GuildRoleDelete, GuildUser, MessageDelete, MessageDeleteBulk, MessageReaction, Typed,
    TypingStart,
};
pub use guild::{
    Ban, ClientStatus, Guild, GuildPreview, Presence, Role, RoleColors, UserGuild, VoiceRegion, VoiceState,
    WelcomeChannel, WelcomeScreen,
};
pub use integration::{Interaction, Webhook};
pub use kinds::{
    ApplicationFlags, ApplicationIntegrationType, AuditLogEvent, AutoModerationActionType,
    AutoModerationEventType, AutoModerationTriggerType, ButtonStyle, CallbackType, CommandOptionType,
    CommandPermissionType, CommandType, ComponentType, ConnectionVisibility, EntitlementType, ForumLayout,
    IntegrationExpireBehavior, InteractionContextType, InviteTargetType, InviteType, KeywordPreset,
    OnboardingMode, OnboardingPromptType, PollLayout, RecurrenceFrequency, RoleConnectionMetadataType,
    ScheduledEventEntityType, ScheduledEventPrivacyLevel, ScheduledEventStatus, SkuFlags, SkuType, SortOrder,
    StagePrivacyLevel, StickerFormat, StickerType, SubscriptionStatus, TargetUsersStatus,
    TeamMembershipState, Weekday,
};
pub use link::{MessageLink, NoMessageLink};
pub use list::{Cell, List, Row};
pub use message::{Message, MessageReference, Reaction};
pub use moderation::{
    AutoModerationAction, AutoModerationActionMetadata, AutoModerationRule, AutoModerationTrigger,
    BulkBanned, Incidents, Pruned,
};
pub use onboarding::{
    JoinRequest, JoinRequestPage, Onboarding, OnboardingOption, OnboardingPrompt, TargetUsersJob,
};
pub use open::{
    AttachmentFlags, ChannelFlags, ChannelType, InteractionType, MemberFlags, MessageFlags,
    MessageReferenceType, MessageType, OverwriteType, Permissions, PremiumType, ReactionType, RoleFlags,
    SystemChannelFlags, UserFlags, WebhookType,
};
pub use page::{
    AuditLog, AuditLogChange, AuditLogEntry, FollowedChannel, GatewayUrl, Invite, Pin, PinPage, PollVoters,
    SearchPage, ThreadList,
};
pub(crate) use plain::visible;
pub use program::{Integration, IntegrationAccount};
pub use raw::Json;
pub use rest::Rest;
pub use sale::{Entitlement, Sku, Subscription};
pub use scheduled_event::{
    NthWeekday, RecurrenceRule, ScheduledEvent, ScheduledEventException, ScheduledEventPlace,
    ScheduledEventUser, StageInstance,
};
pub use sound::{EmojiList, SoundList, SoundboardSound, StickerPack, StickerPackList};
pub use template::{GuildTemplate, TemplateChannel, TemplateGuild, TemplateRole, TemplateTag};
pub use text::{DateTime, Discriminator, ImageHash, Locale, Secret, Status};
pub use user::{Member, User};
pub use widget::{VanityUrl, Widget, WidgetChannel, WidgetMember, WidgetSettings};

#[cfg(test)]
mod tests;
