//! Takes secrets out of text, each time by the same placeholder.
//!
//! The text need not be JSON. What stands in double quotes is read as a JSON string, so that a secret is found
//! however it is escaped; what stands outside is compared as it is.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;
use core::ops::Range;

/// A secret, and what kind it is: that names its placeholder.
#[derive(Clone, Copy, Eq, PartialEq)]
pub enum Secret<'a> {
    /// The bot's token: `<token>`.
    Token(&'a str),
    /// A session's id: `<session 1>` and so on.
    Session(&'a str),
    /// Anything else: `<secret 1>` and so on.
    Other(&'a str),
}

/// Does not show it.
impl core::fmt::Debug for Secret<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Token(_) => "Token(..)",
            Self::Session(_) => "Session(..)",
            Self::Other(_) => "Other(..)",
        })
    }
}

/// Secrets and their placeholders.
///
/// Grows with each new secret that it is shown; whoever owns it bounds their number.
pub(super) struct Redactor {
    /// By the first bytes of the secret: the rest, and the placeholder.
    known: BTreeMap<[u8; PREFIX], Vec<Entry>>,
    /// Secrets that are too plain to be looked for everywhere: only where their key says what they are.
    plain: BTreeMap<Box<[u8]>, Box<str>>,
    /// Which bytes a known secret starts with.
    starts: [bool; 256],
    sessions: u32,
    others: u32,
}

struct Entry {
    secret: Box<[u8]>,
    placeholder: Box<str>,
}

impl Redactor {
    pub(super) const fn new() -> Self {
        Self { known: BTreeMap::new(), plain: BTreeMap::new(), starts: [false; 256], sessions: 0, others: 0 }
    }

    /// How many secrets it knows.
    pub(super) const fn len(&self) -> usize {
        self.sessions as usize + self.others as usize
    }

    pub(super) fn learn(&mut self, secret: Secret<'_>) {
        let (Secret::Token(text) | Secret::Session(text) | Secret::Other(text)) = secret;
        let text = text.as_bytes();
        if text.is_empty() || self.placeholder(text).is_some() {
            return;
        }
        let placeholder: Box<str> = match secret {
            Secret::Token(_) => "<token>".into(),
            Secret::Session(_) => {
                self.sessions += 1;
                format!("<session {}>", self.sessions).into()
            }
            Secret::Other(_) => {
                self.others += 1;
                format!("<secret {}>", self.others).into()
            }
        };
        match text.first_chunk::<PREFIX>().filter(|_| !text.iter().all(u8::is_ascii_digit)) {
            Some(prefix) => {
                self.starts[usize::from(prefix[0])] = true;
                let entries = self.known.entry(*prefix).or_default();
                entries.push(Entry { secret: text.into(), placeholder });
                // The longest first: it is the one that is meant.
                entries.sort_by_key(|entry| usize::MAX - entry.secret.len());
            }
            None => {
                self.plain.insert(text.into(), placeholder);
            }
        }
    }

    /// The text without secrets. Those that it names by a key are learnt first.
    pub(super) fn clean(&mut self, text: &[u8]) -> Vec<u8> {
        pieces(text, |piece| self.learn_from(&piece));
        let mut clean = Vec::with_capacity(text.len());
        pieces(text, |piece| match piece {
            Piece::Outside(text) => clean.extend_from_slice(text),
            Piece::String { raw, key } => {
                clean.push(b'"');
                self.clean_string(raw, key, &mut clean);
                clean.push(b'"');
            }
        });
        // What stands outside of strings, or what only looks like one.
        match self.replace(&clean) {
            Cow::Borrowed(_) => clean,
            Cow::Owned(clean) => clean,
        }
    }

    /// The value of a header field without secrets.
    pub(super) fn clean_header(&mut self, name: &str, value: &str) -> Vec<u8> {
        if name.eq_ignore_ascii_case("authorization") {
            let (scheme, secret) = value.split_at(scheme(value.as_bytes()));
            self.learn(Secret::Other(secret));
            let placeholder = self.placeholder(secret.as_bytes()).unwrap_or_default();
            return [scheme.as_bytes(), placeholder.as_bytes()].concat();
        }
        if name.eq_ignore_ascii_case("cookie") || name.eq_ignore_ascii_case("set-cookie") {
            return b"<cookie>".to_vec();
        }
        self.clean(value.as_bytes())
    }

