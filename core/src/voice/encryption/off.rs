//! Without DAVE: every frame is as it came.

use alloc::vec::Vec;
use core::convert::Infallible;

use super::{Opened, Wish};
use crate::entropy::Entropy;
use crate::id::{ChannelId, UserId};
use crate::rtp::aead::Backend;
use crate::time::Timestamp;
use crate::voice::payload::Dave;

#[derive(Debug)]
pub(crate) struct Encryption;

impl Encryption {
    /// Only version 0, no encryption.
    pub(crate) const VERSION: u16 = 0;

    pub(crate) const fn offer(_: u16) -> u16 {
        Self::VERSION
    }

    pub(crate) const fn new(_: UserId, _: ChannelId, _: Backend, _: &mut Entropy) -> Self {
        Self
    }

    pub(crate) const fn move_to(&self, _: ChannelId) -> bool {
        true
    }

    pub(crate) const fn described(&self, _: Timestamp, _: u16) {}

    pub(crate) const fn resumed(&self) {}

    pub(crate) const fn joined(&self, _: &[UserId]) {}

    pub(crate) const fn left(&self, _: UserId) {}

    pub(crate) fn handle(&self, _: Timestamp, _: Dave) {}

    pub(crate) const fn deadline(&self) -> Option<Timestamp> {
        None
    }

    pub(crate) const fn handle_timeout(&self, _: Timestamp) {}

    pub(crate) const fn poll(&self) -> Option<Wish> {
        None
    }

    pub(crate) const fn can_seal(&self) -> bool {
        true
    }

    pub(crate) fn seal(&self, frame: &[u8], out: &mut Vec<u8>) -> Result<(), Infallible> {
        out.extend_from_slice(frame);
        Ok(())
    }

    pub(crate) const fn open(&self, _: Timestamp, _: UserId, frame: &mut [u8]) -> Opened {
        Opened::Media(frame.len())
    }
}
