//! Open enums and flags of the objects that only requests bring, and of what messages show.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::open::{flags, number, open_enums};

open_enums! {
    /// Where an application is installed (discord-api-docs, Application, Application Integration Types).
    ApplicationIntegrationType {
        0 GUILD_INSTALL;
        1 USER_INSTALL;
    }

    /// What an entry of an audit log tells of (discord-api-docs, Audit Log, Audit Log Events).
    AuditLogEvent {
        1 GUILD_UPDATE;
        10 CHANNEL_CREATE;
        11 CHANNEL_UPDATE;
        12 CHANNEL_DELETE;
        13 CHANNEL_OVERWRITE_CREATE;
        14 CHANNEL_OVERWRITE_UPDATE;
        15 CHANNEL_OVERWRITE_DELETE;
        20 MEMBER_KICK;
        21 MEMBER_PRUNE;
        22 MEMBER_BAN_ADD;
        23 MEMBER_BAN_REMOVE;
        24 MEMBER_UPDATE;
        25 MEMBER_ROLE_UPDATE;
        26 MEMBER_MOVE;
        27 MEMBER_DISCONNECT;
        28 BOT_ADD;
        30 ROLE_CREATE;
        31 ROLE_UPDATE;
        32 ROLE_DELETE;
        40 INVITE_CREATE;
        41 INVITE_UPDATE;
        42 INVITE_DELETE;
        50 WEBHOOK_CREATE;
        51 WEBHOOK_UPDATE;
        52 WEBHOOK_DELETE;
        60 EMOJI_CREATE;
        61 EMOJI_UPDATE;
        62 EMOJI_DELETE;
        72 MESSAGE_DELETE;
        73 MESSAGE_BULK_DELETE;
        74 MESSAGE_PIN;
        75 MESSAGE_UNPIN;
        80 INTEGRATION_CREATE;
        81 INTEGRATION_UPDATE;
        82 INTEGRATION_DELETE;
        83 STAGE_INSTANCE_CREATE;
        84 STAGE_INSTANCE_UPDATE;
        85 STAGE_INSTANCE_DELETE;
        90 STICKER_CREATE;
        91 STICKER_UPDATE;
        92 STICKER_DELETE;
        100 GUILD_SCHEDULED_EVENT_CREATE;
        101 GUILD_SCHEDULED_EVENT_UPDATE;
        102 GUILD_SCHEDULED_EVENT_DELETE;
        110 THREAD_CREATE;
        111 THREAD_UPDATE;
        112 THREAD_DELETE;
        121 APPLICATION_COMMAND_PERMISSION_UPDATE;
        130 SOUNDBOARD_SOUND_CREATE;
        131 SOUNDBOARD_SOUND_UPDATE;
        132 SOUNDBOARD_SOUND_DELETE;
        140 AUTO_MODERATION_RULE_CREATE;
        141 AUTO_MODERATION_RULE_UPDATE;
        142 AUTO_MODERATION_RULE_DELETE;
        143 AUTO_MODERATION_BLOCK_MESSAGE;
        144 AUTO_MODERATION_FLAG_TO_CHANNEL;
        145 AUTO_MODERATION_USER_COMM_DISABLED;
        146 AUTO_MODERATION_QUARANTINE_USER;
        150 CREATOR_MONETIZATION_REQUEST_CREATED;
        151 CREATOR_MONETIZATION_TERMS_ACCEPTED;
        163 ONBOARDING_PROMPT_CREATE;
        164 ONBOARDING_PROMPT_UPDATE;
        165 ONBOARDING_PROMPT_DELETE;
        166 ONBOARDING_CREATE;
        167 ONBOARDING_UPDATE;
        171 GUILD_HOME_FEATURE_ITEM;
        172 GUILD_HOME_REMOVE_ITEM;
        180 HARMFUL_LINKS_BLOCKED_MESSAGE;
        190 HOME_SETTINGS_CREATE;
        191 HOME_SETTINGS_UPDATE;
        192 VOICE_CHANNEL_STATUS_CREATE;
        193 VOICE_CHANNEL_STATUS_DELETE;
        200 GUILD_SCHEDULED_EVENT_EXCEPTION_CREATE;
        201 GUILD_SCHEDULED_EVENT_EXCEPTION_UPDATE;
        202 GUILD_SCHEDULED_EVENT_EXCEPTION_DELETE;
        211 GUILD_PROFILE_UPDATE;
    }

    /// What a rule of automatic moderation does (discord-api-docs, Auto Moderation, Action Types).
    AutoModerationActionType {
        1 BLOCK_MESSAGE;
        2 SEND_ALERT_MESSAGE;
        3 TIMEOUT;
        4 BLOCK_MEMBER_INTERACTION;
    }

    /// What a rule of automatic moderation looks at (discord-api-docs, Auto Moderation, Event Types).
    AutoModerationEventType {
        1 MESSAGE_SEND;
        2 MEMBER_UPDATE;
    }

    /// What sets off a rule of automatic moderation (discord-api-docs, Auto Moderation, Trigger Types).
    AutoModerationTriggerType {
        1 KEYWORD;
        3 SPAM;
        4 KEYWORD_PRESET;
        5 MENTION_SPAM;
        6 MEMBER_PROFILE;
    }

    /// How a button looks and what it does (discord-api-docs, Component Reference, Button Styles).
    ButtonStyle {
        1 PRIMARY;
        2 SECONDARY;
        3 SUCCESS;
        4 DANGER;
        5 LINK;
        6 PREMIUM;
    }

    /// How an interaction is answered (discord-api-docs, Receiving and Responding, Interaction Callback
    /// Type).
    CallbackType {
        1 PONG;
        4 CHANNEL_MESSAGE_WITH_SOURCE;
        5 DEFERRED_CHANNEL_MESSAGE_WITH_SOURCE;
        6 DEFERRED_UPDATE_MESSAGE;
        7 UPDATE_MESSAGE;
        8 APPLICATION_COMMAND_AUTOCOMPLETE_RESULT;
        9 MODAL;
        12 LAUNCH_ACTIVITY;
        13 SOCIAL_LAYER_SKU_PURCHASE_ELIGIBILITY;
    }

    /// Of which type an option of a command is (discord-api-docs, Application Commands, Application Command
    /// Option Type).
    CommandOptionType {
        1 SUB_COMMAND;
        2 SUB_COMMAND_GROUP;
        3 STRING;
        4 INTEGER;
        5 BOOLEAN;
        6 USER;
        7 CHANNEL;
        8 ROLE;
        9 MENTIONABLE;
        10 NUMBER;
        11 ATTACHMENT;
    }

    /// For whom a permission of a command is (discord-api-docs, Application Commands, Application Command
    /// Permission Type).
    CommandPermissionType {
        1 ROLE;
        2 USER;
        3 CHANNEL;
    }

    /// Where a command is found (discord-api-docs, Application Commands, Application Command Types).
    CommandType {
        1 CHAT_INPUT;
        2 USER;
        3 MESSAGE;
        4 PRIMARY_ENTRY_POINT;
    }

    /// What kind of component it is (discord-api-docs, Component Reference, Component Types).
    ComponentType {
        1 ACTION_ROW;
        2 BUTTON;
        3 STRING_SELECT;
        4 TEXT_INPUT;
        5 USER_SELECT;
        6 ROLE_SELECT;
        7 MENTIONABLE_SELECT;
        8 CHANNEL_SELECT;
        9 SECTION;
        10 TEXT_DISPLAY;
        11 THUMBNAIL;
        12 MEDIA_GALLERY;
        13 FILE;
        14 SEPARATOR;
        17 CONTAINER;
        18 LABEL;
        19 FILE_UPLOAD;
        21 RADIO_GROUP;
        22 CHECKBOX_GROUP;
        23 CHECKBOX;
    }

    /// Who sees an account elsewhere (discord-api-docs, User, Visibility Types).
    ConnectionVisibility {
        0 NONE;
        1 EVERYONE;
    }

    /// How somebody came to something that is sold (discord-api-docs, Entitlement, Entitlement Types; the last by
    /// Discord's OpenAPI description).
    EntitlementType {
        1 PURCHASE;
        2 PREMIUM_SUBSCRIPTION;
        3 DEVELOPER_GIFT;
        4 TEST_MODE_PURCHASE;
        5 FREE_PURCHASE;
        6 USER_GIFT;
        7 PREMIUM_PURCHASE;
        8 APPLICATION_SUBSCRIPTION;
        10 QUEST_REWARD;
    }

    /// How a forum shows its threads (discord-api-docs, Channel, Forum Layout Types).
    ForumLayout {
        0 NOT_SET;
        1 LIST_VIEW;
        2 GALLERY_VIEW;
    }

    /// What becomes of those whose subscription ends (discord-api-docs, Guild, Integration Expire Behaviors).
    IntegrationExpireBehavior {
        0 REMOVE_ROLE;
        1 KICK;
    }

    /// Where a command can be used (discord-api-docs, Application Commands, Interaction Context Types).
    InteractionContextType {
        0 GUILD;
        1 BOT_DM;
        2 PRIVATE_CHANNEL;
    }

    /// What an invite of a voice channel leads to (discord-api-docs, Invite, Invite Target Types).
    InviteTargetType {
        1 STREAM;
        2 EMBEDDED_APPLICATION;
        3 ROLE_SUBSCRIPTIONS_PURCHASE;
    }

    /// What an invite is to (discord-api-docs, Invite, Invite Types).
    InviteType {
        0 GUILD;
        1 GROUP_DM;
        2 FRIEND;
    }

    /// A list of words of Discord's own (discord-api-docs, Auto Moderation, Keyword Preset Types).
    KeywordPreset {
        1 PROFANITY;
        2 SEXUAL_CONTENT;
        3 SLURS;
    }

    /// What counts in an onboarding (discord-api-docs, Guild, Onboarding Mode).
    OnboardingMode {
        0 ONBOARDING_DEFAULT;
        1 ONBOARDING_ADVANCED;
    }

    /// How a question of an onboarding looks (discord-api-docs, Guild, Prompt Types).
    OnboardingPromptType {
        0 MULTIPLE_CHOICE;
        1 DROPDOWN;
    }

    /// How a poll looks (discord-api-docs, Poll, Layout Type).
    PollLayout {
        1 DEFAULT;
    }

    /// How often an event comes again (discord-api-docs, Guild Scheduled Event, Recurrence Rule Frequency).
    RecurrenceFrequency {
        0 YEARLY;
        1 MONTHLY;
        2 WEEKLY;
        3 DAILY;
    }

    /// What is asked of a value for a linked role (discord-api-docs, Application Role Connection Metadata,
    /// Application Role Connection Metadata Type).
    RoleConnectionMetadataType {
        1 INTEGER_LESS_THAN_OR_EQUAL;
        2 INTEGER_GREATER_THAN_OR_EQUAL;
        3 INTEGER_EQUAL;
        4 INTEGER_NOT_EQUAL;
        5 DATETIME_LESS_THAN_OR_EQUAL;
        6 DATETIME_GREATER_THAN_OR_EQUAL;
        7 BOOLEAN_EQUAL;
        8 BOOLEAN_NOT_EQUAL;
    }

    /// Where a scheduled event is (discord-api-docs, Guild Scheduled Event, Guild Scheduled Event Entity Types).
    ScheduledEventEntityType {
        1 STAGE_INSTANCE;
        2 VOICE;
        3 EXTERNAL;
    }

    /// Who may see a scheduled event (discord-api-docs, Guild Scheduled Event, Guild Scheduled Event Privacy
    /// Level).
    ScheduledEventPrivacyLevel {
        2 GUILD_ONLY;
    }

    /// How far a scheduled event is (discord-api-docs, Guild Scheduled Event, Guild Scheduled Event Status).
    ScheduledEventStatus {
        1 SCHEDULED;
        2 ACTIVE;
        3 COMPLETED;
        4 CANCELED;
    }

    /// What kind of thing is sold (discord-api-docs, SKU, SKU Types).
    SkuType {
        2 DURABLE;
        3 CONSUMABLE;
        5 SUBSCRIPTION;
        6 SUBSCRIPTION_GROUP;
    }

    /// How a forum orders its threads (discord-api-docs, Channel, Sort Order Types).
    SortOrder {
        0 LATEST_ACTIVITY;
        1 CREATION_DATE;
    }

    /// Who may hear a stage (discord-api-docs, Stage Instance, Privacy Level).
    StagePrivacyLevel {
        1 PUBLIC;
        2 GUILD_ONLY;
    }

    /// Of which format a sticker is (discord-api-docs, Sticker, Sticker Format Types).
    StickerFormat {
        1 PNG;
        2 APNG;
        3 LOTTIE;
        4 GIF;
    }

    /// Whose sticker it is (discord-api-docs, Sticker, Sticker Types).
    StickerType {
        1 STANDARD;
        2 GUILD;
    }

    /// Whether a subscription goes on (discord-api-docs, Subscription, Subscription Statuses).
    SubscriptionStatus {
        0 ACTIVE;
        1 INACTIVE;
        2 ENDING;
    }

    /// How far Discord is with the users whom an invite is for (discord-api-docs, Invite, Target Users Job Status).
    TargetUsersStatus {
        0 UNSPECIFIED;
        1 PROCESSING;
        2 COMPLETED;
        3 FAILED;
    }

    /// Whether somebody is in a team (discord-api-docs, Teams, Membership State Enum).
    TeamMembershipState {
        1 INVITED;
        2 ACCEPTED;
    }

    /// A day of the week, in rules of events that come again (discord-api-docs, Guild Scheduled Event, Recurrence
    /// Rule Weekday).
    Weekday {
        0 MONDAY;
        1 TUESDAY;
        2 WEDNESDAY;
        3 THURSDAY;
        4 FRIDAY;
        5 SATURDAY;
        6 SUNDAY;
    }
}

flags! {
    /// What an application may and has (discord-api-docs, Application, Application Flags).
    ApplicationFlags number {
        6 APPLICATION_AUTO_MODERATION_RULE_CREATE_BADGE;
        12 GATEWAY_PRESENCE;
        13 GATEWAY_PRESENCE_LIMITED;
        14 GATEWAY_GUILD_MEMBERS;
        15 GATEWAY_GUILD_MEMBERS_LIMITED;
        16 VERIFICATION_PENDING_GUILD_LIMIT;
        17 EMBEDDED;
        18 GATEWAY_MESSAGE_CONTENT;
        19 GATEWAY_MESSAGE_CONTENT_LIMITED;
        23 APPLICATION_COMMAND_BADGE;
    }

    /// What is with something that is sold (discord-api-docs, SKU, SKU Flags).
    SkuFlags number {
        2 AVAILABLE;
        7 GUILD_SUBSCRIPTION;
        8 USER_SUBSCRIPTION;
    }
}
