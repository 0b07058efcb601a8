//! Without the feature `dave` its messages are as any other that is not understood.

use bytes::Bytes;

use crate::envelope::{DecodeError, Envelope};
use crate::voice::opcode::OpCode;

/// There is none.
#[derive(Debug)]
pub(crate) enum Dave {}

impl Dave {
    pub(crate) const fn from_binary(_: OpCode, _: &Bytes) -> Option<Self> {
        None
    }

    pub(crate) const fn from_json(_: &Envelope) -> Result<Option<Self>, DecodeError> {
        Ok(None)
    }
}
