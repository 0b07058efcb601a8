//! Requests by what they are about: an id's or object's methods.

mod channel;
mod guild;
mod interaction;
mod message;
mod webhook;
