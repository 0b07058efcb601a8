//! Any number of messages deleted.

use alloc::collections::{BTreeSet, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use crate::id::{ChannelId, MessageId};
use crate::machine::Response;
use crate::rest::draft::{Draft, Identity};
use crate::rest::endpoint::{BulkDeleteMessages, DeleteMessage};
use crate::rest::failure::Error;
use crate::rest::task::{Progress, Step, Task};
use crate::time::Duration;

/// Deletes any number of messages of a channel, and brings the ids of those that are gone.
///
/// Those younger than 14 days go by the hundred, the oldest first; others one by one, as they do where bulks are not
/// allowed: [as the user](Self::as_user), [in turn](Self::in_turn), in direct messages
/// ([one by one](Self::one_by_one)). Where Discord refuses a bulk for where it is or for who asks (a direct message, no
/// permission MANAGE_MESSAGES), all others go one by one: a bot may always delete its own.
/// [`bulks_refused`](Self::bulks_refused) has the code. A message that was gone before counts as deleted, and in
/// [`already_gone`](Self::already_gone) too, where Discord says so.
///
/// What Discord refuses is told and left out: see [`failed`](Self::failed). It ends at five refusals in a row, where
/// none can follow but refusals (token, channel), and where Discord does not answer; then it can be saved, and goes
/// on when it is loaded.
///
/// It holds the ids that it was given, and nothing else.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct BulkDelete {
    channel: ChannelId,
    /// To go in bulks.
    young: VecDeque<MessageId>,
    single: VecDeque<MessageId>,
    /// Deleted, and not yet handed out.
    gone: VecDeque<MessageId>,
    failed: Vec<MessageId>,
    already_gone: u64,
    /// Why there are no more bulks; 0 if there may be.
    #[serde(default)]
    bulks_refused: u64,
    who: Who,
    delay: Duration,
    reason: Option<String>,
    total: u64,
    progress: Progress,
    #[serde(skip)]
    asked: Asked,
    #[serde(skip)]
    pause: Option<Duration>,
    /// Refusals since the last success.
    #[serde(skip)]
    refused: u32,
    /// Whether it ended because the channel takes no deletes.
    #[serde(skip)]
    hopeless: bool,
    #[serde(skip)]
    error: Option<Error>,
    #[serde(skip)]
    over: bool,
}

/// Who deletes.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
enum Who {
    Default,
    User,
    /// The bot with even ones, the user with odd.
    InTurn,
    /// The user with even ones, the bot with odd.
    UserInTurn,
}

/// What was asked last.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Asked {
    #[default]
    Nothing,
    /// So many of the young.
    Bulk(usize),
    Single,
}

impl BulkDelete {
    /// Deletes these messages of this channel. `now` is in milliseconds since 1970-01-01 UTC, as the adapters
    /// have it in `unix_millis()`.
    pub fn new(channel: impl Into<ChannelId>, ids: impl IntoIterator<Item = MessageId>, now: u64) -> Self {
        let ids: BTreeSet<MessageId> = ids.into_iter().collect();
        let total = ids.len() as u64;
        let (young, single) = ids.into_iter().partition(|id| is_young(*id, now));
        Self {
            channel: channel.into(),
            young,
            single,
            gone: VecDeque::new(),
            failed: Vec::new(),
            already_gone: 0,
            bulks_refused: 0,
            who: Who::Default,
            delay: Duration::ZERO,
            reason: None,
            total,
            progress: Progress::default(),
            asked: Asked::Nothing,
            pause: None,
            refused: 0,
            hopeless: false,
            error: None,
            over: false,
        }
    }

    /// No bulks: as direct messages need it.
    #[must_use]
    pub fn one_by_one(mut self) -> Self {
        self.end_bulks();
        self
    }

    fn end_bulks(&mut self) {
        self.single.append(&mut self.young);
    }

    /// As the user, one by one.
    #[must_use]
    pub fn as_user(mut self) -> Self {
        self.who = Who::User;
        self.one_by_one()
    }

    /// One by one, the bot and the user in turn, each with limits of its own.
    #[must_use]
    pub fn in_turn(mut self) -> Self {
        self.who = Who::InTurn;
        self.one_by_one()
    }

    /// In turn, and the user first.
    pub(super) fn in_turn_user_first(mut self) -> Self {
        self.who = Who::UserInTurn;
        self.one_by_one()
    }

    /// Waits so long between requests, beside what Discord's limits ask for.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Why, for the guild's audit log: at most 512 characters.
    #[must_use]
    pub fn reason(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// Whether nothing is left to be deleted.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.young.is_empty() && self.single.is_empty()
    }

    /// The messages that Discord refused to delete.
    #[must_use]
    pub fn failed(&self) -> &[MessageId] {
        &self.failed
    }

    /// How many were known to be gone before.
    #[must_use]
    pub const fn already_gone(&self) -> u64 {
        self.already_gone
    }

    /// Discord's code where it refused a bulk for where it is or for who asks, so that the others go one by one: 50003
    /// in direct messages, 50013 without MANAGE_MESSAGES, 10008 for a message that is not there. 0 otherwise.
    #[must_use]
    pub const fn bulks_refused(&self) -> u64 {
        self.bulks_refused
    }

