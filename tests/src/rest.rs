//! The REST API: what it does with a request on its way to a resource and back.
//!
//! | part | subject |
//! |---|---|
//! | [`settings`] | what can be chosen |
//! | `route`, `serve` | the routes, and the resources that they lead to |
//! | `call`, `body`, `multipart`, `query`, `form`, `percent` | reading and judging requests |
//! | `limits` | rate limits |
//! | `store`, `moment` | what there is, ids and times |

use std::collections::BTreeMap;

use bytes::Bytes;
use sanscord::id::UserId;
use sanscord::machine::{Method, Response};
use sanscord::time::{Duration, Timestamp};
use serde_json::{Value, json};
use zlib_rs::DeflateConfig;

use self::body::Body;
use self::call::Call;
use self::limits::{Access, Limits};
use self::query::Query;
use self::reply::Reply;
use self::serve::Found;
use self::store::Store;
use crate::config::Config;
use crate::desk::Desk;
use crate::fault::RestFault;
use crate::gateway::guild;
use crate::target;
use crate::violation::Rule;

mod body;
mod call;
mod form;
mod limits;
mod moment;
mod multipart;
mod percent;
mod query;
mod reply;
mod route;
mod serve;
pub mod settings;
mod store;

/// The most tokens and webhooks that are remembered as dead.
const MAX_DEAD: usize = 10_000;
/// The longest audit log reason, in characters (Discord docs: Audit Logs).
const MAX_REASON: usize = 512;
const DELETE_MESSAGE: &str = "DELETE /channels/{channel_id}/messages/{message_id}";
const DELETE_OLD_MESSAGE: &str = "DELETE /channels/{channel_id}/messages/{message_id} old";

/// A request, as it came.
pub(crate) struct Request<'a> {
    pub(crate) method: Option<Method>,
    pub(crate) target: &'a str,
    pub(crate) headers: &'a [(String, String)],
    pub(crate) body: &'a Bytes,
}

impl Request<'_> {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// Whose token it shows.
    fn user(&self, config: &Config) -> Option<UserId> {
        let value = self.header("authorization")?;
        match value.strip_prefix("Bot ") {
            Some(token) => config.bot_of(token),
            None => {
                let token = value.strip_prefix("Bearer ").unwrap_or(value);
                config.rest.people.iter().find(|(found, _)| found == token).map(|(_, user)| *user)
            }
        }
    }
}

/// What becomes of a request.
pub(crate) struct Outcome {
    pub(crate) fate: Fate,
    /// What the gateway is to tell.
    pub(crate) events: Vec<(&'static str, Value)>,
}

/// How a request ends.
pub(crate) enum Fate {
    /// It is answered, so much later.
    Answer(Response, Duration),
    /// Its connection is cut.
    Cut,
    /// Nothing happens any more.
    Silence,
}

impl From<Response> for Fate {
    fn from(response: Response) -> Self {
        Self::Answer(response, Duration::ZERO)
    }
}

/// The API, for all bots.
#[derive(Default)]
pub(crate) struct Rest {
    pub(crate) store: Store,
    limits: Limits,
    /// What was refused for good, and when first: tokens and webhooks, as hashes.
    dead: BTreeMap<u64, Timestamp>,
}

impl Rest {
    /// Answers a request. Events are made only where some gateway session hears them.
    pub(crate) fn answer(&mut self, desk: &mut Desk, request: &Request<'_>, is_heard: bool) -> Outcome {
        desk.report.requests += 1;
        let mut events = Vec::new();
        let fate = self.decide(desk, request, is_heard.then_some(&mut events));
        if let Fate::Answer(response, _) = &fate {
            *desk.report.rest_statuses.entry(response.status).or_default() += 1;
        }
        Outcome { fate, events }
    }

