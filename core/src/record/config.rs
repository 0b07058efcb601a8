//! What a recording makes of what it hears: which files, where, and in which format.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use crate::id::UserId;
use crate::machine::Encoding;

/// The longest extension, in characters.
const MAX_EXTENSION: usize = 16;

/// What a recorder needs to know.
///
/// A folder's name converts to the configuration of a recording into it.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Config {
    /// Where the files go; it is made where missing. The empty name is the current folder.
    pub folder: Box<str>,
    /// How the files' names begin: `<stem>_<user>.<extension>`. By default `recording`.
    pub stem: Box<str>,
    /// The files' format. By default Ogg Opus, the only one that keeps the packets as they were sent.
    pub format: Format,
    /// Whether to write `<stem>.json`, which says what is where in the files: see [`index`](crate::record::index).
    /// By default yes.
    pub index: bool,
    /// Whether to lay all files over each other in the end, in one more file. By default no.
    pub mix: bool,
    /// Where that one goes; by default `<stem>_mixed.<extension>` beside the others. Its extension says its format;
    /// with none, or one that is no extension, it has the format of the others.
    pub mix_path: Option<Box<str>>,
    /// How long an ffmpeg may take nothing in, and how long it may take to end; then it is killed, and its file has
    /// failed. By default 30 s.
    pub encode_timeout: Duration,
    /// Options for an ffmpeg that writes a file, such as `-b:a` and `96k`: they stand before the file's name. They
    /// are the caller's own, and passed on as they are. By default none.
    pub ffmpeg_options: Vec<Box<str>>,
    /// The ffmpeg to run: a path, or a name to be sought where the system seeks programs. By default `ffmpeg`.
    pub ffmpeg: Box<str>,
    /// When the recording starts, in milliseconds of Unix time, for the index. A machine has no calendar; by default
    /// unknown.
    pub started_at: Option<u64>,
}

impl Config {
    /// A recording into this folder: one Ogg Opus file for each speaker, and an index.
    #[must_use]
    pub fn new(folder: impl Into<Box<str>>) -> Self {
        Self {
            folder: folder.into(),
            stem: "recording".into(),
            format: Format::Opus,
            index: true,
            mix: false,
            mix_path: None,
            encode_timeout: Duration::from_secs(30),
            ffmpeg_options: Vec::new(),
            ffmpeg: "ffmpeg".into(),
            started_at: None,
        }
    }

    /// A file of this name in the folder.
    fn place(&self, name: &str) -> Box<str> {
        match self.folder.trim_end_matches('/') {
            "" if self.folder.is_empty() => name.into(),
            folder => format!("{folder}/{name}").into(),
        }
    }

    /// The file of a speaker.
    pub(super) fn track_path(&self, user: UserId) -> Box<str> {
        self.place(&format!("{}_{user}.{}", self.stem, self.format))
    }

    /// A file that could be one of a speaker.
    pub(super) fn sample_path(&self) -> Box<str> {
        self.place(&format!("{}.{}", self.stem, self.format))
    }

    /// The index.
    pub(super) fn index_path(&self) -> Box<str> {
        self.place(&format!("{}.json", self.stem))
    }

    /// The mixed file, and its format.
    pub(super) fn mixed(&self) -> (Box<str>, Format) {
        let default = || self.place(&format!("{}_mixed.{}", self.stem, self.format));
        let path = self.mix_path.clone().unwrap_or_else(default);
        let format = Format::of_path(&path).unwrap_or_else(|_| self.format.clone());
        (path, format)
    }

    /// How a file of this format comes about.
    pub(super) fn encoding(&self, format: &Format) -> Encoding {
        match format {
            Format::Opus => Encoding::Plain,
            Format::Wav => Encoding::Wav,
            Format::Flac => Encoding::Flac,
            Format::Other(_) => Encoding::Ffmpeg {
                program: self.ffmpeg.clone(),
                options: self.ffmpeg_options.clone(),
                timeout: self.encode_timeout,
            },
        }
    }
}

impl From<&str> for Config {
    fn from(folder: &str) -> Self {
        Self::new(folder)
    }
}

impl From<&String> for Config {
    fn from(folder: &String) -> Self {
        Self::new(folder.as_str())
    }
}

impl From<String> for Config {
    fn from(folder: String) -> Self {
        Self::new(folder)
    }
}

/// The format of a recording's files. Shown as the files' extension.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub enum Format {
    /// Ogg Opus (RFC 7845), the packets as they were sent.
    #[default]
    Opus,
    /// WAV, 48 kHz, stereo, 16 bits; RF64 beyond 4 GiB (EBU Tech 3306). Some 690 MB an hour.
    Wav,
    /// FLAC (RFC 9639), 48 kHz, stereo, 16 bits.
    Flac,
    /// Whatever an installed ffmpeg makes of this extension.
    Other(Extension),
}

