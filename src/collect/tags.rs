//! Tags that applications put into comments of their statements: which route asked for this statement.
//!
//! Read are sqlcommenter's `/*key='value',…*/` with its URL encoding, marginalia's `/*key:value,…*/` and unquoted
//! values. Only keys of few values are kept; a trace's own number would make every statement another one. The text
//! itself, which may hold values, is not kept.

use std::collections::BTreeMap;

/// Keys that are kept.
const KEYS: [&str; 8] = [
    "action",
    "application",
    "controller",
    "endpoint",
    "framework",
    "job",
    "path",
    "route",
];

/// Longest value that is kept, in characters.
const MAX_VALUE: usize = 200;

/// Hexadecimal digits from which a part of a path is taken for a key of a row: a UUID has 32.
const KEY_DIGITS: usize = 16;

/// The tags of a statement's comments; none where it has none, or where the server cut the text before them.
pub(super) fn of(query: &str) -> BTreeMap<String, String> {
    let mut tags = BTreeMap::new();
    for comment in comments(query) {
        for (key, value) in pairs(comment) {
            let Some(key) = KEYS.iter().find(|k| **k == key) else {
                continue;
            };
            if let Some(value) = cleaned(&value) {
                tags.entry((*key).to_owned()).or_insert(value);
            }
        }
    }
    tags
}

/// The comments at the begin and at the end: one in the middle may be within a literal.
fn comments(query: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = query.trim();
    while let Some(after) = rest.strip_prefix("/*") {
        let Some(end) = after.find("*/") else {
            return found;
        };
        found.push(&after[..end]);
        rest = after[end + 2..].trim_start();
    }
    rest = rest.trim_end_matches(|c: char| c == ';' || c.is_whitespace());
    while let Some(before) = rest.strip_suffix("*/") {
        let Some(begin) = before.rfind("/*") else {
            break;
        };
        found.push(&before[begin + 2..]);
        rest = before[..begin].trim_end_matches(|c: char| c == ';' || c.is_whitespace());
    }
    found
}

/// The keys and values of a comment. A comma within quotes does not separate.
fn pairs(comment: &str) -> Vec<(&str, String)> {
    let mut found = Vec::new();
    let mut rest = comment;
    while !rest.is_empty() {
        let Some(at) = rest.find(['=', ':', ',']) else {
            break;
        };
        if rest[at..].starts_with(',') {
            rest = &rest[at + 1..];
            continue;
        }
        let key = rest[..at].trim();
        let after = rest[at + 1..].trim_start();
        let (value, left) = if let Some(quoted) = after.strip_prefix('\'') {
            quoted_value(quoted)
        } else {
            let end = after.find(',').unwrap_or(after.len());
            (after[..end].trim().to_owned(), &after[end..])
        };
        found.push((key, value));
        rest = left.trim_start().strip_prefix(',').unwrap_or(left);
        if rest.len() == left.len() && !left.is_empty() && !left.starts_with(',') {
            // What follows a closing quote without a comma is no tag.
            rest = left.find(',').map_or("", |at| &left[at + 1..]);
        }
    }
    found
}

/// Up to the closing quote, and what comes after it. `\'` is a quote of the value.
fn quoted_value(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\'' => return (value, &text[at + 1..]),
            '\\' => value.extend(chars.next().map(|(_, c)| c)),
            c => value.push(c),
        }
    }
    (value, "")
}

/// Decoded, without what would make every value another one; `None` where nothing useful is left.
fn cleaned(value: &str) -> Option<String> {
    // One implementation encodes its own per cent signs once more.
    let decoded = decoded(&value.replace("%%", "%"))?;
    let path = decoded.split(['?', '#']).next().unwrap_or_default();
    let grouped: Vec<&str> = path.split('/').map(part).collect();
    let grouped = grouped.join("/");
    let fits = !grouped.is_empty()
        && grouped.chars().count() <= MAX_VALUE
        && !grouped.chars().any(char::is_control);
    fits.then_some(grouped)
}

/// A number or a long key in a path stands for a row.
fn part(part: &str) -> &str {
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let hex = |part: &str| {
        let of_key = |b: u8| b.is_ascii_hexdigit() || b == b'-';
        part.len() >= KEY_DIGITS && part.bytes().all(of_key)
    };
    if !part.is_empty() && (digits(part) || hex(part)) {
        "{}"
    } else {
        part
    }
}

/// Per cent encoding (RFC 3986); `None` where the bytes are no text.
fn decoded(value: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = (*first == b'%').then(|| after.first_chunk::<2>()).flatten();
        let byte = escaped
            .and_then(|two| std::str::from_utf8(two).ok())
            .and_then(|two| u8::from_str_radix(two, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(query: &str, expected: &[(&str, &str)]) {
        let expected: BTreeMap<String, String> = expected
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        assert_eq!(of(query), expected, "{query}");
    }

    #[test]
    fn the_common_forms_are_read() {
        check(
            "SELECT 1 /*action='%2Fparam*d',controller='index',framework='spring',\
             traceparent='00-5bd66ef5095369c7b0d1f8f4bd33716a-c532cb4098ac3dd2-01'*/",
            &[
                ("action", "/param*d"),
                ("controller", "index"),
                ("framework", "spring"),
            ],
        );
        check(
            "SELECT 1 /*route='%%2Forders%%2F{id}'*/;",
            &[("route", "/orders/{id}")],
        );
        check(
            "SELECT 1 /*application:shop,controller:orders,action:show*/",
            &[
                ("application", "shop"),
                ("controller", "orders"),
                ("action", "show"),
            ],
        );
        check("/* route=/a, db_driver=x */ SELECT 1", &[("route", "/a")]);
        check(
            "SELECT 1 /*job='it\\'s',route='a,b'*/ /* other */",
            &[("job", "it's"), ("route", "a,b")],
        );
    }

    #[test]
    fn values_of_rows_are_not_kept() {
        check(
            "SELECT 1 /*route='/users/4711/orders?token=x'*/",
            &[("route", "/users/{}/orders")],
        );
        check(
            "SELECT 1 /*path='/d/6f1c9a52-3f0e-4a56-9b0e-0a2f4d1c9b11'*/",
            &[("path", "/d/{}")],
        );
        check("SELECT 1 /*user='jane',email='a@b.c'*/", &[]);
    }

    #[test]
    fn what_is_no_tag_is_left_alone() {
        for query in [
            "",
            "SELECT 1",
            "SELECT '/*route=''a''*/' FROM t",
            "SELECT 1 /* route='a'",
            "SELECT 1 /* just words */",
            "SELECT 1 /*route='%ff%fe'*/",
            "SELECT 1 /*=,:,='*/",
            "*/",
            "/*/",
        ] {
            check(query, &[]);
        }
    }
}
