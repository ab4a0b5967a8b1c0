//! Endpoint names of different sources: `GET /orders/{id}` of a load tool, `GET /orders/:id` of a trace,
//! `http://host/orders/7` of a tool that was not told to group.

/// A name in the form in which names of different sources are compared: the method, then the path without
/// scheme, host and query string, with every parameter as `{}`.
pub(super) fn comparable(name: &str) -> String {
    let (method, place) = match name.split_once(' ') {
        Some((method, place)) if is_method(method) => (method, place),
        _ => ("", name),
    };
    let path = match place.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => place,
    };
    let path = path.split(['?', '#']).next().unwrap_or(path);
    let path = path.trim_end_matches('/');
    let segments: Vec<&str> = path.split('/').map(segment).collect();
    let path = segments.join("/");
    let path = if path.is_empty() { "/" } else { &path };
    if method.is_empty() {
        path.to_owned()
    } else {
        format!("{method} {path}")
    }
}

/// The two are the same endpoint. One without a method is compared by its path.
pub(super) fn same(one: &str, other: &str) -> bool {
    let (one, other) = (comparable(one), comparable(other));
    one == other || path_of(&one) == other || path_of(&other) == one
}

fn path_of(name: &str) -> &str {
    name.split_once(' ').map_or(name, |(_, path)| path)
}

fn is_method(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_uppercase())
}

/// `{id}`, `:id`, `<id>`, `<int:id>` and `[id]` are parameters.
fn segment(segment: &str) -> &str {
    let enclosed = [('{', '}'), ('<', '>'), ('[', ']')];
    let is_parameter = segment.len() > 1 && segment.starts_with(':')
        || enclosed
            .iter()
            .any(|(open, close)| segment.starts_with(*open) && segment.ends_with(*close));
    if is_parameter { "{}" } else { segment }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_all_sources_are_compared_by_method_and_path() {
        for (one, other) in [
            ("GET /orders/{id}", "GET /orders/:id"),
            ("GET /orders/<int:id>/lines", "GET /orders/[n]/lines"),
            ("GET http://127.0.0.1:8000/a?x=1", "GET /a"),
            ("http://host/", "GET /"),
            ("/a", "GET /a/"),
        ] {
            assert!(same(one, other) && same(other, one), "{one} {other}");
        }
        for (one, other) in [
            ("GET /a", "POST /a"),
            ("GET /orders/7", "GET /orders/{id}"),
            ("/a", "/b"),
            ("a step", "another step"),
        ] {
            assert!(!same(one, other), "{one} {other}");
        }
    }
}
