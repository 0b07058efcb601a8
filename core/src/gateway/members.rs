//! Requests for members, whose chunks are joined into one answer.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::envelope::{self, DecodeError};
use crate::id::GuildId;
use crate::time::{Duration, Timestamp};

/// How many requests may be unanswered at once.
pub(crate) const MAX_PENDING: usize = 128;
/// How long Discord may take for the next chunk.
const CHUNK_LIMIT: Duration = Duration::from_secs(60);
/// The most chunks of one answer: ten million members. What claims more is no answer.
const MAX_CHUNKS: u32 = 10_000;

/// Names a request for members; unique within its shard.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct MembersRequestId(u64);

/// A guild's members: all chunks of one answer, in order, as they came.
#[derive(Clone, Eq, PartialEq)]
pub struct Members {
    chunks: Vec<Bytes>,
}

#[derive(Deserialize)]
struct Chunk<M, P> {
    #[serde(default = "Vec::new")]
    members: Vec<M>,
    #[serde(default = "Vec::new")]
    presences: Vec<P>,
    #[serde(default)]
    not_found: Vec<Value>,
}

impl Members {
    /// The payloads of the `GUILD_MEMBERS_CHUNK` dispatches.
    #[must_use]
    pub fn chunks(&self) -> &[Bytes] {
        &self.chunks
    }

    /// Parses the members, each into the type that the caller names.
    ///
    /// # Errors
    /// If one is not an `M`.
    pub fn parse<'a, M: Deserialize<'a>>(&'a self) -> Result<Vec<M>, DecodeError> {
        let mut all = Vec::new();
        for chunk in &self.chunks {
            all.append(&mut envelope::parse::<Chunk<M, IgnoredAny>>(chunk, "members")?.members);
        }
        Ok(all)
    }

    /// Parses the presences that were asked for, each into the type that the caller names.
    ///
    /// # Errors
    /// If one is not a `P`.
    pub fn parse_presences<'a, P: Deserialize<'a>>(&'a self) -> Result<Vec<P>, DecodeError> {
        let mut all = Vec::new();
        for chunk in &self.chunks {
            all.append(&mut envelope::parse::<Chunk<IgnoredAny, P>>(chunk, "presences")?.presences);
        }
        Ok(all)
    }

    /// The ids that are no members', as Discord repeats them: strings, or numbers where what was sent was no
    /// snowflake.
    ///
    /// # Errors
    /// If a chunk is not what is documented.
    pub fn not_found(&self) -> Result<Vec<Value>, DecodeError> {
        let mut all = Vec::new();
        for chunk in &self.chunks {
            all.append(&mut envelope::parse::<Chunk<IgnoredAny, IgnoredAny>>(chunk, "not_found")?.not_found);
        }
        Ok(all)
    }
}

impl fmt::Debug for Members {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Members({} chunks)", self.chunks.len())
    }
}

/// Why a request for members has no answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum MembersError {
    /// Discord takes no such request for so long (`RATE_LIMITED`).
    #[error("Discord limits requests for members: ask again in {} s", retry_after.as_secs_f32())]
    RateLimited {
        /// The wait.
        retry_after: Duration,
    },
    /// The session in which it was asked is gone.
    #[error("the session was lost before all members had come")]
    SessionLost,
    /// The shard has ended.
    #[error("the shard ended before all members had come")]
    Stopped,
    /// No chunk came for a minute. Discord does not answer requests that lack an intent.
    #[error(
        "Discord did not answer the request for members: it needs the intent GUILD_MEMBERS, and GUILD_PRESENCES for presences"
    )]
    TimedOut,
}

/// What is known of requests that have been sent.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    requests: BTreeMap<String, Request>,
    asked: u64,
}

#[derive(Debug)]
struct Request {
    id: MembersRequestId,
    guild: GuildId,
    /// `None` while it waits to be sent.
    until: Option<Timestamp>,
    chunks: Vec<Option<Bytes>>,
}

/// A finished request.
pub(crate) type Answer = (MembersRequestId, GuildId, Result<Members, MembersError>);

#[derive(Deserialize)]
struct Head {
    guild_id: GuildId,
    #[serde(default)]
    nonce: Option<String>,
    chunk_index: u32,
    chunk_count: u32,
}

#[derive(Deserialize)]
struct RateLimited {
    opcode: u64,
    retry_after: f64,
    #[serde(default)]
    meta: Option<Meta>,
}