    pub(super) const fn channel(&self) -> ChannelId {
        self.channel
    }

    /// Whether it ended because the channel takes no deletes: it is gone, or it refused too often.
    pub(super) const fn is_hopeless(&self) -> bool {
        self.hopeless
    }

    /// All that it did not delete, also what it did not try.
    pub(super) fn remains(&self) -> impl Iterator<Item = &MessageId> {
        self.failed.iter().chain(&self.single).chain(&self.young)
    }

    /// The next request, and what it is of.
    fn request(&self) -> Option<(Draft, Asked)> {
        let bulk = self.young.len().min(BULK);
        let (mut draft, asked) = if bulk >= 2 {
            let ids: Vec<MessageId> = self.young.iter().take(bulk).copied().collect();
            (BulkDeleteMessages::new(self.channel, ids).into_draft(), Asked::Bulk(bulk))
        } else {
            let id = self.single.front().or(self.young.front())?;
            (DeleteMessage::new(self.channel, *id).into_draft(), Asked::Single)
        };
        if let Some(reason) = &self.reason {
            draft.check(crate::rest::invalid::check("X-Audit-Log-Reason", reason, 1..=512));
            draft.reason = Some(reason.clone());
        }
        let by_user = match self.who {
            Who::Default => false,
            Who::User => true,
            Who::InTurn => self.progress.requests % 2 == 1,
            Who::UserInTurn => self.progress.requests.is_multiple_of(2),
        };
        if by_user {
            draft.identity = Identity::User;
        }
        Some((draft, asked))
    }

    /// Takes out what was asked for.
    fn drain(&mut self, asked: Asked) -> Vec<MessageId> {
        match asked {
            Asked::Nothing => Vec::new(),
            Asked::Bulk(count) => self.young.drain(..count.min(self.young.len())).collect(),
            Asked::Single => self.single.pop_front().or_else(|| self.young.pop_front()).into_iter().collect(),
        }
    }

    fn refuse(&mut self, asked: Asked, error: Error) {
        let code = error.code();
        match (asked, code) {
            // Unknown message.
            (Asked::Single, 10008) => {
                self.already_gone += 1;
                let gone = self.drain(asked);
                self.gone.extend(gone);
                self.refused = 0;
            }
            // One is too old: the caller's clock is wrong, or time has passed.
            (Asked::Bulk(_), 50034) => {
                let old = self.drain(asked);
                self.single.extend(old);
            }
            // Not allowed here, or not to us: each for itself may be.
            (Asked::Bulk(_), 50003 | 50013 | 10008) => {
                self.bulks_refused = code;
                self.end_bulks();
            }
            _ if !is_refusal(&error) => {
                self.hopeless = is_refused(&error);
                self.end(error);
            }
            _ => {
                let failed = self.drain(asked);
                self.progress.failed += failed.len() as u64;
                self.failed.extend(failed);
                self.refused += 1;
                if self.refused >= MAX_REFUSED {
                    self.hopeless = true;
                    self.over = true;
                }
                self.error = Some(error);
            }
        }
    }

    fn end(&mut self, error: Error) {
        self.error = Some(error);
        self.over = true;
    }
}

impl Task for BulkDelete {
    type Item = MessageId;

    fn next(&mut self) -> Step<MessageId> {
        if let Some(id) = self.gone.pop_front() {
            self.progress.done += 1;
            return Step::Item(id);
        }
        if let Some(error) = self.error.take() {
            return Step::Failed(error);
        }
        if self.over {
            return Step::Done;
        }
        match self.request() {
            None => Step::Done,
            Some(_) if self.pause.is_some() => Step::Wait(self.pause.take().unwrap_or_default()),
            Some((draft, asked)) => {
                self.asked = asked;
                Step::Call(draft)
            }
        }
    }

    fn answer(&mut self, answer: Result<Response, Error>) {
        let asked = core::mem::take(&mut self.asked);
        if asked == Asked::Nothing {
            return;
        }
        match answer {
            Ok(_) => {
                let gone = self.drain(asked);
                self.gone.extend(gone);
                self.refused = 0;
            }
            Err(error) => self.refuse(asked, error),
        }
        self.progress.requests += 1;
        self.pause = (self.delay > Duration::ZERO).then_some(self.delay);
    }

    fn progress(&self) -> Progress {
        Progress { total: Some(self.total), ..self.progress }
    }
}

/// Whether Discord refused this one thing only, so that others may do.
fn is_refusal(error: &Error) -> bool {
    // Unknown channel, and no access to it.
    let everything = [10003, 50001];
    is_refused(error) && !everything.contains(&error.code())
}

/// Whether Discord refused it for what it is, not for who asks or how often.
fn is_refused(error: &Error) -> bool {
    error.status().is_some_and(|status| (400..500).contains(&status) && ![401, 429].contains(&status))
}

fn is_young(id: MessageId, now: u64) -> bool {
    id.created_at() > now.saturating_sub(BULK_AGE)
}

/// The most messages of a bulk, and how old they may be in milliseconds: 14 days, less five minutes for the time that
/// passes and for clocks (discord-api-docs, Bulk Delete Messages).
const BULK: usize = 100;
const BULK_AGE: u64 = (14 * 24 * 60 - 5) * 60 * 1000;

const MAX_REFUSED: u32 = 5;
