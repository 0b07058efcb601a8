//! How a cluster changes its shards: what happens to it while a handover is under way.

use alloc::vec::Vec;

use crate::cluster::config::BadShards;
use crate::cluster::event::{Event, ReshardFailure};
use crate::cluster::handover::{Handover, Waiting};
use crate::cluster::{Cluster, Phase, Shards};
use crate::gateway;
use crate::time::Timestamp;

/// Why resharding does not start.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ReshardError {
    /// The cluster has not started yet, or has ended.
    #[error("the cluster is not running")]
    NotRunning,
    /// The shards are being changed already.
    #[error("the shards are being changed already")]
    UnderWay,
    /// There are as many shards in all already.
    #[error("there are as many shards already")]
    SameCount,
    /// They cannot be run.
    #[error(transparent)]
    Shards(#[from] BadShards),
}

impl Cluster {
    /// Changes the shards without a gap: the new ones come up beside the old ones and take over when all are
    /// there. [`Event::Resharding`] tells how far they are, [`Event::Resharded`] when they take over. With
    /// [`Shards::Recommended`], `/gateway/bot` is asked first, and [`Event::ReshardFailed`] tells if as many are
    /// recommended as there are.
    ///
    /// # Errors
    /// If the cluster does not run, is changing already, has as many shards, or cannot run these.
    pub fn reshard(&mut self, now: Timestamp, shards: Shards) -> Result<(), ReshardError> {
        self.tick(now);
        if self.phase != Phase::Running {
            return Err(ReshardError::NotRunning);
        }
        if self.handover.is_some() || self.wish.is_some() {
            return Err(ReshardError::UnderWay);
        }
        if shards == Shards::Recommended {
            self.wish = Some(shards);
            self.refresh();
            return Ok(());
        }
        self.begin_handover(shards)
    }

    pub(super) fn begin_handover(&mut self, shards: Shards) -> Result<(), ReshardError> {
        let (count, ids) = shards.ids(self.recommended)?;
        if count == self.count {
            return Err(ReshardError::SameCount);
        }
        let scopes: Vec<u32> = ids.map(|id| self.launch(id, None)).collect();
        let handover = Handover::new(count, scopes.into_iter());
        self.out.event(Event::Resharding { ready: 0, total: handover.total() });
        self.handover = Some(handover);
        Ok(())
    }

    /// Notes what an event means for a change of shards; answers with it if it is the user's.
    pub(super) fn hand_over(&mut self, scope: u32, event: gateway::Event) -> Option<gateway::Event> {
        let Some(handover) = &mut self.handover else { return Some(event) };
        let now = self.now;
        if handover.is_incoming(scope) {
            let before = handover.ready();
            if let Some(waiting) = handover.waiting() {
                follow(waiting, scope, &event);
            }
            match event {
                gateway::Event::Dispatch(dispatch) => {
                    let receipt = Some(dispatch.receipt()).filter(|_| !handover.is_draining());
                    handover.incoming(now, scope, dispatch);
                    if let (Some(receipt), Some(member)) = (receipt, self.members.get_mut(&scope)) {
                        // Nobody else will.
                        member.shard.ack(receipt);
                    }
                }
                gateway::Event::Connected { .. } => handover.connected(now, scope),
                gateway::Event::Disconnected { resumable, .. } => {
                    handover.disconnected(now, scope, resumable)
                }
                gateway::Event::Stopped { reason, .. } if reason != gateway::Stopped::ByUser => {
                    self.abort_handover(ReshardFailure::Refused(reason));
                    return None;
                }
                _ => {}
            }
            let (ready, total) = (handover.ready(), handover.total());
            if ready != before {
                self.out.event(Event::Resharding { ready, total });
            }
            return None;
        }
        if let gateway::Event::Dispatch(dispatch) = &event {
            handover.outgoing(now, dispatch);
        } else if let Some(waiting) = handover.waiting() {
            follow(waiting, scope, &event);
        }
        Some(event)
    }

