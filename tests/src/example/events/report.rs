//! What an `events` example shows: a line for each event, what happens to the connections, and a summary.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, ErrorKind, IsTerminal, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sanscord::cluster::{Cluster, Event, State, Stopped};
use sanscord::gateway::status::Status;
use sanscord::gateway::{self, Counters, Delivery, Dispatch, Interest, Receipt, ShardId};
use sanscord::machine::Level;
use sanscord::time::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::example::events::Options;

/// How often it may fail to connect before it was ever in session: the address is wrong then, or there is no network.
const ATTEMPTS: u32 = 5;
/// How many events are acknowledged at once.
const BATCH: usize = 256;
/// How many names the summary lists.
const NAMES: usize = 12;

/// What a report wants of its cluster.
#[derive(Debug)]
pub enum Wish {
    /// To see how it stands.
    Look,
    /// To tell that these events have been printed.
    Acknowledge(Vec<Receipt>),
    /// To end it.
    End {
        /// Whether the sessions are kept.
        keep: bool,
    },
}

/// How a cluster stands at one moment.
#[derive(Debug, Default)]
pub struct View {
    shards: Vec<(ShardId, Status)>,
    state: Option<State>,
}

impl Wish {
    /// Does what is wished for, in the driver.
    #[must_use]
    pub fn grant(self, cluster: &mut Cluster, now: Timestamp) -> View {
        let mut state = None;
        let mut shards = Vec::new();
        if !matches!(self, Self::Acknowledge(_)) {
            shards.extend(cluster.shards().map(|shard| (shard.id(), shard.status())));
        }
        match self {
            Self::Look => {}
            Self::Acknowledge(receipts) => receipts.into_iter().for_each(|receipt| cluster.ack(receipt)),
            Self::End { keep: false } => cluster.stop(now),
            Self::End { keep: true } => {
                cluster.suspend(now);
                // Whatever was told before is still to be printed; what comes later, the next process gets.
                state = Some(cluster.state());
            }
        }
        View { shards, state }
    }
}

/// One line of standard output.
#[derive(Serialize)]
struct Line<'a> {
    shard: ShardId,
    seq: u64,
    name: &'a str,
    replayed: bool,
    duplicate: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    d: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    malformed: Option<String>,
}

/// Follows a cluster's events and says what a human wants to know.
#[derive(Debug)]
pub struct Report {
    interest: Interest,
    payload: bool,
    keep: bool,
    at_least_once: bool,
    length: Option<Duration>,
    started: Instant,
    /// Whether somebody is watching: progress goes to standard error only then.
    terminal: bool,
    interrupted: Arc<AtomicBool>,
    /// Nobody reads standard output any more.
    unread: bool,
    is_ending: bool,
    looked: Instant,
    was_connected: bool,
    failures: u32,
    /// Why it could not connect the last time, if it never could.
    trouble: Option<String>,
    printed: Vec<Receipt>,
    names: BTreeMap<gateway::EventName, u64>,
    duplicates: u64,
    disconnects: BTreeMap<&'static str, u64>,
    shards: BTreeMap<ShardId, Seen>,
    state: Option<State>,
    failure: Option<String>,
}

/// What is known of a shard.
#[derive(Debug, Default)]
struct Seen {
    phase: &'static str,
    seq: Option<u64>,
    latency: Option<Duration>,
    counters: Counters,
}

impl Report {
    /// How long the examples wait for an event before they ask for a [`Wish`].
    pub const TICK: Duration = Duration::from_millis(200);

    /// A report, for these options.
    #[must_use]
    pub fn new(options: &Options) -> Self {
        let now = Instant::now();
        Self {
            interest: options.interest.clone(),
            payload: options.payload,
            keep: options.state.is_some(),
            at_least_once: options.delivery == Delivery::AtLeastOnce,
            length: options.length,
            started: now,
            terminal: io::stderr().is_terminal() && !io::stdout().is_terminal(),
            interrupted: Arc::default(),
            unread: false,
            is_ending: false,
            looked: now,
            was_connected: false,
            failures: 0,
            trouble: None,
            printed: Vec::new(),
            names: BTreeMap::new(),
            duplicates: 0,
            disconnects: BTreeMap::new(),
            shards: BTreeMap::new(),
            state: None,
            failure: None,
        }
    }

