//! What members say, and what each of them hears.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use sanscord::id::UserId;

use crate::clip::SILENCE;

/// A frame of 20 ms, whatever follows (RFC 6716, section 3.1: configuration 15, one frame).
const TOC: u8 = 0x78;

/// The books of what was said and heard.
#[derive(Debug, Default)]
pub(super) struct Ears {
    /// How many frames each user has said.
    said: BTreeMap<UserId, u32>,
    /// What each member heard, and not yet asked for.
    heard: BTreeMap<usize, BTreeSet<(UserId, u32)>>,
    /// The newest frame of each user that each member heard and was asked for.
    before: BTreeMap<(usize, UserId), u32>,
    pub(super) count: u64,
}

impl Ears {
    /// The next frame of a user, with its number.
    pub(super) fn say(&mut self, user: UserId) -> (u32, Bytes) {
        let number = self.said.entry(user).or_default();
        *number += 1;
        let frame = [&[TOC][..], &user.0.to_be_bytes(), &number.to_be_bytes()].concat();
        (*number, frame.into())
    }

    /// A member heard this. `is_lax`: it may be what nobody said, because speech in the clear passes.
    pub(super) fn hear(
        &mut self,
        member: usize,
        user: UserId,
        opus: &[u8],
        is_lax: bool,
    ) -> Result<(), String> {
        if opus.is_empty() || *opus == SILENCE {
            return Ok(());
        }
        let read = read(opus).filter(|(id, _)| !is_lax || *id == user);
        let Some((id, number)) = read else {
            return if is_lax { Ok(()) } else { Err(format!("member {member} heard what nobody said")) };
        };
        if id != user {
            return Err(format!("member {member} heard {id} as {user}"));
        }
        let is_known = number <= self.said.get(&user).copied().unwrap_or(0);
        if is_lax && (!is_known || self.has_heard(member, user, number)) {
            return Ok(());
        }
        if !is_known {
            return Err(format!("member {member} heard frame {number} of {user}, which was never said"));
        }
        if self.has_heard(member, user, number) {
            return Err(format!("member {member} heard frame {number} of {user} twice"));
        }
        self.heard.entry(member).or_default().insert((user, number));
        self.count += 1;
        Ok(())
    }

    fn has_heard(&self, member: usize, user: UserId, number: u32) -> bool {
        self.before.get(&(member, user)).is_some_and(|newest| number <= *newest)
            || self.heard.get(&member).is_some_and(|heard| heard.contains(&(user, number)))
    }

    /// What a member heard since this was last asked.
    pub(super) fn take(&mut self, member: usize) -> BTreeSet<(UserId, u32)> {
        let heard = self.heard.remove(&member).unwrap_or_default();
        for (user, number) in &heard {
            let newest = self.before.entry((member, *user)).or_default();
            *newest = (*newest).max(*number);
        }
        heard
    }
}

fn read(opus: &[u8]) -> Option<(UserId, u32)> {
    let (id, number) = opus.strip_prefix(&[TOC])?.split_first_chunk()?;
    Some((UserId(u64::from_be_bytes(*id)), u32::from_be_bytes(number.try_into().ok()?)))
}
