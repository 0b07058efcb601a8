//! The API as one program sees it: base URL, tokens, and how a draft becomes an HTTP request.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;
use serde_json::Value;

use crate::machine::{Body, Method, Part, Request};
use crate::rest::check;
use crate::rest::draft::{Draft, Identity, Rule, is_url, segment};
use crate::rest::invalid::Invalid;
use crate::rest::share::Account;
use crate::rest::upload;
use crate::secret::Token;
use crate::time::Duration;

/// Where the API is, unless told otherwise.
pub const API_BASE: &str = "https://discord.com/api/v10";

/// Who we are (discord-api-docs, Reference, User Agent): Discord refuses requests without it.
const USER_AGENT: &str =
    concat!("DiscordBot (", env!("CARGO_PKG_REPOSITORY"), ", ", env!("CARGO_PKG_VERSION"), ")");

/// The most bytes of a request, its files included (discord-api-docs, Create Message, Limitations).
pub const BODY_LIMIT: u64 = 25 << 20;

/// What stands around a file in its request: a message's JSON and the parts' heads.
const AROUND_FILE: u64 = 1 << 20;

/// How long a single HTTP exchange may take, connecting included.
pub const EXCHANGE: Duration = Duration::from_secs(15);

/// The API as one bot sees it.
#[derive(Clone)]
pub struct Api {
    base: Box<str>,
    user_agent: Box<str>,
    bot: Option<Box<str>>,
    user: Option<Box<str>>,
    body_limit: u64,
}

impl Api {
    /// The API at `base`, such as [`API_BASE`]: a URL with its version and without a trailing slash.
    #[must_use]
    pub fn new(base: &str, token: &Token) -> Self {
        let mut api = Self::anonymous(base);
        if !token.is_empty() {
            api.bot = Some(format!("Bot {}", token.expose()).into());
        }
        api
    }

    /// The API without any token: for webhooks, and what is public.
    #[must_use]
    pub fn anonymous(base: &str) -> Self {
        Self {
            base: base.trim_end_matches('/').into(),
            user_agent: USER_AGENT.into(),
            bot: None,
            user: None,
            body_limit: BODY_LIMIT,
        }
    }

    /// Adds a user's token, for calls [as the user](crate::rest::Call::as_user), and for all where there is no
    /// bot's. One that begins with `Bearer ` is one of OAuth2.
    #[must_use]
    pub fn with_user(mut self, token: &Token) -> Self {
        self.user = (!token.is_empty()).then(|| token.expose().into());
        self
    }

    /// Names the program in the `User-Agent`, behind the library's own name.
    #[must_use]
    pub fn with_name(mut self, name: &str, version: &str) -> Self {
        let plain = |text: &str| text.chars().filter(|c| c.is_ascii_graphic()).collect::<String>();
        self.user_agent = format!("{USER_AGENT} {}/{}", plain(name), plain(version)).into();
        self
    }

    /// Bytes that a request may have at most, its files included: [`BODY_LIMIT`] unless this, a file's own
    /// [limit](crate::rest::File::limit) or [`Call::upload_limit`](crate::rest::Call::upload_limit) says otherwise.
    #[must_use]
    pub const fn with_body_limit(mut self, bytes: u64) -> Self {
        self.body_limit = bytes;
        self
    }

    /// The API's base URL, without a trailing slash.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The HTTP request of a draft. `boundary` parts a multipart body: 16 or more letters or digits that no file
    /// holds by chance.
    ///
    /// # Errors
    /// If Discord would refuse it.
    pub fn request(&self, draft: &Draft, boundary: &str) -> Result<Request, Invalid> {
        check::draft(draft)?;
        if !is_url(&draft.path) && !draft.path.starts_with('/') {
            // Behind a base without a path, what follows would be a part of the host.
            return Err(Invalid::new("path", "begins with a slash, or is a whole URL"));
        }
        let mut headers = vec![("user-agent", self.user_agent.clone())];
        if let Some(authorization) = self.authorization(draft)? {
            headers.push(("authorization", authorization.into()));
        }
        if let Some(reason) = &draft.reason {
            headers.push(("x-audit-log-reason", segment(reason).into()));
        }
        let body = if !draft.files.is_empty() {
            headers.push(("content-type", format!("multipart/form-data; boundary={boundary}").into()));
            Body::Parts(match draft.rule {
                // One of a file alone has no fields.
                Rule::Form(file) => upload::form(boundary, draft.object.iter().flatten(), file, &draft.files),
                _ => upload::multipart(boundary, &payload(draft), &draft.files),
            })
        } else {
            match (&draft.whole, &draft.object) {
                (Some(value), _) => json(&mut headers, value),
                (None, Some(map)) => json(&mut headers, map),
                (None, None) => Body::Empty,
            }
        };
        let body_limit = self.body_limit(draft);
        let length = in_memory(&body);
        if length > body_limit {
            let why = format!("the whole request has {length} bytes, but {body_limit} are allowed");
            return Err(Invalid::new(if draft.files.is_empty() { "body" } else { "files" }, why));
        }
        Ok(Request {
            method: draft.method,
            url: self.url(draft).into(),
            headers,
            body,
            body_limit,
            save: draft.save.clone(),
            progress: draft.progress,
            deadline: EXCHANGE,
        })
    }

