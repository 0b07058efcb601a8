//! Posts a message with a file, on tokio. `--help` tells the options.
//!
//! `Post` and `script` are this demonstration's: options, and a Discord of our own where there is no token. A
//! script of your own has `Discord::from_env()?` and its own values in the place of `post`, and answers with
//! `Result<(), Box<dyn Error>>`; the calls stay as they are.

use sanscord::rest::File;
use sanscord_testing::example::script::{self, Post};
use sanscord_tokio::Discord;

#[tokio::main(flavor = "current_thread")]
async fn main() -> script::Result {
    let post = Post::read()?;
    let discord = Discord::new(post.options())?;
    let files = post.files.iter().map(|path| File::path(path.as_str()));
    let message = discord.call(post.channel.send(&post.text).files(files)).await?;
    println!("{message}");
    for file in &message.attachments {
        println!("{file} at {}", file.url);
    }
    Ok(())
}
