//! Voice states, regions and stages (discord-api-docs, Voice, Stage Instance).

use alloc::string::String;

use crate::id::{ChannelId, GuildId, ScheduledEventId, UserId};
use crate::object::{DateTime, List, StageInstance, VoiceRegion, VoiceState};
use crate::rest::endpoint::{endpoints, setup};

endpoints! {
    /// The voice regions.
    GetVoiceRegions: Get "/voice/regions" => List<VoiceRegion> {}

    /// The bot's own voice state in a guild; 404 if there is none.
    GetCurrentVoiceState: Get "/guilds/" {guild_id: GuildId} "/voice-states/@me" => VoiceState {}

    /// A user's voice state in a guild; 404 if there is none.
    GetVoiceState: Get "/guilds/" {guild_id: GuildId} "/voice-states/" {user_id: UserId} => VoiceState {}

    /// On a stage, speaks or asks to.
    EditCurrentVoiceState: Patch "/guilds/" {guild_id: GuildId} "/voice-states/@me" with setup::again => () {
        /// The stage on which the bot is.
        body channel_id: ChannelId;
        /// Whether it is among the audience.
        body suppress: bool;
        /// When it asked to speak; null to ask no more.
        body request_to_speak_timestamp: DateTime;
    }

    /// On a stage, lets a user speak, or no more.
    EditVoiceState: Patch "/guilds/" {guild_id: GuildId} "/voice-states/" {user_id: UserId} with setup::again
        => ()
    {
        /// The stage on which the user is.
        body channel_id: ChannelId;
        /// Whether the user is among the audience.
        body suppress: bool;
    }

    /// Opens a stage.
    CreateStageInstance: Post "/stage-instances" => StageInstance {
        /// Which stage channel.
        must channel_id: ChannelId;
        /// What it is about.
        must topic: String, 1..=120;
        /// Who may hear it: 2, the guild only.
        body privacy_level: u32, 1..=2;
        /// Whether all are told.
        body send_start_notification: bool;
        /// The event that it belongs to.
        body guild_scheduled_event_id: ScheduledEventId;
    }

    /// An open stage; 404 if it is not open.
    GetStageInstance: Get "/stage-instances/" {channel_id: ChannelId} => StageInstance {}

    /// Edits an open stage.
    EditStageInstance: Patch "/stage-instances/" {channel_id: ChannelId} with setup::again => StageInstance {
        /// What it is about.
        body topic: String, 1..=120;
        /// Who may hear it: 2, the guild only.
        body privacy_level: u32, 1..=2;
    }

    /// Closes a stage.
    DeleteStageInstance: Delete "/stage-instances/" {channel_id: ChannelId} => () {}
}
