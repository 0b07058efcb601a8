//! Tickets, and the lists in which they stand.

use alloc::vec::Vec;
use core::ops::{Index, IndexMut};

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// A request's place with the limiter, from [`request`](super::Limiter::request) to
/// [`complete`](super::Limiter::complete). Its value may cross to another process; none is used twice (but after
/// 4 billion others in its place).
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Ticket(u64);

impl Ticket {
    /// A ticket by a number of one's own: for whoever asks a limiter in another process, and names what it asks for.
    #[must_use]
    pub const fn from_u64(number: u64) -> Self {
        Self(number)
    }

    /// The number as such, for logs and for the caller's own tables.
    #[must_use]
    pub const fn as_u64(self) -> u64 {
        self.0
    }
}

/// No index.
pub(super) const NONE: u32 = u32::MAX;

/// Where a ticket stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum State {
    Free,
    /// In its lane's queue.
    Waiting,
    /// Granted, and perhaps not yet counted at Discord.
    Young,
    /// Granted so long ago that Discord has counted it.
    Old,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) lane: u32,
    pub(super) state: State,
    /// It holds a slot of the global limit.
    pub(super) slot: bool,
    /// Its place among all requests.
    pub(super) order: u64,
    /// When it was granted.
    pub(super) granted: Timestamp,
    generation: u32,
    before: u32,
    after: u32,
}

/// A queue of tickets.
#[derive(Clone, Copy, Debug)]
pub(super) struct List {
    pub(super) head: u32,
    pub(super) tail: u32,
}

impl List {
    pub(super) const EMPTY: Self = Self { head: NONE, tail: NONE };
}

/// All tickets: as many places as there ever were tickets at once.
#[derive(Debug)]
pub(super) struct Tickets {
    entries: Vec<Entry>,
    free: u32,
    open: usize,
    opened: u64,
}

impl Tickets {
    pub(super) const fn new() -> Self {
        Self { entries: Vec::new(), free: NONE, open: 0, opened: 0 }
    }

    pub(super) const fn len(&self) -> usize {
        self.open
    }

    pub(super) fn open(&mut self, lane: u32) -> u32 {
        self.opened += 1;
        self.open += 1;
        let index = self.free;
        let entry = Entry {
            lane,
            state: State::Waiting,
            slot: false,
            order: self.opened,
            granted: Timestamp::ZERO,
            generation: 0,
            before: NONE,
            after: NONE,
        };
        if index == NONE {
            self.entries.push(entry);
            return self.entries.len() as u32 - 1;
        }
        let place = &mut self[index];
        let (generation, next) = (place.generation, place.after);
        *place = Entry { generation, ..entry };
        self.free = next;
        index
    }

    pub(super) fn close(&mut self, index: u32) {
        let free = self.free;
        let entry = &mut self[index];
        entry.state = State::Free;
        entry.generation = entry.generation.wrapping_add(1);
        entry.after = free;
        self.free = index;
        self.open -= 1;
    }

    pub(super) fn find(&self, ticket: Ticket) -> Option<u32> {
        let index = ticket.0 as u32;
        let entry = self.entries.get(index as usize)?;
        (entry.state != State::Free && entry.generation == (ticket.0 >> 32) as u32).then_some(index)
    }

    pub(super) fn name(&self, index: u32) -> Ticket {
        Ticket(u64::from(self[index].generation) << 32 | u64::from(index))
    }

    /// How many stand before it in its list.
    pub(super) fn ahead(&self, index: u32) -> u32 {
        let (mut count, mut before) = (0, self[index].before);
        while before != NONE {
            (count, before) = (count + 1, self[before].before);
        }
        count
    }

    /// At the end.
    pub(super) fn push(&mut self, list: &mut List, index: u32) {
        let entry = &mut self[index];
        (entry.before, entry.after) = (list.tail, NONE);
        match list.tail {
            NONE => list.head = index,
            tail => self[tail].after = index,
        }
        list.tail = index;
    }

    /// Before the first that came later.
    pub(super) fn insert(&mut self, list: &mut List, index: u32) {
        let order = self[index].order;
        let mut after = list.head;
        while after != NONE && self[after].order < order {
            after = self[after].after;
        }
        if after == NONE {
            return self.push(list, index);
        }
        let before = self[after].before;
        let entry = &mut self[index];
        (entry.before, entry.after) = (before, after);
        self[after].before = index;
        match before {
            NONE => list.head = index,
            before => self[before].after = index,
        }
    }

    pub(super) fn remove(&mut self, list: &mut List, index: u32) {
        let Entry { before, after, .. } = self[index];
        match before {
            NONE => list.head = after,
            before => self[before].after = after,
        }
        match after {
            NONE => list.tail = before,
            after => self[after].before = before,
        }
    }
}

impl Index<u32> for Tickets {
    type Output = Entry;

    fn index(&self, index: u32) -> &Entry {
        &self.entries[index as usize]
    }
}

impl IndexMut<u32> for Tickets {
    fn index_mut(&mut self, index: u32) -> &mut Entry {
        &mut self.entries[index as usize]
    }
}
