//! What a limit is for: method, path with its ids collapsed, and top-level resource.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::machine::Method;
use crate::time::Duration;

/// Method and path with ids collapsed, and the top-level resource (discord-api-docs, Rate Limits): requests of one
/// route are limited together, as long as nothing better is known.
///
/// It holds no token, only a hash of it: neither `Debug` nor `Display` shows one, and the value may be sent to
/// another process.
#[derive(Clone, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "Parts", into = "Parts")]
pub struct Route {
    method: Method,
    template: Box<str>,
    top: Top,
    traits: Traits,
    key: RouteKey,
}

/// A [`Route`] as a number: the same in every process, and for every version of this crate.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct RouteKey {
    /// Of method and template.
    pub(crate) template: u64,
    /// Of the top-level resource.
    pub(crate) top: u64,
}

/// A webhook and its token, as a number.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub struct WebhookKey(pub(crate) u64);

/// By what Discord limits beside the route. Tokens are hashed.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
enum Top {
    Nothing,
    Channel(u64),
    Guild(u64),
    Webhook(u64, Option<u64>),
    Interaction(u64, u64),
}

/// What is special about a route.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub(crate) struct Traits {
    /// Exempt from the global limit.
    pub(crate) interaction: bool,
    /// Answers for a message of more than 14 days.
    pub(crate) old: bool,
    /// Header fields mean nothing here: see [`Route::is_unreliable`].
    pub(crate) unreliable: bool,
    /// Asked without a token, though it is no webhook's or interaction's.
    #[serde(default)]
    pub(crate) tokenless: bool,
}

impl Route {
    /// The route of a request. `path` is without base and query, such as `/channels/5/messages/7`.
    #[must_use]
    pub fn new(method: Method, path: &str) -> Self {
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let mut template = String::with_capacity(path.len());
        let (mut top, mut interaction) = (Top::Nothing, false);
        let (mut kind, mut before) = ("", "");
        for (place, part) in path.split('/').filter(|part| !part.is_empty()).enumerate() {
            template.push('/');
            let number = part.bytes().all(|byte| byte.is_ascii_digit());
            let id = part.parse().ok().filter(|_| number);
            let secret = place == 2 && matches!(kind, "webhooks" | "interactions");
            if place == 0 {
                kind = part;
            }
            if secret {
                interaction |= part.starts_with(INTERACTION);
                top = match top {
                    Top::Webhook(id, _) => Top::Webhook(id, Some(fnv(START, part.as_bytes()))),
                    Top::Interaction(id, _) => Top::Interaction(id, fnv(START, part.as_bytes())),
                    other => other,
                };
            } else if place == 1 {
                top = match (kind, id) {
                    ("channels", Some(id)) => Top::Channel(id),
                    ("guilds", Some(id)) => Top::Guild(id),
                    ("webhooks", Some(id)) => Top::Webhook(id, None),
                    ("interactions", Some(id)) => Top::Interaction(id, 0),
                    _ => top,
                };
            }
            interaction |= part == "@original" && matches!(top, Top::Webhook(_, Some(_)));
            interaction |= part == "callback" && kind == "interactions";
            let hidden = secret
                || number
                || matches!(before, "reactions" | "invites" | "templates")
                || part.len() > LONGEST
                || !part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_@.".contains(&byte));
            template.push_str(if hidden { "{}" } else { part });
            before = part;
        }
        let unreliable = template.starts_with("/guilds/{}/emojis");
        let traits = Traits { interaction, old: false, unreliable, tokenless: false };
        Self::from_parts(method, template.into(), top, traits)
    }

    fn from_parts(method: Method, template: Box<str>, top: Top, traits: Traits) -> Self {
        let name = fnv(fnv(START, method.as_str().as_bytes()), template.as_bytes());
        let (kind, id, token) = match top {
            Top::Nothing => (0, 0, 0),
            Top::Channel(id) => (1, id, 0),
            Top::Guild(id) => (2, id, 0),
            Top::Webhook(id, token) => (3, id, token.unwrap_or(0)),
            Top::Interaction(id, token) => (4, id, token),
        };
        let template_key = mix(name ^ u64::from(traits.old));
        // Of one kind and token no two ids meet: `mix` is a bijection.
        let key = RouteKey { template: template_key, top: mix(id ^ mix(token.wrapping_add(kind))) };
        Self { method, template, top, traits, key }
    }

    /// The route of an interaction's answer, for a caller who knows that it is one where the path does not show it.
    #[must_use]
    pub fn of_interaction(self) -> Self {
        let traits = Traits { interaction: true, ..self.traits };
        Self::from_parts(self.method, self.template, self.top, traits)
    }

