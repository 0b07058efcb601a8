//! Prints messages, parsed into twilight-model's types, on threads. Without `DISCORD_BOT_TOKEN` it shows those of a
//! Discord of our own, for five seconds.

use std::error::Error;
use std::time::{Duration, Instant};

use sanscord::cluster::{Cluster, Config, Event};
use sanscord::gateway::{self, EventName, Intents, Interest};
use sanscord::secret::Token;
use sanscord_blocking::Network;
use sanscord_testing::example::Demonstration;
use twilight_model::gateway::payload::incoming::MessageCreate;

fn main() -> Result<(), Box<dyn Error>> {
    let token = std::env::var("DISCORD_BOT_TOKEN").ok();
    let demonstration = if token.is_none() { Some(Demonstration::start()?) } else { None };
    let token = token.as_deref().or(demonstration.as_ref().map(Demonstration::token)).unwrap_or_default();

    let mut gateway =
        gateway::Config::new(Token::new(token), Intents::GUILD_MESSAGES | Intents::MESSAGE_CONTENT);
    gateway.interest = Interest::only([EventName::MessageCreate]);
    let mut config = Config::new(gateway);
    let mut network = Network::new();
    if let Some(demonstration) = &demonstration {
        config.api_base = demonstration.api_base().into();
        network = network.trust_pem_file(demonstration.certificate())?;
    }
    let (handle, events) =
        sanscord_blocking::start(Cluster::new(config, sanscord_blocking::seed()?), network)?;
    let started = Instant::now();
    for event in events {
        match event {
            Event::Shard(_, gateway::Event::Dispatch(dispatch))
                if dispatch.name == EventName::MessageCreate =>
            {
                match dispatch.parse::<MessageCreate>() {
                    Ok(message) => println!("{}: {}", message.author.name, message.content),
                    Err(error) => eprintln!("{error}"),
                }
            }
            Event::Stopped { reason } => eprintln!("{reason}"),
            _ => {}
        }
        if demonstration.is_some() && started.elapsed() > Duration::from_secs(5) {
            handle.call(Cluster::stop)?;
        }
    }
    Ok(())
}
