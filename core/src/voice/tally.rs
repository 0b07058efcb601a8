//! What was counted: packets of each speaker, and datagrams that gave no audio.

use alloc::collections::BTreeMap;
use core::ops::AddAssign;

use crate::id::UserId;

/// Speakers who are counted apart. A server that names ever new users for one SSRC cannot make us remember more.
const MAX_SPEAKERS: usize = 4096;

/// Under whom the packets of further speakers are counted together: no user has this id.
pub const OTHERS: UserId = UserId(0);

/// Adds to a speaker's tally. Who sent nothing needs none.
pub(crate) fn add(tallies: &mut BTreeMap<UserId, Tally>, user: UserId, tally: Tally) {
    if tally != Tally::default() {
        let known = tallies.len() < MAX_SPEAKERS || tallies.contains_key(&user);
        *tallies.entry(if known { user } else { OTHERS }).or_default() += tally;
    }
}

/// Packets of one speaker.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Tally {
    /// Audio packets received, duplicates and stale ones not counted.
    pub received: u64,
    /// Those of them that were padding only, without sound.
    pub padding: u64,
    /// Sequence numbers that never came. One that is only late counts until it comes.
    pub lost: u64,
    /// Packets that came after a later one.
    pub late: u64,
    /// Packets that came again.
    pub duplicated: u64,
    /// Packets dropped because they came more than 127 numbers late.
    pub stale: u64,
    /// How often the sequence numbers started anew: they jumped by more than 3,000, or went on behind what was heard.
    pub restarts: u64,
    /// Packets among the received whose sound the end-to-end encryption did not give:
    /// [`Dropped`] has the causes.
    pub unopened: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.received += other.received;
        self.padding += other.padding;
        self.lost += other.lost;
        self.late += other.late;
        self.duplicated += other.duplicated;
        self.stale += other.stale;
        self.restarts += other.restarts;
        self.unopened += other.unopened;
    }
}

/// Datagrams that gave no audio, by cause.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Dropped {
    /// Neither RTP nor anything else that is expected.
    pub foreign: u64,
    /// Too short for what they announce, or with padding or extension that does not fit.
    pub malformed: u64,
    /// Forged, damaged, or under another key.
    pub unauthentic: u64,
    /// Of another payload type than Opus.
    pub other_payload: u64,
    /// Before the key was known.
    pub early: u64,
    /// Discovery answers that were not the one awaited.
    pub discovery: u64,
    /// Given up before their user or the user's key became known, as their place was needed or ten seconds had passed; or
    /// of one SSRC too many.
    pub unmapped: u64,
    /// Not encrypted end to end, though the call is.
    pub unencrypted: u64,
    /// Encrypted end to end, and opened before.
    pub replayed: u64,
    /// Encrypted end to end under a key that we never had or have no more, forged, or damaged. While the group changes
    /// such a frame waits for the next key, and is counted after two seconds.
    pub undecryptable: u64,
}

impl AddAssign for Dropped {
    fn add_assign(&mut self, other: Self) {
        self.foreign += other.foreign;
        self.malformed += other.malformed;
        self.unauthentic += other.unauthentic;
        self.other_payload += other.other_payload;
        self.early += other.early;
        self.discovery += other.discovery;
        self.unmapped += other.unmapped;
        self.unencrypted += other.unencrypted;
        self.replayed += other.replayed;
        self.undecryptable += other.undecryptable;
    }
}
