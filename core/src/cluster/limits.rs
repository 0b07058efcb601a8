//! What Discord allows a cluster: `/gateway/bot`, and the queue for identifies.

use crate::backoff;
use crate::cluster::event::{Event, RequestFailed, ReshardFailure, Stopped};
use crate::cluster::{Ask, Cluster, Identifies, Phase, ReshardError, Shards};
use crate::gateway::Shard;
use crate::gateway::identify::{self, IdentifyQueue};
use crate::gateway::routing::ShardId;
use crate::machine::{Machine, Output, Response, Unanswered};
use crate::rest::GatewayBot;
use crate::time::{Duration, Timestamp};

impl Cluster {
    pub(super) fn refresh(&mut self) {
        self.refresh_at(self.now);
    }

    fn refresh_at(&mut self, at: Timestamp) {
        if self.ask == Ask::Idle {
            self.ask = Ask::At(at);
        }
    }

    pub(super) fn ask_if_due(&mut self) {
        if matches!(self.ask, Ask::At(at) if at <= self.now) && self.phase != Phase::Stopped {
            let request = self.scope.request();
            self.ask = Ask::Asked(request);
            self.out.push(Output::SendRequest(request, GatewayBot::request(&self.api)));
        }
    }

    pub(super) fn on_response(&mut self, response: Result<Response, Unanswered>) {
        let answer = match &response {
            Ok(response) => GatewayBot::read(response).map_err(RequestFailed::Refused),
            Err(unanswered) => Err(RequestFailed::Unanswered(unanswered.clone())),
        };
        match answer {
            Ok(bot) => self.run(bot),
            Err(reason) => self.retry(reason),
        }
    }

    pub(super) fn run(&mut self, bot: GatewayBot) {
        let limit = bot.session_start_limit;
        self.attempt = 0;
        self.ask = Ask::Idle;
        self.answered = self.now;
        self.recommended = bot.shards.max(1);
        self.url.clone_from(&bot.url);
        self.out.event(Event::GatewayBot(bot));
        match &mut self.queue {
            Some(queue) => queue.refresh(self.now, &limit),
            None => {
                let saved =
                    self.state.as_ref().and_then(|state| Some((state.identifies.as_ref()?, state.age)));
                let mut queue = match saved {
                    Some((saved, age)) => IdentifyQueue::restore(self.now, saved, age),
                    None => IdentifyQueue::new(self.now, &limit),
                };
                queue.refresh(self.now, &limit);
                if let Some(reserve) = self.reserve {
                    queue.set_reserve(reserve);
                }
                self.queue = Some(queue);
            }
        }
        if self.phase == Phase::Starting {
            self.phase = Phase::Running;
            self.start();
        } else if let Some(shards) = self.wish.take() {
            let failure = match self.begin_handover(shards) {
                Ok(()) | Err(ReshardError::NotRunning | ReshardError::UnderWay) => return,
                Err(ReshardError::SameCount) => ReshardFailure::SameCount,
                Err(ReshardError::Shards(bad)) => ReshardFailure::Shards(bad),
            };
            self.out.event(Event::ReshardFailed { reason: failure });
        }
    }

    /// Starts all shards, those of a saved state with their sessions.
    pub(super) fn start(&mut self) {
        let state = self.state.take();
        // Without sessions to resume there is no reason to keep to a count that may have become too low.
        let saved = state.as_ref().filter(|state| !state.sessions.is_empty()).map(|state| state.shards);
        let shards = match (self.shards, saved) {
            (Shards::Recommended, Some(count)) if count > 0 => Shards::All { count },
            (shards, _) => shards,
        };
        let ids = match shards.ids(self.recommended) {
            Ok((count, ids)) => {
                self.count = count;
                ids
            }
            Err(bad) => {
                self.state = state;
                self.end(Stopped::Shards(bad), Shard::stop);
                return;
            }
        };
        for id in ids {
            let session = state.as_ref().and_then(|state| state.session(id)).cloned();
            let scope = self.launch(id, session);
            self.current.insert(id, scope);
        }
    }

