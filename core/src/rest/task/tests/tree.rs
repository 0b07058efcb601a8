use proptest::prelude::*;

use super::*;
use crate::id::GuildId;
use crate::rest::task::{GuildTree, Tree};

fn channel(id: u64, kind: u32, name: &str, parent: Option<u64>, position: i64) -> Value {
    let parent = parent.map(|id| id.to_string());
    json!({ "id": id.to_string(), "type": kind, "name": name, "parent_id": parent, "position": position })
}

fn server(draft: &Draft) -> Response {
    match &*path_end(draft) {
        "3" => ok(&json!({ "id": "3", "name": "Home" })),
        "channels" => {
            let mut list = vec![
                channel(20, 4, "Talk", None, 2),
                channel(10, 4, "News", None, 1),
                channel(22, 2, "voice", Some(20), 0),
                channel(21, 0, "chat", Some(20), 5),
                channel(11, 5, "releases", Some(10), 0),
                channel(1, 0, "rules", None, 0),
                channel(2, 2, "lobby", Some(999), 0),
            ];
            list[5]["topic"] = json!("Be kind.\nAlways \u{1b}[31m");
            ok(&list.into())
        }
        "active" => ok(&json!({
            "threads": [channel(31, 11, "late", Some(21), 0), channel(30, 11, "early", Some(21), 0),
                channel(32, 12, "orphan", Some(888), 0)],
            "members": []
        })),
        "members" => {
            let limit = query::<u64>(draft, "limit").unwrap();
            let after = query::<u64>(draft, "after").unwrap_or(0);
            let member = |id: u64| json!({ "user": { "id": id.to_string(), "username": format!("user{id}"), "bot": id == 2 }, "nick": (id == 1).then_some("Ann\nB") });
            ok(&(1..=1002).filter(|id| *id > after).take(limit as usize).map(member).collect())
        }
        other => panic!("{other}"),
    }
}

#[test]
fn a_tree_is_a_map_of_the_guild() {
    let ran = run(GuildTree::new(GuildId(3)).with_members(3), server, never);
    assert_eq!(ran.requests.len(), 4);
    let [tree] = &ran.items[..] else { panic!("one tree") };
    assert_eq!(
        tree.to_string(),
        "Home (3)\n\
         #rules: Be kind. Always \u{fffd}[31m\n\
         > orphan\n\
         \u{1f50a}lobby\n\
         [News]\n  #releases\n\
         [Talk]\n  #chat\n    > early\n    > late\n  \u{1f50a}voice\n\
         3 members\n  Ann B (@user1)\n  user2 (@user2, bot)\n  user3 (@user3)\n"
    );
    let ran = run(GuildTree::new(GuildId(3)), server, never);
    assert_eq!((ran.requests.len(), ran.items[0].members.len()), (3, 0));
}

#[test]
fn a_member_that_cannot_be_read_is_left_out() {
    let spoil = |draft: &Draft| {
        let answer = server(draft);
        if path_end(draft) != "members" {
            return answer;
        }
        let mut page: Value = serde_json::from_slice(&answer.body).unwrap();
        if let Some(second) = page.get_mut(1) {
            second["nick"] = json!([]);
        }
        ok(&page)
    };
    let ran = run(GuildTree::new(GuildId(3)).with_members(2), spoil, never);
    assert_eq!((ran.items.len(), ran.errors.len(), ran.task.progress().failed), (1, 1, 1));
    assert_eq!(ran.items[0].members.len(), 2);
}

#[test]
fn a_failure_is_told_and_a_saved_tree_goes_on() {
    let broken = |draft: &Draft| if path_end(draft) == "active" { refused(500, 0) } else { server(draft) };
    let ran = run(GuildTree::new(GuildId(3)), broken, never);
    assert_eq!((ran.items.len(), ran.errors.len()), (0, 1));
    let saved = serde_json::to_string(&ran.task).unwrap();
    let ran = run(serde_json::from_str::<GuildTree>(&saved).unwrap(), server, never);
    assert_eq!((ran.items.len(), ran.requests.len()), (1, 1));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..Default::default() })]

    #[test]
    fn a_tree_cut_anywhere_is_whole(cut in prop::collection::vec(prop::bool::weighted(0.2), 0..40)) {
        let ran = run(GuildTree::new(GuildId(3)).with_members(1001), server, cuts(cut));
        prop_assert_eq!((ran.items.len(), ran.items[0].members.len()), (1, 1001));
    }

    /// Whatever belongs to whatever: each channel and thread has its line, and no name makes two.
    #[test]
    fn each_channel_has_one_line(
        channels in prop::collection::btree_map(0_u64..30, (0_u32..17, prop::option::of(0_u64..30), any::<i64>(), ".{0,9}"), 0..30),
        threads in prop::collection::vec((30_u64..60, prop::option::of(0_u64..60), "[\u{0}-\u{20}\u{2028}\u{202e}a]{0,5}"), 0..20)
    ) {
        let of = |(id, (kind, parent, position, name)): (&u64, &(u32, Option<u64>, i64, String))| {
            serde_json::from_value(channel(*id, *kind, name, *parent, *position)).unwrap()
        };
        let tree = Tree {
            channels: channels.iter().map(of).collect(),
            threads: threads.iter().map(|(id, parent, name)| of((id, &(11, *parent, 0, name.clone())))).collect(),
            ..Tree::default()
        };
        prop_assert_eq!(tree.to_string().lines().count(), 1 + channels.len() + threads.len());
        let bad = |c: char| c != '\n' && (c.is_control() || c == '\u{202e}' || c == '\u{2028}');
        prop_assert!(!tree.to_string().contains(bad));
    }
}
