//! Command line and environment of the scripts.

use std::cell::Cell;
use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;

use lexopt::prelude::{Long, Short, Value, ValueExt};
use sanscord::id::{ChannelId, GuildId, UserId};
use sanscord::rest::task::Progress;
use sanscord::rest::{Error, WebhookUrl};
use sanscord::secret::Token;
use sanscord_host::Network;
use sanscord_host::discord::Options;

use super::{Failure, Result, Scene, Setup, fail};
use crate::example::variable;

/// What the help of all scripts ends with.
const ENVIRONMENT: &str = "
Environment:
  DISCORD_BOT_TOKEN   the bot's token. Without it, a Discord of our own runs on loopback (`webhook`
                      needs none, but DISCORD_WEBHOOK_URL)
  DISCORD_API_BASE    another API than https://discord.com/api/v10
  SSL_CERT_FILE       further trusted certificates, PEM";

const POST: &str = "\
Posts a message, with files if they are named.

Usage: post [--channel ID] [--file PATH]... [TEXT]

  --channel ID   where to (with a token)
  --file PATH    a file to go along, at most ten; without a token a sound unless there is another
";

const TREE: &str = "\
Prints a guild's channels, threads and members.

Usage: tree [--guild ID] [--members N]

  --guild ID     which guild (with a token)
  --members N    how many members at most; default: 100. The bot needs the intent GUILD_MEMBERS
                 for them, unless it is 0.
";

const PURGE: &str = "\
Searches a guild for messages and deletes them. Prints what it would delete, unless --delete is given.

Usage: purge [--guild ID] [--content TEXT] [--author ID]... [--channel ID]... [--delete]

  --guild ID      where to search (with a token)
  --content TEXT  what the messages say
  --author ID     who wrote them
  --channel ID    in which channel they are
  --delete        delete them
";

const WEBHOOK: &str = "\
Posts a message as a webhook. It needs no bot.

Usage: webhook [--name NAME] [--url URL] [TEXT]

  --url URL      the webhook's URL, also taken from DISCORD_WEBHOOK_URL; without either, a Discord of
                 our own runs on loopback
  --name NAME    the name to send under
";

/// What `post` was asked to do.
#[derive(Debug)]
pub struct Post {
    setup: Setup,
    /// Where to.
    pub channel: ChannelId,
    /// What to say.
    pub text: String,
    /// Paths of files to go along.
    pub files: Vec<String>,
}

/// What `tree` was asked to do.
#[derive(Debug)]
pub struct Tree {
    setup: Setup,
    /// Which guild.
    pub guild: GuildId,
    /// How many members.
    pub members: u64,
}

/// What `purge` was asked to do.
#[derive(Debug)]
pub struct Purge {
    setup: Setup,
    /// Where.
    pub guild: GuildId,
    /// What the messages say.
    pub content: Option<String>,
    /// Who wrote them; anybody if nobody is named.
    pub authors: Vec<UserId>,
    /// In which channels they are; in any if none is named.
    pub channels: Vec<ChannelId>,
    /// Whether to delete them.
    pub delete: bool,
    /// Errors that were told.
    errors: Cell<u64>,
}

/// What `webhook` was asked to do.
#[derive(Debug)]
pub struct Webhook {
    setup: Setup,
    /// Which webhook.
    pub url: WebhookUrl,
    /// The name to send under.
    pub name: Option<String>,
    /// What to say.
    pub text: String,
}

impl Post {
    /// Reads this process's command line and environment. Help, if asked for, is shown, and ends the process.
    ///
    /// # Errors
    /// A sentence that says what is wrong and what to do.
    pub fn read() -> Result<Self> {
        let mut words = Words::read(POST, &["channel", "file"], &[])?;
        let given = words.id("channel")?;
        let mut files = words.all("file");
        let setup = Setup::from_env()?;
        let channel = setup.settle("--channel", given, |scene| scene.channel)?;
        if files.is_empty() && setup.scene.is_some() {
            files.push(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/alice.opus").to_owned());
        }
        Ok(Self { setup, channel, text: words.text().unwrap_or_else(|| "Hello from Sanscord".into()), files })
    }

    /// For `Discord::new`.
    #[must_use]
    pub fn options(&self) -> Options {
        self.setup.options.clone()
    }
}

impl Tree {
    /// As [`Post::read`].
    ///
    /// # Errors
    /// As there.
    pub fn read() -> Result<Self> {
        let mut words = Words::read(TREE, &["guild", "members"], &[])?;
        words.no_text()?;
        let (given, members) = (words.id("guild")?, words.take("members", "a number")?.unwrap_or(100));
        let setup = Setup::from_env()?;
        let guild = setup.settle("--guild", given, |scene| scene.guild)?;
        Ok(Self { setup, guild, members })
    }

