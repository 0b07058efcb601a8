//! The resources, each with its routes.

use super::route::Route;

pub(super) mod cdn;
mod channel;
mod command;
mod compose;
mod general;
mod guild;
mod interaction;
mod member;
mod message;
mod pin;
mod reaction;
mod role;
mod search;
mod thread;
mod webhook;

/// All routes.
pub(super) const TABLE: [&[Route]; 13] = [
    &channel::ROUTES,
    &command::ROUTES,
    &general::ROUTES,
    &guild::ROUTES,
    &interaction::ROUTES,
    &member::ROUTES,
    &message::ROUTES,
    &pin::ROUTES,
    &reaction::ROUTES,
    &role::ROUTES,
    &search::ROUTES,
    &thread::ROUTES,
    &webhook::ROUTES,
];
