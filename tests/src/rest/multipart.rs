//! `multipart/form-data`, strictly: the parsers that there are forgive too much for a server that is to notice a
//! client's mistakes.

use std::collections::BTreeSet;

use bytes::Bytes;

/// The most parts: `payload_json` and ten files.
const MAX_PARTS: usize = 11;
/// The most bytes of a part's header fields.
const MAX_HEAD: usize = 4 << 10;

/// One part.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Part {
    pub(super) name: String,
    pub(super) filename: Option<String>,
    pub(super) content_type: Option<String>,
    pub(super) data: Bytes,
}

/// The parts of a body (RFC 7578; RFC 2046, section 5.1), or what is wrong with it.
pub(super) fn parse(content_type: &str, body: &Bytes) -> Result<Vec<Part>, &'static str> {
    let boundary = boundary(content_type)?;
    let (first, next) = (format!("--{boundary}"), format!("\r\n--{boundary}"));
    let mut at = first.len();
    if !body.starts_with(first.as_bytes()) {
        return Err("the body does not begin with its boundary");
    }
    let mut parts = Vec::new();
    let mut names = BTreeSet::new();
    loop {
        match body.get(at..at + 2) {
            Some(b"--") => break,
            Some(b"\r\n") => at += 2,
            _ => return Err("a boundary is not followed by a line's end"),
        }
        if parts.len() == MAX_PARTS {
            return Err("there are more than 11 parts");
        }
        let rest = body.get(at..).unwrap_or_default();
        let head_end = find(rest, b"\r\n\r\n").ok_or("a part's head does not end")?;
        if head_end > MAX_HEAD {
            return Err("a part's head is too long");
        }
        let mut part = head(rest.get(..head_end).unwrap_or_default())?;
        let begin = at + head_end + 4;
        let length =
            find(body.get(begin..).unwrap_or_default(), next.as_bytes()).ok_or("a part does not end")?;
        part.data = body.slice(begin..begin + length);
        if !names.insert(part.name.clone()) {
            return Err("two parts have one name");
        }
        parts.push(part);
        at = begin + length + next.len();
    }
    match body.get(at + 2..) {
        Some(b"" | b"\r\n") if !parts.is_empty() => Ok(parts),
        Some(b"" | b"\r\n") => Err("there is no part"),
        _ => Err("something follows the last boundary"),
    }
}

fn boundary(content_type: &str) -> Result<&str, &'static str> {
    let parameters = content_type.split(';').skip(1).filter_map(|parameter| parameter.trim().split_once('='));
    let mut named = parameters.filter(|(name, _)| name.eq_ignore_ascii_case("boundary"));
    let (_, value) = named.next().ok_or("the Content-Type names no boundary")?;
    let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value);
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=?".contains(&byte);
    match value.len() {
        1..=70 if value.bytes().all(is_allowed) => Ok(value),
        _ => Err("the boundary is not as RFC 2046 allows"),
    }
}

fn head(head: &[u8]) -> Result<Part, &'static str> {
    let head = std::str::from_utf8(head).map_err(|_| "a part's head is no UTF-8")?;
    let (mut name, mut filename, mut content_type) = (None, None, None);
    for line in head.split("\r\n") {
        let (field, value) = line.split_once(':').ok_or("a line of a part's head is no field")?;
        let value = value.trim();
        match field.to_ascii_lowercase().as_str() {
            "content-disposition" if name.is_none() => (name, filename) = disposition(value)?,
            "content-type" if content_type.is_none() => content_type = Some(value.to_owned()),
            "content-disposition" | "content-type" => return Err("a field of a part's head stands twice"),
            "content-transfer-encoding" => {
                return Err("Content-Transfer-Encoding is deprecated (RFC 7578, 4.7)");
            }
            _ => {}
        }
    }
    Ok(Part { name: name.ok_or("a part has no name")?, filename, content_type, data: Bytes::new() })
}

