//! What was counted.

use std::collections::BTreeMap;
use std::fmt;

/// What was counted, over one run or many.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Tally {
    /// Dispatches that reached the user.
    pub dispatches: u64,
    /// Messages among them.
    pub messages: u64,
    /// Dispatches among them that were flagged as duplicates.
    pub duplicates: u64,
    /// Messages that were lost with a session, as was announced.
    pub lost: u64,
    named: BTreeMap<&'static str, u64>,
}

impl Tally {
    pub(in crate::simulation) const fn new() -> Self {
        Self { dispatches: 0, messages: 0, duplicates: 0, lost: 0, named: BTreeMap::new() }
    }

    pub(in crate::simulation) fn add(&mut self, name: &'static str, count: u64) {
        *self.named.entry(name).or_default() += count;
    }

    /// How often something of this name happened.
    #[must_use]
    pub fn count(&self, name: &str) -> u64 {
        self.named.get(name).copied().unwrap_or(0)
    }

    /// Adds what another run came to.
    pub fn merge(&mut self, other: &Self) {
        self.dispatches += other.dispatches;
        self.messages += other.messages;
        self.duplicates += other.duplicates;
        self.lost += other.lost;
        for (name, count) in &other.named {
            self.add(name, *count);
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { dispatches, messages, duplicates, lost, named } = self;
        write!(
            f,
            "{dispatches} dispatches ({duplicates} duplicates), {messages} messages, {lost} lost as announced"
        )?;
        named.iter().try_for_each(|(name, count)| write!(f, "; {name} {count}"))
    }
}
