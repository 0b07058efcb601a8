//! What a call hears, in order and in time, for whoever plays it as it comes.

use bytes::Bytes;

use super::Call;
use crate::machine::Audio;
use crate::time::Timestamp;
use crate::voice::event::{Event, Packet};
use crate::voice::jitter;
use crate::voice::listening::Listening;

impl Call {
    /// Starts to put each speaker's packets in order, behind a jitter buffer: [`Event::Playout`] has them; or stops.
    /// What was held before is dropped.
    pub fn listen(&mut self, now: Timestamp, config: Option<jitter::Config>) {
        self.tick(now);
        self.count_unheard();
        self.listening = config.map(Listening::new);
    }

    /// Whether packets are put in order.
    #[must_use]
    pub const fn is_listening(&self) -> bool {
        self.listening.is_some()
    }

    pub(super) fn hear(&mut self, audio: &Audio, data: &[u8]) {
        if let Some(listening) = &mut self.listening {
            let &Audio { user, ssrc, sequence, timestamp, marker, .. } = audio;
            let opus = data.get(audio.opus.clone()).unwrap_or_default();
            let opus = Bytes::copy_from_slice(opus);
            listening.push(self.now, user, ssrc, sequence, timestamp, marker, opus);
            self.play();
        }
    }

    /// A packet that came before its user or the user's key was known.
    pub(super) fn hear_kept(&mut self, packet: Packet) {
        if let Some(listening) = &mut self.listening {
            let Packet { user, ssrc, sequence, timestamp, marker, ref opus, .. } = packet;
            listening.push(self.now, user, ssrc, sequence, timestamp, marker, opus.clone());
        }
        self.out.event(Event::Packet(packet));
    }

    /// Tells what is to be played now.
    pub(super) fn play(&mut self) {
        while let Some((user, ssrc, playout)) = self.listening.as_mut().and_then(|l| l.pop(self.now)) {
            self.out.event(Event::Playout { user, ssrc, playout });
        }
    }

    pub(super) fn count_unheard(&mut self) {
        self.counters.unheard += self.listening.as_ref().map_or(0, Listening::unheard);
    }
}
