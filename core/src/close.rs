//! What the close code tables of both gateways have in common.

/// One close code, and what follows from it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CloseCode<A> {
    /// The number on the wire.
    pub code: u16,
    /// Its meaning; empty if it is in no table.
    pub name: &'static str,
    /// What follows.
    pub action: A,
    /// What a human can do about it; empty where nothing needs doing.
    pub remedy: &'static str,
}

/// A row of a table.
pub(crate) const fn row<A>(code: u16, name: &'static str, action: A, remedy: &'static str) -> CloseCode<A> {
    CloseCode { code, name, action, remedy }
}

/// The row of a code; one made up if there is none.
pub(crate) fn find<A: Copy>(table: &[CloseCode<A>], code: u16, otherwise: A) -> CloseCode<A> {
    table.iter().copied().find(|row| row.code == code).unwrap_or(row(code, "", otherwise, ""))
}

/// The code with which a client keeps its session: anything but 1000 and 1001, which end it (discord-api-docs,
/// Gateway, Initiating a Disconnect).
pub(crate) const KEEP_SESSION: u16 = 4000;

/// The code with which a client ends its session.
pub(crate) const END_SESSION: u16 = 1000;
