//! What happened on one speaker's track, for the index.

use alloc::vec::Vec;

use serde::Serialize;

/// Losses, and SSRC runs, that are remembered for each track; further ones are counted.
const MAX_LOSSES: usize = 10_000;
const MAX_RUNS: usize = 1000;
/// Tracks that remember so many losses, and how many the further ones do: 14 MB in all.
const TRACKS: usize = 50;
const FEW_LOSSES: usize = 100;

/// A stretch of a track that one SSRC filled. Positions are samples since the recording's start.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub(super) struct Run {
    pub(super) ssrc: u32,
    pub(super) from: u64,
    pub(super) to: u64,
}

/// A gap in which packets were lost.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub(super) struct Loss {
    /// Where it begins, in samples since the recording's start.
    pub(super) at: u64,
    /// How long it is; a pause within it counts.
    pub(super) samples: u64,
    /// How many packets never came.
    pub(super) packets: u64,
}

/// What happened on one speaker's track.
#[derive(Debug)]
pub(super) struct Journal {
    max_losses: usize,
    pub(super) runs: Vec<Run>,
    pub(super) runs_left_out: u64,
    pub(super) losses: Vec<Loss>,
    pub(super) losses_left_out: u64,
}

impl Journal {
    /// An empty journal of a recording's track with this number, from 0.
    pub(super) const fn new(number: usize) -> Self {
        Self {
            max_losses: if number < TRACKS { MAX_LOSSES } else { FEW_LOSSES },
            runs: Vec::new(),
            runs_left_out: 0,
            losses: Vec::new(),
            losses_left_out: 0,
        }
    }

    /// A packet of this SSRC lies here.
    pub(super) fn note(&mut self, ssrc: u32, from: u64, to: u64) {
        let room = self.runs.len() < MAX_RUNS;
        match self.runs.last_mut() {
            Some(run) if run.ssrc == ssrc => run.to = to,
            _ if room => self.runs.push(Run { ssrc, from, to }),
            _ => self.runs_left_out += 1,
        }
    }

    /// Packets were lost here.
    pub(super) fn lose(&mut self, loss: Loss) {
        if self.losses.len() < self.max_losses {
            self.losses.push(loss);
        } else {
            self.losses_left_out += 1;
        }
    }
}
