//! Discord's objects: what is read is written back.

use sanscord::object::Typed;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt;

/// The first byte names the dispatch, the payload follows.
pub fn objects(data: &[u8]) {
    let Some((which, data)) = data.split_first() else { return };
    let name = Typed::NAMES.get(usize::from(*which)).copied().unwrap_or("NEW_EVENT");
    let Ok(payload) = Typed::parse(name, data) else { return };
    let shown = format!("{payload:?}");
    assert!(!shown.is_empty());
    let written = match serde_json::to_vec(&payload) {
        Ok(written) => written,
        Err(error) => panic!("{name} cannot be written: {error}"),
    };
    // A reader of values is stricter: it bounds numbers and depth. And of a key that stands there twice it keeps one.
    let Ok(value) = serde_json::from_slice::<Value>(data) else { return };
    if serde_json::from_slice::<Unique>(data).is_ok_and(|unique| unique.0) {
        let Ok(back) = serde_json::from_slice::<Value>(&written) else {
            panic!("{name} is no JSON any more")
        };
        assert_eq!(back, value, "{name}");
    }
    match Typed::parse(name, &written) {
        Ok(again) => assert!(again == payload, "{name} reads back as another"),
        Err(error) => panic!("{name} does not read back: {error}"),
    }
}

/// Whether no key stands twice in one object.
struct Unique(bool);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Keys)
    }
}

struct Keys;

impl<'de> Visitor<'de> for Keys {
    type Value = Unique;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Unique, E> {
        Ok(Unique(true))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Unique, E> {
        Ok(Unique(true))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Unique, E> {
        Ok(Unique(true))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Unique, E> {
        Ok(Unique(true))
    }

    fn visit_str<E>(self, _: &str) -> Result<Unique, E> {
        Ok(Unique(true))
    }

    fn visit_unit<E>(self) -> Result<Unique, E> {
        Ok(Unique(true))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Unique, A::Error> {
        let mut unique = true;
        while let Some(element) = seq.next_element::<Unique>()? {
            unique &= element.0;
        }
        Ok(Unique(unique))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Unique, A::Error> {
        let (mut unique, mut keys) = (true, BTreeSet::new());
        while let Some((key, value)) = map.next_entry::<String, Unique>()? {
            unique &= value.0 & keys.insert(key);
        }
        Ok(Unique(unique))
    }
}