    /// For `Discord::new`.
    #[must_use]
    pub fn options(&self) -> Options {
        self.setup.options.clone()
    }
}

impl Purge {
    /// As [`Post::read`].
    ///
    /// # Errors
    /// As there.
    pub fn read() -> Result<Self> {
        let mut words = Words::read(PURGE, &["guild", "content", "author", "channel"], &["delete"])?;
        words.no_text()?;
        let (given, authors, channels) = (words.id("guild")?, words.ids("author")?, words.ids("channel")?);
        let mut content: Option<String> = words.take("content", "a text")?;
        let setup = Setup::from_env()?;
        let guild = setup.settle("--guild", given, |scene| scene.guild)?;
        if content.is_none() && authors.is_empty() && setup.scene.is_some() {
            content = Some("message 99".into());
        }
        let delete = words.has("delete");
        Ok(Self { setup, guild, content, authors, channels, delete, errors: Cell::new(0) })
    }

    /// Tells an error; the search may go on behind it.
    pub fn tell(&self, error: &Error) {
        self.errors.set(self.errors.get() + 1);
        eprintln!("{error}");
    }

    /// Tells what came of it in the end.
    ///
    /// # Errors
    /// If an error was told.
    pub fn finish(&self, progress: Progress) -> Result {
        let Progress { done, failed, .. } = progress;
        match self.delete {
            true => eprintln!("{done} messages deleted, {failed} could not be"),
            false => eprintln!("{done} messages found; --delete deletes them"),
        }
        match self.errors.get() {
            0 => Ok(()),
            errors => fail(format!("not all was done: {errors} errors")),
        }
    }

    /// For `Discord::new`.
    #[must_use]
    pub fn options(&self) -> Options {
        self.setup.options.clone()
    }
}

impl Webhook {
    /// As [`Post::read`].
    ///
    /// # Errors
    /// As there.
    pub fn read() -> Result<Self> {
        let mut words = Words::read(WEBHOOK, &["url", "name"], &[])?;
        let named = match words.take("url", "a URL")? {
            Some(url) => Some(url),
            None => variable(&|name| std::env::var_os(name), "DISCORD_WEBHOOK_URL").map_err(Failure)?,
        };
        let named: Option<WebhookUrl> = named.map(|url: String| url.parse()).transpose()?;
        let mut setup = match &named {
            Some(_) => Setup::with_token(String::new())?,
            None => Setup::on_our_own("DISCORD_WEBHOOK_URL")?,
        };
        let url = match (named, &setup.scene) {
            (Some(url), _) => url,
            (None, Some(scene)) => scene.webhook.parse()?,
            (None, None) => return fail("name --url"),
        };
        if setup.scene.is_none() && env("DISCORD_API_BASE")?.is_none() {
            setup.options = setup.options.base(url.api_base());
        }
        let text = words.text().unwrap_or_else(|| "Hello from Sanscord".into());
        Ok(Self { setup, url, name: words.take("name", "a name")?, text })
    }

    /// For `Discord::new`.
    #[must_use]
    pub fn options(&self) -> Options {
        self.setup.options.clone()
    }
}

impl Setup {
    /// What the environment says; our own Discord if it has no token.
    pub(super) fn from_env() -> Result<Self> {
        match env("DISCORD_BOT_TOKEN")? {
            Some(token) => Self::with_token(token),
            None => Self::on_our_own("DISCORD_BOT_TOKEN"),
        }
    }

    fn with_token(token: String) -> Result<Self> {
        let mut options = Options::new(Token::new(&token));
        if let Some(base) = env("DISCORD_API_BASE")? {
            options = options.base(base);
        }
        let network = trusting(std::env::var_os("SSL_CERT_FILE").map(PathBuf::from))?;
        Ok(Self { options: options.network(network), scene: None })
    }

    fn on_our_own(missing: &str) -> Result<Self> {
        let scene = Scene::start()?;
        let network = trusting(Some(scene.discord.certificate().to_owned()))?;
        // The address is on this machine, whatever proxy leads elsewhere.
        let options = Options::new(Token::new(scene.discord.token()))
            .base(scene.discord.api_base())
            .network(network.no_proxy());
        // It was read, and stays behind if the script is killed.
        let _ = std::fs::remove_file(scene.discord.certificate());
        eprintln!("{missing} is not set: this is a Discord of our own at {}", scene.discord.api_base());
        Ok(Self { options, scene: Some(scene) })
    }

