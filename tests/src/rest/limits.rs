//! Rate limits: buckets, the global limit, sub-limits, invalid requests, and what clients were told of them.

use std::collections::BTreeMap;

use sanscord::id::UserId;
use sanscord::machine::Response;
use sanscord::time::{Duration, Timestamp};
use serde_json::json;

use super::moment;
use super::reply::Reply;
use super::settings::Limit;
use crate::desk::Desk;
use crate::fault::RestFault;
use crate::violation::Rule;

const SECOND: Duration = Duration::from_secs(1);
/// The time in which invalid requests are counted (Discord docs: Rate Limits, Invalid Request Limit).
const INVALID_WINDOW: Duration = Duration::from_secs(600);
/// How many windows are kept before those that are over are looked for.
const FEW: usize = 1_024;

/// Whose limits count: a bot's, or without a token those of the address.
pub(super) type Owner = Option<UserId>;

/// What is asked of the limits.
pub(super) struct Access<'a> {
    pub(super) owner: Owner,
    /// Method and path's template, with `old` for the deletion of old messages.
    pub(super) route: &'a str,
    /// The top-level resource: a channel, guild, or webhook with its token.
    pub(super) top: &'a str,
    /// Whether the global limit does not count: answers to interactions.
    pub(super) is_exempt: bool,
    /// Whether the body has this field.
    pub(super) has_field: &'a dyn Fn(&str) -> bool,
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Key(Owner, u64, u64);

#[derive(Clone, Copy, Debug)]
struct Window {
    began: Timestamp,
    lasts: Duration,
    count: u32,
}

impl Window {
    fn ends(&self) -> Timestamp {
        self.began + self.lasts
    }
}

/// What a client was told of a route, and when first.
#[derive(Clone, Copy, Debug)]
struct Told {
    at: Timestamp,
    bucket: u64,
    requests: u32,
}

/// A wait that was announced without a limit's being reached.
#[derive(Clone, Copy, Debug)]
struct Hold {
    since: Timestamp,
    until: Timestamp,
    scope: Scope,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Scope {
    User,
    Global,
    Shared,
    Cloudflare,
}

/// The limits of the whole server. Windows that are over are forgotten; the rest is bounded by the table of routes and
/// the number of bots.
#[derive(Default)]
pub(super) struct Limits {
    windows: BTreeMap<Key, Window>,
    /// How many windows there were when those that were over were last forgotten.
    swept: usize,
    globals: BTreeMap<Owner, Window>,
    invalid: BTreeMap<Owner, Window>,
    banned: BTreeMap<Owner, (Timestamp, Timestamp)>,
    /// By route and resource; both empty for all.
    holds: BTreeMap<(Owner, u64, u64), Hold>,
    told: BTreeMap<(Owner, u64), Told>,
    /// When a sub-limit's window had its first refusal.
    refused: BTreeMap<Key, Timestamp>,
    /// How often a route's bucket was changed.
    changes: BTreeMap<u64, u32>,
    /// Limits that were changed on the way.
    changed: BTreeMap<u64, Limit>,
}

impl Limits {
    /// The answer that a ban commands.
    pub(super) fn refuse_banned(&mut self, desk: &mut Desk, owner: Owner) -> Option<Response> {
        let (since, until) = *self.banned.get(&owner)?;
        if desk.now >= until {
            self.banned.remove(&owner);
            return None;
        }
        if desk.now.since(since) > desk.config.rest.in_flight {
            desk.violation(Rule::RestRate, "a request came though Cloudflare has banned the client");
        }
        desk.report.rest_limited += 1;
        Some(cloudflare(until.since(desk.now)))
    }

    /// Lets a request pass, and counts it, or refuses it.
    pub(super) fn admit(&mut self, desk: &mut Desk, access: &Access<'_>) -> Result<(), Response> {
        if !access.is_exempt {
            self.check_global(desk, access)?;
        }
        self.check_bucket(desk, access)?;
        self.check_subs(desk, access)
    }

    /// Adds what the documented headers say.
    pub(super) fn label(&mut self, desk: &Desk, access: &Access<'_>, response: &mut Response) {
        let now = desk.now;
        let (bucket, limit) = self.limit(desk, access.route);
        let window = self.windows.get(&Key(access.owner, bucket, hash(access.top)));
        let count = window.map_or(0, |window| window.count);
        let reset_after = window.map_or(limit.window, |window| window.ends().since(now));
        let reset = moment::unix_millis(&desk.config, now + reset_after);
        for (name, value) in [
            ("x-ratelimit-limit", limit.requests.to_string()),
            ("x-ratelimit-remaining", limit.requests.saturating_sub(count).to_string()),
            ("x-ratelimit-reset", format!("{}.{:03}", reset / 1_000, reset % 1_000)),
            ("x-ratelimit-reset-after", seconds(reset_after)),
            ("x-ratelimit-bucket", format!("{bucket:016x}")),
        ] {
            if response.header(name).is_none() {
                response.headers.push((name.into(), value.into()));
            }
        }
        let told = Told { at: now, bucket, requests: limit.requests };
        let known = self.told.entry((access.owner, hash(access.route))).or_insert(told);
        if (known.bucket, known.requests) != (bucket, limit.requests) {
            *known = told;
        }
    }

