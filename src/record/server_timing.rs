//! The `Server-Timing` header: what a service says that its answer spent its time on.
//!
//! ```text
//! Server-Timing: pool;dur=0.2, db;dur=12.5;desc="2 queries, 1 cached", app;dur=3, total;dur=16.1
//! ```
//!
//! Grammar and leniency are those of the W3C's Server Timing: `name *( ";" param "=" ( token | quoted-string ) )`,
//! separated by commas; the first of a repeated parameter counts, unknown parameters are skipped, and what stands
//! behind a value up to the next separator is ignored. A name may come several times, in one header or in several.

/// One entry of a header.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Entry<'a> {
    /// Such as `db`; only characters of a token (RFC 9110), so nothing in it can move a cursor.
    pub name: &'a str,
    /// `dur` in milliseconds; `None` where there is none, or one that is no time.
    pub dur_ms: Option<f64>,
}

/// The entries of one header value, in their order. What is no entry is skipped.
pub fn entries(header: &str) -> impl Iterator<Item = Entry<'_>> {
    let mut reader = Reader { rest: header };
    std::iter::from_fn(move || reader.entry())
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn entry(&mut self) -> Option<Entry<'a>> {
        loop {
            let separator = |c: char| c == ',' || is_blank(c);
            self.rest = self.rest.trim_start_matches(separator);
            if self.rest.is_empty() {
                return None;
            }
            let name = self.token();
            if name.is_empty() {
                self.skip_to(&[',']);
                continue;
            }
            let mut dur: Option<Option<f64>> = None;
            loop {
                self.skip_to(&[';', ',']);
                if !self.take(';') {
                    break;
                }
                let Some((parameter, value)) = self.parameter() else {
                    continue;
                };
                if parameter.eq_ignore_ascii_case("dur") && dur.is_none() {
                    dur = Some(time(&value));
                }
            }
            return Some(Entry {
                name,
                dur_ms: dur.flatten(),
            });
        }
    }

    /// `name`, `name=token` or `name="quoted"`; a name without a value has an empty one.
    fn parameter(&mut self) -> Option<(&'a str, String)> {
        self.rest = self.rest.trim_start_matches(is_blank);
        let name = self.token();
        if name.is_empty() {
            return None;
        }
        self.rest = self.rest.trim_start_matches(is_blank);
        if !self.take('=') {
            return Some((name, String::new()));
        }
        self.rest = self.rest.trim_start_matches(is_blank);
        let value = if self.take('"') {
            self.quoted()
        } else {
            self.token().to_owned()
        };
        Some((name, value))
    }

    fn token(&mut self) -> &'a str {
        let end = self.rest.find(|c| !is_token(c)).unwrap_or(self.rest.len());
        let (token, rest) = self.rest.split_at(end);
        self.rest = rest;
        token
    }

    /// The inside of a quoted string whose first quote is taken; one that does not end goes to the end.
    fn quoted(&mut self) -> String {
        let mut value = String::new();
        let mut chars = self.rest.chars();
        while let Some(c) = chars.next() {
            match c {
                '"' => break,
                '\\' => value.extend(chars.next()),
                c => value.push(c),
            }
        }
        self.rest = chars.as_str();
        value
    }

    fn take(&mut self, wanted: char) -> bool {
        let rest = self.rest.strip_prefix(wanted);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Skips to one of these outside of quotes, or to the end.
    fn skip_to(&mut self, wanted: &[char]) {
        while let Some(c) = self.rest.chars().next() {
            if wanted.contains(&c) {
                return;
            }
            self.rest = &self.rest[c.len_utf8()..];
            if c == '"' {
                self.quoted();
            }
        }
    }
}

/// A finite time that is not negative.
fn time(text: &str) -> Option<f64> {
    let number = text.trim().parse().ok();
    number.filter(|ms: &f64| ms.is_finite() && *ms >= 0.0)
}

fn is_blank(c: char) -> bool {
    c == ' ' || c == '\t'
}

/// A character of a token (RFC 9110, section 5.6.2).
fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: &str) -> Vec<(&str, Option<f64>)> {
        entries(header).map(|e| (e.name, e.dur_ms)).collect()
    }

    #[test]
    fn names_and_durations_in_any_order() {
        assert_eq!(
            read("pool;dur=0.2, db;desc=x;dur=12.5,app;dur=\"3\" , total;dur=16.1"),
            [
                ("pool", Some(0.2)),
                ("db", Some(12.5)),
                ("app", Some(3.0)),
                ("total", Some(16.1))
            ]
        );
        assert_eq!(
            read("  miss , hit ; DUR = 1 "),
            [("miss", None), ("hit", Some(1.0))]
        );
        assert_eq!(read(""), []);
    }

    #[test]
    fn commas_in_quotes_do_not_split() {
        assert_eq!(
            read(r#"db;desc="two, \"three\", ;dur=9";dur=4, app;dur=1"#),
            [("db", Some(4.0)), ("app", Some(1.0))]
        );
    }

    #[test]
    fn the_first_of_a_repeated_parameter_and_every_repeated_name_count() {
        assert_eq!(
            read("db;dur=1;dur=2, db;dur=3"),
            [("db", Some(1.0)), ("db", Some(3.0))]
        );
        assert_eq!(read("db;dur=x;dur=2"), [("db", None)]);
    }

    #[test]
    fn what_is_no_time_or_no_entry_is_not_told() {
        for wrong in [
            "db;dur=-1",
            "db;dur=NaN",
            "db;dur=inf",
            "db;dur",
            "db;dur=",
            "db;other=1",
        ] {
            assert_eq!(read(wrong), [("db", None)], "{wrong}");
        }
        assert_eq!(read("=3, (x), \u{1b}[2J, db;dur=2"), [("db", Some(2.0))]);
        assert_eq!(read("db;desc=\"never ends, app;dur=1"), [("db", None)]);
        assert_eq!(
            read("db junk;dur=2 junk, app"),
            [("db", Some(2.0)), ("app", None)]
        );
        assert_eq!(read("ü;dur=1,db;dur=2"), [("db", Some(2.0))]);
    }
}
