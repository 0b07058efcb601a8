//! An adaptive jitter buffer for one speaker: packets as the network brought them in, one item for each step of RTP
//! time out, in order and at the right time.
//!
//! ```text
//! media time:  our clock less a packet's usual delay; a packet's RTP timestamp, laid on it
//! transit:     arrival less media time; of a window of packets, the least is the network's own delay
//! due:         media time + offset, where least transit + min <= offset <= least transit + max
//! ```
//! A talk spurt fixes the offset. Within the spurt it only grows, when too many packets come late, so that speech is
//! not stretched for less; it falls only where it would pass the maximum. Before the next spurt it may shrink.
//!
//! All times within are samples at 48 kHz.

mod config;
mod delays;
mod playout;
mod statistics;
mod store;
mod stream;
mod units;

#[cfg(test)]
mod tests;

use core::mem;

use bytes::Bytes;

use crate::opus;
use crate::rtp::replay::{Order, ReplayWindow};
use crate::time::Timestamp;
use crate::voice::jitter::delays::Delays;
use crate::voice::jitter::store::{Held, Store};
use crate::voice::jitter::stream::{JUMP, Newest, ROOM};
use crate::voice::jitter::units::{FRAME, GRAIN, MILLISECOND, RATE, duration, samples, timestamp};

pub use config::{Config, MAX_DELAY};
pub use playout::Playout;
pub use statistics::Statistics;
pub use store::{MAX_BYTES, MAX_PACKETS};

const LONGEST: i64 = opus::LONGEST as i64;
/// How long losses are concealed while nothing comes: libopus has faded out by then.
const CONCEALED: i64 = 100 * MILLISECOND;
/// A frame of silence, and how many of them end a talk spurt (discord-api-docs, Voice Connections, Voice Data
/// Interpolation).
const SILENCE: &[u8] = &[0xF8, 0xFF, 0xFE];
const STOP: u32 = 5;
/// How long packets may come too late for any delay, after a stall, before that counts as the network's new delay.
const PATIENCE: i64 = 100 * MILLISECOND;
/// How much slower than the fastest a packet may be, or as much as the greatest delay if that is more, before it says
/// nothing of the network's jitter.
const REACH: i64 = 200 * MILLISECOND;
/// After a pause this long, the sender's clock has drifted from ours, or was stopped.
const LONG_PAUSE: i64 = 10 * RATE;

/// Where a packet with sound belongs.
#[derive(Clone, Copy, Debug)]
struct Place {
    index: u64,
    media: i64,
    /// Whether it is the newest of all.
    ahead: bool,
    starts: bool,
    anchored: bool,
    too_late: bool,
}

/// The last frame given out.
#[derive(Clone, Copy, Debug)]
struct Played {
    stream: u32,
    sequence: u16,
    timestamp: u32,
    media: i64,
    samples: i64,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Between talk spurts. `starved`: the last ended because nothing came, not because the speaker stopped.
    Pause { starved: bool },
    /// Within one.
    Spurt(Spurt),
}

#[derive(Clone, Copy, Debug)]
struct Spurt {
    /// Media time of the next item.
    position: i64,
    /// How long the last item was.
    step: i64,
    /// Losses given out since the last frame.
    concealed: u64,
    /// Frames of silence in a row.
    silences: u32,
}

/// The jitter buffer of one speaker. Holds [`MAX_PACKETS`] and [`MAX_BYTES`] at most, and the transit times of 512
/// packets.
#[derive(Debug)]
pub struct JitterBuffer {
    min: i64,
    max: i64,
    /// How much slower than the fastest packet another may be for the network's reasons.
    reach: i64,
    now: i64,
    held: Store,
    newest: Option<Newest>,
    seen: ReplayWindow,
    stream: u32,
    /// What the caller said of the next packet.
    next_restarts: bool,
    next_starts: bool,
    delays: Delays,
    target: i64,
    offset: i64,
    state: State,
    stalled: Option<i64>,
    played: Option<Played>,
    /// The index behind the last frame given out.
    next: u64,
    /// The media time from which on a packet is not late.
    floor: i64,
    statistics: Statistics,
}

