//! The active threads of one channel.

use core::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{ChannelId, GuildId};
use crate::machine::Response;
use crate::object::Channel;
use crate::rest::call::Call;
use crate::rest::endpoint::GetActiveThreads;
use crate::rest::failure::Error;
use crate::rest::task::pages::Pages;
use crate::rest::task::{Progress, Step, Task};

/// The active threads of a channel: `channel.threads()`. Discord lists those of a whole guild; the others are
/// counted in [`Progress::skipped`].
///
/// After a failure it is done. Saved (serialized) at any time and loaded, it goes on.
#[derive(Clone, Deserialize, Serialize)]
pub struct ActiveThreads {
    list: Pages<GetActiveThreads>,
    channel: ChannelId,
    skipped: u64,
}

impl ActiveThreads {
    /// Those of this channel of this guild.
    #[must_use]
    pub fn of(guild: impl Into<GuildId>, channel: impl Into<ChannelId>) -> Self {
        Self::new(GetActiveThreads::new(guild), channel.into())
    }

    pub(in crate::rest) fn new(call: Call<GetActiveThreads>, channel: ChannelId) -> Self {
        Self { list: call.all(), channel, skipped: 0 }
    }
}

impl Task for ActiveThreads {
    type Item = Channel;

    fn next(&mut self) -> Step<Channel> {
        loop {
            match self.list.next() {
                Step::Item(thread) if thread.parent_id != Some(self.channel) => self.skipped += 1,
                step => return step,
            }
        }
    }

    fn answer(&mut self, answer: Result<Response, Error>) {
        self.list.answer(answer);
    }

    fn progress(&self) -> Progress {
        let list = self.list.progress();
        Progress { done: list.done - self.skipped, skipped: list.skipped + self.skipped, ..list }
    }
}

impl fmt::Debug for ActiveThreads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ActiveThreads({}, {:?})", self.channel, self.progress())
    }
}
