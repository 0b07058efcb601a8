//! What people see of objects: lines, tables, HTML, links.

use super::pages::shown;
use super::*;
use crate::id::{AttachmentId, EmojiId, StickerId};

fn message_of(author: &str, content: &str) -> Message {
    let user = User { id: UserId(7), username: author.into(), ..User::default() };
    Message {
        id: MessageId(3),
        channel_id: ChannelId(2),
        author: Some(user),
        content: content.into(),
        ..Message::default()
    }
}

#[test]
fn objects_are_shown_in_a_line() {
    let line = |object: &dyn core::fmt::Display| object.to_string();
    assert_eq!(line(&message_of("mason", "Supa Hot")), "#3 mason: Supa Hot");
    assert_eq!(line(&message_of("mason", &"é".repeat(31))), format!("#3 mason: {}…", "é".repeat(30)));
    assert_eq!(line(&message_of("a\nb", "c\x1b[2J\nd")), "#3 a b: c\u{fffd}[2J d");
    assert_eq!(line(&message_of("m", "")), "#3 m: (DEFAULT)");
    let files = Message { attachments: vec![Attachment::default()], ..message_of("m", "") };
    assert_eq!(line(&files), "#3 m: (1 files)");
    assert_eq!(line(&parsed::<User>(&user())), "#80351110224678912 mason");
    let bot = User { bot: true, ..parsed(&user()) };
    assert_eq!(line(&bot), "#80351110224678912 mason (bot)");
    assert_eq!(line(&parsed::<Member>(&member())), "#80351110224678912 NOT API SUPPORT");
    assert_eq!(line(&parsed::<Guild>(&guild())), "#197038439483310086 Discord Testers");
    assert_eq!(line(&parsed::<Channel>(&channel())), "#41771983423143937 #general");
    assert_eq!(line(&parsed::<Role>(&role())), "#41771983423143936 @WE DEM BOYZZ");
    assert_eq!(line(&parsed::<Webhook>(&webhook())), "#223704706495545344 test webhook");
    assert_eq!(line(&parsed::<Attachment>(&attachment())), "#1 cat.png, image/png, 277.5 KiB");
    assert_eq!(line(&parsed::<Emoji>(&emoji())), ":LUL:");
    assert_eq!(line(&parsed::<Reaction>(&reaction())), "2 x 🔥");
    for (display, debug) in shown().into_iter().chain(rare::shown()) {
        for text in [display, debug] {
            assert!(text.len() < 130 && !text.contains('\n') && !text.is_empty(), "{text}");
            assert!(!text.contains("3d89bb7572e0fb30") && !text.contains("A_UNIQUE_TOKEN"), "{text}");
        }
    }
}

#[test]
fn channels_have_labels() {
    let channel = |kind, name: Option<&str>, topic: Option<&str>| Channel {
        kind,
        name: name.map(Into::into),
        topic: topic.map(Into::into),
        ..Channel::default()
    };
    for (kind, name, topic, label) in [
        (ChannelType::GUILD_TEXT, Some("general"), None, "#general"),
        (ChannelType::GUILD_TEXT, Some("general"), Some("24/7"), "#general: 24/7"),
        (ChannelType::GUILD_TEXT, Some("general"), Some(""), "#general"),
        (ChannelType::GUILD_VOICE, Some("lobby"), None, "\u{1f50a}lobby"),
        (ChannelType::GUILD_STAGE_VOICE, Some("stage"), None, "\u{1f50a}stage"),
        (ChannelType::GUILD_CATEGORY, Some("Info"), None, "Info"),
        (ChannelType::PUBLIC_THREAD, Some("thread"), None, "#thread"),
        (ChannelType::GROUP_DM, Some("friends"), None, "friends"),
        (ChannelType::DM, None, None, "DM"),
    ] {
        assert_eq!(channel(kind, name, topic).label(), label);
    }
    let recipients = vec![parsed(&user()), User { username: "u".into(), ..User::default() }];
    assert_eq!(Channel { recipients, ..channel(ChannelType::GROUP_DM, None, None) }.label(), "@Mason, @u");
}

