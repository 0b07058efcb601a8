//! The main gateway's messages, read as far as needed.

use bytes::Bytes;
use sanscord::gateway::message::Message;
use serde_json::Value;

/// Any bytes are a message or refused, and what was read is what stood there.
pub fn message(data: &[u8]) {
    let bytes = Bytes::copy_from_slice(data);
    let (read, validated) = (Message::read(&bytes), Message::validated(&bytes));
    if let (Err(_), Ok(validated)) = (&read, &validated) {
        panic!("{validated:?} was refused");
    }
    let Ok(read) = read else { return };
    let shown = format!("{read:?}");
    assert!(shown.len() < 200 + data.len(), "{shown}");
    // `null` may also be our own.
    assert!(
        read.data == "null" || bytes.as_ptr_range().contains(&read.data.as_ptr()),
        "the payload was copied"
    );
    if let Ok(validated) = &validated {
        assert_eq!((read.op, read.seq, &read.name), (validated.op, validated.seq, &validated.name));
        // Keys behind the payload may be taken for a part of it, where they end alike.
        assert!(read.data.starts_with(&validated.data), "another payload");
    }
    let Ok(Value::Object(whole)) = serde_json::from_slice(data) else { return };
    // A key that stands there twice is refused by one reader, and read once by the other.
    if validated.is_err() {
        return;
    }
    assert_eq!(whole.get("op").and_then(Value::as_u64), Some(read.op));
    assert_eq!(whole.get("t").and_then(Value::as_str), read.name.as_ref().map(|name| name.as_str()));
    assert_eq!(whole.get("s").or(whole.get("seq")).and_then(Value::as_u64), read.seq);
    if let Ok(d) = serde_json::from_slice::<Value>(&read.data) {
        assert_eq!(whole.get("d").unwrap_or(&Value::Null), &d);
    }
}
