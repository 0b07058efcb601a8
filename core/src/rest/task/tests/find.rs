use proptest::prelude::*;

use super::*;
use crate::id::GuildId;
use crate::rest::task::Find;

#[test]
fn channels_by_name() {
    let names = ["General", "general", "off-topic", "generally"];
    let server = |_: &Draft| {
        ok(&(1_u64..)
            .zip(names)
            .map(|(id, name)| json!({ "id": id.to_string(), "type": 0, "name": name }))
            .collect())
    };
    for (name, want) in [
        ("general", Some(2)),
        ("#general", Some(2)),
        ("GENERAL", Some(1)),
        ("Off-Topic", Some(3)),
        ("gene", None),
        ("", None),
    ] {
        let ran = run(Find::channel(GuildId(3), name), server, never);
        assert_eq!(ran.items.first().map(|channel| channel.id.0), want, "{name}");
        assert!(ran.items.len() <= 1 && ran.errors.is_empty());
        assert_eq!(ran.requests, ["GET /guilds/3/channels"]);
    }
}

#[test]
fn members_by_any_of_their_names() {
    let member = |id: u64, nick: Option<&str>, name: &str, global: Option<&str>| json!({ "user": { "id": id.to_string(), "username": name, "global_name": global }, "nick": nick });
    let server = |draft: &Draft| {
        assert_eq!(query::<u32>(draft, "limit"), Some(1000));
        let list = vec![
            member(1, None, "annabel", None),
            member(2, Some("ANN"), "x", None),
            member(3, None, "y", Some("Ann")),
            json!({ "nick": "Annika" }),
        ];
        ok(&list.into())
    };
    for (name, want) in [("Ann", Some("y")), ("@ann", Some("x")), ("anna", Some("annabel")), ("bob", None)] {
        let ran = run(Find::member(GuildId(3), name), server, never);
        let got = ran.items.first().and_then(|member| member.user.as_ref()).map(|user| &*user.username);
        assert_eq!(got, want, "{name}");
    }
    let ran = run(Find::member(GuildId(3), "a b&limit=1"), server, never);
    assert_eq!(ran.requests, ["GET /guilds/3/members/search?query=a%20b%26limit%3D1&limit=1000"]);
}

#[test]
fn what_cannot_be_read_does_not_end_the_look() {
    let list = json!([
        { "id": "1", "type": 0, "name": 5 },
        { "id": "2", "type": 0, "name": "General" },
        { "id": "3", "type": 0, "name": "general" },
    ]);
    let ran = run(Find::channel(GuildId(3), "general"), |_| ok(&list), never);
    assert_eq!((ran.items.len(), ran.items[0].id.0, ran.errors.len()), (1, 3, 1));
    assert_eq!(ran.task.progress().failed, 1);
}

fn guilds(draft: &Draft) -> Response {
    let after = query::<u64>(draft, "after").unwrap_or(0);
    let name = |id: u64| {
        if id.is_multiple_of(2) { format!("GUILD {}", id / 2) } else { format!("Guild {}", id / 2) }
    };
    let guild = |id: u64| json!({ "id": id.to_string(), "name": name(id) });
    ok(&(1..=500).filter(|id| *id > after).take(200).map(guild).collect())
}

#[test]
fn guilds_are_looked_through_until_nothing_better_can_come() {
    let found = |name| {
        let ran = run(Find::guild(name), guilds, never);
        (ran.items.first().map(|guild| guild.id.0), ran.requests.len())
    };
    assert_eq!(found("Guild 3"), (Some(7), 1));
    assert_eq!(found("GUILD 150"), (Some(300), 2));
    assert_eq!(found("guild 3"), (Some(6), 3));
    assert_eq!(found("guild"), (None, 3));
    let ran = run(
        Find::guild("guild 3"),
        |draft| if query::<u64>(draft, "after").is_some() { refused(500, 0) } else { guilds(draft) },
        never,
    );
    assert_eq!((ran.items.len(), ran.errors.len()), (0, 1));
    let saved = serde_json::to_string(&ran.task).unwrap();
    let ran = run(serde_json::from_str::<Find<crate::rest::task::Guilds>>(&saved).unwrap(), guilds, never);
    assert_eq!((ran.items[0].id.0, ran.requests.len()), (6, 2));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..Default::default() })]

    #[test]
    fn cut_anywhere_it_finds_the_same(
        number in 1_u64..250, cut in prop::collection::vec(prop::bool::weighted(0.3), 0..30)
    ) {
        let ran = run(Find::guild(&format!("guild {number}")), guilds, cuts(cut));
        prop_assert_eq!(ran.items.iter().map(|guild| guild.id.0).collect::<Vec<_>>(), vec![number * 2]);
    }
}
