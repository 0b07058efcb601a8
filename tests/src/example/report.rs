//! What an example shows: progress while it runs, and a summary at the end.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write as _};
use std::time::{Duration, Instant};

use sanscord::client::{Client, Event, Stopped};
use sanscord::id::{GuildId, UserId};
use sanscord::record::Recording;
use sanscord::voice::tally::Tally;
use sanscord::{cluster, gateway, record, voice};

/// How the call stands at one moment.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    speakers: BTreeMap<UserId, Tally>,
}

impl Snapshot {
    /// Looks at a client's call.
    #[must_use]
    pub fn take(client: &Client, guild: GuildId) -> Self {
        Self { speakers: client.call(guild).map(voice::Call::tallies).unwrap_or_default() }
    }
}

/// Follows a client's events and says what a human wants to know.
#[derive(Debug)]
pub struct Report {
    guild: GuildId,
    folder: String,
    length: Option<Duration>,
    /// Whether somebody is watching: progress goes to standard error only then.
    terminal: bool,
    connected: Option<Instant>,
    before: BTreeMap<UserId, Tally>,
    gateway: gateway::Counters,
    gateway_latency: Option<Duration>,
    voice: voice::Statistics,
    recording: Option<Recording>,
    failure: Option<String>,
}

impl Report {
    /// A report on the recording of a guild's call.
    #[must_use]
    pub fn new(guild: GuildId, folder: &str, length: Option<Duration>) -> Self {
        Self {
            guild,
            folder: folder.into(),
            length,
            terminal: io::stderr().is_terminal(),
            connected: None,
            before: BTreeMap::new(),
            gateway: gateway::Counters::default(),
            gateway_latency: None,
            voice: voice::Statistics::default(),
            recording: None,
            failure: None,
        }
    }

    /// How long the examples wait before they look again, if nothing happens.
    pub const TICK: Duration = Duration::from_millis(200);

