//! The voice gateway's opcodes.

use core::fmt;

use crate::gateway::opcode::Direction;

/// How an opcode's message is framed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Format {
    /// A text frame with JSON.
    Json,
    /// A binary frame: from the server `seq: u16 ‖ op: u8 ‖ payload`, from the client `op: u8 ‖ payload`.
    Binary,
}

macro_rules! opcodes {
    ($($(#[$doc:meta])* $number:literal $name:ident $direction:ident $format:ident;)*) => {
        /// An opcode of the voice gateway, version 8 (discord-api-docs, Opcodes and Status Codes, Voice).
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

            /// How it is framed.
            #[must_use]
            pub const fn format(self) -> Format {
                match self {
                    $(Self::$name => Format::$format,)*
                    Self::Unknown(_) => Format::Json,
                }
            }
        }
    };
}

opcodes! {
    /// Starts a voice session.
    0 Identify Send Json;
    /// Names our address and the encryption mode.
    1 SelectProtocol Send Json;
    /// The voice server's address, our SSRC and the modes on offer.
    2 Ready Receive Json;
    /// Keeps the connection alive and acknowledges what was received.
    3 Heartbeat Both Json;
    /// Mode and key.
    4 SessionDescription Receive Json;
    /// Who speaks with which SSRC.
    5 Speaking Both Json;
    /// Acknowledges a heartbeat.
    6 HeartbeatAck Receive Json;
    /// Resumes a voice session.
    7 Resume Send Json;
    /// The heartbeat interval.
    8 Hello Receive Json;
    /// The session goes on.
    9 Resumed Receive Json;
    /// Users who are in the call.
    11 ClientsConnect Receive Json;
    /// A user left the call.
    13 ClientDisconnect Receive Json;
    /// A change of DAVE version is announced.
    21 DavePrepareTransition Receive Json;
    /// An announced change takes effect.
    22 DaveExecuteTransition Receive Json;
    /// We are ready for an announced change.
    23 DaveTransitionReady Send Json;
    /// A new MLS group or a new version of it is announced.
    24 DavePrepareEpoch Receive Json;
    /// Who may propose changes of the MLS group.
    25 MlsExternalSender Receive Binary;
    /// Our MLS key package.
    26 MlsKeyPackage Send Binary;
    /// Proposed changes of the MLS group.
    27 MlsProposals Receive Binary;
    /// Our commit, and welcomes for those whom it adds.
    28 MlsCommitWelcome Send Binary;
    /// The commit that the voice server chose.
    29 MlsAnnounceCommitTransition Receive Binary;
    /// Our welcome to the MLS group.
    30 MlsWelcome Receive Binary;
    /// A commit or welcome could not be processed.
    31 MlsInvalidCommitWelcome Send Json;
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
        assert_eq!(OpCode::from_number(10), OpCode::Unknown(10));
    }
}
