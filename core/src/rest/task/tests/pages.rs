use core::cell::Cell;

use proptest::prelude::*;

use super::*;
use crate::id::{ChannelId, GuildId, MessageId, UserId};
use crate::rest::endpoint::*;
use crate::rest::task::{History, Moment, Pages};

const CHANNEL: ChannelId = ChannelId(7);

/// A page of messages as Discord cuts it: the newest first.
fn page(ids: &[u64], draft: &Draft) -> Vec<u64> {
    let (before, after) = (query::<u64>(draft, "before"), query::<u64>(draft, "after"));
    let limit = query::<usize>(draft, "limit").unwrap_or(50);
    assert!((1..=100).contains(&limit) && (before.is_none() || after.is_none()), "{draft:?}");
    let mut ids: Vec<u64> = ids.to_vec();
    ids.sort_unstable();
    match (before, after) {
        (_, Some(after)) => ids.retain(|id| *id > after),
        (Some(before), _) => ids.retain(|id| *id < before),
        _ => {}
    }
    let mut page: Vec<u64> = if after.is_some() {
        ids.into_iter().take(limit).collect()
    } else {
        ids.into_iter().rev().take(limit).collect()
    };
    page.sort_unstable_by(|a, b| b.cmp(a));
    page
}

fn messages(ids: &[u64]) -> Response {
    ok(&ids.iter().map(|id| message(*id, CHANNEL.0)).collect())
}

fn read(task: History, ids: &[u64], cut: Vec<bool>) -> (Vec<u64>, Ran<History>) {
    let ran = run(task, |draft| messages(&page(ids, draft)), cuts(cut));
    (ran.items.iter().map(|message| message.id.0).collect(), ran)
}

#[test]
fn a_history_goes_both_ways_from_and_until_anywhere() {
    let ids: Vec<u64> = (1..=250).collect();
    let newest: Vec<u64> = ids.iter().rev().copied().collect();
    let all = |task| read(task, &ids, vec![]);
    let (got, ran) = all(CHANNEL.messages().all());
    assert_eq!(got, newest);
    assert_eq!(
        ran.requests,
        [
            "GET /channels/7/messages?limit=100",
            "GET /channels/7/messages?limit=100&before=151",
            "GET /channels/7/messages?limit=100&before=51"
        ]
    );
    assert_eq!((ran.task.progress().done, ran.task.progress().requests), (250, 3));
    assert_eq!(all(CHANNEL.messages().all().oldest_first()).0, ids);
    assert_eq!(all(CHANNEL.messages().after(MessageId(200)).all()).0, ids[200..]);
    assert_eq!(all(CHANNEL.messages().before(MessageId(31)).all()).0, newest[220..]);
    let window = CHANNEL.messages().limit(10_u32).before(MessageId(31)).all().until(MessageId(9));
    assert_eq!(all(window).0, (10..=30).rev().collect::<Vec<u64>>());
    let up = CHANNEL.messages().all().oldest_first().from(MessageId(100)).until(MessageId(104));
    assert_eq!(all(up).0, [101, 102, 103]);
    // Upwards `before` is an end: Discord takes only one of it and `after`.
    let (got, ran) = all(CHANNEL.messages().before(MessageId(104)).all().oldest_first());
    assert_eq!((got, ran.requests.len()), (ids[..103].to_vec(), 2));
    assert!(ran.requests.iter().all(|request| !request.contains("before")), "{:?}", ran.requests);
    let between = CHANNEL.messages().before(MessageId(104)).all().oldest_first().from(MessageId(100));
    assert_eq!(all(between.clone().until(MessageId(200))).0, [101, 102, 103]);
    assert_eq!(all(between.until(MessageId(102))).0, [101]);
    let (got, ran) = all(CHANNEL.messages().query("before", "x").all().oldest_first());
    assert_eq!((got.len(), ran.errors.len()), (0, 1));
    assert!(matches!(ran.errors[0].cause, Cause::Invalid(_)), "{}", ran.errors[0]);
    let (got, ran) = all(CHANNEL.messages().all().at_most(130));
    assert_eq!((got.len(), ran.requests.len(), ran.task.progress().total), (130, 2, Some(130)));
    assert_eq!(ran.requests[1], "GET /channels/7/messages?limit=30&before=151");
    assert_eq!(all(CHANNEL.messages().all().at_most(0)).1.requests.len(), 0);
    let (got, ran) = all(CHANNEL.messages().around(MessageId(9)).all());
    assert_eq!((got.len(), ran.errors.len()), (0, 1));
    assert!(ran.errors[0].to_string().contains("around"), "{}", ran.errors[0]);
}

