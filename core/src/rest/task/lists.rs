//! Which endpoints come by pages, and how.

use alloc::vec::Vec;

use serde::Deserialize;

use crate::id::{ChannelId, GuildId, MessageId, UserId};
use crate::object::{Ban, Channel, Member, Message, Pin, PinPage, ThreadList, ThreadMember, User, UserGuild};
use crate::rest::endpoint::{
    GetActiveThreads, GetBans, GetCurrentUserGuilds, GetGuildChannels, GetJoinedPrivateArchivedThreads,
    GetMessages, GetPins, GetPollAnswerVoters, GetPrivateArchivedThreads, GetPublicArchivedThreads,
    GetReactions, GetThreadMembers, ListGuildMembers, SearchGuildMembers,
};
use crate::rest::task::moment::Moment;
use crate::rest::task::pages::{Order, Paged, Pages};

/// A channel's messages: `channel.messages().all()`.
///
/// From the newest to the oldest, or from `before` on; from `after` on to the newest if that was given, and from the
/// oldest with [`oldest_first`](Pages::oldest_first).
pub type History = Pages<GetMessages>;

/// A guild's members, by id.
pub type Members = Pages<ListGuildMembers>;

/// Our own guilds, by id.
pub type Guilds = Pages<GetCurrentUserGuilds>;

macro_rules! paged {
    ($(
        $endpoint:ty: $order:ident $least:literal..=$most:literal $page:ty $(, $list:literal)? => $item:ty,
        $key:ty = $of:expr $(, at [$($at:literal)*])?
        $(, with $fixed:expr)? $(, shared by $id:expr, at [$($id_at:literal)*], $next:expr)?;
    )*) => {$(
        impl Paged for $endpoint {
            type Item = $item;
            type Page = $page;
            type Key = $key;
            const ORDER: Order = Order::$order;
            const SIZE: (u32, u32) = ($least, $most);
            $(const FIXED: &'static [(&'static str, &'static str)] = &[$fixed];)?
            $(const LIST: Option<&'static str> = Some($list);)?
            $(const KEY: &'static [&'static str] = &[$($at),*];)?
            $(const ID: Option<&'static [&'static str]> = Some(&[$($id_at),*]);)?

            fn entries(page: $page) -> (Vec<$item>, Option<bool>) {
                Entries::entries(page)
            }

            fn key(item: &$item) -> Option<$key> {
                let key: fn(&$item) -> Option<$key> = $of;
                key(item)
            }

            $(
                fn id(item: &$item) -> Option<u64> {
                    let id: fn(&$item) -> Option<u64> = $id;
                    id(item)
                }

                fn next(key: &$key) -> Option<$key> {
                    let next: fn($key) -> Option<$key> = $next;
                    next(*key)
                }
            )?
        }
    )*};
}

// The sizes are those of discord-api-docs; of archived threads, those of its OpenAPI description.
paged! {
    GetMessages: Either 1..=100 Vec<Message> => Message, MessageId = |message| Some(message.id);
    GetReactions: Up 1..=100 Vec<User> => User, UserId = |user| Some(user.id);
    GetPollAnswerVoters: Up 1..=100 Voters, "users" => User, UserId = |user| Some(user.id);
    GetPins: Down 1..=50 PinPage, "items" => Pin, Moment = |pin| pin.pinned_at.as_ref()?.parse().ok(),
        at ["pinned_at"], shared by |pin| Some(pin.message.id.0), at ["message" "id"], Moment::next;
    GetCurrentUserGuilds: Up 1..=200 Vec<UserGuild> => UserGuild, GuildId = |guild| Some(guild.id);
    GetGuildChannels: Once 1..=500 Vec<Channel> => Channel, ChannelId = |channel| Some(channel.id);
    GetActiveThreads: Once 1..=1000 ThreadList, "threads" => Channel, ChannelId = |thread| Some(thread.id);
    ListGuildMembers: Up 1..=1000 Vec<Member> => Member, UserId = member, at ["user" "id"];
    SearchGuildMembers: Once 1..=1000 Vec<Member> => Member, UserId = member, at ["user" "id"];
    GetBans: Up 1..=1000 Vec<Ban> => Ban, UserId = |ban| Some(ban.user.id), at ["user" "id"];
    GetThreadMembers: Up 1..=100 Vec<ThreadMember> => ThreadMember, UserId = |member| member.user_id,
        at ["user_id"], with ("with_member", "true");
    GetPublicArchivedThreads: Down 2..=100 ThreadList, "threads" => Channel, Moment = archived,
        at ["thread_metadata" "archive_timestamp"], shared by |thread| Some(thread.id.0), at ["id"], Moment::next;
    GetPrivateArchivedThreads: Down 2..=100 ThreadList, "threads" => Channel, Moment = archived,
        at ["thread_metadata" "archive_timestamp"], shared by |thread| Some(thread.id.0), at ["id"], Moment::next;
    GetJoinedPrivateArchivedThreads: Down 2..=100 ThreadList, "threads" => Channel, ChannelId = |thread| Some(thread.id);
}

/// Who gave an answer to a poll (discord-api-docs, Poll, Get Answer Voters).
#[derive(Deserialize)]
pub struct Voters {
    users: Vec<User>,
}

fn member(member: &Member) -> Option<UserId> {
    member.user.as_ref().map(|user| user.id)
}

fn archived(thread: &Channel) -> Option<Moment> {
    thread.thread_metadata.as_ref()?.archive_timestamp.as_ref()?.parse().ok()
}

/// A page's entries, and whether there are more, if that is said.
trait Entries<T> {
    fn entries(self) -> (Vec<T>, Option<bool>);
}

impl<T> Entries<T> for Vec<T> {
    fn entries(self) -> (Self, Option<bool>) {
        (self, None)
    }
}

impl Entries<Channel> for ThreadList {
    fn entries(self) -> (Vec<Channel>, Option<bool>) {
        (self.threads, Some(self.has_more))
    }
}

impl Entries<Pin> for PinPage {
    fn entries(self) -> (Vec<Pin>, Option<bool>) {
        (self.items, Some(self.has_more))
    }
}

impl Entries<User> for Voters {
    fn entries(self) -> (Vec<User>, Option<bool>) {
        (self.users, None)
    }
}
