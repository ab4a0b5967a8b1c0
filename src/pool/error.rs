//! What can go wrong with a pool.

use std::time::Duration;

use crate::pg::PgError;

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
    /// A permit was there, but the connection could not be made: by SQLSTATE or what failed.
    #[error("the pool could not connect: {0}")]
    Connect(String),
    /// The pool was closed.
    #[error("the pool is closed")]
    Closed,
}

impl From<&PgError> for AcquireError {
    /// A failed connect, without a word of the server's message.
    fn from(error: &PgError) -> Self {
        Self::Connect(error.keyword())
    }
}
