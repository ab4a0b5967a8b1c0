//! Statement texts as they may be kept: constants as `$n`, with a fingerprint.

use crate::record::fingerprint;
use crate::record::statements::StatementText;

/// What stands in the place of a text that may hold a secret.
const WITHHELD: &str = "(text withheld: it could not be parsed and may hold values)";

/// Constants that are written as a string.
const STRINGS: [i32; 4] = [
    pg_query::protobuf::Token::Sconst as i32,
    pg_query::protobuf::Token::Usconst as i32,
    pg_query::protobuf::Token::Bconst as i32,
    pg_query::protobuf::Token::Xconst as i32,
];

/// The name of the statement that [`explain`](crate::explain) prepares to get a generic plan.
const PROBE: &str = "dbperf_probe AS ";

/// The application's own text of an entry that dbperf's `PREPARE` has made.
///
/// `PostgreSQL` 18 makes an entry of a statement with parameters when it is prepared, and keeps
/// the text from then. If the same role executes the same statement later, its entry begins with
/// the `PREPARE` of an earlier run.
#[must_use]
pub fn application_text(text: &str) -> &str {
    let statement = text.strip_prefix("PREPARE ").and_then(|rest| {
        let rest = rest.strip_prefix("/* dbperf */ ").unwrap_or(rest);
        rest.strip_prefix(PROBE)
    });
    statement.unwrap_or(text)
}

/// A text of `pg_stat_statements` without constants, and its fingerprint.
///
/// The server replaces the constants of queries itself but keeps those of utility statements
/// (`ALTER ROLE … PASSWORD '…'`; before 16 also `EXPLAIN` and `CALL`). A text that still holds a
/// quoted constant is normalised here by PostgreSQL's parser, and withheld if it does not parse.
#[must_use]
pub fn normalised(text: &str) -> StatementText {
    // Dollar quotes hold values too; `$1` is a parameter.
    let may_hold_values = text.contains('\'') || has_dollar_quote(text);
    let query = if may_hold_values {
        match pg_query::normalize(text) {
            Ok(query) if !has_string(&query) => query,
            _ => withheld(text),
        }
    } else {
        text.to_owned()
    };
    StatementText {
        query,
        fingerprint: fingerprint(text),
    }
}

/// A statement as a client sent it, without comments and constants, which both may hold values. What
/// the parser refuses, such as a text that the server has cut, is read as words only; what cannot even
/// be read so is withheld.
#[must_use]
pub fn without_values(text: &str) -> String {
    let normal = pg_query::normalize(text).unwrap_or_else(|_| text.to_owned());
    // The server cuts long texts in the midst of a word or a constant.
    let Ok(scan) = pg_query::scan(&normal) else {
        return withheld(text);
    };
    let mut kept = String::with_capacity(normal.len());
    let mut end = 0;
    for token in &scan.tokens {
        let (Ok(from), Ok(to)) = (usize::try_from(token.start), usize::try_from(token.end)) else {
            return withheld(text);
        };
        let (Some(between), Some(word)) = (normal.get(end..from), normal.get(from..to)) else {
            return withheld(text);
        };
        kept.push_str(if between.is_empty() { "" } else { " " });
        kept.push_str(match kind(token.token) {
            Kind::Comment => "",
            Kind::Constant => "?",
            Kind::Word => word,
        });
        end = to;
    }
    kept.split_whitespace().collect::<Vec<_>>().join(" ")
}

enum Kind {
    Comment,
    Constant,
    Word,
}

fn kind(token: i32) -> Kind {
    use pg_query::protobuf::Token;
    let comments = [Token::SqlComment as i32, Token::CComment as i32];
    let numbers = [Token::Iconst as i32, Token::Fconst as i32];
    if comments.contains(&token) {
        Kind::Comment
    } else if numbers.contains(&token) || STRINGS.contains(&token) {
        Kind::Constant
    } else {
        Kind::Word
    }
}

