//! Why tables could not be filled.

use crate::pg::{PgError, shown, with_causes};
use crate::seed::rows::RowError;

use super::refuse::Refused;

/// Tables could not be filled; the database is as it was.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The server cannot be reached, or a reading failed.
    #[error(transparent)]
    Pg(#[from] PgError),
    /// What was asked for is not done, for each of these reasons.
    #[error("nothing was loaded: {}", listed(.0))]
    Refused(Vec<Refused>),
    /// The server refused a statement. DETAIL and CONTEXT are left out: they may hold values of rows.
    #[error("{what} failed: {message} (SQLSTATE {sqlstate}); nothing was kept")]
    Server {
        /// What was being done.
        what: String,
        /// The code.
        sqlstate: String,
        /// The server's primary message.
        message: String,
    },
    /// The connection ended.
    #[error(
        "the connection was lost while {what}: {why}; the server keeps nothing of what was not committed"
    )]
    Lost {
        /// What was being done.
        what: String,
        /// What ended it.
        why: String,
    },
    /// A row could not be made.
    #[error("{0}; nothing was kept")]
    Row(#[from] RowError),
    /// A thread that makes rows has ended before its time.
    #[error("making the rows of {0} ended unexpectedly; nothing was kept")]
    Generator(String),
    /// The user interrupted before the end of the transaction.
    #[error("interrupted; nothing was loaded")]
    Interrupted,
}

fn listed(refused: &[Refused]) -> String {
    let lines: Vec<String> = refused.iter().map(ToString::to_string).collect();
    lines.join("; ")
}

impl LoadError {
    /// An error of the driver, reduced to what may be shown.
    pub(super) fn of(what: &str, error: &tokio_postgres::Error) -> Self {
        let what = what.to_owned();
        match error.as_db_error() {
            // Class 57P: the session ends with the message.
            Some(db) if !db.code().code().starts_with("57P") => Self::Server {
                what,
                sqlstate: db.code().code().to_owned(),
                message: shown(db),
            },
            Some(db) => Self::Lost {
                what,
                why: db.message().to_owned(),
            },
            None => Self::Lost {
                what,
                why: with_causes(error),
            },
        }
    }
}
