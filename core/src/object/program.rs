//! The programs that are in a guild.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crate::id::{ApplicationId, IntegrationId, RoleId};

use super::command::Application;
use super::kinds::IntegrationExpireBehavior;
use super::table::objects;
use super::text::DateTime;
use super::user::User;

objects! {
    /// A program in a guild, or an account elsewhere that gives roles there (discord-api-docs, Guild, Integration
    /// Object).
    Integration {
        /// Which integration. Almost always a number: see [`integration_id`](Integration::integration_id).
        id: must String;
        /// Its name.
        name: may String;
        /// `discord` for bots, otherwise `twitch`, `youtube` or `guild_subscription`.
        kind as "type": or String;
        /// Whether it is on.
        enabled: or bool;
        /// Whether it is being brought up to date; not of bots.
        syncing: may bool;
        /// The role of its subscribers; not of bots.
        role_id: may RoleId;
        /// Whether its emojis come along; Twitch only.
        enable_emoticons: may bool;
        /// What becomes of those whose subscription ends; not of bots.
        expire_behavior: may IntegrationExpireBehavior;
        /// After how many days; not of bots.
        expire_grace_period: may u32;
        /// Who added it.
        user: may Box<User>;
        /// The account.
        account: may IntegrationAccount;
        /// When it was last brought up to date; not of bots.
        synced_at: may DateTime;
        /// How many subscribers it has; not of bots.
        subscriber_count: may u64;
        /// Whether it was taken back; not of bots.
        revoked: may bool;
        /// The bot's application, with some of its fields.
        application: may Box<Application>;
        /// The same, by its id; in audit logs only.
        application_id: may ApplicationId;
        /// What it was allowed.
        scopes: or Vec<String>;
        [guild guild_id]
    }

    /// An integration's account (discord-api-docs, Guild, Integration Account Object).
    IntegrationAccount {
        /// Which account.
        id: must String;
        /// Its name.
        name: may String;
    }
}

impl Integration {
    /// Its id, to remove it by. `None` for the few whose id is a word.
    #[must_use]
    pub fn integration_id(&self) -> Option<IntegrationId> {
        self.id.parse().ok()
    }
}
