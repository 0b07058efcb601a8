//! Frames of the call: ours sealed, those of others opened.

use alloc::vec::Vec;

use super::{Sending, Session};
use crate::dave::receiver::{self, OpenError, Receiver};
use crate::dave::sender;
use crate::id::UserId;
use crate::time::{Timestamp, soonest};

/// Why a frame was not sealed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SealError {
    /// We are not in the group yet, and do not speak in the clear.
    #[error("there is no key yet: the group of the call is not joined")]
    NoKey,
    /// The frame cannot be sealed.
    #[error(transparent)]
    Sender(#[from] sender::SealError),
}

impl Session {
    /// Decrypts a frame of this user where it lies, and answers with the length of the media at its front.
    ///
    /// # Errors
    /// If the frame gives no media. After [`OpenError::Replayed`] what it holds is unspecified; after all others it is as
    /// it was. It may be opened later after [`OpenError::NoKey`], and while the group
    /// [changes](Self::is_changing).
    pub fn open(&mut self, now: Timestamp, user: UserId, frame: &mut [u8]) -> Result<usize, OpenError> {
        self.tick(now);
        let whole = frame.len();
        let Some(receiver) = self.receivers.get_mut(&user) else {
            let mut stranger = Receiver::new(receiver::AUDIO);
            stranger.pass_through_until(self.passthrough_until);
            return stranger.open(now, frame, &mut self.scratch);
        };
        let opened = receiver.open(now, frame, &mut self.scratch);
        if receiver.take_advanced() {
            self.deadline = soonest(self.deadline, receiver.deadline());
        }
        match opened {
            // One that merely passed says nothing of the keys.
            Ok(length) if length < whole => self.watch.opened(),
            Err(OpenError::TooFarAhead | OpenError::Expired | OpenError::Unauthentic)
                if self.is_settled() && !self.departing.contains_key(&user) =>
            {
                self.watch.failed(now);
            }
            _ => {}
        }
        opened
    }

    /// Encrypts a frame and appends it to `out`; appends it as it is if encryption is off.
    ///
    /// # Errors
    /// If there is no key; nothing is appended.
    pub fn seal(&mut self, frame: &[u8], out: &mut Vec<u8>) -> Result<(), SealError> {
        match &mut self.sending {
            Sending::Nothing => Err(SealError::NoKey),
            Sending::Clear => {
                out.extend_from_slice(frame);
                Ok(())
            }
            Sending::Sealed(_, sender) => Ok(sender.seal(frame, &[], out)?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dave::sender::Sender;
    use crate::entropy::Entropy;
    use crate::id::ChannelId;
    use crate::rtp::aead::Backend;

    #[test]
    fn the_deadline_follows_a_new_generation() {
        let (user, base) = (UserId(2), [7; 16]);
        let mut session = Session::new(UserId(1), ChannelId(1), Backend::default(), Entropy::new([1; 32]));
        let mut receiver = Receiver::new(receiver::AUDIO);
        receiver.install(Timestamp::ZERO, &base);
        session.receivers.insert(user, receiver);
        // Old enough for generation 1: 2^24 frames, 170 a second.
        let now = Timestamp::from_millis(98_690_000);
        let mut sender = Sender::after(Backend::default(), &base, (1 << 24) - 2);
        for deadline in [None, Some(Timestamp::from_millis(98_700_000))] {
            let mut frame = Vec::new();
            sender.seal(b"opus", &[], &mut frame).unwrap();
            assert_eq!(session.open(now, user, &mut frame), Ok(4));
            assert_eq!(session.deadline(), deadline);
        }
        session.handle_timeout(Timestamp::from_millis(98_700_000));
        assert_eq!(session.deadline(), None);
        assert_eq!(session.receivers[&user].deadline(), None, "the older key is erased");
    }
}
