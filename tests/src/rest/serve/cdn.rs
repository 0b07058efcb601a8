//! Where attachments are fetched.

use sanscord::machine::Method;

use crate::config::Config;
use crate::desk::Desk;
use crate::rest::form::parse_id;
use crate::rest::limits::hash;
use crate::rest::moment;
use crate::rest::percent;
use crate::rest::reply::Reply;
use crate::rest::store::Store;
use crate::target;

/// How long a signed URL works: 24 hours, in milliseconds.
const LIFE: u64 = 24 * 3_600_000;

/// The signed URL of an attachment (Discord docs: Reference, Signed Attachment CDN URLs).
pub(in crate::rest) fn url(config: &Config, now: u64, channel: u64, id: u64, name: &str) -> String {
    let path = format!("/attachments/{channel}/{id}/{}", percent::encode(name));
    let (issued, expires) = (now / 1_000, (now + LIFE) / 1_000);
    format!("{}{path}?ex={expires:x}&is={issued:x}&hm={}&", host(config), signature(&path, expires))
}

/// In memory the CDN has the host that Discord's has; on sockets it is ours.
fn host(config: &Config) -> &str {
    match target::origin(&config.addresses.api_base) {
        "https://discord.com" => "https://cdn.discordapp.com",
        other => other,
    }
}

fn signature(path: &str, expires: u64) -> String {
    let part = |number: u8| format!("{:016x}", hash(&format!("{number} {expires} {path}")));
    (0..4).map(part).collect()
}

/// Answers a request for a file.
pub(in crate::rest) fn fetch(store: &Store, desk: &Desk, method: Option<Method>, target: &str) -> Reply {
    let gone = || Reply::new(404, "text/plain", "This content is no longer available.");
    if method != Some(Method::Get) {
        return Reply::new(405, "text/plain", "Method Not Allowed");
    }
    let path = target::path(target);
    let mut segments = path.split('/').skip(2);
    let (Some(channel), Some(id), Some(name), None) =
        (segments.next(), segments.next(), segments.next(), segments.next())
    else {
        return gone();
    };
    let (channel, name) = (parse_id(channel), percent::decode(name));
    let Some(file) = parse_id(id).and_then(|id| store.files.get(id)) else { return gone() };
    let expires = target::parameter(target, "ex").and_then(|hex| u64::from_str_radix(hex, 16).ok());
    let now = moment::unix_millis(&desk.config, desk.now) / 1_000;
    let is_signed = expires.is_some_and(|expires| {
        expires > now && target::parameter(target, "hm") == Some(&signature(path, expires))
    });
    if !is_signed || channel != Some(file.channel) || name.as_ref() != Some(&file.name) {
        return gone();
    }
    Reply::new(200, &file.content_type, file.data.clone())
}
