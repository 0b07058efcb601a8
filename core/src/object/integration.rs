//! Webhooks and interactions: how programs take part.

use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

use crate::id::{ApplicationId, ChannelId, GuildId, InteractionId, WebhookId};

use super::channel::Channel;
use super::message::Message;
use super::open::{InteractionType, Permissions, WebhookType};
use super::raw::Json;
use super::table::{Preview, objects};
use super::text::{ImageHash, Locale, Secret};
use super::user::{Member, User};

objects! {
    /// A webhook (discord-api-docs, Webhook).
    Webhook {
        /// Which webhook.
        id: must WebhookId;
        /// What kind of webhook.
        kind as "type": or WebhookType;
        /// Its guild.
        guild_id: may GuildId;
        /// Where its messages go.
        channel_id: may ChannelId;
        /// Who made it.
        user: may User;
        /// The name that its messages have.
        name: may String;
        /// The picture that its messages have.
        avatar: may ImageHash;
        /// What a request has to know to send as this webhook.
        token: may Secret;
        /// The application that made it.
        application_id: may ApplicationId;
        /// Where to send to; the token is part of it.
        url: may Secret;
        [source_channel source_guild]
    }

    /// What a user did with an application (discord-api-docs, Receiving and Responding, Interaction Object).
    Interaction {
        /// Which interaction.
        id: must InteractionId;
        /// With which application.
        application_id: must ApplicationId;
        /// What kind of interaction.
        kind as "type": must InteractionType;
        /// The command, the component or the form; its shape depends on the kind.
        data: may Json;
        /// In which guild.
        guild_id: may GuildId;
        /// In which channel.
        channel_id: may ChannelId;
        /// The channel, with some of its fields.
        channel: may Box<Channel>;
        /// Who, in a guild.
        member: may Box<Member>;
        /// Who, outside of guilds.
        user: may Box<User>;
        /// What answers have to know, for 15 minutes.
        token: must Secret;
        /// The message whose component was used.
        message: may Box<Message>;
        /// What the application may do where it happened.
        app_permissions: may Permissions;
        /// The user's language.
        locale: may Locale;
        /// The guild's language.
        guild_locale: may Locale;
        /// Always 1.
        version: may u32;
        [attachment_size_limit authorizing_integration_owners command_location_context context
            entitlement_sku_ids entitlements guild]
    }
}

impl Interaction {
    /// Who did it, in a guild or outside.
    #[must_use]
    pub fn author(&self) -> Option<&User> {
        self.user.as_deref().or_else(|| self.member.as_ref()?.user.as_ref())
    }
}

/// Leaves token and URL out.
impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Webhook({} {:?})", self.id, Preview(self.name.as_deref().unwrap_or_default()))
    }
}

/// Leaves the token out.
impl fmt::Debug for Interaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Interaction({} {}", self.id, self.kind)?;
        match self.author() {
            Some(user) => write!(f, " by {:?})", Preview(&user.username)),
            None => f.write_str(")"),
        }
    }
}
