//! Pinned messages (discord-api-docs, Message, Pins): the routes of 2025, with pages.

use crate::id::{ChannelId, MessageId};
use crate::object::{DateTime, PinPage};
use crate::rest::endpoint::endpoints;

endpoints! {
    /// A page of the pinned messages, the last pinned first.
    GetPins: Get "/channels/" {channel_id: ChannelId} "/messages/pins" => PinPage {
        /// Pinned before this time.
        query before: DateTime;
        /// How many at most; 50 if not given.
        query limit: u32, 1..=50;
    }

    /// Pins a message: at most 250 in a channel.
    PinMessage: Put "/channels/" {channel_id: ChannelId} "/messages/pins/" {message_id: MessageId} => () {}

    /// Unpins a message.
    UnpinMessage: Delete "/channels/" {channel_id: ChannelId} "/messages/pins/" {message_id: MessageId} => () {}
}
