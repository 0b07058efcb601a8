//! Discord's HTTP API, version 10: requests as values.
//!
//! A [`Call`] is a request: which [`Endpoint`], what for, and what the answer is. It is made by an id's methods, or by
//! the endpoint itself, and does nothing by itself:
//!
//! ```
//! use sanscord::id::{ChannelId, MessageId};
//!
//! let channel = ChannelId(41771983423143937);
//! let call = channel.send("hi").reply_to(MessageId(162701077035089920));
//! assert_eq!(call.to_string(), "POST /channels/41771983423143937/messages");
//! ```
//!
//! A client of an adapter makes it, `discord.call(call)`, and answers with the endpoint's own type or an [`Error`]. The
//! calls of an id or object stand with it ([`ChannelId`](crate::id::ChannelId), [`Message`](crate::object::Message),
//! ...), those of our own user and its guilds with [`Me`]; [`endpoint`] has them all by name. What is not modelled is said with [`Call::set`] and [`Call::query`], or by a
//! [`Draft`] of any path, whose answer [`Raw`](call::Raw) reads as whatever you name:
//!
//! ```
//! use sanscord::machine::Method;
//! use sanscord::object::Json;
//! use sanscord::rest::Draft;
//! use sanscord::rest::call::Raw;
//! use serde_json::json;
//!
//! // In the query, as it is a GET; in the JSON body of a POST.
//! let draft = Draft::new(Method::Get, "/guilds/81384788765712384/new-things").with(json!({ "limit": 5 }));
//! let call = Raw::<Json>::call(draft);
//! assert_eq!(call.to_string(), "GET /guilds/81384788765712384/new-things");
//! ```
//!
//! Mistakes that Discord would refuse come out before anything is sent, as [`Cause::Invalid`]:
//!
//! ```
//! use sanscord::id::ChannelId;
//! use sanscord::rest::{API_BASE, Api};
//!
//! let call = ChannelId(41771983423143937).send("x".repeat(2_001));
//! let refused = Api::anonymous(API_BASE).request(call.draft(), "").unwrap_err();
//! assert_eq!(refused.field, "content");
//! ```
//!
//! What takes several requests is a [`Task`], and `discord.run(task)` goes through it; [`task`] lists them.
//!
//! ```
//! # use sanscord::id::{ChannelId, MessageId};
//! let channel = ChannelId(41771983423143937);
//! let history = channel.messages().after(MessageId(162701077035089920)).all().at_most(1_000);
//! // At any time, as any format of serde's, to go on with in another process.
//! let saved = serde_json::to_string(&history)?;
//! # Ok::<(), serde_json::Error>(())
//! ```
//!
//! Between the two stands the [`session`], which every adapter runs: it lets calls wait for Discord's limits
//! ([`limiter`]), repeats what failed where a repeat does nothing twice, ends what takes too long, and says why in its
//! events. Whoever has HTTP of their own runs it as any [`Machine`](crate::machine::Machine), or, without limits and
//! repeats, asks [`Api::request`] for the [`Request`](crate::machine::Request) to send, and [`Call::read`] for what came
//! back.
//!
//! | file | subject |
//! |---|---|
//! | `api` | base URL and tokens: from drafts to HTTP requests |
//! | `call`, `draft` | a request as a value; what it is made of |
//! | `invalid`, `check` | why it is refused before it is sent: a field by itself, fields together |
//! | `compose`, `methods` | what messages are made of; requests by what they are about |
//! | `upload` | files, and the multipart body that carries them |
//! | `endpoint` | the table of all endpoints, by resource |
//! | `error`, `failure` | answers that are no success; why a call came to nothing |
//! | `limiter`, `route` | when a request may be sent; what a limit is for |
//! | `value` | values that requests take |
//! | `share` | one limiter for several processes |
//! | `session` | the machine that makes calls: in turn, again where that is safe, in time |
//! | `task` | what takes several requests |
//! | `download` | attachments, into memory or a file |
//! | `webhook_url` | webhooks by their URLs |
//! | `gateway` | `GET /gateway/bot` |

pub mod api;
pub mod call;
mod check;
pub mod compose;
pub mod download;
pub mod draft;
pub mod endpoint;
pub mod error;
pub mod failure;
pub mod gateway;
pub mod invalid;
pub mod limiter;
pub mod methods;
pub mod route;
pub mod session;
pub mod share;
pub mod task;
pub mod upload;
pub mod value;
pub mod webhook_url;

pub use api::{API_BASE, Api};
pub use call::{Answer, Call, Endpoint};
pub use draft::Draft;
pub use error::RestError;
pub use failure::{Cause, Error};
pub use gateway::GatewayBot;
pub use invalid::Invalid;
pub use methods::{Me, When};
pub use task::{Progress, Step, Task};
pub use upload::File;
pub use webhook_url::WebhookUrl;

#[cfg(test)]
mod tests;
