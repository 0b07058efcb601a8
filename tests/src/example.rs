//! What the `record` examples of the three adapters share, so that they behave the same: options, our own Discord
//! where there is no token, and what is shown.

mod options;
mod report;

pub use options::{Options, USAGE};
pub use report::{Report, Snapshot};

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use sanscord::id::{ChannelId, GuildId};

use crate::config::Config;
use crate::discord::Discord;
use crate::loopback::Loopback;

/// Our own Discord for an example, with its certificate in a temporary file.
pub struct Demonstration {
    loopback: Loopback<Discord>,
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
        let config = Config::default();
        let (guild, token) = (config.guild, config.token.clone());
        let channel = config.voice_channels.first().map_or(ChannelId(0), |(id, _)| *id);
        let loopback = Loopback::start(move |addresses| {
            Discord::new(Config { addresses: addresses.clone(), ..config }, SEED)
        })?;
        let port = loopback.addresses().voice_udp.port();
        let certificate = std::env::temp_dir().join(format!("sanscord-{}-{port}.pem", std::process::id()));
        loopback.write_certificate(&certificate)?;
        Ok(Self { loopback, certificate, guild, channel, token })
    }

    /// The server.
    #[must_use]
    pub const fn loopback(&self) -> &Loopback<Discord> {
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

/// The demonstration is the same each time, but for the network.
const SEED: u64 = 2026;