    /// The route for a message of this age: deleting one of more than 14 days has a limit of its own. Changes no
    /// other route.
    #[must_use]
    pub fn with_message_age(self, age: Duration) -> Self {
        let deletes = self.method == Method::Delete && &*self.template == "/channels/{}/messages/{}";
        let traits = Traits { old: deletes && age > OLD, ..self.traits };
        Self::from_parts(self.method, self.template, self.top, traits)
    }

    /// The route for a request that shows no token: the bot's being refused says nothing of it.
    #[must_use]
    pub fn without_token(self) -> Self {
        let traits = Traits { tokenless: true, ..self.traits };
        Self::from_parts(self.method, self.template, self.top, traits)
    }

    /// The route as a number, made when the route was.
    #[must_use]
    pub const fn key(&self) -> RouteKey {
        self.key
    }

    pub(crate) const fn traits(&self) -> Traits {
        self.traits
    }

    /// Whether it answers an interaction (callback, `@original`, followups), and so is exempt from the global limit
    /// (discord-api-docs, Receiving and Responding, Endpoints). Followups are told from webhooks by their token.
    #[must_use]
    pub const fn is_interaction(&self) -> bool {
        self.traits.interaction
    }

    /// Whether the limits in its answers mean nothing: the routes for a guild's emoji are limited by other counts
    /// than their header fields tell (discord-api-docs, Emoji). Only a 429 is believed.
    #[must_use]
    pub const fn is_unreliable(&self) -> bool {
        self.traits.unreliable
    }

    /// The webhook that it uses by its token, if it does: without the bot's own token.
    #[must_use]
    pub fn webhook(&self) -> Option<WebhookKey> {
        matches!(self.top, Top::Webhook(_, Some(_))).then_some(WebhookKey(self.key.top))
    }

    /// Whether the request shows the bot's token, rather than a webhook's or an interaction's.
    #[must_use]
    pub const fn needs_token(&self) -> bool {
        !self.traits.tokenless && !matches!(self.top, Top::Webhook(_, Some(_)) | Top::Interaction(..))
    }
}

/// A route on its way to another process.
#[derive(Deserialize, Serialize)]
struct Parts {
    method: Box<str>,
    template: Box<str>,
    top: Top,
    traits: Traits,
}

impl From<Route> for Parts {
    fn from(route: Route) -> Self {
        let Route { method, template, top, traits, .. } = route;
        Self { method: method.as_str().into(), template, top, traits }
    }
}

impl TryFrom<Parts> for Route {
    type Error = String;

    fn try_from(Parts { method, template, top, traits }: Parts) -> Result<Self, String> {
        let methods = [Method::Delete, Method::Get, Method::Patch, Method::Post, Method::Put];
        match methods.into_iter().find(|known| known.as_str() == &*method) {
            Some(method) => Ok(Self::from_parts(method, template, top, traits)),
            None => Err("no method of Discord's".to_owned()),
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.template)?;
        if self.traits.old {
            f.write_str(" older than 14 days")?;
        }
        match self.top {
            Top::Nothing => Ok(()),
            Top::Channel(id) => write!(f, " (channel {id})"),
            Top::Guild(id) => write!(f, " (guild {id})"),
            Top::Webhook(id, _) => write!(f, " (webhook {id})"),
            Top::Interaction(id, _) => write!(f, " (interaction {id})"),
        }
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Route({self})")
    }
}

/// FNV-1a (draft-eastlake-fnv): fixed, so that processes agree, and short inputs spread well once mixed.
pub(crate) fn fnv(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3))
}

/// FNV's offset basis.
pub(crate) const START: u64 = 0xCBF2_9CE4_8422_2325;

/// Spreads a number over all bits, without loss (the finalizer of SplitMix64, Steele and others, 2014).
pub(crate) const fn mix(mut number: u64) -> u64 {
    number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}

