//! Payloads parsed into another library's types: twilight-model's, of what our Discord sends.

use sanscord::cluster::{Cluster, Config, Event};
use sanscord::gateway::{self, EventName, Intents};
use sanscord::secret::Token;
use sanscord::time::Duration;
use sanscord_testing::config;
use sanscord_testing::discord::Discord;
use sanscord_testing::link::LinkConfig;
use sanscord_testing::world::World;
use twilight_model::gateway::payload::incoming::{GuildCreate, MessageCreate, Ready};

#[test]
fn payloads_are_parsed_into_twilight_models() {
    let config = config::Config { chatter: Some(Duration::from_secs(1)), ..config::Config::quiet() };
    let gateway = gateway::Config::new(Token::new(&config.token), Intents::NON_PRIVILEGED);
    let cluster = Cluster::new(Config::new(gateway), [1; 32]);
    let (guild, bot) = (config.guild, config.bot);
    let mut world = World::new(cluster, Discord::new(config, 1), LinkConfig::default(), 1);
    world.run_for(Duration::from_secs(10));
    let mut messages = 0;
    for happened in world.take_events() {
        let Event::Shard(_, gateway::Event::Dispatch(dispatch)) = happened.event else { continue };
        match dispatch.name {
            EventName::Ready => {
                let ready: Ready = dispatch.parse().unwrap();
                assert_eq!((ready.user.id.get(), ready.guilds.len()), (bot.0, 1));
            }
            EventName::GuildCreate => {
                let GuildCreate::Available(created) = dispatch.parse().unwrap() else {
                    panic!("unavailable")
                };
                assert_eq!(created.id.get(), guild.0);
            }
            EventName::MessageCreate => {
                let message: MessageCreate = dispatch.parse().unwrap();
                assert!(message.content.contains(char::is_numeric));
                messages += 1;
            }
            _ => {}
        }
    }
    assert!(messages > 5, "{messages}");
}
