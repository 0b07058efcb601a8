//! The phases of a voice connection: the only place where they change.

use crate::machine::SocketId;
use crate::time::Timestamp;

/// Where a call stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Phase {
    /// The main gateway was asked for the channel (op 4); VOICE_STATE_UPDATE and VOICE_SERVER_UPDATE are due.
    Joining {
        /// When to give up.
        until: Timestamp,
    },
    /// No connection; the next attempt starts at `until`.
    Waiting {
        /// When to act.
        until: Timestamp,
        /// Whether to resume the voice session or to ask for the channel again.
        resume: bool,
    },
    /// Discord closed the connection, or has no server for us: the main gateway will say more.
    Awaiting {
        /// When to ask for the channel again.
        until: Timestamp,
    },
    /// The WebSocket is being opened.
    Opening {
        /// The socket.
        socket: SocketId,
        /// When to give up on it.
        until: Timestamp,
        /// Whether to resume or to identify once it is open.
        resume: bool,
    },
    /// Identify is sent; Ready is due.
    Identifying {
        /// The socket.
        socket: SocketId,
        /// When to give up on it.
        until: Timestamp,
    },
    /// IP discovery asks for our address; its own tries bound it.
    Discovering {
        /// The socket.
        socket: SocketId,
        /// When to give up on it.
        until: Timestamp,
    },
    /// Select Protocol is sent; Session Description is due.
    Selecting {
        /// The socket.
        socket: SocketId,
        /// When to give up on it.
        until: Timestamp,
    },
    /// Resume is sent; Resumed is due.
    Resuming {
        /// The socket.
        socket: SocketId,
        /// When to give up on it.
        until: Timestamp,
    },
    /// In the call.
    Live {
        /// The socket.
        socket: SocketId,
    },
    /// Over for good.
    Ended,
}

