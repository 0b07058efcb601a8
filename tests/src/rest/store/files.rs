//! Attachments, kept to be fetched.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

/// Attachments by id.
#[derive(Debug, Default)]
pub(in crate::rest) struct Files {
    kept: BTreeMap<u64, Kept>,
    order: VecDeque<u64>,
    bytes: usize,
}

/// A file.
#[derive(Clone, Debug)]
pub(in crate::rest) struct Kept {
    pub(in crate::rest) channel: u64,
    pub(in crate::rest) name: String,
    pub(in crate::rest) content_type: String,
    pub(in crate::rest) data: Bytes,
}

impl Files {
    /// Keeps a file; the oldest are forgotten for it where they are too many bytes.
    pub(in crate::rest) fn keep(&mut self, id: u64, file: Kept, most: usize) {
        self.bytes += file.data.len();
        self.kept.insert(id, file);
        self.order.push_back(id);
        while self.bytes > most
            && let Some(oldest) = self.order.pop_front()
        {
            self.bytes -= self.kept.remove(&oldest).map_or(0, |file| file.data.len());
        }
    }

    pub(in crate::rest) fn get(&self, id: u64) -> Option<&Kept> {
        self.kept.get(&id)
    }
}