#[test]
fn a_server_that_repeats_itself_is_left() {
    for ids in [vec![5, 4, 3], vec![3, 4, 5, 5, 5]] {
        let task = CHANNEL.messages().limit(3_u32).all();
        let ran = run(task, |_| messages(&ids), never);
        let got: Vec<u64> = ran.items.iter().map(|message| message.id.0).collect();
        assert_eq!((got, ran.requests.len(), ran.errors.len()), (vec![5, 4, 3], 2, 1));
        assert!(matches!(ran.errors[0].cause, Cause::Stuck(_)), "{}", ran.errors[0]);
        assert!(ran.task.progress().skipped >= 3);
    }
    // More than was asked for, in any order, with doubles.
    let many: Vec<u64> = [9, 1, 5, 5, 7, 3, 9].repeat(3);
    let ran = run(CHANNEL.messages().limit(2_u32).all().at_most(4), |_| messages(&many), never);
    assert_eq!(ran.items.iter().map(|message| message.id.0).collect::<Vec<_>>(), [9, 7, 5, 3]);
    let nonsense = Response { status: 200, headers: vec![], body: "<html>".into() };
    let ran = run(CHANNEL.messages().all(), |_| nonsense.clone(), never);
    assert_eq!((ran.items.len(), ran.errors.len(), ran.requests.len()), (0, 1, 1));
}

#[test]
fn a_failure_is_told_once_and_a_saved_task_goes_on_behind_it() {
    let ids: Vec<u64> = (1..=250).collect();
    let calls = Cell::new(0);
    let server = |draft: &Draft| {
        calls.set(calls.get() + 1);
        if calls.get() == 2 { refused(403, 50001) } else { messages(&page(&ids, draft)) }
    };
    let first = run(CHANNEL.messages().all(), server, never);
    assert_eq!((first.items.len(), first.errors.len(), first.errors[0].code()), (100, 1, 50001));
    let saved = serde_json::to_string(&first.task).unwrap();
    let second = run(serde_json::from_str::<History>(&saved).unwrap(), server, never);
    assert_eq!((second.items.len(), second.errors.len()), (150, 0));
    assert_eq!(second.task.progress().done, 250);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..Default::default() })]

    /// Whatever the size of the channel and of its pages: cut anywhere, everything comes once, in order.
    #[test]
    fn a_history_cut_anywhere_brings_each_message_once(
        ids in prop::collection::btree_set(1_u64..2000, 0..320), size in 1_u32..=100, up: bool,
        cut in prop::collection::vec(prop::bool::weighted(0.1), 0..400)
    ) {
        let ids: Vec<u64> = ids.into_iter().collect();
        let mut task = CHANNEL.messages().limit(size).all();
        if up {
            task = task.oldest_first();
        }
        let (got, ran) = read(task, &ids, cut);
        let mut want = ids.clone();
        if !up {
            want.reverse();
        }
        prop_assert_eq!(got, want);
        prop_assert!(ran.errors.is_empty());
    }

    /// Messages that vanish or appear meanwhile disturb no others.
    #[test]
    fn what_stays_comes_once_though_others_go(
        stay in prop::collection::btree_set(1_u64..1000, 0..200), go in prop::collection::btree_set(1_u64..1000, 0..100),
        size in 1_u32..50, up: bool, cut in prop::collection::vec(prop::bool::weighted(0.1), 0..100)
    ) {
        let go: Vec<u64> = go.into_iter().filter(|id| !stay.contains(id)).collect();
        let mut left = go.len();
        let mut task = CHANNEL.messages().limit(size).all();
        if up {
            task = task.oldest_first();
        }
        let server = |draft: &Draft| {
            let ids: Vec<u64> = stay.iter().chain(&go[..left]).copied().collect();
            left = left.saturating_sub(3);
            messages(&page(&ids, draft))
        };
        let ran = run(task, server, cuts(cut));
        let got: Vec<u64> = ran.items.iter().map(|message| message.id.0).filter(|id| stay.contains(id)).collect();
        let mut want: Vec<u64> = stay.iter().copied().collect();
        if !up {
            want.reverse();
        }
        prop_assert_eq!(got, want);
    }

    /// Any pages at all: it ends, and nothing comes twice or out of order.
    #[test]
    fn hostile_pages_do_not_confuse_it(
        pages in prop::collection::vec(prop::collection::vec(0_u64..500, 0..120), 1..30), up: bool,
        cut in prop::collection::vec(prop::bool::weighted(0.05), 0..200)
    ) {
        let mut next = pages.iter().cycle();
        let mut task = CHANNEL.messages().all().at_most(1000);
        if up {
            task = task.oldest_first();
        }
        let ran = run(task, |_| messages(next.next().unwrap()), cuts(cut));
        let got: Vec<u64> = ran.items.iter().map(|message| message.id.0).collect();
        prop_assert!(got.windows(2).all(|two| if up { two[0] < two[1] } else { two[0] > two[1] }), "{:?}", got);
    }
}

