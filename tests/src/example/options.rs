//! Command line and environment of an example.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use lexopt::prelude::{Long, Short, ValueExt};
use sanscord::id::{ChannelId, GuildId};
use sanscord::record::{self, Format};

use crate::example::{Demonstration, variable};

/// What `--help` shows.
pub const USAGE: &str = "\
Joins a Discord voice channel and records it: one file for each speaker, Ogg Opus by default.

Usage: record [--guild ID --channel ID] [--out FOLDER] [--seconds N] [--format EXTENSION] [--mix]

  --guild ID      the guild to join (with a token)
  --channel ID    the voice channel to join (with a token)
  --out FOLDER    where the files go; default: recordings/<unix time>
  --seconds N     stop by itself after so long in the call; default: 10 without a token,
                  with one until Ctrl-C
  --format EXT    opus; wav or flac, with the feature `opus`; any other for ffmpeg, such as mp3
  --mix           lay all files over each other in the end, in one more file

Environment:
  DISCORD_BOT_TOKEN   the bot's token. Without it, a Discord of our own runs on loopback.
  DISCORD_API_BASE    another API than https://discord.com/api/v10
  SSL_CERT_FILE       further trusted certificates, PEM";

/// What an example was asked to do.
#[derive(Clone, Debug)]
pub struct Options {
    /// The bot's token; without one, our own Discord is used.
    pub token: Option<String>,
    /// Another API.
    pub api_base: Option<String>,
    /// Further trusted certificates.
    pub certificates: Option<PathBuf>,
    /// Where to record.
    pub place: Option<(GuildId, ChannelId)>,
    /// Where the files go.
    pub folder: String,
    /// When to stop.
    pub length: Option<Duration>,
    /// The files' format.
    pub format: Format,
    /// Whether to mix them.
    pub mix: bool,
}

impl Options {
    /// Reads this process's command line and environment. `None`: help was asked for, and shown.
    ///
    /// # Errors
    /// A sentence that says what is wrong and what to do.
    pub fn read() -> Result<Option<Self>, String> {
        Self::parse(std::env::args_os().skip(1), |name| std::env::var_os(name))
    }

    /// Fills in what our own Discord gives where there is no token. Answers with where to record.
    ///
    /// # Errors
    /// If there is neither.
    pub fn settle(&mut self, demonstration: Option<&Demonstration>) -> Result<(GuildId, ChannelId), String> {
        if let Some(demonstration) = demonstration {
            eprintln!(
                "DISCORD_BOT_TOKEN is not set: recording from a Discord of our own at {}",
                demonstration.api_base()
            );
            self.token = Some(demonstration.token().into());
            self.api_base = Some(demonstration.api_base().into());
            self.place = Some(demonstration.place());
        }
        self.place.ok_or_else(|| "name --guild and --channel".into())
    }

    /// What to make of the call.
    #[must_use]
    pub fn recording(&self) -> record::Config {
        let mut config = record::Config::new(self.folder.as_str());
        config.format.clone_from(&self.format);
        config.mix = self.mix;
        config.started_at = Some(sanscord_host::unix_millis());
        config
    }

