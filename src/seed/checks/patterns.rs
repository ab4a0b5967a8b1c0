//! LIKE, SIMILAR TO and regular expressions, all as regular expressions.

use regex::Regex;

/// An operator that looks for a pattern.
pub(super) fn is_operator(operator: &str) -> bool {
    let plain = operator.trim_start_matches('!');
    matches!(plain, "~~" | "~~*" | "~" | "~*")
}

/// The regular expression that an operator means by its right side, as PostgreSQL writes it.
pub(super) fn source(operator: &str, text: &str) -> Result<String, String> {
    match operator.trim_start_matches('!') {
        "~~" => Ok(like(text)),
        "~~*" => Ok(format!("(?i){}", like(text))),
        "~" => Ok(text.to_owned()),
        "~*" => Ok(format!("(?i){text}")),
        "similar" => Ok(similar(text)),
        other => Err(format!("the operator {other} is not understood")),
    }
}

/// A pattern that can be tried here. What PostgreSQL's regular expressions have beyond those of the library (looking
/// ahead and behind, back references) is refused.
pub(super) fn compile(source: &str) -> Result<Regex, String> {
    let (flags, rest) = match source.strip_prefix("(?i)") {
        Some(rest) => ("(?is)", rest),
        None => ("(?s)", source),
    };
    let rest = rest.replace(r"\m", r"\b").replace(r"\M", r"\b");
    let rest = rest.replace(r"\y", r"\b").replace(r"\A", "^");
    Regex::new(&format!("{flags}{rest}"))
        .map_err(|_| "its regular expression is not understood".to_owned())
}

/// Anchors that a leading or trailing `%` makes needless are left out, so that a pattern stays short.
fn like(text: &str) -> String {
    let mut out = String::new();
    let mut characters = text.chars().peekable();
    let mut open = false;
    if characters.peek() == Some(&'%') {
        while characters.next_if_eq(&'%').is_some() {}
    } else {
        out.push('^');
    }
    while let Some(character) = characters.next() {
        open = false;
        match character {
            '%' if characters.peek().is_none() => open = true,
            '%' => out.push_str(".*"),
            '_' => out.push('.'),
            '\\' => push_plain(characters.next().unwrap_or('\\'), &mut out),
            other => push_plain(other, &mut out),
        }
    }
    if !open && (!out.is_empty() || !text.contains('%')) {
        out.push('$');
    }
    out
}

fn similar(text: &str) -> String {
    let mut out = String::from("^(?:");
    let mut characters = text.chars();
    let mut in_class = false;
    while let Some(character) = characters.next() {
        match character {
            '\\' => push_plain(characters.next().unwrap_or('\\'), &mut out),
            // What is within brackets is there as in any regular expression.
            _ if in_class => {
                out.push(character);
                in_class = character != ']';
            }
            '[' => {
                out.push('[');
                in_class = true;
            }
            '%' => out.push_str(".*"),
            '_' => out.push('.'),
            '.' | '^' | '$' => push_plain(character, &mut out),
            other => out.push(other),
        }
    }
    out.push_str(")$");
    out
}

fn push_plain(character: char, out: &mut String) {
    if r"\.+*?()|[]{}^$".contains(character) {
        out.push('\\');
    }
    out.push(character);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn like_is_a_regular_expression() {
        let cases = [
            ("%@%", "@"),
            ("abc%", "^abc"),
            ("%.com", r"\.com$"),
            ("a_c", "^a.c$"),
            ("a%c", "^a.*c$"),
            (r"10\%", "^10%$"),
            ("%", ""),
            ("", "^$"),
        ];
        for (text, regex) in cases {
            assert_eq!(like(text), regex, "{text}");
        }
    }

    #[test]
    fn similar_to_keeps_its_alternatives() {
        for (text, matched, unmatched) in
            [("[^0-9]%", "a7", "7a"), ("[a-z._%-]+@x", "a_b%@x", "a*@x")]
        {
            let regex = compile(&similar(text)).unwrap();
            assert!(
                regex.is_match(matched) && !regex.is_match(unmatched),
                "{text}"
            );
        }
        let regex = compile(&similar("(a|b)%x.y")).unwrap();
        assert!(regex.is_match("b--x.y"));
        assert!(!regex.is_match("c--x.y") && !regex.is_match("b--xzy"));
    }

    #[test]
    fn what_cannot_be_tried_is_refused() {
        assert!(compile("(?=a)b").is_err());
        assert!(compile(r"^[A-Z]{2}\d+$").is_ok());
    }
}
