//! Membership of the MLS group (RFC 9420) of a call: the only module that names OpenMLS.
//!
//! OpenMLS looks at two things beside its arguments: the system clock, to see whether key packages and leaves are
//! within their lifetime (those of DAVE clients always are), and the number of cores, to seal a commit's path on
//! several threads. Neither changes a byte of what is sent here: randomness follows from the seed and from what is
//! sealed.

mod crypto;
mod group;

pub(super) use crypto::Identity;
pub(super) use group::{Applied, Membership};