    pub(super) fn retry(&mut self, reason: RequestFailed) {
        let (transient, wait) = match &reason {
            RequestFailed::Unanswered(_) => (true, None),
            // A success that is not what is documented may come from something in between.
            RequestFailed::Refused(error) => (error.is_transient() || error.status < 400, error.retry_after),
        };
        let backoff = backoff::delay(self.attempt, &mut self.entropy);
        self.attempt = self.attempt.saturating_add(1);
        let given_up = !transient || self.config.attempts.is_some_and(|attempts| self.attempt >= attempts);
        if given_up && self.phase == Phase::Starting {
            self.end(Stopped::GatewayBot(reason), Shard::stop);
            return;
        }
        let retry_in = backoff.max(wait.unwrap_or_default()).max(Duration::from_millis(1));
        self.ask = Ask::At(self.now + retry_in);
        self.out.event(Event::GatewayBotFailed { reason, retry_in });
    }

    pub(super) fn want_identify(&mut self, id: ShardId) {
        if self.now.since(self.answered) > FRESH {
            self.refresh();
        }
        match (&mut self.queue, self.identifies) {
            (Some(queue), Identifies::Own) => queue.request(self.now, id),
            _ => self.out.event(Event::IdentifyWanted(id)),
        }
        self.end_if_exhausted();
    }

    /// A shard has identified.
    pub(super) fn identified(&mut self, id: ShardId) {
        match (&mut self.queue, self.identifies) {
            (Some(queue), Identifies::Own) => queue.sent(self.now, id),
            _ => self.out.event(Event::IdentifySent(id)),
        }
        self.end_if_exhausted();
    }

    /// Where only a limited number of attempts is allowed, a shard that would wait for tomorrow's identifies ends
    /// all. Shards that resume do not need any.
    fn end_if_exhausted(&mut self) {
        let Some(queue) = self.queue.as_ref().filter(|_| self.identifies == Identifies::Own) else { return };
        let (remaining, resets_in) = (queue.remaining(), queue.resets_in(self.now));
        if self.config.attempts.is_some() && !queue.is_empty() && remaining <= queue.reserve() {
            self.end(Stopped::IdentifiesExhausted { remaining, resets_in }, Shard::suspend);
        }
    }

    pub(super) fn no_identify(&mut self, id: ShardId) {
        match (&mut self.queue, self.identifies) {
            (Some(queue), Identifies::Own) => queue.withdraw(self.now, id),
            _ => self.out.event(Event::IdentifyWithdrawn(id)),
        }
    }

    /// Lets the queue decide. Answers with its deadline.
    pub(super) fn drain_queue(&mut self) -> Option<Timestamp> {
        loop {
            let queue = self.queue.as_mut()?;
            match queue.poll_output() {
                Output::Event(event) => self.on_queue_event(&event),
                Output::Wait(deadline) => return deadline,
                // It asks for nothing else.
                _ => return None,
            }
        }
    }

    pub(super) fn on_queue_event(&mut self, event: &identify::Event) {
        match *event {
            identify::Event::Granted(id) => self.grant(self.now, id),
            identify::Event::Exhausted { remaining, total, resets_in, .. } => {
                self.out.event(Event::IdentifiesExhausted { remaining, total, resets_in });
                self.end_if_exhausted();
            }
            identify::Event::Refilled { total } => {
                self.out.event(Event::IdentifiesRefilled { total });
                // An answer whose period is over as it comes, and has nothing left, would be asked for without end.
                self.refresh_at(self.now.max(self.answered + AGAIN));
            }
            // A grant is used or withdrawn long before it expires, and there is room for all shards.
            identify::Event::Expired(_) | identify::Event::Refused(_) => {}
        }
    }
}

/// How long an answer of `/gateway/bot` holds at least, whatever it says of the next period.
const AGAIN: Duration = Duration::from_secs(5);

/// An answer of `/gateway/bot` older than this is asked for afresh when a shard wants to identify: other processes
/// use the same budget.
const FRESH: Duration = Duration::from_secs(300);
