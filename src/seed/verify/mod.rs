//! How well loaded rows stand for those of a profile: the planner's statistics of both, beside each other.
//!
//! No row is read: what the planner knows of the source is compared with what it knows of here.

mod columns;
mod compare;
mod line;
mod order;
mod statements;
#[cfg(test)]
mod tests;

pub use compare::verify;
