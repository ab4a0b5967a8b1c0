//! Statements by what they cost: execution time first, then every other resource.
//!
//! Only arithmetic on the deltas of `pg_stat_statements`; what a plan says is read in [`super::plans`], what is worth a
//! finding is decided in [`super::rules`].

mod conclude;
mod groups;
mod leaders;
mod sets;
mod shape;

pub use conclude::conclude;
pub use groups::{Group, groups};
pub use leaders::leaders;
pub use sets::{Sets, sets};
pub use shape::{Shape, shape};
