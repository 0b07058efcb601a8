//! Discord's objects: what is read is written back.

use sanscord::object::Typed;
use serde_json::Value;

/// The first byte names the dispatch, the payload follows.
pub fn objects(data: &[u8]) {
    let Some((which, data)) = data.split_first() else { return };
    let name = Typed::NAMES.get(usize::from(*which)).copied().unwrap_or("NEW_EVENT");
    let Ok(payload) = Typed::parse(name, data) else { return };
    assert!(!format!("{payload:?}").is_empty());
    let written = match serde_json::to_vec(&payload) {
        Ok(written) => written,
        Err(error) => panic!("{name} cannot be written: {error}"),
    };
    match Typed::parse(name, &written) {
        Ok(again) => assert!(again == payload, "{name} reads back as another"),
        Err(error) => panic!("{name} does not read back: {error}"),
    }
    // A reader of values is stricter: it bounds numbers and depth.
    let Ok(value) = serde_json::from_slice(data) else { return };
    let Ok(back) = serde_json::from_slice(&written) else { panic!("{name} is no JSON any more") };
    assert_eq!(plain(back), plain(value), "{name}");
}

/// The same with every number that may be an id in one form: ids are written as strings without leading zeros.
fn plain(value: Value) -> Value {
    match value {
        Value::Number(number) if number.is_u64() => Value::String(number.to_string()),
        Value::String(text) => Value::String(text.parse().map_or(text, |id: u64| id.to_string())),
        Value::Array(values) => values.into_iter().map(plain).collect(),
        Value::Object(fields) => fields.into_iter().map(|(key, value)| (key, plain(value))).collect(),
        other => other,
    }
}