    /// Drops what a shard that lags tells after a change of shards, if it was told before.
    pub(super) fn drop_echo(&mut self, scope: u32, event: gateway::Event) -> Option<gateway::Event> {
        let Some(echo) = self.echo.as_mut().filter(|echo| echo.waiting.contains(scope)) else {
            return Some(event);
        };
        match &event {
            gateway::Event::Dispatch(dispatch) if echo.contains(dispatch) => return None,
            // A new session tells nothing old.
            gateway::Event::Disconnected { resumable: false, .. } => echo.waiting.gone(scope),
            _ => follow(&mut echo.waiting, scope, &event),
        }
        if echo.waiting.is_over() {
            self.echo = None;
        }
        Some(event)
    }

    /// Asks for the heartbeats that are waited for, where that can be done now.
    pub(super) fn ask_heartbeats(&mut self) {
        let draining = self.handover.as_mut().and_then(Handover::waiting);
        for waiting in draining.into_iter().chain(self.echo.as_mut().map(|echo| &mut echo.waiting)) {
            for scope in waiting.to_ask() {
                let Some(member) = self.members.get_mut(&scope) else {
                    waiting.gone(scope);
                    continue;
                };
                if member.shard.probe(self.now) {
                    waiting.asked(scope);
                    if !core::mem::replace(&mut member.stirred, true) {
                        self.line.push_back(scope);
                    }
                }
            }
        }
    }

    /// Gives up a change of shards that is under way: the new shards end, the old ones go on, as
    /// [`Event::ReshardFailed`] tells. Nothing happens if there is none.
    pub fn cancel_reshard(&mut self, now: Timestamp) {
        self.tick(now);
        if self.phase == Phase::Running && self.wish.take().is_some() {
            self.out.event(Event::ReshardFailed { reason: ReshardFailure::Cancelled });
        }
        self.abort_handover(ReshardFailure::Cancelled);
    }

    fn abort_handover(&mut self, reason: ReshardFailure) {
        if let Some(handover) = self.handover.take() {
            for scope in handover.scopes() {
                if let Some(member) = self.members.get_mut(&scope) {
                    // The user never heard of it.
                    member.is_silent = true;
                    member.shard.stop(self.now);
                }
                self.stir(scope);
            }
            self.out.event(Event::ReshardFailed { reason });
        }
    }

    /// Takes the next step of a change of shards, if it is time.
    pub(super) fn advance_handover(&mut self) {
        let Some(handover) = self.handover.as_mut().filter(|_| self.phase == Phase::Running) else { return };
        handover.advance(self.now, self.current.values().copied());
        self.ask_heartbeats();
        let Some(handover) = &self.handover else { return };
        if let Some(gap) = handover.is_over(self.now) {
            self.finish_handover(gap);
        }
    }

    pub(super) fn finish_handover(&mut self, gap: bool) {
        let Some(handover) = self.handover.take() else { return };
        let (from, to) = (self.count, handover.count);
        let old = core::mem::take(&mut self.current);
        for scope in handover.scopes() {
            if let Some(member) = self.members.get(&scope) {
                self.current.insert(member.shard.id(), scope);
            }
        }
        self.count = to;
        self.out.event(Event::Resharded { from, to, gap });
        let (news, echo) = handover.finish();
        self.echo = Some(echo);
        for (scope, dispatch) in news {
            if let Some(member) = self.members.get(&scope) {
                let id = member.shard.id();
                self.out.event(Event::Shard(id, gateway::Event::Dispatch(dispatch)));
            }
        }
        for scope in old.into_values() {
            if let Some(member) = self.members.get_mut(&scope) {
                member.shard.stop(self.now);
            }
            self.stir(scope);
        }
    }
}

/// Notes what an event says of a heartbeat that is waited for.
fn follow(waiting: &mut Waiting, scope: u32, event: &gateway::Event) {
    match event {
        gateway::Event::HeartbeatAcknowledged { .. } => waiting.acknowledged(scope),
        gateway::Event::Disconnected { .. } => waiting.disconnected(scope),
        gateway::Event::Stopped { .. } => waiting.gone(scope),
        _ => {}
    }
}
