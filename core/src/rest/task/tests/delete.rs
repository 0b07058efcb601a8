use alloc::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::id::Snowflake;
use crate::id::{ChannelId, GuildId, MessageId};
use crate::machine::Method;
use crate::rest::draft::Identity;
use crate::rest::endpoint::SearchGuildMessages;
use crate::rest::task::{BulkDelete, SearchAndDelete};

const CHANNEL: ChannelId = ChannelId(7);
const NOW: u64 = 1_700_000_000_000;
const DAY: u64 = 86_400_000;

fn snowflake(unix_millis: u64) -> u64 {
    Snowflake::from_unix_millis(unix_millis).unwrap().0
}

/// A channel that deletes as Discord does.
struct Channel {
    there: BTreeSet<u64>,
    bulks: Vec<usize>,
    singles: Vec<(u64, Identity)>,
}

impl Channel {
    fn new(ids: impl IntoIterator<Item = u64>) -> Self {
        Self { there: ids.into_iter().collect(), bulks: vec![], singles: vec![] }
    }

    fn answer(&mut self, draft: &Draft) -> Response {
        let done = Response { status: 204, headers: vec![], body: "".into() };
        if draft.method() == Method::Delete {
            let id = path_end(draft).parse().unwrap();
            self.singles.push((id, draft.identity));
            return if self.there.remove(&id) { done } else { refused(404, 10008) };
        }
        assert_eq!(path_end(draft), "bulk-delete");
        let ids: Vec<MessageId> = serde_json::from_value(draft.json().unwrap()["messages"].clone()).unwrap();
        let unique: BTreeSet<u64> = ids.iter().map(|id| id.0).collect();
        if !(2..=100).contains(&ids.len()) || unique.len() < ids.len() {
            return refused(400, 50016);
        }
        if unique.iter().any(|id| Snowflake(*id).created_at() < NOW - 14 * DAY) {
            return refused(400, 50034);
        }
        self.bulks.push(ids.len());
        self.there.retain(|id| !unique.contains(id));
        done
    }
}

fn young(count: u64) -> impl Iterator<Item = u64> + Clone {
    (0..count).map(|n| snowflake(NOW - DAY) + n)
}

fn old(count: u64) -> impl Iterator<Item = u64> + Clone {
    (0..count).map(|n| snowflake(NOW - 20 * DAY) + n)
}

fn ids(ids: impl IntoIterator<Item = u64>) -> Vec<MessageId> {
    ids.into_iter().map(MessageId).collect()
}

#[test]
fn young_ones_go_in_bulks_and_old_ones_one_by_one() {
    for (recent, aged, bulks, singles) in [
        (0, 0, vec![], 0),
        (1, 0, vec![], 1),
        (2, 1, vec![2], 1),
        (101, 2, vec![100], 3),
        (250, 3, vec![100, 100, 50], 3),
    ] {
        let all = old(aged).chain(young(recent));
        let mut channel = Channel::new(all.clone());
        // Doubles go once.
        let task = BulkDelete::new(CHANNEL, ids(all.clone().chain(young(recent))), NOW);
        let ran = run(task, |draft| channel.answer(draft), never);
        assert_eq!((&channel.bulks, channel.singles.len()), (&bulks, singles), "{recent} {aged}");
        assert!(channel.there.is_empty() && ran.task.is_complete());
        let mut gone: Vec<u64> = ran.items.iter().map(|id| id.0).collect();
        gone.sort_unstable();
        assert_eq!(gone, all.collect::<Vec<_>>());
        let progress = ran.task.progress();
        assert_eq!((progress.done, progress.total), (recent + aged, Some(recent + aged)));
    }
}

#[test]
fn the_border_is_fourteen_days_less_five_minutes() {
    let border = NOW - 14 * DAY + 300_000;
    let mut channel = Channel::new([]);
    let task = BulkDelete::new(CHANNEL, ids([border, border + 1, border + 2].map(snowflake)), NOW);
    run(task, |draft| channel.answer(draft), never);
    assert_eq!((channel.bulks, channel.singles.len()), (vec![2], 1));
}