    /// Counts an answer that makes a request invalid.
    pub(super) fn note(&mut self, desk: &mut Desk, owner: Owner, response: &Response) {
        let is_shared = response.header("x-ratelimit-scope") == Some("shared");
        if !matches!(response.status, 401 | 403 | 429) || is_shared {
            return;
        }
        desk.report.rest_invalid += 1;
        let limit = desk.config.rest.invalid_limit;
        let count = count(&mut self.invalid, owner, desk.now, INVALID_WINDOW);
        if count >= limit {
            let ban = desk.config.rest.ban;
            if self.banned.insert(owner, (desk.now, desk.now + ban)).is_none() {
                desk.violation(Rule::RestInvalid, format!("{count} invalid requests came in 10 minutes"));
            }
        }
    }

    /// Does what a fault says of limits. The answer if the request is refused for it.
    pub(super) fn fault(
        &mut self,
        desk: &mut Desk,
        access: &Access<'_>,
        fault: &RestFault,
    ) -> Option<Response> {
        let route = hash(access.route);
        let (retry_after, scope) = match fault {
            RestFault::NewBucket => {
                *self.changes.entry(route).or_default() += 1;
                return None;
            }
            RestFault::NewLimit(limit) => {
                self.changed.insert(route, limit.clone());
                return None;
            }
            RestFault::RateLimited { retry_after, global: false } => (*retry_after, Scope::User),
            RestFault::RateLimited { retry_after, global: true } => (*retry_after, Scope::Global),
            RestFault::Shared { retry_after } => (*retry_after, Scope::Shared),
            RestFault::Cloudflare { retry_after } => (*retry_after, Scope::Cloudflare),
            _ => return None,
        };
        desk.report.rest_limited += 1;
        let key = match scope {
            Scope::User | Scope::Shared => (access.owner, route, hash(access.top)),
            Scope::Global | Scope::Cloudflare => (access.owner, 0, 0),
        };
        let hold = Hold { since: desk.now, until: desk.now + retry_after, scope };
        self.holds.insert(key, hold);
        Some(self.refusal(desk, access, retry_after, scope))
    }

    /// Refuses what comes before an announced wait is over.
    pub(super) fn check_holds(&mut self, desk: &mut Desk, access: &Access<'_>) -> Result<(), Response> {
        if self.holds.is_empty() {
            return Ok(());
        }
        let now = desk.now;
        self.holds.retain(|_, hold| hold.until > now);
        let global = self.holds.get(&(access.owner, 0, 0));
        let global = global.filter(|hold| hold.scope == Scope::Cloudflare || !access.is_exempt);
        let own = self.holds.get(&(access.owner, hash(access.route), hash(access.top)));
        let Some(hold) = global.into_iter().chain(own).max_by_key(|hold| hold.until).copied() else {
            return Ok(());
        };
        let early = hold.until.since(now);
        let is_foreseen = now.since(hold.since) > desk.config.rest.in_flight;
        self.count(desk, is_foreseen, || format!("{} came {early:?} too early", access.route));
        Err(self.refusal(desk, access, early, hold.scope))
    }

    fn check_global(&mut self, desk: &mut Desk, access: &Access<'_>) -> Result<(), Response> {
        if count(&mut self.globals, access.owner, desk.now, SECOND) <= desk.config.rest.global {
            return Ok(());
        }
        let wait = self.globals.get(&access.owner).map_or(SECOND, |window| window.ends().since(desk.now));
        let global = desk.config.rest.global;
        self.count(desk, true, || format!("{} came after {global} requests in a second", access.route));
        Err(self.refusal(desk, access, wait, Scope::Global))
    }

    fn check_bucket(&mut self, desk: &mut Desk, access: &Access<'_>) -> Result<(), Response> {
        let now = desk.now;
        let (bucket, limit) = self.limit(desk, access.route);
        let (requests, lasts) = (limit.requests.max(1), limit.window);
        self.sweep(now);
        let key = Key(access.owner, bucket, hash(access.top));
        let window = self.windows.entry(key).or_insert(Window { began: now, lasts, count: 0 });
        if window.ends() <= now {
            *window = Window { began: now, lasts, count: 0 };
        }
        if window.count < requests {
            window.count += 1;
            return Ok(());
        }
        let wait = window.ends().since(now);
        // A client that was never told of this bucket, or whose request was under way when it was, cannot know.
        let told = self.told.get(&(access.owner, hash(access.route)));
        let is_foreseen = told.is_some_and(|told| {
            (told.bucket, told.requests) == (bucket, requests)
                && now.since(told.at) > desk.config.rest.in_flight
        });
        self.count(desk, is_foreseen, || format!("{} came though none remained of {requests}", access.route));
        Err(self.refusal(desk, access, wait, Scope::User))
    }

