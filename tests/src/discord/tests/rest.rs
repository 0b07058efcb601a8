//! The REST API.

mod fates;
mod files;
mod interactions;
mod limits;
mod messages;
mod refusals;
mod resources;
mod search;

use super::*;
use crate::fault::RestFault;
use crate::rest::settings::Limit;

const BASE: &str = "/api/v10";
const MESSAGES: &str = "POST /channels/{channel_id}/messages";

/// A bot and its requests.
struct Api {
    client: Client,
    token: String,
    guild: u64,
    channel: u64,
    bot: u64,
}

impl Api {
    /// A server without limits that would stand in a test's way.
    fn free(mut config: Config) -> Self {
        config.rest.limits.clear();
        config.rest.sub_limits.clear();
        config.rest.default_limit = Limit::new(10_000, Duration::from_secs(1));
        config.rest.global = 10_000;
        Self::new(config)
    }

    fn new(config: Config) -> Self {
        Self {
            token: format!("Bot {}", config.token),
            guild: config.guild.0,
            channel: config.text_channel.0.0,
            bot: config.bot.0,
            client: Client::new(config, 41),
        }
    }

    /// Sends a request; its answer, unless there is none.
    fn send(
        &mut self,
        method: Method,
        path: &str,
        more: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Option<Response> {
        let mut headers = vec![("user-agent".to_owned(), "DiscordBot (https://example.org, 1)".to_owned())];
        if !self.token.is_empty() {
            headers.push(("authorization".into(), self.token.clone()));
        }
        headers.extend(more.iter().map(|(name, value)| ((*name).into(), (*value).into())));
        self.client.input(ServerInput::Request {
            exchange: ExchangeId(1),
            method: Some(method),
            target: format!("{BASE}{path}"),
            headers,
            body: body.into(),
        });
        self.client.responses.pop()
    }

    fn ask(&mut self, method: Method, path: &str, body: &Value) -> Response {
        let (headers, body) = match body {
            Value::Null => (&[][..], String::new()),
            body => (&[("content-type", "application/json")][..], body.to_string()),
        };
        self.send(method, path, headers, body).unwrap()
    }

    /// The status and the body, null if there is none.
    fn call(&mut self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let response = self.ask(method, path, &body);
        (response.status, serde_json::from_slice(&response.body).unwrap_or_default())
    }

    fn get(&mut self, path: &str) -> Value {
        let (status, body) = self.call(Method::Get, path, Value::Null);
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    /// The status and Discord's code.
    fn code(&mut self, method: Method, path: &str, body: Value) -> (u16, u64) {
        let (status, body) = self.call(method, path, body);
        (status, body["code"].as_u64().unwrap_or(u64::MAX))
    }

    fn messages(&self) -> String {
        format!("/channels/{}/messages", self.channel)
    }

    /// Posts a message; its id.
    fn post(&mut self, content: &str) -> String {
        let path = self.messages();
        let (status, message) = self.call(Method::Post, &path, json!({ "content": content }));
        assert_eq!(status, 200, "{message}");
        message["id"].as_str().unwrap().to_owned()
    }

    fn rules(&self) -> Vec<Rule> {
        self.client.rules()
    }
}

#[test]
fn rest_answers_as_discord_does() {
    let mut config = calm();
    config.faults.rest.extend([
        RestFault::Status(502),
        RestFault::RateLimited { retry_after: Duration::from_millis(1_500), global: false },
    ]);
    let (token, guild, channel) = (format!("Bot {}", config.token), config.guild, config.text_channel.0);
    let mut client = Client::new(config, 18);
    let agent = "DiscordBot (https://example.org, 1)";
    let bot = "/api/v10/gateway/bot";
    let json = |response: &Response| serde_json::from_slice::<Value>(&response.body).unwrap();

    assert_eq!(client.get(Method::Get, bot, &token, agent, "").status, 502);
    let limited = client.get(Method::Get, bot, &token, agent, "");
    assert_eq!((limited.status, &json(&limited)["retry_after"]), (429, &json!(1.5)));
    assert_eq!(client.rules(), []);
    client.sleep(1_000);
    assert_eq!(client.get(Method::Get, bot, &token, agent, "").status, 429);
    assert_eq!(client.rules(), [Rule::RestRate]);
    client.sleep(500);
    let answer = client.get(Method::Get, bot, &token, agent, "");
    assert_eq!(json(&answer)["session_start_limit"]["max_concurrency"], 1);
    assert_eq!(answer.header("x-ratelimit-remaining"), Some("49"));

    let unauthorized = client.get(Method::Get, bot, "Bot wrong", agent, "");
    assert_eq!(
        (unauthorized.status, json(&unauthorized)),
        (401, json!({"message": "401: Unauthorized", "code": 0}))
    );
    assert_eq!(client.get(Method::Get, bot, &token, "curl/8", "").status, 403);
    assert_eq!(client.rules(), [Rule::RestRate, Rule::UserAgent]);
    for (target, status, code) in [
        (format!("/api/v10/guilds/{guild}"), 200, Value::Null),
        (format!("/api/v10/channels/{channel}"), 200, Value::Null),
        ("/api/v10/guilds/5".into(), 404, json!(10_004)),
        ("/api/v10/channels/5".into(), 404, json!(10_003)),
        ("/api/v10/nothing".into(), 404, json!(0)),
        ("/".into(), 404, json!(0)),
    ] {
        let answer = client.get(Method::Get, &target, &token, agent, "");
        assert_eq!((answer.status, &json(&answer)["code"]), (status, &code), "{target}");
    }

    let gateway = client.identify();
    let target = format!("/api/v10/channels/{channel}/messages");
    let posted = client.get(Method::Post, &target, &token, agent, r#"{"content":"hi"}"#);
    assert_eq!(json(&posted)["content"], "hi");
    let told = client.named(gateway, "MESSAGE_CREATE").unwrap();
    let mut without = told.clone();
    for key in ["guild_id", "member"] {
        assert!(without.as_object_mut().unwrap().remove(key).is_some());
    }
    assert_eq!(without, json(&posted));
}