#[test]
fn what_was_gone_before_and_wrong_clocks_do_no_harm() {
    let mut channel = Channel::new(old(1));
    let ran = run(BulkDelete::new(CHANNEL, ids(old(3)), NOW), |draft| channel.answer(draft), never);
    assert_eq!((ran.items.len(), ran.task.already_gone(), ran.errors.len()), (3, 2, 0));
    // A clock that is a month slow takes them for young.
    let mut channel = Channel::new(old(5));
    let ran =
        run(BulkDelete::new(CHANNEL, ids(old(5)), NOW - 30 * DAY), |draft| channel.answer(draft), never);
    assert_eq!((ran.items.len(), channel.singles.len(), ran.errors.len()), (5, 5, 0));
}

#[test]
fn bot_and_user_take_turns() {
    let mut channel = Channel::new(young(4));
    let task =
        BulkDelete::new(CHANNEL, ids(young(4)), NOW).in_turn().delay(Duration::from_secs(1)).reason("spam");
    let ran = run(task, |draft| channel.answer(draft), never);
    let who: Vec<Identity> = channel.singles.iter().map(|(_, who)| *who).collect();
    assert_eq!(who, [Identity::Default, Identity::User, Identity::Default, Identity::User]);
    assert_eq!((ran.items.len(), ran.waits), (4, vec![Duration::from_secs(1); 3]));
    let mut channel = Channel::new(young(2));
    run(BulkDelete::new(CHANNEL, ids(young(2)), NOW).as_user(), |draft| channel.answer(draft), never);
    assert!(channel.bulks.is_empty() && channel.singles.iter().all(|(_, who)| *who == Identity::User));
}

#[test]
fn refusals_are_told_and_do_not_go_on_for_ever() {
    // Of one message only.
    let mut channel = Channel::new(old(4));
    let bad = old(2).last().unwrap();
    let server = |draft: &Draft| {
        if path_end(draft) == bad.to_string() { refused(403, 50021) } else { channel.answer(draft) }
    };
    let ran = run(BulkDelete::new(CHANNEL, ids(old(4)), NOW), server, never);
    assert_eq!((ran.items.len(), ran.errors.len(), ran.task.failed()), (3, 1, &ids([bad])[..]));
    assert_eq!((ran.task.progress().failed, ran.task.is_complete()), (1, true));
    // Of every message.
    let ran = run(BulkDelete::new(CHANNEL, ids(old(40)), NOW), |_| refused(403, 50013), never);
    assert_eq!((ran.errors.len(), ran.requests.len(), ran.task.is_complete()), (5, 5, false));
    // Of the channel, the token, or without an answer: it stops at once, and can go on.
    for fault in [refused(404, 10003), refused(403, 50001), refused(401, 0), refused(503, 0), refused(0, 0)] {
        let ran = run(BulkDelete::new(CHANNEL, ids(young(3)), NOW), |_| fault.clone(), never);
        assert_eq!((ran.errors.len(), ran.requests.len(), ran.items.len()), (1, 1, 0));
        let mut channel = Channel::new(young(3));
        let saved = serde_json::to_string(&ran.task).unwrap();
        let again =
            run(serde_json::from_str::<BulkDelete>(&saved).unwrap(), |draft| channel.answer(draft), never);
        assert_eq!((again.items.len(), channel.there.len()), (3, 0));
    }
}

