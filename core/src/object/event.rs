//! The payloads of dispatches, by name.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use serde::{Serialize, Serializer};

use crate::envelope::{self, DecodeError};
use crate::id::{ChannelId, GuildId, MessageId, RoleId, UserId};

use super::channel::Channel;
use super::emoji::Emoji;
use super::entry::Object;
use super::guild::{Guild, Presence, Role, VoiceState};
use super::integration::Interaction;
use super::message::Message;
use super::open::ReactionType;
use super::table::{Preview, objects};
use super::user::{Member, User};

objects! {
    /// Which message was deleted.
    MessageDelete {
        /// Which message.
        id: must MessageId;
        /// Where it was.
        channel_id: must ChannelId;
        /// Where that is.
        guild_id: may GuildId;
    }

    /// Which messages were deleted at once.
    MessageDeleteBulk {
        /// Which messages.
        ids: must Vec<MessageId>;
        /// Where they were.
        channel_id: must ChannelId;
        /// Where that is.
        guild_id: may GuildId;
    }

    /// A reaction to a message that was added or removed, or all of an emoji, or all.
    MessageReaction {
        /// Who reacted; not there if all were removed.
        user_id: may UserId;
        /// To which message.
        message_id: must MessageId;
        /// Where that is.
        channel_id: must ChannelId;
        /// Where that is.
        guild_id: may GuildId;
        /// Who reacted, in a guild; if it was added.
        member: may Box<Member>;
        /// Who wrote the message; if it was added.
        message_author_id: may UserId;
        /// With what; not there if all were removed.
        emoji: may Emoji;
        /// Whether it was bought.
        burst: or bool;
        /// Whether it was bought.
        kind as "type": or ReactionType;
        [burst_colors]
    }

    /// A user and a guild: one who left, was banned, or may come again.
    GuildUser {
        /// Which guild.
        guild_id: must GuildId;
        /// Who.
        user: must User;
    }

    /// A role that is new or has changed.
    GuildRole {
        /// Which guild.
        guild_id: must GuildId;
        /// The role.
        role: must Role;
    }

    /// A role that is gone.
    GuildRoleDelete {
        /// Which guild.
        guild_id: must GuildId;
        /// Which role.
        role_id: must RoleId;
    }

    /// A user began to type.
    TypingStart {
        /// Where.
        channel_id: must ChannelId;
        /// Where that is.
        guild_id: may GuildId;
        /// Who.
        user_id: must UserId;
        /// When, in seconds since 1970-01-01 UTC.
        timestamp: or u64;
        /// Who, in a guild.
        member: may Box<Member>;
    }
}

macro_rules! typed {
    ($($name:literal $variant:ident $type:ty, $doc:literal;)*) => {
        /// The payload of a dispatch, by the dispatch's name.
        ///
        /// Whatever is not in the list is [`Other`](Self::Other), and can be asked for its fields all the same.
        /// Serialized, it is the payload alone.
        #[derive(Clone, Eq, PartialEq)]
        #[non_exhaustive]
        pub enum Typed {
            $(
                #[doc = concat!("`", $name, "`: ", $doc)]
                $variant($type),
            )*
            /// Any other dispatch whose payload is an object.
            Other(Object),
        }

        impl Typed {
            /// Parses the payload of the dispatch of this name.
            ///
            /// # Errors
            /// If the payload is no object, or a field that its type knows is not what that type says. The same
            /// payload can still be parsed as an [`Object`].
            pub fn parse(name: &str, data: &[u8]) -> Result<Self, DecodeError> {
                match name {
                    $($name => envelope::parse(data, $name).map(Self::$variant),)*
                    _ => envelope::parse(data, "event").map(Self::Other),
                }
            }

            /// The names for which there is a type.
            pub const NAMES: &[&str] = &[$($name),*];
        }

        impl Serialize for Typed {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    $(Self::$variant(payload) => payload.serialize(serializer),)*
                    Self::Other(payload) => payload.serialize(serializer),
                }
            }
        }

        impl fmt::Debug for Typed {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$variant(payload) => write!(f, "{}({payload:?})", stringify!($variant)),)*
                    Self::Other(payload) => write!(f, "Other({payload:?})"),
                }
            }
        }
    };
}

