use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::fmt::Debug;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::entry::Entries;
use super::table::Fields;
use super::*;
use crate::id::{ChannelId, GuildId, MessageId, RoleId, UserId};

mod files;
mod pages;
mod rare;
mod view;

fn user() -> Value {
    json!({
        "id": "80351110224678912", "username": "mason", "discriminator": "0", "global_name": "Mason",
        "avatar": "a_8342729096ea3675442027381ff50dfe", "banner": null, "accent_color": 16711680, "bot": false,
        "system": false, "flags": 64, "public_flags": 17592186044416_u64, "premium_type": 2, "locale": "en-US",
        "mfa_enabled": true, "verified": true, "email": "a@example.com", "avatar_decoration_data": null,
        "clan": {"tag": "RUST"}, "collectibles": null
    })
}

fn member() -> Value {
    json!({
        "user": user(), "nick": "NOT API SUPPORT", "avatar": null, "roles": ["41771983423143936"],
        "joined_at": "2015-04-26T06:26:56.936000+00:00", "premium_since": null, "deaf": false, "mute": true,
        "flags": 9, "pending": false, "communication_disabled_until": "2026-01-01T00:00:00+00:00",
        "unusual_dm_activity_until": null, "avatar_decoration_data": {"sku_id": "1", "asset": "x"}
    })
}

fn emoji() -> Value {
    json!({"id": "41771983429993937", "name": "LUL", "roles": [], "user": user(), "require_colons": true,
        "managed": false, "animated": false, "available": true, "version": 3})
}

fn attachment() -> Value {
    json!({"id": "1", "filename": "cat.png", "size": 284193, "url": "https://cdn/cat.png", "proxy_url": "x",
        "content_type": "image/png", "height": 720, "width": null, "ephemeral": true, "flags": 33,
        "duration_secs": 1.5, "waveform": "AAA=", "description": "a cat", "placeholder_version": 1})
}

fn reaction() -> Value {
    json!({"count": 2, "count_details": {"burst": 0, "normal": 2}, "me": false, "me_burst": false,
        "emoji": {"id": null, "name": "🔥"}, "burst_colors": []})
}

fn role() -> Value {
    json!({"id": "41771983423143936", "name": "WE DEM BOYZZ", "color": 3447003,
        "colors": {"primary_color": 3447003, "secondary_color": null, "tertiary_color": 1}, "hoist": true,
        "icon": null, "unicode_emoji": "🔥", "position": -1, "permissions": "9007199254740993",
        "managed": false, "mentionable": false, "flags": 1, "tags": {"premium_subscriber": null}})
}

fn channel() -> Value {
    json!({"id": "41771983423143937", "guild_id": "41771983423143937", "name": "general", "type": 0,
        "position": 6, "permission_overwrites": [{"id": "1", "type": 0, "allow": "0", "deny": "1024"}],
        "rate_limit_per_user": 2, "nsfw": true, "topic": "24/7 chat", "last_message_id": "155117677105512449",
        "parent_id": "399942396007890945", "default_auto_archive_duration": 60, "flags": 0,
        "icon_emoji": {"name": "x"}, "theme_color": null, "available_tags": [], "version": 1709650000456_u64})
}

fn thread() -> Value {
    json!({"id": "3", "guild_id": "4", "parent_id": "5", "owner_id": "6", "name": "a thread", "type": 11,
        "last_message_id": null, "message_count": 1, "member_count": 5, "rate_limit_per_user": 2,
        "thread_metadata": {"archived": false, "auto_archive_duration": 1440, "locked": false,
            "archive_timestamp": "2021-04-12T23:40:39.855793+00:00", "create_timestamp": null},
        "total_message_sent": 1, "member": {"flags": 1}, "newly_created": true})
}

fn message() -> Value {
    json!({
        "id": "334385199974967042", "channel_id": "290926798999357250", "guild_id": "41771983423143937",
        "author": user(), "member": {"roles": [], "joined_at": "x", "deaf": false, "mute": false},
        "content": "Supa Hot", "timestamp": "2017-07-11T17:27:07.299000+00:00", "edited_timestamp": null,
        "tts": false, "mention_everyone": false, "mentions": [user()], "mention_roles": ["1"],
        "attachments": [attachment()], "embeds": [{"type": "rich", "color": 16711680, "new": 1.25}], "reactions": [reaction()],
        "pinned": false, "type": 19, "flags": 8192, "nonce": 5, "webhook_id": "7", "components": [],
        "message_reference": {"message_id": "1", "type": 0, "fail_if_not_exists": true},
        "referenced_message": {"id": "1", "channel_id": "2", "type": 0, "content": ""}, "thread": thread(),
        "position": 3, "application_id": null, "channel_type": 0, "sticker_items": [], "poll": null
    })
}

