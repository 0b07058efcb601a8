//! Finds a field by its name.

use core::fmt;

/// The names of an object's fields: typed ones first, then raw ones.
pub(super) struct Names {
    /// Whose they are.
    pub(super) object: &'static str,
    pub(super) names: &'static [&'static str],
    /// How many are typed.
    pub(super) fields: usize,
    seed: u32,
    slots: [u8; SLOTS],
}

/// Eight for each of the 64 names that a table can hold at most: a seed without collisions is found soon.
const SLOTS: usize = 512;

const FREE: u8 = u8::MAX;

impl Names {
    /// Lays the names out so that each has a slot of its own.
    pub(super) const fn new(object: &'static str, names: &'static [&'static str], fields: usize) -> Self {
        assert!(names.len() < 64, "each name has a bit");
        let mut seed = 0x9E37_79B1_u32;
        loop {
            let mut slots = [FREE; SLOTS];
            let mut index = 0;
            while index < names.len() {
                let slot = slot(names[index].as_bytes(), seed);
                if slots[slot] != FREE {
                    break;
                }
                slots[slot] = index as u8;
                index += 1;
            }
            if index == names.len() {
                return Self { object, names, fields, seed, slots };
            }
            seed = seed.wrapping_mul(0x0019_660D).wrapping_add(0x3C6E_F35F) | 1;
        }
    }

    #[inline]
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        let index = usize::from(*self.slots.get(slot(name.as_bytes(), self.seed))?);
        (*self.names.get(index)? == name).then_some(index)
    }
}

/// The slot of a name: length, four letters and the seed tell all names of an object apart.
#[inline]
const fn slot(name: &[u8], seed: u32) -> usize {
    if name.is_empty() {
        return 0;
    }
    let (first, middle, last) = (name[0], name[name.len() / 2], name[name.len() - 1]);
    let letters = u32::from_le_bytes([first, middle, last, name.len() as u8]);
    // For `min_` and `max_`.
    let letters = letters ^ (name[if name.len() > 1 { 1 } else { 0 }] as u32) << 11;
    (letters.wrapping_mul(seed) >> 23) as usize
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.object)
    }
}
