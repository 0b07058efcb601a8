//! Members and bans (discord-api-docs, Guild).

use alloc::string::String;
use alloc::vec::Vec;

use crate::id::{ChannelId, GuildId, RoleId, UserId};
use crate::object::{Ban, BulkBanned, DateTime, List, Member, MemberFlags};
use crate::rest::endpoint::{endpoints, setup};

endpoints! {
    /// A member.
    GetGuildMember: Get "/guilds/" {guild_id: GuildId} "/members/" {user_id: UserId} => Member {}

    /// A page of members, by id. Needs the intent GUILD_MEMBERS.
    ListGuildMembers: Get "/guilds/" {guild_id: GuildId} "/members" => List<Member> {
        /// How many at most; 1 if not given.
        query limit: u32, 1..=1000;
        /// Those whose id is above this one.
        query after: UserId;
    }

    /// Members whose user name or nickname begins so.
    SearchGuildMembers: Get "/guilds/" {guild_id: GuildId} "/members/search" => List<Member> {
        /// The beginning.
        ask text as "query": String, 1..=100;
        /// How many at most; 1 if not given.
        query limit: u32, 1..=1000;
    }

    /// Adds a user to a guild; `None` if already there.
    AddGuildMember: Put "/guilds/" {guild_id: GuildId} "/members/" {user_id: UserId} => Option<Member> {
        /// The user's OAuth2 token, with the scope `guilds.join`.
        must access_token: String;
        /// The nickname.
        body nick: String, 0..=32;
        /// The roles.
        body roles: Vec<RoleId>, 0..=250;
        /// Whether muted in voice channels.
        body mute: bool;
        /// Whether deafened in voice channels.
        body deaf: bool;
        /// The flags.
        body flags: MemberFlags;
    }

    /// Edits a member. What is not set stays.
    EditGuildMember: Patch "/guilds/" {guild_id: GuildId} "/members/" {user_id: UserId} with setup::again
        => Option<Member>
    {
        /// The nickname; null for none.
        body nick: String, 0..=32;
        /// The roles, all of them.
        body roles: Vec<RoleId>, 0..=350;
        /// Whether muted in voice channels. An error if the member is in none.
        body mute: bool;
        /// Whether deafened in voice channels. An error if the member is in none.
        body deaf: bool;
        /// The voice channel to move the member to; null to disconnect.
        body channel_id: ChannelId;
        /// Until when the member is timed out, at most 28 days from now; null to end it.
        body communication_disabled_until: DateTime;
        /// The flags.
        body flags: MemberFlags;
    }

    /// Edits what the bot itself is in a guild.
    EditCurrentMember: Patch "/guilds/" {guild_id: GuildId} "/members/@me" with setup::again => Member {
        /// The nickname; null for none.
        body nick: String, 0..=32;
        /// The picture, as a data URI.
        body avatar: String;
        /// The banner, as a data URI.
        body banner: String;
        /// About the bot.
        body bio: String, 0..=190;
    }

    /// Gives a role.
    AddMemberRole: Put "/guilds/" {guild_id: GuildId} "/members/" {user_id: UserId} "/roles/" {role_id: RoleId}
        => () {}

    /// Takes a role.
    RemoveMemberRole: Delete "/guilds/" {guild_id: GuildId} "/members/" {user_id: UserId} "/roles/"
        {role_id: RoleId} => () {}

    /// Kicks a member.
    RemoveGuildMember: Delete "/guilds/" {guild_id: GuildId} "/members/" {user_id: UserId} => () {}

    /// A page of bans, by user id.
    GetBans: Get "/guilds/" {guild_id: GuildId} "/bans" => List<Ban> {
        /// How many at most; 1,000 if not given.
        query limit: u32, 1..=1000;
        /// Users whose id is below this one.
        query before: UserId;
        /// Users whose id is above this one.
        query after: UserId;
        [one of before after]
    }

    /// A ban; 404 if there is none.
    GetBan: Get "/guilds/" {guild_id: GuildId} "/bans/" {user_id: UserId} => Ban {}

    /// Bans a user, who need not be a member.
    CreateBan: Put "/guilds/" {guild_id: GuildId} "/bans/" {user_id: UserId} => () {
        /// Deletes what the user wrote in the last so many seconds; at most 7 days.
        body delete_message_seconds: u32, 0..=604_800;
    }

    /// Ends a ban.
    RemoveBan: Delete "/guilds/" {guild_id: GuildId} "/bans/" {user_id: UserId} => () {}

    /// Bans many users.
    BulkBan: Post "/guilds/" {guild_id: GuildId} "/bulk-ban" with setup::again => BulkBanned {
        /// Whom.
        must user_ids: Vec<UserId>, 1..=200;
        /// Deletes what they wrote in the last so many seconds; at most 7 days.
        body delete_message_seconds: u32, 0..=604_800;
    }
}
