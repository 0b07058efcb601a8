//! The voice gateway's opcodes.

use crate::opcode::{Direction, opcodes};

opcodes! {
    /// An opcode of the voice gateway, version 8 (discord-api-docs, Opcodes and Status Codes, Voice).
    OpCode;

    /// Starts a voice session.
    0 Identify Send;
    /// Names our address and the encryption mode.
    1 SelectProtocol Send;
    /// The voice server's address, our SSRC and the modes on offer.
    2 Ready Receive;
    /// Keeps the connection alive and acknowledges what was received.
    3 Heartbeat Both;
    /// Mode and key.
    4 SessionDescription Receive;
    /// Who speaks with which SSRC.
    5 Speaking Both;
    /// Acknowledges a heartbeat.
    6 HeartbeatAck Receive;
    /// Resumes a voice session.
    7 Resume Send;
    /// The heartbeat interval.
    8 Hello Receive;
    /// The session goes on.
    9 Resumed Receive;
    /// Users who are in the call.
    11 ClientsConnect Receive;
    /// A user left the call.
    13 ClientDisconnect Receive;
    /// A change of DAVE version is announced.
    21 DavePrepareTransition Receive;
    /// An announced change takes effect.
    22 DaveExecuteTransition Receive;
    /// We are ready for an announced change.
    23 DaveTransitionReady Send;
    /// A new MLS group or a new version of it is announced.
    24 DavePrepareEpoch Receive;
    /// Who may propose changes of the MLS group.
    25 MlsExternalSender Receive;
    /// Our MLS key package.
    26 MlsKeyPackage Send;
    /// Proposed changes of the MLS group.
    27 MlsProposals Receive;
    /// Our commit, and welcomes for those whom it adds.
    28 MlsCommitWelcome Send;
    /// The commit that the voice server chose.
    29 MlsAnnounceCommitTransition Receive;
    /// Our welcome to the MLS group.
    30 MlsWelcome Receive;
    /// A commit or welcome could not be processed.
    31 MlsInvalidCommitWelcome Send;
}

/// How an opcode's message is framed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Format {
    /// A text frame with JSON.
    Json,
    /// A binary frame: from the server `seq: u16 ‖ op: u8 ‖ payload`, from the client `op: u8 ‖ payload`.
    Binary,
}

impl OpCode {
    /// How it is framed: what carries MLS messages is binary.
    #[must_use]
    pub const fn format(self) -> Format {
        match self {
            Self::MlsExternalSender
            | Self::MlsKeyPackage
            | Self::MlsProposals
            | Self::MlsCommitWelcome
            | Self::MlsAnnounceCommitTransition
            | Self::MlsWelcome => Format::Binary,
            _ => Format::Json,
        }
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
        assert_eq!(OpCode::from_number(10), OpCode::Unknown(10));
    }
}
