//! What the examples of scripts share: their options, our own Discord where there is no token, and one clear sentence
//! where something fails. What is left in the examples is what a script's author would write.

mod demonstration;
mod export;
mod options;

use std::error::Error;
use std::fmt;

use sanscord_host::discord::Options;

pub use export::Export;
pub use options::{Post, Purge, Tree, Webhook};

use demonstration::Scene;

/// What `main` of a script answers with: exit code 1 and a sentence on stderr where something failed.
pub type Result<T = ()> = std::result::Result<T, Failure>;

/// Why a script came to nothing.
pub struct Failure(String);

impl<E: Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// The sentence itself: this is how Rust shows what `main` failed with.
impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Fails with a sentence.
fn fail<T>(sentence: impl Into<String>) -> Result<T> {
    Err(Failure(sentence.into()))
}

/// How a script reaches Discord.
#[derive(Debug)]
struct Setup {
    options: Options,
    /// Our own Discord, for as long as the script runs.
    scene: Option<Scene>,
}