/// How the tokens of interactions begin: base64 of `interaction:`.
const INTERACTION: &str = "aW50ZXJhY3Rpb246";
/// No word in a path of Discord's is as long; tokens are longer.
const LONGEST: usize = 40;
/// From when on a message is old (discord-api-docs, issue 1295).
const OLD: Duration = Duration::from_secs(14 * 24 * 3600);

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;

    use super::*;

    const HOOK: &str = "kR3fTokenTokenTokenTokenTokenTokenTokenTokenTokenTokenTokenTokenTok";

    #[test]
    fn ids_collapse_and_the_top_level_resource_stays() {
        for (method, path, shown) in [
            (Method::Post, "/channels/5/messages", "POST /channels/{}/messages (channel 5)"),
            (Method::Get, "/channels/5/messages?limit=3", "GET /channels/{}/messages (channel 5)"),
            (
                Method::Put,
                "/channels/5/messages/7/reactions/%F0%9F%98%80/@me",
                "PUT /channels/{}/messages/{}/reactions/{}/@me (channel 5)",
            ),
            (
                Method::Delete,
                "/channels/5/messages/7/reactions/name:8/9",
                "DELETE /channels/{}/messages/{}/reactions/{}/{} (channel 5)",
            ),
            (Method::Get, "/guilds/6/members/7", "GET /guilds/{}/members/{} (guild 6)"),
            (Method::Get, "/users/@me/guilds", "GET /users/@me/guilds"),
            (Method::Get, "/users/77", "GET /users/{}"),
            (Method::Get, "/invites/secret", "GET /invites/{}"),
            (Method::Get, "/gateway/bot", "GET /gateway/bot"),
            (Method::Get, "/webhooks/8", "GET /webhooks/{} (webhook 8)"),
            (Method::Put, "/applications/3/guilds/4/commands", "PUT /applications/{}/guilds/{}/commands"),
            (Method::Get, "", "GET "),
            (Method::Get, "/channels/99999999999999999999999", "GET /channels/{}"),
        ] {
            assert_eq!(Route::new(method, path).to_string(), shown);
        }
    }

    #[test]
    fn keys_differ_by_method_template_and_top_level_resource_only() {
        let key = |method, path: &str| Route::new(method, path).key();
        let one = key(Method::Get, "/channels/5/messages/7");
        assert_eq!(one, key(Method::Get, "/channels/5/messages/8"));
        let others = [
            key(Method::Get, "/channels/6/messages/7"),
            key(Method::Delete, "/channels/5/messages/7"),
            key(Method::Get, "/channels/5/messages"),
            key(Method::Get, "/guilds/5/messages/7"),
        ];
        assert!(others.iter().all(|other| *other != one));
        assert_eq!(others[0].template, one.template);
        assert_eq!(others[1].top, one.top);
        assert_ne!(
            key(Method::Post, &format!("/webhooks/8/{HOOK}")),
            key(Method::Post, &format!("/webhooks/8/x{HOOK}"))
        );
        // Saved keys outlive a version.
        assert_eq!(one, RouteKey { template: 16_574_205_179_657_664_222, top: 14_345_006_566_421_501_741 });
    }

    #[test]
    fn no_token_shows() {
        for path in [
            format!("/webhooks/8/{HOOK}"),
            format!("/interactions/8/{HOOK}/callback"),
            format!("/webhooks/8/{HOOK}/messages/@original"),
            format!("/some/new/place/{HOOK}"),
            format!("/webhooks/x/{HOOK}"),
        ] {
            let route = Route::new(Method::Post, &path);
            let json = serde_json::to_string(&route).unwrap();
            assert!(!format!("{route} {route:?} {json}").contains("Token"), "{route}");
            assert_eq!(serde_json::from_str::<Route>(&json).unwrap(), route);
        }
        assert!(serde_json::from_str::<Route>(r#"{"method":"BREW"}"#).is_err());
    }

    #[test]
    fn interactions_and_webhooks_are_told_apart() {
        let followup = format!("/webhooks/8/{INTERACTION}abc");
        for (path, interaction, webhook) in [
            ("/channels/5/messages", false, false),
            ("/webhooks/8", false, false),
            ("/webhooks/8/token", false, true),
            ("/webhooks/8/token/messages/9", false, true),
            ("/webhooks/8/token/messages/@original", true, true),
            (followup.as_str(), true, true),
            ("/interactions/8/token/callback", true, false),
        ] {
            let route = Route::new(Method::Post, path);
            assert_eq!((route.is_interaction(), route.webhook().is_some()), (interaction, webhook), "{path}");
            assert_eq!(route.needs_token(), !(interaction || webhook), "{path}");
        }
        let told = Route::new(Method::Post, "/webhooks/8/token");
        assert_eq!(told.clone().of_interaction().key(), told.key());
        assert!(told.of_interaction().is_interaction());
    }

    #[test]
    fn old_messages_are_deleted_by_a_route_of_their_own() {
        let day = Duration::from_secs(24 * 3600);
        let delete = Route::new(Method::Delete, "/channels/5/messages/7");
        assert_eq!(delete.clone().with_message_age(14 * day), delete);
        let old = delete.clone().with_message_age(15 * day);
        assert_ne!(old.key(), delete.key());
        assert!(old.to_string().contains("14 days"));
        let get = Route::new(Method::Get, "/channels/5/messages/7");
        assert_eq!(get.clone().with_message_age(15 * day), get);
        assert!(Route::new(Method::Post, "/guilds/5/emojis").is_unreliable());
    }
}
