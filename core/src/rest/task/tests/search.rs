use proptest::prelude::*;

use super::*;
use crate::id::Snowflake;
use crate::id::{ChannelId, GuildId, UserId};
use crate::rest::Call;
use crate::rest::endpoint::{SearchChannelMessages, SearchGuildMessages};
use crate::rest::task::Search;

const CHANNEL: u64 = 7;

fn snowflake(unix_millis: u64) -> u64 {
    Snowflake::from_unix_millis(unix_millis).unwrap().0
}

fn search() -> Call<SearchGuildMessages> {
    SearchGuildMessages::new(GuildId(3)).content("x")
}

/// The hits of a page, as Discord finds them: `ids` ascending.
fn hits(ids: &[u64], draft: &Draft) -> Vec<u64> {
    let number = |name| query::<u64>(draft, name);
    let limit = number("limit").unwrap_or(25);
    let offset = number("offset").unwrap_or(0);
    assert!((1..=25).contains(&limit) && offset <= 9975, "{draft:?}");
    all_hits(ids, draft).into_iter().skip(offset as usize).take(limit as usize).collect()
}

/// The hits of all pages.
fn all_hits(ids: &[u64], draft: &Draft) -> Vec<u64> {
    let number = |name| query::<u64>(draft, name);
    let (min, max) = (number("min_id").unwrap_or(0), number("max_id").unwrap_or(u64::MAX));
    let fit = ids.iter().copied().filter(|id| *id > min && *id < max);
    match query::<String>(draft, "sort_order").as_deref() {
        Some("asc") => fit.collect(),
        _ => fit.rev().collect(),
    }
}

fn found(total: usize, ids: &[u64]) -> Response {
    let groups: Vec<Value> = ids.iter().map(|id| json!([message(*id, CHANNEL)])).collect();
    ok(&json!({ "total_results": total, "messages": groups, "doing_deep_historical_index": false, "new": 1 }))
}

fn seek(task: Search, ids: &[u64], cut: Vec<bool>) -> (Vec<u64>, Ran<Search>) {
    let ran = run(task, |draft| found(all_hits(ids, draft).len(), &hits(ids, draft)), cuts(cut));
    (ran.items.iter().map(|message| message.id.0).collect(), ran)
}

#[test]
fn it_turns_pages_to_the_end() {
    let ids: Vec<u64> = (1..=60).collect();
    let newest: Vec<u64> = ids.iter().rev().copied().collect();
    let (got, ran) = seek(search().all(), &ids, vec![]);
    assert_eq!(got, newest);
    let path = "GET /guilds/3/messages/search?content=x&limit=25&offset";
    assert_eq!(ran.requests, [0, 25, 50, 75].map(|offset| format!("{path}={offset}&sort_by=timestamp")));
    assert_eq!((ran.task.progress().done, ran.task.progress().total), (60, Some(60)));
    assert_eq!(seek(search().sort_order("asc").all(), &ids, vec![]).0, ids);
    assert_eq!(seek(search().limit(7_u32).all().at_most(10), &ids, vec![]).0, newest[..10]);
    let (_, ran) = seek(search().all().delay(Duration::from_secs(3)), &ids, vec![]);
    assert_eq!(ran.waits, [Duration::from_secs(3); 3]);
    let direct = SearchChannelMessages::new(ChannelId(7)).author_id(UserId(1)).as_user().all();
    let (got, ran) = seek(direct, &ids, vec![]);
    assert_eq!(got, newest);
    assert!(
        ran.requests[0].starts_with("GET /channels/7/messages/search?author_id=1&"),
        "{}",
        ran.requests[0]
    );
}

#[test]
fn beyond_the_greatest_offset_it_goes_on_by_id() {
    let ids: Vec<u64> = (1..=20_060).collect();
    let mut newest = ids.clone();
    newest.reverse();
    let (got, ran) = seek(search().all(), &ids, vec![]);
    assert_eq!(got, newest);
    assert!(ran.requests[400].ends_with("offset=0&sort_by=timestamp&max_id=10061"), "{}", ran.requests[400]);
    let (got, ran) = seek(search().sort_order("asc").all(), &ids, vec![]);
    assert_eq!(got, ids);
    assert!(ran.requests[400].ends_with("min_id=10000"), "{}", ran.requests[400]);
    assert!(ran.errors.is_empty());
    // By relevance there is no going on.
    let (got, ran) = seek(search().sort_by("relevance").all(), &ids, vec![]);
    assert_eq!((got.len(), ran.errors.len()), (10_000, 1));
    assert!(ran.errors[0].to_string().contains("10,000"), "{}", ran.errors[0]);
    let (got, ran) = seek(search().sort_by("relevance").all(), &ids[..10_000], vec![]);
    assert_eq!((got.len(), ran.errors.len()), (10_000, 0));
}

