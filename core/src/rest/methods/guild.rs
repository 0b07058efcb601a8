//! What a guild's id, a guild, and its people are asked for.

use alloc::string::String;

use crate::id::{GuildId, RoleId, UserId};
use crate::object::{Guild, Member, User, UserGuild};
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

as_its_id! {
    Guild, GuildId:
    edit() -> EditGuild;
    leave() -> LeaveGuild;
    create_channel(name: impl Into<String>) -> CreateGuildChannel;
    threads() -> GetActiveThreads;
    member(user: impl Into<UserId>) -> GetGuildMember;
    search_members(name: impl Into<String>) -> SearchGuildMembers;
    edit_member(user: impl Into<UserId>) -> EditGuildMember;
    add_role(user: impl Into<UserId>, role: impl Into<RoleId>) -> AddMemberRole;
    remove_role(user: impl Into<UserId>, role: impl Into<RoleId>) -> RemoveMemberRole;
    kick(user: impl Into<UserId>) -> RemoveGuildMember;
    ban(user: impl Into<UserId>) -> CreateBan;
    unban(user: impl Into<UserId>) -> RemoveBan;
    bans() -> GetBans;
    create_role(name: impl Into<String>) -> CreateGuildRole;
    search() -> SearchGuildMessages;
    webhooks() -> GetGuildWebhooks;
    invites() -> GetGuildInvites;
    audit_log() -> GetAuditLog;
}

as_its_id! {
    UserGuild, GuildId:
    leave() -> LeaveGuild;
    channels() -> GetGuildChannels;
    threads() -> GetActiveThreads;
    members() -> ListGuildMembers;
    member(user: impl Into<UserId>) -> GetGuildMember;
    search_members(name: impl Into<String>) -> SearchGuildMembers;
    roles() -> GetGuildRoles;
    search() -> SearchGuildMessages;
    webhooks() -> GetGuildWebhooks;
    invites() -> GetGuildInvites;
    emojis() -> GetGuildEmojis;
    audit_log() -> GetAuditLog;
}

as_its_id! {
    User, UserId:
    dm() -> CreateDm;
}

impl UserGuild {
    /// The whole guild: [`GetGuild`].
    pub fn fetch(&self) -> Call<GetGuild> {
        self.id.get()
    }
}

impl Guild {
    /// The guild as it is now: [`GetGuild`].
    pub fn refresh(&self) -> Call<GetGuild> {
        self.id.get()
    }

    /// Its channels, without threads: [`GetGuildChannels`].
    pub fn fetch_channels(&self) -> Call<GetGuildChannels> {
        self.id.channels()
    }

    /// A page of its members; 1 unless a limit is set: [`ListGuildMembers`].
    pub fn fetch_members(&self) -> Call<ListGuildMembers> {
        self.id.members()
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
