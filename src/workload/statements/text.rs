//! The text of a statement as a workload file has it.

use pg_query::protobuf::Token;

use crate::explain::with_casts;

/// How many parameters a text has: its highest `$n`. `None` if it does not consist of tokens.
pub(super) fn parameter_count(text: &str) -> Option<usize> {
    let scanned = pg_query::scan(text).ok()?;
    let tokens = scanned.tokens.iter();
    let params = tokens.filter(|token| token.token == Token::Param as i32);
    let numbers = params.filter_map(|token| number(text, token.start, token.end));
    Some(numbers.max().unwrap_or(0))
}

/// A text that the server's grammar allows: `pg_stat_statements` puts a parameter also where only a
/// literal may stand, as in `interval $1` and `extract($1 FROM …)`.
pub(super) fn parsable(text: &str) -> String {
    let text = with_casts(text);
    with_date_part(&text).unwrap_or(text)
}

/// `date_part($1, …)` for `extract($1 FROM …)`; `None` if there is none.
fn with_date_part(text: &str) -> Option<String> {
    let scanned = pg_query::scan(text).ok()?;
    let kinds: Vec<i32> = scanned.tokens.iter().map(|token| token.token).collect();
    let wanted = [Token::Extract, Token::Ascii40, Token::Param, Token::From].map(|t| t as i32);
    let mut out = String::with_capacity(text.len());
    let mut kept = 0;
    for (at, _) in kinds
        .windows(4)
        .enumerate()
        .filter(|(_, kinds)| *kinds == wanted)
    {
        let [extract, _, parameter, from] = scanned.tokens.get(at..at + 4)? else {
            return None;
        };
        out.push_str(text.get(kept..place(extract.start)?)?);
        out.push_str("date_part");
        out.push_str(text.get(place(extract.end)?..place(parameter.end)?)?);
        out.push(',');
        kept = place(from.end)?;
    }
    out.push_str(text.get(kept..)?);
    (kept > 0).then_some(out)
}

/// The text with `:name` for `$n`, without line comments, whose lines would be read as directives.
/// `None` if it does not consist of tokens or has a parameter without a name.
pub(super) fn with_names(text: &str, names: &[String]) -> Option<String> {
    let scanned = pg_query::scan(text).ok()?;
    let mut out = String::with_capacity(text.len() + 16);
    let mut kept = 0;
    for token in &scanned.tokens {
        let (start, end) = (place(token.start)?, place(token.end)?);
        if token.token == Token::SqlComment as i32 {
            out.push_str(text.get(kept..start)?);
            kept = end;
        } else if token.token == Token::Param as i32 {
            out.push_str(text.get(kept..start)?);
            // `[$1:$2]` would become a cast.
            if out.ends_with(':') && !out.ends_with("::") {
                out.push(' ');
            }
            let name = names.get(number(text, token.start, token.end)?.checked_sub(1)?)?;
            out.push(':');
            out.push_str(name);
            kept = end;
        } else if token.token == Token::Ascii58 as i32 {
            // A colon of a slice must not look like a placeholder.
            out.push_str(text.get(kept..end)?);
            out.push(' ');
            kept = end;
        }
    }
    out.push_str(text.get(kept..)?);
    let lines = out
        .lines()
        .map(str::trim_end)
        .filter(|line| !line.is_empty());
    let joined = lines.collect::<Vec<_>>().join("\n");
    Some(joined.trim().trim_end_matches(';').trim_end().to_owned())
}

fn place(at: i32) -> Option<usize> {
    usize::try_from(at).ok()
}

/// The number of a `$n`.
fn number(text: &str, start: i32, end: i32) -> Option<usize> {
    text.get(place(start)?..place(end)?)?
        .strip_prefix('$')?
        .parse()
        .ok()
}

/// A text in one line of at most so many characters, for a comment.
pub(super) fn one_line(text: &str, longest: usize) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    let line = words.join(" ");
    if line.chars().count() <= longest {
        return line;
    }
    let cut: String = line.chars().take(longest.saturating_sub(1)).collect();
    format!("{cut}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_become_names_and_comments_go() {
        let names = ["a", "b", "c"].map(str::to_owned);
        for (text, expected) in [
            (
                "SELECT $1::int, x FROM t WHERE y = $2",
                "SELECT :a::int, x FROM t WHERE y = :b",
            ),
            (
                "-- name: Get :one\nSELECT $1 -- then: x\nFROM t;",
                "SELECT :a\nFROM t",
            ),
            (
                "SELECT v[$1:$2], w[1:n], '$3' /* $3 */",
                "SELECT v[:a: :b], w[1: n], '$3' /* $3 */",
            ),
            ("SELECT a IN ($1 /*, ... */)", "SELECT a IN (:a /*, ... */)"),
            ("SELECT \"x:y\", f(p := $3)", "SELECT \"x:y\", f(p := :c)"),
        ] {
            let written = with_names(text, &names).unwrap();
            assert_eq!(written, expected);
            // Read back, the same parameters are found.
            let read = crate::workload::scan::scan(&format!("{written};"), 0).unwrap();
            assert_eq!(
                parameter_count(&read.sql),
                parameter_count(text).map(|n| n.min(read.params.len()))
            );
        }
        assert_eq!(with_names("SELECT $4", &names), None);
        assert_eq!(with_names("SELECT 'x", &names), None);
    }

    #[test]
    fn a_parameter_in_the_place_of_a_literal_is_made_parsable() {
        for (text, expected) in [
            (
                "SELECT EXTRACT($1 FROM at), extract ($2 from b) FROM t",
                "SELECT date_part($1, at), date_part ($2, b) FROM t",
            ),
            (
                "SELECT now() - INTERVAL $1, uuid $2, 'extract($3 from x)'",
                "SELECT now() - $1::interval, $2::uuid, 'extract($3 from x)'",
            ),
            (
                "SELECT a FROM t WHERE b = $1",
                "SELECT a FROM t WHERE b = $1",
            ),
        ] {
            assert_eq!(parsable(text), expected);
            assert!(pg_query::parse(expected, pg_query::ParserOptions::default()).is_ok());
        }
    }

    #[test]
    fn parameters_are_counted_by_their_highest_number() {
        assert_eq!(parameter_count("SELECT '$9', $2 /* $7 */ + $1"), Some(2));
        assert_eq!(parameter_count("SELECT 1"), Some(0));
    }

    #[test]
    fn a_comment_is_one_line() {
        assert_eq!(one_line("a\n  b\u{1b}c", 9), "a b c");
        assert_eq!(one_line("abcdefgh", 4), "abc…");
    }
}