    /// An interaction of somebody with the first bot, as the gateway tells of it.
    pub(crate) fn interaction(&mut self, desk: &Desk, kind: u8, mut data: Value, token: &str) -> Value {
        let config = &desk.config;
        let millis = moment::unix_millis(config, desk.now);
        let message = data.as_object_mut().and_then(|data| data.remove("message"));
        let mut d = json!({
            "id": self.store.mint(millis).to_string(), "application_id": config.bot, "type": kind, "data": data,
            "guild_id": config.guild, "channel_id": config.text_channel.0, "token": token, "version": 1,
            "member": guild::member(&guild::author(config)), "locale": "en-US", "guild_locale": "en-US",
            "app_permissions": "2248473465835073", "entitlements": [], "context": 0,
            "authorizing_integration_owners": {"0": config.guild}, "attachment_size_limit": config.rest.file_limit,
        });
        if let Some(message) = message {
            d["message"] = message;
        }
        d
    }

    fn decide(
        &mut self,
        desk: &mut Desk,
        request: &Request<'_>,
        events: Option<&mut Vec<(&'static str, Value)>>,
    ) -> Fate {
        let full = target::path(request.target);
        if full.starts_with("/attachments/") {
            let fault = take_fault(desk, "GET /attachments", false);
            let reply = serve::cdn::fetch(&self.store, desk, request.method, request.target);
            return finish(desk, request, reply.0, fault);
        }
        let agent = request.header("user-agent").unwrap_or_default();
        let owner = request.user(&desk.config);
        if !agent.starts_with("DiscordBot (") {
            desk.violation(Rule::UserAgent, format!("the User-Agent is {agent:?}"));
            let Reply(response) = Reply::html(403);
            self.limits.note(desk, owner, &response);
            return response.into();
        }
        let Some(path) = full.strip_prefix(target::base(&desk.config.addresses.api_base)) else {
            return reply::not_found().0.into();
        };
        if let Some(response) = self.limits.refuse_banned(desk, owner) {
            return response.into();
        }
        let found = match serve::find(request.method, path) {
            Ok(found) => found,
            Err(Reply(response)) => {
                let fault = take_fault(desk, "", true);
                return instead(desk, request, fault.as_ref())
                    .map_or_else(|| response.into(), |Reply(response)| response.into());
            }
        };
        let (name, top) = (self.name(desk, &found), top(&found));
        let is_path = found.route.access == route::Access::Path;
        let query = Query::read(request.target);
        let content_type = request.header("content-type").unwrap_or_default();
        let body = Body::read(&desk.config.rest, content_type, request.body);
        let has_field = |field: &str| {
            body.as_ref().ok().and_then(Body::fields).is_some_and(|fields| fields.contains_key(field))
        };
        let access = Access {
            owner: if is_path { None } else { owner },
            route: name,
            top: &top,
            is_exempt: is_exempt(&desk.config, &found),
            has_field: &has_field,
        };
        if let Err(response) = self.limits.check_holds(desk, &access) {
            self.limits.note(desk, owner, &response);
            return response.into();
        }
        let fault = take_fault(desk, found.route.name, true);
        match &fault {
            Some(RestFault::Lost { processed: false }) => return Fate::Cut,
            Some(RestFault::Silent { processed: false }) => return Fate::Silence,
            Some(fault) => {
                if let Some(response) = self.limits.fault(desk, &access, fault) {
                    self.limits.note(desk, owner, &response);
                    return response.into();
                }
            }
            None => {}
        }
        if let Some(Reply(mut response)) = instead(desk, request, fault.as_ref()) {
            if fault.as_ref().is_some_and(RestFault::is_discords) && response.status != 401 {
                match self.limits.admit(desk, &access) {
                    Ok(()) => self.limits.label(desk, &access, &mut response),
                    Err(limited) => response = limited,
                }
            }
            self.limits.note(desk, owner, &response);
            return response.into();
        }
        let user = owner.filter(|user| !desk.identifies(*user).is_revoked());
        if found.route.access == route::Access::Token && user.is_none() {
            self.bury(desk, request.header("authorization").unwrap_or_default());
            let Reply(response) = reply::unauthorized();
            self.limits.note(desk, owner, &response);
            return finish(desk, request, response, fault);
        }
        if let Err(response) = self.limits.admit(desk, &access) {
            self.limits.note(desk, owner, &response);
            return finish(desk, request, response, fault);
        }
        // The closure borrows the body.
        let Access { owner: bucket_owner, is_exempt, .. } = access;
        let user = user.unwrap_or(desk.config.bot);
        let answered = self.serve(desk, request, user, found, query, body, events);
        let Reply(mut response) = answered;
        let access = Access { owner: bucket_owner, route: name, top: &top, is_exempt, has_field: &|_| false };
        self.limits.label(desk, &access, &mut response);
        self.limits.note(desk, owner, &response);
        if is_path && matches!(response.status, 401 | 404) && is_webhook_gone(&response) {
            self.bury(desk, &top);
        }
        finish(desk, request, response, fault)
    }

    /// The route's name for its limits: old messages are deleted under another.
    fn name(&self, desk: &Desk, found: &Found) -> &'static str {
        if found.route.name != DELETE_MESSAGE {
            return found.route.name;
        }
        let id = found.params.iter().find(|(name, _)| *name == "message_id");
        let id = id.and_then(|(_, id)| form::parse_id(id)).unwrap_or(u64::MAX);
        let now = moment::unix_millis(&desk.config, desk.now);
        let is_old = moment::millis_of(id).saturating_add(moment::OLD) < now;
        if is_old { DELETE_OLD_MESSAGE } else { DELETE_MESSAGE }
    }

