//! The messages of DAVE from the voice server.

use bytes::Bytes;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use crate::envelope::{DecodeError, Envelope};
use crate::voice::opcode::OpCode;

/// Op 21.
#[derive(Debug, Deserialize)]
pub(crate) struct PrepareTransition {
    pub(crate) transition_id: u16,
    pub(crate) protocol_version: u16,
}

/// Op 22.
#[derive(Debug, Deserialize)]
pub(crate) struct ExecuteTransition {
    pub(crate) transition_id: u16,
}

/// Op 24.
#[derive(Debug, Deserialize)]
pub(crate) struct PrepareEpoch {
    pub(crate) protocol_version: u16,
    pub(crate) epoch: Number,
    #[serde(default)]
    pub(crate) transition_id: Option<u16>,
}

/// A number that some servers write as a string.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Number(pub(crate) u64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written<'a> {
            Number(u64),
            Text(&'a str),
        }
        match Written::deserialize(deserializer)? {
            Written::Number(number) => Ok(Self(number)),
            Written::Text(text) => text.parse().map(Self).map_err(D::Error::custom),
        }
    }
}

/// A message of DAVE: its JSON, or its payload behind the opcode.
#[derive(Debug)]
pub(crate) enum Dave {
    PrepareTransition(PrepareTransition),
    ExecuteTransition(ExecuteTransition),
    PrepareEpoch(PrepareEpoch),
    ExternalSender(Bytes),
    Proposals(Bytes),
    AnnounceCommit(Bytes),
    Welcome(Bytes),
}

impl Dave {
    /// The message of a binary frame, if it is one.
    pub(crate) fn from_binary(op: OpCode, payload: &Bytes) -> Option<Self> {
        let read = match op {
            OpCode::MlsExternalSender => Self::ExternalSender,
            OpCode::MlsProposals => Self::Proposals,
            OpCode::MlsAnnounceCommitTransition => Self::AnnounceCommit,
            OpCode::MlsWelcome => Self::Welcome,
            _ => return None,
        };
        Some(read(payload.clone()))
    }

    /// The message of a text frame, if it is one.
    pub(crate) fn from_json(envelope: &Envelope) -> Result<Option<Self>, DecodeError> {
        Ok(Some(match OpCode::from_number(envelope.op) {
            OpCode::DavePrepareTransition => {
                Self::PrepareTransition(envelope.parse_data("DAVE Prepare Transition")?)
            }
            OpCode::DaveExecuteTransition => {
                Self::ExecuteTransition(envelope.parse_data("DAVE Execute Transition")?)
            }
            OpCode::DavePrepareEpoch => Self::PrepareEpoch(envelope.parse_data("DAVE Prepare Epoch")?),
            _ => return Ok(None),
        }))
    }
}