#[test]
fn members_guilds_reactions_bans_and_thread_members_go_by_id() {
    let user = |id: u64| json!({ "id": id.to_string(), "username": "x" });
    let by_user = |id: u64| json!({ "user": user(id), "nick": null });
    let up = |draft: &Draft, most: usize, make: &dyn Fn(u64) -> Value| {
        let limit = query::<usize>(draft, "limit").expect("the default is too small");
        assert!(limit <= most);
        let after = query::<u64>(draft, "after").unwrap_or(0);
        ok(&(1..=2500).filter(|id| *id > after).take(limit).map(make).collect())
    };
    let ran = run(ListGuildMembers::new(GuildId(3)).all(), |draft| up(draft, 1000, &by_user), never);
    let got: Vec<u64> =
        ran.items.iter().filter_map(|member| member.user.as_ref()).map(|user| user.id.0).collect();
    assert_eq!((got, ran.requests.len()), ((1..=2500).collect(), 3));
    assert_eq!(ran.requests[1], "GET /guilds/3/members?limit=1000&after=1000");

    let ran = run(GetCurrentUserGuilds::new().all(), |draft| up(draft, 200, &user), never);
    assert_eq!((ran.items.len(), ran.requests.len()), (2500, 13));
    let before = GetCurrentUserGuilds::new().before(GuildId(11)).all();
    let ran = run(before, |draft| up(draft, 200, &user), never);
    assert_eq!((ran.items.len(), ran.requests.len()), (10, 1));

    let reactions = GetReactions::new(CHANNEL, MessageId(5), "\u{1f525}").all();
    let ran = run(reactions.at_most(150), |draft| up(draft, 100, &user), never);
    assert_eq!((ran.items.len(), ran.requests.len()), (150, 2));
    assert_eq!(ran.requests[1], "GET /channels/7/messages/5/reactions/%F0%9F%94%A5?limit=50&after=100");

    let ban = |id: u64| json!({ "user": user(id), "reason": null });
    let ran = run(GetBans::new(GuildId(3)).all(), |draft| up(draft, 1000, &ban), never);
    assert_eq!((ran.items.len(), ran.requests.len()), (2500, 3));

    let member = |id: u64| json!({ "user_id": id.to_string(), "id": "7" });
    let ran = run(GetThreadMembers::new(CHANNEL).all(), |draft| up(draft, 100, &member), never);
    assert_eq!((ran.items.len(), ran.requests.len()), (2500, 26));
    assert_eq!(ran.requests[0], "GET /channels/7/thread-members?with_member=true&limit=100");
    assert_eq!(ran.items[2499].user_id, Some(UserId(2500)));

    // A member without a user has no place in the order: left out, and counted.
    let odd = |id: u64| if id == 3 { json!({ "nick": "who" }) } else { by_user(id) };
    let ran = run(ListGuildMembers::new(GuildId(3)).all(), |draft| up(draft, 1000, &odd), never);
    assert_eq!((ran.items.len(), ran.task.progress().skipped), (2499, 1));
}

