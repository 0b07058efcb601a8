//! Scheduled events (discord-api-docs, Guild Scheduled Event).

use alloc::string::String;

use serde_json::Value;

use crate::id::{ChannelId, GuildId, ScheduledEventId, UserId};
use crate::object::{DateTime, List, ScheduledEvent, ScheduledEventUser};
use crate::rest::endpoint::{endpoints, setup};

endpoints! {
    /// A guild's events.
    GetScheduledEvents: Get "/guilds/" {guild_id: GuildId} "/scheduled-events" => List<ScheduledEvent> {
        /// Whether it is told how many are interested.
        query with_user_count: bool;
    }

    /// One event.
    GetScheduledEvent: Get "/guilds/" {guild_id: GuildId} "/scheduled-events/"
        {guild_scheduled_event_id: ScheduledEventId} => ScheduledEvent
    {
        /// Whether it is told how many are interested.
        query with_user_count: bool;
    }

    /// Makes an event.
    CreateScheduledEvent: Post "/guilds/" {guild_id: GuildId} "/scheduled-events" => ScheduledEvent {
        /// The name.
        must name: String, 1..=100;
        /// Who may see it: 2, the guild only.
        must privacy_level: u32, 2..=2;
        /// When it begins.
        must scheduled_start_time: DateTime;
        /// Where it is: 1 on a stage, 2 in a voice channel, 3 elsewhere.
        must entity_type: u32, 1..=3;
        /// When it ends; needed if it is elsewhere.
        body scheduled_end_time: DateTime;
        /// The stage or voice channel.
        body channel_id: ChannelId;
        /// `{"location": ".."}`; needed if it is elsewhere.
        body entity_metadata: Value;
        /// What it is about.
        body description: String, 0..=1000;
        /// The picture, as a data URI.
        body image: String;
        /// When it comes again.
        body recurrence_rule: Value;
    }

    /// Edits an event, begins or ends it. What is not set stays.
    EditScheduledEvent: Patch "/guilds/" {guild_id: GuildId} "/scheduled-events/"
        {guild_scheduled_event_id: ScheduledEventId} with setup::again => ScheduledEvent
    {
        /// The name.
        body name: String, 1..=100;
        /// Who may see it: 2, the guild only.
        body privacy_level: u32, 2..=2;
        /// When it begins.
        body scheduled_start_time: DateTime;
        /// When it ends.
        body scheduled_end_time: DateTime;
        /// Where it is: 1 on a stage, 2 in a voice channel, 3 elsewhere.
        body entity_type: u32, 1..=3;
        /// The stage or voice channel.
        body channel_id: ChannelId;
        /// `{"location": ".."}`.
        body entity_metadata: Value;
        /// What it is about.
        body description: String, 0..=1000;
        /// The picture, as a data URI.
        body image: String;
        /// 2 to begin it, 3 to end it, 4 to cancel it.
        body status: u32, 1..=4;
        /// When it comes again.
        body recurrence_rule: Value;
    }

    /// Deletes an event.
    DeleteScheduledEvent: Delete "/guilds/" {guild_id: GuildId} "/scheduled-events/"
        {guild_scheduled_event_id: ScheduledEventId} => () {}

    /// A page of the users who are interested in an event, by id.
    GetScheduledEventUsers: Get "/guilds/" {guild_id: GuildId} "/scheduled-events/"
        {guild_scheduled_event_id: ScheduledEventId} "/users" => List<ScheduledEventUser>
    {
        /// How many at most; 100 if not given.
        query limit: u32, 1..=100;
        /// Whether what the users are in the guild comes along.
        query with_member: bool;
        /// Those whose id is below this one.
        query before: UserId;
        /// Those whose id is above this one.
        query after: UserId;
        [one of before after]
    }
}
