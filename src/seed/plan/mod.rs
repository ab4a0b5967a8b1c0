//! How every table is to be filled: a schema, and what a profile tells of its rows, laid out as functions of a row's
//! number.
//!
//! No server is asked here, and no row is made.

mod bounds;
mod circles;
mod counts;
mod drafts;
mod drivers;
mod estimator;
mod expressions;
mod fields;
mod free;
mod keys;
mod literals;
mod options;
mod pairs;
mod partial;
mod partitions;
mod planner;
mod prepared;
mod references;
mod statistics;
mod table;

pub(crate) use literals::{Literals, Wanted, wanted};
pub use options::{PlanOptions, Problem};
pub(crate) use planner::{Plan, plan};

#[cfg(test)]
mod tests;