fn has_dollar_quote(text: &str) -> bool {
    let mut after_dollars = text.match_indices('$').map(|(i, _)| &text[i + 1..]);
    after_dollars.any(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// The parser finds a string constant.
fn has_string(text: &str) -> bool {
    let Ok(scan) = pg_query::scan(text) else {
        return true;
    };
    scan.tokens.iter().any(|t| STRINGS.contains(&t.token))
}

/// The first word says at least what kind of statement it was.
fn withheld(text: &str) -> String {
    let word: String = text
        .trim_start()
        .chars()
        .take_while(char::is_ascii_alphabetic)
        .take(20)
        .collect();
    format!("{word} {WITHHELD}").trim_start().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_normalised_query_stays_as_it_is() {
        let text = "SELECT a -- it\nFROM t WHERE id = $1 AND b = $2";
        let kept = normalised(text);
        assert_eq!(kept.query, text);
        assert!(kept.fingerprint.is_some());
    }

    #[test]
    fn constants_of_utility_statements_never_stay() {
        for text in [
            "ALTER ROLE bob PASSWORD 'CANARY'",
            "CREATE USER bob WITH PASSWORD 'CANARY'",
            "SET app.secret = 'CANARY'",
            "EXPLAIN SELECT 1 FROM t WHERE a = 'CANARY'",
            "DO $$ BEGIN PERFORM 'CANARY'; END $$",
            "COPY t FROM PROGRAM 'CANARY'",
            "COMMENT ON TABLE t IS 'CANARY'",
            "CREATE SUBSCRIPTION s CONNECTION 'host=h password=CANARY' PUBLICATION p",
            "ALTER ROLE bob PASSWORD 'CANARY' cut off 'in the mid",
            "SELECT 'CANARY",
        ] {
            let kept = normalised(text);
            assert!(!kept.query.contains("CANARY"), "{text} → {}", kept.query);
        }
    }

    #[test]
    fn no_value_of_a_clients_text_stays() {
        for (text, kept) in [
            (
                "UPDATE t SET a = 4711 WHERE b = 'CANARY' -- of CANARY",
                "UPDATE t SET a = $1 WHERE b = $2",
            ),
            (
                "/* user=CANARY */ SELECT a\n FROM t WHERE b IN (4711, $1)",
                "SELECT a FROM t WHERE b IN ($2, $1)",
            ),
            // Cut off: what is left of it does not parse.
            (
                "SELECT a FROM t WHERE b = 4711 AND (c",
                "SELECT a FROM t WHERE b = ? AND (c",
            ),
            (
                "SELECT a FROM t WHERE b = 'CANARY",
                "SELECT (text withheld: it could not be parsed and may hold values)",
            ),
            ("COMMIT PREPARED 'CANARY'", "COMMIT PREPARED ?"),
        ] {
            let found = without_values(text);
            assert!(
                !found.contains("CANARY") && !found.contains("4711"),
                "{found}"
            );
            assert_eq!(found, kept, "{text}");
        }
    }

    #[test]
    fn a_statement_that_was_prepared_for_a_plan_is_the_applications() {
        for text in [
            "PREPARE /* dbperf */ dbperf_probe AS SELECT a FROM t WHERE b = $1",
            "PREPARE dbperf_probe AS SELECT a FROM t WHERE b = $1",
            "SELECT a FROM t WHERE b = $1",
        ] {
            assert_eq!(application_text(text), "SELECT a FROM t WHERE b = $1");
        }
        let other = "PREPARE p AS SELECT a FROM t WHERE b = $1";
        assert_eq!(application_text(other), other);
    }

    #[test]
    fn a_text_that_does_not_parse_has_no_fingerprint() {
        let kept = normalised("SELECT a, b FROM t WHERE");
        assert_eq!(kept.fingerprint, None);
        assert_eq!(kept.query, "SELECT a, b FROM t WHERE");
    }
}
