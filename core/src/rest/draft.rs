//! What a request is made of, before it is HTTP.

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::{self, Write};
use core::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::machine::{Method, Save};
use crate::rest::invalid::{Invalid, check};
use crate::rest::upload::File;
use crate::time::Duration;

/// A request of Discord's API, of any endpoint, its answer's type left open.
///
/// What is not modelled can be asked for with this: [`Draft::new`], [`query`](Draft::query), [`set`](Draft::set).
#[derive(Clone, PartialEq)]
pub struct Draft {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: Vec<(Cow<'static, str>, String)>,
    /// The fields of the JSON body.
    pub(crate) object: Option<Map<String, Value>>,
    /// A JSON body that is no object; in its place.
    pub(crate) whole: Option<Value>,
    pub(crate) files: Vec<File>,
    /// Bytes of the whole body; the API's own bound if there is none.
    pub(crate) body_limit: Option<u64>,
    pub(crate) known: Known,
    pub(crate) reason: Option<String>,
    pub(crate) deadline: Option<Duration>,
    pub(crate) identity: Identity,
    pub(crate) save: Option<Save>,
    pub(crate) progress: bool,
    /// Whether a repeat does no harm although the method alone does not say so.
    pub(crate) repeatable: bool,
    /// What is checked across fields before it is sent.
    pub(crate) rule: Rule,
    pub(crate) invalid: Option<Invalid>,
}

/// What a message has already that is to be edited.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Known {
    /// Its files, as `attachments` lists those to keep.
    pub(crate) attachments: Vec<Value>,
    pub(crate) flags: u64,
}

/// What is checked across the fields of a request: see [`check`](crate::rest::check).
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
pub(crate) enum Rule {
    /// Nothing.
    #[default]
    None,
    /// A new message in a channel.
    Message,
    /// A new message of a webhook or an interaction.
    WebhookMessage,
    /// A message's changes.
    MessageEdit,
    /// The first answer to an interaction.
    Callback,
    /// Ids of messages to delete.
    BulkDelete,
    /// A search of messages.
    Search,
    /// A search of threads.
    ThreadSearch,
    /// A thread's or channel's settings.
    Thread,
    /// A thread's settings, and its first message.
    ForumThread,
    /// A webhook's settings.
    WebhookName,
    /// An application's command, or a list of all.
    Command,
    /// A guild's settings.
    Guild,
    /// The fields and the one file, of this name, go as parts of a form, not as JSON.
    Form(&'static str),
}

/// Who asks.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum Identity {
    /// The bot, or the user where there is no bot's token.
    #[default]
    Default,
    /// The user whose token was given.
    User,
    /// Nobody: what stands in the URL is enough, as with a webhook's token.
    Nobody,
}

impl Draft {
    /// A request of this path, which begins with a slash and has no query. What comes from outside must be
    /// percent-encoded in it: see [`segment`].
    ///
    /// A path that is a whole `https://` or `http://` URL goes there, without any token.
    pub fn new(method: Method, path: impl Into<String>) -> Self {
        let path = path.into();
        let identity = if is_url(&path) { Identity::Nobody } else { Identity::Default };
        Self {
            method,
            path,
            query: Vec::new(),
            object: None,
            whole: None,
            files: Vec::new(),
            body_limit: None,
            known: Known::default(),
            reason: None,
            deadline: None,
            identity,
            save: None,
            progress: false,
            repeatable: false,
            rule: Rule::None,
            invalid: None,
        }
    }

    /// The method.
    #[must_use]
    pub const fn method(&self) -> Method {
        self.method
    }