    /// The text with known secrets replaced where they stand as they are.
    pub(super) fn replace<'a>(&self, text: &'a [u8]) -> Cow<'a, [u8]> {
        let mut clean = Vec::new();
        let mut done = 0;
        self.find(text, |range, placeholder| {
            clean.extend_from_slice(&text[done..range.start]);
            clean.extend_from_slice(placeholder.as_bytes());
            done = range.end;
        });
        if done == 0 {
            return Cow::Borrowed(text);
        }
        clean.extend_from_slice(&text[done..]);
        Cow::Owned(clean)
    }

    fn learn_from(&mut self, piece: &Piece<'_>) {
        let (text, key) = match *piece {
            Piece::Outside(text) => (Cow::Borrowed(text), None),
            Piece::String { raw, key } => (Decoded::new(raw).text, key.map(|key| Decoded::new(key).text)),
        };
        let Ok(text) = str::from_utf8(&text) else { return };
        let member = &text[scheme(text.as_bytes())..];
        if let Some(secret) = key.and_then(|key| secret_member(&key, member)) {
            self.learn(secret);
            return;
        }
        for path in ["/webhooks/", "/interactions/"] {
            for (at, _) in text.match_indices(path) {
                let mut segments = text[at + path.len()..].splitn(2, '/');
                let id = segments.next().unwrap_or_default();
                let rest = segments.next().unwrap_or_default();
                if !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit()) {
                    self.learn(Secret::Other(token(rest)));
                }
            }
        }
        // RFC 3986, section 3.2.1.
        for (at, separator) in text.match_indices("://") {
            let rest = &text[at + separator.len()..];
            let is_end = |c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"' | '<' | '>');
            let authority = &rest[..rest.find(is_end).unwrap_or(rest.len())];
            if let Some((user, _)) = authority.rsplit_once('@') {
                self.learn(Secret::Other(user));
            }
        }
        for (at, name) in text.match_indices("token=") {
            if text[..at].ends_with(['?', '&', '#', '_']) {
                self.learn(Secret::Other(token(&text[at + name.len()..])));
            }
        }
    }

    /// Writes what stands in a string without its secrets; what is none stays as it is escaped.
    fn clean_string(&self, raw: &[u8], key: Option<&[u8]>, clean: &mut Vec<u8>) {
        let decoded = Decoded::new(raw);
        let mut done = 0;
        if key.is_some_and(|key| secret_member(&Decoded::new(key).text, "").is_some()) {
            let start = scheme(&decoded.text);
            if let Some(placeholder) = self.placeholder(&decoded.text[start..]) {
                clean.extend_from_slice(&raw[..decoded.raw(start)]);
                clean.extend_from_slice(placeholder.as_bytes());
                return;
            }
        }
        self.find(&decoded.text, |range, placeholder| {
            clean.extend_from_slice(&raw[done..decoded.raw(range.start)]);
            clean.extend_from_slice(placeholder.as_bytes());
            done = decoded.raw(range.end);
        });
        clean.extend_from_slice(&raw[done..]);
    }

    fn placeholder(&self, secret: &[u8]) -> Option<&str> {
        let entries = secret.first_chunk::<PREFIX>().and_then(|prefix| self.known.get(prefix));
        let entry = entries.and_then(|entries| entries.iter().find(|entry| *entry.secret == *secret));
        entry.map(|entry| &*entry.placeholder).or_else(|| self.plain.get(secret).map(|text| &**text))
    }

    /// Where known secrets stand, from left to right.
    fn find(&self, text: &[u8], mut found: impl FnMut(Range<usize>, &str)) {
        let mut at = 0;
        while let Some(prefix) = text[at..].first_chunk::<PREFIX>() {
            let entries = if self.starts[usize::from(prefix[0])] { self.known.get(prefix) } else { None };
            let here = |entry: &&Entry| text[at..].starts_with(&entry.secret);
            match entries.and_then(|entries| entries.iter().find(here)) {
                Some(entry) => {
                    found(at..at + entry.secret.len(), &entry.placeholder);
                    at += entry.secret.len();
                }
                None => at += 1,
            }
        }
    }
}

