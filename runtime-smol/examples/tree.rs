//! Prints a guild's channels, threads and members, on smol. `--help` tells the options.
//!
//! `Tree` and `script` are this demonstration's: options, and a Discord of our own where there is no token. A
//! script of your own has `Discord::from_env()?` and its own values in the place of `wanted`, and answers
//! with `Result<(), Box<dyn Error>>`; the calls stay as they are.

use sanscord::rest::task::GuildTree;
use sanscord_smol::Discord;
use sanscord_testing::example::script::{self, Tree};

fn main() -> script::Result {
    smol::block_on(run())
}

async fn run() -> script::Result {
    let wanted = Tree::read()?;
    let discord = Discord::new(wanted.options())?;
    let mut task = GuildTree::new(wanted.guild);
    if wanted.members > 0 {
        task = task.with_members(wanted.members);
    }
    let mut run = discord.run(task);
    while let Some(tree) = run.next().await {
        print!("{}", tree?);
    }
    Ok(())
}
