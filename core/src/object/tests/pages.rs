//! The objects that requests answer with, and the parts of messages: payloads of the documented fields.

use super::*;

fn embed() -> Value {
    json!({"type": "rich", "title": "Title", "description": "Text", "url": "https://example.com", "color": 16711680,
        "timestamp": "2026-03-01T00:00:00.000000+00:00",
        "footer": {"text": "the end", "icon_url": "https://example.com/a.png", "proxy_icon_url": "p"},
        "image": {"url": "u", "proxy_url": "p", "height": 1, "width": 2, "content_type": "image/png",
            "placeholder": "x", "placeholder_version": 1, "flags": 0},
        "thumbnail": {"url": "u"}, "video": {"url": null, "height": null}, "provider": {"name": "p", "url": null},
        "author": {"name": "a", "url": "u", "icon_url": "i", "proxy_icon_url": "p"},
        "fields": [{"name": "n", "value": "v", "inline": true}, {"name": "m", "value": "w", "inline": false}],
        "content_scan_version": 2, "flags": null, "components": []})
}

fn poll() -> Value {
    json!({"question": {"text": "Which?"}, "allow_multiselect": false, "layout_type": 1,
        "answers": [{"answer_id": 1, "poll_media": {"text": "This", "emoji": {"id": null, "name": "🔥"}}},
            {"answer_id": 2, "poll_media": {"text": null, "emoji": {"id": "5", "name": "x"}}}],
        "expiry": "2026-03-01T00:00:00+00:00",
        "results": {"is_finalized": true, "answer_counts": [{"id": 1, "count": 3, "me_voted": true, "new": 1}]}})
}

fn sticker() -> Value {
    json!({"id": "749054660769218631", "name": "Wave", "tags": "wumpus, hello", "type": 1, "format_type": 3,
        "description": "Wumpus waves", "asset": "", "pack_id": "847199849233514549", "sort_value": 12,
        "available": true, "guild_id": null, "user": user()})
}

fn components() -> Value {
    json!([{"type": 17, "id": 1, "accent_color": 703487, "spoiler": false, "components": [
        {"type": 10, "id": 2, "content": "Text"},
        {"type": 9, "id": 3, "components": [{"type": 10, "id": 4, "content": "beside"}],
            "accessory": {"type": 2, "id": 5, "style": 5, "label": "Go", "url": "https://example.com"}},
        {"type": 1, "id": 6, "components": [
            {"type": 2, "id": 7, "style": 1, "label": "Yes", "custom_id": "yes", "disabled": true,
                "emoji": {"id": null, "name": "🔥"}},
            {"type": 2, "id": 8, "style": 6, "sku_id": "9"},
            {"type": 3, "id": 9, "custom_id": "pick", "options": [{"label": "a", "value": "b"}], "min_values": 1,
                "max_values": 2, "placeholder": "p"}]},
        {"type": 12, "id": 10, "items": [{"media": {"url": "u"}, "spoiler": true}]},
        {"type": 4711, "id": 11, "new": {"a": [1.50]}}]}])
}

fn whole_message() -> Value {
    let mut message = message();
    message["embeds"] = json!([embed(), {"type": "link"}]);
    message["poll"] = poll();
    message["sticker_items"] = json!([{"id": "1", "name": "Wave", "format_type": 99}]);
    message["components"] = components();
    message["message_snapshots"] = json!([snapshot(), {"message": null}]);
    message["interaction_metadata"] = json!({"id": "1", "type": 2, "user": user()});
    message
}

fn snapshot() -> Value {
    json!({"guild_id": "1", "message": {"type": 0, "content": "as it was", "mentions": [user()],
        "mention_roles": ["5"], "attachments": [attachment()], "embeds": [embed()], "flags": 4,
        "timestamp": "2026-03-01T00:00:00+00:00", "edited_timestamp": null, "components": components(),
        "sticker_items": [{"id": "1", "name": "Wave", "format_type": 1}], "stickers": [sticker()]}})
}

