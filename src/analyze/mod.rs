//! Record in, conclusions out: pure functions without I/O or a clock.
//!
//! No rendering and no server.

pub mod conclusions;
pub mod indexes;
pub mod missing_indexes;
pub mod plans;
pub mod rules;
pub mod statements;

#[cfg(test)]
mod fixture;
