//! Our own Discord for a script to work on: a guild with channels, members, messages and a webhook.

use std::io;

use bytes::Bytes;
use sanscord::id::{ChannelId, GuildId};
use sanscord::machine::Method;
use sanscord::time::Timestamp;
use serde_json::{Value, json};

use crate::config::Config;
use crate::discord::Discord;
use crate::example::Demonstration;
use crate::server::{ExchangeId, ServerInput, ServerOutput};

/// Our own Discord, and what is where on it.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) discord: Demonstration,
    pub(super) guild: GuildId,
    pub(super) channel: ChannelId,
    /// A webhook of that channel.
    pub(super) webhook: String,
}

/// Messages in the channel: enough to watch an export, and to interrupt it.
const MESSAGES: u64 = 10_000;

/// In milliseconds.
const DAY: u64 = 86_400_000;

impl Scene {
    pub(super) fn start() -> io::Result<Self> {
        let mut config = Config { members: 12, ..Config::quiet() };
        // A script compares the ages of messages with the time on this machine. Their ids are the same all day, so that
        // an export can go on in the next process.
        config.rest.epoch_millis = sanscord_host::unix_millis() / DAY * DAY;
        let (guild, (channel, _)) = (config.guild, config.text_channel.clone());
        let (discord, webhook) = Demonstration::prepare(config.history(channel, MESSAGES), |server| {
            furnish(server, guild, channel)
        })?;
        Ok(Self { discord, guild, channel, webhook })
    }
}

/// Adds channels, a thread and a webhook, whose URL is the answer.
fn furnish(server: &mut Discord, guild: GuildId, channel: ChannelId) -> String {
    let mut number = 0;
    let mut ask = |path: &str, body: Value| {
        number += 1;
        ask(server, ExchangeId(u64::MAX - number), path, &body)
    };
    let channels = format!("/guilds/{guild}/channels");
    let category = ask(&channels, json!({"name": "Workshop", "type": 4}));
    let parent = &category["id"];
    let help = ask(&channels, json!({"name": "help", "parent_id": parent, "topic": "Ask whatever you like"}));
    let help = help["id"].as_str().unwrap_or_default();
    ask(&channels, json!({"name": "Drawing board", "type": 2, "parent_id": parent}));
    ask(&format!("/channels/{help}/threads"), json!({"name": "How do I export?", "type": 11}));
    let webhook = ask(&format!("/channels/{channel}/webhooks"), json!({"name": "News"}));
    webhook["url"].as_str().unwrap_or_default().to_owned()
}

/// Makes a request before anybody is connected.
fn ask(server: &mut Discord, exchange: ExchangeId, path: &str, body: &Value) -> Value {
    let headers = [
        ("user-agent", "DiscordBot (sanscord-testing, 0)".to_owned()),
        ("authorization", format!("Bot {}", server.config().token)),
        ("content-type", "application/json".to_owned()),
    ];
    let request = ServerInput::Request {
        exchange,
        method: Some(Method::Post),
        target: format!("/api/v10{path}"),
        headers: headers.map(|(name, value)| (name.to_owned(), value)).into(),
        body: Bytes::from(body.to_string()),
    };
    server.handle_input(Timestamp::ZERO, request);
    let mut answer = Value::Null;
    loop {
        match server.poll_output() {
            ServerOutput::Respond(_, response) => {
                answer = serde_json::from_slice(&response.body).unwrap_or_default();
            }
            ServerOutput::Wait(_) => return answer,
            _ => {}
        }
    }
}
