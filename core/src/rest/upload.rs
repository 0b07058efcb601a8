//! Files that go along with a message, and the multipart body that carries them (RFC 7578).

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use crate::machine::Part;

/// The most bytes of one file (discord-api-docs, Reference, Uploading Files). Guilds with boosts take more: see
/// [`File::limit`].
pub const FILE_LIMIT: u64 = 10 << 20;

/// The most files of one message.
pub const MAX_FILES: usize = 10;

/// A file to be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct File {
    pub(crate) name: Box<str>,
    pub(crate) part: Part,
    pub(crate) description: Option<Box<str>>,
    pub(crate) spoiler: bool,
    /// Seconds, and the waveform in base64.
    pub(crate) voice: Option<(f64, Box<str>)>,
    pub(crate) limit: u64,
}

impl File {
    /// These bytes, under this name.
    pub fn bytes(name: impl Into<Box<str>>, bytes: impl Into<Bytes>) -> Self {
        Self::new(name.into(), Part::Bytes(bytes.into()))
    }

    /// What is in the file at this path when it is sent, under its own name. It is read piece by piece; it may
    /// hold [`FILE_LIMIT`] bytes unless [`limit`](Self::limit) says otherwise. The adapters' `utf8` makes text of a
    /// `std::path::Path`.
    pub fn path(path: impl Into<Box<str>>) -> Self {
        let path = path.into();
        let name = path.rsplit(['/', '\\']).next().unwrap_or_default().into();
        Self::new(name, Part::File { path, limit: FILE_LIMIT })
    }

    fn new(name: Box<str>, part: Part) -> Self {
        Self { name, part, description: None, spoiler: false, voice: None, limit: FILE_LIMIT }
    }

    /// Gives it another name.
    #[must_use]
    pub fn named(mut self, name: impl Into<Box<str>>) -> Self {
        self.name = name.into();
        self
    }

    /// Says what is to be seen, at most 1,024 characters.
    #[must_use]
    pub fn description(mut self, text: impl Into<Box<str>>) -> Self {
        self.description = Some(text.into());
        self
    }

    /// Covers it until it is clicked.
    #[must_use]
    pub const fn spoiler(mut self) -> Self {
        self.spoiler = true;
        self
    }

    /// Makes it a voice message's: how many seconds it lasts, and how loud it is, in at most 256 bytes, about one for
    /// each tenth of a second (discord-api-docs, Message, Message Flags). More bytes than that are cut off.
    #[must_use]
    pub fn voice(mut self, seconds: f64, waveform: &[u8]) -> Self {
        let waveform = waveform.get(..256).unwrap_or(waveform);
        self.voice = Some((seconds, base64(waveform).into()));
        self
    }

    /// Bytes that it may hold at most.
    #[must_use]
    pub fn limit(mut self, limit: u64) -> Self {
        self.limit = limit;
        if let Part::File { limit: part, .. } = &mut self.part {
            *part = limit;
        }
        self
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its entry in `attachments` (discord-api-docs, Message, Attachment Structure).
    pub(crate) fn entry(&self, index: usize) -> Value {
        let mut entry = Map::new();
        entry.insert("id".to_owned(), json!(index));
        entry.insert("filename".to_owned(), json!(self.name));
        if let Some(description) = &self.description {
            entry.insert("description".to_owned(), json!(description));
        }
        if self.spoiler {
            entry.insert("is_spoiler".to_owned(), json!(true));
        }
        if let Some((seconds, waveform)) = &self.voice {
            entry.insert("duration_secs".to_owned(), json!(seconds));
            entry.insert("waveform".to_owned(), json!(waveform));
        }
        Value::Object(entry)
    }
}

/// Which of the new files an entry of `attachments` is about, by the number of its `files[n]`. Ids of files that are
/// there are far greater.
pub(crate) fn new_file(entry: &Value) -> Option<usize> {
    let index = match entry.get("id")? {
        Value::String(id) => id.parse().ok()?,
        id => usize::try_from(id.as_u64()?).ok()?,
    };
    (index < MAX_FILES).then_some(index)
}

/// Lists new files in `attachments`. What is said there of them already holds.
pub(crate) fn list(listed: &mut Vec<Value>, files: &[File]) {
    for (index, file) in files.iter().enumerate() {
        let entry = file.entry(index);
        match listed.iter_mut().find(|entry| new_file(entry) == Some(index)) {
            Some(Value::Object(known)) => {
                for (name, value) in entry.as_object().into_iter().flatten() {
                    known.entry(name.clone()).or_insert_with(|| value.clone());
                }
            }
            _ => listed.push(entry),
        }
    }
}

/// The parts of a multipart body: `payload_json`, then `files[n]` (discord-api-docs, Reference, Uploading Files).
pub(crate) fn multipart(boundary: &str, payload: &[u8], files: &[File]) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut head = format!(
        "--{boundary}\r\ncontent-disposition: form-data; name=\"payload_json\"\r\n\
         content-type: application/json\r\n\r\n"
    )
    .into_bytes();
    head.extend_from_slice(payload);
    for (index, file) in files.iter().enumerate() {
        head.extend_from_slice(
            format!(
                "\r\n--{boundary}\r\ncontent-disposition: form-data; name=\"files[{index}]\"; filename=\"{}\"\r\n\
                 content-type: application/octet-stream\r\n\r\n",
                quoted(&file.name)
            )
            .as_bytes(),
        );
        parts.push(Part::Bytes(core::mem::take(&mut head).into()));
        parts.push(file.part.clone());
    }
    head.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
    parts.push(Part::Bytes(head.into()));
    parts
}

/// The parts of a multipart body without JSON: a field each, then the files under one name.
pub(crate) fn form<'a>(
    boundary: &str,
    fields: impl IntoIterator<Item = (&'a String, &'a Value)>,
    name: &str,
    files: &[File],
) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut head = Vec::new();
    for (field, value) in fields {
        let text = match value {
            Value::String(text) => text.clone(),
            other => format!("{other}"),
        };
        head.extend_from_slice(
            format!(
                "--{boundary}\r\ncontent-disposition: form-data; name=\"{}\"\r\n\r\n{text}\r\n",
                quoted(field)
            )
            .as_bytes(),
        );
    }
    for file in files {
        head.extend_from_slice(
            format!(
                "--{boundary}\r\ncontent-disposition: form-data; name=\"{name}\"; filename=\"{}\"\r\n\
                 content-type: {}\r\n\r\n",
                quoted(&file.name),
                media_type(&file.name)
            )
            .as_bytes(),
        );
        parts.push(Part::Bytes(core::mem::take(&mut head).into()));
        parts.push(file.part.clone());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    parts.push(Part::Bytes(head.into()));
    parts
}

/// The media type of what a form takes, by the file's name: Discord looks at it there.
fn media_type(name: &str) -> &'static str {
    let extension = name.rsplit('.').next().unwrap_or_default();
    let known = [
        ("png", "image/png"),
        ("apng", "image/apng"),
        ("gif", "image/gif"),
        ("json", "application/json"),
        ("csv", "text/csv"),
    ];
    let found = known.iter().find(|(end, _)| end.eq_ignore_ascii_case(extension));
    found.map_or("application/octet-stream", |(_, media)| media)
}

/// Bytes as text, padded (RFC 4648, section 4).
pub(crate) fn base64(bytes: &[u8]) -> String {
    <base64ct::Base64 as base64ct::Encoding>::encode_string(bytes)
}

/// A name as it may stand between quotes: what would end them or the line percent-encoded (HTML, section 4.10.21.8).
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}
