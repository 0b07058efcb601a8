//! Command line and environment of the `events` examples.

use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::Duration;

use lexopt::prelude::{Long, Short, ValueExt};
use sanscord::cluster::{self, Shards, State};
use sanscord::gateway::{self, Compression, Delivery, EventName, Intents, Interest};
use sanscord::secret::Token;

use crate::example::{Demonstration, variable};

/// What `--help` shows.
pub const USAGE: &str = "\
Prints what Discord's gateway tells: one line of JSON for each event.

Usage: events [OPTIONS]

  --shards N                as many shards; FIRST-LAST/COUNT: some of COUNT;
                            auto (default): as many as Discord recommends
  --intents NAME,NAME       what to ask Discord for: names such as GUILD_MESSAGES,
                            a number, all, or non-privileged (default)
  --only NAME,NAME          print only these events, such as MESSAGE_CREATE
  --payload                 print their payloads, too
  --compression KIND        none, payload, zlib or zstd (default)
  --state FILE              go on with the sessions in this file, if it is there;
                            keep the sessions there at the end
  --at-least-once           an event counts as received once it is printed: after a crash
                            it comes again, as a duplicate, rather than not at all
  --seconds N               stop by itself after so long; default: 10 without a token,
                            with one until Ctrl-C

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
    /// Which shards to run.
    pub shards: Shards,
    /// What to ask Discord for.
    pub intents: Intents,
    /// What to print.
    pub interest: Interest,
    /// Whether to print payloads.
    pub payload: bool,
    /// How Discord compresses.
    pub compression: Compression,
    /// Where sessions are kept.
    pub state: Option<PathBuf>,
    /// When an event counts as received.
    pub delivery: Delivery,
    /// When to stop.
    pub length: Option<Duration>,
}

impl Options {
    /// Reads this process's command line and environment. `None`: help was asked for, and shown.
    ///
    /// # Errors
    /// A sentence that says what is wrong and what to do.
    pub fn read() -> Result<Option<Self>, String> {
        let options = Self::parse(std::env::args_os().skip(1), |name| std::env::var_os(name))?;
        if let Some(path) = options.as_ref().and_then(|options| options.state.as_deref()) {
            probe(path)?;
        }
        Ok(options)
    }

    /// Fills in what our own Discord gives where there is no token.
    pub fn settle(&mut self, demonstration: Option<&Demonstration>) {
        if let Some(demonstration) = demonstration {
            eprintln!(
                "DISCORD_BOT_TOKEN is not set: events come from a Discord of our own at {}",
                demonstration.api_base()
            );
            self.token = Some(demonstration.token().into());
            self.api_base = Some(demonstration.api_base().into());
        }
    }

