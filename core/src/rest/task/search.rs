//! A search to its end.

use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::id::{ChannelId, GuildId, MessageId, Snowflake};
use crate::machine::Response;
use crate::object::{Message, SearchPage};
use crate::rest::call::{Answer, Call};
use crate::rest::draft::{Draft, Identity};
use crate::rest::endpoint::{SearchChannelMessages, SearchGuildMessages};
use crate::rest::error::RestError;
use crate::rest::failure::{Cause, Error};
use crate::rest::invalid::Invalid;
use crate::rest::task::query::Query;
use crate::rest::task::{Progress, Step, Task, sift, unreadable};
use crate::time::Duration;

/// All messages that a search finds: `guild.search().content("x").all()`.
///
/// It turns pages by `offset` up to 9,975, the most that Discord takes, and goes on from there by the id of the last
/// hit; that asks for hits in order of time, as they come unless `sort_by` is `relevance`: then it ends there, and
/// says so. Pages may be short, or empty where hits were deleted and the index has not heard of it: the end is an
/// empty page behind which there is nothing by the `total_results` that came with it. 10,000 places without a hit,
/// all that `offset` reaches, end it with [`Cause::Stuck`]: where to go on from there nothing says. Each hit comes once, taken out of the messages
/// around it, and in the order in which Discord sorts.
///
/// While Discord still builds its index (202) it waits as long as Discord says, 30 times at most. A
/// [session](crate::rest::session::Session) waits for the index itself, as long as the call's time allows (10 minutes, if
/// [`deadline`](Call::deadline) does not say otherwise): an index that takes longer ends it with [`Cause::Deadline`].
///
/// A hit that cannot be read is told as [`Cause::Entry`], counted in [`Progress::failed`], and left behind.
/// Ten pages of nothing but known hits end it with [`Cause::Stuck`]. After any other failure it is done; loaded again, it asks
/// again.
///
/// It holds one page, and the ids of at most 10,000 hits, to tell doubles by; these are saved too. Saved
/// (serialized) at any time and loaded, it goes on behind the hit that it handed out last, also if it had failed.
#[derive(Clone, Deserialize, Serialize)]
pub struct Search {
    query: Query,
    sort: Sort,
    /// After each page go on by the hits' ids: needed by whoever deletes them meanwhile.
    by_id: bool,
    offset: u32,
    /// Hits lie behind this one: the last of the pages before.
    bound: Option<MessageId>,
    /// The last hit so far, in order of time.
    edge: Option<MessageId>,
    /// The hits since `bound`.
    seen: BTreeSet<MessageId>,
    /// Hits are dropped that are in no channel that was named.
    without_threads: bool,
    at_most: Option<u64>,
    delay: Duration,
    ended: bool,
    progress: Progress,
    #[serde(skip)]
    page: VecDeque<Hit>,
    /// Whether the present page came.
    #[serde(skip)]
    came: Option<Came>,
    #[serde(skip)]
    pause: Option<Duration>,
    #[serde(skip)]
    unready: u32,
    #[serde(skip)]
    idle: u32,
    #[serde(skip)]
    failed: Option<Error>,
    #[serde(skip)]
    over: bool,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
enum Sort {
    NewestFirst,
    OldestFirst,
    Relevance,
}

/// What the present page was.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Came {
    /// Nothing new, and nothing behind it.
    Last,
    More,
}

/// A hit, or why it cannot be read.
#[derive(Clone)]
struct Hit {
    id: Option<MessageId>,
    message: Result<Message, Error>,
}

/// What a page brought.
struct Found {
    /// How many groups came: one hit each, if they are not empty.
    groups: usize,
    hits: Vec<Hit>,
    /// How many hits there are on all pages.
    total: u64,
}

impl Call<SearchGuildMessages> {
    /// All that it finds.
    #[must_use]
    pub fn all(self) -> Search {
        Search::new(&self.draft)
    }
}

