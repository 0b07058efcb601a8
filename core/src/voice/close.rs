//! The voice gateway's close codes and what follows from each.

use crate::close::{self, row};

/// What to do after a voice connection ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Action {
    /// Reconnect and resume the voice session.
    Resume,
    /// Ask for the channel again (op 4 on the main gateway) and start a new session.
    Rejoin,
    /// Do nothing until the main gateway says more: a new server, or that we left.
    Await,
    /// Stop for good: another attempt would fail the same way.
    Stop,
}

/// A close code of this gateway.
pub type CloseCode = close::CloseCode<Action>;

/// The close codes (discord-api-docs, Opcodes and Status Codes, Voice Close Event Codes; 4013 is not listed
/// there).
pub const CLOSE_CODES: &[CloseCode] = &[
    row(4001, "unknown opcode", Action::Rejoin, ""),
    row(4002, "failed to decode payload", Action::Rejoin, ""),
    row(4003, "not authenticated", Action::Rejoin, ""),
    row(4004, "authentication failed", Action::Rejoin, ""),
    row(4005, "already authenticated", Action::Rejoin, ""),
    row(4006, "session no longer valid", Action::Rejoin, ""),
    row(4009, "session timeout", Action::Rejoin, ""),
    row(4011, "server not found", Action::Rejoin, ""),
    row(4012, "unknown protocol", Action::Stop, "this version of the library is too old"),
    row(4013, "the voice server's transport crashed", Action::Resume, ""),
    row(4014, "disconnected", Action::Await, "someone removed the bot from the channel, or moved it"),
    row(4015, "voice server crashed", Action::Resume, ""),
    row(4016, "unknown encryption mode", Action::Stop, "this version of the library is too old"),
    row(
        4017,
        "end-to-end encryption required",
        Action::Stop,
        "this channel takes only clients that speak DAVE",
    ),
    row(4020, "bad request", Action::Rejoin, ""),
    row(4021, "rate limited", Action::Stop, "the bot joined too often: wait a while before the next join"),
    row(4022, "call terminated", Action::Await, "the channel was deleted, or the voice server changed"),
];

/// The row of a code. Codes without a row resume.
#[must_use]
pub fn close_code(code: u16) -> CloseCode {
    close::find(CLOSE_CODES, code, Action::Resume)
}
