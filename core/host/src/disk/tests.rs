//! Files on a real disk: what is in them, and what is told.

#[cfg(unix)]
mod ffmpeg;
#[cfg(feature = "opus")]
mod sound;

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};

use sanscord::machine::Scope;

use super::*;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// A folder of its own, gone at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sanscord-disk-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> Box<str> {
        self.0.join(name).to_str().unwrap().into()
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A disk, and what it reports.
struct Desk {
    disk: Disk,
    scope: Scope,
    reports: Receiver<(FileId, FileReport)>,
}

impl Desk {
    fn new() -> Self {
        let (tell, reports) = channel();
        let disk = Disk::new(move |file, report| {
            let _ = tell.send((file, report));
        });
        Self { disk, scope: Scope::new(1), reports }
    }

    fn open(&mut self, path: &str, encoding: &Encoding) -> FileId {
        let file = self.scope.file();
        self.disk.perform(file, Step::Open { path: path.into(), encoding: encoding.clone() });
        file
    }

    fn append(&mut self, file: FileId, data: impl Into<Bytes>) {
        self.disk.perform(file, Step::Append(data.into()));
    }

    fn close(&mut self, file: FileId) -> Result<(), String> {
        self.disk.perform(file, Step::Close);
        self.end(file)
    }

    /// What the next report says, which must be of this file.
    #[track_caller]
    fn end(&self, file: FileId) -> Result<(), String> {
        let (reported, report) = self.reports.recv_timeout(PATIENCE).unwrap();
        assert_eq!(reported, file);
        match report {
            FileReport::Closed => Ok(()),
            FileReport::Failed { reason } => Err(reason.into()),
        }
    }

    fn check(&mut self, path: &str, encoding: &Encoding, mix: bool) -> Result<(), String> {
        let file = self.scope.file();
        self.disk.perform(file, Step::Check { path: path.into(), encoding: encoding.clone(), mix });
        self.end(file)
    }

    fn mix(&mut self, inputs: &[Box<str>], path: &str, encoding: &Encoding) -> Result<(), String> {
        let file = self.scope.file();
        let (inputs, encoding) = (inputs.into(), encoding.clone());
        self.disk.perform(file, Step::Mix { inputs, path: path.into(), encoding });
        self.end(file)
    }
}

#[track_caller]
fn assert_says(end: Result<(), String>, words: &[&str]) {
    let reason = end.unwrap_err();
    for word in words {
        assert!(reason.contains(word), "{word:?} is not in {reason:?}");
    }
}

#[test]
fn a_plain_file_is_what_was_appended() {
    let folder = Folder::new("plain");
    let path = folder.path("deep/down/file");
    let mut desk = Desk::new();
    let file = desk.open(&path, &Encoding::Plain);
    desk.append(file, &b"one "[..]);
    desk.append(file, &b"two"[..]);
    assert_eq!(fs::read(&*path).unwrap(), b"one two", "it is there before it is closed");
    assert_eq!(desk.close(file), Ok(()));
    desk.append(file, &b"late"[..]);
    desk.disk.perform(file, Step::Close);
    let again = desk.open(&path, &Encoding::Plain);
    assert_says(desk.end(again), &[&path, "could not be created", "exists"]);
    assert_eq!(fs::read(&*path).unwrap(), b"one two");
    assert!(desk.reports.try_recv().is_err());
}

#[test]
fn a_plain_file_is_replaced_whole() {
    let folder = Folder::new("replace");
    let path = folder.path("index.json");
    let mut desk = Desk::new();
    let file = desk.open(&path, &Encoding::Plain);
    for text in ["a long text at first", "short", "and another"] {
        desk.disk.perform(file, Step::Replace(Bytes::from_static(text.as_bytes())));
        assert_eq!(fs::read(&*path).unwrap(), text.as_bytes());
        assert_eq!(folder.names(), ["index.json"]);
    }
    desk.append(file, &b" one"[..]);
    assert_eq!(desk.close(file), Ok(()));
    assert_eq!(fs::read(&*path).unwrap(), b"and another one");
    let mine = desk.open(&path, &Encoding::Plain);
    assert_says(desk.end(mine), &["exists"]);
    desk.disk.perform(mine, Step::Replace(Bytes::from_static(b"not mine")));
    assert_eq!(fs::read(&*path).unwrap(), b"and another one", "only its own file is replaced");
}

#[cfg(not(feature = "opus"))]
#[test]
fn without_libopus_the_way_out_is_named() {
    let folder = Folder::new("without");
    let mut desk = Desk::new();
    for (name, encoding) in [("WAV", Encoding::Wav), ("FLAC", Encoding::Flac)] {
        assert_says(desk.check(&folder.path("x"), &encoding, false), &[name, "feature `opus`", ".opus"]);
        let file = desk.open(&folder.path("x"), &encoding);
        assert_says(desk.end(file), &[name, "feature `opus`", ".opus"]);
    }
    assert_eq!(desk.check(&folder.path("x.opus"), &Encoding::Plain, false), Ok(()));
    assert!(folder.names().is_empty());
}

#[test]
fn one_file_is_copied() {
    let folder = Folder::new("copy");
    let (from, to) = (folder.path("a.mp3"), folder.path("mixed.mp3"));
    fs::write(&*from, "sound").unwrap();
    let mut desk = Desk::new();
    assert_eq!(desk.mix(std::slice::from_ref(&from), &to, &Encoding::Plain), Ok(()));
    assert_eq!(fs::read(&*to).unwrap(), b"sound");
    fs::write(&*from, "another").unwrap();
    assert_says(desk.mix(std::slice::from_ref(&from), &to, &Encoding::Plain), &[&to, "exists"]);
    assert_eq!(fs::read(&*to).unwrap(), b"sound");
    assert_eq!(mix(&[&*from], &*folder.path("other.mp3"), &MixOptions::default()), Ok(true));
    assert_eq!(mix(&[] as &[&str], &*folder.path("none.mp3"), &MixOptions::default()), Ok(false));
    let error = mix(&[&*folder.path("missing.mp3")], &*folder.path("none.mp3"), &MixOptions::default());
    assert!(error.unwrap_err().to_string().contains("missing.mp3 could not be read"));
    assert_eq!(folder.names(), ["a.mp3", "mixed.mp3", "other.mp3"]);
}