impl Call<SearchChannelMessages> {
    /// All that it finds.
    #[must_use]
    pub fn all(self) -> Search {
        Search::new(&self.draft)
    }
}

impl Search {
    fn new(draft: &Draft) -> Self {
        let query = Query::new(draft);
        let sort = match (query.get("sort_by"), query.get("sort_order")) {
            (Some("relevance"), _) => Sort::Relevance,
            (_, Some("asc")) => Sort::OldestFirst,
            _ => Sort::NewestFirst,
        };
        let offset = query.get("offset").and_then(|offset| offset.parse().ok()).unwrap_or(0);
        Self {
            query,
            sort,
            by_id: false,
            offset,
            bound: None,
            edge: None,
            seen: BTreeSet::new(),
            without_threads: false,
            at_most: None,
            delay: Duration::ZERO,
            ended: false,
            progress: Progress::default(),
            page: VecDeque::new(),
            came: None,
            pause: None,
            unready: 0,
            idle: 0,
            failed: None,
            over: false,
        }
    }

    /// Ends after so many hits.
    #[must_use]
    pub fn at_most(mut self, hits: u64) -> Self {
        self.at_most = Some(hits);
        self
    }

    /// Waits so long between pages, beside what Discord's limits ask for.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Wants no hits older than this. `now` is in milliseconds since 1970-01-01 UTC, as the adapters
    /// have it in `unix_millis()`.
    #[must_use]
    pub fn max_age(mut self, age: Duration, now: u64) -> Self {
        let since = now.saturating_sub(u64::try_from(age.as_millis()).unwrap_or(u64::MAX));
        // There is nothing older than the first id, whatever the age.
        let oldest = Snowflake::from_unix_millis(since).unwrap_or_default().0;
        // `min_id` is of a message that is itself left out.
        let oldest = oldest.saturating_sub(1);
        let given = self.query.get("min_id").and_then(|id| id.parse().ok()).unwrap_or(0);
        self.query.set("min_id", oldest.max(given));
        self
    }

    /// Drops hits that are in none of the channels that were named, as those in their threads are.
    #[must_use]
    pub fn without_threads(mut self) -> Self {
        self.without_threads = true;
        self
    }

    /// Goes on by id after each page: nothing is left out when hits vanish meanwhile. Not by relevance.
    pub(super) fn by_id(mut self) -> Self {
        self.by_id = true;
        if self.sort == Sort::Relevance {
            self.query.refuse("sort_by", "relevance is no order in which hits could be deleted");
        }
        self
    }

    /// The guild that it searches; `None` for a search of a direct message. The messages do not say it: see
    /// [`Message::url_in`].
    #[must_use]
    pub fn guild(&self) -> Option<GuildId> {
        self.query.path().strip_prefix("/guilds/")?.split('/').next()?.parse().ok()
    }

    pub(super) const fn query(&self) -> &Query {
        &self.query
    }

    pub(super) const fn query_mut(&mut self) -> &mut Query {
        &mut self.query
    }

    pub(super) fn is_as_user(&self) -> bool {
        self.query.identity() == Identity::User
    }

    fn draft(&self) -> Draft {
        let mut query = self.query.clone();
        query.set("limit", self.size());
        query.set("offset", self.offset);
        if self.sort != Sort::Relevance {
            query.set("sort_by", "timestamp");
        }
        if let Some(bound) = self.bound {
            query.set(if self.sort == Sort::OldestFirst { "min_id" } else { "max_id" }, bound);
        }
        query.draft()
    }

    fn size(&self) -> u32 {
        self.query.get("limit").and_then(|limit| limit.parse().ok()).unwrap_or(PAGE).clamp(1, PAGE)
    }

    fn is_behind(&self, id: MessageId, other: MessageId) -> bool {
        if self.sort == Sort::OldestFirst { id > other } else { id < other }
    }

