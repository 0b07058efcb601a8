//! Applications, their commands, and how answers to interactions were received.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crate::envelope::DecodeError;
use crate::id::{
    ApplicationId, ChannelId, CommandId, GuildId, InteractionId, MessageId, SkuId, Snowflake, TeamId, UserId,
};

use super::kinds::{
    ApplicationFlags, ApplicationIntegrationType, CallbackType, CommandOptionType, CommandPermissionType,
    CommandType, InteractionContextType, TeamMembershipState,
};
use super::message::Message;
use super::open::{ChannelType, InteractionType, Permissions};
use super::raw::Json;
use super::table::objects;
use super::text::ImageHash;
use super::user::User;

objects! {
    /// An application (discord-api-docs, Application). Most is told to its owner and to itself only.
    Application {
        /// Which application.
        id: must ApplicationId;
        /// Its name.
        name: or String;
        /// Its picture.
        icon: may ImageHash;
        /// What it is about.
        description: or String;
        /// Its bot.
        bot: may Box<User>;
        /// Whether all may add it to a guild.
        bot_public: may bool;
        /// Whether adding it needs the whole OAuth2 code grant.
        bot_require_code_grant: may bool;
        /// Who owns it.
        owner: may Box<User>;
        /// The team that owns it.
        team: may Team;
        /// What the signature of interactions and events is checked with: 64 hexadecimal digits.
        verify_key: or String;
        /// The guild that it belongs to.
        guild_id: may GuildId;
        /// The game that it sells.
        primary_sku_id: may SkuId;
        /// The picture of what it sells.
        cover_image: may ImageHash;
        /// What it may and has.
        flags: may ApplicationFlags;
        /// In about how many guilds it is.
        approximate_guild_count: may u64;
        /// About how many users installed it.
        approximate_user_install_count: may u64;
        /// Where interactions are sent to, if not to the gateway.
        interactions_endpoint_url: may String;
        /// Where events are sent to.
        event_webhooks_url: may String;
        /// Its terms of service.
        terms_of_service_url: may String;
        /// Its privacy policy.
        privacy_policy_url: may String;
        /// Where its own way to install it is.
        custom_install_url: may String;
        /// What it is about, in at most 5 words.
        tags: or Vec<String>;
        [approximate_user_authorization_count eligible_oauth2_scopes event_webhooks_status event_webhooks_types
            explicit_content_filter flags_new guild hook install_params integration_types_config
            is_monetized max_participants redirect_uris role_connections_verification_url rpc_origins slug
            storefront_available summary type]
    }

    /// Developers who own applications together (discord-api-docs, Teams, Team Object).
    Team {
        /// Which team.
        id: must TeamId;
        /// Its name.
        name: or String;
        /// Its picture.
        icon: may ImageHash;
        /// Who owns it.
        owner_user_id: may UserId;
        /// Who is in it.
        members: or Vec<TeamMember>;
    }

    /// Somebody in a team (discord-api-docs, Teams, Team Member Object).
    TeamMember {
        /// Who, with some of the fields.
        user: may Box<User>;
        /// In which team.
        team_id: may TeamId;
        /// Whether the invitation was taken.
        membership_state: or TeamMembershipState;
        /// `admin`, `developer` or `read_only`; empty for the owner.
        role: or String;
        [permissions]
    }

    /// A command of an application (discord-api-docs, Application Commands, Application Command Object).
    ApplicationCommand {
        /// Which command.
        id: must CommandId;
        /// Where it is found.
        kind as "type": may CommandType;
        /// Whose it is.
        application_id: may ApplicationId;
        /// The guild that it is for; without, it is for all.
        guild_id: may GuildId;
        /// Its name, 1 to 32 characters.
        name: or String;
        /// What it does, 1 to 100 characters; empty for those on users and messages.
        description: or String;
        /// Its options, at most 25.
        options: or Vec<ApplicationCommandOption>;
        /// What a member has to be allowed to use it, where the guild says nothing else.
        default_member_permissions: may Permissions;
        /// Whether it is for adults.
        nsfw: or bool;
        /// Which installations of the application bring it.
        integration_types: may Vec<ApplicationIntegrationType>;
        /// Where it can be used.
        contexts: may Vec<InteractionContextType>;
        /// Another number at each change.
        version: may Snowflake;
        [default_permission description_localizations description_localized dm_permission handler
            name_localizations name_localized]
    }

    /// An option of a command (discord-api-docs, Application Commands, Application Command Option Structure).
    ApplicationCommandOption {
        /// Of which type it is.
        kind as "type": or CommandOptionType;
        /// Its name, 1 to 32 characters.
        name: or String;
        /// What it is for, 1 to 100 characters.
        description: or String;
        /// Whether it has to be given.
        required: or bool;
        /// What can be chosen, at most 25.
        choices: or Vec<CommandChoice>;
        /// The options of a subcommand, of its group the subcommands: see
        /// [`children`](ApplicationCommandOption::children).
        options: may Json;
        /// What kinds of channels can be chosen.
        channel_types: or Vec<ChannelType>;
        /// The shortest text, in characters.
        min_length: may u32;
        /// The longest text, in characters.
        max_length: may u32;
        /// Whether suggestions are asked for while it is typed.
        autocomplete: or bool;
        [description_localizations description_localized max_value min_value name_localizations name_localized]
    }

    /// What can be chosen for an option (discord-api-docs, Application Commands, Application Command Option Choice
    /// Structure).
    CommandChoice {
        /// Its name, 1 to 100 characters.
        name: or String;
        /// A text or a number.
        value: may Json;
        [name_localizations name_localized]
    }

    /// Who may use a command in a guild, or all of an application (discord-api-docs, Application Commands, Guild
    /// Application Command Permissions Structure).
    CommandPermissions {
        /// Which command; the application's id for all of its commands.
        id: must CommandId;
        /// Whose commands.
        application_id: must ApplicationId;
        /// In which guild.
        guild_id: must GuildId;
        /// Who may and who may not, at most 100.
        permissions: or Vec<CommandPermission>;
    }

    /// Whether somebody may use a command (discord-api-docs, Application Commands, Application Command Permissions
    /// Structure).
    CommandPermission {
        /// Which role, user or channel. The guild's id for all members, one less for all channels.
        id: must Snowflake;
        /// What that is.
        kind as "type": or CommandPermissionType;
        /// Whether it is allowed.
        permission: or bool;
    }

    /// How an answer to an interaction was received (discord-api-docs, Receiving and Responding, Interaction
    /// Callback Response Object).
    InteractionCallback {
        /// Which interaction.
        interaction: must CallbackInteraction;
        /// What came of it.
        resource: may CallbackResource;
    }

    /// What was answered (discord-api-docs, Receiving and Responding, Interaction Callback Object).
    CallbackInteraction {
        /// Which interaction.
        id: must InteractionId;
        /// What kind of interaction.
        kind as "type": or InteractionType;
        /// The activity that was launched or joined.
        activity_instance_id: may String;
        /// The message that was made.
        response_message_id: may MessageId;
        /// Whether that is yet to be filled.
        response_message_loading: may bool;
        /// Whether only the user sees it.
        response_message_ephemeral: may bool;
        /// In which channel.
        channel_id: may ChannelId;
        /// In which guild.
        guild_id: may GuildId;
    }

    /// What came of an answer (discord-api-docs, Receiving and Responding, Interaction Callback Resource Object).
    CallbackResource {
        /// How it was answered.
        kind as "type": or CallbackType;
        /// The message that was made or changed.
        message: may Box<Message>;
        [activity_instance]
    }
}

impl ApplicationCommandOption {
    /// The options of a subcommand; of a group of them, the subcommands. Empty for others.
    ///
    /// # Errors
    /// If they are no options.
    pub fn children(&self) -> Result<Vec<Self>, DecodeError> {
        self.options.as_ref().map_or(Ok(Vec::new()), Json::parse)
    }
}
