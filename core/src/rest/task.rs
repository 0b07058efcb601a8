//! What takes several requests.
//!
//! | task | how it is made | what it brings |
//! |---|---|---|
//! | [`Pages`] ([`History`], [`Members`], [`Guilds`], ...) | `channel.messages().all()` | a list's entries, page by page |
//! | [`Search`] | `guild.search().content("x").all()` | all messages that a search finds |
//! | [`BulkDelete`] | `BulkDelete::new(channel, ids, now)` | the ids of deleted messages |
//! | [`SearchAndDelete`] | `guild.search().content("x").all().delete(now)` | the messages that it deletes, or would |
//! | [`GuildTree`] | `GuildTree::new(guild)` | a guild's channels, threads and members, as one text |
//! | [`ActiveThreads`] | `channel.threads()` | a channel's active threads |
//! | [`Find`] | `Find::guild("name")`, `channel`, `member` | the first of that name |
//!
//! Each is a value that can be serialized at any time and goes on where it was when it is loaded, in another process
//! too: what was handed out does not come again, and what was not yet, comes. A request that was under way is made
//! again.

mod delete;
mod find;
mod lists;
mod moment;
mod pages;
mod purge;
mod query;
mod search;
mod sift;
#[cfg(test)]
mod tests;
mod threads;
mod tree;

pub use delete::BulkDelete;
pub use find::{Find, Named};
pub use lists::{Guilds, History, Members, Voters};
pub use moment::{Moment, NoMoment};
pub use pages::{Order, Paged, Pages};
pub use purge::SearchAndDelete;
pub use search::Search;
pub use threads::ActiveThreads;
pub use tree::{GuildTree, Tree};

use serde::{Deserialize, Serialize};

use crate::machine::Response;
use crate::rest::call::{Call, Endpoint};
use crate::rest::draft::Draft;
use crate::rest::failure::{Cause, Error};
use crate::time::Duration;

/// A machine that makes several requests, one after the other, and brings items as it goes.
///
/// An adapter's client runs it: `discord.run(task)` is an iterator, or a stream. It is a value: dropped it is
/// cancelled, and a clone of it, or what [its own documentation](self) says to save of it, goes on from where it was.
pub trait Task {
    /// What it brings.
    type Item;

    /// What to do next. After [`Step::Call`] the next call is of [`answer`](Self::answer); after [`Step::Done`] it
    /// is done for good.
    fn next(&mut self) -> Step<Self::Item>;

    /// Takes what came of the last [`Step::Call`].
    fn answer(&mut self, answer: Result<Response, Error>);

    /// How far it has come.
    fn progress(&self) -> Progress;
}

/// What a task wants.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "it is taken apart as soon as it is made")]
pub enum Step<T> {
    /// Make this request.
    Call(Draft),
    /// Wait so long.
    Wait(Duration),
    /// Hand this to the user.
    Item(T),
    /// Hand this to the user. The task goes on where it can, as behind an entry that cannot be read
    /// ([`Cause::Entry`]): with [`Step::Done`] where it cannot.
    Failed(Error),
    /// Nothing more will come.
    Done,
}

/// How far a task has come.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Progress {
    /// Requests that were answered.
    pub requests: u64,
    /// Items that were brought, or things that were done.
    pub done: u64,
    /// Items that came but were left out: doubles, those out of place, those that were not asked for.
    pub skipped: u64,
    /// Things that could not be done, and entries that could not be read.
    pub failed: u64,
    /// How many there are in all, if that is known; it may change.
    pub total: Option<u64>,
}

/// Reads the answer of a call.
///
/// # Errors
/// If it failed, or if the answer is not what is documented.
pub fn read<E: Endpoint>(draft: &Draft, answer: Result<Response, Error>) -> Result<E::Answer, Error> {
    let response = answer?;
    E::read(&response).map_err(|error| unreadable(draft, &response, error))
}

/// Reads the answer of this call.
///
/// # Errors
/// If it failed, or if the answer is not what is documented.
pub fn read_answer<E: Endpoint>(call: &Call<E>, answer: Result<Response, Error>) -> Result<E::Answer, Error> {
    read::<E>(call.draft(), answer)
}

fn unreadable(draft: &Draft, response: &Response, error: crate::envelope::DecodeError) -> Error {
    let beginning = alloc::string::String::from_utf8_lossy(&response.body).chars().take(200).collect();
    Error::new(draft, Cause::Answer { error, beginning })
}