    fn read(&self, response: &Response) -> Result<Found, Error> {
        match SearchPage::read(response) {
            Ok(page) => {
                let (groups, total) = (page.messages.len(), page.total_results);
                let hit = |message: Message| Hit { id: Some(message.id), message: Ok(message) };
                Ok(Found { groups, hits: page.into_found().map(hit).collect(), total })
            }
            Err(error) => {
                let draft = self.draft();
                sift_page(&draft, response).ok_or_else(|| unreadable(&draft, response, error))
            }
        }
    }

    fn take(&mut self, found: Found) {
        self.unready = 0;
        // What is left behind a bound, or after deletions, is less.
        self.progress.total = Some(found.total).max(self.progress.total);
        let is_last = u64::from(self.offset + self.size()) >= found.total;
        // There are no more of these in a row than the offset goes.
        let empty = if is_last { Came::Last } else { Came::More };
        if found.hits.is_empty() {
            self.came = Some(empty);
            return;
        }
        let mut fresh = 0;
        let mut bound_only = self.by_id;
        // What is more than was asked for comes with the next page.
        let size = self.size() as usize;
        self.progress.skipped += found.groups.saturating_sub(size) as u64;
        for hit in found.hits.into_iter().take(size) {
            let Some(id) = hit.id else {
                bound_only = false;
                self.page.push_back(hit);
                continue;
            };
            bound_only &= self.bound == Some(id);
            if self.bound.is_some_and(|bound| !self.is_behind(id, bound))
                || self.seen.contains(&id)
                || self.page.iter().any(|known| known.id == Some(id))
            {
                self.progress.skipped += 1;
                continue;
            }
            fresh += 1;
            if self.edge.is_none_or(|edge| self.is_behind(id, edge)) {
                self.edge = Some(id);
            }
            let channel = hit.message.as_ref().ok().map(|message| message.channel_id);
            if self.without_threads && channel.is_some_and(|channel| !self.is_named(channel)) {
                self.progress.skipped += 1;
                self.seen.insert(id);
            } else {
                self.page.push_back(hit);
            }
        }
        if fresh > 0 {
            self.idle = 0;
        } else if bound_only {
            // Where the hit is brought, too, by whose id the page begins.
            self.came = Some(empty);
            return;
        } else if !self.is_going_on() {
            return;
        }
        self.came = Some(Came::More);
    }

    /// Counts a page of known hits; fails at the last that is allowed.
    fn is_going_on(&mut self) -> bool {
        self.idle += 1;
        if self.idle >= MAX_IDLE {
            self.failed = Some(Error::new(self.draft(), Cause::Stuck(REPEATS)));
        }
        self.failed.is_none()
    }

    fn is_named(&self, channel: ChannelId) -> bool {
        let mut named = self.query.all("channel_id").peekable();
        named.peek().is_none() || named.any(|id| id.parse() == Ok(channel))
    }

    /// Goes from a page that was handed out to the next.
    fn turn(&mut self, came: Came) {
        if came == Came::Last {
            self.ended = true;
            return;
        }
        self.offset += self.size();
        if self.by_id && self.edge != self.bound {
            self.shift();
        } else if self.offset > MAX_OFFSET {
            if self.sort == Sort::Relevance {
                self.ended = true;
                if self.progress.total.is_some_and(|total| total > u64::from(MAX_OFFSET + PAGE)) {
                    let invalid = Invalid::new("sort_by", TOO_MANY);
                    self.failed = Some(Error::new(self.draft(), Cause::Invalid(invalid)));
                }
            } else if self.edge == self.bound {
                self.failed = Some(Error::new(self.draft(), Cause::Stuck(HOLES)));
            } else {
                self.shift();
            }
        }
        if self.delay > Duration::ZERO {
            self.pause = Some(self.delay);
        }
    }

    fn shift(&mut self) {
        self.bound = self.edge;
        self.offset = 0;
        self.seen.clear();
    }