    /// The further certificates to trust.
    pub fn certificates<'a>(
        &'a self,
        demonstration: Option<&'a Demonstration>,
    ) -> impl Iterator<Item = &'a Path> {
        self.certificates.as_deref().into_iter().chain(demonstration.map(Demonstration::certificate))
    }

    /// What the cluster needs to know, where `state` is what was saved.
    #[must_use]
    pub fn cluster(&self, state: Option<State>) -> cluster::Config {
        let token = Token::new(self.token.as_deref().unwrap_or_default());
        let mut gateway = gateway::Config::new(token, self.intents);
        gateway.interest.clone_from(&self.interest);
        gateway.compression = self.compression;
        gateway.delivery = self.delivery;
        let mut config = cluster::Config::new(gateway);
        config.shards = self.shards;
        config.state = state;
        if let Some(base) = &self.api_base {
            config.api_base = base.as_str().into();
        }
        config
    }

    fn parse(
        args: impl Iterator<Item = OsString>,
        env: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Option<Self>, String> {
        let token = variable(&env, "DISCORD_BOT_TOKEN")?;
        let mut options = Self {
            api_base: variable(&env, "DISCORD_API_BASE")?,
            certificates: variable(&env, "SSL_CERT_FILE")?.map(PathBuf::from),
            shards: Shards::default(),
            intents: Intents::NON_PRIVILEGED,
            interest: Interest::all(),
            payload: false,
            compression: Compression::preferred(),
            state: None,
            delivery: Delivery::AtMostOnce,
            length: token.is_none().then_some(Duration::from_secs(10)),
            token,
        };
        let mut parser = lexopt::Parser::from_args(args);
        while let Some(argument) = parser.next().map_err(usage)? {
            match argument {
                Long("shards") => options.shards = shards(&text(&mut parser)?)?,
                Long("intents") => options.intents = intents(&text(&mut parser)?)?,
                Long("only") => options.interest = interest(&text(&mut parser)?),
                Long("payload") => options.payload = true,
                Long("compression") => options.compression = compression(&text(&mut parser)?)?,
                Long("state") => options.state = Some(parser.value().map_err(usage)?.into()),
                Long("at-least-once") => options.delivery = Delivery::AtLeastOnce,
                Long("seconds") => {
                    let text = text(&mut parser)?;
                    let seconds = text.parse::<u32>().map_err(|_| format!("--seconds {text}: no number"))?;
                    options.length = Some(Duration::from_secs(seconds.into()));
                }
                Long("help") | Short('h') => {
                    println!("{USAGE}");
                    return Ok(None);
                }
                other => return Err(usage(other.unexpected())),
            }
        }
        Ok(Some(options))
    }
}

fn text(parser: &mut lexopt::Parser) -> Result<String, String> {
    parser.value().and_then(ValueExt::string).map_err(usage)
}

fn usage(error: lexopt::Error) -> String {
    format!("{error}; --help tells the options")
}

fn shards(text: &str) -> Result<Shards, String> {
    let wrong = || format!("--shards {text}: neither auto nor a number such as 4 nor a range such as 0-3/16");
    let number = |text: &str| text.trim().parse::<u32>().map_err(|_| wrong());
    let shards = match text.split_once('/') {
        None if text == "auto" => Shards::Recommended,
        None => Shards::All { count: number(text)? },
        Some((range, count)) => {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            Shards::Range { first: number(first)?, last: number(last)?, count: number(count)? }
        }
    };
    match shards {
        Shards::All { count: 0 } => Err(format!("--shards {text}: at least one is needed")),
        Shards::Range { first, last, count } if first > last || last >= count => {
            Err(format!("--shards {text}: shards of {count} are counted from 0 to one less, the lower first"))
        }
        shards => Ok(shards),
    }
}

fn intents(text: &str) -> Result<Intents, String> {
    let hexadecimal = text.strip_prefix("0x").map(|digits| u64::from_str_radix(digits, 16));
    match (text, hexadecimal.unwrap_or_else(|| text.parse())) {
        ("all", _) => Ok(Intents::ALL),
        ("non-privileged", _) => Ok(Intents::NON_PRIVILEGED),
        (_, Ok(bits)) => Ok(Intents::from_bits(bits)),
        (names, Err(_)) => names.split(',').try_fold(Intents::NONE, |intents, name| {
            let name = name.trim().to_uppercase();
            match Intents::named(&name) {
                Some(intent) => Ok(intents | intent),
                None => {
                    let names: Vec<&str> = Intents::NAMES.iter().map(|(name, _)| *name).collect();
                    Err(format!("--intents: there is no {name:?}, but {}", names.join(", ")))
                }
            }
        }),
    }
}

/// An event without documentation may exist all the same.
fn interest(text: &str) -> Interest {
    Interest::only(text.split(',').map(|name| {
        let name = EventName::from(name.trim().to_uppercase().as_str());
        if let EventName::Unknown(name) = &name {
            eprintln!("--only: {name} is no event that Discord documents");
        }
        name
    }))
}

fn compression(text: &str) -> Result<Compression, String> {
    match text {
        "none" => Ok(Compression::None),
        "payload" => Ok(Compression::Payload),
        "zlib" => Ok(Compression::ZlibStream),
        "zstd" => Ok(Compression::ZstdStream),
        _ => Err(format!("--compression {text}: there are none, payload, zlib and zstd")),
    }
}

