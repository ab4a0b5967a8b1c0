//! Tries a change to an index: makes it, runs the load with it and without it in turns, and undoes it.
//!
//! What is tried and what the blocks say is decided elsewhere. On a database of somebody every change is in a
//! ledger on disk before it is made, so that what an interrupted run leaves behind can be undone.
//!
//! Both states cannot be had at once in one database, so the change is made and undone between blocks: the table,
//! its rows, its place in memory and on disk stay the same, and only the index differs. The blocks come in the order
//! A B B A A B …: each second block needs no change before it, and what drifts hits both sides.

mod blocks;
mod course;
mod error;
mod hand;
mod index;
mod ledger;
mod prepared;
mod safety;
mod sql;
mod undo;
mod witness;

pub use course::{Judges, ROUND_OVERHEAD, Terms, prove};
pub use error::ProveError;
pub use ledger::{Head, Ledger, LedgerError, Step, ledger_folder, unfinished};
pub use safety::{Refusal, check};
pub use undo::{Undone, undo_ledger};