    /// Waits for the index, if this says that it is not ready (discord-api-docs, Search Guild Messages).
    fn is_unready(&mut self, response: &Response) -> bool {
        if response.status != 202 {
            return false;
        }
        let error = RestError::new(response);
        self.unready += 1;
        if self.unready > MAX_UNREADY {
            self.failed = Some(Error::new(self.draft(), Cause::Discord(error.into())));
        } else {
            let wait = error.retry_after.filter(|wait| *wait > Duration::ZERO).unwrap_or(UNREADY);
            self.pause = Some(wait);
        }
        true
    }
}

impl Task for Search {
    type Item = Message;

    fn next(&mut self) -> Step<Message> {
        loop {
            let is_enough = self.at_most.is_some_and(|most| self.progress.done >= most);
            if !is_enough && let Some(hit) = self.page.pop_front() {
                self.seen.extend(hit.id);
                return match hit.message {
                    Ok(message) => {
                        self.progress.done += 1;
                        Step::Item(message)
                    }
                    Err(error) => {
                        self.progress.failed += 1;
                        Step::Failed(error)
                    }
                };
            }
            if let Some(error) = self.failed.take() {
                self.over = true;
                return Step::Failed(error);
            }
            if self.over || self.ended {
                return Step::Done;
            }
            if is_enough {
                self.ended = true;
                self.page.clear();
                return Step::Done;
            }
            if let Some(came) = self.came.take() {
                self.turn(came);
                continue;
            }
            return match self.pause.take() {
                Some(pause) => Step::Wait(pause),
                None => Step::Call(self.draft()),
            };
        }
    }

    fn answer(&mut self, answer: Result<Response, Error>) {
        if self.ended || self.over || !self.page.is_empty() {
            return;
        }
        self.progress.requests += 1;
        if answer.as_ref().is_ok_and(|response| self.is_unready(response)) {
            return;
        }
        match answer.and_then(|response| self.read(&response)) {
            Ok(found) => self.take(found),
            Err(error) => self.failed = Some(error),
        }
    }

    fn progress(&self) -> Progress {
        let total = match (self.progress.total, self.at_most) {
            (Some(total), Some(most)) => Some(total.min(most)),
            (total, most) => total.or(most),
        };
        Progress { total, ..self.progress }
    }
}

impl fmt::Debug for Search {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Search({:?}, {:?})", self.query, self.progress)
    }
}

/// The hits of a page that cannot be read as a whole, read one by one; the messages around them need not be readable.
/// None if it is no list.
fn sift_page(draft: &Draft, response: &Response) -> Option<Found> {
    let (groups, fields) = sift::list(&response.body, Some("messages"))?;
    let total =
        fields.get("total_results").map_or(Some(0), |total| serde_json::from_str(total.get()).ok())?;
    let hit = |raw: &RawValue| {
        let message = sift::entry(draft, raw, &["id"]);
        Hit {
            id: message.as_ref().map_or_else(|_| sift::value(raw, &["id"]), |it: &Message| Some(it.id)),
            message,
        }
    };
    let hits = groups.iter().filter_map(|group| {
        let Some(messages) = sift::entries(group) else { return Some(hit(group)) };
        let is_hit = |raw: &&&RawValue| sift::value(raw, &["hit"]) == Some(true);
        messages.iter().find(is_hit).or(messages.first()).map(|raw| hit(raw))
    });
    Some(Found { groups: groups.len(), hits: hits.collect(), total })
}

/// The most hits of a page, and the greatest offset (discord-api-docs, Search Guild Messages).
const PAGE: u32 = 25;
const MAX_OFFSET: u32 = 9975;

/// How long to wait where Discord does not say: it asks for a few seconds.
const UNREADY: Duration = Duration::from_secs(2);
const MAX_UNREADY: u32 = 30;

/// New messages push known hits onto the next pages, but hardly so many.
const MAX_IDLE: u32 = 10;

const REPEATS: &str = "page after page has nothing that was not there before";
const HOLES: &str = "pages have nothing new as far as the offset goes, and more is said to follow";
const TOO_MANY: &str = "by relevance no more than 10,000 hits can be seen: sort by timestamp";
