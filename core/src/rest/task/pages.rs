//! Lists that come by pages.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt::{self, Display};
use core::str::FromStr;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::machine::Response;
use crate::rest::call::{Answer, Call, Endpoint};
use crate::rest::draft::Draft;
use crate::rest::failure::{Cause, Error};
use crate::rest::task::query::Query;
use crate::rest::task::{Progress, Step, Task, sift, unreadable};

/// An endpoint that brings a list by pages.
pub trait Paged: Endpoint {
    /// An entry of the list.
    type Item: DeserializeOwned;

    /// What a page is read as.
    type Page: Answer;

    /// What entries are in order of, and what says where a page begins.
    type Key: Clone + Ord + Display + FromStr + Serialize + DeserializeOwned;

    /// How its pages follow each other.
    const ORDER: Order;

    /// The fewest and the most entries that may be asked for at once.
    const SIZE: (u32, u32);

    /// Parameters without which it would not come by pages.
    const FIXED: &'static [(&'static str, &'static str)] = &[];

    /// The field of a page that is the list; none where the page itself is.
    const LIST: Option<&'static str> = None;

    /// Where an entry's key is, for those that cannot be read: a path of names.
    const KEY: &'static [&'static str] = &["id"];

    /// Where its [id](Self::id) is, if it has one.
    const ID: Option<&'static [&'static str]> = None;

    /// The entries of a page, and whether there are more, if that is said.
    fn entries(page: Self::Page) -> (Vec<Self::Item>, Option<bool>);

    /// The key of an entry.
    fn key(item: &Self::Item) -> Option<Self::Key>;

    /// What tells entries of the same key apart, where several may have it.
    fn id(_item: &Self::Item) -> Option<u64> {
        None
    }

    /// The key right behind this one, counted upwards, where several entries may have the same: a page that is to
    /// begin among them is asked for with it.
    fn next(_key: &Self::Key) -> Option<Self::Key> {
        None
    }
}

/// How pages follow each other.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Order {
    /// By `after`, to greater keys.
    Up,
    /// By `before`, to smaller keys.
    Down,
    /// By `after` if that was given, otherwise by `before`.
    Either,
    /// There is one page only, in an order of its own.
    Once,
}

/// A list to its end, entry by entry: `channel.messages().all()`.
///
/// What was set on the call holds for each page: `after` or `before` says where to begin and thus which way to go,
/// `limit` how many entries a page has (the most that may be, if not set).
///
/// It is done at a page that is not full. Entries come in order and once each; those that are out of place, or were
/// there before, are counted in [`Progress::skipped`]. Where the order is one of times, entries of the same time are
/// told apart by their ids, as long as no more than a page has one time. A page of nothing but such ends it with
/// [`Cause::Stuck`].
///
/// An entry that cannot be read is told, in its place, as [`Cause::Entry`], counted in [`Progress::failed`], and left
/// behind; one whose key cannot be read either is told before the others of its page. After any other failure it is
/// done.
///
/// It holds one page at most, and the ids of those that have the last one's time. Saved (serialized) at any time and
/// loaded, it goes on behind the entry that it handed out or told last, also if it had failed.
#[derive(Deserialize, Serialize)]
#[serde(bound = "")]
pub struct Pages<E: Paged> {
    query: Query,
    order: Order,
    /// The entry that was handed out last, or where to begin.
    cursor: Option<E::Key>,
    /// The ids of those that were handed out and have the cursor for their key, where several may have it.
    seen: Vec<u64>,
    until: Option<E::Key>,
    at_most: Option<u64>,
    ended: bool,
    progress: Progress,
    #[serde(skip)]
    page: VecDeque<Entry<E>>,
    /// Whether no page follows.
    #[serde(skip)]
    last: bool,
    #[serde(skip)]
    failed: Option<Error>,
    #[serde(skip)]
    over: bool,
}

/// An entry of a page, or why it cannot be read.
struct Entry<E: Paged> {
    key: Option<E::Key>,
    id: Option<u64>,
    item: Result<E::Item, Error>,
}

impl<E: Paged> Call<E> {
    /// The whole list, page by page.
    #[must_use]
    pub fn all(self) -> Pages<E> {
        let mut query = Query::new(&self.draft);
        if query.get("around").is_some() {
            query.refuse("around", "does not say where to go on: give after or before");
        }
        for (name, value) in E::FIXED {
            query.set(name, value);
        }
        let order = match E::ORDER {
            Order::Either if query.get("after").is_some() => Order::Up,
            Order::Either => Order::Down,
            order => order,
        };
        let cursor = query.get(parameter(order)).and_then(|key| key.parse().ok());
        // Of lists that go one way only, the other parameter is where they end.
        let until = match order {
            Order::Up => end(&mut query),
            _ => None,
        };
        Pages {
            query,
            order,
            cursor,
            seen: Vec::new(),
            until,
            at_most: None,
            ended: false,
            progress: Progress::default(),
            page: VecDeque::new(),
            last: false,
            failed: None,
            over: false,
        }
    }
}

