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

    /// How a forum shows its threads (discord-api-docs, Channel, Forum Layout Types).
    ForumLayout {
        0 NOT_SET;
        1 LIST_VIEW;
        2 GALLERY_VIEW;
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

    /// How a poll looks (discord-api-docs, Poll, Layout Type).
    PollLayout {
        1 DEFAULT;
    }

    /// How a forum orders its threads (discord-api-docs, Channel, Sort Order Types).
    SortOrder {
        0 LATEST_ACTIVITY;
        1 CREATION_DATE;
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
}