#[test]
fn a_list_of_one_page_asks_for_the_most() {
    let by_user = |id: u64| json!({ "user": { "id": id.to_string(), "username": "x" } });
    // Discord's default is one.
    let server = |draft: &Draft| {
        let limit = query::<u64>(draft, "limit").unwrap_or(1);
        assert!((1..=1000).contains(&limit));
        ok(&(1..=1500_u64.min(limit)).map(by_user).collect())
    };
    let found = || SearchGuildMembers::new(GuildId(3), "x");
    for (task, count) in [
        (found().all(), 1000),
        (found().limit(30_u32).all(), 30),
        (found().all().at_most(7), 7),
        (found().all().at_most(5000), 1000),
    ] {
        let ran = run(task, server, never);
        assert_eq!((ran.items.len(), ran.requests.len(), ran.errors.len()), (count, 1, 0));
    }
    let cut = run(found().all().at_most(7), server, cuts([vec![false; 4], vec![true]].concat()));
    assert_eq!((cut.items.len(), cut.requests.len()), (7, 2));
    assert_eq!(cut.requests[1], "GET /guilds/3/members/search?query=x&limit=7");
    // There is no such parameter.
    let ran = run(GetGuildChannels::new(GuildId(3)).all(), |_| ok(&json!([])), never);
    assert_eq!(ran.requests, ["GET /guilds/3/channels"]);
}

/// The same entry with a content that is none, as it cannot be read.
fn spoilt(mut entry: Value) -> Value {
    let field = ["content", "username", "name", "nick"].into_iter().find(|name| entry.get(name).is_some());
    entry[field.unwrap_or("rest")] = json!({ "not": ["expected"] });
    entry
}

/// Which entries were left out, by what the errors say.
fn left_out<T: Task>(ran: &Ran<T>) -> Vec<Option<u64>> {
    let id = |error: &Error| match &error.cause {
        Cause::Entry { id, beginning, .. } => {
            assert!(beginning.contains("expected"), "{error}");
            id.map(|id| id.0)
        }
        _ => panic!("{error}"),
    };
    ran.errors.iter().map(id).collect()
}

