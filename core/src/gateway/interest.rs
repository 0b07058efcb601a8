//! Which dispatches the user wants.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::gateway::name::EventName;

const WORDS: usize = EventName::ALL.len().div_ceil(64);

/// A set of dispatches.
///
/// Intents decide what Discord sends; an interest decides what of it reaches the user. It holds as many
/// undocumented names as the user named, and no more than that.
#[derive(Clone, Eq, PartialEq)]
pub struct Interest {
    known: [u64; WORDS],
    /// Whether the undocumented names that are not among `others` are wanted.
    rest: bool,
    /// The undocumented names that are treated the other way; sorted.
    others: Vec<Box<str>>,
}

impl Interest {
    /// Every dispatch, the undocumented ones included.
    #[must_use]
    pub const fn all() -> Self {
        let mut known = [0; WORDS];
        let mut index = 0;
        while index < EventName::ALL.len() {
            known[index / 64] |= 1 << (index % 64);
            index += 1;
        }
        Self { known, rest: true, others: Vec::new() }
    }

    /// No dispatch.
    #[must_use]
    pub const fn none() -> Self {
        Self { known: [0; WORDS], rest: false, others: Vec::new() }
    }

    /// These dispatches.
    #[must_use]
    pub fn only<N: Into<EventName>>(names: impl IntoIterator<Item = N>) -> Self {
        let mut interest = Self::none();
        names.into_iter().for_each(|name| interest.set(name.into(), true));
        interest
    }

    /// Every dispatch but these.
    #[must_use]
    pub fn except<N: Into<EventName>>(names: impl IntoIterator<Item = N>) -> Self {
        let mut interest = Self::all();
        names.into_iter().for_each(|name| interest.set(name.into(), false));
        interest
    }

    /// Whether this dispatch is wanted.
    #[must_use]
    pub fn wants(&self, name: &EventName) -> bool {
        match name.index() {
            Some(index) => self.known[index / 64] & 1 << (index % 64) != 0,
            None => self.rest != self.others.binary_search_by(|other| (**other).cmp(name.as_str())).is_ok(),
        }
    }

    /// Adds a dispatch.
    pub fn add(&mut self, name: impl Into<EventName>) {
        self.set(name.into(), true);
    }

    /// What either of the two wants.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let mut union = self.clone();
        for (word, other) in union.known.iter_mut().zip(other.known) {
            *word |= other;
        }
        union.rest = self.rest || other.rest;
        // A name that neither lists is treated as `rest` says; each that one of them lists is asked for.
        union.others = self
            .others
            .iter()
            .chain(&other.others)
            .filter(|name| {
                let name = EventName::Unknown((*name).clone());
                (self.wants(&name) || other.wants(&name)) != union.rest
            })
            .cloned()
            .collect();
        union.others.sort_unstable();
        union.others.dedup();
        union
    }

    fn set(&mut self, name: EventName, wanted: bool) {
        if let Some(index) = name.index() {
            let bit = 1 << (index % 64);
            if wanted {
                self.known[index / 64] |= bit;
            } else {
                self.known[index / 64] &= !bit;
            }
            return;
        }
        let place = self.others.binary_search_by(|other| (**other).cmp(name.as_str()));
        match place {
            Ok(at) if wanted == self.rest => {
                self.others.remove(at);
            }
            Err(at) if wanted != self.rest => self.others.insert(at, name.as_str().into()),
            Ok(_) | Err(_) => {}
        }
    }

    /// The names that are listed: the wanted ones, or the unwanted ones where all others are wanted.
    fn listed(&self) -> impl Iterator<Item = &str> {
        EventName::ALL
            .iter()
            .filter(|name| self.wants(name) != self.rest)
            .map(EventName::as_str)
            .chain(self.others.iter().map(|name| &**name))
    }
}

/// Every dispatch.
impl Default for Interest {
    fn default() -> Self {
        Self::all()
    }
}

impl fmt::Debug for Interest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.rest { "except " } else { "only " })?;
        f.debug_list().entries(self.listed()).finish()
    }
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Saved<N> {
    Only(N),
    Except(N),
}

/// `{"only": [names]}` or `{"except": [names]}`.
impl Serialize for Interest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let names: Vec<&str> = self.listed().collect();
        let saved = if self.rest { Saved::Except(names) } else { Saved::Only(names) };
        saved.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Interest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let saved: Saved<Vec<EventName>> = Saved::deserialize(deserializer)?;
        Ok(match saved {
            Saved::Only(names) => Self::only(names),
            Saved::Except(names) => Self::except(names),
        })
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::String;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn wants_what_was_named() {
        let (all, none) = (Interest::default(), Interest::none());
        let some = Interest::only(["READY", "NEW_THING", "READY"]);
        let most = Interest::except([EventName::Ready, EventName::from("NEW_THING")]);
        for name in EventName::ALL.iter().cloned().chain(["NEW_THING".into(), "OTHER".into(), "".into()]) {
            let named = name == "READY" || name == "NEW_THING";
            assert_eq!(
                [&all, &none, &some, &most].map(|interest| interest.wants(&name)),
                [true, false, named, !named],
                "{name}"
            );
        }
        assert_eq!(format!("{some:?}"), r#"only ["READY", "NEW_THING"]"#);
        assert_eq!(serde_json::to_string(&all).unwrap(), r#"{"except":[]}"#);
    }

    fn name() -> impl Strategy<Value = String> {
        let known = (0..EventName::ALL.len()).prop_map(|index| EventName::ALL[index].as_str().into());
        prop_oneof![known, "[A-C]{0,2}"]
    }

    fn interest() -> impl Strategy<Value = Interest> {
        let names = || prop::collection::vec(name(), 0..12);
        (any::<bool>(), names(), names()).prop_map(|(rest, named, added)| {
            let named = named.iter().map(String::as_str);
            let mut interest = if rest { Interest::except(named) } else { Interest::only(named) };
            added.iter().for_each(|name| interest.add(name.as_str()));
            interest
        })
    }

    proptest! {
        #[test]
        fn a_union_wants_what_either_wants(a in interest(), b in interest(), names in prop::collection::vec(name(), 32)) {
            let union = a.union(&b);
            for name in names.iter().map(|name| EventName::from(&**name)) {
                prop_assert_eq!(union.wants(&name), a.wants(&name) || b.wants(&name), "{}", name);
            }
            prop_assert_eq!(b.union(&a), union);
            prop_assert_eq!(a.union(&a), a);
        }

        #[test]
        fn what_is_added_is_wanted(mut interest in interest(), name in name()) {
            interest.add(&*name);
            prop_assert!(interest.wants(&EventName::from(&*name)));
        }

        #[test]
        fn survives_being_saved(interest in interest()) {
            let json = serde_json::to_string(&interest).unwrap();
            prop_assert_eq!(serde_json::from_str::<Interest>(&json).unwrap(), interest);
        }
    }
}
