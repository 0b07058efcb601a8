//! Whether what a group is for comes about: that there are keys of ours in force, and that frames open under those of
//! the others.

use crate::dave::ratchet::EXPIRY;
use crate::time::{Duration, Timestamp, soonest};

/// How long there may be no key of ours in force before that is told: a voice server executes a transition after some
/// two seconds at the latest, and proposes a new member at once.
pub const WAIT_LIMIT: Duration = Duration::from_secs(10);
/// How many frames of members in a row may fail to open: some two thirds of a second of one speaker. With one more the
/// group is given up. Other clients bear as many.
pub const MAX_FAILURES: u32 = 36;
/// How often the group may be given up because frames fail to open: a member can send forged ones for ever.
pub const RESET_INTERVAL: Duration = Duration::from_secs(30);
/// Frames open where nothing can be sent: what follows from them is done at a deadline that lies ahead by this much.
const SOON: Duration = Duration::from_millis(1);

/// What is watched.
#[derive(Debug, Default)]
pub(super) struct Watch {
    wait: Wait,
    /// Until when the members may use keys that we never had: each takes up an epoch when it hears of it, and who was
    /// just welcomed has none of those before.
    settles: Timestamp,
    /// Frames of members that failed to open since then, in a row.
    failures: u32,
    /// When the group was last given up for them.
    last_reset: Option<Timestamp>,
    /// When to give it up.
    reset: Option<Timestamp>,
}

#[derive(Debug, Default)]
enum Wait {
    #[default]
    Idle,
    Since(Timestamp),
    Told,
}

impl Watch {
    /// Says whether a key is waited for.
    pub(super) const fn waits(&mut self, now: Timestamp, waits: bool) {
        match self.wait {
            _ if !waits => self.wait = Wait::Idle,
            Wait::Idle => self.wait = Wait::Since(now),
            Wait::Since(_) | Wait::Told => {}
        }
    }

    /// A frame opened under a key of the group.
    pub(super) const fn opened(&mut self) {
        self.failures = 0;
    }

    /// No key of the group opened a member's frame.
    pub(super) fn failed(&mut self, now: Timestamp) {
        if now < self.settles {
            return;
        }
        self.failures = self.failures.saturating_add(1);
        let may = self.last_reset.is_none_or(|last| last + RESET_INTERVAL <= now);
        if self.failures > MAX_FAILURES && may {
            self.reset.get_or_insert(now + SOON);
        }
    }

    /// The keys are others now: what failed before says nothing, nor what fails until all have taken them up.
    pub(super) fn rekeyed(&mut self, now: Timestamp) {
        self.failures = 0;
        self.reset = None;
        self.settles = now + EXPIRY;
    }

    pub(super) fn deadline(&self) -> Option<Timestamp> {
        let told = match self.wait {
            Wait::Since(since) => Some(since + WAIT_LIMIT),
            Wait::Idle | Wait::Told => None,
        };
        soonest(told, self.reset)
    }

    /// Since when a key is waited for, if that is to be told now.
    pub(super) fn overdue(&mut self, now: Timestamp) -> Option<Timestamp> {
        match self.wait {
            Wait::Since(since) if since + WAIT_LIMIT <= now => {
                self.wait = Wait::Told;
                Some(since)
            }
            Wait::Idle | Wait::Since(_) | Wait::Told => None,
        }
    }

    /// How many frames in a row failed, if the group is to be given up for them now.
    pub(super) fn lost(&mut self, now: Timestamp) -> Option<u32> {
        self.reset.filter(|&at| at <= now)?;
        self.last_reset = Some(now);
        self.reset = None;
        Some(core::mem::take(&mut self.failures))
    }
}
