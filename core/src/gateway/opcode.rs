//! The main gateway's opcodes.

use core::fmt;

macro_rules! opcodes {
    ($($(#[$doc:meta])* $number:literal $name:ident $direction:ident;)*) => {
        /// An opcode of the main gateway (discord-api-docs, Opcodes and Status Codes).
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        pub enum OpCode {
            $($(#[$doc])* $name,)*
            /// A number that is not in the table: counted, shown to the user, otherwise ignored.
            Unknown(u64),
        }

        impl OpCode {
            /// All opcodes of the table.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The opcode of this number.
            #[must_use]
            pub const fn from_number(number: u64) -> Self {
                match number {
                    $($number => Self::$name,)*
                    other => Self::Unknown(other),
                }
            }

            /// The number on the wire.
            #[must_use]
            pub const fn number(self) -> u64 {
                match self {
                    $(Self::$name => $number,)*
                    Self::Unknown(number) => number,
                }
            }

            /// Who sends it.
            #[must_use]
            pub const fn direction(self) -> Direction {
                match self {
                    $(Self::$name => Direction::$direction,)*
                    Self::Unknown(_) => Direction::Receive,
                }
            }
        }
    };
}

/// Who sends an opcode, seen from the client.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Direction {
    /// Client and server.
    Both,
    /// The server.
    Receive,
    /// The client.
    Send,
}

opcodes! {
    /// An event.
    0 Dispatch Receive;
    /// Keeps the connection alive.
    1 Heartbeat Both;
    /// Starts a session.
    2 Identify Send;
    /// Sets status and activities.
    3 PresenceUpdate Send;
    /// Joins, moves between and leaves voice channels.
    4 VoiceStateUpdate Send;
    /// Resumes a session.
    6 Resume Send;
    /// Asks the client to reconnect and resume.
    7 Reconnect Receive;
    /// Asks for members of a guild.
    8 RequestGuildMembers Send;
    /// The session is not valid; its payload says whether it can be resumed.
    9 InvalidSession Receive;
    /// The first message, with the heartbeat interval.
    10 Hello Receive;
    /// Acknowledges a heartbeat.
    11 HeartbeatAck Receive;
    /// Asks for the soundboard sounds of guilds.
    31 RequestSoundboardSounds Send;
    /// Asks for statuses of a guild's channels.
    43 RequestChannelInfo Send;
}

impl fmt::Display for OpCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?} ({})", self.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_round_trip() {
        for &op in OpCode::ALL {
            assert_eq!(OpCode::from_number(op.number()), op);
        }
        assert_eq!(OpCode::from_number(5), OpCode::Unknown(5));
        assert_eq!(OpCode::Unknown(u64::MAX).number(), u64::MAX);
    }
}
