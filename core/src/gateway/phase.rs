//! The phases of a gateway connection: the only place where they change.

use crate::machine::SocketId;
use crate::time::Timestamp;

/// Where a shard stands. `Queued`, `Ready` and `Stopped` last as long as nothing happens; every other phase ends at
/// a deadline.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Phase {
    /// No connection; the next attempt starts at `until`.
    Waiting {
        /// When to connect.
        until: Timestamp,
    },
    /// No connection; the next one starts a session, for which the shard waits for its turn.
    Queued,
    /// The WebSocket is being opened.
    Opening {
        /// The socket.
        socket: SocketId,
        /// When to give up on it.
        until: Timestamp,
    },
    /// Open; Hello is due.
    Greeting {
        /// The socket.
        socket: SocketId,
        /// When to give up on it.
        until: Timestamp,
    },
    /// Identify is sent; READY is due.
    Identifying {
        /// The socket.
        socket: SocketId,
        /// When to give up on it.
        until: Timestamp,
    },
    /// Resume is sent; the missed dispatches and RESUMED are due.
    Resuming {
        /// The socket.
        socket: SocketId,
        /// When to give up on it.
        until: Timestamp,
    },
    /// In session.
    Ready {
        /// The socket.
        socket: SocketId,
    },
    /// Ended for good.
    Stopped,
}

/// What moves a shard from phase to phase.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Step {
    /// A session is to be started, in turn.
    Queue,
    /// An attempt to connect starts.
    Open(SocketId, Timestamp),
    /// The WebSocket is open.
    Opened(Timestamp),
    /// Hello came and Identify went out.
    Identify(Timestamp),
    /// Hello came and Resume went out.
    Resume(Timestamp),
    /// READY came.
    Ready,
    /// RESUMED came.
    Resumed,
    /// The connection is over; the next attempt starts at this time.
    Disconnect(Timestamp),
    /// The end.
    Stop,
}

/// The peer sent something that its phase does not allow.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Fault;

impl Phase {
    /// The phase after `step`.
    ///
    /// # Errors
    /// [`Fault`] if that step cannot be taken from here; the phase stays.
    pub const fn next(self, step: Step) -> Result<Self, Fault> {
        Ok(match (self, step) {
            (Self::Waiting { .. }, Step::Queue) => Self::Queued,
            (Self::Waiting { .. } | Self::Queued, Step::Open(socket, until)) => {
                Self::Opening { socket, until }
            }
            (Self::Opening { socket, .. }, Step::Opened(until)) => Self::Greeting { socket, until },
            (Self::Greeting { socket, .. }, Step::Identify(until)) => Self::Identifying { socket, until },
            (Self::Greeting { socket, .. }, Step::Resume(until)) => Self::Resuming { socket, until },
            (Self::Identifying { socket, .. }, Step::Ready) => Self::Ready { socket },
            (Self::Resuming { socket, .. }, Step::Resumed) => Self::Ready { socket },
            (
                Self::Opening { .. }
                | Self::Greeting { .. }
                | Self::Identifying { .. }
                | Self::Resuming { .. }
                | Self::Ready { .. },
                Step::Disconnect(until),
            ) => Self::Waiting { until },
            (_, Step::Stop) => Self::Stopped,
            _ => return Err(Fault),
        })
    }

    /// The socket in use, if any.
    #[must_use]
    pub const fn socket(self) -> Option<SocketId> {
        match self {
            Self::Opening { socket, .. }
            | Self::Greeting { socket, .. }
            | Self::Identifying { socket, .. }
            | Self::Resuming { socket, .. }
            | Self::Ready { socket } => Some(socket),
            Self::Waiting { .. } | Self::Queued | Self::Stopped => None,
        }
    }

    /// When the phase ends by itself.
    #[must_use]
    pub const fn deadline(self) -> Option<Timestamp> {
        match self {
            Self::Waiting { until }
            | Self::Opening { until, .. }
            | Self::Greeting { until, .. }
            | Self::Identifying { until, .. }
            | Self::Resuming { until, .. } => Some(until),
            Self::Queued | Self::Ready { .. } | Self::Stopped => None,
        }
    }

    /// The phase's name, for logs and dashboards.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting { .. } => "waiting",
            Self::Queued => "queued",
            Self::Opening { .. } => "opening",
            Self::Greeting { .. } => "greeting",
            Self::Identifying { .. } => "identifying",
            Self::Resuming { .. } => "resuming",
            Self::Ready { .. } => "ready",
            Self::Stopped => "stopped",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Scope;

    /// Rows are phases, columns steps, in the order of their declarations; `-` is a fault.
    const TABLE: [(&str, [&str; 9]); 8] = [
        //               Queue     Open       Opened      Identify       Resume      Ready    Resumed  Disconnect Stop
        ("waiting", ["queued", "opening", "-", "-", "-", "-", "-", "-", "stopped"]),
        ("queued", ["-", "opening", "-", "-", "-", "-", "-", "-", "stopped"]),
        ("opening", ["-", "-", "greeting", "-", "-", "-", "-", "waiting", "stopped"]),
        ("greeting", ["-", "-", "-", "identifying", "resuming", "-", "-", "waiting", "stopped"]),
        ("identifying", ["-", "-", "-", "-", "-", "ready", "-", "waiting", "stopped"]),
        ("resuming", ["-", "-", "-", "-", "-", "-", "ready", "waiting", "stopped"]),
        ("ready", ["-", "-", "-", "-", "-", "-", "-", "waiting", "stopped"]),
        ("stopped", ["-", "-", "-", "-", "-", "-", "-", "-", "stopped"]),
    ];

    #[test]
    fn every_transition_is_in_the_table() {
        let socket = Scope::new(0).socket();
        let (old, new) = (Timestamp::from_millis(1), Timestamp::from_millis(2));
        let phases = [
            Phase::Waiting { until: old },
            Phase::Queued,
            Phase::Opening { socket, until: old },
            Phase::Greeting { socket, until: old },
            Phase::Identifying { socket, until: old },
            Phase::Resuming { socket, until: old },
            Phase::Ready { socket },
            Phase::Stopped,
        ];
        let steps = [
            Step::Queue,
            Step::Open(socket, new),
            Step::Opened(new),
            Step::Identify(new),
            Step::Resume(new),
            Step::Ready,
            Step::Resumed,
            Step::Disconnect(new),
            Step::Stop,
        ];
        for (phase, (name, row)) in phases.into_iter().zip(TABLE) {
            assert_eq!(phase.name(), name);
            for (step, expected) in steps.into_iter().zip(row) {
                let next = phase.next(step);
                assert_eq!(next.map_or("-", Phase::name), expected, "{name} after {step:?}");
                if let Ok(next) = next {
                    assert!(next.deadline().is_none_or(|until| until == new), "{name} after {step:?}");
                }
            }
        }
    }
}
