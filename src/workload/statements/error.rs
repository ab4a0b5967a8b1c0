//! Why nothing could be captured.

use crate::pg::PgError;
use crate::workload::WorkloadError;

/// The statements of a server could not be captured.
#[derive(Debug, thiserror::Error)]
pub enum CaptureError {
    /// The extension is not installed in the database.
    #[error(
        "database \"{database}\" has no extension pg_stat_statements, which counts the statements; put \
         it in shared_preload_libraries, restart the server, run CREATE EXTENSION pg_stat_statements \
         in this database and let the application run for a while"
    )]
    NoExtension {
        /// The connected database.
        database: String,
    },
    /// Nothing that could be run was found.
    #[error(
        "pg_stat_statements has no statement of database \"{database}\" that can be captured{why}"
    )]
    Nothing {
        /// The connected database.
        database: String,
        /// What was left out and why, or empty.
        why: String,
    },
    /// Reading the server failed.
    #[error(transparent)]
    Server(#[from] PgError),
    /// What was written is not read back: a bug of dbperf.
    #[error("the captured workload is not one: {0}; please report this")]
    NotRead(#[from] WorkloadError),
}
