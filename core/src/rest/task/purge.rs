//! Messages that are searched for and deleted.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::id::{ChannelId, GuildId, MessageId};
use crate::machine::Response;
use crate::object::Message;
use crate::rest::failure::Error;
use crate::rest::task::delete::BulkDelete;
use crate::rest::task::search::Search;
use crate::rest::task::{Progress, Step, Task};
use crate::time::Duration;

/// Searches for messages and deletes them, and brings those that are gone: [`Search::delete`].
///
/// A [dry run](Self::dry_run) deletes nothing and brings what would go. A search that asks for nothing in particular
/// (no content, author, mention, ...) is refused: naming a channel is not enough.
///
/// Hits are deleted by the hundred, each channel's for themselves: see [`BulkDelete`] for which go in bulks and what
/// happens to those that Discord refuses. As the user, where the search is.
///
/// A channel that takes no deletes (it is gone, the bot may not go there, or it refused five in a row) is left out
/// from then on: what was found there counts as [failed](Progress::failed), and the others go on. It ends where none
/// can follow but refusals (the token), and where Discord does not answer.
///
/// It holds a page, at most 100 messages and the ids of at most 1,000 channels that were left out, and of as many that
/// take no bulks. Saved (serialized) at any time and loaded, it goes on.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct SearchAndDelete {
    search: Search,
    dry_run: bool,
    now: u64,
    delay: Duration,
    one_by_one: bool,
    #[serde(default)]
    in_turn: bool,
    /// Whether the next one is the user's turn.
    #[serde(default)]
    user_next: bool,
    #[serde(default)]
    reason: Option<String>,
    /// Found, and not yet handed out.
    found: BTreeMap<MessageId, Message>,
    deletes: VecDeque<BulkDelete>,
    /// Channels that take no deletes. When it is loaded they are tried again.
    #[serde(skip)]
    closed: BTreeSet<ChannelId>,
    /// Channels that take no bulks. When it is loaded they are tried again.
    #[serde(skip)]
    bulkless: BTreeSet<ChannelId>,
    progress: Progress,
    /// Whether the deletes do what was asked for last.
    #[serde(skip)]
    deleting: bool,
    #[serde(skip)]
    over: bool,
}

impl Search {
    /// Deletes what it finds. `now` is in milliseconds since 1970-01-01 UTC, as the adapters
    /// have it in `unix_millis()`.
    #[must_use]
    pub fn delete(self, now: u64) -> SearchAndDelete {
        let mut search = self.by_id();
        let about = |name: &str| ![LIMITS, SORT, WHERE].iter().any(|names| names.contains(&name));
        if !search.query().names().any(about) {
            search.query_mut().refuse("content", "would delete everything: name a content, an author, ...");
        }
        SearchAndDelete {
            search,
            dry_run: false,
            now,
            delay: Duration::ZERO,
            one_by_one: false,
            in_turn: false,
            user_next: false,
            reason: None,
            found: BTreeMap::new(),
            deletes: VecDeque::new(),
            closed: BTreeSet::new(),
            bulkless: BTreeSet::new(),
            progress: Progress::default(),
            deleting: false,
            over: false,
        }
    }
}

impl SearchAndDelete {
    /// Deletes nothing, and brings what would go.
    #[must_use]
    pub fn dry_run(mut self) -> Self {
        self.dry_run = true;
        self
    }

    /// Waits so long between requests that delete, beside what Discord's limits ask for.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// No bulks: as direct messages need it.
    #[must_use]
    pub fn one_by_one(mut self) -> Self {
        self.one_by_one = true;
        self
    }

    /// Deletes one by one, the bot and the user in turn, each with limits of its own. The search asks as it did.
    #[must_use]
    pub fn in_turn(mut self) -> Self {
        self.in_turn = true;
        self
    }

    /// Why, for the guild's audit log: at most 512 characters.
    #[must_use]
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// The guild that it searches: see [`Search::guild`].
    #[must_use]
    pub fn guild(&self) -> Option<GuildId> {
        self.search.guild()
    }