/// The parameter that says where a page begins.
const fn parameter(order: Order) -> &'static str {
    match order {
        Order::Up => "after",
        Order::Down | Order::Either | Order::Once => "before",
    }
}

/// Where a list that goes up ends: `before` is taken out of the query, for Discord takes one of it and `after` only.
fn end<K: FromStr>(query: &mut Query) -> Option<K> {
    let end = query.take("before")?.parse().ok();
    if end.is_none() {
        query.refuse("before", "is no place in this list");
    }
    end
}

impl<E: Paged> Pages<E> {
    /// Ends before this entry, or where it would have been. Of several ends, as a `before` of the call where it goes up,
    /// the nearest holds.
    #[must_use]
    pub fn until(mut self, key: impl Into<E::Key>) -> Self {
        self.end_at(key.into());
        self
    }

    fn end_at(&mut self, key: E::Key) {
        if self.until.as_ref().is_none_or(|until| self.is_behind(until, &key)) {
            self.until = Some(key);
        }
    }

    /// Ends after so many entries.
    #[must_use]
    pub fn at_most(mut self, count: u64) -> Self {
        self.at_most = Some(count);
        self
    }

    /// Begins behind this entry, in the direction that was chosen.
    #[must_use]
    pub fn from(mut self, key: impl Into<E::Key>) -> Self {
        self.cursor = Some(key.into());
        self.seen.clear();
        self
    }

    /// From the smallest key, which is the oldest entry, to the greatest, where both ways can be gone; to the call's
    /// `before`, if that was given.
    #[must_use]
    pub fn oldest_first(mut self) -> Self {
        if E::ORDER == Order::Either && self.order == Order::Down {
            // Without `after`, Discord begins at the newest.
            self.cursor = "0".parse().ok();
            self.order = Order::Up;
            if let Some(end) = end(&mut self.query) {
                self.end_at(end);
            }
        }
        self
    }

    /// How many entries are still wanted.
    fn left(&self) -> u64 {
        self.at_most.map_or(u64::MAX, |most| most.saturating_sub(self.progress.done))
    }

    fn size(&self) -> u32 {
        let (least, most) = E::SIZE;
        let wanted = self.query.get("limit").and_then(|limit| limit.parse().ok()).unwrap_or(most);
        if self.order == Order::Once {
            // What was handed out before it was saved comes again.
            let all = self.at_most.and_then(|count| u32::try_from(count).ok()).unwrap_or(u32::MAX);
            return wanted.min(all).clamp(least, most);
        }
        // As many as fit are at least what is left.
        let fresh = wanted.min(u32::try_from(self.left()).unwrap_or(u32::MAX)).max(least);
        // Those that are known come again.
        fresh.saturating_add(u32::try_from(self.seen.len()).unwrap_or(u32::MAX)).min(most)
    }

    fn draft(&self) -> Draft {
        let mut query = self.query.clone();
        if self.order != Order::Once || E::ROW.params.iter().any(|param| param.name == "limit") {
            query.set("limit", self.size());
        }
        if self.order != Order::Once
            && let Some(cursor) = &self.cursor
        {
            let among = if self.seen.is_empty() { None } else { E::next(cursor) };
            query.set(parameter(self.order), among.as_ref().unwrap_or(cursor));
        }
        query.draft()
    }

    /// Whether one key comes behind another.
    fn is_behind(&self, key: &E::Key, other: &E::Key) -> bool {
        if self.order == Order::Up { key > other } else { key < other }
    }

    /// Whether it was handed out, and comes again because others have its key.
    fn is_seen(&self, key: &E::Key, entry: &Entry<E>) -> bool {
        self.cursor.as_ref() == Some(key) && entry.id.is_some_and(|id| self.seen.contains(&id))
    }

    /// Whether it comes behind what was handed out.
    fn is_fresh(&self, key: &E::Key, entry: &Entry<E>) -> bool {
        let Some(cursor) = &self.cursor else { return true };
        self.is_behind(key, cursor) || (key == cursor && !self.seen.is_empty() && !self.is_seen(key, entry))
    }

    /// Hands an entry out, and goes behind it.
    fn hand_out(&mut self, entry: Entry<E>) -> Step<E::Item> {
        if let Some(key) = entry.key.filter(|_| self.order != Order::Once) {
            if self.cursor.as_ref() != Some(&key) {
                self.seen.clear();
            }
            self.seen.extend(entry.id);
            self.cursor = Some(key);
        }
        match entry.item {
            Ok(item) => {
                self.progress.done += 1;
                Step::Item(item)
            }
            Err(error) => {
                self.progress.failed += 1;
                Step::Failed(error)
            }
        }
    }

    /// The entries of a page, and whether there are more, if that is said.
    fn read(&self, response: &Response) -> Result<(Vec<Entry<E>>, Option<bool>), Error> {
        match E::Page::read(response) {
            Ok(page) => {
                let (items, more) = E::entries(page);
                let read = |item| Entry { key: E::key(&item), id: E::id(&item), item: Ok(item) };
                Ok((items.into_iter().map(read).collect(), more))
            }
            Err(error) => {
                let draft = self.draft();
                sift_page(&draft, response).ok_or_else(|| unreadable(&draft, response, error))
            }
        }
    }

