//! Which packets have been seen: a sliding window over sequence numbers (RFC 3711, section 3.3.2).

/// What a sequence number is, seen against those before it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Order {
    /// The first one.
    First,
    /// Ahead of all before; so many numbers were skipped.
    Ahead {
        /// Numbers between the newest before and this one.
        skipped: u16,
    },
    /// Behind the newest, but not seen before.
    Late,
    /// Seen before.
    Duplicate,
    /// Too far behind to know.
    Stale,
}

/// Remembers the newest sequence number and which of the 127 before it were seen.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReplayWindow {
    newest: u16,
    /// Bit n: the number n behind the newest was seen. Zero: nothing was seen yet.
    seen: u128,
}

impl ReplayWindow {
    /// How far behind the newest a number may be.
    pub const SIZE: u16 = 128;

    /// Notes a sequence number and tells what it is. Comparison is modulo 2^16: half the numbers are ahead.
    pub const fn accept(&mut self, sequence: u16) -> Order {
        if self.seen == 0 {
            *self = Self { newest: sequence, seen: 1 };
            return Order::First;
        }
        let ahead = sequence.wrapping_sub(self.newest);
        if ahead != 0 && ahead < 0x8000 {
            self.newest = sequence;
            self.seen = match self.seen.checked_shl(ahead as u32) {
                Some(seen) => seen | 1,
                None => 1,
            };
            return Order::Ahead { skipped: ahead - 1 };
        }
        let behind = self.newest.wrapping_sub(sequence);
        if behind >= Self::SIZE {
            return Order::Stale;
        }
        let bit = 1 << behind;
        if self.seen & bit != 0 {
            return Order::Duplicate;
        }
        self.seen |= bit;
        Order::Late
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn knows_late_from_seen_over_the_wrap() {
        let mut window = ReplayWindow::default();
        let steps = [
            (65_533, Order::First),
            (65_535, Order::Ahead { skipped: 1 }),
            (65_535, Order::Duplicate),
            (1, Order::Ahead { skipped: 1 }),
            (65_534, Order::Late),
            (65_534, Order::Duplicate),
            (0, Order::Late),
            (65_533, Order::Duplicate),
            (65_409, Order::Stale),
            (65_410, Order::Late),
            (129, Order::Ahead { skipped: 127 }),
            (1, Order::Stale),
            (2, Order::Late),
            (128, Order::Late),
        ];
        for (sequence, order) in steps {
            assert_eq!(window.accept(sequence), order, "{sequence}");
        }
    }

    proptest! {
        /// Against the plain set of all numbers seen, for packets that stray by less than the window.
        #[test]
        fn agrees_with_a_set(start: u16, strays in proptest::collection::vec(-100_i32..100, 1..400)) {
            let (mut window, mut seen) = (ReplayWindow::default(), BTreeSet::new());
            let mut newest = i64::MIN;
            for (n, stray) in strays.into_iter().enumerate() {
                let index = i64::from(start) + n as i64 + i64::from(stray);
                let fresh = seen.insert(index);
                let order = window.accept(index.rem_euclid(1 << 16) as u16);
                let expected = if newest == i64::MIN {
                    Order::First
                } else if index > newest {
                    Order::Ahead { skipped: (index - newest - 1) as u16 }
                } else if newest - index >= i64::from(ReplayWindow::SIZE) {
                    Order::Stale
                } else if fresh {
                    Order::Late
                } else {
                    Order::Duplicate
                };
                prop_assert_eq!(order, expected);
                newest = newest.max(index);
            }
        }
    }
}
