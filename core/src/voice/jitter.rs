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

use alloc::collections::{BTreeMap, VecDeque};
use core::mem;

use bytes::Bytes;

use crate::opus;
use crate::rtp::replay::{Order, ReplayWindow};
use crate::time::{Duration, Timestamp};

/// Packets held at most: the longest delay in the shortest Opus frames, and some. With one more the oldest goes.
pub const MAX_PACKETS: usize = 512;
/// Bytes of Opus held at most: the longest delay at Opus' highest rate, twice. Beyond, the oldest go.
pub const MAX_BYTES: usize = 128 * 1024;
/// The longest delay that can be configured.
pub const MAX_DELAY: Duration = Duration::from_secs(1);

const RATE: i64 = opus::RATE as i64;
const MILLISECOND: i64 = RATE / 1000;
const GRAIN: i64 = opus::GRAIN as i64;
const LONGEST: i64 = opus::LONGEST as i64;
/// One frame as Discord's clients send them: the most that the delay shrinks before a talk spurt.
const FRAME: i64 = 20 * MILLISECOND;
/// A sequence number this far from the newest is of another stream.
const JUMP: u16 = 500;
/// Indices between two streams: packets up to [`JUMP`] before the first of a stream have room.
const ROOM: u64 = 1024;
/// How long losses are concealed while nothing comes: libopus has faded out by then.
const CONCEALED: i64 = 100 * MILLISECOND;
/// A frame of silence, and how many of them end a talk spurt (discord-api-docs, Voice Connections, Voice Data
/// Interpolation).
const SILENCE: &[u8] = &[0xF8, 0xFF, 0xFE];
const STOP: u32 = 5;
/// The delay at least, within its bounds, until the network is known, and how many packets that takes.
const INITIAL: i64 = 60 * MILLISECOND;
const KNOWN: usize = 50;
/// How long packets may come too late for any delay, after a stall, before that counts as the network's new delay.
const PATIENCE: i64 = 100 * MILLISECOND;
/// How much slower than the fastest a packet may be, or as much as the greatest delay if that is more, before it says
/// nothing of the network's jitter.
const REACH: i64 = 200 * MILLISECOND;
/// After a pause this long, the sender's clock has drifted from ours, or was stopped.
const LONG_PAUSE: i64 = 10 * RATE;
/// Packets whose transit is remembered: ten seconds of speech.
const WINDOW: usize = 512;
/// Of so many packets one may be late.
const TOLERATED: usize = 200;

/// How long packets wait. Bounds above [`MAX_DELAY`], and a maximum below the minimum, are corrected.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Config {
    /// Whether the delay follows the network. If not, it is `min` always.
    pub adaptive: bool,
    /// The least delay.
    pub min: Duration,
    /// The greatest delay.
    pub max: Duration,
}

impl Default for Config {
    /// From one frame, 20 ms, to 200 ms.
    fn default() -> Self {
        Self { adaptive: true, min: Duration::from_millis(20), max: Duration::from_millis(200) }
    }
}

/// What is to be played now.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Playout {
    /// A frame.
    Frame {
        /// Its sequence number.
        sequence: u16,
        /// Its RTP timestamp.
        timestamp: u32,
        /// How long it lasts, in samples at 48 kHz.
        samples: u32,
        /// Packets between the frame before and this one that never came in time: those for which there was a
        /// `Lost`, and, at the start of a talk spurt, others. Zero for the first of a stream.
        missing: u32,
        /// Whether it starts a talk spurt.
        starts: bool,
        /// The Opus packet.
        opus: Bytes,
    },
    /// A frame that is not there, to be restored or concealed. While nothing comes, as for 100 ms after a sender who
    /// stopped without the five frames of silence, it may be one that was never sent: the next frame's `missing`
    /// tells.
    Lost {
        /// Its sequence number.
        sequence: u16,
        /// Its RTP timestamp.
        timestamp: u32,
        /// How long it lasts, in samples at 48 kHz.
        samples: u32,
        /// The packet that follows immediately, if it is there: it may hold a copy of what was lost (in-band FEC,
        /// RFC 6716, section 2.1.7). It will come as a frame too.
        next: Option<Bytes>,
    },
    /// The speaker stopped, or nothing comes any more. There is silence until the next frame.
    EndOfSpurt,
}

/// What became of the packets, and how the delay stands.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Statistics {
    /// Packets pushed, duplicates and those that are not Opus left out.
    pub received: u64,
    /// Those of them that came when their place had been passed.
    pub late: u64,
    /// Those of them that were given up at the bound, [`MAX_PACKETS`] or [`MAX_BYTES`].
    pub overflowed: u64,
    /// Packets that came again.
    pub duplicated: u64,
    /// Packets that are not Opus. Their place counts as lost.
    pub invalid: u64,
    /// Sequence numbers passed without a frame: never come, late, overflowed or invalid.
    pub lost: u64,
    /// [`Playout::Lost`] given out.
    pub concealed: u64,
    /// Talk spurts started.
    pub spurts: u64,
    /// New streams: another SSRC, a jump of more than 500 sequence numbers, or a timestamp that went back.
    pub resets: u64,
    /// The delay that the network asks for at present, beyond its own least.
    pub target: Duration,
    /// The delay of the present talk spurt, or the one before, beyond the network's least.
    pub delay: Duration,
    /// Interarrival jitter (RFC 3550, section A.8).
    pub jitter: Duration,
}

#[derive(Debug)]
struct Held {
    /// When it came.
    at: i64,
    media: i64,
    /// Zero: padding only, which has a sequence number and no sound.
    samples: i64,
    stream: u32,
    sequence: u16,
    timestamp: u32,
    /// Whether it starts a talk spurt; and whether its media time was chosen, for want of a clock to trust.
    starts: bool,
    anchored: bool,
    opus: Bytes,
}

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

/// The packet with the highest index; its media time and timestamp are those of the last one with sound.
#[derive(Clone, Copy, Debug)]
struct Newest {
    index: u64,
    sequence: u16,
    timestamp: u32,
    at: i64,
    media: i64,
    samples: i64,
    silences: u32,
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
    /// By index: sequence numbers extended to 64 bits, over all streams.
    held: BTreeMap<u64, Held>,
    bytes: usize,
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
            held: BTreeMap::new(),
            bytes: 0,
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

