//! What an argument of `explain` is: SQL, or the content of a file or of standard input.

use std::io::Read as _;
use std::path::Path;

use crate::cli::exit::Failure;
use crate::cli::target::read_input;

/// Something to explain.
#[derive(Debug)]
pub(super) enum Input {
    /// Statements for a server.
    Sql(Vec<Statement>),
}

/// One statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statement {
    /// Such as `orders.sql:12`; `None` for the only one of a command line.
    pub(super) source: Option<String>,
    pub(super) text: String,
}

impl Input {
    /// Reads an argument: `-`, a file that exists, or SQL.
    ///
    /// # Errors
    /// It is none of them.
    pub(super) fn of(argument: &str) -> Result<Self, Failure> {
        if argument == "-" {
            let mut bytes = Vec::new();
            std::io::stdin()
                .read_to_end(&mut bytes)
                .map_err(|e| Failure::input(format!("cannot read standard input: {e}")))?;
            return content("standard input", &bytes);
        }
        let path = Path::new(argument);
        if path.is_file() {
            return content(argument, &read_input(path)?);
        }
        if looks_like_a_server(argument) {
            return Err(Failure::usage(
                "this is a connection string: what should be explained there? Add a statement, a file, `-`, or \
                 --query-id ID",
            ));
        }
        if !argument.contains(char::is_whitespace) {
            return Err(Failure::usage(format!(
                "there is no file {argument}, and it is no statement; a database is named in front of what is explained"
            )));
        }
        let statements = split(None, argument)
            .map_err(|e| Failure::usage(format!("this is no file and no SQL: {e}")))?;
        Ok(Self::Sql(statements))
    }
}

/// The content of a file.
fn content(name: &str, bytes: &[u8]) -> Result<Input, Failure> {
    let text = std::str::from_utf8(bytes)
        .map_err(|_| Failure::input(format!("{name} is not UTF-8 text")))?;
    let statements = split(Some(name), text)
        .map_err(|e| Failure::input(format!("{name}: expected SQL: {e}")))?;
    if statements.is_empty() {
        return Err(Failure::input(format!("{name} has no statement")));
    }
    Ok(Input::Sql(statements))
}

/// The text with `$n` for every constant.
pub(super) fn without_constants(text: &str) -> String {
    // A text that the parser refuses is hidden but for its first word.
    pg_query::normalize(text)
        .unwrap_or_else(|_| crate::collect::normalised(&format!("{text}'")).query)
}

/// A URL, or `key=value` pairs: SQL begins with a keyword that no `=` follows.
pub(super) fn looks_like_a_server(text: &str) -> bool {
    let url = text.starts_with("postgres://") || text.starts_with("postgresql://");
    let word: String = text
        .trim_start()
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
        .collect();
    let after = text.trim_start()[word.len()..].trim_start();
    url || (!word.is_empty() && after.starts_with('='))
}

/// The statements of a text, each with its line where the text has a name.
fn split(name: Option<&str>, text: &str) -> Result<Vec<Statement>, String> {
    let parsed = pg_query::parse(text, pg_query::ParserOptions::default());
    parsed.map_err(|e| e.to_string())?;
    let parts = pg_query::split_with_parser(text).map_err(|e| e.to_string())?;
    let several = parts.len() > 1;
    let mut statements = Vec::new();
    let mut from = 0;
    for part in parts {
        // The parts are pieces of the text, in order.
        let at = text[from..].find(part).map_or(from, |at| from + at);
        from = at + part.len();
        let begins = at + first_token(part);
        let line = text[..begins].matches('\n').count() + 1;
        statements.push(Statement {
            source: match name {
                Some(name) => Some(format!("{name}:{line}")),
                None => several.then(|| format!("statement {}", statements.len() + 1)),
            },
            text: part[first_token(part)..].trim_end().to_owned(),
        });
    }
    Ok(statements)
}

/// Where a statement begins, behind blanks and comments.
fn first_token(part: &str) -> usize {
    use pg_query::protobuf::Token;
    let comment = |token: i32| token == Token::SqlComment as i32 || token == Token::CComment as i32;
    let scanned = pg_query::scan(part).ok();
    let first = scanned.and_then(|s| s.tokens.into_iter().find(|t| !comment(t.token)));
    first
        .and_then(|t| usize::try_from(t.start).ok())
        .filter(|at| part.is_char_boundary(*at))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_of_a_file_know_their_lines() {
        let text = "-- all of them;\nSELECT 1;\n\n/* one\n */ UPDATE t\nSET a = ';' ;\n";
        let found = split(Some("a.sql"), text).unwrap();
        let found: Vec<_> = found
            .iter()
            .map(|s| (s.source.as_deref().unwrap(), s.text.as_str()))
            .collect();
        assert_eq!(
            found,
            [
                ("a.sql:2", "SELECT 1"),
                ("a.sql:5", "UPDATE t\nSET a = ';'")
            ]
        );
    }

    #[test]
    fn a_statement_of_the_command_line_needs_no_name() {
        let Input::Sql(one) = Input::of("SELECT 1 ;").unwrap();
        assert_eq!((one.len(), &one[0].source), (1, &None));
        let Input::Sql(two) = Input::of("SELECT 1; SELECT 2").unwrap();
        assert_eq!(two[1].source.as_deref(), Some("statement 2"));
    }

    #[test]
    fn what_is_neither_says_what_was_expected() {
        for (argument, part) in [
            ("postgres://u@h/db", "this is a connection string"),
            ("host=h dbname = x", "this is a connection string"),
            ("dbname = x", "this is a connection string"),
            ("shop", "no file shop"),
            ("no/such.sql", "no file no/such.sql"),
            ("SELEC 1", "no SQL"),
        ] {
            let error = Input::of(argument).unwrap_err().to_string();
            assert!(error.contains(part), "{argument}: {error}");
        }
        assert!(!looks_like_a_server("SELECT a = b"));
    }
}
