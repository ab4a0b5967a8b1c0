//! Why a change could not be tried or undone.

use crate::drive::DriveError;
use crate::pg::{PgError, shown, with_causes};

use super::ledger::LedgerError;

/// A change could not be tried or undone.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    /// The server cannot be reached, or a reading failed.
    #[error(transparent)]
    Pg(#[from] PgError),
    /// The server refused a statement that changes something. DETAIL is left out: it may hold values of rows.
    #[error("{what} failed: {message} (SQLSTATE {sqlstate})")]
    Refused {
        /// What was being done.
        what: String,
        /// The code.
        sqlstate: String,
        /// The server's primary message.
        message: String,
    },
    /// The connection ended while something was being changed.
    #[error("the connection was lost while {what}: {why}")]
    Lost {
        /// What was being done.
        what: String,
        /// What ended it.
        why: String,
    },
    /// The load could not be run.
    #[error(transparent)]
    Drive(#[from] DriveError),
    /// The ledger cannot be written or read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The user interrupted.
    #[error("interrupted")]
    Interrupted,
    /// The target is one on which nothing is tried.
    #[error("{0}")]
    Unsafe(String),
    /// The change cannot be made or undone as it would have to be.
    #[error("{0}")]
    Unfit(String),
}

impl ProveError {
    /// The server or the connection to it has gone: another attempt may succeed later.
    #[must_use]
    pub fn is_connection_lost(&self) -> bool {
        match self {
            Self::Lost { .. } => true,
            Self::Pg(error) => error.is_connection_lost(),
            _ => false,
        }
    }

    /// An error of the driver, reduced to what may be shown.
    pub(super) fn of(what: &str, error: &tokio_postgres::Error) -> Self {
        let what = what.to_owned();
        match error.as_db_error() {
            // Class 57P: the session ends with the message.
            Some(db) if !db.code().code().starts_with("57P") => Self::Refused {
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