/// Whether a file can be written, to be known before sessions are started: it is replaced by a new one beside it.
fn probe(path: &Path) -> Result<(), String> {
    let wrong = |reason: String| format!("--state {}: it cannot be written: {reason}", path.display());
    let name = path.file_name().ok_or_else(|| wrong("it is no name of a file".into()))?;
    if path.is_dir() {
        return Err(wrong("it is a folder".into()));
    }
    let mut beside = name.to_owned();
    beside.push(format!(".{}.probe", std::process::id()));
    let beside = path.with_file_name(beside);
    let made = OpenOptions::new().write(true).create_new(true).open(&beside);
    made.and_then(|_| fs::remove_file(&beside)).map_err(|error| wrong(error.to_string()))
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
    fn without_options_everything_that_needs_no_approval_comes() {
        let options = parse(&[], &[]).unwrap().unwrap();
        assert_eq!(options.length, Some(Duration::from_secs(10)));
        assert_eq!(options.intents, Intents::NON_PRIVILEGED);
        assert_eq!(options.shards, Shards::Recommended);
        let options = parse(&[], &[("DISCORD_BOT_TOKEN", "t")]).unwrap().unwrap();
        assert_eq!(options.length, None, "until Ctrl-C");
    }

    #[test]
    fn options_are_heeded() {
        let args = ["--shards", "2-3/8", "--intents", "guilds,GUILD_MESSAGES", "--only", "ready,NEW_THING"];
        let more = ["--payload", "--compression=zlib", "--state", "s.json", "--at-least-once", "--seconds=3"];
        let options = parse(&[&args[..], &more[..]].concat(), &[]).unwrap().unwrap();
        assert_eq!(options.shards, Shards::Range { first: 2, last: 3, count: 8 });
        assert_eq!(options.intents, Intents::GUILDS | Intents::GUILD_MESSAGES);
        assert_eq!(options.length, Some(Duration::from_secs(3)));
        let config = options.cluster(None);
        assert!(config.gateway.interest.wants(&"NEW_THING".into()));
        assert!(!config.gateway.interest.wants(&EventName::MessageCreate));
        assert_eq!(config.gateway.compression, Compression::ZlibStream);
        assert_eq!(config.gateway.delivery, Delivery::AtLeastOnce);
        for (text, expected) in
            [("4", 4), ("guilds, GUILD_WEBHOOKS", 33), ("0x200", 512), ("all", Intents::ALL.bits())]
        {
            assert_eq!(intents(text).unwrap().bits(), expected);
        }
        assert_eq!(shards("5/7").unwrap(), Shards::Range { first: 5, last: 5, count: 7 });
    }

    #[test]
    fn typing_errors_are_named_in_one_line() {
        for (args, word) in [
            (&["--shard", "1"][..], "--shard'"),
            (&["--shards"], "--shards"),
            (&["--shards", "many"], "many"),
            (&["--shards", "0"], "at least one"),
            (&["--shards", "3-1/8"], "3-1/8"),
            (&["--shards", "0-8/8"], "0-8/8"),
            (&["--intents", "GUILDS,GILD"], "GILD"),
            (&["--compression", "gzip"], "gzip"),
            (&["--seconds", "-1"], "-1"),
            (&["further"], "further"),
        ] {
            let error = parse(args, &[]).unwrap_err();
            assert!(error.contains(word), "{error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }

    #[test]
    fn a_state_that_cannot_be_written_is_known_beforehand() {
        let folder = std::env::temp_dir();
        assert!(probe(&folder).unwrap_err().contains("folder"));
        assert!(probe(&folder.join("sanscord-none").join("state.json")).is_err());
        let file = folder.join(format!("sanscord-probe-{}.json", std::process::id()));
        probe(&file).unwrap();
        assert!(!file.exists(), "nothing is left");
    }
}
