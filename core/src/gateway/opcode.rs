//! The main gateway's opcodes.

use crate::opcode::{Direction, opcodes};

opcodes! {
    /// An opcode of the main gateway (discord-api-docs, Opcodes and Status Codes).
    OpCode;

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