#[test]
fn where_bulks_are_refused_each_goes_for_itself() {
    for code in [50003, 50013, 10008] {
        let (all, mine) = (young(130).chain(old(2)), |id: u64| !id.is_multiple_of(4));
        let mut channel = Channel::new(all.clone());
        let mut bulks = 0;
        let server = |draft: &Draft| match path_end(draft).parse() {
            Err(_) => {
                bulks += 1;
                refused(403, code)
            }
            Ok(id) if !mine(id) => refused(403, 50013),
            Ok(_) => channel.answer(draft),
        };
        let ran = run(BulkDelete::new(CHANNEL, ids(all.clone()), NOW), server, never);
        let theirs = ids(all.filter(|id| !mine(*id)));
        assert_eq!((bulks, ran.items.len() + theirs.len()), (1, 132));
        assert!(channel.there.iter().all(|id| !mine(*id)));
        assert_eq!(ran.task.failed().iter().collect::<BTreeSet<_>>(), theirs.iter().collect());
        assert_eq!((ran.errors.len(), ran.task.bulks_refused()), (theirs.len(), code));
    }
    // Five in a row end it, as ever.
    let ran = run(BulkDelete::new(CHANNEL, ids(young(130)), NOW), |_| refused(403, 50013), never);
    assert_eq!((ran.requests.len(), ran.errors.len(), ran.task.failed().len()), (6, 5, 5));
    // Saved behind the refusal it makes no bulk either.
    let mut channel = Channel::new(young(130));
    let mut calls = 0;
    let server = |draft: &Draft| {
        calls += 1;
        if calls == 1 { refused(403, 50013) } else { channel.answer(draft) }
    };
    let task = BulkDelete::new(CHANNEL, ids(young(130)), NOW);
    let ran = run(task, server, cuts([vec![false; 2], vec![true]].concat()));
    assert_eq!((ran.items.len(), channel.singles.len(), channel.bulks.len()), (130, 130, 0));
}

#[test]
fn a_search_tries_no_second_bulk_in_a_channel_that_refused_one() {
    let all: Vec<u64> = young(520).collect();
    let mut guild = Guild::new(&all, 0);
    let mut bulks = 0;
    let server = |draft: &Draft| {
        if draft.path() == "/channels/7/messages/bulk-delete" {
            bulks += 1;
            return refused(403, 50013);
        }
        guild.answer(draft)
    };
    let ran = run(purge(), server, never);
    assert_eq!((ran.items.len(), ran.errors.len(), bulks), (520, 0, 1));
    assert_eq!((guild.channels[0].singles.len(), guild.channels[1].singles.len()), (260, 0));
}

#[test]
fn a_hit_that_cannot_be_read_is_not_deleted() {
    let all: Vec<u64> = young(60).collect();
    let mut guild = Guild::new(&all, 0);
    let server = |draft: &Draft| {
        let answer = guild.answer(draft);
        if path_end(draft) != "search" {
            return answer;
        }
        let mut page: Value = serde_json::from_slice(&answer.body).unwrap();
        for group in page["messages"].as_array_mut().unwrap() {
            if group[0]["id"].as_str() == Some(&*all[20].to_string()) {
                group[0]["content"] = json!(5);
            }
        }
        ok(&page)
    };
    let ran = run(purge(), server, never);
    assert_eq!((ran.items.len(), ran.errors.len(), ran.task.progress().failed), (59, 1, 1));
    assert!(matches!(ran.errors[0].cause, Cause::Entry { .. }), "{}", ran.errors[0]);
    assert_eq!(guild.channels.iter().flat_map(|channel| &channel.there).collect::<Vec<_>>(), [&all[20]]);
}

/// A guild whose messages are in two channels, and in an index that does not hear of deletions at once.
struct Guild {
    channels: [Channel; 2],
    index: Vec<u64>,
    lag: usize,
}

impl Guild {
    fn new(ids: &[u64], lag: usize) -> Self {
        let of =
            |channel: u64| Channel::new(ids.iter().copied().filter(move |id| channel_of(*id) == channel));
        Self { channels: [of(7), of(8)], index: ids.to_vec(), lag }
    }

    fn answer(&mut self, draft: &Draft) -> Response {
        if path_end(draft) != "search" {
            let channel = usize::from(draft.path().starts_with("/channels/8/"));
            return self.channels[channel].answer(draft);
        }
        if self.lag == 0 {
            self.index.retain(|id| self.channels.iter().any(|channel| channel.there.contains(id)));
        }
        self.lag = self.lag.saturating_sub(1);
        let max = query::<u64>(draft, "max_id").unwrap_or(u64::MAX);
        let offset = query::<usize>(draft, "offset").unwrap();
        let fit = self.index.iter().rev().filter(|id| **id < max);
        let total = fit.clone().count();
        let groups: Vec<Value> = fit
            .skip(offset)
            .take(query(draft, "limit").unwrap())
            .map(|id| json!([message(*id, channel_of(*id))]))
            .collect();
        ok(&json!({ "total_results": total, "messages": groups }))
    }
}

