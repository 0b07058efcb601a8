//! Writes a channel's history as JSON lines, on plain threads. `--help` tells the options.
//!
//! `Export` and `script` are this demonstration's: options, a Discord of our own where there is no token, and
//! the file with its state. A script of your own has `Discord::from_env()?` and its own values in the place
//! of `export`, and answers with `Result<(), Box<dyn Error>>`; the calls stay as they are. A line of the file
//! is `serde_json::to_string(&message)?`.

use sanscord_blocking::Discord;
use sanscord_testing::example::script::{self, Export};

fn main() -> script::Result {
    let export = Export::read()?;
    let discord = Discord::new(export.options())?;
    for message in discord.run(export.channel.messages().after(export.after).all()) {
        match message {
            Ok(message) => export.write(&message)?,
            Err(error) => export.tell(&error),
        }
    }
    export.finish()
}
