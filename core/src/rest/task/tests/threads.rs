//! The active threads of one channel.

use super::*;
use crate::id::{ChannelId, GuildId};
use crate::object::Channel;
use crate::rest::task::ActiveThreads;

fn channel(guild: Option<u64>) -> Channel {
    let guild = guild.map(|id| id.to_string());
    serde_json::from_value(json!({ "id": "5", "type": 0, "guild_id": guild })).unwrap()
}

fn list(_: &Draft) -> Response {
    let thread = |id: u64, parent: Value| json!({ "id": id.to_string(), "type": 11, "parent_id": parent });
    let threads =
        [thread(1, json!("5")), thread(2, json!("6")), thread(3, json!("5")), thread(4, Value::Null)];
    let body = json!({ "threads": threads, "members": [] }).to_string();
    Response { status: 200, headers: Vec::new(), body: body.into() }
}

#[test]
fn only_those_of_the_channel_come() {
    for cuts in [0_u32, 1, 2, 3, 5, 7] {
        for task in [channel(Some(7)).threads(), ActiveThreads::of(GuildId(7), ChannelId(5))] {
            let mut at = 0;
            // Once, somewhere.
            let cut = || {
                at += 1;
                at == cuts
            };
            let ran = run(task, list, cut);
            let ids: Vec<u64> = ran.items.iter().map(|thread| thread.id.0).collect();
            assert_eq!(ids, [1, 3], "{cuts}");
            assert_eq!(ran.requests.first().map(String::as_str), Some("GET /guilds/7/threads/active"));
            let progress = ran.task.progress();
            assert_eq!((progress.done, progress.skipped), (2, 2), "{cuts}");
        }
    }
}

#[test]
fn a_channel_without_a_guild_is_refused() {
    let ran = run(channel(None).threads(), list, || false);
    assert!(ran.items.is_empty());
    let error = ran.errors.first().map(ToString::to_string).unwrap_or_default();
    assert!(error.contains("guild_id: is not known of this channel"), "{error}");
}
