//! A message from the gateway, its payload unread.

use core::fmt;

use bytes::Bytes;

use crate::envelope::{DecodeError, Envelope};
use crate::gateway::name::EventName;

/// A message from the gateway.
#[derive(Clone, Eq, PartialEq)]
pub struct Message {
    /// Opcode.
    pub op: u64,
    /// Sequence number, of dispatches only.
    pub seq: Option<u64>,
    /// Which dispatch it is.
    pub name: Option<EventName>,
    /// The payload as it stands in the message, `null` if there was none; a slice of the buffer that the message
    /// came in. See [`Message::read`] for what is known of it.
    pub data: Bytes,
}

impl Message {
    /// Reads the head of a message and leaves the payload unread.
    ///
    /// Discord writes its messages as `{"t":NAME,"s":NUMBER,"op":NUMBER,"d":PAYLOAD}`. In that form, without any
    /// white space before the payload and with a payload between brackets or `null`, only what stands before the
    /// payload is read. The payload is then not known to be JSON, nor UTF-8; whoever parses it finds out. If a
    /// message had keys after `d`, they would be taken for a part of the payload wherever its last byte still fits
    /// its first. Any other form is read whole, as [`Message::validated`] does, and its payload is JSON.
    ///
    /// # Errors
    /// If the message is in another form, and not a JSON object with an `op`.
    pub fn read(message: &Bytes) -> Result<Self, DecodeError> {
        match scan(message) {
            Some(head) => Ok(Self {
                op: head.op,
                seq: head.seq,
                name: head.name.and_then(EventName::from_bytes),
                data: message.slice(head.data..message.len() - 1),
            }),
            None => Self::validated(message),
        }
    }

    /// Reads a whole message: keys in any order, and the payload is known to be JSON.
    ///
    /// # Errors
    /// If the message is not a JSON object with an `op`.
    pub fn validated(message: &Bytes) -> Result<Self, DecodeError> {
        let Envelope { op, seq, name, data } = Envelope::parse(message)?;
        Ok(Self { op, seq, name: name.map(|name| EventName::from(&*name)), data })
    }
}

/// Leaves the payload out: it holds users' words, and some payloads secrets.
impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { op, seq, name, data } = self;
        write!(f, "Message(op {op}, seq {seq:?}, name {name:?}, {} bytes)", data.len())
    }
}

struct Head<'a> {
    op: u64,
    seq: Option<u64>,
    /// ASCII, without escapes.
    name: Option<&'a [u8]>,
    /// Where the payload starts. It ends before the last byte.
    data: usize,
}