    /// The path, without the query.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The parameters of the query, in order.
    #[must_use]
    pub fn queries(&self) -> &[(Cow<'static, str>, String)] {
        &self.query
    }

    /// The JSON body; `None` if there is none.
    #[must_use]
    pub fn json(&self) -> Option<Value> {
        self.whole.clone().or_else(|| self.object.clone().map(Value::Object))
    }

    /// The files that go along.
    #[must_use]
    pub fn files(&self) -> &[File] {
        &self.files
    }

    /// Whether it may be repeated after an attempt of which nobody knows whether it was carried out: its method is
    /// idempotent (RFC 9110, section 9.2.2), or Discord notices a repeat.
    #[must_use]
    pub const fn is_repeatable(&self) -> bool {
        self.repeatable || self.method.is_idempotent()
    }

    /// How long the whole call may take, waiting for limits and repeats included; `None` for the client's default.
    #[must_use]
    pub const fn time_limit(&self) -> Option<Duration> {
        self.deadline
    }

    /// Adds a parameter to the query.
    pub fn query(&mut self, name: impl Into<Cow<'static, str>>, value: impl ToString) -> &mut Self {
        self.query.push((name.into(), value.to_string()));
        self
    }

    /// Sets a field of the JSON body.
    pub fn set(&mut self, name: &str, value: impl Serialize) -> &mut Self {
        match serde_json::to_value(value) {
            Ok(value) => {
                self.object.get_or_insert_default().insert(name.to_string(), value);
                self.touch(name);
            }
            Err(error) => self.refuse(Invalid::new(name.to_string(), error.to_string())),
        }
        self
    }

    /// Gives it named parameters, of an object or a struct: in the query of a GET or DELETE, and in the JSON body of
    /// any other. In a query a list repeats the name, null is left out, and an object is refused.
    ///
    /// ```
    /// use sanscord::machine::Method;
    /// use sanscord::rest::Draft;
    /// use serde_json::json;
    ///
    /// let draft = Draft::new(Method::Get, "/guilds/1/new-things").with(json!({ "limit": 5, "has": ["a", "b"] }));
    /// assert_eq!(draft.queries().len(), 3);
    /// let draft = Draft::new(Method::Post, "/guilds/1/new-things").with(json!({ "name": "x" }));
    /// assert_eq!(draft.json(), Some(json!({ "name": "x" })));
    /// ```
    #[must_use]
    pub fn with(mut self, params: impl Serialize) -> Self {
        let params = match serde_json::to_value(params) {
            Ok(Value::Object(params)) => params,
            Ok(_) => {
                self.refuse(Invalid::new("parameters", "have no names: only an object's or a struct's do"));
                return self;
            }
            Err(error) => {
                self.refuse(Invalid::new("parameters", error.to_string()));
                return self;
            }
        };
        for (name, value) in params {
            match self.method {
                Method::Get | Method::Delete => self.ask(&name, value),
                Method::Patch | Method::Post | Method::Put => {
                    self.set(&name, value);
                }
            }
        }
        self
    }

    /// Adds a value to the query, as Discord reads it there (discord-api-docs, Reference, Boolean Query Strings and
    /// Array Query Strings).
    fn ask(&mut self, name: &str, value: Value) {
        match value {
            Value::Null => {}
            Value::String(text) => {
                self.query(name.to_string(), text);
            }
            Value::Bool(_) | Value::Number(_) => {
                self.query(name.to_string(), value);
            }
            Value::Array(values) => values.into_iter().for_each(|value| self.ask(name, value)),
            Value::Object(_) => {
                self.refuse(Invalid::new(name.to_string(), "is an object, which no query can hold"));
            }
        }
    }

    /// Sends this as the JSON body: an object's fields can be set further.
    pub fn body(&mut self, value: impl Serialize) -> &mut Self {
        match serde_json::to_value(value) {
            Ok(Value::Object(map)) => self.object = Some(map),
            Ok(value) => self.whole = Some(value),
            Err(error) => self.refuse(Invalid::new("body", error.to_string())),
        }
        self
    }

    /// Gives a new message of a channel a nonce made of this number, unless it has one: Discord then notices for some
    /// minutes if it is sent again, so that the request may be repeated. Says whether it did; all other
    /// requests it leaves alone.
    pub fn mint_nonce(&mut self, n: u64) -> bool {
        if self.rule != Rule::Message || self.field("nonce").is_some() {
            return false;
        }
        // At most 20 digits, of the 25 characters that are allowed.
        self.set("nonce", n.to_string());
        self.set("enforce_nonce", true);
        self.repeatable = true;
        true
    }

    /// The field of the JSON body that holds the message, where it is not the body itself.
    pub(crate) const fn nest(&self) -> Option<&'static str> {
        match self.rule {
            Rule::Callback => Some("data"),
            Rule::ForumThread => Some("message"),
            _ => None,
        }
    }

