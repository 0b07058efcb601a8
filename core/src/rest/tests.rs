//! What calls become, and what is refused.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use serde_json::{Value, json};

use crate::id::{
    ApplicationId, AttachmentId, ChannelId, GuildId, InteractionId, MessageId, RoleId, UserId, WebhookId,
};
use crate::machine::{Body, Method, Part, Request, Response};
use crate::object::{
    Channel, Interaction, List, Message, MessageFlags, Permissions, SearchPage, ThreadList, User, UserGuild,
};
use crate::rest::endpoint::{self, *};
use crate::rest::upload::File;
use crate::rest::value::{AllowedMentions, Embed, EmojiName, Poll, data_uri};
use crate::rest::{Api, Call, Draft, Endpoint, Invalid, Me};
use crate::secret::Token;
use crate::time::Duration;

const CHANNEL: ChannelId = ChannelId(5);
const GUILD: GuildId = GuildId(7);

fn api() -> Api {
    Api::new("https://d/api/v10", &Token::new("bot-secret")).with_user(&Token::new("user-secret"))
}

fn request(draft: impl Into<Draft>) -> Result<Request, Invalid> {
    api().request(&draft.into(), "BOUNDARY")
}

/// Method, URL and headers without the program's name, then the body, files by their size.
fn wire(draft: impl Into<Draft>) -> String {
    let request = request(draft).expect("nothing is wrong with it");
    let mut text = format!("{} {}\n", request.method, request.url);
    for (name, value) in request.headers.iter().filter(|(name, _)| *name != "user-agent") {
        text.push_str(&format!("{name}: {value}\n"));
    }
    let utf8 = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    match request.body {
        Body::Empty => {}
        Body::Bytes(bytes) => text.push_str(&utf8(&bytes)),
        Body::Parts(parts) => {
            for part in parts {
                match part {
                    Part::Bytes(bytes) => text.push_str(&utf8(&bytes)),
                    Part::File { path, limit } => text.push_str(&format!("<{path} {limit}>")),
                }
            }
        }
    }
    text
}

fn refused(draft: impl Into<Draft>) -> String {
    request(draft).expect_err("it must be refused").to_string()
}

fn message() -> Message {
    serde_json::from_value(json!({
        "id": "9", "channel_id": "5", "attachments": [{"id": "1"}, {"id": "2"}]
    }))
    .expect("a message")
}

fn interaction() -> Interaction {
    serde_json::from_value(json!({ "id": "3", "application_id": "4", "type": 2, "token": "tok-en" }))
        .expect("an interaction")
}

const BOT: &str = "authorization: Bot bot-secret\n";
const JSON: &str = "content-type: application/json\n";

