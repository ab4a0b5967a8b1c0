//! Locust's `*_exceptions.csv`: exceptions of the script, which are no failed requests.

use crate::import::ImportError;
use crate::import::table::{Table, tame};

/// One kind of exception.
#[derive(Debug, Clone)]
pub(super) struct Exception {
    pub(super) count: u64,
    pub(super) message: String,
}

/// The header begins as Locust writes it.
pub(in crate::import) fn recognises(head: &str) -> bool {
    head.starts_with("Count,Message,Traceback,Nodes")
}

/// Reads the file; tracebacks are not kept. A file with a header alone is a run without exceptions.
pub(super) fn import(file: &str, text: &str) -> Result<Vec<Exception>, ImportError> {
    let table = Table::read(file, text)?;
    let count = table.column("Count")?;
    let message = table.column("Message")?;
    table
        .rows
        .iter()
        .map(|row| {
            Ok(Exception {
                count: table.count(row, count)?,
                message: tame(row.text(message)),
            })
        })
        .collect()
}