#[test]
fn an_entry_that_cannot_be_read_is_told_and_left_behind() {
    let all: Vec<u64> = (1..=250).collect();
    let bad = [1, 50, 51, 151, 200, 250];
    let server = |draft: &Draft| {
        let page = page(&all, draft).into_iter();
        ok(&page.map(|id| if bad.contains(&id) { spoilt(message(id, 7)) } else { message(id, 7) }).collect())
    };
    for (task, up) in [(CHANNEL.messages().all(), false), (CHANNEL.messages().all().oldest_first(), true)] {
        let (mut good, mut wrong) = (all.clone(), bad.map(Some).to_vec());
        good.retain(|id| !bad.contains(id));
        if !up {
            good.reverse();
            wrong.reverse();
        }
        let ran = run(task.clone(), server, never);
        assert_eq!(ran.items.iter().map(|message| message.id.0).collect::<Vec<_>>(), good);
        assert_eq!((left_out(&ran), ran.requests.len()), (wrong.clone(), 3));
        let progress = ran.task.progress();
        assert_eq!((progress.done, progress.failed, progress.skipped), (244, 6, 0));
        // Cut anywhere, each is told once.
        for every in [3, 7, 101] {
            let cut = [vec![false; every], vec![true]].concat().repeat(400);
            let ran = run(task.clone(), server, cuts(cut));
            assert_eq!((ran.items.len(), left_out(&ran)), (244, wrong.clone()), "{every}");
        }
    }
    let text = run(CHANNEL.messages().all(), server, never).errors[0].to_string();
    assert!(text.starts_with("GET /channels/7/messages: ") && text.contains("that of 250: "), "{text}");
    // Without anything by which to place it, and with nothing but such.
    let odd = |draft: &Draft| {
        let mut page: Vec<Value> = page(&all, draft).into_iter().map(|id| message(id, 7)).collect();
        page.insert(3, json!("expected"));
        ok(&page.into())
    };
    let ran = run(CHANNEL.messages().limit(99_u32).all(), odd, never);
    assert_eq!((ran.items.len(), left_out(&ran)), (250, vec![None; 3]));
    let ran = run(CHANNEL.messages().all(), |_| ok(&json!(["expected", 7])), never);
    assert_eq!((ran.items.len(), ran.errors.len(), ran.requests.len()), (0, 3, 1));
    assert!(matches!(ran.errors[2].cause, Cause::Stuck(_)), "{}", ran.errors[2]);
    // What is no list ends it.
    for body in [json!({ "id": "1" }), json!(7), json!(null), json!("[]")] {
        let ran = run(CHANNEL.messages().all(), |_| ok(&body), never);
        assert_eq!((ran.errors.len(), ran.requests.len()), (1, 1), "{body}");
        assert!(matches!(ran.errors[0].cause, Cause::Answer { .. }), "{}", ran.errors[0]);
    }
}

#[test]
fn every_list_is_read_entry_by_entry() {
    let user = |id: u64| json!({ "id": id.to_string(), "username": "x" });
    let by_user = |id: u64| json!({ "user": user(id), "nick": "n" });
    let unless = |id: u64, entry: Value| if id.is_multiple_of(5) { spoilt(entry) } else { entry };
    let up = |draft: &Draft, make: &dyn Fn(u64) -> Value| {
        let limit = query::<usize>(draft, "limit").unwrap();
        let after = query::<u64>(draft, "after").unwrap_or(0);
        (1..=230_u64).filter(|id| *id > after).take(limit).map(|id| unless(id, make(id))).collect::<Value>()
    };
    let fives: Vec<Option<u64>> = (1..=46).map(|n| Some(n * 5)).collect();
    macro_rules! goes {
        ($task:expr, $server:expr) => {{
            let ran = run($task, $server, never);
            assert_eq!((ran.items.len(), left_out(&ran)), (184, fives.clone()));
            assert_eq!(ran.task.progress().failed, 46);
        }};
    }
    goes!(ListGuildMembers::new(GuildId(3)).limit(20_u32).all(), |draft: &Draft| ok(&up(draft, &by_user)));
    goes!(GetBans::new(GuildId(3)).limit(20_u32).all(), |draft: &Draft| {
        let ban = |id: u64| match id % 5 {
            0 => json!({ "user": user(id), "reason": ["expected"] }),
            _ => json!({ "user": user(id), "reason": "r" }),
        };
        ok(&up(draft, &ban))
    });
    goes!(GetCurrentUserGuilds::new().limit(20_u32).all(), |draft: &Draft| {
        ok(&up(draft, &|id| json!({ "id": id.to_string(), "name": "g" })))
    });
    goes!(GetReactions::new(CHANNEL, MessageId(5), "x").all(), |draft: &Draft| ok(&up(draft, &user)));
    goes!(GetPollAnswerVoters::new(CHANNEL, MessageId(5), 1_u32).all(), |draft: &Draft| {
        ok(&json!({ "users": up(draft, &user) }))
    });
    goes!(GetThreadMembers::new(CHANNEL).all(), |draft: &Draft| {
        let member = |id: u64| match id % 5 {
            0 => json!({ "user_id": id.to_string(), "flags": "expected" }),
            _ => json!({ "user_id": id.to_string(), "flags": 1 }),
        };
        ok(&up(draft, &member))
    });
    // There is one page only: cut, it goes on behind what was told.
    let server = |_: &Draft| {
        ok(&(1..=10_u64).map(|id| unless(id, json!({ "id": id.to_string(), "name": "c" }))).collect())
    };
    for every in 2..8 {
        let cut = [vec![false; every], vec![true]].concat().repeat(100);
        let ran = run(GetGuildChannels::new(GuildId(3)).all(), server, cuts(cut));
        assert_eq!((ran.items.len(), left_out(&ran)), (8, vec![Some(5), Some(10)]));
    }
}

