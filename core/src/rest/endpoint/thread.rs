//! Threads (discord-api-docs, Channel, Threads).

use alloc::string::String;
use alloc::vec::Vec;

use serde_json::Value;

use crate::id::{ChannelId, GuildId, MessageId, TagId, UserId};
use crate::object::{Channel, ChannelType, DateTime, List, ThreadList, ThreadMember};
use crate::rest::endpoint::{endpoints, setup};

endpoints! {
    /// Starts a thread from a message. It has the message's id.
    StartThreadFromMessage: Post "/channels/" {channel_id: ChannelId} "/messages/" {message_id: MessageId}
        "/threads" with setup::thread => Channel
    {
        /// The name.
        must name: String, 1..=100;
        /// Minutes without a message after which it is archived: 60, 1440, 4320 or 10080.
        body auto_archive_duration: u32;
        /// Seconds that each user has to wait between messages.
        body rate_limit_per_user: u32, 0..=21600;
    }

    /// Starts a thread by itself.
    StartThread: Post "/channels/" {channel_id: ChannelId} "/threads" with setup::thread => Channel {
        /// The name.
        must name: String, 1..=100;
        /// Minutes without a message after which it is archived: 60, 1440, 4320 or 10080.
        body auto_archive_duration: u32;
        /// Private if not given.
        body kind as "type": ChannelType;
        /// Whether others than moderators may invite to a private thread.
        body invitable: bool;
        /// Seconds that each user has to wait between messages.
        body rate_limit_per_user: u32, 0..=21600;
    }

    /// Starts a thread of a forum or media channel, with its first message.
    StartForumThread: Post "/channels/" {channel_id: ChannelId} "/threads" with setup::forum_thread => Channel {
        /// The name.
        must name: String, 1..=100;
        /// Minutes without a message after which it is archived: 60, 1440, 4320 or 10080.
        body auto_archive_duration: u32;
        /// Seconds that each user has to wait between messages.
        body rate_limit_per_user: u32, 0..=21600;
        /// The tags.
        body applied_tags: Vec<TagId>, 0..=5;
        /// The first message.
        body message: Value;
    }

    /// Enters a thread.
    JoinThread: Put "/channels/" {channel_id: ChannelId} "/thread-members/@me" => () {}

    /// Adds a user to a thread.
    AddThreadMember: Put "/channels/" {channel_id: ChannelId} "/thread-members/" {user_id: UserId} => () {}

    /// Leaves a thread.
    LeaveThread: Delete "/channels/" {channel_id: ChannelId} "/thread-members/@me" => () {}

    /// Removes a user from a thread.
    RemoveThreadMember: Delete "/channels/" {channel_id: ChannelId} "/thread-members/" {user_id: UserId} => () {}

    /// A member of a thread; 404 if it is none.
    GetThreadMember: Get "/channels/" {channel_id: ChannelId} "/thread-members/" {user_id: UserId} => ThreadMember {
        /// Whether what the user is in the guild comes along.
        query with_member: bool;
    }

    /// The members of a thread. Needs the intent GUILD_MEMBERS.
    GetThreadMembers: Get "/channels/" {channel_id: ChannelId} "/thread-members" => List<ThreadMember> {
        /// Whether what the users are in the guild comes along, in pages then.
        query with_member: bool;
        /// Those whose id is above this one.
        query after: UserId;
        /// How many at most; 100 if not given.
        query limit: u32, 1..=100;
    }

    /// A guild's active threads that the bot may see.
    GetActiveThreads: Get "/guilds/" {guild_id: GuildId} "/threads/active" => ThreadList {}

    /// A page of a channel's archived public threads, the last archived first.
    GetPublicArchivedThreads: Get "/channels/" {channel_id: ChannelId} "/threads/archived/public" => ThreadList {
        /// Archived before this time.
        query before: DateTime;
        /// How many at most.
        query limit: u32, 2..=100;
    }

    /// A page of a channel's archived private threads, the last archived first.
    GetPrivateArchivedThreads: Get "/channels/" {channel_id: ChannelId} "/threads/archived/private" => ThreadList {
        /// Archived before this time.
        query before: DateTime;
        /// How many at most.
        query limit: u32, 2..=100;
    }

    /// A page of a channel's archived private threads in which the bot is, by id, the highest first.
    GetJoinedPrivateArchivedThreads: Get "/channels/" {channel_id: ChannelId}
        "/users/@me/threads/archived/private" => ThreadList
    {
        /// Those whose id is below this one.
        query before: ChannelId;
        /// How many at most.
        query limit: u32, 2..=100;
    }

    /// Searches a channel's threads. The answer may be 202: the index is not ready yet.
    SearchThreads: Get "/channels/" {channel_id: ChannelId} "/threads/search" with setup::thread_search => ThreadList {
        /// Words of the name.
        query name: String, 0..=100;
        /// How far apart the words may stand.
        query slop: u32, 0..=100;
        /// Newer than this id.
        query min_id: ChannelId;
        /// Older than this id.
        query max_id: ChannelId;
        /// Has one of these tags.
        each tag: TagId, 0..=20;
        /// `match_some` or `match_all` of the tags.
        query tag_setting: String;
        /// Is archived, or is not.
        query archived: bool;
        /// `last_message_time`, `archive_time`, `relevance` or `creation_time`.
        query sort_by: String;
        /// `desc`, as if not given, or `asc`.
        query sort_order: String;
        /// How many at most; 25 if not given.
        query limit: u32, 1..=25;
        /// How many hits to leave out.
        query offset: u32, 0..=9975;
    }
}
