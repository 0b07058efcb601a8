//! Waits and events in words.

use alloc::format;
use core::fmt;

use super::limits::Limited;
use super::message::{Event, Reason, Wait};
use crate::machine::{Level, Log};

/// What it waits for, and nothing of the time, which is the caller's to tell.
impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(f)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Order(before) => write!(f, "its turn: {before} of its route are before it"),
            Self::Bucket { limit } => write!(f, "the limit of its route, {limit} requests in a window"),
            Self::FirstAnswer => f.write_str("the first answer of its route, which tells its limit"),
            Self::Held => f.write_str("a limit of its route that Discord told by a 429"),
            Self::Busy => f.write_str("an end of other requests: as many are under way as may be"),
            Self::Global => f.write_str("the limit over all routes"),
            Self::GlobalStop => f.write_str("a limit over all routes that Discord told by a 429"),
            Self::Cloudflare => f.write_str("the proxy before Discord, which refuses everything"),
            Self::Invalid => {
                f.write_str("fewer invalid requests: too many more would get the address banned")
            }
            Self::Turn => f.write_str("its turn"),
            Self::Office => f.write_str("the office that grants turns, which cannot be reached"),
        }
    }
}

impl Event {
    /// What a driver that logs says of it.
    #[must_use]
    pub fn log(&self) -> Option<Log> {
        let (level, text) = match self {
            Self::Granted(_) | Self::Refused(..) | Self::Expired(_) => return None,
            Self::Limited { by, wait, .. } => {
                let whose = match by {
                    Limited::Global => "all routes",
                    Limited::Cloudflare => "everything, by the proxy before Discord",
                    _ => "its route",
                };
                (Level::Info, format!("429: {whose} must wait {wait:?}"))
            }
            Self::Tripped { invalid, wait } => {
                let text = format!(
                    "{invalid} requests in 10 minutes were invalid (401, 403, 429): none is sent for {wait:?}, \
                     as 10,000 would get this address banned"
                );
                (Level::Error, text)
            }
            Self::Resumed => (Level::Info, "requests go on".into()),
            Self::Unauthorized => {
                (Level::Error, "Discord refused the bot's token: nothing more is sent with it".into())
            }
            Self::WebhookGone(_) => (Level::Warn, "a webhook is gone: nothing more is sent to it".into()),
        };
        Some(Log::new(level, text))
    }
}
