//! What OAuth2 tokens tell: of themselves, and of a user's accounts elsewhere.

use alloc::string::String;
use alloc::vec::Vec;

use super::command::Application;
use super::kinds::ConnectionVisibility;
use super::program::Integration;
use super::table::objects;
use super::text::DateTime;
use super::user::User;

objects! {
    /// What an OAuth2 token is good for, and whose it is (discord-api-docs, OAuth2, Get Current Authorization
    /// Information).
    Authorization {
        /// The application, with some of its fields.
        application: must Application;
        /// The scopes.
        scopes: or Vec<String>;
        /// Until when.
        expires: may DateTime;
        /// Whose it is; only with the scope `identify`.
        user: may User;
    }

    /// A user's account elsewhere (discord-api-docs, User, Connection Object).
    Connection {
        /// Which account, in the words of the service.
        id: must String;
        /// The user's name there.
        name: may String;
        /// Which service: `github`, `steam` ..
        kind as "type": or String;
        /// Whether it was taken back.
        revoked: or bool;
        /// What it brings to guilds, with some of their fields.
        integrations: or Vec<Integration>;
        /// Whether it is proven.
        verified: or bool;
        /// Whether friends are found by it.
        friend_sync: or bool;
        /// Whether what happens there is shown in presences.
        show_activity: or bool;
        /// Whether it is linked in both directions.
        two_way_link: or bool;
        /// Who sees it.
        visibility: or ConnectionVisibility;
        [access_token metadata metadata_visibility]
    }
}
