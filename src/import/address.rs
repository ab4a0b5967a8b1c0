//! Addresses of requests.

use super::table::tame;

/// The path of an address (`http://host:80/orders?id=1` → `/orders`), which operations are named by; `None` where
/// it has none. What is behind `?` or `#` is left out: it tells requests of one endpoint apart, and may be secret.
pub(super) fn path_of(address: &str) -> Option<String> {
    let behind_scheme = match address.split_once("://") {
        Some((_, rest)) => rest,
        None => address,
    };
    let end = behind_scheme
        .find(['?', '#'])
        .unwrap_or(behind_scheme.len());
    let named = &behind_scheme[..end];
    let path = &named[named.find('/')?..];
    Some(tame(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_what_stands_between_host_and_query() {
        for (address, path) in [
            ("http://127.0.0.1:8077/a/b", Some("/a/b")),
            ("https://shop/orders?key=secret/x", Some("/orders")),
            ("http://shop/#top", Some("/")),
            ("http://shop?path=/x", None),
            ("http://shop", None),
            ("/orders", Some("/orders")),
            ("http://shop/\u{1b}[2J", Some("/\u{FFFD}[2J")),
        ] {
            assert_eq!(path_of(address).as_deref(), path, "{address}");
        }
    }
}
