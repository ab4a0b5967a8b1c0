//! Record in, conclusions out: pure functions without I/O or a clock.
//!
//! No rendering and no server.

pub mod breakdown;
pub mod checklist;
mod conclude;
pub mod conclusions;
pub mod database_time;
mod explained;
pub mod figures;
#[cfg(test)]
mod fixture;
pub mod health;
pub mod heap;
pub mod indexes;
pub mod load;
pub mod missing_indexes;
pub mod pages;
pub mod plans;
pub mod pool;
pub mod proofs;
pub mod replication;
pub mod rules;
pub mod sla;
pub mod statements;
pub mod summary;
#[cfg(test)]
mod testing;
pub mod traces;

pub use conclude::{Options, captured, conclude, filled, imported};
pub use explained::explained;
pub use sla::Sla;
