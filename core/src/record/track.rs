//! One speaker's track: packets in any order in, Ogg pages on the call's timeline out.

use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry;

use bytes::Bytes;

use crate::id::UserId;
use crate::opus::{self, GRAIN, RATE, SHORTEST_SILENCE, SILENCE};
use crate::record::journal::{Journal, Loss};
use crate::record::ogg::{MAX_PACKET, PageWriter};
use crate::time::Duration;

/// How long a packet that came early waits for those before it.
const REORDER: Duration = Duration::from_millis(500);
/// How many packets wait at most; with one more the wait is over for the first.
const MAX_HELD: usize = 64;
/// A packet this long after the one before it starts a talk spurt.
const SPURT: Duration = Duration::from_millis(150);
/// How far a sender's RTP clock may be from ours, in samples, when a talk spurt starts: beyond uneven network
/// delay it was stopped during the pause, and our clock says where the spurt belongs.
const SPURT_TOLERANCE: u64 = RATE * 120 / 1000;
/// The same within a talk spurt, where only a broken sender strays at all.
const TOLERANCE: u64 = 2 * RATE;
/// Silence before the timeline starts, in samples, for a decoder to settle in (RFC 7845, section 4.2: 80 ms).
const CONVERGENCE: u64 = 3840;
/// Frames of a loss that are left to the decoder's concealment; after 100 ms it has faded out anyway.
const CONCEALED: u64 = 5;
/// Packets of a page at most: one second of speech. And how long a packet waits for its page.
const PAGE_PACKETS: usize = 50;
const PAGE_WAIT: Duration = Duration::from_secs(1);
/// A silent track is padded when it is so far behind, up to so near the present.
const PAD_BEHIND: Duration = Duration::from_secs(30);
const PAD_UP_TO: Duration = Duration::from_secs(5);
/// The most silence that one input adds: two days, 22 MB of pages. Only a speaker who is first heard after so long, or
/// a clock that jumps so far, meets the bound; the track is then shorter than the call by the rest.
const LONGEST_FILL: u64 = 2 * 86_400 * RATE;

/// A packet on its way into a track.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival<'a> {
    /// When it came, since the recording's start.
    pub(super) at: Duration,
    pub(super) ssrc: u32,
    pub(super) sequence: u16,
    pub(super) timestamp: u32,
    pub(super) opus: &'a [u8],
}

/// What became of a speaker's packets.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct TrackCounters {
    /// Packets in the file, as sent.
    pub packets: u64,
    /// Packets that never came; the decoder conceals the first 100 ms of each gap, the rest is silence.
    pub missing: u64,
    /// Packets that came when their place had been passed, or for the second time.
    pub late: u64,
    /// Frames that are left to the decoder to conceal.
    pub concealed: u64,
    /// Packets that are not Opus.
    pub invalid: u64,
    /// Talk spurts that were placed by our clock: the first of each SSRC, and those before which the
    /// speaker's RTP clock had stopped.
    pub anchored: u64,
}

/// Where RTP timestamps of one SSRC lie on the call's timeline.
#[derive(Clone, Copy, Debug)]
struct Anchor {
    ssrc: u32,
    timestamp: u32,
    position: u64,
    next_sequence: u16,
    last: Duration,
}

#[derive(Debug)]
struct Held {
    at: Duration,
    timestamp: u32,
    opus: Bytes,
}

/// One speaker's track. Positions are samples at 48 kHz since the recording's start.
#[derive(Debug)]
pub(super) struct Track {
    writer: PageWriter,
    pre_skip: u64,
    anchor: Option<Anchor>,
    /// Packets that came early, by how far ahead of the next sequence number they were.
    held: BTreeMap<u64, Held>,
    /// The extended sequence number that is next; `held` is keyed by these.
    next: u64,
    concealable: [u8; 1],
    oldest_unwritten: Option<Duration>,
    counters: TrackCounters,
    journal: Journal,
}

/// Pages to append, in order.
pub(super) trait Sink {
    fn append(&mut self, page: Bytes);
}

impl Track {
    /// The track with this number of a recording, from 0, whose first packet is this, and the file's head.
    pub(super) fn new(user: UserId, number: usize, first: &Arrival<'_>) -> (Self, Bytes) {
        // Silence fills to a grain of 2.5 ms; pre-skip takes back what is too much, so that the first
        // packet lies exactly where it belongs.
        let first_position = position(first.at);
        let pre_skip = CONVERGENCE + first_position.next_multiple_of(GRAIN) - first_position;
        let comment = alloc::format!("DISCORD_USER_ID={user}");
        let serial = (user.0 ^ (user.0 >> 32)) as u32;
        let (writer, head) = PageWriter::new(serial, pre_skip as u16, &[&comment]);
        let track = Self {
            writer,
            pre_skip,
            anchor: None,
            held: BTreeMap::new(),
            next: 0,
            concealable: [0xF8],
            oldest_unwritten: None,
            counters: TrackCounters::default(),
            journal: Journal::new(number),
        };
        (track, head)
    }

