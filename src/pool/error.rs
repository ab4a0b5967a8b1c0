//! What can go wrong with a pool.

use std::time::Duration;

/// A pool could not be built.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// The size is zero.
    #[error("a pool of 0 connections can serve nobody: give a pool size of at least 1")]
    Empty,
    /// The pool refused the configuration.
    #[error("the pool could not be built with {pool_size} connections: {reason}")]
    Build {
        /// Connections asked for.
        pool_size: u32,
        /// The pool's own words.
        reason: String,
    },
}

/// No connection was handed over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AcquireError {
    /// The acquire timeout passed before a permit, or a connection behind it, was there.
    #[error(
        "no connection from the pool within {timeout:?}: the pool is too small or the server does not accept connections"
    )]
    TimedOut {
        /// The acquire timeout.
        timeout: Duration,
    },
    /// A permit was there, but the connection could not be made: by SQLSTATE or kind of I/O error.
    #[error("the pool could not connect: {0}")]
    Connect(String),
    /// The pool was closed.
    #[error("the pool is closed")]
    Closed,
}

impl From<&tokio_postgres::Error> for AcquireError {
    /// A failed connect, without a word of the server's message.
    fn from(error: &tokio_postgres::Error) -> Self {
        if let Some(state) = error.code() {
            return Self::Connect(state.code().to_owned());
        }
        let source = std::error::Error::source(error);
        Self::Connect(
            match source.and_then(|s| s.downcast_ref::<std::io::Error>()) {
                Some(io) => io.kind().to_string(),
                None => "failed".to_owned(),
            },
        )
    }
}
