//! Recommendations that are tried: which of them, when it has been measured enough, and what came of it.
//!
//! No change is made and nothing is measured here: that is the room `prove`.

mod apply;
mod judge;
mod plan;
mod sides;

pub use judge::{LEAST_ROUNDS, enough, judge};
pub use plan::{ProofPlan, plan};

pub(super) use apply::{apply, apply_to_indexes, follow};

#[cfg(test)]
mod tests;
