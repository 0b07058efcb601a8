//! Commands that wait for the session or for their budget.

use alloc::collections::VecDeque;
use alloc::string::String;

use bytes::Bytes;

use crate::gateway::budget::{Budget, Lane};
use crate::gateway::command::CommandError;
use crate::time::Timestamp;

/// How many commands may wait; at the bound a command fails.
pub(crate) const QUEUE_LIMIT: usize = 128;

/// A command that waits.
#[derive(Debug)]
pub(crate) struct Queued {
    pub(crate) lane: Lane,
    pub(crate) message: Bytes,
    /// The nonce of a request for members whose chunks are awaited.
    pub(crate) nonce: Option<String>,
}

/// Commands that wait, in order; one that waits for a limit of its own lets others pass.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) budget: Budget,
    queue: VecDeque<Queued>,
}

impl Outgoing {
    pub(crate) const fn new() -> Self {
        Self { budget: Budget::new(), queue: VecDeque::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(crate) fn push(&mut self, command: Queued) -> Result<(), CommandError> {
        if command.lane == Lane::Presence
            && let Some(older) = self.queue.iter_mut().find(|queued| queued.lane == Lane::Presence)
        {
            // Only the newest presence matters.
            *older = command;
            return Ok(());
        }
        if self.queue.len() >= QUEUE_LIMIT {
            return Err(CommandError::QueueFull);
        }
        self.queue.push_back(command);
        Ok(())
    }

    /// The first command that may be sent now; its budget is spent.
    pub(crate) fn take(&mut self, now: Timestamp) -> Option<Queued> {
        let index = self.queue.iter().position(|queued| self.budget.next(now, queued.lane).is_none())?;
        let queued = self.queue.remove(index)?;
        self.budget.spend(now, queued.lane);
        Some(queued)
    }

    /// When the next command may be sent.
    pub(crate) fn deadline(&self, now: Timestamp) -> Option<Timestamp> {
        self.queue.iter().map(|queued| self.budget.next(now, queued.lane).unwrap_or(now)).min()
    }

    pub(crate) fn clear(&mut self) {
        self.queue.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::GuildId;

    fn command(lane: Lane, text: &'static str) -> Queued {
        Queued { lane, message: Bytes::from_static(text.as_bytes()), nonce: None }
    }

    #[test]
    fn who_waits_for_a_limit_of_its_own_lets_others_pass() {
        let now = Timestamp::from_millis(3);
        let mut outgoing = Outgoing::new();
        let members = Lane::AllMembers(GuildId(1));
        for (lane, text) in [(members, "a"), (members, "b"), (Lane::General, "c"), (Lane::Presence, "d")] {
            outgoing.push(command(lane, text)).unwrap();
        }
        outgoing.push(command(Lane::Presence, "newer")).unwrap();
        let sent = core::iter::from_fn(|| outgoing.take(now)).map(|queued| queued.message);
        assert_eq!(sent.collect::<alloc::vec::Vec<_>>(), ["a", "c", "newer"]);
        assert_eq!(outgoing.deadline(now), Some(now + Budget::MEMBERS_SPACING));
        assert_eq!(outgoing.take(now + Budget::MEMBERS_SPACING).unwrap().message, "b");
        assert_eq!(outgoing.len(), 0);
    }

    #[test]
    fn the_queue_is_bounded() {
        let mut outgoing = Outgoing::new();
        for _ in 0..QUEUE_LIMIT {
            outgoing.push(command(Lane::General, "")).unwrap();
        }
        assert_eq!(outgoing.push(command(Lane::General, "")), Err(CommandError::QueueFull));
    }
}
