//! The machine: a queue of tracks for one call.

use alloc::collections::VecDeque;

use bytes::Bytes;

use super::event::{Counters, EndReason, EnqueueError, Event, SeekError, TrackId, VolumeError};
use super::origin::Origin;
use super::track::{Line, Over, Track};
use crate::machine::{Input, Machine, Output, Scope, SourceId, SourceReport};
use crate::opus;
use crate::outbox::Outbox;
use crate::time::{Duration, Timestamp};
use crate::voice::transmitter::MAX_OPUS;

/// Frames held of the track that plays: 500 ms as most encoders cut them.
const HELD: usize = 25;
/// Frames held of the track that follows, once the one that plays needs no more reading.
const HELD_NEXT: usize = 5;
/// More frames are asked for once at most so many are held or under way: several at once are less work.
const LOW: usize = 17;

/// What to repeat.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Loop {
    /// Nothing.
    #[default]
    Off,
    /// The track that plays, until it is skipped.
    Track,
    /// The whole queue: a track that was played, or skipped, goes to its end.
    Queue,
    /// The track that plays so many times more; then nothing, and so too once it has ended otherwise.
    Times(u32),
}

/// What a player is doing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum State {
    /// There is no track.
    Idle,
    /// The track's source is being opened, or sent elsewhere: no frame is there yet.
    Loading,
    /// Frames are given out as fast as the call sends them.
    Playing,
    /// Paused by the user.
    Paused,
}

/// Plays one track after the other in one call.
///
/// Its source is opened, and read at most 25 frames ahead, by the driver; [`Player::next_frame`] gives them out.
/// The following track is opened once the one that plays was read to its end, so that no gap is heard.
///
/// Bounded: [`Player::MAX_TRACKS`] tracks; 30 frames. Each command takes effect with the next frame that is given
/// out.
#[derive(Debug)]
pub struct Player {
    scope: Scope,
    current: Option<Track>,
    queue: VecDeque<Track>,
    paused: bool,
    volume: f32,
    repeat: Loop,
    minted: u64,
    counters: Counters,
    ended: bool,
    out: Outbox<Event>,
}

impl Player {
    /// The most tracks that a player holds, the one that plays included.
    pub const MAX_TRACKS: usize = 1000;

    /// The loudest volume, as a factor of the amplitude.
    pub const MAX_VOLUME: f32 = 2.0;

    /// A player without a track.
    #[must_use]
    pub const fn new(scope: Scope) -> Self {
        Self {
            scope,
            current: None,
            queue: VecDeque::new(),
            paused: false,
            volume: 1.0,
            repeat: Loop::Off,
            minted: 0,
            counters: Counters { frames: 0, starved: 0, unasked: 0 },
            ended: false,
            out: Outbox::new(),
        }
    }

    /// The track that plays, is paused or is being opened.
    #[must_use]
    pub fn playing(&self) -> Option<TrackId> {
        self.current.as_ref().map(|track| track.id)
    }

    /// How far into that track: what was given out of it, some 60 ms of which the call may still have to send.
    /// Zero if there is none.
    #[must_use]
    pub fn position(&self) -> Duration {
        self.current.as_ref().map_or(Duration::ZERO, Track::position)
    }

    /// How long that track is as a whole, if its source knows.
    #[must_use]
    pub fn length(&self) -> Option<Duration> {
        self.current.as_ref()?.line.as_ref()?.length
    }

    /// What the player is doing.
    #[must_use]
    pub fn state(&self) -> State {
        match &self.current {
            None => State::Idle,
            Some(_) if self.paused => State::Paused,
            Some(track) => match &track.line {
                Some(line) if line.flows() || (!line.held.is_empty() && !line.is_seeking()) => State::Playing,
                _ => State::Loading,
            },
        }
    }

    /// The tracks that follow, the next one first.
    pub fn queue(&self) -> impl ExactSizeIterator<Item = TrackId> {
        self.queue.iter().map(|track| track.id)
    }

    /// The volume: 1 is as recorded, 0 silent.
    #[must_use]
    pub const fn volume(&self) -> f32 {
        self.volume
    }