#[test]
fn entries_of_the_same_time_are_told_once_each_too() {
    let spoil = |pin: &Value| {
        let mut pin = pin.clone();
        if pin["message"]["id"].as_str().unwrap().ends_with('5') {
            pin["message"] = spoilt(pin["message"].clone());
        }
        pin
    };
    let times: Vec<u64> = (0..40).map(|n| n / 6).collect();
    let server = |draft: &Draft| {
        let page: Value = serde_json::from_slice(&pins(&times, draft).body).unwrap();
        let items: Vec<Value> = page["items"].as_array().unwrap().iter().map(spoil).collect();
        ok(&json!({ "items": items, "has_more": page["has_more"] }))
    };
    for (size, every) in [(50_u32, 1000), (3, 1000), (2, 4), (7, 3)] {
        let cut = [vec![false; every], vec![true]].concat().repeat(200);
        let ran = run(GetPins::new(CHANNEL).limit(size).all(), server, cuts(cut));
        let mut wrong = left_out(&ran);
        wrong.sort_unstable();
        assert_eq!((ran.items.len(), wrong), (36, [105, 115, 125, 135].map(Some).to_vec()), "{size}");
    }
    // A field beside the list is no concern of it, but where it says whether there are more.
    let server = |_: &Draft| ok(&json!({ "threads": [{ "id": "5" }], "members": 7, "has_more": false }));
    let ran = run(GetJoinedPrivateArchivedThreads::new(CHANNEL).all(), server, never);
    assert_eq!((ran.items.len(), ran.errors.len()), (1, 0));
    let server = |_: &Draft| ok(&json!({ "items": [], "has_more": "expected" }));
    let ran = run(GetPins::new(CHANNEL).all(), server, never);
    assert!(matches!(ran.errors[0].cause, Cause::Answer { .. }), "{}", ran.errors[0]);
}

#[test]
fn archived_threads_go_by_time_and_by_what_is_said_of_more() {
    let time = |id: u64| format!("2024-01-01T{:02}:{:02}:00.000000+00:00", id / 60, id % 60);
    let thread = |id: u64| json!({ "id": id.to_string(), "type": 11, "thread_metadata": { "archived": true, "archive_timestamp": time(id) } });
    let server = |draft: &Draft| {
        let limit = query::<usize>(draft, "limit").unwrap();
        assert!((2..=100).contains(&limit));
        let before = query::<String>(draft, "before");
        let left: Vec<u64> =
            (0..130).rev().filter(|id| before.as_ref().is_none_or(|time_| time(*id) < *time_)).collect();
        // Those that we may not see are missing: a page may be short.
        let page: Vec<Value> =
            left.iter().take(limit).filter(|id| *id % 7 != 0).map(|id| thread(*id)).collect();
        ok(&json!({ "threads": page, "members": [], "has_more": left.len() > limit }))
    };
    let want: Vec<u64> = (0..130).rev().filter(|id| id % 7 != 0).collect();
    let ran = run(GetPublicArchivedThreads::new(CHANNEL).limit(20_u32).all(), server, never);
    assert_eq!(ran.items.iter().map(|thread| thread.id.0).collect::<Vec<_>>(), want);
    assert!(
        ran.requests[1].ends_with("limit=21&before=2024-01-01T01%3A50%3A00.000001%2B00%3A00"),
        "{}",
        ran.requests[1]
    );
    let ran = run(GetPublicArchivedThreads::new(CHANNEL).all().at_most(1), server, never);
    assert_eq!((ran.items.len(), ran.requests.len()), (1, 1));
}

