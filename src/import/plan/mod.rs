//! Plans that somebody has already: EXPLAIN's output in its text and JSON form, and what `auto_explain` writes.
//!
//! Whatever the form, a plan becomes the first element of EXPLAIN (FORMAT JSON).

mod document;
mod gather;
mod label;
mod properties;
mod text;
mod whole;

pub use document::{GivenPlan, PlanProblem, logged, plans};
pub use gather::{Gather, LoggedPlan};
