//! Writes a channel's history as JSON lines, on plain threads. `--help` tells the options.

use sanscord_blocking::Discord;
use sanscord_testing::example::script::{self, Export};

fn main() -> script::Result {
    let export = Export::read()?;
    let discord = Discord::new(export.options())?;
    for message in discord.run(export.channel.messages().after(export.after).all()) {
        export.write(&message?)?;
    }
    export.finish()
}