/// What moves a call from phase to phase.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Step {
    /// The main gateway is asked for the channel.
    Join(Timestamp),
    /// An attempt to connect starts; `true` to resume.
    Open(SocketId, Timestamp, bool),
    /// The WebSocket is open, and Identify or Resume went out.
    Opened(Timestamp),
    /// Ready came.
    Ready(Timestamp),
    /// Our address is known, and Select Protocol went out.
    Discovered(Timestamp),
    /// Session Description came.
    Described,
    /// Resumed came.
    Resumed,
    /// The connection is over; `true` to resume it at that time.
    Disconnect(Timestamp, bool),
    /// The connection is over; the main gateway will say more.
    Await(Timestamp),
    /// The end.
    End,
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
            (Self::Ended, Step::End) => Self::Ended,
            (Self::Ended, _) => return Err(Fault),
            (_, Step::End) => Self::Ended,
            (_, Step::Join(until)) => Self::Joining { until },
            (_, Step::Await(until)) => Self::Awaiting { until },
            (_, Step::Disconnect(until, resume)) => Self::Waiting { until, resume },
            (Self::Joining { .. } | Self::Awaiting { .. }, Step::Open(socket, until, false)) => {
                Self::Opening { socket, until, resume: false }
            }
            (Self::Waiting { resume: true, .. }, Step::Open(socket, until, true)) => {
                Self::Opening { socket, until, resume: true }
            }
            (Self::Opening { socket, resume: false, .. }, Step::Opened(until)) => {
                Self::Identifying { socket, until }
            }
            (Self::Opening { socket, resume: true, .. }, Step::Opened(until)) => {
                Self::Resuming { socket, until }
            }
            (Self::Identifying { socket, .. }, Step::Ready(until)) => Self::Discovering { socket, until },
            (Self::Discovering { socket, .. }, Step::Discovered(until)) => Self::Selecting { socket, until },
            (Self::Selecting { socket, .. }, Step::Described) => Self::Live { socket },
            (Self::Resuming { socket, .. }, Step::Resumed) => Self::Live { socket },
            _ => return Err(Fault),
        })
    }

    /// The WebSocket in use, if any.
    #[must_use]
    pub const fn socket(self) -> Option<SocketId> {
        match self {
            Self::Opening { socket, .. }
            | Self::Identifying { socket, .. }
            | Self::Discovering { socket, .. }
            | Self::Selecting { socket, .. }
            | Self::Resuming { socket, .. }
            | Self::Live { socket } => Some(socket),
            Self::Joining { .. } | Self::Waiting { .. } | Self::Awaiting { .. } | Self::Ended => None,
        }
    }

    /// When the phase ends by itself.
    #[must_use]
    pub const fn deadline(self) -> Option<Timestamp> {
        match self {
            Self::Joining { until }
            | Self::Waiting { until, .. }
            | Self::Awaiting { until }
            | Self::Opening { until, .. }
            | Self::Identifying { until, .. }
            | Self::Discovering { until, .. }
            | Self::Selecting { until, .. }
            | Self::Resuming { until, .. } => Some(until),
            Self::Live { .. } | Self::Ended => None,
        }
    }

    /// The phase's name, for logs and dashboards.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Joining { .. } => "joining",
            Self::Waiting { .. } => "waiting",
            Self::Awaiting { .. } => "awaiting",
            Self::Opening { .. } => "opening",
            Self::Identifying { .. } => "identifying",
            Self::Discovering { .. } => "discovering",
            Self::Selecting { .. } => "selecting",
            Self::Resuming { .. } => "resuming",
            Self::Live { .. } => "live",
            Self::Ended => "ended",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Scope;

    /// Rows are phases, columns steps, in the order of `steps` below; `-` is a fault. `resume` tells an
    /// opening or waiting that resumes.
    const TABLE: [(&str, [&str; 12]); 12] = {
        const J: &str = "joining";
        const W: &str = "waiting";
        const A: &str = "awaiting";
        const O: &str = "opening";
        const E: &str = "ended";
        [
            // Join, Open fresh, Open resume, Opened, Ready, Discovered, Described, Resumed,
            // Disconnect to rejoin, Disconnect to resume, Await, End
            ("joining", [J, O, "-", "-", "-", "-", "-", "-", W, W, A, E]),
            ("waiting", [J, "-", "-", "-", "-", "-", "-", "-", W, W, A, E]),
            ("waiting", [J, "-", O, "-", "-", "-", "-", "-", W, W, A, E]),
            ("awaiting", [J, O, "-", "-", "-", "-", "-", "-", W, W, A, E]),
            ("opening", [J, "-", "-", "identifying", "-", "-", "-", "-", W, W, A, E]),
            ("opening", [J, "-", "-", "resuming", "-", "-", "-", "-", W, W, A, E]),
            ("identifying", [J, "-", "-", "-", "discovering", "-", "-", "-", W, W, A, E]),
            ("discovering", [J, "-", "-", "-", "-", "selecting", "-", "-", W, W, A, E]),
            ("selecting", [J, "-", "-", "-", "-", "-", "live", "-", W, W, A, E]),
            ("resuming", [J, "-", "-", "-", "-", "-", "-", "live", W, W, A, E]),
            ("live", [J, "-", "-", "-", "-", "-", "-", "-", W, W, A, E]),
            ("ended", ["-", "-", "-", "-", "-", "-", "-", "-", "-", "-", "-", E]),
        ]
    };

    #[test]
    fn every_transition_is_in_the_table() {
        let socket = Scope::new(0).socket();
        let (until, new) = (Timestamp::from_millis(1), Timestamp::from_millis(2));
        let phases = [
            Phase::Joining { until },
            Phase::Waiting { until, resume: false },
            Phase::Waiting { until, resume: true },
            Phase::Awaiting { until },
            Phase::Opening { socket, until, resume: false },
            Phase::Opening { socket, until, resume: true },
            Phase::Identifying { socket, until },
            Phase::Discovering { socket, until },
            Phase::Selecting { socket, until },
            Phase::Resuming { socket, until },
            Phase::Live { socket },
            Phase::Ended,
        ];
        let steps = [
            Step::Join(new),
            Step::Open(socket, new, false),
            Step::Open(socket, new, true),
            Step::Opened(new),
            Step::Ready(new),
            Step::Discovered(new),
            Step::Described,
            Step::Resumed,
            Step::Disconnect(new, false),
            Step::Disconnect(new, true),
            Step::Await(new),
            Step::End,
        ];
        for (phase, (name, row)) in phases.into_iter().zip(TABLE) {
            assert_eq!(phase.name(), name);
            for (step, expected) in steps.into_iter().zip(row) {
                let next = phase.next(step);
                assert_eq!(next.map_or("-", Phase::name), expected, "{phase:?} after {step:?}");
                if let Ok(next) = next {
                    assert!(next.deadline().is_none_or(|until| until == new), "{phase:?} after {step:?}");
                }
                if let (Step::Disconnect(_, resume), Ok(next)) = (step, next) {
                    assert_eq!(next, Phase::Waiting { until: new, resume });
                }
            }
        }
    }
}
