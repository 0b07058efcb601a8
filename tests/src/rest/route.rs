//! What a route is.

use super::call::Handler;

/// A row of the table of routes.
#[derive(Clone, Copy)]
pub(super) struct Route {
    /// Method and path, as in `GET /channels/{channel_id}`.
    pub(super) name: &'static str,
    pub(super) access: Access,
    pub(super) handler: Handler,
}

/// Who may use a route.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Access {
    /// Everybody.
    Public,
    /// Who shows a token.
    Token,
    /// Who knows the token in the path: a webhook's or an interaction's.
    Path,
}

impl Route {
    pub(super) const fn public(name: &'static str, handler: Handler) -> Self {
        Self { name, access: Access::Public, handler }
    }

    pub(super) const fn token(name: &'static str, handler: Handler) -> Self {
        Self { name, access: Access::Token, handler }
    }

    pub(super) const fn path(name: &'static str, handler: Handler) -> Self {
        Self { name, access: Access::Path, handler }
    }
}
