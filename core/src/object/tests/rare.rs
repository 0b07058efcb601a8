//! The objects that only requests bring: payloads of the documented fields.

use super::*;

fn integration() -> Value {
    json!({"id": "33590653072239123", "name": "A Name", "type": "twitch", "enabled": false, "syncing": true,
        "role_id": "1234567890", "enable_emoticons": false, "expire_behavior": 1, "expire_grace_period": 7,
        "user": user(), "account": {"id": "1234567", "name": "TwitchUsername"}, "revoked": true,
        "synced_at": "2026-03-01T00:00:00+00:00", "subscriber_count": 5, "scopes": ["bot"],
        "application": {"id": "1", "name": "a", "icon": null, "description": "d", "type": null, "bot": user()}})
}

fn connection() -> Value {
    json!({"id": "76561198", "name": null, "type": "steam", "revoked": false, "verified": true,
        "integrations": [{"id": "twitch-partners", "type": "twitch", "account": {"id": "1", "name": null},
            "guild": {"id": "2", "name": "g", "icon": null}}],
        "friend_sync": false, "show_activity": true, "two_way_link": false, "visibility": 1, "metadata_visibility": 1})
}

fn instance() -> Value {
    json!({"application_id": "1215413995645968394", "instance_id": "i-1276580072400224306-gc-912952092627435520",
        "launch_id": "1276580072400224306", "users": ["205519959982473217"],
        "location": {"id": "gc-912952092627435520-912954213460484116", "kind": "gc",
            "channel_id": "912954213460484116", "guild_id": "912952092627435520"}})
}

fn rule() -> Value {
    json!({"id": "969707018069872670", "guild_id": "613425648685547541", "name": "Words", "creator_id": "42",
        "event_type": 1, "trigger_type": 99, "enabled": true, "exempt_roles": ["3"], "exempt_channels": ["5"],
        "trigger_metadata": {"keyword_filter": ["cat*"], "regex_patterns": ["(b|c)at"], "presets": [1, 9],
            "allow_list": [], "mention_total_limit": 20, "mention_raid_protection_enabled": false},
        "actions": [{"type": 1, "metadata": {"custom_message": "Not here"}},
            {"type": 2, "metadata": {"channel_id": "123456789123456789"}},
            {"type": 3, "metadata": {"duration_seconds": 60}}, {"type": 4}]})
}

fn onboarding() -> Value {
    json!({"guild_id": "960007075288915998", "enabled": true, "mode": 7, "default_channel_ids": ["998678771706110023"],
        "prompts": [{"id": "1067461047608422473", "title": "What do you want?", "type": 0, "single_select": false,
            "required": false, "in_onboarding": true, "options": [{"id": "1067461047608422476", "title": "Chat",
                "description": null, "emoji": {"id": "1070002302032826408", "name": "test", "animated": false},
                "role_ids": [], "channel_ids": ["962007075288916001"]}]}]})
}

fn request() -> Value {
    json!({"id": "1", "created_at": "2026-03-01T00:00:00+00:00", "reviewed_at": null, "guild_id": "2", "user_id": "3",
        "application_status": "SUBMITTED", "rejection_reason": null, "user": user(), "actioned_by_user": null,
        "form_responses": [{"field_type": "TERMS", "values": ["a"], "response": true},
            {"field_type": "MULTIPLE_CHOICE", "choices": ["x"], "response": 1.0}]})
}

fn job() -> Value {
    json!({"status": 3, "total_users": 100, "processed_users": 41, "created_at": "2026-03-01T00:00:00+00:00",
        "completed_at": null, "error_message": "no column of ids"})
}

fn widget() -> Value {
    json!({"id": "290926798626999250", "name": "Test", "instant_invite": "https://discord.com/invite/x",
        "channels": [{"id": "705216630279993882", "name": "elephant", "position": 2}], "presence_count": 1,
        "members": [{"id": "0", "username": "m...", "discriminator": "0000", "avatar": null, "status": "online",
            "avatar_url": "https://cdn.discordapp.com/widget-avatars/x", "activity": {"name": "a game"},
            "channel_id": "705216630279993882", "deaf": false, "mute": true, "self_deaf": false, "self_mute": false,
            "suppress": false}]})
}

