//! Op 8: who is in a guild.

use sanscord::id::{GuildId, UserId};
use serde_json::{Value, json};

use super::session::{Event, SessionKey};
use super::{Gateway, guild};
use crate::config::Config;
use crate::desk::Desk;
use crate::server::ConnectionId;
use crate::violation::Rule;

const GUILD_MEMBERS: u64 = 1 << 1;
const GUILD_PRESENCES: u64 = 1 << 8;
/// The most members that a prefix finds, ids that a request names, and bytes of a nonce (Discord docs: Gateway
/// Events, Request Guild Members).
const MAX_FOUND: usize = 100;
const MAX_IDS: usize = 100;
const MAX_NONCE: usize = 32;
/// The most members of one chunk.
const MAX_CHUNK: usize = 1_000;
/// What the names of members begin with, in turn.
const NAMES: [&str; 8] = ["amber", "birch", "cedar", "delta", "ember", "fable", "grove", "heron"];
/// The id of the member with index 0. Others follow in steps of one worker's snowflakes.
const FIRST: u64 = 700_000_000_000_000_000;

/// A request as it came, its fields checked.
struct Request<'a> {
    guild: GuildId,
    wanted: Wanted<'a>,
    presences: bool,
    nonce: Option<&'a str>,
}

enum Wanted<'a> {
    /// Those whose names begin with this; a limit of 0 stands for all.
    Query(&'a str, usize),
    Ids(Vec<&'a str>),
}

impl<'a> Request<'a> {
    fn read(d: &'a Value) -> Result<Self, &'static str> {
        let guild = d.get("guild_id").and_then(Value::as_str).and_then(|id| id.parse().ok());
        let guild = guild.ok_or("guild_id is no snowflake")?;
        let wanted = match (d.get("query"), d.get("user_ids")) {
            (Some(Value::String(query)), None) => {
                let limit = d.get("limit").and_then(Value::as_u64).ok_or("query comes without limit")?;
                Wanted::Query(query, usize::try_from(limit).unwrap_or(usize::MAX))
            }
            (None, Some(Value::String(id))) => Wanted::Ids(vec![id]),
            (None, Some(Value::Array(ids))) => {
                let ids: Option<Vec<_>> = ids.iter().map(Value::as_str).collect();
                Wanted::Ids(ids.ok_or("user_ids are not strings")?)
            }
            _ => return Err("it has not exactly one of query and user_ids"),
        };
        if matches!(&wanted, Wanted::Ids(ids) if ids.len() > MAX_IDS) {
            return Err("it names more than 100 users");
        }
        let presences = match d.get("presences") {
            None | Some(Value::Null) => false,
            Some(presences) => presences.as_bool().ok_or("presences is no boolean")?,
        };
        let nonce = match d.get("nonce") {
            None | Some(Value::Null) => None,
            Some(nonce) => Some(nonce.as_str().ok_or("nonce is no string")?),
        };
        // Longer ones are ignored.
        Ok(Self { guild, wanted, presences, nonce: nonce.filter(|nonce| nonce.len() <= MAX_NONCE) })
    }
}

impl Gateway {
    pub(super) fn on_members(
        &mut self,
        desk: &mut Desk,
        connection: ConnectionId,
        session: SessionKey,
        d: &Value,
    ) {
        desk.report.member_requests += 1;
        let request = match Request::read(d) {
            Ok(request) => request,
            Err(what) => {
                desk.violation(Rule::Payload, format!("op 8 is not as documented: {what}"));
                return self.fail(desk, connection, 4002);
            }
        };
        let Some((user, intents)) =
            self.sessions.get(&session).map(|session| (session.user, session.intents))
        else {
            return;
        };
        if !self.is_served(desk, session, request.guild, 8) {
            return;
        }
        let presences = request.presences && intents & GUILD_PRESENCES != 0;
        if request.presences && !presences {
            desk.violation(Rule::Payload, "op 8 asks for presences without the intent GUILD_PRESENCES");
        }
        if matches!(request.wanted, Wanted::Query("", _)) && intents & GUILD_MEMBERS == 0 {
            desk.violation(Rule::Payload, "op 8 asks for all members without the intent GUILD_MEMBERS");
            return;
        }
        if matches!(request.wanted, Wanted::Query("", 0))
            && let Err(early) = self.limits(user).take_members(desk.now, request.guild)
        {
            desk.report.member_requests_limited += 1;
            let mut meta = json!({ "guild_id": request.guild });
            if let Some(nonce) = request.nonce {
                meta["nonce"] = nonce.into();
            }
            let limited = json!({"opcode": 8, "retry_after": early.as_secs_f64(), "meta": meta});
            let event = Event { name: "RATE_LIMITED", d: &limited.to_string() };
            return self.dispatch_to(desk, session, event);
        }
        for chunk in chunks(&desk.config, &request, presences) {
            let event = Event { name: "GUILD_MEMBERS_CHUNK", d: &chunk.to_string() };
            self.dispatch_to(desk, session, event);
        }
    }
}

/// The answer, at least one chunk.
fn chunks(config: &Config, request: &Request<'_>, presences: bool) -> Vec<Value> {
    let mut not_found = Vec::new();
    let found: Vec<Value> = match &request.wanted {
        Wanted::Query("", limit) => {
            let limit = if *limit == 0 { usize::MAX } else { *limit };
            members(config, request.guild).take(limit).collect()
        }
        Wanted::Query(query, limit) => {
            let query = query.to_lowercase();
            let begins =
                |user: &Value| user["username"].as_str().is_some_and(|name| name.starts_with(&query));
            let limit = if *limit == 0 { MAX_FOUND } else { MAX_FOUND.min(*limit) };
            members(config, request.guild).filter(begins).take(limit).collect()
        }
        Wanted::Ids(ids) => {
            let mut found = Vec::with_capacity(ids.len());
            for id in ids {
                match id.parse().ok().and_then(|user| find(config, request.guild, user)) {
                    Some(user) => found.push(user),
                    None => not_found.push(*id),
                }
            }
            found
        }
    };
    let size = config.chunk_size.clamp(1, MAX_CHUNK);
    let count = found.len().div_ceil(size).max(1);
    (0..count)
        .map(|index| {
            let users: Vec<_> = found.iter().skip(index * size).take(size).collect();
            let members: Vec<_> = users.iter().map(|user| guild::member(user)).collect();
            let mut chunk = json!({
                "guild_id": request.guild, "members": members, "chunk_index": index, "chunk_count": count,
            });
            if index == 0 && !not_found.is_empty() {
                chunk["not_found"] = json!(not_found);
            }
            if presences {
                chunk["presences"] = users.iter().map(|user| presence(request.guild, user)).collect();
            }
            if let Some(nonce) = request.nonce {
                chunk["nonce"] = nonce.into();
            }
            chunk
        })
        .collect()
}

/// The members of a guild, as users: those that are made up, and in the main guild the speakers.
fn members(config: &Config, guild: GuildId) -> impl Iterator<Item = Value> {
    let speakers = config.speakers.iter().filter(move |_| guild == config.guild).map(guild::user);
    (0..config.members).map(member).chain(speakers)
}

pub(crate) fn find(config: &Config, guild: GuildId, id: UserId) -> Option<Value> {
    let offset =
        id.0.checked_sub(FIRST).filter(|offset| offset.is_multiple_of(1 << 22)).map(|offset| offset >> 22);
    match offset.and_then(|index| u32::try_from(index).ok()).filter(|index| *index < config.members) {
        Some(index) => Some(member(index)),
        None => {
            let mut speakers = config.speakers.iter().filter(|_| guild == config.guild);
            speakers.find(|speaker| speaker.user == id).map(guild::user)
        }
    }
}

/// The member with this index, as a user.
pub(crate) fn member(index: u32) -> Value {
    let name = NAMES[index as usize % NAMES.len()];
    guild::person(UserId(FIRST + (u64::from(index) << 22)), &format!("{name}{index}"), false)
}

/// The ids of the made up members behind this one, in order.
pub(crate) fn ids_after(config: &Config, after: u64) -> impl Iterator<Item = u64> {
    let first = after.checked_sub(FIRST).map_or(0, |offset| (offset >> 22) + 1);
    (first..u64::from(config.members)).map(|index| FIRST + (index << 22))
}

fn presence(guild: GuildId, user: &Value) -> Value {
    json!({
        "user": {"id": user["id"]}, "guild_id": guild, "status": "online", "activities": [],
        "client_status": {"desktop": "online"},
    })
}
