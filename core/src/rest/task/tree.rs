//! A guild at a glance.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{ChannelId, GuildId};
use crate::machine::Response;
use crate::object::{Channel, ChannelType, Guild, Member, ThreadList, visible};
use crate::rest::call::Raw;
use crate::rest::draft::Draft;
use crate::rest::endpoint::{GetActiveThreads, GetGuild, GetGuildChannels, ListGuildMembers};
use crate::rest::failure::{Cause, Error};
use crate::rest::task::lists::Members;
use crate::rest::task::{Progress, Step, Task, read};

/// Fetches a guild, its channels and active threads, and, if wanted, its members, and brings them as one [`Tree`].
///
/// After a failure it is done; a member that cannot be read ([`Cause::Entry`]) is left out. Saved (serialized) at any time and loaded, it goes on with the request that it had
/// come to. It holds what it fetched: Discord allows 500 channels and 1,000 active threads; members as many as wanted.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct GuildTree {
    guild: GuildId,
    stage: Stage,
    members: Option<Members>,
    tree: Tree,
    progress: Progress,
    #[serde(skip)]
    failed: Option<Error>,
    #[serde(skip)]
    over: bool,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
enum Stage {
    Guild,
    Channels,
    Threads,
    Members,
    Bring,
    Done,
}

impl GuildTree {
    /// This guild's, without members.
    pub fn new(guild: impl Into<GuildId>) -> Self {
        Self {
            guild: guild.into(),
            stage: Stage::Guild,
            members: None,
            tree: Tree::default(),
            progress: Progress::default(),
            failed: None,
            over: false,
        }
    }

    /// With its members, so many at most. Needs the intent GUILD_MEMBERS.
    #[must_use]
    pub fn with_members(mut self, at_most: u64) -> Self {
        self.members = Some(ListGuildMembers::new(self.guild).all().at_most(at_most));
        self
    }

    fn draft(&self) -> Draft {
        match self.stage {
            Stage::Guild => GetGuild::new(self.guild).with_counts(true).into_draft(),
            Stage::Channels => GetGuildChannels::new(self.guild).into_draft(),
            _ => GetActiveThreads::new(self.guild).into_draft(),
        }
    }

    fn take(&mut self, answer: Result<Response, Error>) -> Result<(), Error> {
        let draft = self.draft();
        self.stage = match self.stage {
            Stage::Guild => {
                self.tree.guild = read::<GetGuild>(&draft, answer)?;
                Stage::Channels
            }
            Stage::Channels => {
                self.tree.channels = read::<GetGuildChannels>(&draft, answer)?.into_inner();
                Stage::Threads
            }
            _ => {
                self.tree.threads = read::<Raw<ThreadList>>(&draft, answer)?.threads;
                Stage::Members
            }
        };
        Ok(())
    }
}

impl Task for GuildTree {
    type Item = Tree;

    fn next(&mut self) -> Step<Tree> {
        loop {
            if let Some(error) = self.failed.take() {
                self.over = true;
                return Step::Failed(error);
            }
            if self.over {
                return Step::Done;
            }
            match self.stage {
                Stage::Guild | Stage::Channels | Stage::Threads => return Step::Call(self.draft()),
                Stage::Members => match self.members.as_mut().map(Task::next) {
                    None | Some(Step::Done) => self.stage = Stage::Bring,
                    Some(Step::Item(member)) => self.tree.members.push(member),
                    Some(Step::Failed(error)) if matches!(error.cause, Cause::Entry { .. }) => {
                        self.progress.failed += 1;
                        return Step::Failed(error);
                    }
                    Some(Step::Failed(error)) => self.failed = Some(error),
                    Some(Step::Call(draft)) => return Step::Call(draft),
                    Some(Step::Wait(pause)) => return Step::Wait(pause),
                },
                Stage::Bring => {
                    self.stage = Stage::Done;
                    self.progress.done = 1;
                    return Step::Item(core::mem::take(&mut self.tree));
                }
                Stage::Done => return Step::Done,
            }
        }
    }

    fn answer(&mut self, answer: Result<Response, Error>) {
        if self.over || matches!(self.stage, Stage::Bring | Stage::Done) {
            return;
        }
        self.progress.requests += 1;
        match (self.stage, &mut self.members) {
            (Stage::Members, Some(members)) => members.answer(answer),
            _ => {
                if let Err(error) = self.take(answer) {
                    self.failed = Some(error);
                }
            }
        }
    }

