//! Request targets: path and query.

/// The path, without a slash at its end.
pub(crate) fn path(target: &str) -> &str {
    target.split('?').next().unwrap_or_default().trim_end_matches('/')
}

/// The value of the first query parameter of this name.
pub(crate) fn parameter<'a>(target: &'a str, name: &str) -> Option<&'a str> {
    let (_, query) = target.split_once('?')?;
    query
        .split('&')
        .find_map(|pair| pair.split_once('=').filter(|(key, _)| *key == name).map(|(_, value)| value))
}

/// The path of a base URL.
pub(crate) fn base(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("")
}

/// Scheme and host of a URL.
pub(crate) fn origin(url: &str) -> &str {
    url.strip_suffix(base(url)).unwrap_or(url)
}