/// The secret that a member of this name is.
fn secret_member<'a>(key: &[u8], value: &'a str) -> Option<Secret<'a>> {
    match key {
        b"session_id" => Some(Secret::Session(value)),
        b"token" => Some(Secret::Other(value)),
        _ if key.ends_with(b"_token") => Some(Secret::Other(value)),
        _ => None,
    }
}

/// The token that a part of a URL begins with.
fn token(text: &str) -> &str {
    let is_end = |c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_' | '.' | '~' | '%');
    &text[..text.find(is_end).unwrap_or(text.len())]
}

/// Length of the word before a token that says how it is used.
fn scheme(value: &[u8]) -> usize {
    [&b"Bot "[..], b"Bearer ", b"Basic "]
        .iter()
        .find(|scheme| value.starts_with(scheme))
        .map_or(0, |s| s.len())
}

/// A part of a text.
enum Piece<'a> {
    Outside(&'a [u8]),
    /// What stands between two quotes; and if it is the value of a member, what stands between its key's.
    String {
        raw: &'a [u8],
        key: Option<&'a [u8]>,
    },
}

/// Cuts a text into strings and what stands outside of them. A string without an end is outside.
fn pieces<'a>(text: &'a [u8], mut piece: impl FnMut(Piece<'a>)) {
    let mut rest = text;
    let mut key = None;
    while let Some(start) = rest.iter().position(|&b| b == b'"') {
        let Some(len) = string_len(&rest[start + 1..]) else { break };
        let (outside, raw) = (&rest[..start], &rest[start + 1..][..len]);
        if !outside.is_empty() {
            piece(Piece::Outside(outside));
        }
        let is_value = outside.trim_ascii() == b":";
        piece(Piece::String { raw, key: key.filter(|_| is_value) });
        rest = &rest[start + len + 2..];
        key = (rest.trim_ascii_start().first() == Some(&b':')).then_some(raw);
    }
    if !rest.is_empty() {
        piece(Piece::Outside(rest));
    }
}

/// Length of a string up to its closing quote.
fn string_len(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        match text.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// A string without its escapes.
struct Decoded<'a> {
    text: Cow<'a, [u8]>,
    /// For each byte of the text, and its end, where it stands in the raw string; `None` if just there.
    places: Option<Vec<usize>>,
}

impl<'a> Decoded<'a> {
    fn new(raw: &'a [u8]) -> Self {
        if !raw.contains(&b'\\') {
            return Self { text: Cow::Borrowed(raw), places: None };
        }
        let (mut text, mut places) = (Vec::with_capacity(raw.len()), Vec::with_capacity(raw.len() + 1));
        let mut at = 0;
        while at < raw.len() {
            let mut utf8 = [0; 4];
            let (bytes, len) = match escape(&raw[at..]) {
                Some((c, len)) => (c.encode_utf8(&mut utf8).as_bytes(), len),
                None => (&raw[at..=at], 1),
            };
            text.extend_from_slice(bytes);
            places.resize(text.len(), at);
            at += len;
        }
        places.push(raw.len());
        Self { text: Cow::Owned(text), places: Some(places) }
    }

    fn raw(&self, at: usize) -> usize {
        self.places.as_ref().map_or(at, |places| places[at])
    }
}

/// The character that an escape (RFC 8259, section 7) stands for, and the escape's length.
fn escape(text: &[u8]) -> Option<(char, usize)> {
    let [b'\\', kind, ..] = text else { return None };
    let c = match kind {
        b'"' | b'\\' | b'/' => char::from(*kind),
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => {
            let high = unit(text)?;
            let low = text.get(6..).and_then(unit);
            let pair = char::decode_utf16([high].into_iter().chain(low)).next()?;
            let c = pair.ok()?;
            return Some((c, c.len_utf16() * 6));
        }
        _ => return None,
    };
    Some((c, 2))
}

/// The number in an escape of the form `\u0061`.
fn unit(text: &[u8]) -> Option<u16> {
    let digits = text.strip_prefix(b"\\u")?.first_chunk::<4>()?;
    let digits =
        str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
    u16::from_str_radix(digits, 16).ok()
}

/// Secrets shorter than this, or of digits only, are replaced only where their key says what they are: words and
/// numbers that mean something else would be hit. Discord's are 16 characters and more.
const PREFIX: usize = 8;
