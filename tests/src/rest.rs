//! The REST API, as far as a client needs it to get going.

use std::collections::BTreeMap;

use bytes::Bytes;
use sanscord::id::{ChannelId, GuildId, UserId};
use sanscord::machine::{Method, Response};
use sanscord::time::{Duration, Timestamp};
use serde_json::{Value, json};

use crate::config::Config;
use crate::desk::Desk;
use crate::fault::RestFault;
use crate::gateway::guild;
use crate::target;
use crate::violation::Rule;

/// Requests to one route in [`WINDOW`].
const LIMIT: u32 = 50;
const WINDOW: Duration = Duration::from_secs(1);

/// A request, as it came.
pub(crate) struct Request<'a> {
    pub(crate) method: Option<Method>,
    pub(crate) target: &'a str,
    pub(crate) headers: &'a [(String, String)],
    pub(crate) body: &'a [u8],
}

impl Request<'_> {
    /// Whose token it shows.
    pub(crate) fn user(&self, config: &Config) -> Option<UserId> {
        let (_, value) = self.headers.iter().find(|(name, _)| name == "authorization")?;
        config.bot_of(value.strip_prefix("Bot ")?)
    }
}

/// The API as one bot sees it.
#[derive(Default)]
pub(crate) struct Rest {
    /// Until when a route is limited; the empty one stands for all.
    limited: BTreeMap<String, Timestamp>,
    /// How many requests a route has had since its window began.
    windows: BTreeMap<String, (Timestamp, u32)>,
}

impl Rest {
    /// Answers a request, with the message that it posted if it did.
    pub(crate) fn answer(&mut self, desk: &mut Desk, request: &Request<'_>) -> (Response, Option<Value>) {
        desk.report.requests += 1;
        let header = |name: &str| {
            request.headers.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value.as_str())
        };
        if !header("user-agent").starts_with("DiscordBot (") {
            desk.violation(Rule::UserAgent, format!("the User-Agent is {:?}", header("user-agent")));
            return (html(403, &[]), None);
        }
        let full = target::path(request.target);
        let Some(path) = full.strip_prefix(base(&desk.config.addresses.api_base)) else {
            return (not_found(), None);
        };
        let route = format!("{} {path}", request.method.map_or("", Method::as_str));
        if let Some(response) = self.refuse(desk, &route) {
            return (response, None);
        }
        let public = path == "/gateway";
        let user = request.user(&desk.config).filter(|user| !desk.identifies(*user).is_revoked());
        if !public && user.is_none() {
            return (error(401, 0, "401: Unauthorized"), None);
        }
        let user = user.unwrap_or(desk.config.bot);
        let (mut response, posted) = serve(desk, user, request, path, header("content-type"));
        let (remaining, reset_after) = self.count(desk.now, &route);
        for (name, value) in [
            ("x-ratelimit-limit", LIMIT.to_string()),
            ("x-ratelimit-remaining", remaining.to_string()),
            ("x-ratelimit-reset-after", format!("{:.3}", reset_after.as_secs_f64())),
            ("x-ratelimit-bucket", bucket(&route)),
        ] {
            response.headers.push((name.into(), value.into()));
        }
        (response, posted)
    }

    /// The fault that is due, or the limit that holds.
    fn refuse(&mut self, desk: &mut Desk, route: &str) -> Option<Response> {
        let now = desk.now;
        self.limited.retain(|_, until| *until > now);
        self.windows.retain(|_, (began, _)| now.since(*began) < WINDOW);
        let until = self.limited.get("").max(self.limited.get(route)).copied();
        if let Some(until) = until {
            desk.violation(Rule::RestRate, format!("{route} came {:?} too early", until.since(now)));
            return Some(limited(until.since(now), self.limited.contains_key("")));
        }
        if self.windows.get(route).is_some_and(|(_, count)| *count >= LIMIT) {
            desk.violation(Rule::RestRate, format!("{route} came though none remained"));
            return Some(limited(WINDOW, false));
        }
        match desk.config.faults.rest.pop_front()? {
            RestFault::Status(status) => Some(html(status, &[])),
            RestFault::RateLimited { retry_after, global } => {
                self.limited.insert(if global { String::new() } else { route.into() }, now + retry_after);
                Some(limited(retry_after, global))
            }
            RestFault::Cloudflare { retry_after } => {
                self.limited.insert(String::new(), now + retry_after);
                let seconds = retry_after.as_nanos().div_ceil(1_000_000_000).to_string();
                Some(html(429, &[("retry-after", seconds)]))
            }
        }
    }

    /// Counts a request of this route; answers with how many remain and for how long.
    fn count(&mut self, now: Timestamp, route: &str) -> (u32, Duration) {
        let (began, count) = self.windows.entry(route.into()).or_insert((now, 0));
        *count += 1;
        (LIMIT.saturating_sub(*count), (*began + WINDOW).since(now))
    }
}