#[derive(Deserialize)]
struct Meta {
    #[serde(default)]
    guild_id: Option<GuildId>,
    #[serde(default)]
    nonce: Option<String>,
}

impl Pending {
    pub(crate) fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.requests.len()
    }

    /// A new request's name, and the nonce by which its chunks are known: at most 32 bytes. `salt` tells processes
    /// apart.
    pub(crate) fn open(&mut self, guild: GuildId, salt: u32) -> (MembersRequestId, String) {
        self.asked += 1;
        let id = MembersRequestId(self.asked);
        let nonce = format!("{salt:08x}-{:x}", self.asked);
        self.requests.insert(nonce.clone(), Request { id, guild, until: None, chunks: Vec::new() });
        (id, nonce)
    }

    pub(crate) fn abandon(&mut self, nonce: &str) {
        self.requests.remove(nonce);
    }

    pub(crate) fn sent(&mut self, now: Timestamp, nonce: &str) {
        if let Some(request) = self.requests.get_mut(nonce) {
            request.until = Some(now + CHUNK_LIMIT);
        }
    }

    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        self.requests.values().filter_map(|request| request.until).min()
    }

    /// Takes a `GUILD_MEMBERS_CHUNK`; answers if it was the last.
    pub(crate) fn chunk(&mut self, now: Timestamp, data: &Bytes) -> Option<Answer> {
        let head: Head = envelope::parse(data, "GUILD_MEMBERS_CHUNK").ok()?;
        let nonce = head.nonce?;
        let request = self.requests.get_mut(&nonce).filter(|request| request.guild == head.guild_id)?;
        if head.chunk_index >= head.chunk_count || head.chunk_count > MAX_CHUNKS {
            return None;
        }
        request.until = Some(now + CHUNK_LIMIT);
        if request.chunks.is_empty() {
            request.chunks.resize(head.chunk_count as usize, None);
        }
        *request.chunks.get_mut(head.chunk_index as usize)? = Some(data.clone());
        if request.chunks.iter().any(Option::is_none) {
            return None;
        }
        let request = self.requests.remove(&nonce)?;
        let chunks = request.chunks.into_iter().flatten().collect();
        Some((request.id, request.guild, Ok(Members { chunks })))
    }

    /// Takes a `RATE_LIMITED`: the guild and time that it names, if it is about members, and the request that it
    /// fails.
    pub(crate) fn rate_limited(
        &mut self,
        data: &Bytes,
    ) -> Option<(Option<GuildId>, Duration, Option<Answer>)> {
        let limited: RateLimited = envelope::parse(data, "RATE_LIMITED").ok()?;
        if limited.opcode != 8 {
            return None;
        }
        let retry_after = Duration::try_from_secs_f64(limited.retry_after).unwrap_or(CHUNK_LIMIT);
        let meta = limited.meta?;
        let request = match &meta.nonce {
            Some(nonce) => self.requests.remove(nonce),
            None => {
                let sent = |r: &Request| r.until.is_some() && Some(r.guild) == meta.guild_id;
                let nonce = self.requests.iter().find(|(_, r)| sent(r)).map(|(nonce, _)| nonce.clone());
                nonce.and_then(|nonce| self.requests.remove(&nonce))
            }
        };
        let answer = request.map(|r| (r.id, r.guild, Err(MembersError::RateLimited { retry_after })));
        Some((meta.guild_id, retry_after, answer))
    }

    /// A request that nobody answered in time.
    pub(crate) fn timed_out(&mut self, now: Timestamp) -> Option<Answer> {
        let late = |request: &Request| request.until.is_some_and(|until| until <= now);
        let nonce =
            self.requests.iter().find(|(_, request)| late(request)).map(|(nonce, _)| nonce.clone())?;
        let request = self.requests.remove(&nonce)?;
        Some((request.id, request.guild, Err(MembersError::TimedOut)))
    }

    /// A request that was sent in a session which is gone; those that still wait to be sent stay.
    pub(crate) fn lost(&mut self) -> Option<Answer> {
        let nonce = self.requests.iter().find(|(_, r)| r.until.is_some()).map(|(nonce, _)| nonce.clone())?;
        let request = self.requests.remove(&nonce)?;
        Some((request.id, request.guild, Err(MembersError::SessionLost)))
    }

    /// A request of a shard that has ended.
    pub(crate) fn stopped(&mut self) -> Option<Answer> {
        let (_, request) = self.requests.pop_first()?;
        Some((request.id, request.guild, Err(MembersError::Stopped)))
    }
}
