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
    pub(crate) limit: u64,
}

impl File {
    /// These bytes, under this name.
    pub fn bytes(name: impl Into<Box<str>>, bytes: impl Into<Bytes>) -> Self {
        Self::new(name.into(), Part::Bytes(bytes.into()))
    }

    /// What is in the file at this path when it is sent, under its own name. It is read piece by piece; it may
    /// hold [`FILE_LIMIT`] bytes unless [`limit`](Self::limit) says otherwise.
    pub fn path(path: impl Into<Box<str>>) -> Self {
        let path = path.into();
        let name = path.rsplit(['/', '\\']).next().unwrap_or_default().into();
        Self::new(name, Part::File { path, limit: FILE_LIMIT })
    }

    fn new(name: Box<str>, part: Part) -> Self {
        Self { name, part, description: None, spoiler: false, limit: FILE_LIMIT }
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
        Value::Object(entry)
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

/// A name as it may stand between quotes: what would end them or the line percent-encoded (HTML, section 4.10.21.8).
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}
