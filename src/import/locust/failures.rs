//! Locust's `*_failures.csv`: failed requests by endpoint and error.

use super::operation_name;
use crate::import::ImportError;
use crate::import::table::{Table, tame};

/// One kind of failure of one endpoint.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) operation: String,
    pub(super) error: String,
    pub(super) occurrences: u64,
}

/// The header begins as Locust writes it.
pub(in crate::import) fn recognises(head: &str) -> bool {
    head.starts_with("Method,Name,Error,Occurrences")
}

/// Reads the file. A file with a header alone is a run without failures.
pub(super) fn import(file: &str, text: &str) -> Result<Vec<Failure>, ImportError> {
    let table = Table::read(file, text)?;
    let method = table.column("Method")?;
    let name = table.column("Name")?;
    let error = table.column("Error")?;
    let occurrences = table.column("Occurrences")?;
    table
        .rows
        .iter()
        .map(|row| {
            Ok(Failure {
                operation: operation_name(row.text(method), row.text(name)),
                error: tame(row.text(error)),
                occurrences: table.count(row, occurrences)?,
            })
        })
        .collect()
}
