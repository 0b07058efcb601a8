//! When which bucket is to be looked at: a heap that knows where everything stands in it.

use alloc::vec::Vec;

use crate::time::Timestamp;

use super::tickets::NONE;

/// One time at most for each bucket.
#[derive(Debug)]
pub(super) struct Timers {
    heap: Vec<(Timestamp, u32)>,
    /// Where in the heap a bucket stands.
    places: Vec<u32>,
}

impl Timers {
    pub(super) const fn new() -> Self {
        Self { heap: Vec::new(), places: Vec::new() }
    }

    pub(super) fn first(&self) -> Option<(Timestamp, u32)> {
        self.heap.first().copied()
    }

    #[cfg(test)]
    fn of(&self, bucket: u32) -> Option<Timestamp> {
        let place = self.place(bucket)?;
        self.heap.get(place).map(|(at, _)| *at)
    }

    pub(super) fn set(&mut self, bucket: u32, at: Timestamp) {
        let place = match self.place(bucket) {
            Some(place) => {
                self.heap[place].0 = at;
                place
            }
            None => {
                if self.places.len() <= bucket as usize {
                    self.places.resize(bucket as usize + 1, NONE);
                }
                self.heap.push((at, bucket));
                self.places[bucket as usize] = self.heap.len() as u32 - 1;
                self.heap.len() - 1
            }
        };
        self.settle(place);
    }

    pub(super) fn remove(&mut self, bucket: u32) {
        let Some(place) = self.place(bucket) else { return };
        self.places[bucket as usize] = NONE;
        self.heap.swap_remove(place);
        if let Some((_, moved)) = self.heap.get(place) {
            self.places[*moved as usize] = place as u32;
            self.settle(place);
        }
    }

    fn place(&self, bucket: u32) -> Option<usize> {
        self.places.get(bucket as usize).copied().filter(|place| *place != NONE).map(|place| place as usize)
    }

    /// Moves what stands here to where it belongs.
    fn settle(&mut self, mut place: usize) {
        while place > 0 && self.heap[place] < self.heap[(place - 1) / 2] {
            self.swap(place, (place - 1) / 2);
            place = (place - 1) / 2;
        }
        loop {
            let children =
                [2 * place + 1, 2 * place + 2].into_iter().filter(|child| *child < self.heap.len());
            match children.min_by_key(|child| self.heap[*child]) {
                Some(child) if self.heap[child] < self.heap[place] => {
                    self.swap(place, child);
                    place = child;
                }
                _ => return,
            }
        }
    }

    fn swap(&mut self, one: usize, other: usize) {
        self.heap.swap(one, other);
        for place in [one, other] {
            self.places[self.heap[place].1 as usize] = place as u32;
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_first_is_the_least(steps in proptest::collection::vec((0..20_u32, 0..50_u64), 0..200)) {
            let (mut timers, mut model) = (Timers::new(), BTreeMap::new());
            for (bucket, at) in steps {
                if at == 0 {
                    timers.remove(bucket);
                    model.remove(&bucket);
                } else {
                    timers.set(bucket, Timestamp::from_nanos(at));
                    model.insert(bucket, Timestamp::from_nanos(at));
                }
                let first = model.iter().map(|(bucket, at)| (*at, *bucket)).min();
                prop_assert_eq!(timers.first(), first);
                prop_assert!((0..20).all(|bucket| timers.of(bucket) == model.get(&bucket).copied()));
            }
        }
    }
}