fn channel_of(id: u64) -> u64 {
    7 + id % 2
}

fn purge() -> SearchAndDelete {
    SearchGuildMessages::new(GuildId(3)).content("x").all().delete(NOW)
}

#[test]
fn what_is_found_is_deleted_in_bulks_of_each_channel() {
    let all: Vec<u64> = old(30).chain(young(230)).collect();
    let mut guild = Guild::new(&all, 0);
    let ran = run(purge(), |draft| guild.answer(draft), never);
    assert!(guild.channels.iter().all(|channel| channel.there.is_empty()));
    assert_eq!(ran.items.len(), 260);
    assert_eq!(guild.channels[0].bulks, [50, 50, 15]);
    assert_eq!(guild.channels[0].singles.len(), 15);
    assert_eq!((ran.task.progress().done, ran.task.progress().total), (260, Some(260)));
}

#[test]
fn a_search_deletes_in_turn_and_says_why() {
    let all: Vec<u64> = young(10).collect();
    let mut guild = Guild::new(&all, 0);
    let mut reasons = vec![];
    let server = |draft: &Draft| {
        reasons.push((draft.method(), draft.reason.clone()));
        guild.answer(draft)
    };
    let ran = run(purge().in_turn().reason("spam").delay(Duration::from_secs(1)), server, never);
    assert_eq!((ran.items.len(), ran.errors.len()), (10, 0));
    let why = |method| (method == Method::Delete).then(|| "spam".to_owned());
    assert!(reasons.iter().all(|(method, reason)| *reason == why(*method)), "{reasons:?}");
    // The second channel goes on with whose turn it is: five are an odd number.
    let who = guild.channels.iter().flat_map(|channel| &channel.singles).map(|(_, who)| *who);
    let turns = [Identity::Default, Identity::User].into_iter().cycle();
    assert!(guild.channels.iter().all(|channel| channel.bulks.is_empty()));
    assert_eq!(who.collect::<Vec<_>>(), turns.take(10).collect::<Vec<_>>());
}

#[test]
fn a_dry_run_brings_what_would_go_and_deletes_nothing() {
    let all: Vec<u64> = young(60).collect();
    let mut guild = Guild::new(&all, 0);
    let ran = run(purge().dry_run(), |draft| guild.answer(draft), never);
    assert_eq!((ran.items.len(), guild.channels[0].there.len() + guild.channels[1].there.len()), (60, 60));
    assert!(ran.requests.iter().all(|request| request.starts_with("GET ")));
}

#[test]
fn everything_is_not_deleted_by_mistake() {
    let search = SearchGuildMessages::new(GuildId(3))
        .channel_id(CHANNEL)
        .sort_order("asc")
        .max_id(MessageId(9))
        .include_nsfw(true);
    let ran = run(search.all().delete(NOW), |_| panic!("it was sent"), never);
    assert_eq!((ran.items.len(), ran.errors.len()), (0, 1));
    assert!(ran.errors[0].to_string().contains("everything"), "{}", ran.errors[0]);
    let ran = run(
        SearchGuildMessages::new(GuildId(3)).content("x").sort_by("relevance").all().delete(NOW),
        |_| panic!("it was sent"),
        never,
    );
    assert_eq!(ran.errors.len(), 1);
}

#[test]
fn refused_messages_do_not_stop_the_others() {
    let all: Vec<u64> = old(120).collect();
    let mut guild = Guild::new(&all, 0);
    let bad = all[60].to_string();
    let server =
        |draft: &Draft| if path_end(draft) == bad { refused(403, 50013) } else { guild.answer(draft) };
    let ran = run(purge(), server, never);
    assert_eq!((ran.items.len(), ran.errors.len(), ran.task.progress().failed), (119, 1, 1));
    let mut guild = Guild::new(&all, 0);
    let server = |draft: &Draft| {
        if draft.method() == Method::Delete { refused(403, 50013) } else { guild.answer(draft) }
    };
    // Five in each channel, then it leaves them alone.
    let ran = run(purge(), server, never);
    assert_eq!((ran.items.len(), ran.errors.len(), ran.task.progress().failed), (0, 10, 120));
}