impl Format {
    /// The format of files with this extension, in upper or lower case: `opus`, `wav`, `flac`, or any other of 1 to
    /// 16 letters and digits of ASCII, for ffmpeg.
    ///
    /// # Errors
    /// If it is none: an extension becomes part of a file's name, and must not lead anywhere else.
    pub fn from_extension(extension: &str) -> Result<Self, FormatError> {
        let is_one = (1..=MAX_EXTENSION).contains(&extension.len())
            && extension.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !is_one {
            return Err(FormatError { extension: extension.chars().take(MAX_EXTENSION + 1).collect() });
        }
        Ok(match extension.to_ascii_lowercase().as_str() {
            "opus" => Self::Opus,
            "wav" => Self::Wav,
            "flac" => Self::Flac,
            other => Self::Other(Extension(other.into())),
        })
    }

    /// The format of a file with this name, by its extension.
    ///
    /// # Errors
    /// If it has none.
    pub fn of_path(path: &str) -> Result<Self, FormatError> {
        let name = path.rsplit(['/', '\\']).next().unwrap_or_default();
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
        Self::from_extension(extension)
    }

    /// The extension of files of this format, without a dot.
    #[must_use]
    pub fn extension(&self) -> &str {
        match self {
            Self::Opus => "opus",
            Self::Wav => "wav",
            Self::Flac => "flac",
            Self::Other(extension) => extension.as_str(),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.extension())
    }
}

/// An extension that [`Format::from_extension`] took: 1 to 16 lower-case letters and digits of ASCII.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Extension(Box<str>);

impl Extension {
    /// The extension, without a dot.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Not the extension of a file.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "{extension:?} is no extension of a file: write 1 to 16 letters or digits without a dot, such as opus, wav, flac or mp3"
)]
pub struct FormatError {
    /// What was given, its first 17 characters.
    pub extension: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    use alloc::string::ToString;

    #[test]
    fn extensions_are_formats() {
        for (extension, format) in [("opus", Format::Opus), ("WAV", Format::Wav), ("Flac", Format::Flac)] {
            assert_eq!(Format::from_extension(extension), Ok(format));
        }
        for extension in ["mp3", "m4a", "ogg", "0123456789abcdef"] {
            let format = Format::from_extension(extension).unwrap();
            assert!(matches!(format, Format::Other(_)));
            assert_eq!(format.to_string(), extension);
        }
        for bad in ["", ".mp3", "m p", "a/b", "..", "0123456789abcdefg", "müsik", "mp3\0", "%s"] {
            let error = Format::from_extension(bad).unwrap_err();
            assert!(error.to_string().contains("such as opus"), "{error}");
        }
        for (path, extension) in [("a.b/c.wav", Some("wav")), ("x.tar.MP3", Some("mp3")), ("a.b/c", None)] {
            assert_eq!(Format::of_path(path).ok().map(|format| format.to_string()).as_deref(), extension);
        }
    }

    #[test]
    fn files_are_named_after_the_stem() {
        for (folder, path) in
            [("", "call_7.mp3"), ("a", "a/call_7.mp3"), ("/a/b//", "/a/b/call_7.mp3"), ("/", "/call_7.mp3")]
        {
            let mut config = Config::new(folder);
            config.stem = "call".into();
            config.format = Format::from_extension("mp3").unwrap();
            assert_eq!(*config.track_path(UserId(7)), *path);
            assert_eq!(*config.index_path(), *path.replace("_7.mp3", ".json"));
            assert_eq!(*config.mixed().0, *path.replace("_7", "_mixed"));
        }
        let mut config = Config::from("here");
        for (path, format) in [("all.flac", Format::Flac), ("all", Format::Opus), ("a.b/all.", Format::Opus)]
        {
            config.mix_path = Some(path.into());
            assert_eq!(config.mixed(), (path.into(), format));
        }
    }

    #[test]
    fn only_ffmpeg_needs_more_than_the_format() {
        let mut config = Config::new("");
        config.ffmpeg_options = ["-b:a".into(), "96k".into()].into();
        assert_eq!(config.encoding(&Format::Opus), Encoding::Plain);
        assert_eq!(config.encoding(&Format::Wav), Encoding::Wav);
        assert_eq!(config.encoding(&Format::Flac), Encoding::Flac);
        let Encoding::Ffmpeg { program, options, timeout } =
            config.encoding(&Format::from_extension("mp3").unwrap())
        else {
            panic!("not ffmpeg")
        };
        assert_eq!((&*program, options, timeout), ("ffmpeg", config.ffmpeg_options, Duration::from_secs(30)));
    }
}