fn application() -> Value {
    json!({"id": "172150183260323840", "name": "Baba O-Riley", "icon": null, "description": "Test", "type": null,
        "bot": user(), "bot_public": true, "bot_require_code_grant": false, "verify_key": "1e0a356058d627ca",
        "owner": user(), "team": {"id": "1", "name": "t", "icon": null, "owner_user_id": "2", "members": [{}]},
        "guild_id": "290926798626357260", "primary_sku_id": "172150183260323841", "slug": "test",
        "cover_image": "31deabb7e45b6c8ecfef77d2f99c81a5", "flags": 8421376, "flags_new": "8421376",
        "approximate_guild_count": 2, "approximate_user_install_count": 0, "tags": ["a", "b"],
        "interactions_endpoint_url": null, "event_webhooks_url": null, "terms_of_service_url": "u",
        "privacy_policy_url": "u", "custom_install_url": "u", "install_params": {"scopes": ["bot"]},
        "redirect_uris": [], "integration_types_config": {"0": {}}, "approximate_user_authorization_count": 1})
}

fn command() -> Value {
    json!({"id": "1", "type": 1, "application_id": "2", "guild_id": "3", "name": "blep", "description": "Sends",
        "version": "4", "default_member_permissions": "8", "nsfw": false, "integration_types": [0, 1, 7],
        "contexts": null, "dm_permission": true, "name_localizations": {"de": "b"}, "options": [
            {"type": 2, "name": "group", "description": "d", "options": [
                {"type": 1, "name": "sub", "description": "d", "options": [
                    {"type": 3, "name": "animal", "description": "d", "required": true, "min_length": 1,
                        "max_length": 6000, "autocomplete": false,
                        "choices": [{"name": "Dog", "value": "animal_dog", "name_localizations": null}]},
                    {"type": 10, "name": "x", "description": "d", "min_value": 0.5, "max_value": 1e3,
                        "choices": [{"name": "half", "value": 0.5}]},
                    {"type": 7, "name": "c", "description": "d", "channel_types": [0, 99]}]}]}]})
}

fn callback() -> Value {
    json!({"interaction": {"id": "1", "type": 2, "activity_instance_id": null, "response_message_id": "5",
            "response_message_loading": false, "response_message_ephemeral": true, "channel_id": "6",
            "guild_id": "7"},
        "resource": {"type": 4, "message": whole_message(), "activity_instance": null}})
}

fn thread_member() -> Value {
    json!({"id": "1", "user_id": "2", "join_timestamp": "2026-03-01T00:00:00+00:00", "flags": 1,
        "member": member(), "muted": true, "mute_config": null})
}

fn forum() -> Value {
    json!({"id": "1", "type": 15, "guild_id": "2", "name": "forum", "topic": "Rules",
        "available_tags": [{"id": "3", "name": "bug", "moderated": true, "emoji_id": null, "emoji_name": "🔥"}],
        "default_reaction_emoji": {"emoji_id": "5", "emoji_name": null}, "default_sort_order": null,
        "default_forum_layout": 2, "default_tag_setting": "match_some", "status": null, "flags": 16})
}

fn invite() -> Value {
    json!({"type": 0, "code": "0vCdhLbwjZZTWZLD", "guild_id": "165176875973476352", "inviter": user(),
        "guild": {"id": "165176875973476352", "name": "CS:GO", "features": ["NEWS"], "nsfw": null,
            "premium_subscription_count": 5, "splash": null},
        "channel": {"id": "165176875973476352", "name": "illuminati", "type": 0}, "target_type": 2,
        "target_user": user(), "target_application": application(), "approximate_presence_count": 1,
        "approximate_member_count": null, "expires_at": null, "uses": 1, "max_uses": 0, "max_age": 86400,
        "temporary": false, "created_at": "2026-03-01T00:00:00+00:00", "flags": 0, "profile": {"id": "1"},
        "guild_scheduled_event": scheduled_event(), "roles": []})
}

