//! Records a call: one file for each speaker, on one timeline.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;

use bytes::Bytes;

use crate::id::UserId;
use crate::machine::{Encoding, FileId, FileReport, Input, Machine, Output, Scope};
use crate::outbox::Outbox;
use crate::record::config::{Config, Format};
use crate::record::event::{Event, Recording, TrackSummary};
use crate::record::index::{About, Chronicle, Speaker};
use crate::record::track::{Arrival, Sink, Track, TrackCounters, position, time};
use crate::time::{Duration, Timestamp, soonest};
use crate::voice::event::Packet;

/// Speakers that one recording takes; the packets of further ones are counted and dropped. Discord lets at most
/// 99 users choose a limited voice channel, and rejoining makes no new track.
const MAX_TRACKS: usize = 1000;

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

/// A file that accompanies the tracks: the index, or the mixed one.
#[derive(Debug)]
enum Extra {
    /// Not wanted, or no more.
    Absent,
    /// Wanted, and nothing is there yet.
    Wanted,
    /// The index: written from time to time.
    Open(FileId),
    /// On its way to be complete.
    Closing(FileId),
    Complete,
}

/// Records the audio packets of a call.
///
/// A file starts at the recorder's start, whenever its speaker is heard first, and lasts until the stop: all
/// files of a recording are equally long and can be laid over each other. Packets are kept as sent. Within a
/// talk spurt the RTP timestamps place them, to the sample; our clock ties each speaker's timestamps to the
/// timeline. What was lost becomes concealment and silence (RFC 7845, section 4.1). Files are Ogg Opus, and
/// playable up to the last page if the process dies: at most a second and a half is lost. For other formats the driver
/// makes the files of the same pages.
#[derive(Debug)]
pub struct Recorder {
    config: Config,
    scope: Scope,
    start: Timestamp,
    now: Timestamp,
    tracks: BTreeMap<UserId, Open>,
    dropped: u64,
    stopped: Option<Timestamp>,
    /// Whether all tracks are closed after the stop.
    settled: bool,
    finished: bool,
    /// Asks whether the format can be written, and whether it can be mixed.
    check: Option<FileId>,
    mix_check: Option<FileId>,
    mixed: Extra,
    index: Extra,
    /// When the index is to be written, if anything has changed.
    index_due: Option<Timestamp>,
    chronicle: Chronicle,
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
    /// A recorder that starts now.
    #[must_use]
    pub fn new(now: Timestamp, config: impl Into<Config>, scope: Scope) -> Self {
        let config = config.into();
        let wanted = |is_wanted| if is_wanted { Extra::Wanted } else { Extra::Absent };
        let mut recorder = Self {
            scope,
            start: now,
            now,
            tracks: BTreeMap::new(),
            dropped: 0,
            stopped: None,
            settled: false,
            finished: false,
            check: None,
            mix_check: None,
            mixed: wanted(config.mix),
            index: wanted(config.index),
            index_due: None,
            chronicle: Chronicle::default(),
            deadline: None,
            out: Outbox::new(),
            config,
        };
        let format = recorder.config.format.clone();
        if format != Format::Opus {
            recorder.check = Some(recorder.check(recorder.config.sample_path(), &format, false));
        }
        if recorder.config.mix {
            let (path, format) = recorder.config.mixed();
            recorder.mix_check = Some(recorder.check(path, &format, true));
        }
        recorder
    }

