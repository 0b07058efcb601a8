//! The resources, each with its routes.

use std::sync::LazyLock;

use sanscord::machine::Method;

use super::form::{complaint, parse_id};
use super::percent;
use super::reply::{self, Reply};
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
const TABLE: [&[Route]; 13] = [
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

/// A route that was found, and what stands for the parameters of its path.
pub(super) struct Found {
    pub(super) route: Route,
    pub(super) params: Vec<(&'static str, String)>,
}

/// The table's rows by their segments, those without parameters first.
static ROWS: LazyLock<Vec<(&'static str, Vec<&'static str>, Route)>> = LazyLock::new(|| {
    let rows = TABLE.iter().flat_map(|part| part.iter()).filter_map(|route| {
        let (method, path) = route.name.split_once(' ')?;
        Some((method, path.split('/').collect::<Vec<_>>(), *route))
    });
    let mut rows: Vec<_> = rows.collect();
    rows.sort_by_key(|(_, segments, _)| segments.iter().filter(|segment| segment.starts_with('{')).count());
    rows
});

/// Finds the route of a path.
pub(super) fn find(method: Option<Method>, path: &str) -> Result<Found, Reply> {
    let method = method.map_or("", Method::as_str);
    let parts: Vec<_> = path.split('/').collect();
    let fits = |segments: &[&str]| {
        segments.len() == parts.len()
            && segments.iter().zip(&parts).all(|(segment, part)| segment.starts_with('{') || segment == part)
    };
    let mut is_known = false;
    for (row_method, segments, route) in ROWS.iter().filter(|(_, segments, _)| fits(segments)) {
        is_known = true;
        if *row_method != method {
            continue;
        }
        let mut params = Vec::new();
        for (segment, part) in segments.iter().zip(&parts) {
            let Some(name) = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
                continue;
            };
            let Some(value) = percent::decode(part).filter(|value| !value.is_empty()) else {
                return Err(Reply::error(400, 0, "400: Bad Request"));
            };
            if name.ends_with("_id") && parse_id(&value).is_none() {
                let message = format!("Value \"{value}\" is not snowflake.");
                return Err(complaint(name, "NUMBER_TYPE_COERCE", message));
            }
            params.push((name, value));
        }
        return Ok(Found { route: *route, params });
    }
    Err(if is_known { reply::not_allowed() } else { reply::not_found() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_find_their_routes() {
        for (method, path, name) in [
            (Method::Get, "/channels/1/messages/pins", "GET /channels/{channel_id}/messages/pins"),
            (Method::Get, "/channels/1/messages/2", "GET /channels/{channel_id}/messages/{message_id}"),
            (Method::Get, "/guilds/1/members/search", "GET /guilds/{guild_id}/members/search"),
            (Method::Post, "/webhooks/1/abc", "POST /webhooks/{webhook_id}/{webhook_token}"),
        ] {
            assert_eq!(find(Some(method), path).ok().map(|found| found.route.name), Some(name));
        }
        for (method, path, status) in [
            (Some(Method::Get), "/channels/x", 400),
            (Some(Method::Put), "/channels/1", 405),
            (None, "/channels/1", 405),
            (Some(Method::Get), "/channels", 404),
            (Some(Method::Get), "/channels/", 400),
        ] {
            assert_eq!(find(method, path).err().map(|reply| reply.0.status), Some(status), "{path}");
        }
    }

    #[test]
    fn every_row_stands_once() {
        let mut names: Vec<_> = TABLE.iter().flat_map(|part| part.iter()).map(|route| route.name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
