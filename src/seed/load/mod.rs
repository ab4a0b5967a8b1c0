//! Fills tables with rows that are generated while they are copied, in one transaction.
//!
//! What the rows are is decided elsewhere: here they are bytes.
//!
//! All is done on one connection: tables are locked and found empty, foreign keys, indexes and constraints are taken
//! away where nothing else needs them, rows are copied, what was taken away is put back as it was, sequences are set.
//! Whatever ends this before its COMMIT, be it an error, Ctrl-C or a kill, the server undoes it all.

mod copy;
mod error;
mod fill;
mod foreign_keys;
mod hand;
mod indexes;
mod make;
mod order;
mod pump;
mod refuse;
mod script;
mod sequences;
pub(in crate::seed) mod sql;
mod survey;
mod triggers;

pub use error::LoadError;
pub use fill::{Load, Loaded, LoadedTable, Step};
pub use refuse::{Refused, permit, refusals};
pub use script::{LoadOptions, statements};
pub use triggers::Triggers;
