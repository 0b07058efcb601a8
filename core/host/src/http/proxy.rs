//! Proxies: which there are, and which requests go by them.
//!
//! The names are those that curl made the convention: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, lower
//! case first.

use std::env;
use std::fmt;
use std::net::IpAddr;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sanscord::machine::Unanswered;

use super::local;

/// Whom a URL names.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Target {
    /// Whether TLS is asked for.
    pub secure: bool,
    /// The host, an IPv6 address without its brackets.
    pub host: Box<str>,
    /// The port.
    pub port: u16,
}

impl Target {
    /// Reads an `https://` or `http://` URL.
    #[must_use]
    pub fn parse(url: &str) -> Option<Self> {
        Self::parse_either(url, "https", "http")
    }

    /// Reads a `wss://` or `ws://` URL.
    #[must_use]
    pub fn parse_web_socket(url: &str) -> Option<Self> {
        Self::parse_either(url, "wss", "ws")
    }

    fn parse_either(url: &str, secure: &str, plain: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let secure = match scheme {
            scheme if scheme.eq_ignore_ascii_case(secure) => true,
            scheme if scheme.eq_ignore_ascii_case(plain) => false,
            _ => return None,
        };
        let (host, port) = host_and_port(authority(rest).1)?;
        Some(Self { secure, host, port: port.unwrap_or(if secure { 443 } else { 80 }) })
    }

    /// Host and port as they stand in a URL or in a `host` field, an IPv6 address in brackets.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// User information, and host with port, of what follows the scheme.
fn authority(rest: &str) -> (Option<&str>, &str) {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    match authority.rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority),
    }
}

fn host_and_port(text: &str) -> Option<(Box<str>, Option<u16>)> {
    let (host, rest) = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => text.find(':').map_or((text, ""), |at| text.split_at(at)),
    };
    let port = match rest.strip_prefix(':') {
        Some("") => None,
        Some(port) => Some(port.parse().ok()?),
        None if rest.is_empty() => None,
        None => return None,
    };
    (!host.is_empty()).then(|| (host.into(), port))
}

/// An HTTP proxy.
#[derive(Clone, Eq, PartialEq)]
pub struct Proxy {
    url: Box<str>,
    at: Option<Target>,
    authorization: Option<Box<str>>,
}

impl Proxy {
    /// Reads `http://user:password@host:port`; scheme, user and port may be missing.
    #[must_use]
    pub fn parse(url: &str) -> Self {
        let url = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
        // A slash in a password ends the host too early: whom that names is nobody's proxy.
        let at = Target::parse(&url).filter(|target| !target.secure && !has_stray_user(&url));
        let user = url.split_once("://").and_then(|(_, rest)| authority(rest).0);
        let authorization = user.map(|user| {
            let decoded = percent_decoded(user);
            // RFC 7617 wants the colon, password or not.
            let pair = if user.contains(':') { decoded } else { [&decoded[..], b":"].concat() };
            format!("Basic {}", BASE64_STANDARD.encode(pair)).into()
        });
        Self { url: url.into(), at, authorization }
    }

    /// Its URL. It may hold a password.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Where it is; `None` if it is no `http://` one.
    #[must_use]
    pub const fn target(&self) -> Option<&Target> {
        self.at.as_ref()
    }

    /// The value of `proxy-authorization`, if it wants one.
    #[must_use]
    pub fn authorization(&self) -> Option<&str> {
        self.authorization.as_deref()
    }
}

/// Whether an `@` follows what is taken for the host.
fn has_stray_user(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (user, host) = authority(rest);
    let length = user.map_or(0, |user| user.len() + 1) + host.len();
    rest.get(length..).is_some_and(|path| path.contains('@'))
}

/// Shows no password.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, rest) = self.url.split_once("://").unwrap_or_default();
        let rest = if has_stray_user(&self.url) {
            rest.rsplit_once('@').map_or(rest, |(_, host)| host)
        } else {
            rest
        };
        write!(f, "{scheme}://{}", authority(rest).1)
    }
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let mut pieces = text.split('%');
    let mut decoded = pieces.next().unwrap_or_default().as_bytes().to_vec();
    for piece in pieces {
        match piece.get(..2).and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(value) => {
                decoded.push(value);
                decoded.extend_from_slice(piece.get(2..).unwrap_or_default().as_bytes());
            }
            None => {
                decoded.push(b'%');
                decoded.extend_from_slice(piece.as_bytes());
            }
        }
    }
    decoded
}