    /// To be called when the user wants it to end.
    pub fn interrupter(&self) -> impl Fn() + Send + use<> {
        let interrupted = Arc::clone(&self.interrupted);
        move || interrupted.store(true, Ordering::Relaxed)
    }

    /// Takes an event.
    pub fn event(&mut self, event: &Event) {
        match event {
            Event::Shard(id, gateway::Event::Dispatch(dispatch)) => return self.dispatch(*id, dispatch),
            Event::Shard(id, gateway::Event::Connected { resumed, replayed, gap }) => {
                self.was_connected = true;
                self.trouble = None;
                let news = match (resumed, gap) {
                    (true, _) => format!("resumed, {replayed} replayed"),
                    (false, true) => "gap, new session".to_owned(),
                    (false, false) => "new session".to_owned(),
                };
                return self.say(&format!("shard {id}: {news}"));
            }
            Event::Shard(_, gateway::Event::Disconnected { reason, .. }) => {
                *self.disconnects.entry(reason.kind()).or_default() += 1;
                self.failed(reason.to_string());
            }
            Event::GatewayBotFailed { reason, .. } => self.failed(reason.to_string()),
            Event::Shard(id, gateway::Event::Stopped { counters, session, .. }) => {
                let seen = self.shards.entry(*id).or_default();
                seen.counters = **counters;
                seen.seq = session.as_ref().map(|session| session.seq).or(seen.seq);
                return;
            }
            Event::Stopped { reason: Stopped::ByUser } => return,
            Event::Stopped { reason } => {
                self.failure.get_or_insert(reason.to_string());
                return;
            }
            _ => {}
        }
        if let Some(log) = event.log().filter(|log| log.level <= Level::Info) {
            self.say(&log.text);
        }
    }

    fn failed(&mut self, reason: String) {
        if self.was_connected {
            return;
        }
        self.failures += 1;
        if self.failures >= ATTEMPTS {
            self.failure.get_or_insert_with(|| reason.clone());
        }
        self.trouble = Some(reason);
    }

    fn dispatch(&mut self, shard: ShardId, dispatch: &Dispatch) {
        *self.names.entry(dispatch.name.clone()).or_default() += 1;
        self.duplicates += u64::from(dispatch.duplicate);
        // READY and RESUMED come to everybody.
        let printed = if self.interest.wants(&dispatch.name) { self.print(shard, dispatch) } else { Ok(()) };
        match printed {
            Ok(()) => {
                if self.at_least_once && !self.is_ending {
                    self.printed.push(dispatch.receipt());
                }
            }
            Err(error) if error.kind() == ErrorKind::BrokenPipe => self.unread = true,
            Err(error) => {
                self.failure.get_or_insert(format!("the events cannot be printed: {error}"));
            }
        }
    }

