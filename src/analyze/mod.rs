//! Record in, conclusions out: pure functions without I/O or a clock.
//!
//! No rendering and no server.

pub mod breakdown;
pub mod conclusions;
pub mod database_time;
pub mod load;
pub mod pool;
pub mod replication;
#[cfg(test)]
mod testing;