/// The head of a message in Discord's own form.
fn scan(message: &[u8]) -> Option<Head<'_>> {
    let rest = message.strip_prefix(br#"{"t":"#)?;
    let (name, rest) = match rest.strip_prefix(b"\"") {
        Some(rest) => {
            let end = rest.iter().position(|&byte| !is_plain(byte))?;
            let (name, rest) = rest.split_at(end);
            (Some(name), rest.strip_prefix(br#"","s":"#)?)
        }
        None => (None, rest.strip_prefix(br#"null,"s":"#)?),
    };
    let (seq, rest) = match rest.strip_prefix(b"null") {
        Some(rest) => (None, rest),
        None => number(rest).map(|(seq, rest)| (Some(seq), rest))?,
    };
    let (op, rest) = number(rest.strip_prefix(br#","op":"#)?)?;
    let data = rest.strip_prefix(br#","d":"#)?;
    let (&last, payload) = data.split_last()?;
    // A single byte is no pair: `"` would match itself.
    let fits = match payload {
        [b'{', .., b'}'] | [b'[', .., b']'] | [b'"', .., b'"'] => true,
        other => other == b"null",
    };
    (fits && last == b'}').then_some(Head { op, seq, name, data: message.len() - data.len() })
}

/// Whether this byte stands for itself in a string, and may be part of a name.
const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// A number in JSON's form, of at most 19 digits: what has more may not fit.
fn number(text: &[u8]) -> Option<(u64, &[u8])> {
    let (mut number, mut digits) = (0, 0);
    while let Some(digit) = text.get(digits).map(|byte| byte.wrapping_sub(b'0')).filter(|&digit| digit < 10) {
        if digits == 19 {
            return None;
        }
        number = number * 10 + u64::from(digit);
        digits += 1;
    }
    let leads_with_zero = digits > 1 && text[0] == b'0';
    (digits > 0 && !leads_with_zero).then(|| (number, &text[digits..]))
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::{String, ToString};
    use alloc::vec;
    use alloc::vec::Vec;

    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    use crate::envelope::tests::json;

    fn read(text: &str) -> (Message, bool) {
        let message = Bytes::from(String::from(text));
        (Message::read(&message).unwrap(), scan(&message).is_some())
    }

    #[test]
    fn discords_own_form_is_only_scanned() {
        let message = Bytes::from(r#"{"t":"MESSAGE_CREATE","s":42,"op":0,"d":{"a":[1]}}"#);
        let read = Message::read(&message).unwrap();
        assert_eq!((read.op, read.seq, read.name), (0, Some(42), Some(EventName::MessageCreate)));
        assert_eq!(read.data, r#"{"a":[1]}"#);
        assert!(message.as_ptr_range().contains(&read.data.as_ptr()));
        // Nobody looked at the payload.
        let unread = Bytes::from_static(b"{\"t\":\"NEW\",\"s\":1,\"op\":0,\"d\":{\xff}}");
        assert_eq!(Message::read(&unread).unwrap().data, &b"{\xff}"[..]);
        assert!(Message::validated(&unread).is_err());
        for (text, data) in [
            (r#"{"t":null,"s":null,"op":11,"d":null}"#, "null"),
            (
                r#"{"t":null,"s":null,"op":10,"d":{"heartbeat_interval":41250}}"#,
                r#"{"heartbeat_interval":41250}"#,
            ),
            (r#"{"t":"X1","s":18446744073709551,"op":0,"d":[]}"#, "[]"),
            (r#"{"t":"X","s":0,"op":0,"d":""}"#, r#""""#),
        ] {
            let message = Bytes::from(text);
            assert!(scan(&message).is_some(), "{text}");
            assert_eq!(Message::read(&message).unwrap().data, data);
        }
    }

    #[test]
    fn any_other_form_is_read_whole() {
        for text in [
            r#"{"op":7}"#,
            r#" {"t":null,"s":null,"op":7,"d":null}"#,
            r#"{"t":null,"s":null,"op":7,"d":null} "#,
            r#"{"s":null,"t":null,"op":7,"d":null}"#,
            r#"{"t":null,"s":null,"op":7,"d":{"a":1},"x":1}"#,
            r#"{"t":null,"s":null,"op":7,"d":{},"x":[]}"#,
            r#"{"t":null,"s":null,"op":7,"d":"","x":{}}"#,
            r#"{"t":null,"s":null,"op":7,"d":null,"x":null}"#,
            r#"{"t":null,"s":null,"op":7,"d":true}"#,
            r#"{"t":null,"s":null,"op":7,"d":1}"#,
            r#"{"t":null,"s":null,"op":7,"d": {}}"#,
            r#"{"t":null,"s":null,"op":7}"#,
        ] {
            let (message, scanned) = read(text);
            assert!(!scanned, "{text}");
            assert_eq!(message.op, 7);
            serde_json::from_slice::<Value>(&message.data).unwrap();
        }
        let (message, scanned) = read(r#"{"t":"READ\u0059","s":18446744073709551615,"op":0,"d":{}}"#);
        assert!(!scanned);
        assert_eq!((message.name, message.seq), (Some(EventName::Ready), Some(u64::MAX)));
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for text in [
            "",
            "{",
            "}",
            r#"{"t":"#,
            r#"{"t":"}"#,
            r#"{"t":null,"s":null,"op":01,"d":null}"#,
            r#"{"t":null,"s":-1,"op":1,"d":null}"#,
            r#"{"t":null,"s":null,"op":99999999999999999999,"d":null}"#,
            r#"{"t":null,"s":null,"op":0,"d":"#,
            r#"{"t":null,"s":null,"op":0,"d":}"#,
            r#"{"t":null,"s":null,"op":0,"d":"}"#,
            r#"{"t":null,"s":null,"op":0,"d":[}}"#,
        ] {
            assert!(Message::read(&Bytes::from(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn debug_leaves_the_payload_out() {
        let (message, _) = read(r#"{"t":"READY","s":1,"op":0,"d":{"session_id":"secret"}}"#);
        assert!(!format!("{message:?}").contains("secret"));
    }

    proptest! {
        #[test]
        fn agrees_with_a_whole_parse(
            op: u64, s in prop::option::of(any::<u64>()), t in prop::option::of("[A-Z_]{0,20}|.{0,20}"), d in json(),
            space in "( |\n)?", order in prop_oneof![Just(vec![0, 1, 2, 3]), Just(vec![0, 1, 2, 3]).prop_shuffle()]
        ) {
            let fields = [
                format!("\"t\":{}", Value::from(t.clone())),
                format!("\"s\":{}", Value::from(s)),
                format!("\"op\":{op}"),
                format!("\"d\":{d}{space}"),
            ];
            let text = order.into_iter().map(|n: usize| &*fields[n]).collect::<Vec<_>>().join(",");
            let message = Bytes::from(format!("{{{text}}}"));
            let read = Message::read(&message).unwrap();
            prop_assert_eq!(&read, &Message::validated(&message).unwrap());
            prop_assert_eq!((read.op, read.seq), (op, s));
            prop_assert_eq!(read.name, t.map(|t| EventName::from(&*t)));
            prop_assert_eq!(core::str::from_utf8(&read.data).unwrap(), d.to_string());
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64), cut in 0..60_usize) {
            let own = &br#"{"t":"MESSAGE_CREATE","s":42,"op":0,"d":{"a":[1]},"b":"c"}"#[..];
            let mixed = [&own[..cut.min(own.len())], &bytes[..]].concat();
            for message in [bytes, mixed, own[..cut.min(own.len())].to_vec()] {
                let message = Bytes::from(message);
                if let Ok(read) = Message::read(&message) {
                    prop_assert!(read.data.len() <= message.len().max(4));
                }
            }
        }
    }
}
