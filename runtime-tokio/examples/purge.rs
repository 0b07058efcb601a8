//! Searches messages and deletes them, on tokio. `--help` tells the options.
//!
//! `Purge` and `script` are this demonstration's: options, a Discord of our own where there is no token, and
//! the count of errors. A script of your own has `Discord::from_env()?` and its own values in the place of
//! `purge`, and answers with `Result<(), Box<dyn Error>>`; the calls stay as they are. The time that `delete`
//! takes is milliseconds since 1970.

use sanscord_testing::example::script::{self, Purge};
use sanscord_tokio::{Discord, unix_millis};

#[tokio::main(flavor = "current_thread")]
async fn main() -> script::Result {
    let purge = Purge::read()?;
    let discord = Discord::new(purge.options())?;
    let mut search = purge.guild.search();
    for author in &purge.authors {
        search = search.author_id(*author);
    }
    for channel in &purge.channels {
        search = search.channel_id(*channel);
    }
    if let Some(content) = &purge.content {
        search = search.content(content);
    }
    let mut task = search.all().delete(unix_millis());
    if !purge.delete {
        task = task.dry_run();
    }
    let mut run = discord.run(task);
    while let Some(message) = run.next().await {
        match message {
            Ok(message) => println!("{} {message}", message.url_in(purge.guild)),
            Err(error) => purge.tell(&error),
        }
    }
    purge.finish(run.progress())
}
