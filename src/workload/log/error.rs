//! What can be wrong with a server log.

use std::io;

use crate::workload::CapturedError;

/// A log could not be captured. No variant carries a line's text.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file cannot be opened or read.
    #[error("cannot read the log {file}: {error}")]
    Read {
        /// The file.
        file: String,
        /// What the system said.
        error: io::Error,
    },
    /// There is nothing in it.
    #[error(
        "{file} is empty: expected a PostgreSQL server log; is it the file that the server writes to now \
         (`SELECT pg_current_logfile()`)?"
    )]
    Empty {
        /// The file.
        file: String,
    },
    /// It is no text.
    #[error(
        "{file}:{line}: this is no text: expected a PostgreSQL server log (stderr, csvlog or jsonlog), \
         plain or as .gz"
    )]
    Binary {
        /// The file.
        file: String,
        /// Line of the first byte that no text has.
        line: usize,
    },
    /// It is text, and no log of PostgreSQL.
    #[error(
        "{file}:{line}: this is no line of a PostgreSQL server log: expected stderr (`… LOG:  …` behind \
         log_line_prefix), csvlog or jsonlog{guess}"
    )]
    NotALog {
        /// The file.
        file: String,
        /// The first line that is not blank.
        line: usize,
        /// What it looks like, as the end of the sentence.
        guess: &'static str,
    },
    /// It is a stderr log whose prefix could not be worked out.
    #[error(
        "{file}:{line}: cannot work out log_line_prefix from this line: give it as \
         `--prefix '%m [%p] '` (`SHOW log_line_prefix`)"
    )]
    UnknownPrefix {
        /// The file.
        file: String,
        /// The first line that has a severity.
        line: usize,
    },
    /// It is a stderr log of another prefix than the one that was given.
    #[error(
        "{file}:{line}: the prefix {prefix:?} does not fit this line; `SHOW log_line_prefix` tells it"
    )]
    OtherPrefix {
        /// The file.
        file: String,
        /// The first line that has a severity.
        line: usize,
        /// The one that was given.
        prefix: String,
    },
    /// A prefix that is not good enough.
    #[error("log_line_prefix {prefix:?} cannot be used: {problem}")]
    Prefix {
        /// As it was given.
        prefix: String,
        /// What it lacks.
        problem: String,
    },
    /// Files of several formats: the server may have written every event to each.
    #[error(
        "{first} is {first_format} and {second} is {second_format}: give files of one format, or calls \
         may be counted twice"
    )]
    Mixed {
        /// A file.
        first: String,
        /// Its format.
        first_format: &'static str,
        /// A file of another format.
        second: String,
        /// Its format.
        second_format: &'static str,
    },
    /// Not one call in all the files.
    #[error("{files}: {problem}")]
    NoCalls {
        /// The files.
        files: String,
        /// What was there instead, and the cure.
        problem: String,
    },
    /// A time that cannot be read.
    #[error(
        "expected a time such as `2026-11-23 10:31:00` (in the log's time zone) or `2026-11-23T10:31:00Z`, found {text:?}"
    )]
    Time {
        /// As it was given.
        text: String,
    },
    /// The captured workload cannot be written.
    #[error(transparent)]
    Captured(#[from] CapturedError),
}

impl From<io::Error> for LogError {
    fn from(error: io::Error) -> Self {
        Self::Captured(error.into())
    }
}
