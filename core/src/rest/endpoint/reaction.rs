//! Reactions and polls (discord-api-docs, Message, Poll).

use crate::id::{ChannelId, MessageId, UserId};
use crate::object::{List, Message, PollVoters, User};
use crate::rest::endpoint::endpoints;
use crate::rest::value::EmojiName;

endpoints! {
    /// Reacts to a message.
    CreateReaction: Put "/channels/" {channel_id: ChannelId} "/messages/" {message_id: MessageId} "/reactions/"
        {emoji: EmojiName} "/@me" => () {}

    /// Takes the own reaction back.
    DeleteOwnReaction: Delete "/channels/" {channel_id: ChannelId} "/messages/" {message_id: MessageId}
        "/reactions/" {emoji: EmojiName} "/@me" => () {}

    /// Removes a user's reaction.
    DeleteUserReaction: Delete "/channels/" {channel_id: ChannelId} "/messages/" {message_id: MessageId}
        "/reactions/" {emoji: EmojiName} "/" {user_id: UserId} => () {}

    /// Who reacted with an emoji.
    GetReactions: Get "/channels/" {channel_id: ChannelId} "/messages/" {message_id: MessageId} "/reactions/"
        {emoji: EmojiName} => List<User>
    {
        /// Those whose id is above this one.
        query after: UserId;
        /// How many at most; 25 if not given.
        query limit: u32, 1..=100;
        /// 0 for normal reactions, 1 for bought ones.
        query kind as "type": u32, 0..=1;
    }

    /// Removes all reactions.
    DeleteAllReactions: Delete "/channels/" {channel_id: ChannelId} "/messages/" {message_id: MessageId}
        "/reactions" => () {}

    /// Removes all reactions of one emoji.
    DeleteAllReactionsForEmoji: Delete "/channels/" {channel_id: ChannelId} "/messages/" {message_id: MessageId}
        "/reactions/" {emoji: EmojiName} => () {}

    /// Who gave this answer to a poll.
    GetPollAnswerVoters: Get "/channels/" {channel_id: ChannelId} "/polls/" {message_id: MessageId} "/answers/"
        {answer_id: u32} => PollVoters
    {
        /// Those whose id is above this one.
        query after: UserId;
        /// How many at most; 25 if not given.
        query limit: u32, 1..=100;
    }

    /// Ends the own poll now.
    EndPoll: Post "/channels/" {channel_id: ChannelId} "/polls/" {message_id: MessageId} "/expire" => Message {}
}