#[test]
fn tables_are_aligned() {
    let user =
        |id: u64, name: &str, bot| User { id: UserId(id), username: name.into(), bot, ..User::default() };
    let users: List<User> = [user(1, "mason", false), user(1_234_567, "狐🔥", true)].into_iter().collect();
    let table = [
        "id       username  name   bot",
        "-------  --------  -----  ---",
        "1        mason     mason",
        "1234567  狐🔥      狐🔥   yes",
    ];
    assert_eq!(users.to_string(), table.join("\n"));
    assert_eq!(List::<User>::default().to_string(), "id  username  name  bot\n--  --------  ----  ---");
    let long = message_of("\x1b]0;x\x07", &format!("one\ntwo {}", "wide狐".repeat(30)));
    let table = List(vec![long, message_of("a", &"\u{301}".repeat(5000))]).to_string();
    let content = table.lines().nth(2).unwrap();
    assert!(content.contains("\u{fffd}]0;x\u{fffd}  one two wide狐") && content.ends_with('…'), "{content}");
    assert!(!table.contains('\x1b') && table.lines().count() == 4 && table.len() < 1500, "{table}");
}

#[test]
fn html_holds_text_as_text() {
    let hostile = r#"<script>alert("1")</script>'&"#;
    let message = Message {
        attachments: vec![Attachment { filename: hostile.into(), ..Attachment::default() }],
        ..message_of(hostile, &format!("{hostile}\nEVCXR_END_CONTENT\n"))
    };
    let list = List(vec![Message { channel_type: Some(ChannelType::DM), ..message }]);
    let html = list.html();
    assert!(!html.contains("<script") && !html.contains(['\n', '\'']), "{html}");
    assert_eq!(
        html.matches("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&#39;&amp;").count(),
        3,
        "{html}"
    );
    assert!(html.contains(r#"<a href="https://discord.com/channels/@me/2/3">3</a>"#), "{html}");
    let notebook = list.evcxr();
    assert!(notebook.starts_with("EVCXR_BEGIN_CONTENT text/plain\nid"), "{notebook}");
    let html = format!("\nEVCXR_BEGIN_CONTENT text/html\n{html}\nEVCXR_END_CONTENT\n");
    assert!(notebook.ends_with(&html), "{notebook}");
    assert_eq!(notebook.lines().filter(|line| *line == "EVCXR_END_CONTENT").count(), 2);

    struct Bare;
    impl Row for Bare {
        const COLUMNS: &'static [&'static str] = &["<b>"];

        fn cells(&self) -> Vec<Cell> {
            vec!["EVCXR_END_CONTENT".into()]
        }
    }
    let notebook = List(vec![Bare]).evcxr();
    assert_eq!(notebook.lines().filter(|line| *line == "EVCXR_END_CONTENT").count(), 2);
    assert!(notebook.contains("<th>&lt;b&gt;</th>"));
}

#[test]
fn attachments_are_previewed() {
    let file = |name: &str, url: &str| Attachment {
        id: AttachmentId(1),
        filename: name.into(),
        url: url.into(),
        size: 2048,
        ..Attachment::default()
    };
    let image = file("a\".png", "https://cdn/a?b=\"c&d").html();
    assert!(
        image.starts_with("<img ") && image.contains(r#"src="https://cdn/a?b=&quot;c&amp;d""#),
        "{image}"
    );
    assert!(image.contains(r#"alt="a&quot;.png""#), "{image}");
    let other = file("a.zip", "https://cdn/a").html();
    assert_eq!(other, r#"<a href="https://cdn/a">a.zip (application/zip, 2.0 KiB)</a>"#);
    assert_eq!(file("a.png", "javascript:alert(1)").html(), "a.png");
    assert!(file("a.png", "https://cdn/a").evcxr().contains("text/html\n<img "));
    let table = List(vec![file("a.zip", "")]).to_string();
    assert!(table.contains("a.zip (application/zip, 2.0 KiB)") && table.ends_with("2.0 KiB"), "{table}");
}

pub(super) fn fits<T: Row + DeserializeOwned + Default>(value: Value) {
    for row in [parsed::<T>(&value), T::default()] {
        assert_eq!(row.cells().len(), T::COLUMNS.len());
        let list = List(vec![row]);
        let html = list.html();
        assert_eq!(html.matches("<td>").count(), T::COLUMNS.len());
        assert_eq!(list.to_string().split('\n').count(), 3);
    }
    let list: List<T> = parsed(&json!([value]));
    assert_eq!((list.len(), list.into_inner().len()), (1, 1));
}

#[test]
fn every_row_has_a_cell_for_each_column() {
    fits::<Attachment>(attachment());
    fits::<Channel>(channel());
    fits::<Emoji>(emoji());
    fits::<Guild>(guild());
    fits::<Member>(member());
    fits::<Message>(message());
    fits::<Role>(role());
    fits::<User>(user());
    fits::<Webhook>(webhook());
    fits::<UserGuild>(json!({"id": "1", "name": "n", "owner": true}));
    fits::<ThreadMember>(json!({"id": "1", "user_id": "2", "flags": 0}));
    fits::<Ban>(json!({"user": user(), "reason": null}));
    fits::<AuditLogEntry>(json!({"id": "1", "action_type": 1}));
    fits::<ApplicationCommand>(json!({"id": "1", "name": "x"}));
    let secret = List(vec![parsed::<Webhook>(&webhook())]);
    assert!(!format!("{secret} {secret:?} {}", secret.html()).contains("3d89bb7572e0fb30"));
    assert_eq!(serde_json::to_value(&secret).unwrap(), json!([webhook()]));
}

#[test]
fn tables_lead_only_where_the_guild_is_known() {
    let list = List(vec![
        message_of("m", "see this"),
        Message { guild_id: Some(GuildId(8)), ..message_of("m", "x") },
    ]);
    let link = |guild: &str| format!("<a href=\"https://discord.com/channels/{guild}/2/3\">3</a>");
    let html = list.html();
    assert!(html.contains("<td>3</td>") && html.contains(&link("8")) && !html.contains("@me"), "{html}");
    for (html, guild) in [(list.html_in(GuildId(9)), "9"), (list.html_in(None), "@me")] {
        assert_eq!(html.matches(&link(guild)).count(), 2, "{html}");
        assert_eq!(html.matches("<td>").count(), 2 * Message::COLUMNS.len());
    }
    assert!(list.evcxr_in(GuildId(9)).contains(&link("9")));
    let channel = |kind| List(vec![Channel { id: ChannelId(2), kind, ..Channel::default() }]).html();
    assert!(!channel(ChannelType::GUILD_TEXT).contains("href"));
    assert!(channel(ChannelType::DM).contains("href=\"https://discord.com/channels/@me/2\""));
}

#[test]
fn links_are_found() {
    let content = "see https://discord.com/channels/1/2/3, <https://ptb.discord.com/channels/@me/4/5?x> and \
        https://discordapp.com/channels/6/7/8é https://discord.com/channels/1/2 https://discord.com/channels/@me/2/ \
        https://discord.com.evil.com/channels/1/2/3 http://discord.com/channels/1/2/3 https://https://\
        canary.discord.com/channels/1/2/9 https://discord.com/channels/1/2/99999999999999999999";
    let links: Vec<_> = message_of("m", content).links().map(|link| link.to_string()).collect();
    assert_eq!(
        links,
        [
            "https://discord.com/channels/1/2/3",
            "https://discord.com/channels/@me/4/5",
            "https://discord.com/channels/6/7/8",
            "https://discord.com/channels/1/2/9",
        ]
    );
    let message = message_of("m", "");
    let link: MessageLink = message.url_in(None).parse().unwrap();
    assert_eq!((link.guild, link.channel, link.message), (None, ChannelId(2), MessageId(3)));
    for bad in ["", "https://discord.com/channels/1/2", "https://discord.com/channels/1/2/3/4", "x"] {
        assert_eq!(bad.parse::<MessageLink>(), Err(NoMessageLink), "{bad}");
    }
}

#[test]
fn images_have_addresses() {
    let mut user: User = parsed(&user());
    let avatar =
        "https://cdn.discordapp.com/avatars/80351110224678912/a_8342729096ea3675442027381ff50dfe.webp";
    assert_eq!(user.avatar_url(100), format!("{avatar}?animated=true&size=128"));
    assert_eq!(user.avatar_url(0), format!("{avatar}?animated=true&size=16"));
    assert_eq!(user.avatar_url(u32::MAX), format!("{avatar}?animated=true&size=4096"));
    assert_eq!(user.banner_url(64), None);
    for hash in ["../../x", "", "a?b", "é"] {
        user.avatar = Some(hash.into());
        // 80351110224678912 >> 22 is 19157197529, and 5 more than a multiple of 6.
        assert_eq!(user.avatar_url(64), "https://cdn.discordapp.com/embed/avatars/5.png");
    }
    user.discriminator = Some("1337".into());
    assert_eq!(user.avatar_url(64), "https://cdn.discordapp.com/embed/avatars/2.png");
    let mut member = Member { user: Some(user), ..Member::default() };
    assert_eq!(member.avatar_url(GuildId(1), 64).unwrap(), "https://cdn.discordapp.com/embed/avatars/2.png");
    member.avatar = Some("ab".into());
    let own = "https://cdn.discordapp.com/guilds/1/users/80351110224678912/avatars/ab.webp?size=64";
    assert_eq!(member.avatar_url(GuildId(1), 64).unwrap(), own);
    assert_eq!(Member::default().avatar_url(GuildId(1), 64), None);
    let guild: Guild = parsed(&guild());
    let icon =
        "https://cdn.discordapp.com/icons/197038439483310086/f64c482b807da4f539cff778d174971c.webp?size=4096";
    assert_eq!(guild.icon_url(4096).unwrap(), icon);
    let emoji = Emoji { id: Some(EmojiId(5)), animated: true, ..Emoji::default() };
    assert_eq!(emoji.url(48).unwrap(), "https://cdn.discordapp.com/emojis/5.webp?animated=true&size=64");
    assert_eq!(Emoji::default().url(48), None);
    let sticker = |format_type| StickerItem { id: StickerId(1), format_type, ..StickerItem::default() }.url();
    assert_eq!(sticker(StickerFormat::GIF), "https://media.discordapp.net/stickers/1.gif");
    assert_eq!(sticker(StickerFormat::LOTTIE), "https://cdn.discordapp.com/stickers/1.json");
    assert_eq!(sticker(StickerFormat::PNG), "https://cdn.discordapp.com/stickers/1.png");
}

proptest! {
    #[test]
    fn tables_are_aligned_whatever_is_in_them(names in prop::collection::vec("\\PC{0,60}|[\u{0}-\u{20}a<]{0,9}", 0..5)) {
        let users: List<User> =
            names.iter().map(|name| User { username: name.clone(), ..User::default() }).collect();
        let table = users.to_string();
        prop_assert_eq!(table.lines().count(), names.len() + 2);
        prop_assert!(!table.contains(|c: char| c.is_control() && c != '\n'));
        let html = users.html();
        prop_assert_eq!(html.matches('<').count(), 2 * (5 + 4 + 5 * names.len()) + 2 - 4);
    }

    #[test]
    fn links_never_panic(text in "(https://)?(discord.com/)?(channels/)?[@me0-9/é]{0,30}") {
        let _ = message_of("m", &text).links().count();
    }
}
