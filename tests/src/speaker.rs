//! People who speak: when, what, and what became of each of their packets.

use std::collections::VecDeque;

use bytes::Bytes;
use fastrand::Rng;
use sanscord::id::{ChannelId, UserId};
use sanscord::time::{Duration, Timestamp};

use crate::clip::{Clip, SAMPLES, SILENCE};
use crate::rtp::{PAYLOAD_TYPE, Packet};

/// The time between packets while somebody talks.
pub const FRAME: Duration = Duration::from_millis(20);

/// Frames of silence at the end of a talk spurt (Discord docs: Voice Connections, Voice Data Interpolation).
pub const SILENCE_FRAMES: u32 = 5;

/// Somebody in a voice channel.
#[derive(Clone, Debug)]
pub struct Speaker {
    /// Their id.
    pub user: UserId,
    /// Their name.
    pub name: String,
    /// The channel in which they are.
    pub channel: ChannelId,
    /// Whether they are there from the start.
    pub present: bool,
    /// The RTP synchronisation source of their voice.
    pub ssrc: u32,
    /// What they say, over all spurts; begun again at its end if `looped`, else they fall silent.
    pub clip: Clip,
    /// Whether the clip is said again and again.
    pub looped: bool,
    /// When they begin, counted from when the first voice session became live.
    pub start: Duration,
    /// How they talk: one spurt after the other, and from the first again. Never if empty.
    pub spurts: Vec<Spurt>,
    /// The first RTP sequence number; random if absent.
    pub first_sequence: Option<u16>,
    /// The first RTP timestamp; random if absent.
    pub first_timestamp: Option<u32>,
    /// When the client is told whose SSRC it is.
    pub announce: Announce,
    /// Whether a packet of nothing but padding follows each spurt, as live traffic has them.
    pub padding_only: bool,
}

impl Speaker {
    /// Somebody who talks without an end from the start of the call.
    #[must_use]
    pub fn new(user: UserId, name: &str, channel: ChannelId, ssrc: u32, clip: Clip) -> Self {
        Self {
            user,
            name: name.into(),
            channel,
            present: true,
            ssrc,
            clip,
            looped: true,
            start: Duration::ZERO,
            spurts: vec![Spurt { packets: u32::MAX, pause: Duration::ZERO }],
            first_sequence: None,
            first_timestamp: None,
            announce: Announce::Before,
            padding_only: true,
        }
    }
}

/// One talk spurt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Spurt {
    /// How many packets of the clip, 20 ms each; five frames of silence follow.
    pub packets: u32,
    /// How long nothing is sent afterwards.
    pub pause: Duration,
}

/// When a Speaking message (voice op 5) tells whose SSRC it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Announce {
    /// Before the first packet.
    Before,
    /// After so many packets of a voice session.
    AfterPackets(u32),
    /// Never.
    Never,
}

/// One RTP packet of a speaker, and its fate.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sent {
    /// The RTP sequence number.
    pub sequence: u16,
    /// The RTP timestamp.
    pub timestamp: u32,
    /// The Opus packet; empty if the packet was padding only.
    pub payload: Bytes,
    /// When it was spoken.
    pub sent_at: Timestamp,
    /// What became of it.
    pub fate: Fate,
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fate {
    /// Sent once, at once.
    Delivered,
    /// Never sent.
    Lost,
    /// Sent twice.
    Duplicated,
    /// Sent so much later.
    Delayed(Duration),
    /// Sent, sealed end to end under a key that the client does not have.
    Unreadable,
    /// Never sent: nobody was in the channel to hear it, or it could not be sealed end to end yet.
    Unheard,
}

/// A speaker at work.
pub(crate) struct Talker {
    pub(crate) speaker: Speaker,
    pub(crate) truth: VecDeque<Sent>,
    pub(crate) packets: u32,
    pub(crate) octets: u32,
    pub(crate) next_report: Timestamp,
    rng: Rng,
    began: Timestamp,
    due: Option<Timestamp>,
    spurt: usize,
    /// Packets of the spurt so far.
    spoken: u32,
    /// Packets of the silence at its end so far, padding included.
    silence: u32,
    cursor: usize,
    sequence: u16,
    timestamp: u32,
}