    pub(super) const fn counters(&self) -> TrackCounters {
        self.counters
    }

    pub(super) const fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Samples of the call's timeline that the file covers.
    pub(super) const fn covered(&self) -> u64 {
        self.writer.samples().saturating_sub(self.pre_skip)
    }

    /// Takes a packet.
    pub(super) fn push(&mut self, arrival: &Arrival<'_>, sink: &mut impl Sink) {
        let is_padding = arrival.opus.is_empty();
        if (!is_padding && opus::duration(arrival.opus).is_none()) || arrival.opus.len() > MAX_PACKET {
            self.counters.invalid += 1;
            return;
        }
        let Some(anchor) = self.anchor.filter(|anchor| anchor.ssrc == arrival.ssrc) else {
            // Another SSRC: what waits of the one before cannot be waited for any longer.
            self.release_all(sink);
            self.anchor(arrival);
            self.write(arrival, 0, sink);
            return;
        };
        let ahead = arrival.sequence.wrapping_sub(anchor.next_sequence);
        if ahead == 0 {
            self.write(arrival, 0, sink);
            self.release(sink);
        } else if ahead < 0x8000 {
            let Entry::Vacant(entry) = self.held.entry(self.next + u64::from(ahead)) else {
                self.counters.late += 1;
                return;
            };
            let opus = Bytes::copy_from_slice(arrival.opus);
            entry.insert(Held { at: arrival.at, timestamp: arrival.timestamp, opus });
            if self.held.len() > MAX_HELD {
                self.skip_gap(sink);
                self.release(sink);
            }
        } else {
            self.counters.late += 1;
        }
    }

    /// When [`Track::due`] has something to do, since the recording's start.
    pub(super) fn deadline(&self) -> Duration {
        let pad = time(self.covered()) + PAD_BEHIND;
        let held = self.held.values().map(|held| held.at + REORDER).min();
        let page = self.oldest_unwritten.map(|at| at + PAGE_WAIT);
        [held, page].into_iter().flatten().fold(pad, Duration::min)
    }

    /// Does what is due: gives up waiting for lost packets, writes out pages, pads long silences.
    pub(super) fn due(&mut self, at: Duration, sink: &mut impl Sink) {
        while self.held.values().any(|held| held.at + REORDER <= at) {
            self.skip_gap(sink);
            self.release(sink);
        }
        let silent = at >= time(self.covered()) + PAD_BEHIND;
        if silent {
            self.fill_silence(self.sample(position(at.saturating_sub(PAD_UP_TO))), at, sink);
        }
        // The page of a silent track has nothing to wait for.
        if silent || self.oldest_unwritten.is_some_and(|oldest| oldest + PAGE_WAIT <= at) {
            self.flush(sink);
        }
    }

    /// Stops waiting for what is missing. Answers with where the track ends.
    pub(super) fn settle(&mut self, sink: &mut impl Sink) -> u64 {
        self.release_all(sink);
        self.covered()
    }

    /// Ends the file at this position, which lies at or behind the end of the track.
    pub(super) fn finish(&mut self, end: u64, sink: &mut impl Sink) {
        let (at, end) = (time(end), self.sample(end).max(self.writer.samples()));
        self.fill_silence(end.next_multiple_of(GRAIN), at, sink);
        if self.writer.waiting() == 0 {
            // The last page says where playback ends, and only a page on which a packet ends can (RFC 3533,
            // section 6).
            let (packet, samples) = SHORTEST_SILENCE;
            self.push_filler(packet, samples, at, sink);
        }
        let cut = self.writer.samples() - end;
        sink.append(self.writer.finish(cut));
        self.oldest_unwritten = None;
    }

    /// Ties an SSRC's timestamps to our clock.
    fn anchor(&mut self, arrival: &Arrival<'_>) {
        self.counters.anchored += 1;
        self.anchor = Some(Anchor {
            ssrc: arrival.ssrc,
            timestamp: arrival.timestamp,
            position: position(arrival.at),
            next_sequence: arrival.sequence,
            last: arrival.at,
        });
    }

