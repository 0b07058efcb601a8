//! What old and new shards told, set against each other: one dispatch of the one side cancels an equal one of the
//! other.

use alloc::collections::btree_map::Entry;
use alloc::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use crate::gateway::Dispatch;
use crate::gateway::name::EventName;
use crate::time::{Duration, Timestamp};

/// The most dispatches remembered; with more the oldest are forgotten.
const MAX_TOLD: usize = 65_536;

/// Who told it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Side {
    Old,
    New,
}

/// A dispatch is recognised by its name and payload.
type Told = (EventName, Bytes);

/// What one side told and the other did not.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    open: BTreeMap<Told, Open>,
    /// All that was entered and not forgotten, the oldest first; what was cancelled too.
    entered: VecDeque<(Timestamp, Told)>,
}

/// Equal dispatches of one side: when each was told, the oldest first.
#[derive(Debug)]
struct Open {
    side: Side,
    at: VecDeque<Timestamp>,
}

impl Ledger {
    /// This side told this.
    pub(super) fn enter(&mut self, now: Timestamp, side: Side, dispatch: &Dispatch) {
        let other = match side {
            Side::Old => Side::New,
            Side::New => Side::Old,
        };
        if self.cancel(other, dispatch) {
            return;
        }
        while self.entered.len() >= MAX_TOLD {
            self.forget_oldest();
        }
        let told = key(dispatch);
        let open = self.open.entry(told.clone()).or_insert_with(|| Open { side, at: VecDeque::new() });
        open.at.push_back(now);
        self.entered.push_back((now, told));
    }

    /// Whether this side told it and the other side did not; then it is cancelled.
    pub(super) fn cancel(&mut self, side: Side, dispatch: &Dispatch) -> bool {
        let Entry::Occupied(mut open) = self.open.entry(key(dispatch)) else { return false };
        if open.get().side != side {
            return false;
        }
        open.get_mut().at.pop_front();
        if open.get().at.is_empty() {
            open.remove();
        }
        true
    }

    /// Forgets what was told longer than `memory` before `base`.
    pub(super) fn forget(&mut self, base: Timestamp, memory: Duration) {
        while self.entered.front().is_some_and(|(at, _)| base.since(*at) > memory) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some((at, told)) = self.entered.pop_front() else { return };
        if let Entry::Occupied(mut open) = self.open.entry(told) {
            while open.get().at.front().is_some_and(|told| *told <= at) {
                open.get_mut().at.pop_front();
            }
            if open.get().at.is_empty() {
                open.remove();
            }
        }
    }
}

fn key(dispatch: &Dispatch) -> Told {
    (dispatch.name.clone(), dispatch.data.clone())
}
