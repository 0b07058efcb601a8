//! Files on messages: what they are, and under which name they can be stored.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use core::fmt;

use crate::id::AttachmentId;

use super::open::AttachmentFlags;
use super::plain::is_invisible;
use super::table::{Preview, objects};

objects! {
    /// A file on a message (discord-api-docs, Message, Attachment Object).
    Attachment {
        /// Which file.
        id: must AttachmentId;
        /// Its name.
        filename: or String;
        /// Its title.
        title: may String;
        /// What is to be seen, at most 1024 characters.
        description: may String;
        /// Its media type, if Discord knows it.
        content_type: may String;
        /// Bytes.
        size: or u64;
        /// Where it is, for some 24 hours.
        url: or String;
        /// The same through Discord's image proxy.
        proxy_url: or String;
        /// Pixels, of an image or video.
        height: may u64;
        /// Pixels, of an image or video.
        width: may u64;
        /// Whether it goes after some time.
        ephemeral: or bool;
        /// The flags.
        flags: may AttachmentFlags;
        [application clip_created_at clip_participants content_scan_version duration_secs placeholder
            placeholder_version waveform]
    }
}

impl Attachment {
    /// Its media type: what Discord says, otherwise what its name says, otherwise `application/octet-stream`.
    #[must_use]
    pub fn content_type_or_guess(&self) -> &str {
        let said = self.content_type.as_deref().filter(|kind| !kind.is_empty());
        said.or_else(|| content_type(&self.filename)).unwrap_or("application/octet-stream")
    }

    /// Whether it is an image, as far as [`content_type_or_guess`](Self::content_type_or_guess) tells.
    #[must_use]
    pub fn is_image(&self) -> bool {
        self.content_type_or_guess().starts_with("image/")
    }

    /// Its name, made so that it names a file right in the folder that it is joined to, on any operating system:
    /// see [`safe_file_name`].
    #[must_use]
    pub fn safe_file_name(&self) -> String {
        safe_file_name(&self.filename)
    }

    /// As [`safe_file_name`](Self::safe_file_name), behind the id: no two attachments have the same.
    #[must_use]
    pub fn unique_file_name(&self) -> String {
        safe_file_name(&format!("{}-{}", self.id, self.filename))
    }
}

/// The most bytes that a safe file name has. File systems allow 255, some that encrypt 143.
pub const MAX_FILE_NAME: usize = 140;

/// The most bytes of an ending, its dot included, that is kept where a name is cut.
const MAX_ENDING: usize = 16;

/// A name that names a file right in the folder that it is joined to, on any operating system: 1 to
/// [`MAX_FILE_NAME`] bytes, without separators, characters that Windows refuses, control characters and those that
/// turn the direction of text; without dots and spaces at its beginning and end; not one of Windows' devices. What is
/// refused becomes `_`; a name of which nothing is left, `file`.
#[must_use]
pub fn safe_file_name(name: &str) -> String {
    let plain: String = name.chars().map(|c| if is_refused(c) { '_' } else { c }).collect();
    let mut safe = cut(trim(&plain)).into_owned();
    if is_device(&safe) {
        safe.insert(0, '_');
    }
    if safe.is_empty() { "file".into() } else { safe }
}

/// Characters that separate folders, mean something to Windows, or hide what a name is.
fn is_refused(c: char) -> bool {
    c.is_control() || is_invisible(c) || matches!(c, '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|')
}

/// Dots at the beginning hide a file, and Windows drops dots and spaces at the end.
fn trim(name: &str) -> &str {
    name.trim_matches(|c: char| c == '.' || c.is_whitespace())
}

/// Cuts a name that is too long, but for its ending.
fn cut(name: &str) -> Cow<'_, str> {
    // A device's name grows by one.
    if name.len() < MAX_FILE_NAME {
        return Cow::Borrowed(name);
    }
    let dot = name.rfind('.').filter(|dot| *dot > 0 && name.len() - dot <= MAX_ENDING);
    let (stem, ending) = dot.and_then(|dot| name.split_at_checked(dot)).unwrap_or((name, ""));
    let end = stem.floor_char_boundary(MAX_FILE_NAME - 1 - ending.len());
    Cow::Owned(format!("{}{ending}", trim(stem.get(..end).unwrap_or_default())))
}

/// Whether Windows takes it for a device: by what stands before the first dot, whatever follows (Microsoft, Naming
/// Files, Paths, and Namespaces).
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end();
    let is = |device: &&str| stem.eq_ignore_ascii_case(device);
    let port = || {
        let (start, number) = stem.split_at_checked(3)?;
        let port = start.eq_ignore_ascii_case("com") || start.eq_ignore_ascii_case("lpt");
        let mut number = number.chars();
        let digit = number.next().is_some_and(|c| c.is_ascii_digit() || matches!(c, '¹' | '²' | '³'));
        (port && digit && number.next().is_none()).then_some(())
    };
    ["con", "prn", "aux", "nul", "conin$", "conout$"].iter().any(is) || port().is_some()
}

/// The media type of a file of this name, by its ending (IANA, Media Types). `None` for an ending that is not in the
/// table of what is often sent.
#[must_use]
pub fn content_type(name: &str) -> Option<&'static str> {
    let (_, ending) = name.trim_end().rsplit_once('.')?;
    let known = CONTENT_TYPES
        .iter()
        .find(|(_, endings)| endings.split(' ').any(|known| known.eq_ignore_ascii_case(ending)));
    known.map(|(kind, _)| *kind)
}

const CONTENT_TYPES: [(&str, &str); 42] = [
    ("image/png", "png"),
    ("image/jpeg", "jpg jpeg jpe jfif"),
    ("image/gif", "gif"),
    ("image/webp", "webp"),
    ("image/avif", "avif"),
    ("image/apng", "apng"),
    ("image/svg+xml", "svg"),
    ("image/bmp", "bmp"),
    ("image/tiff", "tif tiff"),
    ("image/heic", "heic heif"),
    ("image/vnd.microsoft.icon", "ico"),
    ("video/mp4", "mp4 m4v"),
    ("video/webm", "webm"),
    ("video/quicktime", "mov"),
    ("video/x-matroska", "mkv"),
    ("video/x-msvideo", "avi"),
    ("audio/mpeg", "mp3"),
    ("audio/ogg", "ogg oga opus"),
    ("audio/wav", "wav"),
    ("audio/flac", "flac"),
    ("audio/mp4", "m4a"),
    ("audio/aac", "aac"),
    ("text/plain", "txt log text ini conf"),
    ("text/markdown", "md markdown"),
    ("text/html", "html htm"),
    ("text/css", "css"),
    ("text/csv", "csv"),
    ("text/javascript", "js mjs"),
    ("text/x-python", "py"),
    ("text/rust", "rs"),
    ("application/json", "json"),
    ("application/jsonl", "jsonl ndjson"),
    ("application/xml", "xml"),
    ("application/yaml", "yaml yml"),
    ("application/pdf", "pdf"),
    ("application/zip", "zip"),
    ("application/gzip", "gz tgz"),
    ("application/x-7z-compressed", "7z"),
    ("application/x-tar", "tar"),
    ("application/zstd", "zst"),
    ("application/wasm", "wasm"),
    ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx"),
];

impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Attachment({} {:?}", self.id, Preview(&self.filename))?;
        if let Some(kind) = &self.content_type {
            write!(f, ", {:?}", Preview(kind))?;
        }
        write!(f, ", {} bytes)", self.size)
    }
}