    /// Writes the packet whose turn it is, after `missing` that never came, where it belongs.
    fn write(&mut self, arrival: &Arrival<'_>, missing: u64, sink: &mut impl Sink) {
        let Some(mut anchor) = self.anchor else { return };
        anchor.next_sequence = arrival.sequence.wrapping_add(1);
        self.next += missing + 1;
        if arrival.opus.is_empty() {
            // Padding only: it has a place in the sequence, and no sound.
            self.anchor = Some(anchor);
            return;
        }
        let samples = opus::duration(arrival.opus).unwrap_or_default();
        // What others overtook was sent before they came: its delay says nothing about the sender's clock.
        let at = self.held.values().map(|held| held.at).fold(arrival.at, Duration::min);
        let clock = position(at);
        let elapsed = i64::from(arrival.timestamp.wrapping_sub(anchor.timestamp) as i32);
        let tolerance = if at.saturating_sub(anchor.last) >= SPURT { SPURT_TOLERANCE } else { TOLERANCE };
        let by_rtp = anchor.position.checked_add_signed(elapsed);
        let place = by_rtp.filter(|place| place.abs_diff(clock) <= tolerance).unwrap_or_else(|| {
            self.counters.anchored += 1;
            clock
        });
        self.fill(place, missing, arrival, sink);
        // What cannot go back in time goes on where the file is, and the spurt after it keeps its distances.
        // The rounding to the grain does not count, so that it does not add up.
        let pushed = self.writer.samples().saturating_sub(self.sample(place));
        let place = if pushed <= GRAIN / 2 { place } else { place + pushed };
        let from = self.covered();
        self.journal.note(arrival.ssrc, from, from + samples);
        if let Some(page) = self.writer.push(arrival.opus, samples) {
            sink.append(page);
            self.oldest_unwritten = None;
        }
        self.oldest_unwritten.get_or_insert(arrival.at);
        self.counters.packets += 1;
        if let [toc, ..] = arrival.opus {
            self.concealable = [*toc];
        }
        anchor.timestamp = arrival.timestamp;
        anchor.position = place;
        anchor.last = at;
        self.anchor = Some(anchor);
        if self.writer.waiting() >= PAGE_PACKETS {
            self.flush(sink);
        }
    }

    /// The file's sample, pre-skip included, for a position on the timeline.
    const fn sample(&self, position: u64) -> u64 {
        position + self.pre_skip
    }

    /// Fills up to `place`: concealment for what was lost, silence for the rest.
    fn fill(&mut self, place: u64, missing: u64, arrival: &Arrival<'_>, sink: &mut impl Sink) {
        // To the nearest grain: the error stays within 1.25 ms and does not add up.
        let written = self.writer.samples();
        let end = written + (self.sample(place).saturating_sub(written) + GRAIN / 2) / GRAIN * GRAIN;
        if let Some((packet, samples)) = opus::concealment(&self.concealable) {
            for _ in 0..missing.min(CONCEALED) {
                if self.writer.samples() + samples <= end {
                    self.push_filler(&packet, samples, arrival.at, sink);
                    self.counters.concealed += 1;
                }
            }
        }
        self.fill_silence(end, arrival.at, sink);
        if missing > 0 {
            let at = written.saturating_sub(self.pre_skip);
            self.journal.lose(Loss { at, samples: self.covered() - at, packets: missing });
        }
    }

    /// Fills up to a sample of the file, but by no more than [`LONGEST_FILL`].
    fn fill_silence(&mut self, end: u64, at: Duration, sink: &mut impl Sink) {
        let end = end.min(self.writer.samples() + LONGEST_FILL);
        for (packet, samples) in SILENCE {
            while self.writer.samples() + samples <= end {
                self.push_filler(packet, samples, at, sink);
            }
        }
    }

    fn push_filler(&mut self, packet: &[u8], samples: u64, at: Duration, sink: &mut impl Sink) {
        if let Some(page) = self.writer.push(packet, samples) {
            sink.append(page);
            self.oldest_unwritten = None;
        }
        self.oldest_unwritten.get_or_insert(at);
    }

    /// Writes held packets as long as they follow without a gap.
    fn release(&mut self, sink: &mut impl Sink) {
        while let Some(held) = self.held.remove(&self.next) {
            self.write_held(&held, 0, sink);
        }
    }

    /// Gives up on what is missing before the first held packet.
    fn skip_gap(&mut self, sink: &mut impl Sink) {
        if let Some((index, held)) = self.held.pop_first() {
            let missing = index - self.next;
            self.counters.missing += missing;
            self.write_held(&held, missing, sink);
        }
    }

    fn release_all(&mut self, sink: &mut impl Sink) {
        while !self.held.is_empty() {
            self.skip_gap(sink);
        }
    }

    fn write_held(&mut self, held: &Held, missing: u64, sink: &mut impl Sink) {
        let Some(anchor) = self.anchor else { return };
        let sequence = anchor.next_sequence.wrapping_add(missing as u16);
        let (at, timestamp, opus) = (held.at, held.timestamp, &*held.opus);
        self.write(&Arrival { at, ssrc: anchor.ssrc, sequence, timestamp, opus }, missing, sink);
    }

    fn flush(&mut self, sink: &mut impl Sink) {
        if let Some(page) = self.writer.flush() {
            sink.append(page);
        }
        self.oldest_unwritten = None;
    }
}

/// The sample at a time since the recording's start.
pub(super) fn position(at: Duration) -> u64 {
    // The clock ends after 584 years: no product gets near 64 bits.
    at.as_secs() * RATE + u64::from(at.subsec_nanos()) * RATE / 1_000_000_000
}

/// The time of a sample.
pub(super) fn time(position: u64) -> Duration {
    let (seconds, samples) = (position / RATE, position % RATE);
    Duration::from_secs(seconds) + Duration::from_nanos(samples * 1_000_000_000 / RATE)
}