/// Pins as Discord hands them out: `times` has the minute of each, by its id.
fn pins(times: &[u64], draft: &Draft) -> Response {
    let time = |minute: u64| format!("2024-01-01T{:02}:{:02}:00.000000+00:00", minute / 60, minute % 60);
    let limit = query::<usize>(draft, "limit").unwrap();
    assert!((1..=50).contains(&limit));
    let before = query::<String>(draft, "before");
    assert!(before.as_ref().is_none_or(|before| before.ends_with("+00:00")), "{before:?}");
    let mut left: Vec<(u64, u64)> = times.iter().copied().zip(100..).collect();
    left.retain(|(minute, _)| before.as_ref().is_none_or(|before| time(*minute) < *before));
    left.sort_unstable_by(|a, b| b.cmp(a));
    let pin = |(minute, id): &(u64, u64)| json!({ "pinned_at": time(*minute), "message": message(*id, 7) });
    let page: Vec<Value> = left.iter().take(limit).map(pin).collect();
    ok(&json!({ "items": page, "has_more": left.len() > limit }))
}

#[test]
fn entries_of_the_same_time_come_once_each() {
    let ids = |ran: Ran<Pages<GetPins>>| {
        assert!(ran.errors.is_empty(), "{:?}", ran.errors);
        let mut ids: Vec<u64> = ran.items.iter().map(|pin| pin.message.id.0).collect();
        ids.sort_unstable();
        (ids, ran.task.progress().skipped)
    };
    // One page, borders of pages among them, and pages smaller than what has one time.
    for size in [50, 3, 2, 1] {
        let times = [1, 1, 2, 3, 3, 3, 3, 4, 5, 5];
        let task = GetPins::new(CHANNEL).limit(size as u32).all();
        assert_eq!(ids(run(task, |draft| pins(&times, draft), never)), ((100..110).collect(), 0), "{size}");
    }
    // More than a page of one time: it cannot go on, and says so.
    let ran = run(GetPins::new(CHANNEL).all(), |draft| pins(&[7; 60], draft), never);
    assert_eq!((ran.items.len(), ran.errors.len()), (50, 1));
    // Another zone's time is the same time: not one is lost, and none is taken for out of place.
    for (before, count) in
        [("2024-01-01T03:05:00+03:00", 4), ("2023-12-31T22:05:00.5-02:00", 5), ("2024-01-01T00:05:00Z", 4)]
    {
        let task = GetPins::new(CHANNEL).before(before).all();
        let (got, skipped) = ids(run(task, |draft| pins(&[1, 2, 3, 4, 5, 6], draft), never));
        assert_eq!((got.len(), skipped), (count, 0), "{before}");
    }
    let until: Moment = "2024-01-01T02:03:00+02:00".parse().unwrap();
    let ran = run(GetPins::new(CHANNEL).all().until(until), |draft| pins(&[1, 2, 3, 4, 5], draft), never);
    assert_eq!(ran.items.len(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..Default::default() })]

    #[test]
    fn entries_of_the_same_time_cut_anywhere_come_once_each(
        times in prop::collection::vec(0_u64..12, 0..45), size in 1_u32..=50,
        cut in prop::collection::vec(prop::bool::weighted(0.15), 0..200)
    ) {
        let ran = run(GetPins::new(CHANNEL).limit(size).all(), |draft| pins(&times, draft), cuts(cut));
        let mut got: Vec<u64> = ran.items.iter().map(|pin| pin.message.id.0).collect();
        got.sort_unstable();
        prop_assert_eq!(got, (100..100 + times.len() as u64).collect::<Vec<_>>());
        prop_assert!(ran.errors.is_empty(), "{:?}", ran.errors);
    }
}
