//! The main gateway's close codes and what follows from each.

use crate::close::{self, row};

/// What to do after a connection ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Action {
    /// Reconnect and resume the session.
    Resume,
    /// Reconnect with a new session.
    Identify,
    /// Stop for good: another attempt would fail the same way.
    Stop,
}

/// A close code of this gateway.
pub type CloseCode = close::CloseCode<Action>;

/// The close codes (discord-api-docs, Opcodes and Status Codes, Gateway Close Event Codes). A failed resume
/// costs an op 9 and no identify, so a session is given up only where it cannot be alive.
pub const CLOSE_CODES: &[CloseCode] = &[
    row(4000, "unknown error", Action::Resume, ""),
    row(4001, "unknown opcode", Action::Resume, "a raw command had an opcode that Discord does not know"),
    row(4002, "decode error", Action::Resume, "a command was malformed or longer than 4,096 bytes"),
    row(4003, "not authenticated", Action::Identify, ""),
    row(
        4004,
        "authentication failed",
        Action::Stop,
        "the bot token is wrong or was reset: check DISCORD_BOT_TOKEN, or copy a new token from the Discord \
         developer portal (Bot, Reset Token)",
    ),
    row(4005, "already authenticated", Action::Identify, ""),
    row(4007, "invalid sequence number", Action::Identify, ""),
    row(4008, "rate limited", Action::Resume, "commands were sent faster than 120 in 60 s"),
    row(4009, "session timed out", Action::Resume, ""),
    row(4010, "invalid shard", Action::Stop, "the shard number must be below the shard count"),
    row(
        4011,
        "sharding required",
        Action::Stop,
        "the bot is in too many guilds for one connection: use at least the shard count of /gateway/bot",
    ),
    row(4012, "invalid API version", Action::Stop, "this version of the library is too old"),
    row(4013, "invalid intents", Action::Stop, "an intents bit is set that does not exist"),
    row(
        4014,
        "disallowed intents",
        Action::Stop,
        "enable the privileged intents for this bot in the Discord developer portal (Bot, Privileged Gateway \
         Intents), or ask for fewer intents",
    ),
];

/// The row of a code. Codes without a row, 1000 and 1001 included, resume.
#[must_use]
pub fn close_code(code: u16) -> CloseCode {
    close::find(CLOSE_CODES, code, Action::Resume)
}