#[test]
fn the_hit_is_taken_out_of_what_stands_around_it() {
    let groups = json!([
        [message(10, 7), { "id": "11", "channel_id": "7", "hit": true }, message(12, 7)],
        [{ "id": "8", "channel_id": "9", "hit": true }],
        [message(6, 7)],
        [],
    ]);
    let pages = |draft: &Draft| match query::<u32>(draft, "offset") {
        Some(0) => ok(&json!({ "total_results": 3, "messages": groups })),
        _ => ok(&json!({ "messages": [] })),
    };
    let ids = |ran: &Ran<Search>| ran.items.iter().map(|message| message.id.0).collect::<Vec<_>>();
    assert_eq!(ids(&run(search().all(), pages, never)), [11, 8, 6]);
    // 9 is a thread of 7.
    let ran = run(search().channel_id(ChannelId(7)).all().without_threads(), pages, never);
    assert_eq!((ids(&ran), ran.task.progress().skipped), (vec![11, 6], 1));
    assert_eq!(ids(&run(search().all().without_threads(), pages, never)), [11, 8, 6]);
}

#[test]
fn short_pages_are_not_the_end() {
    let ids: Vec<u64> = (1..=100).collect();
    let server = |draft: &Draft| {
        let page: Vec<u64> = hits(&ids, draft).into_iter().filter(|id| id % 3 == 0).collect();
        found(100, &page)
    };
    let ran = run(search().all(), server, never);
    assert_eq!(ran.items.len(), 33);
}

#[test]
fn an_empty_page_in_the_middle_is_not_the_end() {
    let ids: Vec<u64> = (1..=300).collect();
    // The index counts what was deleted: pages of nothing at the beginning, in the middle and at the end.
    for gone in [201..=300, 101..=225, 1..=75] {
        let server = |draft: &Draft| {
            let page: Vec<u64> = hits(&ids, draft).into_iter().filter(|id| !gone.contains(id)).collect();
            found(all_hits(&ids, draft).len(), &page)
        };
        let want: Vec<u64> = ids.iter().rev().copied().filter(|id| !gone.contains(id)).collect();
        let ran = run(search().all(), server, never);
        assert_eq!(ran.items.iter().map(|message| message.id.0).collect::<Vec<_>>(), want);
        assert!(ran.errors.is_empty());
        let ran = run(search().all().by_id(), server, never);
        assert_eq!(ran.items.iter().map(|message| message.id.0).collect::<Vec<_>>(), want);
        assert!(ran.errors.is_empty());
    }
    // But it does not go on for ever, nor in silence.
    for task in [search().all(), search().all().by_id()] {
        let ran = run(task, |_| found(1_000_000, &[]), never);
        assert_eq!((ran.requests.len(), ran.errors.len()), (400, 1));
        assert!(matches!(ran.errors[0].cause, Cause::Stuck(_)), "{}", ran.errors[0]);
    }
}

#[test]
fn hundreds_of_deleted_hits_are_crossed() {
    let ids: Vec<u64> = (1..=1500).collect();
    // In one stretch longer than ten pages: at the beginning, in the middle, at the end, and all but two.
    for gone in [601..=1500, 301..=900, 1..=700, 2..=1499] {
        let want: Vec<u64> = ids.iter().rev().copied().filter(|id| !gone.contains(id)).collect();
        // Where the first hit is brought again by whose id a page begins, as where it is not.
        for inclusive in [0, 1] {
            let server = |draft: &Draft| {
                let max = query::<u64>(draft, "max_id").map_or(u64::MAX, |max| max + inclusive);
                let fit: Vec<u64> = ids.iter().rev().copied().filter(|id| *id < max).collect();
                let offset = query::<usize>(draft, "offset").unwrap();
                let page = fit.iter().skip(offset).take(25).filter(|id| !gone.contains(id));
                found(fit.len(), &page.copied().collect::<Vec<_>>())
            };
            for task in [search().all(), search().all().by_id()] {
                let ran = run(task, server, never);
                assert_eq!(ran.items.iter().map(|message| message.id.0).collect::<Vec<_>>(), want);
                assert!(ran.errors.is_empty(), "{:?}", ran.errors);
            }
        }
    }
    // A total that is too high by a thousand is no error.
    let few = &ids[..90];
    for task in [search().all(), search().sort_order("asc").all(), search().all().by_id()] {
        let ran = run(task, |draft| found(all_hits(few, draft).len() + 1000, &hits(few, draft)), never);
        assert_eq!((ran.items.len(), ran.errors.len()), (90, 0));
    }
    // Nor one that is corrected on the way: the last counts.
    let mut total = 5000;
    let server = |draft: &Draft| {
        total = (total - 400).max(90);
        found(total, &hits(few, draft))
    };
    let ran = run(search().all(), server, never);
    assert_eq!((ran.items.len(), ran.errors.len(), ran.requests.len() < 20), (90, 0, true));
}

