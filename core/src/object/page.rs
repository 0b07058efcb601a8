//! What requests answer with: parts of long lists, and the log of a guild.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use crate::id::{AuditLogEntryId, ChannelId, GuildId, Snowflake, UserId, WebhookId};

use super::channel::{Channel, ThreadMember};
use super::command::{Application, ApplicationCommand};
use super::entry::Object;
use super::guild::Guild;
use super::integration::Webhook;
use super::kinds::{AuditLogEvent, InviteTargetType, InviteType};
use super::message::Message;
use super::moderation::AutoModerationRule;
use super::program::Integration;
use super::raw::Json;
use super::scheduled_event::ScheduledEvent;
use super::table::objects;
use super::text::DateTime;
use super::user::User;

objects! {
    /// Threads, and of which of them we are a member (discord-api-docs, Channel, List Public Archived Threads).
    ThreadList {
        /// The threads.
        threads: or Vec<Channel>;
        /// Our membership in those that we joined.
        members: or Vec<ThreadMember>;
        /// Whether there are more; not there in lists of active threads, which are whole.
        has_more: or bool;
        [first_messages total_results]
    }

    /// Pinned messages, the latest pinned first (discord-api-docs, Message, Get Channel Pins).
    PinPage {
        /// The messages.
        items: or Vec<Pin>;
        /// Whether there are more.
        has_more: or bool;
    }

    /// A pinned message (discord-api-docs, Message, Message Pin Object).
    Pin {
        /// When it was pinned.
        pinned_at: may DateTime;
        /// The message.
        message: must Message;
    }

    /// What a search found (discord-api-docs, Message, Search Guild Messages).
    SearchPage {
        /// Whether Discord still reads old messages, so that there may be more later.
        doing_deep_historical_index: or bool;
        /// How many messages it has read of that.
        documents_indexed: may u64;
        /// How many messages there are, here and on other pages.
        total_results: or u64;
        /// The messages, each in a list of its own: see [`found`](SearchPage::found).
        messages: or Vec<Vec<Message>>;
        /// The threads that they are in.
        threads: or Vec<Channel>;
        /// Our membership in those that we joined.
        members: or Vec<ThreadMember>;
        [analytics_id channels]
    }

    /// That a channel follows another now (discord-api-docs, Channel, Followed Channel Object).
    FollowedChannel {
        /// The channel that is followed.
        channel_id: must ChannelId;
        /// The webhook that brings its messages.
        webhook_id: must WebhookId;
    }

    /// What an invite leads to (discord-api-docs, Invite, Invite Object).
    Invite {
        /// What it is to.
        kind as "type": or InviteType;
        /// What stands behind `https://discord.gg/`.
        code: or String;
        /// The guild, with some of its fields.
        guild: may Guild;
        /// The guild's id.
        guild_id: may GuildId;
        /// The channel, with some of its fields.
        channel: may Channel;
        /// Who made it.
        inviter: may User;
        /// What it leads to in a voice channel.
        target_type: may InviteTargetType;
        /// Whose stream it leads to.
        target_user: may User;
        /// The activity that it leads to.
        target_application: may Application;
        /// About how many of the members are online.
        approximate_presence_count: may u64;
        /// About how many members there are.
        approximate_member_count: may u64;
        /// When it ends; some never do.
        expires_at: may DateTime;
        /// How often it was used.
        uses: may u64;
        /// How often it can be used; 0 for any number of times.
        max_uses: may u64;
        /// Seconds after which it ends; 0 for never.
        max_age: may u64;
        /// Whether those who come by it leave when they go offline, unless they get a role.
        temporary: may bool;
        /// When it was made.
        created_at: may DateTime;
        [flags friends_count guild_scheduled_event is_contact is_nickname_changeable liveliness
            new_member profile roles stage_instance target_channel_id target_message_id]
    }

    /// What was done in a guild, and things that the entries name (discord-api-docs, Audit Log, Audit Log Object).
    AuditLog {
        /// What was done, the newest first.
        audit_log_entries: or Vec<AuditLogEntry>;
        /// Users.
        users: or Vec<User>;
        /// Threads.
        threads: or Vec<Channel>;
        /// Webhooks.
        webhooks: or Vec<Webhook>;
        /// Commands.
        application_commands: or Vec<ApplicationCommand>;
        /// Scheduled events.
        guild_scheduled_events: or Vec<ScheduledEvent>;
        /// Integrations, with some of their fields.
        integrations: or Vec<Integration>;
        /// Rules by which messages are looked through.
        auto_moderation_rules: or Vec<AutoModerationRule>;
    }

    /// Something that was done in a guild (discord-api-docs, Audit Log, Audit Log Entry Object).
    AuditLogEntry {
        /// Which entry.
        id: must AuditLogEntryId;
        /// What was done.
        action_type: or AuditLogEvent;
        /// Who did it.
        user_id: may UserId;
        /// To what: of which kind depends on what was done.
        target_id: may Snowflake;
        /// What is now different.
        changes: or Vec<AuditLogChange>;
        /// Why, in the words of who did it; at most 512 characters.
        reason: may String;
        /// In which guild; in events only.
        guild_id: may GuildId;
        /// More of what was done.
        options: may Object;
    }

    /// What is different in something (discord-api-docs, Audit Log, Audit Log Change Object).
    AuditLogChange {
        /// The name of the field; `$add` and `$remove` for roles.
        key: may String;
        /// What it is now; not there if it was taken away.
        new_value: may Json;
        /// What it was; not there if it is new.
        old_value: may Json;
    }

    /// Who gave an answer to a poll (discord-api-docs, Poll, Get Answer Voters).
    PollVoters {
        /// The users.
        users: or Vec<User>;
    }

    /// Where the gateway is (discord-api-docs, Gateway, Get Gateway).
    GatewayUrl {
        /// Its URL.
        url: must String;
    }
}

impl ThreadList {
    /// The threads of this channel.
    pub fn of(&self, channel: impl Into<ChannelId>) -> impl Iterator<Item = &Channel> {
        let channel = channel.into();
        self.threads.iter().filter(move |thread| thread.parent_id == Some(channel))
    }
}

/// Where in a group of messages the hit is.
fn hit(group: &[Message]) -> usize {
    group.iter().position(|message| matches!(message.rest.get("hit"), Ok(Some(true)))).unwrap_or(0)
}

impl SearchPage {
    /// The messages that were found, the best first, without those around them: of each group the one that Discord
    /// marks as the hit, else its first.
    pub fn found(&self) -> impl Iterator<Item = &Message> {
        self.messages.iter().filter_map(|group| group.get(hit(group)))
    }

    /// The same, taken out.
    pub fn into_found(self) -> impl Iterator<Item = Message> {
        self.messages.into_iter().filter_map(|group| {
            let at = hit(&group);
            group.into_iter().nth(at)
        })
    }

    /// Without what was found in other channels, as a search of a channel finds it in its threads. What is left
    /// may be less than was asked for.
    #[must_use]
    pub fn in_channels(mut self, channels: impl IntoIterator<Item = impl Into<ChannelId>>) -> Self {
        let channels: BTreeSet<ChannelId> = channels.into_iter().map(Into::into).collect();
        self.messages.retain(|group| {
            group.get(hit(group)).is_some_and(|message| channels.contains(&message.channel_id))
        });
        self
    }
}
