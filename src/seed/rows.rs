//! Rows as the loader asks for them.

use std::ops::Range;

use crate::seed::schema::Name;

/// The rows of one table, each a function of its number: any range may be asked for, by several threads at once.
pub trait Rows: Send + Sync {
    /// The table.
    fn name(&self) -> &Name;
    /// The columns that COPY names, in the order in which rows hold them. Generated ones are not among them.
    fn columns(&self) -> &[String];
    /// How many rows there are.
    fn rows(&self) -> u64;
    /// Appends the tuples of these rows in COPY's binary form: the number of fields, then each with its length.
    ///
    /// # Errors
    ///
    /// [`RowError`] where a row cannot be made as the table demands it.
    fn write(&self, rows: Range<u64>, out: &mut Vec<u8>) -> Result<(), RowError>;
}

/// A row that cannot be made. No value is told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{table}, row {row}: {why}")]
pub struct RowError {
    /// The table.
    pub table: Name,
    /// The row's number, from 0.
    pub row: u64,
    /// What it does not satisfy, and what would help.
    pub why: String,
}
