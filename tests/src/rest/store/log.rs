//! The messages of a channel.

use std::collections::{BTreeMap, BTreeSet};

use sanscord::id::UserId;
use serde_json::{Value, json};

use crate::config::Config;
use crate::gateway::{guild, members};
use crate::rest::moment;
use crate::rest::reply::without;
use crate::rest::settings::History;

/// The kinds of authors of made up messages: so many members take turns.
const AUTHORS: u64 = 5;

/// A message that was posted or changed.
#[derive(Debug)]
pub(in crate::rest) struct Message {
    /// The object without its reactions, as text: there may be very many.
    json: Box<str>,
    pub(in crate::rest) reactions: Vec<Reaction>,
    /// Whether only those see it who know its id: answers to interactions for one user's eyes.
    pub(in crate::rest) is_hidden: bool,
}

/// Who reacted with an emoji.
#[derive(Debug)]
pub(in crate::rest) struct Reaction {
    /// The emoji's character, or its name and id with a colon between them.
    pub(in crate::rest) emoji: String,
    pub(in crate::rest) users: BTreeSet<u64>,
}

impl Reaction {
    /// The emoji as an object.
    pub(in crate::rest) fn partial(&self) -> Value {
        partial_emoji(&self.emoji)
    }
}

pub(in crate::rest) fn partial_emoji(emoji: &str) -> Value {
    match emoji.split_once(':') {
        Some((name, id)) => json!({"id": id, "name": name}),
        None => json!({"id": null, "name": emoji}),
    }
}

/// The messages of a channel: those that are made up, until they are changed, and the others, the newest
/// [`messages_kept`](crate::rest::settings::RestConfig::messages_kept).
#[derive(Debug, Default)]
pub(in crate::rest) struct Log {
    history: Option<History>,
    /// When the history ends, in milliseconds since 1970.
    end: u64,
    /// Messages of the history that were changed or deleted, by index.
    taken: BTreeSet<u64>,
    own: BTreeMap<u64, Message>,
}

impl Log {
    pub(in crate::rest) const fn new(history: Option<History>, end: u64) -> Self {
        Self { history, end, taken: BTreeSet::new(), own: BTreeMap::new() }
    }

    fn count(&self) -> u64 {
        self.history.map_or(0, |history| history.count)
    }

    fn spacing(&self) -> u64 {
        self.history
            .map_or(1, |history| u64::try_from(history.spacing.as_millis()).unwrap_or(u64::MAX))
            .max(1)
    }

    /// The id of a made up message.
    fn seeded_id(&self, index: u64) -> u64 {
        moment::snowflake(self.end.saturating_sub((self.count() - index).saturating_mul(self.spacing())))
    }

    /// How many made up messages have lower ids.
    fn seeded_below(&self, id: u64) -> u64 {
        let (mut low, mut high) = (0, self.count());
        while low < high {
            let middle = low.midpoint(high);
            if self.seeded_id(middle) < id { low = middle + 1 } else { high = middle }
        }
        low
    }

    fn index_of(&self, id: u64) -> Option<u64> {
        let index = self.seeded_below(id);
        (index < self.count() && self.seeded_id(index) == id && !self.taken.contains(&index)).then_some(index)
    }

    /// A message as somebody sees it.
    pub(in crate::rest) fn get(
        &self,
        config: &Config,
        channel: u64,
        id: u64,
        viewer: UserId,
    ) -> Option<Value> {
        let Some(message) = self.own.get(&id) else {
            return self.index_of(id).map(|index| seeded(config, channel, id, index));
        };
        let mut value: Value = serde_json::from_str(&message.json).ok()?;
        if !message.reactions.is_empty() {
            let reactions = message.reactions.iter().map(|reaction| {
                let (count, me) = (reaction.users.len(), reaction.users.contains(&viewer.0));
                json!({
                    "emoji": reaction.partial(), "count": count, "me": me, "me_burst": false,
                    "count_details": {"burst": 0, "normal": count}, "burst_colors": [],
                })
            });
            value["reactions"] = reactions.collect();
        }
        Some(value)
    }

    pub(in crate::rest) fn is_hidden(&self, id: u64) -> bool {
        self.own.get(&id).is_some_and(|message| message.is_hidden)
    }

    /// Adds or replaces a message; its reactions stay.
    pub(in crate::rest) fn put(&mut self, config: &Config, id: u64, value: &Value, is_hidden: bool) {
        if let Some(index) = self.index_of(id) {
            self.taken.insert(index);
        }
        let json = match value.get("reactions") {
            Some(_) => without(value, &["reactions"]).to_string(),
            None => value.to_string(),
        };
        let reactions = self.own.remove(&id).map(|old| old.reactions).unwrap_or_default();
        self.own.insert(id, Message { json: json.into(), reactions, is_hidden });
        while self.own.len() > config.rest.messages_kept.max(1) {
            self.own.pop_first();
        }
    }

