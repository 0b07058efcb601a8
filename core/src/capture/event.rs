//! A shard's events in words.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::gateway::event::{Disconnect, Event, Stopped};
use crate::gateway::status::Counters;

pub(super) fn describe(event: &Event) -> String {
    let text = String::from_utf8_lossy;
    match event {
        Event::Dispatch(dispatch) => {
            let again = if dispatch.replayed { " replayed" } else { "" };
            let known = if dispatch.duplicate { " duplicate" } else { "" };
            let (name, data) = (dispatch.name.as_str(), text(&dispatch.data));
            format!("dispatch {} {name}{again}{known} {data}", dispatch.seq)
        }
        Event::Connected { resumed, replayed, gap } => {
            format!("connected, resumed {resumed}, replayed {replayed}, gap {gap}")
        }
        Event::HeartbeatAcknowledged { latency } => {
            format!("heartbeat acknowledged after {} ns", latency.as_nanos())
        }
        Event::Disconnected { reason, resumable, retry_in } => {
            let (reason, retry_in) = (disconnect(reason), retry_in.as_nanos());
            format!("disconnected, {reason}, resumable {resumable}, retry in {retry_in} ns")
        }
        Event::AwaitingIdentify => "awaiting identify".into(),
        Event::Identified => "identified".into(),
        Event::Members { guild, result: Ok(members), .. } => {
            let chunks: Vec<_> = members.chunks().iter().map(|chunk| text(chunk)).collect();
            format!("members of {guild} {}", chunks.join(" "))
        }
        Event::Members { guild, result: Err(error), .. } => format!("no members of {guild}, {error}"),
        Event::Stopped { reason, session, counters } => {
            // Bytes depend on compression and on the length of secrets.
            let counters = Counters { bytes_in: 0, bytes_inflated: 0, bytes_out: 0, ..**counters };
            format!("stopped, {}, {session:?}, {counters:?}", stopped(reason))
        }
        Event::Unrecognised { op, data } => format!("unrecognised {op:?} {}", text(&data.0)),
    }
}

pub(super) fn stopped(reason: &Stopped) -> String {
    match reason {
        Stopped::GaveUp { reason } => format!("gave up, {}", disconnect(reason)),
        Stopped::ByUser | Stopped::Refused { .. } => format!("{reason}"),
    }
}

/// Errors name a column, or what was compressed: those do not outlive the capture.
fn disconnect(reason: &Disconnect) -> String {
    match reason {
        Disconnect::Malformed(_) | Disconnect::Compression(_) => "unreadable".into(),
        Disconnect::Closed(_)
        | Disconnect::Zombie
        | Disconnect::Overslept { .. }
        | Disconnect::Reconnect
        | Disconnect::InvalidSession
        | Disconnect::TimedOut { .. }
        | Disconnect::ByUser => format!("{reason}"),
    }
}
