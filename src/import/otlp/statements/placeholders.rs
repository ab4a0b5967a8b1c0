//! The placeholders of drivers become those of the server.

use std::collections::HashMap;
use std::fmt::Write as _;

/// How a driver writes placeholders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    /// `%s` and `%(name)s` (Python's psycopg).
    Percent,
    /// `?` (JDBC).
    Question,
    /// `:name` (SQLAlchemy).
    Colon,
    /// `@name` (Npgsql).
    At,
}

/// The forms that the text may have with `$n` for its placeholders, the likeliest first; the first that parses is
/// right. `b = @b` and `a %s` parse as they are too, with operators that hardly anybody writes so close; of `?` and
/// `:` the operators of PostgreSQL are likelier.
pub(super) fn forms(text: &str) -> Vec<String> {
    let likely = [(Style::Percent, "%"), (Style::At, "@")];
    let unlikely = [(Style::Question, "?"), (Style::Colon, ":")];
    let form = |(style, mark): (Style, &str)| text.contains(mark).then(|| numbered(text, style));
    let mut forms: Vec<String> = likely.into_iter().filter_map(form).collect();
    forms.push(text.to_owned());
    forms.extend(unlikely.into_iter().filter_map(form));
    forms.dedup();
    forms
}

/// Replaces placeholders outside of strings, quoted names and comments.
fn numbered(text: &str, style: Style) -> String {
    let mut out = String::with_capacity(text.len());
    let mut numbers: HashMap<&str, usize> = HashMap::new();
    let mut count = 0;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let quoted = quoted(rest);
        if quoted > 0 {
            out.push_str(&rest[..quoted]);
            rest = &rest[quoted..];
            continue;
        }
        // A cast is no placeholder.
        if style == Style::Colon && rest.starts_with("::") {
            out.push_str("::");
            rest = &rest[2..];
            continue;
        }
        if let Some((name, length)) = placeholder(rest, style) {
            let number = if name.is_empty() {
                count += 1;
                count
            } else {
                *numbers.entry(name).or_insert_with(|| {
                    count += 1;
                    count
                })
            };
            let _ = write!(out, "${number}");
            rest = &rest[length..];
            continue;
        }
        if style == Style::Percent && rest.starts_with("%%") {
            out.push('%');
            rest = &rest[2..];
            continue;
        }
        out.push(first);
        rest = &rest[first.len_utf8()..];
    }
    out
}

/// Length of the string, quoted name or comment that the text begins with; 0 where it begins with none.
fn quoted(text: &str) -> usize {
    let until = |open: usize, close: &str| {
        let end = text.get(open..).and_then(|t| t.find(close));
        end.map_or(text.len(), |at| open + at + close.len())
    };
    if text.starts_with('\'') {
        until(1, "'")
    } else if text.starts_with('"') {
        until(1, "\"")
    } else if text.starts_with("--") {
        until(2, "\n")
    } else if text.starts_with("/*") {
        until(2, "*/")
    } else {
        0
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Name and length of the placeholder that the text begins with.
fn placeholder(text: &str, style: Style) -> Option<(&str, usize)> {
    match style {
        Style::Percent => {
            if let Some(after) = text.strip_prefix("%s") {
                return (!after.starts_with(is_word)).then_some(("", 2));
            }
            let inner = text.strip_prefix("%(")?;
            let end = inner.find(")s")?;
            Some((&inner[..end], end + 4))
        }
        Style::Question => text.starts_with('?').then_some(("", 1)),
        Style::Colon | Style::At => {
            let mark = if style == Style::At { '@' } else { ':' };
            let inner = text.strip_prefix(mark)?;
            let end = inner.find(|c| !is_word(c)).unwrap_or(inner.len());
            let begins = inner.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
            begins.then(|| (&inner[..end], end + 1))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_comments_and_casts_stay() {
        let percent = "SELECT '%s', \"%s\", 5 %% 2, %s, %(a)s, %(b)s, %(a)s /* %s */";
        assert_eq!(
            numbered(percent, Style::Percent),
            "SELECT '%s', \"%s\", 5 % 2, $1, $2, $3, $2 /* %s */"
        );
        assert_eq!(
            numbered("SELECT a::int, :a, @b -- :c\n, '?'", Style::Colon),
            "SELECT a::int, $1, @b -- :c\n, '?'"
        );
        assert_eq!(
            numbered("x = ? AND y = '?'", Style::Question),
            "x = $1 AND y = '?'"
        );
        assert_eq!(forms("SELECT 1"), ["SELECT 1"]);
    }
}
