//! The envelope around gateway messages.

use std::str;

use bytes::Bytes;
use sanscord::envelope::Envelope;
use serde::de::IgnoredAny;
use serde_json::Value;

/// Any bytes are a message or refused, and what was read is what stood there.
pub fn envelope(data: &[u8]) {
    let message = Bytes::copy_from_slice(data);
    let Ok(envelope) = Envelope::parse(&message) else { return };
    assert!(str::from_utf8(&envelope.data).is_ok(), "a payload that is not UTF-8");
    assert!(serde_json::from_slice::<IgnoredAny>(&envelope.data).is_ok(), "no JSON payload");
    // `null` may also be our own.
    assert!(
        envelope.data == "null" || message.as_ptr_range().contains(&envelope.data.as_ptr()),
        "the payload was copied"
    );
    // A full parse is stricter: it bounds numbers and depth.
    let Ok(Value::Object(whole)) = serde_json::from_slice(data) else { return };
    assert_eq!(whole.get("op").and_then(Value::as_u64), Some(envelope.op));
    assert_eq!(whole.get("t").and_then(Value::as_str), envelope.name.as_deref());
    assert_eq!(whole.get("s").or(whole.get("seq")).and_then(Value::as_u64), envelope.seq);
    let d: Value = serde_json::from_slice(&envelope.data).unwrap_or_default();
    assert_eq!(whole.get("d").unwrap_or(&Value::Null), &d);
}
