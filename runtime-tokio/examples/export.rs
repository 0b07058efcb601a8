//! Writes a channel's history as JSON lines, on tokio. `--help` tells the options.

use sanscord_testing::example::script::{self, Export};
use sanscord_tokio::Discord;

#[tokio::main(flavor = "current_thread")]
async fn main() -> script::Result {
    let export = Export::read()?;
    let discord = Discord::new(export.options())?;
    let mut run = discord.run(export.channel.messages().after(export.after).all());
    while let Some(message) = run.next().await {
        export.write(&message?)?;
    }
    export.finish()
}
