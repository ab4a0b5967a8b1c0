//! Instrumented connection pools that tell where an acquire's time went.
//!
//! When and how fast requests come is decided in `drive`.
//!
//! Every pool stands behind the same permits: [`Pool`] waits for one of `pool_size` permits itself and
//! asks its [`Source`] for a connection only then, so that the wait is measured and never derived from
//! a pool's estimates. A new kind of pool is one file with one [`Source`], whose connections
//! [`Execute`] statements.

mod deadpool;
mod direct;
mod error;
mod lease;
mod meter;
mod permits;
mod prepared;
#[cfg(test)]
mod properties;
mod source;
mod sqlx;
mod sqlx_tls;

pub use deadpool::{DeadpoolConnection, DeadpoolSource, TimedManager};
pub use direct::{DirectConnection, DirectSource};
pub use error::{AcquireError, PoolError};
pub use lease::Lease;
pub use meter::Meter;
pub use permits::{Pool, Reaper};
pub use prepared::Prepared;
pub use source::{Control, Execute, ExecuteError, Kept, Protocol, Query, Source, Traffic};
pub use sqlx::{SqlxConnection, SqlxSource};
