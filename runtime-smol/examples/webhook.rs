//! Posts a message as a webhook, on smol. `--help` tells the options.

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