fn template() -> Value {
    json!({"code": "hgM48av5Q69A", "name": "Friends & Family", "description": "", "usage_count": 49605,
        "creator_id": "132837293881950208", "creator": user(), "created_at": "2020-04-02T21:10:38+00:00",
        "updated_at": "2020-05-01T17:57:38+00:00", "source_guild_id": "678070694164299796", "is_dirty": null,
        "serialized_source_guild": template_guild()})
}

fn template_guild() -> Value {
    json!({"name": "Friends & Family", "description": null, "region": "us-west", "verification_level": 0,
        "default_message_notifications": 0, "explicit_content_filter": 0, "preferred_locale": "en-US",
        "afk_timeout": 300, "afk_channel_id": null, "system_channel_id": 2, "system_channel_flags": 0, "icon_hash": null,
        "roles": [{"id": 0, "name": "@everyone", "permissions": "104324689", "color": 0, "hoist": false,
            "mentionable": false, "colors": {"primary_color": 0}, "icon": null, "unicode_emoji": null}],
        "channels": [{"id": 1, "type": 4, "name": "Text Channels", "position": 1},
            {"id": 2, "type": 15, "name": "ideas", "position": 1, "topic": null, "bitrate": 64000, "user_limit": 0,
                "nsfw": false, "rate_limit_per_user": 0, "parent_id": 1, "default_auto_archive_duration": 60,
                "permission_overwrites": [{"id": "0", "type": 0, "allow": "0", "deny": "2048"}], "template": "",
                "available_tags": [{"id": 5, "name": "t", "emoji_id": null, "emoji_name": "🔥", "moderated": null}],
                "default_reaction_emoji": {"emoji_id": null, "emoji_name": "🔥"}, "default_sort_order": 1,
                "default_thread_rate_limit_per_user": 5, "default_forum_layout": 2, "theme_color": null}]})
}

fn event() -> Value {
    json!({"id": "1", "guild_id": "2", "channel_id": null, "creator_id": "3", "creator": user(), "name": "n",
        "description": null, "scheduled_start_time": "2026-03-01T00:00:00+00:00", "scheduled_end_time": null,
        "privacy_level": 2, "status": 1, "entity_type": 3, "entity_id": null, "entity_metadata": {"location": "here"},
        "user_count": 5, "image": "ab", "recurrence_rule": recurrence(), "sku_ids": [], "auto_start": false,
        "guild_scheduled_event_exceptions": [{"event_id": "1", "event_exception_id": "7", "is_canceled": true,
            "scheduled_start_time": null, "scheduled_end_time": null}]})
}

fn recurrence() -> Value {
    json!({"start": "2026-03-01T00:00:00+00:00", "end": null, "frequency": 1, "interval": 2, "by_weekday": [0, 6],
        "by_n_weekday": [{"n": -1, "day": 4}], "by_month": [12], "by_month_day": [-1, 31], "by_year_day": null,
        "count": null})
}

fn event_user() -> Value {
    json!({"guild_scheduled_event_id": "1", "user_id": "2", "user": user(), "member": member(), "response": 1,
        "guild_scheduled_event_exception_id": null})
}

fn stage() -> Value {
    json!({"id": "840647391636226060", "guild_id": "197038439483310086", "channel_id": "733488538393510049",
        "topic": "Testing", "privacy_level": 1, "discoverable_disabled": false, "guild_scheduled_event_id": null})
}

fn sound() -> Value {
    json!({"name": "Yay", "sound_id": "1106714396018884649", "volume": 0.75, "emoji_id": "989193655938064464",
        "emoji_name": null, "guild_id": "613425648685547541", "available": true, "user": user()})
}

fn pack() -> Value {
    json!({"id": "847199849233514549", "name": "Wumpus Beyond", "sku_id": "847199849233514547",
        "cover_sticker_id": "749053689419006003", "description": "Say hello", "banner_asset_id": "761773777976819732",
        "stickers": [{"id": "749054660769218631", "name": "Wave", "tags": "hello", "type": 1, "format_type": 3,
            "description": null, "pack_id": "847199849233514549", "sort_value": 12}]})
}