#[test]
fn a_channel_that_takes_no_deletes_does_not_stop_the_others() {
    let all: Vec<u64> = old(300).collect();
    for (fault, tries) in [(refused(404, 10003), 1), (refused(403, 50001), 1), (refused(403, 50013), 5)] {
        let mut guild = Guild::new(&all, 0);
        let server = |draft: &Draft| {
            if draft.path().starts_with("/channels/7/") { fault.clone() } else { guild.answer(draft) }
        };
        let ran = run(purge(), server, never);
        assert_eq!((ran.items.len(), ran.errors.len(), ran.task.progress().failed), (150, tries, 150));
        assert_eq!((guild.channels[0].there.len(), guild.channels[1].there.len()), (150, 0));
        // Saved and loaded at its end and anywhere before it gets by, too.
        let mut guild = Guild::new(&all, 0);
        let server = |draft: &Draft| {
            if draft.path().starts_with("/channels/7/") { fault.clone() } else { guild.answer(draft) }
        };
        let ran = run(purge(), server, cuts([vec![false; 60], vec![true]].concat().repeat(20)));
        assert_eq!((ran.items.len(), ran.task.progress().failed), (150, 150));
    }
    // The token's fault is everybody's, and so is none's: it stops, can be saved, and goes on.
    for fault in [refused(401, 0), refused(503, 0), refused(0, 0)] {
        let mut guild = Guild::new(&all, 0);
        let server = |draft: &Draft| {
            if draft.method() == Method::Delete { fault.clone() } else { guild.answer(draft) }
        };
        let ran = run(purge(), server, never);
        assert_eq!((ran.items.len(), ran.errors.len(), ran.task.progress().failed), (0, 1, 0));
        let saved = serde_json::to_string(&ran.task).unwrap();
        let task = serde_json::from_str::<SearchAndDelete>(&saved).unwrap();
        let ran = run(task, |draft| guild.answer(draft), never);
        assert_eq!((ran.items.len(), ran.errors.len()), (300, 0));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..Default::default() })]

    /// Cut anywhere, deletes under way included: each id comes once, and all messages are gone.
    #[test]
    fn deletes_cut_anywhere_are_complete(
        recent in 0_u64..230, aged in 0_u64..20, missing in 0_usize..30,
        cut in prop::collection::vec(prop::bool::weighted(0.1), 0..300)
    ) {
        let all: Vec<u64> = old(aged).chain(young(recent)).collect();
        let mut channel = Channel::new(all.iter().copied().skip(missing));
        let task = BulkDelete::new(CHANNEL, ids(all.clone()), NOW);
        let ran = run(task, |draft| channel.answer(draft), cuts(cut));
        let mut gone: Vec<u64> = ran.items.iter().map(|id| id.0).collect();
        gone.sort_unstable();
        prop_assert_eq!(gone, all);
        prop_assert!(channel.there.is_empty() && ran.errors.is_empty());
    }

    #[test]
    fn searches_that_delete_cut_anywhere_are_complete(
        recent in 0_u64..230, aged in 0_u64..20, lag in 0_usize..8,
        cut in prop::collection::vec(prop::bool::weighted(0.05), 0..400)
    ) {
        let all: Vec<u64> = old(aged).chain(young(recent)).collect();
        let mut guild = Guild::new(&all, lag);
        let ran = run(purge(), |draft| guild.answer(draft), cuts(cut));
        let mut gone: Vec<u64> = ran.items.iter().map(|message| message.id.0).collect();
        gone.sort_unstable();
        prop_assert_eq!(gone, all);
        prop_assert!(guild.channels.iter().all(|channel| channel.there.is_empty()));
        prop_assert!(ran.errors.is_empty(), "{:?}", ran.errors);
    }
}
