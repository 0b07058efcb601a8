//! A session as a value.

use alloc::boxed::Box;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::id::UserId;

/// What it takes to resume a session, on this connection or in another process.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize)]
pub struct Session {
    /// The session's id.
    pub id: Box<str>,
    /// Where to resume, if Discord said so: without the query.
    pub resume_url: Option<Box<str>>,
    /// Sequence number of the last dispatch that counts as received (see
    /// [`Delivery`](crate::gateway::Delivery)): what came after it is asked for again.
    pub seq: u64,
    /// Sequence number of the last dispatch that was handed to the user; up to here a dispatch that comes again
    /// is a duplicate.
    #[serde(default)]
    pub delivered: u64,
    /// The bot's own user id, which READY says and RESUMED does not; `None` in what earlier versions saved.
    #[serde(default)]
    pub user: Option<UserId>,
}

/// Leaves the id out: with the token, it opens the session.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session(seq {}, delivered {})", self.seq, self.delivered)
    }
}