#[test]
fn calls_on_the_wire() {
    let api = "https://d/api/v10";
    let both = format!("{BOT}{JSON}");
    for (draft, vector) in [
        (
            CHANNEL.send("hi").reply_to(MessageId(9)).into_draft(),
            format!(
                "POST {api}/channels/5/messages\n{both}\
                 {{\"content\":\"hi\",\"message_reference\":{{\"message_id\":\"9\"}}}}"
            ),
        ),
        (
            CHANNEL.send("x").nonce("n1").mention_nobody().silent().suppress_embeds().into_draft(),
            format!(
                "POST {api}/channels/5/messages\n{both}\
                 {{\"allowed_mentions\":{{\"parse\":[]}},\"content\":\"x\",\"enforce_nonce\":true,\
                 \"flags\":4100,\"nonce\":\"n1\"}}"
            ),
        ),
        (
            CHANNEL.messages().before(MessageId(9)).limit(5_u32).into_draft(),
            format!("GET {api}/channels/5/messages?before=9&limit=5\n{BOT}"),
        ),
        (
            CHANNEL.react(MessageId(9), "🔥").into_draft(),
            format!("PUT {api}/channels/5/messages/9/reactions/%F0%9F%94%A5/@me\n{BOT}"),
        ),
        (
            CHANNEL.reactions(MessageId(9), "<a:cat:12>").kind(1_u32).into_draft(),
            format!("GET {api}/channels/5/messages/9/reactions/cat%3A12?type=1\n{BOT}"),
        ),
        (
            GUILD.kick(UserId(8)).reason("rude & loud é").into_draft(),
            format!("DELETE {api}/guilds/7/members/8\n{BOT}x-audit-log-reason: rude%20%26%20loud%20%C3%A9\n"),
        ),
        (
            GUILD.search().content("a b").has("image").has("-link").author_id(UserId(8)).into_draft(),
            format!(
                "GET {api}/guilds/7/messages/search?content=a%20b&has=image&has=-link&author_id=8\n{BOT}"
            ),
        ),
        (
            GUILD.search_members("é").limit(3_u32).into_draft(),
            format!("GET {api}/guilds/7/members/search?query=%C3%A9&limit=3\n{BOT}"),
        ),
        (
            GUILD.edit_member(UserId(8)).null("channel_id").roles([RoleId(1)]).into_draft(),
            format!("PATCH {api}/guilds/7/members/8\n{both}{{\"channel_id\":null,\"roles\":[\"1\"]}}"),
        ),
        (
            GUILD.create_role("r").permissions(Permissions(1 << 60)).into_draft(),
            format!(
                "POST {api}/guilds/7/roles\n{both}{{\"name\":\"r\",\"permissions\":\"1152921504606846976\"}}"
            ),
        ),
        (CHANNEL.typing().into_draft(), format!("POST {api}/channels/5/typing\n{BOT}")),
        (CHANNEL.create_invite().into_draft(), format!("POST {api}/channels/5/invites\n{both}{{}}")),
        (
            WebhookId(6).send("a/b", "hi").username("cat").into_draft(),
            format!(
                "POST {api}/webhooks/6/a%2Fb?wait=true\n{JSON}{{\"content\":\"hi\",\"username\":\"cat\"}}"
            ),
        ),
        (
            WebhookId(6).send("t", "hi").thread_id(CHANNEL).without_wait().into_draft(),
            format!("POST {api}/webhooks/6/t?thread_id=5\n{JSON}{{\"content\":\"hi\"}}"),
        ),
        (
            interaction().reply("hi").ephemeral().into_draft(),
            format!(
                "POST {api}/interactions/3/tok-en/callback\n{JSON}\
                 {{\"data\":{{\"content\":\"hi\",\"flags\":64}},\"type\":4}}"
            ),
        ),
        (
            interaction().edit_original().content("x").into_draft(),
            format!("PATCH {api}/webhooks/4/tok-en/messages/@original\n{JSON}{{\"content\":\"x\"}}"),
        ),
        (
            SetGlobalCommands::new(ApplicationId(4), vec![json!({"name": "a", "type": 2})]).into_draft(),
            format!("PUT {api}/applications/4/commands\n{both}[{{\"name\":\"a\",\"type\":2}}]"),
        ),
        (
            message().edit().content("x").into_draft(),
            format!(
                "PATCH {api}/channels/5/messages/9\n{both}\
                 {{\"attachments\":[{{\"id\":\"1\"}},{{\"id\":\"2\"}}],\"content\":\"x\"}}"
            ),
        ),
        (GetDms::new().into_draft(), format!("GET {api}/users/@me/channels\nauthorization: user-secret\n")),
    ] {
        assert_eq!(wire(draft), vector);
    }
}

