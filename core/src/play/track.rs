//! One entry of the queue, and the source behind it.

use alloc::boxed::Box;
use alloc::collections::VecDeque;

use bytes::Bytes;

use super::event::TrackId;
use super::origin::Origin;
use crate::machine::SourceId;
use crate::opus::{self, RATE};
use crate::time::Duration;

/// An entry of the queue.
#[derive(Debug)]
pub(super) struct Track {
    pub(super) id: TrackId,
    /// A source of the user's own leaves with [`Track::take_origin`] for the driver's keeping.
    origin: Option<Origin>,
    /// Where to begin once it is opened.
    pub(super) start: Duration,
    pub(super) started: bool,
    pub(super) line: Option<Line>,
}

impl Track {
    pub(super) const fn new(id: TrackId, origin: Origin) -> Self {
        Self { id, origin: Some(origin), start: Duration::ZERO, started: false, line: None }
    }

    /// What to open; a file may be opened again.
    pub(super) fn take_origin(&mut self) -> Option<Origin> {
        match &self.origin {
            Some(Origin::File(path)) => Some(Origin::File(path.clone())),
            _ => self.origin.take(),
        }
    }

    /// Whether it can be opened, now or again.
    pub(super) const fn has_origin(&self) -> bool {
        self.origin.is_some()
    }

    pub(super) fn position(&self) -> Duration {
        self.line.as_ref().map_or(self.start, Line::position)
    }

    /// Whether all that its source had was given out.
    pub(super) fn is_over(&self) -> bool {
        let line = self.line.as_ref();
        line.is_some_and(|line| line.over.is_some() && line.held.is_empty() && !line.is_seeking())
    }
}

/// A source, and what it brought.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) source: SourceId,
    pub(super) held: VecDeque<Bytes>,
    /// Frames asked for and not yet delivered; void with the answer to a seek.
    pub(super) asked: usize,
    /// A seek is under way: what arrives before its answer is from before it.
    pub(super) seeking: bool,
    /// Where to seek next.
    pub(super) wanted: Option<Duration>,
    /// The seek is for another round.
    pub(super) rewinding: bool,
    pub(super) over: Option<Over>,
    /// What the source was told.
    pub(super) volume: f32,
    pub(super) length: Option<Duration>,
    /// Where the source began, or was last sent to.
    base: Duration,
    /// Samples given out since.
    given: u64,
    /// A frame was wanted, and none was there.
    pub(super) dry: bool,
}

/// Why a source brings no more.
#[derive(Debug)]
pub(super) enum Over {
    Ended,
    /// It has failed, or brought what cannot be sent.
    Failed(Box<str>),
}

impl Line {
    pub(super) const fn new(source: SourceId, base: Duration, volume: f32) -> Self {
        Self {
            source,
            held: VecDeque::new(),
            asked: 0,
            seeking: false,
            wanted: None,
            rewinding: false,
            over: None,
            volume,
            length: None,
            base,
            given: 0,
            dry: false,
        }
    }

    pub(super) const fn is_seeking(&self) -> bool {
        self.seeking || self.wanted.is_some()
    }

    /// Whether a frame was given out since it began, or was last sent elsewhere.
    pub(super) const fn flows(&self) -> bool {
        self.given > 0
    }

    /// Whether it has come to its end without a frame although it was read from its beginning.
    pub(super) const fn is_empty(&self) -> bool {
        self.given == 0 && self.base.is_zero()
    }

    pub(super) const fn has_failed(&self) -> bool {
        matches!(self.over, Some(Over::Failed(_)))
    }

    fn position(&self) -> Duration {
        // Samples of some 12,000 years fit.
        self.wanted.unwrap_or_else(|| {
            let nanos = u128::from(self.given) * 1_000_000_000 / u128::from(RATE);
            self.base.saturating_add(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
        })
    }

    pub(super) fn give(&mut self) -> Option<Bytes> {
        let frame = self.held.pop_front()?;
        self.given = self.given.saturating_add(opus::duration(&frame).unwrap_or(0));
        self.dry = false;
        Some(frame)
    }

    /// For another round.
    pub(super) fn rewind(&mut self) {
        self.held.clear();
        self.given = 0;
        self.dry = false;
        self.rewinding = true;
        self.wanted = Some(Duration::ZERO);
    }

    /// The seek was done: what was held is from before it.
    pub(super) fn sought(&mut self, at: Duration) {
        self.held.clear();
        self.seeking = false;
        self.rewinding = false;
        self.asked = 0;
        self.over = None;
        self.base = at;
        self.given = 0;
        self.dry = false;
    }

    /// It brings no more.
    pub(super) fn fail(&mut self, reason: Box<str>) {
        if self.is_seeking() {
            self.held.clear();
        }
        self.seeking = false;
        self.wanted = None;
        self.asked = 0;
        self.over = Some(Over::Failed(reason));
    }
}
