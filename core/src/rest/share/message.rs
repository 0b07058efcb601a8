//! What a session and an office say to each other.

use alloc::string::String;

use serde::{Deserialize, Serialize};

use crate::rest::limiter::{Event, Outcome, Reason, Refused, Ticket};
use crate::rest::route::{Route, START, fnv, mix};

/// Whose limits hold for a request: a token's, as a number that does not tell the token, or nobody's.
///
/// Discord limits what shows no token by address (discord-api-docs, Rate Limits).
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct Account(u64);

impl Account {
    /// Of requests that show no token, but perhaps a webhook's or an interaction's.
    pub const NOBODY: Self = Self(0);

    /// Of requests that show this token, whatever it is written like. The same in every process.
    #[must_use]
    pub fn of(token: &str) -> Self {
        if token.is_empty() { Self::NOBODY } else { Self(mix(fnv(START, token.as_bytes()))) }
    }
}

/// What a session asks of an office. The texts stand at [`share`](super).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// A request wants to be sent.
    Want {
        /// Its name from now on: none that this session uses already.
        id: Ticket,
        /// Whose limits hold.
        account: Account,
        /// Where it goes.
        route: Route,
    },
    /// A request is under way that was granted before this connection was made.
    Held {
        /// Its name from now on.
        id: Ticket,
        /// Whose limits hold.
        account: Account,
        /// Where it goes.
        route: Route,
        /// How long ago it was granted, in milliseconds.
        age: u64,
    },
    /// A granted request is done with; its name is free.
    Done {
        /// Which.
        id: Ticket,
        /// What became of it.
        outcome: Outcome,
    },
    /// A granted request came to nothing, and wants to be sent again in its old place.
    Again {
        /// Which.
        id: Ticket,
        /// What became of it.
        outcome: Outcome,
    },
    /// A request is not to be sent any more, and was not since it was granted. Its name is free.
    Drop {
        /// Which.
        id: Ticket,
    },
    /// To be answered by [`Answer::Pong`], after all that was asked before.
    Ping {
        /// Any number.
        count: u64,
    },
}

/// What an office answers.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Send it now, and say what became of it.
    Granted {
        /// Which.
        id: Ticket,
    },
    /// It is not granted at once. Said once for each [`Ask::Want`] and [`Ask::Again`]; the reason may change later.
    Waiting {
        /// Which.
        id: Ticket,
        /// What for.
        reason: Reason,
        /// For how long at least, in milliseconds, if that is known.
        left: Option<u64>,
    },
    /// It must not be sent. Its name is free.
    Refused {
        /// Which.
        id: Ticket,
        /// Why.
        why: Refused,
    },
    /// What the limiter of this account tells beside that, to the sessions that have used it.
    /// [`Event::Limited`] goes to the one whose request it was, and carries that one's name for it.
    Limiter {
        /// Whose limits.
        account: Account,
        /// What.
        event: Event,
    },
    /// What was asked made no sense; nothing came of it.
    Wrong {
        /// What it was about, if that could be read.
        id: Option<Ticket>,
        /// Why.
        why: Wrong,
    },
    /// Answers [`Ask::Ping`].
    Pong {
        /// The same number.
        count: u64,
    },
}

/// Why an [`Ask`] made no sense.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Wrong {
    /// It is no message of this kind.
    Unreadable,
    /// A request has this name already.
    Twice,
    /// No request has this name, or it is not granted. Not always a fault: it may have been refused, or have
    /// [expired](Event::Expired), while this was on its way.
    Unknown,
}

impl Ask {
    /// Without what no answer of Discord's is read as.
    pub(super) fn tamed(mut self) -> Self {
        if let Self::Done { outcome: Outcome::Answered(limits), .. }
        | Self::Again { outcome: Outcome::Answered(limits), .. } = &mut self
        {
            limits.bound();
        }
        self
    }

    /// As text.
    #[must_use]
    pub fn to_text(&self) -> String {
        // Fails only for maps whose keys are not strings, and there is no map.
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Answer {
    /// As text.
    #[must_use]
    pub fn to_text(&self) -> String {
        // As above.
        serde_json::to_string(self).unwrap_or_default()
    }
}
