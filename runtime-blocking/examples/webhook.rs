//! Posts a message as a webhook, on plain threads. `--help` tells the options.

use sanscord_blocking::Discord;
use sanscord_testing::example::script::{self, Webhook};

fn main() -> script::Result {
    let webhook = Webhook::read()?;
    let discord = Discord::new(webhook.options())?;
    let mut call = webhook.url.send(&webhook.text);
    if let Some(name) = &webhook.name {
        call = call.username(name);
    }
    let message = discord.call(call)?;
    println!("{message}");
    Ok(())
}
