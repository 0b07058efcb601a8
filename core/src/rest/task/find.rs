//! Guilds, channels and members by name.

use alloc::borrow::ToOwned;
use alloc::string::String;
use core::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::id::GuildId;
use crate::machine::Response;
use crate::object::{Channel, Guild, Member, UserGuild};
use crate::rest::endpoint::{GetCurrentUserGuilds, GetGuildChannels, SearchGuildMembers};
use crate::rest::failure::{Cause, Error};
use crate::rest::task::lists::Guilds;
use crate::rest::task::pages::Pages;
use crate::rest::task::{Progress, Step, Task};

/// Finds the first of a name, and brings it, or nothing.
///
/// First means: the first of just this name; otherwise the first but for capitals; otherwise, among members, the
/// first whose name begins so. It stops as soon as nothing better can come.
///
/// After a failure it is done, but behind an entry that cannot be read ([`Cause::Entry`]) it goes on. Saved (serialized) at any time and loaded, it goes on.
#[derive(Clone, Deserialize, Serialize)]
#[serde(bound(
    serialize = "T: Serialize, T::Item: Serialize",
    deserialize = "T: DeserializeOwned, T::Item: DeserializeOwned"
))]
pub struct Find<T: Task> {
    list: T,
    name: String,
    /// What was found so far, and how well it fits.
    best: Option<(Fit, T::Item)>,
    /// The worst that will do.
    least: Fit,
    done: bool,
    /// It failed: something better may be among what was not seen.
    #[serde(skip)]
    over: bool,
}

/// How well a name fits, the best last.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
enum Fit {
    Beginning,
    Caseless,
    Exact,
}

/// What has names.
pub trait Named {
    /// Its names, the most telling first.
    fn names(&self) -> impl Iterator<Item = &str>;
}

impl Named for Guild {
    fn names(&self) -> impl Iterator<Item = &str> {
        core::iter::once(&*self.name)
    }
}

impl Named for UserGuild {
    fn names(&self) -> impl Iterator<Item = &str> {
        core::iter::once(&*self.name)
    }
}

impl Named for Channel {
    fn names(&self) -> impl Iterator<Item = &str> {
        self.name.as_deref().into_iter()
    }
}

impl Named for Member {
    fn names(&self) -> impl Iterator<Item = &str> {
        let user = self.user.as_ref();
        let of_user = user.into_iter().flat_map(|user| [Some(&*user.username), user.global_name.as_deref()]);
        core::iter::once(self.nick.as_deref()).chain(of_user).flatten()
    }
}

impl Find<Guilds> {
    /// One of our own guilds.
    #[must_use]
    pub fn guild(name: &str) -> Self {
        Self::new(GetCurrentUserGuilds::new().all(), name, Fit::Caseless)
    }
}

impl Find<Pages<GetGuildChannels>> {
    /// A channel of a guild; a `#` before the name is left out.
    pub fn channel(guild: impl Into<GuildId>, name: &str) -> Self {
        let name = name.strip_prefix('#').unwrap_or(name);
        Self::new(GetGuildChannels::new(guild).all(), name, Fit::Caseless)
    }
}

impl Find<Pages<SearchGuildMembers>> {
    /// A member of a guild, by nickname, user name or global name; an `@` before it is left out. Discord looks for
    /// it at the beginning of nicknames and user names, and of those that fit the first 1,000 are seen.
    pub fn member(guild: impl Into<GuildId>, name: &str) -> Self {
        let name = name.strip_prefix('@').unwrap_or(name);
        let search = SearchGuildMembers::new(guild, name).limit(1000_u32);
        Self::new(search.all(), name, Fit::Beginning)
    }
}

impl<T: Task<Item: Named>> Find<T> {
    fn new(list: T, name: &str, least: Fit) -> Self {
        Self { list, name: name.trim().to_owned(), best: None, least, done: false, over: false }
    }

    fn fit(&self, item: &T::Item) -> Option<Fit> {
        let lower = self.name.to_lowercase();
        let fit = |name: &str| match name {
            _ if name == self.name => Some(Fit::Exact),
            _ if name.to_lowercase() == lower => Some(Fit::Caseless),
            _ if name.to_lowercase().starts_with(&lower) => Some(Fit::Beginning),
            _ => None,
        };
        item.names().filter_map(fit).max().filter(|fit| *fit >= self.least)
    }
}

impl<T: Task<Item: Named>> Task for Find<T> {
    type Item = T::Item;

    fn next(&mut self) -> Step<T::Item> {
        if self.over {
            return Step::Done;
        }
        while !self.done {
            match self.list.next() {
                Step::Item(item) => {
                    let fit = self.fit(&item);
                    if fit > self.best.as_ref().map(|(best, _)| *best) {
                        self.best = fit.map(|fit| (fit, item));
                    }
                    self.done = fit == Some(Fit::Exact);
                }
                Step::Done => self.done = true,
                Step::Call(draft) => return Step::Call(draft),
                Step::Wait(pause) => return Step::Wait(pause),
                Step::Failed(error) => {
                    // Behind an entry that cannot be read others follow.
                    self.over = !matches!(error.cause, Cause::Entry { .. });
                    return Step::Failed(error);
                }
            }
        }
        self.best.take().map_or(Step::Done, |(_, item)| Step::Item(item))
    }

    fn answer(&mut self, answer: Result<Response, Error>) {
        if !self.done {
            self.list.answer(answer);
        }
    }

    fn progress(&self) -> Progress {
        Progress { total: None, ..self.list.progress() }
    }
}

impl<T: Task> fmt::Debug for Find<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Find({:?})", self.name)
    }
}