impl JitterBuffer {
    /// An empty buffer.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let min = samples(config.min.min(MAX_DELAY));
        let max = if config.adaptive { samples(config.max.min(MAX_DELAY)).max(min) } else { min };
        Self {
            min,
            max,
            reach: max.max(REACH),
            now: 0,
            held: Store::default(),
            newest: None,
            seen: ReplayWindow::default(),
            stream: 0,
            next_restarts: false,
            next_starts: false,
            delays: Delays::default(),
            target: min,
            offset: 0,
            state: State::Pause { starved: false },
            stalled: None,
            played: None,
            next: 0,
            floor: i64::MIN,
            statistics: Statistics::default(),
        }
    }

    /// Says that the next packet pushed is of another SSRC. What is held is still played; of the SSRC before
    /// nothing may be pushed any more.
    pub const fn restart(&mut self) {
        self.next_restarts = true;
    }

    /// Says that the next packet pushed starts a talk spurt: its marker bit is set (RFC 3551, section 4.1).
    pub const fn mark(&mut self) {
        self.next_starts = true;
    }

    /// Packets held. Padding that came last stays until sound follows it, and has no deadline.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether no packet is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Bytes of Opus held.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.held.bytes()
    }

    /// What became of the packets so far.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        Statistics {
            target: duration(self.needed()),
            delay: duration((self.offset - self.delays.least).clamp(0, self.max)),
            jitter: duration(self.delays.jitter()),
            ..self.statistics
        }
    }

    /// Takes a packet. An empty one is padding.
    pub fn push(&mut self, now: Timestamp, sequence: u16, timestamp: u32, opus: Bytes) {
        self.advance(now);
        if opus.is_empty() {
            self.push_padding(sequence, timestamp);
        } else if let Some(samples) = opus::duration(&opus) {
            self.push_frame(sequence, timestamp, samples as i64, opus);
        } else {
            self.statistics.invalid += 1;
        }
        self.tidy();
    }

    /// When [`pop`](Self::pop) will have something, as far as is known now. After `pop` answered `None`, this lies
    /// ahead.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        self.due().map(timestamp)
    }

    /// What is due, one item at a time. A caller who is late gets all that he missed, until `None`.
    pub fn pop(&mut self, now: Timestamp) -> Option<Playout> {
        self.advance(now);
        if self.due()? > self.now {
            return None;
        }
        let playout = match self.state {
            State::Pause { .. } => self.begin(),
            State::Spurt(spurt) => self.step(spurt),
        };
        self.tidy();
        playout
    }

    fn advance(&mut self, now: Timestamp) {
        self.now = self.now.max(samples(now.since_origin()));
    }

    fn due(&self) -> Option<i64> {
        let media = match self.state {
            State::Pause { .. } => self.held.front()?.1.media,
            State::Spurt(spurt) => spurt.position,
        };
        Some(media + self.offset)
    }

    fn push_padding(&mut self, sequence: u16, timestamp: u32) {
        // It has a place among the others, but no clock: a stream does not start with it.
        let Some(newest) = self.newest.as_mut().filter(|_| !self.next_restarts) else { return };
        let distance = newest.distance(sequence);
        if distance.unsigned_abs() > JUMP {
            return;
        }
        let index = newest.index.wrapping_add_signed(distance.into());
        if self.seen.accept(sequence) == Order::Duplicate || self.held.contains(index) {
            self.statistics.duplicated += 1;
            return;
        }
        self.statistics.received += 1;
        if distance > 0 {
            (newest.index, newest.sequence) = (index, sequence);
        }
        let held = Held {
            at: self.now,
            media: 0,
            samples: 0,
            stream: self.stream,
            sequence,
            timestamp,
            starts: false,
            anchored: false,
            opus: Bytes::new(),
        };
        self.statistics.overflowed += self.held.hold(index, held);
    }

    fn push_frame(&mut self, sequence: u16, timestamp: u32, samples: i64, opus: Bytes) {
        let silence = *opus == *SILENCE;
        let Some(place) = self.place(sequence, timestamp, silence) else {
            self.statistics.duplicated += 1;
            return;
        };
        let Place { index, media, ahead, mut starts, mut anchored, too_late } = place;
        let (at, stream) = (self.now, self.stream);
        self.statistics.received += 1;
        if ahead {
            let silences = self.newest.map_or(0, |newest| newest.silences).saturating_add(1);
            let silences = if silence { silences } else { 0 };
            self.newest = Some(Newest { index, sequence, timestamp, at, media, samples, silences });
        }
        self.delays.record(at - media, anchored, self.reach);
        self.target = self.target.max(self.needed());
        if too_late || index < self.next || media < self.floor {
            self.statistics.late += 1;
        } else {
            self.stalled = None;
            let first = self.held.front().is_none();
            if !ahead && let Some(overtaking) = self.held.take_start(index, stream, media + samples) {
                (starts, anchored) = (true, overtaking);
            }
            let held = Held { at, media, samples, stream, sequence, timestamp, starts, anchored, opus };
            self.statistics.overflowed += self.held.hold(index, held);
            if matches!(self.state, State::Pause { .. }) {
                if first {
                    self.plan();
                }
                self.admit(at - media, anchored);
            }
        }
        if matches!(self.state, State::Spurt(_)) {
            self.offset = self.offset.max(self.delays.least + self.needed());
        }
        self.offset = self.offset.min(self.delays.least + self.max);
    }

    /// Where a packet with sound belongs. `None` for a duplicate.
    fn place(&mut self, sequence: u16, timestamp: u32, silence: bool) -> Option<Place> {
        let restarts = mem::take(&mut self.next_restarts);
        let marked = mem::take(&mut self.next_starts);
        // Where the packet would be if its delay were the usual.
        let usual = self.now - self.delays.mean();
        let follows = |newest: &Newest| !restarts && newest.is_followed_by(sequence, timestamp);
        let Some(newest) = self.newest.filter(follows) else {
            self.seen = ReplayWindow::default();
            self.seen.accept(sequence);
            let (index, media) = match self.newest {
                Some(newest) => {
                    self.stream = self.stream.wrapping_add(1);
                    self.statistics.resets += 1;
                    (newest.index + ROOM, usual.max(newest.end()))
                }
                None => (ROOM, usual),
            };
            return Some(Place { index, media, ahead: true, starts: true, anchored: true, too_late: false });
        };
        let distance = newest.distance(sequence);
        let index = newest.index.wrapping_add_signed(distance.into());
        if self.seen.accept(sequence) == Order::Duplicate || self.held.contains(index) {
            return None;
        }
        let media = newest.media_of(timestamp);
        let ahead = distance > 0;
        let mut place = Place { index, media, ahead, starts: marked, anchored: false, too_late: false };
        if !ahead {
            return Some(place);
        }
        let expected = newest.end() + i64::from(distance - 1) * newest.samples;
        // A gap may be a lost frame that was longer than expected: what it is shows when it is played.
        let gap = media - expected >= GRAIN;
        place.starts |= newest.silences >= STOP && !silence;
        let long = self.now - newest.at > LONG_PAUSE;
        let quiet = matches!(self.state, State::Pause { starved: false }) && self.held.front().is_none();
        let starved = matches!(self.state, State::Pause { starved: true });
        let transit = self.now - media;
        if long || ((place.starts || gap || quiet) && self.delays.is_strange(transit, self.reach)) {
            place.anchored = true;
        } else if starved && transit > self.delays.least + self.reach {
            // The network stalled, and what comes in a burst is too old; unless it goes on like this.
            place.anchored = self.now - *self.stalled.get_or_insert(self.now) >= PATIENCE;
            place.too_late = !place.anchored;
        }
        if place.anchored {
            place.starts = true;
            place.media = usual.max(expected);
        }
        Some(place)
    }

    /// Drops what has no turn any more: padding that is next, and packets whose place is passed.
    fn tidy(&mut self) {
        while let Some((index, held)) = self.held.first() {
            if held.samples == 0 && index <= self.next {
                self.next = self.next.max(index + 1);
            } else if held.samples != 0 && (index < self.next || held.media < self.floor) {
                self.statistics.late += 1;
            } else {
                break;
            }
            self.held.release(index);
        }
    }

    /// The delay beyond the least that the packets of late ask for, within the bounds.
    fn needed(&self) -> i64 {
        self.delays.needed().clamp(self.min, self.max)
    }

    /// Sets the delay of the talk spurt to come: it shrinks by no more than a frame.
    fn plan(&mut self) {
        self.target = self.needed().max(self.target - FRAME);
        self.offset = self.delays.least + self.target;
    }

    /// Delays the talk spurt to come so that this packet of it is in time, within the maximum.
    fn admit(&mut self, transit: i64, anchored: bool) {
        // Of a stream without a past, nobody knows whether its first packet was a slow one.
        let offset = if anchored { transit + self.target } else { transit };
        self.offset = self.offset.max(offset.min(self.delays.least + self.max));
    }

    /// Starts a talk spurt.
    fn begin(&mut self) -> Option<Playout> {
        let (index, held, padding) = self.held.front()?;
        let continues = self.played.is_some_and(|played| played.stream == held.stream);
        let missing = if continues { index.saturating_sub(self.next + padding) } else { 0 };
        self.statistics.spurts += 1;
        self.frame(index, missing, true, 0)
    }

    fn step(&mut self, spurt: Spurt) -> Option<Playout> {
        let played = self.played?;
        let stopped = spurt.silences >= STOP;
        let Some((index, front, padding)) = self.held.front() else {
            let concealed = spurt.position - played.media - played.samples;
            if stopped || concealed >= CONCEALED {
                return Some(self.end(!stopped));
            }
            return Some(self.lose(spurt, &played, spurt.step, None));
        };
        let missing = index.saturating_sub(self.next + padding);
        let remaining = missing.saturating_sub(spurt.concealed);
        let gap = front.media - spurt.position;
        let silence = *front.opus == *SILENCE;
        if front.stream != played.stream
            || remaining > JUMP.into()
            || (stopped && !(silence && missing == 0 && gap < GRAIN))
        {
            return Some(self.end(false));
        }
        if remaining > 0 && gap >= GRAIN {
            // What was lost is taken for as long as the frame before it, unless that does not fit.
            let steps = (remaining as i64).min(gap / GRAIN);
            let step = if steps == 1 && gap <= LONGEST { gap } else { spurt.step.min(gap / steps) };
            let next = (remaining == 1 && step == gap).then(|| front.opus.clone());
            return Some(self.lose(spurt, &played, step, next));
        }
        if gap >= GRAIN || front.starts {
            return Some(self.end(false));
        }
        let silences = if silence { spurt.silences.saturating_add(1) } else { 0 };
        self.frame(index, missing, false, silences)
    }

    /// Gives out a packet that is held. `silences`: how many frames of silence in a row it ends.
    fn frame(&mut self, index: u64, missing: u64, starts: bool, silences: u32) -> Option<Playout> {
        let Held { media, samples, stream, sequence, timestamp, opus, .. } = self.held.release(index)?;
        let silences = if starts { u32::from(*opus == *SILENCE) } else { silences };
        self.next = index + 1;
        self.floor = media + 1;
        self.played = Some(Played { stream, sequence, timestamp, media, samples });
        self.state = State::Spurt(Spurt { position: media + samples, step: samples, concealed: 0, silences });
        self.statistics.lost += missing;
        let missing = u32::try_from(missing).unwrap_or(u32::MAX);
        Some(Playout::Frame { sequence, timestamp, samples: samples as u32, missing, starts, opus })
    }

    fn lose(&mut self, spurt: Spurt, played: &Played, step: i64, next: Option<Bytes>) -> Playout {
        let position = spurt.position + step;
        self.state = State::Spurt(Spurt {
            position,
            concealed: spurt.concealed + 1,
            silences: spurt.silences,
            step: spurt.step,
        });
        self.floor = position;
        self.statistics.concealed += 1;
        Playout::Lost {
            sequence: played.sequence.wrapping_add(1).wrapping_add(spurt.concealed as u16),
            timestamp: played.timestamp.wrapping_add((spurt.position - played.media) as u32),
            samples: step as u32,
            next,
        }
    }

    fn end(&mut self, starved: bool) -> Playout {
        self.state = State::Pause { starved };
        if let Some((_, front, _)) = self.held.front() {
            let (transit, anchored) = (front.at - front.media, front.anchored);
            self.plan();
            if anchored {
                self.admit(transit, true);
            }
            self.offset = self.offset.min(self.delays.least + self.max);
        }
        Playout::EndOfSpurt
    }
}