fn sku() -> Value {
    json!({"id": "1088510058284990888", "type": 5, "dependent_sku_id": null, "application_id": "788708323867885999",
        "manifest_labels": null, "access_type": 1, "name": "Test Premium", "features": [], "release_date": null,
        "premium": false, "slug": "test-premium", "flags": 128, "show_age_gate": false})
}

fn entitlement() -> Value {
    json!({"id": "1019653849998299136", "sku_id": "1019475255913222144", "application_id": "1019370614521200640",
        "user_id": "771129655544643584", "guild_id": null, "promotion_id": null, "type": 8, "deleted": false,
        "gift_code_flags": 0, "consumed": false, "starts_at": "2022-09-14T17:00:18.704163+00:00", "ends_at": null,
        "subscription_id": "1019653835926409216"})
}

fn subscription() -> Value {
    json!({"id": "1278078770116427839", "user_id": "1088605110638227537", "sku_ids": ["1158857122189168803"],
        "entitlement_ids": [], "renewal_sku_ids": null, "status": 2, "canceled_at": "2024-09-01T00:00:00+00:00",
        "current_period_start": "2024-08-27T19:48:44.406602+00:00", "country": "PL",
        "current_period_end": "2024-09-27T19:48:44.406602+00:00"})
}

fn permissions() -> Value {
    json!({"id": "1", "application_id": "2", "guild_id": "3",
        "permissions": [{"id": "3", "type": 1, "permission": true}, {"id": "2", "type": 77, "permission": false}]})
}

fn metadata() -> Value {
    json!({"type": 7, "key": "verified", "name": "Verified", "description": "Whether", "name_localizations": {"de": "x"},
        "description_localizations": null})
}

fn role_connection() -> Value {
    json!({"platform_name": "Example", "platform_username": null, "metadata": {"level": "5", "verified": "1"}})
}

fn authorization() -> Value {
    json!({"application": {"id": "159799960412356608", "name": "AIRHORN", "icon": "f03590d3eb764081d154a66340ea7d6d",
            "description": "", "hook": true, "bot_public": true, "verify_key": "c8cde6a3"},
        "scopes": ["guilds.join", "identify"], "expires": "2021-01-23T02:33:17.017000+00:00", "user": user()})
}

fn member_of_team() -> Value {
    json!({"user": user(), "team_id": "1", "membership_state": 2, "role": "admin", "permissions": ["*"]})
}

#[test]
fn applications_and_what_they_sell_keep_all() {
    keeps_all::<ActivityInstance>(instance());
    keeps_all::<ActivityLocation>(instance()["location"].clone());
    keeps_all::<RoleConnection>(role_connection());
    keeps_all::<RoleConnectionMetadata>(metadata());
    keeps_all::<Sku>(sku());
    keeps_all::<Entitlement>(entitlement());
    keeps_all::<Subscription>(subscription());
    keeps_all::<CommandPermissions>(permissions());
    keeps_all::<CommandPermission>(permissions()["permissions"][1].clone());
    keeps_all::<TeamMember>(member_of_team());
    keeps_all::<GatewayUrl>(json!({"url": "wss://gateway.discord.gg"}));
}

#[test]
fn accounts_and_programs_keep_all() {
    keeps_all::<Authorization>(authorization());
    keeps_all::<Connection>(connection());
    keeps_all::<Integration>(integration());
    keeps_all::<IntegrationAccount>(integration()["account"].clone());
}

#[test]
fn moderation_keeps_all() {
    keeps_all::<AutoModerationRule>(rule());
    keeps_all::<AutoModerationTrigger>(rule()["trigger_metadata"].clone());
    keeps_all::<AutoModerationAction>(rule()["actions"][0].clone());
    keeps_all::<AutoModerationActionMetadata>(rule()["actions"][1]["metadata"].clone());
    let time = "2026-03-01T00:00:00+00:00";
    keeps_all::<Incidents>(json!({"invites_disabled_until": time, "dms_disabled_until": null,
        "dm_spam_detected_at": null, "raid_detected_at": time}));
    keeps_all::<BulkBanned>(json!({"banned_users": ["1", "2"], "failed_users": []}));
    keeps_all::<Pruned>(json!({"pruned": 5}));
}