typed! {
    "CHANNEL_CREATE" ChannelCreate Box<Channel>, "a channel was made.";
    "CHANNEL_DELETE" ChannelDelete Box<Channel>, "a channel is gone.";
    "CHANNEL_UPDATE" ChannelUpdate Box<Channel>, "a channel was changed.";
    "GUILD_BAN_ADD" BanAdd Box<GuildUser>, "a user was banned.";
    "GUILD_BAN_REMOVE" BanRemove Box<GuildUser>, "a ban was lifted.";
    "GUILD_CREATE" GuildCreate Box<Guild>, "we joined a guild, or it is available (again).";
    "GUILD_DELETE" GuildDelete Box<Guild>, "we left a guild, or it is unavailable.";
    "GUILD_MEMBER_ADD" MemberAdd Box<Member>, "a user joined.";
    "GUILD_MEMBER_REMOVE" MemberRemove Box<GuildUser>, "a user left.";
    "GUILD_MEMBER_UPDATE" MemberUpdate Box<Member>, "a member was changed.";
    "GUILD_ROLE_CREATE" RoleCreate Box<GuildRole>, "a role was made.";
    "GUILD_ROLE_DELETE" RoleDelete GuildRoleDelete, "a role is gone.";
    "GUILD_ROLE_UPDATE" RoleUpdate Box<GuildRole>, "a role was changed.";
    "GUILD_UPDATE" GuildUpdate Box<Guild>, "a guild was changed.";
    "INTERACTION_CREATE" InteractionCreate Box<Interaction>, "a user used an application.";
    "MESSAGE_CREATE" MessageCreate Box<Message>, "a message was sent.";
    "MESSAGE_DELETE" MessageDelete MessageDelete, "a message is gone.";
    "MESSAGE_DELETE_BULK" MessageDeleteBulk MessageDeleteBulk, "several messages are gone.";
    "MESSAGE_REACTION_ADD" ReactionAdd Box<MessageReaction>, "somebody reacted.";
    "MESSAGE_REACTION_REMOVE" ReactionRemove Box<MessageReaction>, "a reaction is gone.";
    "MESSAGE_REACTION_REMOVE_ALL" ReactionRemoveAll Box<MessageReaction>, "all of a message's reactions are gone.";
    "MESSAGE_REACTION_REMOVE_EMOJI" ReactionRemoveEmoji Box<MessageReaction>,
        "all of an emoji's reactions to a message are gone.";
    "MESSAGE_UPDATE" MessageUpdate Box<Message>,
        "a message was changed. Fields may be left out: [`Message::has`] tells which came.";
    "PRESENCE_UPDATE" PresenceUpdate Box<Presence>, "a user came, went, or does something else.";
    "THREAD_CREATE" ThreadCreate Box<Channel>, "a thread was made, or we were added to it.";
    "THREAD_DELETE" ThreadDelete Box<Channel>, "a thread is gone: id, guild, parent and kind are left.";
    "THREAD_UPDATE" ThreadUpdate Box<Channel>, "a thread was changed.";
    "TYPING_START" TypingStart Box<TypingStart>, "a user began to type.";
    "USER_UPDATE" UserUpdate Box<User>, "our own user was changed.";
    "VOICE_STATE_UPDATE" VoiceStateUpdate Box<VoiceState>, "a user joined, left or moved between voice channels.";
}

impl fmt::Debug for MessageDelete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageDelete({} in {})", self.id, self.channel_id)
    }
}

impl fmt::Debug for MessageDeleteBulk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageDeleteBulk({} in {})", self.ids.len(), self.channel_id)
    }
}

impl fmt::Debug for MessageReaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageReaction({}", self.message_id)?;
        if let Some(user) = self.user_id {
            write!(f, " by {user}")?;
        }
        if let Some(emoji) = &self.emoji {
            write!(f, ": {:?}", Preview(emoji.name.as_deref().unwrap_or_default()))?;
        }
        f.write_str(")")
    }
}

impl fmt::Debug for GuildUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GuildUser({:?} of {})", self.user, self.guild_id)
    }
}

impl fmt::Debug for GuildRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GuildRole({:?} of {})", self.role, self.guild_id)
    }
}

impl fmt::Debug for GuildRoleDelete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GuildRoleDelete({} of {})", self.role_id, self.guild_id)
    }
}

impl fmt::Debug for TypingStart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TypingStart({} in {})", self.user_id, self.channel_id)
    }
}
