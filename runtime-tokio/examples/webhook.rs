//! Posts a message as a webhook, on tokio. `--help` tells the options.

use sanscord_testing::example::script::{self, Webhook};
use sanscord_tokio::Discord;

#[tokio::main(flavor = "current_thread")]
async fn main() -> script::Result {
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
