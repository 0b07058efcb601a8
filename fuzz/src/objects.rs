//! Discord's objects: what is read is written back.

use std::fmt::{Debug, Display};

use sanscord::object::{
    ActivityInstance, Application, ApplicationCommand, AuditLog, Authorization, AutoModerationRule, Ban,
    BulkBanned, Channel, CommandPermissions, Component, Connection, EmojiList, Entitlement, Guild,
    GuildPreview, GuildTemplate, Incidents, Integration, InteractionCallback, Invite, JoinRequest,
    JoinRequestPage, List, Member, Message, Onboarding, PinPage, Poll, PollVoters, Pruned, Role,
    RoleConnection, RoleConnectionMetadata, Row, ScheduledEvent, ScheduledEventUser, SearchPage, Sku,
    SoundList, SoundboardSound, StageInstance, Sticker, StickerPack, StickerPackList, Subscription,
    TargetUsersJob, ThreadList, Typed, User, UserGuild, VanityUrl, VoiceRegion, Webhook, WelcomeScreen,
    Widget, WidgetSettings, safe_file_name,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::Target;

/// What requests answer with. The first byte of an input names one, from [`FIRST`] on.
pub const ANSWERS: &[(&str, Target)] = &[
    ("application", answer::<Application>),
    ("application_command", answer::<ApplicationCommand>),
    ("audit_log", answer::<AuditLog>),
    ("ban", answer::<Ban>),
    ("component", component),
    ("guild_preview", answer::<GuildPreview>),
    ("interaction_callback", answer::<InteractionCallback>),
    ("invite", answer::<Invite>),
    ("pin_page", answer::<PinPage>),
    ("poll", answer::<Poll>),
    ("search_page", answer::<SearchPage>),
    ("sticker", answer::<Sticker>),
    ("thread_list", answer::<ThreadList>),
    ("voice_region", answer::<VoiceRegion>),
    ("welcome_screen", answer::<WelcomeScreen>),
    ("channels", list::<Channel>),
    ("guilds", list::<Guild>),
    ("members", list::<Member>),
    ("messages", messages),
    ("roles", list::<Role>),
    ("user_guilds", list::<UserGuild>),
    ("users", list::<User>),
    ("webhooks", list::<Webhook>),
    ("activity_instance", answer::<ActivityInstance>),
    ("authorization", answer::<Authorization>),
    ("bulk_banned", answer::<BulkBanned>),
    ("emoji_list", answer::<EmojiList>),
    ("incidents", answer::<Incidents>),
    ("join_request_page", answer::<JoinRequestPage>),
    ("onboarding", answer::<Onboarding>),
    ("poll_voters", answer::<PollVoters>),
    ("pruned", answer::<Pruned>),
    ("role_connection", answer::<RoleConnection>),
    ("sound_list", answer::<SoundList>),
    ("stage_instance", answer::<StageInstance>),
    ("sticker_pack_list", answer::<StickerPackList>),
    ("target_users_job", answer::<TargetUsersJob>),
    ("vanity_url", answer::<VanityUrl>),
    ("widget", answer::<Widget>),
    ("widget_settings", answer::<WidgetSettings>),
    ("auto_moderation_rules", list::<AutoModerationRule>),
    ("command_permissions", list::<CommandPermissions>),
    ("connections", list::<Connection>),
    ("entitlements", list::<Entitlement>),
    ("guild_templates", list::<GuildTemplate>),
    ("integrations", list::<Integration>),
    ("join_requests", list::<JoinRequest>),
    ("role_connection_metadata", list::<RoleConnectionMetadata>),
    ("scheduled_event_users", list::<ScheduledEventUser>),
    ("scheduled_events", list::<ScheduledEvent>),
    ("skus", list::<Sku>),
    ("sounds", list::<SoundboardSound>),
    ("sticker_packs", list::<StickerPack>),
    ("subscriptions", list::<Subscription>),
];

/// The first byte that names an answer: lesser ones name dispatches.
pub const FIRST: u8 = 128;

/// The first byte names the dispatch or the answer, the payload follows.
pub fn objects(data: &[u8]) {
    let Some((which, data)) = data.split_first() else { return };
    if let Some((_, answer)) = which.checked_sub(FIRST).and_then(|which| ANSWERS.get(usize::from(which))) {
        return answer(data);
    }
    let name = Typed::NAMES.get(usize::from(*which)).copied().unwrap_or("NEW_EVENT");
    let Ok(payload) = Typed::parse(name, data) else { return };
    assert!(!format!("{payload:?}").is_empty());
    let written = match serde_json::to_vec(&payload) {
        Ok(written) => written,
        Err(error) => panic!("{name} cannot be written: {error}"),
    };
    match Typed::parse(name, &written) {
        Ok(again) => assert!(again == payload, "{name} reads back as another"),
        Err(error) => panic!("{name} does not read back: {error}"),
    }
    same(data, &written);
}

fn answer<T: DeserializeOwned + Serialize + PartialEq + Debug + Display>(data: &[u8]) {
    let Some(object) = kept::<T>(data) else { return };
    for line in [object.to_string(), format!("{object:?}")] {
        assert!(!line.contains(char::is_control), "{line:?} is not one line");
    }
}

fn component(data: &[u8]) {
    answer::<Component>(data);
    let Ok(component) = serde_json::from_slice::<Component>(data) else { return };
    let _ = component.children();
}

fn list<T: DeserializeOwned + Serialize + PartialEq + Row + Display>(data: &[u8]) {
    let Some(list) = kept::<List<T>>(data) else { return };
    let control = |c: char| c.is_control() && c != '\n';
    assert!(!list.to_string().contains(control));
    let html = list.html();
    assert!(!html.contains(char::is_control));
    assert_eq!(html.matches("<td>").count(), T::COLUMNS.len() * list.len());
    for object in &list {
        assert!(!object.to_string().contains(char::is_control));
    }
}

fn messages(data: &[u8]) {
    list::<Message>(data);
    let Ok(messages) = serde_json::from_slice::<List<Message>>(data) else { return };
    for message in &messages {
        assert!(message.links().all(|link| link.to_string().parse() == Ok(link)));
        for file in &message.attachments {
            let name = file.safe_file_name();
            assert!(!name.is_empty() && !name.contains(['/', '\\', ':']) && !name.starts_with('.'));
            assert_eq!(safe_file_name(&name), name);
        }
    }
}

/// Reads, writes and reads again.
fn kept<T: DeserializeOwned + Serialize + PartialEq>(data: &[u8]) -> Option<T> {
    let object: T = serde_json::from_slice(data).ok()?;
    let written = match serde_json::to_vec(&object) {
        Ok(written) => written,
        Err(error) => panic!("it cannot be written: {error}"),
    };
    match serde_json::from_slice::<T>(&written) {
        Ok(again) => assert!(again == object, "it reads back as another"),
        Err(error) => panic!("it does not read back: {error}"),
    }
    same(data, &written);
    Some(object)
}

fn same(data: &[u8], written: &[u8]) {
    // A reader of values is stricter: it bounds numbers and depth.
    let Ok(value) = serde_json::from_slice(data) else { return };
    let Ok(back) = serde_json::from_slice(written) else { panic!("it is no JSON any more") };
    assert_eq!(plain(back), plain(value));
}

/// The same with every number that may be an id in one form: ids are written as strings without leading zeros.
fn plain(value: Value) -> Value {
    match value {
        Value::Number(number) if number.is_u64() => Value::String(number.to_string()),
        Value::String(text) => Value::String(text.parse().map_or(text, |id: u64| id.to_string())),
        Value::Array(values) => values.into_iter().map(plain).collect(),
        Value::Object(fields) => fields.into_iter().map(|(key, value)| (key, plain(value))).collect(),
        other => other,
    }
}