/// `name` and `filename`.
fn disposition(value: &str) -> Result<(Option<String>, Option<String>), &'static str> {
    let mut rest = value.strip_prefix("form-data").ok_or("a part is no form-data")?;
    let (mut name, mut filename) = (None, None);
    while !rest.is_empty() {
        let parameter =
            rest.strip_prefix(';').ok_or("a disposition's parameters are not parted by semicolons")?;
        let (key, value) = parameter.trim_start().split_once("=\"").ok_or("a parameter is not quoted")?;
        let mut text = String::new();
        let mut chars = value.char_indices();
        rest = loop {
            match chars.next() {
                None => return Err("a quoted parameter does not end"),
                Some((at, '"')) => break value.get(at + 1..).unwrap_or_default(),
                Some((_, '\\')) => text.push(chars.next().ok_or("a quoted parameter does not end")?.1),
                Some((_, '\r' | '\n')) => return Err("a parameter has a line's end"),
                Some((_, other)) => text.push(other),
            }
        };
        // What browsers write for the three that cannot stand in quotes (WHATWG HTML, multipart form data).
        let text = text.replace("%22", "\"").replace("%0D", "\r").replace("%0A", "\n");
        match key {
            "name" if name.is_none() => name = Some(text),
            "filename" if filename.is_none() => filename = Some(text),
            "filename*" => return Err("filename* is not for forms (RFC 7578, 4.2)"),
            _ => return Err("a disposition has a parameter twice, or one that no form has"),
        }
    }
    Ok((name, filename))
}

/// Where `needle` begins. Boundaries are short, files are long: a plain search of the first byte first.
fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    let first = *needle.first()?;
    let mut from = 0;
    while let Some(at) = hay.get(from..)?.iter().position(|byte| *byte == first) {
        if hay.get(from + at..)?.starts_with(needle) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<Vec<Part>, &'static str> {
        parse("multipart/form-data; boundary=\"x'y\"", &Bytes::copy_from_slice(body.as_bytes()))
    }

    const JSON: &str = "--x'y\r\nContent-Disposition: form-data; name=\"payload_json\"\r\nContent-Type: application/json\r\n\r\n{}";

    #[test]
    fn parts_are_read() {
        let file = "Content-Disposition: form-data; name=\"files[0]\"; filename=\"a\\\"%22;.txt\"\r\n\r\n\r\n--x'\r\n";
        let parts = read(&format!("{JSON}\r\n--x'y\r\n{file}\r\n--x'y--\r\n")).unwrap();
        assert_eq!((&*parts[0].name, &parts[0].data[..]), ("payload_json", &b"{}"[..]));
        assert_eq!(parts[0].content_type.as_deref(), Some("application/json"));
        assert_eq!(parts[1].filename.as_deref(), Some("a\"\";.txt"));
        assert_eq!(&parts[1].data[..], b"\r\n--x'\r\n");
    }

    #[test]
    fn mistakes_are_noticed() {
        let part = |head: &str| format!("--x'y\r\n{head}\r\n\r\nz\r\n--x'y--");
        for wrong in [
            String::new(),
            "--x'y--\r\n".into(),
            JSON.into(),
            format!("{JSON}\r\n--x'y"),
            format!("{JSON}\r\n--x'y--\r\n\r\n"),
            format!("\r\n{JSON}\r\n--x'y--"),
            format!("{JSON}\r\n{JSON}\r\n--x'y--"),
            part("Content-Disposition: form-data"),
            part("Content-Disposition: form-data; name=a"),
            part("Content-Disposition: form-data; name=\"a"),
            part("Content-Disposition: form-data; filename=\"a\""),
            part("Content-Disposition: form-data; name=\"a\"; filename*=\"utf-8''a\""),
            part("Content-Disposition: attachment; name=\"a\""),
            part("Content-Disposition: form-data; name=\"a\"\r\nContent-Disposition: form-data; name=\"b\""),
            part("Content-Type: text/plain"),
            part("nonsense"),
        ] {
            assert!(read(&wrong).is_err(), "{wrong}");
        }
        for wrong in
            ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=a b"]
        {
            assert!(parse(wrong, &Bytes::from_static(b"--a b--")).is_err(), "{wrong}");
        }
    }
}