    /// Asks whether such a file can be made.
    fn check(&mut self, path: Box<str>, format: &Format, mix: bool) -> FileId {
        let (file, encoding) = (self.scope.file(), self.config.encoding(format));
        self.out.push(Output::CheckFormat { file, path, encoding, mix });
        file
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
            self.touch();
        }
    }

    /// These users are in the call, as far as is known: for the index.
    pub fn handle_joined(&mut self, now: Timestamp, users: &[UserId]) {
        self.note(now, |chronicle, at| chronicle.join(at, users));
    }

    /// This user has left the call: for the index.
    pub fn handle_left(&mut self, now: Timestamp, user: UserId) {
        self.note(now, |chronicle, at| chronicle.leave(at, user));
    }

    /// The voice connection is lost: for the index.
    pub fn handle_disconnected(&mut self, now: Timestamp) {
        self.note(now, Chronicle::disconnect);
    }

    /// The voice connection is there again: for the index.
    pub fn handle_connected(&mut self, now: Timestamp) {
        self.note(now, Chronicle::connect);
    }

    fn note(&mut self, now: Timestamp, news: impl FnOnce(&mut Chronicle, u64) -> bool) {
        self.now = self.now.max(now);
        if self.stopped.is_none() && news(&mut self.chronicle, position(self.now.since(self.start))) {
            self.touch();
        }
    }

    /// What the index tells has changed.
    fn touch(&mut self) {
        let is_written = matches!(self.index, Extra::Wanted | Extra::Open(_)) && !self.tracks.is_empty();
        if self.index_due.is_none() && is_written && self.stopped.is_none() {
            self.index_due = Some(self.now + self.chronicle.interval());
            self.seek_deadline();
        }
    }

    fn seek_deadline(&mut self) {
        let recording = self.tracks.values().filter(|open| open.state == State::Recording);
        self.deadline = soonest(self.index_due, recording.map(|open| open.deadline).min());
    }

    fn write_index(&mut self) {
        self.index_due = None;
        let file = match self.index {
            Extra::Open(file) => file,
            Extra::Wanted if !self.tracks.is_empty() => {
                let (file, path) = (self.scope.file(), self.config.index_path());
                self.out.push(Output::OpenFile { file, path, encoding: Encoding::Plain });
                self.index = Extra::Open(file);
                file
            }
            _ => return,
        };
        let about = About {
            started_at: self.config.started_at,
            length: position(self.length()),
            complete: self.settled,
            dropped: self.dropped,
        };
        let speakers = self.tracks.iter().map(|(&user, open)| Speaker {
            user,
            path: &open.path,
            failed: open.state.failure(),
            track: &open.track,
        });
        let data = self.chronicle.write(&about, speakers);
        self.out.push(Output::Replace(file, data.into()));
    }

    fn open(&mut self, user: UserId, arrival: &Arrival<'_>) -> bool {
        if self.tracks.len() >= MAX_TRACKS {
            return false;
        }
        let (file, path) = (self.scope.file(), self.config.track_path(user));
        let (track, head) = Track::new(user, self.tracks.len(), arrival);
        let encoding = self.config.encoding(&self.config.format);
        self.out.push(Output::OpenFile { file, path: path.clone(), encoding });
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
        self.index_due = None;
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
        let failure = match report {
            FileReport::Closed => None,
            FileReport::Failed { reason } => Some(reason),
        };
        if self.check == Some(file) {
            self.check = None;
            if let Some(reason) = failure.filter(|_| !self.finished) {
                self.out.event(Event::Failed { reason });
                self.stop(self.now);
            }
        } else if self.mix_check == Some(file) {
            self.mix_check = None;
            if let Some(reason) = failure.filter(|_| matches!(self.mixed, Extra::Wanted)) {
                self.fail_mix(reason);
            }
        } else if matches!(self.mixed, Extra::Closing(mixed) if mixed == file) {
            match failure {
                Some(reason) => self.fail_mix(reason),
                None => self.mixed = Extra::Complete,
            }
        } else if matches!(self.index, Extra::Open(index) | Extra::Closing(index) if index == file) {
            self.index = if failure.is_none() { Extra::Complete } else { Extra::Absent };
            if let Some(reason) = failure {
                self.out.event(Event::IndexFailed { path: self.config.index_path(), reason });
                self.index_due = None;
                self.seek_deadline();
            }
        } else if let Some((&user, open)) = self.tracks.iter_mut().find(|(_, open)| open.file == file) {
            match (failure, &open.state) {
                (None, State::Closing) => open.state = State::Closed,
                (Some(reason), State::Recording | State::Closing) => {
                    open.state = State::Failed(reason.clone());
                    let path = open.path.clone();
                    self.out.event(Event::TrackFailed { user, path, reason });
                    self.touch();
                    self.seek_deadline();
                }
                _ => {}
            }
        }
        self.finish_if_closed();
    }

    fn fail_mix(&mut self, reason: Box<str>) {
        self.mixed = Extra::Absent;
        self.out.event(Event::MixFailed { path: self.config.mixed().0, reason });
    }

    /// After the stop: what is made of the tracks once they are closed, and the end once all is.
    fn finish_if_closed(&mut self) {
        let Some(stopped) = self.stopped.filter(|_| !self.finished) else { return };
        if self.tracks.values().any(|open| open.state == State::Closing) {
            return;
        }
        if !core::mem::replace(&mut self.settled, true) {
            self.settle();
        }
        if matches!(self.index, Extra::Closing(_)) || matches!(self.mixed, Extra::Closing(_)) {
            return;
        }
        self.finished = true;
        let tracks = self.tracks.iter().map(|(&user, open)| TrackSummary {
            user,
            path: open.path.clone(),
            length: time(open.track.covered()),
            counters: open.track.counters(),
            failed: open.state.failure().map(Box::from),
        });
        let recording = Recording {
            length: stopped.since(self.start),
            tracks: tracks.collect(),
            dropped: self.dropped,
            mixed: matches!(self.mixed, Extra::Complete).then(|| self.config.mixed().0),
            index: matches!(self.index, Extra::Complete).then(|| self.config.index_path()),
        };
        self.out.event(Event::Finished { recording });
    }

    /// All tracks are closed: completes the index, and has them mixed.
    fn settle(&mut self) {
        self.write_index();
        if let Extra::Open(index) = self.index {
            self.out.push(Output::CloseFile(index));
            self.index = Extra::Closing(index);
        }
        if !matches!(self.mixed, Extra::Wanted) {
            return;
        }
        let closed = self.tracks.values().filter(|open| open.state == State::Closed);
        let inputs: Box<[Box<str>]> = closed.map(|open| open.path.clone()).collect();
        if inputs.is_empty() {
            // Nobody spoke, or no file is whole, which has been told.
            self.mixed = Extra::Absent;
            return;
        }
        let (path, format) = self.config.mixed();
        let (file, encoding) = (self.scope.file(), self.config.encoding(&format));
        self.out.push(Output::MixFiles { file, inputs, path, encoding });
        self.mixed = Extra::Closing(file);
    }
}

impl State {
    const fn failure(&self) -> Option<&str> {
        match self {
            Self::Failed(reason) => Some(reason),
            Self::Recording | Self::Closing | Self::Closed => None,
        }
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
                if self.index_due.is_some_and(|due| due <= self.now) {
                    self.write_index();
                }
                self.seek_deadline();
            }
            Input::File(file, report) => self.on_file(file, report),
            Input::Opened(_)
            | Input::Frame(..)
            | Input::Closed(..)
            | Input::Response(..)
            | Input::Progress(..)
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
