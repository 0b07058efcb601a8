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
//! A client of an adapter makes it: `discord.call(call)`. Whoever has HTTP of their own asks [`Api::request`] for
//! the [`Request`](crate::machine::Request) to send, and [`Call::read`] for what came back.
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
pub use task::{Progress, Step, Task};
pub use upload::File;
pub use webhook_url::WebhookUrl;

#[cfg(test)]
mod tests;