    /// An id that was given, or that of our own Discord.
    pub(super) fn settle<T>(
        &self,
        option: &str,
        given: Option<T>,
        own: impl FnOnce(&Scene) -> T,
    ) -> Result<T> {
        match (given, &self.scene) {
            (None, Some(scene)) => Ok(own(scene)),
            (Some(given), _) => Ok(given),
            (None, None) => fail(format!("name {option}: Discord shows ids under Copy ID in developer mode")),
        }
    }
}

/// A variable of the environment; one that is empty counts as absent.
fn env(name: &str) -> Result<Option<String>> {
    variable(&|name| std::env::var_os(name), name).map_err(Failure)
}

fn trusting(pem: Option<PathBuf>) -> Result<Network> {
    match pem.filter(|path| !path.as_os_str().is_empty()) {
        Some(path) => Ok(Network::new().trust_pem_file(path)?),
        None => Ok(Network::new()),
    }
}

const ID: &str = "an id, a number such as 175928847299117063";

/// A command line, split into options and the rest.
pub(super) struct Words {
    values: Vec<(&'static str, String)>,
    flags: Vec<&'static str>,
    rest: Vec<String>,
}

impl Words {
    /// Reads the command line. `values` are options that take one, `flags` those that take none.
    pub(super) fn read(help: &str, values: &[&'static str], flags: &[&'static str]) -> Result<Self> {
        match Self::parse(std::env::args_os().skip(1), values, flags) {
            Ok(Some(words)) => Ok(words),
            Ok(None) => {
                println!("{help}{ENVIRONMENT}");
                std::process::exit(0)
            }
            Err(error) => fail(format!("{error}; --help tells the options")),
        }
    }

    fn parse(
        args: impl Iterator<Item = OsString>,
        values: &[&'static str],
        flags: &[&'static str],
    ) -> std::result::Result<Option<Self>, lexopt::Error> {
        let mut words = Self { values: Vec::new(), flags: Vec::new(), rest: Vec::new() };
        let mut parser = lexopt::Parser::from_args(args);
        while let Some(argument) = parser.next()? {
            match argument {
                Long("help") | Short('h') => return Ok(None),
                Long(name) => {
                    let known = |names: &[&'static str]| names.iter().find(|known| **known == name).copied();
                    match (known(values), known(flags)) {
                        (Some(name), _) => words.values.push((name, parser.value()?.string()?)),
                        (None, Some(name)) => words.flags.push(name),
                        (None, None) => return Err(Long(name).unexpected()),
                    }
                }
                Value(text) => words.rest.push(text.string()?),
                other @ Short(_) => return Err(other.unexpected()),
            }
        }
        Ok(Some(words))
    }

    pub(super) fn has(&self, flag: &str) -> bool {
        self.flags.contains(&flag)
    }

    fn all(&mut self, name: &str) -> Vec<String> {
        self.values.extract_if(.., |(known, _)| *known == name).map(|(_, value)| value).collect()
    }

    /// The last value of an option.
    pub(super) fn take<T: FromStr>(&mut self, name: &str, what: &str) -> Result<Option<T>> {
        let Some(at) = self.values.iter().rposition(|(known, _)| *known == name) else { return Ok(None) };
        let (_, value) = self.values.remove(at);
        match value.parse() {
            Ok(value) => Ok(Some(value)),
            Err(_) => fail(format!("--{name} wants {what}, not {value:?}")),
        }
    }

    pub(super) fn id<T: FromStr>(&mut self, name: &str) -> Result<Option<T>> {
        self.take(name, ID)
    }

    fn ids<T: FromStr>(&mut self, name: &str) -> Result<Vec<T>> {
        let mut ids = Vec::new();
        while let Some(id) = self.take(name, ID)? {
            ids.push(id);
        }
        Ok(ids)
    }

    /// What is no option, with blanks between.
    fn text(&mut self) -> Option<String> {
        (!self.rest.is_empty()).then(|| self.rest.join(" "))
    }

    pub(super) fn no_text(&self) -> Result {
        match self.rest.first() {
            Some(word) => fail(format!("unexpected argument {word:?}; --help tells the options")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> std::result::Result<Option<Words>, lexopt::Error> {
        Words::parse(args.iter().map(OsString::from), &["channel", "file"], &["delete"])
    }

    #[test]
    fn options_flags_and_text_are_told_apart() {
        let args = ["--file", "a", "hello", "--channel=5", "--file", "b", "--delete", "--", "--world"];
        let mut words = parse(&args).unwrap().unwrap();
        assert_eq!(words.all("file"), ["a", "b"]);
        assert_eq!(words.id::<ChannelId>("channel").unwrap(), Some(ChannelId(5)));
        assert_eq!(words.id::<ChannelId>("channel").unwrap(), None);
        assert!(words.has("delete") && !words.has("file"));
        assert_eq!(words.text().as_deref(), Some("hello --world"));
        assert!(parse(&["--help"]).unwrap().is_none());
    }

    #[test]
    fn typing_errors_are_named() {
        for (args, word) in [
            (&["--chanel", "1"][..], "--chanel"),
            (&["--channel"], "--channel"),
            (&["-x"], "-x"),
            (&["--delete=yes"], "--delete"),
        ] {
            let error = parse(args).err().unwrap().to_string();
            assert!(error.contains(word), "{error}");
        }
        let mut words = parse(&["--channel", "general", "more"]).unwrap().unwrap();
        assert!(format!("{:?}", words.id::<ChannelId>("channel").unwrap_err()).contains("general"));
        assert!(format!("{:?}", words.no_text().unwrap_err()).contains("more"));
    }
}