/// What a bot gets.
fn serve(
    desk: &mut Desk,
    user: UserId,
    request: &Request<'_>,
    path: &str,
    content_type: &str,
) -> (Response, Option<Value>) {
    let now = desk.now;
    let identifies = desk.identifies(user);
    let (remaining, reset_after) = (identifies.remaining(), identifies.reset_after(now));
    let config = &desk.config;
    let parts: Vec<_> = path.trim_start_matches('/').split('/').collect();
    let response = match (request.method, &*parts) {
        (Some(Method::Get), ["gateway"]) => ok(&json!({ "url": config.addresses.gateway_url })),
        (Some(Method::Get), ["gateway", "bot"]) => ok(&json!({
            "url": config.addresses.gateway_url,
            "shards": config.shards,
            "session_start_limit": {
                "total": config.identify_total, "remaining": remaining,
                "reset_after": reset_after.as_millis() as u64,
                "max_concurrency": config.max_concurrency,
            },
        })),
        (Some(Method::Get), ["users", "@me"]) => ok(&guild::bot(config, user)),
        (Some(Method::Get), ["guilds", id, rest @ ..]) => {
            let id = id.parse().ok().filter(|id| guild::exists(config, *id));
            match (id, rest) {
                (Some(id), []) => ok(&guild::guild(config, id)),
                (Some(id), ["channels"]) => ok(&guild::channels(config, id)),
                (None, []) => error(404, 10_004, "Unknown Guild"),
                _ => not_found(),
            }
        }
        (Some(Method::Get), ["channels", id]) => {
            match id.parse().ok().and_then(|id| guild::channel(config, ChannelId(id))) {
                Some(channel) => ok(&channel),
                None => error(404, 10_003, "Unknown Channel"),
            }
        }
        (Some(Method::Post), ["channels", id, "messages"]) => {
            match id.parse().ok().and_then(|id| guild::of_text_channel(config, id)) {
                Some(guild) => return post_message(desk, user, guild, request.body, content_type),
                None => not_found(),
            }
        }
        _ => not_found(),
    };
    (response, None)
}

fn post_message(
    desk: &Desk,
    user: UserId,
    guild: GuildId,
    body: &[u8],
    content_type: &str,
) -> (Response, Option<Value>) {
    let Some(body) = serde_json::from_slice::<Value>(body).ok().filter(|_| content_type.contains("json"))
    else {
        return (error(400, 50_035, "Invalid Form Body"), None);
    };
    let content = body.get("content").and_then(Value::as_str).unwrap_or_default();
    if content.is_empty() {
        return (error(400, 50_006, "Cannot send an empty message"), None);
    }
    // Far from the numbers of the chatter.
    let number = (1 << 32) + desk.report.requests;
    let mut message = guild::message(&desk.config, guild, &guild::bot(&desk.config, user), content, number);
    message["nonce"] = body.get("nonce").cloned().unwrap_or(Value::Null);
    (ok(&message), Some(message))
}

/// The path of a base URL.
fn base(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("")
}

/// A bucket's name, which means nothing to anybody: FNV-1a of its route.
fn bucket(route: &str) -> String {
    let hash = route.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3)
    });
    format!("{hash:016x}")
}

fn ok(body: &Value) -> Response {
    respond(200, "application/json", body.to_string())
}

fn error(status: u16, code: u32, message: &str) -> Response {
    respond(status, "application/json", json!({"message": message, "code": code}).to_string())
}

fn not_found() -> Response {
    error(404, 0, "404: Not Found")
}

fn limited(retry_after: Duration, global: bool) -> Response {
    let seconds = retry_after.as_secs_f64();
    let body = json!({"message": "You are being rate limited.", "retry_after": seconds, "global": global});
    let mut response = respond(429, "application/json", body.to_string());
    let mut add = |name: &str, value: String| response.headers.push((name.into(), value.into()));
    add("retry-after", retry_after.as_nanos().div_ceil(1_000_000_000).to_string());
    add("x-ratelimit-scope", if global { "global" } else { "user" }.into());
    if global {
        add("x-ratelimit-global", "true".into());
    } else {
        add("x-ratelimit-reset-after", format!("{seconds:.3}"));
        add("x-ratelimit-remaining", "0".into());
    }
    response
}

/// An answer that did not come from Discord itself but from what stands before it.
fn html(status: u16, headers: &[(&str, String)]) -> Response {
    let body = format!("<html><head><title>{status}</title></head><body>error code: {status}</body></html>");
    let mut response = respond(status, "text/html", body);
    response.headers.extend(headers.iter().map(|(name, value)| ((*name).into(), value.as_str().into())));
    response
}

fn respond(status: u16, content_type: &str, body: String) -> Response {
    Response { status, headers: vec![("content-type".into(), content_type.into())], body: Bytes::from(body) }
}
