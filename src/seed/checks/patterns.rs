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

/// The pattern without those of its alternatives that look ahead or behind: what this one finds, that one does, too.
/// `None` where no alternative is left.
pub(super) fn without_looking(source: &str) -> Option<String> {
    let mut rest = source.chars().peekable();
    let left = alternatives(&mut rest)?;
    // A parenthesis that closes nothing.
    rest.next().is_none().then_some(left)
}

/// Alternatives up to the end of their group, those left out that look somewhere.
fn alternatives(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<String> {
    let (mut kept, mut branch): (Vec<String>, Option<String>) = (Vec::new(), Some(String::new()));
    let push = |branch: &mut Option<String>, text: &str| {
        if let Some(branch) = branch {
            branch.push_str(text);
        }
    };
    while let Some(character) = rest.next_if(|c| *c != ')') {
        match character {
            '|' => kept.extend(branch.replace(String::new())),
            '\\' => {
                push(&mut branch, &format!("\\{}", rest.next()?));
            }
            '[' => push(&mut branch, &class(rest)?),
            '(' => {
                let (opening, looks) = opening(rest);
                let inside = alternatives(rest);
                rest.next_if_eq(&')')?;
                let may_be_left_out = rest.peek().is_some_and(|next| "*?".contains(*next));
                match inside.filter(|_| !looks) {
                    Some(inside) => push(&mut branch, &format!("({opening}{inside})")),
                    None if may_be_left_out => {
                        rest.next();
                        rest.next_if_eq(&'?');
                    }
                    None => branch = None,
                }
            }
            other => push(&mut branch, &other.to_string()),
        }
    }
    kept.extend(branch);
    (!kept.is_empty()).then(|| kept.join("|"))
}

/// What a group begins with behind its parenthesis, and whether it looks ahead or behind.
fn opening(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> (String, bool) {
    let mut opening = String::new();
    if rest.next_if_eq(&'?').is_some() {
        opening.push('?');
        while let Some(sign) = rest.next_if(|c| "<=!:".contains(*c)) {
            opening.push(sign);
        }
    }
    let looks = opening.contains(['=', '!']);
    (opening, looks)
}

/// Brackets and what is within.
fn class(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<String> {
    let mut class = String::from("[");
    class.extend(rest.next_if_eq(&'^'));
    // The first one closes nothing.
    class.extend(rest.next_if_eq(&']').map(|_| "\\]"));
    loop {
        let character = rest.next()?;
        class.push(character);
        match character {
            ']' => return Some(class),
            '\\' => class.push(rest.next()?),
            _ => {}
        }
    }
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
    fn alternatives_that_look_ahead_are_left_out() {
        let cases = [
            (
                "^[a-z](?:[a-z]|[-.](?=[a-z]))*-?$",
                Some("^[a-z](?:[a-z])*-?$"),
            ),
            (r"^\w(?:\w|[-.](?=\w))*-?$", Some(r"^\w(?:\w)*-?$")),
            ("^a(?:-(?=b))*c$", Some("^ac$")),
            ("^(?!-)[a-z]+$", None),
            ("^a$|^(?=b)b$|^[)|(]$", Some("^a$|^[)|(]$")),
            ("a)", None),
        ];
        for (source, left) in cases {
            assert_eq!(without_looking(source).as_deref(), left, "{source}");
        }
    }

    #[test]
    fn what_cannot_be_tried_is_refused() {
        assert!(compile("(?=a)b").is_err());
        assert!(compile(r"^[A-Z]{2}\d+$").is_ok());
    }
}
