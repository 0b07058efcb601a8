//! Users (discord-api-docs, User).

use alloc::string::String;
use alloc::vec::Vec;

use serde_json::Value;

use crate::id::{ApplicationId, GuildId, SkuId, UserId};
use crate::object::{Channel, Connection, Entitlement, List, Member, RoleConnection, User, UserGuild};
use crate::rest::endpoint::{endpoints, setup};

endpoints! {
    /// The bot's own user.
    GetCurrentUser: Get "/users/@me" => User {}

    /// A user.
    GetUser: Get "/users/" {user_id: UserId} => User {}

    /// Edits the bot's own user.
    EditCurrentUser: Patch "/users/@me" with setup::again => User {
        /// The name.
        body username: String, 2..=32;
        /// The picture, as a data URI; null for none.
        body avatar: String;
        /// The banner, as a data URI; null for none.
        body banner: String;
    }

    /// A page of the guilds in which the bot is, by id.
    GetCurrentUserGuilds: Get "/users/@me/guilds" => List<UserGuild> {
        /// Those whose id is below this one.
        query before: GuildId;
        /// Those whose id is above this one.
        query after: GuildId;
        /// How many at most; 200 if not given.
        query limit: u32, 1..=200;
        /// Whether `approximate_member_count` and `approximate_presence_count` come along.
        query with_counts: bool;
        [one of before after]
    }

    /// What the user is in a guild: with an OAuth2 token.
    GetCurrentUserGuildMember: Get "/users/@me/guilds/" {guild_id: GuildId} "/member" with setup::user
        => Member {}

    /// Leaves a guild.
    LeaveGuild: Delete "/users/@me/guilds/" {guild_id: GuildId} => () {}

    /// The direct channel with a user; it is made if there is none.
    CreateDm: Post "/users/@me/channels" with setup::again => Channel {
        /// Who.
        must recipient_id: UserId;
    }

    /// Makes a direct channel of several users.
    CreateGroupDm: Post "/users/@me/channels" => Channel {
        /// The users' OAuth2 tokens, with the scope `gdm.join`.
        must access_tokens: Vec<String>, 1..=10;
        /// The names of users in the group, by their id.
        body nicks: Value;
    }

    /// The user's direct channels, as the user. Discord's clients do so; it is not documented.
    GetDms: Get "/users/@me/channels" with setup::user => List<Channel> {}

    /// The user's accounts elsewhere: with an OAuth2 token.
    GetConnections: Get "/users/@me/connections" with setup::user => List<Connection> {}

    /// What the user bought of an application: with an OAuth2 token.
    GetCurrentUserEntitlements: Get "/users/@me/applications/" {application_id: ApplicationId} "/entitlements"
        with setup::user => List<Entitlement>
    {
        /// Of these articles.
        each sku_ids: SkuId, 0..=100;
        /// Whether what was used up is left out.
        query exclude_consumed: bool;
    }

    /// What an application tells of the user for linked roles: with an OAuth2 token.
    GetRoleConnection: Get "/users/@me/applications/" {application_id: ApplicationId} "/role-connection"
        with setup::user => RoleConnection {}

    /// Sets what an application tells of the user for linked roles: with an OAuth2 token.
    EditRoleConnection: Put "/users/@me/applications/" {application_id: ApplicationId} "/role-connection"
        with setup::user => RoleConnection
    {
        /// The platform.
        body platform_name: String, 0..=50;
        /// The user's name there.
        body platform_username: String, 0..=100;
        /// The values, as text, by the keys of the application's metadata.
        body metadata: Value;
    }

    /// Takes back what an application tells of the user for linked roles: with an OAuth2 token.
    DeleteRoleConnection: Delete "/users/@me/applications/" {application_id: ApplicationId} "/role-connection"
        with setup::user => () {}
}
