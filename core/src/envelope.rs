//! The envelope that both gateways put around their JSON messages.

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use core::fmt;
use core::str;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::error::Category;
use serde_json::value::RawValue;

/// A JSON message of a gateway, its payload still unread.
#[derive(Clone, Eq, PartialEq)]
pub struct Envelope {
    /// Opcode.
    pub op: u64,
    /// Sequence number: `s` on the main gateway, `seq` on the voice gateway.
    pub seq: Option<u64>,
    /// Event name, for dispatches.
    pub name: Option<String>,
    /// The payload as it stands in the message, `null` if there was none: valid JSON, and a slice of the
    /// buffer that the message came in.
    pub data: Bytes,
}

/// Leaves the payload out: some hold secrets.
impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { op, seq, name, data } = self;
        write!(f, "Envelope(op {op}, seq {seq:?}, name {name:?}, {} bytes)", data.len())
    }
}

/// A payload that nobody here understood, as it came. `Debug` shows its length only: it may hold secrets.
#[derive(Clone, Eq, PartialEq)]
pub struct Payload(pub Bytes);

impl AsRef<[u8]> for Payload {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

/// A message or payload is not what the protocol says. It tells where, and nothing of what stood there.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("malformed {what} at line {line}, column {column}: {why}")]
pub struct DecodeError {
    what: &'static str,
    line: usize,
    column: usize,
    why: Cow<'static, str>,
}

impl DecodeError {
    pub(crate) fn new(what: &'static str, error: &serde_json::Error) -> Self {
        Self { what, line: error.line(), column: error.column(), why: why(error) }
    }
}

/// What is wrong, as far as it can be told without quoting the payload, which may hold secrets.
fn why(error: &serde_json::Error) -> Cow<'static, str> {
    match error.classify() {
        Category::Eof => "it ends too early".into(),
        Category::Syntax => "it is no JSON".into(),
        Category::Io => "it cannot be read".into(),
        Category::Data => {
            let text = error.to_string();
            // The names of fields are the type's own.
            if text.starts_with("missing field") || text.starts_with("duplicate field") {
                Cow::Owned(text.split(" at line").next().unwrap_or_default().into())
            } else {
                "a value is not of the expected type".into()
            }
        }
    }
}

#[derive(Deserialize)]
struct Wire<'a> {
    op: u64,
    #[serde(default)]
    s: Option<u64>,
    #[serde(default)]
    seq: Option<u64>,
    #[serde(borrow, default)]
    t: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    d: Option<&'a RawValue>,
}

impl Envelope {
    /// Reads a text message.
    ///
    /// # Errors
    /// If it is not a JSON object with an `op`.
    pub fn parse(message: &Bytes) -> Result<Self, DecodeError> {
        let wire: Wire<'_> =
            serde_json::from_slice(message).map_err(|error| DecodeError::new("message", &error))?;
        Ok(Self {
            op: wire.op,
            seq: wire.s.or(wire.seq),
            name: wire.t.map(Cow::into_owned),
            data: wire.d.map_or(Bytes::from_static(b"null"), |d| message.slice_ref(d.get().as_bytes())),
        })
    }

    /// Parses the payload, into a type that may borrow from it.
    ///
    /// # Errors
    /// If it is not a `T`.
    pub fn parse_data<'a, T: Deserialize<'a>>(&'a self, what: &'static str) -> Result<T, DecodeError> {
        parse(&self.data, what)
    }
}

/// Parses a payload into the type that the caller names, which may borrow from it.
pub(crate) fn parse<'a, T: Deserialize<'a>>(data: &'a [u8], what: &'static str) -> Result<T, DecodeError> {
    let parsed = match str::from_utf8(data) {
        // One check of the whole is cheaper than one of each string.
        Ok(text) => serde_json::from_str(text),
        Err(_) => serde_json::from_slice(data),
    };
    parsed.map_err(|error| DecodeError::new(what, &error))
}

/// Writes a message.
pub(crate) fn encode(op: u64, d: &impl Serialize) -> Bytes {
    #[derive(Serialize)]
    struct Message<'a, D> {
        op: u64,
        d: &'a D,
    }
    // Fails only for maps whose keys are not strings, which no payload of ours has.
    serde_json::to_vec(&Message { op, d }).unwrap_or_default().into()
}

#[cfg(test)]
pub(crate) mod tests {
    use alloc::format;
    use alloc::string::ToString;
    use alloc::vec;
    use alloc::vec::Vec;

    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn reads_any_order_of_keys_and_slices_the_buffer() {
        for text in [
            r#"{"t":"READY","s":1,"op":0,"d":{"v":10}}"#,
            r#"{"d":{"v":10},"op":0,"s":1,"t":"READY","new":[1]}"#,
        ] {
            let message = Bytes::from(text);
            let envelope = Envelope::parse(&message).unwrap();
            assert_eq!((envelope.op, envelope.seq, envelope.name.as_deref()), (0, Some(1), Some("READY")));
            assert_eq!(envelope.data, r#"{"v":10}"#);
            assert!(message.as_ptr_range().contains(&envelope.data.as_ptr()));
        }
        let bare = Envelope::parse(&Bytes::from(r#"{"op":11}"#)).unwrap();
        assert_eq!((bare.op, bare.seq, bare.name, bare.data), (11, None, None, Bytes::from("null")));
        let voice = Envelope::parse(&Bytes::from(r#"{"op":5,"d":1,"seq":0}"#)).unwrap();
        assert_eq!(voice.seq, Some(0));
        let both = Envelope::parse(&Bytes::from(r#"{"seq":9,"op":0,"s":3}"#)).unwrap();
        assert_eq!(both.seq, Some(3));
    }

    #[test]
    fn refuses_what_is_no_message() {
        for text in ["", "{", "[]", "1", "{}", r#"{"op":-1}"#, r#"{"op":"0"}"#, "\u{0}"] {
            assert!(Envelope::parse(&Bytes::from(text)).is_err(), "{text}");
        }
        assert!(Envelope::parse(&Bytes::from_static(b"{\"op\":0,\"t\":\"\xff\"}")).is_err());
    }

    /// Any JSON.
    pub(crate) fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(".{0,6}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn agrees_with_a_whole_parse(
            op: u64, s in prop::option::of(any::<u64>()), t in prop::option::of(".{0,20}"), d in json(),
            other in json(), order in Just(vec![0, 1, 2, 3, 4]).prop_shuffle()
        ) {
            let fields = [
                format!("\"op\":{op}"),
                format!("\"s\": {}", Value::from(s)),
                format!("\"t\":{} ", Value::from(t.clone())),
                format!("\"d\" :{d}"),
                format!("\"unknown\":{other}"),
            ];
            let text = order.into_iter().map(|n: usize| &*fields[n]).collect::<Vec<_>>().join(",");
            let envelope = Envelope::parse(&Bytes::from(format!("{{{text}}}"))).unwrap();
            prop_assert_eq!((envelope.op, envelope.seq, envelope.name), (op, s, t));
            prop_assert_eq!(core::str::from_utf8(&envelope.data).unwrap(), d.to_string());
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64), text in ".{0,64}") {
            for message in [bytes, text.into_bytes()] {
                if let Ok(envelope) = Envelope::parse(&Bytes::from(message)) {
                    prop_assert!(serde_json::from_slice::<Value>(&envelope.data).is_ok());
                }
            }
        }
    }
}