    /// Whether it may last: it carries files, or its answer is saved.
    pub(crate) fn is_transfer(&self) -> bool {
        !self.files().is_empty() || self.save.is_some()
    }

    /// The message's fields in the JSON body.
    pub(crate) fn message(&mut self) -> &mut Map<String, Value> {
        let nest = self.nest();
        let body = self.object.get_or_insert_default();
        match nest {
            None => body,
            Some(nest) => object(body.entry(nest).or_insert(Value::Null)),
        }
    }

    /// Keeps the files of a message that is edited, unless it was said which: when this changes, Discord takes what is
    /// not listed for unwanted (discord-api-docs, Reference, Editing Message Attachments). Nobody but its author may
    /// list them, so what others may change goes without.
    pub(crate) fn touch(&mut self, name: &str) {
        if ["content", "embeds", "components", "files"].contains(&name) && !self.known.attachments.is_empty()
        {
            let kept = core::mem::take(&mut self.known.attachments);
            self.message().entry("attachments").or_insert(kept.into());
        }
    }

    /// The value of a field of the JSON body.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Value> {
        self.object.as_ref()?.get(name)
    }

    /// Notes what Discord would refuse: the first fault is told.
    pub(crate) fn refuse(&mut self, invalid: Invalid) {
        self.invalid.get_or_insert(invalid);
    }

    pub(crate) fn check(&mut self, result: Result<(), Invalid>) {
        if let Err(invalid) = result {
            self.refuse(invalid);
        }
    }

    /// Refuses a repeated parameter of the query outside these bounds.
    pub(crate) fn check_each(&mut self, name: &'static str, range: RangeInclusive<i64>) {
        let values: Vec<()> = self.query.iter().filter(|(known, _)| known == name).map(|_| ()).collect();
        self.check(check(name, &values, range));
    }

    /// Refuses a second one of several parameters that exclude each other.
    pub(crate) fn at_most_one(&mut self, names: &[&'static str]) {
        let mut given = names.iter().filter(|name| self.query.iter().any(|(known, _)| known == *name));
        if let (Some(first), Some(second)) = (given.next(), given.next()) {
            let why =
                alloc::format!("cannot be given along with {first}: one of {} at most", names.join(", "));
            self.refuse(Invalid::new(*second, why));
        }
    }
}

/// A value as an object: an empty one in place of what is none.
pub(crate) fn object(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    match value {
        Value::Object(map) => map,
        // It was made one above.
        _ => unreachable!(),
    }
}

/// Method and path: `POST /channels/5/messages`. Tokens in a path are hidden.
impl fmt::Display for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, crate::machine::shown_url(&self.path))
    }
}

/// Shows method and path, and the names of what is set: the values may be anything.
impl fmt::Debug for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        for (index, (name, _)) in self.query.iter().enumerate() {
            write!(f, "{}{name}", if index == 0 { '?' } else { '&' })?;
        }
        if let Some(map) = &self.object {
            let names: Vec<&str> = map.keys().map(String::as_str).collect();
            write!(f, " {{{}}}", names.join(", "))?;
        }
        if !self.files.is_empty() {
            write!(f, " and {} files", self.files.len())?;
        }
        Ok(())
    }
}

/// Whether a path is a URL of its own.
pub(crate) fn is_url(path: &str) -> bool {
    ["https://", "http://"].iter().any(|scheme| path.starts_with(scheme))
}

/// Text as a segment of a path, or as a name or value in a query: all but RFC 3986's unreserved characters
/// percent-encoded (section 2.3).
#[must_use]
pub fn segment(text: impl fmt::Display) -> String {
    let mut encoded = String::new();
    for byte in text.to_string().bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // A String takes everything.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    // A path would lose a segment that is nothing but dots (RFC 3986, section 5.2.4).
    match &*encoded {
        "." => "%2E".into(),
        ".." => "%2E%2E".into(),
        _ => encoded,
    }
}
