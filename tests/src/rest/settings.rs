//! What can be chosen of the REST server.

use std::collections::{BTreeMap, BTreeSet};

use sanscord::id::{ChannelId, UserId};
use sanscord::time::Duration;

/// How the REST server behaves.
#[derive(Clone, Debug)]
pub struct RestConfig {
    /// The wall clock at the clock's origin, in milliseconds since 1970. Ids and timestamps are made of it. The
    /// beginning of 2026 unless it is set.
    pub epoch_millis: u64,
    /// The limit of routes that are not in `limits`.
    pub default_limit: Limit,
    /// The limits of routes, by method and path as in `PATCH /channels/{channel_id}`. Messages older than 14 days
    /// have a bucket of their own for their deletion: `DELETE /channels/{channel_id}/messages/{message_id} old`.
    pub limits: BTreeMap<String, Limit>,
    /// Limits that only some requests of a route fall under.
    pub sub_limits: Vec<SubLimit>,
    /// Requests that a bot may make in a second. Discord's is 50. Answers to interactions are exempt.
    pub global: u32,
    /// How many invalid requests (401, 403, 429 but for shared limits) are taken in 10 minutes before Cloudflare bans.
    pub invalid_limit: u32,
    /// How long that ban lasts.
    pub ban: Duration,
    /// How old an answer must be for a client to be expected to know it: what is sent sooner was under way.
    pub in_flight: Duration,
    /// Messages that were there before everything began, by channel.
    pub histories: BTreeMap<ChannelId, History>,
    /// The most messages that a channel keeps of those that were posted or changed; the oldest are forgotten.
    pub messages_kept: usize,
    /// The most bytes of attachments that are kept, all channels together; the oldest are forgotten.
    pub files_kept: usize,
    /// The most bytes of one file. Discord's is 10 MiB.
    pub file_limit: usize,
    /// The most bytes of a request's body. Discord's is 25 MiB.
    pub body_limit: usize,
    /// How long a repeated nonce finds the first message.
    pub nonce_window: Duration,
    /// Channels to which no bot has access: error 50001.
    pub no_access: BTreeSet<ChannelId>,
    /// Routes for which bots lack a permission, named as in `limits`: error 50013.
    pub forbidden: BTreeSet<String>,
    /// Whether a search still counts what was deleted of a history, as Discord's index does for a while: places
    /// without a hit.
    pub stale_search: bool,
    /// People who use the API with a token of their own, without `Bot` before it.
    pub people: Vec<(String, UserId)>,
}

/// So many requests in so much time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Limit {
    /// The requests, at least one.
    pub requests: u32,
    /// The time, which begins with the first request after the last window.
    pub window: Duration,
    /// The bucket, if other routes share it: it takes the limit of the first of them that is requested.
    pub bucket: Option<String>,
}

impl Limit {
    /// A limit that the route has for itself.
    #[must_use]
    pub const fn new(requests: u32, window: Duration) -> Self {
        Self { requests, window, bucket: None }
    }

    /// The same, in a bucket that all routes share that name it.
    #[must_use]
    pub fn sharing(mut self, bucket: &str) -> Self {
        self.bucket = Some(bucket.into());
        self
    }
}

/// A limit of requests whose body has one of these fields.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SubLimit {
    /// The route, named as in [`RestConfig::limits`].
    pub route: String,
    /// The fields; none stands for all requests.
    pub fields: Vec<String>,
    /// Requests in the time.
    pub requests: u32,
    /// The time.
    pub window: Duration,
}

/// Messages from before the clock's origin, made up when they are asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct History {
    /// How many. The newest is as old as the time between two.
    pub count: u64,
    /// The time between two, at least a millisecond.
    pub spacing: Duration,
}

impl Default for RestConfig {
    /// Limits like those that bots see. None of them is promised by Discord.
    fn default() -> Self {
        let limit = |requests, millis| Limit::new(requests, Duration::from_millis(millis));
        let message = "/channels/{channel_id}/messages/{message_id}";
        let reaction = format!("{message}/reactions/{{emoji_name}}/@me");
        let limits = [
            ("POST /channels/{channel_id}/messages".into(), limit(5, 5_000)),
            (format!("PATCH {message}"), limit(5, 5_000)),
            (format!("DELETE {message}"), limit(5, 1_000)),
            (format!("DELETE {message} old"), limit(30, 120_000)),
            ("POST /channels/{channel_id}/messages/bulk-delete".into(), limit(1, 1_000)),
            (format!("PUT {reaction}"), limit(1, 250).sharing("reaction")),
            (format!("DELETE {reaction}"), limit(1, 250).sharing("reaction")),
            ("POST /channels/{channel_id}/typing".into(), limit(5, 5_000)),
            ("PATCH /channels/{channel_id}".into(), limit(5, 15_000)),
            ("GET /guilds/{guild_id}/members".into(), limit(10, 10_000)),
            ("PATCH /guilds/{guild_id}/members/{user_id}".into(), limit(10, 10_000)),
            ("POST /webhooks/{webhook_id}/{webhook_token}".into(), limit(5, 2_000)),
            ("PUT /applications/{application_id}/commands".into(), limit(2, 60_000)),
        ];
        Self {
            epoch_millis: 1_767_225_600_000,
            default_limit: limit(50, 1_000),
            limits: limits.into(),
            sub_limits: vec![SubLimit {
                route: "PATCH /channels/{channel_id}".into(),
                fields: vec!["name".into(), "topic".into()],
                requests: 2,
                window: Duration::from_secs(600),
            }],
            global: 50,
            invalid_limit: 10_000,
            ban: Duration::from_secs(86_400),
            in_flight: Duration::from_millis(500),
            histories: BTreeMap::new(),
            messages_kept: 1_000,
            files_kept: 64 << 20,
            file_limit: 10 << 20,
            body_limit: 25 << 20,
            nonce_window: Duration::from_secs(300),
            no_access: BTreeSet::new(),
            forbidden: BTreeSet::new(),
            stale_search: false,
            people: Vec::new(),
        }
    }
}
