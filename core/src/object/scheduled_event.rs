//! What is to happen in a guild, and stages on which it does.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crate::id::{ChannelId, GuildId, ScheduledEventId, Snowflake, StageInstanceId, UserId};

use super::kinds::{
    RecurrenceFrequency, ScheduledEventEntityType, ScheduledEventPrivacyLevel, ScheduledEventStatus,
    StagePrivacyLevel, Weekday,
};
use super::table::objects;
use super::text::{DateTime, ImageHash};
use super::user::{Member, User};

objects! {
    /// A guild's scheduled event (discord-api-docs, Guild Scheduled Event).
    ScheduledEvent {
        /// Which event.
        id: must ScheduledEventId;
        /// In which guild.
        guild_id: may GuildId;
        /// In which channel; null if it is elsewhere.
        channel_id: may ChannelId;
        /// Who made it; null if that was before 2021-10-25.
        creator_id: may UserId;
        /// Its name, 1 to 100 characters.
        name: or String;
        /// What it is about, 1 to 1,000 characters.
        description: may String;
        /// When it begins.
        scheduled_start_time: may DateTime;
        /// When it ends.
        scheduled_end_time: may DateTime;
        /// Who may see it.
        privacy_level: may ScheduledEventPrivacyLevel;
        /// How far it is.
        status: may ScheduledEventStatus;
        /// Where it is.
        entity_type: may ScheduledEventEntityType;
        /// The stage on which it is.
        entity_id: may Snowflake;
        /// More of where it is.
        entity_metadata: may ScheduledEventPlace;
        /// Who made it, whole.
        creator: may Box<User>;
        /// About how many users are interested.
        user_count: may u64;
        /// Its picture.
        image: may ImageHash;
        /// When it comes again.
        recurrence_rule: may Box<RecurrenceRule>;
        /// When it does so otherwise than by the rule.
        guild_scheduled_event_exceptions: or Vec<ScheduledEventException>;
        [auto_start sku_ids user_rsvp]
    }

    /// Where an event is that is in no channel (discord-api-docs, Guild Scheduled Event, Guild Scheduled Event Entity
    /// Metadata).
    ScheduledEventPlace {
        /// Where, 1 to 100 characters.
        location: may String;
    }

    /// An occasion of an event that differs from its rule (discord-api-docs, Guild Scheduled Event, Guild Scheduled
    /// Event Exception Object).
    ScheduledEventException {
        /// Of which event.
        event_id: may ScheduledEventId;
        /// Which occasion: when it would have been, as an id.
        event_exception_id: may Snowflake;
        /// When it begins, if not as planned.
        scheduled_start_time: may DateTime;
        /// When it ends, if not as planned.
        scheduled_end_time: may DateTime;
        /// Whether it is cancelled.
        is_canceled: or bool;
    }

    /// When an event comes again, in a part of iCalendar's words (discord-api-docs, Guild Scheduled Event, Recurrence
    /// Rule Object; RFC 5545, section 3.3.10).
    RecurrenceRule {
        /// From when.
        start: may DateTime;
        /// Until when.
        end: may DateTime;
        /// How often.
        frequency: or RecurrenceFrequency;
        /// Each how many days, weeks, months or years.
        interval: may u32;
        /// On which days of the week.
        by_weekday: or Vec<Weekday>;
        /// On which days of the week of which weeks of the month.
        by_n_weekday: or Vec<NthWeekday>;
        /// In which months, 1 to 12.
        by_month: or Vec<u32>;
        /// On which days of the month, 1 to 31.
        by_month_day: or Vec<i32>;
        /// On which days of the year, 1 to 364.
        by_year_day: or Vec<i32>;
        /// How often in all.
        count: may u32;
    }

    /// A day of the week in one of the weeks of a month (discord-api-docs, Guild Scheduled Event, Recurrence Rule
    /// N_Weekday Structure).
    NthWeekday {
        /// In which week, 1 to 5.
        n: or i32;
        /// On which day.
        day: or Weekday;
    }

    /// That a user is interested in an event (discord-api-docs, Guild Scheduled Event, Guild Scheduled Event User
    /// Object).
    ScheduledEventUser {
        /// In which event.
        guild_scheduled_event_id: must ScheduledEventId;
        /// In which occasion, if in one only.
        guild_scheduled_event_exception_id: may Snowflake;
        /// Who.
        user_id: may UserId;
        /// Who, whole.
        user: may User;
        /// What the user is in the guild.
        member: may Box<Member>;
        [response]
    }

    /// An open stage (discord-api-docs, Stage Instance).
    StageInstance {
        /// Which opening of the stage.
        id: must StageInstanceId;
        /// In which guild.
        guild_id: may GuildId;
        /// In which channel.
        channel_id: must ChannelId;
        /// What it is about, 1 to 120 characters.
        topic: or String;
        /// Who may hear it.
        privacy_level: or StagePrivacyLevel;
        /// The event that it belongs to.
        guild_scheduled_event_id: may ScheduledEventId;
        [discoverable_disabled invite_code]
    }
}