    /// A message whose reactions may be changed.
    pub(in crate::rest) fn edit(&mut self, config: &Config, channel: u64, id: u64) -> Option<&mut Message> {
        if let Some(index) = self.index_of(id) {
            self.put(config, id, &seeded(config, channel, id, index), false);
        }
        self.own.get_mut(&id)
    }

    /// Whether there was one.
    pub(in crate::rest) fn remove(&mut self, id: u64) -> bool {
        match self.index_of(id) {
            Some(index) => self.taken.insert(index),
            None => self.own.remove(&id).is_some(),
        }
    }

    /// The messages of the history that were deleted, and their ids.
    pub(in crate::rest) fn deleted(
        &self,
        config: &Config,
        channel: u64,
    ) -> impl Iterator<Item = (u64, Value)> {
        let ids = self.taken.iter().map(|index| (*index, self.seeded_id(*index)));
        let gone = ids.filter(|(_, id)| !self.own.contains_key(id));
        gone.map(move |(index, id)| (id, seeded(config, channel, id, index)))
    }

    /// Ids below this one, the highest first.
    pub(in crate::rest) fn below(&self, id: u64) -> impl Iterator<Item = u64> {
        let seeds = (0..self.seeded_below(id)).rev().filter(|index| !self.taken.contains(index));
        let seeds = seeds.map(|index| self.seeded_id(index));
        let own = self.own.range(..id).rev().filter(|(_, message)| !message.is_hidden).map(|(id, _)| *id);
        merge(seeds, own, |a, b| a > b)
    }

    /// Ids above this one, the lowest first.
    pub(in crate::rest) fn above(&self, id: u64) -> impl Iterator<Item = u64> {
        let first = self.seeded_below(id.saturating_add(1));
        let seeds = (first..self.count()).filter(|index| !self.taken.contains(index));
        let seeds = seeds.map(|index| self.seeded_id(index));
        let own = self.own.range(id.saturating_add(1)..);
        let own = own.filter(|(_, message)| !message.is_hidden).map(|(id, _)| *id);
        merge(seeds, own, |a, b| a < b)
    }
}

fn merge(
    left: impl Iterator<Item = u64>,
    right: impl Iterator<Item = u64>,
    is_first: fn(&u64, &u64) -> bool,
) -> impl Iterator<Item = u64> {
    let (mut left, mut right) = (left.peekable(), right.peekable());
    std::iter::from_fn(move || match (left.peek(), right.peek()) {
        (Some(a), Some(b)) if is_first(a, b) => left.next(),
        (_, Some(_)) => right.next(),
        (Some(_), None) => left.next(),
        (None, None) => None,
    })
}

/// A made up message.
fn seeded(config: &Config, channel: u64, id: u64, index: u64) -> Value {
    let member = u32::try_from(index % AUTHORS.min(u64::from(config.members).max(1))).unwrap_or(0);
    let author = if config.members == 0 { guild::author(config) } else { members::member(member) };
    json!({
        "id": id.to_string(), "channel_id": channel.to_string(), "author": author,
        "content": format!("message {index}"), "timestamp": moment::iso(moment::millis_of(id)),
        "edited_timestamp": null, "tts": false, "mention_everyone": false, "mentions": [], "mention_roles": [],
        "attachments": [], "embeds": [], "pinned": false, "type": 0, "flags": 0, "components": [],
    })
}

#[cfg(test)]
mod tests {
    use sanscord::time::Duration;

    use super::*;

    #[test]
    fn a_history_is_paged_in_both_directions() {
        let config = Config::quiet();
        let history = History { count: 10, spacing: Duration::from_secs(60) };
        let mut log = Log::new(Some(history), config.rest.epoch_millis);
        let all: Vec<_> = log.above(0).collect();
        assert_eq!(all.len(), 10);
        assert!(all.is_sorted());
        assert_eq!(log.below(u64::MAX).collect::<Vec<_>>(), all.iter().rev().copied().collect::<Vec<_>>());
        assert_eq!(log.below(all[3]).collect::<Vec<_>>(), [all[2], all[1], all[0]]);
        assert_eq!(log.above(all[7]).collect::<Vec<_>>(), all[8..]);
        assert!(log.remove(all[8]));
        assert!(!log.remove(all[8]));
        assert_eq!(log.get(&config, 1, all[8], config.bot), None);
        assert_eq!(log.deleted(&config, 1).map(|(id, _)| id).collect::<Vec<_>>(), [all[8]]);
        let mut changed = log.get(&config, 1, all[5], config.bot).unwrap();
        changed["content"] = "changed".into();
        log.put(&config, all[5], &changed, false);
        assert_eq!(log.get(&config, 1, all[5], config.bot), Some(changed));
        assert_eq!(log.above(all[4]).collect::<Vec<_>>(), [all[5], all[6], all[7], all[9]]);
    }
}