    /// Deletes what was found, each channel's for themselves.
    fn begin(&mut self) {
        let mut channels: BTreeMap<ChannelId, Vec<MessageId>> = BTreeMap::new();
        let found = self.found.len();
        self.found.retain(|_, message| !self.closed.contains(&message.channel_id));
        self.progress.failed += (found - self.found.len()) as u64;
        for message in self.found.values() {
            channels.entry(message.channel_id).or_default().push(message.id);
        }
        for (channel, ids) in channels {
            let count = ids.len();
            let mut delete = BulkDelete::new(channel, ids, self.now).delay(self.delay);
            if let Some(reason) = &self.reason {
                delete = delete.reason(reason.clone());
            }
            if self.in_turn {
                delete = if self.user_next { delete.in_turn_user_first() } else { delete.in_turn() };
                // Channels with one hit each take turns, too.
                self.user_next ^= count % 2 == 1;
            } else if self.search.is_as_user() {
                delete = delete.as_user();
            } else if self.one_by_one || self.bulkless.contains(&channel) {
                delete = delete.one_by_one();
            }
            self.deletes.push_back(delete);
        }
    }

    /// What the deletes want; `None` if nothing.
    fn delete(&mut self) -> Option<Step<Message>> {
        while let Some(delete) = self.deletes.front_mut() {
            return Some(match delete.next() {
                Step::Call(draft) => {
                    self.deleting = true;
                    Step::Call(draft)
                }
                Step::Wait(pause) => Step::Wait(pause),
                Step::Failed(error) => Step::Failed(error),
                Step::Item(id) => {
                    let Some(message) = self.found.remove(&id) else { continue };
                    self.progress.done += 1;
                    Step::Item(message)
                }
                Step::Done if delete.is_complete() || delete.is_hopeless() => {
                    for id in delete.remains() {
                        self.found.remove(id);
                        self.progress.failed += 1;
                    }
                    if delete.is_hopeless() && self.closed.len() < MAX_CLOSED {
                        self.closed.insert(delete.channel());
                    }
                    if delete.bulks_refused() != 0 && self.bulkless.len() < MAX_CLOSED {
                        self.bulkless.insert(delete.channel());
                    }
                    self.deletes.pop_front();
                    continue;
                }
                Step::Done => {
                    self.over = true;
                    Step::Done
                }
            });
        }
        None
    }
}

impl Task for SearchAndDelete {
    type Item = Message;

    fn next(&mut self) -> Step<Message> {
        loop {
            if self.over {
                return Step::Done;
            }
            if let Some(step) = self.delete() {
                return step;
            }
            if self.found.len() >= AT_ONCE {
                self.begin();
                continue;
            }
            match self.search.next() {
                Step::Item(message) if self.dry_run => {
                    self.progress.done += 1;
                    return Step::Item(message);
                }
                Step::Item(message) => {
                    self.found.insert(message.id, message);
                }
                Step::Done if self.found.is_empty() => return Step::Done,
                Step::Done => self.begin(),
                step => {
                    self.deleting = false;
                    return step;
                }
            }
        }
    }

    fn answer(&mut self, answer: Result<Response, Error>) {
        self.progress.requests += 1;
        match self.deletes.front_mut() {
            Some(delete) if self.deleting => delete.answer(answer),
            _ => self.search.answer(answer),
        }
    }

    fn progress(&self) -> Progress {
        let Progress { total, skipped, failed, .. } = self.search.progress();
        // Hits that cannot be read are not deleted.
        Progress { total, skipped, failed: self.progress.failed + failed, ..self.progress }
    }
}

/// How many messages are deleted before the search goes on.
const AT_ONCE: usize = 100;

/// How many channels are remembered that take no deletes, or no bulks. Others are asked again.
const MAX_CLOSED: usize = 1000;

/// Parameters of a search that do not say what a message is like.
const LIMITS: &[&str] = &["limit", "offset", "slop", "min_id", "max_id"];
const SORT: &[&str] = &["sort_by", "sort_order"];
const WHERE: &[&str] = &["channel_id", "include_nsfw"];