    /// What is repeated.
    #[must_use]
    pub const fn repeat(&self) -> Loop {
        self.repeat
    }

    /// What was counted.
    #[must_use]
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// Adds a track to the end of the queue; it plays at once if there is no other.
    ///
    /// # Errors
    /// [`EnqueueError`] if there is no room, or the call was left.
    pub fn enqueue(&mut self, origin: Origin) -> Result<TrackId, EnqueueError> {
        let track = self.admit(origin)?;
        let id = track.id;
        self.queue.push_back(track);
        self.begin();
        Ok(id)
    }

    /// Skips the track that plays, and plays this one before the others of the queue, even if the player was
    /// paused.
    ///
    /// # Errors
    /// As [`Player::enqueue`]; nothing has then changed.
    pub fn play_now(&mut self, origin: Origin) -> Result<TrackId, EnqueueError> {
        let track = self.admit(origin)?;
        let id = track.id;
        self.queue.push_front(track);
        self.paused = false;
        if self.current.is_some() {
            self.skip();
        } else {
            self.begin();
        }
        Ok(id)
    }

    /// Gives out no more frames until [`Player::resume`].
    pub const fn pause(&mut self) {
        self.paused = true;
    }

    /// Goes on where it was paused.
    pub const fn resume(&mut self) {
        self.paused = false;
    }

    /// Ends the track that plays, and empties the queue. Answers how many tracks that were waiting were dropped.
    pub fn stop(&mut self) -> usize {
        self.paused = false;
        if let Some(track) = self.current.take() {
            self.end_track(track, EndReason::Stopped);
        }
        let dropped = self.queue.len();
        for track in core::mem::take(&mut self.queue) {
            self.close(track.line);
        }
        dropped
    }

    /// Ends the track that plays, and goes on with the next. Answers whether there was one to end.
    pub fn skip(&mut self) -> bool {
        self.finish(EndReason::Skipped)
    }

    /// Goes to this time in the track that plays, or to its end if that comes first. Of what was read before,
    /// nothing is given out any more. [`Event::SeekRefused`] follows if the source cannot.
    ///
    /// # Errors
    /// [`SeekError`] if there is no track that could be asked.
    pub fn seek(&mut self, at: Duration) -> Result<(), SeekError> {
        let track = self.current.as_mut().ok_or(SeekError::NothingPlays)?;
        match &mut track.line {
            None => track.start = at,
            Some(line) if line.has_failed() => return Err(SeekError::Failed),
            Some(line) => line.wanted = Some(at),
        }
        Ok(())
    }

    /// Sets the volume of this and all following tracks: a factor of the amplitude from 0 to
    /// [`Player::MAX_VOLUME`]. What was read before, up to half a second, keeps its own.
    /// [`Event::VolumeRefused`] follows if the source cannot.
    ///
    /// # Errors
    /// [`VolumeError`] if it is no such factor.
    pub fn set_volume(&mut self, volume: f32) -> Result<(), VolumeError> {
        if !(0.0..=Self::MAX_VOLUME).contains(&volume) {
            return Err(VolumeError(volume));
        }
        self.volume = volume;
        Ok(())
    }

    /// Sets what to repeat.
    pub const fn set_loop(&mut self, repeat: Loop) {
        self.repeat = repeat;
    }

    /// Removes a track from the queue, or skips it if it plays; it is not repeated. Answers whether it was there.
    pub fn remove(&mut self, id: TrackId) -> bool {
        if self.playing() == Some(id) {
            if let Some(track) = self.current.take() {
                self.end_track(track, EndReason::Skipped);
            }
            self.advance();
            return true;
        }
        let at = self.queue.iter().position(|track| track.id == id);
        let Some(track) = at.and_then(|at| self.queue.remove(at)) else { return false };
        self.close(track.line);
        true
    }

    /// Ends the player for good: the call was left.
    pub fn end(&mut self) {
        self.stop();
        self.ended = true;
    }

    /// Whether it was [ended](Player::end).
    #[must_use]
    pub const fn has_ended(&self) -> bool {
        self.ended
    }

