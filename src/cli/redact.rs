//! Command lines as they may be shown: passwords replaced, whatever form they are written in.

/// What stands where a secret stood.
const HIDDEN: &str = "***";

/// Keys whose value is a secret, in URLs, `key=value` strings, flags and variables.
const SECRET_KEYS: [&str; 16] = [
    "password",
    "passwd",
    "sslpassword",
    "passphrase",
    "token",
    "secret",
    "api-key",
    "api_key",
    "apikey",
    "access-key",
    "access_key",
    "secret-key",
    "secret_key",
    "authorization",
    "credentials",
    "cookie",
];

/// Ends of the names of HTTP headers whose value is a secret.
const SECRET_HEADERS: [&str; 5] = ["authorization", "cookie", "key", "token", "secret"];

/// Flags of load tools and of curl that take `user:password`.
const CREDENTIAL_FLAGS: [&str; 9] = [
    "-u",
    "-a",
    "-A",
    "-P",
    "-U",
    "--user",
    "--proxy-user",
    "--auth",
    "--basic-auth",
];

/// Flags that take the cookie `name=value`.
const COOKIE_FLAGS: [&str; 3] = ["-b", "-C", "--cookie"];

/// Program and arguments as one line.
pub(super) fn redacted_command(words: &[String]) -> String {
    let mut shown = Vec::with_capacity(words.len());
    let mut next_is_secret = false;
    let mut flag = "";
    for word in words {
        shown.push(if next_is_secret {
            HIDDEN.to_owned()
        } else {
            redact(&after_flags(flag, word))
        });
        // `--password VALUE`, as many tools take it.
        next_is_secret = word.starts_with("--")
            && SECRET_KEYS
                .iter()
                .any(|key| word.trim_start_matches('-') == *key);
        flag = word;
    }
    shown.join(" ")
}

/// One word with its secrets replaced.
fn redact(word: &str) -> String {
    keys_hidden(&headers_hidden(&userinfo_hidden(word)))
}

/// A word after another, and words within it (`sh -c '…'`), lose what follows a flag for credentials.
fn after_flags(before: &str, word: &str) -> String {
    // A flag, or the value of one, is one word with its blanks.
    if takes_a_secret(before) || word.starts_with('-') {
        return of_flag(before, word);
    }
    let (mut flag, mut quote) = (before, None);
    let mut shown = Vec::new();
    for part in word.split(' ') {
        if let Some(open) = quote {
            // What a quote holds together is one value.
            if part.ends_with(open) {
                quote = None;
            }
            continue;
        }
        shown.push(of_flag(flag, part));
        let open = part.chars().next().filter(|c| ['"', '\''].contains(c));
        quote =
            open.filter(|open| takes_a_secret(flag) && (part.len() == 1 || !part.ends_with(*open)));
        flag = part.trim_matches(['"', '\'']);
    }
    shown.join(" ")
}

fn takes_a_secret(flag: &str) -> bool {
    CREDENTIAL_FLAGS.contains(&flag) || COOKIE_FLAGS.contains(&flag)
}

/// What stands after a flag: `user:***`, `name=***`. A number is one of users or clients.
fn of_flag(flag: &str, value: &str) -> String {
    let hidden_after = |separator: char, begin: &str, value: &str| {
        let known = value.split_once(separator);
        known.map(|(name, _)| format!("{begin}{name}{separator}{HIDDEN}"))
    };
    if CREDENTIAL_FLAGS.contains(&flag) && !value.contains("://") {
        return hidden_after(':', "", value).unwrap_or_else(|| value.to_owned());
    }
    if COOKIE_FLAGS.contains(&flag) {
        return hidden_after('=', "", value).unwrap_or_else(|| value.to_owned());
    }
    // `-uNAME:PASSWORD`, `--user=NAME:PASSWORD`, `--cookie=NAME=VALUE`
    let rest_of = |flag: &str| {
        let rest = value.strip_prefix(flag)?;
        match rest.strip_prefix('=') {
            Some(rest) => Some((format!("{flag}="), rest)),
            None if flag.starts_with("--") => None,
            None => Some((flag.to_owned(), rest)),
        }
    };
    let cookie = COOKIE_FLAGS.iter().find_map(|flag| {
        let (begin, rest) = rest_of(flag)?;
        hidden_after('=', &begin, rest)
    });
    let attached = cookie.or_else(|| {
        CREDENTIAL_FLAGS.iter().find_map(|flag| {
            let (begin, rest) = rest_of(flag)?;
            let plain = !rest.contains("://") && !rest.contains('=');
            plain.then(|| hidden_after(':', &begin, rest))?
        })
    });
    attached.unwrap_or_else(|| value.to_owned())
}