/// Which connections go by which proxy.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Proxies {
    https: Option<Proxy>,
    http: Option<Proxy>,
    exempt: Vec<Box<str>>,
}

impl Proxies {
    /// All go by this one.
    #[must_use]
    pub fn all(url: &str) -> Self {
        let proxy = Proxy::parse(url);
        Self { https: Some(proxy.clone()), http: Some(proxy), exempt: Vec::new() }
    }

    /// What the environment says.
    #[must_use]
    pub fn from_env() -> Self {
        Self::from_variables(|name| env::var(name).ok())
    }

    pub(crate) fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        let read = |name: &str| {
            let set = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
            // A CGI program gets the `Proxy` field of a stranger's request in HTTP_PROXY (httpoxy).
            let is_forged = name == "HTTP_PROXY" && variable("REQUEST_METHOD").is_some();
            set(&name.to_ascii_lowercase()).or_else(|| set(name).filter(|_| !is_forged))
        };
        let proxy = |name: &str| read(name).or_else(|| read("ALL_PROXY")).map(|url| Proxy::parse(url.trim()));
        let exempt = read("NO_PROXY").unwrap_or_default();
        let exempt = exempt.split([',', ' ']).map(str::trim).filter(|entry| !entry.is_empty());
        Self {
            https: proxy("HTTPS_PROXY"),
            http: proxy("HTTP_PROXY"),
            exempt: exempt.map(|entry| entry.to_ascii_lowercase().into()).collect(),
        }
    }

    /// The proxy for connections to this host; `None` if they lead there directly.
    ///
    /// # Errors
    ///
    /// `Fault::Local` if it is of a kind that is not supported: going there directly instead might give away what a
    /// proxy is to hide.
    pub fn choose(&self, target: &Target) -> Result<Option<&Proxy>, Unanswered> {
        let proxy = if target.secure { &self.https } else { &self.http };
        match proxy.as_ref().filter(|_| !self.exempt.iter().any(|entry| covers(entry, target))) {
            Some(proxy) if proxy.at.is_none() => {
                let why = match has_stray_user(&proxy.url) {
                    true => "a slash in a password is written %2F",
                    false => "only http:// ones can, no socks",
                };
                Err(local(format!("the proxy {proxy:?} cannot be used: {why}")))
            }
            proxy => Ok(proxy),
        }
    }
}

/// Whether an entry of `NO_PROXY`, in lower case, names this host: `*`, a domain with all below it, an address, or a
/// network such as `10.0.0.0/8`; a port restricts it.
fn covers(entry: &str, target: &Target) -> bool {
    if entry == "*" {
        return true;
    }
    let host = target.host.to_ascii_lowercase();
    let address: Option<IpAddr> = host.parse().ok();
    if let Some((network, bits)) = entry.split_once('/') {
        let (Some(address), Ok(network), Ok(bits)) = (address, network.parse(), bits.parse()) else {
            return false;
        };
        return is_in(address, network, bits);
    }
    if let Ok(entry) = entry.trim_matches(['[', ']']).parse::<IpAddr>() {
        return address == Some(entry);
    }
    let Some((entry, port)) = host_and_port(entry) else { return false };
    if port.is_some_and(|port| port != target.port) {
        return false;
    }
    let domain = entry.trim_start_matches("*.").trim_start_matches('.');
    let above = host.strip_suffix(domain);
    !domain.is_empty()
        && above.is_some_and(|above| above.is_empty() || (above.ends_with('.') && address.is_none()))
}

fn is_in(address: IpAddr, network: IpAddr, bits: u32) -> bool {
    match (address, network) {
        (IpAddr::V4(address), IpAddr::V4(network)) if bits <= 32 => {
            let differ = address.to_bits() ^ network.to_bits();
            differ.checked_shr(32 - bits).unwrap_or(0) == 0
        }
        (IpAddr::V6(address), IpAddr::V6(network)) if bits <= 128 => {
            let differ = address.to_bits() ^ network.to_bits();
            differ.checked_shr(128 - bits).unwrap_or(0) == 0
        }
        _ => false,
    }
}