    /// Packets held.
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
        self.bytes
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
            State::Pause { .. } => self.front()?.1.media,
            State::Spurt(spurt) => spurt.position,
        };
        Some(media + self.offset)
    }

    /// The first packet with sound, its index, and how many of padding are before it.
    fn front(&self) -> Option<(u64, &Held, u64)> {
        let padding = self.held.values().take_while(|held| held.samples == 0).count();
        let (&index, held) = self.held.iter().nth(padding)?;
        Some((index, held, padding as u64))
    }

    fn push_padding(&mut self, sequence: u16, timestamp: u32) {
        // It has a place among the others, but no clock: a stream does not start with it.
        let Some(newest) = self.newest.as_mut().filter(|_| !self.next_restarts) else { return };
        let distance = newest.distance(sequence);
        if distance.unsigned_abs() > JUMP {
            return;
        }
        let index = newest.index.wrapping_add_signed(distance.into());
        if self.seen.accept(sequence) == Order::Duplicate || self.held.contains_key(&index) {
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
        self.hold(index, held);
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
            let first = self.front().is_none();
            if !ahead && let Some(overtaking) = self.take_start(index, media + samples) {
                (starts, anchored) = (true, overtaking);
            }
            let held = Held { at, media, samples, stream, sequence, timestamp, starts, anchored, opus };
            self.hold(index, held);
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
        if self.seen.accept(sequence) == Order::Duplicate || self.held.contains_key(&index) {
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
        let quiet = matches!(self.state, State::Pause { starved: false }) && self.front().is_none();
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

    /// Takes the start of a talk spurt from the packet that overtook this one, which ends at `end` and so is part of
    /// the spurt. Answers with whether the other one's media time was chosen.
    fn take_start(&mut self, index: u64, end: i64) -> Option<bool> {
        let mut after = self.held.range_mut(index..).filter(|(_, held)| held.samples > 0);
        let (&start, held) = after.next()?;
        let between = (start - index - 1) as i64 * held.samples;
        if held.stream != self.stream || !held.starts || held.media - end >= between + GRAIN {
            return None;
        }
        held.starts = false;
        Some(mem::take(&mut held.anchored))
    }

    fn hold(&mut self, index: u64, held: Held) {
        self.bytes += held.opus.len();
        self.held.insert(index, held);
        while self.held.len() > MAX_PACKETS || self.bytes > MAX_BYTES {
            let Some((_, oldest)) = self.held.pop_first() else { break };
            self.bytes -= oldest.opus.len();
            self.statistics.overflowed += 1;
        }
    }

    fn release(&mut self, index: u64) -> Option<Held> {
        let held = self.held.remove(&index)?;
        self.bytes -= held.opus.len();
        Some(held)
    }

    /// Drops what has no turn any more: padding that is next, and packets whose place is passed.
    fn tidy(&mut self) {
        while let Some((&index, held)) = self.held.first_key_value() {
            if held.samples == 0 && index <= self.next {
                self.next = self.next.max(index + 1);
            } else if held.samples != 0 && (index < self.next || held.media < self.floor) {
                self.statistics.late += 1;
            } else {
                break;
            }
            self.release(index);
        }
    }

    /// The delay beyond the least that the packets of late ask for.
    fn needed(&self) -> i64 {
        let initial = if self.delays.transits.len() < KNOWN { INITIAL } else { 0 };
        self.delays.spread.max(2 * self.delays.jitter()).max(initial).clamp(self.min, self.max)
    }

    /// Sets the delay of the talk spurt to come.
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
        let (index, held, padding) = self.front()?;
        let continues = self.played.is_some_and(|played| played.stream == held.stream);
        let missing = if continues { index.saturating_sub(self.next + padding) } else { 0 };
        self.statistics.spurts += 1;
        self.frame(index, missing, true, 0)
    }

    fn step(&mut self, spurt: Spurt) -> Option<Playout> {
        let played = self.played?;
        let stopped = spurt.silences >= STOP;
        let Some((index, front, padding)) = self.front() else {
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
        let Held { media, samples, stream, sequence, timestamp, opus, .. } = self.release(index)?;
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
        if let Some((_, front, _)) = self.front() {
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

impl Newest {
    const fn end(&self) -> i64 {
        self.media + self.samples
    }

    /// How far ahead a sequence number is, negative if behind.
    const fn distance(&self, sequence: u16) -> i16 {
        sequence.wrapping_sub(self.sequence) as i16
    }

    const fn media_of(&self, timestamp: u32) -> i64 {
        self.media + timestamp.wrapping_sub(self.timestamp) as i32 as i64
    }

    /// Whether a packet can be of this stream: its number is near, and one ahead is ahead in time too.
    const fn is_followed_by(&self, sequence: u16, timestamp: u32) -> bool {
        let distance = self.distance(sequence);
        distance.unsigned_abs() <= JUMP && (distance <= 0 || self.media_of(timestamp) > self.media)
    }
}

/// The transit times of the last packets.
#[derive(Debug, Default)]
struct Delays {
    transits: VecDeque<i64>,
    least: i64,
    /// From the least to the one that all but the tolerated share stay below.
    spread: i64,
    sum: i64,
    last: Option<i64>,
    /// In 16ths.
    jitter: i64,
}

impl Delays {
    fn mean(&self) -> i64 {
        self.sum.checked_div(self.transits.len() as i64).unwrap_or(0)
    }

    const fn jitter(&self) -> i64 {
        self.jitter >> 4
    }

    /// Whether a transit says that the sender's clock was stopped or set, rather than that a packet was slow.
    fn is_strange(&self, transit: i64, reach: i64) -> bool {
        !self.transits.is_empty()
            && (transit > self.least + reach || transit < self.least - self.spread.max(FRAME))
    }

    fn record(&mut self, transit: i64, anchored: bool, reach: i64) {
        if let Some(last) = self.last.replace(transit).filter(|_| !anchored) {
            // RFC 3550, section A.8; a difference beyond a second is no jitter.
            let difference = (transit - last).abs().min(RATE);
            self.jitter += difference - ((self.jitter + 8) >> 4);
        }
        if !self.transits.is_empty() {
            if transit > self.least + reach {
                // No delay would help such a packet.
                return;
            }
            if transit < self.least - reach {
                self.transits.clear();
                self.sum = 0;
            }
        }
        if self.transits.len() >= WINDOW {
            self.sum -= self.transits.pop_front().unwrap_or_default();
        }
        self.transits.push_back(transit);
        self.sum += transit;
        self.measure();
    }

    fn measure(&mut self) {
        const TOP: usize = WINDOW / TOLERATED + 1;
        // The greatest transits, the greatest first.
        let mut top = [i64::MIN; TOP];
        let mut least = i64::MAX;
        for &transit in &self.transits {
            least = least.min(transit);
            let mut sinking = transit;
            if top.last().is_some_and(|&last| sinking > last) {
                for place in &mut top {
                    if sinking > *place {
                        mem::swap(&mut sinking, place);
                    }
                }
            }
        }
        let tolerated = self.transits.len() / TOLERATED;
        self.least = least;
        self.spread = top.get(tolerated).map_or(0, |&transit| transit - least);
    }
}

/// Rounded down.
fn samples(time: Duration) -> i64 {
    // The clock ends after 584 years: no product gets near the bounds.
    (time.as_nanos() * RATE as u128 / 1_000_000_000) as i64
}

/// Rounded up, so that at this time the sample has come. Before the clock's origin it is the origin.
fn timestamp(samples: i64) -> Timestamp {
    let nanos = (samples.max(0) as u128 * 1_000_000_000).div_ceil(RATE as u128);
    Timestamp::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

fn duration(samples: i64) -> Duration {
    timestamp(samples).since_origin()
}

#[cfg(test)]
mod tests {
    use alloc::collections::{BTreeMap, BTreeSet};
    use alloc::vec;
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;
    use crate::entropy::Entropy;

    const MS: u64 = 1_000_000;

    /// A packet of 20 ms (CELT, full band) that names its number.
    fn speech(number: u64) -> Bytes {
        let mut opus = vec![0xF8, 0];
        opus.extend(number.to_be_bytes());
        opus.into()
    }

    fn silence() -> Bytes {
        Bytes::from_static(SILENCE)
    }

    #[derive(Clone, Debug)]
    struct Arrival {
        at: u64,
        sequence: u16,
        timestamp: u32,
        opus: Bytes,
    }

    /// Number `n` of a stream of 20 ms, sent at `20 n` ms, that came so many milliseconds later.
    fn arrival(number: u64, delay: u64) -> Arrival {
        Arrival {
            at: (1000 + 20 * number + delay) * MS,
            sequence: (65_530 + number) as u16,
            timestamp: (u64::from(u32::MAX) - 3000 + 960 * number) as u32,
            opus: speech(number),
        }
    }

    /// Plays all that is due up to this time, as a caller with a timer does.
    fn play_until(buffer: &mut JitterBuffer, until: u64, items: &mut Vec<(u64, Playout)>) {
        let now = timestamp(buffer.now);
        let until = until.max(now.as_nanos());
        while let Some(deadline) = buffer.deadline().filter(|deadline| deadline.as_nanos() <= until) {
            let item = buffer.pop(deadline).expect("the deadline keeps its word");
            items.push((deadline.max(now).as_nanos(), item));
        }
        assert_eq!(buffer.pop(Timestamp::from_nanos(until)), None);
        assert!(buffer.deadline().is_none_or(|deadline| deadline.as_nanos() > until));
        assert!(buffer.len() <= MAX_PACKETS && buffer.bytes() <= MAX_BYTES);
        assert_eq!(buffer.bytes(), buffer.held.values().map(|held| held.opus.len()).sum::<usize>());
    }

    fn push(buffer: &mut JitterBuffer, arrival: &Arrival) {
        let Arrival { at, sequence, timestamp, ref opus } = *arrival;
        buffer.push(Timestamp::from_nanos(at), sequence, timestamp, opus.clone());
    }

    /// Pushes what arrives, in the order of arrival, and plays to the end.
    fn run(buffer: &mut JitterBuffer, mut arrivals: Vec<Arrival>) -> Vec<(u64, Playout)> {
        arrivals.sort_by_key(|arrival| arrival.at);
        let mut items = Vec::new();
        for arrival in &arrivals {
            play_until(buffer, arrival.at.saturating_sub(1), &mut items);
            push(buffer, arrival);
            play_until(buffer, arrival.at, &mut items);
        }
        let end = arrivals.last().map_or(0, |last| last.at) + 3000 * MS;
        play_until(buffer, end, &mut items);
        assert!(buffer.is_empty() && buffer.deadline().is_none());
        items
    }

    fn number(opus: &Bytes) -> Option<u64> {
        opus.get(2..)?.first_chunk().map(|number| u64::from_be_bytes(*number))
    }

    /// What was played, in short: a frame's number and how many are missing before it.
    #[derive(Clone, Copy, Debug, Eq, PartialEq)]
    enum Item {
        Start(u64, u32),
        Frame(u64, u32),
        Silence,
        Lost(Option<u64>),
        End,
    }

    use Item::{End, Frame, Lost, Silence, Start};

    fn short(items: &[(u64, Playout)]) -> Vec<Item> {
        let short = |(_, item): &(u64, Playout)| match item {
            Playout::Frame { opus, .. } if *opus == silence() => Silence,
            Playout::Frame { opus, missing, starts: true, .. } => Start(number(opus).unwrap_or(0), *missing),
            Playout::Frame { opus, missing, .. } => Frame(number(opus).unwrap_or(0), *missing),
            Playout::Lost { next, .. } => Lost(next.as_ref().and_then(number)),
            Playout::EndOfSpurt => End,
        };
        items.iter().map(short).collect()
    }

    /// What follows the last packet of a speaker who stops without a word.
    const STARVED: [Item; 6] = [Lost(None), Lost(None), Lost(None), Lost(None), Lost(None), End];

    fn then_starved(items: &[Item]) -> Vec<Item> {
        [items, &STARVED].concat()
    }

    #[test]
    fn frames_come_at_their_time_over_both_wraps() {
        let mut buffer = JitterBuffer::new(Config::default());
        let items = run(&mut buffer, (0..100).map(|n| arrival(n, 0)).collect());
        for (n, (time, item)) in (0_u64..).zip(&items[..100]) {
            let Arrival { at, sequence, timestamp, opus } = arrival(n, 0);
            let expected =
                Playout::Frame { sequence, timestamp, samples: 960, missing: 0, starts: n == 0, opus };
            assert_eq!((*time, item), (at + 60 * MS, &expected));
        }
        assert_eq!(short(&items[100..]), STARVED);
        let statistics = buffer.statistics();
        assert_eq!((statistics.received, statistics.lost, statistics.late), (100, 0, 0));
        assert_eq!((statistics.concealed, statistics.spurts, statistics.jitter), (5, 1, Duration::ZERO));
        assert_eq!(
            (statistics.target, statistics.delay),
            (Duration::from_millis(20), Duration::from_millis(60))
        );
    }

    #[test]
    fn losses_delays_and_duplicates() {
        // Numbers with their delays in ms, and what comes out before the speaker falls silent.
        type Row = (&'static [(u64, u64)], &'static [Item], [u64; 3]);
        let rows: [Row; 10] = [
            // The last is lost, late, duplicated.
            (&[(0, 0), (1, 0), (2, 0)], &[Start(0, 0), Frame(1, 0), Frame(2, 0)], [0, 0, 0]),
            (&[(0, 0), (2, 0)], &[Start(0, 0), Lost(Some(2)), Frame(2, 1)], [1, 0, 0]),
            (&[(0, 0), (3, 0)], &[Start(0, 0), Lost(None), Lost(Some(3)), Frame(3, 2)], [2, 0, 0]),
            (&[(0, 0), (1, 50), (2, 0)], &[Start(0, 0), Frame(1, 0), Frame(2, 0)], [0, 0, 0]),
            (&[(0, 30), (1, 0), (2, 0)], &[Start(0, 0), Frame(1, 0), Frame(2, 0)], [0, 0, 0]),
            (&[(0, 0), (1, 70), (2, 0)], &[Start(0, 0), Lost(Some(2)), Frame(2, 1)], [1, 1, 0]),
            (&[(0, 0), (1, 0), (1, 10), (1, 200)], &[Start(0, 0), Frame(1, 0)], [0, 0, 2]),
            // Eight are lost, and the ninth comes while the first five are concealed.
            (
                &[(0, 0), (9, 0)],
                &[
                    Start(0, 0),
                    Lost(None),
                    Lost(None),
                    Lost(None),
                    Lost(None),
                    Lost(None),
                    Lost(None),
                    Lost(None),
                    Lost(Some(9)),
                    Frame(9, 8),
                ],
                [8, 0, 0],
            ),
            // Eleven are lost, and the twelfth comes when the spurt is over.
            (
                &[(0, 0), (12, 0)],
                &[
                    Start(0, 0),
                    Lost(None),
                    Lost(None),
                    Lost(None),
                    Lost(None),
                    Lost(None),
                    End,
                    Start(12, 11),
                ],
                [11, 0, 0],
            ),
            // What comes before the end of the pause is late only if it was given out as lost.
            (
                &[(0, 0), (3, 100), (6, 130)],
                &[Start(0, 0), Lost(None), Lost(None), Lost(None), Lost(None), Lost(None), End, Start(6, 5)],
                [5, 1, 0],
            ),
        ];
        for (pushed, expected, counts) in rows {
            let mut buffer = JitterBuffer::new(Config::default());
            let items = run(&mut buffer, pushed.iter().map(|&(n, delay)| arrival(n, delay)).collect());
            assert_eq!(short(&items), then_starved(expected), "{pushed:?}");
            let statistics = buffer.statistics();
            assert_eq!([statistics.lost, statistics.late, statistics.duplicated], counts, "{pushed:?}");
        }
    }

    #[test]
    fn a_loss_has_its_place_in_number_and_time() {
        let mut buffer = JitterBuffer::new(Config::default());
        let items = run(&mut buffer, vec![arrival(0, 0), arrival(3, 0)]);
        for n in [1, 2] {
            let Arrival { at, sequence, timestamp, .. } = arrival(n, 60);
            let next = (n == 2).then(|| speech(3));
            assert_eq!(items[n as usize], (at, Playout::Lost { sequence, timestamp, samples: 960, next }));
        }
    }

    #[test]
    fn five_frames_of_silence_end_a_spurt() {
        let mut buffer = JitterBuffer::new(Config::default());
        let with_silence =
            |n, opus: bool| Arrival { opus: if opus { silence() } else { speech(n) }, ..arrival(n, 0) };
        // Silence from 1 to 7; and what follows at once, is a new spurt.
        let items = run(&mut buffer, (0..9).map(|n| with_silence(n, (1..8).contains(&n))).collect());
        let mut expected = vec![Start(0, 0)];
        expected.extend([Silence; 7]);
        expected.extend([End, Start(8, 0)]);
        assert_eq!(short(&items), then_starved(&expected));
        // Nothing follows: there is no loss. A silence that is lost is one.
        let mut buffer = JitterBuffer::new(Config::default());
        let arrivals = (0..7).filter(|&n| n != 2).map(|n| with_silence(n, n > 0)).collect();
        let expected = [Start(0, 0), Silence, Lost(None), Silence, Silence, Silence, Silence, End];
        assert_eq!(short(&run(&mut buffer, arrivals)), expected);
        let mut buffer = JitterBuffer::new(Config::default());
        let arrivals = (0..6).map(|n| with_silence(n, n > 0)).collect();
        let expected = [Start(0, 0), Silence, Silence, Silence, Silence, Silence, End];
        assert_eq!(short(&run(&mut buffer, arrivals)), expected);
    }

    #[test]
    fn a_gap_in_time_without_one_in_number_is_a_pause() {
        let paused = |number: u64, pause: u64| {
            let Arrival { at, timestamp, .. } = arrival(number, pause);
            Arrival { at, timestamp: timestamp.wrapping_add(48 * pause as u32), ..arrival(number, 0) }
        };
        for pause in [200, 3000, 9000, 100_000] {
            let mut buffer = JitterBuffer::new(Config::default());
            let items =
                run(&mut buffer, vec![arrival(0, 0), arrival(1, 0), paused(2, pause), paused(3, pause)]);
            let expected =
                [&then_starved(&[Start(0, 0), Frame(1, 0)])[..], &[Start(2, 0), Frame(3, 0)]].concat();
            assert_eq!(short(&items), then_starved(&expected), "{pause}");
            assert_eq!(buffer.statistics().lost, 0);
        }
        // With both, as many are lost as numbers are missing, and the rest is a pause.
        let mut buffer = JitterBuffer::new(Config::default());
        let items = run(&mut buffer, vec![arrival(0, 0), arrival(1, 0), paused(3, 3000)]);
        let expected = [&then_starved(&[Start(0, 0), Frame(1, 0)])[..], &[Start(3, 1)]].concat();
        assert_eq!(short(&items), then_starved(&expected));
    }

    #[test]
    fn a_marker_and_a_new_source_start_a_spurt() {
        let mut buffer = JitterBuffer::new(Config::default());
        let (mut items, start) = (Vec::new(), 1000 * MS);
        push(&mut buffer, &arrival(0, 0));
        push(&mut buffer, &Arrival { at: start, ..arrival(1, 0) });
        buffer.mark();
        push(&mut buffer, &Arrival { at: start, ..arrival(2, 0) });
        // A number that is near, of another source: nothing is missing between.
        buffer.restart();
        push(&mut buffer, &Arrival { at: start, timestamp: 5, ..arrival(40, 0) });
        push(&mut buffer, &Arrival { at: start, timestamp: 965, ..arrival(41, 0) });
        play_until(&mut buffer, 2000 * MS, &mut items);
        let expected = [Start(0, 0), Frame(1, 0), End, Start(2, 0), End, Start(40, 0), Frame(41, 0)];
        assert_eq!(short(&items), then_starved(&expected));
        assert_eq!(buffer.statistics().resets, 1);
    }

    #[test]
    fn a_jump_of_numbers_or_a_step_back_in_time_is_a_new_stream() {
        for (number, timestamp, resets) in [
            (500, None, 0),
            (501, None, 1),
            (65_536 - 501, None, 1),
            (30_000, None, 1),
            (1, Some(arrival(0, 0).timestamp.wrapping_sub(960)), 1),
            (1, Some(arrival(0, 0).timestamp), 1),
        ] {
            let mut buffer = JitterBuffer::new(Config::default());
            let jumped = arrival(number, 0);
            let jumped =
                Arrival { timestamp: timestamp.unwrap_or(jumped.timestamp), at: 1010 * MS, ..jumped };
            let items = run(&mut buffer, vec![arrival(0, 0), jumped]);
            assert_eq!(buffer.statistics().resets, resets, "{number}");
            if resets == 1 {
                let expected = [Start(0, 0), End, Start(number, 0)];
                let expected = if short(&items)[1] == End {
                    then_starved(&expected)
                } else {
                    then_starved(&[&then_starved(&expected[..1])[..], &expected[2..]].concat())
                };
                assert_eq!(short(&items), expected, "{number}");
            }
        }
    }

    #[test]
    fn frames_may_be_as_short_or_long_as_opus_allows() {
        for (toc, samples) in [(0xE0, 120), (0xE8, 240), (0x00, 480), (0x10, 1920), (0x18, 2880)] {
            let mut buffer = JitterBuffer::new(Config::default());
            let arrivals = (0..50).filter(|n| n % 10 != 5).map(|n| Arrival {
                at: 1000 * MS + n * samples * 1_000_000 / 48,
                sequence: n as u16,
                timestamp: (n * samples) as u32,
                opus: vec![toc, 1].into(),
            });
            let items = run(&mut buffer, arrivals.collect());
            let mut next = 0;
            for (n, (time, item)) in (0_u64..).zip(&items[..50]) {
                assert_eq!(*time, (1060 * MS + n * samples * 1_000_000 / 48).next_multiple_of(1), "{toc}");
                let (lost, timestamp, length) = match item {
                    Playout::Frame { timestamp, samples, .. } => (false, *timestamp, *samples),
                    Playout::Lost { timestamp, samples, .. } => (true, *timestamp, *samples),
                    Playout::EndOfSpurt => panic!("{toc} {n}"),
                };
                assert_eq!((lost, timestamp, u64::from(length)), (n % 10 == 5, next, samples), "{toc} {n}");
                next += length;
            }
        }
    }

    #[test]
    fn padding_is_no_loss_and_what_is_not_opus_is_one() {
        for (opus, expected) in [(&[][..], None), (&[0x03], Some(Lost(Some(2))))] {
            let mut buffer = JitterBuffer::new(Config::default());
            let odd = Arrival { opus: opus.to_vec().into(), ..arrival(1, 0) };
            // The padding's place in time is taken by what follows.
            let timestamp = if opus.is_empty() { odd.timestamp } else { arrival(2, 0).timestamp };
            let items = run(&mut buffer, vec![arrival(0, 0), odd, Arrival { timestamp, ..arrival(2, 0) }]);
            let missing = u32::from(expected.is_some());
            let expected: Vec<_> =
                [Some(Start(0, 0)), expected, Some(Frame(2, missing))].into_iter().flatten().collect();
            assert_eq!(short(&items), then_starved(&expected));
            assert_eq!(buffer.statistics().invalid, u64::from(missing));
        }
    }

    #[test]
    fn padding_behind_a_loss_is_none() {
        let mut buffer = JitterBuffer::new(Config::default());
        let padding = Arrival { opus: Bytes::new(), ..arrival(2, 0) };
        let after = Arrival { timestamp: arrival(2, 0).timestamp, at: arrival(2, 5).at, ..arrival(3, 0) };
        let items = run(&mut buffer, vec![arrival(0, 0), padding, after]);
        assert_eq!(short(&items), then_starved(&[Start(0, 0), Lost(Some(3)), Frame(3, 1)]));
    }

    #[test]
    fn a_single_loss_is_as_long_as_the_hole() {
        let mut buffer = JitterBuffer::new(Config::default());
        let items = run(
            &mut buffer,
            vec![
                arrival(0, 0),
                Arrival { sequence: arrival(1, 0).sequence.wrapping_add(1), ..arrival(4, 0) },
            ],
        );
        // The hole of 60 ms is known only when what follows is there: one frame's time after the loss.
        let late = short(&items);
        assert_eq!(late[..3], [Start(0, 0), Lost(Some(4)), Frame(4, 1)]);
        assert!(matches!(items[1].1, Playout::Lost { samples: 2880, .. }));
    }

    #[test]
    fn a_duplicate_too_old_for_the_window_is_one_still() {
        for again in [arrival(0, 0).opus, Bytes::new()] {
            let mut buffer = JitterBuffer::new(Config::default());
            let start = 1000 * MS;
            push(&mut buffer, &Arrival { at: start, ..arrival(200, 0) });
            push(&mut buffer, &Arrival { at: start, ..arrival(0, 0) });
            push(&mut buffer, &Arrival { at: start, opus: again, ..arrival(0, 0) });
            assert_eq!((buffer.len(), buffer.bytes()), (2, 20));
            assert_eq!(buffer.statistics().duplicated, 1);
        }
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_go() {
        for (count, size) in [(600, 10), (200, 1200)] {
            let mut buffer = JitterBuffer::new(Config::default());
            for n in 0..count {
                let mut opus = speech(n).to_vec();
                opus.resize(size, 0);
                push(&mut buffer, &Arrival { opus: opus.into(), ..arrival(n, 0) });
                assert!(buffer.len() <= MAX_PACKETS && buffer.bytes() <= MAX_BYTES);
            }
            let kept = MAX_PACKETS.min(MAX_BYTES / size) as u64;
            assert_eq!(buffer.statistics().overflowed, count - kept);
            let mut items = Vec::new();
            play_until(&mut buffer, u64::MAX / 2, &mut items);
            assert_eq!(short(&items)[0], Start(count - kept, 0));
            assert_eq!(items.len() as u64, kept + 6);
        }
        // Nobody played for an hour: what went is not given out one by one.
        let mut buffer = JitterBuffer::new(Config::default());
        let mut items = Vec::new();
        push(&mut buffer, &arrival(0, 0));
        play_until(&mut buffer, 1070 * MS, &mut items);
        for n in 1..180_000 {
            push(&mut buffer, &arrival(n, 0));
        }
        play_until(&mut buffer, 3_700_000 * MS, &mut items);
        assert_eq!(short(&items)[..3], [Start(0, 0), End, Start(180_000 - 512, 180_000 - 513)]);
    }

    #[test]
    fn a_stall_of_the_network_leaves_no_backlog() {
        let mut buffer = JitterBuffer::new(Config::default());
        // From number 200 on all is held up for two seconds, and comes at once.
        let release = 1000 + 20 * 300;
        let delay = |n: u64| if (200..300).contains(&n) { release - 1000 - 20 * n } else { 0 };
        let items = run(&mut buffer, (0..500).map(|n| arrival(n, delay(n))).collect());
        for (time, item) in &items {
            if let Playout::Frame { opus, .. } = item {
                let n = number(opus).unwrap();
                let sent = arrival(n, 0).at;
                assert!(time - sent <= 200 * MS, "{n} waits for {} ms", (time - sent) / MS);
            }
        }
        let statistics = buffer.statistics();
        assert!((85..100).contains(&statistics.late), "{statistics:?}");
        assert_eq!(statistics.lost, statistics.late);
    }

    #[test]
    fn a_longer_way_through_the_network_is_learnt() {
        let mut buffer = JitterBuffer::new(Config::default());
        let items = run(&mut buffer, (0..1000).map(|n| arrival(n, if n < 400 { 0 } else { 1000 })).collect());
        let statistics = buffer.statistics();
        assert!(statistics.late <= 6, "{statistics:?}");
        let (time, last) = items.iter().rfind(|(_, item)| matches!(item, Playout::Frame { .. })).unwrap();
        assert!(matches!(last, Playout::Frame { opus, .. } if number(opus) == Some(999)));
        assert!(*time - arrival(999, 1000).at <= 200 * MS);
    }

    #[test]
    fn a_senders_clock_may_stop_or_be_set_in_a_pause() {
        // By how much the sender's clock differs from ours after a pause of two seconds, in ms.
        for drift in [-2000_i64, -300, -50, 0, 50, 300, 2000, 1_000_000] {
            let mut buffer = JitterBuffer::new(Config::default());
            let arrivals = (0..400_u64).map(|n| {
                let spurt = n / 100;
                let plain = arrival(n, 0);
                let clock = (2000 + drift) * 48 * spurt as i64;
                let timestamp = plain.timestamp.wrapping_add(clock as u32);
                let opus = if n % 100 >= 95 { silence() } else { plain.opus };
                Arrival { at: plain.at + spurt * 2000 * MS, timestamp, opus, ..plain }
            });
            let arrivals: Vec<_> = arrivals.collect();
            let items = run(&mut buffer, arrivals.clone());
            let statistics = buffer.statistics();
            assert_eq!((statistics.late, statistics.lost, statistics.concealed), (0, 0, 0), "{drift}");
            assert_eq!(statistics.spurts, 4, "{drift}");
            // A clock that was set forward is not a network that was slow before.
            assert!(drift < 0 || statistics.target == Duration::from_millis(20), "{drift}");
            for (time, item) in &items {
                if let Playout::Frame { sequence, .. } = item {
                    let came = arrivals.iter().find(|arrival| arrival.sequence == *sequence).unwrap().at;
                    assert!((*time - came) <= 200 * MS, "{drift}");
                }
            }
        }
    }

    #[test]
    fn a_fixed_delay_stays() {
        let delay = Duration::from_millis(40);
        let mut buffer = JitterBuffer::new(Config { adaptive: false, min: delay, max: MAX_DELAY });
        let items =
            run(&mut buffer, (0..200).map(|n| arrival(n, if n % 20 == 9 { 90 } else { 0 })).collect());
        for (time, item) in &items {
            if let Playout::Frame { opus, .. } = item {
                assert_eq!(*time, arrival(number(opus).unwrap(), 40).at);
            }
        }
        assert_eq!(buffer.statistics().late, 10);
        assert_eq!(buffer.statistics().delay, delay);
    }

    #[test]
    fn bounds_out_of_order_are_put_right() {
        let config = Config { adaptive: true, min: Duration::MAX, max: Duration::ZERO };
        let mut buffer = JitterBuffer::new(config);
        let items = run(&mut buffer, vec![arrival(0, 0)]);
        assert_eq!(items[0].0, arrival(0, 1000).at);
    }

    /// Roughly gaussian, of this standard deviation: the sum of twelve uniform draws.
    fn gaussian(entropy: &mut Entropy, deviation: f64) -> f64 {
        let sum: u64 = (0..12).map(|_| entropy.below(1 << 20)).sum();
        (sum as f64 / f64::from(1 << 20) - 6.0) * deviation
    }

    /// Speech as people speak: spurts of one to eight seconds, five frames of silence, pauses up to four seconds.
    /// `delay` in ms, drawn for each packet.
    fn talk(
        numbers: core::ops::Range<u64>,
        entropy: &mut Entropy,
        mut delay: impl FnMut(&mut Entropy) -> f64,
    ) -> Vec<Arrival> {
        let (mut arrivals, mut pause, mut left) = (Vec::new(), 0, 0);
        for n in numbers {
            if left == 0 {
                left = 50 + entropy.below(350);
                pause += entropy.below(200);
            }
            left -= 1;
            let plain = arrival(n, 0);
            let (at, timestamp) =
                (plain.at + pause * 20 * MS, plain.timestamp.wrapping_add(960 * pause as u32));
            let at = at + (delay(entropy).max(0.0) * 1e6) as u64;
            let opus = if left < 5 { silence() } else { plain.opus };
            arrivals.push(Arrival { at, timestamp, opus, ..plain });
        }
        arrivals
    }

    #[test]
    fn an_hour_of_jitter_costs_less_than_a_hundredth() {
        for deviation in [5.0, 15.0, 30.0] {
            let mut buffer = JitterBuffer::new(Config::default());
            let mut entropy = Entropy::new([deviation as u8; 32]);
            let arrivals = talk(0..180_000, &mut entropy, |entropy| 100.0 + gaussian(entropy, deviation));
            run(&mut buffer, arrivals);
            let statistics = buffer.statistics();
            let share = statistics.late as f64 / statistics.received as f64;
            assert!(share < 0.01, "{deviation}: {share} {statistics:?}");
            assert_eq!(statistics.lost, statistics.late);
            // No more delay than such a network asks for: six deviations.
            let target = statistics.target.as_secs_f64() * 1000.0;
            assert!(target < 6.5 * deviation + 20.0, "{deviation}: {target}");
            // The mean difference of two draws is 1.13 deviations.
            let jitter = statistics.jitter.as_secs_f64() * 1000.0;
            assert!((0.5 * deviation..2.0 * deviation).contains(&jitter), "{deviation}: {jitter}");
        }
    }

    #[test]
    fn the_delay_grows_fast_and_shrinks_when_the_network_calms() {
        let mut buffer = JitterBuffer::new(Config::default());
        let mut entropy = Entropy::new([7; 32]);
        let calm = talk(0..3000, &mut entropy, |_| 100.0);
        let end = calm.last().unwrap().clone();
        let later = |arrivals: Vec<Arrival>, end: &Arrival| -> Vec<Arrival> {
            let shift = end.at - arrivals[0].at + 4000 * MS;
            let first = arrivals[0].timestamp;
            let timestamp = |arrival: &Arrival| {
                end.timestamp.wrapping_add(arrival.timestamp.wrapping_sub(first)).wrapping_add(4000 * 48)
            };
            arrivals
                .into_iter()
                .map(|a| Arrival { at: a.at + shift, timestamp: timestamp(&a), ..a })
                .collect()
        };
        run(&mut buffer, calm);
        assert_eq!(buffer.statistics().delay, Duration::from_millis(20));
        let rough = talk(3000..3200, &mut entropy, |entropy| 100.0 + gaussian(entropy, 30.0).abs());
        let rough = later(rough, &end);
        let end = rough.last().unwrap().clone();
        let before = buffer.statistics();
        run(&mut buffer, rough);
        let after = buffer.statistics();
        assert!(after.delay > Duration::from_millis(60), "{after:?}");
        assert!(after.late - before.late <= 12, "{after:?}");
        let calm = later(talk(3200..7000, &mut entropy, |_| 100.0), &end);
        run(&mut buffer, calm);
        let calmed = buffer.statistics();
        assert_eq!(calmed.delay, Duration::from_millis(20), "{calmed:?}");
        assert!(calmed.late - after.late <= 2, "{calmed:?}");
    }

    #[test]
    fn a_spurt_is_not_stretched_or_squeezed_by_what_is_in_time() {
        let mut buffer = JitterBuffer::new(Config::default());
        let mut entropy = Entropy::new([9; 32]);
        // One spurt of a minute, with the delays below the 60 ms that are there at the start.
        let items = run(&mut buffer, (0..3000).map(|n| arrival(n, entropy.below(60))).collect());
        let times: Vec<_> = items[..3000].iter().map(|(time, _)| *time).collect();
        let steps: BTreeSet<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(steps.iter().all(|step| step.abs_diff(20 * MS) <= MS / 10), "{steps:?}");
    }

    proptest! {
        /// Against the plain list of what was sent. A sender with talk spurts and pauses, of packets that are lost,
        /// doubled and delayed by up to what a maximum of 200 ms can bear.
        #[test]
        fn whatever_the_network_does(
            adaptive: bool,
            first in (any::<u16>(), any::<u32>()),
            length in prop::sample::select(vec![(0xE0_u8, 120_u64), (0x00, 480), (0xF8, 960), (0x18, 2880)]),
            spurts in proptest::collection::vec(
                (
                    proptest::collection::vec(
                        (0_u8..20, 0_u64..100, proptest::option::weighted(0.1, 0_u64..400)), 1..60
                    ),
                    500_u64..20_000,
                    any::<bool>(),
                ),
                1..6,
            ),
        ) {
            let (toc, samples) = length;
            // By number: when it was sent, in samples.
            let (mut sent, mut arrivals) = (Vec::new(), Vec::new());
            let mut media = 0;
            for (packets, pause, says_so) in spurts {
                let spoken = packets.len();
                let silences = if says_so { 5 } else { 0 };
                let all = packets.into_iter().chain([(19, 0, None); 5].into_iter().take(silences));
                for (n, (fate, delay, again)) in all.enumerate() {
                    let number = sent.len() as u64;
                    let mut opus = vec![toc, 0];
                    opus.extend(number.to_be_bytes());
                    let opus = if n < spoken { opus.into() } else { silence() };
                    let time = 1000 * MS + media * 1_000_000 / 48;
                    let packet = Arrival {
                        at: time + delay * MS,
                        sequence: first.0.wrapping_add(number as u16),
                        timestamp: first.1.wrapping_add(media as u32),
                        opus,
                    };
                    // One in twenty is lost.
                    if fate > 0 {
                        arrivals.push((number, packet.clone()));
                    }
                    if let Some(again) = again.filter(|_| fate > 0) {
                        arrivals.push((number, Arrival { at: time + again * MS, ..packet }));
                    }
                    sent.push(media);
                    media += if n < spoken { samples } else { 960 };
                }
                media += pause * 48;
            }
            arrivals.sort_by_key(|(_, arrival)| arrival.at);

            let mut buffer = JitterBuffer::new(Config { adaptive, ..Config::default() });
            let by_sequence = |sequence: u16| u64::from(sequence.wrapping_sub(first.0));
            let mut items: Vec<(u64, Playout)> = Vec::new();
            // What must be played, and what came too late, as the items given out so far tell.
            let (mut due, mut late, mut seen) = (BTreeSet::new(), 0, BTreeSet::new());
            for (number, arrival) in &arrivals {
                play_until(&mut buffer, arrival.at.saturating_sub(1), &mut items);
                let passed = items.iter().rev().find_map(|(_, item)| match item {
                    Playout::Frame { timestamp, samples, .. } | Playout::Lost { timestamp, samples, .. } => {
                        Some(u64::from(timestamp.wrapping_sub(first.1)) + u64::from(*samples))
                    }
                    Playout::EndOfSpurt => None,
                });
                if seen.insert(*number) {
                    if passed.is_some_and(|passed| sent[*number as usize] < passed) {
                        late += 1;
                    } else {
                        due.insert(*number);
                    }
                }
                push(&mut buffer, arrival);
            }
            play_until(&mut buffer, u64::MAX / 2, &mut items);

            let statistics = buffer.statistics();
            let mut frames = BTreeMap::new();
            let (mut end, mut before, mut lost, mut missed, mut paused) = (None, None, 0, 0, true);
            for (time, item) in &items {
                match item {
                    Playout::Frame { sequence, timestamp, samples, missing, starts, .. } => {
                        let number = by_sequence(*sequence);
                        let place = u64::from(timestamp.wrapping_sub(first.1));
                        prop_assert_eq!(place, sent[number as usize]);
                        prop_assert_eq!(*starts, paused);
                        // One item for each step: without a pause, each starts where the one before ended.
                        let gap = end.map_or(0, |end: u64| place as i64 - end as i64);
                        prop_assert!(gap == 0 || (*starts && gap > 0), "{gap}");
                        let skipped = before.map_or(0, |before: u64| number - before - 1);
                        prop_assert_eq!(u64::from(*missing), skipped);
                        if !starts {
                            prop_assert_eq!(lost, skipped);
                        } else if before.is_some() {
                            // And no pause where the speaker made none, unless nothing came.
                            prop_assert!(gap > 0 || lost > 0);
                        }
                        missed += skipped;
                        prop_assert!(frames.insert(number, *time).is_none());
                        (end, before, lost, paused) = (Some(place + u64::from(*samples)), Some(number), 0, false);
                        // Never longer than the maximum beyond the network's own delay.
                        prop_assert!(*time <= 1000 * MS + place * 1_000_000 / 48 + (200 + 100) * MS + 1);
                    }
                    Playout::Lost { timestamp, samples, .. } => {
                        let place = u64::from(timestamp.wrapping_sub(first.1));
                        prop_assert_eq!(end, Some(place));
                        prop_assert!(!paused);
                        end = Some(place + u64::from(*samples));
                        lost += 1;
                    }
                    Playout::EndOfSpurt => {
                        prop_assert!(!paused);
                        paused = true;
                    }
                }
            }
            prop_assert!(paused);
            prop_assert_eq!(frames.keys().copied().collect::<BTreeSet<_>>(), due);
            prop_assert_eq!(statistics.late, late);
            prop_assert_eq!(statistics.lost, missed);
            prop_assert_eq!(statistics.duplicated as usize, arrivals.len() - seen.len());
            prop_assert_eq!(statistics.received as usize, seen.len());
            prop_assert!(items.windows(2).all(|pair| pair[0].0 <= pair[1].0));
        }

        /// Whatever is pushed whenever: no panic, bounded, and the deadline keeps its word.
        #[test]
        fn hostile_streams(
            steps in proptest::collection::vec(
                (
                    0_u64..300,
                    prop_oneof![any::<u16>(), 0_u16..40],
                    prop_oneof![any::<u32>(), 0_u32..40_000],
                    prop_oneof![
                        Just(vec![]), Just(vec![0xF8, 0xFF, 0xFE]), Just(vec![0x18, 1]), Just(vec![0xE0, 1]),
                        proptest::collection::vec(any::<u8>(), 0..6),
                        Just(vec![0xF8; 60_000]),
                    ],
                    0_u8..12,
                ),
                0..200,
            ),
        ) {
            let mut buffer = JitterBuffer::new(Config::default());
            let (mut now, mut items) = (0, Vec::new());
            for (pause, sequence, timestamp, opus, kind) in steps {
                now += pause * MS;
                match kind {
                    0 => buffer.restart(),
                    1 => buffer.mark(),
                    // A clock that steps back.
                    2 => _ = buffer.pop(Timestamp::from_nanos(now / 2)),
                    3..7 => play_until(&mut buffer, now, &mut items),
                    _ => {}
                }
                buffer.push(Timestamp::from_nanos(now), sequence, timestamp, opus.into());
                prop_assert!(buffer.len() <= MAX_PACKETS && buffer.bytes() <= MAX_BYTES);
            }
            play_until(&mut buffer, u64::MAX / 2, &mut items);
            prop_assert!(buffer.deadline().is_none());
            let statistics = buffer.statistics();
            let frames = items.iter().filter(|(_, item)| matches!(item, Playout::Frame { .. })).count() as u64;
            prop_assert!(frames <= statistics.received);
            prop_assert!(statistics.target <= Duration::from_millis(200));
        }
    }
}
