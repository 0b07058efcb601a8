//! What a request is answered with.

use bytes::Bytes;
use sanscord::machine::Response;
use serde_json::{Value, json};

/// An answer, before the fields that limits add.
#[derive(Debug)]
pub(super) struct Reply(pub(super) Response);

/// Refusals are answers, too.
pub(super) type Answer = Result<Reply, Reply>;

impl Reply {
    pub(super) fn new(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        let headers = vec![("content-type".into(), content_type.into())];
        Self(Response { status, headers, body: body.into() })
    }

    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self::new(status, "application/json", body.to_string())
    }

    pub(super) fn nothing() -> Self {
        Self(Response { status: 204, headers: vec![], body: Bytes::new() })
    }

    pub(super) fn error(status: u16, code: u32, message: &str) -> Self {
        Self::json(status, &json!({"message": message, "code": code}))
    }

    pub(super) fn with(mut self, name: &str, value: impl Into<Box<str>>) -> Self {
        self.0.headers.push((name.into(), value.into()));
        self
    }

    /// An answer that did not come from Discord itself but from what stands before it.
    pub(super) fn html(status: u16) -> Self {
        let body =
            format!("<html><head><title>{status}</title></head><body>error code: {status}</body></html>");
        Self::new(status, "text/html", body)
    }
}

/// 200 with this body.
pub(super) fn ok(body: &Value) -> Answer {
    Ok(Reply::json(200, body))
}

/// 204.
pub(super) fn done() -> Answer {
    Ok(Reply::nothing())
}

/// A copy of an object without some of its fields.
pub(super) fn without(value: &Value, names: &[&str]) -> Value {
    match value.as_object() {
        None => value.clone(),
        Some(fields) => {
            let kept = fields.iter().filter(|(key, _)| !names.contains(&key.as_str()));
            Value::Object(kept.map(|(key, value)| (key.clone(), value.clone())).collect())
        }
    }
}

/// The refusals that several resources share.
macro_rules! refusals {
    ($($name:ident: $status:literal, $code:literal, $message:literal;)+) => {$(
        pub(super) fn $name() -> Reply {
            Reply::error($status, $code, $message)
        }
    )+};
}

refusals! {
    not_found: 404, 0, "404: Not Found";
    not_allowed: 405, 0, "405: Method Not Allowed";
    unauthorized: 401, 0, "401: Unauthorized";
    unknown_channel: 404, 10_003, "Unknown Channel";
    unknown_guild: 404, 10_004, "Unknown Guild";
    unknown_member: 404, 10_007, "Unknown Member";
    unknown_message: 404, 10_008, "Unknown Message";
    unknown_role: 404, 10_011, "Unknown Role";
    unknown_user: 404, 10_013, "Unknown User";
    unknown_emoji: 400, 10_014, "Unknown Emoji";
    unknown_webhook: 404, 10_015, "Unknown Webhook";
    unknown_interaction: 404, 10_062, "Unknown interaction";
    unknown_command: 404, 10_063, "Unknown application command";
    too_large: 413, 40_005, "Request entity too large";
    acknowledged: 400, 40_060, "Interaction has already been acknowledged.";
    no_access: 403, 50_001, "Missing Access";
    not_author: 403, 50_005, "Cannot edit a message authored by another user";
    empty_message: 400, 50_006, "Cannot send an empty message";
    not_text: 400, 50_008, "Cannot send messages in a non-text channel";
    no_permission: 403, 50_013, "Missing Permissions";
    not_so_many: 400, 50_016, "Provided too few or too many messages to delete. Must provide at least 2 and fewer than 100 messages to delete.";
    wrong_channel_type: 400, 50_024, "Cannot execute action on this channel type";
    invalid_webhook_token: 401, 50_027, "Invalid Webhook Token";
    invalid_recipient: 400, 50_033, "Invalid Recipient(s)";
    too_old: 400, 50_034, "You can only bulk delete messages that are under 14 days old.";
    archived: 400, 50_083, "Thread is archived";
    bad_json: 400, 50_109, "The request body contains invalid JSON.";
    has_thread: 400, 160_004, "A thread has already been created for this message";
}
