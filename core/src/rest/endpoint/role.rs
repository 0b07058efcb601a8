//! Roles (discord-api-docs, Guild).

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use serde_json::Value;

use crate::id::{GuildId, RoleId};
use crate::object::{List, Permissions, Role};
use crate::rest::endpoint::{endpoints, setup};

endpoints! {
    /// A guild's roles.
    GetGuildRoles: Get "/guilds/" {guild_id: GuildId} "/roles" => List<Role> {}

    /// One role.
    GetGuildRole: Get "/guilds/" {guild_id: GuildId} "/roles/" {role_id: RoleId} => Role {}

    /// How many members each role has, `@everyone` aside.
    GetRoleMemberCounts: Get "/guilds/" {guild_id: GuildId} "/roles/member-counts" => BTreeMap<RoleId, u64> {}

    /// Makes a role.
    CreateGuildRole: Post "/guilds/" {guild_id: GuildId} "/roles" => Role {
        /// The name; `new role` if not given.
        body name: String, 1..=100;
        /// What it may do; what `@everyone` may if not given.
        body permissions: Permissions;
        /// The colours: `{"primary_color", "secondary_color", "tertiary_color"}`, as numbers 0xRRGGBB.
        body colors: Value;
        /// The colour, as a number 0xRRGGBB.
        body color: u32, 0..=0xFF_FFFF;
        /// Whether its members are shown apart.
        body hoist: bool;
        /// The picture, as a data URI.
        body icon: String;
        /// An emoji of Unicode in place of a picture.
        body unicode_emoji: String, 0..=100;
        /// Whether all may mention it.
        body mentionable: bool;
    }

    /// Moves roles: `[{"id", "position"}]`.
    MoveGuildRoles: Patch "/guilds/" {guild_id: GuildId} "/roles" with setup::again => List<Role> {
        /// Which where to.
        whole positions: Vec<Value>;
    }

    /// Edits a role. What is not set stays.
    EditGuildRole: Patch "/guilds/" {guild_id: GuildId} "/roles/" {role_id: RoleId} with setup::again => Role {
        /// The name.
        body name: String, 1..=100;
        /// What it may do.
        body permissions: Permissions;
        /// The colours: `{"primary_color", "secondary_color", "tertiary_color"}`, as numbers 0xRRGGBB.
        body colors: Value;
        /// The colour, as a number 0xRRGGBB.
        body color: u32, 0..=0xFF_FFFF;
        /// Whether its members are shown apart.
        body hoist: bool;
        /// The picture, as a data URI.
        body icon: String;
        /// An emoji of Unicode in place of a picture.
        body unicode_emoji: String, 0..=100;
        /// Whether all may mention it.
        body mentionable: bool;
    }

    /// Deletes a role.
    DeleteGuildRole: Delete "/guilds/" {guild_id: GuildId} "/roles/" {role_id: RoleId} => () {}
}
