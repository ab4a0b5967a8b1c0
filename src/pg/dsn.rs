//! The forms of a connection string, taken apart into keys and values.
//!
//! The rules are libpq's (`PQconninfoParse`): a string that starts with `postgres://` or
//! `postgresql://` is a URL; another string with a `=` is key=value; anything else is a database
//! name. Errors name keys and positions, never values.

use super::PgError;

/// Keys and values in the order of the string. A later key wins.
pub(super) type Pairs = Vec<(String, String)>;

/// Takes a connection string apart.
pub(super) fn parse(dsn: &str) -> Result<Pairs, PgError> {
    let rest = dsn
        .strip_prefix("postgres://")
        .or_else(|| dsn.strip_prefix("postgresql://"));
    match rest {
        Some(rest) => parse_url(rest),
        None if dsn.contains('=') => parse_key_value(dsn),
        None if dsn.contains("://") => {
            Err(wrong("its scheme is neither postgres:// nor postgresql://"))
        }
        None if dsn.trim().is_empty() => Ok(Vec::new()),
        None => Ok(vec![("dbname".to_owned(), dsn.to_owned())]),
    }
}

fn wrong(what: impl Into<String>) -> PgError {
    PgError::Dsn { what: what.into() }
}

fn parse_key_value(dsn: &str) -> Result<Pairs, PgError> {
    let mut pairs = Pairs::new();
    let mut chars = dsn.chars().peekable();
    loop {
        while chars.next_if(char::is_ascii_whitespace).is_some() {}
        if chars.peek().is_none() {
            return Ok(pairs);
        }
        let mut key = String::new();
        while let Some(c) = chars.next_if(|c| *c != '=' && !c.is_ascii_whitespace()) {
            key.push(c);
        }
        while chars.next_if(char::is_ascii_whitespace).is_some() {}
        if chars.next() != Some('=') {
            // The word may be the rest of a password with a space in it, so it is not quoted.
            return Err(wrong(format!(
                "word number {} has no `=` after it (a value with spaces needs single quotes)",
                pairs.len() + 1
            )));
        }
        while chars.next_if(char::is_ascii_whitespace).is_some() {}
        let value = if chars.next_if_eq(&'\'').is_some() {
            quoted_value(&mut chars)
                .ok_or_else(|| wrong(format!("the value of `{key}` has no closing quote")))?
        } else {
            plain_value(&mut chars)
        };
        pairs.push((key, value));
    }
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn plain_value(chars: &mut Chars<'_>) -> String {
    let mut value = String::new();
    while let Some(c) = chars.next_if(|c| !c.is_ascii_whitespace()) {
        if c == '\\' {
            value.extend(chars.next());
        } else {
            value.push(c);
        }
    }
    value
}

fn quoted_value(chars: &mut Chars<'_>) -> Option<String> {
    let mut value = String::new();
    loop {
        match chars.next()? {
            '\'' => return Some(value),
            '\\' => value.push(chars.next()?),
            c => value.push(c),
        }
    }
}

fn parse_url(rest: &str) -> Result<Pairs, PgError> {
    let mut pairs = Pairs::new();
    let mut push = |key: &str, text: &str| -> Result<(), PgError> {
        pairs.push((key.to_owned(), decode(text, key)?));
        Ok(())
    };
    // As in libpq, user information ends at the first `@` before any `/`.
    let authority_end = rest.find('/').unwrap_or(rest.len());
    let rest = match rest[..authority_end].find('@') {
        Some(at) => {
            let (user, password) = rest[..at].split_once(':').unwrap_or((&rest[..at], ""));
            if !user.is_empty() {
                push("user", user)?;
            }
            if !password.is_empty() {
                push("password", password)?;
            }
            &rest[at + 1..]
        }
        None => rest,
    };
    let hosts_end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (hosts, ports) = split_hosts(&rest[..hosts_end])?;
    if hosts.iter().any(|h| !h.is_empty()) {
        push("host", &hosts.join(","))?;
    }
    if ports.iter().any(|p| !p.is_empty()) {
        push("port", &ports.join(","))?;
    }
    let rest = &rest[hosts_end..];
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let database = path.strip_prefix('/').unwrap_or("");
    if !database.is_empty() {
        push("dbname", database)?;
    }
    for pair in query.split('&').filter(|p| !p.is_empty()) {
        let (key, value) = pair
            .split_once('=')
            .ok_or_else(|| wrong("a parameter after `?` has no `=`".to_owned()))?;
        let key = decode(key, "a parameter")?;
        let value = decode(value, &key)?;
        // JDBC's spelling, accepted by libpq in URLs.
        if key == "ssl" && value == "true" {
            pairs.push(("sslmode".to_owned(), "require".to_owned()));
        } else {
            pairs.push((key, value));
        }
    }
    Ok(pairs)
}

/// `h1:p1,[::1]:p2,h3` into hosts and ports, index by index.
fn split_hosts(text: &str) -> Result<(Vec<&str>, Vec<&str>), PgError> {
    let (mut hosts, mut ports) = (Vec::new(), Vec::new());
    for part in text.split(',') {
        let (host, after) = match part.strip_prefix('[') {
            Some(inner) => inner
                .split_once(']')
                .ok_or_else(|| wrong("an IPv6 address has no closing `]`".to_owned()))?,
            None => match part.find(':') {
                Some(colon) => part.split_at(colon),
                None => (part, ""),
            },
        };
        let port = match after {
            "" => "",
            after => after.strip_prefix(':').ok_or_else(|| {
                wrong("something other than `:` follows an IPv6 address".to_owned())
            })?,
        };
        hosts.push(host);
        ports.push(port);
    }
    Ok((hosts, ports))
}

/// Percent-decoding. `%00` is refused, as in libpq.
fn decode(text: &str, key: &str) -> Result<String, PgError> {
    let invalid = || {
        wrong(format!(
            "{} is not percent-encoded correctly (`%` is written %25, `@` %40, `/` %2F)",
            shown_key(key)
        ))
    };
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || {
            rest.next()
                .and_then(|b| char::from(b).to_digit(16))
                .and_then(|d| u8::try_from(d).ok())
        };
        let (high, low) = (digit().ok_or_else(invalid)?, digit().ok_or_else(invalid)?);
        match high * 16 + low {
            0 => return Err(invalid()),
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).map_err(|_| invalid())
}

/// A key as it may be shown: a long or odd one may be a piece of a secret in the wrong place.
pub(super) fn shown_key(key: &str) -> &str {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ' ' | '.');
    if key.len() <= 40 && key.chars().all(plain) && !key.is_empty() {
        key
    } else {
        "(unreadable)"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get<'a>(pairs: &'a Pairs, key: &str) -> Option<&'a str> {
        let found = pairs.iter().rev().find(|(k, _)| k == key);
        found.map(|(_, v)| v.as_str())
    }

    #[test]
    fn a_url_is_decoded_in_every_part() {
        let pairs = parse("postgresql://us%40er:p%3A%2Fw@h%31:5433,[::1],%2Frun%2Fpg:6/d%20b?options=-c%20x%3D1&connect_timeout=3").unwrap();
        assert_eq!(get(&pairs, "user"), Some("us@er"));
        assert_eq!(get(&pairs, "password"), Some("p:/w"));
        assert_eq!(get(&pairs, "host"), Some("h1,::1,/run/pg"));
        assert_eq!(get(&pairs, "port"), Some("5433,,6"));
        assert_eq!(get(&pairs, "dbname"), Some("d b"));
        assert_eq!(get(&pairs, "options"), Some("-c x=1"));
        assert_eq!(get(&pairs, "connect_timeout"), Some("3"));
    }

    #[test]
    fn short_urls_leave_defaults_open() {
        assert_eq!(parse("postgres://").unwrap(), vec![]);
        assert_eq!(
            parse("postgres:///db?host=/tmp").unwrap(),
            vec![
                ("dbname".to_owned(), "db".to_owned()),
                ("host".to_owned(), "/tmp".to_owned())
            ]
        );
        assert_eq!(
            get(&parse("postgres://h?user=u").unwrap(), "user"),
            Some("u")
        );
    }

    #[test]
    fn key_value_knows_quotes_and_escapes() {
        let pairs = parse(r"host = 'a b' password='it\'s \\ fine' user=x\ y dbname=''").unwrap();
        assert_eq!(get(&pairs, "host"), Some("a b"));
        assert_eq!(get(&pairs, "password"), Some(r"it's \ fine"));
        assert_eq!(get(&pairs, "user"), Some("x y"));
        assert_eq!(get(&pairs, "dbname"), Some(""));
    }

    #[test]
    fn anything_else_is_a_database_name() {
        assert_eq!(get(&parse("shop").unwrap(), "dbname"), Some("shop"));
        assert!(parse("mysql://h/db").is_err());
    }

    #[test]
    fn errors_never_quote_a_value() {
        for dsn in [
            "postgres://u:CANARY%zz@h/db",
            "postgres://u:CANARY%00@h/db",
            "host=h password='CANARY",
            "host=h password=x CANARY",
            "postgres://[CANARY/db",
            "postgres://h/db?CANARY",
        ] {
            let error = parse(dsn).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("CANARY"), "{dsn}");
        }
    }

    /// A value as libpq's quoting writes it.
    fn quoted(value: &str) -> String {
        format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
    }

    /// A value with everything encoded.
    fn encoded(value: &str) -> String {
        let hex = value.bytes().map(|b| format!("%{b:02X}"));
        hex.collect::<Vec<_>>().concat()
    }

    proptest::proptest! {
        #[test]
        fn nothing_makes_it_panic(text in ".*") {
            let _result = parse(&text);
            let _result = parse(&format!("postgres://{text}"));
            let _result = parse(&format!("host={text}"));
        }

        #[test]
        fn what_is_quoted_or_encoded_comes_back(
            user in "[^\0]{1,20}",
            password in "[^\0]{1,20}",
        ) {
            let text = format!("user={} password = {}", quoted(&user), quoted(&password));
            let url = format!("postgres://{}:{}@h/d", encoded(&user), encoded(&password));
            for dsn in [text, url] {
                let pairs = parse(&dsn).unwrap();
                proptest::prop_assert_eq!(get(&pairs, "user"), Some(user.as_str()));
                proptest::prop_assert_eq!(get(&pairs, "password"), Some(password.as_str()));
            }
        }
    }
}