#[test]
fn a_hit_that_cannot_be_read_is_told_and_left_behind() {
    let ids: Vec<u64> = (1..=80).collect();
    let bad = |id: u64| json!({ "id": id.to_string(), "channel_id": "7", "content": 5, "hit": true });
    let server = |draft: &Draft| {
        let group = |id: &u64| match id % 10 {
            0 => json!([message(1000 + id, CHANNEL), bad(*id)]),
            // What stands around a hit need not be readable.
            1 => json!([{ "id": [] }, { "id": id.to_string(), "channel_id": "7", "hit": true }]),
            _ => json!([message(*id, CHANNEL)]),
        };
        let groups: Vec<Value> = hits(&ids, draft).iter().map(group).collect();
        ok(&json!({ "total_results": all_hits(&ids, draft).len(), "messages": groups, "threads": 1 }))
    };
    let good: Vec<u64> = (1..=80).rev().filter(|id| id % 10 > 0).collect();
    for (task, every) in [
        (search().all(), 1000),
        (search().all(), 4),
        (search().all().by_id(), 1000),
        (search().all().by_id(), 5),
    ] {
        let cut = [vec![false; every], vec![true]].concat().repeat(200);
        let ran = run(task, server, cuts(cut));
        assert_eq!(ran.items.iter().map(|message| message.id.0).collect::<Vec<_>>(), good);
        let told = ran.errors.iter().map(|error| match &error.cause {
            Cause::Entry { id, beginning, .. } if beginning.contains("\"hit\":true") => id.map(|id| id.0),
            _ => panic!("{error}"),
        });
        assert_eq!(told.collect::<Vec<_>>(), (1..=8).rev().map(|n| Some(n * 10)).collect::<Vec<_>>());
        assert_eq!((ran.task.progress().done, ran.task.progress().failed), (72, 8));
    }
    // Groups that are none, among others; and what is no list.
    let server = |draft: &Draft| match query::<u32>(draft, "offset") {
        Some(0) => ok(&json!({ "total_results": 4, "messages": [[message(5, 7)], 7, [], [message(3, 7)]] })),
        _ => found(4, &[]),
    };
    let ran = run(search().all(), server, never);
    assert_eq!((ran.items.len(), ran.errors.len(), ran.task.progress().failed), (2, 1, 1));
    for body in [json!({ "messages": 5, "total_results": 9 }), json!([]), json!({ "total_results": "x" })] {
        let ran = run(search().all(), |_| ok(&body), never);
        assert_eq!((ran.errors.len(), ran.requests.len()), (1, 1), "{body}");
        assert!(matches!(ran.errors[0].cause, Cause::Answer { .. }), "{}", ran.errors[0]);
    }
}

#[test]
fn a_search_knows_its_guild() {
    let direct = SearchChannelMessages::new(ChannelId(7)).content("x").all();
    assert_eq!((search().all().guild(), direct.guild()), (Some(GuildId(3)), None));
    assert_eq!(search().all().delete(0).guild(), Some(GuildId(3)));
    let (_, ran) = seek(search().all(), &[9], vec![]);
    let url = ran.items[0].url_in(ran.task.guild());
    assert_eq!((ran.items[0].url(), &*url), (None, "https://discord.com/channels/3/7/9"));
}

#[test]
fn an_index_that_outlasts_the_calls_time_can_be_asked_again() {
    let mut task = search().all();
    let Step::Call(draft) = task.next() else { panic!("a call") };
    let cause =
        Cause::Deadline { limit: Duration::from_secs(600), waiting: "another try".to_owned(), sent: true };
    task.answer(Err(Error::new(&draft, cause)));
    assert!(matches!(task.next(), Step::Failed(_)));
    let saved = serde_json::to_string(&task).unwrap();
    let (got, ran) = seek(serde_json::from_str(&saved).unwrap(), &[1, 2, 3], vec![]);
    assert_eq!((got, ran.errors.len()), (vec![3, 2, 1], 0));
}

