//! What takes hundreds of requests, to its end.

use std::collections::BTreeSet;

use sanscord::id::{ChannelId, GuildId, MessageId};
use sanscord::object::Message;
use sanscord::rest::Error;
use sanscord::rest::task::{BulkDelete, Step, Task};
use sanscord_testing::config::Config;
use sanscord_testing::fault::RestFault;

use super::{Bench, SECOND};

impl Bench {
    /// What a task brings, each item or why it failed. It is saved and loaded before each request.
    fn run<T>(&mut self, task: T) -> Vec<Result<T::Item, Error>>
    where
        T: Task + serde::Serialize + serde::de::DeserializeOwned,
    {
        let (mut task, mut items) = (task, Vec::new());
        loop {
            match task.next() {
                Step::Call(_) => {
                    let saved = serde_json::to_string(&task).expect("a task is saved");
                    task = serde_json::from_str(&saved).expect("it is loaded");
                    let Step::Call(draft) = task.next() else { panic!("it goes on where it was") };
                    let id = self.ask(draft.clone());
                    let end = self.world.now() + 7200 * SECOND;
                    let answer = loop {
                        self.listen();
                        match self.answers.remove(&id) {
                            Some(answer) => break answer,
                            None => assert!(self.world.step_until(end), "an answer to {draft}"),
                        }
                    };
                    task.answer(answer);
                }
                Step::Wait(time) => self.world.run_for(time),
                Step::Item(item) => items.push(Ok(item)),
                Step::Failed(error) => items.push(Err(error)),
                Step::Done => return items,
            }
        }
    }

    fn ids<T>(&mut self, task: T) -> Vec<MessageId>
    where
        T: Task<Item = Message> + serde::Serialize + serde::de::DeserializeOwned,
    {
        self.run(task).into_iter().map(|item| item.expect("a message").id).collect()
    }

    fn now_millis(&self) -> u64 {
        let since = self.world.now().since_origin().as_millis() as u64;
        self.world.server().config().rest.epoch_millis + since
    }
}

/// A guild, and its channel with so many messages, a minute apart.
fn bench(count: u64) -> (Bench, GuildId, ChannelId) {
    let config = Config::quiet();
    let (guild, channel) = (config.guild, config.text_channel.0);
    (Bench::new(config.history(channel, count)), guild, channel)
}

/// A search goes beyond the 9,975 hits that `offset` reaches, past an index that is not ready, a lost answer and a
/// server's failure.
#[test]
fn a_search_goes_beyond_the_last_offset() {
    const HITS: u64 = 10_060;
    let (mut bench, guild, _) = bench(HITS);
    bench.world.with_server(|discord, _| {
        let faults = &mut discord.config_mut().faults.rest;
        faults.extend([
            RestFault::NotReady { retry_after: 3 },
            RestFault::Lost { processed: true },
            RestFault::Error { status: 502, code: 0, message: "bad gateway".into() },
        ]);
    });
    let begin = bench.world.now();
    let found = bench.ids(guild.search().content("message").all());
    assert!(bench.world.now().since(begin) >= 3 * SECOND, "the index took its time");
    assert_eq!(found.len() as u64, HITS);
    assert!(found.is_sorted_by(|one, next| one > next), "newest first, none twice");
    assert_eq!(bench.world.server().violations(), []);
}

/// More than a thousand hits, some older than 14 days, go in bulks and one by one; others stay.
#[test]
fn more_than_a_thousand_hits_are_deleted() {
    const MESSAGES: u64 = 21_000;
    let (mut bench, guild, channel) = bench(MESSAGES);
    let all: BTreeSet<MessageId> = bench.ids(channel.messages().all()).into_iter().collect();
    assert_eq!(all.len() as u64, MESSAGES);
    let search = || guild.search().content("message 19").all();
    let now = bench.now_millis();
    let hits: BTreeSet<MessageId> = bench.ids(search().delete(now).dry_run()).into_iter().collect();
    assert!(hits.len() > 1_000, "{} hits", hits.len());
    let gone: BTreeSet<MessageId> = bench.ids(search().delete(now)).into_iter().collect();
    assert_eq!(gone, hits);
    let left: BTreeSet<MessageId> = bench.ids(channel.messages().all().oldest_first()).into_iter().collect();
    assert_eq!(left, &all - &hits);
    assert_eq!(bench.world.server().violations(), []);
}

/// A bot that may make no bulks deletes its own messages one by one, in each channel after one try.
#[test]
fn without_the_permission_for_bulks_messages_go_one_by_one() {
    let (mut bench, guild, channel) = bench(300);
    let all = bench.ids(channel.messages().all());
    let bulk = "POST /channels/{channel_id}/messages/bulk-delete".to_owned();
    bench.world.with_server(|discord, _| discord.config_mut().rest.forbidden.insert(bulk));
    let now = bench.now_millis();
    let begin = bench.world.server().report().requests;
    let gone = bench.run(BulkDelete::new(channel, all[..130].iter().copied(), now));
    assert_eq!(
        gone.into_iter().filter_map(Result::ok).collect::<BTreeSet<_>>(),
        all[..130].iter().copied().collect()
    );
    let requests = bench.world.server().report().requests - begin;
    assert_eq!(requests, 131);
    let left = bench.ids(channel.messages().all());
    assert_eq!(left, all[130..]);
    let found = bench.ids(guild.search().content("message").all().delete(now));
    assert_eq!(found.len(), 170);
    assert_eq!(bench.ids(channel.messages().all()), []);
    assert_eq!(bench.world.server().violations(), []);
}

/// An index that still counts deleted messages: hundreds of places without a hit, in the middle and at the end.
#[test]
fn a_search_crosses_what_was_deleted() {
    let (mut bench, guild, channel) = bench(1_200);
    bench.world.with_server(|discord, _| discord.config_mut().rest.stale_search = true);
    let all = bench.ids(channel.messages().all());
    let now = bench.now_millis();
    let gone = all[200..700].iter().chain(&all[800..]).copied();
    assert_eq!(bench.run(BulkDelete::new(channel, gone, now)).len(), 900);
    let want: Vec<MessageId> = all[..200].iter().chain(&all[700..800]).copied().collect();
    let search = || guild.search().content("message").all();
    assert_eq!(bench.ids(search()), want);
    let begin = bench.world.server().report().requests;
    let found = bench.ids(search().delete(now));
    assert_eq!(found.iter().collect::<BTreeSet<_>>(), want.iter().collect());
    let requests = bench.world.server().report().requests - begin;
    assert!(requests < 100, "{requests} requests");
    assert_eq!(bench.ids(search()), []);
    assert_eq!(bench.world.server().violations(), []);
}
