//! A receipt as its two numbers.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::gateway::event::Receipt;

pub(super) fn serialize<S: Serializer>(receipt: &Receipt, to: S) -> Result<S::Ok, S::Error> {
    [receipt.session, receipt.seq].serialize(to)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Receipt, D::Error> {
    <[u64; 2]>::deserialize(from).map(|[session, seq]| Receipt { session, seq })
}