fn scheduled_event() -> Value {
    json!({"id": "1", "guild_id": "2", "channel_id": null, "creator_id": "3", "name": "n", "description": null,
        "scheduled_start_time": "2026-03-01T00:00:00+00:00", "scheduled_end_time": null, "status": 9,
        "user_count": 5, "entity_type": 3, "entity_metadata": {"location": "here"}, "recurrence_rule": null})
}

fn audit_log() -> Value {
    json!({"users": [user()], "threads": [thread()], "webhooks": [webhook()], "integrations": [{"id": "1"}],
        "application_commands": [command()], "guild_scheduled_events": [scheduled_event()],
        "auto_moderation_rules": [], "audit_log_entries": [
            {"id": "1", "action_type": 25, "user_id": "2", "target_id": "3", "reason": "because",
                "options": {"count": "1"}, "changes": [
                    {"key": "$add", "new_value": [{"id": "4", "name": "r"}]},
                    {"key": "nick", "old_value": "x", "new_value": null}]},
            {"id": "2", "action_type": 9999, "user_id": null, "target_id": null}]})
}

fn search() -> Value {
    json!({"doing_deep_historical_index": false, "documents_indexed": null, "total_results": 175,
        "messages": [[whole_message()], [message()], []], "threads": [thread()], "members": [thread_member()],
        "analytics_id": "x", "new": 1})
}

fn preview() -> Value {
    json!({"id": "197038439483310086", "name": "Testers", "icon": "f64c482b807da4f539cff778d174971c",
        "splash": null, "discovery_splash": null, "description": "d", "features": ["NEWS", "NEW"],
        "emojis": [emoji()], "stickers": [sticker()], "approximate_member_count": 60_814,
        "approximate_presence_count": 20_034, "home_header": null})
}

fn user_guild() -> Value {
    json!({"id": "80351110224678912", "name": "1337 Krew", "icon": "8342729096ea3675442027381ff50dfe",
        "banner": null, "owner": true, "permissions": "36953089", "features": ["COMMUNITY"],
        "approximate_member_count": 3268, "approximate_presence_count": null})
}

#[test]
fn parts_of_messages_keep_all() {
    keeps_all::<Embed>(embed());
    keeps_all::<Poll>(poll());
    keeps_all::<Sticker>(sticker());
    keeps_all::<Component>(components()[0].clone());
    keeps_all::<MessageSnapshot>(snapshot());
    keeps_all::<SnapshotMessage>(snapshot()["message"].clone());
    keeps_all::<Message>(whole_message());
}

#[test]
fn small_parts_keep_all() {
    let (embed, poll) = (embed(), poll());
    keeps_all::<EmbedFooter>(embed["footer"].clone());
    keeps_all::<EmbedMedia>(embed["image"].clone());
    keeps_all::<EmbedProvider>(embed["provider"].clone());
    keeps_all::<EmbedAuthor>(embed["author"].clone());
    keeps_all::<EmbedField>(embed["fields"][0].clone());
    keeps_all::<PollMedia>(poll["answers"][0]["poll_media"].clone());
    keeps_all::<PollAnswer>(poll["answers"][1].clone());
    keeps_all::<PollResults>(poll["results"].clone());
    keeps_all::<PollAnswerCount>(poll["results"]["answer_counts"][0].clone());
    keeps_all::<StickerItem>(json!({"id": "1", "name": "Wave", "format_type": 1}));
    keeps_all::<ForumTag>(forum()["available_tags"][0].clone());
    keeps_all::<DefaultReaction>(forum()["default_reaction_emoji"].clone());
}