    fn progress(&self) -> Progress {
        Progress { total: Some(1), ..self.progress }
    }
}

/// A guild with its channels, threads and members.
///
/// Its `Display` is a map of the guild, a line for each: channels without a category first, then each category's, as
/// Discord's clients have them in order; threads under their channels; members last.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Tree {
    /// The guild.
    pub guild: Guild,
    /// Its channels, without threads.
    pub channels: Vec<Channel>,
    /// Its active threads.
    pub threads: Vec<Channel>,
    /// Its members, if they were wanted.
    pub members: Vec<Member>,
}

impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} ({})", plain(&self.guild.name), self.guild.id)?;
        let kinds: BTreeMap<ChannelId, ChannelType> =
            self.channels.iter().map(|channel| (channel.id, channel.kind)).collect();
        let category = |channel: &Channel| {
            channel.parent_id.filter(|id| kinds.get(id) == Some(&ChannelType::GUILD_CATEGORY))
        };
        // Those whose channel cannot be seen stand among the channels.
        let (threads, lost): (Vec<&Channel>, Vec<&Channel>) = self
            .threads
            .iter()
            .partition(|thread| thread.parent_id.is_some_and(|id| is_channel(kinds.get(&id).copied())));
        let mut under: BTreeMap<ChannelId, Vec<&Channel>> = BTreeMap::new();
        for thread in threads {
            under.entry(thread.parent_id.unwrap_or_default()).or_default().push(thread);
        }
        let mut groups: BTreeMap<Option<ChannelId>, Vec<&Channel>> = BTreeMap::new();
        let mut categories = Vec::new();
        for channel in self.channels.iter().chain(lost) {
            if channel.kind == ChannelType::GUILD_CATEGORY {
                categories.push(channel);
            } else {
                groups.entry(category(channel)).or_default().push(channel);
            }
        }
        let mut group = |f: &mut fmt::Formatter<'_>, category: Option<ChannelId>| -> fmt::Result {
            let mut channels = groups.remove(&category).unwrap_or_default();
            channels.sort_by_key(|channel| (channel.is_voice(), place(channel)));
            for channel in channels {
                let indent = if category.is_some() { "  " } else { "" };
                writeln!(f, "{indent}{}", Label(channel))?;
                let mut threads = under.remove(&channel.id).unwrap_or_default();
                threads.sort_by_key(|thread| thread.id);
                for thread in threads {
                    writeln!(f, "{indent}  {}", Label(thread))?;
                }
            }
            Ok(())
        };
        group(f, None)?;
        categories.sort_by_key(|channel| place(channel));
        for category in categories {
            writeln!(f, "{}", Label(category))?;
            group(f, Some(category.id))?;
        }
        if !self.members.is_empty() {
            writeln!(f, "{} members", self.members.len())?;
        }
        for member in &self.members {
            let user = member.user.as_ref();
            write!(f, "  {}", plain(member.display_name().unwrap_or("?")))?;
            if let Some(user) = user {
                write!(f, " (@{}{})", plain(&user.username), if user.bot { ", bot" } else { "" })?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

fn is_channel(kind: Option<ChannelType>) -> bool {
    kind.is_some_and(|kind| kind != ChannelType::GUILD_CATEGORY)
}

fn place(channel: &Channel) -> (i64, ChannelId) {
    (channel.position.unwrap_or(i64::MAX), channel.id)
}

/// A channel in a line: a sign of its kind, its name, the beginning of its topic.
struct Label<'a>(&'a Channel);

impl fmt::Display for Label<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let title = self.0.title();
        match self.0.kind {
            ChannelType::GUILD_CATEGORY => write!(f, "[{}]", plain(&title))?,
            _ if self.0.is_thread() => write!(f, "> {}", plain(title.strip_prefix('#').unwrap_or(&title)))?,
            _ => f.write_str(&plain(&title))?,
        }
        if let Some(topic) = self.0.topic.as_deref().filter(|topic| !topic.trim().is_empty()) {
            write!(f, ": {}", plain(topic).chars().take(TOPIC).collect::<String>())?;
            if topic.chars().nth(TOPIC).is_some() {
                f.write_str("..")?;
            }
        }
        Ok(())
    }
}

/// Text on one line, without what would move a terminal's cursor or turn the direction of writing.
fn plain(text: &str) -> String {
    text.chars().map(visible).collect()
}

/// How many characters of a topic are shown.
const TOPIC: usize = 60;