    /// A request without parameters. The path starts with a slash.
    pub(crate) fn get(&self, path: &str) -> Request {
        // Nothing is set that could be refused.
        self.request(&Draft::new(Method::Get, path), "").unwrap_or_else(|_| Request {
            method: Method::Get,
            url: format!("{}{path}", self.base).into(),
            headers: Vec::new(),
            body: Body::Empty,
            body_limit: 0,
            save: None,
            progress: false,
            deadline: EXCHANGE,
        })
    }

    /// Where one file may have more than is usual, so may its request.
    fn body_limit(&self, draft: &Draft) -> u64 {
        let raised = draft.files.iter().map(|file| file.limit).filter(|limit| *limit > upload::FILE_LIMIT);
        let raised = raised.max().map_or(0, |limit| limit.saturating_add(AROUND_FILE));
        draft.body_limit.unwrap_or_else(|| self.body_limit.max(raised))
    }

    fn url(&self, draft: &Draft) -> String {
        let base = if is_url(&draft.path) { "" } else { &*self.base };
        let mut url = format!("{base}{}", draft.path);
        for (index, (name, value)) in draft.query.iter().enumerate() {
            url.push(if index == 0 && !draft.path.contains('?') { '?' } else { '&' });
            url.push_str(&segment(name));
            url.push('=');
            url.push_str(&segment(value));
        }
        url
    }

    /// Whose limits hold: the bot's, and the user's.
    pub(crate) fn accounts(&self) -> [Account; 2] {
        [&self.bot, &self.user].map(|token| Account::of(token.as_deref().unwrap_or_default()))
    }

    /// Whether a draft of this identity shows the user's token.
    pub(crate) fn is_users(&self, identity: Identity) -> bool {
        match identity {
            Identity::Default => self.bot.is_none() && self.user.is_some(),
            Identity::User => true,
            Identity::Nobody => false,
        }
    }

    fn authorization(&self, draft: &Draft) -> Result<Option<&str>, Invalid> {
        let missing = |what| Err(Invalid::new("Authorization", what));
        // Another host is none of Discord's, whoever asks.
        match draft.identity {
            _ if is_url(&draft.path) => Ok(None),
            Identity::Nobody => Ok(None),
            Identity::User => match &self.user {
                Some(token) => Ok(Some(token)),
                None => missing("this asks as the user, but no user token was given"),
            },
            Identity::Default => match self.bot.as_ref().or(self.user.as_ref()) {
                Some(token) => Ok(Some(token)),
                None => missing("this needs a bot token, and none was given: set DISCORD_BOT_TOKEN"),
            },
        }
    }
}

/// Bytes of a body that are known before its files are opened.
fn in_memory(body: &Body) -> u64 {
    let parts = match body {
        Body::Empty => return 0,
        Body::Bytes(bytes) => return bytes.len() as u64,
        Body::Parts(parts) => parts,
    };
    let lengths = parts.iter().map(|part| match part {
        Part::Bytes(bytes) => bytes.len() as u64,
        Part::File { .. } => 0,
    });
    lengths.sum()
}

fn json(headers: &mut Vec<(&'static str, Box<str>)>, body: &impl serde::Serialize) -> Body {
    headers.push(("content-type", "application/json".into()));
    // Fails only for maps whose keys are not strings, which no JSON value has.
    Body::from(Bytes::from(serde_json::to_vec(body).unwrap_or_default()))
}

/// What a multipart body has for `payload_json`: the files are listed in `attachments`, behind what is listed there,
/// unless they are listed already.
fn payload(draft: &Draft) -> Vec<u8> {
    let mut draft = draft.clone();
    let files = core::mem::take(&mut draft.files);
    let attachments = draft.message().entry("attachments").or_insert(Value::Null);
    // An edit lists the files to keep, too.
    let mut listed = match attachments.take() {
        Value::Array(listed) => listed,
        _ => Vec::new(),
    };
    upload::list(&mut listed, &files);
    *attachments = listed.into();
    serde_json::to_vec(&draft.object).unwrap_or_default()
}

/// Hides the tokens, and a name and a password in the base URL.
impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Api({})", crate::machine::shown_url(&self.base))
    }
}