fn voice_state() -> Value {
    json!({"guild_id": "1", "channel_id": null, "user_id": "80351110224678912", "member": member(),
        "session_id": "90326bd25d71d39b9ef95b299e3872ff", "deaf": false, "mute": false, "self_deaf": false,
        "self_mute": true, "self_video": false, "suppress": false, "request_to_speak_timestamp": null})
}

fn presence() -> Value {
    json!({"user": {"id": "1"}, "guild_id": "2", "status": "online", "broadcast": null,
        "client_status": {"desktop": "online", "vr": "idle"}, "activities": [{"type": 0, "name": "Rocket League"}]})
}

fn guild() -> Value {
    json!({
        "id": "197038439483310086", "name": "Discord Testers", "icon": "f64c482b807da4f539cff778d174971c",
        "description": "The official place", "splash": null, "owner_id": "73193882359173120", "afk_timeout": 300,
        "afk_channel_id": null, "system_channel_id": "1", "system_channel_flags": 3, "premium_tier": 3,
        "premium_subscription_count": 33, "preferred_locale": "en-US", "vanity_url_code": "discord-testers",
        "verification_level": 3, "nsfw_level": 0, "features": ["NEWS", "SOMETHING_NEW"], "roles": [role()],
        "emojis": [emoji()], "joined_at": "2020-01-01T00:00:00+00:00", "large": true, "unavailable": false,
        "member_count": 100, "voice_states": [{"user_id": "1", "channel_id": "2", "session_id": "s"}],
        "members": [member()], "channels": [channel()], "threads": [thread()], "presences": [presence()],
        "stickers": [], "stage_instances": [], "soundboard_sounds": [{"volume": 0.5}], "hub_type": null,
        "mfa_level": 1, "max_members": 250000, "incidents_data": null, "premium_progress_bar_enabled": false
    })
}

fn webhook() -> Value {
    json!({"name": "test webhook", "type": 1, "channel_id": "199737254929760256", "token": "3d89bb7572e0fb30",
        "avatar": null, "guild_id": "199737254929760256", "id": "223704706495545344", "application_id": null,
        "user": user(), "url": "https://discord.com/api/webhooks/223704706495545344/3d89bb7572e0fb30"})
}

fn interaction() -> Value {
    json!({"id": "1", "application_id": "2", "type": 2, "token": "A_UNIQUE_TOKEN", "guild_id": "3",
        "channel_id": "4", "channel": {"id": "4", "type": 0, "permissions": "8"}, "member": member(),
        "data": {"id": "5", "name": "blep", "options": [{"name": "x", "value": 1.50}]}, "locale": "en-US",
        "guild_locale": "de", "app_permissions": "442368", "version": 1, "entitlements": [], "context": 0,
        "message": message(), "authorizing_integration_owners": {"0": "3"}})
}

