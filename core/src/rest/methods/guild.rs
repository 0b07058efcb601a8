//! What a guild's id, a guild, and its people are asked for.

use alloc::string::String;

use crate::id::{GuildId, RoleId, UserId};
use crate::object::{Guild, Member};
use crate::rest::call::Call;
use crate::rest::endpoint::*;

impl GuildId {
    /// The guild: [`GetGuild`].
    pub fn get(self) -> Call<GetGuild> {
        GetGuild::new(self)
    }

    /// Edits the guild: [`EditGuild`].
    pub fn edit(self) -> Call<EditGuild> {
        EditGuild::new(self)
    }

    /// Leaves the guild: [`LeaveGuild`].
    pub fn leave(self) -> Call<LeaveGuild> {
        LeaveGuild::new(self)
    }

    /// The channels, without threads: [`GetGuildChannels`].
    pub fn channels(self) -> Call<GetGuildChannels> {
        GetGuildChannels::new(self)
    }

    /// Makes a channel: [`CreateGuildChannel`].
    pub fn create_channel(self, name: impl Into<String>) -> Call<CreateGuildChannel> {
        CreateGuildChannel::new(self, name)
    }

    /// The active threads: [`GetActiveThreads`].
    pub fn threads(self) -> Call<GetActiveThreads> {
        GetActiveThreads::new(self)
    }

    /// A page of members; 1 unless a limit is set: [`ListGuildMembers`].
    pub fn members(self) -> Call<ListGuildMembers> {
        ListGuildMembers::new(self)
    }

    /// A member: [`GetGuildMember`].
    pub fn member(self, user: impl Into<UserId>) -> Call<GetGuildMember> {
        GetGuildMember::new(self, user)
    }

    /// Members whose name begins so; 1 unless a limit is set: [`SearchGuildMembers`].
    pub fn search_members(self, name: impl Into<String>) -> Call<SearchGuildMembers> {
        SearchGuildMembers::new(self, name)
    }

    /// Edits a member: [`EditGuildMember`].
    pub fn edit_member(self, user: impl Into<UserId>) -> Call<EditGuildMember> {
        EditGuildMember::new(self, user)
    }

    /// Gives a role: [`AddMemberRole`].
    pub fn add_role(self, user: impl Into<UserId>, role: impl Into<RoleId>) -> Call<AddMemberRole> {
        AddMemberRole::new(self, user, role)
    }

    /// Takes a role: [`RemoveMemberRole`].
    pub fn remove_role(self, user: impl Into<UserId>, role: impl Into<RoleId>) -> Call<RemoveMemberRole> {
        RemoveMemberRole::new(self, user, role)
    }

    /// Kicks a member: [`RemoveGuildMember`].
    pub fn kick(self, user: impl Into<UserId>) -> Call<RemoveGuildMember> {
        RemoveGuildMember::new(self, user)
    }

    /// Bans a user: [`CreateBan`].
    pub fn ban(self, user: impl Into<UserId>) -> Call<CreateBan> {
        CreateBan::new(self, user)
    }

    /// Ends a ban: [`RemoveBan`].
    pub fn unban(self, user: impl Into<UserId>) -> Call<RemoveBan> {
        RemoveBan::new(self, user)
    }

    /// A page of bans: [`GetBans`].
    pub fn bans(self) -> Call<GetBans> {
        GetBans::new(self)
    }

    /// The roles: [`GetGuildRoles`].
    pub fn roles(self) -> Call<GetGuildRoles> {
        GetGuildRoles::new(self)
    }

    /// Makes a role: [`CreateGuildRole`].
    pub fn create_role(self, name: impl Into<String>) -> Call<CreateGuildRole> {
        CreateGuildRole::new(self).name(name)
    }

    /// Searches the messages: [`SearchGuildMessages`].
    pub fn search(self) -> Call<SearchGuildMessages> {
        SearchGuildMessages::new(self)
    }

    /// The webhooks: [`GetGuildWebhooks`].
    pub fn webhooks(self) -> Call<GetGuildWebhooks> {
        GetGuildWebhooks::new(self)
    }

    /// The invites: [`GetGuildInvites`].
    pub fn invites(self) -> Call<GetGuildInvites> {
        GetGuildInvites::new(self)
    }

    /// The emojis: [`GetGuildEmojis`].
    pub fn emojis(self) -> Call<GetGuildEmojis> {
        GetGuildEmojis::new(self)
    }

    /// Who did what: [`GetAuditLog`].
    pub fn audit_log(self) -> Call<GetAuditLog> {
        GetAuditLog::new(self)
    }
}

impl Guild {
    /// Its channels, without threads: [`GetGuildChannels`].
    pub fn fetch_channels(&self) -> Call<GetGuildChannels> {
        self.id.channels()
    }

    /// A page of its members; 1 unless a limit is set: [`ListGuildMembers`].
    pub fn fetch_members(&self) -> Call<ListGuildMembers> {
        self.id.members()
    }

    /// Searches its messages: [`SearchGuildMessages`].
    pub fn search(&self) -> Call<SearchGuildMessages> {
        self.id.search()
    }
}

impl UserId {
    /// The user: [`GetUser`].
    pub fn get(self) -> Call<GetUser> {
        GetUser::new(self)
    }

    /// The direct channel with the user: [`CreateDm`].
    pub fn dm(self) -> Call<CreateDm> {
        CreateDm::new(self)
    }
}

impl Member {
    /// The direct channel with the user: [`CreateDm`]. `None` if the user is not there.
    #[must_use]
    pub fn dm(&self) -> Option<Call<CreateDm>> {
        self.user.as_ref().map(|user| user.id.dm())
    }
}
