//! Posts a message as a webhook, on smol. `--help` tells the options.
//!
//! `Webhook` and `script` are this demonstration's: options, and a Discord of our own where there is no URL.
//! A script of your own has `Discord::from_env()?` and its own values in the place of `webhook`, and answers
//! with `Result<(), Box<dyn Error>>`; the calls stay as they are. A webhook needs no token; its URL is
//! `"https://..".parse::<WebhookUrl>()?`.

use sanscord_smol::Discord;
use sanscord_testing::example::script::{self, Webhook};

fn main() -> script::Result {
    smol::block_on(run())
}

async fn run() -> script::Result {
    let webhook = Webhook::read()?;
    let discord = Discord::new(webhook.options())?;
    let mut call = webhook.url.send(&webhook.text);
    if let Some(name) = &webhook.name {
        call = call.username(name);
    }
    let message = discord.call(call).await?;
    println!("{message}");
    Ok(())
}