#[test]
fn an_index_that_is_not_ready_is_waited_for_within_bounds() {
    let unready =
        |wait: u32| response(202, &json!({ "code": 110000, "message": "wait", "retry_after": wait }));
    let mut answers = vec![unready(7), unready(0)].into_iter();
    let server = |draft: &Draft| answers.next().unwrap_or_else(|| found(3, &hits(&[1, 2, 3], draft)));
    let ran = run(search().all(), server, never);
    assert_eq!((ran.items.len(), ran.waits), (3, vec![Duration::from_secs(7), Duration::from_secs(2)]));
    let ran = run(search().all(), |_| unready(1), never);
    assert_eq!((ran.items.len(), ran.waits.len(), ran.errors.len()), (0, 30, 1));
    assert_eq!((ran.errors[0].status(), ran.errors[0].code()), (Some(202), 110000));
}

#[test]
fn the_same_hits_again_and_again_are_left() {
    let ran = run(search().all(), |_| found(1000, &[5, 4, 3]), never);
    assert_eq!((ran.items.len(), ran.errors.len()), (3, 1));
    assert!(matches!(ran.errors[0].cause, Cause::Stuck(_)), "{}", ran.errors[0]);
    assert!(ran.requests.len() < 20);
    // More than was asked for is left for the next page.
    let ids: Vec<u64> = (1..=100).collect();
    let ran =
        run(search().limit(2_u32).all().at_most(9), |draft| found(100, &hits(&ids, draft).repeat(40)), never);
    assert_eq!(
        ran.items.iter().map(|message| message.id.0).collect::<Vec<_>>(),
        (92..=100).rev().collect::<Vec<_>>()
    );
}

#[test]
fn an_age_is_a_least_id() {
    let now = 1_700_000_000_000;
    let day = Duration::from_secs(86_400);
    let old = snowflake(now - 86_400_000);
    let (got, _) = seek(search().all().max_age(day, now), &[old - 1, old, old + 1, snowflake(now)], vec![]);
    assert_eq!(got, [snowflake(now), old + 1, old]);
    let (_, ran) =
        seek(search().min_id(crate::id::MessageId(u64::MAX - 9)).all().max_age(day, now), &[], vec![]);
    assert!(ran.requests[0].contains(&format!("min_id={}", u64::MAX - 9)), "{}", ran.requests[0]);
    let (_, ran) = seek(search().all().max_age(Duration::MAX, now), &[], vec![]);
    assert!(ran.requests[0].contains("min_id=0"), "{}", ran.requests[0]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..Default::default() })]

    /// Cut anywhere, and with messages that appear meanwhile: all that were there come once.
    #[test]
    fn a_search_cut_anywhere_brings_each_hit_once(
        count in 0_u64..200, size in 1_u32..=25, up: bool, new in 0_u64..4,
        cut in prop::collection::vec(prop::bool::weighted(0.15), 0..300)
    ) {
        let mut ids: Vec<u64> = (1..=count).collect();
        let mut task = search().limit(size);
        if up {
            task = task.sort_order("asc");
        }
        let mut calls = 0;
        let server = |draft: &Draft| {
            let page = found(ids.len(), &hits(&ids, draft));
            calls += 1;
            // Fewer than a page holds, or it would never end.
            if calls % size == 0 && calls < 100 {
                ids.extend((0..new.min(u64::from(size) / 2)).map(|n| 1000 + u64::from(calls) * 10 + n));
            }
            page
        };
        let ran = run(task.all(), server, cuts(cut));
        let got: Vec<u64> = ran.items.iter().map(|message| message.id.0).collect();
        let mut old: Vec<u64> = got.iter().copied().filter(|id| *id <= count).collect();
        if !up {
            old.reverse();
        }
        prop_assert_eq!(old, (1..=count).collect::<Vec<_>>());
        let mut unique = got.clone();
        unique.sort_unstable();
        unique.dedup();
        prop_assert_eq!(unique.len(), got.len());
        prop_assert!(ran.errors.is_empty(), "{:?}", ran.errors);
    }

    /// Any groups at all: it ends, and no hit comes twice.
    #[test]
    fn hostile_groups_do_not_confuse_it(
        pages in prop::collection::vec(prop::collection::vec(prop::collection::vec(0_u64..300, 0..4), 0..40), 1..20),
        cut in prop::collection::vec(prop::bool::weighted(0.05), 0..100)
    ) {
        let mut next = pages.iter().cycle();
        let server = |_: &Draft| {
            let groups: Vec<Vec<Value>> = next.next().unwrap().iter()
                .map(|group| group.iter().map(|id| message(*id, CHANNEL)).collect()).collect();
            ok(&json!({ "messages": groups }))
        };
        let ran = run(search().all(), server, cuts(cut));
        let mut got: Vec<u64> = ran.items.iter().map(|message| message.id.0).collect();
        let count = got.len();
        got.sort_unstable();
        got.dedup();
        prop_assert_eq!(got.len(), count);
    }
}
