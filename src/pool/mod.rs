//! Instrumented connection pools that tell where an acquire's time went.
//!
//! When and how fast requests come is decided in `drive`.
//!
//! Every pool stands behind the same permits: [`Pool`] waits for one of `pool_size` permits itself and
//! asks its [`Source`] for a connection only then, so that the wait is measured and never derived from
//! a pool's estimates. A new kind of pool is one file with one [`Source`].

mod deadpool;
mod error;
mod lease;
mod meter;
mod permits;
#[cfg(test)]
mod properties;

pub use deadpool::{DeadpoolSource, PgConnection};
pub use error::{AcquireError, PoolError};
pub use lease::{Lease, StatementTimer};
pub use meter::Meter;
pub use permits::{Pool, Reaper, Source};
