//! Our Discord on loopback sockets, and a client under way on it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use sanscord::client::{self, Client, Event};
use sanscord::gateway::Compression;
use sanscord::id::{ChannelId, GuildId, UserId};
use sanscord::secret::Token;
use sanscord::{gateway, record, voice};
use sanscord_testing::config::{ALICE, BOB, Config};
use sanscord_testing::discord::Discord;
use sanscord_testing::loopback::Loopback;
use sanscord_testing::speaker::{Sent, Speaker, Spurt};

use super::adapter::{Adapter, Next, Setup};
use super::logbook;
use super::recording::{self, Contents};
use super::tapped::{Tapped, assert_discreet, sentence};

/// How long a scenario may wait for anything.
pub(crate) const LIMIT: Duration = Duration::from_secs(15);

/// Runs a scenario on a thread of its own, so that one that hangs fails and does not stay.
pub(crate) fn within(limit: Duration, scenario: impl FnOnce() + Send + 'static) {
    let (done, is_done) = channel::<()>();
    let thread = thread::spawn(move || {
        let _done = done;
        scenario();
    });
    assert_ne!(is_done.recv_timeout(limit), Err(RecvTimeoutError::Timeout), "it hangs");
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

/// A Discord on which much happens in little time: two people who talk in short spurts, quick heartbeats and
/// chatter.
pub(crate) fn busy() -> Config {
    let [mut alice, mut bob] = <[Speaker; 2]>::try_from(Config::speakers()).unwrap();
    // Pauses in whole grains of Opus, so that every packet has its place to the sample.
    let spurt = |packets, pause| Spurt { packets, pause: Duration::from_millis(pause) };
    alice.start = Duration::from_millis(120);
    alice.spurts = vec![spurt(50, 200), spurt(30, 300)];
    bob.start = Duration::from_millis(310);
    bob.spurts = vec![spurt(60, 205)];
    Config { chatter: Some(Duration::from_millis(100)), speakers: vec![alice, bob], ..calm() }
}

/// The same without speakers and chatter.
pub(crate) fn calm() -> Config {
    Config {
        heartbeat_interval: Duration::from_secs(1),
        voice_heartbeat_interval: Duration::from_secs(1),
        // Time enough for a machine that is busy with something else.
        tolerance: Duration::from_secs(3),
        ..Config::quiet()
    }
}

/// Our Discord on loopback sockets, and a folder.
pub(crate) struct Stage {
    pub(crate) loopback: Loopback<Tapped>,
    pub(crate) guild: GuildId,
    pub(crate) channel: ChannelId,
    pub(crate) token: String,
    folder: PathBuf,
}

impl Stage {
    pub(crate) fn new(config: Config) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("sanscord-conformance-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let (guild, channel, token) = (config.guild, config.voice_channels[0].0, config.token.clone());
        let loopback = Loopback::start(move |addresses| {
            Tapped::new(Config { addresses: addresses.clone(), ..config }, u64::from(number))
        });
        let loopback = loopback.unwrap();
        loopback.write_certificate(folder.join("authority.pem")).unwrap();
        Self { loopback, guild, channel, token, folder }
    }

    /// What a client needs to know; it gives up at the second failure in a row.
    pub(crate) fn config(&self) -> client::Config {
        let mut config = client::Config::new(Token::new(&self.token));
        config.api_base = self.loopback.addresses().api_base.as_str().into();
        config.gateway.attempts = Some(2);
        // For us to overhear.
        config.gateway.compression = Compression::None;
        config
    }

    /// Where recordings go.
    pub(crate) fn calls(&self) -> PathBuf {
        self.folder.join("calls")
    }

    pub(crate) fn file(&self, user: UserId) -> PathBuf {
        self.calls().join(format!("recording_{user}.opus"))
    }

    /// Writes a file of this name into the folder, and answers its path.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.folder.join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub(crate) fn authority(&self) -> PathBuf {
        self.folder.join("authority.pem")
    }

    /// A client that trusts this Discord, connects and does nothing else.
    pub(crate) fn visit<A: Adapter>(&self) -> Run<A> {
        self.visit_as(self.config(), Some(self.authority()), false)
    }

    pub(crate) fn visit_as<A: Adapter>(
        &self,
        config: client::Config,
        trust: Option<PathBuf>,
        alone: bool,
    ) -> Run<A> {
        static SEED: AtomicU64 = AtomicU64::new(1);
        logbook::open();
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&SEED.fetch_add(1, Ordering::Relaxed).to_le_bytes());
        let client = Client::new(config, seed);
        let (held, driver) = channel();
        let audio = Box::new(move |_: &_, _: &[u8]| {
            // Never heard: what counts is that it is dropped with the driver.
            let _ = &held;
        });
        let adapter = A::start(Setup { client, trust, audio, alone });
        Run { adapter, events: Vec::new(), seen: 0, driver, ended: false }
    }

    /// A client that joins and records.
    pub(crate) fn join<A: Adapter>(&self) -> Run<A> {
        let run = self.visit();
        self.ask_to_record(&run, &self.calls());
        run
    }

    pub(crate) fn ask_to_record<A: Adapter>(&self, run: &Run<A>, folder: &Path) {
        let (guild, channel) = (self.guild, self.channel);
        let folder = folder.to_str().unwrap().to_owned();
        run.call(move |client, now| {
            client.join(now, guild, channel);
            client.record(now, guild, &folder);
        });
    }

    /// Does something with the Discord.
    pub(crate) fn discord<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut Discord, sanscord::time::Timestamp) -> T + Send + 'static,
    ) -> T {
        self.loopback.with(move |tapped, now| act(&mut tapped.discord, now))
    }

    /// Waits until the Discord has come so far.
    pub(crate) fn wait(&self, what: &str, condition: impl Fn(&Discord) -> bool + Send + Copy + 'static) {
        let end = Instant::now() + LIMIT;
        while !self.discord(move |discord, _| condition(discord)) {
            assert!(Instant::now() < end, "not within {LIMIT:?}: {what}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    pub(crate) fn truth(&self, user: UserId) -> Vec<Sent> {
        self.discord(move |discord, _| discord.truth(user).cloned().collect())
    }

    /// The client's conduct was without fault, and neither its events nor what was logged gave anything away.
    pub(crate) fn assert_proper<A: Adapter>(&self, run: &Run<A>) {
        let violations = self.discord(|discord, _| discord.violations().to_vec());
        assert!(violations.is_empty(), "{violations:#?}\n{}", run.story());
        self.assert_discreet(run);
        logbook::assert_silent_on(&self.secrets());
    }

    fn secrets(&self) -> Vec<String> {
        self.loopback.with(|tapped, _| tapped.secrets.clone())
    }

    pub(crate) fn assert_discreet<A: Adapter>(&self, run: &Run<A>) {
        assert_discreet(&run.events, &self.secrets());
    }

    /// Reads a speaker's file, every packet of which must be one that was sent, in this order.
    pub(crate) fn read(&self, user: UserId) -> Contents {
        self.read_from(&self.calls(), user)
    }

    pub(crate) fn read_from(&self, folder: &Path, user: UserId) -> Contents {
        let path = folder.join(format!("recording_{user}.opus"));
        let contents = recording::packets(&std::fs::read(path).unwrap());
        recording::as_sent(&contents, &self.truth(user));
        contents
    }

    /// Both speakers' files.
    pub(crate) fn read_both(&self) -> [Contents; 2] {
        [ALICE, BOB].map(|user| self.read(user))
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // What is left in the temporary folder harms nobody.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A client under way.
pub(crate) struct Run<A> {
    pub(crate) adapter: A,
    /// All events so far.
    pub(crate) events: Vec<Event>,
    /// How many of them have been waited for.
    seen: usize,
    /// Hangs up when the driver is gone.
    driver: Receiver<()>,
    ended: bool,
}

impl<A: Adapter> Run<A> {
    pub(crate) fn call<T: Send + 'static>(
        &self,
        command: impl FnOnce(&mut Client, sanscord::time::Timestamp) -> T + Send + 'static,
    ) -> T {
        self.adapter.call(command).expect("the driver has ended")
    }

    /// Takes events until one is as wanted; those before it are passed over.
    #[track_caller]
    pub(crate) fn until(&mut self, what: &str, is_it: impl Fn(&Event) -> bool) -> Event {
        let end = Instant::now() + LIMIT;
        loop {
            while let Some(event) = self.events.get(self.seen) {
                self.seen += 1;
                if is_it(event) {
                    return event.clone();
                }
            }
            match self.adapter.next(end.saturating_duration_since(Instant::now())) {
                Next::Event(event) => self.events.push(event),
                Next::Timeout => panic!("not within {LIMIT:?}: {what}\n{}", self.story()),
                Next::Ended => panic!("the driver ended before: {what}\n{}", self.story()),
            }
        }
    }

    /// As [`Run::until`], but what has happened already counts too.
    #[track_caller]
    pub(crate) fn ever(&mut self, what: &str, is_it: impl Fn(&Event) -> bool) -> Event {
        self.seen = 0;
        self.until(what, is_it)
    }

    #[track_caller]
    pub(crate) fn until_live(&mut self) {
        self.until("the call", |event| matches!(event, Event::Voice(_, voice::Event::Connected { .. })));
    }

    #[track_caller]
    pub(crate) fn until_both_resumed(&mut self) {
        self.ever("the resumed gateway session", |event| {
            matches!(event, Event::Gateway(_, gateway::Event::Connected { resumed: true, .. }))
        });
        self.ever("the resumed voice session", |event| {
            matches!(event, Event::Voice(_, voice::Event::Connected { resumed: true, .. }))
        });
    }

    #[track_caller]
    pub(crate) fn until_recorded(&mut self) -> record::Recording {
        let event = self.until("the finished recording", |event| {
            matches!(event, Event::Recording(_, record::Event::Finished { .. }))
        });
        match event {
            Event::Recording(_, record::Event::Finished { recording }) => recording,
            _ => unreachable!("waited for"),
        }
    }

    #[track_caller]
    pub(crate) fn until_left(&mut self) -> voice::Ended {
        let event = self.until("the end of the call", |event| {
            matches!(event, Event::Voice(_, voice::Event::Ended { .. }))
        });
        match event {
            Event::Voice(_, voice::Event::Ended { reason, .. }) => reason,
            _ => unreachable!("waited for"),
        }
    }

    /// Takes events for so long.
    pub(crate) fn listen(&mut self, time: Duration) {
        let end = Instant::now() + time;
        loop {
            match self.adapter.next(end.saturating_duration_since(Instant::now())) {
                Next::Event(event) => self.events.push(event),
                Next::Timeout => return,
                Next::Ended => panic!("the driver ended\n{}", self.story()),
            }
        }
    }

    /// Takes events until the driver has ended.
    #[track_caller]
    pub(crate) fn end(&mut self) {
        let end = Instant::now() + LIMIT;
        while !self.ended {
            match self.adapter.next(end.saturating_duration_since(Instant::now())) {
                Next::Event(event) => self.events.push(event),
                Next::Timeout => panic!("the driver does not end\n{}", self.story()),
                Next::Ended => self.ended = true,
            }
        }
        assert!(self.adapter.call(|_, _| ()).is_none(), "a driver that has ended takes no commands");
    }

    #[track_caller]
    pub(crate) fn stop(&mut self) {
        self.call(Client::stop);
        self.end();
    }

    /// Why the client stopped, in its own words.
    #[track_caller]
    pub(crate) fn last_words(&mut self) -> String {
        self.end();
        let last = self.events.iter().rev().find(|event| matches!(event, Event::Stopped { .. }));
        sentence(last.expect("the end without a reason")).unwrap()
    }

    /// All that was said about what went wrong.
    pub(crate) fn sentences(&self) -> Vec<String> {
        self.events.iter().filter_map(sentence).collect()
    }

    #[track_caller]
    pub(crate) fn assert_said(&self, words: &[&str]) {
        let sentences = self.sentences();
        let is_said = |sentence: &String| {
            let sentence = sentence.to_lowercase();
            words.iter().all(|word| sentence.contains(&word.to_lowercase()))
        };
        assert!(sentences.iter().any(is_said), "nobody said {words:?}, but {sentences:#?}");
        for sentence in sentences {
            // Neither a type's name nor a library's web page is a reason.
            assert!(!sentence.contains("://docs.rs") && !sentence.contains("Error("), "{sentence}");
        }
    }

    /// The numbers of the chatter messages, as they came.
    pub(crate) fn chatter(&self) -> Vec<u64> {
        let messages = self.events.iter().filter_map(|event| match event {
            Event::Gateway(_, gateway::Event::Dispatch(dispatch)) if dispatch.name == "MESSAGE_CREATE" => {
                let message: serde_json::Value = dispatch.parse().unwrap();
                let content = message["content"].as_str().unwrap();
                Some(content.chars().filter(char::is_ascii_digit).collect::<String>().parse().unwrap())
            }
            _ => None,
        });
        messages.collect()
    }

    /// Kills the driver and waits until it is gone. Gives the events so far.
    pub(crate) fn kill(self) -> Vec<Event> {
        self.adapter.kill();
        let gone = self.driver.recv_timeout(LIMIT);
        assert_eq!(gone, Err(RecvTimeoutError::Disconnected), "the driver lives on");
        self.events
    }

    /// Lets go of handle and events, and waits until the driver is gone.
    pub(crate) fn forget(self) {
        drop(self.adapter);
        let gone = self.driver.recv_timeout(LIMIT);
        assert_eq!(gone, Err(RecvTimeoutError::Disconnected), "the driver lives on");
    }

    fn story(&self) -> String {
        let is_dull = |event: &&Event| {
            !matches!(
                event,
                Event::Gateway(_, gateway::Event::Dispatch(_)) | Event::Voice(_, voice::Event::Packet(_))
            )
        };
        let lines = self.events.iter().filter(is_dull).map(|event| format!("{event:?}\n"));
        lines.collect()
    }
}

/// Tells how late a thread of this process can be on this machine right now.
pub(crate) struct Metronome {
    worst: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Metronome {
    pub(crate) fn start() -> Self {
        let (worst, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (tell, stopped) = (Arc::clone(&worst), Arc::clone(&stop));
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                let began = Instant::now();
                thread::sleep(TICK);
                let late = began.elapsed().saturating_sub(TICK);
                tell.fetch_max(late.as_nanos() as u64, Ordering::Relaxed);
            }
        });
        Self { worst, stop, thread: Some(thread) }
    }

    /// The worst so far.
    pub(crate) fn lag(&self) -> Duration {
        Duration::from_nanos(self.worst.load(Ordering::Relaxed))
    }
}

impl Drop for Metronome {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

const TICK: Duration = Duration::from_millis(2);
