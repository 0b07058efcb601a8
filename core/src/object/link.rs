//! Links to messages.

use core::fmt;
use core::str::FromStr;

use thiserror::Error;

use crate::id::{ChannelId, GuildId, MessageId};

use super::channel::WEB;

/// A link to a message in Discord's web client.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct MessageLink {
    /// In which guild; none in direct messages.
    pub guild: Option<GuildId>,
    /// In which channel.
    pub channel: ChannelId,
    /// Which message.
    pub message: MessageId,
}

/// A text is no link to a message.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("this is no link to a message of Discord's")]
pub struct NoMessageLink;

/// The hosts of the web client, its test versions and its old name.
const HOSTS: [&str; 6] = [
    "discord.com",
    "ptb.discord.com",
    "canary.discord.com",
    "discordapp.com",
    "ptb.discordapp.com",
    "canary.discordapp.com",
];

/// The links in a text.
pub(super) fn links(text: &str) -> impl Iterator<Item = MessageLink> {
    text.match_indices("https://").filter_map(|(at, _)| Some(link(text.get(at..)?)?.0))
}

/// The link that a text begins with, and what follows.
fn link(text: &str) -> Option<(MessageLink, &str)> {
    let (host, rest) = text.strip_prefix("https://")?.split_once('/')?;
    let rest = rest.strip_prefix("channels/")?;
    let (guild, rest) = match rest.strip_prefix("@me") {
        Some(rest) => (None, rest),
        None => number(rest).map(|(guild, rest)| (Some(GuildId(guild)), rest))?,
    };
    let (channel, rest) = number(rest.strip_prefix('/')?)?;
    let (message, rest) = number(rest.strip_prefix('/')?)?;
    let link = MessageLink { guild, channel: ChannelId(channel), message: MessageId(message) };
    HOSTS.contains(&host).then_some((link, rest))
}

/// The id that a text begins with, and what follows.
fn number(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end)?;
    Some((digits.parse().ok()?, rest))
}

/// The link itself.
impl fmt::Display for MessageLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.guild {
            Some(guild) => write!(f, "{WEB}/channels/{guild}/{}/{}", self.channel, self.message),
            None => write!(f, "{WEB}/channels/@me/{}/{}", self.channel, self.message),
        }
    }
}

impl FromStr for MessageLink {
    type Err = NoMessageLink;

    fn from_str(text: &str) -> Result<Self, NoMessageLink> {
        match link(text.trim()) {
            Some((link, "" | "/")) => Ok(link),
            _ => Err(NoMessageLink),
        }
    }
}