    fn print(&self, shard: ShardId, dispatch: &Dispatch) -> io::Result<()> {
        if self.unread {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let (d, malformed) = match self.payload.then(|| dispatch.json()) {
            None => (None, None),
            Some(Ok(json)) => (Some(json), None),
            Some(Err(error)) => (None, Some(error.to_string())),
        };
        let (seq, name) = (dispatch.seq, dispatch.name.as_str());
        let (replayed, duplicate) = (dispatch.replayed, dispatch.duplicate);
        let line = Line { shard, seq, name, replayed, duplicate, d, malformed };
        let mut line = serde_json::to_vec(&line)?;
        // Between tokens a payload may have lines; within strings they are escaped (RFC 8259, section 7).
        line.iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')).for_each(|byte| *byte = b' ');
        line.push(b'\n');
        io::stdout().lock().write_all(&line)
    }

    /// What it wants of the cluster now.
    pub fn wish(&mut self) -> Option<Wish> {
        if self.is_ending {
            return None;
        }
        let is_over = self.unread
            || self.failure.is_some()
            || self.interrupted.load(Ordering::Relaxed)
            || self.length.is_some_and(|length| self.started.elapsed() >= length);
        let is_due = self.looked.elapsed() >= Self::TICK;
        if !self.printed.is_empty() && (is_over || is_due || self.printed.len() >= BATCH) {
            return Some(Wish::Acknowledge(std::mem::take(&mut self.printed)));
        }
        if is_over {
            self.is_ending = true;
            return Some(Wish::End { keep: self.keep });
        }
        if is_due {
            self.looked = Instant::now();
            return self.terminal.then_some(Wish::Look);
        }
        None
    }

    /// Takes what a wish came to.
    pub fn see(&mut self, view: View) {
        for (id, status) in view.shards {
            let seen = Seen {
                phase: status.phase,
                seq: status.seq,
                latency: status.latency,
                counters: status.counters,
            };
            self.shards.insert(id, seen);
        }
        self.state = view.state.or(self.state.take());
        if self.terminal && !self.is_ending {
            let elapsed = self.started.elapsed().as_secs_f64();
            let up = self.shards.values().filter(|seen| seen.phase == "ready").count();
            let (shards, all) = (self.shards.len(), self.counters());
            let (events, ratio) = (all.dispatches, all.ratio());
            eprint!("\r\x1b[2K{elapsed:6.1} s  {up} of {shards} shards  {events} events  ratio {ratio:.1}");
            // A terminal that does not take it shows nothing, which is no reason to stop.
            let _ = io::stderr().flush();
        }
    }

    /// The sessions, if they were to be kept.
    pub const fn take_state(&mut self) -> Option<State> {
        self.state.take()
    }

    /// Says something on standard error.
    fn say(&self, line: &str) {
        let clear = if self.terminal { "\r\x1b[2K" } else { "" };
        // Nobody may be there to read it.
        let _ = writeln!(io::stderr(), "{clear}{line}");
    }

    /// Ends the report: the summary on standard error, or what went wrong.
    ///
    /// # Errors
    /// What went wrong.
    pub fn finish(self) -> Result<(), String> {
        if self.was_connected && !self.unread {
            self.say(self.summary().trim_end());
        }
        self.failure.or(self.trouble).map_or(Ok(()), Err)
    }

    fn counters(&self) -> Counters {
        let mut all = Counters::default();
        for Counters {
            dispatches,
            unwanted,
            repeated,
            gaps,
            replayed,
            identifies,
            resumes,
            sessions_lost,
            disconnects,
            bytes_in,
            bytes_inflated,
            ..
        } in self.shards.values().map(|seen| seen.counters)
        {
            all.dispatches += dispatches;
            all.unwanted += unwanted;
            all.repeated += repeated;
            all.gaps += gaps;
            all.replayed += replayed;
            all.identifies += identifies;
            all.resumes += resumes;
            all.sessions_lost += sessions_lost;
            all.disconnects += disconnects;
            all.bytes_in += bytes_in;
            all.bytes_inflated += bytes_inflated;
        }
        all
    }

    fn summary(&self) -> String {
        let mut text = String::new();
        let mut line = |line: String| {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{line}");
        };
        let all = self.counters();
        line(format!("{} events in {:.1} s", all.dispatches, self.started.elapsed().as_secs_f64()));
        let mut names: Vec<_> = self.names.iter().map(|(name, count)| (*count, name)).collect();
        names.sort_unstable_by(|a, b| b.cmp(a));
        for (count, name) in names.iter().take(NAMES) {
            line(format!("  {count:>8} {name}"));
        }
        if names.len() > NAMES {
            let others: u64 = names.iter().skip(NAMES).map(|(count, _)| count).sum();
            line(format!("  {others:>8} of {} other names", names.len() - NAMES));
        }
        line(format!(
            "Sequence: {} gaps, {} replayed, {} duplicates, {} repeated and dropped, {} not wanted",
            all.gaps, all.replayed, self.duplicates, all.repeated, all.unwanted
        ));
        let kinds: Vec<_> = self.disconnects.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        let kinds = if kinds.is_empty() { "none".to_owned() } else { kinds.join(", ") };
        line(format!(
            "Sessions: {} identifies, {} resumes, {} lost; connections that broke: {kinds}",
            all.identifies, all.resumes, all.sessions_lost
        ));
        line(format!(
            "Received: {} bytes, {} inflated, ratio {:.2}",
            all.bytes_in,
            all.bytes_inflated,
            all.ratio()
        ));
        for (id, seen) in &self.shards {
            let seq = seen.seq.map_or("no session".to_owned(), |seq| format!("seq {seq}"));
            let latency =
                seen.latency.map_or("none yet".to_owned(), |latency| format!("{:.1?} round trip", latency));
            line(format!(
                "Shard {id}: {}, {seq}, {} events, {} heartbeats ({latency})",
                seen.phase, seen.counters.dispatches, seen.counters.heartbeats
            ));
        }
        text
    }
}
