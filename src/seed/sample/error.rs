//! What can go wrong while data is loaded.

use thiserror::Error;

/// Why a database could not be filled. The load is one transaction, so after any of these errors but
/// [`SampleError::Vacuum`] the database is as it was before.
#[derive(Debug, Error)]
pub enum SampleError {
    /// The scale factor is not a number that a data set can be made for.
    #[error("the sample cannot be scaled by {scale}: give a number from {min} to {max}")]
    Scale {
        /// The factor asked for.
        scale: f64,
        /// The smallest factor accepted.
        min: f64,
        /// The largest factor accepted.
        max: f64,
    },

    /// Names that the sample would create are taken already; nothing is ever overwritten.
    #[error(
        "loading the sample into database {database:?}: schema public already has {names}; \
         use an empty database, or drop them first"
    )]
    NamesTaken {
        /// The database that was to be filled.
        database: String,
        /// The tables and types found, separated by commas.
        names: String,
    },

    /// A statement that prepares, creates or finishes something was refused.
    #[error("{step} while loading the sample; nothing was kept")]
    Statement {
        /// What was tried, with the object it was tried on.
        step: String,
        /// The server's or the connection's answer.
        source: tokio_postgres::Error,
    },

    /// Rows of one table were not accepted.
    #[error("copying rows into table {table} of the sample; nothing was kept")]
    Copy {
        /// The table.
        table: &'static str,
        /// The server's or the connection's answer.
        source: tokio_postgres::Error,
    },

    /// The rows are loaded and committed, but their statistics are not gathered.
    #[error("the sample is loaded, but VACUUM (ANALYZE) {table} failed; run it again by hand")]
    Vacuum {
        /// The table.
        table: &'static str,
        /// The server's or the connection's answer.
        source: tokio_postgres::Error,
    },
}
