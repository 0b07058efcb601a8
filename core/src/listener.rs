//! Listeners: which of the user's functions hears of which event.
//!
//! The registry stands apart from every connection: hand it the dispatches, from whatever adapter, and it calls who
//! asked for them. It may change at any time, while a shard runs too.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;

use serde::de::DeserializeOwned;

use crate::envelope::DecodeError;
use crate::gateway::{Dispatch, EventName, Interest};

/// Names a listener; unique within its registry.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ListenerId(u64);

type Listener<C> = Box<dyn FnMut(&mut C, &Dispatch) -> Result<(), DecodeError> + Send>;

/// A registry of listeners, which all get to see the same context `C`: whatever a bot works with.
///
/// As many listeners as the user adds; of one event, in the order in which they were added.
pub struct Listeners<C> {
    by_name: BTreeMap<EventName, Vec<(ListenerId, Listener<C>)>>,
    all: Vec<(ListenerId, Listener<C>)>,
    minted: u64,
}

impl<C> Default for Listeners<C> {
    fn default() -> Self {
        Self::new()
    }
}

impl<C> Listeners<C> {
    /// A registry without listeners.
    #[must_use]
    pub const fn new() -> Self {
        Self { by_name: BTreeMap::new(), all: Vec::new(), minted: 0 }
    }

    /// Calls `listener` for every dispatch of this name.
    pub fn on(
        &mut self,
        name: impl Into<EventName>,
        mut listener: impl FnMut(&mut C, &Dispatch) + Send + 'static,
    ) -> ListenerId {
        self.add(Some(name.into()), move |context, dispatch| {
            listener(context, dispatch);
            Ok(())
        })
    }

    /// Calls `listener` for every dispatch of this name, with the payload parsed into a `T`: one of
    /// [`object`](crate::object), another library's, or one's own. A payload that is no `T` is
    /// [reported](Self::handle), and the listener not called.
    pub fn on_typed<T: DeserializeOwned>(
        &mut self,
        name: impl Into<EventName>,
        mut listener: impl FnMut(&mut C, T) + Send + 'static,
    ) -> ListenerId {
        self.add(Some(name.into()), move |context, dispatch| {
            listener(context, dispatch.parse()?);
            Ok(())
        })
    }

    /// Calls `listener` for every dispatch, after those that asked for it by name.
    pub fn on_any(&mut self, mut listener: impl FnMut(&mut C, &Dispatch) + Send + 'static) -> ListenerId {
        self.add(None, move |context, dispatch| {
            listener(context, dispatch);
            Ok(())
        })
    }

    /// Takes a listener away. Answers whether it was there.
    pub fn remove(&mut self, id: ListenerId) -> bool {
        let before = self.len();
        self.all.retain(|(listener, _)| *listener != id);
        for listeners in self.by_name.values_mut() {
            listeners.retain(|(listener, _)| *listener != id);
        }
        self.by_name.retain(|_, listeners| !listeners.is_empty());
        self.len() < before
    }

    /// Calls everybody who asked for this dispatch. Answers with the parse errors of those whose type it does not
    /// have; the others have been called all the same.
    pub fn handle(&mut self, context: &mut C, dispatch: &Dispatch) -> Vec<DecodeError> {
        let named = self.by_name.get_mut(&dispatch.name).into_iter().flatten();
        named.chain(&mut self.all).filter_map(|(_, listener)| listener(context, dispatch).err()).collect()
    }

    /// What the listeners ask for, for [`gateway::Config::interest`](crate::gateway::Config::interest).
    #[must_use]
    pub fn interest(&self) -> Interest {
        if self.all.is_empty() { Interest::only(self.by_name.keys().cloned()) } else { Interest::all() }
    }

    /// How many listeners there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len() + self.by_name.values().map(Vec::len).sum::<usize>()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn add(
        &mut self,
        name: Option<EventName>,
        listener: impl FnMut(&mut C, &Dispatch) -> Result<(), DecodeError> + Send + 'static,
    ) -> ListenerId {
        self.minted += 1;
        let id = ListenerId(self.minted);
        let listeners = match name {
            Some(name) => self.by_name.entry(name).or_default(),
            None => &mut self.all,
        };
        listeners.push((id, Box::new(listener)));
        id
    }
}

impl<C> fmt::Debug for Listeners<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.by_name.iter().map(|(name, listeners)| (name.as_str(), listeners.len()));
        f.debug_map().entries(names).entry(&"any", &self.all.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::String;
    use alloc::vec;

    use bytes::Bytes;
    use serde::Deserialize;

    use super::*;

    fn dispatch(name: &str, data: &'static str) -> Dispatch {
        Dispatch {
            name: name.into(),
            seq: 1,
            replayed: false,
            duplicate: false,
            session: 0,
            data: Bytes::from_static(data.as_bytes()),
        }
    }

    #[derive(Deserialize)]
    struct Named {
        name: String,
    }

    #[test]
    fn listeners_hear_what_they_asked_for() {
        let mut listeners: Listeners<Vec<String>> = Listeners::new();
        listeners.on("A", |heard, dispatch| heard.push(format!("first {}", dispatch.name)));
        let second = listeners.on_typed("A", |heard, named: Named| heard.push(named.name));
        listeners.on("B", |heard, _| heard.push("b".into()));
        assert!(listeners.interest().wants(&"B".into()) && !listeners.interest().wants(&"C".into()));
        listeners.on_any(|heard, dispatch| heard.push(format!("any {}", dispatch.name)));
        assert!(listeners.interest().wants(&"C".into()));

        let mut heard = Vec::new();
        assert!(listeners.handle(&mut heard, &dispatch("A", r#"{"name":"x"}"#)).is_empty());
        assert_eq!(heard, ["first A", "x", "any A"]);
        heard.clear();
        let errors = listeners.handle(&mut heard, &dispatch("A", r#"{"name":1}"#));
        assert_eq!((errors.len(), &*heard), (1, &vec!["first A".into(), String::from("any A")][..]));
        assert!(listeners.remove(second) && !listeners.remove(second));
        heard.clear();
        listeners.handle(&mut heard, &dispatch("A", "{}"));
        assert_eq!(heard, ["first A", "any A"]);
        assert_eq!(listeners.len(), 3);
    }
}
