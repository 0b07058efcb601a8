//! What a client tells its user.

use core::fmt;

use crate::id::GuildId;
use crate::machine::Unanswered;
use crate::rest::{GatewayBot, RestError};
use crate::time::Duration;
use crate::{gateway, record, voice};

/// What a client tells its user.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// `/gateway/bot` answered.
    GatewayBot(GatewayBot),
    /// `/gateway/bot` could not be had; it is asked again after this wait.
    GatewayBotFailed {
        /// Why.
        reason: RequestFailed,
        /// The wait.
        retry_in: Duration,
    },
    /// From the gateway.
    Gateway(gateway::Event),
    /// From the call in this guild.
    Voice(GuildId, voice::Event),
    /// From the recording in this guild.
    Recording(GuildId, record::Event),
    /// The client has ended for good: the last event, when every recording is finished.
    Stopped {
        /// Why.
        reason: Stopped,
    },
}

/// Why a request failed.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RequestFailed {
    /// There was no answer.
    Unanswered(Unanswered),
    /// The answer was no success.
    Refused(RestError),
}

impl fmt::Display for RequestFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unanswered(unanswered) => f.write_str(&unanswered.reason),
            Self::Refused(error) => error.fmt(f),
        }
    }
}

/// Why a client has ended.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Stopped {
    /// The user asked for it.
    ByUser,
    /// The gateway has stopped.
    Gateway(gateway::Stopped),
    /// `/gateway/bot` could not be had.
    GatewayBot(RequestFailed),
    /// No session may be started before the day's count starts afresh.
    NoIdentifiesLeft {
        /// When it does, from now.
        reset_after: Duration,
    },
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ByUser => f.write_str("stopped"),
            Self::Gateway(reason) => reason.fmt(f),
            Self::GatewayBot(reason) => write!(f, "Discord's gateway address could not be had: {reason}"),
            Self::NoIdentifiesLeft { reset_after } => write!(
                f,
                "the bot has started all the sessions that Discord allows in a day; more in {} minutes",
                reset_after.as_secs().div_ceil(60)
            ),
        }
    }
}