#[test]
fn applications_and_commands_keep_all() {
    keeps_all::<Application>(application());
    keeps_all::<Team>(application()["team"].clone());
    keeps_all::<ApplicationCommand>(command());
    let option = &command()["options"][0]["options"][0]["options"];
    keeps_all::<ApplicationCommandOption>(option[0].clone());
    keeps_all::<ApplicationCommandOption>(option[1].clone());
    keeps_all::<CommandChoice>(option[0]["choices"][0].clone());
    keeps_all::<InteractionCallback>(callback());
    keeps_all::<CallbackInteraction>(callback()["interaction"].clone());
    keeps_all::<CallbackResource>(callback()["resource"].clone());
}

#[test]
fn channels_of_requests_keep_all() {
    keeps_all::<Channel>(forum());
    keeps_all::<ThreadMember>(thread_member());
    let threads = json!({"threads": [thread()], "members": [thread_member()], "has_more": true,
        "first_messages": [message()]});
    keeps_all::<ThreadList>(threads);
    keeps_all::<FollowedChannel>(json!({"channel_id": "1", "webhook_id": "2"}));
    let pin = json!({"pinned_at": "2026-03-01T00:00:00+00:00", "message": message()});
    keeps_all::<Pin>(pin.clone());
    keeps_all::<PinPage>(json!({"items": [pin], "has_more": false}));
    keeps_all::<SearchPage>(search());
}

#[test]
fn guilds_of_requests_keep_all() {
    keeps_all::<UserGuild>(user_guild());
    keeps_all::<GuildPreview>(preview());
    keeps_all::<Ban>(json!({"user": user(), "reason": "mentioning b1nzy"}));
    keeps_all::<VoiceRegion>(
        json!({"id": "rotterdam", "name": "Rotterdam", "optimal": true, "deprecated": false, "custom": false}),
    );
    let channel = json!({"channel_id": "1", "description": "d", "emoji_id": null, "emoji_name": "🔥"});
    keeps_all::<WelcomeChannel>(channel.clone());
    keeps_all::<WelcomeScreen>(json!({"description": null, "welcome_channels": [channel]}));
    keeps_all::<Invite>(invite());
    keeps_all::<AuditLog>(audit_log());
    keeps_all::<AuditLogEntry>(audit_log()["audit_log_entries"][0].clone());
    keeps_all::<AuditLogChange>(audit_log()["audit_log_entries"][0]["changes"][1].clone());
    keeps_all::<ScheduledEvent>(scheduled_event());
}

#[test]
fn typed_fields_hold_what_was_sent() {
    let message: Message = parsed(&whole_message());
    let embed = &message.embeds[0];
    assert_eq!((embed.color, embed.fields.len()), (Some(0xFF_0000), 2));
    assert!(embed.fields[0].inline && embed.get::<u8>("content_scan_version").unwrap() == Some(2));
    let poll = message.poll.as_deref().unwrap();
    assert_eq!(poll.results.as_ref().unwrap().answer_counts[0].count, 3);
    assert_eq!(message.sticker_items[0].format_type, StickerFormat(99));
    assert_eq!(message.forwarded().unwrap().content, "as it was");
    assert!(message.is_reply() && message.referenced().unwrap().id == MessageId(1));

    let container = &message.components[0];
    assert_eq!(
        (container.kind, container.get::<u32>("accent_color").unwrap()),
        (ComponentType::CONTAINER, Some(703_487))
    );
    let children = container.children().unwrap();
    let kinds: Vec<_> = children.iter().map(|child| child.kind.0).collect();
    assert_eq!(kinds, [10, 9, 1, 12, 4711]);
    let section = children[1].children().unwrap();
    assert_eq!((section.len(), section[1].style), (2, Some(ButtonStyle::LINK)));
    let row = children[2].children().unwrap();
    assert_eq!((row[0].custom_id.as_deref(), row[0].disabled), (Some("yes"), true));
    assert!(row[2].children().unwrap().is_empty());
    let bad: Component = parsed(&json!({"type": 1, "components": [1]}));
    assert!(bad.children().is_err());

    let command: ApplicationCommand = parsed(&command());
    let options = command.options[0].children().unwrap()[0].children().unwrap();
    assert_eq!((options[0].max_length, options[0].required), (Some(6000), true));
    assert_eq!(options[1].choices[0].value.as_ref().unwrap().as_str(), "0.5");
    assert_eq!(options[2].channel_types, [ChannelType(0), ChannelType(99)]);
    assert!(command.options[0].choices.is_empty() && options[0].children().unwrap().is_empty());

    let found: SearchPage = parsed(&search());
    assert_eq!((found.found().count(), found.total_results, found.documents_indexed), (2, 175, None));
    let log: AuditLog = parsed(&audit_log());
    assert_eq!(log.audit_log_entries[0].action_type, AuditLogEvent::MEMBER_ROLE_UPDATE);
    assert_eq!(log.audit_log_entries[1].action_type.name(), None);
    assert_eq!(log.audit_log_entries[0].changes[1].old_value.as_ref().unwrap().as_str(), "\"x\"");
    let forum: Channel = parsed(&forum());
    assert_eq!(
        (forum.default_forum_layout, forum.available_tags[0].moderated),
        (Some(ForumLayout::GALLERY_VIEW), true)
    );
}

