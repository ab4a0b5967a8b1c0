//! The file of `--schema`: statements that make tables, one by one, as `pg_dump --schema-only` writes them or a person.
//!
//! Only what makes something is kept. Rows, what psql alone understands, and what concerns the whole server are not.

mod blank;
mod judge;

use judge::{Verdict, judge};

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SchemaFile {
    /// Its name, for messages.
    pub name: String,
    /// What is run, in its order.
    pub statements: Vec<FileStatement>,
    /// What is not, each with its line and the reason.
    pub left_out: Vec<String>,
}

/// A statement that makes something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileStatement {
    /// The line on which it begins, from 1.
    pub line: usize,
    /// What it is, such as `CREATE TABLE`.
    pub kind: String,
    /// The statement, marked as dbperf's.
    pub sql: String,
    /// When it is run.
    pub when: When,
    /// Whether it may fail.
    pub lenient: Lenient,
    /// The statement that has set the search path before it.
    pub path: Option<String>,
}

/// For what a statement may fail without harm to the tables: it is left out then, which is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lenient {
    /// For nothing.
    Not,
    /// For want of a role, a right or an extension.
    Wanting,
    /// Because what is derived from rows does not get on with those that were made, too.
    Derived,
}

/// When a statement is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Before the rows.
    First,
    /// After them: triggers, row security, what is derived from rows.
    Last,
}

/// Why a file cannot be used. No part of the file is quoted but names of statements.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}, line {line}: {why}")]
pub struct SchemaFileError {
    /// The file's name.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong, and what would help.
    pub why: String,
}

impl SchemaFile {
    /// Reads the text of a file.
    ///
    /// # Errors
    ///
    /// It is no SQL, or has something that cannot be left out without changing what the rest means.
    pub fn parse(name: &str, text: &str) -> Result<Self, SchemaFileError> {
        let failed = |line: usize, why: String| SchemaFileError {
            file: name.to_owned(),
            line,
            why,
        };
        let blanked = blank::blank(text);
        let (sql, rows) = blanked.map_err(|(at, why)| failed(line_of(text, at), why))?;
        let mut file = Self {
            name: name.to_owned(),
            ..Self::default()
        };
        for at in rows {
            let line = line_of(text, at);
            file.left_out
                .push(left_out(line, "COPY", "rows are made, not read"));
        }
        let mut path = None;
        for (at, statement) in split(&sql)
            .map_err(|at| failed(line_of(text, at), "this cannot be read as SQL".to_owned()))?
        {
            let line = line_of(text, at);
            let Some(judged) = judge(statement) else {
                return Err(failed(line, "this cannot be read as SQL".to_owned()));
            };
            let kept = |sql: &str, when: When, lenient: Lenient| FileStatement {
                line,
                kind: judged.kind.clone(),
                sql: marked(sql),
                when,
                lenient,
                path: path.clone(),
            };
            match &judged.verdict {
                Verdict::Run {
                    sql,
                    when,
                    lenient,
                    note,
                } => {
                    file.statements.push(kept(sql, *when, *lenient));
                    file.left_out
                        .extend(note.map(|why| left_out(line, &judged.kind, why)));
                }
                Verdict::Path => {
                    file.statements
                        .push(kept(statement, When::First, Lenient::Not));
                    path = Some(marked(statement));
                }
                Verdict::View { sql, refresh } => {
                    let derived = kept(refresh, When::Last, Lenient::Derived);
                    file.statements.push(kept(sql, When::First, Lenient::Not));
                    file.statements.push(derived);
                }
                Verdict::Parts { first, last } => {
                    file.statements.push(kept(first, When::First, Lenient::Not));
                    file.statements.push(kept(last, When::Last, Lenient::Not));
                }
                Verdict::Quiet => {}
                Verdict::LeftOut(why) => file.left_out.push(left_out(line, &judged.kind, why)),
                Verdict::Refused(why) => {
                    return Err(failed(line, format!("{}: {why}", judged.kind)));
                }
            }
        }
        Ok(file)
    }

    /// The statements that are run at this time.
    pub fn of(&self, when: When) -> impl Iterator<Item = &FileStatement> {
        self.statements.iter().filter(move |s| s.when == when)
    }
}

fn left_out(line: usize, kind: &str, why: &str) -> String {
    format!("line {line}: {kind}: {why}")
}

fn line_of(text: &str, at: usize) -> usize {
    let before = text.as_bytes().get(..at).unwrap_or_default();
    memchr::memchr_iter(b'\n', before).count() + 1
}

/// Puts dbperf's marker behind the first word.
fn marked(sql: &str) -> String {
    let end = sql
        .find(|c: char| !c.is_ascii_alphabetic())
        .unwrap_or(sql.len());
    format!("{} /* dbperf */{}", &sql[..end], &sql[end..])
}

/// The statements, each with its offset, without blanks and comments before it.
///
/// # Errors
///
/// The offset of the first that is none.
fn split(sql: &str) -> Result<Vec<(usize, &str)>, usize> {
    let (pieces, parsed) = match pg_query::split_with_parser(sql) {
        Ok(pieces) => (pieces, true),
        Err(_) => (
            pg_query::split_with_scanner(sql).map_err(|_| 0_usize)?,
            false,
        ),
    };
    let mut statements = Vec::new();
    for piece in pieces {
        let at = piece.as_ptr() as usize - sql.as_ptr() as usize;
        let Some(start) = judge::first_word(piece) else {
            continue;
        };
        let statement = piece[start..].trim_end();
        if !parsed && judge(statement).is_none() {
            return Err(at + start);
        }
        statements.push((at + start, statement));
    }
    Ok(statements)
}

#[cfg(test)]
mod tests;
