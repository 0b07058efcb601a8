//! Discord's codes for what went wrong.

use core::fmt;

macro_rules! codes {
    ($($number:literal $name:ident $($advice:literal)?;)*) => {
        #[expect(missing_docs, reason = "named after Discord's documentation")]
        impl Code {
            $(pub const $name: Self = Self($number);)*
        }

        impl Code {
            /// All that are named here.
            pub const KNOWN: &[Self] = &[$(Self::$name),*];

            /// Its name, if it has one here.
            #[must_use]
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some(stringify!($name)),)*
                    _ => None,
                }
            }

            /// What to do about it, where there is something to say.
            #[must_use]
            pub const fn advice(self) -> Option<&'static str> {
                match self.0 {
                    $($($number => Some($advice),)?)*
                    _ => None,
                }
            }
        }
    };
}

/// What went wrong, as a number of Discord's (discord-api-docs, Opcodes and Status Codes, JSON Error Codes). Others
/// than those that are named here are kept.
#[derive(Clone, Copy, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Code(pub u64);

codes! {
    0 GENERAL;
    10001 UNKNOWN_ACCOUNT;
    10002 UNKNOWN_APPLICATION;
    10003 UNKNOWN_CHANNEL "the channel is deleted, its id is wrong, or the bot is not in its guild";
    10004 UNKNOWN_GUILD "the guild's id is wrong, or the bot is not in it";
    10005 UNKNOWN_INTEGRATION;
    10006 UNKNOWN_INVITE "the invite has ended or was deleted";
    10007 UNKNOWN_MEMBER "the user is not in the guild";
    10008 UNKNOWN_MESSAGE "the message is deleted, or is in another channel";
    10009 UNKNOWN_OVERWRITE;
    10011 UNKNOWN_ROLE "the role is deleted, or is of another guild";
    10012 UNKNOWN_TOKEN;
    10013 UNKNOWN_USER "the user's id is wrong";
    10014 UNKNOWN_EMOJI "give the emoji itself, or `name:id` of a custom one that the bot can use";
    10015 UNKNOWN_WEBHOOK "the webhook is deleted: make a new one, and do not call this one again";
    10026 UNKNOWN_BAN "the user is not banned";
    10060 UNKNOWN_STICKER;
    10062 UNKNOWN_INTERACTION "answer within 3 seconds, and only once: defer the answer if it takes longer";
    10063 UNKNOWN_COMMAND;
    10066 UNKNOWN_COMMAND_PERMISSIONS;
    10067 UNKNOWN_STAGE_INSTANCE;
    10070 UNKNOWN_SCHEDULED_EVENT;
    20001 BOTS_CANNOT_USE_THIS "ask as a user: `as_user`";
    20002 ONLY_BOTS_CAN_USE_THIS "ask as the bot";
    20012 NOT_AUTHORIZED_FOR_APPLICATION;
    20016 SLOWMODE "the channel has a slow mode: wait before the next message";
    20018 ONLY_THE_OWNER_MAY;
    20022 ANNOUNCEMENT_EDIT_LIMIT;
    20028 CHANNEL_WRITE_LIMIT "too many writes to this channel: write less often";
    20029 GUILD_WRITE_LIMIT "too many writes to this guild: write less often";
    30001 MAXIMUM_GUILDS;
    30003 MAXIMUM_PINS "a channel takes 250 pins: unpin one first";
    30005 MAXIMUM_ROLES "a guild takes 250 roles: delete one first";
    30007 MAXIMUM_WEBHOOKS "a channel takes 15 webhooks: delete or use one of them";
    30008 MAXIMUM_EMOJIS;
    30010 MAXIMUM_REACTIONS "a message takes 20 different emojis: remove one first";
    30013 MAXIMUM_CHANNELS "a guild takes 500 channels: delete one first";
    30015 MAXIMUM_ATTACHMENTS "a message takes 10 files: send several messages";
    30016 MAXIMUM_INVITES;
    30032 MAXIMUM_COMMANDS;
    30034 DAILY_COMMAND_LIMIT "200 commands can be made in a day: set all of them in one request";
    30046 MAXIMUM_EDITS_OF_OLD_MESSAGES;
    40001 UNAUTHORIZED "the token is not good for this";
    40002 ACCOUNT_NEEDS_VERIFICATION;
    40003 OPENING_DIRECT_MESSAGES_TOO_FAST "wait before the next direct channel is opened";
    40005 REQUEST_TOO_LARGE "the files are too large for this channel: send smaller or fewer ones";
    40007 USER_IS_BANNED;
    40032 TARGET_NOT_IN_VOICE "the user is in no voice channel";
    40033 ALREADY_CROSSPOSTED "the message was published before";
    40060 ALREADY_ACKNOWLEDGED "the interaction was answered before: edit the answer, or send a followup";
    40062 RESOURCE_LIMITED "wait as long as the answer says";
    40333 BLOCKED_BY_CLOUDFLARE "the `User-Agent` is missing or wrong, or a proxy changes it";
    50001 MISSING_ACCESS "the bot cannot see the channel or guild: invite it, or give it the permission VIEW_CHANNEL";
    50002 INVALID_ACCOUNT_TYPE;
    50003 NOT_IN_DIRECT_MESSAGES "this cannot be done in a direct channel";
    50004 WIDGET_DISABLED;
    50005 NOT_THE_AUTHOR "only the author can edit a message";
    50006 EMPTY_MESSAGE "give the message a text, an embed, a sticker, a component, a poll or a file";
    50007 CANNOT_MESSAGE_THIS_USER "the user takes no direct messages from the bot, or shares no guild with it";
    50008 NOT_A_TEXT_CHANNEL "messages cannot be sent to a channel of this kind";
    50009 VERIFICATION_LEVEL_TOO_HIGH;
    50013 MISSING_PERMISSIONS "give the bot's role the permission that this needs, and put it above those it acts on";
    50014 INVALID_TOKEN "the token is wrong or was reset";
    50016 BULK_DELETE_COUNT "give 2 to 100 messages";
    50019 PIN_OF_ANOTHER_CHANNEL "a message can be pinned in its own channel only";
    50021 NOT_ON_SYSTEM_MESSAGE "this cannot be done to a message of Discord's own";
    50024 NOT_ON_THIS_CHANNEL_TYPE "this cannot be done to a channel of this kind";
    50027 INVALID_WEBHOOK_TOKEN "the webhook's or interaction's token is wrong, or its 15 minutes are over";
    50033 INVALID_RECIPIENT;
    50034 BULK_DELETE_TOO_OLD "delete messages older than 14 days one by one";
    50035 INVALID_FORM "correct the fields that are named";
    50036 INVITE_NOT_ACCEPTED;
    50041 INVALID_API_VERSION;
    50045 FILE_TOO_LARGE "the file is larger than the guild allows: send a smaller one";
    50046 INVALID_FILE;
    50055 INVALID_GUILD;
    50074 CHANNEL_REQUIRED_FOR_COMMUNITY "a community needs this channel: set another one first";
    50083 THREAD_ARCHIVED "the thread is archived: bring it back first, with `archived` set to false";
    50084 INVALID_NOTIFICATION_SETTINGS;
    50101 GUILD_HAS_TOO_FEW_BOOSTS;
    50109 INVALID_JSON "the body is not the JSON that is documented";
    50278 NO_MUTUAL_GUILDS "the bot shares no guild with the user";
    50600 NO_PERMISSION_FOR_STICKER;
    60003 TWO_FACTOR_REQUIRED "the bot's owner has to turn on two-factor authentication";
    90001 REACTION_BLOCKED "the author of the message has blocked the bot";
    110000 INDEX_NOT_READY "the search's index is being made: ask again after the time that the answer says";
    130000 OVERLOADED "Discord is overloaded: try again later";
    160002 CANNOT_REPLY_WITHOUT_HISTORY "to reply, the bot needs the permission READ_MESSAGE_HISTORY";
    160004 THREAD_EXISTS "the message has a thread: use that one, which has the message's id";
    160005 THREAD_LOCKED "the thread is locked: only moderators can bring it back";
    160006 MAXIMUM_THREADS "archive a thread first";
    160014 CANNOT_FORWARD_UNREADABLE "to forward a message, the bot must be able to read it";
    200000 BLOCKED_BY_AUTO_MODERATION "a rule of the guild's automatic moderation blocks the message";
    200001 TITLE_BLOCKED_BY_AUTO_MODERATION "a rule of the guild's automatic moderation blocks the title";
    220001 FORUM_WEBHOOK_NEEDS_THREAD "to a forum, give `thread_name` or `thread_id`";
    220002 FORUM_WEBHOOK_HAS_BOTH "to a forum, give `thread_name` or `thread_id`, not both";
    220003 WEBHOOK_THREAD_ONLY_IN_FORUM "only in a forum can a webhook make a thread: leave `thread_name` out";
    220004 WEBHOOK_SERVICE_NOT_IN_FORUM;
}

/// The name and the number, or the number alone.
impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{} {name}", self.0),
            None => self.0.fmt(f),
        }
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Code({self})")
    }
}