#[test]
fn nested_components_and_options_stay_shallow() {
    fn deep<T: Fields + DeserializeOwned + Serialize>(open: &str, close: &str) {
        let text = format!("{}null{}", open.repeat(100_000), close.repeat(100_000));
        let object: T = serde_json::from_str(&text).unwrap();
        assert!(serde_json::to_string(&object).unwrap() == text);
    }
    deep::<Component>(r#"{"type":1,"components":"#, "}");
    deep::<ApplicationCommandOption>(r#"{"type":1,"name":"","description":"","options":"#, "}");
    // What is not typed as raw is bounded by serde_json.
    let text = format!("{}null{}", r#"{"message":{"embeds":[{"x":"#.repeat(1000), "}]}}".repeat(1000));
    assert!(serde_json::from_str::<MessageSnapshot>(&text).is_ok());
}

proptest! {
    #[test]
    fn unknown_numbers_of_enums_survive(kind: u32, style: u32, flags: u64) {
        let value = json!({"type": kind, "style": style});
        prop_assert_eq!(serde_json::to_value(parsed::<Component>(&value)).unwrap(), value);
        let value = json!({"id": "1", "flags": flags});
        prop_assert_eq!(serde_json::to_value(parsed::<Application>(&value)).unwrap(), value);
        let value = json!({"type": kind, "code": "", "target_type": style});
        prop_assert_eq!(serde_json::to_value(parsed::<Invite>(&value)).unwrap(), value);
        let value = json!({"id": "1", "action_type": kind});
        prop_assert_eq!(serde_json::to_value(parsed::<AuditLogEntry>(&value)).unwrap(), value);
    }
}

/// Each object of this file, to see how it is shown.
pub(super) fn shown() -> Vec<(String, String)> {
    macro_rules! both {
        ($($type:ident $value:expr;)*) => {
            vec![$({
                let object: $type = parsed(&$value);
                (format!("{object}"), format!("{object:?}"))
            }),*]
        };
    }
    both! {
        Application application(); ApplicationCommand command(); AuditLog audit_log(); Channel forum();
        Component components()[0]; Embed embed(); GuildPreview preview(); InteractionCallback callback();
        Invite invite(); Message whole_message(); MessageSnapshot snapshot(); Poll poll();
        ScheduledEvent scheduled_event(); SearchPage search(); Sticker sticker(); ThreadMember thread_member();
        UserGuild user_guild(); Webhook webhook(); Interaction interaction(); Guild guild(); Member member();
        User user(); Role role(); Emoji emoji(); Reaction reaction(); Attachment attachment();
    }
}