#[test]
fn files_on_the_wire() {
    let head = |name: &str, id: usize| {
        format!(
            "\r\n--BOUNDARY\r\ncontent-disposition: form-data; name=\"files[{id}]\"; filename=\"{name}\"\r\n\
             content-type: application/octet-stream\r\n\r\n"
        )
    };
    let multi = "content-type: multipart/form-data; boundary=BOUNDARY\n";
    let payload = "--BOUNDARY\r\ncontent-disposition: form-data; name=\"payload_json\"\r\n\
                   content-type: application/json\r\n\r\n";
    let end = "\r\n--BOUNDARY--\r\n";

    let call = CHANNEL
        .compose()
        .file(File::bytes("a\"b\r\nc é.txt", "one").description("d").spoiler())
        .file(File::path("/tmp/x/two.bin").limit(99));
    assert_eq!(
        wire(call),
        format!(
            "POST https://d/api/v10/channels/5/messages\n{BOT}{multi}{payload}\
             {{\"attachments\":[{{\"description\":\"d\",\"filename\":\"a\\\"b\\r\\nc é.txt\",\"id\":0,\
             \"is_spoiler\":true}},{{\"filename\":\"two.bin\",\"id\":1}}]}}{}one{}</tmp/x/two.bin 99>{end}",
            head("a%22b%0D%0Ac é.txt", 0),
            head("two.bin", 1)
        )
    );

    // Files to keep stand before the new ones.
    let call = CHANNEL.edit_message(MessageId(9)).keep([AttachmentId(1)]).file(File::bytes("n", "x"));
    assert!(wire(call).contains("{\"attachments\":[{\"id\":\"1\"},{\"filename\":\"n\",\"id\":0}]}"));
    // What is said of a new file already is not said twice, by its number or by its number as text.
    for id in [json!(0), json!("0")] {
        let about = json!({ "id": id, "description": "d", "title": "t" });
        let call =
            CHANNEL.compose().attachments(vec![about]).file(File::bytes("n", "x").description("other"));
        let listed = format!(
            "{{\"attachments\":[{{\"description\":\"d\",\"filename\":\"n\",\"id\":{id},\"title\":\"t\"}}]}}"
        );
        assert!(wire(call).contains(&listed));
    }
    // What answers to an interaction nests its message, and so does the first message of a thread.
    let call = interaction().reply("hi").file(File::bytes("n", "x"));
    assert!(wire(call).contains(
        "{\"data\":{\"attachments\":[{\"filename\":\"n\",\"id\":0}],\"content\":\"hi\"},\"type\":4}"
    ));
    let call = CHANNEL.create_post("p", "hi").file(File::bytes("n", "x"));
    assert!(wire(call).contains(
        "{\"message\":{\"attachments\":[{\"filename\":\"n\",\"id\":0}],\"content\":\"hi\"},\"name\":\"p\"}"
    ));
    let call = CHANNEL.compose().voice_message(File::bytes("v.ogg", "x").voice(1.5, &[0, 255, 127]));
    assert!(wire(call).contains(
        "{\"attachments\":[{\"duration_secs\":1.5,\"filename\":\"v.ogg\",\"id\":0,\"waveform\":\"AP9/\"}],\
         \"flags\":8192}"
    ));
    // A sticker is a form without JSON.
    let call = CreateGuildSticker::new(GUILD, "name", "tag", "what").file(File::bytes("s.png", "png"));
    let field = |name: &str, value: &str| {
        format!("--BOUNDARY\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    assert_eq!(
        wire(call),
        format!(
            "POST https://d/api/v10/guilds/7/stickers\n{BOT}{multi}{}{}{}--BOUNDARY\r\ncontent-disposition: \
             form-data; name=\"file\"; filename=\"s.png\"\r\ncontent-type: image/png\r\n\r\npng{end}",
            field("description", "what"),
            field("name", "name"),
            field("tags", "tag")
        )
    );
    // So is a list of users, which has no fields beside the file.
    let call = SetInviteTargetUsers::new("code").file(File::bytes("users.csv", "user_id\n8\n"));
    assert_eq!(
        wire(call),
        format!(
            "PUT https://d/api/v10/invites/code/target-users\n{BOT}{multi}--BOUNDARY\r\ncontent-disposition: \
             form-data; name=\"target_users_file\"; filename=\"users.csv\"\r\ncontent-type: text/csv\r\n\r\n\
             user_id\n8\n{end}"
        )
    );
}

/// What others may change of a message goes without what only its author may list.
#[test]
fn an_edit_sends_what_it_changes() {
    let edit = || {
        let mut message = message();
        message.flags = MessageFlags(1 << 5 | 1 << 13);
        message.edit()
    };
    let kept = "\"attachments\":[{\"id\":\"1\"},{\"id\":\"2\"}]";
    for (call, body) in [
        (edit(), "{}"),
        (edit().suppress_embeds(), "{\"flags\":8228}"),
        (edit().without_flag(MessageFlags(1 << 5)).suppress_embeds(), "{\"flags\":8196}"),
        (edit().flags(MessageFlags::SUPPRESS_EMBEDS).silent(), "{\"flags\":4100}"),
        (edit().mention_nobody(), "{\"allowed_mentions\":{\"parse\":[]}}"),
        (edit().content("x"), &format!("{{{kept},\"content\":\"x\"}}")),
        (edit().null("content"), &format!("{{{kept},\"content\":null}}")),
        (edit().embed(Embed::new()), &format!("{{{kept},\"embeds\":[{{}}]}}")),
        (edit().embeds(vec![]), &format!("{{{kept},\"embeds\":[]}}")),
        (edit().components(vec![]), &format!("{{{kept},\"components\":[]}}")),
        (edit().keep([]).content("x"), "{\"attachments\":[],\"content\":\"x\"}"),
        (edit().content("x").keep([]), "{\"attachments\":[],\"content\":\"x\"}"),
        (edit().null("attachments").content("x"), "{\"attachments\":null,\"content\":\"x\"}"),
    ] {
        assert_eq!(wire(call), format!("PATCH https://d/api/v10/channels/5/messages/9\n{BOT}{JSON}{body}"));
    }
    let call = edit().file(File::bytes("n", "x"));
    assert!(
        wire(call)
            .contains("{\"attachments\":[{\"id\":\"1\"},{\"id\":\"2\"},{\"filename\":\"n\",\"id\":0}]}")
    );
}

/// Files that may be sent one by one may be too many together.
#[test]
fn a_whole_request_is_bounded() {
    let file = |mib: usize| File::bytes("n", vec![0; mib << 20]);
    let sent = |api: &Api, files: &[usize]| {
        let call = CHANNEL.compose().files(files.iter().map(|mib| file(*mib)));
        api.request(call.draft(), "b")
            .map(|request| request.body_limit)
            .map_err(|invalid| invalid.to_string())
    };
    let api = api();
    assert_eq!(sent(&api, &[10, 10, 4]), Ok(25 << 20));
    let error = sent(&api, &[10, 10, 10]).expect_err("30 MiB are too many");
    assert!(error.starts_with("files: the whole request has 3145"), "{error}");
    assert!(error.ends_with("bytes, but 26214400 are allowed"), "{error}");
    assert_eq!(sent(&api.clone().with_body_limit(31 << 20), &[10, 10, 10]), Ok(31 << 20));
    let call = CHANNEL.compose().files([file(10), file(10), file(10)]);
    assert!(api.request(call.clone().upload_limit(31 << 20).draft(), "b").is_ok());
    // Whoever raises a file's bound has a guild that takes it.
    let call = call.file(file(1).limit(50 << 20));
    assert_eq!(api.request(call.draft(), "b").map(|request| request.body_limit), Ok(51 << 20));
    // What lies on the disk is for the driver to measure.
    let call = CHANNEL.compose().files((0..3).map(|_| File::path("ten")));
    assert_eq!(api.request(call.draft(), "b").map(|request| request.body_limit), Ok(25 << 20));
    let api = api.with_body_limit(10);
    let error = api.request(CHANNEL.send("hi").draft(), "b").expect_err("it has 16 bytes");
    assert_eq!(error.to_string(), "body: the whole request has 16 bytes, but 10 are allowed");
}

/// Each is refused, and its neighbour is not.
#[test]
fn what_discord_refuses_is_not_sent() {
    let send = |text: usize| CHANNEL.send("é".repeat(text));
    let embed = |text: usize| Embed::new().description("x".repeat(text));
    let ids = |count: u64| CHANNEL.bulk_delete((0..count).map(MessageId));
    let file = || File::bytes("n", "x");
    let files = |count| CHANNEL.compose().files((0..count).map(|_| file()));
    let callback = |choices: usize| interaction().suggest(vec![json!({}); choices]);
    let modal = |id: usize, title: usize, components: usize| {
        interaction().modal("i".repeat(id), "t".repeat(title), vec![json!({}); components])
    };
    let timeout = |secs| GUILD.edit_member(UserId(1)).timeout(0, Duration::from_secs(secs));
    let day = 24 * 60 * 60;
    let text = |count: usize| "x".repeat(count);

    let pairs: Vec<(Draft, Draft, &str)> = vec![
        (send(2001).into(), send(2000).into(), "content: has 2001 characters, but Discord takes 0 to 2000"),
        (send(0).into(), send(1).into(), "content: is empty"),
        (CHANNEL.send(" \n").into(), CHANNEL.send(".").into(), "content: is empty"),
        (CHANNEL.compose().into(), files(1).into(), "content: is empty"),
        (CHANNEL.compose().into(), message().forward(CHANNEL).into(), "content: is empty"),
        (
            CHANNEL.compose().embeds(vec![]).into(),
            CHANNEL.compose().embed(embed(1)).into(),
            "content: is empty",
        ),
        (
            CHANNEL.compose().sticker_ids(vec![]).into(),
            CHANNEL.compose().poll(Poll::new("q", ["a", "b"])).into(),
            "content: is empty",
        ),
        (
            CHANNEL.compose().embed(embed(4097)).into(),
            CHANNEL.compose().embed(embed(4096)).into(),
            "embeds[0].description: has 4097",
        ),
        (
            CHANNEL.compose().embed(embed(4000)).embed(embed(2001)).into(),
            CHANNEL.compose().embed(embed(4000)).embed(embed(2000)).into(),
            "embeds: have 6001 characters together",
        ),
        (
            CHANNEL.compose().embed(Embed::new().title(text(257))).into(),
            CHANNEL.compose().embed(Embed::new().title(text(256))).into(),
            "embeds[0].title: has 257",
        ),
        (
            CHANNEL.compose().embed(Embed::new().field("n", text(1025), true)).into(),
            CHANNEL.compose().embed(Embed::new().field("n", text(1024), true)).into(),
            "embeds[0].fields[0].value: has 1025",
        ),
        (
            CHANNEL.compose().embed((0..26).fold(embed(1), |embed, _| embed.field("n", "t", false))).into(),
            CHANNEL.compose().embed((0..25).fold(embed(1), |embed, _| embed.field("n", "t", false))).into(),
            "embeds[0].fields: has 26",
        ),
        (
            (0..11).fold(CHANNEL.compose(), |call, _| call.embed(embed(1))).into(),
            (0..10).fold(CHANNEL.compose(), |call, _| call.embed(embed(1))).into(),
            "embeds: has 11",
        ),
        (files(11).into(), files(10).into(), "files: has 11"),
        (
            CHANNEL.edit_message(MessageId(1)).keep((50..60).map(AttachmentId)).file(file()).into(),
            CHANNEL.edit_message(MessageId(1)).keep((50..59).map(AttachmentId)).file(file()).into(),
            "attachments: 10 to keep",
        ),
        (
            files(9).attachments((50..52).map(|id| json!({ "id": id })).collect::<Vec<_>>()).into(),
            files(10).attachments((0..10).map(|id| json!({ "id": id })).collect::<Vec<_>>()).into(),
            "attachments: 2 to keep",
        ),
        (
            CHANNEL.compose().file(file().description(text(1025))).into(),
            CHANNEL.compose().file(file().description(text(1024))).into(),
            "files[0]: the description",
        ),
        (
            CHANNEL.compose().file(File::bytes("n", "xx").limit(1)).into(),
            CHANNEL.compose().file(File::bytes("n", "x").limit(1)).into(),
            "files[0]: n has 2 bytes",
        ),
        (
            CHANNEL.compose().file(File::bytes("", "x")).into(),
            CHANNEL.compose().file(file()).into(),
            "files[0]: has no name",
        ),
        (
            CHANNEL.compose().voice_message(file()).into(),
            CHANNEL.compose().voice_message(file().voice(1.0, &[])).into(),
            "flags: a voice message",
        ),
        (
            CHANNEL.send("x").voice_message(file().voice(1.0, &[])).into(),
            CHANNEL.compose().voice_message(file().voice(1.0, &[])).into(),
            "flags: a voice message",
        ),
        (
            CHANNEL.send("x").components(vec![json!({})]).flags(MessageFlags::IS_COMPONENTS_V2).into(),
            CHANNEL.compose().components(vec![json!({})]).flags(MessageFlags::IS_COMPONENTS_V2).into(),
            "content: cannot be given along with the flag",
        ),
        (
            send(1).nonce(text(26)).into(),
            send(1).nonce(text(25)).into(),
            "nonce: has 26 characters, but Discord takes 1 to 25",
        ),
        (ids(0).into(), ids(2).into(), "messages: has 0 entries, but Discord takes 2 to 100"),
        (ids(1).into(), ids(2).into(), "messages: has 1 entries"),
        (ids(101).into(), ids(100).into(), "messages: has 101"),
        (
            CHANNEL.bulk_delete([MessageId(1), MessageId(2), MessageId(1)]).into(),
            CHANNEL.bulk_delete([MessageId(1), MessageId(2)]).into(),
            "messages: has 1 twice",
        ),
        (
            CHANNEL.messages().before(MessageId(1)).after(MessageId(2)).into(),
            CHANNEL.messages().before(MessageId(1)).before(MessageId(2)).into(),
            "after: cannot be given along with before",
        ),
        (
            CHANNEL.messages().after(MessageId(1)).around(MessageId(2)).into(),
            CHANNEL.messages().around(MessageId(2)).into(),
            "cannot be given along with",
        ),
        (CHANNEL.messages().limit(0_u32).into(), CHANNEL.messages().limit(1_u32).into(), "limit: is 0"),
        (
            CHANNEL.messages().limit(101_u32).into(),
            CHANNEL.messages().limit(100_u32).into(),
            "limit: is 101, but Discord takes 1 to 100",
        ),
        (GUILD.members().limit(1001_u32).into(), GUILD.members().limit(1000_u32).into(), "limit: is 1001"),
        (send(1).reason(text(513)).into(), send(1).reason(text(512)).into(), "X-Audit-Log-Reason: has 513"),
        (CHANNEL.create_thread(text(101)).into(), CHANNEL.create_thread(text(100)).into(), "name: has 101"),
        (
            CHANNEL.create_thread("n").auto_archive_duration(61_u32).into(),
            CHANNEL.create_thread("n").auto_archive_duration(60_u32).into(),
            "auto_archive_duration: is 61, but Discord takes 60, 1440, 4320 or 10080",
        ),
        (
            CHANNEL.edit().default_auto_archive_duration(1_u32).into(),
            CHANNEL.edit().default_auto_archive_duration(10080_u32).into(),
            "default_auto_archive_duration: is 1",
        ),
        (CHANNEL.edit().topic(text(4097)).into(), CHANNEL.edit().topic(text(4096)).into(), "topic: has 4097"),
        (CHANNEL.create_post("n", "").into(), CHANNEL.create_post("n", "x").into(), "content: is empty"),
        (
            CHANNEL.create_webhook("My Discord hook").into(),
            CHANNEL.create_webhook("My hook").into(),
            "name: contains \"discord\"",
        ),
        (CHANNEL.create_webhook(text(81)).into(), CHANNEL.create_webhook(text(80)).into(), "name: has 81"),
        (
            WebhookId(6).send("t", "x").username("the DISCORD cat").into(),
            WebhookId(6).send("t", "the DISCORD cat").username("the cat").into(),
            "username: contains \"discord\"",
        ),
        (
            WebhookId(6).send("t", "x").username("Clyde").without_wait().into(),
            WebhookId(6).send("t", "x").username("Cly de").without_wait().into(),
            "username: contains \"clyde\"",
        ),
        (
            CreateGlobalCommand::new(ApplicationId(4), "n").nsfw(true).into(),
            CreateGlobalCommand::new(ApplicationId(4), "n").nsfw(true).kind(2_u32).into(),
            "description: is missing",
        ),
        (
            CreateGuildCommand::new(ApplicationId(4), GUILD, "n").kind(1_u32).description("").into(),
            CreateGuildCommand::new(ApplicationId(4), GUILD, "n").kind(1_u32).description("d").into(),
            "description: is missing",
        ),
        (
            SetGuildCommands::new(
                ApplicationId(4),
                GUILD,
                [json!({ "name": "a", "description": "d" }), json!({ "name": "b" })],
            )
            .into(),
            SetGuildCommands::new(
                ApplicationId(4),
                GUILD,
                [json!({ "name": "a", "description": "d" }), json!({ "name": "b", "type": 3 })],
            )
            .into(),
            "[1].description: is missing",
        ),
        (
            GUILD.edit().afk_timeout(120_u32).into(),
            GUILD.edit().afk_timeout(1800_u32).into(),
            "afk_timeout: is 120, but Discord takes 60, 300, 900, 1800 or 3600",
        ),
        (GUILD.search().has("picture").into(), GUILD.search().has("-image").into(), "has: is \"picture\""),
        (
            GUILD.search().sort_by("age").into(),
            GUILD.search().sort_by("timestamp").into(),
            "sort_by: is \"age\"",
        ),
        (GUILD.search().sort_order("up").into(), GUILD.search().sort_order("asc").into(), "sort_order"),
        (
            GUILD.search().author_id(UserId(1)).author_id(UserId(1)).into(),
            GUILD.search().author_id(UserId(1)).author_id(UserId(2)).into(),
            "author_id: has 1 twice",
        ),
        (
            GUILD.search().has("-link").has("-link").into(),
            GUILD.search().has("link").has("-link").author_type("bot").author_type("-bot").into(),
            "has: has -link twice",
        ),
        (
            (0..501).fold(GUILD.search(), |call, id| call.channel_id(ChannelId(id))).into(),
            (0..500).fold(GUILD.search(), |call, id| call.channel_id(ChannelId(id))).into(),
            "channel_id: has 501",
        ),
        (GUILD.search().offset(9976_u32).into(), GUILD.search().offset(9975_u32).into(), "offset: is 9976"),
        (GUILD.search().limit(26_u32).into(), GUILD.search().limit(25_u32).into(), "limit: is 26"),
        (GUILD.search().slop(101_u32).into(), GUILD.search().slop(100_u32).into(), "slop: is 101"),
        (timeout(28 * day + 1).into(), timeout(28 * day).into(), "communication_disabled_until"),
        (callback(26).into(), callback(25).into(), "choices: has 26"),
        (modal(101, 1, 1).into(), modal(100, 1, 1).into(), "custom_id: has 101"),
        (modal(1, 46, 1).into(), modal(1, 45, 1).into(), "title: has 46"),
        (modal(1, 1, 6).into(), modal(1, 1, 5).into(), "components: has 6"),
        (modal(1, 1, 0).into(), modal(1, 1, 1).into(), "components: has 0"),
        (interaction().reply("").into(), interaction().defer().into(), "content: is empty"),
        (
            interaction().defer().file(file()).into(),
            interaction().update().file(file()).into(),
            "files: can go along with a message only",
        ),
        (
            CreateGuildSticker::new(GUILD, "nn", "t", "").into(),
            CreateGuildSticker::new(GUILD, "nn", "t", "").file(file()).into(),
            "files: has 0 files",
        ),
        (
            GUILD.ban(UserId(1)).delete_message_seconds(604_801_u32).into(),
            GUILD.ban(UserId(1)).delete_message_seconds(604_800_u32).into(),
            "delete_message_seconds: is 604801",
        ),
    ];
    for (wrong, right, why) in pairs {
        let shown = format!("{wrong:?}");
        let error = refused(wrong);
        assert!(error.contains(why), "{shown}: {error}, not {why}");
        if let Err(error) = request(right) {
            panic!("the neighbour of {shown}: {error}");
        }
    }
}

#[test]
fn nothing_shows_a_token() {
    let api = api();
    let webhook = WebhookId(6).send("webhook-secret", "hi").into_draft();
    let interaction = interaction().reply("hi").into_draft();
    let call = CHANNEL.send("hi");
    let mut shown = format!("{api:?} {webhook} {webhook:?} {interaction} {interaction:?} {call} {call:?}");
    for draft in [webhook, interaction, call.into_draft()] {
        shown.push_str(&format!("{:?}", api.request(&draft, "b")));
    }
    for secret in ["secret", "tok-en"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert!(shown.contains("POST /webhooks/6/.."), "{shown}");
    for base in ["http://user:secret@h/api", "http://user:sec/ret@h/api"] {
        let api = Api::anonymous(base);
        let request = api.request(&WebhookId(6).send("t", "hi").into_draft(), "b");
        let shown = format!("{api:?} {request:?}");
        assert_eq!(shown, "Api(http://..@h/api) Ok(POST http://..@h/api/webhooks/6/..)");
    }
}

#[test]
fn a_nonce_makes_a_new_message_repeatable() {
    let mut draft = CHANNEL.send("x").into_draft();
    assert!(!draft.is_repeatable());
    assert!(draft.mint_nonce(u64::MAX));
    assert!(draft.is_repeatable());
    assert_eq!(draft.field("nonce"), Some(&json!(u64::MAX.to_string())));
    assert_eq!(draft.field("enforce_nonce"), Some(&json!(true)));
    assert!(!draft.mint_nonce(1), "it has one");
    let mut draft = WebhookId(6).send("t", "x").into_draft();
    assert!(!draft.mint_nonce(1) && draft.field("nonce").is_none(), "a webhook's message takes none");
    assert!(!draft.is_repeatable());
    assert!(message().edit().into_draft().is_repeatable());
    assert!(!GUILD.create_role("r").into_draft().is_repeatable());
}

/// Objects are asked for what their ids are, and know the rest.
#[test]
fn objects_know_their_own() {
    let channel = |fields: Value| {
        let mut channel = json!({ "id": "5", "type": 0, "guild_id": "7" });
        channel.as_object_mut().expect("an object").extend(fields.as_object().cloned().unwrap_or_default());
        serde_json::from_value::<Channel>(channel).expect("a channel")
    };
    let guild: UserGuild = serde_json::from_value(json!({ "id": "7", "name": "g" })).expect("a guild");
    let user: User = serde_json::from_value(json!({ "id": "8", "username": "u" })).expect("a user");
    let text = channel(json!({}));
    let in_guild: Message =
        serde_json::from_value(json!({ "id": "9", "channel_id": "5", "guild_id": "7" })).expect("a message");
    let api = "https://d/api/v10";
    for (draft, vector) in [
        (Me.get().into_draft(), format!("GET {api}/users/@me\n{BOT}")),
        (Me.guilds().limit(3_u32).into_draft(), format!("GET {api}/users/@me/guilds?limit=3\n{BOT}")),
        (Me.dms().into_draft(), format!("GET {api}/users/@me/channels\nauthorization: user-secret\n")),
        (Me.application().into_draft(), format!("GET {api}/applications/@me\n{BOT}")),
        (message().channel().into_draft(), format!("GET {api}/channels/5\n{BOT}")),
        (message().before().into_draft(), format!("GET {api}/channels/5/messages?before=9&limit=5\n{BOT}")),
        (message().after().into_draft(), format!("GET {api}/channels/5/messages?after=9&limit=5\n{BOT}")),
        (message().around().into_draft(), format!("GET {api}/channels/5/messages?around=9&limit=11\n{BOT}")),
        (
            message().before().limit(7_u32).into_draft(),
            format!("GET {api}/channels/5/messages?before=9&limit=7\n{BOT}"),
        ),
        (text.typing().into_draft(), format!("POST {api}/channels/5/typing\n{BOT}")),
        (text.webhooks().into_draft(), format!("GET {api}/channels/5/webhooks\n{BOT}")),
        (text.pins().into_draft(), format!("GET {api}/channels/5/messages/pins\n{BOT}")),
        (
            text.create_webhook("w").into_draft(),
            format!("POST {api}/channels/5/webhooks\n{BOT}{JSON}{{\"name\":\"w\"}}"),
        ),
        (
            text.bulk_delete([MessageId(1), MessageId(2)]).into_draft(),
            format!("POST {api}/channels/5/messages/bulk-delete\n{BOT}{JSON}{{\"messages\":[\"1\",\"2\"]}}"),
        ),
        (
            text.search().content("x").into_draft(),
            format!("GET {api}/guilds/7/messages/search?channel_id=5&content=x\n{BOT}"),
        ),
        (
            channel(json!({ "type": 1, "guild_id": null })).search().content("x").into_draft(),
            format!("GET {api}/channels/5/messages/search?content=x\nauthorization: user-secret\n"),
        ),
        (guild.channels().into_draft(), format!("GET {api}/guilds/7/channels\n{BOT}")),
        (
            user.dm().into_draft(),
            format!("POST {api}/users/@me/channels\n{BOT}{JSON}{{\"recipient_id\":\"8\"}}"),
        ),
    ] {
        assert_eq!(wire(draft), vector);
    }
    assert_eq!(in_guild.guild().map(|call| call.to_string()).as_deref(), Some("GET /guilds/7"));
    assert!(message().guild().is_none());
    let why = refused(channel(json!({ "guild_id": null })).search().content("x"));
    assert_eq!(why, "guild_id: is not known of this channel: fetch it first, or ask its guild");
}

/// The method says whether parameters go into the query or the body.
#[test]
fn raw_requests_take_named_parameters() {
    let new = |method| Draft::new(method, "/x");
    let params = || json!({ "a": [1, true, "x y"], "b": null, "c": "z" });
    for method in [Method::Get, Method::Delete] {
        let wire = wire(new(method).with(params()));
        assert_eq!(wire, format!("{method} https://d/api/v10/x?a=1&a=true&a=x%20y&c=z\n{BOT}"));
    }
    for method in [Method::Post, Method::Put, Method::Patch] {
        let wire = wire(new(method).with(params()));
        let body = "{\"a\":[1,true,\"x y\"],\"b\":null,\"c\":\"z\"}";
        assert_eq!(wire, format!("{method} https://d/api/v10/x\n{BOT}{JSON}{body}"));
    }
    assert!(refused(new(Method::Get).with(json!({ "a": {} }))).starts_with("a: is an object"));
    assert!(refused(new(Method::Post).with(json!([1]))).starts_with("parameters: have no names"));
}

#[test]
fn what_other_channels_hold_can_be_left_out_of_a_page() {
    let hit = |id: &str, channel: &str| json!([{ "id": id, "channel_id": channel, "hit": true }]);
    let page: SearchPage = serde_json::from_value(json!({
        "total_results": 3, "messages": [hit("1", "5"), hit("2", "6"), hit("3", "5")]
    }))
    .expect("a page");
    let left: Vec<u64> = page.in_channels([CHANNEL]).found().map(|message| message.id.0).collect();
    assert_eq!(left, [1, 3]);
    let list: ThreadList = serde_json::from_value(json!({
        "threads": [{ "id": "1", "type": 11, "parent_id": "5" }, { "id": "2", "type": 11, "parent_id": "6" }]
    }))
    .expect("a list");
    assert_eq!(list.of(CHANNEL).map(|thread| thread.id.0).collect::<Vec<_>>(), [1]);
}

#[test]
fn messages_come_oldest_first() {
    let body = r#"[{"id":"3","channel_id":"5"},{"id":"2","channel_id":"5"},{"id":"1","channel_id":"5"}]"#;
    let response = Response { status: 200, headers: Vec::new(), body: body.into() };
    let messages = Call::<GetMessages>::read(&response).expect("a page");
    assert_eq!(messages.iter().map(|message| message.id.0).collect::<Vec<_>>(), [1, 2, 3]);
    // As it comes it is a table, and a list in all else.
    let table = messages.to_string();
    assert_eq!(table.lines().count(), 5, "{table}");
    assert!(table.starts_with("id  ") && messages.html().starts_with("<table>"), "{table}");
    let ids: Vec<MessageId> = (&messages).into_iter().map(|message| message.id).collect();
    assert_eq!(ids.into_iter().collect::<List<_>>(), [MessageId(1), MessageId(2), MessageId(3)]);
    let text = serde_json::to_string(&messages).expect("JSON");
    assert_eq!(serde_json::from_str::<List<Message>>(&text).ok().as_ref(), Some(&messages));
    assert_eq!(messages.clone(), messages.clone().into_inner());
    assert_eq!(messages.into_iter().map(|message| message.id.0).sum::<u64>(), 6);
    assert_eq!(GetMessages::ROW.answer, "List<Message>");
    // Nothing is what 204 brings.
    let response = Response { status: 204, headers: Vec::new(), body: bytes::Bytes::new() };
    assert_eq!(Call::<DeleteMessage>::read(&response), Ok(()));
    assert_eq!(Call::<EditGuildMember>::read(&response), Ok(None));
    assert_eq!(Call::<CreateChannelInvite>::read(&response), Ok(None));
    // What says only that it was done may bring a body all the same.
    for body in ["{}", "null", "[1]", "<html>"] {
        let response = Response { status: 200, headers: Vec::new(), body: body.into() };
        assert_eq!(Call::<TriggerTyping>::read(&response), Ok(()), "{body}");
        assert!(Call::<GetMessages>::read(&response).is_err(), "{body}");
    }
}

#[test]
fn values() {
    for (given, name) in
        [("🔥", "🔥"), (" cat:12 ", "cat:12"), ("<:cat:12>", "cat:12"), ("<a:cat:12>", "cat:12")]
    {
        assert_eq!(EmojiName::from(given).to_string(), name);
    }
    let mentions = AllowedMentions::nobody().users([UserId(1)]).replied_user(false);
    assert_eq!(Value::from(mentions), json!({ "parse": [], "users": ["1"], "replied_user": false }));
    let poll = Poll::new("q", ["a"]).hours(2).multiselect(true);
    assert_eq!(
        Value::from(poll),
        json!({ "question": {"text": "q"}, "answers": [{"poll_media": {"text": "a"}}], "duration": 2,
            "allow_multiselect": true })
    );
    assert_eq!(data_uri("image/png", b"hello"), "data:image/png;base64,aGVsbG8=");
    assert_eq!(InteractionId::from(&interaction()), InteractionId(3));
    assert_eq!(CHANNEL.messages().around(&message()).to_string(), "GET /channels/5/messages");
}

#[test]
fn the_table_shows_every_row() {
    let table = endpoint::all();
    let text = table.to_string();
    assert!(table.0.len() > 190, "{}", table.0.len());
    for row in &table.0 {
        assert!(text.contains(row.name) && row.path.starts_with('/'), "{row:?}");
    }
    let path = "/channels/{channel_id}/messages/bulk-delete";
    assert!(text.contains(&format!("POST   {path:<70} {:<28} -> ()\n", "BulkDeleteMessages")));
    assert!(text.contains("must  messages: Vec<MessageId> 2..=100"));
    let mut names: Vec<_> = table.0.iter().map(|row| row.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), table.0.len(), "two rows of one name");
    assert_eq!(CreateMessage::ROW.answer, "Message");
}
