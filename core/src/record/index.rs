//! The index of a recording: a JSON file that says what is where in the others.
//!
//! It is written beside the files, as `<stem>.json`, once somebody has spoken; anew at most every five seconds while
//! anything changes, and in the end. Positions and lengths are samples at 48 kHz since the recording's start. Ids are
//! strings, as Discord writes them.
//!
//! | field | meaning |
//! |---|---|
//! | `version` | 1 |
//! | `started_at` | milliseconds of Unix time, or `null` if the recorder was not told |
//! | `rate` | 48000 |
//! | `length` | of the recording so far |
//! | `complete` | whether all files are closed; `false` after a crash |
//! | `speakers` | one object for each file, see below |
//! | `dropped` | packets of speakers beyond the first 1,000 |
//! | `moves` | who was there at the start, joined (`"joined": true`) or left: `user`, `at` |
//! | `moves_left_out` | those beyond the first 10,000 |
//! | `outages` | while the voice connection was lost: `from`, and `to`, which is `null` while it lasts |
//! | `outages_left_out` | those beyond the first 1,000 |
//!
//! | field of a speaker | meaning |
//! |---|---|
//! | `user`, `file` | whose it is, and its name in the same folder |
//! | `failed` | why the file ends early, or `null` |
//! | `length` | of the file |
//! | `packets`, `missing`, `late`, `concealed`, `invalid` | as in [`TrackCounters`] |
//! | `runs` | which SSRC filled what: `ssrc`, `from`, `to` |
//! | `runs_left_out` | packets of those beyond the first 1,000 |
//! | `losses` | gaps in which packets were lost: `at`, `samples` (pauses included), `packets` |
//! | `losses_left_out` | those beyond the first 10,000; from the 51st speaker on, the first 100 |

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use serde::Serialize;

use crate::id::UserId;
use crate::opus::RATE;
use crate::record::journal::{Loss, Run};
use crate::record::track::{Track, TrackCounters};
use crate::time::Duration;

/// Who came and went, and outages, that are remembered; further ones are counted.
const MAX_MOVES: usize = 10_000;
const MAX_OUTAGES: usize = 1000;
/// How long a change waits for the next writing, for each so many bytes that were written the last time.
const INTERVAL: Duration = Duration::from_secs(5);
const INTERVAL_BYTES: usize = 256 * 1024;

#[derive(Debug, Serialize)]
struct Move {
    user: UserId,
    at: u64,
    joined: bool,
}

#[derive(Debug, Serialize)]
struct Outage {
    from: u64,
    to: Option<u64>,
}

/// What the index tells of the call, as against its speakers.
#[derive(Debug, Default)]
pub(super) struct Chronicle {
    present: BTreeSet<UserId>,
    moves: Vec<Move>,
    moves_left_out: u64,
    outages: Vec<Outage>,
    outages_left_out: u64,
    is_out: bool,
    /// Bytes of the last writing.
    written: usize,
}

impl Chronicle {
    /// These users are there. Answers whether that is news.
    pub(super) fn join(&mut self, at: u64, users: &[UserId]) -> bool {
        let mut is_news = false;
        for &user in users {
            // Everybody is told anew after a reconnect.
            if self.present.len() < MAX_MOVES && self.present.insert(user) {
                is_news = true;
                self.note(Move { user, at, joined: true });
            }
        }
        is_news
    }

    /// This user has left. Answers whether that is news.
    pub(super) fn leave(&mut self, at: u64, user: UserId) -> bool {
        let is_news = self.present.remove(&user);
        if is_news {
            self.note(Move { user, at, joined: false });
        }
        is_news
    }

    fn note(&mut self, step: Move) {
        if self.moves.len() < MAX_MOVES {
            self.moves.push(step);
        } else {
            self.moves_left_out += 1;
        }
    }

    /// The voice connection is lost. Answers whether that is news.
    pub(super) fn disconnect(&mut self, at: u64) -> bool {
        if self.is_out {
            return false;
        }
        self.is_out = true;
        if self.outages.len() < MAX_OUTAGES {
            self.outages.push(Outage { from: at, to: None });
        } else {
            self.outages_left_out += 1;
        }
        true
    }

    /// It is there again. Answers whether that is news.
    pub(super) fn connect(&mut self, at: u64) -> bool {
        if !core::mem::take(&mut self.is_out) {
            return false;
        }
        if let Some(outage) = self.outages.last_mut() {
            outage.to.get_or_insert(at);
        }
        true
    }

    /// How long a change waits until it is written.
    pub(super) fn interval(&self) -> Duration {
        let times = u32::try_from(self.written / INTERVAL_BYTES).unwrap_or(u32::MAX);
        INTERVAL.saturating_mul(times.saturating_add(1))
    }

    /// The whole index.
    pub(super) fn write<'a>(
        &mut self,
        about: &About,
        speakers: impl Iterator<Item = Speaker<'a>>,
    ) -> Vec<u8> {
        let speakers: Vec<Entry<'_>> = speakers.map(Entry::new).collect();
        let document = Document {
            version: VERSION,
            started_at: about.started_at,
            rate: RATE,
            length: about.length,
            complete: about.complete,
            speakers: &speakers,
            dropped: about.dropped,
            moves: &self.moves,
            moves_left_out: self.moves_left_out,
            outages: &self.outages,
            outages_left_out: self.outages_left_out,
        };
        // Numbers, strings and lists of them: nothing that JSON has no form for.
        let mut bytes = serde_json::to_vec(&document).unwrap_or_default();
        bytes.push(b'\n');
        self.written = bytes.len();
        bytes
    }
}

/// What the recorder knows of the whole.
#[derive(Debug)]
pub(super) struct About {
    pub(super) started_at: Option<u64>,
    pub(super) length: u64,
    pub(super) complete: bool,
    pub(super) dropped: u64,
}

/// What the recorder knows of a speaker.
#[derive(Debug)]
pub(super) struct Speaker<'a> {
    pub(super) user: UserId,
    pub(super) path: &'a str,
    pub(super) failed: Option<&'a str>,
    pub(super) track: &'a Track,
}

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    started_at: Option<u64>,
    rate: u64,
    length: u64,
    complete: bool,
    speakers: &'a [Entry<'a>],
    dropped: u64,
    moves: &'a [Move],
    moves_left_out: u64,
    outages: &'a [Outage],
    outages_left_out: u64,
}

#[derive(Serialize)]
struct Entry<'a> {
    user: UserId,
    file: &'a str,
    failed: Option<&'a str>,
    length: u64,
    packets: u64,
    missing: u64,
    late: u64,
    concealed: u64,
    invalid: u64,
    runs: &'a [Run],
    runs_left_out: u64,
    losses: &'a [Loss],
    losses_left_out: u64,
}

impl<'a> Entry<'a> {
    fn new(speaker: Speaker<'a>) -> Self {
        let Speaker { user, path, failed, track } = speaker;
        let TrackCounters { packets, missing, late, concealed, invalid, anchored: _ } = track.counters();
        let journal = track.journal();
        Self {
            user,
            file: path.rsplit('/').next().unwrap_or(path),
            failed,
            length: track.covered(),
            packets,
            missing,
            late,
            concealed,
            invalid,
            runs: &journal.runs,
            runs_left_out: journal.runs_left_out,
            losses: &journal.losses,
            losses_left_out: journal.losses_left_out,
        }
    }
}

/// Of the format.
const VERSION: u32 = 1;