/// Every event that has a type, with a payload.
fn events() -> Vec<(&'static str, Value)> {
    let guild_user = || json!({"guild_id": "1", "user": user(), "new": 1});
    let reaction = || {
        json!({"user_id": "1", "type": 0, "message_id": "2", "message_author_id": "3", "channel_id": "4",
            "guild_id": "5", "member": member(), "emoji": {"id": null, "name": "🔥"}, "burst": false,
            "burst_colors": ["#fff"]})
    };
    let mut joined = member();
    joined["guild_id"] = "9".into();
    vec![
        ("CHANNEL_CREATE", channel()),
        ("CHANNEL_DELETE", channel()),
        ("CHANNEL_UPDATE", channel()),
        ("GUILD_BAN_ADD", guild_user()),
        ("GUILD_BAN_REMOVE", guild_user()),
        ("GUILD_CREATE", guild()),
        ("GUILD_DELETE", json!({"id": "1", "unavailable": true})),
        ("GUILD_MEMBER_ADD", joined.clone()),
        ("GUILD_MEMBER_REMOVE", guild_user()),
        ("GUILD_MEMBER_UPDATE", joined),
        ("GUILD_ROLE_CREATE", json!({"guild_id": "1", "role": role()})),
        ("GUILD_ROLE_DELETE", json!({"guild_id": "1", "role_id": "2", "version": 1})),
        ("GUILD_ROLE_UPDATE", json!({"guild_id": "1", "role": role()})),
        ("GUILD_UPDATE", guild()),
        ("INTERACTION_CREATE", interaction()),
        ("MESSAGE_CREATE", message()),
        ("MESSAGE_DELETE", json!({"id": "1", "channel_id": "2", "guild_id": "3"})),
        ("MESSAGE_DELETE_BULK", json!({"ids": ["1", "2"], "channel_id": "2"})),
        ("MESSAGE_REACTION_ADD", reaction()),
        ("MESSAGE_REACTION_REMOVE", reaction()),
        ("MESSAGE_REACTION_REMOVE_ALL", json!({"channel_id": "1", "message_id": "2", "guild_id": "3"})),
        (
            "MESSAGE_REACTION_REMOVE_EMOJI",
            json!({"channel_id": "1", "message_id": "2", "emoji": {"id": "3", "name": null}}),
        ),
        ("MESSAGE_UPDATE", json!({"id": "1", "channel_id": "2", "embeds": [{"title": "t"}]})),
        ("PRESENCE_UPDATE", presence()),
        ("THREAD_CREATE", thread()),
        ("THREAD_DELETE", json!({"id": "1", "guild_id": "2", "parent_id": "3", "type": 11})),
        ("THREAD_UPDATE", thread()),
        (
            "TYPING_START",
            json!({"channel_id": "1", "user_id": "2", "timestamp": 1709650000, "member": member()}),
        ),
        ("USER_UPDATE", user()),
        ("VOICE_STATE_UPDATE", voice_state()),
    ]
}

fn parsed<T: DeserializeOwned>(value: &Value) -> T {
    serde_json::from_str(&value.to_string()).unwrap()
}

#[test]
fn every_typed_event_keeps_its_whole_payload() {
    let events = events();
    assert!(events.iter().map(|(name, _)| name).eq(Typed::NAMES));
    for (name, payload) in events {
        let typed = Typed::parse(name, payload.to_string().as_bytes()).unwrap();
        assert!(!matches!(typed, Typed::Other(_)), "{name}");
        assert_eq!(serde_json::to_value(&typed).unwrap(), payload, "{name}");
        let written = serde_json::to_string(&typed).unwrap();
        assert_eq!(Typed::parse(name, written.as_bytes()).unwrap(), typed, "{name}");
    }
}

