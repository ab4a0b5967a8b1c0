//! Command lines as they may be shown: passwords replaced, whatever form they are written in.

/// What stands where a secret stood.
const HIDDEN: &str = "***";

/// Keys whose value is a secret, in URLs, `key=value` strings, flags and variables.
const SECRET_KEYS: [&str; 5] = ["password", "passwd", "sslpassword", "token", "secret"];

/// Program and arguments as one line.
pub(super) fn redacted_command(words: &[String]) -> String {
    let mut shown = Vec::with_capacity(words.len());
    let mut next_is_secret = false;
    for word in words {
        shown.push(if next_is_secret {
            HIDDEN.to_owned()
        } else {
            redact(word)
        });
        // `--password VALUE`, as many tools take it.
        next_is_secret = word.starts_with("--")
            && SECRET_KEYS
                .iter()
                .any(|key| word.trim_start_matches('-') == *key);
    }
    shown.join(" ")
}

/// One word with its secrets replaced.
fn redact(word: &str) -> String {
    keys_hidden(&userinfo_hidden(word))
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
    if value.starts_with('\'') {
        let _ = characters.next();
        while let Some((at, c)) = characters.next() {
            match c {
                '\\' => {
                    let _ = characters.next();
                }
                '\'' => return blanks + at + 1,
                _ => {}
            }
        }
        return text.len();
    }
    blanks + value.find([' ', '&']).unwrap_or(value.len())
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
        ] {
            let shown = redacted_command(&[word.to_owned()]);
            assert!(!shown.contains("canary"), "{shown}");
        }
        let words = ["tool", "--password", "canary", "run"].map(str::to_owned);
        assert_eq!(redacted_command(&words), "tool --password *** run");
    }

    #[test]
    fn what_is_no_secret_stays() {
        for word in [
            "postgres://me@h/db?connect_timeout=3",
            "--window=60s",
            "a=b c=d",
            "x://y",
        ] {
            assert_eq!(redact(word), word);
        }
    }
}
