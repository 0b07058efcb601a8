//! Secrets, which never show in a `Debug` output.

use alloc::boxed::Box;
use core::fmt;

/// A bot token.
#[derive(Clone, Eq, PartialEq)]
pub struct Token(Box<str>);

impl Token {
    /// Takes a token as users paste it: white space around it and a leading `Bot ` are cut.
    #[must_use]
    pub fn new(token: &str) -> Self {
        let token = token.trim();
        Self(token.strip_prefix("Bot ").unwrap_or(token).trim().into())
    }

    /// Whether nothing was left after trimming.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The bare token, as the gateway's Identify takes it.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}