impl Talker {
    pub(crate) fn new(speaker: Speaker, mut rng: Rng) -> Self {
        let sequence = speaker.first_sequence.unwrap_or_else(|| rng.u16(..));
        let timestamp = speaker.first_timestamp.unwrap_or_else(|| rng.u32(..));
        Self {
            speaker,
            truth: VecDeque::new(),
            packets: 0,
            octets: 0,
            next_report: Timestamp::ZERO,
            rng,
            began: Timestamp::ZERO,
            due: None,
            spurt: 0,
            spoken: 0,
            silence: 0,
            cursor: 0,
            sequence,
            timestamp,
        }
    }

    /// The first voice session is live.
    pub(crate) fn begin(&mut self, now: Timestamp) {
        self.began = now + self.speaker.start;
        let silent = self.speaker.spurts.iter().all(|spurt| spurt.packets == 0)
            || self.speaker.clip.packets().is_empty();
        self.due = (!silent).then_some(self.began);
    }

    /// When the next packet is due.
    pub(crate) const fn due(&self) -> Option<Timestamp> {
        self.due
    }

    /// The RTP timestamp of a time: it runs with the clock, through pauses too (RFC 3550, section 5.1).
    pub(crate) fn timestamp_at(&self, time: Timestamp) -> u32 {
        let samples = u128::from(time.since(self.began).as_nanos() as u64) * 48_000 / 1_000_000_000;
        self.timestamp.wrapping_add(samples as u32)
    }

    /// The packet that is due, and the schedule moves on.
    pub(crate) fn speak(&mut self) -> Option<Packet> {
        let due = self.due?;
        let spurt = self.speaker.spurts.get(self.spurt).copied()?;
        let clip = self.speaker.clip.packets().len();
        let over = !self.speaker.looped && self.cursor >= clip;
        let ending = self.silence > 0 || self.spoken >= spurt.packets || over;
        let marker = self.spoken == 0 && !ending;
        let payload = if !ending {
            let payload = self.speaker.clip.packets().get(self.cursor % clip).cloned().unwrap_or_default();
            self.cursor += 1;
            self.spoken += 1;
            payload
        } else {
            self.silence += 1;
            if self.silence <= SILENCE_FRAMES { Bytes::from_static(&SILENCE) } else { Bytes::new() }
        };
        // Padding that fills no frame repeats the timestamp of the frame before.
        let ahead = if payload.is_empty() { SAMPLES } else { 0 };
        let packet = self.dress(marker, self.timestamp_at(due).wrapping_sub(ahead), payload);
        if self.silence >= SILENCE_FRAMES + u32::from(self.speaker.padding_only) {
            self.spoken = 0;
            self.silence = 0;
            self.next_spurt();
            self.due = (!over).then(|| due + FRAME + spurt.pause);
        } else {
            self.due = Some(due + FRAME);
        }
        Some(packet)
    }

    /// Notes what became of a packet; the oldest notes go first.
    pub(crate) fn note(&mut self, sent: Sent, limit: usize) {
        if self.truth.len() >= limit.max(1) {
            self.truth.pop_front();
        }
        self.truth.push_back(sent);
    }

    fn next_spurt(&mut self) {
        let count = self.speaker.spurts.len();
        // `begin` made sure that one of them has packets.
        for _ in 0..count {
            self.spurt = (self.spurt + 1) % count;
            if self.speaker.spurts.get(self.spurt).is_some_and(|spurt| spurt.packets > 0) {
                return;
            }
        }
    }

    /// Clothes a payload as live traffic is: most packets carry the audio level, about every tenth is padded,
    /// few have CSRCs.
    fn dress(&mut self, marker: bool, timestamp: u32, payload: Bytes) -> Packet {
        let extended = self.rng.u8(..100) < 85;
        let padded = self.rng.u8(..100) < 10 || payload.is_empty();
        let mixed = self.rng.u8(..100) < 4;
        let level = self.rng.u8(..=127);
        // One-byte elements: id 1 with one byte, sometimes id 9 with one byte, then zeros (RFC 8285, section
        // 4.2).
        let body = if self.rng.bool() { vec![0x10, level, 0x90, 2] } else { vec![0x10, level, 0, 0] };
        let packet = Packet {
            marker,
            payload_type: PAYLOAD_TYPE,
            sequence: self.sequence,
            timestamp,
            ssrc: self.speaker.ssrc,
            csrc: if mixed { vec![self.speaker.ssrc ^ 1] } else { Vec::new() },
            extension: extended.then_some(body),
            padding: if padded { self.rng.u8(1..=32) } else { 0 },
            payload,
        };
        self.sequence = self.sequence.wrapping_add(1);
        packet
    }
}