/// `Authorization: …` and other headers lose their values, up to a quote or the end of the word.
fn headers_hidden(word: &str) -> String {
    let mut shown = String::with_capacity(word.len());
    let mut rest = word;
    while let Some(colon) = rest.find(':') {
        let (before, after) = rest.split_at(colon + 1);
        shown.push_str(before);
        rest = after;
        let name = before.trim_end_matches(':').to_ascii_lowercase();
        let is_secret = SECRET_HEADERS.iter().any(|end| name.ends_with(end));
        if is_secret && !after.starts_with("//") {
            let end = after.find(['"', '\'']).unwrap_or(after.len());
            shown.push(' ');
            shown.push_str(HIDDEN);
            rest = &after[end..];
        }
    }
    shown.push_str(rest);
    shown
}

/// `scheme://user:password@host` loses the password. The last `@` before the path counts, because
/// an unescaped password may hold one itself.
fn userinfo_hidden(word: &str) -> String {
    let Some((scheme, rest)) = word.split_once("://") else {
        return word.to_owned();
    };
    let authority_end = rest.rfind('@').unwrap_or(0);
    match rest.get(..authority_end).and_then(|u| u.split_once(':')) {
        Some((user, _)) => format!("{scheme}://{user}:{HIDDEN}{}", &rest[authority_end..]),
        None => word.to_owned(),
    }
}

/// `password=…`, `PGPASSWORD=…` and `?password=…` lose their values.
fn keys_hidden(word: &str) -> String {
    let mut shown = String::with_capacity(word.len());
    let mut rest = word;
    while let Some(equals) = rest.find('=') {
        let (before, after) = rest.split_at(equals + 1);
        shown.push_str(before);
        let key = before.trim_end_matches([' ', '=']).to_ascii_lowercase();
        rest = after;
        if SECRET_KEYS.iter().any(|secret| key.ends_with(secret)) {
            shown.push_str(HIDDEN);
            rest = &after[value_length(after)..];
        }
    }
    shown.push_str(rest);
    shown
}

/// Length of a value: up to a space or `&`, or a quoted string with its escapes.
fn value_length(text: &str) -> usize {
    let blanks = text.len() - text.trim_start().len();
    let value = &text[blanks..];
    let mut characters = value.char_indices();
    if let Some((_, quote)) = characters.next().filter(|(_, c)| ['\'', '"'].contains(c)) {
        while let Some((at, c)) = characters.next() {
            if c == '\\' {
                let _ = characters.next();
            } else if c == quote {
                return blanks + at + 1;
            }
        }
        return text.len();
    }
    blanks + value.find([' ', '&', '"', '\'']).unwrap_or(value.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_form_of_a_password_survives() {
        for word in [
            "postgres://me:canary@h/db",
            "postgres://me:can@ry:canary@h/db",
            "postgresql://h/db?user=me&password=canary&x=1",
            "postgresql://h/db?sslpassword=canary",
            "host=h password=canary user=me",
            "host=h password = 'ca\\' canary' user=me",
            "PGPASSWORD=canary",
            "--password=canary",
            "http://user:canary@127.0.0.1:8000/x",
            "--api-key=canary",
            "X-Api-Key: canary",
            "Authorization: Bearer can ary",
            "--header=Cookie: session=canary; other=canary",
            "-uuser:canary",
            "--user=user:canary",
            "PGPASSWORD=\"a canary\" x",
            "curl -u user:canary http://h/",
            "curl -H 'Authorization: Bearer canary' http://h/",
            "curl -b session=canary http://h/",
            "curl -u 'user:correct canary' http://h/",
            "curl -b 'sid=a; auth=canary' http://h/",
            "--cookie=sid=a; auth=canary",
            "-bsid=canary",
        ] {
            let shown = redacted_command(&[word.to_owned()]);
            assert!(!shown.contains("canary"), "{shown}");
        }
        let words = ["tool", "--password", "canary", "run"].map(str::to_owned);
        assert_eq!(redacted_command(&words), "tool --password *** run");
        for (flag, value) in [
            ("-H", "Authorization: Bearer canary"),
            ("-H", "cookie:canary"),
            ("-A", "user:canary"),
            ("-a", "user:can:ary"),
            ("--cookie", "session=canary"),
            ("-C", "session=canary"),
            ("-u", "user:correct canary horse-canary"),
            ("-b", "sid=a; auth=canary"),
        ] {
            let words = ["tool", flag, value, "http://h/"].map(str::to_owned);
            let shown = redacted_command(&words);
            assert!(!shown.contains("ary"), "{shown}");
            assert!(shown.ends_with(" http://h/"), "{shown}");
        }
    }

    #[test]
    fn what_is_no_secret_stays() {
        for word in [
            "postgres://me@h/db?connect_timeout=3",
            "--window=60s",
            "a=b c=d",
            "x://y",
            "http://127.0.0.1:8000/tokens?page=2",
            "Accept: application/json",
            "--users",
            "-u 10",
            "k6 run -u 10 http://h:80/",
            "--stages 2:1s",
            "-c10",
        ] {
            let words = [word.to_owned()];
            assert_eq!(redacted_command(&words), word);
        }
        let words = ["locust", "-u", "10", "-H", "http://h:80"].map(str::to_owned);
        assert_eq!(redacted_command(&words), "locust -u 10 -H http://h:80");
    }
}