    /// Whether the recording has lasted as long as it should.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.connected.zip(self.length).is_some_and(|(connected, length)| connected.elapsed() >= length)
    }

    /// Takes an event. `true`: the call is over and the client should stop.
    pub fn event(&mut self, event: &Event) -> bool {
        match event {
            Event::Cluster(cluster::Event::GatewayBotFailed { reason, retry_in }) => {
                self.say(&format!("{reason}; trying again in {}", seconds(*retry_in)));
            }
            Event::Gateway(_, event) => self.gateway_event(event),
            Event::Voice(guild, event) if *guild == self.guild => return self.voice_event(event),
            Event::Recording(guild, event) if *guild == self.guild => self.record_event(event),
            Event::Stopped { reason } if *reason != Stopped::ByUser => self.fail(reason.to_string()),
            _ => {}
        }
        false
    }

    fn gateway_event(&mut self, event: &gateway::Event) {
        match event {
            gateway::Event::Connected { resumed: true, replayed: 0, .. } => {
                self.say("gateway session resumed, nothing was missed");
            }
            gateway::Event::Connected { resumed: true, replayed, .. } => {
                self.say(&format!("gateway session resumed, {replayed} missed events received"));
            }
            gateway::Event::Connected { resumed: false, .. } => self.say("gateway session started"),
            gateway::Event::HeartbeatAcknowledged { latency } => self.gateway_latency = Some(*latency),
            gateway::Event::Disconnected { reason, retry_in, .. } => {
                self.say(&format!("gateway: {reason}; reconnecting in {}", seconds(*retry_in)));
            }
            gateway::Event::Stopped { counters, .. } => self.gateway = **counters,
            _ => {}
        }
    }

    fn voice_event(&mut self, event: &voice::Event) -> bool {
        match event {
            voice::Event::Connected { resumed: true, .. } => self.say("voice session resumed"),
            voice::Event::Connected { mode, external, .. } => {
                self.connected.get_or_insert_with(Instant::now);
                self.say(&format!("in the call ({}, our address {external})", mode.name()));
            }
            voice::Event::Disconnected { reason, .. } => self.say(&format!("{reason}; reconnecting")),
            voice::Event::Ended { reason, statistics } => {
                self.voice.clone_from(statistics);
                match reason {
                    voice::Ended::ByUser => {}
                    // Somebody else's decision is no failure of the recording.
                    voice::Ended::Removed if self.connected.is_some() => self.say(&reason.to_string()),
                    _ => self.fail(reason.to_string()),
                }
                return true;
            }
            _ => {}
        }
        false
    }

    fn record_event(&mut self, event: &record::Event) {
        match event {
            record::Event::TrackOpened { user, path } => self.say(&format!("{user} speaks: {path}")),
            record::Event::TrackFailed { path, reason, .. } => self.fail(format!("{path}: {reason}")),
            record::Event::Failed { reason } => self.fail(reason.to_string()),
            record::Event::IndexFailed { path, reason } | record::Event::MixFailed { path, reason } => {
                self.fail(format!("{path}: {reason}"));
            }
            record::Event::Finished { recording } => self.recording = Some(recording.clone()),
            _ => {}
        }
    }

    fn fail(&mut self, reason: String) {
        self.failure.get_or_insert(reason);
    }

    /// Shows how far the recording is; on a terminal only.
    pub fn progress(&mut self, now: Snapshot) {
        let Some(connected) = self.connected.filter(|_| self.terminal) else { return };
        let speaking: Vec<String> = now
            .speakers
            .iter()
            .filter(|(user, tally)| self.before.get(user).is_none_or(|b| b.received < tally.received))
            .map(|(user, _)| user.to_string())
            .collect();
        let packets: u64 = now.speakers.values().map(|tally| tally.received).sum();
        let who = if speaking.is_empty() { "nobody speaks".to_owned() } else { speaking.join(", ") };
        let elapsed = connected.elapsed().as_secs_f64();
        eprint!("\r\x1b[2K{elapsed:6.1} s  {packets} packets  {who}");
        // A terminal that does not take it shows nothing, which is no reason to stop.
        let _ = io::stderr().flush();
        self.before = now.speakers;
    }

    /// Says something on standard error.
    pub fn say(&self, line: &str) {
        let clear = if self.terminal { "\r\x1b[2K" } else { "" };
        eprintln!("{clear}{line}");
    }

    /// Ends the report: the summary on standard output, or what went wrong.
    ///
    /// # Errors
    /// Why there is no recording, or not all of it.
    pub fn finish(self) -> Result<(), String> {
        if self.terminal {
            eprint!("\r\x1b[2K");
        }
        if self.connected.is_some() {
            print!("{}", self.summary());
        }
        self.failure.map_or(Ok(()), Err)
    }

    fn summary(&self) -> String {
        let mut text = String::new();
        let mut line = |line: String| {
            // Writing to a string does not fail.
            let _ = writeln!(text, "{line}");
        };
        if let Some(recording) = &self.recording {
            line(format!("Recorded {} in {}", seconds(recording.length), self.folder));
            for track in &recording.tracks {
                let counters = track.counters;
                let note = if track.failed.is_some() { " (incomplete)" } else { "" };
                line(format!(
                    "  {}  {}  {} packets as sent, {} missing, {} too late{note}",
                    track.path,
                    seconds(track.length),
                    counters.packets,
                    counters.missing,
                    counters.late,
                ));
            }
            for (path, what) in [(&recording.mixed, "all of them"), (&recording.index, "what is where")] {
                if let Some(path) = path {
                    line(format!("  {path}  {what}"));
                }
            }
            if recording.tracks.is_empty() {
                line("  nobody spoke: no file was made".into());
            }
        }
        let mut all = Tally::default();
        for tally in self.voice.speakers.values() {
            all += *tally;
        }
        let (gateway, voice) = (self.gateway, self.voice.counters);
        line(format!(
            "Packets: {} received, {} lost, {} late, {} duplicated",
            all.received, all.lost, all.late, all.duplicated
        ));
        let round_trip = |latency: Option<Duration>| {
            latency.map_or("no round trip".into(), |l| format!("round trip {l:.1?}"))
        };
        line(format!(
            "Heartbeats: gateway {} ({}), voice {} ({})",
            gateway.heartbeats,
            round_trip(self.gateway_latency),
            voice.heartbeats,
            round_trip(self.voice.latency),
        ));
        line(format!("Resumes: gateway {}, voice {}", gateway.resumes, voice.resumes));
        line(format!("Events: {} received, {} missing", gateway.dispatches, gateway.gaps));
        text
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.2} s", duration.as_secs_f64())
}
