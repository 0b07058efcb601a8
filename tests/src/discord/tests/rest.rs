//! The REST API.

use super::*;
use crate::fault::RestFault;

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
