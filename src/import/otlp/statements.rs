//! Statements by the text of their spans, each kept once and without literals.

mod placeholders;

use std::collections::HashMap;

use pg_query::protobuf::Token;

use crate::import::table::tame;
use crate::record::fingerprint;

use super::classify::TEXT;
use super::span::{MAX_TEXT, Span};

/// The number of all statements beyond those that are kept apart.
pub(super) const OTHERS: u32 = 0;

/// Most statements that are kept apart.
const MAX_STATEMENTS: usize = 10_000;

/// Texts of which the statement is remembered, and their longest length: at most 80 MB.
const MAX_REMEMBERED: usize = 10_000;
const MAX_REMEMBERED_BYTES: usize = 8 << 10;

/// Longest name, in characters.
const MAX_NAME: usize = 2000;

#[derive(Debug)]
struct Statement {
    name: String,
    fingerprint: Option<String>,
}

/// Statements by number.
#[derive(Debug)]
pub(super) struct Statements {
    known: Vec<Statement>,
    numbers: HashMap<String, u32>,
    /// Numbers by the text as it is written, so that it is parsed once.
    remembered: HashMap<String, u32>,
    unread: u64,
}

impl Default for Statements {
    fn default() -> Self {
        Self {
            known: vec![Statement {
                name: "(other statements)".to_owned(),
                fingerprint: None,
            }],
            numbers: HashMap::new(),
            remembered: HashMap::new(),
            unread: 0,
        }
    }
}

impl Statements {
    /// The number of the statement of a database span.
    pub(super) fn of(&mut self, span: &Span) -> u32 {
        let Some(text) = span.text(&TEXT) else {
            return self.number(&named_by(span), None);
        };
        if let Some(number) = self.remembered.get(text) {
            return *number;
        }
        let number = if let Some((name, fingerprint)) = readable(text) {
            self.number(&name, Some(fingerprint))
        } else {
            self.unread += 1;
            self.number(&named_by(span), None)
        };
        if text.len() <= MAX_REMEMBERED_BYTES {
            if self.remembered.len() >= MAX_REMEMBERED {
                self.remembered.clear();
            }
            self.remembered.insert(text.to_owned(), number);
        }
        number
    }

    fn number(&mut self, name: &str, fingerprint: Option<String>) -> u32 {
        let name: String = tame(name).chars().take(MAX_NAME).collect();
        if let Some(number) = self.numbers.get(&name) {
            return *number;
        }
        if self.known.len() > MAX_STATEMENTS {
            return OTHERS;
        }
        let number = u32::try_from(self.known.len()).unwrap_or(OTHERS);
        self.numbers.insert(name.clone(), number);
        self.known.push(Statement { name, fingerprint });
        number
    }

    /// Name and fingerprint of a number.
    pub(super) fn named(&self, number: u32) -> (&str, Option<&str>) {
        let place = usize::try_from(number).ok();
        let statement = place
            .and_then(|p| self.known.get(p))
            .unwrap_or(&self.known[0]);
        (&statement.name, statement.fingerprint.as_deref())
    }

    /// What is said of texts.
    pub(super) fn warnings(&self) -> Vec<String> {
        if self.unread == 0 {
            return Vec::new();
        }
        vec![format!(
            "{} texts of statements are not read by PostgreSQL's parser: they are named by their operation, so that no \
             value of theirs is shown",
            self.unread
        )]
    }
}

/// What the span calls its statement without a text, or with one that cannot be read.
fn named_by(span: &Span) -> String {
    if let Some(summary) = span.text(&["db.query.summary"]) {
        return summary.to_owned();
    }
    let operation = span.text(&["db.operation.name", "db.operation"]);
    let table = span.text(&["db.collection.name", "db.sql.table"]);
    match (operation, table) {
        (Some(operation), Some(table)) => format!("{operation} {table}"),
        (Some(operation), None) => operation.to_owned(),
        (None, _) => span.name.clone(),
    }
}

/// A text without literals and comments, on one line, and its fingerprint; `None` where it cannot be read.
fn readable(text: &str) -> Option<(String, String)> {
    if text.len() > MAX_TEXT {
        return None;
    }
    let mut forms = placeholders::forms(text).into_iter();
    let (text, fingerprint) = forms.find_map(|form| {
        let bare = without(&form, &COMMENTS, "").filter(|bare| !bare.is_empty())?;
        let print = fingerprint(&bare)?;
        Some((bare, print))
    })?;
    let normalized = pg_query::normalize(&text).ok()?;
    // Of a utility statement the parser leaves some.
    let clean = without(&normalized, &LITERALS, "$?")?;
    let words: Vec<&str> = clean.split_whitespace().collect();
    Some((words.join(" "), fingerprint))
}

/// Tokens that say nothing.
const COMMENTS: [Token; 2] = [Token::SqlComment, Token::CComment];

/// Tokens that hold a value.
const LITERALS: [Token; 4] = [Token::Sconst, Token::Usconst, Token::Bconst, Token::Xconst];

/// The text with other words for tokens of some kinds; `None` where it does not scan.
fn without(text: &str, kinds: &[Token], words: &str) -> Option<String> {
    let scanned = pg_query::scan(text).ok()?;
    let mut clean = String::with_capacity(text.len());
    let mut at = 0;
    for token in scanned.tokens {
        if !kinds.iter().any(|kind| *kind as i32 == token.token) {
            continue;
        }
        let start = usize::try_from(token.start).ok()?;
        clean.push_str(text.get(at..start)?);
        clean.push_str(words);
        at = usize::try_from(token.end).ok()?;
    }
    clean.push_str(text.get(at..)?);
    Some(clean.trim().trim_end_matches(';').trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Option<String> {
        readable(text).map(|(name, _)| name)
    }

    #[test]
    fn no_literal_and_no_comment_is_left() {
        assert_eq!(
            name("SELECT a\n  FROM t WHERE b = 'secret' AND c = 7 /*traceparent='00-1'*/")
                .as_deref(),
            Some("SELECT a FROM t WHERE b = $1 AND c = $2")
        );
        for utility in [
            "SET app.tenant = 'secret'",
            "CREATE ROLE a PASSWORD 'secret'",
            "COMMENT ON TABLE t IS 'secret'",
            "DO $$ BEGIN PERFORM 'secret'; END $$",
        ] {
            let name = name(utility).unwrap();
            assert!(!name.contains("secret") && name.contains('$'), "{name}");
        }
        assert_eq!(name("COMMIT;").as_deref(), Some("COMMIT"));
        assert_eq!(name("SELEC 'secret'"), None);
        assert_eq!(name(""), None);
    }

    #[test]
    fn placeholders_of_drivers_are_the_statement_of_the_server() {
        let wanted = fingerprint("SELECT a FROM t WHERE b = $1 LIMIT $2").unwrap();
        for text in [
            "SELECT a FROM t WHERE b = %s LIMIT %s",
            "SELECT a FROM t WHERE b = %(b)s LIMIT %(n)s",
            "SELECT a FROM t WHERE b = ? LIMIT ?",
            "SELECT a FROM t WHERE b = :b LIMIT :n",
            "SELECT a FROM t WHERE b = @b LIMIT @n -- all",
            "SELECT a FROM t WHERE b = 'x' LIMIT 3",
        ] {
            assert_eq!(readable(text).map(|r| r.1), Some(wanted.clone()), "{text}");
        }
    }
}