    #[expect(clippy::too_many_arguments, reason = "it is one request in its parts")]
    fn serve(
        &mut self,
        desk: &mut Desk,
        request: &Request<'_>,
        user: UserId,
        found: Found,
        query: Option<Query>,
        body: Result<Body, (Reply, Option<String>)>,
        events: Option<&mut Vec<(&'static str, Value)>>,
    ) -> Reply {
        let name = found.route.name;
        let Some(query) = query else {
            desk.violation(Rule::RestBody, format!("the query of {} is wrongly encoded", request.target));
            return Reply::error(400, 0, "400: Bad Request");
        };
        let body = match body {
            Ok(body) => body,
            Err((reply, what)) => {
                if let Some(what) = what {
                    desk.violation(Rule::RestBody, format!("{name}: {what}"));
                }
                return reply;
            }
        };
        if request.method == Some(Method::Get) && body.length > 0 {
            desk.violation(Rule::RestBody, format!("{name} came with a body"));
        }
        if desk.config.rest.forbidden.contains(name) {
            return reply::no_permission();
        }
        let reason = request.header("x-audit-log-reason").and_then(|reason| {
            let decoded =
                percent::decode(reason).filter(|text| (1..=MAX_REASON).contains(&text.chars().count()));
            if decoded.is_none() {
                let what =
                    format!("{name} gives a reason that is not encoded, or has not 1 to 512 characters");
                desk.violation(Rule::RestReason, what);
            }
            decoded
        });
        let mut call = Call {
            desk,
            store: &mut self.store,
            user,
            route: name,
            params: found.params,
            query,
            body,
            reason,
            is_heard: events.is_some(),
            events: Vec::new(),
        };
        let answer = (found.route.handler)(&mut call);
        if let Some(reason) = call.reason.take() {
            call.desk.reason(name, reason);
        }
        if let Some(events) = events {
            events.append(&mut call.events);
        }
        answer.unwrap_or_else(|refusal| refusal)
    }

    /// Takes note that something is refused for good. It is not to be tried again.
    fn bury(&mut self, desk: &mut Desk, what: &str) {
        let since = *self.dead.entry(limits::hash(what)).or_insert(desk.now);
        if desk.now.since(since) > desk.config.rest.in_flight {
            desk.violation(Rule::Dead, "a token or webhook is used again that is known to be dead");
        }
        if self.dead.len() > MAX_DEAD {
            self.dead.pop_first();
        }
    }
}

/// The fault that is due for this route.
fn take_fault(desk: &mut Desk, route: &str, any: bool) -> Option<RestFault> {
    let faults = &mut desk.config.faults;
    if let Some(at) = faults.rest_routes.iter().position(|(named, _)| named == route) {
        return faults.rest_routes.remove(at).map(|(_, fault)| fault);
    }
    if any { faults.rest.pop_front() } else { None }
}

/// What a fault answers instead of the resource.
fn instead(desk: &Desk, request: &Request<'_>, fault: Option<&RestFault>) -> Option<Reply> {
    Some(match fault? {
        RestFault::Status(status) => Reply::html(*status),
        RestFault::Error { status, code, message } => Reply::error(*status, *code, message),
        RestFault::NotReady { retry_after } => Reply::json(
            202,
            &json!({
                "message": "Index not yet available. Try again later", "code": 110_000,
                "documents_indexed": 0, "retry_after": retry_after,
            }),
        ),
        RestFault::Answer { status, headers, body } => {
            let headers = headers.iter().map(|(name, value)| (name.as_str().into(), value.as_str().into()));
            Reply(Response { status: *status, headers: headers.collect(), body: body.clone() })
        }
        RestFault::Redirect => {
            let url = format!("{}{}", target::origin(&desk.config.addresses.api_base), request.target);
            Reply::html(302).with("location", url)
        }
        RestFault::Huge(bytes) => {
            let mut body = vec![b' '; *bytes];
            if let Some(last) = body.last_mut() {
                *last = b'0';
            }
            Reply::new(200, "application/json", body)
        }
        _ => return None,
    })
}

/// Lets an answer go out as a fault says.
fn finish(desk: &Desk, request: &Request<'_>, mut response: Response, fault: Option<RestFault>) -> Fate {
    let mut late = Duration::ZERO;
    match fault {
        Some(RestFault::Lost { .. }) => return Fate::Cut,
        Some(RestFault::Silent { .. }) => return Fate::Silence,
        Some(RestFault::Slow(by)) => late = by,
        Some(RestFault::Truncated(bytes)) => response.body.truncate(bytes),
        Some(RestFault::Gzip) => {
            let config = DeflateConfig { window_bits: 15 + 16, ..DeflateConfig::default() };
            let mut packed = vec![0; zlib_rs::compress_bound(response.body.len()) + 32];
            let (written, _) = zlib_rs::compress_slice(&mut packed, &response.body, config);
            response.body = Bytes::copy_from_slice(written);
            response.headers.push(("content-encoding".into(), "gzip".into()));
        }
        other => {
            if let Some(Reply(other)) = instead(desk, request, other.as_ref()) {
                response = other;
            }
        }
    }
    Fate::Answer(response, late)
}

/// The top-level resource of a route (Discord docs: Rate Limits).
fn top(found: &Found) -> String {
    let (_, path) = found.route.name.split_once(' ').unwrap_or_default();
    let of = |name: &str| {
        found.params.iter().find(|(found, _)| *found == name).map_or("", |(_, value)| value.as_str())
    };
    match path.split('/').nth(1) {
        Some("channels") => of("channel_id").into(),
        Some("guilds") => of("guild_id").into(),
        Some("webhooks") => format!("{}/{}", of("webhook_id"), of("webhook_token")),
        Some("interactions") => format!("{}/{}", of("interaction_id"), of("interaction_token")),
        _ => String::new(),
    }
}

/// Whether the global limit leaves it out: answers to interactions, whose webhook is the application (Discord docs: Rate
/// Limits, Global Rate Limit).
fn is_exempt(config: &Config, found: &Found) -> bool {
    let of = |name: &str| found.params.iter().find(|(found, _)| *found == name).map(|(_, value)| value);
    if of("interaction_token").is_some() {
        return true;
    }
    let webhook = of("webhook_id").and_then(|id| form::parse_id(id));
    of("webhook_token").is_some() && config.bot_users().any(|bot| Some(bot.0) == webhook)
}

fn is_webhook_gone(response: &Response) -> bool {
    let body: Option<Value> = serde_json::from_slice(&response.body).ok();
    body.is_some_and(|body| matches!(body["code"].as_u64(), Some(10_015 | 50_027)))
}