#[test]
fn how_members_come_in_keeps_all() {
    keeps_all::<Onboarding>(onboarding());
    keeps_all::<OnboardingPrompt>(onboarding()["prompts"][0].clone());
    keeps_all::<OnboardingOption>(onboarding()["prompts"][0]["options"][0].clone());
    keeps_all::<JoinRequestPage>(json!({"total": 7, "guild_join_requests": [request()]}));
    keeps_all::<JoinRequest>(request());
    keeps_all::<TargetUsersJob>(job());
    keeps_all::<WidgetSettings>(json!({"enabled": true, "channel_id": "41771983444115456"}));
    keeps_all::<Widget>(widget());
    keeps_all::<WidgetChannel>(widget()["channels"][0].clone());
    keeps_all::<WidgetMember>(widget()["members"][0].clone());
    keeps_all::<VanityUrl>(json!({"code": "abc", "uses": 12, "error": null}));
    keeps_all::<PollVoters>(json!({"users": [user()]}));
}

#[test]
fn templates_keep_all() {
    keeps_all::<GuildTemplate>(template());
    let guild = template_guild();
    keeps_all::<TemplateRole>(guild["roles"][0].clone());
    keeps_all::<TemplateChannel>(guild["channels"][1].clone());
    keeps_all::<TemplateTag>(guild["channels"][1]["available_tags"][0].clone());
    keeps_all::<TemplateGuild>(guild);
}

#[test]
fn events_and_stages_keep_all() {
    keeps_all::<ScheduledEvent>(event());
    keeps_all::<ScheduledEventPlace>(json!({"location": "here"}));
    keeps_all::<ScheduledEventException>(event()["guild_scheduled_event_exceptions"][0].clone());
    keeps_all::<RecurrenceRule>(recurrence());
    keeps_all::<NthWeekday>(json!({"n": 5, "day": 6}));
    keeps_all::<ScheduledEventUser>(event_user());
    keeps_all::<StageInstance>(stage());
}

#[test]
fn emojis_stickers_and_sounds_keep_all() {
    keeps_all::<SoundboardSound>(sound());
    keeps_all::<SoundList>(json!({"items": [sound()]}));
    keeps_all::<EmojiList>(json!({"items": [emoji()]}));
    keeps_all::<StickerPack>(pack());
    keeps_all::<StickerPackList>(json!({"sticker_packs": [pack()]}));
}

#[test]
fn rare_objects_are_typed() {
    let rule: AutoModerationRule = parsed(&rule());
    assert_eq!((rule.trigger_type.name(), rule.event_type), (None, AutoModerationEventType::MESSAGE_SEND));
    let trigger = rule.trigger_metadata.as_ref().unwrap();
    assert_eq!(trigger.presets, [KeywordPreset::PROFANITY, KeywordPreset(9)]);
    let seconds = rule.actions.iter().find_map(|action| action.metadata.as_ref()?.duration_seconds);
    assert_eq!(
        (seconds, rule.actions[3].kind),
        (Some(60), AutoModerationActionType::BLOCK_MEMBER_INTERACTION)
    );

    let by_number: Integration = parsed(&integration());
    assert_eq!(by_number.integration_id().map(|id| id.0), Some(33_590_653_072_239_123));
    let connection: Connection = parsed(&connection());
    assert_eq!(connection.integrations[0].integration_id(), None);
    assert_eq!(connection.visibility, ConnectionVisibility::EVERYONE);

    let event: ScheduledEvent = parsed(&event());
    assert_eq!(event.entity_metadata.unwrap().location.as_deref(), Some("here"));
    let rule = event.recurrence_rule.unwrap();
    assert_eq!((rule.by_weekday[1], rule.by_n_weekday[0].n), (Weekday::SUNDAY, -1));
    assert!(event.guild_scheduled_event_exceptions[0].is_canceled);

    let template: GuildTemplate = parsed(&template());
    let guild = template.serialized_source_guild.unwrap();
    assert_eq!((guild.system_channel_id, guild.channels[1].parent_id), (Some(2), Some(1)));

    let sound: SoundboardSound = parsed(&sound());
    assert!((sound.loudness() - 0.75).abs() < f64::EPSILON);
    assert!((SoundboardSound::default().loudness() - 1.0).abs() < f64::EPSILON);
    let subscription: Subscription = parsed(&subscription());
    assert_eq!(subscription.status, SubscriptionStatus::ENDING);
    let sku: Sku = parsed(&sku());
    assert!(sku.flags.contains(SkuFlags::GUILD_SUBSCRIPTION) && !sku.flags.contains(SkuFlags::AVAILABLE));
    let connection: RoleConnection = parsed(&role_connection());
    assert_eq!(connection.metadata.get("level").map(String::as_str), Some("5"));
    let request: JoinRequest = parsed(&request());
    assert_eq!(request.form_responses[0].parse::<Value>().unwrap()["response"], true);
    let team: Team = parsed(&json!({"id": "1", "members": [member_of_team()]}));
    assert_eq!(team.members[0].membership_state, TeamMembershipState::ACCEPTED);
}

