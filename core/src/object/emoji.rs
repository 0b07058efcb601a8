//! Emoji.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::id::{EmojiId, RoleId};

use super::table::{Preview, objects};
use super::user::User;

objects! {
    /// An emoji (discord-api-docs, Emoji).
    Emoji {
        /// Which emoji; none for those of Unicode.
        id: may EmojiId;
        /// Its name, or the Unicode emoji itself; null for deleted ones.
        name: may String;
        /// Who may use it; empty for all.
        roles: or Vec<RoleId>;
        /// Who made it.
        user: may Box<User>;
        /// Whether it is written between colons.
        require_colons: or bool;
        /// Whether an integration manages it.
        managed: or bool;
        /// Whether it moves.
        animated: or bool;
        /// Whether it can be used; not so when boosts were lost.
        available: may bool;
    }
}

impl fmt::Debug for Emoji {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Preview(self.name.as_deref().unwrap_or_default());
        match self.id {
            Some(id) => write!(f, "Emoji({id} {name:?})"),
            None => write!(f, "Emoji({name:?})"),
        }
    }
}
