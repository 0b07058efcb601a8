//! What the examples of the three adapters share, so that they behave the same: options, our own Discord where there
//! is no token, and what is shown. Here is what the `record` examples share; [`events`], [`play`] and [`script`]
//! have the rest.

pub mod events;
mod options;
pub mod play;
mod report;
pub mod script;

pub use options::{Options, USAGE};
pub use report::{Report, Snapshot};

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use sanscord::id::{ChannelId, GuildId};

use crate::config::Config;
use crate::discord::Discord;
use crate::fault::Action;
use crate::loopback::Loopback;

/// Our own Discord for an example, with its certificate in a temporary file.
pub struct Demonstration {
    loopback: Arc<Loopback<Discord>>,
    certificate: PathBuf,
    guild: GuildId,
    channel: ChannelId,
    token: String,
}

impl Demonstration {
    /// Starts the Discord of [`Config::default`] on loopback sockets.
    ///
    /// # Errors
    /// If the operating system gives no sockets, or the certificate cannot be written.
    pub fn start() -> io::Result<Self> {
        Self::start_with(Config::default())
    }

    /// Starts a Discord of two shards on which people write, and whose connections break every few seconds.
    ///
    /// # Errors
    /// As [`Demonstration::start`].
    pub fn start_chatter() -> io::Result<Self> {
        let quiet = Config::quiet();
        // The next guild of the other shard: the lowest 22 bits do not count.
        let more_guilds = vec![GuildId(quiet.guild.0 + (1 << 22))];
        let demonstration = Self::start_with(Config {
            more_guilds,
            shards: 2,
            max_concurrency: 2,
            heartbeat_interval: Duration::from_secs(2),
            chatter: Some(Duration::from_millis(100)),
            ..quiet
        })?;
        let loopback = Arc::downgrade(&demonstration.loopback);
        thread::Builder::new().name("faults".into()).spawn(move || disturb(&loopback))?;
        Ok(demonstration)
    }

    fn start_with(config: Config) -> io::Result<Self> {
        Self::prepare(config, |_| ()).map(|(demonstration, ())| demonstration)
    }

    /// Starts a Discord that something is done with before anybody can connect.
    fn prepare<T>(config: Config, act: impl FnOnce(&mut Discord) -> T) -> io::Result<(Self, T)> {
        let (guild, token) = (config.guild, config.token.clone());
        let channel = config.voice_channels.first().map_or(ChannelId(0), |(id, _)| *id);
        let mut done = None;
        let loopback = Loopback::start(|addresses| {
            let mut discord = Discord::new(Config { addresses: addresses.clone(), ..config }, SEED);
            done = Some(act(&mut discord));
            discord
        })?;
        let done = done.ok_or_else(|| io::Error::other("no server was made"))?;
        let port = loopback.addresses().voice_udp.port();
        let certificate = std::env::temp_dir().join(format!("sanscord-{}-{port}.pem", std::process::id()));
        loopback.write_certificate(&certificate)?;
        Ok((Self { loopback: Arc::new(loopback), certificate, guild, channel, token }, done))
    }

    /// The server.
    #[must_use]
    pub fn loopback(&self) -> &Loopback<Discord> {
        &self.loopback
    }

    /// The certificate authority to trust, a PEM file.
    #[must_use]
    pub fn certificate(&self) -> &Path {
        &self.certificate
    }

    /// The API's base URL.
    #[must_use]
    pub fn api_base(&self) -> &str {
        &self.loopback.addresses().api_base
    }

    /// A guild and a voice channel in which two people speak.
    #[must_use]
    pub const fn place(&self) -> (GuildId, ChannelId) {
        (self.guild, self.channel)
    }

    /// The bot's token.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }
}

impl fmt::Debug for Demonstration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Demonstration({})", self.api_base())
    }
}

impl Drop for Demonstration {
    fn drop(&mut self) {
        // A file in the temporary folder that cannot be removed harms nobody.
        let _ = std::fs::remove_file(&self.certificate);
    }
}

/// One fault after the other, for as long as the demonstration lasts.
fn disturb(loopback: &Weak<Loopback<Discord>>) {
    let faults = [Action::CutGateway, Action::CorruptStream, Action::GatewayOp7, Action::CloseShard(0, 4000)];
    for fault in faults.iter().cycle() {
        thread::sleep(FAULTS_APART);
        let Some(loopback) = loopback.upgrade() else { return };
        let fault = fault.clone();
        loopback.with(move |discord, now| discord.act(now, fault));
    }
}

/// A variable of the environment; one that is empty counts as absent.
fn variable(env: &impl Fn(&str) -> Option<OsString>, name: &str) -> Result<Option<String>, String> {
    match env(name).map(OsString::into_string) {
        Some(Err(_)) => Err(format!("{name} is not readable text")),
        Some(Ok(value)) => Ok(Some(value.trim().to_owned()).filter(|value| !value.is_empty())),
        None => Ok(None),
    }
}

/// Time enough to come back.
const FAULTS_APART: Duration = Duration::from_millis(2_300);

/// The demonstration is the same each time, but for the network.
const SEED: u64 = 2026;
