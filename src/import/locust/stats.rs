//! Locust's `*_stats.csv`: totals by endpoint.
//!
//! Mean, smallest and largest are exact; median and percentiles are rounded by Locust.

use std::collections::BTreeMap;

use crate::record::Millis;
use crate::record::load::{Latency, Operation};

use super::operation_name;
use crate::import::ImportError;
use crate::import::table::Table;

/// What one file holds.
#[derive(Debug, Clone)]
pub(super) struct Stats {
    pub(super) operations: Vec<Operation>,
    pub(super) total: Operation,
    /// Seconds between the first request and the last answer, from count ÷ rate.
    pub(super) seconds: Option<f64>,
}

/// The header begins as Locust writes it.
pub(in crate::import) fn recognises(head: &str) -> bool {
    head.starts_with("Type,Name,Request Count,")
}

/// Reads the file.
pub(super) fn import(file: &str, text: &str) -> Result<Stats, ImportError> {
    let table = Table::read(file, text)?;
    let kind = table.column("Type")?;
    let name = table.column("Name")?;
    let requests = table.column("Request Count")?;
    let failures = table.column("Failure Count")?;
    let mean = table.column("Average Response Time")?;
    let min = table.column("Min Response Time")?;
    let max = table.column("Max Response Time")?;
    let rate = table.column("Requests/s")?;
    let percentiles = table.percentile_columns();
    let mut operations = Vec::new();
    let mut total = None;
    for row in &table.rows {
        if let Some((_, _, line)) = &total {
            return Err(ImportError::Line {
                file: file.to_owned(),
                line: row.line,
                found: format!("a row after the row Aggregated of line {line}"),
                expected: "the end of the file".to_owned(),
            });
        }
        let count = table.count(row, requests)?;
        let answered = |column| -> Result<Option<Millis>, ImportError> {
            Ok(table.number(row, column)?.filter(|_| count > 0).map(Millis))
        };
        let mut by_key = BTreeMap::new();
        for (column, key) in &percentiles {
            if let Some(value) = answered(*column)? {
                by_key.insert(key.clone(), value);
            }
        }
        let operation = Operation {
            name: operation_name(row.text(kind), row.text(name)),
            requests: count,
            failures: table.count(row, failures)?,
            latency: Latency {
                mean: answered(mean)?,
                min: answered(min)?,
                max: answered(max)?,
                percentiles: by_key,
                histogram: None,
            },
            ..Operation::default()
        };
        if row.text(kind).is_empty() && row.text(name) == super::AGGREGATED {
            total = Some((operation, table.number(row, rate)?, row.line));
        } else {
            operations.push(operation);
        }
    }
    let Some((total, rate, _)) = total else {
        return Err(ImportError::Truncated {
            file: file.to_owned(),
            missing: "the last row, Aggregated, is missing".to_owned(),
        });
    };
    let seconds = rate.filter(|r| *r > 0.0).map(|r| total.requests as f64 / r);
    Ok(Stats {
        operations,
        total,
        seconds,
    })
}
