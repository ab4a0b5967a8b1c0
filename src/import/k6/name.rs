//! What an operation of k6 is called.

use crate::import::table::tame;

/// Longest name that is kept, in characters.
const MAX_NAME: usize = 400;

/// A name apart from the host it may begin with, so that hosts are only shown where there are several.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Name {
    /// `GET`, `WS` …; empty where the tag is switched off.
    pub(super) method: String,
    /// `https://shop.example`, where the name is an address.
    pub(super) host: Option<String>,
    /// The path, or the script's own name.
    pub(super) path: String,
}

impl Name {
    /// From the tags `method`, `name` and `url`; empty tags are absent. The name is by default the whole address:
    /// of an address only the host and the path count, because every value in a query string would be an
    /// operation of its own. A name that the script gives stays as it is.
    pub(super) fn of(method: &str, name: &str, url: &str) -> Self {
        let name = if name.is_empty() { url } else { name };
        let (host, path) = split(name);
        Self {
            method: tame(method),
            host: host.map(|h| shortened(&tame(h))),
            path: shortened(&tame(path)),
        }
    }

    /// `GET /orders`; with the host where the caller says that there are several.
    pub(super) fn shown(&self, with_host: bool) -> String {
        let mut words = self.method.clone();
        if !words.is_empty() {
            words.push(' ');
        }
        if with_host && let Some(host) = &self.host {
            words.push_str(host);
        }
        if self.path.is_empty() {
            words.push_str("(no name)");
        } else {
            words.push_str(&self.path);
        }
        words
    }
}

/// Scheme with host, and path without query string. An address made by k6's `` http.url`…` `` begins with
/// `${}` in place of what the script put in.
fn split(name: &str) -> (Option<&str>, &str) {
    let without_query = |path: &'_ str| path.find(['?', '#']).unwrap_or(path.len());
    if let Some(path) = name.strip_prefix("${}")
        && path.starts_with('/')
    {
        return (None, &path[..without_query(path)]);
    }
    let schemes = ["http://", "https://", "ws://", "wss://"];
    let Some(scheme) = schemes.iter().find(|s| name.starts_with(**s)) else {
        return (None, name);
    };
    let rest = &name[scheme.len()..];
    let host_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let path = &rest[host_end..];
    let path = &path[..without_query(path)];
    let host = &name[..scheme.len() + host_end];
    (Some(host), if path.is_empty() { "/" } else { path })
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= MAX_NAME {
        return text.to_owned();
    }
    let begin: String = text.chars().take(MAX_NAME).collect();
    format!("{begin}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(method: &str, name: &str, url: &str) -> String {
        Name::of(method, name, url).shown(false)
    }

    #[test]
    fn an_address_is_its_path_and_a_given_name_stays() {
        let url = "http://127.0.0.1:8077/orders?limit=10";
        assert_eq!(shown("GET", url, url), "GET /orders");
        assert_eq!(shown("GET", "", url), "GET /orders");
        assert_eq!(
            shown("GET", "${}/orders/${}?limit=${}", url),
            "GET /orders/${}"
        );
        assert_eq!(shown("GET", "orders, which?", url), "GET orders, which?");
        assert_eq!(shown("GET", "https://shop.example?x=1", ""), "GET /");
        assert_eq!(shown("", "", ""), "(no name)");
        let two = Name::of("GET", "https://a.example/x", "");
        assert_eq!(two.shown(true), "GET https://a.example/x");
    }

    #[test]
    fn names_are_tamed_and_short() {
        assert_eq!(shown("GET", "a\u{1b}[2J", ""), "GET a\u{FFFD}[2J");
        assert!(shown("GET", &"é".repeat(5000), "").chars().count() < 410);
    }
}
