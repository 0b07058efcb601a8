//! What a bot may want of an event, borrowed from it: types that a user of the library would write.

use std::borrow::Cow;
use std::hint::black_box;

use sanscord::gateway::{Dispatch, EventName};
use serde::Deserialize;
use serde::de::IgnoredAny;

#[derive(Deserialize)]
struct Message<'a> {
    id: &'a str,
    channel_id: &'a str,
    guild_id: Option<&'a str>,
    #[serde(borrow)]
    content: Cow<'a, str>,
    timestamp: &'a str,
    #[serde(borrow)]
    author: User<'a>,
    mention_everyone: bool,
    pinned: bool,
}

#[derive(Deserialize)]
struct User<'a> {
    id: &'a str,
    #[serde(borrow, default)]
    username: Cow<'a, str>,
    #[serde(default)]
    bot: bool,
}

#[derive(Deserialize)]
struct Presence<'a> {
    #[serde(borrow)]
    user: User<'a>,
    guild_id: &'a str,
    status: &'a str,
}

#[derive(Deserialize)]
struct Typing<'a> {
    user_id: &'a str,
    channel_id: &'a str,
    timestamp: u64,
}

#[derive(Deserialize)]
struct VoiceState<'a> {
    user_id: &'a str,
    channel_id: Option<&'a str>,
    session_id: &'a str,
}

#[derive(Deserialize)]
struct Reaction<'a> {
    user_id: &'a str,
    message_id: &'a str,
}

/// Reads the fields that are declared above; answers whether they are there.
pub(crate) fn read(dispatch: &Dispatch) -> bool {
    let text = std::str::from_utf8(&dispatch.data);
    text.is_ok_and(|text| {
        match dispatch.name {
            EventName::MessageCreate | EventName::MessageUpdate => serde_json::from_str(text).map(message),
            EventName::PresenceUpdate => serde_json::from_str(text).map(presence),
            EventName::TypingStart => serde_json::from_str(text).map(typing),
            EventName::VoiceStateUpdate => serde_json::from_str(text).map(voice_state),
            EventName::MessageReactionAdd => serde_json::from_str(text).map(reaction),
            _ => serde_json::from_str::<IgnoredAny>(text).map(drop),
        }
        .is_ok()
    })
}

fn message(message: Message<'_>) {
    let Message { id, channel_id, guild_id, content, timestamp, author, mention_everyone, pinned } = message;
    black_box((id, channel_id, guild_id, content, timestamp, mention_everyone, pinned));
    user(author);
}

fn user(user: User<'_>) {
    let User { id, username, bot } = user;
    black_box((id, username, bot));
}

fn presence(presence: Presence<'_>) {
    black_box((presence.guild_id, presence.status));
    user(presence.user);
}

fn typing(typing: Typing<'_>) {
    black_box((typing.user_id, typing.channel_id, typing.timestamp));
}

fn voice_state(state: VoiceState<'_>) {
    black_box((state.user_id, state.channel_id, state.session_id));
}

fn reaction(reaction: Reaction<'_>) {
    black_box((reaction.user_id, reaction.message_id));
}
