//! How long packets were under way, and the delay that this asks for.

use alloc::collections::VecDeque;
use core::mem;

use crate::voice::jitter::units::{FRAME, MILLISECOND, RATE};

/// The delay at least, within its bounds, until the network is known, and how many packets that takes.
const INITIAL: i64 = 60 * MILLISECOND;
const KNOWN: usize = 50;
/// Packets whose transit is remembered: ten seconds of speech.
const WINDOW: usize = 512;
/// Of so many packets one may be late.
const TOLERATED: usize = 200;

/// The transit times of the last packets.
#[derive(Debug, Default)]
pub(super) struct Delays {
    transits: VecDeque<i64>,
    pub(super) least: i64,
    /// From the least to the one that all but the tolerated share stay below.
    spread: i64,
    sum: i64,
    last: Option<i64>,
    /// In 16ths.
    jitter: i64,
}

impl Delays {
    pub(super) fn mean(&self) -> i64 {
        self.sum.checked_div(self.transits.len() as i64).unwrap_or(0)
    }

    pub(super) const fn jitter(&self) -> i64 {
        self.jitter >> 4
    }

    /// Whether a transit says that the sender's clock was stopped or set, rather than that a packet was slow.
    pub(super) fn is_strange(&self, transit: i64, reach: i64) -> bool {
        !self.transits.is_empty()
            && (transit > self.least + reach || transit < self.least - self.spread.max(FRAME))
    }

    pub(super) fn record(&mut self, transit: i64, anchored: bool, reach: i64) {
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

    /// The delay beyond the least that the packets of late ask for.
    pub(super) fn needed(&self) -> i64 {
        let initial = if self.transits.len() < KNOWN { INITIAL } else { 0 };
        self.spread.max(2 * self.jitter()).max(initial)
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