    fn take(&mut self, entries: Vec<Entry<E>>, more: Option<bool>) {
        let count = entries.len();
        if self.order == Order::Once {
            // What was handed out before it was saved came first.
            let known = usize::try_from(self.progress.done + self.progress.failed).unwrap_or(usize::MAX);
            self.page = entries.into_iter().skip(known).collect();
            self.last = true;
            return;
        }
        let mut keyed: Vec<(E::Key, Entry<E>)> = Vec::with_capacity(count);
        for mut entry in entries {
            match entry.key.take() {
                Some(key) => keyed.push((key, entry)),
                None if entry.item.is_err() => self.page.push_back(entry),
                None => self.progress.skipped += 1,
            }
        }
        let placed = keyed.len();
        keyed.sort_by(|(a, x), (b, y)| {
            let order = a.cmp(b).then_with(|| x.id.cmp(&y.id));
            if self.order == Order::Up { order } else { order.reverse() }
        });
        keyed.dedup_by(|(a, x), (b, y)| a == b && x.id == y.id);
        let known = keyed.iter().filter(|(key, entry)| self.is_seen(key, entry)).count();
        keyed.retain(|(key, entry)| self.is_fresh(key, entry));
        let fresh = keyed.len();
        self.progress.skipped += (placed - fresh - known) as u64;
        if fresh == 0 && (count > known || (known > 0 && more == Some(true))) {
            self.failed = Some(Error::new(self.draft(), Cause::Stuck(REPEATS)));
            return;
        }
        if let Some(until) = &self.until {
            keyed.retain(|(key, _)| self.is_behind(until, key));
        }
        let full = more.unwrap_or(count as u64 >= u64::from(self.size()));
        self.last = count == 0 || !full || keyed.len() < fresh;
        self.page.extend(keyed.into_iter().map(|(key, entry)| Entry { key: Some(key), ..entry }));
    }
}

impl<E: Paged> Task for Pages<E> {
    type Item = E::Item;

    fn next(&mut self) -> Step<E::Item> {
        if self.over || self.ended {
            return Step::Done;
        }
        let is_wanted = self.left() > 0;
        if is_wanted && let Some(entry) = self.page.pop_front() {
            return self.hand_out(entry);
        }
        if let Some(error) = self.failed.take() {
            self.over = true;
            return Step::Failed(error);
        }
        if is_wanted && !self.last {
            return Step::Call(self.draft());
        }
        self.ended = true;
        self.page.clear();
        Step::Done
    }

    fn answer(&mut self, answer: Result<Response, Error>) {
        if self.ended || self.over || !self.page.is_empty() {
            return;
        }
        self.progress.requests += 1;
        match answer.and_then(|response| self.read(&response)) {
            Ok((entries, more)) => self.take(entries, more),
            Err(error) => self.failed = Some(error),
        }
    }

    fn progress(&self) -> Progress {
        Progress { total: self.at_most, ..self.progress }
    }
}

/// The entries of a page that cannot be read as a whole; none if it is no list.
fn sift_page<E: Paged>(draft: &Draft, response: &Response) -> Option<(Vec<Entry<E>>, Option<bool>)> {
    let (list, fields) = sift::list(&response.body, E::LIST)?;
    // Guessed, the end might come too early.
    let more = fields.get("has_more").map_or(Some(None), |more| serde_json::from_str(more.get()).ok())?;
    let read = |raw: &RawValue| match sift::entry(draft, raw, E::ID.unwrap_or(E::KEY)) {
        Ok(item) => Entry { key: E::key(&item), id: E::id(&item), item: Ok(item) },
        Err(error) => {
            let id = E::ID.and_then(|path| sift::value(raw, path));
            Entry { key: sift::value(raw, E::KEY), id, item: Err(error) }
        }
    };
    Some((list.into_iter().map(read).collect(), more))
}

const REPEATS: &str = "the page has nothing that was not there before";

impl<E: Paged> Clone for Entry<E>
where
    E::Item: Clone,
{
    fn clone(&self) -> Self {
        Self { key: self.key.clone(), id: self.id, item: self.item.clone() }
    }
}

impl<E: Paged> Clone for Pages<E>
where
    E::Item: Clone,
{
    fn clone(&self) -> Self {
        Self {
            query: self.query.clone(),
            order: self.order,
            cursor: self.cursor.clone(),
            seen: self.seen.clone(),
            until: self.until.clone(),
            at_most: self.at_most,
            ended: self.ended,
            progress: self.progress,
            page: self.page.clone(),
            last: self.last,
            failed: self.failed.clone(),
            over: self.over,
        }
    }
}

impl<E: Paged> fmt::Debug for Pages<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pages({:?}, {:?})", self.query, self.progress)
    }
}