#[test]
fn other_events_are_objects_and_no_objects_are_errors() {
    let typed = Typed::parse("SOMETHING_NEW", br#" { "a" : [1.50, null], "\u0062": "x" } "#).unwrap();
    let Typed::Other(object) = &typed else { panic!("{typed:?}") };
    assert_eq!(object.as_str(), r#"{ "a" : [1.50, null], "\u0062": "x" }"#);
    assert_eq!(object.names().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(object.json("a"), Some("[1.50, null]"));
    assert_eq!(object.get::<String>("b").unwrap().as_deref(), Some("x"));
    assert_eq!(object.get::<String>("c").unwrap(), None);
    assert!(object.get::<u8>("a").is_err());
    assert_eq!(format!("{typed:?}"), "Other(Object(2 fields))");
    for data in ["", "null", "[]", "1", "\"{}\"", "{", "{} x", "{\"a\":01}"] {
        assert!(Typed::parse("SOMETHING_NEW", data.as_bytes()).is_err(), "{data}");
        assert!(Typed::parse("MESSAGE_CREATE", data.as_bytes()).is_err(), "{data}");
    }
    assert!(Typed::parse("SOMETHING_NEW", b"{\"a\":\"\xff\"}").is_err());
    let error = Typed::parse("GUILD_ROLE_DELETE", br#"{"guild_id":"1"}"#).unwrap_err();
    assert!(error.to_string().contains("GUILD_ROLE_DELETE"), "{error}");
}

/// An object's JSON with arbitrary fields more; nulls and fields less, where the object allows it.
fn changed<T: Fields>(sample: Value) -> impl Strategy<Value = Value> {
    let needed: Vec<_> =
        T::TABLE.names.iter().enumerate().filter(|(field, _)| T::NEEDED >> field & 1 == 1).collect();
    let needed: Vec<_> = needed.into_iter().map(|(_, name)| *name).collect();
    let known = prop::collection::vec(0..4, T::TABLE.names.len());
    let extra = prop::collection::btree_map("[a-z_\"\\\\é]{0,8}", any_json(), 0..4);
    (known, extra).prop_map(move |(known, extra)| {
        let mut object = sample.clone();
        let fields = object.as_object_mut().unwrap();
        for (name, change) in T::TABLE.names.iter().zip(known) {
            match change {
                0 if !needed.contains(name) => drop(fields.insert((*name).into(), Value::Null)),
                1 if !needed.contains(name) => drop(fields.remove(*name)),
                _ => {}
            }
        }
        for (name, value) in extra {
            if !T::TABLE.names.contains(&&*name) {
                fields.insert(name, value);
            }
        }
        object
    })
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        // serde_json reads longer ones with an error in the last digit.
        any::<i16>().prop_map(|number| (f64::from(number) / 8.0).into()),
        ".{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(".{0,6}", inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

/// Reads a value in every way that serde_json has, and through serde's own buffer.
fn keeps_all<T>(sample: Value)
where
    T: Fields + DeserializeOwned + Serialize + PartialEq + Debug,
{
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Buffered<T> {
        It(T),
    }
    let mut runner = TestRunner::new(Config::with_cases(48));
    let law = |value: Value| {
        let (short, long) = (value.to_string(), format!("{value:#}"));
        let first: T = serde_json::from_str(&short).unwrap();
        let Buffered::It(buffered) = serde_json::from_str(&short).unwrap();
        let ways: [T; 5] = [
            serde_json::from_slice(long.as_bytes()).unwrap(),
            serde_json::from_value(value.clone()).unwrap(),
            T::deserialize(&value).unwrap(),
            buffered,
            serde_json::from_str(&serde_json::to_string(&first).unwrap()).unwrap(),
        ];
        for object in ways.iter().chain([&first]) {
            let written = serde_json::to_string(object).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Value>(&written).unwrap(), &value);
            prop_assert_eq!(&serde_json::to_value(object).unwrap(), &value);
        }
        let names: Vec<_> = table::names(&first).collect();
        let fields = value.as_object().unwrap();
        prop_assert_eq!(names.len(), fields.len());
        for name in names {
            let read = table::get::<_, Value>(&first, &name).unwrap();
            prop_assert_eq!(read.as_ref(), fields.get(&*name), "{}", name);
        }
        Ok(())
    };
    law(sample.clone()).unwrap();
    runner.run(&changed::<T>(sample), law).unwrap();
}

#[test]
fn users_and_members_keep_all() {
    keeps_all::<User>(user());
    keeps_all::<Member>(member());
}

#[test]
fn channels_keep_all() {
    keeps_all::<Channel>(channel());
    keeps_all::<Channel>(thread());
    keeps_all::<Overwrite>(json!({"id": "1", "type": 9, "allow": "8", "deny": "18446744073709551615"}));
}

#[test]
fn messages_keep_all() {
    keeps_all::<Message>(message());
    keeps_all::<Attachment>(attachment());
    keeps_all::<Reaction>(reaction());
    keeps_all::<Emoji>(emoji());
}

#[test]
fn guilds_keep_all() {
    keeps_all::<Guild>(guild());
    keeps_all::<Role>(role());
    keeps_all::<VoiceState>(voice_state());
    keeps_all::<Presence>(presence());
}

#[test]
fn webhooks_and_interactions_keep_all() {
    keeps_all::<Webhook>(webhook());
    keeps_all::<Interaction>(interaction());
    keeps_all::<MessageReaction>(json!({"message_id": "1", "channel_id": "2"}));
}

#[test]
fn unknown_numbers_and_texts_survive() {
    let channel: Channel = parsed(&json!({"id": "1", "type": 4294967295_u32, "flags": u64::MAX}));
    assert_eq!((channel.kind, channel.kind.name()), (ChannelType(u32::MAX), None));
    assert_eq!(
        format!("{:?} {}", channel.kind, ChannelType::GUILD_FORUM),
        "ChannelType(4294967295) GUILD_FORUM"
    );
    assert_eq!(channel.flags, ChannelFlags(u64::MAX));
    assert_eq!(ChannelType::KNOWN.len(), 13);
    let long = "x".repeat(300);
    for status in ["online", "", "a status that is longer than any so far", &long, "zażółć"] {
        let value = json!({"user": {"id": "1"}, "status": status});
        let presence: Presence = parsed(&value);
        assert_eq!((presence.status.as_str(), presence.status == status), (status, true));
        assert_eq!(serde_json::to_value(presence).unwrap(), value);
    }
    assert_eq!(Status::from("idle"), Status::IDLE);
    let role: Role = parsed(&json!({"id": "1", "permissions": 8}));
    assert!(role.permissions.contains(Permissions::ADMINISTRATOR));
    assert_eq!(role.permissions.names().collect::<Vec<_>>(), ["ADMINISTRATOR"]);
    assert_eq!(role.json("permissions").as_deref(), Some("\"8\""));
}

#[test]
fn null_and_absent_stay_apart_and_changes_are_written_once() {
    let text = r#"{"nick":null,"roles":null,"avatar_decoration_data":null,"new":null,"collectibles":[]}"#;
    let mut member: Member = serde_json::from_str(text).unwrap();
    assert_eq!((member.nick.as_deref(), member.roles.len(), member.deaf), (None, 0, false));
    assert_eq!(
        member.names().collect::<Vec<_>>(),
        ["nick", "roles", "avatar_decoration_data", "collectibles", "new"]
    );
    assert!(member.has("nick") && !member.has("deaf") && !member.has("joined_at"));
    assert_eq!(member.get::<Value>("nick").unwrap(), Some(Value::Null));
    assert_eq!(member.get::<String>("nick").unwrap(), None);
    assert_eq!(member.get::<Option<String>>("new").unwrap(), Some(None));
    assert_eq!(member.get::<Value>("joined_at").unwrap(), None);
    assert_eq!(member.rest.names().collect::<Vec<_>>(), ["avatar_decoration_data", "collectibles", "new"]);
    member.nick = Some("n".into());
    member.roles.push(RoleId(1));
    member.mute = true;
    let written = serde_json::to_string(&member).unwrap();
    assert_eq!(
        written,
        concat!(
            r#"{"nick":"n","roles":["1"],"mute":true,"avatar_decoration_data":null,"#,
            r#""collectibles":[],"new":null}"#
        )
    );
    let made = Member { nick: Some("n".into()), ..Member::default() };
    assert_eq!(serde_json::to_string(&made).unwrap(), r#"{"nick":"n"}"#);
    assert!(made.rest.is_empty() && !member.rest.is_empty());
}

#[test]
fn numbers_and_escapes_of_other_fields_are_kept_to_the_letter() {
    let text = r#"{"id":"1","x":[1.50,1e400,-0,123456789012345678901234567890],"z":"\ud800","y":"\/"}"#;
    let user: User = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_string(&user).unwrap().matches("1.50,1e400,-0,1234").count(), 1);
    assert_eq!(user.json("z").as_deref(), Some(r#""\ud800""#));
    assert_eq!(user.json("y").as_deref(), Some(r#""\/""#));
    assert_eq!(user.get::<String>("y").unwrap().as_deref(), Some("/"));
    assert!(user.get::<Value>("x").is_err());
}

#[test]
fn of_keys_that_stand_twice_the_last_counts_unless_they_are_known() {
    let user: User = serde_json::from_str(r#"{"id":"1","x":1,"x":2}"#).unwrap();
    assert_eq!(user.get::<u8>("x").unwrap(), Some(2));
    assert_eq!(serde_json::to_value(&user).unwrap(), json!({"id": "1", "x": 2}));
    for text in [
        r#"{"id":"1","id":"1"}"#,
        r#"{"id":"1","clan":null,"clan":1}"#,
        r#"{"id":"1","member":{"user":{},"user":null}}"#,
    ] {
        assert!(serde_json::from_str::<User>(text).is_err(), "{text}");
    }
}

#[test]
fn what_a_field_cannot_be_is_an_error() {
    for text in [
        r#"{}"#,
        r#"{"id":null}"#,
        r#"{"id":"x"}"#,
        r#"{"id":"1","username":1}"#,
        r#"{"id":"1","bot":"yes"}"#,
        r#"{"id":"1","flags":-1}"#,
        r#"{"id":"1","premium_type":1.5}"#,
        r#"{"id":"1","member":[]}"#,
        r#"{"id":"1","x":}"#,
        r#"{"id":"1","x":tru}"#,
        r#"["1"]"#,
    ] {
        assert!(serde_json::from_str::<User>(text).is_err(), "{text}");
    }
}

#[test]
fn mentions_are_resolved() {
    let message = |content: &str| Message {
        content: content.into(),
        mentions: vec![User { id: UserId(7), username: "mason".into(), ..User::default() }],
        ..Message::default()
    };
    for (content, resolved) in [
        ("", ""),
        ("plain <@", "plain <@"),
        ("<@7>", "@mason"),
        ("hi <@!7>, <@7> and <@8>!", "hi @mason, @mason and @unknown!"),
        ("<@&7> <#7> <@> <@!> <@x> <@+7>", "<@&7> <#7> <@> <@!> <@x> <@+7>"),
        ("<@<@7>é<@7", "<@@masoné<@7"),
        ("<@99999999999999999999>", "<@99999999999999999999>"),
        ("<@!<@!7>>", "<@!@mason>"),
    ] {
        assert_eq!(message(content).resolved_content(), resolved, "{content}");
    }
}

#[test]
fn names_kinds_and_addresses() {
    let mut user: User = parsed(&json!({"id": "1", "username": "u", "bot": true}));
    assert!(user.is_bot());
    assert_eq!(user.display_name(), "u");
    user.global_name = Some("g".into());
    let mut member = Member { user: Some(user), ..Member::default() };
    assert_eq!(member.display_name(), Some("g"));
    member.nick = Some("n".into());
    assert_eq!(member.display_name(), Some("n"));
    assert_eq!(Member::default().display_name(), None);

    let of = |kind| Channel { id: ChannelId(2), kind, ..Channel::default() };
    let kinds = |is: fn(&Channel) -> bool| {
        let numbers = ChannelType::KNOWN.iter().filter(|kind| is(&of(**kind))).map(|kind| kind.0);
        numbers.collect::<Vec<_>>()
    };
    assert_eq!(kinds(Channel::is_text), [0, 1, 3, 5, 10, 11, 12]);
    assert_eq!(kinds(Channel::is_thread), [10, 11, 12]);
    assert_eq!(kinds(Channel::is_voice), [2, 13]);
    assert_eq!(kinds(Channel::is_direct), [1, 3]);

    assert_eq!(of(ChannelType::DM).url().unwrap(), "https://discord.com/channels/@me/2");
    assert_eq!(of(ChannelType::GUILD_TEXT).url(), None);
    assert_eq!(of(ChannelType::GUILD_TEXT).message_url(MessageId(3)), None);
    let channel = Channel { guild_id: Some(GuildId(1)), ..of(ChannelType::GUILD_TEXT) };
    assert_eq!(channel.url().unwrap(), "https://discord.com/channels/1/2");
    assert_eq!(channel.message_url(MessageId(3)).unwrap(), "https://discord.com/channels/1/2/3");
    let mut message = Message { id: MessageId(3), channel_id: ChannelId(2), ..Message::default() };
    // As a request brings it: it may be anywhere.
    assert_eq!(message.url(), None);
    assert_eq!(message.url_in(None), "https://discord.com/channels/@me/2/3");
    assert_eq!(Some(message.url_in(GuildId(1))), channel.message_url(MessageId(3)));
    message.channel_type = Some(ChannelType::GUILD_TEXT);
    assert_eq!(message.url(), None);
    message.channel_type = Some(ChannelType::DM);
    assert_eq!(message.url().unwrap(), "https://discord.com/channels/@me/2/3");
    message.channel_type = None;
    message.guild_id = Some(GuildId(1));
    assert_eq!(message.url(), channel.message_url(MessageId(3)));
    assert_eq!(Guild { id: GuildId(1), ..Guild::default() }.url(), "https://discord.com/channels/1");

    let interaction: Interaction = parsed(&interaction());
    assert_eq!(interaction.author().unwrap().username, "mason");
    assert_eq!(interaction.data.unwrap().parse::<Map<String, Value>>().unwrap()["name"], "blep");
}

#[test]
fn debug_is_short_and_holds_no_secret() {
    let cases: [(Box<dyn Debug>, &str); 14] = [
        (Box::new(parsed::<User>(&user())), r#"User(80351110224678912 "mason")"#),
        (Box::new(parsed::<Member>(&member())), r#"Member(80351110224678912 "NOT API SUPPORT")"#),
        (Box::new(parsed::<Guild>(&guild())), r#"Guild(197038439483310086 "Discord Testers")"#),
        (Box::new(parsed::<Guild>(&json!({"id": "1", "unavailable": true}))), "Guild(1 unavailable)"),
        (Box::new(parsed::<Channel>(&channel())), r#"Channel(41771983423143937 GUILD_TEXT "general")"#),
        (Box::new(parsed::<Channel>(&json!({"id": "1", "type": 1}))), "Channel(1 DM)"),
        (Box::new(parsed::<Message>(&message())), r#"Message(334385199974967042 by "mason": "Supa Hot")"#),
        (
            Box::new(parsed::<Attachment>(&attachment())),
            r#"Attachment(1 "cat.png", "image/png", 284193 bytes)"#,
        ),
        (Box::new(parsed::<Reaction>(&reaction())), r#"Reaction(2 x Emoji("🔥"))"#),
        (Box::new(parsed::<Role>(&role())), r#"Role(41771983423143936 "WE DEM BOYZZ")"#),
        (Box::new(parsed::<Webhook>(&webhook())), r#"Webhook(223704706495545344 "test webhook")"#),
        (Box::new(parsed::<Interaction>(&interaction())), r#"Interaction(1 APPLICATION_COMMAND by "mason")"#),
        (Box::new(parsed::<Presence>(&presence())), "Presence(1 online)"),
        (Box::new(parsed::<VoiceState>(&voice_state())), "VoiceState(80351110224678912 in no channel)"),
    ];
    for (object, text) in cases {
        assert_eq!(format!("{object:?}"), text);
    }
    let long = Message { content: "é".repeat(31), ..Message::default() };
    assert_eq!(format!("{long:?}"), format!("Message(0: \"{}\"..)", "é".repeat(30)));
    let exact = Message { content: "é".repeat(30), ..Message::default() };
    assert_eq!(format!("{exact:?}"), format!("Message(0: \"{}\")", "é".repeat(30)));
    for (name, payload) in events() {
        let text = format!("{:?}", Typed::parse(name, payload.to_string().as_bytes()).unwrap());
        assert!(text.len() < 120, "{text}");
        for secret in ["A_UNIQUE_TOKEN", "90326bd25d71d39b9ef95b299e3872ff"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
    let webhook: Webhook = parsed(&webhook());
    let text = format!("{:?} {:?} {:?}", webhook.token, webhook.url, webhook.rest);
    assert!(!text.contains("3d89bb7572e0fb30"), "{text}");
    assert_eq!(webhook.token.unwrap().expose(), "3d89bb7572e0fb30");
}

#[test]
fn times_are_read() {
    for (text, millis) in [
        ("1970-01-01T00:00:00+00:00", Some(0)),
        ("2021-05-28T12:34:56.789000+00:00", Some(1_622_205_296_789)),
        ("2021-05-28T14:34:56.789123+02:00", Some(1_622_205_296_789)),
        ("2024-02-29T23:59:59.9Z", Some(1_709_251_199_900)),
        ("1969-12-31T23:59:59.999-00:00", Some(-1)),
        ("2000-03-01T00:00:00-01:30", Some(951_874_200_000)),
        ("0000-01-01T00:00:00Z", Some(-62_167_219_200_000)),
        ("9999-12-31T23:59:59.999999999999999999999999Z", Some(253_402_300_799_999)),
        ("2021-13-28T12:34:56+00:00", None),
        ("2021-05-28 12:34:56+00:00", None),
        ("2021-05-28T12:34:56", None),
        ("2021-05-28T12:34:56.", None),
        ("2021-05-28T12:34:5é+00:00", None),
        ("+021-05-28T12:34:56+00:00", None),
        ("", None),
    ] {
        assert_eq!(DateTime::from(text).unix_millis(), millis, "{text}");
    }
}

#[test]
fn depth_is_bounded() {
    // Deeper than any stack, and than the 128 levels at which serde_json stops.
    fn nested<T: Fields + DeserializeOwned + Serialize + Clone>(open: &str, close: &str) -> T {
        let text = format!("{}null{}", open.repeat(100_000), close.repeat(100_000));
        let object: T = serde_json::from_str(&text).unwrap();
        assert!(serde_json::to_string(&object.clone()).unwrap() == text);
        object
    }
    let message: Message = nested(r#"{"id":"1","channel_id":"1","referenced_message":"#, "}");
    let reply = message.referenced_message.unwrap();
    assert!(reply.referenced_message.is_none() && reply.has("referenced_message"));
    assert_eq!(reply.names().count(), 3);
    let user: User = nested(r#"{"id":"1","member":{"user":"#, "}}");
    assert!(user.member.unwrap().user.is_none());
    let member: Member = nested(r#"{"user":{"id":"1","member":"#, "}}");
    let inner = member.user.unwrap().member.unwrap();
    assert_eq!(inner.get::<User>("user").unwrap().unwrap().id, UserId(1));
    assert!(inner.json("user").unwrap().len() > 1_000_000);

    for user in ["[]", "null", r#"{"id":"7"}"#, r#"{"id":"7"},"nick":"x""#] {
        let text = format!(r#"{{"id":"1","member":{{"user":{user}}}}}"#);
        let inner: User = serde_json::from_str(&text).unwrap();
        let expected: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(serde_json::to_value(&inner).unwrap(), expected);
        let member = inner.member.unwrap();
        assert_eq!(member.names().filter(|name| name == "user").count(), 1);
        assert_eq!(member.get::<Value>("user").unwrap().as_ref(), expected["member"].get("user"));
    }
    let text = format!(r#"{{"id":"1","x":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    let user: User = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&user).unwrap(), text);
    assert!(user.get::<Value>("x").is_err());
}

proptest! {
    #[test]
    fn any_bytes_are_parsed_or_refused(
        bytes in prop::collection::vec(any::<u8>(), 0..64), text in "[{}\\[\\]\",:\\\\ a-z0-9]{0,48}",
    ) {
        for (name, _) in events() {
            for data in [&bytes[..], text.as_bytes(), format!("{{\"id\":\"1\",{text}}}").as_bytes()] {
                if let Ok(typed) = Typed::parse(name, data) {
                    prop_assert!(serde_json::to_string(&typed).is_ok());
                }
            }
        }
        for entry in Entries::new(&text) {
            let _ = (entry.name(), entry.value);
        }
    }

    #[test]
    fn a_payload_with_a_byte_changed_is_read_as_it_is_or_refused(
        event in 0..30_usize, at: prop::sample::Index, byte: u8,
    ) {
        let (name, payload) = events().swap_remove(event);
        let mut data = payload.to_string().into_bytes();
        let at = at.index(data.len());
        data[at] = byte;
        if let (Ok(typed), Ok(value)) = (Typed::parse(name, &data), serde_json::from_slice::<Value>(&data)) {
            let written = serde_json::to_value(&typed).unwrap();
            if !data.get(at.saturating_sub(1)..=at).is_some_and(|near| near.contains(&b'0') || near.contains(&b'+')) {
                prop_assert_eq!(written, value);
            }
        }
    }

    #[test]
    fn entries_are_those_of_the_object(map in prop::collection::btree_map(".{0,6}", any_json(), 0..5)) {
        let value = Value::Object(map.clone().into_iter().collect());
        for text in [value.to_string(), format!("{value:#}")] {
            let object: Object = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(object.names().map(|name| name.into_owned()).collect::<Vec<_>>(),
                map.keys().map(ToOwned::to_owned).collect::<Vec<_>>());
            for (name, value) in &map {
                let read = object.get::<Value>(name).unwrap();
                prop_assert_eq!(read.as_ref(), Some(value));
            }
            prop_assert_eq!(object.parse::<Value>().unwrap(), Value::Object(map.clone().into_iter().collect()));
        }
    }

    #[test]
    fn times_never_panic(text in "[0-9TZ:.+é-]{0,40}") {
        let _ = DateTime::from(&*text).unix_millis();
    }
}