    /// The next frame to send, an Opus packet. `None` if the player is idle, paused or waits for its source: then
    /// it is to be asked again after its next input or command.
    pub fn next_frame(&mut self) -> Option<Bytes> {
        if self.paused {
            return None;
        }
        let track = self.current.as_mut()?;
        let line = track.line.as_mut().filter(|line| !line.is_seeking())?;
        let Some(frame) = line.give() else {
            if line.flows() && line.over.is_none() && !line.dry {
                line.dry = true;
                self.counters.starved += 1;
                self.out.event(Event::Starved { track: track.id });
            }
            return None;
        };
        self.counters.frames += 1;
        if !track.started {
            track.started = true;
            self.out.event(Event::Started { track: track.id, length: line.length });
        }
        self.settle();
        Some(frame)
    }

    /// Frames held.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        let lines = self.current.iter().chain(&self.queue).filter_map(|track| track.line.as_ref());
        lines.map(|line| line.held.len()).sum()
    }

    fn admit(&mut self, origin: Origin) -> Result<Track, EnqueueError> {
        if self.ended {
            return Err(EnqueueError::Ended);
        }
        if self.queue.len() + usize::from(self.current.is_some()) >= Self::MAX_TRACKS {
            return Err(EnqueueError::Full);
        }
        self.minted += 1;
        Ok(Track::new(TrackId(self.minted), origin))
    }

    fn begin(&mut self) {
        if self.current.is_none() {
            self.current = self.queue.pop_front();
            self.settle();
        }
    }

    /// Goes on from tracks that are over.
    fn settle(&mut self) {
        while let Some(track) = self.current.as_mut().filter(|track| track.is_over()) {
            let Some(line) = &track.line else { return };
            let reason = match &line.over {
                Some(Over::Failed(reason)) => EndReason::Failed { reason: reason.clone() },
                // To repeat nothing would never end.
                _ if line.is_empty() => EndReason::Failed { reason: "there is no audio in it".into() },
                _ => EndReason::Finished,
            };
            self.finish(reason);
        }
    }

    /// Ends the track that plays, as far as it is not to be repeated.
    fn finish(&mut self, reason: EndReason) -> bool {
        let Some(mut track) = self.current.take() else { return false };
        if reason == EndReason::Finished
            && let Some(line) = &mut track.line
            && let Loop::Track | Loop::Times(1..) = self.repeat
        {
            if let Loop::Times(times) = self.repeat {
                self.repeat = if times > 1 { Loop::Times(times - 1) } else { Loop::Off };
            }
            line.rewind();
            self.out.event(Event::Looped { track: track.id });
            self.current = Some(track);
            return true;
        }
        let again = self.repeat == Loop::Queue && !matches!(reason, EndReason::Failed { .. });
        if !again {
            self.end_track(track, reason);
            self.advance();
            return true;
        }
        if core::mem::take(&mut track.started) {
            self.out.event(Event::Ended { track: track.id, reason });
        }
        track.start = Duration::ZERO;
        // What can be opened again need not stay open meanwhile; what cannot is kept unless it has failed.
        let can_reopen = track.has_origin();
        match &mut track.line {
            Some(line) if !line.has_failed() && (!can_reopen || self.queue.is_empty()) => line.rewind(),
            _ => self.close(track.line.take()),
        }
        if can_reopen || track.line.is_some() {
            self.queue.push_back(track);
        }
        self.advance();
        true
    }

    /// Ends the track that played.
    fn end_track(&mut self, track: Track, reason: EndReason) {
        // It was for this track alone.
        if let Loop::Times(_) = self.repeat {
            self.repeat = Loop::Off;
        }
        self.close(track.line);
        if track.started || matches!(reason, EndReason::Failed { .. }) {
            self.out.event(Event::Ended { track: track.id, reason });
        }
    }

    fn advance(&mut self) {
        self.current = self.queue.pop_front();
        if self.current.is_none() {
            self.out.event(Event::QueueEmpty);
        }
        self.settle();
    }

    fn close(&mut self, line: Option<Line>) {
        if let Some(line) = line {
            self.out.push(Output::CloseSource(line.source));
        }
    }

    fn on_report(&mut self, source: SourceId, report: SourceReport) {
        let is_it = |track: &&mut Track| track.line.as_ref().is_some_and(|line| line.source == source);
        let Some(track) = self.current.iter_mut().chain(&mut self.queue).find(is_it) else { return };
        let id = track.id;
        let Some(line) = &mut track.line else { return };
        if line.has_failed() {
            if let SourceReport::Frames(frames) = report {
                self.counters.unasked += frames.len() as u64;
            }
            return;
        }
        match report {
            SourceReport::Opened { length } => line.length = length,
            SourceReport::Frames(frames) => {
                for frame in frames {
                    if line.over.is_some() || line.asked == 0 {
                        self.counters.unasked += 1;
                        continue;
                    }
                    line.asked -= 1;
                    if line.rewinding {
                        // From the round before, which was skipped.
                    } else if opus::duration(&frame).is_none() || frame.len() > MAX_OPUS {
                        let reason =
                            "what its source brought is no Opus packet, or one of more than 4,000 bytes";
                        line.fail(reason.into());
                    } else {
                        line.held.push_back(frame);
                    }
                }
            }
            SourceReport::Ended if line.over.is_none() => line.over = Some(Over::Ended),
            SourceReport::Ended => {}
            SourceReport::Failed { reason } => line.fail(reason),
            SourceReport::Sought { at } if line.seeking => line.sought(at),
            SourceReport::SeekRefused { reason } if line.seeking => {
                line.seeking = false;
                line.asked = 0;
                if line.rewinding {
                    let reason = alloc::format!("it cannot begin again: {reason}");
                    line.fail(reason.into());
                } else {
                    self.out.event(Event::SeekRefused { track: id, reason });
                }
            }
            SourceReport::Sought { .. } | SourceReport::SeekRefused { .. } => {}
            SourceReport::VolumeRefused { reason } => {
                self.out.event(Event::VolumeRefused { track: id, reason });
            }
        }
        self.settle();
    }

    /// Asks for what the tracks at the front need next.
    fn plan(&mut self) {
        let Some(current) = &mut self.current else { return };
        let volume = self.volume;
        prepare(current, HELD, volume, &mut self.scope, &mut self.out);
        let is_read = current.line.as_ref().is_some_and(|line| line.over.is_some() && !line.is_seeking());
        if is_read && let Some(next) = self.queue.front_mut() {
            prepare(next, HELD_NEXT, volume, &mut self.scope, &mut self.out);
        }
    }
}

