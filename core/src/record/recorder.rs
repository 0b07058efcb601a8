//! Records a call: one file for each speaker, on one timeline.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;

use bytes::Bytes;

use crate::id::UserId;
use crate::machine::{FileId, FileReport, Input, Machine, Output, Scope};
use crate::outbox::Outbox;
use crate::record::track::{Arrival, Sink, Track, TrackCounters, position, time};
use crate::time::{Duration, Timestamp};
use crate::voice::event::Packet;

/// Speakers that one recording takes; the packets of further ones are counted and dropped. Discord lets at most
/// 99 users choose a limited voice channel, and rejoining makes no new track.
const MAX_TRACKS: usize = 1000;

/// What a recorder tells its user.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A speaker was heard for the first time, and has a file from now on.
    TrackOpened {
        /// The speaker.
        user: UserId,
        /// The file.
        path: Box<str>,
    },
    /// A speaker's file could not be written any further. What was written stays readable; the other
    /// speakers' files go on.
    TrackFailed {
        /// The speaker.
        user: UserId,
        /// The file.
        path: Box<str>,
        /// What went wrong.
        reason: Box<str>,
    },
    /// All files are complete and closed.
    Finished {
        /// The recording.
        recording: Recording,
    },
}

/// A finished recording.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// From the start to the stop.
    pub length: Duration,
    /// A file for each speaker.
    pub tracks: Vec<TrackSummary>,
    /// Packets of speakers beyond the first 1,000.
    pub dropped: u64,
}

/// One speaker's file.
#[derive(Clone, Debug)]
pub struct TrackSummary {
    /// The speaker.
    pub user: UserId,
    /// The file.
    pub path: Box<str>,
    /// What playing it takes.
    pub length: Duration,
    /// What became of the packets.
    pub counters: TrackCounters,
    /// Why the file ends early, if it does.
    pub failed: Option<Box<str>>,
}

#[derive(Debug)]
struct Open {
    file: FileId,
    path: Box<str>,
    track: Track,
    deadline: Timestamp,
    state: State,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum State {
    Recording,
    Closing,
    Closed,
    Failed(Box<str>),
}

/// Records the audio packets of a call.
///
/// A file starts at the recorder's start, whenever its speaker is heard first, and lasts until the stop: all
/// files of a recording are equally long and can be laid over each other. Packets are kept as sent. Within a
/// talk spurt the RTP timestamps place them, to the sample; our clock ties each speaker's timestamps to the
/// timeline. What was lost becomes concealment and silence (RFC 7845, section 4.1). Files are Ogg Opus, and
/// playable up to the last page if the process dies: at most a second and a half is lost.
#[derive(Debug)]
pub struct Recorder {
    folder: Box<str>,
    scope: Scope,
    start: Timestamp,
    now: Timestamp,
    tracks: BTreeMap<UserId, Open>,
    dropped: u64,
    stopped: Option<Timestamp>,
    finished: bool,
    /// The soonest of the tracks' deadlines, sought anew only when one has changed: packets are many.
    deadline: Option<Timestamp>,
    out: Outbox<Event>,
}

struct Pages<'a> {
    file: FileId,
    out: &'a mut Outbox<Event>,
}

impl Sink for Pages<'_> {
    fn append(&mut self, page: Bytes) {
        self.out.push(Output::Append(self.file, page));
    }
}

impl Recorder {
    /// A recorder that starts now and writes `recording_<user>.opus` into this folder; the empty name is the
    /// current folder.
    #[must_use]
    pub fn new(now: Timestamp, folder: &str, scope: Scope) -> Self {
        Self {
            folder: folder.trim_end_matches('/').into(),
            scope,
            start: now,
            now,
            tracks: BTreeMap::new(),
            dropped: 0,
            stopped: None,
            finished: false,
            deadline: None,
            out: Outbox::new(),
        }
    }

    /// Takes an audio packet that arrived now.
    pub fn handle_audio(
        &mut self,
        now: Timestamp,
        user: UserId,
        ssrc: u32,
        sequence: u16,
        timestamp: u32,
        opus: &[u8],
    ) {
        self.now = self.now.max(now);
        let at = self.now.since(self.start);
        self.take(user, &Arrival { at, ssrc, sequence, timestamp, opus });
    }

    /// Takes an audio packet that had to wait for its user to be known.
    pub fn handle_packet(&mut self, now: Timestamp, packet: &Packet) {
        self.now = self.now.max(now);
        let Packet { user, ssrc, sequence, timestamp, age, ref opus, .. } = *packet;
        let at = self.now.since(self.start);
        // What arrived before the start is not part of the recording.
        if let Some(at) = at.checked_sub(age) {
            self.take(user, &Arrival { at, ssrc, sequence, timestamp, opus });
        }
    }

    fn take(&mut self, user: UserId, arrival: &Arrival<'_>) {
        if self.stopped.is_some() {
            return;
        }
        if !self.tracks.contains_key(&user) && !self.open(user, arrival) {
            self.dropped += 1;
            return;
        }
        if let Some(open) = self.tracks.get_mut(&user).filter(|open| open.state == State::Recording) {
            open.track.push(arrival, &mut Pages { file: open.file, out: &mut self.out });
            let deadline = self.start + open.track.deadline();
            if deadline != open.deadline {
                open.deadline = deadline;
                self.seek_deadline();
            }
        }
    }

