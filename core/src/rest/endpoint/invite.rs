//! Invites (discord-api-docs, Invite).

use alloc::string::String;
use alloc::vec::Vec;

use crate::id::{ApplicationId, ChannelId, GuildId, RoleId, ScheduledEventId, UserId};
use crate::object::{Invite, List, TargetUsersJob};
use crate::rest::endpoint::{endpoints, setup};

endpoints! {
    /// An invite.
    GetInvite: Get "/invites/" {code: String} => Invite {
        /// Whether `approximate_member_count` and `approximate_presence_count` come along.
        query with_counts: bool;
        /// The event that comes along.
        query guild_scheduled_event_id: ScheduledEventId;
    }

    /// Deletes an invite.
    DeleteInvite: Delete "/invites/" {code: String} => Invite {}

    /// A channel's invites.
    GetChannelInvites: Get "/channels/" {channel_id: ChannelId} "/invites" => List<Invite> {}

    /// Makes an invite. For a group of direct messages Discord may answer with nothing (its OpenAPI description).
    CreateChannelInvite: Post "/channels/" {channel_id: ChannelId} "/invites" => Option<Invite> {
        /// Seconds until it ends, 0 for never; a day if not given. At most 60 days.
        body max_age: u32, 0..=5_184_000;
        /// How often it can be used, 0 for no limit.
        body max_uses: u32, 0..=100;
        /// Whether those who come are members only while they are connected.
        body temporary: bool;
        /// Whether it is a new one, though there is one like it.
        body unique: bool;
        /// Where it leads: 1 to a user's stream, 2 to an application.
        body target_type: u32, 1..=2;
        /// Whose stream.
        body target_user_id: UserId;
        /// Which application.
        body target_application_id: ApplicationId;
        /// The roles that those get who come.
        body role_ids: Vec<RoleId>, 0..=250;
    }

    /// A guild's invites.
    GetGuildInvites: Get "/guilds/" {guild_id: GuildId} "/invites" => List<Invite> {}

    /// Sets whom an invite is for: one [`file`](crate::rest::Call::file), CSV with a column of user ids.
    SetInviteTargetUsers: Put "/invites/" {code: String} "/target-users" with setup::target_users => () {}

    /// How far Discord is with the list of users whom an invite is for.
    GetInviteTargetUsersJobStatus: Get "/invites/" {code: String} "/target-users/job-status" => TargetUsersJob {}
}
