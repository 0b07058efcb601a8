//! Finds a field by its name.

use core::fmt;

/// The names of an object's fields: typed ones first, then raw ones.
pub(super) struct Names {
    /// Whose they are.
    pub(super) object: &'static str,
    pub(super) names: &'static [&'static str],
    /// How many are typed.
    pub(super) fields: usize,
    seed: u64,
    slots: [u8; SLOTS],
    words: [Words; MAX],
}

/// How many names a table can hold: each has a bit.
const MAX: usize = 64;

/// Eight for each name that a table can hold: a seed without collisions is found soon.
const SLOTS: usize = 512;

const FREE: u8 = u8::MAX;

impl Names {
    /// Lays the names out so that each has a slot of its own.
    pub(super) const fn new(object: &'static str, names: &'static [&'static str], fields: usize) -> Self {
        assert!(names.len() < MAX, "each name has a bit");
        let mut words = [Words { head: 0, tail: 0, length: 0 }; MAX];
        let mut index = 0;
        while index < names.len() {
            words[index] = Words::of(names[index].as_bytes());
            index += 1;
        }
        let mut seed = 0x9E37_79B9_7F4A_7C15_u64;
        loop {
            let mut slots = [FREE; SLOTS];
            let mut index = 0;
            while index < names.len() {
                let slot = words[index].slot(seed);
                if slots[slot] != FREE {
                    break;
                }
                slots[slot] = index as u8;
                index += 1;
            }
            if index == names.len() {
                return Self { object, names, fields, seed, slots, words };
            }
            seed = seed.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F) | 1;
        }
    }

    #[inline]
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        let words = Words::of(name.as_bytes());
        let index = usize::from(*self.slots.get(words.slot(self.seed))?);
        let known = self.words.get(index)?;
        let same = known.head == words.head && known.tail == words.tail && known.length == words.length;
        // The words hold all of a name of up to 16 bytes.
        (same && (words.length <= 16 || *self.names.get(index)? == name)).then_some(index)
    }
}

/// What names are told apart by: their first and last bytes, in numbers that are compared at once.
#[derive(Clone, Copy)]
struct Words {
    head: u64,
    tail: u64,
    length: usize,
}

impl Words {
    /// They are overlapping where a name is short.
    #[inline]
    const fn of(name: &[u8]) -> Self {
        let length = name.len();
        if let (Some(head), Some(tail)) = (name.first_chunk(), name.last_chunk()) {
            return Self { head: u64::from_le_bytes(*head), tail: u64::from_le_bytes(*tail), length };
        }
        if let (Some(head), Some(tail)) = (name.first_chunk(), name.last_chunk()) {
            let (head, tail) = (u32::from_le_bytes(*head), u32::from_le_bytes(*tail));
            return Self { head: head as u64, tail: tail as u64, length };
        }
        match *name {
            [first, .., last] => {
                Self { head: first as u64, tail: last as u64 | (name[length / 2] as u64) << 8, length }
            }
            [only] => Self { head: only as u64, tail: 0, length },
            [] => Self { head: 0, tail: 0, length },
        }
    }

    #[inline]
    const fn slot(&self, seed: u64) -> usize {
        let mixed = self.head ^ self.tail.rotate_left(29) ^ (self.length as u64) << 59;
        (mixed.wrapping_mul(seed) >> 55) as usize
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: &[&str] = &[
        "n",
        "id",
        "key",
        "type",
        "title",
        "avatar",
        "user_id",
        "nickname",
        "max_value",
        "min_value",
        "default_values",
        "default_value2",
        "channel_id_0000",
        "channel_id_000000",
        "channel_id_000001",
        "channel_id_000000_id",
        "channel_id_010000_id",
        "exactly_sixteen_",
        "exactly_sixteen0",
        "",
    ];

    #[test]
    fn a_name_is_found_and_nothing_like_it() {
        static TABLE: Names = Names::new("Test", NAMES, NAMES.len());
        for (index, name) in NAMES.iter().enumerate() {
            assert_eq!(TABLE.find(name), Some(index), "{name}");
            for at in 0..name.len() {
                for byte in 0..0x80 {
                    let mut other = name.as_bytes().to_vec();
                    other[at] = byte;
                    let other = core::str::from_utf8(&other).unwrap();
                    assert_eq!(TABLE.find(other), NAMES.iter().position(|known| *known == other), "{other}");
                }
                let shorter = &name[..at];
                assert_eq!(
                    TABLE.find(shorter),
                    NAMES.iter().position(|known| *known == shorter),
                    "{shorter}"
                );
            }
        }
    }
}
