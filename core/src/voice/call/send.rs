//! What a call sends: Opus packets, each at its time, behind a Speaking message.

use alloc::vec::Vec;

use bytes::Bytes;

use super::Call;
use crate::machine::Output;
use crate::time::Timestamp;
use crate::voice::close::Action;
use crate::voice::encryption::Encryption;
use crate::voice::event::{Disconnect, Event};
use crate::voice::media::Media;
use crate::voice::opcode::OpCode;
use crate::voice::payload::SpeakingOut;
use crate::voice::phase::Phase;
use crate::voice::transmitter::{Next, SendError};

impl Call {
    /// Queues an Opus packet. Packets go out one after the other, each when the one before it ends, as soon as the call
    /// is live and has its keys. A Speaking message goes before them, and five frames of silence follow when no more
    /// are there.
    ///
    /// While the connection is down or a key is missing, packets wait.
    ///
    /// # Errors
    /// If it is no Opus packet, or too long, or too many wait, or the call has ended.
    pub fn send_opus(&mut self, now: Timestamp, opus: Bytes) -> Result<(), SendError> {
        self.tick(now);
        if self.phase == Phase::Ended {
            return Err(SendError::NoCall);
        }
        self.transmitter.push(opus)?;
        self.transmit();
        Ok(())
    }

    /// Drops the packets that wait to be sent.
    pub fn clear_queue(&mut self, now: Timestamp) {
        self.tick(now);
        self.transmitter.clear();
        self.transmit();
    }

    /// Takes back the packets that wait to be sent.
    pub fn take_queue(&mut self, now: Timestamp) -> Vec<Bytes> {
        self.tick(now);
        let queue = self.transmitter.take();
        self.transmit();
        queue
    }

    /// Packets that wait to be sent, [`MAX_QUEUED`](crate::voice::transmitter::MAX_QUEUED) at most.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.transmitter.queued()
    }

    /// Whether audio is being sent, or the silence after it.
    #[must_use]
    pub const fn is_sending(&self) -> bool {
        self.transmitter.is_sending()
    }

    /// Keeps Speaking on (op 5) while nothing is sent, as for speech that is made piece by piece; or no more.
    pub fn hold_speaking(&mut self, now: Timestamp, hold: bool) {
        self.tick(now);
        self.holds_speaking = hold;
        self.transmit();
    }

    /// Whether packets can go out now: there is a connection, its key, and the key of the end-to-end encryption. A
    /// transmission goes on while the WebSocket is being resumed; a new one waits until it is.
    #[must_use]
    pub fn can_send(&self) -> bool {
        let keyed = self.media.as_ref().is_some_and(Media::is_keyed);
        let sealed = self.encryption.as_ref().is_some_and(Encryption::can_seal);
        keyed && sealed && (self.is_live() || self.told_speaking != 0)
    }

    const fn is_live(&self) -> bool {
        matches!(self.phase, Phase::Live { .. })
    }

    /// When the next packet is due, if it can go out.
    pub(super) fn transmission_deadline(&self) -> Option<Timestamp> {
        self.transmitter.deadline().filter(|_| self.can_send())
    }

    /// Sends what is due.
    pub(super) fn transmit(&mut self) {
        loop {
            if !self.can_send() {
                self.interrupt();
                self.tell_speaking(false);
                return;
            }
            self.tell_speaking(false);
            match self.transmitter.next(self.now) {
                None => return,
                Some(Next::Start) => self.out.event(Event::TransmissionStarted),
                Some(Next::End) => self.out.event(Event::TransmissionEnded),
                Some(Next::Packet { sequence, timestamp, opus }) => {
                    self.send_packet(sequence, timestamp, opus)
                }
            }
        }
    }

    /// Nothing can be sent for the time being.
    pub(super) fn interrupt(&mut self) {
        if self.transmitter.interrupt() {
            self.out.event(Event::TransmissionEnded);
        }
    }

    /// An op 5 with our SSRC must come before any audio of ours, and tells whether there is some. `again`: even if that
    /// was said already.
    pub(super) fn tell_speaking(&mut self, again: bool) {
        let speaks = self.transmitter.is_sending() || self.holds_speaking;
        let speaking = if speaks { self.config.speaking } else { 0 };
        if let Some(media) =
            self.media.as_ref().filter(|_| (again || self.told_speaking != speaking) && self.is_live())
        {
            let ssrc = media.ssrc();
            self.told_speaking = speaking;
            self.send(OpCode::Speaking, &SpeakingOut { speaking, delay: 0, ssrc });
        }
    }

    fn send_packet(&mut self, sequence: u16, timestamp: u32, opus: Bytes) {
        let (Some(media), Some(encryption)) = (&mut self.media, &mut self.encryption) else { return };
        let mut frame = Vec::new();
        if encryption.seal(&opus, &mut frame).is_err() {
            // Its key has sealed as many frames as it may; the next epoch brings another.
            self.counters.unsealed += 1;
            return;
        }
        if let Ok(packet) = media.seal(sequence, timestamp, &frame) {
            self.counters.sent += 1;
            self.out.push(Output::SendDatagram(media.socket(), packet));
        } else {
            self.transmitter.give_back(opus);
            self.fail(Disconnect::KeyUsedUp, Action::Rejoin);
        }
    }

    /// What the next packet's numbers are.
    #[cfg(test)]
    pub(crate) const fn start_numbers_at(&mut self, sequence: u16, timestamp: u32) {
        self.transmitter.start_at(sequence, timestamp);
    }

    /// Leaves the transport key so many nonces.
    #[cfg(test)]
    pub(crate) fn use_up_key(&mut self, left: u32) {
        if let Some(media) = &mut self.media {
            media.use_up(left);
        }
    }
}