    /// The further certificates to trust.
    pub fn certificates<'a>(
        &'a self,
        demonstration: Option<&'a Demonstration>,
    ) -> impl Iterator<Item = &'a Path> {
        self.certificates.as_deref().into_iter().chain(demonstration.map(Demonstration::certificate))
    }

    fn parse(
        args: impl Iterator<Item = OsString>,
        env: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Option<Self>, String> {
        let (mut guild, mut channel, mut folder, mut seconds) = (None, None, None, None);
        let (mut format, mut mix) = (Format::Opus, false);
        let mut parser = lexopt::Parser::from_args(args);
        while let Some(argument) = parser.next().map_err(usage)? {
            match argument {
                Long("guild") => guild = Some(id::<GuildId>("--guild", &mut parser)?),
                Long("channel") => channel = Some(id::<ChannelId>("--channel", &mut parser)?),
                Long("out") => folder = Some(parser.value().and_then(ValueExt::string).map_err(usage)?),
                Long("seconds") => {
                    seconds = Some(parser.value().and_then(|value| value.parse::<u32>()).map_err(usage)?);
                }
                Long("format") => {
                    let extension = parser.value().and_then(ValueExt::string).map_err(usage)?;
                    format = Format::from_extension(&extension).map_err(|error| error.to_string())?;
                }
                Long("mix") => mix = true,
                Long("help") | Short('h') => {
                    println!("{USAGE}");
                    return Ok(None);
                }
                other => return Err(usage(other.unexpected())),
            }
        }
        let token = variable(&env, "DISCORD_BOT_TOKEN")?;
        let place = match (guild, channel) {
            (Some(guild), Some(channel)) => Some((guild, channel)),
            (None, None) if token.is_none() => None,
            _ => {
                return Err(
                    "name both --guild and --channel: the ids of a guild and of a voice channel in it \
                 (Discord shows them under Copy ID in developer mode)"
                        .into(),
                );
            }
        };
        if place.is_some() && token.is_none() {
            return Err("--guild and --channel need a bot: set DISCORD_BOT_TOKEN".into());
        }
        let length = seconds.or_else(|| token.is_none().then_some(10)).map(|s| Duration::from_secs(s.into()));
        Ok(Some(Self {
            api_base: variable(&env, "DISCORD_API_BASE")?,
            certificates: variable(&env, "SSL_CERT_FILE")?.map(PathBuf::from),
            folder: folder.unwrap_or_else(default_folder),
            token,
            place,
            length,
            format,
            mix,
        }))
    }
}

fn usage(error: lexopt::Error) -> String {
    usage_of(&error, USAGE)
}

pub(super) fn usage_of(error: &lexopt::Error, usage: &str) -> String {
    format!("{error}\n\n{usage}")
}

pub(super) fn id<T: FromStr>(name: &str, parser: &mut lexopt::Parser) -> Result<T, String> {
    let value = parser.value().and_then(ValueExt::string).map_err(usage)?;
    value
        .parse()
        .map_err(|_| format!("{name} wants an id, a number such as 175928847299117063, not {value:?}"))
}

/// A folder of its own for each recording, so that none overwrites another.
fn default_folder() -> String {
    format!("recordings/{}", sanscord_host::unix_millis() / 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str], env: &[(&str, &str)]) -> Result<Option<Options>, String> {
        Options::parse(args.iter().map(OsString::from), |name| {
            env.iter().find(|(n, _)| *n == name).map(|(_, value)| value.into())
        })
    }

    #[test]
    fn without_a_token_it_lasts_ten_seconds() {
        let options = parse(&[], &[("DISCORD_BOT_TOKEN", "  ")]).unwrap().unwrap();
        assert_eq!((options.token, options.place), (None, None));
        assert_eq!(options.length, Some(Duration::from_secs(10)));
        assert!(options.folder.starts_with("recordings/"));
    }

    #[test]
    fn with_a_token_it_needs_a_place() {
        let env = [("DISCORD_BOT_TOKEN", "t"), ("SSL_CERT_FILE", "/x.pem")];
        assert!(parse(&[], &env).unwrap_err().contains("--guild and --channel"));
        let args = ["--guild", "1", "--channel", "2", "--out", "here", "--seconds", "3"];
        let options = parse(&args, &env).unwrap().unwrap();
        assert_eq!(options.place, Some((GuildId(1), ChannelId(2))));
        assert_eq!((&*options.folder, options.length), ("here", Some(Duration::from_secs(3))));
        let options = parse(&["--out", "here", "--format", "wav", "--mix"], &[]).unwrap().unwrap();
        let recording = options.recording();
        assert_eq!((&*recording.folder, recording.format, recording.mix), ("here", Format::Wav, true));
    }

    #[test]
    fn typing_errors_are_named() {
        for (args, word) in [
            (&["--gild", "1"][..], "--gild"),
            (&["--guild"], "--guild"),
            (&["--guild", "general"], "general"),
            (&["--seconds", "-1"], "-1"),
            (&["--format", "a/b"], "a/b"),
            (&["--guild", "1", "--channel", "2"], "DISCORD_BOT_TOKEN"),
        ] {
            let error = parse(args, &[]).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
    }
}
