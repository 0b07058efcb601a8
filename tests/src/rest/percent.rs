//! Percent-encoding, strictly: what a client encodes wrongly must show, so a lenient decoder will not do.

/// Decodes a path segment or a header field. `None` if an escape is no escape, if the bytes are no UTF-8, or if there
/// is a character that must be escaped (RFC 3986, section 2).
pub(super) fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => hex(rest.next()?)? << 4 | hex(rest.next()?)?,
            b'!'..=b'~' if !b"\"<>\\^`{|}".contains(&byte) => byte,
            _ => return None,
        });
    }
    String::from_utf8(bytes).ok()
}

/// Decodes a part of a query, in which a plus stands for a space.
pub(super) fn decode_query(text: &str) -> Option<String> {
    decode(&text.replace('+', "%20"))
}

/// Encodes all but unreserved characters.
pub(super) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte))
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_read_strictly() {
        assert_eq!(decode("%F0%9F%94%A5").as_deref(), Some("\u{1F525}"));
        assert_eq!(decode("name:1").as_deref(), Some("name:1"));
        assert_eq!(decode_query("a+b%20c").as_deref(), Some("a b c"));
        for wrong in ["%", "%2", "%zz", "a b", "\u{1F525}", "%FF", "a\"b"] {
            assert_eq!(decode(wrong), None, "{wrong}");
        }
        assert_eq!(decode(&encode("a b/\u{1F525}")).as_deref(), Some("a b/\u{1F525}"));
    }
}