/// Lists that hold some of these objects, to see them as tables.
#[test]
fn rare_rows_have_a_cell_for_each_column() {
    view::fits::<AutoModerationRule>(rule());
    view::fits::<CommandPermissions>(permissions());
    view::fits::<Connection>(connection());
    view::fits::<Entitlement>(entitlement());
    view::fits::<GuildTemplate>(template());
    view::fits::<Integration>(integration());
    view::fits::<Invite>(json!({"code": "x", "channel": channel(), "expires_at": null}));
    view::fits::<JoinRequest>(request());
    view::fits::<RoleConnectionMetadata>(metadata());
    view::fits::<ScheduledEvent>(event());
    view::fits::<ScheduledEventUser>(event_user());
    view::fits::<Sku>(sku());
    view::fits::<SoundboardSound>(sound());
    view::fits::<Sticker>(pack()["stickers"][0].clone());
    view::fits::<StickerPack>(pack());
    view::fits::<Subscription>(subscription());
    view::fits::<VoiceRegion>(json!({"id": "rotterdam", "name": "Rotterdam", "optimal": true}));
    let table = List::<SoundboardSound>(vec![parsed(&sound())]).to_string();
    assert!(table.ends_with("1106714396018884649  Yay   0.75"), "{table}");
}

/// Each object of this file, to see how it is shown.
pub(super) fn shown() -> Vec<(String, String)> {
    let mut deep = vec![];
    macro_rules! both {
        ($($type:ident $value:expr;)*) => {$({
            for object in [parsed::<$type>(&$value), $type::default()] {
                deep.push((format!("{object} "), format!("{object:?}")));
            }
        })*};
    }
    both! {
        ActivityInstance instance(); ActivityLocation instance()["location"]; AutoModerationRule rule();
        AutoModerationAction rule()["actions"][0]; AutoModerationTrigger rule()["trigger_metadata"];
        AutoModerationActionMetadata rule()["actions"][2]["metadata"]; Authorization authorization();
        BulkBanned json!({}); CommandPermissions permissions(); CommandPermission permissions()["permissions"][0];
        Connection connection(); EmojiList json!({"items": []}); Entitlement entitlement();
        GatewayUrl json!({"url": "wss://g"}); GuildTemplate template(); Incidents json!({"dms_disabled_until": "x"});
        Integration integration(); IntegrationAccount integration()["account"]; JoinRequest request();
        JoinRequestPage json!({}); NthWeekday json!({"n": 1, "day": 2}); Onboarding onboarding();
        OnboardingPrompt onboarding()["prompts"][0]; OnboardingOption onboarding()["prompts"][0]["options"][0];
        PollVoters json!({}); Pruned json!({"pruned": 5}); RecurrenceRule recurrence();
        RoleConnection role_connection(); RoleConnectionMetadata metadata(); ScheduledEvent event();
        ScheduledEventPlace json!({"location": "here"}); ScheduledEventUser event_user(); Sku sku();
        SoundboardSound sound(); StageInstance stage(); StickerPack pack(); Subscription subscription();
        TargetUsersJob job(); TeamMember member_of_team(); TemplateChannel template_guild()["channels"][0];
        TemplateGuild template_guild(); TemplateRole template_guild()["roles"][0];
        VanityUrl json!({"code": "abc"}); Widget widget(); WidgetChannel widget()["channels"][0];
        WidgetMember widget()["members"][0]; WidgetSettings json!({"enabled": true, "channel_id": "5"});
    }
    deep
}
