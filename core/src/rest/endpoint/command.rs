//! An application's commands (discord-api-docs, Application Commands).

use alloc::string::String;
use alloc::vec::Vec;

use serde_json::Value;

use crate::id::{ApplicationId, CommandId, GuildId};
use crate::object::{ApplicationCommand, CommandPermissions, List, Permissions};
use crate::rest::endpoint::{endpoints, setup};

endpoints! {
    /// The commands that all guilds have.
    GetGlobalCommands: Get "/applications/" {application_id: ApplicationId} "/commands" => List<ApplicationCommand> {
        /// Whether names and descriptions come in all languages.
        query with_localizations: bool;
    }

    /// Makes a command that all guilds have, or replaces the one of this name and kind.
    CreateGlobalCommand: Post "/applications/" {application_id: ApplicationId} "/commands" with setup::command => ApplicationCommand {
        /// The name: small letters of a chat command, 32 characters at most.
        must name: String, 1..=32;
        /// The name in other languages.
        body name_localizations: Value;
        /// What it does; of chat commands only.
        body description: String, 0..=100;
        /// What it does, in other languages.
        body description_localizations: Value;
        /// What it takes.
        body options: Vec<Value>, 0..=25;
        /// What members need to use it unless the guild says otherwise; 0 for administrators only.
        body default_member_permissions: Permissions;
        /// Who answers to an entry point: 1 the application, 2 Discord, which starts the activity.
        body handler: u32, 1..=2;
        /// Where it can be used: 0 guilds, 1 direct messages with the bot, 2 other direct messages.
        body contexts: Vec<u32>, 1..=3;
        /// For whom the application is installed: 0 guilds, 1 users.
        body integration_types: Vec<u32>, 1..=2;
        /// Whether it is for adults only.
        body nsfw: bool;
        /// What kind of command: 1 chat, 2 of a user, 3 of a message, 4 entry point; 1 if not given.
        body kind as "type": u32, 1..=4;
    }

    /// Replaces all commands that all guilds have: those that are not listed go.
    SetGlobalCommands: Put "/applications/" {application_id: ApplicationId} "/commands" with setup::command => List<ApplicationCommand> {
        /// The commands: 100 of chat, 15 each of users and messages at most.
        whole commands: Vec<Value>, 0..=130;
    }

    /// A command that all guilds have.
    GetGlobalCommand: Get "/applications/" {application_id: ApplicationId} "/commands/" {command_id: CommandId} => ApplicationCommand {}

    /// Edits a command that all guilds have. What is not set stays.
    EditGlobalCommand: Patch "/applications/" {application_id: ApplicationId} "/commands/" {command_id: CommandId} with setup::again => ApplicationCommand {
        /// The name: small letters of a chat command, 32 characters at most.
        body name: String, 1..=32;
        /// The name in other languages.
        body name_localizations: Value;
        /// What it does; of chat commands only.
        body description: String, 0..=100;
        /// What it does, in other languages.
        body description_localizations: Value;
        /// What it takes.
        body options: Vec<Value>, 0..=25;
        /// What members need to use it unless the guild says otherwise; 0 for administrators only.
        body default_member_permissions: Permissions;
        /// Who answers to an entry point: 1 the application, 2 Discord, which starts the activity.
        body handler: u32, 1..=2;
        /// Where it can be used: 0 guilds, 1 direct messages with the bot, 2 other direct messages.
        body contexts: Vec<u32>, 1..=3;
        /// For whom the application is installed: 0 guilds, 1 users.
        body integration_types: Vec<u32>, 1..=2;
        /// Whether it is for adults only.
        body nsfw: bool;
    }

    /// Deletes a command that all guilds have.
    DeleteGlobalCommand: Delete "/applications/" {application_id: ApplicationId} "/commands/" {command_id: CommandId} => () {}

    /// The commands of one guild.
    GetGuildCommands: Get "/applications/" {application_id: ApplicationId} "/guilds/" {guild_id: GuildId} "/commands" => List<ApplicationCommand> {
        /// Whether names and descriptions come in all languages.
        query with_localizations: bool;
    }

    /// Makes a command of one guild, or replaces the one of this name and kind.
    CreateGuildCommand: Post "/applications/" {application_id: ApplicationId} "/guilds/" {guild_id: GuildId} "/commands" with setup::command => ApplicationCommand {
        /// The name: small letters of a chat command, 32 characters at most.
        must name: String, 1..=32;
        /// The name in other languages.
        body name_localizations: Value;
        /// What it does; of chat commands only.
        body description: String, 0..=100;
        /// What it does, in other languages.
        body description_localizations: Value;
        /// What it takes.
        body options: Vec<Value>, 0..=25;
        /// What members need to use it unless the guild says otherwise; 0 for administrators only.
        body default_member_permissions: Permissions;
        /// Who answers to an entry point: 1 the application, 2 Discord, which starts the activity.
        body handler: u32, 1..=2;
        /// Where it can be used: 0 guilds, 1 direct messages with the bot, 2 other direct messages.
        body contexts: Vec<u32>, 1..=3;
        /// For whom the application is installed: 0 guilds, 1 users.
        body integration_types: Vec<u32>, 1..=2;
        /// Whether it is for adults only.
        body nsfw: bool;
        /// What kind of command: 1 chat, 2 of a user, 3 of a message, 4 entry point; 1 if not given.
        body kind as "type": u32, 1..=4;
    }

    /// Replaces all commands of one guild: those that are not listed go.
    SetGuildCommands: Put "/applications/" {application_id: ApplicationId} "/guilds/" {guild_id: GuildId} "/commands" with setup::command => List<ApplicationCommand> {
        /// The commands: 100 of chat, 15 each of users and messages at most.
        whole commands: Vec<Value>, 0..=130;
    }

    /// A command of one guild.
    GetGuildCommand: Get "/applications/" {application_id: ApplicationId} "/guilds/" {guild_id: GuildId} "/commands/" {command_id: CommandId} => ApplicationCommand {}

    /// Edits a command of one guild. What is not set stays.
    EditGuildCommand: Patch "/applications/" {application_id: ApplicationId} "/guilds/" {guild_id: GuildId} "/commands/" {command_id: CommandId} with setup::again => ApplicationCommand {
        /// The name: small letters of a chat command, 32 characters at most.
        body name: String, 1..=32;
        /// The name in other languages.
        body name_localizations: Value;
        /// What it does; of chat commands only.
        body description: String, 0..=100;
        /// What it does, in other languages.
        body description_localizations: Value;
        /// What it takes.
        body options: Vec<Value>, 0..=25;
        /// What members need to use it unless the guild says otherwise; 0 for administrators only.
        body default_member_permissions: Permissions;
        /// Who answers to an entry point: 1 the application, 2 Discord, which starts the activity.
        body handler: u32, 1..=2;
        /// Where it can be used: 0 guilds, 1 direct messages with the bot, 2 other direct messages.
        body contexts: Vec<u32>, 1..=3;
        /// For whom the application is installed: 0 guilds, 1 users.
        body integration_types: Vec<u32>, 1..=2;
        /// Whether it is for adults only.
        body nsfw: bool;
    }

    /// Deletes a command of one guild.
    DeleteGuildCommand: Delete "/applications/" {application_id: ApplicationId} "/guilds/" {guild_id: GuildId} "/commands/" {command_id: CommandId} => () {}

    /// Who may use which command in a guild.
    GetGuildCommandPermissions: Get "/applications/" {application_id: ApplicationId} "/guilds/" {guild_id: GuildId} "/commands/permissions" => List<CommandPermissions> {}

    /// Who may use a command in a guild.
    GetCommandPermissions: Get "/applications/" {application_id: ApplicationId} "/guilds/" {guild_id: GuildId} "/commands/" {command_id: CommandId} "/permissions" => CommandPermissions {}

    /// Sets who may use a command in a guild: as a user, with an OAuth2 token.
    EditCommandPermissions: Put "/applications/" {application_id: ApplicationId} "/guilds/" {guild_id: GuildId} "/commands/" {command_id: CommandId} "/permissions" with setup::user => CommandPermissions {
        /// Whom to allow or deny it.
        must permissions: Vec<Value>, 0..=100;
    }
}