    fn seek_deadline(&mut self) {
        let recording = self.tracks.values().filter(|open| open.state == State::Recording);
        self.deadline = recording.map(|open| open.deadline).min();
    }

    fn open(&mut self, user: UserId, arrival: &Arrival<'_>) -> bool {
        if self.tracks.len() >= MAX_TRACKS {
            return false;
        }
        let file = self.scope.file();
        let name = format!("recording_{user}.opus");
        let path: Box<str> =
            if self.folder.is_empty() { name.into() } else { format!("{}/{name}", self.folder).into() };
        let (track, head) = Track::new(user, arrival);
        self.out.push(Output::OpenFile { file, path: path.clone() });
        self.out.push(Output::Append(file, head));
        self.out.event(Event::TrackOpened { user, path: path.clone() });
        let deadline = self.start + track.deadline();
        self.tracks.insert(user, Open { file, path, track, deadline, state: State::Recording });
        self.seek_deadline();
        true
    }

    /// What it waits for, once its outputs are taken.
    pub(crate) fn rest(&self) -> Option<Option<Timestamp>> {
        self.out.is_empty().then_some(self.deadline)
    }

    /// How long the recording is so far.
    #[must_use]
    pub fn length(&self) -> Duration {
        self.stopped.unwrap_or(self.now).since(self.start)
    }

    /// The speakers so far and what became of their packets.
    pub fn speakers(&self) -> impl Iterator<Item = (UserId, TrackCounters)> {
        self.tracks.iter().map(|(&user, open)| (user, open.track.counters()))
    }

    /// Ends the recording: pads all files to this moment and closes them. [`Event::Finished`] follows once
    /// they are on disk.
    pub fn stop(&mut self, now: Timestamp) {
        if self.stopped.is_some() {
            return;
        }
        self.now = self.now.max(now);
        self.stopped = Some(self.now);
        // All files end together: now, or where the last packet of any of them ends.
        let mut end = position(self.now.since(self.start));
        for open in self.tracks.values_mut().filter(|open| open.state == State::Recording) {
            end = end.max(open.track.settle(&mut Pages { file: open.file, out: &mut self.out }));
        }
        for open in self.tracks.values_mut().filter(|open| open.state == State::Recording) {
            open.track.finish(end, &mut Pages { file: open.file, out: &mut self.out });
            open.state = State::Closing;
            self.out.push(Output::CloseFile(open.file));
        }
        self.seek_deadline();
        self.finish_if_closed();
    }

    fn on_file(&mut self, file: FileId, report: FileReport) {
        let Some((&user, open)) = self.tracks.iter_mut().find(|(_, open)| open.file == file) else { return };
        match (report, &open.state) {
            (FileReport::Closed, State::Closing) => open.state = State::Closed,
            (FileReport::Failed { reason }, State::Recording | State::Closing) => {
                open.state = State::Failed(reason.clone());
                let path = open.path.clone();
                self.out.event(Event::TrackFailed { user, path, reason });
                self.seek_deadline();
            }
            _ => {}
        }
        self.finish_if_closed();
    }

    fn finish_if_closed(&mut self) {
        let Some(stopped) = self.stopped.filter(|_| !self.finished) else { return };
        if self.tracks.values().any(|open| open.state == State::Closing) {
            return;
        }
        self.finished = true;
        let tracks = self.tracks.iter().map(|(&user, open)| TrackSummary {
            user,
            path: open.path.clone(),
            length: time(open.track.covered()),
            counters: open.track.counters(),
            failed: match &open.state {
                State::Failed(reason) => Some(reason.clone()),
                State::Recording | State::Closing | State::Closed => None,
            },
        });
        let length = stopped.since(self.start);
        let recording = Recording { length, tracks: tracks.collect(), dropped: self.dropped };
        self.out.event(Event::Finished { recording });
    }
}

impl Machine for Recorder {
    type Event = Event;

    fn handle_input(&mut self, now: Timestamp, input: Input) {
        self.now = self.now.max(now);
        match input {
            Input::Timeout => {
                let at = self.now.since(self.start);
                for open in self.tracks.values_mut().filter(|open| open.state == State::Recording) {
                    if open.deadline <= self.now {
                        open.track.due(at, &mut Pages { file: open.file, out: &mut self.out });
                        open.deadline = self.start + open.track.deadline();
                    }
                }
                self.seek_deadline();
            }
            Input::File(file, report) => self.on_file(file, report),
            Input::Opened(_)
            | Input::Frame(..)
            | Input::Closed(..)
            | Input::Response(..)
            | Input::Source(..) => {}
        }
    }

    fn poll_output(&mut self) -> Output<Event> {
        self.out.pop().unwrap_or(Output::Wait(self.deadline))
    }

    fn is_finished(&self) -> bool {
        self.finished && self.out.is_empty()
    }
}