/// Opens a track's source, or tells it what it does not know yet, and asks for frames.
fn prepare(track: &mut Track, most: usize, volume: f32, scope: &mut Scope, out: &mut Outbox<Event>) {
    if track.line.is_none()
        && let Some(origin) = track.take_origin()
    {
        let source = scope.source();
        out.push(Output::OpenSource { source, origin, at: track.start, volume });
        track.line = Some(Line::new(source, track.start, volume));
    }
    let Some(line) = &mut track.line else { return };
    if line.has_failed() {
        return;
    }
    if line.volume.to_bits() != volume.to_bits() {
        line.volume = volume;
        out.push(Output::SetVolume(line.source, volume));
    }
    if !line.seeking
        && let Some(at) = line.wanted.take()
    {
        line.seeking = true;
        out.push(Output::SeekSource(line.source, at));
    }
    let ahead = line.held.len() + line.asked;
    if !line.seeking && line.over.is_none() && ahead < most && ahead <= LOW {
        line.asked += most - ahead;
        out.push(Output::ReadSource(line.source, most - ahead));
    }
}

impl Machine for Player {
    type Event = Event;

    fn handle_input(&mut self, _: Timestamp, input: Input) {
        if let Input::Source(source, report) = input {
            self.on_report(source, report);
        }
    }

    fn poll_output(&mut self) -> Output<Event> {
        if self.out.is_empty() {
            self.plan();
        }
        self.out.pop().unwrap_or(Output::Wait(None))
    }

    fn is_finished(&self) -> bool {
        self.ended && self.out.is_empty()
    }
}