    fn check_subs(&mut self, desk: &mut Desk, access: &Access<'_>) -> Result<(), Response> {
        for (index, sub) in desk.config.rest.sub_limits.iter().enumerate() {
            let is_meant = sub.route == access.route
                && (sub.fields.is_empty() || sub.fields.iter().any(|field| (access.has_field)(field)));
            if !is_meant {
                continue;
            }
            let key = Key(access.owner, hash(&format!("{} sub {index}", sub.route)), hash(access.top));
            let counted = count(&mut self.windows, key, desk.now, sub.window);
            if counted <= sub.requests {
                continue;
            }
            let wait = self.windows.get(&key).map_or(sub.window, |window| window.ends().since(desk.now));
            // No header tells of sub-limits, but a window's first refusal does.
            if counted == sub.requests + 1 {
                self.refused.insert(key, desk.now);
            }
            let at = self.refused.get(&key).copied().unwrap_or(desk.now);
            let is_foreseen = desk.now.since(at) > desk.config.rest.in_flight;
            self.count(desk, is_foreseen, || format!("{} came again under a sub-limit", access.route));
            return Err(self.refusal(desk, access, wait, Scope::User));
        }
        Ok(())
    }

    /// Counts a 429 in the books.
    fn count(&self, desk: &mut Desk, is_foreseen: bool, what: impl FnOnce() -> String) {
        desk.report.rest_limited += 1;
        if is_foreseen {
            desk.violation(Rule::RestRate, what());
        }
    }

    fn refusal(&mut self, desk: &Desk, access: &Access<'_>, wait: Duration, scope: Scope) -> Response {
        if scope == Scope::Cloudflare {
            return cloudflare(wait);
        }
        let global = scope == Scope::Global;
        let text = if scope == Scope::Shared {
            "The resource is being rate limited."
        } else {
            "You are being rate limited."
        };
        let body = json!({"message": text, "retry_after": wait.as_secs_f64(), "global": global});
        let name = match scope {
            Scope::Global => "global",
            Scope::Shared => "shared",
            Scope::User | Scope::Cloudflare => "user",
        };
        let Reply(mut response) =
            Reply::json(429, &body).with("retry-after", whole(wait)).with("x-ratelimit-scope", name);
        if global {
            response.headers.push(("x-ratelimit-global".into(), "true".into()));
        } else {
            self.label(desk, access, &mut response);
        }
        response
    }

    /// The bucket and the limit of a route.
    fn limit(&self, desk: &Desk, route: &str) -> (u64, Limit) {
        let config = &desk.config.rest;
        let key = hash(route);
        let limit =
            self.changed.get(&key).or_else(|| config.limits.get(route)).unwrap_or(&config.default_limit);
        let name = limit.bucket.as_deref().unwrap_or(route);
        let changes = self.changes.get(&key).copied().unwrap_or(0);
        let bucket = if changes == 0 { hash(name) } else { hash(&format!("{name} {changes}")) };
        (bucket, limit.clone())
    }

    fn sweep(&mut self, now: Timestamp) {
        if self.windows.len() >= FEW.max(2 * self.swept) {
            self.windows.retain(|_, window| window.ends() > now);
            self.refused.retain(|key, _| self.windows.contains_key(key));
            self.swept = self.windows.len();
        }
    }
}

/// Counts one more in the window of this key; answers with how many it has.
fn count<K: Ord>(windows: &mut BTreeMap<K, Window>, key: K, now: Timestamp, lasts: Duration) -> u32 {
    let fresh = Window { began: now, lasts, count: 0 };
    let window = windows.entry(key).or_insert(fresh);
    if window.ends() <= now {
        *window = fresh;
    }
    window.count = window.count.saturating_add(1);
    window.count
}

/// FNV-1a: a bucket's name means nothing to anybody.
pub(super) fn hash(text: &str) -> u64 {
    text.bytes()
        .fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
}

/// Whole seconds, never too few.
fn whole(wait: Duration) -> String {
    wait.as_nanos().div_ceil(1_000_000_000).to_string()
}

/// Seconds with milliseconds, never too few.
fn seconds(wait: Duration) -> String {
    let millis = wait.as_nanos().div_ceil(1_000_000);
    format!("{}.{:03}", millis / 1_000, millis % 1_000)
}

fn cloudflare(wait: Duration) -> Response {
    Reply::html(429).with("retry-after", whole(wait)).0
}
