//! Writes a channel's history as JSON lines, on smol. `--help` tells the options.

use sanscord_smol::Discord;
use sanscord_testing::example::script::{self, Export};

fn main() -> script::Result {
    smol::block_on(run())
}

async fn run() -> script::Result {
    let export = Export::read()?;
    let discord = Discord::new(export.options())?;
    let mut run = discord.run(export.channel.messages().after(export.after).all());
    while let Some(message) = run.next().await {
        export.write(&message?)?;
    }
    export.finish()
}
