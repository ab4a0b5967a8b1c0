//! What an argument of `explain` is: SQL, or the content of a file or of standard input.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::cli::exit::{Exit, Failure};
use crate::cli::target::read_input;
use crate::import::plan::{GivenPlan, plans};
use crate::workload::{LogError, LogOptions};

/// A file beyond this is a log, and is not read at once.
const LARGEST_TEXT: u64 = 64 << 20;

/// The first bytes of what gzip has packed.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Something to explain.
#[derive(Debug)]
pub(super) enum Input {
    /// Statements for a server.
    Sql(Vec<Statement>),
    /// Plans that somebody has already, and where they come from.
    Plans(String, Vec<GivenPlan>),
    /// A server's log.
    Log(Log),
}

/// A server's log.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) name: String,
    pub(super) path: PathBuf,
    /// What came from standard input is kept as long as it is read.
    _kept: Option<NamedTempFile>,
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
    pub(super) fn of(argument: &str, prefix: Option<&str>) -> Result<Self, Failure> {
        if argument == "-" {
            let mut bytes = Vec::new();
            std::io::stdin()
                .read_to_end(&mut bytes)
                .map_err(|e| Failure::input(format!("cannot read standard input: {e}")))?;
            return content("standard input", &bytes, None, prefix);
        }
        let path = Path::new(argument);
        if path.is_file() {
            if is_packed_or_large(path)? {
                return Ok(Self::Log(Log::at(argument, path)));
            }
            return content(argument, &read_input(path)?, Some(path), prefix);
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

fn is_packed_or_large(path: &Path) -> Result<bool, Failure> {
    let unreadable = |e| Failure::input(format!("cannot read {}: {e}", path.display()));
    let mut file = File::open(path).map_err(unreadable)?;
    let large = file.metadata().map_err(unreadable)?.len() > LARGEST_TEXT;
    let mut head = [0; 2];
    let packed = file.read_exact(&mut head).is_ok() && head == GZIP;
    Ok(packed || large)
}

/// The content of a file: SQL, a log, or a plan. SQL comes first, because nothing else parses as SQL; a plan last,
/// because logs hold plans.
fn content(
    name: &str,
    bytes: &[u8],
    path: Option<&Path>,
    prefix: Option<&str>,
) -> Result<Input, Failure> {
    if bytes.trim_ascii().is_empty() {
        return Err(Failure::input(format!("{name} is empty")));
    }
    let text = std::str::from_utf8(bytes).ok();
    let no_sql = match text.map(|text| split(Some(name), text)) {
        Some(Ok(statements)) if statements.is_empty() => {
            return Err(Failure::input(format!("{name} has no statement")));
        }
        Some(Ok(statements)) => return Ok(Input::Sql(statements)),
        Some(Err(error)) => error,
        None => "it is not UTF-8 text".to_owned(),
    };
    let log = match path {
        Some(path) => Log::at(name, path),
        None => Log::kept(name, bytes)?,
    };
    let no_log = match log.options(prefix).check() {
        Ok(()) => return Ok(Input::Log(log)),
        Err(error) => error,
    };
    let no_plan = match text.map(plans) {
        Some(Ok(found)) => return Ok(Input::Plans(name.to_owned(), found)),
        Some(Err(problem)) => Some(problem),
        None => None,
    };
    match (no_log, no_plan) {
        // It has lines of a log, and the message names the cure.
        (error @ (LogError::UnknownPrefix { .. } | LogError::OtherPrefix { .. }), _) => {
            Err(Failure::input(error.to_string()))
        }
        (error @ LogError::Prefix { .. }, _) => Err(Failure::usage(error.to_string())),
        (_, Some(problem)) if looks_like_a_plan(text.unwrap_or_default()) => {
            Err(Failure::input(format!("{name} is no plan: {problem}")))
        }
        _ => Err(Failure::input(format!(
            "{name} is neither SQL ({no_sql}) nor a plan of EXPLAIN nor a server's log"
        ))),
    }
}

fn looks_like_a_plan(text: &str) -> bool {
    text.trim_start().starts_with(['[', '{']) || text.contains("(cost=")
}

impl Log {
    fn at(name: &str, path: &Path) -> Self {
        Self {
            name: name.to_owned(),
            path: path.to_owned(),
            _kept: None,
        }
    }

    /// What came from standard input, in a file that only its owner may read and that goes with the value.
    fn kept(name: &str, bytes: &[u8]) -> Result<Self, Failure> {
        let failed = |e| {
            Failure::new(
                Exit::Precondition,
                format!("cannot keep standard input for a moment: {e}"),
            )
        };
        let mut file = NamedTempFile::new().map_err(failed)?;
        file.write_all(bytes).map_err(failed)?;
        Ok(Self {
            name: name.to_owned(),
            path: file.path().to_owned(),
            _kept: Some(file),
        })
    }

    pub(super) fn options(&self, prefix: Option<&str>) -> LogOptions {
        LogOptions {
            files: vec![self.path.clone()],
            prefix: prefix.map(str::to_owned),
            ..LogOptions::default()
        }
    }
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
        let sql = |text| match Input::of(text, None).unwrap() {
            Input::Sql(statements) => statements,
            other => panic!("{other:?}"),
        };
        let one = sql("SELECT 1 ;");
        assert_eq!((one.len(), &one[0].source), (1, &None));
        let two = sql("SELECT 1; SELECT 2");
        assert_eq!(two[1].source.as_deref(), Some("statement 2"));
    }

    #[test]
    fn a_file_is_told_by_its_content() {
        let kind = |bytes: &[u8]| match content("f", bytes, None, None) {
            Ok(Input::Sql(statements)) => format!("{} sql", statements.len()),
            Ok(Input::Plans(_, plans)) => format!("{} plans", plans.len()),
            Ok(Input::Log(_)) => "log".to_owned(),
            Err(failure) => failure.to_string(),
        };
        assert_eq!(kind(b"SELECT 1;\nSELECT '(cost=';"), "2 sql");
        assert_eq!(
            kind(b"Result  (cost=0.00..0.01 rows=1 width=4)\n"),
            "1 plans"
        );
        assert_eq!(
            kind(b"[{\"Plan\": {\"Node Type\": \"Result\"}}]"),
            "1 plans"
        );
        let log = b"2026-11-23 10:31:59.162 UTC [15150] LOG:  duration: 0.023 ms  plan:\n\tQuery Text: x\n\tResult  \
            (cost=0.00..0.01 rows=1 width=4)\n";
        assert_eq!(kind(log), "log");
        assert_eq!(kind(b" \n"), "f is empty");
        assert_eq!(kind(b"-- nothing"), "f has no statement");
        assert!(kind(b"{\"a\": 1}").contains("no plan: it is JSON without"));
        assert!(kind(b"hello world").contains("neither SQL"));
        assert!(kind(b"caf\xe9").contains("not UTF-8"));
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
            let error = Input::of(argument, None).unwrap_err().to_string();
            assert!(error.contains(part), "{argument}: {error}");
        }
        assert!(!looks_like_a_server("SELECT a = b"));
    }
}
