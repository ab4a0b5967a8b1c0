//! What can go wrong with a pool.

use std::time::Duration;

/// A pool could not be built.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// The size is zero.
    #[error("a pool of 0 connections can serve nobody: give a pool size of at least 1")]
    Empty,
    /// deadpool refused the configuration.
    #[error("deadpool refused to build a pool of {pool_size} connections: {reason}")]
    Build {
        /// Connections asked for.
        pool_size: u32,
        /// deadpool's own words.
        reason: String,
    },
}

/// No connection was handed over.
#[derive(Debug, thiserror::Error)]
pub enum AcquireError {
    /// The acquire timeout passed before a permit, or a connection behind it, was there.
    #[error(
        "no connection from the pool within {timeout:?}: the pool is too small or the server does not accept connections"
    )]
    TimedOut {
        /// The acquire timeout.
        timeout: Duration,
    },
    /// A permit was there, but the connection could not be made.
    #[error("the pool could not connect: {0}")]
    Connect(#[source] tokio_postgres::Error),
    /// The pool was closed.
    #[error("the pool is closed")]
    Closed,
}
