//! A file system in memory, with the faults of a real one.

use std::collections::BTreeMap;

use bytes::Bytes;
use sanscord::machine::{FileId, FileReport};

/// A file as the disk holds it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct StoredFile {
    /// What was written.
    pub bytes: Vec<u8>,
    /// Whether it was brought safely to the disk and closed.
    pub closed: bool,
}

/// The disk that all clients of a world share.
#[derive(Debug, Default)]
pub struct Disk {
    files: BTreeMap<String, StoredFile>,
    /// Whom each open file belongs to, and its path.
    open: BTreeMap<(usize, FileId), String>,
    used: u64,
    capacity: Option<u64>,
    unwritable: bool,
}

impl Disk {
    /// The file at this path.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&StoredFile> {
        self.files.get(path)
    }

    /// All files by path.
    pub fn files(&self) -> impl ExactSizeIterator<Item = (&str, &StoredFile)> {
        self.files.iter().map(|(path, file)| (path.as_str(), file))
    }

    /// Puts a file there, as if it had been there before.
    pub fn insert(&mut self, path: &str, bytes: Vec<u8>) {
        self.used += bytes.len() as u64;
        self.files.insert(path.into(), StoredFile { bytes, closed: true });
    }

    /// Removes a file.
    pub fn remove(&mut self, path: &str) -> Option<StoredFile> {
        let file = self.files.remove(path)?;
        self.open.retain(|_, open| open != path);
        self.used = self.used.saturating_sub(file.bytes.len() as u64);
        Some(file)
    }

    /// Lets the disk hold no more than this many bytes over all files; `None` is no limit.
    pub fn set_capacity(&mut self, bytes: Option<u64>) {
        self.capacity = bytes;
    }

    /// Makes every creation and every write fail, or lets them succeed again.
    pub fn set_unwritable(&mut self, on: bool) {
        self.unwritable = on;
    }

    /// Bytes held by all files.
    #[must_use]
    pub const fn used(&self) -> u64 {
        self.used
    }

    pub(super) fn open(&mut self, client: usize, file: FileId, path: &str) -> Option<FileReport> {
        if self.unwritable {
            return failed("read-only file system");
        }
        if self.files.contains_key(path) {
            return failed("the file exists");
        }
        self.files.insert(path.into(), StoredFile::default());
        self.open.insert((client, file), path.into());
        None
    }

    pub(super) fn append(&mut self, client: usize, file: FileId, data: &Bytes) -> Option<FileReport> {
        // A file that has failed takes nothing more: its failure is on its way to the client.
        let path = self.open.get(&(client, file))?;
        let stored = self.files.get_mut(path)?;
        let room = match self.capacity {
            Some(_) if self.unwritable => 0,
            Some(capacity) => usize::try_from(capacity.saturating_sub(self.used)).unwrap_or(usize::MAX),
            None if self.unwritable => 0,
            None => usize::MAX,
        };
        // A disk that fills up takes the first part of a write.
        let written = &data[..data.len().min(room)];
        stored.bytes.extend_from_slice(written);
        self.used += written.len() as u64;
        if written.len() == data.len() {
            return None;
        }
        self.open.remove(&(client, file));
        failed(if self.unwritable { "read-only file system" } else { "no space left on device" })
    }

    /// A file is replaced whole, or not at all.
    pub(super) fn replace(&mut self, client: usize, file: FileId, data: &Bytes) -> Option<FileReport> {
        let path = self.open.get(&(client, file))?;
        let stored = self.files.get_mut(path)?;
        let used = self.used - stored.bytes.len() as u64 + data.len() as u64;
        if !self.unwritable && self.capacity.is_none_or(|capacity| used <= capacity) {
            stored.bytes = data.to_vec();
            self.used = used;
            return None;
        }
        self.open.remove(&(client, file));
        failed(if self.unwritable { "read-only file system" } else { "no space left on device" })
    }

    /// Puts a whole file there, unless there is one.
    pub(super) fn save(&mut self, path: &str, bytes: Vec<u8>) -> Result<(), &'static str> {
        let used = self.used + bytes.len() as u64;
        if self.unwritable {
            return Err("read-only file system");
        }
        if self.files.contains_key(path) {
            return Err("the file exists");
        }
        if self.capacity.is_some_and(|capacity| used > capacity) {
            return Err("no space left on device");
        }
        self.used = used;
        self.files.insert(path.into(), StoredFile { bytes, closed: true });
        Ok(())
    }

    /// Mixes nothing, but puts the files behind each other, which makes a chained Ogg stream (RFC 3533, section 4).
    pub(super) fn mix(&mut self, inputs: &[Box<str>], path: &str) -> FileReport {
        let refused = |reason: &str| FileReport::Failed { reason: reason.into() };
        let mut bytes = Vec::new();
        for input in inputs {
            let Some(stored) = self.files.get(&**input) else { return refused("no such file") };
            bytes.extend_from_slice(&stored.bytes);
        }
        self.save(path, bytes).map_or_else(refused, |()| FileReport::Closed)
    }

    pub(super) fn close(&mut self, client: usize, file: FileId) -> Option<FileReport> {
        let path = self.open.remove(&(client, file))?;
        self.files.get_mut(&path)?.closed = true;
        Some(FileReport::Closed)
    }

    /// The process has died: what it had open stays as it is.
    pub(super) fn abandon(&mut self, client: usize) {
        self.open.retain(|(owner, _), _| *owner != client);
    }
}

fn failed(reason: &str) -> Option<FileReport> {
    Some(FileReport::Failed { reason: reason.into() })
}
