//! Who grants a session's requests their turns: limiters of its own, or an office elsewhere.

use alloc::boxed::Box;

use crate::entropy::Entropy;
use crate::machine::{Input, Output, Scope};
use crate::rest::api::Api;
use crate::rest::limiter::{self, Limiter, Outcome, Refused, Ticket, Wait};
use crate::rest::route::Route;
use crate::time::{Duration, Timestamp, soonest};

use super::config::Config;
use super::event::Event;
use super::line::Line;

/// Whose token is shown.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Who {
    Bot,
    User,
}

/// What is told of turns.
#[derive(Debug)]
pub(super) enum Turn {
    Limiter(Who, limiter::Event),
    /// What this ticket waits for is known now.
    Told(Who, Ticket),
    Found,
    Lost {
        why: Box<str>,
        after: Duration,
    },
}

#[derive(Debug)]
pub(super) enum Turns {
    Own(Box<Own>),
    Elsewhere(Box<Line>),
}

#[derive(Debug)]
pub(super) struct Own {
    pub(super) bot: Limiter,
    /// For what shows the user's token.
    pub(super) user: Limiter,
}

impl Own {
    const fn of(&mut self, who: Who) -> &mut Limiter {
        match who {
            Who::Bot => &mut self.bot,
            Who::User => &mut self.user,
        }
    }
}

impl Turns {
    pub(super) fn new(config: &Config) -> Self {
        if let Some(url) = &config.limits_at {
            return Self::Elsewhere(Box::new(Line::new(url, config.api.accounts(), config.limits.tickets)));
        }
        Self::Own(Box::new(Own {
            bot: Limiter::new(config.limits),
            // Both count towards one address's 10,000.
            user: Limiter::new(limiter::Config { invalid: config.limits.invalid / 2, ..config.limits }),
        }))
    }

    pub(super) fn token_changed(&mut self, now: Timestamp, api: &Api) {
        match self {
            Self::Own(own) => {
                own.bot.token_changed(now);
                own.user.token_changed(now);
            }
            Self::Elsewhere(line) => line.set_accounts(api.accounts()),
        }
    }

    pub(super) fn request(&mut self, now: Timestamp, who: Who, route: &Route) -> Result<Ticket, Refused> {
        match self {
            Self::Own(own) => own.of(who).request(now, route),
            Self::Elsewhere(line) => line.request(who, route),
        }
    }

    pub(super) fn cancel(&mut self, now: Timestamp, who: Who, ticket: Ticket) {
        match self {
            Self::Own(own) => own.of(who).cancel(now, ticket),
            Self::Elsewhere(line) => line.cancel(ticket),
        }
    }

    pub(super) fn complete(&mut self, now: Timestamp, who: Who, ticket: Ticket, outcome: &Outcome) {
        match self {
            Self::Own(own) => own.of(who).complete(now, ticket, outcome),
            Self::Elsewhere(line) => line.complete(ticket, outcome),
        }
    }

    pub(super) fn requeue(
        &mut self,
        now: Timestamp,
        who: Who,
        ticket: Ticket,
        outcome: &Outcome,
    ) -> Result<(), Refused> {
        match self {
            Self::Own(own) => own.of(who).requeue(now, ticket, outcome),
            Self::Elsewhere(line) => line.requeue(ticket, outcome),
        }
    }

    pub(super) fn wait(&self, who: Who, ticket: Ticket) -> Option<Wait> {
        match (self, who) {
            (Self::Own(own), Who::Bot) => own.bot.wait(ticket),
            (Self::Own(own), Who::User) => own.user.wait(ticket),
            (Self::Elsewhere(line), _) => line.wait(ticket),
        }
    }

    pub(super) fn poll(&mut self, now: Timestamp) -> Option<Turn> {
        match self {
            Self::Own(own) => {
                let turn = own.bot.poll(now).map(|event| Turn::Limiter(Who::Bot, event));
                turn.or_else(|| own.user.poll(now).map(|event| Turn::Limiter(Who::User, event)))
            }
            Self::Elsewhere(line) => line.poll(),
        }
    }

    /// What to do on the network.
    pub(super) fn poll_output(
        &mut self,
        now: Timestamp,
        scope: &mut Scope,
        entropy: &mut Entropy,
    ) -> Option<Output<Event>> {
        match self {
            Self::Own(_) => None,
            Self::Elsewhere(line) => {
                line.poll_output(now, scope, entropy).map(|output| output.map_event(|never| match never {}))
            }
        }
    }

    /// What happened to a WebSocket.
    pub(super) fn handle_input(&mut self, now: Timestamp, input: Input, entropy: &mut Entropy) {
        if let Self::Elsewhere(line) = self {
            line.handle_input(now, input, entropy);
        }
    }

    /// All calls have come to their end, and no more will be made.
    pub(super) fn end(&mut self, now: Timestamp) {
        if let Self::Elsewhere(line) = self {
            line.end(now);
        }
    }

    /// Whether nothing is left to do on the network.
    pub(super) fn is_drained(&self) -> bool {
        match self {
            Self::Own(_) => true,
            Self::Elsewhere(line) => line.is_drained(),
        }
    }

    pub(super) fn deadline(&self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Own(own) => soonest(own.bot.deadline(), own.user.deadline()),
            Self::Elsewhere(line) => line.deadline(now),
        }
    }
}
